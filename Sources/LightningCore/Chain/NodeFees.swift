import BitcoinPrimitives
import LightningChannel

// Fee rates of commitments, and closes that come to no end.
extension NodeCore {
    /// The time between two looks at the fee rates of our channels.
    private static let feeInterval = Duration.seconds(10)

    /// Proposes new fee rates for the channels that we opened, where the estimate has moved. Not before layer 1 has given one: what is
    /// proposed and signed for cannot be taken back, and a peer that refuses it refuses it at each reconnection.
    mutating func adjustFeeRates() {
        guard isSynced, layer1.estimates != nil, now >= clock.lastFeeAdjustment + Self.feeInterval || now < clock.lastFeeAdjustment else {
            return
        }
        clock.lastFeeAdjustment = now
        let estimate = feeRate
        for id in channels.ids {
            guard let rate = channels[id]?.dueFeeRate(estimate: estimate) else { continue }
            // What cannot be afforded now is looked at again soon.
            tell(id, .setFeeRate(rate))
        }
    }

    /// BOLT 2: "if it doesn't receive a closing_signed response after a reasonable amount of time: MUST fail the channel"; the same for
    /// "a satisfying fee_range". A day of connection.
    private static let closingPatience = Duration.seconds(86_400)

    /// Ends closes on which no agreement is reached. While the peer is away it is waited for: only its owner gives it up then. But whoever
    /// hangs up and calls again does not get another day.
    mutating func endStuckCloses() {
        for id in channels.ids {
            guard let entry = channels.entry(id) else { continue }
            let channel = entry.channel
            guard channel.isNegotiatingClose else {
                guard entry.closingTalk != nil else { continue }
                let isOver = !channel.isOpen || !channel.isShuttingDown || channel.connection == .established
                channels.annotate(id) { entry in
                    entry.closingTalk?.since = nil
                    if isOver { entry.closingTalk = nil }
                }
                continue
            }
            var talk = entry.closingTalk ?? (.zero, nil)
            talk.spent += talk.since.map { now.since($0) } ?? .zero
            talk.since = now
            let isStuck = talk.spent >= Self.closingPatience
            channels.annotate(id) { [talk] in $0.closingTalk = isStuck ? nil : talk }
            if isStuck { tell(id, .giveUp("no agreement on the closing transaction within a day")) }
        }
    }
}
