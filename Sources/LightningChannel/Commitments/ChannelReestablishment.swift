import BitcoinPrimitives
import CryptoPrimitives
import LightningTransactions
import LightningWire

// BOLT 2 "Message Retransmission".
extension PaymentChannel {
    /// The peer is connected again; what we tell it first.
    mutating func connect(_ environment: ChannelEnvironment) -> [ChannelEffect] {
        switch phase {
        case .live, .dataLost: break
        // An error was sent when it was given up, and is sent again as the answer to the peer's channel_reestablish.
        case .failed, .closing, .closed: return []
        }
        connection = .awaitingReestablish
        wasToldAlias = false
        noteDepth(environment)
        let lastSecret =
            commitments.remoteNumber == 0
            ? Bytes32.zero
            : commitments.remoteSecrets.secret(
                index: PerCommitmentSecret.index(commitment: commitments.remoteNumber - 1))!
        return [
            .send(
                .channelReestablish(
                    ChannelReestablish(
                        channelID: id, nextCommitmentNumber: commitments.localNumber + 1,
                        nextRevocationNumber: commitments.remoteNumber, yourLastPerCommitmentSecret: lastSecret,
                        myCurrentPerCommitmentPoint: environment.keys.perCommitmentPoint(commitments.localNumber))))
        ]
    }

    mutating func reestablish(
        _ message: ChannelReestablish, _ environment: ChannelEnvironment
    ) throws(ProtocolViolation) -> [ChannelEffect] {
        guard connection == .awaitingReestablish else { throw .outOfTurn(.channelReestablish) }
        let keys = environment.keys
        let (ours, sent) = (commitments.localNumber, lastSentNumber)
        if try provesLaterState(message, keys) { return loseData() }
        let (resendsCommitment, resendsRevocation) = try retransmissions(wantedBy: message, keys)

        connection = .established
        var effects = believe(environment)
        // "if next_commitment_number is 1 in both …: MUST retransmit channel_ready".
        if message.nextCommitmentNumber == 1, ours == 0, phase.live.readiness.isLocalReady {
            effects.append(.send(readyMessage(keys)))
        }
        let revocation: [ChannelEffect] =
            resendsRevocation ? [.send(.revokeAndAck(self.revocation(of: ours - 1, keys)))] : []
        var commitment: [ChannelEffect] = []
        if resendsCommitment, let point = commitments.remoteNextPoint {
            commitment = retransmittedUpdates(committed: true)
            commitment.append(.send(.commitmentSigned(signRemoteCommitment(number: sent, point: point, keys))))
        }
        // "MUST retransmit revoke_and_ack and commitment_signed in the same relative order as initially transmitted".
        effects += commitments.lastSent == .revocation ? commitment + revocation : revocation + commitment
        effects += retransmittedUpdates(committed: false)
        // "if it has sent a previous shutdown: MUST retransmit shutdown".
        if let script = ending.local {
            effects.append(.send(.shutdown(Shutdown(channelID: id, script: script))))
        }
        return effects
    }

    /// The number of the last commitment that we signed for the peer.
    private var lastSentNumber: UInt64 { commitments.remoteNumber + (commitments.awaitsRevocation ? 1 : 0) }

    /// Whether the peer has revocations of commitments that we do not remember, and proves it: our data are old.
    ///
    /// - Throws: where it claims that, and proves nothing.
    func provesLaterState(_ message: ChannelReestablish, _ keys: ChannelKeys) throws(ProtocolViolation) -> Bool {
        // "if next_commitment_number is zero: MUST immediately fail the channel".
        if message.nextCommitmentNumber == 0 { throw .closeRequested }
        guard message.nextRevocationNumber > commitments.localNumber else { return false }
        let claimed = message.nextRevocationNumber - 1
        guard claimed < PerCommitmentSecret.firstIndex, message.yourLastPerCommitmentSecret == keys.perCommitmentSecret(claimed)
        else { throw .foreignSecret }
        return true
    }

    /// What has to be sent again to a peer that knows of no later state than we do.
    ///
    /// - Throws: where its numbers fit to no state that both sides can be in.
    func retransmissions(
        wantedBy message: ChannelReestablish, _ keys: ChannelKeys
    ) throws(ProtocolViolation) -> (commitment: Bool, revocation: Bool) {
        let (ours, sent) = (commitments.localNumber, lastSentNumber)
        if message.nextRevocationNumber > 0 {
            guard message.yourLastPerCommitmentSecret == keys.perCommitmentSecret(message.nextRevocationNumber - 1)
            else { throw .wrongLastSecret }
        }
        let resendsCommitment = commitments.awaitsRevocation && message.nextCommitmentNumber == sent
        guard resendsCommitment || message.nextCommitmentNumber == sent + 1 else {
            throw .unexpectedCommitment(message.nextCommitmentNumber, expected: sent + 1)
        }
        guard message.nextRevocationNumber == ours || message.nextRevocationNumber + 1 == ours else {
            throw .unexpectedRevocation(message.nextRevocationNumber, ours: ours)
        }
        return (resendsCommitment, message.nextRevocationNumber + 1 == ours)
    }

    /// Our updates that the peer may not have: those under a commitment, or those still waiting for one.
    ///
    /// Removals come first, and a fee decrease before, an increase after the HTLCs: so each is affordable when it arrives.
    private func retransmittedUpdates(committed: Bool) -> [ChannelEffect] {
        let ordered = commitments.orderedHTLCs
        let removal: HTLCState = committed ? .sentRemoveCommit : .sentRemoveHTLC
        let addition: HTLCState = committed ? .sentAddCommit : .sentAddHTLC
        var messages = ordered.filter { $0.state == removal }.map(updateMessage)
        let fees = commitments.feeUpdates.filter { $0.state == addition }.map(\.feeRate)
        func fee(_ rate: FeeRate) -> LightningMessage { .updateFee(UpdateFee(channelID: id, feeRate: rate)) }
        messages += fees.filter { $0 <= commitments.feeRate }.map(fee)
        messages += ordered.filter { $0.state == addition }.map(updateMessage)
        messages += fees.filter { $0 > commitments.feeRate }.map(fee)
        return messages.map { .send($0) }
    }
}
