import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningInvoice
import LightningOnion
import LightningPayment
import LightningRouting
import LightningWire

// Payments that this node sends: routes, attempts, what is learned from them, and when to stop.
extension NodeCore {
    /// Begins a payment and sends its first parts.
    mutating func start(_ payment: OutgoingPayment) throws(NodeRefusal) {
        var payment = payment
        // A record of more is not read again.
        guard payment.amount <= MilliSatoshi(.maximum) else { throw .invalid("there is not so much bitcoin") }
        do throws(RouteRefusal) {
            // Nothing is promised before there is a way.
            let routes = try findParts(payment)
            send(routes, &payment)
        } catch {
            guard waitsForSlot(payment, error) else { throw .payment(.noRoute(explain(error, payment))) }
        }
        payments.update(payment)
        advance(payment.paymentHash)
    }

    /// Does what a payment needs next: more parts, or its end.
    mutating func advance(_ hash: PaymentHash) {
        guard var payment = payments.outgoing[hash], payment.status == .pending else { return }
        waitingForSlots.removeAll { $0 == hash }
        if payment.givenUp == nil, now >= payment.deadline, payment.remaining > .zero {
            payment.givenUp =
                payment.attempts.isEmpty
                ? "no HTLC slot became free in time: as many payments are under way as the peers of our channels accept at once"
                : "it was not complete in time"
        }
        if payment.givenUp == nil, payment.attempts.count >= Self.maxAttempts, payment.remaining > .zero {
            payment.givenUp = "\(payment.attempts.count) attempts were not enough"
        }
        // Each round either sends something or ends; a channel that refuses is left out of the next.
        var rounds = 0
        while payment.givenUp == nil, payment.remaining > .zero, rounds < 20 {
            rounds += 1
            do throws(RouteRefusal) {
                let routes = try findParts(payment)
                send(routes, &payment)
            } catch {
                if waitsForSlot(payment, error) {
                    waitingForSlots.append(hash)
                    return payments.update(payment)
                }
                let why = explain(error, payment)
                let failed = payment.attempts.last { $0.isFailed }
                var last = ""
                if case .failed(let failure)? = failed?.status { last = failure.text }
                payment.givenUp =
                    last.isEmpty
                    ? why : "\(Self.attempts(payment.attempts.count(where: \.isFailed))) came back, the last because \(last); \(why)"
            }
        }
        if payment.givenUp == nil, payment.remaining > .zero { payment.givenUp = "no channel takes it" }
        if let why = payment.givenUp, payment.pendingAttempts.isEmpty {
            payment.status = .failed(why, at: seconds)
            payments.update(payment)
            knowledge[hash] = nil
            cancelOwnInvoice(payment)
            effects.events.append(.paymentFailed(payment))
            for request in waitingForPayment.removeValue(forKey: hash) ?? [] {
                effects.answers.append((request, .failure(.paymentFailed(payment, why))))
            }
            return
        }
        payments.update(payment)
    }

    /// An invoice to ourselves was for this payment alone.
    mutating func cancelOwnInvoice(_ payment: OutgoingPayment) {
        guard payment.payee == nodeID, let outcome = try? payments.cancelHeld(payment.paymentHash, height: chain.height) else { return }
        settle(outcome)
    }

    private static func attempts(_ count: Int) -> String { count == 1 ? "1 attempt" : "\(count) attempts" }

    /// HTLCs of one payment, so that nobody on the way can make us try for ever.
    static let maxAttempts = 100
    /// Failures of one blinded path until a payment leaves it alone; and once there were more than paths, the first does: what the
    /// payee refuses comes back by each of them, seconds later.
    static let maxBlindedFailures = 3

    // MARK: Routes

    /// Our usable channels, as first hops.
    var localChannels: [LocalChannel] {
        channels.ordered.filter(\.isUsable).map { channel in
            LocalChannel(
                shortChannelID: channel.displayID, peer: NodeKey(channel.parameters.remoteNodeID),
                spendable: channel.hasFreeSlot ? channel.spendable.value : 0,
                htlcMinimum: channel.parameters.remote.htlcMinimum.value)
        }
    }

    /// What is looked for to complete a payment.
    func query(_ payment: OutgoingPayment) -> RouteQuery {
        var query = RouteQuery(
            from: NodeKey(nodeID),
            to: payment.blindedPaths.isEmpty ? NodeKey(payment.payee) : PayableBlindedPath.destination(payment.payee),
            amount: payment.remaining, maxFee: payment.remainingFee,
            finalCLTVDelta: payment.finalCLTVDelta + 1 + configuration.finalExpiryMargin, localChannels: localChannels, now: seconds)
        query.tails = tails(payment) + payment.blindedPaths.map { $0.tail() }
        for path in payment.blindedPaths where path.isEntered { query.localChannels? += localChannels(of: path) }
        // A blinded hop needs twice the room of others.
        if let longest = payment.blindedPaths.map(\.payment.path.hops.count).max() { query.maxHops = max(3, query.maxHops - 2 * longest) }
        // Once something has failed, what would need a miracle (one in 256) only costs time.
        if payment.attempts.contains(where: \.isFailed) { query.maxDoubt = 8 * 1024 }
        if let only = payment.firstChannel.flatMap({ channels[$0]?.displayID }) {
            query.localChannels = query.localChannels?.filter { $0.shortChannelID == only }
        }
        if let known = knowledge[payment.paymentHash] {
            query.excluded = known.channels
            query.excludedNodes = known.nodes
            query.tailBounds = known.bounds
            query.terms = known.terms
        }
        for attempt in payment.pendingAttempts {
            for (directed, hop) in zip(attempt.route.directions, attempt.route.hops).dropFirst() {
                query.inUse[directed, default: .zero] += hop.amount
            }
        }
        return query
    }

    private mutating func findParts(_ payment: OutgoingPayment) throws(RouteRefusal) -> [Route] {
        try gossip.findParts(
            query(payment), maxParts: max(1, payment.maxParts - payment.pendingAttempts.count), &finder, &estimates)
    }

    // MARK: Sending

    /// Sends parts over their routes; a channel that refuses is left out from now on.
    private mutating func send(_ routes: [Route], _ payment: inout OutgoingPayment) {
        for route in routes {
            let blinded = payment.blindedPath(of: route)
            guard let id = channel(first: route, blinded) else { continue }
            let session = entropy.secretKey()
            let height = UInt32(chain.height)
            guard let hops = onionHops(route, blinded, payment, height: height) else {
                payment.givenUp = "a node on the way has no valid id"
                return
            }
            let secrets = OnionPacket.sharedSecrets(sessionKey: session, hops.map(\.nodeID))
            guard let onion = OnionPacket.create(sessionKey: session, hops: hops, associatedData: payment.paymentHash.bytes.array) else {
                payment.givenUp = "the payment's data do not fit into an onion"
                return
            }
            do throws(ChannelRefusal) {
                let offered = try offer(
                    over: id, amount: route.total, payment.paymentHash, cltvExpiry: height + route.cltvDelta, onion: onion,
                    pathKey: blinded?.isEntered == true ? blinded?.payment.path.firstPathKey : nil)
                guard let (htlcID, channelEffects) = offered else { continue }
                payment.attempts.append(
                    PaymentAttempt(route: route, htlc: .init(channel: id, id: htlcID), sharedSecrets: secrets, startedAt: now))
                apply(channelEffects, to: id)
            } catch {
                exclude(route.directions[0], from: payment.paymentHash)
            }
        }
        effects.events.append(.paymentUpdated(payment))
    }

    private func channel(first route: Route, _ blinded: PayableBlindedPath?) -> ChannelID? {
        let first = route.hops[0]
        let isOurs = blinded?.isEntered == true
        // Where a blinded path begins at ourselves, its first node has no other name than the blinded one.
        if isOurs, let blinded, !localChannels(of: blinded).contains(where: { $0.shortChannelID == first.shortChannelID }) { return nil }
        return channels.values.filter {
            $0.displayID == first.shortChannelID && (isOurs || NodeKey($0.parameters.remoteNodeID) == first.node)
        }.map(\.id).min()
    }

    /// What each hop is told (BOLT 4 "payload format").
    private func onionHops(
        _ route: Route, _ blinded: PayableBlindedPath?, _ payment: OutgoingPayment, height: UInt32
    ) -> [OnionPacket.Hop]? {
        var result: [OnionPacket.Hop] = []
        for (index, hop) in route.hops.enumerated() {
            if let blinded, index == route.hops.count - 2 {
                // The rest is the payee's: what it encrypted, and what its last node has to know.
                let last = route.hops[index + 1]
                return result
                    + blinded.onionHops(amount: last.amount, cltvExpiry: height + last.cltvDelta, total: payment.amount)
            }
            guard let node = hop.node.nodeID else { return nil }
            var payload: HopPayload
            if index + 1 < route.hops.count {
                let next = route.hops[index + 1]
                payload = .forward(amount: next.amount, cltvExpiry: height + next.cltvDelta, over: next.shortChannelID)
            } else if let preimage = payment.keysendPreimage {
                payload = .keysend(amount: hop.amount, cltvExpiry: height + hop.cltvDelta, preimage: preimage)
                payload.customRecords = payment.customRecords
            } else {
                payload = .final(
                    amount: hop.amount, cltvExpiry: height + hop.cltvDelta, paymentSecret: payment.paymentSecret ?? .zero,
                    total: payment.amount, metadata: payment.paymentMetadata)
                payload.customRecords = payment.customRecords
            }
            result.append(.init(nodeID: node, payload: payload.encoded()))
        }
        return result
    }

    // MARK: What comes back

    /// The preimage of an HTLC of ours: the payment is proven. `false` where it is not one of a payment under way.
    mutating func paymentSettled(
        _ key: IncomingHTLC.Key, _ hash: PaymentHash, _ preimage: PaymentPreimage, _ attribution: [UInt8]
    ) -> Bool {
        guard let (known, index) = payments.attempt(hash, key) else { return false }
        var payment = known
        payment.attempts[index].status = .succeeded
        payment.attempts[index].holdTimes = Self.holdTimes(
            AttributionData.read(attribution, packet: [], sharedSecrets: payment.attempts[index].sharedSecrets))
        payment.attempts[index].endedAt = now
        let route = payment.attempts[index].route
        learnMoved(route)
        let isNews = payment.status == .pending
        if isNews { payment.status = .succeeded(preimage, at: seconds) }
        payments.update(payment)
        knowledge[hash] = nil
        guard isNews else { return true }
        effects.events.append(.paymentSucceeded(payment))
        for request in waitingForPayment.removeValue(forKey: hash) ?? [] {
            effects.answers.append((request, .success(.payment(payment))))
        }
        return true
    }

    /// An HTLC of ours came back: what it teaches, and what is tried next.
    mutating func paymentFailed(_ key: IncomingHTLC.Key, _ hash: PaymentHash, _ failure: HTLCFailure) {
        guard let (known, index) = payments.attempt(hash, key) else { return }
        var payment = known
        let attempt = payment.attempts[index]
        let blinded = payment.blindedPath(of: attempt.route)
        var lesson = Lesson(attempt, failure, isWhole: attempt.route.amount == payment.amount, blinded)
        if blinded != nil, case .liquidity(let index) = lesson.blame, index == attempt.route.hops.count - 1 {
            // Nobody tells what is wrong inside: less may get through, but not for ever.
            let name = attempt.route.hops[index].shortChannelID
            let failed = payment.attempts.count { $0.isFailed && $0.route.hops.last?.shortChannelID == name }
            let all = payment.attempts.count { $0.isFailed && payment.blindedPath(of: $0.route) != nil }
            if failed >= Self.maxBlindedFailures || all > payment.blindedPaths.count { lesson.blame = .channel(index) }
        }
        payment.attempts[index].status = .failed(lesson.failure)
        payment.attempts[index].holdTimes = Self.holdTimes(lesson.reading)
        payment.attempts[index].endedAt = now
        learn(lesson, attempt, payment)
        if payment.status == .pending, payment.givenUp == nil, lesson.isFatal { payment.givenUp = lesson.failure.text }
        payments.update(payment)
        if payment.status == .pending { effects.events.append(.paymentUpdated(payment)) }
        unfinished.insert(hash)
    }

    /// In milliseconds.
    private static func holdTimes(_ reading: AttributionData.Reading) -> [UInt32] {
        reading.holdTimes.map { UInt32(clamping: UInt64($0) * 100) }
    }

    /// Payments that lost a part go on at the end of the batch, when all of it is known.
    mutating func continuePayments() {
        while let hash = unfinished.min() {
            unfinished.remove(hash)
            advance(hash)
        }
        // Those that wait for a slot, the first come first, as long as one is free.
        while let hash = waitingForSlots.first, localChannels.contains(where: { $0.spendable > 0 }) {
            advance(hash)
            if waitingForSlots.contains(hash) { break }
        }
    }

    /// The end of a time slice: payments whose time is up.
    mutating func expirePayments() {
        for hash in payments.pending.sorted() {
            guard let payment = payments.outgoing[hash] else { continue }
            if payment.pendingAttempts.isEmpty || (payment.givenUp == nil && now >= payment.deadline && payment.remaining > .zero) {
                advance(hash)
            }
        }
    }
}
