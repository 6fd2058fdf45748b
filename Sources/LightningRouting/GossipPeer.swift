import BitcoinPrimitives
public import LightningWire

/// A peer, as far as gossip goes.
struct GossipPeer: Sendable {
    let offersQueries: Bool
    /// Whether we ask this one for all that it knows.
    let isSynced: Bool
    /// What the peer wants; nothing until it says so.
    var filter: GossipTimestampFilter?
    /// What the peer is still to be told of what we knew before it said so, the next first.
    var backlog: [ShortChannelID] = []
    /// Checks of its messages that are under way.
    var checks = 0
    var unfunded = 0
    var lastAnnounced: ShortChannelID?

    /// Our own `query_channel_range`: the block after the last that was asked for, while replies come in.
    var rangeEnd: UInt64?
    /// Short ids that are still to be asked for, with what is wanted of them.
    private(set) var wanted: [(id: ShortChannelID, flags: QueryFlags)] = []
    private var wantedIDs: Set<ShortChannelID> = []
    /// Whether a `query_short_channel_ids` of ours is being answered.
    var isQuerying = false
    /// Queries of the peer in the current minute: answering costs us more than asking costs it.
    var queries = 0

    init(offersQueries: Bool, isSynced: Bool) {
        self.offersQueries = offersQueries
        self.isSynced = isSynced
    }

    mutating func want(_ id: ShortChannelID, _ flags: QueryFlags = .all) {
        guard wanted.count < 100_000, wantedIDs.insert(id).inserted else { return }
        wanted.append((id, flags))
    }

    /// The next ids to ask for, in ascending order.
    mutating func takeWanted(_ count: Int) -> [(id: ShortChannelID, flags: QueryFlags)] {
        let taken = wanted.prefix(count).sorted { $0.id < $1.id }
        wanted.removeFirst(min(count, wanted.count))
        for entry in taken { wantedIDs.remove(entry.id) }
        return taken
    }
}

// Queries and the staggered broadcast (BOLT 7 "Query Messages", "Rebroadcasting").
extension Gossip {
    /// Ids in one message: 8 bytes each, with a flag of one byte.
    private static let idsForEachQuery = 2000
    /// Channels in one `reply_channel_range`: id, two timestamps and two checksums are 24 bytes.
    private static let channelsForEachReply = 2500

    /// A peer has said `init`.
    ///
    /// - Parameter now: seconds since 1970.
    public mutating func connected(_ peer: UInt64, features: FeatureBits, now: UInt64, height: Int) {
        let offers = features.offers(.gossipQueries)
        let isSynced = offers && peers.values.count(where: \.isSynced) < policy.syncedPeers
        peers[peer] = GossipPeer(offersQueries: offers, isSynced: isSynced)
        // "If the receiver does not offer gossip_queries: SHOULD set first_timestamp to 0xFFFFFFFF and timestamp_range to 0."
        let filter =
            offers
            ? GossipTimestampFilter(
                chainHash: chainHash, firstTimestamp: UInt32(clamping: now - min(now, 3600)), timestampRange: .max)
            : GossipTimestampFilter(chainHash: chainHash, firstTimestamp: .max, timestampRange: 0)
        send(peer, .gossipTimestampFilter(filter))
        guard isSynced else { return }
        let blocks = UInt32(height) + 1
        peers[peer]!.rangeEnd = UInt64(blocks)
        var query = QueryChannelRange(chainHash: chainHash, firstBlock: 0, blockCount: blocks)
        // Timestamps and checksums, so that nothing is fetched that says what we know.
        if features.offers(.gossipQueriesEx) { query.tlvs[1] = [3] }
        send(peer, .queryChannelRange(query))
    }

    public mutating func disconnected(_ peer: UInt64) { peers[peer] = nil }

    private mutating func send(_ peer: UInt64, _ message: LightningMessage) {
        effects.append(.send(peer: peer, message.encoded))
    }

    // MARK: Our questions

    mutating func received(_ body: ReplyChannelRange, _ peer: UInt64) {
        guard body.chainHash == chainHash, let end = peers[peer]?.rangeEnd else { return }
        let ids: [ShortChannelID]
        var timestamps: [(UInt32, UInt32)]?
        var checksums: [(UInt32, UInt32)]?
        do {
            ids = try GossipEncoding.shortChannelIDs(body.encodedShortIDs)
            timestamps = try body.tlvs[1].map { bytes throws(DecodingError) in try GossipEncoding.timestamps(bytes, count: ids.count) }
            checksums = try body.tlvs[3].map { bytes throws(DecodingError) in try GossipEncoding.checksums(bytes, count: ids.count) }
        } catch {
            effects.append(.offence(peer: peer, "reply_channel_range: \(error)"))
            return
        }
        for (index, id) in ids.enumerated() {
            let flags = needed(id, timestamps?[index], checksums?[index])
            if !flags.isEmpty { peers[peer]!.want(id, flags) }
        }
        // "simply check if first_blocknum plus number_of_blocks equals or exceeds the … it asked for".
        if UInt64(body.firstBlock) + UInt64(body.blockCount) >= end, body.syncComplete != 0 { peers[peer]!.rangeEnd = nil }
        continueSync(peer)
    }

    /// What is worth asking for, given what the peer says that it has.
    private func needed(_ id: ShortChannelID, _ times: (UInt32, UInt32)?, _ sums: (UInt32, UInt32)?) -> QueryFlags {
        guard graph.contains(id) else { return .all }
        guard let times else { return [] }
        var flags: QueryFlags = []
        for (direction, flag) in [(UInt8(0), QueryFlags.update1), (1, .update2)] {
            let theirs = direction == 0 ? times.0 : times.1
            let directed = DirectedChannel(id, direction: direction)
            guard theirs > graph.policy(directed)?.timestamp ?? 0 else { continue }
            if let sums, let own = graph.update(directed), CRC32C.checksum(update: own) == (direction == 0 ? sums.0 : sums.1) {
                // The same terms with a newer time: of use only before ours goes stale.
                let age = theirs - (graph.policy(directed)?.timestamp ?? 0)
                guard UInt64(age) > NetworkGraph.staleAge / 2 else { continue }
            }
            flags.insert(flag)
        }
        return flags
    }

    mutating func received(_ body: ReplyShortChannelIDsEnd, _ peer: UInt64) {
        peers[peer]?.isQuerying = false
        continueSync(peer)
    }

    /// Asks for the next channels, if the last question is answered.
    mutating func continueSync(_ id: UInt64) {
        guard let peer = peers[id], peer.offersQueries, !peer.isQuerying, !peer.wanted.isEmpty,
            // Not more than is being checked.
            peer.checks < policy.maxChecks / 2
        else { return }
        let entries = peers[id]!.takeWanted(min(Self.idsForEachQuery, policy.maxChecks / 5))
        peers[id]!.isQuerying = true
        var query = QueryShortChannelIDs(chainHash: chainHash, encodedShortIDs: GossipEncoding.encode(entries.map(\.id)))
        query.tlvs[1] = GossipEncoding.encode(entries.map(\.flags))
        send(id, .queryShortChannelIDs(query))
    }

    // MARK: Their questions

    /// Whether a peer may ask once more in this minute.
    private mutating func mayAsk(_ peer: UInt64) -> Bool {
        peers[peer]!.queries += 1
        guard peers[peer]!.queries <= 100 else {
            effects.append(.offence(peer: peer, "too many gossip queries"))
            return false
        }
        return true
    }

    mutating func answer(_ body: QueryShortChannelIDs, _ peer: UInt64) {
        guard mayAsk(peer) else { return }
        guard body.chainHash == chainHash else {
            send(peer, .replyShortChannelIDsEnd(ReplyShortChannelIDsEnd(chainHash: body.chainHash, fullInformation: 0)))
            return
        }
        let ids: [ShortChannelID]
        let flags: [QueryFlags]
        do {
            ids = try GossipEncoding.shortChannelIDs(body.encodedShortIDs)
            flags =
                try body.tlvs[1].map { bytes throws(DecodingError) in try GossipEncoding.queryFlags(bytes, count: ids.count) }
                ?? Array(repeating: .all, count: ids.count)
        } catch {
            effects.append(.offence(peer: peer, "query_short_channel_ids: \(error)"))
            return
        }
        var nodes: [NodeKey] = []
        var told: Set<NodeKey> = []
        for (id, flag) in zip(ids, flags) {
            guard let channel = graph.channel(id) else { continue }
            if flag.contains(.announcement), let wire = graph.announcement(id) { effects.append(.send(peer: peer, wire)) }
            for (direction, wants) in [(UInt8(0), flag.contains(.update1)), (1, flag.contains(.update2))] where wants {
                if let wire = graph.update(DirectedChannel(id, direction: direction)) { effects.append(.send(peer: peer, wire)) }
            }
            // "SHOULD avoid sending duplicate node_announcements in response to a single query_short_channel_ids".
            if flag.contains(.node1), told.insert(channel.node1).inserted { nodes.append(channel.node1) }
            if flag.contains(.node2), told.insert(channel.node2).inserted { nodes.append(channel.node2) }
        }
        for node in nodes { graph.announcement(node).map { effects.append(.send(peer: peer, $0)) } }
        send(peer, .replyShortChannelIDsEnd(ReplyShortChannelIDsEnd(chainHash: chainHash, fullInformation: 1)))
    }

    mutating func answer(_ body: QueryChannelRange, _ peer: UInt64) {
        guard mayAsk(peer) else { return }
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
        repeat {
            let chunk = Array(ids[start..<min(ids.count, start + Self.channelsForEachReply)])
            start += chunk.count
            let isLast = start == ids.count
            // A reply reaches to the block where the next one begins; the last one to the end.
            let next = isLast ? UInt32(clamping: end) : UInt32(ids[start].block)
            var reply = ReplyChannelRange(
                chainHash: chainHash, firstBlock: firstBlock, blockCount: max(isLast ? 0 : 1, next - min(next, firstBlock)),
                syncComplete: isLast ? 1 : 0, encodedShortIDs: GossipEncoding.encode(chunk))
            if let options {
                let known = chunk.map { id in (0...1).map { graph.update(DirectedChannel(id, direction: UInt8($0))) } }
                if options & 1 != 0 {
                    let times = chunk.map { id in
                        let channel = graph.channel(id)
                        return (channel?.policy1?.timestamp ?? 0, channel?.policy2?.timestamp ?? 0)
                    }
                    reply.tlvs[1] = GossipEncoding.encode(timestamps: times)
                }
                if options & 2 != 0 {
                    reply.tlvs[3] = GossipEncoding.encode(
                        checksums: known.map { pair in
                            (
                                pair[0].map { CRC32C.checksum(update: $0) } ?? 0,
                                pair[1].map { CRC32C.checksum(update: $0) } ?? 0
                            )
                        })
                }
            }
            firstBlock = next
            send(peer, .replyChannelRange(reply))
        } while start < ids.count
    }

    mutating func received(_ body: GossipTimestampFilter, _ peer: UInt64) {
        guard body.chainHash == chainHash else { return }
        peers[peer]!.filter = body
        // "SHOULD send all gossip messages whose timestamp is greater or equal to first_timestamp".
        peers[peer]!.backlog = graph.allChannels.filter { channel in
            [channel.policy1, channel.policy2].contains { $0.map { body.wants($0.timestamp) } ?? false }
        }.map(\.shortChannelID).reversed()
    }

    // MARK: The staggered broadcast

    /// Sends what is new, and a part of each peer's backlog, to those who want it.
    mutating func flush() {
        let items = fresh
        fresh = []
        for id in peers.keys.sorted() {
            peers[id]!.queries = 0
            tell(id, items)
            guard peers[id]!.filter != nil else { continue }
            let count = min(policy.maxFlush / 4, peers[id]!.backlog.count)
            let next = peers[id]!.backlog.suffix(count).reversed()
            peers[id]!.backlog.removeLast(count)
            tellAll(id, Array(next))
        }
    }

    private mutating func tell(_ id: UInt64, _ items: [(item: GossipItem, from: UInt64)]) {
        let filter = peers[id]!.filter
        var announced: Set<ShortChannelID> = []
        var sent = 0
        func passes(_ timestamp: UInt32, isOwn: Bool) -> Bool {
            // "SHOULD send gossip messages as it generates them regardless of timestamp".
            isOwn || (filter?.wants(timestamp) ?? false)
        }
        for (item, from) in items where from != id && sent < policy.maxFlush {
            switch item {
            case .channel: break  // It goes before its first update.
            case .update(let directed):
                guard let known = graph.policy(directed), passes(known.timestamp, isOwn: from == 0),
                    let wire = graph.update(directed), let channel = graph.channel(directed.shortChannelID),
                    !channel.isSpent || known.isDisabled
                else { continue }
                let isNew = items.contains { other in
                    if case .channel(let id) = other.item { return id == directed.shortChannelID }
                    return false
                }
                if isNew, announced.insert(directed.shortChannelID).inserted, let wire = graph.announcement(directed.shortChannelID) {
                    effects.append(.send(peer: id, wire))
                    sent += 1
                }
                effects.append(.send(peer: id, wire))
                sent += 1
            case .node(let key):
                guard let node = graph.nodeView(key), passes(node.timestamp, isOwn: from == 0), let wire = graph.announcement(key)
                else { continue }
                effects.append(.send(peer: id, wire))
                sent += 1
            }
        }
    }

    /// Channels with all that is known of them, announcement first.
    private mutating func tellAll(_ peer: UInt64, _ ids: [ShortChannelID]) {
        var nodes: [NodeKey] = []
        for id in ids {
            guard let channel = graph.channel(id), !channel.isSpent, let wire = graph.announcement(id) else { continue }
            effects.append(.send(peer: peer, wire))
            for direction: UInt8 in 0...1 {
                if let wire = graph.update(DirectedChannel(id, direction: direction)) { effects.append(.send(peer: peer, wire)) }
            }
            nodes += [channel.node1, channel.node2]
        }
        for node in Set(nodes).sorted() { graph.announcement(node).map { effects.append(.send(peer: peer, $0)) } }
    }
}
