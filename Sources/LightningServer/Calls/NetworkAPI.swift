import BitcoinPrimitives
import CryptoPrimitives
import Foundation
import LightningAPI
import LightningChannel
import LightningCore
import LightningInvoice
import LightningPayment
import LightningRouting
import LightningRuntime
import LightningTransactions
import LightningWire

// What the control socket offers of the network: the graph, routes, forwards and the story of a payment.
extension ControlAPI {
    /// `nil` for a method that is none of these.
    func callNetwork(_ method: String, _ p: JSONValue) async throws -> JSONValue? {
        switch method {
        case "graph": return Self.json(try await node.graph(), own: node.nodeID)
        case "getroute":
            let amount = try p.msat("amount_msat") ?? .zero
            let parts = try await node.parts(to: try await anyNode(p["id"]), amount: amount, maxFee: try p.msat("max_fee_msat"))
            let names = Self.names(try await node.graph())
            return [
                "amount_msat": .amount(amount.value), "fee_msat": .amount(parts.reduce(0) { $0 + $1.fee.value }),
                "success_probability_percent": .integer(Int64(Self.percent(parts.reduce(0) { $0 + $1.uncertainty }))),
                "parts": .array(parts.map { Self.json($0, names) }),
            ]
        case "compareroutes":
            let names = Self.names(try await node.graph())
            let choices = try await node.routes(
                to: try await anyNode(p["id"]), amount: try p.msat("amount_msat") ?? .zero, maxFee: try p.msat("max_fee_msat"))
            return [
                "choices": .array(
                    choices.map { choice in
                        [
                            "first_channel": .string(choice.first.description), "peer_id": .string(choice.peer.hex),
                            "alias": names[NodeKey(choice.peer)].map { .string($0) } ?? .null,
                            "route": choice.route.map { Self.json($0, names) } ?? .null,
                            "refusal": choice.refusal.map { .string($0) } ?? .null,
                        ]
                    })
            ]
        case "exportestimates": return ["estimates": .string(try await node.exportedEstimates())]
        case "importestimates":
            try await node.importEstimates(p["estimates"].text ?? "")
            return true
        case "listforwards":
            let (status, since) = (p["status"], try p.time("since"))
            let page = try await node.forwards(limit: try limit(p), before: try position(p), since: since) { circuit in
                status == .null || Self.json(circuit, [])["status"] == status
            }
            let channels = try await node.channels()
            return [
                "forwards": .array(page.records.map { Self.json($0, channels) }), "next": Self.json(page.next),
                "totals": Self.json(try await node.forwardTotals().all),
            ]
        case "feereport":
            let (totals, channelTotals) = try await node.forwardTotals()
            var channels: [JSONValue] = []
            for channel in try await node.channels() where !channel.isClosed {
                let policy = try await node.forwardingPolicy(of: channel.id)
                let earned = channelTotals[channel.id] ?? ForwardTotals()
                channels.append([
                    "short_channel_id": .string(channel.displayID.description), "peer_id": .string(channel.parameters.remoteNodeID.hex),
                    "fee_base_msat": .integer(Int64(policy.feeBase)),
                    "fee_proportional_millionths": .integer(Int64(policy.feeProportionalMillionths)),
                    "cltv_expiry_delta": .integer(Int64(policy.cltvExpiryDelta)),
                    "htlc_minimum_msat": .amount(policy.htlcMinimum.value),
                    "htlc_maximum_msat": policy.htlcMaximum.map { .amount($0.value) } ?? .null,
                    "num_forwards": .amount(earned.forwards), "fees_msat": .amount(earned.fees.value),
                ])
            }
            // What channels earned that are closed.
            let open = Set(try await node.channels().filter { !$0.isClosed }.map(\.id))
            let closed = channelTotals.filter { !open.contains($0.key) }.values
            return [
                "channels": .array(channels),
                "closed_channels": [
                    "num_forwards": .amount(closed.reduce(0) { $0 &+ $1.forwards }),
                    "fees_msat": .amount(closed.reduce(0) { $0 &+ $1.fees.value }),
                ],
                "totals": Self.json(totals),
            ]
        case "setchannel": return try await setChannel(p)
        case "explain":
            let text = (p["payment"].text ?? "").lowercased()
            // By its hash, the beginning of that, its preimage or its invoice.
            let hash = (try? Invoice(text))?.paymentHash ?? PaymentPreimage(hex: text)?.paymentHash
            var matches = try await node.payments(beginningWith: text)
            if matches.isEmpty, let hash { matches = try await node.payments(beginningWith: hash.hex) }
            let payment = try CallFailure.one(
                of: matches,
                none: text.count > 64
                    ? "this wallet has not paid that invoice. See: lnw listpayments"
                    : "no payment begins with “\(text)”. See: lnw listpayments",
                several: "more than one payment hash begins with “\(text)”: give more digits")
            let story = Self.story(payment, Self.names(try await node.graph()))
            return try await named([(payment.payee, story)], "destination_alias")[0]
        case "rebalance":
            let (from, to) = (try await channel(p["from"]), try await channel(p["to"]))
            let started = ContinuousClock.now
            let amount = try p.msat("amount_msat") ?? .zero
            let limits = try limits(p)
            let payment = try await awaited(atMost: mostly(amount, limits), isCircle: true) {
                try await node.rebalance(from: from, to: to, amount: amount, limits: limits)
            }
            return Self.json(payment, description: "rebalance", since: started)
        case "probe":
            // What it locks is locked at the end of the way for as long as its last node likes.
            try checkIsUnlimited(method)
            let target = try await anyNode(p["id"])
            let (payment, arrived) = try await node.probe(target, amount: try p.msat("amount_msat") ?? .zero, limits: try limits(p))
            guard case .object(var fields) = Self.story(payment, Self.names(try await node.graph())) else { return .null }
            fields["arrived"] = .bool(arrived)
            if arrived {
                // What a real payment would not have met.
                fields["failure"] = nil
                fields["status"] = "arrived"
                fields["attempts"] = .array(
                    (fields["attempts"]?.list ?? []).map { entry in
                        guard case .object(var attempt) = entry,
                            attempt["failed_hop"]?.int == Int64((attempt["hops"]?.list.count ?? 0) - 1)
                        else { return entry }
                        attempt["failure"] = nil
                        attempt["failed_hop"] = nil
                        attempt["status"] = "arrived"
                        return .object(attempt)
                    })
            }
            return .object(fields)
        case "holdinvoice":
            guard let hash = PaymentHash(hex: p["payment_hash"].text ?? "") else {
                throw CallFailure(.usage, "a payment hash is 64 hexadecimal digits")
            }
            return Self.json(
                try await node.createHoldInvoice(
                    hash, amount: try p.msat("amount_msat"), try p.invoiceDescription(),
                    expiry: try p.whole("expiry").map { .seconds($0) } ?? Invoice.defaultExpiry,
                    blindedHops: Int(try p.whole("blind") ?? 0),
                    label: try p.words("label")))
        case "settle":
            guard let preimage = PaymentPreimage(hex: p["payment_preimage"].text ?? "") else {
                throw CallFailure(.usage, "a preimage is 64 hexadecimal digits")
            }
            try await node.settle(preimage)
            return ["payment_hash": .string(preimage.paymentHash.hex)]
        case "cancel":
            let text = (p["payment_hash"].text ?? "").lowercased()
            let hash = try CallFailure.one(
                of: try await node.invoices(beginningWith: text).map(\.invoice.paymentHash),
                none: "no invoice's payment hash begins with “\(text)”. See: lnw listinvoices",
                several: "more than one begins with “\(text)”: give more digits")
            try await node.cancel(hash)
            feed.nudge()
            return ["payment_hash": .string(hash.hex)]
        default: return nil
        }
    }

    // MARK: Parameters

    /// The limits that a caller gives a payment.
    func limits(_ p: JSONValue) throws -> PaymentLimits {
        var limits = PaymentLimits()
        limits.maxFee = try p.msat("max_fee_msat")
        if let seconds = try p.whole("timeout", in: 1...Int64.max) { limits.timeout = .seconds(min(seconds, 86_400)) }
        if let parts = try p.whole("max_parts", in: 1...256) { limits.maxParts = Int(parts) }
        return limits
    }

    /// A node of the graph by its id, its alias, or a unique beginning of either.
    func anyNode(_ value: JSONValue) async throws -> NodeID {
        let graph = try await node.graph()
        let peers = try await node.peers().map { NodeKey($0.nodeID) } + node.channels().map { NodeKey($0.parameters.remoteNodeID) }
        return try Self.pick(value.text ?? "", of: Set(graph.nodeKeys + peers), Self.names(graph), what: "node")
    }

    private func setChannel(_ p: JSONValue) async throws -> JSONValue {
        let all = try await node.channels().filter { !$0.isClosed }
        let ids = p["channel"].text == "all" ? all.map(\.id) : [try await channel(p["channel"])]
        func number<T: FixedWidthInteger>(_ name: String, _ type: T.Type) throws -> T? {
            try p.whole(name, in: 0...Int64(T.max)).map { T($0) }
        }
        var before: [(ChannelID, ForwardingPolicy)] = []
        for id in ids {
            var policy = try await node.forwardingPolicy(of: id)
            policy.feeBase = try number("fee_base_msat", UInt32.self) ?? policy.feeBase
            policy.feeProportionalMillionths =
                try number("fee_proportional_millionths", UInt32.self) ?? policy.feeProportionalMillionths
            policy.cltvExpiryDelta = try number("cltv_expiry_delta", UInt16.self) ?? policy.cltvExpiryDelta
            policy.htlcMinimum = try p.msat("htlc_minimum_msat") ?? policy.htlcMinimum
            policy.htlcMaximum = try p.msat("htlc_maximum_msat") ?? policy.htlcMaximum
            guard policy.htlcMaximum.map({ $0 > .zero }) ?? true else {
                throw CallFailure(.usage, "htlc_maximum_msat must be greater than 0")
            }
            before.append((id, try await node.forwardingPolicy(of: id)))
            do { try await node.setForwardingPolicy(policy, of: id) } catch {
                // All of them or none.
                for (id, policy) in before.dropLast() { try await node.setForwardingPolicy(policy, of: id) }
                throw error
            }
        }
        var changed: [JSONValue] = []
        for id in ids {
            let policy = try await node.forwardingPolicy(of: id)
            changed.append([
                "short_channel_id": .string(all.first { $0.id == id }?.displayID.description ?? id.hex),
                "fee_base_msat": .integer(Int64(policy.feeBase)),
                "fee_proportional_millionths": .integer(Int64(policy.feeProportionalMillionths)),
                "cltv_expiry_delta": .integer(Int64(policy.cltvExpiryDelta)), "htlc_minimum_msat": .amount(policy.htlcMinimum.value),
                "htlc_maximum_msat": policy.htlcMaximum.map { .amount($0.value) } ?? .null,
            ])
        }
        return ["channels": .array(changed)]
    }

    // MARK: Values

    /// What nodes call themselves.
    static func names(_ graph: NetworkGraph) -> [NodeKey: String] {
        names(of: graph.nodeKeys, graph)
    }

    /// What some nodes call themselves.
    static func names(of keys: [NodeKey], _ graph: NetworkGraph) -> [NodeKey: String] {
        var names: [NodeKey: String] = [:]
        for key in keys {
            guard let wire = graph.announcement(key), case .nodeAnnouncement(let body)? = try? LightningMessage(wire),
                let alias = body.aliasText, !alias.isEmpty
            else { continue }
            names[key] = alias
        }
        return names
    }

    /// Adds what a node calls itself to what is said of it.
    func named(_ values: [(node: NodeID, value: JSONValue)], _ field: String) async throws -> [JSONValue] {
        let names = Self.names(of: Array(Set(values.map { NodeKey($0.node) })), try await node.graph())
        return values.map { node, value in
            guard case .object(var fields) = value else { return value }
            fields[field] = names[NodeKey(node)].map { .string($0) } ?? .null
            return .object(fields)
        }
    }

    static func json(_ graph: NetworkGraph, own: NodeID) -> JSONValue {
        let names = names(graph)
        func terms(_ policy: RoutingPolicy?) -> JSONValue {
            guard let policy else { return .null }
            return [
                "fee_base_msat": .integer(Int64(policy.feeBase)),
                "fee_proportional_millionths": .integer(Int64(policy.feeProportionalMillionths)),
                "cltv_expiry_delta": .integer(Int64(policy.cltvExpiryDelta)), "htlc_minimum_msat": .amount(policy.htlcMinimum),
                "htlc_maximum_msat": .amount(policy.htlcMaximum), "disabled": .bool(policy.isDisabled),
                "last_update": .time(Timestamp(seconds: UInt64(policy.timestamp))),
            ]
        }
        let channels = graph.allChannels
        var capacities: [NodeKey: UInt64] = [:]
        for channel in channels {
            for node in [channel.node1, channel.node2] {
                let sum = capacities[node, default: 0].addingReportingOverflow(channel.capacity)
                capacities[node] = sum.overflow ? .max : sum.partialValue
            }
        }
        return [
            "nodes": .array(
                graph.nodeKeys.map { key in
                    [
                        "id": .string(key.description), "alias": names[key].map { .string($0) } ?? .null,
                        "num_channels": .integer(Int64(graph.nodeView(key)?.channels ?? 0)),
                        "capacity_sat": .amount(capacities[key] ?? 0),
                        "is_self": .bool(key == NodeKey(own)),
                    ]
                }),
            "channels": .array(
                channels.map { channel in
                    [
                        "short_channel_id": .string(channel.shortChannelID.description), "node_id_1": .string(channel.node1.description),
                        "node_id_2": .string(channel.node2.description), "capacity_sat": .amount(channel.capacity),
                        "alias_1": names[channel.node1].map { .string($0) } ?? .null,
                        "alias_2": names[channel.node2].map { .string($0) } ?? .null, "terms_1": terms(channel.policy1),
                        "terms_2": terms(channel.policy2), "spent": .bool(channel.isSpent),
                    ]
                }),
        ]
    }

    /// - Parameter isBlinded: whether its last hop stands for a path that is hidden.
    static func json(_ route: Route, _ names: [NodeKey: String], isBlinded: Bool = false) -> JSONValue {
        var before = route.hops[0].amount
        let hidden = isBlinded ? route.hops.count - 1 : nil
        return [
            "amount_msat": .amount(route.amount.value), "fee_msat": .amount(route.fee.value),
            "cltv_delta": .integer(Int64(route.cltvDelta)), "success_probability_percent": .integer(Int64(percent(route.uncertainty))),
            "hops": .array(
                route.hops.enumerated().map { index, hop in
                    defer { before = hop.amount }
                    let isHidden = index == hidden
                    let alias = isHidden ? "hidden payee" : hop.node.isInvented ? "hidden node" : names[hop.node]
                    return [
                        "id": hop.node.isInvented ? .null : .string(hop.node.description), "alias": alias.map { .string($0) } ?? .null,
                        "blinded": .bool(isHidden),
                        "short_channel_id": isHidden ? .null : .string(hop.shortChannelID.description),
                        "amount_msat": .amount(hop.amount.value),
                        "fee_msat": .amount(before.saturatingSubtracting(hop.amount).value), "cltv_delta": .integer(Int64(hop.cltvDelta)),
                    ]
                }),
        ]
    }

    /// A probability in hundredths from minus its logarithm.
    private static func percent(_ uncertainty: UInt64) -> Int { Int((100 * pow(2, -Double(uncertainty) / 1024)).rounded()) }

    static func json(_ totals: ForwardTotals) -> JSONValue {
        [
            "num_forwards": .amount(totals.forwards), "num_failed": .amount(totals.failures), "amount_msat": .amount(totals.amount.value),
            "fees_msat": .amount(totals.fees.value),
        ]
    }

    private static func json(_ circuit: Circuit, _ channels: [PaymentChannel]) -> JSONValue {
        func name(_ id: ChannelID) -> JSONValue {
            .string(channels.first { $0.id == id }?.displayID.description ?? id.hex)
        }
        var fields: [String: JSONValue] = [
            "payment_hash": .string(circuit.incoming.paymentHash.hex), "in_channel": name(circuit.incoming.key.channel),
            "out_channel": name(circuit.outgoing.channel), "in_msat": .amount(circuit.incoming.amount.value),
            "out_msat": .amount(circuit.amount.value), "fee_msat": .amount(circuit.fee.value),
            "received_at": .time(circuit.createdAt),
        ]
        switch circuit.status {
        case .pending: fields["status"] = "pending"
        case .fulfilled: fields["status"] = "settling"
        case .settled(_, let at):
            fields["status"] = "settled"
            fields["resolved_at"] = .time(at)
        case .failed(let why, let at):
            fields["status"] = "failed"
            fields["failure"] = .string(why)
            fields["resolved_at"] = .time(at)
        }
        return .object(fields)
    }

    /// One payment with every attempt.
    static func story(_ payment: OutgoingPayment, _ names: [NodeKey: String]) -> JSONValue {
        guard case .object(var fields) = json(payment, description: nil, since: nil) else { return .null }
        fields["max_fee_msat"] = .amount(payment.maxFee.value)
        if payment.status == .pending, let why = payment.givenUp { fields["given_up"] = .string(why) }
        fields["attempts"] = .array(
            payment.attempts.map { attempt in
                let isBlinded = payment.blindedPath(of: attempt.route) != nil
                guard case .object(var entry) = json(attempt.route, names, isBlinded: isBlinded) else { return .null }
                entry["started_after_ms"] = .amount(attempt.startedAt.since(payment.firstStart).wholeMilliseconds)
                entry["duration_ms"] = attempt.endedAt.map { .amount($0.since(attempt.startedAt).wholeMilliseconds) } ?? .null
                if !attempt.holdTimes.isEmpty {
                    entry["hold_times_ms"] = .array(attempt.holdTimes.map { .amount($0.wholeMilliseconds) })
                }
                switch attempt.status {
                case .pending: entry["status"] = "pending"
                case .succeeded:
                    entry["status"] = "succeeded"
                    entry["settled_after_ms"] = attempt.settledAt.map { .amount($0.since(attempt.startedAt).wholeMilliseconds) } ?? .null
                case .failed(let failure):
                    entry["status"] = "failed"
                    entry["failure"] = .string(failure.text)
                    entry["failed_hop"] = failure.hop.map { .integer(Int64($0)) } ?? .null
                }
                return .object(entry)
            })
        return .object(fields)
    }
}
