public import LightningCore
public import LightningPayment
import LightningRecords
import LightningStorage
package import LightningWire

// Streams of payments: the node pays them, whoever began them; they go on after a restart.
extension LightningNode {
    /// Below this a payment may have no output on chain, in one of the channels.
    package func dustLimit() async throws -> MilliSatoshi { try await driver.read { $0.dustLimit } }

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

    /// Streams that are paid to this node, the last paid first: each is one row, however many payments there are. At most a thousand are
    /// remembered, those that brought most. A payment of one is told by `NodeEvent.paymentReceived`, as any payment.
    public func incomingStreams() async throws -> [IncomingStream] {
        try await driver.read { core in
            core.incomingStreams.values.sorted {
                $0.lastAt == $1.lastAt ? $0.tag.lexicographicallyPrecedes($1.tag) : $0.lastAt > $1.lastAt
            }
        }
    }

    /// What becomes of a stream's payments from now on, each when it has ended; the sequence ends with the stream, or with the node.
    ///
    /// - Throws: `NodeRefusal.stream` where there is no such stream.
    public func receipts(of id: UInt64) async throws -> AsyncStream<StreamReceipt> {
        try await following(id, .unbounded) { told, continuation in
            switch told {
            case .receipt(let receipt): continuation.yield(receipt)
            case .begin, .over: break
            }
        }
    }

    /// The state of a stream from now on: as it is, and after each of its payments; the last is `over`. Who is slow gets the newest one.
    ///
    /// - Throws: `NodeRefusal.stream` where there is no such stream.
    public func states(of id: UInt64) async throws -> AsyncStream<PaymentStream> {
        try await following(id, .bufferingNewest(1)) { told, continuation in
            switch told {
            case .begin(let stream), .over(let stream): continuation.yield(stream)
            case .receipt: if let stream = try? await self.stream(id), !stream.isOver { continuation.yield(stream) }
            }
        }
    }

    private enum Told { case begin(PaymentStream), receipt(StreamReceipt), over(PaymentStream) }

    /// Tells of a stream what is asked for, until it is over.
    private func following<Element: Sendable>(
        _ id: UInt64, _ policy: AsyncStream<Element>.Continuation.BufferingPolicy,
        _ tell: @escaping @Sendable (Told, AsyncStream<Element>.Continuation) async -> Void
    ) async throws -> AsyncStream<Element> {
        // The events first: of a stream that goes on nothing is missed. One that ends between both tells its end alone.
        let events = driver.events { event in
            switch event {
            case .streamPaid(let receipt): receipt.part.stream == id
            case .streamOver(let stream): stream.id == id
            default: false
            }
        }
        guard let now = try await stream(id) else { throw NodeRefusal.stream(.unknown) }
        return AsyncStream(bufferingPolicy: policy) { continuation in
            let task = Task {
                defer { continuation.finish() }
                if now.isOver { return await tell(.over(now), continuation) }
                await tell(.begin(now), continuation)
                for await event in events {
                    switch event {
                    case .streamPaid(let receipt): await tell(.receipt(receipt), continuation)
                    case .streamOver(let stream): return await tell(.over(stream), continuation)
                    default: break
                    }
                }
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    /// A stream by its number; `nil` where there is none.
    public func stream(_ id: UInt64) async throws -> PaymentStream? {
        if let running = try await driver.read({ $0.streams[id] }) { return running }
        return try await store.read { try $0.entries(.record(.streamHistory, key: Streams.key(id))) }.first.map {
            try PaymentStream(record: $0.record)
        }
    }
}
