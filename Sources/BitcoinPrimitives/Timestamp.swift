/// A moment, in whole milliseconds since the beginning of 1970 (UTC, without leap seconds).
///
/// The core has no clock: its driver says what time it is, and what is kept over a restart is kept as a moment, not as a span.
public struct Timestamp: Hashable, Comparable, Sendable {
    /// Milliseconds since 1970.
    public var milliseconds: UInt64

    /// - Parameter milliseconds: since 1970.
    public init(milliseconds: UInt64) { self.milliseconds = milliseconds }

    /// - Parameter seconds: since 1970, as invoices, gossip and block headers have them. What does not fit is the last second there is.
    public init(seconds: UInt64) { milliseconds = min(seconds, .max / 1000) * 1000 }

    /// Whole seconds since 1970.
    public var seconds: UInt64 { milliseconds / 1000 }

    /// As the header of a block has it, and gossip: seconds since 1970 in 32 bits.
    public var headerTime: UInt32 { UInt32(clamping: seconds) }

    /// The second that it is in, as what is kept or told in whole seconds has it.
    public var wholeSecond: Timestamp { Timestamp(milliseconds: milliseconds - milliseconds % 1000) }

    /// Before everything that has happened.
    public static let zero = Timestamp(milliseconds: 0)
    /// After everything that will happen.
    public static let distantFuture = Timestamp(milliseconds: .max)

    /// The time since an earlier moment; zero where that is not earlier, for clocks are set back.
    public func since(_ earlier: Timestamp) -> Duration {
        .milliseconds(Int64(clamping: milliseconds - min(milliseconds, earlier.milliseconds)))
    }

    /// The moment a time later; one that would be too late for a number is the last there is.
    public static func + (moment: Timestamp, time: Duration) -> Timestamp {
        let (sum, overflow) = moment.milliseconds.addingReportingOverflow(time.wholeMilliseconds)
        return Timestamp(milliseconds: overflow ? .max : sum)
    }

    /// The moment a time earlier; the beginning of 1970 where there is none.
    public static func - (moment: Timestamp, time: Duration) -> Timestamp {
        Timestamp(milliseconds: moment.milliseconds - min(moment.milliseconds, time.wholeMilliseconds))
    }

    public static func += (moment: inout Timestamp, time: Duration) { moment = moment + time }

    public static func < (left: Timestamp, right: Timestamp) -> Bool { left.milliseconds < right.milliseconds }
}

extension Duration {
    /// Its milliseconds, rounded down; none of a negative one.
    public var wholeMilliseconds: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        let (product, overflow) = UInt64(seconds).multipliedReportingOverflow(by: 1000)
        let (sum, tooMuch) = product.addingReportingOverflow(UInt64(attoseconds) / 1_000_000_000_000_000)
        return overflow || tooMuch ? .max : sum
    }

    /// Its seconds, rounded down; none of a negative one.
    public var wholeSeconds: UInt64 { UInt64(max(0, components.seconds)) }

    /// `500ms`, `10s`, `2m` or `2min`, `1.5h`, `1d`, as people type it; `nil` for anything else, and beyond a hundred years.
    package init?(text: String) {
        let units: [(String, UInt64)] = [("ms", 1), ("min", 60_000), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)]
        guard let (suffix, milliseconds) = units.first(where: { text.hasSuffix($0.0) }) else { return nil }
        let parts = text.dropLast(suffix.count).split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let fraction = parts.count == 2 ? parts[1] : "0"
        guard let first = parts.first, !first.isEmpty || parts.count == 2, first.count <= 13, (1...6).contains(fraction.count),
            (first + fraction).utf8.allSatisfy({ (0x30...0x39).contains($0) }), let whole = UInt64("0" + first),
            let part = UInt64(fraction + String(repeating: "0", count: 6 - fraction.count))
        else { return nil }
        let (product, overflow) = whole.multipliedReportingOverflow(by: milliseconds)
        let all = product.addingReportingOverflow((part * milliseconds + 500_000) / 1_000_000)
        guard !overflow, !all.overflow, all.partialValue <= 3_155_760_000_000 else { return nil }
        self = .milliseconds(all.partialValue)
    }
}
