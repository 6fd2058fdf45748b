public import BitcoinPrimitives
public import LightningWire

/// The public network as far as gossip tells of it (BOLT 7), in flat arrays.
///
/// Nodes and channels have small numbers that stay theirs until they are removed. Edge `2·c` of channel `c` is the
/// direction from `node_id_1`, edge `2·c + 1` the one from `node_id_2`. Only what has been checked comes in here.
public struct NetworkGraph: Sendable {
    /// What BOLT 7 has us keep of a node.
    public struct Node: Sendable {
        /// Who it is.
        public var key: NodeKey
        /// Open channels; a node without any is forgotten.
        public var channels: UInt32 = 0
        /// Of its `node_announcement`; 0 where there is none.
        public var timestamp: UInt32 = 0
        /// Whether it demands features that we do not know: nothing is routed through it.
        public var isUnroutable = false
    }

    struct Channel: Sendable {
        var shortChannelID: UInt64
        var node1: UInt32
        var node2: UInt32
        /// In sat. 0 where it is not known.
        var capacity: UInt64
        /// The block that spent the funding output, until the channel is forgotten; 0 while it is open.
        var spentHeight: UInt32 = 0
        /// Whether it demands features that we do not know.
        var isUnroutable = false
        var isUsed = true
    }

    /// By their numbers.
    public private(set) var nodes: [Node] = []
    private var nodeNumbers: [NodeKey: UInt32] = [:]
    private var freeNodes: [UInt32] = []
    private(set) var channels: [Channel] = []
    private var channelNumbers: [UInt64: UInt32] = [:]
    private var freeChannels: [UInt32] = []
    /// By edge.
    private(set) var policies: [RoutingPolicy] = []
    /// By edge: the node that sends.
    private(set) var origins: [UInt32] = []
    private var messages = GossipArchive()
    /// Edges whose terms have changed since a route map last looked.
    var changedPolicies: [UInt32] = []
    /// Grows with every change of nodes or channels, not with those of policies.
    public private(set) var topologyVersion: UInt64 = 0

    /// A network without nodes.
    public init() {}

    /// Announced channels.
    public var channelCount: Int { channelNumbers.count }
    /// Nodes with a channel, or announced.
    public var nodeCount: Int { nodeNumbers.count }
    /// Edges, used or not: the bound of every edge number.
    var edgeBound: Int { origins.count }

    // MARK: Looking up

    /// The number of a node.
    public func node(_ key: NodeKey) -> UInt32? { nodeNumbers[key] }
    func channelNumber(_ id: ShortChannelID) -> UInt32? { channelNumbers[id.value] }
    func edge(_ directed: DirectedChannel) -> UInt32? {
        channelNumbers[directed.shortChannelID.value].map { 2 * $0 + UInt32(directed.direction) }
    }

    /// Whether a channel is announced.
    public func contains(_ id: ShortChannelID) -> Bool { channelNumbers[id.value] != nil }

    /// A channel as others see it.
    public struct ChannelView: Sendable {
        /// Its name.
        public var shortChannelID: ShortChannelID
        /// The end whose id is the lesser one.
        public var node1: NodeKey
        /// The other end.
        public var node2: NodeKey
        /// In sat; 0 where it is not known.
        public var capacity: UInt64
        /// What `node_id_1` and `node_id_2` ask for; `nil` where no update is known.
        public var policy1: RoutingPolicy?
        /// The terms of the other end; `nil` where it told none.
        public var policy2: RoutingPolicy?
        /// Whether its funding output is spent: it is no way any more.
        public var isSpent: Bool
    }

    /// An announced channel.
    public func channel(_ id: ShortChannelID) -> ChannelView? { channelNumbers[id.value].map { view(Int($0)) } }

    private func view(_ number: Int) -> ChannelView {
        let channel = channels[number]
        func policy(_ edge: Int) -> RoutingPolicy? { policies[edge].isKnown ? policies[edge] : nil }
        return ChannelView(
            shortChannelID: ShortChannelID(channel.shortChannelID), node1: nodes[Int(channel.node1)].key,
            node2: nodes[Int(channel.node2)].key, capacity: channel.capacity, policy1: policy(2 * number),
            policy2: policy(2 * number + 1), isSpent: channel.spentHeight != 0)
    }

    /// The channels of one node, in the order of their short ids.
    public func channels(of key: NodeKey) -> [ChannelView] {
        guard let node = nodeNumbers[key] else { return [] }
        return channels.indices.filter { channels[$0].isUsed && (channels[$0].node1 == node || channels[$0].node2 == node) }
            .sorted { channels[$0].shortChannelID < channels[$1].shortChannelID }.map(view)
    }

    /// All channels, in the order of their short ids.
    public var allChannels: [ChannelView] { channelNumbers.sorted { $0.key < $1.key }.map { view(Int($0.value)) } }

    /// The ids of all open channels in a range of blocks, ascending.
    public func channelIDs(inBlocks blocks: Range<UInt64>) -> [ShortChannelID] {
        channels.filter { $0.isUsed && $0.spentHeight == 0 && blocks.contains($0.shortChannelID >> 40) }
            .map { ShortChannelID($0.shortChannelID) }.sorted()
    }

    /// The ids of all channels whose funding output is in a block.
    func channelIDs(fundedAt height: BlockHeight) -> [ShortChannelID] {
        channels.filter { $0.isUsed && $0.shortChannelID >> 40 == UInt64(height.uint32) }.map { ShortChannelID($0.shortChannelID) }.sorted()
    }

    /// The ids of all channels whose funding output was spent in a block.
    func channelIDs(spentAt height: BlockHeight) -> [ShortChannelID] {
        channels.filter { $0.isUsed && $0.spentHeight != 0 && BlockHeight($0.spentHeight) == height }
            .map { ShortChannelID($0.shortChannelID) }.sorted()
    }

    /// The ids of all channels of some nodes.
    func channelIDs(of keys: Set<NodeKey>) -> [ShortChannelID] {
        let numbers = Set(keys.compactMap { nodeNumbers[$0] })
        guard !numbers.isEmpty else { return [] }
        return channels.filter { $0.isUsed && (numbers.contains($0.node1) || numbers.contains($0.node2)) }
            .map { ShortChannelID($0.shortChannelID) }.sorted()
    }

    /// One channel for each of some nodes.
    func oneChannel(ofEach keys: Set<NodeKey>) -> [ShortChannelID] {
        var numbers = Set(keys.compactMap { nodeNumbers[$0] })
        var found: [ShortChannelID] = []
        for channel in channels where channel.isUsed {
            guard !numbers.isEmpty else { break }
            let isFirst = numbers.remove(channel.node1) != nil
            let isSecond = numbers.remove(channel.node2) != nil
            if isFirst || isSecond { found.append(ShortChannelID(channel.shortChannelID)) }
        }
        return found.sorted()
    }

    /// The ids of all channels of which no update is known.
    func silentChannels() -> [ShortChannelID] {
        channels.indices.filter { channels[$0].isUsed && !policies[2 * $0].isKnown && !policies[2 * $0 + 1].isKnown }
            .map { ShortChannelID(channels[$0].shortChannelID) }.sorted()
    }

    /// The ids of all open channels with an update of a time that is wanted, ascending.
    func channelIDs(updatedWhen wants: (UInt32) -> Bool) -> [ShortChannelID] {
        var ids: [ShortChannelID] = []
        for (number, channel) in channels.enumerated() where channel.isUsed && channel.spentHeight == 0 {
            let (one, two) = (policies[2 * number], policies[2 * number + 1])
            if one.isKnown && wants(one.timestamp) || two.isKnown && wants(two.timestamp) {
                ids.append(ShortChannelID(channel.shortChannelID))
            }
        }
        return ids.sorted()
    }

    /// The keys of all nodes, ascending.
    public var nodeKeys: [NodeKey] { nodeNumbers.keys.sorted() }

    /// A node of the graph.
    public func nodeView(_ key: NodeKey) -> Node? { nodeNumbers[key].map { nodes[Int($0)] } }

    func policy(_ directed: DirectedChannel) -> RoutingPolicy? {
        guard let edge = edge(directed), policies[Int(edge)].isKnown else { return nil }
        return policies[Int(edge)]
    }

    // MARK: Changing

    private mutating func addNode(_ key: NodeKey) -> UInt32 {
        if let number = nodeNumbers[key] { return number }
        let number: UInt32
        if let free = freeNodes.popLast() {
            number = free
            nodes[Int(free)] = Node(key: key)
        } else {
            number = UInt32(nodes.count)
            nodes.append(Node(key: key))
        }
        nodeNumbers[key] = number
        return number
    }

    /// Searches pack a node's number into 20 bits, with room for nodes that only a query knows.
    private static let maximumNodes = 1 << 20 - 1 << 16

    /// Adds a channel whose announcement was checked; `false` where it is known.
    ///
    /// - Parameters:
    ///   - capacity: in sat.
    ///   - announcement: the message, to be told to others; `nil` where there is none.
    @discardableResult
    public mutating func add(
        channel id: ShortChannelID, node1: NodeKey, node2: NodeKey, capacity: UInt64, isUnroutable: Bool = false,
        announcement: [UInt8]? = nil
    ) -> Bool {
        guard channelNumbers[id.value] == nil, nodes.count < Self.maximumNodes else { return false }
        let (first, second) = (addNode(node1), addNode(node2))
        let channel = Channel(
            shortChannelID: id.value, node1: first, node2: second, capacity: capacity, isUnroutable: isUnroutable)
        let number: UInt32
        if let free = freeChannels.popLast() {
            number = free
            channels[Int(free)] = channel
            origins[2 * Int(free)] = first
            origins[2 * Int(free) + 1] = second
        } else {
            number = UInt32(channels.count)
            channels.append(channel)
            origins += [first, second]
            policies += [RoutingPolicy(), RoutingPolicy()]
        }
        channelNumbers[id.value] = number
        nodes[Int(first)].channels += 1
        nodes[Int(second)].channels += 1
        if let announcement { messages.keepAnnouncement(announcement, channel: Int(number)) }
        topologyVersion += 1
        return true
    }

    /// Room for so many channels and nodes, before a whole graph is loaded.
    public mutating func reserve(channels count: Int, nodes nodeCount: Int) {
        channels.reserveCapacity(count)
        policies.reserveCapacity(2 * count)
        origins.reserveCapacity(2 * count)
        channelNumbers.reserveCapacity(count)
        nodes.reserveCapacity(nodeCount)
        nodeNumbers.reserveCapacity(nodeCount)
        messages.reserve(channels: count)
    }

    /// Takes the terms of one direction, newer than those that are known.
    ///
    /// - Parameter message: the `channel_update`, to be told to others.
    public mutating func set(_ policy: RoutingPolicy, of directed: DirectedChannel, message: [UInt8]? = nil) {
        guard let edge = edge(directed) else { return }
        policies[Int(edge)] = policy
        noteChange(edge)
        if let message { messages.keepUpdate(message, edge: Int(edge)) }
    }

    /// Takes what a node says of itself; `false` where the node is not known.
    @discardableResult
    public mutating func set(timestamp: UInt32, isUnroutable: Bool, of key: NodeKey, message: [UInt8]) -> Bool {
        guard let number = nodeNumbers[key] else { return false }
        nodes[Int(number)].timestamp = timestamp
        if nodes[Int(number)].isUnroutable != isUnroutable { topologyVersion += 1 }
        nodes[Int(number)].isUnroutable = isUnroutable
        messages.keepNode(message, node: number)
        return true
    }

    /// The funding output of a channel is spent, or (`nil`) no longer.
    public mutating func setSpent(_ id: ShortChannelID, height: BlockHeight?) {
        guard let number = channelNumbers[id.value] else { return }
        channels[Int(number)].spentHeight = (height ?? 0).uint32
        noteChange(2 * number)
        noteChange(2 * number + 1)
    }

    /// Remembers that an edge has changed, or, where nobody has looked for long, that all have.
    private mutating func noteChange(_ edge: UInt32) {
        if changedPolicies.count < 10_000 { return changedPolicies.append(edge) }
        changedPolicies = []
        topologyVersion += 1
    }

    /// Forgets a channel, and its nodes where it was their last.
    ///
    /// - Returns: the nodes that went with it.
    @discardableResult
    public mutating func remove(_ id: ShortChannelID) -> [NodeKey] {
        guard let number = channelNumbers.removeValue(forKey: id.value) else { return [] }
        let channel = channels[Int(number)]
        channels[Int(number)].isUsed = false
        policies[2 * Int(number)] = RoutingPolicy()
        policies[2 * Int(number) + 1] = RoutingPolicy()
        messages.forgetChannel(Int(number))
        freeChannels.append(number)
        topologyVersion += 1
        var gone: [NodeKey] = []
        for node in [channel.node1, channel.node2] {
            nodes[Int(node)].channels -= 1
            guard nodes[Int(node)].channels == 0 else { continue }
            gone.append(nodes[Int(node)].key)
            nodeNumbers[nodes[Int(node)].key] = nil
            messages.forgetNode(node)
            nodes[Int(node)].timestamp = 0
            freeNodes.append(node)
        }
        return gone
    }

    /// Channels to forget: spent 72 blocks ago, or with a side that said nothing for two weeks.
    ///
    /// BOLT 7: "if the timestamp of the latest channel_update in either direction is older than two weeks (1209600 seconds): MAY prune the
    /// channel".
    /// A channel that never had an update for a direction is as old as its other one.
    public func prunable(height: BlockHeight, now: Timestamp) -> [ShortChannelID] {
        channelNumbers.values.filter { number in
            let channel = channels[Int(number)]
            if channel.spentHeight != 0, height >= BlockHeight(channel.spentHeight) + Self.spentDelay { return true }
            let known = [policies[2 * Int(number)].timestamp, policies[2 * Int(number) + 1].timestamp].filter { $0 != 0 }
            guard let oldest = known.min() else { return false }
            return Timestamp(seconds: UInt64(oldest)) + Self.staleAge < now
        }.map { ShortChannelID(channels[Int($0)].shortChannelID) }.sorted()
    }

    /// "A delay of 72 blocks is used when forgetting a channel after detecting that it has been spent".
    public static let spentDelay = 72
    /// "older than two weeks (1209600 seconds)".
    public static let staleAge = Duration.seconds(14 * 86_400)

    // MARK: Messages to be told again

    /// The `channel_announcement`; `nil` where it is not known.
    public func announcement(_ id: ShortChannelID) -> [UInt8]? {
        guard let number = channelNumbers[id.value] else { return nil }
        let channel = channels[Int(number)]
        return messages.announcement(
            channel: Int(number), id: channel.shortChannelID, node1: nodes[Int(channel.node1)].key,
            node2: nodes[Int(channel.node2)].key)
    }

    /// The latest `channel_update` of a direction.
    public func update(_ directed: DirectedChannel) -> [UInt8]? {
        guard let edge = edge(directed), policies[Int(edge)].isKnown else { return nil }
        return messages.update(edge: Int(edge), id: directed.shortChannelID.value, policy: policies[Int(edge)])
    }

    /// The latest `node_announcement`.
    public func announcement(_ key: NodeKey) -> [UInt8]? {
        guard let number = nodeNumbers[key] else { return nil }
        return messages.node(number)
    }
}

extension NetworkGraph {
    /// What another graph knows differently; `nil` where both would tell the same.
    public func difference(from other: NetworkGraph) -> String? {
        let (own, others) = (allChannels, other.allChannels)
        guard own.map(\.shortChannelID) == others.map(\.shortChannelID) else { return "channels" }
        for (one, two) in zip(own, others) {
            guard one.node1 == two.node1, one.node2 == two.node2, one.capacity == two.capacity, one.isSpent == two.isSpent else {
                return "channel \(one.shortChannelID)"
            }
            guard one.policy1 == two.policy1, one.policy2 == two.policy2 else { return "terms of \(one.shortChannelID)" }
            guard announcement(one.shortChannelID) == other.announcement(one.shortChannelID) else {
                return "announcement of \(one.shortChannelID)"
            }
            for direction: UInt8 in 0...1 {
                let directed = DirectedChannel(one.shortChannelID, direction: direction)
                guard update(directed) == other.update(directed) else { return "update of \(one.shortChannelID)" }
            }
        }
        guard nodeKeys == other.nodeKeys else { return "nodes" }
        for key in nodeKeys where announcement(key) != other.announcement(key) { return "announcement of \(key)" }
        return nil
    }
}
