import HeapModule
import LightningWire

/// Finds the cheapest flow of an amount by successive shortest paths with potentials, over the same map as routes.
///
/// Each round sends what fits over the cheapest way in the residual network: what was sent before can be taken back where that
/// makes the whole cheaper. A round searches from both ends and stops where they meet; potentials carry over what it has learned,
/// so that the next one looks only where something has changed.
struct FlowFinder: Sendable {
    private struct Label: Sendable {
        var cost: UInt64 = 0
        var stamp: UInt32 = 0
        /// The node that this one was reached from.
        var from: UInt32 = 0
        /// The step between them: an edge, or an extra above `firstExtra`.
        var via: UInt32 = 0
        /// Whether the step takes back what flows there.
        var isBackward = false
        var isSettled = false
    }

    /// A node's potential, for as long as one flow is looked for.
    private struct Potential: Sendable {
        var value: Int64 = 0
        var era: UInt32 = 0
    }

    /// One side of the search: from the payer, or from the payee.
    private struct Side {
        let isForward: Bool
        var labels: [Label]
        var queue = Heap<UInt64>()
        var settled: [UInt32] = []
    }

    private var ahead: [Label] = []
    private var behind: [Label] = []
    private var potentials: [Potential] = []
    private var stamp: UInt32 = 0
    private var era: UInt32 = 0
    static let firstExtra: UInt32 = 0xf000_0000
    /// Beyond this a way costs more than anybody pays.
    private static let costBound = RouteSearch.priceBound

    /// What flows: over edges and over extras, in msat.
    struct Flow {
        var edges: [UInt32: UInt64] = [:]
        var extras: [Int: UInt64] = [:]
        /// Edges and extras with flow that enter a node, and that leave it.
        fileprivate var into: [UInt32: [UInt32]] = [:]
        fileprivate var outOf: [UInt32: [UInt32]] = [:]
        var rounds = 0
    }

    /// Rounds after which a flow counts as too scattered.
    private static let maxRounds = 200

    /// The cheapest flow of the whole amount; `nil` where it does not fit.
    mutating func solve(_ problem: FlowProblem, _ map: RouteMap, _ graph: NetworkGraph, _ estimates: LiquidityEstimates) -> Flow? {
        if ahead.count < problem.nodeCount {
            let added = problem.nodeCount - ahead.count
            ahead += [Label](repeating: Label(), count: added)
            behind += [Label](repeating: Label(), count: added)
            potentials += [Potential](repeating: Potential(), count: added)
        }
        era &+= 1
        if era == 0 {
            for index in potentials.indices { potentials[index].era = 0 }
            era = 1
        }
        var flow = Flow()
        var left = problem.query.amount.value
        while left > 0, flow.rounds < Self.maxRounds {
            guard let meeting = search(problem, map, graph, estimates, flow) else { return nil }
            left -= augment(&flow, left, from: meeting, problem, map, graph, estimates)
            flow.rounds += 1
        }
        return left == 0 ? flow : nil
    }

    /// The node at which the two sides of the cheapest way in the residual network meet.
    private mutating func search(
        _ problem: FlowProblem, _ map: RouteMap, _ graph: NetworkGraph, _ estimates: LiquidityEstimates, _ flow: Flow
    ) -> UInt32? {
        stamp &+= 1
        if stamp == 0 {
            for index in ahead.indices {
                ahead[index].stamp = 0
                behind[index].stamp = 0
            }
            stamp = 1
        }
        // Moved out of `self`, so that nothing is copied when they change.
        var forward = Side(isForward: true, labels: ahead)
        ahead = []
        var backward = Side(isForward: false, labels: behind)
        behind = []
        defer {
            ahead = forward.labels
            behind = backward.labels
        }
        var best = UInt64.max
        var meeting: UInt32?
        forward.labels[Int(problem.source)] = Label(stamp: stamp, from: problem.source)
        forward.queue.insert(UInt64(problem.source))
        backward.labels[Int(problem.target)] = Label(stamp: stamp, from: problem.target)
        backward.queue.insert(UInt64(problem.target))
        var radius: (forward: UInt64, backward: UInt64) = (0, 0)
        while let next = forward.queue.min, let last = backward.queue.min {
            radius = (next >> 20, last >> 20)
            if radius.forward + radius.backward >= best { break }
            if forward.queue.count <= backward.queue.count {
                Self.step(&forward, backward.labels, stamp, era, potentials, problem, map, graph, estimates, flow, &best, &meeting)
            } else {
                Self.step(&backward, forward.labels, stamp, era, potentials, problem, map, graph, estimates, flow, &best, &meeting)
            }
        }
        guard let meeting else { return nil }
        // What either side has not come to is at least this far away.
        let border = min(forward.queue.min.map { $0 >> 20 } ?? best, best)
        for node in forward.settled {
            let cost = forward.labels[Int(node)].cost
            if cost < border { raise(node, by: Int64(cost) - Int64(border)) }
        }
        for node in backward.settled {
            let cost = backward.labels[Int(node)].cost
            if cost < best - border { raise(node, by: Int64(best - border) - Int64(cost)) }
        }
        return meeting
    }

    /// Potentials keep every residual cost at zero or above, and those of the cheapest ways at zero.
    private mutating func raise(_ node: UInt32, by change: Int64) {
        let known = potentials[Int(node)]
        potentials[Int(node)] = Potential(value: (known.era == era ? known.value : 0) + change, era: era)
    }

    private static func step(
        _ side: inout Side, _ other: [Label], _ stamp: UInt32, _ era: UInt32, _ potentials: [Potential], _ problem: FlowProblem,
        _ map: RouteMap, _ graph: NetworkGraph, _ estimates: LiquidityEstimates, _ flow: Flow, _ best: inout UInt64,
        _ meeting: inout UInt32?
    ) {
        guard let entry = side.queue.popMin() else { return }
        let node = UInt32(entry & 0xf_ffff)
        let reached = entry >> 20
        guard !side.labels[Int(node)].isSettled, side.labels[Int(node)].cost == reached else { return }
        side.labels[Int(node)].isSettled = true
        side.settled.append(node)
        let isForward = side.isForward
        func potential(_ node: UInt32) -> Int64 { potentials[Int(node)].era == era ? potentials[Int(node)].value : 0 }
        let own = potential(node)

        @inline(__always)
        func reach(_ to: UInt32, _ slope: Int64, via: UInt32, isBackward: Bool) {
            // Potentials make this zero or more; what rounding may leave below is nothing.
            let reduced = isForward ? slope + own - potential(to) : slope + potential(to) - own
            let cost = reached + UInt64(max(0, reduced))
            guard cost < costBound, cost < best else { return }
            let known = side.labels[Int(to)]
            if known.stamp == stamp, known.isSettled || known.cost <= cost { return }
            side.labels[Int(to)] = Label(cost: cost, stamp: stamp, from: node, via: via, isBackward: isBackward)
            side.queue.insert(cost << 20 | UInt64(to))
            if other[Int(to)].stamp == stamp {
                let whole = cost + other[Int(to)].cost
                if whole < best {
                    best = whole
                    meeting = to
                }
            }
        }

        for index in (isForward ? problem.extrasFrom[node] : problem.extrasInto[node]) ?? [] {
            let extra = problem.extras[index]
            guard flow.extras[index] ?? 0 < extra.capacity else { continue }
            reach(isForward ? extra.to : extra.from, extra.slope, via: firstExtra + UInt32(index), isBackward: false)
        }
        if Int(node) < map.nodeBound {
            for place in Int(map.starts[Int(node)])..<Int(map.starts[Int(node) + 1]) {
                let arc = isForward ? map.outgoing[place] : map.incoming[place]
                guard arc.isUsable else { continue }
                let known = side.labels[Int(arc.other)]
                if known.stamp == stamp, known.isSettled { continue }
                let used = flow.edges.isEmpty ? 0 : flow.edges[arc.edge] ?? 0
                guard let piece = problem.piece(arc, after: used, graph, estimates) else { continue }
                reach(arc.other, piece.slope, via: arc.edge, isBackward: false)
            }
        }
        // What flows can be taken back.
        for step in (isForward ? flow.into[node] : flow.outOf[node]) ?? [] {
            if step >= firstExtra {
                let extra = problem.extras[Int(step - firstExtra)]
                reach(isForward ? extra.from : extra.to, -extra.slope, via: step, isBackward: true)
            } else if let piece = problem.lastPiece(map.arc(step), of: flow.edges[step] ?? 0, graph, estimates) {
                reach(graph.origins[Int(isForward ? step : step ^ 1)], -piece.slope, via: step, isBackward: true)
            }
        }
    }

    /// Sends as much as fits over the way that was found.
    private func augment(
        _ flow: inout Flow, _ left: UInt64, from meeting: UInt32, _ problem: FlowProblem, _ map: RouteMap, _ graph: NetworkGraph,
        _ estimates: LiquidityEstimates
    ) -> UInt64 {
        var steps: [(via: UInt32, isBackward: Bool)] = []
        var node = meeting
        while node != problem.source {
            steps.append((ahead[Int(node)].via, ahead[Int(node)].isBackward))
            node = ahead[Int(node)].from
        }
        node = meeting
        while node != problem.target {
            steps.append((behind[Int(node)].via, behind[Int(node)].isBackward))
            node = behind[Int(node)].from
        }
        var amount = left
        for step in steps {
            let room: UInt64
            if step.via >= Self.firstExtra {
                let index = Int(step.via - Self.firstExtra)
                let used = flow.extras[index] ?? 0
                room = step.isBackward ? used : problem.extras[index].capacity - used
            } else {
                let used = flow.edges[step.via] ?? 0
                let arc = map.arc(step.via)
                room =
                    step.isBackward
                    ? problem.lastPiece(arc, of: used, graph, estimates).map { used - $0.start } ?? 0
                    : problem.piece(arc, after: used, graph, estimates).map { $0.end - used } ?? 0
            }
            amount = min(amount, room)
        }
        for step in steps {
            if step.via >= Self.firstExtra {
                let index = Int(step.via - Self.firstExtra)
                let used = flow.extras[index] ?? 0
                flow.extras[index] = step.isBackward ? used - amount : used + amount
                let extra = problem.extras[index]
                set(&flow, step.via, from: extra.from, to: extra.to, flow.extras[index] ?? 0)
            } else {
                let used = flow.edges[step.via] ?? 0
                let now = step.isBackward ? used - amount : used + amount
                flow.edges[step.via] = now == 0 ? nil : now
                set(&flow, step.via, from: graph.origins[Int(step.via)], to: graph.origins[Int(step.via ^ 1)], now)
            }
        }
        return amount
    }

    private func set(_ flow: inout Flow, _ step: UInt32, from: UInt32, to: UInt32, _ amount: UInt64) {
        // Arrays: the order in which ways are looked at decides between two that cost the same.
        if amount == 0 {
            flow.into[to]?.removeAll { $0 == step }
            flow.outOf[from]?.removeAll { $0 == step }
        } else if !(flow.into[to]?.contains(step) ?? false) {
            flow.into[to, default: []].append(step)
            flow.outOf[from, default: []].append(step)
        }
    }

    // MARK: Taking a flow apart

    /// Ways that together are the flow, the largest first.
    static func paths(_ flow: Flow, _ problem: FlowProblem, _ graph: NetworkGraph) -> [(path: RouteFinder.Path, amount: UInt64)] {
        var edges = flow.edges
        var extras = flow.extras
        var outgoing: [UInt32: [UInt32]] = [:]
        for edge in edges.keys.sorted() { outgoing[graph.origins[Int(edge)], default: []].append(edge) }
        for index in extras.keys.sorted() { outgoing[problem.extras[index].from, default: []].append(firstExtra + UInt32(index)) }
        var result: [(path: RouteFinder.Path, amount: UInt64)] = []
        while true {
            var steps: [UInt32] = []
            var visited: [UInt32: Int] = [problem.source: 0]
            var node = problem.source
            while node != problem.target {
                let next = (outgoing[node] ?? []).first { step in
                    (step >= firstExtra ? extras[Int(step - firstExtra)] : edges[step]) ?? 0 > 0
                }
                guard let next else { break }
                steps.append(next)
                node = next >= firstExtra ? problem.extras[Int(next - firstExtra)].to : graph.origins[Int(next ^ 1)]
                if let start = visited[node] {
                    // A circle carries nothing: it is cut out.
                    cancel(Array(steps[start...]), &edges, &extras)
                    steps = []
                    visited = [problem.source: 0]
                    node = problem.source
                    continue
                }
                visited[node] = steps.count
            }
            guard node == problem.target, !steps.isEmpty else { break }
            let amount = cancel(steps, &edges, &extras)
            var path = RouteFinder.Path(first: nil, edges: [], hint: nil)
            for step in steps {
                guard step >= firstExtra else {
                    path.edges.append(step)
                    continue
                }
                let index = Int(step - firstExtra)
                // Seeds are numbered as a route search numbers them: its first end is the payee itself.
                if index < problem.firstCount { path.first = index } else { path.hint = index - problem.firstCount + 1 }
            }
            result.append((path, amount))
        }
        return result.sorted { $0.amount > $1.amount }
    }

    /// Takes as much as all steps have away from them.
    @discardableResult
    private static func cancel(_ steps: [UInt32], _ edges: inout [UInt32: UInt64], _ extras: inout [Int: UInt64]) -> UInt64 {
        let amount = steps.map { ($0 >= firstExtra ? extras[Int($0 - firstExtra)] : edges[$0]) ?? 0 }.min() ?? 0
        for step in steps {
            if step >= firstExtra { extras[Int(step - firstExtra)]! -= amount } else { edges[step]! -= amount }
        }
        return amount
    }
}
