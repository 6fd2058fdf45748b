package import BitcoinPrimitives
package import CryptoPrimitives

/// BOLT 7: one side's half of the signatures that announce a channel.
package struct AnnouncementSignatures: MessageBody {
    package static let type: UInt16 = 259
    package var channelID: ChannelID
    package var shortChannelID: ShortChannelID
    package var nodeSignature: WireSignature
    package var bitcoinSignature: WireSignature

    package init(
        channelID: ChannelID, shortChannelID: ShortChannelID, nodeSignature: WireSignature, bitcoinSignature: WireSignature
    ) {
        self.channelID = channelID
        self.shortChannelID = shortChannelID
        self.nodeSignature = nodeSignature
        self.bitcoinSignature = bitcoinSignature
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        channelID = try reader.channelID()
        shortChannelID = try reader.shortChannelID()
        nodeSignature = try reader.signature()
        bitcoinSignature = try reader.signature()
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(channelID)
        writer.shortChannelID(shortChannelID)
        writer.signature(nodeSignature)
        writer.signature(bitcoinSignature)
    }
}

/// BOLT 7: a channel exists.
package struct ChannelAnnouncement: MessageBody {
    package static let type: UInt16 = 256
    package var nodeSignature1, nodeSignature2, bitcoinSignature1, bitcoinSignature2: WireSignature
    package var features: FeatureBits
    package var chainHash: BlockHash
    package var shortChannelID: ShortChannelID
    package var nodeID1, nodeID2, bitcoinKey1, bitcoinKey2: NodeID

    /// An announcement that nobody has signed yet. The two ends are put into BOLT 7's order.
    package init(
        features: FeatureBits = FeatureBits(), chainHash: BlockHash, shortChannelID: ShortChannelID,
        _ one: (nodeID: NodeID, bitcoinKey: NodeID), _ other: (nodeID: NodeID, bitcoinKey: NodeID)
    ) {
        let (first, second) = one.nodeID < other.nodeID ? (one, other) : (other, one)
        (nodeSignature1, nodeSignature2, bitcoinSignature1, bitcoinSignature2) = (.missing, .missing, .missing, .missing)
        self.features = features
        self.chainHash = chainHash
        self.shortChannelID = shortChannelID
        nodeID1 = first.nodeID
        nodeID2 = second.nodeID
        bitcoinKey1 = first.bitcoinKey
        bitcoinKey2 = second.bitcoinKey
    }

    /// What the four signatures sign: "the double-SHA256 hash h of the message, beginning at offset 256".
    package static func signatureHash(wire: [UInt8]) -> Bytes32 { Hash.sha256d(Array(wire.dropFirst(2 + 256))) }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
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

    package func encode(to writer: inout ByteWriter) {
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
package struct NodeAnnouncement: MessageBody {
    package static let type: UInt16 = 257
    package var signature: WireSignature
    package var features: FeatureBits
    package var timestamp: UInt32
    package var nodeID: NodeID
    package var color: [UInt8]
    package var alias: [UInt8]
    package var addresses: [UInt8]

    /// An announcement that is not signed yet.
    ///
    /// - Parameter alias: cut off after 32 bytes of UTF-8.
    package init(features: FeatureBits, timestamp: UInt32, nodeID: NodeID, color: [UInt8], alias: String, addresses: [UInt8]) {
        signature = .missing
        self.features = features
        self.timestamp = timestamp
        self.nodeID = nodeID
        self.color = color
        var text = alias
        while text.utf8.count > 32 { text.removeLast() }
        self.alias = Array(text.utf8) + [UInt8](repeating: 0, count: 32 - text.utf8.count)
        self.addresses = addresses
    }

    /// "the double-SHA256 of the entire remaining packet after signature".
    package static func signatureHash(wire: [UInt8]) -> Bytes32 { Hash.sha256d(Array(wire.dropFirst(2 + 64))) }

    /// The alias as text, without anything that could fool a terminal; `nil` where it is no UTF-8.
    package var aliasText: String? {
        let bytes = alias.prefix { $0 != 0 }
        guard let text = String(validating: bytes, as: UTF8.self) else { return nil }
        return String(
            String.UnicodeScalarView(
                text.unicodeScalars.filter { $0.properties.generalCategory != .control && $0.properties.generalCategory != .format }))
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        signature = try reader.signature()
        features = FeatureBits(try reader.sized16())
        timestamp = try reader.uint32()
        nodeID = try reader.point()
        color = try reader.read(3)
        alias = try reader.read(32)
        addresses = try reader.sized16()
    }

    package func encode(to writer: inout ByteWriter) {
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
package struct ChannelUpdate: MessageBody {
    package static let type: UInt16 = 258
    package var signature: WireSignature
    package var chainHash: BlockHash
    package var shortChannelID: ShortChannelID
    package var timestamp: UInt32
    package var messageFlags: UInt8
    package var channelFlags: UInt8
    package var cltvExpiryDelta: UInt16
    package var htlcMinimum: MilliSatoshi
    package var feeBase: UInt32
    package var feeProportionalMillionths: UInt32
    package var htlcMaximum: MilliSatoshi

    /// An update that is not signed yet.
    package init(
        chainHash: BlockHash, shortChannelID: ShortChannelID, timestamp: UInt32, direction: UInt8, isDisabled: Bool,
        dontForward: Bool, cltvExpiryDelta: UInt16, htlcMinimum: MilliSatoshi, feeBase: UInt32,
        feeProportionalMillionths: UInt32, htlcMaximum: MilliSatoshi
    ) {
        signature = .missing
        self.chainHash = chainHash
        self.shortChannelID = shortChannelID
        self.timestamp = timestamp
        messageFlags = dontForward ? 3 : 1
        channelFlags = direction | (isDisabled ? 2 : 0)
        self.cltvExpiryDelta = cltvExpiryDelta
        self.htlcMinimum = htlcMinimum
        self.feeBase = feeBase
        self.feeProportionalMillionths = feeProportionalMillionths
        self.htlcMaximum = htlcMaximum
    }

    /// "the double-SHA256 of the entire remaining packet after signature".
    package static func signatureHash(wire: [UInt8]) -> Bytes32 { Hash.sha256d(Array(wire.dropFirst(2 + 64))) }

    /// 0 where `node_id_1` speaks, 1 where `node_id_2` does.
    package var direction: UInt8 { channelFlags & 1 }
    package var isDisabled: Bool { channelFlags & 2 != 0 }
    /// "MUST NOT forward such a channel_update to other peers".
    package var dontForward: Bool { messageFlags & 2 != 0 }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
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

    package func encode(to writer: inout ByteWriter) {
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
package struct QueryShortChannelIDs: MessageBody {
    package static let type: UInt16 = 261
    package var chainHash: BlockHash
    package var encodedShortIDs: [UInt8]
    package var tlvs: TLVStream

    package init(chainHash: BlockHash, encodedShortIDs: [UInt8]) {
        self.chainHash = chainHash
        self.encodedShortIDs = encodedShortIDs
        tlvs = TLVStream()
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        chainHash = BlockHash(try reader.bytes32())
        encodedShortIDs = try reader.sized16()
        tlvs = try TLVStream(
            from: &reader,
            known: [
                1: { (value: inout ByteReader) throws(DecodingFailure) in
                    _ = try value.uint8()
                    _ = value.rest()
                }
            ])
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(chainHash)
        writer.sized16(encodedShortIDs)
        tlvs.encode(to: &writer)
    }
}

/// BOLT 7: the end of the answer to `query_short_channel_ids`.
package struct ReplyShortChannelIDsEnd: MessageBody {
    package static let type: UInt16 = 262
    package var chainHash: BlockHash
    package var fullInformation: UInt8

    package init(chainHash: BlockHash, fullInformation: UInt8) {
        self.chainHash = chainHash
        self.fullInformation = fullInformation
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        chainHash = BlockHash(try reader.bytes32())
        fullInformation = try reader.uint8()
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(chainHash)
        writer.uint8(fullInformation)
    }
}

/// BOLT 7: asks which channels a range of blocks opened.
package struct QueryChannelRange: MessageBody {
    package static let type: UInt16 = 263
    package var chainHash: BlockHash
    package var firstBlock: UInt32
    package var blockCount: UInt32
    package var tlvs: TLVStream

    package init(chainHash: BlockHash, firstBlock: UInt32, blockCount: UInt32) {
        self.chainHash = chainHash
        self.firstBlock = firstBlock
        self.blockCount = blockCount
        tlvs = TLVStream()
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        chainHash = BlockHash(try reader.bytes32())
        firstBlock = try reader.uint32()
        blockCount = try reader.uint32()
        tlvs = try TLVStream(
            from: &reader,
            known: [1: { (value: inout ByteReader) throws(DecodingFailure) in _ = try value.bigSize() }])
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(chainHash)
        writer.uint32(firstBlock)
        writer.uint32(blockCount)
        tlvs.encode(to: &writer)
    }
}

/// BOLT 7: an answer to `query_channel_range`.
package struct ReplyChannelRange: MessageBody {
    package static let type: UInt16 = 264
    package var chainHash: BlockHash
    package var firstBlock: UInt32
    package var blockCount: UInt32
    package var syncComplete: UInt8
    package var encodedShortIDs: [UInt8]
    package var tlvs: TLVStream

    package init(chainHash: BlockHash, firstBlock: UInt32, blockCount: UInt32, syncComplete: UInt8, encodedShortIDs: [UInt8]) {
        self.chainHash = chainHash
        self.firstBlock = firstBlock
        self.blockCount = blockCount
        self.syncComplete = syncComplete
        self.encodedShortIDs = encodedShortIDs
        tlvs = TLVStream()
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        chainHash = BlockHash(try reader.bytes32())
        firstBlock = try reader.uint32()
        blockCount = try reader.uint32()
        syncComplete = try reader.uint8()
        encodedShortIDs = try reader.sized16()
        tlvs = try TLVStream(
            from: &reader,
            known: [
                1: { (value: inout ByteReader) throws(DecodingFailure) in
                    _ = try value.uint8()
                    _ = value.rest()
                },
                3: TLVStream.multiple(of: 8),
            ])
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(chainHash)
        writer.uint32(firstBlock)
        writer.uint32(blockCount)
        writer.uint8(syncComplete)
        writer.sized16(encodedShortIDs)
        tlvs.encode(to: &writer)
    }
}

/// BOLT 7: which gossip the sender wants to be told.
package struct GossipTimestampFilter: MessageBody {
    package static let type: UInt16 = 265
    package var chainHash: BlockHash
    package var firstTimestamp: UInt32
    package var timestampRange: UInt32

    package init(chainHash: BlockHash, firstTimestamp: UInt32, timestampRange: UInt32) {
        self.chainHash = chainHash
        self.firstTimestamp = firstTimestamp
        self.timestampRange = timestampRange
    }

    /// Whether the sender wants gossip of this time: "greater or equal to first_timestamp, and less than first_timestamp
    /// plus timestamp_range".
    package func wants(_ timestamp: UInt32) -> Bool {
        timestamp >= firstTimestamp && UInt64(timestamp) < UInt64(firstTimestamp) + UInt64(timestampRange)
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        chainHash = BlockHash(try reader.bytes32())
        firstTimestamp = try reader.uint32()
        timestampRange = try reader.uint32()
    }

    package func encode(to writer: inout ByteWriter) {
        writer.write(chainHash)
        writer.uint32(firstTimestamp)
        writer.uint32(timestampRange)
    }
}
