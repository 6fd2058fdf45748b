import LightningWire

extension Scenario {
    /// The largest set of nodes that all have a way to each other, over directions that are known and not disabled, whatever their amounts.
    ///
    /// In real networks many nodes are not among them: a third of all directions is disabled at any moment. Kosaraju's algorithm: the
    /// nodes in the order in which a search along the directions leaves them, the last one first, divide a search against the directions into
    /// the sets.
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
        var order: [Int] = []
        Self.search(forward, from: Array(nodes.indices)) {
            order.append($0)
        } began: { _ in
        }
        var best: [Int] = []
        var current: [Int] = []
        Self.search(backward, from: order.reversed()) {
            current.append($0)
        } began: { _ in
            if current.count > best.count { best = current }
            current = []
        }
        return (current.count > best.count ? current : best).sorted()
    }

    /// Goes through all nodes in depth, from one after the other.
    ///
    /// - Parameters:
    ///   - left: hears of each node when all behind it is done.
    ///   - began: hears from where a search begins that could not be reached before.
    private static func search(_ edges: [[Int]], from starts: [Int], left: (Int) -> Void, began: (Int) -> Void) {
        var seen = [Bool](repeating: false, count: edges.count)
        for start in starts where !seen[start] {
            began(start)
            seen[start] = true
            var stack = [(node: start, next: 0)]
            while let (node, next) = stack.last {
                guard next < edges[node].count else {
                    left(node)
                    stack.removeLast()
                    continue
                }
                stack[stack.count - 1].next += 1
                let other = edges[node][next]
                guard !seen[other] else { continue }
                seen[other] = true
                stack.append((other, 0))
            }
        }
    }
}
