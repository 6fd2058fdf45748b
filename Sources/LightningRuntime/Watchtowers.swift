import BitcoinPrimitives
package import LightningChannel
public import LightningCore
public import LightningWire

// Watchtowers: others that punish for us what a peer publishes while we are away, and what we do for others.
extension LightningNode {
    /// Has a watchtower keep penalty kits for this node from now on: for each commitment that a peer revokes what it takes to punish it.
    ///
    /// The watchtower learns nothing of the channels, nor who this node is, before a revoked commitment is published; and it can take nothing:
    /// what it claims goes to this wallet. It is called until it answers; kits wait for it in the store.
    public func addWatchtower(_ address: NodeAddress) async throws {
        _ = try await driver.command(.addWatchtower(address.nodeID))
        try await remember(address)
    }

    /// Gives a watchtower nothing more. What it has it may keep.
    public func removeWatchtower(_ node: NodeID) async throws { _ = try await driver.command(.removeWatchtower(node)) }

    /// The watchtowers that keep penalty kits for this node, and whether each is connected.
    public func watchtowers() async throws -> [(tower: Watchtower, isConnected: Bool)] {
        try await driver.read { core in core.watchtowers.map { ($0, core.isConnected($0.nodeID)) } }
    }

    /// The channels that are watched for this node, and how many states of each are revoked.
    package func watchedChannels() async throws -> [(channel: PaymentChannel, revoked: UInt64)] {
        try await driver.read { core in
            core.channels.values.filter { !$0.isClosed }.sorted { $0.id < $1.id }.map { channel in
                (channel, core.commitmentNumbers(of: channel.id)?.remote ?? 0)
            }
        }
    }

    /// What this node keeps for others as a watchtower: whether it serves, clients, kits, and breaches that it is punishing.
    public func watchtowerTotals() async throws -> (serves: Bool, clients: Int, kits: UInt64, breaches: Int) {
        let (serves, totals) = try await driver.read { ($0.configuration.tower != nil, $0.towerTotals) }
        return (serves, totals.clients, totals.kits, totals.cases)
    }
}
