import BitcoinPrimitives
import LightningRecords
import LightningSimulation
import Testing

@testable import LightningRuntime
@testable import LightningServer

@Suite("lists as phoenixd has them")
struct PhoenixPageTests {
    /// Records that were decided long after they began: each that was decided in the time is found, however old it is.
    @Test("a list of what was decided in a time has all of it, page by page", arguments: 0..<40)
    func decided(_ seed: UInt64) async throws {
        struct Record: Hashable {
            var begun: UInt64
            var decided: UInt64
        }
        var random = SeededRandom(seed: seed)
        let all = (0..<200).map { _ -> Record in
            let begun = random.next() % 100_000
            return Record(begun: begun, decided: (begun + random.next() % 50_000) / 1000 * 1000)
        }
        let history = Dictionary(all.map { ($0.begun, $0) }) { first, _ in first }.values.sorted { $0.begun > $1.begun }
        func read(_ before: HistoryPosition) -> HistoryPage<Record> {
            let rest = history.filter { $0.begun < before.order }
            let next = rest.count > 7 ? HistoryPosition(order: rest[6].begun, id: []) : nil
            return HistoryPage(records: Array(rest.prefix(7)), next: next)
        }
        let from = random.next() % 100_000
        let to = from + random.next() % 60_000
        for isInOrder in [true, false] {
            func time(_ record: Record) -> UInt64 { isInOrder ? record.begun / 1000 * 1000 : record.decided }
            let wanted = history.filter { time($0) <= to && time($0) + 999 >= from }
            var found: [Record] = []
            while true {
                let page = PhoenixPage(from: from, to: to, limit: 9, offset: found.count)
                let records = try await page.newest(isInOrder: isInOrder, { read($0) }) {
                    Timestamp(milliseconds: isInOrder ? $0.begun : $0.decided)
                }
                found += records
                if records.count < 9 { break }
            }
            #expect(found.map(time) == found.map(time).sorted(by: >), "seed \(seed)")
            #expect(Set(found) == Set(wanted) && found.count == Set(found).count, "seed \(seed)")
        }
    }
}
