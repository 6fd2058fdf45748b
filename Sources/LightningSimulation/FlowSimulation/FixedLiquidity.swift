public import BitcoinPrimitives
public import LightningRouting
public import LightningWire

/// A network whose money lies somewhere, and stays there: how many payments arrive does not depend on the ones before.
///
/// For studies of routing: no node runs here, a channel either has what a part needs or says that it has not.
public struct FixedLiquidity {
    public private(set) var graph: NetworkGraph
    /// In msat, what each direction can send.
    private var left: [DirectedChannel: UInt64] = [:]
    private var channels: [NodeKey: [NetworkGraph.ChannelView]] = [:]
    private let now: Timestamp

    /// How payments are tried.
    public struct Way: Hashable, Sendable {
        public var maxParts: Int
        /// Whether each failure teaches how much a channel has; otherwise it is only left out.
        public var learns: Bool
        package var cost: RouteCost

        package init(maxParts: Int, learns: Bool, cost: RouteCost) {
            self.maxParts = maxParts
            self.learns = learns
            self.cost = cost
        }

        /// The cheapest route, and the next cheapest without the channel that failed.
        public static let plainDijkstra = Way(maxParts: 1, learns: false, cost: .feesOnly)
        /// As a node pays.
        public static let node = Way(maxParts: 32, learns: true, cost: RouteCost())
    }

    /// How many payments arrive, with what it took.
    public struct Outcome: Hashable, Sendable {
        public var payments = 0
        public var arrived = 0
        /// HTLCs of all payments.
        public var attempts = 0
        /// In msat, of those that arrived.
        public var fees: UInt64 = 0
        /// Of those that arrived.
        public var parts = 0

        public init() {}
    }

    /// Divides each channel's capacity at random.
    ///
    /// - Parameter now: what time it is.
    public init(_ graph: NetworkGraph, now: Timestamp, using random: inout SeededRandom) {
        self.graph = graph
        self.now = now
        for channel in graph.allChannels {
            let capacity = channel.capacity * 1000
            let first = UInt64.random(in: 0...capacity, using: &random)
            left[DirectedChannel(channel.shortChannelID, direction: 0)] = first
            left[DirectedChannel(channel.shortChannelID, direction: 1)] = capacity - first
            channels[channel.node1, default: []].append(channel)
            channels[channel.node2, default: []].append(channel)
        }
    }

    /// Channels over which a node can send, or receive, with what is there in msat.
    public func usable(_ node: NodeKey, sending: Bool) -> [(channel: NetworkGraph.ChannelView, other: NodeKey, amount: UInt64)] {
        (channels[node] ?? []).compactMap { channel in
            let isFirst = channel.node1 == node
            let policy = isFirst == sending ? channel.policy1 : channel.policy2
            guard let policy, !policy.isDisabled else { return nil }
            let amount = left[DirectedChannel(channel.shortChannelID, direction: isFirst == sending ? 0 : 1)]!
            return (channel, isFirst ? channel.node2 : channel.node1, min(amount, policy.htlcMaximum))
        }
    }

    /// Two nodes of which one can send an amount, with its fees, and the other receive it.
    ///
    /// - Returns: `nil` where a hundred thousand tries found none.
    public func pair(for amount: MilliSatoshi, using random: inout SeededRandom) -> (payer: NodeKey, payee: NodeKey)? {
        let nodes = graph.nodeKeys
        guard nodes.count > 1 else { return nil }
        func total(_ node: NodeKey, sending: Bool) -> UInt64 { usable(node, sending: sending).reduce(0) { $0.addingSaturating($1.amount) } }
        for _ in 0..<100_000 {
            let pair = (nodes[Int.random(in: 0..<nodes.count, using: &random)], nodes[Int.random(in: 0..<nodes.count, using: &random)])
            guard pair.0 != pair.1, total(pair.0, sending: true) / 101 >= amount.value / 100, total(pair.1, sending: false) >= amount.value
            else { continue }
            return pair
        }
        return nil
    }

    /// Sends a part; the hop whose channel had too little, or `nil` when it arrived.
    private mutating func send(_ route: Route) -> Int? {
        let directions = route.directions
        for (index, hop) in route.hops.enumerated() where left[directions[index]]! < hop.amount.value { return index }
        for (index, hop) in route.hops.enumerated() { left[directions[index]]! -= hop.amount.value }
        return nil
    }

    /// Tries one payment, with at most 50 HTLCs, and puts the money back.
    ///
    /// - Parameter maxFee: of all parts together.
    package mutating func pay(
        _ amount: MilliSatoshi, from payer: NodeKey, to payee: NodeKey, maxFee: MilliSatoshi, _ way: Way, _ finder: inout RouteFinder,
        _ outcome: inout Outcome
    ) {
        var estimates = LiquidityEstimates()
        var sent: [Route] = []
        var excluded: Set<DirectedChannel> = []
        var tries = 0
        finder.cost = way.cost
        while tries < 50 {
            let done = sent.reduce(MilliSatoshi.zero) { $0 + $1.amount }
            if done == amount { break }
            var query = RouteQuery(
                from: payer, to: payee, amount: amount - done,
                maxFee: maxFee.saturatingSubtracting(sent.reduce(.zero) { $0 + $1.fee }), finalCLTVDelta: 144,
                localChannels: usable(payer, sending: true).map {
                    LocalChannel(shortChannelID: $0.channel.shortChannelID, peer: $0.other, spendable: $0.amount, htlcMinimum: 1)
                }, now: now)
            query.excluded = excluded
            for route in sent {
                for (directed, hop) in zip(route.directions, route.hops).dropFirst() { query.inUse[directed, default: .zero] += hop.amount }
            }
            guard let routes = try? finder.findParts(query, maxParts: max(1, way.maxParts - sent.count), &graph, &estimates) else { break }
            for route in routes {
                tries += 1
                let directions = route.directions
                let failed = send(route)
                if way.learns {
                    for index in 1..<max(1, failed ?? route.hops.count) {
                        estimates.learnAtLeast(route.hops[index].amount, directions[index], now: now)
                    }
                }
                guard let failed else {
                    sent.append(route)
                    continue
                }
                if failed > 0, way.learns {
                    estimates.learnLess(than: route.hops[failed].amount, directions[failed], now: now)
                } else {
                    excluded.insert(directions[failed])
                }
            }
        }
        outcome.payments += 1
        outcome.attempts += tries
        if sent.reduce(MilliSatoshi.zero, { $0 + $1.amount }) == amount {
            outcome.arrived += 1
            outcome.parts += sent.count
            outcome.fees += sent.reduce(0) { $0 + $1.fee.value }
        }
        for route in sent {
            for (directed, hop) in zip(route.directions, route.hops) { left[directed]! += hop.amount.value }
        }
    }
}
