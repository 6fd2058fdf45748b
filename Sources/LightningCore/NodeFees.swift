import LightningChannel

// Fee rates of commitments, and closes that come to no end.
extension NodeCore {
    /// Milliseconds between two looks at the fee rates of our channels.
    private static let feeInterval: UInt64 = 10_000

    /// Proposes new fee rates for the channels that we opened, where the estimate has moved.
    mutating func adjustFeeRates() {
        guard isSynced, now >= lastFeeAdjustment + Self.feeInterval || now < lastFeeAdjustment else { return }
        lastFeeAdjustment = now
        for id in channels.keys.sorted() {
            guard let rate = channels[id]!.dueFeeRate(estimate: feeRate) else { continue }
            // What cannot be afforded now is looked at again soon.
            guard let channelEffects = try? channels[id]!.setFeeRate(rate, estimate: feeRate) else { continue }
            apply(channelEffects, to: id)
        }
    }

    /// BOLT 2: "if it doesn't receive a closing_signed response after a reasonable amount of time: MUST fail the channel"; the same for
    /// "a satisfying fee_range". A day of connection, in milliseconds.
    private static let closingPatience: UInt64 = 86_400_000

    /// Ends closes on which no agreement is reached. While the peer is away it is waited for: only its owner gives it up then. But whoever
    /// hangs up and calls again does not get another day.
    mutating func endStuckCloses() {
        for id in channels.keys.sorted() {
            let channel = channels[id]!
            guard channel.isNegotiatingClose else {
                if channel.phase != .normal || !channel.isShuttingDown || channel.connection == .established { closingTalks[id] = nil }
                closingTalks[id]?.since = nil
                continue
            }
            var talk = closingTalks[id] ?? (0, nil)
            talk.spent += talk.since.map { now - min(now, $0) } ?? 0
            talk.since = now
            closingTalks[id] = talk
            guard talk.spent >= Self.closingPatience, let environment = environment(id) else { continue }
            closingTalks[id] = nil
            apply(channels[id]!.fail("no agreement on the closing transaction within a day", environment), to: id)
        }
    }
}
