import BitcoinPrimitives
import CryptoPrimitives
import LightningChain
import LightningChannel
import LightningCore
import LightningRecords
import LightningTransactions
import LightningWire
import Testing

/// Money in closes of channels that only the words know of.
@Suite("outputs found from the words alone")
struct RecoveryTests {
    static let keys = NodeKeys(seed: [UInt8](repeating: 5, count: 64), network: .regtest)

    /// A commitment as its peer publishes it, which pays us.
    static func commitment(fundingKey: PublicKey, script: Script) -> Transaction {
        let other = SecretKey(Hash.sha256([7]))!.publicKey()
        let (low, high) = fundingKey < other ? (fundingKey, other) : (other, fundingKey)
        let funding = Script([.op(.two), .push(low.compressed), .push(high.compressed), .op(.two), .op(.checkMultiSig)])
        var transaction = Transaction(
            inputs: [TransactionInput(OutPoint(TransactionID(Hash.sha256([8])), 0), sequence: 0x8012_3456)],
            outputs: [TransactionOutput(Satoshi(70_000), script), TransactionOutput(Satoshi(5_000), .anchor)])
        transaction.lockTime = 0x2012_3456
        transaction.inputs[0].witness = [[], [1], [2], funding.bytes]
        return transaction
    }

    static func block(on parent: BlockHash, _ transactions: [Transaction]) -> Block {
        let coinbase = Transaction(
            inputs: [TransactionInput(OutPoint(TransactionID(.zero), .max))], outputs: [TransactionOutput(Satoshi(1), .anchor)])
        let header = BlockHeader(
            version: 1, previous: parent, merkleRoot: .zero, time: UInt32(1_700_000_000), bits: 0x207f_ffff, nonce: 0)
        return Block(header: header, transactions: [coinbase] + transactions)
    }

    @Test(
        "by the funding key that the close shows, and by the number of channels from before there were salts", arguments: [true, false],
        [true, false])
    func found(hasSalt: Bool, hasAnchors: Bool) throws {
        var node = try NodeCore(
            configuration: NodeConfiguration(), keys: Self.keys, entropy: Entropy(seed: .zero), store: StoreContents())
        let channel = Self.keys.channel(ChannelKeyOrigin(index: 7, salt: hasSalt ? Hash.sha256([1]) : nil)).basepoints
        let script: Script =
            hasAnchors
            ? .p2wsh(Script([.push(channel.payment.compressed), .op(.checkSigVerify), .op(.one), .op(.checkSequenceVerify)]))
            : .p2wpkh(channel.payment)
        let commitment = Self.commitment(fundingKey: channel.funding, script: script)
        var store = StoreContents()
        func step(_ inputs: [NodeInput]) -> NodeEffects {
            let effects = node.handle(inputs, now: Timestamp(milliseconds: 1_700_000_000_000))
            store.apply(effects.writes)
            #expect(node.difference(from: store) == nil)
            return effects
        }
        let first = Self.block(on: node.chain.tip, [commitment])
        // Nothing is swept before the tip is reached: a later block could show that it is gone.
        #expect(step([.blockConnected(BlockContents(first), height: 1)]).publications.isEmpty)
        let sweeps = step([.caughtUp]).publications.map(\.transaction)
        try #require(sweeps.count == 1)
        #expect(sweeps[0].inputs.map(\.previousOutput) == [OutPoint(commitment.id, 0)])
        #expect(node.wallet.balance(height: 1).unconfirmed == sweeps[0].outputs[0].amount)
        // It is published again, and not made anew, until it is in a block.
        #expect(
            step([.blockConnected(BlockContents(Self.block(on: node.chain.tip, [])), height: 2)]).publications.map(\.transaction) == sweeps)
        _ = step([.blockConnected(BlockContents(Self.block(on: node.chain.tip, sweeps)), height: 3)])
        #expect(node.wallet.balance(height: 3).confirmed == sweeps[0].outputs[0].amount)
        #expect(step([.blockConnected(BlockContents(Self.block(on: node.chain.tip, [])), height: 4)]).publications.isEmpty)
    }

    @Test("a find that another copy of the wallet has spent is none")
    func spent() throws {
        var node = try NodeCore(
            configuration: NodeConfiguration(), keys: Self.keys, entropy: Entropy(seed: .zero), store: StoreContents())
        let channel = Self.keys.channel(ChannelKeyOrigin(index: 0, salt: Hash.sha256([2]))).basepoints
        let commitment = Self.commitment(fundingKey: channel.funding, script: .p2wpkh(channel.payment))
        let other = Transaction(
            inputs: [TransactionInput(OutPoint(commitment.id, 0))], outputs: [TransactionOutput(Satoshi(60_000), .anchor)])
        _ = node.handle(
            [.blockConnected(BlockContents(Self.block(on: node.chain.tip, [commitment, other])), height: 1)],
            now: Timestamp(milliseconds: 1_700_000_000_000))
        #expect(node.handle([.caughtUp], now: Timestamp(milliseconds: 1_700_000_000_000)).publications.isEmpty)
        #expect(node.recovered.count == 1 && node.wallet.balance(height: 1).unconfirmed == .zero)
    }

    @Test("two fresh nodes of one seed offer no key twice, and no per-commitment point")
    func distinct() throws {
        func offered(_ entropy: UInt8) throws -> [PublicKey] {
            var peer = try RawPeer(entropy: entropy)
            let keys = ChannelKeys(seed: Hash.sha256([9]))
            let (_, open) = try ChannelOpening.open(
                amount: Satoshi(1_000_000), push: .zero, feeRate: .floor, announce: false, policy: ChannelPolicy(), keys: keys,
                keyOrigin: ChannelKeyOrigin(index: 0, salt: nil), remoteNodeID: Self.keys.nodeID, temporaryID: Hash.sha256([4]),
                alias: ShortChannelID(1))
            peer.send(.openChannel(open))
            guard case .acceptChannel(let accept)? = peer.received.last else { return [] }
            let own = accept.terms.keys
            return [own.funding, own.revocation, own.payment, own.delayedPayment, own.htlc, accept.terms.firstPerCommitmentPoint]
        }
        let (one, two) = (try offered(1), try offered(2))
        #expect(one.count == 6 && Set(one).count == 6)
        #expect(Set(one).isDisjoint(with: two))
        // What is random is the salt alone: with the same one the keys are the same, or no restart would find them again.
        #expect(try offered(1) == one)
    }
}
