import LightningInvoice
import LightningRouting
import LightningWire

// What is printed of payments: neither preimages nor the secrets of payees and hops. Whoever reads a preimage in a log while its HTLC is under
// way can take the money.

extension OutgoingPayment: CustomStringConvertible, CustomReflectable {
    public var description: String {
        let state =
            switch status {
            case .pending: "under way"
            case .succeeded: "succeeded"
            case .failed(let why, _): "failed: \(why)"
            }
        return "payment \(paymentHash) of \(amount) to \(payee), \(state), \(attempts.count) attempt\(attempts.count == 1 ? "" : "s")"
    }
    /// Without children: what dumps a value shows no secret.
    public var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }
}

extension PaymentAttempt: CustomStringConvertible, CustomReflectable {
    public var description: String { "\(htlc), \(route.amount) over \(route.hops.count) hops, \(status)" }
    /// Without children: what dumps a value shows no secret.
    public var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }
}

extension InvoiceRecord: CustomStringConvertible, CustomReflectable {
    public var description: String { "invoice \(invoice.paymentHash), \(statusName), \(receivedAmount) received" }
    /// Without children: what dumps a value shows no secret.
    public var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }
}

extension Circuit: CustomStringConvertible, CustomReflectable {
    public var description: String {
        let state =
            switch status {
            case .pending: "under way"
            case .fulfilled: "fulfilled downstream"
            case .settled: "settled"
            case .failed(let why, _): "failed: \(why)"
            }
        return "forward \(incoming.paymentHash) of \(amount), fee \(fee), \(state)"
    }
    /// Without children: what dumps a value shows no secret.
    public var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }
}

extension OnionErrorContext: CustomStringConvertible, CustomReflectable {
    package var description: String { "the error context of an HTLC" }
    package var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }
}

extension HTLCReply: CustomStringConvertible, CustomReflectable {
    package var description: String { "a reply of \(packet.count) bytes" }
    package var customMirror: Mirror { Mirror(self, children: [], displayStyle: .struct) }
}
