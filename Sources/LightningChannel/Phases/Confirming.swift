import BitcoinPrimitives
import CryptoPrimitives
import LightningEnforcement
import LightningTransactions
import LightningWire

// BOLT 2 "The channel_ready Message": from the funding transaction's confirmation to normal operation.
extension PaymentChannel {
    /// The phase in which the funding transaction is waited for, and then `channel_ready` of either side.
    public struct Confirming: Hashable, Sendable {
        /// Whether `channel_ready` was sent, and received.
        var isLocalReady = false
        var isRemoteReady = false

        static let complete = Confirming(isLocalReady: true, isRemoteReady: true)

        var isComplete: Bool { isLocalReady && isRemoteReady }
    }

    /// The funding transaction is in a block of the active chain.
    ///
    /// - Parameter inputs: what it spends.
    mutating func fundingConfirmed(
        height: BlockHeight, transactionIndex: Int, spending inputs: [OutPoint], _ environment: ChannelEnvironment
    ) -> [ChannelEffect] {
        guard funding.height == nil else { return [] }
        funding.height = height
        funding.wasConfirmed = true
        // Of a transaction that pays for very many channels at once, some have to do.
        funding.inputs = Array(inputs.prefix(64))
        funding.shortChannelID = ShortChannelID(
            block: height, transaction: transactionIndex, output: Int(funding.outPoint.index))
        isChanged = true
        // After a reorganization it has another place in the chain, and so another name.
        if isOpen { return noteDepth(environment) }
        return sendReadyIfDeep(environment)
    }

    /// The block that confirmed the funding transaction left the active chain.
    ///
    /// Money at risk: as long as it is not confirmed again, whoever paid for it could spend the same coins elsewhere: nothing is
    /// sent over the channel, and nothing that comes over it is believed.
    mutating func fundingUnconfirmed() {
        guard funding.height != nil else { return }
        funding.height = nil
        funding.isDeep = false
        funding.shortChannelID = nil
        isChanged = true
    }

    /// Takes note of how deep the funding transaction lies. A channel whose funding left the chain and came again waits as long as at first,
    /// because its peer may still have spent it elsewhere.
    @discardableResult
    mutating func noteDepth(_ environment: ChannelEnvironment) -> [ChannelEffect] {
        let was = funding.isDeep
        funding.isDeep = isDeepEnough(at: environment.height)
        return isOpen && funding.isDeep && !was ? [.becameUsable] : []
    }

    /// A transaction in a block spends what the funding transaction was to spend.
    ///
    /// Money at risk: none of ours, unless it is our own double-spend; but what the channel promised is void.
    mutating func fundingConflicted(_ transaction: TransactionID, height: BlockHeight) -> [ChannelEffect] {
        guard funding.height == nil, funding.conflict == nil, transaction != funding.outPoint.transaction else { return [] }
        funding.conflict = Funding.Conflict(transaction: transaction, height: height)
        isChanged = true
        return [.alert("channel \(id): its funding transaction was double-spent by \(transaction) in block \(height)")]
    }

    /// Ends the channel once the double-spend of its funding transaction is as deep as a close has to be.
    mutating func endIfConflictIsFinal(_ environment: ChannelEnvironment) -> [ChannelEffect] {
        guard let conflict = funding.conflict, conflict.height.depth(at: environment.height) >= ChannelClose.finalDepth else { return [] }
        let withdrawn = dropUncommitted()
        let why = "the funding transaction was double-spent"
        if isForgettable { return [sendError(why), .abandoned(why)] }
        // No commitment can ever be mined: what they held is as if it had not been.
        let offered = commitments.orderedHTLCs.filter(\.state.isOfferedByLocal)
        let received = commitments.orderedHTLCs.filter { !$0.state.isOfferedByLocal }
        // What paid for our commitment can never be mined either.
        let abandoned = phase.bump.map { [ChannelEffect.abandonFunded($0.transaction.id)] } ?? []
        let close = ChannelClose(kind: .fundingSpent, transaction: conflict.transaction, height: conflict.height)
        phase = .closed(Closing(close: close, before: phase.live))
        isChanged = true
        return [sendError(why), .closing(.fundingSpent)] + withdrawn + abandoned
            + offered.map { .returned(id: $0.id, $0.paymentHash, origin: $0.origin) }
            + received.map { .lost(id: $0.id, $0.paymentHash, $0.amount, wasFulfilled: $0.preimage != nil) } + [.closed]
    }

    /// The opener takes the funding transaction back: it is published no more, and the peer is told. The channel ends when the double-spend
    /// is deep; should the funding transaction win, our commitment is published, and the money comes back by that.
    mutating func abandonFunding(_ environment: ChannelEnvironment) -> [ChannelEffect] {
        funding.transaction = nil
        isChanged = true
        return fail("it was taken back by its owner before its funding transaction was mined", environment)
    }

    func isDeepEnough(at height: BlockHeight) -> Bool {
        guard let confirmed = funding.height else { return false }
        // What a block's miner pays itself cannot be spent before, not even by a commitment.
        let isCoinbase = funding.shortChannelID?.transaction == 0
        return confirmed.depth(at: height) >= max(isCoinbase ? Transaction.coinbaseMaturity : 1, Int(parameters.minimumDepth))
    }

    /// A block was connected while `channel_ready` of either side is still to come.
    mutating func confirmingBlock(_ environment: ChannelEnvironment) -> [ChannelEffect] {
        var effects = sendReadyIfDeep(environment) + mutualCloses.map { .broadcast($0) }
        if funding.height == nil {
            if let transaction = funding.transaction { effects.append(.broadcast(transaction)) }
            effects += abandonIfForgotten(environment)
        }
        return effects
    }

    static let fundingTimeout = 2016

    /// BOLT 2: "SHOULD forget the channel if it does not see the correct funding transaction after a timeout of 2016 blocks".
    private func abandonIfForgotten(_ environment: ChannelEnvironment) -> [ChannelEffect] {
        guard isForgettable, environment.height - openedHeight > Self.fundingTimeout else { return [] }
        return [.abandoned("it was not funded in \(Self.fundingTimeout) blocks")]
    }

    private mutating func sendReadyIfDeep(_ environment: ChannelEnvironment) -> [ChannelEffect] {
        guard isConfirming, !phase.live.readiness.isLocalReady, isDeepEnough(at: environment.height) else { return [] }
        let message = readyMessage(environment.keys)
        return (connection == .established ? [.send(message)] : []) + ready(environment) { $0.isLocalReady = true }
    }

    func readyMessage(_ keys: ChannelKeys) -> LightningMessage {
        .channelReady(
            ChannelReady(
                channelID: id, secondPerCommitmentPoint: keys.perCommitmentPoint(1), alias: parameters.localAlias))
    }

    mutating func receiveReady(
        _ message: ChannelReady, _ environment: ChannelEnvironment
    ) throws(ProtocolViolation) -> [ChannelEffect] {
        // Once for each connection: every change is written.
        if let alias = message.alias, alias != remoteAlias, !wasToldAlias {
            wasToldAlias = true
            remoteAlias = alias
            isChanged = true
        }
        // "MUST ignore any redundant channel_ready it receives".
        guard !phase.live.readiness.isRemoteReady else { return [] }
        commitments.remoteNextPoint = message.secondPerCommitmentPoint
        return ready(environment) { $0.isRemoteReady = true }
    }

    /// One of the sides is ready; with the second one normal operation begins.
    private mutating func ready(_ environment: ChannelEnvironment, _ change: (inout Confirming) -> Void) -> [ChannelEffect] {
        var readiness = phase.live.readiness
        change(&readiness)
        phase = .live(LivePhase(readiness, phase.live.ending))
        isChanged = true
        guard readiness.isComplete else { return [] }
        funding.transaction = nil
        return noteDepth(environment)
    }
}
