import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningInvoice
import LightningOnion
public import LightningPayment
public import LightningRouting
import LightningWire

// Ways to this node that do not tell who it is (BOLT 4 "Route Blinding").
extension NodeCore {
    /// Paths whose last `forwarders` nodes before us are hidden, one for each of our best channels.
    ///
    /// - Parameters:
    ///   - pathID: by which we recognize a payment over one of them.
    ///   - forwarders: at least 1; a path is shorter where nobody further on is known to forward blinded payments.
    ///   - expiry: in seconds, of the invoice.
    mutating func blindedPaths(_ pathID: Bytes32, forwarders: Int, expiry: UInt64) -> [BlindedPaymentPath] {
        // Ten minutes a block, and two days for those that come faster and for payers who add to it.
        let maxCLTVExpiry = UInt32(clamping: UInt64(chain.height) + expiry / 600 + 288)
        let usable = channels.values.filter { $0.isUsable && offersBlinding($0.parameters.remoteNodeID) }
            .sorted { $0.receivable == $1.receivable ? $0.id < $1.id : $0.receivable > $1.receivable }
        return usable.prefix(3).compactMap { channel -> BlindedPaymentPath? in
            guard let first = blindedStep(over: channel) else { return nil }
            var steps = [first]
            while steps.count < forwarders, let further = blindedStep(before: steps.map(\.node)) { steps.insert(further, at: 0) }
            while !steps.isEmpty {
                if let path = blindedPath(steps, over: channel, pathID, maxCLTVExpiry: maxCLTVExpiry), path.fitsIntoInvoice { return path }
                steps.removeFirst()
            }
            return nil
        }
    }

    private mutating func blindedPath(
        _ steps: [BlindedStep], over channel: PaymentChannel, _ pathID: Bytes32, maxCLTVExpiry: UInt32
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
            minFinalCLTVExpiryDelta: Payments.minFinalCLTVExpiryDelta, htlcMinimum: MilliSatoshi(minimum),
            htlcMaximum: maximum.map { MilliSatoshi($0) } ?? MilliSatoshi(channel.parameters.fundingAmount))
    }

    private struct BlindedStep {
        var node: NodeID
        var channel: ShortChannelID
        var policy: RoutingPolicy
    }

    /// Our peer, who forwards to us.
    private func blindedStep(over channel: PaymentChannel) -> BlindedStep? {
        guard let name = channel.remoteAlias ?? channel.shortChannelID, let policy = termsToUs(channel) else { return nil }
        return BlindedStep(node: channel.parameters.remoteNodeID, channel: name, policy: policy)
    }

    /// Somebody who forwards to the first of these nodes: over the largest public channel of one who knows blinded paths.
    private func blindedStep(before nodes: [NodeID]) -> BlindedStep? {
        let next = NodeKey(nodes[0])
        let taken = Set(nodes.map { NodeKey($0) } + [NodeKey(nodeID)])
        let candidates = gossip.graph.channels(of: next).compactMap { channel -> (BlindedStep, UInt64)? in
            let isFirst = channel.node2 == next
            let other = isFirst ? channel.node1 : channel.node2
            guard !channel.isSpent, !taken.contains(other), let node = other.nodeID, offersBlinding(node),
                let policy = isFirst ? channel.policy1 : channel.policy2, !policy.isDisabled
            else { return nil }
            return (BlindedStep(node: node, channel: channel.shortChannelID, policy: policy), channel.capacity)
        }
        return candidates.max { ($0.1, $1.0.channel.value) < ($1.1, $0.0.channel.value) }?.0
    }

    /// Whether a node says that it forwards along blinded paths: to us, or to everybody.
    private func offersBlinding(_ node: NodeID) -> Bool {
        if let connection = connectionsByNode[node], let features = peers[connection]?.initialization?.features {
            return features.offers(.routeBlinding)
        }
        guard let wire = gossip.graph.announcement(NodeKey(node)), case .nodeAnnouncement(let body)? = try? LightningMessage(wire) else {
            return false
        }
        return body.features.offers(.routeBlinding)
    }

    /// On which terms the peer of a channel forwards to us.
    func termsToUs(_ channel: PaymentChannel) -> RoutingPolicy? {
        let peer = NodeKey(channel.parameters.remoteNodeID)
        let known = channel.shortChannelID.flatMap { gossip.graph.channel($0) }.flatMap { $0.node1 == peer ? $0.policy1 : $0.policy2 }
        return known ?? remoteUpdates[channel.id].map { RoutingPolicy($0) }
    }

    // MARK: Paying over them

    /// Our channels as first hops of a path that begins at ourselves.
    func localChannels(of path: PayableBlindedPath) -> [LocalChannel] {
        let peer = path.firstNode ?? path.firstChannel.flatMap { channel(named: $0) }.flatMap { channels[$0]?.parameters.remoteNodeID }
        guard let peer else { return [] }
        return localChannels.filter { $0.peer == NodeKey(peer) }.map { channel in
            var channel = channel
            channel.peer = NodeKey(path.payment.path.firstNodeID)
            return channel
        }
    }
}

extension OutgoingPayment {
    /// The blinded path that a route ends with.
    public func blindedPath(of route: Route) -> PayableBlindedPath? {
        guard route.hops.count > 1, let last = route.hops.last else { return nil }
        return blindedPaths.first {
            $0.payment.routingID == last.shortChannelID && NodeKey($0.payment.path.firstNodeID) == route.hops[route.hops.count - 2].node
        }
    }
}
