public import LightningRouting
public import LightningWire

/// One of our channels, as a payment sees it.
public struct SendingChannel: Hashable, Sendable {
    public var id: ChannelID
    /// By which routes call it.
    public var shortChannelID: ShortChannelID
    /// All names that the nodes of a blinded path may have for it.
    public var names: [ShortChannelID]
    public var peer: NodeID
    /// Whether it waits for its funding transaction.
    public var isOpening = false
    /// Whether it is open, and is not being closed.
    public var isOpen = false
    /// Whether payments can be sent over it now.
    public var isUsable = false
    /// Whether its peer is away.
    public var isAway = false
    public var hasFreeSlot = false
    /// Whether the peer knows path keys, which are of an even type: a peer that does not would not bear one.
    public var takesPathKeys = false
    public var spendable = MilliSatoshi.zero
    /// What the peer accepts at the least.
    public var htlcMinimum = MilliSatoshi.zero

    public init(id: ChannelID, shortChannelID: ShortChannelID, names: [ShortChannelID], peer: NodeID) {
        self.id = id
        self.shortChannelID = shortChannelID
        self.names = names
        self.peer = peer
    }

    /// As the first hop of a route.
    public var local: LocalChannel {
        LocalChannel(
            shortChannelID: shortChannelID, peer: NodeKey(peer), spendable: hasFreeSlot ? spendable.value : 0,
            htlcMinimum: htlcMinimum.value)
    }
}
