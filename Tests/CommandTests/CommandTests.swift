import Foundation
import TestSupport
import Testing

/// The `lnw` program as a person or a script uses it, in processes of its own.
@Suite("lnw", .serialized, .ownThreads)
struct CommandTests {
    /// Where the test's own products are.
    static let products = URL(filePath: ProcessInfo.processInfo.arguments[0]).deletingLastPathComponent()

    static func program(_ name: String) -> URL? {
        var folder = products
        for _ in 0..<6 {
            let candidate = folder.appending(path: name)
            if FileManager.default.isExecutableFile(atPath: candidate.path), !candidate.hasDirectoryPath { return candidate }
            folder.deleteLastPathComponent()
        }
        let debug = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: ".build/debug/\(name)")
        return FileManager.default.isExecutableFile(atPath: debug.path) ? debug : nil
    }

    struct Output {
        var status: Int32
        var out: String
        var error: String
        var json: [String: Any] { (try? JSONSerialization.jsonObject(with: Data(out.utf8)) as? [String: Any]) ?? [:] }
    }

    /// A home directory with its processes; short, because of the length of socket paths.
    final class Home {
        let url = FileManager.default.temporaryDirectory.appending(path: "l\(UInt16.random(in: 0...UInt16.max))")
        var daemon: Process?
        static let lnw = program("lnw")!

        deinit {
            if let daemon { kill(daemon.processIdentifier, SIGKILL) }
            try? FileManager.default.removeItem(at: url)
        }

        func process(_ arguments: [String]) -> Process {
            let process = Process()
            process.executableURL = Self.lnw
            process.arguments = arguments
            var environment = ProcessInfo.processInfo.environment
            environment["LNW_HOME"] = url.path
            process.environment = environment
            process.standardInput = FileHandle.nullDevice
            return process
        }

        @discardableResult
        func run(_ arguments: String...) throws -> Output { try run(arguments) }

        @discardableResult
        func run(_ arguments: [String]) throws -> Output {
            let process = process(arguments)
            let (out, error) = (Pipe(), Pipe())
            process.standardOutput = out
            process.standardError = error
            try process.run()
            let output = out.fileHandleForReading.readDataToEndOfFile()
            let errors = error.fileHandleForReading.readDataToEndOfFile()
            process.waitUntilExit()
            return Output(
                status: process.terminationStatus, out: String(decoding: output, as: UTF8.self),
                error: String(decoding: errors, as: UTF8.self))
        }

        /// Starts a local network on free ports, and waits until its last line is printed.
        /// - Parameter sign: what the program says when it is ready.
        func up(_ ports: (Int, Int), _ more: [String] = [], sign: String = "listchannels") throws {
            let process = process(["local", "up", "--port", "\(ports.0)", "--rpc-port", "\(ports.1)"] + more)
            let out = Pipe()
            process.standardOutput = out
            process.standardError = FileHandle.nullDevice
            try process.run()
            daemon = process
            var text = ""
            while !text.contains(sign) {
                let data = out.fileHandleForReading.availableData
                guard !data.isEmpty else { throw CocoaError(.fileReadUnknown) }
                text += String(decoding: data, as: UTF8.self)
            }
        }

        func down() throws {
            try run("local", "down")
            daemon?.waitUntilExit()
            daemon = nil
        }

        func crash() {
            kill(daemon!.processIdentifier, SIGKILL)
            daemon!.waitUntilExit()
            daemon = nil
        }

        /// Asks again until the answer is as wanted, or a minute has gone by.
        func until(_ arguments: [String], _ isRight: ([String: Any]) -> Bool) throws {
            for _ in 0..<600 {
                let process = process(arguments)
                let out = Pipe()
                process.standardOutput = out
                process.standardError = FileHandle.nullDevice
                try process.run()
                let data = out.fileHandleForReading.readDataToEndOfFile()
                process.waitUntilExit()
                if let json = try? JSONSerialization.jsonObject(with: data) as? [String: Any], isRight(json) { return }
            }
            Issue.record("\(arguments) never came out right")
        }
    }

    static func ports() -> (Int, Int) {
        let base = Int.random(in: 20_000...55_000)
        return (base, base + 10)
    }

    static func channels(_ json: [String: Any]) -> [[String: Any]] { json["channels"] as? [[String: Any]] ?? [] }

    @Test("without a node: what is said, and with which status", .enabled(if: program("lnw") != nil))
    func withoutNode() throws {
        let home = Home()
        let welcome = try home.run()
        #expect(welcome.status == 0 && welcome.out.contains("lnw demo"))
        let missing = try home.run("-w", "nobody", "balance")
        #expect(missing.status == 3 && missing.error.contains("not running") && missing.out.isEmpty)
        #expect(try home.run("invoice").status == 2)
        #expect(try home.run("invoice", "ten").status == 2)
        #expect(try home.run("invoice", "1.0001sat").status == 2)
        #expect(try home.run("nonsense").status == 2)
        let lastSeed = "\(UInt64.max)"
        #expect(try home.run("sim", "swarm", "--seeds", "0").status == 2)
        #expect(try home.run("sim", "swarm", "--actions=-1").status == 2)
        #expect(try home.run("sim", "swarm", "--seeds", "2", "--seed", lastSeed).status == 2)
        #expect(try home.run("sim", "swarm", "--seeds", "1", "--seed", lastSeed).out.contains("seeds \(lastSeed) to \(lastSeed)"))
        #expect(try home.run("-w", "../evil", "balance").status == 2)
        #expect(try home.run("local", "mine").status == 3)
        #expect(try home.run("decode", "lnbcrt1nonsense").status == 4)
        #expect(try home.run("start", "-w", "x").status == 2)
        #expect(try home.run("--help").out.contains("openchannel"))
        let created = try home.run("create", "-w", "seed", "--json")
        #expect((created.json["mnemonic"] as? String)?.split(separator: " ").count == 24)
        #expect(try home.run("create", "-w", "seed").status == 4)
        let file = home.url.appending(path: "regtest/seed/seed")
        let mode = try FileManager.default.attributesOfItem(atPath: file.path)[.posixPermissions] as? Int
        #expect(mode == 0o600)
    }

    @Test("a network from its start to a kill -9 and back, and a close to the satoshi", .enabled(if: program("lnw") != nil))
    func network() throws {
        let home = Home()
        let ports = Self.ports()
        try home.up(ports)
        #expect(try home.run("local", "fund", "alice", "0.1btc").status == 0)
        #expect(try home.run("local", "fund", "nobody", "1btc").status == 4)
        let bob = try home.run("-w", "bob", "getinfo", "--json").json
        let address = try #require(bob["address"] as? String)
        #expect(try home.run("-w", "alice", "openchannel", address, "1btc", "--yes").status == 4)
        #expect(try home.run("-w", "alice", "openchannel", address, "1000000").status == 2)
        #expect(try home.run("-w", "alice", "openchannel", address, "1000000", "--yes").status == 0)
        try home.until(["-w", "alice", "listchannels", "--json"]) { _ in
            _ = try? home.run("local", "mine")
            let list = try? home.run("-w", "alice", "listchannels", "--json").json
            return Self.channels(list ?? [:]).first?["state"] as? String == "normal"
        }
        let invoice = try #require(try home.run("-w", "bob", "invoice", "1234.567sat", "tea", "--json").json["bolt11"] as? String)
        #expect(try home.run("decode", invoice, "--json").json["amount_msat"] as? Int == 1_234_567)
        let paid = try home.run("-w", "alice", "pay", invoice, "--json")
        #expect(paid.json["status"] as? String == "succeeded")
        #expect((paid.json["payment_preimage"] as? String)?.count == 64)
        let twice = try home.run("-w", "alice", "payinvoice", invoice)
        #expect(twice.status == 4 && twice.error.contains("paid already"))
        // What a shell offers for a word: wallets of the disk, channels of the node that is meant, nothing where there is none.
        func offered(_ command: String, _ argument: String, _ words: String...) throws -> [Substring] {
            let line = ["---completion", command, "--", argument, "\(words.count)", "0", "lnw"] + words
            return try home.run(line).out.split(separator: "\n")
        }
        #expect(try offered("close", "--wallet", "close", "-w", "") == ["alice", "bob"])
        // A shell expands what it is offered: a name that no wallet can have may be a command.
        let wallets = home.url.appending(path: "regtest")
        let strange = wallets.appending(path: "$(touch ran)")
        try FileManager.default.createDirectory(at: strange, withIntermediateDirectories: true)
        try FileManager.default.copyItem(at: wallets.appending(path: "alice/seed"), to: strange.appending(path: "seed"))
        #expect(try offered("close", "--wallet", "close", "-w", "") == ["alice", "bob"])
        #expect(try offered("close", "positional@0", "close", "-w", "alice", "").map { $0.contains("x") } == [true])
        #expect(try offered("disconnect", "positional@0", "disconnect", "--wallet=alice", "").count == 1)
        #expect(try offered("close", "positional@0", "close", "-w", "nobody", "").isEmpty)
        // One character changed: the checksum notices.
        let altered = String(invoice.dropLast()) + (invoice.last == "q" ? "p" : "q")
        #expect(try home.run("-w", "alice", "pay", altered).status == 4)
        // For programs what went wrong is JSON as well, and all there is; also where the arguments are wrong, and nobody answers.
        func failure(_ status: Int32, _ arguments: String...) throws -> [String: Any] {
            let result = try home.run(["--json"] + arguments)
            let error = result.json["error"] as? [String: Any] ?? [:]
            #expect(result.status == status && error["exit_status"] as? Int == Int(status) && result.error.isEmpty, "\(arguments)")
            return error
        }
        #expect(try failure(4, "-w", "alice", "payinvoice", invoice)["code"] as? String == "refused")
        #expect(try failure(2, "-w", "alice", "stream", "bob", "--rate", "x")["code"] as? String == "usage")
        #expect(try failure(2, "nonsense")["code"] as? String == "usage")
        #expect(try failure(2, "pay")["message"] as? String != nil)
        // Another network has other wallets; real money is asked for once.
        #expect(try failure(3, "--network", "signet", "-w", "alice", "balance")["code"] as? String == "unreachable")
        #expect(try failure(2, "--network", "testnet", "balance")["code"] as? String == "usage")
        let chain = "bitcoind:http://u:p@127.0.0.1:1"
        let consent = try failure(4, "start", "--network", "mainnet", "-w", "m", "--chain", chain)
        #expect((consent["message"] as? String)?.contains("--i-understand") == true)
        #expect(
            try failure(3, "start", "--network", "mainnet", "-w", "m", "--chain", chain, "--i-understand")["code"] as? String
                == "unreachable")
        #expect(try failure(2, "start", "--network", "signet", "-w", "s")["message"] as? String != nil)
        #expect(try failure(3, "-w", "nobody", "balance")["code"] as? String == "unreachable")
        #expect(try failure(4, "-w", "bob", "waitinvoice", "00ff")["code"] as? String == "not_found")
        let status = try home.run("-w", "bob", "waitinvoice", invoice)
        #expect(status.status == 0 && status.out.contains("invoice of 1,234.567 sat"))
        let open = try #require(try home.run("-w", "bob", "invoice", "7sat", "later", "--json").json["bolt11"] as? String)
        let unpaid = try failure(7, "-w", "bob", "waitinvoice", open, "--timeout", "50ms")
        #expect(unpaid["code"] as? String == "pending" && (unpaid["data"] as? [String: Any])?["status"] as? String == "unpaid")
        #expect(try home.run("-w", "bob", "lookupinvoice", open).out.contains("not paid; it expires at"))
        let id = try #require(bob["id"] as? String)
        let watch = home.process(["-w", "bob", "watch", "--recent", "--json", "--only", "payment_received"])
        let watched = Pipe()
        watch.standardOutput = watched
        try watch.run()
        #expect(try home.run("-w", "alice", "disconnect", id).out.contains("it is called again"))
        try home.until(["-w", "alice", "listchannels", "--json"]) { Self.channels($0).first?["connected"] as? Bool == true }
        #expect(try home.run("-w", "bob", "watch", "--only", "payment").status == 2)
        #expect(try home.run("-w", "alice", "keysend", String(id.prefix(8)), "50sat").status == 0)
        var seen = ""
        while watch.isRunning, seen.split(separator: "\n").count < 2 {
            seen += String(decoding: watched.fileHandleForReading.availableData, as: UTF8.self)
        }
        #expect(seen.contains("\"received_msat\":1234567") && seen.contains("\"received_msat\":50000"))
        watch.interrupt()
        watch.waitUntilExit()
        #expect(watch.terminationStatus == 0)
        let recorded = home.url.appending(path: "stream.toml").path
        let streamed = try home.run("-w", "alice", "stream", id, "--rate", "10sat/s", "--for", "1s", "--json", "--record", recorded)
        // The simulator pays the same.
        let again = try home.run("sim", "run", recorded, "--json").json
        #expect((again["streams"] as? [[String: Any]])?.first?["paidMsat"] as? Int == 10_000)
        let end = try #require(streamed.out.split(separator: "\n").last)
        #expect(streamed.status == 0 && end.contains("\"paid_msat\":10000,") && end.contains("\"complete\":true"))
        // To whoever made an invoice without an amount; and a page of it.
        let tips = try #require(try home.run("-w", "bob", "invoice", "any", "tips", "--json").json["bolt11"] as? String)
        let page = home.url.appending(path: "stream.html").path
        let tipped = try home.run(
            "-w", "alice", "stream", tips, "--rate", "10sat/s", "--for", "1s", "--max-dust", "4sat", "--report", page)
        #expect(tipped.status == 0 && tipped.out.contains("streamed 10 sat in"))
        let html = try String(contentsOfFile: page, encoding: .utf8)
        #expect(html.contains("of a running node") && html.contains("complete") && !html.contains("lnw sim"))
        #expect(try home.run("-w", "alice", "stream", invoice, "--rate", "1sat/s").error.contains("is paid once: lnw pay"))
        // One that goes on by itself.
        let begun = try home.run(
            "-w", "alice", "stream", "start", "--split", "\(id):1", "--rate", "1msat/min", "--budget", "100sat", "--json")
        let stream = try #require(begun.json["stream"] as? Int)
        #expect(try home.run("-w", "alice", "stream", "pause", "\(stream)", "--json").json["status"] as? String == "paused")
        #expect(try home.run("-w", "alice", "stream", "rate", "\(stream)", "1msat/h", "--json").json["rate_period_s"] as? Int == 3600)
        #expect(try home.run("-w", "alice", "stream", "resume", "\(stream)", "--json").json["status"] as? String == "running")
        #expect(try home.run("-w", "alice", "stream", "boost", "\(stream)", "20sat").status == 0)
        try home.until(["-w", "alice", "stream", "show", "\(stream)", "--json"]) { $0["paid_msat"] as? Int == 20_000 }
        #expect(try home.run("-w", "alice", "stream", "stop", "\(stream)").status == 0)
        try home.until(["-w", "alice", "stream", "show", "\(stream)", "--json"]) { $0["end"] as? String == "stopped" }
        #expect(try home.run("-w", "alice", "stream", "resume", "\(stream)").status == 4)
        // Ctrl-C, or a terminal that is closed, stops the one that is watched, and says what was paid.
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            let watched = home.process(["-w", "alice", "stream", id, "--rate", "1msat/h"])
            let out = Pipe()
            watched.standardOutput = out
            try watched.run()
            // It says that it has begun.
            var text = String(decoding: out.fileHandleForReading.availableData, as: UTF8.self)
            kill(watched.processIdentifier, signal)
            text += String(decoding: out.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
            watched.waitUntilExit()
            #expect(watched.terminationStatus == 0 && text.contains("streamed 0 sat in 0 payments, fee 0 sat: stopped"), "\(text)")
        }
        let streams = try home.run("-w", "alice", "stream", "list", "--json").json["streams"] as? [[String: Any]]
        #expect(streams?.count == 6 && streams?.allSatisfy { $0["status"] as? String == "over" } == true)
        // Bob has a row for each that paid anything: two of a second, and a boost.
        try home.until(["-w", "bob", "stream", "list", "--json"]) { list in
            let incoming = list["incoming"] as? [[String: Any]] ?? []
            return incoming.compactMap { $0["received_msat"] as? Int }.sorted() == [10_000, 10_000, 20_000]
        }
        #expect(try home.run("-w", "bob", "stream", "list").out.contains("  in  20 sat in 1 payment, "))
        for wrong in ["10sat", "0sat/s", "10sat/week", "x/s", "-1sat/s"] {
            #expect(try home.run("-w", "alice", "stream", id, "--rate=\(wrong)", "--for", "1s").status == 2)
        }
        #expect(try home.run("-w", "alice", "close", "9x9x9", "--yes").status == 4)
        // A second daemon on the wallet is refused.
        #expect(try home.run("start", "-w", "alice").status == 6)

        home.crash()
        try home.up(ports)
        try home.until(["-w", "alice", "listchannels", "--json"]) { json in
            let channel = Self.channels(json).first
            return channel?["connected"] as? Bool == true && channel?["to_remote_msat"] as? Int == 1_324_567
        }
        let after = try #require(try home.run("-w", "bob", "addinvoice", "any", "--json").json["bolt11"] as? String)
        #expect(try home.run("-w", "alice", "pay", after).status == 4)
        #expect(try home.run("-w", "alice", "pay", after, "433msat").status == 0)
        #expect(try home.run("-w", "alice", "close", id, "--yes").status == 0)
        try home.until(["-w", "bob", "balance", "--json"]) { json in
            _ = try? home.run("local", "mine", "6")
            return json["on_chain_confirmed_sat"] as? Int == 1325
        }
        let closed = try home.run("-w", "alice", "listchannels", "--all", "--json").json
        #expect(Self.channels(closed).first?["close_kind"] as? String == "mutual")
        try home.down()
    }

    @Test("the demonstration adds up, honest or not", .enabled(if: program("lnw") != nil))
    func demo() throws {
        let home = Home()
        for arguments in [["demo", "--payments", "40", "--json"], ["demo", "--payments", "20", "--cheat", "--json"]] {
            let process = home.process(arguments)
            let out = Pipe()
            process.standardOutput = out
            try process.run()
            let data = out.fileHandleForReading.readDataToEndOfFile()
            process.waitUntilExit()
            #expect(process.terminationStatus == 0)
            let json = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
            #expect(json["adds_up"] as? Bool == true)
            if arguments.contains("--cheat") { #expect(json["bob_on_chain_sat"] as? Int == 0) }
        }
    }

    @Test(
        "the examples run", .enabled(if: program("TwoNodes") != nil),
        arguments: [
            ("TwoNodes", "paid 1,000 sat"), ("EventStream", "10 pages read"), ("Podcast", "streamed 530 sat"),
            ("Coffee", "receipt: 3,500 sat for a flat white"), ("Cheater", "bob has nothing left"), ("NetworkStudy", "report: "),
            (
                "MeteredAPI",
                "7 words for 14 sat: Tiger Tiger burning bright in the forests\nagain with the same ticket: 402\nrefused: 30 sat"
            ),
        ])
    func examples(name: String, expected: String) throws {
        let process = Process()
        process.executableURL = Self.program(name)
        let out = Pipe()
        process.standardOutput = out
        try process.run()
        let text = String(decoding: out.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        #expect(text.contains(expected))
    }
}
