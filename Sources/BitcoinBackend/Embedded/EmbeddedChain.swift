package import BitcoinLedger
public import BitcoinPrimitives
import CryptoPrimitives
internal import Foundation

func activeProcessorCount() -> Int { ProcessInfo.processInfo.activeProcessorCount }

/// The embedded layer 1 as a service: a ledger, its database, and all who wait for news of it.
public actor EmbeddedChain: ChainBackend {
    /// What time it is, in seconds since 1970.
    public typealias Clock = @Sendable () -> UInt32

    var ledger: Ledger
    let store: ChainStore?
    private let clock: Clock
    /// What time it is instead, if anybody said so.
    private var time: UInt32?
    /// BIP 157's filter headers, as far as anyone asked.
    var filterHeaders: [BlockHash: Bytes32] = [:]
    private var waiting: [UUID: CheckedContinuation<Void, Never>] = [:]
    /// Every block of the active chain and of its branches, in the order in which they came, if they are to be kept.
    private var journal: [Block]?
    /// Set when the disk cannot even be read; only opening the chain again helps.
    private var broken: ChainFailure?

    /// Opens a chain with Bitcoin Core's policy.
    ///
    /// - Parameter path: its database; `nil` for a chain in memory.
    /// - Throws: `ChainFailure.store` for a database that cannot be read.
    public init(path: String?) throws(ChainFailure) { try self.init(path: path, policy: Policy()) }

    /// Opens a chain.
    ///
    /// - Parameters:
    ///   - path: its database; `nil` for a chain in memory.
    ///   - policy: what is relayed and mined.
    ///   - keepsJournal: whether `minedBlocks` is wanted.
    ///   - clock: where time comes from; the system's by default.
    package init(
        path: String?, policy: Policy = Policy(), keepsJournal: Bool = false, clock: Clock? = nil
    ) throws(ChainFailure) {
        let clock = clock ?? { UInt32(Date().timeIntervalSince1970) }
        self.clock = clock
        journal = keepsJournal ? [] : nil
        guard let path else {
            store = nil
            ledger = Ledger(policy: policy)
            ledger.runner = ConcurrentScriptChecks()
            return
        }
        let store = try ChainStore(path: path)
        self.store = store
        if try store.needsRebuild() { try Self.rebuild(store) }
        ledger = try Self.load(store, policy)
    }

    /// The chain as the database has it.
    private static func load(_ store: ChainStore, _ policy: Policy) throws(ChainFailure) -> Ledger {
        let (headers, tip) = try store.headers()
        var ledger: Ledger
        do throws(LedgerDamage) {
            ledger = try Ledger(policy: policy, storage: store, headers: headers, tip: tip)
        } catch {
            throw .store("\(error): lnw chain rebuild makes it anew from its blocks")
        }
        ledger.runner = ConcurrentScriptChecks()
        let lost = ledger.restore(try store.mempool().map { ($0.transaction, $0.time) })
        // Only what the chain itself refuses is forgotten, never what could not be read.
        try store.checkReads()
        // A disk that cannot forget it now is asked again at the next start.
        try? store.updateMempool(added: [], removed: lost)
        return ledger
    }

    /// After a disk refused: what is in memory may be ahead of it, and is thrown away before anyone hears of it.
    ///
    /// With a full disk the next call may succeed again; where not even reading works, nothing does from here on.
    private func fallBack(_ store: ChainStore) {
        store.forgetReadFailure()
        do throws(ChainFailure) { ledger = try Self.load(store, ledger.policy) } catch { broken = error }
    }

    /// The chain's time, in seconds since 1970.
    public var now: UInt32 { time ?? clock() }

    /// Stops the chain's clock at a time, in seconds since 1970, or lets it go on.
    func setTime(_ time: UInt32?) { self.time = time }

    /// A look at the ledger. It must not take long: nothing else happens meanwhile.
    package func read<T: Sendable>(_ look: @Sendable (Ledger, _ now: UInt32) throws -> T) rethrows -> T {
        try look(ledger, now)
    }

    /// Every block that came, in order, if they were to be kept.
    public var minedBlocks: [Block] { journal ?? [] }

    /// A transaction of the active chain or the mempool.
    public func transaction(_ id: TransactionID) -> Transaction? { ledger.transaction(id)?.transaction }

    package func coin(_ outPoint: OutPoint) -> Coin? { ledger.coin(outPoint) }

    /// Whether nothing waits for a block.
    public var mempoolIsEmpty: Bool { ledger.mempool.entries.isEmpty }

    // MARK: ChainBackend

    /// The last block of the active chain.
    public func tip() -> (height: BlockHeight, hash: BlockHash) { (ledger.height, ledger.tip) }
    /// The block of the active chain at a height, or `nil` where the chain does not reach so far.
    public func blockHash(height: BlockHeight) -> BlockHash? { ledger.blockHash(height: height) }

    /// A whole block. Throws `ChainFailure` where there is no such block.
    public func block(_ hash: BlockHash) throws(ChainFailure) -> Block {
        guard let block = ledger.block(hash) else { throw .refused("Block not found") }
        return block
    }

    /// Everything in a block, whatever is asked for.
    public func contents(
        of hash: BlockHash, height: BlockHeight, concerning interests: BlockContents.Interests
    ) throws(ChainFailure) -> BlockContents { BlockContents(try block(hash)) }

    /// What a transaction's output holds, if the active chain has it and it is not spent: for BOLT 7's check of announcements.
    public func unspentOutput(height: BlockHeight, transaction: Int, output: Int) throws(ChainFailure) -> (OutPoint, TransactionOutput)? {
        guard let hash = ledger.blockHash(height: height) else { throw .notReady("there is no block \(height) yet") }
        guard let block = ledger.block(hash) else { throw .unexpected("block \(height) is missing") }
        guard block.transactions.indices.contains(transaction) else { return nil }
        let outPoint = OutPoint(block.transactions[transaction].id, UInt32(output))
        return ledger.coin(outPoint).map { (outPoint, $0.output) }
    }

    /// Hands a transaction to the mempool. One that is there already, or in a block, is no failure; else throws `ChainFailure.refused`
    /// with the reason.
    public func publish(_ transaction: Transaction) throws(ChainFailure) {
        do throws(TransactionRefusal) {
            try accept(transaction)
        } catch {
            if error.reason == "store" { throw .store(error.details) }
            if ["txn-already-in-mempool", "txn-same-nonwitness-data-in-mempool", "txn-already-known"].contains(error.reason) {
                return
            }
            // Mined and spent again: known too.
            if ledger.location(transaction.id) != nil { return }
            throw .refused(error.description)
        }
    }

    /// Hands a transaction to the mempool together with the unconfirmed ones that it pays for.
    public func publish(_ transaction: Transaction, payingFor parents: [Transaction]) throws(ChainFailure) {
        let unknown = parents.filter { ledger.location($0.id) == nil }
        guard !unknown.isEmpty else { return try publish(transaction) }
        let verdict = try acceptPackage(unknown + [transaction])
        guard case .refused(let refusal)? = verdict.results.last ?? verdict.refusal.map({ .refused($0) }) else { return }
        if ledger.mempool.entries[transaction.id] != nil || ledger.location(transaction.id) != nil { return }
        throw .refused(refusal.description)
    }

    /// What a transaction should pay to be mined within so many blocks, in sat/kw.
    public func feeRate(within blocks: Int) -> FeeRate {
        // From a virtual byte's thousandth to a thousand units of weight: a quarter, rounded up.
        let rate = ledger.estimateFee(target: blocks, now: now).rate
        return max(.floor, FeeRate(perKiloweight: UInt32(clamping: (rate + 3) / 4)))
    }

    /// The ids of the mempool's transactions.
    public func mempool(concerning interests: BlockContents.Interests = .init()) -> [TransactionID] { Array(ledger.mempool.entries.keys) }
    /// A transaction of the mempool, or `nil` where it is not there.
    public func mempoolTransaction(_ id: TransactionID) -> Transaction? { ledger.mempool.entries[id]?.transaction }

    /// Returns when the tip is another one than this, or after a while; it may be cancelled.
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

    // MARK: The mempool

    /// Takes a transaction into the mempool: first on disk, then in memory.
    ///
    /// A failing disk refuses with "store", and nothing has changed.
    package func accept(_ transaction: Transaction) throws(TransactionRefusal) {
        let admission = try ledger.judge(transaction, now: now)
        try keep(admission.entries, removed: admission.replaced)
        let events = ledger.enter(admission, now: now)
        // What was evicted may stay on a disk that refuses: it is evicted again when it is read.
        try? store?.updateMempool(added: [], removed: events.gone(except: admission.replaced))
        if ledger.mempool.entries[transaction.id] == nil { throw TransactionRefusal("mempool full") }
    }

    /// Counts a transaction as paying more or less, until it is mined or the chain is opened again.
    func prioritise(_ id: TransactionID, by delta: Int64) -> Bool { ledger.prioritise(id, by: delta) }

    /// Throws what `accept` would, and where the transaction pays more than wanted.
    ///
    /// - Parameter maximumFeeRate: for each 1000 virtual bytes; zero means any.
    package func check(_ transaction: Transaction, maximumFeeRate: Satoshi) throws(TransactionRefusal) {
        let entry = try ledger.judge(transaction, now: now).entries[0]
        if entry.pays(moreThan: maximumFeeRate) { throw TransactionRefusal("max-fee-exceeded") }
    }

    private func keep(_ entries: [Mempool.Entry], removed: [TransactionID]) throws(TransactionRefusal) {
        guard let store else { return }
        do throws(ChainFailure) {
            if let broken { throw broken }
            try store.updateMempool(
                added: entries.map { .init(transaction: $0.transaction, time: $0.time) }, removed: removed)
            try store.checkReads()
        } catch {
            fallBack(store)
            throw TransactionRefusal("store", error.reason)
        }
    }

    /// Takes a child with the parents it pays for.
    ///
    /// - Parameter maximumFeeRate: for each 1000 virtual bytes; what pays more is refused. Zero means any.
    package func acceptPackage(
        _ package: [Transaction], maximumFeeRate: Satoshi = .zero
    ) throws(ChainFailure) -> PackageVerdict {
        if let broken { throw broken }
        var next = ledger
        let verdict = next.acceptPackage(package, now: now, maximumFeeRate: maximumFeeRate)
        let added = verdict.events.compactMap { event -> ChainStore.StoredTransaction? in
            guard case .accepted(let transaction) = event else { return nil }
            return .init(transaction: transaction, time: now)
        }
        try store?.updateMempool(added: added, removed: verdict.events.gone())
        ledger = next
        return verdict
    }

    // MARK: Blocks

    /// Mines blocks, each committed before it is told.
    @discardableResult
    public func mine(_ count: Int, paying script: Script) throws(ChainFailure) -> [BlockHash] {
        var hashes: [BlockHash] = []
        // Some at once share a commit; nobody hears of any of them before it.
        var done = 0
        while done < count {
            let batch = min(count - done, 50)
            hashes += try change { ledger, now in
                var done = Change()
                for _ in 0..<batch {
                    do throws(BlockRefusal) {
                        let (block, events) = try ledger.mine(paying: script, now: now)
                        done.blocks.append(block)
                        done.events += events
                    } catch {
                        done.refusal = error
                        break
                    }
                }
                return done
            }.map(\.hash)
            done += batch
        }
        return hashes
    }

    /// Mines exactly these transactions, whether the mempool has them or not.
    public func mine(including transactions: [Transaction], paying script: Script) throws(ChainFailure) -> Block {
        try change { ledger, now in
            // On a copy first: a block that is not valid leaves nothing behind.
            var trial = ledger
            do throws(BlockRefusal) {
                let (block, events) = try trial.mine(paying: script, now: now, including: transactions)
                ledger = trial
                return Change(events: events, blocks: [block])
            } catch { return Change(refusal: error) }
        }[0]
    }

    /// A block as `mine(including:paying:)` would mine it, checked and not taken.
    public func propose(including transactions: [Transaction], paying script: Script) throws(ChainFailure) -> Block {
        var trial = ledger
        do throws(BlockRefusal) {
            return try trial.mine(paying: script, now: now, including: transactions).block
        } catch { throw .refused(error.description) }
    }

    /// Takes a block of anyone's making.
    public func submit(_ block: Block) throws(ChainFailure) {
        _ = try change { ledger, now in
            let result = ledger.submit(block, now: now)
            return Change(events: result.events, blocks: result.refusal == nil ? [block] : [], refusal: result.refusal)
        }
    }

    /// Declares a block invalid, and with it all that are built on it: the chain goes where the most work is then.
    ///
    /// This and mining other blocks is how a test makes a reorganization.
    public func invalidate(_ hash: BlockHash) throws(ChainFailure) { try judge(hash, isValid: false) }

    /// Takes back what `invalidate` said.
    public func reconsider(_ hash: BlockHash) throws(ChainFailure) { try judge(hash, isValid: true) }

    private func judge(_ hash: BlockHash, isValid: Bool) throws(ChainFailure) {
        _ = try change { ledger, now in
            do throws(BlockRefusal) {
                return Change(events: try isValid ? ledger.reconsider(hash, now: now) : ledger.invalidate(hash, now: now))
            } catch { return Change(refusal: error) }
        }
    }

    /// What was done to a ledger, also where the rest of it was refused.
    private struct Change {
        var events: [Ledger.Event] = []
        var blocks: [Block] = []
        var refusal: BlockRefusal?
    }

    /// Changes the chain, commits, and only then lets anyone know.
    private func change(
        _ body: (inout Ledger, UInt32) -> Change
    ) throws(ChainFailure) -> [Block] {
        if let broken { throw broken }
        let former = ledger.tip
        let result = body(&ledger, now)
        try commit(result.events)
        journal?.append(contentsOf: result.blocks)
        if ledger.tip != former {
            for continuation in waiting.values { continuation.resume() }
            waiting = [:]
        }
        if let refusal = result.refusal { throw .refused(refusal.description) }
        return result.blocks
    }

    private func commit(_ events: [Ledger.Event]) throws(ChainFailure) {
        guard let store else { return }
        do throws(ChainFailure) {
            try store.checkReads()
            let changes = ledger.takeChanges()
            guard !changes.isEmpty || !events.isEmpty else { return }
            // After a reorganization the mempool holds transactions again that a block had taken from it.
            var returned: [ChainStore.StoredTransaction] = []
            for event in events {
                guard case .disconnected(let block, _) = event else { continue }
                returned += block.transactions.compactMap { ledger.mempool.entries[$0.id] }
                    .map { .init(transaction: $0.transaction, time: $0.time) }
            }
            try store.commit(changes, events: events, gone: events.gone(), returned: returned)
        } catch {
            fallBack(store)
            throw error
        }
    }

    /// Pays from the subsidy of a new block: the faucet of a test network.
    ///
    /// - Returns: the hash of the block that holds the payment, and of those that make it spendable.
    public func faucet(_ script: Script, blocks: Int = 101) throws(ChainFailure) -> [BlockHash] {
        let hashes = try mine(1, paying: script)
        return hashes + (try mine(blocks - 1, paying: .anchor))
    }

    /// Stands for a disk that fills up: the database gets no larger than so many pages.
    func limitStorage(pages: Int) { store?.limit(pages: pages) }

    /// Closes the database. Nothing may be asked afterwards.
    public func close() { store?.close() }
}

extension [Ledger.Event] {
    /// The transactions that are no longer in the mempool.
    fileprivate func gone(except known: [TransactionID] = []) -> [TransactionID] {
        let skipped = Set(known)
        var ids: [TransactionID] = []
        for event in self {
            switch event {
            case .connected(let block, _): ids += block.transactions.dropFirst().map(\.id)
            case .removed(let id): if !skipped.contains(id) { ids.append(id) }
            case .disconnected, .accepted: break
            }
        }
        return ids
    }
}
