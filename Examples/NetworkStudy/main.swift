// A study of routing: what does a higher price of forwarding do to a network? The same payments, with the same seed, on the same thirty nodes,
// at four prices; a page to look at for the last of them.
import Foundation
import Lightning
import LightningScenarios
import LightningSimulation

/// Thirty nodes, each with a channel to the next three: many ways to everybody.
func scenario(ppm: UInt32) -> Scenario {
    let count = 30
    var channels: [Scenario.Channel] = []
    for from in 0..<count {
        for step in 1...3 {
            var channel = Scenario.Channel(
                from: from, to: (from + step) % count, capacity: Satoshi(2_000_000), pushed: MilliSatoshi(Satoshi(1_000_000)))
            channel.fromTerms?.feeProportionalMillionths = ppm
            channel.toTerms?.feeProportionalMillionths = ppm
            channels.append(channel)
        }
    }
    var scenario = Scenario(
        "thirty nodes at \(ppm) ppm", nodes: (1...count).map { "n\($0)" }, channels: channels, duration: .seconds(600))
    scenario.seed = 42
    scenario.fidelity = .flow
    scenario.payments = [
        Scenario.Payments(from: Array(0..<count), to: Array(0..<count), every: .milliseconds(200), .logUniform(1_000_000...200_000_000))
    ]
    // One of them pays another one by the second meanwhile.
    scenario.streams = [Scenario.Stream(from: 0, to: [.init(15)], rate: .perSecond(MilliSatoshi(Satoshi(20))))]
    return scenario
}

print("  ppm   arrived   fees of what arrived   earned by the busiest node")
var last: ScenarioReport?
for ppm: UInt32 in [10, 100, 1000, 4000] {
    let report = try FlowRun.run(scenario(ppm: ppm))
    let arrived = 100 * Double(report.succeeded) / Double(report.begun)
    let fees = 100 * Double(report.feesMsat) / Double(report.amountMsat)
    let most = report.nodes.map(\.earnedMsat).max() ?? 0
    print(String(format: "%5d   %5.1f %%   %18.3f %%   %22.1f sat", Int(ppm), arrived, fees, Double(most) / 1000))
    last = report
}

let path = CommandLine.arguments.count > 1 ? CommandLine.arguments[1] : NSTemporaryDirectory() + "network-study.html"
try HTMLReport(last!).text.write(toFile: path, atomically: true, encoding: .utf8)
print("report: \(path)")
