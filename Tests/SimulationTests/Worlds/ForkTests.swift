import BitcoinPrimitives
import LightningChannel
import LightningCore
import LightningInvoice
import LightningPayment
import LightningSimulation
import LightningWire
import TestSupport
import Testing

/// A node is a value, and so a world of nodes is one: a copy of it is another world that goes on by itself.
@Suite("worlds that fork", .ownThreads)
struct ForkTests {
    /// Pays between two nodes of a line, breaks connections, kills a node, and lets everything come to rest.
    private static func live(_ world: inout SimulatedWorld, payments: Int, from payer: Int, to payee: Int) throws {
        for number in 0..<payments {
            // A node may be down.
            let amount = MilliSatoshi(UInt64(1_000_000 + number))
            if case .invoice(let record)? = try world.ask(payee, .createInvoice(amount: amount, .text("fork"), expiry: .seconds(86_400))) {
                try world.command(payer, .pay(record.invoice, amount: nil))
            }
            try world.run(limit: .milliseconds(40))
            if number == 3 { world.disconnect(1) }
            if number == 6 { world.kill(payee) }
        }
        world.faults = .none
        for _ in 0..<20 { try world.pass(5) }
    }

    private static func outcome(_ world: SimulatedWorld) -> [[UInt64]] {
        world.nodes.map { node in node.core!.channels.values.map(\.commitments.toLocal.value).sorted() }
    }

    @Test("two copies of a world with messages under way live on differently, and both are sound")
    func fork() throws {
        var random = SeededRandom(seed: 1)
        var world = try NetworkTests.world(301, Topology(.line, nodes: 3, using: &random))
        let invoice = try NetworkTests.invoice(&world, 2, 20_000_000).invoice
        try world.command(0, .pay(invoice, amount: nil))
        // In the middle of the payment: HTLCs are in some commitments, and messages on their way.
        try world.run(limit: .milliseconds(60))
        #expect(!world.isQuiet && world.nodes[0].core!.channels.values.contains { !$0.commitments.htlcs.isEmpty })

        let before = world.fingerprint
        var fork = world
        try Self.live(&fork, payments: 12, from: 2, to: 0)
        #expect(world.fingerprint == before, "what happens in one world is not heard in the other")
        try Self.live(&world, payments: 8, from: 0, to: 2)
        for each in [world, fork] {
            try each.checkNetwork()
            guard case .succeeded? = each.nodes[0].payments[invoice.paymentHash]?.status else {
                Issue.record("the payment that was under way did not arrive")
                return
            }
            #expect(each.nodes.allSatisfy { $0.core!.pendingPayments.isEmpty && $0.core!.circuits.pending.isEmpty })
        }
        #expect(Self.outcome(world) != Self.outcome(fork))
    }

    @Test("a copy that lives through the same is the same to the last byte")
    func same() throws {
        var random = SeededRandom(seed: 1)
        var world = try NetworkTests.world(302, Topology(.line, nodes: 3, using: &random))
        world.faults = .rough
        var fork = world
        try Self.live(&world, payments: 10, from: 0, to: 2)
        try Self.live(&fork, payments: 10, from: 0, to: 2)
        #expect(world.fingerprint == fork.fingerprint)
    }
}
