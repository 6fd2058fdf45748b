import BitcoinBackend
import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import Foundation
import TestSupport
import Testing

/// The calls of tests and explorers: waiting, proofs, raw transactions, the clock.
@Suite("calls that wait, prove and make")
struct MoreCallsTests {
    private static func call(_ http: RawHTTP, _ method: String, _ parameters: String = "[]") async throws -> Any? {
        try await RPCServerTests.call(http, method, parameters).object["result"]
    }

    private static func message(_ http: RawHTTP, _ method: String, _ parameters: String) async throws -> (code: Int?, text: String) {
        let error = try await RPCServerTests.call(http, method, parameters).object["error"] as? [String: Any]
        return (error?["code"] as? Int, error?["message"] as? String ?? "")
    }

    private static let script = Script([0, 20] + [UInt8](repeating: 5, count: 20))

    @Test("waiting ends with the block that is waited for, or when the time is up")
    func waiting() async throws {
        try await RPCServerTests.withServer { http, chain, _ in
            func height(_ value: Any?) -> Int? { (value as? [String: Any])?["height"] as? Int }
            // The time is up: the tip as it is.
            #expect(height(try await Self.call(http, "waitfornewblock", "[20]")) == 0)
            #expect(height(try await Self.call(http, "waitforblockheight", "[3, 20]")) == 0)
            async let waited = Self.call(http, "waitforblockheight", "[3]")
            for _ in 0..<3 { try await chain.mine(1, paying: Self.script) }
            #expect(height(try await waited) == 3)
            // Another tip than the given one is there already.
            let genesis = try #require(await chain.blockHash(height: 0))
            #expect(height(try await Self.call(http, "waitfornewblock", "[0, \"\(genesis)\"]")) == 3)
            let tip = await chain.tip().hash
            #expect(height(try await Self.call(http, "waitforblock", "[\"\(tip)\"]")) == 3)
            #expect(try await Self.message(http, "waitfornewblock", "[-1]") == (-1, "Negative timeout"))
        }
    }

    @Test("the clock stands where it is put")
    func clock() async throws {
        try await RPCServerTests.withServer { http, chain, _ in
            _ = try await Self.call(http, "setmocktime", "[1800000000]")
            try await chain.mine(1, paying: Self.script)
            let info = try await Self.call(http, "getblockchaininfo") as? [String: Any]
            #expect(info?["time"] as? Int == 1_800_000_000)
            _ = try await Self.call(http, "setmocktime", "[0]")
            #expect(await chain.now == 1_700_000_000)
            #expect(try await Self.message(http, "setmocktime", "[-5]").code == -8)
        }
    }

    @Test("a proof proves the transactions that it was made for, and nothing once a bit of it is changed")
    func proofs() async throws {
        try await RPCServerTests.withServer { http, chain, _ in
            let hash = try #require(try await chain.mine(1, paying: Self.script).first)
            let block = try await chain.block(hash)
            let id = block.transactions[0].id
            let proof = try #require(try await Self.call(http, "gettxoutproof", "[[\"\(id)\"]]") as? String)
            #expect(try await Self.call(http, "verifytxoutproof", "[\"\(proof)\"]") as? [String] == ["\(id)"])
            #expect(try await Self.call(http, "gettxoutproof", "[[\"\(id)\"], \"\(hash)\"]") as? String == proof)
            var bytes = try #require(Hex.decode(proof))
            bytes[90] ^= 1
            #expect((try await Self.call(http, "verifytxoutproof", "[\"\(Hex.encode(bytes))\"]") as? [String])?.isEmpty == true)
            #expect(try await Self.message(http, "verifytxoutproof", "[\"00\"]").code == -1)
            let unknown = String(repeating: "0", count: 63) + "1"
            #expect(try await Self.message(http, "gettxoutproof", "[[\"\(unknown)\"]]").code == -5)
            #expect(try await Self.message(http, "gettxoutproof", "[[\"\(id)\", \"\(id)\"]]").code == -8)
            #expect(try await Self.message(http, "gettxoutproof", "[[]]").code == -8)
        }
    }

    @Test("partial trees of every size, for every choice of a few transactions")
    func partialTrees() throws {
        for count in 1...33 {
            let leaves = (0..<count).map { Hash.sha256([UInt8($0)]) }
            let root = MerkleTree.root(leaves).root
            for choice in 0..<min(1 << count, 64) {
                let matched = leaves.enumerated().filter { choice >> ($0.offset % 6) & 1 == 1 }.map(\.element)
                let tree = PartialMerkleTree(leaves, matched: Set(matched))
                var reader = ByteReader(ByteWriter.bytes { tree.encode(to: &$0) })
                let read = try PartialMerkleTree(from: &reader)
                let proof = try #require(read.proof)
                #expect(proof.root == root && proof.matched == matched)
                // A hash too many, or one too few, is no tree.
                var longer = read
                longer.hashes.append(.zero)
                #expect(longer.proof == nil)
                var shorter = read
                shorter.hashes.removeLast()
                #expect(shorter.proof == nil)
            }
        }
        #expect(PartialMerkleTree([.zero], matched: []).proof?.matched.isEmpty == true)
    }

    @Test("raw transactions are made of what is given, and of nothing else")
    func rawTransactions() async throws {
        try await RPCServerTests.withServer { http, _, _ in
            let id = String(repeating: "ab", count: 32)
            let address = try #require(Address(script: Self.script, network: .regtest)).description
            let hex = try #require(
                try await Self.call(
                    http, "createrawtransaction", "[[{\"txid\":\"\(id)\",\"vout\":1}], [{\"\(address)\":0.5}, {\"data\":\"00ff\"}], 7]")
                    as? String)
            let transaction = try Transaction(try #require(Hex.decode(hex)))
            #expect(transaction.version == 2 && transaction.lockTime == 7)
            #expect(transaction.inputs.map(\.sequence) == [0xffff_fffd] && transaction.inputs[0].previousOutput.index == 1)
            #expect(transaction.outputs.map(\.amount) == [Satoshi(50_000_000), .zero])
            #expect(transaction.outputs[0].script == Self.script && transaction.outputs[1].script.bytes == [0x6a, 2, 0, 0xff])
            for (parameters, code) in [
                ("[[], [{\"nobody\":1}]]", -5), ("[[], [{\"\(address)\":1}, {\"\(address)\":1}]]", -8),
                ("[[], [{\"\(address)\":\"0,1\"}]]", -3), ("[[], [{\"\(address)\":0.000000001}]]", -3),
                ("[[], [{\"\(address)\":0.123456789}]]", -3), ("[[], [{\"\(address)\":\"0.1abc\"}]]", -3),
                ("[[], [{\"\(address)\":\" 0.1\"}]]", -3), ("[[], [{\"\(address)\":\"0.1.5\"}]]", -3),
                ("[[], [{\"\(address)\":21000001}]]", -3), ("[[{\"txid\":\"\(id)\"}], []]", -8), ("[[], [{\"data\":\"x\"}]]", -8),
                ("[[], [{\"\(address)\":-1}]]", -3),
                ("[[], [], -1]", -8), ("[[], [], 0, true, 9]", -8), ("[[{\"txid\":\"ab\",\"vout\":0}], []]", -8),
                ("[[{\"txid\":\"\(id)\",\"vout\":0,\"sequence\":4294967295}], [], 0, true]", -8),
            ] {
                #expect(try await Self.message(http, "createrawtransaction", parameters).code == code, "\(parameters)")
            }
        }
    }

    @Test("a transaction is counted as paying more, also before it comes")
    func prioritised() async throws {
        try await RPCServerTests.withServer { http, _, _ in
            let id = String(repeating: "ab", count: 32)
            #expect(try await Self.call(http, "prioritisetransaction", "[\"\(id)\", 0, 5000]") as? Bool == true)
            let all = try await Self.call(http, "getprioritisedtransactions") as? [String: [String: Any]]
            #expect(all?[id]?["fee_delta"] as? Int == 5000 && all?[id]?["in_mempool"] as? Bool == false)
            #expect(
                try await Self.call(http, "prioritisetransaction", "{\"txid\":\"\(id)\",\"fee_delta\":-5000}") as? Bool == true)
            #expect((try await Self.call(http, "getprioritisedtransactions") as? [String: Any])?.isEmpty == true)
            #expect(try await Self.message(http, "prioritisetransaction", "[\"\(id)\", 1, 5000]").code == -8)
            #expect(try await Self.message(http, "prioritisetransaction", "[\"\(id)\", 0, 9223372036854775807]").code == -8)
        }
    }

    @Test("figures of a window of blocks, and no peers")
    func figures() async throws {
        try await RPCServerTests.withServer { http, chain, _ in
            try await chain.mine(20, paying: Self.script)
            let all = try #require(try await Self.call(http, "getchaintxstats") as? [String: Any])
            #expect(all["txcount"] as? Int == 21 && all["window_block_count"] as? Int == 19 && all["window_tx_count"] as? Int == 19)
            let some = try #require(try await Self.call(http, "getchaintxstats", "[5]") as? [String: Any])
            #expect(some["window_tx_count"] as? Int == 5 && some["window_final_block_height"] as? Int == 20)
            #expect(try await Self.message(http, "getchaintxstats", "[20]").code == -8)
            #expect(try await Self.message(http, "addnode", "[\"127.0.0.1\", \"onetry\"]").code == nil)
            #expect(try await Self.message(http, "addnode", "[\"127.0.0.1\", \"remove\"]").code == -24)
            #expect(try await Self.message(http, "addnode", "[\"127.0.0.1\", \"often\"]").code == -1)
        }
    }
}
