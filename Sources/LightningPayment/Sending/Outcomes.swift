import CryptoPrimitives
import LightningOnion
import LightningRouting
import LightningWire

// What becomes of attempts: each answer is addressed to its attempt.
extension Sender {
    /// Failures of one blinded path until a payment leaves it alone; and once there were more than paths, the first does: what the
    /// payee refuses comes back by each of them, seconds later.
    static let maxBlindedFailures = 3

    /// The payment that an answer is for, while its attempt has the given status.
    private func payment(
        _ hash: PaymentHash, _ attempt: Int, _ id: HTLCID, _ status: PaymentAttempt.Status = .pending
    ) -> OutgoingPayment? {
        guard let payment = outgoing[hash], payment.attempts.indices.contains(attempt), payment.attempts[attempt].htlc == id,
            payment.attempts[attempt].status == status
        else { return nil }
        return payment
    }

    /// A payment has changed while something is being done for it, or while nothing is.
    private mutating func note(_ payment: OutgoingPayment) {
        update(payment)
        if current?.payment.paymentHash == payment.paymentHash { current?.payment = payment }
    }

    /// The preimage of an HTLC of ours: the payment is proven.
    mutating func fulfilled(
        _ hash: PaymentHash, _ attempt: Int, _ id: HTLCID, _ preimage: PaymentPreimage, _ attribution: [UInt8], _ context: borrowing Context
    ) -> [Effect] {
        guard var payment = payment(hash, attempt, id) else { return [] }
        payment.attempts[attempt].status = .succeeded
        payment.attempts[attempt].holdTimes = Self.holdTimes(
            AttributionData.read(attribution, packet: [], sharedSecrets: payment.attempts[attempt].sharedSecrets))
        payment.attempts[attempt].endedAt = context.now
        learnMoved(payment.attempts[attempt].route, context)
        let isNews = payment.status == .pending
        if isNews { payment.status = .succeeded(preimage, at: context.second) }
        note(payment)
        stopWaiting(hash)
        knowledge[hash] = nil
        guard isNews else { return [] }
        return [.succeeded(payment, callers: callers.removeValue(forKey: hash) ?? [])]
    }

    /// The HTLC of an attempt that was fulfilled has left its channel for good.
    mutating func concluded(_ hash: PaymentHash, _ attempt: Int, _ id: HTLCID, _ context: borrowing Context) -> [Effect] {
        guard var payment = payment(hash, attempt, id, .succeeded), payment.attempts[attempt].settledAt == nil else { return [] }
        payment.attempts[attempt].settledAt = context.now
        note(payment)
        return settledNow(payment)
    }

    /// An HTLC of ours failed: what it teaches, and what is tried next.
    mutating func failed(
        _ hash: PaymentHash, _ attempt: Int, _ id: HTLCID, _ failure: HTLCFailure, _ context: borrowing Context
    ) -> [Effect] {
        guard var payment = payment(hash, attempt, id) else { return failedAfterProof(hash, attempt, id, failure, context) }
        let failed = payment.attempts[attempt]
        let blinded = payment.blindedPath(of: failed.route)
        var result = AttemptResult(failed, failure, isWhole: failed.route.amount == payment.amount, blinded)
        if blinded != nil, case .liquidity(let index) = result.failureSource, index == failed.route.hops.count - 1 {
            // Nobody tells what is wrong inside: less may get through, but not for ever.
            let name = failed.route.hops[index].shortChannelID
            let failures = payment.attempts.count { $0.isFailed && $0.route.hops.last?.shortChannelID == name }
            let all = payment.attempts.count { $0.isFailed && payment.blindedPath(of: $0.route) != nil }
            if failures >= Self.maxBlindedFailures || all > payment.blindedPaths.count { result.failureSource = .channel(index) }
        }
        payment.attempts[attempt].status = .failed(result.failure)
        payment.attempts[attempt].holdTimes = Self.holdTimes(result.reading)
        payment.attempts[attempt].endedAt = context.now
        learn(result, failed, payment, context)
        if payment.status == .pending, payment.givenUp == nil, result.isFatal { payment.givenUp = result.failure.text }
        note(payment)
        unfinished.insert(hash)
        if payment.status == .pending { return [.updated(payment)] }
        return settledNow(payment)
    }

    /// An HTLC ended whose preimage had come before.
    private mutating func failedAfterProof(
        _ hash: PaymentHash, _ attempt: Int, _ id: HTLCID, _ failure: HTLCFailure, _ context: borrowing Context
    ) -> [Effect] {
        // A commitment was mined that does not hold it: the peer had it, or it was too small to be an output.
        if case .onChain = failure { return concluded(hash, attempt, id, context) }
        // The peer said the preimage, did not sign for it, and fails the HTLC after a reconnection: the proof stays, and so does the money.
        guard var payment = payment(hash, attempt, id, .succeeded), payment.attempts[attempt].settledAt == nil else { return [] }
        payment.attempts[attempt].status = .failed(
            PaymentAttempt.Failure(hop: 0, message: [], text: "the peer gave the preimage, and failed the HTLC all the same"))
        payment.attempts[attempt].endedAt = context.now
        note(payment)
        return settledNow(payment)
    }

    /// Whether the last HTLC of a payment that succeeded has left its channel now.
    private func settledNow(_ payment: OutgoingPayment) -> [Effect] {
        guard case .succeeded = payment.status, payment.isOver else { return [] }
        return [.settled(payment)]
    }

    private static func holdTimes(_ reading: AttributionData.Reading) -> [Duration] {
        // A record has milliseconds in 32 bits.
        reading.holdTimes.map { .milliseconds(UInt32(clamping: UInt64($0) * 100)) }
    }

    // MARK: Time

    /// Payments that lost a part go on when all that came at once is known; then one of those that wait for a slot, the first come first.
    mutating func endOfBatch(_ isFirst: Bool, _ context: borrowing Context) {
        if isFirst { areSlotsTaken = false }
        jobs += unfinished.sorted().map { .advance($0) }
        unfinished = []
        guard jobs.isEmpty, !areSlotsTaken, let next = waitingForSlots.first,
            context.channels().contains(where: { $0.isUsable && $0.local.spendable > 0 })
        else { return }
        jobs.append(.advance(next))
    }

    /// Whether something is still to be done for payments, now that what was asked for has been done.
    package var hasWork: Bool { current == nil && !(jobs.isEmpty && unfinished.isEmpty) }

    /// Payments whose time is up.
    mutating func expire(_ context: borrowing Context) {
        for hash in pending.sorted() {
            guard let payment = outgoing[hash] else { continue }
            let isLate = payment.givenUp == nil && context.now >= payment.deadline && payment.remaining > .zero
            if payment.pendingAttempts.isEmpty || isLate { jobs.append(.advance(hash)) }
        }
    }
}
