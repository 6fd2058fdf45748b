package import BitcoinPrimitives
package import CryptoPrimitives

private let openingTLVs: [UInt64: TLVStream.Check] = [0: TLVStream.anything, 1: TLVStream.anything]

/// The fields that an opening needs, the type in its shortest form.
private func essentialTLVs(_ tlvs: TLVStream) -> TLVStream {
    var result = TLVStream()
    result[0] = tlvs[0]
    result[1] = tlvs[1].map { FeatureBits($0).normalized.bytes }
    return result
}

/// The limits and keys that each side of a v1 channel names for itself; shared by `open_channel` and `accept_channel`.
package struct ChannelTerms: Hashable, Sendable {
    package var dustLimit: Satoshi
    package var maxHTLCValueInFlight: MilliSatoshi
    package var channelReserve: Satoshi
    package var htlcMinimum: MilliSatoshi
    /// Blocks that the *other* side must wait for its own output.
    package var toSelfDelay: UInt16
    package var maxAcceptedHTLCs: UInt16
    package var keys: ChannelBasepoints
    package var firstPerCommitmentPoint: PublicKey
    /// Empty for none.
    package var upfrontShutdownScript: Script?

    package init(
        dustLimit: Satoshi, maxHTLCValueInFlight: MilliSatoshi, channelReserve: Satoshi, htlcMinimum: MilliSatoshi,
        toSelfDelay: UInt16, maxAcceptedHTLCs: UInt16, keys: ChannelBasepoints, firstPerCommitmentPoint: PublicKey,
        upfrontShutdownScript: Script?
    ) {
        self.dustLimit = dustLimit
        self.maxHTLCValueInFlight = maxHTLCValueInFlight
        self.channelReserve = channelReserve
        self.htlcMinimum = htlcMinimum
        self.toSelfDelay = toSelfDelay
        self.maxAcceptedHTLCs = maxAcceptedHTLCs
        self.keys = keys
        self.firstPerCommitmentPoint = firstPerCommitmentPoint
        self.upfrontShutdownScript = upfrontShutdownScript
    }
}

/// The public keys from which one side's keys of every commitment derive (BOLT 3 "Key Derivation").
package struct ChannelBasepoints: Hashable, Sendable {
    package var funding: PublicKey
    package var revocation: PublicKey
    package var payment: PublicKey
    package var delayedPayment: PublicKey
    package var htlc: PublicKey

    package init(
        funding: PublicKey, revocation: PublicKey, payment: PublicKey, delayedPayment: PublicKey, htlc: PublicKey
    ) {
        self.funding = funding
        self.revocation = revocation
        self.payment = payment
        self.delayedPayment = delayedPayment
        self.htlc = htlc
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        funding = try reader.point()
        revocation = try reader.point()
        payment = try reader.point()
        delayedPayment = try reader.point()
        htlc = try reader.point()
    }

    package func encode(to writer: inout ByteWriter) {
        for key in [funding, revocation, payment, delayedPayment, htlc] { writer.point(key) }
    }
}

/// BOLT 2: asks for a channel.
package struct OpenChannel: MessageBody {
    package static let type: UInt16 = 32
    package var chainHash: BlockHash
    package var temporaryChannelID: ChannelID
    package var fundingAmount: Satoshi
    package var push: MilliSatoshi
    package var feeRate: FeeRate
    package var channelFlags: UInt8
    package var terms: ChannelTerms
    package var tlvs = TLVStream()

    package init(
        chainHash: BlockHash, temporaryChannelID: ChannelID, fundingAmount: Satoshi, push: MilliSatoshi,
        feeRate: FeeRate, channelFlags: UInt8, terms: ChannelTerms, channelType: ChannelType
    ) {
        self.chainHash = chainHash
        self.temporaryChannelID = temporaryChannelID
        self.fundingAmount = fundingAmount
        self.push = push
        self.feeRate = feeRate
        self.channelFlags = channelFlags
        self.terms = terms
        // BOLT 2: "if it includes open_channel_tlvs: MUST include upfront_shutdown_script".
        tlvs[0] = terms.upfrontShutdownScript?.bytes ?? []
        tlvs[1] = channelType.features.bytes
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        chainHash = BlockHash(try reader.bytes32())
        temporaryChannelID = try reader.channelID()
        fundingAmount = try reader.satoshi()
        push = try reader.milliSatoshi()
        let dustLimit = try reader.satoshi()
        let inFlight = try reader.milliSatoshi()
        let reserve = try reader.satoshi()
        let minimum = try reader.milliSatoshi()
        feeRate = FeeRate(perKiloweight: try reader.uint32())
        let delay = try reader.uint16()
        let maxAccepted = try reader.uint16()
        let keys = try ChannelBasepoints(from: &reader)
        let point = try reader.point()
        channelFlags = try reader.uint8()
        tlvs = try TLVStream(from: &reader, known: openingTLVs)
        terms = ChannelTerms(
            dustLimit: dustLimit, maxHTLCValueInFlight: inFlight, channelReserve: reserve, htlcMinimum: minimum,
            toSelfDelay: delay, maxAcceptedHTLCs: maxAccepted, keys: keys, firstPerCommitmentPoint: point,
            upfrontShutdownScript: tlvs[0].map { Script($0) })
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(chainHash)
        writer.write(temporaryChannelID)
        writer.satoshi(fundingAmount)
        writer.milliSatoshi(push)
        writer.satoshi(terms.dustLimit)
        writer.milliSatoshi(terms.maxHTLCValueInFlight)
        writer.satoshi(terms.channelReserve)
        writer.milliSatoshi(terms.htlcMinimum)
        writer.uint32(feeRate.perKiloweight)
        writer.uint16(terms.toSelfDelay)
        writer.uint16(terms.maxAcceptedHTLCs)
        terms.keys.encode(to: &writer)
        writer.point(terms.firstPerCommitmentPoint)
        writer.uint8(channelFlags)
        tlvs.encode(to: &writer)
    }

    package var channelType: ChannelType? { tlvs[1].map { ChannelType(FeatureBits($0)) } }
    package var announceChannel: Bool { channelFlags & 1 == 1 }

    /// What is kept of the message while a channel is opened: a peer may have filled it with what nobody knows.
    package var essential: OpenChannel {
        var result = self
        result.tlvs = essentialTLVs(tlvs)
        return result
    }
}

/// BOLT 2: agrees to a channel.
package struct AcceptChannel: MessageBody {
    package static let type: UInt16 = 33
    package var temporaryChannelID: ChannelID
    package var minimumDepth: UInt32
    package var terms: ChannelTerms
    package var tlvs = TLVStream()

    package init(
        temporaryChannelID: ChannelID, minimumDepth: UInt32, terms: ChannelTerms, channelType: ChannelType
    ) {
        self.temporaryChannelID = temporaryChannelID
        self.minimumDepth = minimumDepth
        self.terms = terms
        tlvs[0] = terms.upfrontShutdownScript?.bytes ?? []
        tlvs[1] = channelType.features.bytes
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        temporaryChannelID = try reader.channelID()
        let dustLimit = try reader.satoshi()
        let inFlight = try reader.milliSatoshi()
        let reserve = try reader.satoshi()
        let minimum = try reader.milliSatoshi()
        minimumDepth = try reader.uint32()
        let delay = try reader.uint16()
        let maxAccepted = try reader.uint16()
        let keys = try ChannelBasepoints(from: &reader)
        let point = try reader.point()
        tlvs = try TLVStream(from: &reader, known: openingTLVs)
        terms = ChannelTerms(
            dustLimit: dustLimit, maxHTLCValueInFlight: inFlight, channelReserve: reserve, htlcMinimum: minimum,
            toSelfDelay: delay, maxAcceptedHTLCs: maxAccepted, keys: keys, firstPerCommitmentPoint: point,
            upfrontShutdownScript: tlvs[0].map { Script($0) })
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(temporaryChannelID)
        writer.satoshi(terms.dustLimit)
        writer.milliSatoshi(terms.maxHTLCValueInFlight)
        writer.satoshi(terms.channelReserve)
        writer.milliSatoshi(terms.htlcMinimum)
        writer.uint32(minimumDepth)
        writer.uint16(terms.toSelfDelay)
        writer.uint16(terms.maxAcceptedHTLCs)
        terms.keys.encode(to: &writer)
        writer.point(terms.firstPerCommitmentPoint)
        tlvs.encode(to: &writer)
    }

    package var channelType: ChannelType? { tlvs[1].map { ChannelType(FeatureBits($0)) } }

    /// What is kept of the message while a channel is opened.
    package var essential: AcceptChannel {
        var result = self
        result.tlvs = essentialTLVs(tlvs)
        return result
    }
}

/// BOLT 2: names the funding outpoint and signs the fundee's first commitment.
package struct FundingCreated: MessageBody {
    package static let type: UInt16 = 34
    package var temporaryChannelID: ChannelID
    package var fundingTransaction: TransactionID
    package var fundingOutputIndex: UInt16
    package var signature: WireSignature

    package init(temporaryChannelID: ChannelID, funding: OutPoint, signature: ECDSASignature) {
        self.temporaryChannelID = temporaryChannelID
        fundingTransaction = funding.transaction
        fundingOutputIndex = UInt16(funding.index)
        self.signature = WireSignature(signature)
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        temporaryChannelID = try reader.channelID()
        fundingTransaction = TransactionID(try reader.bytes32())
        fundingOutputIndex = try reader.uint16()
        signature = try reader.signature()
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(temporaryChannelID)
        writer.write(fundingTransaction)
        writer.uint16(fundingOutputIndex)
        writer.signature(signature)
    }

    package var funding: OutPoint { OutPoint(fundingTransaction, UInt32(fundingOutputIndex)) }
}

/// BOLT 2: signs the funder's first commitment.
package struct FundingSigned: MessageBody {
    package static let type: UInt16 = 35
    package var channelID: ChannelID
    package var signature: WireSignature

    package init(channelID: ChannelID, signature: ECDSASignature) {
        self.channelID = channelID
        self.signature = WireSignature(signature)
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        channelID = try reader.channelID()
        signature = try reader.signature()
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(channelID)
        writer.signature(signature)
    }
}

/// BOLT 2: the funding transaction is deep enough for this side.
package struct ChannelReady: MessageBody {
    package static let type: UInt16 = 36
    package var channelID: ChannelID
    package var secondPerCommitmentPoint: PublicKey
    package var tlvs = TLVStream()

    package init(channelID: ChannelID, secondPerCommitmentPoint: PublicKey, alias: ShortChannelID) {
        self.channelID = channelID
        self.secondPerCommitmentPoint = secondPerCommitmentPoint
        var writer = ByteWriter()
        writer.shortChannelID(alias)
        tlvs[1] = writer.bytes
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        channelID = try reader.channelID()
        secondPerCommitmentPoint = try reader.point()
        tlvs = try TLVStream(from: &reader, known: [1: TLVStream.exactly(8)])
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(channelID)
        writer.point(secondPerCommitmentPoint)
        tlvs.encode(to: &writer)
    }

    /// The name by which the sender will know the channel in onions, before and beside its real one.
    package var alias: ShortChannelID? {
        guard let value = tlvs[1] else { return nil }
        var reader = ByteReader(value)
        return try? reader.shortChannelID()
    }
}
