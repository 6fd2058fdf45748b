import BitcoinPrimitives
import CryptoPrimitives
import LightningOnion
import LightningRouting
import LightningWire

// From what was decided, here or downstream, to the answer upstream.
extension Forwarder {
    /// The time within which a failure on a blinded path is told, so that its time does not tell where it happened.
    private static let blindedDelay = Duration.seconds(2)

    /// Failures over one channel that are told at once, and the time until there is one more. An HTLC that fails costs its sender
    /// nothing, and us a record for as long as the channel lives: at this rate some 20 MB in a day.
    private static let failureRate = TokenBucket.Rate(burst: 10_000, interval: .milliseconds(100))
    /// The time by which all others are told later: with 483 HTLCs under way there are 16 of them in a second.
    private static let failureDelay = Duration.seconds(30)

    mutating func decide(_ id: HTLCID, _ decision: IncomingDecision, _ context: borrowing Context) -> [Effect] {
        // A replay is told at once: after a restart it could not be told from the first.
        guard !refusedReplays.contains(id) else { return resolve(id, decision, context) }
        var delay = Duration.zero
        if case .fail(let reply) = decision, reply.isDelayed {
            delay = .milliseconds(Int64(entropy.uint64() % Self.blindedDelay.wholeMilliseconds))
        }
        if isOneTooMany(id, decision, context) { delay += Self.failureDelay }
        guard delay > .zero else { return resolve(id, decision, context) }
        delayed.append(DelayedDecision(due: context.now + delay, htlc: id, decision: decision))
        return []
    }

    /// Whether an HTLC that fails, and that the peer's commitments hold as an output, is one more than should come in such a time.
    private mutating func isOneTooMany(_ id: HTLCID, _ decision: IncomingDecision, _ context: borrowing Context) -> Bool {
        switch decision {
        case .fulfill: return false
        case .fail, .malformed: break
        }
        guard arrivals[id]?.isOutput == true else { return false }
        let now = context.now
        return !failureRates[id.channel, default: TokenBucket(Self.failureRate, now: now)].take(Self.failureRate, now: now)
    }

    private mutating func resolve(_ id: HTLCID, _ decision: IncomingDecision, _ context: borrowing Context) -> [Effect] {
        let arrival = arrivals.removeValue(forKey: id)
        // What is remembered is the first of them.
        let isReplay = refusedReplays.remove(id) != nil
        switch decision {
        case .fulfill: break
        case .fail, .malformed:
            let secret = arrival?.sharedSecret ?? circuits.circuit(incoming: id)?.errorContext.sharedSecret
            if let secret, !isReplay { replays.remove(sharedSecret: secret) }
        }
        circuits.answered(incoming: id)
        return [.resolve(id, decision, heldFor: context.now.since(arrival?.at ?? context.now))]
    }

    mutating func tick(_ context: borrowing Context) -> [Effect] {
        let now = context.now
        let due = delayed.filter { now >= $0.due }
        delayed.removeAll { now >= $0.due }
        var effects: [Effect] = []
        for entry in due {
            // What is under way downstream is never failed upstream, whatever was to be told of it before.
            guard circuits.circuit(incoming: entry.htlc)?.isPending != true else { continue }
            effects += resolve(entry.htlc, entry.decision, context)
        }
        return effects
    }

    // MARK: What comes from downstream

    /// The next node gave the preimage: it goes on upstream at once.
    mutating func fulfilled(
        _ incoming: HTLCID, _ outgoing: HTLCID, _ preimage: PaymentPreimage, _ attribution: [UInt8], _ context: borrowing Context
    ) -> [Effect] {
        guard let circuit = circuits.fulfill(incoming: incoming, preimage, at: context.second) else { return [.takenTooLate(outgoing)] }
        return decide(incoming, circuit.errorContext.fulfill(preimage, attribution: attribution), context)
    }

    /// An incoming HTLC that we fulfilled is gone from both commitments: what it brought is ours, and what it earned.
    mutating func settled(_ id: HTLCID, _ hash: PaymentHash, _ context: borrowing Context) -> [Effect] {
        guard let circuit = circuits.settle(incoming: id, at: context.second) else { return [.paid(id, hash)] }
        return [.ended(circuit)]
    }

    /// An incoming HTLC that we fulfilled brought nothing: what was forwarded for it is lost.
    mutating func lost(_ id: HTLCID, _ hash: PaymentHash, _ amount: MilliSatoshi, _ context: borrowing Context) -> [Effect] {
        guard let circuit = circuits.lose(incoming: id, at: context.second) else { return [.unpaid(id, hash, amount)] }
        return [.ended(circuit)]
    }

    /// The next node, or the chain, failed the HTLC: so do we.
    mutating func failed(_ incoming: HTLCID, _ failure: HTLCFailure, _ context: borrowing Context) -> [Effect] {
        guard let circuit = circuits.circuit(incoming: incoming), circuit.isPending else { return [] }
        let (decision, text) = answer(to: failure, circuit.errorContext)
        return end(incoming, decision, text, context)
    }

    private func answer(to failure: HTLCFailure, _ errorContext: OnionErrorContext) -> (IncomingDecision, String) {
        switch failure {
        case .onChain: return (errorContext.fail(.permanentChannelFailure), "the next channel was closed")
        case .packet(let packet, _) where packet.count < FailurePacket.minimumLength:
            // Nobody on the way could read that: what is known of it is that the channel did not carry the payment.
            return (errorContext.fail(.temporaryChannelFailure(update: [])), "the next node sent a failure that cannot be read")
        case .packet(let packet, let attribution):
            return (errorContext.fail(packet: packet, attribution: attribution), "it came back from further on")
        case .malformed(let hash, let code):
            // BOLT 4 "Returning Errors": the next node could not read the onion; we say so in its place.
            let message = ByteWriter.bytes {
                $0.uint16(code)
                $0.write(hash)
            }
            return (errorContext.fail(FailureMessage(message)), "the next node could not read the onion")
        case .notSent: return (errorContext.fail(.channelDisabled(flags: 0, update: [])), "the next peer was disconnected")
        }
    }

    private mutating func end(_ incoming: HTLCID, _ decision: IncomingDecision, _ why: String, _ context: borrowing Context) -> [Effect] {
        guard let ended = circuits.fail(incoming: incoming, why, at: context.second) else { return [] }
        return decide(incoming, decision, context) + [.ended(ended)]
    }

    // MARK: Time

    /// Blocks before an incoming HTLC expires at which it is looked at whether downstream can still take what was forwarded.
    package static let upstreamFailMargin = 6

    /// A downstream that stalls does not cost us the upstream channel as well.
    ///
    /// An HTLC is only ever failed upstream when downstream cannot take it any more. Once the downstream channel is closed, that is the
    /// chain's word (BOLT 5: "once the resolving transaction has reached reasonable depth"), or the HTLC's absence from what was mined; as
    /// long as neither is there, upstream times out on its own, and its channel with it.
    mutating func block(_ context: borrowing Context) -> [Effect] {
        replays.prune(height: context.height)
        let height = context.height
        return circuits.pending.filter { height + Self.upstreamFailMargin >= $0.incoming.cltvExpiry.height }.map { .stalled($0) }
    }

    mutating func expired(_ incoming: HTLCID, _ context: borrowing Context) -> [Effect] {
        guard let circuit = circuits.circuit(incoming: incoming), circuit.isPending else { return [] }
        return end(
            incoming, circuit.errorContext.fail(.temporaryChannelFailure(update: [])), "the next node did not answer in time", context)
    }
}
