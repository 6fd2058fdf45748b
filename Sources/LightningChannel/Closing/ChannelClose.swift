public import BitcoinPrimitives
import CryptoPrimitives
import LightningTransactions
import LightningWire

/// The funding output is spent: what is left to be claimed, and what has become of it.
public struct ChannelClose: Hashable, Sendable {
    /// What an output of the closing transaction is to us.
    public enum Role: UInt8, Hashable, Sendable {
        /// Ours, after our delay.
        case delayedToLocal
        /// Ours at once, in the remote's commitment.
        case toRemote
        /// The remote's own output of a revoked commitment: ours as penalty.
        case penaltyToLocal
        /// An HTLC of a revoked commitment: ours as penalty.
        case penaltyHTLC
        /// What the remote made of such an HTLC in a second step: still ours as penalty.
        case penaltySecondLevel
        /// An HTLC of a commitment that was not revoked; claiming it is not done yet.
        case htlc

        /// BOLT 3's name for the output, for lists.
        public var name: String {
            switch self {
            case .delayedToLocal: "to_local, after its delay"
            case .toRemote: "to_remote"
            case .penaltyToLocal: "penalty on to_local"
            case .penaltyHTLC: "penalty on an HTLC"
            case .penaltySecondLevel: "penalty on an HTLC's second step"
            case .htlc: "HTLC"
            }
        }
    }

    public enum Status: Hashable, Sendable {
        /// To be claimed as soon as the chain has this height.
        case waiting(height: Int)
        /// A claim is published.
        case claiming(TransactionID)
        /// Spent in a block, by us or not.
        case resolved(by: TransactionID, height: Int, isOurs: Bool)
        /// Not worth its fee.
        case abandoned
        /// Nobody has resolved it, and this implementation does not yet know how to.
        case unresolved
    }

    public struct Output: Hashable, Sendable {
        public var outPoint: OutPoint
        public var output: TransactionOutput
        public var role: Role
        public var status: Status
        /// What the claim needs: the script, and for the sake of HTLCs their hash.
        public var witnessScript: Script?
    }

    public var kind: CloseKind
    public var transaction: TransactionID
    public var height: Int
    /// The commitment's number, for commitments.
    public var commitmentNumber: UInt64?
    /// Whether an HTLC output of a breach cannot be taken before its record is found.
    var hasUnknownPenalty: Bool { outputs.contains { $0.role == .penaltyHTLC && $0.witnessScript == nil } }
    /// The per-commitment point whose keys claim.
    var point: PublicKey?
    public var outputs: [Output]
    /// Whether our data was known to be old before: then nothing of ours may be published, not even after a reorganization.
    var wasDataLost = false
    /// Why we had given the channel up before, if we had.
    var failure: String?

    /// Blocks after which a resolution counts as final.
    static let finalDepth = 6

    /// Whether everything that is ours has been claimed for good at the given height.
    func isFinal(height: Int) -> Bool {
        guard height - self.height + 1 >= Self.finalDepth else { return false }
        return outputs.allSatisfy { output in
            switch output.status {
            case .resolved(_, let at, _): height - at + 1 >= Self.finalDepth
            case .abandoned: true
            case .waiting, .claiming, .unresolved: false
            }
        }
    }

    /// Whether an output is held as unresolved.
    public var hasUnresolved: Bool { outputs.contains { $0.status == .unresolved } }
}

// BOLT 5: what to do when the funding output is spent.
extension PaymentChannel {
    /// The outputs whose spending the channel has to hear of.
    public var watchedOutPoints: [OutPoint] {
        switch phase {
        case .funding, .normal, .failed, .dataLost: [parameters.funding] + (fundingHeight == nil ? fundingInputs : [])
        case .closing(let close):
            close.outputs.compactMap { output in
                if case .resolved = output.status { return nil }
                return output.outPoint
            }
        case .closed: []
        }
    }

    /// A transaction in a block spends one of `watchedOutPoints`.
    mutating func spent(
        _ outPoint: OutPoint, by transaction: Transaction, height: Int, _ environment: ChannelEnvironment
    ) -> [ChannelEffect] {
        if case .closing(var close) = phase {
            let preimages = revealedPreimages(outPoint, by: transaction)
            resolve(outPoint, by: transaction, height: height, in: &close, environment)
            phase = .closing(close)
            isChanged = true
            return preimages + claim(environment)
        }
        guard !isClosed else { return [] }
        guard outPoint == parameters.funding else {
            return fundingInputs.contains(outPoint) ? fundingConflicted(transaction.id, height: height) : []
        }
        let withdrawn = dropUncommitted()
        var close = classify(transaction, height: height, environment)
        switch phase {
        case .dataLost: close.wasDataLost = true
        case .failed(let reason): close.failure = reason
        case .funding, .normal, .closing, .closed: break
        }
        phase = .closing(close)
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

    /// Blocks on top of a closing transaction after which an HTLC that is not in it counts as failed.
    static let reasonableDepth = 3

    /// HTLCs that we offered and that can no longer be claimed: the closing transaction does not hold them.
    ///
    /// BOLT 5: "for any committed HTLC that does NOT have an output in this commitment transaction: … once the commitment transaction has
    /// reached reasonable depth: MUST fail the corresponding incoming HTLC (if any)".
    private mutating func failMissingHTLCs(_ close: ChannelClose, _ environment: ChannelEnvironment) -> [ChannelEffect] {
        guard environment.height - close.height + 1 >= Self.reasonableDepth else { return [] }
        let commitment: CommitmentTransaction?
        switch close.kind {
        case .localCommitment, .remoteCommitment:
            let candidates = close.kind == .localCommitment ? [localCommitment(environment.keys)] : remoteCommitments().map(\.0)
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

    // MARK: Which transaction is it?

    private mutating func classify(
        _ transaction: Transaction, height: Int, _ environment: ChannelEnvironment
    ) -> ChannelClose {
        let transactionID = transaction.id
        func close(
            _ kind: CloseKind, number: UInt64? = nil, point: PublicKey? = nil, _ outputs: [ChannelClose.Output] = []
        ) -> ChannelClose {
            ChannelClose(
                kind: kind, transaction: transactionID, height: height, commitmentNumber: number, point: point,
                outputs: outputs)
        }
        if isMutualClose(transaction, transactionID) { return close(.mutual) }
        let own = localCommitment(environment.keys)
        if own.id == transactionID {
            return close(
                .localCommitment, number: own.contents.number, point: own.keys.perCommitmentPoint,
                localOutputs(own, height: height))
        }
        guard
            let number = CommitmentTransaction.number(of: transaction, obscuringFactor: parameters.obscuringFactor)
        else { return close(.unknown) }
        if number < commitments.remoteNumber {
            let index = PerCommitmentSecret.index(commitment: number)
            if let secret = commitments.remoteSecrets.secret(index: index), let key = SecretKey(secret) {
                let outputs = revokedOutputs(transaction, transactionID, number: number, point: key.publicKey())
                return close(.revokedCommitment, number: number, point: key.publicKey(), outputs)
            }
        }
        for (candidate, point) in remoteCommitments() where candidate.id == transactionID {
            return close(
                .remoteCommitment, number: number, point: point, remoteOutputs(candidate))
        }
        // With option_static_remotekey our own output can be claimed even from a commitment that we do not know.
        return close(.futureCommitment, number: number, ownRemoteOutput(transaction, transactionID))
    }

    private func isMutualClose(_ transaction: Transaction, _ transactionID: TransactionID) -> Bool {
        if mutualCloses.contains(where: { $0.id == transactionID }) { return true }
        guard let localShutdown, let remoteShutdown else { return false }
        return transaction.inputs.count == 1 && transaction.inputs[0].sequence >> 24 == 0xff
            && transaction.outputs.allSatisfy { $0.script == localShutdown || $0.script == remoteShutdown }
    }

    /// The remote's commitments that are not revoked: one, or two while ours is being answered.
    private func remoteCommitments() -> [(CommitmentTransaction, PublicKey)] {
        let number = commitments.remoteNumber
        var result: [(CommitmentTransaction, PublicKey)] = []
        let view: HTLCState.View = commitments.awaitsRevocation ? .remoteUnrevoked : .remoteLatest
        result.append(
            (
                parameters.commitment(
                    holderIsLocal: false, point: commitments.remotePoint,
                    contents: commitments.contents(view, number: number)), commitments.remotePoint
            ))
        if commitments.awaitsRevocation, let next = commitments.remoteNextPoint {
            let contents = commitments.contents(.remoteLatest, number: number + 1)
            result.append((parameters.commitment(holderIsLocal: false, point: next, contents: contents), next))
        }
        return result
    }

    // MARK: What is in it for us?

    private func localOutputs(_ commitment: CommitmentTransaction, height: Int) -> [ChannelClose.Output] {
        commitment.roles.enumerated().compactMap { index, role in
            let outPoint = OutPoint(commitment.id, UInt32(index))
            let output = commitment.transaction.outputs[index]
            switch role {
            case .toHolder:
                // Its claim can be mined once to_self_delay blocks are on top.
                let mature = height + Int(parameters.remote.toSelfDelay) - 1
                return .init(
                    outPoint: outPoint, output: output, role: .delayedToLocal, status: .waiting(height: mature),
                    witnessScript: commitment.witnessScript(at: index))
            case .htlc: return .init(outPoint: outPoint, output: output, role: .htlc, status: .unresolved)
            case .toCounterparty, .holderAnchor, .counterpartyAnchor: return nil
            }
        }
    }

    private func remoteOutputs(_ commitment: CommitmentTransaction) -> [ChannelClose.Output] {
        commitment.roles.enumerated().compactMap { index, role in
            let outPoint = OutPoint(commitment.id, UInt32(index))
            let output = commitment.transaction.outputs[index]
            switch role {
            case .toCounterparty:
                return .init(
                    outPoint: outPoint, output: output, role: .toRemote, status: .waiting(height: 0),
                    witnessScript: commitment.witnessScript(at: index))
            case .htlc: return .init(outPoint: outPoint, output: output, role: .htlc, status: .unresolved)
            case .toHolder, .holderAnchor, .counterpartyAnchor: return nil
            }
        }
    }

    /// Our own output of a commitment of the remote, which needs no per-commitment point.
    func ownRemoteOutput(_ transaction: Transaction, _ id: TransactionID) -> [ChannelClose.Output] {
        let key = parameters.local.keys.payment
        let script = ChannelScripts.toRemoteOutput(key, hasAnchors: parameters.hasAnchors)
        return transaction.outputs.enumerated().compactMap { index, output in
            guard output.script == script else { return nil }
            return .init(
                outPoint: OutPoint(id, UInt32(index)), output: output, role: .toRemote, status: .waiting(height: 0),
                witnessScript: parameters.hasAnchors ? ChannelScripts.toRemoteAnchors(key) : nil)
        }
    }

    // MARK: Claiming

    private func resolve(
        _ outPoint: OutPoint, by transaction: Transaction, height: Int, in close: inout ChannelClose,
        _ environment: ChannelEnvironment
    ) {
        guard let index = close.outputs.firstIndex(where: { $0.outPoint == outPoint }) else { return }
        let transactionID = transaction.id
        // Not by what it pays: a cheater can add an output of ours to its own transaction. Only the witness of this very
        // input tells who spent it.
        let witness = transaction.inputs.first { $0.previousOutput == outPoint }?.witness ?? []
        let isOurs = isOwnClaim(witness, of: close.outputs[index], close)
        close.outputs[index].status = .resolved(by: transactionID, height: height, isOurs: isOurs)
        // A cheater may take an HTLC to its second step first; its output carries the same revocation key.
        guard close.outputs[index].role == .penaltyHTLC, !isOurs, let point = close.point else { return }
        let keys = parameters.keys(holderIsLocal: false, point: point)
        let script = ChannelScripts.toLocal(
            revocation: keys.revocation, delay: parameters.local.toSelfDelay, delayed: keys.holderDelayed)
        let known = Set(close.outputs.map(\.outPoint))
        let dust = script.dustLimit
        for (position, output) in transaction.outputs.enumerated() where output.script == .p2wsh(script) {
            let target = OutPoint(transactionID, UInt32(position))
            // A cheater may add as many outputs as a block holds: what no claim could pay for is not looked at.
            if output.amount < dust || known.contains(target) { continue }
            close.outputs.append(
                .init(
                    outPoint: target, output: output, role: .penaltySecondLevel, status: .waiting(height: 0),
                    witnessScript: script))
        }
    }

    /// Whether a witness took the path that only we can take.
    private func isOwnClaim(_ witness: [[UInt8]], of output: ChannelClose.Output, _ close: ChannelClose) -> Bool {
        switch output.role {
        // Only our key can spend it.
        case .toRemote: true
        // <sig> <> <script> is the delayed path; <sig> 1 <script> the revocation path.
        case .delayedToLocal: witness.count == 3 && witness[1].isEmpty
        case .penaltyToLocal, .penaltySecondLevel: witness.count == 3 && witness[1] == [1]
        case .penaltyHTLC: witness.count == 3 && witness[1] == revocationKey(close)
        case .htlc: false
        }
    }

    /// Publishes the claims that can be mined now, again at every block until they are.
    mutating func claim(_ environment: ChannelEnvironment) -> [ChannelEffect] {
        guard case .closing(var close) = phase else { return [] }
        var effects: [ChannelEffect] = []
        for index in close.outputs.indices {
            switch close.outputs[index].status {
            case .waiting(let height) where height <= environment.height: break
            case .claiming, .abandoned: break
            case .waiting, .resolved, .unresolved: continue
            }
            guard let transaction = claimTransaction(close.outputs[index], close, to: takeSweepScript(environment), environment) else {
                close.outputs[index].status = .abandoned
                continue
            }
            close.outputs[index].status = .claiming(transaction.id)
            effects.append(.broadcast(transaction))
        }
        if case .closing(let before) = phase, before != close { isChanged = true }
        phase = .closing(close)
        return effects
    }

    /// A transaction that takes one output to our wallet; `nil` where its fee would eat it up.
    private func claimTransaction(
        _ output: ChannelClose.Output, _ close: ChannelClose, to script: Script, _ environment: ChannelEnvironment
    ) -> Transaction? {
        let keys = environment.keys
        let sequence: UInt32
        switch output.role {
        case .delayedToLocal: sequence = UInt32(parameters.remote.toSelfDelay)
        case .toRemote: sequence = parameters.hasAnchors ? 1 : 0xffff_fffd
        case .penaltyToLocal, .penaltyHTLC, .penaltySecondLevel, .htlc: sequence = 0xffff_fffd
        }
        var transaction = Transaction(
            inputs: [TransactionInput(output.outPoint, sequence: sequence)],
            outputs: [TransactionOutput(.zero, script)])
        func witness(_ signature: [UInt8], _ script: Script) -> [[UInt8]] {
            switch output.role {
            case .delayedToLocal: [signature, [], script.bytes]
            case .penaltyToLocal, .penaltySecondLevel: [signature, [1], script.bytes]
            case .penaltyHTLC: [signature, revocationKey(close), script.bytes]
            case .toRemote:
                parameters.hasAnchors
                    ? [signature, script.bytes] : [signature, parameters.local.keys.payment.compressed]
            case .htlc: []
            }
        }
        let spent = output.witnessScript ?? .p2pkh(hash: Hash.hash160(parameters.local.keys.payment.compressed))
        transaction.inputs[0].witness = witness([UInt8](repeating: 0, count: 73), spent)
        // Where the usual fee would eat the output up, whatever it can pay; only less than the least is given up.
        let dust = script.dustLimit
        let least = FeeRate.floor.feeRoundedUp(weight: transaction.weight)
        guard let most = output.output.amount.subtracting(dust), most >= least else { return nil }
        let fee = min(max(environment.feeRate, .floor).feeRoundedUp(weight: transaction.weight), most)
        let amount = output.output.amount - fee
        transaction.outputs[0].amount = amount
        var hasher = SignatureHasher(transaction)
        let hash = hasher.witnessV0(input: 0, scriptCode: spent, amount: output.output.amount)
        let signature: ECDSASignature
        switch output.role {
        case .delayedToLocal:
            guard let point = close.point else { return nil }
            signature = KeyDerivation.secretKey(basepointSecret: keys.delayedPayment, perCommitmentPoint: point)
                .sign(hash)
        case .toRemote: signature = keys.payment.sign(hash)
        case .penaltyToLocal, .penaltyHTLC, .penaltySecondLevel:
            guard let number = close.commitmentNumber,
                let secret = commitments.remoteSecrets.secret(index: PerCommitmentSecret.index(commitment: number)),
                let perCommitment = SecretKey(secret)
            else { return nil }
            signature = KeyDerivation.revocationSecretKey(
                basepointSecret: keys.revocation, perCommitmentSecret: perCommitment
            ).sign(hash)
        case .htlc: return nil
        }
        transaction.inputs[0].witness = witness(signature.der + [1], spent)
        return transaction
    }

    private func revocationKey(_ close: ChannelClose) -> [UInt8] {
        close.point.map { parameters.keys(holderIsLocal: false, point: $0).revocation.compressed } ?? []
    }

    // MARK: Blocks

    /// A block was connected; `environment.height` is its height. To be called after what it confirms and spends.
    mutating func newBlock(_ environment: ChannelEnvironment) -> [ChannelEffect] {
        switch phase {
        case .funding:
            let ended = endIfConflictIsFinal(environment)
            guard ended.isEmpty else { return ended }
            var effects = sendReadyIfDeep(environment) + mutualCloses.map { .broadcast($0) }
            if fundingHeight == nil {
                if let fundingTransaction { effects.append(.broadcast(fundingTransaction)) }
                effects += abandonIfForgotten(environment)
            }
            return effects
        case .normal:
            let ended = endIfConflictIsFinal(environment)
            guard ended.isEmpty else { return ended }
            forgetFundingInputs(environment)
            return noteDepth(environment) + mutualCloses.map { .broadcast($0) } + enforceDeadlines(environment)
        case .failed(let reason):
            let ended = endIfConflictIsFinal(environment)
            guard ended.isEmpty else { return ended }
            if isForgettable { return [.abandoned(reason)] }
            // Whichever is mined first: a mutual close is the better one for both.
            return mutualCloses.map { .broadcast($0) } + [.broadcast(signedLocalCommitment(environment.keys))]
        case .dataLost, .closed: return []
        case .closing(let close):
            let effects = claim(environment) + failMissingHTLCs(close, environment)
            guard case .closing(let now) = phase, now.isFinal(height: environment.height) else { return effects }
            phase = .closed(now)
            isChanged = true
            return effects + [.closed]
        }
    }

    static let fundingTimeout = 2016

    /// BOLT 2: "SHOULD forget the channel if it does not see the correct funding transaction after a timeout of 2016 blocks".
    private func abandonIfForgotten(_ environment: ChannelEnvironment) -> [ChannelEffect] {
        guard isForgettable, environment.height - openedHeight > Self.fundingTimeout else { return [] }
        return [.abandoned("it was not funded in \(Self.fundingTimeout) blocks")]
    }

    /// A funding transaction as deep as this is not double-spent any more.
    static let doubleSpendDepth = 100

    private mutating func forgetFundingInputs(_ environment: ChannelEnvironment) {
        guard !fundingInputs.isEmpty, let fundingHeight, environment.height - fundingHeight + 1 >= Self.doubleSpendDepth else { return }
        fundingInputs = []
        isChanged = true
    }

    /// BOLT 2 "cltv_expiry_delta Selection": the heights at which an HTLC must be settled on chain.
    private mutating func enforceDeadlines(_ environment: ChannelEnvironment) -> [ChannelEffect] {
        let grace = Self.deadlineGrace
        let height = UInt32(environment.height)
        for htlc in commitments.orderedHTLCs {
            // A dust HTLC, which is no output of either commitment, is not worth a channel: the node decides when there are too many.
            if isTrimmedEverywhere(htlc) { continue }
            // "HTLC … in either node's current commitment transaction": the remote's is the old one until it is revoked.
            let isCommitted =
                htlc.state.isIn(.local) || htlc.state.isIn(.remoteLatest)
                || commitments.awaitsRevocation && htlc.state.isIn(.remoteUnrevoked)
            if htlc.state.isOfferedByLocal, isCommitted,
                height >= htlc.cltvExpiry.addingReportingOverflow(grace).partialValue
            {
                return fail("an HTLC of ours expired at block \(htlc.cltvExpiry) and was neither fulfilled nor failed", environment)
            }
            if !htlc.state.isOfferedByLocal, htlc.preimage != nil, htlc.state.isIn(.local),
                height + grace >= htlc.cltvExpiry
            {
                return fail("the peer does not settle an HTLC that expires at \(htlc.cltvExpiry)", environment)
            }
        }
        return []
    }

    /// A block left the active chain: what it had resolved is open again.
    mutating func disconnectedBlock(height: Int) {
        if fundingHeight == height { fundingUnconfirmed() }
        // What counted as deep may be so no more.
        if isFundingDeep, !isDeepEnough(at: height - 1) { isFundingDeep = false }
        if fundingConflict?.height == height {
            fundingConflict = nil
            isChanged = true
            // It was ended for good, and is not any more: if the funding transaction confirms now, our commitment takes our money back.
            if case .closed(let close) = phase, close.kind == .fundingSpent {
                phase = .failed(reason: "the double-spend of the funding transaction was reorganized away")
            }
        }
        guard case .closing(var close) = phase else { return }
        if close.height == height {
            // The closing transaction itself is unconfirmed: whatever spends the funding output next decides.
            switch close.kind {
            // The remote knows more than we do: publishing our commitment would lose everything.
            case _ where close.wasDataLost, .futureCommitment, .unknown: phase = .dataLost
            case _ where close.failure != nil: phase = .failed(reason: close.failure ?? "")
            case .mutual: phase = .normal
            case .localCommitment, .remoteCommitment, .revokedCommitment, .fundingSpent:
                phase = .failed(reason: "the closing transaction was reorganized away")
            }
            isChanged = true
            return
        }
        var undone: Set<TransactionID> = []
        for index in close.outputs.indices {
            guard case .resolved(let spender, height, _) = close.outputs[index].status else { continue }
            undone.insert(spender)
            // An HTLC is as unresolved as it was; a claim is published again.
            let output = close.outputs[index]
            let isUnknown = output.role == .htlc || output.role == .penaltyHTLC && output.witnessScript == nil
            close.outputs[index].status = isUnknown ? .unresolved : .waiting(height: 0)
            isChanged = true
        }
        close.outputs.removeAll { $0.role == .penaltySecondLevel && undone.contains($0.outPoint.transaction) }
        phase = .closing(close)
    }
}
