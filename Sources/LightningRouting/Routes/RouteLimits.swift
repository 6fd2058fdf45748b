import LightningWire

/// What a query does not let its search use, in the numbers of the graph.
struct RouteLimits {
    private(set) var edges: Set<UInt32> = []
    private var nodes: Set<UInt32> = []
    /// In msat, what other parts of the payment send over an edge already.
    private(set) var inUse: [UInt32: UInt64] = [:]
    /// The source in the graph, where the first hop goes over channels that the query names: they are known better than gossip
    /// knows them, and nobody pays through themselves.
    private let ownNode: UInt32

    init(_ query: RouteQuery, _ graph: NetworkGraph) {
        ownNode = query.localChannels == nil ? .max : graph.node(query.source) ?? .max
        for directed in query.excluded { if let edge = graph.edge(directed) { edges.insert(edge) } }
        for node in query.excludedNodes { if let known = graph.node(node) { nodes.insert(known) } }
        for (directed, amount) in query.inUse { if let edge = graph.edge(directed) { inUse[edge] = amount.value } }
    }

    mutating func exclude(_ edge: UInt32) { edges.insert(edge) }

    @inline(__always)
    func forbids(_ arc: RouteMap.Arc, _ graph: NetworkGraph) -> Bool {
        let origin = graph.origins[Int(arc.edge)]
        if arc.other == ownNode || origin == ownNode { return true }
        if !edges.isEmpty && edges.contains(arc.edge) { return true }
        return !nodes.isEmpty && (nodes.contains(arc.other) || nodes.contains(origin))
    }
}

extension RouteHint {
    /// In msat, the most that every hop of the hint bears, in any number of HTLCs, beside what the payment sends over it already; 0 where it is not to be used.
    func room(_ query: RouteQuery, _ graph: NetworkGraph, _ estimates: LiquidityEstimates) -> UInt64 {
        var room = UInt64.max >> 8
        for (index, hop) in hops.enumerated() {
            let next = index + 1 < hops.count ? hops[index + 1].from : query.destination
            let directed = DirectedChannel(hop.shortChannelID, from: hop.from, to: next)
            guard !query.excluded.contains(directed), !query.excludedNodes.contains(hop.from) else { return 0 }
            let bound =
                graph.joins(hop.shortChannelID, hop.from, next)
                ? estimates.range(directed, capacity: .max, now: query.now).upper : query.hintBounds[directed]?.room ?? .max
            let used = query.inUse[directed]?.value ?? 0
            room = min(room, bound - min(bound, used))
        }
        return room
    }
}
