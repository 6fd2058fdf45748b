import BitcoinPrimitives
import CryptoPrimitives
import LightningRouting
import LightningWire
import Testing

/// What a peer's gossip may cost: its gossip, and no more of ours than is bounded.
@Suite("gossip that costs")
struct GossipBoundsTests {
    typealias Bench = GossipTests.Bench
    typealias Made = GossipTests.Made
    static let now = GossipTests.now

    private static func reply(_ ids: [ShortChannelID], timestamps: [(UInt32, UInt32)]? = nil) -> [UInt8] {
        var reply = ReplyChannelRange(
            chainHash: GossipTests.chain, firstBlock: 0, blockCount: 501, syncComplete: 1,
            encodedShortIDs: GossipEncoding.encode(ids))
        if let timestamps { reply.tlvs[1] = GossipEncoding.encode(timestamps: timestamps) }
        return LightningMessage.replyChannelRange(reply).encoded
    }

    private static func asked(_ bench: Bench, of peer: ConnectionID) -> [ShortChannelID] {
        bench.sent.compactMap { entry -> [ShortChannelID]? in
            guard entry.peer == peer, case .queryShortChannelIDs(let query) = entry.1 else { return nil }
            return try? GossipEncoding.shortChannelIDs(query.encodedShortIDs)
        }.flatMap(\.self)
    }

    @Test("ids in any order, and twice: each goes with its own timestamps, and is asked for once, in order")
    func unordered() {
        var bench = Bench()
        let known = Made("alice", "bob", block: 100)
        bench.tell(known.announcement)
        bench.tell(known.update(by: "alice", at: Self.now - 100))
        bench.tell(known.update(by: "bob", at: Self.now - 100))
        for name in ["alice", "bob"] { bench.tell(GossipTests.node(name, at: Self.now - 100)) }
        bench.sent = []
        let others = [300, 50, 200, 50].map { ShortChannelID(block: $0, transaction: 1, output: 0) }
        // Only the known one is said to be as old as ours.
        let times = (UInt32(Self.now - 100), UInt32(Self.now - 100))
        bench.tell(
            Self.reply([others[0], known.id, others[1], others[2], others[3]], timestamps: [(9, 9), times, (9, 9), (9, 9), (9, 9)]))
        #expect(bench.offences.isEmpty)
        #expect(Self.asked(bench, of: 1) == [others[1], others[2], others[0]])
    }

    @Test("whoever breaks the rules is not heard any more; a new connection is a new beginning")
    func muted() {
        var bench = Bench()
        bench.closesConnections = false
        let made = Made("alice", "bob", block: 100)
        bench.tell(made.announcement)
        bench.tell(made.update(by: "alice", at: Self.now - 100, signer: "mallory"))
        bench.tell(made.update(by: "alice", at: Self.now - 99, signer: "mallory"))
        #expect(bench.offences == ["gossip with an invalid signature"])
        // Neither the truth nor a question.
        bench.tell(made.update(by: "alice", at: Self.now - 98))
        bench.sent = []
        bench.tell(
            LightningMessage.queryChannelRange(QueryChannelRange(chainHash: GossipTests.chain, firstBlock: 0, blockCount: 600)).encoded)
        #expect(bench.sent.isEmpty && bench.gossip.graph.channel(made.id)?.policy1 == nil)
        #expect(bench.gossip.graph.channel(made.id)?.policy2 == nil)
        // It is told what is new all the same, and others are heard.
        bench.tell(made.update(by: "alice", at: Self.now - 98), from: 2)
        let terms = [bench.gossip.graph.channel(made.id)?.policy1, bench.gossip.graph.channel(made.id)?.policy2]
        #expect(terms.contains { $0 != nil })
        bench.gossip.disconnected(1)
        bench.gossip.connected(1, features: FeatureBits(optional: [.gossipQueries]), now: Timestamp(seconds: Self.now), height: 500)
        bench.tell(Made("carol", "dave", block: 101).announcement)
        #expect(bench.gossip.graph.channelCount == 2)
    }

    @Test("an output that was announced by different nodes is nobody's for ever: its owner cannot go on with other keys")
    func contradictions() throws {
        var bench = Bench()
        for number in 0..<40 { bench.tell(Made("liar \(number)", "other \(number)", block: 100).announcement) }
        #expect(bench.gossip.graph.channelCount == 0)
        #expect(bench.gossip.blacklist.count == 4)
        #expect(bench.store.count { $0.value != [] } <= 10)
        let records = bench.store.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { (key: $0.key, record: $0.value) }
        var again = Bench()
        again.gossip = try Gossip(chainHash: GossipTests.chain, policy: GossipPolicy(), records: records)
        again.gossip.connected(1, features: FeatureBits(), now: Timestamp(seconds: Self.now), height: 500)
        again.tell(Made("alice", "bob", block: 100).announcement)
        #expect(again.gossip.graph.channelCount == 0)
    }

    @Test("a forged copy that comes first does not keep the honest message out")
    func copies() {
        var bench = Bench()
        bench.closesConnections = false
        let made = Made("alice", "bob", block: 100)
        bench.tell(made.announcement)
        let honest = made.update(by: "alice", at: Self.now - 100)
        let forged = made.update(by: "alice", at: Self.now - 100, signer: "mallory")
        // Both are under way at once.
        bench.gossip.receive(try! LightningMessage(forged), wire: forged, from: 1, now: Timestamp(seconds: Self.now), height: 500)
        bench.gossip.receive(try! LightningMessage(honest), wire: honest, from: 2, now: Timestamp(seconds: Self.now), height: 500)
        bench.settle()
        #expect([bench.gossip.graph.channel(made.id)?.policy1, bench.gossip.graph.channel(made.id)?.policy2].contains { $0 != nil })
    }

    @Test("an output that was looked at before a reorganization proves nothing after it")
    func reorganization() {
        var bench = Bench()
        let made = Made("alice", "bob", block: 100)
        bench.gossip.receive(
            try! LightningMessage(made.announcement), wire: made.announcement, from: 1, now: Timestamp(seconds: Self.now), height: 500)
        bench.gossip.disconnected(height: 500)
        bench.settle()
        #expect(bench.gossip.graph.channelCount == 0)
        bench.tell(made.announcement)
        #expect(bench.gossip.graph.channelCount == 1)
    }

    @Test("answers to many peers at once are bounded for each tick, and everybody's turn comes; who does not read is not told")
    func served() {
        var bench = Bench()
        bench.gossip.policy.maxServed = 50
        var ids: [ShortChannelID] = []
        for block in 1..<600 where block <= 490 {
            let made = Made("a\(block % 7)", "b\(block % 5)", block: BlockHeight(block))
            bench.tell(made.announcement)
            ids.append(made.id)
        }
        for peer in (UInt64(11)...16).map({ ConnectionID($0) }) {
            bench.gossip.connected(peer, features: FeatureBits(), now: Timestamp(seconds: Self.now), height: 500)
        }
        bench.settle()
        // Asking twice for the same does not cost twice.
        let query = QueryShortChannelIDs(chainHash: GossipTests.chain, encodedShortIDs: GossipEncoding.encode(ids + ids))
        for peer in (UInt64(11)...16).map({ ConnectionID($0) }) {
            if peer == 16 { bench.gossip.setCongested(16, true) }
            bench.gossip.receive(.queryShortChannelIDs(query), wire: [], from: peer, now: Timestamp(seconds: Self.now), height: 500)
        }
        bench.settle()
        bench.sent = []
        bench.gossip.tick(now: Timestamp(milliseconds: Self.now * 1000 + 1))
        bench.settle()
        #expect((1...200).contains(bench.sent.count))
        for slice in 2...60 {
            bench.gossip.tick(now: Timestamp(milliseconds: Self.now * 1000 + UInt64(slice)))
            bench.settle()
        }
        for peer in (UInt64(11)...15).map({ ConnectionID($0) }) {
            let ends = bench.sent.count { if $0.peer == peer, case .replyShortChannelIDsEnd = $0.1 { true } else { false } }
            #expect(ends == 1, "\(peer)")
        }
        let congested = bench.sent.count { $0.peer == 16 }
        bench.gossip.setCongested(16, false)
        for slice in 61...80 {
            bench.gossip.tick(now: Timestamp(milliseconds: Self.now * 1000 + UInt64(slice)))
            bench.settle()
        }
        #expect(bench.sent.count { $0.peer == 16 } > congested)
    }
}
