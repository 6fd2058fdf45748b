// Watchtowers: what calls take and give. Made from the table of calls: see `SwiftClient`.
extension RemoteNode {
    /// What `AddwatchtowerAnswer` stands for.
    public struct AddwatchtowerAnswer: Codable, Hashable, Sendable {
        /// Of the tower. A node's public key, in hex.
        public var id: String

        /// Puts one together, for tests and previews.
        public init(id: String) {
            self.id = id
        }

        private enum CodingKeys: String, CodingKey {
            case id
        }
    }

    /// What `RemovewatchtowerAnswer` stands for.
    public struct RemovewatchtowerAnswer: Codable, Hashable, Sendable {
        /// Of the tower. A node's public key, in hex.
        public var id: String

        /// Puts one together, for tests and previews.
        public init(id: String) {
            self.id = id
        }

        private enum CodingKeys: String, CodingKey {
            case id
        }
    }

    /// What `ListwatchtowersAnswerWatchtowerChannel` stands for.
    public struct ListwatchtowersAnswerWatchtowerChannel: Codable, Hashable, Sendable {
        /// Which. BOLT 2's channel_id, in hex.
        public var channelId: String
        /// Where its funding is; null before it is in a block. Block, transaction and output: BOLT 7.
        public var shortChannelId: String?
        /// States that the peer must not publish any more.
        public var revokedStates: Int64
        /// Whether it has confirmed a kit for each of them in which the peer had anything, and takes more: the tower was
        /// there, the channel was funded after it was added, nothing waits, nothing was lost.
        public var complete: Bool

        /// Puts one together, for tests and previews.
        public init(channelId: String, shortChannelId: String? = nil, revokedStates: Int64, complete: Bool) {
            self.channelId = channelId
            self.shortChannelId = shortChannelId
            self.revokedStates = revokedStates
            self.complete = complete
        }

        private enum CodingKeys: String, CodingKey {
            case channelId = "channel_id"
            case shortChannelId = "short_channel_id"
            case revokedStates = "revoked_states"
            case complete
        }
    }

    /// What `ListwatchtowersAnswerWatchtower` stands for.
    public struct ListwatchtowersAnswerWatchtower: Codable, Hashable, Sendable {
        /// Which. A node's public key, in hex.
        public var id: String
        /// Whether it is there.
        public var connected: Bool
        /// From which block on it was given something. The height of a block.
        public var sinceBlock: Int64
        /// Revoked states for it.
        public var kitsMade: Int64
        /// Those that it has.
        public var kitsStored: Int64
        /// Those that it has not yet.
        public var kitsWaiting: Int64
        /// Those that it will not have: never made, for too many waited, or lost by it.
        public var kitsLost: Int64
        /// Why it takes nothing.
        public var refusal: String?
        /// The channels that are not closed, and whether it can punish whatever their peers publish.
        public var channels: [ListwatchtowersAnswerWatchtowerChannel]

        /// Puts one together, for tests and previews.
        public init(
            id: String, connected: Bool, sinceBlock: Int64, kitsMade: Int64, kitsStored: Int64, kitsWaiting: Int64, kitsLost: Int64,
            refusal: String? = nil, channels: [ListwatchtowersAnswerWatchtowerChannel]
        ) {
            self.id = id
            self.connected = connected
            self.sinceBlock = sinceBlock
            self.kitsMade = kitsMade
            self.kitsStored = kitsStored
            self.kitsWaiting = kitsWaiting
            self.kitsLost = kitsLost
            self.refusal = refusal
            self.channels = channels
        }

        private enum CodingKeys: String, CodingKey {
            case id
            case connected
            case sinceBlock = "since_block"
            case kitsMade = "kits_made"
            case kitsStored = "kits_stored"
            case kitsWaiting = "kits_waiting"
            case kitsLost = "kits_lost"
            case refusal
            case channels
        }
    }

    /// What `ListwatchtowersAnswerService` stands for.
    public struct ListwatchtowersAnswerService: Codable, Hashable, Sendable {
        /// Whether this node is a tower.
        public var serves: Bool
        /// Whom it watches for.
        public var clients: Int64
        /// What it keeps for them.
        public var kits: Int64
        /// What it has punished.
        public var breaches: Int64

        /// Puts one together, for tests and previews.
        public init(serves: Bool, clients: Int64, kits: Int64, breaches: Int64) {
            self.serves = serves
            self.clients = clients
            self.kits = kits
            self.breaches = breaches
        }

        private enum CodingKeys: String, CodingKey {
            case serves
            case clients
            case kits
            case breaches
        }
    }

    /// What `ListwatchtowersAnswer` stands for.
    public struct ListwatchtowersAnswer: Codable, Hashable, Sendable {
        /// The towers.
        public var watchtowers: [ListwatchtowersAnswerWatchtower]
        /// What this node does for others.
        public var service: ListwatchtowersAnswerService

        /// Puts one together, for tests and previews.
        public init(watchtowers: [ListwatchtowersAnswerWatchtower], service: ListwatchtowersAnswerService) {
            self.watchtowers = watchtowers
            self.service = service
        }

        private enum CodingKeys: String, CodingKey {
            case watchtowers
            case service
        }
    }
}
