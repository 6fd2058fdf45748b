import BitcoinPrimitives
import CryptoPrimitives

/// A wallet's words and BIP 39's passphrase; they are not printed.
final class WalletSecret: Sendable, CustomStringConvertible {
    let words: Mnemonic
    /// BIP 39's, which makes another wallet of the same words; empty for none.
    let passphrase: String

    init(_ words: Mnemonic, passphrase: String) {
        self.words = words
        self.passphrase = passphrase
    }

    var description: String { "the words of a wallet" }
}

/// A wallet's words as they lie on the disk under a passphrase.
///
/// The key is scrypt's of the passphrase and a fresh salt, the cipher ChaCha20-Poly1305. The text has a line for what it is, for scrypt's
/// cost, for the salt and for what is sealed.
struct SealedSeed {
    private let cost: PasswordHash.Cost
    private let salt: [UInt8]
    private let box: [UInt8]

    private static let title = "lnw seed, sealed 1"
    private static let nonce = [UInt8](repeating: 0, count: 12)

    /// Whether a seed's file holds sealed words.
    static func isSealed(_ text: String) -> Bool { text.hasPrefix(title) }

    /// - Returns: `nil` where there is not enough memory for scrypt.
    init?(_ secret: WalletSecret, under passphrase: String, cost: PasswordHash.Cost = .file, _ entropy: inout Entropy) {
        self.cost = cost
        salt = entropy.bytes(32)
        guard let key = Self.key(passphrase, salt, cost) else { return nil }
        var cipher = ChaCha20Poly1305(key: key)
        var box: [UInt8] = []
        Array("\(secret.words.phrase)\n\(secret.passphrase)".utf8).withUnsafeBytes {
            cipher.seal($0, nonce: Self.nonce, associatedData: Array(Self.title.utf8), into: &box)
        }
        self.box = box
    }

    /// - Returns: `nil` for what is damaged.
    init?(text: String) {
        let lines = text.split(separator: "\n")
        guard lines.count == 4, lines[0] == Self.title else { return nil }
        let numbers = lines[1].split(separator: " ").dropFirst().compactMap { UInt8($0) }
        guard lines[1].hasPrefix("scrypt "), numbers.count == 3, let salt = Hex.decode(lines[2]), let box = Hex.decode(lines[3]) else {
            return nil
        }
        cost = PasswordHash.Cost(logN: numbers[0], r: numbers[1], p: numbers[2])
        guard cost.isReasonable, salt.count == 32, box.count > ChaCha20Poly1305.tagLength else { return nil }
        self.salt = salt
        self.box = box
    }

    var text: String {
        "\(Self.title)\nscrypt \(cost.logN) \(cost.r) \(cost.p)\n\(Hex.encode(salt))\n\(Hex.encode(box))\n"
    }

    /// - Returns: `nil` for another passphrase than it was sealed under, and for what is damaged.
    func opened(with passphrase: String) -> WalletSecret? {
        guard let key = Self.key(passphrase, salt, cost) else { return nil }
        var cipher = ChaCha20Poly1305(key: key)
        let content = box.withUnsafeBytes { cipher.open($0, nonce: Self.nonce, associatedData: Array(Self.title.utf8)) }
        guard let content else { return nil }
        let parts = String(decoding: content, as: UTF8.self).split(separator: "\n", maxSplits: 1, omittingEmptySubsequences: false)
        guard let words = try? Mnemonic(phrase: String(parts[0])) else { return nil }
        return WalletSecret(words, passphrase: parts.count > 1 ? String(parts[1]) : "")
    }

    private static func key(_ passphrase: String, _ salt: [UInt8], _ cost: PasswordHash.Cost) -> Bytes32? {
        PasswordHash.scrypt(Array(passphrase.utf8), salt: salt, cost: cost).flatMap { Bytes32($0) }
    }
}
