import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import LightningChain
import LightningChannel
import LightningCore
import LightningSimulation
import LightningTransactions
import LightningWire
import Testing

/// The opener of a channel keeps its commitments at a fee rate that will do.
@Suite("fee rates of channels")
struct FeeUpdateTests {
    private static func world(_ seed: UInt64, _ type: ChannelType, push: UInt64 = 300_000) throws -> (SimulatedWorld, ChannelID) {
        var configuration = NodeConfiguration()
        configuration.policy.channelType = type
        configuration.feeRate = .floor
        var world = SimulatedWorld(seed: seed, names: ["alice", "bob"], configuration: configuration)
        try world.fund(0)
        world.join(0, 1)
        try world.pass(2)
        try world.command(
            0, .openChannel(world.nodes[1].nodeID, amount: Satoshi(1_000_000), push: MilliSatoshi(Satoshi(push)), feeRate: nil))
        try world.run(limit: .milliseconds(2000))
        try world.mine(6)
        try world.pass(2)
        return (world, try #require(world.nodes[0].core!.channels.keys.first))
    }

    private static func rates(_ world: SimulatedWorld, _ id: ChannelID) -> [UInt32] {
        world.nodes.map { $0.core!.channels[id]!.feeRate.perKiloweight }
    }

    private static func set(_ world: inout SimulatedWorld, _ rate: UInt32) throws {
        for index in 0..<2 { try world.input(index, .feeRates(FeeEstimates(FeeRate(perKiloweight: rate)))) }
        try world.pass(15)
    }

    @Test("it follows the estimate up and down, with anchors up to 10 sat/vB, and not every little move", arguments: [true, false])
    func follows(hasAnchors: Bool) throws {
        var (world, id) = try Self.world(301, hasAnchors ? .anchors : .staticRemoteKey)
        #expect(Self.rates(world, id) == [253, 253])
        try Self.set(&world, 300)
        #expect(Self.rates(world, id) == [253, 253])
        try Self.set(&world, 1000)
        #expect(Self.rates(world, id) == [1000, 1000])
        try Self.set(&world, 1200)
        #expect(Self.rates(world, id) == [1000, 1000])
        try Self.set(&world, 600)
        #expect(Self.rates(world, id) == [1000, 1000])
        try Self.set(&world, 8000)
        #expect(Self.rates(world, id) == (hasAnchors ? [2500, 2500] : [8000, 8000]))
        world.disconnect(0)
        try Self.set(&world, 300)
        #expect(Self.rates(world, id) == [300, 300])
        try world.checkAgreement(0, 1)
        #expect(world.nodes.allSatisfy { $0.core!.channels[id]!.isUsable })
    }

    @Test("after a restart nothing is proposed before layer 1 has said what transactions pay", arguments: [true, false])
    func restart(hasAnchors: Bool) throws {
        var (world, id) = try Self.world(305, hasAnchors ? .anchors : .staticRemoteKey)
        try Self.set(&world, 8000)
        let before = Self.rates(world, id)
        world.kill(0)
        try world.pass(30)
        #expect(world.nodes[0].core!.channels[id]!.isUsable && Self.rates(world, id) == before)
        try Self.set(&world, 4000)
        #expect(Self.rates(world, id) == (hasAnchors ? [2500, 2500] : [4000, 4000]))
    }

    @Test("an opener that cannot afford the whole rise takes what it can, and the channel goes on")
    func unaffordable() throws {
        // Bob has nearly all: alice's reserve is 10,000 sat, and 13,000 are hers.
        var (world, id) = try Self.world(302, .staticRemoteKey, push: 987_000)
        try Self.set(&world, 40_000)
        let rate = Self.rates(world, id)[0]
        #expect(rate > 253 && rate < 40_000 && Self.rates(world, id) == [rate, rate])
        #expect(world.nodes.allSatisfy { $0.core!.channels[id]!.isUsable })
    }

    @Test("a peer whose estimate is a fortieth of ours keeps the channel")
    func estimatesDiffer() throws {
        var (world, id) = try Self.world(303, .anchors)
        try world.command(0, .setFeeRate(id, FeeRate(perKiloweight: 2530)))
        try world.input(0, .feeRates(FeeEstimates(FeeRate(perKiloweight: 10_001))))
        try world.command(0, .setFeeRate(id, FeeRate(perKiloweight: 10_001)))
        try world.run(limit: .milliseconds(2000))
        try world.command(0, .setFeeRate(id, FeeRate(perKiloweight: 10_001)))
        try world.run(limit: .milliseconds(2000))
        #expect(Self.rates(world, id) == [10_001, 10_001])
        #expect(world.nodes[1].core!.channels[id]!.isOpen)
    }

    @Test(
        "a close on which nobody agrees ends after a day of connection, and not before; time away counts for nothing",
        arguments: [false, true])
    func stuckClose(isAwayBetween: Bool) throws {
        var world = SimulatedWorld(seed: 304, names: ["alice"])
        try world.fund(0)
        let secret = SecretKey(Hash.sha256([4]))!
        let connection = try #require(try world.dial(0, as: secret))
        var raw = try #require(try world.openChannel(to: connection, keys: ChannelKeys(seed: Hash.sha256([5]))))
        let id = raw.channel.id
        try world.command(0, .closeChannel(id, to: nil))
        // The peer lives, and says nothing to it.
        func hours(_ count: Int) throws {
            for _ in 0..<count * 72 {
                try world.pass(1, interval: .milliseconds(50_000))
                try world.say(.ping(Ping(pongBytes: 0)), over: &raw.connection)
            }
            try world.mine(1)
        }
        try hours(23)
        #expect(world.isOpen(raw.connection) && world.nodes[0].core!.channels[id]!.isOpen)
        if isAwayBetween {
            try world.hangUp(raw.connection)
            _ = raw.channel.handle(.disconnected, raw.environment(height: world.ledger.height))
            for _ in 0..<40 { try world.pass(1, interval: .milliseconds(3_600_000)) }
            raw.connection = try #require(try world.dial(0, as: secret))
            try world.send(raw.channel.handle(.connected, raw.environment(height: world.ledger.height)), over: &raw)
            try world.pass(3)
            #expect(world.nodes[0].core!.channels[id]!.connection == .established)
            #expect(world.nodes[0].core!.channels[id]!.isOpen)
        }
        try hours(2)
        guard case .failed(let failed) = world.nodes[0].core!.channels[id]!.phase else {
            #expect(world.nodes[0].core!.channels[id]!.close != nil)
            return
        }
        #expect(failed.reason.contains("within a day"))
    }
}
