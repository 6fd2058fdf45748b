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
    public func receipts(of id: UInt64) -> AsyncStream<StreamReceipt> {
        Self.filtered(events) { event in
            switch event {
            case .streamPaid(let receipt) where receipt.part.stream == id: .element(receipt)
            case .streamOver(let stream) where stream.id == id: .end
            default: .skip
            }
        }
    }

    /// The state of a stream from now on: as it is, and after each of its payments; the last is `over`.
    ///
    /// - Throws: `StreamRefusal.unknown` where there is no such stream.
    public func states(of id: UInt64) async throws -> AsyncStream<PaymentStream> {
        // The events first: what happens between both is told twice, and not missed.
        let events = events
        guard let now = try await stream(id) else { throw NodeRefusal.stream(.unknown) }
        return AsyncStream { continuation in
            continuation.yield(now)
            if now.isOver { return continuation.finish() }
            let task = Task {
                for await event in events {
                    switch event {
                    case .streamPaid(let receipt) where receipt.part.stream == id:
                        if let stream = try? await self.stream(id) { continuation.yield(stream) }
                    case .streamOver(let stream) where stream.id == id:
                        continuation.yield(stream)
                        return continuation.finish()
                    default: break
                    }
                }
                continuation.finish()
            }
            continuation.onTermination = { _ in task.cancel() }
        }
    }

    private enum Filtered<Element> { case element(Element), skip, end }

    private static func filtered<Element: Sendable>(
        _ events: AsyncStream<NodeEvent>, _ filter: @escaping @Sendable (NodeEvent) -> Filtered<Element>
    ) -> AsyncStream<Element> {
        AsyncStream { continuation in
            let task = Task {
                loop: for await event in events {
                    switch filter(event) {
                    case .element(let element): continuation.yield(element)
                    case .skip: break
                    case .end: break loop
                    }
                }
                continuation.finish()
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
