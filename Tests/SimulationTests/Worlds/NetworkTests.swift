import BitcoinLedger
import BitcoinPrimitives
import LightningChannel
import LightningCore
import LightningInvoice
import LightningPayment
import LightningRouting
import LightningSimulation
import LightningWire
import TestSupport
import Testing

/// Payments over several hops between whole nodes.
struct NetworkTests {
    static func world(_ seed: UInt64, _ topology: Topology, push: MilliSatoshi = MilliSatoshi(400_000_000)) throws -> SimulatedWorld {
        var configuration = NodeConfiguration()
        configuration.gossip.flushInterval = .milliseconds(1000)
        var world = SimulatedWorld(seed: seed, names: (0..<topology.nodes).map { "n\($0)" }, configuration: configuration)
        try world.build(topology, capacity: { _ in Satoshi(1_000_000) }, push: { _ in push })
        return world
    }

    static func invoice(_ world: inout SimulatedWorld, _ node: Int, _ msat: UInt64?) throws -> InvoiceRecord {
        let response = try world.ask(node, .createInvoice(amount: msat.map { MilliSatoshi($0) }, .text("test"), expiry: .seconds(86_400)))
        var found: InvoiceRecord?
        if case .invoice(let record)? = response { found = record }
        return try #require(found)
    }

    @Test func lineOfFour() throws {
        var random = SeededRandom(seed: 1)
        var world = try Self.world(1, Topology(.line, nodes: 4, using: &random))
        let record = try Self.invoice(&world, 3, 50_000_000)
        #expect(record.invoice.routingHints.isEmpty)
        let before = world.nodes.map { node in node.core!.channels.values.reduce(MilliSatoshi.zero) { $0 + $1.commitments.toLocal } }
        let request = try world.command(0, .pay(record.invoice, amount: nil))
        try world.pass(5)
        guard case .success(.payment(let payment))? = world.nodes[0].answers[request] else {
            Issue.record("\(String(describing: world.nodes[0].answers[request]))")
            return
        }
        // Two forwarders: the first earns its fee for what goes on to the second.
        let second: UInt64 = 100 + 50_000_000 / 10_000
        let first: UInt64 = 100 + (50_000_000 + second) / 10_000
        #expect(payment.fee.value == first + second)
        // Every hop told how long it held the HTLC, and proved it.
        #expect(payment.attempts[0].holdTimes.count == 3)
        #expect(payment.paidRoutes.count == 1 && payment.paidRoutes[0].hops.count == 3)
        let after = world.nodes.map { node in node.core!.channels.values.reduce(MilliSatoshi.zero) { $0 + $1.commitments.toLocal } }
        #expect(before[0].value - after[0].value == 50_000_000 + first + second)
        #expect(after[1].value - before[1].value == first)
        #expect(after[2].value - before[2].value == second)
        #expect(after[3].value - before[3].value == 50_000_000)
        #expect(world.nodes[1].core!.circuits.totals.fees.value == first)
        try world.checkNetwork()
    }
}

extension NetworkTests {
    @Test("strangers who tell lies are sent away, and nobody believes them")
    func liars() throws {
        var random = SeededRandom(seed: 1)
        var world = try Self.world(5, Topology(.ring, nodes: 4, using: &random))
        world.checkInterval = 64
        for _ in 0..<20 {
            try world.lie(to: 1)
            try world.pass(1)
        }
        let notes = world.nodes[1].events.compactMap { event -> String? in
            if case .note(let text) = event { return text }
            return nil
        }
        #expect(notes.contains { $0.contains("gossip with an invalid signature") }, "\(notes)")
        for node in world.nodes {
            #expect(node.core!.gossip.graph.channelCount == 4 && node.core!.gossip.graph.nodeCount == 4)
            #expect(node.core!.gossip.graph.allChannels.allSatisfy { $0.policy1?.feeBase == 100 && $0.policy2?.feeBase == 100 })
        }
        // Its own peers are still there, and a payment goes through.
        let record = try Self.invoice(&world, 3, 50_000_000)
        let request = try world.command(1, .pay(record.invoice, amount: nil))
        try world.pass(3)
        guard case .success? = world.nodes[1].answers[request] else {
            Issue.record("\(String(describing: world.nodes[1].answers[request]))")
            return
        }
    }
}

extension NetworkTests {
    @Test("a reorganization that moves the funding: nobody believes in the channel any more, until it is announced anew")
    func movedFunding() throws {
        var random = SeededRandom(seed: 1)
        var world = try Self.world(6, Topology(.line, nodes: 3, using: &random))
        let before = world.nodes[0].core!.gossip.graph.allChannels.map(\.shortChannelID)
        let depth = world.ledger.height - before.map(\.block).min()! + 1
        try world.reorganize(depth: depth)
        try world.pass(2)
        for node in world.nodes { #expect(node.core!.gossip.graph.channelCount == 0) }
        // The funding transactions are mined again, at another height.
        try world.mine(7)
        try world.pass(5)
        try world.mine(1)
        try world.pass(20)
        for node in world.nodes {
            let now = node.core!.gossip.graph.allChannels
            #expect(now.count == 2 && now.allSatisfy { !before.contains($0.shortChannelID) })
            #expect(node.core!.gossip.blacklist.isEmpty)
        }
        let record = try Self.invoice(&world, 2, 50_000_000)
        let request = try world.command(0, .pay(record.invoice, amount: nil))
        try world.pass(5)
        guard case .success? = world.nodes[0].answers[request] else {
            Issue.record("\(String(describing: world.nodes[0].answers[request]))")
            return
        }
    }
}

@Suite("networks in virtual time", .ownThreads)
struct NetworkHistoryTests {
    @Test("networks with lost connections and crashes end well", arguments: UInt64(1)..<17)
    func rough(seed: UInt64) throws {
        let report = try NetworkHistory.run(seed: seed, actions: 12, checkInterval: 8)
        #expect(report.channels >= report.nodes - 1)
        BlockJournal.write("network-\(seed)", report.blocks.map { $0.serialized() })
    }

    @Test("the same seed gives the same history")
    func determinism() throws {
        let first = try NetworkHistory.run(seed: 3, actions: 10)
        let second = try NetworkHistory.run(seed: 3, actions: 10)
        #expect(first.blocks == second.blocks)
        #expect(first.deliveries == second.deliveries)
        #expect(first.fees == second.fees)
    }
}
