package import BitcoinPrimitives
package import CryptoPrimitives
import LightningTransactions

/// Coins of adversaries, which no node's wallet knows of.
package enum AdversaryCoins {
    /// Whoever has them.
    package static let key = SecretKey(Hash.sha256(Array("pinner".utf8)))!
    /// Where they are.
    package static let script = Script.p2wpkh(key.publicKey())

    /// Signs an input that spends one of them, over the whole transaction.
    package static func sign(_ transaction: inout Transaction, _ index: Int, _ amount: Satoshi) {
        var hasher = SignatureHasher(transaction)
        let code = Script.p2pkh(hash: Hash.hash160(key.publicKey().compressed))
        let hash = hasher.witnessV0(input: index, scriptCode: code, amount: amount)
        transaction.inputs[index].witness = [key.sign(hash).der + [1], key.publicKey().compressed]
    }
}
