import ArgumentParser
import BitcoinPrimitives
import CryptoPrimitives
import Foundation
import LightningRuntime
import LightningSimulation

struct Simulate: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Random histories of two nodes in virtual time, with lost connections and crashes; the same seed gives the same history.")
    @OptionGroup var options: CommonOptions
    @Option(help: "How many histories.") var histories: UInt64 = 100
    @Option(help: "The first seed.") var seed: UInt64 = 1
    @Option(help: "Actions in each history.") var actions = 20
    @Flag(help: "No faults.") var calm = false
    @Flag(help: "No progress.") var quiet = false
    @Option(help: "Write every mined block of the first histories to this file, in hex: one chain after the other is for one seed only.")
    var blocks: String?

    func validate() throws {
        guard histories > 0 else { throw ValidationError("--histories must be at least 1.") }
        guard actions >= 0 else { throw ValidationError("--actions cannot be negative.") }
        guard !seed.addingReportingOverflow(histories - 1).overflow else {
            throw ValidationError("--seed leaves no room for that many histories.")
        }
    }

    func run() async throws {
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
