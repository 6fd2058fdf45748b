import BitcoinPrimitives
import CryptoPrimitives
import LightningChain
import Testing

/// The node's view of the chain: fee rates by target, who hears of what, and how far it has come.
@Suite("the view of the chain")
struct ChainTests {
    static func rate(_ value: UInt32) -> FeeRate { FeeRate(perKiloweight: value) }

    @Test("a sooner block never costs less than a later one, nothing less than the floor, and what is not known is answered safely")
    func feeRates() throws {
        #expect(FeeEstimates([:]) == nil)
        let all = try #require(FeeEstimates([.urgent: Self.rate(5000), .hour: Self.rate(2000), .day: Self.rate(300)]))
        #expect([all[.urgent], all[.hour], all[.day]] == [Self.rate(5000), Self.rate(2000), Self.rate(300)])
        let strange = try #require(FeeEstimates([.urgent: Self.rate(1), .hour: Self.rate(900), .day: Self.rate(2000)]))
        #expect([strange[.urgent], strange[.hour], strange[.day]] == [Self.rate(2000), Self.rate(2000), Self.rate(2000)])
        let low = try #require(FeeEstimates([.hour: Self.rate(0)]))
        #expect(ConfirmationTarget.allCases.allSatisfy { low[$0] == .floor })
        // Without an answer for the day the hour's will do; without one for now, the best there is.
        let half = try #require(FeeEstimates([.hour: Self.rate(2000)]))
        #expect(half[.day] == Self.rate(2000) && half[.urgent] == Self.rate(2000))
        let slow = try #require(FeeEstimates([.day: Self.rate(400)]))
        #expect(slow[.urgent] == Self.rate(400))
        #expect(FeeEstimates(Self.rate(700))[.day] == Self.rate(700))
    }

    @Test("what owners watch is found, by each who watches it, until they change or forget it")
    func watcher() {
        let outPoints = (0..<3).map { OutPoint(TransactionID(Hash.sha256([7])), UInt32($0)) }
        let transaction = TransactionID(Hash.sha256([8]))
        var watcher = ChainWatcher<Int>()
        watcher.watch(.init(outPoints: [outPoints[0], outPoints[1]], transaction: transaction), for: 2)
        watcher.watch(.init(outPoints: [outPoints[0]], transaction: transaction), for: 1)
        #expect(watcher.owners(watching: outPoints[0]) == [1, 2] && watcher.owners(awaiting: transaction) == [1, 2])
        #expect(watcher.owners(watching: outPoints[1]) == [2] && watcher.owners(watching: outPoints[2]).isEmpty)
        watcher.watch(.init(outPoints: [outPoints[2]]), for: 2)
        #expect(watcher.owners(watching: outPoints[0]) == [1] && watcher.owners(watching: outPoints[2]) == [2])
        #expect(watcher.owners(awaiting: transaction) == [1])
        watcher.wake(1, at: 10)
        watcher.wake(1, at: 12)
        watcher.wake(2, at: 12)
        #expect(watcher.owners(dueAt: 10).isEmpty && watcher.owners(dueAt: 12) == [1, 2])
        watcher.wake(2, at: nil)
        watcher.forget(1)
        #expect(watcher.owners(dueAt: 12).isEmpty && watcher.owners(watching: outPoints[0]).isEmpty)
        #expect(watcher.owners(awaiting: transaction).isEmpty && watcher.owners(watching: outPoints[2]) == [2])
    }

    @Test("the position remembers enough of the chain to find a fork, through its record as well")
    func position() throws {
        func hash(_ number: Int) -> BlockHash { BlockHash(Hash.sha256(Array("\(number)".utf8))) }
        var position = ChainPosition(genesis: hash(0))
        for number in 1...200 { position.connect(hash(number)) }
        #expect(position.height == 200 && position.tip == hash(200))
        #expect(position.hash(height: 100) == hash(100) && position.hash(height: 10) == nil && position.hash(height: 201) == nil)
        position.disconnect()
        #expect(position.height == 199 && position.tip == hash(199))
        let record = ByteWriter.bytes { position.encode(to: &$0) }
        var reader = ByteReader(record)
        #expect(try ChainPosition(from: &reader) == position)
    }
}
