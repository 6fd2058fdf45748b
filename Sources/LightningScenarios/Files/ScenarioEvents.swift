import BitcoinPrimitives
import LightningSimulation

// `[[event]]`: what adversaries, miners, disks and clocks do.
extension ScenarioFile {
    private enum Kind: String, CaseIterable {
        case close
        case forceClose = "force-close"
        case cheat
        case pin
        case doubleSpend = "double-spend"
        case stall
        case part
        case reorganize
        case censor
        case fullBlocks = "full-blocks"
        case mine
        case fullDisk = "full-disk"
        case slowDisk = "slow-disk"
        case clock

        /// What it says beside `at` and `do`: what must be there, and what may be.
        var keys: (needed: [String], possible: [String]) {
            switch self {
            case .close, .forceClose, .pin: (["node"], ["with"])
            case .cheat: (["node"], ["with", "htlcs"])
            case .doubleSpend: (["node", "with"], [])
            case .stall, .fullDisk: (["node", "for"], [])
            case .part: (["nodes", "for"], [])
            case .reorganize: (["depth"], [])
            case .censor, .mine: (["blocks"], [])
            case .fullBlocks: (["fee_rate", "blocks"], [])
            case .slowDisk: (["node", "commit", "for"], [])
            case .clock: (["node"], ["fast", "slow"])
            }
        }
    }

    func event(_ table: ScenarioTable, _ scenario: Scenario) throws(ScenarioFileFailure) -> Scenario.Event {
        let kind = try table.needed("do", try table.choice("do", Kind.self))
        let (needed, possible) = kind.keys
        try table.allow(["at", "do"] + needed + possible)
        for key in ["at"] + needed where !table.has(key) { throw table.failure(nil, "an event that is “\(kind.rawValue)” says “\(key)”") }
        let time = try table.needed("at", try table.time("at"))
        func node(_ key: String) throws(ScenarioFileFailure) -> Int {
            try number(try table.needed(key, try table.string(key)), table, key, scenario)
        }
        func length() throws(ScenarioFileFailure) -> Duration { try table.needed("for", try table.time("for")) }
        func count(_ key: String, _ most: Int) throws(ScenarioFileFailure) -> Int {
            try table.needed(key, try table.integer(key, 1...most))
        }
        let peer = table.has("with") ? try node("with") : nil
        let act: Scenario.Act
        switch kind {
        case .close: act = .close(try node("node"), peer: peer)
        case .forceClose: act = .forceClose(try node("node"), peer: peer)
        case .cheat: act = .cheat(try node("node"), peer: peer, takesHTLCs: try table.flag("htlcs") ?? false)
        case .pin: act = .pin(try node("node"), peer: peer)
        case .doubleSpend: act = .doubleSpend(try node("node"), peer: try node("with"))
        case .stall: act = .stall(try node("node"), for: try length())
        case .part:
            var group: [Int] = []
            for name in try table.needed("nodes", try table.strings("nodes")) {
                group.append(try number(name, table, "nodes", scenario))
            }
            act = .partition(group, for: try length())
        case .reorganize: act = .reorganize(depth: try count("depth", 99))
        case .censor: act = .censor(blocks: try count("blocks", 1000))
        case .mine: act = .mine(blocks: try count("blocks", 1000))
        case .fullBlocks:
            let rate = try table.needed("fee_rate", try table.number("fee_rate", 1...10_000))
            act = .fillBlocks(max(FeeRate(perVirtualByte: rate), FeeRate(perKiloweight: 253)), blocks: try count("blocks", 1000))
        case .fullDisk: act = .fullDisk(try node("node"), for: try length())
        case .slowDisk:
            act = .slowDisk(try node("node"), commit: try table.needed("commit", try table.time("commit")), for: try length())
        case .clock:
            let (fast, slow) = (try table.time("fast"), try table.time("slow"))
            guard (fast == nil) != (slow == nil) else {
                throw table.failure(nil, "a clock is set", "Write fast = \"30s\", or slow = \"30s\"")
            }
            act = .setClock(try node("node"), fast: fast ?? (.zero - slow!))
        }
        return .init(at: time, act)
    }
}
