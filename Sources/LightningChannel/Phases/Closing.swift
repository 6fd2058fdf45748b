public import BitcoinPrimitives
import CryptoPrimitives
package import LightningChain
public import LightningEnforcement
import LightningTransactions
import LightningWire

extension PaymentChannel {
    /// The phase in which what spends the funding output is in a block.
    public struct Closing: Hashable, Sendable {
        /// What is left to be claimed, and what has become of it.
        public var close: ChannelClose
        /// Where the conversation was.
        var before: LivePhase
        /// What paid for the commitment that was mined.
        var bump: ClaimAttempt?
        /// What the owner wanted our commitment to pay: should a reorganization take this transaction away, that holds again.
        var feeRate: FeeRate?
    }

    /// The outputs whose spending the channel has to hear of.
    public var watchedOutPoints: [OutPoint] {
        switch phase {
        case .live, .failed, .dataLost: fundings.watchedOutPoints
        case .closing(let closing): closing.close.watchedOutPoints
        case .closed: []
        }
    }

    /// The channel as its close sees it.
    private func closing(_ environment: ChannelEnvironment) -> ClosingChannel {
        ClosingChannel(
            parameters: parameters, keys: environment.keys, remoteSecrets: commitments.remoteSecrets,
            remoteNumber: commitments.remoteNumber)
    }

    private mutating func knownSpends(_ environment: ChannelEnvironment) -> KnownSpends {
        let ending = phase.live.ending
        var scripts: [Script]?
        if let local = ending?.local, let remote = ending?.remote { scripts = [local, remote] }
        return KnownSpends(
            mutualCloses: mutualCloses, shutdownScripts: scripts, local: localCommitment(environment.keys),
            localSignatures: commitments.htlcSignatures, remote: remoteCommitments(), htlcs: commitments.orderedHTLCs.map(ClosingHTLC.init))
    }

    /// A closing transaction that both sides have signed and no block holds yet, and its fee.
    package func mutualClose(_ id: TransactionID) -> (transaction: Transaction, fee: Satoshi)? {
        guard close == nil, let transaction = mutualCloses.first(where: { $0.id == id }) else { return nil }
        let paid = transaction.outputs.reduce(Satoshi.zero) { $0.saturatingAdding($1.amount) }
        return (transaction, parameters.fundingAmount.subtracting(paid) ?? .zero)
    }

    /// The last of the closing transactions that both sides have signed, while no block holds one of them.
    public var waitingClose: TransactionID? { close == nil ? mutualCloses.last?.id : nil }

    /// What the closing transaction that was mined pays to us; `nil` for other closes.
    package var paidByMutualClose: Satoshi? {
        guard let close, close.kind == .mutual, let script = phase.live.ending?.local,
            let transaction = mutualCloses.first(where: { $0.id == close.transaction })
        else { return nil }
        return transaction.outputs.filter { $0.script == script }.reduce(.zero) { $0.saturatingAdding($1.amount) }
    }

    /// The outputs of closing transactions that no block holds yet.
    package var mutualCloseOutputs: [OutPoint] {
        guard close == nil else { return [] }
        return mutualCloses.flatMap { transaction in transaction.outputs.indices.map { OutPoint(transaction.id, UInt32($0)) } }
    }

    /// Closing transactions that both sides have signed and no block holds yet.
    ///
    /// - Parameter isOurs: whether a script is the wallet's.
    package func unconfirmedCloses(_ isOurs: (Script) -> Bool) -> [WalletTransaction] {
        guard close == nil else { return [] }
        return mutualCloses.map { transaction in
            let received = transaction.outputs.filter { isOurs($0.script) }.reduce(Satoshi.zero) { $0.saturatingAdding($1.amount) }
            var movement = WalletTransaction(id: transaction.id, received: received, spent: .zero, fee: mutualClose(transaction.id)?.fee)
            movement.purpose = .mutualClose(id)
            return movement
        }
    }

    /// The fee of a transaction of the channel's close, as far as it is known: a closing transaction's, a claim's, or that of what pays for a
    /// commitment.
    package func closeFee(of id: TransactionID) -> Satoshi? {
        if let mutual = mutualClose(id) { return mutual.fee }
        if let bump = phase.bump, bump.transaction.id == id { return bump.fee }
        guard let close else { return nil }
        return close.transaction == id ? close.fee : close.attempts.first { $0.transaction.id == id }?.fee
    }

    /// Claims that pay their own fee, and no block holds yet.
    ///
    /// - Parameter isOurs: whether a script is the wallet's.
    package func unconfirmedClaims(_ isOurs: (Script) -> Bool) -> [WalletTransaction] {
        guard case .closing(let closing) = phase else { return [] }
        let waiting = Set(
            closing.close.outputs.compactMap { output in
                if case .claiming(let id) = output.status { return id }
                return nil
            })
        return closing.close.attempts.filter { waiting.contains($0.transaction.id) && !$0.isFunded && !$0.isRefused }.map { attempt in
            let outputs = attempt.transaction.outputs.filter { isOurs($0.script) }
            let received = outputs.reduce(Satoshi.zero) { $0.saturatingAdding($1.amount) }
            var movement = WalletTransaction(id: attempt.transaction.id, received: received, spent: .zero, fee: attempt.fee)
            movement.purpose = closing.close.kind == .revokedCommitment ? .penalty(id) : .claim(id)
            return movement
        }
    }

    /// The close that there would be if our commitment were mined.
    mutating func closeByOurCommitment(at height: BlockHeight, _ environment: ChannelEnvironment) -> ChannelClose {
        let signed = signedLocalCommitment(environment.keys)
        return ChannelClose(signed, height: height, of: closing(environment), known: knownSpends(environment))
    }

    /// A close whose record is of a version that could not claim HTLCs learns what it needs to know of them.
    mutating func knowHTLCsOfOldRecord(_ environment: ChannelEnvironment) {
        guard case .closing(var closing) = phase, closing.close.knowHTLCs(knownSpends(environment)) else { return }
        phase = .closing(closing)
        isChanged = true
    }

    /// The remote's commitments that are not revoked: one, or two while ours is being answered.
    func remoteCommitments() -> [CommitmentTransaction] {
        let number = commitments.remoteNumber
        let view: HTLCState.View = commitments.awaitsRevocation ? .remoteUnrevoked : .remoteLatest
        let current = parameters.commitment(
            holderIsLocal: false, point: commitments.remotePoint, contents: commitments.contents(view, number: number))
        guard commitments.awaitsRevocation, let next = commitments.remoteNextPoint else { return [current] }
        let contents = commitments.contents(.remoteLatest, number: number + 1)
        return [current, parameters.commitment(holderIsLocal: false, point: next, contents: contents)]
    }

    /// A transaction in a block spends one of `watchedOutPoints`.
    mutating func spent(
        _ outPoint: OutPoint, by transaction: Transaction, height: BlockHeight, _ environment: ChannelEnvironment
    ) -> [ChannelEffect] {
        switch phase {
        case .closed: return []
        case .closing(var closing):
            let revealed = revealedPreimages(outPoint, by: transaction)
            closing.close.spent(outPoint, by: transaction, height: height, self.closing(environment))
            for (htlc, preimage) in revealed { _ = closing.close.learn(preimage, for: htlc.key) }
            phase = .closing(closing)
            isChanged = true
            return revealed.map { .fulfilled(id: $0.id, $0.paymentHash, $1, origin: $0.origin) } + claim(environment)
        case .live, .failed, .dataLost: break
        }
        guard fundings.contains(outPoint) else {
            return funding.inputs.contains(outPoint) ? fundingConflicted(transaction.id, height: height) : []
        }
        let withdrawn = dropUncommitted()
        var close = ChannelClose(transaction, height: height, of: closing(environment), known: knownSpends(environment))
        switch phase {
        case .dataLost: close.wasDataLost = true
        case .failed(let failed): close.failure = failed.reason
        case .live, .closing, .closed: break
        }
        var effects: [ChannelEffect] = [.closing(close.kind)]
        var bump: ClaimAttempt?
        if case .failed(let failed) = phase { bump = failed.bump }
        let wanted = phase.commitmentFeeRate
        // Another transaction was mined than the one that was paid for.
        let isPaidFor = bump?.outPoints.first?.transaction == transaction.id
        if let other = bump, !isPaidFor { effects.append(.abandonFunded(other.transaction.id)) }
        // What was mined is in the mempool again, should it be reorganized away.
        if seenCommitment?.id != transaction.id { seenCommitment = nil }
        phase = .closing(Closing(close: close, before: phase.live, bump: isPaidFor ? bump : nil, feeRate: wanted))
        isChanged = true
        if close.kind == .revokedCommitment {
            effects.append(.alert("channel \(id): the peer published revoked commitment \(close.commitmentNumber ?? 0)"))
            effects += wantRevoked()
        } else if close.kind == .ownRevokedCommitment {
            effects.append(
                .alert(
                    "channel \(id): a revoked commitment of ours was published, as by an old copy of our data: the peer may take everything"
                ))
        } else if close.kind == .futureCommitment || close.kind == .unknown || close.kind == .ownLaterCommitment {
            // BOLT 5: "MUST inform the user of potentially lost funds".
            effects.append(.alert("channel \(id): it was closed by a transaction that this node does not know; HTLCs may be lost"))
        }
        return effects + withdrawn + claim(environment)
    }

    /// A transaction that no block holds yet spends the funding output, or an output of a close, which may wait to be mined itself: where there are no
    /// anchors a commitment can wait together with what claims its outputs. The preimages that are shown are as good as any, and upstream has the
    /// more time. Before the close is mined they are not kept here: they come with every look into the mempool, and whoever has passed one on
    /// does so once.
    mutating func seen(_ outPoint: OutPoint, by transaction: Transaction, _ environment: ChannelEnvironment) -> [ChannelEffect] {
        func told(_ news: [(HTLC, PaymentPreimage)]) -> [ChannelEffect] {
            news.map { .fulfilled(id: $0.id, $0.paymentHash, $1, origin: $0.origin) }
        }
        switch phase {
        case .live, .failed, .dataLost:
            if fundings.contains(outPoint) { return seenInPlaceOfOurs(transaction, environment) }
            return told(revealedPreimages(outPoint, by: transaction).filter { htlc, _ in htlc.preimage == nil })
        case .closing(var closing):
            let news = revealedPreimages(outPoint, by: transaction).filter { htlc, _ in closing.close.isOpen(htlc.key) }
            guard !news.isEmpty else { return [] }
            for (htlc, preimage) in news { _ = closing.close.learn(preimage, for: htlc.key) }
            phase = .closing(closing)
            isChanged = true
            return told(news)
        case .closed: return []
        }
    }

    /// Preimages of HTLCs that we offered, in the witness of who claims them.
    ///
    /// BOLT 5: "if the commitment transaction HTLC output is spent using the payment preimage, the output is considered
    /// irrevocably resolved: MUST extract the payment preimage from the transaction input witness".
    private func revealedPreimages(_ outPoint: OutPoint, by transaction: Transaction) -> [(HTLC, PaymentPreimage)] {
        let witness = transaction.inputs.first { $0.previousOutput == outPoint }?.witness ?? []
        // Few elements at the beginning of a witness can be one: BOLT 3's scripts take five at most.
        return witness.prefix(6).compactMap({ Bytes32($0) }).map({ PaymentPreimage($0) }).flatMap { preimage in
            let hash = preimage.paymentHash
            return commitments.orderedHTLCs.filter { $0.state.isOfferedByLocal && $0.paymentHash == hash }.map { ($0, preimage) }
        }
    }

    // MARK: Claims

    /// Publishes the claims that can be mined now, again at every block until they are.
    private mutating func claim(_ environment: ChannelEnvironment) -> [ChannelEffect] {
        guard environment.isSynced, case .closing(var closing) = phase, closing.close.hasClaims(at: environment.height) else { return [] }
        let before = closing
        let actions = closing.close.claim(
            at: environment.height, estimates: environment.estimates, to: takeSweepScript(environment), self.closing(environment))
        if before != closing { isChanged = true }
        phase = .closing(closing)
        return actions.map { action in
            switch action {
            case .publish(let transaction): .broadcast(transaction)
            case .fund(let funding): .fundClaim(funding)
            }
        }
    }

    /// The chain's tip is reached.
    mutating func catchUp(_ environment: ChannelEnvironment) -> [ChannelEffect] {
        switch phase {
        case .failed: publishCommitment(environment)
        case .closing: claim(environment)
        case .live, .dataLost, .closed: []
        }
    }

    /// Whether the wallet should pay for something: it may have been done meanwhile.
    package func isWanted(_ funding: ClaimFunding) -> Bool {
        switch phase {
        case .failed(let failed): failed.bump?.transaction.id == funding.replacing
        case .closing(let closing): closing.close.isWanted(funding)
        case .live, .dataLost, .closed: false
        }
    }

    /// The wallet has paid for a claim, or cannot.
    mutating func claimFunded(
        _ funding: ClaimFunding, _ answer: (transaction: Transaction, fee: Satoshi)?, _ environment: ChannelEnvironment
    ) -> [ChannelEffect] {
        switch phase {
        case .failed(let failed): return bumpFunded(failed, funding, answer, environment)
        case .closing(var closing): return claimFunded(&closing, funding, answer, environment)
        case .live, .dataLost, .closed: return []
        }
    }

    private mutating func claimFunded(
        _ closing: inout Closing, _ funding: ClaimFunding, _ answer: (transaction: Transaction, fee: Satoshi)?,
        _ environment: ChannelEnvironment
    ) -> [ChannelEffect] {
        guard let answer else {
            // What it was to replace is still the best there is.
            let old = closing.close.attempts.first { $0.transaction.id == funding.replacing }
            return (old.map { [.broadcast($0.transaction)] } ?? []) + alertUnfunded("a transaction that claims HTLCs", environment)
        }
        guard
            let transaction = closing.close.funded(
                funding, answer.transaction, fee: answer.fee, at: environment.height, self.closing(environment))
        else { return [] }
        phase = .closing(closing)
        isChanged = true
        return [.broadcastFunded(transaction)]
    }

    /// Layer 1 refuses a claim for its fee: it is made again with a higher one at the next block.
    mutating func claimRefused(_ id: TransactionID, _ reason: String) {
        // The peer's commitment has left the mempool, and what paid for it has nothing to spend: ours is published again.
        if case .failed(let failed) = phase, failed.bump?.transaction.id == id,
            failed.bump?.outPoints.first?.transaction == seenCommitment?.id,
            ["missing-inputs", "bad-txns-inputs-missingorspent"].contains(where: { reason.hasPrefix($0) })
        {
            seenCommitment = nil
        }
        let isConflict = ["insufficient fee", "txn-mempool-conflict", "too many potential replacements", "replacement-failed"]
            .contains { reason.hasPrefix($0) }
        let isOverFee =
            isConflict || ["min relay fee not met", "mempool min fee not met", "package RBF failed"].contains { reason.hasPrefix($0) }
        guard isOverFee else { return }
        switch phase {
        case .closing(var closing):
            guard closing.close.refused(id, isConflict: isConflict) else { return }
            phase = .closing(closing)
        case .failed(var failed):
            guard var bump = failed.bump, bump.transaction.id == id, !bump.isRefused else { return }
            bump.isRefused = true
            bump.refusals = bump.refusals.addingReportingOverflow(1).partialValue
            failed.bump = bump
            phase = .failed(failed)
        case .live, .dataLost, .closed: return
        }
        isChanged = true
    }

    // MARK: HTLCs

    /// An incoming HTLC of a channel that is given up is decided: a preimage claims it on chain. There is no way to fail it there: the peer
    /// takes it back after its time.
    mutating func resolveOnChain(
        _ key: HTLC.Key, _ resolution: HTLC.Resolution, _ environment: ChannelEnvironment
    ) throws(ChannelRefusal) -> [ChannelEffect] {
        guard case .fulfilled(let preimage) = resolution else { return [] }
        guard let htlc = commitments.htlcs[key], preimage.paymentHash == htlc.paymentHash else { throw .unknownHTLC }
        // Kept in any case: what is mined may come to be another transaction.
        if htlc.preimage == nil {
            commitments.htlcs[key]?.resolution = resolution
            commitments.htlcs[key]?.onion = []
            commitments.htlcs[key]?.pathKey = nil
            if let known = commitments.htlcs[key] { changed([known]) }
        }
        switch phase {
        case .live, .failed, .dataLost: return []
        case .closed: return [.lost(id: key.id, htlc.paymentHash, htlc.amount, wasFulfilled: true)]
        case .closing(var closing):
            // Too late: the peer has it back, or a miner has it.
            if closing.close.isLost(key) { return [.lost(id: key.id, htlc.paymentHash, htlc.amount, wasFulfilled: true)] }
            let isOurs = closing.close.learn(preimage, for: key)
            phase = .closing(closing)
            isChanged = true
            return isOurs ? claim(environment) : []
        }
    }

    /// What layer 1 has decided over the HTLCs of the channel.
    private mutating func takeVerdicts(_ environment: ChannelEnvironment) -> [ChannelEffect] {
        guard case .closing(var closing) = phase else { return [] }
        let verdicts = closing.close.takeVerdicts(at: environment.height)
        guard !verdicts.isEmpty else { return [] }
        phase = .closing(closing)
        isChanged = true
        return verdicts.map { htlc, verdict in
            let (number, hash) = (htlc.key.id, htlc.paymentHash)
            let origin = commitments.htlcs[htlc.key]?.origin
            switch verdict {
            case .concluded: return .concluded(id: number, hash, origin: origin)
            case .returned: return .returned(id: number, hash, origin: origin)
            case .settled: return .settled(id: number, hash, wasFulfilled: true)
            case .lost: return .lost(id: number, hash, htlc.amount, wasFulfilled: htlc.preimage != nil)
            }
        }
    }

    /// Asks for records of revoked HTLCs, if an output of a breach cannot be taken without them; after a restart again.
    func wantRevoked() -> [ChannelEffect] {
        guard case .closing(let closing) = phase, closing.close.kind == .revokedCommitment, closing.close.hasUnknownPenalty else {
            return []
        }
        return [.needsRevokedHTLCs(RevokedHTLCLog.query(commitment: closing.close.commitmentNumber ?? 0))]
    }

    /// Takes the records that `needsRevokedHTLCs` asked for, and asks for more where outputs are still not known.
    mutating func takeRevoked(
        _ query: RevokedHTLCQuery, _ records: [(key: [UInt8], record: [UInt8])], _ environment: ChannelEnvironment
    ) -> [ChannelEffect] {
        guard case .closing(var closing) = phase, closing.close.kind == .revokedCommitment else { return [] }
        let before = closing
        var htlcs = revokedHTLCs.current
        var effects: [ChannelEffect] = []
        for (_, record) in records {
            // What the others tell is taken all the same.
            do throws(DecodingFailure) { htlcs += try RevokedHTLCLog.decode(record) } catch {
                effects = [.alert("channel \(id): records of revoked HTLCs cannot be read: \(error)")]
            }
        }
        closing.close.identify(htlcs, self.closing(environment))
        if before != closing {
            phase = .closing(closing)
            isChanged = true
        }
        let number = closing.close.commitmentNumber ?? 0
        let next =
            closing.close.hasUnknownPenalty ? RevokedHTLCLog.next(after: query, keys: records.map(\.key), commitment: number) : nil
        // What is found is taken at once: the cheater takes it with the time.
        return effects + claim(environment) + (next.map { [.needsRevokedHTLCs($0)] } ?? [])
    }

    // MARK: Blocks

    /// A block was connected, and what it spends of the close has been told.
    mutating func closingBlock(_ environment: ChannelEnvironment) -> [ChannelEffect] {
        let effects = claim(environment) + takeVerdicts(environment)
        guard case .closing(let closing) = phase, closing.close.isFinal(height: environment.height) else { return effects }
        phase = .closed(closing)
        isChanged = true
        return effects + [.closed]
    }

    /// A block was connected on a channel that is closed.
    ///
    /// BOLT 5: what is "*resolved*" is "considered *irrevocably resolved* once the remote's *resolving* transaction is included in a block
    /// at least 100 deep": until then a reorganization opens the channel again, and another commitment may be mined.
    mutating func closedBlock(_ closing: Closing, _ environment: ChannelEnvironment) -> [ChannelEffect] {
        if environment.height >= closing.close.irrevocableHeight { forgetsRevoked = true }
        // A peer that took what was written off is remembered by its channel.
        return environment.height >= closing.close.endHeight && !hasTakenWrittenOff ? [.ended] : []
    }

    /// A block left the active chain: what it had resolved is open again.
    mutating func disconnectedBlock(height: BlockHeight) -> [ChannelEffect] {
        if funding.height == height { fundingUnconfirmed() }
        // What counted as deep may be so no more.
        if funding.isDeep, !isDeepEnough(at: height - 1) { funding.isDeep = false }
        if funding.conflict?.height == height {
            funding.conflict = nil
            isChanged = true
            // It was ended for good, and is not any more: if the funding transaction confirms now, our commitment takes our money back.
            if case .closed(let closing) = phase, closing.close.kind == .fundingSpent {
                phase = .failed(
                    Failed(reason: "the double-spend of the funding transaction was reorganized away", before: closing.before))
            }
        }
        if case .closed(let closing) = phase, closing.close.kind != .fundingSpent, !closing.close.isFinal(height: height - 1) {
            phase = .closing(closing)
            isChanged = true
        }
        guard case .closing(var closing) = phase else { return [] }
        if closing.close.height == height {
            phase = reopened(closing)
            isChanged = true
            // What the wallet paid for spends outputs that may never be there again.
            return closing.close.attempts.filter(\.isFunded).map { .abandonFunded($0.transaction.id) }
        }
        if closing.close.disconnected(height: height) { isChanged = true }
        phase = .closing(closing)
        return []
    }

    /// The closing transaction itself is unconfirmed: whatever spends the funding output next decides.
    private func reopened(_ closing: Closing) -> Phase {
        switch closing.close.kind {
        // The remote knows more than we do: publishing our commitment would lose everything.
        case _ where closing.close.wasDataLost, .futureCommitment, .unknown, .ownRevokedCommitment, .ownLaterCommitment:
            .dataLost(DataLost(before: closing.before))
        case _ where closing.close.failure != nil:
            .failed(
                Failed(reason: closing.close.failure ?? "", before: closing.before, bump: closing.bump, feeRate: closing.feeRate))
        case .mutual: .live(closing.before)
        case .localCommitment, .remoteCommitment, .revokedCommitment, .fundingSpent:
            .failed(
                Failed(
                    reason: "the closing transaction was reorganized away", before: closing.before, bump: closing.bump,
                    feeRate: closing.feeRate))
        }
    }
}
