public import BitcoinPrimitives
public import CryptoPrimitives
public import LightningInvoice
package import LightningRecords
public import LightningWire

/// An invoice of ours, and what became of it.
public struct InvoiceRecord: Hashable, Sendable {
    /// Whether it is paid.
    public enum Status: Hashable, Sendable {
        /// Nothing has come for it, or not all of it.
        case unpaid
        /// All HTLCs are there and held, until the owner settles or cancels (a hold invoice).
        case held(amount: MilliSatoshi)
        /// The preimage is given away, and the money is not irrevocably ours yet: some HTLC is still in a commitment.
        case settling(amount: MilliSatoshi)
        /// Every HTLC has left both commitments, fulfilled: when, to the second, and with how much.
        case paid(at: Timestamp, amount: MilliSatoshi)
        /// The owner does not want to be paid any more.
        case canceled
    }

    /// What was handed out; for a keysend it has no text.
    public var invoice: Invoice
    /// Unknown as long as the owner of a hold invoice keeps it.
    public var preimage: PaymentPreimage?
    /// Whether it is paid.
    public var status: Status
    /// Whether it came without an invoice: a keysend.
    public var isSpontaneous: Bool
    /// Whether payments are held until the owner says so.
    public var isHold: Bool
    /// What the payer sent along, by type (65536 and above).
    public var customRecords: [UInt64: [UInt8]] = [:]

    /// The HTLCs of a payment that is held, or is being settled: in the latter case those that are not settled yet.
    public internal(set) var htlcs: [HTLCID] = []

    /// When it was made; of earlier versions the second is known.
    public var createdAt: Timestamp

    /// What its owner calls it; nobody else sees it. `nil` for nothing.
    public var label: String?

    /// Bytes of a label at the most.
    package static let longestLabel = 200

    /// Whether it was added to the record of its stream, and has no row of its own any more. Not stored: of such a payment nothing is.
    package var isPartOfStream = false

    /// By which we recognize a payment that comes over the invoice's blinded paths.
    public var pathID: Bytes32?

    /// What a payment of the invoice has to bring.
    var secret: Bytes32? { pathID ?? invoice.paymentSecret }

    /// Blocks that its HTLCs must have left.
    var minFinalCLTVExpiryDelta: UInt32 {
        invoice.blindedPaths.isEmpty ? invoice.minFinalCLTVExpiryDelta : Receiver.minFinalCLTVExpiryDelta
    }

    static let version: UInt8 = 6
    /// Of a record with an invoice's text, which earlier versions read as well.
    private static let textVersion: UInt8 = 5

    /// - Parameter createdAt: `nil` for the second that the invoice names.
    public init(
        invoice: Invoice, preimage: PaymentPreimage?, status: Status = .unpaid, isSpontaneous: Bool = false, isHold: Bool = false,
        createdAt: Timestamp? = nil
    ) {
        self.createdAt = createdAt ?? invoice.timestamp
        self.invoice = invoice
        self.preimage = preimage
        self.status = status
        self.isSpontaneous = isSpontaneous
        self.isHold = isHold
    }

    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.uint8(invoice.text.isEmpty ? Self.version : Self.textVersion)
        writer.variableBytes(Array(invoice.text.utf8))
        if invoice.text.isEmpty {
            writer.variableBytes(Array(invoice.network.rawValue.utf8))
            writer.write(invoice.paymentHash)
            writer.point(invoice.payee)
            writer.uint64(invoice.timestamp.seconds)
        }
        writer.uint8((isSpontaneous ? 1 : 0) | (isHold ? 2 : 0) | (preimage == nil ? 0 : 4) | (label == nil ? 0 : 8))
        if let preimage { writer.write(preimage) }
        switch status {
        case .unpaid: writer.uint8(0)
        case .paid(let at, let amount):
            writer.uint8(1)
            writer.uint64(at.seconds)
            writer.milliSatoshi(amount)
        case .held(let amount):
            writer.uint8(2)
            writer.milliSatoshi(amount)
        case .canceled: writer.uint8(3)
        case .settling(let amount):
            writer.uint8(4)
            writer.milliSatoshi(amount)
        }
        CustomRecords.encode(customRecords, to: &writer)
        writer.optional(pathID) { writer, id in writer.write(id) }
        writer.compactSize(htlcs.count)
        for htlc in htlcs { htlc.encode(to: &writer) }
        writer.uint64(createdAt.milliseconds)
        if let label { writer.variableBytes(Array(label.utf8)) }
        return writer.bytes
    }

    package init(record: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(record)
        let version = try reader.uint8()
        guard (1...Self.version).contains(version) else { throw .invalid("version of an invoice's record") }
        let text = String(decoding: try reader.variableBytes(), as: UTF8.self)
        if version > 5, text.isEmpty {
            guard let network = Network(rawValue: String(decoding: try reader.variableBytes(), as: UTF8.self)) else {
                throw .invalid("network of a keysend")
            }
            invoice = Invoice(
                keysend: PaymentHash(try reader.bytes32()), network: network, payee: try reader.point(),
                timestamp: Timestamp(seconds: try reader.uint64()))
        } else {
            do throws(InvoiceRefusal) { invoice = try Invoice(text) } catch { throw .invalid("invoice in a record") }
        }
        createdAt = invoice.timestamp
        var hasLabel = false
        if version == 1 {
            preimage = PaymentPreimage(try reader.bytes32())
            isSpontaneous = try reader.uint8() == 1
            isHold = false
        } else {
            let flags = try reader.uint8()
            isSpontaneous = flags & 1 != 0
            isHold = flags & 2 != 0
            hasLabel = flags & 8 != 0
            preimage = flags & 4 != 0 ? PaymentPreimage(try reader.bytes32()) : nil
        }
        switch try reader.uint8() {
        case 0: status = .unpaid
        case 1: status = .paid(at: Timestamp(seconds: try reader.uint64()), amount: try reader.money())
        case 2: status = .held(amount: try reader.money())
        case 3: status = .canceled
        case 4 where version > 3: status = .settling(amount: try reader.money())
        default: throw .invalid("status of an invoice")
        }
        if version > 1 { customRecords = try CustomRecords.decode(&reader) }
        if version > 2 { pathID = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in try r.bytes32() } }
        if version > 3 { for _ in 0..<(try reader.count(minimum: 40)) { htlcs.append(try HTLCID(from: &reader, .incoming)) } }
        if version > 4 { createdAt = Timestamp(milliseconds: try reader.uint64()) }
        if hasLabel { label = String(decoding: try reader.variableBytes(), as: UTF8.self) }
        try reader.expectEnd()
    }
}

/// Records of applications in payments: types of 65536 and above (BOLT 1).
enum CustomRecords {
    static func encode(_ records: [UInt64: [UInt8]], to writer: inout ByteWriter) {
        writer.compactSize(records.count)
        for (type, value) in records.sorted(by: { $0.key < $1.key }) {
            writer.uint64(type)
            writer.variableBytes(value)
        }
    }

    static func decode(_ reader: inout ByteReader) throws(DecodingFailure) -> [UInt64: [UInt8]] {
        var records: [UInt64: [UInt8]] = [:]
        for _ in 0..<(try reader.count(minimum: 9)) {
            let type = try reader.uint64()
            records[type] = try reader.variableBytes()
        }
        return records
    }
}

extension InvoiceRecord {
    /// What its payment brought, or is bringing.
    public var receivedAmount: MilliSatoshi {
        switch status {
        case .unpaid, .canceled: .zero
        case .held(let amount), .settling(let amount), .paid(_, let amount): amount
        }
    }

    /// Whether nothing can pay it any more, whatever time it is. Keysends are not counted among what is over: the last of them stay at hand.
    var isOver: Bool {
        switch status {
        case .paid, .canceled: !isSpontaneous
        case .unpaid, .held, .settling: false
        }
    }

    /// Its place in the history.
    package var position: HistoryPosition { HistoryPosition(order: createdAt.milliseconds, id: invoice.paymentHash.bytes.array) }

    /// One word for lists.
    public var statusName: String {
        switch status {
        case .unpaid: "unpaid"
        case .held: "held"
        case .settling: "settling"
        case .paid: "paid"
        case .canceled: "canceled"
        }
    }
}
