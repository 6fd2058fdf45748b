import BitcoinPrimitives
import CryptoPrimitives
import LightningInvoice
import LightningOnion
import LightningPayment
import LightningRecords
import LightningRouting
import LightningWire
import Testing

/// Records of payments and invoices, as they are written and as earlier versions wrote them.
@Suite("records of payments")
struct PaymentRecordTests {
    private static let node = SecretKey(Hash.sha256([1]))!.publicKey()

    @Test("the first version of a payment: one HTLC to a direct peer")
    func firstPaymentVersion() throws {
        var writer = ByteWriter()
        writer.uint8(1)
        writer.write(Hash.sha256([2]))
        writer.point(Self.node)
        writer.milliSatoshi(MilliSatoshi(123_456))
        writer.milliSatoshi(.zero)
        writer.uint64(1_700_000_000)
        writer.variableBytes(Array("lnbcrt1".utf8))
        writer.write(ChannelID(Hash.sha256([3])))
        writer.uint64(7)
        writer.compactSize(1)
        writer.write(Hash.sha256([4]))
        writer.uint8(1)
        writer.write(Hash.sha256([5]))
        writer.uint64(1_700_000_001)
        let payment = try OutgoingPayment(record: writer.bytes)
        #expect(payment.amount.value == 123_456 && payment.fee == .zero && payment.invoice == "lnbcrt1")
        #expect(payment.status == .succeeded(PaymentPreimage(Hash.sha256([5])), at: Timestamp(seconds: 1_700_000_001)))
        #expect(payment.attempts.count == 1 && payment.attempts[0].htlc.id == 7 && payment.paidRoutes[0].hops.count == 1)
        // It is written in the new form, and stays what it was.
        #expect(try OutgoingPayment(record: payment.encoded()) == payment)
        for count in stride(from: 0, to: writer.bytes.count, by: 3) {
            #expect(throws: DecodingFailure.self) { try OutgoingPayment(record: Array(writer.bytes[..<count])) }
        }
        // Of two secrets for one hop it could be read, but what is written of it could not.
        var twice = writer.bytes
        let place = 1 + 32 + 33 + 8 + 8 + 8 + 8 + 32 + 8
        twice[place] = 2
        twice.insert(contentsOf: Hash.sha256([4]).array, at: place + 1)
        #expect(throws: DecodingFailure.invalid("payment")) { try OutgoingPayment(record: twice) }
    }

    @Test("a payment with everything in it comes back as it was")
    func everything() throws {
        var payment = OutgoingPayment(
            paymentHash: PaymentHash(Hash.sha256([1])), payee: Self.node, amount: MilliSatoshi(10), maxFee: MilliSatoshi(2),
            createdAt: Timestamp(seconds: 3),
            deadline: Timestamp(milliseconds: 4), maxParts: 5, invoice: "x", finalCLTVDelta: 18)
        payment.paymentSecret = Hash.sha256([6])
        payment.keysendPreimage = PaymentPreimage(Hash.sha256([7]))
        payment.paymentMetadata = [1, 2]
        payment.customRecords = [65_537: [9], 70_000: []]
        payment.firstChannel = ChannelID(Hash.sha256([8]))
        let key = NodeKey(Self.node)
        payment.hints = [
            RouteHint(hops: [
                .init(
                    from: key, shortChannelID: ShortChannelID(1),
                    policy: RoutingPolicy(
                        timestamp: 1, feeBase: 2, feeProportionalMillionths: 3, cltvExpiryDelta: 4, htlcMinimum: 5, htlcMaximum: 6))
            ])
        ]
        let blinded = BlindedPaymentPath(
            path: BlindedPath(
                firstNodeID: Self.node, firstPathKey: Self.node, hops: [.init(blindedNodeID: Self.node, encryptedData: [1, 2])]),
            feeBase: 1, feeProportionalMillionths: 2, cltvExpiryDelta: 3, htlcMinimum: MilliSatoshi(4), htlcMaximum: MilliSatoshi(5))
        payment.blindedPaths = [
            PayableBlindedPath(blinded, nodeID: SecretKey(Hash.sha256([9]))!.publicKey(), nodeSecret: SecretKey(Hash.sha256([9]))!)!
        ]
        let hop = Route.Hop(node: key, shortChannelID: ShortChannelID(2), amount: MilliSatoshi(10), cltvDelta: 20)
        var attempt = PaymentAttempt(
            route: Route(source: key, hops: [hop, hop], uncertainty: 77), htlc: .outgoing(ChannelID(Hash.sha256([9])), 3),
            sharedSecrets: [Hash.sha256([10])], startedAt: Timestamp(milliseconds: 11))
        payment.attempts.append(attempt)
        attempt.endedAt = Timestamp(milliseconds: 12)
        attempt.holdTimes = [.milliseconds(100), .milliseconds(200)]
        attempt.status = .failed(PaymentAttempt.Failure(hop: 1, message: [0x10, 7], text: "why"))
        payment.attempts.append(attempt)
        attempt.status = .succeeded
        payment.attempts.append(attempt)
        payment.givenUp = "enough"
        for status: OutgoingPayment.Status in [
            .pending, .failed("no", at: Timestamp(seconds: 5)), .succeeded(PaymentPreimage(Hash.sha256([1])), at: Timestamp(seconds: 6)),
        ] {
            payment.status = status
            #expect(try OutgoingPayment(record: payment.encoded()) == payment)
        }
    }

    @Test("second versions, before there were blinded paths")
    func secondVersions() throws {
        let payment = OutgoingPayment(
            paymentHash: PaymentHash(Hash.sha256([1])), payee: Self.node, amount: MilliSatoshi(10), maxFee: MilliSatoshi(2),
            createdAt: Timestamp(seconds: 3),
            deadline: Timestamp(milliseconds: 4), maxParts: 5, invoice: "x", finalCLTVDelta: 18)
        // No hints and no paths, no channel, no attempts, not given up, pending, of no stream.
        let record = payment.encoded()
        #expect(Array(record.suffix(7)) == [0, 0, 0, 0, 0, 0, 0])
        // Version 3 added the paths, version 5 the stream.
        #expect(try OutgoingPayment(record: [2] + record[1...].dropLast(2)) == payment)
        #expect(try OutgoingPayment(record: [4] + record[1...].dropLast()) == payment)
        var part = payment
        part.stream = StreamPart(stream: 3, number: 4)
        #expect(try OutgoingPayment(record: part.encoded()) == part)
        var invoice = InvoiceRecord(invoice: Self.invoice(), preimage: PaymentPreimage(Hash.sha256([1])))
        // Version 3 added the path's id, version 4 the HTLCs, version 5 the millisecond in which it was made.
        #expect(try InvoiceRecord(record: [2] + invoice.encoded()[1...].dropLast(10)) == invoice)
        #expect(try InvoiceRecord(record: [3] + invoice.encoded()[1...].dropLast(9)) == invoice)
        #expect(try InvoiceRecord(record: [4] + invoice.encoded()[1...].dropLast(8)) == invoice)
        invoice.createdAt += .milliseconds(123)
        #expect(invoice.position.order == 1_700_000_000_123)
        invoice.pathID = Hash.sha256([8])
        for status: InvoiceRecord.Status in [
            .unpaid, .held(amount: MilliSatoshi(7)), .settling(amount: MilliSatoshi(8)),
            .paid(at: Timestamp(seconds: 9), amount: MilliSatoshi(10)), .canceled,
        ] {
            invoice.status = status
            #expect(try InvoiceRecord(record: invoice.encoded()) == invoice)
        }
    }

    @Test("a keysend's record has no invoice's text; of earlier versions it has one, and keeps it", arguments: Network.allCases)
    func keysend(network: Network) throws {
        let preimage = PaymentPreimage(Hash.sha256([3]))
        let payee = SecretKey(Hash.sha256([4]))!.publicKey()
        var record = InvoiceRecord(
            invoice: Invoice(
                keysend: preimage.paymentHash, network: network, payee: payee, timestamp: Timestamp(seconds: 1_700_000_000)),
            preimage: preimage, status: .paid(at: Timestamp(seconds: 9), amount: MilliSatoshi(10)), isSpontaneous: true,
            createdAt: Timestamp(milliseconds: 1_700_000_000_123))
        record.customRecords = [70_000: [1, 2]]
        #expect(record.encoded()[0] == 6 && record.invoice.text.isEmpty && record.encoded().count < 200)
        #expect(try InvoiceRecord(record: record.encoded()) == record)
        for length in 0..<record.encoded().count {
            #expect(throws: DecodingFailure.self) { try InvoiceRecord(record: Array(record.encoded().prefix(length))) }
        }
        record.invoice = Self.invoice()
        #expect(record.encoded()[0] == 5)
        #expect(try InvoiceRecord(record: record.encoded()) == record)
    }

    private static func invoice() -> Invoice {
        Invoice(
            network: .regtest, amount: MilliSatoshi(1000), timestamp: Timestamp(seconds: 1_700_000_000),
            paymentHash: PaymentPreimage(Hash.sha256([1])).paymentHash, paymentSecret: Hash.sha256([2]), details: .text("old"),
            expiry: .seconds(3600),
            minFinalCLTVExpiryDelta: 144, features: FeatureBits(optional: [], compulsory: [.varOnionOptin, .paymentSecret]),
            nodeSecret: SecretKey(Hash.sha256([1]))!)
    }

    @Test("the first version of an invoice's record")
    func firstInvoiceVersion() throws {
        let preimage = PaymentPreimage(Hash.sha256([1]))
        let invoice = Self.invoice()
        var writer = ByteWriter()
        writer.uint8(1)
        writer.variableBytes(Array(invoice.text.utf8))
        writer.write(preimage)
        writer.uint8(0)
        writer.uint8(1)
        writer.uint64(1_700_000_100)
        writer.milliSatoshi(MilliSatoshi(1000))
        let record = try InvoiceRecord(record: writer.bytes)
        #expect(record.preimage == preimage && !record.isHold && !record.isSpontaneous)
        #expect(record.status == .paid(at: Timestamp(seconds: 1_700_000_100), amount: MilliSatoshi(1000)))
        #expect(try InvoiceRecord(record: record.encoded()) == record)
    }
}
