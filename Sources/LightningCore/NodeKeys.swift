public import BitcoinPrimitives
public import CryptoPrimitives
public import LightningChain
import LightningChannel

/// All keys of a node, derived from one BIP 39 seed by BIP 32.
///
/// - `m/84'/coin'/0'/0|1/i`: on-chain addresses and change (BIP 84; any wallet with the words finds this money).
/// - `m/535'/coin'/0'`: the node's identity.
/// - `m/535'/coin'/1'/i'`: the seed of the i-th channel.
public final class NodeKeys: Sendable {
    public let nodeSecret: SecretKey
    public let nodeID: PublicKey
    public let wallet: WalletKeys
    private let channels: ExtendedSecretKey

    /// - Parameter seed: BIP 39's 64 bytes.
    public init(seed: [UInt8], network: Network) {
        // A seed that gives no key has a probability of 2^-127.
        let master = ExtendedSecretKey(seed: seed)!
        let base = "m/535'/\(network.coinType)'"
        nodeSecret = master.derive("\(base)/0'")!.key.copy()
        nodeID = nodeSecret.publicKey()
        channels = master.derive("\(base)/1'")!
        wallet = WalletKeys(master: master, network: network)
    }

    /// The keys of the channel with an index.
    func channel(_ index: UInt64) -> ChannelKeys {
        let child = channels.child(UInt32(index & 0x7fff_ffff) | ExtendedSecretKey.hardened)!
        return ChannelKeys(seed: child.key.unsafeBytes())
    }
}
