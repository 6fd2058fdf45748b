import BitcoinPrimitives
import CryptoPrimitives
import LightningTransactions
package import LightningWire

/// What both commitments of a channel are made of: balances, HTLCs, fee rates, numbers and signatures.
package struct CommitmentState: Hashable, Sendable {
    struct FeeUpdate: Hashable, Sendable {
        var feeRate: FeeRate
        var state: HTLCState
    }

    /// Which of the two messages that advance commitments we sent last: retransmission keeps their order.
    enum LastSent: UInt8, Hashable, Sendable { case none, commitment, revocation }

    /// The number of our current commitment.
    package internal(set) var localNumber: UInt64 = 0
    /// The number of the remote's last commitment that is not revoked.
    package internal(set) var remoteNumber: UInt64 = 0
    /// Whether a `commitment_signed` of ours waits for its `revoke_and_ack`.
    package internal(set) var awaitsRevocation = false
    var lastSent = LastSent.none

    /// Balances without anything that an HTLC still in `htlcs` has moved.
    package internal(set) var toLocal: MilliSatoshi
    package internal(set) var toRemote: MilliSatoshi
    var feeRate: FeeRate
    var feeUpdates: [FeeUpdate] = []

    package internal(set) var htlcs = HTLCTable()
    package internal(set) var nextLocalID: UInt64 = 0
    package internal(set) var nextRemoteID: UInt64 = 0

    /// The remote's signatures of our current commitment and of its HTLC transactions.
    var signature: ECDSASignature
    var htlcSignatures: [ECDSASignature] = []

    /// The point of the remote's commitment `remoteNumber`, and of the one after it.
    var remotePoint: PublicKey
    var remoteNextPoint: PublicKey?
    var remoteSecrets = PerCommitmentSecretStore()

    init(
        toLocal: MilliSatoshi, toRemote: MilliSatoshi, feeRate: FeeRate, signature: ECDSASignature,
        remotePoint: PublicKey
    ) {
        self.toLocal = toLocal
        self.toRemote = toRemote
        self.feeRate = feeRate
        self.signature = signature
        self.remotePoint = remotePoint
    }

    /// The HTLCs in a fixed order: ours before theirs, by id.
    package var orderedHTLCs: [HTLC] { htlcs.values.sorted { $0.key < $1.key } }

    /// The fee rate of a commitment, after `step` if one is given.
    func feeRate(_ view: HTLCState.View, after step: HTLCState.Step? = nil) -> FeeRate {
        let reached = feeUpdates.last { update in
            (step.map { update.state.after($0) } ?? update.state).hasReached(view)
        }
        return reached?.feeRate ?? feeRate
    }

    /// What either side has in a commitment beside its HTLCs; `nil` where it has promised more than it has. What it gains is added before
    /// anything is taken away: a peer may spend what it is about to have.
    func balances(_ view: HTLCState.View, after step: HTLCState.Step? = nil) -> (local: MilliSatoshi, remote: MilliSatoshi)? {
        var has: (local: MilliSatoshi?, remote: MilliSatoshi?) = (toLocal, toRemote)
        var loses = has
        loses = (.zero, .zero)
        for htlc in htlcs.outlines {
            let state = step.map { htlc.state.after($0) } ?? htlc.state
            let isSettled = state.isRemoved(from: view) && htlc.isFulfilled
            guard state.isIn(view) || isSettled else { continue }
            if state.isOfferedByLocal {
                loses.local = loses.local?.adding(htlc.amount)
                if isSettled { has.remote = has.remote?.adding(htlc.amount) }
            } else {
                loses.remote = loses.remote?.adding(htlc.amount)
                if isSettled { has.local = has.local?.adding(htlc.amount) }
            }
        }
        guard let lostLocal = loses.local, let lostRemote = loses.remote, let local = has.local?.subtracting(lostLocal),
            let remote = has.remote?.subtracting(lostRemote)
        else { return nil }
        return (local, remote)
    }

    /// What a commitment says, after `step` if one is given: the one to sign, or the one just signed for us.
    func contents(_ view: HTLCState.View, number: UInt64, after step: HTLCState.Step? = nil) -> CommitmentContents {
        let holderIsLocal = view == .local
        let list = orderedHTLCs.filter { (step.map($0.state.after) ?? $0.state).isIn(view) }.map { $0.asSeen(byHolder: holderIsLocal) }
        // What either of us asks for is looked at before it is agreed to, and a record when it is read.
        let (local, remote) = balances(view, after: step) ?? (.zero, .zero)
        return CommitmentContents(
            number: number, feeRate: feeRate(view, after: step), toHolder: holderIsLocal ? local : remote,
            toCounterparty: holderIsLocal ? remote : local, htlcs: list)
    }

    /// Whether a `commitment_signed` of ours would change anything.
    var hasChangesToSign: Bool {
        htlcs.outlines.contains { $0.state.after(.sentCommit) != $0.state }
            || feeUpdates.contains { $0.state.after(.sentCommit) != $0.state }
    }

    /// Moves everything one step; the HTLCs that changed, in their fixed order.
    mutating func apply(_ step: HTLCState.Step) -> [HTLC] {
        let changed = htlcs.apply(step)
        for index in feeUpdates.indices { feeUpdates[index].state = feeUpdates[index].state.after(step) }
        // An update that both sides have committed to replaces all before it.
        if let last = feeUpdates.lastIndex(where: { $0.state.isIrrevocable }) {
            feeRate = feeUpdates[last].feeRate
            feeUpdates.removeSubrange(...last)
        }
        for htlc in changed where htlc.state.isGone { settle(htlc) }
        return changed
    }

    /// An HTLC is gone from both commitments for good: its money has moved, or not.
    private mutating func settle(_ htlc: HTLC) {
        htlcs[htlc.key] = nil
        guard htlc.preimage != nil else { return }
        if htlc.state.isOfferedByLocal {
            toLocal -= htlc.amount
            toRemote += htlc.amount
        } else {
            toRemote -= htlc.amount
            toLocal += htlc.amount
        }
    }

    /// BOLT 2: "MUST reverse any uncommitted updates sent by the other side" upon disconnection.
    mutating func forgetUncommittedRemoteUpdates() {
        for key in htlcs.keys.sorted() {
            guard var htlc = htlcs[key] else { continue }
            if htlc.state == .receivedAddHTLC {
                htlcs[key] = nil
                nextRemoteID -= 1
            } else if htlc.state == .receivedRemoveHTLC {
                htlc.state = .sentAddAckRevocation
                htlc.resolution = nil
                htlc.attribution = []
                htlcs[key] = htlc
            }
        }
        feeUpdates.removeAll { $0.state == .receivedAddHTLC }
    }

    /// All that is ours and not promised to an HTLC under way: what can be counted on whatever happens to them.
    package var localAvailable: MilliSatoshi {
        var available = toLocal
        for htlc in htlcs.outlines where htlc.state.isOfferedByLocal {
            available = available.saturatingSubtracting(htlc.amount)
        }
        return available
    }

    /// The same of the remote.
    package var remoteAvailable: MilliSatoshi {
        var available = toRemote
        for htlc in htlcs.outlines where !htlc.state.isOfferedByLocal {
            available = available.saturatingSubtracting(htlc.amount)
        }
        return available
    }

    /// Whether no HTLC and no fee update is under way in either commitment.
    var isClean: Bool { htlcs.isEmpty && feeUpdates.isEmpty && !awaitsRevocation }
}
