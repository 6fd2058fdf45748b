import LightningRuntime
import LightningSimulation

// Closes on chain with payments under way.
extension Simulate {
    func runContested() async throws {
        let faults: Faults = calm ? .none : .rough
        let (actions, adversaries) = (actions, adversaries)
        let tally = try await tally(ContestedTally()) { seed throws(InvariantViolation) in
            try ContestedHistory.run(seed: seed, actions: actions, adversaries: adversaries, faults: faults, checkInterval: 64)
        }
        if let blocks {
            try write(try ContestedHistory.run(seed: seed, actions: actions, adversaries: adversaries, faults: faults).blocks, to: blocks)
        }
        let lastSeed = seed + (histories - 1)
        let value: JSONValue = [
            "histories": .amount(tally.histories), "first_seed": .amount(seed), "last_seed": .amount(lastSeed),
            "payments": .amount(tally.payments), "succeeded": .amount(tally.succeeded), "failed": .amount(tally.failed),
            "breaches": .amount(tally.breaches), "second_steps": .amount(tally.secondSteps),
            "watched_breaches": .amount(tally.watched),
            "double_spends": .amount(tally.doubleSpends), "pins": .amount(tally.pins), "bumps": .amount(tally.bumps),
            "crashes": .amount(tally.crashes), "messages": .amount(tally.messages), "violations": 0,
            "outputs": .object(tally.outputs.mapValues { .amount($0) }),
        ]
        options.show(value) { _ in
            let outputs = tally.outputs.sorted { $0.key < $1.key }.map { "  \($0.value) x \($0.key)" }
            return "\(tally.histories) histories of three to five nodes, seeds \(seed) to \(lastSeed): \(tally.payments) payments "
                + "(\(tally.succeeded) succeeded, \(tally.failed) failed, the rest was never begun), \(tally.breaches) breaches "
                + "(\(tally.secondSteps) HTLC outputs taken further, \(tally.watched) left to a watchtower), "
                + "\(tally.doubleSpends) double-spent fundings, \(tally.pins) pinned commitments, "
                + "\(tally.bumps) paid for by a child, \(tally.crashes) crashes: 0 violations\n"
                + "what became of outputs of closes:\n" + outputs.joined(separator: "\n")
        }
    }

    /// Each history with a node that dies before, or after, each of its commits in turn; nothing else goes wrong but what the history is about.
    func runCrashSweep() async throws {
        let (actions, every, adversaries) = (actions, every, adversaries)
        var points: UInt64 = 0
        var sum = ContestedTally()
        for seed in seed..<(seed + histories) {
            let commits = try Self.unwrapped { () throws(InvariantViolation) in
                try ContestedHistory.run(seed: seed, actions: actions, adversaries: adversaries, faults: .none)
            }.commits
            let count = UInt64((commits + every - 1) / every * 2)
            let tally = try await tally(ContestedTally(), count: count, first: 0) { point throws(InvariantViolation) in
                let crash = CrashPoint(batch: Int(point / 2) * every, isCommitted: point % 2 == 1)
                return try ContestedHistory.run(
                    seed: seed, actions: actions, adversaries: adversaries, faults: .none, crash: crash, checkInterval: 64)
            }
            points += count
            sum.merge(tally)
        }
        let lastSeed = seed + (histories - 1)
        options.show([
            "histories": .amount(histories), "first_seed": .amount(seed), "last_seed": .amount(lastSeed), "points": .amount(points),
            "payments": .amount(sum.payments), "crashes": .amount(sum.crashes), "violations": 0,
        ]) { _ in
            "\(histories) histories of three to five nodes, seeds \(seed) to \(lastSeed), each with a crash before and after "
                + (every == 1 ? "every commit" : "one commit in \(every)") + ": \(points) crashes, \(sum.payments) payments: 0 violations"
        }
    }

    private static func unwrapped<Result>(_ body: () throws(InvariantViolation) -> Result) throws -> Result {
        do throws(InvariantViolation) { return try body() } catch { throw ControlFailure(.internal, "VIOLATION: \(error)") }
    }
}

@dynamicMemberLookup
struct ContestedTally: Tally {
    var totals = HistoryTotals()
    var breaches: UInt64 = 0
    var secondSteps: UInt64 = 0
    var watched: UInt64 = 0
    var doubleSpends: UInt64 = 0
    var pins: UInt64 = 0
    var bumps: UInt64 = 0
    var outputs: [String: UInt64] = [:]

    subscript(dynamicMember path: KeyPath<HistoryTotals, UInt64>) -> UInt64 { totals[keyPath: path] }

    mutating func add(_ report: ContestedHistory.Report) {
        totals.add(
            payments: report.payments, succeeded: report.succeeded, failed: report.failed, crashes: report.restarts,
            messages: report.deliveries)
        breaches += UInt64(report.breaches)
        secondSteps += UInt64(report.secondSteps)
        watched += UInt64(report.watched)
        doubleSpends += UInt64(report.doubleSpends)
        pins += UInt64(report.pins)
        bumps += UInt64(report.bumps)
        for (what, count) in report.outputs { outputs[what, default: 0] += UInt64(count) }
    }

    mutating func merge(_ other: ContestedTally) {
        totals.merge(other.totals)
        breaches += other.breaches
        secondSteps += other.secondSteps
        watched += other.watched
        doubleSpends += other.doubleSpends
        pins += other.pins
        bumps += other.bumps
        outputs.merge(other.outputs, uniquingKeysWith: +)
    }
}
