import BitcoinPrimitives
import CryptoPrimitives
import LightningChain
import LightningChannel
import LightningRecords
import LightningSimulation
import LightningTransactions
import LightningWire
import Testing

@testable import LightningCore

/// All channels of a node, and by what they are found.
@Suite("the table of channels")
struct ChannelTableTests {
    /// Alice, with an open channel to bob.
    private static func world() throws -> (SimulatedWorld, PaymentChannel) {
        var world = SimulatedWorld(seed: 77, names: ["alice", "bob"])
        try world.fund(0)
        world.join(0, 1)
        try world.run(limit: .milliseconds(2000))
        try world.command(0, .openChannel(world.nodes[1].nodeID, amount: Satoshi(500_000), push: .zero, feeRate: nil))
        try world.run(limit: .milliseconds(2000))
        try world.mine(3)
        try world.run(limit: .milliseconds(2000))
        return (world, try #require(world.nodes[0].core!.channels.values.first))
    }

    private static func entry(_ channel: PaymentChannel) -> ChannelEntry { ChannelEntry(channel, keys: ChannelKeys(seed: .zero)) }

    @Test("a channel is found by its names, its peer, its funding and what it watches; forgotten, by nothing")
    func index() throws {
        let (_, channel) = try Self.world()
        var table = ChannelTable()
        table.insert(Self.entry(channel))
        let (id, name) = (channel.id, try #require(channel.shortChannelID))
        func found() -> [Bool] {
            [
                table[id] != nil, table.index.channel(named: name) == id, table.index.channel(named: channel.parameters.localAlias) == id,
                table.index.channels(with: channel.parameters.remoteNodeID) == [id],
                table.index.channels(fundedBy: channel.parameters.funding) == [id],
                table.index.chain.owners(watching: channel.parameters.funding) == [id], table.isOwner(channel.parameters.remoteNodeID),
            ]
        }
        #expect(found().allSatisfy { $0 })
        // What changes with the channel changes in the index.
        let height = try #require(channel.fundingHeight)
        table.update(id) { entry in
            let environment = ChannelEnvironment(
                keys: entry.keys, height: height, feeRate: .floor, sweepScript: Script(), anySegwit: true)
            _ = entry.channel.handle(.blockDisconnected(height: height), environment)
        }
        #expect(table.index.channel(named: name) == nil)
        #expect(table.index.chain.owners(awaiting: channel.parameters.funding.transaction) == [id])
        #expect(table.forget(id) && !table.forget(id))
        #expect(
            !found().contains(true) && table.isEmpty && table.index.chain.owners(awaiting: channel.parameters.funding.transaction).isEmpty)
        // All that is stored of it goes.
        let writes = table.drainWrites(height: 10)
        let prefix = id.bytes.array
        #expect(
            writes == [
                .delete(.channels, key: prefix), .deleteAll(.htlcs, prefix: prefix), .deleteAll(.revokedHTLCs, prefix: prefix),
                .delete(.policies, key: prefix),
            ])
        // The same channel again, in the place of the first.
        table.insert(Self.entry(channel))
        #expect(found().allSatisfy { $0 } && table.count == 1)
    }

    @Test("a channel that waits for nothing is due at no block; one whose HTLC nears its end, some blocks before it")
    func deadlines() throws {
        var (world, channel) = try Self.world()
        for _ in 0..<100 { try world.mine(1) }
        channel = try #require(world.nodes[0].core!.channels[channel.id])
        #expect(channel.nextDeadline(after: world.nodes[0].core!.height) == .never)
        let offer = HTLCOffer(
            amount: MilliSatoshi(1_000_000), paymentHash: PaymentHash(.zero),
            cltvExpiry: world.nodes[0].core!.height.expiry(after: 50),
            onion: [UInt8](repeating: 0, count: 1366))
        let environment = ChannelEnvironment(
            keys: ChannelKeys(seed: .zero), height: world.nodes[0].core!.height, feeRate: .floor, sweepScript: Script(), anySegwit: true)
        #expect(channel.handle(.offer(offer), environment).first == .offered(id: 0))
        // It is not signed for: two blocks before its end it is taken back.
        #expect(channel.nextDeadline(after: world.nodes[0].core!.height) == world.nodes[0].core!.height + 48)
        var table = ChannelTable()
        table.insert(Self.entry(channel))
        table.schedule(after: world.nodes[0].core!.height)
        #expect(table.index.chain.owners(dueAt: world.nodes[0].core!.height + 48) == [channel.id])
        #expect(table.index.chain.owners(dueAt: world.nodes[0].core!.height + 1).isEmpty)
    }

    @Test("what may have to be signed is told once, and signing itself is not told")
    func unsigned() throws {
        let (_, channel) = try Self.world()
        var table = ChannelTable()
        table.insert(Self.entry(channel))
        #expect(table.takeUnsigned() == [channel.id] && table.takeUnsigned().isEmpty)
        table.update(channel.id, isSigning: true) { _ in }
        #expect(table.takeUnsigned().isEmpty && table.touched == [channel.id])
        table.update(channel.id) { _ in }
        #expect(table.takeUnsigned() == [channel.id])
    }
}
