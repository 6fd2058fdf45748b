import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import LightningChain
import LightningEnforcement
import LightningTransactions
import LightningWire
import Testing

/// Every kind of close × who offered the HTLC × whether its preimage is known × when: what claims its output, and what is told upstream.
@Suite("the table of closes")
struct CloseTableTests {
    typealias Bench = CloseTests.Bench

    enum Close: CaseIterable { case own, current, next, revoked, mutual, future, ownRevoked, stranger }

    /// What spends an HTLC's output.
    enum Claim: Hashable { case none, timeout, success, penalty }

    struct Row: CustomTestStringConvertible {
        var type: ChannelType
        var close: Close
        var key: HTLCKey
        var knowsPreimage: Bool
        var testDescription: String {
            "\(type), \(close), \(key.isOfferedByLocal ? "ours" : "the peer's"), preimage \(knowsPreimage ? "known" : "unknown")"
        }

        func transaction(_ bench: Bench) -> Transaction {
            let funding = bench.channel.parameters.funding
            func mined(_ isLocal: Bool, _ number: UInt64) -> Transaction {
                CloseTests.mined(bench, bench.commitment(isLocal: isLocal, number))
            }
            return switch close {
            case .own: mined(true, 3)
            case .current: mined(false, 3)
            case .next: mined(false, 4)
            case .revoked: mined(false, 1)
            case .future: mined(false, 9)
            case .ownRevoked: mined(true, 1)
            case .mutual:
                Transaction(
                    inputs: [TransactionInput(funding, sequence: 0xffff_fffd)],
                    outputs: [TransactionOutput(Satoshi(5000), CloseTests.script)])
            case .stranger: Transaction(inputs: [TransactionInput(funding)], outputs: [TransactionOutput(Satoshi(5000), .anchor)])
            }
        }

        /// Whether an output holds the HTLC, or may; of a revoked commitment either of both is taken in the same way.
        func isOutput(_ output: ChannelClose.Output) -> Bool { output.htlc == key || [.htlc, .penaltyHTLC].contains(output.role) }

        /// BOLT 5, by the close, its HTLC and the height at which a claim could be mined next.
        func expected(at height: BlockHeight) -> Claim {
            switch close {
            case .own, .current, .next:
                if key.isOfferedByLocal { return height >= 500 ? .timeout : .none }
                return knowsPreimage ? .success : .none
            case .revoked: return .penalty
            // There is no output, or none whose keys are known.
            case .mutual, .future, .ownRevoked, .stranger: return .none
            }
        }

        /// What is told upstream, and at which height, where nobody takes any output: the preimage says whose an HTLC is; without it what we
        /// offered goes back, and what the peer offered is lost.
        var verdict: (ClosingHTLC.Verdict?, BlockHeight) {
            let byPreimage: ClosingHTLC.Verdict =
                key.isOfferedByLocal ? (knowsPreimage ? .concluded : .returned) : (knowsPreimage ? .settled : .lost)
            return switch close {
            case .mutual: (byPreimage, 305)
            // Whoever has it may still take it: a hundred blocks after its time nobody has.
            case .future, .ownRevoked, .stranger, .revoked: (byPreimage, 600)
            // Claims of ours wait for a block as long as it takes.
            case .own, .current, .next:
                key.isOfferedByLocal || knowsPreimage ? (nil, 0) : (.lost, 600)
            }
        }
    }

    static let rows = [ChannelType.anchors, .staticRemoteKey].flatMap { type in
        Close.allCases.flatMap { close in
            [HTLCClaimTests.offered, HTLCClaimTests.received].flatMap { key in
                [false, true].map { Row(type: type, close: close, key: key, knowsPreimage: $0) }
            }
        }
    }

    private static func close(_ row: Row, _ bench: Bench) -> ChannelClose {
        let transaction = row.transaction(bench)
        var known = bench.known
        if row.close == .mutual { known.mutualCloses = [transaction] }
        var close = ChannelClose(transaction, height: 300, of: bench.channel, known: known)
        if row.knowsPreimage { _ = close.learn(CloseTests.preimage, for: row.key) }
        return close
    }

    @Test("what claims the HTLC's output, one block before its time, at its time and long after", arguments: rows)
    func claims(row: Row) throws {
        let bench = Bench(row.type)
        for height in [BlockHeight(300), 499, 500, 700] {
            var close = Self.close(row, bench)
            let claims = try HTLCClaimTests.claims(&close, at: height, bench)
            #expect(try CloseTests.stored(close) == close)
            let outputs = close.outputs.filter { row.isOutput($0) }
            guard !outputs.isEmpty else {
                #expect(row.expected(at: height) == .none)
                continue
            }
            for output in outputs { try check(output, of: close, claims, row, at: height) }
        }
    }

    private func check(
        _ output: ChannelClose.Output, of close: ChannelClose, _ claims: [Transaction], _ row: Row, at height: BlockHeight
    ) throws {
        let spending = claims.filter { $0.inputs.contains { $0.previousOutput == output.outPoint } }
        guard let spend = spending.first, let input = spend.inputs.firstIndex(where: { $0.previousOutput == output.outPoint }) else {
            #expect(row.expected(at: height) == .none, "at \(height)")
            return
        }
        let spent = spend.inputs.map { input in
            close.outputs.first { $0.outPoint == input.previousOutput }?.output ?? TransactionOutput(Satoshi(50_000), CloseTests.script)
        }
        #expect(throws: Never.self) { try ScriptVerifier(spend, spent: spent, flags: .standard).verify(input: input) }
        let witness = spend.inputs[input].witness
        // BOLT 3: "<revocation_sig> <revocationpubkey>"; a preimage has 32 bytes, a timeout none.
        let found: Claim =
            if witness.count == 3, witness[1].count == 33 {
                .penalty
            } else if witness.contains(CloseTests.preimage.bytes.array) {
                .success
            } else {
                .timeout
            }
        #expect(spending.count == 1 && found == row.expected(at: height), "at \(height)")
        #expect(spend.lockTime == (found == .timeout ? 500 : 0))
        // Our own commitment gives an HTLC by a second step that both have signed; any other to our key at once.
        #expect(witness.count == (row.close == .own ? 5 : 3))
    }

    @Test("what is told upstream where nobody takes the output, and not a block sooner", arguments: rows)
    func verdicts(row: Row) throws {
        let bench = Bench(row.type)
        var close = Self.close(row, bench)
        func verdict(_ height: BlockHeight) -> ClosingHTLC.Verdict? {
            close.takeVerdicts(at: height).first { $0.htlc.key == row.key }?.verdict
        }
        let (expected, height) = row.verdict
        guard let expected else {
            #expect([300, 305, 306, 500, 599, 600, 5000].allSatisfy { verdict($0) == nil })
            return
        }
        #expect(verdict(height - 1) == nil)
        #expect(verdict(height) == expected)
        #expect(verdict(height + 1) == nil, "told once")
        #expect(try CloseTests.stored(close) == close)
    }
}
