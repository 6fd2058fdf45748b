import BitcoinPrimitives
import CryptoPrimitives
import LightningInvoice
import LightningPayment
import LightningRecords
import LightningWire

/// Commands that wait until it is known what the store holds of what is over.
///
/// For one key there is one question at a time, and whoever asks for the same meanwhile waits with it: nothing can become over between a
/// question and its answer, because what is about to begin waits for that answer.
struct Lookups {
    private var waiting: [StoreQuery: [(request: RequestID, command: NodeCommand)]] = [:]

    /// - Returns: whether the store has to be asked.
    mutating func wait(_ query: StoreQuery, _ request: RequestID, _ command: NodeCommand) -> Bool {
        waiting[query, default: []].append((request, command))
        return waiting[query]?.count == 1
    }

    mutating func take(_ query: StoreQuery) -> [(request: RequestID, command: NodeCommand)] { waiting.removeValue(forKey: query) ?? [] }
}

extension NodeCore {
    /// What has to be known of the history before a command is carried out; `nil` for nothing.
    private func query(for command: NodeCommand) -> StoreQuery? {
        switch command {
        case .pay(let invoice, _, _):
            // Nothing is paid twice.
            payments.sender.outgoing[invoice.paymentHash] == nil
                ? .record(.paymentHistory, key: invoice.paymentHash.bytes.array) : nil
        case .createHoldInvoice(let hash, _, _, _, _), .settle(let hash, _), .cancel(let hash):
            // A preimage that was given away once proves nothing any more.
            payments.receiver.invoices[hash] == nil ? .record(.invoiceHistory, key: hash.bytes.array) : nil
        case .newAddress, .openChannel, .createInvoice, .setForwardingPolicy, .rebalance, .probe, .compareRoutes, .importEstimates,
            .findRoute, .keysend, .send, .closeChannel, .forceCloseChannel, .setFeeRate:
            nil
        }
    }

    /// Carries a command out, once it is known what it depends on.
    mutating func begin(_ command: NodeCommand, _ request: RequestID) {
        guard let query = query(for: command) else { return perform(command, request, History()) }
        if payments.lookups.wait(query, request, command) { batch.effects.loads.append(query) }
    }

    /// The answer to a question of `begin`.
    mutating func found(_ query: StoreQuery, _ entries: [StoreEntry]) {
        let waiting = payments.lookups.take(query)
        var history = History()
        do throws(DecodingFailure) {
            if let record = entries.first?.record {
                if query.table == .paymentHistory {
                    history.payment = try OutgoingPayment(record: record)
                } else {
                    history.invoice = try InvoiceRecord(record: record)
                }
            }
        } catch {
            let refusal = NodeRefusal.store(StoreFailure.damaged(error.description).description)
            for (request, _) in waiting { batch.effects.answers.append((request, .failure(refusal))) }
            return
        }
        for (request, command) in waiting {
            perform(command, request, history)
            // What the first of them has begun the second finds begun.
            drain()
        }
    }
}

/// What the store holds of what a command is about.
struct History {
    var payment: OutgoingPayment?
    var invoice: InvoiceRecord?
}
