public import BitcoinPrimitives
public import LightningWire

/// Why a channel does not do what its owner asks; nothing has changed.
public enum ChannelRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// The peer is not connected, or the channel is not re-established yet.
    case notConnected
    /// The channel is not in a state for it.
    case notUsable(String)
    /// Our side has less than that to offer.
    case insufficientBalance(spendable: MilliSatoshi)
    /// Less than the peer's `htlc_minimum_msat`.
    case belowMinimum(MilliSatoshi)
    /// As many HTLCs are under way as the peer's `max_accepted_htlcs` allows.
    case tooManyHTLCs(limit: Int)
    /// It would exceed the peer's `max_htlc_value_in_flight_msat`.
    case tooMuchInFlight(limit: MilliSatoshi)
    /// More would be lost to fees in a close than may be (BOLT 2 `max_dust_htlc_exposure_msat`).
    case dustExposure(limit: MilliSatoshi)
    /// There is no such HTLC, or it was resolved before.
    case unknownHTLC
    /// A failure of so many bytes would not fit into a message of every hop on its way.
    case failureTooLong(Int)
    /// BOLT 2 does not allow it as a `shutdown` script, and why.
    case invalidScript(String)
    /// "The node not responsible for paying the Bitcoin fee: MUST NOT send update_fee."
    case notOpener
    /// BOLT 2: an expiry of 500000000 or more is a time, not a block.
    case invalidExpiry
    /// The database may be an old copy: a commitment out of it may be revoked, and whoever publishes a revoked one loses everything.
    case possiblyBehind
    /// A closing transaction that both sides have signed waits to be mined: it is cheaper than a commitment, and pays at once.
    case closeWaits(TransactionID)

    public var description: String {
        switch self {
        case .notConnected: "the peer is not connected"
        case .closeWaits(let id):
            "both sides have signed the closing transaction \(id), which waits to be mined, is cheaper and pays at once. To have it mined sooner: lnw bumpfee \(id); to force-close all the same: --replace-close"
        case .notUsable(let state): "the channel is \(state)"
        case .insufficientBalance(let spendable): "only \(spendable) can be sent over the channel now"
        case .belowMinimum(let minimum): "the peer accepts no less than \(minimum)"
        case .tooManyHTLCs(let limit): "\(limit) payments are already under way, as many as the peer allows"
        case .tooMuchInFlight(let limit): "the peer allows no more than \(limit) under way at once"
        case .dustExposure(let limit): "payments too small for the chain would add up to more than \(limit)"
        case .unknownHTLC: "there is no such HTLC to resolve"
        case .failureTooLong(let count): "a failure of \(count) bytes is longer than \(ChannelLimits.maxFailureLength)"
        case .invalidScript(let why): "the closing script cannot be used: \(why)"
        case .notOpener: "only the side that opened the channel sets its fee rate"
        case .invalidExpiry: "the expiry is not a block height in reach"
        case .possiblyBehind:
            "this database may be an old copy, and publishing an old commitment loses everything in the channel. Let the peer connect: it shows "
                + "whether ours is the newest. If you know that there is no newer copy: lnw forceclose --newest"
        }
    }
}
