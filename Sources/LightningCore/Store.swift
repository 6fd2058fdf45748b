import LightningWire

/// The kinds of records that a node keeps; each is a table of keys and versioned records.
public enum StoreTable: String, Sendable, CaseIterable {
    case meta
    case channels
    case htlcs
    case revokedHTLCs
    case coins
    case transactions
    case invoices
    case payments
    /// Forwards, by their incoming HTLC.
    case circuits
    /// Onions that were peeled, so that none is accepted twice.
    case onions
    /// The terms on which channels are forwarded into, where they are their own.
    case policies
    /// Checked gossip messages.
    case gossip
    /// What payments taught of the liquidity of channels.
    case estimates
    /// Money of ours in closes of channels that are not known.
    case recovered

    /// Whether all of it is read when a node starts. What is not can be asked for.
    public var isLoadedAtStart: Bool { self != .revokedHTLCs }
}

/// One change of the store. All of a batch are committed together, before anything of it leaves the node.
public enum StoreWrite: Hashable, Sendable {
    case put(StoreTable, key: [UInt8], record: [UInt8])
    case delete(StoreTable, key: [UInt8])
    /// Everything whose key begins so.
    case deleteAll(StoreTable, prefix: [UInt8])
}

/// A record with its key.
public struct StoreEntry: Hashable, Sendable {
    public var key: [UInt8]
    public var record: [UInt8]

    public init(key: [UInt8], record: [UInt8]) {
        self.key = key
        self.record = record
    }
}

/// What a node wants to know of its store: some records of a table whose keys begin so, in the order of their keys from `bound` on; or
/// backwards, those before it.
public struct StoreQuery: Hashable, Sendable {
    public var table: StoreTable
    public var prefix: [UInt8]
    public var bound: [UInt8]
    public var isBackwards: Bool
    /// How many at most.
    public var limit: Int

    public init(table: StoreTable, prefix: [UInt8], bound: [UInt8]? = nil, isBackwards: Bool = false, limit: Int = 1000) {
        self.table = table
        self.prefix = prefix
        self.bound = bound ?? prefix
        self.isBackwards = isBackwards
        self.limit = limit
    }

    /// The keys that are looked among: from the first on, and before the second.
    public var range: (from: [UInt8], to: [UInt8]) { isBackwards ? (prefix, bound) : (bound, Self.end(of: prefix)) }

    /// The first key after all that begin so.
    private static func end(of prefix: [UInt8]) -> [UInt8] {
        var end = prefix
        while let last = end.popLast() {
            guard last == .max else { return end + [last + 1] }
        }
        // There is none after a prefix of nothing but 0xff, or of nothing at all.
        return [UInt8](repeating: .max, count: prefix.count + 64)
    }
}

/// Everything a store holds, read when a node starts; keys in their order.
public struct StoreContents: Hashable, Sendable {
    public var tables: [StoreTable: [[UInt8]: [UInt8]]] = [:]

    public init() {}

    /// Applies writes, as a store does.
    public mutating func apply(_ writes: [StoreWrite]) {
        for write in writes {
            switch write {
            case .put(let table, let key, let record): tables[table, default: [:]][key] = record
            case .delete(let table, let key): tables[table]?[key] = nil
            case .deleteAll(let table, let prefix):
                guard tables[table]?.isEmpty == false else { continue }
                tables[table] = tables[table]?.filter { !$0.key.starts(with: prefix) }
            }
        }
    }

    /// The records of a table in the order of their keys.
    func records(_ table: StoreTable, prefix: [UInt8] = []) -> [[UInt8]] {
        (tables[table] ?? [:]).filter { $0.key.starts(with: prefix) }
            .sorted { $0.key.lexicographicallyPrecedes($1.key) }.map(\.value)
    }

    /// The answer to a query.
    public func entries(_ query: StoreQuery) -> [StoreEntry] {
        let (from, to) = query.range
        let keys = (tables[query.table] ?? [:]).keys.filter { key in
            !key.lexicographicallyPrecedes(from) && key.lexicographicallyPrecedes(to)
        }.sorted { $0.lexicographicallyPrecedes($1) != query.isBackwards && $0 != $1 }
        return keys.prefix(query.limit).map { StoreEntry(key: $0, record: tables[query.table]![$0]!) }
    }

    /// The records of a table by the beginnings of their keys, each group in the order of the keys.
    func records(_ table: StoreTable, groupedByPrefixOf length: Int) -> [[UInt8]: [[UInt8]]] {
        Dictionary(grouping: entries(table)) { Array($0.key.prefix(length)) }.mapValues { $0.map(\.record) }
    }

    /// The records of a table with their keys, in the order of the keys.
    func entries(_ table: StoreTable) -> [(key: [UInt8], record: [UInt8])] {
        (tables[table] ?? [:]).sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { ($0.key, $0.value) }
    }

    func record(_ table: StoreTable, _ key: String) -> [UInt8]? { tables[table]?[Array(key.utf8)] }
}

/// Why a store cannot be used. It is never guessed at.
public enum StoreFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// A record cannot be read.
    case damaged(String)
    /// The store was written by another version.
    case version(found: Int, expected: Int)
    /// The store belongs to another seed or network.
    case foreign(String)
    /// The disk refused.
    case unwritable(String)

    public var description: String {
        switch self {
        case .damaged(let what):
            "the wallet's database is damaged (\(what)). Nothing was changed. Restore it from a copy of this very machine's "
                + "last state; an older copy can lose money"
        case .version(let found, let expected):
            "the wallet's database has version \(found), this program reads \(expected). Use the program that wrote it"
        case .foreign(let what): "the wallet's database belongs to another \(what)"
        case .unwritable(let why): "the wallet's database cannot be written: \(why)"
        }
    }
}
