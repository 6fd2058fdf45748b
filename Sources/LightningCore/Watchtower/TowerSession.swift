import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningEnforcement
import LightningRecords
import LightningWire

/// What one identity of ours stored with a watchtower: kits of which channels. When all of them are over, the tower is asked to forget it.
struct TowerSession: Hashable, Sendable {
    /// The watchtower.
    var node: NodeID
    /// From what the identity grows.
    var salt: Bytes32
    /// Those that are not over for good; of a session that has begun with kits that waited, all that there were.
    var channels: Set<ChannelID> = []
    /// Whether it may have kits of channels that this database does not know, for that is, or was perhaps, an old copy. It is never forgotten.
    ///
    /// Money at risk: a kit that is forgotten while its channel is open lets the peer publish what the kit was for.
    var isDoubted = false
    /// The number of the last kit that may have been sent under the identity; known when another one has followed.
    var last: UInt64 = 0

    /// In the place where a tower's own record has another number.
    static let version: UInt8 = 2

    init(node: NodeID, salt: Bytes32) {
        self.node = node
        self.salt = salt
    }

    init(record: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(record)
        guard try reader.uint8() == Self.version else { throw .invalid("version of a watchtower's session") }
        node = try reader.point()
        salt = try reader.bytes32()
        isDoubted = try reader.uint8() == 1
        last = try reader.uint64()
        for _ in 0..<(try reader.count(minimum: 32)) { channels.insert(ChannelID(try reader.bytes32())) }
        try reader.expectEnd()
    }

    func encoded() -> [UInt8] {
        ByteWriter.bytes {
            $0.uint8(Self.version)
            $0.point(node)
            $0.write(salt)
            $0.uint8(isDoubted ? 1 : 0)
            $0.uint64(last)
            $0.compactSize(channels.count)
            for id in channels.sorted() { $0.write(id) }
        }
    }
}

/// What our identities stored with watchtowers.
struct TowerSessions: Sendable {
    private var byTower: [NodeID: [Bytes32: TowerSession]] = [:]
    private var changed: Set<TowerSession.ID> = []
    /// Whether it has been shown since the start that the database is an old copy.
    var isOldCopy = false

    /// Kits of a session of which one channel is over: another one follows, so that what is kept of channels that are over stays small. A peer
    /// cannot make the identities that this takes without closing channels.
    var longest: UInt64 = 10_000

    init() {}

    init(_ sessions: [TowerSession]) {
        for session in sessions { byTower[session.node, default: [:]][session.salt] = session }
    }

    subscript(id: TowerSession.ID) -> TowerSession? {
        get { byTower[id.node]?[id.salt] }
        set {
            guard newValue != self[id] else { return }
            byTower[id.node, default: [:]][id.salt] = newValue
            if byTower[id.node]?.isEmpty == true { byTower[id.node] = nil }
            changed.insert(id)
        }
    }

    var all: Set<TowerSession> { Set(byTower.values.flatMap(\.values)) }

    /// Of one watchtower, in an order that does not depend on the process.
    func of(_ node: NodeID) -> [TowerSession] { (byTower[node] ?? [:]).values.sorted { $0.salt < $1.salt } }

    /// The database may be an old copy, or is one: whatever a session has kits of, nobody here may know of it.
    ///
    /// Money at risk: no channel that is known can show that there is none that is not, so that this is for good.
    mutating func doubt(_ id: TowerSession.ID) {
        var session = self[id] ?? TowerSession(node: id.node, salt: id.salt)
        session.isDoubted = true
        self[id] = session
    }

    /// The same of all of them.
    mutating func doubtAll() { for session in byTower.values.flatMap(\.values) { doubt(session.id) } }

    /// A tower is none any more: its records go with its own.
    mutating func remove(_ node: NodeID) {
        byTower[node] = nil
        changed = changed.filter { $0.node != node }
    }

    mutating func drainWrites() -> [StoreWrite] {
        defer { changed = [] }
        return changed.sorted { ($0.node, $0.salt) < ($1.node, $1.salt) }.map {
            .change(.towers, key: $0.key, record: self[$0]?.encoded())
        }
    }
}

extension TowerSession: Identifiable {
    /// Which tower, and which identity.
    struct ID: Hashable, Sendable {
        var node: NodeID
        var salt: Bytes32

        /// In the store, beside the record of the tower.
        var key: [UInt8] { node.compressed + salt.array }
    }

    var id: ID { ID(node: node, salt: salt) }
}

extension PaymentChannel {
    /// Whether the peer, or a block, has shown that it is further than this database.
    fileprivate var isBehind: Bool {
        if case .dataLost = phase { return true }
        switch close?.kind {
        case .futureCommitment, .ownLaterCommitment, .unknown: return true
        case .mutual, .localCommitment, .remoteCommitment, .revokedCommitment, .ownRevokedCommitment, .fundingSpent, nil:
            return isKnownOld || close?.wasDataLost == true
        }
    }
}

extension Watchtower {
    /// The session of now.
    var session: TowerSession.ID { TowerSession.ID(node: nodeID, salt: salt) }
}

// Kits of channels that are over.
extension NodeCore {
    /// A kit of a channel is stored with a tower.
    mutating func noteSession(_ tower: Watchtower, of channel: ChannelID) {
        let id = tower.session
        // One that has kits without a record is of a version that had none: nobody knows of which channels they are, and it is never forgotten.
        guard peers.towers.client.sessions[id] != nil || tower.made == tower.base else { return }
        var session = peers.towers.client.sessions[id] ?? TowerSession(node: tower.nodeID, salt: tower.salt)
        session.channels.insert(channel)
        peers.towers.client.sessions[id] = session
    }

    /// Of the kits that wait nobody knows of which channels they are.
    mutating func beginSession(_ tower: Watchtower) {
        guard tower.made > tower.base else { return }
        var session = TowerSession(node: tower.nodeID, salt: tower.salt)
        session.channels = Set(channels.ids)
        peers.towers.client.sessions[session.id] = session
    }

    /// Looks which channels are over for good, ends sessions whose channels all are, and has their towers forget them.
    mutating func endSessions() {
        guard !peers.towers.client.towers.isEmpty else { return }
        noticeOldCopy()
        for tower in watchtowers {
            var (isNews, isShorter) = (false, false)
            for session in peers.towers.client.sessions.of(tower.nodeID) where !session.channels.isEmpty {
                let open = session.channels.filter { channels[$0] != nil }
                guard open != session.channels else { continue }
                peers.towers.client.sessions[session.id]?.channels = open
                if session.id == tower.session { isShorter = true }
                isNews = isNews || open.isEmpty
            }
            let isOver = peers.towers.client.sessions[tower.session]?.channels.isEmpty == true && tower.waiting == 0
            if isOver || isShorter && tower.stored - tower.base >= peers.towers.client.sessions.longest {
                renewTowerIdentity(tower.nodeID)
            } else if isConnected(tower.nodeID) {
                // What it refused a while ago it may take now.
                if tower.waiting > 0, peers.towers.client.sent[tower.nodeID] == nil {
                    towerConnected(tower.nodeID)
                } else if isNews {
                    askToForget(tower)
                }
            }
        }
    }

    /// Where a channel has shown that the database is an old copy, nothing that was stored is forgotten, and no number is given twice.
    private mutating func noticeOldCopy() {
        if !peers.towers.client.sessions.isOldCopy, channels.values.contains(where: \.isBehind) { doubtSessions() }
    }

    /// The database is an old copy.
    mutating func doubtSessions() {
        guard !peers.towers.client.sessions.isOldCopy else { return }
        peers.towers.client.sessions.isOldCopy = true
        peers.towers.client.sessions.doubtAll()
        renewTowerIdentities()
    }

    /// Sessions that one connection ends.
    private static let forgottenAtOnce = 50

    /// Asks a tower that is connected to forget the sessions whose channels are all over.
    mutating func askToForget(_ tower: Watchtower) {
        noticeOldCopy()
        guard tower == peers.towers.client.towers[tower.nodeID] else { return }
        for session in sessionsOver(at: tower.nodeID).prefix(Self.forgottenAtOnce) {
            let secret = keys.towerSecret(tower.nodeID, salt: session.salt)
            let identity = secret.publicKey()
            let signature = secret.sign(TowerForget.hash(tower: tower.nodeID, session: identity, last: session.last))
            send(
                .towerForget(TowerForget(session: identity, last: session.last, signature: WireSignature(signature))), to: tower.nodeID)
        }
    }

    /// Sessions with a tower that it may forget.
    private func sessionsOver(at node: NodeID) -> [TowerSession] {
        let now = peers.towers.client.towers[node]?.salt
        return peers.towers.client.sessions.of(node).filter { $0.salt != now && $0.channels.isEmpty && !$0.isDoubted }
    }

    mutating func received(_ message: TowerForgotten, of node: NodeID) {
        let session = sessionsOver(at: node).first { keys.towerSecret(node, salt: $0.salt).publicKey() == message.session }
        if let session { peers.towers.client.sessions[session.id] = nil }
    }
}
