import BitcoinPrimitives
import LightningEnforcement
import LightningTransactions
import LightningWire

// A database that may be an old copy: restored from a backup, or from before a power cut. Nothing in it tells whether a commitment of ours has
// been revoked since, and whoever publishes a revoked one loses everything in the channel. BOLT 2's `channel_reestablish` tells: the peer says
// which commitments it has, and proves it where they are later than ours.
extension PaymentChannel {
    /// From now on our commitment is not published, until the peer or the owner has said that it is the newest.
    ///
    /// - Parameter isKnown: whether the database is known to be an old copy, not only possibly one.
    mutating func doubt(isKnown: Bool = false) {
        switch phase {
        case .live, .failed:
            // A peer that is connected has shown already that they are not.
            guard connection != .established, !isPossiblyBehind || isKnown && !isKnownOld else { return }
            isPossiblyBehind = true
            isKnownOld = isKnownOld || isKnown
            isChanged = true
        // What is mined already is claimed whatever the copy, and data that are lost are known to be old.
        case .dataLost, .closing, .closed: break
        }
    }

    /// Our commitment is known to be the newest, by the peer's numbers or by the owner's word.
    ///
    /// - Parameter isEnough: whether that is enough also where our data are known to be old.
    mutating func believe(isEnough: Bool = false, _ environment: ChannelEnvironment) -> [ChannelEffect] {
        guard isPossiblyBehind, !isKnownOld || isEnough else { return [] }
        isPossiblyBehind = false
        isKnownOld = false
        isChanged = true
        guard case .failed(let failed) = phase, !isForgettable else { return [] }
        return publishCommitment(environment) + [.alert("channel \(id) is force-closed: \(failed.reason)")]
    }

    /// What the peer's `channel_reestablish` shows of a channel that was given up: it may prove that our data are old.
    mutating func judge(_ message: ChannelReestablish, _ failed: Failed, _ environment: ChannelEnvironment) -> [ChannelEffect] {
        do throws(ProtocolViolation) {
            if try provesLaterState(message, environment.keys) {
                let abandoned = failed.bump.map { [ChannelEffect.abandonFunded($0.transaction.id)] } ?? []
                return loseData() + abandoned
            }
            _ = try retransmissions(wantedBy: message, environment.keys)
        } catch {
            // Numbers that make no sense prove nothing.
            return [sendError(failed.reason)]
        }
        return [sendError(failed.reason)] + believe(environment)
    }

    /// Says that something is due which only our commitment can do, and that it is not published; from time to time while it is so.
    mutating func alertUnpublished(_ why: String, _ environment: ChannelEnvironment) -> [ChannelEffect] {
        if let last = unpublishedAlert, environment.height < last + 6 { return [] }
        unpublishedAlert = environment.height
        return [
            .alert(
                "channel \(id): \(why). Our commitment is not published, because this database may be an old copy, and the peer has not shown "
                    + "yet that it is the newest: let it connect. If you know that there is no newer one: lnw forceclose --newest")
        ]
    }
}
