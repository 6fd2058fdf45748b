import Foundation
import Testing

/// Payments over several nodes, as a person or a script makes them.
extension CommandTests {
    /// What all nodes own in channels, in msat: it stays the same whatever they pay each other.
    private static func total(_ home: Home, _ names: [String]) throws -> Int {
        try names.reduce(0) { sum, name in
            sum + (try home.run("-w", name, "balance", "--json").json["in_channels_msat"] as? Int ?? 0)
        }
    }

    @Test(
        "a ring of five: payments in parts, what they tell, terms, circles, probes, holding, and a restart",
        .enabled(if: program("lnw") != nil))
    func ring() throws {
        let home = Home()
        let ports = Self.ports()
        let names = ["alice", "bob", "carol", "dave", "erin"]
        let shape = ["--nodes", "5", "--topology", "ring"]
        try home.up(ports, shape, sign: "local graph")
        let before = try Self.total(home, names)
        #expect(before == 5_000_000_000)
        let graph = try home.run("-w", "alice", "graph", "channels", "--json").json
        #expect(Self.channels(graph).count == 5)
        let picture = home.url.appending(path: "graph.svg").path
        #expect(try home.run("local", "graph", "-o", picture).status == 0)
        #expect(try String(contentsOfFile: picture, encoding: .utf8).contains("<svg"))

        let route = try home.run("-w", "alice", "getroute", "carol", "100000sat", "--json").json
        let parts = try #require(route["parts"] as? [[String: Any]])
        #expect(parts.count == 1 && (parts[0]["hops"] as? [Any])?.count == 2 && route["fee_msat"] as? Int == 10_100)
        // Both ways round together.
        let large = try home.run("-w", "alice", "getroute", "dave", "800000sat", "--json").json
        #expect((large["parts"] as? [Any])?.count == 2)
        let compared = try home.run("-w", "alice", "getroute", "carol", "100000sat", "--explain", "--json").json
        let choices = try #require(compared["choices"] as? [[String: Any]])
        #expect(choices.count == 2 && ((choices[0]["route"] as? [String: Any])?["fee_msat"] as? Int) == 10_100)
        #expect(try home.run("-w", "alice", "getroute", "carol", "600000sat", "--explain").out.contains("not by"))
        // More than one channel of alice can send: two parts, either way round.
        let invoice = try #require(try home.run("-w", "dave", "invoice", "800000sat", "big", "--json").json["bolt11"] as? String)
        let one = try home.run("-w", "alice", "pay", invoice, "--max-parts", "1")
        #expect(one.status == 4 && one.error.contains("at most"))
        let cheap = try home.run("-w", "alice", "pay", invoice, "--max-fee", "0sat")
        #expect(cheap.status == 4 && cheap.error.contains("--max-fee"))
        let paid = try home.run("-w", "alice", "pay", invoice, "--json").json
        #expect(paid["status"] as? String == "succeeded" && paid["num_parts"] as? Int == 2)
        let story = try home.run("-w", "alice", "explain", String(try #require(paid["payment_hash"] as? String).prefix(12)), "--json").json
        let attempts = try #require(story["attempts"] as? [[String: Any]])
        #expect(attempts.filter { $0["status"] as? String == "succeeded" }.count == 2)
        #expect(try home.run("-w", "alice", "keysend", "bob", "1sat").status == 0)
        #expect(try home.run("-w", "alice", "keysend", "nobody", "1sat").status == 4)

        #expect(try home.run("-w", "carol", "setchannel", "all", "--ppm", "2000", "--base", "0").status == 0)
        #expect(try home.run("-w", "carol", "setchannel", "all", "--delta", "5").status == 4)
        #expect(try home.run("-w", "carol", "setchannel", "all").status == 2)
        // Through carol it would cost 200 sat now: the other way round is cheaper.
        try home.until(["-w", "bob", "getroute", "dave", "100000sat", "--json"]) { json in
            ((json["parts"] as? [[String: Any]])?.first?["hops"] as? [Any])?.count == 3
        }
        #expect(try home.run("-w", "carol", "setchannel", "all", "--ppm", "4294967295").status == 2)
        #expect(try home.run("-w", "carol", "setchannel", "all", "--min", "5000000sat").status == 4)
        let probe = try home.run("-w", "bob", "probe", "dave", "1000sat", "--json").json
        #expect(probe["arrived"] as? Bool == true)
        let forwards = try home.run("-w", "carol", "feereport", "--json").json
        #expect(((forwards["totals"] as? [String: Any])?["fees_msat"] as? Int ?? 0) > 0)
        let own = Self.channels(try home.run("-w", "dave", "listchannels", "--json").json)
            .sorted { ($0["spendable_msat"] as? Int ?? 0) > ($1["spendable_msat"] as? Int ?? 0) }
            .compactMap { $0["short_channel_id"] as? String }
        #expect(try home.run("-w", "dave", "rebalance", own[0], own[1], "1000sat").status == 0)
        #expect(try home.run("-w", "dave", "rebalance", own[0], own[0], "1000sat").status == 4)

        // What a payee writes does not steer the payer's terminal.
        let rude = try #require(
            try home.run("-w", "dave", "invoice", "5sat", "x\u{1b}[2K\nfake", "--json").json["bolt11"] as? String)
        for out in [
            try home.run("decode", rude).out, try home.run("-w", "alice", "pay", rude).out, try home.run("-w", "dave", "listinvoices").out,
        ] {
            #expect(out.contains("x\\u{1b}[2K\\u{a}fake") && !out.contains("\u{1b}"))
        }

        // Who hides is paid too, and the payer does not know whom it paid.
        let hidden = try #require(try home.run("-w", "dave", "invoice", "2000sat", "--blind", "2", "--json").json["bolt11"] as? String)
        #expect(try home.run("decode", hidden, "--json").json["payee"] as? String == "hidden")
        let toHidden = try home.run("-w", "alice", "pay", hidden, "--json").json
        #expect(toHidden["status"] as? String == "succeeded" && toHidden["destination"] is NSNull)
        #expect(try home.run("-w", "alice", "listpayments").out.contains("a hidden payee"))
        #expect(try home.run("-w", "alice", "listchannels").out.contains("bob "))
        #expect(try home.run("-w", "dave", "invoice", "2000sat", "--blind", "5").status == 4)

        // The preimage of a hold invoice is its owner's until he settles; a crash in between changes nothing.
        let (preimage, hash) = (String(repeating: "07", count: 32), "4bb06f8e4e3a7715d201d573d0aa423762e55dabd61a2c02278fa56cc6d294e0")
        let held = try #require(
            try home.run("-w", "bob", "holdinvoice", hash, "5000sat", "--blind", "1", "--json").json["bolt11"] as? String)
        let payer = home.process(["-w", "erin", "pay", held])
        payer.standardOutput = FileHandle.nullDevice
        payer.standardError = FileHandle.nullDevice
        try payer.run()
        func status() throws -> String? {
            let list = try home.run("-w", "bob", "listinvoices", "--json").json["invoices"] as? [[String: Any]]
            return list?.last { $0["payment_hash"] as? String == hash }?["status"] as? String
        }
        try home.until(["-w", "bob", "listinvoices", "--json"]) { _ in (try? status()) == "held" }
        let underWay = try home.run("-w", "erin", "balance", "--json").json
        #expect((underWay["outgoing_htlcs_msat"] as? Int ?? 0) >= 5_000_000)
        let lessons = try home.run("-w", "alice", "estimates", "export")
        #expect(lessons.status == 0 && lessons.out.contains(","))
        #expect(try home.run("-w", "bob", "estimates", "import").status == 0)
        #expect(try home.run("-w", "bob", "listinvoices").out.contains("settle before block"))
        home.crash()
        payer.waitUntilExit()
        try home.up(ports, shape, sign: "local graph")
        try home.until(["-w", "bob", "listpeers", "--json"]) { ($0["peers"] as? [[String: Any]])?.count == 2 }
        var settled = try home.run("-w", "bob", "settle", preimage)
        for _ in 0..<200 where settled.status != 0 { settled = try home.run("-w", "bob", "settle", preimage) }
        #expect(settled.status == 0)
        #expect(try status() == "paid")
        #expect(try home.run("-w", "bob", "cancel", hash).status == 4)
        try home.until(["-w", "erin", "listpayments", "--json"]) { json in
            (json["payments"] as? [[String: Any]])?.last?["status"] as? String == "succeeded"
        }
        try home.until(["-w", "alice", "balance", "--json"]) { _ in (try? Self.total(home, names)) == before }
        #expect(try Self.total(home, names) == before)
        try home.down()
    }

    @Test("tables that are none", .enabled(if: program("lnw") != nil))
    func wrongTables() throws {
        let home = Home()
        try FileManager.default.createDirectory(at: home.url, withIntermediateDirectories: true)
        let path = home.url.appending(path: "table.csv").path
        // More than there is, too few fields, a channel with itself; and the same channel twice, which is one.
        let good = "4096,1,2,500000,0,0,40,1,400000000,0,0,0,40,1,400000000,0\n"
        for (text, status) in [
            ("4096,1,2,18446744073709551615,0,0,40,1,1000,0,0,0,40,1,1000,0\n", 4), ("1,2,3\n", 4), ("", 4), (good + good, 0),
            ("4096,1,1,5,0,0,40,1,1000,0,0,0,40,1,1000,0\n", 4),
        ] {
            try text.write(toFile: path, atomically: true, encoding: .utf8)
            #expect(try home.run("sim", "routing", "--graph", path, "--payments", "2", "--amount", "1000sat").status == status, "\(text)")
        }
        #expect(try home.run("sim", "routing", "--graph", path, "--amount", "1btc").status == 4)
        #expect(try home.run("sim", "routing", "--graph", path, "--payments", "0").status == 2)
        #expect(try home.run("sim", "routing", "--amount", "5sat").status == 2)
    }

    @Test("shapes that are none", .enabled(if: program("lnw") != nil))
    func wrongShapes() throws {
        let home = Home()
        let ports = Self.ports()
        func up(_ arguments: String...) throws -> Output {
            try home.run(["local", "up", "--port", "\(ports.0)", "--rpc-port", "\(ports.1)"] + arguments)
        }
        #expect(try up("--topology", "cube").status == 2)
        #expect(try up("--nodes", "1", "--topology", "ring").status == 2)
        #expect(try up("--nodes", "0").status == 2)
        #expect(try up("--nodes", "1000").status == 2)
        try FileManager.default.createDirectory(at: home.url, withIntermediateDirectories: true)
        let file = home.url.appending(path: "shape").path
        for text in ["", "alice\n", "alice alice\n", "alice bob 10\n", "alice bob much\n", "alice bob 1000000 4\n"] {
            try text.write(toFile: file, atomically: true, encoding: .utf8)
            #expect(try up("--topology", file).status == 2, "\(text)")
        }
    }
}
