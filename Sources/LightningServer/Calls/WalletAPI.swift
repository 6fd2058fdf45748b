import BitcoinPrimitives
import CryptoPrimitives
import LightningAPI
import LightningChain
import LightningChannel
import LightningCore
import LightningRuntime
import LightningTransactions
import LightningWire

// What the control socket offers of the wallet on chain.
extension ControlAPI {
    /// `nil` for a method that is none of these.
    func callWallet(_ method: String, _ p: JSONValue) async throws -> JSONValue? {
        switch method {
        case "feerates":
            let rates = try await node.feeRates()
            func rate(_ target: ConfirmationTarget) -> JSONValue { .integer(Int64(rates[target].perKiloweight)) }
            return ["urgent_sat_kw": rate(.urgent), "hour_sat_kw": rate(.hour), "day_sat_kw": rate(.day)]
        case "listtransactions":
            let bound = try position(p)
            let page = try await node.transactions(limit: try limit(p), before: bound)
            // What is in no block yet is before all that is, and on the first page only.
            let waiting = bound == nil ? try await node.unconfirmedTransactions() : []
            let height = try await node.height()
            return ["transactions": .array((waiting + page.records).map { Self.json($0, height: height) }), "next": Self.json(page.next)]
        case "log":
            let alerts = try p.yesOrNo("alerts")
            let page = try await node.log(limit: try limit(p), before: try position(p)) { !alerts || $0.level == .alert }
            return [
                "entries": .array(
                    page.records.map { entry in
                        [
                            "number": .amount(entry.number), "time": .time(entry.time), "blockheight": .height(entry.height),
                            "level": .string("\(entry.level)"), "text": .string(entry.text),
                        ]
                    }), "next": Self.json(page.next),
            ]
        case "listunspent":
            let height = try await node.height()
            return [
                "outputs": .array(
                    try await node.unspentOutputs().map { output in
                        [
                            "txid": .string(output.outPoint.transaction.description), "output": .integer(Int64(output.outPoint.index)),
                            "amount_sat": .amount(output.amount.value), "address": output.address.map { .string($0.description) } ?? .null,
                            "blockheight": output.height.map { .height($0) } ?? .null,
                            "confirmations": .integer(Int64(output.height.map { max(0, $0.depth(at: height)) } ?? 0)),
                            "spendable": .bool(output.isSpendable), "change": .bool(output.isChange),
                        ]
                    })
            ]
        case "bumpfee":
            guard let id = try p.words("txid").flatMap({ TransactionID(display: $0) }) else {
                throw CallFailure(.usage, "txid is a transaction's id, in hex")
            }
            return try await json(try await node.bumpFee(id, fee: try p.fee()))
        case "abandon":
            let id = try await channel(p["channel"])
            guard case .object(var fields) = try await json(try await node.abandonChannel(id, fee: try p.fee())) else { return .null }
            fields["channel_id"] = .string(id.hex)
            return .object(fields)
        case "quotesend":
            guard let address = Address(p["address"].text ?? "", network: node.network) else {
                throw CallFailure(.usage, "that is no address of \(node.network.rawValue)")
            }
            return Self.json(
                try await node.sendQuote(
                    to: address, amount: try p.satoshiOrAll("amount_sat").amount, fee: try p.fee(),
                    mayUseReserve: try p.yesOrNo("use_reserve")))
        case "quoteopen":
            let quote = try await node.openQuote(
                try p.satoshiOrAll("amount_sat").amount, fee: try p.fee(), mayUseReserve: try p.yesOrNo("use_reserve"))
            return Self.json(quote)
        case "quoteclose":
            let id = try await channel(p["channel"])
            guard let quote = try await node.closeQuote(of: id, fee: try p.fee()) else {
                throw CallFailure(.refused, "the channel is not open: what is there to be closed together with its peer")
            }
            return [
                "channel_id": .string(id.hex), "to_local_sat": .amount(quote.toLocal.value), "fee_sat": .amount(quote.fee.value),
                "fee_is_ours": .bool(quote.isFeeOurs), "htlcs": .integer(Int64(quote.htlcs)), "vsize": .integer(Int64(quote.virtualSize)),
            ]
        default: return nil
        }
    }

    private func json(_ transaction: Transaction) async throws -> JSONValue {
        [
            "txid": .string(transaction.id.description), "vsize": .integer(Int64(transaction.virtualSize)),
            "fee_sat": try await fee(of: transaction.id),
        ]
    }

    /// What a transaction of the wallet pays that no block holds yet.
    func fee(of id: TransactionID) async throws -> JSONValue {
        try await node.unconfirmedTransactions().first { $0.id == id }?.fee.map { .amount($0.value) } ?? .null
    }

    private static func json(_ quote: OpenQuote) -> JSONValue {
        [
            "amount_sat": .amount(quote.amount.value), "fee_sat": .amount(quote.fee.value),
            "fee_rate_sat_kw": .integer(Int64(quote.feeRate.perKiloweight)), "vsize": .integer(Int64(quote.virtualSize)),
            "left_sat": .amount(quote.left.value), "reserve_sat": .amount(quote.reserve.value),
        ]
    }

    private static func json(_ transaction: WalletTransaction, height: BlockHeight) -> JSONValue {
        [
            "txid": .string(transaction.id.description), "blockheight": transaction.height.map { .height($0) } ?? .null,
            "confirmations": .integer(Int64(transaction.height.map { max(0, $0.depth(at: height)) } ?? 0)),
            "time": transaction.time.map { .time($0) } ?? .null,
            "amount_sat": .integer(Int64(clamping: transaction.received.value) - Int64(clamping: transaction.spent.value)),
            "received_sat": .amount(transaction.received.value), "spent_sat": .amount(transaction.spent.value),
            "fee_sat": transaction.fee.map { .amount($0.value) } ?? .null, "purpose": .string(name(of: transaction.purpose)),
            "channel_id": transaction.purpose?.channel.map { .string($0.hex) } ?? .null,
        ]
    }

    private static func name(of purpose: Publication.Purpose?) -> String {
        switch purpose {
        case nil: "received"
        case .payment: "payment"
        case .funding: "funding"
        case .mutualClose: "mutual_close"
        case .commitment: "commitment"
        case .claim: "claim"
        case .feeBump: "fee_bump"
        case .penalty: "penalty"
        case .recovery: "recovery"
        case .watchtower: "watchtower"
        }
    }
}
