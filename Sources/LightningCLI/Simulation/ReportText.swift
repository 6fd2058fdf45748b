import Foundation
import LightningScenarios
import LightningSimulation
import LightningWire

/// What came of a scenario, in lines of at most 80 columns.
enum ReportText {
    static func text(_ report: ScenarioReport) -> String {
        var lines: [String] = []
        let seconds = Double(report.duration) / 1000
        lines.append(
            "\(report.name), seed \(report.seed), \(report.fidelity.rawValue): \(time(report.duration)) on \(count(report.nodes.count)) nodes, \(count(report.channels.count)) channels"
        )
        if report.isPartial { lines.append("interrupted after \(time(report.duration)) of \(time(report.wanted))") }
        let ended = report.succeeded + report.failed
        lines.append(
            row(
                "payments",
                "\(count(report.begun)) begun, \(decimal(Double(report.begun) / max(0.001, seconds), 2)) each second; \(percent(report.succeeded, ended)) arrived"
            ))
        if report.failed + report.pending > 0 {
            lines.append(row("", "\(count(report.failed)) failed, \(count(report.pending)) under way at the end"))
        }
        lines.append(
            row(
                "moved",
                "\(Format.msat(report.amountMsat)) for \(Format.msat(report.feesMsat)) of fees (\(share(report.feesMsat, of: report.amountMsat)))"
            ))
        if let p50 = report.latencyP50, let p90 = report.latencyP90, let p99 = report.latencyP99 {
            lines.append(row("latency", "p50 \(p50) ms   p90 \(p90) ms   p99 \(p99) ms"))
        }
        var work = "\(count(report.htlcs)) HTLCs"
        if report.messages > 0 { work += ", \(count(report.messages)) messages, \(count(report.bytes)) bytes" }
        lines.append(row("work", work))
        if let virtual = report.onChainVirtualBytes {
            lines.append(row("layer 1", "\(count(report.blocks.count)) blocks; \(count(virtual)) vB opened the channels"))
        }
        if !report.streams.isEmpty {
            lines.append("streams")
            for stream in report.streams.prefix(20) {
                let to = stream.to.map { report.nodes[$0].name }.joined(separator: ",")
                lines.append("  \(report.nodes[stream.from].name) → \(to)  \(stream.rate)")
                let failed = stream.failed > 0 ? ", \(count(stream.failed)) failed" : ""
                lines.append(
                    "    paid \(Format.msat(stream.paidMsat)) of \(Format.msat(stream.dueMsat)) due, fees \(share(stream.feesMsat, of: stream.paidMsat))"
                )
                lines.append("    \(count(stream.payments)) payments\(failed)\(stream.end.map { "; \($0)" } ?? "")")
            }
            if report.streams.count > 20 { lines.append("  and \(count(report.streams.count - 20)) more") }
        }
        if !report.events.isEmpty {
            lines.append("what happened")
            for event in report.events.prefix(20) { lines += wrapped("\(time(event.time)): \(event.what)") }
            if report.events.count > 20 { lines.append("  and \(count(report.events.count - 20)) more") }
        }
        if !report.closes.isEmpty {
            lines.append("closed channels")
            for close in report.closes.prefix(20) { lines += wrapped(text(close, report)) }
            if report.closes.count > 20 { lines.append("  and \(count(report.closes.count - 20)) more") }
        }
        if !report.failures.isEmpty {
            lines.append("why payments failed")
            for failure in report.failures.prefix(6) { lines += wrapped("\(count(failure.count)) x \(failure.reason)") }
        }
        if report.omittedPayments > 0 {
            lines.append(
                row(
                    "listed",
                    "the first \(count(report.payments.count)) payments: \(count(report.omittedPayments)) are not in tables and JSON"))
        }
        lines.append("trace \(report.trace)")
        return lines.joined(separator: "\n")
    }

    private static func text(_ close: ScenarioReport.Close, _ report: ScenarioReport) -> String {
        let channel = report.channels[close.channel]
        var text = "\(report.nodes[channel.from].name) – \(report.nodes[channel.to].name) at \(time(close.time)): \(close.kind)"
        if let by = close.by { text += ", \(report.nodes[by].name)'s commitment" }
        text += "; \(Format.thousands(close.feesSat)) sat to layer 1"
        if let penalty = close.penaltySat { text += ", \(Format.thousands(penalty)) sat of penalty" }
        if let lost = close.lostSat, lost > 0 { text += ", and the cheater kept \(Format.thousands(lost)) sat" }
        if let blocks = close.blocks, blocks > 0 { text += ", all claimed after \(count(blocks)) block\(blocks == 1 ? "" : "s")" }
        return text
    }

    /// A line for each run of a sweep.
    static func table(_ runs: [(name: String, report: ScenarioReport)]) -> String {
        let width = min(24, max(5, runs.map(\.name.count).max() ?? 0))
        var lines = [
            Format.pad("value", width) + Format.pad("begun", 10, right: true) + Format.pad("arrived", 10, right: true)
                + Format.pad("fees", 11, right: true) + Format.pad("p50", 10, right: true) + Format.pad("p99", 10, right: true)
        ]
        for (name, report) in runs {
            lines.append(
                Format.pad(name, width) + Format.pad(count(report.begun), 10, right: true)
                    + Format.pad(percent(report.succeeded, report.succeeded + report.failed), 10, right: true)
                    + Format.pad(share(report.feesMsat, of: report.amountMsat), 11, right: true)
                    + Format.pad(report.latencyP50.map { "\($0) ms" } ?? "–", 10, right: true)
                    + Format.pad(report.latencyP99.map { "\($0) ms" } ?? "–", 10, right: true) + (report.isPartial ? "  interrupted" : ""))
        }
        return lines.joined(separator: "\n")
    }

    private static func row(_ name: String, _ text: String) -> String { Format.pad(name, 10) + text }

    /// Breaks a long reason at spaces.
    private static func wrapped(_ text: String) -> [String] {
        var lines = [""]
        for word in text.split(separator: " ") {
            if lines[lines.count - 1].count + word.count > 74 { lines.append("   ") }
            lines[lines.count - 1] += (lines[lines.count - 1].isEmpty ? "" : " ") + word
        }
        return lines.map { "  " + $0 }
    }

    static func count(_ value: Int) -> String { Format.thousands(UInt64(max(0, value))) }

    static func decimal(_ value: Double, _ places: Int) -> String { String(format: "%.\(places)f", value) }

    private static func percent(_ part: Int, _ whole: Int) -> String {
        whole > 0 ? decimal(100 * Double(part) / Double(whole), 1) + " %" : "–"
    }

    private static func share(_ part: UInt64, of whole: UInt64) -> String {
        whole > 0 ? decimal(100 * Double(part) / Double(whole), 3) + " %" : "–"
    }

    static func time(_ milliseconds: Int) -> String {
        switch milliseconds {
        case _ where milliseconds % 1000 == 0 || milliseconds > 60_000: seconds(Double(milliseconds) / 1000)
        case 1000...: decimal(Double(milliseconds) / 1000, 1) + " s"
        default: "\(milliseconds) ms"
        }
    }

    /// `3 h 20 min`, `45 s`.
    static func seconds(_ value: Double) -> String {
        var rest = max(0, Int(value.rounded()))
        var words: [String] = []
        for (name, size) in [("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)] where rest >= size && words.count < 2 {
            words.append("\(rest / size) \(name)")
            rest %= size
        }
        return words.isEmpty ? "0 s" : words.joined(separator: " ")
    }
}
