public import BitcoinLedger
public import BitcoinPrimitives
import CryptoPrimitives
internal import Foundation

/// The embedded layer 1 as a service: a ledger, its database, and all who wait for news of it.
public actor EmbeddedChain: ChainBackend {
    private var ledger = Ledger()
    private let store: ChainStore
    private var waiting: [UUID: CheckedContinuation<Void, Never>] = [:]
    /// Every block of the active chain and of its branches, in the order in which they came, if they are to be kept.
    private var journal: [Block]?
    /// Set when the disk refused a block; only opening the chain again helps.
    private var broken: ChainFailure?

    /// Opens a chain.
    ///
    /// - Parameters:
    ///   - path: its database; `nil` for a chain in memory.
    ///   - keepsJournal: whether `minedBlocks` is wanted.
    public init(path: String?, keepsJournal: Bool = false) throws(ChainFailure) {
        store = try ChainStore(path: path)
        journal = keepsJournal ? [] : nil
        let (blocks, mempool) = try store.load()
        for bytes in blocks {
            // They were checked when they came.
            guard let block = try? Block(bytes), (try? ledger.submit(block, now: .max, assumeValid: true)) != nil else {
                throw .store("a block in it does not connect")
            }
        }
        for bytes in mempool {
            if let transaction = try? Transaction(bytes) { _ = try? ledger.accept(transaction) }
        }
    }

    private static var now: UInt32 { UInt32(Date().timeIntervalSince1970) }

    /// A look at the ledger as it is now.
    public func snapshot() -> Ledger { ledger }

    public var minedBlocks: [Block] { journal ?? [] }

    // MARK: ChainBackend

    public func tip() -> (height: Int, hash: BlockHash) { (ledger.height, ledger.tip) }
    public func blockHash(height: Int) -> BlockHash? { ledger.blockHash(height: height) }

    public func block(_ hash: BlockHash) throws(ChainFailure) -> Block {
        guard let block = ledger.block(hash) else { throw .refused("Block not found") }
        return block
    }

    public func publish(_ transaction: Transaction) throws(ChainFailure) {
        do {
            _ = try ledger.accept(transaction)
        } catch {
            if ["txn-already-in-mempool", "txn-already-known"].contains(error.reason) { return }
            throw .refused(error.reason)
        }
        try store.updateMempool(added: [(transaction.id.bytes.array, transaction.serialized())], removed: [])
    }

    public func feeRate() -> FeeRate { FeeRate(perKiloweight: 500) }

    public func waitForChange(from tip: BlockHash) async {
        guard ledger.tip == tip else { return }
        let id = UUID()
        // Now and then without news too: who follows the chain wants to know that there is none.
        let timer = Task {
            try? await Task.sleep(for: .seconds(30))
            self.cancel(id)
        }
        defer { timer.cancel() }
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                if Task.isCancelled || ledger.tip != tip {
                    continuation.resume()
                } else {
                    waiting[id] = continuation
                }
            }
        } onCancel: {
            Task { await self.cancel(id) }
        }
    }

    private func cancel(_ id: UUID) { waiting.removeValue(forKey: id)?.resume() }

    // MARK: Mining

    /// Mines blocks, each committed before it is told.
    @discardableResult
    public func mine(_ count: Int, paying script: Script) throws(ChainFailure) -> [BlockHash] {
        var hashes: [BlockHash] = []
        for _ in 0..<count {
            let block = Ledger.solve(ledger.template(paying: script, now: Self.now))
            // Six blocks in one second are more than the median of times allows: their times run ahead of the clock.
            try submit(block, limit: block.header.time)
            hashes.append(block.hash)
        }
        return hashes
    }

    /// Takes a block of anyone's making.
    public func submit(_ block: Block) throws(ChainFailure) { try submit(block, limit: 0) }

    /// - Parameter limit: a time, in seconds since 1970, that counts as now if it is later.
    private func submit(_ block: Block, limit: UInt32) throws(ChainFailure) {
        if let broken { throw broken }
        let events: [Ledger.Event]
        do {
            events = try ledger.submit(block, now: max(Self.now, limit))
        } catch {
            throw .refused(error.description)
        }
        do {
            try store.add(block: block.serialized())
        } catch {
            // What is in memory is ahead of the disk: nobody may hear of it any more.
            broken = error
            throw error
        }
        journal?.append(block)
        try store.updateMempool(added: [], removed: gone(events))
        for continuation in waiting.values { continuation.resume() }
        waiting = [:]
    }

    private func gone(_ events: [Ledger.Event]) -> [[UInt8]] {
        var ids: [[UInt8]] = []
        for event in events {
            switch event {
            case .connected(let block, _): ids += block.transactions.dropFirst().map(\.id.bytes.array)
            case .removed(let id): ids.append(id.bytes.array)
            case .disconnected, .accepted: break
            }
        }
        return ids
    }

    /// Pays from the subsidy of a new block: the faucet of a test network.
    ///
    /// - Returns: the hash of the block that holds the payment, and of those that make it spendable.
    public func faucet(_ script: Script, blocks: Int = 101) throws(ChainFailure) -> [BlockHash] {
        let hashes = try mine(1, paying: script)
        return hashes + (try mine(blocks - 1, paying: Script([0x51, 2, 0x4e, 0x73])))
    }

    public func close() { store.close() }
}
