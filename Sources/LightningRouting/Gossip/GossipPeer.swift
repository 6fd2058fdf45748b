package import BitcoinPrimitives
package import LightningWire

/// A peer, as far as gossip goes.
struct GossipPeer: Sendable {
    let offersQueries: Bool
    var offersExtendedQueries = false
    /// Whether it did not answer.
    var hasFailed = false
    /// Whether it broke the rules of gossip: nothing more that it says of the network is heard, and nothing is asked.
    var isMuted = false
    /// Whether it does not read what we send.
    var isCongested = false
    /// Whether we ask this one for all that it knows.
    var isSynced: Bool
    /// Since when an answer to our question is waited for.
    var askedAt: Timestamp = .zero
    /// When it was last asked for all that it knows.
    var rangeAskedAt: Timestamp = .zero
    /// What the peer wants; nothing until it says so.
    var filter: GossipTimestampFilter?
    /// Whether it is still to be found out what the peer has missed.
    var needsBacklog = false
    /// What the peer is still to be told of what we knew before it said so, or could not be told at once, the next last.
    private(set) var backlog: [ShortChannelID] = []
    private var backlogIDs: Set<ShortChannelID> = []
    /// What is still to be answered to its last question, the next last.
    var outbox: [GossipAnswer] = []
    /// Checks of its messages that are under way.
    var checks = 0
    var unfunded = 0
    var funded = 0
    var lastAnnounced: ShortChannelID?

    /// Our own `query_channel_range`: the block after the last that was asked for, while replies come in.
    var rangeEnd: UInt64?
    /// The block after the last that was answered.
    var rangeReached: UInt64 = 0
    /// Short ids that are still to be asked for, with what is wanted of them.
    private(set) var wanted: [(id: ShortChannelID, flags: QueryFlags)] = []
    private var wantedIDs: Set<ShortChannelID> = []
    /// Channels that its messages hinted at since the last flush: one that it cannot tell of, or that is refused, is not asked for again and again.
    private var hints: Set<ShortChannelID> = []
    /// Whether a `query_short_channel_ids` of ours is being answered.
    var isQuerying = false
    /// Questions of the peer since the last flush: answering costs us more than asking costs it.
    var queries = 0

    /// A whole network of the few whom we ask for all; of others only what their updates hint at.
    private var maxWanted: Int { isSynced ? 100_000 : 500 }

    init(offersQueries: Bool, isSynced: Bool) {
        self.offersQueries = offersQueries
        self.isSynced = isSynced
    }

    mutating func want(_ id: ShortChannelID, _ flags: QueryFlags = .all) {
        guard wanted.count < maxWanted, wantedIDs.insert(id).inserted else { return }
        wanted.append((id, flags))
    }

    /// What the peer said is about a channel of which something is missing: it is asked for, once between two flushes.
    mutating func hint(at id: ShortChannelID) {
        guard hints.count < 500, hints.insert(id).inserted else { return }
        want(id)
    }

    /// What was hinted at may be asked for once more.
    mutating func forgetHints() { hints = [] }

    /// Our question is not answered: what else would have been asked for is not.
    mutating func giveUpAsking() {
        isQuerying = false
        wanted = []
        wantedIDs = []
    }

    /// What was known before is to be told; the last first.
    mutating func setBacklog(_ ids: [ShortChannelID]) {
        backlog = ids
        backlogIDs = Set(ids)
    }

    /// There is no room for a channel's news now: they come later, once.
    mutating func postpone(_ id: ShortChannelID) {
        if backlogIDs.insert(id).inserted { backlog.append(id) }
    }

    /// The next of the backlog.
    mutating func takeBacklog(_ count: Int) -> [ShortChannelID] {
        let taken = Array(backlog.suffix(min(count, backlog.count)).reversed())
        backlog.removeLast(taken.count)
        for id in taken { backlogIDs.remove(id) }
        return taken
    }

    /// The next ids to ask for, in ascending order.
    mutating func takeWanted(_ count: Int) -> [(id: ShortChannelID, flags: QueryFlags)] {
        let taken = wanted.prefix(count).sorted { $0.id < $1.id }
        wanted.removeFirst(min(count, wanted.count))
        for entry in taken { wantedIDs.remove(entry.id) }
        return taken
    }
}

/// A piece of an answer to a peer's question.
enum GossipAnswer: Sendable {
    case channel(ShortChannelID, QueryFlags)
    case node(NodeKey)
    case endOfChannels
    /// A `reply_channel_range`, made when its turn comes.
    case range([ShortChannelID], firstBlock: UInt32, blockCount: UInt32, isLast: Bool, options: UInt64)

    /// To which question it belongs: of each kind one may be under way.
    var kind: Kind {
        switch self {
        case .channel, .node, .endOfChannels: .channels
        case .range: .range
        }
    }

    enum Kind: Sendable { case channels, range }
}

// Queries and the staggered broadcast (BOLT 7 "Query Messages", "Rebroadcasting").
extension Gossip {
    /// Ids in one message: 8 bytes each, with a flag of one byte.
    private static let idsForEachQuery = 2000
    /// Channels in one `reply_channel_range`: id, two timestamps and two checksums are 24 bytes.
    private static let channelsForEachReply = 2500

    /// A peer has said `init`.
    package mutating func connected(_ peer: ConnectionID, features: FeatureBits, now: Timestamp, height: BlockHeight) {
        let offers = features.offers(.gossipQueries)
        let isSynced = offers && peers.values.count(where: \.isSynced) < policy.syncedPeers
        peers[peer] = GossipPeer(offersQueries: offers, isSynced: isSynced)
        // "If the receiver does not offer gossip_queries: SHOULD set first_timestamp to 0xFFFFFFFF and timestamp_range to 0."
        let filter =
            offers
            ? GossipTimestampFilter(
                chainHash: chainHash, firstTimestamp: UInt32(clamping: (now - .seconds(3600)).seconds), timestampRange: .max)
            : GossipTimestampFilter(chainHash: chainHash, firstTimestamp: .max, timestampRange: 0)
        send(peer, .gossipTimestampFilter(filter))
        knownHeight = height
        peers[peer]!.offersExtendedQueries = features.offers(.gossipQueriesEx)
        if isSynced { startSync(peer, now: now) }
    }

    /// Asks a peer for all channels that it knows.
    private mutating func startSync(_ peer: ConnectionID, now: Timestamp) {
        let blocks = knownHeight.uint32 + 1
        peers[peer]!.isSynced = true
        peers[peer]!.rangeEnd = UInt64(blocks)
        peers[peer]!.rangeReached = 0
        peers[peer]!.askedAt = now
        peers[peer]!.rangeAskedAt = now
        var query = QueryChannelRange(chainHash: chainHash, firstBlock: 0, blockCount: blocks)
        // Timestamps and checksums, so that nothing is fetched that says what we know.
        if peers[peer]!.offersExtendedQueries { query.tlvs[1] = [3] }
        send(peer, .queryChannelRange(query))
    }

    /// The time for which an answer is waited for.
    private static let responseTimeout = Duration.seconds(120)

    /// The time after which a peer that answered gives its place to the one that was not asked for the longest time, which may be itself.
    private static let turn = Duration.seconds(1800)

    /// Whoever does not answer is not asked any more; another peer is. Three silent ones could keep the network from us, and so could three
    /// that know of nothing: in time each peer is asked, and again and again, for what was missed once is told by nobody else.
    mutating func rotateSync(now: Timestamp) {
        for id in peers.keys.sorted() {
            let peer = peers[id]!
            let isSilent = (peer.rangeEnd != nil || peer.isQuerying) && now >= peer.askedAt + Self.responseTimeout
            guard peer.isSynced else {
                if isSilent { peers[id]!.giveUpAsking() }
                continue
            }
            guard isSilent || now >= peer.rangeAskedAt + Self.turn else { continue }
            let next = peers.keys.sorted().filter { other in
                let candidate = peers[other]!
                return candidate.offersQueries && !candidate.hasFailed && !candidate.isMuted
                    && (other == id ? !isSilent : !candidate.isSynced)
            }.min { peers[$0]!.rangeAskedAt < peers[$1]!.rangeAskedAt }
            peers[id]!.isSynced = false
            peers[id]!.hasFailed = isSilent
            peers[id]!.rangeEnd = nil
            if isSilent { peers[id]!.giveUpAsking() }
            if let next { startSync(next, now: now) }
        }
    }

    package mutating func disconnected(_ peer: ConnectionID) { peers[peer] = nil }

    /// A peer broke the rules: from now on nothing that it says of the network is heard, until it connects anew.
    mutating func offend(_ peer: ConnectionID, _ why: String) {
        guard peers[peer]?.isMuted == false else { return }
        peers[peer]!.isMuted = true
        peers[peer]!.isSynced = false
        peers[peer]!.rangeEnd = nil
        peers[peer]!.isQuerying = false
        peers[peer]!.outbox = []
        effects.append(.offence(peer: peer, why))
    }

    /// A message of gossip that cannot be read.
    package mutating func unreadable(from peer: ConnectionID, _ why: String) { offend(peer, why) }

    /// Whether a peer reads what we send: where not, it is told no gossip.
    package mutating func setCongested(_ peer: ConnectionID, _ isCongested: Bool) { peers[peer]?.isCongested = isCongested }

    private mutating func send(_ peer: ConnectionID, _ message: LightningMessage) {
        effects.append(.send(peer: peer, message.encoded))
    }

    // MARK: Our questions

    mutating func received(_ body: ReplyChannelRange, _ peer: ConnectionID) {
        guard body.chainHash == chainHash, let end = peers[peer]?.rangeEnd else { return }
        let ids: [ShortChannelID]
        var timestamps: [(UInt32, UInt32)]?
        var checksums: [(UInt32, UInt32)]?
        do {
            // In any order: BOLT 7 wants them ascending, and one implementation tells them as they came. Each goes with its own timestamps
            // and checksums, and what comes twice is asked for once.
            ids = try GossipEncoding.shortChannelIDs(body.encodedShortIDs)
            timestamps = try body.tlvs[1].map { bytes throws(DecodingFailure) in try GossipEncoding.timestamps(bytes, count: ids.count) }
            checksums = try body.tlvs[3].map { bytes throws(DecodingFailure) in try GossipEncoding.checksums(bytes, count: ids.count) }
        } catch { return offend(peer, "reply_channel_range: \(error)") }
        var nodes = Self.nodesForEachReply
        for (index, id) in ids.enumerated() {
            var flags = needed(id, timestamps?[index], checksums?[index])
            if nodes > 0, !flags.contains(.announcement) {
                let missing = missingNodes(id)
                if !missing.isEmpty { nodes -= 1 }
                flags.formUnion(missing)
            }
            if !flags.isEmpty { peers[peer]!.want(id, flags) }
        }
        let reached = UInt64(body.firstBlock) + UInt64(body.blockCount)
        if reached > peers[peer]!.rangeReached {
            // Whoever goes on answering is not silent, however long it takes.
            peers[peer]!.rangeReached = reached
            peers[peer]!.askedAt = max(peers[peer]!.askedAt, lastTick)
        }
        // "simply check if first_blocknum plus number_of_blocks equals or exceeds the … it asked for".
        if reached >= end, body.syncComplete != 0 { peers[peer]!.rangeEnd = nil }
        continueSync(peer)
    }

    /// Channels that are asked for with each `reply_channel_range` for their nodes alone: a node may never have announced itself.
    private static let nodesForEachReply = 200

    /// The nodes of a channel of which no announcement is known.
    private func missingNodes(_ id: ShortChannelID) -> QueryFlags {
        guard let channel = graph.channel(id), !channel.isSpent else { return [] }
        var flags: QueryFlags = []
        for (key, flag) in [(channel.node1, QueryFlags.node1), (channel.node2, .node2)] where graph.announcement(key) == nil {
            flags.insert(flag)
        }
        return flags
    }

    /// What is worth asking for, given what the peer says that it has.
    private func needed(_ id: ShortChannelID, _ times: (UInt32, UInt32)?, _ sums: (UInt32, UInt32)?) -> QueryFlags {
        guard graph.contains(id) else { return .all }
        guard let times else {
            // It says nothing of updates: those that we have none of, it may have.
            return [(UInt8(0), QueryFlags.update1), (1, .update2)].reduce(into: []) { flags, entry in
                if graph.policy(DirectedChannel(id, direction: entry.0)) == nil { flags.insert(entry.1) }
            }
        }
        var flags: QueryFlags = []
        for (direction, flag) in [(UInt8(0), QueryFlags.update1), (1, .update2)] {
            let theirs = direction == 0 ? times.0 : times.1
            let directed = DirectedChannel(id, direction: direction)
            guard theirs > graph.policy(directed)?.timestamp ?? 0 else { continue }
            if let sums, let own = graph.update(directed), CRC32C.checksum(update: own) == (direction == 0 ? sums.0 : sums.1) {
                // The same terms with a newer time: of use only before ours goes stale.
                let age = theirs - (graph.policy(directed)?.timestamp ?? 0)
                guard Duration.seconds(age) > NetworkGraph.staleAge / 2 else { continue }
            }
            flags.insert(flag)
        }
        return flags
    }

    mutating func received(_ body: ReplyShortChannelIDsEnd, _ peer: ConnectionID) {
        peers[peer]?.isQuerying = false
        peers[peer]?.hasFailed = false
        continueSync(peer)
    }

    /// Asks for the next channels, if the last questions are answered: others too may take one question at a time only.
    mutating func continueSync(_ id: ConnectionID) {
        guard let peer = peers[id], peer.offersQueries, !peer.isQuerying, peer.rangeEnd == nil, !peer.wanted.isEmpty,
            // Not more than is being checked.
            peer.checks < policy.maxChecks / 2
        else { return }
        let entries = peers[id]!.takeWanted(min(Self.idsForEachQuery, policy.maxChecks / 5))
        peers[id]!.isQuerying = true
        peers[id]!.askedAt = max(peers[id]!.askedAt, lastTick)
        var query = QueryShortChannelIDs(chainHash: chainHash, encodedShortIDs: GossipEncoding.encode(entries.map(\.id)))
        query.tlvs[1] = GossipEncoding.encode(entries.map(\.flags))
        send(id, .queryShortChannelIDs(query))
    }

    // MARK: Their questions

    /// Whether a peer may ask once more before the next flush, and its last question of the kind is answered.
    private mutating func mayAsk(_ peer: ConnectionID, _ kind: GossipAnswer.Kind?) -> Bool {
        peers[peer]!.queries += 1
        guard peers[peer]!.queries <= 100 else {
            offend(peer, "too many gossip queries")
            return false
        }
        // "MUST NOT send query_short_channel_ids if it has sent a previous … and not received reply_short_channel_ids_end."
        // "MUST NOT send this if it has sent a previous query_channel_range to this peer and not received all reply_channel_range replies."
        // One of each kind is allowed: at the two ends of what is to be answered.
        let pending = [peers[peer]!.outbox.first?.kind, peers[peer]!.outbox.last?.kind]
        guard kind == nil || !pending.contains(kind) else {
            offend(peer, "a gossip query before the last was answered")
            return false
        }
        return true
    }

    /// Pieces of an answer that are sent at once, and with each tick: a question of 60 kB asks for megabytes.
    static let servedAtOnce = 500
    static let servedEachTick = 2000

    /// Sends the next pieces of an answer, as many as one peer is allowed, and all together.
    mutating func serve(_ peer: ConnectionID, _ count: Int) {
        let allowed = min(count, servable)
        var left = allowed
        defer { servable -= allowed - max(0, left) }
        while left > 0, let next = peers[peer]?.outbox.popLast() {
            switch next {
            case .channel(let id, let flags):
                left -= 1
                if flags.contains(.announcement), let wire = graph.announcement(id) { effects.append(.send(peer: peer, wire)) }
                for (direction, wants) in [(UInt8(0), flags.contains(.update1)), (1, flags.contains(.update2))] where wants {
                    if let wire = graph.update(DirectedChannel(id, direction: direction)) { effects.append(.send(peer: peer, wire)) }
                }
            case .node(let key):
                left -= 1
                if let wire = graph.announcement(key) { effects.append(.send(peer: peer, wire)) }
            case .endOfChannels:
                send(peer, .replyShortChannelIDsEnd(ReplyShortChannelIDsEnd(chainHash: chainHash, fullInformation: 1)))
            case .range(let ids, let first, let count, let isLast, let options):
                // Checksums are made anew for each.
                left -= max(1, ids.count / 5)
                sendRange(peer, ids, firstBlock: first, blockCount: count, isLast: isLast, options: options)
            }
        }
    }

    mutating func answer(_ body: QueryShortChannelIDs, _ peer: ConnectionID) {
        guard mayAsk(peer, .channels) else { return }
        guard body.chainHash == chainHash else {
            send(peer, .replyShortChannelIDsEnd(ReplyShortChannelIDsEnd(chainHash: body.chainHash, fullInformation: 0)))
            return
        }
        let ids: [ShortChannelID]
        let flags: [QueryFlags]
        do {
            ids = try GossipEncoding.shortChannelIDs(body.encodedShortIDs)
            flags =
                try body.tlvs[1].map { bytes throws(DecodingFailure) in try GossipEncoding.queryFlags(bytes, count: ids.count) }
                ?? Array(repeating: .all, count: ids.count)
        } catch { return offend(peer, "query_short_channel_ids: \(error)") }
        var nodes: [NodeKey] = []
        var told: Set<NodeKey> = []
        var answers: [GossipAnswer] = []
        var asked: Set<ShortChannelID> = []
        for (id, flag) in zip(ids, flags) {
            // One that is spent nobody can check: whoever tells of it seems to lie.
            guard asked.insert(id).inserted, let channel = graph.channel(id), !channel.isSpent else { continue }
            answers.append(.channel(id, flag))
            // "SHOULD avoid sending duplicate node_announcements in response to a single query_short_channel_ids".
            if flag.contains(.node1), told.insert(channel.node1).inserted { nodes.append(channel.node1) }
            if flag.contains(.node2), told.insert(channel.node2).inserted { nodes.append(channel.node2) }
        }
        answers += nodes.map { .node($0) }
        answers.append(.endOfChannels)
        // After what was asked before.
        peers[peer]!.outbox.insert(contentsOf: answers.reversed(), at: 0)
        serve(peer, Self.servedAtOnce)
    }

    mutating func answer(_ body: QueryChannelRange, _ peer: ConnectionID) {
        guard mayAsk(peer, .range) else { return }
        guard body.chainHash == chainHash else {
            send(
                peer,
                .replyChannelRange(
                    ReplyChannelRange(
                        chainHash: body.chainHash, firstBlock: body.firstBlock, blockCount: body.blockCount, syncComplete: 1,
                        encodedShortIDs: GossipEncoding.encode([ShortChannelID]()))))
            return
        }
        let options = body.tlvs[1].flatMap { bytes in
            var reader = ByteReader(bytes)
            return try? reader.bigSize()
        }
        let end = UInt64(body.firstBlock) + UInt64(body.blockCount)
        let ids = graph.channelIDs(inBlocks: UInt64(body.firstBlock)..<max(end, UInt64(body.firstBlock)))
        var start = 0
        var firstBlock = body.firstBlock
        var answers: [GossipAnswer] = []
        repeat {
            let chunk = Array(ids[start..<min(ids.count, start + Self.channelsForEachReply)])
            start += chunk.count
            let isLast = start == ids.count
            // A reply reaches to the block where the next one begins; the last one to the end.
            let next = isLast ? UInt32(clamping: end) : ids[start].block.uint32
            answers.append(
                .range(
                    chunk, firstBlock: firstBlock, blockCount: max(isLast ? 0 : 1, next - min(next, firstBlock)), isLast: isLast,
                    options: options ?? 0))
            firstBlock = next
        } while start < ids.count
        peers[peer]!.outbox.insert(contentsOf: answers.reversed(), at: 0)
        serve(peer, Self.servedAtOnce)
    }

    private mutating func sendRange(
        _ peer: ConnectionID, _ ids: [ShortChannelID], firstBlock: UInt32, blockCount: UInt32, isLast: Bool, options: UInt64
    ) {
        var reply = ReplyChannelRange(
            chainHash: chainHash, firstBlock: firstBlock, blockCount: blockCount, syncComplete: isLast ? 1 : 0,
            encodedShortIDs: GossipEncoding.encode(ids))
        if options & 1 != 0 {
            let times = ids.map { id in
                let channel = graph.channel(id)
                return (channel?.policy1?.timestamp ?? 0, channel?.policy2?.timestamp ?? 0)
            }
            reply.tlvs[1] = GossipEncoding.encode(timestamps: times)
        }
        if options & 2 != 0 {
            func checksum(_ id: ShortChannelID, _ direction: UInt8) -> UInt32 {
                graph.update(DirectedChannel(id, direction: direction)).map { CRC32C.checksum(update: $0) } ?? 0
            }
            reply.tlvs[3] = GossipEncoding.encode(checksums: ids.map { (checksum($0, 0), checksum($0, 1)) })
        }
        send(peer, .replyChannelRange(reply))
    }

    mutating func received(_ body: GossipTimestampFilter, _ peer: ConnectionID) {
        guard body.chainHash == chainHash, mayAsk(peer, nil) else { return }
        peers[peer]!.filter = body
        // "SHOULD send all gossip messages whose timestamp is greater or equal to first_timestamp … MAY wait for the next outgoing
        // gossip flush to send these."
        peers[peer]!.needsBacklog = true
        peers[peer]!.setBacklog([])
    }

    // MARK: The staggered broadcast

    /// Sends what is new, and a part of each peer's backlog, to those who want it.
    mutating func flush() {
        // The latest of each, in the order in which they first came: "replacing any older updates from the origin node".
        var seen: Set<GossipItem> = []
        let items = fresh.reversed().filter { seen.insert($0.item).inserted }.reversed()
        fresh = []
        var begun = 0
        var underWay = peers.values.count { !$0.backlog.isEmpty }
        for id in peers.keys.sorted() {
            peers[id]!.queries = 0
            peers[id]!.forgetHints()
            tell(id, Array(items))
            guard let filter = peers[id]!.filter, !peers[id]!.isCongested else { continue }
            if peers[id]!.needsBacklog, begun < policy.maxNewBacklogs, underWay < policy.maxBacklogs {
                begun += 1
                underWay += 1
                peers[id]!.needsBacklog = false
                peers[id]!.setBacklog(graph.channelIDs { filter.wants($0) }.reversed())
            }
            tellAll(id, peers[id]!.takeBacklog(policy.maxFlush / 4))
        }
        for (item, _) in items { if case .update(let directed) = item { unannounced.remove(directed.shortChannelID) } }
    }

    private mutating func tell(_ id: ConnectionID, _ items: [(item: GossipItem, from: ConnectionID?)]) {
        let filter = peers[id]!.filter
        var announced: Set<ShortChannelID> = []
        // Nodes for which there is no room now.
        var later: Set<NodeKey> = []
        var sent = 0
        func passes(_ timestamp: UInt32, isOwn: Bool) -> Bool {
            // "SHOULD send gossip messages as it generates them regardless of timestamp".
            isOwn || (filter?.wants(timestamp) ?? false)
        }
        for (item, from) in items where from != id {
            switch item {
            case .channel: break  // It goes before its first update.
            case .update(let directed):
                guard let known = graph.policy(directed), passes(known.timestamp, isOwn: from == nil),
                    let wire = graph.update(directed), let channel = graph.channel(directed.shortChannelID),
                    !channel.isSpent || known.isDisabled
                else { continue }
                guard sent < policy.maxFlush, !peers[id]!.isCongested else {
                    // With all that belongs to it, later.
                    peers[id]!.postpone(directed.shortChannelID)
                    continue
                }
                // "MUST consider whether to send the channel_announcement after receiving the first corresponding channel_update."
                // With our own it goes always: who does not want others' gossip has not heard of the channel.
                if unannounced.contains(directed.shortChannelID) || from == nil, announced.insert(directed.shortChannelID).inserted,
                    let wire = graph.announcement(directed.shortChannelID)
                {
                    effects.append(.send(peer: id, wire))
                    sent += 1
                }
                effects.append(.send(peer: id, wire))
                sent += 1
            case .node(let key):
                guard let node = graph.nodeView(key), passes(node.timestamp, isOwn: from == nil), let wire = graph.announcement(key)
                else { continue }
                guard sent < policy.maxFlush, !peers[id]!.isCongested else {
                    later.insert(key)
                    continue
                }
                effects.append(.send(peer: id, wire))
                sent += 1
            }
        }
        // With a channel of theirs.
        if !later.isEmpty { for channel in graph.oneChannel(ofEach: later) { peers[id]!.postpone(channel) } }
    }

    /// Channels with all that is known of them, announcement first.
    private mutating func tellAll(_ peer: ConnectionID, _ ids: [ShortChannelID]) {
        var nodes: Set<NodeKey> = []
        for id in ids {
            guard let channel = graph.channel(id), !channel.isSpent, let wire = graph.announcement(id) else { continue }
            effects.append(.send(peer: peer, wire))
            for direction: UInt8 in 0...1 {
                if let wire = graph.update(DirectedChannel(id, direction: direction)) { effects.append(.send(peer: peer, wire)) }
            }
            nodes.formUnion([channel.node1, channel.node2])
        }
        for node in nodes.sorted() {
            if let wire = graph.announcement(node) { effects.append(.send(peer: peer, wire)) }
        }
    }
}
