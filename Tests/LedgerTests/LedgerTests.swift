import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import TestSupport
import Testing

@Suite("the embedded layer 1")
struct LedgerTests {
    static let key = SecretKey(Hash.sha256(Array("ledger tests".utf8)))!
    static let script = Script.p2wpkh(key.publicKey())

    /// A ledger whose first `count` blocks pay to `script`.
    static func ledger(_ count: Int = 101) throws -> Ledger {
        var ledger = Ledger()
        for number in 0..<count { _ = try ledger.mine(paying: script, now: 1_700_000_000 + UInt32(number)) }
        return ledger
    }

    /// Spends the coinbase of a block.
    static func spend(
        _ ledger: Ledger, block height: BlockHeight, fee: UInt64 = 1000, sequence: UInt32 = 0xffff_fffd, lockTime: UInt32 = 0,
        to script: Script = script
    ) -> Transaction {
        let coinbase = ledger.block(ledger.blockHash(height: height)!)!.transactions[0]
        var transaction = Transaction(
            inputs: [TransactionInput(OutPoint(coinbase.id, 0), sequence: sequence)],
            outputs: [TransactionOutput(Satoshi(coinbase.outputs[0].amount.value - fee), script)], lockTime: lockTime)
        sign(&transaction, amount: coinbase.outputs[0].amount)
        return transaction
    }

    static func sign(_ transaction: inout Transaction, amount: Satoshi) {
        var hasher = SignatureHasher(transaction)
        let hash = hasher.witnessV0(
            input: 0, scriptCode: .p2pkh(hash: Hash.hash160(key.publicKey().compressed)), amount: amount)
        transaction.inputs[0].witness = [key.sign(hash).der + [1], key.publicKey().compressed]
    }

    /// The active chain, for another judge.
    static func journal(_ name: String, _ ledger: Ledger) {
        let blocks = (1...ledger.height).map { ledger.block(ledger.blockHash(height: $0)!)!.serialized() }
        BlockJournal.write("ledger-\(name)", blocks)
    }

    @Test("genesis is Bitcoin's own")
    func genesis() {
        let hash = ChainParameters.regtest.genesis.hash
        #expect(hash == Network.regtest.chainHash)
        #expect(hash.description == "0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206")
    }

    @Test("subsidy, maturity and the sum of all coins")
    func subsidy() throws {
        var ledger = try Self.ledger(100)
        #expect(ledger.circulation == Satoshi(100 * 50_0000_0000))
        let young = Self.spend(ledger, block: 2)
        #expect(throws: TransactionRefusal("bad-txns-premature-spend-of-coinbase")) { try ledger.judge(young, now: 1_700_000_000) }
        _ = try ledger.mine(paying: Self.script, now: 1_700_001_000)
        _ = try ledger.accept(Self.spend(ledger, block: 1), now: 1_700_000_000)
        for _ in 0..<60 { _ = try ledger.mine(paying: Self.script, now: 1_700_002_000) }
        Self.journal("subsidy", ledger)
        // Blocks 150 and later pay half.
        #expect(ledger.circulation == Satoshi(149 * 50_0000_0000 + 12 * 25_0000_0000))
    }

    @Test("the mempool refuses what a node would, and says it in Bitcoin Core's words")
    func refusals() throws {
        var ledger = try Self.ledger()
        let good = Self.spend(ledger, block: 1)
        func refusal(_ transaction: Transaction) -> String? {
            do throws(TransactionRefusal) {
                _ = try ledger.judge(transaction, now: 1_700_000_000)
                return nil
            } catch { return error.reason }
        }
        #expect(refusal(good) == nil)
        #expect(refusal(Self.spend(ledger, block: 1, fee: 0)) == "min relay fee not met")
        #expect(refusal(Self.spend(ledger, block: 1, lockTime: 5000)) == "non-final")
        #expect(refusal(Self.spend(ledger, block: 1, sequence: 500)) == "non-BIP68-final")
        var stolen = good
        stolen.outputs[0].amount -= Satoshi(1)
        #expect(refusal(stolen)?.hasPrefix("mempool-script-verify-flag-failed") == true)
        var inflated = good
        inflated.outputs[0].amount = Satoshi(60_0000_0000)
        #expect(refusal(inflated) == "bad-txns-in-belowout")
        inflated.outputs[0].amount = Satoshi(.max)
        #expect(refusal(inflated) == "bad-txns-vout-negative")
        inflated.outputs[0].amount = Satoshi(22_000_000_0000_0000)
        #expect(refusal(inflated) == "bad-txns-vout-toolarge")
        var twice = good
        twice.inputs.append(twice.inputs[0])
        #expect(refusal(twice) == "bad-txns-inputs-duplicate")
        _ = try ledger.accept(good, now: 1_700_000_000)
        #expect(refusal(good) == "txn-already-in-mempool")
        #expect(refusal(Self.spend(ledger, block: 1, fee: 1005)) == "insufficient fee")
        #expect(refusal(Self.spend(ledger, block: 1, fee: 5000)) == nil)
        _ = try ledger.mine(paying: Self.script, now: 1_700_005_000)
        #expect(refusal(good) == "txn-already-known")
        #expect(refusal(Self.spend(ledger, block: 1, fee: 5000)) == "bad-txns-inputs-missingorspent")
    }

    @Test("a reorganization undoes and redoes everything, and the mempool follows")
    func reorganization() throws {
        var ledger = try Self.ledger()
        let fork = ledger
        let transaction = Self.spend(ledger, block: 1)
        _ = try ledger.accept(transaction, now: 1_700_000_000)
        let (first, _) = try ledger.mine(paying: Self.script, now: 1_700_003_000)
        #expect(first.transactions.count == 2)
        let before = ledger.circulation
        // Another branch, one block longer, without the transaction.
        var other = fork
        let elsewhere = Script([0, 20] + [UInt8](repeating: 3, count: 20))
        let (one, _) = try other.mine(paying: elsewhere, now: 1_700_003_100)
        let (two, _) = try other.mine(paying: elsewhere, now: 1_700_003_200)
        let side = try ledger.submit(one, now: 1_700_004_000).get()
        #expect(side.isEmpty)
        #expect(ledger.tip == first.hash)
        let events = try ledger.submit(two, now: 1_700_004_000).get()
        #expect(events.first == .disconnected(first, height: 102))
        #expect(ledger.tip == two.hash)
        #expect(ledger.mempool.entries[transaction.id] != nil)
        #expect(ledger.circulation == Satoshi(before.value + 50_0000_0000))
        #expect(ledger.coin(transaction.inputs[0].previousOutput) != nil)
        _ = try ledger.mine(paying: Self.script, now: 1_700_005_000)
        #expect(ledger.transaction(transaction.id)?.block == ledger.tip)
        Self.journal("reorganization", ledger)
    }

    @Test("an invalid branch changes nothing and is remembered")
    func invalidBranch() throws {
        var ledger = try Self.ledger()
        let fork = ledger
        _ = try ledger.mine(paying: Self.script, now: 1_700_003_000)
        let tip = ledger.tip
        let coins = ledger.coinCount
        var other = fork
        let (one, _) = try other.mine(paying: Self.script, now: 1_700_003_100)
        var greedy = other.template(paying: Self.script, now: 1_700_003_200)
        greedy.transactions[0].outputs[0].amount += Satoshi(1)
        greedy.header.merkleRoot = MerkleTree.root(greedy.transactions.map(\.id.bytes)).root
        greedy = Ledger.solve(greedy)
        _ = try ledger.submit(one, now: 1_700_004_000).get()
        #expect(throws: BlockRefusal.rule("bad-cb-amount")) { try ledger.submit(greedy, now: 1_700_004_000).get() }
        #expect(throws: BlockRefusal.knownInvalid) { try ledger.submit(greedy, now: 1_700_004_000).get() }
        #expect(ledger.tip == tip)
        #expect(ledger.coinCount == coins)
    }

    @Test("each rule of a block is enforced")
    func blockRules() throws {
        let ledger = try Self.ledger()
        func refusal(_ change: (inout Block) -> Void, reroot: Bool = true, now: UInt32 = 1_700_009_000) -> String? {
            var copy = ledger
            var block = ledger.template(paying: Self.script, now: 1_700_003_000)
            change(&block)
            if reroot { block.header.merkleRoot = MerkleTree.root(block.transactions.map(\.id.bytes)).root }
            do throws(BlockRefusal) {
                _ = try copy.submit(Ledger.solve(block), now: now).get()
                return nil
            } catch { return error.description }
        }
        #expect(refusal { _ in } == nil)
        #expect(refusal({ $0.header.merkleRoot = .zero }, reroot: false) == "bad-txnmrklroot")
        #expect(refusal { $0.header.time = 1 } == "time-too-old")
        #expect(refusal { $0.header.time = 1_800_000_000 } == "time-too-new")
        #expect(refusal { $0.header.bits = 0x1d00_ffff } == "bad-diffbits")
        #expect(refusal { $0.header.version = 3 }?.hasPrefix("bad-version") == true)
        #expect(refusal { $0.header.previous = BlockHash(.zero) } == "prev-blk-not-found")
        #expect(refusal { $0.transactions[0].inputs[0].signatureScript = Script([1, 1]) } == "bad-cb-height")
        #expect(refusal { $0.transactions.append($0.transactions[0]) } == "bad-txns-duplicate")
        #expect(
            refusal {
                var second = $0.transactions[0]
                second.outputs.removeFirst()
                $0.transactions.append(second)
            } == "bad-cb-multiple")
        #expect(refusal { $0.transactions[0].inputs[0].witness = [[1]] } == "bad-witness-nonce-size")
        #expect(refusal { $0.transactions[0].inputs[0].witness = [[UInt8](repeating: 1, count: 32)] } == "bad-witness-merkle-match")
        #expect(refusal { $0.transactions[0].outputs.removeLast() } == "unexpected-witness")
        let spend = Self.spend(ledger, block: 1)
        #expect(refusal { $0.transactions.append(spend) } == "bad-witness-merkle-match")
    }

    @Test("the miner takes the best-paying packages first")
    func selection() throws {
        var ledger = try Self.ledger(105)
        let cheap = Self.spend(ledger, block: 1, fee: 200)
        _ = try ledger.accept(cheap, now: 1_700_000_000)
        let middle = Self.spend(ledger, block: 2, fee: 2000)
        _ = try ledger.accept(middle, now: 1_700_000_000)
        // A child that pays for its cheap parent.
        var child = Transaction(
            inputs: [TransactionInput(OutPoint(cheap.id, 0))],
            outputs: [TransactionOutput(cheap.outputs[0].amount - Satoshi(20_000), Self.script)])
        Self.sign(&child, amount: cheap.outputs[0].amount)
        _ = try ledger.accept(child, now: 1_700_000_000)
        let order = ledger.template(paying: Self.script, now: 1_700_006_000).transactions.dropFirst().map(\.id)
        #expect(Array(order) == [cheap.id, child.id, middle.id])
        let (block, _) = try ledger.mine(paying: Self.script, now: 1_700_006_000)
        #expect(block.transactions[0].outputs[0].amount == Satoshi(50_0000_0000 + 22_200))
        #expect(ledger.mempool.entries.isEmpty)
        Self.journal("selection", ledger)
    }
}
