import ArgumentParser
import BitcoinPrimitives
import Foundation
import LightningAPI
import LightningScenarios
import LightningSimulation

/// `lnw sim replay`.
struct SimReplay: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay", abstract: "A scenario as it stands at a moment: what each channel holds, and what is under way.",
        discussion: """
            The same seed gives the same events. The moment is a time, something that happened by its number in the report, or a payment by its number in \
            the tables, counted from 1: as it has just begun.

              lnw sim replay coffee.toml --until 4min
              lnw sim replay coffee.toml --seed 9 --until event:2
              lnw sim replay coffee.toml --until payment:17 --json
            """)

    /// When to stop.
    enum Moment: Equatable {
        case time(Int64)
        case event(Int)
        case payment(Int)

        /// - Throws: a `ValidationError` for what is none.
        static func parse(_ text: String) throws -> Moment {
            let parts = text.split(separator: ":", maxSplits: 1)
            guard parts.count == 2 else { return .time(try TimeArgument.parse(text)) }
            guard let number = Int(parts[1]), number > 0 else { throw ValidationError("“\(text)” has no number from 1 on: event:2") }
            switch parts[0] {
            case "event": return .event(number)
            case "payment": return .payment(number)
            default: throw ValidationError("“\(text)” is no moment: 4min, event:2 or payment:17")
            }
        }
    }

    @OptionGroup var options: CommonOptions
    @OptionGroup var source: ScenarioOptions
    @Option(help: ArgumentHelp("When: 4min, event:2, payment:17.", valueName: "moment"), transform: Moment.parse) var until: Moment

    func run() async throws {
        let scenario = try source.scenario(try source.changes)
        let time = try time(in: scenario)
        guard time > 0, Duration.milliseconds(time) <= scenario.duration else {
            throw CallFailure(
                .usage, "the scenario begins at 0 and ends after \(ReportText.time(Int(scenario.duration.wholeMilliseconds)))")
        }
        let report = try Self.report(scenario, until: .milliseconds(time))
        if options.json { return Terminal.out(try report.json) }
        Terminal.out(([ReportText.text(report), "at \(ReportText.time(Int(time)))"] + Self.state(report)).joined(separator: "\n"))
    }

    /// Thousandths of a second after the beginning.
    private func time(in scenario: Scenario) throws -> Int64 {
        let end = Int64(clamping: scenario.duration.wholeMilliseconds)
        switch until {
        case .time(let time): return time
        case .event(let number):
            let events = try Self.report(scenario).events
            guard number <= events.count else {
                throw CallFailure(.notFound, "\(events.count) things happen in all of it, and not \(number)")
            }
            return min(Int64(events[number - 1].time) + 1, end)
        case .payment(let number):
            let payments = try Self.report(scenario).payments
            guard number <= payments.count else {
                throw CallFailure(.notFound, "the tables of all of it have \(payments.count) payments, and not \(number)")
            }
            // The table has the moment at which it was due; of several that were due at one moment some begin later. The first moment at which
            // there are so many payments, found by halves.
            func hasBegun(_ time: Int64) throws -> Bool { try Self.report(scenario, until: .milliseconds(time)).payments.count >= number }
            let due = max(1, min(Int64(payments[number - 1].time), end))
            // Before it was due it had not begun.
            var (low, high) = (due - 1, due)
            while high < end, try !hasBegun(high) { (low, high) = (high, min(end, high + (high - low) * 2)) }
            while high - low > 1 {
                let middle = low + (high - low) / 2
                if try hasBegun(middle) { high = middle } else { low = middle }
            }
            return high
        }
    }

    private static func report(_ scenario: Scenario, until: Duration? = nil) throws -> ScenarioReport {
        do throws(ScenarioFailure) { return try scenario.run(until: until) } catch { throw error.control }
    }

    /// What is under way, and what each end of each channel has.
    private static func state(_ report: ScenarioReport) -> [String] {
        let waiting = report.payments.filter { !$0.hasSucceeded && $0.failure == nil }
        var lines = waiting.prefix(20).map { payment in
            "under way  \(report.nodes[payment.from].name) → \(report.nodes[payment.to].name) \(Format.msat(payment.amountMsat)), begun at "
                + ReportText.time(payment.time)
        }
        if waiting.count > 20 { lines.append("           and \(waiting.count - 20) more") }
        let channels = report.channels.prefix(100)
        lines += channels.map { channel in
            let near = channel.balanceSat.last ?? 0
            let far = channel.capacitySat - min(near, channel.capacitySat)
            return "channel    \(report.nodes[channel.from].name) \(Format.sat(near)) – \(Format.sat(far)) \(report.nodes[channel.to].name)"
        }
        if report.channels.count > channels.count { lines.append("           and \(report.channels.count - channels.count) more") }
        return lines
    }
}
