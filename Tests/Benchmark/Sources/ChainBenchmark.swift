import BitcoinBackend
import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import Dispatch
import Foundation
import Synchronization

/// The layer 1 beside what bare signature verification costs in the same run.
struct ChainBenchmark {
    private static let key = SecretKey(Hash.sha256(Array("chain benchmark".utf8)))!
    private static let publicKey = key.publicKey().compressed
    private static let script = Script.p2wpkh(key.publicKey())
    private static let now: UInt32 = 1_700_000_000

    /// Runs script checks on two cores.
    private struct TwoCores: ScriptCheckRunner {
        func firstFailure(count: Int, _ check: @Sendable (Int) -> ScriptFailure?) -> ScriptFailure? {
            nonisolated(unsafe) var failures: [ScriptFailure?] = [nil, nil]
            DispatchQueue.concurrentPerform(iterations: 2) { core in
                for number in stride(from: core, to: count, by: 2) {
                    if let failure = check(number) {
                        failures[core] = failure
                        return
                    }
                }
            }
            return failures[0] ?? failures[1]
        }
    }

    /// Nothing but block connection, for a profiler.
    static func connectOnly() throws {
        let (ledger, spends) = try prepared(2000)
        let block = Ledger.solve(ledger.template(paying: script, now: now + 1000, including: spends))
        for _ in 0..<20 {
            var copy = ledger
            precondition(copy.submit(block, now: now + 1000).refusal == nil)
        }
    }

    static func run() async throws {
        // As many signatures as the block has, each of a message of its own: one alone would teach the processor its branches.
        let signed = (0..<2000).map { number in
            let message = Hash.sha256([UInt8(number >> 8), UInt8(number & 255)])
            let signature = key.sign(message)
            return (message: message, signature: signature, der: signature.der)
        }
        let point = key.publicKey()
        let verify = best(of: 5) {
            measure { for one in signed { precondition(one.signature.verify(one.message, key: point)) } }.cpu / 2000
        }
        let whole = best(of: 5) {
            measure {
                for one in signed {
                    precondition(ECDSASignature(der: one.der)!.verify(one.message, key: PublicKey(compressed: publicKey)!))
                }
            }.cpu / 2000
        }
        line("verification: alone / with its key and signature parsed", String(format: "%.1f / %.1f µs", verify * 1e6, whole * 1e6))

        let (ledger, spends) = try prepared(2000)
        let block = Ledger.solve(ledger.template(paying: script, now: now + 1000, including: spends))
        let connect = best(of: 3) {
            var copy = ledger
            return measure { precondition(copy.submit(block, now: now + 1000).refusal == nil) }.cpu
        }
        line(
            "a block of 2,000 P2WPKH spends, one core, nothing seen before",
            String(
                format: "%.1f ms: %.0f %% of the verify ceiling (%.0f %% with parsing in it)", connect * 1e3,
                2000 * verify / connect * 100, 2000 * whole / connect * 100))
        let serial = best(of: 3) {
            var copy = ledger
            return measure { precondition(copy.submit(block, now: now + 1000).refusal == nil) }.wall
        }
        let parallel = best(of: 3) {
            var copy = ledger
            copy.runner = TwoCores()
            return measure { precondition(copy.submit(block, now: now + 1000).refusal == nil) }.wall
        }
        line("the same on two cores", String(format: "%.1f ms of time: %.2f times as fast", parallel * 1e3, serial / parallel))
        // A new ledger each time: a copy would know the signatures of the run before.
        var accept = Double.infinity
        for _ in 0..<3 {
            var (fresh, spends) = try prepared(2000)
            let time = measure {
                for spend in spends {
                    do throws(TransactionRefusal) { _ = try fresh.accept(spend, now: now) } catch { fatalError("\(error)") }
                }
            }.cpu
            accept = min(accept, time / 2000)
            spends = []
        }
        line(
            "a P2WPKH spend into the mempool",
            String(
                format: "%.1f µs: %.2f verifications (%.2f with parsing in it)", accept * 1e6, accept / verify, accept / whole))
        var warm = ledger
        for spend in spends { _ = try warm.accept(spend, now: now) }
        let seen = measure { precondition(warm.submit(block, now: now + 1000).refusal == nil) }.cpu
        line("the block, when the mempool has seen all of it", String(format: "%.1f ms: %.1f times as fast", seen * 1e3, connect / seen))
        let empty = try emptyBlocks(10_000)
        line("empty blocks mined and connected in memory", perSecond(10_000, empty))
        try await storage()
    }

    private static func best(of count: Int, _ body: () -> Double) -> Double { (0..<count).map { _ in body() }.min()! }

    private static func emptyBlocks(_ count: Int) throws -> Double {
        var ledger = Ledger()
        return try measure { for number in 0..<count { _ = try ledger.mine(paying: script, now: now + UInt32(number)) } }.cpu
    }

    /// A ledger with coins, and that many transactions which spend one each.
    private static func prepared(_ count: Int) throws -> (Ledger, [Transaction]) {
        var ledger = Ledger()
        for number in 0..<101 { _ = try ledger.mine(paying: script, now: now + UInt32(number)) }
        let coinbase = ledger.block(ledger.blockHash(height: 1)!)!.transactions[0]
        var fan = Transaction(
            inputs: [TransactionInput(OutPoint(coinbase.id, 0))],
            outputs: [TransactionOutput](repeating: TransactionOutput(Satoshi(2_000_000), script), count: count))
        sign(&fan, amount: coinbase.outputs[0].amount)
        _ = try ledger.mine(paying: script, now: now + 200, including: [fan])
        let id = fan.id
        let spends = (0..<count).map { number in
            var spend = Transaction(
                inputs: [TransactionInput(OutPoint(id, UInt32(number)))],
                outputs: [TransactionOutput(Satoshi(1_500_000), script), TransactionOutput(Satoshi(499_000), script)])
            sign(&spend, amount: Satoshi(2_000_000))
            return spend
        }
        return (ledger, spends)
    }

    private static func sign(_ transaction: inout Transaction, amount: Satoshi) {
        var hasher = SignatureHasher(transaction)
        let hash = hasher.witnessV0(input: 0, scriptCode: .p2pkh(hash: Hash.hash160(publicKey)), amount: amount)
        transaction.inputs[0].witness = [key.sign(hash).der + [1], publicKey]
    }

    /// A hundred thousand blocks in SQLite.
    private static func storage() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "chain-benchmark-\(UUID())")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "chain.sqlite").path
        let count = 100_000
        // Time goes on: blocks faster than one in six seconds would be from the future after a while.
        let time = Mutex(now)
        let chain = try EmbeddedChain(
            path: path,
            clock: {
                time.withLock {
                    $0 += 600
                    return $0
                }
            })
        let began = Date()
        try await chain.mine(count, paying: script)
        let mining = Date().timeIntervalSince(began)
        line("empty blocks mined into SQLite, 50 for each commit", perSecond(count, mining))
        await chain.close()
        let start = Date()
        let opened = try EmbeddedChain(path: path)
        let opening = Date().timeIntervalSince(start)
        let reached = await opened.tip().height
        precondition(reached.value == count)
        line("a chain of 100,000 blocks opened", String(format: "%.2f s", opening))
        var ids: [TransactionID] = []
        for height in stride(from: 1, through: count, by: 100) {
            ids.append(try await opened.block(opened.blockHash(height: BlockHeight(height))!).transactions[0].id)
        }
        let look = Date()
        for id in ids {
            guard await opened.transaction(id) != nil else { fatalError("a mined transaction is not found") }
        }
        let each = Date().timeIntervalSince(look) / Double(ids.count)
        line("a transaction looked up by its id", String(format: "%.3f ms", each * 1e3))
        await opened.close()
    }
}
