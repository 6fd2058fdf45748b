import BitcoinPrimitives
import LightningChain
import LightningChannel
import LightningCore
import LightningInvoice
public import LightningPayment
import LightningRecords
public import LightningWire

// What a node did, whether it is still in its memory or only on its disk.
extension SimulatedWorld.Node {
    /// Every payment that it sent.
    public var payments: [PaymentHash: OutgoingPayment] {
        let stored = store.records(.paymentHistory).map { try! OutgoingPayment(record: $0) }
        return (core?.outgoingPayments ?? [:]).merging(stored.map { ($0.paymentHash, $0) }) { $1 }
    }

    /// Every invoice that it made, and the keysends that it received.
    public var invoices: [PaymentHash: InvoiceRecord] {
        let stored = store.records(.invoiceHistory).map { try! InvoiceRecord(record: $0) }
        return (core?.invoices ?? [:]).merging(stored.map { ($0.invoice.paymentHash, $0) }) { $1 }
    }

    /// Its channels, and those that have ended long ago.
    var allChannels: [PaymentChannel] {
        let current = core?.channels.ordered ?? []
        let stored = store.records(.channelHistory).map { try! PaymentChannel(historyRecord: $0) }
        return current + stored.filter { old in !current.contains { $0.id == old.id } }
    }

    /// Every stream that it paid.
    public var streams: [PaymentStream] {
        let stored = store.records(.streamHistory).map { try! PaymentStream(record: $0) }
        let current = core?.streams ?? [:]
        return current.values.sorted { $0.id < $1.id } + stored.filter { current[$0.id] == nil }
    }

    /// Every forward, the oldest first.
    public var forwards: [Circuit] {
        let stored = store.records(.forwardHistory).map { try! Circuit(record: $0) }
        return ((core?.circuits.all ?? []) + stored).sorted { $0.position < $1.position }
    }
}

/// The check of what goes into the history, which no restart reads again.
enum StoredHistory {
    /// - Returns: what cannot be read again as it was written, or lies where it is not looked for; `nil` where all is right.
    static func problem(of writes: [StoreWrite]) -> String? {
        for write in writes {
            guard case .put(let table, let key, let record) = write else { continue }
            do throws(DecodingFailure) {
                switch table {
                case .paymentHistory:
                    let payment = try OutgoingPayment(record: record)
                    guard payment.encoded() == record, payment.position.id == key, payment.isOver else { return "a payment's history" }
                case .invoiceHistory:
                    let invoice = try InvoiceRecord(record: record)
                    guard invoice.encoded() == record, invoice.position.id == key else { return "an invoice's history" }
                case .forwardHistory:
                    let circuit = try Circuit(record: record)
                    guard circuit.encoded() == record, circuit.position.key == key, circuit.hasEnded else { return "a forward's history" }
                case .walletHistory:
                    let transaction = try WalletTransaction(record: record)
                    guard transaction.encoded() == record, transaction.position.key == key else { return "a transaction's history" }
                case .channelHistory:
                    let channel = try PaymentChannel(historyRecord: record)
                    guard channel.historyRecord == record, channel.historyPosition?.id == key else { return "a channel's history" }
                case .streamHistory:
                    let stream = try PaymentStream(record: record)
                    guard stream.encoded() == record, Streams.key(stream.id) == key, stream.isOver else { return "a stream's history" }
                case .log:
                    let entry = try LogEntry(record: record)
                    guard entry.encoded() == record, entry.position.key == key else { return "the log" }
                case .events:
                    let event = try StoredEvent(record: record)
                    guard event.encoded() == record, event.position.key == key else { return "the events" }
                case .meta, .channels, .htlcs, .revokedHTLCs, .coins, .transactions, .invoices, .payments, .circuits, .onions, .policies,
                    .gossip, .estimates, .recovered, .paymentOrder, .invoiceOrder, .channelOrder, .cheapForwards, .forwardTotals,
                    .peerStorage,
                    .towers, .towerQueue, .towerClients, .towerKits, .towerOrder, .towerCases, .streams, .incomingStreams:
                    continue
                }
            } catch { return "a record of \(table.rawValue) that cannot be read: \(error)" }
        }
        return nil
    }
}
