/// One change of the store. All of a batch are committed together, before anything of it leaves the node.
package enum StoreWrite: Hashable, Sendable {
    case put(StoreTable, key: [UInt8], record: [UInt8])
    case delete(StoreTable, key: [UInt8])
    /// Everything whose key begins so.
    case deleteAll(StoreTable, prefix: [UInt8])
}

extension StoreWrite {
    /// A record to be written, or to be deleted where there is none.
    package static func change(_ table: StoreTable, key: [UInt8], record: [UInt8]?) -> StoreWrite {
        record.map { .put(table, key: key, record: $0) } ?? .delete(table, key: key)
    }
}

extension [StoreWrite] {
    /// What is written to a table, each record with its key; `nil` where it is deleted.
    package func changes(of table: StoreTable) -> [(key: [UInt8], record: [UInt8]?)] {
        compactMap { write in
            switch write {
            case .put(table, let key, let record): (key, record)
            case .delete(table, let key): (key, nil)
            case .put, .delete, .deleteAll: nil
            }
        }
    }
}
