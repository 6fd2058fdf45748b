package import BitcoinPrimitives
package import CryptoPrimitives

/// One HTLC of one channel. BOLT 2 counts ids for each side by itself: the third that we offered is not the third that we were offered.
public struct HTLCID: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// Who offered it.
    public enum Direction: UInt8, Hashable, Sendable {
        /// Offered by the peer.
        case incoming
        /// Offered by us.
        case outgoing
    }

    /// In which channel.
    public var channel: ChannelID
    /// Who offered it.
    public var direction: Direction
    /// BOLT 2's `id`.
    public var id: UInt64

    /// An HTLC from its parts.
    public init(channel: ChannelID, direction: Direction, id: UInt64) {
        self.channel = channel
        self.direction = direction
        self.id = id
    }

    /// One that the peer offered.
    public static func incoming(_ channel: ChannelID, _ id: UInt64) -> HTLCID { HTLCID(channel: channel, direction: .incoming, id: id) }
    /// One that we offered.
    public static func outgoing(_ channel: ChannelID, _ id: UInt64) -> HTLCID { HTLCID(channel: channel, direction: .outgoing, id: id) }

    public var description: String { "HTLC \(id) \(direction == .incoming ? "from" : "to") the peer of channel \(channel)" }

    public static func < (left: HTLCID, right: HTLCID) -> Bool {
        (left.channel, left.direction.rawValue, left.id) < (right.channel, right.direction.rawValue, right.id)
    }

    /// In records whose meaning tells the direction: channel and id, 40 bytes.
    public var bytes: [UInt8] {
        ByteWriter.bytes {
            $0.write(channel)
            $0.uint64(id)
        }
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(channel)
        writer.uint64(id)
    }

    /// - Parameter direction: which the record does not tell.
    package init(from reader: inout ByteReader, _ direction: Direction) throws(DecodingFailure) {
        self.init(channel: try reader.channelID(), direction: direction, id: try reader.uint64())
    }
}

/// For whom an HTLC of ours is: its outcome goes there.
package enum HTLCOrigin: Hashable, Sendable {
    /// An attempt, by its number, of a payment of ours.
    case payment(PaymentHash, attempt: Int)
    /// An HTLC of a peer that is forwarded.
    case forward(incoming: HTLCID)

    package func encode(to writer: inout ByteWriter) {
        switch self {
        case .payment(let hash, let attempt):
            writer.uint8(0)
            writer.write(hash)
            writer.uint32(UInt32(clamping: attempt))
        case .forward(let incoming):
            writer.uint8(1)
            incoming.encode(to: &writer)
        }
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        switch try reader.uint8() {
        case 0: self = .payment(PaymentHash(try reader.bytes32()), attempt: Int(try reader.uint32()))
        case 1: self = .forward(incoming: try HTLCID(from: &reader, .incoming))
        default: throw .invalid("origin of an HTLC")
        }
    }
}

/// What is to be offered to a peer.
package struct HTLCOffer: Hashable, Sendable {
    package var amount: MilliSatoshi
    package var paymentHash: PaymentHash
    package var cltvExpiry: CLTVExpiry
    package var onion: [UInt8]
    /// For the peer, where the HTLC is on a blinded path and the peer is not its first node.
    package var pathKey: PublicKey?
    /// Whose it is, and hears of its outcome; `nil` for nobody's.
    package var origin: HTLCOrigin?

    package init(
        amount: MilliSatoshi, paymentHash: PaymentHash, cltvExpiry: CLTVExpiry, onion: [UInt8], pathKey: PublicKey? = nil,
        origin: HTLCOrigin? = nil
    ) {
        self.amount = amount
        self.paymentHash = paymentHash
        self.cltvExpiry = cltvExpiry
        self.onion = onion
        self.pathKey = pathKey
        self.origin = origin
    }
}
