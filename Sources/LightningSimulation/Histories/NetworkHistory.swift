public import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningCore
import LightningInvoice
import LightningPayment
import LightningRouting
public import LightningWire

/// A random life of a network of nodes that pay each other over several hops, with faults, and everything that must hold of it.
public struct NetworkHistory {
    /// What a history came to.
    public struct Report: Sendable {
        public var seed: UInt64
        public var nodes = 0
        public var channels = 0
        public var payments = 0
        public var succeeded = 0
        public var failed = 0
        /// HTLCs that were sent for payments, and the most that one payment had at once.
        public var attempts = 0
        public var mostParts = 0
        public var forwards: UInt64 = 0
        public var fees = MilliSatoshi.zero
        public var restarts = 0
        public var deliveries = 0
        /// Why payments failed, in words.
        public var failures: [String: Int] = [:]
        public var blocks: [Block] = []
        /// What it was, to be compared with what it was before a change.
        package var fingerprint: WorldFingerprint?
    }

    private var world: SimulatedWorld
    private var report: Report
    private let shape: Topology.Shape
    private let nodes: Int
    private var channels = 0
    /// What each node had in its channels when they were opened.
    private var opening: [MilliSatoshi] = []
    private var held: [(node: Int, preimage: PaymentPreimage)] = []

    /// Lives through one history; throws what must not happen.
    ///
    /// - Parameters:
    ///   - nodes: at least two; `nil` for five to nine, by the seed.
    ///   - shape: `nil` for any, by the seed.
    public static func run(
        seed: UInt64, nodes: Int? = nil, shape: Topology.Shape? = nil, actions: Int = 30, faults: Faults = .network, checkInterval: Int = 1
    ) throws(InvariantViolation) -> Report {
        var history = NetworkHistory(seed: seed, nodes: nodes, shape: shape, checkInterval: checkInterval)
        try history.live(actions: actions, faults: faults)
        return history.report
    }

    private init(seed: UInt64, nodes: Int?, shape: Topology.Shape?, checkInterval: Int) {
        self.nodes = nodes ?? 5 + Int(seed % 5)
        self.shape = shape ?? Topology.Shape.allCases[Int(seed / 5 % UInt64(Topology.Shape.allCases.count))]
        var configuration = NodeConfiguration()
        configuration.gossip.flushInterval = .milliseconds(1000)
        world = SimulatedWorld(seed: seed, names: (0..<self.nodes).map { "n\($0)" }, configuration: configuration)
        world.checkInterval = checkInterval
        report = Report(seed: seed)
    }

    private mutating func live(actions: Int, faults: Faults) throws(InvariantViolation) {
        var random = SeededRandom(seed: world.seed ^ 0x6e65_7477)
        let topology = Topology(shape, nodes: nodes, using: &random)
        channels = topology.channels.count
        let capacities = topology.channels.map { _ in Satoshi(UInt64.random(in: 200_000...3_000_000, using: &random)) }
        let shares = topology.channels.map { _ in UInt64.random(in: 10...60, using: &random) }
        try world.build(
            topology, capacity: { capacities[$0] }, push: { MilliSatoshi(capacities[$0].value * 10 * shares[$0]) })
        opening = world.nodes.map { Self.inChannels($0) }
        world.faults = faults
        for _ in 0..<actions { try act() }
        try heal()
        try check()
        report.nodes = nodes
        report.channels = channels
        report.restarts = world.nodes.reduce(0) { $0 + $1.restarts }
        report.deliveries = world.deliveries
        report.blocks = world.minedBlocks
        report.fingerprint = world.fingerprint
    }

    private static func inChannels(_ node: SimulatedWorld.Node) -> MilliSatoshi {
        node.core!.channels.values.reduce(.zero) { $0 + $1.commitments.toLocal }
    }

    // MARK: Living

    private mutating func act() throws(InvariantViolation) {
        switch world.draw(0...18) {
        case 0...7: for _ in 0..<world.draw(1...4) { try pay() }
        case 8: try keysend()
        case 9: try world.mine(world.draw(1...2))
        case 10: world.disconnect(world.draw(0...nodes - 1))
        case 11: world.kill(world.draw(0...nodes - 1))
        case 12: try payWrongly()
        case 13: try hold()
        case 14: try release()
        case 15: try world.lie(to: world.draw(0...nodes - 1), times: 4)
        case 16: try changeTerms()
        default: try world.moveFeeRates()
        }
        try world.pass(1, interval: .milliseconds(world.draw(Int64(0)...3000)))
    }

    private mutating func pair() -> (payer: Int, payee: Int) {
        let payer = world.draw(0...nodes - 1)
        return (payer, (payer + world.draw(1...nodes - 1)) % nodes)
    }

    private mutating func amount() -> UInt64 {
        switch world.draw(0...3) {
        case 0: world.draw(1...300_000)
        case 1: world.draw(300_000...30_000_000)
        default: world.draw(30_000_000...900_000_000)
        }
    }

    private mutating func invoice(_ node: Int, _ msat: UInt64) throws(InvariantViolation) -> Invoice? {
        guard
            case .invoice(let record)? = try world.ask(
                node, .createInvoice(amount: MilliSatoshi(msat), .text("simulated"), expiry: .seconds(86_400), blindedHops: blindedHops()))
        else { return nil }
        return record.invoice
    }

    /// Every third payee hides.
    private mutating func blindedHops() -> Int { world.draw(0...2) == 0 ? world.draw(1...3) : 0 }

    private mutating func pay() throws(InvariantViolation) {
        let (payer, payee) = pair()
        guard let invoice = try invoice(payee, amount()) else { return }
        try world.command(payer, .pay(invoice, amount: nil, limits()))
    }

    private mutating func limits() -> PaymentLimits {
        var limits = PaymentLimits()
        limits.maxParts = world.draw(1...8)
        limits.timeout = .milliseconds(world.draw(Int64(1000)...60_000))
        if world.draw(0...4) == 0 { limits.maxFee = MilliSatoshi(world.draw(0...10_000)) }
        return limits
    }

    private mutating func keysend() throws(InvariantViolation) {
        let (payer, payee) = pair()
        let records: [UInt64: [UInt8]] = world.draw(0...1) == 0 ? [:] : [65_537: [1, 2, 3]]
        try world.command(
            payer, .keysend(world.nodes[payee].nodeID, amount: MilliSatoshi(amount()), limits(), customRecords: records))
    }

    private mutating func payWrongly() throws(InvariantViolation) {
        let (payer, payee) = pair()
        guard var wrong = try invoice(payee, 5_000_000) else { return }
        if let secret = wrong.paymentSecret {
            wrong.paymentSecret = Hash.sha256(secret)
        } else {
            // A blinded path of one invoice does not pay another.
            guard let other = try invoice(payee, 5_000_000) else { return }
            wrong.paymentHash = other.paymentHash
        }
        try world.command(payer, .pay(wrong, amount: nil))
    }

    private mutating func hold() throws(InvariantViolation) {
        let (payer, payee) = pair()
        let preimage = PaymentPreimage(Hash.tagged("hold", Array("\(world.seed)/\(world.draw(UInt64(0)...UInt64.max))".utf8)))
        guard
            case .invoice(let record)? = try world.ask(
                payee,
                .createHoldInvoice(
                    preimage.paymentHash, amount: MilliSatoshi(amount()), .text("held"), expiry: .seconds(86_400),
                    blindedHops: blindedHops()))
        else { return }
        held.append((payee, preimage))
        try world.command(payer, .pay(record.invoice, amount: nil, limits()))
    }

    private mutating func release() throws(InvariantViolation) {
        guard let (node, preimage) = held.popLast() else { return }
        try world.command(node, world.draw(0...1) == 0 ? .settle(preimage.paymentHash, preimage) : .cancel(preimage.paymentHash))
    }

    private mutating func changeTerms() throws(InvariantViolation) {
        let node = world.draw(0...nodes - 1)
        guard let id = world.nodes[node].core?.channels.keys.sorted().randomElement(using: &world.random) else { return }
        var policy = ForwardingPolicy()
        policy.feeBase = world.draw(0...2000)
        policy.feeProportionalMillionths = world.draw(0...2000)
        policy.cltvExpiryDelta = world.draw(ForwardingPolicy.minimumDelta...144)
        if world.draw(0...2) == 0 { policy.htlcMaximum = MilliSatoshi(world.draw(50_000_000...500_000_000)) }
        try world.command(node, .setForwardingPolicy(id, policy))
    }

    // MARK: The end

    private var isAtRest: Bool {
        world.nodes.allSatisfy { node in
            guard let core = node.core else { return false }
            return core.pendingPayments.isEmpty && core.circuits.pending.isEmpty
                && core.channels.values.allSatisfy { $0.commitments.htlcs.isEmpty && $0.connection == .established }
        }
    }

    /// No more faults: everything comes to rest.
    private mutating func heal() throws(InvariantViolation) {
        world.faults = .none
        try world.calmFeeRates()
        try world.pass(5)
        // Also what was to be released while its node was down.
        for (index, node) in world.nodes.enumerated() {
            for (hash, record) in (node.core?.invoices ?? [:]).sorted(by: { $0.key < $1.key }) where record.isHold {
                try world.command(index, .cancel(hash))
            }
        }
        for _ in 0..<60 where !isAtRest { try world.pass(5) }
        guard isAtRest else {
            let stuck = world.nodes.map { node in
                let core = node.core
                let htlcs = core?.channels.values.flatMap { channel in
                    channel.commitments.orderedHTLCs.map { "\($0.id) \($0.state) \($0.paymentHash.hex.prefix(8)) in \(channel.stateName)" }
                }
                return "\(node.name): \(core?.pendingPayments.count ?? -1) payments, \(core?.circuits.pending.count ?? -1) forwards, "
                    + "HTLCs \(htlcs ?? [])"
            }
            throw world.violation("the network does not come to rest: \(stuck)")
        }
        for node in world.nodes {
            for channel in node.core!.channels.values where !channel.isOpen {
                throw world.violation("faults alone closed a channel of \(node.name): \(channel.stateName)")
            }
        }
        try world.checkNetwork()
        // Nobody believes what is not so.
        for node in world.nodes {
            let graph = node.core!.gossip.graph
            guard node.core!.gossip.blacklist.isEmpty, graph.channelCount == channels, graph.nodeCount == nodes else {
                throw world.violation(
                    "\(node.name) believes in \(graph.nodeCount) nodes with \(graph.channelCount) channels, of \(nodes) with \(channels)")
            }
        }
    }

    /// Every payment has ended, both ends tell the same of it, and every node has to the thousandth what it should have.
    private mutating func check() throws(InvariantViolation) {
        var expected = opening.map { Int64($0.value) }
        var settled: [PaymentHash: (node: Int, amount: MilliSatoshi)] = [:]
        for (index, node) in world.nodes.enumerated() {
            for (hash, record) in node.invoices {
                guard case .paid(_, let amount) = record.status else { continue }
                settled[hash] = (index, amount)
                expected[index] += Int64(amount.value)
            }
            let totals = node.core!.circuits.totals
            report.forwards += totals.forwards
            report.fees += totals.fees
            expected[index] += Int64(totals.fees.value)
        }
        for (index, node) in world.nodes.enumerated() {
            for (hash, payment) in node.payments {
                report.payments += 1
                report.attempts += payment.attempts.count
                switch payment.status {
                case .pending: throw world.violation("payment \(hash) is pending for ever")
                case .succeeded(let preimage, _):
                    report.succeeded += 1
                    guard payment.isOver else { throw world.violation("payment \(hash) succeeded, and is never settled") }
                    report.mostParts = max(report.mostParts, payment.paidRoutes.count)
                    guard preimage.paymentHash == hash, let (_, amount) = settled[hash] else {
                        throw world.violation("a payment succeeded that nobody received")
                    }
                    // A blinded path's terms are whole millionths, rounded up at each of its nodes: what is too much reaches the payee.
                    let rounding =
                        payment.blindedPaths.isEmpty
                        ? 0 : 4 * (payment.amount.value / 1_000_000) + 10 * UInt64(payment.attempts.count)
                    guard amount >= payment.amount, amount.value - payment.amount.value <= rounding else {
                        throw world.violation("\(payment.amount) was sent, \(amount) arrived")
                    }
                    guard payment.fee <= payment.maxFee else { throw world.violation("a payment cost more than allowed") }
                    expected[index] -= Int64((payment.amount + payment.fee).value)
                case .failed(let why, _):
                    report.failed += 1
                    report.failures[why.withoutNumbers, default: 0] += 1
                    if settled[hash] != nil { throw world.violation("a payment failed that was received: \(why)") }
                }
            }
        }
        for (index, node) in world.nodes.enumerated() {
            let has = Int64(Self.inChannels(node).value)
            guard has == expected[index] else {
                throw world.violation("\(node.name) has \(has) msat and should have \(expected[index])")
            }
        }
    }
}

extension Faults {
    /// What a network has to bear: every node of it fails now and then.
    public static let network: Faults = {
        var faults = Faults()
        faults.disconnect = 4
        faults.crashBeforeCommit = 3
        faults.crashAfterCommit = 3
        return faults
    }()
}
