/// So many things at once, and one more after each interval: what somebody may ask of this node, or tell it.
package struct TokenBucket: Hashable, Sendable {
    package struct Rate: Hashable, Sendable {
        /// So many at once.
        package var burst: Int
        /// The time after which there is one more, in whatever unit the bucket's times have.
        package var interval: UInt64

        package init(burst: Int, interval: UInt64) {
            self.burst = burst
            self.interval = max(1, interval)
        }
    }

    private var tokens: Int
    private var since: UInt64

    /// A full bucket.
    package init(_ rate: Rate, now: UInt64) {
        tokens = rate.burst
        since = now
    }

    private func filled(_ rate: Rate, now: UInt64) -> TokenBucket {
        var result = self
        let refills = (now - min(now, since)) / rate.interval
        guard refills > 0 else { return result }
        result.tokens = min(rate.burst, tokens + min(rate.burst, Int(clamping: refills)))
        // What has passed of the next interval counts.
        result.since = now - (now - since) % rate.interval
        return result
    }

    /// Whether there is a token.
    package func hasToken(_ rate: Rate, now: UInt64) -> Bool { filled(rate, now: now).tokens > 0 }

    /// Takes a token; `false` where there is none.
    package mutating func take(_ rate: Rate, now: UInt64) -> Bool {
        self = filled(rate, now: now)
        guard tokens > 0 else { return false }
        tokens -= 1
        return true
    }

    /// Whether it need not be remembered: a new one would be the same.
    package func isFull(_ rate: Rate, now: UInt64) -> Bool { filled(rate, now: now).tokens >= rate.burst }
}
