import BitcoinPrimitives
import CryptoPrimitives
import LightningInvoice
import LightningOnion
import LightningPayment
import LightningRecords
import LightningWire
import Testing

extension Receiver {
    fileprivate func with<Result>(_ body: (inout Receiver) -> Result) -> Result {
        var copy = self
        return body(&copy)
    }
}

/// The receiving machine by its events.
@Suite("the receiver")
struct ReceiverTests {
    static let identity = NodeIdentity(SecretKey(Hash.sha256(Array("receiver".utf8)))!)
    static let preimage = PaymentPreimage(Hash.sha256([3]))
    static let secret = Hash.sha256([4])
    static let channel = ChannelID(Hash.sha256([1]))
    static let context = Receiver.Context(
        now: Timestamp(milliseconds: 1_700_000_010_000), height: 100, network: .regtest, identity: identity)

    static func machine(isHold: Bool) -> Receiver {
        var machine = Receiver()
        let invoice = Invoice(
            network: .regtest, amount: MilliSatoshi(1000), timestamp: Timestamp(seconds: 1_700_000_000), paymentHash: preimage.paymentHash,
            paymentSecret: secret, details: .text(""), expiry: .seconds(3600), minFinalCLTVExpiryDelta: 18,
            features: FeatureBits(optional: [.basicMPP], compulsory: [.varOnionOptin, .paymentSecret]), nodeSecret: identity.secret)
        machine.add(InvoiceRecord(invoice: invoice, preimage: isHold ? nil : preimage, isHold: isHold))
        return machine
    }

    static func part(_ id: UInt64, _ amount: UInt64, refusal: FailureMessage? = nil, isResumed: Bool = false) -> Receiver.Event {
        let htlc = IncomingHTLC(
            key: .incoming(channel, id), amount: MilliSatoshi(amount), paymentHash: preimage.paymentHash, cltvExpiry: 300)
        let payload = HopPayload.final(
            amount: MilliSatoshi(amount), cltvExpiry: 300, paymentSecret: secret, total: MilliSatoshi(1000), metadata: nil)
        return .received(htlc, payload, OnionErrorContext(sharedSecret: .zero), refusal: refusal, isResumed: isResumed)
    }

    private static func decided(_ effects: [Receiver.Effect]) -> [(id: UInt64, isFulfilled: Bool)] {
        effects.compactMap { effect in
            guard case .decided(let id, let decision) = effect else { return nil }
            if case .fulfill = decision { return (id.id, true) }
            return (id.id, false)
        }
    }

    /// A keysend of a stream.
    private static func keysend(_ number: UInt8, _ amount: UInt64, tag: UInt8) -> (event: Receiver.Event, hash: PaymentHash, key: HTLCID) {
        let preimage = PaymentPreimage(Hash.sha256([9, number, tag]))
        let key = HTLCID.incoming(channel, UInt64(number) * 2000 + UInt64(tag))
        let htlc = IncomingHTLC(key: key, amount: MilliSatoshi(amount), paymentHash: preimage.paymentHash, cltvExpiry: 300)
        var payload = HopPayload.final(
            amount: MilliSatoshi(amount), cltvExpiry: 300, paymentSecret: .zero, total: MilliSatoshi(amount), metadata: nil)
        payload.paymentSecret = nil
        payload.totalAmount = nil
        payload.keysendPreimage = preimage
        payload.customRecords = [StreamPayload.tag: [UInt8](repeating: tag, count: 16), StreamPayload.podcast: Array("{\(number)}".utf8)]
        return (
            .received(htlc, payload, OnionErrorContext(sharedSecret: .zero), refusal: nil, isResumed: false), preimage.paymentHash, key
        )
    }

    @Test("payments of a stream are one row, which has what is irrevocably ours, over a restart at any point")
    func incomingStream() throws {
        var machine = Receiver()
        var rows: [StoreTable: [[UInt8]: [UInt8]]] = [:]
        func restart() throws {
            let writes = machine.drainWrites()
            for table in [StoreTable.invoices, .invoiceHistory, .incomingStreams] {
                for (key, record) in writes.changes(of: table) { rows[table, default: [:]][key] = record }
            }
            machine = try Receiver(
                invoices: Array(rows[.invoices, default: [:]].values), streams: Array(rows[.incomingStreams, default: [:]].values))
        }
        for number in UInt8(1)...5 {
            let payment = Self.keysend(number, UInt64(number) * 1000, tag: 7)
            #expect(Self.decided(machine.handle(payment.event, Self.context)).map(\.isFulfilled) == [true])
            try restart()
            // Given away is not yet ours.
            #expect(machine.streams.all.values.first?.payments ?? 0 == UInt64(number) - 1 && machine.invoices.count == 1)
            let effects = machine.handle(.settled(payment.key, payment.hash), Self.context)
            #expect(effects.contains { if case .paid(let record, _) = $0 { record.isPartOfStream } else { false } })
            let again = machine.handle(.settled(payment.key, payment.hash), Self.context)
            #expect(again.isEmpty, "counted once")
            try restart()
            #expect(machine.invoices.isEmpty && rows[.invoices, default: [:]].isEmpty)
        }
        let stream = try #require(machine.streams.all.values.first)
        #expect(machine.streams.all.count == 1 && stream.payments == 5 && stream.received == MilliSatoshi(15_000))
        #expect(stream.podcast == Array("{5}".utf8) && rows[.incomingStreams]?.count == 1 && rows[.invoiceHistory, default: [:]].isEmpty)
    }

    @Test("a payment with a tag that its stream does not take is one as any other")
    func taggedAlone() throws {
        var machine = Receiver()
        let first = Self.keysend(1, 1000, tag: 7)
        _ = machine.handle(first.event, Self.context)
        _ = machine.handle(.settled(first.key, first.hash), Self.context)
        var other = Self.keysend(2, 5_000_000, tag: 7)
        guard case .received(let htlc, var payload, let context, _, _) = other.event else {
            Issue.record("\(other.event)")
            return
        }
        payload.customRecords[70_001] = [1]
        other.event = .received(htlc, payload, context, refusal: nil, isResumed: false)
        _ = machine.handle(other.event, Self.context)
        let effects = machine.handle(.settled(other.key, other.hash), Self.context)
        #expect(effects.contains { if case .paid(let record, _) = $0 { !record.isPartOfStream } else { false } })
        #expect(machine.streams.all.values.first?.payments == 1 && machine.invoices[other.hash]?.receivedAmount == MilliSatoshi(5_000_000))
    }

    @Test("a keysend of which nothing came, as of dust in a channel that was closed, leaves nothing", arguments: [false, true])
    func lostKeysend(isRestarted: Bool) throws {
        var machine = Receiver()
        let payment = Self.keysend(1, 1000, tag: 7)
        _ = machine.handle(payment.event, Self.context)
        var writes = machine.drainWrites()
        if isRestarted { machine = try Receiver(invoices: writes.changes(of: .invoices).compactMap(\.record)) }
        let effects = machine.handle(.lost(payment.key, payment.hash, MilliSatoshi(1000)), Self.context)
        #expect(effects.contains { if case .lost = $0 { true } else { false } })
        writes = machine.drainWrites()
        #expect(machine.invoices.isEmpty && machine.streams.all.isEmpty && writes == [.delete(.invoices, key: payment.hash.bytes.array)])
        // A row that an earlier version kept goes at the next start.
        var old = Receiver()
        _ = old.handle(payment.event, Self.context)
        var record = try #require(old.invoices[payment.hash])
        record.status = .canceled
        var next = try Receiver(invoices: [record.encoded()])
        #expect(next.invoices.isEmpty && next.drainWrites() == [.delete(.invoices, key: payment.hash.bytes.array)])
    }

    @Test("of a thousand streams and more those are remembered that brought most, and a payment without a tag is a row of its own")
    func manyStreams() throws {
        var streams = IncomingStreams()
        var rows: [[UInt8]: [UInt8]] = [:]
        var added = 0
        func records(_ number: Int, _ more: [UInt64: [UInt8]] = [:]) -> [UInt64: [UInt8]] {
            more.merging([StreamPayload.tag: [UInt8](repeating: 0, count: 14) + [UInt8(number >> 8), UInt8(number & 255)]]) { $1 }
        }
        for number in 0..<1100 {
            let amount = MilliSatoshi(UInt64(1 + (number * 7) % 1100))
            if streams.add(amount, records(number), at: Timestamp(milliseconds: UInt64(number))) { added += 1 }
            for (key, record) in streams.drainWrites().changes(of: .incomingStreams) { rows[key] = record }
        }
        #expect(streams.all.count == 1000 && rows.count == 1000)
        #expect(streams.all.values.map(\.received).min() == MilliSatoshi(101), "the hundred smallest are gone")
        #expect(try IncomingStreams(records: Array(rows.values)).all == streams.all)
        for cut in 0..<20 {
            var damaged = try #require(rows.values.first)
            damaged.removeLast(min(damaged.count, cut + 1))
            #expect(throws: DecodingFailure.self) { try IncomingStream(record: damaged) }
        }
        #expect(added > 1000)
        // Small payments of a new stream push nobody out, and are not lost: each is a row of its own.
        let before = streams.all
        for _ in 0..<100 {
            let isAdded = streams.add(MilliSatoshi(50), records(2000), at: Timestamp(milliseconds: 5000))
            #expect(!isAdded)
        }
        // Nor are those that send along something else than others of their stream.
        let known = try #require(before.values.first)
        let other = streams.add(MilliSatoshi(50), [StreamPayload.tag: known.tag, 70_001: [1]], at: Timestamp(milliseconds: 5000))
        let untagged = streams.add(MilliSatoshi(50_000), [StreamPayload.tag: [1, 2, 3]], at: Timestamp(milliseconds: 5000))
        #expect(!other && !untagged && streams.all == before)
        let isAdded = streams.add(MilliSatoshi(50), [StreamPayload.tag: known.tag], at: Timestamp(milliseconds: 5000))
        #expect(isAdded && streams.all[known.tag]?.received == known.received + MilliSatoshi(50))
    }

    @Test("all parts are fulfilled together, and the invoice is paid when the last has left both commitments")
    func paid() {
        var machine = Self.machine(isHold: false)
        #expect(machine.handle(Self.part(1, 400), Self.context).isEmpty)
        let decided = Self.decided(machine.handle(Self.part(2, 600), Self.context))
        #expect(decided.map(\.id) == [1, 2] && decided.allSatisfy(\.isFulfilled))
        #expect(machine.handle(.settled(.incoming(Self.channel, 1), Self.preimage.paymentHash), Self.context).isEmpty)
        let last = machine.handle(.settled(.incoming(Self.channel, 2), Self.preimage.paymentHash), Self.context)
        #expect(last.contains { if case .paid(_, MilliSatoshi(1000)) = $0 { true } else { false } })
        // It is over: not in memory any more, and whoever asks for it hears what strangers hear.
        let writes = machine.drainWrites()
        let record = try? InvoiceRecord(record: writes.changes(of: .invoiceHistory).first?.record ?? [])
        #expect(record?.statusName == "paid" && machine.invoices.isEmpty)
        #expect(writes.changes(of: .invoices).map(\.record) == [nil])
        #expect(writes.changes(of: .invoiceOrder).map(\.key) == [record?.position.key])
        let again = machine.handle(Self.part(3, 1000), Self.context)
        let stranger = Receiver().with { $0.handle(Self.part(3, 1000), Self.context) }
        #expect("\(again)" == "\(stranger)" && Self.decided(again).map(\.isFulfilled) == [false])
    }

    @Test("an invoice is over when its time is, unless a payment of it has begun")
    func expired() throws {
        func context(_ seconds: UInt64) -> Receiver.Context {
            Receiver.Context(now: Timestamp(seconds: seconds), height: 100, network: .regtest, identity: Self.identity)
        }
        var machine = Self.machine(isHold: false)
        _ = machine.drainWrites()
        let end: UInt64 = 1_700_003_600
        // It stays at hand for a day, in which it is refused for its time.
        let gone = end + 86_400
        _ = machine.handle(.timePassed, context(gone))
        #expect(machine.drainWrites().isEmpty && machine.invoices.count == 1)
        var begun = machine
        _ = begun.handle(Self.part(1, 400), context(end - 1))
        _ = begun.handle(.timePassed, context(end + 45))
        #expect(begun.drainWrites().isEmpty)
        let decided = Self.decided(begun.handle(Self.part(2, 600), context(end + 45)))
        #expect(decided.allSatisfy(\.isFulfilled) && decided.count == 2)
        #expect(Self.decided(machine.handle(Self.part(9, 1000), context(end))).map(\.isFulfilled) == [false])
        _ = machine.handle(.timePassed, context(gone + 60))
        #expect(machine.drainWrites().changes(of: .invoiceHistory).count == 1 && machine.invoices.isEmpty)
        // After a restart, and after years, as well; and where the clock was put back.
        let records = Self.machine(isHold: true).with { $0.drainWrites().changes(of: .invoices).compactMap(\.record) }
        for times in [[gone * 2], [gone + 60, gone + 61], [gone + 600, end - 600, gone + 600]] {
            var again = try Receiver(invoices: records)
            for time in times { _ = again.handle(.timePassed, context(time)) }
            #expect(again.drainWrites().changes(of: .invoiceHistory).count == 1 && again.invoices.isEmpty, "\(times)")
        }
        var late = Receiver()
        _ = late.handle(.timePassed, context(gone + 600))
        late.add(try InvoiceRecord(record: records[0]))
        _ = late.handle(.timePassed, context(gone + 660))
        #expect(late.drainWrites().changes(of: .invoiceHistory).count == 1)
    }

    @Test("what was held before a restart is held after it, also where it would be refused now; what is not complete again is lost")
    func resumed() {
        var machine = Self.machine(isHold: true)
        _ = machine.handle(Self.part(1, 400), Self.context)
        let held = machine.handle(Self.part(2, 600), Self.context)
        #expect(held.contains { if case .held = $0 { true } else { false } })
        let records = machine.drainWrites().changes(of: .invoices).compactMap(\.record)
        for isComplete in [true, false] {
            var again = try! Receiver(invoices: records)
            #expect(again.handle(Self.part(1, 400, refusal: .temporaryNodeFailure, isResumed: true), Self.context).isEmpty)
            if isComplete { #expect(again.handle(Self.part(2, 600, isResumed: true), Self.context).isEmpty) }
            let effects = again.handle(.resumed, Self.context)
            #expect(effects.contains { if case .lost = $0 { true } else { false } } == !isComplete)
            #expect(Self.decided(effects).map(\.id) == (isComplete ? [] : [1]))
        }
        // A new HTLC that is to be refused is, whatever is held.
        let refused = machine.handle(Self.part(3, 400, refusal: .temporaryNodeFailure), Self.context)
        #expect(Self.decided(refused).map(\.isFulfilled) == [false])
    }

    @Test("parts over a channel that is given up, and sets that stay incomplete, are failed")
    func lost() {
        var machine = Self.machine(isHold: false)
        _ = machine.handle(Self.part(1, 400), Self.context)
        #expect(machine.handle(.channelGivenUp(ChannelID(Hash.sha256([2])), canClaim: false), Self.context).isEmpty)
        var later = machine
        #expect(Self.decided(machine.handle(.channelGivenUp(Self.channel, canClaim: true), Self.context)).map(\.id) == [1])
        #expect(later.handle(.timePassed, Self.context).isEmpty)
        let context = Receiver.Context(
            now: Timestamp(milliseconds: 1_700_000_070_000), height: 100, network: .regtest, identity: Self.identity)
        #expect(Self.decided(later.handle(.timePassed, context)).map(\.id) == [1])
    }

    @Test("a held payment waits for its owner's word where a preimage claims it on chain, and is given back where none does")
    func heldOnChain() throws {
        var machine = Self.machine(isHold: true)
        _ = machine.handle(Self.part(1, 400), Self.context)
        _ = machine.handle(Self.part(2, 600), Self.context)
        #expect(machine.handle(.channelGivenUp(Self.channel, canClaim: true), Self.context).isEmpty)
        var lost = machine
        let effects = lost.handle(.channelGivenUp(Self.channel, canClaim: false), Self.context)
        #expect(Self.decided(effects).map(\.isFulfilled) == [false, false])
        // One of its parts is lost on chain: the invoice is paid all the same, with less.
        let outcome = try machine.settleHeld(Self.preimage.paymentHash, Self.preimage)
        #expect(outcome.decisions.count == 2)
        let key = outcome.decisions[0].0
        #expect(machine.handle(.lost(key, Self.preimage.paymentHash, MilliSatoshi(400)), Self.context).isEmpty)
        let paid = machine.handle(.settled(outcome.decisions[1].0, Self.preimage.paymentHash), Self.context)
        guard case .paid(_, let amount)? = paid.first else {
            Issue.record("\(paid)")
            return
        }
        #expect(amount == MilliSatoshi(600))
    }
}
