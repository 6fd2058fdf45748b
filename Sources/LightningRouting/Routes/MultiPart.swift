package import LightningWire

// Payments in several parts: the cheapest and likeliest flow of the whole amount.
extension RouteFinder {
    /// Routes that together bring the whole amount within the fee budget.
    ///
    /// One part where one is likely to arrive; otherwise a flow of minimal cost, in at most `maxParts` parts.
    package mutating func findParts(
        _ query: RouteQuery, maxParts: Int, _ graph: inout NetworkGraph, _ estimates: inout LiquidityEstimates
    ) throws(RouteRefusal) -> [Route] {
        var single: Route?
        var refusal = RouteRefusal.noCapacity
        do throws(RouteRefusal) {
            let route = try findRoute(query, &graph, &estimates)
            // Better than even.
            if route.uncertainty <= RouteCost.uncertaintyUnit || maxParts == 1 { return [route] }
            single = route
        } catch { refusal = error }
        switch refusal {
        case .noCapacity, .tooLittleSpendable, .tooExpensive: break
        default: throw refusal
        }
        var cheapest: MilliSatoshi?
        if maxParts > 1, query.amount.value >= 2 * Self.minimumPart {
            // What fees take of our channels is not known before: as much as is allowed, or as much as is usual.
            let usual = query.amount.value / 200
            for (cost, reserve) in [(cost, query.maxFee.value), (cost, usual), (.feesOnly, query.maxFee.value), (.feesOnly, usual)] {
                guard let routes = try flow(query, cost, reserve: reserve, maxParts: maxParts, graph, estimates) else { continue }
                let fee = routes.reduce(MilliSatoshi.zero) { $0 + $1.fee }
                if fee <= query.maxFee { return routes }
                cheapest = min(cheapest ?? fee, fee)
            }
        }
        if let single { return [single] }
        if let cheapest { throw .tooExpensive(cheapest: cheapest) }
        throw refusal
    }

    /// In msat: smaller parts cost more in fees and slots than they are worth.
    static let minimumPart: UInt64 = 1_000_000

    /// A flow as routes, whatever they cost; `nil` where there is none within the number of parts.
    private mutating func flow(
        _ query: RouteQuery, _ cost: RouteCost, reserve: UInt64, maxParts: Int, _ graph: NetworkGraph, _ estimates: LiquidityEstimates
    ) throws(RouteRefusal) -> [Route]? {
        let problem = try FlowProblem(query, cost, reserve: reserve, graph, estimates)
        guard let flow = flows.solve(problem, map, graph, estimates) else { return nil }
        var rest = query
        rest.maxFee = MilliSatoshi(.max >> 2)
        var waiting = Self.merged(FlowFinder.paths(flow, problem, graph))
        var routes: [Route] = []
        while !waiting.isEmpty {
            let (path, amount) = waiting.removeFirst()
            guard routes.count + waiting.count < maxParts else { return nil }
            var sub = rest
            sub.amount = MilliSatoshi(amount)
            // What is too small to be an HTLC, or too large for one of the channels, is not to be had in this way.
            guard amount > 0, let search = try? RouteSearch(sub, cost, graph, estimates) else { return nil }
            do throws(EdgeTooNarrow) {
                let route = try search.build(path, graph, map, estimates)
                if let failure = search.overBudget(route) { throw failure }
                guard route.uncertainty <= query.maxUncertainty else { return nil }
                routes.append(route)
                rest.use(route)
            } catch {
                // The channel, or the hint, bears the sum, but not in one HTLC.
                if case .refused = error { return nil }
                guard amount >= 2 * Self.minimumPart else { return nil }
                waiting = [(path, amount / 2), (path, amount - amount / 2)] + waiting
            }
        }
        return routes
    }

    /// Crumbs of a flow go with its largest part: no HTLC of its own is worth a thousandth of a satoshi.
    private static func merged(_ paths: [(path: Path, amount: UInt64)]) -> [(path: Path, amount: UInt64)] {
        let crumbs = paths.dropFirst().filter { $0.amount < minimumPart }
        guard !crumbs.isEmpty else { return paths }
        var result = paths.enumerated().filter { $0.offset == 0 || $0.element.amount >= minimumPart }.map(\.element)
        result[0].amount += crumbs.reduce(0) { $0 + $1.amount }
        return result
    }
}

extension RouteFinder {
    /// What the cheapest flow of a whole amount costs in proportional fees alone, in millionths of a msat: the figure by which
    /// other solvers judge this one. `nil` where the amount does not fit.
    package mutating func cheapestFlow(
        _ query: RouteQuery, _ graph: inout NetworkGraph, _ estimates: inout LiquidityEstimates
    ) -> (cost: UInt64, edges: Int)? {
        map.update(&graph, &estimates)
        guard let problem = try? FlowProblem(query, .feesOnly, reserve: 0, graph, estimates),
            let flow = flows.solve(problem, map, graph, estimates)
        else { return nil }
        let source = graph.node(query.source)
        let cost = flow.edges.reduce(UInt64(0)) { sum, entry in
            // The first hop costs its sender nothing.
            graph.origins[Int(entry.key)] == source ? sum : sum + entry.value * UInt64(map.arc(entry.key).feeProportionalMillionths)
        }
        return (cost, flow.edges.count)
    }
}

extension RouteQuery {
    /// Takes a route's amounts away from what the rest of the payment can use.
    mutating func use(_ route: Route) {
        maxFee = maxFee.saturatingSubtracting(route.fee)
        let directions = route.directions
        for (directed, hop) in zip(directions, route.hops) { inUse[directed, default: .zero] += hop.amount }
        guard
            let index = localChannels?.firstIndex(where: {
                $0.shortChannelID == route.hops[0].shortChannelID && $0.peer == route.hops[0].node
            })
        else { return }
        localChannels![index].spendable -= min(localChannels![index].spendable, route.total.value)
    }
}

extension Gossip {
    /// The best route over what gossip has told.
    package mutating func findRoute(
        _ query: RouteQuery, _ finder: inout RouteFinder, _ estimates: inout LiquidityEstimates
    ) throws(RouteRefusal) -> Route {
        try withTerms(query.terms) { graph throws(RouteRefusal) in try finder.findRoute(query, &graph, &estimates) }
    }

    /// Routes that together bring the whole amount, over what gossip has told.
    package mutating func findParts(
        _ query: RouteQuery, maxParts: Int, _ finder: inout RouteFinder, _ estimates: inout LiquidityEstimates
    ) throws(RouteRefusal) -> [Route] {
        try withTerms(query.terms) { graph throws(RouteRefusal) in try finder.findParts(query, maxParts: maxParts, &graph, &estimates) }
    }

    /// The most that would arrive in any number of parts, to a hundredth of what is wanted; zero where nothing would.
    ///
    /// - Parameter maxFee: of an amount.
    package mutating func largestAmount(
        _ query: RouteQuery, maxParts: Int, maxFee: (MilliSatoshi) -> MilliSatoshi, _ finder: inout RouteFinder,
        _ estimates: inout LiquidityEstimates
    ) -> MilliSatoshi {
        var (low, high) = (UInt64(0), query.amount.value)
        let step = max(1, high / 100)
        while high - low > step {
            let middle = low + (high - low) / 2
            var part = query
            part.amount = MilliSatoshi(middle)
            part.maxFee = maxFee(part.amount)
            if (try? findParts(part, maxParts: maxParts, &finder, &estimates)) != nil { low = middle } else { high = middle }
        }
        return MilliSatoshi(low)
    }
}
