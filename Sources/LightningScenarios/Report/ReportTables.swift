import LightningSimulation

// What a report has as tables.
extension HTMLReport {
    private func name(_ node: Int) -> String { report.nodes[node].name.escapedHTML }

    var events: String {
        guard !report.events.isEmpty || !report.closes.isEmpty else { return "" }
        var html = "<section><h2>What happened</h2>"
        if !report.events.isEmpty {
            html +=
                HTMLTable(
                    columns: [.number("at"), .text("what")],
                    rows: report.events.prefix(60).map { [Numbers.time($0.time), $0.what.escapedHTML] }
                ).html
            if report.events.count > 60 { html += "<p class=\"note\">The first 60 of \(Numbers.grouped(report.events.count)).</p>" }
        }
        guard !report.closes.isEmpty else { return html + "</section>" }
        func sat(_ amount: UInt64?) -> String { amount.map { Numbers.grouped($0) + " sat" } ?? "" }
        let rows = report.closes.prefix(60).map { close -> [String] in
            let channel = report.channels[close.channel]
            let ends = "\(name(channel.from)) – \(name(channel.to))"
            let by = close.by.map { name($0) } ?? "both"
            let blocks = close.blocks.map { Numbers.grouped($0) } ?? ""
            return [
                ends, Numbers.time(close.time), close.kind.escapedHTML, by, sat(close.feesSat), sat(close.penaltySat), sat(close.lostSat),
                blocks,
            ]
        }
        html += "<h3>Closed channels</h3>"
        html +=
            HTMLTable(
                columns: [
                    .text("channel"), .number("at"), .text("how"), .text("whose commitment"), .number("paid to layer 1"),
                    .number("penalty"), .number("the cheater kept"), .number("blocks until all was claimed"),
                ], rows: rows
            ).html
        if report.closes.count > 60 { html += "<p class=\"note\">The first 60 of \(Numbers.grouped(report.closes.count)).</p>" }
        return html + "</section>"
    }

    var streams: String {
        guard !report.streams.isEmpty else { return "" }
        let rows = report.streams.prefix(40).enumerated().map { index, stream in
            let share = stream.dueMsat > 0 ? min(100, Double(stream.paidMsat) / Double(stream.dueMsat) * 100) : 0
            let state = [stream.end ?? "goes on", stream.lastFailure.map { "last failure: \($0)" }].compactMap { $0 }.joined(
                separator: "; ")
            let width = Numbers.decimal(share, places: 1)
            return [
                "\(name(stream.from)) → \(stream.to.map { name($0) }.joined(separator: ", "))", stream.rate.escapedHTML,
                "<div class=\"lane\"><span class=\"c\(index % Chart.colours)\" style=\"width:\(width)%\"></span></div>\(width) %",
                Numbers.sat(stream.paidMsat), Numbers.percent(Double(stream.feesMsat), of: Double(stream.paidMsat), places: 2),
                Numbers.grouped(stream.payments), Numbers.grouped(stream.failed), state.escapedHTML,
            ]
        }
        let table = HTMLTable(
            columns: [
                .text("stream"), .text("rate"), .text("paid of what was due"), .number("paid"), .number("fees"), .number("payments"),
                .number("failed"), .text("how it stands"),
            ], rows: rows)
        var html = "<section><h2>Streams</h2>" + table.html
        if report.streams.count > 40 { html += "<p class=\"note\">The first 40 of \(Numbers.grouped(report.streams.count)).</p>" }
        let shown = report.streams.prefix(Chart.colours)
        let chart = Chart(
            title: "Paid by streams", unit: "sat",
            series: shown.map { stream in
                Chart.Series(
                    name: "\(report.nodes[stream.from].name) → \(stream.to.map { report.nodes[$0].name }.joined(separator: ", "))",
                    values: stream.paidBySlice.map { Double($0) / 1000 })
            }, duration: report.duration)
        return html + "<div class=\"charts\">\(chart.html)</div></section>"
    }

    var failures: String {
        guard !report.failures.isEmpty else { return "" }
        let rows = report.failures.prefix(20).map { [Numbers.grouped($0.count), $0.reason.escapedHTML] }
        return "<section><h2>Why payments failed</h2>" + HTMLTable(columns: [.number("payments"), .text("reason")], rows: rows).html
            + "<p class=\"note\">Numbers in a reason are written as #.</p></section>"
    }

    var channels: String {
        let busy = report.channels.indices.sorted {
            (report.channels[$1].forwardedMsat, $0) < (report.channels[$0].forwardedMsat, $1)
        }.prefix(60)
        let rows = busy.map { index in
            let channel = report.channels[index]
            return [
                "\(name(channel.from)) – \(name(channel.to))", Numbers.grouped(channel.capacitySat) + " sat",
                Numbers.grouped(channel.balanceSat.last ?? 0) + " sat", Numbers.sat(channel.forwardedMsat),
                Numbers.percent(Double(channel.depletedSlices), of: Double(report.slices.count), places: 0),
            ]
        }
        let table = HTMLTable(
            columns: [
                .text("channel"), .number("capacity"), .number("the first has, at the end"), .number("forwarded into it"),
                .number("time nearly empty"),
            ], rows: rows)
        var html = "<section><h2>Channels and nodes</h2><details><summary>\(Numbers.grouped(report.channels.count)) channels</summary>"
        html += table.html
        if rows.count < report.channels.count { html += "<p class=\"note\">The \(rows.count) over which most was forwarded.</p>" }
        html += "</details>"
        let earners = report.nodes.indices.filter { report.nodes[$0].forwards > 0 }
            .sorted { (report.nodes[$1].earnedMsat, $0) < (report.nodes[$0].earnedMsat, $1) }.prefix(40)
        guard !earners.isEmpty else { return html + "</section>" }
        let earned = earners.map { [name($0), Numbers.grouped(report.nodes[$0].forwards), Numbers.sat(report.nodes[$0].earnedMsat)] }
        html += "<details><summary>Who earned what by forwarding</summary>"
        html += HTMLTable(columns: [.text("node"), .number("forwards"), .number("earned")], rows: earned).html
        return html + "</details></section>"
    }

    var layers: String {
        let intro = """
            The same \(Numbers.decimal(comparison.load, places: 3)) payments each second, elsewhere. Fees are compared at \
            \(Numbers.decimal(comparison.feeRate, places: 2)) sat/vB. What was not measured here is arithmetic on the parameters that stand in the \
            last column: orders of magnitude, no verdict on any product.
            """
        let rows = comparison.rows.map { row in
            [
                "<strong>\(row.name.escapedHTML)</strong><br><span class=\"soft\">\(row.isMeasured ? "measured" : "model")</span>",
                row.throughput.map { Numbers.short($0) } ?? "by machines", Self.fee(row.fee) + " sat",
                Numbers.time(Int(row.finality * 1000)), Numbers.decimal(row.bytes, places: 2), row.trust.escapedHTML,
                "<span class=\"note\">\(row.model.escapedHTML)</span>",
            ]
        }
        let table = HTMLTable(
            columns: [
                .text("way"), .number("payments/s at most"), .number("fee"), .number("final after"), .number("vB on chain for each"),
                .text("whom one trusts"), .text("from what"),
            ], rows: rows)
        func bars(_ title: String, _ unit: String, _ value: (LayerComparison.Row) -> Double, _ text: (Double) -> String) -> String {
            let bars = comparison.rows.map { BarChart.Bar(name: $0.name, value: value($0), text: text(value($0))) }
            return BarChart(title: title, unit: unit, bars: bars, isLogarithmic: true).html
        }
        let charts = [
            bars("Fee of a payment", "sat, logarithmic", \.fee) { Self.fee($0) },
            bars("Final after", "logarithmic", \.finality) { Numbers.time(Int($0 * 1000)) },
            bars("On chain for each payment", "vB, logarithmic", \.bytes) { Numbers.decimal($0, places: 2) },
        ]
        return "<section><h2>Layer 1 beside layer 2</h2><p>\(intro)</p>" + table.html
            + "<div class=\"charts\">\(charts.joined())</div></section>"
    }

    private static func fee(_ value: Double) -> String { Numbers.decimal(value, places: value < 1 ? 4 : 1) }
}
