public import BitcoinPrimitives
public import CryptoPrimitives
import LightningOnion
package import LightningRecords
public import LightningRouting
public import LightningWire

/// One HTLC of a payment that we send: its route, and what became of it.
public struct PaymentAttempt: Hashable, Sendable {
    /// How it stands.
    public enum Status: Hashable, Sendable {
        /// The HTLC is under way.
        case pending
        /// The payee's preimage came for it.
        case succeeded
        /// The HTLC failed, and its money is ours again.
        case failed(Failure)
    }

    /// Why an attempt came back.
    public struct Failure: Hashable, Sendable {
        /// Which hop of the route says so, the first hop being 0; `nil` where nobody can be made out.
        public var hop: Int?
        /// BOLT 4's failure message as it came; empty where there was none to read.
        public var message: [UInt8]
        /// In words.
        public var text: String

        /// What a hop said; none where nobody could be made out.
        public init(hop: Int?, message: [UInt8], text: String) {
            self.hop = hop
            self.message = message
            self.text = text
        }
    }

    /// The way that it went.
    public var route: Route
    /// Our channel, and the HTLC in it.
    public var htlc: HTLCID
    /// What decrypts a failure that comes back, hop by hop.
    public var sharedSecrets: [Bytes32]
    /// When it is.
    public var startedAt: Timestamp
    /// In ms since 1970; `nil` while it is under way.
    public var endedAt: Timestamp?
    /// When its HTLC, which was fulfilled, had left both commitments for good. Until then the money is the payee's by its
    /// preimage, and still in the channel.
    public var settledAt: Timestamp?
    /// How it stands.
    public var status: Status = .pending
    /// How long each hop held the HTLC, the first hop first: as far as hops tell it (BOLT 4 attribution data).
    public var holdTimes: [Duration] = []

    package init(route: Route, htlc: HTLCID, sharedSecrets: [Bytes32], startedAt: Timestamp) {
        self.route = route
        self.htlc = htlc
        self.sharedSecrets = sharedSecrets
        self.startedAt = startedAt
    }
}

/// A payment that we send: what is to be paid within which limits, and every attempt at it.
///
/// Money at risk: no two of its attempts may ever add up to more than the amount, and none may start once a preimage is
/// known. It is stored in the same commit as the HTLCs that it sends.
public struct OutgoingPayment: Hashable, Sendable {
    /// How it stands.
    public enum Status: Hashable, Sendable {
        /// It is under way.
        case pending
        /// Proven by the preimage, and when, to the second.
        case succeeded(PaymentPreimage, at: Timestamp)
        /// Why it failed, and when, to the second.
        case failed(String, at: Timestamp)
    }

    /// By which it is found, and never paid twice.
    public var paymentHash: PaymentHash
    /// Who is paid.
    public var payee: NodeID
    /// What has to arrive, without fees.
    public var amount: MilliSatoshi
    /// The most that all routes together may cost.
    public var maxFee: MilliSatoshi
    /// When it was asked for, to the second.
    public var createdAt: Timestamp
    /// After it nothing new is tried.
    public var deadline: Timestamp
    /// HTLCs under way at a time; 1 where the payee takes no parts.
    public var maxParts: Int
    /// The invoice's text, or empty for a keysend.
    public var invoice: String
    /// What the payee recognizes the payment by; `nil` for a keysend.
    public var paymentSecret: Bytes32?
    /// What a keysend gives away to the payee.
    public var keysendPreimage: PaymentPreimage?
    /// The invoice's, to be sent along.
    public var paymentMetadata: [UInt8]?
    /// Of a keysend: TLV records of types from 65536 on.
    public var customRecords: [UInt64: [UInt8]] = [:]
    /// Blocks that the payee wants its HTLC to have.
    public var finalCLTVDelta: UInt32
    package var hints: [RouteHint] = []
    /// The ways that a payee tells who hides: the last part of every route then.
    package var blindedPaths: [PayableBlindedPath] = []
    /// The stream that it is a payment of, which adds it up; `nil` where it stands by itself.
    public var stream: StreamPart?
    /// The only channel of ours that it may leave by; `nil` for any.
    public var firstChannel: ChannelID?
    /// Every HTLC that was sent for it, the first one first.
    public var attempts: [PaymentAttempt] = []
    /// How it stands.
    public var status: Status = .pending
    /// Why nothing more is tried, while HTLCs are still out.
    public var givenUp: String?

    /// Since version 4 attempts say when they were settled, since version 5 payments of streams which they are.
    static let version: UInt8 = 5

    /// A payment that has not begun.
    public init(
        paymentHash: PaymentHash, payee: NodeID, amount: MilliSatoshi, maxFee: MilliSatoshi, createdAt: Timestamp, deadline: Timestamp,
        maxParts: Int, invoice: String, finalCLTVDelta: UInt32
    ) {
        self.paymentHash = paymentHash
        self.payee = payee
        self.amount = amount
        self.maxFee = maxFee
        self.createdAt = createdAt
        self.deadline = deadline
        self.maxParts = maxParts
        self.invoice = invoice
        self.finalCLTVDelta = finalCLTVDelta
    }

    // MARK: What it has come to

    /// When its first part was sent, or it was asked for.
    public var firstStart: Timestamp { attempts.first?.startedAt ?? createdAt }

    /// Its place in the history.
    package var position: HistoryPosition { HistoryPosition(order: firstStart.milliseconds, id: paymentHash.bytes.array) }

    /// What is kept of it when it is over: neither the secrets that would decrypt answers, for all have come, nor hints for routes.
    var forHistory: OutgoingPayment {
        var kept = self
        for index in kept.attempts.indices { kept.attempts[index].sharedSecrets = [] }
        kept.hints = []
        return kept
    }

    /// Whether nothing more can become of it: it has its outcome, and no HTLC of it is in a channel.
    public var isOver: Bool { status != .pending && attempts.allSatisfy(\.isOver) }

    /// Those that are neither fulfilled nor failed.
    public var pendingAttempts: [PaymentAttempt] { attempts.filter { $0.status == .pending } }

    /// What attempts under way would bring the payee.
    public var inFlight: MilliSatoshi { pendingAttempts.reduce(.zero) { $0 + $1.route.amount } }

    /// What routes under way would cost.
    private var feesInFlight: MilliSatoshi { pendingAttempts.reduce(.zero) { $0 + $1.route.fee } }

    /// What is still to be sent.
    public var remaining: MilliSatoshi { amount.saturatingSubtracting(inFlight) }
    /// What the routes of it may still cost.
    public var remainingFee: MilliSatoshi { maxFee.saturatingSubtracting(feesInFlight) }

    /// What was paid to forwarders; while the payment is pending, what would be.
    public var fee: MilliSatoshi {
        let counted = attempts.filter { attempt in
            switch status {
            case .succeeded: !attempt.isFailed
            case .pending: attempt.status == .pending
            case .failed: false
            }
        }
        return counted.reduce(.zero) { $0 + $1.route.fee }
    }

    /// The routes that paid.
    public var paidRoutes: [Route] { attempts.filter { !$0.isFailed }.map(\.route) }

    /// Whether it was only a try: nobody knows the preimage of its hash.
    public var isProbe: Bool { invoice.isEmpty && keysendPreimage == nil && paymentSecret != nil }

    // MARK: Records

    package func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.uint8(Self.version)
        writer.write(paymentHash)
        writer.point(payee)
        writer.milliSatoshi(amount)
        writer.milliSatoshi(maxFee)
        writer.uint64(createdAt.seconds)
        writer.uint64(deadline.milliseconds)
        writer.uint16(UInt16(clamping: maxParts))
        writer.variableBytes(Array(invoice.utf8))
        writer.optional(paymentSecret) { writer, secret in writer.write(secret) }
        writer.optional(keysendPreimage) { writer, preimage in writer.write(preimage) }
        writer.optional(paymentMetadata) { writer, bytes in writer.variableBytes(bytes) }
        CustomRecords.encode(customRecords, to: &writer)
        writer.uint32(finalCLTVDelta)
        writer.compactSize(hints.count)
        for hint in hints { hint.encode(to: &writer) }
        writer.compactSize(blindedPaths.count)
        for path in blindedPaths { path.encode(to: &writer) }
        writer.optional(firstChannel) { writer, id in writer.write(id) }
        writer.compactSize(attempts.count)
        for attempt in attempts { attempt.encode(to: &writer) }
        writer.optional(givenUp) { writer, text in writer.variableBytes(Array(text.utf8)) }
        switch status {
        case .pending: writer.uint8(0)
        case .succeeded(let preimage, let at):
            writer.uint8(1)
            writer.write(preimage)
            writer.uint64(at.seconds)
        case .failed(let reason, let at):
            writer.uint8(2)
            writer.variableBytes(Array(reason.utf8))
            writer.uint64(at.seconds)
        }
        writer.optional(stream) { writer, part in
            writer.uint64(part.stream)
            writer.uint64(part.number)
        }
        return writer.bytes
    }

    package init(record: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(record)
        switch try reader.uint8() {
        case 1: try self.init(version1: &reader)
        case let version where (2...Self.version).contains(version): try self.init(version: version, &reader)
        default: throw .invalid("version of a payment's record")
        }
        try reader.expectEnd()
    }

    private init(version: UInt8, _ reader: inout ByteReader) throws(DecodingFailure) {
        let hash = PaymentHash(try reader.bytes32())
        let payee = try reader.point()
        let amount = try reader.money()
        let maxFee = try reader.milliSatoshi()
        let createdAt = Timestamp(seconds: try reader.uint64())
        let deadline = Timestamp(milliseconds: try reader.uint64())
        let maxParts = Int(try reader.uint16())
        let invoice = String(decoding: try reader.variableBytes(), as: UTF8.self)
        let secret = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in try r.bytes32() }
        let preimage = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in PaymentPreimage(try r.bytes32()) }
        let metadata = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in try r.variableBytes() }
        let custom = try CustomRecords.decode(&reader)
        self.init(
            paymentHash: hash, payee: payee, amount: amount, maxFee: maxFee, createdAt: createdAt, deadline: deadline,
            maxParts: maxParts, invoice: invoice, finalCLTVDelta: try reader.uint32())
        (paymentSecret, keysendPreimage, paymentMetadata, customRecords) = (secret, preimage, metadata, custom)
        for _ in 0..<(try reader.count()) { hints.append(try RouteHint(from: &reader)) }
        if version > 2 { for _ in 0..<(try reader.count()) { blindedPaths.append(try PayableBlindedPath(from: &reader)) } }
        firstChannel = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in try r.channelID() }
        for _ in 0..<(try reader.count()) { attempts.append(try PaymentAttempt(from: &reader, saysSettled: version > 3)) }
        givenUp = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in
            String(decoding: try r.variableBytes(), as: UTF8.self)
        }
        status = try Self.status(&reader)
        if version > 4 {
            stream = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in
                StreamPart(stream: try r.uint64(), number: try r.uint64())
            }
        }
        // What is computed with them later must not overflow, and each failure is decrypted by the secret of its hop.
        guard finalCLTVDelta <= 1 << 20, attempts.count <= 1000,
            attempts.allSatisfy({ $0.route.hops.allSatisfy { $0.cltvDelta <= 1 << 24 } }),
            !blindedPaths.isEmpty || attempts.allSatisfy({ $0.sharedSecrets.count <= $0.route.hops.count })
        else { throw .invalid("payment") }
    }

    private static func status(_ reader: inout ByteReader) throws(DecodingFailure) -> Status {
        switch try reader.uint8() {
        case 0: return .pending
        case 1: return .succeeded(PaymentPreimage(try reader.bytes32()), at: Timestamp(seconds: try reader.uint64()))
        case 2:
            let reason = String(decoding: try reader.variableBytes(), as: UTF8.self)
            return .failed(reason, at: Timestamp(seconds: try reader.uint64()))
        default: throw .invalid("status of a payment")
        }
    }

    /// The first version knew payments of one HTLC to a direct peer.
    private init(version1 reader: inout ByteReader) throws(DecodingFailure) {
        let hash = PaymentHash(try reader.bytes32())
        let payee = try reader.point()
        let amount = try reader.money()
        let fee = try reader.money()
        let createdAt = Timestamp(seconds: try reader.uint64())
        let invoice = String(decoding: try reader.variableBytes(), as: UTF8.self)
        self.init(
            paymentHash: hash, payee: payee, amount: amount, maxFee: fee, createdAt: createdAt, deadline: createdAt,
            maxParts: 1, invoice: invoice, finalCLTVDelta: 0)
        let key = try HTLCID(from: &reader, .outgoing)
        var secrets: [Bytes32] = []
        for _ in 0..<(try reader.count(minimum: 32)) { secrets.append(try reader.bytes32()) }
        // As of every later version: what is written again has to be read again.
        guard secrets.count <= 1 else { throw .invalid("payment") }
        let node = NodeKey(payee)
        let hop = Route.Hop(node: node, shortChannelID: ShortChannelID(0), amount: amount, cltvDelta: 0)
        var attempt = PaymentAttempt(
            route: Route(source: node, hops: [hop], uncertainty: 0), htlc: key, sharedSecrets: secrets, startedAt: createdAt)
        status = try Self.status(&reader)
        switch status {
        case .pending: break
        case .succeeded(_, let at):
            attempt.status = .succeeded
            (attempt.endedAt, attempt.settledAt) = (at, at)
        case .failed(let reason, let at):
            attempt.status = .failed(PaymentAttempt.Failure(hop: nil, message: [], text: reason))
            attempt.endedAt = at
        }
        attempts = [attempt]
    }
}

extension PaymentAttempt {
    /// Whether it failed.
    public var isFailed: Bool {
        if case .failed = status { return true }
        return false
    }

    /// Whether its HTLC is in no channel any more.
    var isOver: Bool {
        switch status {
        case .pending: false
        case .succeeded: settledAt != nil
        case .failed: true
        }
    }

    func encode(to writer: inout ByteWriter) {
        writer.write(route.source.bytes)
        writer.uint64(route.uncertainty)
        writer.compactSize(route.hops.count)
        for hop in route.hops {
            writer.write(hop.node.bytes)
            writer.shortChannelID(hop.shortChannelID)
            writer.milliSatoshi(hop.amount)
            writer.uint32(hop.cltvDelta)
        }
        htlc.encode(to: &writer)
        writer.compactSize(sharedSecrets.count)
        for secret in sharedSecrets { writer.write(secret) }
        writer.uint64(startedAt.milliseconds)
        writer.optional(endedAt) { writer, at in writer.uint64(at.milliseconds) }
        writer.optional(settledAt) { writer, at in writer.uint64(at.milliseconds) }
        writer.compactSize(holdTimes.count)
        for time in holdTimes { writer.uint32(UInt32(clamping: time.wholeMilliseconds)) }
        switch status {
        case .pending: writer.uint8(0)
        case .succeeded: writer.uint8(1)
        case .failed(let failure):
            writer.uint8(2)
            writer.optional(failure.hop) { writer, hop in writer.uint8(UInt8(clamping: hop)) }
            writer.variableBytes(failure.message)
            writer.variableBytes(Array(failure.text.utf8))
        }
    }

    init(from reader: inout ByteReader, saysSettled: Bool) throws(DecodingFailure) {
        let source = try reader.nodeKey()
        let uncertainty = try reader.uint64()
        var hops: [Route.Hop] = []
        for _ in 0..<(try reader.count(minimum: 53)) {
            hops.append(
                Route.Hop(
                    node: try reader.nodeKey(), shortChannelID: try reader.shortChannelID(), amount: try reader.money(),
                    cltvDelta: try reader.uint32()))
        }
        guard !hops.isEmpty else { throw .invalid("route of a payment") }
        let key = try HTLCID(from: &reader, .outgoing)
        var secrets: [Bytes32] = []
        for _ in 0..<(try reader.count(minimum: 32)) { secrets.append(try reader.bytes32()) }
        self.init(
            route: Route(source: source, hops: hops, uncertainty: uncertainty), htlc: key, sharedSecrets: secrets,
            startedAt: Timestamp(milliseconds: try reader.uint64()))
        endedAt = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in
            Timestamp(milliseconds: try r.uint64())
        }
        if saysSettled {
            settledAt = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in
                Timestamp(milliseconds: try r.uint64())
            }
        }
        for _ in 0..<(try reader.count(minimum: 4)) { holdTimes.append(.milliseconds(try reader.uint32())) }
        switch try reader.uint8() {
        case 0: status = .pending
        case 1:
            status = .succeeded
            // Earlier versions called a payment over with its preimage.
            if !saysSettled { settledAt = endedAt ?? startedAt }
        case 2:
            let hop = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in Int(try r.uint8()) }
            let message = try reader.variableBytes()
            let text = String(decoding: try reader.variableBytes(), as: UTF8.self)
            status = .failed(PaymentAttempt.Failure(hop: hop, message: message, text: text))
        default: throw .invalid("status of an attempt")
        }
    }
}

extension RouteHint {
    func encode(to writer: inout ByteWriter) {
        writer.compactSize(hops.count)
        for hop in hops {
            writer.write(hop.from.bytes)
            writer.shortChannelID(hop.shortChannelID)
            writer.uint32(hop.policy.feeBase)
            writer.uint32(hop.policy.feeProportionalMillionths)
            writer.uint16(hop.policy.cltvExpiryDelta)
            writer.uint64(hop.policy.htlcMinimum)
            writer.uint64(hop.policy.htlcMaximum)
        }
    }

    init(from reader: inout ByteReader) throws(DecodingFailure) {
        var hops: [Hop] = []
        for _ in 0..<(try reader.count(minimum: 67)) {
            let node = try reader.nodeKey()
            let id = try reader.shortChannelID()
            let policy = RoutingPolicy(
                timestamp: 1, feeBase: try reader.uint32(), feeProportionalMillionths: try reader.uint32(),
                cltvExpiryDelta: try reader.uint16(), htlcMinimum: try reader.uint64(), htlcMaximum: try reader.uint64())
            hops.append(Hop(from: node, shortChannelID: id, policy: policy))
        }
        guard !hops.isEmpty else { throw .invalid("route hint of a payment") }
        self.init(hops: hops)
    }
}

extension ByteReader {
    mutating func nodeKey() throws(DecodingFailure) -> NodeKey {
        guard let key = NodeKey(try read(33)[...]) else { throw .invalid("node id") }
        return key
    }
}
