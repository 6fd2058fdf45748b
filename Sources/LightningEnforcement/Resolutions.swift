package import BitcoinPrimitives
import LightningTransactions
import LightningWire

// What becomes of a close's outputs: spent in a block, or open again after a reorganization.
extension ChannelClose {
    /// A transaction in a block spends one of `watchedOutPoints`.
    package mutating func spent(_ outPoint: OutPoint, by transaction: Transaction, height: Int, _ channel: ClosingChannel) {
        guard let index = outputs.firstIndex(where: { $0.outPoint == outPoint }) else { return }
        let transactionID = transaction.id
        // Not by what it pays: a cheater can add an output of ours to its own transaction. Only the witness of this very
        // input tells who spent it.
        let witness = transaction.inputs.first { $0.previousOutput == outPoint }?.witness ?? []
        let isOurs = isOwnClaim(witness, of: outputs[index], channel)
        outputs[index].status = .resolved(by: transactionID, height: height, isOurs: isOurs)
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

    /// Whether a witness took the path that only we can take.
    private func isOwnClaim(_ witness: [[UInt8]], of output: Output, _ channel: ClosingChannel) -> Bool {
        switch output.role {
        // Only our key can spend it.
        case .toRemote: true
        // <sig> <> <script> is the delayed path; <sig> 1 <script> the revocation path.
        case .delayedToLocal: witness.count == 3 && witness[1].isEmpty
        case .penaltyToLocal, .penaltySecondLevel: witness.count == 3 && witness[1] == [1]
        case .penaltyHTLC: witness.count == 3 && witness[1] == revocationKey(channel)
        case .htlc: false
        }
    }

    /// A block left the active chain that did not hold the closing transaction itself: what it had resolved is open again.
    ///
    /// - Parameter height: of the block.
    /// - Returns: whether anything has changed.
    package mutating func disconnected(height: Int) -> Bool {
        var undone: Set<TransactionID> = []
        var isChanged = false
        for index in outputs.indices {
            guard case .resolved(let spender, let resolvedAt, _) = outputs[index].status, resolvedAt == height else { continue }
            undone.insert(spender)
            // An HTLC is as unresolved as it was; a claim is published again.
            let output = outputs[index]
            let isUnknown = output.role == .htlc || output.role == .penaltyHTLC && output.witnessScript == nil
            outputs[index].status = isUnknown ? .unresolved : .waiting(height: 0)
            isChanged = true
        }
        outputs.removeAll { $0.role == .penaltySecondLevel && undone.contains($0.outPoint.transaction) }
        return isChanged
    }
}
