import BitcoinPrimitives
import CryptoPrimitives
import LightningPayment
import LightningWire

// What makes a scenario impossible is found before anything runs.
extension Scenario {
    /// Production nodes at most: each of them hears of the whole network, so that to build it takes four times as long for twice as many.
    public static let maxProtocolNodes = 1000
    static let longest = Duration.seconds(100 * 31_557_600)

    /// - Throws: the first problem.
    public func check() throws(ScenarioProblem) {
        let most = fidelity == .full ? Self.maxProtocolNodes : 1_000_000
        guard (2...most).contains(nodes.count) else { throw .nodes(nodes.count, most: most) }
        var names: Set<String> = []
        guard Self.isShown(name) else { throw .name(name) }
        for name in nodes where !Self.isShown(name) || !names.insert(name).inserted { throw .name(name) }
        guard duration >= .milliseconds(1), duration <= Self.longest else { throw .time("the duration is 1 ms to a hundred years") }
        guard latency.lowerBound >= .milliseconds(1), latency.upperBound <= .seconds(60) else { throw .time("a latency is 1 ms to 60 s") }
        guard blockInterval >= .seconds(1), blockInterval <= .seconds(86_400) else { throw .time("blocks come every second to every day") }
        for (number, channel) in channels.enumerated() { try check(channel, number) }
        if fidelity == .full { try checkProtocol() }
        if payments.isEmpty, streams.isEmpty { throw .idle }
        for (number, payments) in payments.enumerated() { try check(payments, "payments \(number + 1)") }
        var payers: [Int: Int] = [:]
        for (number, stream) in streams.enumerated() {
            try check(stream, "stream \(number + 1)")
            payers[stream.from, default: 0] += 1
            guard payers[stream.from]! <= 1000 else { throw .workload("stream \(number + 1)", "a node pays a thousand streams at most") }
        }
        for (number, absence) in absences.enumerated() {
            guard nodes.indices.contains(absence.node) else { throw .unknownNode(absence.node, "absence \(number + 1)") }
            guard absence.start >= .zero, absence.duration > .zero, absence.start < duration, absence.duration <= Self.longest else {
                throw .absence(number, "it has to begin before the end, and to last")
            }
            for other in absences.prefix(number) where other.node == absence.node {
                guard absence.start >= other.start + other.duration || other.start >= absence.start + absence.duration else {
                    throw .absence(number, "\(nodes[absence.node]) is away already at that time")
                }
            }
        }
        try checkEvents()
        if let routeReuse {
            guard routeReuse >= .zero, routeReuse <= Self.longest else { throw .time("routes are used again for no time, or some") }
            guard fidelity == .flow else { throw .time("routes are used again in a flow only: nodes look for one each time") }
        }
        for every in [disconnectEvery, crashEvery] {
            guard let every else { continue }
            guard every >= .seconds(1), every <= Self.longest else { throw .time("faults come every second at most") }
        }
        for change in feeRates {
            guard change.start >= .zero, change.rate.perKiloweight >= 253 else {
                throw .time(
                    "a fee rate is at least 253 sat/kw, a little more than 1 sat/vB, from a time on that is not before the beginning")
            }
        }
    }

    private func check(_ channel: Channel, _ number: Int) throws(ScenarioProblem) {
        for end in [channel.from, channel.to] where !nodes.indices.contains(end) { throw .unknownNode(end, "channel \(number + 1)") }
        guard channel.from != channel.to else { throw .channel(number, "it joins a node with itself") }
        guard channel.capacity <= .maximum else { throw .channel(number, "there is not so much bitcoin") }
        if fidelity == .full {
            guard channel.capacity >= Satoshi(20_000) else { throw .channel(number, "it holds less than 20,000 sat") }
        }
        guard channel.pushed <= MilliSatoshi(channel.capacity) else { throw .channel(number, "the balance is more than it holds") }
        for terms in [channel.fromTerms, channel.toTerms] {
            guard let terms else { continue }
            guard fidelity == .flow || terms.cltvExpiryDelta >= ForwardingPolicy.minimumDelta else {
                throw .channel(number, "a cltv_expiry_delta is at least \(ForwardingPolicy.minimumDelta) blocks")
            }
            guard fidelity == .flow || terms.feeProportionalMillionths <= 1_000_000 else {
                throw .channel(number, "a fee is at most 1,000,000 ppm")
            }
        }
    }

    private func check(_ payments: Payments, _ which: String) throws(ScenarioProblem) {
        for node in payments.payers + payments.payees where !nodes.indices.contains(node) { throw .unknownNode(node, which) }
        guard !payments.payers.isEmpty, !payments.payees.isEmpty else { throw .workload(which, "nobody pays, or nobody is paid") }
        guard Set(payments.payers + payments.payees).count > 1 else { throw .workload(which, "a node cannot pay itself") }
        guard payments.interval >= .milliseconds(1), payments.interval <= Self.longest else {
            throw .workload(which, "payments come at most every millisecond: write several workloads for more")
        }
        guard payments.start >= .zero, payments.start < duration else { throw .workload(which, "it begins after the end") }
        if let time = payments.duration { guard time > .zero else { throw .workload(which, "it does not last") } }
        let most = MilliSatoshi(.maximum).value
        let isPossible =
            switch payments.amounts {
            case .fixed(let amount): (1...most).contains(amount)
            case .uniform(let range), .logUniform(let range): range.lowerBound >= 1 && range.upperBound <= most
            case .exponential(let mean): (1...most / 64).contains(mean)
            }
        guard isPossible else { throw .workload(which, "an amount is at least 1 msat, and not more than there is") }
        if let share = payments.maxFeeMillionths { guard share <= 1_000_000 else { throw .workload(which, "fees are at most 100 %") } }
    }

    private func check(_ stream: Stream, _ which: String) throws(ScenarioProblem) {
        for node in [stream.from] + stream.recipients.map(\.node) where !nodes.indices.contains(node) {
            throw .unknownNode(node, which)
        }
        guard !stream.recipients.contains(where: { $0.node == stream.from }) else { throw .workload(which, "a node cannot pay itself") }
        guard stream.start >= .zero, stream.start < duration else { throw .workload(which, "it begins after the end") }
        guard stream.rate.amount > .zero else { throw .workload(which, "its rate is nothing") }
        do throws(StreamRefusal) {
            try terms(of: stream) { number in Self.placeholder(number) }.check()
        } catch { throw .workload(which, error.description) }
        // Whoever forwards takes that at the least.
        let isDirect = channels.contains { channel in
            stream.recipients.contains {
                [channel.from, channel.to] == [stream.from, $0.node] || [channel.from, channel.to] == [$0.node, stream.from]
            }
        }
        let least = channels.flatMap { [$0.fromTerms, $0.toTerms] }.compactMap { $0?.feeBase }.min() ?? 0
        if let budget = stream.budget, !isDirect, budget.value <= UInt64(least) {
            throw .workload(which, "its budget of \(budget) is below the fee of any way: \(least) msat at the least")
        }
    }

    /// A stream's terms for a run's own ids.
    func terms(of stream: Stream, _ id: (Int) -> NodeID) -> StreamTerms {
        var terms = StreamTerms(rate: stream.rate, to: stream.recipients.map { StreamTerms.Recipient(id($0.node), weight: $0.weight) })
        terms.duration = stream.duration
        terms.budget = stream.budget
        terms.maxFeeMillionths = stream.maxFeeMillionths
        terms.maxDust = stream.maxDust
        terms.interval = stream.interval
        terms.catchUp = stream.catchUp
        return terms
    }

    /// A point that stands for a numbered node, which has no key of its own.
    static func placeholder(_ number: Int) -> NodeID {
        let digest = Hash.tagged("scenario node", withUnsafeBytes(of: UInt64(number).bigEndian) { Array($0) })
        return SecretKey(digest)!.publicKey()
    }
}

extension Scenario {
    /// When a stream ends at the latest, in milliseconds from the beginning.
    func end(of stream: Stream) -> UInt64 {
        let end = duration.wholeMilliseconds
        guard let length = stream.duration else { return end }
        return min(end, stream.start.wholeMilliseconds.addingReportingOverflow(length.wholeMilliseconds).partialValue)
    }
}
