import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningCore
import LightningEnforcement
import LightningInvoice
import LightningOnion
import LightningPayment
import LightningRecords
import LightningRouting
import LightningSimulation
import LightningTransactions
import LightningWire
import TestSupport
import Testing

/// That a preimage is known and that money is settled are two things.
@Suite("paid is what is irrevocably paid", .ownThreads)
struct SettlementTests {
    private static func line(_ seed: UInt64, _ nodes: Int) throws -> SimulatedWorld {
        var random = SeededRandom(seed: 1)
        return try NetworkTests.world(seed, Topology(.line, nodes: nodes, using: &random))
    }

    private static func status(_ world: SimulatedWorld, _ node: Int, _ hash: PaymentHash) -> InvoiceRecord.Status? {
        world.nodes[node].invoices[hash]?.status
    }

    private static func wasToldOfPayment(_ world: SimulatedWorld, _ node: Int) -> Bool {
        world.nodes[node].events.contains { if case .paymentReceived = $0 { true } else { false } }
    }

    /// Pays an invoice of the last node, and falls silent at the first as soon as the last has given the preimage away.
    private static func unsettled(_ world: inout SimulatedWorld, silencing node: Int) throws -> PaymentHash {
        let last = world.nodes.count - 1
        let invoice = try NetworkTests.invoice(&world, last, 50_000_000).invoice
        try world.command(0, .pay(invoice, amount: nil))
        func isKnown() -> Bool {
            if case .settling? = status(world, last, invoice.paymentHash) { return true }
            return false
        }
        for _ in 0..<400 where !isKnown() { try world.pass(1, interval: .milliseconds(4)) }
        #expect(isKnown())
        world.mute(node)
        return invoice.paymentHash
    }

    @Test("an invoice is paid when the HTLC is gone from both commitments, not when the preimage is sent")
    func invoice() throws {
        var world = try Self.line(91, 2)
        let hash = try Self.unsettled(&world, silencing: 0)
        try world.run(limit: .milliseconds(5000))
        #expect(Self.status(world, 1, hash) == .settling(amount: MilliSatoshi(50_000_000)))
        #expect(!Self.wasToldOfPayment(world, 1))
        // Nor does a restart make it paid.
        world.kill(1)
        try world.pass(3)
        #expect(Self.status(world, 1, hash) == .settling(amount: MilliSatoshi(50_000_000)))
        world.mute(0, false)
        world.disconnect(0)
        try world.pass(3)
        guard case .paid(_, MilliSatoshi(50_000_000))? = Self.status(world, 1, hash) else {
            Issue.record("\(String(describing: Self.status(world, 1, hash)))")
            return
        }
        #expect(Self.wasToldOfPayment(world, 1))
    }

    @Test("for who pays: proven with the preimage, settled when the HTLC has left both commitments, also over a restart")
    func payer() throws {
        var world = try Self.line(95, 2)
        let invoice = try NetworkTests.invoice(&world, 1, 50_000_000).invoice
        let hash = invoice.paymentHash
        try world.command(0, .pay(invoice, amount: nil))
        func payment() -> OutgoingPayment? { world.nodes[0].payments[hash] }
        func isProven() -> Bool { if case .succeeded? = payment()?.status { true } else { false } }
        func wasSettled() -> Bool { world.nodes[0].events.contains { if case .paymentSettled = $0 { true } else { false } } }
        for _ in 0..<400 where !isProven() { try world.pass(1, interval: .milliseconds(1)) }
        #expect(isProven() && payment()?.isOver == false && !wasSettled())
        // The peer says no more: the preimage proves the payment, and its HTLC stays where it is.
        world.mute(1)
        world.kill(0)
        try world.pass(3)
        #expect(isProven() && payment()?.isOver == false && world.nodes[0].core!.outgoingPayments[hash] != nil)
        world.mute(1, false)
        world.disconnect(1)
        try world.pass(5)
        #expect(payment()?.isOver == true && wasSettled())
        // It has gone into the history with both times.
        #expect(world.nodes[0].core!.outgoingPayments[hash] == nil)
        let attempt = try #require(payment()?.attempts.first)
        #expect(try #require(attempt.settledAt) > (try #require(attempt.endedAt)))
        world.nodes[0].core!.channels.values.forEach { #expect($0.commitments.htlcs.isEmpty) }
    }

    @Test("what a channel that is closed never settled is never called paid")
    func closed() throws {
        var world = try Self.line(92, 2)
        let hash = try Self.unsettled(&world, silencing: 0)
        let id = try #require(world.nodes[1].core!.channels.keys.first)
        try world.command(1, .forceCloseChannel(id))
        try world.mine(3)
        try world.pass(2)
        #expect(Self.status(world, 1, hash) == .settling(amount: MilliSatoshi(50_000_000)))
        #expect(!Self.wasToldOfPayment(world, 1))
    }

    @Test("a forward has earned its fee when upstream is settled, not when downstream is")
    func forward() throws {
        var world = try Self.line(93, 3)
        let invoice = try NetworkTests.invoice(&world, 2, 50_000_000).invoice
        try world.command(0, .pay(invoice, amount: nil))
        func circuit() -> Circuit? { world.nodes[1].forwards.last }
        func isFulfilled() -> Bool { if case .fulfilled? = circuit()?.status { true } else { false } }
        for _ in 0..<400 where !isFulfilled() { try world.pass(1, interval: .milliseconds(4)) }
        #expect(isFulfilled())
        world.mute(0)
        try world.run(limit: .milliseconds(5000))
        #expect(isFulfilled() && world.nodes[1].core!.circuits.totals.forwards == 0)
        #expect(world.nodes[1].core!.circuits.totals.fees == .zero)
        world.kill(1)
        try world.pass(3)
        #expect(isFulfilled())
        world.mute(0, false)
        world.disconnect(0)
        try world.pass(3)
        guard case .settled? = circuit()?.status else {
            Issue.record("\(String(describing: circuit()?.status))")
            return
        }
        #expect(world.nodes[1].core!.circuits.totals.forwards == 1)
        #expect(world.nodes[1].core!.circuits.totals.fees == circuit()?.fee)
        try world.checkNetwork()
    }

    private static func outcome(_ world: SimulatedWorld, _ node: Int, _ hash: PaymentHash) -> String {
        switch world.nodes[node].payments[hash]?.status {
        case .pending: "pending"
        case .succeeded: "succeeded"
        case .failed: "failed"
        case nil: "none"
        }
    }

    @Test("a payment held over a channel that is closed while the node is down is claimed on chain, when its owner wants it")
    func heldOverClosedChannel() throws {
        var world = try Self.line(94, 2)
        let hold = PaymentPreimage(Hash.sha256([9]))
        guard
            case .invoice(let record)? = try world.ask(
                1, .createHoldInvoice(hold.paymentHash, amount: MilliSatoshi(50_000_000), .text("held"), expiry: .seconds(86_400)))
        else { return }
        try world.command(0, .pay(record.invoice, amount: nil))
        try world.pass(3)
        #expect(world.nodes[1].invoices[hold.paymentHash]?.statusName == "held")
        let id = try #require(world.nodes[0].core!.channels.keys.first)
        world.stop(1)
        try world.command(0, .forceCloseChannel(id))
        try world.mine(2)
        world.resume(1)
        try world.pass(5)
        #expect(world.nodes[1].invoices[hold.paymentHash]?.statusName == "held")
        try world.command(1, .settle(hold.paymentHash, hold))
        #expect(Self.outcome(world, 0, hold.paymentHash) == "pending")
        try world.mine(1)
        #expect(Self.outcome(world, 0, hold.paymentHash) == "succeeded")
        try world.mine(4)
        #expect(world.nodes[1].invoices[hold.paymentHash]?.statusName == "settling", "not before its output is ours six blocks deep")
        try world.mine(1)
        #expect(world.nodes[1].invoices[hold.paymentHash]?.statusName == "paid")
    }

    @Test("a payment that is held and not settled before its time goes back to the payer, whose channel was closed")
    func heldTooLong() throws {
        var world = try Self.line(95, 2)
        let hold = PaymentPreimage(Hash.sha256([9]))
        guard
            case .invoice(let record)? = try world.ask(
                1, .createHoldInvoice(hold.paymentHash, amount: MilliSatoshi(50_000_000), .text("held"), expiry: .seconds(86_400)))
        else { return }
        let before = world.wealth(of: 0)
        try world.command(0, .pay(record.invoice, amount: nil))
        try world.pass(3)
        try world.command(0, .forceCloseChannel(try #require(world.nodes[0].core!.channels.keys.first)))
        // Its wallet is empty: what takes the HTLC back is paid for by what the channel brings, after our delay.
        try world.mine(400)
        try world.pass(3)
        #expect(world.nodes[1].invoices[hold.paymentHash]?.statusName == "canceled")
        let request = try world.command(1, .settle(hold.paymentHash, hold))
        guard case .failure(.hold)? = world.nodes[1].answers[request] else {
            Issue.record("the preimage was given away for nothing")
            return
        }
        #expect(Self.status(world, 1, hold.paymentHash) == .canceled)
        #expect(
            Self.outcome(world, 0, hold.paymentHash) == "failed",
            "\(world.nodes[0].core!.channels.values.map { ($0.close?.outputs.map(\.status), world.nodes[0].core!.refusedPublications) })")
        try world.mine(200)
        #expect(world.wealth(of: 0).value + 15_000 > before.value)
    }
}

@Suite("onions that come again", .ownThreads)
struct OnionReplayTests {
    private static func htlc(_ number: UInt8) -> Bytes32 { Hash.sha256([number]) }

    @Test("remembered until they fail or expire, by rows that say so")
    func lifetime() throws {
        var replays = OnionReplays()
        for number: UInt8 in 0..<100 { replays.insert(sharedSecret: Self.htlc(number), cltvExpiry: CLTVExpiry(200 + UInt32(number / 10))) }
        #expect(replays.count == 100 && replays.contains(sharedSecret: Self.htlc(7)))
        var store: [[UInt8]: [UInt8]] = [:]
        func save() { for (key, record) in replays.drainWrites().changes(of: .onions) { store[key] = record } }
        save()
        #expect(store.count == 100 && store.allSatisfy { $0.key.count == 20 })
        for number: UInt8 in 0..<50 { replays.remove(sharedSecret: Self.htlc(number)) }
        replays.prune(height: 206)
        save()
        #expect(replays.count == 40 && store.count == 40)
        let again = try OnionReplays(records: store.map { ($0.key, $0.value) })
        #expect(again.hasSameState(as: replays))
        // Out and in again within one batch.
        replays.remove(sharedSecret: Self.htlc(99))
        replays.insert(sharedSecret: Self.htlc(99), cltvExpiry: 209)
        replays.insert(sharedSecret: Self.htlc(98), cltvExpiry: 400)
        save()
        #expect(try OnionReplays(records: store.map { ($0.key, $0.value) }).hasSameState(as: replays))
    }

    @Test("rows of the first version are read, and replaced")
    func firstVersion() throws {
        let digest = Hash.tagged("onion", Self.htlc(1).array)
        var writer = ByteWriter()
        writer.uint8(1)
        writer.write(Hash.sha256([2]))
        writer.uint64(5)
        writer.uint32(300)
        var replays = try OnionReplays(records: [(digest.array, writer.bytes)])
        #expect(replays.contains(sharedSecret: Self.htlc(1)))
        let writes = replays.drainWrites().changes(of: .onions)
        #expect(writes.count == 2)
        #expect(
            writes.contains { $0.key == digest.array && $0.record == nil } && writes.contains { $0.key.count == 20 && $0.record != nil })
    }

    @Test("HTLCs that fail leave nothing, in memory or on disk, whatever they were for")
    func failed() throws {
        let secret = SecretKey(Hash.sha256(Array("sender".utf8)))!
        var world = SimulatedWorld(seed: 95, names: ["alice"])
        try world.fund(0)
        let connection = try #require(try world.dial(0, as: secret))
        var raw = try #require(
            try world.openChannel(to: connection, keys: ChannelKeys(seed: Hash.sha256([1])), push: MilliSatoshi(500_000_000)))
        world.checkInterval = 50
        for number in 0..<200 {
            let session = SecretKey(Hash.sha256(Array("session \(number % 100)".utf8)))!
            let hash = PaymentHash(Hash.sha256(Array("hash \(number % 100)".utf8)))
            let expiry = world.ledger.height.uint32 + 1500
            // Unknown payments, next hops that do not exist; each twice.
            let payload: HopPayload =
                number % 2 == 0
                ? .final(
                    amount: MilliSatoshi(1_000_000), cltvExpiry: CLTVExpiry(expiry), paymentSecret: .zero, total: MilliSatoshi(1_000_000),
                    metadata: nil
                )
                : .forward(amount: MilliSatoshi(900_000), cltvExpiry: CLTVExpiry(expiry - 100), over: ShortChannelID(77))
            var hops = [OnionPacket.Hop(nodeID: world.nodes[0].nodeID, payload: payload.encoded())]
            if number % 2 == 1 { hops.append(.init(nodeID: secret.publicKey(), payload: payload.encoded())) }
            let created = OnionPacket.create(sessionKey: session, hops: hops, associatedData: hash.bytes.array)
            let onion = try #require(created).packet
            try world.offer(amount: MilliSatoshi(1_000_000), hash: hash, cltvExpiry: CLTVExpiry(expiry), onion: onion, over: &raw)
        }
        #expect(raw.channel.commitments.htlcs.isEmpty)
        #expect(raw.channel.commitments.nextLocalID == 200)
        #expect(world.nodes[0].store.tables[.onions]?.isEmpty ?? true)
    }
}
