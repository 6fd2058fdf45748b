public import CryptoPrimitives
public import LightningWire

/// The key by which the network knows a node. It is never copied: machines that need it share it.
public final class NodeIdentity: Sendable {
    public let secret: SecretKey
    public let nodeID: NodeID

    public init(_ secret: consuming SecretKey) {
        nodeID = secret.publicKey()
        self.secret = secret
    }
}
