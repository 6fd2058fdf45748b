import Testing

@testable import lnw

/// Amounts as people type them: what can be read in two ways is refused.
@Suite("amounts on the command line")
struct AmountTests {
    @Test(
        "read as they are meant",
        arguments: [
            ("1000", 1_000_000), ("1000sat", 1_000_000), ("1SATS", 1000), ("5msat", 5), ("0.001btc", 100_000_000),
            ("1btc", 100_000_000_000),
            ("1,000", 1_000_000), ("12,345,678sat", 12_345_678_000), ("1,000.5", 1_000_500), (".5btc", 50_000_000_000), ("0", 0),
            ("21000000btc", 2_100_000_000_000_000_000),
        ] as [(String, UInt64)])
    func right(text: String, msat: UInt64) { #expect(Amount(text)?.msat == msat) }

    @Test(
        "refused",
        arguments: [
            "0,01btc", "0,001btc", "1,000btc", "1,,0", "1,0", "1,00", "1,0000", ",100", "1000,", "1,000,00", "1234,567", "1.000,5", "1_000",
            "0,5",
            "", " 1", "-5", "+5", "1e3", "0x10", "1.0001sat", "1.5msat", "21000001btc", "٣", "btc", "sat", ".", "all", "any", "1 000",
            "1.2.3",
            "99999999999999999999",
        ])
    func wrong(text: String) {
        #expect(Amount(text) == nil)
        #expect(throws: (any Error).self) { try Amount.parse(text) }
    }

    @Test("all and any are different words, each where it makes sense")
    func words() throws {
        #expect(try AmountOrAll.parse("ALL") == .all)
        #expect(try AmountOrAll.parse("5sat") == .exactly(Amount(msat: 5000)))
        #expect(throws: (any Error).self) { try AmountOrAll.parse("any") }
        #expect(try AmountOrAny.parse("any") == .any)
        #expect(throws: (any Error).self) { try AmountOrAny.parse("all") }
        // On chain there are no thousandths.
        #expect(throws: (any Error).self) { try AmountOrAll.exactly(Amount(msat: 1)).json() }
    }

    @Test(
        "limits of tokens, and what is none",
        arguments: [
            ("50000sat", 50_000_000, nil as Int64?), ("10000sat/day", 10_000_000, 86_400), ("0.001btc/hour", 100_000_000, 3600),
            ("5/week", 5_000, 604_800), ("5msat/month", 5, 2_592_000),
        ])
    func limit(_ text: String, _ msat: UInt64, _ seconds: Int64?) throws {
        let limit = try LimitArgument.parse(text)
        #expect(limit.msat == msat && limit.seconds == seconds)
    }

    @Test(
        "a typo makes no other limit",
        arguments: ["", "/day", "10sat/", "10sat/year", "10sat/Day", "10sat/2days", "0sat/day", "10sat/day/day", "all", "10 sat per day"])
    func noLimit(_ text: String) { #expect(throws: (any Error).self) { _ = try LimitArgument.parse(text) } }
}
