public import LightningCore
import LightningRecords
import LightningStorage

// What happened, out of the store: for programs that were away, or that begin anew with the number of the last event that they have dealt with.
extension LightningNode {
    /// What happened after an event, the oldest first: at least once for whoever keeps the number of the last one it has dealt with, also over
    /// crashes of either side. The last 100,000 are kept.
    ///
    /// - Parameters:
    ///   - number: of the last event that is known; 0 for none.
    ///   - limit: how many at most.
    /// - Returns: the events, and whether some are missing before or among them: they are not kept any more, or the database is an old copy of the
    ///   one that they were in. Of a number that it has never given, all that there are are told.
    /// - Throws: a `StoreFailure` where a record cannot be read; a `NodeRefusal` or `CancellationError` where the node has stopped.
    public func storedEvents(after number: UInt64, limit: Int = 100) async throws -> (events: [StoredEvent], isIncomplete: Bool) {
        let last = try await driver.read { $0.lastEvent }
        let isKnown = number <= last
        let first = HistoryPosition(order: isKnown ? number + 1 : 1, id: [])
        let query = StoreQuery(table: .events, prefix: [], bound: first.key, limit: max(0, min(limit, 1 << 30)))
        let events = try await store.read { try $0.entries(query) }.map { entry in
            do { return try StoredEvent(record: entry.record) } catch { throw StoreFailure.damaged("\(error)") }
        }
        let isGapless = events.enumerated().allSatisfy { $0.element.number == first.order + UInt64($0.offset) }
        return (events, !isKnown || !isGapless)
    }

    /// The number of the last event that is stored; 0 where there is none.
    public func lastEvent() async throws -> UInt64 { try await driver.read { $0.lastEvent } }

    /// What happened after an event, and then what happens, each when it is stored; it ends where the node stops. What is not kept any more is a gap
    /// in the numbers; where the number is not of this database they begin anew. For one reader.
    ///
    /// Keep the number of the last event that you have dealt with, and begin with it next time: then none is missed, and after a crash one may
    /// come twice. To cancel the task that reads ends the reading.
    ///
    /// - Parameter number: of the last event that is known; 0 for all that are kept.
    public func events(since number: UInt64) -> AsyncThrowingStream<StoredEvent, any Error> {
        let reader = StoredEventReader(self, number)
        return AsyncThrowingStream { try await reader.next() }
    }
}

/// Reads events page by page, and waits at the end for more.
private actor StoredEventReader {
    private let node: LightningNode
    private var last: UInt64
    private var page: [StoredEvent] = []
    private var index = 0
    /// Something happens: then it is looked again.
    private var news: AsyncStream<NodeEvent>

    init(_ node: LightningNode, _ last: UInt64) {
        self.node = node
        self.last = last
        // Before the first look: nothing happens unseen between a look and the wait after it. One word is enough for all that came.
        news = node.driver.events(buffering: .bufferingNewest(1)) { StoredEvent.Kind($0) != nil }
    }

    func next() async throws -> StoredEvent? {
        while index == page.count {
            do { page = try await node.storedEvents(after: last).events } catch NodeRefusal.stopped { return nil } catch let error
                as CancellationError
            {
                // The node has stopped, or whoever reads was cancelled.
                if Task.isCancelled { throw error }
                return nil
            }
            index = 0
            guard page.isEmpty else { continue }
            var news = news.makeAsyncIterator()
            guard await news.next() != nil else { return nil }
        }
        defer { index += 1 }
        last = page[index].number
        return page[index]
    }
}
