public import Foundation

// The network: what calls take and give. Made from the table of calls: see `SwiftClient`.
extension RemoteNode {
    /// What `GraphAnswerNode` stands for.
    public struct GraphAnswerNode: Codable, Hashable, Sendable {
        /// Which. A node's public key, in hex.
        public var id: String
        /// What it calls itself.
        public var alias: String?
        /// Public channels of it.
        public var numChannels: Int64
        /// What is in them. Satoshi.
        public var capacitySat: Int64
        /// Whether it is this node.
        public var isSelf: Bool

        /// Puts one together, for tests and previews.
        public init(id: String, alias: String? = nil, numChannels: Int64, capacitySat: Int64, isSelf: Bool) {
            self.id = id
            self.alias = alias
            self.numChannels = numChannels
            self.capacitySat = capacitySat
            self.isSelf = isSelf
        }

        private enum CodingKeys: String, CodingKey {
            case id
            case alias
            case numChannels = "num_channels"
            case capacitySat = "capacity_sat"
            case isSelf = "is_self"
        }
    }

    /// The terms of one direction of a public channel.
    public struct RoutingPolicy: Codable, Hashable, Sendable {
        /// For each forward. Thousandths of a satoshi.
        public var feeBaseMsat: Int64
        /// Of what is forwarded. Millionths.
        public var feeProportionalMillionths: Int64
        /// Between the two sides of a forward. Blocks.
        public var cltvExpiryDelta: Int64
        /// Nothing smaller is forwarded. Thousandths of a satoshi.
        public var htlcMinimumMsat: Int64
        /// Nothing larger is forwarded. Thousandths of a satoshi.
        public var htlcMaximumMsat: Int64
        /// Whether it is out of use.
        public var disabled: Bool
        /// When it was announced. RFC 3339, in UTC.
        public var lastUpdate: Date

        /// Puts one together, for tests and previews.
        public init(
            feeBaseMsat: Int64, feeProportionalMillionths: Int64, cltvExpiryDelta: Int64, htlcMinimumMsat: Int64, htlcMaximumMsat: Int64,
            disabled: Bool, lastUpdate: Date
        ) {
            self.feeBaseMsat = feeBaseMsat
            self.feeProportionalMillionths = feeProportionalMillionths
            self.cltvExpiryDelta = cltvExpiryDelta
            self.htlcMinimumMsat = htlcMinimumMsat
            self.htlcMaximumMsat = htlcMaximumMsat
            self.disabled = disabled
            self.lastUpdate = lastUpdate
        }

        private enum CodingKeys: String, CodingKey {
            case feeBaseMsat = "fee_base_msat"
            case feeProportionalMillionths = "fee_proportional_millionths"
            case cltvExpiryDelta = "cltv_expiry_delta"
            case htlcMinimumMsat = "htlc_minimum_msat"
            case htlcMaximumMsat = "htlc_maximum_msat"
            case disabled
            case lastUpdate = "last_update"
        }
    }

    /// What `GraphAnswerChannel` stands for.
    public struct GraphAnswerChannel: Codable, Hashable, Sendable {
        /// Which. Block, transaction and output: BOLT 7.
        public var shortChannelId: String
        /// The end whose key is smaller. A node's public key, in hex.
        public var nodeId1: String
        /// The other end. A node's public key, in hex.
        public var nodeId2: String
        /// What is in it. Satoshi.
        public var capacitySat: Int64
        /// What node 1 calls itself.
        public var alias1: String?
        /// What node 2 calls itself.
        public var alias2: String?
        /// From node 1 to node 2. The terms of one direction of a public channel..
        public var terms1: RoutingPolicy?
        /// From node 2 to node 1. The terms of one direction of a public channel..
        public var terms2: RoutingPolicy?
        /// Whether its funding is spent, so that it will be forgotten.
        public var spent: Bool

        /// Puts one together, for tests and previews.
        public init(
            shortChannelId: String, nodeId1: String, nodeId2: String, capacitySat: Int64, alias1: String? = nil, alias2: String? = nil,
            terms1: RoutingPolicy? = nil, terms2: RoutingPolicy? = nil, spent: Bool
        ) {
            self.shortChannelId = shortChannelId
            self.nodeId1 = nodeId1
            self.nodeId2 = nodeId2
            self.capacitySat = capacitySat
            self.alias1 = alias1
            self.alias2 = alias2
            self.terms1 = terms1
            self.terms2 = terms2
            self.spent = spent
        }

        private enum CodingKeys: String, CodingKey {
            case shortChannelId = "short_channel_id"
            case nodeId1 = "node_id_1"
            case nodeId2 = "node_id_2"
            case capacitySat = "capacity_sat"
            case alias1 = "alias_1"
            case alias2 = "alias_2"
            case terms1 = "terms_1"
            case terms2 = "terms_2"
            case spent
        }
    }

    /// What `GraphAnswer` stands for.
    public struct GraphAnswer: Codable, Hashable, Sendable {
        /// The nodes.
        public var nodes: [GraphAnswerNode]
        /// The channels.
        public var channels: [GraphAnswerChannel]

        /// Puts one together, for tests and previews.
        public init(nodes: [GraphAnswerNode], channels: [GraphAnswerChannel]) {
            self.nodes = nodes
            self.channels = channels
        }

        private enum CodingKeys: String, CodingKey {
            case nodes
            case channels
        }
    }

    /// What `ExportestimatesAnswer` stands for.
    public struct ExportestimatesAnswer: Codable, Hashable, Sendable {
        /// Lines of text.
        public var estimates: String

        /// Puts one together, for tests and previews.
        public init(estimates: String) {
            self.estimates = estimates
        }

        private enum CodingKeys: String, CodingKey {
            case estimates
        }
    }
}
