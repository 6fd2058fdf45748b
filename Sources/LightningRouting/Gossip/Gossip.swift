package import BitcoinPrimitives
import CryptoPrimitives
package import LightningWire

/// What the gossip machine asks its node to do.
package enum GossipEffect: Sendable {
    case send(peer: ConnectionID, [UInt8])
    case check(GossipCheck)
    /// A change of the store: `nil` deletes.
    case write(key: [UInt8], record: [UInt8]?)
    /// A peer broke the rules of gossip, and is not listened to any more: to be warned.
    ///
    /// Gossip may cost a peer its gossip, never its channels: only a connection that carries none may be closed for it.
    case offence(peer: ConnectionID, String)
}

/// How much gossip is taken, and how often it is passed on.
package struct GossipPolicy: Sendable {
    /// "SHOULD flush outgoing gossip messages once every 60 seconds".
    package var flushInterval = Duration.seconds(60)
    /// Updates of one direction that are taken at once, and the time after which one more is.
    package var updateBurst = 10
    package var updateRefill = Duration.seconds(300)
    /// Checks under way for one peer; what is beyond is dropped, and can be asked for again.
    package var maxChecks = 2000
    /// The same for all peers together: connections that come and go do not count anew.
    package var maxAllChecks = 20_000
    /// "MAY choose NOT to for messages longer than the minimum expected length": bytes of a message that is looked at.
    package var maxLength = 2048
    /// Announcements without a funding output for which a peer is forgiven, beyond a tenth of those that had one.
    package var maxUnfunded = 50
    /// How far a message may come from the future.
    package var maxFuture = Duration.seconds(86_400)
    /// Messages in one flush to a peer, so that a newcomer's hunger does not fill our memory.
    package var maxFlush = 1000
    /// Peers that are asked for all they know; the others only tell what is new.
    package var syncedPeers = 3
    /// Peers whose backlogs are worked through at a time, and how many are begun in one flush: each is a list of all channels.
    package var maxBacklogs = 64
    package var maxNewBacklogs = 8
    /// Pieces of answers to queries with each tick, for all peers together.
    package var maxServed = 6000

    var updateRate: TokenBucket.Rate { TokenBucket.Rate(burst: updateBurst, interval: updateRefill) }

    /// What suits the package network.
    package init() {}
}

/// BOLT 7's gossip as a machine: messages of peers come in, the graph grows, and what is new goes to the others.
package struct Gossip: Sendable {
    package internal(set) var graph = NetworkGraph()
    package var policy: GossipPolicy
    let chainHash: BlockHash
    var peers: [ConnectionID: GossipPeer] = [:]
    private var checking: [UInt64: GossipCheck] = [:]
    /// Channels whose announcements are being checked: nothing is checked twice at a time.
    private var checkedChannels: Set<UInt64> = []
    /// Messages that are being checked, by their hash: another one about the same thing is another one.
    private var checkedMessages: Set<Bytes32> = []
    private var nextCheck: UInt64 = 1
    /// Messages that wait for their channel's announcement to be checked.
    private var waiting: [UInt64: [(peer: ConnectionID, wire: [UInt8])]] = [:]
    private var waitingCount = 0
    private var budgets: [DirectedChannel: TokenBucket] = [:]
    private var nodeBudgets: [NodeKey: TokenBucket] = [:]
    /// The funding outputs of the channels.
    private var funding: [OutPoint: ShortChannelID] = [:]
    private var outPoints: [ShortChannelID: OutPoint] = [:]
    /// Checks of funding outputs that a reorganization has overtaken.
    private var outdated: Set<UInt64> = []
    /// What the last blocks have spent: a channel may be spent between the look at its output and the verdict.
    private var recentlySpent: Set<OutPoint> = []
    /// Channels that nobody was told of yet: they wait for their first update.
    var unannounced: Set<ShortChannelID> = []
    /// Nodes whose keys have signed contradictory announcements.
    package private(set) var blacklist: Set<NodeKey> = []
    /// Channels that were announced by different nodes: nobody is believed about them any more.
    private(set) var contradicted: Set<ShortChannelID> = []
    /// Channels without an update, and since when: nobody can pay through them, and nobody misses them.
    private var silentSince: [ShortChannelID: Timestamp] = [:]
    /// What is new since the last flush, in order, with who told us: `nil` for ourselves.
    var fresh: [(item: GossipItem, from: ConnectionID?)] = []
    private var lastFlush: Timestamp = .zero
    private var lastServed: ConnectionID?
    /// Pieces of answers that can still be sent before the next tick.
    var servable = GossipPolicy().maxServed
    /// As the last tick said.
    var lastTick: Timestamp = .zero
    var knownHeight = BlockHeight.genesis
    var effects: [GossipEffect] = []

    package init(chainHash: BlockHash, policy: GossipPolicy = GossipPolicy()) {
        self.chainHash = chainHash
        self.policy = policy
    }

    /// The effects since the last call.
    package mutating func takeEffects() -> [GossipEffect] {
        defer { effects = [] }
        return effects
    }

    // MARK: Messages of peers

    /// Takes a gossip message.
    ///
    /// - Parameter wire: the whole message with its type.
    package mutating func receive(_ message: LightningMessage, wire: [UInt8], from peer: ConnectionID, now: Timestamp, height: BlockHeight)
    {
        guard let state = peers[peer], !state.isMuted else { return }
        switch message {
        case .channelAnnouncement, .channelUpdate, .nodeAnnouncement: guard wire.count <= policy.maxLength else { return }
        default: break
        }
        switch message {
        case .channelAnnouncement(let body): receive(body, wire, peer, height: height)
        case .channelUpdate(let body): receive(body, wire, peer, now: now)
        case .nodeAnnouncement(let body): receive(body, wire, peer, now: now)
        case .queryShortChannelIDs(let body): answer(body, peer)
        case .queryChannelRange(let body): answer(body, peer)
        case .replyChannelRange(let body): received(body, peer)
        case .replyShortChannelIDsEnd(let body): received(body, peer)
        case .gossipTimestampFilter(let body): received(body, peer)
        default: break
        }
    }

    private mutating func receive(_ body: ChannelAnnouncement, _ wire: [UInt8], _ peer: ConnectionID, height: BlockHeight) {
        // "if the specified chain_hash is unknown to the receiver: MUST ignore the message".
        guard body.chainHash == chainHash, body.nodeID1 < body.nodeID2 else { return }
        let keys = [NodeKey(body.nodeID1), NodeKey(body.nodeID2)]
        // "if node_id_1 OR node_id_2 are blacklisted: SHOULD ignore the message".
        guard blacklist.isDisjoint(with: keys) else { return }
        guard !contradicted.contains(body.shortChannelID) else { return }
        if let known = graph.channel(body.shortChannelID), known.node1 == keys[0], known.node2 == keys[1] { return }
        // "if the short_channel_id's output does NOT have at least 6 confirmations: MAY accept the message … otherwise: SHOULD ignore the message".
        guard body.shortChannelID.block + 5 <= height + 1 else { return }
        let id = body.shortChannelID.value
        // Another one for the same place waits: the first may be a lie.
        guard !checkedChannels.contains(id) else { return wait(body.shortChannelID, wire, peer) }
        if start(.channel(body), wire, peer) { checkedChannels.insert(id) }
    }

    private mutating func receive(_ body: ChannelUpdate, _ wire: [UInt8], _ peer: ConnectionID, now: Timestamp) {
        // BOLT 7: an update that is not to be forwarded is for the channel's other end, which looks at it elsewhere.
        guard body.chainHash == chainHash, !body.dontForward else { return }
        guard let channel = graph.channel(body.shortChannelID) else {
            wait(body.shortChannelID, wire, peer)
            return
        }
        // "if the channel output has been spent: MUST ignore channel_updates, unless they have the disable bit set".
        guard !channel.isSpent || body.isDisabled else { return }
        let directed = DirectedChannel(body.shortChannelID, direction: body.direction)
        guard isNews(RoutingPolicy(body), of: directed, now: now), budgets[directed]?.hasToken(policy.updateRate, now: now) ?? true
        else { return }
        _ = start(.update(body, signer: body.direction == 0 ? channel.node1 : channel.node2), wire, peer)
    }

    private func isNews(_ policy: RoutingPolicy, of directed: DirectedChannel, now: Timestamp) -> Bool {
        // "if the timestamp is unreasonably far in the future: MAY discard"; and what is stale would be pruned at once.
        let time = Timestamp(seconds: UInt64(policy.timestamp))
        guard time <= now + self.policy.maxFuture, time + NetworkGraph.staleAge >= now else { return false }
        // "if timestamp is lower than that of the last-received channel_update …: SHOULD ignore"; and equal.
        guard let known = graph.policy(directed) else { return policy.timestamp > 0 }
        return policy.timestamp > known.timestamp
    }

    /// Takes a token; `false` where there is none. Buckets are only emptied by messages whose signature was right: nobody else's cost
    /// anybody's turn. Static: a method of `self` would copy all buckets with every change of one.
    private static func spend(_ budget: inout TokenBucket?, _ rate: TokenBucket.Rate, now: Timestamp) -> Bool {
        var bucket = budget ?? TokenBucket(rate, now: now)
        defer { budget = bucket }
        return bucket.take(rate, now: now)
    }

    private mutating func receive(_ body: NodeAnnouncement, _ wire: [UInt8], _ peer: ConnectionID, now: Timestamp) {
        let key = NodeKey(body.nodeID)
        // "if node_id is NOT previously known from a channel_announcement message …: SHOULD ignore the message".
        guard let node = graph.nodeView(key) else {
            if let id = peers[peer]?.lastAnnounced, checkedChannels.contains(id.value) { wait(id, wire, peer) }
            return
        }
        guard body.timestamp > node.timestamp, Timestamp(seconds: UInt64(body.timestamp)) <= now + policy.maxFuture,
            nodeBudgets[key]?.hasToken(policy.updateRate, now: now) ?? true
        else { return }
        _ = start(.node(body), wire, peer)
    }

    /// Keeps a message until its channel is known, if that is being checked; asks for the channel otherwise, and where there is no room.
    private mutating func wait(_ id: ShortChannelID, _ wire: [UInt8], _ peer: ConnectionID) {
        guard checkedChannels.contains(id.value) else {
            // "MAY send this if it receives a channel_update for a short_channel_id for which it has no channel_announcement".
            peers[peer]?.hint(at: id)
            return
        }
        let others = waiting[id.value] ?? []
        // The same again says nothing: a flush may tell a channel as news, and once more as a part of what was known before.
        guard !others.contains(where: { $0.peer == peer && $0.wire == wire }) else { return }
        // Nobody can fill the places of others, and nodes not those of the channel.
        let isNode = Self.isNode(wire)
        let own = others.count { $0.peer == peer && Self.isNode($0.wire) == isNode }
        guard waitingCount < 10_000, others.count < 64, own < 4 else {
            peers[peer]?.hint(at: id)
            return
        }
        waiting[id.value, default: []].append((peer, wire))
        waitingCount += 1
    }

    /// Whether a message is a `node_announcement`, of type 257.
    private static func isNode(_ wire: [UInt8]) -> Bool { wire.prefix(2) == [1, 1] }

    /// Has a message checked; `false` where it is being checked already, or there is no room: what it is about is asked for again then.
    private mutating func start(_ subject: GossipCheck.Subject, _ wire: [UInt8], _ peer: ConnectionID) -> Bool {
        guard peers[peer]!.checks < policy.maxChecks, checking.count < policy.maxAllChecks else {
            switch subject {
            case .channel(let body): peers[peer]!.hint(at: body.shortChannelID)
            case .update(let body, _): peers[peer]!.hint(at: body.shortChannelID)
            // Whoever is asked for a channel again tells its nodes as well.
            case .node: break
            }
            return false
        }
        let hash = Hash.sha256(wire)
        guard checkedMessages.insert(hash).inserted else { return false }
        peers[peer]!.checks += 1
        if case .channel(let body) = subject { peers[peer]!.lastAnnounced = body.shortChannelID }
        let check = GossipCheck(number: nextCheck, subject: subject, wire: wire, peer: peer)
        nextCheck += 1
        checking[check.number] = check
        effects.append(.check(check))
        return true
    }

    // MARK: Verdicts

    /// What a driver found out about a check.
    package mutating func decided(_ number: UInt64, _ verdict: GossipVerdict, now: Timestamp, height: BlockHeight) {
        guard let check = checking.removeValue(forKey: number) else { return }
        checkedMessages.remove(Hash.sha256(check.wire))
        peers[check.peer]?.checks -= 1
        // A block that was there when the output was looked at is not any more: nothing is known.
        let verdict: GossipVerdict = outdated.remove(number) == nil ? verdict : .undecided
        var released: [(peer: ConnectionID, wire: [UInt8])] = []
        if case .channel(let body) = check.subject {
            checkedChannels.remove(body.shortChannelID.value)
            released = waiting.removeValue(forKey: body.shortChannelID.value) ?? []
            waitingCount -= released.count
        }
        switch verdict {
        case .invalidSignature:
            // "SHOULD send a warning. MAY close the connection. MUST ignore the message."
            offend(check.peer, "gossip with an invalid signature")
        case .undecided:
            // It was right or not: whoever told it has it still.
            if case .channel(let body) = check.subject { peers[check.peer]?.hint(at: body.shortChannelID) }
        case .unfunded:
            // "MUST ignore the message". Channels that were closed lately are still told by honest peers: but whoever tells of
            // little else is not worth listening to.
            peers[check.peer]?.unfunded += 1
            if let peer = peers[check.peer], peer.unfunded > policy.maxUnfunded + peer.funded / 10 {
                offend(check.peer, "\(peer.unfunded) announcements of channels that do not exist")
            }
        case .funded: peers[check.peer]?.funded += 1
        case .valid: break
        }
        switch (check.subject, verdict) {
        case (.channel(let body), .funded(let outPoint, let capacity)):
            add(body, wire: check.wire, funding: outPoint, capacity: capacity, from: check.peer)
        case (.update(let body, _), .valid):
            let directed = DirectedChannel(body.shortChannelID, direction: body.direction)
            // One that a newer one has overtaken costs no turn.
            if isNews(RoutingPolicy(body), of: directed, now: now), Self.spend(&budgets[directed], policy.updateRate, now: now) {
                apply(body, wire: check.wire, from: check.peer, now: now)
            }
        case (.node(let body), .valid):
            let key = NodeKey(body.nodeID)
            if let node = graph.nodeView(key), body.timestamp > node.timestamp, Self.spend(&nodeBudgets[key], policy.updateRate, now: now) {
                apply(body, wire: check.wire, from: check.peer)
            }
        default: break
        }
        for (peer, wire) in released where peers[peer] != nil {
            guard let message = try? LightningMessage(wire) else { continue }
            receive(message, wire: wire, from: peer, now: now, height: height)
        }
    }

    /// Takes a channel that has been checked, or is our own.
    package mutating func add(
        _ body: ChannelAnnouncement, wire: [UInt8], funding outPoint: OutPoint, capacity: Satoshi, from peer: ConnectionID
    ) {
        let keys = [NodeKey(body.nodeID1), NodeKey(body.nodeID2)]
        guard !contradicted.contains(body.shortChannelID) else { return }
        if let known = graph.channel(body.shortChannelID) {
            guard known.node1 != keys[0] || known.node2 != keys[1] else { return }
            // Once for each output in the chain: whoever owns one could go on for ever with other keys.
            contradicted.insert(body.shortChannelID)
            effects.append(.write(key: GossipKey.contradicted(body.shortChannelID), record: [1]))
            // "for a different node_id_1 or node_id_2: SHOULD blacklist the previous message's node_id_1 and node_id_2, as well
            // as this node_id_1 and node_id_2 AND forget any channels connected to them".
            let liars = Set([known.node1, known.node2] + keys)
            for liar in liars.sorted() where blacklist.insert(liar).inserted {
                effects.append(.write(key: GossipKey.liar(liar), record: [1]))
            }
            for id in graph.channelIDs(of: liars) { forget(id) }
            return
        }
        // It was spent while it was being checked.
        guard !recentlySpent.contains(outPoint) else { return }
        // "if there is an unknown even bit in the features field: MUST NOT attempt to route messages through the channel".
        let isUnroutable = !body.features.unknownCompulsory().isEmpty
        graph.add(
            channel: body.shortChannelID, node1: keys[0], node2: keys[1], capacity: capacity.value, isUnroutable: isUnroutable,
            announcement: wire)
        funding[outPoint] = body.shortChannelID
        outPoints[body.shortChannelID] = outPoint
        unannounced.insert(body.shortChannelID)
        let record = ChannelGossipRecord(funding: outPoint, capacity: capacity, spentHeight: 0, wire: wire)
        effects.append(.write(key: GossipKey.channel(body.shortChannelID), record: record.encoded()))
        fresh.append((.channel(body.shortChannelID), peer))
    }

    /// Takes an update whose signature is right.
    package mutating func apply(_ body: ChannelUpdate, wire: [UInt8], from peer: ConnectionID?, now: Timestamp) {
        let directed = DirectedChannel(body.shortChannelID, direction: body.direction)
        let policy = RoutingPolicy(body)
        guard graph.contains(body.shortChannelID), isNews(policy, of: directed, now: now) else { return }
        graph.set(policy, of: directed, message: wire)
        effects.append(.write(key: GossipKey.update(directed), record: wire))
        fresh.append((.update(directed), peer))
    }

    /// Takes an announcement whose signature is right.
    package mutating func apply(_ body: NodeAnnouncement, wire: [UInt8], from peer: ConnectionID?) {
        let key = NodeKey(body.nodeID)
        guard let node = graph.nodeView(key), body.timestamp > node.timestamp else { return }
        // "if features field contains unknown even bits: SHOULD NOT connect … MUST NOT … route a payment through the node".
        let isUnroutable = !body.features.unknownCompulsory().isEmpty
        graph.set(timestamp: body.timestamp, isUnroutable: isUnroutable, of: key, message: wire)
        effects.append(.write(key: GossipKey.node(key), record: wire))
        fresh.append((.node(key), peer))
    }

    // MARK: The chain and time

    /// A block spends these outputs.
    package mutating func connected(spending outPoints: [OutPoint], height: BlockHeight) {
        if recentlySpent.count > 50_000 { recentlySpent = [] }
        if !checking.isEmpty { recentlySpent.formUnion(outPoints) } else { recentlySpent = [] }
        guard !funding.isEmpty else { return }
        for outPoint in outPoints {
            guard let id = funding[outPoint] else { continue }
            setSpent(id, outPoint, height: height)
        }
    }

    /// The block of this height left the chain: what it funded is no channel any more, until it is announced again, and what it spent is
    /// not spent.
    package mutating func disconnected(height: BlockHeight) {
        for (number, check) in checking { if case .channel = check.subject { outdated.insert(number) } }
        guard !funding.isEmpty else { return }
        for id in graph.channelIDs(fundedAt: height) { forget(id) }
        for id in graph.channelIDs(spentAt: height) { if let outPoint = outPoints[id] { setSpent(id, outPoint, height: nil) } }
    }

    private mutating func setSpent(_ id: ShortChannelID, _ outPoint: OutPoint, height: BlockHeight?) {
        graph.setSpent(id, height: height)
        guard let wire = graph.announcement(id), let channel = graph.channel(id) else { return }
        let record = ChannelGossipRecord(
            funding: outPoint, capacity: Satoshi(channel.capacity), spentHeight: (height ?? 0).uint32, wire: wire)
        effects.append(.write(key: GossipKey.channel(id), record: record.encoded()))
    }

    /// Forgets channels that are spent or stale.
    package mutating func prune(height: BlockHeight, now: Timestamp) {
        for id in graph.prunable(height: height, now: now) { forget(id) }
        let silent = graph.silentChannels()
        silentSince = Dictionary(uniqueKeysWithValues: silent.map { ($0, silentSince[$0] ?? now) })
        for id in silent where silentSince[id]! + NetworkGraph.staleAge < now { forget(id) }
        let rate = policy.updateRate
        budgets = budgets.filter { !$0.value.isFull(rate, now: now) }
        nodeBudgets = nodeBudgets.filter { !$0.value.isFull(rate, now: now) }
    }

    /// Forgets a channel, and its nodes where it was their last.
    package mutating func forget(_ id: ShortChannelID) {
        guard graph.contains(id) else { return }
        for direction: UInt8 in 0...1 {
            let directed = DirectedChannel(id, direction: direction)
            if graph.policy(directed) != nil { effects.append(.write(key: GossipKey.update(directed), record: nil)) }
        }
        effects.append(.write(key: GossipKey.channel(id), record: nil))
        if let outPoint = outPoints.removeValue(forKey: id) { funding[outPoint] = nil }
        unannounced.remove(id)
        silentSince[id] = nil
        for node in graph.remove(id) { effects.append(.write(key: GossipKey.node(node), record: nil)) }
    }

    /// Time goes on: flushes what is new to those who want it.
    package mutating func tick(now: Timestamp) {
        lastTick = now
        servable = policy.maxServed
        // Whoever came last begins the next time.
        let order = peers.keys.sorted()
        let start = order.firstIndex { id in lastServed.map { id > $0 } ?? true } ?? 0
        for id in order[start...] + order[..<start] {
            if servable > 0, !peers[id]!.outbox.isEmpty, !peers[id]!.isCongested {
                serve(id, Self.servedEachTick)
                lastServed = id
            }
            continueSync(id)
        }
        rotateSync(now: now)
        guard now.since(lastFlush) >= policy.flushInterval else { return }
        lastFlush = now
        flush()
    }

    // MARK: Records

    /// Reads the records of a store.
    package init(chainHash: BlockHash, policy: GossipPolicy, records: [(key: [UInt8], record: [UInt8])]) throws(DecodingFailure) {
        self.init(chainHash: chainHash, policy: policy)
        graph.reserve(channels: records.count / 3, nodes: records.count / 8)
        // Keys are in an order that puts channels before what depends on them.
        for (key, record) in records {
            switch key.first {
            case GossipKey.channelTag:
                let entry = try ChannelGossipRecord(record: record)
                let (id, node1, node2, isUnroutable) = try Self.essentials(entry.wire)
                graph.add(
                    channel: id, node1: node1, node2: node2, capacity: entry.capacity.value, isUnroutable: isUnroutable,
                    announcement: entry.wire)
                if entry.spentHeight != 0 { graph.setSpent(id, height: BlockHeight(entry.spentHeight)) }
                funding[entry.funding] = id
                outPoints[id] = entry.funding
            case GossipKey.updateTag:
                var reader = ByteReader(record)
                _ = try reader.uint16()
                let update = try ChannelUpdate(from: &reader)
                graph.set(
                    RoutingPolicy(update), of: DirectedChannel(update.shortChannelID, direction: update.direction), message: record)
            case GossipKey.nodeTag:
                guard record.count >= 70, key.count == 34, let node = NodeKey(key[1...]) else { throw .invalid("gossip record") }
                var reader = ByteReader(record)
                _ = try reader.uint16()
                _ = try reader.signature()
                let features = FeatureBits(try reader.sized16())
                let isUnroutable = !features.unknownCompulsory().isEmpty
                graph.set(timestamp: try reader.uint32(), isUnroutable: isUnroutable, of: node, message: record)
            case GossipKey.contradictedTag:
                var reader = ByteReader(Array(key.dropFirst()))
                contradicted.insert(try reader.shortChannelID())
            case GossipKey.liarTag:
                guard let node = NodeKey(key[1...]) else { throw .invalid("gossip record") }
                blacklist.insert(node)
            default: throw .invalid("gossip record")
            }
        }
    }

    /// What a graph needs of a `channel_announcement` that was checked before: no point is parsed again.
    private static func essentials(
        _ wire: [UInt8]
    ) throws(DecodingFailure) -> (ShortChannelID, NodeKey, NodeKey, isUnroutable: Bool) {
        var reader = ByteReader(wire)
        _ = try reader.slice(258)
        let features = FeatureBits(try reader.sized16())
        _ = try reader.slice(32)
        let id = try reader.shortChannelID()
        let start = reader.offset
        guard let node1 = NodeKey(wire[start..<min(wire.count, start + 33)]),
            let node2 = NodeKey(wire[min(wire.count, start + 33)..<min(wire.count, start + 66)])
        else { throw .truncated }
        let isUnroutable = !features.bytes.isEmpty && !features.unknownCompulsory().isEmpty
        return (id, node1, node2, isUnroutable)
    }
}

/// Something that gossip tells.
enum GossipItem: Hashable, Sendable {
    case channel(ShortChannelID)
    case update(DirectedChannel)
    case node(NodeKey)
}

/// The keys of gossip's records, channels first.
enum GossipKey {
    static let channelTag: UInt8 = 0
    static let updateTag: UInt8 = 1
    static let nodeTag: UInt8 = 2
    /// Nodes that are blacklisted.
    static let liarTag: UInt8 = 3
    /// Channels that were announced by different nodes.
    static let contradictedTag: UInt8 = 4

    static func channel(_ id: ShortChannelID) -> [UInt8] { [channelTag] + bytes(id) }
    static func update(_ directed: DirectedChannel) -> [UInt8] { [updateTag] + bytes(directed.shortChannelID) + [directed.direction] }
    static func node(_ key: NodeKey) -> [UInt8] { [nodeTag] + key.bytes }
    static func liar(_ key: NodeKey) -> [UInt8] { [liarTag] + key.bytes }

    static func contradicted(_ id: ShortChannelID) -> [UInt8] { [contradictedTag] + bytes(id) }

    private static func bytes(_ id: ShortChannelID) -> [UInt8] { withUnsafeBytes(of: id.value.bigEndian) { Array($0) } }
}

/// A channel on disk: the announcement, and what the chain said of it.
struct ChannelGossipRecord: Hashable {
    var funding: OutPoint
    var capacity: Satoshi
    var spentHeight: UInt32
    var wire: [UInt8]

    static let version: UInt8 = 1

    func encoded() -> [UInt8] {
        var writer = ByteWriter(capacity: 50 + wire.count)
        writer.uint8(Self.version)
        writer.write(funding.transaction)
        writer.uint32(funding.index)
        writer.satoshi(capacity)
        writer.uint32(spentHeight)
        writer.write(wire)
        return writer.bytes
    }
}

extension ChannelGossipRecord {
    init(record: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(record)
        guard try reader.uint8() == Self.version else { throw .invalid("version of a channel's gossip") }
        funding = OutPoint(TransactionID(try reader.bytes32()), try reader.uint32())
        capacity = try reader.satoshi()
        spentHeight = try reader.uint32()
        wire = reader.rest()
    }
}
