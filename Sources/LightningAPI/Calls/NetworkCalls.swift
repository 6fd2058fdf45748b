// The network as this node knows it.
extension CallTable {
    static let network: [Call] = [
        Call(
            "graph", .network, needs: .read, "The public network as this node knows it.",
            gives: .object([
                .always(
                    "nodes",
                    .list(
                        .object([
                            .always("id", .nodeID, "Which."), .nullable("alias", .text("bob"), "What it calls itself."),
                            .always("num_channels", .count, "Public channels of it."),
                            .always("capacity_sat", .integer(0...Int64.max, "satoshi", example: 1_000_000), "What is in them."),
                            .always("is_self", .flag, "Whether it is this node."),
                        ])), "The nodes."),
                .always(
                    "channels",
                    .list(
                        .object([
                            .always("short_channel_id", .shortChannelID, "Which."),
                            .always("node_id_1", .nodeID, "The end whose key is smaller."),
                            .always("node_id_2", .nodeID, "The other end."),
                            .always("capacity_sat", .integer(0...Int64.max, "satoshi", example: 1_000_000), "What is in it."),
                            .nullable("alias_1", .text("alice"), "What node 1 calls itself."),
                            .nullable("alias_2", .text("bob"), "What node 2 calls itself."),
                            .nullable("terms_1", .routingPolicy, "From node 1 to node 2."),
                            .nullable("terms_2", .routingPolicy, "From node 2 to node 1."),
                            .always("spent", .flag, "Whether its funding is spent, so that it will be forgotten."),
                        ])), "The channels."),
            ])),
        Call(
            "exportestimates", .network, needs: .read, "What payments have taught of the liquidity of channels, for another node.",
            gives: .object([.always("estimates", .text("…"), "Lines of text.")])),
        Call(
            "importestimates", .network, needs: .admin, "Takes what another node has learned; what is newer wins.",
            takes: [.always("estimates", .text("…"), "Lines of text.")], gives: .done, fails: [.refused], example: ["estimates": ""]),
    ]
}
