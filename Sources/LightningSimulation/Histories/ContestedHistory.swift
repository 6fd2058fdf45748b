import BitcoinLedger
package import BitcoinPrimitives
import CryptoPrimitives
import LightningChain
import LightningChannel
import LightningCore
import LightningEnforcement
import LightningInvoice
import LightningPayment
import LightningRouting
import LightningTransactions
import LightningWire

/// A random life of three to five nodes in a line, a ring, a star or any network, whose channels are closed on chain with HTLCs under way:
/// held payments, nodes that vanish, old commitments, pinned ones, reorganizations, full blocks, a miner who censors, crashes. Whatever
/// happens, who was there has what its books say, less the fees of the chain.
public struct ContestedHistory {
    /// What a history came to.
    public struct Report: Sendable {
        public var seed: UInt64
        public var payments = 0
        public var succeeded = 0
        public var failed = 0
        /// How many outputs of closes there were, by the kind of the close, what the output was to the node that tells, and who has it.
        public var outputs: [String: Int] = [:]
        /// Revoked commitments that were published.
        public var breaches = 0
        /// HTLC outputs that cheaters took to their second step.
        public var secondSteps = 0
        /// Fundings whose coins were spent otherwise.
        public var doubleSpends = 0
        /// Breaches of channels whose other side was away until the cheater's delay had ended, and had a watchtower.
        public var watched = 0
        /// Commitments that were pinned.
        public var pins = 0
        /// Children of commitments that were paid for, ours and the peer's.
        public var bumps = 0
        public var restarts = 0
        public var deliveries = 0
        /// Batches that had something to store, from the first payment to the end: the points of a crash sweep.
        public var commits = 0
        package var blocks: [Block] = []
    }

    var world: SimulatedWorld
    var report: Report
    /// Preimages of the invoices that their payees hold, and who that is.
    var held: [(hash: PaymentHash, preimage: PaymentPreimage, payee: Int)] = []
    /// What each node had at the beginning.
    private var before: [Satoshi] = []
    /// Nodes that were away for longer than any node may be, or cheated: what they lose is theirs.
    var guilty: Set<Int> = []
    /// Nodes that were away as long, but have a watchtower: they lose nothing.
    var watched: Set<Int> = []
    /// Nodes that are down, and until which height.
    var away: [Int: BlockHeight] = [:]
    /// Nodes that say nothing, and until which height.
    var silent: [Int: BlockHeight] = [:]
    /// Commitments that their nodes will have revoked later.
    var kept: [KeptCommitment] = []
    /// What takes a cheater's outputs after its delay: published with each block, as long as nobody was faster.
    var sweeps: [Transaction] = []
    private var hashes = 0
    private var crash: CrashPoint?
    let adversaries: [Adversary]
    let topology: Topology
    /// The nodes that pay and are paid: the first ones. A watchtower comes after them.
    var members: Int { topology.nodes }
    var miner = Miner()
    /// Coins of adversaries.
    var coins: [Transaction] = []

    /// Lives through one history; throws what must not happen.
    ///
    /// - Parameters:
    ///   - adversaries: who may be in it.
    ///   - crash: where a node dies, beside what the faults say.
    public static func run(
        seed: UInt64, actions: Int = 30, adversaries: Set<Adversary> = Set(Adversary.allCases), faults: Faults = .rough,
        crash: CrashPoint? = nil, checkInterval: Int = 5
    ) throws(InvariantViolation) -> Report {
        var history = ContestedHistory(seed: seed, adversaries)
        history.crash = crash
        history.world.checkInterval = checkInterval
        try history.live(actions: actions, faults: faults)
        return history.report
    }

    private init(seed: UInt64, _ adversaries: Set<Adversary>) {
        self.adversaries = Adversary.allCases.filter(adversaries.contains)
        var configuration = NodeConfiguration()
        if seed % 4 == 0 { configuration.policy.channelType = .staticRemoteKey }
        configuration.gossip.flushInterval = .milliseconds(1000)
        topology = Self.topology(seed)
        var names = Array(["alice", "bob", "carol", "dave", "erin"].prefix(topology.nodes))
        if Self.hasTower(seed) {
            configuration.tower = TowerPolicy()
            names.append("tower")
        }
        world = SimulatedWorld(seed: seed, names: names, configuration: configuration)
        report = Report(seed: seed)
    }

    /// Most histories have three nodes in a line, in which everything happens soonest.
    private static func topology(_ seed: UInt64) -> Topology {
        var random = SeededRandom(seed: seed)
        return switch seed % 8 {
        case 5: Topology(.ring, nodes: Int.random(in: 3...4, using: &random), using: &random)
        case 6: Topology(.star, nodes: Int.random(in: 4...5, using: &random), using: &random)
        case 7: Topology(.random, nodes: Int.random(in: 3...5, using: &random), using: &random)
        default: Topology(.line, nodes: 3, using: &random)
        }
    }

    private mutating func live(actions: Int, faults: Faults) throws(InvariantViolation) {
        try world.build(
            topology, capacity: { _ in Satoshi(2_000_000) }, push: { _ in MilliSatoshi(1_000_000_000) })
        // HTLC transactions take coins: several, so that claims need not wait for each other.
        for index in world.nodes.indices {
            for _ in 0..<3 {
                guard case .address(let script, _)? = try world.ask(index, .newAddress) else { continue }
                try world.mine(1, paying: script)
            }
        }
        for block in try world.mine(12, paying: AdversaryCoins.script) { coins.append(block.transactions[0]) }
        try world.mine(100)
        try employTower()
        try world.pass(3)
        before = world.nodes.indices.map { world.wealth(of: $0) }
        world.faults = faults
        world.crashPoint = crash.map { CrashPoint(batch: world.storedBatches + $0.batch, isCommitted: $0.isCommitted) }
        let first = world.storedBatches
        for _ in 0..<actions { try act() }
        try heal()
        try check()
        report.restarts = world.nodes.reduce(0) { $0 + $1.restarts }
        report.deliveries = world.deliveries
        report.commits = world.storedBatches - first
        report.blocks = world.minedBlocks
    }

    // MARK: Living

    func isUp(_ index: Int) -> Bool { away[index] == nil }

    /// One of the nodes that pay and are paid.
    mutating func drawMember() -> Int { world.draw(0...members - 1) }

    /// One of the nodes with which a node has a channel.
    mutating func drawNeighbour(of index: Int) -> Int {
        let neighbours = topology.channels.compactMap { $0.0 == index ? $0.1 : $0.1 == index ? $0.0 : nil }.sorted()
        return neighbours.count == 1 ? neighbours[0] : neighbours[world.draw(0...neighbours.count - 1)]
    }

    private mutating func act() throws(InvariantViolation) {
        switch world.draw(0...23) {
        case 0...5: try pay()
        case 6...8: try settleOrCancel()
        case 9: try forceClose()
        case 10...11: keepCommitments()
        case 12: try world.moveFeeRates()
        case 13: world.disconnect(drawMember())
        case 14...16: try mine(world.draw(1...12))
        default: try attack()
        }
        try world.pass(world.draw(1...3), interval: .milliseconds(500))
        try world.showMempool()
    }

    /// One of the adversaries does what it does.
    private mutating func attack() throws(InvariantViolation) {
        guard !adversaries.isEmpty else { return try mine(world.draw(1...12)) }
        switch adversaries[world.draw(0...adversaries.count - 1)] {
        case .cheater: try cheat()
        case .doubleSpender: try doubleSpend()
        case .vanisher: try vanish()
        case .staller: stall()
        case .pinner: try pin()
        case .reorganizer: try world.reorganize(depth: world.draw(1...ChannelClose.reasonableDepth - 1))
        case .censor: miner.censoredUntil = world.ledger.height + world.draw(1...3)
        case .feeSpike: try spike()
        }
    }

    mutating func mine(_ count: Int) throws(InvariantViolation) {
        for _ in 0..<count {
            try mineBlock()
            sweepForCheaters()
            try world.pass(1, interval: .milliseconds(200))
            try world.showMempool()
            for (index, until) in away.sorted(by: { $0.key < $1.key }) where world.ledger.height >= until {
                away[index] = nil
                world.resume(index)
                try world.pass(1, interval: .milliseconds(500))
            }
            for (index, until) in silent where world.ledger.height >= until {
                silent[index] = nil
                world.mute(index, false)
            }
        }
    }

    // MARK: Layer 1

    /// A block of the miner of these times.
    private mutating func mineBlock() throws(InvariantViolation) {
        let next = miner.transactions(world.ledger)
        report.secondSteps += next?.secondSteps ?? 0
        try world.mine(1, including: next?.chosen)
    }

    /// Others pay more for some blocks, and the nodes hear of it, more or less.
    private mutating func spike() throws(InvariantViolation) {
        let rate = try world.moveFeeRates()
        // A commitment without anchors pays what was agreed, and nobody can pay more for it.
        guard world.seed % 4 != 0 else { return }
        miner.floor = (rate, world.ledger.height + world.draw(1...12))
    }

    // MARK: Nodes

    /// A payment over one or several hops, which its payee holds.
    private mutating func pay() throws(InvariantViolation) {
        let payer = drawMember()
        let payee = (payer + world.draw(1...members - 1)) % members
        guard isUp(payer), isUp(payee) else { return }
        hashes += 1
        let preimage = PaymentPreimage(Hash.tagged("held", Array("\(world.seed)/\(hashes)".utf8)))
        // Some are dust, most are worth an output.
        let msat: UInt64 = world.draw(0...5) == 0 ? world.draw(1...300_000) : world.draw(20_000_000...250_000_000)
        guard
            case .invoice(let record)? = try world.ask(
                payee, .createHoldInvoice(preimage.paymentHash, amount: MilliSatoshi(msat), .text("held"), expiry: .seconds(864_000)))
        else { return }
        try world.command(payer, .pay(record.invoice, amount: nil))
        held.append((preimage.paymentHash, preimage, payee))
        report.payments += 1
    }

    mutating func settleOrCancel() throws(InvariantViolation) {
        guard !held.isEmpty else { return }
        let (hash, preimage, payee) = held[world.draw(0...held.count - 1)]
        guard isUp(payee) else { return }
        try world.command(payee, world.draw(0...3) == 0 ? .cancel(hash) : .settle(hash, preimage))
    }

    private mutating func forceClose() throws(InvariantViolation) {
        let index = drawMember()
        guard isUp(index), let core = world.nodes[index].core else { return }
        let open = core.channels.ordered.filter(\.isOpen)
        guard !open.isEmpty else { return }
        try world.command(index, .forceCloseChannel(open[world.draw(0...open.count - 1)].id))
    }

    // MARK: The end

    /// No more faults: everybody is there, every channel is closed, and every claim is mined.
    private mutating func heal() throws(InvariantViolation) {
        world.faults = .none
        miner.floor = nil
        miner.censoredUntil = 0
        // Who has a watchtower stays away as long as it said.
        while let until = away.filter({ watched.contains($0.key) }).values.max(), until > world.ledger.height { try mine(1) }
        for index in away.keys.sorted() { world.resume(index) }
        away = [:]
        for index in silent.keys.sorted() { world.mute(index, false) }
        silent = [:]
        try world.pass(5)
        try world.calmFeeRates()
        for index in world.nodes.indices {
            for channel in world.nodes[index].core?.channels.ordered ?? [] where channel.isAlive {
                try world.command(index, .forceCloseChannel(channel.id))
            }
        }
        for _ in 0..<1500 {
            try world.mine(1)
            sweepForCheaters()
            try world.pass(1, interval: .milliseconds(200))
            if world.nodes.allSatisfy({ $0.core?.channels.values.allSatisfy(\.isClosed) ?? false }) { return }
        }
        let states = world.nodes.flatMap { node in
            (node.core?.channels.values).map { channels in
                channels.filter { !$0.isClosed }.map {
                    "\(node.name): \($0.stateName) \($0.close.map { "\($0.outputs.map(\.status))" } ?? "")"
                }
            } ?? []
        }
        throw world.violation("a channel never closed: \(states)")
    }

    /// Who was there has what its books say.
    private mutating func check() throws(InvariantViolation) {
        for index in world.nodes.indices {
            guard let core = world.nodes[index].core else { continue }
            let earned = try world.earnings(of: index)
            count(core)
            guard !guilty.contains(index) else { continue }
            let towers = watched.contains(index) ? core.channels.values.reduce(Int64(0)) { $0 + towerCost($1) } : 0
            try world.checkWealth(of: index, before: before[index], earned: earned, otherCosts: towers)
        }
        for payment in world.nodes.flatMap({ $0.payments.values }) {
            if case .succeeded = payment.status { report.succeeded += 1 } else { report.failed += 1 }
        }
    }

    private mutating func count(_ core: NodeCore) {
        for channel in core.channels.values {
            guard let close = channel.close else { continue }
            if channel.commitmentBumpFee > .zero { report.bumps += 1 }
            for output in close.outputs {
                guard case .resolved(_, _, let isOurs) = output.status else { continue }
                report.outputs["\(close.kind), \(output.role), \(isOurs ? "ours" : "the peer's")", default: 0] += 1
            }
        }
    }
}
