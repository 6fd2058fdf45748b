import BitcoinPrimitives
import Foundation
import LightningAPI
import LightningPayment
import LightningRuntime
import LightningWire

/// What is needed to live through a stream again in the simulator: the network as this node knows it, and how fast was paid when.
///
/// The balances of other nodes' channels are nobody's business: they are taken to be half and half.
struct StreamRecording {
    private let ownID: String
    private let graph: JSONValue
    private let channels: [JSONValue]
    private let recipients: [(id: String, weight: UInt64)]
    /// In milliseconds since the stream began.
    private var rates: [(time: UInt64, text: String)] = []
    private var names: [String: String] = [:]
    private var taken: Set<String> = []

    /// - Parameter stream: as it has begun.
    init(_ options: CommonOptions, stream: JSONValue) async throws {
        ownID = try await options.call("getinfo")["id"].string
        graph = try await options.call("graph")
        channels = try await options.call("listchannels").list
        recipients = stream["recipients"].list.map { ($0["id"].string, $0["weight"].u64) }
        for node in graph["nodes"].list { name(node["id"].string, node["alias"].text) }
        for channel in channels { name(channel["peer_id"].string, channel["peer_alias"].text) }
        for recipient in recipients { name(recipient.id, nil) }
        name(ownID, nil)
        note(stream, at: 0)
    }

    /// A node's name in the scenario: its alias, as far as a file can hold it, where that is its alone.
    private mutating func name(_ id: String, _ alias: String?) {
        guard names[id] == nil else { return }
        let plain = String((alias ?? "").map { $0.isLetter || $0.isNumber || "-_.".contains($0) ? $0 : "_" })
        let name = plain.isEmpty || plain == "*" || plain == "connected" || taken.contains(plain) ? String(id.prefix(16)) : plain
        taken.insert(name)
        names[id] = name
    }

    /// How fast it pays now.
    mutating func note(_ stream: JSONValue, at time: UInt64) {
        let rate = StreamRate(
            MilliSatoshi(stream["status"].string == "running" ? stream["rate_msat"].u64 : 0),
            per: StreamRate.Period(rawValue: stream["rate_period_s"].u64) ?? .second)
        if rates.last?.text != rate.text { rates.append((time, rate.text)) }
    }

    /// The scenario.
    ///
    /// - Parameters:
    ///   - stream: as it ended.
    ///   - duration: how long it ran, in milliseconds.
    func text(_ stream: JSONValue, _ options: StreamOptions, duration: UInt64) -> String {
        let isSmall = names.count <= 100
        // Payments under way at the end come after it.
        let paid = options.duration.map { min(UInt64(max(0, $0)), duration) } ?? duration
        var lines = [
            "# A stream as it was paid. Balances of channels that are not the payer's are not known: half and half.",
            "name = \"stream \(stream["stream"].u64)\"", "duration = \"\(max(1, duration) + 2000)ms\"",
            "fidelity = \"\(isSmall ? "protocol" : "flow")\"",
        ]
        var known: Set<String> = []
        for channel in graph["channels"].list {
            known.insert(channel["short_channel_id"].string)
            lines += self.channel(channel)
        }
        for channel in channels where !known.contains(channel["short_channel_id"].string) && channel["state"].string == "normal" {
            guard let from = names[ownID], let to = names[channel["peer_id"].string] else { continue }
            let capacity = channel["funding_satoshis"].u64
            lines += ["", "[[channel]]", "from = \"\(from)\"", "to = \"\(to)\"", "capacity = \"\(capacity)sat\""]
            lines.append("balance = \(Self.share(channel["to_local_msat"].u64, of: capacity))")
        }
        let to = recipients.map { "\"\(names[$0.id] ?? $0.id):\($0.weight)\"" }.joined(separator: ", ")
        for (index, rate) in rates.enumerated() where !rate.text.hasPrefix("0") {
            let end = index + 1 < rates.count ? rates[index + 1].time : paid
            guard end > rate.time else { continue }
            lines += [
                "", "[[stream]]", "from = \"\(names[ownID] ?? "")\"", "to = [\(to)]", "rate = \"\(rate.text)\"",
                "start = \"\(rate.time + 1000)ms\"", "for = \"\(end - rate.time)ms\"", "interval = \"\(options.interval)ms\"",
                "max_fee = \"\(options.maxFee.hasSuffix("%") ? options.maxFee : "1%")\"",
            ]
            if let budget = options.budget { lines.append("budget = \"\(budget.msat)msat\"") }
            if let dust = options.maxDust { lines.append("max_dust = \"\(dust.msat)msat\"") }
            if options.catchUp > 0 { lines.append("catch_up = \"\(options.catchUp)ms\"") }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private func channel(_ channel: JSONValue) -> [String] {
        let capacity = channel["capacity_sat"].u64
        let terms = [channel["terms_1"], channel["terms_2"]]
        // Less is not opened, and nobody pays over what is closed in both directions.
        guard let from = names[channel["node_id_1"].string], let to = names[channel["node_id_2"].string], capacity >= 20_000,
            terms.contains(where: { $0 != .null && !$0["disabled"].flag })
        else { return [] }
        var lines = ["", "[[channel]]", "from = \"\(from)\"", "to = \"\(to)\"", "capacity = \"\(capacity)sat\""]
        let own = channels.first { $0["short_channel_id"].string == channel["short_channel_id"].string }
        if let own {
            let isFirst = channel["node_id_1"].string == ownID
            lines.append("balance = \(Self.share(own[isFirst ? "to_local_msat" : "to_remote_msat"].u64, of: capacity))")
        }
        for (prefix, terms) in zip(["", "back_"], terms) where terms != .null {
            lines += [
                "\(prefix)base_fee = \"\(terms["fee_base_msat"].u64)msat\"",
                "\(prefix)fee_ppm = \(min(1_000_000, terms["fee_proportional_millionths"].u64))",
                // Our nodes ask for so much at the least.
                "\(prefix)cltv_delta = \(min(2016, max(UInt64(ForwardingPolicy.minimumDelta), terms["cltv_expiry_delta"].u64)))",
            ]
        }
        return lines
    }

    private static func share(_ msat: UInt64, of capacity: UInt64) -> String {
        String(format: "%.6f", min(1, Double(msat) / Double(max(1, capacity) * 1000)))
    }
}
