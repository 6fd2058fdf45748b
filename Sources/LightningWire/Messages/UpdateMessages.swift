public import BitcoinPrimitives
public import CryptoPrimitives

/// BOLT 2: offers an HTLC.
public struct UpdateAddHTLC: MessageBody {
    public static let type: UInt16 = 128
    public var channelID: ChannelID
    public var id: UInt64
    public var amount: MilliSatoshi
    public var paymentHash: PaymentHash
    /// The block height at which the offerer may take the money back.
    public var cltvExpiry: UInt32
    /// BOLT 4's packet of 1366 bytes, not yet parsed.
    public var onion: [UInt8]
    public var tlvs = TLVStream()

    public static let onionLength = 1366

    public init(
        channelID: ChannelID, id: UInt64, amount: MilliSatoshi, paymentHash: PaymentHash, cltvExpiry: UInt32,
        onion: [UInt8], pathKey: PublicKey? = nil
    ) {
        self.channelID = channelID
        self.id = id
        self.amount = amount
        self.paymentHash = paymentHash
        self.cltvExpiry = cltvExpiry
        self.onion = onion
        tlvs[0] = pathKey?.compressed
    }

    public init(from reader: inout ByteReader) throws(DecodingFailure) {
        channelID = try reader.channelID()
        id = try reader.uint64()
        amount = try reader.milliSatoshi()
        paymentHash = PaymentHash(try reader.bytes32())
        cltvExpiry = try reader.uint32()
        onion = try reader.read(Self.onionLength)
        tlvs = try TLVStream(from: &reader, known: [0: TLVStream.point])
    }

    public func encode(to writer: inout ByteWriter) {
        writer.write(channelID)
        writer.uint64(id)
        writer.milliSatoshi(amount)
        writer.write(paymentHash)
        writer.uint32(cltvExpiry)
        writer.write(onion)
        tlvs.encode(to: &writer)
    }

    /// The key with which a node inside a blinded path unblinds its part.
    public var pathKey: PublicKey? { tlvs[0].flatMap { PublicKey(compressed: $0) } }
}

/// 20 hold times and 210 truncated HMACs (BOLT 4 "Attribution Data").
private let attributionTLVs: [UInt64: TLVStream.Check] = [1: TLVStream.exactly(20 * 4 + 210 * 4)]

/// BOLT 2: claims an HTLC with its preimage.
public struct UpdateFulfillHTLC: MessageBody {
    public static let type: UInt16 = 130
    public var channelID: ChannelID
    public var id: UInt64
    public var paymentPreimage: PaymentPreimage
    public var tlvs = TLVStream()

    public init(channelID: ChannelID, id: UInt64, paymentPreimage: PaymentPreimage) {
        self.channelID = channelID
        self.id = id
        self.paymentPreimage = paymentPreimage
    }

    public init(from reader: inout ByteReader) throws(DecodingFailure) {
        channelID = try reader.channelID()
        id = try reader.uint64()
        paymentPreimage = PaymentPreimage(try reader.bytes32())
        tlvs = try TLVStream(from: &reader, known: attributionTLVs)
    }

    public func encode(to writer: inout ByteWriter) {
        writer.write(channelID)
        writer.uint64(id)
        writer.write(paymentPreimage)
        tlvs.encode(to: &writer)
    }
}

/// BOLT 2: gives an HTLC back with an encrypted reason.
public struct UpdateFailHTLC: MessageBody {
    public static let type: UInt16 = 131
    public var channelID: ChannelID
    public var id: UInt64
    public var reason: [UInt8]
    public var tlvs = TLVStream()

    public init(channelID: ChannelID, id: UInt64, reason: [UInt8]) {
        self.channelID = channelID
        self.id = id
        self.reason = reason
    }

    public init(from reader: inout ByteReader) throws(DecodingFailure) {
        channelID = try reader.channelID()
        id = try reader.uint64()
        reason = try reader.sized16()
        tlvs = try TLVStream(from: &reader, known: attributionTLVs)
    }

    public func encode(to writer: inout ByteWriter) {
        writer.write(channelID)
        writer.uint64(id)
        writer.sized16(reason)
        tlvs.encode(to: &writer)
    }
}

/// BOLT 2: gives an HTLC back whose onion could not be read.
public struct UpdateFailMalformedHTLC: MessageBody {
    public static let type: UInt16 = 135
    public var channelID: ChannelID
    public var id: UInt64
    public var onionHash: Bytes32
    public var failureCode: UInt16

    public init(channelID: ChannelID, id: UInt64, onionHash: Bytes32, failureCode: UInt16) {
        self.channelID = channelID
        self.id = id
        self.onionHash = onionHash
        self.failureCode = failureCode
    }

    public init(from reader: inout ByteReader) throws(DecodingFailure) {
        channelID = try reader.channelID()
        id = try reader.uint64()
        onionHash = try reader.bytes32()
        failureCode = try reader.uint16()
    }

    public func encode(to writer: inout ByteWriter) {
        writer.write(channelID)
        writer.uint64(id)
        writer.write(onionHash)
        writer.uint16(failureCode)
    }
}

/// BOLT 2: a new fee rate, from the side that opened the channel.
public struct UpdateFee: MessageBody {
    public static let type: UInt16 = 134
    public var channelID: ChannelID
    public var feeRate: FeeRate

    public init(channelID: ChannelID, feeRate: FeeRate) {
        self.channelID = channelID
        self.feeRate = feeRate
    }

    public init(from reader: inout ByteReader) throws(DecodingFailure) {
        channelID = try reader.channelID()
        feeRate = FeeRate(perKiloweight: try reader.uint32())
    }

    public func encode(to writer: inout ByteWriter) {
        writer.write(channelID)
        writer.uint32(feeRate.perKiloweight)
    }
}

/// BOLT 2: announces several `commitment_signed` that belong together.
public struct StartBatch: MessageBody {
    public static let type: UInt16 = 127
    public var channelID: ChannelID
    public var batchSize: UInt16
    public var tlvs: TLVStream

    public init(from reader: inout ByteReader) throws(DecodingFailure) {
        channelID = try reader.channelID()
        batchSize = try reader.uint16()
        tlvs = try TLVStream(from: &reader, known: [1: TLVStream.exactly(2)])
    }

    public func encode(to writer: inout ByteWriter) {
        writer.write(channelID)
        writer.uint16(batchSize)
        tlvs.encode(to: &writer)
    }
}

/// BOLT 2: signs the receiver's next commitment transaction and its HTLC transactions.
public struct CommitmentSigned: MessageBody {
    public static let type: UInt16 = 132
    public var channelID: ChannelID
    public var signature: WireSignature
    public var htlcSignatures: [WireSignature]
    public var tlvs = TLVStream()

    public init(channelID: ChannelID, signature: ECDSASignature, htlcSignatures: [ECDSASignature]) {
        self.channelID = channelID
        self.signature = WireSignature(signature)
        self.htlcSignatures = htlcSignatures.map { WireSignature($0) }
    }

    public init(from reader: inout ByteReader) throws(DecodingFailure) {
        channelID = try reader.channelID()
        signature = try reader.signature()
        let count = Int(try reader.uint16())
        guard count * 64 <= reader.remaining else { throw .truncated }
        htlcSignatures = []
        htlcSignatures.reserveCapacity(count)
        for _ in 0..<count { htlcSignatures.append(try reader.signature()) }
        tlvs = try TLVStream(from: &reader, known: [1: TLVStream.exactly(32)])
    }

    public func encode(to writer: inout ByteWriter) {
        writer.write(channelID)
        writer.signature(signature)
        writer.uint16(UInt16(htlcSignatures.count))
        for signature in htlcSignatures { writer.signature(signature) }
        tlvs.encode(to: &writer)
    }
}

/// BOLT 2: gives up the previous commitment by disclosing its secret.
public struct RevokeAndAck: MessageBody {
    public static let type: UInt16 = 133
    public var channelID: ChannelID
    public var perCommitmentSecret: Bytes32
    public var nextPerCommitmentPoint: PublicKey

    public init(channelID: ChannelID, perCommitmentSecret: Bytes32, nextPerCommitmentPoint: PublicKey) {
        self.channelID = channelID
        self.perCommitmentSecret = perCommitmentSecret
        self.nextPerCommitmentPoint = nextPerCommitmentPoint
    }

    public init(from reader: inout ByteReader) throws(DecodingFailure) {
        channelID = try reader.channelID()
        perCommitmentSecret = try reader.bytes32()
        nextPerCommitmentPoint = try reader.point()
    }

    public func encode(to writer: inout ByteWriter) {
        writer.write(channelID)
        writer.write(perCommitmentSecret)
        writer.point(nextPerCommitmentPoint)
    }
}

/// BOLT 2: where each side stands after a reconnection.
public struct ChannelReestablish: MessageBody {
    public static let type: UInt16 = 136
    public var channelID: ChannelID
    public var nextCommitmentNumber: UInt64
    public var nextRevocationNumber: UInt64
    public var yourLastPerCommitmentSecret: Bytes32
    public var myCurrentPerCommitmentPoint: PublicKey
    public var tlvs = TLVStream()

    public init(
        channelID: ChannelID, nextCommitmentNumber: UInt64, nextRevocationNumber: UInt64,
        yourLastPerCommitmentSecret: Bytes32, myCurrentPerCommitmentPoint: PublicKey
    ) {
        self.channelID = channelID
        self.nextCommitmentNumber = nextCommitmentNumber
        self.nextRevocationNumber = nextRevocationNumber
        self.yourLastPerCommitmentSecret = yourLastPerCommitmentSecret
        self.myCurrentPerCommitmentPoint = myCurrentPerCommitmentPoint
    }

    public init(from reader: inout ByteReader) throws(DecodingFailure) {
        channelID = try reader.channelID()
        nextCommitmentNumber = try reader.uint64()
        nextRevocationNumber = try reader.uint64()
        yourLastPerCommitmentSecret = try reader.bytes32()
        myCurrentPerCommitmentPoint = try reader.point()
        tlvs = try TLVStream(from: &reader, known: [1: TLVStream.exactly(33), 5: TLVStream.exactly(33)])
    }

    public func encode(to writer: inout ByteWriter) {
        writer.write(channelID)
        writer.uint64(nextCommitmentNumber)
        writer.uint64(nextRevocationNumber)
        writer.write(yourLastPerCommitmentSecret)
        writer.point(myCurrentPerCommitmentPoint)
        tlvs.encode(to: &writer)
    }
}
