import BitcoinPrimitives
import LightningPayment
import LightningRouting
import LightningWire

/// A scenario on channels that are numbers, with the production router, its estimates and the production streams.
///
/// Each HTLC takes the time that its messages take: three from one node to the next until it may be forwarded, one back for a preimage, three for
/// a failure. What nodes do in batches, gossip, blocks and lost connections are left out.
public struct FlowRun {
    let scenario: Scenario
    var network: FlowNetwork
    var events = FlowEvents()
    var measured: Measurements
    var workload: Workload
    var random: SeededRandom
    var finder = RouteFinder()
    /// What the payments of each node have taught it.
    var estimates: [Int: LiquidityEstimates] = [:]
    var payments: [Int: FlowPayment] = [:]
    var parts: [Int: FlowPart] = [:]
    /// Routes by which amounts arrived, and since when they are known.
    var routes: [RouteKey: (route: Route, since: UInt64)] = [:]
    private var nextPart = 0
    /// Milliseconds since the beginning.
    var now: UInt64 = 0
    /// When nodes that are away come back.
    var away: [Int: UInt64] = [:]
    /// Payments of a node that wait for a slot.
    var waiting: [Int: [Int]] = [:]
    var streams: FlowStreams

    /// Runs a scenario to its end.
    ///
    /// - Parameters:
    ///   - until: the moment at which it ends, where that is before the scenario does.
    ///   - progress: hears which part of the time has passed, 0 to 1; where it says no, the run ends and what was measured so far is the
    ///     report.
    public static func run(
        _ scenario: Scenario, until: Duration? = nil, progress: (Double) -> Bool = { _ in true }
    ) throws(ScenarioFailure) -> ScenarioReport {
        do throws(ScenarioProblem) { try scenario.check() } catch { throw .impossible(error) }
        var run = FlowRun(scenario)
        return run.live(until, progress)
    }

    private init(_ scenario: Scenario) {
        self.scenario = scenario
        network = FlowNetwork(scenario)
        measured = Measurements(scenario)
        workload = Workload(scenario)
        random = SeededRandom(seed: scenario.seed ^ 0x7363_656e_6172_696f)
        streams = FlowStreams(scenario)
    }

    /// As the router has it.
    var time: Timestamp { FlowNetwork.beginning + .milliseconds(now) }

    private mutating func live(_ until: Duration?, _ progress: (Double) -> Bool) -> ScenarioReport {
        let end = min(scenario.duration, until ?? scenario.duration).wholeMilliseconds
        let sliceLength = UInt64(measured.report.sliceLength)
        for (number, stream) in scenario.streams.enumerated() {
            events.add(.beginStream(number), at: stream.start.wholeMilliseconds)
        }
        for absence in scenario.absences {
            let start = absence.start.wholeMilliseconds
            let until = start.addingReportingOverflow(absence.duration.wholeMilliseconds).partialValue
            events.add(.leave(node: absence.node, until: until), at: start)
        }
        crashLater()
        var nextSlice = sliceLength
        var isInterrupted = false
        var steps = 0
        while now < end, !isInterrupted {
            let next = min(events.nextTime ?? .max, workload.nextTime ?? .max)
            if next >= nextSlice || next >= end {
                now = min(nextSlice, end)
                measured.closeSlice(balances: balances, dust: network.dust)
                nextSlice += sliceLength
                isInterrupted = !progress(Double(now) / Double(end))
                continue
            }
            now = next
            steps += 1
            if steps % 8192 == 0 { isInterrupted = !progress(Double(now) / Double(end)) }
            if let time = workload.nextTime, time <= now {
                begin(workload.next()!)
            } else if let event = events.next() {
                happen(event)
            }
        }
        // The part of a slice in which it was interrupted.
        if now % sliceLength != 0, now < end { measured.closeSlice(balances: balances, dust: network.dust) }
        return measured.finish(
            duration: Int(clamping: min(now, end)), wanted: until.map { Int(clamping: $0.wholeMilliseconds) })
    }

    private var balances: [UInt64] { network.channels.indices.map { network.balances[2 * $0] / 1000 } }

    private mutating func happen(_ event: FlowEvents.Event) {
        switch event {
        case .arrived(let part, let hop): arrived(part, hop)
        case .fulfilled(let part, let hop): fulfilled(part, hop)
        case .failed(let part, let hop, let why): failed(part, hop, why)
        case .settled(let direction, let amount):
            network.end(amount, direction, isFulfilled: true)
            freed(direction)
        case .gaveUpWaiting(let payment): gaveUpWaiting(payment)
        case .deadline(let payment): deadline(payment)
        case .streams(let node): advanceStreams(of: node)
        case .leave(let node, let until):
            away[node] = max(until, away[node] ?? 0)
            measured.note { $0.restarts += 1 }
        case .crash:
            let node = Int.random(in: scenario.nodes.indices, using: &random)
            // As long as a node takes in a world of whole ones.
            away[node] = max(now + 100, away[node] ?? 0)
            measured.note { $0.restarts += 1 }
            crashLater()
        case .beginStream(let number): beginStream(number)
        }
    }

    // MARK: Nodes

    private mutating func crashLater() {
        guard let every = scenario.crashEvery else { return }
        events.add(.crash, at: now + random.exponential(every, among: scenario.nodes.count))
    }

    /// Whether a node is there; one whose time away is over is.
    mutating func isHere(_ node: Int) -> Bool {
        guard let until = away[node] else { return true }
        guard until <= now else { return false }
        away[node] = nil
        return true
    }

    /// So many messages from one node to another, one after the other.
    mutating func delay(_ messages: Int) -> UInt64 {
        let range = scenario.latency.lowerBound.wholeMilliseconds...scenario.latency.upperBound.wholeMilliseconds
        var sum: UInt64 = 0
        for _ in 0..<messages { sum += UInt64.random(in: range, using: &random) }
        return sum
    }

    /// Has an event wait for a node that is away; whether it does.
    private mutating func waits(for node: Int, _ event: FlowEvents.Event) -> Bool {
        guard !isHere(node), let until = away[node] else { return false }
        // It has to be called again, and both sides have to say where they are.
        events.add(event, at: until + delay(4))
        return true
    }

    // MARK: HTLCs

    /// Sends a part over its first channel; whether there was room.
    mutating func send(_ route: Route, for payment: Int) -> Bool {
        var from = payments[payment]!.payer
        let directions = route.hops.map { hop in
            defer { from = network.numbers[hop.node]! }
            return network.direction(hop.shortChannelID, from: from)
        }
        guard network.offer(route.hops[0].amount.value, directions[0]) else { return false }
        parts[nextPart] = FlowPart(payment: payment, route: route, directions: directions)
        events.add(.arrived(part: nextPart, hop: 0), at: now + delay(3))
        nextPart += 1
        return true
    }

    private mutating func arrived(_ number: Int, _ hop: Int) {
        guard let part = parts[number] else { return }
        let node = network.end(of: part.directions[hop])
        if waits(for: node, .arrived(part: number, hop: hop)) { return }
        guard hop + 1 < part.directions.count else { return reached(number) }
        let next = part.directions[hop + 1]
        guard isHere(network.end(of: next)) else {
            return events.add(.failed(part: number, hop: hop, .away(hop + 1)), at: now + delay(3))
        }
        guard network.offer(part.route.hops[hop + 1].amount.value, next) else {
            return events.add(.failed(part: number, hop: hop, .liquidity(hop + 1)), at: now + delay(3))
        }
        events.add(.arrived(part: number, hop: hop + 1), at: now + delay(3))
    }

    /// A part is with the payee, who takes it when all are there.
    private mutating func reached(_ number: Int) {
        guard let part = parts[number] else { return }
        guard var payment = payments[part.payment] else { return refuse(number) }
        payment.held.append(number)
        payment.arrived += part.route.amount.value
        payments[part.payment] = payment
        guard payment.arrived >= payment.amount else {
            // BOLT 4 "Basic Multi-Part Payments": at least a minute.
            if payment.held.count == 1 {
                events.add(.gaveUpWaiting(payment: part.payment), at: now + Receiver.partsTimeout.wholeMilliseconds)
            }
            return
        }
        for held in payment.held {
            events.add(.fulfilled(part: held, hop: parts[held]!.directions.count - 1), at: now + delay(1))
        }
        payments[part.payment]?.held = []
        payments[part.payment]?.isTaken = true
    }

    private mutating func gaveUpWaiting(_ number: Int) {
        guard var payment = payments[number], !payment.isTaken else { return }
        let held = payment.held
        payment.held = []
        payment.arrived = 0
        payments[number] = payment
        for part in held { refuse(part) }
    }

    /// The payee fails a part.
    private mutating func refuse(_ number: Int) {
        guard let part = parts[number] else { return }
        events.add(.failed(part: number, hop: part.directions.count - 1, .payee), at: now + delay(3))
    }

    private mutating func fulfilled(_ number: Int, _ hop: Int) {
        guard let part = parts[number] else { return }
        let direction = part.directions[hop]
        let offerer = network.end(of: direction ^ 1)
        if waits(for: offerer, .fulfilled(part: number, hop: hop)) { return }
        // Two messages more until it is in neither commitment.
        events.add(.settled(direction: direction, amount: part.route.hops[hop].amount.value), at: now + delay(2))
        guard hop == 0 else {
            let (incoming, outgoing) = (part.route.hops[hop - 1].amount.value, part.route.hops[hop].amount.value)
            measured.forwarded(by: offerer, into: direction / 2, amount: outgoing, fee: incoming - min(incoming, outgoing))
            return events.add(.fulfilled(part: number, hop: hop - 1), at: now + delay(1))
        }
        parts[number] = nil
        proven(part)
    }

    private mutating func failed(_ number: Int, _ hop: Int, _ why: FlowFailure) {
        guard let part = parts[number] else { return }
        let direction = part.directions[hop]
        if waits(for: network.end(of: direction ^ 1), .failed(part: number, hop: hop, why)) { return }
        network.end(part.route.hops[hop].amount.value, direction, isFulfilled: false)
        freed(direction)
        guard hop == 0 else { return events.add(.failed(part: number, hop: hop - 1, why), at: now + delay(3)) }
        parts[number] = nil
        cameBack(part, why)
    }
}
