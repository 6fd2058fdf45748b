import BitcoinPrimitives
import CryptoPrimitives
import LightningTransactions
import LightningWire

// The remote published a commitment that it had revoked: what of it is known at once, and what its records tell.
extension PaymentChannel {
    /// BOLT 5 "Revoked Transaction Close Handling": everything in it is ours.
    func revokedOutputs(
        _ transaction: Transaction, _ id: TransactionID, number: UInt64, point: PublicKey
    ) -> [ChannelClose.Output] {
        let keys = parameters.keys(holderIsLocal: false, point: point)
        let toLocal = ChannelScripts.toLocal(
            revocation: keys.revocation, delay: parameters.local.toSelfDelay, delayed: keys.holderDelayed)
        var outputs = ownRemoteOutput(transaction, id)
        let anchors = [parameters.local.keys.funding, parameters.remote.keys.funding].map { Script.p2wsh(ChannelScripts.anchor($0)) }
        for (index, output) in transaction.outputs.enumerated() {
            let outPoint = OutPoint(id, UInt32(index))
            if anchors.contains(output.script) || outputs.contains(where: { $0.outPoint == outPoint }) { continue }
            // All that is neither to_local nor ours nor an anchor is an HTLC; which one, the records tell.
            let isToLocal = output.script == .p2wsh(toLocal)
            outputs.append(
                .init(
                    outPoint: outPoint, output: output, role: isToLocal ? .penaltyToLocal : .penaltyHTLC,
                    status: isToLocal ? .waiting(height: 0) : .unresolved, witnessScript: isToLocal ? toLocal : nil))
        }
        identify(&outputs, keys, commitments.orderedHTLCs.map(RevokedHTLC.init))
        return outputs
    }

    /// Finds the scripts of HTLC outputs of a revoked commitment: then they can be taken.
    private func identify(_ outputs: inout [ChannelClose.Output], _ keys: CommitmentKeys, _ htlcs: [RevokedHTLC]) {
        var unknown: [Script: [Int]] = [:]
        for (index, output) in outputs.enumerated() where output.role == .penaltyHTLC && output.witnessScript == nil {
            unknown[output.output.script, default: []].append(index)
        }
        for htlc in htlcs where !unknown.isEmpty {
            let script = htlc.script(keys, hasAnchors: parameters.hasAnchors)
            for index in unknown.removeValue(forKey: .p2wsh(script)) ?? [] {
                outputs[index].witnessScript = script
                if outputs[index].status == .unresolved { outputs[index].status = .waiting(height: 0) }
            }
        }
    }

    /// Asks for records of revoked HTLCs, if an output of a breach cannot be taken without them; after a restart again.
    func wantRevoked() -> [ChannelEffect] {
        guard case .closing(let close) = phase, close.kind == .revokedCommitment, close.hasUnknownPenalty else { return [] }
        return [.needsRevokedHTLCs(RevokedHTLCLog.query(commitment: close.commitmentNumber ?? 0))]
    }

    /// Takes the records that `needsRevokedHTLCs` asked for, and asks for more where outputs are still not known.
    mutating func takeRevoked(
        _ query: RevokedHTLCQuery, _ records: [(key: [UInt8], record: [UInt8])], _ environment: ChannelEnvironment
    ) -> [ChannelEffect] {
        guard case .closing(var close) = phase, close.kind == .revokedCommitment, let point = close.point else { return [] }
        var htlcs = revokedHTLCs.current
        var effects: [ChannelEffect] = []
        for (_, record) in records {
            // What the others tell is taken all the same.
            do throws(DecodingFailure) { htlcs += try RevokedHTLCLog.decode(record) } catch {
                effects = [.alert("channel \(id): records of revoked HTLCs cannot be read: \(error)")]
            }
        }
        identify(&close.outputs, parameters.keys(holderIsLocal: false, point: point), htlcs)
        if phase != .closing(close) {
            phase = .closing(close)
            isChanged = true
        }
        guard close.hasUnknownPenalty else { return effects + claim(environment) }
        let next = RevokedHTLCLog.next(after: query, keys: records.map(\.key), commitment: close.commitmentNumber ?? 0)
        // What is found is taken at once: the cheater takes it with the time.
        return effects + claim(environment) + (next.map { [.needsRevokedHTLCs($0)] } ?? [])
    }
}
