import LightningWire

/// One query being searched: where it begins and ends, what it may not use, and what an edge costs it.
struct RouteSearch {
    enum Seed: Hashable { case first(Int), last(Int) }

    let query: RouteQuery
    let amount: UInt64
    private let cost: RouteCost
    private let uncertaintyPrice: UInt64
    private let blockPrice: UInt64
    /// Nodes that the graph does not know, by numbers after its own.
    private(set) var extraNodes: [NodeKey] = []
    private var extraNumbers: [NodeKey: UInt32] = [:]
    private let graphNodes: Int
    private let source: UInt32
    /// In msat.
    static let amountBound: UInt64 = 1 << 46
    /// In msat: what costs more is no way.
    static let priceBound: UInt64 = 1 << 43
    /// Where our channels lead, and the price of going there.
    private(set) var firstSeeds: [(node: UInt32, cost: UInt64)] = []
    /// Where the payee is reached from, and the price of it. The first is the payee itself.
    private(set) var lastSeeds: [(node: UInt32, cost: UInt64)] = []
    var limits: RouteLimits
    var excludedSeeds: Set<Seed> = []

    init(_ query: RouteQuery, _ cost: RouteCost, _ graph: NetworkGraph, _ estimates: LiquidityEstimates) throws(RouteRefusal) {
        self.query = query
        self.cost = cost
        amount = query.amount.value
        uncertaintyPrice = cost.uncertaintyPrice(amount)
        blockPrice = cost.blockPrice(amount)
        graphNodes = graph.nodes.count
        // A circle ends over a channel that leads back to us.
        guard query.source != query.destination || !query.hints.isEmpty else { throw .toSelf }
        // Within these bounds no price overflows: no channel on earth holds 700 bitcoin.
        guard amount < Self.amountBound else { throw .noCapacity }
        source = graph.node(query.source) ?? .max
        limits = RouteLimits(query, graph)
        let target = number(query.destination, graph)
        try addFirst(graph)
        lastSeeds.append((target, 0))
        for hint in query.hints {
            lastSeeds.append((number(hint.hops[0].from, graph), price(hint) ?? 0))
            if price(hint) == nil || hint.room(query, graph, estimates) < amount { excludedSeeds.insert(.last(lastSeeds.count - 1)) }
        }
        if target >= graphNodes, query.hints.isEmpty, !firstSeeds.contains(where: { $0.node == target }) { throw .unknownDestination }
    }

    private mutating func number(_ key: NodeKey, _ graph: NetworkGraph) -> UInt32 {
        if let known = graph.node(key) { return known }
        if let number = extraNumbers[key] { return number }
        let number = UInt32(graphNodes + extraNodes.count)
        extraNodes.append(key)
        extraNumbers[key] = number
        return number
    }

    private mutating func addFirst(_ graph: NetworkGraph) throws(RouteRefusal) {
        guard let local = query.localChannels else {
            // Somebody else's route: it begins at the source itself.
            guard source != .max else { throw .unknownDestination }
            firstSeeds = [(source, 0)]
            return
        }
        guard !local.isEmpty else { throw .noLocalChannel }
        var most: UInt64 = 0
        for (index, channel) in local.enumerated() {
            firstSeeds.append((number(channel.peer, graph), 0))
            let directed = DirectedChannel(channel.shortChannelID, from: query.source, to: channel.peer)
            if channel.spendable < amount || channel.htlcMinimum > amount || query.excluded.contains(directed) {
                excludedSeeds.insert(.first(index))
            }
            if !query.excluded.contains(directed) { most = max(most, channel.spendable) }
        }
        guard most >= amount else { throw .tooLittleSpendable(MilliSatoshi(most)) }
    }

    // MARK: Prices

    /// What a hint costs; `nil` where it does not bear the amount, or asks for more than anybody would pay.
    private func price(_ hint: RouteHint) -> UInt64? {
        var price: UInt64 = 0
        for hop in hint.hops {
            guard hop.policy.htlcMinimum <= amount, hop.policy.htlcMaximum == 0 || hop.policy.htlcMaximum >= amount,
                let fee = hop.policy.fee(forwarding: amount), fee < Self.priceBound
            else { return nil }
            price += fee + cost.hopBase + (UInt64(hop.policy.cltvExpiryDelta) * blockPrice) >> 10
            guard price < Self.priceBound else { return nil }
        }
        return price
    }

    /// What an edge costs, or `nil` where it cannot be used.
    @inline(__always)
    func price(_ arc: RouteMap.Arc, fee: UInt64, _ graph: NetworkGraph, _ estimates: LiquidityEstimates) -> UInt64? {
        if limits.forbids(arc, graph) { return nil }
        guard let uncertainty = uncertainty(arc, amount, graph, estimates) else { return nil }
        let isFirst = graph.origins[Int(arc.edge)] == source
        let locked = (UInt64(arc.cltvExpiryDelta) * blockPrice) >> 10
        // The first hop of a route costs its sender nothing.
        return (isFirst ? 0 : fee + locked) + cost.hopBase + (uncertainty * uncertaintyPrice) >> 10
    }

    /// How unlikely it is that an edge bears an amount beside what other parts send over it; `nil` where it cannot.
    func uncertainty(_ arc: RouteMap.Arc, _ amount: UInt64, _ graph: NetworkGraph, _ estimates: LiquidityEstimates) -> UInt64? {
        var amount = amount
        if !limits.inUse.isEmpty, let used = limits.inUse[arc.edge] {
            let (sum, overflow) = amount.addingReportingOverflow(used)
            guard !overflow else { return nil }
            amount = sum
        }
        guard arc.isEstimated else { return UncertaintyCost.of(amount, lower: 0, upper: arc.capacity) }
        let channel = graph.channels[Int(arc.edge / 2)]
        let directed = DirectedChannel(ShortChannelID(channel.shortChannelID), direction: UInt8(arc.edge & 1))
        let range = estimates.range(directed, capacity: arc.capacity, now: query.now)
        return UncertaintyCost.of(amount, lower: range.lower, upper: range.upper)
    }

    // MARK: Building

    /// The exact amounts and expiries of a path, from the payee back to us.
    func build(
        _ path: RouteFinder.Path, _ graph: NetworkGraph, _ map: RouteMap, _ estimates: LiquidityEstimates
    ) throws(EdgeTooNarrow) -> Route {
        var hops: [Route.Hop] = []
        var amount = self.amount
        var delta = query.finalCLTVDelta
        var uncertainty: UInt64 = 0
        var node = query.destination

        /// Puts the hop over a channel before those that are there; then adds what its sender takes, if it is not us.
        func prepend(
            _ id: ShortChannelID, from: NodeKey, _ policy: RoutingPolicy, isFirst: Bool, or failure: EdgeTooNarrow
        ) throws(EdgeTooNarrow) {
            hops.append(Route.Hop(node: node, shortChannelID: id, amount: MilliSatoshi(amount), cltvDelta: delta))
            node = from
            guard !isFirst else { return }
            guard let fee = policy.fee(forwarding: amount) else { throw failure }
            let (sum, overflow) = amount.addingReportingOverflow(fee)
            let (blocks, tooMany) = delta.addingReportingOverflow(UInt32(policy.cltvExpiryDelta))
            guard !overflow, !tooMany else { throw failure }
            amount = sum
            delta = blocks
        }

        if let hint = path.hint, hint > 0 {
            for (index, hop) in query.hints[hint - 1].hops.enumerated().reversed() {
                // Less than a hop takes does not get better in smaller parts; more than it takes does.
                guard amount >= hop.policy.htlcMinimum else { throw .refused(.noCapacity) }
                guard hop.policy.htlcMaximum == 0 || amount <= hop.policy.htlcMaximum else { throw .seed(.last(hint)) }
                try prepend(
                    hop.shortChannelID, from: hop.from, hop.policy,
                    isFirst: index == 0 && path.edges.isEmpty && query.localChannels == nil, or: .seed(.last(hint)))
            }
        }
        for (index, edge) in path.edges.enumerated().reversed() {
            let arc = map.arc(edge)
            let channel = graph.channels[Int(edge / 2)]
            let policy = graph.policies[Int(edge)]
            guard amount >= policy.htlcMinimum, amount <= arc.htlcMaximum, let part = self.uncertainty(arc, amount, graph, estimates)
            else { throw .edge(edge) }
            uncertainty += part
            try prepend(
                ShortChannelID(channel.shortChannelID), from: graph.nodes[Int(graph.origins[Int(edge)])].key, policy,
                isFirst: index == 0 && query.localChannels == nil, or: .edge(edge))
        }
        if let first = path.first, let local = query.localChannels {
            let channel = local[first]
            guard amount >= channel.htlcMinimum, amount <= channel.spendable else { throw .seed(.first(first)) }
            hops.append(
                Route.Hop(node: node, shortChannelID: channel.shortChannelID, amount: MilliSatoshi(amount), cltvDelta: delta))
        }
        return Route(source: query.source, hops: hops.reversed(), uncertainty: uncertainty)
    }

    /// What a route exceeds, if anything.
    func overBudget(_ route: Route) -> EdgeTooNarrow? {
        if route.fee > query.maxFee { return .refused(.tooExpensive(cheapest: route.fee)) }
        if route.cltvDelta > query.maxCLTVDelta { return .refused(.tooLong(blocks: route.cltvDelta, limit: query.maxCLTVDelta)) }
        if route.hops.count > query.maxHops { return .refused(.noCapacity) }
        return nil
    }
}
