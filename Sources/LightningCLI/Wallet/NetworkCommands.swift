import ArgumentParser
import Foundation
import LightningAPI
import LightningRuntime

/// What `pay`, `keysend`, `rebalance` and `probe` have in common.
struct PaymentOptions: ParsableArguments {
    @Option(help: "The most that forwarders may take. Default: the larger of 0.5 % and 5 sat.", transform: Amount.parse) var maxFee: Amount?
    @Option(
        help: ArgumentHelp(
            "How long something new is tried: 90s, 10m; a number alone is seconds. Default: 60s. What is under way then is waited for; Ctrl-C ends the wait, and not the payment.",
            valueName: "time"),
        transform: { (try TimeArgument.parseOrSeconds($0) + 999) / 1000 })
    var timeout: Int64?
    @Option(help: "HTLCs under way at a time.") var maxParts: Int64 = 16

    func validate() throws {
        guard timeout ?? 60 > 0 else { throw ValidationError("--timeout takes one second at least.") }
        guard (1...256).contains(maxParts) else { throw ValidationError("--max-parts must be 1 to 256.") }
    }

    func add(to parameters: [String: JSONValue]) -> JSONValue {
        var all = parameters
        all["max_fee_msat"] = maxFee.map { .amount($0.msat) } ?? .null
        all["timeout"] = .integer(timeout ?? 60)
        all["max_parts"] = .integer(maxParts)
        return .object(all)
    }
}

struct GetRoute: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "getroute", abstract: "The best route to a node, with its fee, delay and success probability.",
        aliases: ["queryroutes"])
    @OptionGroup var options: CommonOptions
    @Argument(help: "The node's id or alias, or a unique beginning of either", completion: Completions.nodes) var id: String
    @Argument(help: Amount.help, transform: Amount.parse) var amount: Amount
    @Option(help: "The most that forwarders may take.", transform: Amount.parse) var maxFee: Amount?
    @Flag(help: "Also say what the way by each other channel would be, and why not.") var explain = false

    func run() async throws {
        let msat = amount.msat
        if explain { return try await compare(msat) }
        let result = try await options.call(
            "getroute",
            ["id": .string(id), "amount_msat": .amount(msat), "max_fee_msat": maxFee.map { .amount($0.msat) } ?? .null])
        options.show(result) { v in
            let parts = v["parts"].list
            let lines = parts.flatMap { part in
                let hops = part["hops"].list
                let amount = parts.count > 1 ? "\(Format.msat(part["amount_msat"].u64))   " : ""
                let head =
                    "\(amount)\(hops.count) hop\(hops.count == 1 ? "" : "s")   fee \(Format.msat(part["fee_msat"].u64))   "
                    + "\(part["cltv_delta"].u64) blocks   \(part["success_probability_percent"].u64) % likely"
                return [head] + hops.map(RouteText.hop)
            }
            guard parts.count > 1 else { return lines.joined(separator: "\n") }
            let all = "\(parts.count) parts   fee \(Format.msat(v["fee_msat"].u64))   \(v["success_probability_percent"].u64) % likely"
            return ([all] + lines).joined(separator: "\n")
        }
    }
}

extension GetRoute {
    private func compare(_ msat: UInt64) async throws {
        let result = try await options.call(
            "compareroutes",
            ["id": .string(id), "amount_msat": .amount(msat), "max_fee_msat": maxFee.map { .amount($0.msat) } ?? .null])
        options.show(result) { v in
            let choices = v["choices"].list
            if choices.isEmpty { return "no channels yet. Open one: lnw openchannel <id>@<host>:<port> <amount>" }
            return choices.enumerated().map { number, c in
                let name = "\(c["first_channel"].string) to \(RouteText.node(["id": c["peer_id"], "alias": c["alias"]]))"
                guard c["route"] != .null else { return "  not by \(name): \(c["refusal"].string)" }
                let r = c["route"]
                return "\(number == 0 ? "best" : "  or") by \(name): \(RouteText.path(r))   fee \(Format.bare(r["fee_msat"].u64))   "
                    + "\(r["cltv_delta"].u64) blocks   \(r["success_probability_percent"].u64) % likely"
            }.joined(separator: "\n")
        }
    }
}

struct Estimates: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "estimates", abstract: "What payments taught of the liquidity of channels, to carry to another node.",
        subcommands: [ExportEstimates.self, ImportEstimates.self])
}

struct ExportEstimates: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "export", abstract: "Print the estimates, a line for each direction.")
    @OptionGroup var options: CommonOptions
    func run() async throws {
        let estimates = try await options.call("exportestimates")
        // Lines of numbers, not anybody's text.
        options.show(estimates) { _ in String(estimates["estimates"].string.dropLast()) }
    }
}

struct ImportEstimates: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "import", abstract: "Take estimates from standard input; what is newer wins.")
    @OptionGroup var options: CommonOptions
    func run() async throws {
        var text = ""
        while let line = readLine() { text += line + "\n" }
        options.show(try await options.call("importestimates", ["estimates": .string(text)])) { _ in "imported" }
    }
}

enum RouteText {
    /// A node as people know it: its alias, or the beginning of its id.
    static func node(_ v: JSONValue) -> String { v["alias"].text ?? Format.short(v["id"].string) }

    static func hop(_ v: JSONValue) -> String {
        let fee = v["fee_msat"].u64
        return "  → \(Format.pad(node(v), 20)) over \(Format.pad(v["short_channel_id"].string, 14)) "
            + "\(Format.pad(Format.msat(v["amount_msat"].u64), 20, right: true))\(fee > 0 ? "   after a fee of \(Format.bare(fee))" : "")"
    }

    /// `alice → bob → carol`.
    static func path(_ v: JSONValue) -> String { v["hops"].list.map(node).joined(separator: " → ") }
}

struct GraphCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "graph", abstract: "The public network as this node knows it.",
        subcommands: [GraphNodes.self, GraphChannels.self, GraphNode.self], defaultSubcommand: GraphNodes.self)
}

struct GraphNodes: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "nodes", abstract: "All nodes.")
    @OptionGroup var options: CommonOptions
    func run() async throws {
        let graph = try await options.call("graph")
        options.show(["nodes": graph["nodes"]]) { v in
            let nodes = v["nodes"].list
            if nodes.isEmpty {
                return "no public nodes are known yet: connect to one with lnw connect, or make a network with lnw local up --topology ring"
            }
            return nodes.map { node in
                let count = node["num_channels"].u64
                return
                    "\(node["id"].string)  \(Format.pad(node["alias"].string, 20))  \(Format.pad("\(count) channel\(count == 1 ? "" : "s")", 14))"
                    + "\(Format.pad(Format.sat(node["capacity_sat"].u64), 20, right: true))\(node["is_self"].flag ? "   (this node)" : "")"
            }.joined(separator: "\n")
        }
    }
}

struct GraphChannels: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "channels", abstract: "All channels with their terms.")
    @OptionGroup var options: CommonOptions
    func run() async throws {
        let graph = try await options.call("graph")
        options.show(["channels": graph["channels"]]) { v in
            let channels = v["channels"].list
            if channels.isEmpty { return "no public channels are known yet" }
            return channels.map(Self.line).joined(separator: "\n")
        }
    }

    static func line(_ c: JSONValue) -> String {
        func name(_ side: String) -> String { c["alias_\(side)"].text ?? Format.short(c["node_id_\(side)"].string) }
        func terms(_ side: String) -> String {
            let t = c["terms_\(side)"]
            guard t != .null else { return "unknown" }
            return t["disabled"].flag
                ? "disabled"
                : "\(Format.bare(t["fee_base_msat"].u64)) sat + \(t["fee_proportional_millionths"].u64) ppm, \(t["cltv_expiry_delta"].u64) blocks"
        }
        return "\(Format.pad(c["short_channel_id"].string, 14))\(Format.pad(Format.sat(c["capacity_sat"].u64), 16, right: true))   "
            + "\(name("1")) → \(name("2")): \(terms("1"));  ←: \(terms("2"))\(c["spent"].flag ? "   (closed)" : "")"
    }
}

struct GraphNode: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "node", abstract: "One node with its channels.")
    @OptionGroup var options: CommonOptions
    @Argument(help: "Its id or alias, or a unique beginning of either", completion: Completions.nodes) var id: String
    func run() async throws {
        let graph = try await options.call("graph")
        // As for a payment: what looks like an id is one, and never an alias.
        let isID = (id.hasPrefix("02") || id.hasPrefix("03")) && id.allSatisfy(\.isHexDigit)
        let matches = graph["nodes"].list.filter { isID ? $0["id"].string.hasPrefix(id.lowercased()) : $0["alias"].text == id }
        let node = try CallFailure.one(
            of: matches, none: "no known node is called “\(id)”. See: lnw graph nodes",
            several: "several nodes begin with “\(id)”: say more of it")
        let channels = graph["channels"].list.filter { $0["node_id_1"] == node["id"] || $0["node_id_2"] == node["id"] }
        options.show(["node": node, "channels": .array(channels)]) { _ in
            (["\(node["id"].string)  \(node["alias"].string)  \(Format.sat(node["capacity_sat"].u64))"] + channels.map(GraphChannels.line))
                .joined(separator: "\n")
        }
    }
}

struct ListForwards: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "listforwards", abstract: "What was forwarded for others.", aliases: ["fwdinghistory", "forwards"])
    @OptionGroup var options: CommonOptions
    @OptionGroup var list: ListOptions
    func run() async throws {
        let answer = try await options.call("listforwards", list.parameters)
        let t = answer["totals"]
        let totals = "\(t["num_forwards"].u64) forwarded, \(t["num_failed"].u64) failed, \(Format.msat(t["fees_msat"].u64)) earned"
        list.show(
            answer, "forwards", "listforwards", options,
            empty: "nothing was forwarded yet. Others pay through public channels: lnw openchannel … --public",
            columns: [
                ListColumn("received") { $0["received_at"].string }, ListColumn("from", rank: 1) { $0["in_channel"].string },
                ListColumn("to", rank: 1) { $0["out_channel"].string },
                ListColumn("amount", isNumber: true) { Format.msat($0["out_msat"].u64) },
                ListColumn("fee", isNumber: true) { Format.bare($0["fee_msat"].u64) }, ListColumn("status") { $0["status"].string },
                ListColumn("why", rank: 2) { $0["failure"].string },
            ], after: answer["forwards"].list.isEmpty ? [] : [totals])
    }
}

struct FeeReport: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "feereport", abstract: "What each channel asks for, and has earned.")
    @OptionGroup var options: CommonOptions
    func run() async throws {
        options.show(try await options.call("feereport")) { v in
            let list = v["channels"].list
            if list.isEmpty { return "no channels yet. Open one: lnw openchannel <id>@<host>:<port> <amount>" }
            let lines = list.map { c in
                "\(Format.pad(c["short_channel_id"].string, 14))\(Format.pad(Format.short(c["peer_id"].string), 12))\(Self.terms(c))   "
                    + "earned \(Format.msat(c["fees_msat"].u64)) in \(c["num_forwards"].u64) forwards"
            }
            let closed = v["closed_channels"]
            let ended =
                closed["num_forwards"].u64 == 0
                ? [] : ["closed channels earned \(Format.msat(closed["fees_msat"].u64)) in \(closed["num_forwards"].u64) forwards"]
            return (lines + ended + ["in all \(Format.msat(v["totals"]["fees_msat"].u64))"]).joined(separator: "\n")
        }
    }
}

extension FeeReport {
    /// What a channel asks for, in words.
    static func terms(_ c: JSONValue) -> String {
        var text =
            "\(Format.bare(c["fee_base_msat"].u64)) sat + \(c["fee_proportional_millionths"].u64) ppm, \(c["cltv_expiry_delta"].u64) blocks"
        if c["htlc_minimum_msat"].u64 > 1 { text += ", from \(Format.msat(c["htlc_minimum_msat"].u64))" }
        if let most = c["htlc_maximum_msat"].int { text += ", up to \(Format.msat(UInt64(most)))" }
        return text
    }
}

struct SetChannel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "setchannel", abstract: "Change the terms on which we forward into a channel.",
        aliases: ["setchannelfee", "updatechanpolicy"])
    @OptionGroup var options: CommonOptions
    @Argument(help: "The channel, or all", completion: Completions.channels) var channel: String
    @Option(help: "Base fee, e.g. 100msat.", transform: Amount.parse) var base: Amount?
    @Option(help: "Proportional fee in millionths.") var ppm: Int64?
    @Option(help: "Blocks between the HTLC that comes in and the one that goes out.") var delta: Int64?
    @Option(help: "The smallest HTLC.", transform: Amount.parse) var min: Amount?
    @Option(help: "The largest HTLC.", transform: Amount.parse) var max: Amount?

    func run() async throws {
        guard base != nil || ppm != nil || delta != nil || min != nil || max != nil else {
            throw CallFailure(.usage, "what to change? --base, --ppm, --delta, --min or --max; lnw feereport shows how it is")
        }
        for (name, value) in [("--ppm", ppm), ("--delta", delta)] where value.map({ $0 < 0 || $0 > 1_000_000 }) ?? false {
            throw CallFailure(.usage, "\(name) is out of range")
        }
        var parameters: [String: JSONValue] = ["channel": .string(channel)]
        if let base = base?.msat { parameters["fee_base_msat"] = .amount(base) }
        if let ppm { parameters["fee_proportional_millionths"] = .integer(ppm) }
        if let delta { parameters["cltv_expiry_delta"] = .integer(delta) }
        if let min = min?.msat { parameters["htlc_minimum_msat"] = .amount(min) }
        if let max = max?.msat { parameters["htlc_maximum_msat"] = .amount(max) }
        options.show(try await options.call("setchannel", .object(parameters))) { v in
            let lines = v["channels"].list.map { c in
                "\(Format.pad(c["short_channel_id"].string, 14))\(FeeReport.terms(c))"
            }
            return (lines + ["the channel_update goes out within 60 s; the terms before it are accepted for 10 more minutes"]).joined(
                separator: "\n")
        }
    }
}

struct Rebalance: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Move money from one channel to another by paying ourselves in a circle.")
    @OptionGroup var options: CommonOptions
    @Argument(help: "The channel that has too much", completion: Completions.channels) var from: String
    @Argument(help: "The channel that has too little", completion: Completions.channels) var to: String
    @Argument(help: Amount.help, transform: Amount.parse) var amount: Amount
    @OptionGroup var limits: PaymentOptions

    func run() async throws {
        let msat = amount.msat
        let result = try await options.call(
            "rebalance", limits.add(to: ["from": .string(from), "to": .string(to), "amount_msat": .amount(msat)]))
        options.show(result) {
            "moved \(Format.msat($0["amount_msat"].u64)) from \(from) to \(to)   fee \(Format.bare($0["fee_msat"].u64))   \($0["num_hops"].u64) hops"
        }
    }
}

struct Probe: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Try whether a payment would arrive, without paying.")
    @OptionGroup var options: CommonOptions
    @Argument(help: "The node's id or alias, or a unique beginning of either", completion: Completions.nodes) var id: String
    @Argument(help: Amount.help, transform: Amount.parse) var amount: Amount
    @OptionGroup var limits: PaymentOptions

    func run() async throws {
        let msat = amount.msat
        let result = try await options.call("probe", limits.add(to: ["id": .string(id), "amount_msat": .amount(msat)]))
        options.show(result) { v in
            let count = v["attempts"].list.count
            return (v["arrived"].flag ? "it would arrive" : "it did not get there") + ", after \(count) attempt\(count == 1 ? "" : "s")\n"
                + Explain.attempts(v)
        }
    }
}

struct Explain: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "The story of one payment, or of one channel's close: every attempt, every output, and what it cost.",
        aliases: ["trackpayment"])
    @OptionGroup var options: CommonOptions
    @Argument(help: "A payment: a unique beginning of its hash, its whole preimage, or the invoice; or a channel: 103x1x0, or its id")
    var payment: String

    func run() async throws {
        // A channel's name has an x in it, which no hash has; and no payment has the id of a channel.
        if payment.contains("x") && !payment.hasPrefix("ln") {
            return options.show(try await options.call("explainchannel", ["channel": .string(payment)])) { Self.channel($0) }
        }
        do {
            let story = try await options.call("explainchannel", ["channel": .string(payment)])
            return options.show(story) { Self.channel($0) }
        } catch let failure as CallFailure {
            // It may be a payment; but not where it is several channels.
            if "\(failure)".contains("fits several") { throw failure }
        }
        options.show(try await options.call("explain", ["payment": .string(payment)])) { v in
            var head =
                "\(v["status"].string): \(Format.msat(v["amount_msat"].u64)) to \(Format.payee(v)), begun \(v["created_at"].string)"
            if v["status"].text == "succeeded" {
                head += ", fee \(Format.bare(v["fee_msat"].u64)) of at most \(Format.bare(v["max_fee_msat"].u64))"
            }
            if let why = v["failure"].text { head += "\nwhy: \(why)" }
            return head + "\n" + Self.attempts(v)
        }
    }

    /// The story of a channel's close.
    private static func channel(_ v: JSONValue) -> String {
        let name = v["short_channel_id"].text ?? Format.short(v["channel_id"].string)
        var lines = [
            "channel \(name) of \(Format.sat(v["capacity_sat"].u64)), opened by \(v["opened_by_us"].flag ? "us" : "the peer"): \(v["state"].string)"
        ]
        func line(_ height: Int64?, _ text: String) { lines.append("  \(Format.pad(height.map { "block \($0)" } ?? "later", 12)) \(text)") }
        if let height = v["funding_height"].int { line(height, "funded by \(v["funding_txid"].string)") }
        if let kind = v["close_kind"].text {
            line(
                v["close_height"].int,
                "\(kind): \(v["close_txid"].string)\(v["close_fee_sat"].int.map { ", fee \(Format.sat(UInt64($0)))" } ?? "")"
                    + (v["child_fee_sat"].int.map { ", and \(Format.sat(UInt64($0))) for the transaction that got it mined" } ?? ""))
        }
        if let why = v["reason"].text { lines.append("  \(Format.pad("", 12)) why: \(why)") }
        for e in v["events"].list {
            var text = "\(Format.sat(e["amount_sat"].u64)) \(e["role"].string): \(e["what"].string)"
            if let id = e["txid"].text { text += " by \(id.prefix(16))…" }
            if let fee = e["fee_sat"].int { text += ", fee \(Format.sat(UInt64(fee)))" }
            if let height = e["published_at_height"].int {
                let refused = e["num_refused"].u64
                text += ", since block \(height)\(refused > 0 ? ", refused \(refused) times" : "")"
            }
            if e["height"].int == nil, let expiry = e["expiry"].int {
                text +=
                    e["role"].text?.contains("offered") == true ? ", ours from block \(expiry) on" : ", the peer's from block \(expiry) on"
            }
            line(e["height"].int, text)
        }
        if let height = v["irrevocable_height"].int { line(height, "irrevocable: a hundred blocks deep") }
        if v["close_kind"].text != nil {
            lines.append("  came back: \(Format.sat(v["claimed_sat"].u64)), less \(Format.sat(v["claim_fees_sat"].u64)) for claims")
        } else if let waiting = v["waiting_close_txid"].text, v["state"].text == "closing" {
            line(
                nil,
                "both sides have signed \(waiting.prefix(16))…, which waits to be mined; to have it mined sooner: lnw bumpfee \(waiting)")
        } else if v["state"].text == "forceclosing" {
            line(
                nil, "our state, or the peer's, waits to be mined; from ours the money comes back after our delay, from the peer's at once")
        } else {
            lines.append("  it is not closed; what a close without the peer would come to: lnw quote forceclose \(name)")
        }
        return lines.joined(separator: "\n")
    }

    static func attempts(_ v: JSONValue) -> String {
        v["attempts"].list.enumerated().map { number, a in
            var line =
                "  \(Format.pad("\(number + 1).", 4))+\(a["started_after_ms"].u64) ms  \(Format.msat(a["amount_msat"].u64)) over \(RouteText.path(a))"
            line += ", fee \(Format.bare(a["fee_msat"].u64)), \(a["success_probability_percent"].u64) % likely: "
            line += a["status"].string
            if let time = a["duration_ms"].int { line += " after \(time) ms" }
            if let why = a["failure"].text { line += "\n        \(why)" }
            let holds = a["hold_times_ms"].list
            if !holds.isEmpty { line += "\n        held for \(holds.map { "\($0.u64) ms" }.joined(separator: ", ")) by the hops" }
            return line
        }.joined(separator: "\n")
    }
}

struct HoldInvoice: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "holdinvoice", abstract: "Ask for a payment that is held until you settle or cancel it.", aliases: ["addholdinvoice"])
    @OptionGroup var options: CommonOptions
    @Argument(help: "The SHA-256 of the preimage, in hex") var paymentHash: String
    @Argument(help: AmountOrAny.help, transform: AmountOrAny.parse) var amount: AmountOrAny
    @OptionGroup var purpose: PurposeOptions
    @OptionGroup var lifetime: LifetimeOptions
    @OptionGroup var blinding: BlindingOptions
    func run() async throws {
        let result = try await options.call(
            "holdinvoice",
            purpose.add(
                to: [
                    "payment_hash": .string(paymentHash), "amount_msat": amount.json, "expiry": .integer(lifetime.seconds),
                    "blind": .integer(blinding.blind),
                ]))
        options.show(result) { $0["bolt11"].string }
    }
}

struct Settle: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Take the payment that a hold invoice holds.", aliases: ["settleinvoice"])
    @OptionGroup var options: CommonOptions
    @Argument(help: "The preimage, in hex") var preimage: String
    func run() async throws {
        options.show(try await options.call("settle", ["payment_preimage": .string(preimage)])) { "settled \($0["payment_hash"].string)" }
    }
}

struct Cancel: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Give back what a hold invoice holds, and take no payment for it.", aliases: ["cancelinvoice"])
    @OptionGroup var options: CommonOptions
    @Argument(help: "A unique beginning of its payment hash") var paymentHash: String
    func run() async throws {
        options.show(try await options.call("cancel", ["payment_hash": .string(paymentHash)])) { "canceled \($0["payment_hash"].string)" }
    }
}
