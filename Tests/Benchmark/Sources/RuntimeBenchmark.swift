import BitcoinPrimitives
import Foundation
import Lightning
import LightningInvoice
import LightningPayment
import LightningWire

/// Two nodes with sockets and databases (synchronous=FULL): what applications get. Wall time, and the CPU time of the whole process.
enum RuntimeBenchmark {
    /// - Parameter widths: how many payments are under way at once.
    static func run(_ floor: RoundsBenchmark.Floor, widths: [Int] = [1, 10, 100, 400]) async throws {
        print("\nover TCP and SQLite (synchronous=FULL), wall time; CPU of the whole process, both nodes")
        let folder = FileManager.default.temporaryDirectory.appending(path: "benchmark-\(UUID().uuidString)")
        defer { try? FileManager.default.removeItem(at: folder) }
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        line("a write of 4 KiB and fdatasync, in the same folder", String(format: "%10.2f ms", try fdatasyncTime(folder) * 1000))
        let chain = try EmbeddedChain(path: nil)
        var nodes: [LightningNode] = []
        for name in ["alice", "bob"] {
            let wallet = WalletDirectory(folder.appending(path: name))
            _ = try wallet.create()
            nodes.append(try await LightningNode.start(wallet: wallet, chain: chain))
        }
        let (alice, bob) = (nodes[0], nodes[1])
        try await chain.mine(101, paying: alice.newAddress().script)
        for node in nodes { try await node.waitForBlock(101) }
        let opening = Date()
        let events = alice.events
        try await alice.connect(bob.address!)
        try await alice.openChannel(to: bob.nodeID, amount: Satoshi(4_000_000_000))
        while await chain.mempoolIsEmpty { await Task.yield() }
        try await chain.mine(3, paying: alice.newAddress().script)
        for await event in events {
            if case .channelUsable = event { break }
        }
        try await alice.pay(try await bob.createInvoice(amount: MilliSatoshi(1_000_000)))
        line(
            "open to first payment (3 blocks mined at once)", String(format: "%10.1f ms", Date().timeIntervalSince(opening) * 1000))
        for width in widths { try await pay(alice, bob, width, floor) }
        for (name, amount) in [("1 sat", UInt64(1)), ("1,000 sat", 1000)] { try await stream(alice, bob, name, amount, floor) }
        for node in nodes { await node.stop() }
    }

    /// Invoices, so many at once.
    private static func pay(_ alice: LightningNode, _ bob: LightningNode, _ width: Int, _ floor: RoundsBenchmark.Floor) async throws {
        let count = width == 1 ? 500 : 5000
        var invoices: [Invoice] = []
        for _ in 0..<count { invoices.append(try await bob.createInvoice(amount: MilliSatoshi(1_000_000))) }
        let (cpu, start) = (processTime(), Date())
        let latencies = try await withThrowingTaskGroup(of: TimeInterval.self) { group in
            var next = 0
            func begin() {
                guard next < count else { return }
                let invoice = invoices[next]
                next += 1
                group.addTask {
                    let start = Date()
                    try await alice.pay(invoice)
                    return Date().timeIntervalSince(start)
                }
            }
            for _ in 0..<width { begin() }
            var latencies: [TimeInterval] = []
            while let latency = try await group.next() {
                latencies.append(latency)
                begin()
            }
            return latencies.sorted()
        }
        let wall = Date().timeIntervalSince(start)
        let each = (processTime() - cpu) / Double(count)
        line(
            "\(width) payments at once",
            perSecond(count, wall)
                + String(
                    format: "   p50 %.1f ms   p99 %.1f ms   %.0f µs CPU each, %.0f %% of them cryptography at k = \(width)",
                    latencies[count / 2] * 1000, latencies[count * 99 / 100] * 1000, each * 1e6,
                    floor.seconds(paymentsInRound: Double(width), areDust: false) / each * 100))
    }

    /// A hundred streams of twenty payments a second each, for ten seconds.
    private static func stream(
        _ alice: LightningNode, _ bob: LightningNode, _ name: String, _ amount: UInt64, _ floor: RoundsBenchmark.Floor
    ) async throws {
        var terms = StreamTerms(rate: .perSecond(MilliSatoshi(Satoshi(amount * 20))), to: [.init(bob.nodeID)])
        terms.interval = .milliseconds(50)
        terms.duration = .seconds(10)
        let wanted = terms
        let (cpu, start) = (processTime(), Date())
        let streams = try await withThrowingTaskGroup(of: PaymentStream.self) { group in
            for _ in 0..<100 {
                group.addTask {
                    var last = try await alice.startStream(wanted)
                    for await state in try await alice.states(of: last.id) { last = state }
                    return last
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
        let wall = Date().timeIntervalSince(start)
        let payments = Int(streams.reduce(0) { $0 + $1.succeeded })
        line(
            "100 streams of \(name) twenty times a second",
            perSecond(payments, wall)
                + String(
                    format: "   %.0f µs CPU each, %d failed", (processTime() - cpu) / Double(payments) * 1e6,
                    streams.reduce(0) { $0 + $1.failed }))
    }

    /// CPU seconds of all threads.
    private static func processTime() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }

    /// What the disk takes for one write that has to last.
    private static func fdatasyncTime(_ folder: URL) throws -> Double {
        let url = folder.appending(path: "sync")
        _ = FileManager.default.createFile(atPath: url.path, contents: nil)
        let file = try FileHandle(forWritingTo: url)
        defer { try? file.close() }
        let page = Data(count: 4096)
        let start = Date()
        for _ in 0..<100 {
            try file.seek(toOffset: 0)
            try file.write(contentsOf: page)
            fdatasync(file.fileDescriptor)
        }
        return Date().timeIntervalSince(start) / 100
    }
}
