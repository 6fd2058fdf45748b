public import BitcoinPrimitives
import LightningEnforcement
import LightningWire

// When a channel has something to do at a block that holds nothing of it.
extension PaymentChannel {
    /// Blocks after the expiry of an HTLC of ours at which the channel is given up over it: BOLT 2's timeout deadline.
    static let timeoutDeadline = 6
    /// Blocks before the expiry of an HTLC that we have fulfilled at which the channel is given up over it. BOLT 2: "a deadline of 2R+G+S blocks
    /// before cltv_expiry: 18 blocks is reasonable". They have to suffice for our commitment and the transaction that takes the HTLC,
    /// in blocks that may be full, of a miner who may not like them.
    static let fulfillmentDeadline = 18
    /// One that was fulfilled later, as an HTLC with little time left is, has so many blocks to be settled, but not beyond the second number: whoever sends one
    /// must not be able to have others' channels closed by it.
    static let fulfillmentGrace = 2
    static let lastFulfillmentDeadline = 12
    /// Blocks before its expiry at which an HTLC that was never signed for is taken back.
    static let unsignedMargin = 2

    /// Whether an HTLC of ours that was never signed for, because the peer owes a `revoke_and_ack`, has nearly expired.
    public func hasExpiringUnsigned(at height: BlockHeight) -> Bool {
        isOpen
            && commitments.htlcs.values.contains { $0.state == .sentAddHTLC && height + Self.unsignedMargin >= $0.cltvExpiry.height }
    }

    /// The next block at which the channel has something to do: the next one where something is published until it is mined, a deadline
    /// otherwise; `never` where there is none.
    public func nextDeadline(after height: BlockHeight) -> BlockHeight {
        let next = height + 1
        switch phase {
        case .closed(let closing):
            if closing.close.irrevocableHeight > height { return closing.close.irrevocableHeight }
            return hasTakenWrittenOff ? .never : max(next, closing.close.endHeight)
        case .dataLost: return .never
        case .failed, .closing: return next
        case .live where isConfirming:
            if funding.conflict != nil || !mutualCloses.isEmpty || funding.height != nil { return next }
            if funding.transaction != nil { return next }
            return isForgettable ? max(next, openedHeight + Self.fundingTimeout + 1) : .never
        case .live:
            guard funding.conflict == nil, mutualCloses.isEmpty, funding.isDeep else { return next }
            var deadline = BlockHeight.never
            for htlc in commitments.htlcs.values {
                let margin =
                    htlc.state == .sentAddHTLC
                    ? -Self.unsignedMargin : htlc.state.isOfferedByLocal ? Self.timeoutDeadline : -Self.fulfillmentDeadline
                deadline = min(deadline, htlc.cltvExpiry.height + margin)
            }
            if !funding.inputs.isEmpty, let height = funding.height { deadline = min(deadline, height + Self.doubleSpendDepth - 1) }
            return max(next, deadline)
        }
    }
}
