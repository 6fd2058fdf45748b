public import Foundation

// Channels: what calls take and give. Made from the table of calls: see `SwiftClient`.
extension RemoteNode {
    /// What `OpenchannelAnswer` stands for.
    public struct OpenchannelAnswer: Codable, Hashable, Sendable {
        /// Of the channel. BOLT 2's channel_id, in hex.
        public var channelId: String

        /// Puts one together, for tests and previews.
        public init(channelId: String) {
            self.channelId = channelId
        }

        private enum CodingKeys: String, CodingKey {
            case channelId = "channel_id"
        }
    }

    /// What a transaction would come to.
    public struct FundingQuote: Codable, Hashable, Sendable {
        /// What it would pay. Satoshi.
        public var amountSat: Int64
        /// Its fee. Satoshi.
        public var feeSat: Int64
        /// Of it. Satoshi for a thousand units of weight: 250 for each satoshi per virtual byte.
        public var feeRateSatKw: Int64
        /// How large it would be. Virtual bytes.
        public var vsize: Int64
        /// What would be left on chain. Satoshi.
        public var leftSat: Int64
        /// What is kept for the claims of closes. Satoshi.
        public var reserveSat: Int64

        /// Puts one together, for tests and previews.
        public init(amountSat: Int64, feeSat: Int64, feeRateSatKw: Int64, vsize: Int64, leftSat: Int64, reserveSat: Int64) {
            self.amountSat = amountSat
            self.feeSat = feeSat
            self.feeRateSatKw = feeRateSatKw
            self.vsize = vsize
            self.leftSat = leftSat
            self.reserveSat = reserveSat
        }

        private enum CodingKeys: String, CodingKey {
            case amountSat = "amount_sat"
            case feeSat = "fee_sat"
            case feeRateSatKw = "fee_rate_sat_kw"
            case vsize
            case leftSat = "left_sat"
            case reserveSat = "reserve_sat"
        }
    }

    /// One of some words; `other` is one of a later version.
    public enum ChannelState: RawRepresentable, Codable, Hashable, Sendable {
        /// “normal”.
        case normal
        /// “opening”.
        case opening
        /// “confirming”.
        case confirming
        /// “unconfirmed”.
        case unconfirmed
        /// “shutdown”.
        case shutdown
        /// “closing”.
        case closing
        /// “closed”.
        case closed
        /// “forceclosing”.
        case forceclosing
        /// “abandoned”.
        case abandoned
        /// “data-lost”.
        case dataLost
        /// “double-spent”.
        case doubleSpent
        /// What this version does not know.
        case other(String)

        /// Reads a word.
        public init(rawValue: String) {
            self =
                switch rawValue {
                case "normal": .normal
                case "opening": .opening
                case "confirming": .confirming
                case "unconfirmed": .unconfirmed
                case "shutdown": .shutdown
                case "closing": .closing
                case "closed": .closed
                case "forceclosing": .forceclosing
                case "abandoned": .abandoned
                case "data-lost": .dataLost
                case "double-spent": .doubleSpent
                default: .other(rawValue)
                }
        }

        /// The word.
        public var rawValue: String {
            switch self {
            case .normal: "normal"
            case .opening: "opening"
            case .confirming: "confirming"
            case .unconfirmed: "unconfirmed"
            case .shutdown: "shutdown"
            case .closing: "closing"
            case .closed: "closed"
            case .forceclosing: "forceclosing"
            case .abandoned: "abandoned"
            case .dataLost: "data-lost"
            case .doubleSpent: "double-spent"
            case .other(let word): word
            }
        }
    }

    /// One of some words; `other` is one of a later version.
    public enum ChannelOpener: RawRepresentable, Codable, Hashable, Sendable {
        /// “local”.
        case local
        /// “remote”.
        case remote
        /// What this version does not know.
        case other(String)

        /// Reads a word.
        public init(rawValue: String) {
            self =
                switch rawValue {
                case "local": .local
                case "remote": .remote
                default: .other(rawValue)
                }
        }

        /// The word.
        public var rawValue: String {
            switch self {
            case .local: "local"
            case .remote: "remote"
            case .other(let word): word
            }
        }
    }

    /// What `ChannelCloseOutput` stands for.
    public struct ChannelCloseOutput: Codable, Hashable, Sendable {
        /// Which. A transaction's id and an output's number.
        public var outpoint: String
        /// What is in it. Satoshi.
        public var amountSat: Int64
        /// What it is. What an output of a close is.
        public var role: String
        /// What becomes of it.
        public var status: String
        /// From which block the other side of an HTLC can take it. The height of a block.
        public var expiry: Int64?

        /// Puts one together, for tests and previews.
        public init(outpoint: String, amountSat: Int64, role: String, status: String, expiry: Int64? = nil) {
            self.outpoint = outpoint
            self.amountSat = amountSat
            self.role = role
            self.status = status
            self.expiry = expiry
        }

        private enum CodingKeys: String, CodingKey {
            case outpoint
            case amountSat = "amount_sat"
            case role
            case status
            case expiry
        }
    }

    /// A channel, as it stands.
    public struct Channel: Codable, Hashable, Sendable {
        /// BOLT 2's. BOLT 2's channel_id, in hex.
        public var channelId: String
        /// The node at the other end. A node's public key, in hex.
        public var peerId: String
        /// What it calls itself.
        public var peerAlias: String?
        /// Where its funding is; null until it is in a block. Block, transaction and output: BOLT 7.
        public var shortChannelId: String?
        /// What it is called in invoices' hints. Block, transaction and output: BOLT 7.
        public var alias: String
        /// How it stands.
        public var state: ChannelState
        /// Whether this database may be older than the channel: nothing of it is published then.
        public var possiblyBehind: Bool
        /// Whether its peer is there.
        public var connected: Bool
        /// BOLT 2's channel_type.
        public var channelType: String
        /// Who opened it, and pays for the commitments.
        public var opener: ChannelOpener
        /// The transaction that funds it. A transaction's id, in hex as block explorers show it.
        public var fundingTxid: String
        /// Which of its outputs.
        public var fundingOutputIndex: Int64
        /// What is in it. Satoshi.
        public var fundingSatoshis: Int64
        /// The block of the funding. The height of a block.
        public var fundingHeight: Int64?
        /// What is ours, HTLCs not counted. Thousandths of a satoshi.
        public var toLocalMsat: Int64
        /// What is the peer's. Thousandths of a satoshi.
        public var toRemoteMsat: Int64
        /// What can be paid over it now. Thousandths of a satoshi.
        public var spendableMsat: Int64
        /// What can be received over it now. Thousandths of a satoshi.
        public var receivableMsat: Int64
        /// What has to stay ours: BOLT 2's channel_reserve_satoshis of the peer. Satoshi.
        public var channelReserveSatoshis: Int64
        /// Of the commitments. Satoshi for a thousand units of weight: 250 for each satoshi per virtual byte.
        public var feeratePerKw: Int64
        /// Payments under way in it.
        public var numHtlcs: Int64
        /// What is under way without an output on chain. Thousandths of a satoshi.
        public var trustedDustMsat: Int64
        /// Why it is closed.
        public var reason: String?
        /// Who closed it, and how. Who closed it, and how.
        public var closeKind: String?
        /// The transaction that closed it. A transaction's id, in hex as block explorers show it.
        public var closeTxid: String?
        /// The block of that. The height of a block.
        public var closeHeight: Int64?
        /// The outputs that are ours or contested.
        public var closeOutputs: [ChannelCloseOutput]?

        /// Puts one together, for tests and previews.
        public init(
            channelId: String, peerId: String, peerAlias: String? = nil, shortChannelId: String? = nil, alias: String, state: ChannelState,
            possiblyBehind: Bool, connected: Bool, channelType: String, opener: ChannelOpener, fundingTxid: String,
            fundingOutputIndex: Int64, fundingSatoshis: Int64, fundingHeight: Int64? = nil, toLocalMsat: Int64, toRemoteMsat: Int64,
            spendableMsat: Int64, receivableMsat: Int64, channelReserveSatoshis: Int64, feeratePerKw: Int64, numHtlcs: Int64,
            trustedDustMsat: Int64, reason: String? = nil, closeKind: String? = nil, closeTxid: String? = nil, closeHeight: Int64? = nil,
            closeOutputs: [ChannelCloseOutput]? = nil
        ) {
            self.channelId = channelId
            self.peerId = peerId
            self.peerAlias = peerAlias
            self.shortChannelId = shortChannelId
            self.alias = alias
            self.state = state
            self.possiblyBehind = possiblyBehind
            self.connected = connected
            self.channelType = channelType
            self.opener = opener
            self.fundingTxid = fundingTxid
            self.fundingOutputIndex = fundingOutputIndex
            self.fundingSatoshis = fundingSatoshis
            self.fundingHeight = fundingHeight
            self.toLocalMsat = toLocalMsat
            self.toRemoteMsat = toRemoteMsat
            self.spendableMsat = spendableMsat
            self.receivableMsat = receivableMsat
            self.channelReserveSatoshis = channelReserveSatoshis
            self.feeratePerKw = feeratePerKw
            self.numHtlcs = numHtlcs
            self.trustedDustMsat = trustedDustMsat
            self.reason = reason
            self.closeKind = closeKind
            self.closeTxid = closeTxid
            self.closeHeight = closeHeight
            self.closeOutputs = closeOutputs
        }

        private enum CodingKeys: String, CodingKey {
            case channelId = "channel_id"
            case peerId = "peer_id"
            case peerAlias = "peer_alias"
            case shortChannelId = "short_channel_id"
            case alias
            case state
            case possiblyBehind = "possibly_behind"
            case connected
            case channelType = "channel_type"
            case opener
            case fundingTxid = "funding_txid"
            case fundingOutputIndex = "funding_output_index"
            case fundingSatoshis = "funding_satoshis"
            case fundingHeight = "funding_height"
            case toLocalMsat = "to_local_msat"
            case toRemoteMsat = "to_remote_msat"
            case spendableMsat = "spendable_msat"
            case receivableMsat = "receivable_msat"
            case channelReserveSatoshis = "channel_reserve_satoshis"
            case feeratePerKw = "feerate_per_kw"
            case numHtlcs = "num_htlcs"
            case trustedDustMsat = "trusted_dust_msat"
            case reason
            case closeKind = "close_kind"
            case closeTxid = "close_txid"
            case closeHeight = "close_height"
            case closeOutputs = "close_outputs"
        }
    }

    /// What `ListclosedchannelsAnswer` stands for.
    public struct ListclosedchannelsAnswer: Codable, Hashable, Sendable {
        /// The channels.
        public var channels: [Channel]
        /// Where the next page begins; null where there is none. Where a list goes on.
        public var next: String?

        /// Puts one together, for tests and previews.
        public init(channels: [Channel], next: String? = nil) {
            self.channels = channels
            self.next = next
        }

        private enum CodingKeys: String, CodingKey {
            case channels
            case next
        }
    }

    /// What `CloseAnswer` stands for.
    public struct CloseAnswer: Codable, Hashable, Sendable {
        /// Of the channel. BOLT 2's channel_id, in hex.
        public var channelId: String
        /// Whether its peer is there: otherwise it waits.
        public var connected: Bool
        /// The closing transaction, where both have signed it within three seconds. A transaction's id, in hex as block
        /// explorers show it.
        public var txid: String?

        /// Puts one together, for tests and previews.
        public init(channelId: String, connected: Bool, txid: String? = nil) {
            self.channelId = channelId
            self.connected = connected
            self.txid = txid
        }

        private enum CodingKeys: String, CodingKey {
            case channelId = "channel_id"
            case connected
            case txid
        }
    }

    /// What `QuotecloseAnswer` stands for.
    public struct QuotecloseAnswer: Codable, Hashable, Sendable {
        /// Of the channel. BOLT 2's channel_id, in hex.
        public var channelId: String
        /// What comes back. Satoshi.
        public var toLocalSat: Int64
        /// The fee. Satoshi.
        public var feeSat: Int64
        /// Whether we pay it.
        public var feeIsOurs: Bool
        /// Payments under way that are waited for.
        public var htlcs: Int64
        /// How large it would be. Virtual bytes.
        public var vsize: Int64

        /// Puts one together, for tests and previews.
        public init(channelId: String, toLocalSat: Int64, feeSat: Int64, feeIsOurs: Bool, htlcs: Int64, vsize: Int64) {
            self.channelId = channelId
            self.toLocalSat = toLocalSat
            self.feeSat = feeSat
            self.feeIsOurs = feeIsOurs
            self.htlcs = htlcs
            self.vsize = vsize
        }

        private enum CodingKeys: String, CodingKey {
            case channelId = "channel_id"
            case toLocalSat = "to_local_sat"
            case feeSat = "fee_sat"
            case feeIsOurs = "fee_is_ours"
            case htlcs
            case vsize
        }
    }

    /// What `ForcecloseAnswer` stands for.
    public struct ForcecloseAnswer: Codable, Hashable, Sendable {
        /// Of the channel. BOLT 2's channel_id, in hex.
        public var channelId: String
        /// The commitment that was published. A transaction's id, in hex as block explorers show it.
        public var txid: String?

        /// Puts one together, for tests and previews.
        public init(channelId: String, txid: String? = nil) {
            self.channelId = channelId
            self.txid = txid
        }

        private enum CodingKeys: String, CodingKey {
            case channelId = "channel_id"
            case txid
        }
    }

    /// Payments under way.
    public struct HTLCs: Codable, Hashable, Sendable {
        /// How many.
        public var count: Int64
        /// What they are worth. Satoshi.
        public var amountSat: Int64
        /// When the last of them expires. The height of a block.
        public var lastExpiry: Int64?

        /// Puts one together, for tests and previews.
        public init(count: Int64, amountSat: Int64, lastExpiry: Int64? = nil) {
            self.count = count
            self.amountSat = amountSat
            self.lastExpiry = lastExpiry
        }

        private enum CodingKeys: String, CodingKey {
            case count
            case amountSat = "amount_sat"
            case lastExpiry = "last_expiry"
        }
    }

    /// What closing a channel without its peer would come to.
    public struct ForceCloseQuote: Codable, Hashable, Sendable {
        /// Of which. BOLT 2's channel_id, in hex.
        public var channelId: String
        /// What it is called. Block, transaction and output: BOLT 7.
        public var shortChannelId: String
        /// The node at the other end. A node's public key, in hex.
        public var peerId: String
        /// Whether it would be a risk: this database may be an old copy.
        public var possiblyBehind: Bool
        /// A close that both have signed, and that waits to be mined. A transaction's id, in hex as block explorers show
        /// it.
        public var waitingCloseTxid: String?
        /// What is in it. Satoshi.
        public var capacitySat: Int64
        /// What goes into anchors. Satoshi.
        public var anchorsSat: Int64
        /// What comes back after the delay. Satoshi.
        public var toLocalSat: Int64
        /// The delay.
        public var delayBlocks: Int64
        /// Payments from us. Payments under way..
        public var offeredHtlcs: HTLCs
        /// Payments to us. Payments under way..
        public var receivedHtlcs: HTLCs
        /// What has no output on chain and goes to miners. Satoshi.
        public var lostSat: Int64
        /// The fee of the commitment. Satoshi.
        public var commitmentFeeSat: Int64
        /// Whether we pay it.
        public var commitmentFeeIsOurs: Bool
        /// What a child of it pays that brings it into a block. Satoshi.
        public var childFeeSat: Int64
        /// Whether there are coins for that.
        public var childIsCovered: Bool
        /// The peer's commitment, where it is published already. A transaction's id, in hex as block explorers show it.
        public var peersCommitmentTxid: String?
        /// What the claims cost at today's rate. Satoshi.
        public var claimFeesSat: Int64
        /// When all is back at the latest. The height of a block.
        public var backByHeight: Int64

        /// Puts one together, for tests and previews.
        public init(
            channelId: String, shortChannelId: String, peerId: String, possiblyBehind: Bool, waitingCloseTxid: String? = nil,
            capacitySat: Int64, anchorsSat: Int64, toLocalSat: Int64, delayBlocks: Int64, offeredHtlcs: HTLCs, receivedHtlcs: HTLCs,
            lostSat: Int64, commitmentFeeSat: Int64, commitmentFeeIsOurs: Bool, childFeeSat: Int64, childIsCovered: Bool,
            peersCommitmentTxid: String? = nil, claimFeesSat: Int64, backByHeight: Int64
        ) {
            self.channelId = channelId
            self.shortChannelId = shortChannelId
            self.peerId = peerId
            self.possiblyBehind = possiblyBehind
            self.waitingCloseTxid = waitingCloseTxid
            self.capacitySat = capacitySat
            self.anchorsSat = anchorsSat
            self.toLocalSat = toLocalSat
            self.delayBlocks = delayBlocks
            self.offeredHtlcs = offeredHtlcs
            self.receivedHtlcs = receivedHtlcs
            self.lostSat = lostSat
            self.commitmentFeeSat = commitmentFeeSat
            self.commitmentFeeIsOurs = commitmentFeeIsOurs
            self.childFeeSat = childFeeSat
            self.childIsCovered = childIsCovered
            self.peersCommitmentTxid = peersCommitmentTxid
            self.claimFeesSat = claimFeesSat
            self.backByHeight = backByHeight
        }

        private enum CodingKeys: String, CodingKey {
            case channelId = "channel_id"
            case shortChannelId = "short_channel_id"
            case peerId = "peer_id"
            case possiblyBehind = "possibly_behind"
            case waitingCloseTxid = "waiting_close_txid"
            case capacitySat = "capacity_sat"
            case anchorsSat = "anchors_sat"
            case toLocalSat = "to_local_sat"
            case delayBlocks = "delay_blocks"
            case offeredHtlcs = "offered_htlcs"
            case receivedHtlcs = "received_htlcs"
            case lostSat = "lost_sat"
            case commitmentFeeSat = "commitment_fee_sat"
            case commitmentFeeIsOurs = "commitment_fee_is_ours"
            case childFeeSat = "child_fee_sat"
            case childIsCovered = "child_is_covered"
            case peersCommitmentTxid = "peers_commitment_txid"
            case claimFeesSat = "claim_fees_sat"
            case backByHeight = "back_by_height"
        }
    }

    /// What `AbandonAnswer` stands for.
    public struct AbandonAnswer: Codable, Hashable, Sendable {
        /// By which it is known. A transaction's id, in hex as block explorers show it.
        public var txid: String
        /// How large it is. Virtual bytes.
        public var vsize: Int64
        /// What it pays; null where it is not known. Satoshi.
        public var feeSat: Int64?
        /// Of the channel. BOLT 2's channel_id, in hex.
        public var channelId: String

        /// Puts one together, for tests and previews.
        public init(txid: String, vsize: Int64, feeSat: Int64? = nil, channelId: String) {
            self.txid = txid
            self.vsize = vsize
            self.feeSat = feeSat
            self.channelId = channelId
        }

        private enum CodingKeys: String, CodingKey {
            case txid
            case vsize
            case feeSat = "fee_sat"
            case channelId = "channel_id"
        }
    }

    /// One of some words; `other` is one of a later version.
    public enum ChannelStoryState: RawRepresentable, Codable, Hashable, Sendable {
        /// “normal”.
        case normal
        /// “opening”.
        case opening
        /// “confirming”.
        case confirming
        /// “unconfirmed”.
        case unconfirmed
        /// “shutdown”.
        case shutdown
        /// “closing”.
        case closing
        /// “closed”.
        case closed
        /// “forceclosing”.
        case forceclosing
        /// “abandoned”.
        case abandoned
        /// “data-lost”.
        case dataLost
        /// “double-spent”.
        case doubleSpent
        /// What this version does not know.
        case other(String)

        /// Reads a word.
        public init(rawValue: String) {
            self =
                switch rawValue {
                case "normal": .normal
                case "opening": .opening
                case "confirming": .confirming
                case "unconfirmed": .unconfirmed
                case "shutdown": .shutdown
                case "closing": .closing
                case "closed": .closed
                case "forceclosing": .forceclosing
                case "abandoned": .abandoned
                case "data-lost": .dataLost
                case "double-spent": .doubleSpent
                default: .other(rawValue)
                }
        }

        /// The word.
        public var rawValue: String {
            switch self {
            case .normal: "normal"
            case .opening: "opening"
            case .confirming: "confirming"
            case .unconfirmed: "unconfirmed"
            case .shutdown: "shutdown"
            case .closing: "closing"
            case .closed: "closed"
            case .forceclosing: "forceclosing"
            case .abandoned: "abandoned"
            case .dataLost: "data-lost"
            case .doubleSpent: "double-spent"
            case .other(let word): word
            }
        }
    }

    /// What `ChannelStoryEvent` stands for.
    public struct ChannelStoryEvent: Codable, Hashable, Sendable {
        /// What is in the output. Satoshi.
        public var amountSat: Int64
        /// What it is. What an output of a close is.
        public var role: String
        /// What happened to it, or what it waits for.
        public var what: String
        /// The block in which that was. The height of a block.
        public var height: Int64?
        /// The transaction that did it. A transaction's id, in hex as block explorers show it.
        public var txid: String?
        /// What that paid; null where it is counted at another output. Satoshi; or null.
        public var feeSat: Int64?
        /// When the last claim was published. The height of a block.
        public var publishedAtHeight: Int64?
        /// How often layer 1 refused it.
        public var numRefused: Int64?
        /// From which block the other side of an HTLC can take it. The height of a block.
        public var expiry: Int64?

        /// Puts one together, for tests and previews.
        public init(
            amountSat: Int64, role: String, what: String, height: Int64? = nil, txid: String? = nil, feeSat: Int64? = nil,
            publishedAtHeight: Int64? = nil, numRefused: Int64? = nil, expiry: Int64? = nil
        ) {
            self.amountSat = amountSat
            self.role = role
            self.what = what
            self.height = height
            self.txid = txid
            self.feeSat = feeSat
            self.publishedAtHeight = publishedAtHeight
            self.numRefused = numRefused
            self.expiry = expiry
        }

        private enum CodingKeys: String, CodingKey {
            case amountSat = "amount_sat"
            case role
            case what
            case height
            case txid
            case feeSat = "fee_sat"
            case publishedAtHeight = "published_at_height"
            case numRefused = "num_refused"
            case expiry
        }
    }

    /// What became of a channel: who closed it and why, each output, and what it cost.
    public struct ChannelStory: Codable, Hashable, Sendable {
        /// BOLT 2's. BOLT 2's channel_id, in hex.
        public var channelId: String
        /// Where its funding is. Block, transaction and output: BOLT 7.
        public var shortChannelId: String?
        /// The node at the other end. A node's public key, in hex.
        public var peerId: String
        /// How it stands.
        public var state: ChannelStoryState
        /// What is or was in it. Satoshi.
        public var capacitySat: Int64
        /// Who opened it.
        public var openedByUs: Bool
        /// The transaction that funds it. A transaction's id, in hex as block explorers show it.
        public var fundingTxid: String
        /// The block of that. The height of a block.
        public var fundingHeight: Int64?
        /// Why it is closed.
        public var reason: String?
        /// A close that both have signed, and that waits to be mined. A transaction's id, in hex as block explorers show
        /// it.
        public var waitingCloseTxid: String?
        /// Who closed it, and how. Who closed it, and how.
        public var closeKind: String?
        /// The transaction that closed it. A transaction's id, in hex as block explorers show it.
        public var closeTxid: String?
        /// The block of that. The height of a block.
        public var closeHeight: Int64?
        /// What that transaction paid; null where it is not known. Satoshi; or null.
        public var closeFeeSat: Int64?
        /// What we paid to bring it into a block. Satoshi.
        public var childFeeSat: Int64?
        /// What happened to each output, in the order of blocks.
        public var events: [ChannelStoryEvent]?
        /// From which block on nothing can change any more; null until all is claimed. The height of a block; or null.
        public var irrevocableHeight: Int64?
        /// What claims have cost. Satoshi.
        public var claimFeesSat: Int64?
        /// What came back. Satoshi.
        public var claimedSat: Int64?

        /// Puts one together, for tests and previews.
        public init(
            channelId: String, shortChannelId: String? = nil, peerId: String, state: ChannelStoryState, capacitySat: Int64,
            openedByUs: Bool, fundingTxid: String, fundingHeight: Int64? = nil, reason: String? = nil, waitingCloseTxid: String? = nil,
            closeKind: String? = nil, closeTxid: String? = nil, closeHeight: Int64? = nil, closeFeeSat: Int64? = nil,
            childFeeSat: Int64? = nil, events: [ChannelStoryEvent]? = nil, irrevocableHeight: Int64? = nil, claimFeesSat: Int64? = nil,
            claimedSat: Int64? = nil
        ) {
            self.channelId = channelId
            self.shortChannelId = shortChannelId
            self.peerId = peerId
            self.state = state
            self.capacitySat = capacitySat
            self.openedByUs = openedByUs
            self.fundingTxid = fundingTxid
            self.fundingHeight = fundingHeight
            self.reason = reason
            self.waitingCloseTxid = waitingCloseTxid
            self.closeKind = closeKind
            self.closeTxid = closeTxid
            self.closeHeight = closeHeight
            self.closeFeeSat = closeFeeSat
            self.childFeeSat = childFeeSat
            self.events = events
            self.irrevocableHeight = irrevocableHeight
            self.claimFeesSat = claimFeesSat
            self.claimedSat = claimedSat
        }

        private enum CodingKeys: String, CodingKey {
            case channelId = "channel_id"
            case shortChannelId = "short_channel_id"
            case peerId = "peer_id"
            case state
            case capacitySat = "capacity_sat"
            case openedByUs = "opened_by_us"
            case fundingTxid = "funding_txid"
            case fundingHeight = "funding_height"
            case reason
            case waitingCloseTxid = "waiting_close_txid"
            case closeKind = "close_kind"
            case closeTxid = "close_txid"
            case closeHeight = "close_height"
            case closeFeeSat = "close_fee_sat"
            case childFeeSat = "child_fee_sat"
            case events
            case irrevocableHeight = "irrevocable_height"
            case claimFeesSat = "claim_fees_sat"
            case claimedSat = "claimed_sat"
        }
    }

    /// What `SetchannelAnswerChannel` stands for.
    public struct SetchannelAnswerChannel: Codable, Hashable, Sendable {
        /// Of which. Block, transaction and output: BOLT 7.
        public var shortChannelId: String
        /// For each forward. Thousandths of a satoshi.
        public var feeBaseMsat: Int64
        /// Of what is forwarded. Millionths.
        public var feeProportionalMillionths: Int64
        /// Between the two sides of a forward. Blocks.
        public var cltvExpiryDelta: Int64
        /// Nothing smaller is forwarded. Thousandths of a satoshi.
        public var htlcMinimumMsat: Int64
        /// Nothing larger is forwarded. Thousandths of a satoshi.
        public var htlcMaximumMsat: Int64?

        /// Puts one together, for tests and previews.
        public init(
            shortChannelId: String, feeBaseMsat: Int64, feeProportionalMillionths: Int64, cltvExpiryDelta: Int64, htlcMinimumMsat: Int64,
            htlcMaximumMsat: Int64? = nil
        ) {
            self.shortChannelId = shortChannelId
            self.feeBaseMsat = feeBaseMsat
            self.feeProportionalMillionths = feeProportionalMillionths
            self.cltvExpiryDelta = cltvExpiryDelta
            self.htlcMinimumMsat = htlcMinimumMsat
            self.htlcMaximumMsat = htlcMaximumMsat
        }

        private enum CodingKeys: String, CodingKey {
            case shortChannelId = "short_channel_id"
            case feeBaseMsat = "fee_base_msat"
            case feeProportionalMillionths = "fee_proportional_millionths"
            case cltvExpiryDelta = "cltv_expiry_delta"
            case htlcMinimumMsat = "htlc_minimum_msat"
            case htlcMaximumMsat = "htlc_maximum_msat"
        }
    }

    /// What `SetchannelAnswer` stands for.
    public struct SetchannelAnswer: Codable, Hashable, Sendable {
        /// What holds now.
        public var channels: [SetchannelAnswerChannel]

        /// Puts one together, for tests and previews.
        public init(channels: [SetchannelAnswerChannel]) {
            self.channels = channels
        }

        private enum CodingKeys: String, CodingKey {
            case channels
        }
    }

    /// One of some words; `other` is one of a later version.
    public enum ListforwardsStatus: RawRepresentable, Codable, Hashable, Sendable {
        /// “settled”.
        case settled
        /// “pending”.
        case pending
        /// “settling”.
        case settling
        /// “failed”.
        case failed
        /// What this version does not know.
        case other(String)

        /// Reads a word.
        public init(rawValue: String) {
            self =
                switch rawValue {
                case "settled": .settled
                case "pending": .pending
                case "settling": .settling
                case "failed": .failed
                default: .other(rawValue)
                }
        }

        /// The word.
        public var rawValue: String {
            switch self {
            case .settled: "settled"
            case .pending: "pending"
            case .settling: "settling"
            case .failed: "failed"
            case .other(let word): word
            }
        }
    }

    /// One of some words; `other` is one of a later version.
    public enum ListforwardsAnswerForwardStatus: RawRepresentable, Codable, Hashable, Sendable {
        /// “settled”.
        case settled
        /// “pending”.
        case pending
        /// “settling”.
        case settling
        /// “failed”.
        case failed
        /// What this version does not know.
        case other(String)

        /// Reads a word.
        public init(rawValue: String) {
            self =
                switch rawValue {
                case "settled": .settled
                case "pending": .pending
                case "settling": .settling
                case "failed": .failed
                default: .other(rawValue)
                }
        }

        /// The word.
        public var rawValue: String {
            switch self {
            case .settled: "settled"
            case .pending: "pending"
            case .settling: "settling"
            case .failed: "failed"
            case .other(let word): word
            }
        }
    }

    /// What `ListforwardsAnswerForward` stands for.
    public struct ListforwardsAnswerForward: Codable, Hashable, Sendable {
        /// Of the payment. The SHA-256 of a preimage, in hex.
        public var paymentHash: String
        /// Over which it came. A channel's short id, its alias, or its id.
        public var inChannel: String
        /// Over which it went on. A channel's short id, its alias, or its id.
        public var outChannel: String
        /// What came. Thousandths of a satoshi.
        public var inMsat: Int64
        /// What went on. Thousandths of a satoshi.
        public var outMsat: Int64
        /// What this node gets. Thousandths of a satoshi.
        public var feeMsat: Int64
        /// When it came. RFC 3339, in UTC.
        public var receivedAt: Date
        /// How it stands.
        public var status: ListforwardsAnswerForwardStatus
        /// When it was over. RFC 3339, in UTC.
        public var resolvedAt: Date?
        /// Why it came back.
        public var failure: String?

        /// Puts one together, for tests and previews.
        public init(
            paymentHash: String, inChannel: String, outChannel: String, inMsat: Int64, outMsat: Int64, feeMsat: Int64, receivedAt: Date,
            status: ListforwardsAnswerForwardStatus, resolvedAt: Date? = nil, failure: String? = nil
        ) {
            self.paymentHash = paymentHash
            self.inChannel = inChannel
            self.outChannel = outChannel
            self.inMsat = inMsat
            self.outMsat = outMsat
            self.feeMsat = feeMsat
            self.receivedAt = receivedAt
            self.status = status
            self.resolvedAt = resolvedAt
            self.failure = failure
        }

        private enum CodingKeys: String, CodingKey {
            case paymentHash = "payment_hash"
            case inChannel = "in_channel"
            case outChannel = "out_channel"
            case inMsat = "in_msat"
            case outMsat = "out_msat"
            case feeMsat = "fee_msat"
            case receivedAt = "received_at"
            case status
            case resolvedAt = "resolved_at"
            case failure
        }
    }

    /// What forwarding has come to.
    public struct ForwardTotals: Codable, Hashable, Sendable {
        /// That succeeded.
        public var numForwards: Int64
        /// That came back.
        public var numFailed: Int64
        /// What was forwarded. Thousandths of a satoshi.
        public var amountMsat: Int64
        /// What was earned. Thousandths of a satoshi.
        public var feesMsat: Int64

        /// Puts one together, for tests and previews.
        public init(numForwards: Int64, numFailed: Int64, amountMsat: Int64, feesMsat: Int64) {
            self.numForwards = numForwards
            self.numFailed = numFailed
            self.amountMsat = amountMsat
            self.feesMsat = feesMsat
        }

        private enum CodingKeys: String, CodingKey {
            case numForwards = "num_forwards"
            case numFailed = "num_failed"
            case amountMsat = "amount_msat"
            case feesMsat = "fees_msat"
        }
    }

    /// What `ListforwardsAnswer` stands for.
    public struct ListforwardsAnswer: Codable, Hashable, Sendable {
        /// The forwards.
        public var forwards: [ListforwardsAnswerForward]
        /// Where the next page begins; null where there is none. Where a list goes on.
        public var next: String?
        /// All that there ever were. What forwarding has come to..
        public var totals: ForwardTotals

        /// Puts one together, for tests and previews.
        public init(forwards: [ListforwardsAnswerForward], next: String? = nil, totals: ForwardTotals) {
            self.forwards = forwards
            self.next = next
            self.totals = totals
        }

        private enum CodingKeys: String, CodingKey {
            case forwards
            case next
            case totals
        }
    }

    /// What `FeereportAnswerChannel` stands for.
    public struct FeereportAnswerChannel: Codable, Hashable, Sendable {
        /// Of which. Block, transaction and output: BOLT 7.
        public var shortChannelId: String
        /// Its other end. A node's public key, in hex.
        public var peerId: String
        /// For each forward. Thousandths of a satoshi.
        public var feeBaseMsat: Int64
        /// Of what is forwarded. Millionths.
        public var feeProportionalMillionths: Int64
        /// Between the two sides of a forward. Blocks.
        public var cltvExpiryDelta: Int64
        /// Nothing smaller is forwarded. Thousandths of a satoshi.
        public var htlcMinimumMsat: Int64
        /// Nothing larger is forwarded. Thousandths of a satoshi.
        public var htlcMaximumMsat: Int64?
        /// Over it.
        public var numForwards: Int64
        /// What they earned. Thousandths of a satoshi.
        public var feesMsat: Int64

        /// Puts one together, for tests and previews.
        public init(
            shortChannelId: String, peerId: String, feeBaseMsat: Int64, feeProportionalMillionths: Int64, cltvExpiryDelta: Int64,
            htlcMinimumMsat: Int64, htlcMaximumMsat: Int64? = nil, numForwards: Int64, feesMsat: Int64
        ) {
            self.shortChannelId = shortChannelId
            self.peerId = peerId
            self.feeBaseMsat = feeBaseMsat
            self.feeProportionalMillionths = feeProportionalMillionths
            self.cltvExpiryDelta = cltvExpiryDelta
            self.htlcMinimumMsat = htlcMinimumMsat
            self.htlcMaximumMsat = htlcMaximumMsat
            self.numForwards = numForwards
            self.feesMsat = feesMsat
        }

        private enum CodingKeys: String, CodingKey {
            case shortChannelId = "short_channel_id"
            case peerId = "peer_id"
            case feeBaseMsat = "fee_base_msat"
            case feeProportionalMillionths = "fee_proportional_millionths"
            case cltvExpiryDelta = "cltv_expiry_delta"
            case htlcMinimumMsat = "htlc_minimum_msat"
            case htlcMaximumMsat = "htlc_maximum_msat"
            case numForwards = "num_forwards"
            case feesMsat = "fees_msat"
        }
    }

    /// What `FeereportAnswerClosedChannels` stands for.
    public struct FeereportAnswerClosedChannels: Codable, Hashable, Sendable {
        /// Over them.
        public var numForwards: Int64
        /// What they earned. Thousandths of a satoshi.
        public var feesMsat: Int64

        /// Puts one together, for tests and previews.
        public init(numForwards: Int64, feesMsat: Int64) {
            self.numForwards = numForwards
            self.feesMsat = feesMsat
        }

        private enum CodingKeys: String, CodingKey {
            case numForwards = "num_forwards"
            case feesMsat = "fees_msat"
        }
    }

    /// What `FeereportAnswer` stands for.
    public struct FeereportAnswer: Codable, Hashable, Sendable {
        /// The channels that are open.
        public var channels: [FeereportAnswerChannel]
        /// Those that are closed.
        public var closedChannels: FeereportAnswerClosedChannels
        /// All together. What forwarding has come to..
        public var totals: ForwardTotals

        /// Puts one together, for tests and previews.
        public init(channels: [FeereportAnswerChannel], closedChannels: FeereportAnswerClosedChannels, totals: ForwardTotals) {
            self.channels = channels
            self.closedChannels = closedChannels
            self.totals = totals
        }

        private enum CodingKeys: String, CodingKey {
            case channels
            case closedChannels = "closed_channels"
            case totals
        }
    }
}
