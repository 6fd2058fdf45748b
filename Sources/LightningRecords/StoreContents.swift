/// Everything a store holds, read when a node starts; keys in their order.
package struct StoreContents: Hashable, Sendable {
    package var tables: [StoreTable: [[UInt8]: [UInt8]]] = [:]

    package init() {}

    /// Applies writes, as a store does.
    package mutating func apply(_ writes: [StoreWrite]) {
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

    /// The records of a table in the order of their keys, those whose keys begin with `prefix`.
    package func records(_ table: StoreTable, prefix: [UInt8] = []) -> [[UInt8]] {
        (tables[table] ?? [:]).filter { $0.key.starts(with: prefix) }
            .sorted { $0.key.lexicographicallyPrecedes($1.key) }.map(\.value)
    }

    /// The answer to a query.
    package func entries(_ query: StoreQuery) -> [StoreEntry] {
        if query.isOneKey { return tables[query.table]?[query.prefix].map { [StoreEntry(key: query.prefix, record: $0)] } ?? [] }
        let (from, to) = query.range
        let keys = (tables[query.table] ?? [:]).keys.filter { key in
            !key.lexicographicallyPrecedes(from) && key.lexicographicallyPrecedes(to)
        }.sorted { $0.lexicographicallyPrecedes($1) != query.isBackwards && $0 != $1 }
        return keys.prefix(query.limit).map { StoreEntry(key: $0, record: tables[query.table]![$0]!) }
    }

    /// A page of a history, the newest record first, each with the key of its position.
    ///
    /// - Parameter bound: the key of a position; what comes before it is wanted.
    package func page(_ history: StoreHistory, before bound: [UInt8]?, limit: Int) -> StorePage {
        let places = entries(StoreQuery(table: history.order ?? history.records, before: bound, limit: limit))
        var page = StorePage(places, limit: limit)
        guard history.order != nil else { return page }
        page.entries = places.compactMap { place in
            tables[history.records]?[Array(place.key.dropFirst(8))].map { StoreEntry(key: place.key, record: $0) }
        }
        return page
    }

    /// The records of a table by the beginnings of their keys, each group in the order of the keys.
    package func records(_ table: StoreTable, groupedByPrefixOf length: Int) -> [[UInt8]: [[UInt8]]] {
        Dictionary(grouping: entries(table)) { Array($0.key.prefix(length)) }.mapValues { $0.map(\.record) }
    }

    /// The records of a table with their keys, in the order of the keys.
    package func entries(_ table: StoreTable) -> [(key: [UInt8], record: [UInt8])] {
        (tables[table] ?? [:]).sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { ($0.key, $0.value) }
    }

    /// The record under a name, in a table whose keys are names.
    package func record(_ table: StoreTable, _ key: String) -> [UInt8]? { tables[table]?[Array(key.utf8)] }
}
