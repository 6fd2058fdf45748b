/// Where an HTLC stands between being offered and being gone, in protocol order.
///
/// The first ten states are those of an HTLC that the local node offered, the other ten mirror them for one that the
/// remote node offered. `fee` updates pass through the first five of either ten and stay there.
package enum HTLCState: UInt8, Hashable, Sendable, CaseIterable {
    case sentAddHTLC
    case sentAddCommit
    case receivedAddRevocation
    case receivedAddAckCommit
    case sentAddAckRevocation
    case receivedRemoveHTLC
    case receivedRemoveCommit
    case sentRemoveRevocation
    case sentRemoveAckCommit
    case receivedRemoveAckRevocation

    case receivedAddHTLC
    case receivedAddCommit
    case sentAddRevocation
    case sentAddAckCommit
    case receivedAddAckRevocation
    case sentRemoveHTLC
    case sentRemoveCommit
    case receivedRemoveRevocation
    case receivedRemoveAckCommit
    case sentRemoveAckRevocation

    /// What moves every HTLC of a channel at once.
    package enum Step: Hashable, Sendable, CaseIterable {
        case sentCommit, receivedRevocation, receivedCommit, sentRevocation
    }

    /// Whose commitment is looked at.
    package enum View: Hashable, Sendable, CaseIterable {
        /// Our own current commitment.
        case local
        /// The remote's, as of the last `commitment_signed` that we sent.
        case remoteLatest
        /// The remote's that is not revoked yet while a newer one is under way.
        case remoteUnrevoked
    }

    package var isOfferedByLocal: Bool { rawValue < 10 }

    /// The position in the protocol's order, from 0 (offered) to 9 (gone).
    var position: Int { Int(rawValue % 10) }

    /// The one transition function.
    package func after(_ step: Step) -> HTLCState {
        let own: Step = isOfferedByLocal ? .sentCommit : .receivedCommit
        let ownAnswer: Step = isOfferedByLocal ? .receivedRevocation : .sentRevocation
        let other: Step = isOfferedByLocal ? .receivedCommit : .sentCommit
        let otherAnswer: Step = isOfferedByLocal ? .sentRevocation : .receivedRevocation
        let moves: Bool
        switch position {
        // The offerer's commitment_signed brings it into the other's commitment …
        case 0: moves = step == own
        case 1: moves = step == ownAnswer
        // … whose commitment_signed brings it back into the offerer's.
        case 2: moves = step == other
        case 3: moves = step == otherAnswer
        // 4 is irrevocably committed: only a removal moves it on, from the other side this time.
        case 5: moves = step == other
        case 6: moves = step == otherAnswer
        case 7: moves = step == own
        case 8: moves = step == ownAnswer
        default: moves = false
        }
        return moves ? HTLCState(rawValue: rawValue + 1)! : self
    }

    /// The positions at which an HTLC is an output (or trimmed) of the commitment.
    private func range(_ view: View) -> ClosedRange<Int> {
        switch (view, isOfferedByLocal) {
        case (.local, true), (.remoteLatest, false): 3...5
        case (.local, false), (.remoteLatest, true): 1...7
        case (.remoteUnrevoked, true): 2...8
        case (.remoteUnrevoked, false): 4...6
        }
    }

    /// Whether the commitment contains the HTLC.
    package func isIn(_ view: View) -> Bool { range(view).contains(position) }

    /// Whether the commitment no longer contains the HTLC, its removal being committed there.
    package func isRemoved(from view: View) -> Bool { position > range(view).upperBound }

    /// Whether the update has reached the commitment: for fee updates, which are never removed.
    package func hasReached(_ view: View) -> Bool { position >= range(view).lowerBound }

    /// Offered, and irrevocably committed on both sides.
    package var isIrrevocable: Bool { position == 4 }
    package var isGone: Bool { position == 9 }
    /// Irrevocably removed on both sides, or about to be.
    package var isBeingRemoved: Bool { position > 4 }
}
