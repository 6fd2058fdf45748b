package import BitcoinPrimitives
import CryptoPrimitives
import HeapModule

/// A block to be mined, and the search for its proof of work.
enum BlockTemplate {
    /// BIP 141: OP_RETURN, a push of 36 bytes, and the commitment header.
    static let commitmentPrefix: [UInt8] = [0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed]
    /// Room for the header, the counts and the coinbase.
    static let reservedWeight = 8_000
    static let reservedOperations = 400

    /// The same for a coinbase that pays to an unusually long script.
    static func reserve(for script: Script) -> (weight: Int, operations: Int) {
        let operations = script.signatureOperations(accurate: false) * 4
        return (reservedWeight + max(0, script.bytes.count - 1000) * 4, max(reservedOperations, operations))
    }

    /// BIP 141: the hash of the witness root and the reserved value.
    static func witnessCommitment(_ transactions: [Transaction], reserved: [UInt8]) -> Bytes32 {
        // "The wtxid of coinbase transaction is assumed to be 0x0000....0000".
        let leaves = [Bytes32.zero] + transactions.dropFirst().map(\.witnessID)
        return Hash.sha256d(MerkleTree.root(leaves).root.array + reserved)
    }

    static func coinbase(height: BlockHeight, reward: Satoshi, script: Script, others: [Transaction]) -> Transaction {
        let reserved = [UInt8](repeating: 0, count: 32)
        let commitment = witnessCommitment([Transaction()] + others, reserved: reserved)
        var signatureScript = Script([.number(Int64(height.value))])
        // Consensus wants at least two bytes.
        signatureScript.append(.op(.zero))
        return Transaction(
            inputs: [TransactionInput(.null, signatureScript: signatureScript, witness: [reserved])],
            outputs: [
                TransactionOutput(reward, script),
                TransactionOutput(.zero, Script(commitmentPrefix + commitment.array)),
            ])
    }
}

extension Ledger {
    /// A block on top of the active chain that takes the best-paying transactions of the mempool.
    ///
    /// - Parameters:
    ///   - script: where subsidy and fees go.
    ///   - now: seconds since 1970; the block's time, unless the median of its predecessors demands a later one.
    ///   - including: the transactions to take instead of choosing from the mempool.
    package func template(paying script: Script, now: UInt32, including: [Transaction]? = nil) -> Block {
        let height = self.height + 1
        var fees = Satoshi.zero
        var transactions: [Transaction] = []
        if let including {
            transactions = including
            var companions: [TransactionID: Transaction] = [:]
            for transaction in including { companions[transaction.id] = transaction }
            for transaction in including { fees = fees.saturatingAdding(fee(of: transaction, among: companions) ?? .zero) }
        } else if !mempool.entries.isEmpty {
            let reserve = BlockTemplate.reserve(for: script)
            for chunk in selection(weightLimit: policy.blockWeight - reserve.weight, reserved: reserve.operations) {
                for id in chunk.ids {
                    let entry = mempool.entries[id]!
                    transactions.append(entry.transaction)
                    fees = fees.saturatingAdding(entry.fee)
                }
            }
        }
        // More than there can be is refused with the block that pays it.
        let reward = parameters.subsidy(height: height).saturatingAdding(fees)
        let coinbase = BlockTemplate.coinbase(height: height, reward: reward, script: script, others: transactions)
        let all = [coinbase] + transactions
        let header = BlockHeader(
            version: 0x2000_0000, previous: tip, merkleRoot: MerkleTree.root(all.map(\.id.bytes)).root,
            time: max(now, medianTimePast(height: self.height).addingReportingOverflow(1).partialValue), bits: parameters.bits, nonce: 0)
        return Block(header: header, transactions: all)
    }

    /// What the next block would hold, in its order, of a miner who takes nothing that pays less.
    ///
    /// - Parameter least: what each transaction pays together with those of its ancestors that are not chosen otherwise.
    package func nextTransactions(least: FeeRate) -> [Transaction] {
        let reserve = BlockTemplate.reserve(for: Script())
        let chunks = selection(weightLimit: policy.blockWeight - reserve.weight, reserved: reserve.operations)
        var left: Set<TransactionID> = []
        var chosen: [Transaction] = []
        for chunk in chunks {
            let entries = chunk.ids.compactMap { mempool.entries[$0] }
            // A virtual byte is four units of weight. What depends on what is left out is left out as well.
            let isWorth = chunk.fees * 250 >= UInt64(least.perKiloweight) * UInt64(chunk.size)
            if isWorth, entries.allSatisfy({ left.isDisjoint(with: $0.parents) }) {
                chosen += entries.map(\.transaction)
            } else {
                left.formUnion(chunk.ids)
            }
        }
        return chosen
    }

    /// Finds a nonce; on regtest every second one will do.
    package static func solve(_ block: Block) -> Block {
        var solved = block
        while !BlockRules.meetsTarget(solved.header.hash) { solved.header.nonce &+= 1 }
        return solved
    }

    /// Mines one block and connects it.
    ///
    /// Blocks that follow each other faster than one in six seconds run ahead of the clock, and are refused as
    /// "time-too-new" when they are two hours ahead.
    package mutating func mine(
        paying script: Script, now: UInt32, including: [Transaction]? = nil
    ) throws(BlockRefusal) -> (block: Block, events: [Event]) {
        var block = Self.solve(template(paying: script, now: now, including: including))
        // The same block may have been mined before, and declared invalid since.
        while index[block.hash] != nil {
            block.header.nonce &+= 1
            block = Self.solve(block)
        }
        return (block, try submit(block, now: now).get())
    }

    /// The fee of a transaction whose inputs are coins or outputs of its companions; `nil` where one is unknown.
    package func fee(of transaction: Transaction, among companions: [TransactionID: Transaction] = [:]) -> Satoshi? {
        var total = Satoshi.zero
        for input in transaction.inputs {
            let outPoint = input.previousOutput
            let source =
                coins[outPoint]?.output ?? mempool.output(outPoint)
                ?? companions[outPoint.transaction].flatMap {
                    $0.outputs.indices.contains(Int(outPoint.index)) ? $0.outputs[Int(outPoint.index)] : nil
                }
            guard let source, let sum = total.adding(source.amount) else { return nil }
            total = sum
        }
        return transaction.outputs.map(\.amount).checkedSum().flatMap { total.subtracting($0) }
    }

    /// A transaction with those of its ancestors that were not chosen before it.
    struct Chunk {
        var ids: [TransactionID]
        var fees: UInt64
        var size: Int
        var weight: Int
        var operations: Int

        /// Satoshi for each 1000 virtual bytes.
        var rate: UInt64 { fees * 1000 / UInt64(max(size, 1)) }
    }

    /// A candidate of the selection, with what was true of its unchosen ancestors when it was scored.
    private struct Scored: Comparable {
        var id: TransactionID
        var fees: UInt64
        var size: Int
        var sequence: UInt64

        static func < (left: Scored, right: Scored) -> Bool {
            let (first, second) = (left.fees * UInt64(right.size), right.fees * UInt64(left.size))
            return first == second ? left.sequence > right.sequence : first < second
        }
    }

    /// Chooses from the mempool by the fee rate of each transaction together with its ancestors, the best first.
    func selection(weightLimit: Int, reserved: Int = BlockTemplate.reservedOperations) -> [Chunk] {
        var chosen: [Chunk] = []
        var done: Set<TransactionID> = []
        var scores: [TransactionID: Mempool.Family] = [:]
        var candidates: [Scored] = []
        candidates.reserveCapacity(mempool.entries.count)
        for entry in mempool.entries.values {
            // Most have no family, and nothing about them changes when others are chosen.
            if !entry.isAlone { scores[entry.id] = entry.ancestors }
            candidates.append(
                Scored(
                    id: entry.id, fees: entry.ancestors.fees.value, size: entry.ancestors.size, sequence: entry.sequence))
        }
        var heap = Heap(candidates)
        var weightLeft = weightLimit
        // What is to show the whole queue has no block's limits.
        var operationsLeft =
            weightLimit == .max ? .max : Self.maximumSignatureOperationCost - reserved
        var failures = 0
        while let best = heap.popMax() {
            let first = mempool.entries[best.id]!
            if !first.isAlone {
                guard !done.contains(best.id), let score = scores[best.id] else { continue }
                // The score was of a time when fewer of its ancestors had been chosen: its new one is in the heap as well.
                guard score.size == best.size, score.fees.value == best.fees else { continue }
            }
            var chunk = Chunk(
                ids: [best.id], fees: best.fees, size: best.size, weight: first.weight,
                operations: first.signatureOperationCost)
            if chunk.rate < policy.minimumBlockFeeRate { break }
            if !first.parents.isEmpty {
                let missing = mempool.ancestors(of: [best.id]).filter { !done.contains($0) }
                chunk.ids = missing
                chunk.weight = missing.reduce(0) { $0 + mempool.entries[$1]!.weight }
                chunk.operations = missing.reduce(0) { $0 + mempool.entries[$1]!.signatureOperationCost }
            }
            guard chunk.weight <= weightLeft, chunk.operations <= operationsLeft else {
                scores[best.id] = nil
                failures += 1
                // Nearly full, and many in a row do not fit.
                if failures > 1000, weightLeft < 4_000 { break }
                continue
            }
            failures = 0
            weightLeft -= chunk.weight
            operationsLeft -= chunk.operations
            if !first.isAlone { done.formUnion(chunk.ids) }
            for id in chunk.ids where !first.isAlone {
                let entry = mempool.entries[id]!
                for descendant in mempool.descendants(of: [id]) where !done.contains(descendant) {
                    scores[descendant]?.remove(entry)
                    guard let score = scores[descendant] else { continue }
                    heap.insert(
                        Scored(
                            id: descendant, fees: score.fees.value, size: score.size,
                            sequence: mempool.entries[descendant]!.sequence))
                }
            }
            chosen.append(chunk)
        }
        return chosen
    }
}
