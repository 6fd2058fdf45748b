import LightningSimulation
import TestSupport
import Testing

/// A node that is told of each block no more than it names, as by an Electrum server, lives as one that is told all.
@Suite("what nodes name of the chain is enough for them", .ownThreads)
struct ExcerptTests {
    private static func both<Report>(_ run: () throws -> Report) throws -> (whole: Report, excerpts: Report) {
        (try run(), try SimulatedWorld.$showsExcerpts.withValue(true) { try run() })
    }

    @Test("histories of two nodes, message for message", arguments: 5000..<5030)
    func twoNodes(seed: UInt64) throws {
        let (whole, excerpts) = try Self.both { try TwoNodeHistory.run(seed: seed, checkInterval: 50) }
        #expect(whole.fingerprint != nil && whole.fingerprint == excerpts.fingerprint)
    }

    @Test("closes with payments under way, breaches, crashes and reorganizations, block for block", arguments: 1..<30)
    func contested(seed: UInt64) throws {
        let (whole, excerpts) = try Self.both { try ContestedHistory.run(seed: seed, checkInterval: 100) }
        #expect(whole.blocks == excerpts.blocks)
    }
}
