import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import LightningChain
import LightningEnforcement
import LightningTransactions
import LightningWire
import Testing

/// HTLC outputs of commitments that were not revoked (BOLT 5): whose commitment it is, who offered the HTLC, before and after its time, and
/// who takes it. Every transaction is judged by the script interpreter.
@Suite("HTLC outputs on chain")
struct HTLCClaimTests {
    typealias Bench = CloseTests.Bench

    /// One cell of the table.
    struct Cell: CustomTestStringConvertible {
        var type: ChannelType
        var isLocal: Bool
        var number: UInt64
        var testDescription: String { "\(type), \(isLocal ? "our commitment" : "the peer's commitment") \(number)" }
    }

    static let cells = [ChannelType.anchors, .staticRemoteKey].flatMap { type in
        [
            Cell(type: type, isLocal: true, number: 3), Cell(type: type, isLocal: false, number: 3),
            Cell(type: type, isLocal: false, number: 4),
        ]
    }

    static let offered = HTLCKey(isOfferedByLocal: true, id: 0)
    static let received = HTLCKey(isOfferedByLocal: false, id: 1)

    /// What the wallet would answer: a coin of its own, and change.
    static func pay(_ funding: ClaimFunding) -> (transaction: Transaction, fee: Satoshi) {
        var transaction = funding.transaction
        transaction.inputs.append(TransactionInput(OutPoint(TransactionID(Hash.sha256([9])), 0), sequence: 0xffff_fffd))
        transaction.outputs.append(TransactionOutput(Satoshi(20_000), CloseTests.script))
        return (transaction, max(funding.leastFee, funding.feeRate.feeRoundedUp(weight: transaction.weight + 109)))
    }

    /// The claims of a close at a height, those that the wallet pays for among them.
    static func claims(_ close: inout ChannelClose, at height: BlockHeight, _ bench: Bench, rate: UInt32 = 1000) throws -> [Transaction] {
        let actions = close.claim(
            at: height, estimates: FeeEstimates(FeeRate(perKiloweight: rate)), to: CloseTests.script, bench.channel)
        var claims: [Transaction] = []
        for action in actions {
            switch action {
            case .publish(let transaction): claims.append(transaction)
            case .fund(let funding):
                let (transaction, fee) = pay(funding)
                let signed = close.funded(funding, transaction, fee: fee, at: height, bench.channel)
                claims.append(try #require(signed))
            }
        }
        return claims
    }

    /// The claims that spend an HTLC's output; the scripts accept each.
    static func spending(_ key: HTLCKey, _ claims: [Transaction], _ close: ChannelClose) throws -> [Transaction] {
        let output = try #require(close.outputs.first { $0.htlc == key && $0.role.isHTLC })
        return claims.filter { claim in
            guard let input = claim.inputs.firstIndex(where: { $0.previousOutput == output.outPoint }) else { return false }
            let spent = claim.inputs.map { input in
                close.outputs.first { $0.outPoint == input.previousOutput }?.output
                    ?? TransactionOutput(Satoshi(50_000), CloseTests.script)
            }
            #expect(throws: Never.self) { try ScriptVerifier(claim, spent: spent, flags: .standard).verify(input: input) }
            return true
        }
    }

    @Test("what we offered is ours after its time, and what we received as soon as we know its preimage", arguments: cells)
    func ours(cell: Cell) throws {
        let bench = Bench(cell.type)
        let commitment = bench.commitment(isLocal: cell.isLocal, cell.number)
        var close = bench.close(CloseTests.mined(bench, commitment))
        #expect(close.htlcs.allSatisfy { $0.place == .output } && close.contestedUntil == 500)
        for height in [BlockHeight(300), 499] {
            let claims = try Self.claims(&close, at: height, bench)
            #expect(try Self.spending(Self.offered, claims, close).isEmpty, "not before block 500")
            #expect(try Self.spending(Self.received, claims, close).isEmpty, "not without its preimage")
        }
        let isLearned1 = close.learn(PaymentPreimage(Hash.sha256([6])), for: Self.received)
        #expect(!isLearned1, "a wrong preimage")
        let isLearned2 = close.learn(CloseTests.preimage, for: Self.received)
        #expect(isLearned2)
        let early = try Self.claims(&close, at: 499, bench)
        #expect(try Self.spending(Self.received, early, close).count == 1)
        let late = try Self.claims(&close, at: 500, bench)
        let timeout = try #require(try Self.spending(Self.offered, late, close).first)
        let success = try #require(try Self.spending(Self.received, late, close).first)
        #expect(timeout.lockTime == 500)
        #expect(success.inputs[0].witness.contains(CloseTests.preimage.bytes.array) && success.lockTime == 0)
        #expect(try CloseTests.stored(close) == close)
        // Until they are mined they are published again, the same.
        let again = try Self.claims(&close, at: 500, bench)
        #expect(again.contains(success) && again.contains(timeout))
        for claim in [success, timeout] {
            for input in claim.inputs { close.spent(input.previousOutput, by: claim, height: 501, bench.channel) }
        }
        #expect(try CloseTests.stored(close) == close)
        let verdicts1 = close.takeVerdicts(at: 505).map(\.verdict)
        #expect(verdicts1.isEmpty)
        let verdicts2 = close.takeVerdicts(at: 506).map(\.verdict)
        #expect(verdicts2 == [.returned, .settled])
        let verdicts3 = close.takeVerdicts(at: 507).map(\.verdict)
        #expect(verdicts3.isEmpty, "told once")
        // Our own HTLC transactions pay to an output that waits for our delay.
        let second = close.outputs.filter { $0.role == .secondLevel }
        #expect(second.count == (cell.isLocal ? 2 : 0))
        guard cell.isLocal else { return }
        let first = CloseTests.claims(&close, at: 501 + 148, bench)
        #expect(try CloseTests.check(first, close).count == 1, "to_local, and nothing else")
        let swept = CloseTests.claims(&close, at: 501 + 149, bench)
        #expect(try CloseTests.check(swept, close).count == 3)
        // A reorganization takes the second steps away, and they come again.
        var other = close
        let isChanged = other.disconnected(height: 501)
        #expect(isChanged && !other.outputs.contains { $0.role == .secondLevel })
        let back = try Self.claims(&other, at: 500, bench)
        #expect(back.contains(success) && back.contains(timeout))
        for claim in swept { for input in claim.inputs { close.spent(input.previousOutput, by: claim, height: 700, bench.channel) } }
        #expect(close.isFinal(height: 705) && !close.isFinal(height: 704) && close.irrevocableHeight == 799)
    }

    @Test("what the peer takes: its preimage is our proof, and what it takes back is lost", arguments: cells)
    func theirs(cell: Cell) throws {
        let bench = Bench(cell.type)
        let commitment = bench.commitment(isLocal: cell.isLocal, cell.number)
        var close = bench.close(CloseTests.mined(bench, commitment))
        // As BOLT 3 has the witnesses of the other side.
        func peers(_ key: HTLCKey, _ shown: [UInt8]) throws -> Transaction {
            let output = try #require(close.output(of: key))
            var spend = Transaction(
                inputs: [TransactionInput(output.outPoint, sequence: 1)], outputs: [TransactionOutput(Satoshi(1000), .anchor)])
            spend.inputs[0].witness = cell.isLocal ? [[1], shown, [2]] : [[], [1], [2], shown, [3]]
            return spend
        }
        let taken = try peers(Self.offered, CloseTests.preimage.bytes.array)
        close.spent(taken.inputs[0].previousOutput, by: taken, height: 400, bench.channel)
        _ = close.learn(CloseTests.preimage, for: Self.offered)
        let back = try peers(Self.received, [])
        close.spent(back.inputs[0].previousOutput, by: back, height: 510, bench.channel)
        #expect(!close.outputs.contains { $0.role == .secondLevel })
        let verdicts4 = [404, 405].map { close.takeVerdicts(at: $0).map(\.verdict) }
        #expect(verdicts4 == [[], [.concluded]])
        let verdicts5 = close.takeVerdicts(at: 514).map(\.verdict)
        let verdicts6 = close.takeVerdicts(at: 515).map(\.verdict)
        #expect(verdicts5.isEmpty && verdicts6 == [.lost])
        let isLearned3 = close.learn(CloseTests.preimage, for: Self.received)
        #expect(!isLearned3, "too late")
    }

    @Test("what the mined commitment does not hold: too small, not there any more, or not yet", arguments: [true, false])
    func absent(isLocal: Bool) throws {
        let bench = Bench(.anchors)
        var known = bench.known
        for (key, preimage) in [
            (HTLCKey(isOfferedByLocal: true, id: 7), nil), (HTLCKey(isOfferedByLocal: false, id: 8), CloseTests.preimage),
        ] {
            known.htlcs.append(
                ClosingHTLC(
                    key: key, amount: MilliSatoshi(1), paymentHash: CloseTests.preimage.paymentHash, cltvExpiry: 500, preimage: preimage))
        }
        let mined = CloseTests.mined(bench, bench.commitment(isLocal: isLocal, 3))
        var close = ChannelClose(mined, height: 300, of: bench.channel, known: known)
        #expect(close.htlcs.map(\.place) == [.output, .output, .absent, .absent])
        let verdicts7 = close.takeVerdicts(at: 304).map(\.verdict)
        #expect(verdicts7.isEmpty)
        // What was fulfilled and is not in it any more is in our balance.
        let verdicts8 = close.takeVerdicts(at: 305).map(\.verdict)
        #expect(verdicts8 == [.returned, .settled])
    }

    @Test("what was too small for an output is its payer's again unless its preimage is known, and never its payee's", arguments: cells)
    func trimmed(cell: Cell) throws {
        let bench = Bench(cell.type)
        let fresh = bench.close(CloseTests.mined(bench, bench.commitment(isLocal: cell.isLocal, cell.number)))
        for knowsPreimage in [false, true] {
            var close = fresh
            for index in close.htlcs.indices {
                close.htlcs[index].place = .trimmed
                close.htlcs[index].preimage = knowsPreimage ? CloseTests.preimage : nil
            }
            close.outputs.removeAll { $0.role.isHTLC }
            #expect(try CloseTests.stored(close) == close)
            let claims = try Self.claims(&close, at: 700, bench)
            #expect(claims.allSatisfy { $0.lockTime == 0 }, "there is nothing to be claimed by a timeout")
            let early = close.takeVerdicts(at: 304).map(\.verdict)
            let deep = close.takeVerdicts(at: 305).map(\.verdict)
            #expect(early.isEmpty && deep == [knowsPreimage ? .concluded : .returned, .lost])
            let again = close.takeVerdicts(at: 306)
            #expect(again.isEmpty, "told once")
        }
    }

    @Test("an HTLC of the peer whose preimage never comes keeps the channel open until long after its time")
    func unclaimed() throws {
        let bench = Bench(.anchors)
        var close = bench.close(CloseTests.mined(bench, bench.commitment(isLocal: false, 3)))
        for claim in try Self.claims(&close, at: 500, bench) {
            for input in claim.inputs { close.spent(input.previousOutput, by: claim, height: 501, bench.channel) }
        }
        let verdicts9 = close.takeVerdicts(at: 599).map(\.verdict)
        #expect(verdicts9 == [.returned] && !close.isFinal(height: 599))
        let verdicts10 = close.takeVerdicts(at: 600).map(\.verdict)
        #expect(verdicts10 == [.lost] && close.isFinal(height: 600))
    }

    @Test("a close of a version that could not claim HTLCs learns of them")
    func oldRecord() throws {
        let bench = Bench(.anchors)
        for isLocal in [true, false] {
            let fresh = bench.close(CloseTests.mined(bench, bench.commitment(isLocal: isLocal, 3)))
            var old = fresh
            old.htlcs = []
            for index in old.outputs.indices where old.outputs[index].role.isHTLC {
                old.outputs[index].role = .htlc
                old.outputs[index].status = .unresolved
                (old.outputs[index].htlc, old.outputs[index].step, old.outputs[index].witnessScript) = (nil, nil, nil)
            }
            #expect(try CloseTests.stored(old) == old)
            let isNews = old.knowHTLCs(bench.known)
            #expect(isNews && Set(old.outputs) == Set(fresh.outputs) && old.htlcs == fresh.htlcs)
            let isNewsAgain = old.knowHTLCs(bench.known)
            #expect(!isNewsAgain)
        }
    }

    @Test("a claim that is not mined pays more and more as its time runs out, and never more than it brings")
    func bumps() throws {
        let bench = Bench(.staticRemoteKey)
        var close = bench.close(CloseTests.mined(bench, bench.commitment(isLocal: false, 3)))
        let isLearned4 = close.learn(CloseTests.preimage, for: Self.received)
        #expect(isLearned4)
        var fees: [UInt64] = []
        for height in BlockHeight(300)...520 {
            let claims = try Self.claims(&close, at: height, bench)
            let claim = try #require(try Self.spending(Self.received, claims, close).first)
            let outputs = claim.inputs.compactMap { input in close.outputs.first { $0.outPoint == input.previousOutput }?.output.amount }
            fees.append(outputs.reduce(0) { $0 + $1.value } - claim.outputs[0].amount.value)
            #expect(try CloseTests.stored(close) == close)
        }
        #expect(fees == fees.sorted() && Set(fees).count > 10, "\(fees)")
        #expect(Set(fees).count > 10)
        #expect(fees[0] < 1000 && fees[150] < 25_000 && fees.last! > 25_000 && fees.last! <= 50_000 - 294)
    }

    @Test("what layer 1 refuses for its fee pays more at once; a claim of several of which one is lost is made again for the others")
    func refusals() throws {
        let bench = Bench(.anchors)
        var close = bench.close(CloseTests.mined(bench, bench.commitment(isLocal: false, 1)))
        let first = CloseTests.claims(&close, at: 300, bench)
        let penalty = try #require(first.first { $0.inputs.count > 1 })
        let refusals = [close.refused(penalty.id), close.refused(penalty.id)]
        #expect(refusals == [true, false])
        // First more for all of them; where that does not help either, each by itself.
        let dearer = CloseTests.claims(&close, at: 301, bench)
        let second = try #require(dearer.first { $0.inputs.count > 1 })
        #expect(
            second.inputs.map(\.previousOutput) == penalty.inputs.map(\.previousOutput)
                && second.outputs[0].amount < penalty.outputs[0].amount)
        // The first may be mined all the same: what it cost is known.
        var older = close
        for input in penalty.inputs { older.spent(input.previousOutput, by: penalty, height: 302, bench.channel) }
        let taken = penalty.inputs.compactMap { input in close.outputs.first { $0.outPoint == input.previousOutput }?.output.amount }
        let paid = taken.reduce(Satoshi.zero) { $0 + $1 } - penalty.outputs[0].amount
        #expect(older.claimFees == [penalty.id: paid] && taken.count == penalty.inputs.count)
        let isKnownAgain = close.refused(second.id)
        #expect(isKnownAgain)
        let single = CloseTests.claims(&close, at: 302, bench)
        #expect(try CloseTests.check(single, close).count == 4 && single.allSatisfy { $0.inputs.count == 1 })
        let refused = try #require(single.first { $0.inputs[0].previousOutput == penalty.inputs[0].previousOutput })
        let isKnown = close.refused(refused.id)
        #expect(isKnown)
        let next = CloseTests.claims(&close, at: 303, bench)
        let more = try #require(next.first { $0.inputs[0].previousOutput == penalty.inputs[0].previousOutput })
        #expect(more.outputs[0].amount < refused.outputs[0].amount)
        // The other way: the cheater takes one of them to its second step.
        var pinned = bench.close(CloseTests.mined(bench, bench.commitment(isLocal: false, 1)))
        _ = CloseTests.claims(&pinned, at: 300, bench)
        var step = Transaction(inputs: [penalty.inputs[0]], outputs: [TransactionOutput(Satoshi(49_000), .anchor)])
        step.inputs[0].witness = [[], [1], [2], [3], [4]]
        pinned.spent(step.inputs[0].previousOutput, by: step, height: 301, bench.channel)
        let rest = CloseTests.claims(&pinned, at: 301, bench)
        #expect(try CloseTests.check(rest, pinned).count == 3)
    }

    @Test("the wallet pays for a claim once, and for what replaces it only while that is still there")
    func fundedOnce() throws {
        let bench = Bench(.anchors)
        var close = bench.close(CloseTests.mined(bench, bench.commitment(isLocal: true, 3)))
        func fundings(_ height: BlockHeight) -> [ClaimFunding] {
            close.claim(at: height, estimates: FeeEstimates(FeeRate(perKiloweight: 1000)), to: CloseTests.script, bench.channel)
                .compactMap { if case .fund(let funding) = $0 { funding } else { nil } }
        }
        let first = try #require(fundings(500).first)
        let second = try #require(fundings(500).first)
        #expect(first == second && close.isWanted(first))
        let (paid, fee) = Self.pay(first)
        let done = close.funded(first, paid, fee: fee, at: 500, bench.channel)
        let again = close.funded(second, paid, fee: fee, at: 500, bench.channel)
        #expect(done != nil && again == nil && !close.isWanted(second) && close.attempts.count == 2, "and that of to_local")
        // A refusal asks for more, in place of this one.
        let isOurs = close.refused(try #require(done).id)
        let more = try #require(fundings(501).first)
        #expect(isOurs && more.replacing == done?.id && more.leastFee > fee && close.isWanted(more))
        #expect(try CloseTests.stored(close) == close)
    }

    @Test("a breach is not given back upstream before its HTLCs are ours")
    func breachVerdicts() throws {
        let bench = Bench(.anchors)
        var close = bench.close(CloseTests.mined(bench, bench.commitment(isLocal: false, 1)))
        let early = close.takeVerdicts(at: 310)
        #expect(early.isEmpty)
        for claim in CloseTests.claims(&close, at: 310, bench) {
            for input in claim.inputs { close.spent(input.previousOutput, by: claim, height: 311, bench.channel) }
        }
        let late = [close.takeVerdicts(at: 315).count, close.takeVerdicts(at: 316).count]
        #expect(late == [0, 2])
    }
}
