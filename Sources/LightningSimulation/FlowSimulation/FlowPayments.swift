import BitcoinPrimitives
import LightningCore
import LightningPayment
import LightningRouting
import LightningWire

/// A payment of a flow, by its number in the report.
struct FlowPayment: Sendable {
    var payer: Int
    var payee: Int
    /// In msat, as all amounts here.
    var amount: UInt64
    var maxFee: UInt64
    var maxParts: Int
    /// When nothing new is tried.
    var deadline: UInt64
    var stream: StreamPart?
    var firstStart: UInt64?
    var attempts = 0
    var failures = 0
    /// What its parts under way bring, and what they cost.
    var sent: UInt64 = 0
    var fees: UInt64 = 0
    var underWay: [Route] = []
    var excluded: Set<DirectedChannel> = []
    var isProven = false
    /// Parts that the payee holds.
    var held: [Int] = []
    var arrived: UInt64 = 0
    /// Whether the payee has given the preimage.
    var isTaken = false
    /// Why nothing more is tried, while HTLCs are still out.
    var givenUp: String?
}

/// Payments that can go the same way.
struct RouteKey: Hashable, Sendable {
    var payer: Int
    var payee: Int
    var amount: UInt64

    init(_ payment: FlowPayment) {
        payer = payment.payer
        payee = payment.payee
        amount = payment.amount
    }
}

/// An HTLC of a payment over all its hops.
struct FlowPart: Sendable {
    var payment: Int
    var route: Route
    /// The directions of its hops.
    var directions: [Int]
}

// How payments are tried: as a node's `Sender` does, with the same router.
extension FlowRun {
    private static let limits = PaymentLimits()
    /// What a payee asks for, and blocks that may come meanwhile.
    private static let finalDelta = Receiver.minFinalCLTVExpiryDelta + 1 + NodeConfiguration().finalExpiryMargin

    mutating func begin(_ planned: PlannedPayment) {
        let number = measured.begin(at: Int(clamping: now), from: planned.payer, to: planned.payee, amount: planned.amount)
        guard isHere(planned.payee) else { return measured.fail(number, "the payee is away: nobody makes an invoice", htlcs: 0) }
        guard isHere(planned.payer) else { return measured.fail(number, "the payer is away", htlcs: 0) }
        payments[number] = FlowPayment(
            payer: planned.payer, payee: planned.payee, amount: planned.amount, maxFee: planned.maxFee, maxParts: Self.limits.maxParts,
            deadline: now + Self.limits.timeout.wholeMilliseconds)
        advance(number)
    }

    /// A payment that a stream asks for.
    mutating func begin(_ part: StreamPart, stream: Int, from payer: Int, to payee: Int, amount: UInt64, maxFee: UInt64) {
        let number = measured.begin(at: Int(clamping: now), from: payer, to: payee, amount: amount, stream: stream)
        payments[number] = FlowPayment(
            payer: payer, payee: payee, amount: amount, maxFee: maxFee, maxParts: 1,
            deadline: now + NodeCore.streamTimeout.wholeMilliseconds, stream: part)
        advance(number)
    }

    private func query(_ payment: FlowPayment, _ local: [Int]) -> RouteQuery {
        var query = RouteQuery(
            from: network.keys[payment.payer], to: network.keys[payment.payee], amount: MilliSatoshi(payment.amount - payment.sent),
            maxFee: MilliSatoshi(payment.maxFee - min(payment.maxFee, payment.fees)), finalCLTVDelta: Self.finalDelta,
            localChannels: local.map { network.local($0) }, now: time)
        query.excluded = payment.excluded
        // Once something has failed, what would need a miracle (one in 256) only costs time.
        if payment.failures > 0 { query.maxUncertainty = 8 * 1024 }
        for route in payment.underWay {
            for (directed, hop) in zip(route.directions, route.hops).dropFirst() { query.inUse[directed, default: .zero] += hop.amount }
        }
        return query
    }

    /// Sends what is not under way.
    mutating func advance(_ number: Int) {
        if let payer = payments[number]?.payer { waiting[payer]?.removeAll { $0 == number } }
        var rounds = 0
        while let payment = payments[number], !payment.isProven, !payment.isTaken, payment.givenUp == nil, payment.sent < payment.amount {
            guard now < payment.deadline, payment.attempts < Sender.maxAttempts, rounds < Sender.maxRounds else {
                return giveUp(
                    number,
                    now < payment.deadline
                        ? "\(payment.attempts) attempts were not enough"
                        : payment.attempts == 0 ? "no HTLC slot became free in time" : "it was not complete in time")
            }
            rounds += 1
            if let route = knownRoute(payment), send(route, number) { continue }
            var usable: [Int] = []
            for direction in network.outgoing[payment.payer] where isHere(network.end(of: direction)) { usable.append(direction) }
            var known = estimates[payment.payer] ?? LiquidityEstimates()
            // The dictionary's copy would make every change of it one of the whole.
            estimates[payment.payer] = nil
            defer { estimates[payment.payer] = known }
            do throws(RouteRefusal) {
                let routes = try finder.findParts(
                    query(payment, usable), maxParts: max(1, payment.maxParts - payment.underWay.count), &network.graph, &known)
                for route in routes { offer(route, number) }
            } catch { return refused(number, error, usable, &known) }
        }
    }

    /// The route by which the same amount reached the same payee not long ago.
    private mutating func knownRoute(_ payment: FlowPayment) -> Route? {
        guard let reuse = scenario.routeReuse, payment.attempts == 0,
            let known = routes[RouteKey(payment)], now - known.since < reuse.wholeMilliseconds, known.route.fee.value <= payment.maxFee,
            isHere(network.numbers[known.route.hops[0].node]!)
        else { return nil }
        return known.route
    }

    private mutating func offer(_ route: Route, _ number: Int) {
        if !send(route, number) { payments[number]?.excluded.insert(route.directions[0]) }
    }

    /// Sends a part; whether our own channel had room.
    private mutating func send(_ route: Route, _ number: Int) -> Bool {
        guard send(route, for: number), var payment = payments[number] else { return false }
        payment.attempts += 1
        payment.firstStart = payment.firstStart ?? now
        payment.sent += route.amount.value
        payment.fees += route.fee.value
        payment.underWay.append(route)
        payments[number] = payment
        return true
    }

    /// There is no way for what is left.
    private mutating func refused(_ number: Int, _ refusal: RouteRefusal, _ usable: [Int], _ known: inout LiquidityEstimates) {
        guard let payment = payments[number] else { return }
        switch refusal {
        case .tooLittleSpendable, .noCapacity, .noLocalChannel:
            let least = min(payment.amount - payment.sent, 1000)
            if usable.contains(where: { !network.hasFreeSlot($0) && network.spendable($0) >= least }) {
                waiting[payment.payer, default: []].append(number)
                events.add(.deadline(payment: number), at: payment.deadline)
                return
            }
        case .unknownDestination, .tooExpensive, .tooLong, .toSelf: break
        }
        var outcome = Streams.Outcome.failed(refusal.description)
        if payment.stream != nil, payment.attempts == 0 {
            switch refusal {
            case .tooExpensive: outcome = .tooSmall(refusal.description)
            case .noLocalChannel, .tooLittleSpendable, .unknownDestination, .noCapacity, .tooLong, .toSelf:
                // Channels have a least amount as well: is there a way for more?
                guard payment.amount < 100_000 else { break }
                var larger = query(payment, usable)
                larger.amount = MilliSatoshi(100_000)
                larger.maxFee = MilliSatoshi(1_000_000)
                if (try? finder.findRoute(larger, &network.graph, &known)) != nil {
                    outcome = .tooSmall("there is a way for a larger payment, and none for \(payment.amount) msat")
                }
            }
        }
        giveUp(
            number,
            payment.failures == 0
                ? refusal.description
                : "\(payment.failures == 1 ? "1 attempt" : "\(payment.failures) attempts") came back; \(refusal.description)", outcome)
    }

    /// Ends a payment that is given up, once nothing of it is under way.
    private mutating func giveUp(_ number: Int, _ why: String, _ outcome: Streams.Outcome? = nil) {
        guard let payment = payments[number] else { return }
        guard payment.underWay.isEmpty else {
            payments[number]?.givenUp = why
            return
        }
        payments[number] = nil
        measured.fail(number, why, htlcs: payment.attempts)
        if let part = payment.stream { streamEnded(payment.payer, part, outcome ?? .failed(why)) }
    }

    mutating func deadline(_ number: Int) {
        guard let payment = payments[number], !payment.isProven, payment.sent < payment.amount else { return }
        advance(number)
    }

    /// A direction has one HTLC less: the payment of its node that has waited longest tries again.
    mutating func freed(_ direction: Int) {
        let node = network.end(of: direction ^ 1)
        guard let next = waiting[node]?.first, isHere(node) else { return }
        advance(next)
    }

    // MARK: What comes back

    mutating func proven(_ part: FlowPart) {
        guard var payment = payments[part.payment] else { return }
        for (directed, hop) in zip(part.route.directions, part.route.hops).dropFirst() {
            estimates[payment.payer, default: LiquidityEstimates()].learnMoved(hop.amount, directed, now: time.wholeSecond)
        }
        if scenario.routeReuse != nil, payment.attempts == 1, payment.amount == part.route.amount.value {
            // Since it was found, not since it was used last: terms and balances change.
            let key = RouteKey(payment)
            if routes[key]?.route != part.route { routes[key] = (part.route, now) }
        }
        payment.underWay.removeAll { $0 == part.route }
        if !payment.isProven {
            payment.isProven = true
            let latency = Duration.milliseconds(now - (payment.firstStart ?? now))
            measured.succeed(
                part.payment, latency: Int(clamping: latency.wholeMilliseconds), fee: payment.fees, htlcs: payment.attempts)
            if let stream = payment.stream {
                streamEnded(payment.payer, stream, .succeeded(fee: MilliSatoshi(payment.fees), latency: latency))
            }
        }
        payments[part.payment] = payment.underWay.isEmpty ? nil : payment
    }

    mutating func cameBack(_ part: FlowPart, _ why: FlowFailure) {
        guard var payment = payments[part.payment] else { return }
        routes[RouteKey(payment)] = nil
        payment.failures += 1
        payment.sent -= part.route.amount.value
        payment.fees -= part.route.fee.value
        if let index = payment.underWay.firstIndex(of: part.route) { payment.underWay.remove(at: index) }
        let (directions, hops) = (part.route.directions, part.route.hops)
        // What got to the hop that failed came through all channels before it.
        var known = estimates.removeValue(forKey: payment.payer) ?? LiquidityEstimates()
        let passed =
            switch why {
            case .liquidity(let index), .away(let index): index
            case .payee: hops.count
            }
        for index in 1..<max(1, passed) { known.learnAtLeast(hops[index].amount, directions[index], now: time.wholeSecond) }
        switch why {
        case .liquidity(let index):
            known.learnLess(than: hops[index].amount, directions[index], now: time.wholeSecond)
            if hops[index].amount.value < 2 { payment.excluded.insert(directions[index]) }
        // Says nothing of its liquidity.
        case .away(let index): payment.excluded.insert(directions[index])
        case .payee: break
        }
        estimates[payment.payer] = known
        payments[part.payment] = payment
        if let why = payment.givenUp {
            giveUp(part.payment, why)
        } else {
            advance(part.payment)
        }
    }
}
