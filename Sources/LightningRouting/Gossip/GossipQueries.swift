package import BitcoinPrimitives
package import LightningWire

/// BOLT 7's `encoded_short_ids` and the arrays like it: a byte for the encoding, then the elements.
package enum GossipEncoding {
    /// "0: uncompressed array of short_channel_id types, in ascending order."
    static let uncompressed: UInt8 = 0

    package static func encode(_ ids: [ShortChannelID]) -> [UInt8] {
        var writer = ByteWriter(capacity: 1 + 8 * ids.count)
        writer.uint8(uncompressed)
        for id in ids { writer.shortChannelID(id) }
        return writer.bytes
    }

    /// Reads ids in whatever order they come.
    ///
    /// "1: Previously used for zlib compression, this encoding MUST NOT be used."
    package static func shortChannelIDs(_ bytes: [UInt8]) throws(DecodingFailure) -> [ShortChannelID] {
        var reader = ByteReader(bytes)
        guard try reader.uint8() == uncompressed else { throw .invalid("encoding of short_channel_ids") }
        guard reader.remaining % 8 == 0 else { throw .truncated }
        var ids: [ShortChannelID] = []
        ids.reserveCapacity(reader.remaining / 8)
        while !reader.isAtEnd { ids.append(try reader.shortChannelID()) }
        return ids
    }

    /// One flag for each of `count` ids, each a bigsize.
    package static func queryFlags(_ bytes: [UInt8], count: Int) throws(DecodingFailure) -> [QueryFlags] {
        var reader = ByteReader(bytes)
        guard try reader.uint8() == uncompressed else { throw .invalid("encoding of query_flags") }
        var flags: [QueryFlags] = []
        while !reader.isAtEnd { flags.append(QueryFlags(rawValue: try reader.bigSize())) }
        guard flags.count == count else { throw .invalid("number of query_flags") }
        return flags
    }

    package static func encode(_ flags: [QueryFlags]) -> [UInt8] {
        var writer = ByteWriter()
        writer.uint8(uncompressed)
        for flag in flags { writer.bigSize(flag.rawValue) }
        return writer.bytes
    }

    /// Pairs of the two directions' timestamps.
    package static func timestamps(_ bytes: [UInt8], count: Int) throws(DecodingFailure) -> [(UInt32, UInt32)] {
        var reader = ByteReader(bytes)
        guard try reader.uint8() == uncompressed else { throw .invalid("encoding of timestamps") }
        return try pairs(&reader, count: count)
    }

    package static func checksums(_ bytes: [UInt8], count: Int) throws(DecodingFailure) -> [(UInt32, UInt32)] {
        var reader = ByteReader(bytes)
        return try pairs(&reader, count: count)
    }

    private static func pairs(_ reader: inout ByteReader, count: Int) throws(DecodingFailure) -> [(UInt32, UInt32)] {
        guard reader.remaining == 8 * count else { throw .invalid("number of elements") }
        var result: [(UInt32, UInt32)] = []
        result.reserveCapacity(count)
        for _ in 0..<count { result.append((try reader.uint32(), try reader.uint32())) }
        return result
    }

    package static func encode(timestamps pairs: [(UInt32, UInt32)]) -> [UInt8] { [uncompressed] + encode(checksums: pairs) }

    package static func encode(checksums pairs: [(UInt32, UInt32)]) -> [UInt8] {
        var writer = ByteWriter(capacity: 8 * pairs.count)
        for (first, second) in pairs {
            writer.uint32(first)
            writer.uint32(second)
        }
        return writer.bytes
    }
}

/// What `query_short_channel_ids` wants of a channel.
package struct QueryFlags: OptionSet, Hashable, Sendable {
    package let rawValue: UInt64
    package init(rawValue: UInt64) { self.rawValue = rawValue }
    package static let announcement = QueryFlags(rawValue: 1)
    package static let update1 = QueryFlags(rawValue: 2)
    package static let update2 = QueryFlags(rawValue: 4)
    package static let node1 = QueryFlags(rawValue: 8)
    package static let node2 = QueryFlags(rawValue: 16)
    package static let all: QueryFlags = [.announcement, .update1, .update2, .node1, .node2]
}

/// The CRC32C checksum of RFC 3720, by which BOLT 7 compares `channel_update`s.
package enum CRC32C {
    private static let table: [UInt32] = (0..<256).map { index in
        (0..<8).reduce(UInt32(index)) { value, _ in value & 1 == 1 ? value >> 1 ^ 0x82f6_3b78 : value >> 1 }
    }

    package static func checksum(_ bytes: some Sequence<UInt8>) -> UInt32 {
        ~bytes.reduce(~0) { crc, byte in table[Int(UInt8(truncatingIfNeeded: crc) ^ byte)] ^ crc >> 8 }
    }

    /// "of this channel_update without its signature and timestamp fields".
    package static func checksum(update wire: [UInt8]) -> UInt32 {
        guard wire.count >= 110 else { return 0 }
        return checksum(wire[66..<106] + wire[110...])
    }
}
