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
}
