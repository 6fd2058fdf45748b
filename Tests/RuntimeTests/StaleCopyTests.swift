import Foundation
import Lightning
import Testing

@testable import LightningRuntime

@Suite("an old copy of a wallet loses nothing", .serialized)
struct StaleCopyTests {
    private func copy(_ from: URL, _ to: URL) throws {
        if FileManager.default.fileExists(atPath: to.path) { try FileManager.default.removeItem(at: to) }
        try FileManager.default.copyItem(at: from, to: to)
    }

    /// What is in blocks, old enough to be spent or not.
    private func total(_ node: LightningNode) async throws -> Satoshi {
        let balance = try await node.balance()
        return balance.onChainConfirmed.saturatingAdding(balance.onChainImmature)
    }

    @Test("what was restored from before a payment is not published: the peer closes, and the money comes back")
    func restored() async throws {
        var world = try await NodeTests.World()
        let id = try await world.open()
        func pay(_ sat: UInt64) async throws {
            let invoice = try await world.bob.createInvoice(amount: MilliSatoshi(Satoshi(sat)), description: "")
            try await world.alice.pay(invoice)
            try await world.settled()
        }
        try await pay(100_000)
        await world.alice.stop()
        let (wallet, saved) = (world.folder.appending(path: "alice"), world.folder.appending(path: "saved"))
        try copy(wallet, saved)
        world.alice = try await NodeTests.World.start(world.folder, "alice", world.chain)
        #expect(try await world.alice.channels()[0].isPossiblyBehind == false)
        try await world.alice.connect(world.bob.address!)
        while try await !world.alice.channels()[0].isUsable { await Task.yield() }
        try await pay(200_000)
        await world.alice.stop()

        try copy(saved, wallet)
        world.alice = try await NodeTests.World.start(world.folder, "alice", world.chain)
        #expect(try await world.alice.channels()[0].isPossiblyBehind)
        await #expect(throws: NodeRefusal.channel(.possiblyBehind)) { try await world.alice.forceCloseChannel(id) }
        // It stays so, however often the node starts.
        await world.alice.stop()
        world.alice = try await NodeTests.World.start(world.folder, "alice", world.chain)
        #expect(try await world.alice.channels()[0].isPossiblyBehind)
        await #expect(throws: NodeRefusal.channel(.possiblyBehind)) { try await world.alice.forceCloseChannel(id) }

        try await world.alice.connect(world.bob.address!)
        while await world.chain.mempoolIsEmpty { await Task.yield() }
        #expect(try await world.alice.channels()[0].stateName == "data-lost")
        let before = try await total(world.alice)
        // To bob, who needs no more: what alice mines would be counted.
        try await world.mine(1, to: world.bob)
        #expect(try await world.alice.channels()[0].close?.kind != .mutual)
        try await world.mine(7, to: world.bob)
        let after = try await total(world.alice)
        // 1,000,000 sat less what was paid, and less the fees of the commitment, its anchors, and the claim.
        let back = try #require(after.subtracting(before)).value
        #expect((695_000...700_000).contains(back))
        await world.stop()
    }
}
