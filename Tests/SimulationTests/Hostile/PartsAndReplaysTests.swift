import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningCore
import LightningInvoice
import LightningPayment
import LightningRouting
import LightningSimulation
import LightningTransactions
import LightningWire
import TestSupport
import Testing

/// Peers that pay in parts and take some of them back, and peers that send an onion again.
@Suite("parts that are lost, onions that come again", .ownThreads)
struct PartsAndReplaysTests {
    private static let payer = SecretKey(Hash.sha256(Array("payer".utf8)))!

    /// Three nodes in a line, the first of which has two channels with a raw peer.
    private static func world(_ seed: UInt64) throws -> (SimulatedWorld, [RawChannel]) {
        var random = SeededRandom(seed: 1)
        var world = try NetworkTests.world(seed, Topology(.line, nodes: 3, using: &random))
        var raws: [RawChannel] = []
        for name in ["one", "two"] {
            // Each channel over a connection of its own, one after the other.
            let connection = try #require(try world.dial(0, as: payer))
            let keys = ChannelKeys(seed: Hash.sha256(Array(name.utf8)))
            var raw = try #require(try world.openChannel(to: connection, keys: keys, push: MilliSatoshi(400_000_000)))
            try world.pass(1)
            try world.talk(&raw)
            raws.append(raw)
        }
        return (world, raws)
    }

    private static func offer(_ payment: RawPayment, _ raw: inout RawChannel, _ world: inout SimulatedWorld) throws {
        try world.offer(
            amount: payment.amount, hash: payment.hash, cltvExpiry: payment.cltvExpiry, onion: payment.onion, over: &raw)
        try world.pass(1)
        try world.talk(&raw)
    }

    @Test("a payment is not completed over a channel that its payer has given up")
    func partOnFailedChannel() throws {
        var (world, raws) = try Self.world(401)
        let node = world.nodes[0].nodeID
        let record = try NetworkTests.invoice(&world, 0, 100_000_000)
        let (hash, secret) = (record.invoice.paymentHash, try #require(record.invoice.paymentSecret))
        let total = MilliSatoshi(100_000_000)
        func part(_ msat: UInt64) throws -> RawPayment {
            let part = world.rawPayment(
                of: MilliSatoshi(msat), total: total, to: [(node, nil)], hash: hash, secret: secret, isHonest: true)
            return try #require(part)
        }
        // Nearly all of it over the first channel, which is given up then; the rest over the other one.
        let first = try part(99_900_000)
        let again = try world.reconnect(&raws[0], as: Self.payer)
        #expect(again)
        try Self.offer(first, &raws[0], &world)
        try world.say(.error(ErrorMessage(channelID: raws[0].channel.id, text: "goodbye")), over: &raws[0].connection)
        let channel = try #require(world.nodes[0].core!.channels[raws[0].channel.id])
        guard case .failed = channel.phase else {
            Issue.record("\(channel.phase)")
            return
        }
        _ = try world.reconnect(&raws[1], as: Self.payer)
        try Self.offer(try part(100_000), &raws[1], &world)
        for _ in 0..<3 { try world.pass(1) }
        #expect(world.nodes[0].invoices[hash]?.status == .unpaid)
        #expect(
            !raws[1].connection.heard.contains {
                if case .updateFulfillHTLC = $0 { true } else { false }
            })
    }

    @Test("an onion is refused as often as it comes again, while its first HTLC is under way and afterwards")
    func replays() throws {
        var (world, raws) = try Self.world(402)
        let way = try #require(world.nodes[0].core!.channels.values.first { $0.parameters.remoteNodeID == world.nodes[1].nodeID })
        guard
            case .invoice(let record)? = try world.ask(
                1,
                .createHoldInvoice(
                    PaymentHash(Hash.sha256(Hash.sha256([5]))), amount: MilliSatoshi(1_000_000), .text("held"), expiry: .seconds(86_400)))
        else {
            Issue.record("no hold invoice")
            return
        }
        let secret = try #require(record.invoice.paymentSecret)
        let made = world.rawPayment(
            of: MilliSatoshi(1_000_000), to: [(world.nodes[0].nodeID, way.displayID), (world.nodes[1].nodeID, nil)],
            hash: record.invoice.paymentHash, secret: secret, finalDelta: Int(record.invoice.minFinalCLTVExpiryDelta) + 3, isHonest: true)
        let payment = try #require(made)
        for _ in 0..<4 {
            try Self.offer(payment, &raws[1], &world)
            try world.pass(2)
            try world.talk(&raws[1])
        }
        #expect(world.nodes[0].forwards.count == 1 && world.nodes[0].core!.circuits.pending.count == 1)
        #expect(raws[1].channel.commitments.htlcs.count == 1)
    }

    @Test("one address has some of the places for channels that are not funded, and others find theirs")
    func unfundedOfAddress() throws {
        var (world, _) = try Self.world(403)
        func open(_ number: Int, _ address: UInt8) throws -> Bool {
            var connection = try #require(
                try world.dial(2, as: SecretKey(Hash.sha256([1, UInt8(number)]))!, from: AddressGroup([10, 0, 0, address])))
            let opening = try world.openFalsely(
                over: &connection, keys: ChannelKeys(seed: Hash.sha256([2, UInt8(number)])), temporaryID: Hash.sha256([1]),
                funding: OutPoint(TransactionID(Hash.sha256([3, UInt8(number)])), 0))
            try world.pass(1)
            return opening.channel != nil
        }
        var opened = 0
        for number in 0..<40 where try open(number, 1) { opened += 1 }
        #expect(opened == 20)
        #expect(try open(100, 2))
        // And none of it is money of the node.
        #expect(world.nodes[2].core!.channels.values.count { !$0.funding.wasConfirmed } == 21)
    }
}
