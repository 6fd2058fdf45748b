import BitcoinPrimitives
import LightningPayment
import LightningScenarios
import LightningSimulation
import LightningWire
import Testing

@Suite("scenario files")
struct ScenarioFileTests {
    static let example = """
        name = "study"
        seed = 3
        duration = "10min"
        fidelity = "flow"
        latency = "10ms..50ms"

        [network]
        shape = "ring"
        names = ["alice", "bob", "carol"]
        capacity = "1000000sat"
        balance = 0.25
        base_fee = "1sat"
        fee_ppm = 200

        [[channel]]
        from = "alice"
        to = "dave"
        capacity = "0.01btc"
        back_fee_ppm = 7

        [[payments]]
        from = "*"
        to = ["bob", "carol"]
        every = "500ms"
        amount = "1sat..1000sat"
        max_fee = "0.25%"

        [[stream]]
        from = "alice"
        to = ["carol:90", "dave:10"]
        rate = "600sat/min"
        start = "1min"
        for = "2min"
        budget = "1000sat"

        [[away]]
        node = "bob"
        at = "2min"
        for = "30s"

        [layer1]
        block_interval = "1min"
        fee_rate = 2
        [[layer1.change]]
        at = "5min"
        fee_rate = 40

        [faults]
        disconnect_every = "10min"
        crash_every = "1h"
        """

    @Test("everything that a file says is in its scenario")
    func whole() throws {
        let scenario = try ScenarioFile.read(Self.example, name: "file")
        #expect(scenario.name == "study" && scenario.seed == 3 && scenario.duration == .seconds(600) && scenario.fidelity == .flow)
        #expect(scenario.nodes == ["alice", "bob", "carol", "dave"])
        #expect(scenario.latency == .milliseconds(10)...(.milliseconds(50)))
        #expect(scenario.channels.count == 4)
        #expect(scenario.channels[0].pushed == MilliSatoshi(Satoshi(750_000)) && scenario.channels[0].fromTerms?.feeBase == 1000)
        let last = scenario.channels[3]
        #expect(last.from == 0 && last.to == 3 && last.capacity == Satoshi(1_000_000) && last.pushed == MilliSatoshi(Satoshi(500_000)))
        #expect(last.fromTerms == Scenario.Terms() && last.toTerms?.feeProportionalMillionths == 7)
        let payments = try #require(scenario.payments.first)
        #expect(payments.payers == [0, 1, 2, 3] && payments.payees == [1, 2] && payments.interval == .milliseconds(500))
        #expect(payments.amounts == .logUniform(1000...1_000_000) && payments.maxFeeMillionths == 2500)
        let stream = try #require(scenario.streams.first)
        #expect(stream.recipients == [.init(2, weight: 90), .init(3, weight: 10)] && stream.rate.amount == MilliSatoshi(600_000))
        #expect(stream.start == .seconds(60) && stream.duration == .seconds(120) && stream.budget == MilliSatoshi(1_000_000))
        #expect(scenario.absences == [.init(1, from: .seconds(120), for: .seconds(30))])
        #expect(scenario.blockInterval == .seconds(60))
        #expect(scenario.feeRates.map(\.rate.perKiloweight) == [500, 10_000] && scenario.feeRates[1].start == .seconds(300))
        #expect(scenario.disconnectEvery == .seconds(600) && scenario.crashEvery == .seconds(3600))
    }

    static let adversities = """
        duration = "10min"
        [network]
        names = ["alice", "bob", "carol"]
        [[payments]]
        from = "*"
        to = "*"
        every = "1s"
        amount = "1sat"
        [[event]]
        at = "1min"
        do = "cheat"
        node = "carol"
        with = "bob"
        htlcs = true
        [[event]]
        at = "2min"
        do = "force-close"
        node = "alice"
        [[event]]
        at = "3min"
        do = "part"
        nodes = ["alice", "bob"]
        for = "30s"
        [[event]]
        at = "4min"
        do = "slow-disk"
        node = "bob"
        commit = "200ms"
        for = "1min"
        [[event]]
        at = "5min"
        do = "clock"
        node = "bob"
        slow = "90s"
        [[event]]
        at = "6min"
        do = "full-blocks"
        fee_rate = 20
        blocks = 6
        [[event]]
        at = "7min"
        do = "reorganize"
        depth = 3
        [[event]]
        at = "8min"
        do = "double-spend"
        node = "carol"
        with = "alice"
        """

    @Test("what befalls a network is in its scenario")
    func events() throws {
        let scenario = try ScenarioFile.read(Self.adversities, name: "file")
        #expect(
            scenario.events == [
                .init(at: .seconds(60), .cheat(2, peer: 1, takesHTLCs: true)), .init(at: .seconds(120), .forceClose(0, peer: nil)),
                .init(at: .seconds(180), .partition([0, 1], for: .seconds(30))),
                .init(at: .seconds(240), .slowDisk(1, commit: .milliseconds(200), for: .seconds(60))),
                .init(at: .seconds(300), .setClock(1, fast: .seconds(-90))),
                .init(at: .seconds(360), .fillBlocks(FeeRate(perVirtualByte: 20), blocks: 6)),
                .init(at: .seconds(420), .reorganize(depth: 3)), .init(at: .seconds(480), .doubleSpend(2, peer: 0)),
            ])
        func failure(_ old: String, _ new: String) -> String? {
            let failure = #expect(throws: ScenarioFileFailure.self) {
                try ScenarioFile.read(Self.adversities.replacing(old, with: new), name: "file")
            }
            return failure?.description
        }
        #expect(failure("\"cheat\"", "\"cheet\"") == "line 11, column 1: “cheet” is no event. Did you mean “cheat”?")
        #expect(failure("with = \"bob\"", "with = \"bop\"") == "line 13, column 1: there is no node “bop”. Did you mean “bob”?")
        #expect(failure("depth = 3", "") == "line 40, column 1: an event that is “reorganize” says “depth”")
        #expect(failure("depth = 3", "depth = 100") == "line 43, column 1: “depth” is a whole number from 1 to 99")
        #expect(failure("slow = \"90s\"", "") == "line 30, column 1: a clock is set. Write fast = \"30s\", or slow = \"30s\"")
        #expect(failure("with = \"alice\"", "") == "line 44, column 1: an event that is “double-spend” says “with”")
        #expect(failure("htlcs = true", "htlcs = 1") == "line 14, column 1: “htlcs” is true or false")
        #expect(failure("at = \"7min\"", "at = \"10min\"") == "line 40, column 1: event 7: it has to be before the end")
        #expect(
            failure("node = \"alice\"", "node = \"alice\"\nfor = \"1s\"")
                == "line 19, column 1: there is no “for” in [[event]]. There are: at, do, node, with")
    }

    @Test("what is changed on the command line takes the place of the file's")
    func changes() throws {
        func read(_ key: String, _ value: String) throws -> Scenario {
            try ScenarioFile.read(Self.example, name: "file", changes: [.init(key: key, value: value)])
        }
        #expect(try read("seed", "9").seed == 9)
        #expect(try read("stream.rate", "5sat/s").streams[0].rate.amount == MilliSatoshi(5000))
        #expect(try read("network.balance", "0.5").channels[0].pushed == MilliSatoshi(Satoshi(500_000)))
        #expect(try read("payments.every", "\"1s\"").payments[0].interval == .seconds(1))
        #expect(throws: ScenarioFileFailure.self) { try read("nothing.there", "1") }
        // A table that is not there yet, where there is one of its kind.
        #expect(try read("flow.reuse_routes", "2min").routeReuse == .seconds(120))
        do throws(ScenarioFileFailure) {
            _ = try ScenarioFile.read(Self.example, name: "file", changes: [.init(key: "strean.rate", value: "1sat/s")])
        } catch {
            #expect(error.description.contains("Did you mean “stream.rate”?"))
        }
        #expect(throws: ScenarioFileFailure.self) { try read("stream.", "1") }
        #expect(throws: ScenarioFileFailure.self) { try read("stream.rat", "1sat/s") }
    }

    struct Mistake: Sendable, CustomTestStringConvertible {
        var from: String
        var to: String
        var line: Int?
        var what: String
        var testDescription: String { "\(to): \(what)" }
        init(_ from: String, _ to: String, _ line: Int?, _ what: String) {
            (self.from, self.to, self.line, self.what) = (from, to, line, what)
        }
    }

    @Test(
        "mistakes are told with their line, and with what was probably meant",
        arguments: [
            Mistake("seed = 3", "sed = 3", 2, "Did you mean “seed”?"),
            Mistake("seed = 3", "seed = -3", 2, "whole number"),
            Mistake("duration = \"10min\"", "duration = \"soon\"", 3, "“soon” is no time"),
            Mistake("duration = \"10min\"\n", "", nil, "no duration"),
            Mistake("fidelity = \"flow\"", "fidelity = \"flows\"", 4, "Did you mean “flow”?"),
            Mistake("latency = \"10ms..50ms\"", "latency = \"50ms..10ms\"", 5, "no range"),
            Mistake("shape = \"ring\"", "shape = \"rings\"", 8, "Did you mean “ring”?"),
            Mistake("balance = 0.25", "balance = 1.25", 11, "from 0 to 1"),
            Mistake("fee_ppm = 200", "fee_pmm = 200", 13, "Did you mean “fee_ppm”?"),
            Mistake("capacity = \"0.01btc\"", "capacity = \"0.01 coins\"", 18, "no amount"),
            Mistake("capacity = \"0.01btc\"\n", "", 15, "says no “capacity”"),
            Mistake("to = [\"bob\", \"carol\"]", "to = [\"bob\", \"carl\"]", 23, "Did you mean “carol”?"),
            Mistake("every = \"500ms\"", "every = \"0s\"", 21, "every millisecond"),
            Mistake("amount = \"1sat..1000sat\"", "amount = \"0sat\"", 21, "at least 1 msat"),
            Mistake("amount = \"1sat..1000sat\"", "amount = \"1sat..1000sat\"\ndistribution = \"fixed\"", 25, "no range"),
            Mistake("max_fee = \"0.25%\"", "max_fee = \"150%\"", 26, "no share"),
            Mistake("rate = \"600sat/min\"", "rate = \"-600sat/min\"", 31, "no rate"),
            Mistake("to = [\"carol:90\", \"dave:10\"]", "to = [\"alice\"]", 28, "cannot pay itself"),
            Mistake("to = [\"carol:90\", \"dave:10\"]", "to = [\"carol:0\", \"dave:10\"]", 28, "share above zero"),
            Mistake("node = \"bob\"", "node = \"bop\"", 37, "Did you mean “bob”?"),
            Mistake("at = \"2min\"", "at = \"11min\"", 36, "before the end"),
            Mistake("capacity = \"1000000sat\"", "capacity = \"30000000btc\"", 10, "no amount"),
            Mistake("names = [\"alice\", \"bob\", \"carol\"]", "names = [\"alice\", \"bo\\u0007b\", \"carol\"]", nil, ""),
            Mistake("budget = \"1000sat\"", "budget = \"0sat\"", 28, "budget"),
            Mistake("[[payments]]", "[payments]", 21, "two brackets"),
            Mistake("seed = 3", "seed = = 3", 2, ""),
            Mistake("fee_rate = 40", "fee_rate = 0", 46, "from 1.0"),
        ])
    func mistakes(mistake: Mistake) throws {
        let text = Self.example.replacing(mistake.from, with: mistake.to, maxReplacements: 1)
        #expect(text != Self.example)
        do throws(ScenarioFileFailure) {
            _ = try ScenarioFile.read(text, name: "file")
            Issue.record("it was read")
        } catch {
            let failure = error
            if let line = mistake.line { #expect(failure.line == line, "\(failure)") }
            #expect(failure.description.contains(mistake.what), "\(failure)")
        }
    }

    @Test("what production nodes do not do is told before they are built")
    func protocolLimits() throws {
        func failure(_ text: String) -> String {
            do throws(ScenarioFileFailure) {
                _ = try ScenarioFile.read("duration = \"1min\"\n" + text, name: "file")
                return ""
            } catch { return error.description }
        }
        let payments = "\n[[payments]]\nfrom = \"a\"\nto = \"b\"\nevery = \"1s\"\namount = \"1sat\"\n"
        func channel(_ from: String, _ to: String, _ rest: String = "capacity = \"1000000sat\"") -> String {
            "[[channel]]\nfrom = \"\(from)\"\nto = \"\(to)\"\n\(rest)\n"
        }
        #expect(failure(channel("a", "b") + payments) == "")
        #expect(
            failure(channel("a", "b", "capacity = \"1000000sat\"\nbalance = 0.01") + payments).contains(
                "line 2, column 1: channel 1: its opener keeps"))
        #expect(failure(channel("a", "b", "capacity = \"100btc\"") + payments).contains("has a coin of"))
        #expect(failure(channel("a", "b") + channel("c", "d") + payments).contains("falls into parts"))
        #expect(failure(channel("a", "b", "capacity = \"1000000sat\"\nhtlc_maximum = \"2000000sat\"") + payments).contains("largest HTLC"))
        #expect(
            failure(
                channel("a", "b") + payments
                    + "[[away]]\nnode = \"a\"\nat = \"10s\"\nfor = \"10s\"\n[[away]]\nnode = \"a\"\nat = \"15s\"\nfor = \"1s\"\n"
            ).contains("away already"))
        // Through b, who asks for 0.1 sat.
        let stream = "[[stream]]\nfrom = \"a\"\nto = \"c\"\nrate = \"1sat/s\"\nbudget = \"50msat\"\n"
        #expect(failure(channel("a", "b") + channel("b", "c") + stream).contains("below the fee of any way"))
        // Line ends of either kind, and the names of terms that `back_` leaves out.
        #expect(failure((channel("a", "b") + "capcity = 3\n" + payments).replacing("\n", with: "\r\n")).hasPrefix("line 6"))
        let text = channel("a", "b", "capacity = \"1000000sat\"\nbase_fee = \"1sat\"\nfee_ppm = 500\nback_fee_ppm = 7") + payments
        let terms = try ScenarioFile.read("duration = \"1min\"\n" + text, name: "file").channels[0].toTerms
        #expect(terms?.feeBase == 1000 && terms?.feeProportionalMillionths == 7)
    }

    @Test("no bytes bring the reader down", arguments: 1...80)
    func damaged(seed: UInt64) {
        var random = SeededRandom(seed: seed)
        var bytes = Array((seed % 2 == 0 ? Self.example : Self.adversities).utf8)
        for _ in 0..<Int.random(in: 1...12, using: &random) {
            let place = Int.random(in: bytes.indices, using: &random)
            switch Int.random(in: 0...2, using: &random) {
            case 0: bytes[place] = UInt8.random(in: 32...126, using: &random)
            case 1: bytes.remove(at: place)
            default: bytes.insert(UInt8(ascii: "9"), at: place)
            }
        }
        if let scenario = try? ScenarioFile.read(String(decoding: bytes, as: UTF8.self), name: "file") {
            #expect(throws: Never.self) { try scenario.check() }
        }
    }

    @Test("nor what the parser asserts never to see, nor ten thousand files with structure out of place")
    func structure() throws {
        let wrong = [
            "[[[a]]]", "[.]", "[.a]", "[[.a]]", "[+]", "[=]", "[#]", "[,]", "[a..b]", "[", "[[", "a = [ }", "a = [\"x\", }\"y\"]",
            "a = [\u{2028}1]", "a = [{ b = 1, }, }]", "a = { b = [ } ] }", "[a.\u{a0}b]",
        ]
        for text in wrong {
            #expect(throws: ScenarioFileFailure.self, "\(text)") { try ScenarioFile.read(text, name: "file") }
        }
        // What is right stays so.
        for text in ["a = [ # }\n 1, ]", "a = '''\n[.]\n'''", "\"a\" = \"[ }\"", "[ \"a.b\" . c ]", "a = [[1], [2,],]"] {
            do throws(ScenarioFileFailure) { _ = try ScenarioFile.read(text, name: "file") } catch {
                #expect(error.what.contains("there is no “"), "\(text): \(error)")
            }
        }
        var random = SeededRandom(seed: 77)
        let marks = Array("[]{}=,.#\"'\n +-\\_0a")
        for _ in 0..<10_000 {
            var characters = Array(Self.example)
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let place = Int.random(in: characters.indices, using: &random)
                let mark = marks.randomElement(using: &random)!
                if Bool.random(using: &random) { characters[place] = mark } else { characters.insert(mark, at: place) }
            }
            _ = try? ScenarioFile.read(String(characters), name: "file")
        }
    }

    @Test("a table of a real network becomes nodes and channels with their terms")
    func table() throws {
        let text = """
            # a comment
            channel,node1,node2,capacity_sat,and,so,on
            0,17,4,9000,1000,499,144,0,1000000,0,0,11,34,1,4000000,1
            1,4,99,5000,,,,,,,1,2,3,4,5,0
            """
        let table = try NetworkTable(Array(text.utf8))
        #expect(table.nodes == ["17", "4", "99"])
        #expect(table.channels[0].fromTerms?.feeProportionalMillionths == 499 && table.channels[0].toTerms?.isDisabled == true)
        #expect(table.channels[1].fromTerms == nil && table.channels[1].toTerms?.htlcMaximum == 5)
        let scenario = try ScenarioFile.read(
            """
            duration = "1min"
            fidelity = "flow"
            network = { table = "real.csv", balance = "0..1" }
            [[payments]]
            from = "*"
            to = "*"
            every = "1s"
            amount = "1sat"
            """, name: "real"
        ) { path in
            #expect(path == "real.csv")
            return table
        }
        #expect(scenario.nodes.count == 3 && scenario.channels.allSatisfy { $0.pushed <= MilliSatoshi($0.capacity) })
        #expect(throws: NetworkTable.Unreadable.self) { try NetworkTable(Array("0,1,2\n".utf8)) }
    }
}
