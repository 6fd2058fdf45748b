import BitcoinPrimitives
import LightningInvoice
import LightningWire

/// In which minute unpaid invoices go, so that a look for those whose time has come costs what it finds.
///
/// That is a day after they have expired: nobody can pay them meanwhile, but a clock that was wrong for a while does not end them.
struct InvoiceExpiries: Sendable {
    static let grace = Duration.seconds(86_400)

    private var byMinute: [UInt64: [PaymentHash]] = [:]
    /// The last minute that was looked at.
    private var last: UInt64?

    private static func minute(_ time: Timestamp) -> UInt64 { time.seconds / 60 }

    mutating func insert(_ record: InvoiceRecord) {
        guard record.status == .unpaid else { return }
        let minute = Self.minute(record.invoice.expiresAt + Self.grace)
        byMinute[minute, default: []].append(record.invoice.paymentHash)
        if let last, minute <= last { self.last = nil }
    }

    /// One that is looked at again a minute after `now`.
    mutating func insert(_ record: InvoiceRecord, laterThan now: Timestamp) {
        byMinute[Self.minute(now) + 1, default: []].append(record.invoice.paymentHash)
    }

    /// The invoices of all minutes that are over.
    mutating func take(before now: Timestamp) -> [PaymentHash] {
        let minute = Self.minute(now)
        guard minute > 0, last != minute - 1, !byMinute.isEmpty else { return [] }
        defer { last = minute - 1 }
        var due: [UInt64] = []
        if let last, last < minute - 1, minute - 1 - last <= UInt64(byMinute.count) {
            due = (last + 1...minute - 1).filter { byMinute[$0] != nil }
        } else {
            due = byMinute.keys.filter { $0 < minute }.sorted()
        }
        return due.flatMap { byMinute.removeValue(forKey: $0) ?? [] }
    }
}
