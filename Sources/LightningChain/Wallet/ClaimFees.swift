package import BitcoinPrimitives
import CryptoPrimitives

// Fees for transactions that cannot pay any out of what they claim.
extension OnChainWallet {
    /// Adds coins to a transaction until it pays its fee, and change after its outputs; the coins are reserved until `commit`.
    ///
    /// A pending transaction of ours that spends one of the same outputs is replaced: its coins are free for this. Unconfirmed coins are
    /// taken only where nothing is replaced, for BIP 125 does not let a replacement have new ones; never by what pays for a parent, and never from what
    /// may itself be replaced.
    ///
    /// - Parameters:
    ///   - transaction: with witnesses of their size, of which nothing is changed.
    ///   - least: the least fee, whatever the rate.
    ///   - coinRate: what each coin beyond the first adds to that, where it is not more than it is worth.
    ///   - surplus: what its inputs bring beside its outputs: it goes to the change.
    ///   - most: the most that it is worth: never is more paid.
    /// - Returns: the transaction with the wallet's inputs signed, and its fee; `nil` where no coins cover it, and nothing has changed.
    package mutating func addFee(
        to transaction: Transaction, feeRate: FeeRate, least: Satoshi, coinRate: FeeRate? = nil, most: Satoshi, surplus: Satoshi = .zero,
        height: BlockHeight
    ) -> (transaction: Transaction, fee: Satoshi)? {
        var wallet = self
        let replaced = Set(transaction.inputs.compactMap { spenders[$0.previousOutput] })
        for id in replaced.sorted() { wallet.dropPending(id) }
        // Change of ours alone, as a last choice.
        let mayBeUnconfirmed = replaced.isEmpty && surplus == .zero
        let rate = max(feeRate, .floor)
        let available = wallet.coins.values.filter { coin in
            coin.spentBy == nil && !wallet.reserved.contains(coin.outPoint) && wallet.isMature(coin, height: height)
                && (coin.height != nil || mayBeUnconfirmed && wallet.isOurs(coin.outPoint.transaction))
        }.sorted {
            ($0.height == nil ? 1 : 0, $1.output.amount, $0.outPoint) < ($1.height == nil ? 1 : 0, $0.output.amount, $1.outPoint)
        }
        let change = wallet.changeScript
        let base = transaction.weight + Self.changeWeight(change)
        // What replaces pays for its own bandwidth: for each input more than the one that was counted.
        func leastFee(_ inputs: Int) -> Satoshi {
            replaced.isEmpty ? least : least.saturatingAdding(FeeRate.floor.feeRoundedUp(weight: (inputs - 1) * Self.inputWeight))
        }
        func fee(_ inputs: Int) -> Satoshi {
            let further = coinRate?.feeRoundedUp(weight: (inputs - 1) * Self.inputWeight) ?? .zero
            return max(rate.feeRoundedUp(weight: base + inputs * Self.inputWeight), leastFee(inputs), least.saturatingAdding(further))
        }
        /// What some coins have to pay; `nil` where it is more than it is worth.
        func fee(within inputs: Int) -> Satoshi? {
            let usual = fee(inputs)
            let floor = max(FeeRate.floor.feeRoundedUp(weight: base + inputs * Self.inputWeight), leastFee(inputs))
            return min(usual, most) >= floor ? min(usual, most) : nil
        }
        var chosen: [WalletCoin] = []
        // The smallest coin that is enough by itself, so that the larger ones are there for others.
        if let one = fee(within: 1),
            let coin = available.last(where: { $0.height != nil && $0.output.amount >= one.saturatingAdding(Self.leastChange) })
        {
            chosen = [coin]
        } else {
            for coin in available {
                chosen.append(coin)
                guard let fee = fee(within: chosen.count) else { return nil }
                if Self.sum(chosen) >= fee.saturatingAdding(Self.leastChange) { break }
            }
        }
        guard !chosen.isEmpty, let fee = fee(within: chosen.count), let left = Self.sum(chosen).saturatingAdding(surplus).subtracting(fee),
            left >= Self.leastChange
        else { return nil }
        var result = transaction
        let first = result.inputs.count
        result.inputs += chosen.map { TransactionInput($0.outPoint, sequence: 0xffff_fffd) }
        result.outputs.append(TransactionOutput(left, change))
        wallet.take(change)
        var hasher = SignatureHasher(result)
        for (index, coin) in chosen.enumerated() {
            result.inputs[first + index].witness = wallet.keys.sign(
                &hasher, input: first + index, amount: coin.output.amount, path: coin.path)
            wallet.reserved.insert(coin.outPoint)
        }
        self = wallet
        return (result, fee)
    }

    /// Less than that is not worth an output.
    private static let leastChange = Satoshi(330)

    /// What one coin and change add to a transaction.
    package static var coinAndChangeWeight: Int { inputWeight + (9 + 22) * 4 }

    /// A transaction of ours that can never be mined, because what it spends will never be: its coins are free again.
    package mutating func abandon(_ id: TransactionID) { dropPending(id) }

    private static func changeWeight(_ script: Script) -> Int { (9 + script.bytes.count) * 4 }
}
