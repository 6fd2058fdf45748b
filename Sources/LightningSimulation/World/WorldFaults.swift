public import BitcoinPrimitives

// What is wrong with single nodes for some time, beside what `Faults` draws for all.
extension SimulatedWorld {
    /// How a node's disk is.
    public enum Disk: Hashable, Sendable {
        /// A commit takes no time.
        case healthy
        /// A commit takes so long: the node is busy meanwhile, what comes waits, and what it says leaves afterwards.
        case slow(Duration)
        /// Nothing can be written: the node ends with its first commit, and is started again every five seconds.
        case full
    }

    /// From now on a node's disk is like this.
    public mutating func setDisk(_ disk: Disk, of index: Int) {
        nodes[index].disk = disk
        guard disk == .healthy, nodes[index].busyUntil > now else { return }
        // What waits goes at once.
        nodes[index].busyUntil = now
        schedule(.written(index, life: nodes[index].incarnation), after: .zero)
    }

    /// From now on a node's clock is so much fast, or slow where it is negative; all of a sudden, as when somebody sets it.
    public mutating func setClock(skew: Duration, of index: Int) {
        nodes[index].clockSkew = skew
        // It asks anew for when it wants to be woken.
        nodes[index].wake = nil
    }

    /// What a node's clock says now.
    public func clock(of index: Int) -> Timestamp {
        let skew = nodes[index].clockSkew
        return skew < .zero ? now - (.zero - skew) : now + skew
    }

    /// When it was, or will be, what a node's clock of now calls a moment.
    func time(_ moment: Timestamp, ofClock index: Int) -> Timestamp {
        let skew = nodes[index].clockSkew
        return skew < .zero ? moment + (.zero - skew) : moment - skew
    }

    /// These nodes no longer reach the others, nor the others them, until `reunite`; among each other they do.
    public mutating func part(_ group: Set<Int>) {
        partitions.append(group)
        for link in links.indices where links[link].isOpen && isParted(links[link].caller, links[link].callee) {
            breakLink(link, tell: nil)
        }
    }

    /// A group that was parted reaches everybody again.
    public mutating func reunite(_ group: Set<Int>) {
        if let index = partitions.firstIndex(of: group) { partitions.remove(at: index) }
    }

    /// Whether two nodes do not reach each other.
    func isParted(_ one: Int, _ two: Int) -> Bool { partitions.contains { $0.contains(one) != $0.contains(two) } }
}
