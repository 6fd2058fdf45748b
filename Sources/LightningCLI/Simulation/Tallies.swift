import Foundation
import LightningAPI
import LightningRuntime
import LightningSimulation
import LightningWire

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

/// Many histories, as many at a time as there are cores.
enum Swarm {
    /// Runs every history and adds up what they report.
    ///
    /// - Parameters:
    ///   - numbers: by which the histories are called: seeds, or points at which a node dies.
    ///   - replay: the command that lives through a history again.
    ///   - history: one of them.
    /// - Throws: the first violation of an invariant, with the command that replays it.
    static func run<Sum: Tally>(
        _ start: Sum, _ numbers: ClosedRange<UInt64>, replay: @escaping @Sendable (UInt64) -> String,
        _ history: @escaping @Sendable (UInt64) throws(InvariantViolation) -> Sum.Report
    ) async throws -> Sum {
        let workers = UInt64(max(1, ProcessInfo.processInfo.activeProcessorCount))
        let (sum, failure) = await withTaskGroup(of: (Sum, CallFailure?).self) { group in
            for worker in 0..<workers {
                group.addTask {
                    var tally = start
                    var offset = worker
                    while offset <= numbers.upperBound - numbers.lowerBound {
                        let number = numbers.lowerBound + offset
                        do throws(InvariantViolation) { tally.add(try history(number)) } catch {
                            return (tally, CallFailure(.internal, "VIOLATION: \(error)\nreplay: \(replay(number))"))
                        }
                        let (next, overflow) = offset.addingReportingOverflow(workers)
                        if overflow { break }
                        offset = next
                    }
                    return (tally, nil)
                }
            }
            var sum = start
            var failure: CallFailure?
            for await (tally, failed) in group {
                sum.merge(tally)
                failure = failure ?? failed
            }
            return (sum, failure)
        }
        if let failure { throw failure }
        return sum
    }
}
