/// An amount of bitcoin in satoshi (1/100,000,000 bitcoin).
///
/// The operators trap on overflow; where another party chose an amount use the checked forms.
public struct Satoshi: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The number of satoshi.
    public var value: UInt64

    /// So many satoshi.
    public init(_ value: UInt64) { self.value = value }

    /// Nothing.
    public static let zero = Satoshi(0)
    /// All the money there can be: 21 million bitcoin (Bitcoin's MAX_MONEY).
    public static let maximum = Satoshi(21_000_000 * 100_000_000)

    public static func < (left: Satoshi, right: Satoshi) -> Bool { left.value < right.value }
    public static func + (left: Satoshi, right: Satoshi) -> Satoshi { Satoshi(left.value + right.value) }
    public static func - (left: Satoshi, right: Satoshi) -> Satoshi { Satoshi(left.value - right.value) }
    public static func += (left: inout Satoshi, right: Satoshi) { left = left + right }
    public static func -= (left: inout Satoshi, right: Satoshi) { left = left - right }

    /// The sum, or `nil` beyond 64 bits.
    public func adding(_ other: Satoshi) -> Satoshi? {
        let (sum, overflow) = value.addingReportingOverflow(other.value)
        return overflow ? nil : Satoshi(sum)
    }

    /// The sum, or the largest amount where it would be more: for sums of what a chain claims.
    public func saturatingAdding(_ other: Satoshi) -> Satoshi { adding(other) ?? Satoshi(.max) }

    /// The difference, or `nil` below zero.
    public func subtracting(_ other: Satoshi) -> Satoshi? {
        value >= other.value ? Satoshi(value - other.value) : nil
    }

    /// Whether the amount is one that consensus allows for an output.
    public var isMoney: Bool { self <= .maximum }

    /// `1,234 sat`
    public var description: String { "\(Self.grouped(value)) sat" }

    /// Digits in groups of three.
    public static func grouped(_ value: UInt64) -> String {
        var digits = Array(String(value))
        var index = digits.count - 3
        while index > 0 {
            digits.insert(",", at: index)
            index -= 3
        }
        return String(digits)
    }
}

extension Sequence<Satoshi> {
    /// The sum, or `nil` beyond 64 bits.
    package func checkedSum() -> Satoshi? {
        var total = Satoshi.zero
        for amount in self {
            guard let next = total.adding(amount) else { return nil }
            total = next
        }
        return total
    }
}

/// A fee rate in satoshi for each 1000 weight units, as BOLT 2 and 3 express it.
public struct FeeRate: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// Satoshi for each 1000 weight units.
    public var perKiloweight: UInt32

    /// So many satoshi for 1,000 weight units.
    public init(perKiloweight: UInt32) { self.perKiloweight = perKiloweight }

    /// From satoshi for each virtual byte, rounded up; the nearest rate there is where that is none.
    public init(perVirtualByte: Double) {
        let rate = (perVirtualByte * 250).rounded(.up)
        perKiloweight = rate.isNaN ? 0 : UInt32(min(max(rate, 0), Double(UInt32.max)))
    }

    /// The lowest rate that reaches one satoshi for each virtual byte after rounding: 253 sat/kw.
    public static let floor = FeeRate(perKiloweight: 253)

    /// BOLT 3: "The fee … rounded down": rate times weight over 1000.
    public func fee(weight: Int) -> Satoshi { Satoshi(UInt64(perKiloweight) * UInt64(weight) / 1000) }

    /// The fee rounded up, so that the transaction reaches the rate.
    public func feeRoundedUp(weight: Int) -> Satoshi {
        Satoshi((UInt64(perKiloweight) * UInt64(weight) + 999) / 1000)
    }

    public static func < (left: FeeRate, right: FeeRate) -> Bool { left.perKiloweight < right.perKiloweight }
    public var description: String { "\(perKiloweight) sat/kw" }
}

extension FeeRate {
    /// As people say it: satoshi for each virtual byte.
    public var perVirtualByte: String {
        let hundredths = (UInt64(perKiloweight) * 100 + 125) / 250
        let rest = hundredths % 100
        let fraction = rest == 0 ? "" : rest % 10 == 0 ? ".\(rest / 10)" : rest < 10 ? ".0\(rest)" : ".\(rest)"
        return "\(hundredths / 100)\(fraction) sat/vB"
    }
}
