import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import LightningChain
import LightningChannel
import LightningEnforcement
import LightningSimulation
import LightningTransactions
import LightningWire
import TestSupport
import Testing

@testable import LightningCore

/// Both sides publish their commitments, for less than a block asks for by now.
@Suite("two commitments in one mempool", .ownThreads)
struct RivalCommitmentTests {
    private static let pinner = SecretKey(Hash.sha256(Array("pinner".utf8)))!

    private static let own = Script.p2wpkh(pinner.publicKey())

    /// Signs an input that spends a coin of the pinner.
    private static func sign(_ transaction: inout Transaction, _ index: Int, _ amount: Satoshi) {
        var hasher = SignatureHasher(transaction)
        let code = Script.p2pkh(hash: Hash.hash160(pinner.publicKey().compressed))
        let hash = hasher.witnessV0(input: index, scriptCode: code, amount: amount)
        transaction.inputs[index].witness = [pinner.sign(hash).der + [1], pinner.publicKey().compressed]
    }

    /// Two descendants of a commitment that pay next to nothing: layer 1 replaces no package with more than one child.
    ///
    /// - Parameter coin: of the pinner.
    private static func pins(_ commitment: Transaction, _ funding: borrowing SecretKey, _ coin: Transaction) throws -> [Transaction] {
        let script = ChannelScripts.anchor(funding.publicKey())
        let index = try #require(commitment.outputs.firstIndex { $0.script == .p2wsh(script) })
        let anchor = commitment.outputs[index].amount
        var first = Transaction(
            inputs: [OutPoint(commitment.id, UInt32(index)), OutPoint(coin.id, 0)].map { TransactionInput($0, sequence: 0xffff_fffd) },
            outputs: [TransactionOutput(coin.outputs[0].amount + anchor - Satoshi(300), own)])
        sign(&first, 1, coin.outputs[0].amount)
        var hasher = SignatureHasher(first)
        let hash = hasher.witnessV0(input: 0, scriptCode: script, amount: anchor)
        first.inputs[0].witness = [funding.sign(hash).der + [1], script.bytes]
        var second = Transaction(
            inputs: [TransactionInput(OutPoint(first.id, 0), sequence: 0xffff_fffd)],
            outputs: [TransactionOutput(first.outputs[0].amount - Satoshi(300), own)])
        sign(&second, 0, first.outputs[0].amount)
        return [first, second]
    }

    @Test("the peer's commitment, which ours does not get past, is brought into a block by a child of ours")
    func rival() throws {
        var world = SimulatedWorld(seed: 77, names: ["alice", "bob"])
        try world.mine(1, paying: Self.own)
        try world.fund(0)
        try world.fund(0)
        world.join(0, 1)
        try world.run(limit: .milliseconds(2000))
        try world.command(
            0,
            .openChannel(
                world.nodes[1].nodeID, amount: Satoshi(500_000), push: MilliSatoshi(Satoshi(200_000)), feeRate: FeeRate(perKiloweight: 253))
        )
        try world.run(limit: .milliseconds(2000))
        try world.mine(6)
        try world.pass(3)
        let id = try #require(world.nodes[0].core!.channels.ids.first)
        let commitment = world.signedCommitment(1, id)
        let theirs = try #require(commitment)
        let origin = try #require(world.nodes[1].core?.channels[id]).parameters.keyOrigin
        world.disconnect(0)
        world.stop(1)
        try world.publish(theirs)
        let keys = SimulatedWorld.keys(77, 1).channel(origin)
        let coinbase = try #require(world.minedBlocks.first { $0.transactions[0].outputs[0].script == Self.own }).transactions[0]
        let pins = try Self.pins(theirs, keys.funding, coinbase)
        for pin in pins { try world.publish(pin) }
        try world.input(0, .feeRates(FeeEstimates(FeeRate(perKiloweight: 4000))))
        try world.command(0, .forceCloseChannel(id))
        try world.pass(2)
        // Ours conflicts with it, and pays no more.
        let known = Set(([theirs] + pins).map(\.id))
        let waiting = world.ledger.mempool.entries.values.map(\.transaction)
        #expect(Set(waiting.map(\.id)) == known)
        try world.input(0, .mempoolSeen([theirs]))
        try world.pass(2)
        let child = try #require(
            world.ledger.mempool.entries.values.map(\.transaction).first { !known.contains($0.id) })
        #expect(child.inputs.contains { $0.previousOutput.transaction == theirs.id })
        try world.mine(1)
        try world.pass(1)
        let block = try #require(world.minedBlocks.last)
        #expect(block.transactions.map(\.id).contains(theirs.id) && block.transactions.map(\.id).contains(child.id))
        let channel = try #require(world.nodes[0].core!.channels[id])
        #expect(channel.close?.kind == .remoteCommitment && channel.commitmentBumpFee > .zero)
        // Whatever came of it is in the wallet, and nothing of it stays reserved.
        try world.mine(10)
        try world.pass(2)
        let wallet = world.nodes[0].core!.wallet
        let balance = wallet.balance(height: world.ledger.height)
        #expect(wallet.spendable(height: world.ledger.height) == balance.confirmed && balance.unconfirmed == .zero)
        #expect(world.nodes[0].core!.channels[id]?.isClosed == true)
        #expect(world.nodes[0].core!.difference(from: world.nodes[0].store) == nil)
    }
}
