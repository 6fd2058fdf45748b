import BitcoinPrimitives
import CryptoPrimitives
import LightningPayment
import LightningWire

/// Collects what happens in a run, slice by slice, into its report.
struct Measurements: Sendable {
    /// How many slices a run is divided into.
    static let slices = 120
    /// Payments that are listed one by one.
    static let listed = 100_000

    private(set) var report: ScenarioReport
    /// Payments that have begun and not ended, by number.
    private var underWay: [Int: ScenarioReport.Payment] = [:]
    private var list: [Int: ScenarioReport.Payment] = [:]
    private var slice = ScenarioReport.Slice()
    private var sliceLatencies = Latencies()
    private var latencies = Latencies()
    private var failures: [String: Int] = [:]
    private var hasher = SHA256Hasher()
    private var count = 0
    private var streams: [(start: UInt64, end: UInt64, rate: StreamRate, budget: UInt64)] = []

    init(_ scenario: Scenario) {
        let duration = max(1, Int(clamping: scenario.duration.wholeMilliseconds))
        report = ScenarioReport(scenario, sliceLength: (duration - 1) / Self.slices + 1)
        for stream in scenario.streams {
            report.streams.append(
                ScenarioReport.Stream(from: stream.from, to: stream.recipients.map(\.node), rate: stream.rate.text, dueMsat: 0))
        }
        streams = scenario.streams.map { stream in
            let start = stream.start.wholeMilliseconds
            return (start: start, end: scenario.end(of: stream), rate: stream.rate, budget: stream.budget?.value ?? .max)
        }
    }

    // MARK: Payments

    /// A payment begins; by the number it is ended.
    mutating func begin(
        at time: Int, from payer: Int, to payee: Int, amount: UInt64, stream: Int? = nil
    ) -> Int {
        defer { count += 1 }
        underWay[count] = ScenarioReport.Payment(time: time, from: payer, to: payee, amountMsat: amount, htlcs: 0, stream: stream)
        report.begun += 1
        slice.begun += 1
        return count
    }

    mutating func succeed(_ number: Int, latency: Int, fee: UInt64, htlcs: Int) {
        guard var payment = underWay.removeValue(forKey: number) else { return }
        (payment.latency, payment.feeMsat, payment.htlcs) = (latency, fee, htlcs)
        report.succeeded += 1
        report.amountMsat.add(payment.amountMsat)
        report.feesMsat.add(fee)
        slice.succeeded += 1
        slice.amountMsat.add(payment.amountMsat)
        slice.feesMsat.add(fee)
        sliceLatencies.add(latency)
        latencies.add(latency)
        if let stream = payment.stream {
            report.streams[stream].payments += 1
            report.streams[stream].paidMsat.add(payment.amountMsat)
            report.streams[stream].feesMsat.add(fee)
        }
        end(number, payment)
    }

    mutating func fail(_ number: Int, _ reason: String, htlcs: Int) {
        guard var payment = underWay.removeValue(forKey: number) else { return }
        (payment.failure, payment.htlcs) = (reason, htlcs)
        report.failed += 1
        slice.failed += 1
        failures[reason.withoutNumbers, default: 0] += 1
        if let stream = payment.stream {
            report.streams[stream].failed += 1
            report.streams[stream].lastFailure = reason
        }
        end(number, payment)
    }

    private mutating func end(_ number: Int, _ payment: ScenarioReport.Payment) {
        report.htlcs += payment.htlcs
        var limit: UInt64 = 1000
        while limit < payment.amountMsat, limit < 1 << 60 { limit *= 10 }
        let place: Int
        if let known = report.sizes.firstIndex(where: { $0.upToMsat >= limit }) {
            if report.sizes[known].upToMsat > limit { report.sizes.insert(ScenarioReport.Size(upToMsat: limit), at: known) }
            place = known
        } else {
            report.sizes.append(ScenarioReport.Size(upToMsat: limit))
            place = report.sizes.count - 1
        }
        report.sizes[place].payments += 1
        if let fee = payment.feeMsat {
            report.sizes[place].succeeded += 1
            report.sizes[place].amountMsat.add(payment.amountMsat)
            report.sizes[place].feesMsat.add(fee)
        }
        if number < Self.listed { list[number] = payment } else { report.omittedPayments += 1 }
        note(number, payment)
    }

    /// Adds a payment to the hash of all.
    private mutating func note(_ number: Int, _ payment: ScenarioReport.Payment) {
        var writer = ByteWriter(capacity: 64)
        for value in [number, payment.time, payment.from, payment.to, payment.htlcs, payment.latency ?? -1, payment.stream ?? -1] {
            writer.uint64(UInt64(bitPattern: Int64(value)))
        }
        for value in [payment.amountMsat, payment.feeMsat ?? .max] { writer.uint64(value) }
        writer.write(Array((payment.failure ?? "").utf8))
        hasher.update(writer.bytes)
    }

    // MARK: The rest

    /// An end of a channel forwarded into it.
    mutating func forwarded(by node: Int, into channel: Int?, amount: UInt64, fee: UInt64) {
        report.nodes[node].forwards += 1
        report.nodes[node].earnedMsat.add(fee)
        if let channel { report.channels[channel].forwardedMsat.add(amount) }
    }

    mutating func streamEnded(_ stream: Int, _ why: String) { report.streams[stream].end = why }

    mutating func mined(_ block: ScenarioReport.Block) { report.blocks.append(block) }

    /// The end of the slice that has been measured.
    ///
    /// - Parameters:
    ///   - balances: of all channels, what `from` has, in whole satoshi.
    ///   - dust: HTLCs that are no outputs, in msat.
    mutating func closeSlice(balances: [UInt64], dust: UInt64) {
        slice.dustMsat = dust
        slice.latencyP50 = sliceLatencies.quantile(500)
        slice.latencyP99 = sliceLatencies.quantile(990)
        report.slices.append(slice)
        slice = ScenarioReport.Slice()
        sliceLatencies = Latencies()
        for (index, balance) in balances.enumerated() {
            let capacity = report.channels[index].capacitySat
            report.channels[index].balanceSat.append(balance)
            let least = capacity / 20
            if balance < least || capacity - min(balance, capacity) < least { report.channels[index].depletedSlices += 1 }
        }
        for index in report.streams.indices { report.streams[index].paidBySlice.append(report.streams[index].paidMsat) }
    }

    /// Everything that was measured.
    ///
    /// - Parameters:
    ///   - duration: how long it lasted, in milliseconds.
    ///   - trace: of what nodes sent to each other, where there is more than payments.
    ///   - wanted: how long it was to last, where that is not to its end.
    mutating func finish(duration: Int, wanted: Int?, trace: Bytes32? = nil) -> ScenarioReport {
        if let wanted { report.wanted = min(report.wanted, wanted) }
        report.duration = duration
        report.isPartial = duration < report.wanted
        report.latencyP50 = latencies.quantile(500)
        report.latencyP90 = latencies.quantile(900)
        report.latencyP99 = latencies.quantile(990)
        for (index, stream) in streams.enumerated() {
            let end = min(stream.end, UInt64(max(0, duration)))
            let due = stream.rate.due(after: .milliseconds(end - min(end, stream.start)))
            report.streams[index].dueMsat = min(due.value, stream.budget)
        }
        for (number, payment) in underWay.sorted(by: { $0.key < $1.key }) {
            note(number, payment)
            if number < Self.listed { list[number] = payment } else { report.omittedPayments += 1 }
        }
        // Payments of streams are heard of when they end.
        report.payments = list.sorted { ($0.value.time, $0.key) < ($1.value.time, $1.key) }.map(\.value)
        report.failures = failures.map { ScenarioReport.Failure(reason: $0.key, count: $0.value) }
            .sorted { ($1.count, $0.reason) < ($0.count, $1.reason) }
        if let trace { hasher.update(trace) }
        report.trace = hasher.finalize().hex
        return report
    }

    /// Changes what only the run knows.
    mutating func note(_ body: (inout ScenarioReport) -> Void) { body(&report) }
}

/// How often each time was measured, in milliseconds.
private struct Latencies: Sendable {
    private var counts: [Int: Int] = [:]
    private var all = 0

    mutating func add(_ time: Int) {
        counts[time, default: 0] += 1
        all += 1
    }

    /// So many thousandths of all took no longer than this; `nil` where there are none.
    func quantile(_ thousandths: Int) -> Int? {
        guard all > 0 else { return nil }
        let wanted = (all * thousandths + 999) / 1000
        var sum = 0
        for (time, count) in counts.sorted(by: { $0.key < $1.key }) {
            sum += count
            if sum >= wanted { return time }
        }
        return nil
    }
}

extension String {
    /// The same text for all amounts and counts.
    var withoutNumbers: String {
        let characters = Array(self)
        var result = ""
        for (index, character) in characters.enumerated() {
            let isInside = result.last == "#" && index + 1 < characters.count && characters[index + 1].isNumber
            if character.isNumber {
                if result.last != "#" { result.append("#") }
            } else if !isInside || character == " " {
                result.append(character)
            }
        }
        return result
    }
}

extension UInt64 {
    /// A sum that stays at the most there is: payments of all bitcoin again and again come to more than 64 bits.
    func addingSaturating(_ other: UInt64) -> UInt64 {
        let (sum, overflow) = addingReportingOverflow(other)
        return overflow ? .max : sum
    }

    mutating func add(_ other: UInt64) { self = addingSaturating(other) }
}
