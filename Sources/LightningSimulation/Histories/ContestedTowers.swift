import BitcoinLedger
import BitcoinPrimitives
import LightningChannel
import LightningCore
import LightningEnforcement
import LightningInvoice
import LightningPayment
import LightningTransactions
import LightningWire

// Nodes that are away for longer than a cheater's delay, and a watchtower that is there.
extension ContestedHistory {
    /// Every third history has a watchtower, the last of its nodes.
    static func hasTower(_ seed: UInt64) -> Bool { seed % 3 == 0 }

    private var tower: Int? { world.nodes.count > members ? members : nil }

    /// Every other node has the tower keep its kits, before anything is revoked.
    mutating func employTower() throws(InvariantViolation) {
        guard let tower else { return }
        for index in 0..<tower {
            _ = try world.ask(index, .addWatchtower(world.nodes[tower].nodeID))
            world.join(index, tower)
        }
        try world.pass(3)
        keepCommitments(of: Array(0..<members))
    }

    /// Whether a node may go away: the tower has confirmed a kit of whatever was revoked, and no HTLC is under way, which no tower can
    /// claim by its preimage or fail after its time.
    func isCovered(_ index: Int) -> Bool {
        guard tower != nil, !guilty.contains(index), let core = world.nodes[index].core else { return false }
        return core.watchtowers.allSatisfy { $0.waiting == 0 && $0.refusal == nil } && !core.watchtowers.isEmpty
            && core.channels.values.allSatisfy { $0.isOpen && $0.commitments.htlcs.isEmpty }
    }

    /// A node that has a tower is paid by a peer, lets everything be settled, and goes away until any cheater's delay would have ended. Most
    /// times the peer cheats, and would have its money back.
    ///
    /// - Returns: whether it went.
    mutating func leaveToTower(_ index: Int) throws(InvariantViolation) -> Bool {
        guard let tower, guilty.isEmpty, away.isEmpty else { return false }
        let peer = drawNeighbour(of: index)
        keepCommitments(of: [peer])
        let amount = MilliSatoshi(world.draw(50_000_000...200_000_000))
        if isUp(index), isUp(peer),
            case .invoice(let record)? = try world.ask(index, .createInvoice(amount: amount, .text("away"), expiry: .seconds(864_000)))
        {
            try world.command(peer, .pay(record.invoice, amount: nil))
            report.payments += 1
        }
        for htlc in held {
            try world.command(htlc.payee, world.draw(0...3) == 0 ? .cancel(htlc.hash) : .settle(htlc.hash, htlc.preimage))
        }
        try world.pass(4)
        guard isCovered(index) else { return false }
        watched.insert(index)
        let delay = world.nodes[index].core?.channels.values.map { max($0.parameters.local.toSelfDelay, $0.parameters.remote.toSelfDelay) }
            .max()
        away[index] = world.ledger.height + Int(delay ?? 144) + world.draw(10...50)
        world.stop(index)
        // The tower has its own days; it is back long before the delay ends.
        if world.draw(0...2) == 0 {
            away[tower] = world.ledger.height + world.draw(1...Int(delay ?? 144) / 3)
            world.stop(tower)
        }
        guard adversaries.contains(.cheater), world.draw(0...3) > 0, let old = drawRevoked(victim: index) else { return true }
        if try breach(old, goesOn: world.draw(0...3) == 0) { report.watched += 1 }
        return true
    }

    /// What a breach may have cost who was away, in msat: what the tower paid to the miner, outputs that do not pay for a kit, and HTLCs that
    /// the cheater took to their second step, whose outpoint nobody could sign for in advance.
    func towerCost(_ channel: PaymentChannel) -> Int64 {
        guard let close = channel.close, close.kind == .revokedCommitment else { return 0 }
        var cost = Satoshi.zero
        var counted: Set<TransactionID> = []
        for output in close.outputs {
            // What our own claims cost the close knows by itself.
            guard case .resolved(let id, _, _) = output.status, close.claimFees[id] == nil, counted.insert(id).inserted,
                let spender = world.ledger.transaction(id)?.transaction
            else { continue }
            for (number, input) in spender.inputs.enumerated() {
                guard let taken = close.outputs.first(where: { $0.outPoint == input.previousOutput }) else { continue }
                // A kit pays each input to the output of the same number.
                guard let paid = spender.outputs.indices.contains(number) ? spender.outputs[number].amount : nil else { continue }
                let isSecondStep = output.role == .penaltyHTLC && miner.secondSteps.contains { $0.id == id }
                cost += isSecondStep ? taken.output.amount : taken.output.amount.subtracting(paid) ?? .zero
            }
        }
        return Int64(cost.value) * 1000
    }
}
