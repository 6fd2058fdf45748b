import BitcoinPrimitives
import Foundation
import LightningChannel
import LightningRouting
import LightningRuntime
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
            guard names.count > 1 else { throw ControlFailure(.usage, "a network needs two nodes at least") }
            var random = SeededRandom(seed: UInt64(names.count))
            self.names = names
            edges = Topology(shape, nodes: names.count, using: &random).channels.map {
                Edge(from: $0.0, to: $0.1, capacity: Self.usualCapacity)
            }
            return
        }
        let shapes = Topology.Shape.allCases.map(\.rawValue).joined(separator: ", ")
        guard let file = try? String(contentsOfFile: text, encoding: .utf8) else {
            throw ControlFailure(.usage, "--topology \(text) is neither one of \(shapes) nor a file that can be read")
        }
        var found: [String] = []
        edges = []
        for (number, line) in file.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let fields = line.split(whereSeparator: \.isWhitespace).map(String.init)
            guard let first = fields.first, !first.hasPrefix("#") else { continue }
            if fields.count > 1, fields[0] == fields[1] {
                throw ControlFailure(.usage, "line \(number + 1) of \(text): \(fields[0]) has no channel with itself")
            }
            guard fields.count == 2 || fields.count == 3,
                let capacity = fields.count == 2 ? Self.usualCapacity.value : UInt64(fields[2]), (20_000...16_777_215).contains(capacity)
            else {
                throw ControlFailure(
                    .usage,
                    "line \(number + 1) of \(text) is not “<node> <node> <sat>”, with 20,000 to 16,777,215 sat (1,000,000 if left out)")
            }
            for name in fields.prefix(2) where !found.contains(name) { found.append(name) }
            edges.append(
                Edge(from: found.firstIndex(of: fields[0])!, to: found.firstIndex(of: fields[1])!, capacity: Satoshi(capacity)))
        }
        guard !edges.isEmpty else { throw ControlFailure(.usage, "\(text) names no channel") }
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
        throw ControlFailure(.internal, "the announcements of the channels did not reach every node within a minute")
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

/// Where texts stand in a picture, so that no two stand on each other as long as there is room.
private struct Labels {
    private var taken: [(x: Double, y: Double, width: Double)] = []

    /// A place on the line from one point to another, as near to a fraction of it as may be.
    mutating func place(
        between a: (x: Double, y: Double), _ b: (x: Double, y: Double), from fraction: Double, characters: Int
    ) -> (x: Double, y: Double) {
        let width = Double(characters) * 6.5
        var best: (x: Double, y: Double)?
        var first: (x: Double, y: Double)?
        for step in 0..<16 {
            let offset = Double((step + 1) / 2) * (step % 2 == 0 ? 0.035 : -0.035)
            let share = fraction + offset
            guard share >= 0.15, share <= 0.85 else { continue }
            let place = (x: a.x + (b.x - a.x) * share, y: a.y + (b.y - a.y) * share)
            first = first ?? place
            if isFree(place, width) {
                best = place
                break
            }
        }
        let found = best ?? first ?? a
        taken.append((found.x, found.y, width))
        return found
    }

    private func isFree(_ place: (x: Double, y: Double), _ width: Double) -> Bool {
        for other in taken {
            let room = (other.width + width) / 2
            if abs(other.x - place.x) < room, abs(other.y - place.y) < 13 { return false }
        }
        return true
    }
}

/// A network as a picture: nodes in a circle, channels with their capacity and how it is shared, and the terms at either end.
enum GraphDrawing {
    static func svg(_ graph: JSONValue, shares: [String: Double]) -> String {
        let nodes = graph["nodes"].list
        let channels = graph["channels"].list
        let radius = max(160.0, Double(nodes.count) * 34)
        let size = 2 * radius + 260
        var places: [String: (x: Double, y: Double)] = [:]
        for (index, node) in nodes.enumerated() {
            let angle = 2 * Double.pi * Double(index) / Double(max(1, nodes.count)) - Double.pi / 2
            places[node["id"].string] = (size / 2 + radius * cos(angle), size / 2 + radius * sin(angle))
        }
        func n(_ value: Double) -> String { String(format: "%.1f", value) }
        func escaped(_ text: String) -> String {
            text.replacingOccurrences(of: "&", with: "&amp;").replacingOccurrences(of: "<", with: "&lt;")
        }
        func terms(_ t: JSONValue) -> String {
            t == .null
                ? "" : t["disabled"].flag ? "disabled" : "\(Format.bare(t["fee_base_msat"].u64))+\(t["fee_proportional_millionths"].u64)ppm"
        }
        /// A text with the background's colour around it, so that lines do not run through it.
        func text(_ content: String, at place: (x: Double, y: Double), _ style: String, title: String = "") -> String {
            let position = "x=\"\(n(place.x))\" y=\"\(n(place.y))\" text-anchor=\"middle\""
            let title = title.isEmpty ? "" : "<title>\(title)</title>"
            let size = style.contains("font-size") ? " font-size=\"10\"" : ""
            return "<text \(position)\(size) stroke=\"#fbfaf7\" stroke-width=\"4\" fill=\"#fbfaf7\">\(content)</text>"
                + "<text \(position) \(style)>\(content)\(title)</text>"
        }
        var parts = [
            """
            <svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 \(n(size)) \(n(size))" font-family="system-ui, sans-serif" font-size="12">
            <rect width="100%" height="100%" fill="#fbfaf7"/>
            """
        ]
        var labels = Labels()
        var parallels: [String: Int] = [:]
        for channel in channels {
            guard var a = places[channel["node_id_1"].string], var b = places[channel["node_id_2"].string] else { continue }
            // Channels of the same two nodes lie beside each other.
            let pair = channel["node_id_1"].string + channel["node_id_2"].string
            let number = parallels[pair, default: 0]
            parallels[pair] = number + 1
            let distance = max(1, hypot(b.x - a.x, b.y - a.y))
            let shift = Double((number + 1) / 2) * (number % 2 == 0 ? 12 : -12)
            let aside = (x: -(b.y - a.y) / distance * shift, y: (b.x - a.x) / distance * shift)
            a = (a.x + aside.x, a.y + aside.y)
            b = (b.x + aside.x, b.y + aside.y)
            // What is on whose side, where that is known: the line changes its colour there.
            let share = shares[channel["short_channel_id"].string] ?? 0.5
            let middle = (x: a.x + (b.x - a.x) * share, y: a.y + (b.y - a.y) * share)
            let width = 1.5 + min(6, log10(Double(max(10, channel["capacity_sat"].u64))) - 3)
            parts.append(
                """
                <line x1="\(n(a.x))" y1="\(n(a.y))" x2="\(n(middle.x))" y2="\(n(middle.y))" stroke="#d9822b" stroke-width="\(n(width))"/>
                <line x1="\(n(middle.x))" y1="\(n(middle.y))" x2="\(n(b.x))" y2="\(n(b.y))" stroke="#7c93a8" stroke-width="\(n(width))"/>
                """)
            let capacity = Format.thousands(channel["capacity_sat"].u64)
            let center = labels.place(between: a, b, from: 0.5, characters: capacity.count)
            parts.append(
                text(capacity, at: (center.x, center.y - 4), "fill=\"#222\"", title: channel["short_channel_id"].string))
            for (end, words, other) in [(a, terms(channel["terms_1"]), b), (b, terms(channel["terms_2"]), a)] {
                let at = labels.place(between: end, other, from: 0.24, characters: words.count)
                parts.append(text(words, at: at, "fill=\"#777\" font-size=\"10\""))
            }
        }
        for node in nodes {
            guard let place = places[node["id"].string] else { continue }
            let name = node["alias"].text ?? Format.short(node["id"].string)
            parts.append(
                """
                <circle cx="\(n(place.x))" cy="\(n(place.y))" r="22" fill="#fff" stroke="#444" stroke-width="1.5"/>
                <text x="\(n(place.x))" y="\(n(place.y + 4))" text-anchor="middle" font-weight="600">\(escaped(String(name.prefix(8))))<title>\(node["id"].string)</title></text>
                """)
        }
        return (parts + ["</svg>\n"]).joined(separator: "\n")
    }
}
