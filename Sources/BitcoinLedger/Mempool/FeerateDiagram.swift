import BitcoinPrimitives

/// What a miner earns with the best of some transactions, block space by block space: chunks of them, the best paying first.
///
/// A replacement has to be better for whoever mines, however little of it fits into the block: its diagram lies nowhere below that of what it
/// replaces, and somewhere above.
struct FeerateDiagram {
    struct Chunk: Hashable {
        var fee: UInt64
        /// Virtual bytes.
        var size: Int

        static func + (left: Chunk, right: Chunk) -> Chunk { Chunk(fee: left.fee + right.fee, size: left.size + right.size) }

        /// Whether it pays more for each byte.
        func paysMore(than other: Chunk) -> Bool {
            let (mine, theirs) = (fee.multipliedFullWidth(by: UInt64(other.size)), other.fee.multipliedFullWidth(by: UInt64(size)))
            return (mine.high, mine.low) > (theirs.high, theirs.low)
        }
    }

    private let chunks: [Chunk]

    init(_ chunks: [Chunk]) { self.chunks = chunks.sorted { $0.paysMore(than: $1) } }

    /// The corners of the diagram, from the origin on.
    private var points: [Chunk] {
        chunks.reduce(into: [Chunk(fee: 0, size: 0)]) { $0.append($0.last! + $1) }
    }

    /// Whether it lies nowhere below the other one and somewhere above. Where one ends, it goes on level.
    func isBetter(than other: FeerateDiagram) -> Bool {
        let (mine, theirs) = (points, other.points)
        var isSomewhereAbove = false
        // Both are concave and straight between corners: where there is a difference, there is one at a corner of one of them.
        for size in Set((mine + theirs).map(\.size)) {
            let (above, below) = (Self.height(mine, at: size), Self.height(theirs, at: size))
            if above.isLess(than: below) { return false }
            if below.isLess(than: above) { isSomewhereAbove = true }
        }
        return isSomewhereAbove
    }

    /// A fee in whole satoshi and a part of one, `rest` of `width`.
    private struct Height {
        var whole: UInt64
        var rest: UInt64 = 0
        var width: UInt64 = 1

        func isLess(than other: Height) -> Bool {
            guard whole == other.whole else { return whole < other.whole }
            // Neither rest is as large as a block.
            return rest * other.width < other.rest * width
        }
    }

    /// The fee at a size.
    private static func height(_ points: [Chunk], at size: Int) -> Height {
        guard let next = points.firstIndex(where: { $0.size >= size }) else { return Height(whole: points.last!.fee) }
        guard next > 0, points[next].size > size else { return Height(whole: points[next].fee) }
        let (from, to) = (points[next - 1], points[next])
        let width = UInt64(to.size - from.size)
        let (quotient, rest) = width.dividingFullWidth((to.fee - from.fee).multipliedFullWidth(by: UInt64(size - from.size)))
        return Height(whole: from.fee + quotient, rest: rest, width: width)
    }
}

// Bitcoin Core 28 to 30 compute the diagram for a package's conflicts only where these are alone or in pairs.
extension Mempool {
    /// Why there is no diagram of some transactions, which are all that a package replaces.
    func unclearTopology(_ replaced: [TransactionID]) -> String? {
        for id in replaced.sorted() {
            let entry = entries[id]!
            let (ancestors, descendants) = (entry.ancestors.count, entry.descendants.count)
            if ancestors > 2 { return "\(id) has \(ancestors - 1) ancestors, max 1 allowed" }
            if descendants > 2 { return "\(id) has \(descendants - 1) descendants, max 1 allowed" }
            if ancestors > 1, descendants > 1 { return "\(id) has both ancestor and descendant, exceeding cluster limit of 2" }
            if let child = entry.children.first, entries[child]!.ancestors.count > 2 {
                return "\(id) is not the only parent of child \(child)"
            }
            if let parent = entry.parents.first, entries[parent]!.descendants.count > 2 {
                return "\(id) is not the only child of parent \(parent)"
            }
        }
        return nil
    }

    /// What there is before and after some transactions, alone or in pairs, are replaced by others that pay `fee` for `size` in one chunk.
    func diagrams(replacing replaced: [TransactionID], by replacement: FeerateDiagram.Chunk) -> (old: FeerateDiagram, new: FeerateDiagram) {
        var (old, new) = ([FeerateDiagram.Chunk](), [replacement])
        let all = Set(replaced)
        func chunk(_ entry: Entry) -> FeerateDiagram.Chunk { .init(fee: entry.modifiedFee.value, size: entry.size) }
        for id in replaced {
            let entry = entries[id]!
            // A parent is looked at with its child.
            guard entry.children.isEmpty else { continue }
            guard let parent = entry.parents.first.flatMap({ entries[$0] }) else {
                old.append(chunk(entry))
                continue
            }
            let (one, two) = (chunk(parent), chunk(entry))
            old += two.paysMore(than: one) ? [one + two] : [one, two]
            // A parent that stays is worth what it pays by itself.
            if !all.contains(parent.id) { new.append(one) }
        }
        return (FeerateDiagram(old), FeerateDiagram(new))
    }
}
