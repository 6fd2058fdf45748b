internal import COpenSSL
internal import CSecp256k1

/// The memory of one secret; wiped when its last owner is gone.
private final class SecretMemory: Sendable {
    nonisolated(unsafe) let pointer: UnsafeMutableRawPointer

    init(_ bytes: Bytes32) {
        pointer = .allocate(byteCount: 32, alignment: 8)
        bytes.withUnsafeBytes { pointer.copyMemory(from: $0.baseAddress!, byteCount: 32) }
    }

    deinit {
        OPENSSL_cleanse(pointer, 32)
        pointer.deallocate()
    }
}

/// A secp256k1 secret key: a scalar from 1 to the group order less 1.
///
/// It cannot be copied by accident, printed, compared or encoded; its memory is wiped at the end of its life.
package struct SecretKey: ~Copyable, Sendable {
    private let memory: SecretMemory

    /// `nil` where the bytes are zero or not below the group order.
    package init?(_ bytes: Bytes32) {
        guard bytes.withUnsafeBytes({ secp256k1_ec_seckey_verify(Secp256k1.context, $0.uint8) }) == 1 else {
            return nil
        }
        memory = SecretMemory(bytes)
    }

    private init(sharing memory: SecretMemory) { self.memory = memory }

    /// A second owner of the same secret.
    package borrowing func copy() -> SecretKey { SecretKey(sharing: memory) }

    var pointer: UnsafePointer<UInt8> { UnsafePointer(memory.pointer.assumingMemoryBound(to: UInt8.self)) }

    /// The 32 secret bytes, for derivation and for the wallet's own backup. Never log them.
    package borrowing func unsafeBytes() -> Bytes32 {
        Bytes32(UnsafeRawBufferPointer(start: memory.pointer, count: 32))!
    }

    /// The public key of this secret.
    package borrowing func publicKey() -> PublicKey {
        var raw = secp256k1_pubkey()
        let status = secp256k1_ec_pubkey_create(Secp256k1.context, &raw, pointer)
        precondition(status == 1, "a verified secret key has a public key")
        return PublicKey(raw: raw)
    }

    /// This key plus `tweak` modulo the group order; `nil` in the negligible case of an invalid result.
    package borrowing func adding(_ tweak: Bytes32) -> SecretKey? {
        var bytes = unsafeBytes()
        let status = bytes.withUnsafeMutableBytes { key in
            tweak.withUnsafeBytes { secp256k1_ec_seckey_tweak_add(Secp256k1.context, key.uint8, $0.uint8) }
        }
        return status == 1 ? SecretKey(bytes) : nil
    }

    /// This key times `tweak` modulo the group order; `nil` in the negligible case of an invalid result.
    package borrowing func multiplied(by tweak: Bytes32) -> SecretKey? {
        var bytes = unsafeBytes()
        let status = bytes.withUnsafeMutableBytes { key in
            tweak.withUnsafeBytes { secp256k1_ec_seckey_tweak_mul(Secp256k1.context, key.uint8, $0.uint8) }
        }
        return status == 1 ? SecretKey(bytes) : nil
    }

    /// SHA-256 of the compressed shared point: the ECDH of BOLT 4 and BOLT 8, in constant time.
    package borrowing func sharedSecret(with other: PublicKey) -> Bytes32 {
        var output = Bytes32()
        let status = output.withUnsafeMutableBytes { target in
            withUnsafePointer(to: other.raw) {
                secp256k1_ecdh(Secp256k1.context, target.uint8, $0, pointer, nil, nil)
            }
        }
        precondition(status == 1, "ECDH of a valid key pair")
        return output
    }

    /// The raw x coordinate of the shared point (Wycheproof's ECDH), in constant time.
    package borrowing func sharedX(with other: PublicKey) -> Bytes32 {
        var output = Bytes32()
        _ = output.withUnsafeMutableBytes { target in
            withUnsafePointer(to: other.raw) {
                secp256k1_ecdh(
                    Secp256k1.context, target.uint8, $0, pointer,
                    { output, x, _, _ in
                        output!.update(from: x!, count: 32)
                        return 1
                    }, nil)
            }
        }
        return output
    }

    /// An ECDSA signature with RFC 6979's deterministic nonce and a low S.
    package borrowing func sign(_ hash: Bytes32) -> ECDSASignature {
        var raw = secp256k1_ecdsa_signature()
        _ = hash.withUnsafeBytes {
            secp256k1_ecdsa_sign(Secp256k1.context, &raw, $0.uint8, pointer, nil, nil)
        }
        return ECDSASignature(raw: raw)
    }

    /// A signature from which the public key can be recovered, as BOLT 11 has it.
    package borrowing func signRecoverable(_ hash: Bytes32) -> (signature: ECDSASignature, recoveryID: UInt8) {
        var raw = secp256k1_ecdsa_recoverable_signature()
        _ = hash.withUnsafeBytes {
            secp256k1_ecdsa_sign_recoverable(Secp256k1.context, &raw, $0.uint8, pointer, nil, nil)
        }
        var compact = [UInt8](repeating: 0, count: 64)
        var id: Int32 = 0
        secp256k1_ecdsa_recoverable_signature_serialize_compact(Secp256k1.context, &compact, &id, &raw)
        return (ECDSASignature(compact: compact)!, UInt8(id))
    }

    /// A BIP 340 signature of a 32-byte message.
    package borrowing func signSchnorr(_ message: Bytes32, auxiliary: Bytes32) -> [UInt8] {
        var pair = secp256k1_keypair()
        var signature = [UInt8](repeating: 0, count: 64)
        let created = secp256k1_keypair_create(Secp256k1.context, &pair, pointer)
        precondition(created == 1, "a verified secret key makes a key pair")
        _ = message.withUnsafeBytes { message in
            auxiliary.withUnsafeBytes {
                secp256k1_schnorrsig_sign32(Secp256k1.context, &signature, message.uint8, &pair, $0.uint8)
            }
        }
        withUnsafeMutableBytes(of: &pair) { OPENSSL_cleanse($0.baseAddress, $0.count) }
        return signature
    }

    /// The secret key of the BIP 341 output key: this key, negated for an even internal key, plus the tap tweak.
    package borrowing func tapTweaked(merkleRoot: [UInt8] = []) -> SecretKey {
        var bytes = unsafeBytes()
        if publicKey().hasOddY {
            _ = bytes.withUnsafeMutableBytes { secp256k1_ec_seckey_negate(Secp256k1.context, $0.uint8) }
        }
        let tweak = Hash.tagged("TapTweak", publicKey().xOnly.array + merkleRoot)
        return SecretKey(bytes)!.adding(tweak)!
    }
}

extension UnsafeRawBufferPointer {
    var uint8: UnsafePointer<UInt8> { baseAddress!.assumingMemoryBound(to: UInt8.self) }
}

extension UnsafeMutableRawBufferPointer {
    var uint8: UnsafeMutablePointer<UInt8> { baseAddress!.assumingMemoryBound(to: UInt8.self) }
}
