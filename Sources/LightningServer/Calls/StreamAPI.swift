import BitcoinPrimitives
import CryptoPrimitives
import LightningAPI
import LightningCore
import LightningInvoice
import LightningPayment
import LightningRuntime
import LightningWire

// What the control socket offers of streams.
extension ControlAPI {
    /// `nil` for a method that is none of these.
    func callStream(_ method: String, _ p: JSONValue) async throws -> JSONValue? {
        if ["startstream", "resumestream", "setstreamrate", "addtostream"].contains(method) { try checkIsUnlimited(method) }
        switch method {
        case "startstream": return try await shown(try await node.startStream(try await terms(p)))
        case "liststreams":
            let limit = try limit(p)
            let before = try p.whole("before", in: 1...Int64.max).map { UInt64($0) }
            let streams = try await node.streams(limit: limit, before: before)
            var list: [JSONValue] = []
            for stream in streams { list.append(try await shown(stream)) }
            // Those that are paid to us are a thousand at most, and all stand on the first page.
            let incoming = before == nil ? try await node.incomingStreams().map(Self.shown) : []
            return [
                "streams": .array(list), "incoming": .array(incoming),
                "next": streams.count == limit ? streams.last.map { .amount($0.id) } ?? .null : .null,
            ]
        case "getstream":
            let id = try number(p)
            guard let stream = try await node.stream(id) else { throw CallFailure(.notFound, StreamRefusal.unknown.description) }
            return try await shown(stream)
        case "pausestream": return try await act(p, .pause)
        case "resumestream": return try await act(p, .resume)
        case "stopstream": return try await act(p, .stop)
        case "setstreamrate": return try await act(p, .change(try rate(p)))
        case "addtostream": return try await act(p, .add(try p.msat("amount_msat") ?? .zero))
        default: return nil
        }
    }

    private func act(_ p: JSONValue, _ action: StreamAction) async throws -> JSONValue {
        try await shown(try await node.stream(try number(p), action))
    }

    private func number(_ p: JSONValue) throws -> UInt64 {
        guard let id = try p.whole("stream", in: 1...Int64.max) else {
            throw CallFailure(.usage, "stream is the number of a stream: lnw stream list")
        }
        return UInt64(id)
    }

    private func rate(_ p: JSONValue) throws -> StreamRate {
        let seconds = try p.whole("rate_period_s", in: 1...3600) ?? 1
        guard let period = StreamRate.Period(rawValue: UInt64(seconds)) else {
            throw CallFailure(.usage, "rate_period_s is 1, 60 or 3600")
        }
        return StreamRate(try p.msat("rate_msat") ?? .zero, per: period)
    }

    /// Who is paid by a stream: a node, or the payee of an invoice without an amount. The invoice itself stays unpaid: it has one hash, which can be
    /// used once, and each payment of a stream has its own.
    private func recipient(_ value: JSONValue) async throws -> NodeID {
        guard let text = value.text, let invoice = try? Invoice(text) else { return try await anyNode(value) }
        if let amount = invoice.amount { throw CallFailure(.refused, "an invoice of \(amount) is paid once: lnw pay") }
        guard invoice.network == node.network.invoiceNetwork else {
            throw CallFailure(.refused, "the invoice is of \(invoice.network), and this wallet is on \(node.network)")
        }
        guard Timestamp.now < invoice.expiresAt else { throw CallFailure(.refused, "the invoice has expired") }
        guard invoice.blindedPaths.isEmpty else {
            throw CallFailure(.refused, "the payee hides behind blinded paths: a stream has to know whom it pays")
        }
        return invoice.payee
    }

    private func terms(_ p: JSONValue) async throws -> StreamTerms {
        var recipients: [StreamTerms.Recipient] = []
        // Before each of them is looked for in the graph.
        guard p["recipients"].list.count <= StreamTerms.maxRecipients else {
            throw CallFailure(.refused, StreamRefusal.recipients.description)
        }
        for part in p["recipients"].list {
            let weight = try part.whole("weight", in: 1...Int64(UInt32.max)) ?? 1
            recipients.append(StreamTerms.Recipient(try await recipient(part["id"]), weight: UInt32(weight)))
        }
        var terms = StreamTerms(rate: try rate(p), to: recipients)
        func time(_ name: String) throws -> Duration? { try p.whole(name, in: 0...3_155_760_000_000).map { .milliseconds($0) } }
        terms.duration = try time("duration_ms")
        terms.budget = try p.msat("budget_msat")
        if let share = try p.whole("max_fee_millionths", in: 0...1_000_000) { terms.maxFeeMillionths = UInt32(share) }
        terms.maxFee = try p.msat("max_fee_msat")
        terms.maxDust = try p.msat("max_dust_msat")
        if let interval = try time("interval_ms") { terms.interval = interval }
        if let most = try p.whole("max_in_flight", in: 1...400) { terms.maxInFlight = Int(most) }
        if let patience = try time("patience_ms") { terms.patience = patience == .zero ? nil : patience }
        if let catchUp = try time("catch_up_ms") { terms.catchUp = catchUp }
        return terms
    }

    /// A stream to us. What its payer wrote is shown as text: nobody has checked it.
    private static func shown(_ stream: IncomingStream) -> JSONValue {
        [
            "tag": .string(Hex.encode(stream.tag)), "received_msat": .amount(stream.received.value),
            "num_payments": .amount(stream.payments),
            "first_at": .time(stream.firstAt), "last_at": .time(stream.lastAt),
            "podcast": stream.podcast.map { .string(String(decoding: $0, as: UTF8.self)) } ?? .null,
        ]
    }

    /// A stream in JSON, with the names of its recipients.
    private func shown(_ stream: PaymentStream) async throws -> JSONValue {
        let shares = stream.terms.recipients.enumerated().map { index, recipient -> (NodeID, JSONValue) in
            (
                recipient.node,
                [
                    "id": .string(recipient.node.hex), "weight": .integer(Int64(recipient.weight)),
                    "paid_msat": .amount(stream.paid(to: index).value), "given_up": .bool(stream.isGivenUp(index)),
                ]
            )
        }
        let now = Timestamp.now
        let terms = stream.terms
        let dustLimit = try await node.dustLimit()
        var fields: [String: JSONValue] = [
            "stream": .amount(stream.id), "recipients": .array(try await named(shares, "alias")),
            "rate_msat": .amount(terms.rate.amount.value), "rate_period_s": .amount(terms.rate.period.rawValue),
            "budget_msat": terms.budget.map { .amount($0.value) } ?? .null,
            "duration_ms": terms.duration.map { .amount($0.wholeMilliseconds) } ?? .null,
            "max_fee_millionths": .integer(Int64(terms.maxFeeMillionths)),
            "max_fee_msat": terms.maxFee.map { .amount($0.value) } ?? .null,
            "created_at": .time(stream.createdAt), "elapsed_ms": .amount(stream.elapsed(at: now).wholeMilliseconds),
            "paid_msat": .amount(stream.paid.value), "fee_msat": .amount(stream.fees.value),
            "max_dust_msat": terms.maxDust.map { .amount($0.value) } ?? .null,
            "dust_in_flight_msat": .amount(stream.dustInFlight(below: dustLimit).value),
            "in_flight_msat": .amount(stream.inFlight.value), "skipped_msat": .amount(stream.skipped.value),
            "num_payments": .amount(stream.succeeded), "num_failed": .amount(stream.failed),
            "interval_ms": .amount(stream.interval.wholeMilliseconds),
            "latency_p50_ms": stream.latencies.quantile(500).map { .amount($0.wholeMilliseconds) } ?? .null,
            "latency_p99_ms": stream.latencies.quantile(990).map { .amount($0.wholeMilliseconds) } ?? .null,
            "last_failure": stream.lastFailure.map { .string($0) } ?? .null,
        ]
        switch stream.status {
        case .running: fields["status"] = stream.isEnding ? "stopping" : "running"
        case .paused: fields["status"] = stream.isEnding ? "stopping" : "paused"
        case .over(let end, let at):
            fields["status"] = "over"
            fields["ended_at"] = .time(at)
            fields["end"] =
                switch end {
                case .duration: "duration"
                case .budget: "budget"
                case .failures: "failures"
                case .stopped: "stopped"
                }
        }
        return .object(fields)
    }
}
