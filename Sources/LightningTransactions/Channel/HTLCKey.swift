package import BitcoinPrimitives

/// Which HTLC of a channel: ids count separately for each side.
package struct HTLCKey: Hashable, Sendable, Comparable {
    package var isOfferedByLocal: Bool
    package var id: UInt64

    package init(isOfferedByLocal: Bool, id: UInt64) {
        self.isOfferedByLocal = isOfferedByLocal
        self.id = id
    }

    /// The rest of the key of its row after the channel's id.
    package var bytes: [UInt8] { ByteWriter.bytes { encode(to: &$0) } }

    package func encode(to writer: inout ByteWriter) {
        writer.uint8(isOfferedByLocal ? 1 : 0)
        writer.uint64(id)
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        isOfferedByLocal = try reader.uint8() == 1
        id = try reader.uint64()
    }

    package static func < (left: HTLCKey, right: HTLCKey) -> Bool {
        left.isOfferedByLocal == right.isOfferedByLocal
            ? left.id < right.id : left.isOfferedByLocal && !right.isOfferedByLocal
    }
}
