public import LightningAPI

// Tokens. Made from the table of calls: see `SwiftClient`.
extension RemoteNode {
    /// Makes a token, with which the node can be called over HTTP.
    ///
    /// The token itself is told in this answer and never again: the node keeps its hash only. Money at risk: whoever
    /// has it may do what it allows, and pay up to its limit. What a payment may come to, fees included, is set aside
    /// of the limit before it is made; what it came to counts for the whole period from then on. A token with a limit
    /// begins no streams: they pay by themselves later.
    ///
    /// A token needs the permission `admin`.
    ///
    /// - Parameters:
    ///   - permissions: What it allows.
    ///   - name: For whom it is.
    ///   - limitMsat: What may be paid with it, fees included; left out, all there is. Thousandths of a satoshi.
    ///   - limitPeriodS: In which time; left out, in all. Seconds.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    @discardableResult
    public func createtoken(permissions: [CreatetokenPermission], name: String? = nil, limitMsat: Int64? = nil, limitPeriodS: Int64? = nil)
        async throws(CallFailure) -> CreatetokenAnswer
    {
        try await ask(
            "createtoken",
            [
                "permissions": json(permissions), "name": name.map { json($0) }, "limit_msat": limitMsat.map { json($0) },
                "limit_period_s": limitPeriodS.map { json($0) },
            ])
    }

    /// The tokens, without their secrets.
    ///
    /// A token needs the permission `admin`.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`.
    @discardableResult
    public func listtokens() async throws(CallFailure) -> [Token] {
        try await ask("listtokens", [:])
    }

    /// What the caller's own token allows.
    ///
    /// Any token will do.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`.
    public func whoami() async throws(CallFailure) -> WhoamiAnswer {
        try await ask("whoami", [:])
    }

    /// Takes a token back: from now on it allows nothing.
    ///
    /// A token needs the permission `admin`.
    ///
    /// - Parameter id: Which. A token's id, a unique beginning of it, or its name where no other has that.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    @discardableResult
    public func revoketoken(id: String) async throws(CallFailure) -> RevoketokenAnswer {
        try await ask("revoketoken", ["id": json(id)])
    }
}
