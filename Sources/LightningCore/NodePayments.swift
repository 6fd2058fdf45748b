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
        do throws(RouteRefusal) {
            // Nothing is promised before there is a way.
            let routes = try findParts(payment)
            send(routes, &payment)
        } catch { throw .payment(.noRoute(error.description)) }
        payments.update(payment)
        advance(payment.paymentHash)
    }

    /// Does what a payment needs next: more parts, or its end.
    mutating func advance(_ hash: PaymentHash) {
        guard var payment = payments.outgoing[hash], payment.status == .pending else { return }
        if payment.givenUp == nil, now >= payment.deadline, payment.remaining > .zero {
            payment.givenUp = "it was not complete in time"
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
                let failed = payment.attempts.last { $0.isFailed }
                var last = ""
                if case .failed(let failure)? = failed?.status { last = failure.text }
                payment.givenUp =
                    last.isEmpty
                    ? error.description
                    : "\(Self.attempts(payment.attempts.count(where: \.isFailed))) came back, the last because \(last); \(error.description)"
            }
        }
        if payment.givenUp == nil, payment.remaining > .zero { payment.givenUp = "no channel takes it" }
        if let why = payment.givenUp, payment.pendingAttempts.isEmpty {
            payment.status = .failed(why, at: seconds)
            payments.update(payment)
            exclusions[hash] = nil
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
    /// Failures of one blinded path until a payment leaves it alone.
    static let maxBlindedFailures = 3

    // MARK: Routes

    /// Our usable channels, as first hops.
    var localChannels: [LocalChannel] {
        channels.values.filter(\.isUsable).sorted { $0.id < $1.id }.map { channel in
            LocalChannel(
                shortChannelID: channel.displayID, peer: NodeKey(channel.parameters.remoteNodeID), spendable: channel.spendable.value,
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
        query.tails = payment.tails + payment.blindedPaths.map { $0.tail() }
        for path in payment.blindedPaths where path.isEntered { query.localChannels? += localChannels(of: path) }
        // A blinded hop needs twice the room of others.
        if let longest = payment.blindedPaths.map(\.payment.path.hops.count).max() { query.maxHops = max(3, query.maxHops - 2 * longest) }
        // Once something has failed, what would need a miracle (one in 256) only costs time.
        if payment.attempts.contains(where: \.isFailed) { query.maxDoubt = 8 * 1024 }
        if let only = payment.firstChannel.flatMap({ channels[$0]?.displayID }) {
            query.localChannels = query.localChannels?.filter { $0.shortChannelID == only }
        }
        query.excluded = exclusions[payment.paymentHash]?.channels ?? []
        query.excludedNodes = exclusions[payment.paymentHash]?.nodes ?? []
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
                let (htlcID, channelEffects) = try channels[id]!.offer(
                    amount: route.total, paymentHash: payment.paymentHash, cltvExpiry: height + route.cltvDelta, onion: onion,
                    pathKey: blinded?.isEntered == true ? blinded?.payment.path.firstPathKey : nil)
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
        for (directed, hop) in zip(route.directions, route.hops).dropFirst() {
            estimates.learnMoved(hop.amount, directed, now: seconds)
        }
        let isNews = payment.status == .pending
        if isNews { payment.status = .succeeded(preimage, at: seconds) }
        payments.update(payment)
        exclusions[hash] = nil
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
            if failed >= Self.maxBlindedFailures { lesson.blame = .channel(index) }
        }
        payment.attempts[index].status = .failed(lesson.failure)
        payment.attempts[index].holdTimes = Self.holdTimes(lesson.reading)
        payment.attempts[index].endedAt = now
        learn(lesson, attempt, hash)
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
    }

    private mutating func exclude(_ directed: DirectedChannel, from hash: PaymentHash) {
        exclusions[hash, default: Exclusions()].channels.insert(directed)
    }

    /// BOLT 4 "Receiving Failure Codes".
    private mutating func learn(_ lesson: Lesson, _ attempt: PaymentAttempt, _ hash: PaymentHash) {
        let directions = attempt.route.directions
        // What got to the hop that failed came through all channels before it.
        for index in lesson.passed where index > 0 && index < directions.count {
            estimates.learnAtLeast(attempt.route.hops[index].amount, directions[index], now: seconds)
        }
        switch lesson.blame {
        case .nothing: break
        case .liquidity(let index):
            if index > 0 { estimates.learnLess(than: attempt.route.hops[index].amount, directions[index], now: seconds) }
            // Not again with as much in this payment, whatever the estimate becomes by other payments.
            if index == 0 || attempt.route.hops[index].amount.value < 2 { exclude(directions[index], from: hash) }
        case .channel(let index): exclude(directions[index], from: hash)
        case .node(let index): exclusions[hash, default: Exclusions()].nodes.insert(attempt.route.hops[index].node)
        case .anybody:
            for directed in directions.dropFirst() { exclude(directed, from: hash) }
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

/// What one payment does not use any more.
struct Exclusions {
    var channels: Set<DirectedChannel> = []
    var nodes: Set<NodeKey> = []
}

/// What an attempt that came back says of the network.
struct Lesson {
    enum Blame {
        case nothing
        /// The channel of this hop has less than was to go through it.
        case liquidity(Int)
        /// The channel of this hop is not to be used.
        case channel(Int)
        /// The node that this hop leads to is not to be used.
        case node(Int)
        /// Somebody on the way.
        case anybody
    }

    var failure: AttemptFailure
    /// What the hops say of how long they held it.
    var reading = AttributionData.Reading()
    /// The hops whose channels are proven to have had the amount.
    var passed: Range<Int> = 0..<0
    var blame = Blame.nothing
    /// Whether trying again makes no sense.
    var isFatal = false

    /// - Parameter isWhole: whether the attempt brought the whole amount.
    init(_ attempt: PaymentAttempt, _ came: HTLCFailure, isWhole: Bool, _ blinded: PayableBlindedPath?) {
        // Of a blinded path, its introduction point alone speaks: for the payee only where there is nobody between them.
        let route = attempt.route
        let last = route.hops.count - (blinded?.payment.path.hops.count == 1 ? 2 : 1)
        switch came {
        case .notSent:
            failure = AttemptFailure(hop: nil, message: [], text: "the first peer was disconnected before it was sent")
            blame = .channel(0)
        case .malformed(_, FailureMessage.invalidOnionBlindingCode) where blinded?.isEntered == true:
            failure = AttemptFailure(
                hop: 0, message: [0xc0, 0x18], text: "it came back from somewhere on the payee's blinded path (invalid_onion_blinding)")
            blame = .liquidity(attempt.route.hops.count - 1)
        case .malformed(_, let code):
            failure = AttemptFailure(
                hop: 0, message: withUnsafeBytes(of: code.bigEndian) { Array($0) },
                text: "the first peer could not read the onion (\(FailureMessage.unknown(code: code)))")
            blame = .node(0)
            isFatal = last == 0
        case .onChain:
            failure = AttemptFailure(hop: nil, message: [], text: "our channel was closed before it was answered")
            blame = .channel(0)
        case .packet(let packet, let attribution):
            guard let (speaker, message) = FailurePacket.decrypt(packet, sharedSecrets: attempt.sharedSecrets) else {
                isFatal = last == 0
                reading = AttributionData.read(attribution, packet: packet, sharedSecrets: attempt.sharedSecrets)
                // "When the failure source cannot be identified from the return packet AND attribution_data is present: SHOULD
                // use attribution_data to identify the failure source": it is between the last hop that is proven and the next.
                if !attribution.isEmpty, let unproven = reading.firstUnproven.map({ min($0, last) }), unproven > 0 {
                    failure = AttemptFailure(
                        hop: nil, message: [],
                        text: "a failure that cannot be read came back: hop \(unproven) or \(unproven + 1) spoiled it")
                    blame = .channel(unproven)
                    return
                }
                failure = AttemptFailure(hop: nil, message: [], text: "a failure that cannot be read came back")
                blame = last == 0 ? .nothing : .anybody
                return
            }
            reading = AttributionData.read(attribution, packet: packet, sharedSecrets: attempt.sharedSecrets, last: speaker)
            // Whoever speaks from inside of a blinded path breaks its rules, or the introduction point does in its name.
            let hop = blinded == nil ? speaker : min(speaker, route.hops.count - 2)
            let who = hop == last ? "the payee" : "hop \(hop + 1)"
            // A channel_update that it may bring is not used, and not kept.
            failure = AttemptFailure(hop: hop, message: Array(message.encoded().prefix(34)), text: "\(who) says \(message)")
            passed = 0..<hop + 1
            if hop == last {
                // "if the PERM bit is set: SHOULD fail the payment. otherwise … MAY retry".
                switch message {
                // Who has it all and waits for more will not be satisfied by more of the same.
                case .mppTimeout: isFatal = isWhole
                case .temporaryNodeFailure: break
                case .finalIncorrectCLTVExpiry, .finalIncorrectHTLCAmount: blame = last > 0 ? .node(last - 1) : .nothing
                default: isFatal = true
                }
                if last == 0, case .temporaryNodeFailure = message { isFatal = true }
            } else {
                blame = Self.blame(message, hop)
                // Of a path only as a whole can be said that it does not work.
                if blinded != nil, case .node(let index) = blame, index == last { blame = .channel(last) }
            }
        }
    }

    /// Who is to blame for a failure that a forwarding hop reports: its next channel, or itself.
    private static func blame(_ message: FailureMessage, _ hop: Int) -> Blame {
        switch message {
        case .temporaryChannelFailure: .liquidity(hop + 1)
        case _ where message.code & 0x2000 != 0: .node(hop)  // NODE
        case .permanentChannelFailure, .requiredChannelFeatureMissing, .unknownNextPeer, .amountBelowMinimum, .feeInsufficient,
            .incorrectCLTVExpiry, .expiryTooSoon, .channelDisabled:
            .channel(hop + 1)
        // It says so for the node after it.
        case .invalidOnionVersion, .invalidOnionHMAC, .invalidOnionKey: .node(hop + 1)
        // Somewhere behind the introduction point: only that path is known to be of no use for so much.
        case .invalidOnionBlinding: .liquidity(hop + 1)
        default: .node(hop)
        }
    }
}
