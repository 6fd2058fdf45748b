package import BitcoinPrimitives
import CryptoPrimitives
import Foundation
package import LightningInvoice
package import LightningWire

/// What somebody pasted, as the one piece of code that knows all of it takes it: blanks and line ends around it do not matter.
package enum PastedText: Sendable {
    /// BOLT 11, also behind `lightning:` or in a BIP 21 address.
    case invoice(Invoice)
    /// With what a BIP 21 address says beside it.
    case address(Address, Network, amount: Satoshi?, label: String?)
    /// `<id>@<host>:<port>`.
    case node(NodeAddress)
    case nodeID(NodeID)
    case transaction(Transaction)
    /// What is known, and cannot be paid here: BOLT 12, LNURL or an address like one of mail.
    case unsupported(Unsupported)

    package enum Unsupported: String, Sendable {
        case offer, offerInvoice = "bolt12_invoice", lnurl, lightningAddress = "lightning_address"

        /// For people.
        package var sentence: String {
            switch self {
            case .offer: "that is an offer (BOLT 12), which this version cannot pay: ask for an invoice, lnbc…"
            case .offerInvoice: "that is an invoice of BOLT 12, which this version cannot pay: ask for one of BOLT 11, lnbc…"
            case .lnurl: "that is an LNURL, which asks a web server for an invoice: this version does not. Ask for the invoice, lnbc…"
            case .lightningAddress:
                "that is a Lightning address, which asks a web server for an invoice: this version does not. Ask for the invoice, lnbc…"
            }
        }
    }

    /// Why a text is none of them.
    package struct Refusal: Error, Hashable, Sendable, CustomStringConvertible {
        package var description: String
    }

    package init(_ pasted: String) throws(Refusal) {
        // A transaction in hex has 800,000 digits at the most: as much as fits into a block.
        guard pasted.utf8.count <= 1_000_000 else { throw Refusal(description: "that is too long to be anything that can be paid") }
        var text = pasted.trimmingCharacters(in: .whitespacesAndNewlines)
        if text.lowercased().hasPrefix("lightning:") {
            text = String(text.dropFirst("lightning:".count))
            if text.hasPrefix("//") { text = String(text.dropFirst(2)) }
        }
        let lowercased = text.lowercased()
        if lowercased.hasPrefix("bitcoin:") {
            self = try Self.uri(String(text.dropFirst("bitcoin:".count)))
        } else if lowercased.hasPrefix("lno1") {
            self = .unsupported(.offer)
        } else if lowercased.hasPrefix("lni1") {
            self = .unsupported(.offerInvoice)
        } else if lowercased.hasPrefix("lnurl1") || lowercased.hasPrefix("lnurlp://") || lowercased.hasPrefix("keyauth://") {
            self = .unsupported(.lnurl)
        } else if let node = NodeAddress(text) {
            self = .node(node)
        } else if let (address, network) = Self.address(text) {
            self = .address(address, network, amount: nil, label: nil)
        } else if let id = NodeID(hex: text) {
            self = .nodeID(id)
        } else if let bytes = Hex.decode(text), let transaction = try? Transaction(bytes) {
            self = .transaction(transaction)
        } else if Self.isMailLike(text) {
            self = .unsupported(.lightningAddress)
        } else {
            do throws(InvoiceRefusal) { self = .invoice(try Invoice(text)) } catch {
                throw Refusal(
                    description: lowercased.hasPrefix("ln")
                        ? error.description : "neither an invoice nor an address, a transaction or id@host:port")
            }
        }
    }

    private static func address(_ text: String) -> (Address, Network)? {
        Network.allCases.lazy.compactMap { network in Address(text, network: network).map { ($0, network) } }.first
    }

    /// BIP 21, with BIP 321's `lightning` parameter: where there is an invoice it is what is meant.
    ///
    /// - Throws: for parameters that have to be understood (`req-…`) and are not.
    private static func uri(_ text: String) throws(Refusal) -> PastedText {
        let parts = text.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var fields: [String: String] = [:]
        for pair in parts.count > 1 ? parts[1].split(separator: "&") : [] {
            let words = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            guard words.count == 2, let value = words[1].replacing("+", with: "%2B").removingPercentEncoding else { continue }
            fields[words[0].lowercased()] = value
        }
        if let unknown = fields.keys.filter({ $0.hasPrefix("req-") }).sorted().first {
            throw Refusal(description: "the address demands “\(unknown)”, which this version does not know")
        }
        if let text = fields["lightning"], let invoice = try? Invoice(text) { return .invoice(invoice) }
        guard let (address, network) = address(String(parts[0])) else {
            throw Refusal(description: fields["lno"] == nil ? "there is no Bitcoin address in it" : Unsupported.offer.sentence)
        }
        var amount: Satoshi?
        if let text = fields["amount"] {
            // A number of bitcoin, with a point: BIP 21.
            guard let sum = MilliSatoshi(text: text + "btc"), sum.value % 1000 == 0 else {
                throw Refusal(description: "“\(text)” is no amount of bitcoin")
            }
            amount = sum.roundedDown
        }
        return .address(address, network, amount: amount, label: fields["label"] ?? fields["message"])
    }

    /// `name@host.tld`, the name in small letters.
    private static func isMailLike(_ text: String) -> Bool {
        let parts = text.drop { $0 == "₿" }.split(separator: "@", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty, parts[1].contains("."), !parts[1].hasPrefix("."), !parts[1].hasSuffix(".") else {
            return false
        }
        return (parts[0] + parts[1]).allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_.+".contains($0)) }
    }
}
