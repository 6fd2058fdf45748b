import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningCore
import LightningSimulation
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
}
