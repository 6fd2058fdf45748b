import LightningWire

/// What a route's edge costs: its fee, the time that money is locked, and how unlikely it is to work. In msat.
package struct RouteCost: Hashable, Sendable {
    /// What we would pay to avoid a hop, in msat: each can fail in its own way.
    package var hopBase: UInt64 = 100
    /// What we would pay for twice the success probability, in msat and in millionths of the amount.
    package var uncertaintyBase: UInt64 = 200
    package var uncertaintyProportionalMillionths: UInt64 = 1500
    /// What a locked block is worth, in billionths of the amount.
    package var blockBillionths: UInt64 = 15
    /// In which uncertainty is measured: a bit has so many units.
    static let uncertaintyUnit: UInt64 = 1024

    package init() {}

    /// Fees alone, for when no other way is within the budget.
    package static let feesOnly: RouteCost = {
        var cost = RouteCost()
        (cost.hopBase, cost.uncertaintyBase, cost.uncertaintyProportionalMillionths, cost.blockBillionths) = (0, 0, 0, 0)
        return cost
    }()

    /// What a whole route costs: by this one route is better than another.
    package func total(_ route: Route) -> UInt64 {
        let uncertainty = (min(route.uncertainty, 1 << 20) * uncertaintyPrice(route.amount.value)) >> 10
        let locked = (UInt64(route.cltvDelta) * blockPrice(route.amount.value)) >> 10
        return route.fee.value + uncertainty + locked + hopBase * UInt64(route.hops.count)
    }

    /// The cost of a bit of uncertainty for an amount.
    func uncertaintyPrice(_ amount: UInt64) -> UInt64 {
        let product = amount.multipliedFullWidth(by: uncertaintyProportionalMillionths)
        guard product.high < 1_000_000 else { return .max >> 24 }
        return min(.max >> 24, uncertaintyBase + UInt64(1_000_000).dividingFullWidth(product).quotient)
    }

    /// The cost of a locked block for an amount, in 1/1024 msat.
    func blockPrice(_ amount: UInt64) -> UInt64 {
        let product = amount.multipliedFullWidth(by: blockBillionths * 1024)
        guard product.high < 1_000_000_000 else { return .max >> 24 }
        return min(.max >> 24, UInt64(1_000_000_000).dividingFullWidth(product).quotient)
    }
}

/// Logarithms to base 2 of whole numbers, in 1/1024: the same on every machine.
enum Logarithm {
    /// Of 1 + i/1024.
    private static let fractions: [UInt16] = (0...1024).map { index in
        // Squaring doubles a logarithm: ten squarings give ten binary digits. Numbers are in 1/2^30.
        var value = UInt64(1 << 30) + UInt64(index) << 20
        guard index < 1024 else { return 1024 }
        var result: UInt16 = 0
        for _ in 0..<10 {
            value = (value * value) >> 30
            result <<= 1
            if value >= 1 << 31 {
                result |= 1
                value >>= 1
            }
        }
        return result
    }

    /// The logarithm of a number of at least 1.
    static func base2(_ value: UInt64) -> UInt64 {
        let exponent = UInt64(63 - value.leadingZeroBitCount)
        let mantissa = exponent >= 10 ? value >> (exponent - 10) & 1023 : value << (10 - exponent) & 1023
        return exponent << 10 + UInt64(fractions[Int(mantissa)])
    }
}

/// How unlikely it is that a channel can send an amount, if what it has is anywhere between two bounds.
enum UncertaintyCost {
    /// Minus the logarithm of the probability to base 2, in 1/1024; `nil` where it cannot be.
    ///
    /// What the channel holds is one of `lower…upper`, each as likely: the probability is (upper + 1 - amount) / (upper + 1 - lower).
    static func of(_ amount: UInt64, lower: UInt64, upper: UInt64) -> UInt64? {
        guard amount > lower else { return 0 }
        guard amount <= upper else { return nil }
        let (whole, part) = (upper - lower, upper - amount)
        let (above, below) = (Logarithm.base2(whole &+ 1 == 0 ? whole : whole + 1), Logarithm.base2(part + 1))
        return above > below ? above - below : 0
    }
}
