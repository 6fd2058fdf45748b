import ArgumentParser
import BitcoinPrimitives
import Foundation
import LightningAPI
import LightningRuntime
import LightningWire

/// An amount as people type it: `1000`, `1,000sat`, `5msat`, `0.001btc`.
///
/// `all` and `any` are no amounts: where one of them makes sense, `AmountOrAll` or `AmountOrAny` takes it.
struct Amount: Hashable {
    var msat: UInt64

    init(msat: UInt64) { self.msat = msat }

    init?(_ argument: String) {
        guard let amount = MilliSatoshi(text: argument) else { return nil }
        msat = amount.value
    }

    static let help = ArgumentHelp("1000 or 1000sat, 5msat, 0.001btc")
    static let form = "Write 1000 or 1000sat, 5msat, 0.001btc; commas only between groups of three digits, and never with btc"

    /// For the command line: says what an amount looks like, and what the words that are none mean.
    static func parse(_ text: String) throws -> Amount { try parse(text, but: nil) }

    /// - Parameter word: the word that may stand in the amount's place.
    fileprivate static func parse(_ text: String, but word: String?) throws -> Amount {
        if let amount = Amount(text) { return amount }
        switch text.lowercased() {
        case "all": throw ValidationError("“all” means nothing here: say an amount\(word.map { ", or \($0)" } ?? "")")
        case "any": throw ValidationError("“any” means nothing here: say an amount\(word.map { ", or \($0)" } ?? "")")
        default: throw ValidationError("“\(text)” is no amount. \(form)\(word.map { "; or \($0)" } ?? "")")
        }
    }

    /// Whole satoshi, for what happens on chain.
    func satoshi() throws -> UInt64 {
        guard msat % 1000 == 0 else { throw ValidationError("on chain there are only whole satoshi") }
        return msat / 1000
    }
}

/// An amount, or `all`: everything that can be spent.
enum AmountOrAll: Hashable {
    case exactly(Amount)
    case all

    static let help = ArgumentHelp("1000 or 1000sat, 0.001btc, or all: everything that can be spent")

    static func parse(_ text: String) throws -> AmountOrAll {
        text.lowercased() == "all" ? .all : .exactly(try Amount.parse(text, but: "all: everything that can be spent"))
    }

    /// Whole satoshi, or "all", as the control socket takes them.
    func json() throws -> JSONValue {
        switch self {
        case .exactly(let amount): .amount(try amount.satoshi())
        case .all: "all"
        }
    }

    func described() throws -> String {
        switch self {
        case .exactly(let amount): Format.sat(try amount.satoshi())
        case .all: "everything"
        }
    }
}

/// An amount, or `any`: the payer chooses.
enum AmountOrAny: Hashable {
    case exactly(Amount)
    case any

    static let help = ArgumentHelp("How much: 1000sat, 5msat, 0.001btc, or any: the payer chooses")

    static func parse(_ text: String) throws -> AmountOrAny {
        text.lowercased() == "any" ? .any : .exactly(try Amount.parse(text, but: "any: the payer chooses"))
    }

    var json: JSONValue {
        switch self {
        case .exactly(let amount): .amount(amount.msat)
        case .any: .null
        }
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
