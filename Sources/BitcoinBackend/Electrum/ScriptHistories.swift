import BitcoinPrimitives
import CryptoPrimitives

/// The histories of scripts, as an Electrum server tells them: which transactions touch each, and in which block.
struct ScriptHistories: Sendable {
    /// A transaction that touches a script; a height of 0 or -1 is the mempool's.
    struct Item: Hashable, Sendable {
        var transaction: TransactionID
        var height: Int
    }

    /// Who wants to know of a script.
    enum Reason: Sendable {
        /// The node: what cannot be had is said.
        case wanted
        /// An output of what spends something that is watched: until the node has said itself what it watches.
        case followed
    }

    private struct Entry: Sendable {
        var reason: Reason
        /// Of the history as a whole; `nil` for a script that nobody has used.
        var status: String?
        var items: [Item] = []
        /// Whether this connection's server tells of changes.
        var isSubscribed = false
        /// Whether it said that there is a change.
        var isStale = false
        /// Why the server does not tell it.
        var refusal: String?
    }

    private var entries: [String: Entry] = [:]

    /// As many scripts are asked for again at each block, in case that what a server tells by itself comes later than the block: of more,
    /// those that were used before.
    private static let askedAtEachBlock = 300

    /// By what servers know a script: "SHA-256 hash of the script, reversed, as hexadecimal".
    static func hash(_ script: Script) -> String { Hash.sha256(script.bytes).reversed.hex }

    /// Takes what is wanted from now on in place of what was wanted before.
    mutating func want(_ hashes: Set<String>) {
        entries = entries.filter { $0.value.reason == .followed || hashes.contains($0.key) }
        for hash in hashes { entries[hash, default: Entry(reason: .wanted)].reason = .wanted }
    }

    mutating func follow(_ hash: String) {
        if entries[hash] == nil { entries[hash] = Entry(reason: .followed) }
    }

    /// Forgets what was followed: the node says itself what it watches.
    mutating func unfollow() { entries = entries.filter { $0.value.reason == .wanted } }

    /// A new connection: its server tells of no changes yet.
    mutating func unsubscribe() {
        for hash in entries.keys { entries[hash]!.isSubscribed = false }
    }

    /// A server said what a history's status is.
    mutating func told(_ hash: String, status: String?) {
        if let entry = entries[hash], entry.status != status { entries[hash]!.isStale = true }
    }

    /// Whether a server said of a change that was not asked for yet.
    var hasStale: Bool { entries.values.contains { $0.isStale } }

    /// What has to be asked for.
    ///
    /// - Parameter isNewBlock: whether there is a block at which nothing was asked for.
    func due(isNewBlock: Bool) -> [String] {
        let all = isNewBlock && entries.count <= Self.askedAtEachBlock
        return entries.filter { !$0.value.isSubscribed || $0.value.isStale || all || (isNewBlock && $0.value.status != nil) }.keys.sorted()
    }

    /// A server does not tell a history: what was known of it stays, and it is asked for again at the next block.
    mutating func refuse(_ hash: String, _ why: String) {
        entries[hash]?.refusal = why
        entries[hash]?.isSubscribed = true
        // Not "nobody has used it": those are asked for seldom.
        if entries[hash]?.status == nil { entries[hash]?.status = "" }
    }

    /// Why histories that are wanted are not told.
    var refusals: [String] {
        Set(entries.values.filter { $0.reason == .wanted }.compactMap(\.refusal)).sorted()
    }

    /// Questions that were not all answered have to be asked again.
    mutating func doubt(_ hashes: [String]) {
        for hash in hashes { entries[hash]?.isStale = true }
    }

    /// Whether a history is the one of a status.
    func has(_ hash: String, status: String?) -> Bool { entries[hash].map { $0.isSubscribed && $0.status == status } ?? true }

    /// What is asked for now is not stale unless it is said again.
    mutating func ask(_ hash: String) { entries[hash]?.isStale = false }

    /// "The sha256() of the full string" of "tx_hash:height:" for each: by which a history is held to the status that was told of it.
    private static func status(_ items: [Item]) -> String? {
        guard !items.isEmpty else { return nil }
        return Hash.sha256(Array(items.map { "\($0.transaction):\($0.height):" }.joined().utf8)).hex
    }

    /// Takes a history. Where it is not the one of the status that the server tells, it is asked for again.
    mutating func set(_ hash: String, items: [Item], told: String?) {
        guard let entry = entries[hash] else { return }
        let status = Self.status(items)
        entries[hash] = Entry(
            reason: entry.reason, status: status, items: items, isSubscribed: true, isStale: entry.isStale || status != told)
    }

    /// The transactions of a block.
    func transactions(at height: BlockHeight) -> Set<TransactionID> {
        Set(entries.values.flatMap { $0.items.filter { $0.height == height.value }.map(\.transaction) })
    }

    /// The transactions that wait for a block.
    var waiting: Set<TransactionID> { Set(entries.values.flatMap { $0.items.filter { $0.height <= 0 }.map(\.transaction) }) }

    func isKnown(_ hash: String) -> Bool { entries[hash] != nil }
}
