public import LightningWire

/// A channel of our own, as the first hop of a route.
public struct LocalChannel: Hashable, Sendable {
    /// By which the finder and its caller mean the same channel.
    public var shortChannelID: ShortChannelID
    public var peer: NodeKey
    /// In msat: the largest HTLC that can be sent now.
    public var spendable: UInt64
    /// In msat: the smallest HTLC that the peer accepts.
    public var htlcMinimum: UInt64

    public init(shortChannelID: ShortChannelID, peer: NodeKey, spendable: UInt64, htlcMinimum: UInt64) {
        self.shortChannelID = shortChannelID
        self.peer = peer
        self.spendable = spendable
        self.htlcMinimum = htlcMinimum
    }
}

/// A way to the payee that gossip does not tell of: an invoice's `r` field, or a blinded path.
public struct RouteTail: Hashable, Sendable {
    public struct Hop: Hashable, Sendable {
        /// Who forwards over the channel.
        public var from: NodeKey
        public var shortChannelID: ShortChannelID
        public var policy: RoutingPolicy

        public init(from: NodeKey, shortChannelID: ShortChannelID, policy: RoutingPolicy) {
            self.from = from
            self.shortChannelID = shortChannelID
            self.policy = policy
        }
    }

    /// From the public node where the way begins to the payee; never empty.
    public var hops: [Hop]

    public init(hops: [Hop]) { self.hops = hops }
}

/// What a route is looked for.
public struct RouteQuery: Sendable {
    public var source: NodeKey
    public var destination: NodeKey
    /// What the payee is to get.
    public var amount: MilliSatoshi
    /// The most that all forwarders together may take.
    public var maxFee: MilliSatoshi
    /// Blocks that the last HTLC has from now.
    public var finalCLTVDelta: UInt32
    /// Blocks that the first HTLC may have from now.
    public var maxCLTVDelta: UInt32 = 2016
    /// Our own channels: the first hop goes over one of them. Empty, it goes over the source's public channels.
    public var localChannels: [LocalChannel]?
    public var tails: [RouteTail] = []
    /// Directions that are not to be used.
    public var excluded: Set<DirectedChannel> = []
    public var excludedNodes: Set<NodeKey> = []
    /// What this payment has learned of the hops of its tails that gossip does not know.
    public var tailBounds: [DirectedChannel: TailBounds] = [:]
    /// Terms that the payment was told of, newer than those of gossip.
    public var terms: [DirectedChannel: RoutingPolicy] = [:]
    /// What other parts of the payment send over a channel already.
    public var inUse: [DirectedChannel: MilliSatoshi] = [:]
    /// BOLT 4: 1300 bytes of payloads hold some 20 hops.
    public var maxHops = 20
    /// What is less likely than this is not tried: minus the logarithm of the probability to base 2, in 1/1024.
    public var maxDoubt = UInt64.max
    /// Seconds since 1970.
    public var now: UInt64

    public init(
        from source: NodeKey, to destination: NodeKey, amount: MilliSatoshi, maxFee: MilliSatoshi, finalCLTVDelta: UInt32,
        localChannels: [LocalChannel]?, now: UInt64
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
    public struct Hop: Hashable, Sendable {
        /// The node that the HTLC goes to.
        public var node: NodeKey
        public var shortChannelID: ShortChannelID
        /// The HTLC's amount.
        public var amount: MilliSatoshi
        /// Blocks from now until the HTLC expires.
        public var cltvDelta: UInt32

        public init(node: NodeKey, shortChannelID: ShortChannelID, amount: MilliSatoshi, cltvDelta: UInt32) {
            self.node = node
            self.shortChannelID = shortChannelID
            self.amount = amount
            self.cltvDelta = cltvDelta
        }
    }

    public var source: NodeKey
    public var hops: [Hop]
    /// How unlikely it is: minus the logarithm of the success probability to base 2, in 1/1024.
    public var doubt: UInt64

    public init(source: NodeKey, hops: [Hop], doubt: UInt64) {
        self.source = source
        self.hops = hops
        self.doubt = doubt
    }

    public var amount: MilliSatoshi { hops[hops.count - 1].amount }
    /// What we send out.
    public var total: MilliSatoshi { hops[0].amount }
    public var fee: MilliSatoshi { total.saturatingSubtracting(amount) }
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
    case noLocalChannel
    /// The most that one of our channels can send now.
    case tooLittleSpendable(MilliSatoshi)
    case unknownDestination
    /// No way has room for the amount, as far as we know.
    case noCapacity
    /// The cheapest way costs more than allowed.
    case tooExpensive(cheapest: MilliSatoshi)
    /// Every way locks the money for more blocks than allowed.
    case tooLong(blocks: UInt32, limit: UInt32)
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
