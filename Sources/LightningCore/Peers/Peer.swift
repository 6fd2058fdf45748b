import BitcoinPrimitives
import LightningChannel
import LightningRouting
import LightningTransport
public import LightningWire

/// A funding transaction that waits for the peer's signature.
struct PendingFunding { var transaction: Transaction }

/// A channel that is being opened, and who asked for it.
struct PendingOpening {
    var opening: ChannelOpening
    var request: RequestID?
    var funding: PendingFunding?
    /// What the funding transaction is to pay, where it is ours.
    var fundingRate: FeeRate?
    /// Whether what is kept on chain for the claims of closes may be used for it.
    var mayUseReserve = false
    /// When it began.
    var since: Timestamp

    /// A minute for what a program answers; ten for a peer whose owner may have to sign by hand.
    var deadline: Timestamp { since + .seconds(opening.isOpener ? 60 : 600) }
}

/// A connection to another node, from its first byte.
struct Peer {
    let connection: ConnectionID
    var transport: NoiseTransport
    /// Whether the other side called us, and from where.
    let isInbound: Bool
    let origin: AddressGroup?
    /// What the other side's `init` offers, once it came; nothing else of it is kept.
    var features: FeatureBits?
    /// Channels being opened over this connection, by their temporary id.
    var openings: [ChannelID: PendingOpening] = [:]
    /// When something was last heard.
    var lastHeard: Timestamp
    var hasPendingPing = false
    /// When the socket was opened.
    var openedAt: Timestamp
    var allowance: PeerAllowance
    /// What was told over this connection.
    var told = PeerNews()
    /// Why the connection ends with this batch, if it does.
    var ending: String?

    var nodeID: NodeID? { transport.remoteNodeID }
    var isReady: Bool { features != nil }

    init(_ connection: ConnectionID, _ transport: NoiseTransport, isInbound: Bool, origin: AddressGroup?, now: Timestamp) {
        self.connection = connection
        self.transport = transport
        self.isInbound = isInbound
        self.origin = origin
        lastHeard = now
        openedAt = now
        allowance = PeerAllowance(now: now)
    }

    /// BOLT 1 has a node ping at most once in 30 seconds; others do more often.
    static let pingRate = TokenBucket.Rate(burst: 30, interval: .milliseconds(1000))
    /// Each is a line in a log.
    static let warningRate = TokenBucket.Rate(burst: 20, interval: .milliseconds(10_000))
    /// One for each channel at each connection, and each is a signature to check.
    static let termsRate = TokenBucket.Rate(burst: 1000, interval: .milliseconds(500))
    /// Each costs us half a dozen multiplications on the curve.
    static let openRate = TokenBucket.Rate(burst: 20, interval: .milliseconds(6000))
    /// For all peers together that have no channel with us.
    static let strangersOpenRate = TokenBucket.Rate(burst: 100, interval: .milliseconds(600))
}

/// What was told over a connection, by either side, that is not told twice.
struct PeerNews {
    /// Where the peer said that it can be called.
    var addresses: [UInt8] = []
    /// The revision of our backup that it keeps, or was asked to keep.
    var storedRevision: UInt64?
    /// Whether it has given back what it keeps for us.
    var hasGivenBack = false
}

/// What a peer may ask and say: pings, errors and warnings, `open_channel`, terms of channels.
struct PeerAllowance {
    var pings: TokenBucket
    var warnings: TokenBucket
    var openRequests: TokenBucket
    var terms: TokenBucket
    /// Whether it was told that it pings too often.
    var isWarnedOfPings = false
    /// How often a watchtower was asked over the connection to forget something.
    var sessionsForgotten = 0

    init(now: Timestamp) {
        pings = TokenBucket(Peer.pingRate, now: now)
        warnings = TokenBucket(Peer.warningRate, now: now)
        openRequests = TokenBucket(Peer.openRate, now: now)
        terms = TokenBucket(Peer.termsRate, now: now)
    }
}

/// What an outside view of a peer shows.
public struct PeerSummary: Hashable, Sendable {
    /// Who it is.
    public var nodeID: NodeID
    package var features: FeatureBits
    /// Whether both sides have said `init`.
    public var isInitialized: Bool
}
