import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningTransactions
import LightningWire
import TestSupport
import Testing

/// Records that were damaged or made by hand: refused when they are read, and never a trap later.
@Suite("damaged records", .ownThreads)
struct DamagedRecordTests {
    @Test("every byte changed: what is read still adds up, can be asked everything and written again")
    func everyByte() throws {
        var pair = try ChannelPair()
        try pair.settle(toBob: try pair.offer(50_000))
        let writes = pair.bob.takeWrites()
        let (head, rows) = (try #require(writes.head), writes.htlcs.map(\.record))
        #expect(rows.count == 1)
        var (refused, taken) = (0, 0)
        func look(_ head: [UInt8], _ rows: [[UInt8]]) {
            guard var channel = try? PaymentChannel(head: head, htlcs: rows) else {
                refused += 1
                return
            }
            taken += 1
            let state = channel.commitments
            #expect(state.toLocal + state.toRemote == MilliSatoshi(channel.parameters.fundingAmount))
            _ = (state.localAvailable, state.remoteAvailable, channel.spendable, channel.receivable, channel.room)
            _ = channel.connect(pair.environments.bob)
            _ = channel.newBlock(pair.environments.bob)
            _ = channel.fail("test", pair.environments.bob)
            _ = channel.takeWrites()
        }
        for index in head.indices {
            for value: UInt8 in [0, 0xff, head[index] ^ 1, head[index] ^ 0x80] where value != head[index] {
                var changed = head
                changed[index] = value
                look(changed, rows)
            }
        }
        for index in rows[0].indices where index < 120 || index % 40 == 0 {
            for value: UInt8 in [0, 0xff, rows[0][index] ^ 1, rows[0][index] ^ 0x80] where value != rows[0][index] {
                var changed = rows[0]
                changed[index] = value
                look(head, [changed])
            }
        }
        #expect(refused > 500 && taken > 100, "\(refused) \(taken)")
    }
}
