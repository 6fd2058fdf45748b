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

// As people type it.
extension MilliSatoshi {
    /// `1000`, `1,000sat`, `5msat`, `0.001btc`: satoshi where nothing is said. `nil` for anything else, and for more than there is.
    ///
    /// Commas stand only between groups of three digits, and never with `btc`, where they are decimal commas more often than not.
    package init?(text: String) {
        let text = text.lowercased()
        let units: [(suffix: String, decimals: Int)] = [("msat", 0), ("sats", 3), ("sat", 3), ("btc", 11), ("", 3)]
        guard let (suffix, decimals) = units.first(where: { text.hasSuffix($0.suffix) }) else { return nil }
        let number = text.dropLast(suffix.count)
        guard let digits = suffix == "btc" ? (number.contains(",") ? nil : String(number)) : Self.ungrouped(number),
            let value = Self.fixedPoint(digits[...], decimals: decimals), value <= MilliSatoshi(Satoshi.maximum).value
        else { return nil }
        self.init(value)
    }

    /// The number without the commas between its groups of three digits; `nil` where a comma stands elsewhere.
    private static func ungrouped(_ text: Substring) -> String? {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let groups = parts[0].split(separator: ",", omittingEmptySubsequences: false)
        guard groups.count == 1 || (groups.dropFirst().allSatisfy { $0.count == 3 } && (1...3).contains(groups[0].count)) else {
            return nil
        }
        return ([groups.joined()] + parts.dropFirst().map(String.init)).joined(separator: ".")
    }

    /// Decimal digits as an integer of `decimals` places: never through floating point.
    private static func fixedPoint(_ text: Substring, decimals: Int) -> UInt64? {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let fraction = parts.count == 2 ? parts[1] : ""
        guard let whole = parts.first, !(whole.isEmpty && fraction.isEmpty), fraction.count <= decimals,
            (whole + fraction).utf8.allSatisfy({ (0x30...0x39).contains($0) }), whole.count <= 14
        else { return nil }
        return UInt64(whole + fraction + String(repeating: "0", count: decimals - fraction.count))
    }
}
