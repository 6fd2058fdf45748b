// The wallet on chain.
extension CallTable {
    static let wallet: [Call] = [
        Call(
            "newaddress", .wallet, needs: .chain, "An address that nobody has paid yet.",
            gives: .object([
                .always("address", .address, "Of this wallet."), .always("num_unpaid", .count, "Addresses before it that nobody has paid."),
            ])),
        Call(
            "feerates", .wallet, needs: .read, "What layer 1 takes now, by when a transaction should be mined.",
            gives: .object([
                .always("urgent_sat_kw", .feeRate, "Within 2 blocks."), .always("hour_sat_kw", .feeRate, "Within 6 blocks."),
                .always("day_sat_kw", .feeRate, "Within 144 blocks."),
            ])),
        Call(
            "send", .wallet, needs: .chain, "Sends to an address on chain.",
            takes: [.always("address", .address, "To which."), .always("amount_sat", .satOrAll, "How much."), .useReserve]
                + Field.feeChoice,
            gives: .object(
                Shape.transactionFields + [
                    .always("amount_sat", .sat, "What it pays to the address."), .always("change_sat", .sat, "What comes back."),
                ]),
            fails: [.refused], example: ["address": Shape.address.example, "amount_sat": 50_000]),
        Call(
            "quotesend", .wallet, needs: .read, "What sending would come to.",
            takes: [.always("address", .address, "To which."), .always("amount_sat", .satOrAll, "How much."), .useReserve]
                + Field.feeChoice,
            gives: .fundingQuote, fails: [.refused], example: ["address": Shape.address.example, "amount_sat": 50_000]),
        Call(
            "bumpfee", .wallet, needs: .chain, "Makes a transaction that waits pay more: by another in its place, or by a child.",
            takes: [.always("txid", .txid, "Which.")] + Field.feeChoice, gives: .transaction, fails: [.refused],
            example: ["txid": Shape.txid.example, "conf_target": 2]),
        Call(
            "listtransactions", .wallet, needs: .read, "The wallet's transactions, the last first.", takes: Field.page,
            gives: .object([
                .always(
                    "transactions",
                    .list(
                        .object([
                            .always("txid", .txid, "Which."), .nullable("blockheight", .height, "In which block; null where in none yet."),
                            .always("confirmations", .count, "Blocks from that one on."), .nullable("time", .time, "Of that block."),
                            .always("amount_sat", .signedSat, "What came less what went."), .always("received_sat", .sat, "What came."),
                            .always("spent_sat", .sat, "What went."),
                            .nullable("fee_sat", .sat, "What it paid; null where it is not known."),
                            .always(
                                "purpose",
                                .choice(
                                    "received", "payment", "funding", "mutual_close", "commitment", "claim", "fee_bump", "penalty",
                                    "recovery",
                                    "watchtower"), "What it was for."), .nullable("channel_id", .channelID, "Of which channel."),
                        ])), "The transactions."), .next,
            ]), example: ["limit": 10]),
        Call(
            "listunspent", .wallet, needs: .read, "The coins of the wallet.",
            gives: .object([
                .always(
                    "outputs",
                    .list(
                        .object([
                            .always("txid", .txid, "The transaction that made it."), .always("output", .count, "Which of its outputs."),
                            .always("amount_sat", .sat, "What it is worth."), .nullable("address", .address, "Whom it pays."),
                            .nullable("blockheight", .height, "In which block; null where in none yet."),
                            .always("confirmations", .count, "Blocks from that one on."),
                            .always("spendable", .flag, "Whether it can be spent now."),
                            .always("change", .flag, "Whether it came back from a payment of ours."),
                        ])), "The coins.")
            ])),
    ]
}
