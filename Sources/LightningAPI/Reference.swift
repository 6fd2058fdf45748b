/// The table of calls for people, as an article.
package enum Reference {
    /// In DocC's Markdown.
    package static var article: String {
        let groups = CallGroup.allCases.map { group in
            (["## \(group.title)"] + CallTable.all.filter { $0.group == group }.map(section)).joined(separator: "\n\n")
        }
        return introduction + "\n\n" + groups.joined(separator: "\n\n") + "\n"
    }

    private static var introduction: String {
        """
        # Calls

        Every call of a node: over the Unix socket, over HTTP, and behind each command of `lnw`.

        ## Overview

        This article is made from the table of calls, which also checks every request and makes `/openapi.json`. Over HTTP a call is
        `POST /v1/<call>` with its request as JSON and `Authorization: Bearer <token>`; those that change nothing can be got as well,
        `GET /v1/<call>?<field>=<value>`. On the wallet's `control.sock` it is a line `{"method": "<call>", "params": {…}}`, answered by a line
        with `result` or `error`.

        Amounts are integers with their unit in the name, times RFC 3339 in UTC, ids hex. A field that is not known, missing or of another kind
        is refused, and `error.data.field` names it; nothing has happened then.

        | Permission | What it allows |
        | --- | --- |
        | `read` | to look at everything but secrets |
        | `invoice` | to ask for money, and to see whether it came |
        | `pay` | to pay over Lightning, up to the token's limit |
        | `chain` | to open and close channels, and to send on chain |
        | `admin` | everything |

        | Error | HTTP | Exit status | What it means |
        | --- | --- | --- | --- |

        """
            + CallFailure.Kind.allCases.map { "| `\($0.code)` | \($0.httpStatus) | \($0.exitStatus) | \($0.meaning) |" }.joined(
                separator: "\n")
    }

    /// One call.
    package static func section(_ call: Call) -> String {
        var parts = ["### \(call.name)", call.summary + (call.details.isEmpty ? "" : " " + call.details)]
        parts.append(call.permission.map { "Permission: `\($0.rawValue)`." } ?? "Any token is enough.")
        if !call.request.isEmpty {
            parts.append(
                "| Request | What it is | |\n| --- | --- | --- |\n"
                    + call.request.map { field in
                        "| `\(field.name)` | \(cell(field.shape.inWords)) | \(field.presence == .always ? "" : "May be left out. ")\(cell(field.meaning)) |"
                    }.joined(separator: "\n"))
        }
        let answer = call.response
        let fields: [Field]
        var what = "Answer"
        switch answer.kind {
        case .object(_, let own): fields = own
        case .list(let element):
            fields = element.fields
            what = "Answer, a list of"
        default: fields = []
        }
        if fields.isEmpty {
            parts.append("Answers \(answer.inWords).")
        } else {
            parts.append(
                "| \(what) | What it is | |\n| --- | --- | --- |\n"
                    + fields.map { field in
                        let presence =
                            switch field.presence {
                            case .always: ""
                            case .nullable: "Or null. "
                            case .optional: "Not always there. "
                            }
                        return "| `\(field.name)` | \(cell(field.shape.brief)) | \(presence)\(cell(field.meaning)) |"
                    }.joined(separator: "\n"))
        }
        parts.append("```sh\ncurl -H \"Authorization: Bearer $TOKEN\" -d '\(call.example.line)' 127.0.0.1:8080/v1/\(call.name)\n```")
        return parts.joined(separator: "\n\n")
    }

    /// A text in a table, with nothing in it that Markdown takes for its own.
    private static func cell(_ text: String) -> String {
        text.replacing("|", with: "\\|").replacing("<", with: "\\<").replacing("_", with: "\\_")
    }
}

extension Shape {
    /// What it is, without the bounds that only whoever sends one has to keep.
    fileprivate var brief: String {
        if case .integer = kind { return meaning.isEmpty ? "a whole number" : meaning }
        return inWords
    }
}
