import BitcoinPrimitives
import CryptoPrimitives

/// The rules of consensus that concern one transaction.
enum TransactionRules {
    /// What holds whatever the chain is (Bitcoin Core's CheckTransaction).
    static func checkForm(_ transaction: Transaction) throws(TransactionRefusal) {
        if transaction.inputs.isEmpty { throw TransactionRefusal("bad-txns-vin-empty") }
        if transaction.outputs.isEmpty { throw TransactionRefusal("bad-txns-vout-empty") }
        if transaction.strippedSize * 4 > Ledger.maximumBlockWeight {
            throw TransactionRefusal("bad-txns-oversize")
        }
        var total = Satoshi.zero
        for output in transaction.outputs {
            if output.amount.value > UInt64(Int64.max) { throw TransactionRefusal("bad-txns-vout-negative") }
            guard output.amount.isMoney else { throw TransactionRefusal("bad-txns-vout-toolarge") }
            guard let next = total.adding(output.amount), next.isMoney else {
                throw TransactionRefusal("bad-txns-txouttotal-toolarge")
            }
            total = next
        }
        if transaction.inputs.count > 1,
            Set(transaction.inputs.lazy.map(\.previousOutput)).count != transaction.inputs.count
        {
            throw TransactionRefusal("bad-txns-inputs-duplicate")
        }
        if transaction.isCoinbase {
            guard (2...100).contains(transaction.inputs[0].signatureScript.bytes.count) else {
                throw TransactionRefusal("bad-cb-length")
            }
        } else if transaction.inputs.contains(where: { $0.previousOutput == .null }) {
            throw TransactionRefusal("bad-txns-prevout-null")
        }
    }

    /// Amounts and maturity; the fee.
    static func checkInputs(
        _ transaction: Transaction, coins: some Collection<Coin>, height: BlockHeight, maturity: Int
    ) throws(TransactionRefusal) -> Satoshi {
        var total = Satoshi.zero
        for coin in coins {
            if coin.isCoinbase && height - coin.height < maturity {
                throw TransactionRefusal("bad-txns-premature-spend-of-coinbase")
            }
            guard coin.output.amount.isMoney, let next = total.adding(coin.output.amount), next.isMoney else {
                throw TransactionRefusal("bad-txns-inputvalues-outofrange")
            }
            total = next
        }
        // checkForm has bounded the sum of the outputs.
        let spent = transaction.outputs.map(\.amount).checkedSum()!
        guard let fee = total.subtracting(spent) else { throw TransactionRefusal("bad-txns-in-belowout") }
        return fee
    }

    /// nLockTime, with BIP 113's median time past.
    static func isFinal(_ transaction: Transaction, height: BlockHeight, medianTimePast: UInt32) -> Bool {
        let lockTime = transaction.lockTime
        if lockTime == 0 { return true }
        if UInt64(lockTime) < (lockTime < 500_000_000 ? UInt64(height.uint32) : UInt64(medianTimePast)) { return true }
        return transaction.inputs.allSatisfy { $0.sequence == .max }
    }

    /// BIP 68: whether the relative lock times of all inputs have passed in a block of the given height.
    static func meetsSequenceLocks(
        _ transaction: Transaction, coins: some Collection<Coin>, height: BlockHeight, medianTimePast: (BlockHeight) -> UInt32
    ) -> Bool {
        // "only if the transaction's version is 2 or higher", as an unsigned number.
        guard transaction.version >= 2 else { return true }
        for (input, coin) in zip(transaction.inputs, coins) where input.sequence & 1 << 31 == 0 {
            let value = Int(input.sequence & 0xffff)
            if input.sequence & 1 << 22 != 0 {
                let start = Int64(medianTimePast(max(coin.height - 1, 0)))
                if start + Int64(value) << 9 - 1 >= Int64(medianTimePast(height - 1)) { return false }
            } else if coin.height + value - 1 >= height {
                return false
            }
        }
        return true
    }

    /// The signature operations that a transaction's own scripts show, by the count that preceded BIP 16.
    static func legacySignatureOperations(_ transaction: Transaction) -> Int {
        var count = 0
        for input in transaction.inputs where !input.signatureScript.bytes.isEmpty {
            count += input.signatureScript.signatureOperations(accurate: false)
        }
        for output in transaction.outputs { count += output.script.signatureOperations(accurate: false) }
        return count
    }

    /// BIP 141's signature operation cost.
    ///
    /// - Parameter legacy: what `legacySignatureOperations` says, where that is known.
    static func signatureOperationCost(
        _ transaction: Transaction, coins: some Collection<Coin>, legacy: Int? = nil
    ) -> Int {
        var cost = (legacy ?? legacySignatureOperations(transaction)) * 4
        if transaction.isCoinbase { return cost }
        for (input, coin) in zip(transaction.inputs, coins) {
            var program = coin.output.script.witnessProgram
            if coin.output.script.isP2SH, let redeem = input.signatureScript.lastPush {
                cost += Script(redeem).signatureOperations(accurate: true) * 4
                program = Script(redeem).witnessProgram
            }
            guard let program, program.version == 0 else { continue }
            if program.program.count == 20 {
                cost += 1
            } else if program.program.count == 32, let script = input.witness.last {
                cost += Script(script).signatureOperations(accurate: true)
            }
        }
        return cost
    }
}
