import BitcoinPrimitives
import Foundation
import LightningAPI
import LightningRuntime
import LightningSimulation

/// What a stream did while somebody watched it, second by second, for a page to look at.
struct StreamPage {
    /// What was seen at the end of a second: sums since the stream's beginning.
    private struct Sample {
        var time: UInt64
        var paid: UInt64
        var fees: UInt64
        var succeeded: UInt64
        var failed: UInt64
        var latencyP50: Int?
        var latencyP99: Int?
        var dust: UInt64
        /// What this node has in each of its channels, whole satoshi.
        var balances: [UInt64]
    }

    private var samples: [Sample] = []
    /// This node, its peers, and those who are paid.
    private let names: [(id: String, name: String)]
    private let channels: [(id: String, peer: Int, capacity: UInt64)]
    private let recipients: [Int]
    private let rate: String
    private let title: String
    /// Time between two samples: longer the longer the stream goes on.
    private var interval: UInt64 = 1000
    private static let mostSamples = 600
    private static let slices = 120

    init(_ options: CommonOptions, stream: JSONValue) async throws {
        let info = try await options.call("getinfo")
        var names = [(id: info["id"].string, name: info["alias"].text ?? "this node")]
        func number(_ id: String, _ alias: String?) -> Int {
            if let known = names.firstIndex(where: { $0.id == id }) { return known }
            names.append((id, alias.flatMap { $0.isEmpty ? nil : $0 } ?? String(id.prefix(8))))
            return names.count - 1
        }
        channels = try await options.call("listchannels").list.filter { $0["state"].string == "normal" }.map {
            ($0["channel_id"].string, number($0["peer_id"].string, $0["peer_alias"].text), $0["funding_satoshis"].u64)
        }
        recipients = stream["recipients"].list.map { number($0["id"].string, $0["alias"].text) }
        self.names = names
        rate = StreamText.rate(stream)
        title = "stream \(stream["stream"].u64)"
        try await note(stream, options, at: 0)
    }

    /// How the stream stands, at a time since its beginning in milliseconds.
    mutating func note(_ stream: JSONValue, _ options: CommonOptions, at time: UInt64) async throws {
        if let last = samples.last, time < last.time + interval, stream["status"].string != "over" { return }
        let balances = Dictionary(
            try await options.call("listchannels").list.map { ($0["channel_id"].string, $0["to_local_msat"].u64 / 1000) }
        ) { first, _ in first }
        samples.append(
            Sample(
                time: time, paid: stream["paid_msat"].u64, fees: stream["fee_msat"].u64, succeeded: stream["num_payments"].u64,
                failed: stream["num_failed"].u64, latencyP50: stream["latency_p50_ms"].int.map { Int($0) },
                latencyP99: stream["latency_p99_ms"].int.map { Int($0) }, dust: stream["dust_in_flight_msat"].u64,
                balances: channels.map { balances[$0.id] ?? 0 }))
        guard samples.count > Self.mostSamples else { return }
        // Every second one: they are sums, and nothing is lost but when it was.
        samples = samples.enumerated().filter { $0.offset.isMultiple(of: 2) || $0.offset == samples.count - 1 }.map(\.element)
        interval *= 2
    }

    /// - Parameters:
    ///   - stream: as it stands at the end.
    ///   - duration: since its beginning, in milliseconds.
    func report(_ stream: JSONValue, duration: UInt64) -> ScenarioReport {
        let length = max(interval, (duration / UInt64(Self.slices) / interval + 1) * interval)
        var report = ScenarioReport(
            recorded: title, nodes: names.map { .init(name: $0.name) },
            channels: channels.map { .init(from: 0, to: $0.peer, capacitySat: $0.capacity) }, sliceLength: Int(clamping: length),
            duration: Int(clamping: duration))
        let elapsed = min(stream["elapsed_ms"].u64, stream["duration_ms"].int.map { UInt64($0) } ?? .max)
        let (due, overflow) = stream["rate_msat"].u64.multipliedReportingOverflow(by: elapsed)
        var lane = ScenarioReport.Stream(
            from: 0, to: recipients, rate: rate, dueMsat: overflow ? .max : due / max(1, stream["rate_period_s"].u64 * 1000))
        lane.end = stream["end"].text.map { StreamText.ending[$0] ?? $0 }
        lane.lastFailure = stream["last_failure"].text
        var before = samples[0]
        var end = length
        while end - length < duration {
            let now = samples.last { $0.time <= end } ?? before
            var slice = ScenarioReport.Slice()
            (slice.succeeded, slice.failed) = (Int(now.succeeded - before.succeeded), Int(now.failed - before.failed))
            slice.begun = slice.succeeded + slice.failed
            (slice.amountMsat, slice.feesMsat) = (now.paid - before.paid, now.fees - before.fees)
            if slice.succeeded > 0 { (slice.latencyP50, slice.latencyP99) = (now.latencyP50, now.latencyP99) }
            slice.dustMsat = now.dust
            report.slices.append(slice)
            for (index, balance) in now.balances.enumerated() { report.channels[index].balanceSat.append(balance) }
            lane.paidBySlice.append(now.paid)
            (before, end) = (now, end + length)
        }
        (lane.paidMsat, lane.feesMsat) = (stream["paid_msat"].u64, stream["fee_msat"].u64)
        (lane.payments, lane.failed) = (Int(clamping: stream["num_payments"].u64), Int(clamping: stream["num_failed"].u64))
        report.streams = [lane]
        (report.succeeded, report.failed, report.begun) = (lane.payments, lane.failed, lane.payments + lane.failed)
        report.htlcs = report.begun
        (report.amountMsat, report.feesMsat) = (lane.paidMsat, lane.feesMsat)
        (report.latencyP50, report.latencyP99) = (samples.last?.latencyP50, samples.last?.latencyP99)
        if let failure = lane.lastFailure { report.failures = [.init(reason: failure, count: lane.failed)] }
        return report
    }
}
