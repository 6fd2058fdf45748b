import BitcoinPrimitives
import CryptoPrimitives
import Foundation
import Lightning
import LightningInvoice
import LightningOnion
import LightningPayment
import LightningRecords
import LightningRouting
import LightningStorage
import LightningWire

/// What a long history costs a node when it starts, in memory, and when somebody looks at it.
///
/// Each start is a process of its own. Beside it the way of before: everything in the tables that are read at the start.
enum HistoryBenchmark {
    static func run(_ count: Int) async throws {
        let folder = FileManager.default.temporaryDirectory.appending(path: "history-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        print("\n\(count) settled payments, \(count / 5) paid invoices and \(count) forwards")
        try start(folder.appending(path: "empty"), "a node without a history")
        let wallet = WalletDirectory(folder.appending(path: "new"))
        _ = try wallet.create()
        try fill(wallet, count) { history, position, record in history.add(record, at: position) }
        try start(wallet.url, "the history on disk")
        // All of a million in memory would be some ten gigabytes.
        let few = min(count, 100_000)
        print("\(few) payments, \(few / 5) invoices and \(few) forwards the old way")
        let old = WalletDirectory(folder.appending(path: "old"))
        _ = try old.create()
        try fill(old, few) { history, position, record in
            let table: StoreTable =
                switch history {
                case .payments: .payments
                case .invoices: .invoices
                case .forwards: .circuits
                // Wallets of before have none.
                case .transactions: .walletHistory
                case .channels: .channels
                case .log: .log
                case .events: .events
                }
            return [.put(table, key: position.id, record: record)]
        }
        try start(old.url, "all of it read at the start, as before; then moved")
        try start(old.url, "the same wallet's second start")
    }

    /// Runs this program once more, to start a node on a wallet.
    private static func start(_ wallet: URL, _ name: String) throws {
        let process = Process()
        process.executableURL = URL(filePath: "/proc/self/exe").resolvingSymlinksInPath()
        process.arguments = ["history-start", wallet.path]
        let output = Pipe()
        process.standardOutput = output
        try process.run()
        let text = String(decoding: output.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        line(name, text.trimmingCharacters(in: .whitespacesAndNewlines))
    }

    /// Starts a node on a wallet, and looks at the last of its payments.
    static func startOnce(_ path: String) async throws {
        let wallet = WalletDirectory(URL(filePath: path))
        if !wallet.exists { _ = try wallet.create() }
        let size = (try? FileManager.default.attributesOfItem(atPath: wallet.database)[.size] as? Int) ?? 0
        let chain = try EmbeddedChain(path: nil)
        let began = Date()
        let node = try await LightningNode.start(wallet: wallet, chain: chain)
        let started = Date()
        // The first page may still have to come from the disk; the second is a list as anybody asks for it.
        _ = try await node.payments(limit: 20)
        let first = Date()
        let payments = try await node.payments(limit: 20)
        let second = Date()
        let forwards = try await node.forwards(limit: 20)
        let invoices = try await node.invoices(limit: 20)
        let last = Date()
        func milliseconds(_ from: Date, _ to: Date) -> Double { to.timeIntervalSince(from) * 1000 }
        let start = String(format: "start %7.3f s   %4d MB resident", started.timeIntervalSince(began), resident() / 1_000_000)
        let pages = String(
            format: "20 payments %5.1f ms, then %5.1f; forwards and invoices %5.1f ms", milliseconds(started, first),
            milliseconds(first, second), milliseconds(second, last))
        let counts = [payments.records.count, forwards.records.count, invoices.records.count]
        print("\(start)   \(pages)   (\(size / 1000) kB of database; \(counts) records)")
        await node.stop()
    }

    /// Bytes of this process in memory.
    private static func resident() -> Int {
        let pages = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ").dropFirst().first
            .flatMap { Int($0) }
        return (pages ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    /// Records as a busy node's: payments over three hops at the second attempt, invoices with a description, forwards.
    private static func fill(
        _ wallet: WalletDirectory, _ count: Int, _ writes: (StoreHistory, HistoryPosition, [UInt8]) -> [StoreWrite]
    ) throws {
        let store = try SQLiteStore(path: wallet.database)
        defer { store.close() }
        let secret = SecretKey(Hash.sha256([1]))!
        let node = secret.publicKey()
        let (one, two) = (ChannelID(Hash.sha256([2])), ChannelID(Hash.sha256([3])))
        var batch: [StoreWrite] = []
        for number in 0..<count {
            let bytes = withUnsafeBytes(of: UInt64(number)) { Array($0) }
            let preimage = PaymentPreimage(Hash.tagged("payment", bytes))
            let time = Timestamp(milliseconds: 1_700_000_000_000 + UInt64(number) * 100)
            let payment = payment(preimage, node, one, time)
            batch += writes(.payments, payment.position, payment.encoded())
            let circuit = try circuit(number, preimage, one, two, time)
            batch += writes(.forwards, circuit.position, circuit.encoded())
            if number.isMultiple(of: 5) {
                let invoice = Invoice(
                    network: .regtest, amount: MilliSatoshi(1_000_000), timestamp: time.wholeSecond, paymentHash: preimage.paymentHash,
                    paymentSecret: Hash.sha256([4]), details: .text("a cup of coffee, number \(number)"), expiry: .seconds(3600),
                    minFinalCLTVExpiryDelta: 18,
                    features: FeatureBits(optional: [.basicMPP], compulsory: [.varOnionOptin, .paymentSecret]), nodeSecret: secret)
                let record = InvoiceRecord(
                    invoice: invoice, preimage: preimage, status: .paid(at: time.wholeSecond, amount: MilliSatoshi(1_000_000)))
                batch += writes(.invoices, record.position, record.encoded())
            }
            if batch.count > 20_000 || number == count - 1 {
                try store.commit(batch)
                batch = []
            }
        }
    }

    private static func payment(_ preimage: PaymentPreimage, _ payee: NodeID, _ channel: ChannelID, _ time: Timestamp) -> OutgoingPayment {
        let hops = (1...3).map { hop in
            Route.Hop(
                node: NodeKey(payee), shortChannelID: ShortChannelID(block: 800_000, transaction: hop, output: 0),
                amount: MilliSatoshi(1_000_000 + UInt64(3 - hop) * 1000), cltvDelta: UInt32(18 + (3 - hop) * 40))
        }
        let route = Route(source: NodeKey(payee), hops: hops, uncertainty: 100)
        var payment = OutgoingPayment(
            paymentHash: preimage.paymentHash, payee: payee, amount: MilliSatoshi(1_000_000), maxFee: MilliSatoshi(10_000),
            createdAt: time.wholeSecond, deadline: time + .seconds(60), maxParts: 16, invoice: String(repeating: "x", count: 280),
            finalCLTVDelta: 18)
        payment.paymentSecret = preimage.bytes
        payment.attempts = (0..<2).map { attempt in
            var tried = PaymentAttempt(
                route: route, htlc: .outgoing(channel, UInt64(attempt)), sharedSecrets: [Bytes32](repeating: preimage.bytes, count: 3),
                startedAt: time)
            tried.endedAt = time + .milliseconds(300)
            tried.status =
                attempt == 1 ? .succeeded : .failed(PaymentAttempt.Failure(hop: 1, message: [0x10, 7, 0, 0], text: "a hop has too little"))
            return tried
        }
        payment.status = .succeeded(preimage, at: time.wholeSecond)
        return payment
    }

    private static func circuit(
        _ number: Int, _ preimage: PaymentPreimage, _ one: ChannelID, _ two: ChannelID, _ time: Timestamp
    ) throws -> Circuit {
        let htlc = IncomingHTLC(
            key: .incoming(one, UInt64(number)), amount: MilliSatoshi(1_001_000), paymentHash: preimage.paymentHash, cltvExpiry: 800_200)
        let request = ForwardRequest(
            incoming: htlc, next: .channel(ShortChannelID(block: 800_000, transaction: 1, output: 0)), amount: MilliSatoshi(1_000_000),
            cltvExpiry: 800_100, onion: [], errorContext: OnionErrorContext(sharedSecret: preimage.bytes))
        var circuit = Circuit(request, outgoing: .outgoing(two, UInt64(number)), createdAt: time)
        circuit.status = .settled(preimage, at: time.wholeSecond)
        return circuit
    }
}
