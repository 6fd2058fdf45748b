import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningOnion
public import LightningPayment
import LightningRouting
public import LightningWire

// Incoming HTLCs: kept, or passed on (BOLT 4 "Accepting and Forwarding a Payment").
extension NodeCore {
    /// An HTLC of a peer is committed beyond recall.
    mutating func receive(_ htlc: HTLC, on id: ChannelID) {
        let incoming = IncomingHTLC(
            key: .init(channel: id, id: htlc.id), amount: htlc.amount, paymentHash: htlc.paymentHash, cltvExpiry: htlc.cltvExpiry)
        switch PeeledHTLC(incoming, onion: htlc.onion, nodeSecret: keys.nodeSecret) {
        case .refused(let decision): decide(incoming.key, decision)
        case .final(let payload, let secret):
            guard mayTake(incoming, secret) else { return }
            let outcome = payments.receive(
                incoming, payload, sharedSecret: secret, now: now, height: chain.height, network: configuration.network,
                nodeSecret: keys.nodeSecret)
            settle(outcome)
        case .forward(let request):
            guard mayTake(incoming, request.sharedSecret) else { return }
            forward(request)
        }
    }

    /// What makes us hold back, whatever the HTLC is for; it is given back then.
    private mutating func mayTake(_ htlc: IncomingHTLC, _ secret: Bytes32) -> Bool {
        // A preimage given away at a stale height could be worth nothing.
        guard isSynced else {
            giveBack(htlc.key, .temporaryNodeFailure, secret)
            return false
        }
        // Dust that would be lost to fees.
        guard !channels[htlc.key.channel]!.exceedsDustExposure(htlc.amount) else {
            giveBack(htlc.key, .temporaryChannelFailure(update: []), secret)
            return false
        }
        guard replays.insert(sharedSecret: secret, htlc) else {
            effects.events.append(.note("channel \(htlc.key.channel): an onion came a second time, and is refused"))
            giveBack(htlc.key, .temporaryNodeFailure, secret)
            return false
        }
        return true
    }

    mutating func giveBack(_ key: IncomingHTLC.Key, _ message: FailureMessage, _ secret: Bytes32) {
        decide(key, .fail(reason: FailurePacket.create(message, sharedSecret: secret)))
    }

    mutating func settle(_ outcome: ReceiveOutcome) {
        for (key, decision) in outcome.decisions { decide(key, decision) }
        if let (record, amount) = outcome.paid { effects.events.append(.paymentReceived(record, amount)) }
        if let (record, amount) = outcome.held { effects.events.append(.paymentHeld(record, amount)) }
    }

    /// Settles an incoming HTLC or gives it back.
    mutating func decide(_ key: IncomingHTLC.Key, _ decision: IncomingDecision) {
        let resolution: HTLC.Resolution =
            switch decision {
            case .fulfill(let preimage): .fulfilled(preimage)
            case .fail(let reason): .failed(reason: reason)
            case .malformed(let hash, let code): .malformed(onionHash: hash, code: code)
            }
        guard channels[key.channel] != nil else { return }
        do throws(ChannelRefusal) {
            apply(try channels[key.channel]!.resolve(key.id, resolution), to: key.channel)
        } catch {
            // The channel was closed meanwhile: the chain has the last word.
            effects.events.append(.note("channel \(key.channel): HTLC \(key.id) cannot be resolved any more"))
        }
    }

    // MARK: Forwarding

    private mutating func forward(_ request: ForwardRequest) {
        func refuse(_ message: FailureMessage) { giveBack(request.incoming.key, message, request.sharedSecret) }
        guard let named = channel(named: request.shortChannelID), channels[named]!.phase == .normal || channels[named]!.phase == .funding
        else { return refuse(.unknownNextPeer) }
        if let refusal = terms(named).refusal(request, height: chain.height, now: seconds) {
            effects.events.append(.forwardRefused(request.incoming, over: named, "\(refusal)"))
            return refuse(refusal)
        }
        // BOLT 4 "Non-strict Forwarding": "a node MAY forward … along an outgoing channel other than the one specified by
        // short_channel_id, so long as the receiver has the same node public key".
        let peer = channels[named]!.parameters.remoteNodeID
        let others = channels.values.filter { $0.parameters.remoteNodeID == peer && $0.isUsable && $0.id != named }
            .sorted { $0.spendable == $1.spendable ? $0.id < $1.id : $0.spendable > $1.spendable }.map(\.id)
        var why: ChannelRefusal?
        for id in [named] + others {
            do throws(ChannelRefusal) {
                let (htlcID, channelEffects) = try channels[id]!.offer(
                    amount: request.amount, paymentHash: request.incoming.paymentHash, cltvExpiry: request.cltvExpiry,
                    onion: request.onion)
                circuits.open(Circuit(request, outgoing: .init(channel: id, id: htlcID), createdAt: now))
                apply(channelEffects, to: id)
                return
            } catch { why = why ?? error }
        }
        effects.events.append(.forwardRefused(request.incoming, over: named, why?.description ?? ""))
        // "an otherwise unspecified, transient error occurs in the outgoing channel (e.g. channel capacity reached, too many
        // in-flight HTLCs, etc.): return a temporary_channel_failure error".
        refuse(.temporaryChannelFailure(update: []))
    }

    /// The channel that others mean by a short id: its real one, or the alias that we gave the peer.
    func channel(named id: ShortChannelID) -> ChannelID? {
        channels.values.first { $0.shortChannelID == id || $0.parameters.localAlias == id }?.id
    }

    /// On which terms this node forwards into a channel.
    public func forwardingPolicy(of id: ChannelID) -> ForwardingPolicy { terms(id).current }

    func terms(_ id: ChannelID) -> ForwardingTerms { forwardingTerms[id] ?? ForwardingTerms(configuration.forwarding) }

    // MARK: What comes back from downstream

    /// The next node gave the preimage: it goes on upstream at once.
    mutating func settledDownstream(_ key: IncomingHTLC.Key, _ preimage: PaymentPreimage) -> Bool {
        guard let circuit = circuits.end(outgoing: key, .settled(preimage, at: seconds)) else { return false }
        decide(circuit.incoming.key, .fulfill(preimage))
        effects.events.append(.forwarded(circuit))
        return true
    }

    /// The next node, or the chain, gave the HTLC back: so do we.
    mutating func failedDownstream(_ key: IncomingHTLC.Key, _ failure: HTLCFailure) -> Bool {
        guard let circuit = circuits.circuit(outgoing: key) else { return false }
        let reason: [UInt8]
        let text: String
        switch failure {
        case .packet(let packet) where packet.isEmpty:
            reason = FailurePacket.create(.permanentChannelFailure, sharedSecret: circuit.sharedSecret)
            text = "the next channel was closed"
        case .packet(let packet):
            reason = FailurePacket.wrap(packet, sharedSecret: circuit.sharedSecret)
            text = "it came back from further on"
        case .malformed(let hash, let code):
            // BOLT 4 "Returning Errors": the next node could not read the onion; we say so in its place.
            var message = ByteWriter()
            message.uint16(code)
            message.write(hash)
            reason = FailurePacket.create(FailureMessage(message.bytes), sharedSecret: circuit.sharedSecret)
            text = "the next node could not read the onion"
        case .notSent:
            reason = FailurePacket.create(.temporaryChannelFailure(update: []), sharedSecret: circuit.sharedSecret)
            text = "the next peer was disconnected"
        }
        guard let ended = circuits.end(outgoing: key, .failed(text, at: seconds)) else { return false }
        decide(ended.incoming.key, .fail(reason: reason))
        effects.events.append(.forwarded(ended))
        return true
    }

    /// Blocks before an incoming HTLC expires at which it is given back, even if downstream has not answered.
    static let upstreamMargin = 6

    /// A downstream that stalls does not cost us the upstream channel as well.
    ///
    /// Money at risk: a preimage that downstream shows after this is not paid for. By then an HTLC that is worth a
    /// transaction has been on chain for as long as `cltv_expiry_delta` gave it; what is left are trifles.
    mutating func failStalledForwards() {
        for circuit in circuits.pending where chain.height + Self.upstreamMargin >= Int(circuit.incoming.cltvExpiry) {
            guard let ended = circuits.end(outgoing: circuit.outgoing, .failed("the next node did not answer in time", at: seconds)) else {
                continue
            }
            giveBack(ended.incoming.key, .temporaryChannelFailure(update: []), ended.sharedSecret)
            effects.events.append(.forwarded(ended))
        }
    }

    /// After a restart: HTLCs that were committed and had not been decided come in again; those that were never signed go.
    mutating func resume() {
        for id in channels.keys.sorted() {
            apply(channels[id]!.withdrawUnsigned(), to: id)
            guard channels[id]!.phase == .normal else { continue }
            for htlc in channels[id]!.undecidedHTLCs {
                // Forwards under way go on by themselves.
                if let circuit = circuits.circuit(incoming: .init(channel: id, id: htlc.id)), circuit.isPending { continue }
                undecided.append((id, htlc.id))
            }
        }
    }

    /// Takes up what `resume` found, once the chain is known.
    mutating func receiveUndecided() {
        guard isSynced, !undecided.isEmpty else { return }
        let list = undecided
        undecided = []
        for (id, htlcID) in list {
            guard let htlc = channels[id]?.undecidedHTLCs.first(where: { $0.id == htlcID }) else { continue }
            receive(htlc, on: id)
        }
    }
}

/// How an HTLC of ours came back.
enum HTLCFailure {
    /// An encrypted failure; empty where the chain gave it back.
    case packet([UInt8])
    case malformed(Bytes32, UInt16)
    /// The peer never had it.
    case notSent
}
