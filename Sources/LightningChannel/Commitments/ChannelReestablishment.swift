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
        let ours = commitments.localNumber
        // "if next_commitment_number is zero: MUST immediately fail the channel".
        if message.nextCommitmentNumber == 0 { throw .closeRequested }

        if message.nextRevocationNumber > ours {
            // The peer has revocations of commitments that we do not remember. If it proves that, our data is old.
            let claimed = message.nextRevocationNumber - 1
            guard claimed < PerCommitmentSecret.firstIndex,
                message.yourLastPerCommitmentSecret == keys.perCommitmentSecret(claimed)
            else { throw .foreignSecret }
            return loseData()
        }
        if message.nextRevocationNumber > 0 {
            guard message.yourLastPerCommitmentSecret == keys.perCommitmentSecret(message.nextRevocationNumber - 1)
            else { throw .wrongLastSecret }
        }
        let sent = commitments.remoteNumber + (commitments.awaitsRevocation ? 1 : 0)
        let resendsCommitment = commitments.awaitsRevocation && message.nextCommitmentNumber == sent
        guard resendsCommitment || message.nextCommitmentNumber == sent + 1 else {
            throw .unexpectedCommitment(message.nextCommitmentNumber, expected: sent + 1)
        }
        guard message.nextRevocationNumber == ours || message.nextRevocationNumber + 1 == ours else {
            throw .unexpectedRevocation(message.nextRevocationNumber, ours: ours)
        }
        let resendsRevocation = message.nextRevocationNumber + 1 == ours

        connection = .established
        var effects: [ChannelEffect] = []
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
