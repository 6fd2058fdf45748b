import BitcoinPrimitives
import LightningCore
import LightningPayment
import LightningWire

/// What events have come to since the node was started: counters and a histogram, as monitoring wants them.
struct EventTotals: Sendable {
    private(set) var sent: UInt64 = 0
    private(set) var sentAmount = MilliSatoshi.zero
    private(set) var fees = MilliSatoshi.zero
    private(set) var failed: UInt64 = 0
    private(set) var received: UInt64 = 0
    private(set) var receivedAmount = MilliSatoshi.zero
    private(set) var streamPayments: UInt64 = 0
    private(set) var alerts: UInt64 = 0
    private(set) var refusedPublications: UInt64 = 0
    /// Of payments that were proven.
    private(set) var latency = LatencyHistogram()

    mutating func add(_ event: NodeEvent) {
        switch event {
        case .paymentSucceeded(let payment):
            sent &+= 1
            sentAmount = sentAmount.saturatingAdding(payment.amount)
            fees = fees.saturatingAdding(payment.fee)
            // The payment itself knows its times to the second only.
            let proven = payment.attempts.filter { $0.status == .succeeded }.compactMap(\.endedAt).max()
            if let proven { latency.add(proven.since(payment.firstStart)) }
        case .paymentFailed(let payment): if !payment.isProbe { failed &+= 1 }
        case .paymentReceived(_, let amount):
            received &+= 1
            receivedAmount = receivedAmount.saturatingAdding(amount)
        case .streamPaid(let receipt):
            guard receipt.failure == nil else { return }
            streamPayments &+= 1
            fees = fees.saturatingAdding(receipt.fee)
        case .alert: alerts &+= 1
        case .publicationRefused: refusedPublications &+= 1
        default: break
        }
    }

    func write(to page: inout MetricsPage) {
        for (name, about, value) in [
            ("lightning_payments_sent_total", "Payments that succeeded, since the start.", sent),
            ("lightning_payments_failed_total", "Payments that failed, since the start.", failed),
            ("lightning_payments_sent_msat_total", "What they paid.", sentAmount.value),
            ("lightning_payment_fees_msat_total", "What they and streams paid in fees.", fees.value),
            ("lightning_payments_received_total", "Payments received, since the start.", received),
            ("lightning_payments_received_msat_total", "What came.", receivedAmount.value),
            ("lightning_stream_payments_total", "Payments of streams that arrived, since the start.", streamPayments),
            ("lightning_alerts_total", "Alerts, since the start: money was at risk.", alerts),
            ("lightning_publications_refused_total", "Transactions that layer 1 refused, since the start.", refusedPublications),
        ] {
            page.add(name, about, "\(value)", kind: "counter")
        }
        latency.write(to: &page)
    }
}

/// How long payments took, in the buckets of Prometheus.
struct LatencyHistogram: Sendable {
    /// Thousandths of a second.
    private static let bounds: [UInt64] = [5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 60_000]
    private var counts = Array(repeating: UInt64(0), count: LatencyHistogram.bounds.count + 1)
    private var sum: UInt64 = 0

    mutating func add(_ time: Duration) {
        let milliseconds = time.wholeMilliseconds
        counts[Self.bounds.firstIndex { milliseconds <= $0 } ?? Self.bounds.count] &+= 1
        sum &+= milliseconds
    }

    func write(to page: inout MetricsPage) {
        let (name, about) = ("lightning_payment_duration_seconds", "How long payments took that succeeded.")
        func line(_ suffix: String, _ value: String, _ labels: [(String, String)] = []) {
            page.add(name + suffix, about, value, labels, kind: "histogram", family: name)
        }
        var total: UInt64 = 0
        for (index, count) in counts.enumerated() {
            total &+= count
            line("_bucket", "\(total)", [("le", index < Self.bounds.count ? "\(Double(Self.bounds[index]) / 1000)" : "+Inf")])
        }
        line("_sum", "\(Double(sum) / 1000)")
        line("_count", "\(total)")
    }
}
