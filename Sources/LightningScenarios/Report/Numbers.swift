import BitcoinPrimitives
import Foundation
import LightningWire

/// Numbers as people read them in a report.
enum Numbers {
    /// `1,234,567`.
    static func grouped(_ value: some BinaryInteger) -> String {
        (value < 0 ? "-" : "") + Satoshi.grouped(UInt64(clamping: value.magnitude))
    }

    /// At most so many places after the point, and none that are zero.
    static func decimal(_ value: Double, places: Int = 2) -> String {
        guard value.isFinite else { return "–" }
        let text = String(format: "%.\(places)f", value)
        guard text.contains(".") else { return groupedWhole(text) }
        let trimmed = text.reversed().drop { $0 == "0" }.drop { $0 == "." }
        return groupedWhole(String(String(trimmed.reversed())))
    }

    private static func groupedWhole(_ text: String) -> String {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        guard let whole = Int64(parts[0]) else { return text }
        let sign = whole == 0 && text.hasPrefix("-") ? "-" : ""
        return sign + grouped(whole) + (parts.count == 2 ? "." + parts[1] : "")
    }

    /// `1.2 k`, `3.4 M`: for axes.
    static func short(_ value: Double) -> String {
        let steps: [(Double, String)] = [(1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k")]
        for (size, unit) in steps where abs(value) >= size { return decimal(value / size, places: 1) + unit }
        return decimal(value, places: abs(value) >= 100 ? 0 : abs(value) >= 1 ? 1 : 3)
    }

    /// In satoshi, thousandths only where they are not zero.
    static func sat(_ msat: UInt64) -> String {
        MilliSatoshi(msat).digits + " sat"
    }

    static func percent(_ part: Double, of whole: Double, places: Int = 1) -> String {
        whole > 0 ? decimal(part / whole * 100, places: places) + " %" : "–"
    }

    /// `1 h 5 min`, `12 s`, `350 ms`.
    static func time(_ milliseconds: Int) -> String {
        if milliseconds < 1000 { return "\(milliseconds) ms" }
        if milliseconds < 60_000 { return decimal(Double(milliseconds) / 1000, places: 1) + " s" }
        let seconds = milliseconds / 1000
        let units = [("d", 86_400), ("h", 3600), ("min", 60), ("s", 1)]
        var rest = seconds
        var words: [String] = []
        for (name, size) in units where rest >= size && words.count < 2 {
            words.append("\(rest / size) \(name)")
            rest %= size
        }
        return words.joined(separator: " ")
    }
}

extension String {
    /// As the text of an element or an attribute.
    var escapedHTML: String {
        var text = ""
        // Scalar by scalar: a character may be a sign together with marks around it, and no browser sees it so.
        for scalar in unicodeScalars {
            switch scalar {
            case "&": text += "&amp;"
            case "<": text += "&lt;"
            case ">": text += "&gt;"
            case "\"": text += "&quot;"
            case "'": text += "&#39;"
            default: text.unicodeScalars.append(scalar)
            }
        }
        return text
    }
}
