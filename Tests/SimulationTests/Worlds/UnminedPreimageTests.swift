import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningEnforcement
import LightningInvoice
import LightningPayment
import LightningRecords
import LightningTransactions
import LightningWire
import TestSupport
import Testing

@testable import LightningCore
@testable import LightningSimulation

/// Preimages in what no block holds yet, or does not hold any more.
@Suite("preimages of transactions that are not mined", .ownThreads)
struct UnminedPreimageTests {
    private static let hold = PaymentPreimage(Hash.sha256([7]))

    /// Three nodes in a line: carol, the last one, holds a payment that alice sent over bob.
    private static func world(_ seed: UInt64, _ type: ChannelType) throws -> (world: SimulatedWorld, channel: ChannelID, before: [Satoshi])
    {
        var configuration = NodeConfiguration()
        configuration.policy.channelType = type
        var random = SeededRandom(seed: 1)
        let topology = Topology(.line, nodes: 3, using: &random)
        var world = SimulatedWorld(seed: seed, names: ["alice", "bob", "carol"], configuration: configuration)
        try world.build(topology, capacity: { _ in Satoshi(1_000_000) }, push: { _ in MilliSatoshi(400_000_000) })
        for index in 0..<3 { try world.fund(index) }
        let before = world.nodes.indices.map { world.wealth(of: $0) }
        let answer = try world.ask(
            2, .createHoldInvoice(hold.paymentHash, amount: MilliSatoshi(90_000_000), .text("held"), expiry: .seconds(8_640_000)))
        guard case .invoice(let record)? = answer else { throw NoInvoice() }
        try world.command(0, .pay(record.invoice, amount: nil))
        try world.pass(4)
        return (world, try #require(world.nodes[2].core!.channels.ids.first), before)
    }

    private struct NoInvoice: Error {}

    private static func isPaid(_ world: SimulatedWorld) -> Bool {
        guard case .succeeded(let preimage, _)? = world.nodes[0].payments[hold.paymentHash]?.status else { return false }
        return preimage == hold
    }

    /// Mines until the channel is over at both ends, and looks whether alice has paid, carol has the money, and bob has lost nothing but fees of
    /// layer 1.
    private static func finish(_ world: inout SimulatedWorld, _ channel: ChannelID, _ before: [Satoshi]) throws {
        for _ in 0..<300 where ![1, 2].allSatisfy({ world.nodes[$0].core!.channels[channel]?.isClosed ?? true }) {
            try world.mine(1)
            try world.pass(1, interval: .milliseconds(200))
        }
        try world.pass(2)
        let after = world.nodes.indices.map { world.wealth(of: $0) }
        #expect(isPaid(world) && after[0] + Satoshi(90_000) <= before[0] && after[0] + Satoshi(91_000) > before[0], "\(before), \(after)")
        #expect(after[1] + Satoshi(20_000) > before[1], "\(before), \(after)")
        #expect(after[2] + Satoshi(20_000) > before[2] + Satoshi(90_000), "\(before), \(after)")
    }

    @Test(
        "a commitment waits in the mempool together with what shows a preimage: it goes upstream before a block has either, whoever restarts",
        arguments: [false, true])
    func together(restarts: Bool) throws {
        var (world, channel, before) = try Self.world(restarts ? 91 : 90, .staticRemoteKey)
        let state = world.signedCommitment(2, channel)
        let commitment = try #require(state)
        let payee = try #require(world.nodes[2].core?.channels[channel])
        let steps = SecondSteps(payee, SimulatedWorld.keys(restarts ? 91 : 90, 2).channel(payee.parameters.keyOrigin))
        var coins: [Transaction] = []
        let taking = steps.transactions(preimages: [Self.hold.paymentHash: Self.hold], coins: &coins)
        #expect(taking.count == 1)
        world.stop(2)
        let height = world.ledger.height
        try world.publish(commitment)
        try world.showMempool()
        try world.pass(2)
        #expect(!Self.isPaid(world))
        // Of another payment it shows nothing.
        var other = taking[0]
        other.inputs[0].witness[3] = Hash.sha256([8]).array
        try world.input(1, .mempoolSeen([commitment, other]))
        try world.pass(2)
        #expect(!Self.isPaid(world))
        for step in taking { try world.publish(step) }
        try world.showMempool()
        if restarts { world.kill(1) }
        try world.pass(3)
        try world.showMempool()
        try world.pass(2)
        #expect(Self.isPaid(world) && world.ledger.height == height && world.ledger.mempool.entries.count == 2)
        // Once: what is seen again changes nothing more.
        let store = world.nodes[1].store
        try world.showMempool()
        #expect(world.nodes[1].store.tables == store.tables)
        world.resume(2)
        try Self.finish(&world, channel, before)
    }

    @Test("five blocks leave the chain in which an HTLC had timed out, and then its payee takes it: it is paid, upstream as well")
    func takenAfterReorganization() throws {
        var (world, channel, before) = try Self.world(92, .anchors)
        try world.command(1, .forceCloseChannel(channel))
        try world.pass(1)
        world.stop(2)
        try world.mine(1)
        try world.pass(1)
        // What carol could publish from now on.
        var elsewhere = world
        elsewhere.resume(2)
        try elsewhere.pass(2)
        try elsewhere.command(2, .settle(Self.hold.paymentHash, Self.hold))
        try elsewhere.pass(2)
        try elsewhere.mine(2)
        let claim = elsewhere.minedBlocks.flatMap(\.transactions).first { transaction in
            transaction.inputs.contains { $0.witness.contains(Self.hold.bytes.array) }
        }
        let taking = try #require(claim)
        func timedOut() -> BlockHeight? {
            let output = world.nodes[1].core!.channels[channel]?.close?.outputs.first { $0.role == .offeredHTLC }
            guard case .resolved(_, let height, true)? = output?.status else { return nil }
            return height
        }
        for _ in 0..<400 where timedOut()?.depth(at: world.ledger.height) != 5 {
            try world.mine(1)
            try world.pass(1)
        }
        #expect(timedOut()?.depth(at: world.ledger.height) == 5)
        guard case .pending? = world.nodes[0].payments[Self.hold.paymentHash]?.status else {
            Issue.record("it was decided upstream before it was out of reach")
            return
        }
        try world.reorganize(depth: 5)
        #expect(timedOut() == nil)
        try world.mine(1, including: [taking])
        try world.pass(2)
        #expect(Self.isPaid(world))
        world.resume(2)
        try Self.finish(&world, channel, before)
    }
}
