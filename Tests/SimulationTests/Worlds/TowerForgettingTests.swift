import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningEnforcement
import LightningInvoice
import LightningRecords
import LightningWire
import TestSupport
import Testing

@testable import LightningCore
@testable import LightningSimulation

/// Kits of channels that are over, at both ends.
@Suite("watchtowers forget what is over", .ownThreads)
struct TowerForgettingTests {
    private static let (alice, bob, tower) = (WatchtowerTests.alice, WatchtowerTests.bob, WatchtowerTests.tower)

    private static func kits(_ world: SimulatedWorld) -> (kits: Int, order: Int, clients: Int) {
        let store = world.nodes[tower].store
        return (store.records(.towerKits).count, store.records(.towerOrder).count, store.records(.towerClients).count)
    }

    /// Closes the channel by agreement, and mines until nobody remembers it.
    private static func close(_ world: inout SimulatedWorld, _ id: ChannelID) throws {
        try world.command(alice, .closeChannel(id, to: nil))
        try world.pass(2)
        try world.mine(1)
        world.stop(bob)
        world.checkInterval = 200
        defer { world.checkInterval = 1 }
        let end = try #require(world.nodes[alice].core!.channels[id]?.close?.endHeight)
        while world.ledger.height + 1 < end { try world.mine(1) }
        try world.pass(1)
        #expect(world.nodes[alice].core!.channels[id] != nil)
    }

    private static func over(_ world: inout SimulatedWorld) throws {
        // With the first block the channel is in the history, with the second its sessions are looked at.
        try world.mine(2)
        try world.pass(3)
        world.join(alice, tower)
        try world.pass(3)
    }

    /// Alice hears from her peer and her tower, and of a block.
    private static func reconnect(_ world: inout SimulatedWorld) throws {
        world.join(alice, bob)
        world.join(alice, tower)
        try world.pass(10)
        try world.mine(1)
        try world.pass(2)
    }

    private static func sessions(_ world: SimulatedWorld) -> [TowerSession] {
        world.nodes[alice].core!.peers.towers.client.sessions.of(world.nodes[tower].nodeID)
    }

    @Test("when the last channel of a session is over for good its kits go, also where the tower restarts; those of others stay")
    func over() throws {
        var (world, id) = try WatchtowerTests.world(500)
        // Another client, which does not close anything with alice's session.
        _ = try world.ask(Self.bob, .addWatchtower(world.nodes[Self.tower].nodeID))
        world.join(Self.bob, Self.tower)
        try world.pass(2)
        for _ in 0..<5 { try WatchtowerTests.pay(&world, Self.bob, Self.alice, 1000) }
        let mine = try #require(world.nodes[Self.alice].core!.watchtowers.first)
        let others = try #require(world.nodes[Self.bob].core!.watchtowers.first)
        #expect(mine.stored > 5 && others.stored > 5 && Self.sessions(world).map(\.channels) == [[id]])
        #expect(Self.kits(world) == (Int(mine.stored + others.stored), Int(mine.stored + others.stored), 2))
        try Self.close(&world, id)
        #expect(Self.kits(world).kits == Int(mine.stored + others.stored), "not a block sooner")
        try Self.over(&world)
        #expect(Self.kits(world) == (Int(others.stored), Int(others.stored), 1))
        #expect(Self.sessions(world).isEmpty && world.nodes[Self.alice].store.records(.towers).count == 1)
        #expect(world.nodes[Self.tower].core!.towerTotals.kits == others.stored)
        // What is left is bob's, and its record says how much.
        let service = world.nodes[Self.tower].core!.peers.towers.service
        #expect(service.bytes == service.customers.values.first?.bytes && service.bytes > 0)
    }

    @Test("a tower that stops while it removes goes on after its start, and takes nothing more from that identity")
    func interrupted() throws {
        var (world, _) = try WatchtowerTests.world(501)
        for _ in 0..<3 { try WatchtowerTests.pay(&world, Self.bob, Self.alice, 1000) }
        let (client, known) = try #require(world.nodes[Self.tower].core!.peers.towers.service.customers.first)
        var customer = known
        #expect(Self.kits(world).kits == Int(customer.last) && customer.last > 0)
        world.stop(Self.tower)
        customer.isForgotten = true
        world.nodes[Self.tower].store.apply([.put(.towerClients, key: client.compressed, record: customer.encoded())])
        #expect(try TowerCustomer(record: customer.encoded()) == customer)
        world.resume(Self.tower)
        try world.pass(2)
        #expect(Self.kits(world) == (0, 0, 0))
        #expect(world.nodes[Self.tower].core!.peers.towers.service.bytes == 0)
    }

    @Test("nobody but its client has a session forgotten, and not with what was signed for another tower")
    func strangers() throws {
        var (world, _) = try WatchtowerTests.world(502)
        for _ in 0..<3 { try WatchtowerTests.pay(&world, Self.bob, Self.alice, 1000) }
        let before = Self.kits(world)
        let own = try #require(world.nodes[Self.alice].core!.watchtowers.first)
        let towerID = world.nodes[Self.tower].nodeID
        let secret = SimulatedWorld.keys(502, Self.alice).towerSecret(towerID, salt: own.salt)
        let session = secret.publicKey()
        let thief = SecretKey(Hash.sha256([6]))!
        var connection = try #require(try world.dial(Self.tower, as: thief))
        func hash(_ tower: NodeID, _ last: UInt64) -> Bytes32 { TowerForget.hash(tower: tower, session: session, last: last) }
        let last = own.made
        let wrong: [(UInt64, WireSignature)] = [
            (last, WireSignature(thief.sign(hash(towerID, last)))),
            (last, WireSignature(secret.sign(hash(world.nodes[Self.bob].nodeID, last)))),
            (last, .missing), (last, WireSignature(secret.sign(hash(towerID, last + 1)))),
            // Who knows of fewer kits than there are has an old copy.
            (last - 1, WireSignature(secret.sign(hash(towerID, last - 1)))),
        ]
        for (last, signature) in wrong {
            try world.say(.towerForget(TowerForget(session: session, last: last, signature: signature)), over: &connection)
        }
        func answers() -> Int {
            connection.inbox.count {
                if case .towerForgotten = $0 { return true }
                return false
            }
        }
        #expect(answers() == 0 && Self.kits(world) == before && before.kits > 0)
        // Whose key it is may do so over any connection; and what there is not needs no forgetting.
        let right = TowerForget(session: session, last: last, signature: WireSignature(secret.sign(hash(towerID, last))))
        for _ in 0..<2 { try world.say(.towerForget(right), over: &connection) }
        try world.pass(1)
        #expect(answers() == 2 && Self.kits(world) == (0, 0, 0))
        #expect(world.nodes[Self.tower].core!.difference(from: world.nodes[Self.tower].store) == nil)
    }

    @Test("a long session of which one channel is over is followed by another one, and nothing is lost between them")
    func long() throws {
        var (world, id) = try WatchtowerTests.world(503)
        world.nodes[Self.alice].core!.peers.towers.client.sessions.longest = 8
        for _ in 0..<6 { try WatchtowerTests.pay(&world, Self.bob, Self.alice, 1000) }
        #expect(Self.sessions(world).count == 1)
        // Another channel with the same peer, which is used too, stays when the first one goes.
        try world.fund(Self.alice)
        try world.command(
            Self.alice,
            .openChannel(world.nodes[Self.bob].nodeID, amount: Satoshi(400_000), push: MilliSatoshi(Satoshi(150_000)), feeRate: nil))
        try world.pass(2)
        try world.mine(6)
        try world.pass(3)
        let second = try #require(world.nodes[Self.alice].core!.channels.ids.first { $0 != id })
        try world.command(Self.alice, .closeChannel(id, to: nil))
        try world.pass(2)
        try world.mine(1)
        try WatchtowerTests.pay(&world, Self.bob, Self.alice, 1000)
        let signed = world.signedCommitment(Self.bob, second)
        let cheat = try #require(signed)
        try WatchtowerTests.pay(&world, Self.bob, Self.alice, 2000)
        let end = try #require(world.nodes[Self.alice].core!.channels[id]?.close?.endHeight)
        world.stop(Self.bob)
        world.checkInterval = 200
        while world.ledger.height < end + 2 { try world.mine(1) }
        world.checkInterval = 1
        world.resume(Self.bob)
        try world.pass(5)
        world.join(Self.alice, Self.bob)
        world.join(Self.alice, Self.tower)
        try world.pass(5)
        try WatchtowerTests.pay(&world, Self.bob, Self.alice, 1000)
        let client = try #require(world.nodes[Self.alice].core!.watchtowers.first)
        #expect(client.waiting == 0 && client.lost == 0 && client.refusal == nil)
        #expect(Self.sessions(world).map(\.channels) == [[second], [second]] && Self.kits(world).clients == 2)
        // After a restart all of that is known, and what was revoked in any of them is punished.
        world.kill(Self.alice)
        try world.pass(2)
        #expect(Self.sessions(world).count == 2)
        try WatchtowerTests.breach(&world, cheat)
        #expect(!WatchtowerTests.claims(world, cheat.id).isEmpty)
    }

    @Test("what a database does not know of that is perhaps an old copy, or is one, is never forgotten", arguments: [true, false])
    func doubted(isOld: Bool) throws {
        var (world, id) = try WatchtowerTests.world(isOld ? 505 : 504)
        try WatchtowerTests.pay(&world, Self.bob, Self.alice, 1000)
        var copy = world.nodes[Self.alice].store
        try WatchtowerTests.pay(&world, Self.bob, Self.alice, 1000)
        if !isOld { copy = world.nodes[Self.alice].store }
        world.stop(Self.bob)
        try world.pass(1)
        world.setBack(Self.alice, to: copy)
        try world.pass(2)
        #expect(Self.sessions(world).map(\.isDoubted) == [true] && Self.sessions(world)[0].channels == [id])
        let doubted = Self.sessions(world)[0].salt
        world.resume(Self.bob)
        try world.pass(2)
        try Self.reconnect(&world)
        if !isOld {
            try WatchtowerTests.pay(&world, Self.bob, Self.alice, 1000)
            #expect(Self.kits(world).clients == 2)
            try world.command(Self.alice, .closeChannel(id, to: nil))
            try world.pass(2)
            try world.mine(1)
        }
        // Of an old copy bob has closed with what he has.
        let end = try #require(world.nodes[Self.alice].core!.channels[id]?.close?.endHeight)
        world.stop(Self.bob)
        world.checkInterval = 200
        while world.ledger.height < end + 1 { try world.mine(1) }
        world.checkInterval = 1
        try world.pass(3)
        world.join(Self.alice, Self.tower)
        try world.pass(3)
        // The session of the copy stays, that which came after it goes; of a database that is known to be old nothing does.
        #expect(world.nodes[Self.alice].core!.channels[id] == nil)
        #expect(Self.sessions(world).contains { $0.salt == doubted } && Self.sessions(world).allSatisfy(\.isDoubted))
        #expect((isOld || Self.sessions(world).count == 1) && Self.kits(world).clients == 1 && Self.kits(world).kits > 0)
    }

    @Test("a database that a peer shows to be an old copy doubts all that it stored, though its store was believed")
    func shownToBeOld() throws {
        var (world, id) = try WatchtowerTests.world(506)
        try WatchtowerTests.pay(&world, Self.bob, Self.alice, 1000)
        let copy = world.nodes[Self.alice].store
        try WatchtowerTests.pay(&world, Self.bob, Self.alice, 1000)
        world.setBack(Self.alice, to: copy)
        // As a whole machine that was set back: nothing of it shows it.
        world.nodes[Self.alice].isOldCopy = false
        try world.pass(2)
        try Self.reconnect(&world)
        #expect(world.nodes[Self.alice].core!.channels[id]?.close?.wasDataLost == true)
        #expect(!Self.sessions(world).isEmpty && Self.sessions(world).allSatisfy(\.isDoubted))
    }

    @Test("a tower takes no more than its disk has room for until its next start")
    func disk() throws {
        var configuration = NodeConfiguration()
        configuration.tower = TowerPolicy()
        configuration.tower?.maxNewBytes = 1100
        var world = SimulatedWorld(seed: 76, names: ["tower"], configuration: configuration)
        var connection = try #require(try world.dial(0, as: SecretKey(Hash.sha256([5]))!))
        for number in 1...3 as ClosedRange<UInt64> {
            let kit = TowerStore(number: number, hint: [UInt8](repeating: 1, count: 16), blob: [UInt8](repeating: 2, count: 400))
            try world.say(.towerStore(kit), over: &connection)
        }
        let answers = connection.inbox.compactMap { message -> Int? in
            switch message {
            case .towerStored(let body): Int(body.number)
            case .towerRefused(let body): -Int(body.reason)
            default: nil
            }
        }
        #expect(answers == [1, 2, -2])
    }
}
