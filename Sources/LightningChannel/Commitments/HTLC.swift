import BitcoinPrimitives
package import CryptoPrimitives
import LightningEnforcement
package import LightningTransactions
package import LightningWire

/// An HTLC of a channel, from the local node's view.
package struct HTLC: Hashable, Sendable {
    package typealias Key = HTLCKey

    /// How the HTLC ends.
    package enum Resolution: Hashable, Sendable {
        case fulfilled(PaymentPreimage)
        case failed(reason: [UInt8])
        case malformed(onionHash: Bytes32, code: UInt16)

        /// The same, a failure that is longer than any that could be passed on being one that cannot be read.
        var bounded: Resolution {
            if case .failed(let reason) = self, reason.count > ChannelLimits.maxFailureLength { return .failed(reason: []) }
            return self
        }
    }

    package var id: UInt64
    package var amount: MilliSatoshi
    package var paymentHash: PaymentHash
    package var cltvExpiry: CLTVExpiry
    /// Kept as long as it may have to be sent again or read again.
    package var onion: [UInt8]
    /// On a blinded path: with which its next node reads its part (BOLT 4 "Route Blinding"). Kept as long as the onion.
    package var pathKey: PublicKey?
    package var state: HTLCState
    package var resolution: Resolution?
    /// BOLT 4's attribution data that went, or came, with the resolution; empty where there is none.
    package var attribution: [UInt8] = []
    /// For whom it is, where we offered it.
    package internal(set) var origin: HTLCOrigin?
    /// Whether it was failed upstream while the peer could still take it: it is too small to be an output of any commitment.
    package internal(set) var isWrittenOff = false
    /// The first of the remote's commitments that contains it: what a penalty has to know.
    package var firstRemoteCommitment: UInt64?

    package var key: Key { Key(isOfferedByLocal: state.isOfferedByLocal, id: id) }

    /// The preimage, once it is known to this channel.
    package var preimage: PaymentPreimage? {
        if case .fulfilled(let preimage) = resolution { return preimage }
        return nil
    }

    func asSeen(byHolder holderIsLocal: Bool) -> CommitmentHTLC {
        CommitmentHTLC(
            isOfferedByHolder: state.isOfferedByLocal == holderIsLocal, id: id, amount: amount,
            paymentHash: paymentHash, cltvExpiry: cltvExpiry)
    }
}

extension RevokedHTLC {
    init(_ htlc: HTLC) { self.init(ClosingHTLC(htlc)) }
}

extension ClosingHTLC {
    init(_ htlc: HTLC) {
        self.init(
            key: htlc.key, amount: htlc.amount, paymentHash: htlc.paymentHash, cltvExpiry: htlc.cltvExpiry, preimage: htlc.preimage)
    }
}
