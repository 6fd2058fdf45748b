import BitcoinPrimitives
package import CryptoPrimitives
package import LightningCore
import LightningTransport
package import LightningWire

/// A connection of somebody who is no node of the world: BOLT 8 is spoken correctly, and above it whatever a test wants to say.
package struct RawConnection {
    /// The node at the other end.
    package let node: Int
    /// The identity that was claimed.
    package let nodeID: NodeID
    let id: ConnectionID
    var transport: NoiseTransport
    /// The life of the node in which it was called: after a restart it knows nothing of the connection.
    let life: UInt64
    /// What the node said and nobody has taken yet.
    package var inbox: [LightningMessage] = []
    /// Everything that the node ever said over it.
    package private(set) var heard: [LightningMessage] = []

    mutating func hear(_ message: LightningMessage) {
        inbox.append(message)
        heard.append(message)
    }

    /// Forgets what was heard: of a long conversation nobody needs all.
    package mutating func forgetHeard() { heard = [] }

    /// Takes everything that the node said so far.
    package mutating func takeInbox() -> [LightningMessage] {
        defer { inbox = [] }
        return inbox
    }
}

extension SimulatedWorld {
    /// Calls a node: handshake, and `init` of either side.
    ///
    /// - Parameters:
    ///   - features: what the caller offers; `nil` for what a node of the world offers.
    ///   - initializes: whether the caller says `init`.
    ///   - origin: where the call comes from.
    /// - Returns: `nil` where the node is down or does not talk.
    package mutating func dial(
        _ index: Int, as secret: borrowing SecretKey, features: FeatureBits? = nil, initializes: Bool = true,
        from origin: AddressGroup? = nil
    ) throws(InvariantViolation) -> RawConnection? {
        guard let core = nodes[index].core else { return nil }
        let id = ConnectionID(Self.firstStranger + strangers)
        strangers += 1
        let ephemeral = SecretKey(Hash.tagged("ephemeral", Array("\(seed)/\(strangers)".utf8)))!
        var transport = NoiseTransport(localSecret: secret, ephemeral: ephemeral, remoteNodeID: nodes[index].nodeID)
        let firstAct = transport.start()
        var connection = RawConnection(
            node: index, nodeID: secret.publicKey(), id: id, transport: transport, life: nodes[index].incarnation)
        let offered = features ?? core.configuration.features
        let chain = core.configuration.network.chainHash
        try step(index, [.connected(id, to: nil, from: origin)])
        try step(index, [.received(id, firstAct)])
        try drain(&connection)
        guard isOpen(connection), connection.transport.isEstablished else { return nil }
        if initializes { try say(.initialize(Init(features: offered, chains: [chain])), over: &connection) }
        return connection
    }

    /// Opens a socket to a node, and says nothing.
    @discardableResult
    package mutating func openSocket(to index: Int, from origin: AddressGroup? = nil) throws(InvariantViolation) -> ConnectionID {
        let id = ConnectionID(Self.firstStranger + strangers)
        strangers += 1
        try step(index, [.connected(id, to: nil, from: origin)])
        return id
    }

    /// Whether the node still holds the connection.
    package func isOpen(_ connection: RawConnection) -> Bool {
        nodes[connection.node].core != nil && nodes[connection.node].incarnation == connection.life
            && !closedStrangers.contains(connection.id)
    }

    /// Says something to the node; what it answers at once goes into the connection's inbox.
    package mutating func say(_ message: LightningMessage, over connection: inout RawConnection) throws(InvariantViolation) {
        try say(wire: message.encoded, over: &connection)
    }

    /// The same with bytes that need not be a message.
    package mutating func say(wire: [UInt8], over connection: inout RawConnection) throws(InvariantViolation) {
        guard isOpen(connection), connection.transport.isEstablished, let sealed = try? connection.transport.seal(wire) else { return }
        try step(connection.node, [.received(connection.id, sealed)])
        try drain(&connection)
    }

    /// Takes up what the node has said meanwhile.
    package mutating func listen(_ connection: inout RawConnection) throws(InvariantViolation) { try drain(&connection) }

    /// Ends the connection.
    package mutating func hangUp(_ connection: RawConnection) throws(InvariantViolation) {
        guard isOpen(connection) else { return }
        closedStrangers.insert(connection.id)
        try step(connection.node, [.disconnected(connection.id)])
        fromNodes[connection.id] = nil
    }

    private mutating func drain(_ connection: inout RawConnection) throws(InvariantViolation) {
        while let bytes = fromNodes.removeValue(forKey: connection.id) {
            guard let (reply, messages) = try? connection.transport.receive(bytes) else { return }
            for message in messages { if let parsed = try? LightningMessage(message) { connection.hear(parsed) } }
            if !reply.isEmpty, isOpen(connection) { try step(connection.node, [.received(connection.id, reply)]) }
        }
    }
}
