import BitcoinPrimitives
import Foundation
import LightningChannel
import LightningCore
import LightningPayment
import LightningSimulation
import LightningWire

/// Streams between two whole nodes in memory on one thread: keysend payments that are due together share a round of commitments.
enum StreamBenchmark {
    static func run(_ floor: RoundsBenchmark.Floor) throws {
        print("\nstreams in memory, both nodes on one thread; each stream pays ten times a second of virtual time")
        for (name, amount) in [("1 sat, no output", UInt64(1)), ("1,000 sat, an output each", 1000)] {
            for streams in [1, 10, 100, 400] {
                let actual = try (0..<3).map { _ in try seconds(streams: streams, amount: Satoshi(amount)) }.min { $0.each < $1.each }!
                line(
                    "\(streams) streams of \(name) (of the floor)",
                    perSecond(1, actual.each)
                        + String(
                            format: "   %3.0f %%   k = %.0f",
                            floor.seconds(paymentsInRound: actual.inRound, areDust: amount == 1) / actual.each * 100, actual.inRound))
            }
        }
    }

    /// CPU seconds of both nodes for one payment, and how many payments a round of commitments had.
    static func seconds(streams: Int, amount: Satoshi) throws -> (each: Double, inRound: Double) {
        var world = try RoundsBenchmark.channel()
        var terms = StreamTerms(
            rate: .perSecond(MilliSatoshi(Satoshi(amount.value * 10))), to: [.init(world.nodes[1].nodeID)])
        terms.interval = .milliseconds(100)
        for _ in 0..<streams { try world.command(0, .startStream(terms)) }
        try world.run(limit: .milliseconds(1000))
        func paid(_ world: SimulatedWorld) -> (payments: UInt64, rounds: UInt64) {
            let core = world.nodes[0].core!
            return (
                core.streams.values.reduce(0) { $0 + $1.succeeded }, core.channels.values.first!.commitments.localNumber
            )
        }
        let before = paid(world)
        let time = try measure { try world.run(limit: .milliseconds(Int64(max(2000, 400_000 / streams)))) }
        let after = paid(world)
        let payments = Double(after.payments - before.payments)
        precondition(payments > 1000, "streams pay")
        // A payment is in two of our commitments: with its HTLC, and without it.
        return (time.cpu / payments, payments / Double(after.rounds - before.rounds) * 2)
    }
}
