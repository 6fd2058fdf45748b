import BitcoinPrimitives
import CryptoPrimitives
import LightningInvoice
import LightningOnion
import LightningPayment
import LightningRouting
import LightningWire
import Testing

/// What is printed, interpolated or dumped shows no secret.
@Suite("secrets do not print")
struct SecretTests {
    static let preimage = PaymentPreimage(Hash.sha256([1]))
    static let secrets = [preimage.hex, Hash.sha256([2]).hex, Hash.sha256([3]).hex]

    private static func texts(_ value: some Any) -> String {
        var dumped = ""
        dump(value, to: &dumped)
        return "\(value) " + String(reflecting: value) + String(describing: [value]) + dumped
    }

    private static func check(_ value: some Any, _ location: SourceLocation = #_sourceLocation) {
        let text = texts(value)
        for secret in secrets { #expect(!text.contains(secret), sourceLocation: location) }
    }

    @Test("payments, attempts, invoices, forwards and preimages")
    func printing() throws {
        var payment = SenderTests.payment()
        payment.keysendPreimage = Self.preimage
        payment.paymentSecret = Hash.sha256([2])
        payment.attempts = [
            PaymentAttempt(
                route: SenderTests.route(SenderTests.channels[0], 1000), htlc: .outgoing(ChannelID(.zero), 1),
                sharedSecrets: [Hash.sha256([3])], startedAt: Timestamp(milliseconds: 0))
        ]
        payment.status = .succeeded(Self.preimage, at: Timestamp(seconds: 1))
        Self.check(Self.preimage)
        Self.check(payment)
        Self.check(payment.attempts)
        let invoice = Invoice(
            network: .regtest, amount: nil, timestamp: Timestamp(seconds: 1), paymentHash: Self.preimage.paymentHash,
            paymentSecret: Hash.sha256([2]),
            details: .text(""), expiry: .seconds(60), minFinalCLTVExpiryDelta: 18, features: FeatureBits(),
            nodeSecret: ReceiverTests.identity.secret)
        Self.check(InvoiceRecord(invoice: invoice, preimage: Self.preimage))
        Self.check(OnionErrorContext(sharedSecret: Hash.sha256([3])))
        Self.check(IncomingDecision.fulfill(Self.preimage, HTLCReply(sharedSecret: Hash.sha256([3]))))
        var circuits = try ForwarderTests.forwarded().circuits
        let circuit = circuits.fulfill(incoming: .incoming(ForwarderTests.upstream, 0), Self.preimage, at: Timestamp(seconds: 1))
        Self.check(try #require(circuit))
    }
}
