import BitcoinPrimitives
import Foundation
import Lightning
import LightningRecords
import LightningStorage
import Logging
import NIOPosix
import TestSupport
import Testing

@testable import LightningRuntime

@Suite("backups on disk: the channels' file, copies of the database, and its replica", .serialized)
struct BackupFileTests {
    private static func temporary(_ name: String) -> URL {
        FileManager.default.temporaryDirectory.appending(path: "\(name)-\(UUID().uuidString)")
    }

    @Test("with the words and the file the money of a channel comes back, also of one that was closed meanwhile", arguments: [false, true])
    func restored(isClosed: Bool) async throws {
        var world = try await NodeTests.World()
        let id = try await world.open(push: 200_000)
        let words = try NodeTests.World.wallet(world.folder, "alice").words().words
        let saved = Self.temporary("channels")
        try FileManager.default.copyItem(at: world.folder.appending(path: "alice/channels.backup"), to: saved)
        let invoice = try await world.bob.createInvoice(amount: MilliSatoshi(Satoshi(100_000)), description: "")
        try await world.alice.pay(invoice)
        try await world.settled()
        if isClosed {
            // Its output waits for its delay when the disk dies.
            try await world.alice.forceCloseChannel(id)
            while await world.chain.mempoolIsEmpty { await Task.yield() }
            try await world.mine(2, to: world.bob)
        }
        await world.alice.stop()
        try FileManager.default.removeItem(at: world.folder.appending(path: "alice"))

        let wallet = NodeTests.World.wallet(world.folder, "again")
        _ = try wallet.create(words)
        let (bytes, summary) = try wallet.readBackup(saved)
        #expect(summary.channels.map(\.id) == [id] && summary.channels[0].addresses.map(\.port) == [world.bob.port])
        #expect(summary.channels[0].capacity == Satoshi(1_000_000))
        world.alice = try await LightningNode.start(wallet: wallet, chain: world.chain)
        let before = try await world.alice.balance()
        #expect(before.inChannels == .zero)
        // Bob keeps a backup as well, and is called only because the file says where he is.
        let (restored, refused) = try await world.alice.restoreChannels(from: bytes)
        #expect(restored == [id] && refused.isEmpty)
        if isClosed {
            while try await world.alice.channels()[0].close == nil { await Task.yield() }
            #expect(try await world.alice.channels()[0].close?.kind == .ownLaterCommitment)
        } else {
            while await world.chain.mempoolIsEmpty { await Task.yield() }
        }
        try await world.mine(isClosed ? 160 : 2, to: world.bob)
        try await world.mine(7, to: world.bob)
        let after = try await world.alice.balance()
        let back = after.onChainConfirmed.value + after.onChainImmature.value - before.onChainConfirmed.value - before.onChainImmature.value
        #expect((695_000...700_000).contains(back), "\(back)")
        #expect(try await world.alice.channels()[0].isClosed)
        await world.stop()
    }

    @Test("a database that is gone, with the backup beside it, is restored by itself, and the backup is not written over")
    func lostDatabase() async throws {
        var world = try await NodeTests.World()
        let id = try await world.open(push: 200_000)
        await world.alice.stop()
        for end in ["", "-wal"] { try? FileManager.default.removeItem(at: world.folder.appending(path: "alice/node.sqlite\(end)")) }
        world.alice = try await NodeTests.World.start(world.folder, "alice", world.chain)
        #expect(try await world.alice.channels().map(\.id) == [id])
        #expect(try await world.alice.balance().inChannels == .zero)
        let (_, summary) = try NodeTests.World.wallet(world.folder, "alice").readBackup(
            world.folder.appending(path: "alice/channels.backup"))
        #expect(summary.channels.map(\.id) == [id])
        await world.stop()
    }

    @Test("the words of another wallet open nothing, nor does a file that is cut off or is none")
    func refusals() async throws {
        let world = try await NodeTests.World()
        let id = try await world.open()
        await world.stop()
        let (alice, bob) = (NodeTests.World.wallet(world.folder, "alice"), NodeTests.World.wallet(world.folder, "bob"))
        let file = URL(filePath: alice.backup)
        #expect(try alice.readBackup(file).summary.channels.map(\.id) == [id])
        func why(_ wallet: WalletDirectory, _ file: URL) -> String? {
            do {
                _ = try wallet.readBackup(file)
                return nil
            } catch {
                guard case .unreadable(file.path, let why) = error else { return nil }
                return why
            }
        }
        #expect(why(bob, file)?.contains("another wallet") == true)
        let whole = [UInt8](try Data(contentsOf: file))
        for (bytes, reason) in [
            (Array(whole.dropLast()), "damaged"), (whole + [0], "damaged"), (Array(whole.prefix(40)), "no backup"), ([], "no backup"),
            ([UInt8](repeating: 1, count: 1000), "no backup"),
        ] {
            let changed = Self.temporary("file")
            try Data(bytes).write(to: changed)
            #expect(why(alice, changed)?.contains(reason) == true, "\(bytes.count) bytes")
        }
        #expect(why(alice, Self.temporary("missing"))?.contains("not there") == true)
    }

    @Test("a backup that cannot be written stops nothing")
    func unwritable() async throws {
        let folder = Self.temporary("node")
        let wallet = WalletDirectory(folder)
        _ = try wallet.create()
        #expect(throws: DurableFile.Failure.self) { try DurableFile.write([1], to: folder.appending(path: "missing/file").path) }
        var options = LightningNode.Options()
        options.backupFile = folder.appending(path: "missing/channels.backup")
        let node = try await LightningNode.start(wallet: wallet, chain: try EmbeddedChain(path: nil), options: options)
        _ = try await node.newAddress()
        await node.stop()
    }

    @Test("a copy of the database is whole, is written once, and is known as a copy where it is used")
    func copy() async throws {
        let world = try await NodeTests.World()
        _ = try await world.open()
        let file = Self.temporary("copy")
        try await world.alice.copyDatabase(to: file)
        await #expect(throws: StoreFailure.self) { try await world.alice.copyDatabase(to: file) }
        await world.stop()
        let store = try SQLiteStore(path: file.path)
        let contents = try store.load()
        #expect(contents.tables[.channels]?.count == 1)
        let fence = StoreFence(path: NodeTests.World.wallet(world.folder, "alice").fence)
        #expect(fence.doubt(contents, batches: try store.batchNumber()) == .replaced)
        store.close()
    }

    @Test("a replica receives every batch; one that is behind is made anew, and one that is ahead stops the node")
    func replica() async throws {
        let (folder, file) = (Self.temporary("node"), Self.temporary("replica"))
        let wallet = WalletDirectory(folder)
        _ = try wallet.create()
        let chain = try EmbeddedChain(path: nil)
        func run(_ replica: URL?) async throws {
            var options = LightningNode.Options()
            options.replica = replica
            let node = try await LightningNode.start(wallet: wallet, chain: chain, options: options)
            _ = try await node.newAddress()
            await node.stop()
        }
        func equal() throws -> Bool {
            let (one, other) = (try SQLiteStore(path: wallet.database), try SQLiteStore(path: file.path))
            defer {
                one.close()
                other.close()
            }
            return try one.load() == other.load() && one.batchNumber() == other.batchNumber()
        }
        try await run(file)
        #expect(try equal())
        try await run(file)
        #expect(try equal())
        try await run(nil)
        #expect(try !equal())
        let old = Self.temporary("old")
        try FileManager.default.copyItem(atPath: wallet.database, toPath: old.path)
        try await run(file)
        #expect(try equal())
        try FileManager.default.removeItem(atPath: wallet.database)
        try FileManager.default.copyItem(at: old, to: URL(filePath: wallet.database))
        await #expect(throws: StoreFailure.self) { try await run(file) }
        // The database of another wallet is no replica, and stays as it is.
        let other = WalletDirectory(Self.temporary("other"))
        _ = try other.create()
        let stranger = try await LightningNode.start(wallet: other, chain: chain)
        await stranger.stop()
        let foreign = try Data(contentsOf: URL(filePath: other.database))
        await #expect(throws: StoreFailure.self) { try await run(URL(filePath: other.database)) }
        #expect(try Data(contentsOf: URL(filePath: other.database)) == foreign)
        // The replica is the newest: in the place of the old one it goes on.
        try FileManager.default.removeItem(atPath: wallet.database)
        try FileManager.default.copyItem(at: file, to: URL(filePath: wallet.database))
        try await run(file)
        #expect(try equal())
    }

    @Test("nothing is committed for good where the replica does not take it")
    func brokenReplica() async throws {
        let (one, other) = (Self.temporary("one"), Self.temporary("other"))
        let store = try SQLiteStore(path: one.path)
        let replica = try store.replica(at: other.path)
        let thread = StoreThread(
            store, replica: replica, fence: StoreFence(path: one.path + ".fence"), batches: 0, backupFile: one.path + ".backup",
            logger: .init(label: "test"))
        replica.close()
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let outcome = await withCheckedContinuation { continuation in
            thread.commit([.put(.meta, key: [1], record: [2])], on: loop) { continuation.resume(returning: $0) }
        }
        guard case .failure(.unwritable(let why)) = outcome else {
            Issue.record("the batch was released")
            return
        }
        #expect(why.contains("replica"))
        await thread.close()
    }
}
