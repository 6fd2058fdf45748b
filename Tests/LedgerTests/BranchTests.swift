import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import Testing

/// Reorganizations against the plain truth: whatever order blocks came in, the coins are those of the best branch,
/// connected from nothing.
@Suite("branches of the chain")
struct BranchTests {
    /// A tree of valid blocks with payments, and here and there one that is not valid.
    struct Tree {
        var blocks: [Block] = []
        var bad: Set<BlockHash> = []

        init(seed: UInt64, count: Int) throws {
            var random = SmallRandom(state: seed)
            var bench = try Bench(coins: 30)
            let root = bench.ledger
            blocks = (1...root.height).map { root.block(root.blockHash(height: $0)!)! }
            var tips: [(ledger: Ledger, coins: [OutPoint])] = [(root, (0..<30).map { _ in bench.coin() })]
            var now = bench.now
            for _ in 0..<count {
                // Mostly near the end, so that branches grow.
                let from = max(0, tips.count - 1 - random.below(random.below(4) == 0 ? 8 : 3))
                var (ledger, coins) = tips[from]
                var transactions: [Transaction] = []
                for _ in 0..<random.below(4) {
                    let coin = coins.remove(at: random.below(coins.count))
                    guard let value = ledger.coin(coin)?.output.amount.value, value > 100_000 else { continue }
                    let first = Bench.transaction([coin], paying: [value - 1000 - UInt64(random.below(1000))])
                    transactions.append(first)
                    coins.append(OutPoint(first.id, 0))
                    // One that spends within the same block.
                    if random.below(2) == 0 {
                        let next = Bench.transaction(
                            [OutPoint(first.id, 0)], paying: [first.outputs[0].amount.value - 1000])
                        transactions.append(next)
                        coins[coins.count - 1] = OutPoint(next.id, 0)
                    }
                }
                now += UInt32(1 + random.below(600))
                var block = ledger.template(paying: Bench.open, now: now, including: transactions)
                let isBad = random.below(12) == 0
                if isBad {
                    block.transactions[0].outputs[0].amount += Satoshi(1)
                    block.header.merkleRoot = MerkleTree.root(block.transactions.map(\.id.bytes)).root
                }
                block = Ledger.solve(block)
                blocks.append(block)
                if isBad {
                    bad.insert(block.hash)
                } else {
                    _ = try ledger.submit(block, now: now).get()
                    tips.append((ledger, coins))
                }
            }
        }
    }

    @Test("any order of any tree ends in the coins of its best branch", arguments: 0..<12 as Range<UInt64>)
    func tree(seed: UInt64) throws {
        let tree = try Tree(seed: seed, count: 40)
        var random = SmallRandom(state: seed ^ 0xabcd)
        var ledger = Ledger()
        var waiting = tree.blocks
        var journal: [[UInt8]] = []
        // Children may come before their parents: refused as orphans, they come again.
        while !waiting.isEmpty {
            let position = random.below(min(waiting.count, 3))
            let block = waiting[position]
            let submission = ledger.submit(block, now: .max)
            if submission.refusal == .orphan {
                waiting.append(waiting.remove(at: position))
                continue
            }
            waiting.remove(at: position)
            if tree.bad.contains(block.hash), submission.refusal == nil {
                // On a side branch it is only looked at when that becomes the longest.
                #expect(ledger.tip != block.hash, "seed \(seed)")
            }
            if submission.refusal == nil { journal.append(block.serialized()) }
        }
        #expect(tree.bad.allSatisfy { ledger.position(of: $0)?.isActive != true }, "seed \(seed)")
        try expectTruth(ledger, "seed \(seed)")
        // To and fro: any block may be declared bad, and good again.
        for _ in 0..<6 {
            let height = 104 + random.below(max(1, ledger.height - 104))
            guard let hash = ledger.blockHash(height: height) else { continue }
            let tip = ledger.tip
            _ = try ledger.invalidate(hash, now: .max)
            try expectTruth(ledger, "seed \(seed), without \(hash)")
            _ = try ledger.reconsider(hash, now: .max)
            #expect(ledger.height >= ledger.position(of: tip)!.height, "seed \(seed)")
            try expectTruth(ledger, "seed \(seed), again with \(hash)")
        }
    }

    /// Compares with a ledger that never saw another branch.
    private func expectTruth(_ ledger: Ledger, _ note: String) throws {
        var truth = Ledger()
        for height in 1..<ledger.height + 1 {
            _ = try truth.submit(ledger.block(ledger.blockHash(height: height)!)!, now: .max).get()
        }
        #expect(Self.coins(ledger) == Self.coins(truth), "\(note)")
        for height in 1..<ledger.height + 1 {
            let hash = ledger.blockHash(height: height)!
            #expect(ledger.spentCoins(hash) == truth.spentCoins(hash), "\(note)")
            let undo = BlockUndo.encode(try #require(truth.spentCoins(hash)))
            #expect(try BlockUndo.decode(undo) == truth.spentCoins(hash))
        }
        for height in 1..<ledger.height + 1 {
            for transaction in ledger.block(ledger.blockHash(height: height)!)!.transactions {
                #expect(ledger.location(transaction.id) == truth.location(transaction.id), "\(note)")
            }
        }
    }

    private static func coins(_ ledger: Ledger) -> [OutPoint: Coin] {
        var found: [OutPoint: Coin] = [:]
        ledger.forEachCoin { found[$0] = $1 }
        return found
    }

    @Test("a deep branch that turns out invalid halfway leaves the chain at its best valid block")
    func partlyValid() throws {
        let root = try Bench(coins: 5)
        var ledger = root.ledger
        for number in 0..<3 { _ = try ledger.mine(paying: Bench.open, now: root.now + UInt32(number)) }
        // Four good blocks and a bad fifth, then a sixth on top of it.
        var other = root.ledger
        var branch: [Block] = []
        for number in 0..<4 { branch.append(try other.mine(paying: .anchor, now: root.now + 500 + UInt32(number)).block) }
        var bad = other.template(paying: .anchor, now: root.now + 600)
        bad.transactions[0].outputs[0].amount += Satoshi(1)
        bad.header.merkleRoot = MerkleTree.root(bad.transactions.map(\.id.bytes)).root
        bad = Ledger.solve(bad)
        for block in branch.prefix(3) { #expect(try ledger.submit(block, now: .max).get().isEmpty) }
        let events = try ledger.submit(branch[3], now: .max).get()
        #expect(events.count == 3 + 4)
        #expect(ledger.tip == branch[3].hash)
        #expect(ledger.submit(bad, now: .max).refusal == .rule("bad-cb-amount"))
        let child = Ledger.solve(
            Block(
                header: BlockHeader(
                    version: 0x2000_0000, previous: bad.hash, merkleRoot: bad.header.merkleRoot, time: bad.header.time + 1,
                    bits: bad.header.bits, nonce: 0), transactions: bad.transactions))
        #expect(ledger.submit(child, now: .max).refusal == .rule("bad-prevblk"))
        #expect(ledger.tip == branch[3].hash)
        try expectTruth(ledger, "after a bad block")
    }
}
