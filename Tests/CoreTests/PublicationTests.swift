import BitcoinPrimitives
import CryptoPrimitives
import LightningChain
import LightningChannel
import LightningCore
import LightningSimulation
import LightningWire
import Testing

/// What layer 1 says to a node's transactions reaches its owner.
@Suite("publications and refusals")
struct PublicationTests {
    /// Alice and bob with a channel, alice's force close published and refused by alice's layer 1.
    private static func forceClosing(_ seed: UInt64) throws -> (SimulatedWorld, NodeCore, Publication) {
        var world = SimulatedWorld(seed: seed, names: ["alice", "bob"])
        try world.fund(0)
        world.join(0, 1)
        try world.run(limit: .milliseconds(2000))
        try world.command(
            0, .openChannel(world.nodes[1].nodeID, amount: Satoshi(500_000), push: MilliSatoshi(Satoshi(100_000)), feeRate: nil))
        try world.run(limit: .milliseconds(2000))
        try world.mine(6)
        try world.run(limit: .milliseconds(2000))
        var node = try #require(world.nodes[0].core)
        let id = try #require(node.channels.keys.first)
        let effects = node.handle([.command(99, .forceCloseChannel(id))], now: world.now)
        let publication = try #require(effects.publications.first { $0.purpose == .commitment(id) })
        return (world, node, publication)
    }

    private static func refusals(_ effects: NodeEffects) -> [String] {
        effects.events.compactMap { if case .publicationRefused(_, let reason) = $0 { reason } else { nil } }
    }

    @Test("each reason is told once, and again when it changes; an acceptance forgets it")
    func once() throws {
        var (world, node, publication) = try Self.forceClosing(71)
        let id = publication.transaction.id
        func say(_ outcome: PublicationOutcome) -> [String] { Self.refusals(node.handle([.published(id, outcome)], now: world.now)) }
        #expect(say(.refused("min relay fee not met")) == ["min relay fee not met"])
        #expect(node.refusal(of: id) == "min relay fee not met")
        #expect(say(.refused("min relay fee not met")).isEmpty)
        #expect(say(.refused("mempool full")) == ["mempool full"])
        #expect(say(.accepted).isEmpty && node.refusal(of: id) == nil)
        #expect(say(.refused("mempool full")) == ["mempool full"])
        // Of what was never published there is nothing to say.
        #expect(Self.refusals(node.handle([.published(TransactionID(Hash.sha256([1])), .refused("no"))], now: world.now)).isEmpty)
        try world.run(limit: .milliseconds(10))
    }

    @Test("the other end's close in the mempool is no alarm, the same reason for a claim is one")
    func rival() throws {
        var (world, node, publication) = try Self.forceClosing(72)
        let effects = node.handle(
            [.published(publication.transaction.id, .refused("bad-txns-inputs-missingorspent"))], now: world.now)
        #expect(Self.refusals(effects).isEmpty)
        #expect(effects.events.contains { if case .note = $0 { true } else { false } })
        #expect(node.refusal(of: publication.transaction.id) != nil)
        // A claim on the close, once that has confirmed.
        try world.command(0, .forceCloseChannel(node.channels.keys.first!))
        try world.mine(1)
        var later = try #require(world.nodes[0].core)
        var claim: Publication?
        for _ in 0..<200 where claim == nil {
            let block = RecoveryTests.block(on: later.chain.tip, [])
            let effects = later.handle([.blockConnected(BlockContents(block), height: later.height + 1)], now: world.now)
            claim = effects.publications.first { if case .claim = $0.purpose { true } else { false } }
        }
        let found = try #require(claim)
        let refused = later.handle([.published(found.transaction.id, .refused("bad-txns-inputs-missingorspent"))], now: world.now)
        #expect(Self.refusals(refused) == ["bad-txns-inputs-missingorspent"])
    }
}
