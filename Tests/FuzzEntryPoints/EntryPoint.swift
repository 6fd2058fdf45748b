package import BitcoinLedger
import BitcoinPrimitives
package import CryptoPrimitives
import LightningChain
import LightningChannel
import LightningInvoice
import LightningOnion
import LightningPayment
import LightningRecords
import LightningWire

/// Where bytes of others come in: each takes any bytes, and returns whether it could make something of them. None of them may ever trap, and
/// what was read must be the same when it is written and read again.
public enum EntryPoint: String, CaseIterable, Sendable {
    /// A Lightning message, as it comes out of the transport.
    case decodeMessage = "decode-message"
    /// An onion of BOLT 4, at a node with a fixed key.
    case peelOnion = "peel-onion"
    /// An invoice of BOLT 11, as a text.
    case parseInvoice = "parse-invoice"
    /// A record of the store: the first byte says of which kind.
    case readRecord = "read-record"
    /// A block, on top of a chain of one hundred and one.
    case connectBlock = "connect-block"

    /// What was read is something else when it is read again.
    public struct Unstable: Error {}

    package static let nodeSecret = SecretKey(Hash.sha256(Array("fuzz".utf8)))!

    /// Takes bytes as they come.
    ///
    /// - Parameter ledger: that a block is put on top of.
    /// - Returns: whether they could be read.
    /// - Throws: `Unstable`.
    package func run(_ bytes: [UInt8], _ ledger: Ledger) throws(Unstable) -> Bool {
        switch self {
        case .decodeMessage: try Self.decodeMessage(bytes)
        case .peelOnion: Self.peelOnion(bytes)
        case .parseInvoice: try Self.parseInvoice(bytes)
        case .readRecord: try Self.readRecord(bytes)
        case .connectBlock: Self.connectBlock(bytes, ledger)
        }
    }

    private static func decodeMessage(_ bytes: [UInt8]) throws(Unstable) -> Bool {
        guard let message = try? LightningMessage(bytes) else { return false }
        // Of a type that is not known only the type is kept.
        if case .unknown = message { return true }
        guard let again = try? LightningMessage(message.encoded), again.encoded == message.encoded else { throw Unstable() }
        return true
    }

    /// Bytes as long as an onion are one; others are what it tells us, in an onion that can be opened.
    private static func peelOnion(_ bytes: [UInt8]) -> Bool {
        var onion = bytes
        if bytes.count != 1366 {
            let hop = OnionPacket.Hop(nodeID: nodeSecret.publicKey(), payload: bytes)
            let created = OnionPacket.create(
                sessionKey: SecretKey(Hash.sha256([8]))!, hops: [hop], associatedData: PaymentHash(Hash.sha256([7])).bytes.array)
            guard let created else { return false }
            onion = created.packet
        }
        let htlc = IncomingHTLC(
            key: .incoming(ChannelID(.zero), 0), amount: MilliSatoshi(1_000_000), paymentHash: PaymentHash(Hash.sha256([7])),
            cltvExpiry: 500)
        if case .refused = PeeledHTLC(htlc, onion: onion, nodeSecret: nodeSecret) { return false }
        return true
    }

    private static func parseInvoice(_ bytes: [UInt8]) throws(Unstable) -> Bool {
        let text = String(decoding: bytes, as: UTF8.self)
        guard let invoice = (try? Invoice(text)) ?? mended(text).flatMap({ try? Invoice($0) }) else { return false }
        guard let again = try? Invoice(invoice.text), again == invoice else { throw Unstable() }
        _ = (invoice.expiresAt, invoice.descriptionText)
        return true
    }

    /// The same text with the checksum that it should have: without it little else would ever be looked at.
    private static func mended(_ text: String) -> String? {
        let alphabet = Array("qpzry9x8gf2tvdw0s3jn54khce6mua7l")
        guard let separator = text.lastIndex(of: "1"), text.count > 8 else { return nil }
        let values = text[text.index(after: separator)...].dropLast(6).map { alphabet.firstIndex(of: $0) }
        guard !values.contains(nil) else { return nil }
        return Bech32.encode(prefix: String(text[..<separator]), data: values.map { UInt8($0!) }, variant: .bech32)
    }

    private static func readRecord(_ bytes: [UInt8]) throws(Unstable) -> Bool {
        let record = Array(bytes.dropFirst())
        func isRead<Record: Equatable>(
            _ read: ([UInt8]) throws -> Record, _ write: (Record) -> [UInt8]
        ) throws(Unstable) -> Bool {
            guard let found = try? read(record) else { return false }
            guard let again = try? read(write(found)), again == found else { throw Unstable() }
            return true
        }
        switch bytes.first.map({ $0 % 5 }) {
        case 0: return try isRead(OutgoingPayment.init(record:)) { $0.encoded() }
        case 1: return try isRead(InvoiceRecord.init(record:)) { $0.encoded() }
        case 2: return try isRead(Circuit.init(record:)) { $0.encoded() }
        case 3:
            return try isRead { bytes in
                var reader = ByteReader(bytes)
                let position = try ChainPosition(from: &reader)
                try reader.expectEnd()
                return position
            } _: { position in
                ByteWriter.bytes { position.encode(to: &$0) }
            }
        case 4:
            guard var channel = try? PaymentChannel(head: record, htlcs: []) else { return false }
            _ = (channel.spendable, channel.receivable, channel.watchedOutPoints, channel.nextDeadline(after: 100), channel.drainWrites())
            return true
        default: return false
        }
    }

    private static func connectBlock(_ bytes: [UInt8], _ ledger: Ledger) -> Bool {
        guard let block = try? Block(bytes) else { return false }
        var copy = ledger
        _ = copy.submit(block, now: 1_700_100_000)
        return true
    }
}
