package import BitcoinLedger
public import BitcoinPrimitives
public import CryptoPrimitives
import HeapModule
import LightningChain
import LightningChannel
public import LightningCore
package import LightningRecords
import LightningRouting
import LightningTransactions
public import LightningWire

/// What goes wrong in a simulated world, in so many of 1000 occasions.
public struct Faults: Hashable, Sendable {
    /// A connection breaks when a message is sent over it.
    public var disconnect = 0
    /// A node dies before a batch is committed: nothing of it happened.
    public var crashBeforeCommit = 0
    /// A node dies after a batch is committed: nothing of it left the node.
    public var crashAfterCommit = 0
    /// The shortest time a message takes, in milliseconds.
    public var minDelay: UInt64 = 1
    /// The longest time a message takes, in milliseconds.
    public var maxDelay: UInt64 = 50

    public init() {}

    public static let none = Faults()
    public static let rough: Faults = {
        var faults = Faults()
        faults.disconnect = 15
        faults.crashBeforeCommit = 10
        faults.crashAfterCommit = 10
        return faults
    }()
}

/// A node dies around the commit of one batch, whichever node's it is.
public struct CrashPoint: Hashable, Sendable {
    /// Which of the world's batches that had something to store, counted from 0.
    public var batch: Int
    /// Whether the batch was committed, and nothing of it has left; else nothing of it happened.
    public var isCommitted: Bool

    public init(batch: Int, isCommitted: Bool) {
        self.batch = batch
        self.isCommitted = isCommitted
    }
}

/// Something that must never happen did; the seed replays it.
public struct InvariantViolation: Error, Sendable, CustomStringConvertible {
    public var seed: UInt64
    public var time: Timestamp
    public var what: String
    public var description: String { "seed \(seed), at \(time.milliseconds) ms: \(what)" }
}

/// Whole nodes, a network, disks and a layer 1 in one process, in virtual time: the same seed gives the same history.
public struct SimulatedWorld {
    public struct Node {
        public let name: String
        let keys: NodeKeys
        /// `nil` while the node is down.
        package internal(set) var core: NodeCore?
        /// What its disk holds.
        package internal(set) var store = StoreContents()
        public internal(set) var events: [NodeEvent] = []
        /// When it wants to hear of the time again.
        var wake: Timestamp?
        package internal(set) var answers: [RequestID: Result<NodeResponse, NodeRefusal>] = [:]
        public internal(set) var restarts = 0
        /// What its layer 1 says that transactions have to pay, and says again after a restart.
        var feeRates: FeeEstimates?
        /// The highest commitment numbers that were ever on disk: they never go back.
        var numbers: [ChannelID: (local: UInt64, remote: UInt64)] = [:]
        var incarnation: UInt64 = 0
        /// Whether its disk was set back, and it knows that.
        var isOldCopy = false
        /// Its last backup, which is kept elsewhere than on its disk.
        package internal(set) var backup: [UInt8]?
        /// How its disk is.
        var disk = Disk.healthy
        /// Until when a slow disk is still writing: what comes meanwhile waits.
        var busyUntil = Timestamp.zero
        /// What came meanwhile, in its order.
        var waitingInputs: [NodeInput] = []
        /// How much its clock is fast; negative where it is slow.
        var clockSkew = Duration.zero
        public var nodeID: NodeID { keys.nodeID }
    }

    enum WorldEvent {
        case delivery(link: Int, to: Int, [UInt8])
        case broken(link: Int, to: Int)
        case connect(from: Int, to: Int)
        case restart(Int)
        case tick(Int)
        /// A node in one of its lives wanted to hear of the time.
        case wake(Int, life: UInt64)
        /// The answer to a check of gossip, for the life of the node that asked.
        case verdict(Int, life: UInt64, number: UInt64, GossipVerdict)
        /// A slow disk has written what it had to.
        case written(Int, life: UInt64)
    }

    private struct Entry: Comparable {
        var time: Timestamp
        var sequence: UInt64
        var happening: WorldEvent
        static func < (left: Entry, right: Entry) -> Bool {
            left.time == right.time ? left.sequence < right.sequence : left.time < right.time
        }
        static func == (left: Entry, right: Entry) -> Bool { left.sequence == right.sequence }
    }

    /// A connection: who called whom, and when the last message arrives on either side.
    struct Link {
        var caller: Int
        var callee: Int
        var isOpen = true
        var lastArrival: [Timestamp] = [.zero, .zero]
    }

    public let seed: UInt64
    public var faults: Faults
    public internal(set) var nodes: [Node] = []
    package internal(set) var ledger = Ledger()
    public internal(set) var now = Timestamp(milliseconds: 1_700_000_000_000)
    /// Keys and records of the public network that stores of nodes hold.
    private var gossipRecords: Set<[UInt8]> = []
    /// Whether the signatures of a message of gossip are right, by the hash of what was asked.
    private var checkedSignatures: [Bytes32: Bool] = [:]
    /// Every block mined, in order, whether or not it stayed in the chain.
    public internal(set) var minedBlocks: [Block] = []
    /// Messages that reached their destination.
    public private(set) var deliveries = 0
    /// Bytes of the messages that nodes sent to each other.
    public private(set) var sentBytes = 0
    /// Where they are kept with their times and not with their nodes: what nodes told since `takeJournal`. A long run would fill the memory.
    private var journal: [(time: Timestamp, node: Int, event: NodeEvent)]?
    /// Where a node dies, beside what `faults` say.
    public var crashPoint: CrashPoint?
    /// Batches so far that had something to store.
    public private(set) var storedBatches = 0
    /// How often a store is checked to rebuild its node: every n-th commit.
    public var checkInterval = 1

    /// Where all chance comes from.
    var random: SeededRandom
    private var queue = Heap<Entry>()
    private var sequence: UInt64 = 0
    private(set) var links: [Link] = []
    private var nextRequest: RequestID = 1
    private var stopped: Set<Int> = []
    private var muted: Set<Int> = []
    /// Who cannot reach the others, and is not reached.
    var partitions: [Set<Int>] = []
    private var commits = 0
    private(set) var trace = WorldTrace()
    /// Connections from this number on are to strangers, who are no nodes.
    static let firstStranger: UInt64 = 1 << 40
    var strangers: UInt64 = 0
    /// What nodes have said to strangers.
    var fromNodes: [ConnectionID: [UInt8]] = [:]
    /// Strangers who were sent away.
    var closedStrangers: Set<ConnectionID> = []
    private let configuration: NodeConfiguration
    let minerScript: Script
    /// Whether worlds that are made now show their nodes of each block no more than the nodes name, as an Electrum server does; watchtowers see all.
    @TaskLocal package static var showsExcerpts = false
    /// Of this world: the scripts of all outputs so far, by which excerpts are made; `nil` where whole blocks are shown.
    var outputScripts: [OutPoint: Script]?

    /// A layer 1 with 100 blocks, and nodes with nothing.
    public init(
        seed: UInt64, names: [String], faults: Faults = .none, configuration: NodeConfiguration = NodeConfiguration()
    ) {
        self.seed = seed
        self.faults = faults
        var configuration = configuration
        // At every connection a peer gives back 65531 bytes where they are: some worlds are enough to see that.
        configuration.padsBackups = seed % 16 == 0
        self.configuration = configuration
        random = SeededRandom(seed: seed)
        outputScripts = Self.showsExcerpts && configuration.tower == nil ? [:] : nil
        minerScript = Script([0, 20] + [UInt8](repeating: 7, count: 20))
        for (index, name) in names.enumerated() {
            nodes.append(Node(name: name, keys: Self.keys(seed, index)))
            start(index)
        }
    }

    /// A world that goes on from where another one was: its layer 1, and what was on the disks of its nodes.
    package init(
        seed: UInt64, resuming names: [String], blocks: [Block], stores: [StoreContents], now: Timestamp, configuration: NodeConfiguration
    )
        throws(InvariantViolation)
    {
        self.init(seed: seed, names: [], configuration: configuration)
        self.now = now
        for block in blocks {
            do { _ = try ledger.submit(block, now: now.headerTime).get() } catch { throw violation("a block is refused: \(error)") }
        }
        for (index, name) in names.enumerated() {
            var node = Node(name: name, keys: Self.keys(seed, index))
            node.store = stores[index]
            // Not the entropy of an earlier life.
            node.incarnation = 1000
            nodes.append(node)
            start(index)
        }
        for index in nodes.indices { try catchUp(index) }
    }

    package static func keys(_ seed: UInt64, _ index: Int) -> NodeKeys {
        let nodeSeed = Hash.tagged("simulation", Array("\(seed)/\(index)".utf8))
        // No node of a world is older than salts.
        return NodeKeys(seed: nodeSeed.array + nodeSeed.array, network: .regtest, unsaltedChannels: 0)
    }

    // MARK: The passing of time

    mutating func schedule(_ happening: WorldEvent, after time: Duration) {
        sequence += 1
        queue.insert(Entry(time: now + time, sequence: sequence, happening: happening))
    }

    /// Lets the world go on until nothing is left to happen, or so much time has passed.
    public mutating func run(limit: Duration = .seconds(600)) throws(InvariantViolation) {
        let end = now + limit
        while let next = queue.min, next.time <= end {
            queue.removeMin()
            now = next.time
            try happen(next.happening)
        }
    }

    /// Lets `count` slices of time pass, with a tick for every node at the end of each.
    public mutating func pass(_ count: Int = 1, interval: Duration = .seconds(1)) throws(InvariantViolation) {
        for _ in 0..<count {
            try advance(to: now + interval)
            try tick()
        }
    }

    /// Lets the world go on until a time.
    public mutating func advance(to time: Timestamp) throws(InvariantViolation) {
        guard time > now else { return }
        try run(limit: time.since(now))
        now = max(now, time)
    }

    /// Every node hears that time has passed.
    public mutating func tick() throws(InvariantViolation) {
        for index in nodes.indices { try arrive([.tick], at: index) }
    }

    /// What nodes have told since the last time; from the first call on it is kept here, with its time, and not with the nodes.
    public mutating func takeJournal() -> [(time: Timestamp, node: Int, event: NodeEvent)] {
        defer { journal = [] }
        return journal ?? []
    }

    /// Takes the answer to a command, which is forgotten.
    package mutating func takeAnswer(_ request: RequestID, of index: Int) -> Result<NodeResponse, NodeRefusal>? {
        nodes[index].answers.removeValue(forKey: request)
    }

    /// Whether nothing is on its way.
    public var isQuiet: Bool { queue.isEmpty }

    private mutating func happen(_ happening: WorldEvent) throws(InvariantViolation) {
        switch happening {
        case .delivery(let link, let node, let bytes):
            guard links[link].isOpen, nodes[node].core != nil else { return }
            deliveries += 1
            try arrive([.received(ConnectionID(UInt64(link)), bytes)], at: node)
        case .broken(let link, let node):
            guard nodes[node].core != nil else { return }
            try arrive([.disconnected(ConnectionID(UInt64(link)))], at: node)
        case .connect(let from, let to): try connect(from, to)
        case .restart(let node): if !stopped.contains(node) { start(node) }
        case .tick(let node):
            try arrive([.tick], at: node)
        case .wake(let node, let life):
            guard nodes[node].incarnation == life else { return }
            nodes[node].wake = nil
            try arrive([.wake], at: node)
        case .verdict(let node, let life, let number, let verdict):
            if nodes[node].incarnation == life { try arrive([.gossipChecked(number, verdict)], at: node) }
        case .written(let node, let life):
            guard nodes[node].incarnation == life, now >= nodes[node].busyUntil, !nodes[node].waitingInputs.isEmpty else { return }
            let inputs = nodes[node].waitingInputs
            nodes[node].waitingInputs = []
            try step(node, inputs)
        }
    }

    /// Something comes to a node by itself: while its disk writes it waits, and goes in one batch with all that waits, as in a driver.
    private mutating func arrive(_ inputs: [NodeInput], at node: Int) throws(InvariantViolation) {
        guard nodes[node].core != nil else { return }
        if now < nodes[node].busyUntil { nodes[node].waitingInputs += inputs } else { try step(node, inputs) }
    }

    // MARK: Nodes

    /// A node's identity key, for adversaries who are that node's other self.
    package func secret(of index: Int) -> SecretKey { nodes[index].keys.nodeSecret.copy() }

    private mutating func start(_ index: Int) {
        guard nodes[index].core == nil else { return }
        nodes[index].incarnation += 1
        nodes[index].wake = nil
        let entropy = Entropy(
            seed: Hash.tagged("life", Array("\(seed)/\(index)/\(nodes[index].incarnation)".utf8)))
        do {
            nodes[index].core = try NodeCore(
                configuration: configuration, keys: nodes[index].keys, entropy: entropy, store: nodes[index].store,
                isStoreProven: !nodes[index].isOldCopy)
        } catch {
            preconditionFailure("seed \(seed): a store cannot be read again: \(error)")
        }
    }

    /// Gives inputs to a node and carries out what it asks for, with faults.
    mutating func step(_ index: Int, _ inputs: [NodeInput]) throws(InvariantViolation) {
        guard nodes[index].core != nil else { return }
        let effects = nodes[index].core!.handle(inputs, now: clock(of: index))
        // Nothing of what a full disk does not take has happened.
        if nodes[index].disk == .full, !effects.writes.isEmpty { return crash(index) }
        let isHere = !effects.writes.isEmpty && crashPoint?.batch == storedBatches
        if !effects.writes.isEmpty { storedBatches += 1 }
        if random.chance(faults.crashBeforeCommit, in: 1000) || isHere && crashPoint?.isCommitted == false { return crash(index) }
        nodes[index].store.apply(shared(effects.writes))
        if !effects.writes.isEmpty { nodes[index].isOldCopy = false }
        if let backup = effects.backup { nodes[index].backup = backup }
        try checkStore(index, effects.writes)
        if random.chance(faults.crashAfterCommit, in: 1000) || isHere { return crash(index) }
        trace.note(index, at: now, effects)
        if case .slow(let commit) = nodes[index].disk, !effects.writes.isEmpty {
            // What did not wait, as a block, goes into the commit that is under way.
            nodes[index].busyUntil = max(nodes[index].busyUntil, now + commit)
            schedule(.written(index, life: nodes[index].incarnation), after: nodes[index].busyUntil.since(now))
        }
        for (connection, bytes) in effects.transmissions {
            if connection.value >= Self.firstStranger {
                fromNodes[connection, default: []] += bytes
            } else {
                transmit(Int(connection.value), from: index, bytes)
            }
        }
        for connection in effects.closes {
            if connection.value >= Self.firstStranger {
                closedStrangers.insert(connection)
            } else {
                breakLink(Int(connection.value), tell: index)
            }
        }
        var refused: [NodeInput] = []
        for publication in effects.publications {
            if let reason = accept(publication.transaction, payingFor: publication.parents) {
                refused.append(.published(publication.transaction.id, .refused(reason)))
            }
        }
        for check in effects.checks {
            let delay = Duration.milliseconds(draw(1...20))
            schedule(.verdict(index, life: nodes[index].incarnation, number: check.number, verdict(check)), after: delay)
        }
        for (request, answer) in effects.answers { nodes[index].answers[request] = answer }
        if let wake = effects.wake, wake != nodes[index].wake {
            nodes[index].wake = wake
            let moment = time(wake, ofClock: index)
            schedule(.wake(index, life: nodes[index].incarnation), after: max(moment.since(now), .milliseconds(1)))
        }
        if journal == nil {
            nodes[index].events += effects.events
        } else {
            for event in effects.events { journal!.append((now, index, event)) }
        }
        // As a driver does: all answers to a batch come in one.
        let loaded = effects.loads.map { NodeInput.loaded($0, .success(nodes[index].store.entries($0))) }
        if !loaded.isEmpty { try step(index, loaded) }
        if !refused.isEmpty { try step(index, refused) }
    }

    /// Gives a transaction to the layer 1; why it is refused, if it is not known there already.
    private mutating func accept(_ transaction: Transaction, payingFor parents: [Transaction]) -> String? {
        let unknown = parents.filter { ledger.location($0.id) == nil }
        if !unknown.isEmpty {
            let verdict = ledger.acceptPackage(unknown + [transaction], now: now.headerTime)
            if case .refused(let refusal)? = verdict.results.last { return refusal.reason }
            return verdict.results.isEmpty ? verdict.refusal?.reason : nil
        }
        do throws(TransactionRefusal) {
            _ = try ledger.accept(transaction, now: now.headerTime)
            return nil
        } catch {
            if ledger.mempool.entries[transaction.id] != nil || ledger.location(transaction.id) != nil { return nil }
            return error.reason
        }
    }

    /// The same writes, with the public network's records in one copy for all nodes: each of them stores all of it.
    private mutating func shared(_ writes: [StoreWrite]) -> [StoreWrite] {
        if gossipRecords.count > 1 << 20 { gossipRecords = [] }
        return writes.map { write in
            guard case .put(.gossip, let key, let record) = write else { return write }
            return .put(.gossip, key: gossipRecords.insert(key).memberAfterInsert, record: gossipRecords.insert(record).memberAfterInsert)
        }
    }

    /// The verdict on gossip. Signatures that one node has had checked are not computed again for the next, which asks for the same.
    private mutating func verdict(_ check: GossipCheck) -> GossipVerdict {
        var question = SHA256Hasher()
        question.update(check.wire)
        if case .update(_, let signer) = check.subject { question.update(signer.bytes) }
        let key = question.finalize()
        let isValid = checkedSignatures[key] ?? check.hasValidSignatures()
        checkedSignatures[key] = isValid
        return check.verdict(areSignaturesValid: isValid) { id in
            guard let hash = ledger.blockHash(height: id.block), let block = ledger.block(hash) else { return .unknown }
            guard block.transactions.indices.contains(id.transaction) else { return .absent }
            let outPoint = OutPoint(block.transactions[id.transaction].id, UInt32(id.output))
            return ledger.coin(outPoint).map { .unspent(outPoint, $0.output) } ?? .absent
        }
    }

    private mutating func checkStore(_ index: Int, _ writes: [StoreWrite]) throws(InvariantViolation) {
        commits += 1
        for case .put(.channels, let key, _) in writes {
            guard let id = Bytes32(key).map({ ChannelID($0) }), let numbers = nodes[index].core?.commitmentNumbers(of: id) else { continue }
            let seen = nodes[index].numbers[id] ?? (0, 0)
            guard numbers.local >= seen.local, numbers.remote >= seen.remote else {
                throw violation("\(nodes[index].name) went back to an older commitment")
            }
            nodes[index].numbers[id] = numbers
        }
        guard commits % checkInterval == 0, let core = nodes[index].core else { return }
        if let what = StoredHistory.problem(of: writes) { throw violation("\(nodes[index].name) stores \(what)") }
        if let what = core.difference(from: nodes[index].store) {
            throw violation("the store of \(nodes[index].name) does not rebuild its \(what)")
        }
    }

    private mutating func crash(_ index: Int) {
        nodes[index].core = nil
        nodes[index].restarts += 1
        nodes[index].waitingInputs = []
        nodes[index].busyUntil = .zero
        for link in links.indices where links[link].isOpen && (links[link].caller == index || links[link].callee == index) {
            breakLink(link, tell: index)
        }
        // Whoever looks after a node whose disk is full does not try ten times each second.
        schedule(.restart(index), after: nodes[index].disk == .full ? .seconds(5) : .milliseconds(100))
    }

    /// Stops a node until `resume`.
    public mutating func stop(_ index: Int) {
        stopped.insert(index)
        if nodes[index].core != nil { crash(index) }
    }

    /// Starts a node that was stopped.
    public mutating func resume(_ index: Int) {
        stopped.remove(index)
        schedule(.restart(index), after: .milliseconds(1))
    }

    /// From now on, or no longer, nothing that a node sends arrives: it reads, and stays silent.
    public mutating func mute(_ index: Int, _ isMuted: Bool = true) {
        if isMuted { muted.insert(index) } else { muted.remove(index) }
    }

    /// Kills a node now; it starts again by itself.
    public mutating func kill(_ index: Int) {
        if nodes[index].core != nil { crash(index) }
    }

    func violation(_ what: String) -> InvariantViolation { InvariantViolation(seed: seed, time: now, what: what) }

    // MARK: Network

    private mutating func connect(_ from: Int, _ to: Int) throws(InvariantViolation) {
        guard nodes[from].core != nil, nodes[to].core != nil, !isParted(from, to) else {
            return schedule(.connect(from: from, to: to), after: .milliseconds(150))
        }
        let link = links.count
        links.append(Link(caller: from, callee: to))
        try catchUp(from)
        try catchUp(to)
        try step(to, [.connected(ConnectionID(UInt64(link)), to: nil)])
        try step(from, [.connected(ConnectionID(UInt64(link)), to: nodes[to].nodeID)])
    }

    private mutating func transmit(_ link: Int, from node: Int, _ bytes: [UInt8]) {
        guard links[link].isOpen, !muted.contains(node) else { return }
        if random.chance(faults.disconnect, in: 1000) { return breakLink(link, tell: nil) }
        sentBytes += bytes.count
        let isCaller = links[link].caller == node
        let side = isCaller ? 0 : 1
        let delay = Duration.milliseconds(
            Int64(clamping: UInt64.random(in: faults.minDelay...max(faults.minDelay, faults.maxDelay), using: &random)))
        // It leaves when the commit is done.
        let arrival = max(max(now, nodes[node].busyUntil) + delay, links[link].lastArrival[side])
        links[link].lastArrival[side] = arrival
        schedule(
            .delivery(link: link, to: isCaller ? links[link].callee : links[link].caller, bytes),
            after: arrival.since(now))
    }

    mutating func breakLink(_ link: Int, tell except: Int?) {
        guard links.indices.contains(link), links[link].isOpen else { return }
        links[link].isOpen = false
        for node in [links[link].caller, links[link].callee] where node != except {
            schedule(.broken(link: link, to: node), after: .milliseconds(1))
        }
        schedule(.connect(from: links[link].caller, to: links[link].callee), after: .milliseconds(300))
    }

    /// Connects two nodes; they reconnect by themselves whenever the connection breaks.
    public mutating func join(_ from: Int, _ to: Int) { schedule(.connect(from: from, to: to), after: .milliseconds(1)) }

    /// Whether there is a connection between two nodes.
    func areConnected(_ one: Int, _ two: Int) -> Bool {
        links.contains { $0.isOpen && ($0.caller == one && $0.callee == two || $0.caller == two && $0.callee == one) }
    }

    /// Breaks every connection of a node.
    public mutating func disconnect(_ node: Int) {
        for link in links.indices where links[link].isOpen && (links[link].caller == node || links[link].callee == node) {
            breakLink(link, tell: nil)
        }
    }

    /// Breaks the connections between two nodes; they call each other again.
    public mutating func disconnect(_ one: Int, _ two: Int) {
        for link in links.indices where links[link].isOpen {
            let ends = (links[link].caller, links[link].callee)
            if ends == (one, two) || ends == (two, one) { breakLink(link, tell: nil) }
        }
    }

    public func isConnected(_ first: Int, _ second: Int) -> Bool {
        nodes[first].core?.isConnected(nodes[second].nodeID) ?? false
    }

    // MARK: Commands

    /// Gives a command to a node; the number under which its answer will be in `answers`.
    @discardableResult
    public mutating func command(_ index: Int, _ command: NodeCommand) throws(InvariantViolation) -> UInt64 {
        let request = nextRequest
        nextRequest += 1
        try step(index, [.command(request, command)])
        return request
    }

    /// Gives a node something else than a command.
    package mutating func input(_ index: Int, _ input: NodeInput) throws(InvariantViolation) { try step(index, [input]) }

    /// Gives a node several commands in one batch.
    public mutating func commands(_ index: Int, _ commands: [NodeCommand]) throws(InvariantViolation) {
        var inputs: [NodeInput] = []
        for command in commands {
            inputs.append(.command(nextRequest, command))
            nextRequest += 1
        }
        try step(index, inputs)
    }

    /// Gives a command and wants its answer at once; `nil` where the node died meanwhile.
    public mutating func ask(_ index: Int, _ command: NodeCommand) throws(InvariantViolation) -> NodeResponse? {
        let request = try self.command(index, command)
        if case .success(let response) = nodes[index].answers[request] { return response }
        return nil
    }

    /// A node's current commitment with both signatures.
    public mutating func signedCommitment(_ index: Int, _ channel: ChannelID) -> Transaction? {
        nodes[index].core?.signedCommitment(of: channel)
    }

    /// Mines the node some coins.
    public mutating func fund(_ index: Int) throws(InvariantViolation) {
        guard case .address(let script, _) = try ask(index, .newAddress) else { return }
        try mine(1, paying: script)
        try mine(100)
    }

    public mutating func draw<T: FixedWidthInteger>(_ range: ClosedRange<T>) -> T {
        T.random(in: range, using: &random)
    }
}
