import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningInvoice
import LightningOnion
import LightningPayment
import LightningRouting
import LightningTransactions
import LightningWire

// Ways to this node that do not tell who it is (BOLT 4 "Route Blinding").
extension NodeCore {
    /// Paths on which so many nodes before us are hidden, one for each of our best channels.
    ///
    /// - Parameters:
    ///   - amount: that is to come over them; `nil` for any.
    ///   - pathID: by which we recognize a payment over one of them.
    ///   - forwarders: at least 1; where there are not so many who would forward, there is no path.
    ///   - expiry: of the invoice.
    mutating func blindedPaths(
        for amount: MilliSatoshi?, _ pathID: Bytes32, forwarders: Int, expiry: Duration
    ) -> [BlindedPaymentPath] {
        // Ten minutes a block, and two days for those that come faster and for payers who add to it.
        let maxCLTVExpiry = height.expiry(after: expiry.wholeSeconds / 600 + 288)
        let usable = channels.values.filter { $0.isUsable && takesPathKeys($0.parameters.remoteNodeID) }
            .sorted { $0.receivable == $1.receivable ? $0.id < $1.id : $0.receivable > $1.receivable }
        var paths: [(path: BlindedPaymentPath, isPublic: Bool)] = []
        for channel in usable {
            guard paths.count < Self.maxBlindedPaths, let first = blindedStep(over: channel) else { continue }
            var steps = [first]
            while steps.count < forwarders, let further = blindedStep(before: steps.map(\.node), for: amount) {
                steps.insert(further, at: 0)
            }
            guard steps.count == forwarders,
                let path = blindedPath(steps, over: channel, pathID, maxCLTVExpiry: maxCLTVExpiry), path.fitsIntoInvoice
            else { continue }
            paths.append((path, network.gossip.graph.node(NodeKey(steps[0].node)) != nil))
        }
        // To a node that nobody knows only its own peers find.
        let known = paths.filter(\.isPublic)
        return (known.isEmpty ? paths : known).map(\.path)
    }

    /// As many as an invoice should tell.
    private static let maxBlindedPaths = 3

    private mutating func blindedPath(
        _ steps: [BlindedStep], over channel: PaymentChannel, _ pathID: Bytes32, maxCLTVExpiry: CLTVExpiry
    ) -> BlindedPaymentPath? {
        let maximum = steps.map(\.policy.htlcMaximum).filter { $0 > 0 }.min()
        // "htlc_minimum_msat to the largest minimum HTLC value the nodes will allow": the payee's own among them.
        let minimum = max(steps.map(\.policy.htlcMinimum).max() ?? 1, channel.parameters.local.htlcMinimum.value)
        return BlindedPaymentPath(
            sessionKey: entropy.secretKey(),
            forwarders: steps.map { step in
                let policy = step.policy
                return (
                    step.node, step.channel,
                    .init(
                        cltvExpiryDelta: policy.cltvExpiryDelta, feeProportionalMillionths: policy.feeProportionalMillionths,
                        feeBase: policy.feeBase)
                )
            },
            payee: nodeID, pathID: pathID.array, maxCLTVExpiry: maxCLTVExpiry,
            minFinalCLTVExpiryDelta: Receiver.minFinalCLTVExpiryDelta, htlcMinimum: MilliSatoshi(minimum),
            htlcMaximum: maximum.map { MilliSatoshi($0) } ?? MilliSatoshi(channel.parameters.fundingAmount))
    }

    private struct BlindedStep {
        var node: NodeID
        var channel: ShortChannelID
        var policy: RoutingPolicy
    }

    /// Our peer, who forwards to us.
    private func blindedStep(over channel: PaymentChannel) -> BlindedStep? {
        guard let name = peersName(channel), let policy = termsToUs(channel) else { return nil }
        return BlindedStep(node: channel.parameters.remoteNodeID, channel: name, policy: policy)
    }

    /// Somebody who forwards to the first of these nodes over a public channel: anyone on usual terms who knows blinded paths, the
    /// likelier the larger the channel. Nobody can make us choose them by their terms, nor tell from a path which one it had to be.
    private mutating func blindedStep(before nodes: [NodeID], for amount: MilliSatoshi?) -> BlindedStep? {
        let next = NodeKey(nodes[0])
        let taken = Set(nodes.map { NodeKey($0) } + [NodeKey(nodeID)])
        let candidates = network.gossip.graph.channels(of: next).compactMap { channel -> (step: BlindedStep, weight: UInt64)? in
            let isFirst = channel.node2 == next
            let other = isFirst ? channel.node1 : channel.node2
            guard !channel.isSpent, !taken.contains(other), let policy = isFirst ? channel.policy1 : channel.policy2,
                isUsual(policy, for: amount), let node = other.nodeID, offersBlinding(node)
            else { return nil }
            return (BlindedStep(node: node, channel: channel.shortChannelID, policy: policy), max(1, channel.capacity >> 10))
        }
        let total = candidates.reduce(UInt64(0)) { $0 + $1.weight }
        guard total > 0 else { return nil }
        var place = entropy.uint64() % total
        for candidate in candidates {
            if place < candidate.weight { return candidate.step }
            place -= candidate.weight
        }
        return nil
    }

    /// Terms on which a stranger is taken into a path that the payer cannot choose: up to 1 % and 10 sat, and a week.
    private func isUsual(_ policy: RoutingPolicy, for amount: MilliSatoshi?) -> Bool {
        guard !policy.isDisabled, policy.feeBase <= 10_000, policy.feeProportionalMillionths <= 10_000, policy.cltvExpiryDelta <= 1008
        else {
            return false
        }
        guard let amount else { return policy.htlcMinimum <= 10_000_000 }
        return policy.htlcMinimum <= amount.value && (policy.htlcMaximum == 0 || policy.htlcMaximum >= amount.value / 4)
    }

    /// Whether a node says that it forwards along blinded paths: to us, or to everybody.
    private func offersBlinding(_ node: NodeID) -> Bool {
        if peers.connections[node] != nil { return takesPathKeys(node) }
        guard let wire = network.gossip.graph.announcement(NodeKey(node)), case .nodeAnnouncement(let body)? = try? LightningMessage(wire)
        else {
            return false
        }
        return body.features.offers(.routeBlinding)
    }

    /// Whether a peer of ours said that it knows path keys.
    func takesPathKeys(_ peer: NodeID) -> Bool {
        peers.connections[peer].flatMap { peers[$0]?.features }?.offers(.routeBlinding) ?? false
    }

    /// On which terms the peer of a channel forwards to us.
    func termsToUs(_ channel: PaymentChannel) -> RoutingPolicy? {
        let peer = NodeKey(channel.parameters.remoteNodeID)
        let known = channel.shortChannelID.flatMap { network.gossip.graph.channel($0) }.flatMap {
            $0.node1 == peer ? $0.policy1 : $0.policy2
        }
        return known ?? channels.entry(channel.id)?.announcement.remoteUpdate.map { RoutingPolicy($0) }
    }
}
