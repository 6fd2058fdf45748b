// What the calls say of channels and of their closes.
extension Shape {
    static let channelState = choice(
        "normal", "opening", "confirming", "unconfirmed", "shutdown", "closing", "closed", "forceclosing", "abandoned", "data-lost",
        "double-spent")
    static let closeKind = text("local force close", "who closed it, and how")
    static let outputRole = text("to_local, after its delay", "what an output of a close is")

    static let openChannel = object(
        "Channel", "A channel, as it stands.",
        [
            .always("channel_id", .channelID, "BOLT 2's."),
            .always("peer_id", .nodeID, "The node at the other end."),
            .nullable("peer_alias", .text("bob"), "What it calls itself."),
            .nullable("short_channel_id", .shortChannelID, "Where its funding is; null until it is in a block."),
            .always("alias", .shortChannelID, "What it is called in invoices' hints."),
            .always("state", .channelState, "How it stands."),
            .always("possibly_behind", .flag, "Whether this database may be older than the channel: nothing of it is published then."),
            .always("connected", .flag, "Whether its peer is there."),
            .always("channel_type", .text("anchors"), "BOLT 2's channel_type."),
            .always("opener", .choice("local", "remote"), "Who opened it, and pays for the commitments."),
            .always("funding_txid", .txid, "The transaction that funds it."),
            .always("funding_output_index", .integer(0...65535), "Which of its outputs."),
            .always("funding_satoshis", .sat, "What is in it."),
            .nullable("funding_height", .height, "The block of the funding."),
            .always("to_local_msat", .msat, "What is ours, HTLCs not counted."),
            .always("to_remote_msat", .msat, "What is the peer's."),
            .always("spendable_msat", .msat, "What can be paid over it now."),
            .always("receivable_msat", .msat, "What can be received over it now."),
            .always("channel_reserve_satoshis", .sat, "What has to stay ours: BOLT 2's channel_reserve_satoshis of the peer."),
            .always("feerate_per_kw", .feeRate, "Of the commitments."),
            .always("num_htlcs", .count, "Payments under way in it."),
            .always("trusted_dust_msat", .msat, "What is under way without an output on chain."),
            .optional("reason", .text("the peer sent …"), "Why it is closed."),
            .optional("close_kind", .closeKind, "Who closed it, and how."),
            .optional("close_txid", .txid, "The transaction that closed it."),
            .optional("close_height", .height, "The block of that."),
            .optional(
                "close_outputs",
                .list(
                    .object([
                        .always("outpoint", .outPoint, "Which."),
                        .always("amount_sat", .sat, "What is in it."),
                        .always("role", .outputRole, "What it is."),
                        .always("status", .text("waiting until block 840000"), "What becomes of it."),
                        .nullable("expiry", .height, "From which block the other side of an HTLC can take it."),
                    ])), "The outputs that are ours or contested."),
        ])

    static let heldHTLCs = object(
        "HTLCs", "Payments under way.",
        [
            .always("count", .count, "How many."), .always("amount_sat", .sat, "What they are worth."),
            .nullable("last_expiry", .height, "When the last of them expires."),
        ])

    static let forceCloseQuote = object(
        "ForceCloseQuote", "What closing a channel without its peer would come to.",
        [
            .always("channel_id", .channelID, "Of which."), .always("short_channel_id", .shortChannelID, "What it is called."),
            .always("peer_id", .nodeID, "The node at the other end."),
            .always("possibly_behind", .flag, "Whether it would be a risk: this database may be an old copy."),
            .nullable("waiting_close_txid", .txid, "A close that both have signed, and that waits to be mined."),
            .always("capacity_sat", .sat, "What is in it."), .always("anchors_sat", .sat, "What goes into anchors."),
            .always("to_local_sat", .sat, "What comes back after the delay."), .always("delay_blocks", .count, "The delay."),
            .always("offered_htlcs", .heldHTLCs, "Payments from us."), .always("received_htlcs", .heldHTLCs, "Payments to us."),
            .always("lost_sat", .sat, "What has no output on chain and goes to miners."),
            .always("commitment_fee_sat", .sat, "The fee of the commitment."),
            .always("commitment_fee_is_ours", .flag, "Whether we pay it."),
            .always("child_fee_sat", .sat, "What a child of it pays that brings it into a block."),
            .always("child_is_covered", .flag, "Whether there are coins for that."),
            .nullable("peers_commitment_txid", .txid, "The peer's commitment, where it is published already."),
            .always("claim_fees_sat", .sat, "What the claims cost at today's rate."),
            .always("back_by_height", .height, "When all is back at the latest."),
        ])

    static let channelStory = object(
        "ChannelStory", "What became of a channel: who closed it and why, each output, and what it cost.",
        [
            .always("channel_id", .channelID, "BOLT 2's."), .nullable("short_channel_id", .shortChannelID, "Where its funding is."),
            .always("peer_id", .nodeID, "The node at the other end."), .always("state", .channelState, "How it stands."),
            .always("capacity_sat", .sat, "What is or was in it."), .always("opened_by_us", .flag, "Who opened it."),
            .always("funding_txid", .txid, "The transaction that funds it."), .nullable("funding_height", .height, "The block of that."),
            .optional("reason", .text("the peer sent …"), "Why it is closed."),
            .optional("waiting_close_txid", .txid, "A close that both have signed, and that waits to be mined."),
            .optional("close_kind", .closeKind, "Who closed it, and how."),
            .optional("close_txid", .txid, "The transaction that closed it."),
            .optional("close_height", .height, "The block of that."),
            .optional("close_fee_sat", .nullable(.sat), "What that transaction paid; null where it is not known."),
            .optional("child_fee_sat", .sat, "What we paid to bring it into a block."),
            .optional(
                "events",
                .list(
                    .object([
                        .always("amount_sat", .sat, "What is in the output."), .always("role", .outputRole, "What it is."),
                        .always("what", .text("claimed"), "What happened to it, or what it waits for."),
                        .optional("height", .height, "The block in which that was."),
                        .optional("txid", .txid, "The transaction that did it."),
                        .optional("fee_sat", .nullable(.sat), "What that paid; null where it is counted at another output."),
                        .optional("published_at_height", .height, "When the last claim was published."),
                        .optional("num_refused", .count, "How often layer 1 refused it."),
                        .optional("expiry", .height, "From which block the other side of an HTLC can take it."),
                    ])), "What happened to each output, in the order of blocks."),
            .optional(
                "irrevocable_height", .nullable(.height), "From which block on nothing can change any more; null until all is claimed."),
            .optional("claim_fees_sat", .sat, "What claims have cost."), .optional("claimed_sat", .sat, "What came back."),
        ])

    static let forwardingTermsFields: [Field] = [
        .always("fee_base_msat", .msat, "For each forward."), .always("fee_proportional_millionths", .millionths, "Of what is forwarded."),
        .always("cltv_expiry_delta", .integer(0...65535, "blocks"), "Between the two sides of a forward."),
        .always("htlc_minimum_msat", .msat, "Nothing smaller is forwarded."),
        .nullable("htlc_maximum_msat", .msat, "Nothing larger is forwarded."),
    ]
}
