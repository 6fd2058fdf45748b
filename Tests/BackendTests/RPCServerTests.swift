import BitcoinBackend
import BitcoinPrimitives
import Foundation
import TestSupport
import Testing

/// What other software relies on in a bitcoind's face: who is let in, how failures are told, and that nothing stops it.
@Suite("JSON-RPC as a bitcoind does it")
struct RPCServerTests {
    /// A server on any free port, for the time of one test.
    static func withServer(
        _ body: (RawHTTP, EmbeddedChain, _ cookie: String) async throws -> Void
    ) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "rpc-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let chain = try EmbeddedChain(path: nil, clock: { 1_700_000_000 })
        var options = RPCServer.Options()
        options.port = 0
        options.user = "u"
        options.password = "p"
        options.cookieFile = folder.appending(path: ".cookie").path
        let server = try await RPCServer(chain: chain, options: options)
        let cookie = try String(contentsOfFile: options.cookieFile!, encoding: .utf8)
        do {
            try await body(RawHTTP(port: server.port), chain, cookie)
        } catch {
            await server.stop()
            throw error
        }
        await server.stop()
        #expect(!FileManager.default.fileExists(atPath: options.cookieFile!))
    }

    static func call(_ http: RawHTTP, _ method: String, _ parameters: String = "[]") async throws -> RawHTTP.Answer {
        try #require(
            await http.post("{\"jsonrpc\":\"1.0\",\"id\":7,\"method\":\"\(method)\",\"params\":\(parameters)}", authorization: "u:p"))
    }

    @Test("user, password and cookie open; anything else is told nothing, and no sooner for being nearly right")
    func credentials() async throws {
        try await Self.withServer { http, _, cookie in
            let request = "{\"method\":\"getblockcount\"}"
            for right in ["u:p", cookie] {
                let answer = try #require(await http.post(request, authorization: right))
                #expect(answer.status == 200)
                #expect(answer.object["result"] as? Int == 0)
            }
            for wrong in [nil, "u:q", "v:p", "u:", ":", "", "u:p ", String(cookie.dropLast())] {
                let answer = try #require(await http.post(request, authorization: wrong))
                #expect(answer.status == 401)
                #expect(answer.headers["www-authenticate"] == "Basic realm=\"jsonrpc\"")
                #expect(answer.body.isEmpty)
            }
            #expect(cookie.hasPrefix("__cookie__:"))
        }
    }

    @Test("the cookie is for its owner alone")
    func cookieMode() async throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "cookie-\(UUID().uuidString)").path
        var options = RPCServer.Options()
        options.port = 0
        options.cookieFile = path
        let server = try await RPCServer(chain: try EmbeddedChain(path: nil), options: options)
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
        await server.stop()
    }

    @Test("failures have bitcoind's codes, statuses and words")
    func failures() async throws {
        try await Self.withServer { http, _, _ in
            func expect(
                _ method: String, _ parameters: String, _ status: Int, _ code: Int, _ message: String,
                line: SourceLocation = #_sourceLocation
            ) async throws {
                let answer = try await Self.call(http, method, parameters)
                #expect(answer.status == status, sourceLocation: line)
                #expect(answer.code == code, sourceLocation: line)
                #expect(answer.message.hasPrefix(message), "\(answer.message)", sourceLocation: line)
                #expect(answer.object["result"] is NSNull, sourceLocation: line)
                #expect(answer.object["id"] as? Int == 7, sourceLocation: line)
            }
            try await expect("nosuchcall", "[]", 404, -32601, "Method not found")
            try await expect("getblockhash", "[-1]", 500, -8, "Block height out of range")
            try await expect("getblockhash", "[99]", 500, -8, "Block height out of range")
            try await expect("getblockhash", "[\"1\"]", 500, -3, "Wrong type passed")
            try await expect("getblockhash", "[]", 500, -1, "getblockhash")
            try await expect("getblockhash", "[1,2]", 500, -1, "getblockhash")
            try await expect("getblockhash", "[9223372036854775807]", 500, -8, "Block height out of range")
            try await expect("getblock", "[\"zz\"]", 500, -8, "blockhash must be of length 64 (not 2, for 'zz')")
            try await expect("getblock", "[\"\(String(repeating: "0", count: 64))\"]", 500, -5, "Block not found")
            try await expect(
                "getrawtransaction", "[\"\(String(repeating: "z", count: 64))\"]", 500, -8, "parameter 1 must be hexadecimal string")
            try await expect("sendrawtransaction", "[\"00\"]", 500, -22, "TX decode failed. Make sure the tx has at least one input.")
            try await expect("sendrawtransaction", "[\"0x\"]", 500, -22, "TX decode failed")
            try await expect("decoderawtransaction", "[\"020000000\"]", 500, -22, "TX decode failed")
            try await expect("submitblock", "[\"00\"]", 500, -22, "Block decode failed")
            try await expect("generatetoaddress", "[1,\"nonsense\"]", 500, -5, "Error: Invalid address")
            try await expect("getmempoolentry", "[\"\(String(repeating: "0", count: 64))\"]", 500, -5, "Transaction not in mempool")
            try await expect("estimatesmartfee", "[0]", 500, -8, "Invalid conf_target, must be between 1 and 1008")
            try await expect("getblockhash", "{\"size\":1}", 500, -8, "Unknown named parameter size")
            try await expect("getblockstats", "[null]", 500, -3, "Wrong type passed")
            try await expect("getblockstats", "{\"hash_or_height\":null}", 500, -1, "getblockstats")
            try await expect(
                "testmempoolaccept", "[[\"00\"],21000000]", 500, -8, "Fee rates larger than or equal to 1BTC/kvB are not accepted")
            try await expect("testmempoolaccept", "[[\"00\"]]", 500, -22, "TX decode failed")
            let nested = String(repeating: "sh(", count: 20_000)
            try await expect("scantxoutset", "[\"start\",[\"\(nested)\"]]", 500, -5, "")
            try await expect("getdescriptorinfo", "[\"\(nested + String(repeating: ")", count: 20_000))\"]", 500, -5, "")
            try await expect("generatetodescriptor", "[1,\"\(nested + "pk(00)" + String(repeating: ")", count: 20_000))\"]", 500, -5, "")
            try await expect("stop", "[]", 500, -1, "This layer 1 ends with the program it belongs to")
            let broken = try #require(await http.post("{\"method\":", authorization: "u:p"))
            #expect(broken.status == 500 && broken.code == -32700)
            let number = try #require(await http.post("7", authorization: "u:p"))
            #expect(number.status == 400 && number.code == -32600)
            let nameless = try #require(await http.post("{\"id\":1}", authorization: "u:p"))
            #expect(nameless.status == 400 && nameless.code == -32600)
            #expect(try #require(await http.post("{}", authorization: "u:p", method: "GET")).status == 405)
            #expect(try #require(await http.post("{}", authorization: "u:p", path: "/wallet/x")).status == 404)
        }
    }

    @Test("batches, named parameters, and both versions of JSON-RPC")
    func forms() async throws {
        try await Self.withServer { http, chain, _ in
            try await chain.mine(2, paying: .anchor)
            let hash = try await #require(chain.blockHash(height: 1)).description
            let named = try await Self.call(http, "getblockhash", "{\"height\":1}")
            #expect(named.object["result"] as? String == hash)
            let mixed = try await Self.call(http, "getblock", "{\"args\":[\"\(hash)\"],\"verbosity\":0}")
            #expect((mixed.object["result"] as? String)?.count ?? 0 > 160)
            let batch = try #require(
                await http.post(
                    """
                    [{"id":"a","method":"getblockcount"},{"id":2,"method":"nosuch"},{"jsonrpc":"2.0","id":3,"method":"getblockcount"},
                     {"jsonrpc":"2.0","id":4,"method":"nosuch"},{"jsonrpc":"2.0","method":"getblockcount"},5]
                    """, authorization: "u:p"))
            #expect(batch.status == 200)
            let answers = try #require(batch.json as? [[String: Any]])
            #expect(answers.count == 5)
            #expect(answers[0]["id"] as? String == "a" && answers[0]["result"] as? Int == 2 && answers[0]["error"] is NSNull)
            #expect((answers[1]["error"] as? [String: Any])?["code"] as? Int == -32601)
            #expect(answers[2]["jsonrpc"] as? String == "2.0" && answers[2]["result"] as? Int == 2 && answers[2]["error"] == nil)
            #expect(answers[3]["result"] == nil && (answers[3]["error"] as? [String: Any])?["code"] as? Int == -32601)
            #expect((answers[4]["error"] as? [String: Any])?["code"] as? Int == -32600)
            // Version 2 tells failures in the body alone.
            let second = try #require(await http.post("{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"nosuch\"}", authorization: "u:p"))
            #expect(second.status == 200)
            let silent = try #require(await http.post("{\"jsonrpc\":\"2.0\",\"method\":\"getblockcount\"}", authorization: "u:p"))
            #expect(silent.status == 204 && silent.body.isEmpty)
        }
    }

    @Test("lists that make no sense, fees that nobody means, and a block whose coinbase lacks its witness")
    func mistakes() async throws {
        try await Self.withServer { http, chain, _ in
            let open = Script.p2wsh(Script([0x51]))
            try await chain.mine(101, paying: open)
            let id = try await chain.block(try #require(chain.blockHash(height: 1))).transactions[0].id
            func spend(_ fee: UInt64) -> String {
                let transaction = Transaction(
                    inputs: [TransactionInput(OutPoint(id, 0), sequence: 0xffff_fffd, witness: [[0x51]])],
                    outputs: [TransactionOutput(Satoshi(50_0000_0000 - fee), open)])
                return "\"\(transaction.serialized().map { String(format: "%02x", $0) }.joined())\""
            }
            let both = try await Self.call(http, "testmempoolaccept", "[[\(spend(1000)),\(spend(2000))]]")
            let verdicts = try #require(both.object["result"] as? [[String: Any]])
            #expect(verdicts.count == 2 && verdicts.allSatisfy { $0["package-error"] as? String == "conflict-in-package" })
            #expect(verdicts.allSatisfy { $0["allowed"] == nil })
            let dear = try await Self.call(http, "submitpackage", "[[\(spend(10_000_000))]]")
            #expect((dear.object["result"] as? [String: Any])?["package_msg"] as? String == "transaction failed")
            #expect(dear.body.contains("max feerate exceeded"))
            #expect(await chain.mempoolIsEmpty)
            #expect(try await Self.call(http, "submitpackage", "[[\(spend(10_000_000))],0]").body.contains("\"package_msg\":\"success\""))
            // As miners send it: without the 32 bytes that can only be zero.
            var block = try await chain.propose(including: [], paying: open)
            block.transactions[0].inputs[0].witness = []
            let hex = block.serialized().map { String(format: "%02x", $0) }.joined()
            #expect(try await Self.call(http, "submitblock", "[\"\(hex)\"]").object["result"] is NSNull)
            #expect(await chain.tip().height == 102)
            // A block of transactions that cannot be leaves nothing behind.
            let bad = try await Self.call(http, "generateblock", "[\"raw(51)\",[\(spend(1)),\(spend(2))]]")
            #expect(bad.code == -25 && bad.message.hasPrefix("TestBlockValidity failed: bad-txns-inputs-missingorspent"))
            let tips = try await Self.call(http, "getchaintips").object["result"] as? [[String: Any]]
            #expect(tips?.count == 1)
        }
    }

    @Test("amounts have eight decimals, and members come in Bitcoin Core's order")
    func formats() async throws {
        try await Self.withServer { http, chain, _ in
            let hash = try await chain.mine(1, paying: .anchor)[0]
            let block = try await Self.call(http, "getblock", "[\"\(hash)\",2]").body
            #expect(block.contains("\"value\":50.00000000,\"n\":0"))
            #expect(block.contains("\"difficulty\":4.656542373906925e-10"))
            let info = try await Self.call(http, "getmempoolinfo").body
            #expect(info.contains("\"mempoolminfee\":0.00000100,\"minrelaytxfee\":0.00000100"))
            let chainInfo = try await Self.call(http, "getblockchaininfo").body
            #expect(chainInfo.hasPrefix("{\"result\":{\"chain\":\"regtest\",\"blocks\":1,\"headers\":1,\"bestblockhash\":\"\(hash)\""))
            // What json() in other languages makes of numbers may come back as 1.0.
            #expect(try await Self.call(http, "getblockhash", "[1.0]").object["result"] as? String == hash.description)
        }
    }

    @Test("a thousand connections at once, each answered")
    func manyConnections() async throws {
        try await Self.withServer { http, chain, _ in
            // The server has raised the process's limit of files, as far as it may.
            // Open and silent, all at the same time.
            let sockets = (0..<1000).compactMap { _ in RawHTTP.connect(http.port) }
            #expect(sockets.count == 1000)
            let body = "{\"method\":\"getblockcount\"}"
            let request = Array(
                "POST / HTTP/1.1\r\nHost: x\r\nAuthorization: Basic dTpw\r\nContent-Length: \(body.utf8.count)\r\nConnection: close\r\n\r\n\(body)"
                    .utf8)
            for socket in sockets { #expect(send(socket, request, request.count, Int32(MSG_NOSIGNAL)) == request.count) }
            let answered = await withCheckedContinuation { continuation in
                Thread.detachNewThread {
                    var answered = 0
                    for socket in sockets {
                        var buffer = [UInt8](repeating: 0, count: 4096)
                        var all: [UInt8] = []
                        while true {
                            let count = recv(socket, &buffer, buffer.count, 0)
                            if count <= 0 { break }
                            all += buffer[..<count]
                        }
                        if RawHTTP.parse(all)?.object["result"] as? Int == 0 { answered += 1 }
                        close(socket)
                    }
                    continuation.resume(returning: answered)
                }
            }
            #expect(answered == 1000)
            try await chain.mine(1, paying: .anchor)
            #expect(try await Self.call(http, "getblockcount").object["result"] as? Int == 1)
        }
    }

    @Test("malformed, half-closed, oversize and nested requests get an answer or a closed door, and the next one is served")
    func hostileRequests() async throws {
        try await Self.withServer { http, _, _ in
            let auth = "Authorization: Basic dTpw\r\n"
            let bodies: [(String, Bool)] = [
                ("\u{0}\u{1}\u{2}", true), ("GET\r\n\r\n", true), ("POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\n", true),
                ("POST / HTTP/1.1\r\n\(auth)Content-Length: 100\r\n\r\n{", true),
                ("POST / HTTP/1.1\r\n\(auth)Transfer-Encoding: chunked\r\n\r\nzz\r\n", true),
                ("POST / HTTP/1.1\r\n\(auth)Content-Length: 5\r\nContent-Length: 9\r\n\r\n{}", true), ("", true),
            ]
            for (bytes, half) in bodies {
                let answer = RawHTTP.parse(await http.exchange(Array(bytes.utf8), closesItsHalf: half))
                #expect(answer.map { $0.status >= 400 } ?? true, "\(bytes)")
            }
            // A client that closes its half after a whole request still gets its answer.
            let whole = "POST / HTTP/1.1\r\nHost: x\r\n\(auth)Content-Length: 26\r\n\r\n{\"method\":\"getblockcount\"}"
            #expect(RawHTTP.parse(await http.exchange(Array(whole.utf8), closesItsHalf: true))?.object["result"] as? Int == 0)
            // Bombs: deep, wide, long.
            for bomb in [
                String(repeating: "[", count: 1_000_000), String(repeating: "{\"a\":", count: 200_000),
                "[" + String(repeating: "[],", count: 2_000_000) + "0]",
                "{\"method\":\"echo\",\"params\":[" + String(repeating: "1,", count: 3_000_000) + "1]}",
            ] {
                let answer = try #require(await http.post(bomb, authorization: "u:p"))
                #expect(answer.status >= 400, "\(bomb.prefix(30))")
            }
            let long = "{\"method\":\"echo\",\"params\":[\"" + String(repeating: "a", count: 33 << 20) + "\"]}"
            #expect(await http.post(long, authorization: "u:p")?.status ?? 413 == 413)
            // Nobody fills our memory without a password.
            #expect(await http.post(long, authorization: "u:wrong")?.status ?? 401 == 401)
            #expect(try await Self.call(http, "getblockcount").object["result"] as? Int == 0)
        }
    }
}
