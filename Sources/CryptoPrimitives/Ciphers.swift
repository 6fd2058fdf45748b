internal import COpenSSL

/// ChaCha20-Poly1305 (RFC 8439) under one key, its OpenSSL contexts kept between messages.
///
/// It is a value: a copy makes contexts of its own when it is used.
package struct ChaCha20Poly1305: Sendable {
    /// Contexts of OpenSSL under the key. They are used by one cipher at a time: by the only one that refers to them.
    private final class Contexts: @unchecked Sendable {
        let encryption: OpaquePointer
        let decryption: OpaquePointer

        init(_ key: Bytes32) {
            encryption = EVP_CIPHER_CTX_new()!
            decryption = EVP_CIPHER_CTX_new()!
            let bytes = key.array
            EVP_EncryptInit_ex(encryption, EVP_chacha20_poly1305(), nil, bytes, nil)
            EVP_DecryptInit_ex(decryption, EVP_chacha20_poly1305(), nil, bytes, nil)
        }

        deinit {
            EVP_CIPHER_CTX_free(encryption)
            EVP_CIPHER_CTX_free(decryption)
        }
    }

    private let key: Bytes32
    private var contexts: Contexts

    /// The length of the authentication tag.
    package static let tagLength = 16

    package init(key: Bytes32) {
        self.key = key
        contexts = Contexts(key)
    }

    private mutating func own() -> Contexts {
        if !isKnownUniquelyReferenced(&contexts) { contexts = Contexts(key) }
        return contexts
    }

    /// Appends the ciphertext and its tag to `output`.
    package mutating func seal(
        _ plaintext: UnsafeRawBufferPointer, nonce: [UInt8], associatedData: [UInt8], into output: inout [UInt8]
    ) {
        precondition(nonce.count == 12)
        let encryption = own().encryption
        let start = output.count
        output.append(contentsOf: repeatElement(0, count: plaintext.count + Self.tagLength))
        output.withUnsafeMutableBytes { buffer in
            let target = buffer.baseAddress!.advanced(by: start).assumingMemoryBound(to: UInt8.self)
            var length: Int32 = 0
            EVP_EncryptInit_ex(encryption, nil, nil, nil, nonce)
            if !associatedData.isEmpty {
                EVP_EncryptUpdate(encryption, nil, &length, associatedData, Int32(associatedData.count))
            }
            if let source = plaintext.baseAddress {
                EVP_EncryptUpdate(
                    encryption, target, &length, source.assumingMemoryBound(to: UInt8.self), Int32(plaintext.count))
            }
            EVP_EncryptFinal_ex(encryption, target.advanced(by: plaintext.count), &length)
            EVP_CIPHER_CTX_ctrl(
                encryption, EVP_CTRL_AEAD_GET_TAG, Int32(Self.tagLength), target.advanced(by: plaintext.count))
        }
    }

    /// The plaintext, or `nil` where the tag does not match.
    package mutating func open(
        _ ciphertext: UnsafeRawBufferPointer, nonce: [UInt8], associatedData: [UInt8]
    ) -> [UInt8]? {
        let decryption = own().decryption
        guard ciphertext.count >= Self.tagLength, let base = ciphertext.baseAddress else { return nil }
        let source = base.assumingMemoryBound(to: UInt8.self)
        let count = ciphertext.count - Self.tagLength
        var tag = Array(ciphertext[count...])
        var plaintext = [UInt8](repeating: 0, count: count)
        var length: Int32 = 0
        EVP_DecryptInit_ex(decryption, nil, nil, nil, nonce)
        EVP_CIPHER_CTX_ctrl(decryption, EVP_CTRL_AEAD_SET_TAG, Int32(Self.tagLength), &tag)
        if !associatedData.isEmpty {
            EVP_DecryptUpdate(decryption, nil, &length, associatedData, Int32(associatedData.count))
        }
        if count > 0 { EVP_DecryptUpdate(decryption, &plaintext, &length, source, Int32(count)) }
        var rest: UInt8 = 0
        guard EVP_DecryptFinal_ex(decryption, &rest, &length) == 1 else { return nil }
        return plaintext
    }
}

/// The ChaCha20 key stream with a zero nonce and a counter from zero, as BOLT 4 generates pseudo-random bytes.
package enum ChaCha20 {
    package static func stream(key: Bytes32, count: Int) -> [UInt8] {
        var output = [UInt8](repeating: 0, count: count)
        xor(key: key, into: &output)
        return output
    }

    /// Combines the key stream with `bytes` by exclusive or, in place.
    package static func xor(key: Bytes32, into bytes: inout [UInt8]) {
        let context = EVP_CIPHER_CTX_new()!
        defer { EVP_CIPHER_CTX_free(context) }
        let iv = [UInt8](repeating: 0, count: 16)
        let material = key.array
        EVP_EncryptInit_ex(context, EVP_chacha20(), nil, material, iv)
        var length: Int32 = 0
        bytes.withUnsafeMutableBytes { buffer in
            guard let base = buffer.baseAddress?.assumingMemoryBound(to: UInt8.self) else { return }
            EVP_EncryptUpdate(context, base, &length, base, Int32(buffer.count))
        }
    }
}
