import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import LightningChain
import LightningChannel
import LightningCore
import LightningEnforcement
import LightningPayment
import LightningRecords
import LightningRouting
import LightningSimulation
import LightningTransactions
import LightningWire
import TestSupport
import Testing

/// Channels whose funding transaction never confirms, or is taken back: they end, and harm no other channel.
@Suite("channels that are never funded", .ownThreads)
struct UnfundedChannelTests {
    private static let opener = SecretKey(Hash.sha256(Array("opener".utf8)))!

    private static func keys(_ name: String) -> ChannelKeys { ChannelKeys(seed: Hash.sha256(Array(name.utf8))) }

    /// A node with a working channel to a raw peer, which then opens another one that it never funds.
    private static func world(_ seed: UInt64) throws -> (SimulatedWorld, RawChannel, PaymentChannel) {
        var world = SimulatedWorld(seed: seed, names: ["alice"])
        try world.fund(0)
        let connection = try #require(try world.dial(0, as: opener))
        var raw = try #require(try world.openChannel(to: connection, keys: keys("good")))
        #expect(world.nodes[0].core!.channels[raw.channel.id]?.isUsable == true)
        let fake = try world.openFalsely(
            over: &raw.connection, keys: keys("fake"), temporaryID: Hash.sha256([1]),
            funding: OutPoint(TransactionID(Hash.sha256([2])), 0))
        return (world, raw, try #require(fake.channel))
    }

    @Test("an error of the opener ends it at once: nothing is kept, nothing broadcast, nothing said again")
    func errorOfOpener() throws {
        var (world, raw, fake) = try Self.world(51)
        let mempool = world.ledger.mempool.entries.count
        try world.say(.error(ErrorMessage(channelID: fake.id, text: "changed my mind")), over: &raw.connection)
        #expect(world.nodes[0].core!.channels[fake.id] == nil)
        #expect(world.nodes[0].core!.channels.count == 1)
        #expect(world.ledger.mempool.entries.count == mempool)
        #expect(world.nodes[0].core!.difference(from: world.nodes[0].store) == nil)
        // The good one goes on over every reconnection.
        for _ in 0..<5 {
            #expect(try world.reconnect(&raw, as: Self.opener))
            #expect(!raw.connection.inbox.contains { if case .error = $0 { true } else { false } })
            try world.mine(1)
            try world.talk(&raw)
            #expect(world.nodes[0].core!.channels[raw.channel.id]?.isUsable == true)
        }
        // It may be opened again, by whatever name.
        let again = try world.openFalsely(
            over: &raw.connection, keys: Self.keys("again"), temporaryID: Hash.sha256([1]), funding: fake.parameters.funding)
        #expect(again.channel != nil)
    }

    @Test("a violation by the opener ends it as well; strangers cannot pile them up")
    func violation() throws {
        var (world, raw, _) = try Self.world(52)
        for number in 0..<50 {
            let result = try world.openFalsely(
                over: &raw.connection, keys: Self.keys("\(number)"), temporaryID: Hash.sha256([1]),
                funding: OutPoint(TransactionID(Hash.sha256([3, UInt8(number)])), 0))
            if let channel = result.channel {
                let secret = Hash.sha256([UInt8(number)])
                try world.say(
                    .revokeAndAck(
                        RevokeAndAck(
                            channelID: channel.id, perCommitmentSecret: secret, nextPerCommitmentPoint: Self.opener.publicKey())),
                    over: &raw.connection)
            }
            try world.pass(10)
            try world.talk(&raw)
        }
        // The good one, and the first that was never funded.
        #expect(world.nodes[0].core!.channels.count == 2)
        #expect(world.nodes[0].store.tables[.channels]?.count == 2)
    }

    @Test("after 2016 blocks it is forgotten, whatever has happened to it, and the good channel has not noticed", arguments: [false, true])
    func timeout(isFailed: Bool) throws {
        var (world, raw, fake) = try Self.world(53)
        if isFailed {
            // The owner gave it up: the same.
            try world.command(0, .forceCloseChannel(fake.id))
            #expect(world.nodes[0].core!.channels[fake.id] == nil)
        }
        world.checkInterval = 500
        try world.mine(2016)
        if !isFailed { #expect(world.nodes[0].core!.channels[fake.id] != nil) }
        try world.mine(2)
        #expect(world.nodes[0].core!.channels[fake.id] == nil)
        #expect(try world.reconnect(&raw, as: Self.opener))
        #expect(world.nodes[0].core!.channels[raw.channel.id]?.isUsable == true)
    }

    @Test("while a force close waits for its block, other channels with the same peer work, over every reconnection")
    func forceCloseBesideOthers() throws {
        var world = SimulatedWorld(seed: 54, names: ["alice"])
        try world.fund(0)
        let connection = try #require(try world.dial(0, as: Self.opener))
        let closing = try #require(try world.openChannel(to: connection, keys: Self.keys("closing")))
        var raw = try #require(try world.openChannel(to: closing.connection, keys: Self.keys("good")))
        try world.command(0, .forceCloseChannel(closing.channel.id))
        try world.listen(&raw.connection)
        // The error that goes with it is said once.
        #expect(raw.connection.takeInbox().contains(.error(ErrorMessage(channelID: closing.channel.id, text: "closed by its owner"))))
        for _ in 0..<3 {
            #expect(try world.reconnect(&raw, as: Self.opener))
            #expect(!raw.connection.inbox.contains { if case .error = $0 { true } else { false } })
            #expect(world.nodes[0].core!.channels[raw.channel.id]?.isUsable == true)
        }
        // Who asks is answered.
        let reestablish = ChannelReestablish(
            channelID: closing.channel.id, nextCommitmentNumber: 1, nextRevocationNumber: 0, yourLastPerCommitmentSecret: .zero,
            myCurrentPerCommitmentPoint: Self.opener.publicKey())
        try world.say(.channelReestablish(reestablish), over: &raw.connection)
        guard case .error(let error)? = raw.connection.takeInbox().last else {
            Issue.record("no error")
            return
        }
        #expect(error.channelID == closing.channel.id)
        #expect(world.isOpen(raw.connection))
    }
}

/// The funding transaction is double-spent.
@Suite("funding transactions that are double-spent", .ownThreads)
struct DoubleSpentFundingTests {
    /// Alice and bob with a channel whose funding transaction is in the mempool.
    private static func world(_ seed: UInt64) throws -> (SimulatedWorld, ChannelID, Transaction) {
        var world = SimulatedWorld(seed: seed, names: ["alice", "bob"])
        try world.fund(0)
        world.join(0, 1)
        try world.run(limit: .milliseconds(2000))
        try world.command(
            0, .openChannel(world.nodes[1].nodeID, amount: Satoshi(500_000), push: MilliSatoshi(Satoshi(100_000)), feeRate: nil))
        try world.run(limit: .milliseconds(2000))
        let id = try #require(world.nodes[0].core?.channels.keys.first)
        let funding = try #require(world.nodes[0].core!.wallet.pending.values.first)
        return (world, id, funding)
    }

    @Test("before it was ever mined: the opener ends the channel, tells the other side, and has its money on chain")
    func neverMined() throws {
        var (world, id, funding) = try Self.world(61)
        let rival = try world.rival(of: funding, by: 0)
        try world.mine(1, including: [rival])
        #expect(world.nodes[0].core!.channels[id]!.stateName == "double-spent")
        #expect(world.nodes[0].core!.wallet.pending.isEmpty)
        // One block could be taken back.
        try world.mine(4)
        #expect(!world.nodes[0].core!.channels[id]!.isClosed)
        try world.mine(1)
        try world.pass(1)
        #expect(world.nodes[0].core!.channels[id]!.close?.kind == .fundingSpent)
        // Bob, who has seen nothing of it, is told.
        #expect(world.nodes[1].core!.channels.isEmpty)
        for node in world.nodes { #expect(node.core!.difference(from: node.store) == nil) }
        BlockJournal.write("double-spent", world.minedBlocks.map { $0.serialized() })
    }

    @Test("the other side, which was away while it happened, learns of it when it comes back")
    func otherSideAway() throws {
        var (world, id, funding) = try Self.world(63)
        world.stop(1)
        let rival = try world.rival(of: funding, by: 0)
        try world.mine(1, including: [rival])
        try world.mine(6)
        #expect(world.nodes[0].core!.channels[id]!.isClosed)
        world.resume(1)
        try world.pass(5)
        #expect(world.nodes[1].core!.channels.isEmpty)
    }

    @Test("the double-spend is taken back by a reorganization: the funding transaction confirms, and the channel works")
    func takenBack() throws {
        var (world, id, funding) = try Self.world(64)
        let rival = try world.rival(of: funding, by: 0)
        try world.mine(1, including: [rival])
        #expect(world.nodes[0].core!.channels[id]!.funding.conflict != nil)
        try world.reorganize(depth: 1)
        #expect(world.nodes[0].core!.channels[id]!.funding.conflict == nil)
        // The mempool holds the double-spend, which pays more; a miner takes the funding transaction all the same.
        try world.mine(1, including: [funding])
        try world.mine(3)
        try world.pass(2)
        #expect(world.nodes.allSatisfy { $0.core!.channels[id]!.isOpen })
    }

    @Test("after it was mined: a reorganization and a double-spend end a channel that worked, on both sides")
    func afterReorganization() throws {
        var (world, id, funding) = try Self.world(65)
        let rival = try world.rival(of: funding, by: 0)
        try world.mine(3)
        try world.pass(2)
        #expect(world.nodes.allSatisfy { $0.core!.channels[id]!.isUsable })
        let depth = world.ledger.height - world.nodes[0].core!.channels[id]!.fundingHeight! + 1
        try world.reorganize(depth: depth)
        #expect(world.nodes.allSatisfy { $0.core!.channels[id]!.fundingHeight == nil })
        try world.mine(1, including: [rival])
        #expect(world.nodes.allSatisfy { $0.core!.channels[id]!.stateName == "double-spent" })
        try world.mine(5)
        try world.pass(2)
        #expect(world.nodes.allSatisfy { $0.core!.channels[id]!.close?.kind == .fundingSpent })
        for node in world.nodes { #expect(node.core!.difference(from: node.store) == nil) }
        let left = world.nodes[0].core!.wallet.balance(height: world.ledger.height)
        #expect(left.confirmed == .zero && left.unconfirmed == .zero)
    }
}
