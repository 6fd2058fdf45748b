import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningPayment
import LightningRouting
import LightningTransport
package import LightningWire

// Connections: BOLT 8 below, BOLT 1 above.
extension NodeCore {
    /// The peers, in the order of their ids.
    package var peerSummaries: [PeerSummary] {
        peers.values.sorted { $0.connection < $1.connection }.compactMap { peer in
            peer.nodeID.map {
                PeerSummary(nodeID: $0, features: peer.features ?? FeatureBits(), isInitialized: peer.isReady)
            }
        }
    }

    /// Whether a peer is connected and has said `init`.
    package func isConnected(_ node: NodeID) -> Bool {
        peers.connections[node].flatMap { peers[$0] }?.isReady ?? false
    }

    /// Whether there is a connection to a node that has not come so far that messages can be exchanged.
    package func isConnecting(_ node: NodeID) -> Bool { peers.connections[node] != nil && !isConnected(node) }

    mutating func connected(_ id: ConnectionID, to node: NodeID?, from origin: AddressGroup?) {
        let ephemeral = entropy.secretKey()
        // A watchtower is not told who we are.
        let tower = node.flatMap { peers.towers.client.towers[$0] }
        var transport: NoiseTransport
        if let tower {
            transport = NoiseTransport(localSecret: towerSecret(tower), ephemeral: ephemeral, remoteNodeID: node)
        } else {
            transport = NoiseTransport(localSecret: keys.nodeSecret, ephemeral: ephemeral, remoteNodeID: node)
        }
        if node == nil { admitHandshake(from: origin) }
        if node != nil { batch.effects.transmissions.append((id, transport.start())) }
        peers[id] = Peer(id, transport, isInbound: node == nil, origin: origin, now: now)
    }

    mutating func received(_ id: ConnectionID, _ bytes: [UInt8]) {
        guard peers[id] != nil else { return }
        peers[id]!.lastHeard = now
        peers[id]!.hasPendingPing = false
        let wasEstablished = peers[id]!.transport.isEstablished
        do {
            let (reply, messages) = try peers[id]!.transport.receive(bytes)
            if !reply.isEmpty { batch.effects.transmissions.append((id, reply)) }
            if !wasEstablished && peers[id]!.transport.isEstablished { established(id) }
            for message in messages {
                // The connection may have been closed because of the message before.
                guard peers[id] != nil else { return }
                received(id, message: message)
                // What one message brings is done before the next is looked at: it may end the channel that it came over.
                drain()
            }
        } catch {
            close(id)
        }
    }

    /// How long two calls in both directions are taken for the same wish.
    private static let crossingTime = Duration.seconds(5)

    /// The handshake is over: we know who it is.
    private mutating func established(_ id: ConnectionID) {
        guard let node = peers[id]?.nodeID else { return }
        if node == nodeID {
            close(id)
            return
        }
        // It calls us by our name: over this connection it is told nothing that would show that we are its client.
        if peers.towers.client.towers[node] != nil, peers[id]?.isInbound == true {
            close(id)
            return
        }
        if let old = peers.connections[node], old != id, let first = peers[old], let second = peers[id] {
            // Both sides called at once: both keep the call of the node with the smaller id, or each could close the other's.
            let isCrossing = first.isInbound != second.isInbound && now.since(first.openedAt) < Self.crossingTime
            let keepsOurCall = nodeID < node
            if isCrossing, first.isInbound != keepsOurCall {
                batch.effects.events.append(.connectionEnded(id, node, "both sides called at once, and the other call is kept"))
                close(id)
                return
            }
            // Otherwise a second connection of a node replaces the first, which is most likely dead.
            close(old)
        }
        peers.connections[node] = id
        let message = Init(features: configuration.features, chains: [configuration.network.chainHash])
        transmit(.initialize(message), over: id)
    }

    mutating func transmit(_ message: LightningMessage, over id: ConnectionID) { transmit(message.encoded, over: id) }

    mutating func transmit(_ wire: [UInt8], over id: ConnectionID) {
        guard peers[id]?.transport.isEstablished == true, peers[id]!.ending == nil else { return }
        do {
            batch.effects.transmissions.append((id, try peers[id]!.transport.seal(wire)))
        } catch {
            // Everything that is composed of a peer's bytes has its length checked there. Should one place be forgotten, that costs
            // this connection, not the node.
            peers[id]!.ending = "a message of \(wire.count) bytes cannot be sent"
        }
    }

    /// Closes the connections that have to end with this batch.
    mutating func closeEnding() {
        for id in peers.keys.sorted() {
            guard let peer = peers[id], let why = peer.ending else { continue }
            batch.effects.events.append(.note("the connection to \(peer.nodeID.map { "\($0)" } ?? "somebody") is closed: \(why)"))
            close(id)
        }
    }

    /// Tells a peer that what it wants with a channel cannot be.
    ///
    /// The id is the peer's word: under the one that means all channels nothing but a warning is said.
    mutating func reject(_ channel: ChannelID, _ text: String, over id: ConnectionID) {
        let message = ErrorMessage(channelID: channel, text: text)
        transmit(channel == .all ? .warning(Warning(channelID: .all, text: text)) : .error(message), over: id)
    }

    /// To a peer, if it is connected.
    mutating func send(_ message: LightningMessage, to node: NodeID) {
        guard let id = peers.connections[node], peers[id]?.isReady == true else { return }
        transmit(message, over: id)
    }

    mutating func close(_ id: ConnectionID) {
        guard peers[id] != nil else { return }
        batch.effects.closes.append(id)
        disconnected(id)
    }

    mutating func disconnected(_ id: ConnectionID) {
        guard let peer = peers.removeValue(forKey: id) else { return }
        batch.effects.events.append(.connectionLost(id))
        for entry in peer.openings.values.sorted(by: { $0.opening.temporaryChannelID < $1.opening.temporaryChannelID }) {
            abandon(entry, why: "the connection was lost")
        }
        guard let node = peer.nodeID, peers.connections[node] == id else { return }
        peers.connections[node] = nil
        peers.keptBlobs.settle(now: now, disconnected: node)
        towerDisconnected(node)
        for channelID in channels.index.channels(with: node) { tell(channelID, .disconnected) }
        network.gossip.disconnected(id)
        if peer.isReady { batch.effects.events.append(.peerDisconnected(node)) }
    }

    mutating func tick() {
        network.gossip.tick(now: now)
        batch.queue.append(.receiver(.timePassed))
        batch.queue.append(.sender(.tick))
        batch.queue.append(.forwarder(.tick))
        updatePublicChannels()
        dropSilentPeers()
        adjustFeeRates()
        endStuckCloses()
        peers.keptBlobs.settle(now: now)
        for id in peers.keys.sorted() {
            guard let peer = peers[id] else { continue }
            if !peer.isReady && now.since(peer.openedAt) >= configuration.connections.handshakeTimeout {
                close(id)
                continue
            }
            for (temporaryID, entry) in peer.openings.sorted(by: { $0.key < $1.key }) where now >= entry.deadline {
                peers[id]!.openings[temporaryID] = nil
                reject(temporaryID, "the opening took too long", over: id)
                abandon(entry, why: "the peer did not answer in time")
            }
            storeWithPeer(id)
            let silence = now.since(peer.lastHeard)
            if silence >= configuration.pingInterval * 2 {
                close(id)
            } else if silence >= configuration.pingInterval, !peer.hasPendingPing, peer.isReady {
                peers[id]!.hasPendingPing = true
                transmit(.ping(Ping(pongBytes: 1)), over: id)
            }
        }
    }

    // MARK: Messages

    private mutating func received(_ id: ConnectionID, message bytes: [UInt8]) {
        let message: LightningMessage
        do {
            message = try LightningMessage(bytes)
        } catch {
            // Gossip may cost a peer its gossip, never its channels.
            if LightningMessage.isGossip(bytes), let node = peers[id]?.nodeID, channels.isOwner(node) {
                return network.gossip.unreadable(from: id, "unreadable gossip: \(error)")
            }
            // BOLT 1: "upon receiving a message of _even_, unknown type: MUST close the connection"; the same for "a known message with
            // insufficient length for the contents".
            transmit(.warning(Warning(channelID: .all, text: "unreadable message: \(error)")), over: id)
            close(id)
            return
        }
        if case .initialize(let body) = message { return initialized(id, body) }
        // "MUST wait to receive init before sending any other messages"; the other side too.
        guard let peer = peers[id], peer.isReady, let node = peer.nodeID else {
            close(id)
            return
        }
        switch message {
        case .ping(let ping):
            // BOLT 1: "if num_pong_bytes is less than 65532: MUST respond"; and no more than a flood of long pongs would bear.
            guard peers[id]!.allowance.pings.take(Peer.pingRate, now: clock.now) else {
                if !peers[id]!.allowance.isWarnedOfPings {
                    peers[id]!.allowance.isWarnedOfPings = true
                    transmit(.warning(Warning(channelID: .all, text: "too many pings: they are answered once a second")), over: id)
                }
                return
            }
            if ping.pongBytes < 65532 { transmit(.pong(Pong(count: Int(ping.pongBytes))), over: id) }
        case .error(let error): failed(error, by: node, id)
        case .warning(let warning):
            if peers[id]!.allowance.warnings.take(Peer.warningRate, now: clock.now) {
                batch.effects.events.append(.note("\(node) warns: \(warning.error.text)"))
            }
        case .openChannel(let body): received(body, over: id, node)
        case .acceptChannel(let body): received(body, over: id)
        case .fundingCreated(let body): received(body, over: id)
        case .fundingSigned(let body): received(body, over: id)
        case .channelAnnouncement, .channelUpdate, .nodeAnnouncement, .queryShortChannelIDs, .replyShortChannelIDsEnd,
            .queryChannelRange, .replyChannelRange, .gossipTimestampFilter:
            receivedGossip(message, wire: bytes, id, node)
        case .towerStore(let body): received(body, over: id, of: node)
        case .towerStored(let body): received(body, of: node)
        case .towerRefused(let body): received(body, of: node)
        case .towerForget(let body): received(body, over: id, of: node)
        case .towerForgotten(let body): received(body, of: node)
        case .peerStorage(let body): received(body, of: node)
        case .peerStorageRetrieval(let body): received(body, over: id, of: node)
        case .announcementSignatures(let body): received(body, node, over: id)
        case .channelReady, .shutdown, .closingSigned, .updateAddHTLC, .updateFulfillHTLC, .updateFailHTLC, .updateFailMalformedHTLC,
            .updateFee, .commitmentSigned, .revokeAndAck, .channelReestablish:
            if let channelID = message.channelID { give(message, to: channelID, of: node, over: id) }
        // An answer to our ping has been noted by its arrival. The others belong to features that we do not offer: who sends them anyway is
        // not worth a connection.
        case .pong, .unknown, .onionMessage, .closingComplete, .closingSig, .startBatch: break
        // `init` was taken above; a second one changes nothing.
        case .initialize: break
        }
    }

    private mutating func initialized(_ id: ConnectionID, _ body: Init) {
        guard let node = peers[id]?.nodeID, peers[id]?.features == nil else { return }
        let features = body.features.union(body.globalFeatures)
        // "upon receiving unknown _even_ feature bits that are non-zero: MUST close the connection".
        let unknown = features.unknownCompulsory()
        let shared = body.networks.map { $0.contains(configuration.network.chainHash) } ?? true
        if !unknown.isEmpty || features.missingDependency != nil || !shared {
            let why =
                !shared
                ? "no chain in common"
                : unknown.isEmpty ? "feature dependencies are missing" : "unknown compulsory features \(FeatureBits.list(unknown))"
            transmit(.warning(Warning(channelID: .all, text: why)), over: id)
            batch.effects.events.append(.connectionEnded(id, node, why))
            close(id)
            return
        }
        peers[id]!.features = features
        admitStranger(id)
        guard peers[id] != nil else { return }
        batch.effects.events.append(.peerConnected(node))
        batch.effects.events.append(.connectionReady(id, node))
        if channels.isOwner(node) { introduce(to: id) }
        giveBack(to: id, node)
        network.gossip.connected(id, features: features, now: now, height: height)
        for channelID in channels.index.channels(with: node) { tell(channelID, .connected) }
        towerConnected(node)
    }

    private mutating func failed(_ error: ErrorMessage, by node: NodeID, _ id: ConnectionID) {
        if peers[id]!.allowance.warnings.take(Peer.warningRate, now: clock.now) {
            batch.effects.events.append(.note("\(node) reports an error: \(error.text)"))
        }
        if let entry = peers[id]?.openings.removeValue(forKey: error.channelID) {
            abandon(entry, why: error.text)
            return
        }
        for channelID in channels.index.channels(with: node) where error.channelID == .all || error.channelID == channelID {
            tell(channelID, .error(error.text))
        }
    }

    /// Gives a message to the channel that it is for.
    private mutating func give(
        _ message: LightningMessage, to channelID: ChannelID, of node: NodeID, over id: ConnectionID
    ) {
        guard channels.peer(of: channelID) == node else {
            if case .channelReestablish = message {
                reject(channelID, "unknown channel", over: id)
            }
            return
        }
        let effects = handled(channelID, .message(message))
        if case .violated(let violation)? = effects.first { return punish(violation, channel: channelID, connection: id) }
        for effect in effects { batch.queue.append(.channel(channelID, effect)) }
        guard case .channelReestablish = message else { return }
        // BOLT 2: what is sent again comes before anything else.
        drain()
        tellTerms(channelID)
        announceIfReady(channelID)
    }
}
