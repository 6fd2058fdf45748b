package import BitcoinPrimitives
package import CryptoPrimitives

/// BOLT 2: offers an HTLC.
package struct UpdateAddHTLC: MessageBody {
    package static let type: UInt16 = 128
    package var channelID: ChannelID
    package var id: UInt64
    package var amount: MilliSatoshi
    package var paymentHash: PaymentHash
    /// The block height at which the offerer may take the money back.
    package var cltvExpiry: CLTVExpiry
    /// BOLT 4's packet of 1366 bytes, not yet parsed.
    package var onion: [UInt8]
    package var tlvs = TLVStream()

    package static let onionLength = 1366

    package init(
        channelID: ChannelID, id: UInt64, amount: MilliSatoshi, paymentHash: PaymentHash, cltvExpiry: CLTVExpiry,
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

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        channelID = try reader.channelID()
        id = try reader.uint64()
        amount = try reader.milliSatoshi()
        paymentHash = PaymentHash(try reader.bytes32())
        cltvExpiry = try reader.cltvExpiry()
        onion = try reader.read(Self.onionLength)
        tlvs = try TLVStream(from: &reader, known: [0: TLVStream.point])
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(channelID)
        writer.uint64(id)
        writer.milliSatoshi(amount)
        writer.write(paymentHash)
        writer.cltvExpiry(cltvExpiry)
        writer.write(onion)
        tlvs.encode(to: &writer)
    }

    /// The key with which a node inside a blinded path unblinds its part.
    package var pathKey: PublicKey? { tlvs[0].flatMap { PublicKey(compressed: $0) } }
}

/// 20 hold times and 210 truncated HMACs (BOLT 4 "Attribution Data").
private let attributionTLVs: [UInt64: TLVStream.Check] = [1: TLVStream.exactly(20 * 4 + 210 * 4)]

/// BOLT 2: claims an HTLC with its preimage.
package struct UpdateFulfillHTLC: MessageBody {
    package static let type: UInt16 = 130
    package var channelID: ChannelID
    package var id: UInt64
    package var paymentPreimage: PaymentPreimage
    package var tlvs = TLVStream()

    package init(channelID: ChannelID, id: UInt64, paymentPreimage: PaymentPreimage) {
        self.channelID = channelID
        self.id = id
        self.paymentPreimage = paymentPreimage
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        channelID = try reader.channelID()
        id = try reader.uint64()
        paymentPreimage = PaymentPreimage(try reader.bytes32())
        tlvs = try TLVStream(from: &reader, known: attributionTLVs)
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(channelID)
        writer.uint64(id)
        writer.write(paymentPreimage)
        tlvs.encode(to: &writer)
    }
}

/// BOLT 2: gives an HTLC back with an encrypted reason.
package struct UpdateFailHTLC: MessageBody {
    package static let type: UInt16 = 131
    package var channelID: ChannelID
    package var id: UInt64
    package var reason: [UInt8]
    package var tlvs = TLVStream()

    package init(channelID: ChannelID, id: UInt64, reason: [UInt8]) {
        self.channelID = channelID
        self.id = id
        self.reason = reason
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        channelID = try reader.channelID()
        id = try reader.uint64()
        reason = try reader.sized16()
        tlvs = try TLVStream(from: &reader, known: attributionTLVs)
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(channelID)
        writer.uint64(id)
        writer.sized16(reason)
        tlvs.encode(to: &writer)
    }
}

/// BOLT 2: gives an HTLC back whose onion could not be read.
package struct UpdateFailMalformedHTLC: MessageBody {
    package static let type: UInt16 = 135
    package var channelID: ChannelID
    package var id: UInt64
    package var onionHash: Bytes32
    package var failureCode: UInt16

    package init(channelID: ChannelID, id: UInt64, onionHash: Bytes32, failureCode: UInt16) {
        self.channelID = channelID
        self.id = id
        self.onionHash = onionHash
        self.failureCode = failureCode
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        channelID = try reader.channelID()
        id = try reader.uint64()
        onionHash = try reader.bytes32()
        failureCode = try reader.uint16()
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(channelID)
        writer.uint64(id)
        writer.write(onionHash)
        writer.uint16(failureCode)
    }
}

/// BOLT 2: a new fee rate, from the side that opened the channel.
package struct UpdateFee: MessageBody {
    package static let type: UInt16 = 134
    package var channelID: ChannelID
    package var feeRate: FeeRate

    package init(channelID: ChannelID, feeRate: FeeRate) {
        self.channelID = channelID
        self.feeRate = feeRate
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        channelID = try reader.channelID()
        feeRate = FeeRate(perKiloweight: try reader.uint32())
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(channelID)
        writer.uint32(feeRate.perKiloweight)
    }
}

/// BOLT 2: announces several `commitment_signed` that belong together.
package struct StartBatch: MessageBody {
    package static let type: UInt16 = 127
    package var channelID: ChannelID
    package var batchSize: UInt16
    package var tlvs: TLVStream

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        channelID = try reader.channelID()
        batchSize = try reader.uint16()
        tlvs = try TLVStream(from: &reader, known: [1: TLVStream.exactly(2)])
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(channelID)
        writer.uint16(batchSize)
        tlvs.encode(to: &writer)
    }
}

/// BOLT 2: signs the receiver's next commitment transaction and its HTLC transactions.
package struct CommitmentSigned: MessageBody {
    package static let type: UInt16 = 132
    package var channelID: ChannelID
    package var signature: WireSignature
    package var htlcSignatures: [WireSignature]
    package var tlvs = TLVStream()

    package init(channelID: ChannelID, signature: ECDSASignature, htlcSignatures: [ECDSASignature]) {
        self.channelID = channelID
        self.signature = WireSignature(signature)
        self.htlcSignatures = htlcSignatures.map { WireSignature($0) }
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        channelID = try reader.channelID()
        signature = try reader.signature()
        let count = Int(try reader.uint16())
        guard count * 64 <= reader.remaining else { throw .truncated }
        htlcSignatures = []
        htlcSignatures.reserveCapacity(count)
        for _ in 0..<count { htlcSignatures.append(try reader.signature()) }
        tlvs = try TLVStream(from: &reader, known: [1: TLVStream.exactly(32)])
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(channelID)
        writer.signature(signature)
        writer.uint16(UInt16(htlcSignatures.count))
        for signature in htlcSignatures { writer.signature(signature) }
        tlvs.encode(to: &writer)
    }
}

/// BOLT 2: gives up the previous commitment by disclosing its secret.
package struct RevokeAndAck: MessageBody {
    package static let type: UInt16 = 133
    package var channelID: ChannelID
    package var perCommitmentSecret: Bytes32
    package var nextPerCommitmentPoint: PublicKey

    package init(channelID: ChannelID, perCommitmentSecret: Bytes32, nextPerCommitmentPoint: PublicKey) {
        self.channelID = channelID
        self.perCommitmentSecret = perCommitmentSecret
        self.nextPerCommitmentPoint = nextPerCommitmentPoint
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        channelID = try reader.channelID()
        perCommitmentSecret = try reader.bytes32()
        nextPerCommitmentPoint = try reader.point()
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(channelID)
        writer.write(perCommitmentSecret)
        writer.point(nextPerCommitmentPoint)
    }
}

/// BOLT 2: where each side stands after a reconnection.
package struct ChannelReestablish: MessageBody {
    package static let type: UInt16 = 136
    package var channelID: ChannelID
    package var nextCommitmentNumber: UInt64
    package var nextRevocationNumber: UInt64
    package var yourLastPerCommitmentSecret: Bytes32
    package var myCurrentPerCommitmentPoint: PublicKey
    package var tlvs = TLVStream()

    package init(
        channelID: ChannelID, nextCommitmentNumber: UInt64, nextRevocationNumber: UInt64,
        yourLastPerCommitmentSecret: Bytes32, myCurrentPerCommitmentPoint: PublicKey
    ) {
        self.channelID = channelID
        self.nextCommitmentNumber = nextCommitmentNumber
        self.nextRevocationNumber = nextRevocationNumber
        self.yourLastPerCommitmentSecret = yourLastPerCommitmentSecret
        self.myCurrentPerCommitmentPoint = myCurrentPerCommitmentPoint
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        channelID = try reader.channelID()
        nextCommitmentNumber = try reader.uint64()
        nextRevocationNumber = try reader.uint64()
        yourLastPerCommitmentSecret = try reader.bytes32()
        myCurrentPerCommitmentPoint = try reader.point()
        tlvs = try TLVStream(from: &reader, known: [1: TLVStream.exactly(33), 5: TLVStream.exactly(33)])
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(channelID)
        writer.uint64(nextCommitmentNumber)
        writer.uint64(nextRevocationNumber)
        writer.write(yourLastPerCommitmentSecret)
        writer.point(myCurrentPerCommitmentPoint)
        tlvs.encode(to: &writer)
    }
}
