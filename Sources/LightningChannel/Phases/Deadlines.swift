import LightningEnforcement

// When a channel has something to do at a block that holds nothing of it.
extension PaymentChannel {
    /// Blocks before or after an HTLC's expiry at which the channel is given up over it.
    static let deadlineGrace: UInt32 = 6
    /// Blocks before its expiry at which an HTLC that was never signed for is taken back.
    static let unsignedMargin = 2

    /// Whether an HTLC of ours that was never signed for, because the peer owes a `revoke_and_ack`, has nearly expired.
    public func hasExpiringUnsigned(at height: Int) -> Bool {
        isOpen
            && commitments.htlcs.values.contains { $0.state == .sentAddHTLC && height + Self.unsignedMargin >= Int($0.cltvExpiry) }
    }

    /// The next block at which the channel has something to do: the next one where something is published until it is mined, a deadline
    /// otherwise; `Int.max` where there is none.
    public func nextDeadline(after height: Int) -> Int {
        let next = height + 1
        switch phase {
        case .closed(let closing):
            return closing.close.irrevocableHeight > height ? closing.close.irrevocableHeight : max(next, closing.close.endHeight)
        case .dataLost: return .max
        case .failed, .closing: return next
        case .live where isConfirming:
            if funding.conflict != nil || !mutualCloses.isEmpty || funding.height != nil { return next }
            if funding.transaction != nil { return next }
            return isForgettable ? max(next, openedHeight + Self.fundingTimeout + 1) : .max
        case .live:
            guard funding.conflict == nil, mutualCloses.isEmpty, funding.isDeep else { return next }
            var deadline = Int.max
            for htlc in commitments.htlcs.values {
                let grace = htlc.state == .sentAddHTLC ? -Self.unsignedMargin : Int(Self.deadlineGrace)
                deadline = min(deadline, Int(htlc.cltvExpiry) + (htlc.state.isOfferedByLocal ? grace : -Int(Self.deadlineGrace)))
            }
            if !funding.inputs.isEmpty, let height = funding.height { deadline = min(deadline, height + Self.doubleSpendDepth - 1) }
            return max(next, deadline)
        }
    }
}
