import BitcoinPrimitives
import Foundation

/// What answers of bitcoind mean, and of servers that stand before one.
enum RPCAnswers {
    /// Whether the words of a refusal say that the transaction is in the mempool or in a block.
    static func meansKnown(_ reason: String) -> Bool {
        ["already in", "already-in", "already known", "already-known", "already in utxo set"].contains { reason.contains($0) }
    }

    /// Bitcoin for each 1000 virtual bytes; a quarter of it in satoshi is the rate for 1000 units of weight. `nil` for what is absurd.
    static func feeRate(_ value: RPCValue?) -> FeeRate? {
        guard let perKilobyte = satoshi(value)?.value, perKilobyte > 0, perKilobyte < 10_000_000 else { return nil }
        return FeeRate(perKiloweight: UInt32(clamping: (perKilobyte + 3) / 4))
    }

    /// An amount that bitcoind writes as a decimal number of bitcoin.
    static func satoshi(_ value: RPCValue?) -> Satoshi? {
        let amount: Decimal? =
            switch value {
            case .number(let digits)?: Decimal(string: digits)
            case .integer(let whole)?: Decimal(whole)
            default: nil
            }
        guard let amount, amount >= 0, amount <= 21_000_000 else { return nil }
        return Satoshi(NSDecimalNumber(decimal: amount * 100_000_000).uint64Value)
    }

    /// What a transaction has to pay: an estimate, and no less than what is taken.
    static func feeRate(_ estimate: FeeRate, notBelow least: FeeRate) -> FeeRate {
        // As much more as `FeeRate.floor` is: bitcoind rounds virtual sizes up.
        max(.floor, estimate, FeeRate(perKiloweight: UInt32(clamping: (UInt64(least.perKiloweight) * 253 + 249) / 250)))
    }
}
