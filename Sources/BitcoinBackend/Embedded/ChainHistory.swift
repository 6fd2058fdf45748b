import BitcoinLedger
public import BitcoinPrimitives
package import CryptoPrimitives

// What an explorer asks: who spent an output, and what happened to an address. A chain on disk has indexes for both; one
// in memory is small, and is read from its first block on.

extension EmbeddedChain {
    /// The transaction that spends an output, in the mempool or on the active chain.
    ///
    /// - Parameter inBlocks: false asks the mempool alone.
    /// - Returns: with the block it is in; `nil` for an output that is unspent or unknown.
    public func spender(of outPoint: OutPoint, inBlocks: Bool = true) -> (transaction: Transaction, block: BlockHash?)? {
        if let id = ledger.mempool.spender(of: outPoint) { return (ledger.mempool.entries[id]!.transaction, nil) }
        guard inBlocks, ledger.coin(outPoint) == nil else { return nil }
        if let store { return store.spender(of: outPoint).flatMap { transaction(at: $0) } }
        guard let made = ledger.location(outPoint.transaction).flatMap({ ledger.position(of: $0.block) }) else { return nil }
        for height in made.height..<ledger.height + 1 {
            let hash = ledger.blockHash(height: height)!
            let found = ledger.block(hash)!.transactions.first { $0.inputs.contains { $0.previousOutput == outPoint } }
            if let found { return (found, hash) }
        }
        return nil
    }

    /// The transactions that pay to a script or spend from it, in their order on the active chain; then the mempool's.
    public func history(of script: Script) -> [TransactionID] {
        var found: [(id: TransactionID, height: BlockHeight, position: Int)] = []
        func add(_ transaction: Transaction, _ place: ChainStore.Place) {
            found.append((transaction.id, place.height, place.position))
        }
        if let store {
            for place in store.payments(to: script) {
                guard let (paying, _) = transaction(at: place) else { continue }
                add(paying, place)
                for (number, output) in paying.outputs.enumerated() where output.script == script {
                    guard let place = store.spender(of: OutPoint(paying.id, UInt32(number))) else { continue }
                    if let (spending, _) = transaction(at: place) { add(spending, place) }
                }
            }
        } else {
            for height in 0..<ledger.height + 1 {
                let hash = ledger.blockHash(height: height)!
                var spent = (ledger.spentCoins(hash) ?? [])[...]
                for (position, transaction) in ledger.block(hash)!.transactions.enumerated() {
                    let own = transaction.isCoinbase ? 0 : transaction.inputs.count
                    if transaction.outputs.contains(where: { $0.script == script })
                        || spent.prefix(own).contains(where: { $0.output.script == script })
                    {
                        add(transaction, .init(height: height, position: position))
                    }
                    spent = spent.dropFirst(own)
                }
            }
        }
        found.sort { ($0.height, $0.position) < ($1.height, $1.position) }
        var seen: Set<TransactionID> = []
        let mined = found.map(\.id).filter { seen.insert($0).inserted }
        let waiting = ledger.mempool.ordered.filter { entry in
            entry.transaction.outputs.contains { $0.script == script }
                || entry.transaction.inputs.contains { output($0.previousOutput)?.script == script }
        }
        return mined + waiting.map(\.id)
    }

    /// An output that the mempool may spend: an unspent one, or one of the mempool's own.
    private func output(_ outPoint: OutPoint) -> TransactionOutput? {
        if let coin = ledger.coin(outPoint) { return coin.output }
        guard let parent = ledger.mempool.entries[outPoint.transaction]?.transaction,
            parent.outputs.indices.contains(Int(outPoint.index))
        else { return nil }
        return parent.outputs[Int(outPoint.index)]
    }

    /// BIP 158's basic filter of a block of the active chain, with BIP 157's header for it.
    ///
    /// The first question costs a walk over all blocks before it; the headers are remembered.
    package func blockFilter(_ hash: BlockHash) async -> (filter: BlockFilter, header: Bytes32)? {
        guard let place = ledger.position(of: hash), place.isActive else { return nil }
        var height = place.height
        while height > 0, ledger.blockHash(height: height - 1).flatMap({ filterHeaders[$0] }) == nil { height -= 1 }
        var previous = height > 0 ? ledger.blockHash(height: height - 1) : nil
        while true {
            // Others have their turn in between, and may reorganize the chain.
            if height.value % 100 == 0 { await Task.yield() }
            guard let next = ledger.blockHash(height: height), let block = ledger.block(next), let spent = ledger.spentCoins(next),
                previous == nil || block.header.previous == previous
            else { return nil }
            let filter = BlockFilter(block, spent: spent.map(\.output.script))
            let header = filter.header(after: previous.flatMap { filterHeaders[$0] } ?? .zero)
            filterHeaders[next] = header
            if next == hash { return (filter, header) }
            if height >= place.height { return nil }
            previous = next
            height += 1
        }
    }

    private func transaction(at place: ChainStore.Place) -> (transaction: Transaction, block: BlockHash?)? {
        guard let hash = ledger.blockHash(height: place.height), let block = ledger.block(hash),
            block.transactions.indices.contains(place.position)
        else { return nil }
        return (block.transactions[place.position], hash)
    }
}
