import Foundation
import Lightning
import LightningClient
import LightningScenarios
import LightningSimulation
import LightningTesting

// What the README and the articles show, compiled as somebody's own code would be: TidyTests finds each of their pieces of Swift here.

private func library(_ folder: URL) async throws {
    let chain = try EmbeddedChain(path: nil)  // a layer 1 of its own; BitcoindChain(url: …) for that of lnw local up, or a bitcoind
    let wallet = WalletDirectory(folder)
    if !wallet.exists { print(try wallet.create()) }  // the words of BIP 39, to be written down
    let alice = try await LightningNode.start(wallet: wallet, chain: chain)
    let bob = NodeAddress("03ab…@127.0.0.1:9736")!
    try await alice.connect(bob)
    let channel = try await alice.openChannel(to: bob.nodeID, amount: Satoshi(1_000_000))
    try await alice.waitUntilUsable(channel)  // a few blocks later
    let payment = try await alice.pay(try Invoice("lnbcrt…"))
    for try await event in alice.events(since: 0) { print(event.number) }  // stored ones, then those that come; go on with the last number
    _ = (channel, payment)
}

private func stream(_ node: LightningNode, to payee: NodeID) async throws {
    var terms = StreamTerms(rate: .perSecond(MilliSatoshi(10_000)), to: [.init(payee)])
    terms.budget = MilliSatoshi(5_000_000)
    let stream = try await node.startStream(terms)
    let receipts = try await node.receipts(of: stream.id)
    try await node.stream(stream.id, .add(MilliSatoshi(100_000)))  // a boost
    for await receipt in receipts { print(receipt.amount, receipt.fee) }
}

private func shares(_ node: LightningNode, _ artist: NodeID, _ host: NodeID) async throws {
    var terms = StreamTerms(rate: .perSecond(MilliSatoshi(10_000)), to: [.init(artist, weight: 90), .init(host, weight: 10)])
    terms.duration = .seconds(3600)
    let stream = try await node.startStream(terms)
    try await node.stream(stream.id, .pause)
    try await node.stream(stream.id, .resume)
    try await node.stream(stream.id, .change(StreamRate(MilliSatoshi(300_000), per: .minute)))
}

private func wallet(_ folder: URL) async throws {
    let chain = try EmbeddedChain(path: nil)
    let wallet = WalletDirectory(folder)
    let words = try wallet.create()
    let node = try await LightningNode.start(wallet: wallet, chain: chain)
    let invoice = try await node.createInvoice(amount: MilliSatoshi(1_000_000), description: "coffee")
    for await event in node.events { print(event) }
    _ = (words, invoice)
}

private func client(_ token: String) async throws {
    let node = try RemoteNode(url: URL(string: "http://127.0.0.1:8080")!, token: token)  // or RemoteNode(socket: "…/control.sock")
    let invoice = try await node.invoice(amountMsat: 5_000_000, description: "coffee")
    print(invoice.bolt11)  // what the payer is given
    var state = try await node.waitinvoice(invoice: invoice.paymentHash)  // answers after a minute at the most
    while state.status == .unpaid || state.status == .settling { state = try await node.waitinvoice(invoice: invoice.paymentHash) }
    do { try await node.pay(bolt11: "lnbcrt…") } catch { print(error.kind, error.message) }
    for try await event in node.events(from: 1) where event.event == .paymentReceived { print(event.number, event.amountMsat ?? 0) }
}

private func limits(_ node: LightningNode, _ invoice: Invoice) async throws {
    var limits = PaymentLimits()
    limits.maxFee = MilliSatoshi(5_000)
    let payment = try await node.pay(invoice, limits: limits)
    print(payment.fee, payment.paidRoutes.count)
    for await update in node.paymentUpdates { print(update.attempts.count) }
}

private func testKit() async throws {
    let network = try await TestNetwork()  // alice and bob, and a channel of 1,000,000 sat
    let alice = try await network.node("alice")
    let bob = try await network.node("bob")
    let invoice = try await bob.createInvoice(amount: MilliSatoshi(1_000.sat), description: "coffee")
    try await alice.pay(invoice)
    await network.stop()
}

private func study() throws {
    var scenario = Scenario(
        "two hops", nodes: ["alice", "bob", "carol"],
        channels: [
            .init(from: 0, to: 1, capacity: Satoshi(1_000_000), pushed: .zero),
            .init(from: 1, to: 2, capacity: Satoshi(1_000_000), pushed: .zero),
        ], duration: .seconds(60))
    scenario.streams = [.init(from: 0, to: [.init(2)], rate: .perSecond(MilliSatoshi(10_000)))]
    let report = try ProtocolRun.run(scenario)
    print(report.streams[0].paidMsat, report.latencyP99 ?? 0)
    try HTMLReport(report).text.write(toFile: "report.html", atomically: true, encoding: .utf8)

    let rule = ScenarioChecker("bob keeps a reserve") { world in
        world.channels(of: 1).contains { $0.local < MilliSatoshi(Satoshi(50_000)) } ? "he has less than 50,000 sat in a channel" : nil
    }
    _ = try ProtocolRun.run(scenario, checkers: [rule])
}
