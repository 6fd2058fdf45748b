package import BitcoinPrimitives
package import CryptoPrimitives
package import LightningOnion
package import LightningRecords
import LightningRouting
package import LightningWire

/// Incoming HTLCs: each is peeled, and goes on to the receiver or to the next node; and the way back of what was decided (BOLT 4 "Accepting
/// and Forwarding a Payment").
///
/// Money at risk: what goes out must come back in. An HTLC is failed upstream only when downstream cannot take it any more, and a preimage
/// from downstream always goes upstream.
package struct Forwarder: Machine, Sendable {
    package internal(set) var circuits: Circuits
    var replays: OnionReplays
    var entropy: Entropy
    /// Incoming HTLCs that wait for a decision.
    var arrivals: [HTLCID: Arrival] = [:]
    /// HTLCs that are refused because their onion has come before, until they are answered.
    var refusedReplays: Set<HTLCID> = []
    /// Failures that are told later. A restart decides their HTLCs anew.
    var delayed: [DelayedDecision] = []
    /// What may be failed over each channel at once.
    var failureRates: [ChannelID: TokenBucket] = [:]

    struct Arrival: Sendable {
        /// When it came: what we tell the payer of how long we held it.
        var at: Timestamp
        /// Whether the peer's commitments hold it as an output: then its failure leaves something to be remembered.
        var isOutput: Bool
        /// Of its onion, once that is read: what is remembered of it goes when it fails.
        var sharedSecret: Bytes32?
    }

    struct DelayedDecision: Sendable {
        var due: Timestamp
        var htlc: HTLCID
        var decision: IncomingDecision
    }

    package init(circuits: Circuits, replays: OnionReplays, entropy: Entropy) {
        self.circuits = circuits
        self.replays = replays
        self.entropy = entropy
    }

    // MARK: The machine

    package indirect enum Event: Sendable {
        /// An HTLC of a peer is irrevocably committed.
        case received(IncomingHTLC, onion: [UInt8], IncomingFacts)
        /// The same, before a restart: it was not answered then.
        case resumed(IncomingHTLC, onion: [UInt8], IncomingFacts)
        /// Every HTLC from before a restart has been told.
        case allResumed
        /// The channels that lead to the next node, the one that was named first.
        case candidates(ForwardRequest, [ForwardingCandidate])
        /// The next peer was offered the HTLC, over one of the channels.
        case offered(ForwardRequest, HTLCID)
        /// No channel takes it; the first was the one that was named.
        case notOffered(ForwardRequest, named: ChannelID, isConnected: Bool, String)
        /// What is to become of an incoming HTLC.
        case decided(HTLCID, IncomingDecision)
        /// The next node gave the preimage of what was forwarded.
        case fulfilled(incoming: HTLCID, outgoing: HTLCID, PaymentPreimage, attribution: [UInt8])
        /// The next node, or the chain, failed what was forwarded.
        case failed(incoming: HTLCID, HTLCFailure)
        /// An incoming HTLC that we fulfilled has left both commitments.
        case settled(HTLCID, PaymentHash)
        /// An incoming HTLC that we fulfilled brought nothing: layer 1 gave it to the peer or to a miner.
        case lost(HTLCID, PaymentHash, MilliSatoshi)
        /// A block came.
        case block
        /// The next peer did not answer in time and cannot take it, or it is given up for lost.
        case expired(incoming: HTLCID)
        case tick
        case channelForgotten(ChannelID)
    }

    package indirect enum Effect: Sendable {
        /// The onion ends here.
        ///
        /// - Parameter refusal: why it would be failed, if it were not a part of a payment that was held before a restart.
        case deliver(IncomingHTLC, HopPayload, OnionErrorContext, refusal: FailureMessage?, isResumed: Bool)
        case allResumed
        /// Which channels lead to the next node?
        case findCandidates(ForwardRequest)
        /// To be offered over the first of these channels that takes it.
        case offer(ForwardRequest, HTLCOffer, over: [ChannelID])
        /// To be failed; where a channel is named, with our newest terms for it.
        case refuse(ForwardRequest, FailureMessage, over: ChannelID?)
        case resolve(HTLCID, IncomingDecision, heldFor: Duration)
        /// A payment to us, or a part of one, is irrevocably ours.
        case paid(HTLCID, PaymentHash)
        /// A payment to us, or a part of one, brought nothing.
        case unpaid(HTLCID, PaymentHash, MilliSatoshi)
        /// The incoming HTLC of a forward has nearly expired, and downstream has not answered.
        case stalled(Circuit)
        /// The next peer took an HTLC whose incoming one had been failed already.
        case takenTooLate(HTLCID)
        case ended(Circuit)
        case notForwarded(IncomingHTLC, over: ChannelID, String)
        case replayed(HTLCID)
    }

    package struct Context: Sendable {
        /// When it is.
        package var now: Timestamp
        package var height: BlockHeight
        /// Whether the chain is at its tip: where not, a preimage given away could be worth nothing.
        package var isSynced: Bool
        package var identity: NodeIdentity

        package init(now: Timestamp, height: BlockHeight, isSynced: Bool, identity: NodeIdentity) {
            self.now = now
            self.height = height
            self.isSynced = isSynced
            self.identity = identity
        }

        /// For what is kept in whole seconds.
        var second: Timestamp { now.wholeSecond }
    }

    package mutating func handle(_ event: Event, _ context: borrowing Context) -> [Effect] {
        switch event {
        case .received(let htlc, let onion, let facts): receive(htlc, onion, facts, isResumed: false, context)
        case .resumed(let htlc, let onion, let facts): resume(htlc, onion, facts, context)
        case .allResumed: allResumed()
        case .candidates(let request, let candidates): forward(request, candidates, context)
        case .offered(let request, let outgoing): offered(request, outgoing, context)
        case .notOffered(let request, let named, let isConnected, let why): notOffered(request, named, isConnected, why)
        case .decided(let id, let decision): decide(id, decision, context)
        case .fulfilled(let incoming, let outgoing, let preimage, let attribution):
            fulfilled(incoming, outgoing, preimage, attribution, context)
        case .failed(let incoming, let failure): failed(incoming, failure, context)
        case .settled(let id, let hash): settled(id, hash, context)
        case .lost(let id, let hash, let amount): lost(id, hash, amount, context)
        case .block: block(context)
        case .expired(let incoming): expired(incoming, context)
        case .tick: tick(context)
        case .channelForgotten(let id): forget(id)
        }
    }

    package mutating func drainWrites() -> [StoreWrite] { circuits.drainWrites() + replays.drainWrites() }

    /// Whether a store holds what this machine does.
    package func hasSameState(as other: Forwarder) -> Bool {
        circuits.hasSameState(as: other.circuits) && replays.hasSameState(as: other.replays)
    }

    /// What peers can fill: HTLCs that wait, decisions that are told later, replays to be refused, rates of channels, onions.
    package var occupancy: (arrivals: Int, delayed: Int, refused: Int, rates: Int, onions: Int) {
        (arrivals.count, delayed.count, refusedReplays.count, failureRates.count, replays.count)
    }

    /// A forward that ended before the restart, and whose incoming HTLC waits for no answer any more, is over.
    private mutating func allResumed() -> [Effect] {
        for circuit in circuits.all where circuit.hasEnded && arrivals[circuit.incoming.key] == nil {
            circuits.answered(incoming: circuit.incoming.key)
        }
        return [.allResumed]
    }

    private mutating func forget(_ id: ChannelID) -> [Effect] {
        failureRates[id] = nil
        return []
    }
}

/// What an incoming HTLC's channel says of it when it is committed.
package struct IncomingFacts: Hashable, Sendable {
    /// Whether money over the channel can be counted on: its funding is deep in the chain, and the HTLC is not more dust than may be lost.
    package var isSound: Bool
    /// Whether the peer's commitments may hold it as an output.
    package var isOutput: Bool

    package init(isSound: Bool, isOutput: Bool) {
        self.isSound = isSound
        self.isOutput = isOutput
    }
}

/// A channel over which an HTLC could be forwarded.
package struct ForwardingCandidate: Hashable, Sendable {
    package var channel: ChannelID
    package var isUsable: Bool
    /// Whether the peer knows path keys: one that does not would end the connection.
    package var takesPathKeys: Bool
    package var spendable: MilliSatoshi
    package var terms: ForwardingTerms

    package init(channel: ChannelID, isUsable: Bool, takesPathKeys: Bool, spendable: MilliSatoshi, terms: ForwardingTerms) {
        self.channel = channel
        self.isUsable = isUsable
        self.takesPathKeys = takesPathKeys
        self.spendable = spendable
        self.terms = terms
    }
}

/// How an HTLC of ours failed.
package enum HTLCFailure: Hashable, Sendable {
    /// An encrypted failure, with attribution data where the peer sent some.
    case packet([UInt8], [UInt8])
    /// The channel was closed, and layer 1 gave it back.
    case onChain
    case malformed(Bytes32, UInt16)
    /// The peer never had it.
    case notSent
}
