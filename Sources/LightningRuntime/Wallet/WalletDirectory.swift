public import BitcoinPrimitives
import CryptoPrimitives
public import Foundation

/// Why a wallet's directory cannot be used.
public enum WalletDirectoryFailure: Error, Hashable, Sendable, CustomStringConvertible {
    case exists(String)
    case missing(String)
    case unreadable(String, why: String)

    public var description: String {
        switch self {
        case .exists(let path): "there is a wallet at \(path) already; nothing was changed"
        case .missing(let path): "there is no wallet at \(path). Make one: lnw create"
        case .unreadable(let path, let why): "\(path) cannot be used: \(why)"
        }
    }
}

/// Where a node keeps its seed, its database and its control socket; readable by its owner alone.
public struct WalletDirectory: Sendable {
    /// Where it is.
    public let url: URL

    /// The directory of a wallet, whether it is there or not.
    public init(_ url: URL) { self.url = url }

    /// The path of the node's database.
    public var database: String { url.appending(path: "node.sqlite").path }
    /// By which a copy of the database is told from the one in use here.
    var fence: String { url.appending(path: "fence").path }
    /// The path of the socket by which commands talk to the node.
    public var controlSocket: String { url.appending(path: "control.sock").path }
    private var seedFile: URL { url.appending(path: "seed") }
    /// BIP 39's passphrase, where the words have one.
    private var passphraseFile: URL { url.appending(path: "passphrase") }
    /// That the words are older than this directory.
    private var restoredMark: URL { url.appending(path: "restored") }

    /// Whether the words were brought along: how many of their addresses were given out before is not known then.
    public var isRestored: Bool { FileManager.default.fileExists(atPath: restoredMark.path) }

    /// Whether a wallet is here.
    public var exists: Bool { FileManager.default.fileExists(atPath: seedFile.path) }

    /// The port on which the wallet's node listened last: peers look for it there.
    public var lastPort: Int? {
        guard let text = try? String(contentsOf: url.appending(path: "port"), encoding: .utf8) else { return nil }
        return Int(text.trimmingCharacters(in: .whitespacesAndNewlines)).flatMap { (1...65535).contains($0) ? $0 : nil }
    }

    /// Keeps the port for the next start. Where that fails, the next start takes another one.
    public func keep(port: Int) {
        if port != lastPort { try? put("\(port)\n", in: url.appending(path: "port")) }
    }

    /// Makes a wallet of the given words, or of fresh ones.
    ///
    /// - Parameter passphrase: BIP 39's, which makes another wallet of the same words.
    /// - Returns: the words, to be shown once.
    public func create(_ mnemonic: Mnemonic? = nil, passphrase: String = "") throws(WalletDirectoryFailure) -> Mnemonic {
        guard !exists else { throw .exists(url.path) }
        var entropy = Entropy.system()
        let words = mnemonic ?? Mnemonic(entropy: entropy.bytes(32))
        do {
            try FileManager.default.createDirectory(
                at: url, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: url.path)
            // The seed last: with it the wallet is there, and nothing that belongs to it may be missing.
            if mnemonic != nil { try put("made from words\n", in: restoredMark) }
            if !passphrase.isEmpty { try put(passphrase, in: passphraseFile) }
            try put(words.phrase + "\n", in: seedFile)
        } catch {
            throw .unreadable(url.path, why: "it cannot be written. Check the permissions and the space on the disk")
        }
        return words
    }

    /// Writes a file for the owner alone.
    private func put(_ text: String, in file: URL) throws {
        let made = FileManager.default.createFile(
            atPath: file.path, contents: Data(text.utf8), attributes: [.posixPermissions: 0o600])
        // On a full disk the file may be there, and empty.
        guard made, try Data(contentsOf: file) == Data(text.utf8) else {
            try? FileManager.default.removeItem(at: file)
            throw CocoaError(.fileWriteOutOfSpace)
        }
    }

    /// What the wallet's keys grow from. Never log it.
    func seed() throws(WalletDirectoryFailure) -> [UInt8] {
        let words = try mnemonic()
        guard FileManager.default.fileExists(atPath: passphraseFile.path) else { return words.seed() }
        do {
            return words.seed(passphrase: try String(contentsOf: passphraseFile, encoding: .utf8))
        } catch {
            throw .unreadable(passphraseFile.path, why: "it cannot be read")
        }
    }

    /// The wallet's words. Never log them.
    private func mnemonic() throws(WalletDirectoryFailure) -> Mnemonic {
        guard exists else { throw .missing(url.path) }
        do {
            return try Mnemonic(phrase: String(contentsOf: seedFile, encoding: .utf8))
        } catch let refusal as Mnemonic.Refusal {
            throw .unreadable(seedFile.path, why: refusal.description)
        } catch {
            throw .unreadable(seedFile.path, why: "it cannot be read")
        }
    }
}
