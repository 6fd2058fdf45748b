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

// Kits that come late or one after the other, several towers, and towers that do not do what they say.
extension WatchtowerTests {
    @Test("a kit that comes while a tower looks through its kits, in a page that it has read, is used with those that it finds")
    func lateWhileLooking() throws {
        var (world, cheat, real) = try Self.abandoned(84)
        var core = world.nodes[Self.tower].core!
        let start = core.height
        try world.publish(cheat)
        let block = try world.mine(1)[0]
        let query = try #require(
            Self.asked(&core, .towerKits, [.blockConnected(BlockContents(block), height: start + 1)], now: world.now).first)
        let (hint, client) = (PenaltyKit.hint(cheat.id), SecretKey(Hash.sha256([84]))!.publicKey())
        let kit = try #require(PenaltyKit(sealed: real.record, for: cheat.id))
        // What is not good for the commitment is not used, though it is kept.
        var false1 = kit
        false1.outputs[0].signatures.reverse()
        // Nor is what would fill a record with a script that no wallet has.
        var long = kit
        long.sweepScript = Script([UInt8](repeating: 1, count: 43))
        #expect(PenaltyKit(sealed: long.sealed(for: cheat.id), for: cheat.id) == nil)
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
            // The first refusal of a connection counts: what was under way behind it is refused as well.
            core.towerConnected(node)
            #expect(alerts { $0.received(refused, of: node) } == 0)
        }
        #expect(core.watchtowers.first?.refusal == "for reason 50")
        core.towerConnected(node)
        core.received(TowerRefused(number: 11, .full), of: node)
        let full = try #require(core.watchtowers.first)
        for number in 12...50 as ClosedRange<UInt64> { core.received(TowerRefused(number: number, .gap), of: node) }
        #expect(core.watchtowers.first == full && full.lost == after.lost && full.refusal == "it has no more room for us")
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
}
