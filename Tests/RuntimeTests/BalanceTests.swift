import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningCore
import LightningSimulation
import LightningTransactions
import LightningWire
import Testing

@testable import LightningRuntime

/// What a node says that it has.
@Suite("balance")
struct BalanceTests {
    @Test("what peers promise to fund is nobody's money, however much it is")
    func unfunded() throws {
        var world = SimulatedWorld(seed: 501, names: ["alice"])
        try world.fund(0)
        let before = Balance(world.nodes[0].core!)
        for number: UInt8 in 0..<10 {
            var connection = try #require(
                try world.dial(0, as: SecretKey(Hash.sha256([number]))!, from: AddressGroup([10, 0, 0, number])))
            let most = Satoshi(2_099_999_999_000_000)
            let opening = try world.openFalsely(
                over: &connection, keys: ChannelKeys(seed: Hash.sha256([number, 1])), temporaryID: Hash.sha256([1]), amount: most,
                push: MilliSatoshi(2_000_000_000_000_000_000), funding: OutPoint(TransactionID(Hash.sha256([number, 2])), 0))
            #expect(opening.channel != nil, "\(String(describing: opening.refusal))")
        }
        #expect(world.nodes[0].core!.channels.count == 10)
        let after = Balance(world.nodes[0].core!)
        #expect(after.inChannels == .zero && after.reserved == .zero && after.spendable == .zero && after.usableChannels == 0)
        #expect(after.onChainConfirmed == before.onChainConfirmed)
    }

    @Test("what comes out of a channel is counted in the channel until a block holds it")
    func closing() throws {
        var world = SimulatedWorld(seed: 502, names: ["alice", "bob"])
        try world.fund(0)
        world.join(0, 1)
        try world.pass(2)
        try world.command(0, .openChannel(world.nodes[1].nodeID, amount: Satoshi(1_000_000), push: MilliSatoshi(300_000_000), feeRate: nil))
        try world.run(limit: .milliseconds(2000))
        try world.mine(6)
        try world.pass(2)
        let id = try #require(world.nodes[1].core!.channels.keys.first)
        try world.command(1, .closeChannel(id, to: nil))
        try world.pass(3)
        let waiting = world.ledger.mempool.ordered.map(\.transaction)
        #expect(waiting.count == 1)
        let before = Balance(world.nodes[1].core!)
        try world.input(1, .mempoolSeen(waiting))
        let after = Balance(world.nodes[1].core!)
        #expect(after == before && after.onChainUnconfirmed == .zero && after.inChannels == MilliSatoshi(300_000_000))
        // Money that comes from elsewhere is seen.
        let answer = try world.ask(1, .newAddress)
        guard case .address(let script, _)? = answer else {
            Issue.record("no address: \(String(describing: answer))")
            return
        }
        let other = Transaction(
            inputs: [TransactionInput(OutPoint(TransactionID(Hash.sha256([1])), 0))], outputs: [TransactionOutput(Satoshi(777), script)])
        try world.input(1, .mempoolSeen(waiting + [other]))
        #expect(Balance(world.nodes[1].core!).onChainUnconfirmed == Satoshi(777))
    }
}
