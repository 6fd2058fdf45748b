import BitcoinPrimitives
package import CryptoPrimitives

/// BOLT 4 "Returning Errors": a failure message, encrypted once by each hop on its way back.
package enum FailurePacket {
    /// An HMAC and two lengths.
    package static let minimumLength = 36

    /// The failing hop's packet: message and padding under an HMAC, then encrypted.
    package static func create(_ message: FailureMessage, sharedSecret: Bytes32) -> [UInt8] {
        create(message.encoded(), sharedSecret: sharedSecret)
    }

    /// What the erring node returns, before its own layer of encryption.
    package static func plain(_ message: FailureMessage, sharedSecret: Bytes32) -> [UInt8] {
        plain(message.encoded(), sharedSecret: sharedSecret)
    }

    static func create(_ message: [UInt8], sharedSecret: Bytes32) -> [UInt8] {
        wrap(plain(message, sharedSecret: sharedSecret), sharedSecret: sharedSecret)
    }

    /// "The erring node … MUST set pad such that the failure_len plus pad_len is at least 256".
    private static func plain(_ message: [UInt8], sharedSecret: Bytes32) -> [UInt8] {
        var body = ByteWriter()
        body.uint16(UInt16(message.count))
        body.write(message)
        let padding = max(0, 256 - message.count)
        body.uint16(UInt16(padding))
        body.write([UInt8](repeating: 0, count: padding))
        let hmac = MAC.hmacSHA256(key: OnionKey.um.derive(sharedSecret).array, body.bytes)
        return hmac.array + body.bytes
    }

    /// One hop's layer of encryption.
    package static func wrap(_ packet: [UInt8], sharedSecret: Bytes32) -> [UInt8] {
        var result = packet
        ChaCha20.xor(key: OnionKey.ammag.derive(sharedSecret), into: &result)
        return result
    }

    /// The sender's side: which hop failed, and why; `nil` where no hop's HMAC matches.
    package static func decrypt(
        _ packet: [UInt8], sharedSecrets: [Bytes32]
    ) -> (hop: Int, message: FailureMessage)? {
        var current = packet
        guard packet.count >= minimumLength else { return nil }
        for (hop, secret) in sharedSecrets.enumerated() {
            current = wrap(current, sharedSecret: secret)
            let body = Array(current[32...])
            let hmac = MAC.hmacSHA256(key: OnionKey.um.derive(secret).array, body)
            guard MAC.equal(hmac.array, Array(current[..<32])) else { continue }
            var reader = ByteReader(body)
            guard let length = try? reader.uint16(), let message = try? reader.read(Int(length)) else { return nil }
            return (hop, FailureMessage(message))
        }
        return nil
    }
}
