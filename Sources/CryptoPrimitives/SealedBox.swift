/// Bytes that nobody without a key reads, nor changes unseen.
///
/// Each content has a key of its own, made from the content and the key (as SIV modes do): the same content is the same bytes, and no key
/// meets one nonce with two contents.
package enum SealedBox {
    /// How much longer the result is than the content.
    package static let overhead = 32 + ChaCha20Poly1305.tagLength
    private static let nonce = [UInt8](repeating: 0, count: 12)

    /// - Parameter title: what it is: bytes that are sealed as one thing are not opened as another.
    package static func seal(_ content: [UInt8], _ key: Bytes32, title: [UInt8]) -> [UInt8] {
        let salt = MAC.hmacSHA256(key: key.array, content)
        var result = salt.array
        var cipher = ChaCha20Poly1305(key: MAC.hkdf(salt: salt, key.array).0)
        content.withUnsafeBytes { cipher.seal($0, nonce: nonce, associatedData: title, into: &result) }
        return result
    }

    /// - Returns: `nil` for another key or title, and for what was changed.
    package static func open(_ box: some Collection<UInt8>, _ key: Bytes32, title: [UInt8]) -> [UInt8]? {
        guard box.count >= overhead, let salt = Bytes32(Array(box.prefix(32))) else { return nil }
        var cipher = ChaCha20Poly1305(key: MAC.hkdf(salt: salt, key.array).0)
        return Array(box.dropFirst(32)).withUnsafeBytes { cipher.open($0, nonce: nonce, associatedData: title) }
    }
}
