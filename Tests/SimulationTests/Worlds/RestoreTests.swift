import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import LightningChain
import LightningChannel
import LightningCore
import LightningPayment
import LightningSimulation
import LightningTransactions
import LightningWire
import TestSupport
import Testing

/// A node whose database is lost: what its words bring back, and what they must never use again.
@Suite("restoring from words", .ownThreads)
struct RestoreTests {
    /// Two nodes with a channel of 500,000 sat, of which the second has 200,000.
    private static func world(_ seed: UInt64, announce: Bool = false) throws -> (SimulatedWorld, ChannelID) {
        // Peers that keep nothing: what they would give back is another way, with tests of its own.
        var configuration = NodeConfiguration()
        configuration.keepsPeerBackups = false
        var world = SimulatedWorld(seed: seed, names: ["alice", "bob"], configuration: configuration)
        try world.fund(0)
        world.join(0, 1)
        try world.run(limit: .milliseconds(2000))
        try world.command(
            0,
            .openChannel(
                world.nodes[1].nodeID, amount: Satoshi(500_000), push: MilliSatoshi(Satoshi(200_000)), feeRate: nil, announce: announce))
        try world.run(limit: .milliseconds(2000))
        let id = try #require(world.nodes[0].core?.channels.keys.first)
        try world.mine(3)
        try world.run(limit: .milliseconds(2000))
        return (world, id)
    }

    private static func onChain(_ world: SimulatedWorld, _ index: Int) -> UInt64 {
        let balance = world.nodes[index].core!.wallet.balance(height: world.ledger.height)
        return balance.confirmed.value + balance.unconfirmed.value
    }

    @Test("the money in a channel whose database is lost comes back by its peer's close, from the words alone")
    func toRemote() throws {
        var (world, id) = try Self.world(31)
        world.loseStore(1)
        try world.pass(3)
        // Bob does not know the channel: alice is told, and closes.
        #expect(world.nodes[1].core!.channels.isEmpty)
        #expect(!world.nodes[0].core!.channels[id]!.isOpen)
        try world.mine(1)
        try world.pass(1)
        #expect((199_000...200_000).contains(Self.onChain(world, 1)), "\(Self.onChain(world, 1))")
        #expect(world.nodes[1].core!.difference(from: world.nodes[1].store) == nil)
        // A reorganization takes it away, and gives it back.
        try world.reorganize(depth: 1)
        #expect(world.nodes[1].core!.recovered.isEmpty)
        try world.mine(2)
        #expect(world.nodes[1].core!.wallet.balance(height: world.ledger.height).confirmed.value > 199_000)
        // It is lost once more: what was swept is in the wallet then, and is not taken for a find again.
        world.loseStore(1)
        try world.pass(3)
        #expect(world.nodes[1].core!.wallet.balance(height: world.ledger.height).confirmed.value > 199_000)
        #expect(world.nodes[1].core!.recovered.values.allSatisfy { $0.spentHeight != nil })
        try world.mine(101)
        #expect(world.nodes[1].core!.recovered.isEmpty)
    }

    @Test("a restored node never uses a key of a channel again")
    func freshKeys() throws {
        func keys(_ channel: PaymentChannel) -> [PublicKey] {
            let own = channel.parameters.local
            return [
                own.keys.funding, own.keys.revocation, own.keys.payment, own.keys.delayedPayment, own.keys.htlc,
                own.firstPerCommitmentPoint,
            ]
        }
        var (world, id) = try Self.world(32)
        let before = world.nodes.map { keys($0.core!.channels[id]!) }
        // Both lose everything, and open a channel with each other again: alice as opener, bob as the other side.
        for index in 0...1 { world.loseStore(index) }
        try world.pass(3)
        try world.command(0, .openChannel(world.nodes[1].nodeID, amount: Satoshi(400_000), push: .zero, feeRate: nil))
        try world.run(limit: .milliseconds(2000))
        for index in 0...1 {
            let channel = try #require(world.nodes[index].core!.channels.values.first)
            #expect(channel.parameters.keyOrigin.index == 0)
            #expect(Set(keys(channel)).isDisjoint(with: before[index]))
        }
    }

    @Test("openings that come to nothing use up neither numbers nor addresses: the words find later money")
    func numbers() throws {
        var (world, id) = try Self.world(33)
        for number in 0..<60 {
            let secret = SecretKey(Hash.sha256(Array("stranger \(number)".utf8)))!
            guard var connection = try world.dial(1, as: secret) else { continue }
            for again in 0..<3 {
                let keys = ChannelKeys(seed: Hash.sha256(Array("\(number)/\(again)".utf8)))
                let funding = again == 2 ? OutPoint(TransactionID(Hash.sha256(Array("\(number)".utf8))), 0) : nil
                _ = try world.openFalsely(over: &connection, keys: keys, temporaryID: Hash.sha256([1]), funding: funding)
            }
            try world.hangUp(connection)
            // Openings are metered.
            try world.pass(5)
        }
        #expect(world.nodes[1].core!.channels.count > 10)
        try world.command(1, .closeChannel(id, to: nil))
        try world.pass(2)
        try world.mine(1)
        #expect(Self.onChain(world, 1) == 200_000)
        world.loseStore(1)
        try world.pass(3)
        #expect(Self.onChain(world, 1) == 200_000)
    }
}
