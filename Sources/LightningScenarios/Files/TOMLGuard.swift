/// Refuses what the TOML parser would end the program over: it asserts that a table's name begins with a letter, and that nothing but a value
/// stands where an array has one.
struct TOMLGuard {
    private let scalars: [Unicode.Scalar]
    private var index = 0
    private var (line, column) = (1, 1)

    static func check(_ text: String) throws(ScenarioFileFailure) {
        var guarded = TOMLGuard(scalars: Array(text.unicodeScalars))
        try guarded.document()
    }

    private init(scalars: [Unicode.Scalar]) { self.scalars = scalars }

    private var current: Unicode.Scalar? { index < scalars.count ? scalars[index] : nil }

    private mutating func advance() {
        if current == "\n" { (line, column) = (line + 1, 1) } else { column += 1 }
        index += 1
    }

    private mutating func skip(_ isSkipped: (Unicode.Scalar) -> Bool) { while let scalar = current, isSkipped(scalar) { advance() } }

    private func failure(_ what: String) -> ScenarioFileFailure { ScenarioFileFailure(line: line, column: column, what) }

    private static func isBare(_ scalar: Unicode.Scalar) -> Bool {
        scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || scalar == "-" || scalar == "_")
    }

    private static func isBlank(_ scalar: Unicode.Scalar) -> Bool { scalar == " " || scalar == "\t" }

    private mutating func document() throws(ScenarioFileFailure) {
        while current != nil {
            skip { Self.isBlank($0) || $0 == "\n" || $0 == "\r" }
            switch current {
            case nil: return
            case "#": comment()
            case "[": try header()
            default: try keyAndValue()
            }
        }
    }

    private mutating func comment() { skip { $0 != "\n" } }

    /// `[a.b]` or `[[a.b]]`; whatever else is wrong with it the parser says.
    private mutating func header() throws(ScenarioFileFailure) {
        advance()
        if current == "[" { advance() }
        while true {
            skip(Self.isBlank)
            guard let scalar = current, Self.isBare(scalar) || scalar == "\"" || scalar == "'" else {
                throw failure("a table's name has letters, digits, - and _: [network], [[stream]]")
            }
            if scalar == "\"" || scalar == "'" { string() } else { skip(Self.isBare) }
            skip(Self.isBlank)
            guard current == "." else { break }
            advance()
        }
        skip { $0 != "\n" }
    }

    /// A line with what belongs to it: an array may go on over several.
    private mutating func keyAndValue() throws(ScenarioFileFailure) {
        var open: [Unicode.Scalar] = []
        /// Whether an array has a value here, or its end.
        var needsValue = false
        while let scalar = current {
            if open.isEmpty, scalar == "\n" { return }
            if scalar == "#" {
                comment()
                continue
            }
            let isSpace = Self.isBlank(scalar) || scalar == "\n" || scalar == "\r"
            if needsValue, !isSpace, open.last == "[" {
                let begins = Self.isBare(scalar) || "\"'[{+-.],".unicodeScalars.contains(scalar)
                guard begins else { throw failure("“\(scalar)” is no value") }
            }
            switch scalar {
            case "\"", "'":
                string()
                needsValue = false
                continue
            case "[", "{": open.append(scalar)
            case "]", "}": if !open.isEmpty { open.removeLast() }
            default: break
            }
            if !isSpace { needsValue = scalar == "[" || scalar == "," }
            advance()
        }
    }

    /// From a quote to the one that ends it, of one line or of several; what has no end goes to the end of its line.
    private mutating func string() {
        let quote = scalars[index]
        let isLong = index + 2 < scalars.count && scalars[index + 1] == quote && scalars[index + 2] == quote
        for _ in 0..<(isLong ? 3 : 1) { advance() }
        while let scalar = current {
            if scalar == "\\", quote == "\"" {
                advance()
                if current != nil { advance() }
                continue
            }
            if !isLong, scalar == "\n" { return }
            if scalar == quote {
                guard isLong else { return advance() }
                if index + 2 < scalars.count, scalars[index + 1] == quote, scalars[index + 2] == quote {
                    for _ in 0..<3 { advance() }
                    return
                }
            }
            advance()
        }
    }
}
