import LightningWire

extension Scenario {
    /// The largest set of nodes that all have a way to each other, over directions that are known and not disabled, whatever their amounts.
    ///
    /// In real networks many nodes are not among them: a third of all directions is disabled at any moment.
    public var connectedNodes: [Int] {
        var forward = [[Int]](repeating: [], count: nodes.count)
        var backward = forward
        for channel in channels {
            for (from, to, terms) in [(channel.from, channel.to, channel.fromTerms), (channel.to, channel.from, channel.toTerms)] {
                guard let terms, !terms.isDisabled else { continue }
                forward[from].append(to)
                backward[to].append(from)
            }
        }
        func reached(from start: Int, _ edges: [[Int]]) -> Set<Int> {
            var seen: Set = [start]
            var stack = [start]
            while let node = stack.popLast() { for next in edges[node] where seen.insert(next).inserted { stack.append(next) } }
            return seen
        }
        // Most likely the node with the most channels is in the largest; another one may be, where that one is cut off.
        var best: Set<Int> = []
        var left = Set(nodes.indices)
        while left.count > best.count, let start = left.max(by: { (forward[$0].count, $1) < (forward[$1].count, $0) }) {
            let component = reached(from: start, forward).intersection(reached(from: start, backward))
            if component.count > best.count { best = component }
            left.subtract(component)
        }
        return best.sorted()
    }
}
