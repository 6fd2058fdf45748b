// The node itself, its peers, and what happens to it.
extension CallTable {
    static let node: [Call] = [
        Call("ping", .node, needs: nil, "Says that somebody is there.", gives: .done),
        Call(
            "getinfo", .node, needs: .read, "Who this node is, and how it stands.",
            gives: .object(
                "NodeInfo", "Who this node is, and how it stands.",
                [
                    .always("id", .nodeID, "By which others know it."), .nullable("alias", .text("alice"), "What it calls itself."),
                    .always("network", .network, "Of its layer 1."),
                    .nullable("address", .nodeAddress, "Where others reach it; null where it listens to nobody."),
                    .always("blockheight", .height, "The block that it has followed the chain to."),
                    .always("num_peers", .count, "Nodes that it is connected to."),
                    .always("num_channels", .count, "Channels that are not closed."),
                    .always("num_usable_channels", .count, "Those that can be used."),
                ])),
        Call("balance", .node, needs: .read, "What there is, on chain and in channels, and what of it can be spent.", gives: .balance),
        Call(
            "events", .node, needs: .read, "What happened since a number, and what happens next.",
            details: """
                A feed begins anew with each start of the node. Where `missed` is true something happened that is not in the answer. What lasts is also \
                in `listevents`, which the database has.
                """,
            takes: [
                .optional("from", .integer(1...Int64.max), "The `next` of the answer before; left out, only what happens from now on."),
                .optional("feed", .text("8f2c01aa00ff1122"), "The `feed` of the answer before."),
                .optional(
                    "wait_ms", .integer(0...60_000, "thousandths of a second", example: 0), "How long to wait where nothing has happened."),
                .optional("limit", .integer(1...10_000, example: 100), "How many at the most; 100 where nothing is said."),
            ],
            gives: .object([
                .always("feed", .text("8f2c01aa00ff1122"), "Another one after each start of the node."),
                .always("missed", .flag, "Whether something is missing before the first of them."),
                .always("next", .integer(1...Int64.max), "What to ask for next."), .always("events", .list(.event), "What happened."),
            ]), example: ["from": 1, "wait_ms": 0]),
        Call(
            "listevents", .node, needs: .read,
            "What happened, out of the database, and what happens next; the last 100,000 events are kept.",
            details: """
                For programs that must miss nothing, whoever restarts: keep `next`, and ask with it the next time. Payments, invoices and channels \
                are told as they are now. The payments of a stream to this node are not here, nor what lasts only while it happens: see `events`.
                """,
            takes: [
                .optional("from", .integer(1...Int64.max), "The `next` of the answer before; left out, the oldest that is kept."),
                .optional(
                    "wait_ms", .integer(0...60_000, "thousandths of a second", example: 0), "How long to wait where nothing has happened."),
                .optional("limit", .integer(1...10_000, example: 100), "How many at the most; 100 where nothing is said."),
            ],
            gives: .object([
                .always("missed", .flag, "Whether something is missing before the first of them: it is not kept any more."),
                .always("next", .integer(1...Int64.max), "What to ask for next."), .always("events", .list(.event), "What happened."),
            ]), example: ["from": 1, "wait_ms": 0]),
        Call(
            "log", .node, needs: .read, "What happened to channels and to money at risk, the last first; the last 10,000 entries are kept.",
            takes: Field.page + [.optional("alerts", .flag, "Only where money was at risk.")],
            gives: .object([
                .always(
                    "entries",
                    .list(
                        .object([
                            .always("number", .integer(), "It grows by one with each."), .always("time", .time, "When it was."),
                            .always("blockheight", .height, "The block then."),
                            .always("level", .choice("notice", "info", "alert"), "How grave it is."),
                            .always("text", .text("channel … can be used"), "What happened."),
                        ])), "The entries."), .next,
            ]), example: ["limit": 10]),
        Call(
            "connect", .node, needs: .admin, "Connects to a node.",
            takes: [.always("address", .text(.nodeAddressExample, "a node's id, and where it is: <id>@<host>:<port>"), "Of which node.")],
            gives: .object([.always("id", .nodeID, "Of the node.")]), example: ["address": .string(.nodeAddressExample)]),
        Call(
            "disconnect", .node, needs: .admin, "Ends the connection to a node.", takes: [.always("id", .node, "Which.")],
            gives: .object([
                .always("id", .nodeID, "Of the node."),
                .always("reconnects", .flag, "Whether it is called again, for there is a channel with it."),
            ]), fails: [.refused], example: ["id": .string(.nodeExample)]),
        Call(
            "listpeers", .node, needs: .read, "The nodes that this one is connected to.",
            gives: .list(
                .object(
                    "Peer", "A node that this one is connected to.",
                    [
                        .always("id", .nodeID, "Which."), .always("connected", .flag, "Whether it has said what it can do."),
                        .always("features", .text("var_onion_optin, …"), "What it can do: BOLT 9."),
                    ]))),
        Call(
            "unlock", .node, needs: .admin, "Opens a wallet whose words are sealed.",
            takes: [.always("passphrase", .text("…"), "Of the wallet.")], gives: .done, fails: [.refused],
            example: ["passphrase": "correct horse"]),
        Call("stop", .node, needs: .admin, "Stops the node.", gives: .done, fails: [.refused]),
    ]
}

extension String {
    static let nodeExample = Shape.nodeID.example.text ?? ""
    static let nodeAddressExample = Shape.nodeAddress.example.text ?? ""
}
