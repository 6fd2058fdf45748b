import LightningWire

/// The graph laid out for searching: every edge twice, beside the other edges of the node that it leaves, and of the node
/// that it enters, with all that its cost depends on.
///
/// A search reads thousands of edges of a few hubs; laid out so, they come into the processor in a row.
struct RouteMap: Sendable {
    /// An edge as a search sees it: 40 bytes.
    struct Arc: Sendable {
        /// The node at the other end.
        var other: UInt32
        var edge: UInt32
        var feeBase: UInt32
        var feeProportionalMillionths: UInt32
        /// In msat; what is more than 32 bits is checked when the route is built.
        var htlcMinimum: UInt32
        var cltvExpiryDelta: UInt16
        var isUsable: Bool
        /// Whether something was learned of the edge.
        var isEstimated: Bool
        /// In msat.
        var htlcMaximum: UInt64
        /// In msat.
        var capacity: UInt64
    }

    static let feeBound: UInt32 = 1 << 24
    /// Where each node's arcs begin, and one more.
    private(set) var starts: [Int32] = [0]
    /// Edges that leave a node.
    private(set) var outgoing: [Arc] = []
    /// Edges that enter a node.
    private(set) var incoming: [Arc] = []
    /// Where an edge is in `outgoing` and in `incoming`; -1 where it is not.
    private var outgoingPlace: [Int32] = []
    private var incomingPlace: [Int32] = []
    private var version: UInt64 = .max

    var nodeBound: Int { starts.count - 1 }

    /// Takes up what has changed in the graph and in the estimates.
    mutating func update(_ graph: inout NetworkGraph, _ estimates: inout LiquidityEstimates) {
        if version != graph.topologyVersion {
            build(graph)
            for directed in estimates.bounds.keys { mark(directed, graph) }
            version = graph.topologyVersion
        } else {
            for edge in graph.changedPolicies {
                let (isOutgoing, isIncoming) = (outgoingPlace[Int(edge)], incomingPlace[Int(edge)])
                guard isOutgoing >= 0, isIncoming >= 0 else { continue }
                Self.fill(&outgoing[Int(isOutgoing)], graph)
                Self.fill(&incoming[Int(isIncoming)], graph)
            }
            for directed in estimates.unseen { mark(directed, graph) }
        }
        graph.changedPolicies = []
        estimates.unseen = []
    }

    private mutating func mark(_ directed: DirectedChannel, _ graph: NetworkGraph) {
        guard let edge = graph.edge(directed), Int(edge) < outgoingPlace.count, outgoingPlace[Int(edge)] >= 0 else { return }
        outgoing[Int(outgoingPlace[Int(edge)])].isEstimated = true
        incoming[Int(incomingPlace[Int(edge)])].isEstimated = true
    }

    private static func fill(_ arc: inout Arc, _ graph: NetworkGraph) {
        let policy = graph.policies[Int(arc.edge)]
        let channel = graph.channels[Int(arc.edge / 2)]
        arc.feeBase = policy.feeBase
        arc.feeProportionalMillionths = policy.feeProportionalMillionths
        arc.htlcMinimum = UInt32(clamping: policy.htlcMinimum)
        arc.cltvExpiryDelta = policy.cltvExpiryDelta
        let capacity = channel.capacity.multipliedReportingOverflow(by: 1000)
        arc.capacity = capacity.overflow ? .max : channel.capacity == 0 ? policy.htlcMaximum : capacity.partialValue
        arc.htlcMaximum = min(policy.htlcMaximum, arc.capacity)
        arc.isUsable =
            channel.isUsed && policy.isKnown && !policy.isDisabled && channel.spentHeight == 0 && !channel.isUnroutable
            && !graph.nodes[Int(channel.node1)].isUnroutable && !graph.nodes[Int(channel.node2)].isUnroutable
            // "if htlc_maximum_msat < htlc_minimum_msat: SHOULD ignore this channel during route considerations"; and
            // "if htlc_maximum_msat is greater than channel capacity: … SHOULD ignore this channel during route considerations": many are by their fee reserve, and
            // so the capacity bounds it.
            && policy.htlcMaximum >= policy.htlcMinimum && policy.htlcMaximum > 0
            // Sixteen times what is forwarded: nobody pays that, and no sum of such fees may overflow.
            && policy.feeProportionalMillionths < feeBound
    }

    private mutating func build(_ graph: NetworkGraph) {
        let nodes = graph.nodes.count
        var counts = [Int32](repeating: 0, count: nodes + 1)
        for channel in graph.channels where channel.isUsed {
            counts[Int(channel.node1)] += 1
            counts[Int(channel.node2)] += 1
        }
        var sum: Int32 = 0
        starts = counts.map { count in
            defer { sum += count }
            return sum
        }
        let empty = Arc(
            other: 0, edge: 0, feeBase: 0, feeProportionalMillionths: 0, htlcMinimum: 0, cltvExpiryDelta: 0, isUsable: false,
            isEstimated: false, htlcMaximum: 0, capacity: 0)
        outgoing = [Arc](repeating: empty, count: Int(sum))
        incoming = outgoing
        outgoingPlace = [Int32](repeating: -1, count: graph.edgeBound)
        incomingPlace = outgoingPlace
        var next = starts
        for (number, channel) in graph.channels.enumerated() where channel.isUsed {
            for (node, other, edge) in [(channel.node1, channel.node2, 2 * number), (channel.node2, channel.node1, 2 * number + 1)] {
                let place = Int(next[Int(node)])
                next[Int(node)] += 1
                outgoing[place].other = other
                outgoing[place].edge = UInt32(edge)
                incoming[place].other = other
                incoming[place].edge = UInt32(edge ^ 1)
                outgoingPlace[edge] = Int32(place)
                incomingPlace[edge ^ 1] = Int32(place)
                Self.fill(&outgoing[place], graph)
                Self.fill(&incoming[place], graph)
            }
        }
    }

    /// The arc of an edge.
    func arc(_ edge: UInt32) -> Arc { outgoing[Int(outgoingPlace[Int(edge)])] }
}
