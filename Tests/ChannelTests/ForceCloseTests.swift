import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningEnforcement
import LightningTransactions
import LightningWire
import Testing

/// A channel is given up, or its close is mined: what no commitment holds is over at once.
@Suite("a channel that is given up")
struct ForceCloseTests {
    /// Alice with one HTLC that bob has a signature for, and one that waits for bob's revoke_and_ack.
    private static func waiting() throws -> ChannelPair {
        var pair = try ChannelPair()
        try pair.deliver(try pair.offer(20_000), to: .bob)
        _ = pair.flush(.alice)
        _ = try pair.offer(30_000)
        #expect(pair.alice.commitments.orderedHTLCs.map(\.state) == [.sentAddCommit, .sentAddHTLC])
        return pair
    }

    private static func withdrawn(_ effects: [ChannelEffect]) -> [UInt64] {
        effects.compactMap { if case .withdrawn(let id, _, _) = $0 { id } else { nil } }
    }

    @Test("an HTLC that was never signed for comes back when we give the channel up, and leaves it")
    func ownClose() throws {
        var pair = try Self.waiting()
        let effects = pair.alice.fail("closed by its owner", pair.environments.alice)
        #expect(Self.withdrawn(effects) == [1])
        #expect(pair.alice.commitments.orderedHTLCs.map(\.id) == [0])
        // Once, not at every block.
        #expect(Self.withdrawn(pair.alice.newBlock(pair.environments.alice)).isEmpty)
        #expect(Self.withdrawn(pair.alice.disconnect()).isEmpty)
    }

    @Test("the same when the peer reports an error, and when a close is mined that nobody announced")
    func otherCloses() throws {
        var pair = try Self.waiting()
        #expect(Self.withdrawn(pair.alice.receiveError("go away", pair.environments.alice)) == [1])
        pair = try Self.waiting()
        let commitment = pair.bob.signedLocalCommitment(pair.environments.bob.keys)
        let effects = pair.alice.spent(
            pair.alice.parameters.funding, by: commitment, height: 200, pair.environments.alice)
        #expect(Self.withdrawn(effects) == [1])
        // And when something spends the funding output that we cannot explain.
        pair = try Self.waiting()
        let unknown = Transaction(
            inputs: [TransactionInput(pair.alice.parameters.funding)], outputs: [TransactionOutput(Satoshi(1000), .anchor)])
        #expect(
            Self.withdrawn(pair.alice.spent(pair.alice.parameters.funding, by: unknown, height: 200, pair.environments.alice)) == [1])
        #expect(pair.alice.close?.kind == .unknown)
    }

    @Test("what the peer said and did not sign for is forgotten, as its record is")
    func uncommitted() throws {
        var pair = try ChannelPair()
        try pair.settle(toBob: try pair.offer(20_000))
        let before = pair.alice.takeWrites()
        let fulfil = ChannelPair.messages(try pair.bob.resolve(0, .fulfilled(ChannelPair.preimage)))
        try pair.deliver(fulfil, to: .alice)
        _ = pair.alice.fail("closed by its owner", pair.environments.alice)
        let writes = pair.alice.takeWrites()
        #expect(
            try pair.alice.difference(head: writes.head ?? [], htlcs: before.htlcs.map(\.record)) { _ in nil } == nil)
    }
}
