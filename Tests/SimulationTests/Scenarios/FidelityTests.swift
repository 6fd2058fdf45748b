import BitcoinPrimitives
import LightningPayment
import LightningSimulation
import LightningWire
import Testing

/// The same scenario on production nodes and as a flow.
@Suite("both fidelities agree")
struct FidelityTests {
    /// Five nodes in a ring and one across, with different terms: there is more than one way to everybody.
    static func network(seed: UInt64, duration: Duration = .seconds(120)) -> Scenario {
        let ends = [(0, 1), (1, 2), (2, 3), (3, 4), (4, 0), (1, 3)]
        let channels = ends.enumerated().map { number, ends in
            var channel = Scenario.Channel(
                from: ends.0, to: ends.1, capacity: Satoshi(1_000_000 + UInt64(number) * 300_000), pushed: MilliSatoshi(Satoshi(450_000)))
            channel.fromTerms?.feeBase = 500 + UInt32(number) * 250
            channel.toTerms?.feeProportionalMillionths = 50 + UInt32(number) * 40
            return channel
        }
        var scenario = Scenario(
            "ring", nodes: ["alice", "bob", "carol", "dave", "erin"], channels: channels, duration: duration)
        scenario.seed = seed
        scenario.latency = .milliseconds(20)...(.milliseconds(20))
        return scenario
    }

    static func both(_ scenario: Scenario) throws -> (full: ScenarioReport, flow: ScenarioReport) {
        var flow = scenario
        flow.fidelity = .flow
        return (try ProtocolRun.run(scenario), try FlowRun.run(flow))
    }

    @Test("payments that do not meet go the same ways, cost the same and take the same time", arguments: 1...4)
    func payments(seed: UInt64) throws {
        var scenario = Self.network(seed: seed)
        var payments = Scenario.Payments(
            from: Array(0..<5), to: Array(0..<5), every: .seconds(2), .logUniform(1000...30_000_000))
        payments.arrivals = .regular
        scenario.payments = [payments]
        let (full, flow) = try Self.both(scenario)
        #expect(full.payments.count == 60 && full.succeeded == 60)
        #expect(full.payments == flow.payments)
        #expect(full.channels.map(\.balanceSat.last) == flow.channels.map(\.balanceSat.last))
        #expect(full.nodes == flow.nodes)
    }

    @Test("large payments, which fail and go in parts, have the same outcomes where they do not meet", arguments: [3, 4] as [UInt64])
    func largePayments(seed: UInt64) throws {
        var scenario = Self.network(seed: seed, duration: .seconds(900))
        var payments = Scenario.Payments(from: Array(0..<5), to: Array(0..<5), every: .seconds(3), .logUniform(1000...600_000_000))
        payments.arrivals = .regular
        scenario.payments = [payments]
        let (full, flow) = try Self.both(scenario)
        var same = 0
        for (one, two) in zip(full.payments, flow.payments) {
            var (one, two) = (one, two)
            // A node computes how much would get there, to say it.
            (one.failure, two.failure) = (nil, nil)
            if one == two { same += 1 }
            #expect(one.hasSucceeded == two.hasSucceeded, "\(one)")
        }
        // HTLCs that come back just when others are tried are the rest.
        #expect(full.payments.count == 300 && full.failed > 3 && same >= 295, "\(same)")
        #expect(full.payments.contains { $0.hasSucceeded && $0.htlcs > 1 })
        #expect(full.feesMsat.distance(to: flow.feesMsat).magnitude * 1000 <= full.feesMsat)
    }

    @Test("payments that compete, fail and go in parts succeed about as often, at about the same cost", arguments: 1...3)
    func load(seed: UInt64) throws {
        var scenario = Self.network(seed: seed, duration: .seconds(300))
        scenario.latency = .milliseconds(10)...(.milliseconds(50))
        scenario.payments = [
            Scenario.Payments(from: Array(0..<5), to: Array(0..<5), every: .milliseconds(800), .logUniform(1000...600_000_000))
        ]
        scenario.absences = [.init(3, from: .seconds(100), for: .seconds(40))]
        let (full, flow) = try Self.both(scenario)
        var same = 0
        for (one, two) in zip(full.payments, flow.payments) where one.hasSucceeded == two.hasSucceeded { same += 1 }
        // The delays of messages are drawn in another order: what meets what differs a little.
        #expect(same * 100 >= full.payments.count * 95, "\(same) of \(full.payments.count) payments end in the same way")
        #expect(abs(full.htlcs - flow.htlcs) * 100 <= full.htlcs * 5)
        let (p50, flowP50) = (try #require(full.latencyP50), try #require(flow.latencyP50))
        #expect(abs(p50 - flowP50) * 100 <= p50 * 20)
        let (fees, flowFees) = (Double(full.feesMsat), Double(flow.feesMsat))
        #expect(abs(fees - flowFees) <= 0.25 * fees)
    }

    @Test("streams pay the same")
    func streams() throws {
        var scenario = Self.network(seed: 9, duration: .seconds(90))
        scenario.streams = [
            Scenario.Stream(from: 0, to: [.init(2, weight: 90), .init(3, weight: 10)], rate: .perSecond(MilliSatoshi(10_000))),
            Scenario.Stream(from: 4, to: [.init(1)], rate: .perSecond(MilliSatoshi(1_000_000))),
        ]
        scenario.streams[1].budget = MilliSatoshi(Satoshi(20_000))
        scenario.absences = [.init(2, from: .seconds(30), for: .seconds(10))]
        let (full, flow) = try Self.both(scenario)
        // Up to the moment at which a recipient goes and payments to it are lost, they are the same to the millisatoshi.
        #expect(full.streams[0].paidBySlice.prefix(40) == flow.streams[0].paidBySlice.prefix(40))
        #expect(full.streams[1] == flow.streams[1])
        for report in [full, flow] {
            let budget = report.streams[1]
            #expect(budget.paidMsat + budget.feesMsat <= 20_000_000 && budget.paidMsat > 19_900_000)
            let shared = report.streams[0]
            #expect(shared.feesMsat * 100 <= shared.paidMsat)
            #expect(shared.paidMsat > 850_000 && shared.paidMsat <= shared.dueMsat)
            #expect(report.payments.filter { $0.to == 3 }.reduce(0) { $0 + ($1.hasSucceeded ? $1.amountMsat : 0) } <= 90_000)
        }
    }
}
