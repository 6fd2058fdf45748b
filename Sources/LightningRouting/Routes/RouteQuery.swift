package import BitcoinPrimitives
public import LightningWire

/// A channel of our own, as the first hop of a route.
package struct LocalChannel: Hashable, Sendable {
    /// By which the finder and its caller mean the same channel.
    package var shortChannelID: ShortChannelID
    package var peer: NodeKey
    /// In msat: the largest HTLC that can be sent now.
    package var spendable: UInt64
    /// In msat: the smallest HTLC that the peer accepts.
    package var htlcMinimum: UInt64

    package init(shortChannelID: ShortChannelID, peer: NodeKey, spendable: UInt64, htlcMinimum: UInt64) {
        self.shortChannelID = shortChannelID
        self.peer = peer
        self.spendable = spendable
        self.htlcMinimum = htlcMinimum
    }
}

/// A way to the payee that gossip does not tell of: an invoice's `r` field, or a blinded path.
package struct RouteHint: Hashable, Sendable {
    package struct Hop: Hashable, Sendable {
        /// Who forwards over the channel.
        package var from: NodeKey
        package var shortChannelID: ShortChannelID
        package var policy: RoutingPolicy

        package init(from: NodeKey, shortChannelID: ShortChannelID, policy: RoutingPolicy) {
            self.from = from
            self.shortChannelID = shortChannelID
            self.policy = policy
        }
    }

    /// From the public node where the way begins to the payee; never empty.
    package var hops: [Hop]

    package init(hops: [Hop]) { self.hops = hops }
}

/// What a route is looked for.
package struct RouteQuery: Sendable {
    package var source: NodeKey
    package var destination: NodeKey
    /// What the payee is to get.
    package var amount: MilliSatoshi
    /// The most that all forwarders together may take.
    package var maxFee: MilliSatoshi
    /// Blocks that the last HTLC has from now.
    package var finalCLTVDelta: UInt32
    /// Blocks that the first HTLC may have from now.
    package var maxCLTVDelta: UInt32 = 2016
    /// Our own channels: the first hop goes over one of them. Empty, it goes over the source's public channels.
    package var localChannels: [LocalChannel]?
    package var hints: [RouteHint] = []
    /// Directions that are not to be used.
    package var excluded: Set<DirectedChannel> = []
    package var excludedNodes: Set<NodeKey> = []
    /// What this payment has learned of the hops of its hints that gossip does not know.
    package var hintBounds: [DirectedChannel: HintBounds] = [:]
    /// Terms that the payment was told of, newer than those of gossip.
    package var terms: [DirectedChannel: RoutingPolicy] = [:]
    /// What other parts of the payment send over a channel already.
    package var inUse: [DirectedChannel: MilliSatoshi] = [:]
    /// BOLT 4: 1300 bytes of payloads hold some 20 hops.
    package var maxHops = 20
    /// What is less likely than this is not tried: minus the logarithm of the probability to base 2, in 1/1024.
    package var maxUncertainty = UInt64.max
    /// When it is asked, for knowledge ages.
    package var now: Timestamp

    package init(
        from source: NodeKey, to destination: NodeKey, amount: MilliSatoshi, maxFee: MilliSatoshi, finalCLTVDelta: UInt32,
        localChannels: [LocalChannel]?, now: Timestamp
    ) {
        self.source = source
        self.destination = destination
        self.amount = amount
        self.maxFee = maxFee
        self.finalCLTVDelta = finalCLTVDelta
        self.localChannels = localChannels
        self.now = now
    }
}

/// A way from us to the payee.
public struct Route: Hashable, Sendable {
    /// A step of a route.
    public struct Hop: Hashable, Sendable {
        /// The node that the HTLC goes to.
        public var node: NodeKey
        /// The channel that leads to it.
        public var shortChannelID: ShortChannelID
        /// The HTLC's amount.
        public var amount: MilliSatoshi
        /// Blocks from now until the HTLC expires.
        public var cltvDelta: UInt32

        /// A step of a route.
        public init(node: NodeKey, shortChannelID: ShortChannelID, amount: MilliSatoshi, cltvDelta: UInt32) {
            self.node = node
            self.shortChannelID = shortChannelID
            self.amount = amount
            self.cltvDelta = cltvDelta
        }
    }

    /// Where it begins.
    public var source: NodeKey
    /// The last one is the payee.
    public var hops: [Hop]
    /// How unlikely it is: minus the logarithm of the success probability to base 2, in 1/1024.
    public var uncertainty: UInt64

    /// A route from its steps.
    public init(source: NodeKey, hops: [Hop], uncertainty: UInt64) {
        self.source = source
        self.hops = hops
        self.uncertainty = uncertainty
    }

    /// What arrives.
    public var amount: MilliSatoshi { hops[hops.count - 1].amount }
    /// What we send out.
    public var total: MilliSatoshi { hops[0].amount }
    /// What all hops take together.
    public var fee: MilliSatoshi { total.saturatingSubtracting(amount) }
    /// Blocks for which the first HTLC is locked at most.
    public var cltvDelta: UInt32 { hops[0].cltvDelta }

    /// The directions that the route goes, hop by hop.
    public var directions: [DirectedChannel] {
        var from = source
        return hops.map { hop in
            defer { from = hop.node }
            return DirectedChannel(hop.shortChannelID, from: from, to: hop.node)
        }
    }
}

/// Why there is no route, and what could be done about it.
public enum RouteRefusal: Error, Hashable, Sendable, CustomStringConvertible {
    /// We have no channel that can be used now.
    case noLocalChannel
    /// The most that one of our channels can send now.
    case tooLittleSpendable(MilliSatoshi)
    /// No channel of the payee is known, by gossip or by a hint.
    case unknownDestination
    /// No way has room for the amount, as far as we know.
    case noCapacity
    /// The cheapest way costs more than allowed.
    case tooExpensive(cheapest: MilliSatoshi)
    /// Every way locks the money for more blocks than allowed.
    case tooLong(blocks: UInt32, limit: UInt32)
    /// The payee is the payer.
    case toSelf

    public var description: String {
        switch self {
        case .noLocalChannel: "no channel of ours can be used now: wait for its peer (lnw listpeers), or open one"
        case .tooLittleSpendable(let most):
            "no channel of ours can send so much: at most \(most) at once. Send less, or open a channel"
        case .unknownDestination:
            "the network graph does not know the payee, and the invoice has no routing hint: is it online, and does it have a public channel?"
        case .noCapacity: "no way to the payee has room for so much, as far as we know. Try less"
        case .tooExpensive(let cheapest): "the cheapest way costs \(cheapest): allow a higher fee with --max-fee"
        case .tooLong(let blocks, let limit):
            "the ways that are left would lock the money for \(blocks) blocks, more than the limit of \(limit); with the delta that the payee asks for no other way is known"
        case .toSelf: "that would pay this node itself"
        }
    }
}
