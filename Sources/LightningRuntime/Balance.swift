public import BitcoinPrimitives
import LightningChain
import LightningChannel
import LightningCore
import LightningEnforcement
import LightningTransactions
public import LightningWire

/// What a node owns, told apart by what can be done with it.
public struct Balance: Hashable, Sendable {
    /// Coins of the wallet in blocks.
    public var onChainConfirmed: Satoshi
    /// Coins of the wallet that no block holds yet.
    public var onChainUnconfirmed: Satoshi
    /// Mined coins that are not old enough.
    public var onChainImmature: Satoshi
    /// Of the wallet's coins: what is kept for claims of channels with anchors, should they close without their peer.
    public var closeReserve: Satoshi
    /// Ours in channels, whatever can be done with it.
    public var inChannels: MilliSatoshi
    /// What all usable channels together can send.
    public var spendable: MilliSatoshi
    /// What all usable channels together can receive.
    public var receivable: MilliSatoshi
    /// The most that one HTLC can carry; a payment may have several.
    public var largestPayment: MilliSatoshi
    /// Kept back: the reserve that the peer demands.
    public var reserved: MilliSatoshi
    /// Kept back: what commitment fees may need.
    public var feesHeldBack: MilliSatoshi
    /// Locked in closing channels until it can be claimed.
    public var closing: Satoshi
    /// In HTLC outputs of closed channels that nobody has resolved yet: ours or the peer's, as the preimage or the time decides.
    public var contested: Satoshi
    /// The height by which all of that is decided; `nil` where there is none.
    public var contestedUntil: BlockHeight?
    /// In HTLCs that we sent, and that are neither settled nor failed: ours until they are.
    public var outgoingHTLCs: MilliSatoshi
    /// In HTLCs that came to us, and are neither settled nor failed: not ours yet.
    public var incomingHTLCs: MilliSatoshi
    /// Channels over which payments can be sent now.
    public var usableChannels: Int

    init(_ core: borrowing NodeCore) {
        let wallet = core.wallet.balance(height: core.height)
        onChainConfirmed = wallet.confirmed
        onChainUnconfirmed = wallet.unconfirmed.saturatingAdding(core.wallet.incoming)
        onChainImmature = wallet.immature
        closeReserve = core.reserve
        inChannels = .zero
        spendable = .zero
        receivable = .zero
        largestPayment = .zero
        reserved = .zero
        feesHeldBack = .zero
        closing = .zero
        contested = .zero
        outgoingHTLCs = .zero
        incomingHTLCs = .zero
        usableChannels = 0
        // What a peer promised to fund and no block has ever held is nobody's money.
        for channel in core.channels.values
        where channel.funding.conflict == nil && (channel.funding.wasConfirmed || channel.parameters.isOpener) && !channel.isAbandoned
            && !channel.isRecovered
        {
            // What a close pays us and we have spent already is a coin of the wallet.
            if channel.mutualCloseOutputs.contains(where: { core.wallet.isSpentByPending($0) }) { continue }
            switch channel.phase {
            case .live, .failed, .dataLost:
                let available = channel.commitments.localAvailable
                inChannels = inChannels.saturatingAdding(available)
                for htlc in channel.commitments.htlcs.values {
                    if htlc.state.isOfferedByLocal {
                        outgoingHTLCs = outgoingHTLCs.saturatingAdding(htlc.amount)
                    } else {
                        incomingHTLCs = incomingHTLCs.saturatingAdding(htlc.amount)
                    }
                }
                let reserve = min(available, MilliSatoshi(channel.parameters.remote.channelReserve))
                reserved = reserved.saturatingAdding(reserve)
                guard channel.isUsable else { continue }
                usableChannels += 1
                spendable = spendable.saturatingAdding(channel.spendable)
                largestPayment = max(largestPayment, channel.spendable)
                receivable = receivable.saturatingAdding(channel.receivable)
                let heldBack = available.saturatingSubtracting(reserve).saturatingSubtracting(channel.spendable)
                feesHeldBack = feesHeldBack.saturatingAdding(heldBack)
            case .closing(let closed):
                for output in closed.close.outputs {
                    switch output.status {
                    case .resolved, .abandoned: break
                    // What may be an HTLC in a commitment that we do not know is not ours to count.
                    case _ where output.role == .htlc: break
                    case .waiting, .claiming, .unresolved:
                        // An HTLC is whose preimage or time comes first.
                        if let expiry = closed.close.expiry(of: output) {
                            contested = contested.saturatingAdding(output.output.amount)
                            contestedUntil = max(contestedUntil ?? 0, expiry)
                        } else if output.status == .unresolved {
                            contested = contested.saturatingAdding(output.output.amount)
                        } else {
                            closing = closing.saturatingAdding(output.output.amount)
                        }
                    }
                }
            case .closed: break
            }
        }
        for found in core.recovered.values where found.spentHeight == nil && !core.wallet.isSpentByPending(found.outPoint) {
            closing = closing.saturatingAdding(found.output.amount)
        }
    }
}
