import BitcoinPrimitives
import CryptoPrimitives
import LightningChain
import LightningEnforcement
import LightningRecords
import LightningWire

/// How much a watchtower keeps.
public struct TowerPolicy: Hashable, Sendable {
    /// Clients at most.
    public var maxClients = 10_000
    /// Bytes for each client.
    public var maxBytesOfClient: UInt64 = 256 << 20
    /// Bytes for all of them together.
    public var maxBytes: UInt64 = 4 << 30
    /// Bytes that may be added before the next start: what the disk has room for.
    public var maxNewBytes: UInt64 = .max
    /// What most can bear.
    public init() {}
}

/// A client of our watchtower.
struct TowerCustomer: Hashable, Sendable {
    /// The last of its kits that is kept: they come without a gap.
    var last: UInt64 = 0
    var bytes: UInt64 = 0
    /// Whether all of its kits are found by their numbers; those of earlier versions are found by their hints alone.
    private(set) var isIndexed = true
    /// Whether it does not need them any more, and they are being removed.
    var isForgotten = false

    init() {}

    init(record: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(record)
        let version = try reader.uint8()
        guard (1...2).contains(version) else { throw .invalid("version of a watchtower's client") }
        last = try reader.uint64()
        bytes = try reader.uint64()
        isIndexed = version > 1
        if isIndexed { isForgotten = try reader.uint8() == 1 }
        try reader.expectEnd()
    }

    func encoded() -> [UInt8] {
        ByteWriter.bytes {
            $0.uint8(isIndexed ? 2 : 1)
            $0.uint64(last)
            $0.uint64(bytes)
            if isIndexed { $0.uint8(isForgotten ? 1 : 0) }
        }
    }
}

/// What we keep for others as a watchtower. The kits are in the store alone, and found by the hints of commitments.
struct TowerService: Sendable {
    private(set) var customers: [NodeID: TowerCustomer] = [:]
    /// Of all of them.
    private(set) var bytes: UInt64 = 0
    /// Clients whose kits the store is being asked for, to be removed.
    var removing: Set<NodeID> = []
    /// Kits of commitments for which the store is being asked, page by page, with one output for each place: not stored, for a restart looks
    /// again.
    var collected: [TransactionID: [PenaltyKit]] = [:]
    /// Commitments for which kits came late in this batch, or before the chain was known.
    var late: Set<TransactionID> = []
    /// Late kits that were looked at, by commitment and client.
    private var tries: [TransactionID: [NodeID: Int]] = [:]
    /// What was stored since the start.
    var sinceStart = SinceStart()

    struct SinceStart: Sendable {
        /// What was added, and not removed.
        var bytes: UInt64 = 0
        /// What was stored from where.
        var bytesOfAddress: [AddressGroup: UInt64] = [:]
        /// Who has become a client from where: identities cost nothing.
        var newcomers: [AddressGroup: Int] = [:]
    }

    private(set) var cases: [TransactionID: TowerCase] = [:]
    /// The commitments of the cases, by the hints under which their kits come.
    private(set) var hints: [[UInt8]: TransactionID] = [:]
    private var changedCustomers: Set<NodeID> = []
    private var changedCases: Set<TransactionID> = []

    init() {}

    init(customers: [(key: [UInt8], record: [UInt8])], cases: [[UInt8]]) throws(DecodingFailure) {
        for (key, record) in customers {
            guard let node = NodeID(compressed: key) else { throw .invalid("key of a watchtower's client") }
            self.customers[node] = try TowerCustomer(record: record)
            bytes += self.customers[node]?.bytes ?? 0
        }
        for record in cases {
            let found = try TowerCase(record: record)
            self.cases[found.commitment] = found
            hints[PenaltyKit.hint(found.commitment)] = found.commitment
        }
    }

    mutating func set(_ customer: TowerCustomer, _ node: NodeID) {
        let added = customer.bytes - (customers[node]?.bytes ?? 0)
        bytes += added
        sinceStart.bytes += added
        customers[node] = customer
        changedCustomers.insert(node)
    }

    /// All of its kits are removed.
    mutating func remove(_ node: NodeID) {
        guard let customer = customers.removeValue(forKey: node) else { return }
        bytes -= min(bytes, customer.bytes)
        sinceStart.bytes -= min(sinceStart.bytes, customer.bytes)
        removing.remove(node)
        changedCustomers.insert(node)
    }

    mutating func set(_ id: TransactionID, _ found: TowerCase?) {
        guard cases[id] != found else { return }
        cases[id] = found
        if found == nil { tries[id] = nil }
        hints[PenaltyKit.hint(id)] = found == nil ? nil : id
        changedCases.insert(id)
    }

    /// Whether one more late kit of a client is looked at: a signature takes time, and false ones cost nothing.
    mutating func mayTry(_ node: NodeID, _ commitment: TransactionID) -> Bool {
        let count = tries[commitment]?[node] ?? 0
        guard count < NodeCore.kitsOfClient else { return false }
        tries[commitment, default: [:]][node] = count + 1
        return true
    }

    mutating func drainWrites() -> [StoreWrite] {
        defer { (changedCustomers, changedCases) = ([], []) }
        return changedCustomers.sorted().map { .change(.towerClients, key: $0.compressed, record: customers[$0]?.encoded()) }
            + changedCases.sorted().map { .change(.towerCases, key: $0.bytes.array, record: cases[$0]?.encoded()) }
    }
}

/// Both ends of watching: the towers that keep kits for us, and what we keep for others.
struct Towers: Sendable {
    var client = TowerClient()
    var service = TowerService()

    init() {}

    init(_ store: StoreContents) throws(DecodingFailure) {
        client = try TowerClient(records: store.records(.towers))
        service = try TowerService(customers: store.entries(.towerClients), cases: store.records(.towerCases))
    }

    mutating func drainWrites() -> [StoreWrite] { client.drainWrites() + service.drainWrites() }
}

extension NodeCore {
    /// Clients, and kits kept for them.
    package var towerTotals: (clients: Int, kits: UInt64, cases: Int) {
        let service = peers.towers.service
        return (
            service.customers.count, service.customers.values.reduce(0) { $0 &+ $1.last }, service.cases.values.count { !$0.open.isEmpty }
        )
    }

    // MARK: Keeping

    mutating func received(_ message: TowerStore, over id: ConnectionID, of node: NodeID) {
        func refuse(_ reason: TowerRefused.Reason) { transmit(.towerRefused(TowerRefused(number: message.number, reason)), over: id) }
        guard let policy = configuration.tower else { return refuse(.noService) }
        var customer = peers.towers.service.customers[node] ?? TowerCustomer()
        guard !customer.isForgotten else { return refuse(.gap) }
        // It was kept before the connection broke.
        if message.number <= customer.last { return transmit(.towerStored(TowerStored(number: customer.last)), over: id) }
        guard message.number == customer.last + 1 else { return refuse(.gap) }
        let size = UInt64(message.blob.count + 100)
        // Nothing that small is a kit: who stores it wants to be looked through.
        guard message.blob.count >= PenaltyKit.leastLength else { return refuse(.full) }
        guard customer.bytes + size <= policy.maxBytesOfClient, peers.towers.service.bytes + size <= policy.maxBytes,
            peers.towers.service.sinceStart.bytes + size <= policy.maxNewBytes
        else {
            return refuse(.full)
        }
        if customer.last == 0 {
            guard peers.towers.service.customers.count < policy.maxClients, admitNewcomer(from: peers[id]?.origin) else {
                return refuse(.full)
            }
        }
        // One address does not take the room of all others.
        if let origin = peers[id]?.origin, !origin.isLocal {
            let stored = peers.towers.service.sinceStart.bytesOfAddress[origin] ?? 0
            guard stored + size <= policy.maxBytes / Self.addresses else { return refuse(.full) }
            peers.towers.service.sinceStart.bytesOfAddress[origin] = stored + size
        }
        customer.last = message.number
        customer.bytes += size
        peers.towers.service.set(customer, node)
        let key = message.hint + node.compressed + withUnsafeBytes(of: message.number.bigEndian) { Array($0) }
        batch.effects.writes.append(.put(.towerKits, key: key, record: message.blob))
        if customer.isIndexed {
            let place = key.dropFirst(message.hint.count)
            batch.effects.writes.append(.put(.towerOrder, key: Array(place), record: message.hint))
        }
        // It leaves after the commit, as everything does.
        transmit(.towerStored(TowerStored(number: message.number)), over: id)
        useLate(message, of: node)
    }

    /// A kit may come after its commitment was mined: the tower or the client was away, or the peer gave its revocation secret for what it had
    /// a miner take. Its outputs are added to those that are known, also while the store is still being asked, for the page with this kit may
    /// have been read before it came. Who stores what is not good for the commitment brings about nothing more.
    private mutating func useLate(_ message: TowerStore, of node: NodeID) {
        guard let commitment = peers.towers.service.hints[message.hint], var found = peers.towers.service.cases[commitment],
            let transaction = found.transaction,
            // Where the store was not asked yet, or could not be read, it will be, and has this kit.
            let known = found.isLookedUp ? found.kits : peers.towers.service.collected[commitment],
            known.count < TowerCase.maxOutputs, peers.towers.service.mayTry(node, commitment),
            let kit = PenaltyKit(sealed: message.blob, for: commitment)
        else { return }
        let new = kit.outputs(without: known).compactMap { $0.verified(for: transaction, id: commitment) }
        guard !new.isEmpty else { return }
        guard found.isLookedUp else {
            peers.towers.service.collected[commitment] = known + new
            return
        }
        if found.kits.isEmpty {
            found.since = height
            tellBreach(found)
        }
        found.add(new)
        peers.towers.service.set(commitment, found)
        peers.towers.service.late.insert(commitment)
    }

    /// Punishes with kits that came late, once for all that came in a batch.
    mutating func punishLate() {
        guard isSynced, !peers.towers.service.late.isEmpty else { return }
        let late = peers.towers.service.late
        peers.towers.service.late = []
        for id in late.sorted() { punish(id) }
    }

    private mutating func tellBreach(_ found: TowerCase) {
        batch.effects.events.append(
            .alert("watchtower: \(found.commitment) in block \(found.height) is a revoked commitment of a client's peer, and is punished"))
    }

    /// So many addresses have room at the least, each for what it stores between two starts.
    private static let addresses: UInt64 = 8
    /// Clients that one address may bring in until the next start: identities cost nothing, and each takes a place for good.
    private static let newcomersOfAddress = 20

    private mutating func admitNewcomer(from origin: AddressGroup?) -> Bool {
        guard let origin, !origin.isLocal else { return true }
        let count = peers.towers.service.sinceStart.newcomers[origin] ?? 0
        guard count < Self.newcomersOfAddress else { return false }
        peers.towers.service.sinceStart.newcomers[origin] = count + 1
        return true
    }

    // MARK: Watching

    /// Looks at a block for commitments, and at what became of those that are being punished.
    mutating func watchForClients(_ transactions: [(transaction: Transaction, id: TransactionID)], height: BlockHeight) {
        guard configuration.tower != nil || !peers.towers.service.cases.isEmpty else { return }
        for (transaction, id) in transactions {
            for input in transaction.inputs {
                guard var found = peers.towers.service.cases[input.previousOutput.transaction] else { continue }
                found.spent[input.previousOutput.index] = height
                peers.towers.service.set(found.commitment, found)
            }
            if var known = peers.towers.service.cases[id] {
                // It was in a block that left the chain.
                known.height = height
                peers.towers.service.set(id, known)
            } else if configuration.tower != nil, Self.fundingKeys(transaction) != nil {
                // Stored, so that a crash before the answer does not lose it.
                peers.towers.service.set(id, TowerCase(id, transaction, height: height))
            }
        }
        for (id, found) in peers.towers.service.cases.sorted(by: { $0.key < $1.key }) {
            guard found.isLookedUp else { continue }
            let last = found.spent.values.max() ?? 0
            let isOver =
                found.kits.isEmpty
                ? height - found.height > Self.lateKits
                : found.open.isEmpty && height - max(last, found.height) > ChannelClose.irrevocableDepth
            // No delay is as long: its block left the chain, and it was never mined again.
            if isOver || height - found.height > Self.longestCase { peers.towers.service.set(id, nil) }
        }
        lookForKits()
        punish()
    }

    private static func kitQuery(_ commitment: TransactionID) -> StoreQuery {
        StoreQuery(table: .towerKits, prefix: PenaltyKit.hint(commitment), limit: kitsOfClient)
    }

    /// Kits that are looked at of one client for one commitment; a page has as many. A commitment with most HTLCs has ten.
    fileprivate static let kitsOfClient = 32

    /// The next page of kits under a hint; `nil` where there is none.
    ///
    /// Money at risk: the cheater knows the hint of its own commitment, and may store any number of kits under it, so that the right one comes
    /// late: of a client with a page full of them the rest is passed over.
    private static func next(_ query: StoreQuery, _ entries: [StoreEntry]) -> StoreQuery? {
        guard entries.count == query.limit, let first = entries.first, let last = entries.last else { return nil }
        let client = query.prefix.count + 33
        guard first.key.count == client + 8, last.key.count == client + 8 else { return nil }
        // A key of as many bytes, and one more, follows the last one.
        let bound =
            first.key.prefix(client) == last.key.prefix(client)
            ? last.key.prefix(client) + [UInt8](repeating: .max, count: 9) : last.key + [0]
        return StoreQuery(table: query.table, prefix: query.prefix, bound: Array(bound), limit: query.limit)
    }

    /// Blocks for which a kit may come late: the cheater's delay has hardly more.
    private static let lateKits = 2016
    /// Blocks after which a case is given up.
    private static let longestCase = 4320

    /// Asks the store for the kits of commitments that it is not being asked for already: those of a block, at a start those that were not
    /// looked up before it, and those whose kits could not be read.
    mutating func lookForKits() {
        let service = peers.towers.service
        for id in service.cases.filter({ !$1.isLookedUp && service.collected[$0] == nil }).keys.sorted() {
            peers.towers.service.collected[id] = []
            batch.effects.loads.append(Self.kitQuery(id))
        }
    }

    mutating func kitsLoaded(_ query: StoreQuery, _ result: Result<[StoreEntry], StoreFailure>) {
        let waiting = peers.towers.service.cases.values.filter { !$0.isLookedUp && PenaltyKit.hint($0.commitment) == query.prefix }
        for var found in waiting.sorted(by: { $0.commitment < $1.commitment }) {
            let id = found.commitment
            guard case .success(let entries) = result else {
                // With the next block it is looked for anew.
                peers.towers.service.collected[id] = nil
                batch.effects.events.append(.alert("the watchtower's kits cannot be read: a breach may go unpunished"))
                continue
            }
            guard let transaction = found.transaction, var kits = peers.towers.service.collected[id] else { continue }
            // Who stores kits under a hint that is not its own cannot seal them with the key; who knows the commitment cannot sign. One signature
            // for an output is enough, and two would spoil the claim.
            for entry in entries where kits.count < TowerCase.maxOutputs {
                guard let kit = PenaltyKit(sealed: entry.record, for: id) else { continue }
                kits += kit.outputs(without: kits).compactMap { $0.verified(for: transaction, id: id) }
            }
            peers.towers.service.collected[id] = kits
            if let next = Self.next(query, entries) {
                batch.effects.loads.append(next)
                continue
            }
            peers.towers.service.collected[id] = nil
            found.isLookedUp = true
            found.since = height
            found.add(kits)
            peers.towers.service.set(id, found)
            guard !kits.isEmpty else { continue }
            tellBreach(found)
        }
        punish()
    }

    /// Publishes what takes the outputs that are left, at the rate of now, and at a higher one while they are not taken.
    mutating func punish() {
        guard isSynced else { return }
        for id in peers.towers.service.cases.keys.sorted() { punish(id) }
    }

    private mutating func punish(_ id: TransactionID) {
        guard var found = peers.towers.service.cases[id], found.isLookedUp, !found.open.isEmpty else { return }
        let needed = PenaltyKit.feeRates.firstIndex { $0 >= layer1.feeRates[.urgent] } ?? PenaltyKit.feeRates.count - 1
        if found.level < needed {
            (found.level, found.since) = (needed, height)
        } else if height - found.since >= Self.punishPatience, found.level < PenaltyKit.feeRates.count - 1 {
            (found.level, found.since) = (found.level + 1, height)
        }
        peers.towers.service.set(id, found)
        for claim in found.claims(group: Self.htlcsOfClaim) { publish(claim, .watchtower) }
    }

    /// HTLCs that one claim takes, as long as layer 1 does not refuse it.
    private static let htlcsOfClaim = 20

    /// Layer 1 refuses a penalty for a client: where it takes several HTLCs one of them may be spent already, and each goes by itself.
    mutating func penaltyRefused(_ transaction: Transaction) {
        guard transaction.inputs.count > 1, let id = transaction.inputs.first?.previousOutput.transaction,
            var found = peers.towers.service.cases[id]
        else { return }
        found.alone.formUnion(transaction.inputs.map(\.previousOutput.index))
        peers.towers.service.set(id, found)
        for claim in found.claims(group: Self.htlcsOfClaim)
        where claim.inputs.count == 1 && transaction.inputs.contains(where: { $0.previousOutput == claim.inputs[0].previousOutput }) {
            publish(claim, .watchtower)
        }
    }

    /// Blocks after which a penalty pays more: four times it can, and the cheater's delay is at least as many as that.
    private static let punishPatience = 3

    /// A block left the chain: what it had spent is open again.
    mutating func unwatch(height: BlockHeight) {
        for (id, known) in peers.towers.service.cases.sorted(by: { $0.key < $1.key }) {
            var found = known
            found.spent = found.spent.filter { $0.value != height }
            peers.towers.service.set(id, found)
        }
    }
}
