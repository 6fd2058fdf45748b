import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningCore
import LightningEnforcement
import LightningInvoice
import LightningPayment
import LightningSimulation
import LightningTransactions
import LightningWire
import TestSupport
import Testing

/// Three nodes in a line: the last one stalls, and the first must not suffer for it.
@Suite("hops that stall", .ownThreads)
struct StallingTests {
    private static func line(_ seed: UInt64) throws -> SimulatedWorld {
        var random = SeededRandom(seed: 1)
        return try NetworkTests.world(seed, Topology(.line, nodes: 3, using: &random))
    }

    private static func channel(_ world: SimulatedWorld, _ one: Int, _ two: Int) -> PaymentChannel? {
        let peer = world.nodes[two].nodeID
        return world.nodes[one].core?.channels.values.first { $0.parameters.remoteNodeID == peer }
    }

    /// Sends to the last node, which dies as soon as it holds the HTLC.
    private static func stuck(_ world: inout SimulatedWorld, _ msat: UInt64) throws -> RequestID {
        let hold = PaymentPreimage(Bytes32(Array(repeating: 7, count: 32))!)
        let response = try world.ask(
            2, .createHoldInvoice(hold.paymentHash, amount: MilliSatoshi(msat), .text("held"), expiry: .seconds(86_400)))
        var invoice: InvoiceRecord?
        if case .invoice(let record)? = response { invoice = record }
        let request = try world.command(0, .pay(try #require(invoice).invoice, amount: nil))
        try world.pass(3)
        #expect(world.nodes[2].invoices[hold.paymentHash]?.statusName == "held")
        world.stop(2)
        try world.pass(1)
        return request
    }

    @Test("a trifle that is stuck closes no channel, and its payer has it back before it expires")
    func trifle() throws {
        var world = try Self.line(11)
        let request = try Self.stuck(&world, 100_000)
        let expiry = try #require(world.nodes[1].core!.circuits.pending.first).incoming.cltvExpiry.height
        while world.ledger.height < expiry - 1 {
            try world.mine(1)
            try world.pass(1, interval: .milliseconds(100))
        }
        try world.pass(3)
        guard case .failure(.paymentFailed)? = world.nodes[0].answers[request] else {
            Issue.record("\(String(describing: world.nodes[0].answers[request]))")
            return
        }
        #expect(Self.channel(world, 0, 1)?.isOpen == true)
        #expect(Self.channel(world, 1, 2)?.isOpen == true)
        #expect(world.nodes[1].core!.circuits.pending.isEmpty)
    }

    @Test("an HTLC that is worth it closes the channel downstream, is taken back there, and only then given back upstream")
    func worthIt() throws {
        var world = try Self.line(12)
        try world.fund(1)
        let before = world.wealth(of: 1)
        let request = try Self.stuck(&world, 50_000_000)
        let circuit = try #require(world.nodes[1].core!.circuits.pending.first)
        func timeout() -> (height: BlockHeight, at: BlockHeight)? {
            guard let close = Self.channel(world, 1, 2)?.close,
                case .resolved(_, let at, true)? = close.outputs.first(where: { $0.role == .offeredHTLC })?.status
            else { return nil }
            return (close.height, at)
        }
        while world.nodes[0].answers[request] == nil, world.ledger.height < circuit.incoming.cltvExpiry.height {
            // As long as it is not deep in the chain that the HTLC is ours again, upstream waits.
            if let timeout = timeout(), world.ledger.height >= timeout.at + ChannelClose.reasonableDepth - 1 { break }
            #expect(world.nodes[1].core!.circuits.pending == [circuit] && world.nodes[0].answers[request] == nil)
            try world.mine(1)
            try world.pass(1, interval: .milliseconds(100))
        }
        try world.pass(3)
        let (closed, taken) = try #require(timeout())
        #expect(
            closed > circuit.cltvExpiry.height && taken > closed && taken.depth(at: world.ledger.height) == ChannelClose.reasonableDepth)
        #expect(world.ledger.height < circuit.incoming.cltvExpiry.height - 6, "in time for upstream")
        guard case .failure(.paymentFailed)? = world.nodes[0].answers[request] else {
            Issue.record("\(String(describing: world.nodes[0].answers[request]))")
            return
        }
        // Upstream nothing has happened; and downstream the money comes back after our delay, less the fees.
        #expect(Self.channel(world, 0, 1)?.isOpen == true && world.nodes[1].core!.circuits.pending.isEmpty)
        try world.mine(200)
        #expect(Self.channel(world, 1, 2)?.isClosed == true)
        let after = world.wealth(of: 1)
        #expect(after.value + 15_000 > before.value && after <= before)
    }

    @Test("while layer 1 mines nothing of ours, upstream is left to time out: it is never failed by a timer")
    func neverFailedByTimer() throws {
        var world = try Self.line(16)
        let request = try Self.stuck(&world, 50_000_000)
        let circuit = try #require(world.nodes[1].core!.circuits.pending.first)
        let downstream = try #require(Self.channel(world, 1, 2))
        while world.ledger.height < circuit.incoming.cltvExpiry.height + 3 {
            // The commitment is mined, and what takes its HTLC is not.
            let commitments = world.ledger.mempool.entries.values.map(\.transaction).filter {
                $0.inputs[0].previousOutput == downstream.parameters.funding
            }
            try world.mine(1, including: commitments)
            try world.pass(1, interval: .milliseconds(100))
        }
        #expect(Self.channel(world, 1, 2)?.close?.kind == .localCommitment)
        #expect(world.nodes[1].core!.circuits.pending == [circuit])
        #expect(world.nodes[0].answers[request] == nil)
    }

    @Test("a preimage that a claim shows on chain goes upstream, and the payee has its money", arguments: [false, true])
    func preimageFromChain(isPayeeClosing: Bool) throws {
        var world = try Self.line(13)
        // Its own HTLC transactions take coins of its wallet.
        try world.fund(2)
        let before = world.wealth(of: 2)
        let request = try Self.stuck(&world, 50_000_000)
        world.resume(2)
        try world.pass(5)
        let closing = try #require(Self.channel(world, 1, 2)).id
        // One of them closes, and only then does the payee say that it wants the money; over a restart.
        try world.command(isPayeeClosing ? 2 : 1, .forceCloseChannel(closing))
        try world.mine(1)
        #expect(world.nodes[0].answers[request] == nil)
        world.kill(2)
        try world.pass(3)
        let hold = PaymentPreimage(Bytes32(Array(repeating: 7, count: 32))!)
        #expect(world.nodes[2].invoices[hold.paymentHash]?.statusName == "held")
        try world.command(2, .settle(hold.paymentHash, hold))
        #expect(world.nodes[2].invoices[hold.paymentHash]?.statusName != "paid", "it is not ours yet")
        try world.mine(1)
        try world.pass(3)
        guard case .success(.payment(let payment))? = world.nodes[0].answers[request] else {
            Issue.record("the preimage was not passed on: \(String(describing: world.nodes[0].answers[request]))")
            return
        }
        #expect(payment.amount == MilliSatoshi(50_000_000))
        #expect(Self.channel(world, 0, 1)?.isOpen == true)
        #expect(world.nodes[1].core!.circuits.totals.fees > .zero)
        try world.mine(ChannelClose.reasonableDepth - 1)
        #expect(world.nodes[2].invoices[hold.paymentHash]?.statusName == "paid")
        try world.mine(200)
        #expect(Self.channel(world, 1, 2)?.isClosed == true && Self.channel(world, 2, 1)?.isClosed == true)
        // What it came to, less the fees of the chain.
        let after = world.wealth(of: 2).value
        #expect(after > before.value + 50_000 - 15_000 && after <= before.value + 50_000)
    }

    @Test("a peer that does not revoke is disconnected, and what waited for it goes back")
    func withheldRevocation() throws {
        var world = try Self.line(14)
        // The last node stays silent from now on: the first HTLC is signed for, the second has to wait.
        let one = try NetworkTests.invoice(&world, 2, 20_000_000)
        let two = try NetworkTests.invoice(&world, 2, 30_000_000)
        world.mute(2)
        let first = try world.command(0, .pay(one.invoice, amount: nil))
        try world.run(limit: .milliseconds(2000))
        let second = try world.command(0, .pay(two.invoice, amount: nil))
        try world.run(limit: .milliseconds(2000))
        #expect(world.nodes[1].core!.circuits.pending.count == 2)
        try world.pass(70)
        // The one that was never signed for has come back; the other one is the peer's to answer.
        #expect(world.nodes[1].core!.circuits.pending.count == 1)
        guard case .failure? = world.nodes[0].answers[second] else {
            Issue.record("the second payment did not come back")
            return
        }
        #expect(world.nodes[0].answers[first] == nil)
        // When it speaks again, the first one arrives.
        world.mute(2, false)
        world.disconnect(2)
        try world.pass(10)
        guard case .success? = world.nodes[0].answers[first] else {
            Issue.record("the first payment did not arrive: \(String(describing: world.nodes[0].answers[first]))")
            return
        }
        try world.checkNetwork()
    }

    @Test("a held payment survives restarts and blocks, and is settled then")
    func heldOverRestart() throws {
        var world = try Self.line(15)
        let hold = PaymentPreimage(Bytes32(Array(repeating: 9, count: 32))!)
        let response = try world.ask(
            2, .createHoldInvoice(hold.paymentHash, amount: MilliSatoshi(40_000_000), .text("held"), expiry: .seconds(600)))
        var record: InvoiceRecord?
        if case .invoice(let made)? = response { record = made }
        let request = try world.command(0, .pay(try #require(record).invoice, amount: nil))
        try world.pass(3)
        try world.mine(20)
        for node in [2, 1, 2, 0] {
            world.kill(node)
            try world.pass(5)
        }
        // After a restart nobody waits for the answer any more; the payment itself goes on.
        try world.command(2, .settle(hold.paymentHash, hold))
        try world.pass(5)
        _ = request
        let payment = try #require(world.nodes[0].payments[hold.paymentHash])
        guard case .succeeded(let preimage, _) = payment.status else {
            Issue.record("\(payment.status)")
            return
        }
        #expect(preimage == hold)
        try world.checkNetwork()
    }

    @Test("a channel that a silent peer made us give up does not cost it its connection at every block")
    func silentPeer() throws {
        let secret = SecretKey(Hash.sha256(Array("silent".utf8)))!
        var world = SimulatedWorld(seed: 17, names: ["alice"])
        try world.fund(0)
        let connection = try #require(try world.dial(0, as: secret))
        func keys(_ name: String) -> ChannelKeys { ChannelKeys(seed: Hash.sha256(Array(name.utf8))) }
        let silent = try #require(try world.openChannel(to: connection, keys: keys("silent")))
        // Two keysends: the first is signed for and never answered, the second has to wait.
        for _ in 0..<2 {
            try world.command(0, .keysend(secret.publicKey(), amount: MilliSatoshi(20_000_000)))
            try world.run(limit: .milliseconds(100))
        }
        let states = world.nodes[0].core!.channels[silent.channel.id]!.commitments.orderedHTLCs.map(\.state)
        #expect(states == [.sentAddCommit, .sentAddHTLC])
        try world.command(0, .forceCloseChannel(silent.channel.id))
        // The one that was never signed for failed at once; the other one is the chain's.
        #expect(world.nodes[0].core!.pendingPayments.count == 1)
        // Until the chain has decided that as well: else it would be tried again over the next channel.
        try world.mine(ChannelClose.reasonableDepth)
        #expect(world.nodes[0].core!.pendingPayments.isEmpty)
        let other = try #require(try world.openChannel(to: silent.connection, keys: keys("other")))
        world.checkInterval = 100
        for _ in 0..<200 {
            try world.mine(1)
            #expect(world.isOpen(other.connection))
        }
        #expect(world.nodes[0].core!.channels[other.channel.id]?.isUsable == true)
    }
}
