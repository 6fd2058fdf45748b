public import BitcoinPrimitives

/// What the transactions of a block paid.
public struct BlockFees: Sendable {
    public struct Payment: Sendable {
        public var fee: Satoshi
        public var weight: Int

        /// Satoshi for each 1000 virtual bytes.
        public var rate: UInt64 { fee.value * 4000 / UInt64(max(weight, 1)) }
    }

    /// The weight of the whole block.
    public var weight: Int
    /// One for each transaction but the coinbase, in the block's order.
    public var payments: [Payment]

    /// The rate that a share of the block's weight paid at most, in satoshi for each 1000 virtual bytes.
    public func percentile(_ percent: Int) -> UInt64 {
        percentiles([percent])[0]
    }

    public func percentiles(_ percents: [Int]) -> [UInt64] {
        let sorted = payments.sorted { $0.rate < $1.rate }
        let total = sorted.reduce(0) { $0 + $1.weight }
        return percents.map { percent in
            var passed = 0
            for payment in sorted {
                passed += payment.weight
                if passed * 100 >= total * percent { return payment.rate }
            }
            return sorted.last?.rate ?? 0
        }
    }
}

/// What to pay to be mined within some blocks.
public struct FeeEstimate: Hashable, Sendable {
    /// Satoshi for each 1000 virtual bytes.
    public var rate: UInt64
    /// The number of blocks for which it holds.
    public var blocks: Int
}

extension Ledger {
    /// Whoever pays a satoshi for each virtual byte is safe from rounding in units of weight (BOLT 3's 253 sat/kw).
    static let sensibleFeeRate: UInt64 = 1000
    private static let feeHistory = 12

    mutating func remember(_ blockFees: BlockFees, of hash: BlockHash) {
        fees[hash] = blockFees
        if fees.count > 4 * Self.feeHistory {
            let recent = Set(index.active.suffix(Self.feeHistory))
            fees = fees.filter { recent.contains($0.key) }
        }
    }

    /// What a block's transactions paid; `nil` for one that is not in the active chain.
    public func blockFees(_ hash: BlockHash) -> BlockFees? {
        if let known = fees[hash], index.isActive(hash) { return known }
        guard let block = block(hash), let spent = spentCoins(hash) else { return nil }
        var next = 0
        let payments = block.transactions.dropFirst().map { transaction in
            let coins = spent[next..<next + transaction.inputs.count]
            next += transaction.inputs.count
            let total = coins.reduce(Satoshi.zero) { $0 + $1.output.amount }
            let fee = total - (transaction.outputs.map(\.amount).checkedSum() ?? .zero)
            return BlockFees.Payment(fee: fee, weight: transaction.weight)
        }
        return BlockFees(weight: block.weight, payments: payments)
    }

    /// What to pay to be mined within `target` blocks. It always answers.
    ///
    /// The mempool says what waits: the rate at which the next `target` blocks end, if they are filled from the best
    /// down. The last blocks say what came too late to be seen waiting: where they were full, half of what they took
    /// paid less than their median. The answer is the higher of the two, and never less than is relayed.
    public func estimateFee(target: Int, now: UInt32) -> FeeEstimate {
        let target = max(1, min(target, 1008))
        let floor = max(Self.sensibleFeeRate, minimumFeeRate(now: now))
        var waiting = floor
        var room = target * (policy.blockWeight - BlockTemplate.reservedWeight)
        for chunk in selection(weightLimit: room) {
            room -= chunk.weight
            if room <= policy.blockWeight / 20 { waiting = max(waiting, chunk.rate + policy.incrementalRelayFeeRate) }
        }
        var recent = floor
        for hash in index.active.suffix(min(Self.feeHistory, max(2, target))) {
            guard hash != index.active[0], let fees = blockFees(hash), !fees.payments.isEmpty else { continue }
            // A block with room to spare took whoever came.
            guard fees.weight * 10 >= policy.blockWeight * 9 else { continue }
            // The longer one can wait, the less of the competition one has to beat.
            recent = max(recent, fees.percentile(target <= 2 ? 50 : target <= 6 ? 25 : 10))
        }
        return FeeEstimate(rate: max(waiting, recent), blocks: target)
    }
}
