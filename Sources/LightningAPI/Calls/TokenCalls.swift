// What others are given who are to call over HTTP.
extension CallTable {
    private static let permissions = Shape.list(Shape(.choice(Permission.allCases.map(\.rawValue)), example: "read"))
    private static let period = Shape.integer(1...31_622_400, "seconds", example: 86_400)

    static let tokens: [Call] = [
        Call(
            "createtoken", .tokens, needs: .admin, "Makes a token, with which the node can be called over HTTP.",
            details: """
                The token itself is told in this answer and never again: the node keeps its hash only. Money at risk: whoever has it may do what it \
                allows, and pay up to its limit. What a payment may come to, fees included, is set aside of the limit before it is made; what it \
                came to counts for the whole period from then on. A token with a limit begins no streams: they pay by themselves later.
                """,
            takes: [
                .always("permissions", permissions, "What it allows."), .optional("name", .text("shop"), "For whom it is."),
                .optional("limit_msat", .msat, "What may be paid with it, fees included; left out, all there is."),
                .optional("limit_period_s", period, "In which time; left out, in all."),
            ],
            gives: .object([
                .always("token", .text("lnw_3q2-7wAB…"), "What a caller sends: Authorization: Bearer <token>."),
                .always("id", .text("a1b2c3d4"), "By which it is known here."),
            ]), fails: [.refused], example: ["permissions": ["invoice", "read"], "name": "shop"]),
        Call(
            "listtokens", .tokens, needs: .admin, "The tokens, without their secrets.",
            gives: .list(
                .object(
                    "Token", "What a token allows.",
                    [
                        .always("id", .text("a1b2c3d4"), "By which it is known here."), .always("name", .text("shop"), "For whom it is."),
                        .always("permissions", permissions, "What it allows."), .nullable("limit_msat", .msat, "What may be paid with it."),
                        .nullable("limit_period_s", period, "In which time; null for in all."),
                        .always("spent_msat", .msat, "What was paid with it in that time, and what is reserved for payments under way."),
                        .always("created_at", .time, "When it was made."),
                    ]))),
        Call(
            "whoami", .tokens, needs: nil, "What the caller's own token allows.",
            gives: .object([
                .always("name", .text("shop"), "For whom it is."), .always("permissions", permissions, "What it allows."),
                .nullable("limit_msat", .msat, "What may be paid with it."),
                .nullable("limit_period_s", period, "In which time; null for in all."), .always("spent_msat", .msat, "What was."),
            ])),
        Call(
            "revoketoken", .tokens, needs: .admin, "Takes a token back: from now on it allows nothing.",
            takes: [
                .always("id", .text("a1b2c3d4", "a token's id, a unique beginning of it, or its name where no other has that"), "Which.")
            ],
            gives: .object([.always("id", .text("a1b2c3d4"), "Which.")]),
            fails: [.refused], example: ["id": "a1b2c3d4"]),
    ]
}
