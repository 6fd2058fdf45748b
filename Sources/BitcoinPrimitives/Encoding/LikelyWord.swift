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

    /// Letters to insert, leave out or exchange, or neighbours that change places.
    private static func distance(_ one: [Character], _ two: [Character]) -> Int {
        var before: [Int] = []
        var row = Array(0...two.count)
        for (index, letter) in one.enumerated() {
            var next = [index + 1]
            for (other, its) in two.enumerated() {
                var least = min(row[other] + (letter == its ? 0 : 1), row[other + 1] + 1, next[other] + 1)
                if index > 0, other > 0, letter == two[other - 1], one[index - 1] == its { least = min(least, before[other - 1] + 1) }
                next.append(least)
            }
            (before, row) = (row, next)
        }
        return row[two.count]
    }
}
