// Channels, from their opening to what came back.
extension CallTable {
    static let channels: [Call] = [
        Call(
            "openchannel", .channels, needs: .chain, "Opens a channel; answers when its funding transaction is published.",
            takes: [
                .always("id", .text(.nodeAddressExample, "a node that is connected, or <id>@<host>:<port>"), "To whom."),
                .always("amount_sat", .satOrAll, "What is put in."),
                .optional("push_msat", .msat, "What of it is the peer's from the start: a gift."),
                .optional("announce", .flag, "Make it public, so that others can be paid through it."), .useReserve,
            ] + Field.feeChoice, gives: .object([.always("channel_id", .channelID, "Of the channel.")]), fails: [.refused],
            example: ["id": .string(.nodeAddressExample), "amount_sat": 1_000_000]),
        Call(
            "quoteopen", .channels, needs: .read, "What opening a channel would come to.",
            takes: [.always("amount_sat", .satOrAll, "What would be put in."), .useReserve] + Field.feeChoice, gives: .fundingQuote,
            fails: [.refused],
            example: ["amount_sat": 1_000_000]),
        Call(
            "listchannels", .channels, needs: .read, "All channels, among them those that were closed in the last two weeks.",
            gives: .list(.openChannel)),
        Call(
            "listclosedchannels", .channels, needs: .read, "Channels that are closed, those that were closed last first.",
            takes: Field.page,
            gives: .object([.always("channels", .list(.openChannel), "The channels."), .next]), example: ["limit": 10]),
        Call(
            "close", .channels, needs: .chain, "Agrees with the peer to close a channel: the money is on chain once that is mined.",
            takes: [.always("channel", .channel, "Which.")] + Field.feeChoice,
            gives: .object([
                .always("channel_id", .channelID, "Of the channel."),
                .always("connected", .flag, "Whether its peer is there: otherwise it waits."),
                .nullable("txid", .txid, "The closing transaction, where both have signed it within three seconds."),
            ]), fails: [.refused], example: ["channel": "103x1x0"]),
        Call(
            "quoteclose", .channels, needs: .read, "What closing a channel together with its peer would come to.",
            takes: [.always("channel", .channel, "Which.")] + Field.feeChoice,
            gives: .object([
                .always("channel_id", .channelID, "Of the channel."), .always("to_local_sat", .sat, "What comes back."),
                .always("fee_sat", .sat, "The fee."), .always("fee_is_ours", .flag, "Whether we pay it."),
                .always("htlcs", .count, "Payments under way that are waited for."),
                .always("vsize", .virtualSize, "How large it would be."),
            ]), fails: [.refused], example: ["channel": "103x1x0"]),
        Call(
            "forceclose", .channels, needs: .chain,
            "Closes a channel without its peer. Our own money is locked for the peer's to_self_delay.",
            details: "Money at risk where this database is an old copy: the peer may take everything then.",
            takes: [
                .always("channel", .channel, "Which."),
                .optional("newest", .flag, "Your word that no newer copy of this database exists, where it may be one."),
                .optional("replace_close", .flag, "Also where a close that both have signed waits to be mined."),
            ] + Field.feeChoice,
            gives: .object([
                .always("channel_id", .channelID, "Of the channel."), .nullable("txid", .txid, "The commitment that was published."),
            ]), fails: [.refused], example: ["channel": "103x1x0"]),
        Call(
            "quoteforceclose", .channels, needs: .read, "What closing a channel without its peer would come to.",
            takes: [.always("channel", .channel, "Which.")] + Field.feeChoice, gives: .forceCloseQuote, fails: [.refused],
            example: ["channel": "103x1x0"]),
        Call(
            "abandon", .channels, needs: .chain, "Gives up a channel whose funding is not mined: its coins are spent otherwise.",
            takes: [.always("channel", .channel, "Which.")] + Field.feeChoice,
            gives: .object(Shape.transactionFields + [.always("channel_id", .channelID, "Of the channel.")]), fails: [.refused],
            example: ["channel": "103x1x0"]),
        Call(
            "explainchannel", .channels, needs: .read, "What became of a channel: who closed it and why, each output, and what it cost.",
            takes: [.always("channel", .channel, "Which; also one that is closed.")], gives: .channelStory, fails: [.refused],
            example: ["channel": "103x1x0"]),
        Call(
            "setchannel", .channels, needs: .admin, "Changes the terms on which payments are forwarded into a channel.",
            takes: [
                .always("channel", .text("103x1x0", "a channel, or \"all\""), "Which."),
                .optional("fee_base_msat", .integer(0...Int64(UInt32.max), "thousandths of a satoshi", example: 1000), "For each forward."),
                .optional("fee_proportional_millionths", .millionths, "Of what is forwarded."),
                .optional("cltv_expiry_delta", .integer(0...65535, "blocks", example: 80), "Between the two sides of a forward."),
                .optional("htlc_minimum_msat", .msat, "Nothing smaller is forwarded."),
                .optional("htlc_maximum_msat", .msat, "Nothing larger is forwarded."),
            ],
            gives: .object([
                .always(
                    "channels",
                    .list(.object([.always("short_channel_id", .shortChannelID, "Of which.")] + Shape.forwardingTermsFields)),
                    "What holds now.")
            ]), fails: [.refused], example: ["channel": "all", "fee_base_msat": 1000]),
        Call(
            "listforwards", .channels, needs: .read, "Forwards under way and ended, those that began last first.",
            takes: Field.page(statuses: ["settled", "pending", "settling", "failed"]),
            gives: .object([
                .always(
                    "forwards",
                    .list(
                        .object([
                            .always("payment_hash", .paymentHash, "Of the payment."),
                            .always("in_channel", .channelName, "Over which it came."),
                            .always("out_channel", .channelName, "Over which it went on."), .always("in_msat", .msat, "What came."),
                            .always("out_msat", .msat, "What went on."), .always("fee_msat", .msat, "What this node gets."),
                            .always("received_at", .time, "When it came."),
                            .always("status", .choice("settled", "pending", "settling", "failed"), "How it stands."),
                            .optional("resolved_at", .time, "When it was over."),
                            .optional("failure", .text("temporary_channel_failure"), "Why it came back."),
                        ])), "The forwards."), .next, .always("totals", .forwardTotals, "All that there ever were."),
            ]), example: ["limit": 10]),
        Call(
            "feereport", .channels, needs: .read, "The terms of each channel, and what it earned.",
            gives: .object([
                .always(
                    "channels",
                    .list(
                        .object(
                            [.always("short_channel_id", .shortChannelID, "Of which."), .always("peer_id", .nodeID, "Its other end.")]
                                + Shape.forwardingTermsFields + [
                                    .always("num_forwards", .count, "Over it."), .always("fees_msat", .msat, "What they earned."),
                                ])), "The channels that are open."),
                .always(
                    "closed_channels",
                    .object([.always("num_forwards", .count, "Over them."), .always("fees_msat", .msat, "What they earned.")]),
                    "Those that are closed."),
                .always("totals", .forwardTotals, "All together."),
            ])),
    ]
}

extension Shape {
    /// A channel's short id or alias; of one that is long gone its id.
    static let channelName = text("103x1x0", "a channel's short id, its alias, or its id")
}
