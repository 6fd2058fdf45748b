public import Foundation

// Payments: what calls take and give. Made from the table of calls: see `SwiftClient`.
extension RemoteNode {
    /// One of some words; `other` is one of a later version.
    public enum PaymentStatus: RawRepresentable, Codable, Hashable, Sendable {
        /// “succeeded”.
        case succeeded
        /// “pending”.
        case pending
        /// “failed”.
        case failed
        /// What this version does not know.
        case other(String)

        /// Reads a word.
        public init(rawValue: String) {
            self =
                switch rawValue {
                case "succeeded": .succeeded
                case "pending": .pending
                case "failed": .failed
                default: .other(rawValue)
                }
        }

        /// The word.
        public var rawValue: String {
            switch self {
            case .succeeded: "succeeded"
            case .pending: "pending"
            case .failed: "failed"
            case .other(let word): word
            }
        }
    }

    /// A payment that this node made.
    public struct Payment: Codable, Hashable, Sendable {
        /// By which it is known. The SHA-256 of a preimage, in hex.
        public var paymentHash: String
        /// Who is paid; null where the payee hides behind blinded paths. A node's public key, in hex.
        public var destination: String?
        /// What the payee calls itself, as far as gossip has told.
        public var destinationAlias: String?
        /// Whether the payee hides behind blinded paths.
        public var blinded: Bool
        /// What the payee gets. Thousandths of a satoshi.
        public var amountMsat: Int64
        /// What forwarders get beside it, so far. Thousandths of a satoshi.
        public var feeMsat: Int64
        /// When it began. RFC 3339, in UTC.
        public var createdAt: Date
        /// When it was proven or failed. RFC 3339, in UTC.
        public var completedAt: Date?
        /// Whether it is proven by its preimage.
        public var status: PaymentStatus
        /// Of one that succeeded: whether no HTLC of it is in a channel any more.
        public var settled: Bool?
        /// Of one that succeeded: the proof. Whose SHA-256 is the payment's hash, in hex: the proof that it was paid.
        public var paymentPreimage: String?
        /// Of one that failed: why, for people.
        public var failure: String?
        /// Of the longest way that was paid.
        public var numHops: Int64
        /// In how many parts it was paid.
        public var numParts: Int64
        /// How many ways were tried.
        public var numAttempts: Int64
        /// The invoice; null for a payment without one. An invoice: BOLT 11.
        public var bolt11: String?
        /// What the invoice is for.
        public var description: String?
        /// How long the call took. Thousandths of a second.
        public var durationMs: Int64?

        /// Puts one together, for tests and previews.
        public init(
            paymentHash: String, destination: String? = nil, destinationAlias: String? = nil, blinded: Bool, amountMsat: Int64,
            feeMsat: Int64, createdAt: Date, completedAt: Date? = nil, status: PaymentStatus, settled: Bool? = nil,
            paymentPreimage: String? = nil, failure: String? = nil, numHops: Int64, numParts: Int64, numAttempts: Int64,
            bolt11: String? = nil, description: String? = nil, durationMs: Int64? = nil
        ) {
            self.paymentHash = paymentHash
            self.destination = destination
            self.destinationAlias = destinationAlias
            self.blinded = blinded
            self.amountMsat = amountMsat
            self.feeMsat = feeMsat
            self.createdAt = createdAt
            self.completedAt = completedAt
            self.status = status
            self.settled = settled
            self.paymentPreimage = paymentPreimage
            self.failure = failure
            self.numHops = numHops
            self.numParts = numParts
            self.numAttempts = numAttempts
            self.bolt11 = bolt11
            self.description = description
            self.durationMs = durationMs
        }

        private enum CodingKeys: String, CodingKey {
            case paymentHash = "payment_hash"
            case destination
            case destinationAlias = "destination_alias"
            case blinded
            case amountMsat = "amount_msat"
            case feeMsat = "fee_msat"
            case createdAt = "created_at"
            case completedAt = "completed_at"
            case status
            case settled
            case paymentPreimage = "payment_preimage"
            case failure
            case numHops = "num_hops"
            case numParts = "num_parts"
            case numAttempts = "num_attempts"
            case bolt11
            case description
            case durationMs = "duration_ms"
        }
    }

    /// One of some words; `other` is one of a later version.
    public enum DecodedType: RawRepresentable, Codable, Hashable, Sendable {
        /// “invoice”.
        case invoice
        /// “address”.
        case address
        /// “node”.
        case node
        /// “transaction”.
        case transaction
        /// “offer”.
        case offer
        /// “bolt12_invoice”.
        case bolt12Invoice
        /// “lnurl”.
        case lnurl
        /// “lightning_address”.
        case lightningAddress
        /// What this version does not know.
        case other(String)

        /// Reads a word.
        public init(rawValue: String) {
            self =
                switch rawValue {
                case "invoice": .invoice
                case "address": .address
                case "node": .node
                case "transaction": .transaction
                case "offer": .offer
                case "bolt12_invoice": .bolt12Invoice
                case "lnurl": .lnurl
                case "lightning_address": .lightningAddress
                default: .other(rawValue)
                }
        }

        /// The word.
        public var rawValue: String {
            switch self {
            case .invoice: "invoice"
            case .address: "address"
            case .node: "node"
            case .transaction: "transaction"
            case .offer: "offer"
            case .bolt12Invoice: "bolt12_invoice"
            case .lnurl: "lnurl"
            case .lightningAddress: "lightning_address"
            case .other(let word): word
            }
        }
    }

    /// One of some words; `other` is one of a later version.
    public enum DecodedNetwork: RawRepresentable, Codable, Hashable, Sendable {
        /// “mainnet”.
        case mainnet
        /// “regtest”.
        case regtest
        /// “signet”.
        case signet
        /// “testnet”.
        case testnet
        /// “testnet4”.
        case testnet4
        /// What this version does not know.
        case other(String)

        /// Reads a word.
        public init(rawValue: String) {
            self =
                switch rawValue {
                case "mainnet": .mainnet
                case "regtest": .regtest
                case "signet": .signet
                case "testnet": .testnet
                case "testnet4": .testnet4
                default: .other(rawValue)
                }
        }

        /// The word.
        public var rawValue: String {
            switch self {
            case .mainnet: "mainnet"
            case .regtest: "regtest"
            case .signet: "signet"
            case .testnet: "testnet"
            case .testnet4: "testnet4"
            case .other(let word): word
            }
        }
    }

    /// What a text says.
    public struct Decoded: Codable, Hashable, Sendable {
        /// What it is.
        public var type: DecodedType
        /// Of which chain.
        public var network: DecodedNetwork?
        /// What an invoice asks for; null where the payer chooses. Thousandths of a satoshi; or null.
        public var amountMsat: Int64?
        /// What an address asks for: BIP 21. Satoshi.
        public var amountSat: Int64?
        /// For what: BIP 21.
        public var label: String?
        /// Whom an invoice pays. A node's id, or "hidden".
        public var payee: String?
        /// Of an invoice. The SHA-256 of a preimage, in hex.
        public var paymentHash: String?
        /// What an invoice is for; null where it has a hash instead.
        public var description: String?
        /// When an invoice was made. RFC 3339, in UTC.
        public var createdAt: Date?
        /// Until when it can be paid. RFC 3339, in UTC.
        public var expiresAt: Date?
        /// Whether that is over.
        public var expired: Bool?
        /// BOLT 11's; null where the payee hides.
        public var minFinalCltvExpiryDelta: Int64?
        /// BOLT 9's, of an invoice.
        public var features: String?
        /// Ways to the payee that an invoice tells.
        public var routingHints: Int64?
        /// In the place of a description: of a text that the payer gets elsewhere. A SHA-256, in hex.
        public var descriptionHash: String?
        /// What the payer sends along. Bytes in hex.
        public var paymentMetadata: String?
        /// Where an invoice can be paid on chain.
        public var fallbackAddresses: [String]?
        /// Hidden ways to the payee.
        public var blindedPaths: Int64?
        /// An address. A Bitcoin address.
        public var address: String?
        /// Of an address.
        public var script: String?
        /// Of a node. A node's public key, in hex.
        public var id: String?
        /// Where a node is.
        public var host: String?
        /// Its port.
        public var port: Int64?
        /// Of a transaction. A transaction's id, in hex as block explorers show it.
        public var txid: String?
        /// Of a transaction.
        public var inputs: Int64?
        /// Of a transaction.
        public var outputs: Int64?
        /// Of a transaction. Virtual bytes.
        public var vsize: Int64?
        /// Why it cannot be paid.
        public var note: String?

        /// Puts one together, for tests and previews.
        public init(
            type: DecodedType, network: DecodedNetwork? = nil, amountMsat: Int64? = nil, amountSat: Int64? = nil, label: String? = nil,
            payee: String? = nil, paymentHash: String? = nil, description: String? = nil, createdAt: Date? = nil, expiresAt: Date? = nil,
            expired: Bool? = nil, minFinalCltvExpiryDelta: Int64? = nil, features: String? = nil, routingHints: Int64? = nil,
            descriptionHash: String? = nil, paymentMetadata: String? = nil, fallbackAddresses: [String]? = nil, blindedPaths: Int64? = nil,
            address: String? = nil, script: String? = nil, id: String? = nil, host: String? = nil, port: Int64? = nil, txid: String? = nil,
            inputs: Int64? = nil, outputs: Int64? = nil, vsize: Int64? = nil, note: String? = nil
        ) {
            self.type = type
            self.network = network
            self.amountMsat = amountMsat
            self.amountSat = amountSat
            self.label = label
            self.payee = payee
            self.paymentHash = paymentHash
            self.description = description
            self.createdAt = createdAt
            self.expiresAt = expiresAt
            self.expired = expired
            self.minFinalCltvExpiryDelta = minFinalCltvExpiryDelta
            self.features = features
            self.routingHints = routingHints
            self.descriptionHash = descriptionHash
            self.paymentMetadata = paymentMetadata
            self.fallbackAddresses = fallbackAddresses
            self.blindedPaths = blindedPaths
            self.address = address
            self.script = script
            self.id = id
            self.host = host
            self.port = port
            self.txid = txid
            self.inputs = inputs
            self.outputs = outputs
            self.vsize = vsize
            self.note = note
        }

        private enum CodingKeys: String, CodingKey {
            case type
            case network
            case amountMsat = "amount_msat"
            case amountSat = "amount_sat"
            case label
            case payee
            case paymentHash = "payment_hash"
            case description
            case createdAt = "created_at"
            case expiresAt = "expires_at"
            case expired
            case minFinalCltvExpiryDelta = "min_final_cltv_expiry_delta"
            case features
            case routingHints = "routing_hints"
            case descriptionHash = "description_hash"
            case paymentMetadata = "payment_metadata"
            case fallbackAddresses = "fallback_addresses"
            case blindedPaths = "blinded_paths"
            case address
            case script
            case id
            case host
            case port
            case txid
            case inputs
            case outputs
            case vsize
            case note
        }
    }

    /// One of some words; `other` is one of a later version.
    public enum ListpaymentsStatus: RawRepresentable, Codable, Hashable, Sendable {
        /// “succeeded”.
        case succeeded
        /// “pending”.
        case pending
        /// “failed”.
        case failed
        /// What this version does not know.
        case other(String)

        /// Reads a word.
        public init(rawValue: String) {
            self =
                switch rawValue {
                case "succeeded": .succeeded
                case "pending": .pending
                case "failed": .failed
                default: .other(rawValue)
                }
        }

        /// The word.
        public var rawValue: String {
            switch self {
            case .succeeded: "succeeded"
            case .pending: "pending"
            case .failed: "failed"
            case .other(let word): word
            }
        }
    }

    /// What `ListpaymentsAnswer` stands for.
    public struct ListpaymentsAnswer: Codable, Hashable, Sendable {
        /// The payments.
        public var payments: [Payment]
        /// Where the next page begins; null where there is none. Where a list goes on.
        public var next: String?

        /// Puts one together, for tests and previews.
        public init(payments: [Payment], next: String? = nil) {
            self.payments = payments
            self.next = next
        }

        private enum CodingKeys: String, CodingKey {
            case payments
            case next
        }
    }

    /// One of some words; `other` is one of a later version.
    public enum PaymentStoryStatus: RawRepresentable, Codable, Hashable, Sendable {
        /// “succeeded”.
        case succeeded
        /// “pending”.
        case pending
        /// “failed”.
        case failed
        /// “arrived”.
        case arrived
        /// What this version does not know.
        case other(String)

        /// Reads a word.
        public init(rawValue: String) {
            self =
                switch rawValue {
                case "succeeded": .succeeded
                case "pending": .pending
                case "failed": .failed
                case "arrived": .arrived
                default: .other(rawValue)
                }
        }

        /// The word.
        public var rawValue: String {
            switch self {
            case .succeeded: "succeeded"
            case .pending: "pending"
            case .failed: "failed"
            case .arrived: "arrived"
            case .other(let word): word
            }
        }
    }

    /// A step of a way through the network.
    public struct Hop: Codable, Hashable, Sendable {
        /// The node at its end; null for one that nobody but the payee knows. A node's public key, in hex.
        public var id: String?
        /// What it calls itself.
        public var alias: String?
        /// Whether it stands for a path that is hidden.
        public var blinded: Bool
        /// Through which channel. Block, transaction and output: BOLT 7.
        public var shortChannelId: String?
        /// What goes over it. Thousandths of a satoshi.
        public var amountMsat: Int64
        /// What its first node gets for it. Thousandths of a satoshi.
        public var feeMsat: Int64
        /// Blocks by which it is safer for its first node than for its last.
        public var cltvDelta: Int64

        /// Puts one together, for tests and previews.
        public init(
            id: String? = nil, alias: String? = nil, blinded: Bool, shortChannelId: String? = nil, amountMsat: Int64, feeMsat: Int64,
            cltvDelta: Int64
        ) {
            self.id = id
            self.alias = alias
            self.blinded = blinded
            self.shortChannelId = shortChannelId
            self.amountMsat = amountMsat
            self.feeMsat = feeMsat
            self.cltvDelta = cltvDelta
        }

        private enum CodingKeys: String, CodingKey {
            case id
            case alias
            case blinded
            case shortChannelId = "short_channel_id"
            case amountMsat = "amount_msat"
            case feeMsat = "fee_msat"
            case cltvDelta = "cltv_delta"
        }
    }

    /// One of some words; `other` is one of a later version.
    public enum AttemptStatus: RawRepresentable, Codable, Hashable, Sendable {
        /// “succeeded”.
        case succeeded
        /// “pending”.
        case pending
        /// “failed”.
        case failed
        /// “arrived”.
        case arrived
        /// What this version does not know.
        case other(String)

        /// Reads a word.
        public init(rawValue: String) {
            self =
                switch rawValue {
                case "succeeded": .succeeded
                case "pending": .pending
                case "failed": .failed
                case "arrived": .arrived
                default: .other(rawValue)
                }
        }

        /// The word.
        public var rawValue: String {
            switch self {
            case .succeeded: "succeeded"
            case .pending: "pending"
            case .failed: "failed"
            case .arrived: "arrived"
            case .other(let word): word
            }
        }
    }

    /// A way that a payment tried.
    public struct Attempt: Codable, Hashable, Sendable {
        /// What arrives. Thousandths of a satoshi.
        public var amountMsat: Int64
        /// What forwarders get. Thousandths of a satoshi.
        public var feeMsat: Int64
        /// Blocks that the money may be locked.
        public var cltvDelta: Int64
        /// How probable it is that it works, as this node thinks. Hundredths.
        public var successProbabilityPercent: Int64
        /// The way, from this node on.
        public var hops: [Hop]
        /// After the payment's first one. Thousandths of a second.
        public var startedAfterMs: Int64
        /// Until it was proven or failed; null while it is under way. Thousandths of a second.
        public var durationMs: Int64?
        /// How long each hop says that it held it.
        public var holdTimesMs: [Int64]?
        /// “arrived” for one of a probe that would have been paid.
        public var status: AttemptStatus
        /// Until it left the channel. Thousandths of a second; or null.
        public var settledAfterMs: Int64?
        /// Why it failed: BOLT 4.
        public var failure: String?
        /// Which hop said so, from 0.
        public var failedHop: Int64?

        /// Puts one together, for tests and previews.
        public init(
            amountMsat: Int64, feeMsat: Int64, cltvDelta: Int64, successProbabilityPercent: Int64, hops: [Hop], startedAfterMs: Int64,
            durationMs: Int64? = nil, holdTimesMs: [Int64]? = nil, status: AttemptStatus, settledAfterMs: Int64? = nil,
            failure: String? = nil, failedHop: Int64? = nil
        ) {
            self.amountMsat = amountMsat
            self.feeMsat = feeMsat
            self.cltvDelta = cltvDelta
            self.successProbabilityPercent = successProbabilityPercent
            self.hops = hops
            self.startedAfterMs = startedAfterMs
            self.durationMs = durationMs
            self.holdTimesMs = holdTimesMs
            self.status = status
            self.settledAfterMs = settledAfterMs
            self.failure = failure
            self.failedHop = failedHop
        }

        private enum CodingKeys: String, CodingKey {
            case amountMsat = "amount_msat"
            case feeMsat = "fee_msat"
            case cltvDelta = "cltv_delta"
            case successProbabilityPercent = "success_probability_percent"
            case hops
            case startedAfterMs = "started_after_ms"
            case durationMs = "duration_ms"
            case holdTimesMs = "hold_times_ms"
            case status
            case settledAfterMs = "settled_after_ms"
            case failure
            case failedHop = "failed_hop"
        }
    }

    /// A payment with every way that it tried.
    public struct PaymentStory: Codable, Hashable, Sendable {
        /// By which it is known. The SHA-256 of a preimage, in hex.
        public var paymentHash: String
        /// Who is paid; null where the payee hides behind blinded paths. A node's public key, in hex.
        public var destination: String?
        /// What the payee calls itself, as far as gossip has told.
        public var destinationAlias: String?
        /// Whether the payee hides behind blinded paths.
        public var blinded: Bool
        /// What the payee gets. Thousandths of a satoshi.
        public var amountMsat: Int64
        /// What forwarders get beside it, so far. Thousandths of a satoshi.
        public var feeMsat: Int64
        /// When it began. RFC 3339, in UTC.
        public var createdAt: Date
        /// When it was proven or failed. RFC 3339, in UTC.
        public var completedAt: Date?
        /// Of one that succeeded: whether no HTLC of it is in a channel any more.
        public var settled: Bool?
        /// Of one that succeeded: the proof. Whose SHA-256 is the payment's hash, in hex: the proof that it was paid.
        public var paymentPreimage: String?
        /// Of one that failed: why, for people.
        public var failure: String?
        /// Of the longest way that was paid.
        public var numHops: Int64
        /// In how many parts it was paid.
        public var numParts: Int64
        /// How many ways were tried.
        public var numAttempts: Int64
        /// The invoice; null for a payment without one. An invoice: BOLT 11.
        public var bolt11: String?
        /// What the invoice is for.
        public var description: String?
        /// How long the call took. Thousandths of a second.
        public var durationMs: Int64?
        /// “arrived” for a probe that would have been paid.
        public var status: PaymentStoryStatus
        /// What its fees may be at the most. Thousandths of a satoshi.
        public var maxFeeMsat: Int64
        /// Why nothing more is tried, where something is still under way.
        public var givenUp: String?
        /// Of a probe: whether a payment would have arrived.
        public var arrived: Bool?
        /// The ways, in the order in which they were tried.
        public var attempts: [Attempt]

        /// Puts one together, for tests and previews.
        public init(
            paymentHash: String, destination: String? = nil, destinationAlias: String? = nil, blinded: Bool, amountMsat: Int64,
            feeMsat: Int64, createdAt: Date, completedAt: Date? = nil, settled: Bool? = nil, paymentPreimage: String? = nil,
            failure: String? = nil, numHops: Int64, numParts: Int64, numAttempts: Int64, bolt11: String? = nil, description: String? = nil,
            durationMs: Int64? = nil, status: PaymentStoryStatus, maxFeeMsat: Int64, givenUp: String? = nil, arrived: Bool? = nil,
            attempts: [Attempt]
        ) {
            self.paymentHash = paymentHash
            self.destination = destination
            self.destinationAlias = destinationAlias
            self.blinded = blinded
            self.amountMsat = amountMsat
            self.feeMsat = feeMsat
            self.createdAt = createdAt
            self.completedAt = completedAt
            self.settled = settled
            self.paymentPreimage = paymentPreimage
            self.failure = failure
            self.numHops = numHops
            self.numParts = numParts
            self.numAttempts = numAttempts
            self.bolt11 = bolt11
            self.description = description
            self.durationMs = durationMs
            self.status = status
            self.maxFeeMsat = maxFeeMsat
            self.givenUp = givenUp
            self.arrived = arrived
            self.attempts = attempts
        }

        private enum CodingKeys: String, CodingKey {
            case paymentHash = "payment_hash"
            case destination
            case destinationAlias = "destination_alias"
            case blinded
            case amountMsat = "amount_msat"
            case feeMsat = "fee_msat"
            case createdAt = "created_at"
            case completedAt = "completed_at"
            case settled
            case paymentPreimage = "payment_preimage"
            case failure
            case numHops = "num_hops"
            case numParts = "num_parts"
            case numAttempts = "num_attempts"
            case bolt11
            case description
            case durationMs = "duration_ms"
            case status
            case maxFeeMsat = "max_fee_msat"
            case givenUp = "given_up"
            case arrived
            case attempts
        }
    }

    /// A way through the network, with its price.
    public struct Route: Codable, Hashable, Sendable {
        /// What arrives. Thousandths of a satoshi.
        public var amountMsat: Int64
        /// What forwarders get. Thousandths of a satoshi.
        public var feeMsat: Int64
        /// Blocks that the money may be locked.
        public var cltvDelta: Int64
        /// How probable it is that it works, as this node thinks. Hundredths.
        public var successProbabilityPercent: Int64
        /// The way, from this node on.
        public var hops: [Hop]

        /// Puts one together, for tests and previews.
        public init(amountMsat: Int64, feeMsat: Int64, cltvDelta: Int64, successProbabilityPercent: Int64, hops: [Hop]) {
            self.amountMsat = amountMsat
            self.feeMsat = feeMsat
            self.cltvDelta = cltvDelta
            self.successProbabilityPercent = successProbabilityPercent
            self.hops = hops
        }

        private enum CodingKeys: String, CodingKey {
            case amountMsat = "amount_msat"
            case feeMsat = "fee_msat"
            case cltvDelta = "cltv_delta"
            case successProbabilityPercent = "success_probability_percent"
            case hops
        }
    }

    /// What `GetrouteAnswer` stands for.
    public struct GetrouteAnswer: Codable, Hashable, Sendable {
        /// What arrives. Thousandths of a satoshi.
        public var amountMsat: Int64
        /// What forwarders get. Thousandths of a satoshi.
        public var feeMsat: Int64
        /// How probable it is that it works. Hundredths.
        public var successProbabilityPercent: Int64
        /// The parts.
        public var parts: [Route]

        /// Puts one together, for tests and previews.
        public init(amountMsat: Int64, feeMsat: Int64, successProbabilityPercent: Int64, parts: [Route]) {
            self.amountMsat = amountMsat
            self.feeMsat = feeMsat
            self.successProbabilityPercent = successProbabilityPercent
            self.parts = parts
        }

        private enum CodingKeys: String, CodingKey {
            case amountMsat = "amount_msat"
            case feeMsat = "fee_msat"
            case successProbabilityPercent = "success_probability_percent"
            case parts
        }
    }

    /// What `CompareroutesAnswerChoice` stands for.
    public struct CompareroutesAnswerChoice: Codable, Hashable, Sendable {
        /// The channel. Block, transaction and output: BOLT 7.
        public var firstChannel: String
        /// Its other end. A node's public key, in hex.
        public var peerId: String
        /// What that calls itself.
        public var alias: String?
        /// The best way over it. A way through the network, with its price..
        public var route: Route?
        /// Why there is none.
        public var refusal: String?

        /// Puts one together, for tests and previews.
        public init(firstChannel: String, peerId: String, alias: String? = nil, route: Route? = nil, refusal: String? = nil) {
            self.firstChannel = firstChannel
            self.peerId = peerId
            self.alias = alias
            self.route = route
            self.refusal = refusal
        }

        private enum CodingKeys: String, CodingKey {
            case firstChannel = "first_channel"
            case peerId = "peer_id"
            case alias
            case route
            case refusal
        }
    }

    /// What `CompareroutesAnswer` stands for.
    public struct CompareroutesAnswer: Codable, Hashable, Sendable {
        /// The best first.
        public var choices: [CompareroutesAnswerChoice]

        /// Puts one together, for tests and previews.
        public init(choices: [CompareroutesAnswerChoice]) {
            self.choices = choices
        }

        private enum CodingKeys: String, CodingKey {
            case choices
        }
    }
}
