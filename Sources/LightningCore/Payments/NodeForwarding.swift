import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningEnforcement
package import LightningPayment
import LightningRouting
import LightningTransactions
package import LightningWire

// What forwards need of the node's channels.
extension NodeCore {
    // MARK: Onwards

    /// The channels that lead to the next node of a forward, the one that was named first.
    func candidates(for next: ForwardRequest.Next) -> [ForwardingCandidate] {
        let peer: NodeID
        var named: ChannelID?
        switch next {
        case .channel(let name):
            named = channels.index.channel(named: name)
            guard let id = named, let node = channels.peer(of: id) else { return [] }
            peer = node
        case .node(let node): peer = node
        }
        let takesPathKeys = takesPathKeys(peer)
        var candidates: [ForwardingCandidate] = channels.index.channels(with: peer).compactMap { id in
            let candidate = channels.read(id) { entry -> ForwardingCandidate? in
                guard entry.channel.isAlive, id == named || named == nil || entry.channel.isUsable else { return nil }
                return ForwardingCandidate(
                    channel: id, isUsable: entry.channel.isUsable, takesPathKeys: takesPathKeys, spendable: entry.channel.spendable,
                    terms: terms(id))
            }
            return candidate ?? nil
        }
        // A payer that names the node leaves the choice to us.
        named =
            named
            ?? candidates.max { ($0.isUsable ? 1 : 0, $0.spendable, $1.channel) < ($1.isUsable ? 1 : 0, $1.spendable, $0.channel) }?.channel
        guard let first = candidates.firstIndex(where: { $0.channel == named }) else { return [] }
        candidates.insert(candidates.remove(at: first), at: 0)
        return [candidates[0]] + candidates.dropFirst().filter(\.isUsable)
    }

    /// Offers an HTLC over a channel.
    ///
    /// - Returns: `nil` where there is no such channel.
    mutating func offer(_ htlc: HTLCOffer, over id: ChannelID) throws(ChannelRefusal) -> HTLCID? {
        for case .offered(let number) in try ask(id, .offer(htlc)) { return .outgoing(id, number) }
        return nil
    }

    /// Offers a forwarded HTLC over the first of some channels that takes it.
    mutating func offer(_ htlc: HTLCOffer, over ids: [ChannelID], for request: ForwardRequest) {
        var why: ChannelRefusal?
        for id in ids {
            do throws(ChannelRefusal) {
                guard let outgoing = try offer(htlc, over: id) else { continue }
                return batch.queue.append(.forwarder(.offered(request, outgoing)))
            } catch { why = why ?? error }
        }
        guard let named = ids.first else { return }
        batch.queue.append(.forwarder(.notOffered(request, named: named, isConnected: why != .notConnected, why?.description ?? "")))
    }

    /// Our terms for a channel, for a payer whose own knowledge of them is old; signed once for each change.
    ///
    /// "if it returns a channel_update: MUST set short_channel_id to the short_channel_id used by the incoming onion."
    func signedFailureUpdate(_ id: ChannelID, _ name: ShortChannelID) -> ChannelUpdate? {
        guard let channel = channels[id] else { return nil }
        var update = unsignedUpdate(id, channel, name, timestamp: max(1, terms(id).updateTimestamp))
        if let last = network.failureUpdates[name] {
            update.signature = last.signature
            if update == last { return last }
        }
        update.signature = .missing
        sign(&update)
        return update
    }

    mutating func failureUpdate(_ id: ChannelID, _ request: ForwardRequest) -> [UInt8]? {
        guard case .channel(let name) = request.next, let update = signedFailureUpdate(id, name) else { return nil }
        if network.failureUpdates.count > 2 * channels.count + 100 { network.failureUpdates = [:] }
        network.failureUpdates[name] = update
        return LightningMessage.channelUpdate(update).encoded
    }

    /// The name by which the peer knows a channel that is not public, and that payers may use for it: the alias that it gave us, unless it
    /// is some other channel's name. A peer that gives us another channel's name would have that channel's payments, or its blame.
    func peersName(_ channel: PaymentChannel) -> ShortChannelID? {
        guard let alias = channel.remoteAlias else { return channel.shortChannelID }
        let isOthers =
            network.gossip.graph.contains(alias) && channel.shortChannelID != alias
            || channels.index.channels(withName: alias).contains { $0 != channel.id }
        return isOthers ? channel.shortChannelID : alias
    }

    /// On which terms this node forwards into a channel.
    package func forwardingPolicy(of id: ChannelID) -> ForwardingPolicy { terms(id).current }

    func terms(_ id: ChannelID) -> ForwardingTerms { channels.entry(id)?.terms ?? ForwardingTerms(configuration.forwarding) }

    // MARK: Back

    /// Fulfils or fails an incoming HTLC.
    ///
    /// - Parameter held: how long we had it.
    mutating func resolve(_ id: HTLCID, _ decision: IncomingDecision, heldFor held: Duration) {
        let (resolution, attribution): (HTLC.Resolution, [UInt8]) =
            switch decision {
            case .fulfill(let preimage, let reply): (.fulfilled(preimage), reply?.attribution(heldFor: held) ?? [])
            case .fail(let reply): (.failed(reason: reply.reason), reply.attribution(heldFor: held))
            case .malformed(let hash, let code): (.malformed(onionHash: hash, code: code), [])
            }
        guard channels.contains(id.channel) else {
            // The channel is over for so long that it is in the history: what was decided there does not change any more.
            guard case .fulfilled = resolution, let incoming = circuits.circuit(incoming: id)?.incoming else { return }
            batch.effects.events.append(
                .alert("channel \(id.channel): HTLC \(id.id) was fulfilled long after its close, and brings nothing"))
            return batch.queue.append(.forwarder(.lost(id, incoming.paymentHash, incoming.amount)))
        }
        do throws(ChannelRefusal) {
            try ask(id.channel, .resolve(id.id, resolution, attribution: attribution))
        } catch {
            // The channel was closed meanwhile: the chain has the last word.
            batch.effects.events.append(.alert("channel \(id.channel): HTLC \(id.id) cannot be resolved any more"))
        }
    }

    /// What forwards that are no output of any commitment may be written off for with one peer at a time, whatever channels it has.
    ///
    /// Money at risk: what is failed upstream while it is pending downstream can still be taken there. Below this a channel
    /// is worth more than what its peer could steal; above it, and after the first time that it does, the channel is closed.
    static let writeOffLimit = MilliSatoshi(5_000_000)

    /// The incoming HTLC of a forward has nearly expired: whether downstream can still take what was forwarded.
    ///
    /// The exception to the chain's word are HTLCs that are an output of no commitment, within `writeOffLimit`.
    mutating func judgeStalled(_ circuit: Circuit) {
        let id = circuit.outgoing.channel
        let key = HTLC.Key(isOfferedByLocal: true, id: circuit.outgoing.id)
        if let channel = channels[id], let htlc = channel.commitments.htlcs[key] {
            switch channel.phase {
            case .closing(let closing):
                // What is worth no fee stays where it is: better to lose that than the channel upstream. Not where it is decided already.
                guard closing.close.isOpen(htlc.key), htlc.amount <= Self.smallestWorthClaiming,
                    mayWriteOff(htlc.amount, for: channel.parameters.remoteNodeID)
                else { return }
                tell(id, .writeOff(htlc.id))
            case .closed: return
            case .live, .failed, .dataLost:
                guard channel.isTrimmedEverywhere(htlc), mayWriteOff(htlc.amount, for: channel.parameters.remoteNodeID) else {
                    return tell(id, .giveUp("HTLCs that we forwarded are not answered in time"))
                }
                tell(id, .writeOff(htlc.id))
            }
        }
        batch.queue.append(.forwarder(.expired(incoming: circuit.incoming.key)))
    }

    /// HTLCs of a closed channel up to this are written off as dust is: a claim of less may never be mined.
    static let smallestWorthClaiming = MilliSatoshi(2_000_000)

    private func mayWriteOff(_ amount: MilliSatoshi, for peer: NodeID) -> Bool {
        let channels = channels.channels(with: peer)
        guard !channels.contains(where: \.hasTakenWrittenOff) else { return false }
        return channels.reduce(amount) { $0.saturatingAdding($1.writtenOff) } <= Self.writeOffLimit
    }

    /// The peer took an HTLC that had been failed upstream: nothing more is written off in its favour, for ever.
    mutating func noteTakenWrittenOff(_ id: HTLCID) {
        guard let channel = channels[id.channel], let htlc = channel.commitments.htlcs[.init(isOfferedByLocal: true, id: id.id)],
            htlc.isWrittenOff, !channel.hasTakenWrittenOff
        else { return }
        tell(id.channel, .writtenOffWasTaken)
        batch.effects.events.append(.alert("channel \(id.channel): the peer took an HTLC long after its time; \(htlc.amount) are lost"))
    }

    // MARK: Peers that do not answer

    /// HTLCs that wait for a `revoke_and_ack` until their time is nearly up are taken back, which needs a new connection.
    ///
    /// - Parameter heard: the channels that the block, or its height, concerns.
    mutating func withdrawExpiring(_ heard: Set<ChannelID>) {
        for id in heard.sorted() {
            guard let channel = channels[id], channel.hasExpiringUnsigned(at: height) else { continue }
            batch.effects.events.append(
                .note("channel \(id): the peer does not answer our commitment; HTLCs that wait for it are taken back"))
            if let connection = peers.connections[channel.parameters.remoteNodeID] { close(connection) }
        }
    }

    /// How long a peer may owe us a `revoke_and_ack`.
    static let revocationTimeout = Duration.seconds(60)

    /// A peer that is connected and does not revoke holds up everything behind it: a new connection may help.
    mutating func dropSilentPeers() {
        for id in channels.ids {
            guard let entry = channels.entry(id) else { continue }
            let channel = entry.channel
            guard channel.isOpen, channel.connection == .established, channel.commitments.awaitsRevocation else {
                if entry.owedRevocation != nil { channels.annotate(id) { $0.owedRevocation = nil } }
                continue
            }
            guard let owed = entry.owedRevocation, owed.commitment == channel.commitments.remoteNumber else {
                let now = now
                channels.annotate(id) { $0.owedRevocation = (now, channel.commitments.remoteNumber) }
                continue
            }
            guard now >= owed.since + Self.revocationTimeout else { continue }
            channels.annotate(id) { $0.owedRevocation = nil }
            batch.effects.events.append(.note("channel \(id): no revoke_and_ack for a minute; the connection is closed"))
            if let connection = peers.connections[channel.parameters.remoteNodeID] { close(connection) }
        }
    }

    // MARK: After a restart

    /// HTLCs that were committed and had not been decided come in again; those that were never signed go.
    mutating func resume() {
        lookForKits()
        removeForgotten()
        resumeStreams()
        if !startup.isStoreProven { renewTowerIdentities() }
        for id in channels.ids {
            tell(id, .restarted(isProven: startup.isStoreProven))
            for htlc in channels[id]?.undecidedHTLCs ?? [] { startup.undecided.append((id, htlc.id)) }
        }
    }

    /// Takes up what `resume` found, once the chain is known.
    mutating func receiveUndecided() {
        guard isSynced, !startup.hasReceivedUndecided else { return }
        startup.hasReceivedUndecided = true
        for (id, number) in startup.undecided {
            // A channel may have been closed meanwhile: then only what is held already is waited for.
            guard let channel = channels[id], let htlc = channel.undecidedHTLCs.first(where: { $0.id == number })
            else { continue }
            batch.queue.append(.forwarder(.resumed(IncomingHTLC(htlc, of: channel), onion: htlc.onion, IncomingFacts(htlc, of: channel))))
        }
        startup.undecided = []
        // What cannot be put together again is failed, and no longer promised to the owner.
        batch.queue.append(.forwarder(.allResumed))
    }
}
