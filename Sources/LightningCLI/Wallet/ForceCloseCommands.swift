import ArgumentParser
import LightningRuntime

struct ForceClose: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "forceclose", abstract: "Close a channel without its peer.")
    @OptionGroup var options: CommonOptions
    @Argument(help: "103x1x0, or a unique beginning of the channel's or the peer's id") var channel: String
    @Flag(help: "Your word that there is no newer copy of this wallet's database. If there is one, everything in the channel may be lost.")
    var newest = false
    @Flag(name: .shortAndLong, help: "Do not ask. Without a terminal nothing irreversible is done unless this is said.") var yes = false
    func run() async throws {
        let quote = try await options.call("quoteforceclose", ["channel": .string(channel)])
        try Terminal.confirm(
            "Force-close channel \(quote["short_channel_id"].string) of \(Format.sat(quote["capacity_sat"].u64)) with \(Format.short(quote["peer_id"].string))?\n\(Quote.lines(quote))\nlnw close is cheaper while the peer answers.",
            yes: yes)
        options.show(try await options.call("forceclose", ["channel": .string(channel), "newest": .bool(newest)])) { _ in
            "our last state is handed to the layer 1, again at every block until it is mined; from then on it takes \(quote["delay_blocks"].u64) blocks until the money comes back. Watch: lnw listchannels"
        }
    }
}

struct Quote: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "What something would cost, and when the money would be back; nothing is done.", subcommands: [QuoteForceClose.self])

    /// A force close, for people.
    static func lines(_ v: JSONValue) -> String {
        var lines = ["  \(Format.sat(v["to_local_sat"].u64)) of yours come back \(v["delay_blocks"].u64) blocks after our state is mined"]
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
        lines.append(
            "  fees: \(Format.sat(v["commitment_fee_sat"].u64)) in our state\(v["commitment_fee_is_ours"].flag ? "" : ", which the peer pays"), and about \(Format.sat(v["claim_fees_sat"].u64)) for the claims at the rates of now"
        )
        lines.append("  all of it is back by block \(v["back_by_height"].u64), if our state is in the next block")
        return lines.joined(separator: "\n")
    }
}

struct QuoteForceClose: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "forceclose", abstract: "What closing a channel without its peer would come to.")
    @OptionGroup var options: CommonOptions
    @Argument(help: "103x1x0, or a unique beginning of the channel's or the peer's id") var channel: String
    func run() async throws {
        options.show(try await options.call("quoteforceclose", ["channel": .string(channel)])) { Quote.lines($0) }
    }
}
