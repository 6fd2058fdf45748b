import BitcoinPrimitives

/// What came of a scenario, as numbers: what a report draws, and what CSV and JSON files hold.
///
/// Times are milliseconds from the beginning, amounts are millisatoshi unless the name says otherwise.
public struct ScenarioReport: Sendable, Codable, Equatable {
    /// A node, and what forwarding brought it.
    public struct Node: Sendable, Codable, Equatable {
        public var name: String
        public var forwards = 0
        public var earnedMsat: UInt64 = 0

        /// A node that has forwarded nothing.
        public init(name: String) { self.name = name }
    }

    /// A channel, by the numbers of its ends.
    public struct Channel: Sendable, Codable, Equatable {
        public var from: Int
        public var to: Int
        public var capacitySat: UInt64
        /// What its ends forwarded into it, in both directions.
        public var forwardedMsat: UInt64 = 0
        /// What `from` has at the end of each slice beside what HTLCs hold, whole satoshi.
        public var balanceSat: [UInt64] = []
        /// Slices at whose ends one side had less than a twentieth.
        public var depletedSlices = 0

        /// A channel over which nothing went.
        public init(from: Int, to: Int, capacitySat: UInt64) {
            self.from = from
            self.to = to
            self.capacitySat = capacitySat
        }
    }

    /// What happened in one of the slices of time.
    public struct Slice: Sendable, Codable, Equatable {
        /// Payments that began; those of streams on production nodes are heard of when they end.
        public var begun = 0
        public var succeeded = 0
        public var failed = 0
        /// What arrived.
        public var amountMsat: UInt64 = 0
        public var feesMsat: UInt64 = 0
        /// From a payment's first HTLC until its preimage came; `nil` where none succeeded.
        public var latencyP50: Int?
        public var latencyP99: Int?
        /// HTLCs under way at its end that are too small for an output: nobody could claim them on chain.
        public var dustMsat: UInt64 = 0

        /// A slice in which nothing happened.
        public init() {}
    }

    /// A stream as it stood at the end.
    public struct Stream: Sendable, Codable, Equatable {
        public var from: Int
        public var to: [Int]
        /// As it was asked for: "10sat/s".
        public var rate: String
        /// What was due until it ended, or the run did.
        public var dueMsat: UInt64
        public var paidMsat: UInt64 = 0
        public var feesMsat: UInt64 = 0
        public var payments = 0
        public var failed = 0
        /// What was paid until the end of each slice.
        public var paidBySlice: [UInt64] = []
        /// Why it is over; `nil` where it goes on.
        public var end: String?
        /// The last failure.
        public var lastFailure: String?

        /// A stream that has paid nothing.
        public init(from: Int, to: [Int], rate: String, dueMsat: UInt64) {
            self.from = from
            self.to = to
            self.rate = rate
            self.dueMsat = dueMsat
        }
    }

    /// How many payments of about a size arrived.
    public struct Size: Sendable, Codable, Equatable {
        /// The largest amount that counts here: powers of ten.
        public var upToMsat: UInt64
        public var payments = 0
        public var succeeded = 0
        public var feesMsat: UInt64 = 0
        public var amountMsat: UInt64 = 0
    }

    /// A payment, for the table of all.
    public struct Payment: Sendable, Codable, Equatable {
        /// When it began.
        public var time: Int
        public var from: Int
        public var to: Int
        public var amountMsat: UInt64
        /// What forwarders took; `nil` where it failed.
        public var feeMsat: UInt64?
        /// `nil` where it failed.
        public var latency: Int?
        /// HTLCs that were sent for it; of a stream's payment on production nodes the one that arrived, or none.
        public var htlcs: Int
        /// Which stream it belongs to; `nil` for none.
        public var stream: Int?
        /// Why it failed; `nil` where it did not, or was under way at the end.
        public var failure: String?
        /// Whether it arrived.
        public var hasSucceeded: Bool { feeMsat != nil }

        public init(time: Int, from: Int, to: Int, amountMsat: UInt64, htlcs: Int, stream: Int? = nil) {
            self.time = time
            self.from = from
            self.to = to
            self.amountMsat = amountMsat
            self.htlcs = htlcs
            self.stream = stream
        }
    }

    /// A block of the run's layer 1.
    public struct Block: Sendable, Codable, Equatable {
        public var time: Int
        public var height: Int
        public var transactions: Int
        public var weight: Int
        public var feesSat: UInt64
    }

    /// Something that adversaries, miners, disks or clocks did.
    public struct Event: Sendable, Codable, Equatable {
        public var time: Int
        /// In words, with what came of it at once.
        public var what: String
    }

    /// A channel that came to its end.
    public struct Close: Sendable, Codable, Equatable {
        /// When its first side heard of it, or knew it.
        public var time: Int
        /// Its number.
        public var channel: Int
        /// In words.
        public var kind: String
        /// Whose commitment was mined; `nil` where both signed.
        public var by: Int?
        /// What both sides paid to layer 1 for it.
        public var feesSat: UInt64 = 0
        /// What the cheated side took.
        public var penaltySat: UInt64?
        /// What the cheater has of what was to be punished, as nobody did in time.
        public var lostSat: UInt64?
        /// Blocks from the close to the last output that somebody took; `nil` where that was not seen.
        public var blocks: Int?
    }

    public var name: String
    public var seed: UInt64
    public var fidelity: Scenario.Fidelity
    /// How long it was meant to last.
    public var wanted: Int
    /// How long it lasted: less where it was interrupted.
    public var duration = 0
    /// Whether it is of a running node and its network, and not of a simulation: nobody can run it again.
    public var isRecorded = false
    /// Whether it was interrupted before it was to end: all numbers are of the time until then.
    public var isPartial = false
    public var nodes: [Node]
    public var channels: [Channel]
    /// The length of a slice.
    public var sliceLength: Int
    public var slices: [Slice] = []
    public var streams: [Stream] = []
    public var sizes: [Size] = []
    /// Why payments failed, with numbers and names taken out, the most frequent first.
    public var failures: [Failure] = []

    /// A reason, and how often it was given.
    public struct Failure: Sendable, Codable, Equatable {
        public var reason: String
        public var count: Int

        /// A reason, and how often it was given.
        public init(reason: String, count: Int) {
            self.reason = reason
            self.count = count
        }
    }

    // Totals.
    public var begun = 0
    public var succeeded = 0
    public var failed = 0
    /// Under way when it ended.
    public var pending: Int { begun - succeeded - failed }
    public var amountMsat: UInt64 = 0
    public var feesMsat: UInt64 = 0
    public var htlcs = 0
    public var latencyP50: Int?
    public var latencyP90: Int?
    public var latencyP99: Int?
    /// BOLT messages that arrived, and the bytes that were sent; none in a flow.
    public var messages = 0
    public var bytes = 0
    /// How often a node stopped: by faults, or because it was away.
    public var restarts = 0
    /// Blocks while it ran.
    public var blocks: [Block] = []
    /// What happened beside payments.
    public var events: [Event] = []
    /// Channels that were closed, also those that were after the end, when everything came to rest.
    public var closes: [Close] = []
    /// Of the transactions that opened the channels; `nil` in a flow, which has no layer 1.
    public var onChainVirtualBytes: Int?
    /// The first payments, in the order of their beginnings; `omittedPayments` were too many for the list.
    public var payments: [Payment] = []
    public var omittedPayments = 0
    /// SHA-256 over all payments with their outcomes, and of what the nodes sent where they are real ones: the same for the same scenario and
    /// seed on any machine.
    public var trace = ""

    /// A report of what a running node did, to be filled by whoever looked at it.
    ///
    /// - Parameters:
    ///   - sliceLength: in milliseconds.
    ///   - duration: in milliseconds.
    public init(recorded name: String, nodes: [Node], channels: [Channel], sliceLength: Int, duration: Int) {
        self.name = name
        self.nodes = nodes
        self.channels = channels
        self.sliceLength = sliceLength
        (self.duration, wanted) = (duration, duration)
        (seed, fidelity, isRecorded) = (0, .full, true)
    }

    init(_ scenario: Scenario, sliceLength: Int) {
        name = scenario.name
        seed = scenario.seed
        fidelity = scenario.fidelity
        wanted = Int(clamping: scenario.duration.wholeMilliseconds)
        nodes = scenario.nodes.map { Node(name: $0) }
        channels = scenario.channels.map { Channel(from: $0.from, to: $0.to, capacitySat: $0.capacity.value) }
        self.sliceLength = sliceLength
    }
}
