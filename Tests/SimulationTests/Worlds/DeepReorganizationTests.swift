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

/// Reorganizations after a close with HTLCs was decided, as deep as any can be before it is irrevocable.
@Suite("deep reorganizations", .ownThreads)
struct DeepReorganizationTests {
    /// Three nodes in a line: a payment that carol holds, over bob, whose channel with her was closed.
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
        try world.command(1, .forceCloseChannel(channel))
        try world.mine(1)
        return (world, channel, hold.paymentHash, before)
    }

    private static func isOver(_ world: SimulatedWorld, _ channel: ChannelID) -> Bool {
        [1, 2].allSatisfy { world.nodes[$0].core!.channels[channel]?.isClosed ?? true }
    }

    @Test(
        "what timed out downstream stays so when a reorganization takes all of it back, and is mined again",
        arguments: [6, 40, 99])
    func timedOut(depth: Int) throws {
        var (world, channel, hash, before) = try Self.world(400 + UInt64(depth))
        func upstream() -> Int { world.nodes[0].core!.channels.values.reduce(0) { $0 + $1.commitments.htlcs.count } }
        #expect(upstream() == 1)
        let expiry = try #require(world.nodes[1].core!.channels[channel]?.close?.contestedUntil)
        // Until bob has taken it back, and that is as deep as what a forward waits for.
        while upstream() == 1, world.ledger.height < expiry + 30 {
            try world.mine(1)
            try world.pass(1)
        }
        let close = try #require(world.nodes[1].core!.channels[channel]?.close)
        let taken = close.outputs.compactMap { output -> BlockHeight? in
            if output.role == .offeredHTLC, case .resolved(_, let at, true) = output.status { at } else { nil }
        }
        #expect(upstream() == 0 && taken.count == 1)
        #expect(taken[0].depth(at: world.ledger.height) == ChannelClose.reasonableDepth, "not before it is out of carol's reach")
        while !Self.isOver(world, channel) { try world.mine(1) }
        try world.mine(max(0, depth - 40))
        let after = world.nodes.indices.map { world.wealth(of: $0) }
        try world.reorganize(depth: depth)
        world.kill(1)
        try world.pass(2)
        for _ in 0..<(depth + 250) where !Self.isOver(world, channel) || depth > 30 { try world.mine(1) }
        try world.pass(2)
        #expect(Self.isOver(world, channel))
        for index in 0..<3 {
            let (now, then, first) = (world.wealth(of: index), after[index], before[index])
            // Other blocks may have other fees: claims are bumped with the blocks that they wait for.
            #expect(now + Satoshi(20_000) > then && now <= first, "node \(index): \(first), \(then), \(now)")
        }
        guard case .failed? = world.nodes[0].payments[hash]?.status else {
            Issue.record("the payment is not failed")
            return
        }
        BlockJournal.write("deep-reorganization-\(depth)", world.minedBlocks.map { $0.serialized() })
    }
}
