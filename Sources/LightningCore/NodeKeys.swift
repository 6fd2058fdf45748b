package import BitcoinPrimitives
package import CryptoPrimitives
package import LightningChain
import LightningChannel
package import LightningPayment
package import LightningTransactions
import Synchronization

/// All keys of a node, derived from one BIP 39 seed by BIP 32.
///
/// - `m/84'/coin'/0'/0|1/i`: on-chain addresses and change (BIP 84; any wallet with the words finds this money).
/// - `m/535'/coin'/0'`: the node's identity.
/// - `m/535'/coin'/1'/i'`, with a random salt that is stored with the channel: the secrets of the i-th channel.
/// - `m/535'/coin'/3'`: what backups are sealed with.
/// - `m/535'/coin'/2'`, with our funding key of a channel, which everybody sees once it is closed: the key of our `to_remote` output.
package final class NodeKeys: Sendable {
    package let identity: NodeIdentity
    package let wallet: WalletKeys
    private let channels: ExtendedSecretKey
    private let payments: SecretKey
    /// What backups are sealed with.
    package let backup: Bytes32

    /// A channel from before there were salts, by what pays its payment basepoint.
    typealias UnsaltedScripts = [Script: (index: UInt64, hasAnchors: Bool)]
    private let unsaltedCount: UInt64
    private let unsalted = Mutex<UnsaltedScripts?>(nil)

    /// - Parameters:
    ///   - seed: BIP 39's 64 bytes.
    ///   - unsaltedChannels: how many channels from before there were salts are looked for.
    package init(seed: [UInt8], network: Network, unsaltedChannels: UInt64 = 1000) {
        unsaltedCount = unsaltedChannels
        // A seed that gives no key has a probability of 2^-127.
        let master = ExtendedSecretKey(seed: seed)!
        let base = "m/535'/\(network.coinType)'"
        identity = NodeIdentity(master.derive("\(base)/0'")!.key.copy())
        channels = master.derive("\(base)/1'")!
        payments = master.derive("\(base)/2'")!.key.copy()
        backup = Hash.tagged("swift-lightning/backup", master.derive("\(base)/3'")!.key.unsafeBytes().array)
        wallet = WalletKeys(master: master, network: network)
    }

    package var nodeSecret: SecretKey { _read { yield identity.secret } }
    package var nodeID: PublicKey { identity.nodeID }

    private func seed(_ index: UInt64) -> Bytes32 {
        channels.child(UInt32(index & 0x7fff_ffff) | ExtendedSecretKey.hardened)!.key.unsafeBytes()
    }

    /// The keys of one channel.
    package func channel(_ origin: ChannelKeyOrigin) -> ChannelKeys {
        let seed = seed(origin.index)
        guard let salt = origin.salt else { return ChannelKeys(seed: seed) }
        return ChannelKeys(seed: Hash.tagged("swift-lightning/channel/salted", seed.array + salt.array)) { fundingKey in
            self.paymentSecret(fundingKey: fundingKey)
        }
    }

    /// The secret of a channel's payment basepoint.
    ///
    /// It depends on the words and on our funding key alone, and that key is in the witness of the transaction that closes the
    /// channel: so a wallet that has nothing but its words finds its money in the commitments that its peers publish.
    func paymentSecret(fundingKey: PublicKey) -> SecretKey {
        SecretKey(Hash.tagged("swift-lightning/to_remote", payments.unsafeBytes().array + fundingKey.compressed))!
    }

    /// The identity under which one watchtower knows us.
    func towerSecret(_ tower: PublicKey, salt: Bytes32) -> SecretKey {
        SecretKey(Hash.tagged("swift-lightning/watchtower", backup.array + tower.compressed + salt.array))!
    }

    /// The same for the i-th channel from before there were salts.
    func unsaltedPaymentSecret(_ index: UInt64) -> SecretKey { ChannelKeys.unsaltedPaymentSecret(seed: seed(index)) }

    /// What the payment basepoints of channels from before there were salts are paid by; made when it is first needed.
    func unsaltedScripts() -> UnsaltedScripts {
        unsalted.withLock { known in
            if let known { return known }
            var scripts: UnsaltedScripts = [:]
            for index in 0..<unsaltedCount {
                let key = unsaltedPaymentSecret(index).publicKey()
                for hasAnchors in [false, true] {
                    scripts[ChannelScripts.toRemoteOutput(key, hasAnchors: hasAnchors)] = (index, hasAnchors)
                }
            }
            known = scripts
            return scripts
        }
    }
}
