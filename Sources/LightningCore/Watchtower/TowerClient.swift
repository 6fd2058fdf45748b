public import BitcoinPrimitives
public import CryptoPrimitives
import LightningEnforcement
import LightningRecords
import LightningRouting
public import LightningWire

/// A watchtower that keeps penalty kits for us, and how far it has come.
public struct Watchtower: Hashable, Sendable {
    /// Who it is.
    public var nodeID: NodeID
    /// From what the identity grows under which it knows us: our own it is not told.
    package var salt: Bytes32
    /// Kits made for it.
    public package(set) var made: UInt64 = 0
    /// Those of them that it has confirmed.
    public package(set) var stored: UInt64 = 0
    /// The block at which it was added: of commitments that were revoked before it has nothing.
    public var since: BlockHeight
    /// Why it does not keep the next one; `nil` where nothing is wrong.
    public package(set) var refusal: String?
    /// The last kit before the identity of now, which counts from there.
    package var base: UInt64 = 0

    init(nodeID: NodeID, salt: Bytes32, since: BlockHeight) {
        self.nodeID = nodeID
        self.salt = salt
        self.since = since
    }

    /// Kits that it does not have and will not get: never made, for too many waited, or lost by it after it had confirmed them.
    public package(set) var lost: UInt64 = 0

    /// Whether it has confirmed a kit for every state of a channel that was revoked, and takes what is to come. Of HTLCs in states that came
    /// very fast the smaller ones may not be in them.
    ///
    /// - Parameters:
    ///   - height: of the channel's funding; `nil` before it is in a block.
    ///   - isConnected: whether it is there now. One that never was, and never took a kit, may not take any.
    package func covers(channelFundedAt height: BlockHeight?, isConnected: Bool) -> Bool {
        (isConnected || stored > 0) && lost == 0 && waiting == 0 && refusal == nil && (height ?? .never) > since
    }

    /// Kits that wait for it.
    public var waiting: UInt64 { made - min(made, stored) }

    func encoded() -> [UInt8] {
        ByteWriter.bytes {
            $0.uint8(1)
            $0.point(nodeID)
            $0.write(salt)
            $0.uint64(made)
            $0.uint64(stored)
            $0.blockHeight(since)
            $0.optional(refusal) { $0.variableBytes(Array($1.utf8)) }
            $0.uint64(base)
            $0.uint64(lost)
        }
    }

    init(record: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(record)
        guard try reader.uint8() == 1 else { throw .invalid("version of a watchtower") }
        nodeID = try reader.point()
        salt = try reader.bytes32()
        made = try reader.uint64()
        stored = try reader.uint64()
        since = try reader.blockHeight()
        refusal = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in
            String(decoding: try r.variableBytes(), as: UTF8.self)
        }
        base = try reader.uint64()
        // Older records have none.
        lost = reader.isAtEnd ? 0 : try reader.uint64()
        try reader.expectEnd()
        guard stored <= made, base <= stored else { throw .invalid("kits of a watchtower") }
    }
}

/// The watchtowers that keep kits for us. Kits wait in the store until they are confirmed; in memory there is none.
struct TowerClient: Sendable {
    private(set) var towers: [NodeID: Watchtower] = [:]
    /// What was stored with them under which identity.
    var sessions = TowerSessions()
    /// The last kit that was sent over the connection of now.
    var sent: [NodeID: UInt64] = [:]
    /// When it was told last that a tower does not keep our kits.
    var toldAt: [NodeID: Timestamp] = [:]
    /// When it was given another identity last for what it had said.
    var renewedAt: [NodeID: Timestamp] = [:]
    /// Towers for which the store is asked.
    var asked: Set<NodeID> = []
    private var changed: Set<NodeID> = []

    /// Kits that are under way to one tower, unconfirmed.
    static let window: UInt64 = 50
    /// Kits that wait for one tower: more are not made.
    static let longestQueue: UInt64 = 200_000
    /// HTLC outputs that are signed for in one channel: a peer that turns a full commitment over and over takes all of a tower's room, and our
    /// time, else. `to_local` is signed for always.
    private static let htlcRate = TokenBucket.Rate(burst: 5000, interval: .milliseconds(200))
    private var htlcs: [ChannelID: TokenBucket] = [:]

    /// HTLC outputs of the largest amounts that are signed for however fast a peer goes on.
    private static let htlcsAlways = 4

    /// HTLC outputs that are signed for when the next commitment of a channel is revoked; `nil` where there is no watchtower.
    func watchedHTLCs(of channel: ChannelID, now: Timestamp) -> Int? {
        if towers.isEmpty { return nil }
        guard let bucket = htlcs[channel] else { return .max }
        return bucket.hasToken(Self.htlcRate, now: now) ? .max : Self.htlcsAlways
    }

    /// So many were signed for.
    mutating func signed(_ count: Int, of channel: ChannelID, now: Timestamp) {
        guard count > 0 else { return }
        var bucket = htlcs[channel] ?? TokenBucket(Self.htlcRate, now: now)
        for _ in 0..<count where !bucket.take(Self.htlcRate, now: now) { break }
        htlcs[channel] = bucket.isFull(Self.htlcRate, now: now) ? nil : bucket
    }

    init() {}

    init(records: [[UInt8]]) throws(DecodingFailure) {
        var sessions: [TowerSession] = []
        for record in records {
            if record.first == TowerSession.version {
                sessions.append(try TowerSession(record: record))
                continue
            }
            let tower = try Watchtower(record: record)
            towers[tower.nodeID] = tower
        }
        self.sessions = TowerSessions(sessions)
    }

    mutating func update(_ node: NodeID, _ change: (inout Watchtower) -> Void) {
        guard var tower = towers[node] else { return }
        change(&tower)
        guard tower != towers[node] else { return }
        towers[node] = tower
        changed.insert(node)
    }

    mutating func add(_ tower: Watchtower) {
        towers[tower.nodeID] = tower
        changed.insert(tower.nodeID)
    }

    mutating func remove(_ node: NodeID) {
        towers[node] = nil
        sent[node] = nil
        asked.remove(node)
        toldAt[node] = nil
        renewedAt[node] = nil
        sessions.remove(node)
        changed.insert(node)
    }

    static func key(_ node: NodeID, _ number: UInt64) -> [UInt8] {
        node.compressed + withUnsafeBytes(of: number.bigEndian) { Array($0) }
    }

    mutating func drainWrites() -> [StoreWrite] {
        defer { changed = [] }
        return changed.sorted().map { .change(.towers, key: $0.compressed, record: towers[$0]?.encoded()) } + sessions.drainWrites()
    }
}

extension NodeCore {
    /// The watchtowers that keep penalty kits for us, in the order of their ids.
    package var watchtowers: [Watchtower] { peers.towers.client.towers.values.sorted { $0.nodeID < $1.nodeID } }

    /// The identity under which a watchtower knows us: another one for each, and for each time that it is added.
    func towerSecret(_ tower: Watchtower) -> SecretKey {
        keys.towerSecret(tower.nodeID, salt: tower.salt)
    }

    mutating func addTower(_ node: NodeID) throws(NodeRefusal) {
        guard channels.index.channels(with: node).isEmpty else {
            throw .invalid("there is a channel with it: as a watchtower it must not know who we are")
        }
        guard node != nodeID else { throw .invalid("a node is no watchtower of its own: when it is away, both are") }
        guard peers.towers.client.towers[node] == nil else { throw .invalid("it is one of the watchtowers already") }
        peers.towers.client.add(Watchtower(nodeID: node, salt: entropy.bytes32(), since: height))
        // A connection of now shows who we are.
        if let connection = peers.connections[node] { close(connection) }
    }

    /// Has a watchtower know us by another identity, which begins anew behind what was confirmed: where the database may be an old copy the tower
    /// has kits under numbers that will be given again; and where the session of now has come to its end.
    ///
    /// - Parameter isDoubted: whether the tower may have more under the identity of now than this database knows.
    mutating func renewTowerIdentity(_ node: NodeID, isDoubted: Bool = false) {
        guard let old = peers.towers.client.towers[node] else { return }
        peers.towers.client.sessions[old.session]?.last = old.made - old.base
        if isDoubted { peers.towers.client.sessions.doubt(old.session) }
        let salt = entropy.bytes32()
        peers.towers.client.update(node) {
            $0.salt = salt
            $0.base = $0.stored
        }
        if let tower = peers.towers.client.towers[node] { beginSession(tower) }
        if let connection = peers.connections[node] { close(connection) }
    }

    /// The database may be an old copy.
    mutating func renewTowerIdentities() {
        for node in peers.towers.client.towers.keys.sorted() { renewTowerIdentity(node, isDoubted: true) }
    }

    mutating func removeTower(_ node: NodeID) throws(NodeRefusal) {
        guard peers.towers.client.towers[node] != nil else { throw .invalid("it is none of the watchtowers") }
        peers.towers.client.remove(node)
        if let connection = peers.connections[node] { close(connection) }
        batch.effects.writes.append(.deleteAll(.towers, prefix: node.compressed))
        batch.effects.writes.append(.deleteAll(.towerQueue, prefix: node.compressed))
    }

    /// Stores the kits of a commitment that was revoked, for every tower, and sends them to those that have all before them.
    mutating func store(_ kits: [PenaltyKit], of commitment: TransactionID, in channel: ChannelID) {
        peers.towers.client.signed(kits.reduce(0) { $0 + $1.outputs.count { $0.isHTLC } }, of: channel, now: now)
        let hint = PenaltyKit.hint(commitment)
        let blobs = kits.map { $0.sealed(for: commitment) }
        for node in peers.towers.client.towers.keys.sorted() {
            for blob in blobs {
                guard let tower = peers.towers.client.towers[node] else { continue }
                guard tower.waiting < TowerClient.longestQueue else {
                    // Its next answer takes the refusal away; this number stays.
                    peers.towers.client.update(node) { $0.lost += 1 }
                    refused(by: node, "\(TowerClient.longestQueue) kits wait for it: what is revoked now it will not have")
                    continue
                }
                noteSession(tower, of: channel)
                let number = tower.made + 1
                peers.towers.client.update(node) { $0.made = number }
                batch.effects.writes.append(
                    .put(
                        .towerQueue, key: TowerClient.key(node, number),
                        record: ByteWriter.bytes {
                            $0.write(hint)
                            $0.variableBytes(blob)
                        }))
                // Nothing waits before it: it need not be read again.
                guard peers.towers.client.sent[node] == number - 1, number - tower.stored <= TowerClient.window, isTowerReady(node) else {
                    continue
                }
                send(.towerStore(TowerStore(number: number - tower.base, hint: hint, blob: blob)), to: node)
                peers.towers.client.sent[node] = number
            }
        }
    }

    private func isTowerReady(_ node: NodeID) -> Bool { isConnected(node) && !peers.towers.client.asked.contains(node) }

    /// A connection to a tower begins: what it has not confirmed is sent again.
    mutating func towerConnected(_ node: NodeID) {
        guard let tower = peers.towers.client.towers[node] else { return }
        peers.towers.client.sent[node] = tower.stored
        peers.towers.client.asked.remove(node)
        askToForget(tower)
        feedTower(node)
    }

    mutating func towerDisconnected(_ node: NodeID) {
        peers.towers.client.sent[node] = nil
        peers.towers.client.asked.remove(node)
    }

    /// Asks the store for the next kits that a tower has to be sent.
    func towerQuery(_ node: NodeID, after number: UInt64) -> StoreQuery {
        StoreQuery(
            table: .towerQueue, prefix: node.compressed, bound: TowerClient.key(node, number + 1), limit: Int(TowerClient.window))
    }

    private mutating func feedTower(_ node: NodeID) {
        guard let tower = peers.towers.client.towers[node], let sent = peers.towers.client.sent[node], isTowerReady(node),
            sent < tower.made,
            sent - min(sent, tower.stored) < TowerClient.window
        else { return }
        peers.towers.client.asked.insert(node)
        batch.effects.loads.append(towerQuery(node, after: sent))
    }

    mutating func towerLoaded(_ query: StoreQuery, _ found: Result<[StoreEntry], StoreFailure>) {
        guard let node = NodeID(compressed: query.prefix), let tower = peers.towers.client.towers[node],
            // What was asked for over an earlier connection is not what this one needs, which is asked for as well.
            let sent = peers.towers.client.sent[node], query == towerQuery(node, after: sent),
            peers.towers.client.asked.remove(node) != nil, isConnected(node)
        else { return }
        guard case .success(let entries) = found else { return unreadable(node) }
        for (number, entry) in zip((sent + 1)..., entries) where number - tower.stored <= TowerClient.window {
            var reader = ByteReader(entry.record)
            guard entry.key == TowerClient.key(node, number), let hint = try? reader.read(16), let blob = try? reader.variableBytes() else {
                return unreadable(node)
            }
            send(.towerStore(TowerStore(number: number - tower.base, hint: Array(hint), blob: blob)), to: node)
            peers.towers.client.sent[node] = number
        }
        if !entries.isEmpty { feedTower(node) }
    }

    private mutating func unreadable(_ node: NodeID) {
        batch.effects.events.append(.alert("the kits for watchtower \(node) cannot be read"))
    }

    mutating func received(_ message: TowerStored, of node: NodeID) {
        guard let tower = peers.towers.client.towers[node], let sent = peers.towers.client.sent[node] else { return }
        let (number, overflow) = message.number.addingReportingOverflow(tower.base)
        // It has more than we sent: they are of a time that this database does not know.
        guard !overflow, number <= sent else {
            refused(
                by: node, "it says that it has kits that were not sent to it: it does not tell the truth, or this database is an old copy")
            peers.towers.client.sessions.doubt(tower.session)
            renewForTower(node)
            return
        }
        guard number > tower.stored else { return }
        for number in tower.stored + 1...number {
            batch.effects.writes.append(.delete(.towerQueue, key: TowerClient.key(node, number)))
        }
        peers.towers.client.update(node) {
            $0.stored = number
            $0.refusal = nil
        }
        feedTower(node)
    }

    mutating func received(_ message: TowerRefused, of node: NodeID) {
        // What was under way behind a kit that is refused is refused as well.
        guard let tower = peers.towers.client.towers[node], peers.towers.client.sent[node] != nil else { return }
        switch TowerRefused.Reason(rawValue: message.reason) {
        case .noService: refused(by: node, "it is no watchtower")
        case .full:
            refused(by: node, "it has no more room for us")
            // It may have some for another identity, which begins behind what it has; one that gets none has nothing.
            if tower.stored > tower.base { renewForTower(node) }
        case .gap:
            refused(by: node, "it has lost kits that it had confirmed: it is given those that are left under another identity")
            // How many of them nobody knows.
            if renewForTower(node) { peers.towers.client.update(node) { $0.lost += tower.stored - tower.base } }
        case nil: refused(by: node, "for reason \(message.reason)")
        }
        // Nothing more is sent over this connection.
        peers.towers.client.sent[node] = nil
    }

    /// What a tower says takes another identity: once an hour at the most, for each leaves a record.
    @discardableResult
    private mutating func renewForTower(_ node: NodeID) -> Bool {
        if let last = peers.towers.client.renewedAt[node], now.since(last) < .seconds(3600) { return false }
        peers.towers.client.renewedAt[node] = now
        renewTowerIdentity(node)
        return true
    }

    private mutating func refused(by node: NodeID, _ why: String) {
        guard peers.towers.client.towers[node]?.refusal != why else { return }
        // Other words each time do not fill the log.
        let told = peers.towers.client.toldAt[node]
        if told.map({ now.since($0) >= .seconds(3600) }) ?? true {
            batch.effects.events.append(.alert("watchtower \(node) does not keep our kits: \(why)"))
            peers.towers.client.toldAt[node] = now
        }
        peers.towers.client.update(node) { $0.refusal = why }
    }
}
