package import BitcoinPrimitives
import CryptoPrimitives

/// A verdict that a transaction, or a parent with the child that pays for it, may enter the mempool.
///
/// It holds for the ledger that gave it, until that changes. A driver stores what enters and leaves, and then applies it.
package struct Admission: Sendable {
    /// The entries, parents first.
    package internal(set) var entries: [Mempool.Entry]
    /// What leaves for them: direct conflicts, and all that spend from those.
    package internal(set) var replaced: [TransactionID]

    /// The fee rate by which they were judged, in satoshi for each 1000 virtual bytes.
    package var feeRate: UInt64 {
        let size = entries.reduce(0) { $0 + $1.size }
        return entries.reduce(0) { $0 + $1.modifiedFee.value } * 1000 / UInt64(max(size, 1))
    }
}

extension Ledger {
    /// A transaction on its way into the mempool.
    struct Candidate {
        var entry: Mempool.Entry
        var coins: [Coin]
        var parents: Set<TransactionID>
        /// Transactions of the mempool that spend the same outputs, and a sibling that BIP 431 lets it evict.
        var conflicts: Set<TransactionID>
        var evictsSibling = false
    }

    /// How strictly a transaction is judged.
    struct Strictness {
        /// Those of disconnected blocks come back whatever they pay.
        var isReturning = false
        /// The fee is judged for the whole package.
        var isPackage = false
        /// Outputs of the package's earlier transactions.
        var packageOutputs: [OutPoint: TransactionOutput] = [:]
    }

    /// The rate that a transaction must pay now, in satoshi for each 1000 virtual bytes.
    package func minimumFeeRate(now: UInt32) -> UInt64 {
        max(policy.minimumRelayFeeRate, mempool.floor.minimum(now: now, usage: mempool.usage, policy: policy))
    }

    /// Judges a transaction and changes nothing; throws Bitcoin Core's reason.
    package func judge(_ transaction: Transaction, now: UInt32) throws(TransactionRefusal) -> Admission {
        try judge(transaction, now: now, Strictness())
    }

    func judge(
        _ transaction: Transaction, now: UInt32, _ strictness: Strictness
    ) throws(TransactionRefusal) -> Admission {
        let candidate = try examine(transaction, now: now, strictness)
        if !strictness.isReturning { try checkEphemeralSpends([candidate]) }
        let replaced = try checkReplacement(candidate)
        try checkFamily(candidate, replaced: replaced)
        try checkScripts(candidate)
        return Admission(entries: [candidate.entry], replaced: replaced)
    }

    /// Puts into the mempool what was judged good; what entered and left.
    ///
    /// A transaction that pays too little for a full mempool may leave at once.
    package mutating func enter(_ admission: Admission, now: UInt32) -> [Event] {
        var events: [Event] = mempool.remove(admission.replaced).map { .removed($0) }
        for entry in admission.entries {
            mempool.insert(entry)
            events.append(.accepted(entry.transaction))
        }
        return events + limitMempool(now: now)
    }

    mutating func limitMempool(now: UInt32) -> [Event] {
        let expired = now > policy.mempoolExpiry ? mempool.expire(before: now - policy.mempoolExpiry) : []
        let evicted = mempool.trim(to: policy.maximumMempoolUsage, now: now, policy: policy)
        return (expired + evicted).map { .removed($0) }
    }

    /// Counts a transaction as paying more or less than it does, in satoshi, until it is mined; also before it is here.
    ///
    /// - Returns: `false` where that is more than can be counted with; then nothing has changed.
    package mutating func prioritise(_ id: TransactionID, by delta: Int64) -> Bool { mempool.prioritise(id, by: delta) }

    /// Takes a transaction into the mempool, or throws Bitcoin Core's reason and changes nothing.
    package mutating func accept(_ transaction: Transaction, now: UInt32) throws(TransactionRefusal) -> [Event] {
        let events = enter(try judge(transaction, now: now), now: now)
        if mempool.entries[transaction.id] == nil { throw TransactionRefusal("mempool full") }
        return events
    }

    // MARK: The steps of a judgement, in Bitcoin Core's order

    func examine(
        _ transaction: Transaction, now: UInt32, _ strictness: Strictness
    ) throws(TransactionRefusal) -> Candidate {
        try TransactionRules.checkForm(transaction)
        if transaction.isCoinbase { throw TransactionRefusal("coinbase") }
        try Standardness.check(transaction, policy)
        let next = height + 1
        guard TransactionRules.isFinal(transaction, height: next, medianTimePast: medianTimePast(height: height))
        else { throw TransactionRefusal("non-final") }
        let id = transaction.id
        let witnessID = transaction.witnessID
        if let known = mempool.entries[id] {
            throw TransactionRefusal(
                known.witnessID == witnessID ? "txn-already-in-mempool" : "txn-same-nonwitness-data-in-mempool")
        }
        let coins = try spendableCoins(transaction, id: id, strictness)
        guard
            TransactionRules.meetsSequenceLocks(
                transaction, coins: coins, height: next, medianTimePast: { medianTimePast(height: $0) })
        else { throw TransactionRefusal("non-BIP68-final") }
        let fee = try TransactionRules.checkInputs(
            transaction, coins: coins, height: next, maturity: parameters.coinbaseMaturity)
        try Standardness.check(transaction, spending: coins)
        let operations = TransactionRules.signatureOperationCost(transaction, coins: coins)
        let weight = transaction.weight
        let size = (max(weight, operations * Policy.bytesPerSignatureOperation) + 3) / 4
        if fee > .zero, !Standardness.dust(of: transaction, policy).isEmpty {
            throw TransactionRefusal("dust", "tx with dust output must be 0-fee")
        }
        if operations > Policy.maximumSignatureOperationCost {
            throw TransactionRefusal("bad-txns-too-many-sigops", "\(operations)")
        }
        var entry = Mempool.Entry(
            transaction: transaction, id: id, witnessID: witnessID, fee: fee, weight: weight, size: size,
            signatureOperationCost: operations, time: now, height: height)
        entry.feeDelta = mempool.feeDeltas[id] ?? 0
        if !strictness.isReturning {
            try checkFee(entry.modifiedFee, size: size, version: transaction.version, now: now, isPackage: strictness.isPackage)
        }
        let conflicts = Set(transaction.inputs.compactMap { mempool.spender(of: $0.previousOutput) })
        var candidate = Candidate(
            entry: entry, coins: coins, parents: mempool.parents(of: transaction), conflicts: conflicts)
        if !strictness.isReturning { try checkTopology(&candidate, mayEvictSibling: !strictness.isPackage) }
        return candidate
    }

    /// The coins a transaction spends: of the chain, of the mempool, or of the package it came with.
    private func spendableCoins(
        _ transaction: Transaction, id: TransactionID, _ strictness: Strictness
    ) throws(TransactionRefusal) -> [Coin] {
        var result: [Coin] = []
        result.reserveCapacity(transaction.inputs.count)
        for input in transaction.inputs {
            let outPoint = input.previousOutput
            if let coin = coins[outPoint] {
                result.append(coin)
            } else if let output = mempool.output(outPoint) ?? strictness.packageOutputs[outPoint] {
                result.append(Coin(output, height: height + 1, isCoinbase: false))
            } else {
                let isKnown = transaction.outputs.indices.contains { coins[OutPoint(id, UInt32($0))] != nil }
                throw TransactionRefusal(isKnown ? "txn-already-known" : "bad-txns-inputs-missingorspent")
            }
        }
        return result
    }

    private func checkFee(
        _ fee: Satoshi, size: Int, version: UInt32, now: UInt32, isPackage: Bool
    ) throws(TransactionRefusal) {
        let relay = Policy.fee(rate: policy.minimumRelayFeeRate, size: size)
        // A child may leave again, so it cannot lift its parent above the relay floor; only BIP 431's pairs stay together.
        if fee < relay, !isPackage || version != Policy.topologicallyRestrictedVersion {
            throw TransactionRefusal("min relay fee not met", "\(fee.value) < \(relay.value)")
        }
        guard !isPackage else { return }
        try checkFloor(fee, size: size, now: now)
    }

    func checkFloor(_ fee: Satoshi, size: Int, now: UInt32) throws(TransactionRefusal) {
        let floor = Policy.fee(
            rate: mempool.floor.minimum(now: now, usage: mempool.usage, policy: policy), size: size)
        if fee < floor { throw TransactionRefusal("mempool min fee not met", "\(fee.value) < \(floor.value)") }
        let relay = Policy.fee(rate: policy.minimumRelayFeeRate, size: size)
        if fee < relay { throw TransactionRefusal("min relay fee not met", "\(fee.value) < \(relay.value)") }
    }

    /// BIP 431: version 3 transactions come alone or as one parent with one small child.
    private func checkTopology(_ candidate: inout Candidate, mayEvictSibling: Bool) throws(TransactionRefusal) {
        func name(_ entry: Mempool.Entry) -> String { "\(entry.id) (wtxid=\(entry.witnessID.reversed.hex))" }
        let entry = candidate.entry
        let restricted = Policy.topologicallyRestrictedVersion
        let isRestricted = entry.transaction.version == restricted
        for id in candidate.parents.sorted() {
            let parent = mempool.entries[id]!
            let parentIsRestricted = parent.transaction.version == restricted
            if isRestricted != parentIsRestricted {
                throw TransactionRefusal(
                    "TRUC-violation",
                    isRestricted
                        ? "version=3 tx \(name(entry)) cannot spend from non-version=3 tx \(name(parent))"
                        : "non-version=3 tx \(name(entry)) cannot spend from version=3 tx \(name(parent))")
            }
        }
        guard isRestricted else { return }
        if entry.size > Policy.topologicallyRestrictedSize {
            throw TransactionRefusal(
                "TRUC-violation",
                "version=3 tx \(name(entry)) is too big: \(entry.size) > \(Policy.topologicallyRestrictedSize) virtual bytes")
        }
        guard let parentID = candidate.parents.first else { return }
        let parent = mempool.entries[parentID]!
        if candidate.parents.count > 1 || parent.ancestors.count > 1 {
            throw TransactionRefusal("TRUC-violation", "tx \(name(entry)) would have too many ancestors")
        }
        if entry.size > Policy.topologicallyRestrictedChildSize {
            throw TransactionRefusal(
                "TRUC-violation",
                "version=3 child tx \(name(entry)) is too big: \(entry.size) > \(Policy.topologicallyRestrictedChildSize) virtual bytes"
            )
        }
        let siblings = mempool.descendants(of: [parentID]).filter { $0 != parentID }
        guard !siblings.isEmpty, !siblings.contains(where: candidate.conflicts.contains) else { return }
        guard mayEvictSibling, siblings.count == 1, mempool.entries[siblings[0]]!.ancestors.count == 2 else {
            throw TransactionRefusal("TRUC-violation", "tx \(name(parent)) would exceed descendant count limit")
        }
        candidate.conflicts.insert(siblings[0])
        candidate.evictsSibling = true
    }

    /// The limits on unconfirmed ancestors and descendants.
    func checkFamily(_ candidate: Candidate, replaced: [TransactionID]) throws(TransactionRefusal) {
        let leaving = Set(replaced)
        let entry = candidate.entry
        let ancestors = mempool.ancestors(of: candidate.parents)
        // Bitcoin Core grants a replacement the room of what it replaces, where that is one transaction.
        let single = candidate.conflicts.count == 1 ? mempool.entries[candidate.conflicts.first!] : nil
        func violation(descendants: Int, ancestorLimit: Int, extraSize: Int) -> String? {
            var size = entry.size
            for id in ancestors {
                let ancestor = mempool.entries[id]!
                size += ancestor.size
                let freed = single.map { leaving.contains($0.id) && $0.parents.contains(id) } ?? false
                let room = policy.maximumDescendantSize + extraSize + (freed ? single!.size : 0)
                if ancestor.descendants.size + entry.size > room {
                    return "exceeds descendant size limit for tx \(id) [limit: \(policy.maximumDescendantSize)]"
                }
                if ancestor.descendants.count + 1 > descendants + (freed ? 1 : 0) {
                    return "too many descendants for tx \(id) [limit: \(descendants)]"
                }
            }
            if ancestors.count + 1 > ancestorLimit { return "too many unconfirmed ancestors [limit: \(ancestorLimit)]" }
            if size > policy.maximumAncestorSize {
                return "exceeds ancestor size limit [limit: \(policy.maximumAncestorSize)]"
            }
            return nil
        }
        guard
            let reason = violation(
                descendants: policy.maximumDescendantCount, ancestorLimit: policy.maximumAncestorCount, extraSize: 0)
        else { return }
        // One more small child of a single parent is allowed, so that either side of a contract can bump its fee
        // although the other has filled the limits.
        let mayCarveOut =
            entry.size <= Policy.carveOutSize && entry.transaction.version != Policy.topologicallyRestrictedVersion
            && violation(
                descendants: policy.maximumDescendantCount + 1, ancestorLimit: 2, extraSize: Policy.carveOutSize) == nil
        if !mayCarveOut { throw TransactionRefusal("too-long-mempool-chain", reason) }
    }

    /// Dust is only allowed where a child takes it away at once.
    func checkEphemeralSpends(_ package: [Candidate]) throws(TransactionRefusal) {
        for candidate in package where package.count > 1 || !candidate.parents.isEmpty {
            let spent = Set(candidate.entry.transaction.inputs.map(\.previousOutput))
            for id in Set(spent.map(\.transaction)).sorted() {
                let parent = mempool.entries[id] ?? package.first { $0.entry.id == id }?.entry
                guard let parent else { continue }
                for position in Standardness.dust(of: parent.transaction, policy)
                where !spent.contains(OutPoint(id, UInt32(position))) {
                    throw TransactionRefusal(
                        "missing-ephemeral-spends",
                        "tx \(candidate.entry.id) (wtxid=\(candidate.entry.witnessID.reversed.hex)) did not spend parent's ephemeral dust"
                    )
                }
            }
        }
    }

    func checkScripts(_ candidate: Candidate) throws(TransactionRefusal) {
        let verifier = ScriptVerifier(
            candidate.entry.transaction, spent: candidate.coins.map(\.output), flags: .standard,
            cache: SignatureCacheUse(cache: signatures, remembers: true))
        for input in candidate.entry.transaction.inputs.indices {
            do throws(ScriptFailure) {
                try verifier.verify(input: input)
            } catch {
                throw TransactionRefusal(
                    "mempool-script-verify-flag-failed (\(error.rawValue))",
                    "input \(input) of \(candidate.entry.id), spending \(candidate.entry.transaction.inputs[input].previousOutput)")
            }
        }
    }

    // MARK: Following the chain

    /// Lets the mempool follow the chain: mined and contradicted ones leave, those of lost blocks come back.
    mutating func updateMempool(
        after blocks: [Block], returned: [Transaction], hasLost: Bool, now: UInt32
    ) -> [Event] {
        var events: [Event] = []
        if !blocks.isEmpty { mempool.floor.blockConnected(now: now) }
        if !mempool.entries.isEmpty {
            for block in blocks {
                for transaction in block.transactions {
                    mempool.removeMined(transaction.id)
                    let rivals = transaction.inputs.compactMap { mempool.spender(of: $0.previousOutput) }
                    events += mempool.remove(rivals).map { .removed($0) }
                }
            }
        }
        guard hasLost, !(returned.isEmpty && mempool.entries.isEmpty) else { return events }
        // After a reorganization everything is judged again, parents first; signatures are remembered. Also where the
        // lost blocks had no payments: coinbases may be gone or too young again, and lock times not reached.
        let former = mempool.ordered
        let floor = mempool.floor
        mempool = Mempool()
        mempool.floor = floor
        var strictness = Strictness()
        strictness.isReturning = true
        for (transaction, time) in returned.map({ ($0, now) }) + former.map({ ($0.transaction, $0.time) }) {
            do throws(TransactionRefusal) {
                let admission = try judge(transaction, now: time, strictness)
                mempool.remove(admission.replaced)
                for entry in admission.entries { mempool.insert(entry) }
            } catch {
                let id = transaction.id
                if location(id) == nil, mempool.entries[id] == nil { events.append(.removed(id)) }
            }
        }
        mempool.sortArrivals()
        return events + limitMempool(now: now)
    }

    /// Takes back transactions that were in the mempool before, in any order, as a storage has them.
    ///
    /// They paid enough when they came, so fees are not judged again; all else is.
    /// - Returns: those that can no longer be there.
    package mutating func restore(_ stored: [(transaction: Transaction, time: UInt32)]) -> [TransactionID] {
        var strictness = Strictness()
        strictness.isReturning = true
        var waiting = stored
        // Parents may come after their children: another pass for as long as one helps.
        while true {
            var left: [(transaction: Transaction, time: UInt32)] = []
            for (transaction, time) in waiting {
                do throws(TransactionRefusal) {
                    let admission = try judge(transaction, now: time, strictness)
                    mempool.remove(admission.replaced)
                    for entry in admission.entries { mempool.insert(entry) }
                } catch { left.append((transaction, time)) }
            }
            let helped = left.count < waiting.count
            waiting = left
            if !helped || left.isEmpty { break }
        }
        mempool.sortArrivals()
        return waiting.map(\.transaction.id)
    }
}
