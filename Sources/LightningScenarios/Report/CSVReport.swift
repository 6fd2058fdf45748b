public import LightningSimulation

/// A run as tables of comma-separated values (RFC 4180, but for lines that end with a line feed alone), by the names of their files.
public enum CSVReport {
    /// Every table: `payments.csv`, `slices.csv`, `channels.csv`, `balances.csv`, `streams.csv`, `nodes.csv`; where there were some,
    /// `events.csv` and `closes.csv`.
    public static func tables(_ report: ScenarioReport) -> [(name: String, text: String)] {
        func name(_ node: Int) -> String { report.nodes[node].name }
        func optional(_ value: (some CustomStringConvertible)?) -> String { value.map { "\($0)" } ?? "" }
        let payments = report.payments.map { payment in
            [
                "\(payment.time)", name(payment.from), name(payment.to), "\(payment.amountMsat)", optional(payment.feeMsat),
                optional(payment.latency), "\(payment.htlcs)", optional(payment.stream), payment.failure ?? "",
            ]
        }
        let slices = report.slices.enumerated().map { index, slice in
            [
                "\(min(report.duration, (index + 1) * report.sliceLength))", "\(slice.begun)", "\(slice.succeeded)", "\(slice.failed)",
                "\(slice.amountMsat)",
                "\(slice.feesMsat)", optional(slice.latencyP50), optional(slice.latencyP99), "\(slice.dustMsat)",
            ]
        }
        let channels = report.channels.enumerated().map { index, channel in
            [
                "\(index)", name(channel.from), name(channel.to), "\(channel.capacitySat)", "\(channel.balanceSat.last ?? 0)",
                "\(channel.forwardedMsat)", "\(channel.depletedSlices)",
            ]
        }
        var tables = [
            ("payments.csv", ["time_ms", "from", "to", "amount_msat", "fee_msat", "latency_ms", "htlcs", "stream", "failure"], payments),
            (
                "slices.csv",
                ["end_ms", "begun", "succeeded", "failed", "amount_msat", "fees_msat", "latency_p50_ms", "latency_p99_ms", "dust_msat"],
                slices
            ),
            (
                "channels.csv", ["channel", "from", "to", "capacity_sat", "from_has_sat", "forwarded_msat", "depleted_slices"], channels
            ),
            (
                "streams.csv", ["from", "to", "rate", "due_msat", "paid_msat", "fees_msat", "payments", "failed", "end", "last_failure"],
                report.streams.map { stream in
                    [
                        name(stream.from), stream.to.map { name($0) }.joined(separator: " "), stream.rate, "\(stream.dueMsat)",
                        "\(stream.paidMsat)", "\(stream.feesMsat)", "\(stream.payments)", "\(stream.failed)", stream.end ?? "",
                        stream.lastFailure ?? "",
                    ]
                }
            ),
            (
                "nodes.csv", ["node", "forwards", "earned_msat"],
                report.nodes.map { [$0.name, "\($0.forwards)", "\($0.earnedMsat)"] }
            ),
        ]
        if !report.events.isEmpty {
            tables.append(("events.csv", ["time_ms", "event"], report.events.map { ["\($0.time)", $0.what] }))
        }
        if !report.closes.isEmpty {
            let rows = report.closes.map { close in
                [
                    "\(close.time)", "\(close.channel)", close.kind, close.by.map { name($0) } ?? "", "\(close.feesSat)",
                    optional(close.penaltySat), optional(close.lostSat), optional(close.blocks),
                ]
            }
            tables.append(("closes.csv", ["time_ms", "channel", "kind", "by", "fees_sat", "penalty_sat", "lost_sat", "blocks"], rows))
        }
        // A table of a large network's balances would be larger than all else.
        if report.channels.count <= 1000 {
            let balances = report.slices.indices.map { slice in
                ["\(min(report.duration, (slice + 1) * report.sliceLength))"]
                    + report.channels.map { $0.balanceSat.indices.contains(slice) ? "\($0.balanceSat[slice])" : "" }
            }
            tables.append(("balances.csv", ["end_ms"] + report.channels.indices.map { "channel_\($0)_from_has_sat" }, balances))
        }
        return tables.map { ($0.0, text(header: $0.1, $0.2)) }
    }

    /// A table with its header; what holds a comma, a quote or a line's end stands in quotes.
    public static func text(header: [String], _ rows: [[String]]) -> String {
        ([header] + rows).map { $0.map(quoted).joined(separator: ",") + "\n" }.joined()
    }

    private static func quoted(_ field: String) -> String {
        // Byte by byte, as whoever reads it again.
        let bytes = Array(field.utf8)
        guard bytes.contains(where: { [UInt8(ascii: ","), UInt8(ascii: "\""), 10, 13].contains($0) }) else { return field }
        let doubled = bytes.split(separator: UInt8(ascii: "\""), omittingEmptySubsequences: false).joined(separator: Array("\"\"".utf8))
        return "\"" + String(decoding: Array(doubled), as: UTF8.self) + "\""
    }
}
