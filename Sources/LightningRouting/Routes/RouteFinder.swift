import HeapModule
import LightningWire

/// Finds cheap and likely routes over a graph: bidirectional Dijkstra over flat arrays.
///
/// All costs are whole numbers of msat. During the search every edge is priced for the amount that the payee gets; the
/// exact amounts and expiries are computed backward over the route that was found, and where an edge does not bear them it
/// is left out and the search repeated.
package struct RouteFinder: Sendable {
    var map = RouteMap()
    var flows = FlowFinder()
    package var cost = RouteCost()

    /// What a search knows of a node: 16 bytes. Labels of earlier searches are told by their stamp.
    private struct Label: Sendable {
        var cost: UInt64 = 0
        var stamp: UInt32 = 0
        /// The edge by which the search came here; above `firstSeed` the number of a seed.
        var via: UInt32 = 0
    }

    private var forward: [Label] = []
    private var backward: [Label] = []
    private var stamp: UInt32 = 0
    private var forwardQueue = Heap<UInt64>()
    private var backwardQueue = Heap<UInt64>()
    /// Nodes that the last search settled: a measure of its work.
    package private(set) var settled = 0

    private static let firstSeed: UInt32 = 0xf000_0000

    package init() {}

    // MARK: Asking

    /// The best route for a query.
    package mutating func findRoute(
        _ query: RouteQuery, _ graph: inout NetworkGraph, _ estimates: inout LiquidityEstimates
    ) throws(RouteRefusal) -> Route {
        map.update(&graph, &estimates)
        do throws(RouteRefusal) {
            return try search(query, cost, graph, estimates)
        } catch {
            // A route may be beyond a budget only because a likelier one was preferred.
            switch error {
            case .tooExpensive, .tooLong: return try search(query, .feesOnly, graph, estimates)
            default: throw error
            }
        }
    }

    private mutating func search(
        _ query: RouteQuery, _ cost: RouteCost, _ graph: NetworkGraph, _ estimates: LiquidityEstimates
    ) throws(RouteRefusal) -> Route {
        var search = try RouteSearch(query, cost, graph, estimates)
        var refusal = RouteRefusal.noCapacity
        for _ in 0..<16 {
            guard let path = run(&search, graph, estimates) else { throw refusal }
            do throws(EdgeTooNarrow) {
                let route = try search.build(path, graph, map, estimates)
                if let failure = search.overBudget(route) {
                    // One channel that locks the money for very long must not stand in the way of all others.
                    if case .refused(let why) = failure, case .tooLong = why {
                        if let slowest = path.edges.max(by: { map.arc($0).cltvExpiryDelta < map.arc($1).cltvExpiryDelta }),
                            map.arc(slowest).cltvExpiryDelta > 144
                        {
                            refusal = why
                            search.limits.exclude(slowest)
                            continue
                        }
                        // Nor one way to the payee in that of the others.
                        if let hint = path.hint, hint > 0, query.hints.count > 1 {
                            refusal = why
                            search.excludedSeeds.insert(.last(hint))
                            continue
                        }
                    }
                    // Not this way: but only the search for fees alone knows that there is no other.
                    throw failure
                }
                // What would need a miracle is not tried: the time it takes would be lost for other ways.
                if route.uncertainty > query.maxUncertainty { throw .refused(.noCapacity) }
                return route
            } catch {
                switch error {
                case .edge(let edge): search.limits.exclude(edge)
                case .seed(let seed): search.excludedSeeds.insert(seed)
                case .refused(let why):
                    refusal = why
                    throw why
                }
            }
        }
        throw refusal
    }

    // MARK: Searching

    /// The edges of the cheapest way, with the seeds at its ends.
    struct Path {
        /// Which of our channels it begins with; `nil` where it begins with a public edge of the source.
        var first: Int?
        var edges: [UInt32]
        /// Which hint it ends with.
        var hint: Int?
    }

    private mutating func run(_ search: inout RouteSearch, _ graph: NetworkGraph, _ estimates: LiquidityEstimates) -> Path? {
        let nodeCount = map.nodeBound + search.extraNodes.count
        if forward.count < nodeCount {
            forward += [Label](repeating: Label(), count: nodeCount - forward.count)
            backward += [Label](repeating: Label(), count: nodeCount - backward.count)
        }
        stamp &+= 1
        if stamp == 0 {
            for index in forward.indices { forward[index].stamp = 0 }
            for index in backward.indices { backward[index].stamp = 0 }
            stamp = 1
        }
        forwardQueue = Heap()
        backwardQueue = Heap()
        settled = 0
        var best = UInt64.max
        var meeting: UInt32?
        let stamp = stamp
        for (index, seed) in search.firstSeeds.enumerated() where !search.excludedSeeds.contains(.first(index)) {
            Self.reach(&forward, &forwardQueue, stamp, seed.node, seed.cost, via: Self.firstSeed + UInt32(index))
        }
        for (index, seed) in search.lastSeeds.enumerated() where !search.excludedSeeds.contains(.last(index)) {
            Self.reach(&backward, &backwardQueue, stamp, seed.node, seed.cost, via: Self.firstSeed + UInt32(index))
        }
        for seed in search.firstSeeds where backward[Int(seed.node)].stamp == stamp && forward[Int(seed.node)].stamp == stamp {
            let total = forward[Int(seed.node)].cost + backward[Int(seed.node)].cost
            if total < best {
                best = total
                meeting = seed.node
            }
        }
        while let next = forwardQueue.min, let last = backwardQueue.min {
            let (ahead, behind) = (next >> 20, last >> 20)
            // No way can be cheaper than what both sides have settled.
            if ahead + behind >= best { break }
            let isForward = forwardQueue.count <= backwardQueue.count
            let entry = isForward ? forwardQueue.removeMin() : backwardQueue.removeMin()
            let node = Int(entry & 0xf_ffff)
            let reached = isForward ? forward[node].cost : backward[node].cost
            guard entry >> 20 == reached, node < map.nodeBound else { continue }
            settled += 1
            let range = Int(map.starts[node])..<Int(map.starts[node + 1])
            if isForward {
                Self.expand(
                    range, stamp, map.outgoing, &forward, &forwardQueue, other: backward, reached, search, graph, estimates, &best, &meeting
                )
            } else {
                Self.expand(
                    range, stamp, map.incoming, &backward, &backwardQueue, other: forward, reached, search, graph, estimates, &best,
                    &meeting)
            }
        }
        guard let meeting else { return nil }
        return trace(from: meeting, graph)
    }

    // Static, all of what changes handed in: a method of `self` would keep its arrays shared, and every change would copy them.
    private static func reach(
        _ labels: inout [Label], _ queue: inout Heap<UInt64>, _ stamp: UInt32, _ node: UInt32, _ cost: UInt64, via: UInt32
    ) {
        let known = labels[Int(node)]
        guard known.stamp != stamp || known.cost > cost, cost < RouteSearch.priceBound else { return }
        labels[Int(node)] = Label(cost: cost, stamp: stamp, via: via)
        queue.insert(cost << 20 | UInt64(node))
    }

    @inline(__always)
    private static func expand(
        _ range: Range<Int>, _ stamp: UInt32, _ arcs: [RouteMap.Arc], _ labels: inout [Label], _ queue: inout Heap<UInt64>, other: [Label],
        _ reached: UInt64, _ search: borrowing RouteSearch, _ graph: NetworkGraph, _ estimates: LiquidityEstimates, _ best: inout UInt64,
        _ meeting: inout UInt32?
    ) {
        let amount = search.amount
        arcs.withUnsafeBufferPointer { arcs in
            labels.withUnsafeMutableBufferPointer { labels in
                other.withUnsafeBufferPointer { other in
                    for position in range {
                        let arc = arcs[position]
                        guard arc.isUsable, arc.htlcMaximum >= amount, UInt64(arc.htlcMinimum) <= amount else { continue }
                        let node = Int(arc.other)
                        // Fees alone rule most edges out before anything is divided.
                        let fee = UInt64(arc.feeBase) + amount / 1024 * UInt64(arc.feeProportionalMillionths) / 977
                        let least = reached + fee
                        if labels[node].stamp == stamp && labels[node].cost <= least { continue }
                        guard least < best, let price = search.price(arc, fee: fee, graph, estimates) else { continue }
                        let total = reached + price
                        guard total < best, total < RouteSearch.priceBound else { continue }
                        if labels[node].stamp == stamp && labels[node].cost <= total { continue }
                        labels[node] = Label(cost: total, stamp: stamp, via: arc.edge)
                        queue.insert(total << 20 | UInt64(arc.other))
                        if other[node].stamp == stamp {
                            let whole = total + other[node].cost
                            if whole < best {
                                best = whole
                                meeting = arc.other
                            }
                        }
                    }
                }
            }
        }
    }

    private func trace(from meeting: UInt32, _ graph: NetworkGraph) -> Path {
        var edges: [UInt32] = []
        var node = meeting
        var path = Path(first: nil, edges: [], hint: nil)
        while true {
            let via = forward[Int(node)].via
            if via >= Self.firstSeed {
                path.first = Int(via - Self.firstSeed)
                break
            }
            edges.append(via)
            node = graph.origins[Int(via)]
        }
        edges.reverse()
        node = meeting
        while true {
            let via = backward[Int(node)].via
            if via >= Self.firstSeed {
                path.hint = Int(via - Self.firstSeed)
                break
            }
            edges.append(via)
            node = graph.origins[Int(via ^ 1)]
        }
        path.edges = edges
        return path
    }
}

/// An edge that looked wide enough, and is not for the exact amount.
enum EdgeTooNarrow: Error {
    case edge(UInt32)
    case seed(RouteSearch.Seed)
    case refused(RouteRefusal)
}
