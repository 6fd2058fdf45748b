package import BitcoinPrimitives
package import CryptoPrimitives
import LightningTransactions

/// Descendants of a commitment that pay next to nothing: layer 1 replaces no package that has more than one child.
package enum Pins {
    /// What each of the two pays.
    private static let fee = Satoshi(300)

    /// A child that spends the anchor of one side, and a child of that.
    ///
    /// - Parameters:
    ///   - funding: the key of the side whose anchor it is.
    ///   - coin: a transaction whose first output is a coin of an adversary.
    /// - Returns: `nil` for a commitment without such an anchor.
    package static func pins(_ commitment: Transaction, _ funding: borrowing SecretKey, coin: Transaction) -> [Transaction]? {
        let anchorScript = ChannelScripts.anchor(funding.publicKey())
        guard let index = commitment.outputs.firstIndex(where: { $0.script == .p2wsh(anchorScript) }), let source = coin.outputs.first,
            source.script == AdversaryCoins.script, let amount = source.amount.adding(commitment.outputs[index].amount)?.subtracting(fee),
            let rest = amount.subtracting(fee)
        else { return nil }
        let anchor = commitment.outputs[index].amount
        var first = Transaction(
            inputs: [OutPoint(commitment.id, UInt32(index)), OutPoint(coin.id, 0)].map { TransactionInput($0, sequence: 0xffff_fffd) },
            outputs: [TransactionOutput(amount, AdversaryCoins.script)])
        AdversaryCoins.sign(&first, 1, source.amount)
        var hasher = SignatureHasher(first)
        let hash = hasher.witnessV0(input: 0, scriptCode: anchorScript, amount: anchor)
        first.inputs[0].witness = [funding.sign(hash).der + [1], anchorScript.bytes]
        var second = Transaction(
            inputs: [TransactionInput(OutPoint(first.id, 0), sequence: 0xffff_fffd)],
            outputs: [TransactionOutput(rest, AdversaryCoins.script)])
        AdversaryCoins.sign(&second, 0, amount)
        return [first, second]
    }
}
