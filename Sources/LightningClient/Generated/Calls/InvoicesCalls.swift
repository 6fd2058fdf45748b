public import Foundation
public import LightningAPI

// Invoices. Made from the table of calls: see `SwiftClient`.
extension RemoteNode {
    /// Makes an invoice.
    ///
    /// A token needs the permission `invoice`.
    ///
    /// - Parameters:
    ///   - amountMsat: What it asks for; left out, the payer chooses. Thousandths of a satoshi.
    ///   - description: What it is for: the payer reads it. 639 bytes at the most.
    ///   - descriptionHash: In the place of a description: the payer gets the text elsewhere, and compares. The SHA-256
    ///     of a text, in hex.
    ///   - label: What you call it: nobody else sees it. 200 bytes at the most.
    ///   - expiry: For how long it can be paid; an hour where nothing is said. Seconds.
    ///   - blind: Above 0 it hides who is paid, behind so many hops: BOLT 4's blinded paths. Hops.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    @discardableResult
    public func invoice(
        amountMsat: Int64? = nil, description: String? = nil, descriptionHash: String? = nil, label: String? = nil, expiry: Int64? = nil,
        blind: Int64? = nil
    ) async throws(CallFailure) -> Invoice {
        try await ask(
            "invoice",
            [
                "amount_msat": amountMsat.map { json($0) }, "description": description.map { json($0) },
                "description_hash": descriptionHash.map { json($0) }, "label": label.map { json($0) }, "expiry": expiry.map { json($0) },
                "blind": blind.map { json($0) },
            ])
    }

    /// How an invoice stands.
    ///
    /// A token needs the permission `invoice`.
    ///
    /// - Parameter invoice: Which. An invoice, its payment hash, or a unique beginning of that.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    public func lookupinvoice(invoice: String) async throws(CallFailure) -> InvoiceStatus {
        try await ask("lookupinvoice", ["invoice": json(invoice)])
    }

    /// Waits until an invoice is paid, held, canceled or expired.
    ///
    /// A token needs the permission `invoice`.
    ///
    /// - Parameters:
    ///   - invoice: Which. An invoice, its payment hash, or a unique beginning of that.
    ///   - waitMs: How long at the most; a minute where nothing is said. Thousandths of a second.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    public func waitinvoice(invoice: String, waitMs: Int64? = nil) async throws(CallFailure) -> InvoiceStatus {
        try await ask("waitinvoice", ["invoice": json(invoice), "wait_ms": waitMs.map { json($0) }])
    }

    /// Invoices, those that were made last first; and payments that came without one.
    ///
    /// A token needs the permission `read`.
    ///
    /// - Parameters:
    ///   - limit: How many at the most; 100 where nothing is said.
    ///   - before: Go on where the page before ended: its `next`. Where a list goes on.
    ///   - status: Only those that stand so.
    ///   - since: Only those that began at that time or later. RFC 3339, in UTC.
    ///   - label: Only those that are called so.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`.
    public func listinvoices(
        limit: Int64? = nil, before: String? = nil, status: ListinvoicesStatus? = nil, since: Date? = nil, label: String? = nil
    ) async throws(CallFailure) -> ListinvoicesAnswer {
        try await ask(
            "listinvoices",
            [
                "limit": limit.map { json($0) }, "before": before.map { json($0) }, "status": status.map { json($0) },
                "since": since.map { json($0) }, "label": label.map { json($0) },
            ])
    }

    /// Makes an invoice whose payment is held until `settle` or `cancel`.
    ///
    /// A token needs the permission `invoice`.
    ///
    /// - Parameters:
    ///   - paymentHash: Of a preimage that may be known later. The SHA-256 of a preimage, in hex.
    ///   - amountMsat: What it asks for; left out, the payer chooses. Thousandths of a satoshi.
    ///   - description: What it is for: the payer reads it. 639 bytes at the most.
    ///   - descriptionHash: In the place of a description: the payer gets the text elsewhere, and compares. The SHA-256
    ///     of a text, in hex.
    ///   - label: What you call it: nobody else sees it. 200 bytes at the most.
    ///   - expiry: For how long it can be paid; an hour where nothing is said. Seconds.
    ///   - blind: Above 0 it hides who is paid, behind so many hops: BOLT 4's blinded paths. Hops.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    @discardableResult
    public func holdinvoice(
        paymentHash: String, amountMsat: Int64? = nil, description: String? = nil, descriptionHash: String? = nil, label: String? = nil,
        expiry: Int64? = nil, blind: Int64? = nil
    ) async throws(CallFailure) -> Invoice {
        try await ask(
            "holdinvoice",
            [
                "payment_hash": json(paymentHash), "amount_msat": amountMsat.map { json($0) }, "description": description.map { json($0) },
                "description_hash": descriptionHash.map { json($0) }, "label": label.map { json($0) }, "expiry": expiry.map { json($0) },
                "blind": blind.map { json($0) },
            ])
    }

    /// Takes a payment that is held. From then on it cannot be failed.
    ///
    /// A token needs the permission `invoice`.
    ///
    /// - Parameter paymentPreimage: Of the invoice's hash. Whose SHA-256 is the payment's hash, in hex: the proof that
    ///   it was paid.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    @discardableResult
    public func settle(paymentPreimage: String) async throws(CallFailure) -> SettleAnswer {
        try await ask("settle", ["payment_preimage": json(paymentPreimage)])
    }

    /// Gives back what is held for an invoice, or is not paid for it any more.
    ///
    /// A token needs the permission `invoice`.
    ///
    /// - Parameter paymentHash: Of which invoice. A payment hash, or a unique beginning of it.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    @discardableResult
    public func cancel(paymentHash: String) async throws(CallFailure) -> CancelAnswer {
        try await ask("cancel", ["payment_hash": json(paymentHash)])
    }
}
