/// In which time a token may pay what its limit says.
package enum LimitPeriod: String, CaseIterable, Sendable {
    case hour, day, week, month

    package var seconds: Int64 {
        switch self {
        case .hour: 3600
        case .day: 86_400
        case .week: 604_800
        case .month: 2_592_000
        }
    }

    /// A time of so many seconds, for people: what counts is the time before a payment, and no day of the calendar.
    package static func words(_ seconds: Int64) -> String {
        switch allCases.first(where: { $0.seconds == seconds }) {
        case .hour: "an hour"
        case .day: "24 hours"
        case .week: "7 days"
        case .month: "30 days"
        case nil: "\(seconds) s"
        }
    }
}
