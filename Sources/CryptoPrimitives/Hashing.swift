internal import COpenSSL

/// SHA-256 as FIPS 180-4 has it, incremental.
package struct SHA256Hasher: Sendable {
    private var context = SHA256_CTX()

    package init() { SHA256_Init(&context) }

    package mutating func update(_ bytes: [UInt8]) {
        bytes.withUnsafeBytes { update($0) }
    }

    package mutating func update(_ bytes: Bytes32) {
        bytes.withUnsafeBytes { update($0) }
    }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        SHA256_Update(&context, bytes.baseAddress, bytes.count)
    }

    package mutating func finalize() -> Bytes32 {
        var digest = Bytes32()
        digest.withUnsafeMutableBytes { buffer in
            _ = SHA256_Final(buffer.baseAddress!.assumingMemoryBound(to: UInt8.self), &context)
        }
        return digest
    }
}

/// The hash functions of Bitcoin and the BOLTs.
package enum Hash {
    package static func sha256(_ bytes: [UInt8]) -> Bytes32 {
        var hasher = SHA256Hasher()
        hasher.update(bytes)
        return hasher.finalize()
    }

    package static func sha256(_ bytes: Bytes32) -> Bytes32 {
        var hasher = SHA256Hasher()
        hasher.update(bytes)
        return hasher.finalize()
    }

    /// SHA-256 applied twice: transaction ids, block hashes, signature hashes.
    package static func sha256d(_ bytes: [UInt8]) -> Bytes32 { sha256(sha256(bytes)) }

    package static func ripemd160(_ bytes: [UInt8]) -> [UInt8] {
        var context = RIPEMD160_CTX()
        var digest = [UInt8](repeating: 0, count: 20)
        RIPEMD160_Init(&context)
        RIPEMD160_Update(&context, bytes, bytes.count)
        RIPEMD160_Final(&digest, &context)
        return digest
    }

    /// RIPEMD-160 of SHA-256: public key hashes and P2SH.
    package static func hash160(_ bytes: [UInt8]) -> [UInt8] { ripemd160(sha256(bytes).array) }

    package static func sha1(_ bytes: [UInt8]) -> [UInt8] {
        var context = SHA_CTX()
        var digest = [UInt8](repeating: 0, count: 20)
        SHA1_Init(&context)
        SHA1_Update(&context, bytes, bytes.count)
        SHA1_Final(&digest, &context)
        return digest
    }

    package static func sha512(_ bytes: [UInt8]) -> [UInt8] {
        var context = SHA512_CTX()
        var digest = [UInt8](repeating: 0, count: 64)
        SHA512_Init(&context)
        SHA512_Update(&context, bytes, bytes.count)
        SHA512_Final(&digest, &context)
        return digest
    }

    /// BIP 340's tagged hash: SHA-256 of the tag's hash twice, then the message.
    package static func tagged(_ tag: String, _ message: [UInt8]) -> Bytes32 {
        let tagHash = sha256(Array(tag.utf8))
        var hasher = SHA256Hasher()
        hasher.update(tagHash)
        hasher.update(tagHash)
        hasher.update(message)
        return hasher.finalize()
    }
}

/// Keyed hashes and key derivation.
package enum MAC {
    /// HMAC-SHA256 (RFC 2104), composed from SHA-256 directly: five times faster than OpenSSL's one-shot call.
    package static func hmacSHA256(key: [UInt8], _ message: [UInt8]) -> Bytes32 {
        message.withUnsafeBytes { hmacSHA256(key: key, $0) }
    }

    package static func hmacSHA256(key: [UInt8], _ message: UnsafeRawBufferPointer) -> Bytes32 {
        var block = [UInt8](repeating: 0, count: 64)
        if key.count > 64 {
            block.replaceSubrange(0..<32, with: Hash.sha256(key).array)
        } else {
            block.replaceSubrange(0..<key.count, with: key)
        }
        for index in 0..<64 { block[index] ^= 0x36 }
        var inner = SHA256Hasher()
        inner.update(block)
        inner.update(message)
        let digest = inner.finalize()
        for index in 0..<64 { block[index] ^= 0x36 ^ 0x5c }
        var outer = SHA256Hasher()
        outer.update(block)
        outer.update(digest)
        return outer.finalize()
    }

    /// HMAC-SHA512, for BIP 32 derivation.
    package static func hmacSHA512(key: [UInt8], _ message: [UInt8]) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: 128)
        let material = key.count > 128 ? Hash.sha512(key) : key
        block.replaceSubrange(0..<material.count, with: material)
        for index in 0..<128 { block[index] ^= 0x36 }
        let digest = Hash.sha512(block + message)
        for index in 0..<128 { block[index] ^= 0x36 ^ 0x5c }
        return Hash.sha512(block + digest)
    }

    /// HKDF-SHA256 (RFC 5869) with an empty `info` and 64 bytes of output, as BOLT 8 uses it.
    package static func hkdf(salt: Bytes32, _ material: [UInt8]) -> (Bytes32, Bytes32) {
        let key = hmacSHA256(key: salt.array, material).array
        let first = hmacSHA256(key: key, [1])
        let second = hmacSHA256(key: key, first.array + [2])
        return (first, second)
    }

    /// PBKDF2 with HMAC-SHA512, as BIP 39 stretches a mnemonic.
    package static func pbkdf2SHA512(password: [UInt8], salt: [UInt8], iterations: Int, count: Int) -> [UInt8] {
        var output = [UInt8](repeating: 0, count: count)
        let status = password.withUnsafeBytes { buffer in
            PKCS5_PBKDF2_HMAC(
                buffer.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(buffer.count), salt,
                Int32(salt.count), Int32(iterations), EVP_sha512(), Int32(count), &output)
        }
        precondition(status == 1, "PBKDF2 cannot fail for in-memory inputs")
        return output
    }

    /// Compares without a data-dependent branch.
    package static func equal(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        left.count == right.count && CRYPTO_memcmp(left, right, left.count) == 0
    }
}
