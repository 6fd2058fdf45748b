package import BitcoinPrimitives
import CryptoPrimitives
import Synchronization

/// Where an on-chain key stands below `m/84'/coin'/0'` (BIP 84).
package struct KeyPath: Hashable, Sendable, Comparable {
    /// 0 for addresses that are given out, 1 for change and for money from channels.
    package var chain: UInt32
    package var index: UInt32

    package init(chain: UInt32, index: UInt32) {
        self.chain = chain
        self.index = index
    }

    package static func < (left: KeyPath, right: KeyPath) -> Bool {
        left.chain == right.chain ? left.index < right.index : left.chain < right.chain
    }
}

/// The on-chain keys of a seed. It signs, and never shows a secret.
package final class WalletKeys: Sendable {
    private let external: ExtendedSecretKey
    private let change: ExtendedSecretKey
    private let scripts = Mutex<[KeyPath: Script]>([:])

    /// - Parameter master: BIP 32's master key of the seed.
    package init(master: borrowing ExtendedSecretKey, network: Network) {
        let account = "m/84'/\(network.coinType)'/0'"
        external = master.derive("\(account)/0")!
        change = master.derive("\(account)/1")!
    }

    /// The secret key at a path. The negligible index without a key takes the next one's place nowhere: it traps.
    func secret(_ path: KeyPath) -> SecretKey {
        (path.chain == 0 ? external.child(path.index) : change.child(path.index))!.key.copy()
    }

    /// The P2WPKH script at a path. Derived once: a wallet asks for the same scripts again and again.
    package func script(_ path: KeyPath) -> Script {
        if let known = scripts.withLock({ $0[path] }) { return known }
        let script = Script.p2wpkh(secret(path).publicKey())
        scripts.withLock { $0[path] = script }
        return script
    }

    /// Signs one P2WPKH input.
    func sign(_ hasher: inout SignatureHasher, input: Int, amount: Satoshi, path: KeyPath) -> [[UInt8]] {
        let key = secret(path)
        let compressed = key.publicKey().compressed
        let hash = hasher.witnessV0(
            input: input, scriptCode: .p2pkh(hash: Hash.hash160(compressed)), amount: amount)
        return [key.sign(hash).der + [1], compressed]
    }
}
