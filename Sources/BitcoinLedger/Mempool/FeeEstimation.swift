package import BitcoinPrimitives

/// What the transactions of a block paid.
package struct BlockFees: Sendable {
    package struct Payment: Sendable {
        package var fee: Satoshi
        package var weight: Int

        /// Satoshi for each 1000 virtual bytes.
        package var rate: UInt64 { fee.value * 4000 / UInt64(max(weight, 1)) }
    }

    /// The weight of the whole block.
    package var weight: Int
    /// One for each transaction but the coinbase, in the block's order.
    package var payments: [Payment]

    /// The rate that a share of the block's weight paid at most, in satoshi for each 1000 virtual bytes.
    package func percentile(_ percent: Int) -> UInt64 {
        percentiles([percent])[0]
    }

    package func percentiles(_ percents: [Int]) -> [UInt64] {
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
package struct FeeEstimate: Hashable, Sendable {
    /// Satoshi for each 1000 virtual bytes.
    package var rate: UInt64
    /// The number of blocks for which it holds.
    package var blocks: Int
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
    package func blockFees(_ hash: BlockHash) -> BlockFees? {
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
    package func estimateFee(target: Int, now: UInt32) -> FeeEstimate { feeOutlook(now: now).estimate(target: target) }

    /// What waits and what was paid lately, for any number of estimates.
    package func feeOutlook(now: UInt32) -> FeeOutlook {
        var full: [(percentiles: [UInt64], age: Int)] = []
        for (age, hash) in index.active.suffix(Self.feeHistory).reversed().enumerated() {
            guard hash != index.active[0], let fees = blockFees(hash), !fees.payments.isEmpty else { continue }
            // A block with room to spare took whoever came.
            guard fees.weight * 10 >= policy.blockWeight * 9 else { continue }
            full.append((fees.percentiles([10, 25, 50]), age))
        }
        return FeeOutlook(
            floor: max(Self.sensibleFeeRate, minimumFeeRate(now: now)), step: policy.incrementalRelayFeeRate,
            blockWeight: policy.blockWeight - BlockTemplate.reservedWeight,
            queue: selection(weightLimit: .max).map { ($0.weight, $0.rate) }, fullBlocks: full)
    }
}

/// What waits for a block, and what the last full blocks took.
///
/// The mempool says what waits: the rate at which the next `target` blocks end, if they are filled from the best down.
/// The last blocks say what came too late to be seen waiting. An estimate is the higher of the two, and never less than
/// is relayed.
package struct FeeOutlook: Sendable {
    let floor: UInt64
    let step: UInt64
    let blockWeight: Int
    /// From the best-paying on.
    let queue: [(weight: Int, rate: UInt64)]
    /// For each full block of late, what its cheapest tenth, quarter and half paid at most, and how long ago it was.
    let fullBlocks: [(percentiles: [UInt64], age: Int)]

    /// What to pay to be mined within `target` blocks.
    package func estimate(target: Int) -> FeeEstimate {
        let target = max(1, min(target, 1008))
        var rate = floor
        // With a twentieth of the blocks left free there is room for whoever comes meanwhile.
        var room = target * blockWeight - blockWeight / 20
        for waiting in queue {
            room -= waiting.weight
            if room <= 0 {
                rate = max(rate, waiting.rate + step)
                break
            }
        }
        // The longer one can wait, the less of the competition one has to beat.
        let part = target <= 2 ? 2 : target <= 6 ? 1 : 0
        for block in fullBlocks where block.age < max(2, target) { rate = max(rate, block.percentiles[part]) }
        return FeeEstimate(rate: rate, blocks: target)
    }
}
