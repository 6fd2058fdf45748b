import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningCore
import LightningRouting
import LightningSimulation
import LightningTransactions
import LightningWire
import TestSupport
import Testing

/// Strangers who want all places of a node: others still find one, and the peers of channels never lose theirs.
@Suite("crowds of strangers", .ownThreads)
struct CrowdTests {
    private static func secret(_ number: Int) -> SecretKey { SecretKey(Hash.sha256(Array("stranger \(number)".utf8)))! }
    private static func address(_ number: Int) -> AddressGroup { AddressGroup([10, 0, 0, UInt8(number)]) }

    /// Two nodes with a channel, of which few strangers may be connected to each.
    private static func world(_ seed: UInt64) throws -> SimulatedWorld {
        var configuration = NodeConfiguration()
        configuration.gossip.flushInterval = .milliseconds(1000)
        configuration.connections.strangers = 8
        configuration.connections.strangersOfAddress = 4
        var random = SeededRandom(seed: 1)
        var world = SimulatedWorld(seed: seed, names: ["n0", "n1"], configuration: configuration)
        try world.build(
            Topology(.line, nodes: 2, using: &random), capacity: { _ in Satoshi(1_000_000) }, push: { _ in MilliSatoshi(400_000_000) })
        world.checkInterval = 64
        return world
    }

    @Test("whoever comes last is let in, whoever has a channel stays, and nobody has all places")
    func strangers() throws {
        var world = try Self.world(71)
        var connections: [RawConnection] = []
        for number in 0..<40 {
            let connection = try world.dial(1, as: Self.secret(number), from: Self.address(number < 20 ? 1 : number))
            let newcomer = try #require(connection)
            #expect(world.isOpen(newcomer))
            connections.append(newcomer)
            let fromOne = connections.indices.filter { $0 < 20 && world.isOpen(connections[$0]) }.count
            #expect(fromOne <= 4)
            #expect(connections.count { world.isOpen($0) } <= 8)
        }
        #expect(world.isConnected(0, 1))
        // It comes back among them as well, which is how peers of public nodes usually come.
        for _ in 0..<3 {
            world.disconnect(0)
            try world.pass(2)
            #expect(world.isConnected(0, 1) && world.nodes[1].core!.channels.values.allSatisfy(\.isUsable))
        }
        // Those who came first have kept their places against the flood.
        #expect(world.isOpen(connections[0]))
    }

    @Test("sockets that say nothing keep nobody out, neither from elsewhere nor from the same address")
    func silence() throws {
        var world = try Self.world(72)
        for number in 0..<400 {
            _ = try world.openSocket(to: 1, from: Self.address(number % 2))
            if number % 50 == 0 { try world.pass(1, interval: .milliseconds(1100)) }
        }
        for number in 0..<3 {
            let connection = try #require(try world.dial(1, as: Self.secret(number), from: Self.address(number)))
            #expect(world.isOpen(connection))
        }
        world.disconnect(0)
        try world.pass(2)
        #expect(world.isConnected(0, 1))
    }

    @Test("a channel that was never funded is no reason to stay")
    func unfunded() throws {
        var world = try Self.world(73)
        var fakes: [RawConnection] = []
        for number in 0..<8 {
            var connection = try #require(try world.dial(1, as: Self.secret(number), from: Self.address(number)))
            let keys = ChannelKeys(seed: Hash.sha256([UInt8(number)]))
            let opening = try world.openFalsely(
                over: &connection, keys: keys, temporaryID: Hash.sha256([1]),
                funding: OutPoint(TransactionID(Hash.sha256([UInt8(number)])), 0))
            #expect(opening.channel != nil)
            fakes.append(connection)
        }
        let newcomer = try #require(try world.dial(1, as: Self.secret(100), from: Self.address(100)))
        #expect(world.isOpen(newcomer) && fakes.count { world.isOpen($0) } == 7)
    }

    @Test("open_channel is metered: strangers together cannot keep a node busy, and its channel peers can still open")
    func openings() throws {
        var world = try Self.world(74)
        var accepted = 0
        for number in 0..<30 {
            var connection = try #require(try world.dial(1, as: Self.secret(number), from: Self.address(number)))
            for again in 0..<30 {
                let keys = ChannelKeys(seed: Hash.sha256([UInt8(number), UInt8(again)]))
                let opening = try world.openFalsely(over: &connection, keys: keys, temporaryID: Hash.sha256([1]), funding: nil)
                if case .acceptChannel? = opening.answer { accepted += 1 }
                #expect(opening.answer != nil && world.isOpen(connection))
            }
        }
        #expect(accepted <= 110)
        try world.command(0, .openChannel(world.nodes[1].nodeID, amount: Satoshi(300_000), push: .zero, feeRate: nil))
        try world.run(limit: .milliseconds(2000))
        #expect(world.nodes[0].core!.channels.count == 2)
    }

    @Test("a stranger's fake channels never push out another one's that waits for its block")
    func unfundedPlaces() throws {
        var world = try Self.world(75)
        // Somebody opens a channel and goes away, as a phone does; its funding transaction takes a while.
        var phone = try #require(try world.dial(1, as: Self.secret(1000), from: Self.address(200)))
        let real = try world.openFalsely(
            over: &phone, keys: ChannelKeys(seed: Hash.sha256([1])), temporaryID: Hash.sha256([1]),
            funding: OutPoint(TransactionID(Hash.sha256([200])), 0))
        let id = try #require(real.channel).id
        try world.hangUp(phone)
        for number in 0..<30 {
            var connection = try #require(try world.dial(1, as: Self.secret(number), from: Self.address(number)))
            for again in 0..<6 {
                let funding = OutPoint(TransactionID(Hash.sha256([UInt8(number), UInt8(again)])), 0)
                _ = try world.openFalsely(
                    over: &connection, keys: ChannelKeys(seed: Hash.sha256([UInt8(number), UInt8(again)])),
                    temporaryID: Hash.sha256([1]), funding: funding)
            }
            try world.hangUp(connection)
            try world.pass(6)
        }
        #expect(world.nodes[1].core!.channels[id] != nil)
        #expect(world.nodes[1].core!.channels.count <= 101)
        // Later there is room again, at the expense of whoever took most.
        try world.mine(7)
        var late = try #require(try world.dial(1, as: Self.secret(2000), from: Self.address(201)))
        let opening = try world.openFalsely(
            over: &late, keys: ChannelKeys(seed: Hash.sha256([2])), temporaryID: Hash.sha256([1]),
            funding: OutPoint(TransactionID(Hash.sha256([201])), 0))
        #expect(opening.channel != nil)
        #expect(world.nodes[1].core!.channels[id] != nil)
    }
}
