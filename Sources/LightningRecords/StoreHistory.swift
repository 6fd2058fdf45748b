/// Records of what is over: no decision of the node depends on them, they grow for ever, and nobody reads more than a page of them.
///
/// Their keys in the order of time are `HistoryPosition`s: a page ends with the position from which the next one goes on.
package enum StoreHistory: Sendable, CaseIterable {
    case payments
    case invoices
    case forwards
    /// By height, not by time.
    case transactions
    /// By the height of their closes.
    case channels
    /// By number.
    case log
    /// By number.
    case events

    /// The table of the records.
    package var records: StoreTable {
        switch self {
        case .payments: .paymentHistory
        case .invoices: .invoiceHistory
        case .forwards: .forwardHistory
        case .transactions: .walletHistory
        case .channels: .channelHistory
        case .log: .log
        case .events: .events
        }
    }

    /// The table of positions, where the records themselves lie by another key.
    package var order: StoreTable? {
        switch self {
        case .payments: .paymentOrder
        case .invoices: .invoiceOrder
        case .channels: .channelOrder
        case .forwards, .transactions, .log, .events: nil
        }
    }

    /// What puts a record into the history.
    package func add(_ record: [UInt8], at position: HistoryPosition) -> [StoreWrite] {
        guard let order else { return [.put(records, key: position.key, record: record)] }
        return [.put(records, key: position.id, record: record), .put(order, key: position.key, record: [])]
    }

    /// What takes a record out of the history.
    package func remove(at position: HistoryPosition) -> [StoreWrite] {
        guard let order else { return [.delete(records, key: position.key)] }
        return [.delete(records, key: position.id), .delete(order, key: position.key)]
    }
}

/// A page of a history, the newest record first, each with the key of its position.
package struct StorePage: Hashable, Sendable {
    package var entries: [StoreEntry]
    /// The key of the last position that was looked at: the next page lies before it. `nil` where there is no more.
    package var next: [UInt8]?

    /// - Parameter limit: how many were asked for: with fewer the history is at its end.
    package init(_ places: [StoreEntry], limit: Int) {
        entries = places
        next = places.count < limit ? nil : places.last?.key
    }
}

/// The place of a record in a history: what the history is ordered by, and what tells it from others of the same order.
public struct HistoryPosition: Hashable, Comparable, Sendable {
    /// Milliseconds since 1970, or a height.
    public var order: UInt64
    /// What tells records of one order apart.
    public var id: [UInt8]

    /// A place in a history.
    public init(order: UInt64, id: [UInt8]) {
        self.order = order
        self.id = id
    }

    /// Sorts as the position does.
    public var key: [UInt8] { withUnsafeBytes(of: order.bigEndian) { Array($0) } + id }

    /// - Returns: `nil` for what is too short to be a key.
    public init?(key: some Collection<UInt8>) {
        guard key.count >= 8 else { return nil }
        order = key.prefix(8).reduce(0) { $0 << 8 | UInt64($1) }
        id = Array(key.dropFirst(8))
    }

    public static func < (left: HistoryPosition, right: HistoryPosition) -> Bool {
        left.order == right.order ? left.id.lexicographicallyPrecedes(right.id) : left.order < right.order
    }
}
