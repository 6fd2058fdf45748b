// What is paid over Lightning.
extension CallTable {
    static let payments: [Call] = [
        Call(
            "pay", .payments, needs: .pay, "Pays an invoice, and waits for the outcome.",
            details: "After a minute it answers `pending`: the payment succeeds or comes back by itself, and must not be made again.",
            takes: [
                .always("bolt11", .bolt11, "The invoice."),
                .optional("amount_msat", .msat, "How much, where the invoice leaves that to the payer."),
            ] + Field.paymentLimits, gives: .payment, fails: [.refused, .paymentFailed, .pending],
            example: ["bolt11": .string(.invoiceExample)]),
        Call(
            "keysend", .payments, needs: .pay, "Pays a node without an invoice.",
            takes: [.always("id", .node, "Who is paid."), .always("amount_msat", .msat, "How much.")] + Field.paymentLimits,
            gives: .payment,
            fails: [.refused, .paymentFailed, .pending], example: ["id": .string(.nodeExample), "amount_msat": 21_000]),
        Call(
            "listpayments", .payments, needs: .read,
            "The payments that this node made, those that began last first; those of streams are in the streams.",
            takes: Field.page, gives: .object([.always("payments", .list(.payment), "The payments."), .next]), example: ["limit": 10]),
        Call(
            "explain", .payments, needs: .read, "A payment with every way that it tried.",
            takes: [
                .always("payment", .text(.hashExample, "a payment hash, a unique beginning of it, its preimage, or its invoice"), "Which.")
            ],
            gives: .paymentStory, fails: [.refused], example: ["payment": .string(String(String.hashExample.prefix(8)))]),
        Call(
            "getroute", .payments, needs: .read, "How an amount would be sent to a node. Nothing is paid.",
            takes: [
                .always("id", .node, "To whom."), .always("amount_msat", .msat, "How much."),
                .optional("max_fee_msat", .msat, "What fees may be at the most."),
            ],
            gives: .object([
                .always("amount_msat", .msat, "What arrives."), .always("fee_msat", .msat, "What forwarders get."),
                .always("success_probability_percent", .percent, "How probable it is that it works."),
                .always("parts", .list(.route), "The parts."),
            ]), fails: [.refused], example: ["id": .string(.nodeExample), "amount_msat": 21_000]),
        Call(
            "compareroutes", .payments, needs: .read, "The best way over each of this node's channels.",
            takes: [
                .always("id", .node, "To whom."), .always("amount_msat", .msat, "How much."),
                .optional("max_fee_msat", .msat, "What fees may be at the most."),
            ],
            gives: .object([
                .always(
                    "choices",
                    .list(
                        .object([
                            .always("first_channel", .shortChannelID, "The channel."), .always("peer_id", .nodeID, "Its other end."),
                            .nullable("alias", .text("bob"), "What that calls itself."),
                            .nullable("route", .route, "The best way over it."),
                            .nullable("refusal", .text("it has 5 sat to spend"), "Why there is none."),
                        ])), "The best first.")
            ]), fails: [.refused], example: ["id": .string(.nodeExample), "amount_msat": 21_000]),
        Call(
            "probe", .payments, needs: .pay, "Tries whether a payment would arrive, without paying.",
            takes: [.always("id", .node, "To whom."), .always("amount_msat", .msat, "How much.")] + Field.paymentLimits,
            gives: .paymentStory,
            fails: [.refused], example: ["id": .string(.nodeExample), "amount_msat": 21_000]),
        Call(
            "rebalance", .payments, needs: .pay, "Pays this node itself in a circle: out over one channel, in over another.",
            takes: [
                .always("from", .channel, "Out over this one."), .always("to", .channel, "In over this one."),
                .always("amount_msat", .msat, "How much."),
            ] + Field.paymentLimits, gives: .payment, fails: [.refused, .paymentFailed, .pending],
            example: ["from": "103x1x0", "to": "104x1x0", "amount_msat": 50_000_000]),
    ]
}

extension String {
    static let invoiceExample = Shape.bolt11.example.text ?? ""
    static let hashExample = Shape.paymentHash.example.text ?? ""
}
