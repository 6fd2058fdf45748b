import BitcoinPrimitives
import LightningRecords
import Testing

@testable import LightningCore

/// What a node keeps of what happened to it.
@Suite("the log")
struct EventLogTests {
    static let start = Timestamp(seconds: 1_700_000_000)

    @Test("alerts are always kept, notes as many as an owner reads; each has its number, also after a restart")
    func kept() throws {
        var log = EventLog()
        var store = StoreContents()
        let events: [NodeEvent] = (0..<200).map { $0.isMultiple(of: 2) ? .note("note \($0)") : .alert("alert \($0)") }
        log.note(events + [.block(height: 7)], now: Self.start, height: 7)
        store.apply(log.drainWrites())
        #expect(log.drainWrites().isEmpty)
        var entries = try store.records(.log).map { try LogEntry(record: $0) }
        #expect(entries.count == 160 && entries.count { $0.level == .alert } == 100)
        #expect(entries.map(\.number) == Array(1...160) && entries[0].text == "note 0" && entries[0].height == 7)
        #expect(entries.allSatisfy { $0.time == Self.start })
        log = try EventLog(store)
        log.note([.note("later")], now: Self.start + .seconds(900), height: 8)
        store.apply(log.drainWrites())
        entries = try store.page(.log, before: nil, limit: 1).entries.map { try LogEntry(record: $0.record) }
        #expect(entries == [LogEntry(number: 161, time: Self.start + .seconds(900), height: 8, level: .notice, text: "later")])
    }

    @Test("the last 10,000 entries are kept")
    func bounded() throws {
        var log = EventLog()
        var store = StoreContents()
        for batch in 0..<105 {
            log.note((0..<100).map { .alert("\(batch * 100 + $0)") }, now: Self.start, height: 1)
            store.apply(log.drainWrites())
        }
        let entries = try store.records(.log).map { try LogEntry(record: $0) }
        #expect(entries.count == 10_000 && entries.first?.text == "500" && entries.last?.text == "10499")
    }

    @Test("records that are cut off, of another version or of no level are refused")
    func damaged() throws {
        let entry = LogEntry(number: 3, time: Self.start, height: 5, level: .alert, text: "a text, in UTF-8: ₿")
        let record = entry.encoded()
        #expect(try LogEntry(record: record) == entry)
        for length in 0..<record.count {
            #expect(throws: DecodingFailure.self) { _ = try LogEntry(record: Array(record.prefix(length))) }
        }
        #expect(throws: DecodingFailure.self) { _ = try LogEntry(record: [2] + record.dropFirst()) }
        #expect(throws: DecodingFailure.self) { _ = try LogEntry(record: record + [0]) }
        for bad in [[], [1], [2, 0, 0, 0, 0, 0, 0, 0, 1], [1, 0, 0, 0, 0, 0, 0, 0, 0], [1] + [UInt8](repeating: 0xff, count: 8)] {
            var store = StoreContents()
            store.apply([.put(.meta, key: StoreTable.key("log"), record: bad)])
            #expect(throws: DecodingFailure.self) { _ = try EventLog(store) }
        }
    }
}
