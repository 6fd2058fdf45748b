package import CryptoPrimitives

/// BIP 32: a secret key from which a tree of keys grows.
package struct ExtendedSecretKey: ~Copyable, Sendable {
    package let key: SecretKey
    let chainCode: Bytes32
    let depth: UInt8
    let parentFingerprint: [UInt8]
    let childNumber: UInt32

    private init(_ key: consuming SecretKey, chainCode: Bytes32, depth: UInt8, parent: [UInt8], child: UInt32) {
        self.key = key
        self.chainCode = chainCode
        self.depth = depth
        parentFingerprint = parent
        childNumber = child
    }

    /// The master key of a seed; `nil` in the negligible case that the seed gives none.
    package init?(seed: [UInt8]) {
        let digest = MAC.hmacSHA512(key: Array("Bitcoin seed".utf8), seed)
        guard let key = SecretKey(Bytes32(digest[..<32])!) else { return nil }
        self.init(key, chainCode: Bytes32(digest[32...])!, depth: 0, parent: [0, 0, 0, 0], child: 0)
    }

    /// Bit 31 makes a derivation hardened.
    package static let hardened: UInt32 = 1 << 31

    /// BIP 32's CKDpriv; `nil` in the negligible case that the index gives no key.
    package borrowing func child(_ index: UInt32) -> ExtendedSecretKey? {
        var data = ByteWriter()
        let compressed = key.publicKey().compressed
        if index >= Self.hardened {
            data.uint8(0)
            data.write(key.unsafeBytes())
        } else {
            data.write(compressed)
        }
        data.uint32(index)
        let digest = MAC.hmacSHA512(key: chainCode.array, data.bytes)
        guard let childKey = key.adding(Bytes32(digest[..<32])!) else { return nil }
        return ExtendedSecretKey(
            childKey, chainCode: Bytes32(digest[32...])!, depth: depth &+ 1,
            parent: Array(Hash.hash160(compressed).prefix(4)), child: index)
    }

    /// Follows a path such as `m/84'/1'/0'/0/5`; `nil` for malformed text.
    package borrowing func derive(_ path: String) -> ExtendedSecretKey? {
        var current = ExtendedSecretKey(
            key.copy(), chainCode: chainCode, depth: depth, parent: parentFingerprint, child: childNumber)
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.first == "m" else { return nil }
        for part in parts.dropFirst() {
            let isHardened = part.hasSuffix("'") || part.hasSuffix("h")
            guard let number = UInt32(isHardened ? part.dropLast() : part), number < Self.hardened,
                let next = current.child(isHardened ? number | Self.hardened : number)
            else { return nil }
            current = next
        }
        return current
    }

    /// The text form with the secret key (`xprv…`, `tprv…`). Never log it.
    package borrowing func serialized(_ network: Network) -> String {
        var writer = header(network.extendedSecretVersion)
        writer.uint8(0)
        writer.write(key.unsafeBytes())
        return Base58.encodeChecked(writer.bytes)
    }

    /// The text form of the public half (`xpub…`, `tpub…`).
    package borrowing func serializedPublic(_ network: Network) -> String {
        var writer = header(network.extendedPublicVersion)
        writer.write(key.publicKey().compressed)
        return Base58.encodeChecked(writer.bytes)
    }

    private borrowing func header(_ version: UInt32) -> ByteWriter {
        var writer = ByteWriter()
        writer.uint32(version)
        writer.uint8(depth)
        writer.write(parentFingerprint)
        writer.uint32(childNumber)
        writer.write(chainCode)
        return writer
    }
}

/// Checks the text form of BIP 32 keys.
package enum ExtendedKeyText {
    /// Whether the text is a well-formed extended key of the network, secret or public.
    package static func isValid(_ text: String, network: Network) -> Bool {
        guard let payload = Base58.decodeChecked(text), payload.count == 78 else { return false }
        var reader = ByteReader(payload)
        guard let version = try? reader.uint32(), let depth = try? reader.uint8(),
            let fingerprint = try? reader.read(4), let child = try? reader.uint32(),
            (try? reader.bytes32()) != nil
        else { return false }
        // BIP 32: a key of depth zero has neither parent nor index.
        if depth == 0 && (child != 0 || fingerprint != [0, 0, 0, 0]) { return false }
        let key = reader.rest()
        if version == network.extendedSecretVersion {
            return key[0] == 0 && SecretKey(Bytes32(key[1...])!) != nil
        }
        return version == network.extendedPublicVersion && PublicKey(compressed: key) != nil
    }
}
