import BitcoinPrimitives
import HeapModule

/// When something is to be done for each stream: what comes next is at hand, however many there are.
struct StreamTimes: Sendable {
    private struct Entry: Comparable {
        var time: Timestamp
        var id: UInt64

        static func < (left: Entry, right: Entry) -> Bool { (left.time, left.id) < (right.time, right.id) }
    }

    private var times: [UInt64: Timestamp] = [:]
    /// Also entries that do not count any more, but never as the first.
    private var queue = Heap<Entry>()

    /// The time of a stream; `nil` where nothing is to be done at a time.
    subscript(id: UInt64) -> Timestamp? {
        get { times[id] }
        set {
            guard times[id] != newValue else { return }
            times[id] = newValue
            if let newValue { queue.insert(Entry(time: newValue, id: id)) }
            tidy()
        }
    }

    /// The earliest of all times.
    var next: Timestamp? { queue.min?.time }

    /// Takes out the streams whose time has come.
    ///
    /// - Returns: them in the order of their numbers.
    mutating func take(until now: Timestamp) -> [UInt64] {
        var ids: [UInt64] = []
        while let first = queue.min, first.time <= now {
            queue.removeMin()
            if times[first.id] == first.time {
                times[first.id] = nil
                ids.append(first.id)
            }
        }
        tidy()
        return ids.sorted()
    }

    private mutating func tidy() {
        while let first = queue.min, times[first.id] != first.time { queue.removeMin() }
        // Times that were put off may leave more behind than there are.
        guard queue.count > 2 * times.count + 64 else { return }
        queue = Heap(times.map { Entry(time: $0.value, id: $0.key) })
    }
}
