import BitcoinPrimitives
import CryptoPrimitives
import LightningInvoice
import LightningOnion
import LightningPayment
import LightningRecords
import LightningWire
import TestSupport
import Testing

/// The receiving machine by itself: HTLCs in, decisions out.
@Suite("HTLC sets", .ownThreads)
struct HTLCSetTests {
    private static let node = SecretKey(Hash.sha256(Array("payee".utf8)))!
    private static let preimage = PaymentPreimage(Hash.sha256([3]))
    private static let secret = Hash.sha256([4])

    private static func payments(isHold: Bool, amount: UInt64? = 1000) -> Receiver {
        var payments = Receiver()
        let invoice = Invoice(
            network: .regtest, amount: amount.map { MilliSatoshi($0) }, timestamp: Timestamp(seconds: 1_700_000_000),
            paymentHash: preimage.paymentHash,
            paymentSecret: secret, details: .text(""), expiry: .seconds(3600), minFinalCLTVExpiryDelta: 18,
            features: FeatureBits(optional: [.basicMPP], compulsory: [.varOnionOptin, .paymentSecret]), nodeSecret: node)
        payments.add(InvoiceRecord(invoice: invoice, preimage: isHold ? nil : preimage, isHold: isHold))
        return payments
    }

    private static func receive(
        _ payments: inout Receiver, id: UInt64, _ amount: UInt64, total: UInt64, isResumed: Bool = false
    ) -> ReceiveOutcome {
        let htlc = IncomingHTLC(
            key: .incoming(ChannelID(Hash.sha256([1])), id), amount: MilliSatoshi(amount), paymentHash: preimage.paymentHash,
            cltvExpiry: 300)
        let payload = HopPayload.final(
            amount: MilliSatoshi(amount), cltvExpiry: 300, paymentSecret: secret, total: MilliSatoshi(total), metadata: nil)
        return payments.receive(
            htlc, payload, errorContext: OnionErrorContext(sharedSecret: Hash.sha256([UInt8(truncatingIfNeeded: id)])),
            now: Timestamp(milliseconds: 1_700_000_010_000),
            height: 100,
            network: .regtest, payee: node.publicKey(), isResumed: isResumed)
    }

    private static func isFailed(_ outcome: ReceiveOutcome, _ ids: [UInt64]) -> Bool {
        outcome.decisions.map(\.0.id) == ids
            && outcome.decisions.allSatisfy { if case .fail = $0.1 { true } else { false } }
    }

    @Test("what is held is promised: another part, whatever it says of the total, takes none of it back")
    func heldStays() throws {
        var payments = Self.payments(isHold: true)
        #expect(Self.receive(&payments, id: 1, 600, total: 1000).decisions.isEmpty)
        #expect(Self.receive(&payments, id: 2, 400, total: 1000).held?.amount == MilliSatoshi(1000))
        for (id, total) in [(UInt64(3), UInt64(1001)), (4, 1000), (5, 1), (6, 2000)] {
            #expect(Self.isFailed(Self.receive(&payments, id: id, 1, total: total), [id]))
        }
        #expect(payments.holds(Self.preimage.paymentHash))
        let outcome = try payments.settleHeld(Self.preimage.paymentHash, Self.preimage)
        #expect(outcome.decisions.count == 2)
        // Settled one by one, paid with the last.
        for (number, key) in outcome.decisions.map(\.0).enumerated() {
            let now = payments.settled(key, Self.preimage.paymentHash, now: Timestamp(milliseconds: 1_700_000_020_000))
            #expect((now.paid != nil) == (number == 1))
            // The same again is nothing.
            #expect(payments.settled(key, Self.preimage.paymentHash, now: Timestamp(milliseconds: 1_700_000_020_000)).paid == nil)
        }
    }

    @Test("an incomplete set with two totals fails as a whole, as BOLT 4 has it, and can begin again")
    func totals() {
        var payments = Self.payments(isHold: false)
        #expect(Self.receive(&payments, id: 1, 600, total: 1000).decisions.isEmpty)
        #expect(Self.isFailed(Self.receive(&payments, id: 2, 400, total: 1001), [1, 2]))
        #expect(Self.receive(&payments, id: 3, 600, total: 1000).decisions.isEmpty)
        #expect(Self.receive(&payments, id: 4, 400, total: 1000).decisions.count == 2)
    }

    @Test("after a restart only the HTLCs that were held are held")
    func resumed() throws {
        var payments = Self.payments(isHold: true)
        _ = Self.receive(&payments, id: 1, 1000, total: 1000)
        let writes = payments.drainWrites()
        var again = try Receiver(invoices: writes.changes(of: .invoices).compactMap(\.record))
        // Another one, with too little time, comes in first: it is judged as a new one.
        let htlc = IncomingHTLC(
            key: .incoming(ChannelID(Hash.sha256([1])), 9), amount: MilliSatoshi(1000), paymentHash: Self.preimage.paymentHash,
            cltvExpiry: 101)
        let payload = HopPayload.final(
            amount: MilliSatoshi(1000), cltvExpiry: 101, paymentSecret: Self.secret, total: MilliSatoshi(1000), metadata: nil)
        let outcome = again.receive(
            htlc, payload, errorContext: OnionErrorContext(sharedSecret: Hash.sha256([9])), now: Timestamp(milliseconds: 1_700_000_010_000),
            height: 100,
            network: .regtest,
            payee: Self.node.publicKey(), isResumed: true)
        #expect(Self.isFailed(outcome, [9]))
        #expect(Self.receive(&again, id: 1, 1000, total: 1000, isResumed: true).decisions.isEmpty)
        #expect(again.holds(Self.preimage.paymentHash))
        #expect(again.dropIncompleteHeld(height: 100).lost.isEmpty)
    }

    @Test(
        "twice the amount is taken, a millisatoshi more is not",
        arguments: [(UInt64(1000), true), (2000, true), (2001, false), (.max, false)])
    func overpayment(total: UInt64, isTaken: Bool) {
        var payments = Self.payments(isHold: false)
        let outcome = Self.receive(&payments, id: 1, total, total: total)
        #expect(Self.isFailed(outcome, [1]) != isTaken)
    }

    @Test("keysends of next to nothing push out nothing that is worth more")
    func keysends() throws {
        var payments = Receiver()
        func keysend(_ number: Int, _ amount: UInt64) -> PaymentHash {
            let preimage = PaymentPreimage(Hash.sha256(Array("\(number)".utf8)))
            let payload = HopPayload.keysend(amount: MilliSatoshi(amount), cltvExpiry: 300, preimage: preimage)
            let htlc = IncomingHTLC(
                key: .incoming(ChannelID(Hash.sha256([1])), UInt64(number)), amount: MilliSatoshi(amount),
                paymentHash: preimage.paymentHash, cltvExpiry: 300)
            let outcome = payments.receive(
                htlc, payload, errorContext: OnionErrorContext(sharedSecret: Hash.sha256([1])),
                now: Timestamp(milliseconds: 1_700_000_000_000 + UInt64(number)),
                height: 100,
                network: .regtest, payee: Self.node.publicKey())
            #expect(outcome.decisions.count == 1)
            // Only what is irrevocably ours counts: what is not yet is no more than channels hold.
            #expect(payments.settled(htlc.key, preimage.paymentHash, now: Timestamp(seconds: 1_700_000_000)).decisions.isEmpty)
            return preimage.paymentHash
        }
        let large = (0..<10).map { keysend($0, 1_000_000 + UInt64($0)) }
        for number in 10..<10_100 { _ = keysend(number, 1) }
        #expect(payments.invoices.count == 10_000)
        #expect(large.allSatisfy { payments.invoices[$0] != nil })
        // What was removed and made again in one batch is there.
        let writes = payments.drainWrites().changes(of: .invoices)
        #expect(writes.count { $0.record != nil } == 10_000)
        #expect(Set(writes.map(\.key)).count == writes.count)
    }
}
