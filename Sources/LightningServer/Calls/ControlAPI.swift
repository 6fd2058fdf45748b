import BitcoinPrimitives
import CryptoPrimitives
import Foundation
package import LightningAPI
import LightningChain
import LightningChannel
import LightningCore
import LightningEnforcement
import LightningInvoice
import LightningPayment
import LightningRecords
import LightningRouting
package import LightningRuntime
import LightningTransactions
import LightningWire

/// Who makes a call.
package enum Caller: Sendable {
    /// Whoever can use the control socket: the wallet's owner.
    case owner
    /// Somebody with a token.
    case token(Token)
}

/// Carries out the calls of the table on a node; field names are BOLT's, amounts carry their unit.
package struct ControlAPI: Sendable {
    let node: LightningNode
    let feed: EventFeed
    /// `nil` where nobody calls but the owner.
    let tokens: TokenStore?
    let caller: Caller
    private let onStop: (@Sendable () -> Void)?

    /// - Parameters:
    ///   - tokens: of the wallet.
    ///   - onStop: stops the daemon; `nil` where the node is only a part of one.
    package init(node: LightningNode, tokens: TokenStore? = nil, onStop: (@Sendable () -> Void)?) {
        self.node = node
        feed = EventFeed(node.events)
        self.tokens = tokens
        self.onStop = onStop
        caller = .owner
    }

    private init(_ api: ControlAPI, caller: Caller) {
        node = api.node
        feed = api.feed
        tokens = api.tokens
        onStop = api.onStop
        self.caller = caller
    }

    /// Callers that wait for something to happen.
    package var waiting: Int { feed.waiters }

    /// The same for somebody with a token.
    package func with(_ token: Token) -> ControlAPI { ControlAPI(self, caller: .token(token)) }

    func checkPermission(_ call: Call) throws(CallFailure) {
        guard case .token(let token) = caller, let permission = call.permission, !token.allows(permission) else { return }
        throw CallFailure(
            .forbidden, "the token does not allow \(call.name): it needs \(permission.rawValue)",
            ["permission": .string(permission.rawValue)])
    }

    /// Nothing is done for, or shown to, whoever has a token that was revoked meanwhile.
    private func checkIsValid() throws(CallFailure) {
        guard case .token(let token) = caller, let tokens, !tokens.isValid(token) else { return }
        throw CallFailure(.forbidden, "the token was revoked")
    }

    /// A preimage proves a payment, and may open a door that was paid for: it is told to those who may pay, or who may ask for money, and not to
    /// whoever may only look.
    func shown(_ answer: JSONValue, of call: Call) -> JSONValue {
        guard case .token(let token) = caller else { return answer }
        let isVisible =
            switch call.group {
            case .payments: token.allows(.pay)
            case .invoices: token.allows(.invoice)
            default: token.allows(.pay) && token.allows(.invoice)
            }
        return isVisible ? answer : answer.without("payment_preimage")
    }

    /// Carries out one call of the table.
    package func handle(_ method: String, _ parameters: JSONValue) async throws -> JSONValue {
        let call = try CallTable.call(method)
        try checkPermission(call)
        let request = try call.checked(parameters)
        try checkIsValid()
        do {
            let answer = shown(try await carryOut(method, request), of: call)
            // What was done is told; what was only looked at, and perhaps waited for, is not.
            if call.canBeGot { try checkIsValid() }
            assert(call.mismatch(in: answer) == nil, "the answer of \(method) is not as the table says: \(call.mismatch(in: answer)!)")
            return answer
        } catch let refusal as NodeRefusal {
            if case .paymentFailed(let payment, _) = refusal {
                throw CallFailure(.paymentFailed, refusal.description, .object(Self.failure(payment)))
            }
            if case .store = refusal { throw CallFailure(.corrupt, refusal.description) }
            switch refusal {
            case .stopped: throw CallFailure(.unreachable, refusal.description)
            case .unknownChannel, .hold(.unknownInvoice), .stream(.unknown), .bump(.unknown):
                throw CallFailure(.notFound, refusal.description)
            default: throw CallFailure(.refused, refusal.description)
            }
        } catch let failure as NodeFailure {
            throw CallFailure(.unreachable, failure.description)
        }
    }

    private func carryOut(_ method: String, _ p: JSONValue) async throws -> JSONValue {
        switch method {
        case "ping": return true
        case "stop":
            guard let onStop else {
                throw CallFailure(.refused, "this node is part of a local network. All of it stops with: lnw local down")
            }
            onStop()
            return true
        case "unlock": throw CallFailure(.refused, "the wallet is not locked: its node runs")
        case "getinfo": return try await info()
        case "decode":
            return .object(Dictionary(try Decoding.fields(of: p["text"].text ?? "").map { ($0.name, $0.value) }, uniquingKeysWith: { $1 }))
        case "newaddress":
            let (address, unpaid) = try await node.newAddressAndUnpaid()
            return ["address": .string(address.description), "num_unpaid": .integer(Int64(unpaid))]
        case "balance": return Self.json(try await node.balance())
        case "connect":
            let address: NodeAddress
            do { address = try NodeAddress(parsing: p["address"].text ?? "") } catch { throw CallFailure(.usage, error.description) }
            try await node.connect(address)
            return ["id": .string(address.nodeID.hex)]
        case "listpeers":
            return .array(
                try await node.peers().map {
                    ["id": .string($0.nodeID.hex), "connected": .bool($0.isInitialized), "features": .string($0.features.description)]
                })
        case "openchannel": return try await open(p)
        case "listchannels":
            let refused = try await node.refusedPublications()
            return .array(
                try await named(try await node.channels().map { ($0.parameters.remoteNodeID, Self.json($0, refused)) }, "peer_alias"))
        case "listclosedchannels":
            let refused = try await node.refusedPublications()
            let page = try await node.closedChannels(limit: try limit(p), before: try position(p))
            let list = try await named(page.records.map { ($0.parameters.remoteNodeID, Self.json($0, refused)) }, "peer_alias")
            return ["channels": .array(list), "next": Self.json(page.next)]
        case "invoice":
            let invoice = try await node.createInvoice(
                amount: try p.msat("amount_msat"), try p.invoiceDescription(),
                expiry: try p.whole("expiry").map { .seconds($0) } ?? Invoice.defaultExpiry, blindedHops: Int(try p.whole("blind") ?? 0),
                label: try p.words("label"))
            return Self.json(invoice)
        case "pay":
            let invoice = try Self.invoice(pasted: p["bolt11"].text ?? "")
            let started = ContinuousClock.now
            let amount = try p.msat("amount_msat")
            if let wanted = invoice.amount, let amount, amount != wanted {
                throw CallFailure(.refused, "the invoice asks for \(wanted): leave the amount out")
            }
            let limits = try limits(p)
            let most = mostly(invoice.amount ?? amount ?? .zero, limits)
            let payment = try await awaited(atMost: most, hash: invoice.paymentHash) {
                try await node.pay(invoice, amount: amount, limits: limits)
            }
            let value = Self.json(payment, description: invoice.descriptionText, since: started)
            return try await named([(payment.payee, value)], "destination_alias")[0]
        case "keysend":
            let started = ContinuousClock.now
            let amount = try p.msat("amount_msat") ?? .zero
            let payee = try await anyNode(p["id"])
            let limits = try limits(p)
            let most = mostly(amount, limits)
            let payment = try await awaited(atMost: most) { try await node.keysend(payee, amount: amount, limits: limits) }
            let value = Self.json(payment, description: nil, since: started)
            return try await named([(payment.payee, value)], "destination_alias")[0]
        case "lookuppayment":
            let text = p["payment"].text ?? ""
            let hash = (try? Invoice(text))?.paymentHash.hex ?? text.lowercased()
            guard let exact = PaymentHash(hex: hash), let payment = try await node.payment(exact) else {
                throw CallFailure(.notFound, "this node has not paid that")
            }
            return try await named([(payment.payee, Self.json(payment, description: nil, since: nil))], "destination_alias")[0]
        case "listpayments":
            let (status, since) = (p["status"], try p.time("since"))
            let page = try await node.payments(limit: try limit(p), before: try position(p)) { payment in
                !payment.isProbe && payment.stream == nil && payment.createdAt >= since
                    && (status == .null || Self.json(payment, description: nil, since: nil)["status"] == status)
            }
            let list = try await named(page.records.map { ($0.payee, Self.json($0, description: nil, since: nil)) }, "destination_alias")
            return ["payments": .array(list), "next": Self.json(page.next)]
        case "listinvoices":
            let deadlines = try await node.holdDeadlines()
            let (status, since, label) = (p["status"], try p.time("since"), try p.words("label"))
            let page = try await node.invoices(limit: try limit(p), before: try position(p), since: since) { record in
                (label == nil || record.label == label)
                    && (status == .null || Self.json(record)["status"] == status)
            }
            let list = page.records.map { record -> JSONValue in
                guard case .object(var fields) = Self.json(record) else { return .null }
                fields["settle_before_block"] = deadlines[record.invoice.paymentHash].map { .height($0) }
                return .object(fields)
            }
            return ["invoices": .array(list), "next": Self.json(page.next)]
        case "send":
            guard let address = Address(p["address"].text ?? "", network: node.network) else {
                throw CallFailure(.usage, "that is no address of \(node.network.rawValue)")
            }
            let transaction = try await node.send(
                to: address, amount: try p.satoshiOrAll("amount_sat").amount, fee: try p.fee(), mayUseReserve: try p.yesOrNo("use_reserve"))
            return [
                "txid": .string(transaction.id.description), "vsize": .integer(Int64(transaction.virtualSize)),
                "fee_sat": try await fee(of: transaction.id),
                "amount_sat": .amount(transaction.outputs.first { $0.script == address.script }?.amount.value ?? 0),
                "change_sat": .amount(
                    transaction.outputs.reduce(Satoshi.zero) { $1.script == address.script ? $0 : $0.saturatingAdding($1.amount) }.value),
            ]
        case "close":
            let id = try await channel(p["channel"])
            try await node.closeChannel(id, fee: try p.fee())
            let isConnected = try await node.channels().first { $0.id == id }?.connection == .established
            var fields: [String: JSONValue] = ["channel_id": .string(id.hex), "connected": .bool(isConnected), "txid": .null]
            if isConnected, let txid = try await closingTransaction(of: id) { fields["txid"] = .string(txid.description) }
            return .object(fields)
        case "explainchannel":
            return Self.story(of: try await channel(p["channel"], includesClosed: true))
        case "quoteforceclose":
            let id = try await channel(p["channel"])
            guard let quote = try await node.forceCloseQuote(of: id, fee: try p.fee()),
                let channel = try await node.channels().first(where: { $0.id == id })
            else { throw CallFailure(.refused, "the channel is closing already") }
            return Self.json(quote, channel)
        case "forceclose":
            let id = try await channel(p["channel"])
            try await node.forceCloseChannel(
                id, isNewest: try p.yesOrNo("newest"), replacesClose: try p.yesOrNo("replace_close"), fee: try p.fee())
            let commitment = try await node.signedCommitment(of: id)?.id
            return ["channel_id": .string(id.hex), "txid": commitment.map { .string($0.description) } ?? .null]
        default:
            if let answer = try await callBackup(method, p) { return answer }
            if let answer = try await callWallet(method, p) { return answer }
            if let answer = try await callWatchtower(method, p) { return answer }
            if let answer = try await callStream(method, p) { return answer }
            if let answer = try await callEvents(method, p) { return answer }
            if let answer = try callTokens(method, p) { return answer }
            guard let answer = try await callNetwork(method, p) else { throw CallFailure(.usage, "unknown method \(method)") }
            return answer
        }
    }

    // MARK: Parameters

    /// How many records a page of a list has at most.
    func limit(_ p: JSONValue) throws -> Int { Int(try p.whole("limit", in: 1...10_000) ?? 100) }

    /// Where a page of a list begins: the `next` of the page before.
    func position(_ p: JSONValue) throws -> HistoryPosition? {
        guard let text = p["before"].text else { return nil }
        guard let key = Hex.decode(text), let position = HistoryPosition(key: key) else {
            throw CallFailure(.usage, "“\(text)” is not the end of a page: copy it from there")
        }
        return position
    }

    static func json(_ next: HistoryPosition?) -> JSONValue { next.map { .string(Hex.encode($0.key)) } ?? .null }

    /// A node that we know of otherwise than by gossip, by its id, its alias or a unique beginning of its id.
    func peer(_ value: JSONValue) async throws -> NodeID {
        let text = value.text ?? ""
        let known = Set(try await node.peers().map(\.nodeID) + node.channels().map(\.parameters.remoteNodeID))
        return try Self.pick(text, of: Set(known.map { NodeKey($0) }), Self.names(try await node.graph()), what: "peer")
    }

    /// The one node that a text means.
    ///
    /// An alias is anybody's choice: it never stands for an id, nor for one of several nodes that have it. Whatever looks like the
    /// beginning of an id is one.
    static func pick(_ text: String, of known: Set<NodeKey>, _ names: [NodeKey: String], what: String) throws -> NodeID {
        if let id = PublicKey(hex: text) { return id }
        let digits = text.lowercased()
        let isID =
            (digits.hasPrefix("02") || digits.hasPrefix("03"))
            && digits.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x61...0x66).contains(byte)
            }
        var matches: Set<NodeKey> = []
        if isID {
            matches = known.filter { $0.description.hasPrefix(digits) }
        } else if !text.isEmpty {
            let exact = known.filter { names[$0] == text }
            matches = exact.isEmpty ? known.filter { names[$0]?.hasPrefix(text) ?? false } : exact
        }
        let which = isID ? "id begins with" : "alias is"
        return try CallFailure.one(
            of: matches.compactMap(\.nodeID),
            none: "no known \(what)'s \(which) “\(text)”. See: lnw \(what == "peer" ? "listpeers" : "graph nodes")",
            several: "“\(text)” fits \(matches.count) nodes: say more of the id")
    }

    /// A channel that is not closed, by its short id, its alias, a unique beginning of its id or of its peer's, or its peer's name.
    func channel(_ value: JSONValue) async throws -> ChannelID { try await channel(value, includesClosed: false).id }

    /// The same.
    ///
    /// - Parameter includesClosed: whether it may be one that is closed.
    private func channel(_ value: JSONValue, includesClosed: Bool) async throws -> PaymentChannel {
        let text = (value.text ?? "").lowercased()
        @Sendable func isNamed(_ channel: PaymentChannel) -> Bool {
            !text.isEmpty
                && (channel.shortChannelID?.description == text || channel.parameters.localAlias.description == text
                    || channel.id.hex.hasPrefix(text) || channel.parameters.remoteNodeID.hex.hasPrefix(text))
        }
        let channels = try await node.channels().filter { !$0.isClosed }
        func closed(where isWanted: @escaping @Sendable (PaymentChannel) -> Bool) async throws -> [PaymentChannel] {
            includesClosed ? try await node.closedChannels(limit: 20, where: isWanted).records : []
        }
        var matches = channels.filter(isNamed)
        matches += try await closed(where: isNamed)
        if matches.isEmpty, let peer = try? await peer(value) {
            matches = channels.filter { $0.parameters.remoteNodeID == peer }
            matches += try await closed { $0.parameters.remoteNodeID == peer }
        }
        return try CallFailure.one(
            of: matches,
            none: "there is no \(includesClosed ? "" : "open ")channel \(text). See: lnw listchannels\(includesClosed ? " --all" : "")",
            several: "\(text) fits several channels. Say which: \(matches.map(\.displayID.description).sorted().joined(separator: ", "))")
    }

    // MARK: Calls

    private func open(_ p: JSONValue) async throws -> JSONValue {
        let amount = try p.satoshiOrAll("amount_sat").amount
        let push = try p.msat("push_msat") ?? .zero
        let announce = try p.yesOrNo("announce")
        let target = p["id"].text ?? ""
        let id: NodeID
        if target.contains("@") {
            let address: NodeAddress
            do { address = try NodeAddress(parsing: target) } catch { throw CallFailure(.usage, error.description) }
            try await node.connect(address)
            id = address.nodeID
        } else {
            id = try await peer(p["id"])
        }
        let channel = try await node.openChannel(
            to: id, amount: amount, push: push, announce: announce, mayUseReserve: try p.yesOrNo("use_reserve"), funding: try p.fee())
        return ["channel_id": .string(channel.hex)]
    }

    private func info() async throws -> JSONValue {
        let channels = try await node.channels()
        return [
            "id": .string(node.nodeID.hex), "alias": try await node.alias().map { .string($0) } ?? .null,
            "network": .string(node.network.rawValue),
            "address": node.address.map { .string($0.description) } ?? .null,
            "blockheight": .height(try await node.height()),
            "num_peers": .integer(Int64(try await node.peers().count)),
            "num_channels": .integer(Int64(channels.count { !$0.isClosed })),
            "num_usable_channels": .integer(Int64(channels.count(where: \.isUsable))),
        ]
    }

    /// The closing transaction on which both sides agree, which takes a few messages where nothing is under way; `nil` where it takes longer.
    private func closingTransaction(of id: ChannelID) async throws -> TransactionID? {
        for _ in 0..<30 {
            let waiting = try await node.unconfirmedTransactions()
            if let close = waiting.first(where: { $0.purpose == .mutualClose(id) }) { return close.id }
            try await Task.sleep(for: .milliseconds(100))
        }
        return nil
    }

    // MARK: Values

    static func json(_ balance: Balance) -> JSONValue {
        [
            "on_chain_confirmed_sat": .amount(balance.onChainConfirmed.value),
            "on_chain_unconfirmed_sat": .amount(balance.onChainUnconfirmed.value),
            "on_chain_immature_sat": .amount(balance.onChainImmature.value),
            "close_reserve_sat": .amount(balance.closeReserve.value),
            "in_channels_msat": .amount(balance.inChannels.value), "spendable_msat": .amount(balance.spendable.value),
            "receivable_msat": .amount(balance.receivable.value),
            "largest_payment_msat": .amount(balance.largestPayment.value), "reserved_msat": .amount(balance.reserved.value),
            "outgoing_htlcs_msat": .amount(balance.outgoingHTLCs.value), "incoming_htlcs_msat": .amount(balance.incomingHTLCs.value),
            "fees_held_back_msat": .amount(balance.feesHeldBack.value), "closing_sat": .amount(balance.closing.value),
            "contested_sat": .amount(balance.contested.value),
            "contested_until": balance.contestedUntil.map { .height($0) } ?? .null,
            "num_usable_channels": .integer(Int64(balance.usableChannels)),
        ]
    }

    /// - Parameter refused: our transactions that layer 1 does not take, and why.
    static func json(_ channel: PaymentChannel, _ refused: [TransactionID: String] = [:]) -> JSONValue {
        var fields: [String: JSONValue] = [
            "channel_id": .string(channel.id.hex), "peer_id": .string(channel.parameters.remoteNodeID.hex),
            "short_channel_id": channel.shortChannelID.map { .string($0.description) } ?? .null,
            "alias": .string(channel.parameters.localAlias.description), "state": .string(channel.stateName),
            "possibly_behind": .bool(channel.isPossiblyBehind),
            "connected": .bool(channel.connection == .established),
            "channel_type": .string(channel.parameters.channelType.description),
            "opener": channel.parameters.isOpener ? "local" : "remote",
            "funding_txid": .string(channel.parameters.funding.transaction.description),
            "funding_output_index": .integer(Int64(channel.parameters.funding.index)),
            "funding_satoshis": .amount(channel.parameters.fundingAmount.value),
            "to_local_msat": .amount(channel.commitments.toLocal.value),
            "to_remote_msat": .amount(channel.commitments.toRemote.value),
            "spendable_msat": .amount(channel.isUsable ? channel.spendable.value : 0),
            "receivable_msat": .amount(channel.isUsable ? channel.receivable.value : 0),
            "channel_reserve_satoshis": .amount(channel.parameters.remote.channelReserve.value),
            "feerate_per_kw": .integer(Int64(channel.feeRate.perKiloweight)),
            "num_htlcs": .integer(Int64(channel.commitments.htlcs.count)),
            "trusted_dust_msat": .amount(channel.trustedDust.value),
            "funding_height": channel.fundingHeight.map { .height($0) } ?? .null,
        ]
        if case .failed(let failed) = channel.phase { fields["reason"] = .string(failed.reason) }
        if let close = channel.close {
            if let why = close.failure { fields["reason"] = .string(why) }
            fields["close_kind"] = .string(close.kind.description)
            fields["close_txid"] = .string(close.transaction.description)
            fields["close_height"] = .height(close.height)
            fields["close_outputs"] = .array(
                close.outputs.map { output in
                    [
                        "outpoint": .string(output.outPoint.description), "amount_sat": .amount(output.output.amount.value),
                        "role": .string(output.role.name), "status": .string(describe(output, of: close, refused)),
                        "expiry": close.expiry(of: output).map { .height($0) } ?? .null,
                    ]
                })
        }
        return .object(fields)
    }

    private static func json(_ quote: ForceCloseQuote, _ channel: PaymentChannel) -> JSONValue {
        let id = channel.id
        func json(_ htlcs: ForceCloseQuote.HTLCs) -> JSONValue {
            [
                "count": .integer(Int64(htlcs.count)), "amount_sat": .amount(htlcs.amount.value),
                "last_expiry": htlcs.lastExpiry.map { .height($0) } ?? .null,
            ]
        }
        return [
            "channel_id": .string(id.hex), "short_channel_id": .string(channel.displayID.description),
            "peer_id": .string(channel.parameters.remoteNodeID.hex), "possibly_behind": .bool(channel.isPossiblyBehind),
            "waiting_close_txid": channel.waitingClose.map { .string($0.description) } ?? .null,
            "capacity_sat": .amount(channel.parameters.fundingAmount.value),
            "anchors_sat": .amount(quote.anchors.value), "to_local_sat": .amount(quote.toLocal.value),
            "delay_blocks": .integer(Int64(quote.delay)),
            "offered_htlcs": json(quote.offered), "received_htlcs": json(quote.received), "lost_sat": .amount(quote.lost.value),
            "commitment_fee_sat": .amount(quote.commitmentFee.value), "commitment_fee_is_ours": .bool(quote.isCommitmentFeeOurs),
            "child_fee_sat": .amount(quote.childFee.value), "child_is_covered": .bool(quote.isChildCovered),
            "peers_commitment_txid": quote.peersCommitment.map { .string($0.description) } ?? .null,
            "claim_fees_sat": .amount(quote.claimFees.value),
            "back_by_height": .height(quote.backBy),
        ]
    }

    /// What an output that is not claimed yet waits for.
    static func waiting(until height: BlockHeight, _ output: ChannelClose.Output, of close: ChannelClose) -> String {
        let fee = close.isPaidByWallet(output) ? "; the fee of its claim needs a coin of the wallet" : ""
        return (height == 0 ? "to be claimed at once" : "waiting until block \(height)") + fee
    }

    private static func describe(
        _ output: ChannelClose.Output, of close: ChannelClose, _ refused: [TransactionID: String]
    ) -> String {
        switch output.status {
        case .waiting(let height): return waiting(until: height, output, of: close)
        case .claiming(let id):
            return refused[id].map { "claimed by \(id), which the layer 1 refuses: \($0)" } ?? "claimed by \(id), unconfirmed"
        case .resolved(let id, let height, let isOurs):
            return "\(isOurs ? "claimed" : "taken by the peer") in block \(height) by \(id)"
        case .abandoned: return "not worth its fee"
        case .unresolved:
            guard let expiry = close.expiry(of: output) else { return "unresolved" }
            return "waiting for its preimage; the peer's from block \(expiry) on"
        }
    }

    static func json(_ invoice: Invoice) -> JSONValue {
        [
            "bolt11": .string(invoice.text), "payment_hash": .string(invoice.paymentHash.hex),
            "amount_msat": invoice.amount.map { .amount($0.value) } ?? .null,
            "description": invoice.descriptionText.map { .string($0) } ?? .null, "created_at": .time(invoice.timestamp),
            "expires_at": .time(invoice.expiresAt),
        ]
    }

    static func json(_ record: InvoiceRecord) -> JSONValue {
        guard case .object(var fields) = json(record.invoice) else { return .null }
        fields["keysend"] = .bool(record.isSpontaneous)
        // Of earlier versions a keysend has one that nobody was ever given.
        if record.isSpontaneous { fields["bolt11"] = .null }
        if let label = record.label { fields["label"] = .string(label) }
        switch record.status {
        case .unpaid:
            let isExpired = Timestamp.now >= record.invoice.expiresAt
            fields["status"] = isExpired ? "expired" : "unpaid"
        case .paid(let at, let amount):
            fields["status"] = "paid"
            fields["paid_at"] = .time(at)
            fields["received_msat"] = .amount(amount.value)
            fields["payment_preimage"] = record.preimage.map { .string($0.hex) } ?? .null
        case .held(let amount):
            fields["status"] = "held"
            fields["received_msat"] = .amount(amount.value)
        case .settling(let amount):
            fields["status"] = "settling"
            fields["received_msat"] = .amount(amount.value)
            fields["payment_preimage"] = record.preimage.map { .string($0.hex) } ?? .null
        case .canceled: fields["status"] = "canceled"
        }
        return .object(fields)
    }

    static func json(_ payment: OutgoingPayment, description: String?, since: ContinuousClock.Instant?) -> JSONValue {
        var fields: [String: JSONValue] = [
            "payment_hash": .string(payment.paymentHash.hex),
            // A payee who hides has no other name than its invoice's key.
            "destination": payment.blindedPaths.isEmpty ? .string(payment.payee.hex) : .null,
            "blinded": .bool(!payment.blindedPaths.isEmpty),
            "amount_msat": .amount(payment.amount.value), "fee_msat": .amount(payment.fee.value),
            "created_at": .time(payment.createdAt),
            "num_hops": .integer(Int64(payment.paidRoutes.map(\.hops.count).max() ?? 0)),
            "num_parts": .integer(Int64(payment.paidRoutes.count)), "num_attempts": .integer(Int64(payment.attempts.count)),
            "bolt11": payment.invoice.isEmpty ? .null : .string(payment.invoice),
        ]
        if let description { fields["description"] = .string(description) }
        if let since { fields["duration_ms"] = .amount((ContinuousClock.now - since).wholeMilliseconds) }
        switch payment.status {
        case .pending: fields["status"] = "pending"
        case .succeeded(let preimage, let at):
            fields["status"] = "succeeded"
            // Proven by the preimage; settled once no HTLC of it is in a channel any more.
            fields["settled"] = .bool(payment.isOver)
            fields["payment_preimage"] = .string(preimage.hex)
            fields["completed_at"] = .time(at)
        case .failed(let reason, let at):
            fields["status"] = "failed"
            fields["failure"] = .string(reason)
            fields["completed_at"] = .time(at)
        }
        return .object(fields)
    }
}
