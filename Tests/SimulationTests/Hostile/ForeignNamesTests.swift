import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningCore
import LightningPayment
import LightningRouting
import LightningSimulation
import LightningTransactions
import LightningWire
import Testing

/// Names that a peer chooses never replace, alias or touch what belongs to somebody else.
@Suite("names that peers choose")
struct ForeignNamesTests {
    private static let stranger = SecretKey(Hash.sha256(Array("stranger".utf8)))!

    private static func keys(_ name: String) -> ChannelKeys { ChannelKeys(seed: Hash.sha256(Array(name.utf8))) }

    /// Two nodes with a public channel, and what either of them knows of it.
    private static func pair(_ seed: UInt64) throws -> (SimulatedWorld, PaymentChannel) {
        var random = SeededRandom(seed: 1)
        let world = try NetworkTests.world(seed, Topology(.line, nodes: 2, using: &random))
        return (world, try #require(world.nodes[1].core!.channels.values.first))
    }

    /// The other outpoint with the same v1 channel_id: another transaction, another output.
    private static func twin(of funding: OutPoint) -> OutPoint {
        var bytes = funding.transaction.bytes
        bytes[31] ^= 1
        let twin = OutPoint(TransactionID(bytes), funding.index ^ 1)
        #expect(ChannelID(funding: twin) == ChannelID(funding: funding) && twin != funding)
        return twin
    }

    @Test("a funding_created whose channel_id is that of a living channel is refused, from a stranger and from the channel's peer")
    func collision() throws {
        for isPeer in [false, true] {
            var (world, before) = try Self.pair(21)
            let secret = isPeer ? world.secret(of: 0) : Self.stranger.copy()
            var connection = try #require(try world.dial(1, as: secret))
            for funding in [Self.twin(of: before.parameters.funding), before.parameters.funding] {
                let result = try world.openFalsely(
                    over: &connection, keys: Self.keys("\(funding)"), temporaryID: Hash.sha256([UInt8(funding.index)]), funding: funding)
                #expect(result.channel == nil)
                #expect(result.refusal != nil)
            }
            let after = try #require(world.nodes[1].core!.channels[before.id])
            #expect(world.nodes[1].core!.channels.count == 1)
            #expect(after.parameters == before.parameters)
            #expect(after.commitments.toLocal == before.commitments.toLocal)
            #expect(world.nodes[1].core!.difference(from: world.nodes[1].store) == nil)
            // And it still works after a restart.
            world.kill(1)
            try world.pass(5)
            let invoice = try NetworkTests.invoice(&world, 1, 1_000_000).invoice
            let request = try world.command(0, .pay(invoice, amount: nil))
            try world.pass(5)
            guard case .success? = world.nodes[0].answers[request] else {
                Issue.record("\(String(describing: world.nodes[0].answers[request]))")
                return
            }
        }
    }

    @Test("a second opening with a funding output that another opening named is refused, whoever comes with it")
    func collisionOfOpenings() throws {
        var (world, _) = try Self.pair(22)
        var first = try #require(try world.dial(1, as: Self.stranger))
        var second = try #require(try world.dial(1, as: SecretKey(Hash.sha256([1]))!))
        let funding = OutPoint(TransactionID(Hash.sha256([9])), 0)
        let one = try world.openFalsely(over: &first, keys: Self.keys("one"), temporaryID: Hash.sha256([1]), funding: funding)
        let own = try #require(one.channel)
        for name in [funding, Self.twin(of: funding)] {
            let two = try world.openFalsely(over: &second, keys: Self.keys("two"), temporaryID: Hash.sha256([2]), funding: name)
            #expect(two.channel == nil && two.refusal != nil)
        }
        #expect(world.nodes[1].core!.channels[own.id]?.parameters.remoteNodeID == Self.stranger.publicKey())
    }

    @Test("an opening cannot be called by the name that means all channels")
    func nameOfAll() throws {
        var (world, _) = try Self.pair(23)
        var connection = try #require(try world.dial(1, as: Self.stranger))
        let result = try world.openFalsely(over: &connection, keys: Self.keys("all"), temporaryID: .zero, funding: nil)
        // An error under this name would make the caller fail all its channels with us.
        if case .error(let error)? = result.answer { #expect(error.channelID != .all) }
        if case .acceptChannel? = result.answer { Issue.record("accepted") }
        // The funding output that makes such an id.
        let funding = OutPoint(TransactionID(.zero), 0)
        let named = try world.openFalsely(over: &connection, keys: Self.keys("zero"), temporaryID: Hash.sha256([4]), funding: funding)
        #expect(named.channel == nil)
    }
}
