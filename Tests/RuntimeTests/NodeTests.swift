import BitcoinLedger
import CryptoPrimitives
import Foundation
import Lightning
import TestSupport
import Testing

/// Two nodes over real sockets and databases, on one layer 1 in memory.
@Suite("two nodes over TCP and SQLite", .serialized)
struct NodeTests {
    struct World {
        let folder: URL
        let chain: EmbeddedChain
        var alice: LightningNode
        let bob: LightningNode

        static func wallet(_ folder: URL, _ name: String) -> WalletDirectory { WalletDirectory(folder.appending(path: name)) }

        static func start(_ folder: URL, _ name: String, _ chain: EmbeddedChain) async throws -> LightningNode {
            let directory = wallet(folder, name)
            if !directory.exists { _ = try directory.create() }
            return try await LightningNode.start(wallet: directory, chain: chain)
        }

        init() async throws {
            folder = FileManager.default.temporaryDirectory.appending(path: "node-\(UUID().uuidString)")
            chain = try EmbeddedChain(path: nil, keepsJournal: true)
            alice = try await Self.start(folder, "alice", chain)
            bob = try await Self.start(folder, "bob", chain)
            try await mine(101, to: alice)
        }

        func mine(_ count: Int, to node: LightningNode) async throws {
            try await chain.mine(count, paying: node.newAddress().script)
            let height = await chain.tip().height
            try await alice.waitForBlock(height)
            try await bob.waitForBlock(height)
        }

        func open(push: UInt64 = 0) async throws -> ChannelID {
            try await alice.connect(bob.address!)
            let events = alice.events
            let id = try await alice.openChannel(to: bob.nodeID, amount: Satoshi(1_000_000), push: MilliSatoshi(Satoshi(push)))
            while await chain.mempoolIsEmpty { await Task.yield() }
            try await mine(3, to: alice)
            for await event in events {
                if case .channelUsable(id) = event { break }
            }
            return id
        }

        /// Until nothing is under way on either side.
        func settled() async throws {
            while true {
                let busy = try await alice.channels()[0].commitments.htlcs.count + bob.channels()[0].commitments.htlcs.count
                if busy == 0 { return }
                await Task.yield()
            }
        }

        func stop() async {
            BlockJournal.write(folder.lastPathComponent, await chain.minedBlocks.map { $0.serialized() })
            await alice.stop()
            await bob.stop()
        }
    }

    @Test("receipts and states of a stream end with it, and its payee has one row for all of its payments, also after a restart")
    func streams() async throws {
        var world = try await World()
        _ = try await world.open(push: 1000)
        // By the piece: nothing depends on what time it is.
        var terms = StreamTerms(rate: StreamRate(.zero, per: .second), to: [.init(world.bob.nodeID)])
        terms.maxFeeMillionths = 0
        let stream = try await world.alice.startStream(terms)
        let (receipts, states) = (try await world.alice.receipts(of: stream.id), try await world.alice.states(of: stream.id))
        var sum = MilliSatoshi.zero
        var iterator = receipts.makeAsyncIterator()
        for amount: UInt64 in [1000, 2500, 700] {
            try await world.alice.stream(stream.id, .add(MilliSatoshi(amount)))
            let receipt = try #require(await iterator.next())
            #expect(receipt.amount == MilliSatoshi(amount) && receipt.failure == nil && receipt.part.stream == stream.id)
            sum += receipt.amount
        }
        try await world.alice.stream(stream.id, .stop)
        #expect(await iterator.next() == nil)
        var last: PaymentStream?
        for await state in states { last = state }
        let end = try #require(last)
        #expect(end.isOver && end.paid == sum && end.succeeded == 3)
        await #expect(throws: NodeRefusal.self) { _ = try await world.alice.states(of: 99) }
        await #expect(throws: NodeRefusal.self) { _ = try await world.alice.receipts(of: 99) }
        for await receipt in try await world.alice.receipts(of: stream.id) { Issue.record("\(receipt)") }
        // One that is over tells so, and nothing more.
        var later: [PaymentStream] = []
        for await state in try await world.alice.states(of: stream.id) { later.append(state) }
        #expect(later == [end])
        try await world.settled()
        let incoming = try await world.bob.incomingStreams()
        #expect(incoming.map(\.received) == [sum] && incoming.map(\.payments) == [3] && incoming.first?.tag == end.tag(to: 0))
        let channel = try #require(try await world.alice.channels().first)
        await world.alice.stop()
        world.alice = try await World.start(world.folder, "alice", world.chain)
        #expect(try await world.alice.stream(stream.id) == end)
        #expect(try await world.alice.channels().first?.commitments.toLocal == channel.commitments.toLocal)
        #expect(try await world.alice.incomingStreams().isEmpty)
        await world.stop()
    }

    @Test("a channel lives from its opening to its close, and the money adds up")
    func life() async throws {
        let world = try await World()
        let id = try await world.open()
        for sat: UInt64 in [1, 400, 20_000, 100_000] {
            let invoice = try await world.bob.createInvoice(amount: MilliSatoshi(Satoshi(sat)), description: "\(sat)")
            let payment = try await world.alice.pay(invoice)
            #expect(payment.amount == MilliSatoshi(Satoshi(sat)))
        }
        let back = try await world.alice.createInvoice(amount: nil, description: "any")
        try await world.bob.pay(back, amount: MilliSatoshi(5_000_500))
        try await world.settled()
        let state = try await world.bob.channels()[0].commitments
        #expect(state.toLocal == MilliSatoshi(120_401_000 - 5_000_500))
        try await world.alice.closeChannel(id)
        while await world.chain.mempoolIsEmpty { await Task.yield() }
        try await world.mine(6, to: world.alice)
        #expect(try await world.bob.balance().onChainConfirmed == Satoshi(115_400))
        #expect(try await world.alice.channels()[0].isClosed)
        await world.stop()
    }

    @Test("money on its way is seen before a block holds it, and cannot be spent")
    func incoming() async throws {
        let world = try await World()
        let before = try await world.bob.balance()
        let address = try await world.bob.newAddress()
        _ = try await world.alice.send(to: address, amount: Satoshi(123_456))
        while try await world.bob.balance().onChainUnconfirmed == before.onChainUnconfirmed { await Task.yield() }
        let after = try await world.bob.balance()
        #expect(after.onChainUnconfirmed == before.onChainUnconfirmed.saturatingAdding(Satoshi(123_456)))
        #expect(after.onChainConfirmed == before.onChainConfirmed)
        // What alice has left is her own change, counted once.
        let alices = try await world.alice.balance()
        #expect(alices.onChainUnconfirmed > .zero)
        try await world.mine(1, to: world.alice)
        let mined = try await world.bob.balance()
        #expect(mined.onChainUnconfirmed == before.onChainUnconfirmed)
        #expect(mined.onChainConfirmed == before.onChainConfirmed.saturatingAdding(Satoshi(123_456)))
        await world.stop()
    }

    @Test("payments that must fail fail clearly and move nothing")
    func refusals() async throws {
        let world = try await World()
        _ = try await world.open(push: 100_000)
        let before = try await world.alice.channels()[0].commitments.toLocal
        func refusal(_ body: () async throws -> Void) async -> String {
            do {
                try await body()
                return "accepted"
            } catch { return "\(error)" }
        }
        let invoice = try await world.bob.createInvoice(amount: MilliSatoshi(7_000_000), description: "once")
        try await world.alice.pay(invoice)
        #expect(await refusal { try await world.alice.pay(invoice) }.contains("paid already"))
        #expect(await refusal { try await world.bob.pay(invoice) }.contains("this node itself"))
        let large = try await world.bob.createInvoice(amount: MilliSatoshi(Satoshi(950_000)))
        #expect(await refusal { try await world.alice.pay(large) }.contains("our channels can send"))
        let any = try await world.bob.createInvoice(amount: nil)
        #expect(await refusal { try await world.alice.pay(any) }.contains("say how much"))
        #expect(await refusal { try await world.alice.pay(invoice, amount: MilliSatoshi(1)) }.contains("paid already"))
        let wrong = try await world.bob.createInvoice(amount: MilliSatoshi(1000))
        #expect(await refusal { try await world.alice.pay(wrong, amount: MilliSatoshi(999)) }.contains("asks for"))
        var tampered = try await world.bob.createInvoice(amount: MilliSatoshi(1_000_000))
        tampered.paymentSecret = any.paymentSecret
        #expect(await refusal { try await world.alice.pay(tampered) }.contains("incorrect_or_unknown_payment_details"))
        var foreign = wrong
        foreign.network = .mainnet
        #expect(await refusal { try await world.alice.pay(foreign) }.contains("mainnet"))
        var expired = wrong
        expired.expiry = .zero
        #expect(await refusal { try await world.alice.pay(expired) }.contains("expired"))
        let tooLarge = await refusal { try await world.alice.openChannel(to: world.bob.nodeID, amount: Satoshi(2_000_000_0000_0000)) }
        #expect(tooLarge.contains("not enough on chain"), "\(tooLarge)")
        try await world.settled()
        #expect(try await world.alice.channels()[0].commitments.toLocal == before - MilliSatoshi(7_000_000))
        await world.stop()
    }

    @Test("a node goes on where it was after a restart")
    func restart() async throws {
        var world = try await World()
        _ = try await world.open(push: 200_000)
        let invoice = try await world.bob.createInvoice(amount: MilliSatoshi(1_234_567), description: "before")
        try await world.alice.pay(invoice)
        try await world.settled()
        let before = try await world.alice.channels()[0].commitments
        await world.alice.stop()
        world.alice = try await World.start(world.folder, "alice", world.chain)
        #expect(try await world.alice.channels()[0].commitments == before)
        try await world.alice.connect(world.bob.address!)
        while true {
            let both = try await [world.alice.channels()[0].isUsable, world.bob.channels()[0].isUsable]
            if both == [true, true] { break }
            await Task.yield()
        }
        let again = try await world.alice.createInvoice(amount: MilliSatoshi(5_000), description: "after")
        try await world.bob.pay(again)
        #expect(try await world.alice.payments().records.count == 1)
        #expect(try await world.alice.invoices().records.count == 1)
        await world.stop()
    }

    @Test("lists are read by page over what is under way and what is over: each once, the newest first")
    func pages() async throws {
        let world = try await World()
        _ = try await world.open()
        var hashes: [PaymentHash] = []
        for number in 1...6 {
            let invoice = try await world.bob.createInvoice(amount: MilliSatoshi(UInt64(number) * 1000), description: "\(number)")
            hashes.append(invoice.paymentHash)
            // Every other one is paid, and goes to disk.
            if number.isMultiple(of: 2) { try await world.alice.pay(invoice) }
        }
        try await world.settled()
        for limit in [1, 2, 4, 6, 100, Int.max] {
            var (found, next): ([InvoiceRecord], HistoryPosition?) = ([], nil)
            repeat {
                let page = try await world.bob.invoices(limit: limit, before: next)
                #expect(page.records.count <= limit)
                found += page.records
                next = page.next
            } while next != nil
            #expect(Set(found.map(\.invoice.paymentHash)) == Set(hashes) && found.count == 6)
            #expect(found.map(\.position) == found.map(\.position).sorted(by: >))
        }
        #expect(try await world.bob.invoices(limit: -5).records.isEmpty)
        let large = try await world.alice.payments { $0.amount > MilliSatoshi(3000) }
        #expect(large.records.map(\.amount) == [MilliSatoshi(6000), MilliSatoshi(4000)] && large.next == nil)
        await world.stop()
    }

    @Test("whoever waits for a payment when the node stops is told that it may still happen, and it does")
    func stopped() async throws {
        var world = try await World()
        _ = try await world.open()
        let preimage = try #require(PaymentPreimage(hex: String(repeating: "07", count: 32)))
        let hold = try await world.bob.createHoldInvoice(preimage.paymentHash, amount: MilliSatoshi(5000), description: "")
        let (alice, events) = (world.alice, world.bob.events)
        let payment = Task { try await alice.pay(hold) }
        for await event in events { if case .paymentHeld = event { break } }
        await alice.stop()
        await #expect(throws: NodeRefusal.stopped) { try await payment.value }
        world.alice = try await World.start(world.folder, "alice", world.chain)
        let outcomes = world.alice.events
        try await world.alice.connect(world.bob.address!)
        try await world.bob.settle(preimage)
        for await event in outcomes { if case .paymentSucceeded = event { break } }
        #expect(try await world.alice.payments().records.count == 1)
        await world.stop()
    }

    @Test("whatever is asked of a node that is stopped is refused, and its events end")
    func afterStop() async throws {
        let world = try await World()
        let id = try await world.open()
        let (node, bob) = (world.alice, world.bob)
        let invoice = try await bob.createInvoice(amount: MilliSatoshi(1000), description: "")
        let (before, waiter) = (node.events, Task { try await node.waitForBlock(100_000) })
        // Many at once while it stops: each has an answer.
        let askers = (0..<50).map { _ in Task { try await node.balance() } }
        async let first: Void = node.stop()
        async let second: Void = node.stop()
        _ = await (first, second)
        for asker in askers { _ = await asker.result }
        for await _ in before {}
        for await _ in node.events { Issue.record("an event after the end") }
        await #expect(throws: NodeRefusal.stopped) { try await waiter.value }
        await #expect(throws: NodeRefusal.stopped) { try await node.balance() }
        await #expect(throws: NodeRefusal.stopped) { try await node.channels() }
        await #expect(throws: NodeRefusal.stopped) { try await node.payments() }
        await #expect(throws: NodeRefusal.stopped) { try await node.pay(invoice) }
        await #expect(throws: NodeRefusal.stopped) { try await node.newAddress() }
        await #expect(throws: NodeRefusal.stopped) { try await node.connect(bob.address!) }
        await #expect(throws: NodeRefusal.stopped) { try await node.remember(bob.address!) }
        await #expect(throws: NodeRefusal.stopped) { try await node.closeChannel(id) }
        await node.stop()
        await world.stop()
    }

    @Test("an address of another network is no address here, and an unknown channel has no policy")
    func foreign() async throws {
        let world = try await World()
        let address = try #require(Address("bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4", network: .mainnet))
        await #expect(throws: NodeRefusal.self) { try await world.alice.send(to: address, amount: Satoshi(10_000)) }
        #expect(try await world.alice.balance().onChainUnconfirmed == .zero)
        // As a QR code has it.
        let own = try await world.bob.newAddress()
        let capitals = try #require(Address(own.description.uppercased(), network: .regtest))
        let paid = try await world.alice.send(to: capitals, amount: Satoshi(10_000))
        #expect(paid.outputs.contains { $0.script == own.script })
        await #expect(throws: NodeRefusal.unknownChannel) { try await world.alice.forwardingPolicy(of: ChannelID(.zero)) }
        await world.stop()
    }

    @Test("a busy port, a second daemon on a wallet, nobody at the other end")
    func busy() async throws {
        let world = try await World()
        let directory = World.wallet(world.folder, "carol")
        _ = try directory.create()
        var options = LightningNode.Options()
        options.port = world.bob.port
        await #expect(throws: NodeFailure.self) {
            try await LightningNode.start(wallet: directory, chain: world.chain, options: options)
        }
        await #expect(throws: StoreFailure.self) {
            try await LightningNode.start(wallet: World.wallet(world.folder, "bob"), chain: world.chain)
        }
        var wrong = world.bob.address!
        wrong.nodeID = world.alice.nodeID
        await #expect(throws: NodeFailure.self) { try await world.alice.connect(NodeAddress("\(wrong.nodeID)@127.0.0.1:1")!) }
        #expect(throws: WalletDirectoryFailure.self) { try World.wallet(world.folder, "bob").create() }
        await world.stop()
    }
}
