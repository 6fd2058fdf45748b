import BitcoinPrimitives
import CryptoPrimitives
import LightningRouting
import LightningWire
import TestSupport
import Testing

/// BOLT 7's vectors of extended queries, and RFC 3720's checksum.
struct GossipVectorTests {
    @Test(.enabled(if: Vectors.exist, "\(Vectors.hint)")) func extendedQueries() throws {
        let vectors = try #require(try Vectors.json("bolt7/extended-queries.json").value as? [[String: Any]])
        #expect(vectors.count > 5)
        var checked = 0
        for vector in vectors {
            let wire = try #require(Hex.decode(vector["hex"] as? String ?? "?"))
            let message = try #require(vector["msg"] as? [String: Any])
            let ids = ((message["shortChannelIds"] as? [String: Any])?["array"] as? [String] ?? []).compactMap { ShortChannelID($0) }
            let encoding = (message["shortChannelIds"] as? [String: Any])?["encoding"] as? String
            let read = try LightningMessage(wire)
            // zlib: "this encoding MUST NOT be used".
            let isReadable = encoding == nil || encoding == "UNCOMPRESSED"
            switch read {
            case .queryChannelRange(let body):
                #expect(Int(body.firstBlock) == message["firstBlockNum"] as? Int)
                #expect(Int(body.blockCount) == message["numberOfBlocks"] as? Int)
            case .replyChannelRange(let body):
                #expect(Int(body.firstBlock) == message["firstBlockNum"] as? Int)
                guard isReadable else {
                    #expect(throws: (any Error).self) { try GossipEncoding.shortChannelIDs(body.encodedShortIDs) }
                    continue
                }
                #expect(try GossipEncoding.shortChannelIDs(body.encodedShortIDs) == ids)
                #expect(GossipEncoding.encode(ids) == body.encodedShortIDs)
                if let times = body.tlvs[1], times.first == 0 {
                    let pairs = try GossipEncoding.timestamps(times, count: ids.count)
                    #expect(GossipEncoding.encode(timestamps: pairs) == times)
                }
                if let sums = body.tlvs[3] {
                    let pairs = try GossipEncoding.checksums(sums, count: ids.count)
                    #expect(GossipEncoding.encode(checksums: pairs) == sums)
                }
            case .queryShortChannelIDs(let body):
                guard isReadable else {
                    #expect(throws: (any Error).self) { try GossipEncoding.shortChannelIDs(body.encodedShortIDs) }
                    continue
                }
                #expect(try GossipEncoding.shortChannelIDs(body.encodedShortIDs) == ids)
                if let flags = body.tlvs[1], flags.first == 0 {
                    let decoded = try GossipEncoding.queryFlags(flags, count: ids.count)
                    #expect(GossipEncoding.encode(decoded) == flags)
                }
            default: break
            }
            #expect(read.encoded == wire)
            checked += 1
        }
        #expect(checked >= 4)
    }

    /// RFC 3720 B.4.
    @Test func checksums() {
        #expect(CRC32C.checksum([UInt8](repeating: 0, count: 32)) == 0x8a91_36aa)
        #expect(CRC32C.checksum([UInt8](repeating: 0xff, count: 32)) == 0x62a8_ab43)
        #expect(CRC32C.checksum((0..<32).map { UInt8($0) }) == 0x46dd_794e)
        #expect(CRC32C.checksum((0..<32).reversed().map { UInt8($0) }) == 0x113f_db5c)
    }

    @Test func refusedEncodings() {
        #expect(throws: DecodingFailure.invalid("encoding of short_channel_ids")) { try GossipEncoding.shortChannelIDs([1, 2, 3]) }
        #expect(throws: DecodingFailure.truncated) { try GossipEncoding.shortChannelIDs([0, 2, 3]) }
        #expect(throws: DecodingFailure.truncated) { try GossipEncoding.shortChannelIDs([]) }
        let unordered = GossipEncoding.encode([ShortChannelID(2), ShortChannelID(1)])
        // BOLT 7 wants them ascending; whoever tells them as they came is understood all the same.
        #expect(throws: Never.self) { try GossipEncoding.shortChannelIDs(unordered) }
        #expect(throws: DecodingFailure.invalid("number of query_flags")) { try GossipEncoding.queryFlags([0, 1], count: 2) }
    }
}
