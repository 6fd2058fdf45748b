import Synchronization

/// How many requests somebody may make: a bucket of so many, which fills again by so many a second.
final class RateLimiter<Key: Hashable & Sendable>: Sendable {
    private struct Bucket: Sendable {
        var left: Double
        var at: ContinuousClock.Instant
    }

    private let burst: Double
    private let perSecond: Double
    /// Whoever is not here has a full one.
    private let buckets = Mutex<[Key: Bucket]>([:])
    /// So that strangers cannot fill the memory.
    private static var mostKeys: Int { 10_000 }

    init(burst: Int, perSecond: Double) {
        self.burst = Double(burst)
        self.perSecond = perSecond
    }

    /// Takes one.
    ///
    /// - Returns: `nil`, or in how many seconds there is one again.
    func take(_ key: Key, at now: ContinuousClock.Instant = .now) -> Int? {
        buckets.withLock { buckets in
            if buckets.count >= Self.mostKeys, buckets[key] == nil {
                buckets = buckets.filter { filled($0.value, at: now) < burst }
                // All of them are in use: nobody new is let in before one is full again.
                guard buckets.count < Self.mostKeys else { return 1 }
            }
            var left = buckets[key].map { filled($0, at: now) } ?? burst
            defer { buckets[key] = Bucket(left: left, at: now) }
            guard left >= 1 else { return max(1, Int(((1 - left) / perSecond).rounded(.up))) }
            left -= 1
            return nil
        }
    }

    private func filled(_ bucket: Bucket, at now: ContinuousClock.Instant) -> Double {
        let passed = now - bucket.at
        let seconds = Double(passed.components.seconds) + Double(passed.components.attoseconds) / 1e18
        return min(burst, bucket.left + max(0, seconds) * perSecond)
    }
}
