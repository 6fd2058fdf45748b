import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import LightningChain
import LightningEnforcement
import LightningTransactions
import LightningWire
import Testing

/// A close by itself, without the channel that it ends: which transaction it is, what of it is ours, and claims that the scripts accept.
@Suite("closes and their claims")
struct CloseTests {
    static let capacity = Satoshi(1_000_000)
    static let script = Script.p2wpkh(SecretKey(Hash.sha256([77]))!.publicKey())
    static let preimage = PaymentPreimage(Hash.sha256([5]))

    /// Both ends of a channel whose commitments have come to number 3.
    struct Bench {
        var channel: ClosingChannel
        var remoteKeys = ChannelKeys(seed: Hash.sha256(Array("remote".utf8)))

        init(_ type: ChannelType) {
            let localKeys = ChannelKeys(seed: Hash.sha256(Array("local".utf8)))
            func terms(_ keys: ChannelKeys, delay: UInt16) -> ChannelTerms {
                ChannelTerms(
                    dustLimit: Satoshi(546), maxHTLCValueInFlight: MilliSatoshi(capacity), channelReserve: Satoshi(10_000),
                    htlcMinimum: MilliSatoshi(1), toSelfDelay: delay, maxAcceptedHTLCs: 483, keys: keys.basepoints,
                    firstPerCommitmentPoint: keys.perCommitmentPoint(0), upfrontShutdownScript: nil)
            }
            let funding = OutPoint(TransactionID(Hash.sha256([2])), 1)
            var secrets = PerCommitmentSecretStore()
            for number in UInt64(0)..<3 {
                let index = PerCommitmentSecret.index(commitment: number)
                precondition(secrets.insert(remoteKeys.perCommitmentSecret(number), index: index))
            }
            channel = ClosingChannel(
                parameters: ChannelParameters(
                    channelID: ChannelID(funding: funding), remoteNodeID: remoteKeys.basepoints.funding,
                    keyOrigin: ChannelKeyOrigin(index: 0, salt: nil), isOpener: true, channelType: type, announce: false, funding: funding,
                    fundingAmount: capacity, push: .zero, initialFeeRate: FeeRate(perKiloweight: 1000), local: terms(localKeys, delay: 100),
                    remote: terms(remoteKeys, delay: 150), minimumDepth: 3, localAlias: ShortChannelID(1)),
                keys: localKeys, remoteSecrets: secrets, remoteNumber: 3)
        }

        /// A commitment of one side, with an HTLC of each side in it.
        func commitment(isLocal: Bool, _ number: UInt64) -> CommitmentTransaction {
            let htlcs = [(true, UInt64(0)), (false, 1)].map { isOfferedByLocal, id in
                CommitmentHTLC(
                    isOfferedByHolder: isOfferedByLocal == isLocal, id: id, amount: MilliSatoshi(Satoshi(50_000)),
                    paymentHash: preimage.paymentHash, cltvExpiry: 500)
            }
            let (local, remote) = (MilliSatoshi(Satoshi(600_000)), MilliSatoshi(Satoshi(300_000)))
            return channel.parameters.commitment(
                holderIsLocal: isLocal, point: (isLocal ? channel.keys : remoteKeys).perCommitmentPoint(number),
                contents: CommitmentContents(
                    number: number, feeRate: FeeRate(perKiloweight: 1000), toHolder: isLocal ? local : remote,
                    toCounterparty: isLocal ? remote : local, htlcs: htlcs))
        }

        /// One of each side, of which no preimage is known.
        var htlcs: [ClosingHTLC] {
            [(true, UInt64(0)), (false, 1)].map { isOfferedByLocal, id in
                ClosingHTLC(
                    key: HTLCKey(isOfferedByLocal: isOfferedByLocal, id: id), amount: MilliSatoshi(Satoshi(50_000)),
                    paymentHash: preimage.paymentHash, cltvExpiry: 500, preimage: nil)
            }
        }

        var known: KnownSpends {
            let local = commitment(isLocal: true, 3)
            // The peer signs our HTLC transactions with its own key.
            let key = KeyDerivation.secretKey(
                basepointSecret: remoteKeys.htlc, basepoint: remoteKeys.basepoints.htlc, perCommitmentPoint: local.keys.perCommitmentPoint)
            return KnownSpends(
                mutualCloses: [], shutdownScripts: nil, local: local,
                localSignatures: local.htlcTransactions().map { key.sign($0.counterpartySignatureHash()) },
                remote: [commitment(isLocal: false, 3), commitment(isLocal: false, 4)], htlcs: htlcs)
        }

        func close(_ transaction: Transaction) -> ChannelClose {
            ChannelClose(transaction, height: 300, of: channel, known: known)
        }
    }

    /// Signed as its holder would publish it.
    static func mined(_ bench: Bench, _ commitment: CommitmentTransaction) -> Transaction {
        commitment.signed(
            holder: bench.remoteKeys.funding.sign(commitment.signatureHash()),
            counterparty: bench.channel.keys.funding.sign(commitment.signatureHash()))
    }

    /// What a close claims at a height, published without the wallet.
    static func claims(
        _ close: inout ChannelClose, at height: BlockHeight, _ bench: Bench, rate: FeeRate = FeeRate(perKiloweight: 1000)
    ) -> [Transaction] {
        close.claim(at: height, estimates: FeeEstimates(rate), to: script, bench.channel).compactMap { action in
            if case .publish(let transaction) = action { return transaction }
            return nil
        }
    }

    /// Every claim satisfies the scripts that it spends, pays to the wallet, and costs no more than the outputs.
    ///
    /// - Returns: what comes back, and from how many outputs.
    static func check(_ claims: [Transaction], _ close: ChannelClose) throws -> (sum: Satoshi, count: Int) {
        var (sum, count) = (Satoshi.zero, 0)
        for claim in claims {
            let spent = try claim.inputs.map { input in try #require(close.outputs.first { $0.outPoint == input.previousOutput }).output }
            let verifier = ScriptVerifier(claim, spent: spent, flags: .standard)
            for input in claim.inputs.indices { #expect(throws: Never.self) { try verifier.verify(input: input) } }
            #expect(claim.outputs.count == 1 && claim.outputs[0].script == script)
            #expect(claim.outputs[0].amount < spent.reduce(.zero) { $0 + $1.amount })
            sum += claim.outputs[0].amount
            count += spent.count
        }
        return (sum, count)
    }

    @Test("each kind of close: its outputs, and what can be claimed when", arguments: [ChannelType.anchors, .staticRemoteKey])
    func kinds(type: ChannelType) throws {
        let bench = Bench(type)
        // (the commitment, its kind, how many outputs are of interest, claims at once, claims after our delay)
        let cases: [(CommitmentTransaction, CloseKind, Int, Int, Int)] = [
            (bench.commitment(isLocal: true, 3), .localCommitment, 3, 0, 1),
            (bench.commitment(isLocal: false, 3), .remoteCommitment, 3, 1, 1),
            (bench.commitment(isLocal: false, 4), .remoteCommitment, 3, 1, 1),
            (bench.commitment(isLocal: false, 0), .revokedCommitment, 4, 4, 4),
            (bench.commitment(isLocal: false, 2), .revokedCommitment, 4, 4, 4),
            // Its HTLCs and the peer's own output may show preimages.
            (bench.commitment(isLocal: false, 9), .futureCommitment, type == .anchors ? 6 : 4, 1, 1),
        ]
        for (commitment, kind, outputs, atOnce, later) in cases {
            let close = bench.close(Self.mined(bench, commitment))
            #expect(close.kind == kind && close.outputs.count == outputs, "\(kind) \(commitment.contents.number)")
            #expect(close.commitmentNumber == commitment.contents.number && close.height == 300)
            for (height, count) in [(BlockHeight(300), atOnce), (300 + 149, later)] {
                var copy = close
                let claims = Self.claims(&copy, at: height, bench)
                let (sum, claimed) = try Self.check(claims, close)
                #expect(claimed == count, "\(kind) at \(height)")
                if kind == .revokedCommitment { #expect(sum > Satoshi(970_000), "everything is taken") }
                // A record in the middle of it says the same.
                #expect(try Self.stored(copy) == copy)
            }
            // One block before, our own output waits.
            var early = close
            let earlyClaims = Self.claims(&early, at: 300 + 148, bench)
            #expect(try Self.check(earlyClaims, close).count == atOnce)
        }
    }

    /// What the records of a close say.
    static func stored(_ close: ChannelClose) throws -> ChannelClose {
        var writer = ByteWriter()
        close.encode(to: &writer)
        var reader = ByteReader(writer.bytes)
        var copy = try ChannelClose(from: &reader)
        if let details = close.detailsRecord {
            var more = ByteReader(details)
            try copy.readDetails(&more)
            try more.expectEnd()
        }
        return copy
    }

    @Test("what is no commitment: a mutual close that was signed, one whose signature got lost, anything else")
    func others() throws {
        let bench = Bench(.anchors)
        let scripts = [Script.p2wpkh(bench.remoteKeys.basepoints.payment), Self.script]
        let funding = bench.channel.parameters.funding
        let mutual = Transaction(
            inputs: [TransactionInput(funding, sequence: 0xffff_fffd)], outputs: [TransactionOutput(Satoshi(5000), scripts[0])])
        var known = bench.known
        #expect(ChannelClose(mutual, height: 300, of: bench.channel, known: known).kind == .unknown)
        known.mutualCloses = [mutual]
        #expect(ChannelClose(mutual, height: 300, of: bench.channel, known: known).kind == .mutual)
        (known.mutualCloses, known.shutdownScripts) = ([], scripts)
        var close = ChannelClose(mutual, height: 300, of: bench.channel, known: known)
        #expect(close.kind == .mutual && close.outputs.isEmpty)
        let verdicts11 = close.takeVerdicts(at: 304).map(\.verdict)
        let verdicts12 = close.takeVerdicts(at: 305).map(\.verdict)
        #expect(verdicts11.isEmpty && verdicts12 == [.returned, .lost])
        #expect(!close.isFinal(height: 304) && close.isFinal(height: 305))
        let stranger = Transaction(inputs: mutual.inputs, outputs: [TransactionOutput(Satoshi(5000), .anchor)])
        #expect(ChannelClose(stranger, height: 300, of: bench.channel, known: known).kind == .unknown)
    }

    @Test("a breach is one, whatever keys the cheater chose; an old commitment of ours is called that, and its delayed output swept")
    func whoseOldCommitment() throws {
        var bench = Bench(.anchors)
        let own = bench.close(Self.mined(bench, bench.commitment(isLocal: true, 1)))
        #expect(own.kind == .ownRevokedCommitment && own.commitmentNumber == 1)
        var sweep = own
        let claims = Self.claims(&sweep, at: 300 + 149, bench)
        #expect(try Self.check(claims, own).count == 1)
        #expect(own.outputs.contains { $0.role == .delayedToLocal } && own.outputs.contains { $0.role == .htlc })
        // The peer named our payment key as its own: what it pays us looks like what we would have paid it.
        bench.channel.parameters.remote.keys.payment = bench.channel.parameters.local.keys.payment
        let breach = bench.close(Self.mined(bench, bench.commitment(isLocal: false, 1)))
        #expect(breach.kind == .revokedCommitment && breach.outputs.count == 4)
        var taken = breach
        let penalties = Self.claims(&taken, at: 300, bench)
        #expect(try Self.check(penalties, breach).count == 4)
    }

    @Test("HTLCs of a breach that nobody remembers wait for their records, and are taken then")
    func unknownHTLCs() throws {
        let bench = Bench(.anchors)
        var known = bench.known
        let htlcs = known.htlcs
        known.htlcs = []
        var close = ChannelClose(
            Self.mined(bench, bench.commitment(isLocal: false, 1)), height: 300, of: bench.channel, known: known)
        #expect(close.hasUnknownPenalty && close.hasUnresolved)
        let first = Self.claims(&close, at: 300, bench)
        #expect(try Self.check(first, close).count == 2)
        close.identify([RevokedHTLC(htlcs[1])], bench.channel)
        #expect(close.hasUnknownPenalty)
        close.identify(htlcs.map(RevokedHTLC.init), bench.channel)
        #expect(!close.hasUnknownPenalty && !close.hasUnresolved)
        let both = Self.claims(&close, at: 301, bench)
        #expect(try Self.check(both, close).count == 4)
    }

    @Test("a cheater that takes an HTLC to its second step loses that; a reorganization opens it again")
    func secondLevel() throws {
        let bench = Bench(.anchors)
        let commitment = bench.commitment(isLocal: false, 1)
        var close = bench.close(Self.mined(bench, commitment))
        let before = close
        let htlc = try #require(close.outputs.first { $0.role == .penaltyHTLC })
        let keys = bench.channel.parameters.keys(holderIsLocal: false, point: bench.remoteKeys.perCommitmentPoint(1))
        let second = ChannelScripts.toLocal(revocation: keys.revocation, delay: 100, delayed: keys.holderDelayed)
        var step = Transaction(inputs: [TransactionInput(htlc.outPoint)], outputs: [TransactionOutput(Satoshi(49_000), .p2wsh(second))])
        step.inputs[0].witness = [[], [1], [2], Self.preimage.bytes.array, []]
        #expect(close.watchedOutPoints.contains(htlc.outPoint))
        close.spent(htlc.outPoint, by: step, height: 301, bench.channel)
        let output = try #require(close.outputs.first { $0.role == .penaltySecondLevel })
        #expect(output.outPoint == OutPoint(step.id, 0) && !close.watchedOutPoints.contains(htlc.outPoint))
        let claims = Self.claims(&close, at: 301, bench)
        #expect(try Self.check(claims, close).count == 4)
        // Our own claims end it: only six blocks on the last of them.
        for claim in claims { for input in claim.inputs { close.spent(input.previousOutput, by: claim, height: 302, bench.channel) } }
        let resolved = close.outputs.compactMap { if case .resolved(_, 302, let isOurs) = $0.status { isOurs } else { nil } }
        #expect(resolved == [true, true, true, true])
        let verdicts13 = close.takeVerdicts(at: 307).map(\.verdict)
        #expect(verdicts13 == [.returned, .lost])
        #expect(!close.isFinal(height: 306) && close.isFinal(height: 307))
        // Another block of that height leaves nothing of what it held.
        #expect(close.disconnected(height: 302) && !close.isFinal(height: 400))
        #expect(close.disconnected(height: 301) && !close.disconnected(height: 301))
        #expect(close.outputs.map(\.outPoint) == before.outputs.map(\.outPoint))
    }

    @Test("an output that its claim would cost is given up, and claimed when fees are low again")
    func dust() throws {
        let bench = Bench(.anchors)
        var close = bench.close(Self.mined(bench, bench.commitment(isLocal: false, 3)))
        let index = try #require(close.outputs.firstIndex { $0.role == .toRemote })
        close.outputs[index].output.amount = Satoshi(350)
        let none = Self.claims(&close, at: 300, bench, rate: .floor)
        #expect(none.isEmpty)
        #expect(close.outputs[index].status == .abandoned)
        // Just enough for the least fee, whatever the usual one is.
        close.outputs[index].output.amount = Satoshi(500)
        let claims = Self.claims(&close, at: 301, bench, rate: FeeRate(perKiloweight: 50_000))
        #expect(claims.count == 1 && claims[0].outputs[0].amount == Self.script.dustLimit)
    }
}
