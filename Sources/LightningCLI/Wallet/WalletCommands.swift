import ArgumentParser
import BitcoinBackend
import BitcoinPrimitives
import CryptoPrimitives
import Foundation
import LightningAPI
import LightningCore
import LightningInvoice
import LightningRuntime
import LightningServer
import LightningWire

struct Create: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Make a wallet: new seed words, or your own with --import.")
    @OptionGroup var options: CommonOptions
    @Flag(name: .customLong("import"), help: "Read seed words from standard input: a line, a word a line, numbered or not.")
    var isImport = false
    @Option(help: ArgumentHelp("A file with BIP 39's passphrase; a line feed at its end does not count.", valueName: "file"))
    var bip39PassphraseFile: String?
    @Flag(name: .customLong("passphrase"), help: "Seal the words on the disk under a passphrase: it is asked for, or $LNW_PASSPHRASE.")
    var isSealed = false
    @Option(help: ArgumentHelp("Seal the words on the disk under the passphrase in this file.", valueName: "file"))
    var passphraseFile: String?

    func run() async throws {
        // BIP 39 wants it in the form NFKD.
        let passphrase = try bip39PassphraseFile.map(Passphrase.read) ?? ""
        let seal = isSealed || passphraseFile != nil ? try Passphrase.new(file: passphraseFile) : nil
        var mnemonic: Mnemonic?
        if isImport {
            do { mnemonic = try Mnemonic(text: Self.readWords()) } catch { throw CallFailure(.usage, error.description) }
        }
        let words = try options.directory.create(mnemonic, passphrase: passphrase, sealedUnder: seal)
        let value: JSONValue = [
            "wallet": .string(options.walletName), "mnemonic": isImport ? .null : .string(words.phrase),
            "sealed": .bool(seal != nil),
        ]
        options.show(value) { _ in
            isImport
                ? "wallet “\(options.walletName)” made from your words. Its first start looks through the chain for what is theirs"
                : """
                wallet “\(options.walletName)” made. Its seed words, shown this once:

                \(words.numbered)

                Whoever has them\(passphrase.isEmpty ? "" : " and BIP 39's passphrase") has the money on chain. What is in channels comes back with the
                file channels.backup as well: lnw help backup
                Start it: \(options.start)
                """
        }
    }

    /// All of standard input; from a terminal until there are enough words or a line is empty.
    private static func readWords() -> String {
        if Terminal.isInput { Terminal.out("seed words: ", newline: false) }
        var text = ""
        while let line = readLine() {
            text += line + "\n"
            guard Terminal.isInput else { continue }
            if line.allSatisfy(\.isWhitespace) || (try? Mnemonic(text: text)) != nil { break }
        }
        return text
    }
}

struct Stop: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Stop the wallet's node.")
    @OptionGroup var options: CommonOptions
    func run() async throws {
        let result = try await options.call("stop")
        options.show(["stopped": result]) { _ in "stopping" }
    }
}

struct GetInfo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "getinfo", abstract: "Who this node is, and how it stands.", aliases: ["info"])
    @OptionGroup var options: CommonOptions
    func run() async throws {
        options.show(try await options.call("getinfo")) { v in
            """
            id        \(v["id"].string)
            address   \(v["address"].text ?? "not listening")
            network   \(v["network"].string), block \(v["blockheight"].u64)
            peers     \(v["num_peers"].u64)
            channels  \(v["num_channels"].u64), \(v["num_usable_channels"].u64) usable
            """
        }
    }
}

extension String {
    var trimmingTrailingSpaces: String {
        var copy = self[...]
        while copy.last == " " { copy.removeLast() }
        return String(copy)
    }
}

struct Connect: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Connect to a node.")
    @OptionGroup var options: CommonOptions
    @Argument(help: "id@host:port") var address: String
    func run() async throws {
        options.show(try await options.call("connect", ["address": .string(address)])) { "connected to \($0["id"].string)" }
    }
}

struct ListPeers: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "listpeers", abstract: "The nodes we are connected to.")
    @OptionGroup var options: CommonOptions
    func run() async throws {
        options.show(["peers": try await options.call("listpeers")]) { v in
            let peers = v["peers"].list
            if peers.isEmpty { return "no peers. Connect to one: lnw connect <id>@<host>:<port>" }
            return peers.map { "\($0["id"].string)  \($0["connected"].flag ? "connected" : "connecting")" }.joined(separator: "\n")
        }
    }
}

struct OpenChannelCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "openchannel", abstract: "Open a channel and fund it from the chain.", aliases: ["fundchannel", "open"])
    @OptionGroup var options: CommonOptions
    @Argument(help: "The peer: id, a unique beginning of it, or id@host:port", completion: Completions.nodes) var peer: String
    @Argument(
        help: "The channel's size: 1000000sat, 0.01btc, or all: everything on chain but what is kept for closes",
        transform: AmountOrAll.parse)
    var amount: AmountOrAll
    @Option(help: "An amount that is the peer's from the start: a gift.", transform: Amount.parse) var push: Amount?
    @Flag(name: .customLong("public"), help: "Announce it, so that others can be paid through it.") var isPublic = false
    @Flag(help: "Use also what is kept on chain for the claims of closes.") var useReserve = false
    @OptionGroup var fee: FeeOptions
    @Flag(name: .shortAndLong, help: "Do not ask. Without a terminal nothing irreversible is done unless this is said.") var yes = false

    func run() async throws {
        let quote = try await options.call(
            "quoteopen", fee.added(to: ["amount_sat": try amount.json(), "use_reserve": .bool(useReserve)]))
        try Terminal.confirm("Open a channel?\n\(Quote.openLines(quote))", yes: yes)
        let push: JSONValue = self.push.map { .amount($0.msat) } ?? .null
        let result = try await options.call(
            "openchannel",
            fee.added(to: [
                "id": .string(peer), "amount_sat": try amount.json(), "push_msat": push, "announce": .bool(isPublic),
                "use_reserve": .bool(useReserve),
            ]))
        options.show(result) {
            "channel \($0["channel_id"].string) is funded; usable once its transaction is 3 blocks deep (lnw local mine 3)"
        }
    }
}

struct ListChannels: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "listchannels", abstract: "Our channels.", aliases: ["channels"])
    @OptionGroup var options: CommonOptions
    @Flag(name: .shortAndLong, help: "Closed channels too.") var all = false
    @Flag(help: "Only those that are closed, or being closed.") var closed = false
    @OptionGroup var page: PageOptions

    func validate() throws {
        if !page.isFirst, !all, !closed { throw ValidationError("--before goes on in a list of closed channels: --closed or --all") }
    }

    func run() async throws {
        // The open ones are on the first page, with those that are being closed.
        let current = try await options.call("listchannels").list.filter { $0["state"] != "closed" }
        let past = try await options.call("listclosedchannels", page.parameters)
        let ending = current.filter { ["closing", "forceclosing", "data-lost", "double-spent", "abandoned"].contains($0["state"].text) }
        let first = !page.isFirst ? [] : closed ? ending : current
        let list = first + (all || closed ? past["channels"].list : [])
        let everything = current + past["channels"].list
        var answer: [String: JSONValue] = ["channels": .array(list)]
        if all || closed { answer["next"] = past["next"] }
        options.show(.object(answer)) { v in
            if list.isEmpty, !page.isFirst { return "there are no older ones" }
            if list.isEmpty, closed { return "no channel is closed, or being closed" }
            if list.isEmpty, !everything.isEmpty { return "no open channels, but closed ones: lnw listchannels --all" }
            if list.isEmpty { return "no channels yet. Open one: lnw openchannel <id>@<host>:<port> <amount>" }
            var lines = [
                "\(Format.pad("scid", 11))\(Format.pad("peer", 10))\(Format.pad("spendable", 14, right: true)) ▕                ▏ \(Format.pad("receivable", 14))  state"
            ]
            for c in list {
                let total = max(1, c["to_local_msat"].u64 + c["to_remote_msat"].u64)
                let filled = Int(c["to_local_msat"].u64 * 16 / total)
                let bar = String(repeating: "█", count: filled) + String(repeating: "░", count: 16 - filled)
                let name = c["short_channel_id"].text ?? Format.short(c["channel_id"].string)
                lines.append(
                    "\(Format.pad(name, 11))\(Format.pad(c["peer_alias"].text.map { String($0.prefix(9)) } ?? Format.short(c["peer_id"].string), 10))\(Format.pad(Format.bare(c["spendable_msat"].u64), 14, right: true)) ▕\(bar)▏ \(Format.pad(Format.bare(c["receivable_msat"].u64), 14))  \(c["state"].string)\(c["connected"].flag || c["state"] == "closed" ? "" : " (peer away)")"
                )
                if let why = c["reason"].text { lines.append("           why: \(why)") }
                if c["state"] == "data-lost" {
                    lines.append("           our data are lost or old: the peer is asked to close, and our part comes back on chain")
                }
                if c["possibly_behind"].flag {
                    lines.append(
                        "           this database may be an old copy: nothing is published before the peer has shown that it is the newest")
                }
                for output in c["close_outputs"].list {
                    lines.append("           \(Format.sat(output["amount_sat"].u64)) \(output["role"].string): \(output["status"].string)")
                }
            }
            return (lines + page.more(v, "listchannels \(closed ? "--closed" : "--all")", options)).joined(separator: "\n")
        }
    }
}

struct InvoiceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "invoice", abstract: "Ask for a payment.", aliases: ["addinvoice", "createinvoice"])
    @OptionGroup var options: CommonOptions
    @Argument(help: AmountOrAny.help, transform: AmountOrAny.parse) var amount: AmountOrAny
    @OptionGroup var purpose: PurposeOptions
    @OptionGroup var lifetime: LifetimeOptions
    @OptionGroup var blinding: BlindingOptions
    func run() async throws {
        let result = try await options.call(
            "invoice",
            purpose.add(to: ["amount_msat": amount.json, "expiry": .integer(lifetime.seconds), "blind": .integer(blinding.blind)]))
        options.show(result) { v in
            let text = v["bolt11"].string
            guard Terminal.isOutput, let code = QRCode(text.uppercased())?.terminalText else { return text }
            return "\(code)\n\(text)"
        }
    }
}

/// What an invoice is for.
struct PurposeOptions: ParsableArguments {
    @Argument(help: "What for: the payer reads it.") var description: String?
    @Option(help: ArgumentHelp("The SHA-256 of a description that the payer gets elsewhere, in hex.", valueName: "hex"))
    var descriptionHash: String?
    @Option(
        help: ArgumentHelp(
            "What you call it, up to 200 bytes: kept with the invoice, and nobody else sees it. Several may have the same.",
            valueName: "text")) var label: String?

    func validate() throws {
        guard description == nil || descriptionHash == nil else {
            throw ValidationError("a description and --description-hash exclude each other")
        }
    }

    func add(to fields: [String: JSONValue]) -> JSONValue {
        var fields = fields
        fields["description"] = description.map { .string($0) }
        fields["description_hash"] = descriptionHash.map { .string($0) }
        fields["label"] = label.map { .string($0) }
        return .object(fields)
    }
}

/// For how long an invoice can be paid.
struct LifetimeOptions: ParsableArguments {
    @Option(help: ArgumentHelp("How long it can be paid: 90s, 10m, 1h, 7d; a number alone is of seconds.", valueName: "time"))
    var expiry = "1h"

    func validate() throws {
        guard Int64(expiry) == nil else { return }
        _ = try TimeArgument.parse(expiry)
    }

    var seconds: Int64 { Int64(expiry) ?? ((try? TimeArgument.parse(expiry)) ?? 3_600_000) / 1000 }
}

/// For invoices that do not tell whose they are.
struct BlindingOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Hide who you are behind this many nodes, 1 to 4.", valueName: "hops"))
    var blind: Int64 = 0
}

struct Decode: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "What a text says that you were given: an invoice, an address, a node, and what else is pasted.",
        aliases: ["decodepay", "decodepayreq", "decodeinvoice"])
    @OptionGroup var options: CommonOptions
    @Argument(help: "An invoice, an address, a transaction in hex, or id@host:port") var text: String

    func run() async throws {
        let lines = try Decoding.fields(of: text)
        options.show(.object(Dictionary(lines.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 }))) { _ in
            lines.map { name, value in
                let shown =
                    name == "amount_msat"
                    ? (value.int.map { Format.msat(UInt64($0)) } ?? "any")
                    : value.text.map(JSONValue.printable)
                        ?? (value.list.isEmpty ? value.line : value.list.map(\.string).joined(separator: " "))
                return "\(Format.pad(name == "amount_msat" ? "amount" : name, 28))\(shown)"
            }.joined(separator: "\n")
        }
    }
}

struct Pay: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Pay an invoice.", aliases: ["payinvoice", "sendpayment"])
    @OptionGroup var options: CommonOptions
    @Argument(help: "The invoice: lnbcrt…") var invoice: String
    @Argument(help: "How much, for an invoice that leaves it open.", transform: Amount.parse) var amount: Amount?
    @OptionGroup var limits: PaymentOptions
    func run() async throws {
        let msat: JSONValue = amount.map { .amount($0.msat) } ?? .null
        let result = try await Self.watched(options, invoice) {
            try await options.call("pay", limits.add(to: ["bolt11": .string(invoice), "amount_msat": msat]))
        }
        options.show(result) { Self.receipt($0, options) }
    }

    /// Shows on a terminal how the attempts of a payment go while its outcome is waited for.
    private static func watched(
        _ options: CommonOptions, _ payment: String, _ body: @escaping @Sendable () async throws -> JSONValue
    ) async throws -> JSONValue {
        guard Terminal.isOutput, !options.json else { return try await body() }
        let watcher = Task {
            var shown = ""
            while !Task.isCancelled {
                // What is over at once is not worth a line.
                try await Task.sleep(for: .milliseconds(300))
                guard let story = try? await options.call("explain", ["payment": .string(payment)]), story["status"].text == "pending"
                else {
                    continue
                }
                let attempts = story["attempts"].list
                let out = attempts.filter { $0["status"].text == "pending" }
                if let why = story["given_up"].text {
                    let line =
                        "nothing new is tried (\(why)); waiting for \(Format.msat(out.reduce(0) { $0 + $1["amount_msat"].u64 })) to come back"
                    if line != shown { Terminal.out("\r\u{1b}[2K\(line)", newline: false) }
                    shown = line
                    continue
                }
                let line =
                    "\(attempts.count) attempt\(attempts.count == 1 ? "" : "s"), \(out.count) under way with "
                    + "\(Format.msat(out.reduce(0) { $0 + $1["amount_msat"].u64 })), \(attempts.count - out.count) came back"
                if line != shown { Terminal.out("\r\u{1b}[2K\(line)", newline: false) }
                shown = line
            }
        }
        defer {
            watcher.cancel()
            Terminal.out("\r\u{1b}[2K", newline: false)
        }
        return try await body()
    }

    static func receipt(_ v: JSONValue, _ options: CommonOptions) -> String {
        let what = v["description"].text.map { $0.isEmpty ? "" : " “\($0)”" } ?? ""
        let time = v["duration_ms"].int.map { "   \($0) ms" } ?? ""
        let hops = v["num_hops"].u64
        let parts = v["num_parts"].u64 > 1 ? "   \(v["num_parts"].u64) parts" : ""
        return """
            paid \(Format.msat(v["amount_msat"].u64)) to \(Format.payee(v))\(what)   fee \(Format.bare(v["fee_msat"].u64))   \(hops) hop\(hops == 1 ? "" : "s")\(parts)\(time)
            preimage \(v["payment_preimage"].string)   (\(options.lnw) explain \(v["payment_hash"].string.prefix(8)) for the whole story)
            """
    }
}

struct Keysend: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Pay a node without an invoice.")
    @OptionGroup var options: CommonOptions
    @Argument(help: "The node's id or alias, or a unique beginning of either", completion: Completions.nodes) var id: String
    @Argument(help: Amount.help, transform: Amount.parse) var amount: Amount
    @OptionGroup var limits: PaymentOptions
    func run() async throws {
        let msat = amount.msat
        options.show(
            try await options.call("keysend", limits.add(to: ["id": .string(id), "amount_msat": .amount(msat)]))
        ) { Pay.receipt($0, options) }
    }
}

struct ListPayments: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "listpayments", abstract: "Payments sent.", aliases: ["listpays", "listsendpays"])
    @OptionGroup var options: CommonOptions
    @OptionGroup var list: ListOptions
    func run() async throws {
        list.show(
            try await options.call("listpayments", list.parameters), "payments", "listpayments", options,
            empty: "no payments yet: lnw pay <invoice>   (of streams: lnw stream list)",
            columns: [
                ListColumn("begun") { $0["created_at"].string },
                ListColumn("amount", isNumber: true) { Format.msat($0["amount_msat"].u64) },
                ListColumn("fee", isNumber: true, rank: 2) { Format.bare($0["fee_msat"].u64) },
                ListColumn("status") { $0["status"].string }, ListColumn("to", rank: 1) { Format.payee($0) },
                ListColumn("payment") { String($0["payment_hash"].string.prefix(12)) }, ListColumn("why", rank: 3) { $0["failure"].string },
            ])
    }
}

struct ListInvoices: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "listinvoices", abstract: "Invoices made, and keysends received.")
    @OptionGroup var options: CommonOptions
    @OptionGroup var list: ListOptions
    @Option(help: "Only those that you gave this label.") var label: String?
    func run() async throws {
        guard case .object(var parameters) = list.parameters else { return }
        if let label { parameters["label"] = .string(label) }
        list.show(
            try await options.call("listinvoices", .object(parameters)), "invoices", "listinvoices", options,
            empty: "no invoices yet. Make one: lnw invoice 1000sat \"coffee\"",
            columns: [
                ListColumn("made") { $0["created_at"].string },
                ListColumn("amount", isNumber: true) { i in
                    (i["received_msat"].int ?? i["amount_msat"].int).map { Format.msat(UInt64($0)) } ?? "any"
                },
                ListColumn("status") { $0["status"].string },
                ListColumn("payment") { String($0["payment_hash"].string.prefix(12)) },
                ListColumn("for", rank: 2) { $0["keysend"].flag ? "keysend" : $0["description"].string },
                ListColumn("label", rank: 3) { $0["label"].string },
                ListColumn("", rank: 1) { $0["settle_before_block"].int.map { "settle before block \($0)" } ?? "" },
            ], filter: label.map { " --label \(ShellWord.quoted($0))" } ?? "")
    }
}
