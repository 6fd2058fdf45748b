import BitcoinPrimitives
import CryptoPrimitives
import LightningTransactions
import LightningWire
import TestSupport
import Testing

@testable import LightningChannel

/// What commitments pay to miners is lost to both: no fee rate that a peer sets, and no HTLC at such a rate, makes it much.
@Suite("what commitments may pay", .ownThreads)
struct FeeExposureTests {
    private static func update(_ rate: UInt32, _ pair: ChannelPair) -> LightningMessage {
        .updateFee(UpdateFee(channelID: pair.bob.id, feeRate: FeeRate(perKiloweight: rate)))
    }

    @Test("with anchors a rate is refused at which the commitment would pay more than a twentieth of the channel, if nothing explains it")
    func anchors() throws {
        let pair = try ChannelPair()
        // 1124 weight units and two anchors: 50,000 sat at 43,896.
        for (rate, isTaken): (UInt32, Bool) in [(5000, true), (10_001, true), (43_800, true), (44_000, false), (250_000, false)] {
            var copy = pair
            if isTaken {
                #expect(throws: Never.self) { try copy.deliver([Self.update(rate, pair)], to: .bob) }
            } else {
                #expect(throws: ProtocolViolation.self) { try copy.deliver([Self.update(rate, pair)], to: .bob) }
                #expect(copy.bob.commitments == pair.bob.commitments)
            }
            // Where the rates are so high for everybody it is a quarter.
            copy = pair
            copy.environments.bob.feeRate = FeeRate(perKiloweight: 20_000)
            if rate < 100_000 { #expect(throws: Never.self) { try copy.deliver([Self.update(rate, pair)], to: .bob) } }
        }
    }

    @Test("HTLCs are refused, and not offered, with which it would pay more than a quarter", arguments: [546, 354])
    func htlcs(dustLimit: UInt64) throws {
        var pair = try ChannelPair(push: 10_000)
        // The opener has a dust limit of its own: what is an output of its commitment alone counts as well.
        pair.alice.parameters.local.dustLimit = Satoshi(dustLimit)
        pair.bob.parameters.remote.dustLimit = Satoshi(dustLimit)
        let amount = dustLimit + 50
        let update = ChannelPair.messages(
            try pair.alice.setFeeRate(FeeRate(perKiloweight: 10_000), estimate: FeeRate(perKiloweight: 10_000)))
        try pair.settle(toBob: update)
        #expect(pair.bob.feeRate.perKiloweight == 10_000)
        // 11,900 sat, and 1720 for each HTLC: 138 of them in 250,000.
        var taken = 0
        while taken < 200 {
            let copy = pair
            do {
                try pair.settle(toBob: try pair.offer(amount))
                taken += 1
            } catch is ProtocolViolation {
                pair = copy
                break
            }
        }
        #expect(taken == 138)
        // Whoever receives the high rate offers none there either.
        #expect(throws: ChannelRefusal.self) {
            try pair.bob.offer(
                amount: MilliSatoshi(Satoshi(1000)), paymentHash: ChannelPair.preimage.paymentHash, cltvExpiry: 500,
                onion: [UInt8](repeating: 0, count: 1366), estimate: FeeRate(perKiloweight: 1000))
        }
    }

    @Test("without anchors the rate does not go down to where nothing is mined; a small rise is never refused")
    func tooLow() throws {
        var pair = try ChannelPair(type: .staticRemoteKey)
        pair.environments.bob.feeRate = FeeRate(perKiloweight: 20_000)
        for (rate, isTaken): (UInt32, Bool) in [(999, false), (253, false), (1000, true), (1500, true), (2500, true)] {
            var copy = pair
            let message = Self.update(rate, pair)
            if isTaken {
                #expect(throws: Never.self) { try copy.deliver([message], to: .bob) }
            } else {
                #expect(throws: ProtocolViolation.self) { try copy.deliver([message], to: .bob) }
            }
        }
    }

    @Test("dust is what is dust at the highest rate under way, in either commitment", arguments: [true, false])
    func dust(isPending: Bool) throws {
        var pair = try ChannelPair(type: .staticRemoteKey, push: 600_000) { $0.maxHTLCValueInFlight = MilliSatoshi(Satoshi(900_000)) }
        pair.environments.bob.feeRate = FeeRate(perKiloweight: 10_000)
        func offer() throws(ChannelRefusal) -> [LightningMessage] {
            let (_, effects) = try pair.bob.offer(
                amount: MilliSatoshi(Satoshi(6000)), paymentHash: ChannelPair.preimage.paymentHash, cltvExpiry: 500,
                onion: [UInt8](repeating: 0, count: 1366), estimate: FeeRate(perKiloweight: 10_000))
            return ChannelPair.messages(effects)
        }
        let raised = Self.update(10_000, pair)
        if isPending {
            // Bob has committed to nothing yet: what it offers would be dust once it has.
            try pair.deliver([raised], to: .bob)
            var count = 0
            while let messages = try? offer() { count += messages.count }
            #expect(count == 83)
        } else {
            for _ in 0..<84 { try pair.settle(toAlice: try offer()) }
            #expect(throws: ProtocolViolation.self) { try pair.deliver([raised], to: .bob) }
        }
    }
}

/// What a peer may do with money that it is about to have.
@Suite("credit of HTLCs that are not gone yet")
struct PendingCreditTests {
    @Test("a peer that spends what it has just fulfilled leaves records that can be read again")
    func record() throws {
        var pair = try ChannelPair(push: 20_000)
        try pair.settle(toBob: try pair.offer(100_000))
        // Bob takes it, and in the same batch offers 90,000 of it: its own rules are stricter, so its half is made to believe.
        let fulfil = ChannelPair.messages(try pair.bob.resolve(0, .fulfilled(ChannelPair.preimage)))
        let before = pair.bob.commitments.toLocal
        pair.bob.commitments.toLocal = MilliSatoshi(Satoshi(200_000))
        let (_, effects) = try pair.bob.offer(
            amount: MilliSatoshi(Satoshi(90_000)), paymentHash: PaymentPreimage(Hash.sha256([3])).paymentHash, cltvExpiry: 500,
            onion: [UInt8](repeating: 0, count: 1366))
        pair.bob.commitments.toLocal = before
        try pair.deliver(fulfil + ChannelPair.messages(effects) + pair.flush(.bob), to: .alice)
        let state = pair.alice.commitments
        #expect(state.toRemote == MilliSatoshi(Satoshi(20_000)) && state.remoteAvailable == .zero)
        // As it is stored now, and after every further step.
        func check() throws {
            let rows = pair.alice.commitments.orderedHTLCs.map(PaymentChannel.encode)
            pair.alice.isChanged = true
            let head = try #require(pair.alice.takeWrites().head)
            let restored = try PaymentChannel(head: head, htlcs: rows)
            #expect(restored.commitments == pair.alice.commitments)
        }
        try check()
        let signed = pair.flush(.alice)
        try check()
        #expect(!signed.isEmpty)
        _ = pair.alice.fail("test", pair.environments.alice)
        try check()
    }
}

/// How long a funding transaction is waited for.
@Suite("depth of the funding transaction")
struct FundingDepthTests {
    @Test("after a reorganization it is waited for as long as at first")
    func again() throws {
        var pair = try ChannelPair()
        let depth = Int(pair.bob.parameters.minimumDepth)
        #expect(depth > 1)
        pair.bob.fundingUnconfirmed()
        #expect(!pair.bob.isUsable)
        var environment = pair.environments.bob
        environment.height = 300
        _ = pair.bob.fundingConfirmed(height: 300, transactionIndex: 2, spending: [], environment)
        #expect(!pair.bob.isUsable)
        environment.height = 300 + depth - 2
        _ = pair.bob.newBlock(environment)
        #expect(!pair.bob.isUsable)
        #expect(throws: ChannelRefusal.self) {
            try pair.bob.offer(
                amount: MilliSatoshi(Satoshi(1000)), paymentHash: ChannelPair.preimage.paymentHash, cltvExpiry: 500,
                onion: [UInt8](repeating: 0, count: 1366))
        }
        environment.height += 1
        #expect(pair.bob.newBlock(environment).contains(.becameUsable) && pair.bob.isUsable)
    }

    @Test("what a miner pays itself is waited for until it can be spent")
    func coinbase() throws {
        var pair = try ChannelPair()
        pair.bob.fundingUnconfirmed()
        var environment = pair.environments.bob
        environment.height = 300
        _ = pair.bob.fundingConfirmed(height: 300, transactionIndex: 0, spending: [], environment)
        environment.height = 398
        _ = pair.bob.newBlock(environment)
        #expect(!pair.bob.isUsable)
        environment.height = 399
        _ = pair.bob.newBlock(environment)
        #expect(pair.bob.isUsable)
    }
}
