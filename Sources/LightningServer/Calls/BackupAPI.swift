import BitcoinPrimitives
import CryptoPrimitives
import Foundation
package import LightningAPI
import LightningChannel
import LightningRecords
package import LightningRuntime
import LightningWire

// What the control socket offers of backups.
extension ControlAPI {
    /// `nil` for a method that is none of these.
    func callBackup(_ method: String, _ p: JSONValue) async throws -> JSONValue? {
        switch method {
        case "backup":
            guard case .object(var fields) = Self.json(try await node.channelBackupSummary()) else { return .null }
            fields["backup"] = .string(Hex.encode(try await node.channelBackup()))
            return .object(fields)
        case "readbackup":
            guard let bytes = try p.words("backup").flatMap({ Hex.decode($0) }) else {
                throw CallFailure(.usage, "backup is a channel backup, in hex")
            }
            let summary = try await node.readChannelBackup(bytes)
            var known = Set(try await node.channels().map(\.id))
            for channel in summary.channels where !known.contains(channel.id) {
                if try await node.closedChannel(channel.id) != nil { known.insert(channel.id) }
            }
            guard case .object(var fields) = Self.json(summary) else { return .null }
            fields["unknown_channels"] = .integer(Int64(summary.channels.count { !known.contains($0.id) }))
            fields["newest_revision"] = .amount(try await node.channelBackupSummary().revision)
            return .object(fields)
        case "restorechannels":
            guard let bytes = try p.words("backup").flatMap({ Hex.decode($0) }) else {
                throw CallFailure(.usage, "backup is a channel backup, in hex")
            }
            let (restored, refused) = try await node.restoreChannels(from: bytes)
            return ["restored": .array(restored.map { .string($0.hex) }), "refused": .array(refused.map { .string($0) })]
        case "backupdatabase":
            guard let path = try p.words("path"), path.hasPrefix("/") else {
                throw CallFailure(.usage, "path is a file's, from the root on")
            }
            do {
                try await node.copyDatabase(to: URL(filePath: path))
            } catch let failure as StoreFailure {
                throw CallFailure(.refused, failure.description)
            }
            return ["path": .string(path)]
        default: return nil
        }
    }

    package static func json(_ summary: ChannelBackupSummary) -> JSONValue {
        [
            "revision": .amount(summary.revision),
            "created_at": .time(Timestamp(seconds: UInt64(max(0, summary.createdAt.timeIntervalSince1970)))),
            "channels": .array(
                summary.channels.map { channel in
                    [
                        "channel_id": .string(channel.id.hex), "short_channel_id": channel.place.map { .string($0.description) } ?? .null,
                        "peer_id": .string(channel.peer.hex), "capacity_sat": .amount(channel.capacity.value),
                        "addresses": .array(channel.addresses.map { .string($0.description) }),
                    ]
                }),
        ]
    }
}
