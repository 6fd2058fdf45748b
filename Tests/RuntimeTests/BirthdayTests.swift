import BitcoinLedger
import CryptoPrimitives
import Foundation
import Lightning
import LightningRuntime
import Testing

/// Where a wallet begins to follow a chain that is too long to be read as a whole.
@Suite("where a wallet begins", .serialized)
struct BirthdayTests {
    let folder = FileManager.default.temporaryDirectory.appending(path: "birthday-\(UUID().uuidString)")

    private func start(
        _ wallet: WalletDirectory, _ chain: EmbeddedChain, _ network: Network, birthday: Int? = nil
    ) async throws -> LightningNode {
        var options = LightningNode.Options()
        options.configuration.network = network
        options.birthday = birthday.map { BlockHeight($0) }
        return try await LightningNode.start(wallet: wallet, chain: chain, options: options)
    }

    private func forgetDatabase(_ wallet: WalletDirectory) throws {
        for suffix in ["", "-wal", "-shm"] { try? FileManager.default.removeItem(atPath: wallet.database + suffix) }
    }

    @Test("a new wallet begins near the tip, and where it began also when its database is gone")
    func database() async throws {
        let chain = try EmbeddedChain(path: nil, keepsJournal: false)
        let elsewhere = Script([0, 20] + [UInt8](repeating: 3, count: 20))
        try await chain.mine(150, paying: elsewhere)
        let wallet = WalletDirectory(folder.appending(path: "a"))
        _ = try wallet.create()
        // The chain's rules are regtest's; what is asked here of a signet is its name alone.
        var node = try await start(wallet, chain, .signet)
        #expect(try await node.height() == 150 && wallet.birthday == 150)
        try await chain.mine(1, paying: try await node.newAddress().script)
        try await chain.mine(300, paying: elsewhere)
        try await node.waitForBlock(BlockHeight(451))
        let balance = try await node.balance().onChainConfirmed
        #expect(balance > .zero)
        await node.stop()
        try forgetDatabase(wallet)
        // Its coin is more than a hundred blocks below the tip of now.
        node = try await start(wallet, chain, .signet)
        #expect(try await node.balance().onChainConfirmed == balance)
        await node.stop()
        // Without knowing where it began, but with signs of an earlier life, it reads the whole chain: this one has not signet's first block.
        try forgetDatabase(wallet)
        try FileManager.default.removeItem(at: wallet.url.appending(path: "birthday"))
        await #expect(throws: ChainFailure.self) { try await start(wallet, chain, .signet) }
        #expect(wallet.birthday == nil)
        try? FileManager.default.removeItem(at: folder)
    }

    @Test("words that may be older look in the whole chain, or from the day that is said")
    func words() async throws {
        let chain = try EmbeddedChain(path: nil, keepsJournal: false)
        let elsewhere = Script([0, 20] + [UInt8](repeating: 3, count: 20))
        let first = WalletDirectory(folder.appending(path: "b"))
        let words = try first.create()
        let node = try await start(first, chain, .regtest)
        let script = try await node.newAddress().script
        await node.stop()
        try await chain.mine(1, paying: script)
        try await chain.mine(400, paying: elsewhere)
        for (name, birthday, isFound) in [("c", nil, true), ("d", 50, true), ("e", 300, false), ("f", 1_000_000, false)] {
            let copy = WalletDirectory(folder.appending(path: name))
            _ = try copy.create(words)
            let restored = try await start(copy, chain, .regtest, birthday: birthday)
            #expect(try await (restored.balance().onChainConfirmed > .zero) == isFound, "\(name)")
            #expect(copy.birthday == nil)
            await restored.stop()
        }
        try? FileManager.default.removeItem(at: folder)
    }
}
