import BitcoinPrimitives
import Foundation
import LightningChannel
import LightningCore
import LightningInvoice
import LightningPayment
import LightningSimulation
import LightningWire

/// Two whole nodes in memory on one thread: transport and onions included, no socket and no disk.
enum RoundsBenchmark {
    /// Seconds of the operations that BOLT demands in a channel, for one payment and for one round of commitments.
    struct Floor {
        private var onion: Double
        private var signatures: Double
        private var round: Double

        /// At this machine's speed, from the time of each operation.
        init(sign: Double, verify: Double, ecdh: Double, create: Double) {
            onion = 2 * ecdh + 3 * create
            signatures = 2 * (sign + verify)
            round = 4 * (sign + verify) + 4 * create + 16 * 1.25 * ecdh
        }

        /// - Parameter areDust: whether HTLCs are too small for an output: then no signature is needed for each.
        func seconds(paymentsInRound k: Double, areDust: Bool) -> Double { onion + (areDust ? 0 : signatures) + round / k }
    }

    /// - Parameter sizes: how many payments share a round of commitments.
    static func run(_ floor: Floor, sizes: [Int] = [1, 10, 50, 483]) throws {
        print("\nin memory, both nodes on one thread (transport, onions, commitments, records; no socket, no disk)")
        for k in sizes {
            let actual = try (0..<3).map { _ in try seconds(paymentsInRound: k) }.min()!
            line(
                "k = \(k): payments per CPU second (of the floor)",
                perSecond(1, actual)
                    + String(format: "   %3.0f %%", floor.seconds(paymentsInRound: Double(k), areDust: false) / actual * 100))
        }
    }

    /// Two nodes with a channel of 40 bitcoin, that the first has opened.
    static func channel() throws -> SimulatedWorld {
        var world = SimulatedWorld(seed: 42, names: ["alice", "bob"])
        world.checkInterval = .max
        try world.fund(0)
        world.join(0, 1)
        try world.run(limit: .milliseconds(1000))
        try world.command(0, .openChannel(world.nodes[1].nodeID, amount: Satoshi(4_000_000_000), push: .zero, feeRate: nil))
        try world.run(limit: .milliseconds(1000))
        try world.mine(3)
        try world.run(limit: .milliseconds(1000))
        return world
    }

    /// CPU seconds of both nodes for one payment, where `k` of them share a round of commitments.
    static func seconds(paymentsInRound k: Int) throws -> Double {
        let rounds = max(2, min(200, 2000 / k))
        var world = try channel()
        var invoices: [Invoice] = []
        for _ in 0..<rounds * k {
            if case .invoice(let record)? = try world.ask(
                1, .createInvoice(amount: MilliSatoshi(1_000_000), .text(""), expiry: .seconds(86_400)))
            {
                invoices.append(record.invoice)
            }
        }
        let before = world.nodes[1].core!.channels.values.first!.commitments.toLocal
        let time = try measure {
            for round in 0..<rounds {
                try world.commands(0, invoices[round * k..<(round + 1) * k].map { .pay($0, amount: nil) })
                try world.run(limit: .milliseconds(5000))
            }
        }
        let paid = Int((world.nodes[1].core!.channels.values.first!.commitments.toLocal - before).value / 1_000_000)
        precondition(paid == rounds * k, "every payment has arrived: \(paid) of \(rounds * k)")
        return time.cpu / Double(paid)
    }
}
