import ArgumentParser
import BitcoinPrimitives
import CryptoPrimitives
import Foundation
import LightningRouting
import LightningRuntime
import LightningSimulation
import LightningWire

struct Simulate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract:
            "Random histories of two or more nodes in virtual time, with lost connections and crashes; or payments over a real network's table.",
        discussion: "The same seed gives the same history.")
    @OptionGroup var options: CommonOptions
    @Option(help: "How many histories; with --graph, payments.") var histories: UInt64 = 100
    @Option(help: "The first seed.") var seed: UInt64 = 1
    @Option(help: "Actions in each history.") var actions = 20
    @Option(help: "A network of so many nodes that pay over several hops, instead of two.") var nodes: Int?
    @Option(help: "Its shape: \(Topology.Shape.allCases.map(\.rawValue).joined(separator: ", ")); by the seed unless said.")
    var topology: String?
    @Option(
        help: ArgumentHelp(
            "A network's table, or one compressed with gzip: pay between its nodes, and see how many payments arrive.", valueName: "file"))
    var graph: String?
    @Option(help: "How much, with --graph. Default: 100000sat.", transform: Amount.parse) var amount: Amount?
    @Flag(help: "A network some of whose peers want to steal, to freeze, to lie, or to bring nodes down.") var hostile = false
    @Flag(help: "Three nodes whose channels are closed on chain with payments under way, by nodes that vanish, cheat or crash.")
    var contested = false
    @Option(
        help: ArgumentHelp(
            "With --contested: who is in it, separated by commas: \(Adversary.allCases.map(\.rawValue).joined(separator: ", ")); or none. Default: all.",
            valueName: "adversaries"))
    var with: String?
    @Flag(help: "With --contested: each history again and again, with a node that dies before or after each commit in turn.")
    var crashSweep = false
    @Option(help: "With --crash-sweep: every how-many-th commit.") var every = 1
    @Flag(help: "No faults but those that a history is about.") var calm = false
    @Flag(help: "No progress.") var quiet = false
    @Option(help: "Write every mined block of the first histories to this file, in hex: one chain after the other is for one seed only.")
    var blocks: String?

    func validate() throws {
        guard histories > 0 else { throw ValidationError("--histories must be at least 1.") }
        if let nodes, !(2...200).contains(nodes) { throw ValidationError("--nodes must be 2 to 200.") }
        if let topology, Topology.Shape(rawValue: topology) == nil {
            throw ValidationError("--topology is one of \(Topology.Shape.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        if graph != nil {
            guard nodes == nil, topology == nil else {
                throw ValidationError("--graph is a network of its own: without --nodes and --topology.")
            }
            if let amount, amount.msat == 0 { throw ValidationError("--amount must be more than nothing.") }
            guard histories <= 1_000_000 else { throw ValidationError("--histories must be at most 1000000 with --graph.") }
        }
        if hostile {
            guard nodes == nil, topology == nil, graph == nil, blocks == nil else {
                throw ValidationError("--hostile makes its own networks, by the seed: without --nodes, --topology, --graph and --blocks.")
            }
        }
        if let with {
            guard contested else { throw ValidationError("--with is for --contested.") }
            for name in with.split(separator: ",") where name != "none" && Adversary(rawValue: String(name)) == nil {
                throw ValidationError("there is no adversary “\(name)”: \(Adversary.allCases.map(\.rawValue).joined(separator: ", ")).")
            }
        }
        if crashSweep, !contested { throw ValidationError("--crash-sweep is for --contested.") }
        if every != 1, !crashSweep { throw ValidationError("--every is for --crash-sweep.") }
        guard every >= 1 else { throw ValidationError("--every must be at least 1.") }
        if contested {
            guard nodes == nil, topology == nil, graph == nil, !hostile else {
                throw ValidationError(
                    "--contested makes its own networks, by the seed: without --nodes, --topology, --graph and --hostile.")
            }
        }
        if graph == nil, amount != nil { throw ValidationError("--amount is for --graph.") }
        guard actions >= 0 else { throw ValidationError("--actions cannot be negative.") }
        guard !seed.addingReportingOverflow(histories - 1).overflow else {
            throw ValidationError("--seed leaves no room for that many histories.")
        }
    }

    func run() async throws {
        if hostile { return try await runHostile() }
        if crashSweep { return try await runCrashSweep() }
        if contested { return try await runContested() }
        if nodes != nil || topology != nil { return try await runNetworks() }
        if graph != nil { return try payOverGraph() }
        let faults: Faults = calm ? .none : .rough
        let actions = actions
        let tally = try await tally(SimulationTally()) { seed throws(InvariantViolation) in
            try TwoNodeHistory.run(seed: seed, actions: actions, faults: faults, checkInterval: 64)
        }
        if let blocks {
            let report = try TwoNodeHistory.run(seed: seed, actions: actions, faults: faults, checkInterval: 64)
            try write(report.blocks, to: blocks)
        }
        let lastSeed = seed + (histories - 1)
        let value: JSONValue = [
            "histories": .amount(tally.histories), "first_seed": .amount(seed), "last_seed": .amount(lastSeed),
            "payments": .amount(tally.payments), "succeeded": .amount(tally.succeeded), "failed": .amount(tally.failed),
            "crashes": .amount(tally.crashes), "messages": .amount(tally.messages), "violations": 0,
            "endings": .object(tally.endings.mapValues { JSONValue.amount($0) }),
        ]
        options.show(value) { _ in
            "\(tally.histories) histories, seeds \(seed) to \(lastSeed): \(tally.payments) payments (\(tally.succeeded) succeeded, \(tally.failed) failed, the rest was under way when the channel closed), \(tally.crashes) crashes, \(tally.messages) messages, endings \(tally.endings.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")): 0 violations"
        }
    }
}

extension Simulate {
    /// Who is in a contested history.
    var adversaries: Set<Adversary> {
        guard let with else { return Set(Adversary.allCases) }
        return Set(with.split(separator: ",").compactMap { Adversary(rawValue: String($0)) })
    }

    /// One block in each line, in hex.
    func write(_ blocks: [Block], to path: String) throws {
        let lines = blocks.map { Hex.encode($0.serialized()) }
        do { try (lines.joined(separator: "\n") + "\n").write(toFile: path, atomically: true, encoding: .utf8) } catch {
            throw ControlFailure(.refused, "\(path) cannot be written")
        }
    }

    /// Runs every history, as many at a time as there are cores, and adds up what they report.
    ///
    /// - Throws: the first violation of an invariant, with the seed that replays it.
    ///
    /// - Parameter count: how many; `histories` unless said. They are numbered from `first`.
    func tally<Sum: Tally>(
        _ start: Sum, count: UInt64? = nil, first: UInt64? = nil,
        _ history: @escaping @Sendable (UInt64) throws(InvariantViolation) -> Sum.Report
    ) async throws -> Sum {
        let workers = UInt64(max(1, ProcessInfo.processInfo.activeProcessorCount))
        let (count, firstSeed) = (count ?? histories, first ?? seed)
        let (sum, violation) = await withTaskGroup(of: (Sum, InvariantViolation?).self) { group in
            for worker in 0..<workers {
                group.addTask {
                    var tally = start
                    for offset in stride(from: worker, to: count, by: Int(workers)) {
                        do throws(InvariantViolation) { tally.add(try history(firstSeed + offset)) } catch { return (tally, error) }
                    }
                    return (tally, nil)
                }
            }
            var sum = start
            var violation: InvariantViolation?
            for await (tally, failed) in group {
                sum.merge(tally)
                violation = violation ?? failed
            }
            return (sum, violation)
        }
        if let violation { throw ControlFailure(.internal, "VIOLATION: \(violation)") }
        return sum
    }

    /// Payments over a real network's channels instead of whole nodes: how many arrive, beside the simplest way to pay.
    private func payOverGraph() throws {
        let graph: NetworkGraph
        do throws(GraphTable.FileFailure) { graph = try GraphTable.load(self.graph!, timestamp: Self.graphTime.headerTime) } catch {
            throw ControlFailure(.refused, error.description)
        }
        var random = SeededRandom(seed: seed)
        var liquidity = FixedLiquidity(graph, now: Self.graphTime, using: &random)
        let amount = MilliSatoshi(self.amount?.msat ?? 100_000_000)
        let maxFee = MilliSatoshi(amount.value / 200)
        var pairs: [(payer: NodeKey, payee: NodeKey)] = []
        // Where there is no pair, there is none at a second look either.
        while pairs.count < Int(histories), let pair = liquidity.pair(for: amount, using: &random) { pairs.append(pair) }
        guard !pairs.isEmpty else { throw ControlFailure(.refused, "no two nodes of this network can pay \(amount) to each other") }
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

    /// Of a table's updates, and of the payments over it: what matters is that they are the same.
    private static let graphTime = Timestamp(seconds: 1_770_000_000)

    /// Networks among whose peers are adversaries.
    private func runHostile() async throws {
        let faults: Faults = calm ? .none : .network
        let actions = actions
        let tally = try await tally(HostileTally()) { seed throws(InvariantViolation) in
            try HostileHistory.run(seed: seed, actions: actions, faults: faults, checkInterval: 64)
        }
        let lastSeed = seed + (histories - 1)
        let value: JSONValue = [
            "histories": .amount(tally.histories), "first_seed": .amount(seed), "last_seed": .amount(lastSeed),
            "payments": .amount(tally.payments), "succeeded": .amount(tally.succeeded), "failed": .amount(tally.failed),
            "stuck": .amount(tally.stuck), "broken_channels": .amount(tally.broken), "crashes": .amount(tally.crashes),
            "messages": .amount(tally.messages), "violations": 0, "attacks": .object(tally.attacks.mapValues { .amount($0) }),
        ]
        options.show(value) { _ in
            let attacks = tally.attacks.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
            return "\(tally.histories) networks with adversaries, seeds \(seed) to \(lastSeed): \(tally.payments) payments of honest nodes "
                + "(\(tally.succeeded) succeeded, \(tally.failed) failed, \(tally.stuck) in channels that an adversary broke), "
                + "\(tally.broken) channels broken by their adversary, \(tally.crashes) crashes: 0 violations\n"
                + "attacks: \(attacks.joined(separator: ", "))"
        }
    }

    /// Networks instead of two nodes.
    private func runNetworks() async throws {
        let faults: Faults = calm ? .none : .network
        let (actions, nodes) = (actions, nodes)
        let shape = topology.flatMap { Topology.Shape(rawValue: $0) }
        let tally = try await tally(NetworkTally()) { seed throws(InvariantViolation) in
            try NetworkHistory.run(seed: seed, nodes: nodes, shape: shape, actions: actions, faults: faults, checkInterval: 64)
        }
        if let blocks {
            let report = try NetworkHistory.run(seed: seed, nodes: nodes, shape: shape, actions: actions, faults: faults)
            try write(report.blocks, to: blocks)
        }
        let lastSeed = seed + (histories - 1)
        let value: JSONValue = [
            "histories": .amount(tally.histories), "first_seed": .amount(seed), "last_seed": .amount(lastSeed),
            "payments": .amount(tally.payments), "succeeded": .amount(tally.succeeded), "failed": .amount(tally.failed),
            "htlcs": .amount(tally.attempts), "most_parts": .amount(tally.mostParts), "forwards": .amount(tally.forwards),
            "fees_msat": .amount(tally.fees), "crashes": .amount(tally.crashes), "messages": .amount(tally.messages), "violations": 0,
            "failures": .object(tally.failures.mapValues { .amount($0) }),
        ]
        options.show(value) { _ in
            let reasons = tally.failures.sorted { $0.value > $1.value }.prefix(6).map { "  \($0.value) x \($0.key)" }
            return "\(tally.histories) networks, seeds \(seed) to \(lastSeed): \(tally.payments) payments (\(tally.succeeded) succeeded, "
                + "\(tally.failed) failed) in \(tally.attempts) HTLCs, \(tally.forwards) forwards that earned \(MilliSatoshi(tally.fees)), "
                + "\(tally.crashes) crashes, \(tally.messages) messages: 0 violations"
                + (reasons.isEmpty ? "" : "\nwhy payments failed:\n" + reasons.joined(separator: "\n"))
        }
    }
}

/// What many histories came to.
protocol Tally: Sendable {
    associatedtype Report
    mutating func add(_ report: Report)
    mutating func merge(_ other: Self)
}

/// What every kind of history has.
struct HistoryTotals {
    var histories: UInt64 = 0
    var payments: UInt64 = 0
    var succeeded: UInt64 = 0
    var failed: UInt64 = 0
    var crashes: UInt64 = 0
    var messages: UInt64 = 0

    mutating func add(payments: Int, succeeded: Int, failed: Int, crashes: Int, messages: Int) {
        histories += 1
        self.payments += UInt64(payments)
        self.succeeded += UInt64(succeeded)
        self.failed += UInt64(failed)
        self.crashes += UInt64(crashes)
        self.messages += UInt64(messages)
    }

    mutating func merge(_ other: HistoryTotals) {
        histories += other.histories
        payments += other.payments
        succeeded += other.succeeded
        failed += other.failed
        crashes += other.crashes
        messages += other.messages
    }
}

@dynamicMemberLookup
struct HostileTally: Tally {
    var totals = HistoryTotals()
    var stuck: UInt64 = 0
    var broken: UInt64 = 0
    var attacks: [String: UInt64] = [:]

    subscript(dynamicMember path: KeyPath<HistoryTotals, UInt64>) -> UInt64 { totals[keyPath: path] }

    mutating func add(_ report: HostileHistory.Report) {
        totals.add(
            payments: report.payments, succeeded: report.succeeded, failed: report.failed, crashes: report.restarts,
            messages: report.deliveries)
        stuck += UInt64(report.stuck)
        broken += UInt64(report.broken)
        for (kind, count) in report.attacks { attacks[kind, default: 0] += UInt64(count) }
    }

    mutating func merge(_ other: HostileTally) {
        totals.merge(other.totals)
        stuck += other.stuck
        broken += other.broken
        attacks.merge(other.attacks, uniquingKeysWith: +)
    }
}

@dynamicMemberLookup
struct NetworkTally: Tally {
    var totals = HistoryTotals()
    var attempts: UInt64 = 0
    var mostParts: UInt64 = 0
    var forwards: UInt64 = 0
    var fees: UInt64 = 0
    var failures: [String: UInt64] = [:]

    subscript(dynamicMember path: KeyPath<HistoryTotals, UInt64>) -> UInt64 { totals[keyPath: path] }

    mutating func add(_ report: NetworkHistory.Report) {
        totals.add(
            payments: report.payments, succeeded: report.succeeded, failed: report.failed, crashes: report.restarts,
            messages: report.deliveries)
        attempts += UInt64(report.attempts)
        mostParts = max(mostParts, UInt64(report.mostParts))
        forwards += report.forwards
        fees += report.fees.value
        for (why, count) in report.failures { failures[why, default: 0] += UInt64(count) }
    }

    mutating func merge(_ other: NetworkTally) {
        totals.merge(other.totals)
        attempts += other.attempts
        mostParts = max(mostParts, other.mostParts)
        forwards += other.forwards
        fees += other.fees
        failures.merge(other.failures, uniquingKeysWith: +)
    }
}

@dynamicMemberLookup
struct SimulationTally: Tally {
    var totals = HistoryTotals()
    var endings: [String: UInt64] = [:]

    subscript(dynamicMember path: KeyPath<HistoryTotals, UInt64>) -> UInt64 { totals[keyPath: path] }

    mutating func add(_ report: TwoNodeHistory.Report) {
        totals.add(
            payments: report.payments, succeeded: report.succeeded, failed: report.failed, crashes: report.restarts,
            messages: report.deliveries)
        endings[report.ending.rawValue, default: 0] += 1
    }

    mutating func merge(_ other: SimulationTally) {
        totals.merge(other.totals)
        endings.merge(other.endings, uniquingKeysWith: +)
    }
}
