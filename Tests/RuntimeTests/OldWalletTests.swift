import BitcoinPrimitives
import CryptoPrimitives
import Foundation
import LightningChain
import LightningChannel
import LightningCore
import LightningEnforcement
import LightningInvoice
import LightningPayment
import LightningRecords
import LightningRouting
import LightningSimulation
import LightningStorage
import LightningTransactions
import LightningWire
import Testing

/// Databases that an earlier version wrote: a later one opens them with every channel, payment, invoice and coin, and goes on.
///
/// `Wallets/<version>` holds the databases of three nodes in a line, the blocks of their layer 1, and what that version read in them. They
/// are never written again; `LIGHTNING_WRITE_WALLETS=1` writes those of `current`, for a version that has none yet.
@Suite("wallets of earlier versions")
struct OldWalletTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Wallets")
    static let current = "0.2.0"
    static let names = ["alice", "bob", "carol"]
    static let seed: UInt64 = 4711
    static let heldByBob = PaymentPreimage(Hash.tagged("held", [1]))
    static let heldByCarol = PaymentPreimage(Hash.tagged("held", [2]))

    static var configuration: NodeConfiguration {
        var configuration = NodeConfiguration()
        configuration.gossip.flushInterval = .milliseconds(1000)
        return configuration
    }

    // MARK: Making one

    /// A line of three with channels in every phase, payments that ended either way, and two that are held: one by its payee bob, one by
    /// carol, which bob forwards.
    static func world() throws -> SimulatedWorld {
        var random = SeededRandom(seed: 1)
        var world = SimulatedWorld(seed: seed, names: names, configuration: configuration)
        try world.build(
            Topology(.line, nodes: 3, using: &random), capacity: { _ in Satoshi(1_000_000) }, push: { _ in MilliSatoshi(400_000_000) })
        func open(_ from: Int, _ to: Int, _ amount: UInt64, isMined: Bool = true) throws -> ChannelID {
            let before = Set(world.nodes[from].core!.channels.keys)
            try world.command(
                from, .openChannel(world.nodes[to].nodeID, amount: Satoshi(amount), push: MilliSatoshi(Satoshi(amount / 4)), feeRate: nil))
            try world.run(limit: .milliseconds(2000))
            if isMined {
                try world.mine(3)
                try world.run(limit: .milliseconds(2000))
            }
            return try #require(Set(world.nodes[from].core!.channels.keys).subtracting(before).first)
        }
        func pay(_ payer: Int, _ payee: Int, _ msat: UInt64) throws {
            guard
                case .invoice(let record)? = try world.ask(
                    payee, .createInvoice(amount: MilliSatoshi(msat), .text("old"), expiry: .seconds(86_400)))
            else { return }
            try world.command(payer, .pay(record.invoice, amount: nil))
            try world.pass(3)
        }
        func hold(_ payer: Int, _ payee: Int, _ preimage: PaymentPreimage, _ msat: UInt64) throws {
            guard
                case .invoice(let record)? = try world.ask(
                    payee, .createHoldInvoice(preimage.paymentHash, amount: MilliSatoshi(msat), .text("held"), expiry: .seconds(86_400)))
            else { return }
            try world.command(payer, .pay(record.invoice, amount: nil))
            try world.pass(3)
        }
        let closed = try open(0, 1, 300_000)
        let forced = try open(1, 0, 250_000)
        for msat: UInt64 in [1000, 20_000_000, 60_000_000] { try pay(0, 2, msat) }
        try pay(2, 0, 10_000_000)
        try pay(1, 0, 7_000_000)
        // Too much for the line: it fails.
        try pay(2, 0, 900_000_000)
        try world.command(1, .keysend(world.nodes[2].nodeID, amount: MilliSatoshi(123_456), customRecords: [65_537: [1, 2, 3]]))
        try world.command(0, .probe(world.nodes[2].nodeID, amount: MilliSatoshi(50_000_000)))
        try world.pass(3)
        try world.command(0, .closeChannel(closed, to: nil))
        try world.run(limit: .milliseconds(3000))
        try world.mine(8)
        try world.command(1, .forceCloseChannel(forced))
        try world.mine(2)
        try world.pass(2)
        var policy = ForwardingPolicy()
        policy.feeBase = 777
        let line = try #require(world.nodes[1].core!.channels.values.first { $0.parameters.remoteNodeID == world.nodes[2].nodeID })
        try world.command(1, .setForwardingPolicy(line.id, policy))
        _ = try world.ask(0, .createInvoice(amount: nil, .text("unpaid"), expiry: .seconds(3600)))
        _ = try open(1, 2, 100_000, isMined: false)
        try hold(0, 1, heldByBob, 30_000_000)
        try hold(0, 2, heldByCarol, 40_000_000)
        return world
    }

    static func write(_ version: String) throws {
        let target = folder.appending(path: version)
        try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
        let world = try world()
        for node in world.nodes {
            let path = target.appending(path: "\(node.name).sqlite").path
            let store = try SQLiteStore(path: path)
            try store.commit(
                StoreTable.allCases.flatMap { table in
                    node.store.entries(StoreQuery(table: table, prefix: [], limit: .max)).map {
                        StoreWrite.put(table, key: $0.key, record: $0.record)
                    }
                })
            store.close()
        }
        let lines = ["\(world.now.milliseconds)"] + world.minedBlocks.map { Hex.encode($0.serialized()) }
        try Data((lines.joined(separator: "\n") + "\n").utf8).write(to: target.appending(path: "blocks.txt"))
        try Data((world.nodes.map { Self.summary($0.name, $0.core!) }.joined(separator: "\n")).utf8)
            .write(to: target.appending(path: "summary.txt"))
    }

    // MARK: Reading it

    /// All that a node's owner has, in words.
    static func summary(_ name: String, _ core: NodeCore) -> String {
        var lines = ["node \(name) \(core.nodeID) at block \(core.chain.height)"]
        for (id, channel) in core.channels.sorted(by: { $0.key < $1.key }) {
            let state = channel.commitments
            lines.append(
                "channel \(id) \(channel.stateName) \(channel.parameters.fundingAmount.value) local \(state.toLocal.value) remote \(state.toRemote.value)"
                    + " numbers \(state.localNumber)/\(state.remoteNumber) close \(channel.close?.kind.description ?? "none")"
                    + " outputs \(channel.close?.outputs.count ?? 0)")
            for htlc in state.orderedHTLCs { lines.append("  htlc \(htlc.id) \(htlc.state) \(htlc.amount.value) \(htlc.paymentHash)") }
            lines.append("  forwards for \(core.forwardingPolicy(of: id).feeBase) msat")
        }
        for (hash, record) in core.invoices.sorted(by: { $0.key < $1.key }) {
            lines.append("invoice \(hash) \(record.statusName) \(record.receivedAmount.value) custom \(record.customRecords.count)")
        }
        for (hash, payment) in core.outgoingPayments.sorted(by: { $0.key < $1.key }) {
            let status =
                switch payment.status {
                case .pending: "pending"
                case .succeeded: "succeeded"
                case .failed: "failed"
                }
            lines.append("payment \(hash) \(status) \(payment.amount.value) fee \(payment.fee.value) attempts \(payment.attempts.count)")
        }
        for circuit in core.circuits.all {
            lines.append(
                "forward \(circuit.incoming.paymentHash) \(circuit.amount.value) fee \(circuit.fee.value) ended \(circuit.hasEnded)")
        }
        let totals = core.circuits.totals
        lines.append("forwarded \(totals.forwards) failed \(totals.failures) earned \(totals.fees.value)")
        for coin in core.wallet.coins.sorted(by: { $0.key < $1.key }) { lines.append("coin \(coin.key) \(coin.value.output.amount.value)") }
        lines.append("graph \(core.gossip.graph.channelCount) channels, \(core.gossip.graph.nodeCount) nodes")
        return lines.joined(separator: "\n") + "\n"
    }

    /// The databases of a version, copied to where they may be changed.
    static func stores(_ version: String) throws -> [StoreContents] {
        let scratch = FileManager.default.temporaryDirectory.appending(path: "old-wallet-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: scratch, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: scratch) }
        return try names.map { name in
            let copy = scratch.appending(path: "\(name).sqlite")
            try FileManager.default.copyItem(at: folder.appending(path: version).appending(path: "\(name).sqlite"), to: copy)
            let store = try SQLiteStore(path: copy.path)
            defer { store.close() }
            var contents = try store.load()
            for table in StoreTable.allCases where !table.isLoadedAtStart {
                let entries = try store.entries(StoreQuery(table: table, prefix: [], limit: .max))
                contents.apply(entries.map { .put(table, key: $0.key, record: $0.record) })
            }
            return contents
        }
    }

    static func chain(_ version: String) throws -> (now: Timestamp, blocks: [Block]) {
        let lines = try String(contentsOf: folder.appending(path: version).appending(path: "blocks.txt"), encoding: .utf8)
            .split(separator: "\n")
        return (Timestamp(milliseconds: try #require(UInt64(lines[0]))), try lines.dropFirst().map { try Block(Hex.decode($0)!) })
    }

    @Test("a wallet is read with all that was in it, and goes on", arguments: [current])
    func goesOn(version: String) throws {
        if version == Self.current, ProcessInfo.processInfo.environment["LIGHTNING_WRITE_WALLETS"] != nil { try Self.write(version) }
        let stores = try Self.stores(version)
        let cores = try stores.enumerated().map { index, store in
            try NodeCore(
                configuration: Self.configuration, keys: SimulatedWorld.keys(Self.seed, index), entropy: .system(), store: store)
        }
        let summary = zip(Self.names, cores).map { Self.summary($0, $1) }.joined(separator: "\n")
        #expect(try summary == String(contentsOf: Self.folder.appending(path: version).appending(path: "summary.txt"), encoding: .utf8))

        let (now, blocks) = try Self.chain(version)
        var world = try SimulatedWorld(
            seed: Self.seed, resuming: Self.names, blocks: blocks, stores: stores, now: now, configuration: Self.configuration)
        world.join(0, 1)
        world.join(1, 2)
        try world.pass(5)
        // What was held is still held, and what was forwarded comes back.
        try world.command(1, .settle(Self.heldByBob.paymentHash, Self.heldByBob))
        try world.command(2, .settle(Self.heldByCarol.paymentHash, Self.heldByCarol))
        try world.pass(5)
        for preimage in [Self.heldByBob, Self.heldByCarol] {
            let payment = try #require(world.nodes[0].payments[preimage.paymentHash])
            guard case .succeeded(preimage, _) = payment.status else {
                Issue.record("\(payment.status)")
                return
            }
        }
        #expect(world.nodes[1].core!.circuits.pending.isEmpty)
        #expect(world.nodes[1].core!.circuits.totals.forwards == cores[1].circuits.totals.forwards + 1)
        // The channel that was being opened is, and the one that was being closed as well.
        for _ in 0..<16 {
            try world.mine(10)
            try world.pass(1)
        }
        let states = world.nodes[1].core!.channels.values.map(\.stateName).sorted()
        #expect(states == ["closed", "closed", "normal", "normal", "normal"])
        try world.checkNetwork()
    }
}
