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
    }
}
