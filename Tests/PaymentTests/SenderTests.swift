import BitcoinPrimitives
import CryptoPrimitives
import LightningInvoice
import LightningOnion
import LightningPayment
import LightningRecords
import LightningRouting
import LightningWire
import TestSupport
import Testing

/// The sending machine by itself: what is asked for in, HTLCs and outcomes out.
@Suite("the sender", .ownThreads)
struct SenderTests {
    static let identity = NodeIdentity(SecretKey(Hash.sha256(Array("sender".utf8)))!)
    static let payee = SecretKey(Hash.sha256(Array("payee".utf8)))!.publicKey()
    static let preimage = PaymentPreimage(Hash.sha256([7]))
    static let hash = preimage.paymentHash
    static let channels = [channel(1), channel(2)]

    struct Unexpected: Error {}

    static func channel(_ number: UInt8, slot: Bool = true) -> SendingChannel {
        let name = ShortChannelID(block: BlockHeight(Int(number)), transaction: 1, output: 0)
        var channel = SendingChannel(id: ChannelID(Hash.sha256([number])), shortChannelID: name, names: [name], peer: payee)
        (channel.isOpen, channel.isUsable, channel.hasFreeSlot) = (true, true, slot)
        channel.spendable = MilliSatoshi(1_000_000)
        return channel
    }

    static func context(now: Timestamp = Timestamp(milliseconds: 1_700_000_000_000), channels: [SendingChannel] = channels)
        -> Sender.Context
    {
        Sender.Context(
            now: now, height: 100, network: .regtest, identity: identity, finalExpiryMargin: 2, graph: NetworkGraph(),
            channels: { channels })
    }

    static func machine() throws -> Sender {
        try Sender(payments: [], estimates: LiquidityEstimates(), entropy: Entropy(seed: Hash.sha256([1])))
    }

    static func payment(_ amount: UInt64 = 10_000) -> OutgoingPayment {
        var payment = OutgoingPayment(
            paymentHash: hash, payee: payee, amount: MilliSatoshi(amount), maxFee: MilliSatoshi(1000),
            createdAt: Timestamp(seconds: 1_700_000_000),
            deadline: Timestamp(milliseconds: 1_700_000_060_000), maxParts: 4, invoice: "", finalCLTVDelta: 18)
        payment.paymentSecret = Hash.sha256([2])
        return payment
    }

    /// A route of one hop over a channel.
    static func route(_ channel: SendingChannel, _ amount: UInt64) -> Route {
        Route(
            source: NodeKey(identity.nodeID),
            hops: [.init(node: NodeKey(payee), shortChannelID: channel.shortChannelID, amount: MilliSatoshi(amount), cltvDelta: 21)],
            uncertainty: 0)
    }

    private static func offer(_ effects: [Sender.Effect]) -> (HTLCOffer, ChannelID)? {
        for case .offer(let offer, let channel) in effects { return (offer, channel) }
        return nil
    }

    private static func isFinding(_ effects: [Sender.Effect]) -> RouteQuery? {
        for case .findRoutes(hash, let query, _) in effects { return query }
        return nil
    }

    /// A machine that has sent a payment in one part.
    private static func sent() throws -> Sender {
        var machine = try machine()
        #expect(isFinding(machine.handle(.pay(payment(), earlier: nil, caller: 5), context())) != nil)
        let offered = try #require(offer(machine.handle(.found(hash, .success([route(channels[0], 10_000)])), context())))
        #expect(offered.0.origin == .payment(hash, attempt: 0) && offered.1 == channels[0].id)
        guard case .updated? = machine.handle(.offered(hash, .outgoing(channels[0].id, 3)), context()).first else { throw Unexpected() }
        return machine
    }

    @Test("a payment without a way is not begun, and its caller is told why")
    func noWay() throws {
        var machine = try Self.machine()
        _ = machine.handle(.pay(Self.payment(5_000_000), earlier: nil, caller: 5), Self.context())
        let effects = machine.handle(.found(Self.hash, .failure(.noCapacity)), Self.context())
        guard case .refused(_, .noRoute(let why), 5)? = effects.first else { throw Unexpected() }
        #expect(why.contains("our channels can send 2,000 sat"), "\(why)")
        #expect(machine.outgoing.isEmpty && machine.drainWrites().isEmpty)
        // Where it is not our channels that are too small, how much would get there is looked for.
        _ = machine.handle(.pay(Self.payment(), earlier: nil, caller: 6), Self.context())
        guard case .findLargest? = machine.handle(.found(Self.hash, .failure(.noCapacity)), Self.context()).first else {
            throw Unexpected()
        }
        guard case .refused(_, .noRoute(let most), 6)? = machine.handle(.foundLargest(Self.hash, MilliSatoshi(4000)), Self.context()).first
        else { throw Unexpected() }
        #expect(most.contains("4 sat"), "\(most)")
        guard case .refused(_, .tooLarge, 7)? = machine.handle(.pay(Self.payment(.max), earlier: nil, caller: 7), Self.context()).first
        else {
            throw Unexpected()
        }
    }

    @Test("parts are offered one by one, each with the number of its attempt; a channel that refuses is left out")
    func parts() throws {
        var machine = try Self.machine()
        _ = machine.handle(.pay(Self.payment(), earlier: nil, caller: 5), Self.context())
        let routes = [Self.route(Self.channels[0], 4000), Self.route(Self.channels[1], 6000)]
        let first = try #require(Self.offer(machine.handle(.found(Self.hash, .success(routes)), Self.context())))
        #expect(first.0.amount == MilliSatoshi(4000))
        let second = try #require(Self.offer(machine.handle(.offered(Self.hash, .outgoing(first.1, 0)), Self.context())))
        #expect(second.0.origin == .payment(Self.hash, attempt: 1) && second.1 == Self.channels[1].id)
        // The second is refused: what is left is looked for without that channel.
        let query = try #require(Self.isFinding(machine.handle(.notOffered(Self.hash), Self.context())))
        #expect(query.amount == MilliSatoshi(6000) && query.excluded == [routes[1].directions[0]])
        // The other channel takes it in the end.
        let third = try #require(
            Self.offer(machine.handle(.found(Self.hash, .success([Self.route(Self.channels[0], 6000)])), Self.context())))
        #expect(third.0.origin == .payment(Self.hash, attempt: 1))
        _ = machine.handle(.offered(Self.hash, .outgoing(first.1, 1)), Self.context())
        let payment = try #require(machine.outgoing[Self.hash])
        #expect(payment.inFlight == payment.amount && payment.attempts.map(\.htlc.id) == [0, 1])
        // What was stored is what there is.
        let records = machine.drainWrites().changes(of: .payments).compactMap(\.record)
        #expect(try OutgoingPayment(record: try #require(records.first)) == payment)
    }

    @Test("a preimage proves the payment: all callers hear of it, and nothing more is sent")
    func fulfilled() throws {
        var machine = try Self.sent()
        let id = HTLCID.outgoing(Self.channels[0].id, 3)
        // An answer for another attempt, or another HTLC, is not for this one.
        for (attempt, other) in [(1, id), (0, .outgoing(Self.channels[1].id, 3)), (-1, id)] {
            #expect(machine.handle(.fulfilled(Self.hash, attempt: attempt, other, Self.preimage, attribution: []), Self.context()).isEmpty)
        }
        let effects = machine.handle(.fulfilled(Self.hash, attempt: 0, id, Self.preimage, attribution: []), Self.context())
        guard case .succeeded(let payment, [5])? = effects.first else { throw Unexpected() }
        #expect(payment.status == .succeeded(Self.preimage, at: Timestamp(seconds: 1_700_000_000)) && machine.pending.isEmpty)
        #expect(throws: PaymentRefusal.alreadyPaid) { try Self.check(machine) }
        #expect(machine.handle(.fulfilled(Self.hash, attempt: 0, id, Self.preimage, attribution: []), Self.context()).isEmpty)
        #expect(machine.handle(.endOfBatch(isFirst: true), Self.context()).isEmpty)
        // Its HTLC is still in the channel: the payment is proven, and not settled.
        #expect(Self.history(&machine) == nil && machine.outgoing[Self.hash] == payment && !payment.isOver)
        for (attempt, other) in [(1, id), (0, .outgoing(Self.channels[1].id, 3))] {
            #expect(machine.handle(.concluded(Self.hash, attempt: attempt, other), Self.context()).isEmpty)
        }
        let last = machine.handle(.concluded(Self.hash, attempt: 0, id), Self.context(now: Timestamp(milliseconds: 1_700_000_000_500)))
        guard case .settled(let settled)? = last.first else { throw Unexpected() }
        #expect(
            settled.attempts[0].settledAt == Timestamp(milliseconds: 1_700_000_000_500) && settled.isOver
                && settled.status == payment.status)
        #expect(machine.handle(.concluded(Self.hash, attempt: 0, id), Self.context()).isEmpty)
        // What is over is not kept in memory; nothing is paid twice all the same.
        let history = try #require(Self.history(&machine))
        var kept = settled
        kept.attempts[0].sharedSecrets = []
        #expect(history == kept && machine.outgoing.isEmpty)
        #expect(throws: PaymentRefusal.alreadyPaid) { try Self.check(machine, earlier: history) }
        #expect(throws: Never.self) { try Self.check(machine) }
    }

    @Test("a payment with a part under way is not over, whatever is known of it; one that failed may begin again in its place")
    func history() throws {
        var machine = try Self.machine()
        _ = machine.handle(.pay(Self.payment(), earlier: nil, caller: 5), Self.context())
        let routes = [Self.route(Self.channels[0], 4000), Self.route(Self.channels[1], 6000)]
        _ = machine.handle(.found(Self.hash, .success(routes)), Self.context())
        let ids = [HTLCID.outgoing(Self.channels[0].id, 0), .outgoing(Self.channels[1].id, 0)]
        for id in ids { _ = machine.handle(.offered(Self.hash, id), Self.context()) }
        _ = machine.handle(.fulfilled(Self.hash, attempt: 0, ids[0], Self.preimage, attribution: []), Self.context())
        #expect(Self.history(&machine) == nil && machine.outgoing.count == 1)
        _ = machine.handle(.failed(Self.hash, attempt: 1, ids[1], .onChain), Self.context())
        #expect(Self.history(&machine) == nil)
        // The mined commitment does not hold the HTLC whose preimage had come: it is settled as well.
        _ = machine.handle(.failed(Self.hash, attempt: 0, ids[0], .onChain), Self.context())
        #expect(Self.history(&machine)?.attempts.map(\.isFailed) == [false, true])
        // The other way round: the part that fails is the last of it.
        machine = try Self.machine()
        _ = machine.handle(.pay(Self.payment(), earlier: nil, caller: 5), Self.context())
        _ = machine.handle(.found(Self.hash, .success(routes)), Self.context())
        for id in ids { _ = machine.handle(.offered(Self.hash, id), Self.context()) }
        _ = machine.handle(.fulfilled(Self.hash, attempt: 0, ids[0], Self.preimage, attribution: []), Self.context())
        #expect(machine.handle(.concluded(Self.hash, attempt: 0, ids[0]), Self.context()).isEmpty)
        guard case .settled? = machine.handle(.failed(Self.hash, attempt: 1, ids[1], .onChain), Self.context()).first else {
            throw Unexpected()
        }
        // A peer that gave the preimage, signed for nothing, and fails the HTLC after it was away: it has not been paid.
        machine = try Self.sent()
        let id = HTLCID.outgoing(Self.channels[0].id, 3)
        _ = machine.handle(.fulfilled(Self.hash, attempt: 0, id, Self.preimage, attribution: []), Self.context())
        let taken = machine.handle(.failed(Self.hash, attempt: 0, id, .packet([1, 2, 3], [])), Self.context())
        guard case .settled(let unpaid)? = taken.first else { throw Unexpected() }
        #expect(
            unpaid.status == .succeeded(Self.preimage, at: Timestamp(seconds: 1_700_000_000)) && unpaid.fee == .zero
                && unpaid.paidRoutes.isEmpty)
        // One that failed.
        machine = try Self.sent()
        _ = machine.handle(.failed(Self.hash, attempt: 0, .outgoing(Self.channels[0].id, 3), .onChain), Self.context())
        _ = machine.handle(.endOfBatch(isFirst: true), Self.context())
        _ = machine.handle(.found(Self.hash, .failure(.noCapacity)), Self.context())
        _ = machine.handle(.foundLargest(Self.hash, .zero), Self.context())
        let failed = try #require(Self.history(&machine))
        #expect(throws: Never.self) { try Self.check(machine, earlier: failed) }
        // As long as the new one has not begun the old one stays.
        _ = machine.handle(.pay(Self.payment(), earlier: failed, caller: 6), Self.context(now: Timestamp(milliseconds: 1_700_000_001_000)))
        #expect(machine.drainWrites().isEmpty)
        _ = machine.handle(
            .found(Self.hash, .success([Self.route(Self.channels[1], 10_000)])),
            Self.context(now: Timestamp(milliseconds: 1_700_000_001_000)))
        let writes = machine.drainWrites()
        #expect(writes.changes(of: .paymentHistory).map(\.record) == [nil])
        #expect(writes.changes(of: .paymentOrder).map(\.key) == [failed.position.key])
        #expect(writes.changes(of: .payments).count == 1)
    }

    /// What the machine gives to the history.
    private static func history(_ machine: inout Sender) -> OutgoingPayment? {
        let writes = machine.drainWrites()
        guard let (key, record) = writes.changes(of: .paymentHistory).first, let record else { return nil }
        let payment = try? OutgoingPayment(record: record)
        #expect(key == hash.bytes.array && writes.changes(of: .paymentOrder).map(\.key) == [payment?.position.key])
        #expect(writes.changes(of: .payments).map(\.record) == [nil])
        return payment
    }

    /// Whether an invoice with the payment's hash would be paid.
    private static func check(_ machine: Sender, earlier: OutgoingPayment? = nil) throws {
        let invoice = Invoice(
            network: .regtest, amount: MilliSatoshi(10_000), timestamp: Timestamp(seconds: 1_700_000_000), paymentHash: hash,
            paymentSecret: Hash.sha256([2]),
            details: .text(""), expiry: .seconds(3600), minFinalCLTVExpiryDelta: 18, features: FeatureBits(),
            nodeSecret: ReceiverTests.identity.secret)
        _ = try machine.check(
            invoice, amount: nil, network: .regtest, isOwn: false, earlier: earlier, now: Timestamp(seconds: 1_700_000_001))
    }

    @Test("a part that failed is tried again at the end of the batch; what the payee refuses ends the payment")
    func failed() throws {
        let id = HTLCID.outgoing(Self.channels[0].id, 3)
        var machine = try Self.sent()
        guard case .updated? = machine.handle(.failed(Self.hash, attempt: 0, id, .notSent), Self.context()).first else {
            throw Unexpected()
        }
        let query = try #require(Self.isFinding(machine.handle(.endOfBatch(isFirst: true), Self.context())))
        #expect(query.amount == MilliSatoshi(10_000) && query.excluded.count == 1)
        guard case .findLargest? = machine.handle(.found(Self.hash, .failure(.noCapacity)), Self.context()).first else {
            throw Unexpected()
        }
        guard case .failed(let payment, let why, [5])? = machine.handle(.foundLargest(Self.hash, .zero), Self.context()).first else {
            throw Unexpected()
        }
        #expect(why.contains("1 attempt came back") && payment.attempts.count == 1)
        #expect(machine.occupancy.knowledge == 0 && machine.pending.isEmpty)
        // It may be paid again.
        #expect(throws: Never.self) { try Self.check(machine) }

        machine = try Self.sent()
        let secret = try #require(machine.outgoing[Self.hash]?.attempts[0].sharedSecrets[0])
        let plain = FailurePacket.plain(.incorrectOrUnknownPaymentDetails(MilliSatoshi(10_000), height: 100), sharedSecret: secret)
        let packet = FailurePacket.wrap(plain, sharedSecret: secret)
        _ = machine.handle(.failed(Self.hash, attempt: 0, id, .packet(packet, [])), Self.context())
        guard case .failed? = machine.handle(.endOfBatch(isFirst: true), Self.context()).first else { throw Unexpected() }
    }

    @Test("without a free slot a payment waits for one, and goes on when there is one, or its time is up")
    func slots() throws {
        var machine = try Self.machine()
        let full = [Self.channel(1, slot: false)]
        _ = machine.handle(.pay(Self.payment(), earlier: nil, caller: 5), Self.context(channels: full))
        #expect(machine.handle(.found(Self.hash, .failure(.noCapacity)), Self.context(channels: full)).isEmpty)
        #expect(machine.occupancy.waiting == 1 && machine.pending == [Self.hash])
        #expect(machine.handle(.endOfBatch(isFirst: true), Self.context(channels: full)).isEmpty)
        var late = machine
        #expect(Self.isFinding(machine.handle(.endOfBatch(isFirst: true), Self.context())) != nil)
        #expect(machine.occupancy.waiting == 0)
        guard
            case .failed(_, let why, [5])? = late.handle(
                .tick, Self.context(now: Timestamp(milliseconds: 1_700_000_060_000), channels: full)
            ).first
        else {
            throw Unexpected()
        }
        #expect(why.contains("no HTLC slot became free in time"))
    }

    @Test("payments asked for together are sent one after the other: the second sees what the first has taken")
    func queue() throws {
        var machine = try Self.machine()
        var second = Self.payment()
        second.paymentHash = PaymentHash(Hash.sha256([99]))
        #expect(Self.isFinding(machine.handle(.pay(Self.payment(), earlier: nil, caller: 1), Self.context())) != nil)
        #expect(machine.handle(.pay(second, earlier: nil, caller: 2), Self.context()).isEmpty)
        _ = machine.handle(.found(Self.hash, .success([Self.route(Self.channels[0], 10_000)])), Self.context())
        let effects = machine.handle(.offered(Self.hash, .outgoing(Self.channels[0].id, 0)), Self.context())
        guard case .findRoutes(second.paymentHash, _, _)? = effects.last else { throw Unexpected() }
    }

    @Test("a payment that waits for a slot with one part under way, and is paid by that part, waits no more")
    func paidWhileWaiting() throws {
        var machine = try Self.machine()
        _ = machine.handle(.pay(Self.payment(), earlier: nil, caller: 5), Self.context())
        _ = machine.handle(.found(Self.hash, .success([Self.route(Self.channels[0], 4000)])), Self.context())
        let id = HTLCID.outgoing(Self.channels[0].id, 0)
        #expect(Self.isFinding(machine.handle(.offered(Self.hash, id), Self.context())) != nil)
        let full = [Self.channel(1, slot: false)]
        _ = machine.handle(.found(Self.hash, .failure(.noCapacity)), Self.context(channels: full))
        #expect(machine.occupancy.waiting == 1)
        _ = machine.handle(.fulfilled(Self.hash, attempt: 0, id, Self.preimage, attribution: []), Self.context())
        #expect(machine.occupancy.waiting == 0)
        #expect(machine.handle(.endOfBatch(isFirst: true), Self.context()).isEmpty && !machine.hasWork)
    }

    @Test("thousands of payments that end at once end, without running out of stack")
    func manyEnds() throws {
        var machine = try Self.machine()
        let full = [Self.channel(1, slot: false)]
        for number in 0..<5000 {
            var payment = Self.payment()
            payment.paymentHash = PaymentHash(Hash.sha256(withUnsafeBytes(of: number) { Array($0) }))
            _ = machine.handle(.pay(payment, earlier: nil, caller: UInt64(number)), Self.context(channels: full))
            _ = machine.handle(.found(payment.paymentHash, .failure(.noCapacity)), Self.context(channels: full))
        }
        #expect(machine.pending.count == 5000)
        let effects = machine.handle(.tick, Self.context(now: Timestamp(milliseconds: 1_700_000_060_000), channels: full))
        #expect(effects.count == 5000 && machine.pending.isEmpty && machine.occupancy.waiting == 0)
    }
}
