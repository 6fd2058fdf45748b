import BitcoinPrimitives
import CryptoPrimitives
import Foundation
package import LightningAPI
import LightningChain
import LightningInvoice
import LightningRuntime
import LightningWire

// The parameters of a call. A value of another kind than it should be is refused and never passed over: what a caller meant as an
// amount must not become "everything", nor a limit none.
extension JSONValue {
    /// A whole number; `nil` where it is left out.
    ///
    /// - Throws: a `CallFailure` of kind `usage` for anything else than a whole number in the range.
    package func whole(_ name: String, in range: ClosedRange<Int64> = 0...Int64.max) throws(CallFailure) -> Int64? {
        let value = self[name]
        guard value != .null else { return nil }
        guard let number = value.int, range.contains(number) else {
            let most = range.upperBound == .max ? "\(range.lowerBound) or more" : "\(range.lowerBound) to \(range.upperBound)"
            throw CallFailure(.usage, "\(name) is a whole number: \(most)")
        }
        return number
    }

    /// A text; `nil` where it is left out.
    func words(_ name: String) throws(CallFailure) -> String? {
        let value = self[name]
        guard value != .null else { return nil }
        guard let text = value.text else { throw CallFailure(.usage, "\(name) is a text") }
        return text
    }

    /// Yes or no; no where it is left out.
    func yesOrNo(_ name: String) throws(CallFailure) -> Bool {
        switch self[name] {
        case .null: false
        case .bool(let value): value
        default: throw CallFailure(.usage, "\(name) is true or false")
        }
    }

    /// A moment; the first of all where it is left out.
    func time(_ name: String) throws(CallFailure) -> Timestamp {
        guard let text = try words(name) else { return Timestamp(seconds: 0) }
        guard let date = try? Date(text, strategy: .iso8601), date.timeIntervalSince1970 >= 0 else {
            throw CallFailure(.usage, "\(name) is a time: 2026-11-27T12:00:00Z")
        }
        return Timestamp(seconds: UInt64(date.timeIntervalSince1970))
    }

    /// An amount in msat; `nil` where it is left out.
    func msat(_ name: String) throws(CallFailure) -> MilliSatoshi? {
        try whole(name, in: 0...Int64(MilliSatoshi(Satoshi.maximum).value)).map { MilliSatoshi(UInt64($0)) }
    }

    /// What an invoice is for: `description`, or `description_hash`.
    func invoiceDescription() throws(CallFailure) -> InvoiceDescription {
        let text = try words("description")
        guard let digits = try words("description_hash") else { return .text(text ?? "") }
        guard text == nil else { throw CallFailure(.usage, "description and description_hash exclude each other") }
        guard let hash = Hex.decode(digits).flatMap({ Bytes32($0) }) else {
            throw CallFailure(.usage, "description_hash is 64 hexadecimal digits")
        }
        return .hash(hash)
    }

    /// What a transaction is to pay: `fee_rate_sat_kw`, or `conf_target` in blocks; `nil` where neither is said.
    func fee() throws(CallFailure) -> FeeChoice? {
        let rate = try whole("fee_rate_sat_kw", in: 253...5_000_000)
        let target = try whole("conf_target", in: 1...1008)
        guard rate == nil || target == nil else { throw CallFailure(.usage, "fee_rate_sat_kw and conf_target exclude each other") }
        if let rate {
            let rate = FeeRate(perKiloweight: UInt32(rate))
            return try yesOrNo("allow_high_fee") ? .anyRate(rate) : .rate(rate)
        }
        return target.map { .within(blocks: Int($0)) }
    }

    /// An amount in satoshi, or the word "all".
    func satoshiOrAll(_ name: String) throws(CallFailure) -> SatoshiOrAll {
        if self[name].text == "all" { return .all }
        guard self[name] != .null, let number = try? whole(name, in: 1...Int64(Satoshi.maximum.value)) else {
            throw CallFailure(.usage, "\(name) is a whole number of satoshi, or \"all\"")
        }
        return .exactly(Satoshi(UInt64(number)))
    }
}

/// How much of what is on chain.
enum SatoshiOrAll: Hashable {
    case exactly(Satoshi)
    /// Everything that can be spent.
    case all

    /// As the node's commands have it.
    var amount: Satoshi? {
        switch self {
        case .exactly(let amount): amount
        case .all: nil
        }
    }
}
