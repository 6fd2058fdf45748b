package import BitcoinPrimitives
package import LightningRecords
package import LightningWire

/// The streams of payments that this node sends: it asks for each payment when it is due, and for a call at the time of the next one.
package struct Streams: Machine, Sendable {
    /// Streams that are not over, and those that ended in this batch. What is over goes into the history.
    package private(set) var all: [UInt64: PaymentStream] = [:]
    private var changed: Set<UInt64> = []
    /// When something is to be done for a stream that runs; what is not there waits for a payment of its own to end.
    private var due = StreamTimes()
    /// The latest time of its own at which a stream was looked at, and the latest time of all: clocks are set back.
    private var latest: [UInt64: Duration] = [:]
    private var lastNow = Timestamp.zero
    /// Streams that are not over, at most.
    private static let most = 1000
    /// The number of the next stream.
    package private(set) var nextID: UInt64 = 1
    private static let version: UInt8 = 1

    /// - Parameters:
    ///   - head: the number of the next stream; `nil` for a node that never had one.
    package init(records: [[UInt8]], head: [UInt8]?) throws(DecodingFailure) {
        if let head {
            var reader = ByteReader(head)
            guard try reader.uint8() == Self.version else { throw .invalid("version of the streams' record") }
            nextID = try reader.uint64()
            try reader.expectEnd()
            guard (1...1 << 62).contains(nextID) else { throw .invalid("number of streams") }
        }
        for record in records {
            let stream = try PaymentStream(record: record)
            guard stream.id < nextID, all.updateValue(stream, forKey: stream.id) == nil else { throw .invalid("number of a stream") }
            due[stream.id] = .zero
        }
    }

    // MARK: The machine

    /// How a payment of a stream has ended.
    package enum Outcome: Sendable {
        /// - latency: from its first part until the preimage came.
        case succeeded(fee: MilliSatoshi, latency: Duration)
        /// A larger one would find a way: it costs more than this one may pay, or has channels that take no so little.
        case tooSmall(String)
        case failed(String)
    }

    package enum Event: Sendable {
        /// - tag: 16 bytes drawn for it.
        case start(StreamTerms, tag: [UInt8], caller: UInt64)
        case pause(UInt64, caller: UInt64)
        case resume(UInt64, caller: UInt64)
        case change(UInt64, StreamRate, caller: UInt64)
        case add(UInt64, MilliSatoshi, caller: UInt64)
        case stop(UInt64, caller: UInt64)
        case ended(StreamPart, Outcome)
        /// The node starts: payments that are under way by its records; others were never sent.
        case started(underWay: Set<StreamPart>)
        /// Time has passed.
        case advance
    }

    package enum Effect: Sendable {
        /// A payment is due.
        case pay(StreamPart, StreamTerms.Recipient, PaymentStream.Payment, [UInt64: [UInt8]])
        case answered(caller: UInt64, Result<PaymentStream, StreamRefusal>)
        /// A payment has ended.
        case paid(PaymentStream, PaymentStream.Payment, Outcome)
        case over(PaymentStream)
    }

    package struct Context {
        package var now: Timestamp
        package var nodeID: NodeID
        /// Whether a channel of ours can be used.
        package var canPay: Bool
        /// HTLCs of less have no output on chain, in any channel of ours.
        package var dustLimit: MilliSatoshi

        package init(now: Timestamp, nodeID: NodeID, canPay: Bool, dustLimit: MilliSatoshi) {
            self.now = now
            self.canPay = canPay
            self.nodeID = nodeID
            self.dustLimit = dustLimit
        }
    }

    package mutating func handle(_ event: Event, _ context: borrowing Context) -> [Effect] {
        let now = context.now
        noteClock(now)
        switch event {
        case .start(let terms, let tag, let caller):
            do throws(StreamRefusal) {
                return [.answered(caller: caller, .success(try start(terms, tag, context)))]
            } catch { return [.answered(caller: caller, .failure(error))] }
        case .pause(let id, let caller): return change(id, caller) { (stream: inout PaymentStream) in stream.pause(now) }
        case .resume(let id, let caller): return change(id, caller) { (stream: inout PaymentStream) in stream.resume(now) }
        case .change(let id, let rate, let caller):
            return change(id, caller) { (stream: inout PaymentStream) throws(StreamRefusal) in
                try StreamTerms.check(rate)
                stream.change(rate, now)
            }
        case .add(let id, let amount, let caller):
            return change(id, caller) { (stream: inout PaymentStream) throws(StreamRefusal) in
                guard amount > .zero, amount <= MilliSatoshi(.maximum) else { throw .amount }
                stream.add(amount, now)
            }
        case .stop(let id, let caller): return change(id, caller) { (stream: inout PaymentStream) in stream.stop() }
        case .ended(let part, let outcome): return ended(part, outcome, now)
        case .started(let underWay):
            for (id, stream) in all {
                for number in stream.underWay.keys.sorted() where !underWay.contains(StreamPart(stream: id, number: number)) {
                    _ = ended(StreamPart(stream: id, number: number), .failed("the node stopped before it was sent"), now)
                }
            }
            return []
        case .advance: return advance(now, canPay: context.canPay, dustLimit: context.dustLimit)
        }
    }

    package mutating func drainWrites() -> [StoreWrite] {
        var writes: [StoreWrite] = []
        for id in changed.sorted() {
            guard let stream = all[id] else { continue }
            if stream.isOver {
                writes.append(.delete(.streams, key: Self.key(id)))
                writes.append(.put(.streamHistory, key: Self.key(id), record: stream.encoded()))
                all[id] = nil
                due[id] = nil
            } else {
                writes.append(.put(.streams, key: Self.key(id), record: stream.encoded()))
            }
        }
        if changed.contains(nextID - 1) {
            let head = ByteWriter.bytes {
                $0.uint8(Self.version)
                $0.uint64(nextID)
            }
            writes.append(.put(.meta, key: StoreTable.key("streams"), record: head))
        }
        changed = []
        return writes
    }

    package static func key(_ id: UInt64) -> [UInt8] { withUnsafeBytes(of: id.bigEndian) { Array($0) } }

    /// When something is to be done next; `nil` where only an answer to a payment can bring it.
    package var nextTime: Timestamp? { due.next }

    /// Where the clock was set back every stream is looked at: its own time goes on, and what was to be done at a time of the old clock is
    /// to be done at one of the new.
    package mutating func noteClock(_ now: Timestamp) {
        defer { lastNow = now }
        guard now < lastNow else { return }
        for (id, known) in all where known.status == .running {
            due[id] = .zero
            guard let time = latest[id], known.elapsed(at: now) < time else { continue }
            var stream = known
            stream.goOn(at: time, now)
            all[id] = stream
            changed.insert(id)
        }
    }

    // MARK: Owners

    private mutating func start(_ terms: StreamTerms, _ tag: [UInt8], _ context: borrowing Context) throws(StreamRefusal) -> PaymentStream {
        try terms.check()
        guard all.count < Self.most else { throw .tooMany }
        let nodeID = context.nodeID
        guard !terms.recipients.contains(where: { $0.node == nodeID }) else { throw .ownNode }
        let size = terms.customRecords.reduce(0) { $0 + $1.value.count + 12 }
        guard terms.customRecords.keys.allSatisfy({ $0 >= 65536 && !StreamPayload.types.contains($0) }), size <= 800 else {
            throw .customRecords
        }
        let stream = PaymentStream(nextID, terms.inWholeMilliseconds, tag: tag, now: context.now)
        nextID += 1
        update(stream)
        return stream
    }

    private mutating func change(
        _ id: UInt64, _ caller: UInt64, _ body: (inout PaymentStream) throws(StreamRefusal) -> Void
    ) -> [Effect] {
        guard var stream = all[id] else { return [.answered(caller: caller, .failure(id < nextID ? .over : .unknown))] }
        guard !stream.isOver, !stream.isEnding else { return [.answered(caller: caller, .failure(.over))] }
        do throws(StreamRefusal) { try body(&stream) } catch { return [.answered(caller: caller, .failure(error))] }
        update(stream)
        return [.answered(caller: caller, .success(stream))]
    }

    private mutating func update(_ stream: PaymentStream) {
        if all[stream.id] != stream { changed.insert(stream.id) }
        all[stream.id] = stream
        due[stream.id] = .zero
    }

    // MARK: Payments

    private mutating func ended(_ part: StreamPart, _ outcome: Outcome, _ now: Timestamp) -> [Effect] {
        guard var stream = all[part.stream] else { return [] }
        let time = stream.elapsed(at: now)
        let payment =
            switch outcome {
            case .succeeded(let fee, let latency): stream.succeeded(part.number, fee: fee, latency: latency, at: time)
            case .tooSmall(let why): stream.failed(part.number, why, isTooSmall: true, at: time)
            case .failed(let why): stream.failed(part.number, why, isTooSmall: false, at: time)
            }
        guard let payment else { return [] }
        update(stream)
        return [.paid(stream, payment, outcome)]
    }

    /// Asks for the payments that are due, one of each stream: what it finds gone is not there for the next.
    private mutating func advance(_ now: Timestamp, canPay: Bool, dustLimit: MilliSatoshi) -> [Effect] {
        var effects: [Effect] = []
        for id in due.take(until: now) {
            guard var stream = all[id], !stream.isOver else { continue }
            let time = stream.elapsed(at: now)
            latest[id] = time
            let step = stream.next(at: time, canPay: canPay, dustLimit: dustLimit)
            switch step {
            case .pay(let payment):
                let recipient = stream.terms.recipients[payment.recipient]
                let records = StreamPayload.records(stream, payment, at: time)
                effects.append(.pay(StreamPart(stream: id, number: payment.number), recipient, payment, records))
                update(stream)
            case .wait(let until):
                if all[id] != stream { changed.insert(id) }
                all[id] = stream
                due[id] = until.map { now + ($0 - time) }
            case .over(let end):
                stream.pause(now)
                stream.status = .over(end, at: now)
                update(stream)
                (due[id], latest[id]) = (nil, nil)
                effects.append(.over(stream))
            }
        }
        return effects
    }
}

/// Which payment of which stream.
public struct StreamPart: Hashable, Sendable {
    /// The stream's number.
    public var stream: UInt64
    /// The payment's number in it, from 1 on.
    public var number: UInt64

    package init(stream: UInt64, number: UInt64) {
        self.stream = stream
        self.number = number
    }
}

extension StreamTerms {
    /// As a record keeps them.
    fileprivate var inWholeMilliseconds: StreamTerms {
        var terms = self
        func whole(_ time: Duration) -> Duration { .milliseconds(time.wholeMilliseconds) }
        terms.duration = duration.map(whole)
        terms.interval = whole(interval)
        terms.patience = patience.map(whole)
        terms.catchUp = whole(catchUp)
        return terms
    }
}
