import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import LightningSimulation

/// Builds transactions that a mempool takes or refuses, and tells what this one says.
struct PolicyGenerator {
    private var ledger = Ledger()
    private var random: SeededRandom
    private var forms: [OutPoint: SpendForm] = [:]
    private var known: [OutPoint] = []
    private var now: UInt32 = 1_600_000_000

    init(seed: UInt64) { random = SeededRandom(seed: seed) }

    private mutating func number(_ range: Range<Int>) -> Int { Int.random(in: range, using: &random) }
    private mutating func pick<T>(_ values: [T]) -> T { values[number(0..<values.count)] }

    private mutating func form() -> SpendForm {
        let kinds: [SpendForm.Kind] = [
            .witnessKeyHash, .witnessKeyHash, .witnessKeyHash, .taprootKey(tree: false), .publicKeyHash(compressed: true),
            .publicKey(compressed: true), .scriptHash(.witnessKeyHash), .multiSignature(required: 1, of: 2),
            .scriptHash(.multiSignature(required: 2, of: 3)), .witnessMultiSignature(required: 2, of: 3), .anyone(.anchor),
        ]
        return SpendForm(kind: pick(kinds), seed: random.next() % 40, isStandard: true)
    }

    private mutating func mine(_ transactions: [Transaction]? = nil) -> String {
        now += UInt32(number(1..<600))
        let payee = form()
        let block = Ledger.solve(ledger.template(paying: payee.script, now: now, including: transactions))
        precondition(ledger.submit(block, now: 2_000_000_000).refusal == nil)
        note(OutPoint(block.transactions[0].id, 0), payee)
        return "block \(Hex.encode(block.serialized()))"
    }

    private mutating func note(_ outPoint: OutPoint, _ form: SpendForm) {
        forms[outPoint] = form
        known.append(outPoint)
    }

    mutating func prepare() -> [String] { (0..<140).map { _ in mine([]) } }

    mutating func next() -> [String] {
        switch number(0..<100) {
        case 0..<4: return [mine()]
        case 4..<20: return package()
        default:
            guard let transaction = build() else { return [mine([])] }
            do throws(TransactionRefusal) {
                _ = try ledger.accept(transaction, now: now)
                return ["tx OK \(Hex.encode(transaction.serialized()))"]
            } catch {
                return ["tx \(error.description.replacing(" ", with: "_")) \(Hex.encode(transaction.serialized()))"]
            }
        }
    }

    private func value(_ outPoint: OutPoint) -> TransactionOutput? {
        if let coin = ledger.coin(outPoint) {
            return coin.isCoinbase && ledger.height + 1 - coin.height < 100 ? nil : coin.output
        }
        guard let outputs = ledger.mempool.entries[outPoint.transaction]?.transaction.outputs else { return nil }
        return outputs[Int(outPoint.index)]
    }

    /// - Parameter parent: a transaction that is not in the mempool yet, the first output of which is spent.
    private mutating func build(
        spending parent: Transaction? = nil, version: UInt32? = nil, rate: Int? = nil, noise: Bool = true,
        withDust: Bool = false
    ) -> Transaction? {
        var inputs: [(OutPoint, TransactionOutput, SpendForm)] = []
        if let parent {
            let id = parent.id
            for position in parent.outputs.indices where position == 0 || number(0..<5) > 0 {
                let outPoint = OutPoint(id, UInt32(position))
                guard let form = forms[outPoint] else { continue }
                inputs.append((outPoint, parent.outputs[position], form))
            }
        }
        for _ in 0..<(parent == nil ? number(1..<3) : number(0..<2)) {
            for _ in 0..<50 {
                // Late ones are more often outputs of the mempool: chains and conflicts come by themselves.
                let outPoint = known[number(max(0, known.count - pick([30, 300]))..<known.count)]
                guard !inputs.contains(where: { $0.0 == outPoint }), let output = value(outPoint),
                    output.amount > Satoshi(20_000), let form = forms[outPoint]
                else { continue }
                inputs.append((outPoint, output, form))
                break
            }
        }
        guard !inputs.isEmpty else { return nil }
        var transaction = Transaction(version: version ?? pick([2, 2, 2, 2, 1, 3, 3, 4]))
        for (outPoint, _, _) in inputs {
            transaction.inputs.append(TransactionInput(outPoint, sequence: pick([0xffff_ffff, 0xffff_fffd, 0xffff_fffe])))
        }
        if noise, number(0..<40) == 0 { transaction.inputs[0].sequence = UInt32(number(0..<4)) }
        if noise, number(0..<40) == 0 { transaction.lockTime = (ledger.height + number(0..<3)).uint32 }
        let total = inputs.reduce(UInt64(0)) { $0 + $1.1.amount.value }
        var drawn: [SpendForm] = []
        for _ in 0..<number(1..<4) {
            let form = form()
            drawn.append(form)
            transaction.outputs.append(TransactionOutput(Satoshi(total / 4), form.script))
        }
        if withDust {
            let form = SpendForm(kind: .anyone(.anchor), seed: 0)
            drawn.append(form)
            transaction.outputs.append(TransactionOutput(Satoshi(UInt64(pick([0, 100]))), form.script))
        }
        if noise {
            switch number(0..<30) {
            case 0: transaction.outputs[0].amount = Satoshi(UInt64(number(200..<600)))
            case 1, 2: transaction.outputs.append(TransactionOutput(.zero, Script([0x6a, 4, 1, 2, 3, 4])))
            case 3: transaction.outputs.append(TransactionOutput(Satoshi(1000), Script([0x61])))
            case 4: transaction.outputs.append(TransactionOutput(Satoshi(1000), Script([0x6a, 0x61, 0xff])))
            case 5:
                let size = pick([9_000, 99_990, 100_001])
                transaction.outputs.append(
                    TransactionOutput(.zero, Script(Script([.op(.return), .push([UInt8](repeating: 0, count: size))]).bytes)))
            case 6: transaction.outputs.append(TransactionOutput(Satoshi(1000), Script([0x52, 2, 1, 2])))
            default: break
            }
            while drawn.count < transaction.outputs.count { drawn.append(SpendForm(kind: .anyone(Script()), seed: 0)) }
        }
        let spent = inputs.map(\.1)
        func sign() {
            for (position, (_, _, form)) in inputs.enumerated() {
                transaction.inputs[position].witness = []
                transaction.inputs[position].signatureScript = Script()
                form.unlock(&transaction, input: position, spent: spent, random: &random)
            }
        }
        sign()
        // The rate in satoshi for each 1000 virtual bytes; what is left goes to the first output.
        let rate = rate ?? pick([0, 50, 99, 100, 101, 150, 200, 300, 1000, 1000, 2000, 5000, 20_000])
        let fee = UInt64(rate * transaction.virtualSize / 1000)
        let others = transaction.outputs.dropFirst().reduce(UInt64(0)) { $0 + $1.amount.value }
        if total > others + fee + 1000, number(0..<30) > 0 { transaction.outputs[0].amount = Satoshi(total - others - fee) }
        sign()
        if noise, number(0..<25) == 0 { _ = TransactionMutation.apply(&transaction, &random) }
        let id = transaction.id
        for (position, form) in drawn.enumerated() where position < transaction.outputs.count {
            note(OutPoint(id, UInt32(position)), form)
        }
        return transaction
    }

    /// A parent that pays little with a child that pays for both.
    private mutating func package() -> [String] {
        let version: UInt32 = pick([2, 3, 3])
        let dust = number(0..<4) == 0
        guard
            let parent = build(
                version: version, rate: version == 3 ? pick([0, 0, 0, 50, 300]) : pick([100, 300]), noise: false, withDust: dust),
            let child = build(
                spending: parent, version: number(0..<8) == 0 ? 2 : version, rate: pick([0, 100, 500, 3000, 9000]), noise: false)
        else { return [] }
        let list = number(0..<30) == 0 ? [child, parent] : [parent, child]
        let verdict = ledger.acceptPackage(list, now: now)
        let word = (verdict.refusal?.reason ?? "success").replacing(" ", with: "_")
        let hex = list.map { Hex.encode($0.serialized()) }.joined(separator: " ")
        let each = verdict.results.map { result -> String in
            switch result {
            case .accepted: "accepted"
            case .alreadyKnown: "known"
            case .refused(let refusal): refusal.reason.replacing(" ", with: "_")
            }
        }
        return ["package \(word)|\(each.joined(separator: ",")) \(hex)"]
    }
}
