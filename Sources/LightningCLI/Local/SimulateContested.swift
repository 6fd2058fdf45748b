import LightningRuntime
import LightningSimulation

// Closes on chain with payments under way.
extension Simulate {
    func runContested() async throws {
        let faults: Faults = calm ? .none : .rough
        let actions = actions
        let tally = try await tally(ContestedTally()) { seed throws(InvariantViolation) in
            try ContestedHistory.run(seed: seed, actions: actions, faults: faults)
        }
        if let blocks { try write(try ContestedHistory.run(seed: seed, actions: actions, faults: faults).blocks, to: blocks) }
        let lastSeed = seed + (histories - 1)
        let value: JSONValue = [
            "histories": .amount(tally.histories), "first_seed": .amount(seed), "last_seed": .amount(lastSeed),
            "payments": .amount(tally.payments), "succeeded": .amount(tally.succeeded), "failed": .amount(tally.failed),
            "breaches": .amount(tally.breaches), "crashes": .amount(tally.crashes), "messages": .amount(tally.messages), "violations": 0,
            "outputs": .object(tally.outputs.mapValues { .amount($0) }),
        ]
        options.show(value) { _ in
            let outputs = tally.outputs.sorted { $0.key < $1.key }.map { "  \($0.value) x \($0.key)" }
            return "\(tally.histories) histories of three nodes, seeds \(seed) to \(lastSeed): \(tally.payments) payments "
                + "(\(tally.succeeded) succeeded, \(tally.failed) failed), \(tally.breaches) breaches, \(tally.crashes) crashes: 0 violations\n"
                + "what became of outputs of closes:\n" + outputs.joined(separator: "\n")
        }
    }
}

@dynamicMemberLookup
struct ContestedTally: Tally {
    var totals = HistoryTotals()
    var breaches: UInt64 = 0
    var outputs: [String: UInt64] = [:]

    subscript(dynamicMember path: KeyPath<HistoryTotals, UInt64>) -> UInt64 { totals[keyPath: path] }

    mutating func add(_ report: ContestedHistory.Report) {
        totals.add(
            payments: report.payments, succeeded: report.succeeded, failed: report.failed, crashes: report.restarts,
            messages: report.deliveries)
        breaches += UInt64(report.breaches)
        for (what, count) in report.outputs { outputs[what, default: 0] += UInt64(count) }
    }

    mutating func merge(_ other: ContestedTally) {
        totals.merge(other.totals)
        breaches += other.breaches
        outputs.merge(other.outputs, uniquingKeysWith: +)
    }
}
