import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningPayment
import LightningRecords
import LightningRouting
import LightningTransactions
import LightningWire

/// How far a channel has come on its way into the public graph.
struct AnnouncementExchange {
    /// The connection over which our `announcement_signatures` went last.
    var sentOver: ConnectionID?
    /// What the peer sent, if it is right.
    var remote: AnnouncementSignatures?
    /// What the peer sent before we could look at it.
    var early: AnnouncementSignatures?
}

// BOLT 7: what this node tells of itself, and what it hears.
extension NodeCore {
    /// Carries out what the gossip machine asked for.
    mutating func drainGossip() {
        for effect in network.gossip.takeEffects() {
            switch effect {
            case .send(let connection, let wire): transmit(wire, over: connection)
            case .check(let check): batch.effects.checks.append(check)
            case .write(let key, let record?): batch.effects.writes.append(.put(.gossip, key: key, record: record))
            case .write(let key, nil): batch.effects.writes.append(.delete(.gossip, key: key))
            case .offence(let connection, let why):
                guard let node = peers[connection]?.nodeID else { continue }
                transmit(.warning(Warning(channelID: .all, text: why)), over: connection)
                // Gossip may cost a peer its gossip, never its channels.
                let hasChannels = channels.isOwner(node) || !peers[connection]!.openings.isEmpty
                batch.effects.events.append(.note("\(node): \(why); its gossip is \(hasChannels ? "not heard any more" : "refused")"))
                if !hasChannels { close(connection) }
            }
        }
    }

    /// A peer told gossip, or asks for some.
    mutating func receivedGossip(_ message: LightningMessage, wire: [UInt8], _ id: ConnectionID, _ node: NodeID) {
        if case .channelUpdate(let update) = message { learnTerms(update, wire, node) }
        if case .nodeAnnouncement(let body) = message { learnAddresses(body, wire, node, over: id) }
        network.gossip.receive(message, wire: wire, from: id, now: now, height: height)
    }

    // MARK: The terms of our own channels

    /// A peer says on which terms it forwards to us: "SHOULD accept channel_updates for its own channels (even if non-public)".
    private mutating func learnTerms(_ update: ChannelUpdate, _ wire: [UInt8], _ node: NodeID) {
        guard update.chainHash == configuration.network.chainHash, let id = channels.index.channel(named: update.shortChannelID),
            let entry = channels.entry(id), entry.channel.parameters.remoteNodeID == node, update.direction == (node < nodeID ? 0 : 1),
            update.timestamp > entry.announcement.remoteUpdate?.timestamp ?? 0,
            Timestamp(seconds: UInt64(update.timestamp)) <= now + .seconds(86_400),
            // Each is a signature to check.
            let connection = peers.connections[node], peers[connection]?.allowance.terms.take(Peer.termsRate, now: clock.now) ?? false,
            update.signature.parsed?.verify(ChannelUpdate.signatureHash(wire: wire), key: node) ?? false
        else { return }
        channels.annotate(id) { $0.announcement.remoteUpdate = update }
    }

    /// Tells the peer of a channel, and where it is public everybody, on which terms we forward over it.
    mutating func tellTerms(_ id: ChannelID) {
        guard let channel = channels[id], channel.isOpen, !channel.isClosed else { return }
        let isPublic = channel.shortChannelID.map { network.gossip.graph.contains($0) } ?? false
        guard let name = isPublic ? channel.shortChannelID : peersName(channel) else { return }
        let update = makeUpdate(id, channel, name, isPublic: isPublic)
        let wire = LightningMessage.channelUpdate(update).encoded
        send(.channelUpdate(update), to: channel.parameters.remoteNodeID)
        if isPublic { network.gossip.apply(update, wire: wire, from: nil, now: now) }
    }

    /// A signed `channel_update` of ours.
    private mutating func makeUpdate(_ id: ChannelID, _ channel: PaymentChannel, _ name: ShortChannelID, isPublic: Bool) -> ChannelUpdate {
        var terms = terms(id)
        let policy = terms.current
        // A peer that comes and goes does not make us sign: timestamps would run ahead of the clock.
        if let last = channels.entry(id)?.announcement.lastUpdate, last.shortChannelID == name, last.isDisabled == terms.isDisabled,
            last.dontForward != isPublic,
            last.feeBase == policy.feeBase, last.feeProportionalMillionths == policy.feeProportionalMillionths,
            last.cltvExpiryDelta == policy.cltvExpiryDelta,
            last.htlcMinimum == max(policy.htlcMinimum, channel.parameters.remote.htlcMinimum),
            policy.htlcMaximum == nil || last.htlcMaximum <= policy.htlcMaximum!, terms.updateTimestamp == last.timestamp,
            Timestamp(seconds: UInt64(last.timestamp)) + NetworkGraph.staleAge / 2 > now
        {
            return last
        }
        // "MUST set timestamp to … greater than any previously-sent channel_update for this short_channel_id".
        terms.updateTimestamp = max(UInt32(clamping: now.seconds), terms.updateTimestamp == .max ? .max : terms.updateTimestamp + 1)
        var update = unsignedUpdate(id, channel, name, timestamp: terms.updateTimestamp)
        sign(&update)
        channels.annotate(id) { [terms, update] entry in
            entry.terms = terms
            entry.announcement.lastUpdate = update
        }
        return update
    }

    func sign(_ update: inout ChannelUpdate) {
        let hash = ChannelUpdate.signatureHash(wire: LightningMessage.channelUpdate(update).encoded)
        update.signature = WireSignature(keys.nodeSecret.sign(hash))
    }

    /// The terms on which we forward into a channel, under a name that it has.
    func unsignedUpdate(_ id: ChannelID, _ channel: PaymentChannel, _ name: ShortChannelID, timestamp: UInt32) -> ChannelUpdate {
        let terms = terms(id)
        let policy = terms.current
        // "MUST set this to less than or equal to the channel capacity … MUST set this to less than or equal to
        // max_htlc_value_in_flight_msat it received from the peer".
        let most = min(MilliSatoshi(channel.parameters.fundingAmount), channel.parameters.remote.maxHTLCValueInFlight)
        let minimum = max(policy.htlcMinimum, channel.parameters.remote.htlcMinimum)
        return ChannelUpdate(
            chainHash: configuration.network.chainHash, shortChannelID: name, timestamp: timestamp,
            direction: nodeID < channel.parameters.remoteNodeID ? 0 : 1, isDisabled: terms.isDisabled,
            dontForward: !(channel.shortChannelID.map { network.gossip.graph.contains($0) } ?? false),
            cltvExpiryDelta: policy.cltvExpiryDelta, htlcMinimum: minimum, feeBase: policy.feeBase,
            feeProportionalMillionths: policy.feeProportionalMillionths, htlcMaximum: max(minimum, min(policy.htlcMaximum ?? most, most)))
    }

    /// Changes the terms of a channel, and tells of it.
    mutating func setForwardingPolicy(_ id: ChannelID, _ policy: ForwardingPolicy) {
        channels.annotate(id) { $0.announcement.lastUpdate = nil }
        var terms = terms(id)
        guard terms.current != policy else { return }
        terms.change(policy, now: now)
        channels.annotate(id) { [terms] in $0.terms = terms }
        tellTerms(id)
    }

    /// How long the peer of a public channel may be away before others are told.
    static let patience = Duration.seconds(600)

    /// Tells of public channels that cannot be used for a while, or can be again; and of those that the peer's gossip has made public
    /// before ours could, on which terms we forward, and who we are.
    mutating func updatePublicChannels() {
        for id in channels.ids {
            guard let channel = channels[id], channel.isOpen, let name = channel.shortChannelID,
                network.gossip.graph.contains(name)
            else { continue }
            if channels.entry(id)?.announcement.lastUpdate.map({ $0.shortChannelID != name || $0.dontForward }) ?? true {
                tellTerms(id)
                announceNode()
            }
            let since = channel.isUsable ? nil : channels.entry(id)?.announcement.offlineSince ?? now
            channels.annotate(id) { $0.announcement.offlineSince = since }
            let isAway = since.map { now >= $0 + Self.patience } ?? false
            var terms = terms(id)
            let isStale = Timestamp(seconds: UInt64(terms.updateTimestamp)) + NetworkGraph.staleAge / 2 < now
            guard terms.isDisabled != (isAway || channel.isShuttingDown) || isStale else { continue }
            terms.isDisabled = isAway || channel.isShuttingDown
            channels.annotate(id) { [terms] in $0.terms = terms }
            tellTerms(id)
        }
    }

    // MARK: Announcing channels

    /// "Channels must not be announced before the funding transaction has enough confirmations": six.
    static let announcementDepth = 6

    /// Sends our half of a channel's announcement as soon as BOLT 7 lets us.
    ///
    /// - Parameter isAnswer: the peer has sent its own half over this connection.
    mutating func announceIfReady(_ id: ChannelID, isAnswer: Bool = false) {
        guard let entry = channels.entry(id), case let channel = entry.channel, channel.parameters.announce,
            channel.isOpen, !channel.isShuttingDown,
            channel.connection == .established, let fundingHeight = channel.fundingHeight, let name = channel.shortChannelID,
            fundingHeight.depth(at: height) >= Self.announcementDepth,
            let connection = peers.connections[channel.parameters.remoteNodeID]
        else { return }
        if let early = channels.entry(id)?.announcement.exchange?.early {
            channels.annotate(id) { $0.announcement.exchange?.early = nil }
            guard takeHalf(early, channel, name, over: connection) else { return }
        }
        let exchange = channels.entry(id)?.announcement.exchange ?? AnnouncementExchange()
        // Once for each connection. "If it has NOT previously received announcement_signatures for the funding transaction: MUST send its
        // own announcement_signatures message", also where the channel is in the graph by the peer's gossip. "If it receives
        // announcement_signatures for the funding transaction: MUST respond with its own announcement_signatures message."
        guard exchange.sentOver != connection else { return completeAnnouncement(id) }
        guard exchange.remote == nil || isAnswer || !network.gossip.graph.contains(name) else { return }
        let (node, bitcoin) = announcementSignatures(channel, entry.keys, name)
        send(
            .announcementSignatures(
                AnnouncementSignatures(channelID: id, shortChannelID: name, nodeSignature: node, bitcoinSignature: bitcoin)),
            to: channel.parameters.remoteNodeID)
        channels.annotate(id) { entry in
            entry.announcement.exchange = exchange
            entry.announcement.exchange?.sentOver = connection
        }
        completeAnnouncement(id)
    }

    private func unsignedAnnouncement(_ channel: PaymentChannel, _ name: ShortChannelID) -> ChannelAnnouncement {
        ChannelAnnouncement(
            chainHash: configuration.network.chainHash, shortChannelID: name, (nodeID, channel.parameters.local.keys.funding),
            (channel.parameters.remoteNodeID, channel.parameters.remote.keys.funding))
    }

    private func announcementSignatures(
        _ channel: PaymentChannel, _ keys: ChannelKeys, _ name: ShortChannelID
    ) -> (node: WireSignature, bitcoin: WireSignature) {
        let unsigned = LightningMessage.channelAnnouncement(unsignedAnnouncement(channel, name)).encoded
        let hash = ChannelAnnouncement.signatureHash(wire: unsigned)
        return (WireSignature(self.keys.nodeSecret.sign(hash)), WireSignature(keys.sign(announcement: unsigned)))
    }

    /// The peer's half.
    mutating func received(_ message: AnnouncementSignatures, _ node: NodeID, over connection: ConnectionID) {
        guard let channel = channels[message.channelID], channel.parameters.remoteNodeID == node, channel.parameters.announce else {
            return
        }
        // "If it has not sent channel_ready: SHOULD defer handling the announcement_signatures until after it has sent channel_ready": its
        // blocks may have come earlier than ours.
        guard let name = channel.shortChannelID, channel.isOpen, channel.connection == .established else {
            return channels.annotate(message.channelID) { entry in
                entry.announcement.exchange = entry.announcement.exchange ?? AnnouncementExchange()
                entry.announcement.exchange?.early = message
            }
        }
        guard takeHalf(message, channel, name, over: connection) else { return }
        announceIfReady(message.channelID, isAnswer: true)
    }

    /// Looks at the peer's half; `false` where it is not right, which the peer is told.
    private mutating func takeHalf(
        _ message: AnnouncementSignatures, _ channel: PaymentChannel, _ name: ShortChannelID, over connection: ConnectionID
    ) -> Bool {
        guard message.shortChannelID == name else {
            // "If the short_channel_id doesn't match one of its funding transactions: SHOULD send a warning".
            transmit(.warning(Warning(channelID: message.channelID, text: "announcement_signatures for another channel")), over: connection)
            return false
        }
        // The same again, as after a reconnection.
        if channels.entry(channel.id)?.announcement.exchange?.remote == message { return true }
        let unsigned = LightningMessage.channelAnnouncement(unsignedAnnouncement(channel, name)).encoded
        let hash = ChannelAnnouncement.signatureHash(wire: unsigned)
        guard message.nodeSignature.parsed?.verify(hash, key: channel.parameters.remoteNodeID) ?? false,
            message.bitcoinSignature.parsed?.verify(hash, key: channel.parameters.remote.keys.funding) ?? false
        else {
            // "If the node_signature OR the bitcoin_signature is NOT correct: MAY send a warning and close the connection, or send an
            // error and fail the channel": we warn only, for it costs the channel nothing but its place in the graph.
            transmit(.warning(Warning(channelID: message.channelID, text: "announcement_signatures are not right")), over: connection)
            return false
        }
        channels.annotate(message.channelID) { entry in
            entry.announcement.exchange = entry.announcement.exchange ?? AnnouncementExchange()
            entry.announcement.exchange?.remote = message
        }
        return true
    }

    /// With both halves the channel goes into the graph, and to everybody.
    private mutating func completeAnnouncement(_ id: ChannelID) {
        guard let entry = channels.entry(id), let exchange = entry.announcement.exchange, exchange.sentOver != nil,
            let remote = exchange.remote, case let channel = entry.channel, let name = channel.shortChannelID,
            !network.gossip.graph.contains(name)
        else { return }
        var announcement = unsignedAnnouncement(channel, name)
        let own = announcementSignatures(channel, entry.keys, name)
        let isFirst = nodeID < channel.parameters.remoteNodeID
        announcement.nodeSignature1 = isFirst ? own.node : remote.nodeSignature
        announcement.nodeSignature2 = isFirst ? remote.nodeSignature : own.node
        announcement.bitcoinSignature1 = isFirst ? own.bitcoin : remote.bitcoinSignature
        announcement.bitcoinSignature2 = isFirst ? remote.bitcoinSignature : own.bitcoin
        network.gossip.add(
            announcement, wire: LightningMessage.channelAnnouncement(announcement).encoded, funding: channel.parameters.funding,
            capacity: channel.parameters.fundingAmount, from: 0)
        batch.effects.events.append(.channelAnnounced(id, name))
        tellTerms(id)
        announceNode()
    }
}
