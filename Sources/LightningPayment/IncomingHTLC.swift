import BitcoinPrimitives
public import CryptoPrimitives
public import LightningWire

/// An HTLC that a peer offered and that is committed beyond recall.
public struct IncomingHTLC: Hashable, Sendable {
    /// Which HTLC of which channel.
    public struct Key: Hashable, Sendable, Comparable {
        public var channel: ChannelID
        public var id: UInt64

        public init(channel: ChannelID, id: UInt64) {
            self.channel = channel
            self.id = id
        }

        public static func < (left: Key, right: Key) -> Bool {
            left.channel == right.channel ? left.id < right.id : left.channel < right.channel
        }

        func encode(to writer: inout ByteWriter) {
            writer.write(channel)
            writer.uint64(id)
        }

        init(from reader: inout ByteReader) throws(DecodingError) {
            channel = try reader.channelID()
            id = try reader.uint64()
        }
    }

    public var key: Key
    public var amount: MilliSatoshi
    public var paymentHash: PaymentHash
    public var cltvExpiry: UInt32
    /// Where we are inside of a blinded path: with which we read our part of it.
    public var pathKey: PublicKey?

    public init(key: Key, amount: MilliSatoshi, paymentHash: PaymentHash, cltvExpiry: UInt32, pathKey: PublicKey? = nil) {
        self.key = key
        self.amount = amount
        self.paymentHash = paymentHash
        self.cltvExpiry = cltvExpiry
        self.pathKey = pathKey
    }
}
