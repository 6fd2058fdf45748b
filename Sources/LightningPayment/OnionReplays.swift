public import BitcoinPrimitives
public import CryptoPrimitives

/// Onions that were peeled before: a second HTLC with the same one is refused.
///
/// BOLT 4: "a node … MUST … if the same shared secret has been used before … treat it as a replay": a forwarder that sends the
/// same onion again could learn from the answers where it goes. Kept on disk until the HTLC has expired.
public struct OnionReplays: Sendable {
    private struct Entry: Hashable, Sendable {
        var htlc: IncomingHTLC.Key
        var cltvExpiry: UInt32
    }

    private var entries: [Bytes32: Entry] = [:]
    private var changed: Set<Bytes32> = []
    private var removed: Set<Bytes32> = []

    public init() {}

    public init(records: [(key: [UInt8], record: [UInt8])]) throws(DecodingError) {
        for (key, record) in records {
            guard let digest = Bytes32(key) else { throw .invalid("key of an onion") }
            var reader = ByteReader(record)
            guard try reader.uint8() == 1 else { throw .invalid("version of an onion's record") }
            entries[digest] = Entry(htlc: try IncomingHTLC.Key(from: &reader), cltvExpiry: try reader.uint32())
            try reader.expectEnd()
        }
    }

    /// Remembers the onion of an HTLC; `false` where another HTLC had it.
    public mutating func insert(sharedSecret: Bytes32, _ htlc: IncomingHTLC) -> Bool {
        // Not the secret itself: a disk that leaks tells nothing of payments.
        let digest = Hash.tagged("onion", sharedSecret.array)
        if let known = entries[digest] { return known.htlc == htlc.key }
        entries[digest] = Entry(htlc: htlc.key, cltvExpiry: htlc.cltvExpiry)
        changed.insert(digest)
        return true
    }

    /// Forgets what has expired: such an HTLC would be refused for its expiry.
    public mutating func prune(height: Int) {
        for (digest, entry) in entries where Int(entry.cltvExpiry) < height {
            entries[digest] = nil
            if changed.remove(digest) == nil { removed.insert(digest) }
        }
    }

    /// What changed since the last call; a record of `nil` is to be deleted.
    public mutating func takeWrites() -> [(key: [UInt8], record: [UInt8]?)] {
        var writes: [(key: [UInt8], record: [UInt8]?)] = changed.sorted().map { digest in
            var writer = ByteWriter(capacity: 45)
            writer.uint8(1)
            entries[digest]!.htlc.encode(to: &writer)
            writer.uint32(entries[digest]!.cltvExpiry)
            return (digest.array, writer.bytes)
        }
        writes += removed.sorted().map { ($0.array, nil) }
        changed = []
        removed = []
        return writes
    }

    public func holdsSame(as other: OnionReplays) -> Bool { entries == other.entries }
}
