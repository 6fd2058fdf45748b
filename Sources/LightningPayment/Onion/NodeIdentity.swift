package import CryptoPrimitives
package import LightningWire

/// The key by which the network knows a node. It is never copied: machines that need it share it.
package final class NodeIdentity: Sendable {
    package let secret: SecretKey
    package let nodeID: NodeID

    package init(_ secret: consuming SecretKey) {
        nodeID = secret.publicKey()
        self.secret = secret
    }
}
