public import BitcoinPrimitives
public import LightningPayment
public import LightningWire

/// What happens on a network: who has channels with whom, who pays whom and how often, what fails, and when.
///
/// A scenario and its seed determine every event: the same two give the same results on any machine. It is run by `ProtocolRun`, where
/// every node is the production code with its messages and signatures, or by `FlowRun`, where channels are numbers.
public struct Scenario: Hashable, Sendable {
    /// How closely a run looks.
    public enum Fidelity: String, Hashable, Sendable, CaseIterable, Codable {
        /// Production nodes: real messages, signatures, onions, records and blocks.
        case full = "protocol"
        /// Channels as balances, with the production router and streams: for large networks.
        case flow
    }

    /// On which terms a node forwards into a channel.
    public struct Terms: Hashable, Sendable {
        /// In msat.
        public var feeBase: UInt32
        /// In millionths.
        public var feeProportionalMillionths: UInt32
        /// In blocks.
        public var cltvExpiryDelta: UInt16
        /// In msat: less is not forwarded.
        public var htlcMinimum: UInt64
        /// In msat: more is not forwarded; `nil` for as much as the channel holds.
        public var htlcMaximum: UInt64?
        /// Whether nobody is to send over it.
        public var isDisabled: Bool

        /// The terms of a node that is not told otherwise.
        public init() {
            let usual = ForwardingPolicy()
            feeBase = usual.feeBase
            feeProportionalMillionths = usual.feeProportionalMillionths
            cltvExpiryDelta = usual.cltvExpiryDelta
            htlcMinimum = usual.htlcMinimum.value
            isDisabled = false
        }
    }

    /// A channel between two nodes, by their numbers.
    public struct Channel: Hashable, Sendable {
        /// Who opens it.
        public var from: Int
        /// The other side.
        public var to: Int
        /// What both sides have together.
        public var capacity: Satoshi
        /// What the other side has when it begins.
        public var pushed: MilliSatoshi
        /// On which terms `from` forwards into it; `nil` for a direction of which nobody knows.
        public var fromTerms: Terms? = Terms()
        /// On which terms `to` forwards into it.
        public var toTerms: Terms? = Terms()

        /// A channel whose opener has all but what it pushes.
        public init(from: Int, to: Int, capacity: Satoshi, pushed: MilliSatoshi) {
            self.from = from
            self.to = to
            self.capacity = capacity
            self.pushed = pushed
        }
    }

    /// When payments begin.
    public enum Arrivals: String, Hashable, Sendable, CaseIterable {
        /// Independent of each other: the time between two is exponentially distributed.
        case poisson
        /// At equal distances.
        case regular
    }

    /// How large payments are, in msat.
    public enum Amounts: Hashable, Sendable {
        case fixed(UInt64)
        /// Each amount between the two is as likely.
        case uniform(ClosedRange<UInt64>)
        /// Each order of magnitude between the two is as likely; the smaller is at least 1.
        case logUniform(ClosedRange<UInt64>)
        /// Exponentially distributed around a mean, 1 msat at the least.
        case exponential(mean: UInt64)
    }

    /// Payments of invoices between nodes that are drawn for each of them.
    public struct Payments: Hashable, Sendable {
        /// Who pays: one of these nodes, by number.
        public var payers: [Int]
        /// Who is paid: one of these, other than the payer.
        public var payees: [Int]
        /// Time between the beginnings of two payments, on average: whole milliseconds.
        public var interval: Duration
        /// How they are distributed.
        public var arrivals = Arrivals.poisson
        /// How much they are.
        public var amounts: Amounts
        /// When they begin, from the scenario's beginning.
        public var start = Duration.zero
        /// How long they go on; `nil` until the end.
        public var duration: Duration?
        /// What forwarders may take, in millionths; `nil` as nodes do by themselves: 0.5 %, and 5 sat in any case.
        public var maxFeeMillionths: UInt32?

        /// Payments from and to these nodes.
        public init(from payers: [Int], to payees: [Int], every interval: Duration, _ amounts: Amounts) {
            self.payers = payers
            self.payees = payees
            self.interval = interval
            self.amounts = amounts
        }
    }

    /// One of those who share a stream.
    public struct Share: Hashable, Sendable {
        /// Its number.
        public var node: Int
        /// Its part of the sum of all weights.
        public var weight: UInt32

        /// A recipient.
        public init(_ node: Int, weight: UInt32 = 1) {
            self.node = node
            self.weight = weight
        }
    }

    /// A stream of payments, as `StreamTerms` has it.
    public struct Stream: Hashable, Sendable {
        /// Who pays.
        public var from: Int
        /// Who is paid.
        public var recipients: [Share]
        /// How fast.
        public var rate: StreamRate
        /// When it begins, from the scenario's beginning.
        public var start = Duration.zero
        /// How long it goes on; `nil` until the end.
        public var duration: Duration?
        /// All that may leave the payer; `nil` for no limit.
        public var budget: MilliSatoshi?
        /// What forwarders may take, in millionths.
        public var maxFeeMillionths: UInt32 = 10_000
        /// What may be under way in payments that are too small for an output, fees included; `nil` for no limit of its own.
        public var maxDust: MilliSatoshi?
        /// Time between two payments to a recipient, at the least.
        public var interval = Duration.seconds(1)
        /// What was due during an interruption no longer than this is paid afterwards.
        public var catchUp = Duration.zero

        /// A stream on the usual terms.
        public init(from: Int, to recipients: [Share], rate: StreamRate) {
            self.from = from
            self.recipients = recipients
            self.rate = rate
        }
    }

    /// A node that is down for a while.
    public struct Absence: Hashable, Sendable {
        /// Its number.
        public var node: Int
        /// When it goes, from the scenario's beginning.
        public var start: Duration
        /// How long it is away.
        public var duration: Duration

        /// A node that is away.
        public init(_ node: Int, from start: Duration, for duration: Duration) {
            self.node = node
            self.start = start
            self.duration = duration
        }
    }

    /// What transactions have to pay from a time on.
    public struct FeeRateChange: Hashable, Sendable {
        /// From the scenario's beginning.
        public var start: Duration
        /// What nodes' estimates say from then on.
        public var rate: FeeRate

        /// A new rate.
        public init(at start: Duration, _ rate: FeeRate) {
            self.start = start
            self.rate = rate
        }
    }

    /// What it is called.
    public var name: String
    /// Where all chance comes from.
    public var seed: UInt64 = 1
    /// How long it lasts.
    public var duration: Duration
    /// How closely it is looked at.
    public var fidelity = Fidelity.full
    /// What the nodes are called; everywhere else they are numbers: places in this list.
    public var nodes: [String]
    /// Who has channels with whom.
    public var channels: [Channel]
    /// How long a message takes from one node to another: drawn for each.
    public var latency: ClosedRange<Duration> = .milliseconds(10)...(.milliseconds(50))
    /// Payments of invoices.
    public var payments: [Payments] = []
    /// Streams.
    public var streams: [Stream] = []
    /// Nodes that are down for a while.
    public var absences: [Absence] = []
    /// What adversaries, miners, disks and clocks do, and when.
    public var events: [Event] = []
    /// How long a flow sends an amount to a payee again over the route by which it arrived, without looking for a better one; `nil` looks
    /// each time, as nodes do. Streams of a large network are up to three times as fast with it.
    public var routeReuse: Duration?
    /// Seconds between two blocks, on average.
    public var blockInterval = Duration.seconds(600)
    /// What nodes think that transactions have to pay.
    public var feeRates: [FeeRateChange] = []
    /// After how much time each channel's connection breaks, on average; `nil` for never. A flow has no connections.
    public var disconnectEvery: Duration?
    /// After how much time each node dies, on average, to start again from its disk; `nil` for never. In a flow it is away for a moment.
    public var crashEvery: Duration?

    /// A network on which nothing happens yet.
    public init(_ name: String, nodes: [String], channels: [Channel], duration: Duration) {
        self.name = name
        self.nodes = nodes
        self.channels = channels
        self.duration = duration
    }
}

/// Why a scenario cannot be run, and what of it is wrong.
public enum ScenarioProblem: Error, Hashable, Sendable, CustomStringConvertible {
    /// There are fewer than two, or more than the fidelity bears.
    case nodes(Int, most: Int)
    /// Two nodes have a name, or one has none, or one that no terminal and no page could show.
    case name(String)
    /// What the network as a whole is not, to run as production nodes.
    case network(String)
    /// A node's time away cannot be; which, and why.
    case absence(Int, String)
    /// A number that is no node's, in the part that is named.
    case unknownNode(Int, String)
    /// It joins a node with itself, holds less than 20,000 sat or more than there is, or is pushed more than it holds.
    case channel(Int, String)
    /// Payments, or a stream, that cannot be; which, and why.
    case workload(String, String)
    /// Something that cannot happen; which event, and why.
    case event(Int, String)
    /// A time that is none, or is beyond the end.
    case time(String)
    /// Nobody pays anybody.
    case idle

    public var description: String {
        switch self {
        case .nodes(let count, let most):
            count < 2
                ? "a network has at least two nodes"
                : "\(count) nodes are more than the \(most) that run as production nodes: choose fidelity = \"flow\""
        case .name(let name):
            name.isEmpty
                ? "a node, or the scenario, has no name"
                : Scenario.isShown(name) ? "two nodes are called “\(name)”" : "a name has signs that cannot be shown"
        case .network(let why): why
        case .absence(let number, let why): "absence \(number + 1): \(why)"
        case .event(let number, let why): "event \(number + 1): \(why)"
        case .unknownNode(let number, let part): "\(part): there is no node \(number)"
        case .channel(let number, let why): "channel \(number + 1): \(why)"
        case .workload(let which, let why): "\(which): \(why)"
        case .time(let why): why
        case .idle: "nobody pays anybody: the scenario has no payments and no streams"
        }
    }
}
