import BitcoinPrimitives
import CryptoPrimitives
import LightningInvoice
import LightningPayment
import LightningRecords
import LightningTransactions
import LightningWire

/// What the store holds of what a command is about, as far as it was asked.
struct History {
    var payment: OutgoingPayment?
    var invoice: InvoiceRecord?
    /// Channels that are over, and need no restoring.
    var closedChannels: Set<ChannelID> = []
    var asked: Set<StoreQuery> = []
}

/// Commands that wait until it is known what the store holds of what is over.
///
/// For one key there is one question at a time, and whoever asks for the same meanwhile waits with it: nothing can become over between a
/// question and its answer, because what is about to begin waits for that answer.
struct Lookups {
    struct Waiting {
        var request: RequestID
        var command: NodeCommand
        var history: History
    }

    private var waiting: [StoreQuery: [Waiting]] = [:]

    /// - Returns: whether the store has to be asked.
    mutating func wait(_ query: StoreQuery, _ command: Waiting) -> Bool {
        waiting[query, default: []].append(command)
        return waiting[query]?.count == 1
    }

    mutating func take(_ query: StoreQuery) -> [Waiting] { waiting.removeValue(forKey: query) ?? [] }
}

extension NodeCore {
    /// The number of what the node asks itself for: nobody waits for an answer.
    static let ownRequest: RequestID = 0

    /// What has to be known of the history before a command is carried out.
    private func queries(for command: NodeCommand) -> [StoreQuery] {
        func asInvoice(_ hash: PaymentHash) -> [StoreQuery] {
            payments.receiver.invoices[hash] == nil ? [.record(.invoiceHistory, key: hash.bytes.array)] : []
        }
        switch command {
        case .pay(let invoice, _, _):
            let hash = invoice.paymentHash
            // An invoice with blinded paths does not say that it is our own. And nothing is paid twice: that is asked last, for while
            // another answer is waited for a payment with this hash could begin and end.
            return (invoice.blindedPaths.isEmpty ? [] : asInvoice(hash))
                + (payments.sender.outgoing[hash] == nil ? [.record(.paymentHistory, key: hash.bytes.array)] : [])
        // A preimage that was given away once proves nothing any more.
        case .createHoldInvoice(let hash, _, _, _, _, _), .settle(let hash, _), .cancel(let hash): return asInvoice(hash)
        case .restoreChannels(let backup):
            // What cannot be read is refused when it is carried out.
            let entries = (try? openBackup(backup))?.entries ?? []
            return entries.map(\.parameters.channelID).filter { !channels.contains($0) }.map {
                .record(.channelHistory, key: $0.bytes.array)
            }
        case .newAddress, .openChannel, .createInvoice, .setForwardingPolicy, .rebalance, .probe, .compareRoutes, .importEstimates,
            .findRoute, .keysend, .startStream, .stream, .send, .closeChannel, .forceCloseChannel, .setFeeRate, .bumpFee, .abandonChannel,
            .addWatchtower, .removeWatchtower, .disconnect:
            return []
        }
    }

    /// Carries a command out, once it is known what it depends on.
    mutating func begin(_ command: NodeCommand, _ request: RequestID, _ history: History = History()) {
        guard let query = queries(for: command).first(where: { !history.asked.contains($0) }) else {
            return perform(command, request, history)
        }
        let isNew = payments.lookups.wait(query, .init(request: request, command: command, history: history))
        if isNew { batch.effects.loads.append(query) }
    }

    /// The answer to a question of `begin`.
    mutating func answer(_ query: StoreQuery, _ found: Result<[StoreEntry], StoreFailure>) {
        for waiting in payments.lookups.take(query) {
            do throws(StoreFailure) {
                var history = waiting.history
                history.asked.insert(query)
                try read(try found.get(), of: query, into: &history)
                begin(waiting.command, waiting.request, history)
                // What the first of them has begun the second finds begun.
                drain()
            } catch {
                guard waiting.request != Self.ownRequest else {
                    batch.effects.events.append(.alert("what a peer gave back to us cannot be looked at: \(error.description)"))
                    continue
                }
                batch.effects.answers.append((waiting.request, .failure(.store(error.description))))
            }
        }
    }

    private func read(_ entries: [StoreEntry], of query: StoreQuery, into history: inout History) throws(StoreFailure) {
        guard let entry = entries.first else { return }
        if query.table == .channelHistory {
            if let id = Bytes32(query.prefix) { history.closedChannels.insert(ChannelID(id)) }
            return
        }
        do throws(DecodingFailure) {
            let position: HistoryPosition
            if query.table == .paymentHistory {
                let payment = try OutgoingPayment(record: entry.record)
                (history.payment, position) = (payment, payment.position)
            } else {
                let invoice = try InvoiceRecord(record: entry.record)
                (history.invoice, position) = (invoice, invoice.position)
            }
            guard position.id == query.prefix else { throw .invalid("key of \(query.table.rawValue)") }
        } catch { throw .damaged(error.description) }
    }
}
