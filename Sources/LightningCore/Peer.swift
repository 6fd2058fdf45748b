import LightningChannel
import LightningTransport
public import LightningWire

/// A channel that is being opened, and who asked for it.
struct PendingOpening {
    var opening: ChannelOpening
    var request: RequestID?
    var funding: PendingFunding?
    /// Milliseconds at which it began.
    var since: UInt64

    /// A minute for what a program answers; ten for a peer whose owner may have to sign by hand.
    var deadline: UInt64 { since + (opening.isOpener ? 60_000 : 600_000) }
}

/// A connection to another node, from its first byte.
struct Peer {
    let connection: ConnectionID
    let transport: NoiseTransport
    /// The other side's `init`, once it came.
    var initialization: Init?
    /// Channels being opened over this connection, by their temporary id.
    var openings: [ChannelID: PendingOpening] = [:]
    /// Milliseconds at which something was last heard.
    var lastHeard: UInt64
    var hasPendingPing = false
    /// Milliseconds at which the socket was opened.
    var openedAt: UInt64
    /// Pings of the current half minute.
    var pingWindow: UInt64 = 0
    var pings = 0
    /// Why the connection ends with this batch, if it does.
    var ending: String?

    var nodeID: NodeID? { transport.remoteNodeID }
    var isReady: Bool { initialization != nil }
}

/// What an outside view of a peer shows.
public struct PeerSummary: Hashable, Sendable {
    public var nodeID: NodeID
    public var features: FeatureBits
    public var isInitialized: Bool
}
