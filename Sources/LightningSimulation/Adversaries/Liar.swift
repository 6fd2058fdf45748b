import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import LightningCore
import LightningRouting
import LightningWire

/// Strangers who tell lies about the network.
extension SimulatedWorld {
    /// A stranger connects to a node, tells it some lies, and is gone.
    ///
    /// What it tells is well formed and often well signed, by keys of its own; none of it is true, and nothing of it may get
    /// into anybody's graph.
    public mutating func lie(to index: Int, times: Int = 8) throws(InvariantViolation) {
        guard let core = nodes[index].core else { return }
        let liar = Liar(seed: Hash.tagged("liar", Array("\(seed)/\(strangers)".utf8)), chain: Network.regtest.chainHash)
        let channels = core.gossip.graph.allChannels
        var lies: [[UInt8]] = []
        for number in 0..<times {
            let real = channels.isEmpty ? nil : channels[draw(0...channels.count - 1)]
            lies += liar.tell(draw(0...6), about: real, number: number, now: now.headerTime, height: ledger.height)
        }
        // The node may die meanwhile.
        guard var connection = try dial(index, as: liar.key(0)) else { return }
        for lie in lies { try say(wire: lie, over: &connection) }
        // It stays until what it said has been checked.
        try run(limit: .milliseconds(50))
        try hangUp(connection)
    }
}

/// Somebody with as many keys as it likes, who knows the network and wants others to see another one.
private struct Liar {
    let seed: Bytes32
    let chain: BlockHash

    func key(_ number: Int) -> SecretKey { SecretKey(Hash.tagged("key", seed.array + [UInt8(truncatingIfNeeded: number)]))! }

    /// Messages of one kind of lie.
    func tell(_ kind: Int, about real: NetworkGraph.ChannelView?, number: Int, now: UInt32, height: BlockHeight) -> [[UInt8]] {
        let invented = ShortChannelID(block: max(1, height - number), transaction: 1 + number % 3, output: number % 2)
        switch kind {
        // A channel that does not exist, with terms.
        case 0: return [announcement(invented), update(invented, at: now, direction: 0), update(invented, at: now, direction: 1)]
        // Somebody else's channel as its own.
        case 1: return [announcement(real?.shortChannelID ?? invented)]
        // Somebody else's terms, signed by itself.
        case 2: return [update(real?.shortChannelID ?? invented, at: now + 1, direction: UInt8(number % 2), feeBase: .max)]
        // From the future, and of the past.
        case 3:
            return [
                update(real?.shortChannelID ?? invented, at: now + 10_000_000, direction: 0), update(invented, at: 1, direction: 0),
            ]
        // Another's name.
        case 4: return [node(real?.node1.nodeID ?? key(2).publicKey(), at: now), node(key(2).publicKey(), at: now)]
        // A flood of terms for channels that nobody knows.
        case 5: return (0..<50).map { update(ShortChannelID(block: height, transaction: 100 + $0, output: 0), at: now, direction: 0) }
        // Another chain, and half a message.
        default:
            var foreign = Liar(seed: seed, chain: Network.mainnet.chainHash).announcement(invented)
            foreign.removeLast(number % 2 * 40)
            return [foreign]
        }
    }

    func announcement(_ id: ShortChannelID) -> [UInt8] {
        var body = ChannelAnnouncement(
            chainHash: chain, shortChannelID: id, (key(2).publicKey(), key(4).publicKey()), (key(3).publicKey(), key(5).publicKey()))
        let hash = ChannelAnnouncement.signatureHash(wire: LightningMessage.channelAnnouncement(body).encoded)
        let isOrdered = body.nodeID1 == key(2).publicKey()
        body.nodeSignature1 = WireSignature(key(isOrdered ? 2 : 3).sign(hash))
        body.nodeSignature2 = WireSignature(key(isOrdered ? 3 : 2).sign(hash))
        body.bitcoinSignature1 = WireSignature(key(isOrdered ? 4 : 5).sign(hash))
        body.bitcoinSignature2 = WireSignature(key(isOrdered ? 5 : 4).sign(hash))
        return LightningMessage.channelAnnouncement(body).encoded
    }

    func update(_ id: ShortChannelID, at time: UInt32, direction: UInt8, feeBase: UInt32 = 0) -> [UInt8] {
        var body = ChannelUpdate(
            chainHash: chain, shortChannelID: id, timestamp: time, direction: direction, isDisabled: feeBase == 0, dontForward: false,
            cltvExpiryDelta: 1, htlcMinimum: MilliSatoshi(1), feeBase: feeBase, feeProportionalMillionths: 0,
            htlcMaximum: MilliSatoshi(1_000_000))
        body.signature = WireSignature(key(2).sign(ChannelUpdate.signatureHash(wire: LightningMessage.channelUpdate(body).encoded)))
        return LightningMessage.channelUpdate(body).encoded
    }

    func node(_ id: NodeID, at time: UInt32) -> [UInt8] {
        var body = NodeAnnouncement(features: FeatureBits(), timestamp: time, nodeID: id, color: [1, 2, 3], alias: "liar", addresses: [])
        body.signature = WireSignature(key(2).sign(NodeAnnouncement.signatureHash(wire: LightningMessage.nodeAnnouncement(body).encoded)))
        return LightningMessage.nodeAnnouncement(body).encoded
    }
}
