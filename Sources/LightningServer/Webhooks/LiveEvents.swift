/// What is not stored and waits for one program, in memory: the oldest are lost where there are too many.
struct LiveEvents: Sendable {
    /// So many are kept at the least.
    static let limit = 1000

    private var waiting: [(number: UInt64, body: String)] = []

    /// What is told next.
    var first: (number: UInt64, body: String)? { waiting.first }

    /// - Parameter number: of the feed.
    /// - Returns: whether the oldest were lost.
    mutating func add(_ number: UInt64, _ body: String) -> Bool {
        waiting.append((number, body))
        // In large steps: to take the first one away moves all others.
        guard waiting.count >= Self.limit * 2 else { return false }
        waiting.removeFirst(Self.limit)
        return true
    }

    /// It was told, or given up. It may have been lost meanwhile.
    mutating func done(_ number: UInt64) { if waiting.first?.number == number { waiting.removeFirst() } }
}
