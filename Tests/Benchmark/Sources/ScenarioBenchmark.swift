import BitcoinPrimitives
import CryptoPrimitives
import Foundation
import LightningPayment
import LightningRouting
import LightningRuntime
import LightningScenarios
import LightningSimulation
import LightningWire

/// Scenarios in both fidelities, beside what they are made of: signatures, and searches.
enum ScenarioBenchmark {
    /// - Parameter table: of a real network; `nil` leaves the flow over it out.
    static func run(_ table: String?) throws {
        let verified = verifications()
        line("one signature verified", perSecond(verified.count, verified.cpu))
        try twoHops(verificationCost: verified.cpu / Double(verified.count))
        try manyNodes()
        guard let table else { return line("a real network", "left out: lightning-benchmark scenarios TABLE") }
        try realNetwork(table)
    }

    private static func verifications() -> (count: Int, cpu: Double) {
        let secret = SecretKey(Hash.sha256([1]))!
        let (key, hash) = (secret.publicKey(), Hash.sha256([2]))
        let signature = secret.sign(hash)
        let count = 20_000
        var valid = 0
        let time = measure { for _ in 0..<count where signature.verify(hash, key: key) { valid += 1 } }
        precondition(valid == count)
        return (count, time.cpu)
    }

    /// Invoices over two hops between production nodes, the building of the network left out.
    private static func twoHops(verificationCost: Double) throws {
        func scenario(_ seconds: Int) -> Scenario {
            let channels = [(0, 1), (1, 2)].map {
                Scenario.Channel(from: $0.0, to: $0.1, capacity: Satoshi(100_000_000), pushed: MilliSatoshi(Satoshi(50_000_000)))
            }
            var scenario = Scenario("two hops", nodes: ["a", "b", "c"], channels: channels, duration: .seconds(seconds))
            scenario.payments = [.init(from: [0], to: [2], every: .milliseconds(4), .fixed(1_000_000))]
            return scenario
        }
        let empty = try measure { _ = try ProtocolRun.run(scenario(1)) }
        var report: ScenarioReport?
        let full = try measure { report = try ProtocolRun.run(scenario(21)) }
        guard let report else { return }
        let (count, cpu) = (report.succeeded * 20 / 21, full.cpu - empty.cpu)
        line(
            "protocol: payments over two hops",
            perSecond(count, cpu) + String(format: "   each as long as %.1f verifications", cpu / Double(count) / verificationCost))
    }

    private static func manyNodes() throws {
        var random = SeededRandom(seed: 3)
        let topology = Topology(.random, nodes: 20, using: &random)
        let channels = topology.channels.map {
            Scenario.Channel(from: $0.0, to: $0.1, capacity: Satoshi(10_000_000), pushed: MilliSatoshi(Satoshi(5_000_000)))
        }
        var scenario = Scenario("twenty nodes", nodes: (0..<20).map { "n\($0)" }, channels: channels, duration: .seconds(3600))
        scenario.payments = [.init(from: Array(0..<20), to: Array(0..<20), every: .seconds(30), .logUniform(1000...100_000_000))]
        scenario.disconnectEvery = .seconds(600)
        scenario.crashEvery = .seconds(3600)
        let time = try measure { _ = try ProtocolRun.run(scenario) }
        line(
            "protocol: an hour of twenty nodes under faults",
            String(format: "%10.1f s, %.0f times as fast as it passes", time.cpu, 3600 / time.cpu))
    }

    private static func realNetwork(_ path: String) throws {
        let text = """
            duration = "1min"
            fidelity = "flow"
            [network]
            table = "table"
            balance = "0..1"
            [[payments]]
            from = "connected"
            to = "connected"
            every = "2ms"
            amount = "1sat..100000sat"
            """
        let table = try NetworkTable(try GraphTable.contents(of: path))
        var scenario = try ScenarioFile.read(text, name: "real network") { _ in table }
        var report: ScenarioReport?
        let payments = scenario.payments
        // What it takes without payments: the network, the slices.
        scenario.payments[0].interval = .seconds(59)
        let empty = try measure { _ = try FlowRun.run(scenario) }
        scenario.payments = payments
        let full = try measure { report = try FlowRun.run(scenario) }
        guard let report else { return }
        // The searches alone, over the same graph without what was learned.
        var graph = try RoutingBenchmark.load(path)
        let (nodes, count) = (scenario.connectedNodes, 3000)
        var (finder, estimates, random) = (RouteFinder(), LiquidityEstimates(), SeededRandom(seed: 9))
        let keys = nodes.map { GraphTable.key(UInt64(table.nodes[$0])!) }
        let search = measure {
            for _ in 0..<count {
                let query = RouteQuery(
                    from: keys.randomElement(using: &random)!, to: keys.randomElement(using: &random)!,
                    amount: MilliSatoshi(random.chance(1, in: 2) ? 1_000_000 : 30_000_000), maxFee: MilliSatoshi(.max >> 1),
                    finalCLTVDelta: 144, localChannels: nil, now: RoutingBenchmark.now)
                _ = try? finder.findRoute(query, &graph, &estimates)
            }
        }
        let cost = (full.cpu - empty.cpu) / Double(report.begun)
        line(
            "flow: payments over \(scenario.nodes.count) nodes",
            perSecond(report.begun, full.cpu - empty.cpu)
                + String(format: "   each as long as %.1f searches", cost / (search.cpu / Double(count))))
    }
}
