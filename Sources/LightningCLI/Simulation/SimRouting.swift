import ArgumentParser
import BitcoinPrimitives
import Foundation
import LightningAPI
import LightningRouting
import LightningRuntime
import LightningSimulation
import LightningWire

/// `lnw sim routing`.
struct SimRouting: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "routing",
        abstract: "Payments over a real network whose money lies still: how many arrive, beside the simplest way to pay.")
    @OptionGroup var options: CommonOptions
    @Option(help: ArgumentHelp("A network's table, or one compressed with gzip.", valueName: "file")) var graph: String
    @Option(help: "How many payments.") var payments = 100
    @Option(help: "The seed.") var seed: UInt64 = 1
    @Option(help: "How much each is.", transform: Amount.parse) var amount = Amount(msat: 100_000_000)

    func validate() throws {
        if amount.msat == 0 { throw ValidationError("--amount must be more than nothing.") }
        guard (1...1_000_000).contains(payments) else { throw ValidationError("--payments must be 1 to 1000000.") }
    }

    /// Of a table's updates, and of the payments over it: what matters is that they are the same.
    private static let graphTime = Timestamp(seconds: 1_770_000_000)

    func run() async throws {
        let graph: NetworkGraph
        do throws(GraphTable.FileFailure) { graph = try GraphTable.load(self.graph, timestamp: Self.graphTime.headerTime) } catch {
            throw CallFailure(.refused, error.description)
        }
        var random = SeededRandom(seed: seed)
        var liquidity = FixedLiquidity(graph, now: Self.graphTime, using: &random)
        let amount = MilliSatoshi(amount.msat)
        let maxFee = MilliSatoshi(amount.value / 200)
        var pairs: [(payer: NodeKey, payee: NodeKey)] = []
        // Where there is no pair, there is none at a second look either.
        while pairs.count < payments, let pair = liquidity.pair(for: amount, using: &random) { pairs.append(pair) }
        guard !pairs.isEmpty else { throw CallFailure(.refused, "no two nodes of this network can pay \(amount) to each other") }
        let ways: [(String, FixedLiquidity.Way)] = [("plain_dijkstra", .plainDijkstra), ("lnw", .node)]
        var results: [String: JSONValue] = [:]
        var lines: [String] = []
        for (name, way) in ways {
            var finder = RouteFinder()
            var outcome = FixedLiquidity.Outcome()
            for pair in pairs { liquidity.pay(amount, from: pair.payer, to: pair.payee, maxFee: maxFee, way, &finder, &outcome) }
            results[name] = [
                "payments": .integer(Int64(outcome.payments)), "arrived": .integer(Int64(outcome.arrived)),
                "htlcs": .integer(Int64(outcome.attempts)), "parts": .integer(Int64(outcome.parts)), "fees_msat": .amount(outcome.fees),
            ]
            let arrived = Double(max(1, outcome.arrived))
            lines.append(
                Format.pad(name == "lnw" ? "as lnw pays" : "plain Dijkstra with retries", 30)
                    + String(
                        format: "%5.1f %% arrive   %.1f HTLCs   %.1f parts   fee %.3f %%",
                        100 * Double(outcome.arrived) / Double(pairs.count),
                        Double(outcome.attempts) / Double(pairs.count), Double(outcome.parts) / arrived,
                        Double(outcome.fees) / arrived / Double(amount.value) * 100))
        }
        options.show([
            "nodes": .integer(Int64(graph.nodeCount)), "channels": .integer(Int64(graph.channelCount)), "seed": .amount(seed),
            "amount_msat": .amount(amount.value), "max_fee_msat": .amount(maxFee.value), "results": .object(results),
        ]) { _ in
            "\(pairs.count) payments of \(amount) between nodes that have so much, over \(graph.nodeCount) nodes and "
                + "\(graph.channelCount) channels with money at random, fees up to 0.5 %, seed \(seed):\n" + lines.joined(separator: "\n")
        }
    }
}
