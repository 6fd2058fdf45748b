public import LightningAPI

// The wallet on chain. Made from the table of calls: see `SwiftClient`.
extension RemoteNode {
    /// An address that nobody has paid yet.
    ///
    /// A token needs the permission `chain`.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`.
    @discardableResult
    public func newaddress() async throws(CallFailure) -> NewaddressAnswer {
        try await ask("newaddress", [:])
    }

    /// What layer 1 takes now, by when a transaction should be mined.
    ///
    /// A token needs the permission `read`.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`.
    public func feerates() async throws(CallFailure) -> FeeratesAnswer {
        try await ask("feerates", [:])
    }

    /// Sends to an address on chain.
    ///
    /// A token needs the permission `chain`.
    ///
    /// - Parameters:
    ///   - address: To which. A Bitcoin address.
    ///   - amountSat: How much. Satoshi, or "all": everything that can be spent.
    ///   - useReserve: Use also what is kept for the claims of closes. Money at risk: without coins HTLCs cannot be
    ///     claimed in time.
    ///   - feeRateSatKw: What it pays; not with conf_target. Satoshi for a thousand units of weight.
    ///   - allowHighFee: Take a fee rate that is far more than the next block takes.
    ///   - confTarget: Within how many blocks it should be mined. Blocks.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    @discardableResult
    public func send(
        address: String, amountSat: JSONValue, useReserve: Bool? = nil, feeRateSatKw: Int64? = nil, allowHighFee: Bool? = nil,
        confTarget: Int64? = nil
    ) async throws(CallFailure) -> SendAnswer {
        try await ask(
            "send",
            [
                "address": json(address), "amount_sat": json(amountSat), "use_reserve": useReserve.map { json($0) },
                "fee_rate_sat_kw": feeRateSatKw.map { json($0) }, "allow_high_fee": allowHighFee.map { json($0) },
                "conf_target": confTarget.map { json($0) },
            ])
    }

    /// What sending would come to.
    ///
    /// A token needs the permission `read`.
    ///
    /// - Parameters:
    ///   - address: To which. A Bitcoin address.
    ///   - amountSat: How much. Satoshi, or "all": everything that can be spent.
    ///   - useReserve: Use also what is kept for the claims of closes. Money at risk: without coins HTLCs cannot be
    ///     claimed in time.
    ///   - feeRateSatKw: What it pays; not with conf_target. Satoshi for a thousand units of weight.
    ///   - allowHighFee: Take a fee rate that is far more than the next block takes.
    ///   - confTarget: Within how many blocks it should be mined. Blocks.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    public func quotesend(
        address: String, amountSat: JSONValue, useReserve: Bool? = nil, feeRateSatKw: Int64? = nil, allowHighFee: Bool? = nil,
        confTarget: Int64? = nil
    ) async throws(CallFailure) -> FundingQuote {
        try await ask(
            "quotesend",
            [
                "address": json(address), "amount_sat": json(amountSat), "use_reserve": useReserve.map { json($0) },
                "fee_rate_sat_kw": feeRateSatKw.map { json($0) }, "allow_high_fee": allowHighFee.map { json($0) },
                "conf_target": confTarget.map { json($0) },
            ])
    }

    /// Makes a transaction that waits pay more: by another in its place, or by a child.
    ///
    /// A token needs the permission `chain`.
    ///
    /// - Parameters:
    ///   - txid: Which. A transaction's id, in hex as block explorers show it.
    ///   - feeRateSatKw: What it pays; not with conf_target. Satoshi for a thousand units of weight.
    ///   - allowHighFee: Take a fee rate that is far more than the next block takes.
    ///   - confTarget: Within how many blocks it should be mined. Blocks.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    @discardableResult
    public func bumpfee(txid: String, feeRateSatKw: Int64? = nil, allowHighFee: Bool? = nil, confTarget: Int64? = nil)
        async throws(CallFailure) -> Transaction
    {
        try await ask(
            "bumpfee",
            [
                "txid": json(txid), "fee_rate_sat_kw": feeRateSatKw.map { json($0) }, "allow_high_fee": allowHighFee.map { json($0) },
                "conf_target": confTarget.map { json($0) },
            ])
    }

    /// The wallet's transactions, the last first.
    ///
    /// A token needs the permission `read`.
    ///
    /// - Parameters:
    ///   - limit: How many at the most; 100 where nothing is said.
    ///   - before: Go on where the page before ended: its `next`. Where a list goes on.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`.
    public func listtransactions(limit: Int64? = nil, before: String? = nil) async throws(CallFailure) -> ListtransactionsAnswer {
        try await ask("listtransactions", ["limit": limit.map { json($0) }, "before": before.map { json($0) }])
    }

    /// The coins of the wallet.
    ///
    /// A token needs the permission `read`.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`.
    public func listunspent() async throws(CallFailure) -> ListunspentAnswer {
        try await ask("listunspent", [:])
    }
}
