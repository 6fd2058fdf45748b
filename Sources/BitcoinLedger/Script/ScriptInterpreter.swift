import BitcoinPrimitives
import CryptoPrimitives

/// What a tapscript runs with besides its stack (BIP 342).
struct TapscriptContext {
    var leafHash: Bytes32
    var annexHash: Bytes32?
    var codeSeparator: UInt32 = .max
    /// "validation weight": the witness's size plus 50, less 50 for each signature checked.
    var validationWeight: Int
}

/// The IFs that are open. Only the number of them and the first false one count, so that a million nested ones cost no
/// more for each instruction than one.
struct ConditionStack {
    private var depth = 0
    private var firstFalse: Int?

    var isEmpty: Bool { depth == 0 }
    var allTrue: Bool { firstFalse == nil }

    mutating func append(_ condition: Bool) {
        if firstFalse == nil, !condition { firstFalse = depth }
        depth += 1
    }

    /// OP_ENDIF.
    mutating func removeLast() {
        depth -= 1
        if firstFalse == depth { firstFalse = nil }
    }

    /// OP_ELSE. Inside of a part that is not executed it changes nothing that can be seen.
    mutating func toggleLast() {
        if firstFalse == nil {
            firstFalse = depth - 1
        } else if firstFalse == depth - 1 {
            firstFalse = nil
        }
    }
}

/// Runs one script on one stack, by the rules of its signature version.
struct ScriptInterpreter {
    var stack: [[UInt8]]
    var checker: SignatureChecker
    let flags: ScriptFlags
    let version: SignatureVersion
    var tapscript: TapscriptContext?

    private var alternate: [[UInt8]] = []
    private var conditions = ConditionStack()
    private var operationCount = 0
    private var codeStart = 0

    init(
        stack: [[UInt8]], checker: SignatureChecker, flags: ScriptFlags, version: SignatureVersion,
        tapscript: TapscriptContext? = nil
    ) {
        self.stack = stack
        self.checker = checker
        self.flags = flags
        self.version = version
        self.tapscript = tapscript
    }

    static let maximumElementSize = 520

    static func isTrue(_ element: [UInt8]) -> Bool {
        for (index, byte) in element.enumerated() where byte != 0 {
            // Negative zero is false too.
            return !(index == element.count - 1 && byte == 0x80)
        }
        return false
    }

    mutating func run(_ script: Script) throws(ScriptFailure) {
        let isOld = version == .base || version == .witnessV0
        if isOld && script.bytes.count > 10_000 { throw .scriptSize }
        var parser = ScriptParser(script)
        var position: UInt32 = 0
        while !parser.isAtEnd {
            let executing = conditions.allTrue
            guard let instruction = parser.next() else { throw .badOpcode }
            let opcode = instruction.opcode
            if instruction.data.count > Self.maximumElementSize { throw .pushSize }
            if isOld && opcode > 0x60 {
                operationCount += 1
                if operationCount > 201 { throw .opCount }
            }
            switch opcode {
            case 0x7e...0x81, 0x83...0x86, 0x8d, 0x8e, 0x95...0x99: throw .disabledOpcode
            case 0xab where version == .base && flags.contains(.constantScriptCode): throw .opCodeSeparator
            default: break
            }
            if executing && opcode <= 0x4e {
                if flags.contains(.minimalData), !Self.isMinimalPush(instruction) { throw .minimalData }
                stack.append(Array(instruction.data))
            } else if executing || (0x63...0x68).contains(opcode) {
                try execute(instruction, script: script, position: position, executing: executing)
            }
            if stack.count + alternate.count > 1000 { throw .stackSize }
            position += 1
        }
        guard conditions.isEmpty else { throw .unbalancedConditional }
    }

    private static func isMinimalPush(_ instruction: ScriptInstruction) -> Bool {
        let data = instruction.data
        switch data.count {
        case 0: return instruction.opcode == 0
        case 1 where (1...16).contains(data.first!) || data.first! == 0x81: return false
        case ...75: return Int(instruction.opcode) == data.count
        case ...255: return instruction.opcode == 0x4c
        case ...65535: return instruction.opcode == 0x4d
        default: return true
        }
    }

    // MARK: The stack

    private mutating func pop() throws(ScriptFailure) -> [UInt8] {
        guard let element = stack.popLast() else { throw .invalidStackOperation }
        return element
    }

    private func need(_ count: Int) throws(ScriptFailure) {
        guard stack.count >= count else { throw .invalidStackOperation }
    }

    private func number(_ element: [UInt8], maximumSize: Int = 4) throws(ScriptFailure) -> Int64 {
        guard element.count <= maximumSize else { throw .scriptNumber }
        if flags.contains(.minimalData), let last = element.last, last & 0x7f == 0 {
            if element.count <= 1 || element[element.count - 2] & 0x80 == 0 { throw .scriptNumber }
        }
        var value: Int64 = 0
        for (index, byte) in element.enumerated() { value |= Int64(byte) << Int64(8 * index) }
        if let last = element.last, last & 0x80 != 0 {
            return -(value & ~(Int64(0x80) << Int64(8 * (element.count - 1))))
        }
        return value
    }

    private mutating func popNumber() throws(ScriptFailure) -> Int64 { try number(try pop()) }
    private mutating func push(_ value: Int64) { stack.append(Script.encode(number: value)) }
    private mutating func push(_ value: Bool) { stack.append(value ? [1] : []) }

    // MARK: Instructions

    private mutating func execute(
        _ instruction: ScriptInstruction, script: Script, position: UInt32, executing: Bool
    ) throws(ScriptFailure) {
        let opcode = instruction.opcode
        switch opcode {
        case 0x4f, 0x51...0x60: push(Int64(opcode) - 0x50)
        case 0x61: break
        case 0x63, 0x64: try beginConditional(opcode, executing: executing)
        case 0x67:
            guard !conditions.isEmpty else { throw .unbalancedConditional }
            conditions.toggleLast()
        case 0x68:
            guard !conditions.isEmpty else { throw .unbalancedConditional }
            conditions.removeLast()
        case 0x65, 0x66: throw .badOpcode
        case 0x69:
            try need(1)
            guard Self.isTrue(stack.last!) else { throw .verify }
            stack.removeLast()
        case 0x6a: throw .opReturn
        case 0x6b...0x82: try manipulateStack(opcode)
        case 0x87, 0x88:
            try need(2)
            let isEqual = try pop() == pop()
            if opcode == 0x88 {
                guard isEqual else { throw .equalVerify }
            } else {
                push(isEqual)
            }
        case 0x8b...0xa5: try calculate(opcode)
        case 0xa6: stack.append(Hash.ripemd160(try pop()))
        case 0xa7: stack.append(Hash.sha1(try pop()))
        case 0xa8: stack.append(Hash.sha256(try pop()).array)
        case 0xa9: stack.append(Hash.hash160(try pop()))
        case 0xaa: stack.append(Hash.sha256d(try pop()).array)
        case 0xab:
            codeStart = instruction.next
            tapscript?.codeSeparator = position
        case 0xac, 0xad:
            try need(2)
            let key = try pop()
            let signature = try pop()
            let success = try checkSignature(signature, key: key, script: script)
            if opcode == 0xad {
                guard success else { throw .checkSigVerify }
            } else {
                push(success)
            }
        case 0xae, 0xaf: try checkMultiSig(script: script, verify: opcode == 0xaf)
        case 0xba where version == .tapscript:
            try need(3)
            let key = try pop()
            let count = try popNumber()
            let signature = try pop()
            let success = try checkTapscriptSignature(signature, key: key)
            push(count + (success ? 1 : 0))
        case 0xb1 where flags.contains(.checkLockTimeVerify):
            try need(1)
            let lockTime = try number(stack.last!, maximumSize: 5)
            guard lockTime >= 0 else { throw .negativeLockTime }
            guard checker.checkLockTime(lockTime) else { throw .unsatisfiedLockTime }
        case 0xb2 where flags.contains(.checkSequenceVerify):
            try need(1)
            let sequence = try number(stack.last!, maximumSize: 5)
            guard sequence >= 0 else { throw .negativeLockTime }
            if sequence & 1 << 31 == 0 {
                guard checker.checkSequence(sequence) else { throw .unsatisfiedLockTime }
            }
        case 0xb0...0xb9:
            // NOP1 and NOP4 to NOP10 may get a meaning one day; so may the two above where they are not active.
            let isActiveElsewhere = opcode == 0xb1 || opcode == 0xb2
            if flags.contains(.discourageUpgradableNops) && !isActiveElsewhere { throw .discourageUpgradableNops }
        default: throw .badOpcode
        }
    }

    private mutating func beginConditional(_ opcode: UInt8, executing: Bool) throws(ScriptFailure) {
        var value = false
        if executing {
            guard let top = stack.last else { throw .invalidStackOperation }
            if version == .tapscript {
                // BIP 342: "The input argument to the OP_IF and OP_NOTIF opcodes must be either exactly 0 … or 1".
                guard top.isEmpty || top == [1] else { throw .tapscriptMinimalIf }
            } else if version == .witnessV0 && flags.contains(.minimalIf) {
                guard top.isEmpty || top == [1] else { throw .minimalIf }
            }
            value = Self.isTrue(top) == (opcode == 0x63)
            stack.removeLast()
        }
        conditions.append(value)
    }

    private mutating func manipulateStack(_ opcode: UInt8) throws(ScriptFailure) {
        switch opcode {
        case 0x6b: alternate.append(try pop())
        case 0x6c:
            guard let element = alternate.popLast() else { throw .invalidAltStackOperation }
            stack.append(element)
        case 0x6d:
            try need(2)
            stack.removeLast(2)
        case 0x6e:
            try need(2)
            stack += stack.suffix(2)
        case 0x6f:
            try need(3)
            stack += stack.suffix(3)
        case 0x70:
            try need(4)
            stack += stack[(stack.count - 4)..<(stack.count - 2)]
        case 0x71:
            try need(6)
            let moved = Array(stack[(stack.count - 6)..<(stack.count - 4)])
            stack.removeSubrange((stack.count - 6)..<(stack.count - 4))
            stack += moved
        case 0x72:
            try need(4)
            stack.swapAt(stack.count - 4, stack.count - 2)
            stack.swapAt(stack.count - 3, stack.count - 1)
        case 0x73:
            try need(1)
            if Self.isTrue(stack.last!) { stack.append(stack.last!) }
        case 0x74: push(Int64(stack.count))
        case 0x75: _ = try pop()
        case 0x76:
            try need(1)
            stack.append(stack.last!)
        case 0x77:
            try need(2)
            stack.remove(at: stack.count - 2)
        case 0x78:
            try need(2)
            stack.append(stack[stack.count - 2])
        case 0x79, 0x7a:
            try need(2)
            let depth = try popNumber()
            guard depth >= 0, depth < Int64(stack.count) else { throw .invalidStackOperation }
            let index = stack.count - 1 - Int(depth)
            let element = stack[index]
            if opcode == 0x7a { stack.remove(at: index) }
            stack.append(element)
        case 0x7b:
            try need(3)
            stack.append(stack.remove(at: stack.count - 3))
        case 0x7c:
            try need(2)
            stack.swapAt(stack.count - 2, stack.count - 1)
        case 0x7d:
            try need(2)
            stack.insert(stack.last!, at: stack.count - 2)
        case 0x82:
            try need(1)
            push(Int64(stack.last!.count))
        default: throw .badOpcode
        }
    }

    private mutating func calculate(_ opcode: UInt8) throws(ScriptFailure) {
        switch opcode {
        case 0x8b, 0x8c, 0x8f...0x92:
            let value = try popNumber()
            switch opcode {
            case 0x8b: push(value + 1)
            case 0x8c: push(value - 1)
            case 0x8f: push(-value)
            case 0x90: push(abs(value))
            case 0x91: push(value == 0)
            default: push(value != 0)
            }
        case 0x93, 0x94, 0x9a...0xa4:
            try need(2)
            let second = try number(stack[stack.count - 1])
            let first = try number(stack[stack.count - 2])
            stack.removeLast(2)
            switch opcode {
            case 0x93: push(first + second)
            case 0x94: push(first - second)
            case 0x9a: push(first != 0 && second != 0)
            case 0x9b: push(first != 0 || second != 0)
            case 0x9c: push(first == second)
            case 0x9d: guard first == second else { throw .numEqualVerify }
            case 0x9e: push(first != second)
            case 0x9f: push(first < second)
            case 0xa0: push(first > second)
            case 0xa1: push(first <= second)
            case 0xa2: push(first >= second)
            case 0xa3: push(min(first, second))
            default: push(max(first, second))
            }
        case 0xa5:
            try need(3)
            let upper = try number(stack[stack.count - 1])
            let lower = try number(stack[stack.count - 2])
            let value = try number(stack[stack.count - 3])
            stack.removeLast(3)
            push(lower <= value && value < upper)
        default: throw .badOpcode
        }
    }

    // MARK: Signatures

    private func scriptCode(_ script: Script) -> Script { Script(Array(script.bytes[codeStart...])) }

    private mutating func checkSignature(
        _ signature: [UInt8], key: [UInt8], script: Script
    ) throws(ScriptFailure) -> Bool {
        if version == .tapscript { return try checkTapscriptSignature(signature, key: key) }
        var code = scriptCode(script)
        if version == .base { code = try deleteSignature(signature, from: code) }
        try SignatureEncoding.check(signature, flags)
        try SignatureEncoding.check(publicKey: key, flags, version)
        let success = checker.checkECDSA(signature, key: key, scriptCode: code, version: version)
        if !success && flags.contains(.nullFail) && !signature.isEmpty { throw .nullFail }
        return success
    }

    private func deleteSignature(_ signature: [UInt8], from code: Script) throws(ScriptFailure) -> Script {
        let cleaned = code.deleting(Script([.push(signature)]))
        if cleaned != code && flags.contains(.constantScriptCode) { throw .signatureFindAndDelete }
        return cleaned
    }

    private mutating func checkTapscriptSignature(
        _ signature: [UInt8], key: [UInt8]
    ) throws(ScriptFailure) -> Bool {
        guard var context = tapscript else { throw .badOpcode }
        if !signature.isEmpty {
            context.validationWeight -= 50
            tapscript = context
            if context.validationWeight < 0 { throw .tapscriptValidationWeight }
        }
        if key.isEmpty { throw .tapscriptEmptyPublicKey }
        if key.count == 32 {
            guard !signature.isEmpty else { return false }
            try checker.checkSchnorr(
                signature, key: Bytes32(key)!, annexHash: context.annexHash,
                script: .init(leafHash: context.leafHash, codeSeparator: context.codeSeparator))
        } else if flags.contains(.discourageUpgradablePublicKeyType) {
            throw .discourageUpgradablePublicKeyType
        }
        return !signature.isEmpty
    }

    private mutating func checkMultiSig(script: Script, verify: Bool) throws(ScriptFailure) {
        if version == .tapscript { throw .tapscriptCheckMultiSig }
        try need(1)
        let keyCount = try number(stack.last!)
        guard (0...20).contains(keyCount) else { throw .publicKeyCount }
        operationCount += Int(keyCount)
        if operationCount > 201 { throw .opCount }
        try need(Int(keyCount) + 2)
        let keysEnd = stack.count - 1
        let keys = Array(stack[(keysEnd - Int(keyCount))..<keysEnd])
        let signatureCount = try number(stack[keysEnd - Int(keyCount) - 1])
        guard (0...keyCount).contains(signatureCount) else { throw .signatureCount }
        let signaturesEnd = keysEnd - Int(keyCount) - 1
        // One element more is consumed: the bug that BIP 147 demands be empty.
        guard signaturesEnd >= Int(signatureCount) + 1 else { throw .invalidStackOperation }
        let signatures = Array(stack[(signaturesEnd - Int(signatureCount))..<signaturesEnd])
        let dummy = stack[signaturesEnd - Int(signatureCount) - 1]

        var code = scriptCode(script)
        if version == .base {
            for signature in signatures { code = try deleteSignature(signature, from: code) }
        }
        var success = true
        // Both lists are walked from the top of the stack down.
        var remainingSignatures = signatures[...]
        var remainingKeys = keys[...]
        while success, let signature = remainingSignatures.last {
            let key = remainingKeys.removeLast()
            try SignatureEncoding.check(signature, flags)
            try SignatureEncoding.check(publicKey: key, flags, version)
            if checker.checkECDSA(signature, key: key, scriptCode: code, version: version) {
                remainingSignatures.removeLast()
            }
            if remainingSignatures.count > remainingKeys.count { success = false }
        }
        if !success && flags.contains(.nullFail) && signatures.contains(where: { !$0.isEmpty }) { throw .nullFail }
        if flags.contains(.nullDummy) && !dummy.isEmpty { throw .signatureNullDummy }
        stack.removeLast(Int(keyCount) + Int(signatureCount) + 3)
        if verify {
            guard success else { throw .checkMultiSigVerify }
        } else {
            push(success)
        }
    }
}
