import BitcoinPrimitives
import Foundation
import Testing

/// Seed words as people have them.
@Suite("seed words in texts")
struct MnemonicTextTests {
    static let mnemonic = Mnemonic(entropy: (0..<32).map { UInt8($0 * 7) })
    static let words = mnemonic.words

    static func numbered(_ separator: (Int) -> String) -> String {
        words.enumerated().map { separator($0.offset + 1) + $0.element }.joined(separator: "\n")
    }

    /// Numbered from top to bottom in three columns.
    static let columns = (0..<8).map { row in
        (0..<3).map { column in "\(column * 8 + row + 1). \(words[column * 8 + row])" }.joined(separator: "   ")
    }.joined(separator: "\n")

    static let texts: [String] = [
        words.joined(separator: " "), words.joined(separator: "\n") + "\n", words.joined(separator: "\r\n"), words.joined(separator: ", "),
        "\u{feff}" + words.joined(separator: " "), "\n  " + words.joined(separator: "\t") + "\n\n",
        words.joined(separator: " ").uppercased(),
        numbered { "\($0) " }, numbered { "\($0). " }, numbered { "\($0)." }, numbered { "\($0)) " }, numbered { "\($0): " }, columns,
        mnemonic.numbered,
    ]

    @Test("every form gives the same words", arguments: texts)
    func right(text: String) throws { #expect(try Mnemonic(text: text).words == Self.words) }

    @Test("what is left over, missing or out of order is refused")
    func wrong() {
        func why(_ text: String) -> Mnemonic.TextRefusal? {
            do {
                _ = try Mnemonic(text: text)
                return nil
            } catch { return error }
        }
        let plain = Self.words.joined(separator: " ")
        #expect(why("") == .words(.wrongCount(0)))
        #expect(why(plain + " abandon") == .words(.wrongCount(25)))
        #expect(why(plain + " 25") == .numbering)
        #expect(why("wallet: " + plain) == .words(.wrongCount(25)))
        #expect(why("1. " + plain) == .numbering)
        #expect(why(Self.numbered { "\($0 + 1). " }) == .numbering)
        #expect(why(Self.numbered { "\(min($0, 23)). " }) == .numbering)
        #expect(why(Self.numbered { "\($0). \($0). " }) == .numbering)
        #expect(why(Self.numbered { $0 == 7 ? "" : "\($0). " }) == .numbering)
        #expect(why(plain.replacingOccurrences(of: Self.words[3], with: "bitcoin")) == .words(.unknownWord(position: 4)))
    }

    @Test("the shown words fit into a narrow window, unbroken")
    func shown() { #expect(Self.mnemonic.numbered.split(separator: "\n").allSatisfy { $0.count <= 60 }) }
}
