import ArgumentParser
import Foundation
import LightningAPI
import LightningRuntime

/// What of a list is shown that has a status and times, and how.
struct ListOptions: ParsableArguments {
    @OptionGroup var page: PageOptions
    @Option(help: "Only those that stand so, by the word that the list shows. Another word is answered with those that there are.")
    var status: String?
    @Option(
        help: ArgumentHelp("Only those that began since: 2h, 3d, or 2026-11-01, in UTC.", valueName: "time"), transform: SinceArgument.parse
    )
    var since: String?
    @Flag(help: "Print a table for other programs: values separated by commas, as JSON has them.") var csv = false

    var parameters: JSONValue {
        guard case .object(var fields) = page.parameters else { return [:] }
        if let status { fields["status"] = .string(status) }
        if let since { fields["since"] = .string(since) }
        return .object(fields)
    }

    /// Shows the records of an answer: as JSON, as CSV or as a table, with what comes before and after it.
    ///
    /// - Parameters:
    ///   - name: of the list in the answer.
    ///   - empty: what is said where there is nothing.
    ///   - filter: what else of the list was asked for, as options that ask for it again.
    func show(
        _ answer: JSONValue, _ name: String, _ command: String, _ options: CommonOptions, empty: String, columns: [ListColumn],
        filter: String = "", after: [String] = []
    ) {
        let list = answer[name].list
        guard !options.json else { return Terminal.out(answer.pretty) }
        let more = page.more(
            answer, command, options,
            filters: (status.map { " --status \($0)" } ?? "") + (since.map { " --since \($0)" } ?? "") + filter + (csv ? " --csv" : ""))
        guard !csv else {
            Terminal.out(CSVText.text(list, of: command, name))
            for line in more { Terminal.error(line) }
            return
        }
        let isAll = page.isFirst && status == nil && since == nil && filter.isEmpty
        guard !list.isEmpty else {
            return Terminal.out(
                ([isAll ? empty : "there are none\(page.isFirst ? " of these" : " before")"] + after).joined(separator: "\n"))
        }
        let table = ListColumn.table(list.map(\.printable), columns, width: Terminal.isOutput ? Terminal.width : .max)
        Terminal.out((table + more + after).joined(separator: "\n"))
    }
}

/// A moment in the past.
enum SinceArgument {
    static func parse(_ text: String) throws -> String {
        if let milliseconds = try? TimeArgument.parse(text) {
            return Date(timeIntervalSinceNow: -Double(milliseconds) / 1000).formatted(.iso8601)
        }
        let day = "\(text)T00:00:00Z"
        for one in [text, day] {
            if let date = try? Date(one, strategy: .iso8601) { return date.formatted(.iso8601) }
        }
        throw ValidationError("“\(text)” is no time. Write 2h, 3d, 2026-11-01 or 2026-11-01T12:00:00Z")
    }
}

/// A column of a list.
struct ListColumn {
    var title: String
    var isNumber = false
    /// Where the line is too short the highest goes first; 0 stays.
    var rank = 0
    var value: (JSONValue) -> String

    init(_ title: String, isNumber: Bool = false, rank: Int = 0, _ value: @escaping (JSONValue) -> String) {
        self.title = title
        self.isNumber = isNumber
        self.rank = rank
        self.value = value
    }

    /// Lines with a heading, as wide as what is in them; columns are left out where they do not fit, and no value is cut.
    static func table(_ records: [JSONValue], _ columns: [ListColumn], width: Int) -> [String] {
        var columns = columns.map { column in (column, records.map(column.value)) }.map { column, values in
            (column: column, values: values, width: ([column.title] + values).map(\.count).max() ?? 0)
        }
        while columns.reduce(-2, { $0 + $1.width + 2 }) > width,
            let last = columns.indices.max(by: { columns[$0].column.rank < columns[$1].column.rank }),
            columns[last].column.rank > 0
        {
            columns.remove(at: last)
        }
        func line(_ text: ((column: ListColumn, values: [String], width: Int)) -> String) -> String {
            columns.map { Format.pad(text($0), $0.width, right: $0.column.isNumber) }.joined(separator: "  ").trimmingTrailingSpaces
        }
        return [line { $0.column.title }] + records.indices.map { index in line { $0.values[index] } }
    }
}

/// Records as values separated by commas: RFC 4180.
enum CSVText {
    /// - Parameter call: whose answer they are: its table says which fields there are, also where the first record has not all.
    static func text(_ records: [JSONValue], of call: String, _ name: String) -> String {
        let fields = (try? CallTable.call(call))?.names(of: name) ?? []
        let rows = records.map { record in fields.map { cell(record[$0]) }.joined(separator: ",") }
        return ([fields.joined(separator: ",")] + rows).joined(separator: "\n")
    }

    private static func cell(_ value: JSONValue) -> String {
        switch value {
        case .null: return ""
        case .string(let text):
            // Letter by letter as a reader of CSV has them, and without what steers a terminal.
            let text = JSONValue.printable(text).unicodeScalars
            // A spreadsheet takes what begins so for a formula, whoever wrote it.
            let guarded = text.first.map { "=+-@".unicodeScalars.contains($0) } == true ? "'" : ""
            let cell = guarded + text.map { $0 == "\"" ? "\"\"" : String($0) }.joined()
            return text.contains { ",\"".unicodeScalars.contains($0) } ? "\"\(cell)\"" : cell
        default: return value.line
        }
    }
}
