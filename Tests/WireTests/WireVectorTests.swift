import BitcoinPrimitives
import CryptoPrimitives
import LightningWire
import TestSupport
import Testing

@Suite("BOLT 1 vectors and message corpora", .enabled(if: Vectors.exist, "\(Vectors.hint)"))
struct WireVectorTests {
    @Test("BigSize")
    func bigSize() throws {
        let vectors = try Vectors.json("bolt1/bigsize.json")
        for v in vectors["decode"].array {
            var reader = ByteReader(Hex.decode(v["bytes"].string)!)
            let value = try? reader.bigSize()
            if v["exp_error"].isString {
                #expect(value == nil, "\(v["name"].string)")
            } else {
                #expect(value == v["value"].uint64, "\(v["name"].string)")
            }
        }
        for v in vectors["encode"].array {
            var writer = ByteWriter()
            writer.bigSize(v["value"].uint64)
            #expect(Hex.encode(writer.bytes) == v["bytes"].string)
        }
    }

    @Test("signed integers")
    func signedIntegers() throws {
        for v in try Vectors.json("bolt1/signed_integers.json").array {
            let value = Int64(v["value"].int)
            #expect(Hex.encode(SignedInteger.encode(value)) == v["bytes"].string)
            #expect(SignedInteger.decode(Hex.decode(v["bytes"].string)!) == value)
        }
    }

    @Test("TLV streams, valid and invalid")
    func tlvStreams() throws {
        let truncated64: TLVStream.Check = { (reader: inout ByteReader) throws(DecodingFailure) in
            _ = try reader.truncatedInteger(maximumBytes: 8)
        }
        let n1: [UInt64: TLVStream.Check] = [
            1: truncated64, 2: TLVStream.exactly(8),
            3: { (reader: inout ByteReader) throws(DecodingFailure) in
                _ = try reader.point()
                _ = try reader.read(16)
            },
            254: TLVStream.exactly(2),
        ]
        let n2: [UInt64: TLVStream.Check] = [
            0: truncated64,
            11: { (reader: inout ByteReader) throws(DecodingFailure) in
                _ = try reader.truncatedInteger(maximumBytes: 4)
            },
        ]
        for v in try Vectors.json("bolt1/tlv_streams.json")["streams"].array {
            let namespaces = v["ns"].string == "n1" ? [n1] : v["ns"].string == "n2" ? [n2] : [n1, n2]
            for known in namespaces {
                var reader = ByteReader(Hex.decode(v["hex"].string)!)
                let stream = try? TLVStream(from: &reader, known: known)
                #expect((stream != nil) == v["valid"].bool, "\(v["hex"].string): \(v["note"].string)")
                if let stream {
                    var writer = ByteWriter()
                    stream.encode(to: &writer)
                    #expect(Hex.encode(writer.bytes) == v["hex"].string)
                }
            }
        }
    }

    @Test("the fuzz corpus: no crash, and the verdict where two other decoders agree")
    func corpus() throws {
        var agreed = 0
        for v in try Vectors.jsonLines("lnwire/cln_fuzz_wire.jsonl") {
            let hex = v["hex"].string
            let message = try? LightningMessage(Hex.decode(hex)!)
            switch (v["electrum"].string, v["pyln"].string) {
            case ("ok", "ok"):
                agreed += 1
                let parsed = try #require(message, "\(v["msg"].string) \(hex)")
                #expect(Hex.encode(parsed.encoded) == hex, "\(v["msg"].string)")
            case ("fail", "fail"):
                agreed += 1
                #expect(message == nil, "\(v["msg"].string) \(hex)")
            default: break
            }
        }
        #expect(agreed > 3000)
    }

    @Test("a live session of two Electrum nodes: every message, byte for byte")
    func transcript() throws {
        let lines = try Vectors.jsonLines("lnwire/electrum_live_transcript.jsonl")
        #expect(lines.count == 213)
        for v in lines {
            let message = try LightningMessage(Hex.decode(v["hex"].string)!)
            if case .unknown = message { continue }
            // Electrum pads its features with a zero byte less or more than the minimum in no message seen here.
            #expect(Hex.encode(message.encoded) == v["hex"].string, "\(v["name"].string)")
        }
    }

    @Test("raw bytes never crash a decoder")
    func rawBytes() throws {
        for (_, list) in try Vectors.json("lnwire/cln_fuzz_bytes.json").object {
            for entry in list.array {
                guard let bytes = Hex.decode(entry.string) else { continue }
                var reader = ByteReader(bytes)
                _ = try? reader.bigSize()
                _ = try? LightningMessage(bytes)
                _ = try? Transaction(bytes)
                _ = try? Block(bytes)
            }
        }
    }
}
