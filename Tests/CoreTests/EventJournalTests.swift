import BitcoinPrimitives
import CryptoPrimitives
import LightningEnforcement
import LightningInvoice
import LightningPayment
import LightningRecords
import LightningSimulation
import LightningWire
import Testing

@testable import LightningCore

/// The events that a node keeps for whoever was away.
@Suite("stored events")
struct EventJournalTests {
    static let start = Timestamp(milliseconds: 1_700_000_000_123)

    static let kinds: [StoredEvent.Kind] = {
        let hash = PaymentHash(Hash.sha256([1]))
        let (one, other) = (ChannelID(Hash.sha256([2])), ChannelID(Hash.sha256([3])))
        let (few, many) = (MilliSatoshi(7), MilliSatoshi(5001))
        return [
            .paymentReceived(hash, few, isKeysend: false), .paymentReceived(hash, many, isKeysend: true),
            .paymentHeld(hash, MilliSatoshi(.max)), .paymentSucceeded(hash, many, fee: few),
            .paymentFailed(hash, few),
            .forwarded(from: one, to: other, incoming: many, outgoing: few), .channelUsable(one),
            .channelAnnounced(one, ShortChannelID(block: 7, transaction: 1, output: 0)), .channelClosing(other, .revokedCommitment),
            .channelClosed(other), .channelsRestored([one, other]), .channelsRestored([]),
            .publicationRefused(TransactionID(Hash.sha256([4])), "min relay fee not met"),
            .streamOver(3, paid: many, fees: few, payments: 9), .alert("money: ₿"), .alert(""),
        ]
    }()

    @Test("each kind is read as it was written; what is cut off, longer or of another version is refused", arguments: kinds)
    func records(_ kind: StoredEvent.Kind) throws {
        let event = StoredEvent(number: 5, time: Self.start, height: 800_000, kind: kind)
        let record = event.encoded()
        #expect(try StoredEvent(record: record) == event)
        for length in 0..<record.count {
            #expect(throws: DecodingFailure.self) { _ = try StoredEvent(record: Array(record.prefix(length))) }
        }
        #expect(throws: DecodingFailure.self) { _ = try StoredEvent(record: record + [0]) }
        #expect(throws: DecodingFailure.self) { _ = try StoredEvent(record: [2] + record.dropFirst()) }
    }

    @Test("what happens is numbered, also over a restart, and what a stranger brings about for nothing is not kept")
    func numbered() throws {
        var journal = EventJournal()
        var store = StoreContents()
        let id = ChannelID(Hash.sha256([9]))
        journal.note(
            [.block(height: 7), .channelOpening(id), .channelUsable(id), .note("x"), .alert("a")], now: Self.start, height: 7)
        store.apply(journal.drainWrites())
        #expect(journal.drainWrites().isEmpty)
        journal = try EventJournal(store, isProven: true)
        journal.note([.channelClosed(id)], now: Self.start + .seconds(5), height: 8)
        store.apply(journal.drainWrites())
        let events = try store.records(.events).map { try StoredEvent(record: $0) }
        #expect(events.map(\.kind) == [.channelUsable(id), .alert("a"), .channelClosed(id)])
        #expect(events.map(\.number) == [1, 2, 3] && events.map(\.height) == [7, 7, 8] && events[2].time == Self.start + .seconds(5))
    }

    @Test("of a store that may be an old copy no number is used again")
    func doubtful() throws {
        var journal = EventJournal()
        var store = StoreContents()
        for text in ["a", "b"] { journal.note([.alert(text)], now: Self.start, height: 1) }
        store.apply(journal.drainWrites())
        var copy = try EventJournal(store, isProven: false)
        // At once: the next start may be a proven one.
        store.apply(copy.drainWrites())
        #expect(try EventJournal(store, isProven: true).next == copy.next && copy.next > 1_000_000)
    }

    @Test("keysends of next to nothing, payments of streams and forwards that earn nothing are not kept: strangers would push out the rest")
    func cheap() throws {
        // BOLT 11's example.
        let invoice = try Invoice(
            "lnbc2500u1pvjluezsp5zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zyg3zygspp5qqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqqqsyqcyq5rqwzqfqypqdq5xysxxatsyp3k7enxv4jsxqzpu9qrsgquk0rl77nj30yxdy8j9vdx85fkpmdla2087ne0xh8nhedh8w27kyke0lp53ut353s06fv3qfegext0eh0ymjpf39tuven09sam30g4vgpfna3rh"
        )
        func record(isSpontaneous: Bool, _ records: [UInt64: [UInt8]] = [:]) -> InvoiceRecord {
            var record = InvoiceRecord(invoice: invoice, preimage: nil, isSpontaneous: isSpontaneous)
            record.customRecords = records
            return record
        }
        func isKept(_ record: InvoiceRecord, _ msat: UInt64) -> Bool {
            StoredEvent.Kind(.paymentReceived(record, MilliSatoshi(msat))) != nil
        }
        #expect(isKept(record(isSpontaneous: false), 1) && isKept(record(isSpontaneous: true), 1000))
        #expect(!isKept(record(isSpontaneous: true), 999))
        // A tag is the payer's word alone: what is in no stream's record is kept, whatever it says.
        var tagged = record(isSpontaneous: true, [StreamPayload.tag: Array(repeating: 7, count: 16)])
        #expect(isKept(tagged, 100_000))
        tagged.isPartOfStream = true
        #expect(!isKept(tagged, 100_000))
    }

    /// Starts, proven and not, and restarts at any point: the last ones are there, numbers grow, and nothing older stays on the disk.
    @Test("the last ones are kept, also over numbers that were left out", arguments: 0..<60)
    func gaps(_ seed: UInt64) throws {
        var random = SeededRandom(seed: seed)
        var store = StoreContents()
        var history = NumberedHistory(.events, name: "events", limit: 10)
        var numbers: [UInt64] = []
        for _ in 0..<400 {
            switch random.next() % 12 {
            case 0: history.skip(1 + random.next() % 1_000_000)
            case 1:
                store.apply(history.drainWrites())
                let next = history.next
                history = NumberedHistory(.events, name: "events", limit: 10)
                try history.resume(store)
                #expect(history.next == next, "seed \(seed)")
            default:
                history.add { number in
                    #expect(number > numbers.last ?? 0, "seed \(seed)")
                    numbers.append(number)
                    return [1]
                }
            }
            store.apply(history.drainWrites())
            let kept = store.entries(.events).compactMap { HistoryPosition(key: $0.key)?.order }
            #expect(kept == Array(numbers.suffix(10)), "seed \(seed)")
        }
        let head = try #require(store.record(.meta, "events"))
        #expect(head.count < 400, "gaps that are past are forgotten")
        for length in 0..<head.count {
            var damaged = store
            damaged.apply([.put(.meta, key: StoreTable.key("events"), record: Array(head.prefix(length)))])
            var other = NumberedHistory(.events, name: "events", limit: 10)
            #expect(throws: DecodingFailure.self) { try other.resume(damaged) }
        }
    }

    @Test("the last ones are kept")
    func bounded() throws {
        var journal = EventJournal()
        var count = 0
        var first: UInt64 = 1
        for batch in 0..<1001 {
            journal.note((0..<100).map { .alert("\(batch * 100 + $0)") }, now: Self.start, height: 1)
            for write in journal.drainWrites() {
                switch write {
                case .put(.events, _, _): count += 1
                case .delete(.events, let key):
                    count -= 1
                    first = try #require(HistoryPosition(key: key)).order + 1
                default: break
                }
            }
        }
        #expect(count == Int(EventJournal.limit) && first == 101 && journal.next == 100_101)
    }
}
