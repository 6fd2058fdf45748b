import BitcoinPrimitives
import CryptoPrimitives
import Foundation
import LightningAPI
import LightningCore
import LightningRuntime
import Synchronization

/// The last events of a node, numbered, for callers who ask for what came after a number, and wait where there is nothing yet.
///
/// It is in memory: it begins with the node, and whoever was away for too long is told that something is missing. What lasts is in the store:
/// `LightningNode.storedEvents`.
final class EventFeed: Sendable {
    /// Events that are kept.
    static let kept = 4096

    /// An event, and when it was told.
    struct Entry: Sendable {
        var number: UInt64
        var time: Timestamp
        var event: NodeEvent
    }

    private struct State: Sendable {
        var entries: [Entry] = []
        /// The number of the next event.
        var next: UInt64 = 1
        var waiting: [CheckedContinuation<Void, Never>] = []
        var hasEnded = false
        var totals = EventTotals()
        /// How often something happened that is no event.
        var nudges: UInt64 = 0
        /// How many events were stored.
        var stored: UInt64 = 0
    }

    /// A moment of the feed, to wait for what comes after it.
    struct Mark: Sendable {
        /// The number of the next event.
        var next: UInt64
        fileprivate var nudges: UInt64
        fileprivate var stored: UInt64
    }

    /// Another one after each start: numbers begin anew.
    let id: String
    private let state = Mutex(State())
    private let task = Mutex<Task<Void, Never>?>(nil)

    /// Follows a node's events until it stops.
    init(_ events: AsyncStream<NodeEvent>) {
        var entropy = Entropy.system()
        id = Hex.encode(entropy.bytes32().array.prefix(8))
        let follower = Task { [weak self] in
            for await event in events {
                guard let self else { return }
                add(event)
            }
            self?.end()
        }
        task.withLock { $0 = follower }
    }

    deinit { task.withLock { $0?.cancel() } }

    private func add(_ event: NodeEvent) {
        let isStored = StoredEvent.Kind(event) != nil
        wake { state in
            state.totals.add(event)
            if isStored { state.stored += 1 }
            state.entries.append(Entry(number: state.next, time: Timestamp.now, event: event))
            state.next += 1
            // In large steps: to take the first one away moves all others.
            if state.entries.count >= Self.kept * 2 { state.entries.removeFirst(state.entries.count - Self.kept) }
        }
    }

    private func end() { wake { $0.hasEnded = true } }

    private func wake(_ change: @Sendable (inout State) -> Void) {
        let waiting = state.withLock { state in
            change(&state)
            defer { state.waiting = [] }
            return state.waiting
        }
        for one in waiting { one.resume() }
    }

    /// The number of the next event.
    var next: UInt64 { mark.next }

    /// What they have come to since the node was started.
    var totals: EventTotals { state.withLock { $0.totals } }

    /// Callers that wait.
    var waiters: Int { state.withLock { $0.waiting.count } }

    /// Now.
    var mark: Mark { state.withLock { Mark(next: $0.next, nudges: $0.nudges, stored: $0.stored) } }

    /// Something happened that is no event: who waits looks again.
    func nudge() { wake { $0.nudges += 1 } }

    /// Whether the node has stopped: nothing comes any more.
    var hasEnded: Bool { state.withLock { $0.hasEnded } }

    /// The events from a number on, and whether some of them are not there any more.
    func events(from number: UInt64, limit: Int) -> (entries: [Entry], isIncomplete: Bool) {
        state.withLock { state in
            let first = state.entries.first?.number ?? state.next
            let entries = state.entries.drop { $0.number < number }.prefix(limit)
            return (Array(entries), number < first || number > state.next)
        }
    }

    /// Waits until there is an event with a number, for a time at most.
    func wait(for number: UInt64, atMost time: Duration) async {
        var mark = mark
        mark.next = number
        await wait(after: mark, atMost: time)
    }

    /// Waits until something happens after a moment, for a time at most.
    ///
    /// - Parameter stored: whether only what is stored counts.
    func wait(after mark: Mark, stored: Bool = false, atMost time: Duration) async {
        func isOver(_ state: State) -> Bool {
            state.hasEnded || (stored ? state.stored > mark.stored : state.next > mark.next || state.nudges > mark.nudges)
        }
        let end = ContinuousClock.now + time
        // Not before the end, or the waiter would wait again, and nobody wake it.
        let timer = Task { [weak self] in
            try? await Task.sleep(until: end, clock: .continuous)
            self?.wake { _ in }
        }
        defer { timer.cancel() }
        while ContinuousClock.now < end, !Task.isCancelled {
            await withTaskCancellationHandler {
                await withCheckedContinuation { continuation in
                    let isThere = state.withLock { state in
                        guard !isOver(state), ContinuousClock.now < end, !Task.isCancelled else { return true }
                        state.waiting.append(continuation)
                        return false
                    }
                    if isThere { continuation.resume() }
                }
            } onCancel: {
                // Whoever else waits looks, and waits again.
                wake { _ in }
            }
            if state.withLock({ isOver($0) }) { return }
        }
    }
}
