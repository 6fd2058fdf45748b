import BitcoinPrimitives
import CryptoPrimitives
import Foundation
import LightningRouting
import LightningRuntime
import LightningSimulation
import LightningWire

/// Routes over the real network's graph, beside a search as simple as it can be.
enum RoutingBenchmark {
    static let now = Timestamp(seconds: 1_770_000_000)

    static func load(_ path: String) throws -> NetworkGraph { try GraphTable.load(path, timestamp: now.headerTime) }

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

    /// Success rates within a fee cap of 0.5 %, beside plain Dijkstra that leaves out what failed.
    static func success(_ path: String, count: Int = 300) throws {
        let graph = try load(path)
        var random = SeededRandom(seed: 11)
        var liquidity = FixedLiquidity(graph, now: now, using: &random)
        for sat: UInt64 in [10_000, 100_000, 1_000_000, 10_000_000] {
            let amount = MilliSatoshi(sat * 1000)
            let pairs = (0..<count).compactMap { _ in liquidity.pair(for: amount, using: &random) }
            for (name, way) in [
                ("plain Dijkstra with retries", FixedLiquidity.Way.plainDijkstra),
                ("one part, likely routes, learning", .init(maxParts: 1, learns: true, cost: RouteCost())), ("up to 32 parts", .node),
            ] {
                var finder = RouteFinder()
                var outcome = FixedLiquidity.Outcome()
                let time = measure {
                    for pair in pairs {
                        liquidity.pay(
                            amount, from: pair.payer, to: pair.payee, maxFee: MilliSatoshi(sat * 5), way, &finder, &outcome)
                    }
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
