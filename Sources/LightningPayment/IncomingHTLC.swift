import BitcoinPrimitives
public import CryptoPrimitives
public import LightningOnion
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

    public init(key: Key, amount: MilliSatoshi, paymentHash: PaymentHash, cltvExpiry: UInt32) {
        self.key = key
        self.amount = amount
        self.paymentHash = paymentHash
        self.cltvExpiry = cltvExpiry
    }
}

/// What is to become of an incoming HTLC.
public enum IncomingDecision: Hashable, Sendable {
    case fulfill(PaymentPreimage)
    case fail(reason: [UInt8])
    case malformed(onionHash: Bytes32, code: UInt16)
}

/// What an HTLC's onion tells this node.
public enum PeeledHTLC: Sendable {
    case refused(IncomingDecision)
    /// We are the payee.
    case final(HopPayload, sharedSecret: Bytes32)
    case forward(ForwardRequest)

    /// Peels one layer and reads what it holds (BOLT 4 "Onion Decryption", "payload format").
    public init(
        _ htlc: IncomingHTLC, onion: [UInt8], nodeSecret: borrowing SecretKey
    ) {
        let peeled: OnionPacket.Peeled
        do throws(OnionRefusal) {
            peeled = try OnionPacket.peel(onion, nodeSecret: nodeSecret, associatedData: htlc.paymentHash.bytes.array)
        } catch {
            self = .refused(.malformed(onionHash: Hash.sha256(onion), code: error.failureCode))
            return
        }
        func fail(_ message: FailureMessage) -> PeeledHTLC {
            .refused(.fail(reason: FailurePacket.create(message, sharedSecret: peeled.sharedSecret)))
        }
        let payload: HopPayload
        do throws(FailureMessage) { payload = try HopPayload(peeled.payload) } catch {
            self = fail(error)
            return
        }
        guard let next = peeled.next else {
            self = .final(payload, sharedSecret: peeled.sharedSecret)
            return
        }
        // "MUST return an error if amt_to_forward or outgoing_cltv_value are not present … short_channel_id is not present".
        guard let amount = payload.amountToForward else {
            self = fail(.invalidOnionPayload(type: 2, offset: 0))
            return
        }
        guard let expiry = payload.outgoingCLTV else {
            self = fail(.invalidOnionPayload(type: 4, offset: 0))
            return
        }
        guard let channel = payload.shortChannelID else {
            self = fail(.invalidOnionPayload(type: 6, offset: 0))
            return
        }
        self = .forward(
            ForwardRequest(
                incoming: htlc, shortChannelID: channel, amount: amount, cltvExpiry: expiry, onion: next,
                sharedSecret: peeled.sharedSecret))
    }
}

/// What a payer asks a forwarding node to do.
public struct ForwardRequest: Hashable, Sendable {
    public var incoming: IncomingHTLC
    /// By which the payer means the next channel: its short id, or an alias.
    public var shortChannelID: ShortChannelID
    public var amount: MilliSatoshi
    public var cltvExpiry: UInt32
    /// For the next node.
    public var onion: [UInt8]
    /// For encrypting what comes back.
    public var sharedSecret: Bytes32
}
