import LightningAPI

// What Prometheus reads: the state of the node, as it is when it asks.
extension HTTPRoutes {
    /// In Prometheus' text format.
    func metrics(_ caller: ControlAPI) async throws -> String {
        var page = MetricsPage()
        let info = try await caller.handle("getinfo", [:])
        page.add("lightning_block_height", "The block that the node has followed the chain to.", info["blockheight"])
        page.add("lightning_peers", "Nodes that it is connected to.", info["num_peers"])
        let balance = try await caller.handle("balance", [:])
        for (name, about) in [
            ("on_chain_confirmed_sat", "On chain, in a block."), ("on_chain_unconfirmed_sat", "On chain, in none yet."),
            ("in_channels_msat", "Ours in channels."), ("spendable_msat", "What can be paid now."),
            ("receivable_msat", "What can be received now."), ("closing_sat", "In closes, certain to come."),
            ("contested_sat", "In closes, not decided yet."),
        ] {
            page.add("lightning_balance_\(name)", about, balance[name])
        }
        let rates = try await caller.handle("feerates", [:])
        for target in ["urgent", "hour", "day"] {
            page.add(
                "lightning_fee_rate_sat_kw", "What layer 1 takes for a thousand units of weight.", rates["\(target)_sat_kw"],
                [("target", target)])
        }
        let channels = try await caller.handle("listchannels", [:]).list.filter { $0["state"] != "closed" }
        page.add("lightning_channels", "Channels that are not closed.", .integer(Int64(channels.count)))
        for (name, about) in [
            ("to_local_msat", "What is ours in a channel."), ("to_remote_msat", "What is the peer's in a channel."),
            ("num_htlcs", "Payments under way in a channel."),
            ("trusted_dust_msat", "What is under way in a channel without an output on chain."),
        ] {
            for channel in channels {
                page.add("lightning_channel_\(name)", about, channel[name], label(channel))
            }
        }
        for channel in channels {
            page.add("lightning_channel_connected", "Whether a channel's peer is there.", channel["connected"].flag ? 1 : 0, label(channel))
        }
        let forwards = try await caller.handle("listforwards", ["limit": 1])["totals"]
        page.add("lightning_forwards_total", "Payments that were forwarded.", forwards["num_forwards"], isCounter: true)
        page.add("lightning_forwards_failed_total", "Payments that came back.", forwards["num_failed"], isCounter: true)
        page.add("lightning_forward_fees_msat_total", "What forwarding has earned.", forwards["fees_msat"], isCounter: true)
        caller.feed.totals.write(to: &page)
        return page.text
    }

    private func label(_ channel: JSONValue) -> [(String, String)] {
        [
            ("channel", channel["short_channel_id"].text ?? channel["alias"].text ?? ""),
            ("peer", String((channel["peer_id"].text ?? "").prefix(16))),
        ]
    }
}

/// Lines of Prometheus' text format, version 0.0.4.
struct MetricsPage {
    private var told: Set<String> = []
    private(set) var text = ""

    /// - Parameter value: an integer.
    mutating func add(
        _ name: String, _ about: String, _ value: JSONValue, _ labels: [(String, String)] = [], isCounter: Bool = false
    ) {
        add(name, about, "\(value.int ?? 0)", labels, kind: isCounter ? "counter" : "gauge")
    }

    /// - Parameter family: the name under which it is described, where it is one of several lines of a histogram.
    mutating func add(
        _ name: String, _ about: String, _ value: String, _ labels: [(String, String)] = [], kind: String, family: String? = nil
    ) {
        let family = family ?? name
        if told.insert(family).inserted { text += "# HELP \(family) \(about)\n# TYPE \(family) \(kind)\n" }
        let list = labels.map { "\($0)=\"\(Self.escaped($1))\"" }.joined(separator: ",")
        text += "\(name)\(list.isEmpty ? "" : "{\(list)}") \(value)\n"
    }

    private static func escaped(_ text: String) -> String {
        text.replacing("\\", with: "\\\\").replacing("\"", with: "\\\"").replacing("\n", with: "\\n")
    }
}
