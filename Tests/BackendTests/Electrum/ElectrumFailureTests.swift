import BitcoinBackend
import BitcoinPrimitives
import CryptoPrimitives
import Foundation
import NIOCore
import Synchronization
import TestElectrum
import Testing

/// What only an Electrum server can do to us.
@Suite("an Electrum server that lies, errs or is away")
struct ElectrumFailureTests {
    struct World {
        let embedded: EmbeddedChain
        let server: TestElectrum
        let chain: ElectrumChain
        let script = ContractTests.script
        var interests: BlockContents.Interests { .init(scripts: [script]) }

        /// A hundred and one blocks, the first of them ours.
        init(timeout: Int = 60, version: String = "1.6") async throws {
            embedded = try EmbeddedChain(path: nil)
            try await embedded.mine(1, paying: script)
            try await embedded.mine(100, paying: .anchor)
            server = try await TestElectrum(embedded, version: version)
            chain = try ElectrumChain(url: server.url, timeout: timeout)
        }

        func contents(_ height: BlockHeight) async throws -> BlockContents {
            let hash = try #require(await embedded.blockHash(height: height))
            return try await chain.contents(of: hash, height: height, concerning: interests)
        }

        func follow() async throws {
            let tip = await embedded.tip().hash
            while case let known = try await chain.tip().hash, known != tip { await chain.waitForChange(from: known) }
        }

        func failure(_ body: () async throws -> Void) async throws -> ChainFailure {
            do { try await body() } catch {
                if let failure = error as? ChainFailure { return failure }
                throw error
            }
            throw ChainFailure.unexpected("it was taken")
        }

        /// Pays our first coin to a script, or what is there of it to several.
        func spend(_ outputs: [TransactionOutput]) async throws -> Transaction {
            let coinbase = try await contents(1).entries[0].transaction
            var transaction = Transaction(inputs: [TransactionInput(OutPoint(coinbase.id, 0), sequence: 0xffff_fffd)], outputs: outputs)
            ContractTests.sign(&transaction, amount: coinbase.outputs[0].amount)
            return transaction
        }
    }

    @Test("addresses that are none, certificates that are none")
    func addresses() throws {
        for url in [
            "", "electrum:", "electrum:http://x:1", "tcp://", "tcp://h:0", "tcp://h:99999", "h:50001", "tcp://u@h:1", "tcp://h:1/x",
        ] {
            #expect(throws: ChainFailure.self, "\(url)") { try ElectrumChain(url: url) }
        }
        for url in ["electrum:tcp://[::1]:50001", "ssl://electrum.example.org", "electrum:tls://h:1"] { _ = try ElectrumChain(url: url) }
        #expect(throws: ChainFailure.self) { try ElectrumChain(url: "tcp://h:1", certificate: "/x.pem") }
        #expect(throws: ChainFailure.self) { try ElectrumChain(url: "ssl://h:1", certificate: "/nonexistent/x.pem") }
    }

    @Test("another network, nobody, a server that says nothing or garbage")
    func strangers() async throws {
        let world = try await World(timeout: 1)
        let elsewhere = try ElectrumChain(url: world.server.url, network: .signet, timeout: 60)
        let wrong = try await world.failure { try await elsewhere.check() }
        #expect(wrong.reason.hasSuffix("is on regtest, not on signet"))
        for method in ["server.version", "blockchain.block.header", "blockchain.headers.subscribe", "blockchain.block.headers"] {
            for lie in [
                RPCValue.null, 7, "x", [], [:], ["height": -1, "hex": "00"], ["height": 5, "hex": "zz"], ["headers": ["00"]], ["hex": "00"],
            ] as [RPCValue] {
                world.server.set { asked, _, _ in asked == method ? .success(lie) : nil }
                let failure = try await world.failure { try await world.chain.check() }
                if case .unexpected = failure { continue }
                Issue.record("\(method) \(lie.json): \(failure)")
            }
        }
        world.server.set { _, _, _ in .failure(.refused("server busy")) }
        #expect(try await world.failure { try await world.chain.check() } == .refused("server busy"))
        world.server.set(nil)
        try await world.chain.check()
        await world.server.stop()
        guard case .unreachable = try await world.failure({ _ = try await world.contents(1) }) else {
            throw ChainFailure.unexpected("taken")
        }
        // TLS where nobody speaks it.
        let plain = try await TestElectrum(world.embedded)
        let secure = try ElectrumChain(url: "ssl://127.0.0.1:\(plain.port)", timeout: 2)
        let failure = try await world.failure { try await secure.check() }
        #expect(!failure.reason.isEmpty)
        await plain.stop()
    }

    @Test("no header is believed that nobody has worked for, that follows nothing, or whose branch has less work")
    func headers() async throws {
        let world = try await World()
        try await world.chain.check()
        let before = try await world.chain.tip()
        @Sendable func told(_ header: BlockHeader, _ height: Int) -> RPCValue {
            var writer = ByteWriter(capacity: 80)
            header.encode(to: &writer)
            return ["hex": .string(Hex.encode(writer.bytes)), "height": .integer(height)]
        }
        var next = BlockHeader(version: 4, previous: before.hash, merkleRoot: .zero, time: 2_000_000_000, bits: 0x207f_ffff, nonce: 0)
        while Target(next.hash) <= Target(compact: next.bits)! { next.nonce += 1 }
        var stray = next
        stray.previous = BlockHash(.zero)
        while Target(stray.hash) > Target(compact: stray.bits)! { stray.nonce += 1 }
        for (lie, words) in [(next, "nobody has worked for header 102"), (stray, "has no header 102 now")] {
            world.server.set { method, _, _ in method == "blockchain.headers.subscribe" ? .success(told(lie, 102)) : nil }
            world.server.hangUp()
            await world.chain.waitForChange(from: before.hash)
            let failure = try await world.failure {
                while try await world.chain.tip() == before { await world.chain.waitForChange(from: before.hash) }
            }
            #expect(failure.reason.contains(words), "\(failure)")
        }
        world.server.set(nil)
        world.server.hangUp()
        await world.chain.waitForChange(from: before.hash)
        // Whatever was asked before the end was noticed.
        _ = try? await world.chain.tip()
        #expect(try await world.chain.tip() == before)
        // The truth goes on.
        try await world.embedded.mine(2, paying: .anchor)
        try await world.follow()
    }

    @Test("no proof, no transaction: a wrong place, a wrong block, another transaction's bytes")
    func proofs() async throws {
        let world = try await World()
        let truth = try await world.contents(1)
        #expect(truth.entries.count == 1 && truth.entries[0].position == 0)
        let other = try #require(try await world.embedded.block(world.embedded.blockHash(height: 5)!).transactions.first)
        let lies: [(String, @Sendable (RPCValue) -> RPCValue)] = [
            ("blockchain.transaction.get_merkle", { _ in ["block_height": 1, "pos": 1, "merkle": []] }),
            ("blockchain.transaction.get_merkle", { _ in ["block_height": 1, "pos": 0, "merkle": [.string(Bytes32.zero.hex)]] }),
            ("blockchain.transaction.get_merkle", { _ in ["block_height": 1, "pos": -1, "merkle": []] }),
            ("blockchain.transaction.get_merkle", { _ in ["block_height": 1, "pos": 0, "merkle": ["zz"]] }),
            ("blockchain.transaction.get_merkle", { _ in .null }),
            ("blockchain.transaction.get", { _ in .string(Hex.encode(other.serialized())) }),
            ("blockchain.transaction.get", { _ in "00" }), ("blockchain.transaction.get", { _ in 7 }),
            ("blockchain.scripthash.get_history", { _ in [["tx_hash": .string(other.id.description), "height": 1]] }),
            ("blockchain.scripthash.get_history", { _ in [["tx_hash": "x", "height": 1]] }),
            ("blockchain.scripthash.get_history", { _ in [["tx_hash": .string(other.id.description), "height": -2]] }),
            ("blockchain.scripthash.get_history", { _ in 7 }), ("blockchain.scripthash.subscribe", { _ in 7 }),
        ]
        for (method, lie) in lies {
            let chain = try ElectrumChain(url: world.server.url, timeout: 60)
            world.server.set { asked, _, truth in
                guard asked == method, case .success(let value) = truth else { return nil }
                return .success(lie(value))
            }
            let hash = try #require(await world.embedded.blockHash(height: 1))
            let failure = try await world.failure { _ = try await chain.contents(of: hash, height: 1, concerning: world.interests) }
            if case .unexpected = failure {
            } else if method == "blockchain.scripthash.get_history", case .refused = failure {
            } else {
                Issue.record("\(method): \(failure)")
            }
            world.server.set(nil)
            #expect(try await chain.contents(of: hash, height: 1, concerning: world.interests) == truth)
        }
        // What is watched and not told is said; and everything else is told.
        let silent = Script.anchor
        world.server.set { method, parameters, _ in
            let isIt = parameters.first?.string == Hash.sha256(silent.bytes).reversed.hex
            return method == "blockchain.scripthash.get_history" && isIt ? .failure(.refused("history too large")) : nil
        }
        let chain = try ElectrumChain(url: world.server.url, timeout: 60)
        let hash = try #require(await world.embedded.blockHash(height: 1))
        let both = BlockContents.Interests(scripts: [world.script, silent])
        #expect(try await chain.contents(of: hash, height: 1, concerning: both) == truth)
        let refusals = await chain.refusals()
        #expect(refusals.count == 1 && refusals[0].hasSuffix("does not tell what happens with a script that is watched: history too large"))
        await world.server.stop()
    }

    @Test("what a channel's output is spent for, and what spends that in the same block; both in the mempool first")
    func secondStep() async throws {
        let world = try await World()
        // A commitment stands for ours: one output that anybody may take, by a script, and one to somebody.
        let anybody = Script([.op(.one)])
        let amount = Satoshi(50_0000_0000)
        let first = try await world.spend([
            TransactionOutput(Satoshi(10_0000_0000), .p2wsh(anybody)), TransactionOutput(amount - Satoshi(10_0001_0000), .anchor),
        ])
        var second = Transaction(
            inputs: [TransactionInput(OutPoint(first.id, 0), sequence: 0xffff_fffd)],
            outputs: [TransactionOutput(Satoshi(9_9999_0000), .p2wsh(Script([.op(.two)])))])
        second.inputs[0].witness = [anybody.bytes]
        let watched = BlockContents.Interests(outPoints: [first.inputs[0].previousOutput])
        #expect(try await world.chain.mempool(concerning: watched).isEmpty)
        try await world.chain.publish(first)
        try await world.chain.publish(second)
        while try await world.chain.mempool(concerning: watched) != [first.id, second.id].sorted() {}
        #expect(try await world.chain.mempoolTransaction(second.id) == second)
        let block = try await world.embedded.mine(1, paying: .anchor)[0]
        try await world.follow()
        // The id does not say what the witness is.
        let stranger = try ElectrumChain(url: world.server.url, timeout: 60)
        let stripped = first
        world.server.set { method, parameters, _ in
            guard method == "blockchain.transaction.get", parameters.first?.string == stripped.id.description else { return nil }
            var bare = stripped
            bare.inputs[0].witness = [[1], bare.inputs[0].witness[1]]
            return .success(.string(Hex.encode(bare.serialized())))
        }
        let lie = try await world.failure { _ = try await stranger.contents(of: block, height: 102, concerning: watched) }
        #expect(lie.reason.hasSuffix("with a witness that does not open what it spends"))
        world.server.set(nil)
        #expect(try await stranger.contents(of: block, height: 102, concerning: watched).entries.count == 2)
        let contents = try await world.chain.contents(of: block, height: 102, concerning: watched)
        #expect(contents.entries.map(\.transaction) == [first, second] && contents.entries.map(\.position) == [1, 2])
        while try await !world.chain.mempool(concerning: watched).isEmpty {}
        await world.server.stop()
    }

    @Test("what a server tells late is found, and the block told again")
    func late() async throws {
        let world = try await World()
        let payment = try await world.spend([TransactionOutput(Satoshi(49_0000_0000), world.script)])
        try await world.chain.publish(payment)
        // It has the block, and not yet what is in it.
        let histories: @Sendable (String, [RPCValue], Result<RPCValue, ChainFailure>) -> Result<RPCValue, ChainFailure>? = {
            method, _, truth in
            guard case .success(let value) = truth, let list = value.array, method == "blockchain.scripthash.get_history" else {
                return nil
            }
            return .success(.array(list.filter { ($0["height"]?.integer ?? 0) < 102 }))
        }
        world.server.set(histories)
        try await world.embedded.mine(1, paying: .anchor)
        try await world.follow()
        #expect(try await world.contents(102).entries.isEmpty)
        #expect(try await world.chain.missed(of: [102: []], concerning: world.interests) == nil)
        world.server.set(nil)
        // The history is not the one of its status, and so is asked for again.
        #expect(try await world.chain.missed(of: [101: [], 102: []], concerning: world.interests) == 102)
        #expect(try await world.contents(102).entries.map(\.transaction) == [payment])
        #expect(try await world.chain.missed(of: [101: [], 102: [payment.id]], concerning: world.interests) == nil)
        // A script that is of interest from now on.
        let more = BlockContents.Interests(scripts: [world.script, .anchor])
        #expect(try await world.chain.missed(of: [101: [], 102: [payment.id]], concerning: more) == 101)
        await world.server.stop()
    }

    @Test("a server that goes away and comes back with other blocks is followed; what it told of the others is forgotten")
    func restart() async throws {
        let world = try await World()
        let payment = try await world.spend([TransactionOutput(Satoshi(49_0000_0000), world.script)])
        try await world.chain.publish(payment)
        let lost = try await world.embedded.mine(2, paying: .anchor)[0]
        try await world.follow()
        #expect(try await world.contents(102).entries.count == 1)
        let port = world.server.port
        await world.server.stop()
        await #expect(throws: ChainFailure.self) { try await world.chain.publish(payment) }
        try await world.embedded.invalidate(lost)
        // Not in the first of the new ones.
        for _ in 0..<3 { _ = try await world.embedded.mine(including: [], paying: .anchor) }
        let second = try await TestElectrum(world.embedded, version: "1.4", port: port)
        try await world.follow()
        #expect(try await world.chain.tip().height == 104)
        #expect(try await world.contents(102).entries.isEmpty)
        try await world.embedded.mine(1, paying: .anchor)
        try await world.follow()
        #expect(try await world.contents(105).entries.map(\.transaction) == [payment])
        await second.stop()
    }

    @Test("as many scripts as a wallet has are asked for in one go, and at each block those that were used")
    func many() async throws {
        let world = try await World()
        let scripts = Set((0..<1500).map { Script.p2wsh(Script([.push([UInt8($0 & 255), UInt8($0 >> 8)])])) } + [world.script])
        let hash = try #require(await world.embedded.blockHash(height: 1))
        let found = try await world.chain.contents(of: hash, height: 1, concerning: .init(scripts: scripts))
        #expect(found.entries.count == 1)
        #expect(world.server.calls.withLock { $0["blockchain.scripthash.subscribe"] } == 1501)
        #expect(world.server.calls.withLock { $0["blockchain.scripthash.get_history"] } == 1)
        let next = try await world.embedded.mine(1, paying: world.script)[0]
        try await world.follow()
        #expect(try await world.chain.contents(of: next, height: 102, concerning: .init(scripts: scripts)).entries.count == 1)
        #expect(world.server.calls.withLock { $0["blockchain.scripthash.subscribe"]! } <= 1503)
        await world.server.stop()
    }
}
