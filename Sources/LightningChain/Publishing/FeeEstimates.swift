public import BitcoinPrimitives

/// Within how many blocks a transaction should be mined.
public enum ConfirmationTarget: Int, CaseIterable, Comparable, Sendable {
    /// What somebody else may take if it is not mined.
    case urgent = 2
    /// What somebody waits for: an hour.
    case hour = 6
    /// What nobody else can take, and nobody waits for.
    case day = 144

    /// Within how many blocks.
    public var blocks: Int { rawValue }

    public static func < (left: ConfirmationTarget, right: ConfirmationTarget) -> Bool { left.rawValue < right.rawValue }
}

/// What the owner of a node wants a transaction to pay.
public enum FeeChoice: Hashable, Sendable {
    /// So much; not more than ten times what the next block takes now, or than 50 sat for each virtual byte where that is more.
    case rate(FeeRate)
    /// So much, whatever it is.
    case anyRate(FeeRate)
    /// What layer 1 thinks that it takes to be mined within so many blocks.
    case within(blocks: Int)
}

/// What a transaction has to pay, by when it should be mined.
public struct FeeEstimates: Hashable, Sendable {
    private var rates: [ConfirmationTarget: FeeRate]

    /// - Parameter rates: of at least one target. Less than `FeeRate.floor` is not relayed, and a sooner block never costs less than a later
    ///   one, whatever layer 1 says.
    public init?(_ rates: [ConfirmationTarget: FeeRate]) {
        guard !rates.isEmpty else { return nil }
        self.rates = rates
        var least = FeeRate.floor
        for target in ConfirmationTarget.allCases.sorted().reversed() {
            guard let rate = rates[target] else { continue }
            least = max(least, rate)
            self.rates[target] = least
        }
    }

    /// One rate for everything.
    public init(_ rate: FeeRate) { rates = [.hour: max(rate, .floor)] }

    /// The rate for a target. Where it is not known, that of the next sooner one, which is enough; where none is sooner, the best there is.
    public subscript(_ target: ConfirmationTarget) -> FeeRate {
        let known = rates.keys.sorted()
        let best = known.last { $0 <= target } ?? known[0]
        return rates[best] ?? .floor
    }
}
