public import BitcoinPrimitives
import CryptoPrimitives
public import Foundation

/// Why a wallet's directory cannot be used.
public enum WalletDirectoryFailure: Error, Hashable, Sendable, CustomStringConvertible {
    /// There is a wallet already: none is ever written over.
    case exists(String)
    /// There is no wallet.
    case missing(String)
    /// A file of it cannot be read or written, and why.
    case unreadable(String, why: String)
    /// Its words are sealed, and it was not unlocked.
    case locked(String)
    /// The passphrase is not the one under which the words are sealed.
    case wrongPassphrase

    public var description: String {
        switch self {
        case .exists(let path): "there is a wallet at \(path) already; nothing was changed"
        case .missing(let path): "there is no wallet at \(path). Make one: lnw create"
        case .unreadable(let path, let why): "\(path) cannot be used: \(why)"
        case .locked(let path): "the words of the wallet at \(path) are sealed: it takes their passphrase"
        case .wrongPassphrase: "that is not the passphrase of the wallet, or its seed file is damaged"
        }
    }
}

/// Where a node keeps its seed, its database and its control socket; readable by its owner alone.
public struct WalletDirectory: Sendable {
    /// Where it is.
    public let url: URL
    /// The words, once they are unlocked.
    private var secret: WalletSecret?

    /// The directory of a wallet, whether it is there or not.
    public init(_ url: URL) { self.url = url }

    /// The path of the node's database.
    public var database: String { url.appending(path: "node.sqlite").path }
    /// The path of the socket by which commands talk to the node.
    public var controlSocket: String { url.appending(path: "control.sock").path }
    /// By which a copy of the database is told from the one in use here.
    var fence: String { url.appending(path: "fence").path }
    /// The backup of the channels, where no other place is chosen.
    var backup: String { url.appending(path: "channels.backup").path }
    private var seedFile: URL { url.appending(path: "seed") }
    /// BIP 39's passphrase, where the words have one and are not sealed.
    private var passphraseFile: URL { url.appending(path: "passphrase") }
    /// That the words are older than this directory.
    private var restoredMark: URL { url.appending(path: "restored") }

    /// Whether the words were brought along: how many of their addresses were given out before is not known then.
    public var isRestored: Bool { FileManager.default.fileExists(atPath: restoredMark.path) }

    /// Whether a wallet is here.
    public var exists: Bool { FileManager.default.fileExists(atPath: seedFile.path) }

    /// Whether the words lie here under a passphrase.
    public var isSealed: Bool { (try? String(contentsOf: seedFile, encoding: .utf8)).map(SealedSeed.isSealed) ?? false }

    /// Whether the words can be used: they are not sealed, or were unlocked.
    public var isUnlocked: Bool { secret != nil || !isSealed }

    /// The port on which the wallet's node listened last: peers look for it there.
    public var lastPort: Int? {
        guard let text = try? String(contentsOf: url.appending(path: "port"), encoding: .utf8) else { return nil }
        return Int(text.trimmingCharacters(in: .whitespacesAndNewlines)).flatMap { (1...65535).contains($0) ? $0 : nil }
    }

    /// Keeps the port for the next start. Where that fails, the next start takes another one.
    public func keep(port: Int) {
        if port != lastPort { try? DurableFile.write(Array("\(port)\n".utf8), to: url.appending(path: "port").path) }
    }

    private var birthdayFile: URL { url.appending(path: "birthday") }

    /// The height of the chain when the wallet was new, where it began to follow the chain below its tip; `nil` where that is not known.
    package var birthday: BlockHeight? {
        guard let text = try? String(contentsOf: birthdayFile, encoding: .utf8) else { return nil }
        return Int(text.trimmingCharacters(in: .whitespacesAndNewlines)).flatMap { (0..<500_000_000).contains($0) ? BlockHeight($0) : nil }
    }

    /// Keeps the birthday, for the day on which the database is gone. Where that fails, the whole chain is read then.
    func keep(birthday: BlockHeight) { try? DurableFile.write(Array("\(birthday)\n".utf8), to: birthdayFile.path) }

    /// Whether nothing shows that a node ever ran here: there can be no coin of it.
    var isNew: Bool { !isRestored && ![database, fence, backup].contains { FileManager.default.fileExists(atPath: $0) } }

    private var consentMark: URL { url.appending(path: "consent") }

    /// Whether its owner has said that the money of this wallet is real.
    public var hasConsent: Bool { FileManager.default.fileExists(atPath: consentMark.path) }

    /// Keeps what its owner has said. Where that fails it is asked again.
    public func keepConsent() {
        if !hasConsent { try? DurableFile.write(Array("mainnet\n".utf8), to: consentMark.path) }
    }

    // MARK: The words

    /// Makes a wallet of the given words, or of fresh ones.
    ///
    /// - Parameter passphrase: BIP 39's, which makes another wallet of the same words.
    /// - Parameter seal: the passphrase under which the words lie on the disk; `nil` to have them there as they are. Money at risk: without it
    ///   whoever reads the file has the money.
    /// - Returns: the words, to be shown once.
    public func create(
        _ mnemonic: Mnemonic? = nil, passphrase: String = "", sealedUnder seal: String? = nil
    ) throws(WalletDirectoryFailure) -> Mnemonic {
        guard !exists else { throw .exists(url.path) }
        var entropy = Entropy.system()
        let words = mnemonic ?? Mnemonic(entropy: entropy.bytes(32))
        do {
            try FileManager.default.createDirectory(
                at: url, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
            try FileManager.default.setAttributes([.posixPermissions: 0o700], ofItemAtPath: url.path)
        } catch {
            throw unwritable
        }
        // The seed last: with it the wallet is there, and nothing that belongs to it may be missing.
        if mnemonic != nil { try put("made from words\n", in: restoredMark) }
        try write(WalletSecret(words, passphrase: passphrase), sealedUnder: seal)
        return words
    }

    /// The directory with its words unlocked.
    ///
    /// - Throws: `.wrongPassphrase`; it takes half a second, so that guessing does.
    public func unlocked(with passphrase: String) throws(WalletDirectoryFailure) -> WalletDirectory {
        guard isSealed else { return self }
        guard let text = try? String(contentsOf: seedFile, encoding: .utf8), let sealed = SealedSeed(text: text) else {
            throw .unreadable(
                seedFile.path, why: "it is damaged. The words that were shown when it was made find the money: lnw create --import")
        }
        guard let secret = sealed.opened(with: passphrase) else { throw .wrongPassphrase }
        var copy = self
        copy.secret = secret
        return copy
    }

    /// Seals the words under another passphrase; `nil` leaves them on the disk as they are.
    ///
    /// What was there before is not wiped from the disk: only its file is gone.
    public func seal(under passphrase: String?) throws(WalletDirectoryFailure) { try write(try open(), sealedUnder: passphrase) }

    /// The wallet's words, and whether BIP 39's passphrase belongs to them. Never log them.
    public func words() throws(WalletDirectoryFailure) -> (words: Mnemonic, hasPassphrase: Bool) {
        let secret = try open()
        return (secret.words, !secret.passphrase.isEmpty)
    }

    /// What the wallet's keys grow from. Never log it.
    func seed() throws(WalletDirectoryFailure) -> [UInt8] {
        let secret = try open()
        return secret.words.seed(passphrase: secret.passphrase)
    }

    private func open() throws(WalletDirectoryFailure) -> WalletSecret {
        if let secret { return secret }
        guard exists else { throw .missing(url.path) }
        guard !isSealed else { throw .locked(url.path) }
        let words: Mnemonic
        do {
            words = try Mnemonic(phrase: String(contentsOf: seedFile, encoding: .utf8))
        } catch let refusal as Mnemonic.Refusal {
            throw .unreadable(seedFile.path, why: refusal.description)
        } catch {
            throw .unreadable(seedFile.path, why: "it cannot be read")
        }
        guard FileManager.default.fileExists(atPath: passphraseFile.path) else { return WalletSecret(words, passphrase: "") }
        guard let passphrase = try? String(contentsOf: passphraseFile, encoding: .utf8) else {
            throw .unreadable(passphraseFile.path, why: "it cannot be read")
        }
        return WalletSecret(words, passphrase: passphrase)
    }

    /// Either file is complete by itself at every moment: a wallet is never without its passphrase.
    private func write(_ secret: WalletSecret, sealedUnder seal: String?) throws(WalletDirectoryFailure) {
        guard let seal else {
            if !secret.passphrase.isEmpty { try put(secret.passphrase, in: passphraseFile) }
            return try put(secret.words.phrase + "\n", in: seedFile)
        }
        var entropy = Entropy.system()
        guard let sealed = SealedSeed(secret, under: seal, &entropy) else {
            throw .unreadable(seedFile.path, why: "there is no memory to seal it: 128 MiB are needed")
        }
        try put(sealed.text, in: seedFile)
        guard FileManager.default.fileExists(atPath: passphraseFile.path) else { return }
        do { try FileManager.default.removeItem(at: passphraseFile) } catch {
            throw .unreadable(
                passphraseFile.path, why: "it holds BIP 39's passphrase and cannot be removed. The words themselves are sealed")
        }
    }

    private var unwritable: WalletDirectoryFailure {
        .unreadable(url.path, why: "it cannot be written. Check the permissions and the space on the disk")
    }

    /// Writes a file for the owner alone; it is there whole, or as it was.
    private func put(_ text: String, in file: URL) throws(WalletDirectoryFailure) {
        do throws(DurableFile.Failure) {
            try DurableFile.write(Array(text.utf8), to: file.path)
        } catch {
            throw unwritable
        }
    }
}
