import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningCore
import LightningEnforcement
import LightningInvoice
import LightningPayment
import LightningSimulation
import LightningWire
import TestSupport
import Testing

/// Reorganizations after a forward's HTLC was decided on chain, and told upstream.
@Suite("deep reorganizations", .ownThreads)
struct DeepReorganizationTests {
    /// Three nodes in a line: carol holds a payment that came over bob, and goes away; bob closes when it has expired.
    private static func world(_ seed: UInt64) throws -> (world: SimulatedWorld, channel: ChannelID, hash: PaymentHash, before: [Satoshi]) {
        var random = SeededRandom(seed: 1)
        var world = try NetworkTests.world(seed, Topology(.line, nodes: 3, using: &random))
        for index in 0..<3 { try world.fund(index) }
        let before = world.nodes.indices.map { world.wealth(of: $0) }
        let hold = PaymentPreimage(Hash.sha256([7]))
        let answer = try world.ask(
            2, .createHoldInvoice(hold.paymentHash, amount: MilliSatoshi(90_000_000), .text("held"), expiry: .seconds(8_640_000)))
        var invoice: Invoice?
        if case .invoice(let record)? = answer { invoice = record.invoice }
        try world.command(0, .pay(try #require(invoice), amount: nil))
        try world.pass(4)
        let channel = try #require(world.nodes[2].core!.channels.ids.first)
        world.stop(2)
        return (world, channel, hold.paymentHash, before)
    }

    private static func close(_ world: SimulatedWorld, _ channel: ChannelID) -> ChannelClose? {
        world.nodes[1].core!.channels[channel]?.close
    }

    /// The block in which bob took the HTLC back.
    private static func taken(_ world: SimulatedWorld, _ channel: ChannelID) -> BlockHeight? {
        let output = close(world, channel)?.outputs.first { $0.role == .offeredHTLC }
        guard case .resolved(_, let at, true)? = output?.status else { return nil }
        return at
    }

    private static func isOver(_ world: SimulatedWorld, _ channel: ChannelID) -> Bool {
        [1, 2].allSatisfy { world.nodes[$0].core!.channels[channel]?.isClosed ?? true }
    }

    @Test(
        "what timed out downstream and was failed upstream is taken back again, and the close with it, and mined again",
        arguments: [(6, false), (40, true), (99, true)])
    func timedOut(depth: Int, undoesClose: Bool) throws {
        var (world, channel, hash, before) = try Self.world(400 + UInt64(depth))
        func upstream() -> Int { world.nodes[0].core!.channels.values.reduce(0) { $0 + $1.commitments.htlcs.count } }
        #expect(upstream() == 1)
        // Until bob has taken it back, and that is as deep as what a forward waits for.
        for _ in 0..<400 where upstream() == 1 {
            try world.mine(1)
            try world.pass(1)
        }
        let first = try #require(Self.taken(world, channel))
        #expect(
            upstream() == 0 && first.depth(at: world.ledger.height) == ChannelClose.reasonableDepth, "not before it is out of carol's reach"
        )
        guard case .failed? = world.nodes[0].payments[hash]?.status else {
            Issue.record("the payment is not failed")
            return
        }
        try world.reorganize(depth: depth)
        #expect(Self.taken(world, channel) == nil && (Self.close(world, channel) == nil) == undoesClose)
        world.kill(1)
        try world.pass(2)
        try world.mine(1)
        world.resume(2)
        for _ in 0..<400 where !Self.isOver(world, channel) {
            try world.mine(1)
            try world.pass(1, interval: .milliseconds(200))
        }
        #expect(Self.isOver(world, channel))
        let second = try #require(Self.taken(world, channel))
        #expect(second > first)
        // Alice has all of it, the others what they had, less the fees of the chain.
        let after = world.nodes.indices.map { world.wealth(of: $0) }
        #expect(after[0] == before[0])
        for index in 1...2 {
            #expect(after[index] <= before[index] && after[index] + Satoshi(20_000) > before[index], "\(before), \(after)")
        }
        BlockJournal.write("deep-reorganization-\(depth)", world.minedBlocks.map { $0.serialized() })
    }
}
