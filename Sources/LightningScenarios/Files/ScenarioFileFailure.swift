/// What is wrong with a scenario file, and where.
public struct ScenarioFileFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// Counted from 1; `nil` where it is no single place.
    public var line: Int?
    /// Counted from 1.
    public var column: Int?
    /// What is wrong.
    public var what: String
    /// What could have been meant.
    public var suggestion: String?

    public var description: String {
        let place = line.map { "line \($0)" + (column.map { ", column \($0)" } ?? "") + ": " } ?? ""
        return place + what + (suggestion.map { ". \($0)" } ?? "")
    }

    init(line: Int? = nil, column: Int? = nil, _ what: String, _ suggestion: String? = nil) {
        self.line = line
        self.column = column
        self.what = what
        self.suggestion = suggestion
    }

    /// The one of several words that was probably meant.
    static func likely(_ word: String, among words: some Sequence<String>) -> String? {
        let near = words.map { (distance(Array(word.lowercased()), Array($0.lowercased())), $0) }.min { ($0.0, $0.1) < ($1.0, $1.1) }
        guard let near, near.0 <= max(1, word.count / 3) else { return nil }
        return near.1
    }

    /// Letters to insert, leave out or exchange.
    private static func distance(_ one: [Character], _ two: [Character]) -> Int {
        var row = Array(0...two.count)
        for (index, letter) in one.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for other in two.indices {
                let exchanged = diagonal + (letter == two[other] ? 0 : 1)
                diagonal = row[other + 1]
                row[other + 1] = min(exchanged, diagonal + 1, row[other] + 1)
            }
        }
        return row[two.count]
    }
}
