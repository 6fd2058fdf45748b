import BitcoinPrimitives
import CryptoPrimitives
import LightningWire

// BOLT 2 "The channel_ready Message": from the funding transaction's confirmation to normal operation.
extension PaymentChannel {
    /// The funding transaction is in a block of the active chain.
    ///
    /// - Parameter inputs: what it spends.
    mutating func fundingConfirmed(
        height: Int, transactionIndex: Int, spending inputs: [OutPoint], _ environment: ChannelEnvironment
    ) -> [ChannelEffect] {
        guard fundingHeight == nil else { return [] }
        fundingHeight = height
        wasFunded = true
        // Of a transaction that pays for very many channels at once, some have to do.
        fundingInputs = Array(inputs.prefix(64))
        shortChannelID = ShortChannelID(
            block: height, transaction: transactionIndex, output: Int(parameters.funding.index))
        isChanged = true
        // After a reorganization it has another place in the chain, and so another name.
        if case .normal = phase { return noteDepth(environment) }
        return sendReadyIfDeep(environment)
    }

    /// The block that confirmed the funding transaction left the active chain.
    ///
    /// Money at risk: as long as it is not confirmed again, whoever paid for it could spend the same coins elsewhere: nothing is
    /// sent over the channel, and nothing that comes over it is believed.
    mutating func fundingUnconfirmed() {
        guard fundingHeight != nil else { return }
        fundingHeight = nil
        isFundingDeep = false
        shortChannelID = nil
        isChanged = true
    }

    /// Takes note of how deep the funding transaction lies. A channel whose funding left the chain and came again waits as long as at first,
    /// because its peer may still have spent it elsewhere.
    @discardableResult
    mutating func noteDepth(_ environment: ChannelEnvironment) -> [ChannelEffect] {
        let was = isFundingDeep
        isFundingDeep = isDeepEnough(at: environment.height)
        return phase == .normal && isFundingDeep && !was ? [.becameUsable] : []
    }

    /// A transaction in a block spends what the funding transaction was to spend.
    ///
    /// Money at risk: none of ours, unless it is our own double-spend; but what the channel promised is void.
    mutating func fundingConflicted(_ transaction: TransactionID, height: Int) -> [ChannelEffect] {
        guard fundingHeight == nil, fundingConflict == nil, transaction != parameters.funding.transaction else { return [] }
        fundingConflict = FundingConflict(transaction: transaction, height: height)
        isChanged = true
        return [.alert("channel \(id): its funding transaction was double-spent by \(transaction) in block \(height)")]
    }

    /// Ends the channel once the double-spend of its funding transaction is as deep as a close has to be.
    mutating func endIfConflictIsFinal(_ environment: ChannelEnvironment) -> [ChannelEffect] {
        guard let conflict = fundingConflict, environment.height - conflict.height + 1 >= ChannelClose.finalDepth else { return [] }
        let withdrawn = dropUncommitted()
        let why = "the funding transaction was double-spent"
        if isForgettable { return [sendError(why), .abandoned(why)] }
        // No commitment can ever be mined: what they held is as if it had not been.
        let offered = commitments.orderedHTLCs.filter(\.state.isOfferedByLocal)
        phase = .closed(ChannelClose(kind: .fundingSpent, transaction: conflict.transaction, height: conflict.height, outputs: []))
        isChanged = true
        return [sendError(why), .closing(.fundingSpent)] + withdrawn
            + offered.map { .returned(id: $0.id, $0.paymentHash, origin: $0.origin) } + [.closed]
    }

    func isDeepEnough(at height: Int) -> Bool {
        guard let fundingHeight else { return false }
        // What a block's miner pays itself cannot be spent before, not even by a commitment.
        let isCoinbase = shortChannelID?.transaction == 0
        return height - fundingHeight + 1 >= max(isCoinbase ? Transaction.coinbaseMaturity : 1, Int(parameters.minimumDepth))
    }

    /// A new block; `environment.height` is the tip.
    mutating func sendReadyIfDeep(_ environment: ChannelEnvironment) -> [ChannelEffect] {
        guard case .funding = phase, !isLocalReady, isDeepEnough(at: environment.height) else { return [] }
        isLocalReady = true
        isChanged = true
        var effects: [ChannelEffect] = []
        if connection == .established { effects.append(.send(readyMessage(environment.keys))) }
        return effects + enterNormal(environment)
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
        guard !isRemoteReady else { return [] }
        isRemoteReady = true
        commitments.remoteNextPoint = message.secondPerCommitmentPoint
        isChanged = true
        return enterNormal(environment)
    }

    private mutating func enterNormal(_ environment: ChannelEnvironment) -> [ChannelEffect] {
        guard case .funding = phase, isLocalReady, isRemoteReady else { return [] }
        phase = .normal
        fundingTransaction = nil
        isChanged = true
        return noteDepth(environment)
    }
}
