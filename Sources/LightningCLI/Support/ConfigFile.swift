import ArgumentParser
import BitcoinPrimitives
import Foundation
import LightningAPI
import LightningRuntime
import TOMLKit

/// `lnw.toml` in a wallet's directory: the options of `lnw start` that are not said on the command line.
enum ConfigFile {
    /// An option that may stand in the file, under its own name.
    struct Key {
        enum Kind { case text, number, flag, list }
        var name: String
        var kind: Kind
        /// What it means, and how one looks that is no default.
        var about: String
        var example: String
    }

    static let keys: [Key] = [
        Key(name: "chain", kind: .text, about: "The layer 1.", example: "bitcoind:http://127.0.0.1:8332"),
        Key(
            name: "chain-cookie", kind: .text, about: "The bitcoind's .cookie, where the address has no user.",
            example: "/home/me/.bitcoin/.cookie"),
        Key(
            name: "chain-certificate", kind: .text, about: "The certificate of an Electrum server that signed it itself.",
            example: "/etc/lnw/electrum.pem"),
        Key(name: "alias", kind: .text, about: "What the node calls itself, to everybody.", example: "alice"),
        Key(name: "port", kind: .number, about: "The port that other nodes call.", example: "9735"),
        Key(name: "host", kind: .text, about: "The address to listen on.", example: "0.0.0.0"),
        Key(name: "announce", kind: .text, about: "How others reach this machine.", example: "node.example.com"),
        Key(name: "http", kind: .text, about: "Answer calls over HTTP, and show a dashboard.", example: "127.0.0.1:8080"),
        Key(
            name: "http-cert", kind: .text, about: "TLS for http: a PEM file with the certificate and its chain.",
            example: "/etc/lnw/certificate.pem"),
        Key(name: "http-key", kind: .text, about: "The PEM file of its key.", example: "/etc/lnw/key.pem"),
        Key(name: "webhook", kind: .list, about: "Whom to tell what happens.", example: "https://shop.example.com/paid"),
        Key(name: "webhook-events", kind: .text, about: "Which events.", example: "payment_received,payment_failed"),
        Key(
            name: "backup-file", kind: .text, about: "Where the backup of the channels is kept, best on another disk.",
            example: "/backup/channels.backup"),
        Key(name: "replica", kind: .text, about: "A second database, without which the node stops.", example: "/backup/node.sqlite"),
        Key(name: "birthday", kind: .number, about: "Where a wallet of words begins to look for its coins.", example: "900000"),
        Key(
            name: "passphrase-file", kind: .text, about: "A file with the passphrase of the words, for a daemon.",
            example: "/run/secrets/lnw"),
        Key(name: "log-level", kind: .text, about: "debug, info, notice, warning or error.", example: "info"),
        Key(name: "log-file", kind: .text, about: "Where the log goes; standard error where nothing is said.", example: "/var/log/lnw.log"),
        Key(name: "watchtower", kind: .flag, about: "Be a watchtower for others as well.", example: "true"),
        Key(name: "trust-database", kind: .flag, about: "Take the database for the newest also after a power cut.", example: "true"),
    ]

    static func url(_ directory: WalletDirectory) -> URL { directory.url.appending(path: "lnw.toml") }

    /// What a file says, as arguments of `lnw start`.
    ///
    /// - Parameter given: those that are on the command line: what they say is not looked up.
    /// - Throws: a `CallFailure` of kind `usage`, with the line.
    static func arguments(_ text: String, path: String, given: [String]) throws(CallFailure) -> [String] {
        let table: TOMLTable
        do { table = try TOMLTable(string: text) } catch let error as TOMLParseError {
            throw CallFailure(.usage, "\(path), line \(error.source.begin.line), column \(error.source.begin.column): \(error.description)")
        } catch {
            throw CallFailure(.usage, "\(path): \(error)")
        }
        func failure(_ key: String, _ what: String) -> CallFailure {
            let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
            let line = lines.firstIndex { $0.drop { $0 == " " || $0 == "\"" }.hasPrefix(key) }
            return CallFailure(.usage, "\(path)\(line.map { ", line \($0 + 1)" } ?? ""): \(what)")
        }
        if let unknown = table.keys.sorted().first(where: { name in !keys.contains { $0.name == name } }) {
            let near = LikelyWord.of(unknown, among: keys.map(\.name)).map { ". Did you mean “\($0)”?" } ?? ". All of them: lnw config"
            throw failure(unknown, "there is no “\(unknown)”\(near)")
        }
        var arguments: [String] = []
        for key in keys {
            guard let value = table[key.name], !given.contains(where: { $0 == "--\(key.name)" || $0.hasPrefix("--\(key.name)=") }) else {
                continue
            }
            switch key.kind {
            case .text:
                guard let text = value.string else { throw failure(key.name, "“\(key.name)” is a text: \(key.name) = \"\(key.example)\"") }
                arguments.append("--\(key.name)=\(text)")
            case .number:
                guard let number = value.int else { throw failure(key.name, "“\(key.name)” is a number: \(key.name) = \(key.example)") }
                arguments.append("--\(key.name)=\(number)")
            case .flag:
                guard let flag = value.bool else { throw failure(key.name, "“\(key.name)” is true or false") }
                if flag { arguments.append("--\(key.name)") }
            case .list:
                guard let list = value.array, list.allSatisfy({ $0.string != nil }) else {
                    throw failure(key.name, "“\(key.name)” is a list of texts: \(key.name) = [\"\(key.example)\"]")
                }
                arguments += list.compactMap { $0.string.map { "--\(key.name)=\($0)" } }
            }
        }
        return arguments
    }

    /// The command line with what the wallet's file says, where it is one that starts a node.
    static func completed(_ arguments: [String]) throws -> [String] {
        let isStart = arguments.first == "start" || arguments.prefix(2) == ["watchtower", "serve"]
        guard isStart, !arguments.contains("--help"), !arguments.contains("-h") else { return arguments }
        func value(_ names: [String]) -> String? {
            for (index, word) in arguments.enumerated() {
                for name in names {
                    if word == name, arguments.indices.contains(index + 1) { return arguments[index + 1] }
                    if word.hasPrefix(name + "=") { return String(word.dropFirst(name.count + 1)) }
                    // -walice
                    if name.count == 2, word.hasPrefix(name), word.count > 2 { return String(word.dropFirst(2)) }
                }
            }
            return nil
        }
        var options = CommonOptions()
        options.wallet = value(["--wallet", "-w"])
        options.network = value(["--network"]).flatMap(Network.init(rawValue:))
        options.json = false
        let url = url(try options.directory)
        guard FileManager.default.fileExists(atPath: url.path) else { return arguments }
        let text: String
        do { text = try String(contentsOf: url, encoding: .utf8) } catch {
            throw CallFailure(.usage, "\(url.path) cannot be read: \(error.localizedDescription)")
        }
        // A command that is for towers alone has no option to be one.
        let isTower = arguments.first == "watchtower"
        return arguments + (try Self.arguments(text, path: url.path, given: arguments)).filter { !isTower || $0 != "--watchtower" }
    }
}

struct ConfigCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "config", abstract: "What may stand in the wallet's lnw.toml, and what stands there.",
        discussion: """
            The options of lnw start, under their own names; what is said on the command line goes before. A file to begin with, in which everything is
            a comment yet:

              lnw -w alice config --write
            """)
    @OptionGroup var options: CommonOptions
    @Flag(help: "Write it, where there is none yet.") var write = false

    func run() async throws {
        let url = ConfigFile.url(try options.directory)
        let text = (try? String(contentsOf: url, encoding: .utf8)) ?? ""
        // What is wrong with it is told here as well.
        _ = try ConfigFile.arguments(text, path: url.path, given: [])
        let table = (try? TOMLTable(string: text)) ?? TOMLTable()
        if options.json {
            var fields: [String: JSONValue] = ["path": .string(url.path), "exists": .bool(!text.isEmpty)]
            for key in ConfigFile.keys {
                fields[key.name.replacing("-", with: "_")] =
                    table[key.name].map { value in
                        value.bool.map { .bool($0) } ?? value.int.map { .integer(Int64($0)) } ?? value.string.map { .string($0) }
                            ?? .array((value.array ?? TOMLArray()).compactMap { $0.string.map { .string($0) } })
                    } ?? .null
            }
            return Terminal.out(JSONValue.object(fields).pretty)
        }
        var lines = ["# \(url.path)\(text.isEmpty ? ", which is not there yet" : "")", "# The options of lnw start: lnw help start."]
        for key in ConfigFile.keys {
            lines += ["", "# \(key.about)"]
            let quoted = [.text, .list].contains(key.kind)
            let example = quoted ? "\"\(key.example)\"" : key.example
            lines.append(
                table[key.name].map { "\(key.name) = \(Self.written($0))" }
                    ?? "# \(key.name) = \(key.kind == .list ? "[\(example)]" : example)")
        }
        guard write else { return Terminal.out(lines.joined(separator: "\n")) }
        guard !FileManager.default.fileExists(atPath: url.path) else {
            throw CallFailure(.refused, "\(url.path) is there: it is not written over")
        }
        lines[0] = "# \(url.path)"
        do {
            try FileManager.default.createDirectory(
                at: url.deletingLastPathComponent(), withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            // It may hold a bitcoind's password.
            try DurableFile.write(Array((lines.joined(separator: "\n") + "\n").utf8), to: url.path)
        } catch { throw CallFailure(.refused, "\(url.path) cannot be written: \(error)") }
        Terminal.out("\(url.path): its lines are comments until their # is taken away")
    }

    private static func written(_ value: any TOMLValueConvertible) -> String {
        func quoted(_ text: String) -> String { JSONValue.string(text).line }
        if let text = value.string { return quoted(text) }
        if let array = value.array { return "[" + array.compactMap { $0.string.map(quoted) }.joined(separator: ", ") + "]" }
        return value.bool.map { "\($0)" } ?? value.int.map { "\($0)" } ?? ""
    }
}
