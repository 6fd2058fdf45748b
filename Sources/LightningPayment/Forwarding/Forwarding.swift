import BitcoinPrimitives
import CryptoPrimitives
import LightningOnion
import LightningWire

// From an incoming HTLC to an outgoing one.
extension Forwarder {
    mutating func receive(
        _ htlc: IncomingHTLC, _ onion: [UInt8], _ facts: IncomingFacts, isResumed: Bool, _ context: borrowing Context
    ) -> [Effect] {
        arrivals[htlc.key] = Arrival(at: context.now, isOutput: facts.isOutput)
        switch PeeledHTLC(htlc, onion: onion, nodeSecret: context.identity.secret) {
        case .refused(let decision): return decide(htlc.key, decision, context)
        case .final(let payload, let errorContext):
            arrivals[htlc.key]?.sharedSecret = errorContext.sharedSecret
            let (failure, isReplay) = refusal(htlc, errorContext, facts, isResumed: isResumed, context)
            // What was held before a restart was accepted then: the receiver knows whether it was.
            if let failure, !isResumed {
                return (isReplay ? [.replayed(htlc.key)] : []) + decide(htlc.key, errorContext.fail(failure), context)
            }
            if failure == nil { replays.insert(sharedSecret: errorContext.sharedSecret, cltvExpiry: htlc.cltvExpiry) }
            return [.deliver(htlc, payload, errorContext, refusal: failure, isResumed: isResumed)]
        case .forward(let request):
            arrivals[htlc.key]?.sharedSecret = request.errorContext.sharedSecret
            let (failure, isReplay) = refusal(htlc, request.errorContext, facts, isResumed: isResumed, context)
            guard let failure else {
                replays.insert(sharedSecret: request.errorContext.sharedSecret, cltvExpiry: htlc.cltvExpiry)
                return [.findCandidates(request)]
            }
            return (isReplay ? [.replayed(htlc.key)] : []) + decide(htlc.key, request.errorContext.fail(failure), context)
        }
    }

    /// What makes us fail an HTLC, whatever it is for.
    private mutating func refusal(
        _ htlc: IncomingHTLC, _ errorContext: OnionErrorContext, _ facts: IncomingFacts, isResumed: Bool, _ context: borrowing Context
    ) -> (failure: FailureMessage?, isReplay: Bool) {
        // A preimage given away at a stale height could be worth nothing.
        guard context.isSynced else { return (.temporaryNodeFailure, false) }
        guard facts.isSound else { return (.temporaryChannelFailure(update: []), false) }
        // Neither a payee nor a forwarder of ours asks for more.
        guard
            htlc.cltvExpiry.height <= context.height + ForwardingTerms.maximumExpiry
                + Int(Receiver.minFinalCLTVExpiryDelta)
        else { return (.expiryTooFar, false) }
        // An HTLC that comes in again after a restart is the one that is remembered.
        guard isResumed || !replays.contains(sharedSecret: errorContext.sharedSecret) else {
            refusedReplays.insert(htlc.key)
            return (.temporaryNodeFailure, true)
        }
        return (nil, false)
    }

    /// An HTLC from before a restart.
    mutating func resume(_ htlc: IncomingHTLC, _ onion: [UInt8], _ facts: IncomingFacts, _ context: borrowing Context) -> [Effect] {
        guard let circuit = circuits.circuit(incoming: htlc.key) else { return receive(htlc, onion, facts, isResumed: true, context) }
        arrivals[htlc.key] = Arrival(at: context.now, isOutput: facts.isOutput)
        // What was forwarded once is never forwarded again: it goes on by itself, or has ended, and only its answer is still to be given.
        switch circuit.status {
        case .pending: return []
        case .fulfilled(let preimage, _), .settled(let preimage, _):
            return decide(htlc.key, circuit.errorContext.fulfill(preimage), context)
        case .failed: return decide(htlc.key, circuit.errorContext.fail(.temporaryChannelFailure(update: [])), context)
        }
    }

    mutating func forward(_ request: ForwardRequest, _ candidates: [ForwardingCandidate], _ context: borrowing Context) -> [Effect] {
        guard let named = candidates.first else { return [.refuse(request, .unknownNextPeer, over: nil)] }
        if request.pathKey != nil, !named.takesPathKeys { return [.refuse(request, .unknownNextPeer, over: nil)] }
        if let refusal = named.terms.refusal(request, height: context.height, now: context.second) {
            return [
                .notForwarded(request.incoming, over: named.channel, "\(refusal)"), .refuse(request, refusal, over: named.channel),
            ]
        }
        // BOLT 4 "Non-strict Forwarding": "a node MAY forward … along an outgoing channel other than the one specified by
        // short_channel_id, so long as the receiver has the same node public key". Another channel has terms of its own.
        let others = candidates.dropFirst().filter { candidate in
            candidate.isUsable && candidate.terms.refusal(request, height: context.height, now: context.second) == nil
        }.sorted { $0.spendable == $1.spendable ? $0.channel < $1.channel : $0.spendable > $1.spendable }
        let offer = HTLCOffer(
            amount: request.amount, paymentHash: request.incoming.paymentHash, cltvExpiry: request.cltvExpiry, onion: request.onion,
            pathKey: request.pathKey, origin: .forward(incoming: request.incoming.key))
        return [.offer(request, offer, over: [named.channel] + others.map(\.channel))]
    }

    mutating func offered(_ request: ForwardRequest, _ outgoing: HTLCID, _ context: borrowing Context) -> [Effect] {
        circuits.open(Circuit(request, outgoing: outgoing, createdAt: context.now))
        return []
    }

    func notOffered(_ request: ForwardRequest, _ named: ChannelID, _ isConnected: Bool, _ why: String) -> [Effect] {
        // An absent peer says nothing of what the channel has: "if the channel is disabled: … return a channel_disabled error".
        // "an otherwise unspecified, transient error occurs in the outgoing channel (e.g. channel capacity reached, too many
        // in-flight HTLCs, etc.): return a temporary_channel_failure error".
        let message: FailureMessage = isConnected ? .temporaryChannelFailure(update: []) : .channelDisabled(flags: 0, update: [])
        return [.notForwarded(request.incoming, over: named, why), .refuse(request, message, over: named)]
    }
}
