import BitcoinPrimitives
import Foundation
import LightningPayment
import LightningScenarios
import LightningSimulation
import LightningWire
import Testing

@Suite("reports")
struct ReportTests {
    static func report(_ names: [String] = ["alice", "<bob> & \"co\"", "carol"]) throws -> ScenarioReport {
        var scenario = Scenario(
            "a, \"study\" of <b>", nodes: names,
            channels: [
                .init(from: 0, to: 1, capacity: Satoshi(1_000_000), pushed: MilliSatoshi(Satoshi(500_000))),
                .init(from: 1, to: 2, capacity: Satoshi(1_000_000), pushed: MilliSatoshi(Satoshi(500_000))),
            ], duration: .seconds(60))
        scenario.fidelity = .flow
        scenario.payments = [.init(from: [0], to: [2], every: .milliseconds(500), .exponential(mean: 30_000_000))]
        scenario.streams = [.init(from: 2, to: [.init(0)], rate: .perSecond(MilliSatoshi(5000)))]
        return try FlowRun.run(scenario)
    }

    @Test("a page is whole by itself, says what was measured, and lets no name write into it")
    func page() throws {
        let report = try Self.report()
        let page = HTMLReport(report, command: "lnw sim run \"x\".toml", comparesLayerOne: false).text
        #expect(page.hasPrefix("<!doctype html>") && page.hasSuffix("</html>\n"))
        for foreign in ["http://", "https://", "src=", "@import", "url("] { #expect(!page.contains(foreign), "\(foreign)") }
        #expect(!page.contains("<bob>") && page.contains("&lt;bob&gt; &amp; &quot;co&quot;"))
        #expect(page.contains("a, &quot;study&quot; of &lt;b&gt;"))
        for heading in ["Map", "Streams", "Over time", "By amount", "Why payments failed", "Channels and nodes", "Layer 1 beside layer 2"] {
            #expect(page.contains("<h2>\(heading)</h2>"), "\(heading)")
        }
        #expect(page.contains(report.trace) && page.contains("x&quot;.toml"))
        #expect(!page.contains("nan") && !page.contains("inf\""))
        // Every element that is opened is closed.
        for element in ["section", "figure", "table", "svg", "dl", "div", "details", "tr", "td"] {
            let opened = page.matches(of: try Regex("<\(element)[ >]")).count
            #expect(opened == page.matches(of: try Regex("</\(element)>")).count, "\(element)")
        }
        var partial = report
        partial.isPartial = true
        #expect(HTMLReport(partial, comparesLayerOne: false).text.contains("Interrupted"))
    }

    @Test("no sign in front of a bracket lets it through")
    func marks() throws {
        var report = try Self.report()
        report.name = "\u{600}<img src=x onerror=alert(1)>"
        report.nodes[0].name = "\u{600}<b>"
        let page = HTMLReport(report, comparesLayerOne: false).text
        #expect(!page.contains("<img") && !page.unicodeScalars.contains("\u{600}<b>".unicodeScalars))
    }

    @Test("layer 1 under the same load has its row, and full blocks are called full")
    func layerOne() throws {
        let page = HTMLReport(try Self.report(), blockInterval: 600).text
        #expect(page.contains("Layer 1, simulated"))
        #expect(!page.contains("Blocks are full"))
    }

    @Test("tables can be read again, whatever names and reasons hold")
    func tables() throws {
        let report = try Self.report()
        let tables = Dictionary(uniqueKeysWithValues: CSVReport.tables(report).map { ($0.name, $0.text) })
        #expect(tables.keys.sorted() == ["balances.csv", "channels.csv", "nodes.csv", "payments.csv", "slices.csv", "streams.csv"])
        let channels = try #require(tables["channels.csv"])
        #expect(channels.contains("0,alice,\"<bob> & \"\"co\"\"\",1000000,"))
        let payments = try #require(tables["payments.csv"])
        #expect(payments.split(separator: "\n").count == report.begun + 1)
        // Marks belong to the sign before them, but not for whoever reads bytes.
        #expect(CSVReport.text(header: ["a,\u{301}b"], [["\"\u{301}"]]) == "\"a,\u{301}b\"\n\"\"\"\u{301}\"\n")
        #expect(CSVReport.text(header: ["a", "b"], [["x,y", "line\nend"], ["\"", ""]]) == "a,b\n\"x,y\",\"line\nend\"\n\"\"\"\",\n")
    }

    @Test("a report is the same after JSON")
    func json() throws {
        let report = try Self.report()
        #expect(try JSONDecoder().decode(ScenarioReport.self, from: try JSONEncoder().encode(report)) == report)
    }

    @Test("maps of every kind of network are drawn inside their frame", arguments: Topology.Shape.allCases, [2, 3, 6, 20, 40])
    func maps(shape: Topology.Shape, count: Int) throws {
        var random = SeededRandom(seed: 4)
        let topology = Topology(shape, nodes: count, using: &random)
        let drawing = NetworkDrawing(
            names: (0..<count).map { "n\($0)" },
            links: topology.channels.map { .init(from: $0.0, to: $0.1, mine: 600_000, capacity: 1_000_000) })
        let svg = drawing.svg
        #expect(svg.matches(of: /class="half/).count == 2 * topology.channels.count)
        var places: [String] = []
        for match in svg.matches(of: /<circle class="fill c\d" cx="([0-9.-]+)" cy="([0-9.-]+)"/) {
            let (x, y) = (try #require(Double(match.1)), try #require(Double(match.2)))
            #expect((20...1180).contains(x) && (20...900).contains(y))
            places.append("\(match.1) \(match.2)")
        }
        #expect(Set(places).count == count, "no two nodes are at one place")
    }
}
