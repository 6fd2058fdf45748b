public import BitcoinPrimitives
package import LightningTransactions
package import LightningWire

// What layer 1 has decided over the HTLCs of a closed channel.
extension ChannelClose {
    /// Blocks on top of a transaction, itself included, after which what it decided is told upstream.
    ///
    /// BOLT 5: "once the commitment transaction has reached reasonable depth", "once the resolving transaction has reached reasonable
    /// depth". As deep as what makes a close final: what a shorter reorganization could undo has not been told to anybody. A forward has the
    /// time: its incoming HTLC expires `cltv_expiry_delta` blocks later, which is `ForwardingPolicy.minimumDelta` at the least.
    package static let reasonableDepth = finalDepth

    private func isDeep(_ at: BlockHeight, _ height: BlockHeight) -> Bool { at.depth(at: height) >= Self.reasonableDepth }

    /// The verdicts that have fallen since the last call.
    ///
    /// Money at risk: what is `returned` is failed upstream, so that it must be out of the peer's reach. That is so where we took its output
    /// after its time, and that is deep in the chain; where the mined commitment has no output for it; or where everything of a revoked
    /// commitment is ours.
    package mutating func takeVerdicts(at height: BlockHeight) -> [(htlc: ClosingHTLC, verdict: ClosingHTLC.Verdict)] {
        var verdicts: [(ClosingHTLC, ClosingHTLC.Verdict)] = []
        for index in htlcs.indices where !htlcs[index].isDecided {
            guard let verdict = verdict(on: htlcs[index], at: height) else { continue }
            htlcs[index].isDecided = true
            verdicts.append((htlcs[index], verdict))
        }
        return verdicts
    }

    private func verdict(on htlc: ClosingHTLC, at height: BlockHeight) -> ClosingHTLC.Verdict? {
        let isOurs = htlc.key.isOfferedByLocal
        // Whatever became of it, the preimage says whose it is.
        let byPreimage: ClosingHTLC.Verdict =
            isOurs ? (htlc.preimage == nil ? .returned : .concluded) : (htlc.preimage == nil ? .lost : .settled)
        // Nobody can wait for ever: long after its time nobody has claimed it.
        let isForgotten = height >= min(htlc.cltvExpiry.height, self.height + Self.longestExpiry) + Self.irrevocableDepth
        switch kind {
        case .futureCommitment, .unknown, .ownRevokedCommitment, .ownLaterCommitment: return isForgotten ? byPreimage : nil
        case .mutual, .fundingSpent: return isDeep(self.height, height) ? byPreimage : nil
        case .revokedCommitment:
            guard isDeep(self.height, height) else { return nil }
            // What the cheater could still take with a preimage is not given back upstream before it is ours.
            return isForgotten || penaltiesAreDeep(height) ? byPreimage : nil
        case .localCommitment, .remoteCommitment: break
        }
        switch htlc.place {
        case .absent: return isDeep(self.height, height) ? byPreimage : nil
        case .trimmed:
            guard isDeep(self.height, height) else { return nil }
            return isOurs ? byPreimage : .lost
        case .unknown: return isForgotten ? byPreimage : nil
        case .output:
            guard let output = output(of: htlc.key) else { return nil }
            switch output.status {
            case .resolved(_, let at, let wasByUs):
                guard isDeep(at, height) else { return nil }
                return wasByUs == isOurs ? (isOurs ? .returned : .lost) : (isOurs ? .concluded : .settled)
            case .abandoned, .unresolved: return isForgotten ? (isOurs ? byPreimage : .lost) : nil
            case .waiting, .claiming: return nil
            }
        }
    }

    /// Blocks after a close within which every HTLC that matters expires: nobody here takes one that lasts longer.
    private static let longestExpiry = 8_064

    /// Whether all HTLCs of a breach are ours, or the cheater's for good, deep in the chain.
    private func penaltiesAreDeep(_ height: BlockHeight) -> Bool {
        outputs.allSatisfy { output in
            guard output.role == .penaltyHTLC || output.role == .penaltySecondLevel else { return true }
            switch output.status {
            case .resolved(_, let at, _): return isDeep(at, height)
            case .abandoned: return true
            case .waiting, .claiming, .unresolved: return false
            }
        }
    }

    /// The output of an HTLC in the closing transaction.
    package func output(of key: HTLCKey) -> Output? { outputs.first { $0.htlc == key && $0.role.isHTLC } }

    /// The block at which an HTLC output becomes its offerer's: until then whoever has the preimage can take it.
    public func expiry(of output: Output) -> BlockHeight? {
        guard output.role.isHTLC else { return nil }
        return htlcs.first { $0.key == output.htlc }.map { $0.cltvExpiry.height }
    }

    /// The block by which all HTLC outputs that nobody has taken are decided; `nil` where there are none.
    public var contestedUntil: BlockHeight? {
        outputs.compactMap { output in
            if case .resolved = output.status { return nil }
            return expiry(of: output)
        }.max()
    }

    // MARK: Preimages

    /// A preimage has become known: what it unlocks can be claimed.
    ///
    /// - Parameter key: which HTLC it is for.
    /// - Returns: whether an output is ours by it. `false` also for what is decided, has no output, or was known before.
    package mutating func learn(_ preimage: PaymentPreimage, for key: HTLCKey) -> Bool {
        guard let index = htlcs.firstIndex(where: { $0.key == key }), !htlcs[index].isDecided, htlcs[index].preimage == nil,
            htlcs[index].paymentHash == preimage.paymentHash
        else { return false }
        htlcs[index].preimage = preimage
        guard !key.isOfferedByLocal, let position = outputs.firstIndex(where: { $0.htlc == key && $0.role == .receivedHTLC }) else {
            return false
        }
        if outputs[position].status == .unresolved { outputs[position].status = .waiting(height: 0) }
        if case .resolved = outputs[position].status { return false }
        return true
    }

    /// Whether an HTLC of the peer was decided in its favour.
    package func isLost(_ key: HTLCKey) -> Bool { htlcs.contains { $0.key == key && $0.isDecided && $0.preimage == nil } }

    /// Whether an HTLC is not decided, and its preimage not known.
    package func isOpen(_ key: HTLCKey) -> Bool { htlcs.contains { $0.key == key && !$0.isDecided && $0.preimage == nil } }

    /// Whether an HTLC of the peer can be claimed as soon as its preimage is known.
    package func isClaimable(_ key: HTLCKey) -> Bool {
        guard let htlc = htlcs.first(where: { $0.key == key }), !htlc.isDecided, let output = output(of: key) else { return false }
        if case .resolved = output.status { return false }
        return output.role == .receivedHTLC
    }
}
