public import BitcoinPrimitives
public import CryptoPrimitives
public import Foundation
import LightningCore
import LightningStorage
import LightningTransactions
public import LightningWire

/// What a backup of channels holds, as it can be shown to anybody.
public struct ChannelBackupSummary: Hashable, Sendable {
    /// One channel.
    public struct Channel: Hashable, Sendable {
        /// By which both peers know it.
        public var id: ChannelID
        /// Who has to be asked to close it.
        public var peer: NodeID
        /// Of both sides together.
        public var capacity: Satoshi
        /// Where its funding transaction is in the chain; `nil` where it was not in a block when the backup was made.
        public var place: ShortChannelID?
        /// Where the peer can be called, as far as it was known.
        public var addresses: [NodeAddress]
    }

    /// Higher with each renewal.
    public var revision: UInt64
    /// When it was made.
    public var createdAt: Date
    /// The channels in it.
    public var channels: [Channel]

    init(_ backup: ChannelBackup) {
        revision = backup.revision
        createdAt = Date(timeIntervalSince1970: TimeInterval(backup.createdAt.seconds))
        channels = backup.entries.map { entry in
            let peer = entry.parameters.remoteNodeID
            return Channel(
                id: entry.parameters.channelID, peer: peer, capacity: entry.parameters.fundingAmount, place: entry.place,
                addresses: AddressDescriptors.decode(entry.addresses).map { NodeAddress(nodeID: peer, host: $0.host, port: $0.port) })
        }
    }
}

extension LightningNode {
    /// The backup of the channels as it is now, sealed: of use to nobody without the words.
    ///
    /// It is no copy of the channels' state and never too old: whoever has lost the database restores the wallet from its words, gives it this,
    /// and the peers are asked to close. What is lost then are HTLCs that were under way.
    public func channelBackup() async throws -> [UInt8] { try await driver.read { $0.sealedBackup } }

    /// What a backup of this wallet holds.
    ///
    /// - Throws: `NodeRefusal.invalid` for what is none.
    public func readChannelBackup(_ bytes: [UInt8]) async throws -> ChannelBackupSummary {
        let result = try await driver.read { core in Result { () throws(ChannelBackup.Refusal) in try core.openBackup(bytes) } }
        do throws(ChannelBackup.Refusal) { return ChannelBackupSummary(try result.get()) } catch {
            throw NodeRefusal.invalid("the backup cannot be used: \(error)")
        }
    }

    /// What the backup holds.
    public func channelBackupSummary() async throws -> ChannelBackupSummary {
        try await driver.read { ChannelBackupSummary($0.channelBackup) }
    }

    /// Writes a copy of the whole database as it is now.
    ///
    /// Money at risk: it is an old copy as soon as a channel goes on. A node that starts from it publishes no commitment before its peers have
    /// shown that it is the newest.
    public func copyDatabase(to file: URL) async throws { try await store.read { try $0.copy(to: file.path) } }

    /// Takes the channels of a backup that this database does not know: their peers are called and asked to close, and our outputs are swept
    /// to the wallet once that is mined.
    ///
    /// - Returns: the channels that were not known, and why some of the others could not be taken.
    /// - Throws: `NodeRefusal.invalid` for what is no backup of this wallet.
    public func restoreChannels(from backup: [UInt8]) async throws -> (restored: [ChannelID], refused: [String]) {
        guard case .restored(let ids, let refused) = try await driver.command(.restoreChannels(backup)) else { preconditionFailure() }
        return (ids, refused)
    }
}

extension WalletDirectory {
    /// Writes a copy of the whole database of a wallet whose node does not run: see `LightningNode.copyDatabase(to:)`.
    public func copyDatabase(to file: URL) throws {
        guard FileManager.default.fileExists(atPath: database) else {
            throw WalletDirectoryFailure.unreadable(database, why: "it is not there: the wallet's node has never run")
        }
        let store = try SQLiteStore(path: database)
        defer { store.close() }
        try store.copy(to: file.path)
    }

    /// More is no backup of channels.
    static let longestBackup = 64 << 20

    /// Reads a backup of channels that this wallet made.
    ///
    /// - Throws: `WalletDirectoryFailure.unreadable` for what is none.
    public func readBackup(_ file: URL, network: Network = .regtest) throws(WalletDirectoryFailure) -> (
        bytes: [UInt8], summary: ChannelBackupSummary
    ) {
        guard let bytes = DurableFile.read(file.path, upTo: Self.longestBackup) else {
            throw .unreadable(file.path, why: "it is not there, or cannot be read")
        }
        let seed = try seed()
        do throws(ChannelBackup.Refusal) {
            return (bytes, try summary(of: bytes, seed, network))
        } catch {
            throw .unreadable(file.path, why: error.description)
        }
    }

    /// What a backup holds; `nil` where it is none of this wallet.
    func summary(of backup: [UInt8], network: Network) throws(WalletDirectoryFailure) -> ChannelBackupSummary? {
        let seed = try seed()
        return try? summary(of: backup, seed, network)
    }

    private func summary(of bytes: [UInt8], _ seed: [UInt8], _ network: Network) throws(ChannelBackup.Refusal) -> ChannelBackupSummary {
        ChannelBackupSummary(try ChannelBackup(sealed: bytes, NodeKeys(seed: seed, network: network).backup, network: network))
    }
}
