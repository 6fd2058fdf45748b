public import LightningWire

/// How fast a stream pays: an amount for each second, minute or hour.
public struct StreamRate: Hashable, Sendable {
    /// What an amount is for.
    public enum Period: UInt64, Hashable, Sendable, CaseIterable {
        /// For each second.
        case second = 1
        /// For each minute.
        case minute = 60
        /// For each hour.
        case hour = 3600
    }

    /// Paid in each period.
    public var amount: MilliSatoshi
    /// The period.
    public var period: Period

    /// So much in each period. None for a stream that is paid for what is delivered: `PaymentStream.add`.
    public init(_ amount: MilliSatoshi, per period: Period) {
        self.amount = amount
        self.period = period
    }

    /// So much each second.
    public static func perSecond(_ amount: MilliSatoshi) -> StreamRate { StreamRate(amount, per: .second) }

    /// What is due after a time, whole millisatoshi, rounded down: nobody pays in advance. What does not fit is the most there is.
    public func due(after time: Duration) -> MilliSatoshi {
        Self.share(amount, UInt64(clamping: Self.milliseconds(time)), of: period.rawValue * 1000)
    }

    /// The first time at which so much is due; `nil` where that is never.
    public func time(until goal: MilliSatoshi) -> Duration? {
        guard amount > .zero else { return nil }
        let product = goal.value.multipliedFullWidth(by: period.rawValue * 1000)
        guard product.high < amount.value else { return nil }
        let (quotient, rest) = amount.value.dividingFullWidth(product)
        guard let milliseconds = Int64(exactly: quotient), milliseconds < .max else { return nil }
        return .milliseconds(milliseconds + (rest > 0 ? 1 : 0))
    }

    private static func milliseconds(_ time: Duration) -> Int64 {
        let parts = max(time, .zero).components
        let (whole, overflow) = parts.seconds.multipliedReportingOverflow(by: 1000)
        return overflow ? .max : whole + parts.attoseconds / 1_000_000_000_000_000
    }

    /// `amount * part / whole`, rounded down, or the most that fits.
    static func share(_ amount: MilliSatoshi, _ part: UInt64, of whole: UInt64) -> MilliSatoshi {
        let product = amount.value.multipliedFullWidth(by: part)
        guard product.high < whole else { return MilliSatoshi(.max) }
        return MilliSatoshi(whole.dividingFullWidth(product).quotient)
    }
}

// As people type it.
extension StreamRate {
    /// `10sat/s`, `600sat/min`, `5000sat/h`; `nil` for anything else.
    package init?(text: String) {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        let periods: [String: Period] = [
            "s": .second, "sec": .second, "second": .second, "m": .minute, "min": .minute, "minute": .minute, "h": .hour, "hour": .hour,
        ]
        guard parts.count == 2, let amount = MilliSatoshi(text: String(parts[0])), let period = periods[parts[1].lowercased()] else {
            return nil
        }
        self.init(amount, per: period)
    }

    /// `10sat/s`.
    package var text: String {
        let unit =
            switch period {
            case .second: "s"
            case .minute: "min"
            case .hour: "h"
            }
        return amount.value % 1000 == 0 ? "\(amount.value / 1000)sat/\(unit)" : "\(amount.value)msat/\(unit)"
    }
}
