import BitcoinPrimitives
import LightningRouting
import LightningWire

/// All connections, and which of them is a node's.
struct PeerTable {
    private var byConnection: [ConnectionID: Peer] = [:]
    var connections: [NodeID: ConnectionID] = [:]
    /// What peers asked us to keep for them.
    var keptBlobs = KeptBlobs()
    /// The watchtowers that keep kits for us, and what we keep for others.
    var towers = Towers()
    /// `open_channel`s of peers that have no channel with us.
    var strangersOpenRequests = TokenBucket(Peer.strangersOpenRate, now: .zero)

    subscript(id: ConnectionID) -> Peer? {
        get { byConnection[id] }
        _modify { yield &byConnection[id] }
    }

    var values: Dictionary<ConnectionID, Peer>.Values { byConnection.values }
    var keys: Dictionary<ConnectionID, Peer>.Keys { byConnection.keys }
    var count: Int { byConnection.count }

    mutating func removeValue(forKey id: ConnectionID) -> Peer? { byConnection.removeValue(forKey: id) }
}
