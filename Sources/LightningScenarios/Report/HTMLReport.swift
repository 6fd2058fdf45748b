import BitcoinPrimitives
public import LightningSimulation

/// A run as one HTML file: it needs no network, and all but the map's slider no script.
public struct HTMLReport {
    let report: ScenarioReport
    let comparison: LayerComparison
    /// The command that gives the same run again; empty where there is none.
    private let command: String

    /// A report of a run.
    ///
    /// - Parameters:
    ///   - command: that gives the same run again.
    ///   - comparesLayerOne: whether the same payments are simulated on layer 1, which takes some seconds.
    public init(_ report: ScenarioReport, command: String = "", comparesLayerOne: Bool = true, blockInterval: Int = 600) {
        self.report = report
        self.command = command
        let load = Double(report.begun) * 1000 / Double(max(1, report.duration))
        let market = comparesLayerOne && report.begun > 0 ? LayerOneRun(load: load, blockInterval: blockInterval, seed: report.seed) : nil
        comparison = LayerComparison(report, feeMarket: market)
    }

    /// The file.
    public var text: String {
        var parts = ["<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">"]
        parts.append("<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">")
        parts.append("<title>\(report.name.escapedHTML)</title>\n<style>\n\(ReportStyle.css)\n</style>\n</head>\n<body>")
        parts.append(header)
        parts.append(figures)
        parts.append(map)
        parts.append(events)
        parts.append(streams)
        parts.append(charts)
        parts.append(sizes)
        parts.append(failures)
        parts.append(channels)
        parts.append(layers)
        parts.append(footer)
        parts.append("<script>\n\(ReportStyle.script)\n</script>\n</body>\n</html>\n")
        return parts.filter { !$0.isEmpty }.joined(separator: "\n")
    }

    // MARK: The head

    private var header: String {
        let kind =
            report.fidelity == .full
            ? "production nodes with real messages, signatures and blocks"
            : "a flow: channels as balances, with the production router and streams"
        var html = "<header><h1>\(report.name.escapedHTML)</h1><p class=\"soft\">\(Numbers.time(report.duration)) on "
        html +=
            report.isRecorded
            ? "\(Numbers.grouped(report.channels.count)) channels of a running node.</p>"
            : "\(Numbers.grouped(report.nodes.count)) nodes with \(Numbers.grouped(report.channels.count)) channels, seed \(report.seed); \(kind).</p>"
        if report.isPartial {
            html +=
                "<p class=\"bad\">Interrupted: \(Numbers.time(report.duration)) of \(Numbers.time(report.wanted)). All numbers are of that time.</p>"
        }
        return html + "</header>"
    }

    private var figures: String {
        var items: [(String, String)] = [
            ("payments", Numbers.grouped(report.begun)),
            ("arrived", Numbers.percent(Double(report.succeeded), of: Double(report.succeeded + report.failed))),
            ("moved", Numbers.sat(report.amountMsat)),
            ("fees", Numbers.percent(Double(report.feesMsat), of: Double(report.amountMsat), places: 3)),
        ]
        if let p50 = report.latencyP50, let p99 = report.latencyP99 {
            items.append(("latency, median", Numbers.time(p50)))
            items.append(("latency, 99 %", Numbers.time(p99)))
        }
        items.append(("HTLCs", Numbers.grouped(report.htlcs)))
        if report.messages > 0 { items.append(("messages", Numbers.grouped(report.messages))) }
        if report.bytes > 0, report.succeeded > 0 {
            items.append(("sent for a payment", Numbers.grouped(report.bytes / report.succeeded) + " bytes"))
        }
        let cells = items.map { "<div><dt>\($0.0)</dt><dd>\($0.1.escapedHTML)</dd></div>" }
        return "<dl class=\"figures\">" + cells.joined() + "</dl>"
    }

    // MARK: The map

    /// The channels that are drawn: those that moved most, where there are too many.
    private var drawn: (nodes: [Int], channels: [Int])? {
        if report.nodes.count <= NetworkDrawing.mostNodes, report.channels.count <= NetworkDrawing.mostLinks {
            return (Array(report.nodes.indices), Array(report.channels.indices))
        }
        let busy = report.channels.indices.filter { report.channels[$0].forwardedMsat > 0 }
            .sorted { (report.channels[$1].forwardedMsat, $0) < (report.channels[$0].forwardedMsat, $1) }
        var nodes: [Int] = []
        var channels: [Int] = []
        for index in busy {
            let channel = report.channels[index]
            let new = [channel.from, channel.to].filter { !nodes.contains($0) }
            guard nodes.count + new.count <= 24, channels.count < 40 else { break }
            nodes += new
            channels.append(index)
        }
        return channels.isEmpty ? nil : (nodes, channels)
    }

    private var map: String {
        guard let (nodes, channels) = drawn, !report.slices.isEmpty else { return "" }
        let places = Dictionary(uniqueKeysWithValues: nodes.enumerated().map { ($0.element, $0.offset) })
        let links = channels.map { number in
            let channel = report.channels[number]
            return NetworkDrawing.Link(
                from: places[channel.from]!, to: places[channel.to]!, mine: channel.balanceSat.last ?? 0, capacity: channel.capacitySat)
        }
        let drawing = NetworkDrawing(names: nodes.map { report.nodes[$0].name }, links: links)
        let times = report.slices.indices.map { "\"\(Numbers.time(min(report.duration, ($0 + 1) * report.sliceLength)))\"" }
        let data = channels.map { number in
            let channel = report.channels[number]
            return "{\"capacity\":\(channel.capacitySat),\"mine\":[\(channel.balanceSat.map { String($0) }.joined(separator: ","))]}"
        }
        let last = report.slices.count - 1
        var html = "<section><h2>Map</h2><figure><figcaption>Who has how much in each channel <span class=\"unit\">sat</span></figcaption>"
        html += "<div class=\"scroll\">\(drawing.svg)</div>"
        html +=
            "<div id=\"moment-box\" class=\"hidden\"><label for=\"moment\">Moment: <output id=\"moment-time\" for=\"moment\"></output></label>"
        html += "<input type=\"range\" id=\"moment\" min=\"0\" max=\"\(last)\" value=\"\(last)\"></div>"
        html += "<p class=\"note\">Each half of a line is in its owner's colour, and as long as the owner's share. "
        if channels.count < report.channels.count {
            html += "The \(channels.count) channels over which most was forwarded, of \(Numbers.grouped(report.channels.count)). "
        }
        html +=
            "The end of the run is shown; what HTLCs hold is counted with the other side\(report.closes.isEmpty ? "" : ", and a channel that was closed stays as it was last").</p></figure>"
        html +=
            "<script type=\"application/json\" id=\"balances\">{\"times\":[\(times.joined(separator: ","))],\"links\":[\(data.joined(separator: ","))]}</script></section>"
        return html
    }

    // MARK: Charts

    private var charts: String {
        guard !report.slices.isEmpty else { return "" }
        let seconds = Double(report.sliceLength) / 1000
        let slices = report.slices
        func chart(
            _ title: String, _ unit: String, _ series: [(String, [Double?])], stacked: Bool = false, least: Double = 0, note: String = ""
        ) -> String {
            Chart(
                title: title, unit: unit, series: series.map { Chart.Series(name: $0.0, values: $0.1) }, duration: report.duration,
                isStacked: stacked, least: least, note: note
            ).html
        }
        var all = [
            chart(
                "Payments", "each second",
                [("arrived", slices.map { Double($0.succeeded) / seconds }), ("failed", slices.map { Double($0.failed) / seconds })],
                stacked: true),
            chart(
                "Latency", "ms",
                [("median", slices.map { $0.latencyP50.map(Double.init) }), ("99 %", slices.map { $0.latencyP99.map(Double.init) })],
                note: "From a payment's first HTLC until its preimage came."),
            chart(
                "Success", "% of payments that ended",
                [
                    (
                        "arrived",
                        slices.map { $0.succeeded + $0.failed > 0 ? 100 * Double($0.succeeded) / Double($0.succeeded + $0.failed) : nil }
                    )
                ], least: 100),
            chart(
                "Fees", "% of what arrived",
                [("fees", slices.map { $0.amountMsat > 0 ? 100 * Double($0.feesMsat) / Double($0.amountMsat) : nil })],
                note: "What forwarders took."),
            chart(
                "Trusted dust", "sat", [("dust under way", slices.map { Double($0.dustMsat) / 1000 })],
                note: "HTLCs under way at the end of a slice that are too small for an output on chain: nobody could claim them there."),
        ]
        let sides = slices.indices.map { slice -> Double? in
            let low = report.channels.count { channel in
                guard channel.balanceSat.indices.contains(slice) else { return false }
                let (balance, least) = (channel.balanceSat[slice], channel.capacitySat / 20)
                return balance < least || channel.capacitySat - min(balance, channel.capacitySat) < least
            }
            return report.channels.isEmpty ? nil : 100 * Double(low) / Double(report.channels.count)
        }
        all.append(
            chart(
                "Depletion", "% of channels", [("nearly empty on one side", sides)], least: 10, note: "One side has less than a twentieth.")
        )
        if !report.blocks.isEmpty {
            var fees = [Double?](repeating: nil, count: slices.count)
            for block in report.blocks where report.sliceLength > 0 {
                let slice = min(slices.count - 1, block.time / report.sliceLength)
                fees[slice] = (fees[slice] ?? 0) + Double(block.weight) / 4
            }
            all.append(
                chart("Layer 1", "vB in blocks", [("blocks", fees)], note: "Each dot is a slice of time in which a block was mined."))
        }
        return "<section><h2>Over time</h2><div class=\"charts\">\(all.joined())</div></section>"
    }

    private var sizes: String {
        guard !report.sizes.isEmpty else { return "" }
        let bars = report.sizes.map { size in
            BarChart.Bar(
                name: "to " + Numbers.short(Double(size.upToMsat) / 1000) + " sat",
                value: size.payments > 0 ? 100 * Double(size.succeeded) / Double(size.payments) : 0,
                text: Numbers.percent(Double(size.succeeded), of: Double(size.payments)) + " of " + Numbers.grouped(size.payments))
        }
        let fees = report.sizes.filter { $0.amountMsat > 0 }.map { size in
            BarChart.Bar(
                name: "to " + Numbers.short(Double(size.upToMsat) / 1000) + " sat",
                value: 100 * Double(size.feesMsat) / Double(size.amountMsat),
                text: Numbers.percent(Double(size.feesMsat), of: Double(size.amountMsat), places: 3))
        }
        let charts = [
            BarChart(title: "Success by amount", unit: "% of payments", bars: bars, most: 100).html,
            fees.isEmpty ? "" : BarChart(title: "Fees by amount", unit: "% of what arrived", bars: fees).html,
        ]
        return "<section><h2>By amount</h2><div class=\"charts\">\(charts.joined())</div></section>"
    }

    private var footer: String {
        if report.isRecorded { return "" }
        var html = "<footer><h2>This run again</h2><p>The same scenario and seed give the same events on any machine. Hash of all payments"
        html += (report.fidelity == .full ? " and of every message" : "") + ": <code>\(report.trace)</code></p>"
        if !command.isEmpty { html += "<p><code>\(command.escapedHTML)</code></p>" }
        return html + "</footer>"
    }
}
