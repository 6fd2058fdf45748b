import BitcoinPrimitives
import CryptoPrimitives
import Foundation
import LightningRouting
import LightningSimulation
import LightningWire

/// Routes over the real network's graph, beside a search as simple as it can be.
enum RoutingBenchmark {
    static let now: UInt64 = 1_770_000_000

    static func load(_ path: String) throws -> NetworkGraph {
        // The graph is kept compressed: gzip is on every machine.
        let data: Data
        if path.hasSuffix(".gz") {
            let process = Process()
            process.executableURL = URL(filePath: "/usr/bin/env")
            process.arguments = ["gzip", "-dc", path]
            let pipe = Pipe()
            process.standardOutput = pipe
            try process.run()
            data = try pipe.fileHandleForReading.readToEnd() ?? Data()
            process.waitUntilExit()
        } else {
            data = try Data(contentsOf: URL(filePath: path))
        }
        return try GraphTable.read(Array(data), timestamp: UInt32(now))
    }

    static func run(_ path: String) throws {
        var graph = NetworkGraph()
        let loading = try measure { graph = try load(path) }
        line("the graph: \(graph.nodeCount) nodes, \(graph.channelCount) channels", String(format: "%.3f s to read", loading.cpu))
        var random = SeededRandom(seed: 7)
        let nodes = graph.nodeKeys
        var estimates = LiquidityEstimates()
        var finder = RouteFinder()
        func query(_ pair: (NodeKey, NodeKey), _ sat: UInt64) -> RouteQuery {
            RouteQuery(
                from: pair.0, to: pair.1, amount: MilliSatoshi(sat * 1000), maxFee: MilliSatoshi(sat * 50 + 10_000), finalCLTVDelta: 144,
                localChannels: nil, now: now)
        }
        let preparing = measure { _ = try? finder.findRoute(query((nodes[0], nodes[1]), 1000), &graph, &estimates) }
        line("laying the graph out for searching", String(format: "%.1f ms", preparing.cpu * 1000))
        // Two nodes of three have no open channel that forwards: pairs that nothing can connect say nothing of a search.
        var pairs: [(NodeKey, NodeKey)] = []
        while pairs.count < 2000 {
            let pair = (nodes[Int.random(in: 0..<nodes.count, using: &random)], nodes[Int.random(in: 0..<nodes.count, using: &random)])
            var any = query(pair, 1)
            any.maxFee = MilliSatoshi(1_000_000_000)
            if (try? finder.findRoute(any, &graph, &estimates)) != nil { pairs.append(pair) }
        }
        for sat: UInt64 in [1000, 10_000, 100_000, 1_000_000] {
            var found = 0
            var settled = 0
            let time = measure {
                for pair in pairs {
                    if (try? finder.findRoute(query(pair, sat), &graph, &estimates)) != nil { found += 1 }
                    settled += finder.settled
                }
            }
            line(
                "routes for \(sat) sat: \(found) of \(pairs.count)",
                perSecond(pairs.count, time.cpu) + String(format: "   %.0f nodes settled", Double(settled) / Double(pairs.count)))
        }
        flows(pairs, &graph, &finder)
    }

    /// What a minimal-cost flow costs where one part would not do.
    private static func flows(_ pairs: [(NodeKey, NodeKey)], _ graph: inout NetworkGraph, _ finder: inout RouteFinder) {
        var estimates = LiquidityEstimates()
        var times: [Double] = []
        var parts = 0
        for pair in pairs {
            let query = RouteQuery(
                from: pair.0, to: pair.1, amount: MilliSatoshi(1_000_000_000), maxFee: MilliSatoshi(5_000_000), finalCLTVDelta: 144,
                localChannels: nil, now: now)
            var routes: [Route]?
            let time = measure { routes = try? finder.findParts(query, maxParts: 32, &graph, &estimates) }
            guard let routes, routes.count > 1 else { continue }
            parts += routes.count
            times.append(time.cpu * 1000)
        }
        times.sort()
        guard !times.isEmpty else { return }
        line(
            "minimal-cost flows of 1,000,000 sat in several parts",
            String(
                format: "%d, %.1f parts: median %.2f ms, 95 %% within %.2f ms", times.count, Double(parts) / Double(times.count),
                times[times.count / 2], times[times.count * 95 / 100]))
    }

    // MARK: Success

    /// Payments over channels whose money lies somewhere, the same for every way of paying.
    private struct FixedLiquidity {
        let graph: NetworkGraph
        /// In msat, what each direction can send.
        var left: [DirectedChannel: UInt64] = [:]
        var channels: [NodeKey: [NetworkGraph.ChannelView]] = [:]

        init(_ graph: NetworkGraph, _ random: inout SeededRandom) {
            self.graph = graph
            for channel in graph.allChannels {
                let first = UInt64.random(in: 0...channel.capacity * 1000, using: &random)
                left[DirectedChannel(channel.shortChannelID, direction: 0)] = first
                left[DirectedChannel(channel.shortChannelID, direction: 1)] = channel.capacity * 1000 - first
                channels[channel.node1, default: []].append(channel)
                channels[channel.node2, default: []].append(channel)
            }
        }

        /// Channels over which a node can send, or receive, with what is there.
        func usable(_ node: NodeKey, sending: Bool) -> [(channel: NetworkGraph.ChannelView, other: NodeKey, amount: UInt64)] {
            (channels[node] ?? []).compactMap { channel in
                let isFirst = channel.node1 == node
                let policy = isFirst == sending ? channel.policy1 : channel.policy2
                guard let policy, !policy.isDisabled else { return nil }
                let amount = left[DirectedChannel(channel.shortChannelID, direction: isFirst == sending ? 0 : 1)]!
                return (channel, isFirst ? channel.node2 : channel.node1, min(amount, policy.htlcMaximum))
            }
        }

        /// Sends a part; the hop whose channel had too little, or `nil` when it arrived.
        mutating func send(_ route: Route) -> Int? {
            let directions = route.directions
            for (index, hop) in route.hops.enumerated() where left[directions[index]]! < hop.amount.value { return index }
            for (index, hop) in route.hops.enumerated() { left[directions[index]]! -= hop.amount.value }
            return nil
        }

        mutating func undo(_ routes: [Route]) {
            for route in routes {
                for (directed, hop) in zip(route.directions, route.hops) { left[directed]! += hop.amount.value }
            }
        }
    }

    /// How many payments arrive, with what it took.
    private struct Outcome {
        var arrived = 0
        var attempts = 0
        var fees: UInt64 = 0
        var parts = 0
    }

    private static func pay(
        _ pair: (NodeKey, NodeKey), _ sat: UInt64, _ liquidity: inout FixedLiquidity, _ graph: inout NetworkGraph,
        _ finder: inout RouteFinder,
        parts: Int, learns: Bool, _ outcome: inout Outcome
    ) {
        var estimates = LiquidityEstimates()
        let amount = MilliSatoshi(sat * 1000)
        let budget = MilliSatoshi(sat * 5)
        var sent: [Route] = []
        var excluded: Set<DirectedChannel> = []
        var tries = 0
        while tries < 50 {
            let done = sent.reduce(MilliSatoshi.zero) { $0 + $1.amount }
            if done == amount { break }
            var query = RouteQuery(
                from: pair.0, to: pair.1, amount: amount - done,
                maxFee: budget.saturatingSubtracting(sent.reduce(.zero) { $0 + $1.fee }), finalCLTVDelta: 144,
                localChannels: liquidity.usable(pair.0, sending: true).map {
                    LocalChannel(shortChannelID: $0.channel.shortChannelID, peer: $0.other, spendable: $0.amount, htlcMinimum: 1)
                }, now: now)
            query.excluded = excluded
            for route in sent {
                for (directed, hop) in zip(route.directions, route.hops).dropFirst() { query.inUse[directed, default: .zero] += hop.amount }
            }
            guard let routes = try? finder.findParts(query, maxParts: max(1, parts - sent.count), &graph, &estimates) else { break }
            for route in routes {
                tries += 1
                let directions = route.directions
                let failed = liquidity.send(route)
                if learns {
                    for index in 1..<max(1, failed ?? route.hops.count) {
                        estimates.learnAtLeast(route.hops[index].amount, directions[index], now: now)
                    }
                }
                guard let failed else {
                    sent.append(route)
                    continue
                }
                if failed > 0, learns {
                    estimates.learnLess(than: route.hops[failed].amount, directions[failed], now: now)
                } else {
                    excluded.insert(directions[failed])
                }
            }
        }
        outcome.attempts += tries
        if sent.reduce(MilliSatoshi.zero, { $0 + $1.amount }) == amount {
            outcome.arrived += 1
            outcome.parts += sent.count
            outcome.fees += sent.reduce(0) { $0 + $1.fee.value }
        }
        liquidity.undo(sent)
    }

    /// Success rates within a fee cap of 0.5 %, beside plain Dijkstra that leaves out what failed.
    static func success(_ path: String, count: Int = 300) throws {
        var graph = try load(path)
        var random = SeededRandom(seed: 11)
        var liquidity = FixedLiquidity(graph, &random)
        let nodes = graph.nodeKeys
        for sat: UInt64 in [10_000, 100_000, 1_000_000, 10_000_000] {
            var pairs: [(NodeKey, NodeKey)] = []
            while pairs.count < count {
                let pair = (nodes[Int.random(in: 0..<nodes.count, using: &random)], nodes[Int.random(in: 0..<nodes.count, using: &random)])
                // Both have what it takes: the payer to send, the payee to receive.
                guard pair.0 != pair.1, liquidity.usable(pair.0, sending: true).reduce(0, { $0 + $1.amount }) >= sat * 1010,
                    liquidity.usable(pair.1, sending: false).reduce(0, { $0 + $1.amount }) >= sat * 1000
                else { continue }
                pairs.append(pair)
            }
            for (name, parts, learns, cost) in [
                ("plain Dijkstra with retries", 1, false, RouteCost.feesOnly), ("one part, likely routes, learning", 1, true, RouteCost()),
                ("up to 32 parts", 32, true, RouteCost()),
            ] {
                var finder = RouteFinder()
                finder.cost = cost
                var outcome = Outcome()
                let time = measure {
                    for pair in pairs { pay(pair, sat, &liquidity, &graph, &finder, parts: parts, learns: learns, &outcome) }
                }
                let arrived = Double(max(1, outcome.arrived))
                line(
                    "\(sat) sat, \(name)",
                    String(
                        format: "%5.1f %%  %4.1f HTLCs  %4.1f parts  fee %.3f %%  %6.2f ms", 100 * Double(outcome.arrived) / Double(count),
                        Double(outcome.attempts) / Double(count), Double(outcome.parts) / arrived,
                        Double(outcome.fees) / arrived / Double(sat) / 10, time.cpu * 1000 / Double(count)))
            }
        }
    }
}
