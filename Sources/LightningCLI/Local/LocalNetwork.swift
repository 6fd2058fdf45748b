import BitcoinPrimitives
import Foundation
import LightningAPI
import LightningChannel
import LightningRouting
import LightningRuntime
import LightningScenarios
import LightningSimulation
import LightningTransactions
import LightningWire

/// The channels that `lnw local up --topology` opens.
struct LocalTopology {
    struct Edge {
        var from: Int
        var to: Int
        var capacity: Satoshi
    }

    var names: [String]
    var edges: [Edge]

    static let usualCapacity = Satoshi(1_000_000)

    /// - Parameters:
    ///   - text: a shape, or a file with a line for each channel: `alice bob 1000000`.
    ///   - names: of the nodes; a file brings its own.
    init(_ text: String, names: [String]) throws {
        if let shape = Topology.Shape(rawValue: text) {
            guard names.count > 1 else { throw CallFailure(.usage, "a network needs two nodes at least") }
            var random = SeededRandom(seed: UInt64(names.count))
            self.names = names
            edges = Topology(shape, nodes: names.count, using: &random).channels.map {
                Edge(from: $0.0, to: $0.1, capacity: Self.usualCapacity)
            }
            return
        }
        let shapes = Topology.Shape.allCases.map(\.rawValue).joined(separator: ", ")
        guard let file = try? String(contentsOfFile: text, encoding: .utf8) else {
            throw CallFailure(.usage, "--topology \(text) is neither one of \(shapes) nor a file that can be read")
        }
        var found: [String] = []
        edges = []
        for (number, line) in file.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let fields = line.split(whereSeparator: \.isWhitespace).map(String.init)
            guard let first = fields.first, !first.hasPrefix("#") else { continue }
            if fields.count > 1, fields[0] == fields[1] {
                throw CallFailure(.usage, "line \(number + 1) of \(text): \(fields[0]) has no channel with itself")
            }
            guard fields.count == 2 || fields.count == 3,
                let capacity = fields.count == 2 ? Self.usualCapacity.value : UInt64(fields[2]), (20_000...16_777_215).contains(capacity)
            else {
                throw CallFailure(
                    .usage,
                    "line \(number + 1) of \(text) is not “<node> <node> <sat>”, with 20,000 to 16,777,215 sat (1,000,000 if left out)")
            }
            for name in fields.prefix(2) where !found.contains(name) { found.append(name) }
            edges.append(
                Edge(from: found.firstIndex(of: fields[0])!, to: found.firstIndex(of: fields[1])!, capacity: Satoshi(capacity)))
        }
        guard !edges.isEmpty else { throw CallFailure(.usage, "\(text) names no channel") }
        self.names = found
    }
}

extension LocalWorld {
    /// Funds the nodes, opens their channels with half on either side, and waits until everybody knows of all.
    func open(_ topology: LocalTopology, _ nodes: [LightningNode], progress: (String) -> Void) async throws {
        // After a restart the channels are there already; what was interrupted is completed, and what was closed stays closed.
        var missing = topology.edges
        var (open, isOther) = (0, false)
        for (index, node) in nodes.enumerated() {
            for channel in try await node.channels() where channel.parameters.isOpener && channel.parameters.announce {
                if !channel.isClosed { open += 1 }
                let other = nodes.firstIndex { $0.nodeID == channel.parameters.remoteNodeID }
                if let done = missing.firstIndex(where: { $0.from == index && $0.to == other }) {
                    missing.remove(at: done)
                } else {
                    isOther = true
                }
            }
        }
        if missing.count < topology.edges.count || isOther { try await waitForPeers(nodes) }
        if isOther {
            return Terminal.error(
                "there are channels of another shape already: --topology is not applied. Another LNW_HOME makes another network")
        }
        var needed = [UInt64](repeating: 0, count: nodes.count)
        for edge in missing { needed[edge.from] += edge.capacity.value + 20_000 }
        // What is kept for the claims of closes, at most, stays beside that.
        for index in needed.indices where needed[index] > 0 { needed[index] += 100_000 }
        progress("funding \(needed.count { $0 > 0 }) nodes")
        for (index, amount) in needed.enumerated() where amount > 0 {
            _ = try await fund(await nodes[index].newAddress().script, Satoshi(amount))
        }
        progress("opening \(missing.count) channels")
        for (number, edge) in missing.enumerated() {
            let (one, other) = (nodes[edge.from], nodes[edge.to])
            try await one.connect(other.address!)
            try await one.openChannel(
                to: other.nodeID, amount: edge.capacity, push: MilliSatoshi(edge.capacity.value * 500), announce: true)
            // A new block now and then: change of a change has to confirm.
            if number % 8 == 7 { _ = try await mine(1) }
        }
        progress("waiting until every node knows every channel")
        try await spread(open + missing.count, nodes)
    }

    /// Mines until channels are six blocks deep, and waits until every node knows them all.
    private func spread(_ count: Int, _ nodes: [LightningNode]) async throws {
        for round in 0..<600 {
            var missing = 0
            for node in nodes {
                let known = try await node.graph().allChannels.count { $0.policy1 != nil && $0.policy2 != nil }
                missing += count - min(known, count)
            }
            if missing == 0 { return }
            // Peers answer each other between blocks.
            if round < 7 { _ = try await mine(1) }
            try await Task.sleep(for: .milliseconds(round < 7 ? 50 : 100))
        }
        throw CallFailure(.internal, "the announcements of the channels did not reach every node within a minute")
    }

    /// Tells each node where the others are now: they may have listened elsewhere before.
    func introduce(_ nodes: [LightningNode]) async throws {
        for node in nodes {
            for other in nodes where other.nodeID != node.nodeID {
                if let address = other.address { try await node.remember(address) }
            }
        }
    }

    /// Until the nodes of this network that have channels with each other have found each other again, or ten seconds have gone by.
    func waitForPeers(_ nodes: [LightningNode]) async throws {
        let own = Set(nodes.map(\.nodeID))
        for _ in 0..<100 {
            var waiting = false
            for node in nodes {
                for channel in try await node.channels()
                where channel.isOpen && channel.connection != .established && own.contains(channel.parameters.remoteNodeID) {
                    waiting = true
                }
            }
            if !waiting { return }
            try await Task.sleep(for: .milliseconds(100))
        }
    }
}

/// A local network as a picture.
enum GraphDrawing {
    /// - Parameter shares: what `node_id_1` has of each channel, where that is known: 0 to 1.
    static func svg(_ graph: JSONValue, shares: [String: Double]) -> String {
        let nodes = graph["nodes"].list
        let places = Dictionary(nodes.enumerated().map { ($0.element["id"].string, $0.offset) }, uniquingKeysWith: { first, _ in first })
        let names = nodes.map { $0["alias"].text ?? Format.short($0["id"].string) }
        func terms(_ terms: JSONValue) -> String {
            if terms == .null { return "not said" }
            if terms["disabled"].flag { return "disabled" }
            return "\(Format.msat(terms["fee_base_msat"].u64)) and \(terms["fee_proportional_millionths"].u64) ppm"
        }
        let links = graph["channels"].list.compactMap { channel -> NetworkDrawing.Link? in
            guard let from = places[channel["node_id_1"].string], let to = places[channel["node_id_2"].string] else { return nil }
            let capacity = channel["capacity_sat"].u64
            let share = shares[channel["short_channel_id"].string] ?? 0.5
            let note =
                "\(channel["short_channel_id"].string), \(Format.sat(capacity)); \(names[from]) asks for \(terms(channel["terms_1"])), "
                + "\(names[to]) for \(terms(channel["terms_2"]))"
            return .init(from: from, to: to, mine: UInt64(Double(capacity) * min(max(share, 0), 1)), capacity: capacity, note: note)
        }
        return NetworkDrawing(names: names, links: links).file
    }
}
