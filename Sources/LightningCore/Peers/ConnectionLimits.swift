import BitcoinPrimitives
import LightningChannel
import LightningWire

/// Where a connection comes from, as coarsely as it costs something to have another one: an IPv4 address, the first 64 bits of an
/// IPv6 address.
package struct AddressGroup: Hashable, Sendable {
    package var bytes: [UInt8]

    package init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Whether it is this machine, from where also all come that a hidden service or a proxy lets in.
    var isLocal: Bool { bytes.count == 4 ? bytes[0] == 127 : bytes.allSatisfy { $0 == 0 } }
}

/// How many may be connected to a node that it has not called itself and has no channel with. Channel peers always find a place.
package struct ConnectionLimits: Hashable, Sendable {
    /// Connections that have not said `init` yet, in all, and from one address.
    package var handshaking = 200
    package var handshakingOfAddress = 20
    /// Peers without channels, in all, and from one address.
    package var strangers = 1000
    package var strangersOfAddress = 100
    /// The time for the handshake and `init`.
    package var handshakeTimeout = Duration.seconds(15)

    package init() {}

    /// The same for a process that may open so many files: layer 1, database, control socket and the peers of channels come first.
    package mutating func fit(files: Int) {
        handshaking = min(handshaking, max(8, files / 8))
        strangers = min(strangers, max(16, files / 2 - handshaking))
    }
}

// Who gives way when there is no room: nobody can keep others out by taking all places.
extension NodeCore {
    /// Makes room for one more connection that has not said who it is.
    ///
    /// Sockets cost nothing, and an honest peer says who it is at once: of those who do not, the one that has had most time goes, first
    /// among those from the same address.
    mutating func admitHandshake(from origin: AddressGroup?) {
        let limits = configuration.connections
        let waiting = peers.values.filter { $0.isInbound && !$0.isReady }
        let neighbours = waiting.filter { $0.origin == origin && origin != nil }
        // Many honest peers may come at once: each has a moment to say who it is.
        let slow = neighbours.filter { now.since($0.openedAt) >= Self.handshakeGrace }
        if neighbours.count >= limits.handshakingOfAddress, !slow.isEmpty {
            evict(Self.oldest(slow), "too many connections from its address have not said who they are")
        } else if waiting.count >= limits.handshaking {
            evict(Self.oldest(Self.mostCrowded(waiting)), "too many connections have not said who they are")
        }
    }

    /// The time in which a connection is not closed in favour of another one from its address.
    private static let handshakeGrace = Duration.seconds(1)

    /// Makes room for a peer that has said who it is.
    ///
    /// Among those without a channel the newest goes, first from the address that has most of them: who has been here longest has done
    /// us the most good, and who wants all places only drives out its own.
    mutating func admitStranger(_ id: ConnectionID) {
        let owners = channels.owners
        func isStranger(_ peer: Peer) -> Bool {
            peer.isInbound && peer.isReady && !(peer.nodeID.map(owners.contains) ?? false)
                && !peer.openings.values.contains(where: \.opening.isOpener)
        }
        guard let newcomer = peers[id], isStranger(newcomer) else { return }
        let limits = configuration.connections
        let strangers = peers.values.filter { $0.connection != id && isStranger($0) }
        let neighbours = strangers.filter { $0.origin == newcomer.origin && newcomer.origin != nil }
        if neighbours.count >= limits.strangersOfAddress {
            evict(Self.newest(neighbours), "too many peers from one address")
        } else if strangers.count >= limits.strangers {
            evict(Self.newest(Self.mostCrowded(strangers)), "too many peers")
        }
    }

    /// The peers of the addresses from which most come.
    private static func mostCrowded(_ peers: [Peer]) -> [Peer] {
        let groups = Dictionary(grouping: peers) { $0.origin }.values
        let most = groups.map(\.count).max() ?? 0
        return groups.filter { $0.count == most }.flatMap(\.self)
    }

    private static func oldest(_ peers: [Peer]) -> ConnectionID? { peers.map(\.connection).min() }
    private static func newest(_ peers: [Peer]) -> ConnectionID? { peers.map(\.connection).max() }

    private mutating func evict(_ id: ConnectionID?, _ why: String) {
        guard let id else { return }
        if peers[id]!.isReady { transmit(.warning(Warning(channelID: .all, text: why)), over: id) }
        close(id)
    }
}
