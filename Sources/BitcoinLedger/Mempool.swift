public import BitcoinPrimitives

/// Transactions that wait for a block, each valid on top of the chain and of its ancestors here.
public struct Mempool: Sendable {
    public struct Entry: Sendable {
        public var transaction: Transaction
        public var id: TransactionID
        public var fee: Satoshi
        public var weight: Int
        /// The position in the order of arrival.
        public var sequence: UInt64
        /// Transactions here whose outputs this one spends.
        public var parents: Set<TransactionID>
        /// The cost of its signatures (BIP 141).
        var signatureOperationCost: Int

        /// Satoshi for each 1000 weight units, rounded down.
        public var feeRate: FeeRate { FeeRate(perKiloweight: UInt32(fee.value * 1000 / UInt64(weight))) }
    }

    public internal(set) var entries: [TransactionID: Entry] = [:]
    /// Who spends what, among the entries.
    var spenders: [OutPoint: TransactionID] = [:]
    var sequence: UInt64 = 0

    /// The lowest fee accepted: one satoshi for each virtual byte.
    public static let minimumFeeRate = FeeRate(perKiloweight: 250)

    /// The entries in the order of their arrival.
    public var ordered: [Entry] { entries.values.sorted { $0.sequence < $1.sequence } }

    /// Which transaction here spends the output.
    public func spender(of outPoint: OutPoint) -> TransactionID? { spenders[outPoint] }

    mutating func insert(_ transaction: Transaction, id: TransactionID, fee: Satoshi, signatureOperationCost: Int) {
        let parents = Set(transaction.inputs.map(\.previousOutput.transaction)).filter { entries[$0] != nil }
        entries[id] = Entry(
            transaction: transaction, id: id, fee: fee, weight: transaction.weight, sequence: sequence,
            parents: parents, signatureOperationCost: signatureOperationCost)
        sequence += 1
        for input in transaction.inputs { spenders[input.previousOutput] = id }
    }

    mutating func remove(_ id: TransactionID) {
        guard let entry = entries.removeValue(forKey: id) else { return }
        for input in entry.transaction.inputs { spenders[input.previousOutput] = nil }
        for position in entry.transaction.outputs.indices {
            if let child = spenders[OutPoint(id, UInt32(position))] { entries[child]?.parents.remove(id) }
        }
    }

    /// The entry and all that spend from it, nearest first.
    func descendants(of id: TransactionID) -> [TransactionID] {
        var result: [TransactionID] = []
        var queue = [id]
        var seen: Set<TransactionID> = [id]
        while let next = queue.popLast() {
            guard let entry = entries[next] else { continue }
            result.append(next)
            for position in entry.transaction.outputs.indices {
                if let child = spenders[OutPoint(next, UInt32(position))], seen.insert(child).inserted {
                    queue.append(child)
                }
            }
        }
        return result
    }

    /// The entry and all it depends on, in an order in which they can be mined.
    func ancestors(of id: TransactionID, without done: Set<TransactionID> = []) -> [TransactionID] {
        var result: [TransactionID] = []
        var seen = done
        func visit(_ id: TransactionID) {
            guard let entry = entries[id], seen.insert(id).inserted else { return }
            for parent in entry.parents.sorted() { visit(parent) }
            result.append(id)
        }
        visit(id)
        return result
    }
}

extension Ledger {
    /// Takes a transaction into the mempool, or throws Bitcoin Core's reason and changes nothing.
    public mutating func accept(_ transaction: Transaction) throws(TransactionRefusal) -> [Event] {
        try admit(transaction)
        return [.accepted(transaction)]
    }

    /// Judges a transaction as `accept` does and changes nothing.
    public func test(_ transaction: Transaction) throws(TransactionRefusal) {
        var copy = self
        try copy.admit(transaction)
    }

    private mutating func admit(_ transaction: Transaction) throws(TransactionRefusal) {
        try TransactionRules.checkForm(transaction)
        if transaction.isCoinbase { throw TransactionRefusal("coinbase") }
        let id = transaction.id
        if mempool.entries[id] != nil { throw TransactionRefusal("txn-already-in-mempool") }
        if locations[id] != nil { throw TransactionRefusal("txn-already-known") }
        guard (1...3).contains(transaction.version) else { throw TransactionRefusal("version") }
        if transaction.weight > 400_000 { throw TransactionRefusal("tx-size") }
        if transaction.serialized(withWitness: false).count < 65 { throw TransactionRefusal("tx-size-small") }
        if transaction.outputs.contains(where: { $0.amount < $0.script.dustLimit }) {
            throw TransactionRefusal("dust")
        }
        let next = height + 1
        guard TransactionRules.isFinal(transaction, height: next, medianTimePast: medianTimePast(height: height))
        else { throw TransactionRefusal("non-final") }
        let inputs = try spendableCoins(transaction)
        guard
            TransactionRules.meetsSequenceLocks(
                transaction, coins: inputs, height: next, medianTimePast: { medianTimePast(height: $0) })
        else { throw TransactionRefusal("non-BIP68-final") }
        let fee = try TransactionRules.checkInputs(
            transaction, coins: inputs, height: next, maturity: parameters.coinbaseMaturity)
        let operations = TransactionRules.signatureOperationCost(transaction, coins: inputs)
        if operations > 16_000 { throw TransactionRefusal("bad-txns-too-many-sigops") }
        guard fee >= Mempool.minimumFeeRate.fee(weight: transaction.weight) else {
            throw TransactionRefusal("min relay fee not met")
        }
        do {
            try TransactionRules.verifyScripts(transaction, coins: inputs, flags: .standard)
        } catch {
            throw TransactionRefusal("mempool-script-verify-flag-failed (\(error.rawValue))")
        }
        mempool.insert(transaction, id: id, fee: fee, signatureOperationCost: operations)
    }

    /// The coins a transaction spends, from the chain or from the mempool; refuses a double spend.
    private func spendableCoins(_ transaction: Transaction) throws(TransactionRefusal) -> [Coin] {
        var result: [Coin] = []
        for input in transaction.inputs {
            let outPoint = input.previousOutput
            if mempool.spenders[outPoint] != nil { throw TransactionRefusal("txn-mempool-conflict") }
            if let coin = coins[outPoint] {
                result.append(coin)
            } else if let parent = mempool.entries[outPoint.transaction],
                parent.transaction.outputs.indices.contains(Int(outPoint.index))
            {
                let output = parent.transaction.outputs[Int(outPoint.index)]
                result.append(Coin(output, height: height + 1, isCoinbase: false))
            } else {
                throw TransactionRefusal("bad-txns-inputs-missingorspent")
            }
        }
        return result
    }

    /// Lets the mempool follow the chain: mined and contradicted ones leave, those of lost blocks come back.
    mutating func updateMempool(after blocks: [Block], returned: [Transaction]) -> [Event] {
        var events: [Event] = []
        for block in blocks {
            for transaction in block.transactions {
                mempool.remove(transaction.id)
                for input in transaction.inputs {
                    guard let rival = mempool.spenders[input.previousOutput] else { continue }
                    for loser in mempool.descendants(of: rival) {
                        mempool.remove(loser)
                        events.append(.removed(loser))
                    }
                }
            }
        }
        guard !returned.isEmpty else { return events }
        // After a reorganization everything is judged again, parents first.
        let former = mempool.ordered.map(\.transaction)
        mempool = Mempool()
        for transaction in returned + former {
            let id = transaction.id
            do {
                try admit(transaction)
            } catch {
                if locations[id] == nil { events.append(.removed(id)) }
            }
        }
        return events
    }
}
