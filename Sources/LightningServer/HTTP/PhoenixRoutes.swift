import Foundation
import HTTPTypes
import Hummingbird
import LightningAPI

// The calls of phoenixd with which shops take payments and pay, so that a client written for it needs another address and a token as its
// password, and nothing else. What they answer is what its public documentation says; what they do is what the calls of the table do.
extension HTTPRoutes {
    func addPhoenix(to router: Router<HTTPContext>) {
        router.get("getinfo") { request, context in
            await phoenixAnswer(context) {
                let caller = try authorized(request, context)
                let info = try await caller.handle("getinfo", [:])
                let channels = try await caller.handle("listchannels", [:]).list.filter { $0["state"] != "closed" }
                return [
                    "nodeId": info["id"], "chain": info["network"], "blockHeight": info["blockheight"], "version": "swift-lightning",
                    "channels": .array(
                        channels.map { channel in
                            [
                                "state": channel["state"], "channelId": channel["channel_id"], "fundingTxId": channel["funding_txid"],
                                "balanceSat": Self.sat(channel["to_local_msat"]), "capacitySat": channel["funding_satoshis"],
                                "inboundLiquiditySat": Self.sat(channel["receivable_msat"]),
                            ]
                        }),
                ]
            }
        }
        router.get("getbalance") { request, context in
            await phoenixAnswer(context) {
                let balance = try await authorized(request, context).handle("balance", [:])
                return ["balanceSat": Self.sat(balance["spendable_msat"]), "feeCreditSat": 0]
            }
        }
        router.post("createinvoice") { request, context in
            await phoenixAnswer(context) {
                let caller = try authorized(request, context)
                let form = try await form(request, ["amountSat", "description", "descriptionHash", "expirySeconds", "externalId"])
                var parameters: [String: JSONValue] = [:]
                for (name, ours) in [("description", "description"), ("descriptionHash", "description_hash"), ("externalId", "label")] {
                    parameters[ours] = form[name].map { .string($0) }
                }
                parameters["amount_msat"] = try Self.msat(form)
                if let seconds = form["expirySeconds"] {
                    guard let number = Int64(seconds) else { throw CallFailure(.usage, "expirySeconds is a whole number") }
                    parameters["expiry"] = .integer(number)
                }
                let invoice = try await caller.handle("invoice", .object(parameters))
                return [
                    "amountSat": invoice["amount_msat"] == .null ? .null : Self.sat(invoice["amount_msat"]),
                    "paymentHash": invoice["payment_hash"], "serialized": invoice["bolt11"],
                ]
            }
        }
        router.post("payinvoice") { request, context in
            await phoenixAnswer(context) {
                let caller = try authorized(request, context)
                let form = try await form(request, ["invoice", "amountSat"])
                guard let invoice = form["invoice"] else { throw CallFailure(.usage, "Missing parameter: invoice") }
                var parameters: [String: JSONValue] = ["bolt11": .string(invoice)]
                parameters["amount_msat"] = try Self.msat(form)
                do {
                    let payment = try await caller.handle("pay", .object(parameters))
                    return [
                        "recipientAmountSat": Self.sat(payment["amount_msat"]), "routingFeeSat": Self.sat(payment["fee_msat"]),
                        "paymentId": Self.uuid(payment["payment_hash"]), "paymentHash": payment["payment_hash"],
                        "paymentPreimage": payment["payment_preimage"],
                    ]
                } catch let failure as CallFailure where failure.kind == .paymentFailed {
                    return ["paymentHash": failure.data?["payment_hash"] ?? .null, "reason": .string(failure.message)]
                }
            }
        }
        router.get("payments/incoming/{hash}") { request, context in
            await phoenixAnswer(context) {
                let caller = try authorized(request, context)
                return Self.incoming(
                    try await caller.handle("lookupinvoice", ["invoice": .string(context.parameters.get("hash") ?? "")]))
            }
        }
        router.get("payments/incoming") { request, context in
            await phoenixAnswer(context) {
                let token = try token(request, context)
                let query = try PhoenixQuery(request, and: ["externalId"])
                // It may read much: one at a time.
                guard let place = lists.hold(token.id) else { throw HTTPFailure.tooMany(1) }
                defer { withExtendedLifetime(place) {} }
                return .array(try await query.incoming(api.with(token)).map(Self.incoming))
            }
        }
        router.get("payments/outgoing/{id}") { request, context in
            await phoenixAnswer(context) {
                let caller = try authorized(request, context)
                let digits = (context.parameters.get("id") ?? "").filter { $0 != "-" }
                return Self.outgoing(try await caller.handle("explain", ["payment": .string(digits)]))
            }
        }
        router.get("payments/outgoing") { request, context in
            await phoenixAnswer(context) {
                let token = try token(request, context)
                let query = try PhoenixQuery(request, and: [])
                guard let place = lists.hold(token.id) else { throw HTTPFailure.tooMany(1) }
                defer { withExtendedLifetime(place) {} }
                return .array(try await query.outgoing(api.with(token)).map(Self.outgoing))
            }
        }
    }

    private static func incoming(_ invoice: JSONValue) -> JSONValue {
        withoutNull([
            "type": "incoming_payment", "subType": "lightning", "paymentHash": invoice["payment_hash"],
            "preimage": invoice["payment_preimage"], "externalId": invoice["label"], "description": invoice["description"],
            "invoice": invoice["bolt11"], "isPaid": .bool(invoice["status"] == "paid"), "receivedSat": sat(invoice["received_msat"]),
            "fees": 0, "isExpired": .bool(invoice["status"] == "expired"), "createdAt": milliseconds(invoice["created_at"]),
            "completedAt": milliseconds(invoice["paid_at"]),
        ])
    }

    private static func outgoing(_ payment: JSONValue) -> JSONValue {
        withoutNull([
            "type": "outgoing_payment", "subType": "lightning", "paymentId": uuid(payment["payment_hash"]),
            "paymentHash": payment["payment_hash"], "preimage": payment["payment_preimage"],
            "isPaid": .bool(payment["status"] == "succeeded"), "sent": sat(payment["amount_msat"]), "fees": payment["fee_msat"],
            "invoice": payment["bolt11"], "createdAt": milliseconds(payment["created_at"]),
            "completedAt": milliseconds(payment["completed_at"]),
        ])
    }

    /// phoenixd leaves out what there is not.
    private static func withoutNull(_ fields: [String: JSONValue]) -> JSONValue { .object(fields.filter { $0.value != .null }) }

    /// What a form says; a field that is not known is refused, for it might have meant something that is not done.
    private func form(_ request: Request, _ known: Set<String>) async throws -> [String: String] {
        let bytes = try await body(request, upTo: 100_000)
        let type = request.headers[.contentType]?.lowercased() ?? ""
        let pieces = bytes.split(separator: UInt8(ascii: "&"))
        guard bytes.isEmpty || type.hasPrefix("application/x-www-form-urlencoded"), bytes.isEmpty == pieces.isEmpty,
            pieces.allSatisfy({ $0.contains(UInt8(ascii: "=")) })
        else { throw CallFailure(.usage, "the body is not a form: send application/x-www-form-urlencoded") }
        let fields: [String: String]
        do { fields = try URLEncodedFormDecoder().decode([String: String].self, from: String(decoding: bytes, as: UTF8.self)) } catch {
            throw CallFailure(.usage, "the body is not a form: send application/x-www-form-urlencoded")
        }
        if let unknown = Set(fields.keys).subtracting(known).sorted().first {
            throw CallFailure(.usage, "\(unknown) is not supported")
        }
        return fields
    }

    /// Its failures are sentences.
    private func phoenixAnswer(_ context: HTTPContext, _ make: () async throws -> JSONValue) async -> Response {
        await answer(context) {
            do {
                let value = try await make()
                guard case .object(let fields) = value else { return Self.json(value) }
                return Self.json(Self.withoutNull(fields))
            } catch let failure as CallFailure {
                let status: Int = failure.kind == .refused ? 400 : failure.kind.httpStatus
                return Self.text(failure.message, type: "text/plain; charset=utf-8", status: .init(code: status))
            }
        }
    }

    // MARK: Its units

    /// Whole satoshi, what is less than one left out.
    private static func sat(_ msat: JSONValue) -> JSONValue { .integer((msat.int ?? 0) / 1000) }

    private static func msat(_ form: [String: String]) throws(CallFailure) -> JSONValue? {
        guard let text = form["amountSat"] else { return nil }
        guard let sat = Int64(text), (0...2_100_000_000_000_000).contains(sat) else {
            throw CallFailure(.usage, "amountSat is a whole number of satoshi")
        }
        return .integer(sat * 1000)
    }

    /// A payment's id in the form of a UUID: the first half of its hash, by which the payment is found again.
    private static func uuid(_ hash: JSONValue) -> JSONValue {
        let digits = Array((hash.text ?? "").prefix(32))
        guard digits.count == 32 else { return .null }
        return .string(
            [digits[0..<8], digits[8..<12], digits[12..<16], digits[16..<20], digits[20..<32]].map { String($0) }.joined(separator: "-"))
    }

    /// Thousandths of a second since 1970.
    private static func milliseconds(_ time: JSONValue) -> JSONValue {
        guard let text = time.text, let date = try? Date(text, strategy: .iso8601) else { return .null }
        return .integer(Int64(date.timeIntervalSince1970) * 1000)
    }
}
