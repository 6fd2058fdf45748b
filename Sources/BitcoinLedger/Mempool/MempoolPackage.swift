package import BitcoinPrimitives
package import CryptoPrimitives

/// What became of a package of transactions, the child last.
package struct PackageVerdict: Sendable {
    package enum Result: Sendable {
        /// It is in the mempool, by itself or together with the others named (their positions in the package).
        case accepted(Mempool.Entry, feeRate: UInt64, with: [Int])
        case alreadyKnown(Mempool.Entry)
        case refused(TransactionRefusal)
    }

    /// `nil` if all of it is in the mempool.
    package var refusal: TransactionRefusal?
    /// One for each transaction, or none where the package as such is refused.
    package var results: [Result] = []
    package var replaced: [TransactionID] = []
    package var events: [Ledger.Event] = []
}

extension Ledger {
    /// Takes a child together with its unconfirmed parents, which may pay less than the mempool wants if the child pays
    /// for them.
    ///
    /// - Parameter maximumFeeRate: for each 1000 virtual bytes; a transaction that pays more by itself is refused.
    package mutating func acceptPackage(
        _ package: [Transaction], now: UInt32, maximumFeeRate: Satoshi = .zero
    ) -> PackageVerdict {
        var verdict = PackageVerdict()
        if let reason = Self.malformation(package) {
            verdict.refusal = TransactionRefusal(reason)
            return verdict
        }
        var together: [Int] = []
        var isHopeless = false
        for (position, transaction) in package.enumerated() {
            if let known = mempool.entries[transaction.id] {
                verdict.results.append(.alreadyKnown(known))
                continue
            }
            do throws(TransactionRefusal) {
                let admission = try judge(transaction, now: now)
                if admission.entries[0].pays(moreThan: maximumFeeRate) { throw TransactionRefusal("max feerate exceeded") }
                verdict.replaced += admission.replaced
                verdict.events += enter(admission, now: now)
                verdict.results.append(.accepted(admission.entries[0], feeRate: admission.feeRate, with: [position]))
            } catch {
                verdict.results.append(.refused(error))
                let isMissing = error.reason == "bad-txns-inputs-missingorspent"
                let mayHelp =
                    error.isReconsiderable
                    && (transaction.version == Policy.topologicallyRestrictedVersion
                        || error.reason != "min relay fee not met")
                if package.count > 1, mayHelp || isMissing || error.reason.hasPrefix("insufficient fee") {
                    together.append(position)
                } else {
                    isHopeless = true
                }
            }
        }
        if !isHopeless, !together.isEmpty {
            do throws(TransactionRefusal) {
                let admission = try judgeTogether(together.map { package[$0] }, now: now, failed: &verdict, together)
                for (position, entry) in zip(together, admission.entries) where entry.pays(moreThan: maximumFeeRate) {
                    verdict.results[position] = .refused(TransactionRefusal("max feerate exceeded"))
                    throw TransactionRefusal("max feerate exceeded")
                }
                verdict.replaced += admission.replaced
                verdict.events += enter(admission, now: now)
                for (position, entry) in zip(together, admission.entries) {
                    verdict.results[position] = .accepted(entry, feeRate: admission.feeRate, with: together)
                }
            } catch { verdict.refusal = error }
        } else if isHopeless {
            verdict.refusal = TransactionRefusal("transaction failed")
        }
        for (position, transaction) in package.enumerated() where mempool.entries[transaction.id] == nil {
            if case .refused = verdict.results[position] { continue }
            verdict.results[position] = .refused(TransactionRefusal("mempool full"))
            verdict.refusal = TransactionRefusal("transaction failed")
        }
        return verdict
    }

    /// Whether a list is one child behind its parents, none of which spends from another.
    package static func isChildWithParents(_ package: [Transaction]) -> Bool {
        guard let child = package.last else { return false }
        let parents = Set(package.dropLast().map(\.id))
        let spent = Set(child.inputs.map(\.previousOutput.transaction))
        return parents.isSubset(of: spent)
            && package.dropLast().allSatisfy { parent in
                parent.inputs.allSatisfy { !parents.contains($0.previousOutput.transaction) }
            }
    }

    /// Why a list of transactions is no child with its parents.
    static func malformation(_ package: [Transaction]) -> String? {
        if let reason = disorder(package) { return reason }
        guard package.count > 1 else { return nil }
        let parents = Set(package.last!.inputs.map(\.previousOutput.transaction))
        return package.dropLast().map(\.id).allSatisfy(parents.contains) ? nil : "package-not-child-with-parents"
    }

    /// Why a list of transactions cannot come one after the other.
    static func disorder(_ package: [Transaction]) -> String? {
        if package.count > Policy.maximumPackageCount { return "package-too-many-transactions" }
        if package.count > 1, package.reduce(0, { $0 + $1.weight }) > Policy.maximumPackageWeight {
            return "package-too-large"
        }
        let ids = package.map(\.id)
        guard Set(ids).count == ids.count else { return "package-contains-duplicates" }
        var later = Set(ids)
        var spent: Set<OutPoint> = []
        for (transaction, id) in zip(package, ids) {
            let inputs = transaction.inputs.map(\.previousOutput)
            if inputs.contains(where: { later.contains($0.transaction) }) { return "package-not-sorted" }
            later.remove(id)
            guard spent.isDisjoint(with: inputs) else { return "conflict-in-package" }
            spent.formUnion(inputs)
        }
        return nil
    }

    /// Judges transactions by what they pay in all.
    private func judgeTogether(
        _ package: [Transaction], now: UInt32, failed verdict: inout PackageVerdict, _ positions: [Int]
    ) throws(TransactionRefusal) -> Admission {
        // In a copy the earlier ones can stand, so that the limits of the later ones count them.
        var trial = self
        var strictness = Strictness()
        strictness.isPackage = true
        var candidates: [Candidate] = []
        var conflicts: Set<TransactionID> = []
        for (number, transaction) in package.enumerated() {
            do throws(TransactionRefusal) {
                let candidate = try trial.examine(transaction, now: now, strictness)
                let outside = candidate.conflicts.filter { mempool.entries[$0] != nil }
                if !outside.isEmpty {
                    guard package.count == 2 else {
                        throw TransactionRefusal("package RBF failed: package must be 1-parent-1-child")
                    }
                    conflicts.formUnion(outside)
                    trial.mempool.remove(Array(outside))
                }
                try trial.checkFamily(candidate, replaced: [])
                candidates.append(candidate)
                trial.mempool.insert(candidate.entry)
            } catch {
                // What only the package breaks is said of the package.
                let isAboutPackage =
                    error.reason == "TRUC-violation"
                    && transaction.inputs.contains { input in candidates.contains { $0.entry.id == input.previousOutput.transaction } }
                if isAboutPackage { throw error }
                verdict.results[positions[number]] = .refused(error)
                throw error.reason.hasPrefix("package") ? error : TransactionRefusal("transaction failed")
            }
        }
        let fee = candidates.reduce(Satoshi.zero) { $0 + $1.entry.modifiedFee }
        let size = candidates.reduce(0) { $0 + $1.entry.size }
        do throws(TransactionRefusal) { try checkFloor(fee, size: size, now: now) } catch {
            for position in positions { verdict.results[position] = .refused(error) }
            throw TransactionRefusal("transaction failed")
        }
        let replaced = try checkPackageReplacement(candidates, conflicts, fee: fee, size: size)
        do throws(TransactionRefusal) {
            try checkEphemeralSpends(candidates)
        } catch {
            verdict.results[positions.last!] = .refused(error)
            throw TransactionRefusal("unspent-dust")
        }
        for (position, candidate) in zip(positions, candidates) {
            do throws(TransactionRefusal) { try checkScripts(candidate) } catch {
                verdict.results[position] = .refused(error)
                throw TransactionRefusal("transaction failed")
            }
        }
        return Admission(entries: candidates.map(\.entry), replaced: replaced)
    }

    private func checkPackageReplacement(
        _ candidates: [Candidate], _ conflicts: Set<TransactionID>, fee: Satoshi, size: Int
    ) throws(TransactionRefusal) -> [TransactionID] {
        guard !conflicts.isEmpty, let parent = candidates.first?.entry else { return [] }
        let ids = Set(candidates.map(\.entry.id))
        if candidates.contains(where: { !$0.parents.subtracting(ids).isEmpty }) {
            throw TransactionRefusal("package RBF failed: new transaction cannot have mempool ancestors")
        }
        let replaced: [TransactionID]
        do throws(TransactionRefusal) { replaced = try replacedEntries(conflicts, by: parent) } catch {
            throw TransactionRefusal("package RBF failed: too many potential replacements", error.details)
        }
        try checkPayment(
            fee: fee, size: size, for: replaced, name: "\(candidates.last!.entry.id)",
            reason: "package RBF failed: insufficient anti-DoS fees")
        if parent.modifiedFee.value * UInt64(size) >= fee.value * UInt64(parent.size) {
            throw TransactionRefusal("package RBF failed: package feerate is less than or equal to parent feerate")
        }
        if let why = mempool.unclearTopology(replaced) { throw TransactionRefusal("package RBF failed: \(why)") }
        let (old, new) = mempool.diagrams(replacing: replaced, by: .init(fee: fee.value, size: size))
        guard new.isBetter(than: old) else {
            throw TransactionRefusal("package RBF failed: insufficient feerate: does not improve feerate diagram")
        }
        return replaced
    }
}

extension Ledger {
    /// What would become of a transaction.
    package struct Trial: Sendable {
        package enum Result: Sendable {
            /// Not judged, because another one of the list was refused.
            case none
            /// Not judged, because the list as such makes no sense.
            case disordered(String)
            /// With the ids (of `witnessID`) of those it was judged with.
            case accepted(Mempool.Entry, feeRate: UInt64, with: [Bytes32])
            case refused(TransactionRefusal)
        }

        package var transaction: Transaction
        package var result: Result
    }

    /// What would become of transactions that come one after the other; nothing is changed.
    ///
    /// As in Bitcoin Core each pays for itself here, and the first refusal ends it.
    package func trial(of transactions: [Transaction], now: UInt32) -> [Trial] {
        if let reason = Self.disorder(transactions) {
            return transactions.map { Trial(transaction: $0, result: .disordered(reason)) }
        }
        var trials = transactions.map { Trial(transaction: $0, result: .none) }
        var copy = self
        for (position, transaction) in transactions.enumerated() {
            do throws(TransactionRefusal) {
                let admission = try copy.judge(transaction, now: now)
                let entry = admission.entries[0]
                trials[position].result = .accepted(entry, feeRate: admission.feeRate, with: [entry.witnessID])
                if transactions.count > 1 { _ = copy.enter(admission, now: now) }
            } catch {
                trials[position].result = .refused(error)
                for other in trials.indices where other != position { trials[other].result = .none }
                break
            }
        }
        return trials
    }
}
