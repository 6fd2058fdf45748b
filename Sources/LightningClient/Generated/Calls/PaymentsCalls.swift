public import Foundation
public import LightningAPI

// Payments. Made from the table of calls: see `SwiftClient`.
extension RemoteNode {
    /// Pays an invoice, and waits for the outcome.
    ///
    /// After a minute it fails as `pending`, with the payment's hash: it succeeds or comes back by itself, and must
    /// not be made again. `lookuppayment` tells how it stands. An invoice is paid once, however often this is called.
    ///
    /// A token needs the permission `pay`.
    ///
    /// - Parameters:
    ///   - bolt11: The invoice. An invoice: BOLT 11.
    ///   - amountMsat: How much, where the invoice leaves that to the payer. Thousandths of a satoshi.
    ///   - maxFeeMsat: What fees may be at the most; otherwise a share of the amount. Thousandths of a satoshi.
    ///   - timeout: For how long ways are tried. Seconds.
    ///   - maxParts: In how many parts at the most.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`, `paymentFailed`, `pending`.
    @discardableResult
    public func pay(bolt11: String, amountMsat: Int64? = nil, maxFeeMsat: Int64? = nil, timeout: Int64? = nil, maxParts: Int64? = nil)
        async throws(CallFailure) -> Payment
    {
        try await ask(
            "pay",
            [
                "bolt11": json(bolt11), "amount_msat": amountMsat.map { json($0) }, "max_fee_msat": maxFeeMsat.map { json($0) },
                "timeout": timeout.map { json($0) }, "max_parts": maxParts.map { json($0) },
            ])
    }

    /// Pays a node without an invoice.
    ///
    /// A token needs the permission `pay`.
    ///
    /// - Parameters:
    ///   - id: Who is paid. A node's id, its alias, or a unique beginning of either.
    ///   - amountMsat: How much. Thousandths of a satoshi.
    ///   - maxFeeMsat: What fees may be at the most; otherwise a share of the amount. Thousandths of a satoshi.
    ///   - timeout: For how long ways are tried. Seconds.
    ///   - maxParts: In how many parts at the most.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`, `paymentFailed`, `pending`.
    @discardableResult
    public func keysend(id: String, amountMsat: Int64, maxFeeMsat: Int64? = nil, timeout: Int64? = nil, maxParts: Int64? = nil)
        async throws(CallFailure) -> Payment
    {
        try await ask(
            "keysend",
            [
                "id": json(id), "amount_msat": json(amountMsat), "max_fee_msat": maxFeeMsat.map { json($0) },
                "timeout": timeout.map { json($0) }, "max_parts": maxParts.map { json($0) },
            ])
    }

    /// How a payment stands.
    ///
    /// A token needs the permission `pay`.
    ///
    /// - Parameter payment: Which. The whole payment hash, or the invoice.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    public func lookuppayment(payment: String) async throws(CallFailure) -> Payment {
        try await ask("lookuppayment", ["payment": json(payment)])
    }

    /// What a text says that somebody was given: an invoice, an address, a node, a transaction.
    ///
    /// Blanks around it, `lightning:` and BIP 21's `bitcoin:` do not matter. What this version cannot pay is named as
    /// what it is.
    ///
    /// Any token will do.
    ///
    /// - Parameter text: What it is. What was pasted.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    public func decode(text: String) async throws(CallFailure) -> Decoded {
        try await ask("decode", ["text": json(text)])
    }

    /// The payments that this node made, those that began last first; those of streams are in the streams.
    ///
    /// A token needs the permission `read`.
    ///
    /// - Parameters:
    ///   - limit: How many at the most; 100 where nothing is said.
    ///   - before: Go on where the page before ended: its `next`. Where a list goes on.
    ///   - status: Only those that stand so.
    ///   - since: Only those that began at that time or later. RFC 3339, in UTC.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`.
    public func listpayments(limit: Int64? = nil, before: String? = nil, status: ListpaymentsStatus? = nil, since: Date? = nil)
        async throws(CallFailure) -> ListpaymentsAnswer
    {
        try await ask(
            "listpayments",
            [
                "limit": limit.map { json($0) }, "before": before.map { json($0) }, "status": status.map { json($0) },
                "since": since.map { json($0) },
            ])
    }

    /// A payment with every way that it tried.
    ///
    /// A token needs the permission `read`.
    ///
    /// - Parameter payment: Which. A payment hash, a unique beginning of it, its preimage, or its invoice.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    public func explain(payment: String) async throws(CallFailure) -> PaymentStory {
        try await ask("explain", ["payment": json(payment)])
    }

    /// How an amount would be sent to a node. Nothing is paid.
    ///
    /// A token needs the permission `read`.
    ///
    /// - Parameters:
    ///   - id: To whom. A node's id, its alias, or a unique beginning of either.
    ///   - amountMsat: How much. Thousandths of a satoshi.
    ///   - maxFeeMsat: What fees may be at the most. Thousandths of a satoshi.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    public func getroute(id: String, amountMsat: Int64, maxFeeMsat: Int64? = nil) async throws(CallFailure) -> GetrouteAnswer {
        try await ask("getroute", ["id": json(id), "amount_msat": json(amountMsat), "max_fee_msat": maxFeeMsat.map { json($0) }])
    }

    /// The best way over each of this node's channels.
    ///
    /// A token needs the permission `read`.
    ///
    /// - Parameters:
    ///   - id: To whom. A node's id, its alias, or a unique beginning of either.
    ///   - amountMsat: How much. Thousandths of a satoshi.
    ///   - maxFeeMsat: What fees may be at the most. Thousandths of a satoshi.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    public func compareroutes(id: String, amountMsat: Int64, maxFeeMsat: Int64? = nil) async throws(CallFailure) -> CompareroutesAnswer {
        try await ask("compareroutes", ["id": json(id), "amount_msat": json(amountMsat), "max_fee_msat": maxFeeMsat.map { json($0) }])
    }

    /// Tries whether a payment would arrive, without paying.
    ///
    /// A token needs the permission `pay`.
    ///
    /// - Parameters:
    ///   - id: To whom. A node's id, its alias, or a unique beginning of either.
    ///   - amountMsat: How much. Thousandths of a satoshi.
    ///   - maxFeeMsat: What fees may be at the most; otherwise a share of the amount. Thousandths of a satoshi.
    ///   - timeout: For how long ways are tried. Seconds.
    ///   - maxParts: In how many parts at the most.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`.
    @discardableResult
    public func probe(id: String, amountMsat: Int64, maxFeeMsat: Int64? = nil, timeout: Int64? = nil, maxParts: Int64? = nil)
        async throws(CallFailure) -> PaymentStory
    {
        try await ask(
            "probe",
            [
                "id": json(id), "amount_msat": json(amountMsat), "max_fee_msat": maxFeeMsat.map { json($0) },
                "timeout": timeout.map { json($0) }, "max_parts": maxParts.map { json($0) },
            ])
    }

    /// Pays this node itself in a circle: out over one channel, in over another.
    ///
    /// A token needs the permission `pay`.
    ///
    /// - Parameters:
    ///   - from: Out over this one. A channel's short id, its alias, or a unique beginning of its id, of its peer's or
    ///     of its peer's name.
    ///   - to: In over this one. A channel's short id, its alias, or a unique beginning of its id, of its peer's or of
    ///     its peer's name.
    ///   - amountMsat: How much. Thousandths of a satoshi.
    ///   - maxFeeMsat: What fees may be at the most; otherwise a share of the amount. Thousandths of a satoshi.
    ///   - timeout: For how long ways are tried. Seconds.
    ///   - maxParts: In how many parts at the most.
    /// - Throws: `CallFailure`, of kind `usage`, `forbidden`, `notRunning`, `unreachable`, `corrupt`, `internal`,
    ///   `notFound`, `refused`, `paymentFailed`, `pending`.
    @discardableResult
    public func rebalance(
        from: String, to: String, amountMsat: Int64, maxFeeMsat: Int64? = nil, timeout: Int64? = nil, maxParts: Int64? = nil
    ) async throws(CallFailure) -> Payment {
        try await ask(
            "rebalance",
            [
                "from": json(from), "to": json(to), "amount_msat": json(amountMsat), "max_fee_msat": maxFeeMsat.map { json($0) },
                "timeout": timeout.map { json($0) }, "max_parts": maxParts.map { json($0) },
            ])
    }
}
