package import BitcoinPrimitives
package import LightningChain
import LightningTransactions
import LightningWire

// The transactions that take our outputs of a close.
extension ChannelClose {
    /// Which outputs one transaction may take together.
    private enum Group: Hashable {
        /// What nobody else can take.
        case sweep
        /// Of a revoked commitment.
        case penalty
        /// HTLCs in the peer's commitment, while there is time.
        case direct
        /// HTLC transactions of ours in a channel with anchors: those of one lock time, which the peer's signatures bind.
        case steps(lockTime: UInt32)
        /// What is claimed by itself: its time is short, or a claim of several came to nothing.
        case alone(OutPoint)
    }

    /// Inputs of one claim: a cheater's commitment with all HTLCs that it may have takes ten claims.
    private static let maxInputs = 100
    /// Blocks before a deadline within which an output that somebody else may take is claimed by itself.
    private static let sharedMargin = 24

    /// Whether there is an output that can be claimed at the given height.
    package func hasClaims(at height: BlockHeight) -> Bool { outputs.contains { $0.isClaimable(at: height) } }

    /// Makes the claims that can be mined now, and those that were made before again until they are; with more fees as their deadlines near.
    ///
    /// - Parameters:
    ///   - height: of the chain's tip.
    ///   - estimates: what transactions have to pay.
    ///   - script: where the money goes.
    /// - Returns: what to publish, and what the wallet has to pay for first. An output whose claim would cost all of it is given up.
    package mutating func claim(
        at height: BlockHeight, estimates: FeeEstimates, to script: Script, _ channel: ClosingChannel
    ) -> [ClaimAction] {
        var actions: [ClaimAction] = []
        var covered: Set<OutPoint> = []
        var claimable: [OutPoint: Int] = [:]
        for index in outputs.indices where outputs[index].isClaimable(at: height) { claimable[outputs[index].outPoint] = index }
        // What was published before, as it was or with a higher fee.
        for attempt in attempts {
            let indices = attempt.outPoints.compactMap { claimable[$0] }
            guard indices.count == attempt.outPoints.count else { continue }
            covered.formUnion(attempt.outPoints)
            let deadline = indices.compactMap { self.deadline(of: outputs[$0], channel) }.min()
            let rate = Self.feeRate(by: deadline, at: height, estimates)
            let isDue = Self.isBumpDue(attempt, by: deadline, at: height, rate: rate)
            if isDue, indices.count > 1, attempt.isRefused, attempt.refusals > 1 {
                // More did not help. Perhaps it is one of them that layer 1 does not like.
                for index in indices { outputs[index].setbacks = outputs[index].setbacks.addingReportingOverflow(1).partialValue }
                attempts.removeAll { $0 == attempt }
                covered.subtract(attempt.outPoints)
                continue
            }
            if isDue, let action = make(indices, at: height, estimates, to: script, channel, replacing: attempt) {
                actions.append(action)
            } else {
                actions.append(.publish(attempt.transaction))
            }
        }
        // What is new.
        var groups: [(group: Group, indices: [Int])] = []
        for index in outputs.indices where outputs[index].isClaimable(at: height) && !covered.contains(outputs[index].outPoint) {
            let group = group(of: outputs[index], at: height, channel)
            if let last = groups.lastIndex(where: { $0.group == group && $0.indices.count < Self.maxInputs }) {
                groups[last].indices.append(index)
            } else {
                groups.append((group, [index]))
            }
        }
        // The wallet may not have a coin for each: what is worth most comes first.
        func value(_ indices: [Int]) -> UInt64 { indices.reduce(0) { $0 &+ outputs[$1].output.amount.value } }
        let ordered = groups.map { ($0.indices, value($0.indices)) }.sorted { ($0.1, $1.0[0]) > ($1.1, $0.0[0]) }
        for (indices, _) in ordered {
            actions += claimNew(indices, at: height, estimates, to: script, channel)
        }
        return actions
    }

    private func group(of output: Output, at height: BlockHeight, _ channel: ClosingChannel) -> Group {
        guard output.setbacks == 0 else { return .alone(output.outPoint) }
        if let step = output.step {
            // Each by itself takes a coin of the wallet: only where the peer can take one of them from now on.
            if output.role == .receivedHTLC, let deadline = deadline(of: output, channel), deadline <= height + 1 {
                return .alone(output.outPoint)
            }
            return channel.parameters.hasAnchors ? .steps(lockTime: step.transaction.lockTime) : .alone(output.outPoint)
        }
        guard let deadline = deadline(of: output, channel) else { return .sweep }
        if output.role.isHTLC {
            return output.role == .offeredHTLC || deadline - height > Self.sharedMargin ? .direct : .alone(output.outPoint)
        }
        return deadline - height > Self.sharedMargin ? .penalty : .alone(output.outPoint)
    }

    /// A first claim of some outputs together; where they are not worth it together, each by itself.
    private mutating func claimNew(
        _ indices: [Int], at height: BlockHeight, _ estimates: FeeEstimates, to script: Script, _ channel: ClosingChannel
    ) -> [ClaimAction] {
        let worthy = indices.filter { isWorthItsPlace(outputs[$0], at: height, estimates, to: script, channel) }
        if worthy.count > 1, let action = make(worthy, at: height, estimates, to: script, channel, replacing: nil) {
            return [action]
                + indices.filter { !worthy.contains($0) }.compactMap { claimAlone($0, at: height, estimates, to: script, channel) }
        }
        return indices.compactMap { claimAlone($0, at: height, estimates, to: script, channel) }
    }

    private mutating func claimAlone(
        _ index: Int, at height: BlockHeight, _ estimates: FeeEstimates, to script: Script, _ channel: ClosingChannel
    ) -> ClaimAction? {
        if let action = make([index], at: height, estimates, to: script, channel, replacing: nil) { return action }
        outputs[index].status = .abandoned
        return nil
    }

    /// Whether an output brings more than its input costs; HTLC transactions have a fee of their own.
    private func isWorthItsPlace(
        _ output: Output, at height: BlockHeight, _ estimates: FeeEstimates, to script: Script, _ channel: ClosingChannel
    ) -> Bool {
        guard output.step == nil else { return true }
        let weight = claimTransaction([output], to: script, channel).weight
        let rate = Self.feeRate(by: deadline(of: output, channel), at: height, estimates)
        return output.output.amount >= max(rate, .floor).feeRoundedUp(weight: weight)
    }

    /// A transaction that takes some outputs; `nil` where its fee would eat them up, or where it cannot pay what it would have to.
    private mutating func make(
        _ indices: [Int], at height: BlockHeight, _ estimates: FeeEstimates, to script: Script, _ channel: ClosingChannel,
        replacing old: ClaimAttempt?
    ) -> ClaimAction? {
        let claimed = indices.map { outputs[$0] }
        let outPoints = claimed.map(\.outPoint)
        let deadline = claimed.compactMap { self.deadline(of: $0, channel) }.min()
        let rate = max(Self.feeRate(by: deadline, at: height, estimates), .floor)
        let value = claimed.reduce(Satoshi.zero) { $0.saturatingAdding($1.output.amount) }
        if claimed.allSatisfy({ $0.step != nil }) {
            let transaction = stepTransaction(claimed)
            let own = value.subtracting(transaction.outputs.reduce(.zero) { $0.saturatingAdding($1.amount) }) ?? .zero
            guard channel.parameters.hasAnchors else {
                // Its fee was fixed when it was signed.
                guard old == nil, let signed = signStep(claimed, transaction, channel) else { return nil }
                return publish(ClaimAttempt(outPoints: outPoints, transaction: signed, fee: own, height: height), indices, replacing: nil)
            }
            let (wanted, least) = Self.fees(
                replacing: old, weight: transaction.weight + OnChainWallet.coinAndChangeWeight, by: deadline, at: height)
            guard least <= value else { return nil }
            return .fund(
                ClaimFunding(
                    outPoints: outPoints, transaction: transaction, feeRate: rate, leastFee: min(wanted, value), mostFee: value,
                    replacing: old?.transaction.id))
        }
        var transaction = claimTransaction(claimed, to: script, channel)
        let weight = transaction.weight
        let (wanted, leastReplacing) = Self.fees(replacing: old, weight: weight, by: deadline, at: height)
        let least = max(FeeRate.floor.feeRoundedUp(weight: weight), leastReplacing)
        // Where the usual fee would eat the output up, whatever it can pay; only less than the least is given up.
        guard let most = value.subtracting(script.dustLimit), most >= least else { return nil }
        let fee = min(max(rate.feeRoundedUp(weight: weight), wanted, least), most)
        transaction.outputs[0].amount = value - fee
        guard let signed = signClaim(claimed, transaction, channel) else { return nil }
        return publish(ClaimAttempt(outPoints: outPoints, transaction: signed, fee: fee, height: height), indices, replacing: old)
    }

    private mutating func publish(_ attempt: ClaimAttempt, _ indices: [Int], replacing old: ClaimAttempt?) -> ClaimAction {
        var attempt = attempt
        if let old {
            attempt.refusals = old.refusals
            attempts.removeAll { $0 == old }
        }
        attempts.append(attempt)
        let id = attempt.transaction.id
        for index in indices { outputs[index].status = .claiming(id) }
        return .publish(attempt.transaction)
    }

    /// Whether a claim is still what the wallet should pay for: nothing else claims its outputs but what it replaces.
    package func isWanted(_ funding: ClaimFunding) -> Bool {
        attempts.filter { !Set($0.outPoints).isDisjoint(with: funding.outPoints) }.map(\.transaction.id)
            == [funding.replacing].compactMap(\.self)
    }

    /// The wallet has added its inputs to a claim, and signed them.
    ///
    /// - Returns: the whole transaction, for layer 1; `nil` where its outputs have been taken meanwhile.
    package mutating func funded(
        _ funding: ClaimFunding, _ transaction: Transaction, fee: Satoshi, at height: BlockHeight, _ channel: ClosingChannel
    ) -> Transaction? {
        let indices = funding.outPoints.compactMap { outPoint in
            outputs.firstIndex { $0.outPoint == outPoint && $0.isClaimable(at: height) }
        }
        guard isWanted(funding), indices.count == funding.outPoints.count,
            let signed = signStep(indices.map { outputs[$0] }, transaction, channel)
        else { return nil }
        let attempt = ClaimAttempt(outPoints: funding.outPoints, transaction: signed, fee: fee, height: height)
        _ = publish(attempt, indices, replacing: attempts.first { $0.transaction.id == funding.replacing })
        return signed
    }

    /// Layer 1 does not take a claim, because of its fee: the next one pays more.
    ///
    /// - Parameter isConflict: whether something else in the mempool wants one of its outputs: then it may help to claim each by itself.
    /// - Returns: whether it is one of ours.
    package mutating func refused(_ id: TransactionID, isConflict: Bool = true) -> Bool {
        guard let index = attempts.firstIndex(where: { $0.transaction.id == id }), !attempts[index].isRefused else { return false }
        attempts[index].isRefused = true
        if isConflict { attempts[index].refusals = attempts[index].refusals.addingReportingOverflow(1).partialValue }
        return true
    }

    /// What the claims that were mined cost, by their transactions: out of the outputs, or out of the wallet.
    package var claimFees: [TransactionID: Satoshi] {
        var fees: [TransactionID: Satoshi] = [:]
        for attempt in attempts {
            let id = attempt.transaction.id
            let isMined = outputs.contains { output in
                if case .resolved(id, _, _) = output.status { return true }
                return false
            }
            if isMined { fees[id] = attempt.fee }
        }
        return fees
    }
}

extension ChannelClose.Output {
    fileprivate func isClaimable(at height: BlockHeight) -> Bool {
        switch status {
        case .waiting(let from): from <= height
        // An output that was too small for its claim may be worth it at a lower fee rate.
        case .claiming, .abandoned: true
        case .resolved, .unresolved: false
        }
    }
}
