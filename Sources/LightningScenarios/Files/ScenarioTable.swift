import BitcoinPrimitives
import LightningPayment
import LightningWire
import TOMLKit

/// A table of a scenario file: it gives its values in the types that are wanted, knows which keys there are, and where each of them stands.
struct ScenarioTable {
    /// Its name with the brackets, as in the file; empty at the top.
    let name: String
    /// Its place among the tables of this name.
    let number: Int
    private let table: TOMLTable
    private let lines: [Substring]

    init(_ table: TOMLTable, _ name: String, _ number: Int, _ lines: [Substring]) {
        self.table = table
        self.name = name
        self.number = number
        self.lines = lines
    }

    /// No keys but these.
    func allow(_ known: [String]) throws(ScenarioFileFailure) {
        for key in table.keys where !known.contains(key) {
            let suggestion = LikelyWord.of(key, among: known).map { "Did you mean “\($0)”?" }
            throw failure(
                key, "there is no “\(key)” \(isTop ? "at the top of a scenario" : "in \(name)")",
                suggestion ?? "There are: " + known.joined(separator: ", "))
        }
    }

    private var isTop: Bool { name.isEmpty }

    // MARK: Places

    func failure(_ key: String?, _ what: String, _ suggestion: String? = nil) -> ScenarioFileFailure {
        let place = place(key)
        return ScenarioFileFailure(line: place?.line, column: place?.column, what, suggestion)
    }

    /// Where a key, or the table itself, stands. The parser does not say it of what it has read.
    private func place(_ key: String?) -> (line: Int, column: Int)? {
        var start = 0
        if !isTop {
            let headers = lines.indices.filter { lines[$0].drop { $0 == " " || $0 == "\t" }.hasPrefix(name) }
            guard headers.indices.contains(number) else { return nil }
            start = headers[number]
            if key == nil { return (start + 1, 1) }
            start += 1
        }
        guard let key else { return nil }
        for index in start..<lines.count {
            let text = lines[index].drop { $0 == " " || $0 == "\t" }
            if text.hasPrefix("[") { break }
            let word = text.prefix { $0 != "=" && $0 != " " && $0 != "\t" }.filter { $0 != "\"" }
            if word == key { return (index + 1, lines[index].count - text.count + 1) }
        }
        if isTop, let header = lines.firstIndex(where: { $0.hasPrefix("[\(key)]") || $0.hasPrefix("[[\(key)]]") }) {
            return (header + 1, 1)
        }
        return isTop ? nil : (start, 1)
    }

    // MARK: Values

    func has(_ key: String) -> Bool { table[key] != nil }

    func string(_ key: String) throws(ScenarioFileFailure) -> String? {
        guard let value = table[key] else { return nil }
        guard let text = value.string else { throw failure(key, "“\(key)” is a text: \(key) = \"…\"") }
        return text
    }

    func needed<Value>(_ key: String, _ value: Value?) throws(ScenarioFileFailure) -> Value {
        guard let value else { throw failure(nil, "\(name) says no “\(key)”") }
        return value
    }

    /// A text, or a number without quotes.
    private func written(_ key: String) throws(ScenarioFileFailure) -> String? {
        guard let value = table[key] else { return nil }
        if let text = value.string { return text }
        if let number = value.int { return String(number) }
        throw failure(key, "“\(key)” is a text: \(key) = \"…\"")
    }

    func integer(_ key: String, _ range: ClosedRange<Int>) throws(ScenarioFileFailure) -> Int? {
        guard let value = table[key] else { return nil }
        guard let number = value.int, range.contains(number) else {
            throw failure(key, "“\(key)” is a whole number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func flag(_ key: String) throws(ScenarioFileFailure) -> Bool? {
        guard let value = table[key] else { return nil }
        guard let flag = value.bool else { throw failure(key, "“\(key)” is true or false") }
        return flag
    }

    func number(_ key: String, _ range: ClosedRange<Double>) throws(ScenarioFileFailure) -> Double? {
        guard let value = table[key] else { return nil }
        guard let number = value.double ?? value.int.map({ Double($0) }), range.contains(number) else {
            throw failure(key, "“\(key)” is a number from \(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    func time(_ key: String) throws(ScenarioFileFailure) -> Duration? {
        guard let text = try written(key) else { return nil }
        guard let time = Duration(text: text) else {
            throw failure(key, "“\(text)” is no time", "Write \"500ms\", \"10s\", \"2min\", \"1h\" or \"1d\"")
        }
        return time
    }

    func times(_ key: String) throws(ScenarioFileFailure) -> ClosedRange<Duration>? {
        guard let text = try written(key) else { return nil }
        let ends = Self.ends(text)
        guard let low = Duration(text: ends.low), let high = Duration(text: ends.high), low <= high else {
            throw failure(key, "“\(text)” is no time, and no range of times", "Write \"20ms\" or \"10ms..50ms\"")
        }
        return low...high
    }

    func amount(_ key: String) throws(ScenarioFileFailure) -> MilliSatoshi? {
        guard let text = try written(key) else { return nil }
        guard let amount = MilliSatoshi(text: text) else {
            throw failure(key, "“\(text)” is no amount", "Write \"1000sat\", \"5msat\" or \"0.001btc\"")
        }
        return amount
    }

    func amounts(_ key: String) throws(ScenarioFileFailure) -> ClosedRange<MilliSatoshi>? {
        guard let text = try written(key) else { return nil }
        let ends = Self.ends(text)
        guard let low = MilliSatoshi(text: ends.low), let high = MilliSatoshi(text: ends.high), low <= high else {
            throw failure(key, "“\(text)” is no amount, and no range of amounts", "Write \"1000sat\" or \"1sat..1000sat\"")
        }
        return low...high
    }

    private static func ends(_ text: String) -> (low: String, high: String) {
        let parts = text.split(separator: "..", maxSplits: 1).map(String.init)
        return parts.count == 2 ? (parts[0], parts[1]) : (text, text)
    }

    func rate(_ key: String) throws(ScenarioFileFailure) -> StreamRate? {
        guard let text = try string(key) else { return nil }
        guard let rate = StreamRate(text: text), rate.amount > .zero else {
            throw failure(key, "“\(text)” is no rate", "Write an amount above zero for each second, minute or hour: \"10sat/s\"")
        }
        return rate
    }

    /// A share as `"1%"`, in millionths.
    func share(_ key: String) throws(ScenarioFileFailure) -> UInt32? {
        guard let text = try string(key) else { return nil }
        // Digits and one point: what Double takes besides, nobody means here.
        let digits = text.dropLast()
        guard text.hasSuffix("%"), digits.allSatisfy({ $0.isASCII && $0.isNumber || $0 == "." }), let percent = Double(digits),
            percent <= 100
        else { throw failure(key, "“\(text)” is no share", "Write \"1%\" or \"0.25%\"") }
        return UInt32((percent * 10_000).rounded())
    }

    func choice<Value: RawRepresentable & CaseIterable>(_ key: String, _ type: Value.Type) throws(ScenarioFileFailure) -> Value?
    where Value.RawValue == String {
        guard let text = try string(key) else { return nil }
        if let value = Value(rawValue: text) { return value }
        let words = Value.allCases.map(\.rawValue)
        let suggestion = LikelyWord.of(text, among: words).map { "Did you mean “\($0)”?" }
        throw failure(key, "“\(text)” is no \(key == "do" ? "event" : key)", suggestion ?? "There are: " + words.joined(separator: ", "))
    }

    /// A text, or a list of them.
    func strings(_ key: String) throws(ScenarioFileFailure) -> [String]? {
        guard let value = table[key] else { return nil }
        if let text = value.string { return [text] }
        guard let array = value.array else { throw failure(key, "“\(key)” is a text, or a list of texts: [\"alice\", \"bob\"]") }
        var texts: [String] = []
        for item in array {
            guard let text = item.string else { throw failure(key, "“\(key)” is a list of texts: [\"alice\", \"bob\"]") }
            texts.append(text)
        }
        return texts
    }

    /// A key as it stands in a header.
    private func path(_ key: String) -> String { isTop ? key : name.filter { $0 != "[" && $0 != "]" } + "." + key }

    /// A table below this one.
    func table(_ key: String) throws(ScenarioFileFailure) -> ScenarioTable? {
        guard let value = table[key] else { return nil }
        guard let inner = value.table else { throw failure(key, "“\(key)” is a table: [\(key)]") }
        return ScenarioTable(inner, "[\(path(key))]", 0, lines)
    }

    /// The tables of a list below this one.
    func tables(_ key: String) throws(ScenarioFileFailure) -> [ScenarioTable] {
        guard let value = table[key] else { return [] }
        guard let array = value.array else { throw failure(key, "“\(key)” is a list of tables: write [[\(key)]] with two brackets") }
        var tables: [ScenarioTable] = []
        for (number, item) in array.enumerated() {
            guard let inner = item.table else { throw failure(key, "“\(key)” is a list of tables: [[\(key)]]") }
            tables.append(ScenarioTable(inner, "[[\(path(key))]]", number, lines))
        }
        return tables
    }
}
