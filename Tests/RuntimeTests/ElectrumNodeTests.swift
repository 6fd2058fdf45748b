import BitcoinBackend
import BitcoinPrimitives
import CryptoPrimitives
import Foundation
import LightningChannel
import LightningCore
import LightningInvoice
import LightningPayment
import LightningRuntime
import LightningTransactions
import LightningWire
import TestElectrum
import TestSupport
import Testing

/// A node that has no bitcoind: everything that it must know of the chain is asked for.
@Suite("a node on an Electrum server", .serialized)
struct ElectrumNodeTests {
    struct World {
        let folder: URL
        let embedded: EmbeddedChain
        let server: TestElectrum
        let directory: WalletDirectory
        var alice: LightningNode
        let bob: LightningNode

        init() async throws {
            folder = FileManager.default.temporaryDirectory.appending(path: "electrum-\(UUID().uuidString)")
            embedded = try EmbeddedChain(path: nil, keepsJournal: true)
            server = try await TestElectrum(embedded)
            directory = NodeTests.World.wallet(folder, "alice")
            _ = try directory.create()
            alice = try await Self.start(directory, server)
            let second = NodeTests.World.wallet(folder, "bob")
            _ = try second.create()
            bob = try await LightningNode.start(wallet: second, chain: embedded)
            try await mine(1, to: try await alice.newAddress().script)
            try await mine(1, to: try await bob.newAddress().script)
            try await mine(100)
        }

        static func start(_ directory: WalletDirectory, _ server: TestElectrum) async throws -> LightningNode {
            try await LightningNode.start(wallet: directory, chain: try ElectrumChain(url: server.url, timeout: 600))
        }

        /// The node begins again, on another connection.
        mutating func restart() async throws { alice = try await Self.start(directory, server) }

        func mine(_ count: Int, to script: Script = .anchor, aliceIsThere: Bool = true, bobIsThere: Bool = true) async throws {
            try await embedded.mine(count, paying: script)
            let height = await embedded.tip().height
            if aliceIsThere { try await alice.waitForBlock(height) }
            if bobIsThere { try await bob.waitForBlock(height) }
        }

        /// Blocks, until what waits for them has come.
        func mine(until isThere: () async throws -> Bool) async throws {
            for _ in 0..<40 {
                if try await isThere() { return }
                try await mine(1)
            }
            Issue.record("forty blocks were not enough")
        }

        func channel(push: MilliSatoshi = .zero) async throws -> ChannelID {
            try await alice.connect(bob.address!)
            let id = try await alice.openChannel(to: bob.nodeID, amount: Satoshi(1_000_000), push: push)
            while await embedded.mempoolIsEmpty { await Task.yield() }
            try await mine(6)
            for node in [alice, bob] { try await node.waitUntilUsable(id) }
            return id
        }

        func pay(_ payer: LightningNode, _ payee: LightningNode, _ amount: UInt64) async throws {
            let invoice = try await payee.createInvoice(amount: MilliSatoshi(amount * 1000), .text("electrum"), expiry: .seconds(3600))
            let payment = try await payer.waitForPayment(try await payer.pay(invoice).paymentHash)
            #expect(payment.paymentHash == invoice.paymentHash && payment.amount == MilliSatoshi(amount * 1000))
        }

        func stop() async {
            BlockJournal.write(folder.lastPathComponent, await embedded.minedBlocks.map { $0.serialized() })
            await alice.stop()
            await bob.stop()
            await server.stop()
            try? FileManager.default.removeItem(at: folder)
        }
    }

    @Test("money on its way is seen before it is mined; a channel opens, pays both ways, and closes by agreement, with a restart between")
    func life() async throws {
        var world = try await World()
        let start = try await world.alice.balance().onChainConfirmed
        #expect(start == Satoshi(50_0000_0000))
        let address = try await world.alice.newAddress()
        _ = try await world.bob.send(to: address, amount: Satoshi(70_000))
        while try await world.alice.balance().onChainUnconfirmed != Satoshi(70_000) { try await Task.sleep(for: .milliseconds(20)) }
        try await world.mine(1)
        #expect(try await world.alice.balance().onChainConfirmed == start + Satoshi(70_000))
        let id = try await world.channel()
        try await world.pay(world.alice, world.bob, 123_456)
        try await world.pay(world.bob, world.alice, 23_456)
        await world.alice.stop()
        try await world.mine(3, aliceIsThere: false)
        try await world.restart()
        try await world.alice.connect(world.bob.address!)
        try await world.alice.waitUntilUsable(id)
        try await world.pay(world.alice, world.bob, 1000)
        try await world.alice.closeChannel(id)
        while await world.embedded.mempoolIsEmpty { await Task.yield() }
        try await world.mine(100)
        let (one, other) = (try await world.alice.channels(), try await world.bob.channels())
        #expect(one.allSatisfy(\.isClosed) && other.allSatisfy(\.isClosed))
        #expect(try await world.bob.balance().onChainConfirmed > Satoshi(50_0000_0000 + 101_000 - 70_000 - 1000))
        await world.stop()
    }

    @Test("its peer gives the channel up while it is away: what is its own comes back, whoever closed", arguments: [true, false])
    func forceClose(byItself: Bool) async throws {
        var world = try await World()
        let id = try await world.channel(push: MilliSatoshi(400_000_000))
        if byItself {
            try await world.alice.forceCloseChannel(id)
        } else {
            await world.alice.stop()
            try await world.bob.forceCloseChannel(id)
        }
        while await world.embedded.mempoolIsEmpty { await Task.yield() }
        if !byItself {
            try await world.mine(5, aliceIsThere: false)
            try await world.restart()
        }
        try await world.mine(1)
        #expect(try await world.alice.channels().first?.close != nil)
        let delay = Int(try #require(try await world.alice.channels().first).parameters.remote.toSelfDelay)
        try await world.mine(delay)
        let before = Satoshi(50_0000_0000 - 410_000)
        try await world.mine { try await world.alice.balance().onChainConfirmed > before }
        try await world.mine(101)
        #expect(try await world.alice.channels().first?.isClosed == true)
        await world.stop()
    }

    @Test("a server that tells of a block first and of what is in it later costs nothing but time")
    func late() async throws {
        let world = try await World()
        let address = try await world.alice.newAddress()
        let height = await world.embedded.tip().height + 1
        world.server.set { method, _, truth in
            guard method == "blockchain.scripthash.get_history", case .success(let value) = truth, let list = value.array else {
                return nil
            }
            return .success(.array(list.filter { (1..<Int64(height.value)).contains($0["height"]?.integer ?? 0) }))
        }
        _ = try await world.bob.send(to: address, amount: Satoshi(70_000))
        while await world.embedded.mempoolIsEmpty { await Task.yield() }
        try await world.mine(2)
        #expect(try await world.alice.balance().onChainConfirmed == Satoshi(50_0000_0000))
        world.server.set(nil)
        while try await world.alice.balance().onChainConfirmed != Satoshi(50_0007_0000) { try await Task.sleep(for: .milliseconds(20)) }
        // The blocks were taken back, and come again.
        try await world.alice.waitForBlock(height + 1)
        await world.stop()
    }
}
