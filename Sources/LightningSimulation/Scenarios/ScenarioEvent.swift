public import BitcoinPrimitives

extension Scenario {
    /// What befalls a network at a moment: adversaries, miners, disks and clocks. Production nodes only: a flow has none of them.
    public struct Event: Hashable, Sendable {
        /// When, from the scenario's beginning.
        public var time: Duration
        /// What.
        public var act: Act

        /// Something that happens.
        public init(at time: Duration, _ act: Act) {
            self.time = time
            self.act = act
        }
    }

    /// Something that somebody does, or that something does by itself. Nodes are numbers.
    public enum Act: Hashable, Sendable {
        /// Both sides sign the end of a channel: the one with `peer`, or the first there is.
        case close(Int, peer: Int?)
        /// A node publishes its commitment.
        case forceClose(Int, peer: Int?)
        /// A node publishes the commitment in which it had most more than it has now, of those that it has revoked. With `takesHTLCs` it has a
        /// miner take its HTLC outputs further before anybody can punish that.
        case cheat(Int, peer: Int?, takesHTLCs: Bool)
        /// A node publishes its commitment with descendants that pay next to nothing.
        case pin(Int, peer: Int?)
        /// A node opens a channel to a peer, and has its coins go elsewhere before a block holds what pays for it.
        case doubleSpend(Int, peer: Int)
        /// Nothing that a node sends arrives; what is sent to it does.
        case stall(Int, for: Duration)
        /// These nodes do not reach the others.
        case partition([Int], for: Duration)
        /// So many blocks are replaced by empty ones, and one more.
        case reorganize(depth: Int)
        /// What spends outputs of commitments is in none of the next blocks.
        case censor(blocks: Int)
        /// Nothing that pays less is in the next blocks.
        case fillBlocks(FeeRate, blocks: Int)
        /// So many blocks come one after the other.
        case mine(blocks: Int)
        /// Nothing can be written: the node ends with its first commit, and is started again every five seconds.
        case fullDisk(Int, for: Duration)
        /// Each commit takes so long.
        case slowDisk(Int, commit: Duration, for: Duration)
        /// A clock is set so much fast, or slow where it is negative.
        case setClock(Int, fast: Duration)

        /// The node whose own doing, or own fault, it is: what that loses is no error of this software.
        ///
        /// - Parameter bearable: for how long a node may be away without losing anything.
        func guilty(bearable: Duration) -> Int? {
            switch self {
            case .cheat(let node, _, _), .pin(let node, _), .doubleSpend(let node, _), .stall(let node, _): node
            case .fullDisk(let node, let time): time > bearable ? node : nil
            case .close, .forceClose, .partition, .reorganize, .censor, .fillBlocks, .mine, .slowDisk, .setClock: nil
            }
        }

        /// For how many blocks claims are not mined.
        var withheldBlocks: Int? {
            switch self {
            case .censor(let blocks), .fillBlocks(_, let blocks): blocks
            default: nil
            }
        }

        /// What of a node is not as it should be for a time: two of the same kind exclude each other.
        var condition: (node: Int, kind: String, time: Duration)? {
            switch self {
            case .stall(let node, let time): (node, "stalls", time)
            case .fullDisk(let node, let time), .slowDisk(let node, _, let time): (node, "has a disk that is full or slow", time)
            default: nil
            }
        }

        /// The nodes that it names.
        var nodes: [Int] {
            switch self {
            case .close(let node, let peer), .forceClose(let node, let peer), .pin(let node, let peer), .cheat(let node, let peer, _):
                [node] + (peer.map { [$0] } ?? [])
            case .doubleSpend(let node, let peer): [node, peer]
            case .stall(let node, _), .fullDisk(let node, _), .slowDisk(let node, _, _), .setClock(let node, _): [node]
            case .partition(let nodes, _): nodes
            case .reorganize, .censor, .fillBlocks, .mine: []
            }
        }

        /// Which channel is meant: of whom, and with whom; `nil` for what is about none.
        var channel: (node: Int, peer: Int?)? {
            switch self {
            case .close(let node, let peer), .forceClose(let node, let peer), .pin(let node, let peer), .cheat(let node, let peer, _):
                (node, peer)
            default: nil
            }
        }
    }

    /// Finds an event that cannot be.
    func checkEvents() throws(ScenarioProblem) {
        for (number, event) in events.enumerated() {
            guard fidelity == .full else {
                throw .event(number, "a flow has no adversaries, blocks, disks or clocks: choose fidelity = \"protocol\"")
            }
            guard event.time >= .zero, event.time < duration else { throw .event(number, "it has to be before the end") }
            for node in event.act.nodes where !nodes.indices.contains(node) { throw .unknownNode(node, "event \(number + 1)") }
            if let (node, peer) = event.act.channel {
                let has = channels.contains {
                    [$0.from, $0.to].contains(node) && (peer == nil || [$0.from, $0.to].contains(peer!)) && peer != node
                }
                guard has else {
                    throw .event(number, peer.map { "\(nodes[node]) has no channel with \(nodes[$0])" } ?? "\(nodes[node]) has no channel")
                }
            }
            try checkNumbers(event.act, number)
            guard let new = event.act.condition else { continue }
            for other in events.prefix(number) {
                guard let old = other.act.condition, old.node == new.node, old.kind == new.kind else { continue }
                guard event.time >= other.time + old.time || other.time >= event.time + new.time else {
                    throw .event(number, "\(nodes[new.node]) \(new.kind) already at that time")
                }
            }
        }
    }

    private func checkNumbers(_ act: Act, _ number: Int) throws(ScenarioProblem) {
        switch act {
        case .stall(_, let time), .fullDisk(_, let time):
            guard time > .zero, time <= Self.longest else { throw .event(number, "it has to last") }
        case .partition(let group, let time):
            guard time > .zero, time <= Self.longest else { throw .event(number, "it has to last") }
            guard !group.isEmpty, Set(group).count == group.count, group.count < nodes.count else {
                throw .event(number, "a part is some of the nodes, each once, and not all")
            }
        case .slowDisk(_, let commit, let time):
            guard time > .zero, time <= Self.longest else { throw .event(number, "it has to last") }
            guard commit >= .milliseconds(1), commit <= .seconds(60) else { throw .event(number, "a commit takes 1 ms to 60 s") }
        case .setClock(_, let skew):
            guard skew != .zero, skew > .seconds(-86_400 * 365), skew < .seconds(86_400 * 365) else {
                throw .event(number, "a clock is set to be fast or slow, by less than a year")
            }
        case .reorganize(let depth):
            guard (1...99).contains(depth) else { throw .event(number, "1 to 99 blocks are replaced: what is deeper is for good") }
        case .censor(let blocks), .fillBlocks(_, let blocks), .mine(let blocks):
            guard (1...1000).contains(blocks) else { throw .event(number, "it goes on for 1 to 1,000 blocks") }
            if case .fillBlocks(let rate, _) = act {
                guard rate.perKiloweight >= 253 else { throw .event(number, "what blocks are full of pays 253 sat/kw at the least") }
            }
        case .doubleSpend(let node, let peer):
            guard node != peer else { throw .event(number, "a channel has two ends: \(nodes[node]) opens one with another node") }
        case .close, .forceClose, .cheat, .pin: break
        }
    }
}
