import ArgumentParser
import BitcoinPrimitives
import Foundation
import LightningAPI
import LightningRuntime
import LightningScenarios

struct StreamCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stream", abstract: "Pay continuously, in many small payments.",
        discussion: """
            lnw stream carol --rate 10sat/s --for 60s             and watch it; Ctrl-C stops it
            lnw stream start carol --rate 600sat/min --budget 5000sat   it goes on by itself, also after a restart
            lnw stream start --split bob:90,carol:10 --rate 1000sat/h
            lnw stream list

            Each payment is a keysend. Where a forwarder's fee is too large a share of a small payment, payments become larger and rarer, by \
            themselves. The budget and the limit of fees are never exceeded, to the millisatoshi.
            """,
        subcommands: [
            StreamRun.self, StreamStart.self, StreamList.self, StreamShow.self, StreamPause.self, StreamResume.self, StreamSetRate.self,
            StreamAdd.self, StreamStop.self,
        ], defaultSubcommand: StreamRun.self)
}

struct StreamStart: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "start", abstract: "Begin a stream that goes on by itself.")
    @OptionGroup var options: CommonOptions
    @OptionGroup var stream: StreamOptions
    func run() async throws {
        options.show(try await options.call("startstream", try stream.parameters())) { v in
            let id = v["stream"].u64
            return "stream \(id) has begun\n\(StreamText.line(v))\n\(options.lnw) stream show \(id), pause, resume, stop"
        }
    }
}

/// A stream that is stopped with the command. The node pays it: what kills the command by force does not stop it.
struct StreamRun: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run", abstract: "Begin a stream, and watch it until it ends. Ctrl-C stops it.")
    @OptionGroup var options: CommonOptions
    @OptionGroup var stream: StreamOptions
    @Option(help: "Write the stream and the network into this file, as a scenario: lnw sim run lives through it again.") var record: String?

    @Option(help: "Write a page to look at when it ends: one file, which needs no network.") var report: String?

    /// Time between two looks.
    private static let interval = Duration.milliseconds(250)

    func run() async throws {
        // Not after an hour.
        for path in [record, report].compactMap({ $0 }) { try OutputFile.check(path) }
        let interrupt = Interrupt([SIGINT, SIGTERM, SIGHUP])
        var now = try await options.call("startstream", try stream.parameters())
        let id = now["stream"]
        if !options.json { Terminal.out("stream \(id.u64)   Ctrl-C stops it") }
        let start = ContinuousClock.now
        var elapsed: UInt64 { (ContinuousClock.now - start).wholeMilliseconds }
        var recording = record == nil ? nil : try await StreamRecording(options, stream: now)
        var pageRecording = report == nil ? nil : try await StreamPage(options, stream: now)
        var isStopSent = false
        var looksAfterStop = 0
        var looks = 0
        while now["status"].string != "over" {
            do {
                if interrupt.happened, !isStopSent {
                    do { _ = try await options.call("stopstream", ["stream": id]) } catch let failure as CallFailure {
                        // It may have ended meanwhile.
                        guard failure.kind == .refused else { throw failure }
                    }
                    isStopSent = true
                }
                try await Task.sleep(for: Self.interval)
                now = try await options.call("getstream", ["stream": id])
                if !isStopSent, now["status"].string != "over" { recording?.note(now, at: elapsed) }
                try await pageRecording?.note(now, options, at: elapsed)
            } catch let failure as CallFailure {
                throw CallFailure(
                    failure.kind,
                    "\(failure.message)\nThe stream is the node's, and goes on where it runs: \(options.lnw) stream stop \(id.u64)")
            }
            if isStopSent { looksAfterStop += 1 }
            // A payee may hold a payment for days.
            if looksAfterStop > 20 { break }
            looks += 1
            if options.json {
                if looks.isMultiple(of: 4) { Terminal.out(now.line) }
            } else if Terminal.isOutput {
                let left = (try? await options.call("balance"))?["spendable_msat"].u64 ?? 0
                // A line that wraps cannot be taken away again.
                Terminal.out("\r\u{1b}[2K\(StreamText.live(now.printable, left: left).prefix(79))", newline: false)
            }
        }
        if Terminal.isOutput && !options.json { Terminal.out("\r\u{1b}[2K", newline: false) }
        let end = now["end"].string
        if let record, let recording {
            let text = recording.text(now, stream, duration: elapsed)
            do { try OutputFile.write(text, to: record) } catch {
                Terminal.error("lnw: \(record) cannot be written: the stream was paid, and is not recorded")
            }
        }
        if let report, let pageRecording {
            let page = HTMLReport(pageRecording.report(now, duration: elapsed)).text
            do { try OutputFile.write(page, to: report) } catch {
                Terminal.error("lnw: \(report) cannot be written: the stream was paid, and there is no page of it")
            }
        }
        if options.json {
            guard case .object(var fields) = now else { return }
            fields["complete"] = .bool((end == "duration" || end == "budget") && now["skipped_msat"].u64 == 0)
            Terminal.out(JSONValue.object(fields).line)
        } else {
            Terminal.out(StreamText.summary(now.printable))
        }
        guard end != "failures" else {
            throw CallFailure(
                .paymentFailed, "not all that was due could be paid: \(now["last_failure"].text ?? "nothing could be paid")")
        }
    }
}

struct StreamList: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "list", abstract: "Streams, the newest first.")
    @OptionGroup var options: CommonOptions
    @Option(help: "How many at most.") var limit: Int64 = 100
    @Option(help: "Those before the stream of this number.") var before: Int64?
    func run() async throws {
        let page = try await options.call("liststreams", ["limit": .integer(limit), "before": before.map { .integer($0) } ?? .null])
        options.show(page) { v in
            let list = v["streams"].list
            let incoming = v["incoming"].list
            if list.isEmpty, incoming.isEmpty {
                return "no streams\(before == nil ? " yet. Begin one: lnw stream start <payee> --rate 10sat/s" : " before it")"
            }
            return
                (list.map(StreamText.line) + incoming.map(StreamText.incoming)
                + (v["next"].int.map { ["more: \(options.lnw) stream list --before \($0)"] } ?? [])).joined(separator: "\n")
        }
    }
}

struct StreamShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "All of a stream.")
    @OptionGroup var options: CommonOptions
    @Argument(help: "The stream's number: lnw stream list") var stream: Int64
    func run() async throws {
        options.show(try await options.call("getstream", ["stream": .integer(stream)]), StreamText.story)
    }
}

/// What is done to a stream by its number.
protocol StreamAct: AsyncParsableCommand {
    static var method: String { get }
    var options: CommonOptions { get }
    var stream: Int64 { get }
}

extension StreamAct {
    func act(_ more: [String: JSONValue] = [:]) async throws {
        let parameters = JSONValue.object(more.merging(["stream": .integer(stream)]) { $1 })
        options.show(try await options.call(Self.method, parameters), StreamText.line)
    }
}

struct StreamPause: StreamAct {
    static let configuration = CommandConfiguration(
        commandName: "pause", abstract: "Have a stream wait. For the time until it is resumed nothing is due.")
    static let method = "pausestream"
    @OptionGroup var options: CommonOptions
    @Argument(help: "The stream's number") var stream: Int64
    func run() async throws { try await act() }
}

struct StreamResume: StreamAct {
    static let configuration = CommandConfiguration(commandName: "resume", abstract: "Have a stream go on.")
    static let method = "resumestream"
    @OptionGroup var options: CommonOptions
    @Argument(help: "The stream's number") var stream: Int64
    func run() async throws { try await act() }
}

struct StreamStop: StreamAct {
    static let configuration = CommandConfiguration(
        commandName: "stop", abstract: "End a stream. Payments that are under way are not taken back.")
    static let method = "stopstream"
    @OptionGroup var options: CommonOptions
    @Argument(help: "The stream's number") var stream: Int64
    func run() async throws { try await act() }
}

struct StreamSetRate: StreamAct {
    static let configuration = CommandConfiguration(commandName: "rate", abstract: "Have a stream pay another rate from now on.")
    static let method = "setstreamrate"
    @OptionGroup var options: CommonOptions
    @Argument(help: "The stream's number") var stream: Int64
    @Argument(help: "10sat/s, 600sat/min, 5000sat/h", transform: RateArgument.parse) var rate: RateArgument
    func run() async throws { try await act(["rate_msat": .amount(rate.msat), "rate_period_s": .integer(rate.seconds)]) }
}

struct StreamAdd: StreamAct {
    static let configuration = CommandConfiguration(commandName: "boost", abstract: "Pay something besides, at once, by the same shares.")
    static let method = "addtostream"
    @OptionGroup var options: CommonOptions
    @Argument(help: "The stream's number") var stream: Int64
    @Argument(help: Amount.help, transform: Amount.parse) var amount: Amount
    func run() async throws { try await act(["amount_msat": .amount(amount.msat)]) }
}

/// A stream in words.
enum StreamText {
    /// One line of a list.
    static func line(_ v: JSONValue) -> String {
        let status = v["end"].text.map { ending[$0] ?? $0 } ?? v["status"].string
        let columns = [
            Format.pad("\(v["stream"].u64)", 4, right: true), Format.pad(status, 12), Format.pad(rate(v), 14, right: true),
            Format.pad("paid \(Format.msat(v["paid_msat"].u64))", 20), "fee \(fee(v))", "to \(recipients(v))",
        ]
        return columns.joined(separator: "  ")
    }

    /// One line of a stream to us.
    static func incoming(_ v: JSONValue) -> String {
        "  in  \(Format.msat(v["received_msat"].u64)) in \(Format.thousands(v["num_payments"].u64)) payment\(v["num_payments"].u64 == 1 ? "" : "s"), \(v["first_at"].string) to \(v["last_at"].string)"
    }

    /// What is seen while one watches.
    static func live(_ v: JSONValue, left: UInt64) -> String {
        if v["num_payments"].u64 == 0, let failure = v["last_failure"].text { return "nothing paid yet: \(failure)" }
        var words = ["paid \(Format.msat(v["paid_msat"].u64))", "\(reached(v)) of \(rate(v))", "fee \(fee(v))"]
        if let p50 = v["latency_p50_ms"].int { words.append("p50 \(p50)\(v["latency_p99_ms"].int.map { ", p99 \($0)" } ?? "") ms") }
        words.append("\(Format.thousands(left / 1000)) sat left")
        return words.joined(separator: "  ")
    }

    static func summary(_ v: JSONValue) -> String {
        "streamed \(Format.msat(v["paid_msat"].u64)) in \(Format.thousands(v["num_payments"].u64)) payments, fee \(fee(v)): \(v["end"].text.map { ending[$0] ?? $0 } ?? "payments are still under way; it ends with them")\(skipped(v))"
    }

    static func story(_ v: JSONValue) -> String {
        var lines = [
            "stream \(v["stream"].u64)   \(v["end"].text.map { ending[$0] ?? $0 } ?? v["status"].string)   begun \(v["created_at"].string)"
        ]
        lines.append("rate      \(rate(v)), \(reached(v)) reached, a payment each \(time(v["interval_ms"].u64))")
        if let duration = v["duration_ms"].int {
            lines.append("lasts     \(time(UInt64(duration))), of which \(time(min(UInt64(duration), v["elapsed_ms"].u64))) are over")
        }
        if let budget = v["budget_msat"].int { lines.append("budget    \(Format.msat(UInt64(budget))), fees included") }
        lines.append(
            "paid      \(Format.msat(v["paid_msat"].u64)) in \(Format.thousands(v["num_payments"].u64)) payments; \(Format.thousands(v["num_failed"].u64)) failed\(skipped(v))"
        )
        lines.append(
            "fees      \(fee(v)); \(Double(v["max_fee_millionths"].u64) / 10_000) % are allowed\(v["max_fee_msat"].int.map { ", \(Format.msat(UInt64($0))) at most" } ?? "")"
        )
        if v["in_flight_msat"].u64 > 0 {
            let dust = v["dust_in_flight_msat"].u64
            let trusted =
                dust > 0 ? ", of which \(Format.msat(dust)), with fees, are too small for an output on chain" : ", all enforceable on chain"
            lines.append("under way \(Format.msat(v["in_flight_msat"].u64))\(trusted)")
        }
        if let most = v["max_dust_msat"].int { lines.append("dust      \(Format.msat(UInt64(most))) under way at most") }
        if let p50 = v["latency_p50_ms"].int {
            lines.append("latency   half within \(p50) ms\(v["latency_p99_ms"].int.map { ", 99 % within \($0) ms" } ?? "")")
        }
        for part in v["recipients"].list {
            lines.append(
                "to        \(name(part))   weight \(part["weight"].u64)   \(Format.msat(part["paid_msat"].u64))\(part["given_up"].flag ? "   given up" : "")"
            )
        }
        if let failure = v["last_failure"].text { lines.append("last failure: \(failure)") }
        return lines.joined(separator: "\n")
    }

    static let ending = [
        "duration": "complete", "budget": "budget spent", "failures": "failed", "stopped": "stopped",
    ]

    static func rate(_ v: JSONValue) -> String {
        let unit = [1: "s", 60: "min", 3600: "h"][v["rate_period_s"].u64] ?? "?"
        return "\(Format.bare(v["rate_msat"].u64)) sat/\(unit)"
    }

    /// What was paid for each period so far.
    private static func reached(_ v: JSONValue) -> String {
        let elapsed = min(v["elapsed_ms"].u64, v["duration_ms"].int.map { UInt64($0) } ?? .max)
        guard elapsed > 0 else { return "0" }
        let each = Double(v["paid_msat"].u64) * Double(v["rate_period_s"].u64 * 1000) / Double(elapsed)
        return Format.bare(UInt64(min(each, 1e18)))
    }

    /// Fees, and which share of what was paid they are.
    private static func fee(_ v: JSONValue) -> String {
        let (fee, paid) = (v["fee_msat"].u64, v["paid_msat"].u64)
        guard fee > 0, paid > 0 else { return Format.msat(fee) }
        return "\(Format.msat(fee)) (\((Double(fee) / Double(paid) * 10_000).rounded() / 100) %)"
    }

    private static func skipped(_ v: JSONValue) -> String {
        v["skipped_msat"].u64 > 0 ? "; \(Format.msat(v["skipped_msat"].u64)) of interruptions skipped" : ""
    }

    private static func recipients(_ v: JSONValue) -> String {
        v["recipients"].list.map { part in v["recipients"].list.count == 1 ? name(part) : "\(name(part)):\(part["weight"].u64)" }
            .joined(separator: ", ")
    }

    private static func name(_ part: JSONValue) -> String { part["alias"].text ?? Format.short(part["id"].string) }

    private static func time(_ milliseconds: UInt64) -> String {
        switch milliseconds {
        case ..<1000: "\(milliseconds) ms"
        case ..<120_000: "\(Double(milliseconds / 100) / 10) s"
        case ..<7_200_000: "\(milliseconds / 60_000) min"
        default: "\(milliseconds / 3_600_000) h"
        }
    }
}
