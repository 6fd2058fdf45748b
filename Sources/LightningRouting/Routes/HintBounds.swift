public import LightningWire

/// What one payment has learned of a channel that gossip does not know: one of an invoice's hints, which only this payment uses.
///
/// It is kept apart from the estimates of known channels: a payee chooses the names of its hints, and what happens there must teach
/// nothing about anybody else's channel.
package struct HintBounds: Hashable, Sendable {
    /// In msat: so much got through at once.
    package private(set) var lower: UInt64 = 0
    /// In msat: so much did not; `nil` where nothing failed yet.
    package private(set) var upper: UInt64?

    package init() {}

    /// - Parameter amount: in msat, with all that was under way over the channel.
    package mutating func gotThrough(_ amount: UInt64) {
        lower = max(lower, amount)
        if let known = upper, known <= lower { upper = nil }
    }

    /// - Parameter amount: in msat, with all that was under way over the channel.
    package mutating func failed(_ amount: UInt64) {
        upper = min(upper ?? amount, amount)
        if lower >= amount { lower = 0 }
    }

    /// In msat, how much is tried next: halfway between what got through and what did not, until the difference is not worth a part.
    package var room: UInt64 {
        guard let upper else { return .max >> 8 }
        return upper - lower < RouteFinder.minimumPart ? lower : lower + (upper - lower) / 2
    }
}

extension NetworkGraph {
    /// Whether gossip knows a channel of this name between just these nodes.
    public func joins(_ id: ShortChannelID, _ one: NodeKey, _ other: NodeKey) -> Bool {
        guard let number = channelNumber(id) else { return false }
        let channel = channels[Int(number)]
        let ends = (nodes[Int(channel.node1)].key, nodes[Int(channel.node2)].key)
        return ends == (one, other) || ends == (other, one)
    }

    /// The terms by gossip of a channel between just these nodes, in this direction; `nil` where there are none, or it is disabled.
    public func terms(of id: ShortChannelID, from: NodeKey, to: NodeKey) -> RoutingPolicy? {
        guard joins(id, from, to), let policy = policy(DirectedChannel(id, from: from, to: to)), !policy.isDisabled else { return nil }
        return policy
    }
}

extension Gossip {
    /// Looks for something over the graph as it would be with other terms, which nobody is told and nothing else uses.
    ///
    /// BOLT 4: a `channel_update` out of a failure may be considered "when calculating routes to retry the payment which failed", and
    /// nowhere else.
    mutating func withTerms<T>(
        _ terms: [DirectedChannel: RoutingPolicy], _ body: (inout NetworkGraph) throws(RouteRefusal) -> T
    ) throws(RouteRefusal) -> T {
        var replaced: [(DirectedChannel, RoutingPolicy)] = []
        for (directed, policy) in terms.sorted(by: { $0.key < $1.key }) {
            guard let known = graph.policy(directed) else { continue }
            replaced.append((directed, known))
            graph.set(policy, of: directed)
        }
        defer { for (directed, policy) in replaced { graph.set(policy, of: directed) } }
        return try body(&graph)
    }
}
