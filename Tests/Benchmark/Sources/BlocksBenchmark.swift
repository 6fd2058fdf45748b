import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import Foundation
import LightningChannel
import LightningCore
import LightningRecords
import LightningTransactions
import LightningWire

/// What a block costs a node that has nothing in it, by the number of its channels.
enum BlocksBenchmark {
    /// A channel that is open, as its records.
    private static func channel(_ index: Int, _ keys: NodeKeys) throws -> [StoreWrite] {
        let number = withUnsafeBytes(of: UInt64(index)) { Array($0) }
        let own = ChannelKeyOrigin(index: UInt64(index), salt: Hash.tagged("own", number))
        let other = ChannelKeyOrigin(index: UInt64(index), salt: Hash.tagged("other", number))
        let (ownKeys, otherKeys) = (keys.channel(own), keys.channel(other))
        let rate = FeeRate(perKiloweight: 500)
        let peer = SecretKey(Hash.tagged("peer", number))!.publicKey()
        var (opening, open) = try ChannelOpening.open(
            amount: Satoshi(1_000_000), push: .zero, feeRate: rate, announce: false, policy: ChannelPolicy(), keys: ownKeys, keyOrigin: own,
            remoteNodeID: peer, temporaryID: Hash.tagged("temporary", number), alias: ShortChannelID(0xf000_0000_0000_0000 | UInt64(index)))
        let (accepting, accept) = try ChannelOpening.accept(
            open, policy: ChannelPolicy(), keys: otherKeys, keyOrigin: other, remoteNodeID: keys.nodeID, alias: ShortChannelID(1),
            feeRate: rate)
        _ = try opening.receive(accept, policy: ChannelPolicy())
        let created = opening.fund(OutPoint(TransactionID(Hash.tagged("funding", number)), 0))
        let (_, signed) = try accepting.receive(created, height: 1)
        var channel = try opening.receive(signed, height: 1)
        let environment = ChannelEnvironment(
            keys: ownKeys, height: 10, feeRate: rate, sweepScript: .p2wpkh(ownKeys.basepoints.payment), anySegwit: true)
        _ = channel.handle(.fundingConfirmed(height: 2, transactionIndex: 1, inputs: []), environment)
        let ready = ChannelReady(
            channelID: channel.id, secondPerCommitmentPoint: otherKeys.perCommitmentPoint(1), alias: ShortChannelID(2))
        _ = channel.handle(.message(.channelReady(ready)), environment)
        precondition(channel.isOpen)
        return channel.drainWrites()
    }

    static func run() throws {
        print("\na block without anything of ours")
        let keys = NodeKeys(seed: [UInt8](repeating: 7, count: 64), network: .regtest)
        var ledger = Ledger()
        var blocks: [Block] = []
        for number in 0..<400 {
            blocks.append(
                try ledger.mine(paying: Script([0, 20] + [UInt8](repeating: 7, count: 20)), now: UInt32(1_700_000_000 + number)).0)
        }
        var first: Double?
        for count in [1, 1000] {
            var store = StoreContents()
            for index in 0..<count { store.apply(try channel(index, keys)) }
            var core = try NodeCore(
                configuration: NodeConfiguration(), keys: keys, entropy: Entropy(seed: Hash.sha256([1])), store: store)
            // Until the funding is deep, every block concerns a channel.
            func connect(_ range: Range<Int>) {
                for index in range {
                    let height = BlockHeight(index + 1)
                    _ = core.handle([.blockConnected(BlockContents(blocks[index]), height: height)], now: Timestamp(seconds: 1_700_000_000))
                }
            }
            connect(0..<200)
            let time = measure { connect(200..<400) }
            let each = time.cpu / 200
            let ratio = first.map { String(format: "   %.2f times one channel's", each / $0) } ?? ""
            first = first ?? each
            line("\(count) channels", String(format: "%10.1f µs CPU", each * 1e6) + ratio)
        }
    }
}
