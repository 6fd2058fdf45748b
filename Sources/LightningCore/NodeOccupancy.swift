import LightningChannel
import LightningPayment

extension NodeCore {
    /// What peers can fill, with as much of it as there may be while all that is left are honest peers and payments.
    ///
    /// - Parameter payments: how many HTLCs there were at most that came to something.
    /// - Returns: what it is, how many there are, and how many there may be.
    package func occupancy(payments count: Int) -> [(what: String, count: Int, most: Int)] {
        let htlcs = channels.values.reduce(0) { $0 + $1.commitments.htlcs.count }
        let unfunded = channels.values.count { $0.isForgettable }
        let pending = payments.pending.count
        let forwarded = circuits.all.count { if case .failed = $0.status { false } else { true } }
        // A payment has eight parts at most.
        let taken = forwarded + 8 * payments.invoices.values.count { if case .paid = $0.status { true } else { false } }
        return [
            ("connections", peers.count, connectionsByNode.count),
            ("openings", peers.values.reduce(0) { $0 + $1.openings.count }, 0),
            ("unfunded channels", unfunded, 100),
            ("arrival times of HTLCs", arrivals.count, htlcs),
            ("delayed failures", delayedFailures.count, 0),
            ("replays to be refused", refusedReplays.count, 0),
            ("terms told in failures", failureUpdates.count, 3 * channels.count),
            ("payments' knowledge", knowledge.count, pending),
            ("payments that wait for a place", waitingForSlots.count, pending),
            // Of what failed none is kept.
            ("onions", replays.count, htlcs + taken),
            ("forwards", circuits.all.count, 4 * count),
        ]
    }
}
