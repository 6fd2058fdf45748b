package import BitcoinLedger
public import BitcoinPrimitives
import CryptoPrimitives
import LightningChain
import LightningCore
import LightningWire

// The layer 1 of a world: its miner, and who reorganizes it.
extension SimulatedWorld {
    /// Mines blocks and tells the nodes that are up; the others catch up later.
    ///
    /// - Parameters:
    ///   - including: the transactions of each block, in the place of those of the mempool.
    ///   - interval: time that passes before each block, while nothing else happens: what was to happen meanwhile is late then.
    @discardableResult
    public mutating func mine(
        _ count: Int = 1, paying script: Script? = nil, including: [Transaction]? = nil, after interval: Duration = .seconds(1)
    ) throws(InvariantViolation) -> [Block] {
        var blocks: [Block] = []
        for _ in 0..<count {
            now += interval
            do {
                let (block, _) = try ledger.mine(paying: script ?? minerScript, now: now.headerTime, including: including)
                blocks.append(block)
                minedBlocks.append(block)
            } catch {
                throw violation("the layer 1 refuses its own block: \(error)")
            }
            for index in nodes.indices { try catchUp(index) }
        }
        return blocks
    }

    /// Replaces the last `depth` blocks by empty ones, and one more on top.
    ///
    /// - Parameter interval: time that passes before each of them, while nothing else happens.
    public mutating func reorganize(depth: Int, after interval: Duration = .seconds(1)) throws(InvariantViolation) {
        var fork = ledger
        var parent = ledger.blockHash(height: ledger.height - depth)!
        let start = ledger.height - depth
        for height in start + 1...ledger.height + 1 {
            now += interval
            let coinbase = Script([0, 20] + [UInt8](repeating: 9, count: 20))
            var block = fork.template(paying: coinbase, now: now.headerTime, including: [])
            // In no time its headers still need times of their own, each after the median of those before.
            if interval == .zero { block.header.time = max(block.header.time, (fork.block(parent)?.header.time ?? 0) + 1) }
            // An empty block on top of the fork: a coinbase alone.
            block = Self.emptyBlock(like: block, height: height, parent: parent, parameters: ledger.parameters)
            do { _ = try fork.submit(block, now: now.headerTime).get() } catch {
                throw violation("a side branch is refused: \(error)")
            }
            minedBlocks.append(block)
            parent = block.hash
        }
        ledger = fork
        for index in nodes.indices { try catchUp(index) }
    }

    private static func emptyBlock(
        like template: Block, height: BlockHeight, parent: BlockHash, parameters: ChainParameters
    ) -> Block {
        var coinbase = template.transactions[0]
        var script = Script([.number(Int64(height.value))])
        script.append(.op(.zero))
        coinbase.inputs[0].signatureScript = script
        coinbase.inputs[0].witness = []
        coinbase.outputs = [TransactionOutput(parameters.subsidy(height: height), coinbase.outputs[0].script)]
        var header = template.header
        header.previous = parent
        header.merkleRoot = MerkleTree.root([coinbase.id.bytes]).root
        header.nonce = 0
        return Ledger.solve(Block(header: header, transactions: [coinbase]))
    }

    /// Brings a node to the tip of the active chain.
    mutating func catchUp(_ index: Int) throws(InvariantViolation) {
        while let core = nodes[index].core, core.chain.tip != ledger.tip {
            let height = core.chain.height
            if ledger.blockHash(height: height) == core.chain.tip {
                let block = ledger.block(ledger.blockHash(height: height + 1)!)!
                try step(index, [.blockConnected(contents(of: block, for: core), height: height + 1)])
            } else {
                try step(index, [.blockDisconnected(height: height)])
            }
        }
        guard nodes[index].core?.isSynced == false else { return }
        try step(index, (nodes[index].feeRates.map { [.feeRates($0)] } ?? []) + [.caughtUp])
    }

    /// What a node is told of a block: all of it, or no more than it names, and second steps on top of that.
    private mutating func contents(of block: Block, for core: NodeCore) -> BlockContents {
        guard outputScripts != nil else { return BlockContents(block) }
        let whole = BlockContents(block)
        for entry in whole.entries {
            let id = entry.transaction.id
            for (index, output) in entry.transaction.outputs.enumerated() { outputScripts![OutPoint(id, UInt32(index))] = output.script }
        }
        let interests = core.chainInterests
        var watched = interests.outPoints
        var taken: [BlockContents.Entry] = []
        // In the order of the block: a second step stands behind its first.
        for entry in whole.entries {
            let spends = entry.transaction.inputs.contains { watched.contains($0.previousOutput) }
            let pays = entry.transaction.outputs.contains { interests.scripts.contains($0.script) }
            let uses = entry.transaction.inputs.contains { outputScripts![$0.previousOutput].map(interests.scripts.contains) ?? false }
            // That others' channels are gone: else routes would differ, and all that comes of them.
            let closes = entry.transaction.inputs.contains { $0.witness.count == 4 && $0.witness[3].count == 71 }
            guard spends || pays || uses || closes else { continue }
            taken.append(entry)
            guard spends else { continue }
            let id = entry.transaction.id
            for (index, output) in entry.transaction.outputs.enumerated() where output.script.isP2WSH {
                watched.insert(OutPoint(id, UInt32(index)))
            }
        }
        return BlockContents(header: block.header, entries: taken)
    }

    /// Nodes see what waits in the mempool of what concerns them.
    mutating func showMempool() throws(InvariantViolation) {
        let waiting = ledger.mempool.entries.values.sorted { $0.id < $1.id }.map(\.transaction)
        guard !waiting.isEmpty else { return }
        for index in nodes.indices {
            guard let core = nodes[index].core else { continue }
            let concerning = core.concerning(waiting)
            let seen = waiting.filter { concerning.contains($0.id) }
            if !seen.isEmpty { try input(index, .mempoolSeen(seen)) }
        }
    }

    /// Shows a node a block that its layer 1 does not have, with transactions that nobody has checked. The world's layer 1 goes on
    /// without it: nothing more can be mined.
    package mutating func showBlock(to index: Int, with transactions: [Transaction]) throws(InvariantViolation) {
        var block = ledger.template(paying: minerScript, now: now.headerTime, including: [])
        block.transactions += transactions
        try step(index, [.blockConnected(BlockContents(block), height: ledger.height + 1)])
    }

    /// Publishes any transaction, as a cheater would.
    package mutating func publish(_ transaction: Transaction) throws(TransactionRefusal) {
        _ = try ledger.accept(transaction, now: now.headerTime)
    }

    /// Publishes an earlier state of a channel, as a cheater would who kept it.
    ///
    /// - Throws: where the layer 1 does not take it.
    public mutating func cheat(with state: Transaction) throws(InvariantViolation) {
        do throws(TransactionRefusal) { try publish(state) } catch { throw violation("the layer 1 refuses an old state: \(error)") }
    }
}
