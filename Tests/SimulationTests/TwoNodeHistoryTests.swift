import LightningSimulation
import Testing

@Suite("two nodes in virtual time")
struct TwoNodeHistoryTests {
    @Test("histories without faults end well", arguments: UInt64(0)..<12)
    func calm(seed: UInt64) throws {
        let report = try TwoNodeHistory.run(seed: seed, faults: .none)
        #expect(report.succeeded > 0)
    }

    @Test("histories with lost connections and crashes end well", arguments: UInt64(1000)..<1060)
    func rough(seed: UInt64) throws {
        _ = try TwoNodeHistory.run(seed: seed)
    }

    @Test("the same seed gives the same history")
    func determinism() throws {
        let first = try TwoNodeHistory.run(seed: 77)
        let second = try TwoNodeHistory.run(seed: 77)
        #expect(first.blocks == second.blocks)
        #expect(first.deliveries == second.deliveries)
    }
}
