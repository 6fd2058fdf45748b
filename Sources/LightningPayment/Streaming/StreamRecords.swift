package import BitcoinPrimitives
import LightningRecords
import LightningWire

// A stream's record: its terms, and sums.
extension PaymentStream {
    private static let version: UInt8 = 2

    package func encoded() -> [UInt8] {
        ByteWriter.bytes {
            $0.uint8(Self.version)
            $0.uint64(id)
            $0.variableBytes(tag)
            terms.encode(to: &$0)
            $0.uint64(createdAt.milliseconds)
            switch status {
            case .running: $0.uint8(0)
            case .paused: $0.uint8(1)
            case .over(let end, let at):
                $0.uint8(2)
                $0.uint8(end.rawValue)
                $0.uint64(at.milliseconds)
            }
            $0.time(ranBefore)
            $0.uint64(runningSince.milliseconds)
            $0.milliSatoshi(dueBefore)
            $0.time(rateSince)
            $0.milliSatoshi(previousRate.amount)
            $0.uint64(previousRate.period.rawValue)
            $0.milliSatoshi(added)
            for amount in [paid, fees] { $0.milliSatoshi(amount) }
            for count in [succeeded, failed, last] { $0.uint64(count) }
            $0.optional(lastFailure) { $0.variableBytes(Array($1.utf8)) }
            for count in latencies.counts { $0.uint64(count) }
            $0.optional(ending) { $0.uint8($1.rawValue) }
            for share in shares { share.encode(to: &$0) }
            $0.compactSize(underWay.count)
            for payment in underWay.values.sorted(by: { $0.number < $1.number }) {
                $0.uint64(payment.number)
                $0.uint8(UInt8(payment.recipient))
                $0.milliSatoshi(payment.amount)
                $0.milliSatoshi(payment.maxFee)
                $0.uint8((payment.isCut ? 1 : 0) | (payment.isDust ? 2 : 0))
            }
        }
    }

    package init(record: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(record)
        let version = try reader.uint8()
        guard (1...Self.version).contains(version) else { throw .invalid("version of a stream") }
        let id = try reader.uint64()
        let tag = try reader.variableBytes()
        let terms = try StreamTerms(from: &reader, version)
        self.init(id, terms, tag: tag, now: Timestamp(milliseconds: try reader.uint64()))
        switch try reader.uint8() {
        case 0: status = .running
        case 1: status = .paused
        case 2: status = .over(try Self.end(&reader), at: Timestamp(milliseconds: try reader.uint64()))
        default: throw .invalid("status of a stream")
        }
        ranBefore = try reader.time()
        runningSince = Timestamp(milliseconds: try reader.uint64())
        dueBefore = try reader.milliSatoshi()
        rateSince = try reader.time()
        previousRate = try StreamRate(from: &reader)
        added = try reader.milliSatoshi()
        (paid, fees) = (try reader.money(), try reader.money())
        (succeeded, failed, last) = (try reader.uint64(), try reader.uint64(), try reader.uint64())
        lastFailure = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in
            String(decoding: try r.variableBytes(), as: UTF8.self)
        }
        for index in latencies.counts.indices { latencies.counts[index] = try reader.uint64() }
        ending = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in try Self.end(&r) }
        for index in shares.indices { shares[index] = try Share(from: &reader) }
        for _ in 0..<(try reader.count(minimum: 26)) {
            var payment = Payment(
                number: try reader.uint64(), recipient: Int(try reader.uint8()), amount: try reader.money(), maxFee: try reader.money())
            let flags = try reader.uint8()
            (payment.isCut, payment.isDust) = (flags & 1 == 1, flags & 2 == 2)
            guard flags < 4 else { throw .invalid("payment of a stream") }
            guard shares.indices.contains(payment.recipient), payment.number <= last, underWay[payment.number] == nil,
                underWay.count < StreamTerms.maxRecipients * 400
            else { throw .invalid("payment of a stream") }
            begin(payment)
            guard inFlight <= MilliSatoshi(.maximum), feesInFlight <= MilliSatoshi(.maximum) else { throw .invalid("payments of a stream") }
        }
        try reader.expectEnd()
        // What is counted further must not overflow.
        guard tag.count == Self.tagLength, (succeeded | failed | last) >> 62 == 0, latencies.counts.allSatisfy({ $0 >> 48 == 0 }) else {
            throw .invalid("stream")
        }
    }

    package static let tagLength = 16

    private static func end(_ reader: inout ByteReader) throws(DecodingFailure) -> End {
        guard let end = End(rawValue: try reader.uint8()) else { throw .invalid("end of a stream") }
        return end
    }
}

extension PaymentStream.Share {
    fileprivate func encode(to writer: inout ByteWriter) {
        for amount in [paid, skipped, added, tooSmall] { writer.milliSatoshi(amount) }
        for time in [interval, delay, next, progress, failingFor] { writer.time(time) }
        writer.optional(largest) { $0.milliSatoshi($1) }
        writer.optional(failure) { $0.time($1) }
        writer.uint8(givenUp?.rawValue ?? 0)
    }

    fileprivate init(from reader: inout ByteReader) throws(DecodingFailure) {
        (paid, skipped, added) = (try reader.money(), try reader.milliSatoshi(), try reader.milliSatoshi())
        tooSmall = try reader.milliSatoshi()
        (interval, delay, next) = (try reader.time(), try reader.time(), try reader.time())
        (progress, failingFor) = (try reader.time(), try reader.time())
        largest = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in try r.milliSatoshi() }
        failure = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in try r.time() }
        let reason = try reader.uint8()
        givenUp = PaymentStream.GivenUp(rawValue: reason)
        guard givenUp != nil || reason == 0 else { throw .invalid("recipient of a stream") }
    }
}

extension StreamTerms {
    fileprivate func encode(to writer: inout ByteWriter) {
        writer.milliSatoshi(rate.amount)
        writer.uint64(rate.period.rawValue)
        writer.compactSize(recipients.count)
        for recipient in recipients {
            writer.point(recipient.node)
            writer.uint32(recipient.weight)
        }
        writer.optional(duration) { $0.time($1) }
        writer.optional(budget) { $0.milliSatoshi($1) }
        writer.uint32(maxFeeMillionths)
        writer.optional(maxFee) { $0.milliSatoshi($1) }
        writer.time(interval)
        writer.uint16(UInt16(clamping: maxInFlight))
        writer.optional(patience) { $0.time($1) }
        writer.time(catchUp)
        CustomRecords.encode(customRecords, to: &writer)
        writer.optional(maxDust) { $0.milliSatoshi($1) }
    }

    fileprivate init(from reader: inout ByteReader, _ version: UInt8) throws(DecodingFailure) {
        let rate = try StreamRate(from: &reader)
        var recipients: [Recipient] = []
        for _ in 0..<(try reader.count(minimum: 37)) {
            recipients.append(Recipient(try reader.point(), weight: try reader.uint32()))
        }
        self.init(rate: rate, to: recipients)
        duration = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in try r.time() }
        budget = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in try r.money() }
        maxFeeMillionths = try reader.uint32()
        maxFee = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in try r.milliSatoshi() }
        interval = try reader.time()
        maxInFlight = Int(try reader.uint16())
        patience = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in try r.time() }
        catchUp = try reader.time()
        customRecords = try CustomRecords.decode(&reader)
        if version > 1 { maxDust = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in try r.money() } }
        do throws(StreamRefusal) { try check() } catch { throw .invalid("terms of a stream") }
    }
}

extension StreamRate {
    fileprivate init(from reader: inout ByteReader) throws(DecodingFailure) {
        let amount = try reader.money()
        guard let period = Period(rawValue: try reader.uint64()) else { throw .invalid("rate of a stream") }
        self.init(amount, per: period)
    }
}

extension ByteWriter {
    fileprivate mutating func time(_ time: Duration) { uint64(time.wholeMilliseconds) }
}

extension ByteReader {
    fileprivate mutating func time() throws(DecodingFailure) -> Duration {
        guard let milliseconds = Int64(exactly: try uint64()) else { throw .invalid("time of a stream") }
        return .milliseconds(milliseconds)
    }
}
