import BitcoinLedger
import BitcoinPrimitives
import LightningChain
import LightningChannel
import LightningCore
import LightningSimulation
import LightningWire
import TestSupport
import Testing

@Suite("blocks that are taken back", .ownThreads)
struct ReorganizationTests {
    /// Alice and bob with a channel whose funding transaction is in the mempool.
    func world(seed: UInt64) throws -> (SimulatedWorld, ChannelID) {
        var world = SimulatedWorld(seed: seed, names: ["alice", "bob"])
        try world.fund(0)
        world.join(0, 1)
        try world.run(limit: .milliseconds(2000))
        try world.command(
            0, .openChannel(world.nodes[1].nodeID, amount: Satoshi(500_000), push: MilliSatoshi(Satoshi(100_000)), feeRate: nil))
        try world.run(limit: .milliseconds(2000))
        let id = try #require(world.nodes[0].core?.channels.keys.first)
        return (world, id)
    }

    @Test("a funding transaction that is unconfirmed again is waited for again")
    func funding() throws {
        var (world, id) = try world(seed: 1)
        try world.mine(1)
        #expect(world.nodes[0].core!.channels[id]!.fundingHeight == 102)
        try world.reorganize(depth: 1)
        #expect(world.nodes.allSatisfy { $0.core!.channels[id]!.fundingHeight == nil })
        try world.mine(3)
        try world.run(limit: .milliseconds(2000))
        #expect(world.nodes.allSatisfy { $0.core!.channels[id]!.isOpen })
        let scid = world.nodes[0].core!.channels[id]!.shortChannelID
        #expect(scid == world.nodes[1].core!.channels[id]!.shortChannelID && scid!.block == 104)
        try world.checkAgreement(0, 1)
        BlockJournal.write("funding-reorganization", world.minedBlocks.map { $0.serialized() })
    }

    @Test("a close that is unconfirmed again happens again, and the money adds up", arguments: [false, true])
    func closing(isForced: Bool) throws {
        var (world, id) = try world(seed: 2)
        try world.mine(3)
        try world.run(limit: .milliseconds(2000))
        try world.command(0, isForced ? .forceCloseChannel(id) : .closeChannel(id, to: nil))
        try world.run(limit: .milliseconds(5000))
        try world.mine(2)
        #expect(world.nodes.allSatisfy { $0.core!.channels[id]!.close != nil })
        try world.reorganize(depth: 2)
        #expect(world.nodes.allSatisfy { $0.core!.channels[id]!.close == nil })
        for _ in 0..<30 { try world.mine(6) }
        try world.run(limit: .milliseconds(5000))
        #expect(world.nodes.allSatisfy { $0.core!.channels[id]!.isClosed })
        BlockJournal.write("closing-reorganization-\(isForced)", world.minedBlocks.map { $0.serialized() })
        let bob = world.nodes[1].core!.wallet.balance(height: world.ledger.height)
        // Bob's 100,000 sat; a force close costs him the fee of his claim.
        #expect(isForced ? (99_000..<100_000).contains(bob.confirmed.value) : bob.confirmed == Satoshi(100_000))
    }

    @Test("a coin from a block that is gone is no longer spendable")
    func coins() throws {
        var world = SimulatedWorld(seed: 3, names: ["alice"])
        guard case .address(let script, _)? = try world.ask(0, .newAddress) else { return }
        try world.mine(1, paying: script)
        #expect(world.nodes[0].core!.wallet.balance(height: world.ledger.height).immature == Satoshi(50_0000_0000))
        try world.reorganize(depth: 1)
        #expect(world.nodes[0].core!.wallet.coins.isEmpty)
    }
}
