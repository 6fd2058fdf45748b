import BitcoinPrimitives
import CryptoPrimitives
import LightningOnion
import LightningPayment
import LightningRecords
import LightningWire
import TestSupport
import Testing

extension Forwarder {
    fileprivate func with<Result>(_ body: (inout Forwarder) -> Result) -> Result {
        var copy = self
        return body(&copy)
    }
}

/// The forwarding machine by itself: HTLCs in, what is asked of others out.
@Suite("the forwarder", .ownThreads)
struct ForwarderTests {
    static let identity = NodeIdentity(SecretKey(Hash.sha256(Array("forwarder".utf8)))!)
    static let next = SecretKey(Hash.sha256(Array("next".utf8)))!.publicKey()
    static let preimage = PaymentPreimage(Hash.sha256([7]))
    static let upstream = ChannelID(Hash.sha256([1]))
    static let downstream = ChannelID(Hash.sha256([2]))
    static let other = ChannelID(Hash.sha256([3]))
    static let name = ShortChannelID(block: 100, transaction: 1, output: 0)
    static let sound = IncomingFacts(isSound: true, isOutput: true)

    static func context(height: BlockHeight = 100, now: Timestamp = Timestamp(milliseconds: 1_700_000_000_000), isSynced: Bool = true)
        -> Forwarder.Context
    {
        Forwarder.Context(now: now, height: height, isSynced: isSynced, identity: identity)
    }

    static func machine() -> Forwarder {
        Forwarder(circuits: Circuits(), replays: OnionReplays(), entropy: Entropy(seed: Hash.sha256([5])))
    }

    /// An HTLC whose onion asks for 10,000 msat to be forwarded over `name`.
    static func incoming(_ id: UInt64 = 0, amount: UInt64 = 20_000, expiry: UInt32 = 300, session: UInt8 = 9) -> (IncomingHTLC, [UInt8]) {
        let payload = HopPayload.forward(amount: MilliSatoshi(10_000), cltvExpiry: 200, over: name)
        let last = HopPayload.final(
            amount: MilliSatoshi(10_000), cltvExpiry: 200, paymentSecret: .zero, total: MilliSatoshi(10_000), metadata: nil)
        let onion = OnionPacket.create(
            sessionKey: SecretKey(Hash.sha256([session]))!,
            hops: [.init(nodeID: identity.nodeID, payload: payload.encoded()), .init(nodeID: next, payload: last.encoded())],
            associatedData: preimage.paymentHash.bytes.array)!.packet
        let htlc = IncomingHTLC(
            key: .incoming(upstream, id), amount: MilliSatoshi(amount), paymentHash: preimage.paymentHash, cltvExpiry: CLTVExpiry(expiry))
        return (htlc, onion)
    }

    static func candidate(_ id: ChannelID, spendable: UInt64 = 1_000_000, isUsable: Bool = true) -> ForwardingCandidate {
        ForwardingCandidate(
            channel: id, isUsable: isUsable, takesPathKeys: false, spendable: MilliSatoshi(spendable),
            terms: ForwardingTerms(ForwardingPolicy()))
    }

    /// A machine that has forwarded one HTLC downstream.
    static func forwarded(_ id: UInt64 = 0) throws -> Forwarder {
        var machine = machine()
        let (htlc, onion) = incoming(id)
        guard case .findCandidates(let request)? = machine.handle(.received(htlc, onion: onion, sound), context()).first else {
            throw Unexpected()
        }
        _ = machine.handle(.candidates(request, [candidate(downstream)]), context())
        #expect(machine.handle(.offered(request, .outgoing(downstream, 4)), context()).isEmpty)
        return machine
    }

    struct Unexpected: Error {}

    private static func failure(_ effects: [Forwarder.Effect]) -> HTLCID? {
        effects.compactMap { effect -> HTLCID? in
            if case .resolve(let id, .fail, _) = effect { return id }
            return nil
        }.first
    }

    @Test("an HTLC is peeled, offered over the named channel first and then over the peer's others, and opens a circuit")
    func onward() throws {
        var machine = Self.machine()
        let (htlc, onion) = Self.incoming()
        guard case .findCandidates(let request)? = machine.handle(.received(htlc, onion: onion, Self.sound), Self.context()).first else {
            throw Unexpected()
        }
        #expect(request.next == .channel(Self.name) && request.amount == MilliSatoshi(10_000))
        let third = ChannelID(Hash.sha256([4]))
        let asked = machine.handle(
            .candidates(
                request,
                [
                    Self.candidate(Self.downstream, isUsable: false), Self.candidate(Self.other, spendable: 5), Self.candidate(third),
                    Self.candidate(ChannelID(Hash.sha256([6])), isUsable: false),
                ]), Self.context())
        guard case .offer(_, let offer, let channels)? = asked.first else { throw Unexpected() }
        #expect(channels == [Self.downstream, third, Self.other])
        #expect(offer.origin == .forward(incoming: htlc.key) && offer.cltvExpiry == 200 && offer.paymentHash == htlc.paymentHash)
        #expect(machine.circuits.pending.isEmpty)
        _ = machine.handle(.offered(request, .outgoing(third, 4)), Self.context())
        #expect(machine.circuits.pending.map(\.outgoing) == [.outgoing(third, 4)])
        // What was stored is what there is.
        var restored = Self.machine()
        #expect(!restored.hasSameState(as: machine))
        let writes = machine.drainWrites()
        restored = Forwarder(
            circuits: try Circuits(records: writes.changes(of: .circuits).compactMap(\.record), totals: nil),
            replays: try OnionReplays(records: writes.changes(of: .onions).map { ($0.key, $0.record ?? []) }),
            entropy: Entropy(seed: .zero))
        #expect(restored.hasSameState(as: machine))
    }

    @Test("the preimage goes upstream at once; what was earned is told when upstream is settled")
    func fulfilled() throws {
        var machine = try Self.forwarded()
        let incoming = HTLCID.incoming(Self.upstream, 0)
        let event = Forwarder.Event.fulfilled(incoming: incoming, outgoing: .outgoing(Self.downstream, 4), Self.preimage, attribution: [])
        guard
            case .resolve(incoming, .fulfill(Self.preimage, _), .milliseconds(1500))? = machine.handle(
                event, Self.context(now: Timestamp(milliseconds: 1_700_000_001_500))
            ).first
        else { throw Unexpected() }
        #expect(machine.circuits.pending.isEmpty && machine.circuits.totals.forwards == 0)
        guard case .ended(let circuit)? = machine.handle(.settled(incoming, Self.preimage.paymentHash), Self.context()).first else {
            throw Unexpected()
        }
        #expect(circuit.fee == MilliSatoshi(10_000) && machine.circuits.totals.forwards == 1)
        #expect(machine.circuits.totalsByChannel[Self.downstream]?.fees == MilliSatoshi(10_000))
        // It is over, and not in memory any more.
        let writes = machine.drainWrites()
        #expect(machine.circuits.all.isEmpty && writes.changes(of: .circuits).map(\.record) == [nil])
        #expect(try Circuit(record: try #require(writes.changes(of: .forwardHistory).first?.record)) == circuit)
        #expect(writes.changes(of: .cheapForwards).isEmpty)
        // A payment to ourselves is the receiver's.
        guard case .paid? = machine.handle(.settled(.incoming(Self.upstream, 9), Self.preimage.paymentHash), Self.context()).first else {
            throw Unexpected()
        }
    }

    @Test("however downstream fails, upstream is failed once")
    func failed() throws {
        let failures: [HTLCFailure] = [
            .packet([UInt8](repeating: 1, count: 292), []), .packet([1], []), .onChain, .malformed(.zero, 0xc005), .notSent,
        ]
        for failure in failures {
            var machine = try Self.forwarded()
            let incoming = HTLCID.incoming(Self.upstream, 0)
            let effects = machine.handle(.failed(incoming: incoming, failure), Self.context())
            #expect(effects.count == 2 && Self.failure(effects) == incoming)
            #expect(machine.handle(.failed(incoming: incoming, failure), Self.context()).isEmpty)
            #expect(machine.circuits.totals.failures == 1 && machine.circuits.pending.isEmpty)
            // Its onion is forgotten: whoever sent it may try again.
            #expect(machine.occupancy.onions == 0 && machine.occupancy.arrivals == 0)
        }
    }

    @Test("six blocks before its end a forward is stalled; it fails upstream only when downstream is out of the question")
    func stalled() throws {
        var machine = try Self.forwarded()
        let incoming = HTLCID.incoming(Self.upstream, 0)
        #expect(machine.handle(.block, Self.context(height: 293)).isEmpty)
        guard case .stalled(let circuit)? = machine.handle(.block, Self.context(height: 294)).first else { throw Unexpected() }
        #expect(circuit.outgoing == .outgoing(Self.downstream, 4) && machine.circuits.pending.count == 1)
        #expect(Self.failure(machine.handle(.expired(incoming: incoming), Self.context(height: 294))) == incoming)
        // Downstream takes it after all: that is told, and nothing goes upstream.
        let late = Forwarder.Event.fulfilled(incoming: incoming, outgoing: circuit.outgoing, Self.preimage, attribution: [])
        let effects = machine.handle(late, Self.context(height: 295))
        guard case .takenTooLate(circuit.outgoing)? = effects.first, effects.count == 1 else { throw Unexpected() }
    }

    @Test("an onion that comes again, one for a chain that is behind, one over a channel that is not sound, and one for too long")
    func refusals() throws {
        let (htlc, onion) = Self.incoming(1)
        var machine = try Self.forwarded()
        let replayed = machine.handle(.received(htlc, onion: onion, Self.sound), Self.context())
        guard case .replayed(htlc.key)? = replayed.first, Self.failure(replayed) == htlc.key else { throw Unexpected() }
        // The first of them is still remembered.
        #expect(machine.occupancy.onions == 1)
        machine = Self.machine()
        #expect(Self.failure(machine.handle(.received(htlc, onion: onion, Self.sound), Self.context(isSynced: false))) == htlc.key)
        let unsound = IncomingFacts(isSound: false, isOutput: true)
        #expect(Self.failure(machine.handle(.received(htlc, onion: onion, unsound), Self.context())) == htlc.key)
        let (long, _) = Self.incoming(2, expiry: 100 + 2016 + 145)
        #expect(Self.failure(machine.handle(.received(long, onion: onion, Self.sound), Self.context())) == long.key)
        guard case .resolve(_, .malformed(_, let code), _)? = machine.handle(.received(htlc, onion: [1], Self.sound), Self.context()).first
        else { throw Unexpected() }
        #expect(code & 0x8000 != 0)
        #expect(machine.occupancy.onions == 0)
    }

    @Test("a channel that takes nothing, an absent peer, no channel at all: each has its failure")
    func notOffered() throws {
        var machine = Self.machine()
        let (htlc, onion) = Self.incoming()
        guard case .findCandidates(let request)? = machine.handle(.received(htlc, onion: onion, Self.sound), Self.context()).first else {
            throw Unexpected()
        }
        func refusal(_ effects: [Forwarder.Effect]) -> FailureMessage? {
            for case .refuse(_, let message, _) in effects { return message }
            return nil
        }
        #expect(refusal(machine.handle(.candidates(request, []), Self.context())) == .unknownNextPeer)
        func notOffered(isConnected: Bool) -> FailureMessage? {
            refusal(machine.handle(.notOffered(request, named: Self.downstream, isConnected: isConnected, "full"), Self.context()))
        }
        #expect(notOffered(isConnected: true) == .temporaryChannelFailure(update: []))
        #expect(notOffered(isConnected: false) == .channelDisabled(flags: 0, update: []))
        var dear = ForwardingPolicy()
        dear.feeBase = 20_000
        var candidate = Self.candidate(Self.downstream)
        candidate.terms = ForwardingTerms(dear)
        #expect(refusal(machine.handle(.candidates(request, [candidate]), Self.context())) == .feeInsufficient(htlc.amount, update: []))
    }

    @Test("after a restart a forward is never sent again: it goes on, or its answer is given")
    func resumed() throws {
        let (htlc, onion) = Self.incoming()
        var machine = try Self.forwarded()
        #expect(machine.handle(.resumed(htlc, onion: onion, Self.sound), Self.context()).isEmpty)
        // It failed, and the node stopped before the answer was given.
        var circuits = machine.circuits
        _ = circuits.fail(incoming: htlc.key, "", at: Timestamp(seconds: 1))
        let stored = circuits.drainWrites()
        #expect(stored.changes(of: .forwardHistory).isEmpty)
        for isResumed in [true, false] {
            var again = Forwarder(
                circuits: try Circuits(records: stored.changes(of: .circuits).compactMap(\.record), totals: nil), replays: OnionReplays(),
                entropy: Entropy(seed: .zero))
            if isResumed {
                #expect(Self.failure(again.handle(.resumed(htlc, onion: onion, Self.sound), Self.context())) == htlc.key)
            } else {
                // Its channel is gone, and nobody waits for the answer.
                _ = again.handle(.allResumed, Self.context())
            }
            #expect(again.circuits.all.isEmpty && again.drainWrites().changes(of: .forwardHistory).count == 1)
        }
        machine = try Self.forwarded()
        let event = Forwarder.Event.fulfilled(
            incoming: htlc.key, outgoing: .outgoing(Self.downstream, 4), Self.preimage, attribution: [])
        _ = machine.handle(event, Self.context())
        guard
            case .resolve(htlc.key, .fulfill(Self.preimage, _), _)? = machine.handle(
                .resumed(htlc, onion: onion, Self.sound), Self.context()
            ).first
        else { throw Unexpected() }
        // The receiver hears that all have come only after it has heard of each.
        guard case .allResumed? = machine.handle(.allResumed, Self.context()).first else { throw Unexpected() }
    }

    @Test("of forwards that fail the last 10,000 are kept, also over restarts: they cost their senders nothing")
    func failures() throws {
        var contents = StoreContents()
        var circuits = Circuits()
        guard
            case .findCandidates(let request)? = Self.machine().with({
                $0.handle(.received(Self.incoming().0, onion: Self.incoming().1, Self.sound), Self.context())
            }).first
        else { throw Unexpected() }
        for number in 0..<10_003 {
            var request = request
            request.incoming.key = .incoming(Self.upstream, UInt64(number))
            circuits.open(
                Circuit(request, outgoing: .outgoing(Self.downstream, UInt64(number)), createdAt: Timestamp(milliseconds: UInt64(number))))
            _ = circuits.fail(incoming: request.incoming.key, "", at: Timestamp(seconds: 1))
            circuits.answered(incoming: request.incoming.key)
            contents.apply(circuits.drainWrites())
            guard number == 5000 else { continue }
            let restored = try Circuits(
                records: contents.records(.circuits), totals: contents.record(.meta, "forwards"), cheap: contents.entries(.cheapForwards),
                channels: contents.entries(.forwardTotals))
            #expect(restored.hasSameState(as: circuits))
            circuits = restored
        }
        let left = try contents.records(.forwardHistory).map { try Circuit(record: $0).createdAt }
        #expect(left.map(\.milliseconds) == Array(3..<10_003) && contents.records(.cheapForwards).count == 10_000)
        #expect(circuits.totals.failures == 10_003 && circuits.totalsByChannel[Self.downstream]?.failures == 10_003)
    }

    @Test("of two HTLCs with one onion that come together the second is refused before the first has gone out")
    func replayedAtOnce() throws {
        var machine = Self.machine()
        let (first, onion) = Self.incoming(0)
        let (second, _) = Self.incoming(1)
        guard case .findCandidates(let request)? = machine.handle(.received(first, onion: onion, Self.sound), Self.context()).first else {
            throw Unexpected()
        }
        let refused = machine.handle(.received(second, onion: onion, Self.sound), Self.context())
        guard case .replayed(second.key)? = refused.first, Self.failure(refused) == second.key else { throw Unexpected() }
        _ = machine.handle(.candidates(request, [Self.candidate(Self.downstream)]), Self.context())
        _ = machine.handle(.offered(request, .outgoing(Self.downstream, 4)), Self.context())
        // What is remembered is the one that is under way.
        #expect(machine.occupancy.onions == 1)
        let (third, _) = Self.incoming(2)
        guard case .replayed? = machine.handle(.received(third, onion: onion, Self.sound), Self.context()).first else { throw Unexpected() }
    }
}
