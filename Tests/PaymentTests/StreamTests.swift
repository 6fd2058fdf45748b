import BitcoinPrimitives
import CryptoPrimitives
import LightningRecords
import LightningWire
import TestSupport
import Testing

@testable import LightningPayment

/// The machine of streams in virtual time: limits are kept to the millisatoshi, however payments end, and its records make it again at any time.
@Suite("payment streams")
struct StreamTests {
    private static func node(_ number: Int) -> NodeID { SecretKey(Hash.sha256([UInt8(number), 55]))!.publicKey() }

    private static func terms(_ rate: StreamRate, weights: [UInt32] = [1]) -> StreamTerms {
        StreamTerms(rate: rate, to: weights.enumerated().map { StreamTerms.Recipient(node($0), weight: $1) })
    }

    /// A node's streams, their records, and payments that are under way.
    private struct Life {
        var streams: Streams
        var records: [[UInt8]: [UInt8]] = [:]
        var head: [UInt8]?
        var over: PaymentStream?
        var now = Timestamp(milliseconds: 1_000_000)
        var canPay = true
        /// Payments that end, and when.
        var ends: [(time: Timestamp, part: StreamPart, outcome: Streams.Outcome)] = []
        var steps = 0
        var latency = Duration.milliseconds(200)
        /// What becomes of a payment.
        var way: (PaymentStream.Payment, Timestamp) -> Streams.Outcome = { _, _ in .succeeded(fee: .zero, latency: .zero) }

        init() throws {
            streams = try Streams(records: [], head: nil)
        }

        @discardableResult
        mutating func tell(_ event: Streams.Event) throws -> Result<PaymentStream, StreamRefusal>? {
            var answer: Result<PaymentStream, StreamRefusal>?
            for effect in streams.handle(
                event, Streams.Context(now: now, nodeID: node(99), canPay: canPay, dustLimit: MilliSatoshi(354_000)))
            {
                switch effect {
                case .pay(let part, let recipient, let payment, let records):
                    #expect(recipient.node == streams.all[part.stream]?.terms.recipients[payment.recipient].node)
                    #expect(records[StreamPayload.tag]?.count == 16 && payment.amount > .zero)
                    ends.append((now + latency, part, way(payment, now)))
                case .answered(_, let result): answer = result
                case .paid: break
                case .over(let stream): over = stream
                }
            }
            for write in streams.drainWrites() {
                switch write {
                case .put(.streams, let key, let record): records[key] = record
                case .delete(.streams, let key): records[key] = nil
                case .put(.streamHistory, let key, let record):
                    #expect(try PaymentStream(record: record) == over && key == Streams.key(over?.id ?? 0))
                case .put(.meta, _, let record): head = record
                default: Issue.record("\(write)")
                }
            }
            #expect(try again().all == streams.all && again().nextID == streams.nextID)
            return answer
        }

        func again() throws -> Streams {
            try Streams(records: records.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map(\.value), head: head)
        }

        /// Dies and starts again; what is under way goes on.
        mutating func restart() throws {
            streams = try again()
            try tell(.started(underWay: Set(ends.map(\.part))))
        }

        mutating func start(_ terms: StreamTerms) throws -> PaymentStream {
            try #require(try tell(.start(terms, tag: [UInt8](repeating: 7, count: 16), caller: 1))).get()
        }

        /// - Returns: whether the stream ended.
        @discardableResult
        mutating func live(until limit: Timestamp) throws -> Bool {
            while over == nil {
                guard let moment = [streams.nextTime, ends.map(\.time).min()].compactMap({ $0 }).min(), moment <= limit else { break }
                steps += 1
                now = max(now, moment)
                let ended = ends.filter { $0.time <= now }
                ends.removeAll { $0.time <= now }
                for end in ended { try tell(.ended(end.part, end.outcome)) }
                try tell(.advance)
            }
            if over == nil { now = max(now, limit) }
            return over != nil
        }

        mutating func live(_ time: Duration) throws { try live(until: now + time) }
    }

    private static func paid(_ fee: UInt64) -> Streams.Outcome { .succeeded(fee: MilliSatoshi(fee), latency: .milliseconds(200)) }

    @Test("a minute at 10 sat/s pays 600 sat in a payment a second, and needs hardly more steps than that")
    func minute() throws {
        var life = try Life()
        var terms = Self.terms(.perSecond(MilliSatoshi(10_000)))
        terms.duration = .seconds(60)
        let start = life.now
        _ = try life.start(terms)
        try life.live(.seconds(100))
        let over = try #require(life.over)
        #expect(over.status == .over(.duration, at: life.now) && over.paid == MilliSatoshi(600_000) && over.fees == .zero)
        #expect(life.now.since(start) <= .seconds(61) && (59...62).contains(over.succeeded) && life.steps < 250)
        #expect(over.encoded().count < 500 && over.skipped == .zero)
    }

    @Test("a way that takes two seconds keeps the rate: payments overlap")
    func overlap() throws {
        var life = try Life()
        var terms = Self.terms(.perSecond(MilliSatoshi(10_000)))
        (terms.duration, terms.interval) = (.seconds(60), .milliseconds(500))
        life.latency = .seconds(2)
        var most: UInt64 = 0
        life.way = {
            most = max(most, $0.amount.value)
            _ = $1
            return Self.paid(0)
        }
        let start = life.now
        _ = try life.start(terms)
        try life.live(.seconds(100))
        #expect(life.over?.paid == MilliSatoshi(600_000) && life.now.since(start) <= .seconds(63) && most <= 10_000)
    }

    @Test("a base fee of 1 sat is spread over payments that are large enough for 1 %, and the first is no smaller than it has to be")
    func baseFee() throws {
        var life = try Life()
        var terms = Self.terms(.perSecond(MilliSatoshi(10_000)))
        terms.duration = .seconds(600)
        life.way = { payment, _ in payment.maxFee >= MilliSatoshi(1000) ? Self.paid(1000) : .tooSmall("1 sat") }
        _ = try life.start(terms)
        try life.live(.seconds(700))
        let over = try #require(life.over)
        guard case .over(.duration, _) = over.status else {
            Issue.record("\(over.status)")
            return
        }
        // The rest at the end may be too little for its fee.
        #expect(over.paid >= MilliSatoshi(5_800_000) && over.fees <= MilliSatoshi(60_000) && over.fees > .zero && over.skipped == .zero)
        #expect(over.failed < 20 && over.interval > .seconds(1))
    }

    @Test("shares are exact, and their remainder is never lost", arguments: [[UInt32(90), 10], [1, 1, 1], [95, 4, 1], [1_000_000, 1]])
    func shares(weights: [UInt32]) throws {
        var life = try Life()
        var terms = Self.terms(StreamRate(MilliSatoshi(1009), per: .minute), weights: weights)
        (terms.duration, terms.interval) = (.seconds(3607), .seconds(60))
        _ = try life.start(terms)
        try life.live(.seconds(4000))
        let total = terms.rate.due(after: .seconds(3607)).value
        let sum = weights.reduce(UInt64(0)) { $0 + UInt64($1) }
        let over = try #require(life.over)
        #expect(over.paid.value == total)
        for (index, weight) in weights.enumerated() {
            let exact = total * UInt64(weight) / sum
            #expect((exact...exact + 1).contains(over.paid(to: index).value))
        }
    }

    @Test("a payee that never answers ends the stream, one of two leaves the other its share")
    func failures() throws {
        var life = try Life()
        life.way = { _, _ in .failed("it is away") }
        var alone = Self.terms(.perSecond(MilliSatoshi(1000)))
        alone.patience = .seconds(60)
        _ = try life.start(alone)
        let start = life.now
        #expect(try life.live(until: start + .seconds(400)))
        var over = try #require(life.over)
        guard case .over(.failures, _) = over.status else {
            Issue.record("\(over.status)")
            return
        }
        #expect(over.paid == .zero && over.inFlight == .zero && over.lastFailure == "it is away" && over.failed < 20)
        life = try Life()
        life.way = { payment, _ in payment.recipient == 0 ? .failed("it is away") : Self.paid(0) }
        var terms = Self.terms(.perSecond(MilliSatoshi(1000)), weights: [1, 1])
        (terms.duration, terms.patience) = (.seconds(300), .seconds(60))
        _ = try life.start(terms)
        #expect(try life.live(until: life.now + .seconds(1000)))
        over = try #require(life.over)
        #expect(over.paid(to: 0) == .zero && over.paid(to: 1) == MilliSatoshi(150_000) && over.isGivenUp(0) && !over.isGivenUp(1))
    }

    @Test("pause, resume, another rate, a boost, and stop; what is paid for what is delivered; time goes on only while it runs")
    func owner() throws {
        var life = try Life()
        let id = try life.start(Self.terms(.perSecond(MilliSatoshi(1000)))).id
        try life.live(.seconds(10))
        try life.tell(.pause(id, caller: 1))
        try life.live(.seconds(1000))
        let paused = try #require(life.streams.all[id])
        #expect((9000...10_000).contains(paused.paid.value) && paused.status == .paused && paused.inFlight == .zero)
        try life.restart()
        try life.live(.seconds(50))
        try life.tell(.resume(id, caller: 1))
        try life.tell(.change(id, .perSecond(MilliSatoshi(5000)), caller: 1))
        try life.live(.seconds(10))
        // 10 s at 1000, 10 s at 5000; nothing for the pause.
        #expect((54_000...60_000).contains(life.streams.all[id]!.paid.value))
        try life.tell(.change(id, .perSecond(.zero), caller: 1))
        try life.live(.seconds(100))
        #expect(life.streams.all[id]!.paid == MilliSatoshi(60_000))
        // At once.
        try life.tell(.add(id, MilliSatoshi(777_777), caller: 1))
        try life.live(.seconds(1))
        #expect(life.streams.all[id]!.paid == MilliSatoshi(837_777))
        try life.tell(.stop(id, caller: 1))
        try life.live(.seconds(1))
        guard case .over(.stopped, _)? = life.over?.status else {
            Issue.record("it is not over")
            return
        }
        guard case .failure(.over) = try life.tell(.resume(id, caller: 1)), case .failure(.unknown) = try life.tell(.stop(77, caller: 1))
        else {
            Issue.record("it could be resumed")
            return
        }
        #expect(life.records.isEmpty)
    }

    @Test("after an interruption as much is paid as the terms say, and the rest is skipped", arguments: [0, 60, 10_000])
    func interruption(catchUp: Int) throws {
        var life = try Life()
        var terms = Self.terms(.perSecond(MilliSatoshi(1000)), weights: [3, 1])
        (terms.catchUp, terms.patience) = (.seconds(catchUp), nil)
        let id = try life.start(terms).id
        try life.live(.seconds(100))
        life.canPay = false
        try life.live(.seconds(500))
        try life.restart()
        life.canPay = true
        try life.live(.seconds(100))
        // A payee that is away is an interruption as well.
        life.way = { _, _ in .failed("it is away") }
        try life.live(.seconds(500))
        life.way = { _, _ in Self.paid(0) }
        try life.live(.seconds(200))
        let stream = try #require(life.streams.all[id])
        let all = stream.paid.value + stream.skipped.value
        #expect((1_395_000...1_400_000).contains(all), "\(all)")
        switch catchUp {
        // What was due in seconds is no interruption; a payment after a failure may wait a minute.
        case 0: #expect((330_000...490_000).contains(stream.paid.value), "\(stream.paid)")
        case 60: #expect((450_000...610_000).contains(stream.paid.value), "\(stream.paid)")
        default: #expect(stream.skipped == .zero)
        }
    }

    @Test("a clock that jumps a year ahead, and is corrected, or back, neither pays for that time nor stops the stream")
    func clocks() throws {
        var life = try Life()
        let id = try life.start(Self.terms(.perSecond(MilliSatoshi(1000)))).id
        let start = life.now
        try life.live(.seconds(10))
        life.now = life.now + .seconds(31_536_000)
        try life.live(.seconds(10))
        let ahead = try #require(life.streams.all[id]).paid
        #expect((15_000...60_000).contains(ahead.value), "\(ahead)")
        // Corrected: it goes on at once, and with hardly more calls than payments.
        life.now = start + .seconds(20)
        let steps = life.steps
        try life.tell(.advance)
        try life.live(.seconds(100))
        let corrected = try #require(life.streams.all[id]).paid
        #expect((95_000...105_000).contains(corrected.value - ahead.value), "\(corrected)")
        #expect(life.steps - steps < 500, "\(life.steps - steps)")
        life.now = Timestamp(milliseconds: 0)
        try life.tell(.advance)
        try life.live(.seconds(100))
        let back = try #require(life.streams.all[id]).paid
        #expect((95_000...105_000).contains(back.value - corrected.value), "\(back)")
    }

    @Test("payments that are less than a channel takes become larger, not smaller")
    func minimum() throws {
        var life = try Life()
        life.way = { payment, _ in payment.amount >= MilliSatoshi(1000) ? Self.paid(0) : .tooSmall("1 sat at least") }
        var terms = Self.terms(StreamRate(MilliSatoshi(1_000_000), per: .hour), weights: [90, 10])
        terms.budget = MilliSatoshi(100_300)
        _ = try life.start(terms)
        #expect(try life.live(until: life.now + .seconds(2000)))
        let over = try #require(life.over)
        guard case .over(.budget, _) = over.status else {
            Issue.record("\(over.status)")
            return
        }
        // Of the budget less is left than can be paid.
        #expect(over.paid > MilliSatoshi(98_000) && over.failed < 40, "\(over.paid)")
    }

    @Test("a payee that goes away in the middle is a failure, and not the end of its time")
    func awayInTheMiddle() throws {
        var life = try Life()
        var terms = Self.terms(.perSecond(MilliSatoshi(10_000)))
        terms.duration = .seconds(3600)
        let start = life.now
        life.way = { _, now in now < start + .seconds(60) ? Self.paid(0) : .failed("it is away") }
        _ = try life.start(terms)
        #expect(try life.live(until: start + .seconds(3600)))
        let over = try #require(life.over)
        guard case .over(.failures, let at) = over.status else {
            Issue.record("\(over.status)")
            return
        }
        #expect(at.since(start) > .seconds(600) && at.since(start) < .seconds(900) && over.skipped > .zero)
    }

    @Test("a failure after the end is tried again; what was under way together and failed is paid")
    func failureAtTheEnd() throws {
        var life = try Life()
        var terms = Self.terms(.perSecond(MilliSatoshi(10_000)))
        terms.duration = .seconds(60)
        life.latency = .seconds(6)
        let start = life.now
        life.way = { _, now in (start + .seconds(50)..<start + .seconds(64)).contains(now) ? .failed("a way broke") : Self.paid(0) }
        _ = try life.start(terms)
        #expect(try life.live(until: start + .seconds(300)))
        let over = try #require(life.over)
        #expect(over.paid == MilliSatoshi(600_000) && over.skipped == .zero, "\(over.paid)")
    }

    @Test("what the node was down is no failure of a payee")
    func patience() throws {
        var life = try Life()
        let id = try life.start(Self.terms(.perSecond(MilliSatoshi(1000)))).id
        try life.live(.seconds(100))
        life.way = { _, _ in .failed("it is away") }
        try life.live(.seconds(5))
        life.canPay = false
        life.now = life.now + .seconds(28_800)
        try life.restart()
        life.canPay = true
        try life.live(.seconds(20))
        life.way = { _, _ in Self.paid(0) }
        try life.live(.seconds(200))
        let stream = try #require(life.streams.all[id])
        #expect(stream.status == .running && stream.paid > MilliSatoshi(270_000) && stream.paid < MilliSatoshi(400_000))
    }

    @Test("boosts and other rates during an interruption do not make it paid for")
    func addedMeanwhile() throws {
        var life = try Life()
        let id = try life.start(Self.terms(.perSecond(MilliSatoshi(1000)))).id
        try life.live(.seconds(10))
        life.canPay = false
        for _ in 0..<1000 {
            try life.live(.seconds(5))
            try life.tell(.add(id, MilliSatoshi(10), caller: 1))
            try life.tell(.change(id, .perSecond(MilliSatoshi(1000)), caller: 1))
        }
        life.canPay = true
        try life.live(.seconds(10))
        let stream = try #require(life.streams.all[id])
        // 10 s, a minute, 10 s, and what was added.
        #expect((30_000...90_000).contains(stream.paid.value), "\(stream.paid)")
    }

    @Test("a way that takes much longer than the interval keeps the rate as well")
    func slow() throws {
        var life = try Life()
        var terms = Self.terms(.perSecond(MilliSatoshi(1000)))
        (terms.duration, terms.maxInFlight) = (.seconds(1000), 1)
        life.latency = .seconds(20)
        _ = try life.start(terms)
        try life.live(.seconds(1100))
        let over = try #require(life.over)
        #expect(over.paid == MilliSatoshi(1_000_000) && over.skipped == .zero, "\(over.paid)")
    }

    @Test("a large payment that finds no room is tried as smaller ones")
    func room() throws {
        var life = try Life()
        life.way = { payment, _ in payment.amount <= MilliSatoshi(20_000) ? Self.paid(0) : .failed("no room") }
        let id = try life.start(Self.terms(.perSecond(MilliSatoshi(10_000)))).id
        try life.tell(.add(id, MilliSatoshi(300_000), caller: 1))
        try life.live(.seconds(120))
        #expect(life.streams.all[id]!.paid >= MilliSatoshi(1_400_000), "\(life.streams.all[id]!.paid)")
    }

    @Test("a payment whose end nobody knows keeps its place in the budget")
    func unknownEnd() throws {
        var life = try Life()
        var terms = Self.terms(.perSecond(MilliSatoshi(1000)))
        (terms.budget, terms.maxInFlight) = (MilliSatoshi(3000), 2)
        let id = try life.start(terms).id
        life.latency = .seconds(1000)
        try life.live(.milliseconds(1500))
        #expect(life.ends.count == 1)
        life.latency = .milliseconds(10)
        life.way = { payment, _ in .succeeded(fee: payment.maxFee, latency: .zero) }
        try life.live(.seconds(60))
        let stream = try #require(life.streams.all[id])
        let open = try #require(stream.underWay.values.first)
        #expect(stream.paid + stream.fees + open.amount + open.maxFee <= MilliSatoshi(3000) && stream.paid >= MilliSatoshi(1500))
    }

    @Test("whatever happens, budget, fee share and fee limit are kept, and a stream ends", arguments: UInt64(1)...300)
    func limits(seed: UInt64) throws {
        let random = Chance(seed: seed)
        var terms = Self.terms(
            StreamRate(MilliSatoshi(random.draw(1...50_000)), per: StreamRate.Period.allCases[Int(random.draw(0...2))]),
            weights: (0...random.draw(0...3)).map { _ in UInt32(random.draw(1...1000)) })
        terms.interval = .milliseconds(Int64(random.draw(10...5000)))
        // As long as a few hundred payments.
        let length = terms.interval * Int(random.draw(1...100))
        terms.duration = random.draw(0...1) == 0 ? nil : length
        if terms.duration == nil || random.draw(0...1) == 0 {
            terms.budget = MilliSatoshi(random.draw(1...max(2, terms.rate.due(after: length).value)))
        }
        if random.draw(0...1) == 0 { terms.maxFee = MilliSatoshi(random.draw(0...5000)) }
        terms.maxFeeMillionths = UInt32(random.draw(0...50_000))
        terms.maxInFlight = Int(random.draw(1...8))
        terms.patience = .milliseconds(Int64(random.draw(1...60_000)))
        var life = try Life()
        life.latency = .milliseconds(Int64(random.draw(1...4000)))
        let failing = random.draw(0...9)
        life.way = { payment, _ in
            if random.draw(0...9) < failing { return random.draw(0...1) == 0 ? .failed("no") : .tooSmall("so much") }
            return .succeeded(fee: MilliSatoshi(random.draw(0...payment.maxFee.value)), latency: .zero)
        }
        _ = try life.start(terms)
        var rounds = 0
        while life.over == nil, rounds < 20_000 {
            rounds += 1
            try life.live(.milliseconds(Int64(random.draw(1...20_000))))
            if random.draw(0...5) == 0 { try life.restart() }
        }
        let over = try #require(life.over, "seed \(seed): it never ended: \(life.streams.all)")
        let (high, low) = over.paid.value.multipliedFullWidth(by: UInt64(terms.maxFeeMillionths))
        #expect(over.fees.value <= UInt64(1_000_000).dividingFullWidth((high, low)).quotient, "seed \(seed)")
        if let limit = terms.maxFee { #expect(over.fees <= limit, "seed \(seed)") }
        if let budget = terms.budget { #expect(over.paid + over.fees <= budget, "seed \(seed)") }
        if let duration = terms.duration { #expect(over.paid <= terms.rate.due(after: duration), "seed \(seed)") }
        #expect(over.inFlight == .zero && over.countInFlight == 0, "seed \(seed)")
    }

    @Test("the time until an amount is due is the first at which it is", arguments: UInt64(1)...200)
    func times(seed: UInt64) throws {
        let random = Chance(seed: seed)
        let rate = StreamRate(MilliSatoshi(random.draw(1...1_000_000)), per: StreamRate.Period.allCases[Int(random.draw(0...2))])
        let goal = MilliSatoshi(random.draw(1...10_000_000))
        let time = try #require(rate.time(until: goal))
        #expect(rate.due(after: time) >= goal && rate.due(after: time - .milliseconds(1)) < goal, "seed \(seed)")
        #expect(StreamRate(.zero, per: .second).time(until: goal) == nil)
        #expect(rate.due(after: .seconds(-5)) == .zero)
        #expect(StreamRate(MilliSatoshi(.max), per: .second).due(after: .seconds(Int64.max)) == MilliSatoshi(.max))
    }

    @Test("terms that make no sense are refused, and change nothing")
    func refusals() throws {
        var life = try Life()
        func refusal(_ change: (inout StreamTerms) -> Void) throws -> StreamRefusal? {
            var terms = Self.terms(.perSecond(MilliSatoshi(1000)))
            change(&terms)
            guard case .failure(let refusal)? = try life.tell(.start(terms, tag: [UInt8](repeating: 7, count: 16), caller: 1)) else {
                return nil
            }
            return refusal
        }
        #expect(try refusal { $0.recipients = [] } == .recipients)
        #expect(try refusal { $0.recipients += $0.recipients } == .recipientTwice)
        #expect(try refusal { $0.recipients[0].weight = 0 } == .weight)
        #expect(try refusal { $0.recipients[0].node = Self.node(99) } == .ownNode)
        #expect(try refusal { $0.rate.amount = MilliSatoshi(.max) } == .rate)
        #expect(try refusal { $0.duration = .zero } == .duration)
        #expect(try refusal { $0.budget = .zero } == .budget)
        #expect(try refusal { $0.maxFeeMillionths = 1_000_001 } == .feeShare)
        #expect(try refusal { $0.interval = .milliseconds(9) } == .interval)
        #expect(try refusal { $0.maxInFlight = 0 } == .inFlight)
        #expect(try refusal { $0.customRecords = [5: [1]] } == .customRecords)
        #expect(try refusal { $0.customRecords = [StreamPayload.tag: [1]] } == .customRecords)
        #expect(try refusal { $0.maxDust = .zero } == .dust)
        #expect(life.streams.all.isEmpty && life.streams.nextID == 1 && life.records.isEmpty)
        let id = try life.start(Self.terms(.perSecond(MilliSatoshi(1000)))).id
        guard case .failure(.amount)? = try life.tell(.add(id, .zero, caller: 1)) else {
            Issue.record("nothing was added")
            return
        }
        // What is cut off, or has a bit changed, is refused or is another stream: never a trap.
        let record = try #require(life.records.values.first)
        for length in 0..<record.count { #expect(throws: DecodingFailure.self) { try PaymentStream(record: Array(record.prefix(length))) } }
        for bit in 0..<record.count * 8 {
            var changed = record
            changed[bit / 8] ^= 1 << UInt8(bit % 8)
            guard var stream = try? PaymentStream(record: changed) else { continue }
            _ = stream.next(at: .seconds(1), canPay: true, dustLimit: MilliSatoshi(354_000))
        }
    }

    @Test(
        "what is under way as dust stays within its limit, and all that is due is paid",
        arguments: [1000, 5000, 20_000, 353_000, 1_000_000],
        [UInt32(0), 10_000, 500_000])
    func dust(most: UInt64, feeShare: UInt32) throws {
        var life = try Life()
        var terms = Self.terms(.perSecond(MilliSatoshi(10_000)), weights: [3, 1])
        (terms.maxDust, terms.maxFeeMillionths, terms.duration) = (MilliSatoshi(most), feeShare, .seconds(600))
        life.latency = .seconds(2)
        let limit = MilliSatoshi(354_000)
        var highest = UInt64(0)
        let chance = Chance(seed: most + UInt64(feeShare))
        var largest = UInt64(0)
        life.way = { payment, now in
            largest = max(largest, payment.amount.value)
            // After its end a stream is not patient for long.
            return now < Timestamp(milliseconds: 1_590_000) && chance.next() % 5 == 0 ? .failed("no room") : Self.paid(payment.maxFee.value)
        }
        let id = try life.start(terms).id
        while life.over == nil, life.now < Timestamp(milliseconds: 9_000_000) {
            try life.live(.milliseconds(700))
            guard let stream = life.streams.all[id] else { break }
            highest = max(highest, stream.dustInFlight(below: limit).value)
            #expect(stream.dustInFlight(below: limit).value <= most)
        }
        let over = try #require(life.over)
        // Little at a time is not as fast as the rate: then it becomes enough for an output.
        // Where nothing succeeds for half a minute that is an interruption, as always.
        #expect(over.paid + over.skipped == MilliSatoshi(6_000_000) && over.skipped < MilliSatoshi(60_000))
        #expect(highest > 0 && (most > 20_000 || largest >= 354_000))
        #expect(over.fees.value <= 6_000_000 * UInt64(feeShare) / 1_000_000 + 1)
    }

    @Test("neither a budget nor a limit of fees gets past the limit of dust", arguments: UInt64(1)...150)
    func dustAndBudget(seed: UInt64) throws {
        let chance = Chance(seed: seed)
        func draw(_ range: ClosedRange<UInt64>) -> UInt64 { UInt64.random(in: range, using: &drawn) }
        var drawn = chance
        var life = try Life()
        var terms = Self.terms(.perSecond(MilliSatoshi(draw(100...200_000))), weights: [UInt32(draw(1...9)), 1])
        let most = draw(1...400_000)
        (terms.maxDust, terms.maxFeeMillionths) = (MilliSatoshi(most), UInt32(draw(0...1_000_000)))
        (terms.duration, terms.budget) = (.seconds(60), MilliSatoshi(draw(1000...2_000_000)))
        if seed % 2 == 0 { terms.maxFee = MilliSatoshi(draw(1...50_000)) }
        terms.patience = .seconds(120)
        life.latency = .milliseconds(draw(10...5000))
        let least = draw(1...20_000)
        life.way = { payment, _ in
            if payment.amount.value < least { return .tooSmall("less than a channel takes") }
            return chance.next() % 6 == 0 ? .failed("no room") : Self.paid(payment.maxFee.value)
        }
        let id = try life.start(terms).id
        while life.over == nil, life.now < Timestamp(milliseconds: 9_000_000) {
            try life.live(.milliseconds(300))
            guard let stream = life.streams.all[id] else { break }
            #expect(stream.dustInFlight(below: MilliSatoshi(354_000)).value <= most)
        }
        // However little may be under way, it ends.
        let over = try #require(life.over)
        #expect(over.paid + over.fees <= terms.budget!)
    }

    @Test("latencies are counted in steps")
    func latencies() {
        var counts = LatencyCounts()
        #expect(counts.quantile(500) == nil)
        for milliseconds in 1...100 { counts.add(.milliseconds(milliseconds)) }
        #expect(counts.quantile(500) == .milliseconds(50) && counts.quantile(990) == .milliseconds(100))
        #expect(counts.quantile(10) == .milliseconds(1))
        counts.add(.seconds(3600))
        #expect(counts.quantile(1000) == nil)
    }
}

/// A source of chance from a seed (SplitMix64), which closures share.
private final class Chance: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    func draw(_ range: ClosedRange<UInt64>) -> UInt64 {
        var generator = self
        return UInt64.random(in: range, using: &generator)
    }
}
