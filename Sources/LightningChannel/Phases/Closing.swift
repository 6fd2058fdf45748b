public import BitcoinPrimitives
import CryptoPrimitives
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
            mutualCloses: mutualCloses, shutdownScripts: scripts, local: localCommitment(environment.keys), remote: remoteCommitments(),
            htlcs: commitments.orderedHTLCs.map(RevokedHTLC.init))
    }

    /// The remote's commitments that are not revoked: one, or two while ours is being answered.
    private func remoteCommitments() -> [CommitmentTransaction] {
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
        _ outPoint: OutPoint, by transaction: Transaction, height: Int, _ environment: ChannelEnvironment
    ) -> [ChannelEffect] {
        switch phase {
        case .closed: return []
        case .closing(var closing):
            let preimages = revealedPreimages(outPoint, by: transaction)
            closing.close.spent(outPoint, by: transaction, height: height, self.closing(environment))
            phase = .closing(closing)
            isChanged = true
            return preimages + claim(environment)
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
        phase = .closing(Closing(close: close, before: phase.live))
        isChanged = true
        var effects: [ChannelEffect] = [.closing(close.kind)]
        if close.kind == .revokedCommitment {
            effects.append(.alert("channel \(id): the peer published revoked commitment \(close.commitmentNumber ?? 0)"))
            effects += wantRevoked()
        } else if close.hasUnresolved {
            effects.append(.alert("channel \(id): HTLC outputs of the closing transaction are held as unresolved"))
        }
        return effects + withdrawn + claim(environment)
    }

    /// Preimages of HTLCs that we offered, in the witness of who claims them.
    ///
    /// BOLT 5: "if the commitment transaction HTLC output is spent using the payment preimage, the output is considered
    /// irrevocably resolved: MUST extract the payment preimage from the transaction input witness".
    private func revealedPreimages(_ outPoint: OutPoint, by transaction: Transaction) -> [ChannelEffect] {
        let witness = transaction.inputs.first { $0.previousOutput == outPoint }?.witness ?? []
        var effects: [ChannelEffect] = []
        // Few elements at the beginning of a witness can be one: BOLT 3's scripts take five at most.
        for preimage in witness.prefix(6).compactMap({ Bytes32($0) }).map({ PaymentPreimage($0) }) {
            let hash = preimage.paymentHash
            for htlc in commitments.orderedHTLCs where htlc.state.isOfferedByLocal && htlc.paymentHash == hash {
                effects.append(.fulfilled(id: htlc.id, hash, preimage, origin: htlc.origin))
            }
        }
        return effects
    }

    // MARK: Claims

    /// Publishes the claims that can be mined now, again at every block until they are.
    private mutating func claim(_ environment: ChannelEnvironment) -> [ChannelEffect] {
        guard case .closing(var closing) = phase, closing.close.hasClaims(at: environment.height) else { return [] }
        let before = closing
        let claims = closing.close.claim(
            at: environment.height, feeRate: environment.feeRate, to: takeSweepScript(environment), self.closing(environment))
        if before != closing { isChanged = true }
        phase = .closing(closing)
        return claims.map { .broadcast($0) }
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
        let effects = claim(environment) + failMissingHTLCs(environment)
        guard case .closing(let closing) = phase, closing.close.isFinal(height: environment.height) else { return effects }
        phase = .closed(closing)
        isChanged = true
        // What became of each is in a block, and deep, as far as this side can know: of a commitment that it does not know it sees no HTLCs.
        let offered = commitments.orderedHTLCs.filter(\.state.isOfferedByLocal)
        return effects + offered.map { .concluded(id: $0.id, $0.paymentHash, origin: $0.origin) } + [.closed]
    }

    /// Blocks on top of a closing transaction after which an HTLC that is not in it counts as failed.
    private static let reasonableDepth = 3

    /// HTLCs that we offered and that can no longer be claimed: the closing transaction does not hold them.
    ///
    /// BOLT 5: "for any committed HTLC that does NOT have an output in this commitment transaction: … once the commitment transaction has
    /// reached reasonable depth: MUST fail the corresponding incoming HTLC (if any)".
    private mutating func failMissingHTLCs(_ environment: ChannelEnvironment) -> [ChannelEffect] {
        guard let close, environment.height - close.height + 1 >= Self.reasonableDepth else { return [] }
        let commitment: CommitmentTransaction?
        switch close.kind {
        case .localCommitment, .remoteCommitment:
            let candidates = close.kind == .localCommitment ? [localCommitment(environment.keys)] : remoteCommitments()
            // Only the very transaction that was mined tells what is not in it.
            guard let mined = candidates.first(where: { $0.id == close.transaction }) else { return [] }
            commitment = mined
        // A revoked commitment's HTLCs are ours by penalty, whatever becomes of them.
        case .revokedCommitment, .mutual: commitment = nil
        case .futureCommitment, .unknown, .fundingSpent: return []
        }
        let present: [CommitmentHTLC] =
            commitment?.roles.enumerated().compactMap { index, role in
                guard case .htlc(let htlc) = role else { return nil }
                // An output that we took back ourselves after its time is as good as none.
                let outPoint = OutPoint(close.transaction, UInt32(index))
                let status = close.outputs.first { $0.outPoint == outPoint }?.status
                if case .resolved(_, let height, true)? = status, environment.height - height + 1 >= Self.reasonableDepth { return nil }
                return htlc
            } ?? []
        let holderIsLocal = close.kind == .localCommitment
        return commitments.orderedHTLCs.filter { htlc in
            htlc.state.isOfferedByLocal
                && !present.contains { $0.isOfferedByHolder == holderIsLocal && $0.id == htlc.id }
        }.map { .returned(id: $0.id, $0.paymentHash, origin: $0.origin) }
    }

    /// A block left the active chain: what it had resolved is open again.
    mutating func disconnectedBlock(height: Int) {
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
        guard case .closing(var closing) = phase else { return }
        if closing.close.height == height {
            phase = reopened(closing)
            isChanged = true
            return
        }
        if closing.close.disconnected(height: height) { isChanged = true }
        phase = .closing(closing)
    }

    /// The closing transaction itself is unconfirmed: whatever spends the funding output next decides.
    private func reopened(_ closing: Closing) -> Phase {
        switch closing.close.kind {
        // The remote knows more than we do: publishing our commitment would lose everything.
        case _ where closing.close.wasDataLost, .futureCommitment, .unknown: .dataLost(DataLost(before: closing.before))
        case _ where closing.close.failure != nil: .failed(Failed(reason: closing.close.failure ?? "", before: closing.before))
        case .mutual: .live(closing.before)
        case .localCommitment, .remoteCommitment, .revokedCommitment, .fundingSpent:
            .failed(Failed(reason: "the closing transaction was reorganized away", before: closing.before))
        }
    }
}
