/// How a channel ends: which transaction spends its funding output.
public enum CloseKind: UInt8, Hashable, Sendable, CustomStringConvertible {
    /// Both sides signed a closing transaction.
    case mutual
    /// Our commitment.
    case localCommitment
    /// The remote's commitment, its latest one.
    case remoteCommitment
    /// The remote published a commitment it had revoked: we take everything.
    case revokedCommitment
    /// The remote published a commitment that we do not know: our data is old.
    case futureCommitment
    /// Something else spends the funding output.
    case unknown
    /// The funding transaction never confirmed: something else spent its inputs.
    case fundingSpent
    /// A commitment of ours that we had revoked: a copy of our data from an earlier time was used. The peer may take everything.
    case ownRevokedCommitment
    /// A commitment of ours that we do not know: another copy of our data, newer than this one, was used before.
    case ownLaterCommitment

    /// Whether HTLCs of the channel are outputs of it that a preimage claims.
    package var leavesHTLCs: Bool { self == .localCommitment || self == .remoteCommitment }

    public var description: String {
        switch self {
        case .mutual: "mutual"
        case .localCommitment: "local force close"
        case .remoteCommitment: "remote force close"
        case .revokedCommitment: "breach (penalty)"
        case .futureCommitment: "remote force close, our data was old"
        case .unknown: "unknown"
        case .ownRevokedCommitment: "a revoked commitment of ours"
        case .ownLaterCommitment: "local force close by a newer copy of our data"
        case .fundingSpent: "the funding transaction was double-spent"
        }
    }
}
