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
    private static let (alice, bob, tower) = (0, 1, 2)

    /// Alice has a channel of 500,000 sat to bob, of which bob has 200,000, and a tower.
    private static func world(_ seed: UInt64, type: ChannelType = .anchors) throws -> (SimulatedWorld, ChannelID) {
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

    private static func pay(_ world: inout SimulatedWorld, _ from: Int, _ to: Int, _ sat: UInt64) throws {
        guard
            case .invoice(let record)? = try world.ask(
                to, .createInvoice(amount: MilliSatoshi(Satoshi(sat)), .text(""), expiry: .seconds(3600), blindedHops: 0))
        else { return }
        try world.command(from, .pay(record.invoice, amount: nil))
        try world.run(limit: .milliseconds(3000))
    }

    /// An HTLC that its payee holds.
    private static func hold(_ world: inout SimulatedWorld, _ from: Int, _ to: Int, _ sat: UInt64, _ secret: UInt8) throws {
        let hash = PaymentPreimage(Hash.sha256([secret])).paymentHash
        guard
            case .invoice(let record)? = try world.ask(
                to, .createHoldInvoice(hash, amount: MilliSatoshi(Satoshi(sat)), .text(""), expiry: .seconds(3600), blindedHops: 0))
        else { return }
        try world.command(from, .pay(record.invoice, amount: nil))
        try world.run(limit: .milliseconds(3000))
    }

    /// A revoked commitment of bob's is mined while neither of the two is there.
    private static func breach(_ world: inout SimulatedWorld, _ cheat: Transaction) throws {
        world.stop(alice)
        world.stop(bob)
        try world.publish(cheat)
        try world.mine(1)
        try world.pass(1)
    }

    /// The transactions in the mempool that take something of a commitment.
    private static func claims(_ world: SimulatedWorld, _ commitment: TransactionID) -> [Transaction] {
        world.ledger.mempool.entries.values.map(\.transaction).filter { $0.inputs[0].previousOutput.transaction == commitment }
    }

    private static func total(_ world: SimulatedWorld, _ index: Int) -> UInt64 {
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
        #expect(client.waiting >= 80)
        #expect(UInt64(world.nodes[Self.alice].store.records(.towerQueue).count) == client.waiting)
        world.kill(Self.alice)
        try world.pass(2)
        world.resume(Self.tower)
        world.join(Self.alice, Self.tower)
        try world.pass(5)
        client = try #require(world.nodes[Self.alice].core!.watchtowers.first)
        #expect(client.waiting == 0 && world.nodes[Self.alice].store.records(.towerQueue).isEmpty)
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

    /// What a node asks its store for in a table, when it is told something.
    private static func asked(_ core: inout NodeCore, _ table: StoreTable, _ inputs: [NodeInput], now: Timestamp) -> [StoreQuery] {
        core.handle(inputs, now: now).loads.filter { $0.table == table }
    }

    @Test("a block that comes while a tower looks through its kits makes it neither forget those that it has seen nor look again")
    func slowStore() throws {
        var (world, id) = try Self.world(80)
        let signed = world.signedCommitment(Self.bob, id)
        let cheat = try #require(signed)
        try Self.pay(&world, Self.bob, Self.alice, 50_000)
        let kits = world.nodes[Self.tower].store.entries(.towerKits)
        let real = try #require(kits.first { PenaltyKit(sealed: $0.record, for: cheat.id) != nil })
        world.stop(Self.alice)
        world.stop(Self.bob)
        var core = world.nodes[Self.tower].core!
        let start = core.height
        try world.publish(cheat)
        // None of the claims is mined.
        let blocks = try world.mine(1) + world.mine(3, including: [])
        func block(_ number: Int) -> NodeInput { .blockConnected(blocks[number], height: start + 1 + number) }

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

    @Test("a kit that comes while a tower looks through its kits, in a page that it has read, is used with those that it finds")
    func lateWhileLooking() throws {
        var (world, id) = try Self.world(84)
        let signed = world.signedCommitment(Self.bob, id)
        let cheat = try #require(signed)
        try Self.pay(&world, Self.bob, Self.alice, 50_000)
        let entries = world.nodes[Self.tower].store.entries(.towerKits)
        let real = try #require(entries.first { PenaltyKit(sealed: $0.record, for: cheat.id) != nil })
        world.stop(Self.alice)
        world.stop(Self.bob)
        var core = world.nodes[Self.tower].core!
        let start = core.height
        try world.publish(cheat)
        let block = try world.mine(1)[0]
        let query = try #require(
            Self.asked(&core, .towerKits, [.blockConnected(block, height: start + 1)], now: world.now).first)
        let (hint, client) = (PenaltyKit.hint(cheat.id), SecretKey(Hash.sha256([84]))!.publicKey())
        let kit = try #require(PenaltyKit(sealed: real.record, for: cheat.id))
        // What is not good for the commitment is not used, though it is kept.
        var false1 = kit
        false1.outputs[0].signatures.reverse()
        for (number, blob) in [false1.sealed(for: cheat.id), real.record].enumerated() {
            core.received(TowerStore(number: UInt64(number + 1), hint: hint, blob: blob), over: ConnectionID(99), of: client)
        }
        // The page was read before it came.
        #expect(Self.asked(&core, .towerKits, [.loaded(query, .success([]))], now: world.now) == [])
        let found = try #require(core.peers.towers.service.cases[cheat.id])
        #expect(found.isLookedUp && found.kits.count == kit.outputs.count && found.open == Set(kit.outputs.map(\.index)))
        #expect(found.kits.allSatisfy { $0.sweepScript == kit.sweepScript && $0.outputs[0].signatures != false1.outputs[0].signatures })
    }

    @Test("HTLCs stay in the same claims at every fee rate, whatever they can pay, and begin one level above what is the cheater's own")
    func groups() throws {
        var (world, id) = try Self.world(85)
        for (number, amount) in [20_000, 20_100, 8000, 30_000, 20_200].enumerated() {
            try Self.hold(&world, Self.alice, Self.bob, UInt64(amount), UInt8(number + 1))
        }
        let signed = world.signedCommitment(Self.bob, id)
        let cheat = try #require(signed)
        try Self.pay(&world, Self.bob, Self.alice, 50_000)
        let kit = try #require(
            world.nodes[Self.tower].store.records(.towerKits).lazy.compactMap { PenaltyKit(sealed: $0, for: cheat.id) }.first)
        #expect(kit.outputs.count == 6)
        let all = Set(kit.outputs.map(\.index))
        let levels = PenaltyKit.feeRates.indices.map { level in
            PenaltyKit.claims([kit], of: cheat.id, outputs: all, level: level, group: 20)
        }
        func inputs(_ claims: [Transaction]) -> Set<Set<OutPoint>> { Set(claims.map { Set($0.inputs.map(\.previousOutput)) }) }
        func paid(_ claim: Transaction) -> UInt64 {
            claim.inputs.reduce(0) { $0 + cheat.outputs[Int($1.previousOutput.index)].amount.value }
                - claim.outputs.reduce(0) { $0 + $1.amount.value }
        }
        for (lower, higher) in zip(levels, levels.dropFirst()) {
            #expect(inputs(lower) == inputs(higher))
            for (one, other) in zip(lower, higher) { #expect(paid(one) <= paid(other)) }
        }
        let own = try #require(kit.outputs.first { !$0.isHTLC })
        for claim in levels[0] {
            let isOwn = claim.inputs[0].previousOutput.index == own.index
            let rate = paid(claim) * 1000 / UInt64(claim.weight)
            #expect((isOwn ? 900...1100 : 3900...4400).contains(rate), "\(rate)")
        }
    }

    @Test("kits that come one after the other are punished once for a batch, and each round of them by claims of its own")
    func rounds() throws {
        var (world, id) = try Self.world(87)
        for number in 1...6 { try Self.hold(&world, Self.alice, Self.bob, UInt64(20_000 + number), UInt8(number)) }
        let signed = world.signedCommitment(Self.bob, id)
        let cheat = try #require(signed)
        world.stop(Self.tower)
        try Self.pay(&world, Self.bob, Self.alice, 50_000)
        let whole = try #require(
            world.nodes[Self.alice].store.records(.towerQueue).lazy.compactMap { record -> PenaltyKit? in
                var reader = ByteReader(record)
                _ = try? reader.read(16)
                return (try? reader.variableBytes()).flatMap { PenaltyKit(sealed: $0, for: cheat.id) }
            }.first)
        #expect(whole.outputs.count == 7)
        world.stop(Self.alice)
        world.resume(Self.tower)
        try world.pass(2)
        try Self.breach(&world, cheat)
        var core = world.nodes[Self.tower].core!
        let hint = PenaltyKit.hint(cheat.id)
        let client = SecretKey(Hash.sha256([87]))!.publicKey()
        func send(_ outputs: Range<Int>, first: Int) {
            for (number, index) in outputs.enumerated() {
                var one = whole
                one.outputs = [whole.outputs[index]]
                let message = TowerStore(number: UInt64(first + number), hint: hint, blob: one.sealed(for: cheat.id))
                core.received(message, over: ConnectionID(99), of: client)
            }
        }
        send(0..<4, first: 1)
        let first = core.handle([], now: world.now).publications.map(\.transaction)
        // One for each kit, for each is a round of its own; and none twice.
        #expect(first.count == 4 && Set(first.map(\.id)).count == 4)
        send(4..<7, first: 5)
        let second = core.handle([], now: world.now)
        let found = try #require(core.peers.towers.service.cases[cheat.id])
        #expect(found.open.count == 7 && Set(second.publications.map(\.transaction.id)).isSuperset(of: first.map(\.id)))
        #expect(try TowerCase(record: found.encoded()) == found)
        // More of the same, or false ones, are not looked at for ever.
        send(0..<7, first: 8)
        #expect(core.handle([], now: world.now).publications.isEmpty)
        // A claim of several that is refused: its own HTLCs go by themselves, others stay together.
        var case1 = TowerCase(cheat.id, cheat, height: found.height)
        case1.add(whole.outputs(without: []))
        let pairs = case1.claims(group: 2)
        #expect(pairs.map(\.inputs.count) == [1, 2, 2, 2])
        case1.alone = Set(pairs[1].inputs.map(\.previousOutput.index))
        let split = case1.claims(group: 2)
        #expect(split.map(\.inputs.count) == [1, 1, 1, 2, 2] && split[3] == pairs[2])
        // What is spent does not move others from one claim to another.
        case1.alone = []
        case1.spent[pairs[1].inputs[0].previousOutput.index] = case1.height
        let left = case1.claims(group: 2)
        #expect(left.map(\.inputs.count) == [1, 1, 2, 2] && Array(left[2...]) == Array(pairs[2...]))
    }

    @Test("two towers punish the same breach, and the client has it once; one that is away changes nothing", arguments: [false, true])
    func several(isOneAway: Bool) throws {
        var configuration = NodeConfiguration()
        configuration.tower = TowerPolicy()
        var world = SimulatedWorld(seed: 88, names: ["alice", "bob", "tower", "other"], configuration: configuration)
        try world.fund(Self.alice)
        world.join(Self.alice, Self.bob)
        try world.run(limit: .milliseconds(2000))
        try world.command(
            Self.alice,
            .openChannel(
                world.nodes[Self.bob].nodeID, amount: Satoshi(500_000), push: MilliSatoshi(Satoshi(200_000)), feeRate: nil))
        try world.run(limit: .milliseconds(2000))
        try world.mine(6)
        try world.run(limit: .milliseconds(2000))
        for tower in [2, 3] {
            _ = try world.ask(Self.alice, .addWatchtower(world.nodes[tower].nodeID))
            world.join(Self.alice, tower)
        }
        try world.run(limit: .milliseconds(2000))
        if isOneAway { world.stop(2) }
        let id = try #require(world.nodes[Self.alice].core!.channels.ids.first)
        let signed = world.signedCommitment(Self.bob, id)
        let cheat = try #require(signed)
        try Self.pay(&world, Self.bob, Self.alice, 50_000)
        let towers = world.nodes[Self.alice].core!.watchtowers
        #expect(towers.count == 2 && towers.count { $0.waiting > 0 } == (isOneAway ? 1 : 0))
        let before = Self.total(world, Self.alice)
        try Self.breach(&world, cheat)
        #expect(Self.claims(world, cheat.id).count == 1)
        try world.mine(1)
        for tower in [2, 3] where !(isOneAway && tower == 2) {
            #expect(world.nodes[tower].core!.peers.towers.service.cases[cheat.id]?.open == [])
        }
        try world.mine(200)
        world.resume(Self.alice)
        try world.pass(3)
        try world.mine(5)
        try world.pass(2)
        let gain = Self.total(world, Self.alice) - before
        #expect((490_000...500_000).contains(gain), "\(gain)")
    }

    @Test("a tower that says what is not true, or refuses for another reason each time, is told of, and does not fill the log")
    func liar() throws {
        let (world, _) = try Self.world(89)
        var core = world.nodes[Self.alice].core!
        let node = world.nodes[Self.tower].nodeID
        let before = try #require(core.watchtowers.first)
        func alerts(_ message: (inout NodeCore) -> Void) -> Int {
            message(&core)
            return core.handle([], now: world.now).events.count { if case .alert = $0 { true } else { false } }
        }
        core.towerConnected(node)
        #expect(alerts { $0.received(TowerStored(number: before.stored + 5), of: node) } == 1)
        let after = try #require(core.watchtowers.first)
        #expect(after.salt != before.salt && after.refusal?.contains("were not sent to it") == true && after.stored == before.stored)
        for reason in UInt16(1)...50 {
            var refused = TowerRefused(number: 1, .full)
            refused.reason = reason
            #expect(alerts { $0.received(refused, of: node) } == 0)
        }
        #expect(core.watchtowers.first?.refusal == "for reason 50")
    }

    @Test("kits that were not made, for too many waited, are counted, and their number stays when the tower answers again")
    func lost() throws {
        var (world, id) = try Self.world(86)
        world.stop(Self.tower)
        try world.pass(1)
        let node = world.nodes[Self.tower].nodeID
        var core = world.nodes[Self.alice].core!
        let stored = try #require(core.watchtowers.first).stored
        core.peers.towers.client.update(node) { $0.made = $0.stored + TowerClient.longestQueue }
        let signed = world.signedCommitment(Self.bob, id)
        let cheat = try #require(signed)
        let kit = PenaltyKit(sweepScript: Script([1]), revocationKey: node, outputs: [])
        core.store([kit, kit], of: cheat.id, in: id)
        let full = try #require(core.watchtowers.first)
        #expect(full.lost == 2 && full.refusal != nil && full.waiting == TowerClient.longestQueue)
        core.peers.towers.client.sent[node] = full.made
        core.received(TowerStored(number: stored + 1), of: node)
        let after = try #require(core.watchtowers.first)
        #expect(after.lost == 2 && after.refusal == nil)
        #expect(try Watchtower(record: after.encoded()) == after)
        // A record of before there was such a count.
        #expect(try Watchtower(record: Array(full.encoded().dropLast(8))).lost == 0)
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
