import ArgumentParser
import LightningAPI
import LightningRuntime
import LightningSimulation

/// `lnw sim crash-sweep`.
struct SimCrashSweep: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "crash-sweep", abstract: "One history again and again, with a node that dies before or after each commit in turn.",
        discussion: """
            The histories are those of `lnw sim swarm --contested`: open, pay, forward, close with payments under way, breach. Nothing else \
            goes wrong in them but the one crash.
            """)
    @OptionGroup var options: CommonOptions
    @Option(help: "How many histories.") var seeds: UInt64 = 1
    @Option(help: "The first seed.") var seed: UInt64 = 1
    @Option(help: "Actions in each history.") var actions = 20
    @OptionGroup var who: AdversaryOptions
    @Option(help: "Every how-many-th commit.") var every = 1

    func validate() throws {
        guard (1...1_000_000).contains(every) else { throw ValidationError("--every must be 1 to 1000000.") }
        guard seeds > 0 else { throw ValidationError("--seeds must be at least 1.") }
        guard actions >= 0 else { throw ValidationError("--actions cannot be negative.") }
        guard !seed.addingReportingOverflow(seeds).overflow else {
            throw ValidationError("--seed leaves no room for that many histories.")
        }
    }

    func run() async throws {
        let (actions, every, adversaries) = (actions, every, who.adversaries)
        let words = [
            who.with.map { " --with \($0)" }, actions == 20 ? nil : " --actions \(actions)", every == 1 ? nil : " --every \(every)",
        ]
        let rest = words.compactMap { $0 }.joined()
        var points: UInt64 = 0
        var sum = ContestedTally()
        for seed in seed..<(seed + seeds) {
            let replay = "lnw sim crash-sweep --seed \(seed)" + rest
            let commits: Int
            do throws(InvariantViolation) {
                commits = try ContestedHistory.run(seed: seed, actions: actions, adversaries: adversaries, faults: .none).commits
            } catch { throw CallFailure(.internal, "VIOLATION: \(error)\nreplay: \(replay)") }
            let count = UInt64((commits + every - 1) / every * 2)
            guard count > 0 else { continue }
            let tally = try await Swarm.run(ContestedTally(), 0...(count - 1), replay: { _ in replay }) {
                point throws(InvariantViolation) in
                let crash = CrashPoint(batch: Int(point / 2) * every, isCommitted: point % 2 == 1)
                return try ContestedHistory.run(
                    seed: seed, actions: actions, adversaries: adversaries, faults: .none, crash: crash, checkInterval: 64)
            }
            points += count
            sum.merge(tally)
        }
        let lastSeed = seed + (seeds - 1)
        options.show([
            "histories": .amount(seeds), "first_seed": .amount(seed), "last_seed": .amount(lastSeed), "points": .amount(points),
            "payments": .amount(sum.payments), "restarts": .amount(sum.crashes), "violations": 0,
        ]) { _ in
            "\(seeds) \(seeds == 1 ? "history" : "histories") of three to five nodes, seeds \(seed) to \(lastSeed), each with a crash before and after "
                + (every == 1 ? "every commit" : "one commit in \(every)") + ": \(points) crashes, \(sum.payments) payments: 0 violations"
        }
    }
}
