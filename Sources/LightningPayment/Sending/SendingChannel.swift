package import LightningRouting
package import LightningWire

/// One of our channels, as a payment sees it.
package struct SendingChannel: Hashable, Sendable {
    package var id: ChannelID
    /// By which routes call it.
    package var shortChannelID: ShortChannelID
    /// All names that the nodes of a blinded path may have for it.
    package var names: [ShortChannelID]
    package var peer: NodeID
    /// Whether it waits for its funding transaction.
    package var isOpening = false
    /// Whether it is open, and is not being closed.
    package var isOpen = false
    /// Whether payments can be sent over it now.
    package var isUsable = false
    /// Whether its peer is away.
    package var isAway = false
    package var hasFreeSlot = false
    /// Whether the peer knows path keys, which are of an even type: a peer that does not would not bear one.
    package var takesPathKeys = false
    package var spendable = MilliSatoshi.zero
    /// What the peer accepts at the least.
    package var htlcMinimum = MilliSatoshi.zero

    package init(id: ChannelID, shortChannelID: ShortChannelID, names: [ShortChannelID], peer: NodeID) {
        self.id = id
        self.shortChannelID = shortChannelID
        self.names = names
        self.peer = peer
    }

    /// As the first hop of a route.
    package var local: LocalChannel {
        LocalChannel(
            shortChannelID: shortChannelID, peer: NodeKey(peer), spendable: hasFreeSlot ? spendable.value : 0,
            htlcMinimum: htlcMinimum.value)
    }
}
