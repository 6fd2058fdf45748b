import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningRouting
package import LightningWire

// BOLT 7's node_announcement: who we are and where, for everybody once there is a public channel, and for the peers of our channels in
// any case, so that they find us again.
extension NodeCore {
    /// Where this node can be called has changed.
    mutating func listening(at addresses: [UInt8]) {
        guard addresses != network.ownAddresses else { return }
        network.ownAddresses = addresses
        announceNode()
        let owners = channels.owners
        for id in peers.keys.sorted() {
            if let peer = peers[id], peer.isReady, let node = peer.nodeID, owners.contains(node) { introduce(to: id) }
        }
    }

    /// Tells everybody who we are, once there is a public channel: what has changed, and after a day what has not.
    mutating func announceNode() {
        guard let known = network.gossip.graph.nodeView(NodeKey(nodeID)) else { return }
        let isToldAlready = network.gossip.graph.announcement(NodeKey(nodeID)).flatMap(Self.announcement).map(saysWhoWeAre) ?? false
        guard !isToldAlready || now > Timestamp(seconds: UInt64(known.timestamp)) + .seconds(86_400) else { return }
        let (announcement, wire) = announcement(after: known.timestamp)
        network.gossip.apply(announcement, wire: wire, from: nil)
    }

    /// Tells the peer of a channel where we can be called. One that does not know the channel from gossip may ignore it.
    mutating func introduce(to id: ConnectionID) {
        guard !network.ownAddresses.isEmpty else { return }
        let known = network.gossip.graph.announcement(NodeKey(nodeID))
        if let known, let body = Self.announcement(known), saysWhoWeAre(body) { return transmit(known, over: id) }
        transmit(announcement(after: network.gossip.graph.nodeView(NodeKey(nodeID))?.timestamp ?? 0).wire, over: id)
    }

    /// A peer of a channel says where it can be called.
    mutating func learnAddresses(_ body: NodeAnnouncement, _ wire: [UInt8], _ node: NodeID, over id: ConnectionID) {
        guard body.nodeID == node, !body.addresses.isEmpty, peers[id]!.told.addresses != body.addresses, channels.isOwner(node),
            peers[id]!.allowance.warnings.take(Peer.warningRate, now: clock.now),
            body.signature.parsed?.verify(NodeAnnouncement.signatureHash(wire: wire), key: node) ?? false
        else { return }
        peers[id]!.told.addresses = body.addresses
        batch.effects.events.append(.peerAddresses(node, body.addresses))
    }

    /// BOLT 7's address descriptors of a node that has announced itself.
    package func announcedAddresses(of node: NodeID) -> [UInt8] {
        network.gossip.graph.announcement(NodeKey(node)).flatMap(Self.announcement)?.addresses ?? []
    }

    private static func announcement(_ wire: [UInt8]) -> NodeAnnouncement? {
        guard case .nodeAnnouncement(let body)? = try? LightningMessage(wire) else { return nil }
        return body
    }

    private func unsignedAnnouncement(_ timestamp: UInt32) -> NodeAnnouncement {
        NodeAnnouncement(
            features: configuration.features, timestamp: timestamp, nodeID: nodeID, color: Array(nodeID.compressed[1...3]),
            alias: configuration.alias, addresses: network.ownAddresses)
    }

    /// Whether an announcement of ours still holds.
    private func saysWhoWeAre(_ body: NodeAnnouncement) -> Bool {
        var now = unsignedAnnouncement(body.timestamp)
        now.signature = body.signature
        return now == body
    }

    /// A signed announcement: "MUST set timestamp to be greater than that of any previous node_announcement it has previously created".
    private mutating func announcement(after previous: UInt32) -> (body: NodeAnnouncement, wire: [UInt8]) {
        if let last = network.lastAnnouncement, last.timestamp > previous, saysWhoWeAre(last) {
            return (last, LightningMessage.nodeAnnouncement(last).encoded)
        }
        let latest = max(previous, network.lastAnnouncement?.timestamp ?? 0)
        var body = unsignedAnnouncement(max(UInt32(clamping: now.seconds), latest == .max ? latest : latest + 1))
        let hash = NodeAnnouncement.signatureHash(wire: LightningMessage.nodeAnnouncement(body).encoded)
        body.signature = WireSignature(keys.nodeSecret.sign(hash))
        network.lastAnnouncement = body
        return (body, LightningMessage.nodeAnnouncement(body).encoded)
    }
}
