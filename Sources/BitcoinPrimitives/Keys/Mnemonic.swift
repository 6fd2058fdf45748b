import CryptoPrimitives

/// BIP 39: entropy as words that people can write down.
public struct Mnemonic: Sendable {
    /// The words. Whoever knows them owns the wallet: show them once, never log them.
    public let words: [String]

    /// Why words are no mnemonic.
    public enum Refusal: Error, Hashable, Sendable, CustomStringConvertible {
        /// There are so many words; BIP 39 has 12, 15, 18, 21 or 24.
        case wrongCount(Int)
        /// The word at this position (from 1) is not in the list.
        case unknownWord(position: Int)
        /// Each word is one, but together they are no backup: one is wrong, or two have changed places.
        case wrongChecksum

        public var description: String {
            switch self {
            case .wrongCount(let count):
                "a seed phrase has 12, 15, 18, 21 or 24 words; this one has \(count)"
            case .unknownWord(let position):
                "word \(position) of the seed phrase is not in the BIP 39 English list: check its spelling"
            case .wrongChecksum:
                "the seed phrase's checksum does not match: a word is wrong or two are swapped"
            }
        }
    }

    /// Makes words of 16, 20, 24, 28 or 32 bytes of entropy.
    public init(entropy: [UInt8]) {
        precondition(entropy.count % 4 == 0 && (16...32).contains(entropy.count), "BIP 39 entropy is 128 to 256 bits")
        let bits = entropy + Hash.sha256(entropy).array.prefix(1)
        let count = entropy.count * 8 / 32 * 3
        words = (0..<count).map { position in
            var index = 0
            for bit in position * 11..<position * 11 + 11 {
                index = index << 1 | Int(bits[bit / 8] >> UInt8(7 - bit % 8) & 1)
            }
            return BIP39WordList.english[index]
        }
    }

    /// Parses a phrase; words may be separated by any white space and be in any case.
    public init(phrase: String) throws(Refusal) {
        let words = phrase.split(whereSeparator: \.isWhitespace).map { $0.lowercased() }
        guard [12, 15, 18, 21, 24].contains(words.count) else { throw .wrongCount(words.count) }
        var bits: [UInt8] = []
        for (position, word) in words.enumerated() {
            guard let index = BIP39WordList.index(of: word) else { throw .unknownWord(position: position + 1) }
            for bit in (0..<11).reversed() { bits.append(UInt8(index >> bit & 1)) }
        }
        let entropyBits = words.count * 11 * 32 / 33
        var entropy: [UInt8] = []
        for start in stride(from: 0, to: entropyBits, by: 8) {
            entropy.append(bits[start..<start + 8].reduce(0) { $0 << 1 | $1 })
        }
        guard Mnemonic(entropy: entropy).words == words else { throw .wrongChecksum }
        self.words = words
    }

    /// The words with a space between them. Whoever reads them has all the money.
    public var phrase: String { words.joined(separator: " ") }

    /// The 64-byte seed for BIP 32.
    public func seed(passphrase: String = "") -> [UInt8] {
        MAC.pbkdf2SHA512(
            password: Array(phrase.utf8), salt: Array("mnemonic\(passphrase)".utf8), iterations: 2048, count: 64)
    }
}
