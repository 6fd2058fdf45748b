import Foundation
import TestSupport
import Testing

/// `lnw chain` as a program among others: served, killed, looked at, mended.
@Suite("lnw chain", .serialized, .ownThreads, .enabled(if: CommandTests.program("lnw") != nil))
struct ChainCommandTests {
    static let address = "bcrt1qw508d6qejxtdg4y5r3zarvary0c5xw7kygt080"

    /// A served chain in a process of its own.
    final class Served {
        let home = CommandTests.Home()
        let port: Int

        init() { port = Int.random(in: 20_000..<60_000) }

        func start() throws {
            let process = home.process(["chain", "serve", "--rpc-port", "\(port)", "--rpc-user", "u", "--rpc-password", "p"])
            let out = Pipe()
            process.standardOutput = out
            process.standardError = FileHandle.nullDevice
            try process.run()
            home.daemon = process
            var text = ""
            while !text.contains("try ") {
                let data = out.fileHandleForReading.availableData
                guard !data.isEmpty else { throw CocoaError(.fileReadUnknown) }
                text += String(decoding: data, as: UTF8.self)
            }
        }

        /// The result of a call; nothing where no answer came.
        func call(_ method: String, _ parameters: [Any] = []) -> Any? {
            let body = try! JSONSerialization.data(withJSONObject: ["id": 1, "method": method, "params": parameters])
            return RawHTTP(port: port).blockingPost(String(decoding: body, as: UTF8.self), authorization: "u:p")?.object["result"]
        }

        func kill() {
            Glibc.kill(home.daemon!.processIdentifier, SIGKILL)
            home.daemon!.waitUntilExit()
        }

        func run(_ arguments: String...) throws -> CommandTests.Output { try home.run(["chain"] + arguments) }
    }

    @Test("killed in the midst of mining, again and again: no block is lost whose hash was told")
    func killed() throws {
        let served = Served()
        try served.start()
        var told: [String] = []
        for round in 0..<4 {
            // While one of the calls is under way the process is killed, by a thread that runs beside it.
            let process = served.home.daemon!
            let underWay = DispatchSemaphore(value: 0)
            Thread.detachNewThread {
                underWay.wait()
                Glibc.kill(process.processIdentifier, SIGKILL)
            }
            var calls = 0
            while true {
                calls += 1
                if calls == 20 + 7 * round { underWay.signal() }
                guard let hashes = served.call("generatetoaddress", [3, Self.address]) as? [String] else { break }
                told += hashes
            }
            process.waitUntilExit()
            try served.start()
            let height = try #require(served.call("getblockcount") as? Int)
            #expect(height >= told.count && height <= told.count + 3 * (round + 1))
            for hash in told.suffix(20) {
                let header = served.call("getblockheader", [hash]) as? [String: Any]
                #expect(header?["confirmations"] as? Int ?? -1 > 0, "\(hash) was told and is lost")
            }
            // Blocks that were committed but not told any more are part of the chain.
            told = (1...height).compactMap { served.call("getblockhash", [$0]) as? String }
        }
        served.kill()
        let check = try served.run("check")
        #expect(check.status == 0 && check.out.contains("sound"))
    }

    @Test("a look at everything, and what is said where there is nothing to see")
    func look() throws {
        let served = Served()
        let port = "\(served.port)"
        let away = try served.run("info", "--rpc-port", port)
        #expect(away.status == 3 && away.error.contains("lnw chain serve"))
        try served.start()
        #expect(try served.run("utxos", "--rpc-port", port).out.contains("no coins yet"))
        #expect(try served.run("mempool", "--rpc-port", port).out.contains("nothing waits"))
        _ = served.call("generatetoaddress", [2, Self.address])
        let info = try served.run("info", "--rpc-port", port, "--json").json
        #expect(info["blockheight"] as? Int == 2 && info["circulation_sat"] as? Int == 100_0000_0000)
        let block = try served.run("block", "2", "--rpc-port", port, "--json").json
        let coinbase = try #require((block["transactions"] as? [[String: Any]])?.first?["txid"] as? String)
        #expect(block["miner"] as? String == Self.address && block["confirmations"] as? Int == 1)
        let same = try served.run("block", try #require(block["blockhash"] as? String), "--rpc-port", port).out
        #expect(same == (try served.run("block", "tip", "--rpc-port", port).out) && same.contains("only the coinbase"))
        let story = try served.run("tx", coinbase, "--rpc-port", port)
        #expect(story.out.contains("new coins") && story.out.contains("unspent") && story.out.contains(Self.address))
        let owner = try served.run("address", Self.address, "--rpc-port", port, "--json").json
        #expect(owner["balance_sat"] as? Int == 100_0000_0000 && owner["transaction_count"] as? Int == 2)
        #expect(try served.run("utxos", Self.address, "--rpc-port", port).out.contains("2 unspent outputs, 10,000,000,000 sat"))
        for (arguments, status, words) in [
            (["block", "3"], 4, "the last one is 2"), (["block", "zz"], 2, "no block"),
            (["tx", "zz"], 2, "64 digits"), (["tx", String(repeating: "0", count: 64)], 4, "no transaction 0000"),
            (["address", "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"], 2, "no address of this network"),
        ] as [([String], Int32, String)] {
            let output = try served.home.run(["chain"] + arguments + ["--rpc-port", port])
            #expect(output.status == status && output.error.contains(words), "\(arguments): \(output.status) \(output.error)")
        }
        #expect(try served.run("mine", "2", Self.address, "--rpc-port", port).out.contains("block 4"))
        #expect(try served.run("tx", coinbase + ":0", "--rpc-port", port).status == 0)
        #expect(try served.run("utxos", "zz", "--rpc-port", port).status == 2)
        #expect(try served.run("info", "--chain", "rubbish").status == 2)
        #expect(try served.run("info", "--rpc-port", "1").status == 3)
        #expect(try served.run("block", "4", "--limit", "0", "--json", "--rpc-port", port).json["transaction_count"] as? Int == 1)
        // While it runs, the file is its own.
        #expect(try served.run("check").status == 6)
        _ = served.call("stop")
        served.home.daemon!.waitUntilExit()
        #expect(served.home.daemon!.terminationStatus == 0)
        #expect(try served.run("rebuild").out.contains("up to block 4"))
    }
}
