import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningCore
import LightningInvoice
import LightningPayment
import LightningRouting
import LightningTransactions
import LightningWire

/// A random life of a network among whose peers are some that want to steal, to freeze, to lie or to bring nodes down, with faults besides.
///
/// Two raw peers have real channels with nodes of the network, keep some of the rules for some of the time, and work together; strangers
/// come and go. Whatever they do, no node falls over, no channel between honest nodes closes, every honest node has what it should have,
/// and nothing of the attack stays in memory or in a store.
public struct HostileHistory {
    /// What a history came to.
    public struct Report: Sendable {
        public var seed: UInt64
        /// Payments that honest nodes made, to each other and to raw peers.
        public var payments = 0
        public var succeeded = 0
        public var failed = 0
        /// Those whose HTLC lies in a channel that an adversary broke, for layer 1 to decide.
        public var stuck = 0
        /// What adversaries did, by its kind.
        public var attacks: [String: Int] = [:]
        /// Channels with adversaries that ended.
        public var broken = 0
        public var restarts = 0
        public var deliveries = 0
    }

    /// An adversary with a channel.
    struct RawPeer {
        let number: Int
        var raw: RawChannel
        /// What it says to nodes as itself.
        var secret: SecretKey { Self.secret(number) }

        static func secret(_ number: Int) -> SecretKey { SecretKey(Hash.tagged("raw peer", [UInt8(number)]))! }
    }

    var world: SimulatedWorld
    var report: Report
    let nodes: Int
    var raws: [RawPeer] = []
    var words: HostileMessages
    /// Preimages of invoices that raw peers made.
    var preimages: [PaymentHash: PaymentPreimage] = [:]
    /// Strangers who have not gone yet.
    var guests: [RawConnection] = []
    /// Payments that raw peers have offered.
    var offered: [RawPayment] = []
    private let shape: Topology.Shape
    private var channels = 0
    /// What each node had in its channels when they were opened.
    private var opening: [MilliSatoshi] = []
    private var stopped: Int?

    /// Lives through one history; throws what must not happen.
    public static func run(
        seed: UInt64, actions: Int = 40, faults: Faults = .network, checkInterval: Int = 1
    ) throws(InvariantViolation) -> Report {
        var history = HostileHistory(seed: seed, checkInterval: checkInterval)
        try history.live(actions: actions, faults: faults)
        return history.report
    }

    private init(seed: UInt64, checkInterval: Int) {
        nodes = 2 + Int(seed % 3)
        shape = Topology.Shape.allCases[Int(seed / 3 % UInt64(Topology.Shape.allCases.count))]
        var configuration = NodeConfiguration()
        configuration.gossip.flushInterval = .milliseconds(1000)
        configuration.connections.strangers = 12
        configuration.connections.handshaking = 12
        world = SimulatedWorld(seed: seed, names: (0..<nodes).map { "n\($0)" }, configuration: configuration)
        world.checkInterval = checkInterval
        words = HostileMessages(chain: configuration.network.chainHash)
        report = Report(seed: seed)
    }

    private mutating func live(actions: Int, faults: Faults) throws(InvariantViolation) {
        var random = SeededRandom(seed: world.seed ^ 0x686f_7374)
        let topology = Topology(shape, nodes: nodes, using: &random)
        channels = topology.channels.count
        try world.build(
            topology, capacity: { _ in Satoshi(2_000_000) }, push: { _ in MilliSatoshi(800_000_000) })
        for number in 0...1 {
            let node = number == 0 ? nodes - 1 : world.draw(0...nodes - 1)
            guard let connection = try world.dial(node, as: RawPeer.secret(number)) else { throw world.violation("nobody answers") }
            let keys = ChannelKeys(seed: Hash.tagged("raw channel", Array("\(world.seed)/\(number)".utf8)))
            guard let raw = try world.openChannel(to: connection, keys: keys, push: MilliSatoshi(400_000_000)) else {
                throw world.violation("a raw peer's channel was not opened")
            }
            raws.append(RawPeer(number: number, raw: raw))
        }
        try world.pass(2)
        opening = world.nodes.map { Self.inChannels($0) }
        learnNames()
        world.faults = faults
        for _ in 0..<actions { try act() }
        try heal()
        try check()
        try payEachOther()
        report.restarts = world.nodes.reduce(0) { $0 + $1.restarts }
        report.deliveries = world.deliveries
    }

    private static func inChannels(_ node: SimulatedWorld.Node) -> MilliSatoshi {
        node.core!.channels.values.reduce(.zero) { $0 + $1.commitments.toLocal }
    }

    /// What adversaries know of the network.
    private mutating func learnNames() {
        for node in world.nodes {
            for channel in node.core!.channels.values.sorted(by: { $0.id < $1.id }) {
                if !words.channels.contains(channel.id) { words.channels.append(channel.id) }
                words.shortIDs += [channel.parameters.localAlias, channel.remoteAlias, channel.shortChannelID].compactMap { $0 }
            }
            words.nodes.append(node.nodeID)
        }
    }

    // MARK: Living

    private mutating func act() throws(InvariantViolation) {
        switch world.draw(0...23) {
        case 0...4: try payHonestly()
        case 5...6: try payRawPeer()
        case 7: try world.mine(1)
        case 8: world.disconnect(world.draw(0...nodes - 1))
        case 9: world.kill(world.draw(0...nodes - 1))
        case 10:
            // Somebody is away while others answer.
            if let node = stopped {
                world.resume(node)
                stopped = nil
            } else {
                stopped = world.draw(0...nodes - 1)
                world.stop(stopped!)
            }
        default: try attack()
        }
        try world.pass(1, interval: .milliseconds(world.draw(Int64(0)...3000)))
        for index in raws.indices { try listen(index) }
    }

    private mutating func invoice(_ node: Int) throws(InvariantViolation) -> Invoice? {
        guard
            case .invoice(let record)? = try world.ask(
                node, .createInvoice(amount: MilliSatoshi(world.draw(1000...20_000_000)), .text("simulated"), expiry: .seconds(86_400)))
        else { return nil }
        words.hashes.append(record.invoice.paymentHash)
        return record.invoice
    }

    private mutating func payHonestly() throws(InvariantViolation) {
        let payer = world.draw(0...nodes - 1)
        guard let invoice = try invoice((payer + world.draw(1...nodes - 1)) % nodes) else { return }
        try world.command(payer, .pay(invoice, amount: nil))
    }

    /// An honest node pays an invoice of an adversary.
    private mutating func payRawPeer() throws(InvariantViolation) {
        let peer = raws[world.draw(0...raws.count - 1)]
        guard let alias = peer.raw.channel.remoteAlias else { return }
        let preimage = PaymentPreimage(Hash.tagged("raw preimage", Array("\(world.draw(UInt64(0)...UInt64.max))".utf8)))
        let hint = RoutingHint(
            nodeID: world.nodes[peer.raw.connection.node].nodeID, shortChannelID: alias, feeBase: MilliSatoshi(1000),
            feeProportionalMillionths: 1000, cltvExpiryDelta: 144)
        let invoice = Invoice(
            network: .regtest, amount: MilliSatoshi(world.draw(1000...20_000_000)), timestamp: world.now.wholeSecond,
            paymentHash: preimage.paymentHash, paymentSecret: Hash.sha256([1]), details: .text("raw"), expiry: .seconds(86_400),
            minFinalCLTVExpiryDelta: 18, features: FeatureBits(optional: [.basicMPP], compulsory: [.varOnionOptin, .paymentSecret]),
            routingHints: [[hint]], nodeSecret: peer.secret)
        preimages[preimage.paymentHash] = preimage
        words.hashes.append(preimage.paymentHash)
        try world.command(world.draw(0...nodes - 1), .pay(invoice, amount: nil))
    }

    // MARK: The end

    /// The payments that layer 1 has to decide: their HTLCs are in a channel that an adversary broke.
    private var undecided: Set<PaymentHash> {
        var hashes: Set<PaymentHash> = []
        for peer in raws {
            guard let channel = world.nodes[peer.raw.connection.node].core?.channels[peer.raw.channel.id] else { continue }
            // A peer that keeps the rules can always come back, and gives back what it holds.
            guard !channel.isOpen || peer.raw.isIrregular && channel.connection != .established else { continue }
            hashes.formUnion(channel.commitments.htlcs.values.map(\.paymentHash))
        }
        return hashes
    }

    private func isHonest(_ channel: PaymentChannel) -> Bool {
        world.nodes.contains { $0.nodeID == channel.parameters.remoteNodeID }
    }

    private var isAtRest: Bool {
        let undecided = undecided
        for peer in raws where !peer.raw.isIrregular {
            let channel = world.nodes[peer.raw.connection.node].core?.channels[peer.raw.channel.id]
            guard channel?.isOpen != true || channel?.connection == .established else { return false }
        }
        return world.nodes.allSatisfy { node in
            guard let core = node.core else { return false }
            return core.pendingPayments.allSatisfy { undecided.contains($0) }
                && core.circuits.pending.allSatisfy { undecided.contains($0.incoming.paymentHash) }
                && core.channels.values.allSatisfy { channel in
                    channel.commitments.htlcs.values.allSatisfy { undecided.contains($0.paymentHash) }
                        && (!isHonest(channel) || channel.connection == .established)
                }
        }
    }

    /// No more faults and no more attacks: the adversaries give back what they hold, where they still can, and everything comes to rest.
    private mutating func heal() throws(InvariantViolation) {
        world.faults = .none
        if let stopped { world.resume(stopped) }
        try world.pass(5)
        for round in 0..<40 where round == 0 || !isAtRest {
            for index in raws.indices { try giveBack(index) }
            try world.pass(3)
        }
        guard isAtRest else {
            let undecided = undecided
            let stuck = world.nodes.map { node in
                let core = node.core
                let htlcs = core?.channels.values.flatMap { channel in
                    channel.commitments.orderedHTLCs.filter { !undecided.contains($0.paymentHash) }
                        .map { "\($0.id) \($0.state) \($0.paymentHash.hex.prefix(8)) in \(channel.stateName) \(channel.connection)" }
                }
                return "\(node.name): \(core?.pendingPayments.count ?? -1) payments, \(core?.circuits.pending.count ?? -1) forwards, "
                    + "HTLCs \(htlcs ?? [])"
            }
            let channels = raws.map { peer in
                let channel = world.nodes[peer.raw.connection.node].core?.channels[peer.raw.channel.id]
                return
                    "\(channel?.stateName ?? "no channel") \(channel?.connection ?? .disconnected), on the other side \(peer.raw.channel.stateName)"
            }
            throw world.violation("the network does not come to rest: \(stuck); channels of adversaries: \(channels)")
        }
        for peer in raws { try world.hangUp(peer.raw.connection) }
        for guest in guests { try world.hangUp(guest) }
        // Sockets that never said anything are given up.
        try world.pass(20)
    }

    /// Everybody honest has what it should have and believes what is so, and nothing of the attack is left.
    private mutating func check() throws(InvariantViolation) {
        for node in world.nodes {
            for channel in node.core!.channels.values where isHonest(channel) && !channel.isOpen {
                throw world.violation("an attack closed a channel of \(node.name) with an honest node: \(channel.stateName)")
            }
            if let what = node.core!.difference(from: node.store) { throw world.violation("the store of \(node.name) differs in \(what)") }
            let graph = node.core!.gossip.graph
            guard graph.channelCount == channels, graph.nodeCount == nodes else {
                throw world.violation("\(node.name) believes in \(graph.nodeCount) nodes with \(graph.channelCount) channels")
            }
        }
        try world.checkNetwork()
        try checkMoney()
        try checkRoom()
    }

    private mutating func checkMoney() throws(InvariantViolation) {
        var expected = opening.map { Int64($0.value) }
        for (index, node) in world.nodes.enumerated() {
            for record in node.invoices.values {
                if case .paid(_, let amount) = record.status { expected[index] += Int64(amount.value) }
            }
            expected[index] += Int64(node.core!.circuits.totals.fees.value)
            for (hash, payment) in node.payments {
                report.payments += 1
                switch payment.status {
                case .pending: report.stuck += 1
                case .failed: report.failed += 1
                case .succeeded(let preimage, _):
                    report.succeeded += 1
                    guard preimage.paymentHash == hash else { throw world.violation("a payment without a proof") }
                    guard payment.fee <= payment.maxFee else { throw world.violation("a payment cost more than allowed") }
                    expected[index] -= Int64((payment.amount + payment.fee).value)
                }
            }
        }
        for (index, node) in world.nodes.enumerated() {
            // What is in a channel that an adversary broke is for layer 1 to give: either side's HTLCs may end either way.
            var open: (gain: Int64, loss: Int64) = (0, 0)
            for channel in node.core!.channels.values where !isHonest(channel) {
                for htlc in channel.commitments.htlcs.values {
                    if htlc.state.isOfferedByLocal { open.loss += Int64(htlc.amount.value) } else { open.gain += Int64(htlc.amount.value) }
                }
                if !channel.isOpen { report.broken += 1 }
            }
            let has = Int64(Self.inChannels(node).value)
            guard (expected[index] - open.gain...expected[index] + open.loss).contains(has) else {
                throw world.violation("\(node.name) has \(has) msat and should have \(expected[index]), with \(open) undecided")
            }
        }
    }

    /// Nothing of what strangers brought is kept once they are gone.
    private func checkRoom() throws(InvariantViolation) {
        for node in world.nodes {
            let core = node.core!
            let honest = Set(world.nodes.map(\.nodeID))
            if let stranger = core.peerSummaries.first(where: { !honest.contains($0.nodeID) }) {
                throw world.violation("\(node.name) still talks to \(stranger.nodeID)")
            }
            let received = node.invoices.values.count { if case .paid = $0.status { true } else { false } }
            for (what, count, most) in core.occupancy(payments: report.payments + offered.count, received: received) where count > most {
                throw world.violation("\(node.name) keeps \(count) \(what), at most \(most) would do")
            }
        }
    }

    /// After all this, neighbours can still pay each other.
    private mutating func payEachOther() throws(InvariantViolation) {
        for payer in 0..<nodes {
            for channel in world.nodes[payer].core!.channels.values.sorted(by: { $0.id < $1.id }) where channel.spendable.value > 5_000_000
            {
                guard let payee = world.nodes.firstIndex(where: { $0.nodeID == channel.parameters.remoteNodeID }) else { continue }
                guard
                    case .invoice(let record)? = try world.ask(
                        payee, .createInvoice(amount: MilliSatoshi(1_000_000), .text("after all"), expiry: .seconds(86_400)))
                else { throw world.violation("no invoice after all") }
                let request = try world.command(payer, .pay(record.invoice, amount: nil))
                for _ in 0..<20 where world.nodes[payer].answers[request] == nil { try world.pass(1) }
                guard case .success? = world.nodes[payer].answers[request] else {
                    throw world.violation(
                        "\(world.nodes[payer].name) cannot pay \(world.nodes[payee].name): "
                            + "\(String(describing: world.nodes[payer].answers[request]))")
                }
            }
        }
    }
}
