import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningInvoice
import LightningOnion
public import LightningPayment
import LightningRouting
public import LightningWire

// Incoming HTLCs: kept, or passed on (BOLT 4 "Accepting and Forwarding a Payment").
extension NodeCore {
    /// An HTLC of a peer is committed beyond recall.
    ///
    /// - Parameter isResumed: whether that was before a restart.
    mutating func receive(_ htlc: HTLC, on id: ChannelID, isResumed: Bool = false) {
        let incoming = IncomingHTLC(
            key: .init(channel: id, id: htlc.id), amount: htlc.amount, paymentHash: htlc.paymentHash, cltvExpiry: htlc.cltvExpiry,
            pathKey: htlc.pathKey)
        arrivals[incoming.key] = now
        switch PeeledHTLC(incoming, onion: htlc.onion, nodeSecret: keys.nodeSecret) {
        case .refused(let decision): decide(incoming.key, decision)
        case .final(let payload, let back):
            guard let failure = refusal(incoming, back, isResumed: isResumed) else {
                let outcome = payments.receive(
                    incoming, payload, back: back, now: now, height: chain.height, network: configuration.network,
                    nodeSecret: keys.nodeSecret, isResumed: isResumed)
                remember(incoming, back, unlessIn: outcome.decisions)
                return settle(outcome)
            }
            // What was held before a restart was accepted then.
            guard isResumed, payments.holds(incoming.paymentHash) else { return decide(incoming.key, back.fail(failure)) }
            settle(
                payments.receive(
                    incoming, payload, back: back, now: now, height: chain.height, network: configuration.network,
                    nodeSecret: keys.nodeSecret, isResumed: isResumed))
        case .forward(let request):
            if let failure = refusal(incoming, request.back, isResumed: isResumed) {
                return decide(incoming.key, request.back.fail(failure))
            }
            forward(request)
        }
    }

    /// What makes us fail an HTLC, whatever it is for.
    private mutating func refusal(_ htlc: IncomingHTLC, _ back: ReturnPath, isResumed: Bool) -> FailureMessage? {
        // A preimage given away at a stale height could be worth nothing.
        guard isSynced else { return .temporaryNodeFailure }
        // What funds the channel is not in the chain: money over it may be worth nothing. And dust that would be lost to fees.
        guard let channel = channels[htlc.key.channel], channel.isFundingDeep, !channel.exceedsDustExposure(htlc.amount) else {
            return .temporaryChannelFailure(update: [])
        }
        // Neither a payee nor a forwarder of ours asks for more.
        guard UInt64(htlc.cltvExpiry) <= UInt64(chain.height) + ForwardingTerms.maximumExpiry + UInt64(Payments.minFinalCLTVExpiryDelta)
        else { return .expiryTooFar }
        // An HTLC that comes in again after a restart is the one that is remembered.
        guard isResumed || !replays.contains(sharedSecret: back.sharedSecret) else {
            refusedReplays.insert(htlc.key)
            effects.events.append(.note("channel \(htlc.key.channel): an onion came a second time, and is refused"))
            return .temporaryNodeFailure
        }
        return nil
    }

    /// Remembers the onion of an HTLC that is taken.
    private mutating func remember(
        _ htlc: IncomingHTLC, _ back: ReturnPath, unlessIn decisions: [(IncomingHTLC.Key, IncomingDecision)] = []
    ) {
        let isRefused = decisions.contains { key, decision in
            guard key == htlc.key else { return false }
            if case .fulfill = decision { return false }
            return true
        }
        guard !isRefused else { return }
        replays.insert(sharedSecret: back.sharedSecret, cltvExpiry: htlc.cltvExpiry)
    }

    /// Carries out what the payments decided of HTLCs that came in.
    ///
    /// - Parameter why: what is said of held payments that can no longer be settled.
    mutating func settle(_ outcome: ReceiveOutcome, why: String = "it was given back") {
        for (key, decision) in outcome.decisions { decide(key, decision) }
        if let (record, amount) = outcome.paid { effects.events.append(.paymentReceived(record, amount)) }
        for record in outcome.lost {
            effects.events.append(
                .alert("the payment held for invoice \(record.invoice.paymentHash) can no longer be settled: \(why)"))
        }
        if let (record, amount) = outcome.held { effects.events.append(.paymentHeld(record, amount)) }
    }

    /// Milliseconds within which a failure on a blinded path is told, so that its time does not tell where it happened.
    private static let blindedDelay: UInt64 = 2000

    /// Settles an incoming HTLC or gives it back.
    mutating func decide(_ key: IncomingHTLC.Key, _ decision: IncomingDecision) {
        // A replay is told at once: after a restart it could not be told from the first.
        guard !refusedReplays.contains(key) else { return resolve(key, decision) }
        var delay: UInt64 = 0
        if case .fail(let reply) = decision, reply.isDelayed { delay = entropy.uint64() % Self.blindedDelay }
        if isOneTooMany(key, decision) { delay += Self.failureDelay }
        if delay > 0 { delayedFailures.append((now + delay, key, decision)) } else { resolve(key, decision) }
    }

    /// Failures over one channel that are told at once, and milliseconds until there is one more. An HTLC that fails costs its sender
    /// nothing, and us a record for as long as the channel lives: at this rate some 20 MB in a day.
    private static let failureRate = TokenBucket.Rate(burst: 10_000, interval: 100)
    /// Milliseconds by which all others are told later: with 483 HTLCs under way there are 16 of them in a second.
    private static let failureDelay: UInt64 = 30_000

    /// Whether an HTLC that is given back, and that the peer's commitments hold as an output, is one more than should come in such a time.
    private mutating func isOneTooMany(_ key: IncomingHTLC.Key, _ decision: IncomingDecision) -> Bool {
        switch decision {
        case .fulfill: return false
        case .fail, .malformed: break
        }
        guard let channel = channels[key.channel],
            let htlc = channel.commitments.htlcs[HTLC.Key(isOfferedByLocal: false, id: key.id)],
            htlc.amount.roundedDown >= channel.parameters.remote.dustLimit
        else { return false }
        var bucket = channels.entry(key.channel)?.failureRate ?? TokenBucket(Self.failureRate, now: now)
        let isGranted = bucket.take(Self.failureRate, now: now)
        channels.annotate(key.channel) { [bucket] in $0.failureRate = bucket }
        return !isGranted
    }

    mutating func tellDelayedFailures() {
        let due = delayedFailures.filter { now >= $0.due }
        delayedFailures.removeAll { now >= $0.due }
        for (_, key, decision) in due {
            // What is under way downstream is never failed upstream, whatever was to be told of it before.
            precondition(circuits.circuit(incoming: key)?.isPending != true, "an HTLC whose failure is delayed is not forwarded")
            resolve(key, decision)
        }
    }

    private mutating func resolve(_ key: IncomingHTLC.Key, _ decision: IncomingDecision) {
        let arrived = arrivals.removeValue(forKey: key)
        // What is remembered is the first of them.
        let isReplay = refusedReplays.remove(key) != nil
        if case .fail(let reply) = decision, !isReplay { replays.remove(sharedSecret: reply.sharedSecret) }
        if case .malformed = decision, let circuit = circuits.circuit(incoming: key) {
            replays.remove(sharedSecret: circuit.back.sharedSecret)
        }
        let held = now - min(now, arrived ?? now)
        let (resolution, attribution): (HTLC.Resolution, [UInt8]) =
            switch decision {
            case .fulfill(let preimage, let reply): (.fulfilled(preimage), reply?.attribution(heldFor: held) ?? [])
            case .fail(let reply): (.failed(reason: reply.reason), reply.attribution(heldFor: held))
            case .malformed(let hash, let code): (.malformed(onionHash: hash, code: code), [])
            }
        do throws(ChannelRefusal) {
            try change(key.channel) { (channel) throws(ChannelRefusal) in
                try channel.resolve(key.id, resolution, attribution: attribution)
            }
        } catch {
            // The channel was closed meanwhile: the chain has the last word.
            effects.events.append(.alert("channel \(key.channel): HTLC \(key.id) cannot be resolved any more"))
        }
    }

    // MARK: Forwarding

    private mutating func forward(_ request: ForwardRequest) {
        func refuse(_ message: FailureMessage, over id: ChannelID? = nil) {
            let update = id.flatMap { failureUpdate($0, request) } ?? []
            decide(request.incoming.key, request.back.fail(message.with(update: update)))
        }
        guard let channel = channel(for: request.next), channel.phase == .normal || channel.phase == .funding
        else { return refuse(.unknownNextPeer) }
        let (named, peer) = (channel.id, channel.parameters.remoteNodeID)
        // The next peer is to bear a path key: one that does not know it would end the connection, again and again.
        if request.pathKey != nil, !takesPathKeys(peer) { return refuse(.unknownNextPeer) }
        if let refusal = terms(named).refusal(request, height: chain.height, now: seconds) {
            effects.events.append(.forwardRefused(request.incoming, over: named, "\(refusal)"))
            return refuse(refusal, over: named)
        }
        // BOLT 4 "Non-strict Forwarding": "a node MAY forward … along an outgoing channel other than the one specified by
        // short_channel_id, so long as the receiver has the same node public key".
        let others = channels.channels(with: peer).filter { $0.isUsable && $0.id != named }
            .sorted { $0.spendable == $1.spendable ? $0.id < $1.id : $0.spendable > $1.spendable }.map(\.id)
        var why: ChannelRefusal?
        for id in [named] + others {
            // Another channel has terms of its own.
            if id != named, terms(id).refusal(request, height: chain.height, now: seconds) != nil { continue }
            do throws(ChannelRefusal) {
                let offered = try offer(
                    over: id, amount: request.amount, request.incoming.paymentHash, cltvExpiry: request.cltvExpiry, onion: request.onion,
                    pathKey: request.pathKey)
                guard let (htlcID, channelEffects) = offered else { continue }
                circuits.open(Circuit(request, outgoing: .init(channel: id, id: htlcID), createdAt: now))
                remember(request.incoming, request.back)
                apply(channelEffects, to: id)
                return
            } catch { why = why ?? error }
        }
        effects.events.append(.forwardRefused(request.incoming, over: named, why?.description ?? ""))
        // An absent peer says nothing of what the channel has: "if the channel is disabled: return a channel_disabled error".
        if why == .notConnected { return refuse(.channelDisabled(flags: 0, update: []), over: named) }
        // "an otherwise unspecified, transient error occurs in the outgoing channel (e.g. channel capacity reached, too many
        // in-flight HTLCs, etc.): return a temporary_channel_failure error".
        refuse(.temporaryChannelFailure(update: []), over: named)
    }

    /// Offers an HTLC over a channel; `nil` where there is no such channel.
    mutating func offer(
        over id: ChannelID, amount: MilliSatoshi, _ hash: PaymentHash, cltvExpiry: UInt32, onion: [UInt8], pathKey: PublicKey?
    ) throws(ChannelRefusal) -> (id: UInt64, effects: [ChannelEffect])? {
        let estimate = feeRate
        return try channels.update(id) { (entry) throws(ChannelRefusal) in
            try entry.channel.offer(
                amount: amount, paymentHash: hash, cltvExpiry: cltvExpiry, onion: onion, pathKey: pathKey, estimate: estimate)
        }
    }

    /// Our terms for a channel, for a payer whose own knowledge of them is old; signed once for each change.
    ///
    /// "if it returns a channel_update: MUST set short_channel_id to the short_channel_id used by the incoming onion."
    private mutating func failureUpdate(_ id: ChannelID, _ request: ForwardRequest) -> [UInt8]? {
        guard case .channel(let name) = request.next, let channel = channels[id] else { return nil }
        var update = unsignedUpdate(id, channel, name, timestamp: max(1, terms(id).updateTimestamp))
        if let last = failureUpdates[name] {
            update.signature = last.signature
            if update == last { return LightningMessage.channelUpdate(last).encoded }
        }
        update.signature = .missing
        sign(&update)
        if failureUpdates.count > 2 * channels.count + 100 { failureUpdates = [:] }
        failureUpdates[name] = update
        return LightningMessage.channelUpdate(update).encoded
    }

    private func channel(for next: ForwardRequest.Next) -> PaymentChannel? {
        switch next {
        case .channel(let name): channels.index.channel(named: name).flatMap { channels[$0] }
        case .node(let node):
            channels.channels(with: node).filter { $0.phase == .normal || $0.phase == .funding }
                .max { ($0.isUsable ? 1 : 0, $0.spendable, $1.id) < ($1.isUsable ? 1 : 0, $1.spendable, $0.id) }
        }
    }

    /// The name by which the peer knows a channel that is not public, and that payers may use for it: the alias that it gave us, unless it
    /// is some other channel's name. A peer that gives us another channel's name would have that channel's payments, or its blame.
    func peersName(_ channel: PaymentChannel) -> ShortChannelID? {
        guard let alias = channel.remoteAlias else { return channel.shortChannelID }
        let isOthers =
            gossip.graph.contains(alias) && channel.shortChannelID != alias
            || channels.index.channels(withName: alias).contains { $0 != channel.id }
        return isOthers ? channel.shortChannelID : alias
    }

    /// On which terms this node forwards into a channel.
    public func forwardingPolicy(of id: ChannelID) -> ForwardingPolicy { terms(id).current }

    func terms(_ id: ChannelID) -> ForwardingTerms { channels.entry(id)?.terms ?? ForwardingTerms(configuration.forwarding) }

    // MARK: What comes back from downstream

    /// The next node gave the preimage: it goes on upstream at once.
    mutating func settledDownstream(_ key: IncomingHTLC.Key, _ preimage: PaymentPreimage, _ attribution: [UInt8]) -> Bool {
        guard let circuit = circuits.fulfill(outgoing: key, preimage, at: seconds) else { return false }
        decide(circuit.incoming.key, circuit.back.fulfill(preimage, attribution: attribution))
        return true
    }

    /// An incoming HTLC that we fulfilled is gone from both commitments: what it brought is ours, and what it earned.
    mutating func settledUpstream(_ key: IncomingHTLC.Key, _ hash: PaymentHash) {
        if let circuit = circuits.settle(incoming: key, at: seconds) {
            effects.events.append(.forwarded(circuit))
        } else {
            settle(payments.settled(key, hash, now: now))
        }
    }

    /// The next node, or the chain, gave the HTLC back: so do we.
    mutating func failedDownstream(_ key: IncomingHTLC.Key, _ failure: HTLCFailure) -> Bool {
        guard let circuit = circuits.circuit(outgoing: key) else { return false }
        let decision: IncomingDecision
        let text: String
        switch failure {
        case .onChain:
            decision = circuit.back.fail(.permanentChannelFailure)
            text = "the next channel was closed"
        case .packet(let packet, _) where packet.count < FailurePacket.minimumLength:
            // Nobody on the way could read that: what is known of it is that the channel did not carry the payment.
            decision = circuit.back.fail(.temporaryChannelFailure(update: []))
            text = "the next node sent a failure that cannot be read"
        case .packet(let packet, let attribution):
            decision = circuit.back.fail(packet: packet, attribution: attribution)
            text = "it came back from further on"
        case .malformed(let hash, let code):
            // BOLT 4 "Returning Errors": the next node could not read the onion; we say so in its place.
            var message = ByteWriter()
            message.uint16(code)
            message.write(hash)
            decision = circuit.back.fail(FailureMessage(message.bytes))
            text = "the next node could not read the onion"
        case .notSent:
            decision = circuit.back.fail(.channelDisabled(flags: 0, update: []))
            text = "the next peer was disconnected"
        }
        guard let ended = circuits.fail(outgoing: key, text, at: seconds) else { return false }
        decide(ended.incoming.key, decision)
        effects.events.append(.forwarded(ended))
        return true
    }

    /// Blocks before an incoming HTLC expires at which it is given back, even if downstream has not answered.
    static let upstreamMargin = 6

    /// What forwards that are no output of any commitment may be written off for with one peer at a time, whatever channels it has.
    ///
    /// Money at risk: what is failed upstream while it is pending downstream can still be taken there. Below this a channel
    /// is worth more than what its peer could steal; above it, and after the first time that it does, the channel is closed.
    static let writeOffLimit = MilliSatoshi(5_000_000)

    /// A downstream that stalls does not cost us the upstream channel as well.
    ///
    /// An HTLC is only ever failed upstream when downstream cannot take it any more. Once the downstream channel is closed, that is the
    /// chain's word (BOLT 5: "once the resolving transaction has reached reasonable depth"), or the HTLC's absence from what was
    /// mined; as long as neither is there, upstream times out on its own, and its channel with it. The exception are HTLCs that are
    /// an output of no commitment, within `writeOffLimit`.
    ///
    /// - Parameter heard: the channels that the block, or its height, concerns.
    mutating func failStalledForwards(_ heard: Set<ChannelID>) {
        withdrawExpiring(heard)
        for circuit in circuits.pending where chain.height + Self.upstreamMargin >= Int(circuit.incoming.cltvExpiry) {
            let id = circuit.outgoing.channel
            let key = HTLC.Key(isOfferedByLocal: true, id: circuit.outgoing.id)
            if let channel = channels[id], let htlc = channel.commitments.htlcs[key] {
                switch channel.phase {
                case .closing, .closed: continue
                case .funding, .normal, .failed, .dataLost:
                    guard channel.isTrimmedEverywhere(htlc), mayWriteOff(htlc.amount, for: channel.parameters.remoteNodeID) else {
                        guard let environment = environment(id) else { continue }
                        change(id) { $0.fail("HTLCs that we forwarded are not answered in time", environment) }
                        continue
                    }
                    channels.update(id) { $0.channel.writeOff(htlc.id) }
                }
            }
            guard let ended = circuits.fail(outgoing: circuit.outgoing, "the next node did not answer in time", at: seconds) else {
                continue
            }
            decide(ended.incoming.key, ended.back.fail(.temporaryChannelFailure(update: [])))
            effects.events.append(.forwarded(ended))
        }
    }

    private func mayWriteOff(_ amount: MilliSatoshi, for peer: NodeID) -> Bool {
        let channels = channels.channels(with: peer)
        guard !channels.contains(where: \.hasTakenWrittenOff) else { return false }
        return channels.reduce(amount) { $0.saturatingAdding($1.writtenOff) } <= Self.writeOffLimit
    }

    /// The peer took an HTLC that had been failed upstream: nothing more is written off in its favour, for ever.
    mutating func noteTakenWrittenOff(_ key: IncomingHTLC.Key) {
        let htlc = channels[key.channel]?.commitments.htlcs[.init(isOfferedByLocal: true, id: key.id)]
        guard let htlc, htlc.isWrittenOff, channels.update(key.channel, { $0.channel.noteTakenWrittenOff() }) == true else { return }
        effects.events.append(.alert("channel \(key.channel): the peer took an HTLC long after its time; \(htlc.amount) are lost"))
    }

    /// HTLCs that wait for a `revoke_and_ack` until their time is nearly up are taken back, which needs a new connection.
    private mutating func withdrawExpiring(_ heard: Set<ChannelID>) {
        for id in heard.sorted() {
            guard let channel = channels[id], channel.hasExpiringUnsigned(at: chain.height) else { continue }
            effects.events.append(.note("channel \(id): the peer does not answer our commitment; HTLCs that wait for it are taken back"))
            if let connection = connectionsByNode[channel.parameters.remoteNodeID] { close(connection) }
        }
    }

    /// Milliseconds for which a peer may owe us a `revoke_and_ack`.
    static let revocationPatience: UInt64 = 60_000

    /// A peer that is connected and does not revoke holds up everything behind it: a new connection may help.
    mutating func dropSilentPeers() {
        for id in channels.ids {
            guard let entry = channels.entry(id) else { continue }
            let channel = entry.channel
            guard channel.phase == .normal, channel.connection == .established, channel.commitments.awaitsRevocation else {
                if entry.owedRevocation != nil { channels.annotate(id) { $0.owedRevocation = nil } }
                continue
            }
            guard let owed = entry.owedRevocation, owed.commitment == channel.commitments.remoteNumber else {
                let now = now
                channels.annotate(id) { $0.owedRevocation = (now, channel.commitments.remoteNumber) }
                continue
            }
            guard now >= owed.since + Self.revocationPatience else { continue }
            channels.annotate(id) { $0.owedRevocation = nil }
            effects.events.append(.note("channel \(id): no revoke_and_ack for a minute; the connection is closed"))
            if let connection = connectionsByNode[channel.parameters.remoteNodeID] { close(connection) }
        }
    }

    /// After a restart: HTLCs that were committed and had not been decided come in again; those that were never signed go.
    mutating func resume() {
        for id in channels.ids {
            change(id) { $0.withdrawUnsigned() + $0.wantRevoked() }
            guard let environment = environment(id), channels[id]?.phase == .normal else { continue }
            channels.update(id) { _ = $0.channel.noteDepth(environment) }
            for htlc in channels[id]?.undecidedHTLCs ?? [] { undecided.append((id, htlc.id)) }
        }
    }

    /// Takes up what `resume` found, once the chain is known.
    mutating func receiveUndecided() {
        guard isSynced, !hasReceivedUndecided else { return }
        hasReceivedUndecided = true
        let list = undecided
        undecided = []
        for (id, htlcID) in list {
            // A channel may have been closed meanwhile: nothing that came over it can be decided off chain any more.
            guard let channel = channels[id], channel.phase == .normal,
                let htlc = channel.undecidedHTLCs.first(where: { $0.id == htlcID })
            else { continue }
            let key = IncomingHTLC.Key(channel: id, id: htlcID)
            guard let circuit = circuits.circuit(incoming: key) else {
                receive(htlc, on: id, isResumed: true)
                continue
            }
            // What was forwarded once is never forwarded again: it goes on by itself, or has ended, and only its answer is still to be
            // given.
            switch circuit.status {
            case .pending: break
            case .fulfilled(let preimage, _), .settled(let preimage, _): decide(key, circuit.back.fulfill(preimage))
            case .failed: decide(key, circuit.back.fail(.temporaryChannelFailure(update: [])))
            }
        }
        // What cannot be put together again is given back, and no longer promised to the owner.
        settle(payments.dropIncompleteHeld(height: chain.height))
    }
}

/// How an HTLC of ours came back.
enum HTLCFailure {
    /// An encrypted failure, with attribution data where the peer sent some.
    case packet([UInt8], [UInt8])
    /// The chain gave it back.
    case onChain
    case malformed(Bytes32, UInt16)
    /// The peer never had it.
    case notSent
}
