import BitcoinPrimitives
import CryptoPrimitives
import LightningRouting
import LightningWire
import Testing

/// What a peer told must not be lost because of how much there was to do, or of the order in which it came.
@Suite("gossip that arrives is not lost")
struct GossipCompletenessTests {
    typealias Bench = GossipTests.Bench
    typealias Made = GossipTests.Made
    static let now = GossipTests.now

    private static func policies(_ bench: Bench, _ made: Made) -> Int {
        let channel = bench.gossip.graph.channel(made.id)
        return [channel?.policy1, channel?.policy2].count { $0 != nil }
    }

    /// What peers were asked for since the last look.
    private static func asked(_ bench: inout Bench, of peer: ConnectionID = 1) -> [ShortChannelID] {
        defer { bench.sent = [] }
        return bench.sent.flatMap { sent -> [ShortChannelID] in
            guard sent.peer == peer, case .queryShortChannelIDs(let query) = sent.1 else { return [] }
            return (try? GossipEncoding.shortChannelIDs(query.encodedShortIDs)) ?? []
        }
    }

    /// Tells without carrying out the checks.
    private static func hear(_ bench: inout Bench, _ messages: [[UInt8]], from peer: ConnectionID = 1) {
        for wire in messages {
            bench.gossip.receive(
                try! LightningMessage(wire), wire: wire, from: peer, now: Timestamp(seconds: now), height: 500)
        }
    }

    private static func end(_ bench: inout Bench, of peer: ConnectionID = 1) {
        bench.tell(
            LightningMessage.replyShortChannelIDsEnd(ReplyShortChannelIDsEnd(chainHash: GossipTests.chain, fullInformation: 1)).encoded,
            from: peer)
    }

    @Test("a channel's updates have their places while it is checked: neither nodes nor the same again take them")
    func places() {
        let made = Made("alice", "bob", block: 100)
        let updates = ["alice", "bob"].map { made.update(by: $0, at: Self.now - 10) }
        let nodes = ["carol", "dave", "erin", "frank", "grace"].map { GossipTests.node($0, at: Self.now - 5) }
        for messages in [
            [made.announcement] + nodes + updates,
            [made.announcement, updates[0], nodes[0], made.announcement, updates[0], updates[1]],
            [made.announcement] + Array(repeating: made.announcement, count: 9) + Array(repeating: updates[0], count: 9) + updates,
        ] {
            var bench = Bench()
            Self.hear(&bench, messages)
            bench.settle()
            #expect(Self.policies(bench, made) == 2)
            #expect(bench.offences.isEmpty)
        }
    }

    @Test("what found no place while its channel was checked is asked for again")
    func noPlace() {
        let made = Made("alice", "bob", block: 100)
        var bench = Bench()
        Self.hear(
            &bench,
            [made.announcement] + (0..<6).map { made.update(by: "alice", at: Self.now - 20 + UInt64($0)) }
                + [made.update(by: "bob", at: Self.now - 5)])
        bench.settle()
        #expect(Self.policies(bench, made) == 1)
        bench.sent = []
        bench.gossip.tick(now: Timestamp(seconds: Self.now))
        bench.settle()
        for peer in (UInt64(1)...3).map({ ConnectionID($0) }) { Self.answerRange(&bench, peer) }
        #expect(Self.asked(&bench) == [made.id])
        for message in [made.announcement, made.update(by: "alice", at: Self.now - 15), made.update(by: "bob", at: Self.now - 5)] {
            bench.tell(message)
        }
        #expect(Self.policies(bench, made) == 2)
    }

    /// Says to the machine's first question that there is nothing.
    private static func answerRange(_ bench: inout Bench, _ peer: ConnectionID) {
        bench.tell(
            LightningMessage.replyChannelRange(
                ReplyChannelRange(
                    chainHash: GossipTests.chain, firstBlock: 0, blockCount: 501, syncComplete: 1,
                    encodedShortIDs: GossipEncoding.encode([ShortChannelID]()))
            ).encoded, from: peer)
    }

    @Test("an update that came while too much was being checked is asked for again")
    func tooMuch() {
        let made = Made("alice", "bob", block: 100)
        var bench = Bench()
        for peer in (UInt64(1)...3).map({ ConnectionID($0) }) { Self.answerRange(&bench, peer) }
        bench.gossip.policy.maxChecks = 1
        bench.tell(made.announcement)
        Self.hear(&bench, ["alice", "bob"].map { made.update(by: $0, at: Self.now - 10) })
        bench.settle()
        #expect(Self.policies(bench, made) == 1)
        bench.gossip.policy.maxChecks = 2000
        bench.sent = []
        bench.flush()
        #expect(Self.asked(&bench) == [made.id])
    }

    @Test("what a peer hints at and cannot tell, or what is refused, is asked for once between two flushes")
    func hints() {
        // Six blocks deep at theirs, and not at ours.
        let young = Made("alice", "bob", block: 498)
        var bench = Bench()
        for peer in (UInt64(1)...3).map({ ConnectionID($0) }) { Self.answerRange(&bench, peer) }
        bench.sent = []
        let update = young.update(by: "alice", at: Self.now - 10)
        var questions = 0
        for round in 0..<5 {
            bench.tell(update)
            bench.flush(Self.now + 60 * UInt64(round))
            for _ in 0..<10 {
                let ids = Self.asked(&bench)
                questions += ids.count
                guard !ids.isEmpty else { break }
                for message in [young.announcement, update, young.update(by: "bob", at: Self.now - 9)] { bench.tell(message) }
                Self.end(&bench)
            }
        }
        #expect((1...6).contains(questions))
        #expect(bench.offences.isEmpty)
    }

    @Test("a closed channel is told to nobody who asks: it would look like a lie")
    func spent() throws {
        let made = Made("alice", "bob", block: 100)
        var bench = Bench()
        bench.tell(made.announcement)
        bench.tell(made.update(by: "alice", at: Self.now - 10))
        let query = LightningMessage.queryShortChannelIDs(
            QueryShortChannelIDs(chainHash: GossipTests.chain, encodedShortIDs: GossipEncoding.encode([made.id]))
        ).encoded
        bench.sent = []
        bench.tell(query, from: 2)
        #expect(bench.sent.count == 3)
        bench.gossip.connected(spending: [OutPoint(TransactionID(Hash.sha256(Array("\(made.id)".utf8))), 0)], height: 501)
        bench.sent = []
        bench.tell(query, from: 2)
        #expect(bench.sent.count == 1)
    }

    @Test("a network larger than one reply is learned whole, a question of each kind at a time; nobody breaks the rules")
    func large() {
        var full = Bench()
        for number in 0..<2600 {
            full.take(
                Made("n\(number % 4)", "m\(number % 4)", block: BlockHeight(1 + number % 490), transaction: number / 490), at: Self.now - 10
            )
        }
        #expect(full.gossip.graph.channelCount == 2600)
        let features = FeatureBits(optional: [.gossipQueries, .gossipQueriesEx])
        var empty = Bench()
        for peer in (UInt64(1)...3).map({ ConnectionID($0) }) { empty.gossip.disconnected(peer) }
        (full.sent, empty.sent) = ([], [])
        empty.gossip.connected(7, features: features, now: Timestamp(seconds: Self.now), height: 500)
        full.gossip.connected(8, features: features, now: Timestamp(seconds: Self.now), height: 500)
        for slice in 1...40 {
            empty.settle()
            full.settle()
            let (fromEmpty, fromFull) = (empty.sent.filter { $0.peer == 7 }, full.sent.filter { $0.peer == 8 })
            (empty.sent, full.sent) = ([], [])
            for (_, message) in fromEmpty { full.tell(message.encoded, from: 8) }
            for (_, message) in fromFull { empty.tell(message.encoded, from: 7) }
            empty.gossip.tick(now: Timestamp(seconds: Self.now + UInt64(slice)))
            full.gossip.tick(now: Timestamp(seconds: Self.now + UInt64(slice)))
        }
        #expect(empty.offences.isEmpty && full.offences.isEmpty)
        #expect(empty.gossip.graph.channelCount == 2600)
        #expect(empty.gossip.graph.difference(from: full.gossip.graph) == nil)
    }

    @Test("a question of each kind may wait for its answer; a second one of a kind is a breach")
    func kinds() {
        func full() -> Bench {
            var bench = Bench()
            for number in 0..<600 {
                bench.take(Made("a", "b", block: BlockHeight(1 + number % 490), transaction: number / 490), at: Self.now)
            }
            bench.sent = []
            return bench
        }
        let ids = (0..<600).map { ShortChannelID(block: BlockHeight(1 + $0 % 490), transaction: $0 / 490, output: 0) }.sorted()
        let channels = LightningMessage.queryShortChannelIDs(
            QueryShortChannelIDs(chainHash: GossipTests.chain, encodedShortIDs: GossipEncoding.encode(ids))
        ).encoded
        let range = LightningMessage.queryChannelRange(QueryChannelRange(chainHash: GossipTests.chain, firstBlock: 0, blockCount: 500))
            .encoded
        let filter = LightningMessage.gossipTimestampFilter(
            GossipTimestampFilter(chainHash: GossipTests.chain, firstTimestamp: 0, timestampRange: .max)
        ).encoded
        var bench = full()
        bench.tell(channels)
        bench.tell(range)
        bench.tell(filter)
        #expect(bench.offences.isEmpty)
        bench.flush(Self.now + 1)
        let kinds = bench.sent.filter { $0.peer == 1 }.map { $0.1 }
        let end = kinds.firstIndex { if case .replyShortChannelIDsEnd = $0 { true } else { false } }
        let reply = kinds.firstIndex { if case .replyChannelRange = $0 { true } else { false } }
        #expect(end != nil && reply != nil)
        var rude = full()
        rude.tell(channels)
        rude.tell(channels)
        #expect(rude.offences == ["a gossip query before the last was answered"])
    }

    @Test("each peer is asked for all that it knows again and again, the only one too")
    func again() {
        var bench = Bench()
        bench.gossip.disconnected(2)
        bench.gossip.disconnected(3)
        Self.answerRange(&bench, 1)
        for turn in UInt64(1)...3 {
            bench.sent = []
            bench.flush(Self.now + turn * 1801)
            let asked = bench.sent.count { if case .queryChannelRange = $0.1 { true } else { false } }
            #expect(asked == 1, "\(turn)")
            Self.answerRange(&bench, 1)
            bench.flush(Self.now + turn * 1801 + 200)
        }
    }

    @Test("a peer that answers nothing loses its questions, and is asked what it hints at later")
    func silence() {
        var bench = Bench()
        for peer in (UInt64(1)...3).map({ ConnectionID($0) }) { Self.answerRange(&bench, peer) }
        // A fourth one is not asked for all.
        bench.gossip.connected(4, features: FeatureBits(optional: [.gossipQueries]), now: Timestamp(seconds: Self.now), height: 500)
        let made = (0..<3).map { Made("alice", "bob", block: BlockHeight(100 + $0)) }
        bench.sent = []
        bench.tell(made[0].update(by: "alice", at: Self.now - 10), from: 4)
        bench.flush(Self.now)
        #expect(Self.asked(&bench, of: 4) == [made[0].id])
        bench.tell(made[1].update(by: "alice", at: Self.now - 10), from: 4)
        bench.flush(Self.now + 60)
        #expect(Self.asked(&bench, of: 4).isEmpty)
        bench.flush(Self.now + 130)
        bench.tell(made[2].update(by: "alice", at: Self.now - 10), from: 4)
        bench.flush(Self.now + 190)
        #expect(Self.asked(&bench, of: 4) == [made[2].id])
    }

    @Test("nodes for which there is no room in a flush come with a later one, and those that are missing are asked for")
    func nodes() {
        var bench = Bench()
        bench.gossip.policy.maxFlush = 4
        let made = Made("alice", "bob", block: 100)
        let filter = GossipTimestampFilter(chainHash: GossipTests.chain, firstTimestamp: 0, timestampRange: .max)
        bench.tell(LightningMessage.gossipTimestampFilter(filter).encoded, from: 2)
        bench.flush(Self.now)
        bench.tell(made.announcement)
        for name in ["alice", "bob"] { bench.tell(made.update(by: name, at: Self.now - 10)) }
        for name in ["alice", "bob"] { bench.tell(GossipTests.node(name, at: Self.now - 5)) }
        bench.sent = []
        for round in UInt64(1)...8 { bench.flush(Self.now + 60 * round) }
        var told: Set<PublicKey> = []
        for case (2, .nodeAnnouncement(let body)) in bench.sent { told.insert(body.nodeID) }
        #expect(told.count == 2)
        // Another one knows the channel, and neither of its nodes.
        var other = Bench()
        other.tell(made.announcement)
        for name in ["alice", "bob"] { other.tell(made.update(by: name, at: Self.now - 10)) }
        other.sent = []
        other.tell(
            LightningMessage.replyChannelRange(
                ReplyChannelRange(
                    chainHash: GossipTests.chain, firstBlock: 0, blockCount: 501, syncComplete: 1,
                    encodedShortIDs: GossipEncoding.encode([made.id]))
            ).encoded)
        #expect(Self.asked(&other) == [made.id])
    }
}
