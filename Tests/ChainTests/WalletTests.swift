import BitcoinPrimitives
import CryptoPrimitives
import LightningChain
import LightningRecords
import Testing

@Suite("the on-chain wallet")
struct WalletTests {
    static let keys = WalletKeys(master: ExtendedSecretKey(seed: [UInt8](repeating: 9, count: 64))!, network: .regtest)
    static let elsewhere = Script([0, 20] + [UInt8](repeating: 1, count: 20))

    /// Somebody's payment to a script of ours.
    static func incoming(_ script: Script, _ sat: UInt64, tag: UInt8) -> (transaction: Transaction, id: TransactionID) {
        let transaction = Transaction(
            inputs: [TransactionInput(OutPoint(TransactionID(Hash.sha256([tag])), 0))],
            outputs: [TransactionOutput(Satoshi(sat), script)])
        return (transaction, transaction.id)
    }

    @Test("a coin that comes back after a reorganization is still promised to what spends it")
    func promised() throws {
        var wallet = OnChainWallet(keys: Self.keys)
        let payment = Self.incoming(wallet.newScript().script, 100_000, tag: 1)
        wallet.connect([payment], height: 10)
        let spend = try wallet.fund(paying: Self.elsewhere, amount: Satoshi(50_000), feeRate: .floor, height: 10)
        wallet.commit(spend)
        wallet.disconnect(height: 10)
        #expect(wallet.balance(height: 9).confirmed == .zero)
        wallet.connect([payment], height: 10)
        #expect(throws: WalletRefusal.self) {
            try wallet.fund(paying: Self.elsewhere, amount: Satoshi(60_000), feeRate: .floor, height: 10)
        }
        #expect(wallet.rebroadcasts.map(\.id) == [spend.id])
        wallet.connect([(spend, spend.id)], height: 11)
        #expect(wallet.rebroadcasts.isEmpty)
        let change = spend.outputs.filter { $0.script != Self.elsewhere }.map(\.amount.value).reduce(0, +)
        #expect(wallet.balance(height: 11).confirmed.value == change)
    }

    @Test("a transaction whose coin somebody else spent is given up, and its change with it")
    func conflict() throws {
        var wallet = OnChainWallet(keys: Self.keys)
        let payment = Self.incoming(wallet.newScript().script, 100_000, tag: 1)
        wallet.connect([payment], height: 10)
        let spend = try wallet.fund(paying: Self.elsewhere, amount: Satoshi(50_000), feeRate: .floor, height: 10)
        wallet.commit(spend)
        // The same seed, used elsewhere.
        let rival = Transaction(
            inputs: [TransactionInput(OutPoint(payment.id, 0))], outputs: [TransactionOutput(Satoshi(99_000), Self.elsewhere)])
        wallet.connect([(rival, rival.id)], height: 11)
        #expect(wallet.rebroadcasts.isEmpty)
        let balance = wallet.balance(height: 11)
        #expect(balance.confirmed == .zero && balance.unconfirmed == .zero)
    }

    @Test("coins are reserved until they are released, and everything can be sent")
    func selection() throws {
        var wallet = OnChainWallet(keys: Self.keys)
        let payments = (1...3).map { Self.incoming(wallet.newScript().script, UInt64($0) * 10_000, tag: UInt8($0)) }
        wallet.connect(payments, height: 10)
        let first = try wallet.fund(paying: Self.elsewhere, amount: Satoshi(55_000), feeRate: .floor, height: 10)
        #expect(throws: WalletRefusal.self) {
            try wallet.fund(paying: Self.elsewhere, amount: Satoshi(5_000), feeRate: .floor, height: 10)
        }
        wallet.release(first)
        let all = try wallet.fund(paying: Self.elsewhere, amount: nil, feeRate: .floor, height: 10)
        #expect(all.inputs.count == 3 && all.outputs.count == 1)
        let fee = 60_000 - all.outputs[0].amount.value
        #expect(FeeRate(perKiloweight: UInt32(fee * 1000 / UInt64(all.weight))) >= FeeRate(perKiloweight: 250))
        #expect(throws: WalletRefusal.belowDust(Satoshi(294))) {
            try wallet.fund(paying: Self.elsewhere, amount: Satoshi(293), feeRate: .floor, height: 10)
        }
    }

    @Test("what a lost transaction would have paid is lost with it, however long the chain, and other coins of it are free again")
    func cascade() throws {
        var wallet = OnChainWallet(keys: Self.keys)
        let payments = (1...2).map { Self.incoming(wallet.newScript().script, 100_000, tag: UInt8($0)) }
        wallet.connect(payments, height: 10)
        // A spends the first coin; B spends A's change and the second coin; C spends B's change.
        var chain: [Transaction] = []
        for amount: UInt64 in [50_000, 120_000, 10_000] {
            let next = try wallet.fund(paying: Self.elsewhere, amount: Satoshi(amount), feeRate: .floor, height: 10)
            wallet.commit(next)
            chain.append(next)
        }
        #expect(chain[1].inputs.count == 2 && chain[2].inputs[0].previousOutput.transaction == chain[1].id)
        #expect(wallet.rebroadcasts == chain)
        let spent = chain[0].inputs[0].previousOutput
        let free = try #require(chain[1].inputs.map(\.previousOutput).first { $0.transaction != chain[0].id })
        let rival = Transaction(inputs: [TransactionInput(spent)], outputs: [TransactionOutput(Satoshi(99_000), Self.elsewhere)])
        wallet.connect([(rival, rival.id)], height: 11)
        #expect(wallet.rebroadcasts.isEmpty)
        #expect(wallet.coins[free]?.spentBy == nil)
        let balance = wallet.balance(height: 11)
        #expect(balance.confirmed == Satoshi(100_000) && balance.unconfirmed == .zero)
        let all = try wallet.fund(paying: Self.elsewhere, amount: nil, feeRate: .floor, height: 11)
        #expect(all.inputs.map(\.previousOutput) == [free])
        // The store rebuilds the same.
        let writes = wallet.drainWrites()
        let restored = try OnChainWallet(
            keys: Self.keys, head: writes.changes(of: .meta).last?.record, coins: writes.changes(of: .coins).compactMap(\.record),
            transactions: writes.changes(of: .transactions).compactMap(\.record))
        #expect(restored.hasSameState(as: wallet))
    }

    @Test("ten thousand transactions that spend each other are published in their order, without running out of stack")
    func longChain() throws {
        var wallet = OnChainWallet(keys: Self.keys)
        let own = wallet.newScript().script
        wallet.connect([Self.incoming(own, 100_000_000, tag: 1)], height: 10)
        var last = Self.incoming(own, 100_000_000, tag: 1).transaction
        for _ in 0..<10_000 {
            let next = Transaction(
                inputs: [TransactionInput(OutPoint(last.id, 0))], outputs: [TransactionOutput(last.outputs[0].amount - Satoshi(1), own)])
            wallet.commit(next)
            last = next
        }
        let order = wallet.rebroadcasts
        #expect(order.count == 10_000)
        #expect(zip(order, order.dropFirst()).allSatisfy { $1.inputs[0].previousOutput.transaction == $0.id })
    }

    @Test(
        "words find coins in any order of payment, as far as addresses are given out",
        arguments: [(26, 11), (58, 58), (1000, 3), (999, 1000)])
    func restore(first: Int, second: Int) throws {
        var wallet = OnChainWallet(keys: Self.keys)
        var given: [Script] = []
        for number in 1...1000 {
            let (script, unused) = wallet.newScript()
            #expect(unused == number)
            given.append(script)
        }
        // Beyond what words find, the oldest one that nobody paid comes again.
        #expect(wallet.newScript() == (given[0], 1000))
        let payments = [Self.incoming(given[first - 1], 100_000, tag: 1), Self.incoming(given[second - 1], 50_000, tag: 2)]
        var restored = OnChainWallet(keys: Self.keys, lookAhead: OnChainWallet.addressLimit)
        for (height, payment) in payments.enumerated() {
            wallet.connect([payment], height: 10 + height)
            restored.connect([payment], height: 10 + height)
        }
        #expect(restored.balance(height: 12).confirmed == Satoshi(150_000))
        // Nor does it give out what was paid to.
        let fresh = restored.newScript().script
        #expect(!given[...(max(first, second) - 1)].contains(fresh))
    }

    @Test("change never runs out of what any wallet with the words looks for")
    func changeGap() throws {
        var wallet = OnChainWallet(keys: Self.keys)
        wallet.connect((1...60).map { Self.incoming(wallet.newScript().script, 10_000, tag: $0) }, height: 10)
        var scripts: Set<Script> = []
        for _ in 0..<60 {
            let transaction = try wallet.fund(paying: Self.elsewhere, amount: Satoshi(5_000), feeRate: .floor, height: 10)
            // It comes to nothing.
            wallet.release(transaction)
            scripts.formUnion(transaction.outputs.map(\.script))
        }
        scripts.remove(Self.elsewhere)
        let reachable = (0..<OnChainWallet.gapLimit).map { Self.keys.script(KeyPath(chain: 1, index: $0)) }
        #expect(scripts.count == 10 && scripts.isSubset(of: reachable))
    }

    @Test("a record of the first version, however many keys a stranger made it count")
    func firstVersion() throws {
        // Version, next address, next change key.
        let head: [UInt8] = [1, 0, 0, 0, 3, 0x3f, 0xff, 0xff, 0xf0]
        var wallet = try OnChainWallet(keys: Self.keys, head: head, coins: [], transactions: [])
        #expect(wallet.newScript().script == Self.keys.script(KeyPath(chain: 0, index: 3)))
        #expect(wallet.changeScript == Self.keys.script(KeyPath(chain: 1, index: 0x3fff_fff0)))
        #expect(throws: (any Error).self) {
            try OnChainWallet(keys: Self.keys, head: [1, 0x3f, 0xff, 0xff, 0xff, 0, 0, 0, 0], coins: [], transactions: [])
        }
    }

    @Test("a claim that cannot pay its fee gets the smallest coin that does, and change; what replaces it takes the same coin")
    func claimFees() throws {
        var wallet = OnChainWallet(keys: Self.keys)
        let payments = (1...3).map { Self.incoming(wallet.newScript().script, UInt64($0) * 10_000, tag: UInt8($0)) }
        wallet.connect(payments, height: 10)
        let contested = OutPoint(TransactionID(Hash.sha256([50])), 0)
        var claim = Transaction(
            inputs: [TransactionInput(contested, sequence: 1)], outputs: [TransactionOutput(Satoshi(50_000), Self.elsewhere)], lockTime: 7)
        claim.inputs[0].witness = [[UInt8](repeating: 0, count: 300)]
        func pay(_ wallet: inout OnChainWallet, _ rate: UInt32, least: UInt64 = 0, most: UInt64 = 50_000) -> (Transaction, Satoshi)? {
            let paid = wallet.addFee(
                to: claim, feeRate: FeeRate(perKiloweight: rate), least: Satoshi(least), most: Satoshi(most), height: 10)
            return paid.map { ($0.transaction, $0.fee) }
        }
        let before = wallet
        let (first, fee) = try #require(pay(&wallet, 1000))
        #expect(first.inputs.map(\.previousOutput) == [contested, OutPoint(payments[0].id, 0)] && first.lockTime == 7)
        #expect(
            first.outputs[0] == claim.outputs[0] && first.outputs[1].amount + fee == Satoshi(10_000) && wallet.owns(first.outputs[1].script)
        )
        #expect(fee >= FeeRate(perKiloweight: 1000).fee(weight: first.weight) && fee.value <= first.weight + 200)
        wallet.commit(first)
        #expect(wallet.isSpentByPending(contested))
        // A better one: the first one's coin is not enough any more.
        let (second, more) = try #require(pay(&wallet, 1000, least: 12_000))
        #expect(more == Satoshi(12_000) && second.inputs[1].previousOutput == OutPoint(payments[1].id, 0))
        wallet.commit(second)
        #expect(wallet.rebroadcasts.map(\.id) == [second.id])
        // Never more than it is worth, nor than there is; and then nothing has changed.
        let state = wallet
        #expect(pay(&wallet, 1_000_000, most: 100) == nil && pay(&wallet, 1000, least: 70_000, most: 100_000) == nil)
        #expect(wallet.hasSameState(as: state))
        // Each coin beyond the first pays for itself, where the whole is not more than it is worth.
        func gathered(_ most: UInt64) -> (transaction: Transaction, fee: Satoshi)? {
            var fresh = before
            return fresh.addFee(
                to: claim, feeRate: .floor, least: Satoshi(35_000), coinRate: FeeRate(perKiloweight: 4000), most: Satoshi(most), height: 10)
        }
        let two = try #require(gathered(50_000))
        #expect(two.transaction.inputs.count == 3 && (Satoshi(36_000)..<Satoshi(36_400)).contains(two.fee))
        #expect(gathered(35_500)?.fee == Satoshi(35_500))
        // What the claim wants is taken by somebody else: the coins are free again.
        let rival = Transaction(inputs: [TransactionInput(contested)], outputs: [TransactionOutput(Satoshi(49_000), Self.elsewhere)])
        wallet.connect([(rival, rival.id)], height: 11)
        #expect(wallet.rebroadcasts.isEmpty && wallet.spendable(height: 11) == before.spendable(height: 11))
    }
}
