import BitcoinPrimitives
import LightningCore
import LightningWire

/// A payment that is to begin at a time: the same for both fidelities.
struct PlannedPayment: Hashable, Sendable {
    /// Counted from 0 over the whole scenario.
    var number: Int
    /// In milliseconds from the scenario's beginning.
    var time: UInt64
    var payer: Int
    var payee: Int
    /// In msat.
    var amount: UInt64
    /// What forwarders may take, in msat.
    var maxFee: UInt64
}

/// Every payment of a scenario in the order of their times. Each of its workloads draws from a seed of its own: one more changes nothing of the
/// others.
struct Workload: Sendable {
    private struct Source: Sendable {
        let payments: Scenario.Payments
        let interval: UInt64
        let end: UInt64
        var random: SeededRandom
        /// When the next one begins, in 1/1024 of a millisecond: rounded down each time, short pauses would come to too many payments.
        private var exact: UInt64
        /// The same in milliseconds; `nil` after the last.
        private(set) var next: UInt64?

        init(_ payments: Scenario.Payments, seed: UInt64, end: UInt64) {
            self.payments = payments
            interval = payments.interval.wholeMilliseconds
            let start = payments.start.wholeMilliseconds
            let last = payments.duration.map { start.addingReportingOverflow($0.wholeMilliseconds).partialValue } ?? end
            self.end = min(end, last)
            random = SeededRandom(seed: seed)
            exact = start << 10
            next = start
            // Regular ones begin at once; of others nobody can say when the last one was.
            if payments.arrivals == .poisson { advance() }
        }

        mutating func advance() {
            guard next != nil else { return }
            exact += payments.arrivals == .regular ? interval << 10 : random.exponential(mean: interval << 10)
            next = exact >> 10 < end ? exact >> 10 : nil
        }

        /// Who pays whom how much.
        mutating func draw(_ number: Int, _ time: UInt64) -> PlannedPayment {
            var payer = payments.payers.randomElement(using: &random)!
            var payee = payer
            // `check` has seen that there are two nodes; one that could only pay itself does not pay.
            while payee == payer {
                for _ in 0..<64 where payee == payer { payee = payments.payees.randomElement(using: &random)! }
                if payee == payer {
                    payer = payments.payers.randomElement(using: &random)!
                    payee = payer
                }
            }
            let amount = random.amount(payments.amounts)
            let fee =
                payments.maxFeeMillionths.map { MilliSatoshi(amount).share($0) } ?? PaymentLimits().fee(for: MilliSatoshi(amount)).value
            return PlannedPayment(number: number, time: time, payer: payer, payee: payee, amount: amount, maxFee: fee)
        }
    }

    private var sources: [Source]
    private var count = 0

    init(_ scenario: Scenario) {
        sources = scenario.payments.enumerated().map { number, payments in
            // Mixed twice: sequences of neighbouring seeds are the same one, shifted.
            var mixed = SeededRandom(seed: scenario.seed)
            var own = SeededRandom(seed: mixed.next() ^ UInt64(number))
            return Source(payments, seed: own.next(), end: scenario.duration.wholeMilliseconds)
        }
    }

    /// When the next payment begins.
    var nextTime: UInt64? { sources.compactMap(\.next).min() }

    mutating func next() -> PlannedPayment? {
        guard let time = nextTime, let index = sources.firstIndex(where: { $0.next == time }) else { return nil }
        var payment = sources[index].draw(count, time)
        sources[index].advance()
        payment.number = count
        count += 1
        return payment
    }
}

extension MilliSatoshi {
    /// So many millionths of it, rounded down.
    fileprivate func share(_ millionths: UInt32) -> UInt64 {
        let product = value.multipliedFullWidth(by: UInt64(millionths))
        return product.high >= 1_000_000 ? .max : UInt64(1_000_000).dividingFullWidth(product).quotient
    }
}

// Distributions that are the same on every machine: no logarithm, which libraries round differently.
extension SeededRandom {
    /// Exponentially distributed around a mean, rounded down.
    ///
    /// Von Neumann's method: among uniform numbers the length of the first descending run decides, so that only comparisons are needed.
    mutating func exponential(mean: UInt64) -> UInt64 {
        var whole: UInt64 = 0
        // Sixty-four means are exceeded once in 10^27 cases.
        while whole < 64 {
            let first = UInt32.random(in: .min ... .max, using: &self)
            var last = first
            var length = 1
            while true {
                let next = UInt32.random(in: .min ... .max, using: &self)
                if next >= last { break }
                last = next
                length += 1
            }
            if length % 2 == 1 {
                let fraction = mean.multipliedFullWidth(by: UInt64(first))
                let part = fraction.high << 32 | fraction.low >> 32
                return whole.multipliedReportingOverflow(by: mean).partialValue.addingReportingOverflow(part).partialValue
            }
            whole += 1
        }
        return whole.multipliedReportingOverflow(by: mean).partialValue
    }

    /// Until the next of many events of which each comes after so much time on average: whole milliseconds, 1 at the least.
    mutating func exponential(_ every: Duration, among count: Int) -> UInt64 {
        max(1, exponential(mean: (every.wholeMilliseconds << 10) / UInt64(max(1, count))) >> 10)
    }

    /// Each order of magnitude is as likely: halving the range at its geometric mean again and again. IEEE 754 has square roots exact.
    mutating func logUniform(_ range: ClosedRange<UInt64>) -> UInt64 {
        var (low, high) = (Double(range.lowerBound), Double(range.upperBound))
        for _ in 0..<40 {
            let middle = (low * high).squareRoot()
            if Bool.random(using: &self) { low = middle } else { high = middle }
        }
        return min(max(UInt64(low.rounded()), range.lowerBound), range.upperBound)
    }

    mutating func amount(_ amounts: Scenario.Amounts) -> UInt64 {
        switch amounts {
        case .fixed(let amount): amount
        case .uniform(let range): UInt64.random(in: range, using: &self)
        case .logUniform(let range): logUniform(range)
        case .exponential(let mean): max(1, exponential(mean: mean))
        }
    }
}
