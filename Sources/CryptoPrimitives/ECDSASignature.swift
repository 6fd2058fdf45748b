internal import CSecp256k1

/// An ECDSA signature; on a Lightning wire 64 bytes, in a Bitcoin witness DER.
package struct ECDSASignature: Hashable, Sendable {
    let raw: secp256k1_ecdsa_signature

    init(raw: secp256k1_ecdsa_signature) { self.raw = raw }

    /// Parses BOLT's 64-byte form; `nil` where r or s is not below the group order.
    package init?(compact bytes: some Collection<UInt8>) {
        guard bytes.count == 64 else { return nil }
        var signature = secp256k1_ecdsa_signature()
        guard secp256k1_ecdsa_signature_parse_compact(Secp256k1.context, &signature, Array(bytes)) == 1 else {
            return nil
        }
        raw = signature
    }

    /// Parses strict DER.
    package init?(der bytes: [UInt8]) {
        var signature = secp256k1_ecdsa_signature()
        guard secp256k1_ecdsa_signature_parse_der(Secp256k1.context, &signature, bytes, bytes.count) == 1 else {
            return nil
        }
        raw = signature
    }

    /// Whether both numbers of a DER signature begin with a bit that is not set, where they seem to be.
    private static func hasPositiveNumbers(_ bytes: UnsafeBufferPointer<UInt8>) -> Bool {
        guard bytes.count > 8, bytes[4] < 0x80 else { return false }
        let second = 6 + Int(bytes[3])
        return second < bytes.count && bytes[second] < 0x80
    }

    /// Parses what Bitcoin accepted before BIP 66: lengths in long form, superfluous padding, garbage at the end.
    ///
    /// An r or s that overflows makes a signature that verifies for no key.
    package init?(laxDER bytes: ArraySlice<UInt8>) {
        // What is strict DER, and since BIP 66 all of it is, the library reads the same way, except for negative
        // numbers: they are zero there, and counted as positive before BIP 66.
        var strict = secp256k1_ecdsa_signature()
        let isStrict = bytes.withUnsafeBufferPointer {
            Self.hasPositiveNumbers($0)
                && secp256k1_ecdsa_signature_parse_der(Secp256k1.context, &strict, $0.baseAddress!, $0.count) == 1
        }
        if isStrict {
            raw = strict
            return
        }
        let bytes = Array(bytes)
        var reader = LaxDERReader(bytes)
        guard reader.byte() == 0x30, reader.skipLength(), let r = reader.integer(), let s = reader.integer() else {
            return nil
        }
        let overflow = r.count > 32 || s.count > 32
        var compact = [UInt8](repeating: 0, count: 64)
        if !overflow {
            compact.replaceSubrange(32 - r.count..<32, with: r)
            compact.replaceSubrange(64 - s.count..<64, with: s)
        }
        self = ECDSASignature(compact: compact) ?? ECDSASignature(compact: [UInt8](repeating: 0, count: 64))!
    }

    /// The 64-byte form of the BOLTs.
    package var compact: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 64) { buffer, count in
            count = 64
            _ = withUnsafePointer(to: raw) {
                secp256k1_ecdsa_signature_serialize_compact(Secp256k1.context, buffer.baseAddress!, $0)
            }
        }
    }

    /// The DER form, without a sighash byte.
    package var der: [UInt8] {
        [UInt8](unsafeUninitializedCapacity: 72) { buffer, count in
            count = 72
            _ = withUnsafePointer(to: raw) {
                secp256k1_ecdsa_signature_serialize_der(Secp256k1.context, buffer.baseAddress!, &count, $0)
            }
        }
    }

    /// Whether S is in the lower half, as the BOLTs and Bitcoin's policy demand.
    package var hasLowS: Bool {
        withUnsafePointer(to: raw) { secp256k1_ecdsa_signature_normalize(Secp256k1.context, nil, $0) == 0 }
    }

    /// The same signature with a low S.
    package var normalized: ECDSASignature {
        var output = secp256k1_ecdsa_signature()
        _ = withUnsafePointer(to: raw) { secp256k1_ecdsa_signature_normalize(Secp256k1.context, &output, $0) }
        return ECDSASignature(raw: output)
    }

    /// Whether `key` signed `hash`. A high S does not verify.
    package func verify(_ hash: Bytes32, key: PublicKey) -> Bool {
        withUnsafePointer(to: raw) { signature in
            withUnsafePointer(to: key.raw) { key in
                hash.withUnsafeBytes { secp256k1_ecdsa_verify(Secp256k1.context, signature, $0.uint8, key) == 1 }
            }
        }
    }

    package static func == (left: ECDSASignature, right: ECDSASignature) -> Bool { left.compact == right.compact }
    package func hash(into hasher: inout Hasher) { hasher.combine(compact) }
}

/// Reads the loose DER of old signatures.
private struct LaxDERReader {
    let bytes: [UInt8]
    var position = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func byte() -> UInt8? {
        guard position < bytes.count else { return nil }
        defer { position += 1 }
        return bytes[position]
    }

    /// The sequence's length is not checked, only passed over.
    mutating func skipLength() -> Bool {
        guard let first = byte() else { return false }
        guard first & 0x80 != 0 else { return true }
        let count = Int(first & 0x7f)
        guard count <= bytes.count - position else { return false }
        position += count
        return true
    }

    /// An integer's bytes without leading zeros.
    mutating func integer() -> ArraySlice<UInt8>? {
        guard byte() == 0x02, let first = byte() else { return nil }
        var length = Int(first)
        if first & 0x80 != 0 {
            var count = Int(first & 0x7f)
            guard count <= bytes.count - position else { return nil }
            while count > 0, bytes[position] == 0 {
                position += 1
                count -= 1
            }
            guard count < 4 else { return nil }
            length = 0
            for _ in 0..<count { length = length << 8 | Int(byte()!) }
        }
        guard length <= bytes.count - position else { return nil }
        let slice = bytes[position..<position + length].drop { $0 == 0 }
        position += length
        return slice
    }
}
