import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import LightningChain
import LightningChannel
import LightningEnforcement
import LightningTransactions
import LightningWire
import Testing

/// BOLT 5 "Revoked Transaction Close Handling": every output of a revoked commitment is taken, by transactions that
/// Bitcoin's rules accept.
@Suite("a revoked commitment is published")
struct PenaltyTests {
    /// Bob's commitment with an HTLC in each direction, revoked since; and the pair as it is now.
    func cheat(_ type: ChannelType) throws -> (ChannelPair, Transaction, number: UInt64) {
        var pair = try ChannelPair(type: type)
        let toBob = try pair.offer(60_000)
        let (_, effects) = try pair.bob.offer(
            amount: MilliSatoshi(Satoshi(40_000)), paymentHash: PaymentPreimage(Hash.sha256([8])).paymentHash, cltvExpiry: 510,
            onion: [UInt8](repeating: 0, count: 1366))
        try pair.settle(toBob: toBob, toAlice: ChannelPair.messages(effects))
        #expect(pair.bob.commitments.htlcs.count == 2)
        let old = pair.bob.signedLocalCommitment(pair.environments.bob.keys)
        let number = pair.bob.commitments.localNumber
        let fulfilled = ChannelPair.messages(try pair.bob.resolve(0, .fulfilled(ChannelPair.preimage)))
        let other = ChannelPair.messages(try pair.alice.resolve(0, .fulfilled(PaymentPreimage(Hash.sha256([8])))))
        try pair.settle(toBob: other, toAlice: fulfilled)
        #expect(pair.bob.commitments.htlcs.isEmpty && pair.bob.commitments.localNumber > number)
        return (pair, old, number)
    }

    static func query(_ effects: [ChannelEffect]) -> RevokedHTLCQuery? {
        effects.compactMap { if case .needsRevokedHTLCs(let query) = $0 { query } else { nil } }.last
    }

    /// What a store would answer.
    static func answer(_ query: RevokedHTLCQuery, _ rows: [(key: [UInt8], record: [UInt8])]) -> [(key: [UInt8], record: [UInt8])] {
        let wanted = rows.filter { $0.key.lexicographicallyPrecedes(query.bound) == query.isBackwards }
        return wanted.sorted { $0.key.lexicographicallyPrecedes($1.key) != query.isBackwards }
    }

    /// Alice sees the commitment in a block, and gets the records that she asks for; as a store would have them.
    func see(_ old: Transaction, _ pair: inout ChannelPair, _ environment: ChannelEnvironment) throws -> [ChannelEffect] {
        let rows = pair.alice.takeWrites().revokedHTLCs
        let effects = pair.alice.spent(pair.alice.parameters.funding, by: old, height: environment.height, environment)
        let query = try #require(Self.query(effects))
        return effects + pair.alice.takeRevoked(query, Self.answer(query, rows), environment)
    }

    /// How many outputs some claims take.
    static func claimed(_ transactions: [Transaction]) -> Int { Set(transactions.flatMap(\.inputs).map(\.previousOutput)).count }

    /// The claims that alice publishes, each judged by the script interpreter.
    func claims(_ effects: [ChannelEffect], spending sources: [Transaction]) throws -> [Transaction] {
        let transactions = effects.compactMap { effect -> Transaction? in
            if case .broadcast(let transaction, _) = effect { return transaction }
            return nil
        }
        for transaction in transactions {
            let spent = try transaction.inputs.map { input in
                let source = try #require(sources.first { $0.id == input.previousOutput.transaction })
                return source.outputs[Int(input.previousOutput.index)]
            }
            let verifier = ScriptVerifier(transaction, spent: spent, flags: .standard)
            for index in transaction.inputs.indices { #expect(throws: Never.self) { try verifier.verify(input: index) } }
        }
        return transactions
    }

    @Test("every output is taken", arguments: [ChannelType.anchors, .staticRemoteKey])
    func everything(type: ChannelType) throws {
        var (pair, old, number) = try cheat(type)
        var environment = pair.environments.alice
        environment.height = 300
        let effects = try see(old, &pair, environment)
        let close = try #require(pair.alice.close)
        #expect(close.kind == .revokedCommitment && close.commitmentNumber == number)
        let roles = close.outputs.map { "\($0.role)" }.sorted()
        #expect(roles == ["penaltyHTLC", "penaltyHTLC", "penaltyToLocal", "toRemote"])
        // What can be taken at once is, again when the records are there.
        let transactions = Array(Set(try claims(effects, spending: [old])))
        // In few transactions: what nobody else can take, to_local, and both HTLCs when their records have come.
        #expect(transactions.map(\.inputs.count).sorted() == [1, 1, 2])
        // Everything but anchors and fees: the commitment's own, and those of four claims.
        let taken = transactions.flatMap(\.outputs).reduce(UInt64(0)) { $0 + $1.amount.value }
        #expect(taken > 990_000)
        #expect(transactions.allSatisfy { $0.outputs.allSatisfy { $0.script == environment.sweepScript } })
    }

    @Test("an HTLC that the cheater took to its second step is taken there, even if it pays us something beside")
    func secondStep() throws {
        var (pair, old, number) = try cheat(.anchors)
        var environment = pair.environments.alice
        environment.height = 300
        _ = try see(old, &pair, environment)
        let target = try #require(pair.alice.close?.outputs.first { $0.role == .penaltyHTLC })
        let point = pair.environments.bob.keys.perCommitmentPoint(number)
        let basepoints = pair.alice.parameters.remote.keys
        let toLocal = ChannelScripts.toLocal(
            revocation: KeyDerivation.revocationPublicKey(
                basepoint: pair.alice.parameters.local.keys.revocation, perCommitmentPoint: point),
            delay: pair.alice.parameters.local.toSelfDelay,
            delayed: KeyDerivation.publicKey(basepoint: basepoints.delayedPayment, perCommitmentPoint: point))
        let second = Transaction(
            inputs: [TransactionInput(target.outPoint, sequence: 1, witness: [[], [1], [2], [3], [4]])],
            outputs: [
                TransactionOutput(target.output.amount, .p2wsh(toLocal)),
                // Bait: an output to our own script.
                TransactionOutput(Satoshi(330), environment.sweepScript),
            ])
        environment.height = 301
        let effects = pair.alice.spent(target.outPoint, by: second, height: 301, environment)
        let tracked = try #require(pair.alice.close?.outputs.first { $0.role == .penaltySecondLevel })
        #expect(tracked.outPoint == OutPoint(second.id, 0))
        let transactions = try claims(effects, spending: [old, second])
        #expect(transactions.contains { $0.inputs.contains { $0.previousOutput == OutPoint(second.id, 0) } })
        #expect(pair.alice.watchedOutPoints.contains(tracked.outPoint))
    }

    @Test("one that it took there in the very block of its breach, before any record was read, is taken as well", arguments: [false, true])
    func secondStepAtOnce(isManyOutputs: Bool) throws {
        var (pair, old, number) = try cheat(.anchors)
        var environment = pair.environments.alice
        environment.height = 300
        let records = pair.alice.takeWrites().revokedHTLCs
        _ = pair.alice.spent(pair.alice.parameters.funding, by: old, height: 300, environment)
        let unknown = try #require(pair.alice.close?.outputs.filter { $0.role == .penaltyHTLC })
        #expect(unknown.count == 2 && unknown.allSatisfy { $0.status == .unresolved })
        #expect(pair.alice.watchedOutPoints.contains(unknown[0].outPoint))
        let point = pair.environments.bob.keys.perCommitmentPoint(number)
        let toLocal = ChannelScripts.toLocal(
            revocation: KeyDerivation.revocationPublicKey(
                basepoint: pair.alice.parameters.local.keys.revocation, perCommitmentPoint: point),
            delay: pair.alice.parameters.local.toSelfDelay,
            delayed: KeyDerivation.publicKey(
                basepoint: pair.alice.parameters.remote.keys.delayedPayment, perCommitmentPoint: point))
        var second = Transaction(
            inputs: [TransactionInput(unknown[0].outPoint, sequence: 1, witness: [[], [1], [2], [3], [4]])],
            outputs: [TransactionOutput(unknown[0].output.amount, .p2wsh(toLocal))])
        // Thousands of outputs to the same script that are worth nothing change nothing.
        if isManyOutputs { second.outputs += (0..<20_000).map { _ in TransactionOutput(Satoshi(1), .p2wsh(toLocal)) } }
        var effects = pair.alice.spent(unknown[0].outPoint, by: second, height: 300, environment)
        #expect(pair.alice.close?.outputs.count { $0.role == .penaltySecondLevel } == 1)
        // A restart in between asks again.
        let query = try #require(Self.query(pair.alice.wantRevoked()))
        effects += pair.alice.takeRevoked(query, Self.answer(query, records), environment)
        let claimed = Set(try claims(effects, spending: [old, second]).flatMap(\.inputs).map(\.previousOutput))
        #expect(claimed.contains(OutPoint(second.id, 0)) && claimed.contains(unknown[1].outPoint))
        #expect(!claimed.contains(unknown[0].outPoint))
        #expect(pair.alice.wantRevoked().isEmpty)
        // A reorganization of the second step: the first one is open again.
        pair.alice.disconnectedBlock(height: 300)
    }

    @Test("records of the first version tell as much")
    func firstRecords() throws {
        var (pair, old, _) = try cheat(.anchors)
        var environment = pair.environments.alice
        environment.height = 300
        // As they were written: version, side, id, payment hash, expiry, first and last commitment.
        func record(_ isOurs: Bool, _ preimage: PaymentPreimage, _ expiry: UInt32) -> [UInt8] {
            var writer = ByteWriter()
            writer.uint8(1)
            writer.uint8(isOurs ? 1 : 0)
            writer.uint64(0)
            writer.write(preimage.paymentHash)
            writer.uint32(expiry)
            writer.uint64(1)
            writer.uint64(2)
            return writer.bytes
        }
        _ = pair.alice.spent(pair.alice.parameters.funding, by: old, height: 300, environment)
        // What is in memory already is taken too: here it is as if it had been read from old rows.
        let rows = [record(true, ChannelPair.preimage, 500), record(false, PaymentPreimage(Hash.sha256([8])), 510)]
        let query = try #require(Self.query(pair.alice.wantRevoked()))
        // One that cannot be read is told, and does not keep the others from being used.
        let spoiled = [(key: [UInt8(9)], record: [UInt8]([9, 9, 9]))] + rows.enumerated().map { ([UInt8($0)], $1) }
        let effects = pair.alice.takeRevoked(query, spoiled, environment)
        #expect(effects.contains { if case .alert(let text) = $0 { text.contains("cannot be read") } else { false } })
        #expect(try Self.claimed(claims(effects, spending: [old])) == 4)
    }

    @Test("of very many records some are read at a time: those after the commitment first, then those before it, until all is found")
    func manyRecords() throws {
        var (pair, old, number) = try cheat(.anchors)
        var environment = pair.environments.alice
        environment.height = 300
        let rows = pair.alice.takeWrites().revokedHTLCs
        #expect(rows.count == 1)
        // As after a restart, and without what it has in memory.
        let writes = pair.alice.takeWrites()
        #expect(writes.revokedHTLCs.isEmpty)
        let effects = pair.alice.spent(pair.alice.parameters.funding, by: old, height: 300, environment)
        let first = try #require(Self.query(effects))
        #expect(!first.isBackwards)
        // The row of this commitment is at or after the bound.
        #expect(Self.answer(first, rows).count == 1 && number > 0)
        let nothing: [(key: [UInt8], record: [UInt8])] = (0..<RevokedHTLCQuery.limit).map { ([3, UInt8($0)], [2]) }
        var restored = try PaymentChannel(head: try #require(writes.head ?? pair.alice.takeWrites().head), htlcs: [])
        let second = try #require(Self.query(restored.takeRevoked(first, nothing, environment)))
        #expect(!second.isBackwards && second.bound == nothing.last!.key + [0])
        let third = try #require(Self.query(restored.takeRevoked(second, [], environment)))
        #expect(third.isBackwards && third.bound == first.bound)
        #expect(Self.query(restored.takeRevoked(third, [], environment)) == nil)
        let found = restored.takeRevoked(first, rows, environment)
        #expect(Self.query(found) == nil && restored.wantRevoked().isEmpty)
        #expect(try Self.claimed(claims(found, spending: [old])) == 4)
    }

    @Test("our own force close is claimed after its delay, the remote's at once", arguments: [ChannelType.anchors, .staticRemoteKey])
    func forceCloses(type: ChannelType) throws {
        var pair = try ChannelPair(type: type)
        let own = pair.alice.signedLocalCommitment(pair.environments.alice.keys)
        let funding = pair.alice.parameters.funding
        let output = TransactionOutput(Satoshi(1_000_000), .p2wsh(pair.alice.parameters.fundingScript))
        #expect(throws: Never.self) { try ScriptVerifier(own, spent: [output], flags: .standard).verify(input: 0) }
        var environments = pair.environments
        environments.alice.height = 300
        environments.bob.height = 300
        #expect(try claims(pair.alice.spent(funding, by: own, height: 300, environments.alice), spending: [own]).isEmpty)
        let bobs = try claims(pair.bob.spent(funding, by: own, height: 300, environments.bob), spending: [own])
        #expect(bobs.count == 1 && pair.bob.close?.kind == .remoteCommitment)
        environments.alice.height = 300 + 144 - 2
        #expect(try claims(pair.alice.newBlock(environments.alice), spending: [own]).isEmpty)
        environments.alice.height += 1
        let mine = try claims(pair.alice.newBlock(environments.alice), spending: [own])
        #expect(mine.count == 1 && mine[0].inputs[0].sequence == 144)
        #expect(pair.alice.close?.kind == .localCommitment && !pair.alice.isClosed)
    }

    /// A channel in which alice has offered an HTLC, the commitment with which bob is going to close it, and alice at that block.
    private static func closedByBob() throws -> (ChannelPair, theirs: Transaction, ChannelEnvironment) {
        var pair = try ChannelPair()
        let add = try pair.offer(60_000)
        try pair.settle(toBob: add)
        var environment = pair.environments.alice
        environment.height = 300
        return (pair, pair.bob.signedLocalCommitment(pair.environments.bob.keys), environment)
    }

    @Test("a preimage that the peer shows in the mempool goes upstream before a block has it, once, and decides nothing else")
    func preimageInMempool() throws {
        var (pair, theirs, environment) = try Self.closedByBob()
        let open = pair.alice
        _ = pair.alice.spent(pair.alice.parameters.funding, by: theirs, height: 300, environment)
        let output = try #require(pair.alice.close?.outputs.first { $0.role == .offeredHTLC })
        // BOLT 3, HTLC-success: "0 <remotehtlcsig> <localhtlcsig> <payment_preimage>".
        func success(_ preimage: PaymentPreimage) -> Transaction {
            var spend = Transaction(
                inputs: [TransactionInput(output.outPoint, sequence: 1)], outputs: [TransactionOutput(Satoshi(59_000), .anchor)])
            spend.inputs[0].witness = [[], [1], [2], preimage.bytes.array, [3]]
            return spend
        }
        let wrong = success(PaymentPreimage(Hash.sha256([8])))
        #expect(pair.alice.handle(.seen(output.outPoint, by: wrong), environment).isEmpty)
        let right = success(ChannelPair.preimage)
        let effects = pair.alice.handle(.seen(output.outPoint, by: right), environment)
        #expect(effects.count == 1)
        guard case .fulfilled(let id, _, let shown, _, _)? = effects.first else {
            Issue.record("\(effects)")
            return
        }
        #expect(id == 0 && shown == ChannelPair.preimage)
        var rows: [[UInt8]: [UInt8]] = [:]
        try Self.restart(&pair.alice, &rows)
        #expect(pair.alice.handle(.seen(output.outPoint, by: right), environment).isEmpty, "told once, also over a restart")
        // Without anchors both may wait together: it is told before the commitment is mined, and the channel stays as it is.
        var early = open
        #expect(early.handle(.seen(output.outPoint, by: wrong), environment).isEmpty)
        #expect(early.handle(.seen(output.outPoint, by: right), environment) == effects)
        #expect(early.phase == open.phase && early.commitments == open.commitments)
        #expect(pair.alice.close?.outputs.first { $0.outPoint == output.outPoint }?.status == output.status)
        // It never is mined: after its time the output is taken back all the same, for who showed it may have sent it to nobody else.
        environment.height = 500
        let claims = try claims(pair.alice.newBlock(environment), spending: [theirs])
        #expect(claims.contains { $0.lockTime == 500 && $0.inputs.contains { $0.previousOutput == output.outPoint } })
    }

    @Test("an HTLC that we offered is taken back from the peer's commitment after its time, and only then is the channel over")
    func timedOut() throws {
        var (pair, theirs, environment) = try Self.closedByBob()
        let first = try claims(
            pair.alice.spent(pair.alice.parameters.funding, by: theirs, height: 300, environment), spending: [theirs])
        #expect(Self.claimed(first) == 1 && pair.alice.close?.contestedUntil == 500)
        var rows: [[UInt8]: [UInt8]] = [:]
        try Self.restart(&pair.alice, &rows)
        environment.height = 499
        let before = try claims(pair.alice.newBlock(environment), spending: [theirs])
        #expect(Self.claimed(before) == 1)
        environment.height = 500
        let after = try claims(pair.alice.newBlock(environment), spending: [theirs])
        let claim = try #require(after.first { $0.lockTime == 500 })
        environment.height = 5000
        var effects = pair.alice.newBlock(environment)
        #expect(!effects.contains(.closed) && !pair.alice.isClosed)
        // Both are mined: the HTLC is given back when that is deep.
        for spender in first + [claim] {
            _ = pair.alice.spent(spender.inputs[0].previousOutput, by: spender, height: 5001, environment)
        }
        environment.height = 5005
        effects = pair.alice.newBlock(environment)
        #expect(!effects.contains { if case .returned = $0 { true } else { false } })
        try Self.restart(&pair.alice, &rows)
        environment.height = 5006
        effects = pair.alice.newBlock(environment)
        #expect(effects == [.returned(id: 0, ChannelPair.preimage.paymentHash), .closed])
        try Self.restart(&pair.alice, &rows)
        // A reorganization that takes the claims away opens it again, until they are a hundred deep.
        for height in (BlockHeight(5001)...5006).reversed() { pair.alice.disconnectedBlock(height: height) }
        #expect(!pair.alice.isClosed)
        environment.height = 5001
        let again = try claims(pair.alice.newBlock(environment), spending: [theirs])
        #expect(Self.claimed(again) == 2)
    }

    /// Puts a channel in the place of which its records tell.
    private static func restart(_ channel: inout PaymentChannel, _ htlcs: inout [[UInt8]: [UInt8]]) throws {
        let writes = channel.takeWrites()
        for (key, record) in writes.htlcs { htlcs[key] = record }
        for key in writes.removedHTLCs { htlcs[key] = nil }
        guard let head = writes.head else { return }
        let restored = try PaymentChannel(head: head, htlcs: Array(htlcs.values))
        #expect(restored.phase == channel.phase)
        channel = restored
    }

    @Test("old data is never published, not even when the remote's close is reorganized away")
    func dataLossAndReorganization() throws {
        let old = try ChannelPair()
        var pair = old
        for _ in 0..<2 {
            try pair.settle(toBob: try pair.offer(20_000))
            let id = pair.bob.commitments.htlcs.keys.first!.id
            try pair.settle(toAlice: ChannelPair.messages(try pair.bob.resolve(id, .fulfilled(ChannelPair.preimage))))
        }
        let first = pair.alice.signedLocalCommitment(pair.environments.alice.keys)
        let stale = old.alice
        // Bob restored a backup of the beginning, and learns it from alice.
        var bob = old.bob
        _ = bob.disconnect()
        _ = pair.alice.disconnect()
        _ = bob.connect(pair.environments.bob)
        for message in ChannelPair.messages(pair.alice.connect(pair.environments.alice)) {
            _ = try bob.handle(message, pair.environments.bob)
        }
        #expect(bob.stateName == "data-lost")
        var environment = pair.environments.bob
        var staleAlice = stale
        let oldClose = staleAlice.signedLocalCommitment(pair.environments.alice.keys)
        for (number, close) in [first, oldClose].enumerated() {
            environment.height = 300 + number
            _ = bob.spent(bob.parameters.funding, by: close, height: 300 + number, environment)
            #expect(bob.close != nil)
            bob.disconnectedBlock(height: 300 + number)
            #expect(bob.stateName == "data-lost")
            #expect(bob.newBlock(environment).isEmpty)
        }
    }

    @Test("a claim pays what it can where fees are higher than its output is worth", arguments: [UInt32(1000), 200_000])
    func highFees(rate: UInt32) throws {
        var pair = try ChannelPair(push: 12_000)
        let own = pair.alice.signedLocalCommitment(pair.environments.alice.keys)
        var environment = pair.environments.bob
        environment.height = 300
        environment.estimates = FeeEstimates(FeeRate(perKiloweight: rate))
        let transactions = try claims(pair.bob.spent(pair.bob.parameters.funding, by: own, height: 300, environment), spending: [own])
        #expect(transactions.count == 1)
        #expect(transactions[0].outputs[0].amount >= Satoshi(294))
        if rate == 200_000 { #expect(transactions[0].outputs[0].amount == Satoshi(294)) }
    }
}
