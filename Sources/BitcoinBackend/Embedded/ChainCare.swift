import BitcoinLedger
public import BitcoinPrimitives

// The care of a chain's database: blocks are what counts, all else follows from them.

extension EmbeddedChain {
    /// What became of a look at a chain's database.
    public struct Examination: Sendable {
        /// Blocks of the active chain.
        public var height = BlockHeight.genesis
        /// Outputs that are not spent.
        public var coins = 0
        /// What is wrong, in words; nothing if every table says what its blocks say.
        public var problems: [String] = []
    }

    /// What is wrong with a chain's database, in words; nothing if every table says what its blocks say.
    public static func check(path: String) throws(ChainFailure) -> [String] { try examine(path: path).problems }

    /// Looks at a chain's database; all blocks are checked again, scripts included.
    public static func examine(path: String) throws(ChainFailure) -> Examination {
        let store = try ChainStore(path: path)
        defer { store.close() }
        var examination = Examination()
        examination.problems = try problems(store, &examination)
        return examination
    }

    private static func problems(_ store: ChainStore, _ examination: inout Examination) throws(ChainFailure) -> [String] {
        var problems = try store.fileDamage()
        if try store.needsRebuild() {
            return problems + ["an older program made it: what it lacks is computed when it is opened, or by lnw chain rebuild"]
        }
        let replayed = try replay(store)
        let found = try store.contents()
        examination.height = replayed.height
        examination.coins = found.coins.count
        if let tip = found.tip, tip != replayed.tip {
            problems.append("the last block is \(tip), its blocks lead to \(replayed.tip)")
        }
        var expected = 0
        replayed.forEachCoin { outPoint, coin in
            expected += 1
            if found.coins[outPoint] != coin { problems.append("the unspent output \(outPoint) is missing or different") }
        }
        if found.coins.count != expected {
            problems.append("there are \(found.coins.count) unspent outputs, the blocks make \(expected)")
        }
        guard found.tip != nil else { return problems }
        let wanted = IndexSizes(replayed)
        if found.locations != wanted.transactions {
            problems.append("there are \(found.locations) transactions in the index, the blocks have \(wanted.transactions)")
        }
        if found.spenders != wanted.spends {
            problems.append("there are \(found.spenders) spent outputs in the index, the blocks spend \(wanted.spends)")
        }
        if found.payments != wanted.payments {
            problems.append("there are \(found.payments) payments in the index, the blocks make \(wanted.payments)")
        }
        for height in 1..<replayed.height + 1 {
            let hash = replayed.blockHash(height: height)!
            let block = replayed.block(hash)!
            if store.undo(hash).flatMap({ try? BlockUndo.decode($0) }) != replayed.spentCoins(hash) {
                problems.append("what block \(height) spent is missing or different: it could not be undone")
            }
            for (position, transaction) in block.transactions.enumerated() {
                let id = transaction.id
                let place = ChainStore.Place(height: height, position: position)
                if store.location(id) != replayed.location(id) { problems.append("the index says another place of \(id)") }
                for output in transaction.outputs
                where !output.script.isUnspendable && !store.hasPayment(to: output.script, place) {
                    problems.append("the index misses a payment of \(id)")
                }
                for input in transaction.inputs
                where !transaction.isCoinbase && store.spender(of: input.previousOutput) != place {
                    problems.append("the index says another spender of \(input.previousOutput)")
                }
            }
        }
        for stored in try store.headers().headers {
            let hash = stored.header.hash
            guard let known = replayed.header(hash) else {
                problems.append("block \(hash) at height \(stored.height) is missing, or is not valid by itself")
                continue
            }
            if known.isInvalid != stored.isInvalid {
                problems.append("block \(hash) is marked \(stored.isInvalid ? "invalid" : "valid"), and is not")
            }
        }
        try store.checkReads()
        return problems
    }

    /// Computes everything in a chain's database anew from its blocks.
    ///
    /// - Returns: the height it leads to.
    ///
    /// - Parameter mayShorten: go on where blocks are missing and the chain ends sooner; the old file is kept beside the
    ///   new one, with “before-rebuild” behind its name.
    @discardableResult
    public static func rebuild(path: String, mayShorten: Bool = false) throws(ChainFailure) -> BlockHeight {
        let store = try ChainStore(path: path)
        defer { store.close() }
        return try rebuild(store, copy: mayShorten ? path + ".before-rebuild" : nil)
    }

    @discardableResult
    static func rebuild(_ store: ChainStore, copy: String? = nil) throws(ChainFailure) -> BlockHeight {
        let replayed = try replay(store)
        let claimed = try store.headers().headers.filter { !$0.isInvalid }.map(\.height).max() ?? 0
        if claimed > replayed.height {
            guard let copy else {
                throw .store(
                    "block \(replayed.height + 1) is missing or damaged: a rebuild ends at block \(replayed.height) and gives up "
                        + "\(claimed - replayed.height) blocks. Say --yes to do so")
            }
            try store.copy(to: copy)
        }
        try store.replaceAll(with: replayed)
        return replayed.height
    }

    private static func replay(_ store: ChainStore) throws(ChainFailure) -> Ledger {
        var ledger = Ledger()
        ledger.runner = ConcurrentScriptChecks()
        try store.forEachBlock { block in _ = ledger.submit(block, now: .max) }
        // What was declared invalid by hand follows from no rule; it stays as it was said.
        for stored in try store.headers().headers where stored.isInvalid {
            let hash = stored.header.hash
            guard let known = ledger.header(hash), !known.isInvalid else { continue }
            do throws(BlockRefusal) { _ = try ledger.invalidate(hash, now: .max) } catch { throw .store("\(error)") }
        }
        return ledger
    }
}

/// How many rows the indexes of a chain have to have.
private struct IndexSizes {
    var transactions = 0
    var spends = 0
    var payments = 0

    init(_ ledger: Ledger) {
        for height in 1..<ledger.height + 1 {
            for transaction in ledger.block(ledger.blockHash(height: height)!)!.transactions {
                transactions += 1
                payments += Set(transaction.outputs.map(\.script).filter { !$0.isUnspendable }).count
                if !transaction.isCoinbase { spends += transaction.inputs.count }
            }
        }
    }
}
