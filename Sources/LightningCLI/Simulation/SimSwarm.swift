import ArgumentParser
import BitcoinPrimitives
import CryptoPrimitives
import Foundation
import LightningAPI
import LightningRuntime
import LightningSimulation
import LightningWire

/// Which histories are lived through.
struct HistoryOptions: ParsableArguments {
    @Option(help: "How many histories.") var seeds: UInt64 = 100
    @Option(help: "The first seed.") var seed: UInt64 = 1
    @Option(help: "Actions in each history.") var actions = 20

    func validate() throws {
        guard seeds > 0 else { throw ValidationError("--seeds must be at least 1.") }
        guard actions >= 0 else { throw ValidationError("--actions cannot be negative.") }
        guard !seed.addingReportingOverflow(seeds - 1).overflow else {
            throw ValidationError("--seed leaves no room for that many histories.")
        }
    }

    var last: UInt64 { seed + (seeds - 1) }
    var range: ClosedRange<UInt64> { seed...last }

    /// How the command begins that lives through one of them again.
    func replay(_ seed: UInt64, _ kind: String = "") -> String {
        "lnw sim swarm" + (kind.isEmpty ? "" : " " + kind) + (actions == 20 ? "" : " --actions \(actions)") + " --seeds 1 --seed \(seed)"
    }
}

/// Who is in a contested history.
struct AdversaryOptions: ParsableArguments {
    private static let names = Adversary.allCases.map(\.rawValue).joined(separator: ", ")
    @Option(
        help: ArgumentHelp(
            "Who is in a contested history, separated by commas: \(names); or none. Default: all.", valueName: "adversaries"))
    var with: String?

    func validate() throws {
        guard let with else { return }
        guard !with.isEmpty else { throw ValidationError("--with names adversaries, or none: \(Self.names).") }
        for name in with.split(separator: ",") where name != "none" && Adversary(rawValue: String(name)) == nil {
            throw ValidationError("there is no adversary “\(name)”: \(Self.names).")
        }
    }

    var adversaries: Set<Adversary> {
        guard let with else { return Set(Adversary.allCases) }
        return Set(with.split(separator: ",").compactMap { Adversary(rawValue: String($0)) })
    }
}

/// `lnw sim swarm`.
struct SimSwarm: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "swarm",
        abstract: "Random histories of whole nodes in virtual time, with lost connections, crashes and adversaries.",
        discussion: """
            Two nodes unless said otherwise. At the end of each history every payment has ended, both sides of every channel agree, and every \
            node has what it should have, to the millisatoshi; otherwise the command that replays the history is printed.

              lnw sim swarm --seeds 1000                two nodes
              lnw sim swarm --nodes 8                   networks
              lnw sim swarm --contested                 closes on chain, by nodes that vanish, cheat or crash
              lnw sim swarm --contested --with pinner   with one kind of adversary
              lnw sim swarm --hostile                   peers that want to steal, to freeze, to lie
            """)
    @OptionGroup var options: CommonOptions
    @OptionGroup var histories: HistoryOptions
    @Option(help: "A network of so many nodes that pay over several hops, instead of two.") var nodes: Int?
    @Option(help: "Its shape: \(Topology.Shape.allCases.map(\.rawValue).joined(separator: ", ")); by the seed unless said.")
    var topology: String?
    @Flag(help: "A network some of whose peers want to steal, to freeze, to lie, or to bring nodes down.") var hostile = false
    @Flag(help: "Three to five nodes whose channels are closed on chain with payments under way, by nodes that vanish, cheat or crash.")
    var contested = false
    @OptionGroup var who: AdversaryOptions
    @Flag(help: "No faults but those that a history is about.") var calm = false
    @Option(help: "Write every mined block of the first history to this file, in hex.") var blocks: String?

    func validate() throws {
        if let nodes, !(2...200).contains(nodes) { throw ValidationError("--nodes must be 2 to 200.") }
        if let topology, Topology.Shape(rawValue: topology) == nil {
            throw ValidationError("--topology is one of \(Topology.Shape.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        if hostile || contested {
            guard nodes == nil, topology == nil, !(hostile && contested) else {
                throw ValidationError(
                    "--hostile and --contested make their own networks, by the seed: one of them, without --nodes and --topology.")
            }
            guard blocks == nil || contested else { throw ValidationError("--blocks is not for --hostile.") }
        }
        guard who.with == nil || contested else { throw ValidationError("--with is for --contested.") }
    }

    func run() async throws {
        if hostile { return try await runHostile() }
        if contested { return try await runContested() }
        if nodes != nil || topology != nil { return try await runNetworks() }
        let faults: Faults = calm ? .none : .rough
        let (actions, suffix) = (histories.actions, calm ? "--calm" : "")
        let histories = histories
        let tally = try await Swarm.run(SimulationTally(), histories.range, replay: { histories.replay($0, suffix) }) {
            seed throws(InvariantViolation) in
            try TwoNodeHistory.run(seed: seed, actions: actions, faults: faults, checkInterval: 64)
        }
        if let blocks {
            let report = try TwoNodeHistory.run(seed: histories.seed, actions: actions, faults: faults, checkInterval: 64)
            try Self.write(report.blocks, to: blocks)
        }
        var fields = fields(tally.totals)
        fields["endings"] = .object(tally.endings.mapValues { JSONValue.amount($0) })
        options.show(.object(fields)) { _ in
            "\(tally.histories) histories, seeds \(histories.seed) to \(histories.last): \(tally.payments) payments (\(tally.succeeded) succeeded, \(tally.failed) failed, the rest was under way when the channel closed), \(tally.crashes) crashes, \(tally.messages) messages, endings \(tally.endings.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")): 0 violations"
        }
    }

    /// What every kind of history says in JSON.
    private func fields(_ totals: HistoryTotals) -> [String: JSONValue] {
        [
            "histories": .amount(totals.histories), "first_seed": .amount(histories.seed), "last_seed": .amount(histories.last),
            "payments": .amount(totals.payments), "succeeded": .amount(totals.succeeded), "failed": .amount(totals.failed),
            "crashes": .amount(totals.crashes), "messages": .amount(totals.messages), "violations": 0,
        ]
    }

    /// One block in each line, in hex.
    static func write(_ blocks: [Block], to path: String) throws {
        let lines = blocks.map { Hex.encode($0.serialized()) }
        do { try (lines.joined(separator: "\n") + "\n").write(toFile: path, atomically: true, encoding: .utf8) } catch {
            throw CallFailure(.refused, "\(path) cannot be written")
        }
    }

    /// Networks among whose peers are adversaries.
    private func runHostile() async throws {
        let faults: Faults = calm ? .none : .network
        let histories = histories
        let kind = "--hostile" + (calm ? " --calm" : "")
        let tally = try await Swarm.run(HostileTally(), histories.range, replay: { histories.replay($0, kind) }) {
            seed throws(InvariantViolation) in
            try HostileHistory.run(seed: seed, actions: histories.actions, faults: faults, checkInterval: 64)
        }
        var fields = fields(tally.totals)
        fields["stuck"] = .amount(tally.stuck)
        fields["broken_channels"] = .amount(tally.broken)
        fields["attacks"] = .object(tally.attacks.mapValues { .amount($0) })
        options.show(.object(fields)) { _ in
            let attacks = tally.attacks.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }
            return
                "\(tally.histories) networks with adversaries, seeds \(histories.seed) to \(histories.last): \(tally.payments) payments of honest nodes "
                + "(\(tally.succeeded) succeeded, \(tally.failed) failed, \(tally.stuck) in channels that an adversary broke), "
                + "\(tally.broken) channels broken by their adversary, \(tally.crashes) crashes: 0 violations\n"
                + "attacks: \(attacks.joined(separator: ", "))"
        }
    }

    /// Networks instead of two nodes.
    private func runNetworks() async throws {
        let faults: Faults = calm ? .none : .network
        let (histories, nodes) = (histories, nodes)
        let shape = topology.flatMap { Topology.Shape(rawValue: $0) }
        let words = [nodes.map { "--nodes \($0)" }, topology.map { "--topology \($0)" }, calm ? "--calm" : nil].compactMap { $0 }
        let kind = words.joined(separator: " ")
        let tally = try await Swarm.run(NetworkTally(), histories.range, replay: { histories.replay($0, kind) }) {
            seed throws(InvariantViolation) in
            try NetworkHistory.run(
                seed: seed, nodes: nodes, shape: shape, actions: histories.actions, faults: faults, checkInterval: 64)
        }
        if let blocks {
            let report = try NetworkHistory.run(
                seed: histories.seed, nodes: nodes, shape: shape, actions: histories.actions, faults: faults)
            try Self.write(report.blocks, to: blocks)
        }
        var fields = fields(tally.totals)
        fields["htlcs"] = .amount(tally.attempts)
        fields["most_parts"] = .amount(tally.mostParts)
        fields["forwards"] = .amount(tally.forwards)
        fields["fees_msat"] = .amount(tally.fees)
        fields["failures"] = .object(tally.failures.mapValues { .amount($0) })
        options.show(.object(fields)) { _ in
            let reasons = tally.failures.sorted { $0.value > $1.value }.prefix(6).map { "  \($0.value) x \($0.key)" }
            return
                "\(tally.histories) networks, seeds \(histories.seed) to \(histories.last): \(tally.payments) payments (\(tally.succeeded) succeeded, "
                + "\(tally.failed) failed) in \(tally.attempts) HTLCs, \(tally.forwards) forwards that earned \(MilliSatoshi(tally.fees)), "
                + "\(tally.crashes) crashes, \(tally.messages) messages: 0 violations"
                + (reasons.isEmpty ? "" : "\nwhy payments failed:\n" + reasons.joined(separator: "\n"))
        }
    }

    /// Closes on chain with payments under way.
    private func runContested() async throws {
        let faults: Faults = calm ? .none : .rough
        let (histories, adversaries) = (histories, who.adversaries)
        let words = ["--contested", who.with.map { "--with \($0)" }, calm ? "--calm" : nil].compactMap { $0 }
        let kind = words.joined(separator: " ")
        let tally = try await Swarm.run(ContestedTally(), histories.range, replay: { histories.replay($0, kind) }) {
            seed throws(InvariantViolation) in
            try ContestedHistory.run(
                seed: seed, actions: histories.actions, adversaries: adversaries, faults: faults, checkInterval: 64)
        }
        if let blocks {
            let report = try ContestedHistory.run(
                seed: histories.seed, actions: histories.actions, adversaries: adversaries, faults: faults)
            try Self.write(report.blocks, to: blocks)
        }
        var fields = fields(tally.totals)
        for (name, count) in [
            ("breaches", tally.breaches), ("second_steps", tally.secondSteps), ("watched_breaches", tally.watched),
            ("double_spends", tally.doubleSpends), ("pins", tally.pins), ("bumps", tally.bumps),
        ] { fields[name] = .amount(count) }
        fields["outputs"] = .object(tally.outputs.mapValues { .amount($0) })
        options.show(.object(fields)) { _ in
            let outputs = tally.outputs.sorted { $0.key < $1.key }.map { "  \($0.value) x \($0.key)" }
            return
                "\(tally.histories) histories of three to five nodes, seeds \(histories.seed) to \(histories.last): \(tally.payments) payments "
                + "(\(tally.succeeded) succeeded, \(tally.failed) failed, the rest was never begun), \(tally.breaches) breaches "
                + "(\(tally.secondSteps) HTLC outputs taken further, \(tally.watched) left to a watchtower), "
                + "\(tally.doubleSpends) double-spent fundings, \(tally.pins) pinned commitments, "
                + "\(tally.bumps) paid for by a child, \(tally.crashes) crashes: 0 violations\n"
                + "what became of outputs of closes:\n" + outputs.joined(separator: "\n")
        }
    }
}
