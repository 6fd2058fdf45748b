import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import LightningChain
import LightningChannel
import LightningEnforcement
import LightningInvoice
import LightningPayment
import LightningRecords
import LightningSimulation
import LightningTransactions
import LightningWire
import TestSupport
import Testing

@testable import LightningCore

/// A client that is away while its peer cheats, and a tower that is there: each claim is judged by the ledger's interpreter.
@Suite("watchtowers", .ownThreads)
struct WatchtowerTests {
    static let (alice, bob, tower) = (0, 1, 2)

    /// Alice has a channel of 500,000 sat to bob, of which bob has 200,000, and a tower.
    static func world(_ seed: UInt64, type: ChannelType = .anchors) throws -> (SimulatedWorld, ChannelID) {
        var configuration = NodeConfiguration()
        configuration.policy.channelType = type
        configuration.tower = TowerPolicy()
        var world = SimulatedWorld(seed: seed, names: ["alice", "bob", "tower"], configuration: configuration)
        try world.fund(alice)
        world.join(alice, bob)
        try world.run(limit: .milliseconds(2000))
        try world.command(
            alice, .openChannel(world.nodes[bob].nodeID, amount: Satoshi(500_000), push: MilliSatoshi(Satoshi(200_000)), feeRate: nil))
        try world.run(limit: .milliseconds(2000))
        try world.mine(6)
        try world.run(limit: .milliseconds(2000))
        _ = try world.ask(alice, .addWatchtower(world.nodes[tower].nodeID))
        world.join(alice, tower)
        try world.run(limit: .milliseconds(2000))
        return (world, try #require(world.nodes[alice].core!.channels.ids.first))
    }

    static func pay(_ world: inout SimulatedWorld, _ from: Int, _ to: Int, _ sat: UInt64) throws {
        guard
            case .invoice(let record)? = try world.ask(
                to, .createInvoice(amount: MilliSatoshi(Satoshi(sat)), .text(""), expiry: .seconds(3600), blindedHops: 0))
        else { return }
        try world.command(from, .pay(record.invoice, amount: nil))
        try world.run(limit: .milliseconds(3000))
    }

    /// An HTLC that its payee holds.
    static func hold(_ world: inout SimulatedWorld, _ from: Int, _ to: Int, _ sat: UInt64, _ secret: UInt8) throws {
        let hash = PaymentPreimage(Hash.sha256([secret])).paymentHash
        guard
            case .invoice(let record)? = try world.ask(
                to, .createHoldInvoice(hash, amount: MilliSatoshi(Satoshi(sat)), .text(""), expiry: .seconds(3600), blindedHops: 0))
        else { return }
        try world.command(from, .pay(record.invoice, amount: nil))
        try world.run(limit: .milliseconds(3000))
    }

    /// A revoked commitment of bob's is mined while neither of the two is there.
    static func breach(_ world: inout SimulatedWorld, _ cheat: Transaction) throws {
        world.stop(alice)
        world.stop(bob)
        try world.publish(cheat)
        try world.mine(1)
        try world.pass(1)
    }

    /// The transactions in the mempool that take something of a commitment.
    static func claims(_ world: SimulatedWorld, _ commitment: TransactionID) -> [Transaction] {
        world.ledger.mempool.entries.values.map(\.transaction).filter { $0.inputs[0].previousOutput.transaction == commitment }
    }

    static func total(_ world: SimulatedWorld, _ index: Int) -> UInt64 {
        let balance = world.nodes[index].core!.wallet.balance(height: world.ledger.height)
        return balance.confirmed.value + balance.unconfirmed.value
    }

    @Test(
        "everything of a revoked commitment goes to a client that is away for a month with its database lost",
        arguments: [ChannelType.anchors, .staticRemoteKey], [false, true])
    func punished(type: ChannelType, losesStore: Bool) throws {
        var (world, id) = try Self.world(71, type: type)
        // HTLCs both ways in the state that will be published.
        try Self.hold(&world, Self.alice, Self.bob, 30_000, 1)
        try Self.hold(&world, Self.bob, Self.alice, 40_000, 2)
        let signed = world.signedCommitment(Self.bob, id)
        let cheat = try #require(signed)
        #expect(cheat.outputs.count >= 4)
        try Self.pay(&world, Self.bob, Self.alice, 50_000)
        try Self.pay(&world, Self.bob, Self.alice, 1000)
        let client = try #require(world.nodes[Self.alice].core!.watchtowers.first)
        #expect(client.made > 0 && client.stored == client.made && client.refusal == nil)
        #expect(world.nodes[Self.alice].store.records(.towerQueue).isEmpty)
        // The tower does not know who the client is.
        let customers = world.nodes[Self.tower].core!.peers.towers.service.customers
        #expect(customers.count == 1 && customers[world.nodes[Self.alice].nodeID] == nil)
        let before = Self.total(world, Self.alice)
        try Self.breach(&world, cheat)
        // What was the cheater's own by itself, and so the HTLCs: one can follow the fees further than the other.
        let claims = Self.claims(world, cheat.id).map(\.inputs.count).sorted()
        #expect(claims == [1, 1, 1])
        try world.mine(1)
        #expect(world.ledger.mempool.entries.isEmpty)
        // A month.
        try world.mine(200)
        if losesStore { world.loseStore(Self.alice) }
        world.resume(Self.alice)
        try world.pass(3)
        try world.mine(5)
        try world.pass(2)
        // All 500,000 less the commitment's fee and anchors, and the penalty's fee at the second level.
        let gain = Self.total(world, Self.alice) - before
        #expect((485_000...499_500).contains(gain), "\(gain)")
        #expect(world.nodes[Self.tower].core!.peers.towers.service.cases.isEmpty)
        #expect(world.nodes[Self.tower].core!.difference(from: world.nodes[Self.tower].store) == nil)
    }

    @Test("an honest close is none of its business")
    func honest() throws {
        var (world, id) = try Self.world(72)
        try Self.pay(&world, Self.bob, Self.alice, 50_000)
        try world.command(Self.bob, .forceCloseChannel(id))
        try world.pass(2)
        world.stop(Self.alice)
        try world.mine(3)
        try world.pass(1)
        // A kit may come late: the close is remembered for as long as that may matter.
        #expect(world.nodes[Self.tower].core!.peers.towers.service.cases.values.allSatisfy { $0.isLookedUp && $0.kits.isEmpty })
        #expect(world.nodes[Self.tower].core!.towerTotals.cases == 0)
        #expect(world.nodes[Self.tower].events.allSatisfy { if case .alert = $0 { false } else { true } })
        try world.mine(2020)
        #expect(world.nodes[Self.tower].core!.peers.towers.service.cases.isEmpty)
    }

    @Test(
        "a kit that comes after its commitment was mined is used, also by a tower that has started anew meanwhile",
        arguments: [false, true])
    func lateKit(restarts: Bool) throws {
        var (world, id) = try Self.world(83)
        let signed = world.signedCommitment(Self.bob, id)
        let cheat = try #require(signed)
        // Revoked while the tower is away: its kit waits with the client.
        world.stop(Self.tower)
        try Self.pay(&world, Self.bob, Self.alice, 50_000)
        let queue = world.nodes[Self.alice].store.entries(.towerQueue)
        #expect(!queue.isEmpty)
        world.stop(Self.alice)
        world.resume(Self.tower)
        try world.pass(2)
        for entry in world.nodes[Self.tower].store.entries(.towerKits) {
            #expect(PenaltyKit(sealed: entry.record, for: cheat.id) == nil)
        }
        try Self.breach(&world, cheat)
        #expect(Self.claims(world, cheat.id).isEmpty)
        if restarts {
            world.kill(Self.tower)
            try world.pass(2)
        }
        try world.mine(2)
        let secret = SecretKey(Hash.sha256([83]))!
        var connection = try #require(try world.dial(Self.tower, as: secret))
        for (number, entry) in queue.enumerated() {
            var reader = ByteReader(entry.record)
            let (hint, blob) = (Array(try reader.read(16)), try reader.variableBytes())
            try world.say(.towerStore(TowerStore(number: UInt64(number + 1), hint: hint, blob: blob)), over: &connection)
        }
        try world.hangUp(connection)
        try world.pass(1)
        // At once, not with the next block.
        #expect(Self.claims(world, cheat.id).count == 1)
        try world.mine(1)
        try world.pass(1)
        #expect(world.nodes[Self.tower].core!.peers.towers.service.cases[cheat.id]?.open == [])
        #expect(world.nodes[Self.tower].core!.difference(from: world.nodes[Self.tower].store) == nil)
    }

    @Test("however fast a peer turns over its commitments, the largest HTLCs are signed for")
    func largestHTLCs() {
        var client = TowerClient()
        let channel = ChannelID(Hash.sha256([1]))
        #expect(client.watchedHTLCs(of: channel, now: .zero) == nil)
        client.add(Watchtower(nodeID: SecretKey(Hash.sha256([2]))!.publicKey(), salt: Hash.sha256([3]), since: 0))
        // A commitment has 483 from each side.
        #expect(client.watchedHTLCs(of: channel, now: .zero) ?? 0 >= 966)
        client.signed(6000, of: channel, now: .zero)
        #expect((1..<100).contains(client.watchedHTLCs(of: channel, now: .zero) ?? 0))
        #expect(client.watchedHTLCs(of: channel, now: Timestamp(milliseconds: 10_000)) ?? 0 >= 966)
    }

    @Test("while a tower is away its kits wait on the disk, also over a restart, and it has all of them when it is back")
    func away() throws {
        var (world, _) = try Self.world(73)
        world.stop(Self.tower)
        for _ in 0..<40 { try Self.pay(&world, Self.bob, Self.alice, 1000) }
        var client = try #require(world.nodes[Self.alice].core!.watchtowers.first)
        #expect(client.waiting >= 80 && !client.covers(channelFundedAt: nil, isConnected: false))
        #expect(UInt64(world.nodes[Self.alice].store.records(.towerQueue).count) == client.waiting)
        world.kill(Self.alice)
        try world.pass(2)
        world.resume(Self.tower)
        world.join(Self.alice, Self.tower)
        try world.pass(5)
        client = try #require(world.nodes[Self.alice].core!.watchtowers.first)
        #expect(client.waiting == 0 && world.nodes[Self.alice].store.records(.towerQueue).isEmpty)
        // Of what was revoked before it was added it has nothing.
        #expect(
            client.covers(channelFundedAt: client.since + 1, isConnected: false)
                && !client.covers(channelFundedAt: client.since, isConnected: false))
        #expect(UInt64(world.nodes[Self.tower].store.records(.towerKits).count) == client.made)
        // A connection that breaks in the middle of it changes nothing.
        for _ in 0..<5 {
            try Self.pay(&world, Self.bob, Self.alice, 1000)
            world.disconnect(Self.tower)
            world.join(Self.alice, Self.tower)
        }
        try world.pass(5)
        client = try #require(world.nodes[Self.alice].core!.watchtowers.first)
        #expect(client.waiting == 0 && UInt64(world.nodes[Self.tower].store.records(.towerKits).count) == client.made)
    }

    @Test("a cheater that fills the hint of its own commitment with kits of its own keeps nothing from being punished")
    func flooded() throws {
        var (world, id) = try Self.world(74)
        let signed = world.signedCommitment(Self.bob, id)
        let cheat = try #require(signed)
        try Self.pay(&world, Self.bob, Self.alice, 50_000)
        // What it can know of the real kit, with signatures that are none; sealed as it should be, in the keys before and after it.
        let real = try #require(
            world.nodes[Self.tower].store.records(.towerKits).lazy.compactMap { PenaltyKit(sealed: $0, for: cheat.id) }.first)
        var false1 = real
        for index in false1.outputs.indices { false1.outputs[index].signatures.reverse() }
        var false2 = real
        false2.sweepScript = .p2wpkh(SecretKey(Hash.sha256([66]))!.publicKey())
        for byte: UInt8 in 1...6 {
            let secret = SecretKey(Hash.sha256([byte, 77]))!
            guard var connection = try world.dial(Self.tower, as: secret) else { continue }
            for number in 1...80 {
                let kit = number.isMultiple(of: 2) ? false1 : false2
                let blob = number.isMultiple(of: 5) ? [UInt8](repeating: byte, count: 400) : kit.sealed(for: cheat.id)
                try world.say(
                    .towerStore(TowerStore(number: UInt64(number), hint: PenaltyKit.hint(cheat.id), blob: blob)), over: &connection)
            }
            try world.hangUp(connection)
        }
        try world.pass(2)
        #expect(world.nodes[Self.tower].store.records(.towerKits).count > 300)
        world.stop(Self.alice)
        world.stop(Self.bob)
        try world.publish(cheat)
        try world.mine(1)
        // The tower dies while it looks, and goes on.
        world.kill(Self.tower)
        try world.pass(2)
        try world.mine(1)
        let found = try #require(world.nodes[Self.tower].core!.peers.towers.service.cases[cheat.id])
        #expect(found.kits.allSatisfy { $0.sweepScript == real.sweepScript } && found.spent.count == 1)
        #expect(found.kits.count == real.outputs.count)
    }

    /// A commitment that bob has revoked, and what the tower's store has for it; neither alice nor bob is there.
    static func abandoned(_ seed: UInt64) throws -> (SimulatedWorld, cheat: Transaction, kit: (key: [UInt8], record: [UInt8])) {
        var (world, id) = try world(seed)
        let signed = world.signedCommitment(bob, id)
        let cheat = try #require(signed)
        try pay(&world, bob, alice, 50_000)
        let kits = world.nodes[tower].store.entries(.towerKits)
        let kit = try #require(kits.first { PenaltyKit(sealed: $0.record, for: cheat.id) != nil })
        world.stop(alice)
        world.stop(bob)
        return (world, cheat, kit)
    }

    /// What a node asks its store for in a table, when it is told something.
    static func asked(_ core: inout NodeCore, _ table: StoreTable, _ inputs: [NodeInput], now: Timestamp) -> [StoreQuery] {
        core.handle(inputs, now: now).loads.filter { $0.table == table }
    }

    @Test("a block that comes while a tower looks through its kits makes it neither forget those that it has seen nor look again")
    func slowStore() throws {
        var (world, cheat, real) = try Self.abandoned(80)
        var core = world.nodes[Self.tower].core!
        let start = core.height
        try world.publish(cheat)
        // None of the claims is mined.
        let blocks = try world.mine(1) + world.mine(3, including: [])
        func block(_ number: Int) -> NodeInput { .blockConnected(BlockContents(blocks[number]), height: start + 1 + number) }

        let first = try #require(Self.asked(&core, .towerKits, [block(0)], now: world.now).first)
        // It cannot be read: with the next block it is asked for again, and only then.
        #expect(Self.asked(&core, .towerKits, [.loaded(first, .failure(.damaged("a page")))], now: world.now) == [])
        #expect(Self.asked(&core, .towerKits, [block(1)], now: world.now) == [first])
        // The first page has the real kit, and is full; the last one is empty. Between them there is a block.
        let page =
            [StoreEntry(key: real.key, record: real.record)]
            + (1..<first.limit).map { StoreEntry(key: first.prefix + [UInt8](repeating: 0xf0 + UInt8($0 % 8), count: 41), record: [1]) }
        let second = try #require(Self.asked(&core, .towerKits, [.loaded(first, .success(page))], now: world.now).first)
        #expect(second.bound != first.bound)
        #expect(Self.asked(&core, .towerKits, [block(2)], now: world.now) == [])
        #expect(Self.asked(&core, .towerKits, [.loaded(second, .success([]))], now: world.now) == [])
        let found = try #require(core.peers.towers.service.cases[cheat.id])
        #expect(found.isLookedUp && !found.open.isEmpty)
        #expect(Self.asked(&core, .towerKits, [block(3)], now: world.now) == [])
    }

    @Test("kits that were asked for over an earlier connection are not taken for those that the next one needs")
    func lateKits() throws {
        let (world, _) = try Self.world(81)
        var core = world.nodes[Self.alice].core!
        let tower = world.nodes[Self.tower].nodeID
        let stored = try #require(core.watchtowers.first).stored
        core.peers.towers.client.update(tower) { $0.made += 100 }
        func answer(_ query: StoreQuery, _ first: UInt64) {
            let entries = (first..<first + TowerClient.window).map { number in
                StoreEntry(
                    key: TowerClient.key(tower, number),
                    record: ByteWriter.bytes {
                        $0.write([UInt8](repeating: 1, count: 16))
                        $0.variableBytes([UInt8](repeating: 2, count: 300))
                    })
            }
            core.towerLoaded(query, .success(entries))
        }
        core.towerConnected(tower)
        answer(core.towerQuery(tower, after: stored), stored + 1)
        #expect(core.peers.towers.client.sent[tower] == stored + 50)
        // Room for more, which is asked for; but then the connection breaks.
        core.received(TowerStored(number: stored + 10), of: tower)
        let late = core.towerQuery(tower, after: stored + 50)
        #expect(core.peers.towers.client.asked == [tower])
        core.towerDisconnected(tower)
        core.towerConnected(tower)
        answer(late, stored + 51)
        #expect(core.peers.towers.client.sent[tower] == stored + 10 && core.peers.towers.client.asked == [tower])
        answer(core.towerQuery(tower, after: stored + 10), stored + 11)
        #expect(core.peers.towers.client.sent[tower] == stored + 60)
    }

    @Test("what nobody mines pays more, level by level; what the cheater took first is left out; a reorganization opens it again")
    func contested() throws {
        var (world, id) = try Self.world(75)
        try Self.hold(&world, Self.alice, Self.bob, 30_000, 1)
        let signed = world.signedCommitment(Self.bob, id)
        let cheat = try #require(signed)
        try Self.pay(&world, Self.bob, Self.alice, 50_000)
        try Self.breach(&world, cheat)
        var fees: Set<UInt64> = []
        for _ in 0..<12 {
            let now = Self.claims(world, cheat.id)
            #expect(now.count == 2)
            fees.insert(now.reduce(0) { $1.outputs.reduce($0) { $0 + $1.amount.value } })
            // Miners that do not take it.
            try world.mine(1, including: [])
            try world.pass(1)
        }
        #expect(fees.count == 4)
        // In a block, and out of it again.
        try world.mine(1)
        let open = { (world: SimulatedWorld) in world.nodes[Self.tower].core!.peers.towers.service.cases[cheat.id]?.open }
        #expect(open(world) == [])
        try world.reorganize(depth: 1)
        try world.pass(1)
        #expect(open(world)?.count == 2)
        try world.mine(1)
        #expect(open(world) == [])
    }

    @Test("an HTLC that the cheater takes or pins keeps nothing else from being taken")
    func blocked() throws {
        var (world, id) = try Self.world(77)
        try Self.hold(&world, Self.alice, Self.bob, 30_000, 1)
        try Self.hold(&world, Self.alice, Self.bob, 20_000, 2)
        let signed = world.signedCommitment(Self.bob, id)
        let cheat = try #require(signed)
        try Self.pay(&world, Self.bob, Self.alice, 50_000)
        try Self.breach(&world, cheat)
        let all = Self.claims(world, cheat.id)
        #expect(all.map(\.inputs.count).sorted() == [1, 2])
        // A miner takes only one of the HTLCs, as if it were the cheater's: what is left goes by itself.
        let pair = try #require(all.first { $0.inputs.count == 2 })
        var one = pair
        one.inputs.removeLast()
        one.outputs.removeLast()
        try world.mine(1, including: [one])
        try world.pass(1)
        let rest = Self.claims(world, cheat.id)
        #expect(Set(rest.flatMap { $0.inputs.map(\.previousOutput) }).count == 2 && rest.allSatisfy { $0.inputs.count == 1 })
        try world.mine(1)
        #expect(world.nodes[Self.tower].core!.peers.towers.service.cases[cheat.id]?.open == [])
    }

    @Test("a tower never learns who its client is: not by calling it, not by opening a channel to it")
    func anonymous() throws {
        var (world, _) = try Self.world(78)
        let client = world.nodes[Self.alice].nodeID
        world.join(Self.tower, Self.alice)
        try world.pass(3)
        #expect(world.nodes[Self.tower].core!.peerSummaries.allSatisfy { $0.nodeID != client })
        try Self.pay(&world, Self.bob, Self.alice, 1000)
        let tower = try #require(world.nodes[Self.alice].core!.watchtowers.first)
        #expect(tower.waiting == 0)
        let request = try world.command(
            Self.alice, .openChannel(world.nodes[Self.tower].nodeID, amount: Satoshi(100_000), push: .zero, feeRate: nil))
        guard case .failure(.invalid)? = world.nodes[Self.alice].answers[request] else {
            Issue.record("a channel with a watchtower")
            return
        }
    }

    @Test("a database that was set back goes on under another identity: no number is given twice")
    func setBack() throws {
        var (world, id) = try Self.world(79)
        try Self.pay(&world, Self.bob, Self.alice, 1000)
        let old = world.nodes[Self.alice].store
        // Kits of a state that the old copy does not know; then the copy is used, and the channel goes on from what bob has.
        world.stop(Self.bob)
        try world.pass(1)
        let before = try #require(world.nodes[Self.alice].core!.watchtowers.first)
        world.setBack(Self.alice, to: old)
        try world.pass(2)
        world.resume(Self.bob)
        world.join(Self.alice, Self.bob)
        world.join(Self.alice, Self.tower)
        try world.pass(10)
        #expect(world.nodes[Self.alice].core!.channels[id]!.isUsable)
        let signed = world.signedCommitment(Self.bob, id)
        let cheat = try #require(signed)
        try Self.pay(&world, Self.bob, Self.alice, 2000)
        let after = try #require(world.nodes[Self.alice].core!.watchtowers.first)
        #expect(after.salt != before.salt && after.waiting == 0 && after.made > before.made)
        #expect(world.nodes[Self.tower].core!.peers.towers.service.customers.count == 2)
        #expect(world.nodes[Self.tower].store.records(.towerKits).contains { PenaltyKit(sealed: $0, for: cheat.id) != nil })
    }

    @Test("a tower that lost kits which it had confirmed does not cover what they were for")
    func forgetful() throws {
        var (world, _) = try Self.world(80)
        let old = world.nodes[Self.tower].store
        try Self.pay(&world, Self.bob, Self.alice, 1000)
        try Self.pay(&world, Self.bob, Self.alice, 1000)
        var client = try #require(world.nodes[Self.alice].core!.watchtowers.first)
        #expect(client.stored > 0 && client.covers(channelFundedAt: nil, isConnected: false))
        world.setBack(Self.tower, to: old)
        try world.pass(2)
        world.join(Self.alice, Self.tower)
        try Self.pay(&world, Self.bob, Self.alice, 1000)
        world.join(Self.alice, Self.tower)
        try world.pass(5)
        client = try #require(world.nodes[Self.alice].core!.watchtowers.first)
        #expect(client.lost > 0 && !client.covers(channelFundedAt: nil, isConnected: false))
    }

    @Test("a node that is none refuses, one that is full says so, and a client that repeats itself is answered")
    func refusals() throws {
        var configuration = NodeConfiguration()
        func answers(_ tower: TowerPolicy?, _ messages: [TowerStore]) throws -> [LightningMessage] {
            configuration.tower = tower
            var world = SimulatedWorld(seed: 76, names: ["tower"], configuration: configuration)
            var connection = try #require(try world.dial(0, as: SecretKey(Hash.sha256([5]))!))
            for message in messages {
                try world.say(.towerStore(message), over: &connection)
            }
            #expect(world.nodes[0].core!.difference(from: world.nodes[0].store) == nil)
            return connection.inbox.filter {
                switch $0 {
                case .towerStored, .towerRefused: true
                default: false
                }
            }
        }
        func kit(_ number: UInt64, _ count: Int = 400) -> TowerStore {
            TowerStore(number: number, hint: [UInt8](repeating: 1, count: 16), blob: [UInt8](repeating: 2, count: count))
        }
        func numbers(_ answers: [LightningMessage]) -> [Int] {
            answers.map { answer in
                switch answer {
                case .towerStored(let body): Int(body.number)
                case .towerRefused(let body): -Int(body.reason)
                default: 0
                }
            }
        }
        #expect(numbers(try answers(nil, [kit(1)])) == [-1])
        #expect(numbers(try answers(TowerPolicy(), [kit(1), kit(2), kit(2), kit(1), kit(4), kit(3)])) == [1, 2, 2, 2, -3, 3])
        var small = TowerPolicy()
        small.maxBytesOfClient = 1100
        #expect(numbers(try answers(small, [kit(1), kit(2), kit(3), kit(1)])) == [1, 2, -2, 2])
        small.maxClients = 0
        #expect(numbers(try answers(small, [kit(1)])) == [-2])
        #expect(numbers(try answers(TowerPolicy(), [kit(1, 10)])) == [-2])
    }
}
