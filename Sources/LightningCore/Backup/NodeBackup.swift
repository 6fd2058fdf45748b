import BitcoinPrimitives
import CryptoPrimitives
import LightningChain
import LightningChannel
import LightningRecords
import LightningTransactions
import LightningWire

/// What the node knows of its own backup.
struct BackupState {
    /// How often it was renewed.
    var revision: UInt64 = 0
    /// When it was, to the second.
    var createdAt: Timestamp = .zero
    /// Of its entries: whether anything has changed.
    var digest: Bytes32 = .zero
    /// Whether something has changed that may belong into it.
    var isOutdated = false
    /// Whether the driver has been given it since the start.
    var isTold = false
    /// Where nodes can be called, as the driver says: BOLT 7's address descriptors.
    var addresses: [NodeID: [UInt8]] = [:]

    private static let version: UInt8 = 1

    init() {}

    init(record: [UInt8]?) throws(DecodingFailure) {
        guard let record else { return }
        var reader = ByteReader(record)
        guard try reader.uint8() == Self.version else { throw .invalid("version of the backup's record") }
        revision = try reader.uint64()
        createdAt = Timestamp(seconds: try reader.uint64())
        digest = try reader.bytes32()
        try reader.expectEnd()
    }

    func encoded() -> [UInt8] {
        ByteWriter.bytes {
            $0.uint8(Self.version)
            $0.uint64(revision)
            $0.uint64(createdAt.seconds)
            $0.write(digest)
        }
    }
}

// The backup of the node's channels: renewed when one is opened or closed, given to the driver and to the peers, and read again.
extension NodeCore {
    /// What the peers of our channels are needed for once the database is lost.
    package var channelBackup: ChannelBackup {
        ChannelBackup(
            network: configuration.network, nodeID: nodeID, revision: channels.backup.revision, createdAt: channels.backup.createdAt,
            entries: backupEntries)
    }

    /// The backup, sealed.
    package var sealedBackup: [UInt8] { channelBackup.sealed(keys.backup) }

    /// Reads a backup of this wallet.
    package func openBackup(_ bytes: [UInt8]) throws(ChannelBackup.Refusal) -> ChannelBackup {
        try ChannelBackup(sealed: bytes, keys.backup, network: configuration.network)
    }

    private var backupEntries: [ChannelBackup.Entry] {
        channels.ids.compactMap { id in
            channels.read(id) { entry in
                guard entry.channel.isOwned else { return nil }
                let peer = entry.channel.parameters.remoteNodeID
                return ChannelBackup.Entry(
                    parameters: entry.channel.parameters, place: entry.channel.shortChannelID,
                    addresses: channels.backup.addresses[peer] ?? [])
            } ?? nil
        }
    }

    /// Renews the backup where something has changed that belongs into it; at the end of a batch.
    mutating func renewBackup() {
        guard channels.backup.isOutdated || !channels.backup.isTold else { return }
        let isFirst = !channels.backup.isTold
        (channels.backup.isOutdated, channels.backup.isTold) = (false, true)
        let entries = backupEntries
        let digest = Hash.sha256(entries.flatMap { $0.encoded() })
        if digest != channels.backup.digest, !entries.isEmpty || channels.backup.revision > 0 {
            channels.backup.digest = digest
            channels.backup.revision += 1
            channels.backup.createdAt = now.wholeSecond
            writeBackupState()
        } else if !isFirst {
            return
        }
        guard channels.backup.revision > 0 else { return }
        batch.effects.backup = sealedBackup
        for id in peers.keys.sorted() { storeWithPeer(id) }
    }

    private mutating func writeBackupState() {
        batch.effects.writes.append(.put(.meta, key: StoreTable.key("backup"), record: channels.backup.encoded()))
    }

    /// The driver knows where nodes can be called.
    mutating func learn(addresses: [NodeID: [UInt8]]) {
        for (node, descriptors) in addresses where channels.backup.addresses[node] != descriptors {
            channels.backup.addresses[node] = descriptors
            if !channels.index.channels(with: node).isEmpty { channels.backup.isOutdated = true }
        }
    }

    /// Takes the channels of a backup that this database does not know: their peers are asked to close them.
    ///
    /// - Parameter closed: channels that are over, and only in the history.
    /// - Returns: the channels that are new here, and what could not be taken.
    mutating func restore(_ found: ChannelBackup, except closed: Set<ChannelID> = []) -> (restored: [ChannelID], refused: [String]) {
        var restored: [ChannelID] = []
        var refused: [String] = []
        for entry in found.entries {
            let id = entry.parameters.channelID
            guard !closed.contains(id), !channels.contains(id), channels.index.channels(fundedBy: entry.parameters.funding).isEmpty else {
                continue
            }
            let secrets = keys.channel(entry.parameters.keyOrigin)
            do throws(DecodingFailure) {
                let channel = try PaymentChannel(recovering: entry.parameters, place: entry.place, secrets, height: height)
                channels.insert(ChannelEntry(channel, keys: secrets))
            } catch {
                refused.append("channel \(id): \(error)")
                continue
            }
            channels.nextKeyIndex = max(channels.nextKeyIndex, entry.parameters.keyOrigin.index + 1)
            batch.isMetaChanged = true
            if !entry.addresses.isEmpty {
                batch.effects.events.append(.peerAddresses(entry.parameters.remoteNodeID, entry.addresses))
            }
            restored.append(id)
        }
        // A newer one than any that was made, of whatever copy.
        if found.revision >= channels.backup.revision {
            channels.backup.revision = found.revision
            writeBackupState()
        }
        guard !restored.isEmpty else { return (restored, refused) }
        channels.backup.isOutdated = true
        batch.effects.events.append(.channelsRestored(restored))
        batch.effects.events.append(
            .alert(
                "\(restored.count) channel\(restored.count == 1 ? " was" : "s were") found in a backup, and this database does not know "
                    + "\(restored.count == 1 ? "it" : "them"): the peers are asked to close, and our outputs come back to the wallet"))
        for id in restored {
            if let peer = channels.peer(of: id), isConnected(peer) { tell(id, .connected) }
        }
        return (restored, refused)
    }

    /// A peer kept a backup that is newer than ours: this database is an old copy.
    mutating func isBehind(_ found: ChannelBackup) {
        batch.effects.events.append(
            .alert(
                "a peer keeps a newer backup of this wallet than this database has made (\(found.revision), not \(channels.backup.revision)): the database "
                    + "is an old copy. Nothing of a channel is published before its peer has shown that it is the newest"))
        for id in channels.ids { tell(id, .doubted) }
        doubtSessions()
    }

    /// What a block holds that spends outputs which channels out of a backup watch: it was mined before they were known here.
    mutating func connectPast(_ block: BlockContents, height: BlockHeight, for wanted: Set<ChannelID>) {
        // One that has left the chain meanwhile would never be taken back; those further back than is remembered do not leave it.
        guard height <= self.height, layer1.position.hash(height: height).map({ $0 == block.hash }) ?? true else { return }
        for transaction in block.transactions {
            for input in transaction.inputs {
                for id in channels.index.chain.owners(watching: input.previousOutput) where wanted.contains(id) {
                    tell(id, .spent(input.previousOutput, by: transaction, height: height))
                }
            }
            drain()
        }
    }
}
