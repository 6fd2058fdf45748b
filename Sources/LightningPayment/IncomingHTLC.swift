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
    case fulfill(PaymentPreimage, HTLCReply)
    case fail(HTLCReply)
    case malformed(onionHash: Bytes32, code: UInt16)
}

/// What goes back to the payer, before our layer of encryption is put around it.
public struct HTLCReply: Hashable, Sendable {
    /// A failure; empty for a success.
    public var packet: [UInt8]
    /// That we share with the payer.
    public var sharedSecret: Bytes32
    /// What came from downstream; empty where we are the first to speak.
    public var attribution: [UInt8]

    public init(packet: [UInt8] = [], sharedSecret: Bytes32, attribution: [UInt8] = []) {
        self.packet = packet
        self.sharedSecret = sharedSecret
        self.attribution = attribution
    }

    /// A failure of our own.
    public init(_ message: FailureMessage, sharedSecret: Bytes32) {
        self.init(packet: FailurePacket.plain(message, sharedSecret: sharedSecret), sharedSecret: sharedSecret)
    }

    /// What `update_fail_htlc` carries.
    public var reason: [UInt8] { FailurePacket.wrap(packet, sharedSecret: sharedSecret) }

    /// What goes with it.
    ///
    /// - Parameter milliseconds: for which we held the HTLC.
    public func attribution(heldFor milliseconds: UInt64) -> [UInt8] {
        AttributionData.update(
            attribution, packet: packet, holdTime: UInt32(clamping: milliseconds / 100), sharedSecret: sharedSecret)
    }
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
            .refused(.fail(HTLCReply(message, sharedSecret: peeled.sharedSecret)))
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
