import BitcoinPrimitives
import LightningPayment
import LightningWire

/// The streams of a flow: the production machine, one for each node that pays any.
struct FlowStreams: Sendable {
    private(set) var machines: [Int: Streams] = [:]
    /// Which of a node's streams is which of the scenario's.
    var numbers: [Int: [UInt64: Int]] = [:]
    /// The ids that stand for the nodes that pay.
    let ids: [Int: NodeID]
    /// When each node is called next.
    var wakes: [Int: UInt64] = [:]

    init(_ scenario: Scenario) {
        ids = Dictionary(uniqueKeysWithValues: Set(scenario.streams.map(\.from)).map { ($0, Scenario.placeholder($0)) })
    }

    /// Gives a node's machine something.
    mutating func handle(_ event: Streams.Event, of node: Int, _ context: Streams.Context) -> [Streams.Effect] {
        // A machine that was never stored can always be read.
        var machine = machines.removeValue(forKey: node) ?? (try! Streams(records: [], head: nil))
        let effects = machine.handle(event, context)
        // Nobody stores them; but this is when streams that are over go.
        _ = machine.drainWrites()
        machines[node] = machine
        return effects
    }

    func nextTime(of node: Int) -> Timestamp? { machines[node]?.nextTime }
}

extension FlowRun {
    private mutating func context(_ node: Int) -> Streams.Context {
        var canPay = isHere(node)
        if canPay {
            canPay = false
            for direction in network.outgoing[node] where isHere(network.end(of: direction)) { canPay = true }
        }
        return Streams.Context(now: time, nodeID: streams.ids[node]!, canPay: canPay, dustLimit: MilliSatoshi(FlowNetwork.dustLimit))
    }

    mutating func beginStream(_ number: Int) {
        let stream = scenario.streams[number]
        guard isHere(stream.from) else {
            if let until = away[stream.from] { events.add(.beginStream(number), at: until) }
            return
        }
        let terms = scenario.terms(of: stream) { Scenario.placeholder($0) }
        let context = context(stream.from)
        let effects = streams.handle(.start(terms, tag: [UInt8](repeating: 0, count: 16), caller: 0), of: stream.from, context)
        for case .answered(_, let answer) in effects {
            switch answer {
            case .success(let begun): streams.numbers[stream.from, default: [:]][begun.id] = number
            case .failure(let refusal): measured.streamEnded(number, refusal.description)
            }
        }
        advanceStreams(of: stream.from)
    }

    /// Has the streams of a node pay what is due.
    mutating func advanceStreams(of node: Int) {
        if streams.wakes[node].map({ $0 <= now }) ?? false { streams.wakes[node] = nil }
        guard isHere(node) else {
            if let until = away[node] { wake(node, at: until) }
            return
        }
        while let next = streams.nextTime(of: node), next <= time {
            let context = context(node)
            carryOut(streams.handle(.advance, of: node, context), of: node)
        }
        if let next = streams.nextTime(of: node) { wake(node, at: now + next.since(time).wholeMilliseconds) }
    }

    private mutating func wake(_ node: Int, at time: UInt64) {
        if let known = streams.wakes[node], known <= time { return }
        streams.wakes[node] = time
        events.add(.streams(node: node), at: time)
    }

    /// A payment of a stream has ended.
    mutating func streamEnded(_ node: Int, _ part: StreamPart, _ outcome: Streams.Outcome) {
        let context = context(node)
        carryOut(streams.handle(.ended(part, outcome), of: node, context), of: node)
        wake(node, at: now)
    }

    private mutating func carryOut(_ effects: [Streams.Effect], of node: Int) {
        for effect in effects {
            switch effect {
            case .pay(let part, _, let payment, _):
                guard let number = streams.numbers[node]?[part.stream] else { continue }
                let payee = scenario.streams[number].recipients[payment.recipient].node
                begin(
                    part, stream: number, from: node, to: payee, amount: payment.amount.value, maxFee: payment.maxFee.value)
            case .over(let stream):
                guard let number = streams.numbers[node]?[stream.id], case .over(let end, _) = stream.status else { continue }
                measured.streamEnded(number, end.text)
            case .answered, .paid: continue
            }
        }
    }
}
