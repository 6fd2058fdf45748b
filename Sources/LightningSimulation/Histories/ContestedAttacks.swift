import BitcoinLedger
import BitcoinPrimitives
import LightningChain
import LightningChannel
import LightningCore
import LightningEnforcement
import LightningPayment
import LightningTransactions
import LightningWire

// What adversaries do.
extension ContestedHistory {
    // MARK: Old commitments

    /// A node keeps its commitments, to publish them when they are revoked.
    mutating func keepCommitments() { keepCommitments(of: [drawMember()]) }

    mutating func keepCommitments(of nodes: [Int]) {
        for index in nodes { kept += world.commitments(of: index) }
    }

    /// A node publishes a commitment that it has revoked, if it can one with HTLCs. Half of the cheaters go on with these.
    mutating func cheat() throws(InvariantViolation) {
        let goesOn = world.draw(0...1) == 0
        guard var old = drawRevoked() else { return }
        if goesOn, let expiry = old.steps.firstExpiry, expiry.height > world.ledger.height {
            // What it offered it can take only then.
            try mine(expiry.height - world.ledger.height)
            guard let later = drawRevoked() else { return }
            old = later
        }
        try breach(old, goesOn: goesOn)
    }

    /// - Returns: whether layer 1 took the commitment: its outputs may have been spent, or another close be there.
    @discardableResult
    mutating func breach(_ old: KeptCommitment, goesOn: Bool) throws(InvariantViolation) -> Bool {
        do { try world.publish(old.transaction) } catch { return false }
        guilty.insert(old.node)
        report.breaches += 1
        sweeps += old.steps.sweeps(of: old.transaction)
        guard goesOn else { return true }
        let known = held.filter { $0.payee == old.node || isSettled($0.hash) }.map { ($0.hash, $0.preimage) }
        let steps = old.steps.transactions(preimages: Dictionary(known) { first, _ in first }, coins: &coins)
        miner.secondSteps += steps
        sweeps += steps.flatMap(old.steps.sweeps)
        return true
    }

    /// One of the commitments that their nodes have revoked meanwhile, and whose channels are open.
    ///
    /// - Parameter victim: the other side of its channel, where one is meant: then it is most times the one with which the cheater gains most.
    mutating func drawRevoked(victim: Int? = nil) -> KeptCommitment? {
        let revoked = kept.filter { old in
            guard guilty.isEmpty || guilty == [old.node], world.isRevoked(old) else { return false }
            let peer = world.nodes[old.node].core?.channels[old.channel]?.parameters.remoteNodeID
            if let victim, peer != world.nodes[victim].nodeID { return false }
            return true
        }
        if victim != nil, world.draw(0...3) > 0 {
            return revoked.max { world.gain(of: $0) < world.gain(of: $1) }
        }
        let rich = revoked.filter { $0.steps.count > 0 }
        let drawn = rich.isEmpty ? revoked : rich
        return drawn.isEmpty ? nil : drawn[world.draw(0...drawn.count - 1)]
    }

    /// Whether the preimage of a payment went all the way back.
    private func isSettled(_ hash: PaymentHash) -> Bool {
        world.nodes.contains { node in
            node.payments.values.contains { payment in
                guard case .succeeded = payment.status else { return false }
                return payment.paymentHash == hash
            }
        }
    }

    /// Cheaters take what is theirs after their delay, if nobody has taken it before: layer 1 refuses what comes too early or too late.
    mutating func sweepForCheaters() {
        for sweep in sweeps where world.ledger.coin(sweep.inputs[0].previousOutput) != nil { try? world.publish(sweep) }
    }

    // MARK: Fundings

    /// A node opens a channel, and spends the coins otherwise: before a block holds the funding transaction, or after a reorganization
    /// that is not as deep as the other side waits for.
    mutating func doubleSpend() throws(InvariantViolation) {
        let index = drawMember()
        let peer = drawNeighbour(of: index)
        guard isUp(index), isUp(peer), guilty.isEmpty || guilty == [index], world.isConnected(index, peer) else { return }
        guilty.insert(index)
        let before = Set(world.nodes[index].core?.channels.ids ?? [])
        try world.command(
            index, .openChannel(world.nodes[peer].nodeID, amount: Satoshi(500_000), push: MilliSatoshi(Satoshi(100_000)), feeRate: nil))
        try world.pass(3, interval: .milliseconds(500))
        guard let core = world.nodes[index].core, let id = core.channels.ids.first(where: { !before.contains($0) }),
            let funding = core.channels[id].flatMap({ core.wallet.pending[$0.parameters.funding.transaction] })
        else { return }
        let rival = try world.rival(of: funding, by: index)
        if world.draw(0...1) == 0 {
            let depth = world.draw(1...2)
            try world.mine(depth)
            try world.pass(1)
            try world.reorganize(depth: depth)
        }
        guard rival.inputs.allSatisfy({ world.ledger.coin($0.previousOutput) != nil }) else { return }
        try world.mine(1, including: [rival])
        report.doubleSpends += 1
    }

    // MARK: Absence

    /// A node is away for some blocks; what is for longer than the margin of its deadlines is its own fault.
    mutating func vanish() throws(InvariantViolation) {
        let index = drawMember()
        guard isUp(index) else { return }
        if try leaveToTower(index) { return }
        let isLong = world.draw(0...3) == 0
        let blocks = isLong ? world.draw(6...250) : world.draw(1...3)
        if isLong { guilty.insert(index) }
        away[index] = world.ledger.height + blocks
        world.stop(index)
    }

    /// A node says nothing for some blocks, and does not hang up.
    mutating func stall() {
        let index = drawMember()
        guard isUp(index), guilty.isEmpty || guilty == [index] else { return }
        guilty.insert(index)
        silent[index] = world.ledger.height + world.draw(1...150)
        world.mute(index)
    }

    // MARK: Pins

    /// A node publishes its commitment, and what nobody wants to mine onto it.
    mutating func pin() throws(InvariantViolation) {
        let index = drawMember()
        guard !coins.isEmpty, guilty.isEmpty || guilty == [index],
            let open = world.nodes[index].core?.channels.ordered.filter(\.isOpen), !open.isEmpty
        else { return }
        let channel = open[world.draw(0...open.count - 1)]
        guard let commitment = world.signedCommitment(index, channel.id) else { return }
        let keys = SimulatedWorld.keys(world.seed, index).channel(channel.parameters.keyOrigin)
        guard let pins = Pins.pins(commitment, keys.funding, coin: coins[0]) else { return }
        do {
            for transaction in [commitment] + pins { try world.publish(transaction) }
        } catch { return }
        coins.removeFirst()
        guilty.insert(index)
        report.pins += 1
    }
}
