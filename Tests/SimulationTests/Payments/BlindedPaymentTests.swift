import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningCore
import LightningInvoice
import LightningOnion
import LightningRecords
import LightningRouting
import LightningSimulation
import LightningWire
import TestSupport
import Testing

@testable import LightningPayment

/// Payments to nodes that hide (BOLT 4 "Route Blinding").
@Suite("blinded payments", .ownThreads)
struct BlindedPaymentTests {
    private static func line(_ nodes: Int, seed: UInt64 = 21) throws -> SimulatedWorld {
        var random = SeededRandom(seed: 1)
        return try NetworkTests.world(seed, Topology(.line, nodes: nodes, using: &random))
    }

    private static func invoice(
        _ world: inout SimulatedWorld, _ node: Int, _ msat: UInt64, hops: Int
    ) throws -> Invoice {
        let response = try world.ask(
            node, .createInvoice(amount: MilliSatoshi(msat), .text("hidden"), expiry: .seconds(3600), blindedHops: hops))
        var found: Invoice?
        if case .invoice(let record)? = response { found = record.invoice }
        return try #require(found)
    }

    private static func inChannels(_ world: SimulatedWorld) -> [UInt64] {
        world.nodes.map { node in node.core!.channels.values.reduce(0) { $0 + $1.commitments.toLocal.value } }
    }

    /// What a payment came to.
    private static func outcome(_ world: SimulatedWorld, _ node: Int, _ request: RequestID) -> OutgoingPayment? {
        switch world.nodes[node].answers[request] {
        case .success(.payment(let payment))?: payment
        case .failure(.paymentFailed(let payment, _))?: payment
        default: nil
        }
    }

    /// From far away, from next to the path, and from the path's own nodes.
    @Test("a hidden payee is paid from everywhere", arguments: 0..<4, 1..<4)
    func paid(payer: Int, hops: Int) throws {
        var world = try Self.line(5)
        let invoice = try Self.invoice(&world, 4, 20_000_000, hops: hops)
        // Nothing in it says who is paid: neither the key nor any node of the path.
        let path = try #require(invoice.blindedPaths.first?.path)
        #expect(path.firstNodeID == world.nodes[4 - hops].nodeID && path.hops.count == hops + 1)
        #expect(invoice.payee != world.nodes[4].nodeID && invoice.paymentSecret == nil)
        for node in world.nodes.dropFirst(4 - hops + 1) { #expect(!path.hops.contains { $0.blindedNodeID == node.nodeID }) }
        #expect(Set(path.hops.map(\.encryptedData.count)).count == 1)
        let before = Self.inChannels(world)
        let request = try world.command(payer, .pay(invoice, amount: nil))
        try world.pass(6)
        let payment = try #require(Self.outcome(world, payer, request))
        try world.checkNetwork()
        let after = Self.inChannels(world)
        guard case .succeeded = payment.status else {
            Issue.record("\(payment.status) \(payment.attempts.map(\.status))")
            return
        }
        let received = after[4] - before[4]
        #expect(received >= 20_000_000 && received <= 20_000_000 + 100)
        #expect(before.reduce(0, +) == after.reduce(0, +))
        // Whoever stands on the path itself does not know it, and forwards its own payment.
        let own = world.nodes[payer].core!.circuits.totals.fees
        #expect(before[payer] - after[payer] == (payment.amount + payment.fee).value - own.value)
        // Each forwarder got its fee.
        for forwarder in min(payer + 1, 5 - hops)..<4 where forwarder != payer {
            #expect(after[forwarder] - before[forwarder] >= 100 + 2000)
        }
    }

    @Test("in parts: one payment over one path, in several HTLCs of each")
    func parts() throws {
        var random = SeededRandom(seed: 1)
        var world = try NetworkTests.world(22, Topology(.ring, nodes: 4, using: &random))
        // More than one channel can carry: both ways round, and two paths of the payee.
        let invoice = try Self.invoice(&world, 2, 700_000_000, hops: 1)
        #expect(invoice.blindedPaths.count == 2)
        let request = try world.command(0, .pay(invoice, amount: nil))
        try world.pass(8)
        let payment = try #require(Self.outcome(world, 0, request))
        guard case .succeeded = payment.status else {
            Issue.record("\(payment.status) \(payment.attempts.map(\.status))")
            return
        }
        #expect(payment.paidRoutes.count > 1)
        #expect(Set(payment.paidRoutes.map { $0.hops.last!.shortChannelID }).count == 2)
        try world.checkNetwork()
    }

    @Test("what fails inside of a path comes out of it as nothing but invalid_onion_blinding")
    func concealed() throws {
        var world = try Self.line(5)
        let invoice = try Self.invoice(&world, 4, 300_000_000, hops: 3)
        // The last channel before the payee is emptied by another payment.
        let drain = try NetworkTests.invoice(&world, 4, 380_000_000)
        let drained = try world.command(3, .pay(drain.invoice, amount: nil))
        try world.pass(4)
        #expect(Self.outcome(world, 3, drained).map { $0.status != .pending } == true)
        let request = try world.command(0, .pay(invoice, amount: nil, PaymentLimits()))
        try world.pass(8)
        let payment = try #require(Self.outcome(world, 0, request))
        guard case .failed = payment.status else {
            Issue.record("\(payment.status)")
            return
        }
        #expect(!payment.attempts.isEmpty && payment.attempts.count <= 100)
        for attempt in payment.attempts {
            guard case .failed(let failure) = attempt.status else { continue }
            // The introduction point says so, and nobody behind it.
            #expect(failure.hop == 0 && failure.message.prefix(2) == [0xc0, 0x18], "\(failure)")
        }
        // The middle node saw no readable failure either.
        #expect(world.nodes[2].forwards.allSatisfy { !$0.isPending })
        try world.checkNetwork()
    }

    @Test("a path does not pay another invoice, nor after its time")
    func wrongUse() throws {
        var world = try Self.line(4)
        var invoice = try Self.invoice(&world, 3, 5_000_000, hops: 2)
        let right = invoice.paymentHash
        let other = try NetworkTests.invoice(&world, 3, 5_000_000)
        invoice.paymentHash = other.invoice.paymentHash
        let wrong = try world.command(0, .pay(invoice, amount: nil))
        try world.pass(5)
        let payment = try #require(Self.outcome(world, 0, wrong))
        guard case .failed = payment.status else {
            Issue.record("an invoice was paid over another's path")
            return
        }
        #expect(world.nodes[3].invoices[other.invoice.paymentHash]?.status == .unpaid)
        // Two days, and the ten minutes a block of its hour, later.
        try world.mine(300)
        try world.pass(3)
        invoice.paymentHash = right
        invoice.expiry = .seconds(10_000_000)
        let late = try world.command(0, .pay(invoice, amount: nil))
        try world.pass(5)
        guard case .failed? = Self.outcome(world, 0, late)?.status else {
            Issue.record("a path was used after its time")
            return
        }
        try world.checkNetwork()
    }

    @Test("an invoice that expires soon gets no random expiry: its path would not bear it")
    func shortLived() throws {
        var world = try Self.line(3)
        let response = try world.ask(
            2, .createInvoice(amount: MilliSatoshi(5_000_000), .text("soon"), expiry: .seconds(1800), blindedHops: 1))
        guard case .invoice(let record)? = response else {
            Issue.record("no invoice")
            return
        }
        try world.command(0, .pay(record.invoice, amount: nil))
        try world.pass(4)
        let payment = try #require(world.nodes[0].payments[record.invoice.paymentHash])
        #expect(payment.finalCLTVDelta == 0 && !payment.paidRoutes.isEmpty)
    }

    @Test("a held payment over a blinded path survives a restart of every node, and is settled")
    func held() throws {
        var world = try Self.line(4)
        let preimage = PaymentPreimage(Bytes32(Array(repeating: 9, count: 32))!)
        let response = try world.ask(
            3,
            .createHoldInvoice(preimage.paymentHash, amount: MilliSatoshi(9_000_000), .text("held"), expiry: .seconds(3600), blindedHops: 2)
        )
        guard case .invoice(let record)? = response else {
            Issue.record("no invoice")
            return
        }
        try world.command(0, .pay(record.invoice, amount: nil))
        try world.pass(4)
        #expect(world.nodes[3].invoices[preimage.paymentHash]?.statusName == "held")
        for node in 0..<4 { world.kill(node) }
        try world.pass(6)
        #expect(world.nodes[3].invoices[preimage.paymentHash]?.statusName == "held")
        try world.command(3, .settle(preimage.paymentHash, preimage))
        try world.pass(5)
        guard case .succeeded(preimage, _)? = world.nodes[0].payments[preimage.paymentHash]?.status else {
            Issue.record("it was settled, and the payer does not know")
            return
        }
        try world.checkNetwork()
    }

    @Test("the longest path that fits, and terms of the largest numbers")
    func longest() throws {
        var world = try Self.line(6)
        // Numbers of many bytes take more room.
        for node in 0..<5 {
            for id in world.nodes[node].core!.channels.keys.sorted() {
                var policy = ForwardingPolicy()
                policy.feeBase = 4000
                policy.feeProportionalMillionths = 4000
                policy.htlcMinimum = MilliSatoshi(10_000)
                policy.htlcMaximum = MilliSatoshi(900_000_000)
                try world.command(node, .setForwardingPolicy(id, policy))
            }
        }
        try world.pass(10)
        let invoice = try Self.invoice(&world, 5, 20_000_000, hops: 4)
        #expect(invoice.blindedPaths[0].path.hops.count == 5 && invoice.blindedPaths[0].htlcMinimum.value == 10_000)
        let fits = invoice.blindedPaths.map(\.fitsIntoInvoice)
        #expect(!fits.contains(false))
        var limits = PaymentLimits()
        limits.maxFee = MilliSatoshi(1_000_000)
        let request = try world.command(0, .pay(invoice, amount: nil, limits))
        try world.pass(6)
        guard case .succeeded? = Self.outcome(world, 0, request)?.status else {
            Issue.record("\(String(describing: world.nodes[0].answers[request]))")
            return
        }
    }

    @Test("our own blinded invoice is not paid, and without a peer who forwards there is none")
    func refusals() throws {
        var world = try Self.line(3)
        let invoice = try Self.invoice(&world, 2, 1_000_000, hops: 1)
        let own = try world.command(2, .pay(invoice, amount: nil))
        try world.pass(1)
        guard case .failure(.payment(.ownInvoice))? = world.nodes[2].answers[own] else {
            Issue.record("\(String(describing: world.nodes[2].answers[own]))")
            return
        }
        let many = try world.command(2, .createInvoice(amount: nil, .text("x"), expiry: .seconds(60), blindedHops: 5))
        world.stop(1)
        try world.pass(1)
        let alone = try world.command(2, .createInvoice(amount: nil, .text("x"), expiry: .seconds(60), blindedHops: 1))
        try world.pass(1)
        for request in [many, alone] {
            guard case .failure(.invalid)? = world.nodes[2].answers[request] else {
                Issue.record("\(String(describing: world.nodes[2].answers[request]))")
                return
            }
        }
    }
}

/// Payees and introduction points who lie.
@Suite("hostile blinded paths", .ownThreads)
struct HostilePathTests {
    private static func key(_ number: UInt8) -> PublicKey { SecretKey(Hash.sha256([number]))!.publicKey() }

    private static func path(_ nodes: Int) -> BlindedPaymentPath {
        let hops = (0..<nodes).map { BlindedPath.Hop(blindedNodeID: key(UInt8(10 + $0)), encryptedData: [UInt8($0)]) }
        return BlindedPaymentPath(
            path: BlindedPath(firstNodeID: key(10), firstPathKey: key(9), hops: hops), feeBase: 0, feeProportionalMillionths: 0,
            cltvExpiryDelta: 18, htlcMinimum: .zero, htlcMaximum: MilliSatoshi(1_000_000))
    }

    /// An attempt over `before` public hops and a path of so many nodes.
    private static func attempt(before: Int, _ path: PayableBlindedPath) -> PaymentAttempt {
        var hops = (0..<before).map { index in
            Route.Hop(
                node: index == before - 1 ? path.entry : NodeKey(key(UInt8(30 + index))), shortChannelID: ShortChannelID(UInt64(index)),
                amount: MilliSatoshi(1000), cltvDelta: 40)
        }
        hops.append(
            Route.Hop(
                node: PayableBlindedPath.destination(key(1)), shortChannelID: path.payment.routingID, amount: MilliSatoshi(1000),
                cltvDelta: 1))
        let secrets = (0..<before - 1 + path.payment.path.hops.count).map { Hash.sha256([UInt8(50 + $0)]) }
        return PaymentAttempt(
            route: Route(source: NodeKey(key(2)), hops: hops, uncertainty: 0), htlc: .outgoing(ChannelID(Hash.sha256([3])), 0),
            sharedSecrets: secrets, startedAt: Timestamp(milliseconds: 0))
    }

    /// The payee knows the secrets of the path's nodes, which it may have made up itself.
    @Test("whatever comes back, and whoever seems to have said it, blame stays on the route", arguments: 1..<4, 1..<5)
    func anyFailure(before: Int, nodes: Int) throws {
        let made = PayableBlindedPath(Self.path(nodes), nodeID: Self.key(2), nodeSecret: SecretKey(Hash.sha256([2]))!)
        let path = try #require(made)
        let attempt = Self.attempt(before: before, path)
        let garbage = [UInt8](repeating: 7, count: 292)
        let messages: [FailureMessage] = [
            .temporaryNodeFailure, .permanentChannelFailure, .temporaryChannelFailure(update: []), .mppTimeout,
            .invalidOnionHMAC(onionHash: [UInt8](repeating: 1, count: 32)),
            .invalidOnionBlinding(onionHash: [UInt8](repeating: 1, count: 32)),
            .incorrectOrUnknownPaymentDetails(MilliSatoshi(1), height: 1), .finalIncorrectCLTVExpiry(1), .unknown(code: 0xffff),
        ]
        for speaker in attempt.sharedSecrets.indices {
            for message in [nil] + messages.map(Optional.some) {
                // As if it came from that hop, with attribution data from there on, or a failure that nobody can read.
                var packet = message.map { FailurePacket.plain($0, sharedSecret: attempt.sharedSecrets[speaker]) } ?? garbage
                var attribution: [UInt8] = []
                for index in (0...speaker).reversed() {
                    attribution = AttributionData.update(
                        attribution, packet: packet, holdTime: 1, sharedSecret: attempt.sharedSecrets[index])
                    packet = FailurePacket.wrap(packet, sharedSecret: attempt.sharedSecrets[index])
                }
                for attributed in [attribution, []] {
                    let result = AttemptResult(attempt, .packet(packet, attributed), isWhole: true, path)
                    let hops = attempt.route.hops.indices
                    #expect(result.failure.hop.map(hops.contains) ?? true)
                    #expect(result.passed.upperBound <= hops.count)
                    switch result.failureSource {
                    case .liquidity(let index), .terms(let index), .channel(let index), .node(let index):
                        #expect(hops.contains(index), "\(result)")
                    case .nothing, .anybody: break
                    }
                }
            }
        }
    }

    @Test("who knows the preimage of a hidden payee's invoice does not find it by a keysend")
    func keysend() throws {
        let preimage = PaymentPreimage(Hash.sha256([1]))
        let secret = SecretKey(Hash.sha256([4]))!
        let invoice = Invoice(
            network: .regtest, amount: MilliSatoshi(1000), timestamp: Timestamp(seconds: 1_700_000_000), paymentHash: preimage.paymentHash,
            paymentSecret: nil,
            details: .text("x"), expiry: .seconds(3600), minFinalCLTVExpiryDelta: 18, features: FeatureBits(), blindedPaths: [Self.path(2)],
            nodeSecret: secret)
        var record = InvoiceRecord(invoice: invoice, preimage: preimage)
        record.pathID = Hash.sha256([5])
        let htlc = IncomingHTLC(
            key: .incoming(ChannelID(Hash.sha256([3])), 1), amount: MilliSatoshi(1), paymentHash: preimage.paymentHash,
            cltvExpiry: 400)
        let payload = HopPayload.keysend(amount: MilliSatoshi(1), cltvExpiry: 300, preimage: preimage)
        func decisions(_ payments: Receiver) -> [IncomingDecision] {
            var payments = payments
            return payments.receive(
                htlc, payload, errorContext: OnionErrorContext(sharedSecret: .zero), now: Timestamp(milliseconds: 1_700_000_000_000),
                height: 100, network: .regtest,
                payee: secret.publicKey()
            ).decisions.map(\.1)
        }
        var hidden = Receiver()
        hidden.add(record)
        #expect(decisions(hidden) == decisions(Receiver()) && !decisions(hidden).isEmpty)
        // Nor is the path's id worth anything outside of the path, nor a payment secret inside of one.
        var outside = HopPayload.final(
            amount: MilliSatoshi(1000), cltvExpiry: 300, paymentSecret: record.pathID!, total: MilliSatoshi(1000), metadata: nil)
        var large = htlc
        large.amount = MilliSatoshi(1000)
        for isInside in [false, true] {
            outside.encryptedRecipientData = isInside ? [1] : nil
            var payments = hidden
            let outcome = payments.receive(
                large, outside, errorContext: OnionErrorContext(sharedSecret: .zero), now: Timestamp(milliseconds: 1_700_000_000_000),
                height: 100,
                network: .regtest,
                payee: secret.publicKey())
            let isTaken = outcome.decisions.contains { if case .fulfill = $0.1 { true } else { false } }
            #expect(isTaken == isInside)
        }
    }
}

/// BOLT 4's rules for readers of a payload, HTLC by HTLC.
@Suite("onions inside of blinded paths", .ownThreads)
struct PeeledHTLCTests {
    private static var forwarder: SecretKey { SecretKey(Hash.sha256([1]))! }
    private static var payee: SecretKey { SecretKey(Hash.sha256([2]))! }
    private static var session: SecretKey { SecretKey(Hash.sha256([3]))! }
    private static let hash = PaymentHash(Hash.sha256([4]))

    private static func relayed(_ change: (inout EncryptedRecipientData) -> Void = { _ in }) -> EncryptedRecipientData {
        var data = EncryptedRecipientData()
        data.shortChannelID = ShortChannelID(77)
        data.relay = .init(cltvExpiryDelta: 40, feeProportionalMillionths: 1000, feeBase: 100)
        data.constraints = .init(maxCLTVExpiry: 1000, htlcMinimum: MilliSatoshi(1000))
        change(&data)
        return data
    }

    /// What the first node of a path of two reads.
    ///
    /// - Parameters:
    ///   - inside: whether somebody stands before it on the path.
    ///   - change: of the payload.
    private static func peel(
        _ data: EncryptedRecipientData, amount: UInt64 = 1_000_000, cltvExpiry: CLTVExpiry = 900, inside: Bool,
        _ change: (inout HopPayload) -> Void = { _ in }, pathKeyInMessage: Bool? = nil
    ) -> PeeledHTLC {
        let path = BlindedPath(
            sessionKey: session,
            nodes: [(forwarder.publicKey(), data.encoded()), (payee.publicKey(), EncryptedRecipientData().encoded())])
        var payload = HopPayload.blinded(path.hops[0].encryptedData, pathKey: inside ? nil : path.firstPathKey)
        change(&payload)
        let onion = OnionPacket.create(
            sessionKey: SecretKey(Hash.sha256([5]))!,
            hops: [
                .init(nodeID: inside ? path.hops[0].blindedNodeID : path.firstNodeID, payload: payload.encoded()),
                .init(nodeID: path.hops[1].blindedNodeID, payload: [1, 0]),
            ], associatedData: hash.bytes.array)!.packet
        let htlc = IncomingHTLC(
            key: .incoming(ChannelID(Hash.sha256([6])), 1), amount: MilliSatoshi(amount), paymentHash: hash,
            cltvExpiry: cltvExpiry, pathKey: pathKeyInMessage ?? inside ? path.firstPathKey : nil)
        return PeeledHTLC(htlc, onion: onion, nodeSecret: forwarder)
    }

    @Test("a forwarder reads what the recipient wants of it", arguments: [false, true])
    func forward(inside: Bool) throws {
        guard case .forward(let request) = Self.peel(Self.relayed(), inside: inside) else {
            Issue.record("not to be forwarded")
            return
        }
        #expect(request.next == .channel(ShortChannelID(77)) && request.cltvExpiry == 860)
        // (1,000,000 - 100) * 1,000,000 / 1,001,000, rounded up.
        #expect(request.amount.value == 998_902)
        #expect(request.pathKey != nil && request.errorContext.blinding?.isIntroduction == !inside)
        let node = Self.payee.publicKey()
        let byNode = Self.relayed {
            $0.shortChannelID = nil
            $0.nextNodeID = node
        }
        guard case .forward(let other) = Self.peel(byNode, inside: inside) else {
            Issue.record("not to be forwarded")
            return
        }
        #expect(other.next == .node(node))
    }

    private static func isConcealed(_ peeled: PeeledHTLC, inside: Bool) -> Bool {
        guard case .refused(let decision) = peeled else { return false }
        switch decision {
        case .malformed(let onionHash, let code): return inside && code == 0xc018 && onionHash != .zero
        case .fail(let reply):
            let failure = FailurePacket.decrypt(reply.reason, sharedSecrets: [reply.sharedSecret])
            guard !inside, case .invalidOnionBlinding? = failure?.message else { return false }
            return true
        case .fulfill: return false
        }
    }

    @Test("what the recipient does not want is refused, and nobody learns why", arguments: [false, true])
    func refused(inside: Bool) {
        let wrong: [(String, EncryptedRecipientData)] = [
            ("neither a channel nor a node", Self.relayed { $0.shortChannelID = nil }),
            ("both", Self.relayed { $0.nextNodeID = Self.payee.publicKey() }),
            ("no relay", Self.relayed { $0.relay = nil }),
            ("an odd feature", Self.relayed { $0.allowedFeatures = FeatureBits([2]) }),
            ("too late", Self.relayed { $0.constraints = .init(maxCLTVExpiry: 899, htlcMinimum: .zero) }),
            ("too little", Self.relayed { $0.constraints = .init(maxCLTVExpiry: 1000, htlcMinimum: MilliSatoshi(1_000_001)) }),
            ("a fee above the amount", Self.relayed { $0.relay?.feeBase = 1_000_001 }),
            ("more blocks than there are", Self.relayed { $0.relay?.cltvExpiryDelta = 901 }),
        ]
        for (what, data) in wrong {
            #expect(Self.isConcealed(Self.peel(data, inside: inside), inside: inside), "\(what)")
        }
        let changes: [(String, (inout HopPayload) -> Void)] = [
            ("an amount", { $0.amountToForward = MilliSatoshi(1) }), ("an expiry", { $0.outgoingCLTV = 800 }),
            ("a channel", { $0.shortChannelID = ShortChannelID(1) }), ("a total", { $0.totalAmount = MilliSatoshi(1) }),
            ("metadata", { $0.paymentMetadata = [1] }), ("a record", { $0.customRecords = [65_537: [1]] }),
            ("a secret", { $0.paymentSecret = .zero }), ("spoiled data", { $0.encryptedRecipientData![0] ^= 1 }),
        ]
        for (what, change) in changes {
            #expect(Self.isConcealed(Self.peel(Self.relayed(), inside: inside, change), inside: inside), "\(what)")
        }
    }

    @Test("a path key in the message and one in the onion, or none at all")
    func pathKeys() {
        let key = Self.session.publicKey()
        #expect(Self.isConcealed(Self.peel(Self.relayed(), inside: true) { $0.currentPathKey = key }, inside: true))
        // Without a path key nobody is known to be hidden.
        guard case .refused(.fail(let reply)) = Self.peel(Self.relayed(), inside: false, { $0.currentPathKey = nil }),
            case .invalidOnionPayload? = FailurePacket.decrypt(reply.reason, sharedSecrets: [reply.sharedSecret])?.message
        else {
            Issue.record("taken, or hidden")
            return
        }
        // A path key for an onion that is not blinded.
        let plain = Self.peel(Self.relayed(), inside: true) { payload in
            payload.encryptedRecipientData = nil
            payload.amountToForward = MilliSatoshi(900_000)
            payload.outgoingCLTV = 800
            payload.shortChannelID = ShortChannelID(77)
        }
        #expect(Self.isConcealed(plain, inside: true))
        // An onion that cannot be read with the key that came with it.
        #expect(Self.isConcealed(Self.peel(Self.relayed(), inside: false, pathKeyInMessage: true), inside: true))
    }

    @Test("the first version of a circuit's record knew no blinding; the second keeps it")
    func records() throws {
        guard case .forward(let request) = Self.peel(Self.relayed(), inside: true) else {
            Issue.record("not to be forwarded")
            return
        }
        var circuits = Circuits()
        circuits.open(Circuit(request, outgoing: .outgoing(ChannelID(Hash.sha256([8])), 2), createdAt: Timestamp(seconds: 1)))
        let writes = circuits.drainWrites().changes(of: .circuits)
        let record = try #require(writes[0].record)
        let read = try Circuits(records: [record], totals: nil)
        #expect(read.hasSameState(as: circuits) && read.all[0].errorContext.blinding != nil)
        // Key, amount, hash, expiry, key, amount, expiry, secret: then what the first version did not have.
        let offset = 1 + 40 + 8 + 32 + 4 + 40 + 8 + 4 + 32
        let old = [1] + record[1..<offset] + record[(offset + 1 + 1 + 32)...]
        let before = try Circuits(records: [Array(old)], totals: nil)
        #expect(before.all[0].errorContext == OnionErrorContext(sharedSecret: request.errorContext.sharedSecret))
    }
}
