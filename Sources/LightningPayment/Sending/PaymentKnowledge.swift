import BitcoinPrimitives
import CryptoPrimitives
import LightningOnion
import LightningRouting
import LightningWire

/// What one payment has learned on its way and nothing else uses. A restart forgets it.
struct PaymentKnowledge {
    /// What is not used any more.
    var channels: Set<DirectedChannel> = []
    var nodes: Set<NodeKey> = []
    /// Of channels that gossip does not know.
    var bounds: [DirectedChannel: HintBounds] = [:]
    /// Terms that a failure told, each once: a node that goes on asking for more is left out.
    var terms: [DirectedChannel: RoutingPolicy] = [:]
}

// What attempts teach, of the network and for the payment.
extension Sender {
    mutating func exclude(_ directed: DirectedChannel, from hash: PaymentHash) {
        knowledge[hash, default: PaymentKnowledge()].channels.insert(directed)
    }

    /// BOLT 4 "Receiving Failure Codes".
    mutating func learn(_ result: AttemptResult, _ attempt: PaymentAttempt, _ payment: OutgoingPayment, _ context: borrowing Context) {
        let directions = attempt.route.directions
        let hash = payment.paymentHash
        // What got to the hop that failed came through all channels before it.
        for index in result.passed where index > 0 && index < directions.count {
            learnRoom(index, attempt, payment, gotThrough: true, context)
        }
        switch result.failureSource {
        case .nothing: break
        case .liquidity(let index):
            if index > 0 { learnRoom(index, attempt, payment, gotThrough: false, context) }
            takeTerms(result.update, index, attempt, hash, context)
            // Not again with as much in this payment, whatever the estimate becomes by other payments.
            if index == 0 || attempt.route.hops[index].amount.value < 2 { exclude(directions[index], from: hash) }
        case .terms(let index): if !takeTerms(result.update, index, attempt, hash, context) { exclude(directions[index], from: hash) }
        case .channel(let index): exclude(directions[index], from: hash)
        case .node(let index): knowledge[hash, default: PaymentKnowledge()].nodes.insert(attempt.route.hops[index].node)
        case .anybody:
            for directed in directions.dropFirst() { exclude(directed, from: hash) }
        }
    }

    /// A payment has moved money through the channels of a route.
    mutating func learnMoved(_ route: Route, _ context: borrowing Context) {
        for (index, directed) in route.directions.enumerated() where index > 0 {
            guard Self.isKnown(index, of: route, context) else { continue }
            estimates.learnMoved(route.hops[index].amount, directed, now: context.second)
        }
    }

    /// Whether gossip knows the channel of a hop between just these nodes: a hint's name is the payee's choice, and what happens there
    /// says nothing of a channel of that name elsewhere.
    private static func isKnown(_ index: Int, of route: Route, _ context: borrowing Context) -> Bool {
        let from = index == 0 ? route.source : route.hops[index - 1].node
        return context.graph.joins(route.hops[index].shortChannelID, from, route.hops[index].node)
    }

    /// The channel of a hop had room for the amount, or had not.
    private mutating func learnRoom(
        _ index: Int, _ attempt: PaymentAttempt, _ payment: OutgoingPayment, gotThrough: Bool, _ context: borrowing Context
    ) {
        let (directed, amount) = (attempt.route.directions[index], attempt.route.hops[index].amount)
        guard !Self.isKnown(index, of: attempt.route, context) else {
            if gotThrough {
                estimates.learnAtLeast(amount, directed, now: context.second)
            } else {
                estimates.learnLess(than: amount, directed, now: context.second)
            }
            return
        }
        var whole = amount.value
        for other in payment.pendingAttempts where other.htlc != attempt.htlc {
            for (name, hop) in zip(other.route.directions, other.route.hops) where name == directed {
                whole = whole.addingReportingOverflow(hop.amount.value).partialValue
            }
        }
        var bounds = knowledge[payment.paymentHash]?.bounds[directed] ?? HintBounds()
        if gotThrough { bounds.gotThrough(whole) } else { bounds.failed(whole) }
        knowledge[payment.paymentHash, default: PaymentKnowledge()].bounds[directed] = bounds
    }

    /// "if UPDATE is set, AND the channel_update is valid and more recent than the channel_update used to send the payment: MAY consider
    /// the channel_update when calculating routes to retry the payment which failed".
    ///
    /// - Parameter index: of the hop whose channel the failure is about: the node before it has signed.
    /// - Returns: whether there is something new to try.
    @discardableResult
    private mutating func takeTerms(
        _ wire: [UInt8], _ index: Int, _ attempt: PaymentAttempt, _ hash: PaymentHash, _ context: borrowing Context
    ) -> Bool {
        guard index > 0, !wire.isEmpty, let signer = attempt.route.hops[index - 1].node.nodeID else { return false }
        // With its type, as BOLT 7 has it, or without, as some nodes send it.
        let type = [UInt8(ChannelUpdate.type >> 8), UInt8(ChannelUpdate.type & 0xff)]
        let message = wire.starts(with: type) ? wire : type + wire
        let directed = attempt.route.directions[index]
        guard knowledge[hash]?.terms[directed] == nil, case .channelUpdate(let update)? = try? LightningMessage(message),
            update.chainHash == context.network.chainHash, update.shortChannelID == directed.shortChannelID,
            update.direction == directed.direction,
            update.signature.parsed?.verify(ChannelUpdate.signatureHash(wire: message), key: signer) ?? false
        else { return false }
        let policy = RoutingPolicy(update)
        let known = context.graph.terms(
            of: directed.shortChannelID, from: attempt.route.hops[index - 1].node, to: attempt.route.hops[index].node)
        guard !policy.isDisabled, policy.timestamp > known?.timestamp ?? 0 else { return false }
        knowledge[hash, default: PaymentKnowledge()].terms[directed] = policy
        return true
    }

    /// The ways to the payee that gossip does not tell of, on the newest terms that are known: what a failure said, what gossip says, what
    /// the invoice says, in this order.
    func hints(_ payment: OutgoingPayment, _ context: borrowing Context) -> [RouteHint] {
        let graph = context.graph
        let told = knowledge[payment.paymentHash]?.terms ?? [:]
        return payment.hints.map { hint in
            var hint = hint
            for index in hint.hops.indices {
                let hop = hint.hops[index]
                let next = index + 1 < hint.hops.count ? hint.hops[index + 1].from : NodeKey(payment.payee)
                let directed = DirectedChannel(hop.shortChannelID, from: hop.from, to: next)
                if let policy = told[directed] ?? graph.terms(of: hop.shortChannelID, from: hop.from, to: next) {
                    hint.hops[index].policy = policy
                }
            }
            return hint
        }
    }
}
