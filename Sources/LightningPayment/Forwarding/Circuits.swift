public import BitcoinPrimitives
import CryptoPrimitives
import LightningOnion
package import LightningRecords
public import LightningWire

/// An HTLC that this node forwards: what came in, what went out for it, and what became of it.
///
/// Money at risk: what goes out must come back in. A circuit is stored in the same commit as the outgoing HTLC, and is open
/// until the incoming HTLC is fulfilled or failed; a preimage from downstream always reaches upstream.
public struct Circuit: Hashable, Sendable {
    /// How far it is.
    public enum Status: Hashable, Sendable {
        /// It is under way.
        case pending
        /// Fulfilled downstream, and so upstream, where it is still in a commitment: what it earns is not earned yet. Seconds since 1970.
        case fulfilled(PaymentPreimage, at: Timestamp)
        /// Fulfilled on both sides, and gone from the commitments upstream for good.
        case settled(PaymentPreimage, at: Timestamp)
        /// Failed, and why as far as we know ourselves.
        case failed(String, at: Timestamp)
    }

    /// Without its path key, which nobody needs any more.
    public var incoming: IncomingHTLC
    /// The HTLC that we offered.
    public var outgoing: HTLCID
    /// What we offered; the rest is our fee.
    public var amount: MilliSatoshi
    /// The height at which what we offered expires.
    public var cltvExpiry: CLTVExpiry
    package var errorContext: OnionErrorContext
    /// When it is.
    public var createdAt: Timestamp
    /// How far it is.
    public var status: Status = .pending

    package init(_ request: ForwardRequest, outgoing: HTLCID, createdAt: Timestamp) {
        incoming = request.incoming
        incoming.pathKey = nil
        self.outgoing = outgoing
        amount = request.amount
        cltvExpiry = request.cltvExpiry
        errorContext = request.errorContext
        self.createdAt = createdAt
    }

    /// What is left to us if it is fulfilled.
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

    package func encoded() -> [UInt8] {
        var writer = ByteWriter(capacity: 220)
        writer.uint8(Self.version)
        incoming.key.encode(to: &writer)
        writer.milliSatoshi(incoming.amount)
        writer.write(incoming.paymentHash)
        writer.cltvExpiry(incoming.cltvExpiry)
        outgoing.encode(to: &writer)
        writer.milliSatoshi(amount)
        writer.cltvExpiry(cltvExpiry)
        errorContext.encode(to: &writer)
        writer.uint64(createdAt.milliseconds)
        switch status {
        case .pending: writer.uint8(0)
        case .settled(let preimage, let at):
            writer.uint8(1)
            writer.write(preimage)
            writer.uint64(at.seconds)
        case .failed(let why, let at):
            writer.uint8(2)
            writer.variableBytes(Array(why.utf8))
            writer.uint64(at.seconds)
        case .fulfilled(let preimage, let at):
            writer.uint8(3)
            writer.write(preimage)
            writer.uint64(at.seconds)
        }
        return writer.bytes
    }

    package init(record: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(record)
        let version = try reader.uint8()
        guard (1...Self.version).contains(version) else { throw .invalid("version of a circuit") }
        let key = try HTLCID(from: &reader, .incoming)
        let incomingAmount = try reader.money()
        let hash = PaymentHash(try reader.bytes32())
        incoming = IncomingHTLC(key: key, amount: incomingAmount, paymentHash: hash, cltvExpiry: try reader.cltvExpiry())
        outgoing = try HTLCID(from: &reader, .outgoing)
        amount = try reader.money()
        cltvExpiry = try reader.cltvExpiry()
        // The first version knew no blinded paths.
        errorContext = version == 1 ? OnionErrorContext(sharedSecret: try reader.bytes32()) : try OnionErrorContext(from: &reader)
        createdAt = Timestamp(milliseconds: try reader.uint64())
        switch try reader.uint8() {
        case 0: status = .pending
        case 1: status = .settled(PaymentPreimage(try reader.bytes32()), at: Timestamp(seconds: try reader.uint64()))
        case 2:
            let why = String(decoding: try reader.variableBytes(), as: UTF8.self)
            status = .failed(why, at: Timestamp(seconds: try reader.uint64()))
        case 3 where version > 2: status = .fulfilled(PaymentPreimage(try reader.bytes32()), at: Timestamp(seconds: try reader.uint64()))
        default: throw .invalid("status of a circuit")
        }
        try reader.expectEnd()
    }
}

/// The circuit map: every forward under way, by its incoming HTLC. What is over goes into the history, and is not in memory any more.
package struct Circuits: Sendable {
    private var byIncoming: [HTLCID: Circuit] = [:]
    /// The incoming HTLCs of forwards whose downstream has not answered.
    private var open: Set<HTLCID> = []
    private var changed: Set<HTLCID> = []
    /// Forwards that are over since the last `drainWrites`.
    private var over: [Circuit] = []
    /// Where the last forwards that earned nothing worth a record are in the history, by a number that counts them.
    private var cheap: [UInt64: HistoryPosition] = [:]
    private var nextCheap: UInt64 = 0
    /// What all ended forwards came to.
    package private(set) var totals = ForwardTotals()
    private var areTotalsChanged = false
    /// The same for each outgoing channel, of those that are in the history.
    package private(set) var totalsByChannel: [ChannelID: ForwardTotals] = [:]

    /// What a forward has to earn for a record that is kept for ever: at 300 bytes each, whoever fills a gigabyte of our disk pays a third of
    /// a million satoshi for it.
    package static let recordFee = MilliSatoshi(100)
    /// Records that are kept of forwards that failed or earned less.
    static let rememberedCheap: UInt64 = 10_000

    package init() {}

    /// - Parameters:
    ///   - records: of the forwards under way.
    ///   - totals: the record of the totals.
    ///   - cheap: the numbers of the last forwards that earned nothing worth a record, and where they are in the history.
    ///   - channels: the totals of channels.
    package init(
        records: [[UInt8]], totals record: [UInt8]?, cheap: [(key: [UInt8], record: [UInt8])] = [],
        channels: [(key: [UInt8], record: [UInt8])] = []
    ) throws(DecodingFailure) {
        for record in records {
            let circuit = try Circuit(record: record)
            byIncoming[circuit.incoming.key] = circuit
            if circuit.isPending { open.insert(circuit.incoming.key) }
        }
        if let record { totals = try ForwardTotals(record: record) }
        for (key, record) in cheap {
            var reader = ByteReader(key)
            let number = try reader.uint64()
            try reader.expectEnd()
            guard number < 1 << 62, let position = HistoryPosition(key: record) else { throw .invalid("place of a forward") }
            self.cheap[number] = position
            nextCheap = max(nextCheap, number + 1)
        }
        for (key, record) in channels {
            guard let id = Bytes32(key) else { throw .invalid("key of a channel's forwards") }
            totalsByChannel[ChannelID(id)] = try ForwardTotals(record: record)
        }
    }

    /// Forwards that are not over, and those that ended in this batch, the oldest first.
    package var all: [Circuit] { byIncoming.values.sorted { $0.position < $1.position } }
    /// Forwards whose downstream has not answered.
    package var pending: [Circuit] { open.sorted().compactMap { byIncoming[$0] } }

    package func circuit(incoming key: HTLCID) -> Circuit? { byIncoming[key] }

    package mutating func open(_ circuit: Circuit) {
        precondition(byIncoming[circuit.incoming.key] == nil, "an HTLC is forwarded once")
        byIncoming[circuit.incoming.key] = circuit
        open.insert(circuit.incoming.key)
        changed.insert(circuit.incoming.key)
    }

    /// Downstream gave the preimage; `nil` where it has answered already.
    package mutating func fulfill(incoming key: HTLCID, _ preimage: PaymentPreimage, at time: Timestamp) -> Circuit? {
        guard open.remove(key) != nil else { return nil }
        byIncoming[key]?.status = .fulfilled(preimage, at: time)
        changed.insert(key)
        return byIncoming[key]
    }

    /// The incoming HTLC of a forward, fulfilled, is gone for good: what it earned is ours; `nil` where there is none.
    package mutating func settle(incoming key: HTLCID, at time: Timestamp) -> Circuit? {
        guard case .fulfilled(let preimage, _)? = byIncoming[key]?.status else { return nil }
        defer { leave(key) }
        return end(key, .settled(preimage, at: time))
    }

    /// The incoming HTLC of a forward, fulfilled, brought nothing on chain; `nil` where there is none.
    package mutating func lose(incoming key: HTLCID, at time: Timestamp) -> Circuit? {
        guard case .fulfilled? = byIncoming[key]?.status else { return nil }
        defer { leave(key) }
        return end(key, .failed("it was paid for downstream, and lost upstream on chain", at: time))
    }

    /// Downstream failed the HTLC, or it counts as failed; `nil` where it has been answered already.
    ///
    /// It stays until `answered`: an HTLC that was forwarded once must not be forwarded again after a restart.
    package mutating func fail(incoming key: HTLCID, _ why: String, at time: Timestamp) -> Circuit? {
        guard open.remove(key) != nil else { return nil }
        return end(key, .failed(why, at: time))
    }

    /// The incoming HTLC of a forward has its answer: one that has ended is over.
    package mutating func answered(incoming key: HTLCID) {
        if byIncoming[key]?.hasEnded == true { leave(key) }
    }

    private mutating func end(_ incoming: HTLCID, _ status: Circuit.Status) -> Circuit? {
        guard var circuit = byIncoming[incoming] else { return nil }
        circuit.status = status
        byIncoming[incoming] = circuit
        changed.insert(incoming)
        totals.count(circuit)
        areTotalsChanged = true
        return circuit
    }

    private mutating func leave(_ key: HTLCID) {
        guard let circuit = byIncoming.removeValue(forKey: key) else { return }
        changed.insert(key)
        over.append(circuit)
        totalsByChannel[circuit.outgoing.channel, default: ForwardTotals()].count(circuit)
    }

    /// What has to be stored of the changes since the last call.
    package mutating func drainWrites() -> [StoreWrite] {
        var writes = changed.sorted().map { StoreWrite.change(.circuits, key: $0.bytes, record: byIncoming[$0]?.encoded()) }
        if areTotalsChanged { writes.append(.put(.meta, key: StoreTable.key("forwards"), record: totals.encoded())) }
        for circuit in over {
            writes += StoreHistory.forwards.add(circuit.encoded(), at: circuit.position)
            if !circuit.isSettled || circuit.fee < Self.recordFee { writes += countCheap(circuit.position) }
        }
        for id in Set(over.map(\.outgoing.channel)).sorted() {
            writes.append(.change(.forwardTotals, key: id.bytes.array, record: totalsByChannel[id]?.encoded()))
        }
        changed = []
        over = []
        areTotalsChanged = false
        return writes
    }

    /// Numbers a forward that earned nothing worth a record; the one that is too many goes.
    private mutating func countCheap(_ position: HistoryPosition) -> [StoreWrite] {
        func key(_ number: UInt64) -> [UInt8] { ByteWriter.bytes { $0.uint64(number) } }
        let number = nextCheap
        nextCheap += 1
        cheap[number] = position
        var writes: [StoreWrite] = [.put(.cheapForwards, key: key(number), record: position.key)]
        if number >= Self.rememberedCheap, let old = cheap.removeValue(forKey: number - Self.rememberedCheap) {
            writes.append(.delete(.cheapForwards, key: key(number - Self.rememberedCheap)))
            writes += StoreHistory.forwards.remove(at: old)
        }
        return writes
    }

    package func hasSameState(as other: Circuits) -> Bool {
        byIncoming == other.byIncoming && totals == other.totals && cheap == other.cheap && totalsByChannel == other.totalsByChannel
    }
}

extension Circuit {
    /// Its place in the history: by when it was forwarded.
    package var position: HistoryPosition { HistoryPosition(order: createdAt.milliseconds, id: incoming.key.bytes) }

    /// Whether its fee is earned.
    public var isSettled: Bool {
        if case .settled = status { return true }
        return false
    }
}

/// What forwarding came to.
public struct ForwardTotals: Hashable, Sendable {
    /// Fulfilled forwards.
    public var forwards: UInt64 = 0
    /// Forwards that failed.
    public var failures: UInt64 = 0
    /// What was passed on by those that were fulfilled.
    public var amount = MilliSatoshi.zero
    /// What was earned.
    public var fees = MilliSatoshi.zero

    /// Counts a forward that has ended.
    mutating func count(_ circuit: Circuit) {
        guard circuit.isSettled else {
            failures &+= 1
            return
        }
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

    /// Of no forwards.
    public init() {}

    init(record: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(record)
        guard try reader.uint8() == 1 else { throw .invalid("version of the forwards' totals") }
        forwards = try reader.uint64()
        failures = try reader.uint64()
        amount = try reader.milliSatoshi()
        fees = try reader.milliSatoshi()
        try reader.expectEnd()
    }
}
