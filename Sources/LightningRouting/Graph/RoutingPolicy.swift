public import LightningWire

/// The terms of one direction of a channel, as a `channel_update` states them (BOLT 7).
public struct RoutingPolicy: Hashable, Sendable {
    /// Seconds since 1970; 0 where no update is known.
    public var timestamp: UInt32 = 0
    /// In msat.
    public var feeBase: UInt32 = 0
    /// In millionths of what is forwarded.
    public var feeProportionalMillionths: UInt32 = 0
    /// Blocks that the forwarder subtracts from an HTLC's expiry.
    public var cltvExpiryDelta: UInt16 = 0
    /// BOLT 7's `message_flags`.
    public var messageFlags: UInt8 = 1
    /// BOLT 7's `channel_flags`: direction and whether it is disabled.
    public var channelFlags: UInt8 = 0
    /// In msat.
    public var htlcMinimum: UInt64 = 0
    /// In msat.
    public var htlcMaximum: UInt64 = 0

    /// Terms of nothing.
    public init() {}

    /// Terms from the fields of a `channel_update`.
    public init(
        timestamp: UInt32, feeBase: UInt32, feeProportionalMillionths: UInt32, cltvExpiryDelta: UInt16,
        htlcMinimum: UInt64, htlcMaximum: UInt64, isDisabled: Bool = false
    ) {
        self.timestamp = timestamp
        self.feeBase = feeBase
        self.feeProportionalMillionths = feeProportionalMillionths
        self.cltvExpiryDelta = cltvExpiryDelta
        self.htlcMinimum = htlcMinimum
        self.htlcMaximum = htlcMaximum
        channelFlags = isDisabled ? 2 : 0
    }

    package init(_ update: ChannelUpdate) {
        timestamp = update.timestamp
        feeBase = update.feeBase
        feeProportionalMillionths = update.feeProportionalMillionths
        cltvExpiryDelta = update.cltvExpiryDelta
        messageFlags = update.messageFlags
        channelFlags = update.channelFlags
        htlcMinimum = update.htlcMinimum.value
        htlcMaximum = update.htlcMaximum.value
    }

    /// Whether an update is known.
    public var isKnown: Bool { timestamp != 0 }
    /// BOLT 7's `disable` bit.
    public var isDisabled: Bool { channelFlags & 2 != 0 }

    /// BOLT 7: `fee_base_msat + ( amount_to_forward * fee_proportional_millionths / 1000000 )`; `nil` beyond 64 bits.
    public func fee(forwarding amount: UInt64) -> UInt64? {
        Self.fee(base: feeBase, proportionalMillionths: feeProportionalMillionths, forwarding: amount)
    }

    /// The same for terms that are not an update's.
    public static func fee(base: UInt32, proportionalMillionths: UInt32, forwarding amount: UInt64) -> UInt64? {
        let product = amount.multipliedFullWidth(by: UInt64(proportionalMillionths))
        guard product.high < 1_000_000 else { return nil }
        let proportional = UInt64(1_000_000).dividingFullWidth(product).quotient
        let (sum, overflow) = proportional.addingReportingOverflow(UInt64(base))
        return overflow ? nil : sum
    }
}

/// One direction of a channel: `direction` 0 is from `node_id_1` to `node_id_2`.
public struct DirectedChannel: Hashable, Sendable, Comparable {
    /// Which channel.
    public var shortChannelID: ShortChannelID
    /// 0 from the node whose id is the lesser one, 1 the other way.
    public var direction: UInt8

    /// A channel in one of its directions.
    public init(_ shortChannelID: ShortChannelID, direction: UInt8) {
        self.shortChannelID = shortChannelID
        self.direction = direction
    }

    /// The direction of a channel in which a node sends.
    public init(_ shortChannelID: ShortChannelID, from: NodeKey, to: NodeKey) {
        self.init(shortChannelID, direction: from < to ? 0 : 1)
    }

    public static func < (left: DirectedChannel, right: DirectedChannel) -> Bool {
        left.shortChannelID == right.shortChannelID ? left.direction < right.direction : left.shortChannelID < right.shortChannelID
    }
}
