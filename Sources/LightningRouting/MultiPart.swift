import LightningWire

// Payments in several parts: the cheapest and likeliest flow of the whole amount.
extension RouteFinder {
    /// Routes that together bring the whole amount within the fee budget.
    ///
    /// One part where one is likely to arrive; otherwise a flow of minimal cost, in at most `maxParts` parts.
    public mutating func findParts(
        _ query: RouteQuery, maxParts: Int, _ graph: inout NetworkGraph, _ estimates: inout LiquidityEstimates
    ) throws(RouteRefusal) -> [Route] {
        var single: Route?
        var refusal = RouteRefusal.noCapacity
        do throws(RouteRefusal) {
            let route = try findRoute(query, &graph, &estimates)
            // Better than even.
            if route.doubt <= RouteCost.doubtUnit || maxParts == 1 { return [route] }
            single = route
        } catch { refusal = error }
        switch refusal {
        case .noCapacity, .tooLittleSpendable, .tooExpensive: break
        default: throw refusal
        }
        if maxParts > 1, query.amount.value >= 2 * Self.minimumPart {
            for cost in [cost, .feesOnly] {
                if let routes = try flow(query, cost, maxParts: maxParts, graph, estimates) { return routes }
            }
        }
        if let single { return [single] }
        throw refusal
    }

    /// In msat: smaller parts cost more in fees and slots than they are worth.
    static let minimumPart: UInt64 = 1_000_000

    /// A flow as routes; `nil` where there is none within the budget and the number of parts.
    mutating func flow(
        _ query: RouteQuery, _ cost: RouteCost, maxParts: Int, _ graph: NetworkGraph, _ estimates: LiquidityEstimates
    ) throws(RouteRefusal) -> [Route]? {
        let problem = try FlowProblem(query, cost, graph, estimates)
        guard let flow = flows.solve(problem, map, graph, estimates) else { return nil }
        var rest = query
        var waiting = FlowFinder.paths(flow, problem, graph)
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
                routes.append(route)
                rest.use(route)
            } catch {
                // The channel bears the sum, but not in one HTLC.
                guard case .edge = error, amount >= 2 * Self.minimumPart else { return nil }
                waiting = [(path, amount / 2), (path, amount - amount / 2)] + waiting
            }
        }
        return routes
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
    public mutating func findRoute(
        _ query: RouteQuery, _ finder: inout RouteFinder, _ estimates: inout LiquidityEstimates
    ) throws(RouteRefusal) -> Route {
        try finder.findRoute(query, &graph, &estimates)
    }

    /// Routes that together bring the whole amount, over what gossip has told.
    public mutating func findParts(
        _ query: RouteQuery, maxParts: Int, _ finder: inout RouteFinder, _ estimates: inout LiquidityEstimates
    ) throws(RouteRefusal) -> [Route] {
        try finder.findParts(query, maxParts: maxParts, &graph, &estimates)
    }
}
