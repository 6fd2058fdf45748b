import BitcoinPrimitives
import CryptoPrimitives
import LightningRouting
import LightningWire
import Testing

/// BOLT 7's gossip machine, told truths and lies.
@Suite("gossip")
struct GossipTests {
    static let now: UInt64 = 1_700_000_000
    static let chain = Network.regtest.chainHash

    static func key(_ name: String) -> SecretKey { SecretKey(Hash.sha256(Array(name.utf8)))! }

    /// A channel between two nodes, with everything signed.
    struct Made {
        var announcement: [UInt8]
        var id: ShortChannelID
        var names: (String, String)

        init(_ one: String, _ two: String, block: BlockHeight, transaction: Int = 1, features: FeatureBits = FeatureBits()) {
            id = ShortChannelID(block: block, transaction: transaction, output: 0)
            names = (one, two)
            var body = ChannelAnnouncement(
                features: features, chainHash: GossipTests.chain, shortChannelID: id,
                (key(one).publicKey(), key("\(one)/\(block)").publicKey()), (key(two).publicKey(), key("\(two)/\(block)").publicKey()))
            let hash = ChannelAnnouncement.signatureHash(wire: LightningMessage.channelAnnouncement(body).encoded)
            let (first, second) = body.nodeID1 == key(one).publicKey() ? (one, two) : (two, one)
            body.nodeSignature1 = WireSignature(key(first).sign(hash))
            body.nodeSignature2 = WireSignature(key(second).sign(hash))
            body.bitcoinSignature1 = WireSignature(key("\(first)/\(block)").sign(hash))
            body.bitcoinSignature2 = WireSignature(key("\(second)/\(block)").sign(hash))
            announcement = LightningMessage.channelAnnouncement(body).encoded
        }

        /// An update by one of the two.
        func update(by name: String, at time: UInt64, base: UInt32 = 1, signer: String? = nil, chain: BlockHash = GossipTests.chain)
            -> [UInt8]
        {
            let other = names.0 == name ? names.1 : names.0
            var body = ChannelUpdate(
                chainHash: chain, shortChannelID: id, timestamp: UInt32(time),
                direction: key(name).publicKey() < key(other).publicKey() ? 0 : 1, isDisabled: false, dontForward: false,
                cltvExpiryDelta: 40, htlcMinimum: MilliSatoshi(1), feeBase: base, feeProportionalMillionths: 1,
                htlcMaximum: MilliSatoshi(1_000_000))
            let hash = ChannelUpdate.signatureHash(wire: LightningMessage.channelUpdate(body).encoded)
            body.signature = WireSignature(key(signer ?? name).sign(hash))
            return LightningMessage.channelUpdate(body).encoded
        }
    }

    static func node(_ name: String, at time: UInt64, features: FeatureBits = FeatureBits()) -> [UInt8] {
        var body = NodeAnnouncement(
            features: features, timestamp: UInt32(time), nodeID: key(name).publicKey(), color: [1, 2, 3], alias: name, addresses: [])
        body.signature = WireSignature(
            key(name).sign(NodeAnnouncement.signatureHash(wire: LightningMessage.nodeAnnouncement(body).encoded)))
        return LightningMessage.nodeAnnouncement(body).encoded
    }

    /// A machine with a layer 1 on which every channel exists, except those that are said not to.
    struct Bench {
        var gossip = Gossip(chainHash: GossipTests.chain)
        var missing: Set<ShortChannelID> = []
        var offences: [String] = []
        var checks = 0
        var sent: [(peer: ConnectionID, LightningMessage)] = []
        var store: [[UInt8]: [UInt8]] = [:]
        /// Whether a peer that breaks the rules is sent away: one that has channels with us is not.
        var closesConnections = true

        init() {
            for peer in (UInt64(1)...3).map({ ConnectionID($0) }) {
                gossip.connected(
                    peer, features: FeatureBits(optional: [.gossipQueries, .gossipQueriesEx]), now: Timestamp(seconds: GossipTests.now),
                    height: 500)
            }
            settle()
            sent = []
        }

        /// Carries out effects until there are none.
        mutating func settle(time: UInt64 = GossipTests.now) {
            var effects = gossip.takeEffects()
            while !effects.isEmpty {
                for effect in effects {
                    switch effect {
                    case .send(let peer, let wire): sent.append((peer, try! LightningMessage(wire)))
                    case .offence(let peer, let why):
                        offences.append(why)
                        if closesConnections { gossip.disconnected(peer) }
                    case .write(let key, let record): store[key] = record
                    case .check(let check):
                        checks += 1
                        let verdict = check.verdict { id in
                            missing.contains(id)
                                ? .absent
                                : .unspent(
                                    OutPoint(TransactionID(Hash.sha256(Array("\(id)".utf8))), 0),
                                    TransactionOutput(Satoshi(100_000), check.funding!.script))
                        }
                        gossip.decided(check.number, verdict, now: Timestamp(seconds: time), height: 500)
                    }
                }
                effects = gossip.takeEffects()
            }
        }

        mutating func tell(_ wire: [UInt8], from peer: ConnectionID = 1, time: UInt64 = GossipTests.now) {
            gossip.receive(try! LightningMessage(wire), wire: wire, from: peer, now: Timestamp(seconds: time), height: 500)
            settle(time: time)
        }

        /// Learns a channel and its updates.
        mutating func take(_ made: Made, at time: UInt64) {
            tell(made.announcement)
            for name in [made.names.0, made.names.1] { tell(made.update(by: name, at: time)) }
        }

        mutating func flush(_ time: UInt64 = GossipTests.now) {
            gossip.tick(now: Timestamp(seconds: time))
            settle(time: time)
        }
    }

    @Test("a channel with its updates and nodes is learned, kept byte for byte, and told to others in order")
    func learning() throws {
        var bench = Bench()
        let made = Made("alice", "bob", block: 100)
        let updates = ["alice", "bob"].map { made.update(by: $0, at: Self.now - 10) }
        bench.tell(made.announcement)
        for update in updates { bench.tell(update) }
        for name in ["alice", "bob"] { bench.tell(Self.node(name, at: Self.now - 5)) }
        #expect(bench.gossip.graph.channelCount == 1 && bench.gossip.graph.nodeCount == 2)
        #expect(bench.gossip.graph.announcement(made.id) == made.announcement)
        let wires = (0...1).compactMap { bench.gossip.graph.update(DirectedChannel(made.id, direction: $0)) }
        #expect(Set(wires) == Set(updates))
        // Nobody is told who did not ask.
        bench.flush()
        #expect(bench.sent.isEmpty)
        let filter = GossipTimestampFilter(chainHash: Self.chain, firstTimestamp: 0, timestampRange: .max)
        bench.tell(LightningMessage.gossipTimestampFilter(filter).encoded, from: 2)
        bench.flush(Self.now + 61)
        let told = bench.sent.filter { $0.peer == 2 }.map { $0.1.encoded }
        #expect(told.first == made.announcement && told.count == 5)
        // A restart knows the same.
        let records = bench.store.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { (key: $0.key, record: $0.value) }
        let restored = try Gossip(chainHash: Self.chain, policy: GossipPolicy(), records: records)
        #expect(restored.graph.difference(from: bench.gossip.graph) == nil)
    }

    @Test("lies are refused: forged signatures, missing outputs, other chains, unknown nodes")
    func lies() {
        var bench = Bench()
        let made = Made("alice", "bob", block: 100)
        for position in [10, 100, 150, 240, 300, 400] {
            var forged = made.announcement
            forged[position] ^= 1
            guard let message = try? LightningMessage(forged) else { continue }
            var fresh = Bench()
            fresh.gossip.receive(message, wire: forged, from: 1, now: Timestamp(seconds: Self.now), height: 500)
            fresh.settle()
            #expect(fresh.gossip.graph.channelCount == 0, "byte \(position)")
        }
        bench.missing = [made.id]
        bench.tell(made.announcement)
        #expect(bench.gossip.graph.channelCount == 0 && bench.offences.isEmpty)
        bench.missing = []
        bench.tell(Self.node("alice", at: Self.now))
        #expect(bench.gossip.graph.nodeCount == 0)
        bench.tell(made.announcement)
        bench.tell(made.update(by: "alice", at: Self.now, chain: Network.mainnet.chainHash))
        #expect(bench.gossip.graph.channel(made.id)?.policy1 == nil && bench.gossip.graph.channel(made.id)?.policy2 == nil)
        bench.tell(made.update(by: "alice", at: Self.now, signer: "mallory"), from: 2)
        #expect(bench.offences == ["gossip with an invalid signature"])
        #expect(bench.gossip.graph.channel(made.id)?.policy1 == nil && bench.gossip.graph.channel(made.id)?.policy2 == nil)
        // A channel that is not six blocks deep.
        bench.tell(Made("alice", "bob", block: 498).announcement)
        #expect(bench.gossip.graph.channelCount == 1)
    }

    @Test("updates from the future, old ones and floods are not taken; a forger uses up nobody's turn")
    func updates() {
        var bench = Bench()
        let made = Made("alice", "bob", block: 100)
        bench.tell(made.announcement)
        func base() -> UInt32? {
            [bench.gossip.graph.channel(made.id)?.policy1, bench.gossip.graph.channel(made.id)?.policy2].compactMap { $0 }.first?.feeBase
        }
        bench.tell(made.update(by: "alice", at: Self.now + 100_000, base: 5))
        #expect(base() == nil)
        bench.tell(made.update(by: "alice", at: Self.now - 1_300_000, base: 5))
        #expect(base() == nil)
        bench.tell(made.update(by: "alice", at: Self.now - 100, base: 6))
        #expect(base() == 6)
        bench.tell(made.update(by: "alice", at: Self.now - 200, base: 7))
        bench.tell(made.update(by: "alice", at: Self.now - 100, base: 8))
        #expect(base() == 6)
        // Forged ones cost the forger his connection, and the honest node nothing.
        for number in 0..<50 {
            bench.gossip.connected(9, features: FeatureBits(optional: [.gossipQueries]), now: Timestamp(seconds: Self.now), height: 500)
            bench.settle()
            bench.tell(made.update(by: "alice", at: Self.now - 90 + UInt64(number), signer: "mallory"), from: 9)
        }
        #expect(bench.offences.count == 50 && base() == 6)
        var checks = bench.checks
        for number in 0..<100 { bench.tell(made.update(by: "alice", at: Self.now - 30 + UInt64(number) / 4, base: UInt32(100 + number))) }
        #expect(bench.checks - checks <= 12)
        // Time gives the next turn.
        checks = bench.checks
        bench.tell(made.update(by: "alice", at: Self.now + 301, base: 999), time: Self.now + 302)
        #expect(base() == 999)
    }

    @Test("contradictory announcements blacklist all that signed them")
    func contradictions() throws {
        var bench = Bench()
        bench.tell(Made("alice", "bob", block: 100).announcement)
        bench.tell(Made("alice", "carol", block: 101).announcement)
        bench.tell(Made("dave", "erin", block: 102).announcement)
        bench.tell(Made("bob", "mallory", block: 100).announcement)
        #expect(bench.gossip.graph.allChannels.map(\.shortChannelID.block) == [102])
        #expect(bench.gossip.blacklist.count == 3)
        bench.tell(Made("alice", "dave", block: 105).announcement)
        #expect(bench.gossip.graph.channelCount == 1)
        // A restart does not forgive.
        let records = bench.store.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { (key: $0.key, record: $0.value) }
        let again = try Gossip(chainHash: Self.chain, policy: GossipPolicy(), records: records)
        #expect(again.blacklist == bench.gossip.blacklist && again.graph.channelCount == 1)
    }

    @Test("what is spent is forgotten 72 blocks later, what is stale after two weeks; a reorganization undoes a spend")
    func pruning() {
        var bench = Bench()
        let made = Made("alice", "bob", block: 100)
        bench.tell(made.announcement)
        bench.tell(made.update(by: "alice", at: Self.now))
        let outPoint = OutPoint(TransactionID(Hash.sha256(Array("\(made.id)".utf8))), 0)
        bench.gossip.connected(spending: [outPoint], height: 510)
        bench.gossip.prune(height: 581, now: Timestamp(seconds: Self.now))
        #expect(bench.gossip.graph.channel(made.id)?.isSpent == true)
        bench.gossip.disconnected(height: 510)
        bench.gossip.prune(height: 600, now: Timestamp(seconds: Self.now))
        #expect(bench.gossip.graph.channel(made.id)?.isSpent == false)
        bench.gossip.connected(spending: [outPoint], height: 610)
        bench.gossip.prune(height: 682, now: Timestamp(seconds: Self.now))
        #expect(bench.gossip.graph.channelCount == 0 && bench.gossip.graph.nodeCount == 0)
        bench.settle()
        #expect(bench.store.values.isEmpty)
        let other = Made("carol", "dave", block: 101)
        bench.tell(other.announcement)
        bench.tell(other.update(by: "carol", at: Self.now))
        bench.gossip.prune(height: 700, now: Timestamp(seconds: Self.now + 1_209_601))
        #expect(bench.gossip.graph.channelCount == 0)
        // Of which nobody ever said how it can be used.
        bench.tell(Made("carol", "dave", block: 102).announcement)
        bench.gossip.prune(height: 701, now: Timestamp(seconds: Self.now))
        bench.gossip.prune(height: 702, now: Timestamp(seconds: Self.now + 1_209_600))
        #expect(bench.gossip.graph.channelCount == 1)
        bench.gossip.prune(height: 703, now: Timestamp(seconds: Self.now + 1_209_601))
        #expect(bench.gossip.graph.channelCount == 0)
        // Whose funding transaction is not in the chain any more.
        bench.tell(Made("carol", "dave", block: 103).announcement)
        bench.tell(Made("carol", "dave", block: 104).announcement)
        bench.gossip.disconnected(height: 104)
        #expect(bench.gossip.graph.allChannels.map(\.shortChannelID.block) == [103])
    }

    @Test("unknown compulsory features keep routes away, unknown fields do not")
    func features() {
        var bench = Bench()
        var strange = FeatureBits()
        strange.set(200)
        let made = Made("alice", "bob", block: 100, features: strange)
        bench.tell(made.announcement)
        for name in ["alice", "bob"] { bench.tell(made.update(by: name, at: Self.now)) }
        #expect(bench.gossip.graph.announcement(made.id) == made.announcement)
        var finder = RouteFinder()
        var estimates = LiquidityEstimates()
        let (a, b) = (NodeKey(Self.key("alice").publicKey()), NodeKey(Self.key("bob").publicKey()))
        let query = RouteQuery(
            from: a, to: b, amount: MilliSatoshi(1000), maxFee: MilliSatoshi(1000), finalCLTVDelta: 18, localChannels: nil,
            now: Timestamp(seconds: Self.now))
        #expect((try? bench.gossip.findRoute(query, &finder, &estimates)) == nil)
        let plain = Made("alice", "bob", block: 101)
        bench.tell(plain.announcement)
        for name in ["alice", "bob"] { bench.tell(plain.update(by: name, at: Self.now)) }
        #expect((try? bench.gossip.findRoute(query, &finder, &estimates))?.hops.count == 1)
        bench.tell(Self.node("bob", at: Self.now, features: strange))
        #expect((try? bench.gossip.findRoute(query, &finder, &estimates)) == nil)
    }

    @Test("one machine learns from another all that it knows, in slices")
    func synchronization() throws {
        var full = Bench()
        for number in 0..<700 {
            let made = Made("n\(number % 20)", "m\(number % 17)", block: 100 + number % 300)
            // The same place can hold only one.
            guard full.gossip.graph.channel(made.id) == nil else { continue }
            full.tell(made.announcement)
            full.tell(made.update(by: made.names.0, at: Self.now - 10))
            full.tell(made.update(by: made.names.1, at: Self.now - 9))
        }
        for number in 0..<20 { full.tell(Self.node("n\(number)", at: Self.now - 5)) }
        let features = FeatureBits(optional: [.gossipQueries, .gossipQueriesEx])
        var empty = Bench()
        for peer in (UInt64(1)...3).map({ ConnectionID($0) }) { empty.gossip.disconnected(peer) }
        full.sent = []
        empty.sent = []
        empty.gossip.connected(7, features: features, now: Timestamp(seconds: Self.now), height: 500)
        full.gossip.connected(8, features: features, now: Timestamp(seconds: Self.now), height: 500)
        for slice in 1...20 {
            empty.settle()
            full.settle()
            let (fromEmpty, fromFull) = (empty.sent.filter { $0.peer == 7 }, full.sent.filter { $0.peer == 8 })
            empty.sent = []
            full.sent = []
            for (_, message) in fromEmpty { full.tell(message.encoded, from: 8) }
            for (_, message) in fromFull { empty.tell(message.encoded, from: 7) }
            empty.gossip.tick(now: Timestamp(seconds: Self.now + UInt64(slice)))
            full.gossip.tick(now: Timestamp(seconds: Self.now + UInt64(slice)))
        }
        #expect(full.gossip.graph.channelCount > 200)
        #expect(empty.gossip.graph.difference(from: full.gossip.graph) == nil)
        #expect(empty.offences.isEmpty && full.offences.isEmpty)
    }

    @Test("who asks before the last answer is complete, or asks nonsense, is sent away")
    func rudeQueries() {
        var bench = Bench()
        for query in [
            QueryShortChannelIDs(chainHash: Self.chain, encodedShortIDs: [1, 0, 0]),
            QueryShortChannelIDs(chainHash: Self.chain, encodedShortIDs: []),
            QueryShortChannelIDs(chainHash: Self.chain, encodedShortIDs: [0, 1, 2, 3]),
        ] {
            bench.gossip.connected(9, features: FeatureBits(), now: Timestamp(seconds: Self.now), height: 500)
            bench.tell(LightningMessage.queryShortChannelIDs(query).encoded, from: 9)
        }
        #expect(bench.offences.count == 3)
        bench.gossip.connected(9, features: FeatureBits(), now: Timestamp(seconds: Self.now), height: 500)
        for _ in 0..<101 {
            bench.tell(
                LightningMessage.queryChannelRange(QueryChannelRange(chainHash: Self.chain, firstBlock: 0, blockCount: .max)).encoded,
                from: 9)
        }
        #expect(bench.offences.last == "too many gossip queries")
    }
}
