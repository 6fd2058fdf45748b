import BitcoinPrimitives
package import CryptoPrimitives

/// Why an onion cannot be read; becomes `update_fail_malformed_htlc` (BOLT 4).
package enum OnionRefusal: Error, Hashable, Sendable {
    case invalidVersion
    case invalidKey
    case invalidHMAC

    /// The failure code with its BADONION and PERM bits.
    package var failureCode: UInt16 {
        switch self {
        case .invalidVersion: 0xc004
        case .invalidHMAC: 0xc005
        case .invalidKey: 0xc006
        }
    }
}

/// The keys that BOLT 4 derives from a hop's shared secret.
enum OnionKey: String {
    case rho, mu, um, pad, ammag, ammagext

    func derive(_ secret: Bytes32) -> Bytes32 { MAC.hmacSHA256(key: Array(rawValue.utf8), secret.array) }
}

/// BOLT 4's onion: 1366 bytes that look alike to every hop.
package struct OnionPacket: Hashable, Sendable {
    package static let length = 1366
    static let payloadsLength = 1300

    /// What one hop finds when it peels its layer.
    package struct Peeled: Sendable {
        /// The hop's payload, without its length.
        package var payload: [UInt8]
        /// The onion for the next hop; `nil` for the last.
        package var next: [UInt8]?
        /// For encrypting a failure on its way back.
        package var sharedSecret: Bytes32
    }

    /// One hop of a route, as its onion sees it.
    package struct Hop: Sendable {
        package var nodeID: PublicKey
        /// The payload without its length.
        package var payload: [UInt8]
        package init(nodeID: PublicKey, payload: [UInt8]) {
            self.nodeID = nodeID
            self.payload = payload
        }
    }

    /// BOLT 4 "Packet Construction".
    ///
    /// - Parameters:
    ///   - sessionKey: a secret for this onion only; the sender keeps it to read failures.
    ///   - associatedData: the payment hash.
    /// - Returns: the packet, and the secret shared with each hop, by which its sender reads what comes back; or `nil` where the payloads
    ///   do not fit.
    package static func create(
        sessionKey: borrowing SecretKey, hops: [Hop], associatedData: [UInt8]
    ) -> (packet: [UInt8], sharedSecrets: [Bytes32])? {
        // Before anything is computed: a payload's length has to fit into what is written of it.
        guard !hops.isEmpty, hops.reduce(0, { $0 + $1.payload.count + 33 }) <= payloadsLength else { return nil }
        let ephemeral = sessionKey.publicKey()
        let secrets = sharedSecrets(sessionKey: sessionKey, ephemeral, hops.map(\.nodeID))
        let framed = hops.map { hop in
            var writer = ByteWriter()
            Self.writeBigSize(hop.payload.count, to: &writer)
            return writer.bytes + hop.payload
        }
        let sizes = framed.map { $0.count + 32 }
        guard sizes.reduce(0, +) <= payloadsLength else { return nil }
        let filler = makeFiller(secrets, sizes)
        var payloads = ChaCha20.stream(key: OnionKey.pad.derive(sessionKey.unsafeBytes()), count: payloadsLength)
        var hmac = [UInt8](repeating: 0, count: 32)
        for index in hops.indices.reversed() {
            payloads.removeLast(sizes[index])
            payloads.insert(contentsOf: framed[index] + hmac, at: 0)
            ChaCha20.xor(key: OnionKey.rho.derive(secrets[index]), into: &payloads)
            if index == hops.count - 1 && !filler.isEmpty {
                payloads.replaceSubrange((payloads.count - filler.count)..., with: filler)
            }
            hmac = MAC.hmacSHA256(key: OnionKey.mu.derive(secrets[index]).array, payloads + associatedData).array
        }
        return ([0] + ephemeral.compressed + payloads + hmac, secrets)
    }

    /// The secret shared with each hop, from the session key and its public key.
    private static func sharedSecrets(sessionKey: borrowing SecretKey, _ publicKey: PublicKey, _ nodes: [PublicKey]) -> [Bytes32] {
        var ephemeral = sessionKey.copy()
        var secrets: [Bytes32] = []
        for (index, node) in nodes.enumerated() {
            let secret = ephemeral.sharedSecret(with: node)
            secrets.append(secret)
            if index < nodes.count - 1 {
                let point = index == 0 ? publicKey : ephemeral.publicKey()
                let blinding = Hash.sha256(point.compressed + secret.array)
                ephemeral = ephemeral.multiplied(by: blinding)!
            }
        }
        return secrets
    }

    /// BOLT 4's filler: what the last bytes will be once every hop has shifted its payload out.
    private static func makeFiller(_ secrets: [Bytes32], _ sizes: [Int]) -> [UInt8] {
        var filler: [UInt8] = []
        for (secret, size) in zip(secrets, sizes).dropLast() {
            let start = payloadsLength - filler.count
            filler += [UInt8](repeating: 0, count: size)
            let stream = ChaCha20.stream(key: OnionKey.rho.derive(secret), count: payloadsLength + size)
            for index in filler.indices { filler[index] ^= stream[start + index] }
        }
        return filler
    }

    /// BOLT 4 "Onion Decryption".
    package static func peel(
        _ packet: [UInt8], nodeSecret: borrowing SecretKey, associatedData: [UInt8]
    ) throws(OnionRefusal) -> Peeled {
        guard packet.count == length, packet[0] == 0 else { throw .invalidVersion }
        guard let key = PublicKey(compressed: packet[1..<34]) else { throw .invalidKey }
        let secret = nodeSecret.sharedSecret(with: key)
        let payloads = Array(packet[34..<1334])
        let hmac = MAC.hmacSHA256(key: OnionKey.mu.derive(secret).array, payloads + associatedData)
        guard MAC.equal(hmac.array, Array(packet[1334...])) else { throw .invalidHMAC }
        var plain = payloads + [UInt8](repeating: 0, count: payloadsLength)
        ChaCha20.xor(key: OnionKey.rho.derive(secret), into: &plain)
        var reader = ByteReader(plain)
        guard let size = try? Self.readBigSize(&reader), size <= UInt64(payloadsLength),
            let payload = try? reader.read(Int(size)), let next = try? reader.bytes32(),
            reader.offset <= payloadsLength
        else {
            // A frame that does not fit was sealed by the sender itself: nothing in it can be read.
            throw .invalidHMAC
        }
        guard !next.isZero else { return Peeled(payload: payload, next: nil, sharedSecret: secret) }
        let blinding = Hash.sha256(key.compressed + secret.array)
        guard let nextKey = key.multiplied(by: blinding) else { throw .invalidKey }
        let start = reader.offset
        let nextPayloads = Array(plain[start..<start + payloadsLength])
        return Peeled(
            payload: payload, next: [0] + nextKey.compressed + nextPayloads + next.array, sharedSecret: secret)
    }

    private static func writeBigSize(_ value: Int, to writer: inout ByteWriter) {
        if value < 0xfd {
            writer.uint8(UInt8(value))
        } else {
            writer.uint8(0xfd)
            writer.uint16(UInt16(value))
        }
    }

    private static func readBigSize(_ reader: inout ByteReader) throws(DecodingFailure) -> UInt64 {
        let first = try reader.uint8()
        guard first >= 0xfd else { return UInt64(first) }
        guard first == 0xfd else { throw .tooLarge }
        let value = UInt64(try reader.uint16())
        guard value >= 0xfd else { throw .notCanonical }
        return value
    }
}
