import BitcoinPrimitives

/// Which transactions a node relays (Bitcoin Core's "standard" ones).
enum Standardness {
    /// What the transaction shows without its coins.
    static func check(_ transaction: Transaction, _ policy: Policy) throws(TransactionRefusal) {
        guard (1...Policy.topologicallyRestrictedVersion).contains(transaction.version) else {
            throw TransactionRefusal("version")
        }
        if transaction.weight > Policy.maximumWeight { throw TransactionRefusal("tx-size") }
        for input in transaction.inputs {
            // Fifteen keys and their signatures in a P2SH spend, with some room.
            if input.signatureScript.bytes.count > Policy.maximumSignatureScriptSize {
                throw TransactionRefusal("scriptsig-size")
            }
            if !input.signatureScript.isPushOnly { throw TransactionRefusal("scriptsig-not-pushonly") }
        }
        var dataLeft = policy.maximumDataCarrierSize
        for output in transaction.outputs {
            let form = ScriptForm(output.script)
            guard form.isStandard(output.script) else { throw TransactionRefusal("scriptpubkey") }
            if form == .nullData {
                guard output.script.bytes.count <= dataLeft else { throw TransactionRefusal("datacarrier") }
                dataLeft -= output.script.bytes.count
            }
        }
        if dust(of: transaction, policy).count > 1 { throw TransactionRefusal("dust") }
        if transaction.strippedSize < Policy.minimumStrippedSize { throw TransactionRefusal("tx-size-small") }
    }

    /// The outputs that are dust. One may be, in a transaction without fee whose child spends it at once.
    static func dust(of transaction: Transaction, _ policy: Policy) -> [Int] {
        transaction.outputs.indices.filter {
            transaction.outputs[$0].amount < transaction.outputs[$0].script.dustLimit(rate: policy.dustRelayFeeRate)
        }
    }

    /// What the spent outputs are, and how they are spent.
    static func check(_ transaction: Transaction, spending coins: [Coin]) throws(TransactionRefusal) {
        guard legacyOperations(transaction, coins) <= Policy.maximumLegacySignatureOperations else {
            throw TransactionRefusal("bad-txns-nonstandard-inputs", "non-witness sigops exceed bip54 limit")
        }
        for (number, (input, coin)) in zip(transaction.inputs, coins).enumerated() {
            switch ScriptForm(coin.output.script) {
            case .nonStandard: throw TransactionRefusal("bad-txns-nonstandard-inputs", "input \(number) script unknown")
            case .witnessUnknown:
                throw TransactionRefusal("bad-txns-nonstandard-inputs", "input \(number) witness program is undefined")
            case .scriptHash:
                guard let redeem = input.signatureScript.lastPush else {
                    throw TransactionRefusal("bad-txns-nonstandard-inputs", "input \(number) P2SH redeemscript missing")
                }
                guard Script(redeem).signatureOperations(accurate: true) <= Policy.maximumP2SHSignatureOperations else {
                    throw TransactionRefusal("bad-txns-nonstandard-inputs", "input \(number): too many signature operations")
                }
            default: break
            }
        }
        for (input, coin) in zip(transaction.inputs, coins) where !input.witness.isEmpty {
            guard hasStandardWitness(input, spending: coin.output.script) else {
                throw TransactionRefusal("bad-witness-nonstandard")
            }
        }
    }

    /// BIP 54's count: what the spending and the spent scripts hold, without segwit.
    private static func legacyOperations(_ transaction: Transaction, _ coins: [Coin]) -> Int {
        var count = 0
        for (input, coin) in zip(transaction.inputs, coins) {
            count += input.signatureScript.signatureOperations(accurate: true)
            count += coin.output.script.signatureOperations(accurate: true)
            if coin.output.script.isP2SH, let redeem = input.signatureScript.lastPush {
                count += Script(redeem).signatureOperations(accurate: true)
            }
        }
        return count
    }

    private static func hasStandardWitness(_ input: TransactionInput, spending output: Script) -> Bool {
        var script = output
        let isP2SH = output.isP2SH
        if isP2SH {
            guard let redeem = input.signatureScript.lastPush else { return false }
            script = Script(redeem)
        }
        guard let (version, program) = script.witnessProgram else { return false }
        var stack = input.witness
        switch (version, program.count) {
        case (0, 32):
            guard stack.last!.count <= 3600, stack.count <= 101 else { return false }
            return stack.dropLast().allSatisfy { $0.count <= 80 }
        case (1, 2) where !isP2SH && program.elementsEqual([0x4e, 0x73]): return false
        case (1, 32) where !isP2SH:
            if stack.count >= 2, stack.last!.first == 0x50 { return false }
            guard stack.count >= 2 else { return true }
            guard let leafVersion = stack.removeLast().first else { return false }
            stack.removeLast()
            return leafVersion & 0xfe != 0xc0 || stack.allSatisfy { $0.count <= 80 }
        default: return true
        }
    }
}
