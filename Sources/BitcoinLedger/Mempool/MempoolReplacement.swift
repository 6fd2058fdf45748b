package import BitcoinPrimitives

// Replacement by fee as Bitcoin Core has it since version 28: every transaction may be replaced, whatever it signals,
// by one that pays for it (BIP 125's rules 2 to 5).
extension Ledger {
    /// What a candidate replaces, itself and all that spend from it; throws where it does not pay for that.
    func checkReplacement(_ candidate: Candidate) throws(TransactionRefusal) -> [TransactionID] {
        guard !candidate.conflicts.isEmpty else { return [] }
        let entry = candidate.entry
        let note = candidate.evictsSibling ? " (including sibling eviction)" : ""
        let ancestors = mempool.ancestors(of: candidate.parents)
        if let own = ancestors.first(where: candidate.conflicts.contains) {
            throw TransactionRefusal(
                "bad-txns-spends-conflicting-tx", "\(entry.id) spends conflicting transaction \(own)")
        }
        // The rate must be above that of each transaction that it contradicts directly.
        for id in candidate.conflicts.sorted() {
            let old = mempool.entries[id]!
            if entry.modifiedFee.value * UInt64(old.size) <= old.modifiedFee.value * UInt64(entry.size) {
                throw TransactionRefusal(
                    "insufficient fee\(note)",
                    "rejecting replacement \(entry.id); new feerate \(rate(entry)) BTC/kvB <= old feerate \(rate(old)) BTC/kvB")
            }
        }
        // Rule 5: "The number of original transactions … must not exceed a total of 100 transactions".
        let replaced = try replacedEntries(candidate.conflicts, by: entry, note: note)
        // Rule 2: "The replacement transaction may only include an unconfirmed input if that input was included in one
        // of the original transactions."
        var oldParents: Set<TransactionID> = []
        for id in candidate.conflicts {
            oldParents.formUnion(mempool.entries[id]!.transaction.inputs.map(\.previousOutput.transaction))
        }
        for (position, input) in entry.transaction.inputs.enumerated() {
            let source = input.previousOutput.transaction
            if mempool.entries[source] != nil, !oldParents.contains(source), !candidate.evictsSibling {
                throw TransactionRefusal(
                    "replacement-adds-unconfirmed",
                    "replacement \(entry.id) adds unconfirmed input, idx \(position)")
            }
        }
        try checkPayment(
            fee: entry.modifiedFee, size: entry.size, for: replaced, name: "\(entry.id)", reason: "insufficient fee\(note)")
        return replaced
    }

    /// The conflicts with all that spend from them, if they are not too many.
    func replacedEntries(
        _ conflicts: Set<TransactionID>, by entry: Mempool.Entry, note: String = ""
    ) throws(TransactionRefusal) -> [TransactionID] {
        let count = conflicts.reduce(0) { $0 + mempool.entries[$1]!.descendants.count }
        if count > Policy.maximumReplacements {
            throw TransactionRefusal(
                "too many potential replacements\(note)",
                "rejecting replacement \(entry.id); too many potential replacements (\(count) > \(Policy.maximumReplacements))")
        }
        return mempool.descendants(of: conflicts)
    }

    /// Rules 3 and 4: "an absolute fee of at least the sum paid by the original transactions", and for its own
    /// bandwidth "at or above the rate set by the node's minimum relay fee setting".
    func checkPayment(
        fee: Satoshi, size: Int, for replaced: [TransactionID], name: String, reason: String
    ) throws(TransactionRefusal) {
        let old = replaced.reduce(Satoshi.zero) { $0 + mempool.entries[$1]!.modifiedFee }
        guard let additional = fee.subtracting(old) else {
            throw TransactionRefusal(
                reason,
                "rejecting replacement \(name), less fees than conflicting txs; \(Decimal8(fee)) < \(Decimal8(old))")
        }
        let needed = Policy.fee(rate: policy.incrementalRelayFeeRate, size: size)
        if additional < needed {
            throw TransactionRefusal(
                reason,
                "rejecting replacement \(name), not enough additional fees to relay; \(Decimal8(additional)) < \(Decimal8(needed))")
        }
    }

    private func rate(_ entry: Mempool.Entry) -> Decimal8 {
        Decimal8(Satoshi(entry.modifiedFee.value * 1000 / UInt64(entry.size)))
    }
}

/// An amount as bitcoin with eight decimals.
package struct Decimal8: CustomStringConvertible {
    package let description: String

    package init(_ amount: Satoshi) {
        let fraction = String(amount.value % 100_000_000)
        description =
            "\(amount.value / 100_000_000)." + String(repeating: "0", count: 8 - fraction.count) + fraction
    }
}
