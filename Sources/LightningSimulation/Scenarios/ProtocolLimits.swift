import BitcoinPrimitives
import LightningWire

// What production nodes do not do, and a flow would.
extension Scenario {
    /// Whether a name can be shown: it is not empty, and has no signs that steer a terminal or a page.
    static func isShown(_ name: String) -> Bool {
        !name.isEmpty
            && name.unicodeScalars.allSatisfy { scalar in
                switch scalar.properties.generalCategory {
                case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: false
                default: true
                }
            }
    }

    /// - Throws: why production nodes would not have these channels.
    func checkProtocol() throws(ScenarioProblem) {
        var opened = [UInt64](repeating: 0, count: nodes.count)
        for (number, channel) in channels.enumerated() {
            // The reserve and the fee of the commitment, at a rate that may double.
            let least = channel.capacity.value / 50 + 2500
            guard channel.pushed.value / 1000 + least <= channel.capacity.value else {
                throw .channel(number, "its opener keeps at least \(least) sat: the reserve, and the fee of the commitment")
            }
            for terms in [channel.fromTerms, channel.toTerms] {
                guard let terms, !terms.isDisabled else {
                    throw .channel(
                        number, "a direction is not known, or disabled, as in a table of a real network: choose fidelity = \"flow\"")
                }
                let most = terms.htlcMaximum ?? .max
                let capacity = channel.capacity.value * 1000
                guard terms.htlcMinimum <= min(most, capacity), terms.htlcMaximum.map({ $0 <= capacity }) ?? true else {
                    throw .channel(number, "the least and the largest HTLC are in this order, and not more than it holds")
                }
            }
            opened[channel.from] += channel.capacity.value + 10_000
        }
        // Each node mines one coin; the subsidy halves every 150 blocks.
        for (node, sum) in opened.enumerated() {
            let coin = UInt64(50_0000_0000) >> UInt64((node + 1) / 150)
            guard sum <= coin else {
                throw .network("\(nodes[node]) opens channels of \(sum) sat, and has a coin of \(coin) sat: choose smaller ones")
            }
        }
        try checkConnection()
    }

    /// Gossip reaches everybody only where there is a way to everybody.
    private func checkConnection() throws(ScenarioProblem) {
        guard let start = channels.first?.from else { return }
        var neighbours = [[Int]](repeating: [], count: nodes.count)
        for channel in channels {
            neighbours[channel.from].append(channel.to)
            neighbours[channel.to].append(channel.from)
        }
        var seen: Set = [start]
        var stack = [start]
        while let node = stack.popLast() { for next in neighbours[node] where seen.insert(next).inserted { stack.append(next) } }
        if let other = nodes.indices.first(where: { !neighbours[$0].isEmpty && !seen.contains($0) }) {
            throw .network("there is no way from \(nodes[start]) to \(nodes[other]): the network falls into parts")
        }
    }
}
