import BitcoinPrimitives
import CryptoPrimitives
import LightningOnion
import LightningWire
import TestSupport
import Testing

/// BOLT 4's vectors of route blinding.
@Suite("BOLT 4 blinded paths", .enabled(if: Vectors.exist, "\(Vectors.hint)"))
struct BlindingVectorTests {
    @Test("a path made of two is built, and every node finds what is for it")
    func route() throws {
        let v = try Vectors.json("bolt4/route-blinding-test.json")
        let hops = v["generate"]["hops"].array
        let nodes = hops.map { (id: PublicKey(hex: $0["node_id"].string)!, data: Hex.decode($0["encoded_tlvs"].string)!) }
        // Eve's half begins with Dave; Bob puts his own half before it.
        let eve = BlindedPath(sessionKey: SecretKey.Box(hops[2]["session_key"].string).key, nodes: Array(nodes[2...]))
        let bob = BlindedPath(sessionKey: SecretKey.Box(hops[0]["session_key"].string).key, nodes: Array(nodes[..<2]))
        #expect(bob.firstNodeID.hex == v["route"]["first_node_id"].string)
        #expect(bob.firstPathKey.hex == v["route"]["first_path_key"].string)
        #expect(eve.firstPathKey.hex == hops[2]["path_key"].string)
        for (made, expected) in zip(bob.hops + eve.hops, v["route"]["hops"].array) {
            #expect(made.blindedNodeID.hex == expected["blinded_node_id"].string)
            #expect(Hex.encode(made.encryptedData) == expected["encrypted_data"].string)
        }
        for (index, hop) in v["unblind"]["hops"].array.enumerated() {
            let secret = SecretKey.Box(hop["node_privkey"].string)
            let pathKey = PublicKey(hex: hop["path_key"].string)!
            let found = BlindedPath.open((bob.hops + eve.hops)[index].encryptedData, pathKey: pathKey, nodeSecret: secret.key)
            let opened = try #require(found)
            #expect(Hex.encode(opened.data.encoded()) == hop["decrypted_data"].string)
            let override = hop["next_path_key_override"].value as? String
            if index < 3 { #expect(opened.nextPathKey.hex == override ?? hop["next_path_key"].string) }
            let blinded = SecretKey.Box(hop["blinded_privkey"].string)
            let own = BlindedPath.blindedSecret(pathKey: pathKey, nodeSecret: secret.key)!.publicKey()
            #expect(own == blinded.key.publicKey() && own == (bob.hops + eve.hops)[index].blindedNodeID)
            // Spoiled, or with another key, nothing is found.
            var spoiled = (bob.hops + eve.hops)[index].encryptedData
            spoiled[3] ^= 1
            let nothing = BlindedPath.open(spoiled, pathKey: pathKey, nodeSecret: secret.key)
            #expect(nothing == nil)
        }
    }

    @Test("an onion for a blinded path, and what every hop reads")
    func payment() throws {
        let v = try Vectors.json("bolt4/blinded-payment-onion-test.json")
        let generate = v["generate"]
        let associated = Hex.decode(generate["associated_data"].string)!
        let session = SecretKey.Box(generate["session_key"].string)
        let full = generate["full_route"]["hops"].array
        let hops = full.map { hop in
            let framed = Hex.decode(hop["payload"].string)!
            return OnionPacket.Hop(nodeID: PublicKey(hex: hop["pubkey"].string)!, payload: Array(framed[(framed[0] == 0xfd ? 3 : 1)...]))
        }
        // The payloads are what we would write ourselves.
        let route = generate["blinded_route"]
        // The vector sends one part of 100,000 msat out of 150,000.
        let total = MilliSatoshi(150_000)
        for (index, hop) in route["hops"].array.enumerated() {
            let data = Hex.decode(hop["encrypted_data"].string)!
            let key = index == 0 ? PublicKey(hex: route["first_path_key"].string)! : nil
            let isLast = index == route["hops"].array.count - 1
            let amount = MilliSatoshi(UInt64(generate["final_amount_msat"].value as! Int))
            let payload: HopPayload =
                isLast
                ? .blindedFinal(
                    data, pathKey: key, amount: amount, cltvExpiry: CLTVExpiry(UInt32(generate["final_cltv"].value as! Int)), total: total)
                : .blinded(data, pathKey: key)
            #expect(Hex.encode(payload.encoded()) == Hex.encode(hops[index + 1].payload), "hop \(index)")
        }
        let created = OnionPacket.create(sessionKey: session.key, hops: hops, associatedData: associated)
        var packet = try #require(created).packet
        var pathKey: PublicKey?
        var amount = MilliSatoshi(110_125)
        var relays: [EncryptedRecipientData.Relay] = []
        for (index, hop) in v["decrypt"]["hops"].array.enumerated() {
            #expect(Hex.encode(packet) == hop["onion"].string)
            let node = SecretKey.Box(hop["node_privkey"].string)
            // Behind the introduction point an onion is for the blinded id.
            let peeled: OnionPacket.Peeled
            if let pathKey {
                let blinded = BlindedPath.blindedSecret(pathKey: pathKey, nodeSecret: node.key)!
                peeled = try OnionPacket.peel(packet, nodeSecret: blinded, associatedData: associated)
            } else {
                peeled = try OnionPacket.peel(packet, nodeSecret: node.key, associatedData: associated)
            }
            packet = peeled.next ?? []
            let payload = try HopPayload(peeled.payload)
            guard index > 0 else { continue }
            let key = try #require(pathKey ?? payload.currentPathKey)
            let found = BlindedPath.open(payload.encryptedRecipientData ?? [], pathKey: key, nodeSecret: node.key)
            let opened = try #require(found)
            pathKey = opened.nextPathKey
            if let relay = opened.data.relay {
                relays.append(relay)
                amount = try #require(relay.amountToForward(amount))
            } else {
                #expect(peeled.next == nil && payload.amountToForward == amount && payload.totalAmount == total)
            }
        }
        #expect(amount == MilliSatoshi(100_000))
        let costs = try #require(EncryptedRecipientData.aggregate(relays, minFinalCLTVExpiryDelta: 0))
        #expect(costs.base == 10_100 && costs.proportional == 251 && costs.cltvDelta == 150)
    }

    @Test("amounts to forward never overflow, and bring the recipient what the payer meant")
    func amounts() {
        let relay = EncryptedRecipientData.Relay(cltvExpiryDelta: 1, feeProportionalMillionths: 5000, feeBase: 1000)
        for msat: UInt64 in [1000, 1001, 999_999, 1_000_000_007, .max] {
            guard let forwarded = relay.amountToForward(MilliSatoshi(msat)) else { continue }
            let fee = 1000 + Double(forwarded.value) * 0.005
            #expect(Double(forwarded.value) + fee <= Double(msat) * (1 + 1e-12) + 2)
        }
        #expect(relay.amountToForward(MilliSatoshi(999)) == nil)
        let absurd = EncryptedRecipientData.Relay(cltvExpiryDelta: .max, feeProportionalMillionths: .max, feeBase: .max)
        #expect(EncryptedRecipientData.aggregate([absurd, absurd], minFinalCLTVExpiryDelta: .max) == nil)
    }
}
