import BitcoinPrimitives
import LightningPayment
import LightningWire
import Synchronization
import Testing

@testable import LightningSimulation

@Suite("what befalls a scenario")
struct ScenarioEventTests {
    /// alice – bob – mallory, with payments both ways.
    static func scenario(_ events: [Scenario.Event], _ duration: Duration = .seconds(300)) -> Scenario {
        var scenario = Scenario(
            "adversity", nodes: ["alice", "bob", "mallory"],
            channels: [
                .init(from: 0, to: 1, capacity: Satoshi(1_000_000), pushed: MilliSatoshi(Satoshi(500_000))),
                .init(from: 1, to: 2, capacity: Satoshi(1_000_000), pushed: MilliSatoshi(Satoshi(500_000))),
            ], duration: duration)
        scenario.payments = [.init(from: [2], to: [0], every: .seconds(2), .fixed(2_000_000))]
        scenario.blockInterval = .seconds(10)
        scenario.events = events
        return scenario
    }

    static func run(_ events: [Scenario.Event], seed: UInt64 = 1) throws -> ScenarioReport {
        var scenario = scenario(events)
        scenario.seed = seed
        return try ProtocolRun.run(scenario)
    }

    @Test("a cheater loses all that is in the channel", arguments: [false, true])
    func cheat(takesHTLCs: Bool) throws {
        let report = try Self.run([.init(at: .seconds(120), .cheat(2, peer: nil, takesHTLCs: takesHTLCs))])
        let close = try #require(report.closes.first)
        #expect(report.closes.count == 1)
        #expect(close.channel == 1 && close.by == 2 && close.kind == "breach (penalty)")
        #expect(close.time >= 120_000 && close.time < 200_000)
        #expect(close.lostSat == 0)
        // Bob's own part is no penalty: mallory began with 500,000 sat and paid with some of them.
        #expect(try #require(close.penaltySat) > 300_000 && close.penaltySat! < 500_000)
        #expect(close.blocks != nil)
        // Nobody has told a miner of HTLCs, or there is one at the least.
        #expect(report.events[0].what.hasSuffix(" HTLCs") == takesHTLCs && !report.events[0].what.hasSuffix(" 0 HTLCs"))
        #expect(report.events[0].what.contains("mallory publishes a revoked state of its channel with bob"))
    }

    @Test("the same events give the same report")
    func determinism() throws {
        let events: [Scenario.Event] = [
            .init(at: .seconds(20), .slowDisk(1, commit: .milliseconds(70), for: .seconds(30))),
            .init(at: .seconds(30), .partition([2], for: .seconds(20))),
            .init(at: .seconds(60), .setClock(1, fast: .seconds(-3600))),
            .init(at: .seconds(70), .fullDisk(1, for: .seconds(20))),
            .init(at: .seconds(100), .stall(0, for: .seconds(20))),
            .init(at: .seconds(130), .reorganize(depth: 3)),
            .init(at: .seconds(150), .pin(2, peer: 1)),
        ]
        let report = try Self.run(events)
        #expect(try Self.run(events) == report)
        #expect(try Self.run(events, seed: 2).trace != report.trace)
        #expect(report.events.count == 11)
    }

    @Test("each adversity for itself leaves everybody what their books say", arguments: 0..<14)
    func books(number: Int) throws {
        let acts: [Scenario.Act] = [
            .close(0, peer: 1), .forceClose(1, peer: 2), .forceClose(2, peer: nil), .pin(2, peer: 1), .stall(1, for: .seconds(40)),
            .partition([0], for: .seconds(60)), .reorganize(depth: 6), .censor(blocks: 5),
            .fillBlocks(FeeRate(perKiloweight: 2500), blocks: 5), .fullDisk(1, for: .seconds(60)),
            .slowDisk(1, commit: .milliseconds(300), for: .seconds(100)), .setClock(1, fast: .seconds(90)), .doubleSpend(2, peer: 0),
            .doubleSpend(0, peer: 1),
        ]
        let report = try Self.run([.init(at: .seconds(60), acts[number])], seed: UInt64(number))
        #expect(report.succeeded > 0)
        #expect(report.events.count >= 1)
        #expect(report.closes.isEmpty == (number > 3))
    }

    @Test("a channel whose coins go elsewhere is none at either end, and nobody else loses anything")
    func doubleSpent() throws {
        let ends = Mutex<[Int]>([])
        let last = ScenarioChecker("channels of alice") { world in
            ends.withLock { $0.append(world.channels(of: 0).count) }
            return nil
        }
        let report = try ProtocolRun.run(Self.scenario([.init(at: .seconds(60), .doubleSpend(2, peer: 0))]), checkers: [last])
        #expect(report.events.map(\.what) == ["mallory opens a channel to alice, and its coins go elsewhere"])
        #expect(report.succeeded > 0 && report.failed == 0)
        // It was there for a moment, and is no channel any more.
        #expect(ends.withLock { Set($0) } == [1, 2] && ends.withLock { $0.last } == 1, "\(ends.withLock { $0 })")
    }

    @Test("a slow disk makes payments slow, and a full one makes them fail")
    func disks() throws {
        let usual = try Self.run([])
        let slow = try Self.run([.init(at: .zero, .slowDisk(1, commit: .milliseconds(200), for: .seconds(300)))])
        #expect(slow.latencyP50! > usual.latencyP50! + 400)
        #expect(slow.failed == 0)
        let full = try Self.run([.init(at: .seconds(60), .fullDisk(1, for: .seconds(100)))])
        #expect(full.restarts > 10)
        #expect(full.slices.filter { $0.succeeded == 0 }.count > 20)
    }

    @Test("nobody reaches who is on the other side of a partition, and everybody afterwards")
    func partition() throws {
        let report = try Self.run([.init(at: .seconds(100), .partition([2], for: .seconds(100)))])
        let ends = report.payments.filter(\.hasSucceeded).map { $0.time / 1000 }
        #expect(!ends.contains { $0 > 101 && $0 < 199 })
        #expect(ends.contains { $0 < 100 } && ends.contains { $0 > 210 })
    }

    @Test("a checker of one's own sees the world each second, and ends the run with what it says")
    func checkers() throws {
        let seen = Mutex<[Timestamp]>([])
        let least = ScenarioChecker("alice has money") { world in
            seen.withLock { $0.append(world.now) }
            let views = world.channels(of: 0)
            return views.count == 1 && views[0].peer == 1 && views[0].local >= MilliSatoshi(Satoshi(400_000)) ? nil : "\(views)"
        }
        _ = try ProtocolRun.run(Self.scenario([]), checkers: [least])
        #expect(seen.withLock { $0.count } > 300)
        let limit = ScenarioChecker("bob forwards little") { world in
            world.channels(of: 1).contains { $0.local > MilliSatoshi(Satoshi(550_000)) } ? "more than 550,000 sat on one side" : nil
        }
        let failure = #expect(throws: ScenarioFailure.self) { try ProtocolRun.run(Self.scenario([]), checkers: [limit]) }
        #expect(failure?.description.contains("bob forwards little: more than 550,000 sat on one side") == true)
        #expect(failure?.description.contains("seed 1") == true)
    }

    @Test("what long scenarios and hard disks make of a close is no error of ours")
    func honestEnds() throws {
        // Its channel has left the node by then.
        var long = Self.scenario([.init(at: .seconds(60), .forceClose(1, peer: 2)), .init(at: .seconds(70), .mine(blocks: 1000))])
        long.events += [.init(at: .seconds(80), .mine(blocks: 1000)), .init(at: .seconds(90), .mine(blocks: 200))]
        let report = try ProtocolRun.run(long)
        #expect(report.closes.map(\.kind) == ["local force close"] || report.closes.map(\.kind) == ["remote force close"])
        // A commit that takes a minute, and a disk that is well again while it writes.
        _ = try Self.run([.init(at: .seconds(100), .slowDisk(1, commit: .seconds(60), for: .seconds(60)))])
        // A reorganization takes no time.
        let deep = try Self.run([.init(at: .seconds(200), .reorganize(depth: 99))])
        #expect(deep.events.map(\.time) == [200_000] && deep.payments.contains { $0.hasSucceeded && $0.time > 200_000 })
        // Who was away for a moment is looked at as everybody; and a pinned commitment stays the last one.
        let pinned = try Self.run([.init(at: .seconds(60), .pin(2, peer: 1))])
        #expect(pinned.closes.map(\.kind).allSatisfy { $0 != "breach (penalty)" } && pinned.closes.count == 1)
    }

    @Test("events that cannot be are refused before anything runs")
    func impossible() {
        let wrong: [(Scenario.Event, String)] = [
            (.init(at: .seconds(300), .forceClose(0, peer: nil)), "event 1: it has to be before the end"),
            (.init(at: .seconds(1), .forceClose(7, peer: nil)), "event 1: there is no node 7"),
            (.init(at: .seconds(1), .forceClose(0, peer: 2)), "event 1: alice has no channel with mallory"),
            (.init(at: .seconds(1), .cheat(0, peer: 0, takesHTLCs: false)), "event 1: alice has no channel with alice"),
            (.init(at: .seconds(1), .doubleSpend(0, peer: 0)), "event 1: a channel has two ends: alice opens one with another node"),
            (
                .init(at: .seconds(1), .partition([0, 1, 2], for: .seconds(1))),
                "event 1: a part is some of the nodes, each once, and not all"
            ),
            (.init(at: .seconds(1), .stall(0, for: .zero)), "event 1: it has to last"),
            (.init(at: .seconds(1), .reorganize(depth: 100)), "event 1: 1 to 99 blocks are replaced: what is deeper is for good"),
            (.init(at: .seconds(1), .slowDisk(0, commit: .seconds(61), for: .seconds(1))), "event 1: a commit takes 1 ms to 60 s"),
        ]
        for (event, text) in wrong {
            let failure = #expect(throws: ScenarioProblem.self) { try Self.scenario([event]).check() }
            #expect(failure?.description == text)
        }
        let twice = Self.scenario([
            .init(at: .seconds(10), .fullDisk(0, for: .seconds(20))),
            .init(at: .seconds(20), .slowDisk(0, commit: .seconds(1), for: .seconds(5))),
        ])
        #expect(throws: ScenarioProblem.event(1, "alice has a disk that is full or slow already at that time")) { try twice.check() }
        var flow = Self.scenario([.init(at: .seconds(1), .forceClose(0, peer: nil))])
        flow.fidelity = .flow
        #expect(throws: ScenarioProblem.event(0, "a flow has no adversaries, blocks, disks or clocks: choose fidelity = \"protocol\"")) {
            try flow.check()
        }
    }
}
