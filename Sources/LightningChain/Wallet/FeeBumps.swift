public import BitcoinPrimitives
import CryptoPrimitives

/// Why a transaction's fee is not raised; nothing has changed.
public enum BumpRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// It is in a block, or the wallet never knew it.
    case unknown
    /// It pays at least as much already.
    case enough(FeeRate)
    /// What it would take is not there.
    case insufficientFunds(needed: Satoshi)
    /// Nothing of it goes to the wallet: only what it pays to us can pay for it.
    case nothingOurs
    /// A channel depends on it, or another transaction that would go with it.
    case inUse(String)
    /// Its fee is somebody else's business, who looks after it.
    case automatic(String)

    public var description: String {
        switch self {
        case .unknown: "no such transaction of the wallet waits for a block"
        case .enough(let rate): "it pays \(rate.perVirtualByte) already: a higher rate has to be asked for"
        case .insufficientFunds(let needed): "the wallet has no \(needed) left to pay for it"
        case .nothingOurs: "nothing of it is paid to the wallet, and so nothing of it can pay for it"
        case .inUse(let what): "it cannot be replaced: \(what)"
        case .automatic(let what): "its fee is raised by the node itself, as its deadline comes nearer: it is \(what)"
        }
    }
}

// Transactions of the wallet that wait too long for a block.
extension OnChainWallet {
    /// BIP 125: a replacement "must also pay for its own bandwidth at or above the rate set by the node's minimum relay fee setting".
    private static let relayRate = FeeRate(perKiloweight: 250)

    /// What a pending transaction of ours pays; `nil` where not all that it spends is ours.
    package func feeRate(of id: TransactionID) -> FeeRate? {
        guard let transaction = pending[id], spendsOursAlone(transaction), let fee = effect(of: transaction, id)?.fee else { return nil }
        return FeeRate(perKiloweight: UInt32(clamping: fee.value * 1000 / UInt64(max(1, transaction.weight))))
    }

    private func spendsOursAlone(_ transaction: Transaction) -> Bool {
        transaction.inputs.allSatisfy { coins[$0.previousOutput] != nil }
    }

    /// A pending transaction that may be replaced, and what it pays: all that it spends is ours, so that another one can spend the same.
    private func replaceable(_ id: TransactionID) throws(BumpRefusal) -> (Transaction, fee: Satoshi) {
        guard let transaction = pending[id], let effect = effect(of: transaction, id) else { throw .unknown }
        guard let fee = effect.fee, spendsOursAlone(transaction), transaction.inputs.allSatisfy({ $0.sequence < 0xffff_fffe }) else {
            throw .inUse("not all that it spends is the wallet's")
        }
        return (transaction, fee)
    }

    /// Layer 1 does not take a replacement: what it was to replace is there still.
    ///
    /// - Returns: whether there was one.
    package mutating func putBack(_ id: TransactionID) -> Bool {
        guard let old = replaced.removeValue(forKey: id) else { return false }
        dropPending(id)
        commit(old)
        return true
    }

    /// Replaces a pending payment of ours by one that pays more (BIP 125): the same outputs, less change, and more coins where the change is
    /// not enough. The one before is forgotten; should it be mined all the same, the wallet sees that.
    ///
    /// - Parameter rate: that the new one is to pay.
    package mutating func replace(_ id: TransactionID, rate: FeeRate, height: BlockHeight) throws(BumpRefusal) -> Transaction {
        let (old, oldFee) = try replaceable(id)
        if old.outputs.indices.contains(where: { spenders[OutPoint(id, UInt32($0))] != nil }) {
            throw .inUse("another transaction of the wallet spends its change, and would go with it")
        }
        if let now = feeRate(of: id), rate <= now { throw .enough(now) }
        var wallet = self
        wallet.dropPending(id)
        func finish(_ result: Transaction) -> Transaction {
            wallet.commit(result)
            wallet.replaced[result.id] = old
            self = wallet
            return result
        }
        // Change is what goes to a change key of ours; where all goes to us, the last output.
        let change = old.outputs.lastIndex { wallet.isChange($0.script) }
        var kept = old.outputs
        let changeScript = change.map { kept.remove(at: $0).script } ?? wallet.changeScript
        let paid = kept.reduce(Satoshi.zero) { $0.saturatingAdding($1.amount) }
        var chosen = old.inputs.compactMap { wallet.coins[$0.previousOutput] }
        // A replacement may have no new unconfirmed inputs.
        var more = wallet.coins.values.filter { coin in
            coin.height != nil && wallet.isSpendable(coin, height: height) && !chosen.contains { $0.outPoint == coin.outPoint }
        }.sorted { ($1.output.amount, $0.outPoint) < ($0.output.amount, $1.outPoint) }
        more.reverse()
        while true {
            let weight = Self.baseWeight(kept) + chosen.count * Self.inputWeight
            let withChange = weight + (9 + changeScript.bytes.count) * 4
            func fee(_ weight: Int) -> Satoshi {
                max(rate.feeRoundedUp(weight: weight), oldFee.saturatingAdding(Self.relayRate.feeRoundedUp(weight: weight)))
            }
            let sum = Self.sum(chosen)
            if let left = sum.subtracting(paid.saturatingAdding(fee(withChange))), left >= Satoshi(330) {
                wallet.take(changeScript)
                return finish(wallet.sign(chosen, kept + [TransactionOutput(left, changeScript)]))
            }
            if !kept.isEmpty, let rest = sum.subtracting(paid), rest >= fee(weight), rest <= fee(weight).saturatingAdding(Satoshi(2000)) {
                return finish(wallet.sign(chosen, kept))
            }
            guard let next = more.popLast() else {
                throw .insufficientFunds(
                    needed: paid.saturatingAdding(fee(withChange)).saturatingAdding(Satoshi(330)).subtracting(sum) ?? .zero)
            }
            chosen.append(next)
        }
    }

    /// Spends the coins of a pending transaction of ours to ourselves, at a higher fee, so that it can never be mined.
    package mutating func doubleSpend(_ id: TransactionID, rate: FeeRate) throws(BumpRefusal) -> Transaction {
        let (old, oldFee) = try replaceable(id)
        // BIP 125 wants the fees of all that goes with it as well.
        let descendants = descendants(of: id)
        let fees = descendants.reduce(oldFee) { sum, child in
            sum.saturatingAdding(pending[child].flatMap { effect(of: $0, child) }?.fee ?? .zero)
        }
        var wallet = self
        wallet.dropPending(id)
        let script = wallet.changeScript
        let coins = old.inputs.compactMap { wallet.coins[$0.previousOutput] }
        let weight = Self.baseWeight([TransactionOutput(.zero, script)]) + coins.count * Self.inputWeight
        // It has to pay more than the one that it replaces, at a higher rate.
        let least = fees.saturatingAdding(Self.relayRate.feeRoundedUp(weight: weight))
        let oldRate = FeeRate(perKiloweight: UInt32(clamping: oldFee.value * 1000 / UInt64(max(1, old.weight)) + 25))
        let fee = max(max(rate, oldRate).feeRoundedUp(weight: weight), least)
        guard let left = Self.sum(coins).subtracting(fee), left >= Satoshi(330) else { throw .insufficientFunds(needed: fee) }
        wallet.take(script)
        let result = wallet.sign(coins, [TransactionOutput(left, script)])
        wallet.commit(result)
        self = wallet
        return result
    }

    /// Transactions of ours that wait for another one of ours.
    private func descendants(of id: TransactionID) -> Set<TransactionID> {
        var found: Set<TransactionID> = []
        var open = [id]
        while let next = open.popLast() {
            for index in pending[next]?.outputs.indices ?? 0..<0 {
                guard let child = spenders[OutPoint(next, UInt32(index))], found.insert(child).inserted else { continue }
                open.append(child)
            }
        }
        return found
    }

    /// Spends what a transaction in the mempool pays us, at a fee that brings both of them into a block.
    ///
    /// - Parameters:
    ///   - rate: that both together are to pay.
    ///   - fee: what the transaction itself pays; `nil` where that is not known: nothing is counted then.
    package mutating func payFor(_ transaction: Transaction, fee: Satoshi?, rate: FeeRate) throws(BumpRefusal) -> Transaction {
        let id = transaction.id
        var wallet = self
        // One that pays for it already is replaced.
        let child = transaction.outputs.indices.compactMap { spenders[OutPoint(id, UInt32($0))] }.first { child in
            pending[child]?.inputs.allSatisfy { $0.previousOutput.transaction == id } ?? false
        }
        var childFee = Satoshi.zero
        if let child, let old = pending[child] {
            if old.outputs.indices.contains(where: { spenders[OutPoint(child, UInt32($0))] != nil }) {
                throw .inUse("another transaction of the wallet spends what \(child) pays, and would go with it")
            }
            let inputs = old.inputs.reduce(Satoshi.zero) {
                $0.saturatingAdding(transaction.outputs[Int($1.previousOutput.index)].amount)
            }
            childFee = inputs.subtracting(old.outputs.reduce(.zero) { $0.saturatingAdding($1.amount) }) ?? .zero
            wallet.dropPending(child)
        }
        var inputs: [WalletCoin] = []
        for (index, output) in transaction.outputs.enumerated() {
            let outPoint = OutPoint(id, UInt32(index))
            guard let path = path(of: output.script), output.amount.isMoney, wallet.spenders[outPoint] == nil,
                !wallet.reserved.contains(outPoint)
            else {
                continue
            }
            inputs.append(WalletCoin(outPoint: outPoint, output: output, path: path, height: nil, isCoinbase: false))
        }
        guard !inputs.isEmpty else {
            let child = transaction.outputs.indices.compactMap { spenders[OutPoint(id, UInt32($0))] }.first
            if let child { throw .inUse("it is paid for by \(child) already: bump that one") }
            throw .nothingOurs
        }
        let own = FeeRate(perKiloweight: UInt32(clamping: (fee ?? .zero).value * 1000 / UInt64(max(1, transaction.weight))))
        if fee != nil, rate <= own { throw .enough(own) }
        let script = wallet.changeScript
        let weight = Self.baseWeight([TransactionOutput(.zero, script)]) + inputs.count * Self.inputWeight
        let both = rate.feeRoundedUp(weight: weight + transaction.weight).subtracting(fee ?? .zero) ?? .zero
        let more = child == nil ? Satoshi.zero : childFee.saturatingAdding(Self.relayRate.feeRoundedUp(weight: weight))
        let needed = max(max(both, FeeRate.floor.feeRoundedUp(weight: weight)), more)
        guard let left = Self.sum(inputs).subtracting(needed), left >= Satoshi(330) else { throw .insufficientFunds(needed: needed) }
        wallet.take(script)
        let result = wallet.sign(inputs, [TransactionOutput(left, script)])
        wallet.commit(result)
        if let child { wallet.replaced[result.id] = pending[child] }
        self = wallet
        return result
    }

    /// Forgets a transaction of ours that spends what is not, or no longer, there: what others sent, and took back.
    package mutating func dropOrphan(_ id: TransactionID) {
        guard let transaction = pending[id], transaction.inputs.contains(where: { coins[$0.previousOutput] == nil }) else { return }
        dropPending(id)
    }

    /// A transaction of others that the mempool holds, and pays the wallet.
    package func incomingTransaction(_ id: TransactionID) -> Transaction? { seen.first { $0.key.transaction == id }?.value.transaction }
}
