import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import LightningSimulation

/// Builds blocks on a ledger of its own, spoils some, and tells what the ledger says.
struct BlockGenerator {
    private var ledger = Ledger()
    private var random: SeededRandom
    /// How every output ever made can be unlocked.
    private var forms: [OutPoint: SpendForm] = [:]
    private var known: [OutPoint] = []
    private var now: UInt32 = 1_600_000_000
    /// Spent by the block in the making.
    private var taken: Set<OutPoint> = []

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    private mutating func number(_ range: Range<Int>) -> Int { Int.random(in: range, using: &random) }
    private mutating func chance(_ percent: Int) -> Bool { number(0..<100) < percent }

    /// The first blocks, so that there are coins.
    mutating func prepare() -> [String] {
        var lines: [String] = []
        for _ in 0..<120 { lines += submit(Ledger.solve(coinbaseBlock()), "start") }
        return lines
    }

    private mutating func coinbaseBlock(at parent: BlockHash? = nil) -> Block {
        now += UInt32(number(1..<900))
        let form = SpendForm.draw(&random, height: ledger.height)
        return remember(ledger.template(paying: form.script, now: now, including: []), form)
    }

    private mutating func remember(_ block: Block, _ form: SpendForm) -> Block {
        note(OutPoint(block.transactions[0].id, 0), form)
        return block
    }

    private mutating func note(_ outPoint: OutPoint, _ form: SpendForm) {
        forms[outPoint] = form
        known.append(outPoint)
    }

    /// One case: a good block, a spoiled one, or a side branch.
    mutating func next() -> [String] {
        if chance(4) { return sideBranch() }
        now += UInt32(number(1..<900))
        let payee = SpendForm.draw(&random, height: ledger.height)
        taken = []
        var made: [(Transaction, [SpendForm])] = []
        var outputs: [OutPoint: TransactionOutput] = [:]
        var label = "good"
        let isSpoiled = chance(65)
        let level = isSpoiled ? number(0..<3) : -1
        for _ in 0..<number(0..<5) {
            guard let pair = build(&outputs) else { break }
            made.append(pair)
        }
        var transactions = made.map(\.0)
        if level == 0, !transactions.isEmpty {
            let victim = number(0..<transactions.count)
            label = TransactionMutation.apply(&transactions[victim], &random)
        }
        var block = ledger.template(paying: payee.script, now: now, including: transactions)
        if level == 1 || (level == 0 && transactions.isEmpty) { label = BlockMutation.apply(&block, &random, height: ledger.height) }
        if level == 2 { label = BlockMutation.spoilHeader(&block, &random) }
        let solved = BlockMutation.leavesUnsolved(label) ? block : Ledger.solve(block)
        let id = solved.transactions.first?.id
        if let id { note(OutPoint(id, 0), payee) }
        for (transaction, forms) in zip(transactions, made.map(\.1)) {
            let id = transaction.id
            for (position, form) in forms.enumerated() where position < transaction.outputs.count {
                note(OutPoint(id, UInt32(position)), form)
            }
        }
        var lines = submit(solved, label)
        if isSpoiled, chance(5) { lines += submit(solved, "again") }
        return lines
    }

    /// A transaction that spends known coins, signed.
    private mutating func build(
        _ made: inout [OutPoint: TransactionOutput]
    ) -> (Transaction, [SpendForm])? {
        var inputs: [(OutPoint, TransactionOutput, SpendForm)] = []
        for _ in 0..<number(1..<4) {
            for _ in 0..<30 {
                guard !known.isEmpty else { return nil }
                // Sometimes an output of this very block, mostly a coin that may be spent.
                let outPoint = known[number(max(0, known.count - 1200)..<known.count)]
                guard !inputs.contains(where: { $0.0 == outPoint }), let form = forms[outPoint] else { continue }
                if let coin = ledger.coin(outPoint) {
                    if coin.isCoinbase, ledger.height + 1 - coin.height < 100, number(0..<1000) > 0 { continue }
                    if taken.contains(outPoint), number(0..<500) > 0 { continue }
                    inputs.append((outPoint, coin.output, form))
                    break
                } else if let output = made[outPoint], !taken.contains(outPoint), chance(50) {
                    inputs.append((outPoint, output, form))
                    break
                } else if number(0..<1500) == 0 {
                    // Spent or never there.
                    inputs.append((outPoint, TransactionOutput(Satoshi(1000), form.script), form))
                    break
                }
            }
        }
        guard !inputs.isEmpty else { return nil }
        let versions: [UInt32] = [1, 2, 2, 2, 2, 3, 0, 0x7fff_ffff, 0xffff_ffff]
        var transaction = Transaction(version: versions[number(0..<versions.count)])
        for (outPoint, _, form) in inputs {
            let sequence = chance(5) ? UInt32(number(0..<5)) | (chance(50) ? 1 << 22 : 0) : form.demands.sequence
            transaction.inputs.append(TransactionInput(outPoint, sequence: sequence))
            transaction.lockTime = max(transaction.lockTime, form.demands.lockTime)
        }
        if chance(3) { transaction.lockTime = chance(50) ? (ledger.height + number(0..<4)).uint32 : now }
        var left = inputs.reduce(UInt64(0)) { $0 + $1.1.amount.value }
        var drawn: [SpendForm] = []
        for _ in 0..<number(1..<5) {
            let form = SpendForm.draw(&random, height: ledger.height)
            let amount = left / UInt64(number(2..<6))
            left -= amount
            drawn.append(form)
            transaction.outputs.append(TransactionOutput(Satoshi(amount), form.script))
        }
        let spent = inputs.map(\.1)
        taken.formUnion(inputs.map(\.0))
        for (position, (_, _, form)) in inputs.enumerated() {
            form.unlock(&transaction, input: position, spent: spent, random: &random)
        }
        let id = transaction.id
        for (position, output) in transaction.outputs.enumerated() {
            let outPoint = OutPoint(id, UInt32(position))
            made[outPoint] = output
            note(outPoint, drawn[position])
        }
        return (transaction, drawn)
    }

    /// A branch from below the tip that may become the longer one, with payments; one of its blocks may be bad.
    private mutating func sideBranch() -> [String] {
        let depth = number(1..<5)
        let main = ledger
        // Where the chain would be without its last blocks: there the branch is built.
        guard let first = ledger.blockHash(height: ledger.height - depth + 1),
            (try? ledger.invalidate(first, now: 2_000_000_000)) != nil
        else { return [] }
        let length = max(1, main.height - ledger.height + number(-1..<3))
        let bad = chance(40) ? number(0..<length) : -1
        var blocks: [(Block, String)] = []
        for position in 0..<length {
            now += UInt32(number(1..<900))
            let form = SpendForm.draw(&random, height: ledger.height)
            taken = []
            var outputs: [OutPoint: TransactionOutput] = [:]
            var made: [(Transaction, [SpendForm])] = []
            for _ in 0..<number(0..<4) {
                guard let pair = build(&outputs) else { break }
                // Mostly what the mempool would take too, so that branches live to become the longest.
                if chance(95), (try? ledger.judge(pair.0, now: now)) == nil { continue }
                made.append(pair)
            }
            var block = ledger.template(paying: form.script, now: now, including: made.map(\.0))
            block.transactions[0].inputs[0].signatureScript.append(.push([UInt8(truncatingIfNeeded: random.next()), UInt8(position)]))
            if position == bad { block.transactions[0].outputs[0].amount += Satoshi(1) }
            block.header.merkleRoot = MerkleTree.root(block.transactions.map(\.id.bytes)).root
            block = remember(Ledger.solve(block), form)
            let isGood = position != bad && ledger.submit(block, now: 2_000_000_000).refusal == nil
            blocks.append((block, isGood ? "branch" : "bad branch"))
            // What is built on a bad block is refused with it.
            if !isGood { break }
        }
        ledger = main
        return blocks.flatMap { submit($0, $1) }
    }

    private mutating func submit(_ block: Block, _ label: String) -> [String] {
        let former = ledger.tip
        let result = ledger.submit(block, now: 2_000_000_000)
        let verdict: String
        if let refusal = result.refusal {
            verdict = refusal == .duplicate ? "DUP" : "REJECT \(refusal)"
        } else if ledger.tip == block.hash {
            verdict = block.header.previous == former ? "ACCEPT" : "REORG"
        } else {
            verdict = "SIDE"
        }
        return ["\(verdict)\t\(Hex.encode(block.serialized()))\t\(label)", "tip \(ledger.height) \(ledger.tip)"]
    }
}
