package import BitcoinPrimitives
import CryptoPrimitives
import LightningTransactions
import LightningWire

// BOLT 5: which transaction spends the funding output, and what is in it for us.
extension ChannelClose {
    /// Judges the transaction that spends a channel's funding output.
    ///
    /// - Parameter height: of the block that holds it.
    package init(_ transaction: Transaction, height: Int, of channel: ClosingChannel, known: KnownSpends) {
        let id = transaction.id
        func isMutual() -> Bool {
            if known.mutualCloses.contains(where: { $0.id == id }) { return true }
            // The signature of a closing transaction that the peer never sent us back.
            guard let scripts = known.shutdownScripts else { return false }
            return transaction.inputs.count == 1 && transaction.inputs[0].sequence >> 24 == 0xff
                && transaction.outputs.allSatisfy { scripts.contains($0.script) }
        }
        if isMutual() {
            self.init(kind: .mutual, transaction: id, height: height)
            return
        }
        let own = known.local
        if own.id == id {
            self.init(
                kind: .localCommitment, transaction: id, height: height, commitmentNumber: own.contents.number,
                point: own.keys.perCommitmentPoint, outputs: Self.localOutputs(own, height: height, channel))
            return
        }
        guard let number = CommitmentTransaction.number(of: transaction, obscuringFactor: channel.parameters.obscuringFactor) else {
            self.init(kind: .unknown, transaction: id, height: height)
            return
        }
        if number < channel.remoteNumber, let point = channel.revokedSecret(number)?.publicKey() {
            self.init(
                kind: .revokedCommitment, transaction: id, height: height, commitmentNumber: number, point: point,
                outputs: Self.revokedOutputs(transaction, id, point: point, known.htlcs, channel))
            return
        }
        if let candidate = known.remote.first(where: { $0.id == id }) {
            self.init(
                kind: .remoteCommitment, transaction: id, height: height, commitmentNumber: number,
                point: candidate.keys.perCommitmentPoint, outputs: Self.remoteOutputs(candidate))
            return
        }
        // With option_static_remotekey our own output can be claimed even from a commitment that we do not know.
        self.init(
            kind: .futureCommitment, transaction: id, height: height, commitmentNumber: number,
            outputs: Self.ownRemoteOutput(transaction, id, channel))
    }

    private static func localOutputs(_ commitment: CommitmentTransaction, height: Int, _ channel: ClosingChannel) -> [Output] {
        commitment.roles.enumerated().compactMap { index, role in
            let outPoint = OutPoint(commitment.id, UInt32(index))
            let output = commitment.transaction.outputs[index]
            switch role {
            case .toHolder:
                // Its claim can be mined once to_self_delay blocks are on top.
                let mature = height + Int(channel.parameters.remote.toSelfDelay) - 1
                return Output(
                    outPoint: outPoint, output: output, role: .delayedToLocal, status: .waiting(height: mature),
                    witnessScript: commitment.witnessScript(at: index))
            case .htlc: return Output(outPoint: outPoint, output: output, role: .htlc, status: .unresolved)
            case .toCounterparty, .holderAnchor, .counterpartyAnchor: return nil
            }
        }
    }

    private static func remoteOutputs(_ commitment: CommitmentTransaction) -> [Output] {
        commitment.roles.enumerated().compactMap { index, role in
            let outPoint = OutPoint(commitment.id, UInt32(index))
            let output = commitment.transaction.outputs[index]
            switch role {
            case .toCounterparty:
                return Output(
                    outPoint: outPoint, output: output, role: .toRemote, status: .waiting(height: 0),
                    witnessScript: commitment.witnessScript(at: index))
            case .htlc: return Output(outPoint: outPoint, output: output, role: .htlc, status: .unresolved)
            case .toHolder, .holderAnchor, .counterpartyAnchor: return nil
            }
        }
    }

    /// Our own output of a commitment of the remote, which needs no per-commitment point.
    static func ownRemoteOutput(_ transaction: Transaction, _ id: TransactionID, _ channel: ClosingChannel) -> [Output] {
        let parameters = channel.parameters
        let key = parameters.local.keys.payment
        let script = ChannelScripts.toRemoteOutput(key, hasAnchors: parameters.hasAnchors)
        return transaction.outputs.enumerated().compactMap { index, output in
            guard output.script == script else { return nil }
            return Output(
                outPoint: OutPoint(id, UInt32(index)), output: output, role: .toRemote, status: .waiting(height: 0),
                witnessScript: parameters.hasAnchors ? ChannelScripts.toRemoteAnchors(key) : nil)
        }
    }
}

extension ClosingChannel {
    /// The secret of a commitment that the remote has revoked.
    func revokedSecret(_ number: UInt64) -> SecretKey? {
        remoteSecrets.secret(index: PerCommitmentSecret.index(commitment: number)).flatMap { SecretKey($0) }
    }
}
