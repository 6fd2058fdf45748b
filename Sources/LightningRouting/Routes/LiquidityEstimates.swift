package import BitcoinPrimitives
package import LightningRecords
package import LightningWire

/// What payments have taught of the liquidity of channels: bounds for each direction, less sure as time goes by.
///
/// Nobody tells how much of a channel's capacity is on which side. An HTLC that came through proves that there was at
/// least as much; one that failed, that there was less. Both fade: after each half-life half of the knowledge is left.
package struct LiquidityEstimates: Sendable {
    struct Bounds: Hashable, Sendable {
        /// In msat: at least so much could be sent.
        var lower: UInt64 = 0
        /// In msat: less than so much more than this; `nil` where only the capacity bounds it.
        var upper: UInt64?
        /// When they were learned, to the second.
        var lowerSince: Timestamp = .zero
        var upperSince: Timestamp = .zero
    }

    private(set) var bounds: [DirectedChannel: Bounds] = [:]
    /// Changes that are not stored yet.
    private var unsaved: Set<DirectedChannel> = []
    /// Channels that a route finder has not heard of yet.
    var unseen: [DirectedChannel] = []

    /// The time after which knowledge is worth half.
    package var halfLife: Duration {
        get { .seconds(Int64(clamping: halfLifeSeconds)) }
        set { halfLifeSeconds = newValue.wholeMilliseconds / 1000 }
    }
    private var halfLifeSeconds: UInt64 = 6 * 3600

    package init() {}

    package var count: Int { bounds.count }

    // MARK: Learning

    private mutating func change(_ directed: DirectedChannel, _ body: (inout Bounds) -> Void) {
        let isNew = bounds[directed] == nil
        var value = bounds[directed] ?? Bounds()
        body(&value)
        bounds[directed] = value
        unsaved.insert(directed)
        if isNew { unseen.append(directed) }
    }

    /// An HTLC of this amount got through the channel.
    package mutating func learnAtLeast(_ amount: MilliSatoshi, _ directed: DirectedChannel, now: Timestamp) {
        let faded = bounds[directed].map { fade(lower: $0, now: now) } ?? 0
        guard amount.value > faded else { return }
        change(directed) { value in
            value.lower = amount.value
            value.lowerSince = Timestamp(seconds: now.seconds)
            if let upper = value.upper, upper <= amount.value { value.upper = nil }
        }
    }

    /// An HTLC of this amount did not get through the channel.
    package mutating func learnLess(than amount: MilliSatoshi, _ directed: DirectedChannel, now: Timestamp) {
        change(directed) { value in
            value.upper = amount.value == 0 ? 0 : amount.value - 1
            value.upperSince = Timestamp(seconds: now.seconds)
            if value.lower >= amount.value { value.lower = 0 }
        }
    }

    /// A payment moved this amount to the other side.
    package mutating func learnMoved(_ amount: MilliSatoshi, _ directed: DirectedChannel, now: Timestamp) {
        change(directed) { value in
            value.lower -= min(value.lower, amount.value)
            if let upper = value.upper { value.upper = upper - min(upper, amount.value) }
        }
        let reverse = DirectedChannel(directed.shortChannelID, direction: 1 - directed.direction)
        change(reverse) { value in
            value.lower = max(value.lower.addingReportingOverflow(amount.value).partialValue, amount.value)
            value.lowerSince = Timestamp(seconds: now.seconds)
            if let upper = value.upper {
                let (sum, overflow) = upper.addingReportingOverflow(amount.value)
                value.upper = overflow ? nil : sum
            }
        }
    }

    // MARK: Asking

    /// What is left of a value after a time: half after each half-life, linear in between.
    private func fade(_ value: UInt64, since: Timestamp, now: Timestamp) -> UInt64 {
        // In whole seconds: a search asks this for every channel that it looks at, and spans of time are wide numbers.
        let age = now.seconds - min(now.seconds, since.seconds)
        let halfLife = max(1, halfLifeSeconds)
        let (halves, rest) = age.quotientAndRemainder(dividingBy: halfLife)
        guard halves < 64 else { return 0 }
        let halved = value >> halves
        // rest is less than the half-life, so the quotient is less than half of what there is.
        return halved - halfLife.dividingFullWidth((halved / 2).multipliedFullWidth(by: rest)).quotient
    }

    private func fade(lower value: Bounds, now: Timestamp) -> UInt64 { fade(value.lower, since: value.lowerSince, now: now) }

    /// The bounds now, for a channel that can hold `capacity` msat.
    func range(_ directed: DirectedChannel, capacity: UInt64, now: Timestamp) -> (lower: UInt64, upper: UInt64) {
        guard let value = bounds[directed] else { return (0, capacity) }
        let lower = min(fade(lower: value, now: now), capacity)
        guard let known = value.upper, known < capacity else { return (lower, capacity) }
        let upper = capacity - fade(capacity - known, since: value.upperSince, now: now)
        return (min(lower, upper), upper)
    }

    // MARK: Records

    /// Forgets what is too old to matter.
    package mutating func prune(now: Timestamp) {
        let limit = halfLife * 20
        for (directed, value) in bounds where max(value.lowerSince, value.upperSince) + limit < now {
            bounds[directed] = nil
            unsaved.insert(directed)
        }
    }

    /// Changes since the last call: a record of `nil` is to be deleted.
    package mutating func drainWrites() -> [StoreWrite] {
        defer { unsaved = [] }
        return unsaved.sorted().map { .change(.estimates, key: $0.key, record: bounds[$0]?.encoded()) }
    }

    /// Everything as lines of text: short id, direction, lower and upper bound in msat, and when they were learned.
    package var exported: String {
        bounds.sorted { $0.key < $1.key }.map { directed, value in
            let upper = value.upper.map(String.init) ?? ""
            return
                "\(directed.shortChannelID),\(directed.direction),\(value.lower),\(value.lowerSince.seconds),\(upper),\(value.upperSince.seconds)\n"
        }.joined()
    }

    /// Takes lines of `exported`; what is newer wins.
    ///
    /// - Throws: the number of the first line that cannot be read; nothing has changed then.
    package mutating func merge(exported text: String) throws(EstimatesImportFailure) {
        var read: [(DirectedChannel, Bounds)] = []
        for (index, line) in text.split(separator: "\n").enumerated() {
            let fields = line.split(separator: ",", omittingEmptySubsequences: false)
            guard fields.count == 6, let id = ShortChannelID(fields[0]), let direction = UInt8(fields[1]), direction < 2,
                let lower = UInt64(fields[2]), let lowerSince = UInt64(fields[3]), let upperSince = UInt64(fields[5]),
                fields[4].isEmpty || UInt64(fields[4]) != nil,
                // Seconds since 1970: what is beyond 32 bits is no time, and must not overflow a sum.
                max(lowerSince, upperSince) <= UInt64(UInt32.max)
            else { throw EstimatesImportFailure(line: index + 1) }
            read.append(
                (
                    DirectedChannel(id, direction: direction),
                    Bounds(
                        lower: lower, upper: UInt64(fields[4]), lowerSince: Timestamp(seconds: lowerSince),
                        upperSince: Timestamp(seconds: upperSince))
                ))
        }
        for (directed, value) in read {
            let known = bounds[directed].map { max($0.lowerSince, $0.upperSince) } ?? .zero
            if max(value.lowerSince, value.upperSince) > known { change(directed) { $0 = value } }
        }
    }

    package init(records: [(key: [UInt8], record: [UInt8])]) throws(DecodingFailure) {
        for (key, record) in records {
            var reader = ByteReader(key)
            let directed = DirectedChannel(try reader.shortChannelID(), direction: try reader.uint8())
            bounds[directed] = try Bounds(record: record)
            unseen.append(directed)
        }
    }

    /// Whether a store rebuilds the same.
    package func hasSameState(as other: LiquidityEstimates) -> Bool { bounds == other.bounds }
}

/// A line of exported estimates that cannot be read.
package struct EstimatesImportFailure: Error, Hashable, Sendable, CustomStringConvertible {
    package var line: Int
    package var description: String { "line \(line) is no estimate: nothing was imported" }
}

extension DirectedChannel {
    var key: [UInt8] {
        var writer = ByteWriter(capacity: 9)
        writer.shortChannelID(shortChannelID)
        writer.uint8(direction)
        return writer.bytes
    }
}

extension LiquidityEstimates.Bounds {
    static let version: UInt8 = 1

    func encoded() -> [UInt8] {
        var writer = ByteWriter(capacity: 34)
        writer.uint8(Self.version)
        writer.uint64(lower)
        writer.uint64(lowerSince.seconds)
        writer.uint8(upper == nil ? 0 : 1)
        writer.uint64(upper ?? 0)
        writer.uint64(upperSince.seconds)
        return writer.bytes
    }

    init(record: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(record)
        guard try reader.uint8() == Self.version else { throw .invalid("version of a liquidity estimate") }
        lower = try reader.uint64()
        lowerSince = Timestamp(seconds: try reader.uint64())
        let isKnown = try reader.uint8() == 1
        let value = try reader.uint64()
        upper = isKnown ? value : nil
        upperSince = Timestamp(seconds: try reader.uint64())
        try reader.expectEnd()
        // Seconds since 1970: what is beyond 32 bits is no time, and must not overflow a sum.
        guard max(lowerSince, upperSince).seconds <= UInt64(UInt32.max) else { throw .invalid("time of a liquidity estimate") }
    }
}
