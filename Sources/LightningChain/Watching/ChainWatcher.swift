package import BitcoinPrimitives

/// Who wants to hear of what in the chain, kept as it changes: a block costs what it touches, however much is watched.
///
/// A peer can name another channel's output as its own: one thing may be watched by several owners.
package struct ChainWatcher<Owner: Hashable & Comparable & Sendable>: Sendable {
    /// What one owner wants to hear of.
    package struct Watch: Hashable, Sendable {
        /// Outputs whose spending it has to see.
        package var outPoints: [OutPoint]
        /// The transaction that it waits for.
        package var transaction: TransactionID?

        package init(outPoints: [OutPoint] = [], transaction: TransactionID? = nil) {
            self.outPoints = outPoints
            self.transaction = transaction
        }
    }

    private var watches: [Owner: Watch] = [:]
    private var byOutPoint: [OutPoint: Set<Owner>] = [:]
    private var byTransaction: [TransactionID: Set<Owner>] = [:]
    /// The blocks at which owners have something to do, and for each owner the next one.
    private var byHeight: [BlockHeight: Set<Owner>] = [:]
    private var heights: [Owner: BlockHeight] = [:]

    package init() {}

    // MARK: Questions

    /// Who has to hear of it when an output is spent, in order.
    package func owners(watching outPoint: OutPoint) -> [Owner] { byOutPoint[outPoint]?.sorted() ?? [] }

    /// All that somebody watches.
    package var watchedOutPoints: Set<OutPoint> { Set(byOutPoint.keys) }

    /// Who waits for a transaction, in order.
    package func owners(awaiting transaction: TransactionID) -> [Owner] { byTransaction[transaction]?.sorted() ?? [] }

    /// Who has something to do at a block, whatever it holds.
    package func owners(dueAt height: BlockHeight) -> Set<Owner> { byHeight[height] ?? [] }

    // MARK: Changes

    /// Says what an owner wants to hear of from now on.
    package mutating func watch(_ watch: Watch, for owner: Owner) {
        let old = watches.updateValue(watch, forKey: owner)
        guard old != watch else { return }
        if let old { remove(old, owner) }
        for outPoint in watch.outPoints { byOutPoint[outPoint, default: []].insert(owner) }
        if let transaction = watch.transaction { byTransaction[transaction, default: []].insert(owner) }
    }

    /// The next block at which an owner has something to do; `nil` for none.
    package mutating func wake(_ owner: Owner, at height: BlockHeight?) {
        guard heights[owner] != height else { return }
        if let old = heights[owner], old != height { Self.remove(owner, from: &byHeight, old) }
        heights[owner] = height
        if let height { byHeight[height, default: []].insert(owner) }
    }

    /// Forgets all that an owner wants to hear of.
    package mutating func forget(_ owner: Owner) {
        if let old = watches.removeValue(forKey: owner) { remove(old, owner) }
        wake(owner, at: nil)
    }

    private mutating func remove(_ old: Watch, _ owner: Owner) {
        for outPoint in old.outPoints { Self.remove(owner, from: &byOutPoint, outPoint) }
        if let transaction = old.transaction { Self.remove(owner, from: &byTransaction, transaction) }
    }

    private static func remove<Key>(_ owner: Owner, from map: inout [Key: Set<Owner>], _ key: Key) {
        map[key]?.remove(owner)
        if map[key]?.isEmpty == true { map[key] = nil }
    }
}
