/// What somebody probably meant who wrote a word that nobody knows.
package enum LikelyWord {
    /// The one of several words that is nearest; `nil` where none is near.
    package static func of(_ word: String, among words: some Sequence<String>) -> String? {
        // The effort grows with the length of both.
        guard word.utf8.count <= 64 else { return nil }
        let near = words.map { (distance(Array(word.lowercased()), Array($0.lowercased())), $0) }.min { ($0.0, $0.1) < ($1.0, $1.1) }
        guard let near, near.0 <= max(1, word.count / 3) else { return nil }
        return near.1
    }

    /// Letters to insert, leave out or exchange.
    private static func distance(_ one: [Character], _ two: [Character]) -> Int {
        var row = Array(0...two.count)
        for (index, letter) in one.enumerated() {
            var diagonal = row[0]
            row[0] = index + 1
            for other in two.indices {
                let exchanged = diagonal + (letter == two[other] ? 0 : 1)
                diagonal = row[other + 1]
                row[other + 1] = min(exchanged, diagonal + 1, row[other] + 1)
            }
        }
        return row[two.count]
    }
}
