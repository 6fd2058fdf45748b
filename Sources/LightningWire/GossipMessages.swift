public import BitcoinPrimitives

/// BOLT 7: one side's half of the signatures that announce a channel.
public struct AnnouncementSignatures: MessageBody {
    public static let type: UInt16 = 259
    public var channelID: ChannelID
    public var shortChannelID: ShortChannelID
    public var nodeSignature: WireSignature
    public var bitcoinSignature: WireSignature

    public init(from reader: inout ByteReader) throws(DecodingError) {
        channelID = try reader.channelID()
        shortChannelID = try reader.shortChannelID()
        nodeSignature = try reader.signature()
        bitcoinSignature = try reader.signature()
    }

    public func encode(to writer: inout ByteWriter) {
        writer.write(channelID)
        writer.shortChannelID(shortChannelID)
        writer.signature(nodeSignature)
        writer.signature(bitcoinSignature)
    }
}

/// BOLT 7: a channel exists.
public struct ChannelAnnouncement: MessageBody {
    public static let type: UInt16 = 256
    public var nodeSignature1, nodeSignature2, bitcoinSignature1, bitcoinSignature2: WireSignature
    public var features: FeatureBits
    public var chainHash: BlockHash
    public var shortChannelID: ShortChannelID
    public var nodeID1, nodeID2, bitcoinKey1, bitcoinKey2: NodeID

    public init(from reader: inout ByteReader) throws(DecodingError) {
        nodeSignature1 = try reader.signature()
        nodeSignature2 = try reader.signature()
        bitcoinSignature1 = try reader.signature()
        bitcoinSignature2 = try reader.signature()
        features = FeatureBits(try reader.sized16())
        chainHash = BlockHash(try reader.bytes32())
        shortChannelID = try reader.shortChannelID()
        nodeID1 = try reader.point()
        nodeID2 = try reader.point()
        bitcoinKey1 = try reader.point()
        bitcoinKey2 = try reader.point()
    }

    public func encode(to writer: inout ByteWriter) {
        for signature in [nodeSignature1, nodeSignature2, bitcoinSignature1, bitcoinSignature2] {
            writer.signature(signature)
        }
        writer.sized16(features.bytes)
        writer.write(chainHash)
        writer.shortChannelID(shortChannelID)
        for key in [nodeID1, nodeID2, bitcoinKey1, bitcoinKey2] { writer.point(key) }
    }
}

/// BOLT 7: what a node says of itself.
public struct NodeAnnouncement: MessageBody {
    public static let type: UInt16 = 257
    public var signature: WireSignature
    public var features: FeatureBits
    public var timestamp: UInt32
    public var nodeID: NodeID
    public var color: [UInt8]
    public var alias: [UInt8]
    public var addresses: [UInt8]

    public init(from reader: inout ByteReader) throws(DecodingError) {
        signature = try reader.signature()
        features = FeatureBits(try reader.sized16())
        timestamp = try reader.uint32()
        nodeID = try reader.point()
        color = try reader.read(3)
        alias = try reader.read(32)
        addresses = try reader.sized16()
    }

    public func encode(to writer: inout ByteWriter) {
        writer.signature(signature)
        writer.sized16(features.bytes)
        writer.uint32(timestamp)
        writer.point(nodeID)
        writer.write(color)
        writer.write(alias)
        writer.sized16(addresses)
    }
}

/// BOLT 7: the terms on which one side forwards through a channel.
public struct ChannelUpdate: MessageBody {
    public static let type: UInt16 = 258
    public var signature: WireSignature
    public var chainHash: BlockHash
    public var shortChannelID: ShortChannelID
    public var timestamp: UInt32
    public var messageFlags: UInt8
    public var channelFlags: UInt8
    public var cltvExpiryDelta: UInt16
    public var htlcMinimum: MilliSatoshi
    public var feeBase: UInt32
    public var feeProportionalMillionths: UInt32
    public var htlcMaximum: MilliSatoshi

    public init(from reader: inout ByteReader) throws(DecodingError) {
        signature = try reader.signature()
        chainHash = BlockHash(try reader.bytes32())
        shortChannelID = try reader.shortChannelID()
        timestamp = try reader.uint32()
        messageFlags = try reader.uint8()
        channelFlags = try reader.uint8()
        cltvExpiryDelta = try reader.uint16()
        htlcMinimum = try reader.milliSatoshi()
        feeBase = try reader.uint32()
        feeProportionalMillionths = try reader.uint32()
        htlcMaximum = try reader.milliSatoshi()
    }

    public func encode(to writer: inout ByteWriter) {
        writer.signature(signature)
        writer.write(chainHash)
        writer.shortChannelID(shortChannelID)
        writer.uint32(timestamp)
        writer.uint8(messageFlags)
        writer.uint8(channelFlags)
        writer.uint16(cltvExpiryDelta)
        writer.milliSatoshi(htlcMinimum)
        writer.uint32(feeBase)
        writer.uint32(feeProportionalMillionths)
        writer.milliSatoshi(htlcMaximum)
    }
}

/// BOLT 7: asks for what is known of some channels.
public struct QueryShortChannelIDs: MessageBody {
    public static let type: UInt16 = 261
    public var chainHash: BlockHash
    public var encodedShortIDs: [UInt8]
    public var tlvs: TLVStream

    public init(from reader: inout ByteReader) throws(DecodingError) {
        chainHash = BlockHash(try reader.bytes32())
        encodedShortIDs = try reader.sized16()
        tlvs = try TLVStream(
            from: &reader,
            known: [
                1: { (value: inout ByteReader) throws(DecodingError) in
                    _ = try value.uint8()
                    _ = value.rest()
                }
            ])
    }

    public func encode(to writer: inout ByteWriter) {
        writer.write(chainHash)
        writer.sized16(encodedShortIDs)
        tlvs.encode(to: &writer)
    }
}

/// BOLT 7: the end of the answer to `query_short_channel_ids`.
public struct ReplyShortChannelIDsEnd: MessageBody {
    public static let type: UInt16 = 262
    public var chainHash: BlockHash
    public var fullInformation: UInt8

    public init(chainHash: BlockHash, fullInformation: UInt8) {
        self.chainHash = chainHash
        self.fullInformation = fullInformation
    }

    public init(from reader: inout ByteReader) throws(DecodingError) {
        chainHash = BlockHash(try reader.bytes32())
        fullInformation = try reader.uint8()
    }

    public func encode(to writer: inout ByteWriter) {
        writer.write(chainHash)
        writer.uint8(fullInformation)
    }
}

/// BOLT 7: asks which channels a range of blocks opened.
public struct QueryChannelRange: MessageBody {
    public static let type: UInt16 = 263
    public var chainHash: BlockHash
    public var firstBlock: UInt32
    public var blockCount: UInt32
    public var tlvs: TLVStream

    public init(from reader: inout ByteReader) throws(DecodingError) {
        chainHash = BlockHash(try reader.bytes32())
        firstBlock = try reader.uint32()
        blockCount = try reader.uint32()
        tlvs = try TLVStream(
            from: &reader,
            known: [1: { (value: inout ByteReader) throws(DecodingError) in _ = try value.bigSize() }])
    }

    public func encode(to writer: inout ByteWriter) {
        writer.write(chainHash)
        writer.uint32(firstBlock)
        writer.uint32(blockCount)
        tlvs.encode(to: &writer)
    }
}

/// BOLT 7: an answer to `query_channel_range`.
public struct ReplyChannelRange: MessageBody {
    public static let type: UInt16 = 264
    public var chainHash: BlockHash
    public var firstBlock: UInt32
    public var blockCount: UInt32
    public var syncComplete: UInt8
    public var encodedShortIDs: [UInt8]
    public var tlvs: TLVStream

    public init(from reader: inout ByteReader) throws(DecodingError) {
        chainHash = BlockHash(try reader.bytes32())
        firstBlock = try reader.uint32()
        blockCount = try reader.uint32()
        syncComplete = try reader.uint8()
        encodedShortIDs = try reader.sized16()
        tlvs = try TLVStream(
            from: &reader,
            known: [
                1: { (value: inout ByteReader) throws(DecodingError) in
                    _ = try value.uint8()
                    _ = value.rest()
                },
                3: TLVStream.multiple(of: 8),
            ])
    }

    public func encode(to writer: inout ByteWriter) {
        writer.write(chainHash)
        writer.uint32(firstBlock)
        writer.uint32(blockCount)
        writer.uint8(syncComplete)
        writer.sized16(encodedShortIDs)
        tlvs.encode(to: &writer)
    }
}

/// BOLT 7: which gossip the sender wants to be told.
public struct GossipTimestampFilter: MessageBody {
    public static let type: UInt16 = 265
    public var chainHash: BlockHash
    public var firstTimestamp: UInt32
    public var timestampRange: UInt32

    public init(from reader: inout ByteReader) throws(DecodingError) {
        chainHash = BlockHash(try reader.bytes32())
        firstTimestamp = try reader.uint32()
        timestampRange = try reader.uint32()
    }

    public func encode(to writer: inout ByteWriter) {
        writer.write(chainHash)
        writer.uint32(firstTimestamp)
        writer.uint32(timestampRange)
    }
}
