package import BitcoinPrimitives

/// What came of a submitted block.
package struct Submission: Sendable {
    /// What changed, in order. A block may be refused and still change the chain: when it shows that a branch is
    /// longer that is good only in part.
    package var events: [Ledger.Event] = []
    package var refusal: BlockRefusal?

    /// The events, or the refusal thrown.
    package func get() throws(BlockRefusal) -> [Ledger.Event] {
        if let refusal { throw refusal }
        return events
    }
}

extension Ledger {
    /// Takes a block of anyone's making; what changed in the active chain and the mempool.
    ///
    /// A block on a side branch changes nothing until its branch has more work.
    /// - Parameters:
    ///   - now: seconds since 1970, for the limit of two hours into the future.
    ///   - assumeValid: leave out the scripts: for blocks that this ledger has checked before.
    package mutating func submit(_ block: Block, now: UInt32, assumeValid: Bool = false) -> Submission {
        let prepared = PreparedBlock(block)
        let hash = prepared.hash
        if let known = index[hash] { return Submission(refusal: known.isInvalid ? .knownInvalid : .duplicate) }
        if refused.contains(hash) { return Submission(refusal: .knownInvalid) }
        do throws(BlockRules.Violation) {
            try BlockRules.checkContent(prepared)
        } catch { return Submission(refusal: .rule(error.reason)) }
        guard let parent = index[block.header.previous] else {
            return Submission(refusal: refused.contains(block.header.previous) ? .rule("bad-prevblk") : .orphan)
        }
        if parent.isInvalid { return Submission(refusal: .rule("bad-prevblk")) }
        let height = parent.height + 1
        let median = index.medianTimePast(endingAt: block.header.previous)
        do throws(BlockRules.Violation) {
            try BlockRules.checkHeader(block.header, bits: parameters.bits, medianTimePast: median, now: now)
        } catch { return Submission(refusal: .rule(error.reason)) }
        do throws(BlockRules.Violation) {
            try BlockRules.checkContext(prepared, height: height, medianTimePast: median)
        } catch {
            if !error.isMutation {
                // Nothing can ever make this header good.
                if refused.count >= Self.rememberedRefusals { refused = [] }
                refused.insert(hash)
            }
            return Submission(refusal: .rule(error.reason))
        }
        index.insert(hash, block.header, height: height, transactionCount: block.transactions.count)
        bodies[hash] = block
        if storage != nil {
            let stored = StoredHeader(
                header: block.header, height: height, transactionCount: block.transactions.count, isInvalid: false)
            pending.blocks.append((hash, stored, block))
        }
        return activateBest(now: now, submitted: prepared, assumeValid: assumeValid)
    }

    /// Declares a block, and with it all that are built on it, invalid; the chain goes where the most work is then.
    package mutating func invalidate(_ hash: BlockHash, now: UInt32) throws(BlockRefusal) -> [Event] {
        guard let entry = index[hash] else { throw .orphan }
        guard entry.height > 0 else { throw .rule("the genesis block stays") }
        if index.isActive(hash), !isReadable(from: entry.header.previous, [], besides: nil) { throw Self.unreadable }
        note(index.mark(hash, isInvalid: true))
        return activateBest(now: now).events
    }

    /// Takes back what `invalidate` said, or what an earlier check found: everything is checked again.
    package mutating func reconsider(_ hash: BlockHash, now: UInt32) throws(BlockRefusal) -> [Event] {
        // What a rule refused for good may be brought again, too.
        let wasRefused = refused.contains(hash)
        refused = []
        guard index[hash] != nil else {
            if wasRefused { return [] }
            throw .orphan
        }
        note(index.mark(hash, isInvalid: false))
        return activateBest(now: now).events
    }

    private mutating func note(_ changed: [BlockHash]) {
        guard storage != nil else { return }
        for hash in changed { pending.validity.append((hash, index[hash]!.isInvalid)) }
    }

    /// Goes to the valid block with the most work.
    private mutating func activateBest(
        now: UInt32, submitted: PreparedBlock? = nil, assumeValid: Bool = false
    ) -> Submission {
        var result = Submission()
        var returned: [Transaction] = []
        var mined: [Block] = []
        var hasLost = false
        while index.best != tip {
            let (fork, branch) = index.branch(to: index.best)
            guard isReadable(from: fork, branch, besides: submitted?.hash) else {
                // Not on disk, where it is as good as before; here it is nothing to go to.
                result.refusal = Self.unreadable
                guard let first = branch.first else { break }
                _ = index.mark(first, isInvalid: true)
                continue
            }
            while tip != fork {
                hasLost = true
                let (block, height) = disconnectTip()
                returned.insert(contentsOf: block.transactions.dropFirst(), at: 0)
                result.events.append(.disconnected(block, height: height))
            }
            for next in branch {
                let prepared = submitted.flatMap { $0.hash == next ? $0 : nil } ?? block(next).map { PreparedBlock($0) }
                guard let prepared else { preconditionFailure("it was readable a moment ago") }
                do throws(BlockRefusal) {
                    try connect(prepared, assumeValid: assumeValid)
                } catch {
                    note(index.mark(next, isInvalid: true))
                    // An older block's fault is not told of the one that was submitted: it is stored, and not on the way.
                    if next == submitted?.hash { result.refusal = error }
                    break
                }
                mined.append(prepared.block)
                result.events.append(.connected(prepared.block, height: height))
            }
        }
        guard !result.events.isEmpty else { return result }
        result.events += updateMempool(after: mined, returned: returned, hasLost: hasLost, now: now)
        return result
    }

    private static let unreadable = BlockRefusal.rule(
        "a stored block cannot be read: lnw chain rebuild makes the chain anew from its blocks")

    /// Whether all is there that a way to another block needs; where a storage has lost some, nothing may be begun.
    private func isReadable(from fork: BlockHash, _ branch: [BlockHash], besides submitted: BlockHash?) -> Bool {
        var hash = tip
        while hash != fork {
            guard block(hash) != nil, spentCoins(hash) != nil, let entry = index[hash] else { return false }
            hash = entry.header.previous
        }
        return branch.allSatisfy { $0 == submitted || block($0) != nil }
    }

    private mutating func disconnectTip() -> (Block, BlockHeight) {
        let hash = index.tip
        let block = block(hash)!
        var spent = spentCoins(hash)!
        _ = index.pop()
        // Backwards, so that an output made and spent in this block is restored first and removed then.
        for transaction in block.transactions.reversed() {
            let id = transaction.id
            for (position, output) in transaction.outputs.enumerated() where !output.script.isUnspendable {
                _ = coins.remove(OutPoint(id, UInt32(position)))
            }
            if !transaction.isCoinbase {
                for input in transaction.inputs.reversed() { coins.add(spent.removeLast(), at: input.previousOutput) }
            }
            locations[id] = storage == nil ? nil : .some(nil)
        }
        undo[hash] = nil
        return (block, index.height + 1)
    }

    /// Puts a block on top of the active chain, or throws and changes nothing.
    private mutating func connect(_ prepared: PreparedBlock, assumeValid: Bool) throws(BlockRefusal) {
        let block = prepared.block
        let height = self.height + 1
        var failure: BlockRefusal?
        var spent: [Coin] = []
        var reached = 0
        var paid: [BlockFees.Payment] = []
        do throws(BlockRefusal) {
            try apply(prepared, height: height, spent: &spent, reached: &reached, paid: &paid)
            if !assumeValid { try checkScripts(block, spent: spent) }
        } catch { failure = error }
        if let failure {
            // Backwards through what was applied.
            for position in (0..<reached).reversed() {
                let transaction = block.transactions[position]
                for (number, output) in transaction.outputs.enumerated() where !output.script.isUnspendable {
                    _ = coins.remove(OutPoint(prepared.ids[position], UInt32(number)))
                }
                if position > 0 {
                    for input in transaction.inputs.reversed() { coins.add(spent.removeLast(), at: input.previousOutput) }
                }
            }
            throw failure
        }
        for (position, id) in prepared.ids.enumerated() {
            locations[id] = TransactionLocation(block: prepared.hash, position: position)
        }
        index.push(prepared.hash)
        remember(BlockFees(weight: prepared.weight, payments: paid), of: prepared.hash)
        undo[prepared.hash] = spent
        if storage != nil { pending.undo.append((prepared.hash, BlockUndo.encode(spent))) }
    }

    /// Applies a block's transactions to the coins; `reached` tells how many, where it throws.
    private mutating func apply(
        _ prepared: PreparedBlock, height: BlockHeight, spent: inout [Coin], reached: inout Int,
        paid: inout [BlockFees.Payment]
    ) throws(BlockRefusal) {
        let block = prepared.block
        // BIP 30: no transaction may replace unspent outputs of an equal one. With BIP 34 from the first block on, only
        // a coinbase of the same height could, and every other transaction spends what exists once.
        for position in block.transactions[0].outputs.indices
        where coins[OutPoint(prepared.ids[0], UInt32(position))] != nil {
            throw .rule("bad-txns-BIP30")
        }
        var fees = Satoshi.zero
        var operations = 0
        for (position, transaction) in block.transactions.enumerated() {
            let start = spent.count
            if position > 0 {
                for input in transaction.inputs {
                    guard let coin = coins.remove(input.previousOutput) else {
                        restore(transaction, &spent, from: start)
                        throw .rule("bad-txns-inputs-missingorspent")
                    }
                    spent.append(coin)
                }
            }
            let inputs = spent[start...]
            var reason: String?
            do throws(TransactionRefusal) {
                if position > 0 {
                    let fee = try TransactionRules.checkInputs(
                        transaction, coins: inputs, height: height, maturity: parameters.coinbaseMaturity)
                    guard let sum = fees.adding(fee), sum.isMoney else {
                        throw TransactionRefusal("bad-txns-accumulated-fee-outofrange")
                    }
                    fees = sum
                    guard
                        TransactionRules.meetsSequenceLocks(
                            transaction, coins: inputs, height: height, medianTimePast: { medianTimePast(height: $0) })
                    else { throw TransactionRefusal("bad-txns-nonfinal") }
                    paid.append(BlockFees.Payment(fee: fee, weight: prepared.weights[position]))
                }
                operations += TransactionRules.signatureOperationCost(
                    transaction, coins: inputs, legacy: prepared.legacyOperations[position])
                if operations > Self.maximumSignatureOperationCost { throw TransactionRefusal("bad-blk-sigops") }
            } catch { reason = error.reason }
            if let reason {
                restore(transaction, &spent, from: start)
                throw .rule(reason)
            }
            for (number, output) in transaction.outputs.enumerated() where !output.script.isUnspendable {
                coins.add(
                    Coin(output, height: height, isCoinbase: position == 0),
                    at: OutPoint(prepared.ids[position], UInt32(number)))
            }
            reached = position + 1
        }
        // checkForm has bounded the sum of the outputs.
        let created = block.transactions[0].outputs.map(\.amount).checkedSum()!
        guard created <= fees + parameters.subsidy(height: height) else { throw .rule("bad-cb-amount") }
    }

    /// Puts back what a transaction has taken so far.
    private mutating func restore(_ transaction: Transaction, _ spent: inout [Coin], from start: Int) {
        while spent.count > start {
            let coin = spent.removeLast()
            coins.add(coin, at: transaction.inputs[spent.count - start].previousOutput)
        }
    }

    private static let inputsPerPiece = 32

    /// Runs the scripts of all inputs of a block.
    private func checkScripts(_ block: Block, spent: [Coin]) throws(BlockRefusal) {
        // A piece of work is a transaction, or some of its inputs where it has many: what their hashes share is
        // computed once for each piece, on the core that needs it.
        var pieces: [(transaction: Int, coins: Int, inputs: Range<Int>)] = []
        pieces.reserveCapacity(block.transactions.count)
        var next = 0
        for position in block.transactions.indices.dropFirst() {
            let count = block.transactions[position].inputs.count
            for start in stride(from: 0, to: count, by: Self.inputsPerPiece) {
                pieces.append((position, next, start..<min(start + Self.inputsPerPiece, count)))
            }
            next += count
        }
        let cache = SignatureCacheUse(cache: signatures, remembers: false)
        let failure = runner.firstFailure(count: pieces.count) { [pieces] number in
            let piece = pieces[number]
            let transaction = block.transactions[piece.transaction]
            let outputs = spent[piece.coins..<piece.coins + transaction.inputs.count].map(\.output)
            let verifier = ScriptVerifier(transaction, spent: outputs, flags: .consensus, cache: cache)
            do throws(ScriptFailure) {
                for input in piece.inputs { try verifier.verify(input: input) }
                return nil
            } catch { return error }
        }
        if let failure { throw .rule("block-script-verify-flag-failed (\(failure.rawValue))") }
    }
}
