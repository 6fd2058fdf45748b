import LightningWire

// Payments in several parts: each part gets a way of its own, and no channel is counted on twice.
extension RouteFinder {
    /// Routes that together bring the whole amount within the fee budget.
    ///
    /// One part where one has room; otherwise the amount is halved until the parts fit, at most `maxParts` of them.
    public mutating func findParts(
        _ query: RouteQuery, maxParts: Int, _ graph: inout NetworkGraph, _ estimates: inout LiquidityEstimates
    ) throws(RouteRefusal) -> [Route] {
        let refusal: RouteRefusal
        do throws(RouteRefusal) {
            return [try findRoute(query, &graph, &estimates)]
        } catch { refusal = error }
        switch refusal {
        case .noCapacity, .tooLittleSpendable, .tooExpensive: break
        default: throw refusal
        }
        guard maxParts > 1, query.amount.value >= 2 * Self.minimumPart else { throw refusal }
        var parts = [query.amount.value / 2, query.amount.value - query.amount.value / 2]
        var rest = query
        var routes: [Route] = []
        while let part = parts.popLast() {
            var sub = rest
            sub.amount = MilliSatoshi(part)
            do throws(RouteRefusal) {
                let route = try findRoute(sub, &graph, &estimates)
                routes.append(route)
                rest.use(route)
            } catch {
                guard routes.count + parts.count + 2 <= maxParts, part >= 2 * Self.minimumPart else { throw refusal }
                parts += [part / 2, part - part / 2]
            }
        }
        return routes
    }

    /// In msat: smaller parts cost more in fees and slots than they are worth.
    static let minimumPart: UInt64 = 1_000_000
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
