public import BitcoinPrimitives

/// An amount in thousandths of a satoshi, the unit of HTLCs.
///
/// The operators trap on overflow; where a peer chose an amount use the checked forms.
public struct MilliSatoshi: Hashable, Sendable, Comparable, CustomStringConvertible {
    /// The number of millisatoshi.
    public var value: UInt64

    /// So many thousandths of a satoshi.
    public init(_ value: UInt64) { self.value = value }
    /// So many satoshi.
    public init(_ amount: Satoshi) { value = amount.value * 1000 }

    /// Nothing.
    public static let zero = MilliSatoshi(0)

    /// Whole satoshi, rounded down, as BOLT 3 rounds outputs.
    public var roundedDown: Satoshi { Satoshi(value / 1000) }

    public static func < (left: MilliSatoshi, right: MilliSatoshi) -> Bool { left.value < right.value }
    public static func + (left: MilliSatoshi, right: MilliSatoshi) -> MilliSatoshi {
        MilliSatoshi(left.value + right.value)
    }
    public static func - (left: MilliSatoshi, right: MilliSatoshi) -> MilliSatoshi {
        MilliSatoshi(left.value - right.value)
    }
    public static func += (left: inout MilliSatoshi, right: MilliSatoshi) { left = left + right }
    public static func -= (left: inout MilliSatoshi, right: MilliSatoshi) { left = left - right }

    /// The sum, or `nil` beyond 64 bits.
    public func adding(_ other: MilliSatoshi) -> MilliSatoshi? {
        let (sum, overflow) = value.addingReportingOverflow(other.value)
        return overflow ? nil : MilliSatoshi(sum)
    }

    /// The sum, or the most that fits: for what is shown, never for what is paid.
    public func saturatingAdding(_ other: MilliSatoshi) -> MilliSatoshi { adding(other) ?? MilliSatoshi(.max) }

    /// The difference, or `nil` below zero.
    public func subtracting(_ other: MilliSatoshi) -> MilliSatoshi? {
        value >= other.value ? MilliSatoshi(value - other.value) : nil
    }

    /// The difference, or zero where it would be less.
    public func saturatingSubtracting(_ other: MilliSatoshi) -> MilliSatoshi { subtracting(other) ?? .zero }

    /// `1,234.567 sat`, thousandths only where they are not zero.
    public var description: String { "\(digits) sat" }

    /// The same without the unit.
    public var digits: String {
        let whole = Satoshi.grouped(value / 1000)
        guard value % 1000 != 0 else { return whole }
        var fraction = String(value % 1000 + 1000).dropFirst()
        while fraction.last == "0" { fraction.removeLast() }
        return "\(whole).\(fraction)"
    }
}

extension Satoshi {
    /// The same amount in millisatoshi, or `nil` beyond 64 bits: for amounts that a peer chose.
    public var checkedMilliSatoshi: MilliSatoshi? {
        let (product, overflow) = value.multipliedReportingOverflow(by: 1000)
        return overflow ? nil : MilliSatoshi(product)
    }
}
