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
        with `result` or `error`. In Swift the product `LightningClient` has a method for each, over either: `RemoteNode`.

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
            + (CallFailure.Kind.allCases.map { "| `\($0.code)` | \($0.httpStatus) | \($0.exitStatus) | \($0.meaning) |" }
            + RequestFailure.allCases.map { "| `\($0.code)` | \($0.httpStatus) | | \($0.meaning) |" })
            .joined(separator: "\n") + "\n\n" + beside
    }

    /// What there is over HTTP that is no call.
    private static var beside: String {
        """
        ### Asking for money

        Make an invoice, show its `bolt11`, and wait: `waitinvoice` answers when its `status` is `paid`, `held`, `canceled` or `expired`, or as it is when
        the time is over. `settling` means that the money is certain and still on its way out of the channel. A token needs `invoice` for all of it.

        ### Paying

        `pay` answers when the payment is proven, and fails with `payment_failed` or `refused` where nothing was paid. `pending` is neither, and where the node stops
        meanwhile (`unreachable`, `database_unusable`, or no answer at all) nobody knows yet: `lookuppayment` tells how it stands, by the hash of the invoice. An invoice is
        never paid twice; a `keysend` is another payment each time.

        ### Events

        `GET /v1/events` with `Accept: text/event-stream` is a stream of server-sent events: `id` is where it stands, `event` what happened, `data` the event as the
        call `events` has it. `Last-Event-ID`, or `?after=<id>`, goes on behind an event; `event: missed` says that something is missing there, as after a restart of the
        node: the lists have it. The token needs `read`, and is told nothing more once it is revoked. No page of another origin can call the node: there is no CORS.

        | Event | What happened |
        | --- | --- |

        """ + Shape.events.map { "| `\($0.name)` | \($0.meaning) |" }.joined(separator: "\n")
            + """


            ### Webhooks

            `lnw start --webhook <url>` tells another program what happens by a POST: the event, and of `payment_received` also `type`, `timestamp`, `amountSat`,
            `paymentHash` and `externalId`, as phoenixd does. `X-Lightning-Signature: sha256=<hex>` (and `X-Phoenix-Signature: <hex>`) is the HMAC-SHA256 of the body with the text in the wallet's
            `webhook.secret`. What is not answered with a status of 2xx within ten seconds is told again, after pauses that double up to an hour, and what comes after it
            waits. Every program has its own place in the stored events, so that one that is away holds up no other: what `listevents` has is told at least once and in
            order, over crashes and however long nobody answers, as far as it is kept (the last 100,000). What is answered for three days with another status than 2xx, or with
            none in ten seconds, is left out; while nobody can be connected to, nothing is. Whoever gets something twice knows it by `number`. What is not stored, as each payment of a stream, is told while it happens: it has no
            `number`, and is lost when the node ends, or where 2,000 wait. A program that is named for the first time is told what happens from then on, and one that
            a start does not name is forgotten. Redirections are not followed.

            ### Monitoring

            `GET /health` needs no token and says `ok`. `GET /metrics` has Prometheus' text format; it needs a token with `read`.

            ### Clients of phoenixd

            With a token as the password of basic authentication:

            | Path | What it takes and gives |
            | --- | --- |
            | `GET /getinfo`, `GET /getbalance` | as phoenixd; the states of channels are those of `listchannels` |
            | `POST /createinvoice` | `amountSat`, `description` or `descriptionHash`, `expirySeconds`, `externalId`; others are refused |
            | `POST /payinvoice` | `invoice`, `amountSat` |
            | `GET /payments/incoming/<hash>`, `GET /payments/outgoing/<id>` | one payment |
            | `GET /payments/incoming`, `GET /payments/outgoing` | those that were made, the last first: `from` and `to` in milliseconds, of when they were paid; `limit` (20), `offset`; `externalId` of those that came; with `all=true` also what was not paid, by when it was begun. One list at a time for a token |

            """
    }

    /// One call.
    package static func section(_ call: Call) -> String {
        var parts = ["### \(call.name)", call.summary + (call.details.isEmpty ? "" : " " + call.details)]
        parts.append(call.permission.map { "Permission: `\($0.rawValue)`." } ?? "Any token is enough.")
        for part in Self.parts(of: call) where !part.rows.isEmpty {
            parts.append(
                "| \(part.title) | What it is | |\n| --- | --- | --- |\n"
                    + part.rows.map { "| `\($0.name)` | \(cell($0.kind)) | \(cell($0.meaning)) |" }.joined(separator: "\n"))
        }
        parts.append("```sh\ncurl -H \"Authorization: Bearer $TOKEN\" -d '\(call.example.line)' 127.0.0.1:8080/v1/\(call.name)\n```")
        return parts.joined(separator: "\n\n")
    }

    /// One call, for a terminal.
    ///
    /// - Parameter width: of a line, in columns.
    package static func text(_ call: Call, width: Int) -> String {
        var lines = wrapped("\(call.summary)\(call.details.isEmpty ? "" : " \(call.details)")", "", width)
        lines.append(call.permission.map { "Needs a token with \($0.rawValue)." } ?? "Any token is enough.")
        for part in parts(of: call) where !part.rows.isEmpty {
            lines += ["", part.title.uppercased()]
            for row in part.rows {
                lines.append("  \(row.name)")
                lines += wrapped("\(row.meaning) (\(row.kind))", "      ", width)
            }
        }
        lines += ["", "EXAMPLE"] + wrapped(call.example.line, "  ", width)
        return lines.joined(separator: "\n")
    }

    private static func wrapped(_ text: String, _ indent: String, _ width: Int) -> [String] {
        var lines: [String] = []
        for word in text.split(separator: " ") {
            if let last = lines.last, last.count + word.count < width {
                lines[lines.count - 1] = "\(last) \(word)"
            } else {
                lines.append(indent + word)
            }
        }
        return lines
    }

    private struct Row {
        var name: String
        var kind: String
        var meaning: String
    }

    private static func parts(of call: Call) -> [(title: String, rows: [Row])] {
        let answer = call.response
        var title = "Answer"
        var fields = answer.fields
        if case .list(let element) = answer.kind {
            title = "Answer, a list of"
            fields = element.fields
        }
        let answers = fields.isEmpty ? [Row(name: "", kind: answer.inWords, meaning: "")] : rows(fields, "", isRequest: false)
        return [("Request", rows(call.request, "", isRequest: true)), (title, answers)]
    }

    /// The fields, and those of what is in them.
    private static func rows(_ fields: [Field], _ path: String, isRequest: Bool) -> [Row] {
        fields.flatMap { field -> [Row] in
            let name = path + field.name
            let presence =
                switch (field.presence, isRequest) {
                case (.always, _): ""
                case (.nullable, _): "Or null. "
                case (.optional, true): "May be left out. "
                case (.optional, false): "Not always there. "
                }
            let row = Row(name: name, kind: isRequest ? field.shape.inWords : field.shape.brief, meaning: presence + field.meaning)
            switch field.shape.kind {
            // An event is told in one place.
            case .list(let element) where element.name != "Event": return [row] + rows(element.fields, name + "[].", isRequest: isRequest)
            case .object(_, let inner): return [row] + rows(inner, name + ".", isRequest: isRequest)
            default: return [row]
            }
        }
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

    fileprivate var name: String? {
        if case .object(let name, _) = kind { return name }
        return nil
    }
}
