import BitcoinPrimitives
import CryptoPrimitives
import LightningAPI
import LightningChannel
import LightningCore
import LightningEnforcement
import LightningPayment
import LightningRouting
import LightningRuntime
import LightningWire

// Events out of the store, for those who must miss nothing.
extension ControlAPI {
    func listEvents(_ p: JSONValue) async throws -> JSONValue {
        let limit = try limit(p)
        let time = try p.whole("wait_ms", in: 0...Self.longestWait) ?? 0
        let from = try p.whole("from", in: 1...Int64.max).map { UInt64($0) } ?? 1
        let (events, isIncomplete) = try await storedEvents(after: from - 1, limit: limit, wait: .milliseconds(time))
        var list: [JSONValue] = []
        for event in events { list.append(try await json(event)) }
        let next = events.last.map { $0.number + 1 } ?? (isIncomplete ? 1 : from)
        return ["missed": .bool(isIncomplete), "next": .amount(next), "events": .array(list)]
    }

    /// The same as the node's, and where there are none, a wait for the next.
    func storedEvents(after number: UInt64, limit: Int, wait: Duration) async throws -> (events: [StoredEvent], isIncomplete: Bool) {
        let end = ContinuousClock.now + wait
        while true {
            let mark = feed.mark
            let page = try await node.storedEvents(after: number, limit: limit)
            let left = end - ContinuousClock.now
            guard page.events.isEmpty, !page.isIncomplete, left > .zero, !feed.hasEnded, !Task.isCancelled else { return page }
            await feed.wait(after: mark, stored: true, atMost: left)
        }
    }

    /// An event as JSON, with what it is about as that is now.
    func json(_ stored: StoredEvent) async throws -> JSONValue {
        guard case .object(var fields) = try await described(stored.kind) else { return .null }
        fields["number"] = .amount(stored.number)
        fields["time"] = .time(stored.time)
        return .object(fields)
    }

    private func described(_ kind: StoredEvent.Kind) async throws -> JSONValue {
        /// As it is told while it happens.
        func live(_ event: NodeEvent?) -> JSONValue? {
            event.flatMap { Self.described($0) }.map { name, fields in .object(fields.merging(["event": .string(name)]) { $1 }) }
        }
        /// With what was so at that moment in the place of what is so now.
        func then(_ value: JSONValue?, _ fields: [String: JSONValue]) -> JSONValue? {
            guard case .object(let now)? = value else { return value }
            return .object(now.merging(fields) { $1 })
        }
        func invoice(_ hash: PaymentHash, isKeysend: Bool = false, _ event: (InvoiceRecord) -> NodeEvent) async throws -> JSONValue? {
            live(try await node.invoice(hash, isSpontaneous: isKeysend).map(event))
        }
        /// Of what is not in the lists any more: small keysends of strangers are forgotten.
        func bare(_ name: String, _ hash: PaymentHash, _ amounts: [String: MilliSatoshi]) -> JSONValue {
            .object(["event": .string(name), "payment_hash": .string(hash.hex)].merging(amounts.mapValues { .amount($0.value) }) { $1 })
        }
        switch kind {
        case .paymentReceived(let hash, let amount, let isKeysend):
            let value = try await invoice(hash, isKeysend: isKeysend) { .paymentReceived($0, amount) }
            return then(value ?? bare("payment_received", hash, ["received_msat": amount]), ["keysend": .bool(isKeysend)]) ?? .null
        case .paymentHeld(let hash, let amount):
            return try await invoice(hash) { .paymentHeld($0, amount) } ?? bare("payment_held", hash, ["received_msat": amount])
        case .paymentSucceeded(let hash, let amount, let fee):
            return live(try await node.payment(hash).map { .paymentSucceeded($0) })
                ?? then(bare("payment_succeeded", hash, ["amount_msat": amount, "fee_msat": fee]), ["status": "succeeded"]) ?? .null
        case .paymentFailed(let hash, let amount):
            // The same may be under way again, or paid: that is another event's business.
            guard let current = try await node.payment(hash), case .failed = current.status, let value = live(.paymentFailed(current))
            else {
                return then(bare("payment_failed", hash, ["amount_msat": amount]), ["status": "failed"]) ?? .null
            }
            return value
        case .forwarded(let from, let to, let incoming, let outgoing):
            return [
                "event": "forwarded", "status": "settled", "in_channel_id": .string(from.hex), "out_channel_id": .string(to.hex),
                "in_msat": .amount(incoming.value), "out_msat": .amount(outgoing.value),
                "fee_msat": .amount(incoming.subtracting(outgoing)?.value ?? 0),
            ]
        case .channelUsable(let id): return live(.channelUsable(id)) ?? .null
        case .channelAnnounced(let id, let name): return live(.channelAnnounced(id, name)) ?? .null
        case .channelClosing(let id, let how): return live(.channelClosing(id, how)) ?? .null
        case .channelClosed(let id): return live(.channelClosed(id)) ?? .null
        case .channelsRestored(let ids): return live(.channelsRestored(ids)) ?? .null
        case .publicationRefused(let id, let why):
            return ["event": "publication_refused", "txid": .string(id.description), "reason": .string(why)]
        case .streamOver(let stream, let paid, let fees, let payments):
            return [
                "event": "stream_over", "stream": .amount(stream), "paid_msat": .amount(paid.value), "fee_msat": .amount(fees.value),
                "num_payments": .amount(payments),
            ]
        case .alert(let text): return live(.alert(text)) ?? .null
        }
    }
}

extension StoredEvent.Kind {
    /// Its name in the table of calls.
    var name: String {
        switch self {
        case .paymentReceived: "payment_received"
        case .paymentHeld: "payment_held"
        case .paymentSucceeded: "payment_succeeded"
        case .paymentFailed: "payment_failed"
        case .forwarded: "forwarded"
        case .channelUsable: "channel_usable"
        case .channelAnnounced: "channel_announced"
        case .channelClosing: "channel_closing"
        case .channelClosed: "channel_closed"
        case .channelsRestored: "channels_restored"
        case .publicationRefused: "publication_refused"
        case .streamOver: "stream_over"
        case .alert: "alert"
        }
    }
}
