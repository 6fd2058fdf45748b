public import BitcoinPrimitives
public import CryptoPrimitives
public import LightningInvoice
import LightningOnion
public import LightningWire

/// An invoice of ours, and what became of it.
public struct InvoiceRecord: Hashable, Sendable {
    public enum Status: Hashable, Sendable {
        case unpaid
        /// When (seconds since 1970) and with how much.
        case paid(at: UInt64, amount: MilliSatoshi)
    }

    public var invoice: Invoice
    public var preimage: PaymentPreimage
    public var status: Status
    /// Whether it came without an invoice: a keysend.
    public var isSpontaneous: Bool

    static let version: UInt8 = 1

    public func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.uint8(Self.version)
        writer.variableBytes(Array(invoice.text.utf8))
        writer.write(preimage)
        writer.uint8(isSpontaneous ? 1 : 0)
        switch status {
        case .unpaid: writer.uint8(0)
        case .paid(let at, let amount):
            writer.uint8(1)
            writer.uint64(at)
            writer.milliSatoshi(amount)
        }
        return writer.bytes
    }

    public init(invoice: Invoice, preimage: PaymentPreimage, status: Status = .unpaid, isSpontaneous: Bool = false) {
        self.invoice = invoice
        self.preimage = preimage
        self.status = status
        self.isSpontaneous = isSpontaneous
    }

    public init(record: [UInt8]) throws(DecodingError) {
        var reader = ByteReader(record)
        guard try reader.uint8() == Self.version else { throw .invalid("version of an invoice's record") }
        let text = String(decoding: try reader.variableBytes(), as: UTF8.self)
        do throws(InvoiceRefusal) { invoice = try Invoice(text) } catch { throw .invalid("invoice in a record") }
        preimage = PaymentPreimage(try reader.bytes32())
        isSpontaneous = try reader.uint8() == 1
        status =
            try reader.uint8() == 0
            ? .unpaid : .paid(at: try reader.uint64(), amount: try reader.milliSatoshi())
        try reader.expectEnd()
    }
}

/// A payment that we send: one HTLC to a direct peer.
public struct OutgoingPayment: Hashable, Sendable {
    public enum Status: Hashable, Sendable {
        case pending
        case succeeded(PaymentPreimage, at: UInt64)
        case failed(String, at: UInt64)
    }

    public var paymentHash: PaymentHash
    public var payee: NodeID
    public var amount: MilliSatoshi
    public var fee: MilliSatoshi
    /// Seconds since 1970.
    public var createdAt: UInt64
    /// The invoice's text, or empty for a keysend.
    public var invoice: String
    public var channelID: ChannelID
    public var htlcID: UInt64
    /// What decrypts a failure that comes back.
    public var sharedSecrets: [Bytes32]
    public var status: Status

    static let version: UInt8 = 1

    public init(
        paymentHash: PaymentHash, payee: NodeID, amount: MilliSatoshi, fee: MilliSatoshi, createdAt: UInt64,
        invoice: String, channelID: ChannelID, htlcID: UInt64, sharedSecrets: [Bytes32]
    ) {
        self.paymentHash = paymentHash
        self.payee = payee
        self.amount = amount
        self.fee = fee
        self.createdAt = createdAt
        self.invoice = invoice
        self.channelID = channelID
        self.htlcID = htlcID
        self.sharedSecrets = sharedSecrets
        status = .pending
    }

    public func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.uint8(Self.version)
        writer.write(paymentHash)
        writer.point(payee)
        writer.milliSatoshi(amount)
        writer.milliSatoshi(fee)
        writer.uint64(createdAt)
        writer.variableBytes(Array(invoice.utf8))
        writer.write(channelID)
        writer.uint64(htlcID)
        writer.compactSize(sharedSecrets.count)
        for secret in sharedSecrets { writer.write(secret) }
        switch status {
        case .pending: writer.uint8(0)
        case .succeeded(let preimage, let at):
            writer.uint8(1)
            writer.write(preimage)
            writer.uint64(at)
        case .failed(let reason, let at):
            writer.uint8(2)
            writer.variableBytes(Array(reason.utf8))
            writer.uint64(at)
        }
        return writer.bytes
    }

    public init(record: [UInt8]) throws(DecodingError) {
        var reader = ByteReader(record)
        guard try reader.uint8() == Self.version else { throw .invalid("version of a payment's record") }
        paymentHash = PaymentHash(try reader.bytes32())
        payee = try reader.point()
        amount = try reader.milliSatoshi()
        fee = try reader.milliSatoshi()
        createdAt = try reader.uint64()
        invoice = String(decoding: try reader.variableBytes(), as: UTF8.self)
        channelID = try reader.channelID()
        htlcID = try reader.uint64()
        sharedSecrets = []
        for _ in 0..<(try reader.count(minimum: 32)) { sharedSecrets.append(try reader.bytes32()) }
        switch try reader.uint8() {
        case 0: status = .pending
        case 1: status = .succeeded(PaymentPreimage(try reader.bytes32()), at: try reader.uint64())
        case 2:
            let reason = String(decoding: try reader.variableBytes(), as: UTF8.self)
            status = .failed(reason, at: try reader.uint64())
        default: throw .invalid("status of a payment")
        }
        try reader.expectEnd()
    }
}
