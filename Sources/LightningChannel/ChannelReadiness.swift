import BitcoinPrimitives
import CryptoPrimitives
import LightningWire

// BOLT 2 "The channel_ready Message": from the funding transaction's confirmation to normal operation.
extension PaymentChannel {
    /// The funding transaction is in a block of the active chain.
    public mutating func fundingConfirmed(
        height: Int, transactionIndex: Int, _ environment: ChannelEnvironment
    ) -> [ChannelEffect] {
        guard fundingHeight == nil else { return [] }
        fundingHeight = height
        shortChannelID = ShortChannelID(
            block: height, transaction: transactionIndex, output: Int(parameters.funding.index))
        isChanged = true
        // After a reorganization it has another place in the chain, and so another name.
        if case .normal = phase { return [.becameUsable] }
        return sendReadyIfDeep(environment)
    }

    /// The block that confirmed the funding transaction left the active chain.
    ///
    /// Money at risk: as long as it is not confirmed again, whoever paid for it could spend the same coins elsewhere: nothing is
    /// sent over the channel, and nothing that comes over it is believed.
    public mutating func fundingUnconfirmed() {
        guard fundingHeight != nil else { return }
        fundingHeight = nil
        shortChannelID = nil
        isChanged = true
    }

    private func isDeepEnough(at height: Int) -> Bool {
        guard let fundingHeight else { return false }
        return height - fundingHeight + 1 >= max(1, Int(parameters.minimumDepth))
    }

    /// A new block; `environment.height` is the tip.
    mutating func sendReadyIfDeep(_ environment: ChannelEnvironment) -> [ChannelEffect] {
        guard case .funding = phase, !isLocalReady, isDeepEnough(at: environment.height) else { return [] }
        isLocalReady = true
        isChanged = true
        var effects: [ChannelEffect] = []
        if connection == .established { effects.append(.send(readyMessage(environment.keys))) }
        return effects + enterNormal()
    }

    func readyMessage(_ keys: ChannelKeys) -> LightningMessage {
        .channelReady(
            ChannelReady(
                channelID: id, secondPerCommitmentPoint: keys.perCommitmentPoint(1), alias: parameters.localAlias))
    }

    mutating func receiveReady(
        _ message: ChannelReady, _ environment: ChannelEnvironment
    ) throws(ProtocolViolation) -> [ChannelEffect] {
        if let alias = message.alias, alias != remoteAlias {
            remoteAlias = alias
            isChanged = true
        }
        // "MUST ignore any redundant channel_ready it receives".
        guard !isRemoteReady else { return [] }
        isRemoteReady = true
        commitments.remoteNextPoint = message.secondPerCommitmentPoint
        isChanged = true
        return enterNormal()
    }

    private mutating func enterNormal() -> [ChannelEffect] {
        guard case .funding = phase, isLocalReady, isRemoteReady else { return [] }
        phase = .normal
        fundingTransaction = nil
        isChanged = true
        return [.becameUsable]
    }
}
