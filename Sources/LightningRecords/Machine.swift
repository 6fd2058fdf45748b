/// A part of the node that owns its state: events go in, effects come out, and what has to be stored is asked for.
///
/// A machine never calls another one. What it wants of others are its effects, which the node turns into events of theirs, first in first
/// out. Nothing of the effects may leave the node before the writes of the same batch are committed.
package protocol Machine {
    associatedtype Event
    associatedtype Effect
    /// What a machine may know of the world when something happens to it.
    associatedtype Context

    /// Takes an event, and says what is to be done about it.
    mutating func handle(_ event: Event, _ context: borrowing Context) -> [Effect]

    /// What has to be stored of the changes since the last call.
    mutating func drainWrites() -> [StoreWrite]
}

/// A part of a machine that keeps records of its own.
package protocol Recorded {
    /// What has to be stored of the changes since the last call.
    mutating func drainWrites() -> [StoreWrite]
}
