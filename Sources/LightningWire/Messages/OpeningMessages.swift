public import BitcoinPrimitives
public import CryptoPrimitives

private let openingTLVs: [UInt64: TLVStream.Check] = [0: TLVStream.anything, 1: TLVStream.anything]

/// The fields that an opening needs, the type in its shortest form.
private func essentialTLVs(_ tlvs: TLVStream) -> TLVStream {
    var result = TLVStream()
    result[0] = tlvs[0]
    result[1] = tlvs[1].map { FeatureBits($0).normalized.bytes }
    return result
}

/// The limits and keys that each side of a v1 channel names for itself; shared by `open_channel` and `accept_channel`.
public struct ChannelTerms: Hashable, Sendable {
    public var dustLimit: Satoshi
    public var maxHTLCValueInFlight: MilliSatoshi
    public var channelReserve: Satoshi
    public var htlcMinimum: MilliSatoshi
    /// Blocks that the *other* side must wait for its own output.
    public var toSelfDelay: UInt16
    public var maxAcceptedHTLCs: UInt16
    public var keys: ChannelBasepoints
    public var firstPerCommitmentPoint: PublicKey
    /// Empty for none.
    public var upfrontShutdownScript: Script?

    public init(
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
public struct ChannelBasepoints: Hashable, Sendable {
    public var funding: PublicKey
    public var revocation: PublicKey
    public var payment: PublicKey
    public var delayedPayment: PublicKey
    public var htlc: PublicKey

    public init(
        funding: PublicKey, revocation: PublicKey, payment: PublicKey, delayedPayment: PublicKey, htlc: PublicKey
    ) {
        self.funding = funding
        self.revocation = revocation
        self.payment = payment
        self.delayedPayment = delayedPayment
        self.htlc = htlc
    }

    public init(from reader: inout ByteReader) throws(DecodingFailure) {
        funding = try reader.point()
        revocation = try reader.point()
        payment = try reader.point()
        delayedPayment = try reader.point()
        htlc = try reader.point()
    }

    public func encode(to writer: inout ByteWriter) {
        for key in [funding, revocation, payment, delayedPayment, htlc] { writer.point(key) }
    }
}

/// BOLT 2: asks for a channel.
public struct OpenChannel: MessageBody {
    public static let type: UInt16 = 32
    public var chainHash: BlockHash
    public var temporaryChannelID: ChannelID
    public var fundingAmount: Satoshi
    public var push: MilliSatoshi
    public var feeRate: FeeRate
    public var channelFlags: UInt8
    public var terms: ChannelTerms
    public var tlvs = TLVStream()

    public init(
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

    public init(from reader: inout ByteReader) throws(DecodingFailure) {
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

    public func encode(to writer: inout ByteWriter) {
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

    public var channelType: ChannelType? { tlvs[1].map { ChannelType(FeatureBits($0)) } }
    public var announceChannel: Bool { channelFlags & 1 == 1 }

    /// What is kept of the message while a channel is opened: a peer may have filled it with what nobody knows.
    public var essential: OpenChannel {
        var result = self
        result.tlvs = essentialTLVs(tlvs)
        return result
    }
}

/// BOLT 2: agrees to a channel.
public struct AcceptChannel: MessageBody {
    public static let type: UInt16 = 33
    public var temporaryChannelID: ChannelID
    public var minimumDepth: UInt32
    public var terms: ChannelTerms
    public var tlvs = TLVStream()

    public init(
        temporaryChannelID: ChannelID, minimumDepth: UInt32, terms: ChannelTerms, channelType: ChannelType
    ) {
        self.temporaryChannelID = temporaryChannelID
        self.minimumDepth = minimumDepth
        self.terms = terms
        tlvs[0] = terms.upfrontShutdownScript?.bytes ?? []
        tlvs[1] = channelType.features.bytes
    }

    public init(from reader: inout ByteReader) throws(DecodingFailure) {
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

    public func encode(to writer: inout ByteWriter) {
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

    public var channelType: ChannelType? { tlvs[1].map { ChannelType(FeatureBits($0)) } }

    /// What is kept of the message while a channel is opened.
    public var essential: AcceptChannel {
        var result = self
        result.tlvs = essentialTLVs(tlvs)
        return result
    }
}

/// BOLT 2: names the funding outpoint and signs the fundee's first commitment.
public struct FundingCreated: MessageBody {
    public static let type: UInt16 = 34
    public var temporaryChannelID: ChannelID
    public var fundingTransaction: TransactionID
    public var fundingOutputIndex: UInt16
    public var signature: WireSignature

    public init(temporaryChannelID: ChannelID, funding: OutPoint, signature: ECDSASignature) {
        self.temporaryChannelID = temporaryChannelID
        fundingTransaction = funding.transaction
        fundingOutputIndex = UInt16(funding.index)
        self.signature = WireSignature(signature)
    }

    public init(from reader: inout ByteReader) throws(DecodingFailure) {
        temporaryChannelID = try reader.channelID()
        fundingTransaction = TransactionID(try reader.bytes32())
        fundingOutputIndex = try reader.uint16()
        signature = try reader.signature()
    }

    public func encode(to writer: inout ByteWriter) {
        writer.write(temporaryChannelID)
        writer.write(fundingTransaction)
        writer.uint16(fundingOutputIndex)
        writer.signature(signature)
    }

    public var funding: OutPoint { OutPoint(fundingTransaction, UInt32(fundingOutputIndex)) }
}

/// BOLT 2: signs the funder's first commitment.
public struct FundingSigned: MessageBody {
    public static let type: UInt16 = 35
    public var channelID: ChannelID
    public var signature: WireSignature

    public init(channelID: ChannelID, signature: ECDSASignature) {
        self.channelID = channelID
        self.signature = WireSignature(signature)
    }

    public init(from reader: inout ByteReader) throws(DecodingFailure) {
        channelID = try reader.channelID()
        signature = try reader.signature()
    }

    public func encode(to writer: inout ByteWriter) {
        writer.write(channelID)
        writer.signature(signature)
    }
}

/// BOLT 2: the funding transaction is deep enough for this side.
public struct ChannelReady: MessageBody {
    public static let type: UInt16 = 36
    public var channelID: ChannelID
    public var secondPerCommitmentPoint: PublicKey
    public var tlvs = TLVStream()

    public init(channelID: ChannelID, secondPerCommitmentPoint: PublicKey, alias: ShortChannelID) {
        self.channelID = channelID
        self.secondPerCommitmentPoint = secondPerCommitmentPoint
        var writer = ByteWriter()
        writer.shortChannelID(alias)
        tlvs[1] = writer.bytes
    }

    public init(from reader: inout ByteReader) throws(DecodingFailure) {
        channelID = try reader.channelID()
        secondPerCommitmentPoint = try reader.point()
        tlvs = try TLVStream(from: &reader, known: [1: TLVStream.exactly(8)])
    }

    public func encode(to writer: inout ByteWriter) {
        writer.write(channelID)
        writer.point(secondPerCommitmentPoint)
        tlvs.encode(to: &writer)
    }

    /// The name by which the sender will know the channel in onions, before and beside its real one.
    public var alias: ShortChannelID? {
        guard let value = tlvs[1] else { return nil }
        var reader = ByteReader(value)
        return try? reader.shortChannelID()
    }
}
