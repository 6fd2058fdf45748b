import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningCore
import LightningRouting
import LightningSimulation
import LightningTransactions
import LightningWire
import Testing

/// How a channel comes into the public graph with a peer that does things in another order than we.
@Suite("announcing channels")
struct AnnouncementTests {
    private static let secret = SecretKey(Hash.sha256(Array("announcer".utf8)))!
    private static let keys = ChannelKeys(seed: Hash.sha256([7]))

    private static func world(_ seed: UInt64) throws -> (SimulatedWorld, RawChannel) {
        var configuration = NodeConfiguration()
        configuration.alias = "alice"
        configuration.gossip.flushInterval = .milliseconds(1000)
        var world = SimulatedWorld(seed: seed, names: ["alice", "bob"], configuration: configuration)
        try world.fund(0)
        world.join(0, 1)
        try world.run(limit: .milliseconds(2000))
        let connection = try #require(try world.dial(0, as: secret))
        let raw = try #require(try world.openChannel(to: connection, keys: keys, announce: true))
        return (world, raw)
    }

    private static func unsigned(_ world: SimulatedWorld, _ raw: RawChannel) -> ChannelAnnouncement {
        let alice = world.nodes[0].core!.channels[raw.channel.id]!
        return ChannelAnnouncement(
            chainHash: Network.regtest.chainHash, shortChannelID: alice.shortChannelID!,
            (world.nodes[0].nodeID, alice.parameters.local.keys.funding), (secret.publicKey(), alice.parameters.remote.keys.funding))
    }

    private static func half(_ world: SimulatedWorld, _ raw: RawChannel) -> AnnouncementSignatures {
        let wire = LightningMessage.channelAnnouncement(unsigned(world, raw)).encoded
        return AnnouncementSignatures(
            channelID: raw.channel.id, shortChannelID: unsigned(world, raw).shortChannelID,
            nodeSignature: WireSignature(secret.sign(ChannelAnnouncement.signatureHash(wire: wire))),
            bitcoinSignature: WireSignature(keys.sign(announcement: wire)))
    }

    private static func ownHalf(_ raw: RawChannel) -> AnnouncementSignatures? {
        raw.connection.heard.compactMap { if case .announcementSignatures(let body) = $0 { body } else { nil } }.last
    }

    /// What everybody has to be told: by bob, who is connected all the time and has no part in the channel.
    private static func bobKnows(_ world: SimulatedWorld) -> Bool {
        let graph = world.nodes[1].core!.gossip.graph
        let alice = NodeKey(world.nodes[0].nodeID)
        guard let channel = graph.allChannels.first else { return false }
        let ours = channel.node1 == alice ? channel.policy1 : channel.policy2
        return ours != nil && graph.announcement(alice) != nil
    }

    @Test("announcement_signatures that come before the channel is ready are kept, and answered when it is")
    func early() throws {
        var (world, raw) = try Self.world(91)
        // The raw peer sees blocks first: it sends its half at three confirmations.
        let half = Self.half(world, raw)
        try world.say(.announcementSignatures(half), over: &raw.connection)
        #expect(world.nodes[0].core!.gossip.graph.allChannels.isEmpty)
        for _ in 0..<3 { try world.mine(1) }
        try world.talk(&raw)
        #expect(Self.ownHalf(raw) != nil)
        try world.pass(5)
        #expect(world.nodes[0].core!.gossip.graph.allChannels.count == 1)
        #expect(Self.bobKnows(world))
    }

    @Test("where the peer's gossip was first, our terms and our node are told all the same, without a reconnection")
    func peersGossipFirst() throws {
        var (world, raw) = try Self.world(92)
        for _ in 0..<3 { try world.mine(1) }
        try world.listen(&raw.connection)
        // Our half came as soon as there were six blocks; the raw peer completes the announcement, and tells us by gossip alone.
        var announcement = Self.unsigned(world, raw)
        let own = try #require(Self.ownHalf(raw))
        let half = Self.half(world, raw)
        let isFirst = announcement.nodeID1 == world.nodes[0].nodeID
        announcement.nodeSignature1 = isFirst ? own.nodeSignature : half.nodeSignature
        announcement.nodeSignature2 = isFirst ? half.nodeSignature : own.nodeSignature
        announcement.bitcoinSignature1 = isFirst ? own.bitcoinSignature : half.bitcoinSignature
        announcement.bitcoinSignature2 = isFirst ? half.bitcoinSignature : own.bitcoinSignature
        try world.say(.channelAnnouncement(announcement), over: &raw.connection)
        try world.pass(5)
        #expect(world.nodes[0].core!.gossip.graph.allChannels.count == 1)
        #expect(Self.bobKnows(world))
        // "If it has NOT previously received announcement_signatures …: MUST send its own" on reconnection; once it has, no more.
        #expect(try world.reconnect(&raw, as: Self.secret))
        #expect(Self.ownHalf(raw) != nil)
        try world.say(.announcementSignatures(half), over: &raw.connection)
        #expect(try world.reconnect(&raw, as: Self.secret))
        #expect(Self.ownHalf(raw) == nil)
        // Who sends its own shows that it has not got ours.
        try world.say(.announcementSignatures(half), over: &raw.connection)
        #expect(Self.ownHalf(raw) != nil)
        #expect(raw.connection.heard.count { if case .announcementSignatures = $0 { true } else { false } } == 1)
    }

    @Test("wrong halves cost the channel its place in the graph, and nothing else")
    func wrongHalves() throws {
        var (world, raw) = try Self.world(93)
        for _ in 0..<3 { try world.mine(1) }
        try world.talk(&raw)
        var wrong = Self.half(world, raw)
        wrong.bitcoinSignature = wrong.nodeSignature
        try world.say(.announcementSignatures(wrong), over: &raw.connection)
        var other = Self.half(world, raw)
        other.shortChannelID = ShortChannelID(5)
        try world.say(.announcementSignatures(other), over: &raw.connection)
        #expect(world.isOpen(raw.connection) && world.nodes[0].core!.channels[raw.channel.id]!.isUsable)
        #expect(world.nodes[0].core!.gossip.graph.allChannels.isEmpty)
        try world.say(.announcementSignatures(Self.half(world, raw)), over: &raw.connection)
        #expect(world.nodes[0].core!.gossip.graph.allChannels.count == 1)
    }

    @Test("the peer of a private channel is told where we can be called, and its word is passed on; a stranger's is not")
    func addresses() throws {
        var world = SimulatedWorld(seed: 94, names: ["alice"])
        try world.fund(0)
        let connection = try #require(try world.dial(0, as: Self.secret))
        var raw = try #require(try world.openChannel(to: connection, keys: Self.keys))
        let place: [UInt8] = [1, 10, 0, 0, 1, 0x26, 0x07]
        try world.input(0, .listening(addresses: place))
        try world.listen(&raw.connection)
        let told = raw.connection.takeInbox().compactMap { if case .nodeAnnouncement(let body) = $0 { body } else { nil } }
        #expect(told.map(\.addresses) == [place])
        func announcement(_ secret: borrowing SecretKey) -> LightningMessage {
            var body = NodeAnnouncement(
                features: FeatureBits(), timestamp: 5, nodeID: secret.publicKey(), color: [0, 0, 0], alias: "", addresses: place)
            body.signature = WireSignature(
                secret.sign(NodeAnnouncement.signatureHash(wire: LightningMessage.nodeAnnouncement(body).encoded)))
            return .nodeAnnouncement(body)
        }
        func heard() -> Int { world.nodes[0].events.count { if case .peerAddresses = $0 { true } else { false } } }
        try world.say(announcement(Self.secret), over: &raw.connection)
        try world.say(announcement(Self.secret), over: &raw.connection)
        #expect(heard() == 1)
        let stranger = SecretKey(Hash.sha256([77]))!
        var other = try #require(try world.dial(0, as: stranger))
        try world.say(announcement(stranger), over: &other)
        // Nor what a peer says of somebody else.
        try world.say(announcement(stranger), over: &raw.connection)
        #expect(heard() == 1)
    }
}
