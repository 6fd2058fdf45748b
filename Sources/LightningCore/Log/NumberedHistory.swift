import BitcoinPrimitives
import LightningRecords

/// The end of a history whose records are numbered: each new one beyond the limit takes the oldest with it, in the same commit.
struct NumberedHistory: Sendable {
    /// Since version 2 numbers that were left out are known.
    private static let version: UInt8 = 2

    private let history: StoreHistory
    /// Under which the number of the next record lies in `StoreTable.meta`.
    private let name: String
    private let limit: UInt64
    /// The number of the next record. None is used twice.
    private(set) var next: UInt64 = 1
    /// Numbers that were left out, the first ones first: those between them are counted without them.
    private var gaps: [Range<UInt64>] = []
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
        let version = try reader.uint8()
        guard (1...Self.version).contains(version) else { throw .invalid("version of the record of \(name)") }
        next = try reader.uint64()
        guard (1...1 << 62).contains(next) else { throw .invalid("number in the record of \(name)") }
        if version > 1 {
            for _ in 0..<(try reader.count(minimum: 16)) {
                let (start, end) = (try reader.uint64(), try reader.uint64())
                guard start < end, end <= next, gaps.last.map({ $0.upperBound <= start }) ?? (start > 0) else {
                    throw .invalid("numbers left out in the record of \(name)")
                }
                gaps.append(start..<end)
            }
        }
        try reader.expectEnd()
    }

    /// Leaves numbers out: somebody may know them for something else.
    mutating func skip(_ count: UInt64) {
        if let last = gaps.last, last.upperBound == next {
            gaps[gaps.count - 1] = last.lowerBound..<next + count
        } else {
            gaps.append(next..<next + count)
        }
        next += count
        isHeadChanged = true
    }

    /// The number that comes so many before another one, those left out not counted; `nil` where there was none.
    private func number(_ count: UInt64, before number: UInt64) -> UInt64? {
        var (place, left) = (number, count)
        for gap in gaps.reversed() where gap.upperBound <= place {
            let between = place - gap.upperBound
            if left <= between { break }
            left -= between
            place = gap.lowerBound
        }
        return left < place ? place - left : nil
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
            if let old = self.number(limit, before: number) {
                writes += history.remove(at: HistoryPosition(order: old, id: []))
                // What lies before it is gone.
                gaps.removeAll { $0.upperBound <= old }
            }
        }
        let head = ByteWriter.bytes {
            // As the first version, where it can say all there is.
            $0.uint8(gaps.isEmpty ? 1 : Self.version)
            $0.uint64(next)
            guard !gaps.isEmpty else { return }
            $0.compactSize(gaps.count)
            for gap in gaps {
                $0.uint64(gap.lowerBound)
                $0.uint64(gap.upperBound)
            }
        }
        return writes + [.put(.meta, key: StoreTable.key(name), record: head)]
    }
}
