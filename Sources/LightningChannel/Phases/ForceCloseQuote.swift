public import BitcoinPrimitives
import CryptoPrimitives
import LightningChain
package import LightningEnforcement
import LightningTransactions
import LightningWire

/// What closing a channel without its peer would come to, were our commitment mined in the next block: worked out by what does it then.
public struct ForceCloseQuote: Hashable, Sendable {
    /// HTLCs of one side that are outputs.
    public struct HTLCs: Hashable, Sendable {
        /// How many.
        public var count = 0
        /// What is in them.
        public var amount = Satoshi.zero
        /// The last height at which one of them expires.
        public var lastExpiry: BlockHeight?
    }

    /// Ours after our delay, before the fee of its claim.
    public var toLocal = Satoshi.zero
    /// Blocks that it has to wait.
    public var delay: Int
    /// HTLCs that we offered: ours again after their time, unless the peer shows their preimages.
    public var offered = HTLCs()
    /// HTLCs of the peer: ours by their preimages.
    public var received = HTLCs()
    /// HTLCs, and parts of satoshi, that have no output: they go to the miner.
    public var lost = Satoshi.zero
    /// What the two anchors hold: nobody's, in the end.
    public var anchors = Satoshi.zero
    /// What the commitment itself pays, without what is lost.
    public var commitmentFee: Satoshi
    /// Whether that is out of our side: we opened the channel.
    public var isCommitmentFeeOurs: Bool
    /// What the wallet adds so that the commitment is mined in time, or pays what the owner wants: the fee of a child without the anchor that
    /// it spends.
    public var childFee: Satoshi { child?.leastFee.subtracting(child?.surplus ?? .zero) ?? .zero }
    /// The child; `nil` where none is wanted.
    package var child: ClaimFunding?
    /// The peer's commitment where that waits in the mempool: then it is paid for, and mined in place of ours.
    public var peersCommitment: TransactionID?
    /// Whether the wallet has coins for the child; without them the commitment is published alone.
    public var isChildCovered = true
    /// What claims would cost at the fee rates of now.
    public var claimFees = Satoshi.zero
    /// The height by which all that is ours can be on its way into the wallet.
    public var backBy: BlockHeight
}

extension PaymentChannel {
    /// Of a claim of an output that waited for our delay, and of an HTLC-success transaction (BOLT 3).
    private static let (sweepWeight, successWeight) = (483, 706)

    /// What closing the channel by our commitment would come to; `nil` for one that is closing, and without a fee rate for one that is given
    /// up.
    ///
    /// - Parameter feeRate: what the commitment and its child are to pay together at the least.
    package func forceCloseQuote(feeRate: FeeRate? = nil, _ environment: ChannelEnvironment) -> ForceCloseQuote? {
        switch phase {
        case .live: break
        case .failed: guard feeRate != nil else { return nil }
        case .dataLost, .closing, .closed: return nil
        }
        var channel = self
        let commitment = channel.localCommitment(environment.keys)
        let mined = environment.height + 1
        var close = channel.closeByOurCommitment(at: mined, environment)
        let paid = commitment.transaction.outputs.reduce(Satoshi.zero) { $0.saturatingAdding($1.amount) }
        let fee = parameters.fundingAmount.subtracting(paid) ?? .zero
        let delay = Int(parameters.remote.toSelfDelay)
        var quote = ForceCloseQuote(
            delay: delay, commitmentFee: fee, isCommitmentFeeOurs: parameters.isOpener, backBy: mined + delay)
        var inHTLCs = Satoshi.zero
        for output in close.outputs {
            switch output.role {
            case .delayedToLocal: quote.toLocal = quote.toLocal.saturatingAdding(output.output.amount)
            case .offeredHTLC:
                quote.offered.add(output.output.amount, close.expiry(of: output))
                quote.backBy = max(quote.backBy, (close.expiry(of: output) ?? 0) + 1 + delay)
                inHTLCs = inHTLCs.saturatingAdding(output.output.amount)
            case .receivedHTLC:
                quote.received.add(output.output.amount, close.expiry(of: output))
                quote.backBy = max(quote.backBy, (close.expiry(of: output) ?? 0) + 1 + delay)
                inHTLCs = inHTLCs.saturatingAdding(output.output.amount)
            case .toRemote, .penaltyToLocal, .penaltyHTLC, .penaltySecondLevel, .htlc, .secondLevel: break
            }
        }
        let promised = commitment.contents.htlcs.reduce(MilliSatoshi.zero) { $0.saturatingAdding($1.amount) }
        quote.lost = promised.roundedDown.subtracting(inHTLCs) ?? .zero
        quote.commitmentFee = fee.subtracting(quote.lost) ?? .zero
        quote.child = channel.childOfCommitment(feeRate: feeRate, environment)
        if !isPossiblyBehind, parameters.hasAnchors { quote.peersCommitment = seenCommitmentID }
        let anchorCount = commitment.roles.count { $0 == .holderAnchor || $0 == .counterpartyAnchor }
        quote.anchors = Satoshi(CommitmentFees.anchorAmount.value * UInt64(anchorCount))
        // All that can become ours, at the height at which the last of it does.
        let script = environment.sweepScript
        let closing = ClosingChannel(
            parameters: parameters, keys: environment.keys, remoteSecrets: commitments.remoteSecrets, remoteNumber: commitments.remoteNumber
        )
        for action in close.claim(at: quote.backBy, estimates: environment.estimates, to: script, closing) {
            if case .fund(let funding) = action {
                let weight = funding.transaction.weight + OnChainWallet.coinAndChangeWeight
                quote.claimFees = quote.claimFees.saturatingAdding(funding.feeRate.feeRoundedUp(weight: weight))
            }
        }
        quote.claimFees = close.attempts.reduce(quote.claimFees) { $0.saturatingAdding($1.fee) }
        // And what is not claimed at that height yet: HTLCs whose preimages are not known, and the outputs of HTLC transactions.
        for output in close.outputs where output.role.isHTLC {
            var weight = Self.sweepWeight
            if output.status == .unresolved { weight += Self.successWeight + OnChainWallet.coinAndChangeWeight }
            quote.claimFees = quote.claimFees.saturatingAdding(max(environment.estimates[.hour], .floor).feeRoundedUp(weight: weight))
        }
        return quote
    }
}

extension ForceCloseQuote.HTLCs {
    fileprivate mutating func add(_ output: Satoshi, _ expiry: BlockHeight?) {
        count += 1
        amount = amount.saturatingAdding(output)
        lastExpiry = max(lastExpiry ?? 0, expiry ?? 0)
    }
}
