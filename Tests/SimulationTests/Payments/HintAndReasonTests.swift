import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningCore
import LightningInvoice
import LightningPayment
import LightningRouting
import LightningSimulation
import LightningTransactions
import LightningWire
import Testing

/// Payees with private channels, and what a payer is told when there is no way.
@Suite("routing hints, and why there is no way")
struct HintAndReasonTests {
    /// Alice – bob public; bob – zed, and carol – zed, private.
    static func world(_ seed: UInt64, private channels: [(Int, Int, UInt64)], public open: [(Int, Int, UInt64)] = [(0, 1, 2_000_000)])
        throws
        -> SimulatedWorld
    {
        var configuration = NodeConfiguration()
        configuration.gossip.flushInterval = .milliseconds(1000)
        var world = SimulatedWorld(seed: seed, names: ["alice", "bob", "carol", "zed"], configuration: configuration)
        try world.fundAll()
        for (one, two) in Set((channels + open).map { [$0.0, $0.1] }).map({ ($0[0], $0[1]) }).sorted(by: <) { world.join(one, two) }
        try world.pass(2)
        for (index, (one, two, amount)) in (open + channels).enumerated() {
            try world.command(
                one,
                .openChannel(
                    world.nodes[two].nodeID, amount: Satoshi(amount), push: .zero, feeRate: nil, announce: index < open.count))
            try world.run(limit: .milliseconds(2000))
            try world.mine(1)
        }
        try world.mine(6)
        try world.pass(5)
        return world
    }

    static func invoice(_ world: inout SimulatedWorld, _ index: Int, _ amount: UInt64) throws -> Invoice {
        guard
            case .invoice(let record) = try world.ask(
                index, .createInvoice(amount: MilliSatoshi(Satoshi(amount)), .text("x"), expiry: .seconds(3600)))
        else { throw CancellationError() }
        return record.invoice
    }

    /// Pays, and waits for the end.
    static func pay(_ world: inout SimulatedWorld, _ invoice: Invoice, _ limits: PaymentLimits = PaymentLimits()) throws -> OutgoingPayment?
    {
        let request = try world.command(0, .pay(invoice, amount: nil, limits))
        try world.pass(90)
        switch world.nodes[0].answers[request] {
        case .success(.payment(let payment))?: return payment
        case .failure(.paymentFailed(let payment, _))?: return payment
        default: return nil
        }
    }

    private static func refusal(_ world: SimulatedWorld, _ request: RequestID) -> String {
        if case .failure(let refusal)? = world.nodes[0].answers[request] { return refusal.description }
        return ""
    }

    @Test(
        "an amount that no hint bears alone goes over several, of one peer or of two",
        arguments: [[(1, 3, 300_000), (1, 3, 300_000)], [(1, 3, 300_000), (2, 3, 300_000)], [(1, 3, 150_000), (1, 3, 500_000)]]
            as [[(
                Int, Int, UInt64
            )]])
    func severalHints(channels: [(Int, Int, UInt64)]) throws {
        var world = try Self.world(201, private: channels, public: [(0, 1, 2_000_000), (0, 2, 2_000_000)])
        let invoice = try Self.invoice(&world, 3, 400_000)
        #expect(invoice.routingHints.count == 2)
        let payment = try #require(try Self.pay(&world, invoice))
        guard case .succeeded = payment.status else {
            Issue.record("\(payment.status), \(payment.attempts.count) attempts")
            return
        }
        #expect(payment.attempts.count <= 12, "\(payment.attempts.count)")
        // What was learned there is nothing that later payments hold against a channel of that name.
        #expect(world.nodes[0].core!.estimates.count <= 2)
        // More than all of them together have ends, with few attempts.
        let tooMuch = try #require(try Self.pay(&world, try Self.invoice(&world, 3, 900_000)))
        guard case .failed = tooMuch.status else {
            Issue.record("\(tooMuch.status)")
            return
        }
        #expect(tooMuch.attempts.count <= 30, "\(tooMuch.attempts.count)")
    }

    @Test("terms that have changed since the invoice was made: the failure tells them, and the payment goes on", arguments: [false, true])
    func outdatedHint(isDelta: Bool) throws {
        var world = try Self.world(202, private: [(1, 3, 1_000_000)])
        let invoice = try Self.invoice(&world, 3, 100_000)
        // Beyond the ten minutes in which the old terms are accepted.
        let id = try #require(
            world.nodes[1].core!.channels.values.first { $0.parameters.remoteNodeID == world.nodes[3].nodeID }?.id)
        var policy = world.nodes[1].core!.forwardingPolicy(of: id)
        if isDelta { policy.cltvExpiryDelta = 144 } else { policy.feeBase = 1000; policy.feeProportionalMillionths = 1000 }
        try world.command(1, .setForwardingPolicy(id, policy))
        try world.pass(610)
        try world.mine(1)
        let payment = try #require(try Self.pay(&world, invoice))
        guard case .succeeded = payment.status else {
            Issue.record("\(payment.status)")
            return
        }
        #expect(payment.attempts.count == 2)
        if !isDelta { #expect(payment.fee == MilliSatoshi(101_000)) }
        // The graph has not heard of it: the failure was for this payment.
        #expect(world.nodes[0].core!.gossip.graph.allChannels.count == 1)
    }

    @Test("a hint for a public channel does not hide what gossip says of it")
    func hintForPublicChannel() throws {
        var world = try Self.world(203, private: [], public: [(0, 1, 2_000_000), (1, 3, 1_000_000)])
        let scid = try #require(world.nodes[3].core!.channels.values.first?.shortChannelID)
        // Made by hand: ours gives no hint where there is a public channel.
        guard
            case .invoice(let record) = try world.ask(
                3, .createInvoice(amount: MilliSatoshi(1_000_000), .text("x"), expiry: .seconds(3600)))
        else {
            return
        }
        let cheap = RoutingHint(
            nodeID: world.nodes[1].nodeID, shortChannelID: scid, feeBase: .zero, feeProportionalMillionths: 0, cltvExpiryDelta: 1)
        let invoice = Invoice(
            network: .regtest, amount: record.invoice.amount, timestamp: record.invoice.timestamp, paymentHash: record.invoice.paymentHash,
            paymentSecret: record.invoice.paymentSecret, details: .text("x"), expiry: .seconds(3600), minFinalCLTVExpiryDelta: 144,
            features: record.invoice.features, routingHints: [[cheap]], nodeSecret: world.secret(of: 3))
        let payment = try #require(try Self.pay(&world, invoice))
        guard case .succeeded = payment.status else {
            Issue.record("\(payment.status)")
            return
        }
        #expect(payment.attempts.count == 1)
    }

    @Test("each reason has its own words, with the largest amount where it is the amount")
    func reasons() throws {
        var world = try Self.world(204, private: [], public: [(0, 1, 1_000_000), (1, 3, 400_000), (1, 3, 400_000)])
        func why(_ amount: UInt64, _ limits: PaymentLimits = PaymentLimits()) throws -> String {
            let request = try world.command(0, .pay(try Self.invoice(&world, 3, amount), amount: nil, limits))
            try world.pass(90)
            return Self.refusal(world, request)
        }
        // No liquidity: the true maximum is near 2 × 400,000 less reserves, and less than that works.
        let tooMuch = try why(940_000)
        #expect(tooMuch.contains("at most about"), "\(tooMuch)")
        #expect(try why(700_000).isEmpty)
        // Of our own: what all channels can send.
        let own = try why(950_000)
        #expect(own.contains("our channels can send"), "\(own)")
        var cheap = PaymentLimits()
        cheap.maxFee = MilliSatoshi(1)
        let dear = try why(1000, cheap)
        #expect(dear.contains("the cheapest way costs"), "\(dear)")
        try world.command(0, .setForwardingPolicy(world.nodes[0].core!.channels.keys.first!, ForwardingPolicy()))
        world.stop(1)
        try world.pass(3)
        let away = try why(1000)
        #expect(away.contains("away"), "\(away)")
    }

    @Test("a payment that finds all HTLC slots taken waits for one, within its time")
    func slots() throws {
        var configuration = NodeConfiguration()
        configuration.policy.maxAcceptedHTLCs = 3
        var world = SimulatedWorld(seed: 205, names: ["alice", "bob"], configuration: configuration)
        try world.fund(0)
        world.join(0, 1)
        try world.pass(2)
        try world.command(0, .openChannel(world.nodes[1].nodeID, amount: Satoshi(1_000_000), push: .zero, feeRate: nil))
        try world.run(limit: .milliseconds(2000))
        try world.mine(6)
        try world.pass(2)
        let preimages = (0..<3).map { PaymentPreimage(Hash.sha256([UInt8($0), 1])) }
        for preimage in preimages {
            guard
                case .invoice(let record) = try world.ask(
                    1, .createHoldInvoice(preimage.paymentHash, amount: MilliSatoshi(1_000_000), .text("h"), expiry: .seconds(3600)))
            else {
                Issue.record("no hold invoice")
                return
            }
            try world.command(0, .pay(record.invoice, amount: nil))
        }
        try world.pass(2)
        // Two more than there is room for, one with little time.
        let (first, second) = (try Self.invoice(&world, 1, 1000), try Self.invoice(&world, 1, 1000))
        let waiting = try world.command(0, .pay(first, amount: nil))
        var short = PaymentLimits()
        short.timeout = .milliseconds(3000)
        let hasty = try world.command(0, .pay(second, amount: nil, short))
        try world.pass(5)
        #expect(world.nodes[0].answers[waiting] == nil)
        #expect(Self.refusal(world, hasty).contains("slot"))
        #expect(world.nodes[0].core!.difference(from: world.nodes[0].store) == nil)
        try world.command(1, .settle(preimages[0].paymentHash, preimages[0]))
        try world.pass(2)
        guard case .success(.payment(let payment))? = world.nodes[0].answers[waiting] else {
            Issue.record("\(String(describing: world.nodes[0].answers[waiting]))")
            return
        }
        #expect(payment.attempts.count == 1)
    }
}
