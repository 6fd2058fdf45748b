import BitcoinBackend
import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import Foundation
import Synchronization
import TestElectrum
import Testing

/// One layer 1 of those that a node can stand on, and the hands to move it.
struct Subject: Sendable {
    enum Kind: String, Sendable, CaseIterable, CustomTestStringConvertible {
        case embedded = "the embedded chain"
        case served = "the embedded chain of another process, over JSON-RPC"
        case electrum = "an Electrum server"
        case oldElectrum = "an Electrum server of protocol 1.4"
        /// LIGHTNING_BITCOIND=http://user:password@host:port of an empty regtest node.
        case bitcoind = "a bitcoind"
        /// LIGHTNING_ELECTRUM=tcp://host:port of a server on that bitcoind.
        case electrumOnBitcoind = "an Electrum server on a bitcoind"

        var testDescription: String { rawValue }
        var isElectrum: Bool { [.electrum, .oldElectrum, .electrumOnBitcoind].contains(self) }
    }

    static let bitcoindURL = ProcessInfo.processInfo.environment["LIGHTNING_BITCOIND"]
    static let electrumURL = ProcessInfo.processInfo.environment["LIGHTNING_ELECTRUM"]
    static var all: [Kind] {
        Kind.allCases.filter { kind in
            switch kind {
            case .embedded, .served, .electrum, .oldElectrum: true
            case .bitcoind: bitcoindURL != nil
            case .electrumOnBitcoind: bitcoindURL != nil && electrumURL != nil
            }
        }
    }

    let kind: Kind
    let backend: any ChainBackend
    var chain: EmbeddedChain?
    var bitcoind: BitcoindChain?
    var server: RPCServer?
    var electrum: TestElectrum?

    init(_ kind: Kind) async throws {
        self.kind = kind
        switch kind {
        case .bitcoind, .electrumOnBitcoind:
            let bitcoind = try BitcoindChain(url: Self.bitcoindURL!)
            self.bitcoind = bitcoind
            backend = kind == .bitcoind ? bitcoind : try ElectrumChain(url: Self.electrumURL!)
            // What others have done to the bitcoind a server learns within seconds.
            let now = try await bitcoind.tip().hash
            while case let tip = try await backend.tip().hash, tip != now { await backend.waitForChange(from: tip) }
        case .embedded:
            let chain = try EmbeddedChain(path: nil)
            self.chain = chain
            backend = chain
        case .electrum, .oldElectrum:
            let chain = try EmbeddedChain(path: nil)
            self.chain = chain
            let electrum = try await TestElectrum(chain, version: kind == .electrum ? "1.6" : "1.4")
            self.electrum = electrum
            // Its answers are computed on the threads that all tests share.
            backend = try ElectrumChain(url: electrum.url, timeout: 600)
        case .served:
            let chain = try EmbeddedChain(path: nil)
            self.chain = chain
            var options = RPCServer.Options()
            options.port = 0
            (options.user, options.password) = ("u", "p")
            let server = try await RPCServer(chain: chain, options: options)
            self.server = server
            backend = try BitcoindChain(url: "http://u:p@127.0.0.1:\(server.port)", timeout: 600)
        }
    }

    /// Returns when the layer 1 has heard of the blocks.
    @discardableResult
    func mine(_ count: Int, _ script: Script = .anchor) async throws -> [BlockHash] {
        let mined: [BlockHash]
        if let chain {
            mined = try await chain.mine(count, paying: script)
        } else {
            let address = Address(script: script, network: .regtest)!.description
            let answer = try await bitcoind!.call("generatetoaddress", [.integer(count), .string(address)])
            mined = answer.array!.map { BlockHash(display: $0.string!)! }
        }
        while case let tip = try await backend.tip().hash, tip != mined.last { await backend.waitForChange(from: tip) }
        return mined
    }

    func invalidate(_ hash: BlockHash) async throws {
        if let chain { return try await chain.invalidate(hash) }
        _ = try await bitcoind!.call("invalidateblock", [.string(hash.description)])
    }

    func reconsider(_ hash: BlockHash) async throws {
        if let chain { return try await chain.reconsider(hash) }
        _ = try await bitcoind!.call("reconsiderblock", [.string(hash.description)])
    }

    /// What a block holds of the coins of these tests.
    func contents(_ hash: BlockHash, _ height: BlockHeight) async throws -> BlockContents {
        try await backend.contents(of: hash, height: height, concerning: .init(scripts: [ContractTests.script]))
    }

    func end() async {
        await server?.stop()
        await electrum?.stop()
    }
}

/// What a Lightning node relies on in its layer 1; the same for each.
@Suite("the contract of a layer 1", .serialized)
struct ContractTests {
    static let key = SecretKey(Hash.sha256(Array("contract".utf8)))!
    static let script = Script.p2wpkh(key.publicKey())

    static func withSubject(_ kind: Subject.Kind, _ body: (Subject) async throws -> Void) async throws {
        let subject = try await Subject(kind)
        do { try await body(subject) } catch {
            await subject.end()
            throw error
        }
        await subject.end()
    }

    /// Spends the coinbase of a block to ourselves.
    static func spend(_ block: BlockContents, fee: UInt64) -> Transaction {
        let coinbase = block.entries[0].transaction
        let amount = coinbase.outputs[0].amount
        var transaction = Transaction(
            inputs: [TransactionInput(OutPoint(coinbase.id, 0), sequence: 0xffff_fffd)],
            outputs: [TransactionOutput(amount - Satoshi(fee), script)])
        sign(&transaction, amount: amount)
        return transaction
    }

    /// Signs the first input, which spends a coin of ours.
    static func sign(_ transaction: inout Transaction, amount: Satoshi) {
        var hasher = SignatureHasher(transaction)
        let hash = hasher.witnessV0(input: 0, scriptCode: .p2pkh(hash: Hash.hash160(key.publicKey().compressed)), amount: amount)
        transaction.inputs[0].witness = [key.sign(hash).der + [1], key.publicKey().compressed]
    }

    @Test("blocks: heights, hashes and bodies agree; above the tip there is nothing", arguments: Subject.all)
    func blocks(_ kind: Subject.Kind) async throws {
        try await Self.withSubject(kind) { subject in
            let chain = subject.backend
            let start = try await chain.tip().height
            let hashes = try await subject.mine(3)
            let tip = try await chain.tip()
            #expect(tip.height == start + 3 && tip.hash == hashes[2])
            #expect(try await chain.blockHash(height: 0) == Network.regtest.chainHash)
            for (offset, hash) in hashes.enumerated() {
                #expect(try await chain.blockHash(height: start + 1 + offset) == hash)
                let block = try await subject.contents(hash, start + 1 + offset)
                #expect(block.hash == hash)
                if offset > 0 { #expect(block.header.previous == hashes[offset - 1]) }
            }
            #expect(try await chain.blockHash(height: start + 4) == nil)
            #expect(try await chain.blockHash(height: 10_000_000) == nil)
            await #expect(throws: ChainFailure.refused("Block not found")) {
                try await subject.contents(BlockHash(.zero), 10_000_000)
            }
        }
    }

    @Test("publishing: taken once, harmless twice, refused with a reason", arguments: Subject.all)
    func publishing(_ kind: Subject.Kind) async throws {
        try await Self.withSubject(kind) { subject in
            let chain = subject.backend
            let start = try await chain.tip().height
            let own = try await subject.mine(2, Self.script)
            let coinbases = [try await subject.contents(own[0], start + 1), try await subject.contents(own[1], start + 2)]
            #expect(coinbases.allSatisfy { $0.entries.first?.position == 0 })
            let transaction = Self.spend(coinbases[0], fee: 1000)
            // Coins of a block that is too young.
            await #expect(throws: ChainFailure.refused("bad-txns-premature-spend-of-coinbase")) {
                do throws(ChainFailure) { try await chain.publish(transaction) } catch {
                    throw ChainFailure.refused(String(error.reason.prefix { $0 != "," }))
                }
            }
            try await subject.mine(100)
            try await chain.publish(transaction)
            try await chain.publish(transaction)
            // In conflict, and paying no more for each byte.
            let rival = Self.spend(coinbases[0], fee: 1001)
            await #expect { try await chain.publish(rival) } throws: { ($0 as? ChainFailure)?.reason.contains("insufficient fee") == true }
            // Spoiled.
            var spoiled = Self.spend(coinbases[1], fee: 1000)
            spoiled.outputs[0].amount -= Satoshi(1)
            await #expect { try await chain.publish(spoiled) } throws: {
                ($0 as? ChainFailure)?.reason.contains("script-verify-flag-failed") == true
            }
            var free = Self.spend(coinbases[1], fee: 0)
            await #expect { try await chain.publish(free) } throws: {
                ($0 as? ChainFailure)?.reason.contains("min relay fee not met") == true
            }
            free.inputs[0].previousOutput = OutPoint(TransactionID(.zero), 5)
            await #expect { try await chain.publish(free) } throws: { ($0 as? ChainFailure)?.reason.contains("missingorspent") == true }
            let block = try await subject.mine(1)[0]
            let mined = try await subject.contents(block, start + 103)
            #expect(mined.entries.contains { $0.transaction.id == transaction.id })
            #expect(!mined.entries.contains { $0.transaction.id == rival.id })
            // What it pays is there, at its place, and nowhere else.
            let position = try #require(mined.entries.first { $0.transaction.id == transaction.id }).position
            let there = try await chain.unspentOutput(height: start + 103, transaction: position, output: 0)
            #expect(try #require(there) == (OutPoint(transaction.id, 0), transaction.outputs[0]))
            for (height, place, output) in [(start + 103, position, 1), (start + 103, 7, 0), (start + 1, 0, 0)] {
                #expect(try await chain.unspentOutput(height: height, transaction: place, output: output) == nil)
            }
            await #expect {
                try await chain.unspentOutput(height: start + 104, transaction: 0, output: 0)
            } throws: { if case ChainFailure.notReady = $0 { true } else { false } }
            // Mined already: known, no failure.
            try await chain.publish(transaction)
        }
    }

    @Test("a fee rate is always there, and never below the floor of BOLT 2", arguments: Subject.all)
    func feeRate(_ kind: Subject.Kind) async throws {
        try await Self.withSubject(kind) { subject in
            for _ in 0..<2 {
                for blocks in [1, 2, 6, 144, 1008] { #expect(try await subject.backend.feeRate(within: blocks) >= .floor) }
                try await subject.mine(1)
            }
        }
    }

    @Test("a change is told: a new block, and a reorganization that takes blocks away and brings others", arguments: Subject.all)
    func reorganization(_ kind: Subject.Kind) async throws {
        try await Self.withSubject(kind) { subject in
            let chain = subject.backend
            let start = try await chain.tip().height
            let own = try await subject.contents(try await subject.mine(1, Self.script)[0], start + 1)
            try await subject.mine(100)
            let before = try await chain.tip()
            async let news: Void = chain.waitForChange(from: before.hash)
            let transaction = Self.spend(own, fee: 1000)
            try await chain.publish(transaction)
            let first = try await subject.mine(2)
            await news
            #expect(try await chain.tip().hash == first[1])
            #expect(try await subject.contents(first[0], before.height + 1).entries.contains { $0.transaction.id == transaction.id })
            async let loss: Void = chain.waitForChange(from: first[1])
            try await subject.invalidate(first[0])
            // Some servers notice it with the next block only.
            if kind != .electrumOnBitcoind {
                await loss
                while case let tip = try await chain.tip().hash, tip != before.hash { await chain.waitForChange(from: tip) }
                #expect(try await chain.tip().height == before.height)
                #expect(try await chain.tip().hash == before.hash)
                #expect(try await chain.blockHash(height: before.height + 1) == nil)
                // Blocks of the lost branch can still be read where they are whole.
                if kind.isElectrum {
                    await #expect(throws: (any Error).self) { try await subject.contents(first[0], before.height + 1) }
                } else {
                    #expect(try await subject.contents(first[0], before.height + 1).hash == first[0])
                }
            }
            // What was mined waits again, and the next block holds it.
            let second = try await subject.mine(3, Self.script)
            #expect(try await subject.contents(second[0], before.height + 1).entries.contains { $0.transaction.id == transaction.id })
            #expect(try await chain.blockHash(height: before.height + 2) == second[1])
            // The old branch may come back only when it is longer.
            try await subject.reconsider(first[0])
            #expect(try await chain.tip().hash == second[2])
            await chain.waitForChange(from: before.hash)
        }
    }
}

/// What only a layer 1 behind a wire can do to us.
@Suite("a bitcoind that is away, wrong or strange")
struct BitcoindFailureTests {
    @Test("it goes away, and comes back with a new cookie")
    func restart() async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "restart-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let embedded = try EmbeddedChain(path: nil)
        var options = RPCServer.Options()
        options.port = 0
        options.cookieFile = folder.appending(path: ".cookie").path
        let first = try await RPCServer(chain: embedded, options: options)
        let chain = try BitcoindChain(
            url: "bitcoind:http://127.0.0.1:\(first.port)", cookieFile: options.cookieFile, timeout: 600)
        #expect(try await chain.tip().height == 0)
        await first.stop()
        await #expect { try await chain.tip() } throws: { if case ChainFailure.unreachable = $0 { true } else { false } }
        try await embedded.mine(2, paying: .anchor)
        options.port = first.port
        let second = try await RPCServer(chain: embedded, options: options)
        #expect(try await chain.tip().height == 2)
        await second.stop()
    }

    @Test("wrong password, missing cookie, nobody there, no URL")
    func credentials() async throws {
        var options = RPCServer.Options()
        options.port = 0
        (options.user, options.password) = ("u", "p")
        let server = try await RPCServer(chain: try EmbeddedChain(path: nil), options: options)
        func failure(_ url: String, cookie: String? = nil) async -> ChainFailure? {
            do throws(ChainFailure) {
                let chain = try BitcoindChain(url: url, cookieFile: cookie, timeout: 600)
                _ = try await chain.tip()
                return nil
            } catch { return error }
        }
        let wrong = await failure("http://u:secret-word@127.0.0.1:\(server.port)")
        guard case .unexpected(let why)? = wrong else { throw wrong ?? ChainFailure.unreachable("no failure") }
        // Not the password in a log.
        #expect(why.contains("does not let us in") && !why.contains("secret-word"))
        guard case .unreachable(let missing)? = await failure("http://127.0.0.1:\(server.port)", cookie: "/nonexistent/.cookie") else {
            throw ChainFailure.unreachable("no failure")
        }
        #expect(missing.contains("/nonexistent/.cookie"))
        await server.stop()
        guard case .unreachable? = await failure("http://u:p@127.0.0.1:\(server.port)") else {
            throw ChainFailure.unreachable("no failure")
        }
        for url in ["", "bitcoind:", "https://u:p@localhost", "http://", "ftp://x", "127.0.0.1:18443"] {
            guard case .unexpected? = await failure(url) else { throw ChainFailure.unreachable("\(url) was taken") }
        }
    }

    @Test("another network and a node that is still syncing are refused in words")
    func checks() async throws {
        func state(_ chain: String, blocks: Int, headers: Int, initial: Bool, extra: String = "") -> FakeBitcoind.Reply {
            .result(
                "{\"chain\":\"\(chain)\",\"blocks\":\(blocks),\"headers\":\(headers),\"initialblockdownload\":\(initial)\(extra)}")
        }
        let mainnet = "\"000000000019d6689c085ae165831e934ff763ae46a2a6c172b3f1b60a8ce26f\""
        let regtest = "\"\(Network.regtest.chainHash)\""
        let fake = try await FakeBitcoind([
            "getblockhash": .result(mainnet), "getblockchaininfo": state("main", blocks: 900_000, headers: 900_000, initial: false),
        ])
        let chain = try BitcoindChain(url: fake.url, timeout: 600)
        func failure() async -> ChainFailure? {
            do throws(ChainFailure) {
                try await chain.check(network: .regtest)
                return nil
            } catch { return error }
        }
        #expect(await failure() == .unexpected("127.0.0.1:\(fake.port) is on main, not on regtest"))
        fake.replies.withLock {
            $0 = ["getblockhash": .result(regtest), "getblockchaininfo": state("regtest", blocks: 10, headers: 5000, initial: true)]
        }
        #expect(await failure() == .notReady("it is still syncing, with block 10 of 5000; try again when it is done"))
        fake.replies.withLock { $0["getblockchaininfo"] = state("regtest", blocks: 10, headers: 10, initial: true) }
        #expect(await failure() == nil)
        fake.replies.withLock {
            $0["getblockchaininfo"] = state(
                "regtest", blocks: 9000, headers: 9000, initial: false, extra: ",\"pruned\":true,\"pruneheight\":8800")
        }
        #expect(await failure()?.reason.contains("pruned") == true)
        fake.replies.withLock { $0["getblockhash"] = .error(code: -28, message: "Loading block index…") }
        #expect(await failure() == .notReady("Loading block index…"))
        await fake.stop()
    }

    @Test("garbage, silence, hang-ups and lies become failures, not crashes")
    func strange() async throws {
        let fake = try await FakeBitcoind([:])
        let chain = try BitcoindChain(url: fake.url, timeout: 1)
        func failure(_ reply: FakeBitcoind.Reply) async -> ChainFailure? {
            fake.replies.withLock {
                $0 = ["getblockchaininfo": reply, "getblock": reply, "estimatesmartfee": reply, "getblockhash": reply]
            }
            do throws(ChainFailure) {
                _ = try await chain.tip()
                return nil
            } catch { return error }
        }
        for reply in [
            FakeBitcoind.Reply.raw(status: 200, body: "<html>"), .raw(status: 200, body: ""), .raw(status: 200, body: "[]"),
            .raw(status: 502, body: "Bad Gateway"), .result("7"), .result("{}"), .result("{\"blocks\":\"x\",\"bestblockhash\":1}"),
        ] {
            guard case .unexpected? = await failure(reply) else { throw ChainFailure.unreachable("\(reply)") }
        }
        for reply in [FakeBitcoind.Reply.silence, .hangUp] {
            guard case .unreachable? = await failure(reply) else { throw ChainFailure.unreachable("\(reply)") }
        }
        guard case .notReady? = await failure(.raw(status: 503, body: "Work queue depth exceeded")) else {
            throw ChainFailure.unreachable("503")
        }
        // A block that is another than was asked for.
        let genesis = Hex.encode(ChainParameters.regtest.genesis.serialized())
        _ = await failure(.result("\"\(genesis)\""))
        await #expect(throws: ChainFailure.unexpected("getblock")) { try await chain.block(BlockHash(.zero)) }
        #expect(try await chain.block(Network.regtest.chainHash).hash == Network.regtest.chainHash)
        // Without an estimate, or with a mad one, there is still a rate.
        for estimate in [
            "{\"errors\":[\"Insufficient data\"],\"blocks\":6}", "{\"feerate\":-1}", "{\"feerate\":1e9}", "{\"feerate\":\"x\"}",
        ] {
            _ = await failure(.result(estimate))
            #expect(try await chain.feeRate(within: 6) >= .floor)
        }
        // A full mempool takes nothing that pays less than this, whatever the estimate is.
        for (least, rate) in [("0.00020000", 5060), ("0.00000100", 1000), ("-1", 1000), ("\"x\"", 1000)] as [(String, UInt32)] {
            fake.replies.withLock {
                $0 = ["estimatesmartfee": .result("{\"feerate\":0.00004}"), "getmempoolinfo": .result("{\"mempoolminfee\":\(least)}")]
            }
            #expect(try await chain.feeRate(within: 6) == FeeRate(perKiloweight: rate))
        }
        await fake.stop()
    }
}
