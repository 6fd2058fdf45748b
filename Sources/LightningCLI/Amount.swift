import ArgumentParser
import BitcoinPrimitives
import LightningRuntime
import LightningWire

/// An amount as people type it: `1000`, `1000sat`, `5msat`, `0.001btc`, `all`, `any`.
struct Amount: ExpressibleByArgument, Hashable {
    /// `nil` for `all` and `any`.
    var msat: UInt64?

    init?(argument: String) {
        let text = argument.lowercased().filter { $0 != "," && $0 != "_" }
        if text == "all" || text == "any" {
            msat = nil
            return
        }
        let units: [(suffix: String, decimals: Int)] = [("msat", 0), ("sats", 3), ("sat", 3), ("btc", 11), ("", 3)]
        guard let (suffix, decimals) = units.first(where: { text.hasSuffix($0.suffix) }),
            let value = Self.fixedPoint(text.dropLast(suffix.count), decimals: decimals),
            value <= MilliSatoshi(Satoshi.maximum).value
        else { return nil }
        msat = value
    }

    static let help = ArgumentHelp("1000 or 1000sat, 5msat, 0.001btc, all")

    /// For the command line: says what an amount looks like.
    static func parse(_ text: String) throws -> Amount {
        guard let amount = Amount(argument: text) else {
            throw ValidationError("“\(text)” is no amount. Write 1000 or 1000sat, 5msat, 0.001btc, or all")
        }
        return amount
    }

    /// Decimal digits as an integer of `decimals` places: never through floating point.
    private static func fixedPoint(_ text: Substring, decimals: Int) -> UInt64? {
        let parts = text.split(separator: ".", maxSplits: 1, omittingEmptySubsequences: false)
        let fraction = parts.count == 2 ? parts[1] : ""
        guard let whole = parts.first, !(whole.isEmpty && fraction.isEmpty), fraction.count <= decimals,
            (whole + fraction).utf8.allSatisfy({ (0x30...0x39).contains($0) }), whole.count <= 14
        else { return nil }
        let digits = whole + fraction + String(repeating: "0", count: decimals - fraction.count)
        return UInt64(digits)
    }

    static var defaultCompletionKind: CompletionKind { .list(["1000sat", "5msat", "0.001btc", "all"]) }

    /// Whole satoshi, for what happens on chain.
    func satoshi() throws -> UInt64? {
        guard let msat else { return nil }
        guard msat % 1000 == 0 else { throw ValidationError("on chain there are only whole satoshi") }
        return msat / 1000
    }
}

/// Amounts as people read them.
enum Format {
    static func thousands(_ value: UInt64) -> String { Satoshi.grouped(value) }

    /// `1,234.567 sat`, thousandths only where they are not zero.
    static func msat(_ value: UInt64) -> String { "\(bare(value)) sat" }
    static func sat(_ value: UInt64) -> String { "\(thousands(value)) sat" }

    static func bare(_ msat: UInt64) -> String { MilliSatoshi(msat).digits }

    static func short(_ id: String) -> String { id.count > 12 ? "\(id.prefix(4))…\(id.suffix(2))" : id }

    /// The payee of a payment, as JSON tells it: none where it hides.
    static func payee(_ payment: JSONValue) -> String {
        payment["destination_alias"].text ?? payment["destination"].text.map(short) ?? "a hidden payee"
    }

    static func pad(_ text: String, _ width: Int, right: Bool = false) -> String {
        let fill = String(repeating: " ", count: max(0, width - text.count))
        return right ? fill + text : text + fill
    }
}
