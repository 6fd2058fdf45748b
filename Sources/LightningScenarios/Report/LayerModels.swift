import BitcoinPrimitives
import Foundation
package import LightningSimulation

/// How the same payments would fare elsewhere: layer 1 in a simulation, other ways to scale by simple models.
///
/// The models are arithmetic on the parameters that stand in the report beside them: they compare orders of magnitude, no products.
package struct LayerComparison: Sendable {
    /// A way to pay, as a row of the comparison.
    package struct Row: Sendable {
        package var name: String
        /// Payments each second at most; `nil` where nothing of the model limits them.
        package var throughput: Double?
        /// What a payment costs, in satoshi.
        package var fee: Double
        /// Seconds until the payee can be sure.
        package var finality: Double
        /// Bytes on layer 1 for each payment, in virtual bytes.
        package var bytes: Double
        /// Whom one has to trust, beyond layer 1.
        package var trust: String
        /// What the row was computed from.
        package var model: String
        /// Whether it was measured here, or computed.
        package var isMeasured: Bool
    }

    package var rows: [Row] = []
    /// sat/vB at which all of them are compared.
    package var feeRate: Double
    /// Payments each second that are asked for.
    package var load: Double

    /// Compares a run with layer 1 under the same load, and with models.
    ///
    /// - Parameter feeMarket: what people pay on layer 1 under this load; `nil` leaves the simulation of it out.
    package init(_ report: ScenarioReport, feeMarket: LayerOneRun? = nil) {
        let seconds = max(1, Double(report.duration) / 1000)
        load = Double(report.begun) / seconds
        feeRate = feeMarket?.feeRate ?? 1
        let payments = Double(max(1, report.succeeded))
        // One transaction opens a channel, one closes it.
        let opening = report.onChainVirtualBytes.map { Double($0) } ?? Double(report.channels.count) * Self.openingSize
        let onChain = opening + Double(report.channels.count) * Self.closingSize
        rows.append(
            Row(
                name: "Lightning, this run", throughput: nil,
                fee: Double(report.feesMsat) / 1000 / payments, finality: Double(report.latencyP50 ?? 0) / 1000, bytes: onChain / payments,
                trust: "nobody, while one looks at the chain once in a cheater's delay, or has a watchtower",
                model:
                    "measured: \(Numbers.grouped(report.succeeded)) payments over \(Numbers.grouped(report.channels.count)) channels; opened with \(Numbers.grouped(Int(opening))) vB, closed by mutual closes of \(Int(Self.closingSize)) vB; the fee is the forwarders', finality the median latency",
                isMeasured: true))
        if let run = feeMarket {
            rows.append(
                Row(
                    name: "Layer 1, simulated", throughput: run.capacity, fee: run.fee, finality: run.wait, bytes: LayerOneRun.paymentSize,
                    trust: "nobody",
                    model:
                        "simulated: the same \(Numbers.decimal(load, places: 3)) payments each second compete for blocks of a share of \(run.scale); fee and wait are medians of \(Numbers.grouped(run.payments)) payments; a payment waits for one block\(run.isFull ? ". Blocks are full: who waits longer than the run lasted is not counted" : "")",
                    isMeasured: true))
        }
        rows += Self.models(feeRate: feeRate)
    }

    /// vB: one input, two outputs of P2WPKH and P2WSH; a mutual close with two outputs (BOLT 3 Appendix weights).
    static let openingSize = 153.0
    static let closingSize = 169.0
    /// vB of what a batch needs besides its payments: a transaction that commits to it.
    private static let batchSize = 200.0

    /// Other ways, by what they put on chain for each payment, and what stands behind them.
    private static func models(feeRate: Double) -> [Row] {
        // Data of a witness are a quarter of a virtual byte for each byte (BIP 141).
        let witness = 0.25
        let batch = 1000.0
        // 4,000,000 weight units each 600 seconds (BIP 141).
        let room = 1_000_000.0 / 600
        func row(
            _ name: String, data: Double, proof: Double, cost: Double, finality: Double, _ trust: String, _ model: String,
            most: Double? = nil
        ) -> Row {
            let bytes = data * witness + (batchSize + proof * witness) / batch
            return Row(
                name: name, throughput: most ?? room / bytes, fee: bytes * feeRate + cost / batch, finality: finality, bytes: bytes,
                trust: trust, model: model, isMeasured: false)
        }
        return [
            row(
                "Optimistic rollup", data: 12, proof: 0, cost: 0, finality: 7 * 86_400,
                "that one honest watcher challenges within the window; a sequencer for soft finality in seconds",
                "12 bytes a payment (V. Buterin, “An Incomplete Guide to Rollups”, 2021: a transfer with an aggregated signature), batches of 1,000, a window of 7 days (Optimism and Arbitrum One documentation)"
            ),
            row(
                "ZK rollup", data: 12, proof: 100_000, cost: 20_000, finality: 3600,
                "the proof system and its set-up; a sequencer for soft finality in seconds",
                "12 bytes a payment, a proof of 100 kB and 20,000 sat of computing for each batch of 1,000 (order of magnitude of a STARK: Ben-Sasson et al., IACR 2018/046), one batch an hour"
            ),
            row(
                "Validium", data: 0, proof: 100_000, cost: 20_000, finality: 3600,
                "the proof system, and a committee that keeps the data: without them nobody gets anything out",
                "as the ZK rollup, without data on chain (StarkEx documentation: data availability committee)"),
            row(
                "Sidechain with a peg", data: 0, proof: 0, cost: 1000, finality: 120,
                "a federation of which a quorum can take all",
                "blocks each minute, two for finality, 11 of 15 functionaries (Liquid documentation); a fee of about 1 sat; layer 1 sees only pegs, one for 1,000 payments",
                most: 5000.0 / 60),
            row(
                "Nested chain", data: 0, proof: 32 / 0.25, cost: 1000, finality: 1800,
                "the operator for data, and that one leaves in time when he lies",
                "a root of 32 bytes for each batch of 1,000 (Plasma: J. Poon, V. Buterin, 2017), final with three blocks of layer 1; to leave takes a week and a transaction for each user"
            ),
        ]
    }
}

/// Layer 1 under the load of a scenario, in the simulation of its fee market.
package struct LayerOneRun: Sendable {
    /// vB of a payment with change.
    package static let paymentSize = 141.0
    /// Payments that were confirmed.
    package var payments: Int
    /// sat, median.
    package var fee: Double
    /// sat/vB of the median payment.
    package var feeRate: Double
    /// Seconds until the first confirmation, median.
    package var wait: Double
    /// Payments each second that fit into blocks.
    package var capacity: Double
    /// Which share of a block was simulated: "1/20 of a block".
    package var scale: String
    /// Whether more was asked for than fits.
    package var isFull: Bool

    /// Simulates some blocks under a load.
    ///
    /// Blocks and load are made smaller by the same factor: what competes for what stays the same, and it takes seconds.
    package init?(load: Double, blockInterval: Int, seed: UInt64, blocks: Int = 24) {
        let capacity = 1_000_000 / Self.paymentSize / Double(max(1, blockInterval))
        var options = FeeMarket.Options()
        options.seed = seed
        options.blockInterval = max(1, blockInterval)
        // Beyond twice the capacity the queue grows without end, and nothing else changes.
        let wanted = min(load, 2 * capacity)
        let factor = max(1, (wanted * Double(blockInterval) / 200).rounded(.up))
        options.blockWeight = max(40_000, Int(Double(options.blockWeight) / factor))
        options.load = max(0.001, wanted / factor)
        guard var market = try? FeeMarket(options) else { return nil }
        var medians: [UInt64] = []
        for _ in 0..<blocks {
            guard let report = try? market.nextBlock() else { return nil }
            if report.transactions > 0 { medians.append(report.median) }
        }
        let waits = market.waits.sorted()
        guard !waits.isEmpty, !medians.isEmpty else { return nil }
        payments = waits.count
        wait = Double(waits[waits.count / 2])
        feeRate = Double(medians.sorted()[medians.count / 2]) / 1000
        fee = feeRate * Self.paymentSize
        self.capacity = capacity
        scale = factor == 1 ? "one" : "1/\(Int(factor))"
        isFull = load > capacity
    }
}
