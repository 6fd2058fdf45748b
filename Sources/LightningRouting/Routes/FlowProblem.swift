import LightningWire

/// A payment as a flow: how much each channel can take, and what each millisatoshi more costs.
///
/// The less of a channel's uncertain money is used, the likelier it is there: the cost of using it rises, piece by piece,
/// with what is used already. So the cheapest flow spreads an amount over channels where that makes success likelier.
/// (After Pickhardt and Richter, “Optimally Reliable & Cheap Payment Flows on the Lightning Network”, 2021.)
struct FlowProblem {
    /// A part of a channel's capacity within which every millisatoshi costs the same.
    struct Piece {
        /// In msat.
        var start: UInt64
        var end: UInt64
        /// In billionths of a msat for each msat.
        var slope: Int64
    }

    /// An edge that the graph does not have: one of our channels, or a hint.
    struct Extra {
        var from: UInt32
        var to: UInt32
        var capacity: UInt64
        var slope: Int64
    }

    let query: RouteQuery
    let source: UInt32
    let target: UInt32
    /// Our channels first, in the order of the query, then the hints in theirs.
    private(set) var extras: [Extra] = []
    let firstCount: Int
    private(set) var nodeCount: Int
    private(set) var extrasFrom: [UInt32: [Int]] = [:]
    private(set) var extrasInto: [UInt32: [Int]] = [:]
    private let ownNode: UInt32
    private let limits: RouteLimits
    private let uncertaintyPrice: UInt64
    private let blockSlope: Int64
    /// What is paid once for each HTLC is spread over a part of this size.
    private let partSize: UInt64
    private let hopSlope: Int64

    /// The fractions, in 1/1024 of what is uncertain, at which the price changes, and the bits of uncertainty up to each, in 1/1024.
    /// The last twentieth is not used: nobody knows less of it, and it leaves room for fees.
    private static let steps: [(fraction: UInt64, uncertainty: UInt64)] = [(256, 425), (512, 1024), (717, 1779), (870, 2801), (973, 4434)]

    /// - Parameter reserve: what is kept in each of our channels for fees, in msat.
    init(
        _ query: RouteQuery, _ cost: RouteCost, reserve: UInt64, _ graph: NetworkGraph, _ estimates: LiquidityEstimates
    ) throws(RouteRefusal) {
        self.query = query
        guard (1..<RouteSearch.amountBound).contains(query.amount.value) else { throw .noCapacity }
        ownNode = graph.node(query.source) ?? .max
        partSize = max(RouteFinder.minimumPart, query.amount.value / 8)
        uncertaintyPrice = cost.uncertaintyPrice(query.amount.value)
        blockSlope = Int64(clamping: cost.blockBillionths)
        hopSlope = Int64(clamping: cost.hopBase * 1_000_000_000 / partSize)
        // The source is a node of its own, so that only our channels leave it.
        source = UInt32(graph.nodes.count)
        nodeCount = graph.nodes.count + 1
        var numbers: [NodeKey: UInt32] = [:]
        var count = UInt32(graph.nodes.count + 1)
        func number(_ key: NodeKey) -> UInt32 {
            if let known = graph.node(key) { return known }
            if let known = numbers[key] { return known }
            numbers[key] = count
            count += 1
            return count - 1
        }
        target = number(query.destination)
        limits = RouteLimits(query, graph)
        if let local = query.localChannels {
            for channel in local {
                let directed = DirectedChannel(channel.shortChannelID, from: query.source, to: channel.peer)
                // Fees leave by the same channels.
                let capacity = query.excluded.contains(directed) ? 0 : channel.spendable - min(channel.spendable, reserve)
                extras.append(Extra(from: source, to: number(channel.peer), capacity: capacity, slope: 0))
            }
        } else {
            guard ownNode != .max else { throw .unknownDestination }
            extras.append(Extra(from: source, to: ownNode, capacity: .max >> 8, slope: 0))
        }
        firstCount = extras.count
        for hint in query.hints {
            var slope: Int64 = 0
            for hop in hint.hops {
                slope += feeSlope(base: hop.policy.feeBase, ppm: min(hop.policy.feeProportionalMillionths, RouteMap.feeBound))
                slope += Int64(hop.policy.cltvExpiryDelta) * blockSlope + hopSlope
            }
            extras.append(Extra(from: number(hint.hops[0].from), to: target, capacity: hint.room(query, graph, estimates), slope: slope))
        }
        for (index, extra) in extras.enumerated() {
            extrasFrom[extra.from, default: []].append(index)
            extrasInto[extra.to, default: []].append(index)
        }
        nodeCount = Int(count)
    }

    private func feeSlope(base: UInt32, ppm: UInt32) -> Int64 {
        Int64(ppm) * 1000 + Int64(clamping: UInt64(base) * 1_000_000_000 / partSize)
    }

    /// The capacity that can be used of an edge, and the price of what comes after `used` of it; `nil` where nothing is left.
    @inline(__always)
    func piece(
        _ arc: RouteMap.Arc, after used: UInt64, _ graph: NetworkGraph, _ estimates: LiquidityEstimates
    ) -> Piece? {
        guard arc.isUsable, UInt64(arc.htlcMinimum) <= partSize else { return nil }
        if limits.forbids(arc, graph) { return nil }
        if used == 0, !arc.isEstimated, limits.inUse.isEmpty, query.localChannels != nil { return firstPiece(arc) }
        return Self.find(pieces(arc, graph, estimates), used)
    }

    /// What most edges are: nothing is known of them, and nothing is used.
    @inline(__always)
    private func firstPiece(_ arc: RouteMap.Arc) -> Piece? {
        let base =
            feeSlope(base: arc.feeBase, ppm: arc.feeProportionalMillionths) + Int64(arc.cltvExpiryDelta) * blockSlope + hopSlope
        guard uncertaintyPrice > 0 else { return arc.capacity > 0 ? Piece(start: 0, end: arc.capacity, slope: base) : nil }
        let width = arc.capacity / 1024 * Self.steps[0].fraction
        guard width > 0 else { return Self.find(piecesOf(lower: 0, upper: arc.capacity, base: base), 0) }
        return Piece(start: 0, end: width, slope: base + uncertaintySlope(Self.steps[0].uncertainty, width))
    }

    /// The price of so many units of uncertainty spread over so many msat, in billionths.
    @inline(__always)
    private func uncertaintySlope(_ uncertainty: UInt64, _ width: UInt64) -> Int64 {
        let price = (uncertaintyPrice * uncertainty).multipliedFullWidth(by: 976_562)
        let slope = price.high < width ? width.dividingFullWidth(price).quotient : Self.slopeBound
        return Int64(min(slope, Self.slopeBound))
    }

    /// Four thousand times what is sent.
    private static let slopeBound: UInt64 = 1 << 42

    /// The piece in which an edge's flow ends: what taking a millisatoshi back saves.
    func lastPiece(_ arc: RouteMap.Arc, of used: UInt64, _ graph: NetworkGraph, _ estimates: LiquidityEstimates) -> Piece? {
        used == 0 ? nil : Self.find(pieces(arc, graph, estimates), used - 1)
    }

    private static func find(_ pieces: PieceList, _ position: UInt64) -> Piece? {
        for index in 0..<pieces.count where position < pieces[index].end { return pieces[index] }
        return nil
    }

    /// At most six pieces, without an allocation.
    private struct PieceList {
        private var storage: (Piece, Piece, Piece, Piece, Piece, Piece)
        private(set) var count = 0

        init() {
            let none = Piece(start: 0, end: 0, slope: 0)
            storage = (none, none, none, none, none, none)
        }

        subscript(index: Int) -> Piece {
            switch index {
            case 0: storage.0
            case 1: storage.1
            case 2: storage.2
            case 3: storage.3
            case 4: storage.4
            default: storage.5
            }
        }

        mutating func append(_ piece: Piece) {
            guard piece.end > piece.start else { return }
            switch count {
            case 0: storage.0 = piece
            case 1: storage.1 = piece
            case 2: storage.2 = piece
            case 3: storage.3 = piece
            case 4: storage.4 = piece
            default: storage.5 = piece
            }
            count += 1
        }
    }

    private func pieces(_ arc: RouteMap.Arc, _ graph: NetworkGraph, _ estimates: LiquidityEstimates) -> PieceList {
        var lower: UInt64 = 0
        var upper = arc.capacity
        if arc.isEstimated {
            let id = ShortChannelID(graph.channels[Int(arc.edge / 2)].shortChannelID)
            let directed = DirectedChannel(id, direction: UInt8(arc.edge & 1))
            (lower, upper) = estimates.range(directed, capacity: arc.capacity, now: query.now)
        }
        let used = limits.inUse.isEmpty ? 0 : limits.inUse[arc.edge] ?? 0
        lower -= min(lower, used)
        upper -= min(upper, used)
        let isFirst = query.localChannels == nil && graph.origins[Int(arc.edge)] == ownNode
        let base =
            (isFirst
                ? 0 : feeSlope(base: arc.feeBase, ppm: arc.feeProportionalMillionths) + Int64(arc.cltvExpiryDelta) * blockSlope)
            + hopSlope
        return piecesOf(lower: lower, upper: upper, base: base)
    }

    private func piecesOf(lower: UInt64, upper: UInt64, base: Int64) -> PieceList {
        var list = PieceList()
        guard uncertaintyPrice > 0 else {
            list.append(Piece(start: 0, end: upper, slope: base))
            return list
        }
        list.append(Piece(start: 0, end: lower, slope: base))
        let uncertain = upper - lower
        var start = lower
        var before: UInt64 = 0
        for step in Self.steps {
            let end = lower + uncertain / 1024 * step.fraction
            if end > start {
                list.append(Piece(start: start, end: end, slope: base + uncertaintySlope(step.uncertainty - before, end - start)))
            }
            start = max(start, end)
            before = step.uncertainty
        }
        return list
    }
}
