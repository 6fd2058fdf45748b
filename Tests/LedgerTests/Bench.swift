import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives

/// A chain with coins that anyone may spend: the tests of a mempool are about fees and families, not about signatures.
struct Bench {
    var ledger: Ledger
    var now: UInt32 = 1_700_100_000
    /// Coins not yet used, oldest first.
    private var coins: [OutPoint] = []
    static let coinValue: UInt64 = 10_000_000

    /// The witness script OP_TRUE.
    static let anyone = Script([0x51])
    static let open = Script.p2wsh(anyone)

    init(policy: Policy = Policy(), coins count: Int = 60) throws {
        ledger = Ledger(policy: policy)
        for number in 0..<102 { _ = try ledger.mine(paying: Self.open, now: 1_700_000_000 + UInt32(number)) }
        let coinbase = ledger.block(ledger.blockHash(height: 1)!)!.transactions[0]
        let split = Self.transaction(
            [OutPoint(coinbase.id, 0)], paying: [UInt64](repeating: Self.coinValue, count: count))
        _ = try ledger.mine(paying: Self.open, now: now, including: [split])
        coins = (0..<count).map { OutPoint(split.id, UInt32($0)) }
        now += 1000
    }

    /// A coin of `coinValue` that nobody has used yet.
    mutating func coin() -> OutPoint { coins.removeFirst() }

    /// A transaction from open coins to open coins.
    static func transaction(
        _ inputs: [OutPoint], paying amounts: [UInt64], version: UInt32 = 2, padding: Int = 0, extra: [TransactionOutput] = []
    ) -> Transaction {
        var outputs = amounts.map { TransactionOutput(Satoshi($0), open) } + extra
        if padding > 0 {
            outputs.append(TransactionOutput(.zero, Script([.op(.return), .push([UInt8](repeating: 7, count: padding))])))
        }
        return Transaction(
            version: version,
            inputs: inputs.map { TransactionInput($0, sequence: 0xffff_fffd, witness: [anyone.bytes]) }, outputs: outputs)
    }

    /// Spends one coin of `coinValue`, or another of known value, for a fee.
    static func spend(
        _ outPoint: OutPoint, value: UInt64 = coinValue, fee: UInt64, version: UInt32 = 2, padding: Int = 0
    ) -> Transaction {
        transaction([outPoint], paying: [value - fee], version: version, padding: padding)
    }

    /// What the mempool says to a transaction: nothing, or the reason of its refusal.
    func refusal(_ transaction: Transaction) -> String? {
        do throws(TransactionRefusal) {
            _ = try ledger.judge(transaction, now: now)
            return nil
        } catch { return error.reason }
    }

    @discardableResult
    mutating func accept(_ transaction: Transaction) throws(TransactionRefusal) -> [Ledger.Event] {
        try ledger.accept(transaction, now: now)
    }

    func has(_ transaction: Transaction) -> Bool { ledger.mempool.entries[transaction.id] != nil }

    @discardableResult
    mutating func mine(_ count: Int = 1) throws -> [Block] {
        var blocks: [Block] = []
        for _ in 0..<count {
            now += 600
            blocks.append(try ledger.mine(paying: Self.open, now: now).block)
        }
        return blocks
    }

    /// What the mempool keeps up to date must be what follows from its entries.
    func problems() -> [String] {
        let pool = ledger.mempool
        var found: [String] = []
        var fees = Satoshi.zero
        var size = 0
        for entry in pool.entries.values {
            fees += entry.fee
            size += entry.size
            for (name, ids, family) in [
                ("ancestors", pool.ancestors(of: [entry.id]), entry.ancestors),
                ("descendants", pool.descendants(of: [entry.id]), entry.descendants),
            ] {
                let members = ids.map { pool.entries[$0]! }
                let sum = members.reduce(0) { $0 + $1.modifiedFee.value }
                let bytes = members.reduce(0) { $0 + $1.size }
                if family.count != members.count || family.fees.value != sum || family.size != bytes {
                    found.append("\(name) of \(entry.id): \(family), \(members.count) \(sum) \(bytes)")
                }
            }
            for input in entry.transaction.inputs {
                let parent = input.previousOutput.transaction
                if pool.spender(of: input.previousOutput) != entry.id { found.append("spender of \(input.previousOutput)") }
                if (pool.entries[parent] != nil) != entry.parents.contains(parent) { found.append("parents of \(entry.id)") }
                if pool.entries[parent] == nil, ledger.coin(input.previousOutput) == nil {
                    found.append("\(entry.id) spends nothing")
                }
                if let other = pool.entries[parent], !other.children.contains(entry.id) { found.append("children of \(parent)") }
            }
        }
        if fees != pool.totalFees || size != pool.size { found.append("totals") }
        return found
    }
}
