package import BitcoinPrimitives
import LightningWire

// What a channel's record says of what was agreed on.
extension ChannelTerms {
    func encode(to writer: inout ByteWriter) {
        writer.satoshi(dustLimit)
        writer.milliSatoshi(maxHTLCValueInFlight)
        writer.satoshi(channelReserve)
        writer.milliSatoshi(htlcMinimum)
        writer.uint16(toSelfDelay)
        writer.uint16(maxAcceptedHTLCs)
        keys.encode(to: &writer)
        writer.point(firstPerCommitmentPoint)
        writer.optional(upfrontShutdownScript) { $0.variableBytes($1.bytes) }
    }

    init(record reader: inout ByteReader) throws(DecodingFailure) {
        let dustLimit = try reader.satoshi()
        let inFlight = try reader.milliSatoshi()
        let reserve = try reader.satoshi()
        let minimum = try reader.milliSatoshi()
        let delay = try reader.uint16()
        let accepted = try reader.uint16()
        let keys = try ChannelBasepoints(from: &reader)
        let point = try reader.point()
        let script = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in
            Script(try r.variableBytes())
        }
        self.init(
            dustLimit: dustLimit, maxHTLCValueInFlight: inFlight, channelReserve: reserve, htlcMinimum: minimum,
            toSelfDelay: delay, maxAcceptedHTLCs: accepted, keys: keys, firstPerCommitmentPoint: point,
            upfrontShutdownScript: script)
    }
}

extension ChannelParameters {
    package func encode(to writer: inout ByteWriter) {
        writer.write(channelID)
        writer.point(remoteNodeID)
        writer.uint64(keyOrigin.index)
        writer.uint8((isOpener ? 1 : 0) | (announce ? 2 : 0))
        writer.variableBytes(channelType.features.bytes)
        funding.encode(to: &writer)
        writer.satoshi(fundingAmount)
        writer.milliSatoshi(push)
        writer.uint32(initialFeeRate.perKiloweight)
        local.encode(to: &writer)
        remote.encode(to: &writer)
        writer.uint32(minimumDepth)
        writer.shortChannelID(localAlias)
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        channelID = try reader.channelID()
        remoteNodeID = try reader.point()
        keyOrigin = ChannelKeyOrigin(index: try reader.uint64(), salt: nil)
        let flags = try reader.uint8()
        isOpener = flags & 1 != 0
        announce = flags & 2 != 0
        channelType = ChannelType(FeatureBits(try reader.variableBytes()))
        funding = try OutPoint(from: &reader)
        fundingAmount = try reader.satoshi()
        push = try reader.milliSatoshi()
        initialFeeRate = FeeRate(perKiloweight: try reader.uint32())
        local = try ChannelTerms(record: &reader)
        remote = try ChannelTerms(record: &reader)
        minimumDepth = try reader.uint32()
        localAlias = try reader.shortChannelID()
    }
}
