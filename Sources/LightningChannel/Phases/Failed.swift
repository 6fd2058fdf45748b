package import BitcoinPrimitives
import CryptoPrimitives
import LightningEnforcement
import LightningTransactions
import LightningWire

extension PaymentChannel {
    /// The phase in which our commitment is published until something that spends the funding output is in a block.
    public struct Failed: Hashable, Sendable {
        /// Why, for people.
        public var reason: String
        /// Where the conversation was.
        var before: LivePhase
        /// What pays for our commitment, where that pays too little by itself.
        var bump: ClaimAttempt?
    }

    /// Publishes our commitment: the way out when there is no talking with the peer.
    ///
    /// Money at risk: our own output is locked for the peer's `to_self_delay` blocks.
    mutating func fail(
        _ reason: String, _ environment: ChannelEnvironment, sendingError: Bool = true
    ) -> [ChannelEffect] {
        guard case .live(let before) = phase else { return [] }
        let withdrawn = dropUncommitted()
        phase = .failed(Failed(reason: reason, before: before))
        isChanged = true
        var effects: [ChannelEffect] = sendingError ? [sendError(reason)] : []
        if isForgettable { return effects + [.abandoned(reason)] }
        effects.append(.givenUp(canClaim: true))
        if let transaction = funding.transaction, funding.height == nil { effects.append(.broadcast(transaction)) }
        effects += publishCommitment(environment)
        if isAbandoned { return effects + [.note("channel \(id) is taken back")] + withdrawn }
        if !isPossiblyBehind { effects.append(.alert("channel \(id) is force-closed: \(reason)")) }
        return effects + withdrawn
    }

    /// A block was connected, and nothing in it spends the funding output.
    mutating func failedBlock(_ failed: Failed, _ environment: ChannelEnvironment) -> [ChannelEffect] {
        if isForgettable { return [.abandoned(failed.reason)] }
        // Whichever is mined first: a mutual close is the better one for both.
        return mutualCloses.map { .broadcast($0) } + publishCommitment(environment)
    }

    /// Publishes our commitment, and what pays for it where its own fee is too low; again at every block until something is mined.
    ///
    /// Money at risk: not while our data may be old, for then it may be revoked.
    mutating func publishCommitment(_ environment: ChannelEnvironment) -> [ChannelEffect] {
        // A funding transaction of ours that we took back is in no block: nothing can spend it.
        if isAbandoned { return [] }
        if isPossiblyBehind { return alertUnpublished("it is given up (\(failureReason))", environment) }
        let signed = signedLocalCommitment(environment.keys)
        var effects: [ChannelEffect] = [.broadcast(signed)]
        guard environment.isSynced, parameters.hasAnchors, funding.height != nil, case .failed(let failed) = phase else { return effects }
        let commitment = localCommitment(environment.keys)
        let (deadline, most) = urgency(of: commitment)
        let funding = CommitmentBump.funding(
            commitment, signed: signed, replacing: failed.bump, by: deadline, most: most, at: environment.height, environment.estimates)
        if let funding {
            effects.append(.fundClaim(funding))
        } else if let bump = failed.bump {
            effects.append(.broadcast(bump.transaction, parents: [signed]))
        }
        return effects
    }

    private var failureReason: String {
        if case .failed(let failed) = phase { return failed.reason }
        return ""
    }

    /// What brought our commitment into a block, beside its own fee.
    package var commitmentBumpFee: Satoshi { phase.bump?.fee ?? .zero }

    /// Before which block our commitment should be mined, and what it may cost that it is.
    ///
    /// Money at risk: what a deadline threatens are HTLCs; our own output is ours whenever the commitment is mined. So half of the HTLCs, and a
    /// twentieth of our output: a peer that pins the commitment makes us pay no more.
    private func urgency(of commitment: CommitmentTransaction) -> (deadline: Int?, most: Satoshi) {
        var threatened = Satoshi.zero
        var deadline: Int?
        for case .htlc(let htlc) in commitment.roles {
            let known = commitments.htlcs[HTLC.Key(isOfferedByLocal: htlc.isOfferedByHolder, id: htlc.id)]
            // Of the peer's HTLCs those count that we can claim.
            guard htlc.isOfferedByHolder || known?.preimage != nil else { continue }
            threatened = threatened.saturatingAdding(htlc.amount.roundedDown)
            let expiry = Int(htlc.cltvExpiry) + (htlc.isOfferedByHolder ? ChannelClose.timeoutPatience : 0)
            deadline = min(deadline ?? .max, expiry)
        }
        return (deadline, Satoshi(threatened.value / 2 + commitment.contents.toHolder.roundedDown.value / 20))
    }

    /// The wallet has paid for what brings our commitment into a block, or cannot.
    mutating func bumpFunded(
        _ failed: Failed, _ funding: ClaimFunding, _ answer: (transaction: Transaction, fee: Satoshi)?, _ environment: ChannelEnvironment
    ) -> [ChannelEffect] {
        guard let answer else {
            guard let bump = failed.bump else { return alertUnfunded("our commitment, whose fee is too low by now,", environment) }
            return [.broadcast(bump.transaction, parents: [signedLocalCommitment(environment.keys)])]
        }
        guard isWanted(funding) else { return [] }
        let commitment = localCommitment(environment.keys)
        guard let transaction = CommitmentBump.sign(answer.transaction, commitment, environment.keys) else { return [] }
        var failed = failed
        let refusals = failed.bump?.refusals ?? 0
        failed.bump = ClaimAttempt(outPoints: funding.outPoints, transaction: transaction, fee: answer.fee, height: environment.height)
        failed.bump?.refusals = refusals
        phase = .failed(failed)
        isChanged = true
        return [.broadcastFunded(transaction, parents: [signedLocalCommitment(environment.keys)])]
    }

    /// Says that the wallet has no coin for a fee, from time to time while it is so.
    mutating func alertUnfunded(_ what: String, _ environment: ChannelEnvironment) -> [ChannelEffect] {
        if let last = unfundedAlert, environment.height < last + 36 { return [] }
        unfundedAlert = environment.height
        return [
            .alert("channel \(id): \(what) needs a fee from the wallet, which has no coin for it: send some to an address of the wallet")
        ]
    }
}
