import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import Foundation
import GRDB
import TestSupport
import Testing

@testable import BitcoinBackend

/// The embedded layer 1 on disk: whatever happens to the process, no block is lost that was told of.
@Suite("the chain's database", .ownThreads)
final class ChainStoreTests {
    let folder = FileManager.default.temporaryDirectory.appending(path: "chain-\(UUID().uuidString)")
    var path: String { folder.appending(path: "chain.sqlite").path }
    static let now: UInt32 = 1_700_000_000
    static let anyone = Script([0x51])
    static let open = Script.p2wsh(anyone)

    init() throws { try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true) }
    deinit { try? FileManager.default.removeItem(at: folder) }

    func chain(_ path: String? = nil) throws(ChainFailure) -> EmbeddedChain {
        try EmbeddedChain(path: path ?? self.path, clock: { Self.now + 1_000_000 })
    }

    static func spend(_ outPoint: OutPoint, value: UInt64, fee: UInt64, outputs: UInt64 = 1) -> Transaction {
        Transaction(
            inputs: [TransactionInput(outPoint, sequence: 0xffff_fffd, witness: [anyone.bytes])],
            outputs: (0..<outputs).map { _ in TransactionOutput(Satoshi((value - fee) / outputs), open) })
    }

    /// Everything that can be asked of a chain.
    struct Picture: Equatable {
        var tip: BlockHash
        var hashes: [BlockHash]
        var coins: [OutPoint: Coin] = [:]
        var mempool: Set<TransactionID>
        var branches: Set<BlockHash>

        init(_ chain: EmbeddedChain) async {
            self = await chain.read { ledger, _ in Picture(ledger) }
        }

        init(_ ledger: Ledger) {
            tip = ledger.tip
            hashes = (0...ledger.height).map { ledger.blockHash(height: $0)! }
            mempool = Set(ledger.mempool.entries.keys)
            branches = Set(ledger.branchTips())
            ledger.forEachCoin { self.coins[$0] = $1 }
        }
    }

    /// A chain with payments in blocks and in the mempool, a lost branch, and a reorganization.
    private func fill(_ chain: EmbeddedChain) async throws {
        try await chain.mine(103, paying: Self.open)
        let coinbase = try await #require(chain.blockHash(height: 1))
        let id = try await chain.block(coinbase).transactions[0].id
        let split = Self.spend(OutPoint(id, 0), value: 50_0000_0000, fee: 2000, outputs: 10)
        try await chain.publish(split)
        let last = try await chain.mine(2, paying: Self.open)
        for index in 0..<5 {
            try await chain.publish(Self.spend(OutPoint(split.id, UInt32(index)), value: (50_0000_0000 - 2000) / 10, fee: 1000))
        }
        try await chain.mine(1, paying: Self.open)
        try await chain.invalidate(last[1])
        try await chain.mine(3, paying: .anchor)
        try await chain.reconsider(last[1])
        try await chain.publish(Self.spend(OutPoint(split.id, 7), value: (50_0000_0000 - 2000) / 10, fee: 1000))
    }

    @Test("all of it is there after a restart, and sound")
    func reopen() async throws {
        let first = try chain()
        try await fill(first)
        let before = await Picture(first)
        #expect(before.branches.count == 2 && before.mempool.count == 1)
        await first.close()
        let second = try chain()
        #expect(await Picture(second) == before)
        // Reorganizations go on across a restart: undo data is on disk.
        let fork = try await #require(second.blockHash(height: 104))
        try await second.invalidate(fork)
        #expect(await second.tip().height == 103)
        try await second.reconsider(fork)
        #expect(await second.tip().hash == before.tip)
        await second.close()
        #expect(try EmbeddedChain.check(path: path).isEmpty)
    }

    @Test("who was paid and who spent, on disk as in memory")
    func history() async throws {
        let stored = try chain()
        let memory = try EmbeddedChain(path: nil, clock: { Self.now + 1_000_000 })
        for chain in [stored, memory] { try await fill(chain) }
        let ids = await stored.history(of: Self.open)
        #expect(ids.count > 110)
        #expect(await memory.history(of: Self.open) == ids)
        let coinbase = try await #require(stored.blockHash(height: 1))
        let first = try await stored.block(coinbase).transactions[0].id
        for chain in [stored, memory] {
            let spender = try #require(await chain.spender(of: OutPoint(first, 0)))
            #expect(spender.transaction.inputs[0].previousOutput == OutPoint(first, 0))
            #expect(await chain.blockHash(height: 104) == spender.block)
            // One in the mempool, one unspent, one that never was.
            let waiting = try #require(await chain.spender(of: OutPoint(spender.transaction.id, 7)))
            #expect(waiting.block == nil)
            #expect(await chain.spender(of: OutPoint(spender.transaction.id, 7), inBlocks: false) != nil)
            #expect(await chain.spender(of: OutPoint(first, 0), inBlocks: false) == nil)
            #expect(await chain.spender(of: OutPoint(spender.transaction.id, 8)) == nil)
            #expect(await chain.spender(of: OutPoint(first, 5)) == nil)
            #expect(await chain.history(of: .p2wsh(Script([0x52]))).isEmpty)
        }
        await stored.close()
    }

    @Test("killed at any point, the database holds every block that was told of", arguments: 0..<6 as Range<UInt64>)
    func torn(seed: UInt64) async throws {
        var state = seed
        func below(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(bound))
        }
        let running = try chain()
        try await running.mine(101, paying: Self.open)
        var told: [Picture] = [await Picture(running)]
        // After each step the files as a killed process leaves them; with writes that were cut off anywhere in the log.
        for step in 0..<8 {
            let walBefore = (try? Data(contentsOf: URL(filePath: path + "-wal")))?.count ?? 0
            switch below(3) {
            case 0: try await running.mine(1 + below(3), paying: Self.open)
            case 1:
                let hash = try await #require(running.blockHash(height: running.tip().height))
                try await running.invalidate(hash)
                try await running.mine(2, paying: .anchor)
            default:
                let height = 1 + below(2) + step % 2
                let hash = try await #require(running.blockHash(height: BlockHeight(height)))
                let id = try await running.block(hash).transactions[0].id
                let spend = Self.spend(OutPoint(id, 0), value: 50_0000_0000, fee: UInt64(1000 + step * 2000))
                try? await running.publish(spend)
                try await running.mine(1, paying: Self.open)
            }
            told.append(await Picture(running))
            let wal = try Data(contentsOf: URL(filePath: path + "-wal"))
            var cuts = [wal.count]
            if wal.count > walBefore { cuts += (0..<3).map { _ in walBefore + below(wal.count - walBefore) } }
            for cut in cuts {
                let copy = folder.appending(path: "copy-\(step)-\(cut).sqlite").path
                try FileManager.default.copyItem(atPath: path, toPath: copy)
                try wal.prefix(cut).write(to: URL(filePath: copy + "-wal"))
                let reopened = try EmbeddedChain(path: copy, clock: { Self.now + 1_000_000 })
                let found = await Picture(reopened)
                await reopened.close()
                if cut == wal.count {
                    #expect(found == told.last!, "seed \(seed), step \(step)")
                } else {
                    // What was being written when the process died was told to nobody: the state before it, or one between.
                    let settled = told[0].hashes.prefix(90)
                    #expect(found.hashes.starts(with: settled), "seed \(seed), step \(step), cut \(cut)")
                    #expect(found.hashes.count >= told[told.count - 2].hashes.count - 1, "seed \(seed), step \(step), cut \(cut)")
                }
                #expect(try EmbeddedChain.check(path: copy) == [], "seed \(seed), step \(step), cut \(cut)")
            }
        }
        await running.close()
    }

    @Test("a chain of the first version opens as one of today")
    func version1() async throws {
        let source = try EmbeddedChain(path: nil, keepsJournal: true, clock: { Self.now + 1_000_000 })
        try await fill(source)
        let wanted = await Picture(source)
        let blocks = await source.minedBlocks
        let waiting = await source.read { ledger, _ in ledger.mempool.ordered.map(\.transaction) }
        let queue = try DatabaseQueue(path: path)
        try await queue.write { database in
            try database.execute(
                sql: """
                    CREATE TABLE blocks (sequence INTEGER PRIMARY KEY, block BLOB NOT NULL);
                    CREATE TABLE mempool (id BLOB PRIMARY KEY, sequence INTEGER NOT NULL, tx BLOB NOT NULL);
                    PRAGMA user_version = 1;
                    """)
            for block in blocks {
                try database.execute(sql: "INSERT INTO blocks (block) VALUES (?)", arguments: [Data(block.serialized())])
            }
            for (position, transaction) in waiting.enumerated() {
                try database.execute(
                    sql: "INSERT INTO mempool (id, sequence, tx) VALUES (?, ?, ?)",
                    arguments: [Data(transaction.id.bytes.array), position, Data(transaction.serialized())])
            }
        }
        try queue.close()
        let chain = try self.chain()
        let found = await Picture(chain)
        #expect(found == wanted)
        await chain.close()
        let again = try self.chain()
        #expect(await Picture(again) == wanted)
        await again.close()
        #expect(try EmbeddedChain.check(path: path) == [])
    }

    @Test("a check finds what does not follow from the blocks, and a rebuild mends it")
    func checkAndRebuild() async throws {
        let first = try chain()
        try await fill(first)
        let before = await Picture(first)
        await first.close()
        for damage in [
            "DELETE FROM coins WHERE outpoint = (SELECT outpoint FROM coins LIMIT 1)", "DELETE FROM locations",
            "DELETE FROM spenders", "DELETE FROM payments WHERE height = 50",
            "UPDATE coins SET coin = (SELECT coin FROM coins ORDER BY outpoint DESC LIMIT 1)",
            "UPDATE tip SET hash = (SELECT hash FROM headers ORDER BY sequence LIMIT 1)",
            "UPDATE bodies SET undo = x'00' WHERE hash = (SELECT hash FROM headers WHERE height = 60)",
            "UPDATE locations SET position = 3 WHERE id = (SELECT id FROM locations LIMIT 1)",
            "UPDATE spenders SET height = 9", "UPDATE payments SET height = height + 1000 WHERE height = 50",
        ] {
            let queue = try DatabaseQueue(path: path)
            try await queue.write { try $0.execute(sql: damage) }
            try queue.close()
            #expect(!(try EmbeddedChain.check(path: path)).isEmpty, "\(damage)")
            try EmbeddedChain.rebuild(path: path)
            #expect(try EmbeddedChain.check(path: path) == [], "\(damage)")
            let mended = try chain()
            var after = await Picture(mended)
            after.mempool = before.mempool
            #expect(after == before, "\(damage)")
            await mended.close()
        }
    }

    @Test("without a block of the middle nothing is given up unasked, and nothing stops the process")
    func missingBlock() async throws {
        let first = try chain()
        try await first.mine(20, paying: Self.open)
        let tip = await first.tip()
        await first.close()
        let queue = try DatabaseQueue(path: path)
        try await queue.write { try $0.execute(sql: "DELETE FROM bodies WHERE hash = (SELECT hash FROM headers WHERE height = 12)") }
        try queue.close()
        #expect(!(try EmbeddedChain.check(path: path)).isEmpty)
        #expect(throws: ChainFailure.self) { try EmbeddedChain.rebuild(path: path) }
        // Blocks after the gap can be undone, the gap cannot; mining goes on.
        let second = try chain()
        #expect(await second.tip() == tip)
        let low = try await #require(second.blockHash(height: 5))
        await #expect(throws: ChainFailure.self) { try await second.invalidate(low) }
        #expect(await second.tip() == tip)
        await second.close()
        #expect(try EmbeddedChain.rebuild(path: path, mayShorten: true) == 11)
        #expect(try EmbeddedChain.check(path: path) == [])
        #expect(FileManager.default.fileExists(atPath: path + ".before-rebuild"))
    }

    @Test("undo data that can be read and has too few coins is as good as none")
    func shortUndo() async throws {
        let first = try chain()
        try await fill(first)
        await first.close()
        let queue = try DatabaseQueue(path: path)
        // The block with the first payment; a count of zero coins.
        try await queue.write {
            try $0.execute(sql: "UPDATE bodies SET undo = x'0100' WHERE hash = (SELECT hash FROM headers WHERE height = 104)")
        }
        try queue.close()
        let second = try chain()
        let tip = await second.tip()
        let paid = try await #require(second.blockHash(height: 104))
        #expect(try await second.block(paid).transactions.count == 2)
        #expect(await second.read { ledger, _ in ledger.blockFees(paid) == nil && ledger.spentCoins(paid) == nil })
        await #expect(throws: ChainFailure.self) { try await second.invalidate(paid) }
        #expect(await second.tip() == tip)
        try await second.mine(1, paying: Self.open)
        await second.close()
    }

    @Test("a mempool after a reorganization and a restart holds what it held, chains of payments included")
    func mempoolOrder() async throws {
        let first = try chain()
        try await first.mine(110, paying: Self.open)
        let id = try await first.block(try #require(first.blockHash(height: 1))).transactions[0].id
        let a = Self.spend(OutPoint(id, 0), value: 50_0000_0000, fee: 1000)
        try await first.publish(a)
        let mined = try await first.mine(1, paying: Self.open)
        let b = Self.spend(OutPoint(a.id, 0), value: 50_0000_0000 - 1000, fee: 1000)
        let c = Self.spend(OutPoint(b.id, 0), value: 50_0000_0000 - 2000, fee: 1000)
        for transaction in [b, c] { try await first.publish(transaction) }
        try await first.invalidate(mined[0])
        let before = await Picture(first)
        #expect(before.mempool == [a.id, b.id, c.id])
        await first.close()
        let second = try chain()
        #expect(await Picture(second) == before)
        await second.close()
    }

    @Test("foreign, future, damaged and locked databases are refused in words")
    func refused() async throws {
        func failure() -> String {
            do throws(ChainFailure) {
                _ = try chain()
                return "no failure"
            } catch { return error.description }
        }
        try Data(repeating: 0x5a, count: 8192).write(to: URL(filePath: path))
        #expect(failure().contains("damaged"))
        #expect(try Data(contentsOf: URL(filePath: path)) == Data(repeating: 0x5a, count: 8192))
        try FileManager.default.removeItem(atPath: path)
        let first = try chain()
        #expect(failure().contains("a running layer 1 uses it"))
        try await first.mine(1, paying: .anchor)
        await first.close()
        var bytes = try Data(contentsOf: URL(filePath: path))
        // SQLite's user_version.
        bytes[63] = 99
        try bytes.write(to: URL(filePath: path))
        #expect(failure().contains("version 99"))
        #expect(failure().hasPrefix("the layer 1's database"))
    }

    @Test("a full disk refuses the block; nothing that was told is lost, and the next start goes on")
    func fullDisk() async throws {
        let running = try chain()
        try await running.mine(101, paying: Self.open)
        // SQLite takes a limit of pages for a full disk.
        await running.limitStorage(pages: 40)
        var refusal: ChainFailure?
        var told = await running.tip()
        for _ in 0..<200 where refusal == nil {
            do throws(ChainFailure) {
                try await running.mine(1, paying: Self.open)
                told = await running.tip()
            } catch { refusal = error }
        }
        #expect(refusal == .store("the disk is full"))
        // Nobody hears of a block that is not on disk, and what was there can be read.
        #expect(await running.tip() == told)
        await #expect(throws: ChainFailure.store("the disk is full")) { try await running.mine(1, paying: Self.open) }
        #expect(await running.tip() == told)
        #expect(try await running.block(told.hash).hash == told.hash)
        let id = try await running.block(try #require(running.blockHash(height: 1))).transactions[0].id
        let spend = Self.spend(OutPoint(id, 0), value: 50_0000_0000, fee: 5000, outputs: 300)
        await #expect(throws: TransactionRefusal("store", "the disk is full")) { try await running.accept(spend) }
        #expect(await running.mempoolIsEmpty)
        // With room again it goes on by itself.
        await running.limitStorage(pages: 1_000_000)
        try await running.accept(spend)
        try await running.mine(1, paying: Self.open)
        #expect(await running.tip().height == told.height + 1)
        let last = await Picture(running)
        await running.close()
        let next = try chain()
        #expect(await Picture(next) == last)
        await next.close()
        #expect(try EmbeddedChain.check(path: path) == [])
    }
}
