import BitcoinPrimitives
import HeapModule

/// Why an HTLC of a flow came back.
enum FlowFailure: Hashable, Sendable {
    /// The channel of this hop of the route had no room.
    case liquidity(Int)
    /// The node behind this hop is away.
    case away(Int)
    /// The payee gave it back: the rest of the payment did not come.
    case payee
}

/// What is to happen in a flow, by its time in milliseconds; what is due at the same time in the order in which it was asked for.
struct FlowEvents: Sendable {
    enum Event: Sendable {
        /// An HTLC is irrevocably committed at the end of a hop.
        case arrived(part: Int, hop: Int)
        /// The offerer of a hop's HTLC hears the preimage.
        case fulfilled(part: Int, hop: Int)
        /// The offerer of a hop's HTLC has its money again.
        case failed(part: Int, hop: Int, FlowFailure)
        /// A fulfilled HTLC has left both commitments.
        case settled(direction: Int, amount: UInt64)
        /// The payee waits no longer for the rest of a payment in parts.
        case gaveUpWaiting(payment: Int)
        /// Nothing new is tried for a payment.
        case deadline(payment: Int)
        /// Streams of a node have something to do.
        case streams(node: Int)
        case leave(node: Int, until: UInt64)
        /// Some node dies.
        case crash
        case beginStream(Int)
    }

    private struct Entry: Comparable, Sendable {
        var time: UInt64
        var sequence: UInt64
        var event: Event
        static func < (left: Entry, right: Entry) -> Bool {
            left.time == right.time ? left.sequence < right.sequence : left.time < right.time
        }
        static func == (left: Entry, right: Entry) -> Bool { left.sequence == right.sequence }
    }

    private var queue = Heap<Entry>()
    private var sequence: UInt64 = 0

    var nextTime: UInt64? { queue.min?.time }

    mutating func add(_ event: Event, at time: UInt64) {
        sequence += 1
        queue.insert(Entry(time: time, sequence: sequence, event: event))
    }

    mutating func next() -> Event? { queue.popMin()?.event }
}
