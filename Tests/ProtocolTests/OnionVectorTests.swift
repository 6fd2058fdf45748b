import CryptoPrimitives
import LightningOnion
import LightningWire
import TestSupport
import Testing

@Suite("BOLT 4 vectors", .enabled(if: Vectors.exist, "\(Vectors.hint)"))
struct OnionVectorTests {
    @Test("an onion for five hops: construction and peeling")
    func onion() throws {
        let v = try Vectors.json("bolt4/onion-test.json")
        let generate = v["generate"]
        let session = SecretKey.Box(generate["session_key"].string)
        let data = Hex.decode(generate["associated_data"].string)!
        let hops = generate["hops"].array.map { hop in
            let framed = Hex.decode(hop["payload"].string)!
            // The vectors' payloads carry their length.
            let prefix = framed[0] == 0xfd ? 3 : 1
            return OnionPacket.Hop(nodeID: PublicKey(hex: hop["pubkey"].string)!, payload: Array(framed[prefix...]))
        }
        let created = OnionPacket.create(sessionKey: session.key, hops: hops, associatedData: data)
        var packet = try #require(created)
        #expect(Hex.encode(packet) == v["onion"].string)
        for (index, secret) in v["decode"].array.enumerated() {
            let node = SecretKey.Box(secret.string)
            let peeled = try OnionPacket.peel(packet, nodeSecret: node.key, associatedData: data)
            #expect(peeled.payload == hops[index].payload)
            #expect((peeled.next == nil) == (index == 4))
            packet = peeled.next ?? []
        }
    }

    @Test("a failure from the fifth hop")
    func failure() throws {
        let v = try Vectors.json("bolt4/onion-error-test.json")
        let hops = v["generate"]["hops"].array
        let secrets = hops.map { Bytes32(hex: $0["hop_shared_secret"].string)! }
        var packet = FailurePacket.create(FailureMessage(Hex.decode("2002")!), sharedSecret: secrets[4])
        for secret in secrets.dropLast().reversed() { packet = FailurePacket.wrap(packet, sharedSecret: secret) }
        #expect(Hex.encode(packet) == v["errorpacket"].string)
        let decoded = try #require(FailurePacket.decrypt(packet, sharedSecrets: secrets))
        #expect(decoded.hop == 4)
        #expect(decoded.message == .temporaryNodeFailure)
    }

    @Test("damaged onions are refused for the right reason")
    func refusals() throws {
        let node = SecretKey.Box(String(repeating: "41", count: 32))
        let session = SecretKey.Box(String(repeating: "42", count: 32))
        let hop = OnionPacket.Hop(nodeID: node.key.publicKey(), payload: HopPayload().encoded())
        let created = OnionPacket.create(sessionKey: session.key, hops: [hop], associatedData: [1])
        let packet = try #require(created)
        func refusal(_ change: (inout [UInt8]) -> Void, data: [UInt8] = [1]) -> OnionRefusal? {
            var copy = packet
            change(&copy)
            do throws(OnionRefusal) {
                _ = try OnionPacket.peel(copy, nodeSecret: node.key, associatedData: data)
                return nil
            } catch { return error }
        }
        #expect(refusal { _ in } == nil)
        #expect(refusal { $0[0] = 1 } == .invalidVersion)
        #expect(refusal { $0[1] = 9 } == .invalidKey)
        #expect(refusal { $0[400] ^= 1 } == .invalidHMAC)
        #expect(refusal({ _ in }, data: [2]) == .invalidHMAC)
    }
}
