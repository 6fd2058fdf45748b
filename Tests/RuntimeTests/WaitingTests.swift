import BitcoinPrimitives
import CryptoPrimitives
import Lightning
import Testing

@Suite("waiting for a channel, a payment, a close", .serialized)
struct WaitingTests {
    @Test("a channel is waited for until it can be used, whenever that is asked, and not where it never will be")
    func usable() async throws {
        let world = try await NodeTests.World()
        let (alice, chain) = (world.alice, world.chain)
        await #expect(throws: NodeRefusal.self) { try await alice.waitUntilUsable(ChannelID(Hash.sha256([1]))) }
        try await alice.connect(world.bob.address!)
        let id = try await alice.openChannel(to: world.bob.nodeID, amount: Satoshi(1_000_000))
        let waiting = Task { try await alice.waitUntilUsable(id) }
        let closing = Task { try await alice.waitUntilClosed(id) }
        // Whoever waits no more leaves the channel as it is.
        let canceled = Task { try await alice.waitUntilUsable(id) }
        canceled.cancel()
        await #expect(throws: CancellationError.self) { try await canceled.value }
        while await chain.mempoolIsEmpty { await Task.yield() }
        try await world.mine(3, to: alice)
        #expect(try await waiting.value.isUsable)
        #expect(try await alice.waitUntilUsable(id).id == id)
        // A channel that is established again is no event: it is found all the same.
        try await alice.disconnect(world.bob.nodeID)
        while try await alice.channels().contains(where: \.isUsable) { await Task.yield() }
        let again = Task { try await alice.waitUntilUsable(id) }
        try await alice.connect(world.bob.address!)
        #expect(try await again.value.isUsable)
        try await alice.closeChannel(id)
        while await chain.mempoolIsEmpty { await Task.yield() }
        var refusal: NodeRefusal?
        do { try await alice.waitUntilUsable(id) } catch { refusal = error as? NodeRefusal }
        guard case .channel(.notUsable(_))? = refusal else { return #expect(Bool(false), "\(String(describing: refusal))") }
        try await world.mine(6, to: alice)
        try await closing.value
        try await alice.waitUntilClosed(id)
        await world.stop()
    }

    @Test("a payment is waited for until it succeeded, failed, or the node stops")
    func payment() async throws {
        let world = try await NodeTests.World()
        let (alice, bob) = (world.alice, world.bob)
        _ = try await world.open()
        var unknown: NodeRefusal?
        do { _ = try await alice.waitForPayment(PaymentHash(Hash.sha256([1]))) } catch { unknown = error as? NodeRefusal }
        guard case .invalid? = unknown else { return #expect(Bool(false), "\(String(describing: unknown))") }
        func begin(_ number: UInt8) async throws -> (PaymentPreimage, Task<Void, Never>) {
            let preimage = PaymentPreimage(Hash.sha256([number]))
            let invoice = try await bob.createHoldInvoice(preimage.paymentHash, amount: MilliSatoshi(1_000_000))
            let held = bob.events
            let paying = Task { _ = try? await alice.pay(invoice) }
            for await event in held {
                if case .paymentHeld = event { break }
            }
            return (preimage, paying)
        }
        let (preimage, paying) = try await begin(2)
        let result = Task { try await alice.waitForPayment(preimage.paymentHash) }
        try await bob.settle(preimage)
        #expect(try await result.value.amount == MilliSatoshi(1_000_000))
        await paying.value
        #expect(try await alice.waitForPayment(preimage.paymentHash).paymentHash == preimage.paymentHash)

        let (lost, failing) = try await begin(3)
        let failed = Task { try await alice.waitForPayment(lost.paymentHash) }
        try await bob.cancel(lost.paymentHash)
        await #expect { try await failed.value } throws: { error in
            if case NodeRefusal.paymentFailed(let payment, _)? = error as? NodeRefusal {
                payment.paymentHash == lost.paymentHash
            } else {
                false
            }
        }
        await failing.value

        let (pending, interrupted) = try await begin(4)
        let stopped = Task { try await alice.waitForPayment(pending.paymentHash) }
        await alice.stop()
        await #expect(throws: NodeRefusal.stopped) { try await stopped.value }
        await interrupted.value
        await world.stop()
    }
}
