import ArgumentParser
import Foundation
import LightningRuntime
import LightningWire

struct NewAddress: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "newaddress", abstract: "A fresh address to receive on chain.", aliases: ["newaddr", "getnewaddress"])
    @OptionGroup var options: CommonOptions
    func run() async throws {
        let result = try await options.call("newaddress")
        options.show(result) { $0["address"].string }
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
    @Flag(name: .shortAndLong, help: "Do not ask. Without a terminal nothing irreversible is done unless this is said.") var yes = false
    func run() async throws {
        try Terminal.confirm(
            "Send \(try amount.described()) to \(address)? It cannot be undone; the fee is what layer 1 asks for now.",
            yes: yes)
        options.show(
            try await options.call(
                "send", ["address": .string(address), "amount_sat": try amount.json(), "use_reserve": .bool(useReserve)])
        ) {
            "signed and handed to the layer 1: \(Format.sat($0["amount_sat"].u64)) in \($0["txid"].string), unconfirmed; published again until it is mined"
        }
    }
}
