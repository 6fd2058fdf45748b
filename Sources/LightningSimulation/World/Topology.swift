/// Who has a channel with whom.
public struct Topology: Sendable {
    public enum Shape: String, Sendable, CaseIterable { case line, ring, star, random }

    /// Numbers of nodes; the first opens the channel.
    public var channels: [(Int, Int)]
    public var nodes: Int

    public init(nodes: Int, channels: [(Int, Int)]) {
        self.nodes = nodes
        self.channels = channels
    }

    /// A regular or random network that is connected.
    ///
    /// - Parameter nodes: at least two.
    public init(_ shape: Shape, nodes: Int, using random: inout SeededRandom) {
        self.nodes = nodes
        switch shape {
        case .line: channels = (1..<nodes).map { ($0 - 1, $0) }
        case .ring: channels = (1..<nodes).map { ($0 - 1, $0) } + (nodes > 2 ? [(nodes - 1, 0)] : [])
        case .star: channels = (1..<nodes).map { (0, $0) }
        case .random:
            // A random tree, so that all are connected, and as many channels again between any two.
            channels = (1..<nodes).map { (Int.random(in: 0..<$0, using: &random), $0) }
            var known = Set(channels.map { $0.0 * nodes + $0.1 })
            for _ in 0..<nodes {
                let (one, two) = (Int.random(in: 0..<nodes, using: &random), Int.random(in: 0..<nodes, using: &random))
                let pair = (min(one, two), max(one, two))
                guard one != two, known.insert(pair.0 * nodes + pair.1).inserted else { continue }
                channels.append(pair)
            }
        }
    }
}
