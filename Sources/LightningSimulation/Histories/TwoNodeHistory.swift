import BitcoinLedger
public import BitcoinPrimitives
import CryptoPrimitives
import LightningChain
import LightningChannel
import LightningCore
import LightningInvoice
import LightningPayment
import LightningWire

/// A random life of one channel between two nodes, with faults, and everything that must hold of it.
public struct TwoNodeHistory {
    public enum Ending: String, Sendable, CaseIterable { case mutual, force, breach }

    /// What a history came to.
    public struct Report: Sendable {
        public var seed: UInt64
        public var ending: Ending
        public var payments = 0
        public var succeeded = 0
        public var failed = 0
        public var restarts = 0
        public var deliveries = 0
        public var blocks: [Block] = []
        /// What it was, to be compared with what it was before a change.
        package var fingerprint: WorldFingerprint?
    }

    private var world: SimulatedWorld
    private var report: Report
    private var channel: ChannelID?
    private var paymentsBefore: [PaymentHash: MilliSatoshi] = [:]

    /// Lives through one history; throws what must not happen.
    public static func run(
        seed: UInt64, actions: Int = 20, faults: Faults = .rough, checkInterval: Int = 1
    ) throws(InvariantViolation) -> Report {
        var history = TwoNodeHistory(seed: seed, faults: faults, checkInterval: checkInterval)
        try history.live(actions: actions, faults: faults)
        return history.report
    }

    private init(seed: UInt64, faults: Faults, checkInterval: Int) {
        var configuration = NodeConfiguration()
        if seed % 4 == 0 { configuration.policy.channelType = .staticRemoteKey }
        world = SimulatedWorld(seed: seed, names: ["alice", "bob"], configuration: configuration)
        world.checkInterval = checkInterval
        report = Report(seed: seed, ending: Ending.allCases[Int(seed / 4 % 3)])
    }

    private mutating func live(actions: Int, faults: Faults) throws(InvariantViolation) {
        try world.fund(0)
        world.faults = faults
        world.join(0, 1)
        try openChannel()
        var stale: (node: Int, Transaction)?
        for number in 0..<actions {
            try act()
            if number == actions / 3, report.ending == .breach, let channel {
                let cheater = world.draw(0...1)
                if let old = world.signedCommitment(cheater, channel) { stale = (cheater, old) }
            }
        }
        try heal()
        try checkPayments()
        try end(stale)
        report.restarts = world.nodes.reduce(0) { $0 + $1.restarts }
        report.deliveries = world.deliveries
        report.blocks = world.minedBlocks
        report.fingerprint = world.fingerprint
    }

    // MARK: Opening

    private mutating func openChannel() throws(InvariantViolation) {
        for _ in 0..<200 {
            try world.run(limit: .milliseconds(2000))
            if let id = world.nodes[0].core?.channels.keys.first {
                channel = id
                break
            }
            guard world.isConnected(0, 1) else { continue }
            let push = MilliSatoshi(world.draw(UInt64(0)...400_000) * 1000)
            _ = try world.command(
                0, .openChannel(world.nodes[1].nodeID, amount: Satoshi(1_000_000), push: push, feeRate: nil))
        }
        guard let channel else { throw world.violation("no channel could be opened") }
        for _ in 0..<400 {
            try world.run(limit: .milliseconds(2000))
            if world.nodes.allSatisfy({ $0.core?.channels[channel]?.isOpen == true }) { return }
            try world.mine(1)
        }
        throw world.violation("the channel never became usable")
    }

    // MARK: Living

    private mutating func act() throws(InvariantViolation) {
        guard let channel else { return }
        switch world.draw(0...11) {
        case 0...6:
            for _ in 0..<world.draw(1...4) { try pay() }
        case 7: try world.mine(world.draw(1...2))
        case 8: world.disconnect(0)
        case 9: world.kill(world.draw(0...1))
        case 10:
            if world.draw(0...1) == 0 {
                try world.moveFeeRates()
            } else {
                let rate = FeeRate(perKiloweight: world.draw(UInt32(253)...3000))
                try world.command(0, .setFeeRate(channel, rate))
            }
        default:
            // An invoice that cannot be paid: its secret is wrong.
            try payWrongly()
        }
        try world.run(limit: .milliseconds(world.draw(Int64(0)...1500)))
    }

    private mutating func pay() throws(InvariantViolation) {
        let payer = world.draw(0...1)
        let msat: UInt64 = world.draw(0...1) == 0 ? world.draw(1...300_000) : world.draw(300_000...60_000_000)
        report.payments += 1
        if world.draw(0...3) == 0 {
            try world.command(payer, .keysend(world.nodes[1 - payer].nodeID, amount: MilliSatoshi(msat)))
            return
        }
        guard
            case .invoice(let record)? = try world.ask(
                1 - payer, .createInvoice(amount: MilliSatoshi(msat), .text("simulated"), expiry: .seconds(86_400)))
        else { return }
        try world.command(payer, .pay(record.invoice, amount: nil))
    }

    private mutating func payWrongly() throws(InvariantViolation) {
        guard
            case .invoice(let record)? = try world.ask(
                1, .createInvoice(amount: MilliSatoshi(5_000_000), .text("wrong secret"), expiry: .seconds(86_400)))
        else { return }
        var invoice = record.invoice
        invoice.paymentSecret = invoice.paymentSecret.map { Hash.sha256($0) }
        report.payments += 1
        try world.command(0, .pay(invoice, amount: nil))
    }

    /// No more faults: everything comes to rest.
    private mutating func heal() throws(InvariantViolation) {
        world.faults = .none
        try world.calmFeeRates()
        for _ in 0..<20 {
            try world.run(limit: .milliseconds(5000))
            if world.isQuiet && world.isConnected(0, 1) { break }
        }
        guard world.isQuiet, world.isConnected(0, 1) else { throw world.violation("the world does not come to rest") }
        guard let channel, world.nodes.allSatisfy({ $0.core?.channels[channel]?.isOpen == true }) else {
            let states = world.nodes.map { $0.core?.channels.values.first?.stateName ?? "none" }
            let notes = world.nodes.flatMap(\.events).compactMap { event -> String? in
                if case .note(let text) = event { return text }
                return nil
            }
            throw world.violation("faults alone closed the channel: \(states), \(notes.suffix(3))")
        }
        try world.checkAgreement(0, 1)
        let left = world.nodes[0].core!.channels[channel]!.commitments.htlcs.count
        guard left == 0 else { throw world.violation("\(left) HTLCs are stuck") }
    }

    /// Every payment has ended, and both sides tell the same of it.
    private mutating func checkPayments() throws(InvariantViolation) {
        for payer in 0...1 {
            let received = world.nodes[1 - payer].invoices
            for (hash, payment) in world.nodes[payer].payments {
                let isPaid: Bool
                if case .paid(_, let amount) = received[hash]?.status {
                    isPaid = true
                    guard amount == payment.amount else { throw world.violation("another amount arrived") }
                } else {
                    isPaid = false
                }
                switch payment.status {
                case .pending: throw world.violation("payment \(hash) is pending for ever")
                case .succeeded(let preimage, _):
                    report.succeeded += 1
                    guard preimage.paymentHash == hash, isPaid else {
                        throw world.violation("a payment succeeded that nobody received")
                    }
                case .failed:
                    report.failed += 1
                    if isPaid { throw world.violation("a payment failed that was received") }
                }
            }
        }
    }

    // MARK: Ending

    private func onChain(_ index: Int) -> Satoshi {
        let balance = world.nodes[index].core!.wallet.balance(height: world.ledger.height)
        return balance.confirmed + balance.unconfirmed + balance.immature
    }

    private mutating func end(_ stale: (node: Int, Transaction)?) throws(InvariantViolation) {
        guard let channel else { return }
        let before = [onChain(0), onChain(1)]
        let state = world.nodes[0].core!.channels[channel]!.commitments
        let owned = [state.toLocal.roundedDown, state.toRemote.roundedDown]
        let revoked = stale.flatMap { node, old in
            world.signedCommitment(node, channel)?.id == old.id ? nil : (node, old)
        }
        if report.ending == .breach, let (cheater, old) = revoked {
            do { try world.publish(old) } catch { throw world.violation("a revoked commitment is not even valid: \(error)") }
            try settle(channel)
            let victim = 1 - cheater
            let gained = onChain(victim).value - before[victim].value
            // Everything but fees, anchors and what was trimmed.
            guard gained + 30_000 >= 1_000_000 else {
                throw world.violation("the victim of a breach got \(gained) of 1000000")
            }
            return
        }
        let closer = world.draw(0...1)
        try world.command(closer, report.ending == .mutual ? .closeChannel(channel, to: nil) : .forceCloseChannel(channel))
        try world.run(limit: .milliseconds(10_000))
        try settle(channel)
        for index in 0...1 {
            let gained = onChain(index).value - before[index].value
            let dust = report.ending == .mutual ? UInt64(600) : 900
            // What fees and dust may cost: the opener pays those of the closing transaction.
            guard gained <= owned[index].value, gained + 25_000 + dust >= owned[index].value else {
                throw world.violation("\(world.nodes[index].name) owned \(owned[index]) and got \(gained)")
            }
            if report.ending == .mutual, index == 1, owned[1] >= Satoshi(546), gained != owned[1].value {
                throw world.violation("the fundee owned \(owned[1]) and got \(gained)")
            }
        }
    }

    /// Mines until both sides count the channel as closed.
    private mutating func settle(_ channel: ChannelID) throws(InvariantViolation) {
        for _ in 0..<60 {
            try world.mine(10)
            try world.run(limit: .milliseconds(1000))
            if world.nodes.allSatisfy({ $0.core?.channels[channel]?.isClosed ?? false }) { return }
        }
        let states = world.nodes.map { "\($0.core?.channels[channel]?.stateName as Any)" }
        throw world.violation("the channel never closed: \(states)")
    }
}
