import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningEnforcement
import LightningRecords
import LightningTransactions
import LightningWire

// BOLT 1 "Peer storage": what the peers of our channels ask us to keep, and what we ask of them.

/// The blobs that we keep for peers.
struct KeptBlobs: Sendable {
    private(set) var blobs: [NodeID: [UInt8]] = [:]
    /// What came too soon after the one before.
    private var waiting: [NodeID: [UInt8]] = [:]
    /// When the last one was kept, of this run.
    private var keptAt: [NodeID: Timestamp] = [:]
    private var changed: Set<NodeID> = []

    /// "MAY delay storage to ratelimit peer to no more than one update per minute."
    static let interval = Duration.seconds(60)
    /// "when all channels with that peer are closed: SHOULD wait at least 2016 blocks before deleting the blob."
    static let keepFor = 2016

    init() {}

    init(records: [(key: [UInt8], record: [UInt8])]) throws(DecodingFailure) {
        for (key, record) in records {
            guard let node = NodeID(compressed: key) else { throw .invalid("key of a peer's blob") }
            blobs[node] = record
        }
    }

    /// "MUST replace the old blob with the latest received."
    mutating func take(_ blob: [UInt8], of node: NodeID, now: Timestamp) {
        // One that is as it was needs no room on the disk, and no minute.
        if blobs[node] == blob { return waiting[node] = nil }
        if let last = keptAt[node], now < last + Self.interval { return waiting[node] = blob }
        keep(blob, of: node, now: now)
    }

    private mutating func keep(_ blob: [UInt8], of node: NodeID, now: Timestamp) {
        blobs[node] = blob
        keptAt[node] = now
        waiting[node] = nil
        changed.insert(node)
    }

    /// Keeps what has waited long enough; all that a peer has sent where its connection ends.
    mutating func settle(now: Timestamp, disconnected node: NodeID? = nil) {
        for (owner, blob) in waiting.sorted(by: { $0.key < $1.key })
        where owner == node || now >= (keptAt[owner] ?? .zero) + Self.interval {
            keep(blob, of: owner, now: now)
        }
    }

    mutating func forget(_ node: NodeID) {
        waiting[node] = nil
        keptAt[node] = nil
        if blobs.removeValue(forKey: node) != nil { changed.insert(node) }
    }

    mutating func drainWrites() -> [StoreWrite] {
        defer { changed = [] }
        return changed.sorted().map { .change(.peerStorage, key: $0.compressed, record: blobs[$0]) }
    }
}

extension NodeCore {
    /// "MUST limit its blob to 65531 bytes."
    static let maxBlob = 65531

    // MARK: What we keep

    mutating func received(_ message: PeerStorage, of node: NodeID) {
        // "if it has an open channel with the sender: MUST store the message." Others would fill our disk for nothing.
        guard configuration.keepsPeerBackups, channels.isOwner(node), message.blob.count <= Self.maxBlob else { return }
        peers.keptBlobs.take(message.blob, of: node, now: now)
    }

    /// "MUST send peer_storage_retrieval again after reconnection, after exchanging init messages"; before `channel_reestablish`, so that a
    /// peer which has lost its data can use it.
    mutating func giveBack(to id: ConnectionID, _ node: NodeID) {
        guard let blob = peers.keptBlobs.blobs[node] else { return }
        transmit(.peerStorageRetrieval(PeerStorageRetrieval(blob: blob)), over: id)
    }

    /// Forgets what is kept for peers whose channels are over for long.
    mutating func forgetBlobs() {
        for node in peers.keptBlobs.blobs.keys.sorted() {
            let isOver = channels.channels(with: node).allSatisfy { channel in
                guard channel.isClosed, let close = channel.close else { return false }
                return height > close.height + KeptBlobs.keepFor
            }
            if isOver { peers.keptBlobs.forget(node) }
        }
    }

    // MARK: What is kept for us

    /// Asks a peer of our channels to keep our backup, if it offers that and does not have it.
    mutating func storeWithPeer(_ id: ConnectionID) {
        guard let peer = peers[id], peer.isReady, let node = peer.nodeID, peer.features?.offers(.provideStorage) == true,
            peer.told.storedRevision != channels.backup.revision, channels.backup.revision > 0, channels.isOwner(node)
        else { return }
        peers[id]!.told.storedRevision = channels.backup.revision
        let length = configuration.padsBackups ? Self.maxBlob : 0
        transmit(.peerStorage(PeerStorage(blob: backup(for: node).sealed(keys.backup, length: length))), over: id)
    }

    /// The backup for one peer. Where there are more channels than a blob has room for, those with the peer come first, and each peer gets
    /// others of the rest: all of them together have all.
    private func backup(for node: NodeID) -> ChannelBackup {
        var backup = channelBackup
        let own = backup.entries.filter { $0.parameters.remoteNodeID == node }
        var rest = backup.entries.filter { $0.parameters.remoteNodeID != node }
        let start = rest.isEmpty ? 0 : node.compressed.suffix(4).reduce(0) { ($0 << 8 | Int($1)) } % rest.count
        rest = Array(rest[start...] + rest[..<start])
        var room = Self.maxBlob - ChannelBackup.overhead - 200
        backup.entries = (own + rest).filter { entry in
            let size = entry.encoded().count + 5
            guard size <= room else { return false }
            room -= size
            return true
        }
        return backup
    }

    /// What a peer kept for us.
    mutating func received(_ message: PeerStorageRetrieval, over id: ConnectionID, of node: NodeID) {
        // Once for each connection: more of them can only cost us.
        guard peers[id]?.told.hasGivenBack == false else { return }
        peers[id]!.told.hasGivenBack = true
        let found: ChannelBackup
        do throws(ChannelBackup.Refusal) {
            found = try openBackup(message.blob)
        } catch {
            // A stranger's rubbish is no line in the log.
            guard channels.isOwner(node) else { return }
            return batch.effects.events.append(.note("\(node) gave back a backup of ours that is none: \(error)"))
        }
        // One that is older is of no use: the peer is given the newest.
        if found.revision < channels.backup.revision { return }
        peers[id]!.told.storedRevision = found.revision
        if found.revision > channels.backup.revision {
            if channels.isEmpty { doubtSessions() } else { isBehind(found) }
        }
        // A database that has made backups may have channels in its history, which need no restoring. One that is lost takes them at once: the
        // peer speaks of them next.
        if channels.backup.revision > 0, found.entries.contains(where: { !channels.contains($0.parameters.channelID) }) {
            return begin(.restoreChannels(message.blob), Self.ownRequest)
        }
        let (_, refused) = restore(found)
        for what in refused { batch.effects.events.append(.alert("the backup that \(node) gave back: \(what)")) }
    }
}
