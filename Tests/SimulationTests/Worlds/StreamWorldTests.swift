import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningPayment
import LightningRecords
import LightningSimulation
import LightningWire
import TestSupport
import Testing

@testable import LightningCore

/// Streams over whole nodes: alice pays carol by bob, while messages are delayed, connections break and nodes die at their commits.
@Suite("streams over a network", .ownThreads)
struct StreamWorldTests {
    private static let (alice, bob, carol) = (0, 1, 2)

    private static func world(_ seed: UInt64) throws -> SimulatedWorld {
        var world = SimulatedWorld(seed: seed, names: ["alice", "bob", "carol"], configuration: NodeConfiguration())
        var random = SeededRandom(seed: seed)
        try world.build(
            Topology(.line, nodes: 3, using: &random), capacity: { _ in Satoshi(2_000_000) }, push: { _ in MilliSatoshi(1_000_000_000) })
        try world.pass(5)
        world.checkInterval = 16
        return world
    }

    private static func local(_ world: SimulatedWorld, _ index: Int) -> UInt64 {
        world.nodes[index].core!.channels.values.reduce(0) { $0 + $1.commitments.toLocal.value }
    }

    private static func start(_ world: inout SimulatedWorld, _ terms: StreamTerms) throws -> PaymentStream? {
        guard case .stream(let stream)? = try world.ask(alice, .startStream(terms)) else { return nil }
        return stream
    }

    private static func over(_ world: SimulatedWorld) throws -> [PaymentStream] {
        try world.nodes[alice].store.records(.streamHistory).map { record in try PaymentStream(record: record) }
    }

    @Test("a stream by a forwarder pays what it says, to the millisatoshi, and is one record", arguments: [UInt64(1)])
    func calm(seed: UInt64) throws {
        var world = try Self.world(seed)
        let (before, carols) = (Self.local(world, Self.alice), Self.local(world, Self.carol))
        var terms = StreamTerms(rate: .perSecond(MilliSatoshi(100_000)), to: [.init(world.nodes[Self.carol].nodeID)])
        (terms.duration, terms.maxFeeMillionths) = (.seconds(120), 50_000)
        let stream = try #require(try Self.start(&world, terms))
        for _ in 0..<130 where world.nodes[Self.alice].core!.streams[stream.id] != nil {
            try world.pass(1)
            // Nothing piles up: what is over is added up.
            #expect(world.nodes[Self.alice].store.records(.payments).count <= 10)
        }
        try world.pass(3)
        let end = try #require(try Self.over(world).first)
        guard case .over(.duration, _) = end.status else {
            Issue.record("\(end.status)")
            return
        }
        #expect(end.paid == MilliSatoshi(12_000_000) && end.fees > .zero && end.fees.value * 20 <= end.paid.value)
        #expect(before - Self.local(world, Self.alice) == end.paid.value + end.fees.value)
        #expect(Self.local(world, Self.carol) - carols == end.paid.value)
        let store = world.nodes[Self.alice].store
        #expect(store.records(.payments).isEmpty && store.records(.paymentHistory).isEmpty && store.records(.streams).isEmpty)
        #expect(store.records(.streamHistory).map(\.count).max() ?? 0 < 500)
        // 120 payments of dust: nothing is kept of them for a breach, in which they are no outputs.
        for node in world.nodes { #expect(node.store.records(.revokedHTLCs).isEmpty) }
        // The payee has one row as well.
        let carol = world.nodes[Self.carol]
        let incoming = try #require(carol.core!.incomingStreams.values.first)
        #expect(incoming.tag == end.tag(to: 0) && incoming.received == end.paid && incoming.payments == end.succeeded)
        #expect(carol.core!.incomingStreams.count == 1 && carol.store.records(.incomingStreams) == [incoming.encoded()])
        #expect(carol.store.records(.invoices).isEmpty && carol.store.records(.invoiceHistory).isEmpty)
        #expect(String(decoding: incoming.podcast ?? [], as: UTF8.self).contains("\"action\":\"stream\""))
        let receipts = world.nodes[Self.alice].events.compactMap { event in
            if case .streamPaid(let receipt) = event { receipt } else { nil }
        }
        #expect(receipts.reduce(0) { $0 + ($1.failure == nil ? $1.amount.value : 0) } == end.paid.value)
        #expect(UInt64(receipts.count) == end.succeeded + end.failed)
    }

    @Test("a channel's rows do not grow with micropayments: what a million would add is below a megabyte")
    func space() throws {
        var world = try Self.world(7)
        func bytes(_ node: Int) -> Int {
            [StoreTable.channels, .htlcs, .revokedHTLCs, .circuits].reduce(0) { sum, table in
                world.nodes[node].store.tables[table, default: [:]].reduce(sum) { $0 + $1.key.count + $1.value.count }
            }
        }
        let payee = world.nodes[Self.bob].nodeID
        func pay(_ count: Int) throws {
            for number in 0..<count {
                try world.command(Self.alice, .keysend(payee, amount: MilliSatoshi(UInt64(1000 + number % 90 * 1000))))
                if number % 5 == 4 { try world.pass(1, interval: .milliseconds(300)) }
            }
            try world.pass(3)
        }
        try pay(50)
        let before = [bytes(Self.alice), bytes(Self.bob)]
        let states = world.nodes[Self.alice].core!.channels.values.reduce(UInt64(0)) { $0 + $1.commitments.localNumber }
        try pay(500)
        let grown = [bytes(Self.alice) - before[0], bytes(Self.bob) - before[1]]
        let more = world.nodes[Self.alice].core!.channels.values.reduce(UInt64(0)) { $0 + $1.commitments.localNumber } - states
        #expect(more >= 100, "there were \(more) states")
        // Of the peer's secrets one is kept for each bit of the state's number: 40 bytes for each doubling, and nothing for a payment.
        #expect(grown.allSatisfy { $0 * 2000 < 1_000_000 }, "\(grown) bytes for 500 payments")
        let succeeded = world.nodes[Self.alice].payments.values.count { if case .succeeded = $0.status { true } else { false } }
        #expect(succeeded >= 500)
        // The payee remembers each onion until its HTLC could not be replayed any more, and no longer.
        #expect(world.nodes[Self.bob].store.tables[.onions, default: [:]].count >= 500)
        try world.mine(300)
        #expect(world.nodes[Self.bob].store.tables[.onions, default: [:]].isEmpty)
    }

    @Test("over crashes and broken connections nothing is paid twice, and the budget is kept", arguments: UInt64(1)...4)
    func rough(seed: UInt64) throws {
        var world = try Self.world(seed)
        let (before, bobs, carols) = (Self.local(world, Self.alice), Self.local(world, Self.bob), Self.local(world, Self.carol))
        var terms = StreamTerms(
            rate: .perSecond(MilliSatoshi(30_000)),
            to: [.init(world.nodes[Self.carol].nodeID, weight: 9), .init(world.nodes[Self.bob].nodeID, weight: 1)])
        (terms.budget, terms.maxFeeMillionths, terms.patience, terms.catchUp) = (MilliSatoshi(3_000_000), 30_000, nil, .seconds(60))
        let stream = try #require(try Self.start(&world, terms))
        world.faults = .rough
        for _ in 0..<60 {
            try world.pass(2)
            if world.draw(0...9) == 0 { world.disconnect(world.draw(0...2)) }
        }
        world.faults = .none
        try world.pass(5)
        for _ in 0..<600 where world.nodes[Self.alice].core?.streams[stream.id] != nil { try world.pass(1) }
        try world.pass(5)
        let end = try #require(try Self.over(world).first, "seed \(seed): it is not over")
        #expect(end.paid + end.fees <= MilliSatoshi(3_000_000) && end.paid + end.fees >= MilliSatoshi(2_900_000), "seed \(seed): \(end)")
        #expect(before - Self.local(world, Self.alice) == end.paid.value + end.fees.value, "seed \(seed)")
        #expect(Self.local(world, Self.carol) - carols == end.paid(to: 0).value, "seed \(seed)")
        #expect(Self.local(world, Self.bob) - bobs == end.paid(to: 1).value + end.fees.value, "seed \(seed)")
        #expect(world.nodes[Self.alice].store.records(.payments).isEmpty && world.nodes[Self.alice].restarts > 0, "seed \(seed)")
    }

    @Test("a stream to a node that nobody knows fails by its patience, and costs nothing")
    func unknown() throws {
        var world = try Self.world(3)
        let before = Self.local(world, Self.alice)
        var terms = StreamTerms(
            rate: .perSecond(MilliSatoshi(30_000)), to: [.init(SecretKey(Hash.sha256([3, 3]))!.publicKey())])
        terms.patience = .seconds(120)
        _ = try #require(try Self.start(&world, terms))
        try world.pass(300)
        let end = try #require(try Self.over(world).first)
        guard case .over(.failures, _) = end.status else {
            Issue.record("\(end.status)")
            return
        }
        #expect(end.paid == .zero && end.fees == .zero && Self.local(world, Self.alice) == before)
        #expect(end.lastFailure?.contains("graph does not know the payee") == true, "\(end.lastFailure ?? "")")
        #expect(world.nodes[Self.alice].store.records(.payments).isEmpty)
    }
}
