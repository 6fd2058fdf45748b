import BitcoinPrimitives
import CryptoPrimitives
import LightningChain
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
        let payment = Self.incoming(wallet.newScript(), 100_000, tag: 1)
        wallet.connect([payment], height: 10)
        let spend = try wallet.fund(paying: Self.elsewhere, amount: Satoshi(50_000), feeRate: .floor, height: 10)
        wallet.commit(spend)
        wallet.disconnect([payment], height: 10)
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
        let payment = Self.incoming(wallet.newScript(), 100_000, tag: 1)
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
        let payments = (1...3).map { Self.incoming(wallet.newScript(), UInt64($0) * 10_000, tag: UInt8($0)) }
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
}
