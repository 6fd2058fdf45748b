import CryptoPrimitives
import LightningTransport
import TestSupport
import Testing

@Suite("BOLT 8 vectors", .enabled(if: Vectors.exist, "\(Vectors.hint)"))
struct TransportVectorTests {
    func transport(_ v: JSON) -> NoiseTransport {
        let secret = SecretKey.Box(v["ls_priv"].string)
        let ephemeral = SecretKey.Box(v["e_priv"].string)
        return NoiseTransport(
            localSecret: secret.key, ephemeral: ephemeral.key.copy(),
            remoteNodeID: v["role"].string == "initiator" ? PublicKey(hex: v["rs_pub"].string) : nil)
    }

    @Test("handshakes of both roles, and every way they fail")
    func handshakes() throws {
        let vectors = try Vectors.json("bolt8/transport.json")["handshakes"].array
        #expect(vectors.count > 10)
        for v in vectors {
            var noise = transport(v)
            var output: [UInt8] = v["role"].string == "initiator" ? noise.start() : []
            var failure: NoiseFailure?
            for step in v["steps"].array {
                if step["output"].isString {
                    #expect(Hex.encode(output) == step["output"].string, "\(v["name"].string)")
                    output = []
                } else {
                    do {
                        output = try noise.receive(Hex.decode(step["input"].string)!).reply
                    } catch {
                        failure = error
                    }
                }
            }
            let error = v["error"].string
            if error.isEmpty || error.contains("READ_FAILED") {
                // A short act is not an error of ours: the rest may still come.
                #expect(failure == nil)
                #expect(noise.isEstablished == error.isEmpty)
            } else {
                let failed = try #require(failure, "\(v["name"].string)")
                let kind =
                    error.contains("VERSION")
                    ? NoiseFailure.badVersion : error.contains("PUBKEY") ? .badPublicKey : .badTag
                #expect(failed == kind, "\(v["name"].string)")
                #expect(!noise.isEstablished)
            }
        }
    }

    @Test("messages through two key rotations")
    func messages() throws {
        let vectors = try Vectors.json("bolt8/transport.json")
        let pair = vectors["handshakes"].array.filter { $0["name"].string.contains("successful") }
        var initiator = transport(pair[0])
        var responder = transport(pair[1])
        let two = try responder.receive(initiator.start()).reply
        let three = try initiator.receive(two).reply
        _ = try responder.receive(three)
        #expect(responder.remoteNodeID?.hex == pair[0]["ls_pub"].string)
        let expected = vectors["message_encryption"]["outputs"].object
        for number in 0...1001 {
            let sealed = try initiator.seal(Array("hello".utf8))
            if let vector = expected[String(number)] { #expect(Hex.encode(sealed) == vector.string) }
            #expect(try responder.receive(sealed).messages == [Array("hello".utf8)])
        }
    }

    @Test("messages arrive whole whatever the pieces, and a flipped bit ends the connection")
    func pieces() throws {
        let pair = try Vectors.json("bolt8/transport.json")["handshakes"].array.filter {
            $0["name"].string.contains("successful")
        }
        var initiator = transport(pair[0])
        var responder = transport(pair[1])
        _ = try responder.receive(initiator.receive(responder.receive(initiator.start()).reply).reply)
        var stream = try initiator.seal([]) + initiator.seal([UInt8](repeating: 7, count: 65535))
        var messages: [[UInt8]] = []
        while !stream.isEmpty {
            messages += try responder.receive(Array(stream.prefix(1009))).messages
            stream.removeFirst(min(1009, stream.count))
        }
        #expect(messages.map(\.count) == [0, 65535])
        var broken = try initiator.seal([1, 2, 3])
        broken[20] ^= 1
        #expect(throws: NoiseFailure.badTag) { try responder.receive(broken) }
        #expect(throws: NoiseFailure.messageTooLong) { try initiator.seal([UInt8](repeating: 0, count: 65536)) }
    }
}
