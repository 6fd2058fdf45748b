import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningCore
import LightningInvoice
import LightningOnion
import LightningPayment
import LightningRouting
import LightningSimulation
import LightningTransactions
import LightningWire
import TestSupport
import Testing

/// What a node composes from a peer's bytes fits into a message, or ends a connection; it never ends the node.
@Suite("messages as long as they can be", .ownThreads)
struct OverlongMessagesTests {
    private static let payee = SecretKey(Hash.sha256(Array("payee".utf8)))!

    /// Three nodes in a line, the last of which has a channel with a raw peer: what the peer says travels two hops back.
    private static func world(_ seed: UInt64) throws -> (SimulatedWorld, RawChannel) {
        var random = SeededRandom(seed: 1)
        var world = try NetworkTests.world(seed, Topology(.line, nodes: 3, using: &random))
        let connection = try #require(try world.dial(2, as: payee))
        let keys = ChannelKeys(seed: Hash.sha256(Array("channel".utf8)))
        let raw = try #require(try world.openChannel(to: connection, keys: keys, push: MilliSatoshi(300_000_000)))
        try world.pass(2)
        return (world, raw)
    }

    /// An invoice of the raw peer, with the way to it.
    private static func invoice(_ raw: RawChannel, _ world: SimulatedWorld, _ preimage: PaymentPreimage) throws -> Invoice {
        let hint = RoutingHint(
            nodeID: world.nodes[2].nodeID, shortChannelID: try #require(raw.channel.remoteAlias), feeBase: MilliSatoshi(1000),
            feeProportionalMillionths: 1000, cltvExpiryDelta: 144)
        return Invoice(
            network: .regtest, amount: MilliSatoshi(20_000_000), timestamp: world.now.wholeSecond, paymentHash: preimage.paymentHash,
            paymentSecret: Hash.sha256([1]), details: .text("raw"), expiry: .seconds(86_400), minFinalCLTVExpiryDelta: 18,
            features: FeatureBits(optional: [.basicMPP], compulsory: [.varOnionOptin, .paymentSecret]), routingHints: [[hint]],
            nodeSecret: payee)
    }

    /// Pays the raw peer and returns the HTLC that it received.
    private static func pay(
        _ raw: inout RawChannel, _ world: inout SimulatedWorld, _ preimage: PaymentPreimage
    ) throws -> (RequestID, HTLC) {
        let request = try world.command(0, .pay(try invoice(raw, world, preimage), amount: nil))
        for _ in 0..<20 where raw.received.isEmpty {
            try world.run(limit: .milliseconds(300))
            try world.talk(&raw)
        }
        return (request, try #require(raw.received.first))
    }

    /// Fails an HTLC with a reason of so many bytes.
    private static func fail(
        _ htlc: HTLC, _ length: Int, attribution: [UInt8] = [], _ raw: inout RawChannel, _ world: inout SimulatedWorld
    ) throws {
        try world.answer(htlc, .failed(reason: []), attribution: attribution, over: &raw) { message in
            guard case .updateFailHTLC(var body) = message else { return message }
            body.reason = [UInt8](repeating: 0xaa, count: length)
            return .updateFailHTLC(body)
        }
    }

    @Test("a failure of 65,000 bytes, with attribution data or without, goes back over two hops", arguments: [0, 1, 2, 3])
    func longFailure(kind: Int) throws {
        var (world, raw) = try Self.world(41)
        let (request, htlc) = try Self.pay(&raw, &world, PaymentPreimage(Hash.sha256([7])))
        let length = [65_000, 65_491 - 924, ChannelLimits.maxFailureLength, ChannelLimits.maxFailureLength + 1][kind]
        let attribution = kind % 2 == 1 ? [UInt8](repeating: 3, count: AttributionData.length) : []
        try Self.fail(htlc, length, attribution: attribution, &raw, &world)
        for _ in 0..<10 {
            try world.pass(1)
            try world.talk(&raw)
        }
        guard case .failure(.paymentFailed)? = world.nodes[0].answers[request] else {
            Issue.record("\(String(describing: world.nodes[0].answers[request]))")
            return
        }
        #expect(world.nodes.allSatisfy { $0.core!.circuits.pending.isEmpty && $0.core!.peerSummaries.count >= 1 })
        try world.checkNetwork()
    }

    @Test("the same while the upstream peer is away: it is told when it comes back, and nobody falls over it")
    func longFailureUpstreamAway() throws {
        var (world, raw) = try Self.world(42)
        let (_, htlc) = try Self.pay(&raw, &world, PaymentPreimage(Hash.sha256([7])))
        world.stop(1)
        try world.pass(1)
        try Self.fail(htlc, 65_000, &raw, &world)
        try world.pass(2)
        try world.talk(&raw)
        world.resume(1)
        for _ in 0..<20 {
            try world.pass(1)
            try world.talk(&raw)
        }
        #expect(world.nodes.allSatisfy { $0.core!.circuits.pending.isEmpty })
        let payment = try #require(world.nodes[0].payments.values.first)
        guard case .failed = payment.status else {
            Issue.record("\(payment.status)")
            return
        }
        try world.checkNetwork()
    }

    @Test("failures of no length, and of every length around what an onion needs", arguments: [0, 1, 31, 32, 35, 36, 255, 291, 292, 293])
    func shortFailure(length: Int) throws {
        var (world, raw) = try Self.world(43)
        let (request, htlc) = try Self.pay(&raw, &world, PaymentPreimage(Hash.sha256([7])))
        try Self.fail(htlc, length, &raw, &world)
        for _ in 0..<10 {
            try world.pass(1)
            try world.talk(&raw)
        }
        guard case .failure(.paymentFailed)? = world.nodes[0].answers[request] else {
            Issue.record("\(String(describing: world.nodes[0].answers[request]))")
            return
        }
    }
}
