public import LightningCore
public import LightningPayment
import LightningRecords
import LightningStorage

// Streams of payments: the node pays them, whoever began them; they go on after a restart.
extension LightningNode {
    /// Begins a stream of payments.
    ///
    /// Money at risk: what is paid and what it costs never comes to more than `StreamTerms.budget`, and fees never to more than their share,
    /// to the millisatoshi, also over crashes. Without a budget and without a duration it pays until it is stopped.
    ///
    /// - Throws: `NodeRefusal.stream` where the terms make no sense: nothing was begun.
    public func startStream(_ terms: StreamTerms) async throws(NodeRefusal) -> PaymentStream {
        guard case .stream(let stream) = try await driver.command(.startStream(terms)) else { preconditionFailure() }
        return stream
    }

    /// Has a stream wait, go on, pay another rate, pay something besides, or end. What is under way is not taken back.
    ///
    /// - Throws: `NodeRefusal.stream` where there is no such stream, or it is over.
    @discardableResult
    public func stream(_ id: UInt64, _ action: StreamAction) async throws(NodeRefusal) -> PaymentStream {
        guard case .stream(let stream) = try await driver.command(.stream(id, action)) else { preconditionFailure() }
        return stream
    }

    /// Streams that are not over, and those that are, the newest first.
    ///
    /// - Parameters:
    ///   - limit: how many at most.
    ///   - bound: the number of the last stream of the page before; `nil` for the first page.
    public func streams(limit: Int = 100, before bound: UInt64? = nil) async throws -> [PaymentStream] {
        let limit = max(0, min(limit, 1 << 20))
        // Memory first: what goes to disk meanwhile is found there.
        let running = try await driver.read { Array($0.streams.values) }.filter { stream in bound.map { stream.id < $0 } ?? true }
        let query = StoreQuery(
            table: .streamHistory, prefix: [], bound: Streams.key(bound ?? .max), isBackwards: true, limit: limit)
        let over = try await store.read { try $0.entries(query) }.map { try PaymentStream(record: $0.record) }
        let all = Dictionary((running + over.filter { stream in bound.map { stream.id < $0 } ?? true }).map { ($0.id, $0) }) { $1 }
        return Array(all.values.sorted { $0.id > $1.id }.prefix(limit))
    }

    /// A stream by its number; `nil` where there is none.
    public func stream(_ id: UInt64) async throws -> PaymentStream? {
        if let running = try await driver.read({ $0.streams[id] }) { return running }
        return try await store.read { try $0.entries(.record(.streamHistory, key: Streams.key(id))) }.first.map {
            try PaymentStream(record: $0.record)
        }
    }
}
