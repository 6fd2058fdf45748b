import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import LightningChain
import LightningChannel
import LightningEnforcement
import LightningInvoice
import LightningPayment
import LightningRecords
import LightningSimulation
import LightningTransactions
import LightningWire
import TestSupport
import Testing

@testable import LightningCore

/// What is left of a node whose database is lost, or was set back: what its peers keep for it, and its backup.
@Suite("backups of channels, with the peers and in a file", .ownThreads)
struct BackupTests {
    /// A node with a channel of 500,000 sat to each of the others, of which each has 200,000.
    private static func world(
        _ seed: UInt64, _ names: [String] = ["alice", "bob"], keeps: Bool = true, announce: Bool = false
    ) throws -> SimulatedWorld {
        var configuration = NodeConfiguration()
        configuration.keepsPeerBackups = keeps
        var world = SimulatedWorld(seed: seed, names: names, configuration: configuration)
        for other in 1..<names.count {
            try world.fund(0)
            world.join(0, other)
            try world.run(limit: .milliseconds(2000))
            try world.command(
                0,
                .openChannel(
                    world.nodes[other].nodeID, amount: Satoshi(500_000), push: MilliSatoshi(Satoshi(200_000)), feeRate: nil,
                    announce: announce))
            try world.run(limit: .milliseconds(2000))
            try world.mine(3)
            try world.run(limit: .milliseconds(2000))
            // Its change is deep enough for the next.
            try world.mine(3)
            try world.pass(3)
        }
        return world
    }

    private static func onChain(_ world: SimulatedWorld, _ index: Int) -> UInt64 {
        let balance = world.nodes[index].core!.wallet.balance(height: world.ledger.height)
        return balance.confirmed.value + balance.unconfirmed.value
    }

    private static func pay(_ world: inout SimulatedWorld, _ from: Int, _ to: Int, _ sat: UInt64) throws {
        guard
            case .invoice(let record)? = try world.ask(
                to, .createInvoice(amount: MilliSatoshi(Satoshi(sat)), .text(""), expiry: .seconds(3600), blindedHops: 0))
        else {
            Issue.record("no invoice")
            return
        }
        try world.command(from, .pay(record.invoice, amount: nil))
        try world.run(limit: .milliseconds(3000))
        let payment = try #require(world.nodes[from].payments[record.invoice.paymentHash])
        guard case .succeeded = payment.status else {
            Issue.record("the payment is \(payment.status)")
            return
        }
    }

    @Test("peers keep each other's backup, replace it at most once a minute, and give it back at each connection")
    func kept() throws {
        var world = try Self.world(16)
        let core = { (index: Int) in world.nodes[index].core! }
        let (alice, bob) = (core(0), core(1))
        let blob = try #require(alice.peers.keptBlobs.blobs[bob.nodeID])
        #expect(blob.count == 65531)
        let backup = try bob.openBackup(blob)
        #expect(backup.revision == bob.channels.backup.revision && backup.entries.map(\.parameters.channelID) == bob.channels.ids)
        // Nobody else reads it, and one changed bit is seen.
        #expect(throws: ChannelBackup.Refusal.sealed) { _ = try alice.openBackup(blob) }
        for place in [0, 7, 40, 5000, 65530] {
            var changed = blob
            changed[place] ^= 1
            #expect(throws: ChannelBackup.Refusal.self) { _ = try bob.openBackup(changed) }
        }
        #expect(throws: ChannelBackup.Refusal.foreign) { _ = try bob.openBackup(Array(blob.prefix(30))) }
        // It outlives a restart, and is not asked for again.
        world.kill(0)
        try world.pass(5)
        #expect(world.nodes[0].core!.peers.keptBlobs.blobs[bob.nodeID] == blob)
        let peer = try #require(world.nodes[1].core!.peers.values.first)
        #expect(peer.told.hasGivenBack && peer.told.storedRevision == world.nodes[1].core!.channels.backup.revision)
        #expect(world.nodes[1].core?.channels.backup.revision == backup.revision)
    }

    @Test("a database that is lost is found again with the first peer that answers: all channels, and their money")
    func found() throws {
        var world = try Self.world(17, ["alice", "bob", "carol"])
        try Self.pay(&world, 0, 1, 50_000)
        let ids = world.nodes[0].core!.channels.ids
        let before = Self.onChain(world, 0)
        #expect(ids.count == 2)
        // Carol is away: bob alone gives back what is known of both.
        world.stop(2)
        world.loseStore(0)
        try world.pass(5)
        #expect(world.nodes[0].core!.channels.ids == ids)
        for id in ids { #expect(world.nodes[0].core!.channels[id]!.stateName == "data-lost") }
        for channel in world.nodes[0].core!.channels.values { #expect(channel.isRecovered) }
        world.resume(2)
        world.join(0, 2)
        try world.pass(5)
        try world.mine(1)
        try world.pass(2)
        try world.mine(8)
        try world.pass(2)
        for channel in world.nodes[0].core!.channels.values {
            #expect(channel.isClosed && channel.close?.kind != .ownRevokedCommitment)
        }
        // 250,000 and 300,000, less fees and anchors.
        let back = Self.onChain(world, 0) - before
        #expect((545_000...550_000).contains(back), "\(back)")
        #expect(world.nodes[0].core!.difference(from: world.nodes[0].store) == nil)
    }

    @Test("the file does what peers do that keep nothing; it is renewed by each opening and close, and never too old")
    func file() throws {
        var world = try Self.world(18, keeps: false)
        let early = try #require(world.nodes[0].backup)
        let opened = world.nodes[0].core!.channels.backup.revision
        try Self.pay(&world, 0, 1, 100_000)
        // Payments are nothing to it.
        #expect(world.nodes[0].backup == early && world.nodes[0].core!.channels.backup.revision == opened)
        let id = world.nodes[0].core!.channels.ids[0]
        let before = Self.onChain(world, 0)
        world.stop(1)
        world.loseStore(0)
        try world.pass(3)
        #expect(world.nodes[0].core!.channels.isEmpty)
        guard case .restored([id], [])? = try world.ask(0, .restoreChannels(early)) else {
            Issue.record("not restored")
            return
        }
        // A second time nothing is new.
        guard case .restored([], [])? = try world.ask(0, .restoreChannels(early)) else {
            Issue.record("restored twice")
            return
        }
        #expect(world.nodes[0].core!.channels.backup.revision > opened)
        world.resume(1)
        world.join(0, 1)
        try world.pass(5)
        try world.mine(9)
        try world.pass(2)
        #expect((198_000...200_000).contains(Self.onChain(world, 0) - before))
        #expect(world.nodes[0].core!.channels[id]!.isClosed)
        let empty = try world.nodes[0].core!.openBackup(try #require(world.nodes[0].backup))
        #expect(empty.entries.isEmpty)
        // Foreign bytes are refused, and change nothing.
        for bytes in [[], Array(early.dropLast()), Array("LNWB\u{1}".utf8), [UInt8](repeating: 7, count: 500)] {
            let number = try world.command(0, .restoreChannels(bytes))
            guard case .failure(.invalid)? = world.nodes[0].answers[number] else {
                Issue.record("taken")
                continue
            }
        }
        let others = try world.command(1, .restoreChannels(early))
        guard case .failure(.invalid)? = world.nodes[1].answers[others] else {
            Issue.record("another wallet's backup was taken")
            return
        }
    }

    @Test("a channel that was closed before its backup was restored is found in the blocks that have gone by", arguments: [true, false])
    func closedBefore(byUs: Bool) throws {
        var world = try Self.world(19, keeps: false)
        let backup = try #require(world.nodes[0].backup)
        let id = world.nodes[0].core!.channels.ids[0]
        let before = Self.onChain(world, 0)
        try Self.pay(&world, 0, 1, 100_000)
        try world.command(byUs ? 0 : 1, .forceCloseChannel(id))
        try world.pass(2)
        let start = world.ledger.height
        try world.mine(1)
        world.stop(1)
        world.loseStore(0)
        try world.pass(3)
        // It has read all blocks before it is given the backup.
        try world.mine(1)
        guard case .restored([id], [])? = try world.ask(0, .restoreChannels(backup)) else {
            Issue.record("not restored")
            return
        }
        for height in start...world.ledger.height {
            let block = world.ledger.block(world.ledger.blockHash(height: height)!)!
            try world.input(0, .pastBlock(BlockContents(block), height: height, for: [id]))
        }
        #expect(world.nodes[0].core!.channels[id]!.close != nil)
        try world.mine(160)
        try world.pass(2)
        #expect((197_000...200_000).contains(Self.onChain(world, 0) - before))
    }

    @Test("a database that was set back learns it from what a peer keeps, and publishes nothing")
    func setBack() throws {
        var world = try Self.world(20)
        let (old, known) = (world.nodes[0].store, world.nodes[0].core!.channels.ids)
        // After the copy was made a channel is opened; bob keeps the renewal.
        try world.pass(60)
        try world.command(
            0, .openChannel(world.nodes[1].nodeID, amount: Satoshi(300_000), push: .zero, feeRate: nil, announce: false))
        try world.run(limit: .milliseconds(2000))
        try world.mine(3)
        try world.pass(65)
        let news = try #require(world.nodes[0].core!.channels.ids.first { !known.contains($0) })
        world.setBack(0, to: old)
        try world.pass(5)
        let alerts = world.nodes[0].events.filter { if case .alert(let text) = $0 { text.contains("old copy") } else { false } }
        #expect(!alerts.isEmpty)
        // In the first channel nothing has happened since: it goes on. Of the second the state is lost, and bob closes it.
        #expect(world.nodes[0].core!.channels[known[0]]!.isUsable)
        // But what is known to be old is not published on the peer's word: only a commitment that was made since.
        #expect(world.nodes[0].core!.channels[known[0]]!.isPossiblyBehind)
        try Self.pay(&world, 1, 0, 1000)
        #expect(!world.nodes[0].core!.channels[known[0]]!.isPossiblyBehind)
        #expect(world.nodes[0].core!.channels[news]?.stateName == "data-lost")
        try world.mine(9)
        try world.pass(2)
        #expect(world.nodes[0].core!.channels[news]!.close?.kind == .remoteCommitment)
        #expect(world.nodes[0].core!.channels[news]!.isClosed)
    }

    @Test("a history that cannot be read while a peer gives a backup back is an alarm, and nothing is restored")
    func unreadable() throws {
        let world = try Self.world(22)
        let blob = world.nodes[0].core!.sealedBackup
        var fresh = try NodeCore(
            configuration: NodeConfiguration(), keys: SimulatedWorld.keys(22, 0), entropy: Entropy(seed: .zero), store: StoreContents())
        fresh.begin(.restoreChannels(blob), NodeCore.ownRequest)
        let query = try #require(fresh.batch.effects.loads.first)
        fresh.answer(query, .failure(.damaged("a row")))
        #expect(fresh.batch.effects.answers.isEmpty && fresh.channels.isEmpty)
        #expect(fresh.batch.effects.events.contains { if case .alert(let text) = $0 { text.contains("a row") } else { false } })
    }

    @Test("strangers' blobs are not kept, nor those of peers whose channels are over for two weeks")
    func bounds() throws {
        var world = try Self.world(21)
        let bob = world.nodes[1].nodeID
        var alice = world.nodes[0].core!
        let count = alice.peers.keptBlobs.blobs.count
        alice.received(PeerStorage(blob: [1]), of: SecretKey(Hash.sha256([1]))!.publicKey())
        #expect(alice.peers.keptBlobs.blobs.count == count)
        // Faster than one in a minute only the last is kept, when the minute is over.
        alice.received(PeerStorage(blob: [1]), of: bob)
        alice.received(PeerStorage(blob: [2]), of: bob)
        alice.received(PeerStorage(blob: [3]), of: bob)
        _ = alice.handle([.tick], now: alice.now + .seconds(1))
        #expect(alice.peers.keptBlobs.blobs[bob] != [3])
        _ = alice.handle([.tick], now: alice.now + .seconds(61))
        #expect(alice.peers.keptBlobs.blobs[bob] == [3])
        let id = world.nodes[0].core!.channels.ids[0]
        try world.command(0, .closeChannel(id, to: nil))
        try world.pass(3)
        try world.mine(2016)
        #expect(world.nodes[0].core!.peers.keptBlobs.blobs[bob] != nil)
        try world.mine(300)
        #expect(world.nodes[0].core!.peers.keptBlobs.blobs[bob] == nil)
    }
}
