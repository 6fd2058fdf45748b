import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import LightningChain
import LightningChannel
import LightningEnforcement
import LightningTransactions
import LightningWire
import Testing

/// A commitment whose own fee is too low by the time that it is needed.
@Suite("what pays for our commitment")
struct CommitmentBumpTests {
    private static func funding(_ effects: [ChannelEffect]) -> ClaimFunding? {
        effects.compactMap { if case .fundClaim(let funding) = $0 { funding } else { nil } }.first
    }

    private static func published(_ effects: [ChannelEffect]) -> (Transaction, parents: [Transaction])? {
        effects.compactMap { effect -> (Transaction, parents: [Transaction])? in
            switch effect {
            case .broadcastFunded(let transaction, let parents): (transaction, parents)
            case .broadcast(let transaction, let parents) where !parents.isEmpty: (transaction, parents)
            default: nil
            }
        }.first
    }

    private static let coin = TransactionOutput(Satoshi(500_000), .p2wpkh(ChannelPair.node("wallet")))

    private static func pay(_ funding: ClaimFunding) -> (transaction: Transaction, fee: Satoshi) {
        var transaction = funding.transaction
        transaction.inputs.append(TransactionInput(OutPoint(TransactionID(Hash.sha256([9])), 0), sequence: 0xffff_fffd))
        transaction.outputs.append(TransactionOutput(coin.amount + funding.surplus - funding.leastFee, coin.script))
        return (transaction, funding.leastFee)
    }

    @Test("its anchor is spent by a child that makes both worth a place in a block, and by a better one while that is not enough")
    func bumped() throws {
        var pair = try ChannelPair()
        var environment = pair.environments.alice
        environment.height = 300
        environment.estimates = FeeEstimates(FeeRate(perKiloweight: 5000))
        let effects = pair.alice.fail("test", environment)
        let commitment = pair.alice.signedLocalCommitment(environment.keys)
        #expect(effects.contains(.broadcast(commitment)))
        let funding = try #require(Self.funding(effects))
        let answer = pair.alice.handle(.claimFunded(funding, Self.pay(funding)), environment)
        let (child, parents) = try #require(Self.published(answer))
        #expect(parents == [commitment])
        let anchor = commitment.outputs[Int(child.inputs[0].previousOutput.index)]
        #expect(throws: Never.self) { try ScriptVerifier(child, spent: [anchor, Self.coin], flags: .standard).verify(input: 0) }
        // Both together reach the rate; the wallet's witness is not there yet.
        let fees = Satoshi(1_000_000) - commitment.outputs.reduce(.zero) { $0 + $1.amount } + funding.leastFee
        let weight = commitment.weight + child.weight + 109
        #expect(fees >= FeeRate(perKiloweight: 5000).fee(weight: weight) && fees < FeeRate(perKiloweight: 5500).fee(weight: weight))
        // The same at the next block, also after a restart.
        let head = try #require(pair.alice.takeWrites().head)
        pair.alice = try PaymentChannel(head: head, htlcs: [])
        environment.height = 301
        let again = pair.alice.newBlock(environment)
        #expect(Self.published(again)?.0 == child && Self.funding(again) == nil)
        // Refused for its fee, or not mined for long: more.
        _ = pair.alice.handle(.claimRefused(child.id, "insufficient fee, rejecting replacement"), environment)
        environment.height = 302
        let more = try #require(Self.funding(pair.alice.newBlock(environment)))
        #expect(more.leastFee.value >= funding.leastFee.value * 3 / 2)
        // The wallet has nothing: what is there stays.
        #expect(Self.published(pair.alice.handle(.claimFunded(more, nil), environment))?.0 == child)
        // The peer's commitment is mined instead: the coins are free again.
        let theirs = pair.bob.signedLocalCommitment(pair.environments.bob.keys)
        let closed = pair.alice.spent(pair.alice.parameters.funding, by: theirs, height: 303, environment)
        #expect(closed.contains(.abandonFunded(child.id)))
    }

    @Test("the peer's commitment that waits in the mempool is paid for in place of ours, until it is mined or has left")
    func rival() throws {
        var pair = try ChannelPair()
        try pair.settle(toBob: try pair.offer(60_000))
        var environment = pair.environments.alice
        environment.height = 300
        environment.estimates = FeeEstimates(FeeRate(perKiloweight: 5000))
        let output = pair.alice.parameters.funding
        let first = try #require(Self.funding(pair.alice.fail("test", environment)))
        let child = try #require(Self.published(pair.alice.handle(.claimFunded(first, Self.pay(first)), environment))).0
        // What is none of the peer's last commitments changes nothing.
        #expect(pair.alice.handle(.seen(output, by: child), environment).isEmpty)
        let theirs = pair.bob.signedLocalCommitment(pair.environments.bob.keys)
        let effects = pair.alice.handle(.seen(output, by: theirs), environment)
        #expect(effects.contains(.abandonFunded(child.id)))
        let funding = try #require(Self.funding(effects))
        #expect(funding.outPoints.first?.transaction == theirs.id && funding.replacing == nil)
        // Where the wallet cannot pay for it, either may be mined.
        let own = pair.alice.signedLocalCommitment(environment.keys)
        #expect(!effects.contains(.broadcast(own)))
        #expect(pair.alice.handle(.seen(output, by: theirs), environment).isEmpty)
        let unpaid = pair.alice.handle(.claimFunded(funding, nil), environment)
        #expect(unpaid.contains(.broadcast(theirs)) && unpaid.contains(.broadcast(own)))
        let answer = pair.alice.handle(.claimFunded(funding, Self.pay(funding)), environment)
        let (other, parents) = try #require(Self.published(answer))
        #expect(parents == [theirs])
        let anchor = theirs.outputs[Int(other.inputs[0].previousOutput.index)]
        #expect(throws: Never.self) { try ScriptVerifier(other, spent: [anchor, Self.coin], flags: .standard).verify(input: 0) }
        // The HTLC counts as what is at stake: half of it, and a twentieth of what is ours.
        #expect(funding.mostFee >= Satoshi(60_000) && funding.mostFee <= Satoshi(65_000))
        // It goes on after a restart.
        let writes = pair.alice.takeWrites()
        let head = try #require(writes.head)
        let htlcs = writes.htlcs.map(\.record)
        #expect(htlcs.count == 1)
        let difference = try pair.alice.difference(head: head, htlcs: htlcs) { key in
            writes.revokedHTLCs.last { $0.key == key }?.record
        }
        #expect(difference == nil)
        pair.alice = try PaymentChannel(head: head, htlcs: htlcs)
        environment.height = 301
        let again = try #require(Self.published(pair.alice.newBlock(environment)))
        #expect(again.0 == other && again.parents == [theirs])
        #expect(!pair.alice.newBlock(environment).contains(.broadcast(own)))
        // Mined, it has paid for the close; reorganized away, it is published again.
        var mined = pair.alice
        let closed = mined.spent(output, by: theirs, height: 301, environment)
        #expect(!closed.contains(.abandonFunded(other.id)) && mined.close?.kind == .remoteCommitment)
        #expect(mined.commitmentBumpFee == funding.leastFee)
        // Gone from the mempool, ours is the one again.
        _ = pair.alice.handle(.claimRefused(other.id, "bad-txns-inputs-missingorspent"), environment)
        environment.height = 302
        let back = pair.alice.newBlock(environment)
        #expect(back.contains(.abandonFunded(other.id)))
        #expect(Self.funding(back)?.outPoints.first?.transaction == first.outPoints.first?.transaction)
    }

    @Test("a commitment that pays enough needs none; an empty wallet is said so, once; without anchors there is nothing to spend")
    func others() throws {
        var pair = try ChannelPair()
        var environment = pair.environments.alice
        environment.height = 300
        #expect(Self.funding(pair.alice.fail("test", environment)) == nil)
        environment.estimates = FeeEstimates(FeeRate(perKiloweight: 5000))
        environment.height = 301
        let funding = try #require(Self.funding(pair.alice.newBlock(environment)))
        let said = [pair.alice.handle(.claimFunded(funding, nil), environment), pair.alice.handle(.claimFunded(funding, nil), environment)]
        #expect(said[0].contains { if case .alert(let text) = $0 { text.contains("no coin") } else { false } } && said[1].isEmpty)
        var old = try ChannelPair(type: .staticRemoteKey)
        #expect(Self.funding(old.alice.fail("test", environment)) == nil)
    }

    @Test("while old blocks are read nothing is bumped; what is at stake is not more than what a deadline threatens")
    func bounds() throws {
        var pair = try ChannelPair()
        var environment = pair.environments.alice
        environment.height = 300
        environment.estimates = FeeEstimates(FeeRate(perKiloweight: 5000))
        environment.isSynced = false
        #expect(Self.funding(pair.alice.fail("test", environment)) == nil)
        environment.height = 400
        #expect(Self.funding(pair.alice.newBlock(environment)) == nil)
        environment.isSynced = true
        let funding = try #require(Self.funding(pair.alice.handle(.caughtUp, environment)))
        // A twentieth of what is ours: no HTLC is under way.
        #expect(funding.mostFee >= Satoshi(30_000) && funding.mostFee <= Satoshi(35_000))
        // The claims of a close wait for the tip as well.
        let own = pair.alice.signedLocalCommitment(environment.keys)
        environment.isSynced = false
        _ = pair.alice.spent(pair.alice.parameters.funding, by: own, height: 401, environment)
        environment.height = 700
        #expect(!pair.alice.newBlock(environment).contains { if case .broadcast = $0 { true } else { false } })
        environment.isSynced = true
        #expect(pair.alice.handle(.caughtUp, environment).contains { if case .broadcast = $0 { true } else { false } })
    }

    @Test("a claim whose better version the wallet cannot pay for is published again as it is")
    func unfundedBump() throws {
        var pair = try ChannelPair()
        try pair.settle(toBob: try pair.offer(60_000))
        var environment = pair.environments.alice
        environment.height = 600
        let own = pair.alice.signedLocalCommitment(environment.keys)
        _ = pair.alice.fail("test", environment)
        let funding = try #require(Self.funding(pair.alice.spent(pair.alice.parameters.funding, by: own, height: 600, environment)))
        let done = pair.alice.handle(.claimFunded(funding, Self.pay(funding)), environment)
        let claim = try #require(Self.published(done)).0
        _ = pair.alice.handle(.claimRefused(claim.id, "insufficient fee, rejecting replacement"), environment)
        environment.height = 601
        let more = try #require(Self.funding(pair.alice.newBlock(environment)))
        #expect(more.replacing == claim.id)
        #expect(pair.alice.handle(.claimFunded(more, nil), environment).contains(.broadcast(claim)))
    }

    @Test("a peer that names keys of ours is refused")
    func foreignKeys() throws {
        let keys = ChannelKeys(seed: Hash.sha256([1]))
        let (_, open) = try ChannelOpening.open(
            amount: Satoshi(1_000_000), push: .zero, feeRate: FeeRate(perKiloweight: 1000), announce: false, policy: ChannelPolicy(),
            keys: keys, keyOrigin: ChannelKeyOrigin(index: 0, salt: nil), remoteNodeID: ChannelPair.node("bob"),
            temporaryID: Hash.sha256([1]), alias: ShortChannelID(1))
        #expect(throws: ProtocolViolation.keysOfOurs) {
            try ChannelOpening.accept(
                open, policy: ChannelPolicy(), keys: keys, keyOrigin: ChannelKeyOrigin(index: 0, salt: nil),
                remoteNodeID: ChannelPair.node("alice"), alias: ShortChannelID(2), feeRate: FeeRate(perKiloweight: 1000))
        }
    }

    @Test("what a force close would come to is what it comes to", arguments: [ChannelType.anchors, .staticRemoteKey])
    func quote(type: ChannelType) throws {
        var pair = try ChannelPair(type: type)
        try pair.settle(toBob: try pair.offer(60_000))
        var environment = pair.environments.alice
        environment.height = 300
        let quote = try #require(pair.alice.forceCloseQuote(environment))
        #expect(
            quote.offered.count == 1 && quote.offered.amount == Satoshi(60_000) && quote.offered.lastExpiry == 500
                && quote.received.count == 0)
        #expect(quote.delay == 144 && quote.isCommitmentFeeOurs && quote.lost == .zero && quote.backBy == 500 + 1 + 144)
        let own = pair.alice.signedLocalCommitment(environment.keys)
        let anchors = Satoshi(type == .anchors ? 660 : 0)
        #expect(quote.toLocal + Satoshi(300_000) + Satoshi(60_000) + quote.commitmentFee + anchors == Satoshi(1_000_000))
        #expect(quote.claimFees > .zero && quote.claimFees < Satoshi(3000))
        _ = pair.alice.fail("test", environment)
        #expect(pair.alice.forceCloseQuote(environment) == nil)
        _ = pair.alice.spent(pair.alice.parameters.funding, by: own, height: 301, environment)
        #expect(pair.alice.close?.outputs.first { $0.role == .delayedToLocal }?.output.amount == quote.toLocal)
    }
}
