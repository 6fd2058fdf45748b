import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningCore
import LightningRouting
import LightningTransactions
import LightningWire

/// The channels of a flow: what each direction has, and what is under way in it.
///
/// A direction is a number: twice its channel's, and one more for the way from `to` to `from`.
struct FlowNetwork: Sendable {
    let channels: [Scenario.Channel]
    /// As everybody knows it: a flow has no gossip that is still under way.
    var graph = NetworkGraph()
    let keys: [NodeKey]
    private(set) var numbers: [NodeKey: Int] = [:]
    /// Directions that leave a node.
    private(set) var outgoing: [[Int]]
    /// In msat, of each direction: what is neither the other side's nor in an HTLC.
    private(set) var balances: [UInt64]
    /// HTLCs under way in each direction.
    private(set) var offered: [Int]
    /// In msat: what the payers of a direction leave in it.
    private let kept: [UInt64]
    /// In msat, of all HTLCs under way that are no outputs.
    private(set) var dust: UInt64 = 0

    /// BOLT 2's dust limit of the policy, below which an HTLC is no output.
    static let dustLimit = ChannelPolicy().dustLimit.value * 1000
    /// When gossip said all of it: updates have a time.
    static let beginning = Timestamp(seconds: 1_700_000_000)

    init(_ scenario: Scenario) {
        channels = scenario.channels
        keys = scenario.nodes.indices.map { GraphTable.key(UInt64($0)) }
        outgoing = [[Int]](repeating: [], count: keys.count)
        balances = []
        var kept: [UInt64] = []
        for (number, key) in keys.enumerated() { numbers[key] = number }
        graph.reserve(channels: channels.count, nodes: keys.count)
        for (number, channel) in channels.enumerated() {
            let capacity = channel.capacity.value * 1000
            balances += [capacity - channel.pushed.value, channel.pushed.value]
            outgoing[channel.from].append(2 * number)
            outgoing[channel.to].append(2 * number + 1)
            kept += Self.kept(channel.capacity, scenario)
            let name = Self.name(number)
            let ends = [keys[channel.from], keys[channel.to]]
            // BOLT 7's order of the two ends is that of their keys.
            graph.add(channel: name, node1: ends.min()!, node2: ends.max()!, capacity: channel.capacity.value)
            for (terms, from, to) in [(channel.fromTerms, ends[0], ends[1]), (channel.toTerms, ends[1], ends[0])] {
                guard let terms else { continue }
                let policy = RoutingPolicy(
                    timestamp: Self.beginning.headerTime, feeBase: terms.feeBase,
                    feeProportionalMillionths: terms.feeProportionalMillionths,
                    cltvExpiryDelta: terms.cltvExpiryDelta, htlcMinimum: terms.htlcMinimum, htlcMaximum: terms.htlcMaximum ?? capacity,
                    isDisabled: terms.isDisabled)
                graph.set(policy, of: DirectedChannel(name, from: from, to: to))
            }
        }
        self.kept = kept
        offered = [Int](repeating: 0, count: balances.count)
    }

    /// What the opener and the other side leave in a channel: BOLT 2's reserve, and the opener the fee of a commitment with two HTLCs more at
    /// twice the rate, beside both anchors.
    private static func kept(_ capacity: Satoshi, _ scenario: Scenario) -> [UInt64] {
        let reserve = max(capacity.value / 100, ChannelPolicy().dustLimit.value) * 1000
        let rate = scenario.feeRates.first { $0.start == .zero }?.rate ?? NodeConfiguration().feeRate
        let twice = FeeRate(perKiloweight: rate.perKiloweight.multipliedReportingOverflow(by: 2).partialValue)
        let fee = CommitmentFees.openerCost(twice, hasAnchors: true, untrimmed: 2)
        return [reserve + fee.value * 1000, reserve]
    }

    // MARK: Names

    private static func name(_ number: Int) -> ShortChannelID {
        ShortChannelID(block: BlockHeight(number / 4096 + 1), transaction: number % 4096, output: 0)
    }

    /// A direction by its node and what routes call its channel.
    func direction(_ name: ShortChannelID, from node: Int) -> Int {
        let number = (name.block.value - 1) * 4096 + name.transaction
        return 2 * number + (channels[number].from == node ? 0 : 1)
    }

    func end(of direction: Int) -> Int { direction % 2 == 0 ? channels[direction / 2].to : channels[direction / 2].from }

    /// One of a node's directions as the first hop of a route.
    func local(_ direction: Int) -> LocalChannel {
        LocalChannel(
            shortChannelID: Self.name(direction / 2), peer: keys[end(of: direction)],
            spendable: hasFreeSlot(direction) ? spendable(direction) : 0, htlcMinimum: 1)
    }

    // MARK: Money

    /// In msat.
    func spendable(_ direction: Int) -> UInt64 { balances[direction] - min(balances[direction], kept[direction]) }

    func hasFreeSlot(_ direction: Int) -> Bool { offered[direction] < ChannelLimits.maxHTLCs }

    /// Puts an amount into an HTLC; whether there is room for it.
    mutating func offer(_ amount: UInt64, _ direction: Int) -> Bool {
        guard hasFreeSlot(direction), spendable(direction) >= amount else { return false }
        balances[direction] -= amount
        offered[direction] += 1
        if amount < Self.dustLimit { dust += amount }
        return true
    }

    /// An HTLC ends: its money is the other side's, or again its offerer's.
    mutating func end(_ amount: UInt64, _ direction: Int, isFulfilled: Bool) {
        balances[isFulfilled ? direction ^ 1 : direction] += amount
        offered[direction] -= 1
        if amount < Self.dustLimit { dust -= min(dust, amount) }
    }
}
