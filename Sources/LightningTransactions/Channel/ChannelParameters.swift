public import BitcoinPrimitives
public import CryptoPrimitives
public import LightningWire

/// What both sides agreed on when they opened the channel; it never changes.
public struct ChannelParameters: Hashable, Sendable {
    /// Made from the funding output (BOLT 2).
    public var channelID: ChannelID
    /// The peer.
    public var remoteNodeID: NodeID
    /// From which the node derives this channel's keys.
    package var keyOrigin: ChannelKeyOrigin
    /// Whether we opened it, and so pay the commitments' fees.
    public var isOpener: Bool
    /// BOLT 2's `channel_type`.
    public var channelType: ChannelType
    /// Whether it is to be public.
    public var announce: Bool
    /// The output that both sides have to sign for.
    public var funding: OutPoint
    /// What is in the channel, both sides' money together.
    public var fundingAmount: Satoshi
    /// What the opener gave the other side with it.
    public var push: MilliSatoshi
    /// Of the first commitments.
    public var initialFeeRate: FeeRate
    /// What this node demands of the remote, and its own keys.
    package var local: ChannelTerms
    /// What the remote demands of this node, and its keys.
    package var remote: ChannelTerms
    /// Confirmations of the funding transaction before the channel is used.
    public var minimumDepth: UInt32
    /// The alias we give the channel in `channel_ready`.
    public var localAlias: ShortChannelID

    package init(
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

    /// Whether commitments have anchor outputs.
    public var hasAnchors: Bool { channelType.hasAnchors }

    /// The 2-of-2 script of the funding output.
    public var fundingScript: Script { ChannelScripts.funding(local.keys.funding, remote.keys.funding) }

    /// The 48 bits that hide commitment numbers (BOLT 3).
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
