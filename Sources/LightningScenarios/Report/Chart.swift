import Foundation

/// A chart over time as SVG: lines, or areas one above the other.
///
/// Colours are classes, which the page's style defines for light and for dark.
struct Chart {
    struct Series {
        var name: String
        /// One value for each slice; `nil` where there is none.
        var values: [Double?]
    }

    var title: String
    /// Of the vertical axis.
    var unit: String
    var series: [Series]
    /// What the horizontal axis ends with, in milliseconds.
    var duration: Int
    /// Whether the series are parts of a whole.
    var isStacked = false
    /// What the vertical axis ends with at the least.
    var least = 0.0
    /// A sentence below the chart.
    var note = ""

    private static let (width, height) = (640.0, 300.0)
    private static let (left, right, top, bottom) = (78.0, 14.0, 14.0, 46.0)
    /// Colours there are.
    static let colours = 7

    private var plotWidth: Double { Self.width - Self.left - Self.right }
    private var plotHeight: Double { Self.height - Self.top - Self.bottom }

    /// The figure.
    var html: String {
        let values = isStacked ? stacked : series.map(\.values)
        let most = max(least, values.flatMap { $0.compactMap { $0 } }.max() ?? 0)
        let ticks = Self.ticks(upTo: most > 0 ? most : 1)
        let end = ticks.last!
        var svg = "<svg viewBox=\"0 0 640 300\" role=\"img\" aria-label=\"\(title.escapedHTML)\">"
        for tick in ticks {
            let y = Self.top + plotHeight * (1 - tick / end)
            svg += "<line class=\"grid\" x1=\"\(Self.left)\" x2=\"\(Self.width - Self.right)\" y1=\"\(f(y))\" y2=\"\(f(y))\"/>"
            svg += "<text class=\"tick\" text-anchor=\"end\" x=\"\(Self.left - 8)\" y=\"\(f(y + 5))\">\(Numbers.short(tick))</text>"
        }
        for step in 0...4 {
            let x = Self.left + plotWidth * Double(step) / 4
            let anchor = step == 0 ? "start" : step == 4 ? "end" : "middle"
            let text = step == 0 ? "0" : Numbers.time(duration * step / 4)
            svg += "<text class=\"tick\" text-anchor=\"\(anchor)\" x=\"\(f(x))\" y=\"\(Self.height - 22)\">\(text)</text>"
        }
        if isStacked {
            for index in values.indices.reversed() { svg += area(values[index], index, end) }
        } else {
            for (index, line) in values.enumerated() { svg += path(line, index, end) }
        }
        svg +=
            "<line class=\"axis\" x1=\"\(Self.left)\" x2=\"\(Self.width - Self.right)\" y1=\"\(Self.top + plotHeight)\" y2=\"\(Self.top + plotHeight)\"/></svg>"
        return Self.figure(title: title, unit: unit, svg, legend: series.count > 1 ? series.map(\.name) : [], note)
    }

    /// A title, a drawing, what its colours mean and a sentence.
    static func figure(title: String, unit: String, _ svg: String, legend: [String], _ note: String) -> String {
        var html = "<figure><figcaption>\(title.escapedHTML)"
        if !unit.isEmpty { html += " <span class=\"unit\">\(unit.escapedHTML)</span>" }
        html += "</figcaption>\(svg)"
        if !legend.isEmpty {
            let items = legend.enumerated().map { "<li><span class=\"key c\($0.offset % colours)\"></span>\($0.element.escapedHTML)</li>" }
            html += "<ul class=\"legend\">" + items.joined() + "</ul>"
        }
        if !note.isEmpty { html += "<p class=\"note\">\(note.escapedHTML)</p>" }
        return html + "</figure>"
    }

    private var stacked: [[Double?]] {
        var sums = [Double](repeating: 0, count: series.map(\.values.count).max() ?? 0)
        return series.map { series in
            for (index, value) in series.values.enumerated() { sums[index] += value ?? 0 }
            return sums
        }
    }

    private func x(_ index: Int, of count: Int) -> Double { Self.left + plotWidth * (Double(index) + 1) / Double(max(1, count)) }

    /// A line with gaps where there are no values; a value between two gaps is a dot.
    private func path(_ values: [Double?], _ colour: Int, _ end: Double) -> String {
        var commands = ""
        var dots = ""
        for (index, value) in values.enumerated() {
            guard let value else { continue }
            let (px, py) = (x(index, of: values.count), Self.top + plotHeight * (1 - value / end))
            let before = index > 0 && values[index - 1] != nil
            let after = index + 1 < values.count && values[index + 1] != nil
            commands += (before ? "L" : "M") + "\(f(px)) \(f(py))"
            if !before, !after { dots += "<circle class=\"fill c\(colour % Self.colours)\" r=\"2.5\" cx=\"\(f(px))\" cy=\"\(f(py))\"/>" }
        }
        return "<path class=\"line s\(colour % Self.colours)\" d=\"\(commands)\"/>" + dots
    }

    private func area(_ values: [Double?], _ colour: Int, _ end: Double) -> String {
        let base = Self.top + plotHeight
        var commands = "M\(f(Self.left)) \(f(base))"
        for (index, value) in values.enumerated() {
            commands += "L\(f(x(index, of: values.count))) \(f(Self.top + plotHeight * (1 - (value ?? 0) / end)))"
        }
        return "<path class=\"fill c\(colour % Self.colours)\" d=\"\(commands)L\(f(x(values.count - 1, of: values.count))) \(f(base))Z\"/>"
    }

    private func f(_ value: Double) -> String { Chart.coordinate(value) }

    /// One place is a tenth of a point.
    static func coordinate(_ value: Double) -> String {
        let tenths = Int((value * 10).rounded())
        return tenths % 10 == 0 ? "\(tenths / 10)" : "\(tenths < 0 ? "-" : "")\(abs(tenths) / 10).\(abs(tenths) % 10)"
    }

    /// Round numbers from zero on, the last one not below the largest value.
    static func ticks(upTo most: Double) -> [Double] {
        let magnitude = pow(10, log10(most).rounded(.down)) / 10
        let step = magnitude * ([1.0, 2, 5, 10, 20].first { magnitude * $0 * 5 >= most } ?? 50)
        let count = Int((most / step).rounded(.up))
        return (0...max(1, count)).map { Double($0) * step }
    }
}

/// Bars beside names, for a few numbers that are compared.
struct BarChart {
    struct Bar {
        var name: String
        var value: Double
        /// As it is written beside its bar.
        var text: String
    }

    var title: String
    var unit: String
    var bars: [Bar]
    /// Whether each tenth of the width is an order of magnitude.
    var isLogarithmic = false
    var most: Double?
    var note = ""

    var html: String {
        let (rowHeight, left, right) = (34.0, 170.0, 130.0)
        let height = Double(bars.count) * rowHeight + 8
        let largest = max(most ?? 0, bars.map(\.value).max() ?? 0)
        let smallest = bars.map(\.value).filter { $0 > 0 }.min() ?? 1
        var svg = "<svg viewBox=\"0 0 640 \(Int(height))\" role=\"img\" aria-label=\"\(title.escapedHTML)\">"
        for (index, bar) in bars.enumerated() {
            let y = Double(index) * rowHeight + 4
            let share: Double
            if largest <= 0 || bar.value <= 0 {
                share = 0
            } else if isLogarithmic {
                share = largest > smallest ? 0.04 + 0.96 * log10(bar.value / smallest) / log10(largest / smallest) : 1
            } else {
                share = bar.value / largest
            }
            let length = max(bar.value > 0 ? 2 : 0, share * (640 - left - right))
            svg +=
                "<text class=\"name\" text-anchor=\"end\" x=\"\(left - 8)\" y=\"\(Chart.coordinate(y + 20))\">\(bar.name.escapedHTML)</text>"
            svg +=
                "<rect class=\"fill c0\" x=\"\(left)\" y=\"\(Chart.coordinate(y + 4))\" height=\"22\" rx=\"3\" width=\"\(Chart.coordinate(length))\"/>"
            svg +=
                "<text class=\"value\" x=\"\(Chart.coordinate(left + length + 8))\" y=\"\(Chart.coordinate(y + 20))\">\(bar.text.escapedHTML)</text>"
        }
        return Chart.figure(title: title, unit: unit, svg + "</svg>", legend: [], note)
    }
}
