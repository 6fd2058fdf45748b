/// A record with its key.
package struct StoreEntry: Hashable, Sendable {
    package var key: [UInt8]
    package var record: [UInt8]

    package init(key: [UInt8], record: [UInt8]) {
        self.key = key
        self.record = record
    }
}

/// What a node wants to know of its store: some records of a table whose keys begin so, in the order of their keys from `bound` on; or
/// backwards, those before it.
package struct StoreQuery: Hashable, Sendable {
    package var table: StoreTable
    package var prefix: [UInt8]
    package var bound: [UInt8]
    package var isBackwards: Bool
    /// How many at most.
    package var limit: Int
    /// Whether only the record is wanted whose key is the prefix.
    package private(set) var isOneKey = false

    package init(table: StoreTable, prefix: [UInt8], bound: [UInt8]? = nil, isBackwards: Bool = false, limit: Int = 1000) {
        self.table = table
        self.prefix = prefix
        self.bound = bound ?? prefix
        self.isBackwards = isBackwards
        self.limit = limit
    }

    /// The last records of a table before a key, or of all, backwards.
    package init(table: StoreTable, before bound: [UInt8]?, limit: Int) {
        self.init(table: table, prefix: [], bound: bound ?? Self.end(of: []), isBackwards: true, limit: limit)
    }

    /// The record under one key, in a table in which no key is the beginning of another.
    package static func record(_ table: StoreTable, key: [UInt8]) -> StoreQuery {
        var query = StoreQuery(table: table, prefix: key, limit: 1)
        query.isOneKey = true
        return query
    }

    /// The keys that are looked among: from the first on, and before the second.
    package var range: (from: [UInt8], to: [UInt8]) { isBackwards ? (prefix, bound) : (bound, Self.end(of: prefix)) }

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
