import LightningSimulation
import TestSupport
import Testing

/// Closes on chain with HTLCs under way, whatever goes wrong beside.
@Suite("contested closes", .ownThreads)
struct ContestedHistoryTests {
    @Test("twelve histories of three nodes: who was there has what its books say")
    func histories() throws {
        var outputs: [String: Int] = [:]
        for seed in UInt64(7000)..<7012 {
            let report = try ContestedHistory.run(seed: seed)
            outputs.merge(report.outputs) { $0 + $1 }
        }
        // The usual ways in which an HTLC ends on chain were seen; `lnw simulate --contested` sees all of them.
        for what in [
            "local force close, offeredHTLC, ours", "remote force close, offeredHTLC, ours", "local force close, secondLevel, ours",
        ] {
            #expect(outputs[what, default: 0] > 0, "\(outputs)")
        }
    }
}
