import BitcoinPrimitives
import LightningPayment
public import LightningSimulation
import LightningWire
import TOMLKit

/// A scenario as a TOML file.
///
/// The article "Scenarios" of the documentation describes every key.
public struct ScenarioFile {
    private let root: ScenarioTable
    private var numbers: [String: Int] = [:]
    private var random: SeededRandom
    /// Channels that `[network]` made.
    private var networkChannels = 0
    /// Which table each stream came of.
    private var streamTables: [Int] = []

    /// One key with another value than the file's: `seed=7`, `stream.rate=10sat/s`, `network.nodes=20`.
    public struct Change: Hashable, Sendable {
        /// The table, where it is not the top, and the key.
        public var key: String
        /// As it would stand in the file; what is no TOML is a text.
        public var value: String

        /// A key and its value.
        public init(key: String, value: String) {
            self.key = key
            self.value = value
        }
    }

    /// Reads a scenario.
    ///
    /// - Parameters:
    ///   - text: of the file.
    ///   - name: what it is called where it does not say so.
    ///   - changes: values that take the place of the file's.
    ///   - load: reads the table of a network that the file names, by the path that stands there.
    /// - Throws: the first thing that is wrong, with its place.
    public static func read(
        _ text: String, name: String, changes: [Change] = [],
        load: (String) throws -> NetworkTable = { _ in throw NetworkTable.Unreadable("nobody reads tables here") }
    ) throws(ScenarioFileFailure) -> Scenario {
        // With either kind of line ends.
        let lines = text.split(omittingEmptySubsequences: false, whereSeparator: \.isNewline)
        try TOMLGuard.check(text)
        let table: TOMLTable
        do { table = try TOMLTable(string: text) } catch let error as TOMLParseError {
            throw ScenarioFileFailure(line: error.source.begin.line, column: error.source.begin.column, error.description)
        } catch { throw ScenarioFileFailure("\(error)") }
        for change in changes { try Self.apply(change, table) }
        var file = ScenarioFile(ScenarioTable(table, "", 0, lines))
        return try file.scenario(name, load)
    }

    private init(_ root: ScenarioTable) {
        self.root = root
        random = SeededRandom(seed: 0)
    }

    private static func apply(_ change: Change, _ table: TOMLTable) throws(ScenarioFileFailure) {
        let path = change.key.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
        guard (1...2).contains(path.count), path.allSatisfy({ !$0.isEmpty }) else {
            throw ScenarioFileFailure("“\(change.key)” is no key: write seed, or stream.rate")
        }
        // A number or a list as such; all else is a text.
        let text = "value = \(change.value)"
        var parsed: (any TOMLValueConvertible)?
        if (try? TOMLGuard.check(text)) != nil, let values = try? TOMLTable(string: text) { parsed = values["value"] }
        func put(into table: TOMLTable) {
            if let number = parsed?.int {
                table[path[path.count - 1]] = number
            } else if let number = parsed?.double {
                table[path[path.count - 1]] = number
            } else if let flag = parsed?.bool {
                table[path[path.count - 1]] = flag
            } else if let array = parsed?.array {
                table[path[path.count - 1]] = array
            } else {
                table[path[path.count - 1]] = parsed?.string ?? change.value
            }
        }
        guard path.count == 2 else { return put(into: table) }
        if let inner = table[path[0]]?.table { return put(into: inner) }
        if table[path[0]] == nil, Self.singleTables.contains(path[0]) {
            let inner = TOMLTable()
            put(into: inner)
            table[path[0]] = inner
            return
        }
        guard let array = table[path[0]]?.array, !array.isEmpty else {
            let known = Self.keys.filter { table[$0] != nil } + Self.singleTables
            let suggestion = LikelyWord.of(path[0], among: known).map { "Did you mean “\($0).\(path[1])”?" }
            throw ScenarioFileFailure("the scenario has no “\(path[0])” that could be changed", suggestion)
        }
        for item in array { if let inner = item.table { put(into: inner) } }
    }

    /// What stands at the top.
    private static let keys = [
        "name", "seed", "duration", "fidelity", "latency", "network", "channel", "payments", "stream", "away", "event", "layer1", "faults",
        "flow",
    ]
    /// Tables of which there is one, which a change may begin.
    private static let singleTables = ["network", "layer1", "faults", "flow"]

    // MARK: The whole

    private mutating func scenario(
        _ name: String, _ load: (String) throws -> NetworkTable
    ) throws(ScenarioFileFailure) -> Scenario {
        try root.allow(Self.keys)
        let seed = UInt64(try root.integer("seed", 0...Int.max) ?? 1)
        random = SeededRandom(seed: seed ^ 0x6e65_7477_6f72_6b)
        let duration = try root.time("duration")
        guard let duration else { throw root.failure(nil, "the scenario says no duration", "Write duration = \"10min\" at its top") }
        var scenario = Scenario(try root.string("name") ?? name, nodes: [], channels: [], duration: duration)
        scenario.seed = seed
        scenario.fidelity = try root.choice("fidelity", Scenario.Fidelity.self) ?? .full
        if let latency = try root.times("latency") { scenario.latency = latency }
        try readNetwork(&scenario, load)
        networkChannels = scenario.channels.count
        for table in try root.tables("channel") { try readChannel(table, &scenario) }
        guard !scenario.channels.isEmpty else {
            throw root.failure(
                nil, "the scenario has no channels", "Write [[channel]] with from, to and capacity, or [network] with a shape")
        }
        for table in try root.tables("payments") { scenario.payments.append(try payments(table, scenario)) }
        for (number, table) in try root.tables("stream").enumerated() {
            try readStreams(table, &scenario)
            while streamTables.count < scenario.streams.count { streamTables.append(number) }
        }
        for table in try root.tables("away") {
            try table.allow(["node", "at", "for"])
            let node = try number(try table.needed("node", try table.string("node")), table, "node", scenario)
            scenario.absences.append(
                Scenario.Absence(
                    node, from: try table.needed("at", try table.time("at")), for: try table.needed("for", try table.time("for"))))
        }
        for table in try root.tables("event") { scenario.events.append(try event(table, scenario)) }
        try readLayerOne(&scenario)
        if let flow = try root.table("flow") {
            try flow.allow(["reuse_routes"])
            scenario.routeReuse = try flow.time("reuse_routes")
        }
        if let faults = try root.table("faults") {
            try faults.allow(["disconnect_every", "crash_every"])
            scenario.disconnectEvery = try faults.time("disconnect_every")
            scenario.crashEvery = try faults.time("crash_every")
        }
        do throws(ScenarioProblem) { try scenario.check() } catch { throw locate(error) }
        return scenario
    }

    /// A problem that only the whole has, at the table that it is about.
    private func locate(_ problem: ScenarioProblem) -> ScenarioFileFailure {
        func table(_ kind: String, _ number: Int) -> ScenarioFileFailure? {
            guard let tables = try? root.tables(kind), tables.indices.contains(number) else { return nil }
            return tables[number].failure(nil, problem.description)
        }
        switch problem {
        case .workload(let which, _), .unknownNode(_, let which):
            let words = which.split(separator: " ")
            guard words.count == 2, let number = Int(words[1]) else { break }
            let isStream = words[0] == "stream" && streamTables.indices.contains(number - 1)
            let kind = words[0] == "absence" ? "away" : String(words[0])
            if let place = table(kind, isStream ? streamTables[number - 1] : number - 1) { return place }
        case .channel(let number, let why):
            if number < networkChannels, let network = try? root.table("network") {
                return network.failure(nil, "one of its channels cannot be: \(why)")
            }
            if let place = table("channel", number - networkChannels) { return place }
        case .event(let number, _): if let place = table("event", number) { return place }
        case .absence(let number, _): if let place = table("away", number) { return place }
        case .nodes, .name, .time, .idle, .network: break
        }
        return ScenarioFileFailure(problem.description)
    }

    private func readLayerOne(_ scenario: inout Scenario) throws(ScenarioFileFailure) {
        guard let table = try root.table("layer1") else { return }
        try table.allow(["block_interval", "fee_rate", "change"])
        if let interval = try table.time("block_interval") { scenario.blockInterval = interval }
        func rate(_ table: ScenarioTable) throws(ScenarioFileFailure) -> FeeRate? {
            guard let rate = try table.number("fee_rate", 1...10_000) else { return nil }
            return max(FeeRate(perVirtualByte: rate), FeeRate(perKiloweight: 253))
        }
        if let rate = try rate(table) { scenario.feeRates.append(.init(at: .zero, rate)) }
        for change in try table.tables("change") {
            try change.allow(["at", "fee_rate"])
            scenario.feeRates.append(
                .init(at: try change.needed("at", try change.time("at")), try change.needed("fee_rate", try rate(change))))
        }
    }

    // MARK: The network

    private static let termKeys = ["base_fee", "fee_ppm", "cltv_delta", "htlc_minimum", "htlc_maximum"]

    private mutating func node(_ name: String, _ scenario: inout Scenario) -> Int {
        if let number = numbers[name] { return number }
        numbers[name] = scenario.nodes.count
        scenario.nodes.append(name)
        return scenario.nodes.count - 1
    }

    func number(
        _ name: String, _ table: ScenarioTable, _ key: String, _ scenario: Scenario
    ) throws(ScenarioFileFailure) -> Int {
        if let number = numbers[name] { return number }
        let suggestion = LikelyWord.of(name, among: scenario.nodes).map { "Did you mean “\($0)”?" }
        let some = scenario.nodes.prefix(8).joined(separator: ", ") + (scenario.nodes.count > 8 ? ", …" : "")
        throw table.failure(key, "there is no node “\(name)”", suggestion ?? "There are: \(some)")
    }

    private mutating func readNetwork(
        _ scenario: inout Scenario, _ load: (String) throws -> NetworkTable
    ) throws(ScenarioFileFailure) {
        guard let table = try root.table("network") else { return }
        try table.allow(["shape", "nodes", "names", "capacity", "balance", "table"] + Self.termKeys)
        if let path = try table.string("table") {
            for key in ["shape", "nodes", "names", "capacity"] + Self.termKeys where table.has(key) {
                throw table.failure(key, "a network that is read from a table has its own “\(key)”")
            }
            let network: NetworkTable
            do { network = try load(path) } catch { throw table.failure("table", "\(path) cannot be read: \(error)") }
            let balance = try table.balance("balance") ?? 0...1
            for name in network.nodes { _ = node(name, &scenario) }
            scenario.channels = network.channels
            for index in scenario.channels.indices {
                let capacity = scenario.channels[index].capacity
                scenario.channels[index].pushed = pushed(of: capacity, balance)
            }
            return
        }
        let shape = try table.choice("shape", Topology.Shape.self) ?? .ring
        let names: [String]
        if let given = try table.strings("names") {
            if table.has("nodes") { throw table.failure("nodes", "the names say how many nodes there are") }
            names = given
        } else {
            let count = try table.integer("nodes", 2...100_000) ?? 5
            names = (1...count).map { "n\($0)" }
        }
        guard names.count >= 2 else { throw table.failure("names", "a network has at least two nodes") }
        guard Set(names).count == names.count else { throw table.failure("names", "two nodes have the same name") }
        for name in names { _ = node(name, &scenario) }
        let topology = Topology(shape, nodes: names.count, using: &random)
        let capacity = try table.amounts("capacity") ?? MilliSatoshi(Satoshi(1_000_000))...MilliSatoshi(Satoshi(1_000_000))
        let balance = try table.balance("balance") ?? 0.5...0.5
        let terms = try table.terms("")
        for (from, to) in topology.channels {
            let value = UInt64.random(in: capacity.lowerBound.value / 1000...capacity.upperBound.value / 1000, using: &random)
            var channel = Scenario.Channel(
                from: from, to: to, capacity: Satoshi(value), pushed: pushed(of: Satoshi(value), balance))
            (channel.fromTerms, channel.toTerms) = (terms, terms)
            scenario.channels.append(channel)
        }
    }

    /// What an opener gives away who keeps a share between two, in whole satoshi.
    private mutating func pushed(of capacity: Satoshi, _ kept: ClosedRange<Double>) -> MilliSatoshi {
        // In millionths, so that no rounding of a product differs between machines.
        let low = UInt64((kept.lowerBound * 1_000_000).rounded())
        let high = UInt64((kept.upperBound * 1_000_000).rounded())
        let share = UInt64.random(in: low...high, using: &random)
        let (quotient, _) = UInt64(1_000_000).dividingFullWidth(capacity.value.multipliedFullWidth(by: 1_000_000 - share))
        return MilliSatoshi(Satoshi(quotient))
    }

    private mutating func readChannel(_ table: ScenarioTable, _ scenario: inout Scenario) throws(ScenarioFileFailure) {
        let back = Self.termKeys.map { "back_" + $0 }
        try table.allow(["from", "to", "capacity", "balance"] + Self.termKeys + back)
        let from = node(try table.needed("from", try table.string("from")), &scenario)
        let to = node(try table.needed("to", try table.string("to")), &scenario)
        let msat = try table.needed("capacity", try table.amount("capacity"))
        guard msat.value % 1000 == 0 else { throw table.failure("capacity", "on chain there are only whole satoshi") }
        let capacity = Satoshi(msat.value / 1000)
        let pushed = pushed(of: capacity, try table.balance("balance") ?? 0.5...0.5)
        var channel = Scenario.Channel(from: from, to: to, capacity: capacity, pushed: pushed)
        channel.fromTerms = try table.terms("")
        channel.toTerms = try table.terms("back_", else: channel.fromTerms)
        scenario.channels.append(channel)
    }

    // MARK: Who pays

    /// Names, `*` for everybody, or `connected` for those who can pay each other over any number of hops.
    private func nodes(_ key: String, _ table: ScenarioTable, _ scenario: Scenario) throws(ScenarioFileFailure) -> [Int] {
        let names = try table.needed(key, try table.strings(key))
        if names == ["*"] { return Array(scenario.nodes.indices) }
        if names == ["connected"], numbers["connected"] == nil { return scenario.connectedNodes }
        var result: [Int] = []
        for name in names { result.append(try number(name, table, key, scenario)) }
        return result
    }

    private enum Distribution: String, CaseIterable { case fixed, uniform, logUniform = "log-uniform", exponential }

    private func payments(_ table: ScenarioTable, _ scenario: Scenario) throws(ScenarioFileFailure) -> Scenario.Payments {
        try table.allow(["from", "to", "every", "arrivals", "amount", "distribution", "start", "for", "max_fee"])
        let amount = try table.needed("amount", try table.amounts("amount"))
        let isRange = amount.lowerBound != amount.upperBound
        let distribution = try table.choice("distribution", Distribution.self) ?? (isRange ? .logUniform : .fixed)
        let range = max(1, amount.lowerBound.value)...max(1, amount.upperBound.value)
        let amounts: Scenario.Amounts
        switch (distribution, isRange) {
        case (.fixed, false): amounts = .fixed(amount.lowerBound.value)
        case (.exponential, false): amounts = .exponential(mean: amount.lowerBound.value)
        case (.uniform, true): amounts = .uniform(range)
        case (.logUniform, true): amounts = .logUniform(range)
        case (.fixed, true), (.exponential, true):
            throw table.failure("amount", "a distribution that is “\(distribution.rawValue)” has one amount, and no range")
        case (.uniform, false), (.logUniform, false):
            throw table.failure("amount", "a distribution that is “\(distribution.rawValue)” has a range: \"1sat..1000sat\"")
        }
        var payments = Scenario.Payments(
            from: try nodes("from", table, scenario), to: try nodes("to", table, scenario),
            every: try table.needed("every", try table.time("every")), amounts)
        payments.arrivals = try table.choice("arrivals", Scenario.Arrivals.self) ?? .poisson
        payments.start = try table.time("start") ?? .zero
        payments.duration = try table.time("for")
        payments.maxFeeMillionths = try table.share("max_fee")
        return payments
    }

    /// A stream, or as many of them as the file says: each from one of its payers, at a time between two.
    private mutating func readStreams(_ table: ScenarioTable, _ scenario: inout Scenario) throws(ScenarioFileFailure) {
        try table.allow(["from", "to", "rate", "start", "for", "budget", "max_fee", "max_dust", "interval", "catch_up", "copies"])
        let copies = try table.integer("copies", 1...1_000_000) ?? 1
        let stream = try stream(table, scenario)
        let payees = Set(stream.recipients.map(\.node))
        let payers = try nodes("from", table, scenario).filter { copies == 1 || !payees.contains($0) }
        guard !payers.isEmpty else { throw table.failure("from", "nobody is left who could pay") }
        guard copies > 1 || payers.count == 1 else {
            throw table.failure("from", "one stream has one payer", "Write copies = 100 for as many streams, each from one of these")
        }
        let start = try table.times("start") ?? .zero ... .zero
        guard copies > 1 || start.lowerBound == start.upperBound else {
            throw table.failure("start", "one stream begins at one time", "Write copies = 100 for as many streams")
        }
        for _ in 0..<copies {
            var copy = stream
            if copies > 1 { copy.from = payers.randomElement(using: &random)! } else { copy.from = payers[0] }
            let range = start.lowerBound.wholeMilliseconds...start.upperBound.wholeMilliseconds
            copy.start = .milliseconds(UInt64.random(in: range, using: &random))
            scenario.streams.append(copy)
        }
    }

    private func stream(_ table: ScenarioTable, _ scenario: Scenario) throws(ScenarioFileFailure) -> Scenario.Stream {
        var recipients: [Scenario.Share] = []
        for entry in try table.needed("to", try table.strings("to")).flatMap({ $0.split(separator: ",").map(String.init) }) {
            // dave, or dave:90
            let parts = entry.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
            guard parts.count <= 2, let weight = parts.count == 2 ? UInt32(parts[1]) : 1 else {
                throw table.failure("to", "“\(entry)” is no recipient", "Write \"dave\", or \"dave:90,carol:10\" for shares")
            }
            recipients.append(.init(try number(parts[0], table, "to", scenario), weight: weight))
        }
        var stream = Scenario.Stream(from: 0, to: recipients, rate: try table.needed("rate", try table.rate("rate")))
        stream.duration = try table.time("for")
        stream.budget = try table.amount("budget")
        if let share = try table.share("max_fee") { stream.maxFeeMillionths = share }
        stream.maxDust = try table.amount("max_dust")
        if let interval = try table.time("interval") { stream.interval = interval }
        if let catchUp = try table.time("catch_up") { stream.catchUp = catchUp }
        return stream
    }
}

extension ScenarioTable {
    /// A share that an opener keeps, or a range from which it is drawn.
    fileprivate func balance(_ key: String) throws(ScenarioFileFailure) -> ClosedRange<Double>? {
        guard has(key) else { return nil }
        if let number = try? number(key, 0...1) { return number...number }
        let parts = (try? string(key))?.split(separator: "..", maxSplits: 1).compactMap { Double(String($0)) } ?? []
        guard parts.count == 2, parts[0] >= 0, parts[0] <= parts[1], parts[1] <= 1 else {
            throw failure(key, "“\(key)” is the opener's share from 0 to 1, or a range: 0.5, or \"0.2..0.8\"")
        }
        return parts[0]...parts[1]
    }

    /// - Parameter usual: what is not said.
    fileprivate func terms(_ prefix: String, else usual: Scenario.Terms? = nil) throws(ScenarioFileFailure) -> Scenario.Terms {
        var terms = usual ?? Scenario.Terms()
        if let base = try amount(prefix + "base_fee") { terms.feeBase = UInt32(clamping: base.value) }
        if let share = try integer(prefix + "fee_ppm", 0...1_000_000) { terms.feeProportionalMillionths = UInt32(share) }
        if let delta = try integer(prefix + "cltv_delta", 0...2016) { terms.cltvExpiryDelta = UInt16(delta) }
        if let least = try amount(prefix + "htlc_minimum") { terms.htlcMinimum = least.value }
        if let most = try amount(prefix + "htlc_maximum") { terms.htlcMaximum = most.value }
        return terms
    }
}
