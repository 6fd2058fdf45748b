import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningCore
import LightningInvoice
import LightningOnion
import LightningPayment
import LightningRecords
import LightningSimulation
import LightningWire
import TestSupport
import Testing

/// What is over is on disk and not in memory, and is still known where it matters.
@Suite("payments and invoices that are over", .ownThreads)
struct HistoryTests {
    struct Unexpected: Error {}

    private static func refusal(_ world: SimulatedWorld, _ node: Int, _ request: RequestID) -> NodeRefusal? {
        guard case .failure(let refusal)? = world.nodes[node].answers[request] else { return nil }
        return refusal
    }

    private static func invoice(_ world: inout SimulatedWorld, _ node: Int, _ amount: UInt64) throws -> InvoiceRecord {
        try NetworkTests.invoice(&world, node, amount)
    }

    /// Two nodes with a channel between them.
    private static func world(_ seed: UInt64) throws -> SimulatedWorld {
        var random = SeededRandom(seed: seed)
        return try NetworkTests.world(seed, Topology(.line, nodes: 2, using: &random))
    }

    @Test("nothing is paid twice, however often it is asked for at once, and after a restart")
    func paidOnce() throws {
        var world = try Self.world(1)
        let invoice = try Self.invoice(&world, 1, 10_000).invoice
        let requests = try (0..<3).map { _ in try world.command(0, .pay(invoice, amount: nil)) }
        try world.pass(5)
        guard case .success(.payment(let payment))? = world.nodes[0].answers[requests[0]] else { throw Unexpected() }
        #expect(requests.dropFirst().map { Self.refusal(world, 0, $0) } == [.payment(.inProgress), .payment(.inProgress)])
        // It is nowhere in memory on either side.
        #expect(world.nodes[0].core!.outgoingPayments.isEmpty && world.nodes[1].core!.invoices.isEmpty)
        let kept = try #require(world.nodes[0].payments[invoice.paymentHash])
        #expect(world.nodes[0].payments.count == 1 && kept.status == payment.status && kept.paidRoutes == payment.paidRoutes)
        // Secrets that are of no use any more are not kept.
        #expect(kept.attempts.allSatisfy { $0.sharedSecrets.isEmpty })
        #expect(world.nodes[1].invoices[invoice.paymentHash]?.statusName == "paid")
        for _ in 0..<2 {
            let again = try (0..<2).map { _ in try world.command(0, .pay(invoice, amount: nil)) }
            try world.pass(5)
            #expect(again.map { Self.refusal(world, 0, $0) } == [.payment(.alreadyPaid), .payment(.alreadyPaid)])
            world.kill(0)
            try world.pass(5)
        }
    }

    @Test("what the store cannot answer is refused, and a record under another's key is not believed")
    func unreadable() throws {
        var world = try Self.world(5)
        let invoice = try Self.invoice(&world, 1, 10_000).invoice
        let other = try Self.invoice(&world, 1, 10_000).invoice
        _ = try world.command(0, .pay(other, amount: nil))
        try world.pass(5)
        let strange = try #require(world.nodes[0].store.page(.payments, before: nil, limit: 1).entries.first)
        let answers: [Result<[StoreEntry], StoreFailure>] = [
            .failure(.damaged("a page")), .success([StoreEntry(key: invoice.paymentHash.bytes.array, record: strange.record)]),
            .success([StoreEntry(key: invoice.paymentHash.bytes.array, record: [9, 9])]),
        ]
        for answer in answers {
            var core = try #require(world.nodes[0].core)
            let query = try #require(core.handle([.command(77, .pay(invoice, amount: nil))], now: world.now).loads.first)
            let effects = core.handle([.loaded(query, answer)], now: world.now)
            guard case (77, .failure(.store))? = effects.answers.first else { throw Unexpected() }
            #expect(core.pendingPayments.isEmpty && effects.writes.changes(of: .payments).isEmpty)
        }
    }

    @Test("our own invoice that hides its payee is known as ours also when it is over")
    func ownBlindedInvoice() throws {
        var random = SeededRandom(seed: 6)
        var world = try NetworkTests.world(6, Topology(.line, nodes: 3, using: &random))
        let create = NodeCommand.createInvoice(amount: MilliSatoshi(10_000), .text(""), expiry: .seconds(86_400), blindedHops: 1)
        guard case .invoice(let record)? = try world.ask(2, create) else { throw Unexpected() }
        _ = try world.command(0, .pay(record.invoice, amount: nil))
        try world.pass(5)
        #expect(world.nodes[2].core!.invoices.isEmpty && world.nodes[2].invoices.count == 1)
        let own = try world.command(2, .pay(record.invoice, amount: nil))
        try world.pass(5)
        #expect(Self.refusal(world, 2, own) == .payment(.ownInvoice))
    }

    @Test("a payment that failed may be tried again, and then there is one of it")
    func again() throws {
        var world = try Self.world(2)
        let invoice = try Self.invoice(&world, 1, 10_000).invoice
        // The payee does not want it any more: the attempt comes back.
        _ = try world.command(1, .cancel(invoice.paymentHash))
        try world.pass(2)
        for _ in 0..<2 {
            let request = try world.command(0, .pay(invoice, amount: nil))
            try world.pass(5)
            guard case .paymentFailed? = Self.refusal(world, 0, request) else { throw Unexpected() }
            #expect(world.nodes[0].payments.count == 1 && world.nodes[0].core!.outgoingPayments.isEmpty)
            #expect(world.nodes[0].store.page(.payments, before: nil, limit: 10).entries.count == 1)
            #expect(world.nodes[0].store.records(.paymentOrder).count == 1)
            try world.pass(2)
        }
    }

    @Test("a hash whose preimage has been given away is not asked for again, and what is over cannot be settled or canceled")
    func usedHash() throws {
        var world = try Self.world(3)
        let invoice = try Self.invoice(&world, 1, 10_000).invoice
        _ = try world.command(0, .pay(invoice, amount: nil))
        try world.pass(5)
        let hold = try world.command(1, .createHoldInvoice(invoice.paymentHash, amount: nil, .text(""), expiry: .seconds(3600)))
        let cancel = try world.command(1, .cancel(invoice.paymentHash))
        let unknown = try world.command(1, .cancel(PaymentHash(Hash.sha256([9]))))
        try world.pass(2)
        guard case .invalid(let why)? = Self.refusal(world, 1, hold) else { throw Unexpected() }
        #expect(why.contains("already"))
        #expect(Self.refusal(world, 1, cancel) == .hold(.notHeld("paid")))
        #expect(Self.refusal(world, 1, unknown) == .hold(.unknownInvoice))
    }

    @Test("a keysend with the preimage of a paid invoice is a payment of its own, and the invoice stays what it was")
    func keysendWithKnownPreimage() throws {
        var world = try Self.world(4)
        let invoice = try Self.invoice(&world, 1, 10_000).invoice
        _ = try world.command(0, .pay(invoice, amount: nil))
        try world.pass(5)
        let before = try #require(world.nodes[1].invoices[invoice.paymentHash])
        let balance = world.nodes[1].core!.channels.values.first!.commitments.toLocal
        guard case .succeeded(let preimage, _)? = world.nodes[0].payments[invoice.paymentHash]?.status else { throw Unexpected() }
        // What a hostile node could send: our own machine takes a fresh preimage for each.
        var machine = try Receiver(invoices: world.nodes[1].store.records(.invoices))
        let payload = HopPayload.keysend(amount: MilliSatoshi(1), cltvExpiry: 300, preimage: preimage)
        let htlc = IncomingHTLC(
            key: .incoming(ChannelID(Hash.sha256([1])), 9), amount: MilliSatoshi(1), paymentHash: invoice.paymentHash, cltvExpiry: 300)
        let context = Receiver.Context(
            now: world.now, height: 100, network: .regtest, identity: NodeIdentity(SecretKey(Hash.sha256([5]))!))
        _ = machine.handle(
            .received(htlc, payload, OnionErrorContext(sharedSecret: .zero), refusal: nil, isResumed: false), context)
        var store = world.nodes[1].store
        store.apply(machine.drainWrites())
        #expect(try InvoiceRecord(record: try #require(store.records(.invoiceHistory).first)) == before)
        #expect(store.records(.invoices).count == 1 && balance > .zero)
    }
}
