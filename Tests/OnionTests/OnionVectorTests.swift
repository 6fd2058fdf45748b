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
        var packet = try #require(created).packet
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

    /// BOLT 4 "Test Vector": the attribution data that each of five nodes sends back, by their SHA-256, from node 4 to node 0.
    /// The vectors' hold times count from the node that answers: it held for 1, the first hop for 5.
    private static let failures = [
        "25ff586eab24fa8d3ea4170629269da6d89482b084a2dddf6569bb8695c691d0",
        "c4aad28856fa0e3a7b4a016ca993628fa1be20853ac923317c8847f8ce721806",
        "5706b3765997d4716e76daf8853e552765e92114fc435716638b33fbc8c42d1c",
        "013c69b6b2abc0453348483f8cb81aafb991fb1846b9c4523c2d18522a18abe3",
        "7fe8cee92a9d62492c9ef65d54f363f41563be0050c6bce084fbb0034405646b",
    ]
    private static let successes = [
        "03fafa645fbc1fd1d623b7900b21e4968b85c02847c623fc667dd66d2718f3f2",
        "559e20750750c4cf807f0d5fdd95077412509c2274466e60560acc63af91741c",
        "b4dc73f0964f4b693c50c171e184ad65b66e02f9f13f3ead33e3b813b3ae7f23",
        "407543c483b29ec88a2cbc9039ef73cd4127e6e537fb297192695fd6cfacd571",
        "7c8edc31d5900c0c8df5393c534cf54fa88d3fd91a6d0760f7353b98feae0587",
    ]

    private static func secrets() throws -> [Bytes32] {
        try Vectors.json("bolt4/onion-error-test.json")["generate"]["hops"].array.map { Bytes32(hex: $0["hop_shared_secret"].string)! }
    }

    @Test("attribution data of a failure, hop by hop, and what the payer reads out of it")
    func attributedFailure() throws {
        let secrets = try Self.secrets()
        // incorrect_or_unknown_payment_details with 100 msat at height 800000 and 300 bytes of a TLV, padded to 1024.
        let message =
            [0x40, 0x0f] + [0, 0, 0, 0, 0, 0, 0, 100] + [0, 0x0c, 0x35, 0] + [0xfd, 0x84, 0xd1, 0xfd, 1, 0x2c]
            + [UInt8](repeating: 128, count: 300)
        #expect(message.count == 320)
        let body = [1, 0x40] + message + [2, 0xc0] + [UInt8](repeating: 0, count: 704)
        let um = MAC.hmacSHA256(key: Array("um".utf8), secrets[4].array)
        var packet = MAC.hmacSHA256(key: um.array, body).array + body
        var data: [UInt8] = []
        for hop in (0..<5).reversed() {
            data = AttributionData.update(data, packet: packet, holdTime: UInt32(5 - hop), sharedSecret: secrets[hop])
            packet = FailurePacket.wrap(packet, sharedSecret: secrets[hop])
            #expect(Hash.sha256(data).hex == Self.failures[4 - hop], "node \(hop)")
        }
        #expect(Hash.sha256(packet).hex == "0709ced8da7a15dae982a2c0edfe44fefa1a2aab5db8e207f63890455799ec07")
        let reading = AttributionData.read(data, packet: packet, sharedSecrets: secrets)
        #expect(reading.holdTimes == [5, 4, 3, 2, 1] && reading.firstUnproven == nil)
        #expect(FailurePacket.decrypt(packet, sharedSecrets: secrets)?.hop == 4)
        // Whoever changes something on the way shows where.
        for liar in 0..<5 {
            var (spoiled, sent): ([UInt8], [UInt8]) = ([], MAC.hmacSHA256(key: um.array, body).array + body)
            for hop in (0..<5).reversed() {
                if hop == liar, hop < 4 { sent[100] ^= 1 }
                spoiled = AttributionData.update(spoiled, packet: sent, holdTime: 1, sharedSecret: secrets[hop])
                sent = FailurePacket.wrap(sent, sharedSecret: secrets[hop])
                if hop == liar, hop == 4 { spoiled[3] ^= 1 }
            }
            let found = AttributionData.read(spoiled, packet: sent, sharedSecrets: secrets).firstUnproven
            #expect(found == (liar < 4 ? liar + 1 : 4), "liar \(liar)")
        }
    }

    @Test("attribution data of a success")
    func attributedSuccess() throws {
        let secrets = try Self.secrets()
        var data: [UInt8] = []
        for hop in (0..<5).reversed() {
            data = AttributionData.update(data, packet: [], holdTime: UInt32(5 - hop), sharedSecret: secrets[hop])
            #expect(Hash.sha256(data).hex == Self.successes[4 - hop], "node \(hop)")
        }
        #expect(AttributionData.read(data, packet: [], sharedSecrets: secrets).holdTimes == [5, 4, 3, 2, 1])
    }

    @Test("an onion for twenty hops, and the most that fits")
    func twentyHops() throws {
        let keys = (0..<27).map { SecretKey.Box(Hash.sha256([UInt8($0)]).hex) }
        let session = SecretKey.Box(String(repeating: "42", count: 32))
        func hops(_ count: Int) -> [OnionPacket.Hop] {
            (0..<count).map { index in
                let isLast = index == count - 1
                let payload: HopPayload =
                    isLast
                    ? .final(amount: MilliSatoshi(1000), cltvExpiry: 500, paymentSecret: .zero, total: MilliSatoshi(1000), metadata: nil)
                    : .forward(amount: MilliSatoshi(1000 + UInt64(index)), cltvExpiry: 500, over: ShortChannelID(UInt64(index) << 40))
                return OnionPacket.Hop(nodeID: keys[index].key.publicKey(), payload: payload.encoded())
            }
        }
        let created = OnionPacket.create(sessionKey: session.key, hops: hops(20), associatedData: [7])
        var packet = try #require(created).packet
        for index in 0..<20 {
            let peeled = try OnionPacket.peel(packet, nodeSecret: keys[index].key, associatedData: [7])
            let payload = try HopPayload(peeled.payload)
            #expect((peeled.next == nil) == (index == 19))
            #expect(index == 19 ? payload.paymentSecret == .zero : payload.shortChannelID == ShortChannelID(UInt64(index) << 40))
            packet = peeled.next ?? []
        }
        let tooMany = OnionPacket.create(sessionKey: session.key, hops: hops(27), associatedData: [7])
        #expect(tooMany == nil)
    }

    @Test("damaged onions are refused for the right reason")
    func refusals() throws {
        let node = SecretKey.Box(String(repeating: "41", count: 32))
        let session = SecretKey.Box(String(repeating: "42", count: 32))
        let hop = OnionPacket.Hop(nodeID: node.key.publicKey(), payload: HopPayload().encoded())
        let created = OnionPacket.create(sessionKey: session.key, hops: [hop], associatedData: [1])
        let packet = try #require(created).packet
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
