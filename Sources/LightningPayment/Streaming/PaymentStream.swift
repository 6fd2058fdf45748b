public import BitcoinPrimitives
import CryptoPrimitives
public import LightningWire

/// A stream of payments as a value: it says what to pay next, is told what became of it, and adds it up.
///
/// It keeps no list of its payments: a million of them are one record of a few hundred bytes.
///
/// Money at risk: what is paid, what is under way and what both may cost in fees never come to more than the budget, and fees never to more
/// than their share, to the millisatoshi. A payment whose end is not known counts as if it will succeed and cost the most it may. The record
/// is stored in the same commit as the HTLCs that it asked for, and as what became of them.
public struct PaymentStream: Hashable, Sendable {
    /// One payment that is due.
    public struct Payment: Hashable, Sendable {
        /// Its number in the stream, from 1 on.
        public var number: UInt64
        /// Whom it is for, by the place in `StreamTerms.recipients`.
        public var recipient: Int
        /// What the recipient gets.
        public var amount: MilliSatoshi
        /// What forwarders may take of us for it.
        public var maxFee: MilliSatoshi
        /// Whether the budget has made it smaller than what is owed.
        var isCut = false
        /// Whether it had no output on chain when it was sent.
        var isDust = false
    }

    /// Why a stream is over.
    public enum End: UInt8, Hashable, Sendable {
        /// Its time is over, and what was due is paid, but for what was skipped, and a rest that no payment could bring within the limit of fees.
        case duration = 1
        /// The budget has no room for another payment.
        case budget = 2
        /// A recipient has failed for longer than the terms' patience, and nothing more can be paid to the others.
        case failures = 3
        /// Its owner has stopped it.
        case stopped = 4
    }

    /// How it stands with a stream.
    public enum Status: Hashable, Sendable {
        /// It pays.
        case running
        /// It waits for its owner.
        case paused
        /// Nothing more will be paid; since when.
        case over(End, at: Timestamp)
    }

    /// What to do next.
    enum Step: Hashable {
        /// Pay this, and say later what became of it.
        case pay(Payment)
        /// Nothing to do before this time, unless a payment ends earlier; `nil` where only that can change anything.
        case wait(until: Duration?)
        /// Nothing more will be paid.
        case over(End)
    }

    /// Why one of those who share a stream gets nothing more.
    enum GivenUp: UInt8, Hashable, Sendable {
        /// It has failed for too long.
        case failed = 1
        /// What is left of the budget, or after the end, is too little for the way to it.
        case rest = 2
    }

    /// How it stands with one of those who share a stream.
    struct Share: Hashable, Sendable {
        var paid = MilliSatoshi.zero
        /// What was due during an interruption, and is not paid any more.
        var skipped = MilliSatoshi.zero
        /// What was added to what time makes due, and is not paid yet.
        var added = MilliSatoshi.zero
        /// Time between two payments now: it doubles while every way is too expensive, for a forwarder's base fee is a smaller share of a larger
        /// payment.
        var interval: Duration
        /// How long is waited after a failure for another reason: it doubles with each.
        var delay = Duration.zero
        /// The largest that was too small, or less, for that changes.
        var tooSmall = MilliSatoshi.zero
        /// The largest payment that is tried, where larger ones failed.
        var largest: MilliSatoshi?
        var next = Duration.zero
        /// When the last payment succeeded, or the stream began.
        var progress = Duration.zero
        /// When the last one failed, since the last success, and for how long it has been tried in vain.
        var failure: Duration?
        var failingFor = Duration.zero
        var givenUp: GivenUp?

        // Of what is under way; not stored, for that is.
        var inFlight = MilliSatoshi.zero
        var count = 0
    }

    /// Its number among this node's streams.
    public let id: UInt64
    /// By which recipients know that payments belong together: 16 bytes drawn for it.
    package let tag: [UInt8]

    /// What the payments to one recipient have in common; recipients cannot tell by it that they share a stream.
    package func tag(to recipient: Int) -> [UInt8] { Array(Hash.sha256(tag + [UInt8(recipient)]).array.prefix(Self.tagLength)) }
    /// What was wanted; the rate as it is now.
    public internal(set) var terms: StreamTerms
    /// When it was begun.
    public let createdAt: Timestamp
    /// How it stands.
    public internal(set) var status = Status.running
    /// How long it ran until it was paused last, and since when it runs.
    var ranBefore = Duration.zero
    var runningSince: Timestamp
    /// What was due when the rate was changed last, at which time of its own that was, and which rate it was before.
    var dueBefore = MilliSatoshi.zero
    var rateSince = Duration.zero
    var previousRate: StreamRate
    /// What was added to what time makes due.
    var added = MilliSatoshi.zero
    /// What the recipients got.
    public internal(set) var paid = MilliSatoshi.zero
    /// What forwarders took.
    public internal(set) var fees = MilliSatoshi.zero
    /// Payments that succeeded.
    public internal(set) var succeeded: UInt64 = 0
    /// Payments that failed: nothing of them was paid.
    public internal(set) var failed: UInt64 = 0
    /// Why the last one failed.
    public internal(set) var lastFailure: String?
    /// How long those took that succeeded.
    public internal(set) var latencies = LatencyCounts()
    /// Why it ends, as soon as nothing is under way.
    var ending: End?
    var underWay: [UInt64: Payment] = [:]
    var shares: [Share]
    /// The number of the last payment.
    var last: UInt64 = 0

    // Sums over what is under way.
    /// What is under way, without fees.
    public internal(set) var inFlight = MilliSatoshi.zero
    var feesInFlight = MilliSatoshi.zero

    /// A stream that begins now.
    ///
    /// - Parameters:
    ///   - terms: checked.
    ///   - tag: 16 bytes.
    package init(_ id: UInt64, _ terms: StreamTerms, tag: [UInt8], now: Timestamp) {
        self.id = id
        self.tag = tag
        self.terms = terms
        previousRate = terms.rate
        createdAt = now
        runningSince = now
        shares = terms.recipients.map { _ in Share(interval: terms.interval, next: terms.interval) }
    }

    // MARK: What it has come to

    /// What one of those who share it got.
    public func paid(to recipient: Int) -> MilliSatoshi { shares[recipient].paid }

    /// Whether nothing works to one of those who share it, and it is tried no more.
    public func isGivenUp(_ recipient: Int) -> Bool { shares[recipient].givenUp != nil }

    /// What was due while nothing could be paid, and is not paid any more.
    public var skipped: MilliSatoshi { shares.reduce(.zero) { $0.saturatingAdding($1.skipped) } }

    /// Payments under way.
    public var countInFlight: Int { underWay.count }

    /// Whether nothing more will be paid.
    public var isOver: Bool { if case .over = status { true } else { false } }

    /// Whether it was stopped, and is over when what is under way has ended.
    public var isEnding: Bool { ending != nil }

    /// How long it has run, pauses left out.
    public func elapsed(at now: Timestamp) -> Duration {
        status == .running ? ranBefore + now.since(runningSince) : ranBefore
    }

    /// What is due to all after a time of its own.
    func due(at time: Duration) -> MilliSatoshi {
        let end = min(time, terms.duration ?? time)
        return dueBefore.saturatingAdding(terms.rate.due(after: end - rateSince)).saturatingAdding(added)
    }

    /// What became due in the last while of that time.
    func due(in window: Duration, until time: Duration) -> MilliSatoshi {
        let end = min(time, terms.duration ?? time)
        let (new, old) = (min(window, end - rateSince), window - (end - rateSince))
        return terms.rate.due(after: new).saturatingAdding(previousRate.due(after: min(old, rateSince)))
    }

    /// The time between payments that the fees of the way have brought about: the longest of any recipient.
    public var interval: Duration { shares.map(\.interval).max() ?? terms.interval }

    // MARK: Its owner

    /// Has it wait; what is under way goes on.
    mutating func pause(_ now: Timestamp) {
        guard status == .running else { return }
        ranBefore = elapsed(at: now)
        status = .paused
    }

    mutating func resume(_ now: Timestamp) {
        guard status == .paused else { return }
        runningSince = now
        status = .running
    }

    /// What was due until now stays due.
    mutating func change(_ rate: StreamRate, _ now: Timestamp) {
        let time = min(elapsed(at: now), terms.duration ?? .seconds(Int64.max / 4))
        skip(at: time)
        dueBefore = dueBefore.saturatingAdding(terms.rate.due(after: time - rateSince))
        (previousRate, rateSince, terms.rate) = (terms.rate, time, rate)
    }

    /// The clock was set back: its own time goes on from where it was.
    mutating func goOn(at time: Duration, _ now: Timestamp) { (ranBefore, runningSince) = (time, now) }

    /// Owes an amount besides: a boost, or what was delivered where that is paid for.
    mutating func add(_ amount: MilliSatoshi, _ now: Timestamp) {
        added = added.saturatingAdding(amount)
        for (index, recipient) in terms.recipients.enumerated() {
            let part = StreamRate.share(amount, UInt64(recipient.weight), of: weightSum)
            shares[index].added = shares[index].added.saturatingAdding(part).saturatingAdding(MilliSatoshi(1))
            // At once, if one payment may be under way.
            if shares[index].failure == nil { shares[index].next = min(shares[index].next, elapsed(at: now)) }
        }
    }

    mutating func stop() {
        guard !isOver else { return }
        ending = .stopped
    }

    var weightSum: UInt64 { terms.recipients.reduce(0) { $0 + UInt64($1.weight) } }
}

/// How long payments took, counted in steps of 1, 2, 5: so a million of them are sixteen numbers.
public struct LatencyCounts: Hashable, Sendable {
    /// The longest time of each step, in ms; the last step has no end.
    public static let limits: [UInt64] = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000]
    /// How many payments fell into each step.
    public internal(set) var counts = [UInt64](repeating: 0, count: limits.count + 1)

    init() {}

    mutating func add(_ time: Duration) {
        let milliseconds = time.wholeMilliseconds
        counts[Self.limits.firstIndex { milliseconds <= $0 } ?? Self.limits.count] += 1
    }

    /// So many thousandths of all took no longer than this; `nil` where there are none, or it is longer than the longest step.
    public func quantile(_ thousandths: UInt64) -> Duration? {
        let all = counts.reduce(0, +)
        guard all > 0 else { return nil }
        let (high, low) = all.multipliedFullWidth(by: min(thousandths, 1000))
        let (quotient, rest) = UInt64(1000).dividingFullWidth((high, low))
        let wanted = max(1, quotient + (rest > 0 ? 1 : 0))
        var sum: UInt64 = 0
        for (index, count) in counts.enumerated() {
            sum += count
            if sum >= wanted { return index < Self.limits.count ? .milliseconds(Self.limits[index]) : nil }
        }
        return nil
    }
}
