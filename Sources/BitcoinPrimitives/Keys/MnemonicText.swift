// Seed words as people have them: a line, a word a line, numbered, in columns, with commas, from a file that begins with a BOM.
extension Mnemonic {
    /// Why a text holds no seed words. What cannot be used is refused, never passed over.
    public enum TextRefusal: Error, Hashable, Sendable, CustomStringConvertible {
        /// The words themselves are refused.
        case words(Refusal)
        /// Numbers that are not 1 to the number of words, one before each word.
        case numbering

        public var description: String {
            switch self {
            case .words(let refusal): refusal.description
            case .numbering: "the words' numbers do not fit: each word has one, from 1 on, or none has"
            }
        }
    }

    /// Reads the words of a text; where they are numbered, the numbers tell their order.
    public init(text: String) throws(TextRefusal) {
        // U+FEFF: what some editors put before everything.
        let scalars = text.unicodeScalars.first == "\u{feff}" ? text.unicodeScalars.dropFirst() : text.unicodeScalars[...]
        let items = String(String.UnicodeScalarView(scalars)).split { $0.isWhitespace || $0 == "," || $0 == ";" }
        var words: [(number: Int?, word: Substring)] = []
        var number: Int?
        for item in items {
            // “7”, “7.”, “7)”, “7:”, and “7.word”.
            let digits = item.prefix { $0.isASCII && $0.isNumber }
            var rest = item[digits.endIndex...]
            if !digits.isEmpty {
                guard number == nil, digits.count <= 2 else { throw .numbering }
                number = Int(digits)
                if let mark = rest.first, ".):".contains(mark) { rest = rest.dropFirst() }
            }
            guard !rest.isEmpty else { continue }
            words.append((number, rest))
            number = nil
        }
        guard number == nil else { throw .numbering }
        if words.contains(where: { $0.number != nil }) {
            words.sort { ($0.number ?? 0) < ($1.number ?? 0) }
            guard words.map(\.number) == (0..<words.count).map({ $0 + 1 }) else { throw .numbering }
        }
        do { self = try Mnemonic(phrase: words.map(\.word).joined(separator: " ")) } catch { throw .words(error) }
    }

    /// The words with their numbers, four to a line, as they are shown to be written down.
    public var numbered: String {
        let width = words.map(\.count).max() ?? 0
        return stride(from: 0, to: words.count, by: 4).map { start in
            words[start..<min(start + 4, words.count)].enumerated().map { offset, word in
                let number = "\(start + offset + 1)"
                let padding = String(repeating: " ", count: max(0, width - word.count + 2))
                return String(repeating: " ", count: max(0, 2 - number.count)) + "\(number). \(word)" + (offset == 3 ? "" : padding)
            }.joined()
        }.joined(separator: "\n")
    }
}
