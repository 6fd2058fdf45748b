public import LightningAPI

// Streams. Made from the table of calls: see `SwiftClient`.
extension RemoteNode {
    /// Begins a stream of payments.
    ///
    /// A token needs the permission `pay`.
    ///
    /// - Parameters:
    ///   - recipients: Who is paid.
    ///   - rateMsat: What is paid in each period. Thousandths of a satoshi.
    ///   - ratePeriodS: A second where nothing is said. Seconds: 1, 60 or 3600.
    ///   - durationMs: After how much time it ends. Thousandths of a second.
    ///   - budgetMsat: All that may be spent, fees included. Thousandths of a satoshi.
    ///   - maxFeeMillionths: What fees may be, of what is paid. Millionths.
    ///   - maxFeeMsat: What fees may be in all. Thousandths of a satoshi.
    ///   - maxDustMsat: What may be under way without an output on chain, which nobody could claim there. Thousandths of
    ///     a satoshi.
    ///   - intervalMs: Time between two payments, at least. Thousandths of a second.
    ///   - maxInFlight: Payments under way at a time to each recipient.
    ///   - patienceMs: For how long nothing may get through; 0 for ever. Thousandths of a second.
    ///   - catchUpMs: How much of an interruption is paid for afterwards. Thousandths of a second.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    @discardableResult
    public func startstream(
        recipients: [StartstreamRecipient], rateMsat: Int64, ratePeriodS: Int64? = nil, durationMs: Int64? = nil, budgetMsat: Int64? = nil,
        maxFeeMillionths: Int64? = nil, maxFeeMsat: Int64? = nil, maxDustMsat: Int64? = nil, intervalMs: Int64? = nil,
        maxInFlight: Int64? = nil, patienceMs: Int64? = nil, catchUpMs: Int64? = nil
    ) async throws(CallFailure) -> Stream {
        try await ask(
            "startstream",
            [
                "recipients": json(recipients), "rate_msat": json(rateMsat), "rate_period_s": ratePeriodS.map { json($0) },
                "duration_ms": durationMs.map { json($0) }, "budget_msat": budgetMsat.map { json($0) },
                "max_fee_millionths": maxFeeMillionths.map { json($0) }, "max_fee_msat": maxFeeMsat.map { json($0) },
                "max_dust_msat": maxDustMsat.map { json($0) }, "interval_ms": intervalMs.map { json($0) },
                "max_in_flight": maxInFlight.map { json($0) }, "patience_ms": patienceMs.map { json($0) },
                "catch_up_ms": catchUpMs.map { json($0) },
            ])
    }

    /// The streams, the newest first, and on the first page those that are paid to this node.
    ///
    /// A token needs the permission `read`.
    ///
    /// - Parameters:
    ///   - limit: How many at the most; 100 where nothing is said.
    ///   - before: Go on where the page before ended: its `next`. The number of a stream.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`.
    public func liststreams(limit: Int64? = nil, before: Int64? = nil) async throws(CallFailure) -> ListstreamsAnswer {
        try await ask("liststreams", ["limit": limit.map { json($0) }, "before": before.map { json($0) }])
    }

    /// A stream, as it stands.
    ///
    /// A token needs the permission `read`.
    ///
    /// - Parameter stream: Which. The number of a stream.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    public func getstream(stream: Int64) async throws(CallFailure) -> Stream {
        try await ask("getstream", ["stream": json(stream)])
    }

    /// Stops paying until it is resumed.
    ///
    /// A token needs the permission `pay`.
    ///
    /// - Parameter stream: Which. The number of a stream.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    @discardableResult
    public func pausestream(stream: Int64) async throws(CallFailure) -> Stream {
        try await ask("pausestream", ["stream": json(stream)])
    }

    /// Goes on.
    ///
    /// A token needs the permission `pay`.
    ///
    /// - Parameter stream: Which. The number of a stream.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    @discardableResult
    public func resumestream(stream: Int64) async throws(CallFailure) -> Stream {
        try await ask("resumestream", ["stream": json(stream)])
    }

    /// Ends it: what is under way is waited for.
    ///
    /// A token needs the permission `pay`.
    ///
    /// - Parameter stream: Which. The number of a stream.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    @discardableResult
    public func stopstream(stream: Int64) async throws(CallFailure) -> Stream {
        try await ask("stopstream", ["stream": json(stream)])
    }

    /// Pays faster or slower from now on.
    ///
    /// A token needs the permission `pay`.
    ///
    /// - Parameters:
    ///   - stream: Which. The number of a stream.
    ///   - rateMsat: What is paid in each period. Thousandths of a satoshi.
    ///   - ratePeriodS: A second where nothing is said. Seconds: 1, 60 or 3600.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    @discardableResult
    public func setstreamrate(stream: Int64, rateMsat: Int64, ratePeriodS: Int64? = nil) async throws(CallFailure) -> Stream {
        try await ask(
            "setstreamrate", ["stream": json(stream), "rate_msat": json(rateMsat), "rate_period_s": ratePeriodS.map { json($0) }])
    }

    /// Pays something beside the rate, once: a boost.
    ///
    /// A token needs the permission `pay`.
    ///
    /// - Parameters:
    ///   - stream: Which. The number of a stream.
    ///   - amountMsat: How much. Thousandths of a satoshi.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    @discardableResult
    public func addtostream(stream: Int64, amountMsat: Int64) async throws(CallFailure) -> Stream {
        try await ask("addtostream", ["stream": json(stream), "amount_msat": json(amountMsat)])
    }
}
