import CryptoPrimitives
import Foundation
import LightningSimulation
import LightningWire
import TestSupport
import Testing

/// The net under changes of structure: a change that is to change no behaviour leaves every line of the recorded files as it is.
///
/// A change that must change them says why, and records them anew with `LIGHTNING_WRITE_RECORDS=1`: the difference of the two files shows
/// what became of the payments.
@Suite("histories are what they were", .ownThreads)
struct FingerprintTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Records")
    static var isRecording: Bool { ProcessInfo.processInfo.environment["LIGHTNING_WRITE_RECORDS"] != nil }

    /// Compares the lines of some histories with those recorded in a file, or records them.
    private static func compare(_ name: String, _ seeds: Range<UInt64>, _ line: @Sendable @escaping (UInt64) throws -> String) async throws
    {
        let lines = try await withThrowingTaskGroup(of: (UInt64, String).self) { group in
            for seed in seeds { group.addTask { (seed, "\(seed) \(try line(seed))") } }
            return try await group.reduce(into: [UInt64: String]()) { $0[$1.0] = $1.1 }
        }
        let file = folder.appending(path: name)
        let text = seeds.map { lines[$0]! + "\n" }.joined()
        if isRecording { try Data(text.utf8).write(to: file) }
        let recorded = try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map(String.init)
        try #require(recorded.count == seeds.count)
        let changed = zip(recorded, seeds).filter { $0 != lines[$1]! }.map(\.1)
        #expect(changed.isEmpty, "\(changed.count) of \(seeds.count) histories of \(name) are not what they were: seeds \(changed)")
    }

    private static func text(_ fingerprint: WorldFingerprint?) -> String {
        "trace \(fingerprint?.trace.hex.prefix(16) ?? "") stores \(fingerprint?.stores.hex.prefix(16) ?? "")"
    }

    @Test("200 histories of two nodes")
    func twoNodes() async throws {
        try await Self.compare("two-nodes.txt", 5000..<5200) { seed in
            let report = try TwoNodeHistory.run(seed: seed, checkInterval: 50)
            return "\(Self.text(report.fingerprint)) payments \(report.payments) paid \(report.succeeded) failed \(report.failed)"
                + " restarts \(report.restarts) blocks \(report.blocks.count)"
        }
    }

    @Test("50 histories of networks")
    func networks() async throws {
        try await Self.compare("networks.txt", 6000..<6050) { seed in
            let report = try NetworkHistory.run(seed: seed, actions: 20, checkInterval: 50)
            return "\(Self.text(report.fingerprint)) payments \(report.payments) paid \(report.succeeded) failed \(report.failed)"
                + " attempts \(report.attempts) forwards \(report.forwards) fees \(report.fees.value) restarts \(report.restarts)"
        }
    }
}
