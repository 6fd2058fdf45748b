import BitcoinPrimitives
import LightningWire

// What a block means for a channel in normal operation, or one that is shutting down.
extension PaymentChannel {
    /// A block was connected.
    mutating func normalBlock(_ environment: ChannelEnvironment) -> [ChannelEffect] {
        forgetFundingInputs(environment)
        return noteDepth(environment) + mutualCloses.map { .broadcast($0) } + enforceDeadlines(environment)
    }

    /// A funding transaction as deep as this is not double-spent any more.
    static let doubleSpendDepth = 100

    private mutating func forgetFundingInputs(_ environment: ChannelEnvironment) {
        guard !funding.inputs.isEmpty, let height = funding.height, height.depth(at: environment.height) >= Self.doubleSpendDepth else {
            return
        }
        funding.inputs = []
        isChanged = true
    }

    /// BOLT 2 "cltv_expiry_delta Selection": the heights at which an HTLC must be settled on chain.
    private mutating func enforceDeadlines(_ environment: ChannelEnvironment) -> [ChannelEffect] {
        if !fulfilledHeights.isEmpty { fulfilledHeights = fulfilledHeights.filter { commitments.htlcs[$0.key] != nil } }
        for htlc in commitments.orderedHTLCs {
            // A dust HTLC, which is no output of either commitment, is not worth a channel: the node decides when there are too many.
            if isTrimmedEverywhere(htlc) { continue }
            // "HTLC … in either node's current commitment transaction": the remote's is the old one until it is revoked.
            let isCommitted =
                htlc.state.isIn(.local) || htlc.state.isIn(.remoteLatest)
                || commitments.awaitsRevocation && htlc.state.isIn(.remoteUnrevoked)
            if htlc.state.isOfferedByLocal, isCommitted,
                environment.height >= htlc.cltvExpiry.height + Self.timeoutDeadline
            {
                return enforce("an HTLC of ours expired at block \(htlc.cltvExpiry) and was neither fulfilled nor failed", environment)
            }
            if !htlc.state.isOfferedByLocal, htlc.preimage != nil, htlc.state.isIn(.local), isPastFulfillment(htlc, environment.height) {
                return enforce("the peer does not settle an HTLC that expires at \(htlc.cltvExpiry)", environment)
            }
        }
        return []
    }

    /// Whether the peer has had its time to settle an HTLC that we have fulfilled.
    private func isPastFulfillment(_ htlc: HTLC, _ height: BlockHeight) -> Bool {
        guard height + Self.fulfillmentDeadline >= htlc.cltvExpiry.height else { return false }
        guard let at = fulfilledHeights[htlc.key], height < at + Self.fulfillmentGrace else { return true }
        return height + Self.lastFulfillmentDeadline >= htlc.cltvExpiry.height
    }

    /// A deadline has come. While our commitment may be an old one the channel goes on, for a peer that connects may still settle.
    private mutating func enforce(_ why: String, _ environment: ChannelEnvironment) -> [ChannelEffect] {
        isPossiblyBehind ? alertUnpublished(why, environment) : fail(why, environment)
    }
}
