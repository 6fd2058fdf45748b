package import BitcoinPrimitives
import LightningTransactions
import LightningWire

// What becomes of a close's outputs: spent in a block, or open again after a reorganization.
extension ChannelClose {
    /// A transaction in a block spends one of `watchedOutPoints`.
    package mutating func spent(_ outPoint: OutPoint, by transaction: Transaction, height: BlockHeight, _ channel: ClosingChannel) {
        guard let index = outputs.firstIndex(where: { $0.outPoint == outPoint }) else { return }
        let transactionID = transaction.id
        // Not by what it pays: a cheater can add an output of ours to its own transaction. Only the witness of this very
        // input tells who spent it.
        let witness = transaction.inputs.first { $0.previousOutput == outPoint }?.witness ?? []
        let isOurs = isOwnClaim(witness, of: outputs[index], channel)
        outputs[index].status = .resolved(by: transactionID, height: height, isOurs: isOurs)
        // A claim of several outputs of which one went another way can never be mined: the others are claimed by themselves.
        for attempt in attempts where attempt.outPoints.contains(outPoint) && attempt.transaction.id != transactionID {
            for other in outputs.indices where other != index && attempt.outPoints.contains(outputs[other].outPoint) {
                outputs[other].setbacks = outputs[other].setbacks.addingReportingOverflow(1).partialValue
            }
        }
        attempts.removeAll { $0.outPoints.contains(outPoint) && $0.transaction.id != transactionID }
        // A version that a later one was to replace, and that was mined all the same: what it cost belongs to what the close cost.
        if isOurs, !attempts.contains(where: { $0.transaction.id == transactionID }), let fee = fee(ofClaim: transaction) {
            attempts.append(
                ClaimAttempt(
                    outPoints: transaction.inputs.map(\.previousOutput), transaction: transaction, fee: fee, height: height))
        }
        if isOurs, outputs[index].step != nil { addSecondLevel(of: outputs[index], transaction, height: height, channel) }
        // A cheater may take an HTLC to its second step first; its output carries the same revocation key.
        guard outputs[index].role == .penaltyHTLC, !isOurs, let point else { return }
        let parameters = channel.parameters
        let keys = parameters.keys(holderIsLocal: false, point: point)
        let script = ChannelScripts.toLocal(
            revocation: keys.revocation, delay: parameters.local.toSelfDelay, delayed: keys.holderDelayed)
        let known = Set(outputs.map(\.outPoint))
        let dust = script.dustLimit
        for (position, output) in transaction.outputs.enumerated() where output.script == .p2wsh(script) {
            let target = OutPoint(transactionID, UInt32(position))
            // A cheater may add as many outputs as a block holds: what no claim could pay for is not looked at.
            if output.amount < dust || known.contains(target) { continue }
            outputs.append(
                Output(
                    outPoint: target, output: output, role: .penaltySecondLevel, status: .waiting(height: 0), witnessScript: script))
        }
    }

    /// BOLT 5: "MUST resolve the output of that HTLC-timeout transaction", and of an HTLC-success transaction: it is ours after our delay.
    private mutating func addSecondLevel(of output: Output, _ transaction: Transaction, height: BlockHeight, _ channel: ClosingChannel) {
        guard let point, let input = transaction.inputs.firstIndex(where: { $0.previousOutput == output.outPoint }),
            transaction.outputs.indices.contains(input)
        else { return }
        let parameters = channel.parameters
        let keys = parameters.keys(holderIsLocal: true, point: point)
        let delay = parameters.remote.toSelfDelay
        let script = ChannelScripts.toLocal(revocation: keys.revocation, delay: delay, delayed: keys.holderDelayed)
        // The peer's signature binds this input to the output of the same place.
        guard transaction.outputs[input].script == .p2wsh(script) else { return }
        var second = Output(
            outPoint: OutPoint(transaction.id, UInt32(input)), output: transaction.outputs[input], role: .secondLevel,
            status: .waiting(height: height + Int(delay) - 1), witnessScript: script)
        second.htlc = output.htlc
        if !outputs.contains(where: { $0.outPoint == second.outPoint }) { outputs.append(second) }
    }

    /// What a claim pays that spends outputs of the close alone; `nil` where the wallet has paid for it.
    private func fee(ofClaim transaction: Transaction) -> Satoshi? {
        var sum = Satoshi.zero
        for input in transaction.inputs {
            guard let output = outputs.first(where: { $0.outPoint == input.previousOutput }) else { return nil }
            sum = sum.saturatingAdding(output.output.amount)
        }
        return sum.subtracting(transaction.outputs.reduce(.zero) { $0.saturatingAdding($1.amount) })
    }

    /// Whether a witness took the path that only we can take.
    private func isOwnClaim(_ witness: [[UInt8]], of output: Output, _ channel: ClosingChannel) -> Bool {
        switch output.role {
        // Only our key can spend it.
        case .toRemote: true
        // <sig> <> <script> is the delayed path; <sig> 1 <script> the revocation path.
        case .delayedToLocal, .secondLevel: witness.count == 3 && witness[1].isEmpty
        case .penaltyToLocal, .penaltySecondLevel: witness.count == 3 && witness[1] == [1]
        case .penaltyHTLC: witness.count == 3 && witness[1] == revocationKey(channel)
        // The way through both signatures is that of the commitment's holder; the counterparty spends with its own alone.
        case .offeredHTLC, .receivedHTLC: witness.count == (kind == .localCommitment ? 5 : 3)
        case .htlc: false
        }
    }

    /// A block left the active chain that did not hold the closing transaction itself: what it had resolved is open again.
    ///
    /// - Parameter height: of the block.
    /// - Returns: whether anything has changed.
    package mutating func disconnected(height: BlockHeight) -> Bool {
        var undone: Set<TransactionID> = []
        var isChanged = false
        for index in outputs.indices {
            guard case .resolved(let spender, let resolvedAt, _) = outputs[index].status, resolvedAt == height else { continue }
            undone.insert(spender)
            // An HTLC is as unresolved as it was; a claim is published again.
            outputs[index].status = opened(outputs[index])
            isChanged = true
        }
        let gone = Set(
            outputs.filter { [.penaltySecondLevel, .secondLevel].contains($0.role) && undone.contains($0.outPoint.transaction) }.map(
                \.outPoint))
        outputs.removeAll { gone.contains($0.outPoint) }
        attempts.removeAll { !gone.isDisjoint(with: $0.outPoints) }
        return isChanged
    }

    /// What an output's status is while nobody has spent it.
    private func opened(_ output: Output) -> Status {
        let htlc = htlcs.first { $0.key == output.htlc }
        return switch output.role {
        case .htlc: .unresolved
        case .penaltyHTLC where output.witnessScript == nil: .unresolved
        case .receivedHTLC where htlc?.preimage == nil: .unresolved
        case .offeredHTLC: .waiting(height: htlc.map { $0.cltvExpiry.height } ?? 0)
        // Whether its delay is over the chain knows as well.
        case .delayedToLocal, .toRemote, .penaltyToLocal, .penaltyHTLC, .penaltySecondLevel, .receivedHTLC, .secondLevel:
            .waiting(height: 0)
        }
    }
}
