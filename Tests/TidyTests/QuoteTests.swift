import CryptoPrimitives
import Foundation
import Testing

/// Requirements of specifications that comments quote are word for word.
///
/// The specifications are not in this repository: `Tests/Interop/quotes.py` looks quotations up in them, and writes the hashes of those that
/// it finds. A quotation that is new, or was changed, has to be looked up again.
@Suite("quotations of specifications")
struct QuoteTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Quotes")

    /// What stands between straight quotes in comments and has a word of RFC 2119 in capitals; what ellipses divide, piece by piece.
    static func pieces(_ source: TidyTests.Source) -> [String] {
        var comments: [String] = []
        var isInside = false
        for line in source.lines {
            let text = line.drop { $0 == " " }
            guard text.hasPrefix("//") else {
                isInside = false
                continue
            }
            let words = text.drop { $0 == "/" }.trimmingCharacters(in: .whitespaces)
            if isInside { comments[comments.count - 1] += " " + words } else { comments.append(words) }
            isInside = true
        }
        return comments.flatMap { comment -> [String] in
            comment.matches(of: /"([^"]{12,})"/).map { String($0.1) }.filter { $0.contains(/\b(MUST|SHOULD|MAY)\b/) }
                .flatMap { $0.split(separator: "…").map { $0.trimmingCharacters(in: .whitespaces) } }.filter { !$0.isEmpty }
        }
    }

    @Test("every quoted requirement was found in the specifications as it stands")
    func quotes() throws {
        let known = Set(
            try String(contentsOf: Self.folder.appending(path: "hashes.txt"), encoding: .utf8).split(separator: "\n").map(String.init))
        var count = 0
        for folder in ["Sources", "Tests", "Examples"] {
            for source in try TidyTests.sources(folder) {
                for piece in Self.pieces(source) {
                    count += 1
                    let hash = Hash.sha256(Array(piece.utf8)).hex.prefix(16)
                    #expect(known.contains(String(hash)), "\(source.path): “\(piece)”: see Tests/Interop/quotes.py")
                }
            }
        }
        // The test sees what the script saw.
        #expect(count >= known.count && known.count > 100)
    }
}
