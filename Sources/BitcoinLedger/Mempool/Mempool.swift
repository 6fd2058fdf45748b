package import BitcoinPrimitives
package import CryptoPrimitives

/// Transactions that wait for a block, each valid on top of the chain and of its ancestors here.
package struct Mempool: Sendable {
    /// A transaction together with a set of others: their number, size and fees as a miner counts them, itself included.
    package struct Family: Hashable, Sendable {
        package var count = 0
        /// Virtual bytes.
        package var size = 0
        package var fees = Satoshi.zero

        mutating func add(_ entry: Entry) {
            count += 1
            size += entry.size
            fees += entry.modifiedFee
        }

        mutating func remove(_ entry: Entry) {
            count -= 1
            size -= entry.size
            fees -= entry.modifiedFee
        }
    }

    package struct Entry: Sendable {
        package var transaction: Transaction
        package var id: TransactionID
        package var witnessID: Bytes32
        package var fee: Satoshi
        /// What somebody pays beside the chain, or takes off: `prioritise`.
        package internal(set) var feeDelta: Int64 = 0
        package var weight: Int
        /// Virtual bytes, or what the signature operations count for where that is more.
        package var size: Int
        /// The cost of its signatures (BIP 141).
        package var signatureOperationCost: Int
        /// Seconds since 1970 when it came.
        package var time: UInt32
        /// The chain's height when it came.
        package var height: BlockHeight
        /// The position in the order of arrival.
        package internal(set) var sequence: UInt64 = 0
        /// Transactions here whose outputs this one spends.
        package internal(set) var parents: Set<TransactionID> = []
        /// Transactions here that spend its outputs.
        package internal(set) var children: Set<TransactionID> = []
        package internal(set) var ancestors = Family()
        package internal(set) var descendants = Family()

        /// Whether it pays more than a rate for each 1000 virtual bytes; zero stands for no limit.
        package func pays(moreThan rate: Satoshi) -> Bool {
            guard rate > .zero else { return false }
            let paid = fee.value.multipliedFullWidth(by: 1000)
            let limit = rate.value.multipliedFullWidth(by: UInt64(size))
            return (paid.high, paid.low) > (limit.high, limit.low)
        }

        /// The fee as a miner counts it: with `feeDelta`, and never less than nothing.
        package var modifiedFee: Satoshi {
            let change = Satoshi(feeDelta.magnitude)
            return feeDelta < 0 ? fee.subtracting(change) ?? .zero : fee.saturatingAdding(change)
        }

        /// Whether it has no relatives here.
        var isAlone: Bool { parents.isEmpty && children.isEmpty }

        /// What it takes of the memory that the policy allows: the bytes, and the tables around them.
        var usage: Int { 800 + transaction.totalSize + 200 * transaction.inputs.count + 80 * transaction.outputs.count }

        /// Satoshi for each 1000 weight units, rounded down.
        package var feeRate: FeeRate { FeeRate(perKiloweight: UInt32(clamping: fee.value * 1000 / UInt64(weight))) }
    }

    package private(set) var entries: [TransactionID: Entry] = [:]
    /// Bytes of memory, approximately.
    package private(set) var usage = 0
    /// The sum of the sizes, in virtual bytes.
    package private(set) var size = 0
    package private(set) var totalFees = Satoshi.zero
    /// Counts what entered and left.
    package private(set) var sequence: UInt64 = 1
    /// Who spends what, among the entries.
    private var spenders: [OutPoint: TransactionID] = [:]
    /// When transactions came, the oldest first; some may have left.
    private var arrivals: [(time: UInt32, id: TransactionID)] = []
    private var firstArrival = 0
    var floor = MempoolFloor()
    /// What is paid for transactions beside the chain, whether or not they are here, in satoshi.
    package private(set) var feeDeltas: [TransactionID: Int64] = [:]
    /// So much for one, at most: sums of fees times sizes stay within 64 bits.
    static let maximumFeeDelta: Int64 = 1_000_000_000_000

    /// The entries in the order of their arrival.
    package var ordered: [Entry] { entries.values.sorted { $0.sequence < $1.sequence } }

    /// Which transaction here spends the output.
    package func spender(of outPoint: OutPoint) -> TransactionID? { spenders[outPoint] }

    /// An output of a transaction here.
    func output(_ outPoint: OutPoint) -> TransactionOutput? {
        guard let outputs = entries[outPoint.transaction]?.transaction.outputs,
            outputs.indices.contains(Int(outPoint.index))
        else { return nil }
        return outputs[Int(outPoint.index)]
    }

    /// The transactions here whose outputs this one spends.
    func parents(of transaction: Transaction) -> Set<TransactionID> {
        Set(transaction.inputs.lazy.map(\.previousOutput.transaction)).filter { entries[$0] != nil }
    }

    /// Takes an entry whose parents are here, and which no one here spends from yet.
    mutating func insert(_ entry: Entry) {
        var entry = entry
        entry.sequence = sequence
        sequence += 1
        entry.parents = parents(of: entry.transaction)
        entry.children = []
        entry.ancestors = Family()
        entry.descendants = Family()
        entry.ancestors.add(entry)
        entry.descendants.add(entry)
        for ancestor in ancestors(of: entry.parents) {
            entry.ancestors.add(entries[ancestor]!)
            entries[ancestor]!.descendants.add(entry)
        }
        for parent in entry.parents { entries[parent]!.children.insert(entry.id) }
        for input in entry.transaction.inputs { spenders[input.previousOutput] = entry.id }
        usage += entry.usage
        size += entry.size
        totalFees += entry.fee
        arrivals.append((entry.time, entry.id))
        entries[entry.id] = entry
    }

    /// Counts a transaction as paying more or less than it does, in addition to what was said before; until it is mined.
    ///
    /// - Returns: whether the sum is one that can be counted with; where not, nothing has changed.
    mutating func prioritise(_ id: TransactionID, by delta: Int64) -> Bool {
        let (sum, isTooMuch) = (feeDeltas[id] ?? 0).addingReportingOverflow(delta)
        guard !isTooMuch, sum.magnitude <= UInt64(Self.maximumFeeDelta) else { return false }
        feeDeltas[id] = sum == 0 ? nil : sum
        guard let old = entries[id] else { return true }
        var new = old
        new.feeDelta = sum
        for ancestor in ancestors(of: [id]) {
            entries[ancestor]!.descendants.remove(old)
            entries[ancestor]!.descendants.add(new)
        }
        for descendant in descendants(of: [id]) {
            entries[descendant]!.ancestors.remove(old)
            entries[descendant]!.ancestors.add(new)
        }
        entries[id]!.feeDelta = sum
        return true
    }

    /// Removes a transaction that was mined; what spends from it stays.
    mutating func removeMined(_ id: TransactionID) {
        feeDeltas[id] = nil
        guard let entry = entries[id] else { return }
        for descendant in descendants(of: [id]) where descendant != id { entries[descendant]!.ancestors.remove(entry) }
        for child in entry.children { entries[child]!.parents.remove(id) }
        forget(entry)
    }

    /// Removes transactions and all that spend from them.
    ///
    /// - Returns: those that left, in the order of their arrival.
    @discardableResult
    mutating func remove(_ ids: [TransactionID]) -> [TransactionID] {
        let leaving = descendants(of: ids)
        let set = Set(leaving)
        for id in leaving {
            let entry = entries[id]!
            for ancestor in ancestors(of: entry.parents) where !set.contains(ancestor) {
                entries[ancestor]!.descendants.remove(entry)
            }
            for parent in entry.parents where !set.contains(parent) { entries[parent]!.children.remove(id) }
        }
        for id in leaving { forget(entries[id]!) }
        return leaving
    }

    private mutating func forget(_ entry: Entry) {
        entries[entry.id] = nil
        for input in entry.transaction.inputs { spenders[input.previousOutput] = nil }
        usage -= entry.usage
        size -= entry.size
        totalFees -= entry.fee
        sequence += 1
    }

    /// These and all that spend from them, in the order of their arrival.
    package func descendants(of ids: some Sequence<TransactionID>) -> [TransactionID] {
        walk(ids) { $0.children }
    }

    /// These and all that they depend on, in an order in which they can be mined.
    package func ancestors(of ids: some Sequence<TransactionID>) -> [TransactionID] {
        walk(ids) { $0.parents }
    }

    private func walk(
        _ ids: some Sequence<TransactionID>, _ next: (Entry) -> Set<TransactionID>
    ) -> [TransactionID] {
        var queue = Array(ids)
        if queue.isEmpty { return [] }
        var found: [TransactionID: UInt64] = [:]
        while let id = queue.popLast() {
            guard found[id] == nil, let entry = entries[id] else { continue }
            found[id] = entry.sequence
            queue.append(contentsOf: next(entry))
        }
        // Parents come before their children.
        return found.sorted { $0.value < $1.value }.map(\.key)
    }

    /// After a mempool was filled anew: the oldest are looked at first when they expire.
    mutating func sortArrivals() {
        arrivals = arrivals[firstArrival...].sorted { $0.time < $1.time }
        firstArrival = 0
    }

    /// Removes what has waited too long.
    mutating func expire(before time: UInt32) -> [TransactionID] {
        var expired: [TransactionID] = []
        while firstArrival < arrivals.count, arrivals[firstArrival].time < time {
            let arrival = arrivals[firstArrival]
            if entries[arrival.id]?.time == arrival.time { expired.append(arrival.id) }
            firstArrival += 1
        }
        if firstArrival > 1000, firstArrival * 2 > arrivals.count {
            arrivals.removeFirst(firstArrival)
            firstArrival = 0
        }
        return expired.isEmpty ? [] : remove(expired)
    }

    /// Removes what pays least, together with its descendants, until the memory suffices.
    mutating func trim(to limit: Int, now: UInt32, policy: Policy) -> [TransactionID] {
        var evicted: [TransactionID] = []
        while usage > limit, let worst = entries.values.min(by: { Self.isWorse($0, $1) }) {
            let rate = worst.descendants.fees.value * 1000 / UInt64(worst.descendants.size)
            floor.raise(to: rate + policy.incrementalRelayFeeRate, now: now)
            evicted += remove([worst.id])
        }
        return evicted
    }

    /// Whether evicting the first with its descendants loses less than evicting the second with its own.
    private static func isWorse(_ left: Entry, _ right: Entry) -> Bool {
        let (a, b) = (score(left), score(right))
        let (first, second) = (a.fees * UInt64(b.size), b.fees * UInt64(a.size))
        return first == second ? left.sequence > right.sequence : first < second
    }

    /// An entry counts with its descendants if they pay more than itself.
    private static func score(_ entry: Entry) -> (fees: UInt64, size: Int) {
        let (own, family) = (entry.modifiedFee.value, entry.descendants.fees.value)
        let familyIsBetter = family * UInt64(entry.size) > own * UInt64(entry.descendants.size)
        return familyIsBetter ? (family, entry.descendants.size) : (own, entry.size)
    }
}

/// The rate below which a mempool that was full takes nothing: it rises when transactions are evicted, and halves
/// every twelve hours once a block has come (sooner when there is room).
struct MempoolFloor: Sendable, Hashable {
    /// Satoshi for each 1000 virtual bytes.
    private(set) var rate: Double = 0
    private var since: UInt32 = 0
    private var blockSinceRise = false
    static let halfLife = 12.0 * 3600

    mutating func raise(to rate: UInt64, now: UInt32) {
        guard Double(rate) > self.rate else { return }
        self.rate = Double(rate)
        since = now
        blockSinceRise = false
    }

    mutating func blockConnected(now: UInt32) {
        since = max(since, now)
        blockSinceRise = true
    }

    /// Satoshi for each 1000 virtual bytes.
    func minimum(now: UInt32, usage: Int, policy: Policy) -> UInt64 {
        guard rate > 0 else { return 0 }
        var current = rate
        if blockSinceRise, now > since {
            var halfLife = Self.halfLife
            if usage < policy.maximumMempoolUsage / 4 {
                halfLife /= 4
            } else if usage < policy.maximumMempoolUsage / 2 {
                halfLife /= 2
            }
            current *= Self.half(toThe: Double(now - since) / halfLife)
            if current < Double(policy.incrementalRelayFeeRate) / 2 { return 0 }
        }
        return max(UInt64(current.rounded()), policy.incrementalRelayFeeRate)
    }

    /// One half to a power that is not negative, from square roots alone.
    static func half(toThe exponent: Double) -> Double {
        guard exponent < 1000 else { return 0 }
        var result = 1.0
        for _ in 0..<Int(exponent) { result /= 2 }
        var fraction = exponent - exponent.rounded(.down)
        var root = 0.5
        for _ in 0..<32 {
            root = root.squareRoot()
            fraction *= 2
            if fraction >= 1 {
                result *= root
                fraction -= 1
            }
        }
        return result
    }
}
