import ArgumentParser
import Foundation
import LightningAPI
import LightningRuntime
import LightningWire

struct NewAddress: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "newaddress", abstract: "A fresh address to receive on chain.", aliases: ["newaddr", "getnewaddress"])
    @OptionGroup var options: CommonOptions
    func run() async throws {
        let result = try await options.call("newaddress")
        options.show(result) { v in
            let address = v["address"].string
            // In capitals it is the same address, and a smaller code; older addresses are not written so.
            let isBech32 = address.lowercased() == address
            guard Terminal.isOutput, let code = QRCode(isBech32 ? "BITCOIN:\(address.uppercased())" : "bitcoin:\(address)")?.terminalText
            else {
                return address
            }
            return "\(code)\n\(address)"
        }
        let unpaid = result["num_unpaid"].u64
        // Not among the output, which a program reads.
        guard !options.json, unpaid > 20 else { return }
        Terminal.error(
            unpaid >= 1000
                ? "1,000 addresses were given out and not paid to: the oldest of them comes again, so that the seed words find every payment"
                : "\(unpaid) addresses were given out and not paid to. Other wallets look 20 far when they are restored from the words; this one looks 1,000 far"
        )
    }
}

struct BalanceCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "balance", abstract: "What you own, and what can be done with it now.",
        aliases: ["getbalance", "walletbalance", "channelbalance"])
    @OptionGroup var options: CommonOptions
    private static func contested(_ until: UInt64) -> String {
        let what = "in HTLCs of closed channels: whose preimage or time comes first"
        return until == 0 ? what : "\(what); all decided by block \(until)"
    }

    func run() async throws {
        options.show(try await options.call("balance")) { v in
            let count = v["num_usable_channels"].u64
            var lines = [
                (
                    "spendable now", Format.msat(v["spendable_msat"].u64),
                    "in \(count) channel\(count == 1 ? "" : "s") (reserve \(Format.bare(v["reserved_msat"].u64)) · fees \(Format.bare(v["fees_held_back_msat"].u64)) held back)"
                ),
                (
                    "receivable now", Format.msat(v["receivable_msat"].u64),
                    count > 1 ? "largest HTLC to send \(Format.bare(v["largest_payment_msat"].u64))" : ""
                ),
                ("in channels", Format.msat(v["in_channels_msat"].u64), ""),
                (
                    "on chain", Format.sat(v["on_chain_confirmed_sat"].u64),
                    "confirmed   + \(Format.thousands(v["on_chain_unconfirmed_sat"].u64)) unconfirmed"
                ),
            ]
            let kept = min(v["close_reserve_sat"].u64, v["on_chain_confirmed_sat"].u64)
            if kept > 0 { lines.append(("of it kept", Format.sat(kept), "for claims, should channels close without their peer")) }
            if v["on_chain_immature_sat"].u64 > 0 {
                lines.append(("mined", Format.sat(v["on_chain_immature_sat"].u64), "not old enough to spend"))
            }
            let (out, incoming) = (v["outgoing_htlcs_msat"].u64, v["incoming_htlcs_msat"].u64)
            if out > 0 { lines.append(("under way", Format.msat(out), "sent, or forwarded, and not answered yet")) }
            if incoming > 0 { lines.append(("held", Format.msat(incoming), "came in, and is not settled yet")) }
            if v["closing_sat"].u64 > 0 {
                lines.append(("closing", Format.sat(v["closing_sat"].u64), "on its way back from closed channels"))
            }
            if v["contested_sat"].u64 > 0 {
                lines.append(("contested", Format.sat(v["contested_sat"].u64), Self.contested(v["contested_until"].u64)))
            }
            return lines.map { "\(Format.pad($0.0, 15))\(Format.pad($0.1, 20, right: true))   \($0.2)".trimmingTrailingSpaces }.joined(
                separator: "\n")
        }
    }
}

struct Send: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Send bitcoin on chain.", aliases: ["withdraw", "sendcoins", "sendtoaddress"])
    @OptionGroup var options: CommonOptions
    @Argument var address: String
    @Argument(help: AmountOrAll.help, transform: AmountOrAll.parse) var amount: AmountOrAll
    @Flag(help: "Use also what is kept on chain for the claims of closes.") var useReserve = false
    @OptionGroup var fee: FeeOptions
    @Flag(name: .shortAndLong, help: "Do not ask. Without a terminal nothing irreversible is done unless this is said.") var yes = false
    func run() async throws {
        let call = fee.added(to: ["address": .string(address), "amount_sat": try amount.json(), "use_reserve": .bool(useReserve)])
        let quote = try await options.call("quotesend", call)
        try Terminal.confirm(
            "Send \(Format.sat(quote["amount_sat"].u64)) to \(address), fee \(Format.sat(quote["fee_sat"].u64)) at \(FeeOptions.perVirtualByte(quote["fee_rate_sat_kw"].u64))? It cannot be undone.",
            yes: yes)
        options.show(try await options.call("send", call)) {
            "signed and handed to the layer 1: \(Format.sat($0["amount_sat"].u64)) in \($0["txid"].string)\(FeeOptions.fee($0))\($0["change_sat"].u64 > 0 ? ", \(Format.sat($0["change_sat"].u64)) come back as change" : ""), unconfirmed; published again until it is mined"
        }
    }
}

struct ListTransactions: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "listtransactions", abstract: "The wallet's transactions on chain, the newest first.", aliases: ["listchaintxns"])
    @OptionGroup var options: CommonOptions
    @OptionGroup var page: PageOptions

    func run() async throws {
        let answer = try await options.call("listtransactions", page.parameters)
        options.show(answer) { v in
            let list = v["transactions"].list
            if list.isEmpty { return page.isFirst ? "nothing was sent or received on chain yet" : "there are no older ones" }
            var lines = [
                "\(Format.pad("block", 9))\(Format.pad("sat", 18, right: true))\(Format.pad("fee", 11, right: true))  \(Format.pad("for", 13)) txid"
            ]
            for t in list {
                let amount = t["amount_sat"].int ?? 0
                let number = (amount < 0 ? "-" : "+") + Format.thousands(UInt64(amount.magnitude))
                let channel = t["channel_id"].text.map { " (channel \(Format.short($0)))" } ?? ""
                lines.append(
                    "\(Format.pad(t["blockheight"].int.map { "\($0)" } ?? "waiting", 9))\(Format.pad(number, 18, right: true))\(Format.pad(t["fee_sat"].int.map { Format.thousands(UInt64($0)) } ?? "", 11, right: true))  \(Format.pad(t["purpose"].string.replacing("_", with: " "), 13)) \(t["txid"].string)\(channel)"
                )
            }
            return (lines + page.more(v, "listtransactions", options)).joined(separator: "\n")
        }
    }
}

struct ListUnspent: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "listunspent", abstract: "The wallet's coins.", aliases: ["listfunds", "utxos"])
    @OptionGroup var options: CommonOptions

    func run() async throws {
        options.show(try await options.call("listunspent")) { v in
            let list = v["outputs"].list
            if list.isEmpty { return "no coins. An address to receive some: \(options.lnw) newaddress" }
            return list.map { o in
                let state = o["blockheight"].int == nil ? "unconfirmed" : o["spendable"].flag ? "" : "not to be spent yet"
                return
                    "\(Format.pad(Format.sat(o["amount_sat"].u64), 20, right: true))  \(o["txid"].string):\(o["output"].u64)  \(o["change"].flag ? "change" : o["address"].string)  \(state)"
                    .trimmingTrailingSpaces
            }.joined(separator: "\n")
        }
    }
}

struct BumpFee: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bumpfee", abstract: "Raise what a transaction pays that waits too long for a block.",
        discussion: """
            A payment of yours is replaced by one that pays more. A funding or closing transaction, and what others sent you, are paid for by a \
            transaction that spends what they pay to you. Claims and commitments the node raises by itself.
            """)
    @OptionGroup var options: CommonOptions
    @Argument(help: "The transaction: lnw listtransactions") var txid: String
    @OptionGroup var fee: FeeOptions
    @Flag(name: .shortAndLong, help: "Do not ask. Without a terminal nothing irreversible is done unless this is said.") var yes = false

    func run() async throws {
        try Terminal.confirm("Pay more, so that \(txid) is mined?", yes: yes)
        options.show(try await options.call("bumpfee", fee.added(to: ["txid": .string(txid)]))) {
            "signed and handed to the layer 1: \($0["txid"].string)\(FeeOptions.fee($0)); published again until it is mined"
        }
    }
}

struct Abandon: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "abandon", abstract: "Take back a channel whose funding transaction is not mined: its coins go back to the wallet.")
    @OptionGroup var options: CommonOptions
    @Argument(help: "A unique beginning of the channel's or the peer's id", completion: Completions.channels) var channel: String
    @OptionGroup var fee: FeeOptions
    @Flag(name: .shortAndLong, help: "Do not ask. Without a terminal nothing irreversible is done unless this is said.") var yes = false

    func run() async throws {
        try Terminal.confirm("Spend the coins that were to fund channel \(channel) to your own wallet instead?", yes: yes)
        options.show(try await options.call("abandon", fee.added(to: ["channel": .string(channel)]))) {
            "the coins go back to the wallet in \($0["txid"].string)\(FeeOptions.fee($0)). Should the funding transaction be mined all the same, the channel is force-closed"
        }
    }
}
