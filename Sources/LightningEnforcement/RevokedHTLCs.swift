package import BitcoinPrimitives
import CryptoPrimitives
import LightningTransactions
package import LightningWire

/// An HTLC that is gone, but stands in commitments that the remote has revoked and could still publish: what its script is made of.
package struct RevokedHTLC: Hashable, Sendable {
    package var isOfferedByLocal: Bool
    /// RIPEMD-160 of the payment hash, as BOLT 3's scripts have it.
    package var paymentHash: [UInt8]
    package var cltvExpiry: CLTVExpiry

    package init(isOfferedByLocal: Bool, paymentHash: [UInt8], cltvExpiry: CLTVExpiry) {
        self.isOfferedByLocal = isOfferedByLocal
        self.paymentHash = paymentHash
        self.cltvExpiry = cltvExpiry
    }

    /// An HTLC that is not gone yet: a revoked commitment may hold it as well.
    package init(_ htlc: ClosingHTLC) {
        self.init(
            isOfferedByLocal: htlc.key.isOfferedByLocal, paymentHash: Hash.ripemd160(htlc.paymentHash.bytes.array),
            cltvExpiry: htlc.cltvExpiry)
    }

    /// Bytes of one in a record.
    static let size = 25

    /// The script of its output in a commitment of the remote's.
    func script(_ scripts: HTLCScripts) -> Script {
        isOfferedByLocal
            ? scripts.received(paymentHash160: paymentHash, cltvExpiry: cltvExpiry) : scripts.offered(paymentHash160: paymentHash)
    }
}

/// Which records of a channel's revoked HTLCs are wanted next, by the rest of their keys after the channel's id: those from `bound` on, or,
/// backwards, those before it. Some at a time: a peer makes as many as it likes.
package struct RevokedHTLCQuery: Hashable, Sendable {
    package var bound: [UInt8]
    package var isBackwards: Bool
    package static let limit = 250

    package init(bound: [UInt8], isBackwards: Bool) {
        self.bound = bound
        self.isBackwards = isBackwards
    }
}

/// The revoked HTLCs of a channel, which only a breach ever asks for: they are appended to the store, some at a time in one record, and
/// of them all only the record that is being filled is in memory.
///
/// Records are in the order in which their HTLCs left the remote's commitments, so that those of one commitment are found without the
/// others: it held what left after it, and what left soon after it comes first. An HTLC that fails costs its sender nothing, and leaves
/// 25 bytes: less would not find its output again.
package struct RevokedHTLCLog: Hashable, Sendable {
    /// HTLCs in one record: the one that is being filled is written again with each commitment. With its key it is just short enough for
    /// SQLite to keep a row in one piece: a longer one takes a page of 4096 bytes of its own.
    static let capacity = 36

    /// Records that have been begun: each start of the node begins another one.
    package private(set) var count: UInt32 = 0
    package private(set) var current: [RevokedHTLC] = []
    /// The key of the record that is being filled.
    private var currentKey: [UInt8] = []
    private var isChanged = false
    /// Records that became full since they were last taken.
    private var full: [(key: [UInt8], htlcs: [RevokedHTLC])] = []

    package init(count: UInt32) { self.count = count }

    package static func == (left: RevokedHTLCLog, right: RevokedHTLCLog) -> Bool {
        left.count == right.count && left.current == right.current
    }
    package func hash(into hasher: inout Hasher) { hasher.combine(count) }

    /// - Parameter last: the last commitment of the remote that held the HTLC, or a later one; never less than at the last call.
    package mutating func append(_ htlc: RevokedHTLC, last: UInt64) {
        if current.isEmpty {
            currentKey = Self.key(last, count)
            count += 1
        }
        current.append(htlc)
        isChanged = true
        guard current.count == Self.capacity else { return }
        full.append((currentKey, current))
        current = []
        isChanged = false
    }

    /// The records that changed since the last call, each with the rest of its key after the channel's id.
    package mutating func takeWrites() -> [(key: [UInt8], record: [UInt8])] {
        var writes = full.map { ($0.key, Self.encode($0.htlcs)) }
        if isChanged { writes.append((currentKey, Self.encode(current))) }
        full = []
        isChanged = false
        return writes
    }

    /// The record that is being filled, as it has to be in the store; `nil` where there is none.
    package var currentRecord: (key: [UInt8], record: [UInt8])? { current.isEmpty ? nil : (currentKey, Self.encode(current)) }

    // Keys of the first version continued with 0 or 1, for the side that offered, those of the second with 2 and a number: they come before
    // all others.
    private static let keyTag: UInt8 = 3
    private static let version: UInt8 = 2

    private static func key(_ last: UInt64, _ number: UInt32) -> [UInt8] {
        ByteWriter.bytes {
            $0.uint8(keyTag)
            $0.uint64(last)
            $0.uint32(number)
        }
    }

    /// Where to begin with the records of a commitment: with those of HTLCs that left after it.
    package static func query(commitment: UInt64) -> RevokedHTLCQuery { RevokedHTLCQuery(bound: key(commitment, 0), isBackwards: false) }

    /// Where to go on.
    ///
    /// - Parameter keys: what the last query found.
    /// - Returns: `nil` where there is no more. The record before the first can hold some as well, and those of older versions any.
    package static func next(after query: RevokedHTLCQuery, keys: [[UInt8]], commitment: UInt64) -> RevokedHTLCQuery? {
        if keys.count >= RevokedHTLCQuery.limit, let last = keys.last {
            return RevokedHTLCQuery(bound: query.isBackwards ? last : last + [0], isBackwards: query.isBackwards)
        }
        return query.isBackwards ? nil : RevokedHTLCQuery(bound: key(commitment, 0), isBackwards: true)
    }

    private static func encode(_ htlcs: [RevokedHTLC]) -> [UInt8] {
        var writer = ByteWriter(capacity: 1 + RevokedHTLC.size * htlcs.count)
        writer.uint8(version)
        for htlc in htlcs {
            writer.uint8(htlc.isOfferedByLocal ? 1 : 0)
            writer.write(htlc.paymentHash)
            writer.cltvExpiry(htlc.cltvExpiry)
        }
        return writer.bytes
    }

    /// Reads a record of any version.
    package static func decode(_ record: [UInt8]) throws(DecodingFailure) -> [RevokedHTLC] {
        var reader = ByteReader(record)
        switch try reader.uint8() {
        case 1:
            // One HTLC: side, id, payment hash, expiry, and the range of commitments that held it.
            let isOfferedByLocal = try reader.uint8() == 1
            _ = try reader.uint64()
            let hash = Hash.ripemd160(try reader.read(32))
            let expiry = try reader.uint32()
            guard try reader.uint64() <= (try reader.uint64()) else { throw .invalid("range of a revoked HTLC's record") }
            try reader.expectEnd()
            return [RevokedHTLC(isOfferedByLocal: isOfferedByLocal, paymentHash: hash, cltvExpiry: CLTVExpiry(expiry))]
        case version:
            var htlcs: [RevokedHTLC] = []
            htlcs.reserveCapacity(reader.remaining / RevokedHTLC.size)
            while !reader.isAtEnd {
                htlcs.append(
                    RevokedHTLC(
                        isOfferedByLocal: try reader.uint8() == 1, paymentHash: try reader.read(20), cltvExpiry: try reader.cltvExpiry()))
            }
            return htlcs
        default: throw .invalid("version of a revoked HTLC's record")
        }
    }
}
