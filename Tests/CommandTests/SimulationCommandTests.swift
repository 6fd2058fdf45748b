import Foundation
import Testing

extension CommandTests {
    @Test("a scenario is run, again with the same trace, swept, cut short, compared and written", .enabled(if: program("lnw") != nil))
    func scenarios() throws {
        let home = Home()
        try FileManager.default.createDirectory(at: home.url, withIntermediateDirectories: true)
        let file = home.url.appending(path: "study.toml").path
        let example = try home.run("sim", "example").out
        try example.write(toFile: file, atomically: true, encoding: .utf8)
        let arguments = ["sim", "run", file, "--set", "duration=30s", "--set", "away.at=10s", "--set", "away.for=5s"]
        let report = home.url.appending(path: "report.html").path
        let tables = home.url.appending(path: "tables").path
        let text = try home.run(arguments + ["--report", report, "--csv", tables])
        #expect(text.status == 0 && text.out.contains("protocol: 30 s on 6 nodes, 7 channels"))
        #expect(text.out.split(separator: "\n").filter { !$0.hasPrefix("report") && !$0.hasPrefix("tables") }.allSatisfy { $0.count <= 80 })
        let trace = try #require(text.out.firstMatch(of: /trace ([0-9a-f]{64})/)).1
        #expect(try String(contentsOfFile: report, encoding: .utf8).contains(trace))
        let payments = try String(contentsOfFile: tables + "/payments.csv", encoding: .utf8)

        let json = try home.run(arguments + ["--json"]).json
        #expect(json["trace"] as? String == String(trace))
        #expect(payments.split(separator: "\n").count - 1 == json["begun"] as? Int)
        #expect(try home.run(arguments + ["--seed", "8", "--json"]).json["trace"] as? String != String(trace))
        #expect(try home.run(arguments + ["--fidelity", "flow", "--json"]).json["fidelity"] as? String == "flow")
        let part = try home.run(arguments + ["--until", "12s", "--json"]).json
        #expect(part["duration"] as? Int == 12_000 && part["isPartial"] as? Bool == false && part["wanted"] as? Int == 12_000)

        let sweep = try home.run(arguments + ["--fidelity", "flow", "--sweep", "payments.every=2s,1s", "--csv", tables])
        #expect(sweep.status == 0 && sweep.out.contains("value") && sweep.out.split(separator: "\n").count >= 3)
        #expect(try String(contentsOfFile: tables + "/sweep.csv", encoding: .utf8).split(separator: "\n").count == 3)
        let difference = try home.run("sim", "diff", file, "10s", "20s")
        #expect(difference.status == 0 && difference.out.contains("stream    alice → dave,carol: "))
        #expect(try home.run("sim", "diff", file, "20s", "10s").status == 2)

        // To a moment, as to the same moment by its time.
        let again = ["sim", "replay"] + arguments.dropFirst(2) + ["--until"]
        func replay(_ moment: String) throws -> CommandTests.Output { try home.run(again + [moment, "--json"]) }
        #expect(try replay("12s").out == home.run(arguments + ["--until", "12s", "--json"]).out)
        let begun = try replay("payment:4").json
        // The first moment at which there are so many.
        let moment = try #require(begun["duration"] as? Int)
        #expect((begun["payments"] as? [Any])?.count == 4 && (1001..<2000).contains(moment))
        #expect((try replay("\(moment - 1)ms").json["payments"] as? [Any])?.count == 3)
        // Due at one moment with the one before it, and begun a little later.
        let third = try replay("payment:3").json
        #expect((third["payments"] as? [Any])?.count ?? 0 >= 3 && (third["duration"] as? Int).map { (1001..<moment).contains($0) } == true)
        let shown = try home.run(again + ["payment:4"])
        #expect(shown.status == 0 && shown.out.contains("under way  ") && shown.out.contains("channel    "))
        for (moment, status) in [("payment:0", 2), ("event:x", 2), ("block:1", 2), ("0s", 2), ("99h", 2), ("payment:1000000", 4)] {
            #expect(try replay(moment).status == Int32(status), "\(moment)")
        }
    }

    @Test("what cannot be run is refused with its place, and changes nothing", .enabled(if: program("lnw") != nil))
    func impossibleScenarios() throws {
        let home = Home()
        try FileManager.default.createDirectory(at: home.url, withIntermediateDirectories: true)
        let file = home.url.appending(path: "study.toml").path
        let example = try home.run("sim", "example").out
        func attempt(_ from: String, _ to: String) throws -> (status: Int32, error: String) {
            try example.replacing(from, with: to, maxReplacements: 1).write(toFile: file, atomically: true, encoding: .utf8)
            let result = try home.run("sim", "run", file)
            return (result.status, result.error)
        }
        let unknown = try attempt("node = \"bob\"", "node = \"bop\"")
        #expect(unknown.status == 4 && unknown.error.contains("Did you mean “bob”?") && unknown.error.contains("line "))
        #expect(try attempt("rate = \"10sat/s\"", "rate = \"-10sat/s\"").status == 4)
        #expect(try attempt("seed = 7", "seed =").error.contains("line 3"))
        try example.write(toFile: file, atomically: true, encoding: .utf8)
        #expect(try home.run("sim", "run", home.url.path + "/nothing.toml").status == 4)
        #expect(try home.run("sim", "run", home.url.path).status == 4)
        #expect(try home.run("sim", "run", file, "--set", "nothing").status == 2)
        #expect(try home.run("sim", "run", file, "--set", "streams.rate=1sat/s").status == 4)
        #expect(try home.run("sim", "run", file, "--sweep", "seed=").status == 2)
        // Before anything runs.
        let missing = try home.run("sim", "run", file, "--report", home.url.path + "/no/report.html")
        #expect(missing.status == 4 && missing.error.contains("cannot be written") && missing.out.isEmpty)
    }

    @Test("an interrupted run shows what was until then", .enabled(if: program("lnw") != nil))
    func interruptedScenario() throws {
        let home = Home()
        try FileManager.default.createDirectory(at: home.url, withIntermediateDirectories: true)
        let file = home.url.appending(path: "study.toml").path
        let example = try home.run("sim", "example").out
        try example.replacing("duration = \"10min\"", with: "duration = \"10d\"").write(toFile: file, atomically: true, encoding: .utf8)
        let tables = home.url.appending(path: "tables").path
        let process = home.process([
            "sim", "run", file, "--json", "--fidelity", "flow", "--set", "payments.every=10ms", "--csv", tables,
        ])
        let out = Pipe()
        process.standardOutput = out
        try process.run()
        // The folder is made when all is read, and Ctrl-C is heard from then on.
        while process.isRunning, !FileManager.default.fileExists(atPath: tables) { sched_yield() }
        process.interrupt()
        let data = out.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        #expect(process.terminationStatus == 0)
        let json = try #require(try JSONSerialization.jsonObject(with: data) as? [String: Any])
        #expect(json["isPartial"] as? Bool == true && json["wanted"] as? Int == 864_000_000)
        #expect(FileManager.default.fileExists(atPath: tables + "/payments.csv"))
    }
}
