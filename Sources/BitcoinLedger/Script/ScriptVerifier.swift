package import BitcoinPrimitives
import CryptoPrimitives

/// Judges whether an input may spend its output: Bitcoin's `VerifyScript`.
package struct ScriptVerifier: Sendable {
    private let hasher: SignatureHasher
    private let spent: [TransactionOutput]
    private let flags: ScriptFlags
    private let cache: SignatureCacheUse?

    /// - Parameter spent: the outputs that the transaction's inputs spend, in their order.
    package init(_ transaction: Transaction, spent: [TransactionOutput], flags: ScriptFlags) {
        self.init(transaction, spent: spent, flags: flags, cache: nil)
    }

    init(_ transaction: Transaction, spent: [TransactionOutput], flags: ScriptFlags, cache: SignatureCacheUse?) {
        precondition(spent.count == transaction.inputs.count, "one spent output for each input")
        var hasher = SignatureHasher(transaction)
        if transaction.hasWitness {
            hasher.prepare(taproot: spent.contains { $0.script.isP2TR } ? spent : nil)
        }
        self.hasher = hasher
        self.spent = spent
        self.flags = flags
        self.cache = cache
    }

    /// Throws why the input may not spend its output.
    package func verify(input index: Int) throws(ScriptFailure) {
        let input = hasher.transaction.inputs[index]
        let output = spent[index].script
        let checker = SignatureChecker(hasher, input: index, spent: spent, cache: cache)
        let isWitness = flags.contains(.witness)
        var hadWitness = false

        if isWitness, input.signatureScript.bytes.isEmpty, let program = output.witnessProgram {
            // What the general way below comes to for a bare witness program: the two pushes of the output, the upper of
            // which must be true, and then the program.
            guard ScriptInterpreter.isTrue(Array(program.program)) else { throw .evalFalse }
            return try verifyWitness(program.version, Array(program.program), input.witness, checker, isP2SH: false)
        }
        if flags.contains(.signaturePushOnly) && !input.signatureScript.isPushOnly { throw .signaturePushOnly }
        var stack = try run(input.signatureScript, stack: [], checker)
        let pushed = stack
        stack = try run(output, stack: stack, checker)
        try requireTrue(stack)

        if isWitness, let program = output.witnessProgram {
            hadWitness = true
            guard input.signatureScript.bytes.isEmpty else { throw .witnessMalleated }
            try verifyWitness(program.version, Array(program.program), input.witness, checker, isP2SH: false)
            stack = [[1]]
        }
        if flags.contains(.p2sh) && output.isP2SH {
            guard input.signatureScript.isPushOnly else { throw .signaturePushOnly }
            stack = pushed
            let redeem = Script(stack.removeLast())
            stack = try run(redeem, stack: stack, checker)
            try requireTrue(stack)
            if isWitness, let program = redeem.witnessProgram {
                hadWitness = true
                guard input.signatureScript == Script([.push(redeem.bytes)]) else { throw .witnessMalleatedP2SH }
                try verifyWitness(program.version, Array(program.program), input.witness, checker, isP2SH: true)
                stack = [[1]]
            }
        }
        if flags.contains(.cleanStack) && stack.count != 1 { throw .cleanStack }
        if isWitness && !hadWitness && !input.witness.isEmpty { throw .witnessUnexpected }
    }

    private func run(
        _ script: Script, stack: [[UInt8]], _ checker: SignatureChecker
    ) throws(ScriptFailure) -> [[UInt8]] {
        var interpreter = ScriptInterpreter(stack: stack, checker: checker, flags: flags, version: .base)
        try interpreter.run(script)
        return interpreter.stack
    }

    private func requireTrue(_ stack: [[UInt8]]) throws(ScriptFailure) {
        guard let top = stack.last, ScriptInterpreter.isTrue(top) else { throw .evalFalse }
    }

    private func verifyWitness(
        _ version: Int, _ program: [UInt8], _ witness: [[UInt8]], _ checker: SignatureChecker, isP2SH: Bool
    ) throws(ScriptFailure) {
        switch (version, program.count) {
        case (0, 32):
            guard let last = witness.last else { throw .witnessProgramWitnessEmpty }
            guard Hash.sha256(last).array == program else { throw .witnessProgramMismatch }
            try execute(Script(last), Array(witness.dropLast()), checker, .witnessV0)
        case (0, 20):
            guard witness.count == 2 else { throw .witnessProgramMismatch }
            // Most spends are of this form: what DUP HASH160 <program> EQUALVERIFY CHECKSIG does to two elements, without
            // a stack.
            let (signature, key) = (witness[0], witness[1])
            let limit = ScriptInterpreter.maximumElementSize
            guard signature.count <= limit, key.count <= limit else { throw .pushSize }
            guard Hash.hash160(key) == program else { throw .equalVerify }
            try SignatureEncoding.check(signature, flags)
            try SignatureEncoding.check(publicKey: key, flags, .witnessV0)
            var checker = checker
            let code = Script.p2pkh(hash: program)
            if !checker.checkECDSA(signature, key: key, scriptCode: code, version: .witnessV0) {
                throw flags.contains(.nullFail) && !signature.isEmpty ? .nullFail : .evalFalse
            }
        case (0, _): throw .witnessProgramWrongLength
        case (1, 32) where !isP2SH:
            guard flags.contains(.taproot) else { return }
            try verifyTaproot(Bytes32(program)!, witness, checker)
        case (1, 2) where !isP2SH && program == [0x4e, 0x73]:
            return  // pay-to-anchor: anyone may spend it
        default:
            if flags.contains(.discourageUpgradableWitnessProgram) { throw .discourageUpgradableWitnessProgram }
        }
    }

    private func execute(
        _ script: Script, _ stack: [[UInt8]], _ checker: SignatureChecker, _ version: SignatureVersion,
        _ context: TapscriptContext? = nil
    ) throws(ScriptFailure) {
        if version == .tapscript {
            var parser = ScriptParser(script)
            while !parser.isAtEnd {
                guard let instruction = parser.next() else { throw .badOpcode }
                if Self.isOpSuccess(instruction.opcode) {
                    if flags.contains(.discourageOpSuccess) { throw .discourageOpSuccess }
                    return
                }
            }
            if stack.count > 1000 { throw .stackSize }
        }
        if stack.contains(where: { $0.count > ScriptInterpreter.maximumElementSize }) { throw .pushSize }
        var interpreter = ScriptInterpreter(
            stack: stack, checker: checker, flags: flags, version: version, tapscript: context)
        try interpreter.run(script)
        guard interpreter.stack.count == 1 else { throw .cleanStack }
        try requireTrue(interpreter.stack)
    }

    /// BIP 342: the opcodes that make a tapscript succeed unconditionally.
    static func isOpSuccess(_ opcode: UInt8) -> Bool {
        switch opcode {
        case 80, 98, 126...129, 131...134, 137...138, 141...142, 149...153, 187...254: true
        default: false
        }
    }

    /// BIP 341's rules for spending a taproot output.
    private func verifyTaproot(
        _ outputKey: Bytes32, _ witness: [[UInt8]], _ checker: SignatureChecker
    ) throws(ScriptFailure) {
        guard !witness.isEmpty else { throw .witnessProgramWitnessEmpty }
        var stack = witness
        var annexHash: Bytes32?
        if stack.count >= 2, stack.last!.first == 0x50 { annexHash = SignatureHasher.annexHash(stack.removeLast()) }
        var checker = checker
        if stack.count == 1 {
            return try checker.checkSchnorr(stack[0], key: outputKey, annexHash: annexHash, script: nil)
        }
        let control = stack.removeLast()
        let script = Script(stack.removeLast())
        guard control.count >= 33, control.count <= 33 + 128 * 32, (control.count - 33) % 32 == 0 else {
            throw .taprootWrongControlSize
        }
        let leafVersion = control[0] & 0xfe
        var leaf = ByteWriter()
        leaf.uint8(leafVersion)
        leaf.variableBytes(script.bytes)
        let leafHash = Hash.tagged("TapLeaf", leaf.bytes)
        var node = leafHash
        for start in stride(from: 33, to: control.count, by: 32) {
            let sibling = Bytes32(control[start..<start + 32])!
            node = Hash.tagged("TapBranch", node < sibling ? node.array + sibling.array : sibling.array + node.array)
        }
        guard let internalKey = PublicKey(compressed: [2] + control[1..<33]),
            let tweaked = internalKey.tapTweaked(merkleRoot: node.array),
            tweaked.xOnly == outputKey, tweaked.oddY == (control[0] & 1 == 1)
        else { throw .witnessProgramMismatch }
        if leafVersion == 0xc0 {
            var size = ByteWriter()
            size.compactSize(witness.count)
            for element in witness { size.variableBytes(element) }
            let context = TapscriptContext(leafHash: leafHash, annexHash: annexHash, validationWeight: size.count + 50)
            return try execute(script, stack, checker, .tapscript, context)
        }
        if flags.contains(.discourageUpgradableTaprootVersion) { throw .discourageUpgradableTaprootVersion }
    }
}
