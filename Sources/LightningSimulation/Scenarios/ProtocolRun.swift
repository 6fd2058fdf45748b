import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import LightningChain
import LightningChannel
import LightningCore
import LightningInvoice
import LightningPayment
import LightningRouting
import LightningTransactions
import LightningWire

/// Why a scenario gave no report.
public enum ScenarioFailure: Error, Sendable, CustomStringConvertible {
    /// It cannot be run.
    case impossible(ScenarioProblem)
    /// What must never happen did: an error of this software. The seed replays it.
    case violation(InvariantViolation)

    public var description: String {
        switch self {
        case .impossible(let problem): problem.description
        case .violation(let violation): "VIOLATION: \(violation)"
        }
    }
}

/// A scenario on production nodes: every payment is an invoice, onions, commitments and revocations, as between real nodes.
public struct ProtocolRun {
    let scenario: Scenario
    var world: SimulatedWorld
    private var workload: Workload
    var measured: Measurements
    private(set) var ids: [ChannelID] = []
    private(set) var channelNumbers: [ChannelID: Int] = [:]
    private let checkers: [ScenarioChecker]
    /// What adversaries of the scenario have, and which blocks there are.
    var adversaries = ProtocolAdversaries()
    private var nodeNumbers: [NodeID: Int] = [:]
    /// When the scenario begins in the world.
    private(set) var start = Timestamp.zero
    private var random: SeededRandom
    /// Payments under way, by their hashes.
    private var payments: [PaymentHash: (number: Int, payer: Int, request: RequestID)] = [:]
    private var streams: [StreamKey: Int] = [:]
    /// Streams that wait until their payer is there.
    private var waiting: [Int] = []
    private var lastBalances: [UInt64]

    private struct StreamKey: Hashable {
        var node: Int
        var stream: UInt64
    }

    /// Runs a scenario to its end.
    ///
    /// - Parameters:
    ///   - until: the moment at which it ends, where that is before the scenario does.
    ///   - checkers: what must hold beside what always must.
    ///   - progress: hears which part of the time has passed, 0 to 1; where it says no, the run ends and what was measured so far is the
    ///     report.
    public static func run(
        _ scenario: Scenario, until: Duration? = nil, checkers: [ScenarioChecker] = [], progress: (Double) -> Bool = { _ in true }
    ) throws(ScenarioFailure) -> ScenarioReport {
        do throws(ScenarioProblem) { try scenario.check() } catch { throw .impossible(error) }
        do throws(InvariantViolation) {
            var run = ProtocolRun(scenario, checkers)
            try run.build()
            return try run.live(until, progress)
        } catch { throw .violation(error) }
    }

    private init(_ scenario: Scenario, _ checkers: [ScenarioChecker]) {
        self.scenario = scenario
        self.checkers = checkers
        var configuration = NodeConfiguration()
        configuration.gossip.flushInterval = .milliseconds(1000)
        world = SimulatedWorld(seed: scenario.seed, names: scenario.nodes, configuration: configuration)
        // Whether each store rebuilds its node is for the tests: it takes longer than all else.
        world.checkInterval = .max
        workload = Workload(scenario)
        measured = Measurements(scenario)
        random = SeededRandom(seed: scenario.seed ^ 0x7363_656e_6172_696f)
        lastBalances = scenario.channels.map { ($0.capacity.value * 1000 - $0.pushed.value) / 1000 }
    }

    // MARK: The network

    private mutating func build() throws(InvariantViolation) {
        let channels = scenario.channels
        let topology = Topology(nodes: scenario.nodes.count, channels: channels.map { ($0.from, $0.to) })
        ids = try world.build(topology, capacity: { channels[$0].capacity }, push: { channels[$0].pushed })
        for (number, id) in ids.enumerated() { channelNumbers[id] = number }
        for (number, node) in world.nodes.enumerated() { nodeNumbers[node.nodeID] = number }
        try setTerms()
        try prepareAdversaries()
        let virtualBytes = world.minedBlocks.flatMap { $0.transactions.dropFirst() }.reduce(0) { $0 + $1.virtualSize }
        measured.note { $0.onChainVirtualBytes = virtualBytes }
        world.faults.minDelay = scenario.latency.lowerBound.wholeMilliseconds
        world.faults.maxDelay = scenario.latency.upperBound.wholeMilliseconds
        _ = world.takeJournal()
        start = world.now
    }

    /// Everybody forwards on its own terms, and everybody knows them.
    private mutating func setTerms() throws(InvariantViolation) {
        var isChanged = false
        for (number, channel) in scenario.channels.enumerated() {
            for (node, terms) in [(channel.from, channel.fromTerms), (channel.to, channel.toTerms)] {
                guard let terms, terms != Scenario.Terms() else { continue }
                isChanged = true
                try world.command(node, .setForwardingPolicy(ids[number], terms.policy))
            }
        }
        guard isChanged else { return }
        for _ in 0..<60 {
            if areTermsKnown { return }
            try world.pass(5)
        }
        throw world.violation("the terms of forwarding do not spread")
    }

    private var areTermsKnown: Bool {
        let names = zip(scenario.channels, ids).map { channel, id in world.nodes[channel.from].core?.channels[id]?.shortChannelID }
        return world.nodes.allSatisfy { node in
            zip(scenario.channels, names).allSatisfy { channel, name in
                guard let name, let graph = node.core?.gossip.graph else { return false }
                return [(channel.from, channel.to, channel.fromTerms), (channel.to, channel.from, channel.toTerms)].allSatisfy {
                    guard let wanted = $0.2 else { return true }
                    let known = graph.terms(
                        of: name, from: NodeKey(world.nodes[$0.0].nodeID), to: NodeKey(world.nodes[$0.1].nodeID))
                    return known?.feeBase == wanted.feeBase && known?.feeProportionalMillionths == wanted.feeProportionalMillionths
                        && known?.cltvExpiryDelta == wanted.cltvExpiryDelta
                }
            }
        }
    }

    // MARK: Living

    /// Something that happens at a time of the scenario, beside payments.
    private enum Act {
        case begin(stream: Int)
        case leave(Int)
        case comeBack(Int)
        case feeRate(FeeRate)
        case event(Scenario.Act)
        /// What lasted for some time is over.
        case over(Scenario.Act)
    }

    private var acts: [(time: UInt64, act: Act)] {
        var acts: [(time: UInt64, act: Act)] = []
        for (number, stream) in scenario.streams.enumerated() {
            acts.append((stream.start.wholeMilliseconds, .begin(stream: number)))
        }
        for absence in scenario.absences {
            acts.append((absence.start.wholeMilliseconds, .leave(absence.node)))
            let end = absence.start.wholeMilliseconds.addingReportingOverflow(absence.duration.wholeMilliseconds).partialValue
            acts.append((end, .comeBack(absence.node)))
        }
        for change in scenario.feeRates { acts.append((change.start.wholeMilliseconds, .feeRate(change.rate))) }
        for event in scenario.events {
            acts.append((event.time.wholeMilliseconds, .event(event.act)))
            guard let time = event.act.time else { continue }
            let end = event.time.wholeMilliseconds.addingReportingOverflow(time.wholeMilliseconds).partialValue
            acts.append((end, .over(event.act)))
        }
        // Those of the same time in the order in which the scenario names them.
        return acts.enumerated().sorted { ($0.element.time, $0.offset) < ($1.element.time, $1.offset) }.map(\.element)
    }

    var elapsed: UInt64 { world.now.since(start).wholeMilliseconds }

    private mutating func live(
        _ until: Duration?, _ progress: (Double) -> Bool
    ) throws(InvariantViolation) -> ScenarioReport {
        let end = min(scenario.duration, until ?? scenario.duration).wholeMilliseconds
        let sliceLength = UInt64(measured.report.sliceLength)
        var acts = acts[...]
        var (nextTick, nextSlice) = (UInt64(1000), sliceLength)
        var nextBlock = random.exponential(mean: scenario.blockInterval.wholeMilliseconds)
        var nextBreak = pause(scenario.disconnectEvery, among: scenario.channels.count)
        var nextCrash = pause(scenario.crashEvery, among: scenario.nodes.count)
        var isInterrupted = false
        var steps = 0
        while elapsed < end, !isInterrupted {
            let times = [nextTick, nextSlice, nextBlock, nextBreak, nextCrash, workload.nextTime ?? .max, acts.first?.time ?? .max, end]
            let time = times.min()!
            try world.advance(to: start + .milliseconds(time))
            let now = elapsed
            while let next = acts.first, next.time <= now {
                acts.removeFirst()
                try carryOut(next.act)
            }
            while let next = workload.nextTime, next <= now { try pay(workload.next()!) }
            if nextBreak <= now {
                let channel = scenario.channels[Int.random(in: scenario.channels.indices, using: &random)]
                world.disconnect(channel.from, channel.to)
                nextBreak = now + pause(scenario.disconnectEvery, among: scenario.channels.count)
            }
            if nextCrash <= now {
                world.kill(Int.random(in: scenario.nodes.indices, using: &random))
                nextCrash = now + pause(scenario.crashEvery, among: scenario.nodes.count)
            }
            if nextBlock <= now {
                try mine()
                nextBlock = now + max(1000, random.exponential(mean: scenario.blockInterval.wholeMilliseconds))
            }
            if nextTick <= now {
                try world.tick()
                try beginWaiting()
                try checkers.check(world)
                // As whoever follows a chain says when there is nothing new: a node that hears nothing for ten minutes takes no HTLC.
                if now / 1000 % 60 == 0 { for index in world.nodes.indices { try world.input(index, .caughtUp) } }
                nextTick = now + 1000
            }
            read()
            steps += 1
            if steps % 64 == 0 { isInterrupted = !progress(Double(now) / Double(end)) }
            if nextSlice <= now {
                closeSlice()
                nextSlice += sliceLength
                isInterrupted = !progress(Double(now) / Double(end))
            }
        }
        read()
        if elapsed % sliceLength != 0, measured.report.slices.count < Measurements.slices { closeSlice() }
        let (deliveries, bytes) = (world.deliveries, world.sentBytes)
        let restarts = world.nodes.reduce(0) { $0 + $1.restarts }
        measured.note {
            $0.messages = deliveries
            $0.bytes = bytes
            $0.restarts = restarts
        }
        var report = measured.finish(
            duration: Int(clamping: min(elapsed, end)), wanted: until.map { Int(clamping: $0.wholeMilliseconds) },
            trace: world.trace.finalized())
        let isWhole = !isInterrupted && until == nil
        if isWhole { try comeToRest() }
        report.closes = closes(isWhole)
        return report
    }

    /// Without faults and with everybody there what is under way ends, and both sides of each channel agree.
    private mutating func comeToRest() throws(InvariantViolation) {
        world.faults = .none
        endAdversities()
        for index in world.nodes.indices { world.resume(index) }
        for key in streams.keys.sorted(by: { ($0.node, $0.stream) < ($1.node, $1.stream) }) {
            try world.command(key.node, .stream(key.stream, .stop))
        }
        for _ in 0..<60 {
            try world.pass(5)
            if isAtRest {
                try world.checkNetwork()
                try finishCloses()
                try checkBooks()
                return try checkers.check(world)
            }
        }
        throw world.violation("five minutes after the end HTLCs are still under way")
    }

    private var isAtRest: Bool {
        world.nodes.allSatisfy { node in
            // One that was closed meanwhile, for an HTLC that nobody claimed in time, takes its blocks.
            node.core?.channels.values.allSatisfy {
                !$0.isOpen || $0.commitments.htlcs.isEmpty && $0.connection == .established
            } ?? false
        }
    }

    /// Until the next fault, in milliseconds, where each of so many has one now and then.
    private mutating func pause(_ every: Duration?, among count: Int) -> UInt64 {
        guard let every, count > 0 else { return UInt64.max / 2 }
        return random.exponential(every, among: count)
    }

    private mutating func carryOut(_ act: Act) throws(InvariantViolation) {
        switch act {
        case .begin(let stream):
            waiting.append(stream)
            try beginWaiting()
        case .leave(let node): world.stop(node)
        case .comeBack(let node): world.resume(node)
        case .event(let act): try carryOut(act)
        case .over(let act): end(act)
        case .feeRate(let rate): for index in world.nodes.indices { try world.say(FeeEstimates(rate), to: index) }
        }
    }

    /// - Parameter chosen: what the miner takes; `nil` for what it would take by itself.
    mutating func mine(including chosen: [Transaction]? = nil) throws(InvariantViolation) {
        let chosen = chosen ?? adversaries.miner.transactions(world.ledger)?.chosen
        guard let block = try world.mine(1, including: chosen, after: .zero).first else { return }
        try afterBlock()
        let paid = block.transactions[0].outputs.reduce(Satoshi.zero) { $0 + $1.amount }
        let subsidy = world.ledger.parameters.subsidy(height: world.ledger.height)
        measured.mined(
            ScenarioReport.Block(
                time: Int(clamping: elapsed), height: world.ledger.height.value, transactions: block.transactions.count - 1,
                weight: block.weight, feesSat: paid.value - min(paid.value, subsidy.value)))
    }

    /// Streams begin as soon as their payer is there.
    private mutating func beginWaiting() throws(InvariantViolation) {
        guard !waiting.isEmpty else { return }
        for number in waiting {
            let stream = scenario.streams[number]
            guard world.nodes[stream.from].core != nil else { continue }
            let terms = scenario.terms(of: stream) { world.nodes[$0].nodeID }
            let request = try world.command(stream.from, .startStream(terms))
            switch world.takeAnswer(request, of: stream.from) {
            case .success(.stream(let begun))?: streams[StreamKey(node: stream.from, stream: begun.id)] = number
            case .failure(let refusal)?: measured.streamEnded(number, refusal.description)
            // Its node died before it was stored: once more.
            case .success?, nil: continue
            }
            waiting.removeAll { $0 == number }
        }
    }

    private mutating func pay(_ planned: PlannedPayment) throws(InvariantViolation) {
        let number = measured.begin(at: Int(clamping: elapsed), from: planned.payer, to: planned.payee, amount: planned.amount)
        let asked = try world.command(
            planned.payee,
            .createInvoice(amount: MilliSatoshi(planned.amount), .text(scenario.name), expiry: .seconds(3600)))
        guard case .success(.invoice(let record))? = world.takeAnswer(asked, of: planned.payee) else {
            return measured.fail(number, "the payee is away: nobody makes an invoice", htlcs: 0)
        }
        var limits = PaymentLimits()
        limits.maxFee = MilliSatoshi(planned.maxFee)
        let request = try world.command(planned.payer, .pay(record.invoice, amount: nil, limits))
        payments[record.invoice.paymentHash] = (number, planned.payer, request)
        guard world.nodes[planned.payer].core != nil else {
            payments[record.invoice.paymentHash] = nil
            return measured.fail(number, "the payer is away", htlcs: 0)
        }
        if case .failure(let refusal)? = world.takeAnswer(request, of: planned.payer) {
            // One that was tried is in the journal as well.
            if case .paymentFailed = refusal { return }
            payments[record.invoice.paymentHash] = nil
            measured.fail(number, refusal.description, htlcs: 0)
        }
    }

    // MARK: Measuring

    private mutating func read() {
        for (time, node, event) in world.takeJournal() {
            let now = Int(clamping: time.since(start).wholeMilliseconds)
            switch event {
            case .paymentSucceeded(let payment):
                guard let number = ended(payment) else { continue }
                let latency = Int(clamping: time.since(world.time(payment.firstStart, ofClock: node)).wholeMilliseconds)
                measured.succeed(number, latency: latency, fee: payment.fee.value, htlcs: payment.attempts.count)
            case .paymentFailed(let payment):
                guard let number = ended(payment) else { continue }
                var why = "it failed"
                if case .failed(let text, _) = payment.status { why = text }
                measured.fail(number, why, htlcs: payment.attempts.count)
            case .streamPaid(let receipt):
                guard let stream = streams[StreamKey(node: node, stream: receipt.part.stream)],
                    let payee = nodeNumbers[receipt.recipient]
                else { continue }
                let latency = Int(clamping: receipt.latency?.wholeMilliseconds ?? 0)
                let number = measured.begin(
                    at: max(0, now - latency), from: node, to: payee, amount: receipt.amount.value, stream: stream)
                if let failure = receipt.failure {
                    measured.fail(number, failure, htlcs: 0)
                } else {
                    measured.succeed(number, latency: latency, fee: receipt.fee.value, htlcs: 1)
                }
            case .streamOver(let over):
                guard let stream = streams[StreamKey(node: node, stream: over.id)], case .over(let end, _) = over.status else { continue }
                measured.streamEnded(stream, end.text)
            case .forwarded(let circuit):
                guard case .settled = circuit.status else { continue }
                measured.forwarded(
                    by: node, into: channelNumbers[circuit.outgoing.channel], amount: circuit.amount.value,
                    fee: circuit.incoming.amount.value - min(circuit.incoming.amount.value, circuit.amount.value))
            case .channelClosing(let id, _):
                if let channel = channelNumbers[id], adversaries.closedAt[channel] == nil { adversaries.closedAt[channel] = now }
            case .peerConnected, .peerDisconnected, .channelOpening, .channelUsable, .channelAnnounced, .channelClosed,
                .channelsRestored, .connectionReady, .connectionEnded, .connectionLost, .peerAddresses, .publicationRefused,
                .paymentReceived, .paymentHeld, .paymentUpdated, .paymentSettled, .forwardRefused, .block, .alert, .note:
                continue
            }
        }
    }

    /// A payment is over: its number. Its answer is not needed.
    private mutating func ended(_ payment: OutgoingPayment) -> Int? {
        guard let (number, payer, request) = payments.removeValue(forKey: payment.paymentHash) else { return nil }
        _ = world.takeAnswer(request, of: payer)
        return number
    }

    private mutating func closeSlice() {
        keepCommitments()
        var dust: UInt64 = 0
        for (number, id) in ids.enumerated() {
            let channel = scenario.channels[number]
            if let ours = world.nodes[channel.from].core?.channels[id], ours.isOpen {
                lastBalances[number] = ours.commitments.toLocal.value / 1000
                dust += ours.trustedDust.value
            } else if let theirs = world.nodes[channel.to].core?.channels[id], theirs.isOpen {
                lastBalances[number] = theirs.commitments.toRemote.value / 1000
            }
        }
        measured.closeSlice(balances: lastBalances, dust: dust)
    }
}

extension Scenario.Terms {
    /// As a node has them.
    var policy: ForwardingPolicy {
        var policy = ForwardingPolicy()
        policy.feeBase = feeBase
        policy.feeProportionalMillionths = feeProportionalMillionths
        policy.cltvExpiryDelta = cltvExpiryDelta
        policy.htlcMinimum = MilliSatoshi(htlcMinimum)
        policy.htlcMaximum = htlcMaximum.map { MilliSatoshi($0) }
        return policy
    }
}

extension PaymentStream.End {
    /// In words.
    var text: String {
        switch self {
        case .duration: "its time is over"
        case .budget: "its budget is used up"
        case .failures: "a recipient could not be reached for too long"
        case .stopped: "it was stopped"
        }
    }
}
