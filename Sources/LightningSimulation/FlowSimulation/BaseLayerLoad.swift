import BitcoinLedger
public import BitcoinPrimitives
import CryptoPrimitives

/// People who pay each other on layer 1 and compete for room in its blocks, from a seed.
public struct BaseLayerLoad: Sendable {
    /// How their coins are locked.
    public enum Form: String, Sendable, CaseIterable {
        /// 141 virtual bytes for a payment with change.
        case segwit
        /// Bitcoin's first form: 226 virtual bytes for the same.
        case legacy
    }

    private struct Money: Sendable {
        var outPoint: OutPoint
        var amount: Satoshi
    }

    public let form: Form
    /// Where their coins are, and where a miner pays to supply them with more.
    public let script: Script
    private let keySeed: Bytes32
    private var coins: [Money] = []
    private var next = 0
    private var random: SeededRandom

    public init(seed: UInt64, form: Form = .segwit) {
        self.form = form
        keySeed = Hash.sha256(Array("base layer load \(seed)".utf8))
        random = SeededRandom(seed: seed)
        let key = SecretKey(keySeed)!.publicKey()
        script = form == .segwit ? .p2wpkh(key) : .p2pkh(hash: Hash.hash160(key.compressed))
    }

    /// How many payments could be made at once.
    public var available: Int { coins.count - next }

    /// Takes over the coins that a block's coinbase pays, once it may be spent.
    public mutating func matured(_ block: Block) {
        let coinbase = block.transactions[0]
        add(coinbase, id: coinbase.id)
    }

    /// Takes over what a transaction pays to them.
    public mutating func add(_ transaction: Transaction, id: TransactionID) {
        for (position, output) in transaction.outputs.enumerated()
        where output.script == script && output.amount > Satoshi(20_000) {
            coins.append(Money(outPoint: OutPoint(id, UInt32(position)), amount: output.amount))
        }
    }

    /// Divides one coin into many, so that many can pay at once.
    public mutating func fanOut(into count: Int, rate: UInt64) -> Transaction? {
        let script = script
        return pay(rate: rate) { amount, _ in
            [TransactionOutput](repeating: TransactionOutput(Satoshi(amount.value / UInt64(count)), script), count: count)
        }
    }

    /// A payment with change.
    ///
    /// - Parameter rate: the fee for each 1000 virtual bytes.
    public mutating func payment(rate: UInt64) -> Transaction? {
        let script = script
        return pay(rate: rate) { amount, random in
            let part = amount.value / 4 + random.next(upperBound: amount.value / 4)
            return [TransactionOutput(Satoshi(part), script), TransactionOutput(Satoshi(amount.value - part), script)]
        }
    }

    private mutating func pay(
        rate: UInt64, _ divide: (Satoshi, inout SeededRandom) -> [TransactionOutput]
    ) -> Transaction? {
        guard next < coins.count else { return nil }
        let coin = coins[next]
        next += 1
        if next > 10_000 {
            coins.removeFirst(next)
            next = 0
        }
        var transaction = Transaction(
            inputs: [TransactionInput(coin.outPoint, sequence: 0xffff_fffd)], outputs: divide(coin.amount, &random))
        // The size with a signature of the usual length.
        let size = transaction.strippedSize + (form == .segwit ? 27 : 107)
        let fee = Satoshi((rate * UInt64(size) + 999) / 1000)
        guard let rest = transaction.outputs[transaction.outputs.count - 1].amount.subtracting(fee), rest > Satoshi(1000) else {
            return nil
        }
        transaction.outputs[transaction.outputs.count - 1].amount = rest
        sign(&transaction, amount: coin.amount)
        return transaction
    }

    private func sign(_ transaction: inout Transaction, amount: Satoshi) {
        let key = SecretKey(keySeed)!
        let publicKey = key.publicKey().compressed
        let code = Script.p2pkh(hash: Hash.hash160(publicKey))
        var hasher = SignatureHasher(transaction)
        if form == .segwit {
            let hash = hasher.witnessV0(input: 0, scriptCode: code, amount: amount)
            transaction.inputs[0].witness = [key.sign(hash).der + [1], publicKey]
        } else {
            let hash = hasher.legacy(input: 0, scriptCode: code, type: .all)
            transaction.inputs[0].signatureScript = Script([.push(key.sign(hash).der + [1]), .push(publicKey)])
        }
    }
}
