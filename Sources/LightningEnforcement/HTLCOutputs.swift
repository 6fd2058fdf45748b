package import BitcoinPrimitives
package import CryptoPrimitives
import LightningTransactions
import LightningWire

/// An HTLC transaction of ours (BOLT 3), ready but for our signature and, where we received the HTLC, its preimage.
package struct HTLCStep: Hashable, Sendable {
    /// One input, one output, no witness.
    package var transaction: Transaction
    /// The peer's: for this input and output alone where the channel has anchors, so that we can add inputs that pay a fee.
    package var peerSignature: ECDSASignature
}

extension ChannelClose {
    /// The HTLC outputs of a commitment that was not revoked, and the place of each of the channel's HTLCs in it.
    ///
    /// - Parameters:
    ///   - commitment: the one that was mined.
    ///   - signatures: the peer's, of its HTLC transactions, in their order, where it is ours.
    mutating func addHTLCs(_ commitment: CommitmentTransaction, holderIsLocal: Bool, signatures: [ECDSASignature]) {
        func key(_ htlc: CommitmentHTLC) -> HTLCKey { HTLCKey(isOfferedByLocal: htlc.isOfferedByHolder == holderIsLocal, id: htlc.id) }
        let contained = Set(commitment.contents.htlcs.map(key))
        var places: [HTLCKey: ClosingHTLC.Place] = [:]
        var steps = Array(zip(commitment.htlcTransactions(), signatures))[...]
        for (index, role) in commitment.roles.enumerated() {
            guard case .htlc(let htlc) = role else { continue }
            let key = key(htlc)
            places[key] = .output
            let isKnown = htlcs.contains { $0.key == key && $0.preimage != nil }
            let status: Status =
                key.isOfferedByLocal ? .waiting(height: htlc.cltvExpiry.height) : isKnown ? .waiting(height: 0) : .unresolved
            var output = Output(
                outPoint: OutPoint(commitment.id, UInt32(index)), output: commitment.transaction.outputs[index],
                role: key.isOfferedByLocal ? .offeredHTLC : .receivedHTLC, status: status,
                witnessScript: commitment.witnessScript(at: index))
            output.htlc = key
            if holderIsLocal, let (step, signature) = steps.popFirst() {
                output.step = HTLCStep(transaction: step.transaction, peerSignature: signature)
            }
            outputs.append(output)
        }
        for index in htlcs.indices {
            let key = htlcs[index].key
            htlcs[index].place = places[key] ?? (contained.contains(key) ? .trimmed : .absent)
        }
    }

    /// The outputs of a commitment that we do not know, and that may hold HTLCs of ours: whoever takes one of them with a preimage shows it.
    static func unknownOutputs(_ transaction: Transaction, _ id: TransactionID, known: [Output]) -> [Output] {
        let taken = Set(known.map(\.outPoint))
        // More outputs than any commitment has are not looked at: both sides' HTLCs, balances and anchors.
        return transaction.outputs.prefix(2 * 483 + 4).enumerated().compactMap { index, output in
            let outPoint = OutPoint(id, UInt32(index))
            guard !taken.contains(outPoint), output.script.isWitnessScriptHash else { return nil }
            return Output(outPoint: outPoint, output: output, role: .htlc, status: .unresolved)
        }
    }
}

extension Script {
    /// Whether it is a P2WSH output's.
    fileprivate var isWitnessScriptHash: Bool { bytes.count == 34 && bytes[0] == 0 && bytes[1] == 32 }
}

extension ChannelClose {
    /// A close whose record is of a version that could not claim HTLCs learns what it needs to know of them.
    ///
    /// - Returns: whether it did not know it.
    package mutating func knowHTLCs(_ known: KnownSpends) -> Bool {
        guard htlcs.isEmpty, !known.htlcs.isEmpty else { return false }
        htlcs = known.htlcs
        let isLocal = kind == .localCommitment
        switch kind {
        case .localCommitment, .remoteCommitment: break
        case .mutual, .revokedCommitment, .futureCommitment, .unknown, .fundingSpent, .ownRevokedCommitment, .ownLaterCommitment:
            return true
        }
        guard let commitment = (isLocal ? [known.local] : known.remote).first(where: { $0.id == transaction }) else { return true }
        let old = outputs.filter { $0.role == .htlc }
        outputs.removeAll { $0.role == .htlc }
        addHTLCs(commitment, holderIsLocal: isLocal, signatures: known.localSignatures)
        for output in old {
            guard case .resolved = output.status, let index = outputs.firstIndex(where: { $0.outPoint == output.outPoint }) else {
                continue
            }
            outputs[index].status = output.status
        }
        return true
    }
}
