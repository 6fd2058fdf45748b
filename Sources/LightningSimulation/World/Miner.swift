import BitcoinLedger
import BitcoinPrimitives
import LightningChannel
import LightningCore

/// What goes into a block, where that is not simply what pays most.
struct Miner {
    /// What is mined pays so much, until a height.
    var floor: (rate: FeeRate, until: BlockHeight)?
    /// What spends commitments is not mined, until a height.
    var censoredUntil = BlockHeight.genesis
    /// What takes HTLC outputs of a cheater's commitment to their second step, before what punishes it, until it is mined or too late.
    var secondSteps: [Transaction] = []

    /// The transactions of the next block, and how many of them are second steps; `nil` where they are the mempool's best.
    mutating func transactions(_ ledger: Ledger) -> (chosen: [Transaction], secondSteps: Int)? {
        if let floor, ledger.height >= floor.until { self.floor = nil }
        let isCensored = ledger.height < censoredUntil
        let (preferred, count) = nextSecondSteps(ledger)
        guard floor != nil || isCensored || !preferred.isEmpty else { return nil }
        var chosen = ledger.nextTransactions(least: floor?.rate ?? FeeRate(perKiloweight: 0))
        if isCensored {
            chosen = Self.without(chosen) { outPoint in
                // BOLT 3's lock time of a commitment begins with 0x20.
                ledger.transaction(outPoint.transaction).map { $0.transaction.lockTime >> 24 == 0x20 } ?? false
            }
        }
        if !preferred.isEmpty {
            let taken = Set(preferred.flatMap { $0.inputs.map(\.previousOutput) })
            chosen = preferred + Self.without(chosen) { taken.contains($0) }
        }
        return (chosen, count)
    }

    /// What the next block can hold of second steps: their time has come, and the commitment is in an earlier block, or where the channel has
    /// no anchors before it in the same one (BOLT 3: with them a "1 OP_CHECKSEQUENCEVERIFY" forbids that).
    private func nextSecondSteps(_ ledger: Ledger) -> (transactions: [Transaction], count: Int) {
        var next: [Transaction] = []
        var count = 0
        for step in secondSteps where step.lockTime <= ledger.height.uint32 {
            let parent = step.inputs[0].previousOutput.transaction
            if step.inputs.allSatisfy({ ledger.coin($0.previousOutput) != nil }) {
                next.append(step)
            } else if step.inputs[0].sequence == 0, let commitment = ledger.mempool.entries[parent]?.transaction {
                if !next.contains(commitment) { next.append(commitment) }
                next.append(step)
            } else {
                continue
            }
            count += 1
        }
        return (next, count)
    }

    /// Transactions without those that spend what nobody may spend, and without those that need them.
    private static func without(_ transactions: [Transaction], spending isUnwanted: (OutPoint) -> Bool) -> [Transaction] {
        var left: Set<TransactionID> = []
        return transactions.filter { transaction in
            let isWanted = transaction.inputs.allSatisfy { !left.contains($0.previousOutput.transaction) && !isUnwanted($0.previousOutput) }
            if !isWanted { left.insert(transaction.id) }
            return isWanted
        }
    }
}
