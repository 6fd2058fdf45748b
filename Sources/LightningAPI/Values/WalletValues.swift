// What the calls say of the wallet on chain, of backups and of the network.
extension Shape {
    static let balance = object(
        "Balance", "What there is, on chain and in channels, and what of it can be spent.",
        [
            .always("on_chain_confirmed_sat", .sat, "On chain, in a block."),
            .always("on_chain_unconfirmed_sat", .sat, "On chain, in none yet."),
            .always("on_chain_immature_sat", .sat, "Of blocks that we mined, less than 100 blocks ago."),
            .always("close_reserve_sat", .sat, "Kept for the claims of closes."),
            .always("in_channels_msat", .msat, "Ours in channels."), .always("spendable_msat", .msat, "What can be paid now."),
            .always("receivable_msat", .msat, "What can be received now."),
            .always("largest_payment_msat", .msat, "What can be paid over one channel."),
            .always("reserved_msat", .msat, "What BOLT 2 keeps in channels."), .always("outgoing_htlcs_msat", .msat, "Under way from us."),
            .always("incoming_htlcs_msat", .msat, "Under way to us."),
            .always("fees_held_back_msat", .msat, "For the fees of commitments."),
            .always("closing_sat", .sat, "In closes, certain to come."), .always("contested_sat", .sat, "In closes, not decided yet."),
            .nullable("contested_until", .height, "Until when that is decided."),
            .always("num_usable_channels", .count, "Channels that can be used."),
        ])

    static let transactionFields: [Field] = [
        .always("txid", .txid, "By which it is known."), .always("vsize", .virtualSize, "How large it is."),
        .nullable("fee_sat", .sat, "What it pays; null where it is not known."),
    ]
    static let transaction = object("Transaction", "A transaction that was made.", transactionFields)

    static let fundingQuote = object(
        "FundingQuote", "What a transaction would come to.",
        [
            .always("amount_sat", .sat, "What it would pay."), .always("fee_sat", .sat, "Its fee."),
            .always("fee_rate_sat_kw", .feeRate, "Of it."), .always("vsize", .virtualSize, "How large it would be."),
            .always("left_sat", .sat, "What would be left on chain."),
            .always("reserve_sat", .sat, "What is kept for the claims of closes."),
        ])

    static let backupFields: [Field] = [
        .always("revision", .count, "It grows with each one."),
        .always("created_at", .time, "When it was made."),
        .always(
            "channels",
            .list(
                .object([
                    .always("channel_id", .channelID, "BOLT 2's."), .nullable("short_channel_id", .shortChannelID, "Where its funding is."),
                    .always("peer_id", .nodeID, "The node at the other end."), .always("capacity_sat", .sat, "What is in it."),
                    .always("addresses", .list(.nodeAddress), "Where the peer may be found."),
                ])), "The channels that it recovers."),
    ]

    static let totalsFields: [Field] = [
        .always("num_forwards", .count, "That succeeded."), .always("num_failed", .count, "That came back."),
        .always("amount_msat", .msat, "What was forwarded."), .always("fees_msat", .msat, "What was earned."),
    ]
    static let forwardTotals = object("ForwardTotals", "What forwarding has come to.", totalsFields)

    static let routingPolicy = object(
        "RoutingPolicy", "The terms of one direction of a public channel.",
        [
            .always("fee_base_msat", .msat, "For each forward."),
            .always("fee_proportional_millionths", .millionths, "Of what is forwarded."),
            .always("cltv_expiry_delta", .integer(0...65535, "blocks"), "Between the two sides of a forward."),
            // What strangers announce: any number.
            .always("htlc_minimum_msat", .integer(0...Int64.max, "thousandths of a satoshi"), "Nothing smaller is forwarded."),
            .always("htlc_maximum_msat", .integer(0...Int64.max, "thousandths of a satoshi"), "Nothing larger is forwarded."),
            .always("disabled", .flag, "Whether it is out of use."), .always("last_update", .time, "When it was announced."),
        ])

    /// What can happen.
    package static let events: [(name: String, meaning: String)] = [
        ("payment_received", "An invoice was paid, or a payment came without one: the money is certain."),
        ("payment_held", "A payment came that waits for `settle` or `cancel`."),
        ("payment_updated", "A part of a payment of ours went out or came back."),
        ("payment_succeeded", "A payment of ours is proven by its preimage."),
        ("payment_settled", "It has left the channels as well."), ("payment_failed", "Nothing of a payment of ours was paid."),
        ("stream_paid", "A payment of a stream of ours arrived, or did not."), ("stream_over", "A stream of ours is over."),
        ("forwarded", "A payment of others went through this node, or came back."),
        ("forward_refused", "A payment of others was not taken on."), ("channel_opening", "A channel is being opened."),
        ("channel_usable", "A channel can be used."), ("channel_announced", "A channel is public."),
        ("channel_closing", "A channel is being closed."), ("channel_closed", "A channel is closed, and nothing of it can change."),
        ("channels_restored", "Channels came out of a backup."), ("publication_refused", "Layer 1 refuses a transaction of ours."),
        ("peer_connected", "A node is connected."), ("peer_disconnected", "A node is gone."), ("block", "A block was mined."),
        ("alert", "Money is at risk: somebody should look."), ("note", "Something that an operator may want to know."),
    ]
    package static let eventNames = events.map(\.name)
    /// Those that the database has.
    package static let storedEventNames: Set<String> = [
        "payment_received", "payment_held", "payment_succeeded", "payment_failed", "forwarded", "channel_usable", "channel_announced",
        "channel_closing", "channel_closed", "channels_restored", "publication_refused", "stream_over", "alert",
    ]

    static let event = object(
        "Event", "Something that happened.",
        [
            .always("number", .integer(1...Int64.max), "It grows by one with each of a feed, or of the database."),
            .always("time", .time, "When it happened."),
            .always(
                "event",
                Shape(.choice(eventNames), example: "payment_received"), "What happened."),
        ] + eventFields
    ).shown(as: [
        "number": 17, "time": "2026-11-27T12:00:00Z", "event": "payment_received", "payment_hash": Shape.paymentHash.example,
        "received_msat": 5_000_000, "amount_msat": 5_000_000, "description": "coffee", "status": "paid", "paid_at": "2026-11-27T12:00:00Z",
        "keysend": false,
        "bolt11": Shape.bolt11.example, "created_at": "2026-11-27T11:59:00Z", "expires_at": "2026-11-27T12:59:00Z",
        "payment_preimage": Shape.preimage.example,
    ])

    /// The fields of all events; each has those that tell what happened.
    private static let eventFields: [Field] = {
        let own: [Field] = [
            .optional("id", .nodeID, "Of a peer, or of who is paid."), .optional("channel_id", .channelID, "Of which channel."),
            .optional("short_channel_id", .shortChannelID, "Where its funding is."),
            .optional("close_kind", .closeKind, "Who closed it, and how."),
            .optional("channel_ids", .list(.channelID), "Of which channels."), .optional("txid", .txid, "Of which transaction."),
            .optional("reason", .text("min relay fee not met"), "Why."), .optional("stream", .streamNumber, "Of which stream."),
            .optional("payment", .count, "Which of its payments."),
            .optional("latency_ms", .nullable(.milliseconds), "Until it was proven."),
            .optional("paid_msat", .msat, "What has arrived."), .optional("num_payments", .count, "In how many payments."),
            .optional("in_channel_id", .channelID, "Over which it came."),
            .optional("out_channel_id", .channelID, "Over which it went on."),
            .optional("in_msat", .msat, "What came."), .optional("out_msat", .msat, "What went on."),
            .optional("blockheight", .height, "Of the block."), .optional("text", .text("a channel is being closed"), "For people."),
            .optional("failure", .nullable(.text("no route")), "Why it failed."),
            .optional("failure_reason", .text("temporary_channel_failure"), "What the last hop said that failed it."),
            .optional("failure_code", .integer(0...65535), "BOLT 4's failure_code of that."),
            .optional("failed_hop", .count, "Which hop that was, from 0."), .optional("failed_hop_id", .nodeID, "Which node that was."),
            .optional(
                "status",
                .choice("succeeded", "pending", "failed", "settled", "paid", "unpaid", "held", "settling", "canceled", "expired"),
                "How the payment, invoice or forward stands."),
        ]
        let known = Set(own.map(\.name))
        var taken: Set<String> = known
        let others = (paymentFields + invoiceStatusFields).filter { taken.insert($0.name).inserted }
        return own
            + others.map { field in
                var field = field
                // Of a payment there is an amount, of an invoice perhaps none.
                field.shape = nullable(field.shape)
                field.presence = .optional
                return field
            }
    }()
}

extension Field {
    /// Those of a transaction that the node makes.
    static let feeChoice: [Field] = [
        .optional(
            "fee_rate_sat_kw", .integer(253...5_000_000, "satoshi for a thousand units of weight", example: 1000),
            "What it pays; not with conf_target."),
        .optional("allow_high_fee", .flag, "Take a fee rate that is far more than the next block takes."),
        .optional("conf_target", .integer(1...1008, "blocks", example: 6), "Within how many blocks it should be mined."),
    ]
    static let useReserve = Field.optional(
        "use_reserve", .flag,
        "Use also what is kept for the claims of closes. Money at risk: without coins HTLCs cannot be claimed in time.")
    static let page: [Field] = [
        .optional("limit", .integer(1...10_000, example: 100), "How many at the most; 100 where nothing is said."),
        .optional("before", .position, "Go on where the page before ended: its `next`."),
    ]
    /// A page of what has a status and a time.
    static func page(statuses: [String]) -> [Field] {
        page + [
            .optional("status", Shape(.choice(statuses), example: .string(statuses[0])), "Only those that stand so."),
            .optional("since", .time, "Only those that began at that time or later."),
        ]
    }
    static let next = Field.nullable("next", .position, "Where the next page begins; null where there is none.")
    static let paymentLimits: [Field] = [
        .optional("max_fee_msat", .msat, "What fees may be at the most; otherwise a share of the amount."),
        .optional("timeout", .integer(1...Int64.max, "seconds", example: 60), "For how long ways are tried."),
        .optional("max_parts", .integer(1...256, example: 16), "In how many parts at the most."),
    ]
    static let newInvoice: [Field] = [
        .optional(
            "amount_msat", .integer(1...2_100_000_000_000_000_000, "thousandths of a satoshi", example: 5_000_000),
            "What it asks for; left out, the payer chooses."),
        .optional("description", .text, "What it is for: the payer reads it. 639 bytes at the most."),
        .optional(
            "description_hash", Shape(.text(.hex(bytes: 32)), "the SHA-256 of a text, in hex", example: .string(.hashExample)),
            "In the place of a description: the payer gets the text elsewhere, and compares."),
        .optional("label", .text("order 17"), "What you call it: nobody else sees it. 200 bytes at the most."),
        .optional(
            "expiry", .integer(1...31_536_000, "seconds", example: 3600), "For how long it can be paid; an hour where nothing is said."),
        .optional(
            "blind", .integer(0...Int64.max, "hops", example: 0),
            "Above 0 it hides who is paid, behind so many hops: BOLT 4's blinded paths."),
    ]
}

extension Field.Presence: Equatable {}
