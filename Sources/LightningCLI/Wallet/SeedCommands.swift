import ArgumentParser
import BitcoinPrimitives
import Foundation
import LightningAPI
import LightningRuntime

/// Where the passphrase comes from under which a wallet's words are sealed.
struct UnlockOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A file with the passphrase under which the wallet's words are sealed. Default: $LNW_PASSPHRASE, or it is asked for.",
            valueName: "file"))
    var passphraseFile: String?

    /// The passphrase, where one was given without being asked for.
    func given() throws -> String? {
        if let passphraseFile { return try Passphrase.read(passphraseFile) }
        return ProcessInfo.processInfo.environment["LNW_PASSPHRASE"].flatMap { $0.isEmpty ? nil : $0 }
    }

    /// The wallet with its words unlocked.
    func unlocked(_ directory: WalletDirectory) throws -> WalletDirectory {
        guard !directory.isUnlocked else { return directory }
        guard let passphrase = try given() ?? Terminal.readPassphrase("passphrase: ") else {
            throw CallFailure(.usage, "the wallet's words are sealed: say --passphrase-file, or set LNW_PASSPHRASE")
        }
        return try directory.unlocked(with: Passphrase.normal(passphrase))
    }
}

enum Passphrase {
    /// The same characters are the same passphrase, however a keyboard composes them.
    static func normal(_ text: String) -> String { text.decomposedStringWithCompatibilityMapping }

    /// The contents of a file; a line feed at the end does not count.
    static func read(_ path: String) throws -> String {
        guard let text = try? String(contentsOfFile: path, encoding: .utf8) else {
            throw CallFailure(.usage, "the passphrase cannot be read from \(path)")
        }
        let passphrase = text.hasSuffix("\n") ? String(text.dropLast()) : text
        guard !passphrase.isEmpty else { throw CallFailure(.usage, "\(path) is empty") }
        return normal(passphrase)
    }

    /// A new one: from the file, or asked for twice.
    static func new(file: String?) throws -> String {
        if let file { return try read(file) }
        if let text = ProcessInfo.processInfo.environment["LNW_PASSPHRASE"], !text.isEmpty { return normal(text) }
        guard let first = Terminal.readPassphrase("new passphrase: "), let second = Terminal.readPassphrase("once more: ") else {
            throw CallFailure(.usage, "say where the passphrase is: --passphrase-file, or LNW_PASSPHRASE")
        }
        guard first == second else { throw CallFailure(.usage, "the two are not the same; nothing was changed") }
        guard !first.isEmpty else { throw CallFailure(.usage, "a passphrase has at least one character; nothing was changed") }
        return normal(first)
    }
}

struct Seed: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "seed", abstract: "Show the wallet's words again.",
        discussion: "Whoever sees them has the money on chain, and with the backup of the channels that as well.")
    @OptionGroup var options: CommonOptions
    @OptionGroup var unlocking: UnlockOptions
    @Flag(name: .shortAndLong, help: "Do not ask. Without a terminal the words are shown only if this is said.") var yes = false

    func run() async throws {
        let directory = try options.directory
        guard directory.exists else { throw WalletDirectoryFailure.missing(directory.url.path) }
        try Terminal.confirm("Show the words of wallet “\(options.walletName)” here?", yes: yes)
        let (words, hasPassphrase) = try unlocking.unlocked(directory).words()
        let value: JSONValue = [
            "wallet": .string(options.walletName), "mnemonic": .string(words.phrase), "has_bip39_passphrase": .bool(hasPassphrase),
        ]
        options.show(value) { _ in
            words.numbered + (hasPassphrase ? "\n\nBIP 39's passphrase belongs to them, and is not shown" : "")
        }
    }
}

struct ChangePassphrase: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "passphrase", abstract: "Seal the wallet's words under a passphrase, or under another one.",
        discussion: """
            The words are sealed where they lie, with scrypt and ChaCha20-Poly1305; the database is not. A node that runs is not disturbed: it needs \
            the passphrase when it starts. What was on the disk before is not wiped from it.
            """)
    @OptionGroup var options: CommonOptions
    @Option(help: ArgumentHelp("The file with the passphrase of now. Default: it is asked for.", valueName: "file")) var oldPassphraseFile:
        String?
    @Option(help: ArgumentHelp("The file with the new one. Default: $LNW_PASSPHRASE, or it is asked for.", valueName: "file"))
    var passphraseFile: String?
    @Flag(help: "Leave the words on the disk as they are, for whoever reads the file.") var remove = false

    func run() async throws {
        let directory = try options.directory
        guard directory.exists else { throw WalletDirectoryFailure.missing(directory.url.path) }
        var unlocked = directory
        if directory.isSealed {
            guard let old = try oldPassphraseFile.map(Passphrase.read) ?? Terminal.readPassphrase("passphrase of now: ") else {
                throw CallFailure(.usage, "say where the passphrase of now is: --old-passphrase-file")
            }
            unlocked = try directory.unlocked(with: Passphrase.normal(old))
        }
        try unlocked.seal(under: remove ? nil : try Passphrase.new(file: passphraseFile))
        options.show(["wallet": .string(options.walletName), "sealed": .bool(!remove)]) { _ in
            remove
                ? "the words lie on the disk as they are"
                : "the words are sealed. Without the passphrase the node does not start: lnw start, then lnw unlock"
        }
    }
}

struct Unlock: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "unlock", abstract: "Give the passphrase to a node that was started without it.")
    @OptionGroup var options: CommonOptions
    @OptionGroup var unlocking: UnlockOptions

    func run() async throws {
        // Whether there is a node that waits.
        _ = try await options.call("ping")
        if let info = try? await options.call("getinfo") {
            return options.show(info) { "nothing is locked: node \($0["id"].string) runs, at block \($0["blockheight"].u64)" }
        }
        guard let passphrase = try unlocking.given() ?? Terminal.readPassphrase("passphrase: ") else {
            throw CallFailure(.usage, "say where the passphrase is: --passphrase-file, or LNW_PASSPHRASE")
        }
        _ = try await options.call("unlock", ["passphrase": .string(Passphrase.normal(passphrase))])
        // It follows the chain before it answers.
        for _ in 0..<600 {
            if let info = try? await options.call("getinfo") {
                return options.show(info) { "node \($0["id"].string) runs, at block \($0["blockheight"].u64)" }
            }
            try await Task.sleep(for: .milliseconds(100))
        }
        options.show(["unlocked": true]) { _ in "unlocked; it follows the chain, which takes a while: lnw getinfo" }
    }
}
