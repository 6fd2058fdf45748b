import LightningSimulation
import TestSupport
import Testing

/// Closes on chain with HTLCs under way, whatever goes wrong beside.
@Suite("contested closes", .ownThreads)
struct ContestedHistoryTests {
    @Test("twelve histories of lines, rings and stars: who was there has what its books say")
    func histories() throws {
        var outputs: [String: Int] = [:]
        for seed in UInt64(7000)..<7012 {
            let report = try ContestedHistory.run(seed: seed)
            outputs.merge(report.outputs) { $0 + $1 }
        }
        // The usual ways in which an HTLC ends on chain were seen; `lnw sim swarm --contested` sees all of them.
        for what in [
            "local force close, offeredHTLC, ours", "remote force close, offeredHTLC, ours", "local force close, secondLevel, ours",
        ] {
            #expect(outputs[what, default: 0] > 0, "\(outputs)")
        }
    }

    @Test("a cheater that takes an HTLC to its second step loses it there", arguments: [7121])
    func secondStep(seed: UInt64) throws {
        let report = try ContestedHistory.run(seed: seed, actions: 20, adversaries: [.cheater])
        #expect(report.breaches > 0 && report.secondSteps > 0)
        #expect(report.outputs["breach (penalty), penaltySecondLevel, ours"] == report.secondSteps, "\(report.outputs)")
    }

    @Test("who opens a channel and spends its coins otherwise takes nothing from the other side", arguments: [7200, 7202, 7204])
    func doubleSpend(seed: UInt64) throws {
        let report = try ContestedHistory.run(seed: seed, actions: 20, adversaries: [.doubleSpender])
        #expect(report.doubleSpends > 0)
    }

    @Test("who is away until the cheater's delay has ended, and has a watchtower, loses nothing", arguments: [108, 114, 132, 207])
    func watchtower(seed: UInt64) throws {
        let report = try ContestedHistory.run(seed: seed, actions: 20, adversaries: [.cheater, .vanisher])
        #expect(report.watched > 0)
        // The outputs of the cheater were taken, and not by it.
        #expect(report.outputs["breach (penalty), penaltyToLocal, ours", default: 0] > 0, "\(report.outputs)")
        #expect(report.outputs["breach (penalty), penaltyToLocal, the peer's"] == nil, "\(report.outputs)")
    }
}
