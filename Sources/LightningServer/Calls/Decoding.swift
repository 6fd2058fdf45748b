import BitcoinPrimitives
import CryptoPrimitives
package import LightningAPI
import LightningInvoice
import LightningRuntime
import LightningWire

/// What a text says that somebody was given: of what would not be paid as well.
package enum Decoding {
    /// Names and values, in the order in which people want them.
    ///
    /// - Throws: a `CallFailure` of kind `refused` for what is none of the things that are known.
    package static func fields(of text: String) throws(CallFailure) -> [(name: String, value: JSONValue)] {
        let pasted: PastedText
        do throws(PastedText.Refusal) { pasted = try PastedText(text) } catch { throw CallFailure(.refused, error.description) }
        switch pasted {
        case .node(let node):
            return [
                ("type", "node"), ("id", .string(node.nodeID.hex)), ("host", .string(node.host)), ("port", .integer(Int64(node.port))),
            ]
        case .nodeID(let id): return [("type", "node"), ("id", .string(id.hex))]
        case .address(let address, let network, let amount, let label):
            var fields: [(name: String, value: JSONValue)] = [
                ("type", "address"), ("network", .string(network.rawValue)), ("address", .string(address.description)),
                ("script", .string(address.script.description)),
            ]
            if let amount { fields.append(("amount_sat", .amount(amount.value))) }
            if let label { fields.append(("label", .string(label))) }
            return fields
        case .transaction(let transaction):
            return [
                ("type", "transaction"), ("txid", .string(transaction.id.description)),
                ("inputs", .integer(Int64(transaction.inputs.count))), ("outputs", .integer(Int64(transaction.outputs.count))),
                ("vsize", .integer(Int64(transaction.virtualSize))),
            ]
        case .unsupported(let what): return [("type", .string(what.rawValue)), ("note", .string(what.sentence))]
        case .invoice(let invoice):
            return [
                ("type", "invoice"), ("network", .string(invoice.network.rawValue)),
                ("amount_msat", invoice.amount.map { .amount($0.value) } ?? .null),
                ("payee", invoice.blindedPaths.isEmpty ? .string(invoice.payee.hex) : "hidden"),
                ("payment_hash", .string(invoice.paymentHash.hex)),
                ("description", invoice.descriptionText.map { .string($0) } ?? .null),
                ("created_at", .time(invoice.timestamp)), ("expires_at", .time(invoice.expiresAt)),
                ("expired", .bool(Timestamp.now >= invoice.expiresAt)),
                // A blinded path accounts for it itself.
                (
                    "min_final_cltv_expiry_delta",
                    invoice.blindedPaths.isEmpty ? .integer(Int64(invoice.minFinalCLTVExpiryDelta)) : .null
                ),
                ("features", .string(invoice.features.description)), ("routing_hints", .integer(Int64(invoice.routingHints.count))),
                ("blinded_paths", .integer(Int64(invoice.blindedPaths.count))),
            ] + rest(of: invoice)
        }
    }
}

extension Decoding {
    /// What few invoices have.
    private static func rest(of invoice: Invoice) -> [(name: String, value: JSONValue)] {
        var fields: [(name: String, value: JSONValue)] = []
        if case .hash(let hash) = invoice.details { fields.append(("description_hash", .string(hash.hex))) }
        if let metadata = invoice.paymentMetadata { fields.append(("payment_metadata", .string(Hex.encode(metadata)))) }
        let addresses = invoice.fallbackScripts.compactMap { Address(script: $0, network: invoice.network)?.description }
        if !addresses.isEmpty { fields.append(("fallback_addresses", .array(addresses.map { .string($0) }))) }
        return fields
    }
}

extension ControlAPI {
    /// An invoice that is to be paid, as it was pasted.
    static func invoice(pasted text: String) throws(CallFailure) -> Invoice {
        let pasted: PastedText
        do throws(PastedText.Refusal) { pasted = try PastedText(text) } catch { throw CallFailure(.refused, error.description) }
        switch pasted {
        case .invoice(let invoice): return invoice
        case .unsupported(let what): throw CallFailure(.refused, what.sentence)
        case .address: throw CallFailure(.refused, "that is an address on chain: lnw send pays it")
        case .node, .nodeID: throw CallFailure(.refused, "that is a node, and no invoice: lnw keysend pays it")
        case .transaction: throw CallFailure(.refused, "that is a transaction, and no invoice")
        }
    }
}
