public import BitcoinPrimitives
import CryptoPrimitives
public import LightningChain
public import LightningChannel
public import LightningCore
public import LightningPayment
public import LightningRecords
import LightningStorage
public import LightningWire

/// Some records of a node's history, the newest first.
public struct HistoryPage<Record: Sendable>: Sendable {
    /// The newest first.
    public var records: [Record]
    /// Where the next page begins; `nil` where there is none.
    public var next: HistoryPosition?
}

// What is under way is in memory, and what is over on disk: a page is put together of both.
extension LightningNode {
    /// Payments sent, those that began last first.
    ///
    /// - Parameters:
    ///   - limit: how many at most.
    ///   - bound: the `next` of the page before; `nil` for the first page.
    ///   - isWanted: which are counted.
    /// - Throws: a `StoreFailure` where a record cannot be read; a `NodeRefusal` or `CancellationError` where the node has stopped.
    public func payments(
        limit: Int = 100, before bound: HistoryPosition? = nil,
        where isWanted: @escaping @Sendable (OutgoingPayment) -> Bool = { _ in true }
    ) async throws -> HistoryPage<OutgoingPayment> {
        try await page(.payments, limit, bound, .zero, isWanted, OutgoingPayment.init(record:), \.position) {
            Array($0.outgoingPayments.values)
        }
    }

    /// Invoices, those that were made last first; and keysends received.
    ///
    /// - Parameters:
    ///   - limit: how many at most.
    ///   - bound: the `next` of the page before; `nil` for the first page.
    ///   - since: only those that began then or later; older ones are not read.
    ///   - isWanted: which are counted.
    /// - Throws: as `payments`.
    public func invoices(
        limit: Int = 100, before bound: HistoryPosition? = nil, since: Timestamp = .zero,
        where isWanted: @escaping @Sendable (InvoiceRecord) -> Bool = { _ in true }
    ) async throws -> HistoryPage<InvoiceRecord> {
        try await page(.invoices, limit, bound, since, isWanted, InvoiceRecord.init(record:), \.position) { Array($0.invoices.values) }
    }

    /// Forwards under way and ended, those that began last first. Of those that failed, or earned less than 0.1 sat, the last 10,000
    /// are kept.
    ///
    /// - Parameters:
    ///   - limit: how many at most.
    ///   - bound: the `next` of the page before; `nil` for the first page.
    ///   - since: only those that began then or later; older ones are not read.
    ///   - isWanted: which are counted.
    /// - Throws: as `payments`.
    public func forwards(
        limit: Int = 100, before bound: HistoryPosition? = nil, since: Timestamp = .zero,
        where isWanted: @escaping @Sendable (Circuit) -> Bool = { _ in true }
    ) async throws -> HistoryPage<Circuit> {
        try await page(.forwards, limit, bound, since, isWanted, Circuit.init(record:), \.position) { $0.circuits.all }
    }

    /// Channels that are closed, those that were closed last first.
    ///
    /// - Parameters:
    ///   - limit: how many at most.
    ///   - bound: the `next` of the page before; `nil` for the first page.
    ///   - isWanted: which are counted.
    /// - Throws: as `payments`.
    public func closedChannels(
        limit: Int = 100, before bound: HistoryPosition? = nil,
        where isWanted: @escaping @Sendable (PaymentChannel) -> Bool = { _ in true }
    ) async throws -> HistoryPage<PaymentChannel> {
        try await page(
            .channels, limit, bound, .zero, isWanted, PaymentChannel.init(historyRecord:),
            { $0.historyPosition ?? HistoryPosition(order: 0, id: []) }
        ) {
            $0.channels.values.filter(\.isClosed)
        }
    }

    /// What happened to the node, the last first: to its channels, where layer 1 refused something, where money was at risk. The last 10,000
    /// entries are kept.
    ///
    /// - Parameters:
    ///   - limit: how many at most.
    ///   - bound: the `next` of the page before; `nil` for the first page.
    ///   - isWanted: which are counted.
    /// - Throws: as `payments`.
    public func log(
        limit: Int = 100, before bound: HistoryPosition? = nil, where isWanted: @escaping @Sendable (LogEntry) -> Bool = { _ in true }
    ) async throws -> HistoryPage<LogEntry> {
        try await page(.log, limit, bound, .zero, isWanted, LogEntry.init(record:), \.position) { _ in [] }
    }

    /// A channel of the history, by its id; `nil` where there is none, also for one that is not over.
    package func closedChannel(_ id: ChannelID) async throws -> PaymentChannel? {
        try await store.read { try $0.entries(.record(.channelHistory, key: id.bytes.array)) }.first.map {
            try PaymentChannel(historyRecord: $0.record)
        }
    }

    /// The wallet's transactions in blocks, the last first: what they were for, and what they did to it. Those before the version that began
    /// to keep them are not there.
    ///
    /// - Parameters:
    ///   - limit: how many at most.
    ///   - bound: the `next` of the page before; `nil` for the first page.
    /// - Throws: as `payments`.
    public func transactions(limit: Int = 100, before bound: HistoryPosition? = nil) async throws -> HistoryPage<WalletTransaction> {
        try await page(.transactions, limit, bound, .zero, { _ in true }, WalletTransaction.init(record:), \.position) { _ in [] }
    }

    /// The wallet's transactions that no block holds yet: our own, and what others have sent.
    public func unconfirmedTransactions() async throws -> [WalletTransaction] { try await driver.read { $0.unconfirmedTransactions } }

    /// What all forwards came to that have ended, and those into each channel.
    public func forwardTotals() async throws -> (all: ForwardTotals, channels: [ChannelID: ForwardTotals]) {
        try await driver.read { ($0.circuits.totals, $0.circuits.totalsByChannel) }
    }

    /// A payment by its hash, under way or over; `nil` where there is none.
    package func payment(_ hash: PaymentHash) async throws -> OutgoingPayment? {
        if let current = try await driver.read({ $0.outgoingPayments[hash] }) { return current }
        return try await stored(.paymentHistory, hash).map { try OutgoingPayment(record: $0) }
    }

    /// An invoice by its payment hash, open or over; `nil` where there is none.
    ///
    /// - Parameter isSpontaneous: whether a keysend is meant: one can have the hash of an invoice that is over.
    package func invoice(_ hash: PaymentHash, isSpontaneous: Bool = false) async throws -> InvoiceRecord? {
        if let current = try await driver.read({ $0.invoices[hash] }), current.isSpontaneous == isSpontaneous { return current }
        let record = try await stored(.invoiceHistory, hash).map { try InvoiceRecord(record: $0) }
        return record?.isSpontaneous == isSpontaneous ? record : nil
    }

    private func stored(_ table: StoreTable, _ hash: PaymentHash) async throws -> [UInt8]? {
        try await store.read { try $0.entries(.record(table, key: hash.bytes.array)) }.first?.record
    }

    /// The payments whose hashes begin so, two at most: one is meant, or it is not clear which.
    ///
    /// - Parameter digits: hexadecimal, in lower case.
    package func payments(beginningWith digits: String) async throws -> [OutgoingPayment] {
        let found = try await records(.paymentHistory, beginningWith: digits) { core in
            core.outgoingPayments.filter { $0.key.hex.hasPrefix(digits) }.mapValues { $0.encoded() }
        }
        return try found.map { try OutgoingPayment(record: $0) }
    }

    /// The same for invoices.
    package func invoices(beginningWith digits: String) async throws -> [InvoiceRecord] {
        let found = try await records(.invoiceHistory, beginningWith: digits) { core in
            core.invoices.filter { $0.key.hex.hasPrefix(digits) }.mapValues { $0.encoded() }
        }
        return try found.map { try InvoiceRecord(record: $0) }
    }

    private func records(
        _ table: StoreTable, beginningWith digits: String, _ inMemory: @escaping @Sendable (borrowing NodeCore) -> [PaymentHash: [UInt8]]
    ) async throws -> [[UInt8]] {
        // An odd digit is the upper half of a byte: what begins with it follows.
        guard !digits.isEmpty, let prefix = Hex.decode(String(digits.prefix(digits.utf8.count / 2 * 2))),
            let bound = Hex.decode(digits.utf8.count.isMultiple(of: 2) ? digits : digits + "0")
        else { return [] }
        let memory = try await driver.read(inMemory)
        let query = StoreQuery(table: table, prefix: prefix, bound: bound, limit: 2)
        let stored = try await store.read { try $0.entries(query) }.filter { Hex.encode($0.key).hasPrefix(digits) }
        let found = memory.reduce(into: [[UInt8]: [UInt8]]()) { $0[$1.key.bytes.array] = $1.value }
            .merging(stored.map { ($0.key, $0.record) }) { $1 }
        return found.sorted { $0.key.lexicographicallyPrecedes($1.key) }.prefix(2).map(\.value)
    }

    private func page<Record: Sendable>(
        _ history: StoreHistory, _ limit: Int, _ bound: HistoryPosition?, _ since: Timestamp,
        _ isWanted: @escaping @Sendable (Record) -> Bool,
        _ decode: @escaping @Sendable ([UInt8]) throws -> Record, _ position: @escaping @Sendable (Record) -> HistoryPosition,
        _ inMemory: @escaping @Sendable (borrowing NodeCore) -> [Record]
    ) async throws -> HistoryPage<Record> {
        let limit = max(0, min(limit, 1 << 30))
        // Memory first: what goes to disk meanwhile is found there.
        var found: [HistoryPosition: Record] = [:]
        for record in try await driver.read(inMemory) where isWanted(record) {
            let at = position(record)
            if bound.map({ at < $0 }) ?? true, at.order >= since.milliseconds { found[at] = record }
        }
        var wanted = limit + 1
        var from = bound?.key
        pages: repeat {
            // It may be long, where few are wanted.
            try Task.checkCancellation()
            // Not a few at a time where most of them are not wanted.
            let (start, count) = (from, max(wanted, 200))
            let page = try await store.read { try $0.page(history, before: start, limit: count) }
            for entry in page.entries {
                guard let at = HistoryPosition(key: entry.key) else { throw StoreFailure.damaged("key of \(history.records.rawValue)") }
                // The rest is older still.
                guard at.order >= since.milliseconds else { break pages }
                let record: Record
                do { record = try decode(entry.record) } catch { throw StoreFailure.damaged("\(error)") }
                guard isWanted(record) else { continue }
                found[at] = record
                wanted -= 1
            }
            from = page.next
        } while from != nil && wanted > 0
        let sorted = found.sorted { $0.key > $1.key }
        let page = sorted.prefix(limit)
        return HistoryPage(records: page.map(\.value), next: sorted.count > page.count ? page.last?.key : nil)
    }
}
