import BitcoinPrimitives
import LightningPayment
import LightningWire
import Testing

@testable import LightningSimulation

@Suite("scenarios")
struct ScenarioTests {
    static func line(_ duration: Duration = .seconds(60)) -> Scenario {
        var scenario = Scenario(
            "line", nodes: ["alice", "bob", "carol"],
            channels: [
                .init(from: 0, to: 1, capacity: Satoshi(1_000_000), pushed: MilliSatoshi(Satoshi(500_000))),
                .init(from: 1, to: 2, capacity: Satoshi(1_000_000), pushed: MilliSatoshi(Satoshi(500_000))),
            ], duration: duration)
        scenario.payments = [.init(from: [0], to: [2], every: .milliseconds(500), .fixed(10_000))]
        return scenario
    }

    @Test("the same scenario and seed give the same report, another seed another one", arguments: Scenario.Fidelity.allCases)
    func determinism(fidelity: Scenario.Fidelity) throws {
        var scenario = Self.line()
        scenario.fidelity = fidelity
        scenario.disconnectEvery = .seconds(20)
        scenario.crashEvery = .seconds(30)
        func run(_ scenario: Scenario) throws -> ScenarioReport {
            fidelity == .full ? try ProtocolRun.run(scenario) : try FlowRun.run(scenario)
        }
        let report = try run(scenario)
        #expect(try run(scenario) == report)
        // The same on any machine: whoever changes what nodes say to each other, or when, records it anew.
        let known = [
            Scenario.Fidelity.full: "067dd9c2307f34620bd8ab42154f5f5442ffa82daa51e13ccb7b063b140bc5bb",
            .flow: "d655811dcccdab4c694ffffe493a8eaaf7cc1d2cdbe058fa4918dce34eda6a4a",
        ]
        #expect(report.trace == known[fidelity])
        scenario.seed = 2
        #expect(try run(scenario).trace != report.trace)
    }

    @Test("a run that is interrupted reports what was until then, and is the beginning of the whole", arguments: Scenario.Fidelity.allCases)
    func interrupted(fidelity: Scenario.Fidelity) throws {
        var scenario = Self.line()
        scenario.fidelity = fidelity
        func run(_ progress: (Double) -> Bool) throws -> ScenarioReport {
            fidelity == .full ? try ProtocolRun.run(scenario, progress: progress) : try FlowRun.run(scenario, progress: progress)
        }
        let whole = try run { _ in true }
        let part = try run { $0 < 0.5 }
        #expect(part.isPartial && !whole.isPartial)
        #expect(part.duration == 30_000 && part.slices.count == 60)
        #expect(Array(whole.slices.prefix(60)) == part.slices)
        #expect(part.begun < whole.begun && part.begun > 0)
    }

    @Test("slices and payments add up to the totals, and no money is made", arguments: Scenario.Fidelity.allCases)
    func sums(fidelity: Scenario.Fidelity) throws {
        var scenario = Self.line()
        scenario.fidelity = fidelity
        scenario.payments[0].amounts = .exponential(mean: 40_000_000)
        scenario.streams = [.init(from: 2, to: [.init(0)], rate: .perSecond(MilliSatoshi(5000)))]
        let report = fidelity == .full ? try ProtocolRun.run(scenario) : try FlowRun.run(scenario)
        #expect(report.slices.count == 120)
        #expect(report.slices.reduce(0) { $0 + $1.begun } == report.begun)
        #expect(report.slices.reduce(0) { $0 + $1.succeeded } == report.succeeded)
        #expect(report.slices.reduce(0) { $0 + $1.failed } == report.failed)
        #expect(report.slices.reduce(0) { $0 + $1.feesMsat } == report.feesMsat)
        #expect(report.sizes.reduce(0) { $0 + $1.succeeded } == report.succeeded)
        #expect(report.payments.count == report.begun)
        #expect(report.payments.reduce(0) { $0 + ($1.feeMsat ?? 0) } == report.feesMsat)
        #expect(report.failures.reduce(0) { $0 + $1.count } == report.failed)
        #expect(report.failed > 0 && report.succeeded > 0)
        // Bob earns what the others pay, but for what is under way.
        let ofForwards = report.nodes[1].earnedMsat
        #expect(report.nodes[0].earnedMsat == 0 && ofForwards > 0 && ofForwards <= report.feesMsat)
        for channel in report.channels { #expect(channel.balanceSat.allSatisfy { $0 <= channel.capacitySat }) }
        #expect(report.streams[0].paidBySlice.last == report.streams[0].paidMsat)
    }

    @Test("blocks and absences do not make a stream pay in advance", arguments: Scenario.Fidelity.allCases)
    func streamsAreNotAhead(fidelity: Scenario.Fidelity) throws {
        var scenario = Self.line(.seconds(240))
        scenario.fidelity = fidelity
        scenario.payments = []
        scenario.blockInterval = .seconds(5)
        scenario.streams = [.init(from: 0, to: [.init(1)], rate: .perSecond(MilliSatoshi(5000)))]
        scenario.absences = [.init(2, from: .seconds(50), for: .seconds(20))]
        let report = fidelity == .full ? try ProtocolRun.run(scenario) : try FlowRun.run(scenario)
        if fidelity == .full { #expect(report.blocks.count > 30) }
        for (index, paid) in report.streams[0].paidBySlice.enumerated() {
            #expect(paid <= UInt64((index + 1) * report.sliceLength) * 5)
        }
        #expect(report.streams[0].paidMsat >= 1_180_000)
    }

    @Test("a run until a moment is the beginning of the whole run", arguments: Scenario.Fidelity.allCases)
    func until(fidelity: Scenario.Fidelity) throws {
        var scenario = Self.line()
        scenario.fidelity = fidelity
        func run(_ until: Duration?) throws -> ScenarioReport {
            fidelity == .full ? try ProtocolRun.run(scenario, until: until) : try FlowRun.run(scenario, until: until)
        }
        let (whole, part) = (try run(nil), try run(.milliseconds(30_100)))
        #expect(part.duration == 30_100 && part.slices.count == 61)
        #expect(Array(whole.slices.prefix(60)) == Array(part.slices.prefix(60)))
        #expect(whole.payments.prefix(part.begun).map(\.time) == part.payments.map(\.time))
    }

    @Test("a flow's channels hold what they held, whatever is under way")
    func conservation() {
        var scenario = Self.line()
        scenario.fidelity = .flow
        var network = FlowNetwork(scenario)
        let offers = [(10_000_000, 0), (1000, 0), (7_000_000, 3), (network.spendable(0), 0)].map { network.offer($0.0, $0.1) }
        #expect(offers == [true, true, true, false])
        #expect(network.dust == 1000)
        network.end(10_000_000, 0, isFulfilled: true)
        network.end(1000, 0, isFulfilled: false)
        network.end(7_000_000, 3, isFulfilled: true)
        #expect(network.balances == [490_000_000, 510_000_000, 507_000_000, 493_000_000])
        #expect(network.offered == [0, 0, 0, 0] && network.dust == 0)
    }

    @Test("arrivals and amounts are distributed as they are to be")
    func distributions() {
        var random = SeededRandom(seed: 5)
        let times = (0..<20_000).map { _ in random.exponential(mean: 1000) }
        let mean = times.reduce(0, +) / 20_000
        #expect((970...1030).contains(mean))
        // An exponential distribution has 1 - 1/e below its mean, and 1/e^3 beyond three of them.
        #expect((62...65).contains(times.count { $0 < 1000 } * 100 / 20_000))
        #expect((880...1110).contains(times.count { $0 > 3000 }))
        let amounts = (0..<10_000).map { _ in random.logUniform(1000...1_000_000_000) }
        #expect(amounts.allSatisfy { (1000...1_000_000_000).contains($0) })
        // Six orders of magnitude, each with a sixth.
        var limit: UInt64 = 10_000
        while limit <= 1_000_000_000 {
            #expect((1550...1800).contains(amounts.count { $0 > limit / 10 && $0 <= limit }), "up to \(limit)")
            limit *= 10
        }
        var scenario = Self.line(.seconds(3600))
        scenario.payments.append(.init(from: [2], to: [0, 1], every: .seconds(10), .uniform(1...5)))
        scenario.payments[1].arrivals = .regular
        scenario.payments[1].start = .seconds(100)
        scenario.payments[1].duration = .seconds(50)
        var workload = Workload(scenario)
        var planned: [PlannedPayment] = []
        while let next = workload.next() { planned.append(next) }
        #expect(planned.map(\.time) == planned.map(\.time).sorted())
        #expect(planned.map(\.number) == Array(0..<planned.count))
        #expect(planned.filter { $0.payer == 2 }.map(\.time) == [100_000, 110_000, 120_000, 130_000, 140_000])
        #expect(planned.allSatisfy { $0.maxFee == 5000 && $0.payer != $0.payee })
        #expect((6900...7500).contains(planned.count))
        // Short pauses are no shorter than they are to be.
        var dense = Self.line(.seconds(20))
        dense.payments[0].interval = .milliseconds(2)
        var many = Workload(dense)
        var count = 0
        while many.next() != nil { count += 1 }
        #expect((9700...10_300).contains(count))
    }

    @Test("those who can all pay each other are found, by trying every pair of small networks", arguments: 1...30)
    func connected(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        let count = Int.random(in: 2...8, using: &random)
        var scenario = Scenario("pairs", nodes: (0..<count).map { "\($0)" }, channels: [], duration: .seconds(1))
        for _ in 0..<Int.random(in: 0...12, using: &random) {
            var channel = Scenario.Channel(
                from: Int.random(in: 0..<count, using: &random), to: Int.random(in: 0..<count, using: &random), capacity: Satoshi(1),
                pushed: .zero)
            if random.chance(1, in: 3) { channel.fromTerms = nil }
            channel.toTerms?.isDisabled = random.chance(1, in: 3)
            scenario.channels.append(channel)
        }
        // Who reaches whom, by adding one hop after the other.
        var reaches = (0..<count).map { one in (0..<count).map { one == $0 } }
        for _ in 0..<count {
            for channel in scenario.channels {
                for node in 0..<count {
                    if channel.fromTerms != nil, reaches[node][channel.from] { reaches[node][channel.to] = true }
                    if channel.toTerms?.isDisabled == false, reaches[node][channel.to] { reaches[node][channel.from] = true }
                }
            }
        }
        let sets = (0..<count).map { one in (0..<count).filter { reaches[one][$0] && reaches[$0][one] } }
        let found = scenario.connectedNodes
        #expect(sets.contains(found) && found.count == sets.map(\.count).max())
    }

    @Test("a flow that uses routes again pays as much, and looks for routes when one fails")
    func routeReuse() throws {
        var scenario = Self.line(.seconds(300))
        scenario.fidelity = .flow
        scenario.payments[0].amounts = .fixed(5_000_000)
        scenario.absences = [.init(1, from: .seconds(40), for: .seconds(10))]
        let each = try FlowRun.run(scenario)
        scenario.routeReuse = .seconds(60)
        let again = try FlowRun.run(scenario)
        // The balance of the line is used up: later payments fail in both.
        #expect(each.failed > 50 && each.succeeded == again.succeeded && each.feesMsat == again.feesMsat)
        scenario.fidelity = .full
        #expect(throws: ScenarioProblem.self) { try scenario.check() }
    }

    @Test("impossible scenarios are refused with the reason, before anything runs")
    func impossible() throws {
        func problem(_ change: (inout Scenario) -> Void) -> ScenarioProblem? {
            var scenario = Self.line()
            change(&scenario)
            do { try scenario.check() } catch { return error }
            return nil
        }
        #expect(problem { _ in } == nil)
        #expect(problem { $0.nodes = ["alice"] } == .nodes(1, most: Scenario.maxProtocolNodes))
        #expect(problem { $0.nodes[1] = "alice" } == .name("alice"))
        #expect(problem { $0.channels[0].to = 7 } == .unknownNode(7, "channel 1"))
        #expect(problem { $0.channels[1].to = 1 } == .channel(1, "it joins a node with itself"))
        #expect(problem { $0.channels[1].pushed = MilliSatoshi(1_000_000_001) } == .channel(1, "the balance is more than it holds"))
        #expect(problem { $0.payments = [] } == .idle)
        #expect(problem { $0.payments[0].payees = [-1] } == .unknownNode(-1, "payments 1"))
        #expect(problem { $0.payments[0].payees = [0] } == .workload("payments 1", "a node cannot pay itself"))
        #expect(problem { $0.payments[0].interval = .zero } != nil)
        #expect(
            problem { $0.payments[0].amounts = .fixed(0) }
                == .workload("payments 1", "an amount is at least 1 msat, and not more than there is"))
        #expect(problem { $0.payments[0].start = .seconds(60) } == .workload("payments 1", "it begins after the end"))
        #expect(
            problem { $0.streams = [.init(from: 0, to: [.init(0)], rate: .perSecond(MilliSatoshi(1)))] }
                == .workload("stream 1", "a node cannot pay itself"))
        #expect(problem { $0.streams = [.init(from: 0, to: [.init(9)], rate: .perSecond(MilliSatoshi(1)))] } == .unknownNode(9, "stream 1"))
        #expect(
            problem { $0.streams = [.init(from: 0, to: [.init(1)], rate: .perSecond(.zero))] }
                == .workload("stream 1", "its rate is nothing"))
        #expect(problem { $0.streams = [.init(from: 0, to: [], rate: .perSecond(MilliSatoshi(1)))] } != nil)
        #expect(problem { $0.absences = [.init(3, from: .zero, for: .seconds(1))] } == .unknownNode(3, "absence 1"))
        #expect(problem { $0.absences = [.init(1, from: .seconds(60), for: .seconds(1))] } != nil)
        #expect(problem { $0.latency = .zero ... .seconds(1) } != nil)
        #expect(problem { $0.duration = .zero } != nil)
        #expect(throws: ScenarioFailure.self) { try ProtocolRun.run(Scenario("empty", nodes: [], channels: [], duration: .seconds(1))) }
    }
}
