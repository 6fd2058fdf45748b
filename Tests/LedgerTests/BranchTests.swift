import BitcoinPrimitives
import CryptoPrimitives
import TestSupport
import Testing

@testable import BitcoinLedger

/// Reorganizations against the plain truth: whatever order blocks came in, the coins are those of the best branch,
/// connected from nothing.
@Suite("branches of the chain", .ownThreads)
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
            guard let hash = ledger.blockHash(height: BlockHeight(height)) else { continue }
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

/// What goes wrong around reorganizations, each once found and never to come back.
@Suite("reorganizations and refusals", .ownThreads)
struct ReorganizationRegressionTests {
    @Test("a header whose block was refused for good is nothing to build on, whatever is reconsidered")
    func refusedHeader() throws {
        var ledger = try Bench(coins: 1).ledger
        let tip = ledger.tip
        let height = ledger.height
        var bad = ledger.template(paying: .anchor, now: 1_700_200_000)
        bad.transactions[0].inputs[0].signatureScript = Script([1, 1])
        bad.header.merkleRoot = MerkleTree.root(bad.transactions.map(\.id.bytes)).root
        bad = Ledger.solve(bad)
        #expect(ledger.submit(bad, now: .max).refusal == .rule("bad-cb-height"))
        #expect(ledger.submit(bad, now: .max).refusal == .knownInvalid)
        var good = ledger.template(paying: .anchor, now: 1_700_200_000)
        let child = Ledger.solve(
            Block(
                header: BlockHeader(
                    version: 0x2000_0000, previous: bad.hash, merkleRoot: good.header.merkleRoot, time: 1_700_300_000,
                    bits: good.header.bits, nonce: 0), transactions: good.transactions))
        #expect(ledger.submit(child, now: .max).refusal == .rule("bad-prevblk"))
        _ = try ledger.invalidate(tip, now: .max)
        _ = try ledger.reconsider(tip, now: .max)
        #expect(ledger.submit(child, now: .max).refusal == .orphan)
        #expect(ledger.submit(bad, now: .max).refusal == .rule("bad-cb-height"))
        #expect(ledger.tip == tip)
        good = try ledger.mine(paying: .anchor, now: 1_700_400_000).block
        #expect(ledger.tip == good.hash && ledger.height == height + 1)
    }

    @Test("lost blocks without payments take young coinbases and lock times with them")
    func mempoolAfterEmptyBlocks() throws {
        var bench = try Bench(coins: 5)
        try bench.mine()
        // A coinbase that is just old enough, one of a lost block's height, and a lock time just reached.
        let just = bench.ledger.height - 99
        let young = bench.ledger.block(bench.ledger.blockHash(height: just)!)!.transactions[0]
        try bench.accept(Bench.spend(OutPoint(young.id, 0), value: young.outputs[0].amount.value, fee: 1000))
        var locked = Bench.spend(bench.coin(), fee: 1000)
        locked.lockTime = bench.ledger.height.uint32
        try bench.accept(locked)
        let free = Bench.spend(bench.coin(), fee: 1000)
        try bench.accept(free)
        let events = try bench.ledger.invalidate(bench.ledger.tip, now: bench.now)
        #expect(events.contains(.removed(locked.id)))
        #expect(bench.ledger.mempool.entries.keys.sorted() == [free.id].sorted())
        #expect(bench.problems().isEmpty)
        try bench.mine(2)
        #expect(bench.ledger.mempool.entries.isEmpty)
    }

    @Test("a mempool comes back from a disk in any order, packages that pay together included")
    func restore() throws {
        var bench = try Bench(coins: 5)
        let parent = Bench.transaction(
            [bench.coin()], paying: [Bench.coinValue], version: 3, extra: [TransactionOutput(.zero, .anchor)])
        let child = Transaction(
            version: 3,
            inputs: [
                TransactionInput(OutPoint(parent.id, 1), sequence: 0xffff_fffd),
                TransactionInput(bench.coin(), sequence: 0xffff_fffd, witness: [Bench.anyone.bytes]),
            ], outputs: [TransactionOutput(Satoshi(Bench.coinValue - 5000), Bench.open)])
        #expect(bench.ledger.acceptPackage([parent, child], now: bench.now).refusal == nil)
        var last = Bench.spend(bench.coin(), fee: 1000)
        try bench.accept(last)
        for step in 1..<10 {
            last = Bench.spend(OutPoint(last.id, 0), value: Bench.coinValue - UInt64(step) * 1000, fee: 1000)
            try bench.accept(last)
        }
        let stored = bench.ledger.mempool.ordered.map { ($0.transaction, $0.time) }
        for order in [stored, stored.reversed()] {
            var fresh = bench.ledger
            _ = try fresh.mine(paying: .anchor, now: bench.now, including: [])
            for id in fresh.mempool.entries.keys { #expect(stored.contains { $0.0.id == id }) }
            var empty = Ledger()
            for height in 1..<bench.ledger.height + 1 {
                _ = try empty.submit(bench.ledger.block(bench.ledger.blockHash(height: height)!)!, now: .max).get()
            }
            #expect(empty.restore(order).isEmpty)
            #expect(Set(empty.mempool.entries.keys) == Set(stored.map(\.0.id)))
            bench.ledger = empty
            #expect(bench.problems().isEmpty)
        }
        #expect(bench.ledger.restore([(Bench.spend(OutPoint(last.id, 7), fee: 5), 0)]).count == 1)
    }

    @Test("a template has room for a coinbase that pays to a long script; bursts of blocks end where Core's clock ends them")
    func templateLimits() throws {
        var bench = try Bench(coins: 60)
        for _ in 0..<50 { try bench.accept(Bench.spend(bench.coin(), fee: 20_000, padding: 98_000)) }
        let long = Script([UInt8](repeating: 0x51, count: 9_900))
        let block = try bench.ledger.mine(paying: long, now: bench.now).block
        #expect(block.weight <= Ledger.maximumBlockWeight && block.weight > 3_500_000)
        // No clock goes on: after two hours' worth of blocks the next one would be from the future.
        var ledger = Ledger()
        var refusal: BlockRefusal?
        var count = 0
        while refusal == nil, count < 60_000 {
            do throws(BlockRefusal) {
                _ = try ledger.mine(paying: .anchor, now: 1_600_000_000)
                count += 1
            } catch { refusal = error }
        }
        #expect(refusal == .rule("time-too-new"))
        #expect(count > 40_000)
        #expect(try ledger.mine(paying: .anchor, now: 1_600_000_600).block.header.time > 1_600_007_000)
    }
}

/// Scripts that are cheap to write and must be cheap to check.
@Suite("scripts that could take forever")
struct ScriptCostTests {
    @Test("nested conditions: what is executed is known without looking at all of them")
    func conditions() throws {
        // To be compared with the plain meaning: executing while every condition is true.
        var random = SmallRandom(state: 7)
        for _ in 0..<200 {
            var stack = ConditionStack()
            var plain: [Bool] = []
            for _ in 0..<100 {
                switch random.below(4) {
                case 0, 1:
                    let condition = plain.contains(false) ? false : random.below(3) > 0
                    stack.append(condition)
                    plain.append(condition)
                case 2 where !plain.isEmpty:
                    stack.toggleLast()
                    plain[plain.count - 1].toggle()
                case 3 where !plain.isEmpty:
                    stack.removeLast()
                    plain.removeLast()
                default: break
                }
                #expect(stack.isEmpty == plain.isEmpty)
                #expect(stack.allTrue == !plain.contains(false))
            }
        }
    }
}
