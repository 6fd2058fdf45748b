import BitcoinLedger
import BitcoinPrimitives
import LightningChain
import LightningChannel
import LightningCore
import LightningSimulation
import LightningTransactions
import LightningWire
import TestSupport
import Testing

/// What stays on chain for the claims of channels that close without their peer.
@Suite("the reserve for closes", .ownThreads)
struct ReserveTests {
    private static func refusal(_ world: SimulatedWorld, _ request: RequestID) -> WalletRefusal? {
        if case .failure(.wallet(let why))? = world.nodes[0].answers[request] { return why }
        return nil
    }

    @Test("opening a channel and sending leave it, unless its owner says otherwise")
    func kept() throws {
        var world = SimulatedWorld(seed: 31, names: ["alice", "bob"])
        try world.fund(0)
        world.join(0, 1)
        try world.run(limit: .milliseconds(5000))
        let bob = world.nodes[1].nodeID
        let all = world.wealth(of: 0)
        func open(_ amount: Satoshi?, _ mayUseReserve: Bool = false) throws -> RequestID {
            let command = NodeCommand.openChannel(bob, amount: amount, push: .zero, feeRate: nil, mayUseReserve: mayUseReserve)
            let request = try world.command(0, command)
            try world.run(limit: .milliseconds(5000))
            return request
        }
        let most = Satoshi(all.value - 5000)
        let first = try open(most)
        #expect(
            Self.refusal(world, first) == .belowReserve(Satoshi(10_000), available: all),
            "\(String(describing: world.nodes[0].answers[first]))")
        let second = try open(nil)
        #expect(Self.refusal(world, second) == nil)
        try world.mine(6)
        try world.run(limit: .milliseconds(5000))
        let channel = try #require(world.nodes[0].core?.channels.values.first)
        let left = try #require(world.nodes[0].core).wallet.balance(height: world.ledger.height).confirmed
        #expect(channel.parameters.fundingAmount.value > all.value - 12_000 && left >= Satoshi(9_000) && left <= Satoshi(10_500))
        #expect(world.nodes[0].core?.reserve == Satoshi(10_000))
        let elsewhere = Script([0, 20] + [UInt8](repeating: 1, count: 20))
        let request = try world.command(0, .send(elsewhere, amount: Satoshi(5000), fee: nil))
        #expect(Self.refusal(world, request) == .belowReserve(Satoshi(10_000), available: left))
        let everything = try world.command(0, .send(elsewhere, amount: nil, fee: nil, mayUseReserve: true))
        guard case .success(.transaction(let transaction))? = world.nodes[0].answers[everything] else {
            Issue.record("\(String(describing: world.nodes[0].answers[everything]))")
            return
        }
        #expect(transaction.outputs.count == 1)
    }

    @Test("of two openings at once the second finds what the first has taken")
    func openingsAtOnce() throws {
        var world = SimulatedWorld(seed: 32, names: ["alice", "bob", "carol"])
        try world.fund(0)
        let one = world.wealth(of: 0)
        try world.fund(0)
        world.join(0, 1)
        world.join(0, 2)
        try world.run(limit: .milliseconds(5000))
        // Each leaves 8,000 sat of one coin, and the other coin; both together leave 16,000 sat, of the 20,000 that two channels need.
        let commands = (1...2).map { index in
            NodeCommand.openChannel(
                world.nodes[index].nodeID, amount: Satoshi(one.value - 8000), push: .zero, feeRate: FeeRate(perKiloweight: 253))
        }
        try world.commands(0, commands)
        let requests = world.nodes[0].answers.count
        try world.run(limit: .milliseconds(5000))
        let answers = world.nodes[0].answers.values.compactMap { answer -> String? in
            switch answer {
            case .success(.channelOpened): "opened"
            case .failure(.wallet(.belowReserve(let kept, _))): "\(kept)"
            default: nil
            }
        }
        #expect(answers.sorted() == ["20,000 sat", "opened"], "\(requests) \(world.nodes[0].answers)")
        #expect(world.nodes[0].core?.channels.count == 1)
        // The coins of the one that was refused are free.
        let balance = try #require(world.nodes[0].core).wallet.spendable(height: world.ledger.height)
        #expect(balance >= one)
    }
}
