import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningCore
import LightningRouting
import LightningSimulation
import LightningTransactions
import LightningWire
import Testing

/// A peer with a channel whose gossip is bad: it costs it its gossip, never its channel.
@Suite("bad gossip over a good channel")
struct GossipHarmTests {
    private static let secret = SecretKey(Hash.sha256(Array("gossip".utf8)))!

    private static func world(_ seed: UInt64) throws -> (SimulatedWorld, RawChannel) {
        var world = SimulatedWorld(seed: seed, names: ["alice"])
        try world.fund(0)
        let connection = try #require(try world.dial(0, as: secret))
        let raw = try #require(try world.openChannel(to: connection, keys: ChannelKeys(seed: Hash.sha256([1]))))
        return (world, raw)
    }

    private static func invoiceIsPaid(_ world: inout SimulatedWorld, _ raw: inout RawChannel) throws -> Bool {
        // The raw peer pays alice nothing: alice pays it by keysend, and it answers with the preimage that the onion holds for it.
        try world.command(0, .keysend(secret.publicKey(), amount: MilliSatoshi(1_000_000)))
        try world.talk(&raw)
        return !raw.received.isEmpty
    }

    /// What a peer may say of the network, each of it wrong in another way.
    private static let wrong: [(String, [UInt8])] = {
        let chain = Network.regtest.chainHash
        let ids = GossipEncoding.encode([ShortChannelID(7), ShortChannelID(3), ShortChannelID(9)])
        var range = ReplyChannelRange(chainHash: chain, firstBlock: 0, blockCount: .max, syncComplete: 1, encodedShortIDs: ids)
        var result: [(String, [UInt8])] = [("ids out of order", LightningMessage.replyChannelRange(range).encoded)]
        range.encodedShortIDs = [1, 2, 3]
        result.append(("ids in zlib", LightningMessage.replyChannelRange(range).encoded))
        range.encodedShortIDs = [0, 1, 2]
        result.append(("half an id", LightningMessage.replyChannelRange(range).encoded))
        range.encodedShortIDs = ids
        range.tlvs[1] = [0, 1, 2]
        result.append(("half a timestamp", LightningMessage.replyChannelRange(range).encoded))
        let query = QueryShortChannelIDs(chainHash: chain, encodedShortIDs: [])
        result.append(("a query for nothing", LightningMessage.queryShortChannelIDs(query).encoded))
        let made = GossipHarmTests.update(signer: Hash.sha256([5]))
        result.append(("a forged update", made))
        for type: UInt16 in [256, 257, 258, 261, 262, 263, 264, 265] {
            result.append(("type \(type) cut short", [UInt8(type >> 8), UInt8(type & 0xff), 1, 2, 3]))
        }
        return result
    }()

    private static func update(signer: Bytes32) -> [UInt8] {
        var body = ChannelUpdate(
            chainHash: Network.regtest.chainHash, shortChannelID: ShortChannelID(block: 101, transaction: 1, output: 0),
            timestamp: 1_700_000_100,
            direction: 0, isDisabled: false, dontForward: false, cltvExpiryDelta: 40, htlcMinimum: MilliSatoshi(1), feeBase: 1,
            feeProportionalMillionths: 1, htlcMaximum: MilliSatoshi(1_000_000))
        body.signature = WireSignature(
            SecretKey(signer)!.sign(ChannelUpdate.signatureHash(wire: LightningMessage.channelUpdate(body).encoded)))
        return LightningMessage.channelUpdate(body).encoded
    }

    @Test("the channel stays usable, over every reconnection, whatever is told")
    func channelLives() throws {
        var (world, raw) = try Self.world(81)
        for (name, wire) in Self.wrong {
            _ = raw.connection.takeInbox()
            try world.say(wire: wire, over: &raw.connection)
            try world.run(limit: .milliseconds(100))
            #expect(world.isOpen(raw.connection), "\(name)")
            #expect(world.nodes[0].core!.channels[raw.channel.id]?.isUsable == true, "\(name)")
            #expect(try world.reconnect(&raw, as: Self.secret), "\(name)")
        }
        #expect(try Self.invoiceIsPaid(&world, &raw))
    }

    @Test("whoever has no channel is sent away for most of it")
    func strangerIsSentAway() throws {
        var (world, _) = try Self.world(82)
        for (name, wire) in Self.wrong where name.hasPrefix("type") || name.hasPrefix("half") {
            var connection = try #require(try world.dial(0, as: SecretKey(Hash.sha256(Array(name.utf8)))!))
            // An answer is looked at by who asked: the first three peers are.
            try world.say(wire: wire, over: &connection)
            try world.run(limit: .milliseconds(100))
            if name.hasPrefix("type") { #expect(!world.isOpen(connection), "\(name)") }
        }
    }

    @Test("a thousand queries, and pings between them, end no channel")
    func floods() throws {
        var (world, raw) = try Self.world(83)
        let query = QueryChannelRange(chainHash: Network.regtest.chainHash, firstBlock: 0, blockCount: .max)
        for _ in 0..<300 {
            try world.say(.queryChannelRange(query), over: &raw.connection)
            try world.say(.ping(Ping(pongBytes: 1)), over: &raw.connection)
            _ = raw.connection.takeInbox()
        }
        #expect(world.isOpen(raw.connection))
        #expect(try Self.invoiceIsPaid(&world, &raw))
    }
}
