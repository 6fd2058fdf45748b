package import BitcoinPrimitives
package import CryptoPrimitives
package import LightningInvoice
import LightningOnion
package import LightningRecords
package import LightningRouting
package import LightningWire

/// The payments that this node sends: routes, attempts, what is learned from them, and when to stop.
///
/// Money at risk: no two attempts of a payment may ever add up to more than its amount, and none may start once a preimage is known. A
/// payment is stored in the same commit as the HTLCs that it sends.
package struct Sender: Machine, Sendable {
    /// Payments that are not over, and those that ended in this batch. What is over goes into the history.
    package internal(set) var outgoing: [PaymentHash: OutgoingPayment] = [:]
    /// Payments that have not ended.
    package internal(set) var pending: Set<PaymentHash> = []
    var changed: Set<PaymentHash> = []
    /// Where earlier payments with the hashes of new ones are in the history: they failed, and go when the new one has begun.
    var earlier: [PaymentHash: HistoryPosition] = [:]
    package internal(set) var estimates: LiquidityEstimates
    var finder = RouteFinder()
    var entropy: Entropy
    /// What payments under way do not use any more.
    var knowledge: [PaymentHash: PaymentKnowledge] = [:]
    /// Payments that wait until one more HTLC can be under way, the first come first.
    var waitingForSlots: [PaymentHash] = []
    /// Whether one of them was tried in this batch, and waits again.
    var areSlotsTaken = false
    /// Payments that lost a part in this batch.
    var unfinished: Set<PaymentHash> = []
    /// Who waits for the outcome of a payment, by the numbers that the callers gave.
    var callers: [PaymentHash: [UInt64]] = [:]
    /// Payments that something is to be done for, one after the other: what one of them sends the next one finds gone.
    var jobs: [Job] = []
    var current: Step?

    indirect enum Job: Sendable {
        case begin(OutgoingPayment, caller: UInt64)
        case advance(PaymentHash)
    }

    /// What is being done for one payment.
    struct Step: Sendable {
        var payment: OutgoingPayment
        /// Who asked for it, as long as nothing is promised: a payment without a way is not begun.
        var newCaller: UInt64?
        var rounds = 0
        /// What is still to be sent in this round.
        var routes: [Route] = []
        var offered: (route: Route, sharedSecrets: [Bytes32])?
        /// No route carries the whole amount; the largest amount that would get there is being looked for, to name it in the error.
        var hasNoRoute = false
    }

    package init(payments: [[UInt8]], estimates: LiquidityEstimates, entropy: Entropy) throws(DecodingFailure) {
        self.estimates = estimates
        self.entropy = entropy
        for record in payments {
            let payment = try OutgoingPayment(record: record)
            outgoing[payment.paymentHash] = payment
            if payment.status == .pending { pending.insert(payment.paymentHash) }
            // Of a version that kept all of them here.
            if payment.isOver { changed.insert(payment.paymentHash) }
        }
    }

    // MARK: The machine

    package indirect enum Event: Sendable {
        /// Somebody asks for a payment, and waits for its outcome.
        ///
        /// - Parameter earlier: the payment with this hash in the history: it failed, or there is none.
        case pay(OutgoingPayment, earlier: OutgoingPayment?, caller: UInt64)
        /// The routes that were asked for.
        case found(PaymentHash, Result<[Route], RouteRefusal>)
        case foundLargest(PaymentHash, MilliSatoshi)
        /// The first peer of a route was offered the HTLC.
        case offered(PaymentHash, HTLCID)
        /// Our own channel does not take it.
        case notOffered(PaymentHash)
        /// The payee's preimage came for an attempt.
        case fulfilled(PaymentHash, attempt: Int, HTLCID, PaymentPreimage, attribution: [UInt8])
        case failed(PaymentHash, attempt: Int, HTLCID, HTLCFailure)
        /// The HTLC of an attempt that was fulfilled has left its channel for good.
        case concluded(PaymentHash, attempt: Int, HTLCID)
        case tick
        /// All that came in at once is known: payments that lost a part go on.
        ///
        /// - Parameter isFirst: whether it is the first time in this batch.
        case endOfBatch(isFirst: Bool)
    }

    package indirect enum Effect: Sendable {
        case findRoutes(PaymentHash, RouteQuery, maxParts: Int)
        case findLargest(PaymentHash, RouteQuery, maxParts: Int, maxFee: MilliSatoshi)
        case offer(HTLCOffer, over: ChannelID)
        /// The payment sent parts, or one of them failed.
        case updated(OutgoingPayment)
        case succeeded(OutgoingPayment, callers: [UInt64])
        /// No HTLC of a payment that succeeded is in a channel any more.
        case settled(OutgoingPayment)
        case failed(OutgoingPayment, String, callers: [UInt64])
        /// A payment is not begun.
        case refused(OutgoingPayment, PaymentRefusal, caller: UInt64)
    }

    package struct Context {
        /// When it is.
        package var now: Timestamp
        package var height: BlockHeight
        package var network: Network
        package var identity: NodeIdentity
        /// Blocks that an HTLC of ours has beyond what the payee demands.
        package var finalExpiryMargin: UInt32
        package var graph: NetworkGraph
        /// Our channels as they are now, in the order of their ids.
        package var channels: () -> [SendingChannel]

        package init(
            now: Timestamp, height: BlockHeight, network: Network, identity: NodeIdentity, finalExpiryMargin: UInt32, graph: NetworkGraph,
            channels: @escaping () -> [SendingChannel]
        ) {
            self.now = now
            self.height = height
            self.network = network
            self.identity = identity
            self.finalExpiryMargin = finalExpiryMargin
            self.graph = graph
            self.channels = channels
        }

        /// For what is kept in whole seconds.
        var second: Timestamp { now.wholeSecond }
    }

    package mutating func handle(_ event: Event, _ context: borrowing Context) -> [Effect] {
        let effects = react(to: event, context)
        return effects + work(context)
    }

    private mutating func react(to event: Event, _ context: borrowing Context) -> [Effect] {
        switch event {
        case .pay(let payment, let earlier, let caller):
            if let earlier { self.earlier[payment.paymentHash] = earlier.position }
            callers[payment.paymentHash, default: []].append(caller)
            jobs.append(.begin(payment, caller: caller))
            return []
        case .found(let hash, let result): return found(hash, result, context)
        case .foundLargest(let hash, let amount): return foundLargest(hash, amount, context)
        case .offered(let hash, let id): return offered(hash, id, context)
        case .notOffered(let hash): return notOffered(hash, context)
        case .fulfilled(let hash, let attempt, let id, let preimage, let attribution):
            return fulfilled(hash, attempt, id, preimage, attribution, context)
        case .failed(let hash, let attempt, let id, let failure): return failed(hash, attempt, id, failure, context)
        case .concluded(let hash, let attempt, let id): return concluded(hash, attempt, id, context)
        case .tick:
            expire(context)
            return []
        case .endOfBatch(let isFirst):
            endOfBatch(isFirst, context)
            return []
        }
    }

    package mutating func drainWrites() -> [StoreWrite] {
        var writes: [StoreWrite] = []
        for hash in changed.sorted() {
            guard let payment = outgoing[hash] else { continue }
            if let position = earlier.removeValue(forKey: hash) { writes += StoreHistory.payments.remove(at: position) }
            if payment.isOver {
                writes.append(.delete(.payments, key: hash.bytes.array))
                // What a stream has paid is added up in its own record.
                if payment.stream == nil { writes += StoreHistory.payments.add(payment.forHistory.encoded(), at: payment.position) }
                outgoing[hash] = nil
            } else {
                writes.append(.put(.payments, key: hash.bytes.array, record: payment.encoded()))
            }
        }
        changed = []
        return writes + estimates.drainWrites()
    }

    /// Takes a payment as it is now.
    mutating func update(_ payment: OutgoingPayment) {
        outgoing[payment.paymentHash] = payment
        changed.insert(payment.paymentHash)
        if payment.status == .pending { pending.insert(payment.paymentHash) } else { pending.remove(payment.paymentHash) }
    }

    /// What payments under way hold: what they have learned, and how many wait for a slot.
    package var occupancy: (knowledge: Int, waiting: Int) { (knowledge.count, waitingForSlots.count) }

    // MARK: Questions

    /// What an invoice makes us pay, or why not.
    ///
    /// - Parameters:
    ///   - isOwn: whether it is an invoice of ours.
    ///   - earlier: the payment with this hash in the history.
    package func check(
        _ invoice: Invoice, amount: MilliSatoshi?, network: Network, isOwn: Bool, earlier: OutgoingPayment?, now: Timestamp
    ) throws(PaymentRefusal) -> MilliSatoshi {
        guard invoice.network == network.invoiceNetwork else { throw .wrongNetwork(invoice.network) }
        if isOwn { throw .ownInvoice }
        // Nothing is paid twice.
        switch (outgoing[invoice.paymentHash] ?? earlier)?.status {
        case .pending: throw .inProgress
        case .succeeded: throw .alreadyPaid
        case .failed, nil: break
        }
        guard now < invoice.expiresAt else { throw .expired }
        guard let wanted = invoice.amount else {
            guard let amount, amount > .zero else { throw .amountMissing }
            return amount
        }
        guard let amount else { return wanted }
        guard amount >= wanted, amount.isAtMostTwice(wanted) else { throw .wrongAmount(wanted) }
        return amount
    }

    /// The routes of a query over what gossip has told.
    package mutating func findRoutes(
        _ query: RouteQuery, maxParts: Int, in gossip: inout Gossip
    ) throws(RouteRefusal) -> [Route] {
        try gossip.findParts(query, maxParts: maxParts, &finder, &estimates)
    }

    package mutating func findRoute(_ query: RouteQuery, in gossip: inout Gossip) throws(RouteRefusal) -> Route {
        try gossip.findRoute(query, &finder, &estimates)
    }

    package mutating func findLargest(
        _ query: RouteQuery, maxParts: Int, maxFee: MilliSatoshi, in gossip: inout Gossip
    ) -> MilliSatoshi {
        gossip.largestAmount(query, maxParts: maxParts, maxFee: { _ in maxFee }, &finder, &estimates)
    }

    /// By which routes are compared.
    package var cost: RouteCost { finder.cost }

    package mutating func pruneEstimates(now: Timestamp) { estimates.prune(now: now) }

    package mutating func mergeEstimates(_ text: String) throws(EstimatesImportFailure) { try estimates.merge(exported: text) }

    /// The payment and the number of the attempt that an HTLC belongs to, of a version that did not say so in its channel.
    package func origin(of id: HTLCID, _ hash: PaymentHash) -> HTLCOrigin? {
        outgoing[hash]?.attempts.lastIndex { $0.htlc == id && $0.status == .pending }.map { .payment(hash, attempt: $0) }
    }
}
