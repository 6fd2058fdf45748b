import LightningChannel
import LightningPayment

extension NodeCore {
    /// What peers can fill, with as much of it as there may be while all that is left are honest peers and payments.
    ///
    /// - Parameters:
    ///   - payments: how many HTLCs there were at most that came to something.
    ///   - received: how many payments were received.
    /// - Returns: what it is, how many there are, and how many there may be.
    package func occupancy(payments count: Int, received: Int) -> [(what: String, count: Int, most: Int)] {
        let htlcs = channels.values.reduce(0) { $0 + $1.commitments.htlcs.count }
        let unfunded = channels.values.count { $0.isForgettable }
        let pending = payments.sender.pending.count
        let (forwards, sending) = (payments.forwarder.occupancy, payments.sender.occupancy)
        // A payment has eight parts at most.
        let taken = circuits.all.count + Int(clamping: circuits.totals.forwards) + 8 * received
        return [
            ("connections", peers.count, peers.connections.count),
            ("openings", peers.values.reduce(0) { $0 + $1.openings.count }, 0),
            ("unfunded channels", unfunded, 100),
            ("arrival times of HTLCs", forwards.arrivals, htlcs),
            ("delayed failures", forwards.delayed, 0),
            ("replays to be refused", forwards.refused, 0),
            ("rates of failures", forwards.rates, channels.count),
            ("terms told in failures", network.failureUpdates.count, 3 * channels.count),
            ("payments' knowledge", sending.knowledge, pending),
            ("payments that wait for a place", sending.waiting, pending),
            // Of what failed none is kept.
            ("onions", forwards.onions, htlcs + taken),
            ("forwards", circuits.all.count, 4 * count),
        ]
    }
}
