// What is asked for.
extension CallTable {
    static let invoices: [Call] = [
        Call(
            "invoice", .invoices, needs: .invoice, "Makes an invoice.", takes: Field.newInvoice, gives: .invoice, fails: [.refused],
            example: ["amount_msat": 5_000_000, "description": "coffee"]),
        Call(
            "lookupinvoice", .invoices, needs: .invoice, "How an invoice stands.", takes: [.always("invoice", .invoiceName, "Which.")],
            gives: .invoiceStatus, fails: [.refused], example: ["invoice": .string(.hashExample)]),
        Call(
            "waitinvoice", .invoices, needs: .invoice, "Waits until an invoice is paid, held, canceled or expired.",
            takes: [
                .always("invoice", .invoiceName, "Which."),
                .optional(
                    "wait_ms", .integer(0...60_000, "thousandths of a second", example: 30_000),
                    "How long at the most; a minute where nothing is said."),
            ], gives: .invoiceStatus, fails: [.refused], example: ["invoice": .string(.hashExample), "wait_ms": 30_000]),
        Call(
            "listinvoices", .invoices, needs: .read, "Invoices, those that were made last first; and payments that came without one.",
            takes: Field.page(statuses: ["paid", "unpaid", "held", "settling", "canceled", "expired"]) + [
                .optional("label", .text("order 17"), "Only those that are called so.")
            ],
            gives: .object([.always("invoices", .list(.invoiceStatus), "The invoices."), .next]), example: ["limit": 10]),
        Call(
            "holdinvoice", .invoices, needs: .invoice, "Makes an invoice whose payment is held until `settle` or `cancel`.",
            takes: [.always("payment_hash", .paymentHash, "Of a preimage that may be known later.")] + Field.newInvoice, gives: .invoice,
            fails: [.refused], example: ["payment_hash": .string(.hashExample), "amount_msat": 5_000_000]),
        Call(
            "settle", .invoices, needs: .invoice, "Takes a payment that is held. From then on it cannot be failed.",
            takes: [.always("payment_preimage", .preimage, "Of the invoice's hash.")],
            gives: .object([.always("payment_hash", .paymentHash, "Of the invoice.")]), fails: [.refused],
            example: ["payment_preimage": .string(.hashExample)]),
        Call(
            "cancel", .invoices, needs: .invoice, "Gives back what is held for an invoice, or is not paid for it any more.",
            takes: [.always("payment_hash", .text(.hashExample, "a payment hash, or a unique beginning of it"), "Of which invoice.")],
            gives: .object([.always("payment_hash", .paymentHash, "Of the invoice.")]), fails: [.refused],
            example: ["payment_hash": .string(.hashExample)]),
    ]
}
