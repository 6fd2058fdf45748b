public import Foundation
public import LightningAPI

// Channels. Made from the table of calls: see `SwiftClient`.
extension RemoteNode {
    /// Opens a channel; answers when its funding transaction is published.
    ///
    /// A token needs the permission `chain`.
    ///
    /// - Parameters:
    ///   - id: To whom. A node that is connected, or <id>@<host>:<port>.
    ///   - amountSat: What is put in. Satoshi, or "all": everything that can be spent.
    ///   - pushMsat: What of it is the peer's from the start: a gift. Thousandths of a satoshi.
    ///   - announce: Make it public, so that others can be paid through it.
    ///   - useReserve: Use also what is kept for the claims of closes. Money at risk: without coins HTLCs cannot be
    ///     claimed in time.
    ///   - feeRateSatKw: What it pays; not with conf_target. Satoshi for a thousand units of weight.
    ///   - allowHighFee: Take a fee rate that is far more than the next block takes.
    ///   - confTarget: Within how many blocks it should be mined. Blocks.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    @discardableResult
    public func openchannel(
        id: String, amountSat: JSONValue, pushMsat: Int64? = nil, announce: Bool? = nil, useReserve: Bool? = nil,
        feeRateSatKw: Int64? = nil, allowHighFee: Bool? = nil, confTarget: Int64? = nil
    ) async throws(CallFailure) -> OpenchannelAnswer {
        try await ask(
            "openchannel",
            [
                "id": json(id), "amount_sat": json(amountSat), "push_msat": pushMsat.map { json($0) },
                "announce": announce.map { json($0) }, "use_reserve": useReserve.map { json($0) },
                "fee_rate_sat_kw": feeRateSatKw.map { json($0) }, "allow_high_fee": allowHighFee.map { json($0) },
                "conf_target": confTarget.map { json($0) },
            ])
    }

    /// What opening a channel would come to.
    ///
    /// A token needs the permission `read`.
    ///
    /// - Parameters:
    ///   - amountSat: What would be put in. Satoshi, or "all": everything that can be spent.
    ///   - useReserve: Use also what is kept for the claims of closes. Money at risk: without coins HTLCs cannot be
    ///     claimed in time.
    ///   - feeRateSatKw: What it pays; not with conf_target. Satoshi for a thousand units of weight.
    ///   - allowHighFee: Take a fee rate that is far more than the next block takes.
    ///   - confTarget: Within how many blocks it should be mined. Blocks.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    public func quoteopen(
        amountSat: JSONValue, useReserve: Bool? = nil, feeRateSatKw: Int64? = nil, allowHighFee: Bool? = nil, confTarget: Int64? = nil
    ) async throws(CallFailure) -> FundingQuote {
        try await ask(
            "quoteopen",
            [
                "amount_sat": json(amountSat), "use_reserve": useReserve.map { json($0) }, "fee_rate_sat_kw": feeRateSatKw.map { json($0) },
                "allow_high_fee": allowHighFee.map { json($0) }, "conf_target": confTarget.map { json($0) },
            ])
    }

    /// All channels, among them those that were closed in the last two weeks.
    ///
    /// A token needs the permission `read`.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`.
    public func listchannels() async throws(CallFailure) -> [Channel] {
        try await ask("listchannels", [:])
    }

    /// Channels that are closed, those that were closed last first.
    ///
    /// A token needs the permission `read`.
    ///
    /// - Parameters:
    ///   - limit: How many at the most; 100 where nothing is said.
    ///   - before: Go on where the page before ended: its `next`. Where a list goes on.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`.
    public func listclosedchannels(limit: Int64? = nil, before: String? = nil) async throws(CallFailure) -> ListclosedchannelsAnswer {
        try await ask("listclosedchannels", ["limit": limit.map { json($0) }, "before": before.map { json($0) }])
    }

    /// Agrees with the peer to close a channel: the money is on chain once that is mined.
    ///
    /// A token needs the permission `chain`.
    ///
    /// - Parameters:
    ///   - channel: Which. A channel's short id, its alias, or a unique beginning of its id, of its peer's or of its
    ///     peer's name.
    ///   - feeRateSatKw: What it pays; not with conf_target. Satoshi for a thousand units of weight.
    ///   - allowHighFee: Take a fee rate that is far more than the next block takes.
    ///   - confTarget: Within how many blocks it should be mined. Blocks.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    @discardableResult
    public func close(channel: String, feeRateSatKw: Int64? = nil, allowHighFee: Bool? = nil, confTarget: Int64? = nil)
        async throws(CallFailure) -> CloseAnswer
    {
        try await ask(
            "close",
            [
                "channel": json(channel), "fee_rate_sat_kw": feeRateSatKw.map { json($0) }, "allow_high_fee": allowHighFee.map { json($0) },
                "conf_target": confTarget.map { json($0) },
            ])
    }

    /// What closing a channel together with its peer would come to.
    ///
    /// A token needs the permission `read`.
    ///
    /// - Parameters:
    ///   - channel: Which. A channel's short id, its alias, or a unique beginning of its id, of its peer's or of its
    ///     peer's name.
    ///   - feeRateSatKw: What it pays; not with conf_target. Satoshi for a thousand units of weight.
    ///   - allowHighFee: Take a fee rate that is far more than the next block takes.
    ///   - confTarget: Within how many blocks it should be mined. Blocks.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    public func quoteclose(channel: String, feeRateSatKw: Int64? = nil, allowHighFee: Bool? = nil, confTarget: Int64? = nil)
        async throws(CallFailure) -> QuotecloseAnswer
    {
        try await ask(
            "quoteclose",
            [
                "channel": json(channel), "fee_rate_sat_kw": feeRateSatKw.map { json($0) }, "allow_high_fee": allowHighFee.map { json($0) },
                "conf_target": confTarget.map { json($0) },
            ])
    }

    /// Closes a channel without its peer. Our own money is locked for the peer's to_self_delay.
    ///
    /// Money at risk where this database is an old copy: the peer may take everything then.
    ///
    /// A token needs the permission `chain`.
    ///
    /// - Parameters:
    ///   - channel: Which. A channel's short id, its alias, or a unique beginning of its id, of its peer's or of its
    ///     peer's name.
    ///   - newest: Your word that no newer copy of this database exists, where it may be one.
    ///   - replaceClose: Also where a close that both have signed waits to be mined.
    ///   - feeRateSatKw: What it pays; not with conf_target. Satoshi for a thousand units of weight.
    ///   - allowHighFee: Take a fee rate that is far more than the next block takes.
    ///   - confTarget: Within how many blocks it should be mined. Blocks.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    @discardableResult
    public func forceclose(
        channel: String, newest: Bool? = nil, replaceClose: Bool? = nil, feeRateSatKw: Int64? = nil, allowHighFee: Bool? = nil,
        confTarget: Int64? = nil
    ) async throws(CallFailure) -> ForcecloseAnswer {
        try await ask(
            "forceclose",
            [
                "channel": json(channel), "newest": newest.map { json($0) }, "replace_close": replaceClose.map { json($0) },
                "fee_rate_sat_kw": feeRateSatKw.map { json($0) }, "allow_high_fee": allowHighFee.map { json($0) },
                "conf_target": confTarget.map { json($0) },
            ])
    }

    /// What closing a channel without its peer would come to.
    ///
    /// A token needs the permission `read`.
    ///
    /// - Parameters:
    ///   - channel: Which. A channel's short id, its alias, or a unique beginning of its id, of its peer's or of its
    ///     peer's name.
    ///   - feeRateSatKw: What it pays; not with conf_target. Satoshi for a thousand units of weight.
    ///   - allowHighFee: Take a fee rate that is far more than the next block takes.
    ///   - confTarget: Within how many blocks it should be mined. Blocks.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    public func quoteforceclose(channel: String, feeRateSatKw: Int64? = nil, allowHighFee: Bool? = nil, confTarget: Int64? = nil)
        async throws(CallFailure) -> ForceCloseQuote
    {
        try await ask(
            "quoteforceclose",
            [
                "channel": json(channel), "fee_rate_sat_kw": feeRateSatKw.map { json($0) }, "allow_high_fee": allowHighFee.map { json($0) },
                "conf_target": confTarget.map { json($0) },
            ])
    }

    /// Gives up a channel whose funding is not mined: its coins are spent otherwise.
    ///
    /// A token needs the permission `chain`.
    ///
    /// - Parameters:
    ///   - channel: Which. A channel's short id, its alias, or a unique beginning of its id, of its peer's or of its
    ///     peer's name.
    ///   - feeRateSatKw: What it pays; not with conf_target. Satoshi for a thousand units of weight.
    ///   - allowHighFee: Take a fee rate that is far more than the next block takes.
    ///   - confTarget: Within how many blocks it should be mined. Blocks.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    @discardableResult
    public func abandon(channel: String, feeRateSatKw: Int64? = nil, allowHighFee: Bool? = nil, confTarget: Int64? = nil)
        async throws(CallFailure) -> AbandonAnswer
    {
        try await ask(
            "abandon",
            [
                "channel": json(channel), "fee_rate_sat_kw": feeRateSatKw.map { json($0) }, "allow_high_fee": allowHighFee.map { json($0) },
                "conf_target": confTarget.map { json($0) },
            ])
    }

    /// What became of a channel: who closed it and why, each output, and what it cost.
    ///
    /// A token needs the permission `read`.
    ///
    /// - Parameter channel: Which; also one that is closed. A channel's short id, its alias, or a unique beginning of
    ///   its id, of its peer's or of its peer's name.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    public func explainchannel(channel: String) async throws(CallFailure) -> ChannelStory {
        try await ask("explainchannel", ["channel": json(channel)])
    }

    /// Changes the terms on which payments are forwarded into a channel.
    ///
    /// A token needs the permission `admin`.
    ///
    /// - Parameters:
    ///   - channel: Which. A channel, or "all".
    ///   - feeBaseMsat: For each forward. Thousandths of a satoshi.
    ///   - feeProportionalMillionths: Of what is forwarded. Millionths.
    ///   - cltvExpiryDelta: Between the two sides of a forward. Blocks.
    ///   - htlcMinimumMsat: Nothing smaller is forwarded. Thousandths of a satoshi.
    ///   - htlcMaximumMsat: Nothing larger is forwarded. Thousandths of a satoshi.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    @discardableResult
    public func setchannel(
        channel: String, feeBaseMsat: Int64? = nil, feeProportionalMillionths: Int64? = nil, cltvExpiryDelta: Int64? = nil,
        htlcMinimumMsat: Int64? = nil, htlcMaximumMsat: Int64? = nil
    ) async throws(CallFailure) -> SetchannelAnswer {
        try await ask(
            "setchannel",
            [
                "channel": json(channel), "fee_base_msat": feeBaseMsat.map { json($0) },
                "fee_proportional_millionths": feeProportionalMillionths.map { json($0) },
                "cltv_expiry_delta": cltvExpiryDelta.map { json($0) }, "htlc_minimum_msat": htlcMinimumMsat.map { json($0) },
                "htlc_maximum_msat": htlcMaximumMsat.map { json($0) },
            ])
    }

    /// Forwards under way and ended, those that began last first.
    ///
    /// A token needs the permission `read`.
    ///
    /// - Parameters:
    ///   - limit: How many at the most; 100 where nothing is said.
    ///   - before: Go on where the page before ended: its `next`. Where a list goes on.
    ///   - status: Only those that stand so.
    ///   - since: Only those that began at that time or later. RFC 3339, in UTC.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`.
    public func listforwards(limit: Int64? = nil, before: String? = nil, status: ListforwardsStatus? = nil, since: Date? = nil)
        async throws(CallFailure) -> ListforwardsAnswer
    {
        try await ask(
            "listforwards",
            [
                "limit": limit.map { json($0) }, "before": before.map { json($0) }, "status": status.map { json($0) },
                "since": since.map { json($0) },
            ])
    }

    /// The terms of each channel, and what it earned.
    ///
    /// A token needs the permission `read`.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`.
    public func feereport() async throws(CallFailure) -> FeereportAnswer {
        try await ask("feereport", [:])
    }
}
