public import BitcoinPrimitives
public import CryptoPrimitives
public import LightningWire

/// What both sides agreed on when they opened the channel; it never changes.
public struct ChannelParameters: Hashable, Sendable {
    public var channelID: ChannelID
    public var remoteNodeID: NodeID
    /// From which the node derives this channel's keys.
    public var keyOrigin: ChannelKeyOrigin
    public var isOpener: Bool
    public var channelType: ChannelType
    public var announce: Bool
    public var funding: OutPoint
    public var fundingAmount: Satoshi
    public var push: MilliSatoshi
    public var initialFeeRate: FeeRate
    /// What this node demands of the remote, and its own keys.
    public var local: ChannelTerms
    /// What the remote demands of this node, and its keys.
    public var remote: ChannelTerms
    /// Confirmations of the funding transaction before the channel is used.
    public var minimumDepth: UInt32
    /// The alias we give the channel in `channel_ready`.
    public var localAlias: ShortChannelID

    public init(
        channelID: ChannelID, remoteNodeID: NodeID, keyOrigin: ChannelKeyOrigin, isOpener: Bool, channelType: ChannelType,
        announce: Bool, funding: OutPoint, fundingAmount: Satoshi, push: MilliSatoshi, initialFeeRate: FeeRate,
        local: ChannelTerms, remote: ChannelTerms, minimumDepth: UInt32, localAlias: ShortChannelID
    ) {
        self.channelID = channelID
        self.remoteNodeID = remoteNodeID
        self.keyOrigin = keyOrigin
        self.isOpener = isOpener
        self.channelType = channelType
        self.announce = announce
        self.funding = funding
        self.fundingAmount = fundingAmount
        self.push = push
        self.initialFeeRate = initialFeeRate
        self.local = local
        self.remote = remote
        self.minimumDepth = minimumDepth
        self.localAlias = localAlias
    }

    public var hasAnchors: Bool { channelType.hasAnchors }

    public var fundingScript: Script { ChannelScripts.funding(local.keys.funding, remote.keys.funding) }

    public var obscuringFactor: UInt64 {
        isOpener
            ? CommitmentContext.obscuringFactor(opener: local.keys.payment, accepter: remote.keys.payment)
            : CommitmentContext.obscuringFactor(opener: remote.keys.payment, accepter: local.keys.payment)
    }

    /// What stays the same in all commitments of one side.
    package func context(holderIsLocal: Bool) -> CommitmentContext {
        let (holder, counterparty) = holderIsLocal ? (local, remote) : (remote, local)
        return CommitmentContext(
            funding: funding, fundingAmount: fundingAmount, holderFundingKey: holder.keys.funding,
            counterpartyFundingKey: counterparty.keys.funding, obscuringFactor: obscuringFactor,
            hasAnchors: hasAnchors, holderIsOpener: isOpener == holderIsLocal, dustLimit: holder.dustLimit,
            // "to_self_delay is the number of blocks that the other node's to-self outputs must be delayed".
            toSelfDelay: counterparty.toSelfDelay)
    }

    package func keys(holderIsLocal: Bool, point: PublicKey) -> CommitmentKeys {
        holderIsLocal
            ? .derive(point: point, holder: local.keys, counterparty: remote.keys)
            : .derive(point: point, holder: remote.keys, counterparty: local.keys)
    }

    /// Builds a commitment of one side.
    package func commitment(holderIsLocal: Bool, point: PublicKey, contents: CommitmentContents) -> CommitmentTransaction {
        CommitmentTransaction(
            context(holderIsLocal: holderIsLocal), keys: keys(holderIsLocal: holderIsLocal, point: point),
            contents: contents)
    }
}
