import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningRecords
import LightningSimulation
import LightningTransactions
import LightningWire
import TestSupport
import Testing

@testable import LightningChain
@testable import LightningCore

/// The wallet's transactions: raising what they pay, taking a channel back, and the history of them; each judged by the ledger.
@Suite("transactions that wait, and those that were mined", .ownThreads)
struct WalletTransactionTests {
    private static let slow = FeeChoice.rate(.floor)
    private static let elsewhere = Script.p2wpkh(SecretKey(Hash.sha256([9]))!.publicKey())

    private static func world(_ seed: UInt64) throws -> SimulatedWorld {
        var world = SimulatedWorld(seed: seed, names: ["alice", "bob"])
        try world.fund(0)
        world.join(0, 1)
        try world.run(limit: .milliseconds(2000))
        return world
    }

    private static func transaction(_ response: NodeResponse?) throws -> Transaction {
        guard case .transaction(let transaction)? = response else { throw NodeRefusal.invalid("no transaction") }
        return transaction
    }

    private static func refusal(_ world: inout SimulatedWorld, _ command: NodeCommand) throws -> NodeRefusal? {
        let request = try world.command(0, command)
        guard case .failure(let refusal)? = world.nodes[0].answers[request] else { return nil }
        return refusal
    }

    private static func history(_ world: SimulatedWorld, _ index: Int) throws -> [WalletTransaction] {
        try world.nodes[index].store.records(.walletHistory).map { try WalletTransaction(record: $0) }
    }

    /// A transaction in the mempool.
    private static func waiting(_ world: SimulatedWorld, _ id: TransactionID) -> Transaction? {
        world.ledger.transaction(id).flatMap { $0.block == nil ? $0.transaction : nil }
    }

    private static func onChain(_ world: SimulatedWorld, _ index: Int) -> UInt64 {
        let balance = world.nodes[index].core!.wallet.balance(height: world.ledger.height)
        return balance.confirmed.value + balance.unconfirmed.value + balance.immature.value
    }

    /// Opens a channel whose funding transaction pays little.
    private static func open(_ world: inout SimulatedWorld) throws -> ChannelID {
        try world.command(
            0, .openChannel(world.nodes[1].nodeID, amount: Satoshi(500_000), push: .zero, feeRate: nil, funding: slow))
        try world.run(limit: .milliseconds(2000))
        return try #require(world.nodes[0].core!.channels.ids.first)
    }

    @Test("a payment is replaced by one that pays more, as often as wanted, and the last one is mined")
    func replaced() throws {
        var world = try Self.world(51)
        let before = Self.onChain(world, 0)
        let first = try Self.transaction(try world.ask(0, .send(Self.elsewhere, amount: Satoshi(50_000), fee: Self.slow)))
        #expect(
            try Self.refusal(&world, .bumpFee(first.id, Self.slow)) == .bump(.enough(world.nodes[0].core!.wallet.feeRate(of: first.id)!)))
        let second = try Self.transaction(try world.ask(0, .bumpFee(first.id, .rate(FeeRate(perKiloweight: 2000)))))
        #expect(second.outputs[0] == first.outputs[0] && second.inputs.map(\.previousOutput) == first.inputs.map(\.previousOutput))
        #expect(Self.waiting(world, first.id) == nil && Self.waiting(world, second.id) != nil)
        #expect(try Self.refusal(&world, .bumpFee(first.id, nil)) == .bump(.unknown))
        let third = try Self.transaction(try world.ask(0, .bumpFee(second.id, nil)))
        #expect(Self.waiting(world, third.id) != nil)
        // A restart goes on with the last one.
        world.kill(0)
        try world.pass(2)
        #expect(world.nodes[0].core!.wallet.pending.keys.map(\.self) == [third.id])
        try world.mine(1)
        #expect(world.nodes[0].core!.wallet.pending.isEmpty)
        let list = try Self.history(world, 0)
        let last = try #require(list.last)
        #expect(last.id == third.id && last.purpose == .payment)
        #expect(before - Self.onChain(world, 0) == 50_000 + last.fee!.value)
        // What is in a block is not raised.
        #expect(try Self.refusal(&world, .bumpFee(third.id, nil)) == .bump(.unknown))
    }

    @Test("the one before is mined all the same: the wallet is right")
    func otherMined() throws {
        var world = try Self.world(52)
        let before = Self.onChain(world, 0)
        let first = try Self.transaction(try world.ask(0, .send(Self.elsewhere, amount: Satoshi(50_000), fee: Self.slow)))
        let fee = try #require(world.nodes[0].core!.unconfirmedTransactions.first?.fee)
        _ = try Self.transaction(try world.ask(0, .bumpFee(first.id, .rate(FeeRate(perKiloweight: 5000)))))
        // A miner that had the first one before.
        try world.mine(1, including: [first])
        #expect(world.nodes[0].core!.wallet.pending.isEmpty)
        #expect(before - Self.onChain(world, 0) == 50_000 + fee.value)
        #expect(try Self.history(world, 0).last?.id == first.id)
    }

    @Test("change that is spent already keeps its transaction from being replaced; everything that was sent has nothing left to pay more")
    func notReplaced() throws {
        var world = try Self.world(53)
        let first = try Self.transaction(try world.ask(0, .send(Self.elsewhere, amount: Satoshi(50_000), fee: Self.slow)))
        // Of all that there is, the change of the first among it.
        let all = try Self.transaction(try world.ask(0, .send(Self.elsewhere, amount: nil, fee: Self.slow)))
        guard case .bump(.inUse)? = try Self.refusal(&world, .bumpFee(first.id, nil)) else {
            Issue.record("replaced")
            return
        }
        guard case .bump(.insufficientFunds)? = try Self.refusal(&world, .bumpFee(all.id, .rate(FeeRate(perKiloweight: 9000)))) else {
            Issue.record("replaced")
            return
        }
        #expect(world.nodes[0].core!.wallet.pending.count == 2)
    }

    @Test("what layer 1 does not take in its place leaves a transaction as it was; a rate that is a slip is asked about")
    func refusedReplacement() throws {
        var world = try Self.world(62)
        guard case .address(let script, _)? = try world.ask(1, .newAddress) else { return }
        let sent = try Self.transaction(try world.ask(0, .send(script, amount: Satoshi(70_000), fee: Self.slow)))
        // Its payee pays for it: to replace it now takes more than alice knows of.
        try world.input(1, .mempoolSeen([sent]))
        let child = try Self.transaction(try world.ask(1, .bumpFee(sent.id, .rate(FeeRate(perKiloweight: 9000)))))
        let before = world.nodes[0].core!.wallet.balance(height: world.ledger.height).unconfirmed
        let refused = try Self.transaction(try world.ask(0, .bumpFee(sent.id, .rate(FeeRate(perKiloweight: 1500)))))
        #expect(Self.waiting(world, refused.id) == nil && Self.waiting(world, sent.id) != nil)
        guard case .refused? = world.nodes[0].core!.outcome(of: refused.id) else {
            Issue.record("taken")
            return
        }
        let wallet = world.nodes[0].core!.wallet
        #expect(wallet.pending.keys.map(\.self) == [sent.id] && wallet.balance(height: world.ledger.height).unconfirmed == before)
        #expect(world.nodes[0].core!.difference(from: world.nodes[0].store) == nil)
        try world.mine(1)
        #expect(Self.waiting(world, child.id) == nil && world.nodes[0].core!.wallet.pending.isEmpty)
        // Far more than the next block takes.
        let slip = FeeRate(perKiloweight: 1_000_000)
        for command in [
            NodeCommand.send(Self.elsewhere, amount: Satoshi(50_000), fee: .rate(slip)), .bumpFee(sent.id, .rate(slip)),
            .openChannel(world.nodes[1].nodeID, amount: Satoshi(500_000), push: .zero, feeRate: nil, funding: .rate(slip)),
        ] {
            guard case .wallet(.feeRateTooHigh)? = try Self.refusal(&world, command) else {
                Issue.record("\(command)")
                continue
            }
        }
        _ = try Self.transaction(try world.ask(0, .send(Self.elsewhere, amount: Satoshi(50_000), fee: .anyRate(slip))))
    }

    @Test("a funding transaction is paid for by its change, and never replaced: the channel would be another")
    func funding() throws {
        var world = try Self.world(54)
        try world.command(
            0, .openChannel(world.nodes[1].nodeID, amount: Satoshi(500_000), push: .zero, feeRate: nil, funding: Self.slow))
        try world.run(limit: .milliseconds(2000))
        let funding = try #require(world.nodes[0].core!.channels.values.first).parameters.funding.transaction
        #expect(world.nodes[0].core!.unconfirmedTransactions.map(\.purpose) == [.funding(world.nodes[0].core!.channels.ids[0])])
        let child = try Self.transaction(try world.ask(0, .bumpFee(funding, .rate(FeeRate(perKiloweight: 4000)))))
        #expect(child.inputs.map(\.previousOutput.transaction) == [funding])
        #expect(Self.waiting(world, child.id) != nil && Self.waiting(world, funding) != nil)
        try world.mine(1)
        #expect(world.nodes[0].core!.channels.values.first?.fundingHeight == world.ledger.height)
        let list = try Self.history(world, 0)
        #expect(list.suffix(2).map(\.id).sorted() == [funding, child.id].sorted())
        #expect(list.contains { $0.id == funding && $0.purpose == .funding(world.nodes[0].core!.channels.ids[0]) })
    }

    @Test("after a restart a funding transaction is still one: it is never replaced, whatever was published before")
    func fundingAfterRestart() throws {
        var world = try Self.world(60)
        try world.command(
            0, .openChannel(world.nodes[1].nodeID, amount: Satoshi(500_000), push: .zero, feeRate: nil, funding: Self.slow))
        try world.run(limit: .milliseconds(2000))
        let funding = try #require(world.nodes[0].core!.channels.values.first).parameters.funding.transaction
        world.stop(0)
        // A block comes while it is away, and is read before the tip is reached.
        try world.mine(1, including: [])
        world.resume(0)
        try world.pass(2)
        let child = try Self.transaction(try world.ask(0, .bumpFee(funding, .rate(FeeRate(perKiloweight: 4000)))))
        #expect(child.inputs.map(\.previousOutput.transaction) == [funding])
        // Taken back now, its child goes with it: what that paid is paid for as well.
        let id = world.nodes[0].core!.channels.ids[0]
        let back = try Self.transaction(try world.ask(0, .abandonChannel(id, nil)))
        #expect(Self.waiting(world, back.id) != nil && Self.waiting(world, child.id) == nil && Self.waiting(world, funding) == nil)
    }

    @Test("what was sent to us and is paid for by us is counted once")
    func countedOnce() throws {
        var world = try Self.world(61)
        guard case .address(let script, _)? = try world.ask(1, .newAddress) else { return }
        let sent = try Self.transaction(try world.ask(0, .send(script, amount: Satoshi(70_000), fee: Self.slow)))
        try world.input(1, .mempoolSeen([sent]))
        #expect(world.nodes[1].core!.wallet.incoming == Satoshi(70_000))
        let child = try Self.transaction(try world.ask(1, .bumpFee(sent.id, .rate(FeeRate(perKiloweight: 3000)))))
        #expect(Self.waiting(world, child.id) != nil)
        let wallet = world.nodes[1].core!.wallet
        // What is left of it is a coin of ours, at the cost of a fee.
        #expect(wallet.incoming == .zero && wallet.balance(height: world.ledger.height).unconfirmed == child.outputs[0].amount)
        let fee = try #require(wallet.unconfirmed.first { $0.id == child.id }?.fee)
        #expect(fee.value == 70_000 - child.outputs[0].amount.value)
        // Once more, by either of the two: the child is replaced.
        let second = try Self.transaction(try world.ask(1, .bumpFee(sent.id, .rate(FeeRate(perKiloweight: 6000)))))
        let third = try Self.transaction(try world.ask(1, .bumpFee(second.id, .rate(FeeRate(perKiloweight: 9000)))))
        #expect(Self.waiting(world, child.id) == nil && Self.waiting(world, second.id) == nil && Self.waiting(world, third.id) != nil)
        try world.mine(1)
        #expect(Self.onChain(world, 1) == third.outputs[0].amount.value)
        #expect(world.nodes[1].core!.wallet.pending.isEmpty)
    }

    @Test("a channel whose funding transaction does not come is taken back: the coins are in the wallet, the peer forgets it")
    func abandoned() throws {
        var world = try Self.world(55)
        let before = Self.onChain(world, 0)
        let id = try Self.open(&world)
        let funding = world.nodes[0].core!.channels[id]!.parameters.funding.transaction
        let back = try Self.transaction(try world.ask(0, .abandonChannel(id, nil)))
        try world.pass(2)
        #expect(world.nodes[1].core!.channels.isEmpty)
        #expect(Self.waiting(world, funding) == nil && Self.waiting(world, back.id) != nil)
        world.kill(0)
        try world.pass(2)
        try world.mine(1)
        #expect(world.nodes[0].core!.channels[id]!.stateName == "double-spent")
        let alerts = world.nodes[0].events.count { if case .alert(let text) = $0 { text.contains("force-closed") } else { false } }
        #expect(alerts == 0)
        try world.mine(6)
        #expect(world.nodes[0].core!.channels[id]!.isClosed)
        let fee = try #require(try Self.history(world, 0).first { $0.id == back.id }?.fee)
        #expect(before - Self.onChain(world, 0) == fee.value)
        #expect(world.nodes[0].core!.refusedPublications.isEmpty)
        // What is mined is not taken back.
        #expect(try Self.refusal(&world, .abandonChannel(id, nil)) != nil)
    }

    @Test("should the funding transaction be mined all the same, the channel is closed, and the money comes back")
    func abandonedInVain() throws {
        var world = try Self.world(56)
        let before = Self.onChain(world, 0)
        let id = try Self.open(&world)
        let funding = try #require(world.nodes[0].core!.wallet.pending[world.nodes[0].core!.channels[id]!.parameters.funding.transaction])
        _ = try Self.transaction(try world.ask(0, .abandonChannel(id, nil)))
        try world.pass(2)
        try world.mine(1, including: [funding])
        try world.pass(2)
        #expect(world.nodes[0].core!.channels[id]!.stateName == "forceclosing")
        try world.mine(160)
        try world.pass(2)
        #expect(world.nodes[0].core!.channels[id]!.isClosed)
        #expect((0...3000).contains(before - Self.onChain(world, 0)))
    }

    @Test("a closing transaction is paid for by what it pays us; the rate that was asked for is proposed and stored")
    func close() throws {
        var world = try Self.world(57)
        try world.command(
            0, .openChannel(world.nodes[1].nodeID, amount: Satoshi(500_000), push: MilliSatoshi(Satoshi(100_000)), feeRate: nil))
        try world.run(limit: .milliseconds(2000))
        try world.mine(3)
        try world.run(limit: .milliseconds(2000))
        let id = try #require(world.nodes[0].core!.channels.ids.first)
        let found = try world.nodes[0].core!.closeQuote(of: id, .rate(.floor))
        let quote = try #require(found)
        world.stop(1)
        try world.command(0, .closeChannel(id, to: nil, fee: .rate(.floor)))
        // The peer is away; the wish is stored.
        world.kill(0)
        try world.pass(2)
        world.resume(1)
        world.join(0, 1)
        try world.pass(3)
        let close = try #require(world.ledger.mempool.entries.values.first).transaction
        let paid = close.outputs.reduce(UInt64(0)) { $0 + $1.amount.value }
        #expect(500_000 - paid == quote.fee.value && quote.isFeeOurs && quote.toLocal == Satoshi(400_000 - quote.fee.value))
        #expect(world.nodes[0].core!.unconfirmedTransactions.contains { $0.id == close.id && $0.purpose == .mutualClose(id) })
        let child = try Self.transaction(try world.ask(0, .bumpFee(close.id, .rate(FeeRate(perKiloweight: 5000)))))
        #expect(child.inputs.map(\.previousOutput.transaction) == [close.id])
        try world.mine(1)
        #expect(world.ledger.mempool.entries.isEmpty)
        try world.mine(6)
        #expect(world.nodes[0].core!.channels[id]!.isClosed)
        #expect(world.nodes[0].core!.difference(from: world.nodes[0].store) == nil)
        #expect(try Self.history(world, 0).contains { $0.id == close.id && $0.purpose == .mutualClose(id) })
    }

    @Test("what a block did to the wallet leaves the history with it, and comes again with the next")
    func reorganized() throws {
        var world = try Self.world(58)
        let sent = try Self.transaction(try world.ask(0, .send(Self.elsewhere, amount: Satoshi(50_000), fee: nil)))
        try world.mine(1)
        #expect(try Self.history(world, 0).last?.id == sent.id)
        let height = world.ledger.height
        try world.reorganize(depth: 1)
        #expect(try !Self.history(world, 0).contains { $0.id == sent.id })
        try world.mine(1)
        #expect(try Self.history(world, 0).last { $0.id == sent.id }?.height == world.ledger.height && world.ledger.height > height)
    }

    @Test("what opening costs is what is paid then")
    func quoted() throws {
        var world = try Self.world(59)
        for amount in [Satoshi(300_000), nil] {
            let quote = try world.nodes[0].core!.openQuote(amount, nil, mayUseReserve: false)
            try world.command(0, .openChannel(world.nodes[1].nodeID, amount: amount, push: .zero, feeRate: nil))
            try world.run(limit: .milliseconds(2000))
            try world.mine(1)
            let made = try #require(try Self.history(world, 0).last { if case .funding? = $0.purpose { true } else { false } })
            #expect(made.fee == quote.fee)
            let channel = try #require(world.nodes[0].core!.channels.values.first { $0.parameters.funding.transaction == made.id })
            #expect(channel.parameters.fundingAmount == quote.amount)
            #expect(world.nodes[0].core!.wallet.spendable(height: world.ledger.height) == quote.left)
        }
    }
}
