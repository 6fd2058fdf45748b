import ArgumentParser
import CryptoPrimitives
import Foundation
import LightningAPI
import LightningRecords
import LightningRuntime
import LightningServer

struct Backup: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backup", abstract: "Keep what it takes to get the money of channels back, and use it.",
        discussion: """
            The words of the wallet find what is on chain. What is in channels needs more: who the peers are. The node keeps that in a file, \
            channels.backup in the wallet's directory or where lnw start --backup-file says, renews it whenever a channel is opened or closed, and \
            gives it to peers that keep such things. It is sealed: only the words open it. With the words and the file

              lnw create --import && lnw start        (the words are asked for)
              lnw backup restore channels.backup

            has the peers close the channels, and the money comes back on chain.

            A copy of the database itself (lnw backup database) is as good only as long as no channel has gone on since; a node that starts from \
            an old one publishes nothing before its peers have shown that it is the newest. lnw start --replica keeps a second one that is never old.
            """,
        subcommands: [BackupExport.self, BackupVerify.self, BackupRestore.self, BackupDatabase.self])

    /// A file of the caller's working directory.
    static func url(_ path: String) -> URL { URL(filePath: (path as NSString).expandingTildeInPath) }

    /// A backup as a call gives it to the node: in hex, which a line of the control socket has to hold.
    static func parameters(_ file: URL) -> JSONValue? {
        DurableFile.read(file.path, upTo: 7_900_000).map { ["backup": .string(Hex.encode($0))] }
    }

    /// What a backup holds, for people.
    static func lines(_ v: JSONValue) -> String {
        let channels = v["channels"].list
        var lines = [
            "\(channels.count) channel\(channels.count == 1 ? "" : "s"), renewal \(v["revision"].u64), made \(v["created_at"].string)"
        ]
        for channel in channels {
            let place = channel["addresses"].list.first?.text ?? channel["peer_id"].string
            let name = channel["short_channel_id"].text ?? Format.short(channel["channel_id"].string)
            lines.append("  \(Format.pad(name, 14)) \(Format.pad(Format.sat(channel["capacity_sat"].u64), 16, right: true))  \(place)")
        }
        return lines.joined(separator: "\n")
    }
}

struct BackupExport: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "export", abstract: "Write the backup of the channels into a file.")
    @OptionGroup var options: CommonOptions
    @Argument(help: "The file; one that is there is replaced.") var file: String

    func run() async throws {
        let backup = try await options.call("backup")
        let url = Backup.url(file)
        guard backup["revision"].u64 > 0 else {
            throw CallFailure(.refused, "this wallet has had no channels: there is nothing to keep")
        }
        // One of the same wallet that knows more is not to be lost.
        if let there = Backup.parameters(url), let old = try? await options.call("readbackup", there),
            old["revision"].u64 > backup["revision"].u64 || old["unknown_channels"].u64 > 0
        {
            throw CallFailure(
                .refused,
                "\(url.path) is a backup of this wallet with channels that it does not know: restore it first (lnw backup restore), or choose another file"
            )
        }
        do throws(DurableFile.Failure) {
            try DurableFile.write(Hex.decode(backup["backup"].string) ?? [], to: url.path)
        } catch {
            throw CallFailure(.refused, error.description)
        }
        let value: JSONValue = [
            "path": .string(url.path), "revision": backup["revision"], "created_at": backup["created_at"], "channels": backup["channels"],
        ]
        options.show(value) { "written to \($0["path"].string): \(Backup.lines($0))" }
    }
}

struct BackupVerify: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "verify", abstract: "What a backup of the channels holds; it takes the wallet's words, and no node.")
    @OptionGroup var options: CommonOptions
    @OptionGroup var unlocking: UnlockOptions
    @Argument(help: "The file") var file: String

    func run() async throws {
        let directory = try unlocking.unlocked(try options.directory)
        let (bytes, summary) = try directory.readBackup(Backup.url(file), network: try options.chosenNetwork)
        guard case .object(var fields) = ControlAPI.json(summary) else { return }
        if let now = try? await options.call("readbackup", ["backup": .string(Hex.encode(bytes))]) {
            fields["unknown_channels"] = now["unknown_channels"]
            fields["newest_revision"] = now["newest_revision"]
        }
        options.show(.object(fields)) { v in
            let unknown = v["unknown_channels"].int ?? 0
            let verdict: String
            if v["newest_revision"] == .null {
                verdict = ""
            } else if unknown > 0 {
                verdict = "\nthe wallet does not know \(unknown) of them: lnw backup restore \(file)"
            } else {
                verdict =
                    v["newest_revision"].u64 > v["revision"].u64
                    ? "\nthe node has made a newer one since: lnw backup export" : "\nit is the newest"
            }
            return Backup.lines(v) + verdict
        }
    }
}

struct BackupRestore: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "restore", abstract: "Have the peers of a backup's channels close them, so that the money comes back on chain.",
        discussion: "For a wallet that was made anew from its words. Channels that its database knows stay as they are.")
    @OptionGroup var options: CommonOptions
    @Argument(help: "The file") var file: String

    func run() async throws {
        let url = Backup.url(file)
        guard let backup = Backup.parameters(url) else { throw CallFailure(.usage, "\(url.path) is not there, or is no backup") }
        let value = try await options.call("restorechannels", backup)
        options.show(value) { v in
            let count = v["restored"].list.count
            var lines = [
                count == 0
                    ? "no channel is in it that this wallet does not know"
                    : "\(count) channel\(count == 1 ? "" : "s") taken. The peers are called, and asked to close; the money comes back once that is mined: lnw listchannels"
            ]
            lines += v["refused"].list.map { "not taken: \($0.string)" }
            return lines.joined(separator: "\n")
        }
    }
}

struct BackupDatabase: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "database", abstract: "Copy the whole database into a file, whether the node runs or not.",
        discussion: "It is an old copy as soon as a channel goes on: lnw help backup.")
    @OptionGroup var options: CommonOptions
    @Argument(help: "The file, which must not be there yet") var file: String

    func run() async throws {
        let url = Backup.url(file)
        let directory = try options.directory
        do {
            _ = try await options.call("backupdatabase", ["path": .string(url.path)])
        } catch let failure as CallFailure where failure.kind == .unreachable && directory.exists {
            try directory.copyDatabase(to: url)
        }
        options.show(["path": .string(url.path)]) { "the database as it is now is in \($0["path"].string)" }
    }
}
