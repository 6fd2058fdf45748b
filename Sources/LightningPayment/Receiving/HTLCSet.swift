import BitcoinPrimitives
package import LightningWire

/// A part of a payment to us: an HTLC that is held until its set is complete.
package struct HTLCPart: Hashable, Sendable {
    package var htlc: IncomingHTLC
    package var errorContext: OnionErrorContext
    /// What its onion said that it brings: a forwarder may have added to it.
    package var amountToForward: MilliSatoshi
}

/// BOLT 4's HTLC set: HTLCs with one payment hash that make up one payment together.
struct HTLCSet: Sendable {
    /// `total_msat`, the same in every part.
    var total: MilliSatoshi
    var parts: [HTLCPart] = []
    /// When the first part came.
    var since: Timestamp
    /// Whether all is there, and waits for its owner's word (a hold invoice).
    var isHeld = false

    /// "SHOULD wait for at least 60 seconds after the initial HTLC."
    static let timeout = Duration.seconds(60)
    /// Blocks before the first part expires at which a held set is failed, so that the channel is not closed over it: what is settled later than 18
    /// blocks before it has to be claimed on chain.
    static let expiryMargin = 24

    /// The HTLCs' own amounts: at least what their onions said.
    var amount: MilliSatoshi? { sum(\.htlc.amount) }

    private func sum(_ value: (HTLCPart) -> MilliSatoshi) -> MilliSatoshi? {
        var sum = MilliSatoshi.zero
        for part in parts {
            guard let next = sum.adding(value(part)) else { return nil }
            sum = next
        }
        return sum
    }

    /// "if the total amt_to_forward of this HTLC set is equal to or greater than total_msat".
    var isComplete: Bool { sum(\.amountToForward).map { $0 >= total } ?? false }
    var firstExpiry: CLTVExpiry { parts.map(\.htlc.cltvExpiry).min() ?? .never }
}
