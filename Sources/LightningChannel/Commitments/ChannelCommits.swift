import BitcoinPrimitives
import CryptoPrimitives
import LightningEnforcement
import LightningTransactions
import LightningWire

// BOLT 2 "Committing Updates So Far" and "Completing the Transition to the Updated State".
extension PaymentChannel {
    /// The end of a batch: one `commitment_signed` for all that waits, and `shutdown` if that waited for it.
    mutating func flush(_ environment: ChannelEnvironment) -> [ChannelEffect] {
        guard isOpen, connection == .established else { return [] }
        let commitment = commit(environment)
        return commitment + continueShutdown(environment)
    }

    /// Signs the remote's next commitment if anything waits for it and nothing is under way.
    private mutating func commit(_ environment: ChannelEnvironment) -> [ChannelEffect] {
        guard !commitments.awaitsRevocation, let point = commitments.remoteNextPoint, commitments.hasChangesToSign
        else { return [] }
        let number = commitments.remoteNumber + 1
        for htlc in commitments.apply(.sentCommit) {
            if htlc.firstRemoteCommitment == nil, htlc.state.isIn(.remoteLatest) {
                commitments.htlcs[htlc.key]!.firstRemoteCommitment = number
            }
            if htlc.state == .sentRemoveCommit || htlc.state == .sentRemoveAckCommit {
                // The last of the remote's commitments to hold it is the one before this.
                recordRevoked(htlc, last: number - 1)
            }
            changed([htlc])
        }
        commitments.awaitsRevocation = true
        commitments.lastSent = .commitment
        isChanged = true
        return [.send(.commitmentSigned(signRemoteCommitment(number: number, point: point, environment.keys)))]
    }

    /// The `commitment_signed` for the remote's latest commitment, the same bytes however often it is made.
    func signRemoteCommitment(number: UInt64, point: PublicKey, _ keys: ChannelKeys) -> CommitmentSigned {
        let commitment = parameters.commitment(
            holderIsLocal: false, point: point, contents: commitments.contents(.remoteLatest, number: number))
        let htlcKey = KeyDerivation.secretKey(
            basepointSecret: keys.htlc, basepoint: keys.basepoints.htlc, perCommitmentPoint: point)
        let signatures = commitment.htlcTransactions().map { htlcKey.sign($0.counterpartySignatureHash()) }
        var message = CommitmentSigned(
            channelID: id, signature: keys.funding.sign(commitment.signatureHash()), htlcSignatures: signatures)
        // "MUST set funding_txid to the funding transaction spent by this commitment transaction".
        message.tlvs[1] = funding.outPoint.transaction.bytes.array
        return message
    }

    /// Keeps what a penalty needs of an HTLC that leaves the remote's commitments: nothing for one that is trimmed.
    private mutating func recordRevoked(_ htlc: HTLC, last: UInt64) {
        guard let first = htlc.firstRemoteCommitment, first <= last,
            htlc.amount.roundedDown >= parameters.remote.dustLimit
        else { return }
        revokedHTLCs.append(RevokedHTLC(htlc), last: commitments.remoteNumber)
    }

    mutating func receiveCommitment(
        _ message: CommitmentSigned, _ environment: ChannelEnvironment
    ) throws(ProtocolViolation) -> [ChannelEffect] {
        guard phase.live.readiness.isComplete else { throw .beforeChannelReady(.commitmentSigned) }
        let number = commitments.localNumber + 1
        let keys = environment.keys
        let commitment = parameters.commitment(
            holderIsLocal: true, point: keys.perCommitmentPoint(number),
            contents: commitments.contents(.local, number: number, after: .receivedCommit))
        guard let signature = message.signature.parsed,
            signature.verify(commitment.signatureHash(), key: parameters.remote.keys.funding)
        else { throw .invalidSignature(.commitmentSigned) }
        let transactions = commitment.htlcTransactions()
        if parameters.isOpener {
            // A peer that stuffs our commitment until we cannot pay for it would make it worthless. The one before is
            // not revoked yet: better to close with that.
            let floor = CommitmentFees.openerCost(
                .floor, hasAnchors: parameters.hasAnchors, untrimmed: transactions.count)
            guard commitment.contents.toHolder >= MilliSatoshi(floor) else {
                throw .unrelayableCommitment
            }
        }
        guard message.htlcSignatures.count == transactions.count else {
            throw .htlcSignatureCount(message.htlcSignatures.count, expected: transactions.count)
        }
        var htlcSignatures: [ECDSASignature] = []
        htlcSignatures.reserveCapacity(transactions.count)
        for (wire, transaction) in zip(message.htlcSignatures, transactions) {
            guard let parsed = wire.parsed, let key = commitment.htlcScripts?.counterpartyKey,
                parsed.verify(transaction.counterpartySignatureHash(), key: key)
            else { throw .invalidHTLCSignature }
            htlcSignatures.append(parsed)
        }
        // From here on our state is the new one; the old one is revoked as soon as this is stored.
        var effects: [ChannelEffect] = []
        changed(commitments.apply(.receivedCommit))
        commitments.localNumber = number
        // Made after the copy: there is none newer.
        if isPossiblyBehind { (isPossiblyBehind, isKnownOld) = (false, false) }
        commitments.signature = signature
        commitments.htlcSignatures = htlcSignatures
        remember(commitment)
        let changes = commitments.apply(.sentRevocation)
        changed(changes)
        commitments.lastSent = .revocation
        effects.append(.send(.revokeAndAck(revocation(of: number - 1, keys))))
        for htlc in changes where htlc.state == .sentRemoveAckRevocation {
            effects.append(
                .settled(id: htlc.id, htlc.paymentHash, wasFulfilled: htlc.preimage != nil))
        }
        return effects
    }

    /// The message that gives up one of our commitments.
    func revocation(of number: UInt64, _ keys: ChannelKeys) -> RevokeAndAck {
        RevokeAndAck(
            channelID: id, perCommitmentSecret: keys.perCommitmentSecret(number),
            nextPerCommitmentPoint: keys.perCommitmentPoint(number + 2))
    }

    /// What punishes the commitment that the peer is revoking, as it stands until the revocation is taken.
    private mutating func penaltyKits(_ secret: borrowing SecretKey, htlcs: Int, _ environment: ChannelEnvironment) -> [ChannelEffect] {
        let revoked = parameters.commitment(
            holderIsLocal: false, point: commitments.remotePoint,
            contents: commitments.contents(.remoteUnrevoked, number: commitments.remoteNumber))
        let kits = PenaltyKit.kits(
            revoking: revoked, secret: secret, revocation: environment.keys.revocation, to: takeSweepScript(environment),
            htlcs: htlcs)
        return kits.isEmpty ? [] : [.revoked(revoked.id, kits)]
    }

    mutating func receiveRevocation(
        _ message: RevokeAndAck, _ environment: ChannelEnvironment
    ) throws(ProtocolViolation) -> [ChannelEffect] {
        guard commitments.awaitsRevocation, let next = commitments.remoteNextPoint else {
            throw .revocationWithoutCommitment
        }
        // "if per_commitment_secret is not a valid secret key or does not generate the previous per_commitment_point".
        guard let secret = SecretKey(message.perCommitmentSecret),
            secret.publicKey() == commitments.remotePoint
        else { throw .wrongRevocationSecret }
        let index = PerCommitmentSecret.index(commitment: commitments.remoteNumber)
        guard commitments.remoteSecrets.insert(message.perCommitmentSecret, index: index) else {
            throw .underivableRevocationSecret
        }
        var effects = environment.watchedHTLCs.map { penaltyKits(secret, htlcs: $0, environment) } ?? []
        commitments.remoteNumber += 1
        commitments.remotePoint = next
        commitments.remoteNextPoint = message.nextPerCommitmentPoint
        commitments.awaitsRevocation = false
        let changes = commitments.apply(.receivedRevocation)
        changed(changes)
        for var htlc in changes {
            switch htlc.state {
            case .receivedAddRevocation:
                // Committed by the remote: the onion will not be sent again.
                htlc.onion = []
                htlc.pathKey = nil
                commitments.htlcs[htlc.key] = htlc
            case .receivedAddAckRevocation: effects.append(.received(htlc))
            case .receivedRemoveAckRevocation:
                if htlc.preimage != nil {
                    effects.append(.concluded(id: htlc.id, htlc.paymentHash, origin: htlc.origin))
                } else if let resolution = htlc.resolution {
                    effects.append(
                        .failed(id: htlc.id, htlc.paymentHash, resolution, attribution: htlc.attribution, origin: htlc.origin))
                }
            case .sentAddHTLC, .sentAddCommit, .receivedAddAckCommit, .sentAddAckRevocation, .receivedRemoveHTLC, .receivedRemoveCommit,
                .sentRemoveRevocation, .sentRemoveAckCommit, .receivedAddHTLC, .receivedAddCommit, .sentAddRevocation, .sentAddAckCommit,
                .sentRemoveHTLC, .sentRemoveCommit, .receivedRemoveRevocation, .receivedRemoveAckCommit, .sentRemoveAckRevocation:
                break
            }
        }
        return effects
    }
}
