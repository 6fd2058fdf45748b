package import BitcoinPrimitives
import CryptoPrimitives
import LightningTransactions
import LightningWire

// BOLT 5: which transaction spends the funding output, and what is in it for us.
extension ChannelClose {
    /// Judges the transaction that spends a channel's funding output.
    ///
    /// - Parameter height: of the block that holds it.
    package init(_ transaction: Transaction, height: BlockHeight, of channel: ClosingChannel, known: KnownSpends) {
        self.init(classifying: transaction, height: height, of: channel, known: known)
        // Another transaction may have more inputs than the channel's funding: what it pays is not known then.
        if transaction.inputs.count == 1 {
            fee = channel.parameters.fundingAmount.subtracting(transaction.outputs.reduce(.zero) { $0.saturatingAdding($1.amount) })
        }
    }

    private init(classifying transaction: Transaction, height: BlockHeight, of channel: ClosingChannel, known: KnownSpends) {
        let id = transaction.id
        func isMutual() -> Bool {
            if known.mutualCloses.contains(where: { $0.id == id }) { return true }
            // The signature of a closing transaction that the peer never sent us back.
            guard let scripts = known.shutdownScripts else { return false }
            return transaction.inputs.count == 1 && transaction.inputs[0].sequence >> 24 == 0xff
                && transaction.outputs.allSatisfy { scripts.contains($0.script) }
        }
        let htlcs = known.htlcs
        if isMutual() {
            self.init(kind: .mutual, transaction: id, height: height)
            self.htlcs = htlcs
            return
        }
        let own = known.local
        if own.id == id {
            self.init(
                kind: .localCommitment, transaction: id, height: height, commitmentNumber: own.contents.number,
                point: own.keys.perCommitmentPoint, outputs: Self.localOutputs(own, height: height, channel))
            self.htlcs = htlcs
            addHTLCs(own, holderIsLocal: true, signatures: known.localSignatures)
            return
        }
        guard let number = CommitmentTransaction.number(of: transaction, obscuringFactor: channel.parameters.obscuringFactor) else {
            self.init(kind: .unknown, transaction: id, height: height)
            self.htlcs = htlcs
            return
        }
        if number != own.contents.number, !Self.isTheirs(transaction, id, number, channel), Self.isOwn(transaction, number, channel) {
            let ours = Self.ownDelayedOutput(transaction, id, number, height: height, channel)
            self.init(
                kind: number < own.contents.number ? .ownRevokedCommitment : .ownLaterCommitment, transaction: id, height: height,
                commitmentNumber: number,
                point: channel.keys.perCommitmentPoint(number),
                outputs: ours + (htlcs.isEmpty ? [] : Self.unknownOutputs(transaction, id, known: ours)))
            self.htlcs = htlcs
            return
        }
        if number < channel.remoteNumber, let point = channel.revokedSecret(number)?.publicKey() {
            self.init(
                kind: .revokedCommitment, transaction: id, height: height, commitmentNumber: number, point: point,
                outputs: Self.revokedOutputs(transaction, id, point: point, htlcs.map(RevokedHTLC.init), channel))
            self.htlcs = htlcs
            return
        }
        if let candidate = known.remote.first(where: { $0.id == id }) {
            self.init(
                kind: .remoteCommitment, transaction: id, height: height, commitmentNumber: number,
                point: candidate.keys.perCommitmentPoint, outputs: Self.remoteOutputs(candidate))
            self.htlcs = htlcs
            addHTLCs(candidate, holderIsLocal: false, signatures: [])
            return
        }
        // With option_static_remotekey our own output can be claimed even from a commitment that we do not know.
        let ours = Self.ownRemoteOutput(transaction, id, channel)
        self.init(
            kind: .futureCommitment, transaction: id, height: height, commitmentNumber: number,
            outputs: ours + (htlcs.isEmpty ? [] : Self.unknownOutputs(transaction, id, known: ours)))
        self.htlcs = htlcs
    }

    /// Whether a commitment is one that the peer had: it pays us at once, or the peer after its delay.
    ///
    /// Money at risk: a breach that is not seen as one. The peer chooses its keys, and may choose one of ours: this is asked first.
    private static func isTheirs(_ transaction: Transaction, _ id: TransactionID, _ number: UInt64, _ channel: ClosingChannel) -> Bool {
        if !ownRemoteOutput(transaction, id, channel).isEmpty { return true }
        guard number < channel.remoteNumber, let point = channel.revokedSecret(number)?.publicKey() else { return false }
        let keys = channel.parameters.keys(holderIsLocal: false, point: point)
        let script = ChannelScripts.toLocal(
            revocation: keys.revocation, delay: channel.parameters.local.toSelfDelay, delayed: keys.holderDelayed)
        return transaction.outputs.contains { $0.script == .p2wsh(script) }
    }

    /// Whether a commitment that is not the peer's is one that we had: it pays the peer at once, or us after our delay.
    private static func isOwn(_ transaction: Transaction, _ number: UInt64, _ channel: ClosingChannel) -> Bool {
        let parameters = channel.parameters
        let toRemote = ChannelScripts.toRemoteOutput(parameters.remote.keys.payment, hasAnchors: parameters.hasAnchors)
        let toLocal = Script.p2wsh(ownDelayedScript(number, channel))
        return transaction.outputs.contains { $0.script == toRemote || $0.script == toLocal }
    }

    private static func ownDelayedScript(_ number: UInt64, _ channel: ClosingChannel) -> Script {
        let keys = channel.parameters.keys(holderIsLocal: true, point: channel.keys.perCommitmentPoint(number))
        return ChannelScripts.toLocal(
            revocation: keys.revocation, delay: channel.parameters.remote.toSelfDelay, delayed: keys.holderDelayed)
    }

    /// Our own output of a commitment of ours that is not the one we know: ours after our delay; of an old one, if the peer does not punish us
    /// before.
    private static func ownDelayedOutput(
        _ transaction: Transaction, _ id: TransactionID, _ number: UInt64, height: BlockHeight, _ channel: ClosingChannel
    ) -> [Output] {
        let script = ownDelayedScript(number, channel)
        return transaction.outputs.enumerated().compactMap { index, output in
            guard output.script == .p2wsh(script) else { return nil }
            return Output(
                outPoint: OutPoint(id, UInt32(index)), output: output, role: .delayedToLocal,
                status: .waiting(height: height + Int(channel.parameters.remote.toSelfDelay) - 1), witnessScript: script)
        }
    }

    private static func localOutputs(_ commitment: CommitmentTransaction, height: BlockHeight, _ channel: ClosingChannel) -> [Output] {
        commitment.roles.enumerated().compactMap { index, role in
            guard role == .toHolder else { return nil }
            // Its claim can be mined once to_self_delay blocks are on top.
            let mature = height + Int(channel.parameters.remote.toSelfDelay) - 1
            return Output(
                outPoint: OutPoint(commitment.id, UInt32(index)), output: commitment.transaction.outputs[index], role: .delayedToLocal,
                status: .waiting(height: mature), witnessScript: commitment.witnessScript(at: index))
        }
    }

    private static func remoteOutputs(_ commitment: CommitmentTransaction) -> [Output] {
        commitment.roles.enumerated().compactMap { index, role in
            guard role == .toCounterparty else { return nil }
            return Output(
                outPoint: OutPoint(commitment.id, UInt32(index)), output: commitment.transaction.outputs[index], role: .toRemote,
                status: .waiting(height: 0), witnessScript: commitment.witnessScript(at: index))
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
