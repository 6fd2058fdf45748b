import BitcoinLedger
import BitcoinPrimitives
import LightningChain
import LightningChannel
import LightningCore
import LightningEnforcement
import LightningInvoice
import LightningPayment
import LightningTransactions
import LightningWire

/// What the adversaries of a scenario have, and what they did.
struct ProtocolAdversaries {
    var miner = Miner()
    /// Commitments that cheaters will have revoked later.
    var kept: [KeptCommitment] = []
    /// What takes a cheater's outputs after its delay, if nobody was faster.
    var sweeps: [Transaction] = []
    /// Pinners, who are down until their commitment is mined, or another one: they would revoke it else.
    var pinners: [(node: Int, commitment: TransactionID)] = []
    /// Coins of adversaries.
    var coins: [Transaction] = []
    /// When a channel's end was first heard of, in milliseconds from the beginning.
    var closedAt: [Int: Int] = [:]
    /// What each node had at the beginning.
    var before: [Satoshi] = []
}

extension Scenario.Act {
    /// How long it lasts, where that is in time.
    var time: Duration? {
        switch self {
        case .stall(_, let time), .partition(_, let time), .fullDisk(_, let time), .slowDisk(_, _, let time): time
        case .close, .forceClose, .cheat, .pin, .doubleSpend, .reorganize, .censor, .fillBlocks, .mine, .setClock: nil
        }
    }

    fileprivate var needsCoins: Bool {
        switch self {
        case .pin: true
        case .cheat(_, _, let takesHTLCs): takesHTLCs
        default: false
        }
    }
}

// What befalls the nodes of a scenario.
extension ProtocolRun {
    /// Coins for those who need some, and everybody's wealth before anything happens.
    mutating func prepareAdversaries() throws(InvariantViolation) {
        if scenario.events.contains(where: { $0.act.needsCoins }) {
            for block in try world.mine(12, paying: AdversaryCoins.script) { adversaries.coins.append(block.transactions[0]) }
            try world.mine(100)
        }
        // Who is to spend something twice has something to spend.
        for event in scenario.events { if case .doubleSpend(let node, _) = event.act { try world.fund(node) } }
        adversaries.before = world.nodes.indices.map { world.wealth(of: $0) }
        keepCommitments()
    }

    /// Those who will cheat keep what they could publish now.
    mutating func keepCommitments() {
        let now = elapsed
        let cheaters = scenario.events.compactMap { event -> Int? in
            guard case .cheat(let node, _, _) = event.act, event.time.wholeMilliseconds >= now else { return nil }
            return node
        }
        for node in Set(cheaters).sorted() { adversaries.kept += world.commitments(of: node) }
    }

    private func name(_ node: Int) -> String { scenario.nodes[node] }

    private mutating func note(_ what: String) {
        let time = Int(clamping: elapsed)
        measured.note { $0.events.append(.init(time: time, what: what)) }
    }

    mutating func carryOut(_ act: Scenario.Act) throws(InvariantViolation) {
        if let node = act.channel?.node, world.nodes[node].core == nil { return note("\(name(node)) is down, and does nothing") }
        switch act {
        case .close(let node, let peer):
            guard let id = openChannel(of: node, with: peer) else { return note("\(name(node)) has no open channel to close") }
            let request = try world.command(node, .closeChannel(id, to: nil))
            note("\(name(node)) closes its channel with \(other(id, node))\(refusal(request, node))")
        case .forceClose(let node, let peer):
            guard let id = openChannel(of: node, with: peer) else { return note("\(name(node)) has no open channel to close") }
            let request = try world.command(node, .forceCloseChannel(id))
            note("\(name(node)) closes its channel with \(other(id, node)) by itself\(refusal(request, node))")
        case .cheat(let node, let peer, let takesHTLCs): try cheat(node, peer, takesHTLCs)
        case .pin(let node, let peer): try pin(node, peer)
        case .doubleSpend(let node, let peer): try doubleSpend(node, peer)
        case .stall(let node, _):
            world.mute(node)
            note("nothing that \(name(node)) says arrives")
        case .partition(let group, _):
            world.part(Set(group))
            note("\(group.map(name).joined(separator: ", ")) cannot reach the others")
        case .reorganize(let depth):
            let deepest = min(depth, world.ledger.height.value - 1)
            try world.reorganize(depth: deepest, after: .zero)
            note("\(deepest) blocks are replaced by empty ones")
        case .censor(let blocks):
            adversaries.miner.censoredUntil = world.ledger.height + blocks
            note("what spends commitments is not mined for \(blocks) blocks")
        case .fillBlocks(let rate, let blocks):
            adversaries.miner.floor = (rate, world.ledger.height + blocks)
            note("for \(blocks) blocks nothing is mined that pays less than \(Double(rate.perKiloweight * 4 / 10) / 100) sat/vB")
        case .mine(let blocks):
            note("\(blocks) blocks come one after the other")
            for _ in 0..<blocks {
                try mine()
                try world.pass(1, interval: .milliseconds(1))
            }
        case .fullDisk(let node, _):
            world.setDisk(.full, of: node)
            note("\(name(node))'s disk is full")
        case .slowDisk(let node, let commit, _):
            world.setDisk(.slow(commit), of: node)
            note("each commit of \(name(node)) takes \(Self.words(commit))")
        case .setClock(let node, let fast):
            world.setClock(skew: fast, of: node)
            let amount = fast < .zero ? (.zero - fast) : fast
            note("\(name(node))'s clock is \(Self.words(amount)) \(fast < .zero ? "slow" : "fast")")
        }
    }

    /// What lasted for some time is over.
    mutating func end(_ act: Scenario.Act) {
        switch act {
        case .stall(let node, _):
            world.mute(node, false)
            world.disconnect(node)
            note("what \(name(node)) says arrives again")
        case .partition(let group, _):
            world.reunite(Set(group))
            note("\(group.map(name).joined(separator: ", ")) can reach the others again")
        case .fullDisk(let node, _):
            world.setDisk(.healthy, of: node)
            note("\(name(node))'s disk has room again")
        case .slowDisk(let node, _, _):
            world.setDisk(.healthy, of: node)
            note("\(name(node))'s disk is as fast as before")
        case .close, .forceClose, .cheat, .pin, .doubleSpend, .reorganize, .censor, .fillBlocks, .mine, .setClock: break
        }
    }

    /// Nothing is wrong any more with networks, disks and miners. Clocks stay as they are set.
    mutating func endAdversities() {
        world.partitions = []
        for node in world.nodes.indices {
            world.mute(node, false)
            world.setDisk(.healthy, of: node)
        }
        // Connections over which something was lost begin anew.
        for event in scenario.events { if case .stall(let node, _) = event.act { world.disconnect(node) } }
        adversaries.miner = Miner()
        adversaries.pinners = []
    }

    private static func words(_ time: Duration) -> String {
        let milliseconds = time.wholeMilliseconds
        return milliseconds % 1000 == 0 ? "\(Satoshi.grouped(milliseconds / 1000)) s" : "\(milliseconds) ms"
    }

    // MARK: Channels

    private func openChannel(of node: Int, with peer: Int?) -> ChannelID? {
        let wanted = peer.map { world.nodes[$0].nodeID }
        return world.nodes[node].core?.channels.ordered.first {
            $0.isOpen && (wanted == nil || $0.parameters.remoteNodeID == wanted)
        }?.id
    }

    private func other(_ id: ChannelID, _ node: Int) -> String {
        guard let number = channelNumbers[id] else { return "somebody" }
        let channel = scenario.channels[number]
        return name(channel.from == node ? channel.to : channel.from)
    }

    private mutating func refusal(_ request: RequestID, _ node: Int) -> String {
        guard case .failure(let refusal)? = world.takeAnswer(request, of: node) else { return "" }
        return ", and cannot: \(refusal)"
    }

    private mutating func cheat(_ node: Int, _ peer: Int?, _ takesHTLCs: Bool) throws(InvariantViolation) {
        let wanted = peer.map { world.nodes[$0].nodeID }
        var revoked: [KeptCommitment] = []
        for old in adversaries.kept where old.node == node && world.isRevoked(old) {
            let remote = world.nodes[node].core?.channels[old.channel]?.parameters.remoteNodeID
            if wanted == nil || remote == wanted { revoked.append(old) }
        }
        // To take HTLCs there have to be some.
        let rich = takesHTLCs ? revoked.filter { $0.steps.count > 0 } : []
        guard let old = (rich.isEmpty ? revoked : rich).max(by: { world.gain(of: $0) < world.gain(of: $1) }) else {
            return note("\(name(node)) has revoked nothing that it could publish")
        }
        let gain = world.gain(of: old)
        do throws(TransactionRefusal) { try world.publish(old.transaction) } catch {
            return note("layer 1 refuses what \(name(node)) publishes: \(error.reason)")
        }
        note(
            "\(name(node)) publishes a revoked state of its channel with \(other(old.channel, node)), in which it had \(Satoshi(UInt64(max(0, gain)) / 1000)) more\(takesHTLCs ? ", and \(old.steps.count) HTLCs" : "")"
        )
        try world.showMempool()
        adversaries.sweeps += old.steps.sweeps(of: old.transaction)
        guard takesHTLCs else { return }
        // It has the preimages of what it was paid.
        let known = world.nodes[node].invoices.values.compactMap { record in record.preimage.map { (record.invoice.paymentHash, $0) } }
        let steps = old.steps.transactions(preimages: Dictionary(known) { first, _ in first }, coins: &adversaries.coins)
        adversaries.miner.secondSteps += steps
        adversaries.sweeps += steps.flatMap(old.steps.sweeps)
    }

    private mutating func pin(_ node: Int, _ peer: Int?) throws(InvariantViolation) {
        guard let id = openChannel(of: node, with: peer), let channel = world.nodes[node].core?.channels[id],
            let commitment = world.signedCommitment(node, id), let coin = adversaries.coins.popLast()
        else { return note("\(name(node)) has nothing to pin") }
        let keys = SimulatedWorld.keys(world.seed, node).channel(channel.parameters.keyOrigin)
        guard let pins = Pins.pins(commitment, keys.funding, coin: coin) else {
            return note("the commitment of \(name(node)) has no anchor to pin it with")
        }
        do throws(TransactionRefusal) {
            for transaction in [commitment] + pins { try world.publish(transaction) }
        } catch { return note("layer 1 refuses what \(name(node)) publishes: \(error.reason)") }
        try world.showMempool()
        world.stop(node)
        adversaries.pinners.append((node, commitment.id))
        note("\(name(node)) pins its commitment to its channel with \(other(id, node))")
    }

    /// What of a coin a double-spender promises.
    private static let promised = Satoshi(500_000)

    private mutating func doubleSpend(_ node: Int, _ peer: Int) throws(InvariantViolation) {
        guard world.nodes[node].core != nil, world.nodes[peer].core != nil else {
            return note("\(name(node)) or \(name(peer)) is down: no channel is opened")
        }
        let before = Set(world.nodes[node].core?.channels.ids ?? [])
        if !world.isConnected(node, peer) { world.join(node, peer) }
        var funding: Transaction?
        // Some messages go to and fro before the funding transaction is there.
        for step in 0..<40 where funding == nil {
            if step == 4 {
                try world.command(node, .openChannel(world.nodes[peer].nodeID, amount: Self.promised, push: .zero, feeRate: nil))
            }
            try world.pass(1, interval: .milliseconds(50))
            guard let core = world.nodes[node].core, let id = core.channels.ids.first(where: { !before.contains($0) }) else { continue }
            funding = core.channels[id].flatMap { core.wallet.pending[$0.parameters.funding.transaction] }
        }
        guard let funding else { return note("\(name(node)) opens no channel to \(name(peer)): it is not answered, or has no coins") }
        let rival = try world.rival(of: funding, by: node)
        guard rival.inputs.allSatisfy({ world.ledger.coin($0.previousOutput) != nil }) else {
            return note("the channel of \(name(node)) to \(name(peer)) is in a block already")
        }
        note("\(name(node)) opens a channel to \(name(peer)), and its coins go elsewhere")
        try mine(including: [rival])
    }

    /// Cheaters take what is theirs after their delay, and everybody sees what waits to be mined.
    mutating func afterBlock() throws(InvariantViolation) {
        guard !scenario.events.isEmpty else { return }
        for sweep in adversaries.sweeps where world.ledger.coin(sweep.inputs[0].previousOutput) != nil { try? world.publish(sweep) }
        for (node, commitment) in adversaries.pinners where world.ledger.mempool.entries[commitment] == nil {
            world.resume(node)
        }
        adversaries.pinners.removeAll { world.ledger.mempool.entries[$0.commitment] == nil }
        try world.showMempool()
    }

    // MARK: The end

    /// Blocks until every close is over.
    mutating func finishCloses() throws(InvariantViolation) {
        func isClosing(_ channel: PaymentChannel) -> Bool { !channel.isOpen && !channel.isClosed }
        for _ in 0..<1500 {
            guard world.nodes.contains(where: { $0.core?.channels.values.contains(where: isClosing) ?? true }) else { return }
            try world.mine(1, after: .zero)
            try afterBlock()
            try world.pass(1, interval: .milliseconds(200))
        }
        throw world.violation("a channel never closed")
    }

    /// Blocks for which a node may be away, or its claims not be mined, without losing anything: fewer than any deadline has, for times between
    /// blocks vary.
    private static let bearableBlocks = 6

    /// Who was there and did no wrong has what its books say.
    mutating func checkBooks() throws(InvariantViolation) {
        // Where a miner keeps claims out for longer than deadlines bear, nobody can save what is under way.
        let isWithheld = scenario.events.contains { ($0.act.withheldBlocks ?? 0) > Self.bearableBlocks }
        guard !isWithheld else { return }
        let bearable = scenario.blockInterval * Self.bearableBlocks
        let guilty = Set(scenario.events.compactMap { $0.act.guilty(bearable: bearable) })
            .union(scenario.absences.filter { $0.duration > bearable }.map(\.node))
        for node in world.nodes.indices {
            let earned = try world.earnings(of: node)
            guard !guilty.contains(node) else { continue }
            try world.checkWealth(of: node, before: adversaries.before[node], earned: earned)
        }
    }

    private func closed(_ id: ChannelID, of node: Int) -> PaymentChannel? {
        world.nodes[node].core?.channels[id] ?? world.nodes[node].allChannels.first { $0.id == id }
    }

    /// What became of the channels that were closed.
    ///
    /// - Parameter isAtRest: whether every close is over.
    func closes(_ isAtRest: Bool) -> [ScenarioReport.Close] {
        ids.enumerated().compactMap { number, id in
            let ends = [scenario.channels[number].from, scenario.channels[number].to]
            let sides = ends.compactMap { node in closed(id, of: node).flatMap { channel in channel.close.map { (node, $0) } } }
            // Who was cheated calls it by its name.
            guard let (node, close) = sides.first(where: { $0.1.kind == .revokedCommitment }) ?? sides.first else { return nil }
            let end = world.now.since(start).wholeMilliseconds
            var result = ScenarioReport.Close(
                time: adversaries.closedAt[number] ?? Int(clamping: end), channel: number, kind: close.kind.description, by: nil)
            switch close.kind {
            case .localCommitment, .ownRevokedCommitment, .ownLaterCommitment: result.by = node
            case .remoteCommitment, .revokedCommitment, .futureCommitment: result.by = ends.first { $0 != node }
            case .mutual, .unknown, .fundingSpent: break
            }
            var fees = close.fee ?? .zero
            var last: BlockHeight?
            for (node, close) in sides {
                fees += close.claimFees.values.reduce(.zero, +)
                fees += closed(id, of: node)?.commitmentBumpFee ?? .zero
                for output in close.outputs { if case .resolved(_, let height, _) = output.status { last = max(last ?? height, height) } }
            }
            result.feesSat = fees.value
            if close.kind == .revokedCommitment {
                result.penaltySat = close.outputs.reduce(UInt64(0)) { sum, output in
                    guard case .resolved(_, _, true) = output.status, output.role != .toRemote else { return sum }
                    return sum + output.output.amount.value
                }
                let advanced = Set(close.outputs.filter { $0.role == .penaltySecondLevel }.map(\.outPoint.transaction))
                result.lostSat = close.outputs.reduce(UInt64(0)) { sum, output in
                    // What went on to its second step is counted there.
                    guard case .resolved(let spender, _, false) = output.status, output.role != .toRemote, !advanced.contains(spender)
                    else { return sum }
                    return sum + output.output.amount.value
                }
            }
            if isAtRest, let last { result.blocks = last - close.height }
            return result
        }
    }
}
