import BitcoinPrimitives
import LightningChain
import LightningChannel
import LightningEnforcement
import LightningInvoice
import LightningOnion
import LightningPayment
import LightningRouting
import LightningTransactions
import LightningWire

/// Something that a machine of the node has to hear of, or that one of its channels asks for.
enum Work {
    case channel(ChannelID, ChannelEffect)
    case forwarder(Forwarder.Event)
    case receiver(Receiver.Event)
    case sender(Sender.Event)
    case publisher(Publisher.Event)
    case streams(Streams.Event)
}

/// What is still to be done in a batch, first in first out.
struct WorkQueue {
    private var items: [Work] = []
    private var head = 0

    mutating func append(_ work: Work) { items.append(work) }

    mutating func next() -> Work? {
        guard head < items.count else {
            items.removeAll(keepingCapacity: true)
            head = 0
            return nil
        }
        defer { head += 1 }
        return items[head]
    }
}

/// What is worked out at the first question, and not again.
private final class Seen<Value> {
    private var known: Value?

    func value(_ compute: () -> Value) -> Value {
        if let known { return known }
        let value = compute()
        known = value
        return value
    }
}

// Where an effect that is in the queue becomes an event of another machine.
extension NodeCore {
    /// Does all that is to be done.
    mutating func drain() {
        while let work = batch.queue.next() {
            switch work {
            case .channel(let id, let effect): dispatch(effect, of: id)
            case .forwarder(let event): for effect in payments.forwarder.handle(event, forwarderContext) { dispatch(effect) }
            case .receiver(let event): for effect in payments.receiver.handle(event, receiverContext) { dispatch(effect) }
            case .sender(let event): for effect in payments.sender.handle(event, senderContext) { dispatch(effect) }
            case .streams(let event):
                for effect in payments.streams.handle(event, streamsContext) { dispatch(effect) }
            case .publisher(let event):
                for effect in layer1.publisher.handle(event, Publisher.Context(isSynced: isSynced)) { dispatch(effect) }
            }
        }
    }

    // MARK: What a machine may know

    private var forwarderContext: Forwarder.Context {
        Forwarder.Context(now: now, height: height, isSynced: isSynced, identity: keys.identity)
    }

    private var streamsContext: Streams.Context {
        Streams.Context(now: now, nodeID: nodeID, canPay: channels.contains { $0.isUsable }, dustLimit: dustLimit)
    }

    private var receiverContext: Receiver.Context {
        Receiver.Context(now: now, height: height, network: configuration.network, identity: keys.identity)
    }

    var senderContext: Sender.Context {
        let (channels, peers, connections) = (channels, peers, peers.connections)
        // They do not change while the sender is at work: looked at once, however often it asks.
        let seen = Seen<[SendingChannel]>()
        return Sender.Context(
            now: now, height: height, network: configuration.network, identity: keys.identity,
            finalExpiryMargin: configuration.finalExpiryMargin, graph: network.gossip.graph
        ) {
            seen.value {
                channels.ids.compactMap { id in
                    channels.read(id) { entry in
                        let features = connections[entry.channel.parameters.remoteNodeID].flatMap { peers[$0]?.features }
                        return SendingChannel(entry.channel, takesPathKeys: features?.offers(.routeBlinding) ?? false)
                    }
                }
            }
        }
    }

    // MARK: Channels

    /// Tells a channel what has happened; what it asks for is done in its turn. Nothing where there is no such channel.
    mutating func tell(_ id: ChannelID, _ event: ChannelEvent) {
        for effect in handled(id, event) { batch.queue.append(.channel(id, effect)) }
    }

    /// Asks something of a channel. What it refuses changes nothing.
    ///
    /// - Returns: what it answers, and asks for: that is done in its turn.
    @discardableResult
    mutating func ask(_ id: ChannelID, _ event: ChannelEvent) throws(ChannelRefusal) -> [ChannelEffect] {
        let effects = handled(id, event)
        if case .refused(let refusal)? = effects.first { throw refusal }
        for effect in effects { batch.queue.append(.channel(id, effect)) }
        return effects
    }

    /// What a channel makes of an event.
    mutating func handled(_ id: ChannelID, _ event: ChannelEvent) -> [ChannelEffect] {
        guard let environment = environment(id) else { return [] }
        var isSigning = false
        if case .sign = event { isSigning = true }
        return channels.update(id, isSigning: isSigning) { $0.channel.handle(event, environment) } ?? []
    }

    private mutating func dispatch(_ effect: ChannelEffect, of id: ChannelID) {
        switch effect {
        case .send(let message): if let node = channels.peer(of: id) { send(message, to: node) }
        case .violated(let violation):
            if let node = channels.peer(of: id), let connection = peers.connections[node] {
                punish(violation, channel: id, connection: connection)
            }
        // Whoever asked has the answer.
        case .refused, .offered: break
        case .broadcast(let transaction, let parents):
            if let channel = channels[id] {
                publish(transaction, parents.isEmpty ? purpose(transaction, of: channel) : .feeBump(id), parents: parents)
            }
        case .received(let htlc):
            // Over a channel that was given up meanwhile nothing more can be decided: layer 1 has the last word.
            let incoming = channels.read(id) { entry in
                entry.channel.isOpen ? (IncomingHTLC(htlc, of: entry.channel), IncomingFacts(htlc, of: entry.channel)) : nil
            }
            if case let (incoming, facts)?? = incoming {
                batch.queue.append(.forwarder(.received(incoming, onion: htlc.onion, facts)))
            }
        case .fulfilled(let number, _, let preimage, let attribution, let origin):
            let outgoing = HTLCID.outgoing(id, number)
            switch origin {
            case .payment(let hash, let attempt):
                batch.queue.append(.sender(.fulfilled(hash, attempt: attempt, outgoing, preimage, attribution: attribution)))
            case .forward(let incoming):
                batch.queue.append(.forwarder(.fulfilled(incoming: incoming, outgoing: outgoing, preimage, attribution: attribution)))
            case nil: noteTakenWrittenOff(outgoing)
            }
        case .failed(let number, _, let resolution, let attribution, let origin):
            switch resolution {
            case .failed(let packet): failed(.outgoing(id, number), origin, .packet(packet, attribution))
            case .malformed(let onionHash, let code): failed(.outgoing(id, number), origin, .malformed(onionHash, code))
            case .fulfilled: break
            }
        case .concluded(let number, _, let origin):
            // A forward is settled where it came in.
            if case .payment(let hash, let attempt) = origin {
                batch.queue.append(.sender(.concluded(hash, attempt: attempt, .outgoing(id, number))))
            }
        case .returned(let number, _, let origin): failed(.outgoing(id, number), origin, .onChain)
        case .withdrawn(let number, _, let origin): failed(.outgoing(id, number), origin, .notSent)
        case .settled(let number, let hash, let wasFulfilled):
            if wasFulfilled { batch.queue.append(.forwarder(.settled(.incoming(id, number), hash))) }
        case .lost(let number, let hash, let amount, let wasFulfilled):
            guard wasFulfilled else { return batch.queue.append(.receiver(.unclaimable(.incoming(id, number)))) }
            batch.effects.events.append(
                .alert("channel \(id): incoming HTLC \(number) of \(amount) was fulfilled, and brought nothing on chain"))
            batch.queue.append(.forwarder(.lost(.incoming(id, number), hash, amount)))
        case .revoked(let commitment, let kits): store(kits, of: commitment, in: id)
        case .becameUsable:
            batch.effects.events.append(.channelUsable(id))
            tellTerms(id)
            announceIfReady(id)
        case .givenUp(let canClaim): batch.queue.append(.receiver(.channelGivenUp(id, canClaim: canClaim)))
        case .closing(let kind):
            batch.effects.events.append(.channelClosing(id, kind))
            batch.queue.append(.receiver(.channelGivenUp(id, canClaim: kind.leavesHTLCs)))
        case .fundClaim(let funding): pay(for: funding, of: id)
        case .broadcastFunded(let transaction, let parents):
            coins.wallet.commit(transaction)
            publish(transaction, parents.isEmpty ? .claim(id) : .feeBump(id), parents: parents)
        case .abandonFunded(let transaction): coins.wallet.abandon(transaction)
        case .closed:
            batch.effects.events.append(.channelClosed(id))
            channels.backup.isOutdated = true
        case .ended: channels.ended.insert(id)
        case .needsRevokedHTLCs(let query): batch.effects.loads.append(storeQuery(query, of: id))
        case .abandoned(let why): channels.abandoned[id] = why
        case .alert(let text): batch.effects.events.append(.alert(text))
        case .note(let text): batch.effects.events.append(.note(text))
        }
    }

    /// A channel's claim needs coins of the wallet: those that it does not take are free again.
    private mutating func pay(for funding: ClaimFunding, of id: ChannelID) {
        guard channels.read(id, { $0.channel.isWanted(funding) }) == true else { return }
        let funded = fund(funding)
        let effects = handled(id, .claimFunded(funding, funded))
        let isTaken = effects.contains { if case .broadcastFunded = $0 { true } else { false } }
        if let funded, !isTaken { coins.wallet.release(funded.transaction) }
        for effect in effects { batch.queue.append(.channel(id, effect)) }
    }

    /// An HTLC of ours failed: that goes to whom it was for.
    private mutating func failed(_ outgoing: HTLCID, _ origin: HTLCOrigin?, _ failure: HTLCFailure) {
        switch origin {
        case .payment(let hash, let attempt): batch.queue.append(.sender(.failed(hash, attempt: attempt, outgoing, failure)))
        case .forward(let incoming): batch.queue.append(.forwarder(.failed(incoming: incoming, failure)))
        case nil: break
        }
    }

    // MARK: Layer 1

    private mutating func dispatch(_ effect: Publisher.Effect) {
        switch effect {
        case .publish(let publication): batch.effects.publications.append(publication)
        case .refused(let publication, let reason):
            batch.effects.events.append(.publicationRefused(publication, reason))
            switch publication.purpose {
            case .claim(let id), .penalty(let id), .feeBump(let id): tell(id, .claimRefused(publication.transaction.id, reason))
            case .payment: walletRefused(publication.transaction, reason)
            case .watchtower: penaltyRefused(publication.transaction)
            case .funding, .mutualClose, .commitment, .recovery: break
            }
        case .anotherIsThere(let publication, let reason):
            batch.effects.events.append(.note("layer 1 has another transaction in place of \(publication.purpose): \(reason)"))
        }
    }

    // MARK: Incoming HTLCs

    private mutating func dispatch(_ effect: Forwarder.Effect) {
        switch effect {
        case .deliver(let htlc, let payload, let errorContext, let refusal, let isResumed):
            batch.queue.append(.receiver(.received(htlc, payload, errorContext, refusal: refusal, isResumed: isResumed)))
        case .allResumed: batch.queue.append(.receiver(.resumed))
        case .findCandidates(let request): batch.queue.append(.forwarder(.candidates(request, candidates(for: request.next))))
        case .offer(let request, let htlc, let ids): offer(htlc, over: ids, for: request)
        case .refuse(let request, let message, let named):
            let update = named.flatMap { failureUpdate($0, request) } ?? []
            batch.queue.append(.forwarder(.decided(request.incoming.key, request.errorContext.fail(message.with(update: update)))))
        case .resolve(let id, let decision, let held): resolve(id, decision, heldFor: held)
        case .paid(let id, let hash): batch.queue.append(.receiver(.settled(id, hash)))
        case .unpaid(let id, let hash, let amount): batch.queue.append(.receiver(.lost(id, hash, amount)))
        case .stalled(let circuit): judgeStalled(circuit)
        case .takenTooLate(let outgoing): noteTakenWrittenOff(outgoing)
        case .ended(let circuit): batch.effects.events.append(.forwarded(circuit))
        case .notForwarded(let htlc, let named, let why): batch.effects.events.append(.forwardRefused(htlc, over: named, why))
        case .replayed(let id): batch.effects.events.append(.note("channel \(id.channel): an onion came a second time, and is refused"))
        }
    }

    mutating func dispatch(_ effect: Receiver.Effect) {
        switch effect {
        case .decided(let id, let decision): batch.queue.append(.forwarder(.decided(id, decision)))
        case .paid(let record, let amount): batch.effects.events.append(.paymentReceived(record, amount))
        case .held(let record, let amount): batch.effects.events.append(.paymentHeld(record, amount))
        case .lost(let record, let why):
            batch.effects.events.append(
                .alert("the payment held for invoice \(record.invoice.paymentHash) can no longer be settled: \(why)"))
        }
    }

    // MARK: Payments

    mutating func dispatch(_ effect: Sender.Effect) {
        switch effect {
        case .findRoutes(let hash, let query, let maxParts):
            let result = Result { () throws(RouteRefusal) in try payments.sender.findRoutes(query, maxParts: maxParts, in: &network.gossip)
            }
            batch.queue.append(.sender(.found(hash, result)))
        case .findLargest(let hash, let query, let maxParts, let maxFee):
            let amount = payments.sender.findLargest(query, maxParts: maxParts, maxFee: maxFee, in: &network.gossip)
            batch.queue.append(.sender(.foundLargest(hash, amount)))
        case .offer(let htlc, let id):
            if let outgoing = try? offer(htlc, over: id) {
                batch.queue.append(.sender(.offered(htlc.paymentHash, outgoing)))
            } else {
                batch.queue.append(.sender(.notOffered(htlc.paymentHash)))
            }
        // What payments of streams come to their streams tell.
        case .updated(let payment): if payment.stream == nil { batch.effects.events.append(.paymentUpdated(payment)) }
        case .succeeded(let payment, let callers):
            if let part = payment.stream {
                let latency = now.since(payment.firstStart)
                return batch.queue.append(.streams(.ended(part, .succeeded(fee: payment.fee, latency: latency))))
            }
            batch.effects.events.append(.paymentSucceeded(payment))
            for caller in callers { batch.effects.answers.append((caller, .success(.payment(payment)))) }
        case .settled(let payment): if payment.stream == nil { batch.effects.events.append(.paymentSettled(payment)) }
        case .failed(let payment, let why, let callers):
            if let part = payment.stream { return batch.queue.append(.streams(.ended(part, outcome(of: payment, why)))) }
            cancelOwnInvoice(payment)
            batch.effects.events.append(.paymentFailed(payment))
            for caller in callers { batch.effects.answers.append((caller, .failure(.paymentFailed(payment, why)))) }
        case .refused(let payment, let refusal, let caller):
            if let part = payment.stream {
                return batch.queue.append(.streams(.ended(part, outcome(of: payment, refusal))))
            }
            cancelOwnInvoice(payment)
            batch.effects.answers.append((caller, .failure(.payment(refusal))))
        }
    }

    /// An invoice to ourselves was for this payment alone.
    private mutating func cancelOwnInvoice(_ payment: OutgoingPayment) {
        guard payment.payee == nodeID, let outcome = try? payments.receiver.cancelHeld(payment.paymentHash, height: height) else {
            return
        }
        for effect in outcome.effects() { dispatch(effect) }
    }
}

extension IncomingHTLC {
    init(_ htlc: HTLC, of channel: borrowing PaymentChannel) {
        self.init(
            key: .incoming(channel.id, htlc.id), amount: htlc.amount, paymentHash: htlc.paymentHash, cltvExpiry: htlc.cltvExpiry,
            pathKey: htlc.pathKey)
    }
}

extension IncomingFacts {
    init(_ htlc: HTLC, of channel: borrowing PaymentChannel) {
        // What funds the channel is not in the chain: money over it may be worth nothing. And dust that would be lost to fees.
        self.init(
            // Of a channel that was given up only what is held already can be claimed.
            isSound: channel.isOpen && channel.funding.isDeep && !channel.exceedsDustExposure(htlc.amount),
            isOutput: htlc.amount.roundedDown >= channel.parameters.remote.dustLimit)
    }
}

extension SendingChannel {
    init(_ channel: borrowing PaymentChannel, takesPathKeys: Bool) {
        self.init(
            id: channel.id, shortChannelID: channel.displayID,
            names: [channel.parameters.localAlias] + (channel.shortChannelID.map { [$0] } ?? []), peer: channel.parameters.remoteNodeID)
        isOpening = channel.isConfirming
        isOpen = channel.isOpen && !channel.isShuttingDown
        isUsable = channel.isUsable
        isAway = channel.connection != .established
        guard isOpen else { return }
        (hasFreeSlot, spendable) = channel.room
        htlcMinimum = channel.parameters.remote.htlcMinimum
        self.takesPathKeys = takesPathKeys
    }
}
