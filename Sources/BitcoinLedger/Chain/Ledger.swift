package import BitcoinPrimitives
import CryptoPrimitives

/// The embedded layer 1: a whole Bitcoin regtest chain as one value.
///
/// Blocks and transactions go in, and what changed comes out; nothing here reads a clock or writes to a disk. Without a
/// storage everything stays in memory. With one, the owner commits `takeChanges()` after each call that brought events,
/// and tells nobody of the events before that.
package struct Ledger: Sendable {
    /// What a driver has to tell others.
    package enum Event: Sendable, Hashable {
        case connected(Block, height: BlockHeight)
        case disconnected(Block, height: BlockHeight)
        /// A transaction entered the mempool.
        case accepted(Transaction)
        /// A transaction left the mempool without being mined.
        case removed(TransactionID)
    }

    package static let maximumBlockWeight = 4_000_000
    package static let maximumSignatureOperationCost = 80_000

    package let parameters: ChainParameters
    package var policy: Policy
    var index: ChainIndex
    var coins: CoinView
    package internal(set) var mempool = Mempool()
    /// Runs script checks, on one core unless the owner has a better way.
    package var runner: any ScriptCheckRunner = SerialScriptChecks()
    /// Signatures that were good; mempool and blocks share it.
    let signatures = SignatureCache()

    let storage: (any LedgerStorage)?
    /// Bodies and undo data that no storage has.
    var bodies: [BlockHash: Block] = [:]
    var undo: [BlockHash: [Coin]] = [:]
    /// Where transactions were mined, as far as no storage knows; `nil` for those whose block was disconnected.
    var locations: [TransactionID: TransactionLocation?] = [:]
    /// What the last blocks' transactions paid.
    var fees: [BlockHash: BlockFees] = [:]
    var pending: LedgerChanges
    /// Blocks that no context can make good. Nothing of them is stored: what is built on them is refused at once.
    var refused: Set<BlockHash> = []
    static let rememberedRefusals = 10_000

    /// A chain of nothing but its genesis block, in memory.
    package init(parameters: ChainParameters = .regtest, policy: Policy = Policy()) {
        self.parameters = parameters
        self.policy = policy
        storage = nil
        index = ChainIndex(genesis: parameters.genesis)
        coins = CoinView(storage: nil)
        bodies[index.tip] = parameters.genesis
        pending = LedgerChanges(tip: index.tip)
    }

    /// A chain whose blocks and coins are in a storage.
    ///
    /// - Parameters:
    ///   - headers: those of the storage in the order in which they came, without the genesis block.
    ///   - tip: the last block of the active chain, to which the stored coins belong.
    package init(
        parameters: ChainParameters = .regtest, policy: Policy = Policy(), storage: any LedgerStorage,
        headers: [StoredHeader], tip: BlockHash?
    ) throws(LedgerDamage) {
        self.parameters = parameters
        self.policy = policy
        self.storage = storage
        index = ChainIndex(genesis: parameters.genesis)
        coins = CoinView(storage: storage)
        bodies[index.tip] = parameters.genesis
        index.reserve(headers.count + 1)
        for stored in headers {
            guard let parent = index[stored.header.previous], parent.height + 1 == stored.height else {
                throw LedgerDamage("a header does not connect at height \(stored.height)")
            }
            index.insert(
                stored.header.hash, stored.header, height: stored.height, transactionCount: stored.transactionCount,
                isInvalid: stored.isInvalid)
        }
        let tip = tip ?? index.tip
        guard index[tip] != nil else { throw LedgerDamage("the header of its last block is missing") }
        for hash in index.branch(to: tip).blocks { index.push(hash) }
        pending = LedgerChanges(tip: tip)
    }

    /// What has to be on disk before anyone hears of what was done; regarded as stored from here on.
    package mutating func takeChanges() -> LedgerChanges {
        guard storage != nil else { return LedgerChanges(tip: tip) }
        var changes = pending
        changes.tip = tip
        changes.coins = coins.takeChanges()
        changes.locations = locations.map { ($0.key, $0.value) }
        pending = LedgerChanges(tip: tip)
        let genesis = index.active[0]
        bodies = bodies.filter { $0.key == genesis }
        undo = [:]
        locations = [:]
        return changes
    }

    /// All that a storage would have to hold of this ledger, which has everything in memory.
    package func everything() -> LedgerChanges {
        precondition(storage == nil, "a ledger with a storage has handed over most of it")
        var changes = LedgerChanges(tip: tip)
        let known = index.entries.filter { $0.value.height > 0 }
        for (hash, entry) in known.sorted(by: { $0.value.sequence < $1.value.sequence }) {
            let stored = StoredHeader(
                header: entry.header, height: entry.height, transactionCount: entry.transactionCount,
                isInvalid: entry.isInvalid)
            changes.blocks.append((hash, stored, bodies[hash]!))
        }
        changes.undo = undo.map { ($0.key, BlockUndo.encode($0.value)) }
        coins.forEach { changes.coins.append(($0, $1)) }
        changes.locations = locations.map { ($0.key, $0.value) }
        return changes
    }

    // MARK: Looking

    /// The height of the active chain's last block.
    package var height: BlockHeight { index.height }
    package var tip: BlockHash { index.tip }

    package func blockHash(height: BlockHeight) -> BlockHash? {
        index.active.indices.contains(height.value) ? index.active[height.value] : nil
    }

    package func block(_ hash: BlockHash) -> Block? { bodies[hash] ?? storage?.body(hash) }

    /// What a block of the active chain spent, in the order of its inputs; `nil` where a storage has lost it, or has not
    /// one coin for each input.
    package func spentCoins(_ hash: BlockHash) -> [Coin]? {
        if let coins = undo[hash] { return coins }
        guard index.isActive(hash), let bytes = storage?.undo(hash) else { return hash == index.active[0] ? [] : nil }
        guard let coins = try? BlockUndo.decode(bytes), let block = block(hash),
            coins.count == block.transactions.dropFirst().reduce(0, { $0 + $1.inputs.count })
        else { return nil }
        return coins
    }

    /// What is known of a block without its body.
    package struct HeaderSummary: Sendable {
        package var header: BlockHeader
        package var height: BlockHeight
        package var transactionCount: Int
        package var isActive: Bool
        package var isInvalid: Bool
    }

    package func header(_ hash: BlockHash) -> HeaderSummary? {
        index[hash].map {
            HeaderSummary(
                header: $0.header, height: $0.height, transactionCount: $0.transactionCount,
                isActive: index.isActive(hash), isInvalid: $0.isInvalid)
        }
    }

    /// The last blocks of all branches, the active one's first.
    package func branchTips() -> [BlockHash] {
        let parents = Set(index.entries.values.map(\.header.previous))
        return index.entries.keys.filter { !parents.contains($0) || $0 == tip }
            .sorted { ($0 == tip ? 0 : 1, $0) < ($1 == tip ? 0 : 1, $1) }
    }

    /// How many blocks a branch has beyond the active chain.
    package func branchLength(_ hash: BlockHash) -> Int { index[hash] == nil ? 0 : index.branch(to: hash).blocks.count }

    /// The height of a block, and whether it is in the active chain.
    package func position(of hash: BlockHash) -> (height: BlockHeight, isActive: Bool)? {
        index[hash].map { ($0.height, index.isActive(hash)) }
    }

    package func coin(_ outPoint: OutPoint) -> Coin? { coins[outPoint] }

    /// Visits every unspent output, in no particular order.
    package func forEachCoin(_ visit: (OutPoint, Coin) -> Void) { coins.forEach(visit) }

    package var coinCount: Int {
        var count = 0
        coins.forEach { _, _ in count += 1 }
        return count
    }

    /// The sum of all unspent outputs.
    package var circulation: Satoshi {
        var total = Satoshi.zero
        coins.forEach { total += $1.output.amount }
        return total
    }

    /// Every unspent output that pays to the script, in the order of outpoints.
    package func coins(paying script: Script) -> [(outPoint: OutPoint, coin: Coin)] {
        var found: [(outPoint: OutPoint, coin: Coin)] = []
        coins.forEach { if $1.output.script == script { found.append(($0, $1)) } }
        return found.sorted { $0.outPoint < $1.outPoint }
    }

    /// Where a transaction of the active chain was mined.
    package func location(_ id: TransactionID) -> TransactionLocation? {
        if let known = locations[id] { return known }
        return storage?.location(id)
    }

    /// A transaction of the active chain or the mempool.
    package func transaction(_ id: TransactionID) -> (transaction: Transaction, block: BlockHash?)? {
        if let entry = mempool.entries[id] { return (entry.transaction, nil) }
        guard let place = location(id), let block = block(place.block) else { return nil }
        return (block.transactions[place.position], place.block)
    }

    /// BIP 113: the median of the times of a block and its ten predecessors, on the active chain.
    package func medianTimePast(height: BlockHeight) -> UInt32 {
        index.medianTimePast(endingAt: index.active[min(height, index.height).value])
    }

    /// The same for any known block.
    package func medianTimePast(endingAt hash: BlockHash) -> UInt32 { index.medianTimePast(endingAt: hash) }
}
