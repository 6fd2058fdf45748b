import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningEnforcement
import LightningInvoice
import LightningPayment
import LightningRecords
import LightningSimulation
import LightningWire
import TestSupport
import Testing

@testable import LightningCore

/// Channels that are over for good: on disk, and not in memory.
@Suite("channels that are over", .ownThreads)
struct ClosedChannelTests {
    /// Two nodes with a channel that was used, and then closed.
    private static func closed(_ seed: UInt64, force: Bool) throws -> (world: SimulatedWorld, id: ChannelID, backup: [UInt8]) {
        var world = SimulatedWorld(seed: seed, names: ["alice", "bob"], configuration: NodeConfiguration())
        try world.fund(0)
        world.join(0, 1)
        try world.run(limit: .milliseconds(2000))
        try world.command(
            0,
            .openChannel(
                world.nodes[1].nodeID, amount: Satoshi(500_000), push: MilliSatoshi(Satoshi(200_000)), feeRate: nil, announce: false))
        try world.run(limit: .milliseconds(2000))
        try world.mine(6)
        try world.pass(3)
        let id = try #require(world.nodes[0].core!.channels.ids.first)
        let backup = try #require(world.nodes[0].backup)
        try world.command(0, force ? .forceCloseChannel(id) : .closeChannel(id, to: nil))
        try world.pass(2)
        try world.mine(6)
        // Our delay, and the depth of what took our output then.
        if force { try world.mine(160) }
        try world.pass(2)
        return (world, id, backup)
    }

    @Test(
        "two weeks after its close a channel goes to the history, as it was, and is not read at the next start", arguments: [false, true])
    func archived(_ force: Bool) throws {
        var (world, id, backup) = try Self.closed(force ? 72 : 71, force: force)
        let channel = try #require(world.nodes[0].core!.channels[id])
        let close = try #require(channel.close)
        #expect(channel.isClosed)
        try world.mine(close.endHeight - 1 - world.ledger.height)
        // A block before, it is there, whatever was restarted.
        world.kill(0)
        try world.pass(3)
        #expect(world.nodes[0].core!.channels[id]?.isClosed == true)
        #expect(world.nodes[0].store.tables[.channelHistory, default: [:]].isEmpty)
        let last = try #require(world.nodes[0].core!.channels[id])
        try world.mine(1)
        try world.pass(1)
        for index in 0..<2 {
            let (core, store) = (world.nodes[index].core!, world.nodes[index].store)
            #expect(core.channels.isEmpty && core.channels.index.channels(with: world.nodes[1 - index].nodeID).isEmpty)
            for table in [StoreTable.channels, .htlcs, .revokedHTLCs] { #expect(store.tables[table, default: [:]].isEmpty) }
            let page = store.page(.channels, before: nil, limit: 10)
            #expect(page.entries.count == 1 && HistoryPosition(key: page.entries[0].key)?.order == UInt64(close.height.uint32))
            let kept = try PaymentChannel(historyRecord: page.entries[0].record)
            #expect(kept.id == id && kept.historyRecord == page.entries[0].record)
            if index == 0 { #expect(kept.phase == last.phase && kept.parameters == last.parameters) }
        }
        // What took place before is not undone by a reorganization as deep as one can be, and its peer's question is answered.
        try world.reorganize(depth: 90)
        world.kill(0)
        try world.pass(3)
        world.join(0, 1)
        try world.pass(3)
        #expect(world.nodes[0].core!.channels.isEmpty && world.isConnected(0, 1))
        // A backup from its days does not bring it back.
        guard case .restored([], [])? = try world.ask(0, .restoreChannels(backup)) else {
            Issue.record("the channel was restored")
            return
        }
        #expect(world.nodes[0].core!.channels.isEmpty)
    }

    @Test("what was held and has no output in the close is refused when it is to be settled")
    func lost() throws {
        var world = SimulatedWorld(seed: 75, names: ["alice", "bob"], configuration: NodeConfiguration())
        try world.fund(0)
        world.join(0, 1)
        try world.run(limit: .milliseconds(2000))
        try world.command(
            0, .openChannel(world.nodes[1].nodeID, amount: Satoshi(500_000), push: MilliSatoshi(Satoshi(200_000)), feeRate: nil))
        try world.run(limit: .milliseconds(2000))
        try world.mine(6)
        try world.pass(3)
        let id = try #require(world.nodes[0].core!.channels.ids.first)
        var hashes: [PaymentHash] = []
        // Of the first nothing is an output, of the second all is.
        for (number, sat) in [(UInt8(1), UInt64(100)), (2, 50_000)] {
            let preimage = PaymentPreimage(Hash.sha256([number]))
            let create = NodeCommand.createHoldInvoice(
                preimage.paymentHash, amount: MilliSatoshi(Satoshi(sat)), .text("held"), expiry: .seconds(3600))
            guard case .invoice(let record)? = try world.ask(1, create) else { throw Missing() }
            try world.command(0, .pay(record.invoice, amount: nil))
            try world.pass(3)
            hashes.append(preimage.paymentHash)
        }
        try world.command(1, .forceCloseChannel(id))
        try world.pass(1)
        try world.mine(1)
        try world.pass(1)
        let lost = try world.command(1, .settle(hashes[0], PaymentPreimage(Hash.sha256([1]))))
        guard case .failure(.hold(.lost))? = world.nodes[1].answers[lost] else {
            Issue.record("\(String(describing: world.nodes[1].answers[lost]))")
            return
        }
        guard case .done? = try world.ask(1, .settle(hashes[1], PaymentPreimage(Hash.sha256([2])))) else {
            Issue.record("what has an output is not settled")
            return
        }
        try world.mine(200)
        try world.pass(2)
        let (refused, paid) = (world.nodes[1].invoices[hashes[0]], world.nodes[1].invoices[hashes[1]])
        #expect(refused?.status == .canceled)
        guard case .paid? = paid?.status else {
            Issue.record("\(String(describing: paid?.status))")
            return
        }
    }

    private struct Missing: Error {}

    @Test("a record of the history with any byte cut off, of another version, or of a channel that is not closed is refused")
    func damaged() throws {
        let (world, id, _) = try Self.closed(73, force: true)
        let record = try #require(world.nodes[0].core!.channels[id]).historyRecord
        #expect(try PaymentChannel(historyRecord: record).id == id)
        for length in 0..<record.count {
            #expect(throws: DecodingFailure.self) { _ = try PaymentChannel(historyRecord: Array(record.prefix(length))) }
        }
        #expect(throws: DecodingFailure.self) { _ = try PaymentChannel(historyRecord: [2] + record.dropFirst()) }
        #expect(throws: DecodingFailure.self) { _ = try PaymentChannel(historyRecord: record + [0]) }
        // One that its two sides still use.
        var open = SimulatedWorld(seed: 74, names: ["alice", "bob"], configuration: NodeConfiguration())
        try open.fund(0)
        open.join(0, 1)
        try open.run(limit: .milliseconds(2000))
        try open.command(
            0, .openChannel(open.nodes[1].nodeID, amount: Satoshi(500_000), push: .zero, feeRate: nil, announce: false))
        try open.run(limit: .milliseconds(2000))
        let channel = try #require(open.nodes[0].core!.channels.ordered.first)
        #expect(channel.historyPosition == nil)
        #expect(throws: DecodingFailure.self) { _ = try PaymentChannel(historyRecord: channel.historyRecord) }
    }
}
