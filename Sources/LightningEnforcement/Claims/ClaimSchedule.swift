import BitcoinPrimitives
import LightningChain
import LightningTransactions
import LightningWire

// By when a claim has to be mined, and what that may cost.
extension ChannelClose {
    /// The height before which an output has to be taken: from then on somebody else can take it. `nil` where nobody else ever can.
    func deadline(of output: Output, _ channel: ClosingChannel) -> BlockHeight? {
        let htlc = htlcs.first { $0.key == output.htlc }
        let delay = Int(channel.parameters.local.toSelfDelay)
        switch output.role {
        case .delayedToLocal, .toRemote, .secondLevel, .htlc: return nil
        case .penaltyToLocal, .penaltyHTLC: return height + delay
        case .penaltySecondLevel:
            // The cheater's delay began when it took the HTLC to its second step.
            for parent in outputs {
                if case .resolved(let id, let at, _) = parent.status, id == output.outPoint.transaction { return at + delay }
            }
            return height + delay
        // The peer can take it all the time, if it has the preimage; and upstream wants its money back soon.
        case .offeredHTLC: return htlc.map { $0.cltvExpiry.height + Self.timeoutPatience }
        case .receivedHTLC: return htlc.map { $0.cltvExpiry.height }
        }
    }

    /// Blocks after its expiry within which an HTLC that we offered should be taken back: with the depth at which it is told upstream, half of
    /// the least that a forwarder has between both sides.
    package static let timeoutPatience = 18
    /// Blocks before a deadline within which a claim must not wait.
    static let urgency = 12

    /// What a claim should pay.
    static func feeRate(by deadline: BlockHeight?, at height: BlockHeight, _ estimates: FeeEstimates) -> FeeRate {
        guard let deadline else { return estimates[.day] }
        return estimates[deadline - height <= urgency ? .urgent : .hour]
    }

    /// Whether a claim that is not mined should pay more.
    static func isBumpDue(_ attempt: ClaimAttempt, by deadline: BlockHeight?, at height: BlockHeight, rate: FeeRate) -> Bool {
        if attempt.isRefused { return true }
        let waited = height - attempt.height
        guard let deadline else {
            return waited >= 144 || waited >= 6 && rate.perKiloweight / 2 >= attempt.feeRate.perKiloweight
        }
        let left = deadline - height
        // Nobody has taken it so far: from now on what others pay is followed.
        if left <= 0 { return waited >= 6 || rate.perKiloweight / 5 * 4 >= attempt.feeRate.perKiloweight }
        // The nearer the deadline, the sooner: a twentyfold fee at six blocks before it, where a claim began at a hundred.
        return waited >= (left > 6 ? max(2, left / 6) : 1)
    }

    /// The fee of what replaces an attempt: a quarter more than it paid, and half more near to the deadline; and the least that it can be.
    /// BIP 125: "The replacement transaction must also pay for its own bandwidth at or above the rate set by the node's minimum relay fee
    /// setting."
    static func fees(
        replacing attempt: ClaimAttempt?, weight: Int, by deadline: BlockHeight?, at height: BlockHeight
    ) -> (wanted: Satoshi, least: Satoshi) {
        guard let attempt else { return (.zero, .zero) }
        let isNear = deadline.map { (1...6).contains($0 - height) } ?? false
        let more = Satoshi(attempt.fee.value / (isNear || attempt.isRefused ? 2 : 4))
        let least = attempt.fee.saturatingAdding(FeeRate.floor.feeRoundedUp(weight: weight))
        return (max(attempt.fee.saturatingAdding(more), least), least)
    }
}
