public import BitcoinPrimitives
import CryptoPrimitives
import LightningRecords

/// One output on the chain that belongs to the wallet.
package struct WalletCoin: Hashable, Sendable {
    package var outPoint: OutPoint
    package var output: TransactionOutput
    package var path: KeyPath
    /// The block that confirmed it; `nil` while unconfirmed.
    package var height: BlockHeight?
    package var isCoinbase: Bool
    /// The transaction that spends it: our own, or one seen in a block.
    package var spentBy: TransactionID?
    /// The block in which it was spent.
    package var spentHeight: BlockHeight?
}

/// Why the wallet does not send; nothing has changed.
public enum WalletRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// The coins do not cover amount and fee.
    case insufficientFunds(available: Satoshi, needed: Satoshi)
    /// An output of so little is not relayed; this is the least.
    case belowDust(Satoshi)
    /// It would pay far more than layer 1 takes now: most likely a slip.
    case feeRateTooHigh(FeeRate, most: FeeRate)
    /// It would leave less on chain than closes of channels may need.
    case belowReserve(Satoshi, available: Satoshi)

    public var description: String {
        switch self {
        case .insufficientFunds(let available, let needed):
            "not enough on chain: \(available) spendable, \(needed) needed with fees"
        case .belowReserve(let reserve, let available):
            "that would leave less than \(reserve) of \(available) on chain, which are kept for the claims of channels that close without "
                + "their peer. Take less, or say that it may be used (--use-reserve)"
        case .feeRateTooHigh(let rate, let most):
            "\(rate.perVirtualByte) is far more than the next block takes now: up to \(most.perVirtualByte) are not asked about. If you mean it: --allow-high-fee"
        case .belowDust(let limit): "the amount is below the dust limit of \(limit)"
        }
    }
}

/// The node's own coins as a value: it follows blocks, selects, signs, and publishes until confirmed.
package struct OnChainWallet: Sendable {
    let keys: WalletKeys
    package internal(set) var coins: [OutPoint: WalletCoin] = [:]
    /// Our transactions that no block has confirmed yet; published again at every block.
    package internal(set) var pending: [TransactionID: Transaction] = [:]
    /// Our transactions of the last blocks, with the block's height: should it leave the chain, they are pending again.
    var confirmed: [TransactionID: (transaction: Transaction, height: BlockHeight)] = [:]
    /// What the inputs of pending transactions spend.
    var spenders: [OutPoint: TransactionID] = [:]
    /// Promised to a funding transaction whose peer has not signed yet. Not stored: a restart frees them.
    var reserved: Set<OutPoint> = []
    /// For each chain of keys, the next index to give out.
    var next: [UInt32] = [0, 0]
    /// For each chain of keys, the index after the last that a transaction has paid to.
    var used: [UInt32] = [0, 0]
    private var scripts: [Script: KeyPath] = [:]
    /// For each chain, the keys whose scripts are looked for.
    private var derived: [Range<UInt32>] = [0..<0, 0..<0]
    let lookAheadCount: UInt32

    /// Outputs of others' transactions in the mempool that pay the wallet. They are not its coins yet, and not kept.
    var seen: [OutPoint: (output: TransactionOutput, transaction: Transaction)] = [:]

    /// What a transaction of ours replaced that is not mined yet: should layer 1 not take it. Not stored: then the one that is mined counts.
    var replaced: [TransactionID: Transaction] = [:]

    var isHeadChanged = true
    var changedCoins: Set<OutPoint> = []
    var removedCoins: Set<OutPoint> = []
    var changedTransactions: Set<TransactionID> = []

    /// Keys looked for beyond the last one given out or used. Other wallets look as far: what is within finds its way back into
    /// any of them.
    package static let gapLimit: UInt32 = 20
    /// Addresses that are given out beyond the last one that was paid to. As far as this a wallet that is made of words looks, and
    /// so no money to an address of ours is out of its reach.
    package static let addressLimit: UInt32 = 1000
    /// Change keys under way at a time: then they are used again, so that the words alone find all of them.
    static let changeLimit: UInt32 = 10
    /// Change keys from before the last one given out whose scripts are looked for: nothing can arrive at older ones any more, and
    /// how long a start takes must not depend on how many there were.
    static let oldChangeCount: UInt32 = 1000
    /// Depth at which a spent coin is forgotten.
    static let forgetDepth = 100

    /// - Parameter lookAhead: keys looked for beyond the last one used: `addressLimit` for a wallet that was made of words and does
    ///   not know which addresses were given out.
    package init(keys: WalletKeys, lookAhead count: UInt32 = gapLimit) {
        self.keys = keys
        lookAheadCount = max(count, Self.gapLimit)
        lookAhead()
    }

    mutating func lookAhead() {
        for chain in 0..<2 {
            if derived[chain].isEmpty, chain == 1 {
                let start = next[chain] - min(next[chain], Self.oldChangeCount)
                derived[chain] = start..<start
            }
            let end = max(next[chain], used[chain]) + lookAheadCount
            for index in derived[chain].upperBound..<max(end, derived[chain].upperBound) {
                watch(KeyPath(chain: UInt32(chain), index: index))
            }
            derived[chain] = derived[chain].lowerBound..<max(end, derived[chain].upperBound)
        }
    }

    /// Takes what is paid to a key as the wallet's.
    package mutating func watch(_ path: KeyPath) { scripts[keys.script(path)] = path }

    // MARK: Addresses

    /// The script of a fresh address, and how many have been given out without a payment.
    ///
    /// Where that is `addressLimit`, the oldest of them comes again: one that the words alone could not find is never given out.
    package mutating func newScript() -> (script: Script, unused: UInt32) {
        if next[0] - min(next[0], used[0]) >= Self.addressLimit {
            return (keys.script(KeyPath(chain: 0, index: used[0])), Self.addressLimit)
        }
        let script = keys.script(KeyPath(chain: 0, index: next[0]))
        advance(0, past: next[0])
        return (script, next[0] - min(next[0], used[0]))
    }

    private var changePath: KeyPath {
        let isFull = next[1] - min(next[1], used[1]) >= Self.changeLimit
        return KeyPath(chain: 1, index: isFull ? next[1] - 1 : next[1])
    }

    /// Where change and money from channels goes next. It is taken by `take`.
    package var changeScript: Script { keys.script(changePath) }

    /// Change or money from a channel will go to this script: if it is `changeScript`, the next one is another.
    package mutating func take(_ script: Script) {
        let path = changePath
        if script == keys.script(path) { advance(1, past: path.index) }
    }

    private mutating func advance(_ chain: Int, past index: UInt32) {
        guard next[chain] <= index else { return }
        next[chain] = index + 1
        isHeadChanged = true
        lookAhead()
    }

    /// Scripts at which money may arrive or leave: of all addresses, of the change keys that may be paid to next, and of the coins.
    package var watchedScripts: Set<Script> {
        let oldest = next[1] - min(next[1], Self.changeLimit)
        return Set(scripts.filter { $0.value.chain != 1 || $0.value.index >= oldest }.keys).union(coins.values.map(\.output.script))
    }

    package func owns(_ script: Script) -> Bool { scripts[script] != nil }

    func path(of script: Script) -> KeyPath? { scripts[script] }

    /// Whether a script is one of our change keys'.
    func isChange(_ script: Script) -> Bool { scripts[script]?.chain == 1 }

    // MARK: Balance

    func isMature(_ coin: WalletCoin, height: BlockHeight) -> Bool {
        guard coin.isCoinbase else { return true }
        return coin.height.map { $0.depth(at: height) >= Transaction.coinbaseMaturity } ?? false
    }

    /// Whether a pending transaction spends our coins alone: what takes outputs of channels may be replaced, and its change with it.
    func isOurs(_ id: TransactionID) -> Bool { pending[id]?.inputs.allSatisfy { coins[$0.previousOutput] != nil } ?? false }

    /// Coins of this height that can be spent: confirmed ones and our own unconfirmed change.
    private func spendableCoins(height: BlockHeight) -> [WalletCoin] {
        coins.values.filter { coin in
            coin.spentBy == nil && !reserved.contains(coin.outPoint) && isMature(coin, height: height)
                && (coin.height != nil || isOurs(coin.outPoint.transaction))
        }.sorted {
            ($0.height == nil ? 1 : 0, $1.output.amount, $0.outPoint)
                < ($1.height == nil ? 1 : 0, $0.output.amount, $1.outPoint)
        }
    }

    package func balance(height: BlockHeight) -> (confirmed: Satoshi, unconfirmed: Satoshi, immature: Satoshi) {
        var result = (confirmed: Satoshi.zero, unconfirmed: Satoshi.zero, immature: Satoshi.zero)
        for coin in coins.values where coin.spentBy == nil {
            if coin.height == nil {
                result.unconfirmed = result.unconfirmed.saturatingAdding(coin.output.amount)
            } else if isMature(coin, height: height) {
                result.confirmed = result.confirmed.saturatingAdding(coin.output.amount)
            } else {
                result.immature = result.immature.saturatingAdding(coin.output.amount)
            }
        }
        return result
    }

    /// Takes note of all transactions of layer 1's mempool that pay the wallet. Nothing of it can be spent: whoever sent it can still take
    /// it back.
    package mutating func see(_ transactions: [Transaction]) {
        seen = [:]
        for transaction in transactions {
            let id = transaction.id
            for (index, output) in transaction.outputs.enumerated() where owns(output.script) && output.amount.isMoney {
                seen[OutPoint(id, UInt32(index))] = (output, transaction)
            }
        }
    }

    /// What others have sent and no block holds yet.
    package var incoming: Satoshi {
        seen.reduce(.zero) { coins[$1.key] == nil && spenders[$1.key] == nil ? $0.saturatingAdding($1.value.output.amount) : $0 }
    }

    /// All that can be spent, before fees.
    package func spendable(height: BlockHeight) -> Satoshi { Self.sum(spendableCoins(height: height)) }

    static func sum(_ coins: [WalletCoin]) -> Satoshi {
        coins.reduce(Satoshi.zero) { $0.saturatingAdding($1.output.amount) }
    }

    // MARK: Sending

    /// The most that one output can have, when everything that can be spent goes there.
    package func largest(paying script: Script, feeRate: FeeRate, height: BlockHeight) throws(WalletRefusal) -> Satoshi {
        let available = spendableCoins(height: height)
        let weight = Self.baseWeight([TransactionOutput(.zero, script)]) + available.count * Self.inputWeight
        let fee = max(feeRate, .floor).feeRoundedUp(weight: weight)
        let total = Self.sum(available)
        guard let rest = total.subtracting(fee), rest >= script.dustLimit, !available.isEmpty else {
            throw .insufficientFunds(available: total, needed: fee + script.dustLimit)
        }
        return rest
    }

    static let inputWeight = 41 * 4 + 109

    static func baseWeight(_ outputs: [TransactionOutput]) -> Int {
        outputs.reduce(42) { $0 + (9 + $1.script.bytes.count) * 4 }
    }

    /// Builds and signs a transaction with the given output first, change after it; its coins are reserved.
    ///
    /// - Parameter amount: `nil` sends everything, less the fee.
    package mutating func fund(
        paying script: Script, amount: Satoshi?, feeRate: FeeRate, height: BlockHeight
    ) throws(WalletRefusal) -> Transaction {
        let rate = max(feeRate, .floor)
        let available = spendableCoins(height: height)
        guard let amount else {
            let all = try largest(paying: script, feeRate: rate, height: height)
            return sign(available, [TransactionOutput(all, script)])
        }
        let total = Self.sum(available)
        guard amount >= script.dustLimit else { throw .belowDust(script.dustLimit) }
        let output = TransactionOutput(amount, script)
        let changeOutput = TransactionOutput(.zero, changeScript)
        var chosen: [WalletCoin] = []
        var sum = Satoshi.zero
        var needed = amount
        for coin in available {
            chosen.append(coin)
            sum = sum.saturatingAdding(coin.output.amount)
            let inputs = chosen.count * Self.inputWeight
            let fee = rate.feeRoundedUp(weight: Self.baseWeight([output]) + inputs)
            let feeWithChange = rate.feeRoundedUp(weight: Self.baseWeight([output, changeOutput]) + inputs)
            guard let plain = amount.adding(fee), let whole = amount.adding(feeWithChange) else { break }
            needed = plain
            if let change = sum.subtracting(whole), change >= max(Satoshi(330), rate.feeRoundedUp(weight: Self.inputWeight)) {
                take(changeOutput.script)
                return sign(chosen, [output, TransactionOutput(change, changeOutput.script)])
            }
            if sum >= plain { return sign(chosen, [output]) }
        }
        throw .insufficientFunds(available: total, needed: needed)
    }

    mutating func sign(_ chosen: [WalletCoin], _ outputs: [TransactionOutput]) -> Transaction {
        var transaction = Transaction(
            inputs: chosen.map { TransactionInput($0.outPoint, sequence: 0xffff_fffd) }, outputs: outputs)
        var hasher = SignatureHasher(transaction)
        for (index, coin) in chosen.enumerated() {
            transaction.inputs[index].witness = keys.sign(
                &hasher, input: index, amount: coin.output.amount, path: coin.path)
            reserved.insert(coin.outPoint)
        }
        return transaction
    }

    /// The transaction will be published: its coins are spent, its change is ours.
    package mutating func commit(_ transaction: Transaction) {
        let id = transaction.id
        addPending(transaction, id)
        apply(transaction, id: id, height: nil, isCoinbase: false)
    }

    private mutating func addPending(_ transaction: Transaction, _ id: TransactionID) {
        pending[id] = transaction
        for input in transaction.inputs { spenders[input.previousOutput] = id }
        changedTransactions.insert(id)
    }

    private mutating func removePending(_ id: TransactionID) {
        guard let transaction = pending.removeValue(forKey: id) else { return }
        replaced[id] = nil
        for input in transaction.inputs where spenders[input.previousOutput] == id { spenders[input.previousOutput] = nil }
        changedTransactions.insert(id)
    }

    /// Whether a transaction of ours that no block has confirmed yet spends an output.
    package func isSpentByPending(_ outPoint: OutPoint) -> Bool { spenders[outPoint] != nil }

    /// The transaction will not be published: its coins are free again.
    package mutating func release(_ transaction: Transaction) {
        for input in transaction.inputs { reserved.remove(input.previousOutput) }
    }

    // MARK: Following the chain

    /// Takes a transaction of a block, or one of our own that is unconfirmed.
    private mutating func apply(_ transaction: Transaction, id: TransactionID, height: BlockHeight?, isCoinbase: Bool) {
        for input in transaction.inputs {
            reserved.remove(input.previousOutput)
            guard coins[input.previousOutput] != nil else { continue }
            coins[input.previousOutput]!.spentBy = id
            coins[input.previousOutput]!.spentHeight = height
            changedCoins.insert(input.previousOutput)
        }
        for (index, output) in transaction.outputs.enumerated() {
            // More than there is cannot be: whoever tells of it is no layer 1.
            guard let path = scripts[output.script], output.amount.isMoney else { continue }
            let outPoint = OutPoint(id, UInt32(index))
            if var coin = coins[outPoint] {
                coin.height = height
                coins[outPoint] = coin
            } else {
                var coin = WalletCoin(
                    outPoint: outPoint, output: output, path: path, height: height, isCoinbase: isCoinbase)
                // It may be back after a reorganization, and promised to a transaction of ours already.
                coin.spentBy = spenders[outPoint]
                coins[outPoint] = coin
            }
            changedCoins.insert(outPoint)
            removedCoins.remove(outPoint)
            if used[Int(path.chain)] <= path.index {
                used[Int(path.chain)] = path.index + 1
                isHeadChanged = true
                lookAhead()
            }
            advance(Int(path.chain), past: path.index)
        }
    }

    /// A block joined the active chain.
    ///
    /// - Returns: what its transactions did to the wallet.
    @discardableResult
    package mutating func connect(
        _ transactions: [(transaction: Transaction, id: TransactionID)], height: BlockHeight
    ) -> [WalletTransaction] {
        var effects: [WalletTransaction] = []
        for (transaction, id) in transactions {
            if let effect = effect(of: transaction, id, height: height) { effects.append(effect) }
            let isOurs = pending[id] != nil || transaction.inputs.contains { coins[$0.previousOutput] != nil }
            apply(transaction, id: id, height: height, isCoinbase: transaction.isCoinbase)
            removePending(id)
            if isOurs {
                confirmed[id] = (transaction, height)
                changedTransactions.insert(id)
            }
        }
        // Not only the last that wanted an output: one that was replaced may be the one that was mined.
        if !pending.isEmpty {
            let spent = Set(transactions.flatMap { $0.transaction.inputs.map(\.previousOutput) })
            for id in pending.keys.sorted() where pending[id]?.inputs.contains(where: { spent.contains($0.previousOutput) }) == true {
                dropPending(id)
            }
        }
        for (outPoint, coin) in coins {
            guard let spent = coin.spentHeight, height - spent > Self.forgetDepth else { continue }
            coins[outPoint] = nil
            changedCoins.remove(outPoint)
            removedCoins.insert(outPoint)
        }
        for (id, entry) in confirmed where height - entry.height > Self.forgetDepth {
            confirmed[id] = nil
            changedTransactions.insert(id)
        }
        return effects
    }

    /// Gives up a transaction of ours that can never confirm, because a block spends one of its inputs otherwise, and all that
    /// spend what it would have paid.
    mutating func dropPending(_ first: TransactionID) {
        var lost = [first]
        while let id = lost.popLast() {
            guard let transaction = pending[id] else { continue }
            removePending(id)
            // The mempool is looked at later again: until then it is not what others have sent.
            for index in transaction.outputs.indices { seen[OutPoint(id, UInt32(index))] = nil }
            for input in transaction.inputs where coins[input.previousOutput]?.spentBy == id {
                coins[input.previousOutput]!.spentBy = nil
                changedCoins.insert(input.previousOutput)
            }
            for index in transaction.outputs.indices {
                let outPoint = OutPoint(id, UInt32(index))
                if let child = spenders[outPoint] { lost.append(child) }
                if coins.removeValue(forKey: outPoint) != nil {
                    changedCoins.remove(outPoint)
                    removedCoins.insert(outPoint)
                }
            }
        }
    }

    /// The block of this height left the active chain: what it confirmed is unconfirmed again. Its transactions need not be known: a
    /// layer 1 may never have heard of a block that lost.
    package mutating func disconnect(height: BlockHeight) {
        for (id, entry) in confirmed where entry.height == height {
            confirmed[id] = nil
            addPending(entry.transaction, id)
        }
        for (outPoint, coin) in coins {
            if coin.height == height {
                if pending[outPoint.transaction] != nil {
                    coins[outPoint]!.height = nil
                    changedCoins.insert(outPoint)
                } else {
                    // Somebody else's transaction may never come back: its coin is none until it is confirmed again.
                    coins[outPoint] = nil
                    changedCoins.remove(outPoint)
                    removedCoins.insert(outPoint)
                    continue
                }
            }
            guard coin.spentHeight == height else { continue }
            coins[outPoint]!.spentHeight = nil
            coins[outPoint]!.spentBy = spenders[outPoint]
            changedCoins.insert(outPoint)
        }
    }

    /// What is to be published again, in an order in which it can be accepted: parents first.
    package var rebroadcasts: [Transaction] {
        var result: [Transaction] = []
        var seen: Set<TransactionID> = []
        for first in pending.keys.sorted() {
            // Without recursion: chains of unconfirmed transactions may be long.
            var path = [first]
            while let id = path.last {
                guard let transaction = pending[id], !seen.contains(id) else {
                    path.removeLast()
                    continue
                }
                let parent = transaction.inputs.lazy.map(\.previousOutput.transaction)
                    .first { pending[$0] != nil && !seen.contains($0) && $0 != id }
                if let parent {
                    path.append(parent)
                } else {
                    seen.insert(id)
                    result.append(transaction)
                    path.removeLast()
                }
            }
        }
        return result
    }
}
