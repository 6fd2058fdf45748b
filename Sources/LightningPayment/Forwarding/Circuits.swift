public import BitcoinPrimitives
import CryptoPrimitives
import LightningOnion
public import LightningRecords
public import LightningWire

/// An HTLC that this node forwards: what came in, what went out for it, and what became of it.
///
/// Money at risk: what goes out must come back in. A circuit is stored in the same commit as the outgoing HTLC, and is open
/// until the incoming HTLC is settled or given back; a preimage from downstream always reaches upstream.
public struct Circuit: Hashable, Sendable {
    public enum Status: Hashable, Sendable {
        case pending
        /// Fulfilled downstream, and so upstream, where it is still in a commitment: what it earns is not earned yet. Seconds since 1970.
        case fulfilled(PaymentPreimage, at: UInt64)
        /// Fulfilled on both sides, and gone from the commitments upstream for good.
        case settled(PaymentPreimage, at: UInt64)
        /// Failed, and why as far as we know ourselves.
        case failed(String, at: UInt64)
    }

    /// Without its path key, which nobody needs any more.
    public var incoming: IncomingHTLC
    public var outgoing: HTLCID
    public var amount: MilliSatoshi
    public var cltvExpiry: UInt32
    public var back: ReturnPath
    /// Milliseconds since 1970.
    public var createdAt: UInt64
    public var status: Status = .pending

    public init(_ request: ForwardRequest, outgoing: HTLCID, createdAt: UInt64) {
        incoming = request.incoming
        incoming.pathKey = nil
        self.outgoing = outgoing
        amount = request.amount
        cltvExpiry = request.cltvExpiry
        back = request.back
        self.createdAt = createdAt
    }

    public var fee: MilliSatoshi { incoming.amount.saturatingSubtracting(amount) }

    /// Whether downstream has not answered.
    public var isPending: Bool { status == .pending }

    /// Whether nothing more can become of it.
    public var hasEnded: Bool {
        switch status {
        case .pending, .fulfilled: false
        case .settled, .failed: true
        }
    }

    static let version: UInt8 = 3

    func encoded() -> [UInt8] {
        var writer = ByteWriter(capacity: 220)
        writer.uint8(Self.version)
        incoming.key.encode(to: &writer)
        writer.milliSatoshi(incoming.amount)
        writer.write(incoming.paymentHash)
        writer.uint32(incoming.cltvExpiry)
        outgoing.encode(to: &writer)
        writer.milliSatoshi(amount)
        writer.uint32(cltvExpiry)
        back.encode(to: &writer)
        writer.uint64(createdAt)
        switch status {
        case .pending: writer.uint8(0)
        case .settled(let preimage, let at):
            writer.uint8(1)
            writer.write(preimage)
            writer.uint64(at)
        case .failed(let why, let at):
            writer.uint8(2)
            writer.variableBytes(Array(why.utf8))
            writer.uint64(at)
        case .fulfilled(let preimage, let at):
            writer.uint8(3)
            writer.write(preimage)
            writer.uint64(at)
        }
        return writer.bytes
    }

    init(record: [UInt8]) throws(DecodingError) {
        var reader = ByteReader(record)
        let version = try reader.uint8()
        guard (1...Self.version).contains(version) else { throw .invalid("version of a circuit") }
        let key = try HTLCID(from: &reader, .incoming)
        let incomingAmount = try reader.money()
        let hash = PaymentHash(try reader.bytes32())
        incoming = IncomingHTLC(key: key, amount: incomingAmount, paymentHash: hash, cltvExpiry: try reader.uint32())
        outgoing = try HTLCID(from: &reader, .outgoing)
        amount = try reader.money()
        cltvExpiry = try reader.uint32()
        // The first version knew no blinded paths.
        back = version == 1 ? ReturnPath(sharedSecret: try reader.bytes32()) : try ReturnPath(from: &reader)
        createdAt = try reader.uint64()
        switch try reader.uint8() {
        case 0: status = .pending
        case 1: status = .settled(PaymentPreimage(try reader.bytes32()), at: try reader.uint64())
        case 2:
            let why = String(decoding: try reader.variableBytes(), as: UTF8.self)
            status = .failed(why, at: try reader.uint64())
        case 3 where version > 2: status = .fulfilled(PaymentPreimage(try reader.bytes32()), at: try reader.uint64())
        default: throw .invalid("status of a circuit")
        }
        try reader.expectEnd()
    }
}

/// The circuit map: every forward under way, by its incoming HTLC, and the last that ended.
public struct Circuits: Sendable {
    private(set) var byIncoming: [HTLCID: Circuit] = [:]
    /// The incoming HTLCs of forwards whose downstream has not answered.
    private var open: Set<HTLCID> = []
    /// Ended forwards, the oldest first: only so many are kept.
    private var ended: [HTLCID] = []
    private var changed: Set<HTLCID> = []
    /// What all ended forwards came to, kept when they themselves are forgotten.
    public private(set) var totals = ForwardTotals()
    private var areTotalsChanged = false

    static let remembered = 10_000

    public init() {}

    public init(records: [[UInt8]], totals record: [UInt8]?) throws(DecodingError) {
        for record in records {
            let circuit = try Circuit(record: record)
            byIncoming[circuit.incoming.key] = circuit
            if circuit.isPending { open.insert(circuit.incoming.key) }
        }
        ended = byIncoming.values.filter(\.hasEnded)
            .sorted { ($0.createdAt, $0.incoming.key) < ($1.createdAt, $1.incoming.key) }.map(\.incoming.key)
        if let record { totals = try ForwardTotals(record: record) }
    }

    public var all: [Circuit] { byIncoming.values.sorted { ($0.createdAt, $0.incoming.key) < ($1.createdAt, $1.incoming.key) } }
    public var pending: [Circuit] { open.sorted().compactMap { byIncoming[$0] } }

    public func circuit(incoming key: HTLCID) -> Circuit? { byIncoming[key] }

    public mutating func open(_ circuit: Circuit) {
        precondition(byIncoming[circuit.incoming.key] == nil, "an HTLC is forwarded once")
        byIncoming[circuit.incoming.key] = circuit
        open.insert(circuit.incoming.key)
        changed.insert(circuit.incoming.key)
    }

    /// Downstream gave the preimage; `nil` where it has answered already.
    public mutating func fulfill(incoming key: HTLCID, _ preimage: PaymentPreimage, at seconds: UInt64) -> Circuit? {
        guard open.remove(key) != nil else { return nil }
        byIncoming[key]?.status = .fulfilled(preimage, at: seconds)
        changed.insert(key)
        return byIncoming[key]
    }

    /// The incoming HTLC of a forward, fulfilled, is gone for good: what it earned is ours; `nil` where there is none.
    public mutating func settle(incoming key: HTLCID, at seconds: UInt64) -> Circuit? {
        guard case .fulfilled(let preimage, _)? = byIncoming[key]?.status else { return nil }
        return end(key, .settled(preimage, at: seconds))
    }

    /// Downstream failed the HTLC, or it counts as failed; `nil` where it has been answered already.
    public mutating func fail(incoming key: HTLCID, _ why: String, at seconds: UInt64) -> Circuit? {
        guard open.remove(key) != nil else { return nil }
        return end(key, .failed(why, at: seconds))
    }

    private mutating func end(_ incoming: HTLCID, _ status: Circuit.Status) -> Circuit? {
        guard var circuit = byIncoming[incoming] else { return nil }
        circuit.status = status
        byIncoming[incoming] = circuit
        changed.insert(incoming)
        ended.append(incoming)
        if case .settled = status { totals.settled(circuit) } else { totals.failures &+= 1 }
        areTotalsChanged = true
        if ended.count > Self.remembered {
            let oldest = ended.removeFirst()
            byIncoming[oldest] = nil
            changed.insert(oldest)
        }
        return circuit
    }

    /// What has to be stored of the changes since the last call.
    public mutating func drainWrites() -> [StoreWrite] {
        var writes = changed.sorted().map { StoreWrite.change(.circuits, key: $0.bytes, record: byIncoming[$0]?.encoded()) }
        if areTotalsChanged { writes.append(.put(.meta, key: StoreTable.key("forwards"), record: totals.encoded())) }
        changed = []
        areTotalsChanged = false
        return writes
    }

    public func holdsSame(as other: Circuits) -> Bool { byIncoming == other.byIncoming && totals == other.totals }
}

/// What forwarding came to.
public struct ForwardTotals: Hashable, Sendable {
    public var forwards: UInt64 = 0
    public var failures: UInt64 = 0
    public var amount = MilliSatoshi.zero
    public var fees = MilliSatoshi.zero

    mutating func settled(_ circuit: Circuit) {
        forwards &+= 1
        amount = amount.adding(circuit.amount) ?? amount
        fees = fees.adding(circuit.fee) ?? fees
    }

    func encoded() -> [UInt8] {
        var writer = ByteWriter(capacity: 33)
        writer.uint8(1)
        writer.uint64(forwards)
        writer.uint64(failures)
        writer.milliSatoshi(amount)
        writer.milliSatoshi(fees)
        return writer.bytes
    }

    init() {}

    init(record: [UInt8]) throws(DecodingError) {
        var reader = ByteReader(record)
        guard try reader.uint8() == 1 else { throw .invalid("version of the forwards' totals") }
        forwards = try reader.uint64()
        failures = try reader.uint64()
        amount = try reader.milliSatoshi()
        fees = try reader.milliSatoshi()
        try reader.expectEnd()
    }
}
