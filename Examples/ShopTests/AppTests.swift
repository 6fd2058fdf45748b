import Lightning
import LightningTesting
import Testing

// What an app's own tests look like: a whole network in a line, and blocks when the test says so.
@Suite("an app on a network of its own")
struct AppTests {
    @Test("a payment arrives, also after the payee was restarted")
    func restart() async throws {
        let network = try await TestNetwork(channels: 100_000.sat, push: 20_000.sat)
        let alice = try await network.node("alice")
        let first = try await network.node("bob").createInvoice(amount: MilliSatoshi(700.sat), description: "before")
        try await alice.pay(first)
        let bob = try await network.restart("bob")
        let paid = try await bob.invoices().records
        #expect(paid.map(\.invoice.paymentHash) == [first.paymentHash])
        let back = try await alice.createInvoice(amount: 5_500.msat)
        #expect(try await bob.pay(back).amount == 5_500.msat)
        await network.stop()
    }

    @Test("three nodes in a row: the one in the middle forwards, and earns its fee")
    func forwards() async throws {
        let network = try await TestNetwork(["alice", "bob", "carol"], announce: true)
        let invoice = try await network.node("carol").createInvoice(amount: MilliSatoshi(10_000.sat))
        let alice = try await network.node("alice")
        let payment = try await alice.pay(invoice)
        #expect(payment.fee > .zero && payment.paidRoutes.map(\.hops.count) == [2])
        await network.stop()
    }

    @Test("what makes no network is refused")
    func wrong() async throws {
        await #expect(throws: TestNetwork.Failure.names) { _ = try await TestNetwork([]) }
        await #expect(throws: TestNetwork.Failure.names) { _ = try await TestNetwork(["alice", "alice"]) }
        let network = try await TestNetwork(["alice"], channels: nil)
        await #expect(throws: TestNetwork.Failure.unknownNode("bob")) { _ = try await network.node("bob") }
        #expect(try await network.mine(3) == 104)
        await network.stop()
    }
}
