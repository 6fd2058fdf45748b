package import BitcoinPrimitives
package import CryptoPrimitives
package import LightningRecords
package import LightningWire

/// The onions of HTLCs that are forwarded, held or settled: a second HTLC with the same one is refused.
///
/// A neighbour that sends an onion again could learn from the answers where it goes. Only what is accepted is remembered, until it
/// fails or its expiry has passed: an HTLC that fails costs its sender nothing, and so must cost us nothing for long.
package struct OnionReplays: Sendable {
    /// Half of a digest of the secret that we share with the payer: not the secret itself, for a disk that leaks tells nothing of
    /// payments.
    private struct Digest: Hashable, Sendable, Comparable {
        var high: UInt64
        var low: UInt64

        init(_ sharedSecret: Bytes32) {
            let bytes = Hash.tagged("onion", sharedSecret.array)
            (high, low) = bytes.withUnsafeBytes {
                (
                    UInt64(bigEndian: $0.loadUnaligned(as: UInt64.self)),
                    UInt64(bigEndian: $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
                )
            }
        }

        init(from reader: inout ByteReader) throws(DecodingFailure) {
            high = try reader.uint64()
            low = try reader.uint64()
        }

        static func < (left: Digest, right: Digest) -> Bool { (left.high, left.low) < (right.high, right.low) }
    }

    /// A change that is not stored yet: the expiry in whose bucket a digest is now, or was last.
    private struct Change: Hashable, Comparable, Sendable {
        var expiry: CLTVExpiry
        var digest: Digest

        static func < (left: Change, right: Change) -> Bool { (left.expiry, left.digest) < (right.expiry, right.digest) }

        /// The expiry comes first, so that what expires together lies together.
        var key: [UInt8] {
            var writer = ByteWriter(capacity: 20)
            writer.cltvExpiry(expiry)
            writer.uint64(digest.high)
            writer.uint64(digest.low)
            return writer.bytes
        }
    }

    private var expiries: [Digest: CLTVExpiry] = [:]
    private var buckets: [CLTVExpiry: Set<Digest>] = [:]
    private var changes: Set<Change> = []
    /// Rows of earlier versions, to be replaced.
    private var outdated: [[UInt8]] = []

    package init() {}

    package init(records: [(key: [UInt8], record: [UInt8])]) throws(DecodingFailure) {
        for (key, record) in records {
            var reader = ByteReader(key)
            if key.count == 32 {
                // The first version kept all that ever came, by a whole digest and with the HTLC.
                let digest = try Digest(from: &reader)
                var fields = ByteReader(record)
                guard try fields.uint8() == 1 else { throw .invalid("version of an onion's record") }
                _ = try HTLCID(from: &fields, .incoming)
                add(digest, try fields.cltvExpiry())
                try fields.expectEnd()
                outdated.append(key)
            } else {
                let expiry = try reader.cltvExpiry()
                let digest = try Digest(from: &reader)
                try reader.expectEnd()
                add(digest, expiry)
                changes.remove(Change(expiry: expiry, digest: digest))
            }
        }
    }

    package var count: Int { expiries.count }

    private mutating func add(_ digest: Digest, _ expiry: CLTVExpiry) {
        if let known = expiries[digest] { remove(digest, known) }
        expiries[digest] = expiry
        buckets[expiry, default: []].insert(digest)
        changes.insert(Change(expiry: expiry, digest: digest))
    }

    private mutating func remove(_ digest: Digest, _ expiry: CLTVExpiry) {
        expiries[digest] = nil
        buckets[expiry]?.remove(digest)
        if buckets[expiry]?.isEmpty == true { buckets[expiry] = nil }
        changes.insert(Change(expiry: expiry, digest: digest))
    }

    /// Whether an HTLC with this onion is remembered.
    package func contains(sharedSecret: Bytes32) -> Bool { expiries[Digest(sharedSecret)] != nil }

    /// Remembers the onion of an HTLC that is accepted.
    package mutating func insert(sharedSecret: Bytes32, cltvExpiry: CLTVExpiry) { add(Digest(sharedSecret), cltvExpiry) }

    /// The HTLC failed: its sender may try again as well as anybody.
    package mutating func remove(sharedSecret: Bytes32) {
        let digest = Digest(sharedSecret)
        if let expiry = expiries[digest] { remove(digest, expiry) }
    }

    /// Forgets what has expired: such an HTLC would be refused for its expiry.
    package mutating func prune(height: BlockHeight) {
        for expiry in buckets.keys.sorted() where expiry.height < height {
            for digest in buckets[expiry] ?? [] { remove(digest, expiry) }
        }
    }

    /// What has to be stored of the changes since the last call.
    package mutating func drainWrites() -> [StoreWrite] {
        var writes = outdated.map { StoreWrite.delete(.onions, key: $0) }
        writes += changes.sorted().map { .change(.onions, key: $0.key, record: expiries[$0.digest] == $0.expiry ? [] : nil) }
        outdated = []
        changes = []
        return writes
    }

    package func hasSameState(as other: OnionReplays) -> Bool { expiries == other.expiries }
}
