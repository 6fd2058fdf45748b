public import Foundation

// Backups: what calls take and give. Made from the table of calls: see `SwiftClient`.
extension RemoteNode {
    /// What `BackupAnswerChannel` stands for.
    public struct BackupAnswerChannel: Codable, Hashable, Sendable {
        /// BOLT 2's. BOLT 2's channel_id, in hex.
        public var channelId: String
        /// Where its funding is. Block, transaction and output: BOLT 7.
        public var shortChannelId: String?
        /// The node at the other end. A node's public key, in hex.
        public var peerId: String
        /// What is in it. Satoshi.
        public var capacitySat: Int64
        /// Where the peer may be found.
        public var addresses: [String]

        /// Puts one together, for tests and previews.
        public init(channelId: String, shortChannelId: String? = nil, peerId: String, capacitySat: Int64, addresses: [String]) {
            self.channelId = channelId
            self.shortChannelId = shortChannelId
            self.peerId = peerId
            self.capacitySat = capacitySat
            self.addresses = addresses
        }

        private enum CodingKeys: String, CodingKey {
            case channelId = "channel_id"
            case shortChannelId = "short_channel_id"
            case peerId = "peer_id"
            case capacitySat = "capacity_sat"
            case addresses
        }
    }

    /// What `BackupAnswer` stands for.
    public struct BackupAnswer: Codable, Hashable, Sendable {
        /// It grows with each one.
        public var revision: Int64
        /// When it was made. RFC 3339, in UTC.
        public var createdAt: Date
        /// The channels that it recovers.
        public var channels: [BackupAnswerChannel]
        /// The backup. Bytes in hex.
        public var backup: String

        /// Puts one together, for tests and previews.
        public init(revision: Int64, createdAt: Date, channels: [BackupAnswerChannel], backup: String) {
            self.revision = revision
            self.createdAt = createdAt
            self.channels = channels
            self.backup = backup
        }

        private enum CodingKeys: String, CodingKey {
            case revision
            case createdAt = "created_at"
            case channels
            case backup
        }
    }

    /// What `ReadbackupAnswerChannel` stands for.
    public struct ReadbackupAnswerChannel: Codable, Hashable, Sendable {
        /// BOLT 2's. BOLT 2's channel_id, in hex.
        public var channelId: String
        /// Where its funding is. Block, transaction and output: BOLT 7.
        public var shortChannelId: String?
        /// The node at the other end. A node's public key, in hex.
        public var peerId: String
        /// What is in it. Satoshi.
        public var capacitySat: Int64
        /// Where the peer may be found.
        public var addresses: [String]

        /// Puts one together, for tests and previews.
        public init(channelId: String, shortChannelId: String? = nil, peerId: String, capacitySat: Int64, addresses: [String]) {
            self.channelId = channelId
            self.shortChannelId = shortChannelId
            self.peerId = peerId
            self.capacitySat = capacitySat
            self.addresses = addresses
        }

        private enum CodingKeys: String, CodingKey {
            case channelId = "channel_id"
            case shortChannelId = "short_channel_id"
            case peerId = "peer_id"
            case capacitySat = "capacity_sat"
            case addresses
        }
    }

    /// What `ReadbackupAnswer` stands for.
    public struct ReadbackupAnswer: Codable, Hashable, Sendable {
        /// It grows with each one.
        public var revision: Int64
        /// When it was made. RFC 3339, in UTC.
        public var createdAt: Date
        /// The channels that it recovers.
        public var channels: [ReadbackupAnswerChannel]
        /// Channels that this node does not know.
        public var unknownChannels: Int64
        /// Of this node's own.
        public var newestRevision: Int64

        /// Puts one together, for tests and previews.
        public init(revision: Int64, createdAt: Date, channels: [ReadbackupAnswerChannel], unknownChannels: Int64, newestRevision: Int64) {
            self.revision = revision
            self.createdAt = createdAt
            self.channels = channels
            self.unknownChannels = unknownChannels
            self.newestRevision = newestRevision
        }

        private enum CodingKeys: String, CodingKey {
            case revision
            case createdAt = "created_at"
            case channels
            case unknownChannels = "unknown_channels"
            case newestRevision = "newest_revision"
        }
    }

    /// What `RestorechannelsAnswer` stands for.
    public struct RestorechannelsAnswer: Codable, Hashable, Sendable {
        /// Those that are being recovered.
        public var restored: [String]
        /// Why others are not.
        public var refused: [String]

        /// Puts one together, for tests and previews.
        public init(restored: [String], refused: [String]) {
            self.restored = restored
            self.refused = refused
        }

        private enum CodingKeys: String, CodingKey {
            case restored
            case refused
        }
    }

    /// What `BackupdatabaseAnswer` stands for.
    public struct BackupdatabaseAnswer: Codable, Hashable, Sendable {
        /// The file.
        public var path: String

        /// Puts one together, for tests and previews.
        public init(path: String) {
            self.path = path
        }

        private enum CodingKeys: String, CodingKey {
            case path
        }
    }
}
