// What is paid over Lightning.
extension CallTable {
    static let payments: [Call] = [
        Call(
            "pay", .payments, needs: .pay, "Pays an invoice, and waits for the outcome.",
            details: """
                After a minute it fails as `pending`, with the payment's hash: it succeeds or comes back by itself, and must not be made again. \
                `lookuppayment` tells how it stands. An invoice is paid once, however often this is called.
                """,
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
            "lookuppayment", .payments, needs: .pay, "How a payment stands.",
            takes: [.always("payment", .text(.hashExample, "the whole payment hash, or the invoice"), "Which.")], gives: .payment,
            fails: [.refused],
            example: ["payment": .string(.hashExample)]),
        Call(
            "decode", .payments, needs: nil, "What a text says that somebody was given: an invoice, an address, a node, a transaction.",
            details:
                "Blanks around it, `lightning:` and BIP 21's `bitcoin:` do not matter. What this version cannot pay is named as what it is.",
            takes: [.always("text", .text(.invoiceExample, "what was pasted"), "What it is.")],
            gives: .object(
                "Decoded", "What a text says.",
                [
                    .always(
                        "type",
                        .choice("invoice", "address", "node", "transaction", "offer", "bolt12_invoice", "lnurl", "lightning_address"),
                        "What it is."),
                    .optional("network", .network, "Of which chain."),
                    .optional(
                        "amount_msat", .nullable(.integer(0...Int64.max, "thousandths of a satoshi", example: 250_000_000)),
                        "What an invoice asks for; null where the payer chooses."),
                    .optional("amount_sat", .sat, "What an address asks for: BIP 21."), .optional("label", .text, "For what: BIP 21."),
                    .optional("payee", .text(.nodeExample, "a node's id, or \"hidden\""), "Whom an invoice pays."),
                    .optional("payment_hash", .paymentHash, "Of an invoice."),
                    .optional("description", .nullable(.text), "What an invoice is for; null where it has a hash instead."),
                    .optional("created_at", .time, "When an invoice was made."),
                    .optional("expires_at", .time, "Until when it can be paid."),
                    .optional("expired", .flag, "Whether that is over."),
                    .optional("min_final_cltv_expiry_delta", .nullable(.count), "BOLT 11's; null where the payee hides."),
                    .optional("features", .text("payment_secret, …"), "BOLT 9's, of an invoice."),
                    .optional("routing_hints", .count, "Ways to the payee that an invoice tells."),
                    .optional(
                        "description_hash", Shape(.text(.hex(bytes: 32)), "a SHA-256, in hex", example: .string(.hashExample)),
                        "In the place of a description: of a text that the payer gets elsewhere."),
                    .optional("payment_metadata", .hex, "What the payer sends along."),
                    .optional("fallback_addresses", .list(.address), "Where an invoice can be paid on chain."),
                    .optional("blinded_paths", .count, "Hidden ways to the payee."), .optional("address", .address, "An address."),
                    .optional("script", .text("0014…"), "Of an address."), .optional("id", .nodeID, "Of a node."),
                    .optional("host", .text("127.0.0.1"), "Where a node is."),
                    .optional("port", .integer(0...65535, example: 9735), "Its port."), .optional("txid", .txid, "Of a transaction."),
                    .optional("inputs", .count, "Of a transaction."), .optional("outputs", .count, "Of a transaction."),
                    .optional("vsize", .integer(0...Int64.max, "virtual bytes", example: 154), "Of a transaction."),
                    .optional("note", .text("that is an offer …"), "Why it cannot be paid."),
                ]), fails: [.refused], example: ["text": .string(.invoiceExample)]),
        Call(
            "listpayments", .payments, needs: .read,
            "The payments that this node made, those that began last first; those of streams are in the streams.",
            takes: Field.page(statuses: ["succeeded", "pending", "failed"]),
            gives: .object([.always("payments", .list(.payment), "The payments."), .next]), example: ["limit": 10]),
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
