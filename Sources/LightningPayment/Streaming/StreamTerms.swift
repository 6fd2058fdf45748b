import BitcoinPrimitives
public import LightningWire

/// What a stream may do: how fast, to whom, how long, and for how much at most.
public struct StreamTerms: Hashable, Sendable {
    /// One of those who are paid.
    public struct Recipient: Hashable, Sendable {
        /// Who it is.
        public var node: NodeID
        /// Its share: of weights 90 and 10 the first has nine tenths. As in the podcast namespace's `value` block: weights, not percents.
        public var weight: UInt32

        /// A node and its share.
        public init(_ node: NodeID, weight: UInt32 = 1) {
            self.node = node
            self.weight = weight
        }
    }

    /// How fast.
    public var rate: StreamRate
    /// Who is paid.
    public var recipients: [Recipient]
    /// How long; `nil` until it is stopped.
    public var duration: Duration?
    /// All that may leave us, fees included; `nil` where only time, or its owner, ends it.
    public var budget: MilliSatoshi?
    /// What forwarders may take of what is paid, in millionths.
    public var maxFeeMillionths: UInt32
    /// What forwarders may take altogether; `nil` where only the share limits it.
    public var maxFee: MilliSatoshi?
    /// Time between two payments to a recipient, at least.
    public var interval: Duration
    /// Payments to a recipient that are under way at a time: so a way on which each takes longer than the interval keeps the rate.
    public var maxInFlight: Int
    /// What may be under way in payments too small for an output on chain, fees included: if a channel is closed meanwhile, nobody can claim them
    /// there. `nil` where only the channels' own limits hold.
    public var maxDust: MilliSatoshi?
    /// How long a recipient may fail without one success before it is given up; `nil` for ever.
    public var patience: Duration?
    /// Of an interruption, as much is paid afterwards as was due in so much time; what was due before is skipped.
    public var catchUp: Duration
    /// TLV records of types from 65536 on that go with each payment.
    public var customRecords: [UInt64: [UInt8]]

    /// A payment each second, forwarders take 1 % at most, and what was due during an interruption is skipped.
    public init(rate: StreamRate, to recipients: [Recipient]) {
        self.rate = rate
        self.recipients = recipients
        maxFeeMillionths = 10_000
        interval = .seconds(1)
        maxInFlight = 8
        patience = .seconds(600)
        catchUp = .zero
        customRecords = [:]
    }

    /// Recipients at most.
    public static let maxRecipients = 100

    /// - Throws: what makes no sense.
    package func check() throws(StreamRefusal) {
        guard (1...Self.maxRecipients).contains(recipients.count) else { throw .recipients }
        guard Set(recipients.map(\.node)).count == recipients.count else { throw .recipientTwice }
        guard recipients.allSatisfy({ $0.weight > 0 }) else { throw .weight }
        try Self.check(rate)
        if let duration { guard Self.times.contains(duration) else { throw .duration } }
        if let budget { guard budget > .zero, budget <= MilliSatoshi(.maximum) else { throw .budget } }
        if let maxDust { guard maxDust > .zero, maxDust <= MilliSatoshi(.maximum) else { throw .dust } }
        guard maxFeeMillionths <= 1_000_000 else { throw .feeShare }
        guard interval >= .milliseconds(10), interval <= .seconds(86_400) else { throw .interval }
        guard (1...400).contains(maxInFlight) else { throw .inFlight }
        guard patience.map({ Self.times.contains($0) }) ?? true, catchUp >= .zero, catchUp <= .seconds(Self.longest) else {
            throw .duration
        }
    }

    static func check(_ rate: StreamRate) throws(StreamRefusal) {
        guard rate.amount <= MilliSatoshi(.maximum) else { throw .rate }
    }

    /// A hundred years.
    private static let longest: UInt64 = 3_155_760_000
    private static let times = Duration.milliseconds(1)...(.seconds(longest))
}

/// Why a stream is not begun, or not changed.
public enum StreamRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// There is none, or there are too many.
    case recipients
    /// As many run as may.
    case tooMany
    /// One of them is named twice.
    case recipientTwice
    /// A share is nothing.
    case weight
    /// It would pay ourselves.
    case ownNode
    /// More than all bitcoin in a period.
    case rate
    /// A time that is none, or longer than a hundred years.
    case duration
    /// Nothing, or more than all bitcoin.
    case budget
    /// No dust at all, or more than all bitcoin.
    case dust
    /// More than all of it would be fees.
    case feeShare
    /// Less than 10 ms, or more than a day.
    case interval
    /// None, or more than channels have room for.
    case inFlight
    /// Nothing is added, or more than all bitcoin.
    case amount
    /// Types below 65536 are BOLT 4's, or the records do not fit into an onion.
    case customRecords
    /// There is no such stream.
    case unknown
    /// It is over.
    case over

    public var description: String {
        switch self {
        case .recipients: "a stream has one to \(StreamTerms.maxRecipients) recipients"
        case .tooMany: "a thousand streams run already: stop one of them"
        case .recipientTwice: "a recipient is named twice: add up its shares"
        case .weight: "each recipient has a share above zero"
        case .ownNode: "that would pay this node itself"
        case .rate, .amount: "that is no amount of bitcoin"
        case .duration: "a time is more than nothing, and at most a hundred years"
        case .budget: "a budget is more than nothing, and not more than there is bitcoin"
        case .dust: "what may be under way as dust is more than nothing, and not more than there is bitcoin"
        case .feeShare: "fees are at most 100 % of what is paid"
        case .interval: "the time between two payments is 10 ms to a day"
        case .inFlight: "1 to 400 payments of a recipient can be under way at a time"
        case .customRecords: "custom records have types of 65536 and above, and together at most 800 bytes"
        case .unknown: "there is no such stream: lnw stream list"
        case .over: "the stream is over"
        }
    }
}
