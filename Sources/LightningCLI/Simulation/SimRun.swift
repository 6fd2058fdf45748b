import ArgumentParser
import BitcoinPrimitives
import Foundation
import LightningAPI
import LightningRouting
import LightningRuntime
import LightningScenarios
import LightningSimulation
import LightningWire
import Synchronization

/// A scenario file, and what of it is to be otherwise.
struct ScenarioOptions: ParsableArguments {
    @Argument(help: "The scenario: a TOML file.", completion: .file(extensions: ["toml"])) var file: String
    @Option(help: "Another seed than the file's.") var seed: UInt64?
    @Option(help: "Whole nodes, or balances: protocol, flow.", transform: Self.fidelity) var fidelity: Scenario.Fidelity?
    @Option(
        help: ArgumentHelp("Another value than the file's; in a list of tables for each of them.", valueName: "stream.rate=5sat/s"))
    var set: [String] = []

    private static func fidelity(_ text: String) throws -> Scenario.Fidelity {
        guard let fidelity = Scenario.Fidelity(rawValue: text) else { throw ValidationError("“\(text)” is neither protocol nor flow.") }
        return fidelity
    }

    var changes: [ScenarioFile.Change] {
        get throws {
            var changes = try set.map { try Self.change($0, "--set") }
            if let seed { changes.append(.init(key: "seed", value: "\(seed)")) }
            if let fidelity { changes.append(.init(key: "fidelity", value: fidelity.rawValue)) }
            return changes
        }
    }

    static func change(_ text: String, _ option: String) throws -> ScenarioFile.Change {
        let parts = text.split(separator: "=", maxSplits: 1).map(String.init)
        guard parts.count == 2, !parts[0].isEmpty else {
            throw CallFailure(.usage, "“\(text)” is no change: \(option) stream.rate=5sat/s")
        }
        return .init(key: parts[0], value: parts[1])
    }

    /// Reads the scenario.
    func scenario(_ changes: [ScenarioFile.Change]) throws -> Scenario {
        guard let data = FileManager.default.contents(atPath: file) else { throw CallFailure(.refused, "cannot read \(file)") }
        guard let text = String(data: data, encoding: .utf8) else { throw CallFailure(.refused, "\(file) is no text in UTF-8") }
        let url = URL(filePath: file)
        do throws(ScenarioFileFailure) {
            return try ScenarioFile.read(text, name: url.deletingPathExtension().lastPathComponent, changes: changes) { path in
                // As in the file: from where the file is.
                let table = URL(filePath: path, relativeTo: url.deletingLastPathComponent().absoluteURL).path
                return try NetworkTable(try GraphTable.contents(of: table))
            }
        } catch { throw CallFailure(.refused, "\(file): \(error)") }
    }

    /// The command that runs the same, as a shell takes it.
    func again(_ command: String, until: String?) -> String {
        var words = ["lnw", "sim", command, file]
        if let seed { words += ["--seed", "\(seed)"] }
        if let fidelity { words += ["--fidelity", fidelity.rawValue] }
        for change in set { words += ["--set", change] }
        if let until { words += ["--until", until] }
        return words.map(ShellWord.quoted).joined(separator: " ")
    }
}

extension ScenarioFailure {
    /// As the command line says it.
    var control: CallFailure {
        switch self {
        case .impossible: CallFailure(.refused, description)
        case .violation: CallFailure(.internal, description)
        }
    }
}

extension Scenario {
    /// Runs it as closely as it says.
    func run(until: Duration? = nil, _ progress: (Double) -> Bool = { _ in true }) throws(ScenarioFailure) -> ScenarioReport {
        switch fidelity {
        case .full: try ProtocolRun.run(self, until: until, progress: progress)
        case .flow: try FlowRun.run(self, until: until, progress: progress)
        }
    }
}

extension Encodable {
    /// As JSON in one line, with its keys in order.
    var json: String {
        get throws {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
            return String(decoding: try encoder.encode(self), as: UTF8.self)
        }
    }
}

/// `lnw sim run`.
struct SimRun: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Runs a scenario: who pays whom on which network, and what fails.",
        discussion: """
            Ctrl-C ends it early: what was measured until then is shown, and written.

              lnw sim run coffee.toml
              lnw sim run coffee.toml --report coffee.html --csv tables
              lnw sim run coffee.toml --sweep payments.every=1s,100ms,10ms
              lnw sim run coffee.toml --set network.shape=star --fidelity flow
            """)
    @OptionGroup var options: CommonOptions
    @OptionGroup var source: ScenarioOptions
    @Option(
        help: ArgumentHelp("One run for each value; said twice, one for each pair of values.", valueName: "network.nodes=5,10,20"))
    var sweep: [String] = []
    @Option(help: "Write a page to look at: one file, which needs no network.") var report: String?
    @Option(help: "Write tables into this folder: payments, slices of time, channels, streams, nodes.") var csv: String?
    @Option(help: "End at this moment: 4min", transform: TimeArgument.parse) var until: Int64?
    @Flag(help: "No progress.") var quiet = false

    func validate() throws {
        for sweep in sweep {
            guard let change = try? ScenarioOptions.change(sweep, "--sweep"), !Self.values(change.value).contains("") else {
                throw ValidationError("“\(sweep)” is no sweep: --sweep network.nodes=5,10,20")
            }
        }
        if let until { guard until > 0 else { throw ValidationError("--until is a moment after the beginning.") } }
        if !sweep.isEmpty, report != nil { throw ValidationError("--report is for one run: without --sweep.") }
    }

    /// The values between commas, but for commas in quotes and brackets.
    static func values(_ text: String) -> [String] {
        var values = [""]
        var (isQuoted, depth) = (false, 0)
        for character in text {
            switch character {
            case "\"": isQuoted.toggle()
            case "[" where !isQuoted: depth += 1
            case "]" where !isQuoted: depth -= 1
            case "," where !isQuoted && depth == 0:
                values.append("")
                continue
            default: break
            }
            values[values.count - 1].append(character)
        }
        return values
    }

    private var runs: [[ScenarioFile.Change]] {
        get throws {
            try sweep.reduce([[]]) { runs, sweep in
                let change = try ScenarioOptions.change(sweep, "--sweep")
                let values = Self.values(change.value).map { ScenarioFile.Change(key: change.key, value: $0) }
                return runs.flatMap { run in values.map { run + [$0] } }
            }
        }
    }

    func run() async throws {
        // A second Ctrl-C ends it as it is: no network is built, and no report drawn, in a moment.
        let interrupt = Interrupt([SIGINT, SIGTERM], secondEnds: true)
        let changes = try source.changes
        // All of them are read before the first one runs: an error in the last is not to come after an hour.
        let scenarios = try runs.map { (changes: $0, scenario: try source.scenario(changes + $0)) }
        if let until, let end = scenarios.map(\.scenario.duration).min() {
            guard Duration.milliseconds(until) <= end else { throw CallFailure(.usage, "the scenario ends before --until") }
        }
        try checkWritable()
        var reports: [(changes: [ScenarioFile.Change], report: ScenarioReport)] = []
        // Ctrl-C before the first has begun gives a result as well: of no time.
        for (changes, scenario) in scenarios where reports.isEmpty || !interrupt.happened {
            let label = changes.isEmpty ? "" : changes.map { "\($0.key)=\($0.value)" }.joined(separator: " ") + "  "
            reports.append((changes, try run(scenario, label: label, interrupt)))
        }
        let first = reports[0]
        // What was measured is told first: a full disk takes the files, and not the figures.
        if options.json {
            try showJSON(reports)
        } else if sweep.isEmpty {
            Terminal.out(ReportText.text(first.report))
        } else {
            Terminal.out(ReportText.table(reports.map { (name: $0.changes.map(\.value).joined(separator: " "), report: $0.report) }))
        }
        var failure: (any Error)?
        if let csv {
            do {
                try writeTables(reports, csv)
                if !options.json { Terminal.out("tables: \(csv)") }
            } catch { failure = error }
        }
        if let report {
            let interval = Int(scenarios[0].scenario.blockInterval.wholeSeconds)
            let page = HTMLReport(first.report, command: source.again("run", until: until.map { "\($0)ms" }), blockInterval: interval)
            try OutputFile.write(page.text, to: report)
            if !options.json { Terminal.out("report: \(report)") }
        }
        if let failure { throw failure }
    }

    private func run(_ scenario: Scenario, label: String, _ interrupt: Interrupt) throws -> ScenarioReport {
        let start = ContinuousClock.now
        let line = ProgressLine(isQuiet: quiet || options.json)
        // While the network is built there is nothing else to see.
        line.show(0, label: label, since: start)
        do throws(ScenarioFailure) {
            let report = try scenario.run(until: until.map { .milliseconds($0) }) { part in
                line.show(part, label: label, since: start)
                return !interrupt.happened
            }
            line.clear()
            return report
        } catch {
            line.clear()
            throw error.control
        }
    }

    private func showJSON(_ reports: [(changes: [ScenarioFile.Change], report: ScenarioReport)]) throws {
        struct Run: Encodable {
            var changes: [String: String]
            var report: ScenarioReport
        }
        let runs = reports.map { entry in
            Run(changes: Dictionary(entry.changes.map { ($0.key, $0.value) }, uniquingKeysWith: { $1 }), report: entry.report)
        }
        Terminal.out(try sweep.isEmpty ? reports[0].report.json : runs.json)
    }

    // MARK: Files

    /// Finds out before the run, which may take an hour, that what comes of it has a place.
    private func checkWritable() throws {
        if let report {
            guard URL(filePath: report).resolvingSymlinksInPath() != URL(filePath: source.file).resolvingSymlinksInPath() else {
                throw CallFailure(.usage, "\(report) is the scenario: write the report somewhere else")
            }
            try OutputFile.check(report)
        }
        if let csv {
            do {
                try FileManager.default.createDirectory(atPath: csv, withIntermediateDirectories: true)
                try OutputFile.write("", to: "\(csv)/.writable")
                try FileManager.default.removeItem(atPath: "\(csv)/.writable")
            } catch { throw CallFailure(.refused, "\(csv) is no folder in which files can be written, and cannot be made one") }
        }
    }

    private func writeTables(_ reports: [(changes: [ScenarioFile.Change], report: ScenarioReport)], _ folder: String) throws {
        for (number, entry) in reports.enumerated() {
            let prefix = sweep.isEmpty ? "" : "\(number + 1)-"
            for table in CSVReport.tables(entry.report) { try OutputFile.write(table.text, to: "\(folder)/\(prefix)\(table.name)") }
        }
        guard !sweep.isEmpty else { return }
        let keys = reports[0].changes.map(\.key)
        let summary = CSVReport.text(
            header: ["run"] + keys + ["begun", "succeeded", "failed", "amount_msat", "fees_msat", "latency_p50_ms", "latency_p99_ms"],
            reports.enumerated().map { number, entry in
                let report = entry.report
                return ["\(number + 1)"] + entry.changes.map(\.value)
                    + [
                        "\(report.begun)", "\(report.succeeded)", "\(report.failed)", "\(report.amountMsat)", "\(report.feesMsat)",
                        report.latencyP50.map { "\($0)" } ?? "", report.latencyP99.map { "\($0)" } ?? "",
                    ]
            })
        try OutputFile.write(summary, to: "\(folder)/sweep.csv")
    }
}

/// How far a run is, and how long it takes: on a terminal only, for standard output is for the result.
private final class ProgressLine: Sendable {
    private let isQuiet: Bool
    private let last = Mutex(ContinuousClock.now - .seconds(1))

    init(isQuiet: Bool) { self.isQuiet = isQuiet || isatty(STDERR_FILENO) == 0 }

    func show(_ part: Double, label: String, since start: ContinuousClock.Instant) {
        guard !isQuiet else { return }
        let now = ContinuousClock.now
        let isDue = last.withLock { last in
            guard now - last >= .milliseconds(100) || part >= 1 else { return false }
            last = now
            return true
        }
        guard isDue else { return }
        let filled = min(24, max(0, Int(part * 24)))
        let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 24 - filled)
        let seconds = (now - start) / .seconds(1)
        let left = part > 0.02 ? "   \(ReportText.seconds(seconds / part - seconds)) left" : ""
        try? FileHandle.standardError.write(contentsOf: Data("\r\u{1b}[K\(label)\(bar) \(Int(part * 100)) %\(left)".utf8))
    }

    func clear() {
        guard !isQuiet else { return }
        try? FileHandle.standardError.write(contentsOf: Data("\r\u{1b}[K".utf8))
    }
}
