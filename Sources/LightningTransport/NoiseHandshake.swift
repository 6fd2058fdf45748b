import CryptoPrimitives

/// Why a BOLT 8 connection must be closed at once. The raw values are the BOLT's own error names.
package enum NoiseFailure: String, Error, Hashable, Sendable {
    case badVersion = "ACT_BAD_VERSION"
    case badTag = "BAD_TAG"
    case badPublicKey = "BAD_PUBKEY"
    /// A message is longer than 65535 bytes.
    case messageTooLong = "MESSAGE_TOO_LONG"
}

/// BOLT 8's three-act handshake, Noise_XK_secp256k1_ChaChaPoly_SHA256, for either role.
///
/// Each act goes out or comes in whole; after the third, `finish` gives the two keys of the transport. It is a value: a copy goes on by
/// itself.
struct NoiseHandshake: Sendable {
    /// The act that comes next.
    enum Step: Sendable { case one, two, three, done }

    let isInitiator: Bool
    private(set) var step = Step.one
    /// They never change: copies of a handshake share them.
    private final class Secrets: Sendable {
        let localStatic: SecretKey
        let ephemeral: SecretKey

        init(localStatic: consuming SecretKey, ephemeral: consuming SecretKey) {
            self.localStatic = localStatic
            self.ephemeral = ephemeral
        }
    }

    private let secrets: Secrets
    private(set) var remoteStatic: PublicKey?
    private var remoteEphemeral: PublicKey?
    private var hash: Bytes32
    private var chainingKey: Bytes32
    private var temporaryKey = Bytes32.zero

    static let actOneLength = 50
    static let actTwoLength = 50
    static let actThreeLength = 66

    /// - Parameter remoteStatic: the responder's node id, which only the initiator knows.
    init(localStatic: consuming SecretKey, ephemeral: consuming SecretKey, remoteStatic: PublicKey?) {
        isInitiator = remoteStatic != nil
        chainingKey = Hash.sha256(Array("Noise_XK_secp256k1_ChaChaPoly_SHA256".utf8))
        hash = Hash.sha256(chainingKey.array + Array("lightning".utf8))
        let responder = remoteStatic ?? localStatic.publicKey()
        hash = Hash.sha256(hash.array + responder.compressed)
        secrets = Secrets(localStatic: localStatic, ephemeral: ephemeral)
        self.remoteStatic = remoteStatic
    }

    /// Whether this side speaks next.
    var speaks: Bool { (step == .two) != isInitiator && step != .done }

    /// The length of the act that the other side sends next.
    var expectedLength: Int { step == .three ? Self.actThreeLength : Self.actOneLength }

    /// Our next act.
    mutating func write() -> [UInt8] {
        switch step {
        case .one:
            step = .two
            return writeEphemeral(sharedWith: remoteStatic!)
        case .two:
            step = .three
            return writeEphemeral(sharedWith: remoteEphemeral!)
        case .three:
            step = .done
            let sealedKey = seal(secrets.localStatic.publicKey().compressed, nonce: 1)
            mix(secrets.localStatic.sharedSecret(with: remoteEphemeral!))
            return [0] + sealedKey + seal([], nonce: 0)
        case .done: preconditionFailure("the handshake is over")
        }
    }

    /// Takes the other side's next act, of exactly `expectedLength` bytes.
    mutating func read(_ act: [UInt8]) throws(NoiseFailure) {
        precondition(act.count == expectedLength)
        guard act[0] == 0 else { throw .badVersion }
        switch step {
        case .one:
            remoteEphemeral = try readEphemeral(act, useStatic: true)
            step = .two
        case .two:
            remoteEphemeral = try readEphemeral(act, useStatic: false)
            step = .three
        case .three:
            let key = try open(Array(act[1..<50]), nonce: 1)
            guard let parsed = PublicKey(compressed: key) else { throw .badPublicKey }
            remoteStatic = parsed
            mix(secrets.ephemeral.sharedSecret(with: parsed))
            _ = try open(Array(act[50...]), nonce: 0)
            step = .done
        case .done: preconditionFailure("the handshake is over")
        }
    }

    /// The keys to send and to receive with, and the chaining key for their rotation.
    func finish() -> (send: Bytes32, receive: Bytes32, chainingKey: Bytes32) {
        let (first, second) = MAC.hkdf(salt: chainingKey, [])
        return isInitiator ? (first, second, chainingKey) : (second, first, chainingKey)
    }

    // MARK: Parts of an act

    private mutating func writeEphemeral(sharedWith other: PublicKey) -> [UInt8] {
        let key = secrets.ephemeral.publicKey().compressed
        hash = Hash.sha256(hash.array + key)
        mix(secrets.ephemeral.sharedSecret(with: other))
        return [0] + key + seal([], nonce: 0)
    }

    private mutating func readEphemeral(_ act: [UInt8], useStatic: Bool) throws(NoiseFailure) -> PublicKey {
        guard let key = PublicKey(compressed: act[1..<34]) else { throw .badPublicKey }
        hash = Hash.sha256(hash.array + act[1..<34])
        mix(useStatic ? secrets.localStatic.sharedSecret(with: key) : secrets.ephemeral.sharedSecret(with: key))
        _ = try open(Array(act[34...]), nonce: 0)
        return key
    }

    private mutating func mix(_ secret: Bytes32) {
        (chainingKey, temporaryKey) = MAC.hkdf(salt: chainingKey, secret.array)
    }

    private mutating func seal(_ plaintext: [UInt8], nonce: UInt64) -> [UInt8] {
        var output: [UInt8] = []
        var cipher = ChaCha20Poly1305(key: temporaryKey)
        plaintext.withUnsafeBytes {
            cipher.seal(
                $0, nonce: NoiseCipher.nonce(nonce), associatedData: hash.array, into: &output)
        }
        hash = Hash.sha256(hash.array + output)
        return output
    }

    private mutating func open(_ ciphertext: [UInt8], nonce: UInt64) throws(NoiseFailure) -> [UInt8] {
        var cipher = ChaCha20Poly1305(key: temporaryKey)
        let plaintext = ciphertext.withUnsafeBytes {
            cipher.open(
                $0, nonce: NoiseCipher.nonce(nonce), associatedData: hash.array)
        }
        guard let plaintext else { throw .badTag }
        hash = Hash.sha256(hash.array + ciphertext)
        return plaintext
    }
}
