import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import Foundation
import LightningChannel
import LightningCore
import LightningRecords
import LightningSimulation
import LightningStorage
import LightningTransactions
import LightningWire

/// A peer that offers one HTLC after the other, all of which fail: what is left of them in memory and on disk.
enum SoakBenchmark {
    /// Bytes of this process in memory.
    private static func resident() -> Int {
        let pages = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8))?.split(separator: " ").dropFirst().first.flatMap {
            Int($0)
        }
        return (pages ?? 0) * Int(sysconf(Int32(_SC_PAGESIZE)))
    }

    /// Bytes of the database that holds what a node's store holds.
    private static func fileSize(_ contents: StoreContents) throws -> Int {
        let folder = FileManager.default.temporaryDirectory.appending(path: "soak-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let path = folder.appending(path: "wallet.db").path
        let store = try SQLiteStore(path: path)
        for (table, rows) in contents.tables { try store.commit(rows.map { .put(table, key: $0.key, record: $0.value) }) }
        store.close()
        return try FileManager.default.attributesOfItem(atPath: path)[.size] as? Int ?? 0
    }

    static func run(_ count: Int) throws {
        for (name, amount): (String, UInt64) in [
            ("of 200 sat, no output of any commitment", 200), ("of 1,000 sat, an output of both", 1000),
        ] {
            print("\n\(count) HTLCs \(name), each failed at once or, past a rate, 30 s later")
            var world = SimulatedWorld(seed: 7, names: ["node"])
            world.checkInterval = .max
            try world.fund(0)
            guard let connection = try world.dial(0, as: SecretKey(Hash.sha256([1]))!),
                var raw = try world.openChannel(
                    to: connection, keys: ChannelKeys(seed: Hash.sha256([2])), amount: Satoshi(4_000_000), push: MilliSatoshi(2_000_000_000)
                )
            else { throw StoreFailure.damaged("no channel") }
            func show(_ done: Int) throws {
                let node = world.nodes[0]
                let rows = node.store.tables.values.reduce(0) { $0 + $1.count }
                line(
                    "\(done) failed",
                    String(
                        format: "%6.1f MB resident   %7d kB of database   %6d rows", Double(resident()) / 1e6,
                        try fileSize(node.store) / 1000, rows))
            }
            var (done, step) = (0, 0)
            try show(0)
            while done < count {
                var sent = 0
                var effects: [ChannelEffect] = []
                while sent < 400, done + sent < count {
                    let number = done + sent
                    let onion =
                        [0] + SecretKey(Hash.sha256([3]))!.publicKey().compressed + [UInt8](repeating: UInt8(number & 0xff), count: 1332)
                    let offer = HTLCOffer(
                        amount: MilliSatoshi(Satoshi(amount)), paymentHash: PaymentHash(Hash.sha256(Array("\(number)".utf8))),
                        cltvExpiry: world.ledger.height.expiry(after: 100), onion: onion)
                    let offered = raw.channel.handle(.offer(offer), raw.environment(height: world.ledger.height))
                    if case .refused? = offered.first { break }
                    effects += offered
                    sent += 1
                }
                try world.send(effects, over: &raw)
                try world.talk(&raw)
                while !raw.channel.commitments.htlcs.isEmpty {
                    try world.pass(1, interval: .milliseconds(5000))
                    // It lives, and reads what comes.
                    try world.say(.ping(Ping(pongBytes: 0)), over: &raw.connection)
                    try world.talk(&raw)
                }
                done += sent
                raw.connection.forgetHeard()
                if done >= (step + 1) * count / 4 {
                    step += 1
                    try show(done)
                }
            }
        }
    }
}
