// What the calls say of payments, of invoices and of streams.
extension Shape {
    static let paymentFields: [Field] = [
        .always("payment_hash", .paymentHash, "By which it is known."),
        .nullable("destination", .nodeID, "Who is paid; null where the payee hides behind blinded paths."),
        .optional("destination_alias", nullable(.text("bob")), "What the payee calls itself, as far as gossip has told."),
        .always("blinded", .flag, "Whether the payee hides behind blinded paths."),
        .always("amount_msat", .msat, "What the payee gets."),
        .always("fee_msat", .msat, "What forwarders get beside it, so far."),
        .always("created_at", .time, "When it began."),
        .optional("completed_at", .time, "When it was proven or failed."),
        .always("status", .choice("succeeded", "pending", "failed"), "Whether it is proven by its preimage."),
        .optional("settled", .flag, "Of one that succeeded: whether no HTLC of it is in a channel any more."),
        .optional("payment_preimage", .preimage, "Of one that succeeded: the proof."),
        .optional("failure", .text("no route: …"), "Of one that failed: why, for people."),
        .always("num_hops", .count, "Of the longest way that was paid."),
        .always("num_parts", .count, "In how many parts it was paid."),
        .always("num_attempts", .count, "How many ways were tried."),
        .nullable("bolt11", .bolt11, "The invoice; null for a payment without one."),
        .optional("description", .text, "What the invoice is for."),
        .optional("duration_ms", .milliseconds, "How long the call took."),
    ]

    static let payment = object("Payment", "A payment that this node made.", paymentFields)

    static let hop = object(
        "Hop", "A step of a way through the network.",
        [
            .nullable("id", .nodeID, "The node at its end; null for one that nobody but the payee knows."),
            .nullable("alias", .text("bob"), "What it calls itself."),
            .always("blinded", .flag, "Whether it stands for a path that is hidden."),
            .nullable("short_channel_id", .shortChannelID, "Through which channel."),
            .always("amount_msat", .msat, "What goes over it."),
            .always("fee_msat", .msat, "What its first node gets for it."),
            .always("cltv_delta", .count, "Blocks by which it is safer for its first node than for its last."),
        ])

    static let routeFields: [Field] = [
        .always("amount_msat", .msat, "What arrives."),
        .always("fee_msat", .msat, "What forwarders get."),
        .always("cltv_delta", .count, "Blocks that the money may be locked."),
        .always("success_probability_percent", .percent, "How probable it is that it works, as this node thinks."),
        .always("hops", .list(.hop), "The way, from this node on."),
    ]
    static let route = object("Route", "A way through the network, with its price.", routeFields)

    static let attempt = object(
        "Attempt", "A way that a payment tried.",
        routeFields + [
            .always("started_after_ms", .milliseconds, "After the payment's first one."),
            .nullable("duration_ms", .milliseconds, "Until it was proven or failed; null while it is under way."),
            .optional("hold_times_ms", .list(.milliseconds), "How long each hop says that it held it."),
            .always(
                "status", .choice("succeeded", "pending", "failed", "arrived"), "“arrived” for one of a probe that would have been paid."),
            .optional("settled_after_ms", .nullable(.milliseconds), "Until it left the channel."),
            .optional("failure", .text("temporary_channel_failure"), "Why it failed: BOLT 4."),
            .optional("failed_hop", .nullable(.count), "Which hop said so, from 0."),
        ])

    static let paymentStory = object(
        "PaymentStory", "A payment with every way that it tried.",
        // A probe is told as a payment that arrived.
        paymentFields.filter { $0.name != "status" } + [
            .always("status", .choice("succeeded", "pending", "failed", "arrived"), "“arrived” for a probe that would have been paid."),
            .always("max_fee_msat", .msat, "What its fees may be at the most."),
            .optional("given_up", .text("its time is over"), "Why nothing more is tried, where something is still under way."),
            .optional("arrived", .flag, "Of a probe: whether a payment would have arrived."),
            .always("attempts", .list(.attempt), "The ways, in the order in which they were tried."),
        ])

    static let invoiceFields: [Field] = [
        .always("bolt11", .bolt11, "What the payer is given."),
        .always("payment_hash", .paymentHash, "By which it is known."),
        .nullable("amount_msat", .msat, "What it asks for; null where the payer chooses."),
        .nullable("description", .text, "What it is for; null where it has a description's hash instead."),
        .always("created_at", .time, "When it was made."),
        .always("expires_at", .time, "From when on it is not paid any more."),
    ]
    static let invoice = object("Invoice", "An invoice that was made.", invoiceFields)

    static let invoiceStatusFields: [Field] =
        [.nullable("bolt11", .bolt11, "What the payer was given; null for a keysend.")]
        + invoiceFields.filter { $0.name != "bolt11" } + [
            .optional("label", .text("order 17"), "What its owner calls it."),
            .always("keysend", .flag, "Whether it is no invoice but a payment that came without one."),
            .always("status", .choice("paid", "unpaid", "held", "settling", "canceled", "expired"), "How it stands."),
            .optional("paid_at", .time, "When it was paid."),
            .optional("received_msat", .msat, "What came."),
            .optional("payment_preimage", .nullable(.preimage), "Of one that is paid."),
            .optional("settle_before_block", .height, "Of one that is held: from this block on it is failed."),
        ]
    static let invoiceStatus = object("InvoiceStatus", "An invoice, and how it stands.", invoiceStatusFields)

    static let stream = object(
        "Stream", "A stream of payments, as one record.",
        [
            .always("stream", .streamNumber, "Its number."),
            .always(
                "recipients",
                .list(
                    .object([
                        .always("id", .nodeID, "Who is paid."),
                        .nullable("alias", .text("bob"), "What it calls itself."),
                        .always("weight", .count, "Its share, of the sum of all."),
                        .always("paid_msat", .msat, "What it got."),
                        .always("given_up", .flag, "Whether it is not paid any more, for nothing got there."),
                    ])), "Who is paid, by shares."),
            .always("rate_msat", .msat, "What is paid in each period."),
            .always("rate_period_s", .integer(1...3600, "seconds"), "1, 60 or 3600."),
            .nullable("budget_msat", .msat, "All that may be spent, fees included."),
            .nullable("duration_ms", .milliseconds, "After how much time it ends."),
            .always("max_fee_millionths", .millionths, "What fees may be, of what is paid."),
            .nullable("max_fee_msat", .msat, "What fees may be in all."),
            .nullable("max_dust_msat", .msat, "What may be under way without an output on chain."),
            .always("created_at", .time, "When it began."),
            .always("elapsed_ms", .milliseconds, "The time that it has paid for, pauses not counted."),
            .always("paid_msat", .msat, "What has arrived."),
            .always("fee_msat", .msat, "What forwarders got."),
            .always("dust_in_flight_msat", .msat, "What is under way without an output on chain."),
            .always("in_flight_msat", .msat, "What is under way."),
            .always("skipped_msat", .msat, "What was not paid for times in which nothing got through."),
            .always("num_payments", .count, "Payments that arrived."),
            .always("num_failed", .count, "Payments that did not."),
            .always("interval_ms", .milliseconds, "Time between two payments, as it is now."),
            .nullable("latency_p50_ms", .milliseconds, "Until half of the payments were proven."),
            .nullable("latency_p99_ms", .milliseconds, "Until 99 of 100 were."),
            .nullable("last_failure", .text("no route"), "Why the last one failed that did."),
            .always("status", .choice("running", "paused", "stopping", "over"), "How it stands."),
            .optional("ended_at", .time, "When it was over."),
            .optional("end", .choice("duration", "budget", "failures", "stopped"), "What ended it."),
        ])

    static let incomingStream = object(
        "IncomingStream", "A stream of payments to this node.",
        [
            .always("tag", .hex, "By which its payer names it."),
            .always("received_msat", .msat, "What came."),
            .always("num_payments", .count, "In how many payments."),
            .always("first_at", .time, "When the first one came."),
            .always("last_at", .time, "When the last one came."),
            .nullable("podcast", .text("{\"podcast\":\"…\"}"), "What the payer wrote beside it: nobody has checked it."),
        ])
}
