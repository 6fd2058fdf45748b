public import BitcoinPrimitives
package import LightningRecords
public import LightningWire

/// A stream of payments that somebody pays to this node: one row, however many payments there are.
///
/// Who pays it is not known, as of any payment. What its payer says of it (`tag`, `podcast`) nobody has checked; what it brought is irrevocably ours.
public struct IncomingStream: Hashable, Sendable {
    /// What all payments of the stream have in common: 16 bytes that the payer chose.
    public let tag: [UInt8]
    /// What else each payment of it has sent along, by type (65536 and above): a payment with something else is a row of its own.
    public let customRecords: [UInt64: [UInt8]]
    /// When its first payment was ours.
    public let firstAt: Timestamp
    /// When its last payment was ours.
    public fileprivate(set) var lastAt: Timestamp
    /// Payments.
    public fileprivate(set) var payments: UInt64 = 0
    /// What all of them brought.
    public fileprivate(set) var received = MilliSatoshi.zero
    /// The last payment's record of type 7629169 (bLIP 10): JSON, as its payer wrote it; `nil` where there was none.
    public fileprivate(set) var podcast: [UInt8]?

    private static let version: UInt8 = 2

    fileprivate init(tag: [UInt8], customRecords: [UInt64: [UInt8]], firstAt: Timestamp) {
        self.tag = tag
        self.customRecords = customRecords
        self.firstAt = firstAt
        lastAt = firstAt
    }

    package func encoded() -> [UInt8] {
        ByteWriter.bytes {
            $0.uint8(Self.version)
            $0.variableBytes(tag)
            $0.uint64(firstAt.milliseconds)
            $0.uint64(lastAt.milliseconds)
            $0.uint64(payments)
            $0.milliSatoshi(received)
            $0.optional(podcast) { $0.variableBytes($1) }
            CustomRecords.encode(customRecords, to: &$0)
        }
    }

    package init(record: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(record)
        let version = try reader.uint8()
        guard (1...Self.version).contains(version) else { throw .invalid("version of an incoming stream") }
        tag = try reader.variableBytes()
        guard tag.count == PaymentStream.tagLength else { throw .invalid("tag of an incoming stream") }
        firstAt = Timestamp(milliseconds: try reader.uint64())
        lastAt = Timestamp(milliseconds: try reader.uint64())
        payments = try reader.uint64()
        // A sum may come to more than there are coins: they come and go.
        received = try reader.milliSatoshi()
        podcast = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in try r.variableBytes() }
        customRecords = version > 1 ? try CustomRecords.decode(&reader) : [:]
        try reader.expectEnd()
    }
}

/// The streams that are paid to this node.
package struct IncomingStreams: Sendable {
    package private(set) var all: [[UInt8]: IncomingStream] = [:]
    private var changed: Set<[UInt8]> = []

    /// Anybody can begin streams of next to nothing: only so many are remembered.
    static let most = 1000

    package init() {}

    package init(records: [[UInt8]]) throws(DecodingFailure) {
        for record in records {
            let stream = try IncomingStream(record: record)
            all[stream.tag] = stream
        }
    }

    /// Adds a payment that is irrevocably ours.
    ///
    /// - Returns: whether it is added. Not where it sends along something else than the stream's payments do, for then somebody may want to know
    ///   which it was; and not where as many streams are remembered as can be, and each of them brought as much as this payment. Beyond that the
    ///   stream that brought least goes, the oldest among equals: nobody can push out what is worth more than what they pay.
    package mutating func add(_ amount: MilliSatoshi, _ records: [UInt64: [UInt8]], at now: Timestamp) -> Bool {
        guard let tag = StreamPayload.tag(of: records) else { return false }
        let others = records.filter { !StreamPayload.types.contains($0.key) }
        if let known = all[tag] {
            guard known.customRecords == others else { return false }
        } else if all.count >= Self.most {
            // The order of a dictionary decides nothing: among those of one moment the tag does.
            func isLess(_ one: IncomingStream, _ other: IncomingStream) -> Bool {
                if (one.received, one.lastAt) != (other.received, other.lastAt) {
                    return (one.received, one.lastAt) < (other.received, other.lastAt)
                }
                return one.tag.lexicographicallyPrecedes(other.tag)
            }
            guard let least = all.values.min(by: isLess), least.received < amount else { return false }
            all[least.tag] = nil
            changed.insert(least.tag)
        }
        var stream = all[tag] ?? IncomingStream(tag: tag, customRecords: others, firstAt: now)
        stream.lastAt = max(stream.lastAt, now)
        stream.payments = stream.payments.addingReportingOverflow(1).partialValue
        stream.received = stream.received.saturatingAdding(amount)
        stream.podcast = records[StreamPayload.podcast]
        all[tag] = stream
        changed.insert(tag)
        return true
    }

    package mutating func drainWrites() -> [StoreWrite] {
        defer { changed = [] }
        return changed.sorted { $0.lexicographicallyPrecedes($1) }.map {
            .change(.incomingStreams, key: $0, record: all[$0]?.encoded())
        }
    }
}
