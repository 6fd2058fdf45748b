package import BitcoinPrimitives
import CryptoPrimitives
package import LightningChain
package import LightningTransactions
import LightningWire

/// What brings a commitment into a block when its own fee does not: a child that spends our anchor, paid for by the wallet (BOLT 5:
/// "MUST spend any `to_local_anchor` output, providing sufficient fees as incentive to include the commitment transaction in a block").
///
/// The peer's commitment has an anchor of ours as well: where the peer has published its own, for too little, ours does not get past it.
package enum CommitmentBump {
    /// Our anchor in a commitment, and its script.
    private static func anchor(of commitment: CommitmentTransaction, holderIsLocal: Bool) -> (outPoint: OutPoint, script: Script)? {
        let role: CommitmentTransaction.Role = holderIsLocal ? .holderAnchor : .counterpartyAnchor
        guard let index = commitment.roles.firstIndex(of: role), let script = commitment.witnessScript(at: index) else { return nil }
        return (OutPoint(commitment.id, UInt32(index)), script)
    }

    /// The child that is wanted; `nil` where the commitment pays enough by itself, or what was published before is as it should be.
    ///
    /// - Parameters:
    ///   - holderIsLocal: whether it is our commitment, and not the peer's.
    ///   - signed: the commitment as it is published.
    ///   - attempt: the child that was published before.
    ///   - deadline: before which the commitment should be in a block: its HTLCs. `nil` for none.
    ///   - most: what the child may cost.
    ///   - wanted: what the owner wants both to pay together at the least, and what the child may cost then.
    package static func funding(
        _ commitment: CommitmentTransaction, holderIsLocal: Bool = true, signed: Transaction, replacing attempt: ClaimAttempt?,
        by deadline: BlockHeight?, most: Satoshi, wanted owner: (rate: FeeRate, most: Satoshi)? = nil,
        at height: BlockHeight, _ estimates: FeeEstimates
    ) -> ClaimFunding? {
        guard let (anchor, script) = anchor(of: commitment, holderIsLocal: holderIsLocal),
            let paid = commitment.context.fundingAmount.subtracting(signed.outputs.reduce(.zero) { $0.saturatingAdding($1.amount) })
        else { return nil }
        let rate = max(ChannelClose.feeRate(by: deadline, at: height, estimates), owner?.rate ?? .floor, .floor)
        let weight = signed.weight
        var isDue = false
        if let attempt {
            isDue = ChannelClose.isBumpDue(attempt, by: deadline, at: height, rate: rate)
            let isTooLittle =
                owner.map { paid.saturatingAdding(attempt.fee) < $0.rate.feeRoundedUp(weight: weight + attempt.transaction.weight) }
                ?? false
            guard isTooLittle || isDue else { return nil }
        } else {
            guard paid < rate.feeRoundedUp(weight: weight) else { return nil }
        }
        var child = Transaction(inputs: [TransactionInput(anchor, sequence: 0xffff_fffd)], outputs: [])
        child.inputs[0].witness = [[UInt8](repeating: 0, count: 73), script.bytes]
        // Both together have to reach the rate: with one coin and change.
        let childWeight = child.weight + OnChainWallet.coinAndChangeWeight
        let together = rate.feeRoundedUp(weight: weight + childWeight).subtracting(paid) ?? .zero
        let wanted = ChannelClose.fees(replacing: attempt, weight: childWeight, by: deadline, at: height)
        let least = max(wanted.least, FeeRate.floor.feeRoundedUp(weight: childWeight))
        // What the owner asks for, with room for some more coins, and what a replacement costs at the least; no more than what is at stake.
        let asked = owner.map { owner in
            let whole = owner.rate.feeRoundedUp(weight: weight + childWeight + Self.furtherCoins * OnChainWallet.coinAndChangeWeight)
            return min(max(whole.subtracting(paid) ?? .zero, least), owner.most)
        }
        let most = max(most, asked ?? .zero)
        guard least <= most else { return nil }
        // What the schedule wants is more than the owner's wish needs.
        let step = isDue ? wanted.wanted : .zero
        return ClaimFunding(
            outPoints: [anchor], transaction: child, feeRate: .floor, leastFee: min(max(together, step, least), most),
            coinRate: rate, mostFee: most, surplus: CommitmentFees.anchorAmount, replacing: attempt?.transaction.id)
    }

    /// Coins beyond the first that a child may take where the owner says its fee rate.
    private static let furtherCoins = 4

    /// Signs the anchor, which is the first input.
    package static func sign(
        _ unsigned: Transaction, _ commitment: CommitmentTransaction, holderIsLocal: Bool = true, _ keys: ChannelKeys
    ) -> Transaction? {
        guard let (anchor, script) = anchor(of: commitment, holderIsLocal: holderIsLocal),
            unsigned.inputs.first?.previousOutput == anchor
        else { return nil }
        var transaction = unsigned
        var hasher = SignatureHasher(transaction)
        let hash = hasher.witnessV0(input: 0, scriptCode: script, amount: CommitmentFees.anchorAmount)
        transaction.inputs[0].witness = [keys.funding.sign(hash).der + [1], script.bytes]
        return transaction
    }
}
