import BitcoinLedger
import BitcoinPrimitives
import LightningChain
import LightningEnforcement
import LightningSimulation
import LightningTransactions
import LightningWire
import TestSupport
import Testing

@testable import LightningChannel
@testable import LightningCore

/// What the owner wants a force close to pay.
@Suite("the owner's fee of a force close", .ownThreads)
struct CloseFeeTests {
    private static let floor = FeeRate(perKiloweight: 253)

    private static func world(_ type: ChannelType = .anchors) throws -> (world: SimulatedWorld, id: ChannelID) {
        var configuration = NodeConfiguration()
        configuration.policy.channelType = type
        var world = SimulatedWorld(seed: 78, names: ["alice", "bob"], configuration: configuration)
        try world.fund(0)
        try world.fund(0)
        world.join(0, 1)
        try world.run(limit: .milliseconds(2000))
        try world.command(
            0,
            .openChannel(world.nodes[1].nodeID, amount: Satoshi(500_000), push: MilliSatoshi(Satoshi(200_000)), feeRate: floor))
        try world.run(limit: .milliseconds(2000))
        try world.mine(6)
        try world.pass(3)
        let id = try #require(world.nodes[0].core!.channels.ids.first)
        world.stop(1)
        return (world, id)
    }

    /// What the commitment and its child in the mempool pay for each 1000 weight units; 0 where there is no child.
    private static func packageRate(_ world: SimulatedWorld, _ commitment: Transaction) -> UInt64 {
        let entries = world.ledger.mempool.entries
        guard let parent = entries[commitment.id],
            let child = entries.values.first(where: { $0.transaction.inputs.contains { $0.previousOutput.transaction == commitment.id } })
        else { return 0 }
        return (parent.fee + child.fee).value * 1000 / UInt64(commitment.weight + child.transaction.weight)
    }

    @Test("the last state and its child pay what was said, and more where more is said before a block holds them; it survives a crash")
    func paid() throws {
        var (world, id) = try Self.world()
        let signed = world.signedCommitment(0, id)
        let commitment = try #require(signed)
        try world.input(0, .feeRates(FeeEstimates(Self.floor)))
        let quote = try world.nodes[0].core!.forceCloseQuote(of: id, .rate(FeeRate(perKiloweight: 2000)))
        // At the floor the state pays enough by itself: only the owner wants more.
        let plain = try world.nodes[0].core!.forceCloseQuote(of: id)
        #expect(plain?.childFee == .zero)
        try world.command(0, .forceCloseChannel(id, fee: .rate(FeeRate(perKiloweight: 2000))))
        try world.pass(1)
        #expect((2000..<2300).contains(Self.packageRate(world, commitment)))
        let bump = try #require(world.nodes[0].core!.channels[id]?.commitmentBumpFee)
        #expect(quote?.childFee == bump - CommitmentFees.anchorAmount && quote?.isChildCovered == true)

        // What the child has taken is free for the one that replaces it, where there is nothing else.
        let raised = try world.nodes[0].core!.forceCloseQuote(of: id, .rate(FeeRate(perKiloweight: 5000)))
        #expect(raised?.isChildCovered == true)
        try world.command(0, .forceCloseChannel(id, fee: .rate(FeeRate(perKiloweight: 5000))))
        try world.pass(1)
        #expect((5000..<5600).contains(Self.packageRate(world, commitment)))
        // Nor do blocks without it change anything.
        try world.mine(2, including: [])
        try world.pass(1)
        #expect(Self.packageRate(world, commitment) >= 5000)

        #expect(world.nodes[0].core!.difference(from: world.nodes[0].store) == nil)
        world.kill(0)
        world.resume(0)
        try world.pass(2)
        try world.mine(1)
        try world.pass(1)
        #expect(world.nodes[0].core!.channels[id]?.close?.kind == .localCommitment)
        let again = try #require(world.nodes[0].core!.channels[id]?.commitmentBumpFee)
        #expect(again > bump)
    }

    @Test("a fee is never more than what the channel holds of ours, and what layer 1 asks for is paid even if less was said")
    func bounded() throws {
        var (world, id) = try Self.world()
        let signed = world.signedCommitment(0, id)
        let commitment = try #require(signed)
        try world.command(0, .forceCloseChannel(id, fee: .anyRate(FeeRate(perKiloweight: 4_000_000))))
        try world.pass(1)
        let bump = try #require(world.nodes[0].core!.channels[id]?.commitmentBumpFee)
        let held = try #require(world.nodes[0].core!.channels[id]).commitments.toLocal.roundedDown
        #expect(bump > .zero && bump <= held)
        #expect(Self.packageRate(world, commitment) > 0)

        // Who says little does not agree to much: what layer 1 asks for is paid up to what a close may cost anyway.
        var (dear, third) = try Self.world()
        try dear.input(0, .feeRates(FeeEstimates(FeeRate(perKiloweight: 100_000))))
        try dear.command(0, .forceCloseChannel(third, fee: .rate(FeeRate(perKiloweight: 2000))))
        try dear.pass(1)
        let modest = try #require(dear.nodes[0].core!.channels[third]?.commitmentBumpFee)
        #expect(modest > .zero && modest <= Satoshi(held.value / 20))

        var (other, second) = try Self.world()
        let signedToo = other.signedCommitment(0, second)
        let others = try #require(signedToo)
        try other.input(0, .feeRates(FeeEstimates(FeeRate(perKiloweight: 4000))))
        try other.command(0, .forceCloseChannel(second, fee: .rate(FeeRate(perKiloweight: 300))))
        try other.pass(1)
        #expect(Self.packageRate(other, others) >= 4000)
    }

    @Test("a reorganization of the close does not make the owner's wish forgotten, and a raise that is small is made all the same")
    func reorganized() throws {
        var (world, id) = try Self.world()
        let signed = world.signedCommitment(0, id)
        let commitment = try #require(signed)
        try world.input(0, .feeRates(FeeEstimates(Self.floor)))
        try world.command(0, .forceCloseChannel(id, fee: .rate(FeeRate(perKiloweight: 3000))))
        try world.pass(1)
        try world.command(0, .forceCloseChannel(id, fee: .rate(FeeRate(perKiloweight: 3100))))
        try world.pass(1)
        #expect((3100..<3400).contains(Self.packageRate(world, commitment)))
        // The same again, or less, is told to be pointless.
        for rate in [UInt32(3100), 400] {
            let request = try world.command(0, .forceCloseChannel(id, fee: .rate(FeeRate(perKiloweight: rate))))
            guard case .failure(.invalid)? = world.nodes[0].answers[request] else {
                Issue.record("\(String(describing: world.nodes[0].answers[request]))")
                return
            }
        }
        let waiting = world.nodes[0].core!.unconfirmedTransactions.first { $0.purpose == .feeBump(id) }
        #expect(waiting?.fee == world.nodes[0].core!.channels[id]?.commitmentBumpFee)
        let bumped = try world.command(0, .bumpFee(commitment.id, nil))
        guard case .failure(.bump(.automatic))? = world.nodes[0].answers[bumped] else {
            Issue.record("\(String(describing: world.nodes[0].answers[bumped]))")
            return
        }
        try world.mine(1)
        try world.pass(1)
        #expect(world.nodes[0].core!.channels[id]?.close?.kind == .localCommitment)
        #expect(world.nodes[0].core!.difference(from: world.nodes[0].store) == nil)
        try world.reorganize(depth: 1)
        try world.pass(1)
        guard case .failed(let failed)? = world.nodes[0].core!.channels[id]?.phase else {
            Issue.record("\(world.nodes[0].core!.channels[id]?.stateName ?? "")")
            return
        }
        #expect(failed.feeRate == FeeRate(perKiloweight: 3100))
        #expect(Self.packageRate(world, commitment) >= 3100)
    }

    @Test("where nothing can be added, and where the rate is absurd, nothing is done")
    func refused() throws {
        var (old, id) = try Self.world(.staticRemoteKey)
        let first = try old.command(0, .forceCloseChannel(id, fee: .rate(FeeRate(perKiloweight: 2000))))
        try old.pass(1)
        guard case .failure(.invalid) = old.nodes[0].answers[first] else {
            Issue.record("\(String(describing: old.nodes[0].answers[first]))")
            return
        }
        #expect(old.nodes[0].core!.channels[id]?.isOpen == true)

        var (world, second) = try Self.world()
        let request = try world.command(0, .forceCloseChannel(second, fee: .rate(FeeRate(perKiloweight: 4_000_000))))
        try world.pass(1)
        guard case .failure(.wallet(.feeRateTooHigh)) = world.nodes[0].answers[request] else {
            Issue.record("\(String(describing: world.nodes[0].answers[request]))")
            return
        }
        #expect(world.nodes[0].core!.channels[second]?.isOpen == true)
        // One that is given up is not given up again, unless it is to pay more.
        try world.command(0, .forceCloseChannel(second))
        let again = try world.command(0, .forceCloseChannel(second))
        guard case .failure(.channel(.notUsable)) = world.nodes[0].answers[again] else {
            Issue.record("\(String(describing: world.nodes[0].answers[again]))")
            return
        }
    }
}
