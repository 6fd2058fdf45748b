package import BitcoinPrimitives

/// So many things at once, and one more after each interval: what somebody may ask of this node, or tell it.
package struct TokenBucket: Hashable, Sendable {
    package struct Rate: Hashable, Sendable {
        /// So many at once.
        package var burst: Int
        /// The milliseconds after which there is one more.
        fileprivate let interval: UInt64

        /// - Parameter interval: the time after which there is one more; a millisecond at least.
        package init(burst: Int, interval: Duration) {
            self.burst = burst
            self.interval = max(1, interval.wholeMilliseconds)
        }
    }

    private var tokens: Int
    private var since: Timestamp

    /// A full bucket.
    package init(_ rate: Rate, now: Timestamp) {
        tokens = rate.burst
        since = now
    }

    private func filled(_ rate: Rate, now: Timestamp) -> TokenBucket {
        var result = self
        let passed = now.milliseconds - min(now.milliseconds, since.milliseconds)
        let refills = passed / rate.interval
        guard refills > 0 else { return result }
        result.tokens = min(rate.burst, tokens + min(rate.burst, Int(clamping: refills)))
        // What has passed of the next interval counts.
        result.since = Timestamp(milliseconds: now.milliseconds - passed % rate.interval)
        return result
    }

    /// Whether there is a token.
    package func hasToken(_ rate: Rate, now: Timestamp) -> Bool { filled(rate, now: now).tokens > 0 }

    /// Takes a token; `false` where there is none.
    package mutating func take(_ rate: Rate, now: Timestamp) -> Bool {
        self = filled(rate, now: now)
        guard tokens > 0 else { return false }
        tokens -= 1
        return true
    }

    /// Whether it need not be remembered: a new one would be the same.
    package func isFull(_ rate: Rate, now: Timestamp) -> Bool { filled(rate, now: now).tokens >= rate.burst }
}
