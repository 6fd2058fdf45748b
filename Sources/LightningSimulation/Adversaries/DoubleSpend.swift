import BitcoinLedger
public import BitcoinPrimitives
import LightningChain
import LightningCore

extension SimulatedWorld {
    /// What a node's words could do on another machine: a transaction that spends one of the coins of another one to nowhere in
    /// particular.
    ///
    /// - Parameter transaction: a transaction of that node that no block holds yet.
    public func rival(of transaction: Transaction, by index: Int) throws(InvariantViolation) -> Transaction {
        var wallet = OnChainWallet(keys: nodes[index].keys.wallet, lookAhead: 100)
        for height in 1...ledger.height {
            guard let hash = ledger.blockHash(height: height), let block = ledger.block(hash) else { continue }
            wallet.connect(block.transactions.map { ($0, $0.id) }, height: height)
        }
        let elsewhere = Script([0, 20] + [UInt8](repeating: 0x77, count: 20))
        let spent = Set(transaction.inputs.map(\.previousOutput))
        do throws(WalletRefusal) {
            let all = try wallet.fund(paying: elsewhere, amount: nil, feeRate: FeeRate(perKiloweight: 5000), height: ledger.height)
            guard all.inputs.contains(where: { spent.contains($0.previousOutput) }) else { throw WalletRefusal.belowDust(.zero) }
            return all
        } catch { throw violation("nothing can be double-spent: \(error)") }
    }
}
