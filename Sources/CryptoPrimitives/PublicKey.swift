internal import CSecp256k1

/// A point on secp256k1, parsed once: a `PublicKey` is always valid.
///
/// On a wire it is BOLT 1's `point`: 33 bytes, compressed.
public struct PublicKey: Hashable, Sendable, Comparable, CustomStringConvertible {
    let raw: secp256k1_pubkey

    init(raw: secp256k1_pubkey) { self.raw = raw }

    /// Parses 33 compressed bytes, and nothing else; `nil` where they are no point.
    public init?(compressed bytes: some Collection<UInt8>) {
        guard bytes.count == 33 else { return nil }
        self.init(serialized: bytes)
    }

    /// Parses any serialization that consensus allows in a script: compressed, uncompressed or hybrid.
    public init?(serialized bytes: some Collection<UInt8>) {
        guard !bytes.isEmpty else { return nil }
        var key = secp256k1_pubkey()
        let status =
            bytes.withContiguousStorageIfAvailable {
                secp256k1_ec_pubkey_parse(Secp256k1.context, &key, $0.baseAddress!, $0.count)
            }
            ?? Array(bytes).withUnsafeBufferPointer {
                secp256k1_ec_pubkey_parse(Secp256k1.context, &key, $0.baseAddress!, $0.count)
            }
        guard status == 1 else { return nil }
        raw = key
    }

    /// Decodes 66 hexadecimal digits.
    public init?(hex: some StringProtocol) {
        guard let bytes = Hex.decode(hex) else { return nil }
        self.init(compressed: bytes)
    }

    /// The 33 compressed bytes.
    public var compressed: [UInt8] { serialize(33, flags: UInt32(SECP256K1_EC_COMPRESSED)) }

    /// The 65 uncompressed bytes.
    public var uncompressed: [UInt8] { serialize(65, flags: UInt32(SECP256K1_EC_UNCOMPRESSED)) }

    private func serialize(_ length: Int, flags: UInt32) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
            count = length
            _ = withUnsafePointer(to: raw) {
                secp256k1_ec_pubkey_serialize(Secp256k1.context, buffer.baseAddress!, &count, $0, flags)
            }
        }
    }

    /// Lower-case hexadecimal of the compressed form.
    public var hex: String { Hex.encode(compressed) }
    public var description: String { hex }

    /// BIP 340's x-only form.
    public var xOnly: Bytes32 { Bytes32(compressed[1...])! }

    /// Whether the y coordinate is odd.
    public var hasOddY: Bool { compressed[0] == 3 }

    /// This point plus `tweak` times the generator; `nil` in the negligible case of an invalid result.
    public func adding(_ tweak: Bytes32) -> PublicKey? {
        var key = raw
        let status = tweak.withUnsafeBytes { secp256k1_ec_pubkey_tweak_add(Secp256k1.context, &key, $0.uint8) }
        return status == 1 ? PublicKey(raw: key) : nil
    }

    /// This point times `tweak`. Variable time: only for factors that are no secret.
    public func multiplied(by tweak: Bytes32) -> PublicKey? {
        var key = raw
        let status = tweak.withUnsafeBytes { secp256k1_ec_pubkey_tweak_mul(Secp256k1.context, &key, $0.uint8) }
        return status == 1 ? PublicKey(raw: key) : nil
    }

    /// The sum of two points; `nil` where it is the point at infinity.
    public func adding(_ other: PublicKey) -> PublicKey? {
        var sum = secp256k1_pubkey()
        let status = withUnsafePointer(to: raw) { first in
            withUnsafePointer(to: other.raw) { second in
                var pointers: [UnsafePointer<secp256k1_pubkey>?] = [first, second]
                return secp256k1_ec_pubkey_combine(Secp256k1.context, &sum, &pointers, 2)
            }
        }
        return status == 1 ? PublicKey(raw: sum) : nil
    }

    /// BIP 341's output key for this internal key, in x-only form.
    public func tapTweaked(merkleRoot: [UInt8] = []) -> (xOnly: Bytes32, oddY: Bool)? {
        let x = xOnly
        let tweak = Hash.tagged("TapTweak", x.array + merkleRoot)
        guard let even = PublicKey(compressed: [2] + x.array), let output = even.adding(tweak) else { return nil }
        return (output.xOnly, output.hasOddY)
    }

    public static func == (left: PublicKey, right: PublicKey) -> Bool {
        withUnsafeBytes(of: left.raw) { first in
            withUnsafeBytes(of: right.raw) { second in first.elementsEqual(second) }
        }
    }

    public func hash(into hasher: inout Hasher) {
        withUnsafeBytes(of: raw) { hasher.combine(bytes: $0) }
    }

    /// The order of the compressed bytes, by which BOLT 3 and BIP 67 sort keys.
    public static func < (left: PublicKey, right: PublicKey) -> Bool {
        left.compressed.lexicographicallyPrecedes(right.compressed)
    }

    /// Recovers the signer's key from a signature, as BOLT 11 requires; accepts a high S.
    public static func recover(hash: Bytes32, signature: [UInt8], recoveryID: UInt8) -> PublicKey? {
        var raw = secp256k1_ecdsa_recoverable_signature()
        guard signature.count == 64, recoveryID < 4,
            secp256k1_ecdsa_recoverable_signature_parse_compact(
                Secp256k1.context, &raw, signature, Int32(recoveryID)) == 1
        else { return nil }
        var key = secp256k1_pubkey()
        let status = hash.withUnsafeBytes { secp256k1_ecdsa_recover(Secp256k1.context, &key, &raw, $0.uint8) }
        return status == 1 ? PublicKey(raw: key) : nil
    }
}

/// BIP 340 verification.
package enum Schnorr {
    /// Whether `signature` (64 bytes) by the x-only key signs `message`.
    package static func verify(_ signature: [UInt8], message: [UInt8], key: Bytes32) -> Bool {
        guard signature.count == 64 else { return false }
        var raw = secp256k1_xonly_pubkey()
        let parsed = key.withUnsafeBytes { secp256k1_xonly_pubkey_parse(Secp256k1.context, &raw, $0.uint8) }
        guard parsed == 1 else { return false }
        return secp256k1_schnorrsig_verify(Secp256k1.context, signature, message, message.count, &raw) == 1
    }
}
