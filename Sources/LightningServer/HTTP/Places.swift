import Synchronization

/// Places that are taken and left: so many for each.
final class Places<Key: Hashable & Sendable>: Sendable {
    private let each: Int
    private let taken = Mutex<[Key: Int]>([:])

    init(each: Int) { self.each = each }

    /// - Returns: whether there was one.
    func take(_ key: Key) -> Bool {
        taken.withLock { taken in
            guard taken[key, default: 0] < each else { return false }
            taken[key, default: 0] += 1
            return true
        }
    }

    /// A place that is left when nobody holds it any more, whatever became of what it was for.
    func hold(_ key: Key) -> Held? { take(key) ? Held(self, key) : nil }

    final class Held: Sendable {
        private let places: Places
        private let key: Key

        fileprivate init(_ places: Places, _ key: Key) {
            self.places = places
            self.key = key
        }

        deinit { places.leave(key) }
    }

    func leave(_ key: Key) {
        taken.withLock { taken in
            let left = taken[key, default: 0] - 1
            taken[key] = left > 0 ? left : nil
        }
    }
}
