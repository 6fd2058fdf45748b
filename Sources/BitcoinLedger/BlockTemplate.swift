public import BitcoinPrimitives
import CryptoPrimitives

/// A block to be mined, and the search for its proof of work.
enum BlockTemplate {
    /// BIP 141: OP_RETURN, a push of 36 bytes, and the commitment header.
    static let commitmentPrefix: [UInt8] = [0x6a, 0x24, 0xaa, 0x21, 0xa9, 0xed]

    /// BIP 141: the hash of the witness root and the reserved value.
    static func witnessCommitment(_ transactions: [Transaction], reserved: [UInt8]) -> Bytes32 {
        // "The wtxid of coinbase transaction is assumed to be 0x0000....0000".
        let leaves = [Bytes32.zero] + transactions.dropFirst().map(\.witnessID)
        return Hash.sha256d(MerkleTree.root(leaves).root.array + reserved)
    }

    static func coinbase(height: Int, reward: Satoshi, script: Script, others: [Transaction]) -> Transaction {
        let reserved = [UInt8](repeating: 0, count: 32)
        let commitment = witnessCommitment([Transaction()] + others, reserved: reserved)
        var signatureScript = Script([.number(Int64(height))])
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
    public func template(paying script: Script, now: UInt32, including: [Transaction]? = nil) -> Block {
        let height = self.height + 1
        var fees = Satoshi.zero
        var transactions: [Transaction] = []
        if let including {
            transactions = including
            for transaction in including { fees += fee(of: transaction, among: including) ?? .zero }
        } else {
            for entry in selection() {
                transactions.append(entry.transaction)
                fees += entry.fee
            }
        }
        let reward = parameters.subsidy(height: height) + fees
        let coinbase = BlockTemplate.coinbase(height: height, reward: reward, script: script, others: transactions)
        let all = [coinbase] + transactions
        let header = BlockHeader(
            version: 0x2000_0000, previous: tip, merkleRoot: MerkleTree.root(all.map(\.id.bytes)).root,
            time: max(now, medianTimePast(height: self.height) + 1), bits: parameters.bits, nonce: 0)
        return Block(header: header, transactions: all)
    }

    /// Finds a nonce; on regtest every second one will do.
    public static func solve(_ block: Block) -> Block {
        var solved = block
        while solved.header.hash.bytes.reversed[0] >= 0x7f { solved.header.nonce &+= 1 }
        return solved
    }

    /// Mines one block and connects it.
    public mutating func mine(
        paying script: Script, now: UInt32, including: [Transaction]? = nil
    ) throws(BlockRefusal) -> (block: Block, events: [Event]) {
        let block = Self.solve(template(paying: script, now: now, including: including))
        return (block, try submit(block, now: max(now, block.header.time)))
    }

    /// The fee of a transaction whose inputs are coins or outputs of its companions; `nil` where one is unknown.
    public func fee(of transaction: Transaction, among companions: [Transaction] = []) -> Satoshi? {
        var total = Satoshi.zero
        for input in transaction.inputs {
            let outPoint = input.previousOutput
            let source =
                coins[outPoint]?.output
                ?? (companions + mempool.entries.values.map(\.transaction)).first { $0.id == outPoint.transaction }
                .flatMap { $0.outputs.indices.contains(Int(outPoint.index)) ? $0.outputs[Int(outPoint.index)] : nil }
            guard let source, let sum = total.adding(source.amount) else { return nil }
            total = sum
        }
        return transaction.outputs.map(\.amount).checkedSum().flatMap { total.subtracting($0) }
    }

    /// Chooses from the mempool by the fee rate of each transaction together with its ancestors.
    private func selection() -> [Mempool.Entry] {
        var chosen: [Mempool.Entry] = []
        var done: Set<TransactionID> = []
        // Room for the header, the coinbase and the counts.
        var weightLeft = Self.maximumBlockWeight - 4_000
        var operationsLeft = Self.maximumSignatureOperationCost - 400
        var candidates = mempool.ordered
        while !candidates.isEmpty {
            var best: (index: Int, package: [Mempool.Entry], fee: UInt64, weight: UInt64)?
            for (index, candidate) in candidates.enumerated() {
                let package = mempool.ancestors(of: candidate.id, without: done).map { mempool.entries[$0]! }
                let fee = package.reduce(0) { $0 + $1.fee.value }
                let weight = package.reduce(0) { $0 + UInt64($1.weight) }
                if best.map({ fee * $0.weight > $0.fee * weight }) ?? true { best = (index, package, fee, weight) }
            }
            guard let best else { break }
            let operations = best.package.reduce(0) { $0 + $1.signatureOperationCost }
            if best.weight <= UInt64(weightLeft) && operations <= operationsLeft {
                chosen += best.package
                done.formUnion(best.package.map(\.id))
                weightLeft -= Int(best.weight)
                operationsLeft -= operations
                candidates.removeAll { done.contains($0.id) }
            } else {
                candidates.remove(at: best.index)
            }
        }
        return chosen
    }
}
