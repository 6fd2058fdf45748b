import BitcoinPrimitives

/// All known headers of which the blocks are stored, and which of them make the active chain.
struct ChainIndex: Sendable {
    struct Entry: Sendable {
        var header: BlockHeader
        var height: BlockHeight
        /// The order of arrival: of two branches of equal work the one seen first wins.
        var sequence: Int
        var transactionCount: Int
        /// Refused when it was to be connected, or declared invalid; so is every descendant.
        var isInvalid = false
    }

    private(set) var entries: [BlockHash: Entry] = [:]
    /// The hashes of the active chain, by height.
    private(set) var active: [BlockHash] = []
    /// The valid block with the most work, the first seen of equals.
    private(set) var best: BlockHash

    init(genesis: Block) {
        let hash = genesis.hash
        entries[hash] = Entry(header: genesis.header, height: 0, sequence: 0, transactionCount: 1)
        active = [hash]
        best = hash
    }

    subscript(hash: BlockHash) -> Entry? { entries[hash] }
    var height: BlockHeight { BlockHeight(active.count - 1) }
    var tip: BlockHash { active[active.count - 1] }

    func isActive(_ hash: BlockHash) -> Bool {
        guard let entry = entries[hash] else { return false }
        return entry.height <= height && active[entry.height.value] == hash
    }

    mutating func insert(
        _ hash: BlockHash, _ header: BlockHeader, height: BlockHeight, transactionCount: Int, isInvalid: Bool = false
    ) {
        entries[hash] = Entry(
            header: header, height: height, sequence: entries.count, transactionCount: transactionCount,
            isInvalid: isInvalid)
        // All blocks have the same difficulty, so the height is the work.
        if !isInvalid, height > entries[best]!.height { best = hash }
    }

    mutating func reserve(_ count: Int) { entries.reserveCapacity(count) }
    mutating func push(_ hash: BlockHash) { active.append(hash) }
    mutating func pop() -> BlockHash { active.removeLast() }

    /// BIP 113: the median of the times of a block and its ten predecessors.
    func medianTimePast(endingAt hash: BlockHash) -> UInt32 {
        var times: [UInt32] = []
        times.reserveCapacity(11)
        var current = hash
        while times.count < 11, let entry = entries[current] {
            times.append(entry.header.time)
            current = entry.header.previous
        }
        times.sort()
        return times[times.count / 2]
    }

    /// A block's ancestor at a height not above its own.
    func ancestor(of hash: BlockHash, height: BlockHeight) -> BlockHash? {
        var current = hash
        while let entry = entries[current], entry.height > height {
            if isActive(current) { return active[height.value] }
            current = entry.header.previous
        }
        return entries[current].map { _ in current }
    }

    /// The blocks that are on the way from the active chain to a block, the nearest to the active chain first.
    func branch(to hash: BlockHash) -> (fork: BlockHash, blocks: [BlockHash]) {
        var blocks: [BlockHash] = []
        var current = hash
        while !isActive(current) {
            blocks.append(current)
            current = entries[current]!.header.previous
        }
        return (current, blocks.reversed())
    }

    /// Judges a block and all that are built on it anew.
    ///
    /// - Returns: the blocks whose judgement changed.
    mutating func mark(_ hash: BlockHash, isInvalid: Bool) -> [BlockHash] {
        var affected: Set<BlockHash> = [hash]
        if !isInvalid {
            // A block can only be valid with all it is built on.
            var current = hash
            while let entry = entries[current], entry.height > 0 {
                affected.insert(current)
                current = entry.header.previous
            }
        }
        let start = entries[hash]!.height
        let later = entries.filter { $0.value.height > start }.sorted { $0.value.height < $1.value.height }
        for (next, entry) in later where affected.contains(entry.header.previous) { affected.insert(next) }
        let changed = affected.filter { entries[$0]!.isInvalid != isInvalid }.sorted()
        for next in changed { entries[next]!.isInvalid = isInvalid }
        findBest()
        return changed
    }

    private mutating func findBest() {
        var found = active[0]
        for (hash, entry) in entries where !entry.isInvalid {
            let leader = entries[found]!
            if (entry.height, leader.sequence) > (leader.height, entry.sequence) { found = hash }
        }
        best = found
    }
}
