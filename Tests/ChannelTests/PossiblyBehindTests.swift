import BitcoinPrimitives
import CryptoPrimitives
import LightningTransactions
import LightningWire
import Testing

@testable import LightningChannel

@Suite("a database that may be an old copy publishes nothing before the peer has shown that it is the newest")
struct PossiblyBehindTests {
    /// A pair whose states moved on, with bob's end as it was before.
    private func pair() throws -> (pair: ChannelPair, old: PaymentChannel) {
        var pair = try ChannelPair()
        try pair.settle(toBob: try pair.offer(20_000))
        let old = pair.bob
        let id = pair.bob.commitments.htlcs.keys.first!.id
        try pair.settle(toAlice: ChannelPair.messages(try pair.bob.resolve(id, .fulfilled(ChannelPair.preimage))))
        return (pair, old)
    }

    /// A channel as its records rebuild it.
    private func stored(_ channel: PaymentChannel) throws -> PaymentChannel {
        var channel = channel
        channel.isChanged = true
        let head = try #require(channel.takeWrites().head)
        return try PaymentChannel(head: head, htlcs: channel.commitments.htlcs.values.map(PaymentChannel.encode))
    }

    /// Bob starts with a database that is not known to be the newest.
    private func restart(_ channel: PaymentChannel, _ pair: inout ChannelPair) throws {
        pair.bob = try stored(channel)
        _ = pair.bob.handle(.restarted(isProven: false), pair.environments.bob)
        #expect(pair.bob.isPossiblyBehind)
        // What the doubt means outlives the next start.
        pair.bob = try stored(pair.bob)
        _ = pair.bob.handle(.restarted(), pair.environments.bob)
        #expect(pair.bob.isPossiblyBehind)
    }

    private func published(_ effects: [ChannelEffect]) -> [Transaction] {
        effects.compactMap { effect in
            if case .broadcast(let transaction, _) = effect { return transaction }
            return nil
        }
    }

    /// Both sides' first messages after a connection; bob's answer to alice's.
    private func reconnect(_ pair: inout ChannelPair) throws -> [ChannelEffect] {
        _ = pair.alice.disconnect()
        let fromAlice = ChannelPair.messages(pair.alice.connect(pair.environments.alice))
        let fromBob = ChannelPair.messages(pair.bob.connect(pair.environments.bob))
        pair.effects = []
        try pair.deliver(fromAlice, to: .bob)
        let answers = pair.effects
        // What bob says may be that he is behind: then alice closes.
        for message in fromBob { _ = pair.alice.handle(.message(message), pair.environments.alice) }
        return answers
    }

    enum Push: CaseIterable { case ownersWish, peersError, deadline, violation }

    @Test(
        "whatever wants the channel closed, an old commitment is not published; the peer's numbers decide", arguments: Push.allCases,
        [false, true])
    func closes(push: Push, isOld: Bool) throws {
        var (pair, old) = try pair()
        try restart(isOld ? old : pair.bob, &pair)
        var environment = pair.environments.bob
        let effects: [ChannelEffect]
        switch push {
        case .ownersWish: effects = pair.bob.handle(.giveUp("closed by its owner"), environment)
        case .peersError: effects = pair.bob.handle(.error("unknown channel"), environment)
        case .violation: effects = pair.bob.handle(.giveUp("the peer broke a rule"), environment)
        case .deadline:
            environment.height = 500
            effects = pair.bob.newBlock(environment)
        }
        #expect(published(effects).isEmpty)
        environment.height = 501
        #expect(published(pair.bob.newBlock(environment)).isEmpty)
        environment.height = 200
        let answers = try reconnect(&pair)
        if isOld {
            #expect(pair.bob.stateName == "data-lost" && !pair.bob.isPossiblyBehind)
            #expect(published(answers).isEmpty)
            #expect(published(pair.bob.newBlock(environment)).isEmpty)
        } else if push == .deadline {
            // There was nothing to be closed for: the channel goes on.
            #expect(pair.bob.isUsable && !pair.bob.isPossiblyBehind)
            #expect(published(pair.bob.handle(.giveUp("later"), environment)).count == 1)
        } else {
            #expect(pair.bob.stateName == "forceclosing" && !pair.bob.isPossiblyBehind)
            #expect(published(answers).map(\.id) == [pair.bob.signedLocalCommitment(environment.keys).id])
        }
    }

    @Test("the deadline of an HTLC is told while nothing can be published, and kept once the peer has shown that ours is the newest")
    func deadline() throws {
        var pair = try ChannelPair()
        try pair.settle(toBob: try pair.offer(20_000))
        let id = pair.bob.commitments.htlcs.keys.first!.id
        try restart(pair.bob, &pair)
        _ = try pair.bob.resolve(id, .fulfilled(ChannelPair.preimage))
        var environment = pair.environments.bob
        var alerts = 0
        for height in 480..<512 {
            environment.height = BlockHeight(height)
            for case .alert in pair.bob.newBlock(environment) { alerts += 1 }
        }
        // From eighteen blocks before its end on, one every six blocks.
        #expect(pair.bob.isAlive && alerts == 5)
        _ = try reconnect(&pair)
        environment.height = 512
        #expect(published(pair.bob.newBlock(environment)).count == 1)
    }

    @Test("numbers that make no sense, and a secret that is none, prove nothing")
    func lies() throws {
        var (pair, _) = try pair()
        try restart(pair.bob, &pair)
        _ = pair.bob.handle(.giveUp("closed by its owner"), pair.environments.bob)
        let point = pair.environments.alice.keys.perCommitmentPoint(0)
        for (commitment, revocation) in [(UInt64(0), UInt64(0)), (7, 1), (1, 9), (.max, .max)] {
            let message = ChannelReestablish(
                channelID: pair.bob.id, nextCommitmentNumber: commitment, nextRevocationNumber: revocation,
                yourLastPerCommitmentSecret: Hash.sha256([5]), myCurrentPerCommitmentPoint: point)
            let effects = pair.bob.handle(.message(.channelReestablish(message)), pair.environments.bob)
            #expect(published(effects).isEmpty && pair.bob.isPossiblyBehind)
            #expect(pair.bob.stateName == "forceclosing")
        }
    }

    @Test("the owner's word is enough, and closes what was given up already")
    func vouched() throws {
        var (pair, _) = try pair()
        try restart(pair.bob, &pair)
        _ = pair.bob.handle(.giveUp("closed by its owner"), pair.environments.bob)
        #expect(published(pair.bob.handle(.vouched, pair.environments.bob)).count == 1)
        #expect(pair.bob.handle(.vouched, pair.environments.bob).isEmpty)
    }

    @Test("a peer that forgot what it was told is told again that our data are old")
    func told() throws {
        var (pair, old) = try pair()
        try restart(old, &pair)
        _ = try reconnect(&pair)
        #expect(pair.bob.stateName == "data-lost")
        _ = pair.bob.disconnect()
        let again = try reconnect(&pair)
        let errors = ChannelPair.messages(again).count { if case .error = $0 { true } else { false } }
        #expect(errors == 1 && published(again).isEmpty)
    }
}
