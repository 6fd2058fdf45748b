import BitcoinPrimitives
import LightningSimulation
import TestSupport
import Testing

@Suite("two nodes in virtual time", .ownThreads)
struct TwoNodeHistoryTests {
    @Test("histories without faults end well", arguments: UInt64(0)..<12)
    func calm(seed: UInt64) throws {
        let report = try TwoNodeHistory.run(seed: seed, faults: .none)
        BlockJournal.write("calm-\(seed)", report.blocks.map { $0.serialized() })
        #expect(report.succeeded > 0)
    }

    @Test("histories with lost connections and crashes end well", arguments: UInt64(1000)..<1020)
    func rough(seed: UInt64) throws {
        let report = try TwoNodeHistory.run(seed: seed)
        BlockJournal.write("rough-\(seed)", report.blocks.map { $0.serialized() })
    }

    @Test("the same seed gives the same history")
    func determinism() throws {
        let first = try TwoNodeHistory.run(seed: 77)
        let second = try TwoNodeHistory.run(seed: 77)
        #expect(first.blocks == second.blocks)
        #expect(first.deliveries == second.deliveries)
    }
}
