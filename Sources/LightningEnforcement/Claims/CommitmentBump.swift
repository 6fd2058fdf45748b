package import BitcoinPrimitives
import CryptoPrimitives
package import LightningChain
package import LightningTransactions
import LightningWire

/// What brings our own commitment into a block when its own fee does not: a child that spends our anchor, paid for by the wallet (BOLT 5:
/// "MUST spend any `to_local_anchor` output, providing sufficient fees as incentive to include the commitment transaction in a block").
package enum CommitmentBump {
    /// The child that is wanted; `nil` where the commitment pays enough by itself, or what was published before is as it should be.
    ///
    /// - Parameters:
    ///   - signed: the commitment as it is published.
    ///   - attempt: the child that was published before.
    ///   - deadline: before which the commitment should be in a block: its HTLCs. `nil` for none.
    ///   - most: what the child may cost.
    package static func funding(
        _ commitment: CommitmentTransaction, signed: Transaction, replacing attempt: ClaimAttempt?, by deadline: Int?, most: Satoshi,
        at height: Int, _ estimates: FeeEstimates
    ) -> ClaimFunding? {
        guard let index = commitment.roles.firstIndex(of: .holderAnchor), let script = commitment.witnessScript(at: index),
            let paid = commitment.context.fundingAmount.subtracting(signed.outputs.reduce(.zero) { $0.saturatingAdding($1.amount) })
        else { return nil }
        let rate = max(ChannelClose.feeRate(by: deadline, at: height, estimates), .floor)
        let weight = signed.weight
        if let attempt {
            guard ChannelClose.isBumpDue(attempt, by: deadline, at: height, rate: rate) else { return nil }
        } else {
            guard paid < rate.feeRoundedUp(weight: weight) else { return nil }
        }
        let anchor = OutPoint(commitment.id, UInt32(index))
        var child = Transaction(inputs: [TransactionInput(anchor, sequence: 0xffff_fffd)], outputs: [])
        child.inputs[0].witness = [[UInt8](repeating: 0, count: 73), script.bytes]
        // Both together have to reach the rate: with one coin and change.
        let together = rate.feeRoundedUp(weight: weight + child.weight + OnChainWallet.coinAndChangeWeight).subtracting(paid) ?? .zero
        let wanted = ChannelClose.fees(
            replacing: attempt, weight: child.weight + OnChainWallet.coinAndChangeWeight, by: deadline, at: height)
        guard max(wanted.least, FeeRate.floor.feeRoundedUp(weight: child.weight + OnChainWallet.coinAndChangeWeight)) <= most else {
            return nil
        }
        return ClaimFunding(
            outPoints: [anchor], transaction: child, feeRate: .floor, leastFee: min(max(together, wanted.wanted), most), mostFee: most,
            surplus: CommitmentFees.anchorAmount, replacing: attempt?.transaction.id)
    }

    /// Signs the anchor, which is the first input.
    package static func sign(_ unsigned: Transaction, _ commitment: CommitmentTransaction, _ keys: ChannelKeys) -> Transaction? {
        guard let index = commitment.roles.firstIndex(of: .holderAnchor), let script = commitment.witnessScript(at: index),
            unsigned.inputs.first?.previousOutput == OutPoint(commitment.id, UInt32(index))
        else { return nil }
        var transaction = unsigned
        var hasher = SignatureHasher(transaction)
        let hash = hasher.witnessV0(input: 0, scriptCode: script, amount: CommitmentFees.anchorAmount)
        transaction.inputs[0].witness = [keys.funding.sign(hash).der + [1], script.bytes]
        return transaction
    }
}
