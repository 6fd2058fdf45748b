import ArgumentParser
import LightningAPI
import LightningRuntime

struct ForceClose: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "forceclose", abstract: "Close a channel without its peer.",
        discussion:
            "--fee-rate and --conf-target are for our last state and the transaction that pays for it together; said once more while no block holds them, they raise it."
    )
    @OptionGroup var options: CommonOptions
    @Argument(help: "103x1x0, or a unique beginning of the channel's or the peer's id", completion: Completions.channels) var channel:
        String
    @Flag(help: "Your word that there is no newer copy of this wallet's database. If there is one, everything in the channel may be lost.")
    var newest = false
    @Flag(help: "Also where a closing transaction that both sides have signed waits to be mined: it is cheaper, and pays at once.")
    var replaceClose = false
    @Flag(name: .shortAndLong, help: "Do not ask. Without a terminal nothing irreversible is done unless this is said.") var yes = false
    @OptionGroup var fee: FeeOptions
    func run() async throws {
        let quote = try await options.call("quoteforceclose", fee.added(to: ["channel": .string(channel)]))
        if let waiting = quote["waiting_close_txid"].text, !replaceClose {
            throw CallFailure(
                .refused,
                "both sides have signed a closing transaction, which waits to be mined, is cheaper and pays at once. To have it mined sooner: lnw bumpfee \(waiting). To force-close all the same: --replace-close"
            )
        }
        let warning =
            quote["possibly_behind"].flag
            ? "\nThis database may be an old copy. If there is a newer one, the peer takes ALL of it: \(Format.sat(quote["capacity_sat"].u64)) may be lost. Let it connect instead."
            : ""
        try Terminal.confirm(
            "Force-close channel \(quote["short_channel_id"].string) of \(Format.sat(quote["capacity_sat"].u64)) with \(Format.short(quote["peer_id"].string))?\n\(Quote.lines(quote))\(warning)\nlnw close is cheaper while the peer answers.",
            yes: yes)
        options.show(
            try await options.call(
                "forceclose",
                fee.added(to: ["channel": .string(channel), "newest": .bool(newest), "replace_close": .bool(replaceClose)]))
        ) { v in
            "our last state\(v["txid"].text.map { ", \($0)," } ?? "") is handed to the layer 1, again at every block until it is mined; from then on it takes \(quote["delay_blocks"].u64) blocks until the money comes back. Watch: lnw listchannels"
        }
    }
}

struct Quote: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "What something would cost, and when the money would be back; nothing is done.",
        subcommands: [QuoteSend.self, QuoteOpen.self, QuoteClose.self, QuoteForceClose.self])

    /// An opening, for people.
    static func openLines(_ v: JSONValue) -> String {
        var lines = [
            "  \(Format.sat(v["amount_sat"].u64)) go into the channel, in one transaction of \(v["vsize"].u64) vB now and one to close it",
            "  fee now: \(Format.sat(v["fee_sat"].u64)), which is \(FeeOptions.perVirtualByte(v["fee_rate_sat_kw"].u64))",
        ]
        let kept = v["reserve_sat"].u64
        lines.append(
            "  \(Format.sat(v["left_sat"].u64)) stay on chain"
                + (kept > 0 ? ", of which \(Format.sat(kept)) are kept for claims, should a channel close without its peer" : ""))
        return lines.joined(separator: "\n")
    }

    /// A close, for people.
    static func closeLines(_ v: JSONValue) -> String {
        var lines = [
            "  \(Format.sat(v["to_local_sat"].u64)) of yours come back, as soon as one transaction of \(v["vsize"].u64) vB is mined",
            "  fee: about \(Format.sat(v["fee_sat"].u64))\(v["fee_is_ours"].flag ? "" : ", which the peer pays")",
        ]
        let htlcs = v["htlcs"].u64
        if htlcs > 0 { lines.append("  \(htlcs) payment\(htlcs == 1 ? "" : "s") under way end\(htlcs == 1 ? "s" : "") before that") }
        return lines.joined(separator: "\n")
    }

    /// A force close, for people.
    static func lines(_ v: JSONValue) -> String {
        var lines = [
            "  \(Format.sat(v["to_local_sat"].u64)) of yours come back \(v["delay_blocks"].u64) blocks after our state is mined"
        ]
        if v["possibly_behind"].flag {
            lines.insert("  only if this database is the newest there is, which is not known: else all of it may be lost", at: 0)
        }
        for (name, what) in [
            ("offered_htlcs", "sent: back after its time, unless the payee claims it"),
            ("received_htlcs", "received: yours by its preimage"),
        ] {
            let htlcs = v[name]
            guard htlcs["count"].u64 > 0 else { continue }
            lines.append(
                "  \(Format.sat(htlcs["amount_sat"].u64)) in \(htlcs["count"].u64) HTLC\(htlcs["count"].u64 == 1 ? "" : "s") \(what), decided by block \(htlcs["last_expiry"].u64)"
            )
        }
        if v["lost_sat"].u64 > 0 { lines.append("  \(Format.sat(v["lost_sat"].u64)) in HTLCs too small for an output go to the miner") }
        if v["anchors_sat"].u64 > 0 {
            lines.append("  \(Format.sat(v["anchors_sat"].u64)) in the anchors of our state are not worth their claim")
        }
        let child =
            v["child_fee_sat"].u64 > 0
            ? " \(Format.sat(v["child_fee_sat"].u64)) from the wallet for a transaction that gets it mined," : ""
        if let waiting = v["waiting_close_txid"].text {
            lines.insert("  a closing transaction that both sides have signed waits to be mined: \(waiting)", at: 0)
        }
        if let theirs = v["peers_commitment_txid"].text {
            lines.insert("  the peer's last state waits to be mined, and is paid for in place of ours: \(theirs)", at: 0)
        }
        if v["child_fee_sat"].u64 > 0, !v["child_is_covered"].flag {
            lines.append("  the wallet has no coin for that transaction: our state is published alone. Send some to lnw newaddress first")
        }
        lines.append(
            "  fees: \(Format.sat(v["commitment_fee_sat"].u64)) in our state\(v["commitment_fee_is_ours"].flag ? "" : ", which the peer pays"),\(child) and about \(Format.sat(v["claim_fees_sat"].u64)) for the claims at the rates of now"
        )
        lines.append("  all of it is back by block \(v["back_by_height"].u64), if our state is in the next block")
        return lines.joined(separator: "\n")
    }
}

struct QuoteForceClose: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "forceclose", abstract: "What closing a channel without its peer would come to.")
    @OptionGroup var options: CommonOptions
    @Argument(help: "103x1x0, or a unique beginning of the channel's or the peer's id", completion: Completions.channels) var channel:
        String
    @OptionGroup var fee: FeeOptions
    func run() async throws {
        options.show(try await options.call("quoteforceclose", fee.added(to: ["channel": .string(channel)]))) { Quote.lines($0) }
    }
}

struct QuoteSend: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "send", abstract: "What sending on chain would come to.")
    @OptionGroup var options: CommonOptions
    @Argument var address: String
    @Argument(help: AmountOrAll.help, transform: AmountOrAll.parse) var amount: AmountOrAll
    @Flag(help: "Use also what is kept on chain for the claims of closes.") var useReserve = false
    @OptionGroup var fee: FeeOptions
    func run() async throws {
        let call = fee.added(to: ["address": .string(address), "amount_sat": try amount.json(), "use_reserve": .bool(useReserve)])
        options.show(try await options.call("quotesend", call)) { v in
            """
              \(Format.sat(v["amount_sat"].u64)) arrive, in one transaction of \(v["vsize"].u64) vB
              fee: \(Format.sat(v["fee_sat"].u64)), which is \(FeeOptions.perVirtualByte(v["fee_rate_sat_kw"].u64))
              \(Format.sat(v["left_sat"].u64)) stay on chain
            """
        }
    }
}

struct QuoteOpen: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "open", abstract: "What opening a channel would come to.", aliases: ["openchannel"])
    @OptionGroup var options: CommonOptions
    @Argument(help: "The channel's size: 1000000sat, 0.01btc, or all", transform: AmountOrAll.parse) var amount: AmountOrAll
    @Flag(help: "Use also what is kept on chain for the claims of closes.") var useReserve = false
    @OptionGroup var fee: FeeOptions
    func run() async throws {
        options.show(
            try await options.call("quoteopen", fee.added(to: ["amount_sat": try amount.json(), "use_reserve": .bool(useReserve)]))
        ) { Quote.openLines($0) }
    }
}

struct QuoteClose: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "close", abstract: "What closing a channel together with its peer would come to.")
    @OptionGroup var options: CommonOptions
    @Argument(help: "103x1x0, or a unique beginning of the channel's or the peer's id", completion: Completions.channels) var channel:
        String
    @OptionGroup var fee: FeeOptions
    func run() async throws {
        options.show(try await options.call("quoteclose", fee.added(to: ["channel": .string(channel)]))) { Quote.closeLines($0) }
    }
}

struct Close: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Close a channel together with its peer.", aliases: ["closechannel"])
    @OptionGroup var options: CommonOptions
    @Argument(help: "103x1x0, or a unique beginning of the channel's or the peer's id", completion: Completions.channels) var channel:
        String
    @OptionGroup var fee: FeeOptions
    @Flag(name: .shortAndLong, help: "Do not ask. Without a terminal nothing irreversible is done unless this is said.") var yes = false
    func run() async throws {
        let quote = try? await options.call("quoteclose", fee.added(to: ["channel": .string(channel)]))
        try Terminal.confirm("Close channel \(channel)?\(quote.map { "\n" + Quote.closeLines($0) } ?? "")", yes: yes)
        options.show(try await options.call("close", fee.added(to: ["channel": .string(channel)]))) { result in
            guard result["connected"].flag else {
                return "the peer is away: the close begins when it is back. Should it stay away: lnw forceclose \(channel)"
            }
            guard let txid = result["txid"].text else {
                return "closing: both sides agree on the last transaction as soon as no payment is under way. Watch: lnw listchannels"
            }
            return "closing by \(txid); your money is on chain once it is mined (lnw local mine)"
        }
    }
}
