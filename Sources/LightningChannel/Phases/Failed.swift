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
        /// What pays for our commitment, or for the peer's in the mempool, where that pays too little by itself.
        var bump: ClaimAttempt?
        /// What the owner wants the commitment and its child to pay together, at the least.
        var feeRate: FeeRate?
    }

    /// Why a channel is given up that its owner closes without the peer.
    package static let closedByOwner = "closed by its owner"

    /// Publishes our commitment: the way out when there is no talking with the peer.
    ///
    /// Money at risk: our own output is locked for the peer's `to_self_delay` blocks.
    mutating func fail(
        _ reason: String, _ environment: ChannelEnvironment, sendingError: Bool = true, feeRate: FeeRate? = nil
    ) -> [ChannelEffect] {
        guard case .live(let before) = phase else { return [] }
        let withdrawn = dropUncommitted()
        phase = .failed(Failed(reason: reason, before: before, feeRate: feeRate))
        isChanged = true
        var effects: [ChannelEffect] = sendingError ? [sendError(reason)] : []
        if isForgettable { return effects + [.abandoned(reason)] }
        effects.append(.givenUp(canClaim: true))
        if let transaction = funding.transaction, funding.height == nil { effects.append(.broadcast(transaction)) }
        effects += publishCommitment(environment)
        if isAbandoned { return effects + [.note("channel \(id) is taken back")] + withdrawn }
        if !isPossiblyBehind {
            let text = "channel \(id) is force-closed: \(reason)"
            effects.append(reason == Self.closedByOwner ? .note(text) : .alert(text))
        }
        return effects + withdrawn
    }

    /// A block was connected, and nothing in it spends the funding output.
    mutating func failedBlock(_ failed: Failed, _ environment: ChannelEnvironment) -> [ChannelEffect] {
        if isForgettable { return [.abandoned(failed.reason)] }
        // Whichever is mined first: a mutual close is the better one for both.
        return mutualCloses.map { .broadcast($0) } + publishCommitment(environment)
    }

    /// Publishes our commitment, and what pays for it where its own fee is too low; again at every block until something is mined. Where the
    /// peer's commitment is in the mempool in its place, that is paid for instead.
    ///
    /// Money at risk: not while our data may be old, for then it may be revoked.
    mutating func publishCommitment(_ environment: ChannelEnvironment) -> [ChannelEffect] {
        // A funding transaction of ours that we took back is in no block: nothing can spend it.
        if isAbandoned { return [] }
        if isPossiblyBehind { return alertUnpublished("it is given up (\(failureReason))", environment) }
        let target = bumpTarget(environment)
        var effects: [ChannelEffect] = []
        var bump: ClaimAttempt?
        if case .failed(let failed) = phase { bump = failed.bump }
        // What was paid for the other one can be spent again: only one of them is mined.
        if let other = bump, other.outPoints.first?.transaction != target.commitment.id {
            effects.append(.abandonFunded(other.transaction.id))
            forgetBump()
            bump = nil
        }
        if target.isOurs { effects.append(.broadcast(target.signed)) }
        guard environment.isSynced, parameters.hasAnchors, funding.height != nil else {
            return effects + (target.isOurs ? [] : either(target, environment))
        }
        var wanted: FeeRate?
        if case .failed(let failed) = phase { wanted = failed.feeRate }
        if let funding = bumpFunding(of: target, replacing: bump, feeRate: wanted, environment) { return effects + [.fundClaim(funding)] }
        if let bump { effects.append(.broadcast(bump.transaction, parents: [target.signed])) }
        if !target.isOurs, bump?.isRefused ?? true { effects += either(target, environment) }
        return effects
    }

    /// The child that our commitment would have if it were published now, or what would replace the child that there is; `nil` where that is
    /// enough, and where there is no anchor.
    ///
    /// - Parameter feeRate: what both are to pay together at the least.
    mutating func childOfCommitment(feeRate: FeeRate?, _ environment: ChannelEnvironment) -> ClaimFunding? {
        guard parameters.hasAnchors, funding.height != nil else { return nil }
        guard case .failed(let failed) = phase else {
            let own = localCommitment(environment.keys)
            let target = BumpTarget(commitment: own, signed: signedLocalCommitment(environment.keys), isOurs: true)
            return bumpFunding(of: target, replacing: nil, feeRate: feeRate, environment)
        }
        let target = bumpTarget(environment)
        let bump = failed.bump?.outPoints.first?.transaction == target.commitment.id ? failed.bump : nil
        return bumpFunding(of: target, replacing: bump, feeRate: feeRate.map { max($0, failed.feeRate ?? $0) }, environment)
    }

    private func bumpFunding(
        of target: BumpTarget, replacing bump: ClaimAttempt?, feeRate: FeeRate?, _ environment: ChannelEnvironment
    ) -> ClaimFunding? {
        let urgency = urgency(of: target)
        return CommitmentBump.funding(
            target.commitment, holderIsLocal: target.isOurs, signed: target.signed, replacing: bump, by: urgency.deadline,
            most: urgency.most, wanted: feeRate.map { ($0, most: urgency.stake) }, at: environment.height, environment.estimates)
    }

    /// The owner wants the commitment, which is not mined yet, to pay more.
    mutating func raiseCommitmentFee(to rate: FeeRate, _ environment: ChannelEnvironment) -> [ChannelEffect] {
        guard case .failed(var failed) = phase else { return [] }
        failed.feeRate = max(rate, failed.feeRate ?? rate)
        phase = .failed(failed)
        isChanged = true
        return publishCommitment(environment)
    }

    /// The peer's commitment and ours, where nothing pays for the peer's: it may have left the mempool, and then either may be taken. With a child that
    /// pays for it ours would only be in its way.
    private mutating func either(_ target: BumpTarget, _ environment: ChannelEnvironment) -> [ChannelEffect] {
        [.broadcast(target.signed), .broadcast(signedLocalCommitment(environment.keys))]
    }

    /// A commitment that a child of ours can pay for.
    private struct BumpTarget {
        var commitment: CommitmentTransaction
        var signed: Transaction
        var isOurs: Bool
    }

    /// The commitment that is to be brought into a block: ours, unless the peer's waits in the mempool.
    ///
    /// Theirs is as good: our HTLCs are in it, and our balance comes sooner. And what its owner hangs onto it may keep ours out, however much
    /// ours pays; but not a child of our anchor. Where it leaves the mempool, layer 1 says so of that child, and ours is published again.
    private mutating func bumpTarget(_ environment: ChannelEnvironment) -> BumpTarget {
        if parameters.hasAnchors, !isPossiblyBehind, let seen = seenCommitment,
            let theirs = remoteCommitments().first(where: { $0.id == seen.id })
        {
            return BumpTarget(commitment: theirs, signed: seen, isOurs: false)
        }
        let own = localCommitment(environment.keys)
        return BumpTarget(commitment: own, signed: signedLocalCommitment(environment.keys), isOurs: true)
    }

    /// Something in the mempool spends the funding output: where it is a commitment of the peer that is not revoked, that is remembered, for
    /// a deadline may come later. What is revoked meanwhile is not used.
    mutating func seenInPlaceOfOurs(_ transaction: Transaction, _ environment: ChannelEnvironment) -> [ChannelEffect] {
        guard transaction != seenCommitment, remoteCommitments().contains(where: { $0.id == transaction.id }) else { return [] }
        seenCommitment = transaction
        var effects: [ChannelEffect] = [.note("channel \(id): the peer's commitment waits to be mined")]
        if case .failed = phase, parameters.hasAnchors { effects += publishCommitment(environment) }
        return effects
    }

    private mutating func forgetBump() {
        guard case .failed(var failed) = phase else { return }
        failed.bump = nil
        phase = .failed(failed)
        isChanged = true
    }

    /// The peer's commitment that waits in the mempool: what pays for a close pays for that one.
    package var seenCommitmentID: TransactionID? { seenCommitment?.id }

    private var failureReason: String {
        if case .failed(let failed) = phase { return failed.reason }
        return ""
    }

    /// What brought the commitment into a block, beside its own fee.
    package var commitmentBumpFee: Satoshi { phase.bump?.fee ?? .zero }

    /// Before which block a commitment should be mined, and what it may cost that it is.
    ///
    /// Money at risk: what a deadline threatens are HTLCs; our own output is ours whenever the commitment is mined. So half of the HTLCs, and a
    /// twentieth of our output: a peer that pins the commitment makes us pay no more.
    /// Who wants it to be mined sooner than that may pay more: all that is at stake.
    private func urgency(of target: BumpTarget) -> (deadline: BlockHeight?, most: Satoshi, stake: Satoshi) {
        let commitment = target.commitment
        var threatened = Satoshi.zero
        var deadline: BlockHeight?
        for case .htlc(let htlc) in commitment.roles {
            let isOfferedByLocal = htlc.isOfferedByHolder == target.isOurs
            let known = commitments.htlcs[HTLC.Key(isOfferedByLocal: isOfferedByLocal, id: htlc.id)]
            // Of the peer's HTLCs those count that we can claim.
            guard isOfferedByLocal || known?.preimage != nil else { continue }
            threatened = threatened.saturatingAdding(htlc.amount.roundedDown)
            let expiry = htlc.cltvExpiry.height + (isOfferedByLocal ? ChannelClose.timeoutPatience : 0)
            deadline = min(deadline ?? .never, expiry)
        }
        let role: CommitmentTransaction.Role = target.isOurs ? .toHolder : .toCounterparty
        let ours = commitment.roles.firstIndex(of: role).map { commitment.transaction.outputs[$0].amount } ?? .zero
        let most = Satoshi(threatened.value / 2 + ours.value / 20)
        return (deadline, most, threatened.saturatingAdding(ours))
    }

    /// The wallet has paid for what brings our commitment into a block, or the peer's that the mempool holds in place of ours; or it cannot.
    mutating func bumpFunded(
        _ failed: Failed, _ funding: ClaimFunding, _ answer: (transaction: Transaction, fee: Satoshi)?, _ environment: ChannelEnvironment
    ) -> [ChannelEffect] {
        let target = bumpTarget(environment)
        guard let answer else {
            let whose = target.isOurs ? "our" : "the peer's"
            let published: [ChannelEffect] = failed.bump.map { [.broadcast($0.transaction, parents: [target.signed])] } ?? []
            let others = !target.isOurs && failed.bump?.isRefused ?? true ? either(target, environment) : []
            let isLacking = failed.bump == nil || failed.feeRate != nil
            let alert = isLacking ? alertUnfunded("\(whose) commitment, whose fee is too low by now,", environment) : []
            return published + others + alert
        }
        guard isWanted(funding),
            let transaction = CommitmentBump.sign(
                answer.transaction, target.commitment, holderIsLocal: target.isOurs, environment.keys)
        else { return [] }
        var failed = failed
        let refusals = failed.bump?.refusals ?? 0
        failed.bump = ClaimAttempt(outPoints: funding.outPoints, transaction: transaction, fee: answer.fee, height: environment.height)
        failed.bump?.refusals = refusals
        phase = .failed(failed)
        isChanged = true
        return [.broadcastFunded(transaction, parents: [target.signed])]
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
