import BitcoinPrimitives
import LightningInvoice
import LightningWire

/// In which minute unpaid invoices go, so that a look for those whose time has come costs what it finds.
///
/// That is a day after they have expired: nobody can pay them meanwhile, but a clock that was wrong for a while does not end them.
struct InvoiceExpiries: Sendable {
    /// In seconds.
    static let grace: UInt64 = 86_400

    private var byMinute: [UInt64: [PaymentHash]] = [:]
    /// The last minute that was looked at.
    private var last: UInt64?

    mutating func insert(_ record: InvoiceRecord) {
        guard record.status == .unpaid else { return }
        let minute = record.invoice.expiresAt.addingReportingOverflow(Self.grace).partialValue / 60
        byMinute[minute, default: []].append(record.invoice.paymentHash)
        if let last, minute <= last { self.last = nil }
    }

    /// - Parameter seconds: since 1970; it is looked at again in a minute.
    mutating func insert(_ record: InvoiceRecord, laterThan seconds: UInt64) {
        byMinute[seconds / 60 + 1, default: []].append(record.invoice.paymentHash)
    }

    /// The invoices of all minutes that are over.
    mutating func take(before seconds: UInt64) -> [PaymentHash] {
        let minute = seconds / 60
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
