/// A table that becomes a list of cards where the page is narrow.
struct HTMLTable {
    /// A column; numbers stand to the right.
    struct Column {
        var title: String
        var isNumber = false

        static func text(_ title: String) -> Column { Column(title: title) }
        static func number(_ title: String) -> Column { Column(title: title, isNumber: true) }
    }

    var columns: [Column]
    /// Cells as HTML, one for each column.
    var rows: [[String]]

    var html: String {
        func attribute(_ column: Column) -> String { column.isNumber ? " class=\"n\"" : "" }
        let head = columns.map { "<th\(attribute($0))>\($0.title.escapedHTML)</th>" }.joined()
        let body = rows.map { row in
            let cells = zip(columns, row).map { "<td\(attribute($0.0)) data-label=\"\($0.0.title.escapedHTML)\">\($0.1)</td>" }
            return "<tr>\(cells.joined())</tr>"
        }
        return "<div class=\"scroll\"><table><thead><tr>\(head)</tr></thead><tbody>\(body.joined())</tbody></table></div>"
    }
}
