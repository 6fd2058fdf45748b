public import Foundation

// Streams: what calls take and give. Made from the table of calls: see `SwiftClient`.
extension RemoteNode {
    /// What `StartstreamRecipient` stands for.
    public struct StartstreamRecipient: Codable, Hashable, Sendable {
        /// Who. A node's id, alias or unique beginning of either, or an invoice without an amount, which names the payee.
        public var id: String
        /// The share, of the sum of all; 1 where nothing is said.
        public var weight: Int64?

        /// Puts one together, for tests and previews.
        public init(id: String, weight: Int64? = nil) {
            self.id = id
            self.weight = weight
        }

        private enum CodingKeys: String, CodingKey {
            case id
            case weight
        }
    }

    /// What `StreamRecipient` stands for.
    public struct StreamRecipient: Codable, Hashable, Sendable {
        /// Who is paid. A node's public key, in hex.
        public var id: String
        /// What it calls itself.
        public var alias: String?
        /// Its share, of the sum of all.
        public var weight: Int64
        /// What it got. Thousandths of a satoshi.
        public var paidMsat: Int64
        /// Whether it is not paid any more, for nothing got there.
        public var givenUp: Bool

        /// Puts one together, for tests and previews.
        public init(id: String, alias: String? = nil, weight: Int64, paidMsat: Int64, givenUp: Bool) {
            self.id = id
            self.alias = alias
            self.weight = weight
            self.paidMsat = paidMsat
            self.givenUp = givenUp
        }

        private enum CodingKeys: String, CodingKey {
            case id
            case alias
            case weight
            case paidMsat = "paid_msat"
            case givenUp = "given_up"
        }
    }

    /// One of some words; `other` is one of a later version.
    public enum StreamStatus: RawRepresentable, Codable, Hashable, Sendable {
        /// “running”.
        case running
        /// “paused”.
        case paused
        /// “stopping”.
        case stopping
        /// “over”.
        case over
        /// What this version does not know.
        case other(String)

        /// Reads a word.
        public init(rawValue: String) {
            self =
                switch rawValue {
                case "running": .running
                case "paused": .paused
                case "stopping": .stopping
                case "over": .over
                default: .other(rawValue)
                }
        }

        /// The word.
        public var rawValue: String {
            switch self {
            case .running: "running"
            case .paused: "paused"
            case .stopping: "stopping"
            case .over: "over"
            case .other(let word): word
            }
        }
    }

    /// One of some words; `other` is one of a later version.
    public enum StreamEnd: RawRepresentable, Codable, Hashable, Sendable {
        /// “duration”.
        case duration
        /// “budget”.
        case budget
        /// “failures”.
        case failures
        /// “stopped”.
        case stopped
        /// What this version does not know.
        case other(String)

        /// Reads a word.
        public init(rawValue: String) {
            self =
                switch rawValue {
                case "duration": .duration
                case "budget": .budget
                case "failures": .failures
                case "stopped": .stopped
                default: .other(rawValue)
                }
        }

        /// The word.
        public var rawValue: String {
            switch self {
            case .duration: "duration"
            case .budget: "budget"
            case .failures: "failures"
            case .stopped: "stopped"
            case .other(let word): word
            }
        }
    }

    /// A stream of payments, as one record.
    public struct Stream: Codable, Hashable, Sendable {
        /// Its number. The number of a stream.
        public var stream: Int64
        /// Who is paid, by shares.
        public var recipients: [StreamRecipient]
        /// What is paid in each period. Thousandths of a satoshi.
        public var rateMsat: Int64
        /// 1, 60 or 3600. Seconds.
        public var ratePeriodS: Int64
        /// All that may be spent, fees included. Thousandths of a satoshi.
        public var budgetMsat: Int64?
        /// After how much time it ends. Thousandths of a second.
        public var durationMs: Int64?
        /// What fees may be, of what is paid. Millionths.
        public var maxFeeMillionths: Int64
        /// What fees may be in all. Thousandths of a satoshi.
        public var maxFeeMsat: Int64?
        /// What may be under way without an output on chain. Thousandths of a satoshi.
        public var maxDustMsat: Int64?
        /// When it began. RFC 3339, in UTC.
        public var createdAt: Date
        /// The time that it has paid for, pauses not counted. Thousandths of a second.
        public var elapsedMs: Int64
        /// What has arrived. Thousandths of a satoshi.
        public var paidMsat: Int64
        /// What forwarders got. Thousandths of a satoshi.
        public var feeMsat: Int64
        /// What is under way without an output on chain. Thousandths of a satoshi.
        public var dustInFlightMsat: Int64
        /// What is under way. Thousandths of a satoshi.
        public var inFlightMsat: Int64
        /// What was not paid for times in which nothing got through. Thousandths of a satoshi.
        public var skippedMsat: Int64
        /// Payments that arrived.
        public var numPayments: Int64
        /// Payments that did not.
        public var numFailed: Int64
        /// Time between two payments, as it is now. Thousandths of a second.
        public var intervalMs: Int64
        /// Until half of the payments were proven. Thousandths of a second.
        public var latencyP50Ms: Int64?
        /// Until 99 of 100 were. Thousandths of a second.
        public var latencyP99Ms: Int64?
        /// Why the last one failed that did.
        public var lastFailure: String?
        /// How it stands.
        public var status: StreamStatus
        /// When it was over. RFC 3339, in UTC.
        public var endedAt: Date?
        /// What ended it.
        public var end: StreamEnd?

        /// Puts one together, for tests and previews.
        public init(
            stream: Int64, recipients: [StreamRecipient], rateMsat: Int64, ratePeriodS: Int64, budgetMsat: Int64? = nil,
            durationMs: Int64? = nil, maxFeeMillionths: Int64, maxFeeMsat: Int64? = nil, maxDustMsat: Int64? = nil, createdAt: Date,
            elapsedMs: Int64, paidMsat: Int64, feeMsat: Int64, dustInFlightMsat: Int64, inFlightMsat: Int64, skippedMsat: Int64,
            numPayments: Int64, numFailed: Int64, intervalMs: Int64, latencyP50Ms: Int64? = nil, latencyP99Ms: Int64? = nil,
            lastFailure: String? = nil, status: StreamStatus, endedAt: Date? = nil, end: StreamEnd? = nil
        ) {
            self.stream = stream
            self.recipients = recipients
            self.rateMsat = rateMsat
            self.ratePeriodS = ratePeriodS
            self.budgetMsat = budgetMsat
            self.durationMs = durationMs
            self.maxFeeMillionths = maxFeeMillionths
            self.maxFeeMsat = maxFeeMsat
            self.maxDustMsat = maxDustMsat
            self.createdAt = createdAt
            self.elapsedMs = elapsedMs
            self.paidMsat = paidMsat
            self.feeMsat = feeMsat
            self.dustInFlightMsat = dustInFlightMsat
            self.inFlightMsat = inFlightMsat
            self.skippedMsat = skippedMsat
            self.numPayments = numPayments
            self.numFailed = numFailed
            self.intervalMs = intervalMs
            self.latencyP50Ms = latencyP50Ms
            self.latencyP99Ms = latencyP99Ms
            self.lastFailure = lastFailure
            self.status = status
            self.endedAt = endedAt
            self.end = end
        }

        private enum CodingKeys: String, CodingKey {
            case stream
            case recipients
            case rateMsat = "rate_msat"
            case ratePeriodS = "rate_period_s"
            case budgetMsat = "budget_msat"
            case durationMs = "duration_ms"
            case maxFeeMillionths = "max_fee_millionths"
            case maxFeeMsat = "max_fee_msat"
            case maxDustMsat = "max_dust_msat"
            case createdAt = "created_at"
            case elapsedMs = "elapsed_ms"
            case paidMsat = "paid_msat"
            case feeMsat = "fee_msat"
            case dustInFlightMsat = "dust_in_flight_msat"
            case inFlightMsat = "in_flight_msat"
            case skippedMsat = "skipped_msat"
            case numPayments = "num_payments"
            case numFailed = "num_failed"
            case intervalMs = "interval_ms"
            case latencyP50Ms = "latency_p50_ms"
            case latencyP99Ms = "latency_p99_ms"
            case lastFailure = "last_failure"
            case status
            case endedAt = "ended_at"
            case end
        }
    }

    /// A stream of payments to this node.
    public struct IncomingStream: Codable, Hashable, Sendable {
        /// By which its payer names it. Bytes in hex.
        public var tag: String
        /// What came. Thousandths of a satoshi.
        public var receivedMsat: Int64
        /// In how many payments.
        public var numPayments: Int64
        /// When the first one came. RFC 3339, in UTC.
        public var firstAt: Date
        /// When the last one came. RFC 3339, in UTC.
        public var lastAt: Date
        /// What the payer wrote beside it: nobody has checked it.
        public var podcast: String?

        /// Puts one together, for tests and previews.
        public init(tag: String, receivedMsat: Int64, numPayments: Int64, firstAt: Date, lastAt: Date, podcast: String? = nil) {
            self.tag = tag
            self.receivedMsat = receivedMsat
            self.numPayments = numPayments
            self.firstAt = firstAt
            self.lastAt = lastAt
            self.podcast = podcast
        }

        private enum CodingKeys: String, CodingKey {
            case tag
            case receivedMsat = "received_msat"
            case numPayments = "num_payments"
            case firstAt = "first_at"
            case lastAt = "last_at"
            case podcast
        }
    }

    /// What `ListstreamsAnswer` stands for.
    public struct ListstreamsAnswer: Codable, Hashable, Sendable {
        /// The streams.
        public var streams: [Stream]
        /// Those to this node.
        public var incoming: [IncomingStream]
        /// Where the next page begins; null where there is none. The number of a stream.
        public var next: Int64?

        /// Puts one together, for tests and previews.
        public init(streams: [Stream], incoming: [IncomingStream], next: Int64? = nil) {
            self.streams = streams
            self.incoming = incoming
            self.next = next
        }

        private enum CodingKeys: String, CodingKey {
            case streams
            case incoming
            case next
        }
    }
}
