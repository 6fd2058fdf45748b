public import Foundation

// The node: what calls take and give. Made from the table of calls: see `SwiftClient`.
extension RemoteNode {
    /// One of some words; `other` is one of a later version.
    public enum NodeInfoNetwork: RawRepresentable, Codable, Hashable, Sendable {
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

    /// Who this node is, and how it stands.
    public struct NodeInfo: Codable, Hashable, Sendable {
        /// By which others know it. A node's public key, in hex.
        public var id: String
        /// What it calls itself.
        public var alias: String?
        /// Of its layer 1.
        public var network: NodeInfoNetwork
        /// Where others reach it; null where it listens to nobody. A node's id, and where it is.
        public var address: String?
        /// The block that it has followed the chain to. The height of a block.
        public var blockheight: Int64
        /// Nodes that it is connected to.
        public var numPeers: Int64
        /// Channels that are not closed.
        public var numChannels: Int64
        /// Those that can be used.
        public var numUsableChannels: Int64

        /// Puts one together, for tests and previews.
        public init(
            id: String, alias: String? = nil, network: NodeInfoNetwork, address: String? = nil, blockheight: Int64, numPeers: Int64,
            numChannels: Int64, numUsableChannels: Int64
        ) {
            self.id = id
            self.alias = alias
            self.network = network
            self.address = address
            self.blockheight = blockheight
            self.numPeers = numPeers
            self.numChannels = numChannels
            self.numUsableChannels = numUsableChannels
        }

        private enum CodingKeys: String, CodingKey {
            case id
            case alias
            case network
            case address
            case blockheight
            case numPeers = "num_peers"
            case numChannels = "num_channels"
            case numUsableChannels = "num_usable_channels"
        }
    }

    /// What there is, on chain and in channels, and what of it can be spent.
    public struct Balance: Codable, Hashable, Sendable {
        /// On chain, in a block. Satoshi.
        public var onChainConfirmedSat: Int64
        /// On chain, in none yet. Satoshi.
        public var onChainUnconfirmedSat: Int64
        /// Of blocks that we mined, less than 100 blocks ago. Satoshi.
        public var onChainImmatureSat: Int64
        /// Kept for the claims of closes. Satoshi.
        public var closeReserveSat: Int64
        /// Ours in channels. Thousandths of a satoshi.
        public var inChannelsMsat: Int64
        /// What can be paid now. Thousandths of a satoshi.
        public var spendableMsat: Int64
        /// What can be received now. Thousandths of a satoshi.
        public var receivableMsat: Int64
        /// What can be paid over one channel. Thousandths of a satoshi.
        public var largestPaymentMsat: Int64
        /// What BOLT 2 keeps in channels. Thousandths of a satoshi.
        public var reservedMsat: Int64
        /// Under way from us. Thousandths of a satoshi.
        public var outgoingHtlcsMsat: Int64
        /// Under way to us. Thousandths of a satoshi.
        public var incomingHtlcsMsat: Int64
        /// For the fees of commitments. Thousandths of a satoshi.
        public var feesHeldBackMsat: Int64
        /// In closes, certain to come. Satoshi.
        public var closingSat: Int64
        /// In closes, not decided yet. Satoshi.
        public var contestedSat: Int64
        /// Until when that is decided. The height of a block.
        public var contestedUntil: Int64?
        /// Channels that can be used.
        public var numUsableChannels: Int64

        /// Puts one together, for tests and previews.
        public init(
            onChainConfirmedSat: Int64, onChainUnconfirmedSat: Int64, onChainImmatureSat: Int64, closeReserveSat: Int64,
            inChannelsMsat: Int64, spendableMsat: Int64, receivableMsat: Int64, largestPaymentMsat: Int64, reservedMsat: Int64,
            outgoingHtlcsMsat: Int64, incomingHtlcsMsat: Int64, feesHeldBackMsat: Int64, closingSat: Int64, contestedSat: Int64,
            contestedUntil: Int64? = nil, numUsableChannels: Int64
        ) {
            self.onChainConfirmedSat = onChainConfirmedSat
            self.onChainUnconfirmedSat = onChainUnconfirmedSat
            self.onChainImmatureSat = onChainImmatureSat
            self.closeReserveSat = closeReserveSat
            self.inChannelsMsat = inChannelsMsat
            self.spendableMsat = spendableMsat
            self.receivableMsat = receivableMsat
            self.largestPaymentMsat = largestPaymentMsat
            self.reservedMsat = reservedMsat
            self.outgoingHtlcsMsat = outgoingHtlcsMsat
            self.incomingHtlcsMsat = incomingHtlcsMsat
            self.feesHeldBackMsat = feesHeldBackMsat
            self.closingSat = closingSat
            self.contestedSat = contestedSat
            self.contestedUntil = contestedUntil
            self.numUsableChannels = numUsableChannels
        }

        private enum CodingKeys: String, CodingKey {
            case onChainConfirmedSat = "on_chain_confirmed_sat"
            case onChainUnconfirmedSat = "on_chain_unconfirmed_sat"
            case onChainImmatureSat = "on_chain_immature_sat"
            case closeReserveSat = "close_reserve_sat"
            case inChannelsMsat = "in_channels_msat"
            case spendableMsat = "spendable_msat"
            case receivableMsat = "receivable_msat"
            case largestPaymentMsat = "largest_payment_msat"
            case reservedMsat = "reserved_msat"
            case outgoingHtlcsMsat = "outgoing_htlcs_msat"
            case incomingHtlcsMsat = "incoming_htlcs_msat"
            case feesHeldBackMsat = "fees_held_back_msat"
            case closingSat = "closing_sat"
            case contestedSat = "contested_sat"
            case contestedUntil = "contested_until"
            case numUsableChannels = "num_usable_channels"
        }
    }

    /// One of some words; `other` is one of a later version.
    public enum EventEvent: RawRepresentable, Codable, Hashable, Sendable {
        /// “payment_received”.
        case paymentReceived
        /// “payment_held”.
        case paymentHeld
        /// “payment_updated”.
        case paymentUpdated
        /// “payment_succeeded”.
        case paymentSucceeded
        /// “payment_settled”.
        case paymentSettled
        /// “payment_failed”.
        case paymentFailed
        /// “stream_paid”.
        case streamPaid
        /// “stream_over”.
        case streamOver
        /// “forwarded”.
        case forwarded
        /// “forward_refused”.
        case forwardRefused
        /// “channel_opening”.
        case channelOpening
        /// “channel_usable”.
        case channelUsable
        /// “channel_announced”.
        case channelAnnounced
        /// “channel_closing”.
        case channelClosing
        /// “channel_closed”.
        case channelClosed
        /// “channels_restored”.
        case channelsRestored
        /// “publication_refused”.
        case publicationRefused
        /// “peer_connected”.
        case peerConnected
        /// “peer_disconnected”.
        case peerDisconnected
        /// “block”.
        case block
        /// “alert”.
        case alert
        /// “note”.
        case note
        /// What this version does not know.
        case other(String)

        /// Reads a word.
        public init(rawValue: String) {
            self =
                switch rawValue {
                case "payment_received": .paymentReceived
                case "payment_held": .paymentHeld
                case "payment_updated": .paymentUpdated
                case "payment_succeeded": .paymentSucceeded
                case "payment_settled": .paymentSettled
                case "payment_failed": .paymentFailed
                case "stream_paid": .streamPaid
                case "stream_over": .streamOver
                case "forwarded": .forwarded
                case "forward_refused": .forwardRefused
                case "channel_opening": .channelOpening
                case "channel_usable": .channelUsable
                case "channel_announced": .channelAnnounced
                case "channel_closing": .channelClosing
                case "channel_closed": .channelClosed
                case "channels_restored": .channelsRestored
                case "publication_refused": .publicationRefused
                case "peer_connected": .peerConnected
                case "peer_disconnected": .peerDisconnected
                case "block": .block
                case "alert": .alert
                case "note": .note
                default: .other(rawValue)
                }
        }

        /// The word.
        public var rawValue: String {
            switch self {
            case .paymentReceived: "payment_received"
            case .paymentHeld: "payment_held"
            case .paymentUpdated: "payment_updated"
            case .paymentSucceeded: "payment_succeeded"
            case .paymentSettled: "payment_settled"
            case .paymentFailed: "payment_failed"
            case .streamPaid: "stream_paid"
            case .streamOver: "stream_over"
            case .forwarded: "forwarded"
            case .forwardRefused: "forward_refused"
            case .channelOpening: "channel_opening"
            case .channelUsable: "channel_usable"
            case .channelAnnounced: "channel_announced"
            case .channelClosing: "channel_closing"
            case .channelClosed: "channel_closed"
            case .channelsRestored: "channels_restored"
            case .publicationRefused: "publication_refused"
            case .peerConnected: "peer_connected"
            case .peerDisconnected: "peer_disconnected"
            case .block: "block"
            case .alert: "alert"
            case .note: "note"
            case .other(let word): word
            }
        }
    }

    /// One of some words; `other` is one of a later version.
    public enum EventStatus: RawRepresentable, Codable, Hashable, Sendable {
        /// “succeeded”.
        case succeeded
        /// “pending”.
        case pending
        /// “failed”.
        case failed
        /// “settled”.
        case settled
        /// “paid”.
        case paid
        /// “unpaid”.
        case unpaid
        /// “held”.
        case held
        /// “settling”.
        case settling
        /// “canceled”.
        case canceled
        /// “expired”.
        case expired
        /// What this version does not know.
        case other(String)

        /// Reads a word.
        public init(rawValue: String) {
            self =
                switch rawValue {
                case "succeeded": .succeeded
                case "pending": .pending
                case "failed": .failed
                case "settled": .settled
                case "paid": .paid
                case "unpaid": .unpaid
                case "held": .held
                case "settling": .settling
                case "canceled": .canceled
                case "expired": .expired
                default: .other(rawValue)
                }
        }

        /// The word.
        public var rawValue: String {
            switch self {
            case .succeeded: "succeeded"
            case .pending: "pending"
            case .failed: "failed"
            case .settled: "settled"
            case .paid: "paid"
            case .unpaid: "unpaid"
            case .held: "held"
            case .settling: "settling"
            case .canceled: "canceled"
            case .expired: "expired"
            case .other(let word): word
            }
        }
    }

    /// Something that happened.
    public struct Event: Codable, Hashable, Sendable {
        /// It grows by one with each of a feed, or of the database.
        public var number: Int64
        /// When it happened. RFC 3339, in UTC.
        public var time: Date
        /// What happened.
        public var event: EventEvent
        /// Of a peer, or of who is paid. A node's public key, in hex.
        public var id: String?
        /// Of which channel. BOLT 2's channel_id, in hex.
        public var channelId: String?
        /// Where its funding is. Block, transaction and output: BOLT 7.
        public var shortChannelId: String?
        /// Who closed it, and how. Who closed it, and how.
        public var closeKind: String?
        /// Of which channels.
        public var channelIds: [String]?
        /// Of which transaction. A transaction's id, in hex as block explorers show it.
        public var txid: String?
        /// Why.
        public var reason: String?
        /// Of which stream. The number of a stream.
        public var stream: Int64?
        /// Which of its payments.
        public var payment: Int64?
        /// Until it was proven. Thousandths of a second; or null.
        public var latencyMs: Int64?
        /// What has arrived. Thousandths of a satoshi.
        public var paidMsat: Int64?
        /// In how many payments.
        public var numPayments: Int64?
        /// Over which it came. BOLT 2's channel_id, in hex.
        public var inChannelId: String?
        /// Over which it went on. BOLT 2's channel_id, in hex.
        public var outChannelId: String?
        /// What came. Thousandths of a satoshi.
        public var inMsat: Int64?
        /// What went on. Thousandths of a satoshi.
        public var outMsat: Int64?
        /// Of the block. The height of a block.
        public var blockheight: Int64?
        /// For people.
        public var text: String?
        /// Why it failed.
        public var failure: String?
        /// What the last hop said that failed it.
        public var failureReason: String?
        /// BOLT 4's failure_code of that.
        public var failureCode: Int64?
        /// Which hop that was, from 0.
        public var failedHop: Int64?
        /// Which node that was. A node's public key, in hex.
        public var failedHopId: String?
        /// How the payment, invoice or forward stands.
        public var status: EventStatus?
        /// By which it is known. The SHA-256 of a preimage, in hex; or null.
        public var paymentHash: String?
        /// Who is paid; null where the payee hides behind blinded paths. A node's public key, in hex; or null.
        public var destination: String?
        /// What the payee calls itself, as far as gossip has told.
        public var destinationAlias: String?
        /// Whether the payee hides behind blinded paths.
        public var blinded: Bool?
        /// What the payee gets. Thousandths of a satoshi; or null.
        public var amountMsat: Int64?
        /// What forwarders get beside it, so far. Thousandths of a satoshi; or null.
        public var feeMsat: Int64?
        /// When it began. RFC 3339, in UTC; or null.
        public var createdAt: Date?
        /// When it was proven or failed. RFC 3339, in UTC; or null.
        public var completedAt: Date?
        /// Of one that succeeded: whether no HTLC of it is in a channel any more.
        public var settled: Bool?
        /// Of one that succeeded: the proof. Whose SHA-256 is the payment's hash, in hex: the proof that it was paid; or
        /// null.
        public var paymentPreimage: String?
        /// Of the longest way that was paid.
        public var numHops: Int64?
        /// In how many parts it was paid.
        public var numParts: Int64?
        /// How many ways were tried.
        public var numAttempts: Int64?
        /// The invoice; null for a payment without one. An invoice: BOLT 11; or null.
        public var bolt11: String?
        /// What the invoice is for.
        public var description: String?
        /// How long the call took. Thousandths of a second; or null.
        public var durationMs: Int64?
        /// From when on it is not paid any more. RFC 3339, in UTC; or null.
        public var expiresAt: Date?
        /// What its owner calls it.
        public var label: String?
        /// Whether it is no invoice but a payment that came without one.
        public var keysend: Bool?
        /// When it was paid. RFC 3339, in UTC; or null.
        public var paidAt: Date?
        /// What came. Thousandths of a satoshi; or null.
        public var receivedMsat: Int64?
        /// Of one that is held: from this block on it is failed. The height of a block; or null.
        public var settleBeforeBlock: Int64?

        /// Puts one together, for tests and previews.
        public init(
            number: Int64, time: Date, event: EventEvent, id: String? = nil, channelId: String? = nil, shortChannelId: String? = nil,
            closeKind: String? = nil, channelIds: [String]? = nil, txid: String? = nil, reason: String? = nil, stream: Int64? = nil,
            payment: Int64? = nil, latencyMs: Int64? = nil, paidMsat: Int64? = nil, numPayments: Int64? = nil, inChannelId: String? = nil,
            outChannelId: String? = nil, inMsat: Int64? = nil, outMsat: Int64? = nil, blockheight: Int64? = nil, text: String? = nil,
            failure: String? = nil, failureReason: String? = nil, failureCode: Int64? = nil, failedHop: Int64? = nil,
            failedHopId: String? = nil, status: EventStatus? = nil, paymentHash: String? = nil, destination: String? = nil,
            destinationAlias: String? = nil, blinded: Bool? = nil, amountMsat: Int64? = nil, feeMsat: Int64? = nil, createdAt: Date? = nil,
            completedAt: Date? = nil, settled: Bool? = nil, paymentPreimage: String? = nil, numHops: Int64? = nil, numParts: Int64? = nil,
            numAttempts: Int64? = nil, bolt11: String? = nil, description: String? = nil, durationMs: Int64? = nil, expiresAt: Date? = nil,
            label: String? = nil, keysend: Bool? = nil, paidAt: Date? = nil, receivedMsat: Int64? = nil, settleBeforeBlock: Int64? = nil
        ) {
            self.number = number
            self.time = time
            self.event = event
            self.id = id
            self.channelId = channelId
            self.shortChannelId = shortChannelId
            self.closeKind = closeKind
            self.channelIds = channelIds
            self.txid = txid
            self.reason = reason
            self.stream = stream
            self.payment = payment
            self.latencyMs = latencyMs
            self.paidMsat = paidMsat
            self.numPayments = numPayments
            self.inChannelId = inChannelId
            self.outChannelId = outChannelId
            self.inMsat = inMsat
            self.outMsat = outMsat
            self.blockheight = blockheight
            self.text = text
            self.failure = failure
            self.failureReason = failureReason
            self.failureCode = failureCode
            self.failedHop = failedHop
            self.failedHopId = failedHopId
            self.status = status
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
            self.numHops = numHops
            self.numParts = numParts
            self.numAttempts = numAttempts
            self.bolt11 = bolt11
            self.description = description
            self.durationMs = durationMs
            self.expiresAt = expiresAt
            self.label = label
            self.keysend = keysend
            self.paidAt = paidAt
            self.receivedMsat = receivedMsat
            self.settleBeforeBlock = settleBeforeBlock
        }

        private enum CodingKeys: String, CodingKey {
            case number
            case time
            case event
            case id
            case channelId = "channel_id"
            case shortChannelId = "short_channel_id"
            case closeKind = "close_kind"
            case channelIds = "channel_ids"
            case txid
            case reason
            case stream
            case payment
            case latencyMs = "latency_ms"
            case paidMsat = "paid_msat"
            case numPayments = "num_payments"
            case inChannelId = "in_channel_id"
            case outChannelId = "out_channel_id"
            case inMsat = "in_msat"
            case outMsat = "out_msat"
            case blockheight
            case text
            case failure
            case failureReason = "failure_reason"
            case failureCode = "failure_code"
            case failedHop = "failed_hop"
            case failedHopId = "failed_hop_id"
            case status
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
            case numHops = "num_hops"
            case numParts = "num_parts"
            case numAttempts = "num_attempts"
            case bolt11
            case description
            case durationMs = "duration_ms"
            case expiresAt = "expires_at"
            case label
            case keysend
            case paidAt = "paid_at"
            case receivedMsat = "received_msat"
            case settleBeforeBlock = "settle_before_block"
        }
    }

    /// What `EventsAnswer` stands for.
    public struct EventsAnswer: Codable, Hashable, Sendable {
        /// Another one after each start of the node.
        public var feed: String
        /// Whether something is missing before the first of them.
        public var missed: Bool
        /// What to ask for next.
        public var next: Int64
        /// What happened.
        public var events: [Event]

        /// Puts one together, for tests and previews.
        public init(feed: String, missed: Bool, next: Int64, events: [Event]) {
            self.feed = feed
            self.missed = missed
            self.next = next
            self.events = events
        }

        private enum CodingKeys: String, CodingKey {
            case feed
            case missed
            case next
            case events
        }
    }

    /// What `ListeventsAnswer` stands for.
    public struct ListeventsAnswer: Codable, Hashable, Sendable {
        /// Whether something is missing before the first of them: it is not kept any more.
        public var missed: Bool
        /// What to ask for next.
        public var next: Int64
        /// What happened.
        public var events: [Event]

        /// Puts one together, for tests and previews.
        public init(missed: Bool, next: Int64, events: [Event]) {
            self.missed = missed
            self.next = next
            self.events = events
        }

        private enum CodingKeys: String, CodingKey {
            case missed
            case next
            case events
        }
    }

    /// One of some words; `other` is one of a later version.
    public enum LogAnswerEntryLevel: RawRepresentable, Codable, Hashable, Sendable {
        /// “notice”.
        case notice
        /// “info”.
        case info
        /// “alert”.
        case alert
        /// What this version does not know.
        case other(String)

        /// Reads a word.
        public init(rawValue: String) {
            self =
                switch rawValue {
                case "notice": .notice
                case "info": .info
                case "alert": .alert
                default: .other(rawValue)
                }
        }

        /// The word.
        public var rawValue: String {
            switch self {
            case .notice: "notice"
            case .info: "info"
            case .alert: "alert"
            case .other(let word): word
            }
        }
    }

    /// What `LogAnswerEntry` stands for.
    public struct LogAnswerEntry: Codable, Hashable, Sendable {
        /// It grows by one with each.
        public var number: Int64
        /// When it was. RFC 3339, in UTC.
        public var time: Date
        /// The block then. The height of a block.
        public var blockheight: Int64
        /// How grave it is.
        public var level: LogAnswerEntryLevel
        /// What happened.
        public var text: String

        /// Puts one together, for tests and previews.
        public init(number: Int64, time: Date, blockheight: Int64, level: LogAnswerEntryLevel, text: String) {
            self.number = number
            self.time = time
            self.blockheight = blockheight
            self.level = level
            self.text = text
        }

        private enum CodingKeys: String, CodingKey {
            case number
            case time
            case blockheight
            case level
            case text
        }
    }

    /// What `LogAnswer` stands for.
    public struct LogAnswer: Codable, Hashable, Sendable {
        /// The entries.
        public var entries: [LogAnswerEntry]
        /// Where the next page begins; null where there is none. Where a list goes on.
        public var next: String?

        /// Puts one together, for tests and previews.
        public init(entries: [LogAnswerEntry], next: String? = nil) {
            self.entries = entries
            self.next = next
        }

        private enum CodingKeys: String, CodingKey {
            case entries
            case next
        }
    }

    /// What `ConnectAnswer` stands for.
    public struct ConnectAnswer: Codable, Hashable, Sendable {
        /// Of the node. A node's public key, in hex.
        public var id: String

        /// Puts one together, for tests and previews.
        public init(id: String) {
            self.id = id
        }

        private enum CodingKeys: String, CodingKey {
            case id
        }
    }

    /// What `DisconnectAnswer` stands for.
    public struct DisconnectAnswer: Codable, Hashable, Sendable {
        /// Of the node. A node's public key, in hex.
        public var id: String
        /// Whether it is called again, for there is a channel with it.
        public var reconnects: Bool

        /// Puts one together, for tests and previews.
        public init(id: String, reconnects: Bool) {
            self.id = id
            self.reconnects = reconnects
        }

        private enum CodingKeys: String, CodingKey {
            case id
            case reconnects
        }
    }

    /// A node that this one is connected to.
    public struct Peer: Codable, Hashable, Sendable {
        /// Which. A node's public key, in hex.
        public var id: String
        /// Whether it has said what it can do.
        public var connected: Bool
        /// What it can do: BOLT 9.
        public var features: String

        /// Puts one together, for tests and previews.
        public init(id: String, connected: Bool, features: String) {
            self.id = id
            self.connected = connected
            self.features = features
        }

        private enum CodingKeys: String, CodingKey {
            case id
            case connected
            case features
        }
    }
}
