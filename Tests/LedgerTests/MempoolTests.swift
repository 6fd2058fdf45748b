import BitcoinPrimitives
import CryptoPrimitives
import TestSupport
import Testing

@testable import BitcoinLedger

/// Bitcoin Core 30's policy, each rule at its edge.
@Suite("the mempool's policy", .ownThreads)
struct MempoolTests {
    @Test("dust ends where an output costs more to spend than it holds")
    func dust() throws {
        var bench = try Bench()
        func refusal(_ script: Script, _ amount: UInt64) -> String? {
            let transaction = Bench.transaction(
                [bench.coin()], paying: [9_000_000], extra: [TransactionOutput(Satoshi(amount), script)])
            return bench.refusal(transaction)
        }
        let hash20 = [UInt8](repeating: 5, count: 20)
        let hash32 = [UInt8](repeating: 5, count: 32)
        let edges: [(Script, UInt64)] = [
            (Script([0, 20] + hash20), 294), (Script([0, 32] + hash32), 330), (Script([0x51, 32] + hash32), 330),
            (.p2pkh(hash: hash20), 546), (Script([0xa9, 20] + hash20 + [0x87]), 540), (.anchor, 240),
        ]
        for (script, edge) in edges {
            #expect(refusal(script, edge) == nil, "\(script)")
            #expect(refusal(script, edge - 1) == "dust", "\(script)")
        }
        // What nobody can spend may hold nothing.
        #expect(refusal(Script([.op(.return), .push([1, 2, 3])]), 0) == nil)
    }

    @Test("versions, sizes and scripts that are not standard")
    func standardness() throws {
        var bench = try Bench()
        let coin = bench.coin()
        #expect(bench.refusal(Bench.spend(coin, fee: 1000, version: 3)) == nil)
        #expect(bench.refusal(Bench.spend(coin, fee: 1000, version: 4)) == "version")
        #expect(bench.refusal(Bench.spend(coin, fee: 1000, version: 0)) == "version")
        #expect(bench.refusal(Bench.spend(coin, fee: 100_000, padding: 99_000)) == nil)
        // A weight of 400,000 is the limit.
        #expect(bench.refusal(Bench.spend(coin, fee: 100_000, padding: 99_990)) == "tx-size")
        let odd = TransactionOutput(Satoshi(10_000), Script([0x52, 0x93]))
        #expect(bench.refusal(Bench.transaction([coin], paying: [9_000_000], extra: [odd])) == "scriptpubkey")
        let tiny = Bench.transaction([coin], paying: [], extra: [TransactionOutput(.zero, Script([0x6a]))])
        #expect(tiny.strippedSize == 61)
        #expect(bench.refusal(tiny) == "tx-size-small")
        // A witness that its script does not need.
        var stuffed = Bench.spend(coin, fee: 1000)
        stuffed.inputs[0].witness = [[1], Bench.anyone.bytes]
        #expect(bench.refusal(stuffed)?.hasPrefix("mempool-script-verify-flag-failed") == true)
        stuffed.inputs[0].witness = [[UInt8](repeating: 1, count: 81), Bench.anyone.bytes]
        #expect(bench.refusal(stuffed) == "bad-witness-nonstandard")
    }

    @Test("a replacement pays for what it replaces, and for itself")
    func replacement() throws {
        var bench = try Bench()
        let coin = bench.coin()
        let first = Bench.spend(coin, fee: 1000)
        let child = Bench.spend(OutPoint(first.id, 0), value: Bench.coinValue - 1000, fee: 5000)
        try bench.accept(first)
        try bench.accept(child)
        let size = UInt64(bench.ledger.mempool.entries[first.id]!.size)
        // Rule 3: with the child's fee 6000 are lost; rule 4: a tenth of a satoshi for each byte on top.
        let needed = 6000 + (size * 100 + 999) / 1000
        #expect(bench.refusal(Bench.spend(coin, fee: 5999)) == "insufficient fee")
        #expect(bench.refusal(Bench.spend(coin, fee: needed - 1)) == "insufficient fee")
        let second = Bench.spend(coin, fee: needed)
        let events = try bench.accept(second)
        #expect(events == [.removed(first.id), .removed(child.id), .accepted(second)])
        #expect(!bench.has(first) && !bench.has(child) && bench.has(second))
        // More in all, less for each byte.
        #expect(bench.refusal(Bench.spend(coin, fee: needed + 5000, padding: 9000)) == "insufficient fee")
        // A replacement may not spend from what it replaces.
        let loop = Bench.transaction([coin, OutPoint(second.id, 0)], paying: [1_000_000])
        #expect(bench.refusal(loop) == "bad-txns-spends-conflicting-tx")
        // Rule 2: nor from other unconfirmed transactions.
        let other = Bench.spend(bench.coin(), fee: 1000)
        try bench.accept(other)
        #expect(
            bench.refusal(Bench.transaction([coin, OutPoint(other.id, 0)], paying: [10_000_000]))
                == "replacement-adds-unconfirmed")
        #expect(bench.problems().isEmpty)
    }

    @Test("a replacement evicts no more than a hundred")
    func replacementCount() throws {
        var bench = try Bench()
        var inputs: [OutPoint] = []
        // Five parents with twenty children each: 105 in all.
        for _ in 0..<5 {
            let coin = bench.coin()
            inputs.append(coin)
            let parent = Bench.transaction([coin], paying: [UInt64](repeating: 400_000, count: 20))
            try bench.accept(parent)
            for index in 0..<20 {
                try bench.accept(Bench.spend(OutPoint(parent.id, UInt32(index)), value: 400_000, fee: 1000))
            }
        }
        let greedy = Bench.transaction(inputs, paying: [1_000_000])
        #expect(bench.refusal(greedy) == "too many potential replacements")
        #expect(bench.refusal(Bench.transaction(Array(inputs.prefix(4)), paying: [1_000_000])) == nil)
    }

    @Test("chains of unconfirmed transactions end at twenty-five; one small one more may pay for a fee")
    func chains() throws {
        var bench = try Bench()
        let root = Bench.transaction([bench.coin()], paying: [4_000_000, 4_000_000])
        try bench.accept(root)
        var last = OutPoint(root.id, 0)
        var value: UInt64 = 4_000_000
        for _ in 0..<24 {
            let next = Bench.spend(last, value: value, fee: 1000)
            try bench.accept(next)
            last = OutPoint(next.id, 0)
            value -= 1000
        }
        #expect(bench.ledger.mempool.entries.count == 25)
        #expect(bench.refusal(Bench.spend(last, value: value, fee: 1000)) == "too-long-mempool-chain")
        // The carve-out: a second child of the root, which nothing else is an ancestor of.
        let bump = Bench.spend(OutPoint(root.id, 1), value: 4_000_000, fee: 1000)
        #expect(
            bench.refusal(Bench.spend(OutPoint(root.id, 1), value: 4_000_000, fee: 60_000, padding: 11_000)) == "too-long-mempool-chain")
        try bench.accept(bump)
        #expect(bench.refusal(Bench.spend(OutPoint(bump.id, 0), value: 3_999_000, fee: 1000)) == "too-long-mempool-chain")
        #expect(bench.problems().isEmpty)
        try bench.mine()
        #expect(bench.ledger.mempool.entries.isEmpty)
        #expect(bench.refusal(Bench.spend(last, value: value, fee: 1000)) == nil)
    }

    @Test("version 3: one parent, one small child, and the better child wins (BIP 431)")
    func topologicallyRestricted() throws {
        var bench = try Bench()
        let parent = Bench.transaction([bench.coin()], paying: [4_000_000, 4_000_000], version: 3)
        try bench.accept(parent)
        let (one, two) = (OutPoint(parent.id, 0), OutPoint(parent.id, 1))
        #expect(bench.refusal(Bench.spend(one, value: 4_000_000, fee: 1000)) == "TRUC-violation")
        #expect(bench.refusal(Bench.spend(one, value: 4_000_000, fee: 9000, version: 3, padding: 1000)) == "TRUC-violation")
        let child = Bench.spend(one, value: 4_000_000, fee: 1000, version: 3)
        try bench.accept(child)
        #expect(bench.refusal(Bench.spend(OutPoint(child.id, 0), value: 3_999_000, fee: 1000, version: 3)) == "TRUC-violation")
        // A sibling that pays more takes its place, although they spend different outputs.
        #expect(bench.refusal(Bench.spend(two, value: 4_000_000, fee: 1001, version: 3)) == "insufficient fee (including sibling eviction)")
        let sibling = Bench.spend(two, value: 4_000_000, fee: 3000, version: 3)
        #expect(try bench.accept(sibling) == [.removed(child.id), .accepted(sibling)])
        // Confirmed parents restrict nobody; unconfirmed ones of another version do.
        let plain = Bench.spend(bench.coin(), fee: 1000)
        try bench.accept(plain)
        #expect(bench.refusal(Bench.spend(OutPoint(plain.id, 0), value: 9_999_000, fee: 1000, version: 3)) == "TRUC-violation")
        #expect(bench.refusal(Bench.spend(bench.coin(), fee: 60_000, version: 3, padding: 10_000)) == "TRUC-violation")
        try bench.mine()
        #expect(bench.refusal(Bench.spend(OutPoint(plain.id, 0), value: 9_999_000, fee: 1000, version: 3)) == nil)
        #expect(bench.problems().isEmpty)
    }

    @Test("a package: the child pays for a parent that pays nothing, and spends its dust (BOLT 3's anchors of tomorrow)")
    func package() throws {
        var bench = try Bench()
        let coin = bench.coin()
        // A parent without a fee, with an anchor of nothing that anyone may spend.
        let parent = Bench.transaction(
            [coin], paying: [Bench.coinValue], version: 3, extra: [TransactionOutput(.zero, .anchor)])
        #expect(bench.refusal(parent) == "min relay fee not met")
        let fee: UInt64 = 2000
        let purse = bench.coin()
        func child(_ inputs: [TransactionInput], version: UInt32 = 3) -> Transaction {
            Transaction(
                version: version, inputs: inputs, outputs: [TransactionOutput(Satoshi(Bench.coinValue - fee), Bench.open)])
        }
        let anchor = TransactionInput(OutPoint(parent.id, 1), sequence: 0xffff_fffd)
        let money = TransactionInput(purse, sequence: 0xffff_fffd, witness: [Bench.anyone.bytes])
        // A child that leaves the dust unspent does not help.
        let main = TransactionInput(OutPoint(parent.id, 0), sequence: 0xffff_fffd, witness: [Bench.anyone.bytes])
        let careless = bench.ledger.acceptPackage([parent, child([main])], now: bench.now)
        #expect(careless.refusal?.reason == "unspent-dust")
        #expect(bench.ledger.mempool.entries.isEmpty)
        let good = child([anchor, money])
        let verdict = bench.ledger.acceptPackage([parent, good], now: bench.now)
        #expect(verdict.refusal == nil)
        #expect(verdict.events == [.accepted(parent), .accepted(good)])
        guard case .accepted(_, let rate, let with) = verdict.results[0] else { throw Unexpected() }
        #expect(with == [0, 1])
        #expect(rate == fee * 1000 / UInt64(bench.ledger.mempool.entries[parent.id]!.size + bench.ledger.mempool.entries[good.id]!.size))
        // Once more is no harm.
        #expect(bench.ledger.acceptPackage([parent, good], now: bench.now).refusal == nil)
        let block = try bench.mine()[0]
        #expect(block.transactions.dropFirst().map(\.id) == [parent.id, good.id])
        LedgerTests.journal("package", bench.ledger)
    }

    @Test("packages that are none")
    func malformedPackages() throws {
        var bench = try Bench()
        let parent = Bench.spend(bench.coin(), fee: 0)
        let child = Bench.spend(OutPoint(parent.id, 0), fee: 1000)
        func refusal(_ package: [Transaction]) -> String? {
            var copy = bench.ledger
            let verdict = copy.acceptPackage(package, now: bench.now)
            if verdict.refusal != nil { #expect(copy.mempool.entries.isEmpty) }
            return verdict.refusal?.reason
        }
        #expect(refusal([child, parent]) == "package-not-sorted")
        #expect(refusal([parent, parent, child]) == "package-contains-duplicates")
        #expect(refusal([parent, Bench.spend(bench.coin(), fee: 1000)]) == "package-not-child-with-parents")
        #expect(refusal([parent, Bench.spend(parent.inputs[0].previousOutput, fee: 1)]) == "conflict-in-package")
        #expect(refusal([Transaction](repeating: parent, count: 26)) == "package-too-many-transactions")
        // A package's fee does not help a parent of an older version that pays less than is ever relayed.
        #expect(refusal([parent, child]) == "transaction failed")
        #expect(bench.ledger.acceptPackage([Bench.spend(bench.coin(), fee: 1000)], now: bench.now).refusal == nil)
    }

    @Test("a package replaces only what a miner earns less with, chunk by chunk")
    func packageDiagram() throws {
        // A parent that pays little with a child that pays for it: together more for each byte than the package that is to replace them.
        for (fees, reason): ([UInt64], String?) in [
            ([100, 700], "package RBF failed: insufficient feerate: does not improve feerate diagram"), ([100, 1900], nil),
        ] {
            var bench = try Bench()
            let coin = bench.coin()
            let parent = Bench.spend(coin, fee: 31)
            let child = Bench.spend(OutPoint(parent.id, 0), value: Bench.coinValue - 31, fee: 565)
            try bench.accept(parent)
            try bench.accept(child)
            let other = Bench.spend(coin, fee: fees[0], padding: 150)
            let payer = Bench.spend(OutPoint(other.id, 0), value: Bench.coinValue - fees[0], fee: fees[1], padding: 150)
            let verdict = bench.ledger.acceptPackage([other, payer], now: bench.now)
            #expect(verdict.refusal?.reason == reason)
            #expect(bench.has(parent) == (reason != nil) && bench.has(payer) == (reason == nil))
            #expect(bench.problems().isEmpty)
        }
    }

    @Test("a package replaces nothing whose relatives are more than two")
    func packageTopology() throws {
        func verdict(_ build: (inout Bench, OutPoint) throws -> Void) throws -> String? {
            var bench = try Bench()
            let coin = bench.coin()
            try build(&bench, coin)
            let count = bench.ledger.mempool.entries.count
            // Alone it pays less for each byte than what it replaces.
            let other = Bench.spend(coin, fee: 100)
            let payer = Bench.spend(OutPoint(other.id, 0), value: Bench.coinValue - 100, fee: 900_000)
            let reason = bench.ledger.acceptPackage([other, payer], now: bench.now).refusal?.reason
            if reason != nil { #expect(bench.ledger.mempool.entries.count == count) }
            return reason
        }
        func family(_ children: Int, _ depth: Int) -> (inout Bench, OutPoint) throws -> Void {
            { bench, coin in
                let parent = Bench.transaction([coin], paying: [1_000_000, 1_000_000, Bench.coinValue - 2_000_300])
                try bench.accept(parent)
                for index in 0..<children {
                    var last = Bench.spend(OutPoint(parent.id, UInt32(index)), value: 1_000_000, fee: 2000)
                    try bench.accept(last)
                    for level in 1..<max(1, depth) {
                        last = Bench.spend(OutPoint(last.id, 0), value: 1_000_000 - 2000 * UInt64(level), fee: 2000)
                        try bench.accept(last)
                    }
                }
            }
        }
        let many = try verdict(family(2, 1))
        #expect(many?.contains("2 descendants, max 1 allowed") == true || many?.contains("is not the only child of parent") == true)
        #expect(try verdict(family(1, 2))?.contains("max 1 allowed") == true)
        // The child of a parent that has another one.
        let siblings = try verdict { bench, coin in
            let parent = Bench.transaction([bench.coin()], paying: [4_990_000, 4_990_000])
            try bench.accept(parent)
            try bench.accept(Bench.spend(OutPoint(parent.id, 0), value: 4_990_000, fee: 1000))
            try bench.accept(Bench.transaction([OutPoint(parent.id, 1), coin], paying: [4_990_000 + Bench.coinValue - 500]))
        }
        #expect(siblings?.contains("is not the only child of parent") == true)
        // Two parents of one child.
        let parents = try verdict { bench, coin in
            let (one, two) = (Bench.spend(coin, fee: 200), Bench.spend(bench.coin(), fee: 200))
            try bench.accept(one)
            try bench.accept(two)
            let value = 2 * (Bench.coinValue - 200)
            try bench.accept(Bench.transaction([OutPoint(one.id, 0), OutPoint(two.id, 0)], paying: [value - 1000]))
        }
        #expect(parents?.contains("ancestors, max 1 allowed") == true || parents?.contains("is not the only parent of child") == true)
        // A pair is fine.
        let pair = try verdict { bench, coin in
            let parent = Bench.spend(coin, fee: 200)
            try bench.accept(parent)
            try bench.accept(Bench.spend(OutPoint(parent.id, 0), value: Bench.coinValue - 200, fee: 1000))
        }
        #expect(pair == nil)
    }

    @Test("what somebody pays beside the chain counts for a miner, and for nobody's balance")
    func prioritised() throws {
        var bench = try Bench()
        let (poor, rich) = (Bench.spend(bench.coin(), fee: 20), Bench.spend(bench.coin(), fee: 5000))
        let free = Bench.spend(bench.coin(), fee: 0)
        #expect(bench.refusal(free) == "min relay fee not met")
        func prioritise(_ transaction: Transaction, _ delta: Int64) -> Bool { bench.ledger.prioritise(transaction.id, by: delta) }
        #expect(prioritise(free, 10_000))
        for transaction in [poor, rich, free] { try bench.accept(transaction) }
        let child = Bench.spend(OutPoint(poor.id, 0), value: Bench.coinValue - 20, fee: 500)
        try bench.accept(child)
        #expect(prioritise(poor, 50_000))
        #expect(prioritise(rich, -9000))
        #expect(bench.problems().isEmpty)
        #expect(bench.ledger.mempool.entries[child.id]?.ancestors.fees == Satoshi(50_520))
        #expect(bench.ledger.mempool.entries[rich.id]?.modifiedFee == .zero)
        #expect(!prioritise(rich, .min) && !prioritise(poor, .max))
        // It can be replaced by who pays more than that, and by nobody else.
        #expect(bench.refusal(Bench.spend(poor.inputs[0].previousOutput, fee: 40_000))?.hasPrefix("insufficient fee") == true)
        let block = try bench.mine()[0]
        #expect(block.transactions.dropFirst().map(\.id) == [poor.id, free.id, child.id])
        #expect(
            block.transactions[0].outputs[0].amount == Satoshi(bench.ledger.parameters.subsidy(height: bench.ledger.height).value + 520))
        #expect(bench.ledger.mempool.feeDeltas.keys.sorted() == [rich.id])
    }

    @Test("a feerate diagram is better where it lies nowhere below and somewhere above")
    func diagrams() {
        func diagram(_ chunks: [(UInt64, Int)]) -> FeerateDiagram { FeerateDiagram(chunks.map { .init(fee: $0.0, size: $0.1) }) }
        let old = diagram([(100, 100), (50, 100)])
        #expect(!old.isBetter(than: old))
        #expect(diagram([(50, 100), (101, 100)]).isBetter(than: old))
        #expect(diagram([(200, 300)]).isBetter(than: diagram([(150, 300)])))
        // Less at the front, more in all.
        #expect(!diagram([(400, 500)]).isBetter(than: old))
        #expect(diagram([(500, 500)]).isBetter(than: old))
        // More at the front, less in all.
        #expect(!diagram([(120, 50)]).isBetter(than: old))
        #expect(diagram([(150, 50)]).isBetter(than: old))
        let large: UInt64 = 2_100_000_000_000_000
        #expect(diagram([(large, 4_000_000)]).isBetter(than: diagram([(large - 1, 3_999_999), (1, 2)])) == false)
    }

    struct Unexpected: Error {}

    @Test("what waits too long leaves, with all that spends from it")
    func expiry() throws {
        var bench = try Bench()
        let old = Bench.spend(bench.coin(), fee: 1000)
        try bench.accept(old)
        bench.now += bench.ledger.policy.mempoolExpiry
        let child = Bench.spend(OutPoint(old.id, 0), value: 9_999_000, fee: 1000)
        try bench.accept(child)
        #expect(bench.has(old))
        bench.now += 1
        let events = try bench.accept(Bench.spend(bench.coin(), fee: 1000))
        #expect(events.dropFirst() == [.removed(old.id), .removed(child.id)])
        #expect(bench.problems().isEmpty)
    }

    @Test("a full mempool evicts what pays least, raises its floor, and forgets it slowly")
    func eviction() throws {
        var policy = Policy()
        policy.maximumMempoolUsage = 100_000
        var bench = try Bench(policy: policy)
        // A cheap parent with a child that pays for it stays; what pays less than both leaves.
        let parent = Bench.spend(bench.coin(), fee: 100, padding: 500)
        try bench.accept(parent)
        let child = Bench.spend(OutPoint(parent.id, 0), value: Bench.coinValue - 100, fee: 200_000)
        try bench.accept(child)
        var rates: [Transaction] = []
        for number in 0..<50 {
            let transaction = Bench.spend(bench.coin(), fee: 1000 + UInt64(number) * 500, padding: 2500)
            do { try bench.accept(transaction) } catch {
                #expect(error.reason == "mempool full" || error.reason == "mempool min fee not met")
            }
            rates.append(transaction)
        }
        #expect(bench.ledger.mempool.usage <= policy.maximumMempoolUsage)
        #expect(bench.has(parent) && bench.has(child))
        #expect(!bench.has(rates[0]) && bench.has(rates[49]))
        // Those that stayed pay more than those that left.
        let kept = rates.indices.filter { bench.has(rates[$0]) }
        #expect(kept == Array(kept.first!..<50))
        let floor = bench.ledger.minimumFeeRate(now: bench.now)
        #expect(floor > policy.minimumRelayFeeRate)
        let coin = bench.coin()
        let edge = (floor * UInt64(Bench.spend(coin, fee: 1000).virtualSize) + 999) / 1000
        #expect(bench.refusal(Bench.spend(coin, fee: edge - 1)) == "mempool min fee not met")
        #expect(bench.refusal(Bench.spend(coin, fee: edge)) == nil)
        #expect(bench.problems().isEmpty)
        // Without a block it stays; with one it halves: every twelve hours, four times as fast when there is room.
        #expect(bench.ledger.minimumFeeRate(now: bench.now + 86_400) == floor)
        try bench.mine()
        #expect(bench.ledger.mempool.entries.isEmpty)
        let later = bench.ledger.minimumFeeRate(now: bench.now + 3 * 3600)
        #expect((floor / 2 - 2...floor / 2 + 2).contains(later))
        #expect(bench.ledger.minimumFeeRate(now: bench.now + 7 * 86_400) == policy.minimumRelayFeeRate)
    }

    @Test("a template fills the weight and no more, parents before children, the best first")
    func template() throws {
        var policy = Policy()
        policy.blockWeight = 60_000
        var bench = try Bench(policy: policy)
        for number in 0..<40 {
            try bench.accept(Bench.spend(bench.coin(), fee: 1000 + UInt64(number * 37 % 40) * 100, padding: 500))
        }
        let block = bench.ledger.template(paying: Bench.open, now: bench.now)
        #expect(block.weight <= 60_000)
        let smallest = bench.ledger.mempool.entries.values.map(\.weight).min()!
        #expect(block.weight + smallest > 60_000 - 8000)
        let chosen = Set(block.transactions.dropFirst().map(\.id))
        let worst = chosen.map { bench.ledger.mempool.entries[$0]!.fee }.min()!
        let best = bench.ledger.mempool.entries.values.filter { !chosen.contains($0.id) }.map(\.fee).max()!
        #expect(worst > best)
        while !bench.ledger.mempool.entries.isEmpty { try bench.mine() }
        LedgerTests.journal("template", bench.ledger)
    }

    @Test("the fee estimate always answers, and rises with what waits")
    func estimate() throws {
        let empty = Ledger()
        for target in [-5, 0, 1, 6, 1008, 100_000] { #expect(empty.estimateFee(target: target, now: 0).rate == 1000) }
        var policy = Policy()
        policy.blockWeight = 40_000
        var bench = try Bench(policy: policy)
        for number in 0..<40 {
            try bench.accept(Bench.spend(bench.coin(), fee: 20_000 + UInt64(number) * 1000, padding: 500))
        }
        let rates = [1, 2, 3, 6, 100].map { bench.ledger.estimateFee(target: $0, now: bench.now).rate }
        #expect(rates[0] > 20_000)
        #expect(rates == rates.sorted(by: >))
        #expect(rates[4] == 1000)
        // What the estimate for the next block says gets into the next block.
        let mine = Bench.spend(bench.coin(), fee: rates[0] * 120 / 1000)
        try bench.accept(mine)
        #expect(bench.ledger.template(paying: Bench.open, now: bench.now).transactions.contains { $0.id == mine.id })
        try bench.mine()
        #expect(bench.ledger.estimateFee(target: 1, now: bench.now).rate > 20_000)
    }

    @Test("after any history the mempool's sums are those of its entries, and all of it can be mined", arguments: 0..<30 as Range<UInt64>)
    func invariants(seed: UInt64) throws {
        var policy = Policy()
        policy.maximumMempoolUsage = 60_000
        var bench = try Bench(policy: policy, coins: 200)
        var random = SmallRandom(state: seed)
        var known: [(OutPoint, UInt64)] = (0..<150).map { _ in (bench.coin(), Bench.coinValue) }
        var blocks: [Block] = []
        for step in 0..<150 {
            switch random.below(20) {
            case 0: blocks += try bench.mine()
            case 1 where blocks.count > 2:
                // The last blocks turn out bad, and others take their place.
                let depth = 1 + random.below(2)
                let hash = bench.ledger.blockHash(height: bench.ledger.height - depth + 1)!
                _ = try bench.ledger.invalidate(hash, now: bench.now)
                if random.below(2) == 0 { _ = try bench.ledger.reconsider(hash, now: bench.now) }
            default:
                let count = 1 + random.below(3)
                let inputs = Set((0..<count).map { _ in random.below(known.count) }).map { known[$0] }
                let total = inputs.reduce(0) { $0 + $1.1 }
                let fee = UInt64(200 + random.below(20_000))
                let outputs = 1 + random.below(3)
                guard total > fee + 1_000 * UInt64(outputs) else { continue }
                let each = (total - fee) / UInt64(outputs)
                var transaction = Bench.transaction(
                    inputs.map(\.0), paying: [UInt64](repeating: each, count: outputs), version: random.below(4) == 0 ? 3 : 2,
                    padding: random.below(3) * 300)
                if random.below(4) == 0 { transaction.lockTime = bench.ledger.height.uint32 }
                if random.below(6) == 0 {
                    // The youngest coinbase that may be spent.
                    let height = bench.ledger.height - 99
                    let coinbase = bench.ledger.block(bench.ledger.blockHash(height: height)!)!.transactions[0]
                    transaction.inputs.append(
                        TransactionInput(OutPoint(coinbase.id, 0), sequence: 0xffff_fffd, witness: [Bench.anyone.bytes]))
                    transaction.outputs[0].amount += Satoshi(1_000_000)
                }
                let before = bench.ledger.mempool.entries.count
                do throws(TransactionRefusal) {
                    try bench.accept(transaction)
                    for index in 0..<outputs { known.append((OutPoint(transaction.id, UInt32(index)), each)) }
                } catch {
                    if error.reason != "mempool full" { #expect(bench.ledger.mempool.entries.count == before) }
                }
            }
            let problems = bench.problems()
            guard problems.isEmpty else {
                Issue.record("seed \(seed), step \(step): \(problems.joined(separator: "; "))")
                return
            }
        }
        try bench.mine(3)
        #expect(bench.ledger.mempool.entries.isEmpty, "seed \(seed)")
        LedgerTests.journal("mempool-\(seed)", bench.ledger)
    }
}

/// A few numbers from a seed.
struct SmallRandom {
    var state: UInt64

    mutating func below(_ bound: Int) -> Int {
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(bound))
    }
}
