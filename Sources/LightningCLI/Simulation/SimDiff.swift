import ArgumentParser
import BitcoinPrimitives
import Foundation
import LightningAPI
import LightningRuntime
import LightningScenarios
import LightningSimulation
import LightningWire

/// `lnw sim diff`.
struct SimDiff: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff", abstract: "Two moments of a scenario beside each other: what changed between them.",
        discussion: """
            The scenario is run twice to the moments: the same seed gives the same events.

              lnw sim diff coffee.toml 4min 5min
            """)
    @OptionGroup var options: CommonOptions
    @OptionGroup var source: ScenarioOptions
    @Argument(help: "The earlier moment: 4min", transform: TimeArgument.parse) var first: Int64
    @Argument(help: "The later one: 5min", transform: TimeArgument.parse) var second: Int64

    func validate() throws {
        guard first > 0, second > first else { throw ValidationError("the moments are two different ones, the earlier first.") }
    }

    func run() async throws {
        let scenario = try source.scenario(try source.changes)
        guard Duration.milliseconds(second) <= scenario.duration else {
            throw CallFailure(.usage, "the scenario ends before \(ReportText.time(Int(second)))")
        }
        let (one, two) = (try moment(scenario, first), try moment(scenario, second))
        let channels = one.channels.indices.filter { one.channels[$0].balanceSat.last != two.channels[$0].balanceSat.last }
        let streams = one.streams.indices.filter { one.streams[$0].paidMsat != two.streams[$0].paidMsat }
        options.show([
            "from_ms": .integer(first), "to_ms": .integer(second), "begun": .integer(Int64(two.begun - one.begun)),
            "succeeded": .integer(Int64(two.succeeded - one.succeeded)), "failed": .integer(Int64(two.failed - one.failed)),
            "fees_msat": .amount(two.feesMsat - one.feesMsat),
            "channels": .array(
                channels.map { index in
                    [
                        "channel": .integer(Int64(index)), "from": .string(one.nodes[one.channels[index].from].name),
                        "to": .string(one.nodes[one.channels[index].to].name),
                        "from_had_sat": .amount(one.channels[index].balanceSat.last ?? 0),
                        "from_has_sat": .amount(two.channels[index].balanceSat.last ?? 0),
                    ]
                }),
            "streams": .array(
                streams.map { index in
                    ["stream": .integer(Int64(index)), "paid_msat": .amount(two.streams[index].paidMsat - one.streams[index].paidMsat)]
                }),
        ]) { _ in
            var lines = [
                "from \(ReportText.time(Int(first))) to \(ReportText.time(Int(second))) of \(scenario.name), seed \(scenario.seed)",
                "payments  \(two.begun - one.begun) begun, \(two.succeeded - one.succeeded) arrived, \(two.failed - one.failed) failed; fees \(Format.msat(two.feesMsat - one.feesMsat))",
            ]
            for index in streams {
                let stream = two.streams[index]
                lines.append(
                    "stream    \(two.nodes[stream.from].name) → \(stream.to.map { two.nodes[$0].name }.joined(separator: ",")): \(Format.msat(stream.paidMsat - one.streams[index].paidMsat)) more"
                )
            }
            for index in channels {
                let channel = two.channels[index]
                let (had, has) = (one.channels[index].balanceSat.last ?? 0, channel.balanceSat.last ?? 0)
                let change = has > had ? "+\(Format.sat(has - had))" : "-\(Format.sat(had - has))"
                lines.append(
                    "channel   \(two.nodes[channel.from].name) – \(two.nodes[channel.to].name): \(two.nodes[channel.from].name) had \(Format.sat(had)), has \(Format.sat(has)) (\(change))"
                )
            }
            return lines.joined(separator: "\n")
        }
    }

    /// The scenario until a moment.
    private func moment(_ scenario: Scenario, _ time: Int64) throws -> ScenarioReport {
        do throws(ScenarioFailure) { return try scenario.run(until: .milliseconds(time)) } catch { throw error.control }
    }
}
