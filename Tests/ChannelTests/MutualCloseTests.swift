import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningEnforcement
import LightningWire
import Testing

/// Closes with peers that round, wait and hurry otherwise than we.
@Suite("closing together")
struct MutualCloseTests {
    /// Both sides have said `shutdown`; alice is the opener, and has not proposed yet where her messages are kept back.
    private static func shutDown(_ change: (inout ChannelPair) -> Void = { _ in }) throws -> (ChannelPair, [LightningMessage]) {
        var pair = try ChannelPair()
        change(&pair)
        let asked = ChannelPair.messages(try pair.bob.shutdown(to: .p2wpkh(ChannelPair.node("bob")), pair.environments.bob))
        let answers = try pair.deliver(asked, to: .alice) + pair.flush(.alice)
        let shutdowns = answers.filter { if case .shutdown = $0 { true } else { false } }
        try pair.deliver(shutdowns, to: .bob)
        return (pair, answers)
    }

    private static func proposal(_ messages: [LightningMessage]) throws -> ClosingSigned {
        try #require(messages.compactMap { if case .closingSigned(let body) = $0 { body } else { nil } }.last)
    }

    /// A close to two P2WPKH weighs 676 at the most: 169 virtual bytes. At 253 sat/kw others round that to 171 sat, and we to 172.
    @Test("one satoshi for each virtual byte is enough, in whatever way it was rounded")
    func floor() throws {
        var (pair, answers) = try Self.shutDown { $0.environments.alice.feeRate = .floor }
        var offer = try Self.proposal(answers)
        #expect(offer.fee == Satoshi(172))
        // Alice signs what the other implementation would: less by the fraction, and no range.
        for fee in [Satoshi(171), Satoshi(169)] {
            var copy = pair
            copy.environments.alice.feeRate = .floor
            offer = copy.alice.closingSigned(fee: fee, range: fee...fee, copy.environments.alice)
            // The oldest form has no range.
            if fee == Satoshi(169) { offer.tlvs = TLVStream() }
            let reply = try copy.deliver([.closingSigned(offer)], to: .bob)
            #expect(try Self.proposal(reply).fee == fee)
            #expect(copy.effects.contains { if case .closing(.mutual) = $0 { true } else { false } })
        }
        // Less than that nobody relays: bob warns, and stays.
        offer = pair.alice.closingSigned(fee: Satoshi(120), range: Satoshi(100)...Satoshi(150), pair.environments.alice)
        do {
            try pair.deliver([.closingSigned(offer)], to: .bob)
            Issue.record("accepted")
        } catch let violation as ProtocolViolation {
            #expect(violation == .closingFeesOutOfReach(Satoshi(100)...Satoshi(150)))
        }
        #expect(pair.bob.isNegotiatingClose)
    }

    @Test("closing_signed while an update_fee is under way is answered, on either side")
    func feeUpdateUnderWay() throws {
        var pair = try ChannelPair()
        // Alice's update_fee is signed and not yet revoked by bob when both shutdowns are out.
        let fee = ChannelPair.messages(try pair.alice.setFeeRate(FeeRate(perKiloweight: 2000), estimate: FeeRate(perKiloweight: 2000)))
        try pair.deliver(fee + pair.flush(.alice), to: .bob)
        let asked = ChannelPair.messages(try pair.alice.shutdown(to: .p2wpkh(ChannelPair.node("alice")), pair.environments.alice))
        let answers = try pair.deliver(asked, to: .bob) + pair.flush(.bob)
        try pair.deliver(answers.filter { if case .shutdown = $0 { true } else { false } }, to: .alice)
        let offer = pair.alice.closingSigned(fee: Satoshi(500), range: Satoshi(200)...Satoshi(900), pair.environments.alice)
        let reply = try pair.deliver([.closingSigned(offer)], to: .bob)
        #expect(try Self.proposal(reply).fee == Satoshi(500))
    }

    @Test("a close of an absent peer's channel begins when it is back")
    func peerAway() throws {
        var pair = try ChannelPair()
        _ = pair.alice.disconnect()
        _ = pair.bob.disconnect()
        #expect(ChannelPair.messages(try pair.alice.shutdown(pair.environments.alice)).isEmpty)
        #expect(pair.alice.isShuttingDown && !pair.alice.isNegotiatingClose)
        // It is remembered over a restart: the record says so.
        let again = ChannelPair.messages(pair.alice.connect(pair.environments.alice))
        let other = ChannelPair.messages(pair.bob.connect(pair.environments.bob))
        try pair.settle(toBob: again, toAlice: other)
        #expect(pair.effects.contains { if case .closing(.mutual) = $0 { true } else { false } })
    }
}
