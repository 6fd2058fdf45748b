import CryptoPrimitives
import Foundation
import LightningChannel
import LightningWire
import Testing

/// Records that earlier versions wrote: they can be read for ever.
@Suite("records on disk")
struct RecordTests {
    static let folder = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Records")

    /// A channel with one HTLC under way and one that is gone but revoked: the head, then the HTLCs, then the revoked.
    static func records() throws -> [String] {
        var pair = try ChannelPair()
        _ = pair.alice.takeWrites()
        var rows: [[UInt8]] = []
        var revoked: [(key: [UInt8], record: [UInt8])] = []
        try pair.settle(toBob: try pair.offer(20_000))
        try pair.settle(toAlice: ChannelPair.messages(try pair.bob.resolve(0, .fulfilled(ChannelPair.preimage))))
        let first = pair.alice.takeWrites()
        revoked += first.revokedHTLCs
        try pair.settle(toBob: try pair.offer(30_000))
        let second = pair.alice.takeWrites()
        rows += second.htlcs.map(\.record)
        #expect(rows.count == 1 && revoked.count == 1)
        #expect(
            try pair.alice.difference(head: second.head ?? [], htlcs: rows) { key in revoked.last { $0.key == key }?.record } == nil)
        return ["head " + Hex.encode(second.head ?? [])] + rows.map { "htlc " + Hex.encode($0) }
            + revoked.map { "revoked " + Hex.encode($0.record) }
    }

    /// The version of the records that this code writes.
    static let current = 5

    /// Version 2 added attribution data to HTLCs, version 3 the path key, version 4 numbered fields to the head, version 5
    /// to the HTLCs.
    ///
    /// After a change of the records, a new file holds what `LIGHTNING_WRITE_RECORDS=1` makes this test write.
    @Test("every version of a channel's records is read, and the last one written the same", arguments: 1...current)
    func versions(version: Int) throws {
        let file = Self.folder.appending(path: "channel-v\(version).txt")
        if version == Self.current, ProcessInfo.processInfo.environment["LIGHTNING_WRITE_RECORDS"] != nil {
            try Data((Self.records().joined(separator: "\n") + "\n").utf8).write(to: file)
        }
        let text = try String(contentsOf: file, encoding: .utf8)
        let lines = text.split(separator: "\n").map { $0.split(separator: " ") }
        func records(_ kind: String) -> [[UInt8]] { lines.filter { $0[0] == kind }.map { Hex.decode($0[1])! } }
        let channel = try PaymentChannel(head: records("head")[0], htlcs: records("htlc"))
        #expect(channel.isOpen && channel.connection == .disconnected)
        #expect(channel.commitments.htlcs.count == 1)
        #expect(channel.commitments.toRemote == MilliSatoshi(320_000_000))
        #expect(try channel.difference(head: records("head")[0], htlcs: records("htlc")) { _ in nil } == nil)
        if version == Self.current { #expect(try Self.records().joined(separator: "\n") == text.trimmingCharacters(in: .newlines)) }
    }

    @Test("a record with any byte cut off, and one of another version, is refused")
    func damaged() throws {
        let line = try Self.records()[0]
        let head = Hex.decode(line.dropFirst(5))!
        for count in 0..<head.count {
            #expect(throws: (any Error).self) { try PaymentChannel(head: Array(head[..<count]), htlcs: []) }
        }
        #expect(throws: (any Error).self) { try PaymentChannel(head: [255] + head.dropFirst(), htlcs: []) }
        #expect(throws: (any Error).self) { try PaymentChannel(head: head + [0], htlcs: []) }
        // A field that a later version may have added, instead of the last one: it is not passed over.
        let salt = try #require(head.indices.last { head[$0...].starts(with: [1, 32]) })
        var unknown = head
        unknown[salt] = 200
        #expect(throws: (any Error).self) { try PaymentChannel(head: unknown, htlcs: []) }
    }
}
