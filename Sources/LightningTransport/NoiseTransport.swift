package import CryptoPrimitives

/// One direction of a BOLT 8 connection: a key that changes after every 1000 uses.
struct NoiseCipher: Sendable {
    private var cipher: ChaCha20Poly1305
    private var key: Bytes32
    private var chainingKey: Bytes32
    private var counter: UInt64 = 0

    init(key: Bytes32, chainingKey: Bytes32) {
        self.key = key
        self.chainingKey = chainingKey
        cipher = ChaCha20Poly1305(key: key)
    }

    /// BOLT 8: "32 zero bits, followed by a little-endian 64-bit value".
    static func nonce(_ counter: UInt64) -> [UInt8] {
        [0, 0, 0, 0] + withUnsafeBytes(of: counter.littleEndian) { Array($0) }
    }

    private mutating func advance() {
        counter += 1
        // BOLT 8: "A key is to be rotated after a party encrypts or decrypts 1000 times with it".
        guard counter == 1000 else { return }
        (chainingKey, key) = MAC.hkdf(salt: chainingKey, key.array)
        cipher = ChaCha20Poly1305(key: key)
        counter = 0
    }

    mutating func seal(_ plaintext: UnsafeRawBufferPointer, into output: inout [UInt8]) {
        cipher.seal(plaintext, nonce: Self.nonce(counter), associatedData: [], into: &output)
        advance()
    }

    mutating func open(_ ciphertext: UnsafeRawBufferPointer) throws(NoiseFailure) -> [UInt8] {
        guard let plaintext = cipher.open(ciphertext, nonce: Self.nonce(counter), associatedData: []) else {
            throw .badTag
        }
        advance()
        return plaintext
    }
}

/// A BOLT 8 connection from its first byte: handshake, then messages of up to 65535 bytes each way.
///
/// It is a value over keys and counters, so that a whole node can be copied. Of two copies only one may go on to speak to the same peer:
/// otherwise one key would encrypt two messages with one number.
package struct NoiseTransport: Sendable {
    /// Copied when it is changed and somebody else refers to it: a copy that is only looked at costs nothing.
    private final class Storage: @unchecked Sendable {
        var state: NoiseState
        init(_ state: NoiseState) { self.state = state }
    }

    private var storage: Storage

    package static let maximumMessageLength = NoiseState.maximumMessageLength

    /// - Parameters:
    ///   - localSecret: this node's secret key.
    ///   - ephemeral: a secret made for this connection only.
    ///   - remoteNodeID: the node to connect to, or `nil` for the side that accepts.
    package init(localSecret: borrowing SecretKey, ephemeral: consuming SecretKey, remoteNodeID: PublicKey?) {
        storage = Storage(NoiseState(localSecret: localSecret, ephemeral: ephemeral, remoteNodeID: remoteNodeID))
    }

    private mutating func own() -> Storage {
        if !isKnownUniquelyReferenced(&storage) { storage = Storage(storage.state) }
        return storage
    }

    /// The other side's node id: known to the initiator from the start, to the responder after act three.
    package var remoteNodeID: PublicKey? { storage.state.remoteNodeID }
    package var isEstablished: Bool { storage.state.isEstablished }

    /// The initiator's first bytes.
    package mutating func start() -> [UInt8] { own().state.start() }

    /// Takes bytes as they come from the socket.
    ///
    /// - Returns: the handshake bytes to answer with, and the messages that are complete now.
    /// - Throws: a failure after which the connection must be closed.
    package mutating func receive(_ bytes: [UInt8]) throws(NoiseFailure) -> (reply: [UInt8], messages: [[UInt8]]) {
        try own().state.receive(bytes)
    }

    /// Encrypts one message for the socket. The handshake must be over.
    package mutating func seal(_ message: [UInt8]) throws(NoiseFailure) -> [UInt8] { try own().state.seal(message) }
}

/// What a connection is: the handshake, then keys and counters of both directions.
struct NoiseState: Sendable {
    /// `nil` once it is over.
    private var handshake: NoiseHandshake?
    private var sender: NoiseCipher?
    private var receiver: NoiseCipher?
    private var incoming: [UInt8] = []
    private var consumed = 0
    private var bodyLength: Int?
    /// The other side's node id: known to the initiator from the start, to the responder after act three.
    private(set) var remoteNodeID: PublicKey?
    private(set) var isEstablished = false

    static let maximumMessageLength = 65535

    /// - Parameters:
    ///   - localSecret: this node's secret key.
    ///   - ephemeral: a secret made for this connection only.
    ///   - remoteNodeID: the node to connect to, or `nil` for the side that accepts.
    init(localSecret: borrowing SecretKey, ephemeral: consuming SecretKey, remoteNodeID: PublicKey?) {
        handshake = NoiseHandshake(localStatic: localSecret.copy(), ephemeral: ephemeral, remoteStatic: remoteNodeID)
        self.remoteNodeID = remoteNodeID
    }

    /// The initiator's first bytes.
    mutating func start() -> [UInt8] { speak() }

    private mutating func speak() -> [UInt8] {
        guard handshake?.speaks == true, let act = handshake?.write() else { return [] }
        finishHandshake()
        return act
    }

    private mutating func finishHandshake() {
        guard let done = handshake, done.step == .done else { return }
        let keys = done.finish()
        sender = NoiseCipher(key: keys.send, chainingKey: keys.chainingKey)
        receiver = NoiseCipher(key: keys.receive, chainingKey: keys.chainingKey)
        remoteNodeID = done.remoteStatic
        isEstablished = true
        handshake = nil
    }

    /// Takes bytes as they come from the socket.
    ///
    /// - Returns: the handshake bytes to answer with, and the messages that are complete now.
    /// - Throws: a failure after which the connection must be closed.
    mutating func receive(_ bytes: [UInt8]) throws(NoiseFailure) -> (reply: [UInt8], messages: [[UInt8]]) {
        incoming.append(contentsOf: bytes)
        defer { compact() }
        var reply: [UInt8] = []
        while let handshake {
            let length = handshake.expectedLength
            guard !handshake.speaks, incoming.count - consumed >= length else { return (reply, []) }
            let act = Array(incoming[consumed..<consumed + length])
            consumed += length
            try self.handshake?.read(act)
            finishHandshake()
            if !isEstablished { reply += speak() }
        }
        return (reply, try readMessages())
    }

    private mutating func readMessages() throws(NoiseFailure) -> [[UInt8]] {
        var messages: [[UInt8]] = []
        while true {
            if let length = bodyLength {
                guard incoming.count - consumed >= length + 16 else { return messages }
                messages.append(try open(length + 16))
                bodyLength = nil
            } else {
                guard incoming.count - consumed >= 18 else { return messages }
                let prefix = try open(18)
                bodyLength = Int(prefix[0]) << 8 | Int(prefix[1])
            }
        }
    }

    private mutating func open(_ count: Int) throws(NoiseFailure) -> [UInt8] {
        let range = consumed..<consumed + count
        consumed += count
        // Taken out while it is used, so that it is not copied.
        guard var cipher = receiver.take() else { throw .badTag }
        let result: Result<[UInt8], NoiseFailure> = incoming.withUnsafeBytes { buffer in
            do throws(NoiseFailure) {
                return .success(try cipher.open(UnsafeRawBufferPointer(rebasing: buffer[range])))
            } catch {
                return .failure(error)
            }
        }
        receiver = cipher
        return try result.get()
    }

    /// Drops what has been read once it is most of the buffer.
    private mutating func compact() {
        guard consumed == incoming.count || consumed > 1 << 16 else { return }
        incoming.removeSubrange(0..<consumed)
        consumed = 0
    }

    /// Encrypts one message for the socket. The handshake must be over.
    mutating func seal(_ message: [UInt8]) throws(NoiseFailure) -> [UInt8] {
        guard message.count <= Self.maximumMessageLength else { throw .messageTooLong }
        guard var cipher = sender.take() else { preconditionFailure("nothing is sent before the handshake is over") }
        var output: [UInt8] = []
        output.reserveCapacity(message.count + 34)
        withUnsafeBytes(of: UInt16(message.count).bigEndian) { cipher.seal($0, into: &output) }
        message.withUnsafeBytes { cipher.seal($0, into: &output) }
        sender = cipher
        return output
    }
}
