import BitcoinPrimitives
import LightningRecords

extension NodeCore {
    /// The number of the last event that was kept; 0 where there is none.
    package var lastEvent: UInt64 { batch.journal.next - 1 }
}

/// The last events of a node, on disk: who was away, or restarts, asks for what came after the number that it knows, and misses nothing.
struct EventJournal: Sendable {
    /// Events that are kept: of some 70 bytes each.
    static let limit: UInt64 = 100_000

    private var entries = NumberedHistory(.events, name: "events", limit: limit)

    init() {}

    /// Goes on with what a store has.
    ///
    /// - Parameter isProven: whether it is known to be the newest there is. Else it may be an old copy, and events that are not in it were told
    ///   already: their numbers are not used again.
    init(_ store: StoreContents, isProven: Bool) throws(DecodingFailure) {
        try entries.resume(store)
        if !isProven { entries.skip(Self.limit * 100) }
    }

    /// The number of the next event.
    var next: UInt64 { entries.next }

    /// Takes what happened in a batch.
    mutating func note(_ events: [NodeEvent], now: Timestamp, height: BlockHeight) {
        for event in events {
            guard let kind = StoredEvent.Kind(event) else { continue }
            entries.add { StoredEvent(number: $0, time: now, height: height, kind: kind).encoded() }
        }
    }

    /// What has to be stored of the changes since the last call; beyond the limit the oldest goes for each new one.
    mutating func drainWrites() -> [StoreWrite] { entries.drainWrites() }
}
