import BitcoinPrimitives
import CryptoPrimitives
import LightningChain
import LightningChannel
import LightningEnforcement
import LightningInvoice
import LightningOnion
import LightningPayment
import LightningRouting
import LightningTransactions
import LightningWire

// What the owner asks for.
extension NodeCore {
    /// Whether an incoming HTLC can be claimed no more: its channel is closed, and what was mined does not hold it, or somebody has it.
    private func isBeyondClaim(_ id: HTLCID) -> Bool {
        guard case .closing(let closing)? = channels[id.channel]?.phase else { return false }
        return !closing.close.isClaimable(HTLC.Key(isOfferedByLocal: false, id: id.id))
    }

    mutating func perform(_ command: NodeCommand, _ request: RequestID, _ history: History) {
        do {
            if let response = try carryOut(command, request, history) {
                batch.effects.answers.append((request, .success(response)))
            }
        } catch {
            batch.effects.answers.append((request, .failure(error)))
        }
    }

    private func checked(_ choice: FeeChoice?) throws(NodeRefusal) -> FeeRate {
        do throws(WalletRefusal) { return try rate(choice) } catch { throw .wallet(error) }
    }

    /// The response, or `nil` where it will come later.
    private mutating func carryOut(
        _ command: NodeCommand, _ request: RequestID, _ history: History
    ) throws(NodeRefusal) -> NodeResponse? {
        switch command {
        case .newAddress:
            let (script, unused) = coins.wallet.newScript()
            return .address(script, unused: unused)
        case .openChannel(let node, let amount, let push, let feeRate, let announce, let mayUseReserve, let funding):
            let fundingRate = try checked(funding)
            try open(
                node, amount: amount, push: push, feeRate: feeRate, announce: announce, mayUseReserve: mayUseReserve,
                funding: fundingRate, request)
            return nil
        case .createInvoice(let amount, let details, let expiry, let hops, let label):
            let preimage = PaymentPreimage(entropy.bytes32())
            return .invoice(try createInvoice(preimage, amount, details, expiry: expiry, blindedHops: hops, label: label))
        case .createHoldInvoice(let hash, let amount, let details, let expiry, let hops, let label):
            guard history.invoice == nil else { throw Self.hashIsUsed }
            return .invoice(try createInvoice(hold: hash, amount, details, expiry: expiry, blindedHops: hops, label: label))
        case .settle(let hash, let preimage):
            if let over = history.invoice { throw .hold(.notHeld(over.statusName)) }
            let parts = payments.receiver.heldParts(hash)
            if !parts.isEmpty, parts.allSatisfy(isBeyondClaim) { throw .hold(.lost) }
            do throws(HoldRefusal) {
                for effect in try payments.receiver.settleHeld(hash, preimage).effects() { dispatch(effect) }
            } catch { throw .hold(error) }
            return .done
        case .cancel(let hash):
            if let over = history.invoice { throw .hold(.notHeld(over.statusName)) }
            do throws(HoldRefusal) {
                for effect in try payments.receiver.cancelHeld(hash, height: height).effects() { dispatch(effect) }
            } catch { throw .hold(error) }
            return .done
        case .setForwardingPolicy(let id, let policy):
            guard let channel = channels[id] else { throw .unknownChannel }
            if let most = policy.htlcMaximum, most < policy.htlcMinimum {
                throw .invalid("the largest HTLC is smaller than the smallest")
            }
            let capacity = MilliSatoshi(channel.parameters.fundingAmount)
            guard policy.htlcMinimum <= capacity, policy.htlcMaximum.map({ $0 <= capacity }) ?? true else {
                throw .invalid("the channel holds \(capacity) in all")
            }
            guard policy.feeProportionalMillionths <= 1_000_000, policy.cltvExpiryDelta <= 2016 else {
                throw .invalid("nobody would pay that: a proportional fee is at most 1,000,000 millionths, a delta at most 2016 blocks")
            }
            guard policy.cltvExpiryDelta >= ForwardingPolicy.minimumDelta else {
                throw .invalid(
                    "a delta of \(policy.cltvExpiryDelta) blocks leaves no time to act on chain when the next node cheats: \(ForwardingPolicy.minimumDelta) at the least"
                )
            }
            setForwardingPolicy(id, policy)
            return .done
        case .rebalance(let from, let to, let amount, let limits):
            try rebalance(from, to, amount, limits, request)
            return nil
        case .probe(let node, let amount, let limits):
            try probe(node, amount, limits, request)
            return nil
        case .compareRoutes(let node, let amount, let maxFee):
            return .routes(try compareRoutes(node, amount, maxFee: maxFee))
        case .importEstimates(let text):
            do throws(EstimatesImportFailure) { try payments.sender.mergeEstimates(text) } catch { throw .invalid(error.description) }
            return .done
        case .findRoute(let node, let amount, let maxFee, let maxParts):
            return .route(try findRoute(node, amount, maxFee: maxFee, maxParts: maxParts))
        case .pay(let invoice, let amount, let limits):
            let toPay: MilliSatoshi
            do throws(PaymentRefusal) {
                // A blinded invoice does not say whose it is; but we know what we wrote.
                let known = payments.receiver.invoices[invoice.paymentHash] ?? history.invoice
                let isOwn = invoice.payee == nodeID || known?.invoice == invoice
                toPay = try payments.sender.check(
                    invoice, amount: amount, network: configuration.network, isOwn: isOwn, earlier: history.payment,
                    now: now)
            } catch { throw .payment(error) }
            try pay(invoice, toPay, limits, history.payment, request)
            return nil
        case .startStream(let terms):
            let tag = Array(entropy.bytes32().array.prefix(PaymentStream.tagLength))
            batch.queue.append(.streams(.start(terms, tag: tag, caller: request)))
            return nil
        case .stream(let id, let action):
            batch.queue.append(.streams(action.event(id, caller: request)))
            return nil
        case .keysend(let node, let amount, let limits, let records):
            try keysend(node, amount, limits, records, request)
            return nil
        case .bumpFee(let id, let choice):
            let rate = choice == nil ? nil : try checked(choice)
            do throws(BumpRefusal) { return .transaction(try bumpFee(id, rate)) } catch { throw .bump(error) }
        case .abandonChannel(let id, let choice): return .transaction(try abandonChannel(id, rate: try checked(choice)))
        case .send(let script, let amount, let choice, let mayUseReserve):
            do throws(WalletRefusal) {
                let rate = try rate(choice)
                let allowed = try allowed(amount, to: script, rate, keeping: mayUseReserve ? .zero : reserve)
                let transaction = try coins.wallet.fund(paying: script, amount: allowed, feeRate: rate, height: height)
                coins.wallet.commit(transaction)
                publish(transaction, .payment)
                return .transaction(transaction)
            } catch { throw .wallet(error) }
        case .closeChannel(let id, let script, let choice):
            guard channels[id] != nil else { throw .unknownChannel }
            let rate = choice == nil ? nil : try checked(choice)
            do throws(ChannelRefusal) { try ask(id, .shutdown(to: script, feeRate: rate)) } catch {
                throw .channel(error)
            }
            return .done
        case .forceCloseChannel(let id, let isNewest, let replacesClose, let choice):
            guard let channel = channels[id] else { throw .unknownChannel }
            let feeRate = choice == nil ? nil : try checked(choice)
            guard feeRate == nil || channel.parameters.hasAnchors else {
                throw .invalid("this channel has no anchors: its last state pays what was agreed, and nothing can be added")
            }
            // The one is cheaper, and pays at once.
            if channel.isAlive || feeRate != nil, !replacesClose, let waiting = channel.waitingClose {
                throw .channel(.closeWaits(waiting))
            }
            switch channel.phase {
            case .live, .failed:
                guard channel.isPossiblyBehind else { break }
                guard isNewest else { throw .channel(.possiblyBehind) }
                // First, for then it is published with it.
                if let feeRate, !channel.isAlive { tell(id, .raiseCommitmentFee(feeRate)) }
                tell(id, .vouched)
                if !channel.isAlive { return .done }
            case .dataLost, .closing, .closed: break
            }
            switch channel.phase {
            case .live: break
            // Once more, for a higher fee.
            case .failed where feeRate != nil:
                guard let quote = try? forceCloseQuote(of: id, choice), quote.child != nil else {
                    throw .invalid("its last state and what pays for it pay as much already")
                }
                if let feeRate { tell(id, .raiseCommitmentFee(feeRate)) }
                return .done
            case .dataLost:
                throw .channel(.notUsable("waiting for the peer to close: our data is old, and publishing it would lose all"))
            case .failed, .closing, .closed: throw .channel(.notUsable(channel.stateName))
            }
            tell(id, .giveUp(PaymentChannel.closedByOwner, feeRate: feeRate))
            return .done
        case .addWatchtower(let node):
            try addTower(node)
            return .done
        case .removeWatchtower(let node):
            try removeTower(node)
            return .done
        case .disconnect(let node):
            guard let connection = peers.connections[node] else { throw .notConnected(node) }
            close(connection)
            return .done
        case .restoreChannels(let bytes):
            do throws(ChannelBackup.Refusal) {
                let (restored, refused) = restore(try openBackup(bytes), except: history.closedChannels)
                if request == Self.ownRequest {
                    for what in refused { batch.effects.events.append(.alert("the backup that a peer gave back: \(what)")) }
                }
                return .restored(restored, refused: refused)
            } catch { throw .invalid("the backup cannot be used: \(error)") }
        case .setFeeRate(let id, let rate):
            guard channels[id] != nil else { throw .unknownChannel }
            do throws(ChannelRefusal) { try ask(id, .setFeeRate(rate)) } catch { throw .channel(error) }
            return .done
        }
    }

    // MARK: Receiving

    private static let noAmount = NodeRefusal.invalid("the amount must be greater than 0")
    private static let hashIsUsed = NodeRefusal.invalid("there is an invoice with this payment hash already")

    private mutating func createInvoice(
        _ preimage: PaymentPreimage? = nil, hold: PaymentHash? = nil, _ amount: MilliSatoshi?, _ details: InvoiceDescription,
        expiry: Duration, blindedHops: Int = 0, label: String? = nil
    ) throws(NodeRefusal) -> InvoiceRecord {
        guard let hash = preimage?.paymentHash ?? hold, payments.receiver.invoices[hash] == nil else {
            throw Self.hashIsUsed
        }
        if let amount, amount == .zero { throw .invalid("an invoice of nothing cannot be paid") }
        if let amount, amount > MilliSatoshi(.maximum) { throw .invalid("there is not so much bitcoin") }
        if case .text(let text) = details, text.utf8.count > 639 {
            throw .invalid("the description is longer than 639 bytes")
        }
        if let label, label.utf8.count > InvoiceRecord.longestLabel {
            throw .invalid("the label is longer than \(InvoiceRecord.longestLabel) bytes")
        }
        guard expiry >= .seconds(1), expiry <= .seconds(31_536_000) else { throw .invalid("the expiry must be one second to one year") }
        let expiry = Duration.seconds(expiry.wholeSeconds)
        let secret = entropy.bytes32()
        guard blindedHops == 0 else {
            var record = try blindedInvoice(hash, preimage, secret, amount, details, expiry: expiry, forwarders: blindedHops)
            record.label = label
            payments.receiver.add(record)
            return record
        }
        let invoice = Invoice(
            network: configuration.network, amount: amount, timestamp: now.wholeSecond, paymentHash: hash,
            paymentSecret: secret, details: details, expiry: expiry,
            minFinalCLTVExpiryDelta: Receiver.minFinalCLTVExpiryDelta,
            features: FeatureBits(optional: [.basicMPP], compulsory: [.varOnionOptin, .paymentSecret]),
            routingHints: routingHints(), nodeSecret: keys.nodeSecret)
        var record = InvoiceRecord(invoice: invoice, preimage: preimage, isHold: hold != nil, createdAt: now)
        record.label = label
        payments.receiver.add(record)
        return record
    }

    /// An invoice that does not tell whose it is (bLIP 39).
    private mutating func blindedInvoice(
        _ hash: PaymentHash, _ preimage: PaymentPreimage?, _ pathID: Bytes32, _ amount: MilliSatoshi?, _ details: InvoiceDescription,
        expiry: Duration, forwarders: Int
    ) throws(NodeRefusal) -> InvoiceRecord {
        guard (1...Self.maxBlindedForwarders).contains(forwarders) else {
            throw .invalid("a blinded path has 1 to \(Self.maxBlindedForwarders) nodes before its payee")
        }
        let paths = blindedPaths(for: amount, pathID, forwarders: forwarders, expiry: expiry)
        guard !paths.isEmpty else {
            throw .invalid(
                forwarders == 1
                    ? "no peer is connected that forwards along blinded paths and has said on which terms: try again, or without"
                    : "no \(forwarders) nodes are known to forward to this one along a blinded path: try fewer")
        }
        let invoice = Invoice(
            network: configuration.network, amount: amount, timestamp: now.wholeSecond, paymentHash: hash, paymentSecret: nil,
            details: details,
            expiry: expiry, minFinalCLTVExpiryDelta: Invoice.defaultMinFinalCLTVExpiryDelta,
            features: FeatureBits(optional: [.basicMPP], compulsory: [.varOnionOptin, .invoiceBlindedPaths]),
            // "SHOULD sign the invoice with a private key that is not the same as their public node ID".
            blindedPaths: paths, nodeSecret: entropy.secretKey())
        var record = InvoiceRecord(invoice: invoice, preimage: preimage, isHold: preimage == nil, createdAt: now)
        record.pathID = pathID
        return record
    }

    /// What fits into a field of an invoice.
    static let maxBlindedForwarders = 4

    /// BOLT 11: without a public channel an invoice "MUST include at least one r field".
    private func routingHints() -> [[RoutingHint]] {
        // Whoever has a public channel is found without hints, and private ones stay so.
        let isPublic = channels.values.contains { channel in channel.shortChannelID.map { network.gossip.graph.contains($0) } ?? false }
        guard !isPublic else { return [] }
        return channels.values.filter { $0.isOpen && !$0.isShuttingDown }
            .sorted { $0.receivable == $1.receivable ? $0.id < $1.id : $0.receivable > $1.receivable }
            .prefix(3).compactMap { channel in
                guard let alias = peersName(channel) else { return nil }
                // What the peer asks for; before it said so, what is safe to offer.
                let terms = channels.entry(channel.id)?.announcement.remoteUpdate
                return [
                    RoutingHint(
                        nodeID: channel.parameters.remoteNodeID, shortChannelID: alias,
                        feeBase: MilliSatoshi(UInt64(terms?.feeBase ?? 1000)),
                        feeProportionalMillionths: terms?.feeProportionalMillionths ?? 100,
                        cltvExpiryDelta: terms?.cltvExpiryDelta ?? 144)
                ]
            }
    }

    // MARK: Sending

    private mutating func pay(
        _ invoice: Invoice, _ amount: MilliSatoshi, _ limits: PaymentLimits, _ earlier: OutgoingPayment?, _ request: RequestID
    ) throws(NodeRefusal) {
        // Blinded paths say themselves how many blocks their payee wants.
        let isBlinded = !invoice.blindedPaths.isEmpty
        let delta = isBlinded ? 0 : max(invoice.minFinalCLTVExpiryDelta, Invoice.defaultMinFinalCLTVExpiryDelta)
        guard delta <= 4032 else { throw .invalid("the invoice locks the money for more than 4032 blocks") }
        var payment = OutgoingPayment(
            paymentHash: invoice.paymentHash, payee: invoice.payee, amount: amount, maxFee: limits.fee(for: amount),
            createdAt: now.wholeSecond,
            deadline: limits.deadline(from: now), maxParts: invoice.features.offers(.basicMPP) ? limits.maxParts : 1, invoice: invoice.text,
            finalCLTVDelta: delta)
        payment.paymentSecret = invoice.paymentSecret
        payment.paymentMetadata = invoice.paymentMetadata
        payment.hints = invoice.routingHints.compactMap { hints in
            guard !hints.isEmpty else { return nil }
            return RouteHint(
                hops: hints.map { hint in
                    let policy = RoutingPolicy(
                        timestamp: 1, feeBase: UInt32(clamping: hint.feeBase.value),
                        feeProportionalMillionths: hint.feeProportionalMillionths, cltvExpiryDelta: hint.cltvExpiryDelta,
                        htlcMinimum: 0, htlcMaximum: 0)
                    return .init(from: NodeKey(hint.nodeID), shortChannelID: hint.shortChannelID, policy: policy)
                })
        }
        payment.blindedPaths = invoice.blindedPaths.compactMap { PayableBlindedPath($0, nodeID: nodeID, nodeSecret: keys.nodeSecret) }
        guard !isBlinded || !payment.blindedPaths.isEmpty else {
            throw .payment(.noRoute("none of the invoice's blinded paths can be used by this node: ask for an invoice without them"))
        }
        begin(payment, replacing: earlier, request)
    }

    private mutating func keysend(
        _ node: NodeID, _ amount: MilliSatoshi, _ limits: PaymentLimits, _ records: [UInt64: [UInt8]], _ request: RequestID
    ) throws(NodeRefusal) {
        guard node != nodeID else { throw .payment(.ownInvoice) }
        guard amount > .zero else { throw Self.noAmount }
        guard records.keys.allSatisfy({ $0 >= HopPayload.firstCustomType }) else {
            throw .invalid("custom records have types of \(HopPayload.firstCustomType) and above")
        }
        let preimage = PaymentPreimage(entropy.bytes32())
        var payment = OutgoingPayment(
            paymentHash: preimage.paymentHash, payee: node, amount: amount, maxFee: limits.fee(for: amount), createdAt: now.wholeSecond,
            deadline: limits.deadline(from: now), maxParts: 1, invoice: "", finalCLTVDelta: Receiver.minFinalCLTVExpiryDelta)
        payment.keysendPreimage = preimage
        payment.customRecords = records
        begin(payment, request)
    }

    private mutating func rebalance(
        _ from: ChannelID, _ to: ChannelID, _ amount: MilliSatoshi, _ limits: PaymentLimits, _ request: RequestID
    ) throws(NodeRefusal) {
        guard let first = channels[from], let last = channels[to] else { throw .unknownChannel }
        guard from != to else { throw .invalid("a circle leaves by one channel and returns by another") }
        guard first.isUsable, last.isUsable else { throw .channel(.notUsable(first.isUsable ? last.stateName : first.stateName)) }
        guard amount > .zero else { throw Self.noAmount }
        let peer = NodeKey(last.parameters.remoteNodeID)
        let name = last.displayID
        guard let policy = termsToUs(last) else {
            throw .invalid("the peer of channel \(name) has not said on which terms it forwards to us")
        }
        let record = try createInvoice(PaymentPreimage(entropy.bytes32()), amount, .text("rebalance"), expiry: Invoice.defaultExpiry)
        var payment = OutgoingPayment(
            paymentHash: record.invoice.paymentHash, payee: nodeID, amount: amount, maxFee: limits.fee(for: amount),
            createdAt: now.wholeSecond,
            deadline: limits.deadline(from: now), maxParts: 1, invoice: record.invoice.text,
            finalCLTVDelta: record.invoice.minFinalCLTVExpiryDelta)
        payment.paymentSecret = record.invoice.paymentSecret
        payment.hints = [RouteHint(hops: [.init(from: peer, shortChannelID: name, policy: policy)])]
        payment.firstChannel = from
        begin(payment, request)
    }

    private mutating func probe(
        _ node: NodeID, _ amount: MilliSatoshi, _ limits: PaymentLimits, _ request: RequestID
    ) throws(NodeRefusal) {
        guard node != nodeID else { throw .payment(.ownInvoice) }
        guard amount > .zero else { throw Self.noAmount }
        // Nobody knows a preimage of this hash: it cannot be taken by anyone.
        var payment = OutgoingPayment(
            paymentHash: PaymentHash(entropy.bytes32()), payee: node, amount: amount, maxFee: limits.fee(for: amount),
            createdAt: now.wholeSecond, deadline: limits.deadline(from: now), maxParts: 1, invoice: "",
            finalCLTVDelta: Invoice.defaultMinFinalCLTVExpiryDelta)
        payment.paymentSecret = entropy.bytes32()
        begin(payment, request)
    }

    /// Blocks that are added at random to what a payee asks for.
    private static let shadowDelta: UInt32 = 72

    /// Starts a payment whose outcome a caller waits for.
    ///
    /// - Parameter earlier: the failed payment with this hash in the history.
    mutating func begin(_ payment: OutgoingPayment, replacing earlier: OutgoingPayment? = nil, _ request: RequestID) {
        var payment = payment
        // BOLT 7 "Recommendations for Routing": "it's highly desirable to add a random offset to the CLTV that the intended
        // recipient will receive": no hop can tell from it how far it is from the end.
        var offset = Self.shadowDelta
        // bLIP 39: a path is good until about its invoice expires, ten minutes a block.
        if !payment.blindedPaths.isEmpty, let invoice = try? Invoice(payment.invoice) {
            let blocks = invoice.expiresAt.since(now).wholeSeconds / 600
            offset = UInt32(min(UInt64(offset), blocks - min(blocks, 3)))
        }
        if payment.payee != nodeID { payment.finalCLTVDelta += UInt32(entropy.uint64() % UInt64(offset + 1)) }
        batch.queue.append(.sender(.pay(payment, earlier: earlier, caller: request)))
    }

    /// The best way by each of our channels, the one that would be taken first.
    private mutating func compareRoutes(
        _ node: NodeID, _ amount: MilliSatoshi, maxFee: MilliSatoshi?
    ) throws(NodeRefusal) -> [RouteChoice] {
        guard amount > .zero else { throw Self.noAmount }
        var limits = PaymentLimits()
        limits.maxFee = maxFee
        var choices: [RouteChoice] = []
        for channel in channels.ordered where !channel.isClosed {
            var choice = RouteChoice(first: channel.displayID, peer: channel.parameters.remoteNodeID)
            var query = RouteQuery(
                from: NodeKey(nodeID), to: NodeKey(node), amount: amount, maxFee: limits.fee(for: amount),
                finalCLTVDelta: Receiver.minFinalCLTVExpiryDelta, localChannels: senderContext.channels().filter(\.isUsable).map(\.local),
                now: now)
            query.localChannels = query.localChannels?.filter { $0.shortChannelID == channel.displayID }
            do throws(RouteRefusal) { choice.route = try payments.sender.findRoute(query, in: &network.gossip) } catch {
                choice.refusal = channel.isUsable ? error.description : "the channel cannot be used now: \(channel.stateName)"
            }
            choices.append(choice)
        }
        let cost = payments.sender.cost
        return choices.sorted { one, two in
            switch (one.route, two.route) {
            case (let a?, let b?): cost.total(a) < cost.total(b)
            case (_?, nil): true
            case (nil, _): false
            }
        }
    }

    private mutating func findRoute(
        _ node: NodeID, _ amount: MilliSatoshi, maxFee: MilliSatoshi?, maxParts: Int
    ) throws(NodeRefusal) -> [Route] {
        guard amount > .zero else { throw Self.noAmount }
        var limits = PaymentLimits()
        limits.maxFee = maxFee
        let query = RouteQuery(
            from: NodeKey(nodeID), to: NodeKey(node), amount: amount, maxFee: limits.fee(for: amount),
            finalCLTVDelta: Receiver.minFinalCLTVExpiryDelta, localChannels: senderContext.channels().filter(\.isUsable).map(\.local),
            now: now)
        do throws(RouteRefusal) { return try payments.sender.findRoutes(query, maxParts: maxParts, in: &network.gossip) } catch {
            let payment = OutgoingPayment(
                paymentHash: PaymentHash(.zero), payee: node, amount: amount, maxFee: query.maxFee, createdAt: now.wholeSecond,
                deadline: now,
                maxParts: maxParts, invoice: "", finalCLTVDelta: Receiver.minFinalCLTVExpiryDelta)
            throw .payment(.noRoute(explainNow(error, payment)))
        }
    }

    /// Why there is no way, for a question that nobody waits with.
    private mutating func explainNow(_ refusal: RouteRefusal, _ payment: OutgoingPayment) -> String {
        let context = senderContext
        guard let whole = payments.sender.largestQuery(for: refusal, payment, context) else {
            return payments.sender.reason(for: refusal, payment, context)
        }
        let most = payments.sender.findLargest(whole, maxParts: payment.maxParts, maxFee: payment.remainingFee, in: &network.gossip)
        return payments.sender.explain(largest: most, payment)
    }
}
