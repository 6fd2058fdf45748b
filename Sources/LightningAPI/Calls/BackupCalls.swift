// What brings a wallet back, and who watches while nobody is home.
extension CallTable {
    static let backups: [Call] = [
        Call(
            "backup", .backups, needs: .admin, "The backup of the channels as it is now: sealed, of use with the words only.",
            gives: .object(Shape.backupFields + [.always("backup", .hex, "The backup.")])),
        Call(
            "readbackup", .backups, needs: .admin, "What is in a backup of this wallet.", takes: [.always("backup", .hex, "The backup.")],
            gives: .object(
                Shape.backupFields + [
                    .always("unknown_channels", .count, "Channels that this node does not know."),
                    .always("newest_revision", .count, "Of this node's own."),
                ]), fails: [.refused], example: ["backup": "00ff"]),
        Call(
            "restorechannels", .backups, needs: .admin, "Recovers the channels of a backup: their peers are asked to close them.",
            takes: [.always("backup", .hex, "The backup.")],
            gives: .object([
                .always("restored", .list(.channelID), "Those that are being recovered."),
                .always("refused", .list(.text("it is known")), "Why others are not."),
            ]), fails: [.refused], example: ["backup": "00ff"]),
        Call(
            "backupdatabase", .backups, needs: .admin, "Copies the database while the node runs, to a file of the node's machine.",
            takes: [.always("path", .text("/backup/wallet.sqlite", "a file, from the root on"), "To which file.")],
            gives: .object([.always("path", .text("/backup/wallet.sqlite"), "The file.")]), fails: [.refused],
            example: ["path": "/backup/wallet.sqlite"]),
    ]

    static let watchtowers: [Call] = [
        Call(
            "addwatchtower", .watchtowers, needs: .admin, "Gives a watchtower what it needs to punish a breach.",
            takes: [.always("address", .text(.nodeAddressExample, "<id>@<host>:<port>"), "Of the tower.")],
            gives: .object([.always("id", .nodeID, "Of the tower.")]), fails: [.refused], example: ["address": .string(.nodeAddressExample)]
        ),
        Call(
            "removewatchtower", .watchtowers, needs: .admin, "Gives a watchtower nothing any more.",
            takes: [.always("id", .text(.nodeExample, "a tower's id, or a unique beginning of it"), "Which.")],
            gives: .object([.always("id", .nodeID, "Of the tower.")]), fails: [.refused], example: ["id": .string(.nodeExample)]),
        Call(
            "listwatchtowers", .watchtowers, needs: .read, "The watchtowers, what they have, and what this node keeps for others.",
            gives: .object([
                .always(
                    "watchtowers",
                    .list(
                        .object([
                            .always("id", .nodeID, "Which."), .always("connected", .flag, "Whether it is there."),
                            .always("since_block", .height, "From which block on it was given something."),
                            .always("kits_made", .count, "Revoked states for it."), .always("kits_stored", .count, "Those that it has."),
                            .always("kits_waiting", .count, "Those that it has not yet."),
                            .always("kits_lost", .count, "Those that it will not have: never made, for too many waited, or lost by it."),
                            .nullable("refusal", .text("full"), "Why it takes nothing."),
                            .always(
                                "channels",
                                .list(
                                    .object([
                                        .always("channel_id", .channelID, "Which."),
                                        .nullable(
                                            "short_channel_id", .shortChannelID, "Where its funding is; null before it is in a block."),
                                        .always("revoked_states", .count, "States that the peer must not publish any more."),
                                        .always(
                                            "complete", .flag,
                                            "Whether it has confirmed a kit for each of them in which the peer had anything, and takes more: the tower was there, the channel was funded after it was added, nothing waits, nothing was lost."
                                        ),
                                    ])), "The channels that are not closed, and whether it can punish whatever their peers publish."),
                        ])), "The towers."),
                .always(
                    "service",
                    .object([
                        .always("serves", .flag, "Whether this node is a tower."), .always("clients", .count, "Whom it watches for."),
                        .always("kits", .count, "What it keeps for them."), .always("breaches", .count, "What it has punished."),
                    ]), "What this node does for others."),
            ])),
    ]
}
