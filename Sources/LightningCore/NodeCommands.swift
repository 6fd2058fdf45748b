import BitcoinPrimitives
import CryptoPrimitives
import LightningChain
import LightningChannel
import LightningInvoice
import LightningOnion
import LightningPayment
import LightningWire

// What the owner asks for.
extension NodeCore {
    mutating func perform(_ command: NodeCommand, _ request: RequestID) {
        do {
            if let response = try carryOut(command, request) {
                effects.answers.append((request, .success(response)))
            }
        } catch {
            effects.answers.append((request, .failure(error)))
        }
    }

    /// The response, or `nil` where it will come later.
    private mutating func carryOut(_ command: NodeCommand, _ request: RequestID) throws(NodeRefusal) -> NodeResponse? {
        switch command {
        case .newAddress: return .address(wallet.newScript())
        case .openChannel(let node, let amount, let push, let feeRate):
            try open(node, amount: amount, push: push, feeRate: feeRate, request)
            return nil
        case .createInvoice(let amount, let details, let expiry):
            return .invoice(try createInvoice(amount, details, expiry: expiry))
        case .pay(let invoice, let amount):
            let toPay: MilliSatoshi
            do throws(PaymentRefusal) {
                toPay = try payments.check(
                    invoice, amount: amount, network: configuration.network, own: nodeID, now: seconds)
            } catch { throw .payment(error) }
            try pay(invoice, toPay)
            waitingForPayment[invoice.paymentHash, default: []].append(request)
            return nil
        case .keysend(let node, let amount):
            let hash = try keysend(node, amount)
            waitingForPayment[hash, default: []].append(request)
            return nil
        case .send(let script, let amount, let feeRate):
            do throws(WalletRefusal) {
                let transaction = try wallet.fund(
                    paying: script, amount: amount, feeRate: feeRate ?? self.feeRate, height: chain.height)
                wallet.commit(transaction)
                effects.broadcasts.append(transaction)
                return .transaction(transaction)
            } catch { throw .wallet(error) }
        case .closeChannel(let id, let script):
            let environment = try known(id)
            do throws(ChannelRefusal) {
                apply(try channels[id]!.shutdown(to: script ?? environment.sweepScript, environment), to: id)
            } catch { throw .channel(error) }
            return .done
        case .forceCloseChannel(let id):
            let environment = try known(id)
            switch channels[id]!.phase {
            case .funding, .normal: break
            case .dataLost:
                throw .channel(.notUsable("waiting for the peer to close: our data is old, and publishing it would lose all"))
            default: throw .channel(.notUsable(channels[id]!.stateName))
            }
            apply(channels[id]!.fail("closed by its owner", environment), to: id)
            return .done
        case .setFeeRate(let id, let rate):
            _ = try known(id)
            do throws(ChannelRefusal) { apply(try channels[id]!.setFeeRate(rate, estimate: feeRate), to: id) } catch {
                throw .channel(error)
            }
            return .done
        }
    }

    private func known(_ id: ChannelID) throws(NodeRefusal) -> ChannelEnvironment {
        guard let environment = environment(id) else { throw .unknownChannel }
        return environment
    }

    // MARK: Receiving

    private mutating func createInvoice(
        _ amount: MilliSatoshi?, _ details: InvoiceDescription, expiry: UInt64
    ) throws(NodeRefusal) -> InvoiceRecord {
        if let amount, amount == .zero { throw .invalid("an invoice of nothing cannot be paid") }
        if let amount, amount > MilliSatoshi(.maximum) { throw .invalid("there is not so much bitcoin") }
        if case .text(let text) = details, text.utf8.count > 639 {
            throw .invalid("the description is longer than 639 bytes")
        }
        guard (1...31_536_000).contains(expiry) else { throw .invalid("the expiry must be one second to one year") }
        let preimage = PaymentPreimage(entropy.bytes32())
        let invoice = Invoice(
            network: configuration.network, amount: amount, timestamp: seconds, paymentHash: preimage.paymentHash,
            paymentSecret: entropy.bytes32(), details: details, expiry: expiry,
            minFinalCLTVExpiryDelta: Payments.minFinalCLTVExpiryDelta,
            features: FeatureBits(optional: [], compulsory: [.varOnionOptin, .paymentSecret]),
            routingHints: routingHints(), nodeSecret: keys.nodeSecret)
        let record = InvoiceRecord(invoice: invoice, preimage: preimage)
        payments.add(record)
        return record
    }

    /// BOLT 11: without a public channel an invoice "MUST include at least one r field".
    private func routingHints() -> [[RoutingHint]] {
        channels.values.filter { $0.phase == .normal && !$0.isShuttingDown }
            .sorted { $0.receivable == $1.receivable ? $0.id < $1.id : $0.receivable > $1.receivable }
            .prefix(3).compactMap { channel in
                guard let alias = channel.remoteAlias ?? channel.shortChannelID else { return nil }
                return [
                    RoutingHint(
                        nodeID: channel.parameters.remoteNodeID, shortChannelID: alias, feeBase: MilliSatoshi(1000),
                        feeProportionalMillionths: 100, cltvExpiryDelta: 144)
                ]
            }
    }

    mutating func receive(_ htlc: HTLC, on id: ChannelID) {
        let decision: IncomingDecision
        // What makes us hold back: dust that would be lost, or a chain that we do not know the tip of. A preimage given
        // away at a stale height could be worth nothing.
        if !isSynced || channels[id]!.exceedsDustExposure(htlc.amount),
            let secret = try? OnionPacket.peel(
                htlc.onion, nodeSecret: keys.nodeSecret, associatedData: htlc.paymentHash.bytes.array
            ).sharedSecret
        {
            decision = .fail(
                reason: FailurePacket.create(
                    isSynced ? .temporaryChannelFailure(update: []) : .temporaryNodeFailure, sharedSecret: secret))
        } else {
            let (judged, record) = payments.receive(
                amount: htlc.amount, paymentHash: htlc.paymentHash, cltvExpiry: htlc.cltvExpiry, onion: htlc.onion,
                now: seconds, height: chain.height, network: configuration.network, nodeSecret: keys.nodeSecret)
            decision = judged
            if let record { effects.events.append(.paymentReceived(record, htlc.amount)) }
        }
        let resolution: HTLC.Resolution =
            switch decision {
            case .fulfill(let preimage): .fulfilled(preimage)
            case .fail(let reason): .failed(reason: reason)
            case .malformed(let hash, let code): .malformed(onionHash: hash, code: code)
            }
        do {
            apply(try channels[id]!.resolve(htlc.id, resolution), to: id)
        } catch {
            preconditionFailure("an HTLC that was just committed can be resolved: \(error)")
        }
    }

    // MARK: Sending

    private mutating func pay(_ invoice: Invoice, _ amount: MilliSatoshi) throws(NodeRefusal) {
        let delta = max(invoice.minFinalCLTVExpiryDelta, Invoice.defaultMinFinalCLTVExpiryDelta)
        let expiry = try finalExpiry(delta)
        try offer(
            to: invoice.payee, amount: amount, hash: invoice.paymentHash, expiry: expiry,
            payload: .final(
                amount: amount, cltvExpiry: expiry, paymentSecret: invoice.paymentSecret, total: amount,
                metadata: invoice.paymentMetadata), invoice: invoice.text)
    }

    private mutating func keysend(_ node: NodeID, _ amount: MilliSatoshi) throws(NodeRefusal) -> PaymentHash {
        guard node != nodeID else { throw .payment(.ownInvoice) }
        let preimage = PaymentPreimage(entropy.bytes32())
        let expiry = try finalExpiry(Payments.minFinalCLTVExpiryDelta)
        try offer(
            to: node, amount: amount, hash: preimage.paymentHash, expiry: expiry,
            payload: .keysend(amount: amount, cltvExpiry: expiry, preimage: preimage), invoice: "")
        return preimage.paymentHash
    }

    private func finalExpiry(_ delta: UInt32) throws(NodeRefusal) -> UInt32 {
        guard delta <= 4032 else { throw .invalid("the invoice locks the money for more than 4032 blocks") }
        return UInt32(chain.height) + 1 + delta + configuration.finalExpiryMargin
    }

    private mutating func offer(
        to node: NodeID, amount: MilliSatoshi, hash: PaymentHash, expiry: UInt32, payload: HopPayload, invoice: String
    ) throws(NodeRefusal) {
        let candidates = channels.values.filter { $0.parameters.remoteNodeID == node }
            .sorted { $0.spendable == $1.spendable ? $0.id < $1.id : $0.spendable > $1.spendable }
        guard let first = candidates.first(where: \.isUsable) ?? candidates.first else { throw .payment(.noRoute) }
        let session = entropy.secretKey()
        let secrets = OnionPacket.sharedSecrets(sessionKey: session, [node])
        let onion = OnionPacket.create(
            sessionKey: session, hops: [.init(nodeID: node, payload: payload.encoded())],
            associatedData: hash.bytes.array)
        guard let onion else { throw .invalid("the payment's data do not fit into an onion") }
        do throws(ChannelRefusal) {
            let (htlcID, channelEffects) = try channels[first.id]!.offer(
                amount: amount, paymentHash: hash, cltvExpiry: expiry, onion: onion)
            payments.started(
                OutgoingPayment(
                    paymentHash: hash, payee: node, amount: amount, fee: .zero, createdAt: seconds, invoice: invoice,
                    channelID: first.id, htlcID: htlcID, sharedSecrets: secrets))
            apply(channelEffects, to: first.id)
        } catch { throw .channel(error) }
    }

    mutating func finished(_ payment: OutgoingPayment) {
        effects.events.append(.paymentSucceeded(payment))
        for request in waitingForPayment.removeValue(forKey: payment.paymentHash) ?? [] {
            effects.answers.append((request, .success(.payment(payment))))
        }
    }

    mutating func paymentFailed(
        _ hash: PaymentHash, htlcID: UInt64, on id: ChannelID, _ reason: Payments.FailureReason
    ) {
        guard
            let payment = payments.failed(hash, htlcID: htlcID, channelID: id, reason: reason, now: seconds),
            case .failed(let text, _) = payment.status
        else { return }
        effects.events.append(.paymentFailed(payment))
        for request in waitingForPayment.removeValue(forKey: hash) ?? [] {
            effects.answers.append((request, .failure(.paymentFailed(payment, text))))
        }
    }
}
