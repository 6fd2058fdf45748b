import BitcoinPrimitives
import LightningRecords
import LightningRouting
import LightningWire
import TestSupport
import Testing

/// A small generator, so that a failure's seed replays it.
struct Dice: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ z >> 30) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ z >> 27) &* 0x94d0_49bb_1331_11eb
        return z ^ z >> 31
    }
}

/// A network of numbered nodes.
struct Web {
    var graph = NetworkGraph()
    var estimates = LiquidityEstimates()
    var finder = RouteFinder()
    var edges: [(from: Int, to: Int, id: ShortChannelID, policy: RoutingPolicy)] = []

    static func key(_ number: Int) -> NodeKey { GraphTable.key(UInt64(number)) }

    mutating func join(_ one: Int, _ two: Int, capacity: UInt64, _ there: RoutingPolicy, _ back: RoutingPolicy) {
        let id = ShortChannelID(block: 100 + edges.count, transaction: 1, output: 0)
        let (a, b) = (Self.key(one), Self.key(two))
        let (first, second) = a < b ? (a, b) : (b, a)
        graph.add(channel: id, node1: first, node2: second, capacity: capacity)
        graph.set(there, of: DirectedChannel(id, from: a, to: b))
        graph.set(back, of: DirectedChannel(id, from: b, to: a))
        edges.append((one, two, id, there))
        edges.append((two, one, id, back))
    }

    static func policy(_ base: UInt32, _ ppm: UInt32 = 0, delta: UInt16 = 40, minimum: UInt64 = 1, maximum: UInt64 = 1 << 40)
        -> RoutingPolicy
    {
        RoutingPolicy(
            timestamp: 1000, feeBase: base, feeProportionalMillionths: ppm, cltvExpiryDelta: delta, htlcMinimum: minimum,
            htlcMaximum: maximum)
    }

    static func random(nodes: Int, channels: Int, ppm: UInt32, _ random: inout Dice) -> Web {
        var web = Web()
        for _ in 0..<channels {
            let (a, b) = (Int.random(in: 0..<nodes, using: &random), Int.random(in: 0..<nodes, using: &random))
            guard a != b else { continue }
            func policy() -> RoutingPolicy {
                Self.policy(
                    .random(in: 0...5000, using: &random), ppm == 0 ? 0 : .random(in: 0...ppm, using: &random),
                    delta: .random(in: 6...144, using: &random), minimum: .random(in: 0...3000, using: &random))
            }
            web.join(a, b, capacity: .random(in: 10_000...2_000_000, using: &random), policy(), policy())
        }
        return web
    }

    func query(_ from: Int, _ to: Int, _ msat: UInt64, maxFee: UInt64 = .max / 2) -> RouteQuery {
        var query = RouteQuery(
            from: Self.key(from), to: Self.key(to), amount: MilliSatoshi(msat), maxFee: MilliSatoshi(maxFee), finalCLTVDelta: 18,
            localChannels: nil, now: Timestamp(seconds: 2000))
        query.maxCLTVDelta = 1_000_000
        query.maxHops = 1000
        return query
    }

    mutating func route(_ query: RouteQuery) throws(RouteRefusal) -> Route { try finder.findRoute(query, &graph, &estimates) }
}

@Suite("the cheapest route", .ownThreads)
struct RouteTests {
    /// Bellman and Ford's way of finding what the cheapest route costs: as simple as can be.
    private static func cheapest(_ web: Web, nodes: Int, from: Int, to: Int, msat: UInt64) -> UInt64? {
        var cost = [UInt64?](repeating: nil, count: nodes)
        cost[from] = 0
        for _ in 0..<nodes {
            var changed = false
            for edge in web.edges {
                guard let reached = cost[edge.from], edge.policy.htlcMinimum <= msat,
                    web.graph.channel(edge.id)!.capacity * 1000 >= msat
                else { continue }
                let total = reached + (edge.from == from ? 0 : UInt64(edge.policy.feeBase))
                if cost[edge.to].map({ total < $0 }) ?? true {
                    cost[edge.to] = total
                    changed = true
                }
            }
            if !changed { break }
        }
        return cost[to]
    }

    @Test(arguments: 0..<300)
    func cheapestIsFound(seed: UInt64) throws {
        var random = Dice(state: seed)
        let nodes = Int.random(in: 2...60, using: &random)
        var web = Web.random(nodes: nodes, channels: nodes * 3, ppm: 0, &random)
        web.finder.cost = .feesOnly
        for _ in 0..<20 {
            let (from, to) = (Int.random(in: 0..<nodes, using: &random), Int.random(in: 0..<nodes, using: &random))
            let msat = UInt64.random(in: 1...500_000_000, using: &random)
            guard from != to, web.graph.node(Web.key(from)) != nil, web.graph.node(Web.key(to)) != nil else { continue }
            let expected = Self.cheapest(web, nodes: nodes, from: from, to: to, msat: msat)
            // With capacities at their limits the exact amounts may not fit where the payee's would.
            let isTight = web.edges.contains { edge in
                let capacity = web.graph.channel(edge.id)!.capacity * 1000
                return capacity >= msat && capacity - msat <= 300_000
            }
            let found: UInt64? = (try? web.route(web.query(from, to, msat)))?.fee.value
            if !isTight { #expect(found == expected, "seed \(seed): \(from) to \(to), \(msat) msat") }
        }
    }

    /// What every route must be, by BOLT 7: connected, within each channel's limits, and each forwarder gets what it asks for.
    static func check(_ route: Route, _ query: RouteQuery, _ graph: NetworkGraph, seed: UInt64) {
        let last = route.hops[route.hops.count - 1]
        #expect(last.node == query.destination, "seed \(seed)")
        #expect(route.amount == query.amount, "seed \(seed)")
        #expect(last.cltvDelta == query.finalCLTVDelta, "seed \(seed)")
        #expect(route.fee <= query.maxFee, "seed \(seed)")
        var from = query.source
        for (index, hop) in route.hops.enumerated() {
            let channel = graph.channel(hop.shortChannelID)!
            let policy = channel.node1 == from ? channel.policy1! : channel.policy2!
            #expect([channel.node1, channel.node2].sorted() == [from, hop.node].sorted(), "seed \(seed)")
            let range = policy.htlcMinimum...min(policy.htlcMaximum, channel.capacity * 1000)
            #expect(range.contains(hop.amount.value) && !policy.isDisabled, "seed \(seed)")
            if index > 0 {
                let before = route.hops[index - 1]
                let (fee, delta) = (before.amount.value - hop.amount.value, before.cltvDelta - hop.cltvDelta)
                #expect(fee == policy.fee(forwarding: hop.amount.value), "seed \(seed)")
                #expect(delta == UInt32(policy.cltvExpiryDelta), "seed \(seed)")
            }
            from = hop.node
        }
    }

    @Test(arguments: 0..<200)
    func routesAreValid(seed: UInt64) throws {
        var random = Dice(state: seed &+ 1000)
        let nodes = Int.random(in: 2...80, using: &random)
        var web = Web.random(nodes: nodes, channels: nodes * 4, ppm: 5000, &random)
        for _ in 0..<30 {
            let (from, to) = (Int.random(in: 0..<nodes, using: &random), Int.random(in: 0..<nodes, using: &random))
            let query = web.query(
                from, to, .random(in: 1...500_000_000, using: &random), maxFee: .random(in: 0...5_000_000, using: &random))
            guard let route = try? web.route(query) else { continue }
            Self.check(route, query, web.graph, seed: seed)
            // Forgetting, disabling and learning take effect at once.
            let directed = route.directions[Int.random(in: 0..<route.hops.count, using: &random)]
            switch Int.random(in: 0...2, using: &random) {
            case 0: web.graph.remove(directed.shortChannelID)
            case 1:
                var policy = Web.policy(0)
                policy.channelFlags = 2
                web.graph.set(policy, of: directed)
            default: web.estimates.learnLess(than: query.amount, directed, now: Timestamp(seconds: 2000))
            }
            let other: [DirectedChannel] = (try? web.route(query))?.directions ?? []
            #expect(!other.contains(directed), "seed \(seed)")
        }
    }

    /// BOLT 7's own example: A to C over B, with 4,999,999 msat.
    @Test func specificationExample() throws {
        var web = Web()
        // A is 0, B is 1, C is 2, D is 3.
        web.join(0, 1, capacity: 1_000_000, Web.policy(100, 1000, delta: 10), Web.policy(200, 2000, delta: 20))
        web.join(0, 3, capacity: 1_000_000, Web.policy(100, 1000, delta: 10), Web.policy(400, 4000, delta: 40))
        web.join(1, 2, capacity: 1_000_000, Web.policy(200, 2000, delta: 20), Web.policy(300, 3000, delta: 30))
        web.join(3, 2, capacity: 1_000_000, Web.policy(400, 4000, delta: 40), Web.policy(300, 3000, delta: 30))
        var query = web.query(0, 2, 4_999_999)
        query.finalCLTVDelta = 18 + 42
        let route = try web.route(query)
        #expect(route.hops.map(\.node) == [Web.key(1), Web.key(2)])
        #expect(route.hops.map(\.amount.value) == [5_010_198, 4_999_999])
        let blocks: [UInt32] = [80, 60]
        #expect(route.hops.map(\.cltvDelta) == blocks)
    }

    @Test func refusals() throws {
        var web = Web()
        web.join(0, 1, capacity: 1000, Web.policy(0), Web.policy(0))
        web.join(1, 2, capacity: 1000, Web.policy(5000), Web.policy(0))
        func refusal(_ query: RouteQuery) -> RouteRefusal? {
            do throws(RouteRefusal) {
                _ = try web.route(query)
                return nil
            } catch { return error }
        }
        #expect(refusal(web.query(0, 0, 1)) == .toSelf)
        #expect(refusal(web.query(0, 9, 1)) == .unknownDestination)
        #expect(refusal(web.query(0, 2, 1_000_001)) == .noCapacity)
        #expect(refusal(web.query(0, 2, .max)) == .noCapacity)
        #expect(refusal(web.query(0, 2, 10, maxFee: 4999)) == .tooExpensive(cheapest: MilliSatoshi(5000)))
        var short = web.query(0, 2, 10)
        short.maxCLTVDelta = 50
        #expect(refusal(short) == .tooLong(blocks: 58, limit: 50))
        var own = web.query(0, 2, 10)
        own.localChannels = []
        #expect(refusal(own) == .noLocalChannel)
        own.localChannels = [
            LocalChannel(shortChannelID: ShortChannelID(1), peer: Web.key(1), spendable: 9, htlcMinimum: 1)
        ]
        #expect(refusal(own) == .tooLittleSpendable(MilliSatoshi(9)))
    }

    /// Fees that overflow are no fees: such a channel is not used, and nothing traps.
    @Test func absurdFees() throws {
        var web = Web()
        web.join(0, 1, capacity: 10_000_000, Web.policy(0), Web.policy(0))
        web.join(1, 2, capacity: 1_000_000, Web.policy(.max, .max, delta: .max), Web.policy(0))
        #expect((try? web.route(web.query(0, 2, 900_000_000))) == nil)
        #expect(Web.policy(.max, .max).fee(forwarding: .max) == nil)
        web.join(1, 2, capacity: 1_000_000, Web.policy(.max, 1 << 23, delta: .max), Web.policy(0))
        let route = try web.route(web.query(0, 2, 10_000_000))
        let proportional: UInt64 = 10 * (1 << 23)
        #expect(route.fee.value == UInt64(UInt32.max) + proportional)
    }

    /// The way ends over a channel that only the invoice tells of, and begins over our own.
    @Test func hintsAndOwnChannels() throws {
        var web = Web()
        web.join(1, 2, capacity: 1_000_000, Web.policy(1000, 100), Web.policy(0))
        var query = web.query(0, 9, 1_000_000)
        query.localChannels = [
            LocalChannel(shortChannelID: ShortChannelID(7), peer: Web.key(1), spendable: 2_000_000, htlcMinimum: 1)
        ]
        query.hints = [
            RouteHint(hops: [.init(from: Web.key(2), shortChannelID: ShortChannelID(8), policy: Web.policy(500, 1000, maximum: 0))])
        ]
        let route = try web.route(query)
        #expect(route.hops.map(\.node) == [Web.key(1), Web.key(2), Web.key(9)])
        let amounts: [UInt64] = [1_002_600, 1_001_500, 1_000_000]
        let found = route.hops.map(\.amount.value)
        #expect(found == amounts)
        // A peer can be the one that the hint begins with.
        query.hints = [
            RouteHint(hops: [.init(from: Web.key(1), shortChannelID: ShortChannelID(8), policy: Web.policy(500, 1000))])
        ]
        #expect(try web.route(query).hops.map(\.node) == [Web.key(1), Web.key(9)])
        // And the payee can be our peer without anybody knowing it.
        query.destination = Web.key(50)
        query.hints = []
        query.localChannels![0].peer = Web.key(50)
        #expect(try web.route(query).hops.count == 1)
    }

    /// What a blinded path tells of the least and the most of an HTLC holds for every part.
    @Test func partsOverTails() throws {
        var web = Web()
        web.join(1, 2, capacity: 2_000_000, Web.policy(0), Web.policy(0))
        var query = web.query(0, 9, 900_000_000)
        query.maxFee = MilliSatoshi(9_000_000)
        query.localChannels = [1, 2].map {
            LocalChannel(shortChannelID: ShortChannelID(70 + $0), peer: Web.key(Int($0)), spendable: 600_000_000, htlcMinimum: 1)
        }
        func hint(_ minimum: UInt64, _ maximum: UInt64) -> RouteHint {
            var policy = Web.policy(0)
            (policy.htlcMinimum, policy.htlcMaximum) = (minimum, maximum)
            return RouteHint(hops: [.init(from: Web.key(2), shortChannelID: ShortChannelID(8), policy: policy)])
        }
        var finder = RouteFinder()
        var estimates = LiquidityEstimates()
        query.hints = [hint(1, 250_000_000)]
        let parts = try finder.findParts(query, maxParts: 16, &web.graph, &estimates)
        #expect(parts.count >= 4 && parts.allSatisfy { $0.amount.value <= 250_000_000 })
        #expect(parts.reduce(0) { $0 + $1.amount.value } == 900_000_000)
        query.hints = [hint(500_000_000, 0)]
        #expect(throws: RouteRefusal.self) { try finder.findParts(query, maxParts: 16, &web.graph, &estimates) }
        query.hints = [hint(300_000_000, 0)]
        let fewer = try finder.findParts(query, maxParts: 16, &web.graph, &estimates)
        #expect(fewer.allSatisfy { $0.amount.value >= 300_000_000 })
    }

    /// One way that locks the money for too long does not hide another.
    @Test func slowTail() throws {
        var web = Web()
        web.join(3, 4, capacity: 1_000_000, Web.policy(0), Web.policy(0))
        var query = web.query(0, 9, 1_000_000)
        query.localChannels = [
            LocalChannel(shortChannelID: ShortChannelID(7), peer: Web.key(1), spendable: 2_000_000, htlcMinimum: 1)
        ]
        var slow = Web.policy(0)
        slow.cltvExpiryDelta = 5000
        var dear = Web.policy(900)
        dear.cltvExpiryDelta = 144
        query.hints = [slow, dear].enumerated().map { index, policy in
            RouteHint(hops: [.init(from: Web.key(1), shortChannelID: ShortChannelID(UInt64(8 + index)), policy: policy)])
        }
        query.maxCLTVDelta = 2016
        #expect(try web.route(query).hops.last?.shortChannelID == ShortChannelID(9))
    }

    /// Half of a channel is there with probability one half: one bit of uncertainty, 1024 units.
    @Test func uncertainty() throws {
        var web = Web()
        web.join(0, 1, capacity: 1_000_000, Web.policy(0), Web.policy(0))
        for (msat, bits) in [(1, 0.0), (500_000_000, 1), (750_000_000, 2), (875_000_000, 3), (100_000_000, 0.152), (999_000_000, 9.966)] {
            let uncertainty = Double(try web.route(web.query(0, 1, UInt64(msat))).uncertainty) / 1024
            #expect(abs(uncertainty - bits) < 0.004, "\(msat) msat: \(uncertainty) bits")
        }
    }

    /// Knowledge narrows the choice, and fades.
    @Test func learning() throws {
        var web = Web()
        for middle in 1...2 {
            web.join(0, middle, capacity: 10_000_000, Web.policy(0), Web.policy(0))
            web.join(middle, 3, capacity: 10_000_000, Web.policy(1000), Web.policy(0))
        }
        let query = web.query(0, 3, 5_000_000_000)
        let first = try web.route(query)
        web.estimates.learnLess(than: MilliSatoshi(5_000_000_000), first.directions[1], now: Timestamp(seconds: 2000))
        let second = try web.route(query)
        #expect(second.hops[0].node != first.hops[0].node)
        web.estimates.learnLess(than: MilliSatoshi(5_000_000_000), second.directions[1], now: Timestamp(seconds: 2000))
        #expect((try? web.route(query)) == nil)
        // An hour later a little more than what failed could be there; a success makes it sure.
        var later = query
        later.now = Timestamp(seconds: 2000 + 3600)
        #expect(try web.route(later).uncertainty > 0)
        web.estimates.learnAtLeast(MilliSatoshi(5_000_000_000), first.directions[0], now: Timestamp(seconds: 5600))
        web.estimates.learnAtLeast(MilliSatoshi(5_000_000_000), first.directions[1], now: Timestamp(seconds: 5600))
        let sure = try web.route(later)
        #expect(sure.uncertainty == 0 && sure.hops[0].node == first.hops[0].node)
        // What was learned can be carried to another node.
        var copy = LiquidityEstimates()
        try copy.merge(exported: web.estimates.exported)
        #expect(copy.hasSameState(as: web.estimates))
        let writes = web.estimates.drainWrites().changes(of: .estimates)
        let restored = try LiquidityEstimates(records: writes.map { ($0.key, $0.record!) })
        #expect(restored.hasSameState(as: web.estimates))
        #expect(throws: EstimatesImportFailure.self) { try copy.merge(exported: "1x1x1,2,0,0,,0") }
    }
}
