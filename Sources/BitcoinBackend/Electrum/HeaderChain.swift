package import BitcoinPrimitives

/// The rules of a network that a header can be judged by alone, with those before it.
package struct HeaderRules: Sendable {
    /// The easiest target there may be.
    package var limit: Target
    /// Whether targets follow the time that blocks take.
    package var isRetargeting = true
    /// Whether a block that comes twenty minutes after the one before it may have the easiest target (testnet, BIP 94).
    package var allowsEasyBlocks = false
    /// Whether the new target follows from that of the period's first block, which is never an easy one's (BIP 94).
    package var countsFromFirst = false
    /// The easiest target that anybody is believed today, where the network's own limit is too easy to mean anything.
    package var easiestNow: Target?

    /// Blocks between two targets, and the seconds that they shall take.
    package static let period = 2016
    static let timespan: UInt32 = 14 * 24 * 3600

    package init(_ network: Network) {
        switch network {
        case .mainnet:
            limit = Target(compact: 0x1d00_ffff)!
            // A sixteenth of the difficulty of block 840,000, of April 2024. Whoever makes headers up must be as fast for each of them.
            easiestNow = Target(compact: 0x1703_4219)!.scaled(by: 16, over: 1, limit: limit)
        case .testnet:
            limit = Target(compact: 0x1d00_ffff)!
            allowsEasyBlocks = true
        case .testnet4:
            limit = Target(compact: 0x1d00_ffff)!
            allowsEasyBlocks = true
            countsFromFirst = true
        case .signet: limit = Target(compact: 0x1e03_77ae)!
        case .regtest:
            limit = Target(compact: 0x207f_ffff)!
            isRetargeting = false
        }
    }

    /// Whether somebody has worked for a header as long as it says.
    func hasWork(_ header: BlockHeader) -> Bool {
        guard let target = Target(compact: header.bits), target <= limit else { return false }
        return Target(header.hash) <= target
    }

    /// Whether a header of today is as hard as one has to be at least.
    func isHardEnough(_ header: BlockHeader) -> Bool {
        guard let easiestNow else { return true }
        return Target(compact: header.bits).map { $0 <= easiestNow } ?? false
    }
}

/// Headers that were checked against each other, from one height to the tip: all that is believed of a layer 1 that shows no blocks.
package struct HeaderChain: Sendable {
    /// Why a header is not taken.
    package enum Fault: Error, Hashable, CustomStringConvertible {
        case doesNotFollow(BlockHeight)
        case noWork(BlockHeight)
        case tooEasy(BlockHeight)
        case wrongTarget(BlockHeight)
        /// Another branch, with less work than the one that is followed.
        case lessWork(BlockHeight)
        /// No header in common with the one that is followed.
        case otherChain

        package var description: String {
            switch self {
            case .doesNotFollow(let height): "header \(height) does not follow the one before it"
            case .noWork(let height): "nobody has worked for header \(height)"
            case .tooEasy(let height): "header \(height) is far easier than any of this network today"
            case .wrongTarget(let height): "header \(height) has another target than the rules say"
            case .lessWork(let height): "its chain has less work from block \(height) on than the one it had before"
            case .otherChain: "its headers have none in common with those it had before"
            }
        }
    }

    let rules: HeaderRules
    /// The height of the first.
    package private(set) var base: BlockHeight
    private var headers: [BlockHeader]
    private var hashes: [BlockHash]

    /// Takes headers from a height on, the first of which is believed for its work alone.
    ///
    /// - Parameter base: the first of a period, so that every later target can be checked.
    package init(rules: HeaderRules, base: BlockHeight, headers: [BlockHeader]) throws(Fault) {
        precondition(!headers.isEmpty && base.value % HeaderRules.period == 0, "a chain begins with a period's first header")
        self.rules = rules
        self.base = base
        guard rules.hasWork(headers[0]) else { throw .noWork(base) }
        if base > 0, !rules.isHardEnough(headers[0]) { throw .tooEasy(base) }
        self.headers = [headers[0]]
        hashes = [headers[0].hash]
        for header in headers.dropFirst() { try append(header) }
    }

    package var height: BlockHeight { base + (headers.count - 1) }
    package var tip: BlockHash { hashes[hashes.count - 1] }

    package func header(_ height: BlockHeight) -> BlockHeader? {
        let index = height - base
        return headers.indices.contains(index) ? headers[index] : nil
    }

    package func hash(_ height: BlockHeight) -> BlockHash? {
        let index = height - base
        return hashes.indices.contains(index) ? hashes[index] : nil
    }

    /// Takes the next header.
    package mutating func append(_ header: BlockHeader) throws(Fault) {
        let height = self.height + 1
        guard header.previous == tip else { throw .doesNotFollow(height) }
        guard rules.hasWork(header) else { throw .noWork(height) }
        guard rules.isHardEnough(header) else { throw .tooEasy(height) }
        guard isTargetRight(header, height) else { throw .wrongTarget(height) }
        headers.append(header)
        hashes.append(header.hash)
    }

    /// Takes headers that begin a period and end below the first.
    package mutating func prepend(_ earlier: [BlockHeader]) throws(Fault) {
        guard let first = earlier.first, let last = earlier.last, (base.value - earlier.count) % HeaderRules.period == 0,
            earlier.count <= base.value
        else { throw .otherChain }
        guard last.hash == headers[0].previous else { throw .doesNotFollow(base) }
        // Every one of them is fixed by the one after it: what they are is what was built on.
        for (index, header) in earlier.enumerated().dropFirst() where header.previous != earlier[index - 1].hash {
            throw .doesNotFollow(base - earlier.count + index)
        }
        guard rules.hasWork(first) else { throw .noWork(base - earlier.count) }
        headers = earlier + headers
        hashes = earlier.map(\.hash) + hashes
        base -= earlier.count
    }

    /// Takes another branch in place of ours.
    ///
    /// - Parameter branch: from the first height at which it differs.
    /// - Parameter mayBeShorter: where headers cost nothing, as on regtest, work tells nothing.
    package mutating func replace(from height: BlockHeight, with branch: [BlockHeader], mayBeShorter: Bool) throws(Fault) {
        guard height > base, height <= self.height + 1 else { throw .otherChain }
        var other = self
        other.cut(to: height - 1)
        for header in branch { try other.append(header) }
        if !mayBeShorter, other.work(above: height - 1) < work(above: height - 1) { throw .lessWork(height) }
        self = other
    }

    private mutating func cut(to height: BlockHeight) {
        headers.removeLast(self.height - height)
        hashes.removeLast(hashes.count - headers.count)
    }

    private func work(above height: BlockHeight) -> Double {
        headers.suffix(self.height - height).reduce(0) { $0 + (Target(compact: $1.bits)?.work ?? 0) }
    }

    /// Whether the target is the one that the rules say.
    private func isTargetRight(_ header: BlockHeader, _ height: BlockHeight) -> Bool {
        let limit = rules.limit.compact
        let last = headers[headers.count - 1]
        guard rules.isRetargeting else { return header.bits == limit }
        guard height.value % HeaderRules.period == 0 else {
            guard rules.allowsEasyBlocks else { return header.bits == last.bits }
            if UInt64(header.time) > UInt64(last.time) + 1200 { return header.bits == limit }
            // The last that was not an easy one of the period.
            var index = headers.count - 1
            while index > 0, (base + index).value % HeaderRules.period != 0, headers[index].bits == limit { index -= 1 }
            return header.bits == headers[index].bits
        }
        let first = headers[headers.count - HeaderRules.period]
        guard let old = Target(compact: rules.countsFromFirst ? first.bits : last.bits) else { return false }
        let span = Int64(last.time) - Int64(first.time)
        let bounded = UInt32(max(Int64(HeaderRules.timespan / 4), min(Int64(HeaderRules.timespan) * 4, span)))
        return header.bits == old.scaled(by: bounded, over: HeaderRules.timespan, limit: rules.limit).compact
    }
}
