import BitcoinPrimitives
import LightningAPI
import LightningWire

/// What may be paid with a token, and what was.
///
/// Money at risk: what is under way counts with all that it may come to until it is known what it came to, and what was paid counts for at
/// least its whole period. So in no time of that length more than the limit leaves.
struct SpendingLimit: Hashable, Sendable {
    /// Of what is paid, fees included.
    let amount: MilliSatoshi
    /// Seconds after which what was paid does not count any more; `nil` for never.
    let period: UInt64?
    /// What was paid, and when.
    private(set) var paid: [Payment] = []
    /// What is under way may come to so much, by number.
    private(set) var reserved: [UInt64: MilliSatoshi] = [:]
    private var next: UInt64 = 1

    struct Payment: Hashable, Sendable {
        /// Seconds.
        var time: UInt64
        var amount: MilliSatoshi
    }

    init(amount: MilliSatoshi, period: UInt64?) {
        self.amount = amount
        self.period = period
    }

    /// What counts at a moment: what was paid and what is under way.
    func spent(at time: UInt64) -> MilliSatoshi {
        let past = paid.filter { counts($0, at: time) }.map(\.amount)
        return (past + reserved.values).reduce(.zero) { $0.saturatingAdding($1) }
    }

    private func counts(_ payment: Payment, at time: UInt64) -> Bool {
        guard let period else { return true }
        let (end, overflow) = payment.time.addingReportingOverflow(period)
        return overflow || time < end
    }

    /// Sets something aside for a payment.
    ///
    /// - Returns: its number; `nil` where the limit does not allow it.
    mutating func reserve(_ sum: MilliSatoshi, at time: UInt64) -> UInt64? {
        // A clock that was set back: what was paid later than now counts as paid now.
        paid = paid.map { Payment(time: min($0.time, time), amount: $0.amount) }.filter { counts($0, at: time) }
        let (total, overflow) = spent(at: time).value.addingReportingOverflow(sum.value)
        guard !overflow, total <= amount.value else { return nil }
        defer { next += 1 }
        reserved[next] = sum
        return next
    }

    /// It is known what a payment came to: nothing where it failed.
    mutating func settle(_ number: UInt64, _ sum: MilliSatoshi, at time: UInt64) {
        guard reserved.removeValue(forKey: number) != nil, sum > .zero else { return }
        // In few records, whatever the number of payments: each counts until the last of it is over.
        if let last = paid.last, (period.map { time.subtractingReportingOverflow(last.time).partialValue < max(1, $0 / 64) } ?? true) {
            paid[paid.count - 1] = Payment(time: max(time, last.time), amount: last.amount.saturatingAdding(sum))
        } else {
            paid.append(Payment(time: time, amount: sum))
        }
    }

    // MARK: Its record

    var json: JSONValue {
        func list(_ payments: some Sequence<Payment>) -> JSONValue {
            .array(payments.map { ["time": .amount($0.time), "msat": .amount($0.amount.value)] })
        }
        return [
            "limit_msat": .amount(amount.value), "period_s": period.map { .amount($0) } ?? .null, "paid": list(paid),
            "reserved_msat": .amount(reserved.values.reduce(MilliSatoshi.zero) { $0.saturatingAdding($1) }.value),
        ]
    }

    /// - Parameter time: nobody knows any more what became of what was under way: it counts as paid then.
    init?(_ json: JSONValue, at time: UInt64) {
        guard let amount = json["limit_msat"].int, amount >= 0 else { return nil }
        self.init(amount: MilliSatoshi(UInt64(amount)), period: json["period_s"].int.map { UInt64(max(1, $0)) })
        for payment in json["paid"].list {
            guard let time = payment["time"].int, let sum = payment["msat"].int, time >= 0, sum >= 0 else { return nil }
            paid.append(Payment(time: UInt64(time), amount: MilliSatoshi(UInt64(sum))))
        }
        guard let sum = json["reserved_msat"].int, sum >= 0 else { return nil }
        if sum > 0 { paid.append(Payment(time: time, amount: MilliSatoshi(UInt64(sum)))) }
    }
}
