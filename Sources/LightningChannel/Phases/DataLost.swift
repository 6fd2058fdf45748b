import BitcoinPrimitives
import LightningWire

extension PaymentChannel {
    /// The phase in which our data is known to be old.
    public struct DataLost: Hashable, Sendable {
        /// Where the conversation was.
        var before: LivePhase
    }

    static let dataLossText = "our data is old: please close the channel"

    /// The peer proved that it knows a later state than we do.
    ///
    /// BOLT 2: "MUST NOT broadcast its commitment transaction. SHOULD send an error to request the peer to fail".
    mutating func loseData() -> [ChannelEffect] {
        phase = .dataLost(DataLost(before: phase.live))
        isPossiblyBehind = false
        isKnownOld = false
        connection = .established
        isChanged = true
        return [
            sendError(Self.dataLossText), .givenUp(canClaim: false),
            .alert("channel \(id): the peer knows a later state than we do; waiting for it to close"),
        ]
    }
}
