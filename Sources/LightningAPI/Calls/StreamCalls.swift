// Payments by the second.
extension CallTable {
    private static let which = Field.always("stream", .streamNumber, "Which.")

    static let streams: [Call] = [
        Call(
            "startstream", .streams, needs: .pay, "Begins a stream of payments.",
            takes: [
                .always(
                    "recipients",
                    .list(
                        .object([
                            .always(
                                "id",
                                .text(
                                    .nodeExample,
                                    "a node's id, alias or unique beginning of either, or an invoice without an amount, which names the payee"
                                ), "Who."),
                            .optional("weight", .integer(1...Int64(UInt32.max)), "The share, of the sum of all; 1 where nothing is said."),
                        ])), "Who is paid."),
                .always("rate_msat", .msat, "What is paid in each period."),
                .optional("rate_period_s", .integer(1...3600, "seconds: 1, 60 or 3600"), "A second where nothing is said."),
                .optional("duration_ms", streamTime, "After how much time it ends."),
                .optional("budget_msat", .msat, "All that may be spent, fees included."),
                .optional(
                    "max_fee_millionths", .integer(0...1_000_000, "millionths", example: 10_000), "What fees may be, of what is paid."),
                .optional("max_fee_msat", .msat, "What fees may be in all."),
                .optional("max_dust_msat", .msat, "What may be under way without an output on chain, which nobody could claim there."),
                .optional("interval_ms", streamTime, "Time between two payments, at least."),
                .optional("max_in_flight", .integer(1...400, example: 8), "Payments under way at a time to each recipient."),
                .optional("patience_ms", streamTime, "For how long nothing may get through; 0 for ever."),
                .optional("catch_up_ms", streamTime, "How much of an interruption is paid for afterwards."),
            ], gives: .stream, fails: [.refused],
            example: ["recipients": [["id": .string(.nodeExample)]], "rate_msat": 10_000, "budget_msat": 600_000]),
        Call(
            "liststreams", .streams, needs: .read, "The streams, the newest first, and on the first page those that are paid to this node.",
            takes: [
                .optional("limit", .integer(1...10_000, example: 100), "How many at the most; 100 where nothing is said."),
                .optional("before", .streamNumber, "Go on where the page before ended: its `next`."),
            ],
            gives: .object([
                .always("streams", .list(.stream), "The streams."), .always("incoming", .list(.incomingStream), "Those to this node."),
                .nullable("next", .streamNumber, "Where the next page begins; null where there is none."),
            ])),
        Call(
            "getstream", .streams, needs: .read, "A stream, as it stands.", takes: [which], gives: .stream, fails: [.refused],
            example: ["stream": 1]),
        Call(
            "pausestream", .streams, needs: .pay, "Stops paying until it is resumed.", takes: [which], gives: .stream, fails: [.refused],
            example: ["stream": 1]),
        Call("resumestream", .streams, needs: .pay, "Goes on.", takes: [which], gives: .stream, fails: [.refused], example: ["stream": 1]),
        Call(
            "stopstream", .streams, needs: .pay, "Ends it: what is under way is waited for.", takes: [which], gives: .stream,
            fails: [.refused], example: ["stream": 1]),
        Call(
            "setstreamrate", .streams, needs: .pay, "Pays faster or slower from now on.",
            takes: [
                which, .always("rate_msat", .msat, "What is paid in each period."),
                .optional("rate_period_s", .integer(1...3600, "seconds: 1, 60 or 3600"), "A second where nothing is said."),
            ], gives: .stream, fails: [.refused], example: ["stream": 1, "rate_msat": 20_000]),
        Call(
            "addtostream", .streams, needs: .pay, "Pays something beside the rate, once: a boost.",
            takes: [which, .always("amount_msat", .msat, "How much.")], gives: .stream, fails: [.refused],
            example: ["stream": 1, "amount_msat": 1_000_000]),
    ]

    private static let streamTime = Shape.integer(0...3_155_760_000_000, "thousandths of a second", example: 60_000)
}
