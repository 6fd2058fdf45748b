import BitcoinPrimitives
import LightningRouting
public import LightningSimulation
import LightningWire

/// A real network as a table: nodes and channels with their terms, without their balances, which nobody knows.
///
/// Lines are `channel,node1,node2,capacity_sat`, then for either direction `base_msat,ppm,cltv_delta,htlc_min_msat,htlc_max_msat,disabled`, empty
/// where nobody has said it; a line that begins with `#` or `channel` is passed over.
public struct NetworkTable: Sendable {
    /// What the nodes are called: their numbers in the table.
    public private(set) var nodes: [String] = []
    /// Who has channels with whom; balances are nothing yet.
    public private(set) var channels: [Scenario.Channel] = []

    /// Why there is no network.
    public struct Unreadable: Error, Sendable, CustomStringConvertible {
        /// In words.
        public var description: String

        /// A reason.
        public init(_ description: String) { self.description = description }
    }

    /// Reads a table.
    public init(_ text: [UInt8]) throws(Unreadable) {
        let rows: [GraphTable.Row]
        do throws(GraphTable.Failure) { rows = try GraphTable.rows(text, timestamp: 1) } catch { throw Unreadable(error.description) }
        var numbers: [UInt64: Int] = [:]
        for row in rows {
            let ends = [row.nodes.0, row.nodes.1].map { number in
                if let known = numbers[number] { return known }
                numbers[number] = nodes.count
                nodes.append(String(number))
                return nodes.count - 1
            }
            var channel = Scenario.Channel(from: ends[0], to: ends[1], capacity: Satoshi(row.capacity), pushed: .zero)
            channel.fromTerms = row.policies.0.map { Scenario.Terms($0) }
            channel.toTerms = row.policies.1.map { Scenario.Terms($0) }
            channels.append(channel)
        }
    }
}

extension Scenario.Terms {
    fileprivate init(_ policy: RoutingPolicy) {
        self.init()
        feeBase = policy.feeBase
        feeProportionalMillionths = policy.feeProportionalMillionths
        cltvExpiryDelta = policy.cltvExpiryDelta
        htlcMinimum = policy.htlcMinimum
        htlcMaximum = policy.htlcMaximum
        isDisabled = policy.isDisabled
    }
}
