import ArgumentParser
import BitcoinPrimitives
import CryptoPrimitives
import Foundation
import LightningRuntime
import LightningSimulation
import LightningWire

struct Simulate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Random histories of two nodes in virtual time, with lost connections and crashes; the same seed gives the same history.")
    @OptionGroup var options: CommonOptions
    @Option(help: "How many histories.") var histories: UInt64 = 100
    @Option(help: "The first seed.") var seed: UInt64 = 1
    @Option(help: "Actions in each history.") var actions = 20
    @Option(help: "A network of so many nodes that pay over several hops, instead of two.") var nodes: Int?
    @Option(help: "Its shape: \(Topology.Shape.allCases.map(\.rawValue).joined(separator: ", ")); by the seed unless said.")
    var topology: String?
    @Flag(help: "No faults.") var calm = false
    @Flag(help: "No progress.") var quiet = false
    @Option(help: "Write every mined block of the first histories to this file, in hex: one chain after the other is for one seed only.")
    var blocks: String?

    func validate() throws {
        guard histories > 0 else { throw ValidationError("--histories must be at least 1.") }
        if let nodes, !(2...200).contains(nodes) { throw ValidationError("--nodes must be 2 to 200.") }
        if let topology, Topology.Shape(rawValue: topology) == nil {
            throw ValidationError("--topology is one of \(Topology.Shape.allCases.map(\.rawValue).joined(separator: ", ")).")
        }
        guard actions >= 0 else { throw ValidationError("--actions cannot be negative.") }
        guard !seed.addingReportingOverflow(histories - 1).overflow else {
            throw ValidationError("--seed leaves no room for that many histories.")
        }
    }

    func run() async throws {
        if nodes != nil || topology != nil { return try await runNetworks() }
        let faults: Faults = calm ? .none : .rough
        let workers = UInt64(max(1, ProcessInfo.processInfo.activeProcessorCount))
        let count = histories
        let firstSeed = seed
        let actions = actions
        let total = await withTaskGroup(of: (SimulationTally, InvariantViolation?).self) { group in
            for worker in 0..<workers {
                group.addTask {
                    var tally = SimulationTally()
                    for offset in stride(from: worker, to: count, by: Int(workers)) {
                        do throws(InvariantViolation) {
                            tally.add(
                                try TwoNodeHistory.run(
                                    seed: firstSeed + offset, actions: actions, faults: faults, checkInterval: 16))
                        } catch { return (tally, error) }
                    }
                    return (tally, nil)
                }
            }
            var sum = SimulationTally()
            var violation: InvariantViolation?
            for await (tally, failed) in group {
                sum.add(tally)
                violation = violation ?? failed
            }
            return (sum, violation)
        }
        if let violation = total.1 { throw ControlFailure(.internal, "VIOLATION: \(violation)") }
        if let blocks {
            let report = try TwoNodeHistory.run(seed: seed, actions: actions, faults: faults, checkInterval: 16)
            let lines = report.blocks.map { Hex.encode($0.serialized()) }
            try (lines.joined(separator: "\n") + "\n").write(toFile: blocks, atomically: true, encoding: .utf8)
        }
        let tally = total.0
        let lastSeed = seed + (histories - 1)
        let value: JSONValue = [
            "histories": .amount(tally.histories), "first_seed": .amount(seed), "last_seed": .amount(lastSeed),
            "payments": .amount(tally.payments), "succeeded": .amount(tally.succeeded), "failed": .amount(tally.failed),
            "crashes": .amount(tally.crashes), "messages": .amount(tally.messages), "violations": 0,
            "endings": .object(tally.endings.mapValues { JSONValue.amount($0) }),
        ]
        options.show(value) { _ in
            "\(tally.histories) histories, seeds \(seed) to \(lastSeed): \(tally.payments) payments (\(tally.succeeded) succeeded, \(tally.failed) failed), \(tally.crashes) crashes, \(tally.messages) messages, endings \(tally.endings.sorted { $0.key < $1.key }.map { "\($0.key) \($0.value)" }.joined(separator: ", ")): 0 violations"
        }
    }
}

extension Simulate {
    /// Networks instead of two nodes.
    private func runNetworks() async throws {
        let faults: Faults = calm ? .none : .network
        let workers = UInt64(max(1, ProcessInfo.processInfo.activeProcessorCount))
        let (count, firstSeed, actions, nodes) = (histories, seed, actions, nodes)
        let shape = topology.flatMap { Topology.Shape(rawValue: $0) }
        let (tally, violation) = await withTaskGroup(of: (NetworkTally, InvariantViolation?).self) { group in
            for worker in 0..<workers {
                group.addTask {
                    var tally = NetworkTally()
                    for offset in stride(from: worker, to: count, by: Int(workers)) {
                        do throws(InvariantViolation) {
                            tally.add(
                                try NetworkHistory.run(
                                    seed: firstSeed + offset, nodes: nodes, shape: shape, actions: actions, faults: faults,
                                    checkInterval: 64))
                        } catch { return (tally, error) }
                    }
                    return (tally, nil)
                }
            }
            var sum = NetworkTally()
            var violation: InvariantViolation?
            for await (tally, failed) in group {
                sum.add(tally)
                violation = violation ?? failed
            }
            return (sum, violation)
        }
        if let violation { throw ControlFailure(.internal, "VIOLATION: \(violation)") }
        if let blocks {
            let report = try NetworkHistory.run(seed: seed, nodes: nodes, shape: shape, actions: actions, faults: faults)
            let lines = report.blocks.map { Hex.encode($0.serialized()) }
            try (lines.joined(separator: "\n") + "\n").write(toFile: blocks, atomically: true, encoding: .utf8)
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

struct NetworkTally: Sendable {
    var histories: UInt64 = 0
    var payments: UInt64 = 0
    var succeeded: UInt64 = 0
    var failed: UInt64 = 0
    var attempts: UInt64 = 0
    var mostParts: UInt64 = 0
    var forwards: UInt64 = 0
    var fees: UInt64 = 0
    var crashes: UInt64 = 0
    var messages: UInt64 = 0
    var failures: [String: UInt64] = [:]

    mutating func add(_ report: NetworkHistory.Report) {
        histories += 1
        payments += UInt64(report.payments)
        succeeded += UInt64(report.succeeded)
        failed += UInt64(report.failed)
        attempts += UInt64(report.attempts)
        mostParts = max(mostParts, UInt64(report.mostParts))
        forwards += report.forwards
        fees += report.fees.value
        crashes += UInt64(report.restarts)
        messages += UInt64(report.deliveries)
        for (why, count) in report.failures { failures[why, default: 0] += UInt64(count) }
    }

    mutating func add(_ other: NetworkTally) {
        histories += other.histories
        payments += other.payments
        succeeded += other.succeeded
        failed += other.failed
        attempts += other.attempts
        mostParts = max(mostParts, other.mostParts)
        forwards += other.forwards
        fees += other.fees
        crashes += other.crashes
        messages += other.messages
        failures.merge(other.failures, uniquingKeysWith: +)
    }
}

struct SimulationTally: Sendable {
    var histories: UInt64 = 0
    var payments: UInt64 = 0
    var succeeded: UInt64 = 0
    var failed: UInt64 = 0
    var crashes: UInt64 = 0
    var messages: UInt64 = 0
    var endings: [String: UInt64] = [:]

    mutating func add(_ report: TwoNodeHistory.Report) {
        histories += 1
        payments += UInt64(report.payments)
        succeeded += UInt64(report.succeeded)
        failed += UInt64(report.failed)
        crashes += UInt64(report.restarts)
        messages += UInt64(report.deliveries)
        endings[report.ending.rawValue, default: 0] += 1
    }

    mutating func add(_ other: SimulationTally) {
        histories += other.histories
        payments += other.payments
        succeeded += other.succeeded
        failed += other.failed
        crashes += other.crashes
        messages += other.messages
        endings.merge(other.endings, uniquingKeysWith: +)
    }
}
