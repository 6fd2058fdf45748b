import BitcoinPrimitives
import Foundation
import LightningCore
import LightningInvoice
import LightningPayment
import LightningRouting
import LightningSimulation
import LightningWire

/// Three whole nodes in memory on one thread: what a forwarder carries.
enum ForwardingBenchmark {
    static func run(_ floor: RoundsBenchmark.Floor) throws {
        print("\nforwarding in memory: three nodes on one thread (routes, transport, onions, commitments, circuits, records)")
        for k in [1, 10, 50, 200] {
            let rounds = max(2, min(100, 1000 / k))
            var random = SeededRandom(seed: 1)
            var configuration = NodeConfiguration()
            configuration.gossip.flushInterval = .milliseconds(1000)
            var world = SimulatedWorld(seed: 42, names: ["alice", "bob", "carol"], configuration: configuration)
            world.checkInterval = .max
            try world.build(
                Topology(.line, nodes: 3, using: &random), capacity: { _ in Satoshi(10_000_000) },
                push: { _ in MilliSatoshi(5_000_000_000) })
            var invoices: [Invoice] = []
            for _ in 0..<rounds * k {
                if case .invoice(let record)? = try world.ask(
                    2, .createInvoice(amount: MilliSatoshi(400_000), .text(""), expiry: .seconds(86_400)))
                {
                    invoices.append(record.invoice)
                }
            }
            let time = try measure {
                for round in 0..<rounds {
                    try world.commands(0, invoices[round * k..<(round + 1) * k].map { .pay($0, amount: nil) })
                    try world.run(limit: .milliseconds(5000))
                }
            }
            let paid = Int(world.nodes[1].core!.circuits.totals.forwards)
            precondition(paid == rounds * k, "every payment has been forwarded: \(paid) of \(rounds * k)")
            // A forward is two channels' work. The second layer of the onion comes on top, and is not counted.
            let two = try 2 * RoundsBenchmark.seconds(paymentsInRound: k)
            let actual = time.cpu / Double(paid)
            line(
                "k = \(k): forwards per CPU second",
                perSecond(paid, time.cpu)
                    + String(
                        format: "   %3.0f %% of two channels, %3.0f %% of their cryptography", two / actual * 100,
                        2 * floor.seconds(paymentsInRound: Double(k), areDust: false) / actual * 100))
        }
    }
}
