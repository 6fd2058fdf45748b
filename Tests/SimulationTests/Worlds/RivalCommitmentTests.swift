import BitcoinLedger
import BitcoinPrimitives
import LightningChain
import LightningChannel
import LightningEnforcement
import LightningSimulation
import LightningTransactions
import LightningWire
import TestSupport
import Testing

@testable import LightningCore

/// Both sides publish their commitments, for less than a block asks for by now.
@Suite("two commitments in one mempool", .ownThreads)
struct RivalCommitmentTests {
    @Test("the peer's commitment, which ours does not get past, is brought into a block by a child of ours", arguments: [true, false])
    func rival(isSeenFirst: Bool) throws {
        var world = SimulatedWorld(seed: 77, names: ["alice", "bob"])
        try world.mine(1, paying: AdversaryCoins.script)
        try world.fund(0)
        try world.fund(0)
        world.join(0, 1)
        try world.run(limit: .milliseconds(2000))
        try world.command(
            0,
            .openChannel(
                world.nodes[1].nodeID, amount: Satoshi(500_000), push: MilliSatoshi(Satoshi(200_000)), feeRate: FeeRate(perKiloweight: 253))
        )
        try world.run(limit: .milliseconds(2000))
        try world.mine(6)
        try world.pass(3)
        let id = try #require(world.nodes[0].core!.channels.ids.first)
        let commitment = world.signedCommitment(1, id)
        let theirs = try #require(commitment)
        let origin = try #require(world.nodes[1].core?.channels[id]).parameters.keyOrigin
        world.disconnect(0)
        world.stop(1)
        try world.publish(theirs)
        let keys = SimulatedWorld.keys(77, 1).channel(origin)
        let coinbase = try #require(world.minedBlocks.first { $0.transactions[0].outputs[0].script == AdversaryCoins.script }).transactions[
            0]
        let made = Pins.pins(theirs, keys.funding, coin: coinbase)
        let pins = try #require(made)
        for pin in pins { try world.publish(pin) }
        try world.input(0, .feeRates(FeeEstimates(FeeRate(perKiloweight: 4000))))
        // It is seen when nothing needs to be done about it, or later, when ours has been refused: it pays no more.
        if isSeenFirst { try world.input(0, .mempoolSeen([theirs])) }
        try world.command(0, .forceCloseChannel(id))
        try world.pass(2)
        let known = Set(([theirs] + pins).map(\.id))
        if !isSeenFirst {
            #expect(Set(world.ledger.mempool.entries.keys) == known)
            try world.input(0, .mempoolSeen([theirs]))
            try world.pass(2)
        }
        let child = try #require(
            world.ledger.mempool.entries.values.map(\.transaction).first { !known.contains($0.id) })
        #expect(child.inputs.contains { $0.previousOutput.transaction == theirs.id })
        try world.mine(1)
        try world.pass(1)
        let block = try #require(world.minedBlocks.last)
        #expect(block.transactions.map(\.id).contains(theirs.id) && block.transactions.map(\.id).contains(child.id))
        let channel = try #require(world.nodes[0].core!.channels[id])
        #expect(channel.close?.kind == .remoteCommitment && channel.commitmentBumpFee > .zero)
        // Whatever came of it is in the wallet, and nothing of it stays reserved.
        try world.mine(10)
        try world.pass(2)
        let wallet = world.nodes[0].core!.wallet
        let balance = wallet.balance(height: world.ledger.height)
        #expect(wallet.spendable(height: world.ledger.height) == balance.confirmed && balance.unconfirmed == .zero)
        #expect(world.nodes[0].core!.channels[id]?.isClosed == true)
        #expect(world.nodes[0].core!.difference(from: world.nodes[0].store) == nil)
    }
}
