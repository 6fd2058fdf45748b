public import BitcoinPrimitives
package import LightningChain
import LightningChannel
import LightningCore
import LightningRouting
import LightningTransactions
public import LightningWire

/// A world whose nodes have public channels with each other and know the whole graph.
extension SimulatedWorld {
    /// Mines every node some coins.
    public mutating func fundAll() throws(InvariantViolation) {
        for index in nodes.indices {
            guard case .address(let script, _) = try ask(index, .newAddress) else { continue }
            try mine(1, paying: script)
        }
        try mine(100)
    }

    /// Opens the channels of a topology, announces them and lets gossip spread. Without faults.
    ///
    /// - Parameters:
    ///   - capacity: of a channel, by its number.
    ///   - push: what its opener gives the other side.
    /// - Returns: the ids of the channels, in the order of the topology.
    @discardableResult
    public mutating func build(
        _ topology: Topology, capacity: (Int) -> Satoshi, push: (Int) -> MilliSatoshi, announce: Bool = true
    ) throws(InvariantViolation) -> [ChannelID] {
        try fundAll()
        var ids: [ChannelID] = []
        var joined: Set<Int> = []
        for (one, two) in topology.channels where joined.insert(min(one, two) * nodes.count + max(one, two)).inserted {
            join(one, two)
        }
        try pass(2)
        for (number, (one, two)) in topology.channels.enumerated() {
            // Where a network is large, it is some time ago that a node heard of the chain's tip, and peers without a channel may have
            // given each other up.
            if nodes.count > 200 { for node in [one, two] { try input(node, .caughtUp) } }
            if !areConnected(one, two) {
                join(one, two)
                try run(limit: .milliseconds(2000))
            }
            let before = Set(nodes[one].core!.channels.keys)
            let request = try command(
                one,
                .openChannel(nodes[two].nodeID, amount: capacity(number), push: push(number), feeRate: nil, announce: announce))
            try run(limit: .milliseconds(2000))
            let opened = Set(nodes[one].core!.channels.keys).subtracting(before)
            guard opened.count == 1, let id = opened.first else {
                let answer = takeAnswer(request, of: one).map { "\($0)" } ?? "no answer"
                throw violation("channel \(number) from \(nodes[one].name) to \(nodes[two].name) was not opened: \(answer)")
            }
            ids.append(id)
            // The next one may need this one's change.
            if number % 10 == 9 { try mine(1) }
        }
        try mine(6)
        try pass(3)
        try mine(1)
        for _ in 0..<60 where !knowsAll(topology) || !announce { try pass(5) }
        guard !announce || knowsAll(topology) else {
            let known = nodes.map { node in
                (node.name, node.core!.gossip.graph.allChannels.count { $0.policy1 != nil && $0.policy2 != nil })
            }
            let behind = known.filter { $0.1 < topology.channels.count }
            let some = behind.prefix(10).map { "\($0.0) \($0.1)" }.joined(separator: ", ")
            throw violation(
                "gossip does not spread: \(behind.count) of \(nodes.count) nodes do not know all of \(topology.channels.count) channels: \(some)"
            )
        }
        return ids
    }

    /// What a transaction should pay changes, by as much as ten or a tenth, and every node estimates it on its own: openers propose it to
    /// their peers with the next ticks.
    ///
    /// - Returns: the rate around which they are.
    @discardableResult
    public mutating func moveFeeRates() throws(InvariantViolation) -> FeeRate {
        let middle: UInt32 = [260, 600, 1500, 4000][draw(0...3)]
        for index in nodes.indices { try say(FeeEstimates(FeeRate(perKiloweight: draw(middle / 2...middle * 2))), to: index) }
        try pass(1, interval: .milliseconds(draw(Int64(0)...11_000)))
        return FeeRate(perKiloweight: middle)
    }

    /// Every node estimates the same, and little. An `update_fee` that was signed for cannot be taken back, and a peer whose estimate has
    /// become ten times as high meanwhile refuses it at each reconnection, until they agree again.
    mutating func calmFeeRates() throws(InvariantViolation) {
        for index in nodes.indices { try say(FeeEstimates(FeeRate(perKiloweight: 500)), to: index) }
    }

    /// What a node's layer 1 says from now on; one that is down hears it when it is back.
    package mutating func say(_ rates: FeeEstimates, to index: Int) throws(InvariantViolation) {
        nodes[index].feeRates = rates
        if nodes[index].core != nil { try step(index, [.feeRates(rates)]) }
    }

    /// Whether every node of a topology knows all of its channels with both their terms.
    private func knowsAll(_ topology: Topology) -> Bool {
        Set(topology.channels.flatMap { [$0.0, $0.1] }).allSatisfy { index in
            nodes[index].core!.gossip.graph.allChannels.count { $0.policy1 != nil && $0.policy2 != nil } == topology.channels.count
        }
    }

    /// All channels of all nodes add up, and both sides of each say the same.
    public func checkNetwork() throws(InvariantViolation) {
        for (index, node) in nodes.enumerated() {
            guard let core = node.core else { continue }
            for (id, channel) in core.channels.sorted(by: { $0.key < $1.key }) where channel.isOpen {
                guard let other = nodes.first(where: { $0.nodeID == channel.parameters.remoteNodeID })?.core?.channels[id] else { continue }
                guard other.isOpen else { continue }
                let (a, b) = (channel.commitments, other.commitments)
                guard a.localNumber == b.remoteNumber, a.toLocal == b.toRemote, a.toRemote == b.toLocal, a.htlcs.count == b.htlcs.count
                else { throw violation("\(nodes[index].name) and its peer differ over channel \(id)") }
                guard a.toLocal.adding(a.toRemote) == MilliSatoshi(channel.parameters.fundingAmount) else {
                    throw violation("money appeared or vanished in channel \(id)")
                }
            }
        }
    }
}
