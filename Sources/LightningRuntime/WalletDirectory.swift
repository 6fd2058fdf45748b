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
    public let url: URL

    public init(_ url: URL) { self.url = url }

    public var database: String { url.appending(path: "node.sqlite").path }
    public var controlSocket: String { url.appending(path: "control.sock").path }
    private var seedFile: URL { url.appending(path: "seed") }

    /// Whether a wallet is here.
    public var exists: Bool { FileManager.default.fileExists(atPath: seedFile.path) }

    /// Makes a wallet of the given words, or of fresh ones.
    ///
    /// - Returns: the words, to be shown once.
    public func create(_ mnemonic: Mnemonic? = nil) throws(WalletDirectoryFailure) -> Mnemonic {
        guard !exists else { throw .exists(url.path) }
        var entropy = Entropy.system()
        let words = mnemonic ?? Mnemonic(entropy: entropy.bytes(32))
        do {
            try FileManager.default.createDirectory(
                at: url, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: url.path)
            let made = FileManager.default.createFile(
                atPath: seedFile.path, contents: Data((words.phrase + "\n").utf8),
                attributes: [.posixPermissions: 0o600])
            guard made else { throw CocoaError(.fileWriteNoPermission) }
        } catch {
            throw .unreadable(url.path, why: "it cannot be written. Check the permissions and the space on the disk")
        }
        return words
    }

    /// The wallet's words. Never log them.
    func mnemonic() throws(WalletDirectoryFailure) -> Mnemonic {
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
