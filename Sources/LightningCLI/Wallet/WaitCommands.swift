import ArgumentParser
import BitcoinPrimitives
import Foundation
import LightningAPI
import LightningRuntime

struct LookupInvoice: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "lookupinvoice", abstract: "How an invoice of this wallet stands.")
    @OptionGroup var options: CommonOptions
    @Argument(help: "The invoice, its payment hash, or a unique beginning of that", completion: Completions.invoices) var invoice: String
    func run() async throws {
        options.show(try await options.call("lookupinvoice", ["invoice": .string(invoice)]), InvoiceText.status)
    }
}

struct WaitInvoice: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "waitinvoice", abstract: "Wait until an invoice of this wallet is paid.",
        discussion: """
            Ends with status 0 when it is paid, or held until its preimage is known; with 4 when it is canceled or expired; with 7 where --timeout is \
            over before.

              lnw waitinvoice $(lnw invoice 5000sat coffee --json | jq -r .payment_hash)
            """)
    @OptionGroup var options: CommonOptions
    @Argument(help: "The invoice, its payment hash, or a unique beginning of that", completion: Completions.invoices) var invoice: String
    @Option(
        help: "How long at most: 30s, 10m; a number alone is seconds. Left out, until it expires.", transform: TimeArgument.parseOrSeconds)
    var timeout: Int64?

    func run() async throws {
        let start = ContinuousClock.now
        while true {
            let left = timeout.map { max(0, $0 - Int64((ContinuousClock.now - start).wholeMilliseconds)) }
            let record = try await options.call(
                "waitinvoice", ["invoice": .string(invoice), "wait_ms": .integer(min(left ?? 30_000, 30_000))])
            switch record["status"].string {
            case "paid", "held": return options.show(record, InvoiceText.status)
            case "expired": throw CallFailure(.refused, "the invoice has expired, and nobody has paid it", record)
            case "canceled": throw CallFailure(.refused, "the invoice was canceled", record)
            default:
                if left == 0 {
                    let text = record["status"] == "settling" ? "its payment is on its way" : "nobody has paid it yet"
                    throw CallFailure(.pending, text, record)
                }
            }
        }
    }
}

/// An invoice's status in words.
enum InvoiceText {
    static func status(_ v: JSONValue) -> String {
        let asked = v["amount_msat"].int.map { " of \(Format.msat(UInt64($0)))" } ?? ""
        let what = "invoice\(asked)\(v["description"].text.map { $0.isEmpty ? "" : " for “\($0)”" } ?? "")"
        return switch v["status"].string {
        case "paid": "\(what): paid \(Format.msat(v["received_msat"].u64)) at \(v["paid_at"].string)"
        case "held": "\(what): \(Format.msat(v["received_msat"].u64)) are held until it is settled or canceled"
        case "settling": "\(what): \(Format.msat(v["received_msat"].u64)) are on their way"
        case "unpaid": "\(what): not paid; it expires at \(v["expires_at"].string)"
        default: "\(what): \(v["status"].string)"
        }
    }
}

struct Disconnect: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "End the connection to a node. The peer of a channel is called again.")
    @OptionGroup var options: CommonOptions
    @Argument(help: "The node's id or alias, or a unique beginning of either", completion: Completions.nodes) var node: String
    func run() async throws {
        options.show(try await options.call("disconnect", ["id": .string(node)])) {
            "disconnected from \(Format.short($0["id"].string))\($0["reconnects"].flag ? "; there is a channel with it: it is called again" : "")"
        }
    }
}

struct Watch: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Follow what happens: payments, forwards, channels, blocks, as it happens. Ctrl-C ends it.",
        discussion: """
            With --json a line for each event. What happens while nobody watches is in the lists: listpayments, listinvoices, listforwards, log; and \
            what lasts of the events themselves, the last 100,000 of them, is told with --after.

              lnw watch
              lnw watch --after 0 --json      all of those, and then what happens; go on later with the last number that was told
              lnw watch --only payment_received,payment_succeeded --json | while read -r event; do …; done
            """)
    @OptionGroup var options: CommonOptions
    @Flag(help: "Begin with the last events since the node was started, some thousands of them.") var recent = false
    @Option(
        help:
            "Begin with what was stored after the event of this number, and go on with that; 0 for all of it. Nothing of it is missed, whoever restarts. The call listevents has from: the number after this one."
    )
    var after: Int64?
    @Option(help: "Only these events, by their names in JSON: payment_received,block") var only: String?

    func run() async throws {
        let interrupt = Interrupt([SIGINT, SIGTERM])
        let wanted = only.map { Set($0.split(separator: ",").map { $0.trimmingCharacters(in: .whitespaces) }) }
        if let wanted, wanted.isEmpty { throw CallFailure(.usage, "--only names events: payment_received,block") }
        if let unknown = wanted?.subtracting(EventText.names).sorted().first {
            throw CallFailure(.usage, "there is no event “\(unknown)”. There are: \(EventText.names.sorted().joined(separator: ", "))")
        }
        guard after == nil || !recent else { throw CallFailure(.usage, "--after and --recent exclude each other") }
        if let after {
            guard (0..<Int64.max).contains(after) else { throw CallFailure(.usage, "--after is the number of an event: 0 or more") }
            if let other = wanted?.subtracting(Shape.storedEventNames).sorted().first {
                throw CallFailure(
                    .usage,
                    "“\(other)” is not stored: it is told without --after. Stored are: \(Shape.storedEventNames.sorted().joined(separator: ", "))"
                )
            }
            return try await followStored(from: after + 1, wanted, until: interrupt)
        }
        var next: JSONValue = recent ? 1 : .null
        var feed = JSONValue.null
        while !interrupt.happened {
            // Not for long at a time, so that Ctrl-C is heard.
            let page = try await options.call("events", ["from": next, "feed": feed, "wait_ms": next == .null ? 0 : 500, "limit": 1000])
            if page["missed"].flag, feed != .null {
                Terminal.error("lnw: some events are missing here: they came too fast, or the node was started anew")
            }
            (next, feed) = (page["next"], page["feed"])
            show(page, wanted)
        }
    }

    private func followStored(from first: Int64, _ wanted: Set<String>?, until interrupt: Interrupt) async throws {
        var next = JSONValue.integer(first)
        // Whether the node has ever answered, and whether it did the last time.
        var (isThere, isAway) = (false, false)
        while !interrupt.happened {
            let page: JSONValue
            do { page = try await options.call("listevents", ["from": next, "wait_ms": 500, "limit": 1000]) } catch let failure
                as CallFailure
                where isThere && [.notRunning, .unreachable].contains(failure.kind)
            {
                if !isAway { Terminal.error("lnw: the node does not answer; waiting for it") }
                isAway = true
                try? await Task.sleep(for: .milliseconds(500))
                continue
            }
            (isThere, isAway) = (true, false)
            if page["missed"].flag {
                Terminal.error("lnw: some events are missing here: they are not kept any more, or this is another database")
            }
            next = page["next"]
            show(page, wanted, isNumbered: true)
        }
    }

    private func show(_ page: JSONValue, _ wanted: Set<String>?, isNumbered: Bool = false) {
        for event in page["events"].list where wanted?.contains(event["event"].string) ?? true {
            let number = isNumbered ? "\(event["number"].u64)  " : ""
            // What is told while it happens is counted anew with each start: it is no number to go on from.
            let told = isNumbered ? event : event.without("number")
            Terminal.out(options.json ? told.line : number + EventText.line(event.printable))
        }
    }
}

/// Events in words.
enum EventText {
    static let names = Set(Shape.eventNames)

    static func line(_ v: JSONValue) -> String { "\(v["time"].string)  \(text(v))" }

    private static func text(_ v: JSONValue) -> String {
        let amount = Format.msat(v["amount_msat"].u64)
        let channel = "channel \(Format.short(v["channel_id"].string))"
        let hash = Format.short(v["payment_hash"].string)
        return switch v["event"].string {
        case "peer_connected": "connected to \(Format.short(v["id"].string))"
        case "peer_disconnected": "disconnected from \(Format.short(v["id"].string))"
        case "channel_opening": "\(channel) is being opened"
        case "channel_usable": "\(channel) can be used"
        case "channel_announced": "\(channel) is public as \(v["short_channel_id"].string)"
        case "channel_closing": "\(channel) is being closed: \(v["close_kind"].string)"
        case "channel_closed": "\(channel) is closed"
        case "channels_restored": "\(v["channel_ids"].list.count) channels came out of a backup"
        case "publication_refused": "layer 1 refuses \(v["txid"].string): \(v["reason"].string)"
        case "payment_received":
            "received \(Format.msat(v["received_msat"].u64))\(v["description"].text.map { $0.isEmpty ? "" : " for “\($0)”" } ?? "")  \(hash)"
        case "payment_held": "\(Format.msat(v["received_msat"].u64)) are held until they are settled or canceled  \(hash)"
        case "payment_updated": "paying \(amount): \(v["num_attempts"].u64) attempts  \(hash)"
        case "payment_succeeded": "paid \(amount), fee \(Format.msat(v["fee_msat"].u64))  \(hash)"
        case "payment_settled": "the payment of \(amount) has left the channels  \(hash)"
        case "payment_failed": "not paid \(amount): \(v["failure"].string)  \(hash)"
        case "stream_paid":
            v["failure"].text.map { "stream \(v["stream"].u64): \(amount) not paid: \($0)" }
                ?? "stream \(v["stream"].u64): paid \(amount), fee \(Format.msat(v["fee_msat"].u64))"
        case "stream_over": "stream \(v["stream"].u64) is over: \(Format.msat(v["paid_msat"].u64)) paid"
        case "forwarded":
            v["status"] == "settled"
                ? "forwarded \(Format.msat(v["out_msat"].u64)), earned \(Format.msat(v["fee_msat"].u64))"
                : "a forward of \(Format.msat(v["out_msat"].u64)) came back: \(v["failure"].string)"
        case "forward_refused": "not forwarded \(Format.msat(v["in_msat"].u64)): \(v["reason"].string)"
        case "block": "block \(v["blockheight"].u64)"
        case "alert": "ALERT: \(v["text"].string)"
        default: v["text"].string
        }
    }
}
