import LightningChannel
import LightningTransport
public import LightningWire

/// A connection to another node, from its first byte.
struct Peer {
    let connection: ConnectionID
    let transport: NoiseTransport
    /// The other side's `init`, once it came.
    var initialization: Init?
    /// Channels being opened over this connection, by their temporary id.
    var openings: [ChannelID: (opening: ChannelOpening, request: RequestID?, funding: PendingFunding?)] = [:]
    /// Milliseconds at which something was last heard.
    var lastHeard: UInt64
    var hasPendingPing = false
    /// Milliseconds at which the socket was opened, and at which a channel was last asked for.
    var openedAt: UInt64
    var openingSince: UInt64 = 0
    /// Pings of the current half minute.
    var pingWindow: UInt64 = 0
    var pings = 0

    var nodeID: NodeID? { transport.remoteNodeID }
    var isReady: Bool { initialization != nil }
}

/// What an outside view of a peer shows.
public struct PeerSummary: Hashable, Sendable {
    public var nodeID: NodeID
    public var features: FeatureBits
    public var isInitialized: Bool
}
