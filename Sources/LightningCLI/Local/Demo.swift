import ArgumentParser
import BitcoinBackend
import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import Foundation
import LightningAPI
import LightningChannel
import LightningCore
import LightningEnforcement
import LightningInvoice
import LightningRuntime
import LightningTransactions
import LightningWire
import Logging

struct Demo: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Two nodes open a channel, pay each other a thousand times and close it: everything real, in a few seconds.")
    @OptionGroup var options: CommonOptions
    @Flag(help: "The other ending: bob publishes an old state, and alice takes everything.") var cheat = false
    @Option(help: "How many payments.") var payments = 1000
    @Flag(help: "No progress.") var quiet = false
    @Option(help: "Write every mined block to this file, in hex, a line each.") var blocks: String?

    func run() async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "lnw-demo-\(UUID().uuidString.prefix(8))")
        defer { try? FileManager.default.removeItem(at: directory) }
        guard payments > 0, payments <= 1_000_000 else { throw CallFailure(.usage, "1 to 1000000 payments") }
        let world = try LocalWorld(path: nil, keepsJournal: true)
        let clock = ContinuousClock()
        var story = DemoStory(isQuiet: quiet || options.json)

        try await world.prepare()
        story.say("layer 1", "regtest in memory, \(await world.chain.tip().height) blocks mined")
        let alice = try await start("alice", directory, world)
        let bob = try await start("bob", directory, world)
        story.say(
            "nodes",
            "alice \(Format.short(alice.nodeID.hex)) @127.0.0.1:\(alice.port!)   bob \(Format.short(bob.nodeID.hex)) @127.0.0.1:\(bob.port!)"
        )

        _ = try await world.fund(try await alice.newAddress().script, Satoshi(5_000_000))
        let initial = try await alice.balance().onChainConfirmed
        try await alice.connect(bob.address!)
        let opened = clock.now
        let channel = try await alice.openChannel(to: bob.nodeID, amount: Satoshi(1_000_000), push: MilliSatoshi(Satoshi(300_000)))
        // The funding transaction goes to the mempool right after the channel is stored.
        while await world.chain.mempoolIsEmpty { try await Task.sleep(for: .milliseconds(2)) }
        _ = try await world.mine(3)
        try await usable(alice, channel)
        try await usable(bob, channel)
        let opening = clock.now - opened
        let scid = try await alice.channels()[0].shortChannelID!
        story.say(
            "channel",
            "1,000,000 sat, anchors, confirmed in block \(scid.block) (\(scid)), open to first payment \(milliseconds(opening)) ms")

        var stale: Transaction?
        let payer = DemoPayer(alice: alice, bob: bob)
        let first = cheat ? payments / 2 : payments
        var result = try await payer.pay(first, total: payments, isQuiet: quiet || options.json)
        if cheat {
            stale = try await bob.signedCommitment(of: channel)
            let rest = try await payer.pay(
                payments - first, total: payments, already: first, isQuiet: quiet || options.json, onlyToBob: false)
            // One payment back to alice makes the old state the better one for bob.
            let back = try await alice.createInvoice(amount: MilliSatoshi(Satoshi(100_000)), description: "bob pays back")
            try await bob.pay(back)
            result.add(rest)
        }
        story.say(
            "paying",
            "\(Format.thousands(UInt64(result.count))) payments in \(String(format: "%.2f", result.seconds)) s: \(Format.thousands(UInt64(result.rate)))/s   p50 \(milliseconds(result.percentile(0.5))) ms  p99 \(milliseconds(result.percentile(0.99))) ms"
        )
        // A payment is proven by its preimage; a moment later both commitments have settled too.
        while try await !alice.channels()[0].commitments.htlcs.isEmpty { try await Task.sleep(for: .milliseconds(2)) }
        let a = try await alice.channels()[0].commitments
        story.say(
            "balances",
            "alice \(Format.msat(a.toLocal.value))   bob \(Format.msat(a.toRemote.value))   sum \(Format.msat((a.toLocal + a.toRemote).value))"
        )

        if let stale {
            try await breach(world, alice: alice, bob: bob, channel: channel, stale, &story)
        } else {
            try await alice.closeChannel(channel)
            while await world.chain.mempoolIsEmpty { try await Task.sleep(for: .milliseconds(2)) }
            let height = try await world.mine(1)
            story.say("closed", "cooperatively in block \(height)")
        }
        try await finish(world, alice, bob, initial, result, &story)
        await alice.stop()
        await bob.stop()
        if let blocks {
            let lines = await world.chain.minedBlocks.map { Hex.encode($0.serialized()) }
            try (lines.joined(separator: "\n") + "\n").write(toFile: blocks, atomically: true, encoding: .utf8)
        }
    }

    private func start(_ name: String, _ directory: URL, _ world: LocalWorld) async throws -> LightningNode {
        let wallet = WalletDirectory(directory.appending(path: name))
        _ = try wallet.create()
        var nodeOptions = LightningNode.Options()
        nodeOptions.logger = Logging.logger(name)
        if cheat { nodeOptions.logger.logLevel = .critical }
        let node = try await LightningNode.start(wallet: wallet, chain: world.chain, options: nodeOptions)
        await world.add(node, name: name)
        return node
    }

    private func usable(_ node: LightningNode, _ id: ChannelID) async throws {
        let events = node.events
        if try await node.channels().contains(where: { $0.id == id && $0.isUsable }) { return }
        for await event in events {
            if case .channelUsable(id) = event { return }
        }
    }

    private func breach(
        _ world: LocalWorld, alice: LightningNode, bob: LightningNode, channel: ChannelID, _ stale: Transaction,
        _ story: inout DemoStory
    ) async throws {
        try await world.chain.publish(stale)
        let height = try await world.mine(1)
        story.say("cheating", "bob publishes a revoked state: it is mined in block \(height)")
        for _ in 0..<8 {
            try await Task.sleep(for: .milliseconds(50))
            _ = try await world.mine(1)
        }
        let close = try await alice.channels().first { $0.id == channel }?.close
        let taken =
            close?.outputs.filter { output in
                if case .resolved(_, _, true) = output.status { return true }
                return false
            }.reduce(UInt64(0)) { $0 + $1.output.amount.value } ?? 0
        story.say("punished", "alice sees it and takes every output: \(Format.sat(taken)) before fees; bob is left with nothing")
        story.isBreach = true
    }

    private func finish(
        _ world: LocalWorld, _ alice: LightningNode, _ bob: LightningNode, _ initial: Satoshi, _ result: DemoResult,
        _ story: inout DemoStory
    ) async throws {
        let channel = try await alice.channels()[0]
        // The funding transaction and all that spends from the channel.
        var transactions: [(size: Int, fee: UInt64)] = []
        var tracked: Set<TransactionID> = [channel.parameters.funding.transaction]
        for block in await world.chain.minedBlocks {
            for transaction in block.transactions.dropFirst() {
                let id = transaction.id
                let spends = transaction.inputs.contains { tracked.contains($0.previousOutput.transaction) }
                guard id == channel.parameters.funding.transaction || spends else { continue }
                tracked.insert(id)
                var input = UInt64(0)
                for spent in transaction.inputs.map(\.previousOutput) {
                    let source = await world.chain.transaction(spent.transaction)
                    input += source?.outputs[Int(spent.index)].amount.value ?? 0
                }
                let output = transaction.outputs.reduce(UInt64(0)) { $0 + $1.amount.value }
                transactions.append((transaction.virtualSize, input - output))
            }
        }
        let a = try await alice.balance()
        let b = try await bob.balance()
        let fees = transactions.reduce(UInt64(0)) { $0 + $1.fee }
        let bytes = transactions.reduce(0) { $0 + $1.size }
        let left = (a.onChainConfirmed + a.onChainUnconfirmed + b.onChainConfirmed + b.onChainUnconfirmed).value
        // Under a breach anchors are not worth claiming: they stay where they are.
        let anchors = story.isBreach ? await unspentAnchors(channel, world.chain) : 0
        let isExact = left + fees + anchors == initial.value
        let seconds = result.count / 7
        let value: JSONValue = [
            "payments": .integer(Int64(result.count)), "on_chain_transactions": .integer(Int64(transactions.count)),
            "on_chain_vbytes": .integer(Int64(bytes)), "fees_sat": .amount(fees),
            "payments_per_second": .integer(Int64(result.rate)),
            "alice_on_chain_sat": .amount((a.onChainConfirmed + a.onChainUnconfirmed).value),
            "bob_on_chain_sat": .amount((b.onChainConfirmed + b.onChainUnconfirmed).value),
            "unclaimed_anchors_sat": .amount(anchors), "initial_sat": .amount(initial.value), "adds_up": .bool(isExact),
        ]
        options.show(value) { _ in
            let n = UInt64(result.count)
            // Layer 1 alone at the fee rate that the channel's own transactions paid.
            let alone = n * 141 * fees / UInt64(max(1, bytes))
            var rows: [(String, String, String)] = [
                ("", "channel", "layer 1 alone"), ("payments", Format.thousands(n), Format.thousands(n)),
                ("on-chain transactions", "\(transactions.count)", Format.thousands(n)),
                ("bytes on chain", "\(Format.thousands(UInt64(bytes))) vB", "\(Format.thousands(n * 141)) vB"),
                ("fees", Format.sat(fees), Format.sat(alone)),
                (
                    "time", "\(String(format: "%.2f", result.seconds)) s",
                    "\(Format.thousands(UInt64(seconds))) s at 7 tx/s (first confirmation 600 s)"
                ),
            ]
            rows.append(("alice, on chain", Format.sat((a.onChainConfirmed + a.onChainUnconfirmed).value), ""))
            rows.append(("bob, on chain", Format.sat((b.onChainConfirmed + b.onChainUnconfirmed).value), ""))
            if anchors > 0 { rows.append(("left in anchors", Format.sat(anchors), "")) }
            let verdict = isExact ? "✓ to the satoshi" : "✗ \(initial.value) expected"
            rows.append(("with fees in all", Format.sat(left + fees + anchors), verdict))
            return "\n"
                + rows.map { "\(Format.pad($0.0, 23))\(Format.pad($0.1, 20))\($0.2)".trimmingTrailingSpaces }.joined(separator: "\n")
        }
        guard isExact else { throw CallFailure(.internal, "the balances do not add up") }
    }

    private func unspentAnchors(_ channel: PaymentChannel, _ chain: EmbeddedChain) async -> UInt64 {
        guard let close = channel.close, let transaction = await chain.transaction(close.transaction) else { return 0 }
        var sum = UInt64(0)
        for (position, output) in transaction.outputs.enumerated() where output.amount == Satoshi(330) {
            if await chain.coin(OutPoint(close.transaction, UInt32(position))) != nil { sum += 330 }
        }
        return sum
    }
}

/// Prints the story line by line.
struct DemoStory {
    let isQuiet: Bool
    var isBreach = false

    init(isQuiet: Bool) { self.isQuiet = isQuiet }

    func say(_ label: String, _ text: String) {
        if !isQuiet { Terminal.out("\(Format.pad(label, 10))\(text)") }
    }
}

func milliseconds(_ duration: Duration) -> Int64 {
    duration.components.seconds * 1000 + duration.components.attoseconds / 1_000_000_000_000_000
}

struct DemoResult {
    var latencies: [Duration] = []
    var seconds: Double = 0
    var count: Int { latencies.count }
    var rate: Int { seconds > 0 ? Int(Double(count) / seconds) : 0 }

    mutating func add(_ other: DemoResult) {
        latencies += other.latencies
        seconds += other.seconds
    }

    func percentile(_ fraction: Double) -> Duration {
        guard !latencies.isEmpty else { return .zero }
        let sorted = latencies.sorted()
        return sorted[min(sorted.count - 1, Int(Double(sorted.count) * fraction))]
    }
}

/// Pays invoices of mixed sizes in both directions, many at once.
struct DemoPayer {
    let alice: LightningNode
    let bob: LightningNode
    /// Payments under way at once.
    static let width = 100

    func pay(_ count: Int, total: Int, already: Int = 0, isQuiet: Bool, onlyToBob: Bool = false) async throws -> DemoResult {
        var result = DemoResult()
        guard count > 0 else { return result }
        var bar = ProgressBar(total: total, isQuiet: isQuiet)
        let clock = ContinuousClock()
        let start = clock.now
        let width = min(Self.width, count)
        try await withThrowingTaskGroup(of: Duration.self) { group in
            for number in 0..<width { group.addTask { try await one(number, clock) } }
            var next = width
            while let latency = try await group.next() {
                result.latencies.append(latency)
                bar.update(already + result.count, label: "paying    ")
                guard next < count else { continue }
                let number = next
                next += 1
                group.addTask { try await one(number, clock) }
            }
        }
        let elapsed = clock.now - start
        result.seconds = Double(elapsed.components.seconds) + Double(elapsed.components.attoseconds) / 1e18
        return result
    }

    /// Every third payment is dust; directions alternate.
    private func one(_ number: Int, _ clock: ContinuousClock) async throws -> Duration {
        let (payer, payee) = number % 2 == 0 ? (alice, bob) : (bob, alice)
        let msat: UInt64 = number % 3 == 0 ? UInt64(1_000 + number % 97 * 1000) : UInt64(600_000 + number % 1401 * 1000)
        let started = clock.now
        let invoice = try await payee.createInvoice(amount: MilliSatoshi(msat), description: "payment \(number)")
        try await payer.pay(invoice)
        return clock.now - started
    }
}
