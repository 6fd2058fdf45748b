import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningTransactions
import LightningWire
import Testing

/// What a peer must not do, and what becomes of it: a violation, and balances as before.
@Suite("a hostile peer")
struct HostilePeerTests {
    /// Delivers something to alice that breaks a rule.
    func expectViolation(
        _ pair: ChannelPair, _ message: LightningMessage, _ expected: ProtocolViolation,
        _ location: SourceLocation = #_sourceLocation
    ) {
        var copy = pair
        let before = copy.alice.commitments
        do {
            try copy.deliver([message], to: .alice)
            Issue.record("\(message) was accepted", sourceLocation: location)
        } catch let violation as ProtocolViolation {
            #expect(violation == expected, sourceLocation: location)
            #expect(copy.alice.commitments.toLocal == before.toLocal, sourceLocation: location)
            #expect(copy.alice.commitments.localNumber == before.localNumber, sourceLocation: location)
        } catch {
            Issue.record("\(error)", sourceLocation: location)
        }
    }

    func add(_ pair: ChannelPair, id: UInt64 = 0, msat: UInt64 = 1_000_000, expiry: UInt32 = 500) -> LightningMessage {
        .updateAddHTLC(
            UpdateAddHTLC(
                channelID: pair.alice.id, id: id, amount: MilliSatoshi(msat), paymentHash: ChannelPair.preimage.paymentHash,
                cltvExpiry: CLTVExpiry(expiry), onion: [UInt8](repeating: 0, count: 1366)))
    }

    @Test("HTLCs it cannot afford, ids out of order, nothing, too much, seconds instead of blocks")
    func badAdds() throws {
        let pair = try ChannelPair()
        expectViolation(pair, add(pair, id: 1), .unexpectedHTLC(1, expected: 0))
        expectViolation(pair, add(pair, msat: 0), .belowMinimum)
        expectViolation(pair, add(pair, msat: .max), .tooMuchInFlight)
        expectViolation(pair, add(pair, msat: 300_000_001), .exceedsBalance)
        // The reserve of 10,000 sat stays.
        expectViolation(pair, add(pair, msat: 290_000_001), .belowReserve)
        expectViolation(pair, add(pair, expiry: 500_000_000), .expiryInSeconds)
        var same = pair
        try same.deliver([add(pair)], to: .alice)
        expectViolation(same, add(pair), .unexpectedHTLC(0, expected: 1))
        let limited = try ChannelPair { $0.maxAcceptedHTLCs = 2 }
        var full = limited
        try full.deliver([add(full, id: 0), add(full, id: 1)], to: .alice)
        expectViolation(full, add(full, id: 2), .tooManyHTLCs)
        let narrow = try ChannelPair { $0.maxHTLCValueInFlight = MilliSatoshi(5_000_000) }
        expectViolation(narrow, add(narrow, msat: 5_000_001), .tooMuchInFlight)
    }

    @Test("signatures that sign something else, too few of them, and one twice")
    func badSignatures() throws {
        var pair = try ChannelPair()
        let (_, effects) = try pair.bob.offer(
            amount: MilliSatoshi(Satoshi(20_000)), paymentHash: ChannelPair.preimage.paymentHash, cltvExpiry: 500,
            onion: [UInt8](repeating: 0, count: 1366))
        try pair.deliver(ChannelPair.messages(effects), to: .alice)
        guard case .commitmentSigned(let good) = pair.flush(.bob).first else {
            Issue.record("no commitment_signed")
            return
        }
        let other = SecretKey(Hash.sha256([9]))!.sign(Hash.sha256([1]))
        var wrong = good
        wrong.signature = WireSignature(other)
        expectViolation(pair, .commitmentSigned(wrong), .invalidSignature(.commitmentSigned))
        wrong = good
        wrong.htlcSignatures = [WireSignature(other)]
        expectViolation(pair, .commitmentSigned(wrong), .invalidHTLCSignature)
        wrong.htlcSignatures = []
        expectViolation(pair, .commitmentSigned(wrong), .htlcSignatureCount(0, expected: 1))
        var accepted = pair
        try accepted.deliver([.commitmentSigned(good)], to: .alice)
        expectViolation(accepted, .commitmentSigned(good), .invalidSignature(.commitmentSigned))
    }

    @Test("revocations that are none")
    func badRevocations() throws {
        var pair = try ChannelPair()
        expectViolation(
            pair,
            .revokeAndAck(
                RevokeAndAck(channelID: pair.alice.id, perCommitmentSecret: Hash.sha256([1]), nextPerCommitmentPoint: ChannelPair.node("x"))
            ),
            .revocationWithoutCommitment)
        let add = try pair.offer()
        try pair.deliver(add, to: .bob)
        let commit = pair.flush(.alice)
        guard case .revokeAndAck(var answer)? = try pair.deliver(commit, to: .bob).first else {
            Issue.record("no revoke_and_ack")
            return
        }
        let right = answer
        answer.perCommitmentSecret = Hash.sha256([1])
        expectViolation(pair, .revokeAndAck(answer), .wrongRevocationSecret)
        answer.perCommitmentSecret = .zero
        expectViolation(pair, .revokeAndAck(answer), .wrongRevocationSecret)
        try pair.deliver([.revokeAndAck(right)], to: .alice)
        expectViolation(pair, .revokeAndAck(right), .revocationWithoutCommitment)
    }

    @Test("removals of what is not there, a wrong preimage, a malformed failure without its bit")
    func badRemovals() throws {
        var pair = try ChannelPair()
        let id = pair.alice.id
        let wrong = PaymentPreimage(Hash.sha256([8]))
        expectViolation(pair, .updateFulfillHTLC(UpdateFulfillHTLC(channelID: id, id: 0, paymentPreimage: wrong)), .notCommitted(0))
        let add = try pair.offer()
        // Offered, but not committed: too early to be removed.
        expectViolation(
            pair, .updateFulfillHTLC(UpdateFulfillHTLC(channelID: id, id: 0, paymentPreimage: ChannelPair.preimage)), .notCommitted(0))
        try pair.settle(toBob: add)
        expectViolation(pair, .updateFulfillHTLC(UpdateFulfillHTLC(channelID: id, id: 0, paymentPreimage: wrong)), .wrongPreimage)
        expectViolation(
            pair,
            .updateFailMalformedHTLC(UpdateFailMalformedHTLC(channelID: id, id: 0, onionHash: .zero, failureCode: 15)),
            .malformedWithoutBADONION)
        expectViolation(pair, .updateFailHTLC(UpdateFailHTLC(channelID: id, id: 1, reason: [])), .notCommitted(1))
    }

    @Test("fees from the wrong side, and absurd ones")
    func badFees() throws {
        let pair = try ChannelPair()
        expectViolation(pair, .updateFee(UpdateFee(channelID: pair.alice.id, feeRate: FeeRate(perKiloweight: 2000))), .feeFromFundee)
        for rate: UInt32 in [0, 252, 1_000_000, .max] {
            var copy = pair
            #expect(throws: ProtocolViolation.feeOutOfReach(FeeRate(perKiloweight: rate))) {
                try copy.deliver([.updateFee(UpdateFee(channelID: pair.bob.id, feeRate: FeeRate(perKiloweight: rate)))], to: .bob)
            }
        }
    }

    @Test("HTLCs and other scripts after shutdown, and closing signatures that take our money")
    func badClosing() throws {
        var pair = try ChannelPair()
        let id = pair.alice.id
        let bobs = Script.p2wpkh(ChannelPair.node("bob"))
        expectViolation(pair, .shutdown(Shutdown(channelID: id, script: Script([0x6a, 1, 1]))), .shutdownScriptNotAllowed)
        var shut = pair
        try shut.deliver([.shutdown(Shutdown(channelID: id, script: bobs))], to: .alice)
        expectViolation(shut, add(shut), .addAfterShutdown)
        expectViolation(shut, .shutdown(Shutdown(channelID: id, script: .p2wpkh(ChannelPair.node("eve")))), .shutdownScriptChanged)
        // bob asks for the close; alice answers and, as opener, proposes a fee.
        let asked = ChannelPair.messages(try pair.bob.shutdown(to: bobs, pair.environments.bob))
        let answers = try pair.deliver(asked, to: .alice)
        guard case .closingSigned(let proposal) = try #require(answers.last) else {
            Issue.record("no closing_signed")
            return
        }
        var forged = proposal
        forged.signature = WireSignature(SecretKey(Hash.sha256([3]))!.sign(Hash.sha256([4])))
        expectViolation(pair, .closingSigned(forged), .invalidSignature(.closingSigned))
        forged.fee = Satoshi(1_000_000)
        expectViolation(pair, .closingSigned(forged), .closingFeeUnaffordable)
    }

    @Test("a peer that lost its data makes us close; one that proves that ours is old never makes us publish")
    func dataLoss() throws {
        var pair = try ChannelPair()
        for _ in 0..<3 {
            let add = try pair.offer(1000)
            try pair.settle(toBob: add)
            let key = pair.bob.commitments.htlcs.keys.first!
            let fulfil = ChannelPair.messages(try pair.bob.resolve(key.id, .fulfilled(ChannelPair.preimage)))
            try pair.settle(toAlice: fulfil)
        }
        let old = try ChannelPair()
        // bob comes back with the state of the beginning.
        var rolled = pair
        rolled.bob = old.bob
        _ = rolled.alice.disconnect()
        _ = rolled.bob.disconnect()
        let fromAlice = ChannelPair.messages(rolled.alice.connect(rolled.environments.alice))
        let fromBob = ChannelPair.messages(rolled.bob.connect(rolled.environments.bob))
        try rolled.deliver(fromAlice, to: .bob)
        #expect(rolled.bob.stateName == "data-lost")
        #expect(
            !rolled.effects.contains { effect in
                if case .broadcast = effect { return true }
                return false
            })
        // Nor does asking for it, a block, or an error.
        #expect(rolled.bob.fail("closed by its owner", rolled.environments.bob).isEmpty)
        #expect(rolled.bob.newBlock(rolled.environments.bob).isEmpty)
        #expect(rolled.bob.receiveError("go away", rolled.environments.bob).isEmpty)
        do {
            try rolled.deliver(fromBob, to: .alice)
            Issue.record("alice does not see that bob is behind")
        } catch let violation as ProtocolViolation { #expect(violation == .unexpectedCommitment(1, expected: 7)) }
    }

    @Test("a peer that lies about what we revoked is not believed")
    func falseProof() throws {
        var pair = try ChannelPair()
        _ = pair.alice.disconnect()
        _ = pair.alice.connect(pair.environments.alice)
        let lie = ChannelReestablish(
            channelID: pair.alice.id, nextCommitmentNumber: 1, nextRevocationNumber: 5, yourLastPerCommitmentSecret: Hash.sha256([5]),
            myCurrentPerCommitmentPoint: ChannelPair.node("x"))
        #expect(throws: ProtocolViolation.foreignSecret) { try pair.deliver([.channelReestablish(lie)], to: .alice) }
        #expect(pair.alice.isOpen)
    }

    @Test("our own requests that cannot be carried out change nothing")
    func refusals() throws {
        var pair = try ChannelPair()
        let before = pair.alice.commitments
        func refusal(_ msat: UInt64, expiry: UInt32 = 500) -> ChannelRefusal? {
            do throws(ChannelRefusal) {
                _ = try pair.alice.offer(
                    amount: MilliSatoshi(msat), paymentHash: ChannelPair.preimage.paymentHash, cltvExpiry: CLTVExpiry(expiry), onion: [])
                return nil
            } catch { return error }
        }
        #expect(refusal(0) == .belowMinimum(MilliSatoshi(1)))
        #expect(refusal(21_000_000_000_000) == .tooMuchInFlight(limit: MilliSatoshi(20_000_000_000_000)))
        #expect(refusal(999_000_000_000) == .insufficientBalance(spendable: pair.alice.spendable))
        #expect(refusal(700_000_000) == .insufficientBalance(spendable: pair.alice.spendable))
        #expect(refusal(1000, expiry: 600_000_000) == .invalidExpiry)
        #expect(pair.alice.commitments == before)
        // Exactly what is said to be spendable can be spent.
        let spendable = pair.alice.spendable.value
        #expect(refusal(spendable + 1) != nil)
        #expect(refusal(spendable) == nil)
        #expect(throws: ChannelRefusal.notOpener) {
            try pair.bob.setFeeRate(FeeRate(perKiloweight: 500), estimate: FeeRate(perKiloweight: 500))
        }
        #expect(throws: ChannelRefusal.unknownHTLC) { try pair.bob.resolve(7, .failed(reason: [])) }
    }

    @Test("a peer cannot stuff our commitment until nobody would relay it")
    func stuffing() throws {
        // Alice, who opened and pays, has little left.
        var pair = try ChannelPair(push: 980_000)
        var refused: UInt64?
        for number in UInt64(0)..<200 where refused == nil {
            // Bob's own node would not offer these: they come as he pleases.
            do { try pair.deliver([add(pair, id: number)], to: .alice) } catch ProtocolViolation.payerCannotAffordFee { refused = number }
        }
        #expect((50..<120).contains(try #require(refused)))
        let cost = 1124 + 172 * pair.alice.commitments.htlcs.count
        #expect(pair.alice.commitments.toLocal.value / 1000 >= UInt64(cost))
    }

    @Test("HTLCs that are failed, with a reason or as malformed, leave both balances as they were")
    func failures() throws {
        var pair = try ChannelPair()
        let before = (pair.alice.commitments.toLocal, pair.bob.commitments.toLocal)
        let resolutions: [HTLC.Resolution] = [
            .failed(reason: [1, 2, 3]), .malformed(onionHash: Hash.sha256([1]), code: 0xc005),
        ]
        for (id, resolution) in resolutions.enumerated() {
            try pair.settle(toBob: try pair.offer(25_000))
            try pair.settle(toAlice: ChannelPair.messages(try pair.bob.resolve(UInt64(id), resolution)))
            #expect(
                pair.effects.contains(.failed(id: UInt64(id), ChannelPair.preimage.paymentHash, resolution)))
        }
        #expect(pair.alice.commitments.htlcs.isEmpty && pair.bob.commitments.htlcs.isEmpty)
        #expect((pair.alice.commitments.toLocal, pair.bob.commitments.toLocal) == before)
    }
}
