import BitcoinLedger
import LightningSimulation
import TestSupport
import Testing

@Suite("the base layer under load", .ownThreads)
struct FeeMarketTests {
    private static func run(_ options: FeeMarket.Options, blocks: Int) throws -> (FeeMarket, [FeeMarket.Report]) {
        var market = try FeeMarket(options)
        let reports = try (0..<blocks).map { _ in try market.nextBlock() }
        return (market, reports)
    }

    @Test("the same seed gives the same market, another one another")
    func deterministic() throws {
        var options = FeeMarket.Options()
        options.blockWeight = 60_000
        options.load = 0.3
        let first = try Self.run(options, blocks: 6)
        let second = try Self.run(options, blocks: 6)
        #expect(first.0.ledger.tip == second.0.ledger.tip)
        #expect(first.0.waits == second.0.waits)
        options.seed = 2
        #expect(try Self.run(options, blocks: 6).0.ledger.tip != first.0.ledger.tip)
    }

    @Test("blocks that are too small for the load fill up, a queue grows, and fees rise; with room they do not")
    func congestion() throws {
        var options = FeeMarket.Options()
        options.load = 0.5
        options.blockWeight = 60_000
        let (crowded, reports) = try Self.run(options, blocks: 12)
        // 600 s of 0.5 payments of 561 weight units want 168,000.
        #expect(reports.suffix(6).allSatisfy { $0.weight > 50_000 })
        #expect(reports.last!.waiting > reports[2].waiting)
        #expect(reports.last!.nextBlock > 1000)
        #expect(crowded.throughput < 0.3)
        options.blockWeight = Ledger.maximumBlockWeight
        let (roomy, quiet) = try Self.run(options, blocks: 12)
        #expect(quiet.allSatisfy { $0.nextBlock == 1000 })
        #expect(roomy.throughput > 0.3)
        #expect(roomy.waits.count > crowded.waits.count)
    }
}
