import BitcoinPrimitives
import CryptoPrimitives
import Foundation
import LightningAPI
import LightningChain
import LightningChannel
import LightningCore
import LightningEnforcement
import LightningInvoice
import LightningPayment
import LightningRouting
import LightningRuntime
import LightningTransactions
import LightningWire

// What the control socket offers to those who wait for something.
extension ControlAPI {
    /// How long a call waits at most.
    static let longestWait: Int64 = 60_000

    /// `nil` for a method that is none of these.
    func callEvents(_ method: String, _ p: JSONValue) async throws -> JSONValue? {
        switch method {
        case "events": return try await events(p)
        case "listevents": return try await listEvents(p)
        case "lookupinvoice": return Self.json(try await invoice(p))
        case "waitinvoice":
            let time = try p.whole("wait_ms", in: 0...Self.longestWait) ?? Self.longestWait
            return Self.json(try await decided(try await invoice(p), within: .milliseconds(time)))
        case "disconnect":
            let id = try await peer(p["id"])
            try await node.disconnect(id)
            let isCalledAgain = try await node.channels().contains { !$0.isClosed && $0.parameters.remoteNodeID == id }
            return ["id": .string(id.hex), "reconnects": .bool(isCalledAgain)]
        default: return nil
        }
    }

    /// An invoice of ours by its text, its payment hash or a unique beginning of that.
    private func invoice(_ p: JSONValue) async throws -> InvoiceRecord {
        let text = (p["invoice"].text ?? "").lowercased()
        guard !text.isEmpty else { throw CallFailure(.usage, "invoice is an invoice, its payment hash, or a beginning of that") }
        let digits = (try? Invoice(text))?.paymentHash.hex ?? text
        return try CallFailure.one(
            of: try await node.invoices(beginningWith: digits),
            none: text.count > 64
                ? "that is no invoice of this wallet. See: lnw listinvoices"
                : "no invoice's payment hash begins with “\(text)”. See: lnw listinvoices",
            several: "more than one payment hash begins with “\(text)”: give more digits")
    }

    /// The invoice as soon as it is paid, held, canceled or expired; as it is when the time is over.
    private func decided(_ record: InvoiceRecord, within time: Duration) async throws -> InvoiceRecord {
        let hash = record.invoice.paymentHash
        let end = ContinuousClock.now + time
        var record = record
        while true {
            let mark = feed.mark
            record = try await node.invoices(beginningWith: hash.hex).first ?? record
            switch record.status {
            case .paid, .held, .canceled: return record
            case .unpaid: if Timestamp.now >= record.invoice.expiresAt { return record }
            case .settling: break
            }
            let left = end - ContinuousClock.now
            guard left > .zero, !feed.hasEnded else { return record }
            // Nothing tells that an invoice expires.
            let untilExpiry = record.invoice.expiresAt.since(Timestamp.now) + .milliseconds(1)
            await feed.wait(after: mark, atMost: min(left, record.status == .unpaid ? untilExpiry : left))
        }
    }

    private func events(_ p: JSONValue) async throws -> JSONValue {
        let limit = try limit(p)
        let time = try p.whole("wait_ms", in: 0...Self.longestWait) ?? 0
        let known = try p.words("feed")
        let isOther = known.map { $0 != feed.id } ?? false
        // Of another feed the numbers mean nothing: all that is there is told.
        let number = try p.whole("from", in: 1...Int64.max).map { isOther ? 1 : UInt64($0) } ?? feed.next
        var (entries, isIncomplete) = feed.events(from: number, limit: limit)
        if entries.isEmpty, !isIncomplete, time > 0 {
            await feed.wait(for: number, atMost: .milliseconds(time))
            (entries, isIncomplete) = feed.events(from: number, limit: limit)
        }
        return [
            "feed": .string(feed.id), "missed": .bool(isIncomplete || isOther),
            "next": .amount(entries.last.map { $0.number + 1 } ?? min(number, feed.next)),
            "events": .array(entries.compactMap { entry in Self.json(entry) }),
        ]
    }

    /// An event as JSON; `nil` for one that is no owner's business: how connections come about.
    static func json(_ entry: EventFeed.Entry) -> JSONValue? {
        // A probe pays nobody, and always fails.
        switch entry.event {
        case .paymentUpdated(let payment), .paymentFailed(let payment): if payment.isProbe { return nil }
        default: break
        }
        guard let (name, described) = described(entry.event) else { return nil }
        var fields = described
        fields["number"] = .amount(entry.number)
        fields["time"] = .time(entry.time)
        fields["event"] = .string(name)
        return .object(fields)
    }

    static func described(_ event: NodeEvent) -> (String, [String: JSONValue])? {
        func channel(_ id: ChannelID) -> [String: JSONValue] { ["channel_id": .string(id.hex)] }
        func fields(_ value: JSONValue) -> [String: JSONValue] {
            guard case .object(let fields) = value else { return [:] }
            return fields
        }
        switch event {
        case .peerConnected(let node): return ("peer_connected", ["id": .string(node.hex)])
        case .peerDisconnected(let node): return ("peer_disconnected", ["id": .string(node.hex)])
        case .channelOpening(let id): return ("channel_opening", channel(id))
        case .channelUsable(let id): return ("channel_usable", channel(id))
        case .channelAnnounced(let id, let name):
            return ("channel_announced", channel(id).merging(["short_channel_id": .string(name.description)]) { $1 })
        case .channelClosing(let id, let kind):
            return ("channel_closing", channel(id).merging(["close_kind": .string(kind.description)]) { $1 })
        case .channelClosed(let id): return ("channel_closed", channel(id))
        case .channelsRestored(let ids): return ("channels_restored", ["channel_ids": .array(ids.map { .string($0.hex) })])
        case .publicationRefused(let publication, let why):
            return ("publication_refused", ["txid": .string(publication.transaction.id.description), "reason": .string(why)])
        case .paymentReceived(let record, let amount):
            return ("payment_received", fields(json(record)).merging(["received_msat": .amount(amount.value)]) { $1 })
        case .paymentHeld(let record, let amount):
            return ("payment_held", fields(json(record)).merging(["received_msat": .amount(amount.value)]) { $1 })
        case .paymentUpdated(let payment): return ("payment_updated", fields(json(payment, description: nil, since: nil)))
        case .paymentSucceeded(let payment): return ("payment_succeeded", fields(json(payment, description: nil, since: nil)))
        case .paymentSettled(let payment): return ("payment_settled", fields(json(payment, description: nil, since: nil)))
        case .paymentFailed(let payment):
            return ("payment_failed", fields(json(payment, description: nil, since: nil)).merging(failure(payment)) { $1 })
        case .streamPaid(let receipt):
            return (
                "stream_paid",
                [
                    "stream": .amount(receipt.part.stream), "payment": .amount(receipt.part.number), "id": .string(receipt.recipient.hex),
                    "amount_msat": .amount(receipt.amount.value), "fee_msat": .amount(receipt.fee.value),
                    "latency_ms": receipt.latency.map { .amount($0.wholeMilliseconds) } ?? .null,
                    "failure": receipt.failure.map { .string($0) } ?? .null,
                ]
            )
        case .streamOver(let stream):
            return (
                "stream_over",
                [
                    "stream": .amount(stream.id), "paid_msat": .amount(stream.paid.value), "fee_msat": .amount(stream.fees.value),
                    "num_payments": .amount(stream.succeeded),
                ]
            )
        case .forwarded(let circuit):
            var fields: [String: JSONValue] = [
                "in_channel_id": .string(circuit.incoming.key.channel.hex), "out_channel_id": .string(circuit.outgoing.channel.hex),
                "in_msat": .amount(circuit.incoming.amount.value), "out_msat": .amount(circuit.amount.value),
                "fee_msat": .amount(circuit.fee.value),
            ]
            switch circuit.status {
            case .settled: fields["status"] = "settled"
            case .failed(let why, _):
                fields["status"] = "failed"
                fields["failure"] = .string(why)
            case .pending, .fulfilled: fields["status"] = "pending"
            }
            return ("forwarded", fields)
        case .forwardRefused(let htlc, let channel, let why):
            return (
                "forward_refused",
                [
                    "in_channel_id": .string(htlc.key.channel.hex), "out_channel_id": .string(channel.hex),
                    "in_msat": .amount(htlc.amount.value), "reason": .string(why),
                ]
            )
        case .block(let height): return ("block", ["blockheight": .height(height)])
        case .alert(let text): return ("alert", ["text": .string(text)])
        case .note(let text): return ("note", ["text": .string(text)])
        case .connectionReady, .connectionEnded, .connectionLost, .peerAddresses: return nil
        }
    }

    /// What a payment failed for, as programs want to know it: who said so last, and BOLT 4's failure code.
    static func failure(_ payment: OutgoingPayment) -> [String: JSONValue] {
        var fields: [String: JSONValue] = [
            "payment_hash": .string(payment.paymentHash.hex), "num_attempts": .integer(Int64(payment.attempts.count)),
        ]
        guard let attempt = payment.attempts.last, case .failed(let failure) = attempt.status else { return fields }
        fields["failure_reason"] = .string(failure.text)
        if let hop = failure.hop {
            fields["failed_hop"] = .integer(Int64(hop))
            if attempt.route.hops.indices.contains(hop), payment.blindedPath(of: attempt.route) == nil {
                fields["failed_hop_id"] = .string(attempt.route.hops[hop].node.description)
            }
        }
        if failure.message.count >= 2 {
            fields["failure_code"] = .integer(Int64(failure.message[0]) << 8 | Int64(failure.message[1]))
        }
        return fields
    }
}
