import ArgumentParser
import BitcoinPrimitives
import Foundation
import LightningAPI
import LightningPayment
import LightningRuntime
import LightningWire

/// An amount for each second, minute or hour.
struct RateArgument {
    var msat: UInt64
    var seconds: Int64
    var text: String

    static func parse(_ text: String) throws -> RateArgument {
        guard let rate = StreamRate(text: text) else {
            throw ValidationError("“\(text)” is no rate. Write an amount for each second, minute or hour: 10sat/s, 600sat/min, 5000sat/h")
        }
        guard rate.amount > .zero else { throw ValidationError("a rate is more than nothing") }
        return RateArgument(msat: rate.amount.value, seconds: Int64(rate.period.rawValue), text: text)
    }
}

/// A time: 500ms, 10s, 2m, 1h, 1d.
enum TimeArgument {
    static func parse(_ text: String) throws -> Int64 {
        if let time = Duration(text: text) { return Int64(time.wholeMilliseconds) }
        throw ValidationError("“\(text)” is no time of up to a hundred years. Write 500ms, 10s, 2m, 1h or 1d")
    }

    /// The same, where a number alone is seconds.
    static func parseOrSeconds(_ text: String) throws -> Int64 {
        let isNumber = !text.isEmpty && text.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
        return try parse(isNumber ? text + "s" : text)
    }
}

/// What a stream is to be.
struct StreamOptions: ParsableArguments {
    @Argument(
        help:
            "Who is paid: the node's id or alias, a unique beginning of either, or an invoice without an amount: it names the payee, and stays unpaid."
    )
    var payee: String?
    @Option(help: "How fast: 10sat/s, 600sat/min, 5000sat/h", transform: RateArgument.parse) var rate: RateArgument
    @Option(name: .customLong("for"), help: "How long: 60s, 2m, 1h. Left out, until it is stopped.", transform: TimeArgument.parse)
    var duration: Int64?
    @Option(help: "All that may be spent, fees included.", transform: Amount.parse) var budget: Amount?
    @Option(help: "Several recipients with their shares: bob:90,carol:10") var split: String?
    @Option(
        help: "Time between two payments, at least. 10ms to 1d; it grows where fees ask for larger payments.", transform: TimeArgument.parse
    )
    var interval: Int64 = 1000
    @Option(
        help: "What forwarders may take of what is paid: a share of all that is paid, 1%, or an amount, which is spread over the stream.")
    var maxFee: String = "1%"
    @Option(help: "Of an interruption of more than half a minute, so much time is paid for afterwards.", transform: TimeArgument.parse)
    var catchUp: Int64 = 0
    @Option(
        help: "What may be under way in payments too small for an output on chain, which nobody could claim there: 500sat.",
        transform: Amount.parse)
    var maxDust: Amount?
    @Option(help: "Payments that are under way at a time to each recipient.") var maxInFlight: Int64 = 8

    func parameters() throws -> JSONValue {
        var fields: [String: JSONValue] = [
            "recipients": .array(try recipients()), "rate_msat": .amount(rate.msat), "rate_period_s": .integer(rate.seconds),
            "interval_ms": .integer(interval), "catch_up_ms": .integer(catchUp), "max_in_flight": .integer(maxInFlight),
        ]
        fields["duration_ms"] = duration.map { .integer($0) } ?? .null
        fields["max_dust_msat"] = maxDust.map { .amount($0.msat) } ?? .null
        fields["budget_msat"] = budget.map { .amount($0.msat) } ?? .null
        if maxFee.hasSuffix("%") {
            guard let percent = Decimal(string: String(maxFee.dropLast())), percent >= 0, percent <= 100,
                maxFee.dropLast().allSatisfy({ $0.isASCII && $0.isNumber || $0 == "." })
            else { throw CallFailure(.usage, "“\(maxFee)” is no share: write 0% to 100%") }
            fields["max_fee_millionths"] = .integer(NSDecimalNumber(decimal: percent * 10_000).int64Value)
        } else {
            guard let amount = Amount(maxFee) else {
                throw CallFailure(.usage, "“\(maxFee)” is neither a share, like 1%, nor an amount, like 50sat")
            }
            fields["max_fee_msat"] = .amount(amount.msat)
            // Spread over the whole stream, as far as it is known how much that is.
            let due = duration.map { Double(rate.msat) * Double($0) / Double(rate.seconds * 1000) } ?? .infinity
            let all = min(due, budget.map { Double($0.msat) } ?? .infinity)
            if all.isFinite, all > 0 {
                fields["max_fee_millionths"] = .integer(Int64(min(1_000_000, (Double(amount.msat) / all * 1_000_000).rounded(.up))))
            }
        }
        return .object(fields)
    }

    private func recipients() throws -> [JSONValue] {
        guard let split else {
            guard let payee else {
                throw CallFailure(.usage, "who is paid? lnw stream <payee> --rate 10sat/s, or --split bob:90,carol:10")
            }
            return [["id": .string(payee), "weight": 1]]
        }
        guard payee == nil else { throw CallFailure(.usage, "either one payee, or --split with all of them") }
        return try split.split(separator: ",", omittingEmptySubsequences: false).map { part in
            let words = part.split(separator: ":", omittingEmptySubsequences: false)
            guard words.count == 2, !words[0].isEmpty, let weight = Int64(words[1]), weight > 0 else {
                throw CallFailure(.usage, "“\(part)” is no share: write a node and its weight, bob:90,carol:10")
            }
            return ["id": .string(String(words[0])), "weight": .integer(weight)]
        }
    }
}
