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
    /// Whether only the record is wanted whose key is the prefix.
    public private(set) var isOneKey = false

    public init(table: StoreTable, prefix: [UInt8], bound: [UInt8]? = nil, isBackwards: Bool = false, limit: Int = 1000) {
        self.table = table
        self.prefix = prefix
        self.bound = bound ?? prefix
        self.isBackwards = isBackwards
        self.limit = limit
    }

    /// The last records of a table before a key, or of all, backwards.
    public init(table: StoreTable, before bound: [UInt8]?, limit: Int) {
        self.init(table: table, prefix: [], bound: bound ?? Self.end(of: []), isBackwards: true, limit: limit)
    }

    /// The record under one key, in a table in which no key is the beginning of another.
    public static func record(_ table: StoreTable, key: [UInt8]) -> StoreQuery {
        var query = StoreQuery(table: table, prefix: key, limit: 1)
        query.isOneKey = true
        return query
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
