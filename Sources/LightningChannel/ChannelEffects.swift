package import BitcoinPrimitives
package import LightningChain
package import LightningEnforcement
package import LightningTransactions
package import LightningWire

/// What a channel asks its node to do. Nothing of it may leave before the channel's writes are stored.
package indirect enum ChannelEffect: Hashable, Sendable {
    case send(LightningMessage)
    /// The peer broke a rule: its consequence says what the node has to do.
    case violated(ProtocolViolation)
    /// What was asked for cannot be done; nothing has changed.
    case refused(ChannelRefusal)
    /// The HTLC that was to be offered has this id.
    case offered(id: UInt64)
    /// For layer 1, with the unconfirmed transactions that it pays for.
    case broadcast(Transaction, parents: [Transaction] = [])
    /// An incoming HTLC is irrevocably committed on both sides: it may be settled or forwarded.
    case received(HTLC)
    /// The remote gave the preimage of an HTLC of ours. Proof of payment, even before it is committed.
    case fulfilled(id: UInt64, PaymentHash, PaymentPreimage, attribution: [UInt8] = [], origin: HTLCOrigin? = nil)
    /// An HTLC of ours is irrevocably removed without a preimage.
    case failed(id: UInt64, PaymentHash, HTLC.Resolution, attribution: [UInt8] = [], origin: HTLCOrigin? = nil)
    /// An HTLC of ours that was fulfilled has left the channel for good: its money is the peer's, whatever happens.
    case concluded(id: UInt64, PaymentHash, origin: HTLCOrigin? = nil)
    /// The chain gave an HTLC of ours back: the closing transaction does not hold it, or we took it after its time.
    case returned(id: UInt64, PaymentHash, origin: HTLCOrigin? = nil)
    /// An HTLC of ours that the peer never committed to is taken back: it did not happen.
    case withdrawn(id: UInt64, PaymentHash, origin: HTLCOrigin? = nil)
    /// An incoming HTLC that we resolved is gone from both commitments, or layer 1 has given it to us.
    case settled(id: UInt64, PaymentHash, wasFulfilled: Bool)
    /// An incoming HTLC brings nothing any more: it was lost to fees, or the peer has it back.
    ///
    /// - Parameter wasFulfilled: whether its preimage was given away before.
    case lost(id: UInt64, PaymentHash, MilliSatoshi, wasFulfilled: Bool)
    /// The peer has revoked a commitment: what a watchtower needs to punish it, should it be published.
    case revoked(TransactionID, [PenaltyKit])
    case becameUsable
    /// Nothing more can be agreed with the peer: what is not settled is for layer 1 to decide.
    ///
    /// - Parameter canClaim: whether what came over it can still be claimed there.
    case givenUp(canClaim: Bool)
    case closing(CloseKind)
    /// A claim that cannot pay its own fee: the wallet's coins are wanted for it, by `ChannelEvent.claimFunded`.
    case fundClaim(ClaimFunding)
    /// The claim that the wallet paid for: its coins are spent by it.
    case broadcastFunded(Transaction, parents: [Transaction] = [])
    /// One of those can never be mined: its coins are free again.
    case abandonFunded(TransactionID)
    case closed
    /// Nothing of it can change any more, and nobody will ask for it: it goes to the history.
    case ended
    /// A revoked commitment was published: the rows of the channel's revoked HTLCs are wanted, by `ChannelEvent.revokedHTLCs`.
    case needsRevokedHTLCs(RevokedHTLCQuery)
    /// The channel was never funded, and its opener is not us: the node forgets it.
    case abandoned(String)
    /// Something that the operator has to know: money is at risk, or lost.
    case alert(String)
    /// A word for the operator.
    case note(String)
}

/// What a channel needs to know of the world when something happens to it.
package struct ChannelEnvironment: Sendable {
    package var keys: ChannelKeys
    package var height: BlockHeight
    /// Whether that is the chain's tip: while old blocks are read nothing is claimed, for it may have been taken in a later one.
    package var isSynced = true
    /// The fee rate for transactions that should confirm soon.
    package var feeRate: FeeRate
    /// What a transaction has to pay, by when it should be mined.
    package var estimates: FeeEstimates
    /// Where the channel's money goes on chain, if it has no script yet: the wallet's next address.
    package var sweepScript: Script
    /// HTLC outputs that are signed for, for watchtowers, when the peer revokes a commitment; `nil` where there is no watchtower.
    package var watchedHTLCs: Int?
    /// Whether the peer negotiated `option_shutdown_anysegwit`.
    package var anySegwit: Bool

    /// - Parameter estimates: `nil` for one rate for everything.
    package init(
        keys: ChannelKeys, height: BlockHeight, feeRate: FeeRate, estimates: FeeEstimates? = nil, sweepScript: Script, anySegwit: Bool
    ) {
        self.keys = keys
        self.height = height
        self.feeRate = feeRate
        self.estimates = estimates ?? FeeEstimates(feeRate)
        self.sweepScript = sweepScript
        self.anySegwit = anySegwit
    }
}
