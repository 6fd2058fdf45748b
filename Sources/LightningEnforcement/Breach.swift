import BitcoinPrimitives
import CryptoPrimitives
import LightningTransactions
import LightningWire

// The remote published a commitment that it had revoked: what of it is known at once, and what its records tell.
extension ChannelClose {
    /// Whether an HTLC output of a breach cannot be taken before its record is found.
    package var hasUnknownPenalty: Bool { outputs.contains { $0.role == .penaltyHTLC && $0.witnessScript == nil } }

    /// BOLT 5 "Revoked Transaction Close Handling": everything in it is ours.
    static func revokedOutputs(
        _ transaction: Transaction, _ id: TransactionID, point: PublicKey, _ htlcs: [RevokedHTLC], _ channel: ClosingChannel
    ) -> [Output] {
        let parameters = channel.parameters
        let keys = parameters.keys(holderIsLocal: false, point: point)
        let toLocal = ChannelScripts.toLocal(
            revocation: keys.revocation, delay: parameters.local.toSelfDelay, delayed: keys.holderDelayed)
        var outputs = ownRemoteOutput(transaction, id, channel)
        let anchors = [parameters.local.keys.funding, parameters.remote.keys.funding].map { Script.p2wsh(ChannelScripts.anchor($0)) }
        for (index, output) in transaction.outputs.enumerated() {
            let outPoint = OutPoint(id, UInt32(index))
            if anchors.contains(output.script) || outputs.contains(where: { $0.outPoint == outPoint }) { continue }
            // All that is neither to_local nor ours nor an anchor is an HTLC; which one, the records tell.
            let isToLocal = output.script == .p2wsh(toLocal)
            outputs.append(
                Output(
                    outPoint: outPoint, output: output, role: isToLocal ? .penaltyToLocal : .penaltyHTLC,
                    status: isToLocal ? .waiting(height: 0) : .unresolved, witnessScript: isToLocal ? toLocal : nil))
        }
        identify(&outputs, keys, htlcs, hasAnchors: parameters.hasAnchors)
        return outputs
    }

    /// Finds the HTLC outputs of a breach among HTLCs that the revoked commitment may have held: those can be taken then.
    package mutating func identify(_ htlcs: [RevokedHTLC], _ channel: ClosingChannel) {
        guard let point else { return }
        let parameters = channel.parameters
        Self.identify(&outputs, parameters.keys(holderIsLocal: false, point: point), htlcs, hasAnchors: parameters.hasAnchors)
    }

    private static func identify(_ outputs: inout [Output], _ keys: CommitmentKeys, _ htlcs: [RevokedHTLC], hasAnchors: Bool) {
        var unknown: [Script: [Int]] = [:]
        for (index, output) in outputs.enumerated() where output.role == .penaltyHTLC && output.witnessScript == nil {
            unknown[output.output.script, default: []].append(index)
        }
        guard !unknown.isEmpty, !htlcs.isEmpty else { return }
        let scripts = keys.htlcScripts(hasAnchors: hasAnchors)
        for htlc in htlcs where !unknown.isEmpty {
            let script = htlc.script(scripts)
            for index in unknown.removeValue(forKey: .p2wsh(script)) ?? [] {
                outputs[index].witnessScript = script
                if outputs[index].status == .unresolved { outputs[index].status = .waiting(height: 0) }
            }
        }
    }
}
