import BitcoinPrimitives
package import LightningWire

// What a stream does next, and what it makes of how payments end. Times are its own: since its beginning, pauses left out.
extension PaymentStream {
    private static let offlineInterval = Duration.seconds(1)
    /// An interruption that is shorter than this is none: what was due in it is paid.
    private static let shortInterruption = Duration.seconds(30)

    /// What to do at a time of its own.
    ///
    /// - Parameters:
    ///   - canPay: whether there is any channel to pay over: where not, nothing fails, and nobody is given up.
    ///   - dustLimit: HTLCs of less have no output on chain.
    mutating func next(at time: Duration, canPay: Bool, dustLimit: MilliSatoshi) -> Step {
        if let ending { return underWay.isEmpty ? .over(ending) : .wait(until: nil) }
        guard status == .running else { return .wait(until: nil) }
        let isLast = terms.duration.map { time >= $0 } ?? false
        skip(at: time)
        let debts = debts(at: time, isLast: isLast)
        var wake: Duration?
        func wakeAt(_ moment: Duration) { wake = min(wake ?? moment, moment) }
        // Whom most is owed first.
        for index in shares.indices.sorted(by: { (debts[$0].value, $1) > (debts[$1].value, $0) }) where shares[index].givenUp == nil {
            // One at a time finds out whether it works again.
            let most = shares[index].failure == nil ? terms.maxInFlight : 1
            guard debts[index] > .zero, shares[index].count < most else { continue }
            guard time >= shares[index].next || isLast && shares[index].failure == nil else {
                wakeAt(shares[index].next)
                continue
            }
            guard let wanted = payment(min(debts[index], shares[index].largest ?? debts[index]), to: index) else {
                // What is under way may leave room when it ends.
                if underWay.isEmpty { return .over(.budget) }
                continue
            }
            guard let payment = withinDust(wanted, debts[index], dustLimit) else {
                // What is under way leaves room when it ends; and what is owed may come to have an output.
                if isLast, underWay.isEmpty { giveUpDust(index, debts[index]) } else { wakeAt(time + shares[index].interval) }
                continue
            }
            guard canPay else { return .wait(until: time + Self.offlineInterval) }
            last += 1
            begin(payment)
            // What is more than one payment may be follows at once.
            shares[index].next = payment.amount < debts[index] ? time : time + shares[index].interval
            return .pay(payment)
        }
        let owes = shares.indices.contains { shares[$0].givenUp == nil && debts[$0] > .zero }
        if isLast && !owes || shares.allSatisfy({ $0.givenUp != nil }) { return underWay.isEmpty ? .over(end(isLast)) : .wait(until: nil) }
        if !isLast {
            if let end = terms.duration { wakeAt(end) }
            for index in shares.indices where shares[index].givenUp == nil && debts[index] == .zero {
                // A millisatoshi more for it: not before its own time.
                let share = shares[index]
                let goal = share.paid.saturatingAdding(share.skipped).saturatingAdding(share.inFlight).saturatingAdding(MilliSatoshi(1))
                let all = StreamRate.share(goal, weightSum, of: UInt64(terms.recipients[index].weight)).saturatingAdding(MilliSatoshi(1))
                guard let moment = terms.rate.time(until: all.saturatingSubtracting(dueBefore.saturatingAdding(added))) else { continue }
                wakeAt(max(rateSince + moment, share.next))
            }
        }
        return .wait(until: wake.map { max($0, time + .milliseconds(1)) })
    }

    /// Why it is over where nothing more can be paid to anybody.
    private func end(_ isLast: Bool) -> End {
        if shares.contains(where: { $0.givenUp == .failed }) { return .failures }
        return isLast ? .duration : .budget
    }

    /// Of what was due during an interruption only so much stays due as the terms say. As long as payments succeed, however slowly, there is none; and
    /// payments that wait until they are large enough for their fees are none.
    mutating func skip(at time: Duration) {
        for index in shares.indices where shares[index].givenUp == nil {
            let window = terms.catchUp + Self.shortInterruption + shares[index].interval * 2
            guard time - shares[index].progress > window else { continue }
            let owed = owed(at: time, to: index)
            let recent = StreamRate.share(due(in: window, until: time), UInt64(terms.recipients[index].weight), of: weightSum)
            // What was added has its own reason; a share is rounded down.
            let most = recent.saturatingAdding(shares[index].added).saturatingAdding(shares[index].inFlight).saturatingAdding(
                MilliSatoshi(1))
            guard owed > most else { continue }
            shares[index].skipped = shares[index].skipped.saturatingAdding(owed.saturatingSubtracting(most))
        }
    }

    /// What one of those who share it has to get yet; what is under way to it included.
    private func owed(at time: Duration, to index: Int) -> MilliSatoshi {
        StreamRate.share(due(at: time), UInt64(terms.recipients[index].weight), of: weightSum)
            .saturatingSubtracting(shares[index].paid).saturatingSubtracting(shares[index].skipped)
    }

    /// What is owed to each: its share of what is due, less what it got and what is on its way. At the end the millisatoshi that no share
    /// has, fewer than there are recipients, go to the first ones, one each.
    private func debts(at time: Duration, isLast: Bool) -> [MilliSatoshi] {
        var parts = terms.recipients.map { StreamRate.share(due(at: time), UInt64($0.weight), of: weightSum) }
        if isLast {
            var rest = due(at: time).value - parts.reduce(0) { $0 + $1.value }
            for index in parts.indices where rest > 0 {
                parts[index] += MilliSatoshi(1)
                rest -= 1
            }
        }
        return zip(parts, shares).map {
            $0.saturatingSubtracting($1.paid).saturatingSubtracting($1.skipped).saturatingSubtracting($1.inFlight)
        }
    }

    /// What is under way in payments that have no output on chain, or had none when they were sent, fees included.
    ///
    /// - Parameter dustLimit: HTLCs of less have none.
    package func dustInFlight(below dustLimit: MilliSatoshi) -> MilliSatoshi {
        underWay.values.reduce(.zero) {
            $1.isDust || $1.amount < dustLimit ? $0.saturatingAdding($1.amount).saturatingAdding($1.maxFee) : $0
        }
    }

    /// A payment that leaves the dust under way within its limit, with the highest fees that all of it could cost: the wanted one, or one that has
    /// an output, where so much is owed, or a smaller one; `nil` where none can be.
    private func withinDust(_ wanted: Payment, _ debt: MilliSatoshi, _ dustLimit: MilliSatoshi) -> Payment? {
        var wanted = wanted
        wanted.isDust = wanted.amount < dustLimit
        guard let most = terms.maxDust, wanted.isDust else { return wanted }
        let room = most.saturatingSubtracting(dustInFlight(below: dustLimit))
        if wanted.amount.saturatingAdding(wanted.maxFee) <= room { return wanted }
        let index = wanted.recipient
        // Where an amount with an output has failed, one without goes first.
        if shares[index].failure == nil, debt >= dustLimit, let larger = payment(dustLimit, to: index), larger.amount >= dustLimit {
            return larger
        }
        // Not in ever smaller parts: what is under way leaves room when it ends.
        guard room.value >= most.value / 2 else { return nil }
        // Its own share of fees, and what others have left at the most.
        let share = UInt64(min(terms.maxFeeMillionths, 1_000_000)) * (Self.mostOfOthers + 1)
        let least = StreamRate.share(room, 1_000_000, of: 1_000_000 + share).saturatingSubtracting(MilliSatoshi(Self.mostOfOthers + 1))
        // One that is as small as another that was too small for its fee would fail as well.
        guard least > shares[index].tooSmall, var smaller = payment(min(wanted.amount, least), to: index),
            smaller.amount.saturatingAdding(smaller.maxFee) <= room
        else { return nil }
        smaller.isDust = true
        return smaller
    }

    /// Its time is over, and what is left for a recipient is less than has an output, and more than may be under way without one.
    private mutating func giveUpDust(_ index: Int, _ debt: MilliSatoshi) {
        shares[index].givenUp = debt.value <= shares[index].paid.value / 50 ? .rest : .failed
        lastFailure = "what may be under way as dust has no room for a payment that finds a way"
    }

    /// The payment of a debt, or of as much of it as the budget has room for; `nil` where that is nothing.
    private func payment(_ debt: MilliSatoshi, to recipient: Int) -> Payment? {
        let used = paid.saturatingAdding(inFlight).saturatingAdding(fees).saturatingAdding(feesInFlight)
        let room = (terms.budget ?? MilliSatoshi(.maximum)).saturatingSubtracting(used)
        var amount = min(debt, room)
        guard amount > .zero else { return nil }
        // Fees come out of the budget as well. Where they eat up what is left, better a payment without a fee than none.
        let fee = feeShare(of: amount)
        if fee > room.saturatingSubtracting(amount), fee < room { amount = min(amount, room - fee) }
        return Payment(
            number: last + 1, recipient: recipient, amount: amount, maxFee: min(maxFee(for: amount), room - amount), isCut: amount < debt)
    }

    /// What one more payment may cost: its own share, and what earlier ones have left of theirs, which only one at a time may use. So the sum
    /// stays within the share however those under way end: a rounded share of a sum is never less than the sum of the rounded shares.
    private func maxFee(for amount: MilliSatoshi) -> MilliSatoshi {
        let lent = underWay.values.reduce(MilliSatoshi.zero) { $0 + $1.maxFee.saturatingSubtracting(feeShare(of: $1.amount)) }
        let left = feeShare(of: paid).saturatingSubtracting(fees).saturatingSubtracting(lent)
        // Not all of it at once: a forwarder that has taken nothing for long may wait for that.
        let own = feeShare(of: amount)
        let most = own.saturatingAdding(min(left, StreamRate.share(own, Self.mostOfOthers, of: 1)))
        guard let limit = terms.maxFee else { return most }
        return min(most, limit.saturatingSubtracting(fees).saturatingSubtracting(feesInFlight))
    }

    /// What earlier payments have left of their shares may make the share of one so many times as large, and once more.
    private static let mostOfOthers: UInt64 = 9

    private func feeShare(of amount: MilliSatoshi) -> MilliSatoshi {
        StreamRate.share(amount, UInt64(min(terms.maxFeeMillionths, 1_000_000)), of: 1_000_000)
    }

    // MARK: What became of it

    /// A payment has succeeded.
    ///
    /// - Parameters:
    ///   - fee: what forwarders took: `maxFee` at most.
    ///   - latency: how long it took.
    mutating func succeeded(_ number: UInt64, fee: MilliSatoshi, latency: Duration, at time: Duration) -> Payment? {
        guard let payment = take(number) else { return nil }
        let index = payment.recipient
        // What an interruption has made due is no progress.
        skip(at: time)
        succeeded += 1
        latencies.add(latency)
        paid += payment.amount
        fees += fee
        shares[index].paid += payment.amount
        shares[index].added = shares[index].added.saturatingSubtracting(payment.amount)
        shares[index].failure = nil
        shares[index].failingFor = .zero
        shares[index].progress = max(shares[index].progress, time)
        shares[index].delay = .zero
        if let largest = shares[index].largest, payment.amount >= largest {
            shares[index].largest = largest.saturatingAdding(MilliSatoshi(largest.value / 8 + 1))
        }
        // Back to the interval that was wanted, step by step, as long as a smaller payment would pay its fee.
        let current = shares[index].interval
        let half = MilliSatoshi(payment.amount.value / 2)
        shares[index].tooSmall = MilliSatoshi(shares[index].tooSmall.value - shares[index].tooSmall.value / 64)
        if current > terms.interval, fee <= feeShare(of: half), half.value / 5 * 4 > shares[index].tooSmall.value {
            shares[index].interval = max(terms.interval, .milliseconds(current.wholeMilliseconds / 2))
        }
        return payment
    }

    /// A payment has failed, and nothing of it was paid: it is owed again.
    ///
    /// - Parameter isTooSmall: whether a larger one would find a way: this one may not pay its fee, or is less than a channel takes. Then later
    ///   ones are larger; else a large one is tried as a smaller one, for there may be too little room.
    mutating func failed(_ number: UInt64, _ why: String, isTooSmall: Bool, at time: Duration) -> Payment? {
        guard let payment = take(number) else { return nil }
        failed += 1
        lastFailure = why
        let index = payment.recipient
        let end = terms.duration ?? .seconds(Int64.max / 4)
        let isOver = time >= end
        if isTooSmall {
            // No time makes larger what is left of the budget, or at the end.
            if isOver {
                // A fiftieth or less is a rest; more has failed for its fee.
                let rest = owed(at: time, to: index).value
                shares[index].givenUp = rest <= shares[index].paid.value / 50 ? .rest : .failed
            } else if payment.isCut, underWay.isEmpty {
                shares[index].givenUp = .rest
            }
            // As long as payments can become larger there is nothing to be patient with.
            if shares[index].interval >= Self.longestInterval { noteFailure(index, at: time) }
            shares[index].interval = min(shares[index].interval * 2, Self.longestInterval)
            shares[index].next = time + shares[index].interval
            shares[index].largest = nil
            shares[index].tooSmall = max(shares[index].tooSmall, payment.amount)
        } else {
            noteFailure(index, at: time)
            if time >= end + Self.patienceAtEnd { shares[index].givenUp = .failed }
            let usual = StreamRate.share(
                terms.rate.due(after: shares[index].interval), UInt64(terms.recipients[index].weight), of: weightSum)
            let smaller = min(shares[index].largest ?? MilliSatoshi(.max), MilliSatoshi(payment.amount.value / 2))
            shares[index].largest = max(smaller, usual.saturatingAdding(Self.leastLargest))
            // Those that were under way together fail together.
            if time >= shares[index].next || shares[index].delay == .zero {
                shares[index].delay = min(max(shares[index].delay * 2, Self.shortestDelay), Self.longestDelay)
                shares[index].next = time + shares[index].delay
            }
        }
        return payment
    }

    /// A recipient has failed for so much longer; what the node was down, or without a channel, is no failure of its.
    private mutating func noteFailure(_ index: Int, at time: Duration) {
        if let before = shares[index].failure {
            shares[index].failingFor += min(time - before, max(shares[index].interval, shares[index].delay) * 2 + Self.offlineInterval)
        }
        shares[index].failure = time
        if let patience = terms.patience, shares[index].failingFor >= patience { shares[index].givenUp = .failed }
    }

    /// How long after its end a stream tries to pay what was due.
    private static let patienceAtEnd = Duration.seconds(60)
    /// No payment is tried with less for lack of room: dust is less than most channels take.
    private static let leastLargest = MilliSatoshi(1000)
    private static let longestInterval = Duration.seconds(3600)
    private static let shortestDelay = Duration.milliseconds(100)
    private static let longestDelay = Duration.seconds(60)

    mutating func begin(_ payment: Payment) {
        underWay[payment.number] = payment
        inFlight += payment.amount
        feesInFlight += payment.maxFee
        shares[payment.recipient].inFlight += payment.amount
        shares[payment.recipient].count += 1
    }

    private mutating func take(_ number: UInt64) -> Payment? {
        guard let payment = underWay.removeValue(forKey: number) else { return nil }
        inFlight -= payment.amount
        feesInFlight -= payment.maxFee
        shares[payment.recipient].inFlight -= payment.amount
        shares[payment.recipient].count -= 1
        return payment
    }
}
