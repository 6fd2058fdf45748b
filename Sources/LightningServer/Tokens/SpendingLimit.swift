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
    /// What is under way, by number.
    private(set) var reserved: [UInt64: Reserved] = [:]
    private var next: UInt64 = 1

    /// One payment, or several that lie close together.
    struct Payment: Hashable, Sendable {
        /// Of the last one, from which on all of them count for a period; seconds.
        var time: UInt64
        /// Of the first one.
        var first: UInt64
        var amount: MilliSatoshi

        init(time: UInt64, first: UInt64? = nil, amount: MilliSatoshi) {
            self.time = time
            self.first = min(first ?? time, time)
            self.amount = amount
        }
    }

    /// What a payment may come to that is under way.
    struct Reserved: Hashable, Sendable {
        var amount: MilliSatoshi
        /// The payment's hash, in hex; `nil` where it was not known before.
        var hash: String?
    }

    init(amount: MilliSatoshi, period: UInt64?) {
        self.amount = amount
        self.period = period
    }

    /// What counts at a moment: what was paid and what is under way.
    func spent(at time: UInt64) -> MilliSatoshi {
        let past = paid.filter { counts($0, at: time) }.map(\.amount)
        return (past + reserved.values.map(\.amount)).reduce(.zero) { $0.saturatingAdding($1) }
    }

    private func counts(_ payment: Payment, at time: UInt64) -> Bool {
        guard let period else { return true }
        let (end, overflow) = payment.time.addingReportingOverflow(period)
        return overflow || time < end
    }

    /// Sets something aside for a payment.
    ///
    /// - Returns: its number; `nil` where the limit does not allow it.
    mutating func reserve(_ sum: MilliSatoshi, hash: String? = nil, at time: UInt64) -> UInt64? {
        // A clock that was set back: what was paid later than now counts as paid now.
        paid = paid.map { Payment(time: min($0.time, time), first: $0.first, amount: $0.amount) }.filter { counts($0, at: time) }
        let (total, overflow) = spent(at: time).value.addingReportingOverflow(sum.value)
        guard !overflow, total <= amount.value else { return nil }
        defer { next += 1 }
        reserved[next] = Reserved(amount: sum, hash: hash)
        return next
    }

    /// It is known what a payment came to: nothing where it failed.
    mutating func settle(_ number: UInt64, _ sum: MilliSatoshi, at time: UInt64) {
        guard reserved.removeValue(forKey: number) != nil, sum > .zero else { return }
        // In few records, whatever the number of payments, each of which spans a small part of the period.
        if let last = paid.last, period.map({ time >= last.first && time - last.first < max(1, $0 / 64) }) ?? true {
            paid[paid.count - 1] = Payment(time: max(time, last.time), first: last.first, amount: last.amount.saturatingAdding(sum))
        } else {
            paid.append(Payment(time: time, amount: sum))
        }
    }

    // MARK: Its record

    var json: JSONValue {
        func list(_ payments: some Sequence<Payment>) -> JSONValue {
            .array(payments.map { ["time": .amount($0.time), "first": .amount($0.first), "msat": .amount($0.amount.value)] })
        }
        return [
            "limit_msat": .amount(amount.value), "period_s": period.map { .amount($0) } ?? .null, "paid": list(paid),
            "next": .amount(next),
            "reserved": .array(
                reserved.sorted { $0.key < $1.key }.map { number, one in
                    ["number": .amount(number), "msat": .amount(one.amount.value), "payment_hash": one.hash.map { .string($0) } ?? .null]
                }),
        ]
    }

    /// - Parameter time: what was under way without a hash counts as paid then: nobody knows any more what became of it. What has one stays set
    ///   aside until that is known.
    init?(_ json: JSONValue, at time: UInt64) {
        guard let amount = json["limit_msat"].int, amount >= 0 else { return nil }
        self.init(amount: MilliSatoshi(UInt64(amount)), period: json["period_s"].int.map { UInt64(max(1, $0)) })
        for payment in json["paid"].list {
            guard let time = payment["time"].int, let first = payment["first"].int, let sum = payment["msat"].int, time >= 0, first >= 0,
                sum >= 0
            else { return nil }
            paid.append(Payment(time: UInt64(time), first: UInt64(first), amount: MilliSatoshi(UInt64(sum))))
        }
        guard let next = json["next"].int, next > 0, case .array(let list) = json["reserved"] else { return nil }
        self.next = UInt64(next)
        var unknown = MilliSatoshi.zero
        for one in list {
            guard let number = one["number"].int, let sum = one["msat"].int, number > 0, number < next, sum >= 0 else { return nil }
            let amount = MilliSatoshi(UInt64(sum))
            if let hash = one["payment_hash"].text {
                reserved[UInt64(number)] = Reserved(amount: amount, hash: hash)
            } else {
                unknown = unknown.saturatingAdding(amount)
            }
        }
        if unknown > .zero { paid.append(Payment(time: time, amount: unknown)) }
    }
}
