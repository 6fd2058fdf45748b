public import BitcoinPrimitives
import LightningTransactions

// BOLT 2 "Updating Fees": "The node responsible for paying the Bitcoin fee: SHOULD send update_fee to ensure the current fee rate is
// sufficient (by a significant margin) for timely processing of the commitment transaction."
extension PaymentChannel {
    /// With anchors more need not be promised: what a commitment lacks is added when it is published.
    private static let anchorsCeiling = FeeRate(perKiloweight: 2500)

    /// What a commitment should pay: our estimate of what confirms soon; with anchors at most 10 sat for each virtual byte.
    ///
    /// - Parameter estimate: for transactions that should confirm soon.
    public static func commitmentFeeRate(_ estimate: FeeRate, hasAnchors: Bool) -> FeeRate {
        let rate = min(max(estimate, ChannelLimits.feeRates.lowerBound), ChannelLimits.feeRates.upperBound)
        return hasAnchors ? min(rate, anchorsCeiling) : rate
    }

    /// The fee rate that the opener should propose now, or `nil` where the present one will do.
    ///
    /// Estimates move with every block: a rise counts from a quarter on, a fall from a half on. Where the whole of it cannot be afforded,
    /// as much as can.
    public func dueFeeRate(estimate: FeeRate) -> FeeRate? {
        guard parameters.isOpener, isUsable, commitments.feeUpdates.isEmpty else { return nil }
        let (now, target) = (commitments.feeRate, Self.commitmentFeeRate(estimate, hasAnchors: parameters.hasAnchors))
        let isRise = UInt64(target.perKiloweight) * 4 >= UInt64(now.perKiloweight) * 5
        let isFall = UInt64(target.perKiloweight) * 2 <= UInt64(now.perKiloweight)
        guard isRise || isFall else { return nil }
        var rate = target
        while isRise, rate > now, refusal(of: rate) != nil {
            rate = FeeRate(perKiloweight: now.perKiloweight + (rate.perKiloweight - now.perKiloweight) / 2)
        }
        return UInt64(rate.perKiloweight) * 4 >= UInt64(now.perKiloweight) * 5 || isFall ? rate : nil
    }
}
