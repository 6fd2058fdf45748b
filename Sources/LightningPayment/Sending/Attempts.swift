import BitcoinPrimitives
import CryptoPrimitives
import LightningOnion
package import LightningRouting
import LightningWire

// One payment after the other: routes are looked for, and their HTLCs are offered one by one.
extension Sender {
    /// HTLCs of one payment, so that nobody on the way can make us try for ever.
    package static let maxAttempts = 100
    /// Rounds of routes that are tried at once: each either sends something or leaves a channel out of the next.
    package static let maxRounds = 20

    /// Takes up the next payments, until one has to wait for an answer. Nothing that is done for one of them takes up another: there may be
    /// thousands.
    mutating func work(_ context: borrowing Context) -> [Effect] {
        var effects: [Effect] = []
        var done = 0
        while current == nil, done < jobs.count {
            let job = jobs[done]
            done += 1
            switch job {
            case .begin(let payment, let caller):
                // A record of more is not read again.
                guard payment.amount <= MilliSatoshi(.maximum) else {
                    effects += refuse(payment, .tooLarge, caller)
                    continue
                }
                current = Step(payment: payment, newCaller: caller)
                effects.append(find(payment, context))
            case .advance(let hash):
                stopWaiting(hash)
                guard var payment = outgoing[hash], payment.status == .pending else { continue }
                giveUpIfLate(&payment, context)
                current = Step(payment: payment)
                effects += step(context)
            }
        }
        jobs.removeFirst(done)
        return effects
    }

    /// A payment does not wait for a slot any more.
    mutating func stopWaiting(_ hash: PaymentHash) { waitingForSlots.removeAll { $0 == hash } }

    private func giveUpIfLate(_ payment: inout OutgoingPayment, _ context: borrowing Context) {
        if payment.givenUp == nil, context.now >= payment.deadline, payment.remaining > .zero {
            payment.givenUp =
                payment.attempts.isEmpty
                ? "no HTLC slot became free in time: as many payments are under way as the peers of our channels accept at once"
                : "it was not complete in time"
        }
        if payment.givenUp == nil, payment.attempts.count >= Self.maxAttempts, payment.remaining > .zero {
            payment.givenUp = "\(payment.attempts.count) attempts were not enough"
        }
    }

    /// Does what the payment needs next: more routes, or its end.
    private mutating func step(_ context: borrowing Context) -> [Effect] {
        guard var step = current else { return [] }
        guard step.payment.status == .pending else {
            current = nil
            return []
        }
        if step.payment.givenUp == nil, step.payment.remaining > .zero, step.rounds < Self.maxRounds {
            step.rounds += 1
            current = step
            return [find(step.payment, context)]
        }
        if step.payment.givenUp == nil, step.payment.remaining > .zero { step.payment.givenUp = "no channel takes it" }
        current = nil
        return end(step.payment, context)
    }

    /// Ends a payment that is given up, once nothing of it is under way.
    private mutating func end(_ payment: OutgoingPayment, _ context: borrowing Context) -> [Effect] {
        var payment = payment
        // A preimage may have come meanwhile: then it is paid, whatever else fails.
        guard payment.status == .pending, let why = payment.givenUp, payment.pendingAttempts.isEmpty else {
            update(payment)
            return []
        }
        payment.status = .failed(why, at: context.second)
        update(payment)
        stopWaiting(payment.paymentHash)
        knowledge[payment.paymentHash] = nil
        return [.failed(payment, why, callers: callers.removeValue(forKey: payment.paymentHash) ?? [])]
    }

    private mutating func refuse(_ payment: OutgoingPayment, _ refusal: PaymentRefusal, _ caller: UInt64) -> [Effect] {
        if outgoing[payment.paymentHash] == nil { earlier[payment.paymentHash] = nil }
        callers[payment.paymentHash]?.removeAll { $0 == caller }
        if callers[payment.paymentHash]?.isEmpty == true { callers[payment.paymentHash] = nil }
        return [.refused(payment, refusal, caller: caller)]
    }

    // MARK: Routes

    private func find(_ payment: OutgoingPayment, _ context: borrowing Context) -> Effect {
        .findRoutes(payment.paymentHash, query(payment, context), maxParts: max(1, payment.maxParts - payment.pendingAttempts.count))
    }

    /// What is looked for to complete a payment.
    package func query(_ payment: OutgoingPayment, _ context: borrowing Context) -> RouteQuery {
        let channels = context.channels()
        var query = RouteQuery(
            from: NodeKey(context.identity.nodeID),
            to: payment.blindedPaths.isEmpty ? NodeKey(payment.payee) : PayableBlindedPath.destination(payment.payee),
            amount: payment.remaining, maxFee: payment.remainingFee,
            finalCLTVDelta: payment.finalCLTVDelta + 1 + context.finalExpiryMargin,
            localChannels: channels.filter(\.isUsable).map(\.local), now: context.second)
        query.hints = hints(payment, context) + payment.blindedPaths.map { $0.hint() }
        for path in payment.blindedPaths where path.isEntered { query.localChannels? += Self.localChannels(of: path, channels) }
        // A blinded hop needs twice the room of others.
        if let longest = payment.blindedPaths.map(\.payment.path.hops.count).max() { query.maxHops = max(3, query.maxHops - 2 * longest) }
        // Once something has failed, what would need a miracle (one in 256) only costs time.
        if payment.attempts.contains(where: \.isFailed) { query.maxUncertainty = 8 * 1024 }
        if let only = channels.first(where: { $0.id == payment.firstChannel })?.shortChannelID {
            query.localChannels = query.localChannels?.filter { $0.shortChannelID == only }
        }
        if let known = knowledge[payment.paymentHash] {
            query.excluded = known.channels
            query.excludedNodes = known.nodes
            query.hintBounds = known.bounds
            query.terms = known.terms
        }
        for attempt in payment.pendingAttempts {
            for (directed, hop) in zip(attempt.route.directions, attempt.route.hops).dropFirst() {
                query.inUse[directed, default: .zero] += hop.amount
            }
        }
        return query
    }

    /// Our channels as first hops of a blinded path that begins at ourselves.
    private static func localChannels(of path: PayableBlindedPath, _ channels: [SendingChannel]) -> [LocalChannel] {
        let peer = path.firstNode ?? path.firstChannel.flatMap { name in channels.first { $0.names.contains(name) }?.peer }
        // "path_key" is of an even type: who does not know it would not bear it.
        return channels.filter { $0.peer == peer && $0.isUsable && $0.takesPathKeys }.map { channel in
            var local = channel.local
            local.peer = path.entry
            return local
        }
    }

    mutating func found(_ hash: PaymentHash, _ result: Result<[Route], RouteRefusal>, _ context: borrowing Context) -> [Effect] {
        guard var step = current, step.payment.paymentHash == hash else { return [] }
        switch result {
        case .success(let routes):
            // Nothing is promised before there is a way.
            step.newCaller = nil
            step.routes = routes
            current = step
            update(step.payment)
            return offerNext(context)
        case .failure(let refusal):
            let channels = context.channels()
            if waitsForSlot(step.payment, refusal, channels, context) {
                current = nil
                areSlotsTaken = true
                stopWaiting(hash)
                waitingForSlots.append(hash)
                update(step.payment)
                return []
            }
            if case .tooExpensive(let cheapest) = refusal, let caller = step.newCaller, channels.contains(where: \.isUsable) {
                current = nil
                return refuse(step.payment, .tooExpensive(cheapest), caller)
            }
            switch explain(refusal, step.payment, channels) {
            case .text(let why): return noRoute(why, context)
            case .tooMuch:
                current?.hasNoRoute = true
                guard let whole = largestQuery(for: refusal, step.payment, context) else { return noRoute(refusal.description, context) }
                let parts = max(1, step.payment.maxParts - step.payment.pendingAttempts.count)
                return [.findLargest(hash, whole, maxParts: parts, maxFee: step.payment.remainingFee)]
            }
        }
    }

    mutating func foundLargest(_ hash: PaymentHash, _ amount: MilliSatoshi, _ context: borrowing Context) -> [Effect] {
        guard let step = current, step.payment.paymentHash == hash, step.hasNoRoute else { return [] }
        return noRoute(explain(largest: amount, step.payment), context)
    }

    /// There is no way for what is left of the payment.
    private mutating func noRoute(_ why: String, _ context: borrowing Context) -> [Effect] {
        guard var payment = current?.payment else { return [] }
        let newCaller = current?.newCaller
        current = nil
        if let newCaller { return refuse(payment, .noRoute(why), newCaller) }
        let failed = payment.attempts.last { $0.isFailed }
        var last = ""
        if case .failed(let failure)? = failed?.status { last = failure.text }
        payment.givenUp =
            last.isEmpty ? why : "\(Self.attempts(payment.attempts.count(where: \.isFailed))) came back, the last because \(last); \(why)"
        return end(payment, context)
    }

    private static func attempts(_ count: Int) -> String { count == 1 ? "1 attempt" : "\(count) attempts" }

    // MARK: Offers

    /// Offers the next route's HTLC; when there is none left, looks what the payment needs.
    private mutating func offerNext(_ context: borrowing Context) -> [Effect] {
        // Nothing more is sent once a preimage is known.
        while var step = current, step.payment.status == .pending, !step.routes.isEmpty {
            let route = step.routes.removeFirst()
            let payment = step.payment
            current = step
            let blinded = payment.blindedPath(of: route)
            guard let channel = Self.channel(first: route, blinded, context.channels()) else { continue }
            let session = entropy.secretKey()
            let height = context.height
            guard let hops = Self.onionHops(route, blinded, payment, height: height) else {
                return giveUp("a node on the way has no valid id", context)
            }
            guard let onion = OnionPacket.create(sessionKey: session, hops: hops, associatedData: payment.paymentHash.bytes.array) else {
                return giveUp("the payment's data do not fit into an onion", context)
            }
            current?.offered = (route, onion.sharedSecrets)
            let offer = HTLCOffer(
                amount: route.total, paymentHash: payment.paymentHash, cltvExpiry: height.expiry(after: route.cltvDelta),
                onion: onion.packet,
                pathKey: blinded?.isEntered == true ? blinded?.payment.path.firstPathKey : nil,
                origin: .payment(payment.paymentHash, attempt: payment.attempts.count))
            return [.offer(offer, over: channel)]
        }
        guard let payment = current?.payment else { return [] }
        return [.updated(payment)] + step(context)
    }

    private mutating func giveUp(_ why: String, _ context: borrowing Context) -> [Effect] {
        current?.payment.givenUp = why
        current?.routes = []
        return step(context)
    }

    mutating func offered(_ hash: PaymentHash, _ id: HTLCID, _ context: borrowing Context) -> [Effect] {
        guard var step = current, step.payment.paymentHash == hash, let (route, secrets) = step.offered else {
            preconditionFailure("an HTLC is offered for the payment that asked for it")
        }
        step.payment.attempts.append(PaymentAttempt(route: route, htlc: id, sharedSecrets: secrets, startedAt: context.now))
        step.offered = nil
        current = step
        update(step.payment)
        return offerNext(context)
    }

    /// A channel that refuses is left out from now on.
    mutating func notOffered(_ hash: PaymentHash, _ context: borrowing Context) -> [Effect] {
        guard let step = current, step.payment.paymentHash == hash, let (route, _) = step.offered else { return [] }
        exclude(route.directions[0], from: hash)
        current?.offered = nil
        return offerNext(context)
    }

    private static func channel(first route: Route, _ blinded: PayableBlindedPath?, _ channels: [SendingChannel]) -> ChannelID? {
        let first = route.hops[0]
        let isOurs = blinded?.isEntered == true
        // Where a blinded path begins at ourselves, its first node has no other name than the blinded one.
        if isOurs, let blinded, !localChannels(of: blinded, channels).contains(where: { $0.shortChannelID == first.shortChannelID }) {
            return nil
        }
        return channels.first { $0.shortChannelID == first.shortChannelID && (isOurs || NodeKey($0.peer) == first.node) }?.id
    }

    /// What each hop is told (BOLT 4 "payload format").
    private static func onionHops(
        _ route: Route, _ blinded: PayableBlindedPath?, _ payment: OutgoingPayment, height: BlockHeight
    ) -> [OnionPacket.Hop]? {
        var result: [OnionPacket.Hop] = []
        for (index, hop) in route.hops.enumerated() {
            if let blinded, index == route.hops.count - 2 {
                // The rest is the payee's: what it encrypted, and what its last node has to know.
                let last = route.hops[index + 1]
                return result
                    + blinded.onionHops(amount: last.amount, cltvExpiry: height.expiry(after: last.cltvDelta), total: payment.amount)
            }
            guard let node = hop.node.nodeID else { return nil }
            var payload: HopPayload
            if index + 1 < route.hops.count {
                let next = route.hops[index + 1]
                payload = .forward(amount: next.amount, cltvExpiry: height.expiry(after: next.cltvDelta), over: next.shortChannelID)
            } else if let preimage = payment.keysendPreimage {
                payload = .keysend(amount: hop.amount, cltvExpiry: height.expiry(after: hop.cltvDelta), preimage: preimage)
                payload.customRecords = payment.customRecords
            } else {
                payload = .final(
                    amount: hop.amount, cltvExpiry: height.expiry(after: hop.cltvDelta), paymentSecret: payment.paymentSecret ?? .zero,
                    total: payment.amount, metadata: payment.paymentMetadata)
                payload.customRecords = payment.customRecords
            }
            result.append(.init(nodeID: node, payload: payload.encoded()))
        }
        return result
    }
}
