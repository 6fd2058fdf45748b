import BitcoinPrimitives
import LightningRecords

/// The end of a history whose records are numbered: each new one beyond the limit takes the oldest with it, in the same commit.
struct NumberedHistory: Sendable {
    private static let version: UInt8 = 1

    private let history: StoreHistory
    /// Under which the number of the next record lies in `StoreTable.meta`.
    private let name: String
    private let limit: UInt64
    /// The number of the next record. None is used twice.
    private(set) var next: UInt64 = 1
    private var isHeadChanged = false
    private var added: [(number: UInt64, record: [UInt8])] = []

    init(_ history: StoreHistory, name: String, limit: UInt64) {
        self.history = history
        self.name = name
        self.limit = limit
    }

    /// Goes on with what a store has.
    mutating func resume(_ store: StoreContents) throws(DecodingFailure) {
        guard let record = store.record(.meta, name) else { return }
        var reader = ByteReader(record)
        guard try reader.uint8() == Self.version else { throw .invalid("version of the record of \(name)") }
        next = try reader.uint64()
        try reader.expectEnd()
        guard (1...1 << 62).contains(next) else { throw .invalid("number in the record of \(name)") }
    }

    /// Leaves numbers out: somebody may know them for something else.
    mutating func skip(_ count: UInt64) {
        next += count
        isHeadChanged = true
    }

    /// Adds a record, which is made with its number.
    mutating func add(_ record: (UInt64) -> [UInt8]) {
        added.append((next, record(next)))
        next += 1
    }

    /// What has to be stored of the changes since the last call.
    mutating func drainWrites() -> [StoreWrite] {
        guard !added.isEmpty || isHeadChanged else { return [] }
        defer { (added, isHeadChanged) = ([], false) }
        var writes: [StoreWrite] = []
        for (number, record) in added {
            writes += history.add(record, at: HistoryPosition(order: number, id: []))
            if number > limit { writes += history.remove(at: HistoryPosition(order: number - limit, id: [])) }
        }
        let head = ByteWriter.bytes {
            $0.uint8(Self.version)
            $0.uint64(next)
        }
        return writes + [.put(.meta, key: StoreTable.key(name), record: head)]
    }
}
