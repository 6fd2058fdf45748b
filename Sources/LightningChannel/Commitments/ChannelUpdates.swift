package import BitcoinPrimitives
import CryptoPrimitives
import LightningTransactions
public import LightningWire

/// The limits of this implementation that are not terms of the channel.
package enum ChannelLimits {
    /// BOLT 2: `max_accepted_htlcs` "max_accepted_htlcs is greater than 483".
    package static let maxHTLCs = 483
    /// What trimmed HTLCs may add up to in one commitment: they are lost to fees if it is published.
    package static let maxDustExposure = MilliSatoshi(Satoshi(500_000))
    /// Bytes of a failure's `reason`. BOLT 4's packets have 292 and grow little; each hop adds its attribution data to what it
    /// passes on, so that a longer one would not fit into a message any more, and each hashes it twenty times.
    package static let maxFailureLength = 8192
    /// Fee rates outside of this range are refused from a peer.
    package static let feeRates = FeeRate.floor...FeeRate(perKiloweight: 250_000)
    /// Never refused for being more than we expect: 40 sat for each virtual byte.
    private static let usualFeeRate = FeeRate(perKiloweight: 10_000)

    /// Bytes of what a failure or a fulfilment says of how long it was held. BOLT 4: "htlc_hold_times" of 20 times 4 bytes, and 210 HMACs
    /// of 4 bytes; anything else says nothing, and is not kept.
    static let attributionLength = 80 + 840

    /// The highest fee rate that the opener of a channel may set: without anchors ten times our own estimate, because HTLC transactions pay
    /// it too, out of money that is ours. With anchors the opener pays all of it, and `commitmentFeeLimit` bounds it.
    static func feeCeiling(_ estimate: FeeRate, hasAnchors: Bool) -> FeeRate {
        if hasAnchors { return feeRates.upperBound }
        let tenfold = FeeRate(perKiloweight: UInt32(clamping: UInt64(estimate.perKiloweight) * 10))
        return min(max(tenfold, usualFeeRate), feeRates.upperBound)
    }

    /// The lowest fee rate to which the opener of a channel may go down: a tenth of our own estimate, without anchors.
    ///
    /// Money at risk: a commitment that is not mined before its HTLCs expire. With anchors its fee can be raised later. A rise is never
    /// refused for being too small: it may be all that the opener can afford.
    static func feeFloor(_ estimate: FeeRate, hasAnchors: Bool) -> FeeRate {
        hasAnchors ? feeRates.lowerBound : max(feeRates.lowerBound, FeeRate(perKiloweight: estimate.perKiloweight / 10))
    }

    /// What a commitment may pay in any case, in sat.
    private static let usualFee = Satoshi(30_000)

    /// The most that a commitment of a channel may pay: a quarter of it, and a twentieth at a fee rate that nothing explains.
    ///
    /// Money at risk: what a revoked commitment pays to a miner no penalty brings back, and its opener, who may be that miner, has given
    /// the money away since. An honest peer comes nowhere near: it would lose as much itself.
    static func commitmentFeeLimit(_ feeRate: FeeRate, estimate: FeeRate, funding: Satoshi) -> Satoshi {
        max(usualFee, Satoshi(funding.value / (feeRate > feeCeiling(estimate, hasAnchors: false) ? 20 : 4)))
    }
}

// BOLT 2 "Normal Operation": offering and removing HTLCs, and fees.
extension PaymentChannel {
    /// The highest of the fee rates that are in force or on their way: what our own requests must afford.
    private var highestFeeRate: FeeRate {
        commitments.feeUpdates.map(\.feeRate).reduce(commitments.feeRate, max)
    }

    /// Twice as much: BOLT 2's "fee spike buffer", so that a rise of the rate never leaves the channel stuck.
    private var spikedFeeRate: FeeRate { FeeRate(perKiloweight: UInt32(clamping: UInt64(highestFeeRate.perKiloweight) * 2)) }

    /// What a commitment with `count` untrimmed HTLCs costs its opener.
    private func openerCost(_ feeRate: FeeRate, _ count: Int) -> MilliSatoshi {
        MilliSatoshi(CommitmentFees.openerCost(feeRate, hasAnchors: parameters.hasAnchors, untrimmed: count))
    }

    /// Whether a commitment may pay what its opener wants to pay for it.
    ///
    /// - Parameter untrimmed: HTLCs that are an output of either commitment: the opener has a dust limit of its own.
    private func isTolerable(_ feeRate: FeeRate, _ untrimmed: Int, _ estimate: FeeRate) -> Bool {
        let limit = ChannelLimits.commitmentFeeLimit(feeRate, estimate: estimate, funding: parameters.fundingAmount)
        return openerCost(feeRate, untrimmed) <= MilliSatoshi(limit)
    }

    /// What an HTLC has to be to have an output in a commitment: in ours or the remote's, at a fee rate.
    private func leastOutput(offeredByLocal: Bool, holderIsLocal: Bool, at feeRate: FeeRate) -> MilliSatoshi {
        CommitmentFees.leastHTLCOutput(
            isOfferedByHolder: offeredByLocal == holderIsLocal, feeRate: feeRate,
            dustLimit: holderIsLocal ? parameters.local.dustLimit : parameters.remote.dustLimit,
            hasAnchors: parameters.hasAnchors)
    }

    /// Whether an HTLC has no output in a commitment: in ours or the remote's, at a fee rate.
    private func isTrimmed(_ amount: MilliSatoshi, offeredByLocal: Bool, holderIsLocal: Bool, at feeRate: FeeRate) -> Bool {
        amount < leastOutput(offeredByLocal: offeredByLocal, holderIsLocal: holderIsLocal, at: feeRate)
    }

    /// Whether an HTLC is an output of neither commitment: it can be settled by agreement only.
    package func isTrimmedEverywhere(_ htlc: HTLC) -> Bool {
        let isOurs = htlc.state.isOfferedByLocal
        return [true, false].allSatisfy {
            isTrimmed(htlc.amount, offeredByLocal: isOurs, holderIsLocal: $0, at: commitments.feeRate)
        }
    }

    /// What an HTLC that we offer has to be to have an output in both commitments, at the highest fee rate that is agreed upon.
    package var dustLimit: MilliSatoshi {
        max(
            leastOutput(offeredByLocal: true, holderIsLocal: true, at: highestFeeRate),
            leastOutput(offeredByLocal: true, holderIsLocal: false, at: highestFeeRate))
    }

    /// What nobody could claim on chain if the channel were closed now: HTLCs under way without an output in the commitment that has less of them,
    /// at the highest fee rate that is agreed upon.
    package var trustedDust: MilliSatoshi {
        let load = load
        return max(load.localDust, load.remoteDust)
    }

    /// What the HTLCs of the channel, each counted until it is gone, add up to: gathered in one pass.
    private struct Load {
        /// Offered by us.
        var offered = 0
        var inFlight = MilliSatoshi.zero
        /// Offered by the remote.
        var remoteInFlight = MilliSatoshi.zero
        /// Those that may be outputs of either commitment.
        var untrimmed = 0
        /// What is trimmed in our commitment, and in the remote's.
        var localDust = MilliSatoshi.zero
        var remoteDust = MilliSatoshi.zero
    }

    private var load: Load { load(at: highestFeeRate) }

    /// - Parameter feeRate: at which dust is dust: the highest that the channel can come to have.
    private func load(at feeRate: FeeRate) -> Load {
        let lowestRate = commitments.feeUpdates.map(\.feeRate).reduce(commitments.feeRate, min)
        func least(_ offeredByLocal: Bool) -> (local: MilliSatoshi, remote: MilliSatoshi, atLowest: MilliSatoshi) {
            (
                leastOutput(offeredByLocal: offeredByLocal, holderIsLocal: true, at: feeRate),
                leastOutput(offeredByLocal: offeredByLocal, holderIsLocal: false, at: feeRate),
                min(
                    leastOutput(offeredByLocal: offeredByLocal, holderIsLocal: true, at: lowestRate),
                    leastOutput(offeredByLocal: offeredByLocal, holderIsLocal: false, at: lowestRate))
            )
        }
        let (ours, theirs) = (least(true), least(false))
        var load = Load()
        for htlc in commitments.htlcs.outlines {
            let isOurs = htlc.state.isOfferedByLocal
            if isOurs {
                load.offered += 1
                load.inFlight += htlc.amount
            } else {
                load.remoteInFlight += htlc.amount
            }
            let least = isOurs ? ours : theirs
            if htlc.amount < least.local { load.localDust += htlc.amount }
            if htlc.amount < least.remote { load.remoteDust += htlc.amount }
            if htlc.amount >= least.atLowest { load.untrimmed += 1 }
        }
        return load
    }

    /// The most that can be sent now, with the reserve, the fee for one HTLC more, and BOLT 2's "fee spike buffer" of
    /// twice the fee rate for another one left over.
    public var spendable: MilliSatoshi { spendable(load) }

    private func spendable(_ load: Load) -> MilliSatoshi {
        var left = commitments.toLocal.saturatingSubtracting(load.inFlight)
            .saturatingSubtracting(MilliSatoshi(parameters.remote.channelReserve))
        if parameters.isOpener {
            left = left.saturatingSubtracting(openerCost(spikedFeeRate, load.untrimmed + 2))
        }
        return min(left, parameters.remote.maxHTLCValueInFlight.saturatingSubtracting(load.inFlight))
    }

    /// The most that can be received now, as far as this side can tell.
    public var receivable: MilliSatoshi {
        var left = commitments.remoteAvailable.saturatingSubtracting(MilliSatoshi(parameters.local.channelReserve))
        // The opener keeps as much back as we would.
        if !parameters.isOpener { left = left.saturatingSubtracting(openerCost(spikedFeeRate, load.untrimmed + 2)) }
        return min(left, parameters.local.maxHTLCValueInFlight)
    }

    /// HTLCs of ours that can be under way at once: as many as the peer accepts, and as we allow ourselves.
    private var slots: Int { min(Int(parameters.remote.maxAcceptedHTLCs), ChannelLimits.maxHTLCs) }

    /// Whether one more HTLC of ours can be under way now, whatever its amount; and `spendable`.
    public var room: (hasFreeSlot: Bool, spendable: MilliSatoshi) {
        let load = load
        return (load.offered < slots, spendable(load))
    }

    /// Offers an HTLC, whose outcome will be for its origin.
    ///
    /// - Parameter estimate: our own estimate of a sensible fee rate.
    /// - Throws: a refusal that changes nothing.
    mutating func offer(_ offer: HTLCOffer, estimate: FeeRate) throws(ChannelRefusal) -> [ChannelEffect] {
        let amount = offer.amount
        guard phase == .live(.normal), funding.isDeep else { throw .notUsable(stateName) }
        guard connection == .established else { throw .notConnected }
        // BOLT 2: "MUST offer amount_msat greater than 0", "MUST NOT offer amount_msat below … htlc_minimum_msat".
        guard amount > .zero, amount >= parameters.remote.htlcMinimum else {
            throw .belowMinimum(max(parameters.remote.htlcMinimum, MilliSatoshi(1)))
        }
        guard offer.cltvExpiry.isBlock else { throw .invalidExpiry }
        let load = load
        guard load.offered < slots else { throw .tooManyHTLCs(limit: slots) }
        guard let total = load.inFlight.adding(amount), total <= parameters.remote.maxHTLCValueInFlight else {
            throw .tooMuchInFlight(limit: parameters.remote.maxHTLCValueInFlight)
        }
        let spendable = spendable(load)
        guard amount <= spendable else { throw .insufficientBalance(spendable: spendable) }
        if !parameters.isOpener {
            // "SHOULD NOT offer … if the remote node … cannot pay the fee for the updated … transaction".
            let needed = openerCost(highestFeeRate, load.untrimmed + 1)
            // Nor where it would pay a miner what a penalty is to bring back.
            guard commitments.toRemote.saturatingSubtracting(load.remoteInFlight) >= needed,
                isTolerable(highestFeeRate, load.untrimmed + 1, estimate)
            else {
                throw .insufficientBalance(spendable: .zero)
            }
        }
        for (holderIsLocal, dust) in [(true, load.localDust), (false, load.remoteDust)]
        where isTrimmed(amount, offeredByLocal: true, holderIsLocal: holderIsLocal, at: highestFeeRate) {
            guard let exposure = dust.adding(amount), exposure <= ChannelLimits.maxDustExposure else {
                throw .dustExposure(limit: ChannelLimits.maxDustExposure)
            }
        }
        var htlc = HTLC(
            id: commitments.nextLocalID, amount: amount, paymentHash: offer.paymentHash, cltvExpiry: offer.cltvExpiry,
            onion: offer.onion, pathKey: offer.pathKey, state: .sentAddHTLC)
        htlc.origin = offer.origin
        commitments.nextLocalID += 1
        commitments.htlcs[htlc.key] = htlc
        changed([htlc])
        return [.offered(id: htlc.id), .send(updateMessage(for: htlc))]
    }

    /// Says for whom an HTLC of ours is that was offered by a version which did not know.
    mutating func adopt(_ id: UInt64, _ origin: HTLCOrigin) {
        let key = HTLC.Key(isOfferedByLocal: true, id: id)
        guard commitments.htlcs[key] != nil else { return }
        commitments.htlcs[key]?.origin = origin
        changedHTLCs.insert(key)
    }

    /// Whether a received HTLC adds more dust to either commitment than we are ready to lose: such a one is failed back.
    ///
    /// - Parameter amount: of a received HTLC that is among those of the channel.
    public func exceedsDustExposure(_ amount: MilliSatoshi) -> Bool {
        let isLocalDust = isTrimmed(amount, offeredByLocal: false, holderIsLocal: true, at: highestFeeRate)
        let isRemoteDust = isTrimmed(amount, offeredByLocal: false, holderIsLocal: false, at: highestFeeRate)
        guard isLocalDust || isRemoteDust else { return false }
        let load = load
        return isLocalDust && load.localDust > ChannelLimits.maxDustExposure
            || isRemoteDust && load.remoteDust > ChannelLimits.maxDustExposure
    }

    /// Settles or gives back an incoming HTLC.
    mutating func resolve(
        _ id: UInt64, _ resolution: HTLC.Resolution, attribution: [UInt8] = [], _ environment: ChannelEnvironment
    ) throws(ChannelRefusal) -> [ChannelEffect] {
        let key = HTLC.Key(isOfferedByLocal: false, id: id)
        guard isAlive else { return try resolveOnChain(key, resolution, environment) }
        // "until the corresponding HTLC is irrevocably committed in both sides' … MUST NOT send an update_fulfill_htlc".
        guard var htlc = commitments.htlcs[key], htlc.state == .receivedAddAckRevocation else { throw .unknownHTLC }
        if case .failed(let reason) = resolution, reason.count > ChannelLimits.maxFailureLength { throw .failureTooLong(reason.count) }
        if case .fulfilled(let preimage) = resolution, preimage.paymentHash != htlc.paymentHash { throw .unknownHTLC }
        if case .fulfilled = resolution { fulfilledHeights[key] = environment.height }
        htlc.resolution = resolution
        htlc.attribution = attribution
        htlc.state = .sentRemoveHTLC
        htlc.onion = []
        htlc.pathKey = nil
        commitments.htlcs[key] = htlc
        changed([htlc])
        // Stored now, sent now or after the next reconnection.
        guard connection == .established, isOpen else { return [] }
        return [.send(updateMessage(for: htlc))]
    }

    /// An HTLC of ours that is too small to be an output of any commitment is failed upstream, although the peer can still take it.
    mutating func writeOff(_ id: UInt64) {
        let key = HTLC.Key(isOfferedByLocal: true, id: id)
        guard var htlc = commitments.htlcs[key] else { return }
        htlc.isWrittenOff = true
        commitments.htlcs[key] = htlc
        changed([htlc])
    }

    /// What is written off in the channel and not decided yet.
    public var writtenOff: MilliSatoshi {
        guard !isClosed else { return .zero }
        return commitments.htlcs.values.reduce(.zero) { $1.isWrittenOff ? $0 + $1.amount : $0 }
    }

    /// The peer took what had been written off.
    mutating func noteTakenWrittenOff() {
        guard !hasTakenWrittenOff else { return }
        hasTakenWrittenOff = true
        isChanged = true
    }

    /// The message that tells the peer of the latest update of an HTLC of ours.
    func updateMessage(for htlc: HTLC) -> LightningMessage {
        guard let resolution = htlc.resolution, !htlc.state.isOfferedByLocal else {
            return .updateAddHTLC(
                UpdateAddHTLC(
                    channelID: id, id: htlc.id, amount: htlc.amount, paymentHash: htlc.paymentHash,
                    cltvExpiry: htlc.cltvExpiry, onion: htlc.onion, pathKey: htlc.pathKey))
        }
        switch resolution {
        case .fulfilled(let preimage):
            var message = UpdateFulfillHTLC(channelID: id, id: htlc.id, paymentPreimage: preimage)
            if !htlc.attribution.isEmpty { message.tlvs[1] = htlc.attribution }
            return .updateFulfillHTLC(message)
        case .failed(let reason):
            var message = UpdateFailHTLC(channelID: id, id: htlc.id, reason: reason)
            if !htlc.attribution.isEmpty { message.tlvs[1] = htlc.attribution }
            return .updateFailHTLC(message)
        case .malformed(let hash, let code):
            return .updateFailMalformedHTLC(
                UpdateFailMalformedHTLC(channelID: id, id: htlc.id, onionHash: hash, failureCode: code))
        }
    }

    /// Proposes a new fee rate for the commitments.
    ///
    /// - Parameter estimate: our own estimate of a sensible rate: ten times as much is refused, as a peer would.
    mutating func setFeeRate(_ feeRate: FeeRate, estimate: FeeRate) throws(ChannelRefusal) -> [ChannelEffect] {
        guard parameters.isOpener else { throw .notOpener }
        guard phase == .live(.normal) else { throw .notUsable(stateName) }
        guard connection == .established else { throw .notConnected }
        // One at a time: nothing is gained by a second before the first is committed.
        guard commitments.feeUpdates.isEmpty else { throw .notUsable("changing its fee rate already") }
        // Ten times the estimate is more than anybody wants to pay.
        guard ChannelLimits.feeRates.contains(feeRate), feeRate <= ChannelLimits.feeCeiling(estimate, hasAnchors: false) else {
            throw .notUsable("not to have such a fee rate")
        }
        if let refusal = refusal(of: feeRate) { throw refusal }
        commitments.feeUpdates.append(.init(feeRate: feeRate, state: .sentAddHTLC))
        isChanged = true
        return [.send(.updateFee(UpdateFee(channelID: id, feeRate: feeRate)))]
    }

    /// What would be lost to fees if one of the commitments were published at a fee rate, with every HTLC of the channel in it.
    private func dust(at feeRate: FeeRate) -> MilliSatoshi {
        let load = load(at: feeRate)
        return max(load.localDust, load.remoteDust)
    }

    /// Why this side, which pays the fee, should not propose a fee rate; `nil` where it may.
    func refusal(of feeRate: FeeRate) -> ChannelRefusal? {
        let cost = openerCost(feeRate, load.untrimmed)
        let available = commitments.localAvailable.saturatingSubtracting(MilliSatoshi(parameters.remote.channelReserve))
        guard available >= cost else { return .insufficientBalance(spendable: .zero) }
        // "if the dust balance of the remote transaction at the updated feerate_per_kw is greater than
        // max_dust_htlc_exposure_msat: MAY NOT send update_fee".
        guard dust(at: feeRate) <= ChannelLimits.maxDustExposure else { return .dustExposure(limit: ChannelLimits.maxDustExposure) }
        return nil
    }

    // MARK: What the peer sends

    /// What our next commitment would say, were it signed now: nobody looks at its HTLCs one by one for a single message.
    private func nextLocalCommitment() -> (feeRate: FeeRate, toHolder: MilliSatoshi, toCounterparty: MilliSatoshi) {
        let balances = commitments.balances(.local, after: .receivedCommit) ?? (.zero, .zero)
        return (commitments.feeRate(.local, after: .receivedCommit), balances.local, balances.remote)
    }

    /// How many HTLCs our next commitment would hold as outputs at a fee rate.
    private func untrimmedInNext(at feeRate: FeeRate) -> Int {
        let ours = leastOutput(offeredByLocal: true, holderIsLocal: true, at: feeRate)
        let theirs = leastOutput(offeredByLocal: false, holderIsLocal: true, at: feeRate)
        return commitments.htlcs.outlines.count { htlc in
            htlc.amount >= (htlc.state.isOfferedByLocal ? ours : theirs) && htlc.state.after(.receivedCommit).isIn(.local)
        }
    }

    mutating func receiveAdd(_ message: UpdateAddHTLC, _ environment: ChannelEnvironment) throws(ProtocolViolation) -> [ChannelEffect] {
        guard phase.live.readiness.isComplete else { throw .beforeChannelReady(.updateAddHTLC) }
        // BOLT 2: "MUST NOT send an update_add_htlc after a shutdown".
        guard ending.remote == nil else { throw .addAfterShutdown }
        guard message.id == commitments.nextRemoteID else {
            throw .unexpectedHTLC(message.id, expected: commitments.nextRemoteID)
        }
        guard message.amount > .zero, message.amount >= parameters.local.htlcMinimum else {
            throw .belowMinimum
        }
        guard message.cltvExpiry.isBlock else { throw .expiryInSeconds }
        var count = 0
        var inFlight: MilliSatoshi? = message.amount
        for htlc in commitments.htlcs.outlines
        where !htlc.state.isOfferedByLocal && !htlc.state.after(.receivedCommit).isRemoved(from: .local) {
            count += 1
            inFlight = inFlight?.adding(htlc.amount)
        }
        guard count < Int(parameters.local.maxAcceptedHTLCs) else { throw .tooManyHTLCs }
        guard let inFlight, inFlight <= parameters.local.maxHTLCValueInFlight else { throw .tooMuchInFlight }
        let htlc = HTLC(
            id: message.id, amount: message.amount, paymentHash: message.paymentHash,
            cltvExpiry: message.cltvExpiry, onion: message.onion, pathKey: message.pathKey, state: .receivedAddHTLC)
        // What the remote would own in our next commitment, before this HTLC.
        let next = nextLocalCommitment()
        guard var left = next.toCounterparty.subtracting(message.amount) else {
            throw .exceedsBalance
        }
        let isDust = isTrimmed(htlc.amount, offeredByLocal: false, holderIsLocal: true, at: next.feeRate)
        let untrimmed = untrimmedInNext(at: next.feeRate) + (isDust ? 0 : 1)
        let cost = openerCost(next.feeRate, untrimmed)
        if parameters.isOpener {
            // Ours to pay: a commitment that we cannot pay for would not be relayed when we need it.
            guard next.toHolder >= cost else { throw .payerCannotAffordFee }
        } else {
            guard let afterFee = left.subtracting(cost) else {
                throw .senderCannotAffordFee
            }
            guard isTolerable(highestFeeRate, load.untrimmed + 1, environment.feeRate) else {
                throw .excessiveCommitmentFee(next.feeRate)
            }
            left = afterFee
        }
        // "while maintaining its channel reserve".
        guard left >= MilliSatoshi(parameters.local.channelReserve) else {
            throw .belowReserve
        }
        commitments.htlcs[htlc.key] = htlc
        commitments.nextRemoteID += 1
        return []
    }

    mutating func receiveRemoval(
        _ htlcID: UInt64, _ resolution: HTLC.Resolution, attribution: [UInt8] = []
    ) throws(ProtocolViolation) -> [ChannelEffect] {
        let key = HTLC.Key(isOfferedByLocal: true, id: htlcID)
        // "if the id does not correspond to an HTLC in its current commitment transaction: MUST send a warning …".
        guard var htlc = commitments.htlcs[key], htlc.state == .sentAddAckRevocation else {
            throw .notCommitted(htlcID)
        }
        let attribution = attribution.count == ChannelLimits.attributionLength ? attribution : []
        var effects: [ChannelEffect] = []
        if case .fulfilled(let preimage) = resolution {
            guard preimage.paymentHash == htlc.paymentHash else {
                throw .wrongPreimage
            }
            effects.append(.fulfilled(id: htlcID, htlc.paymentHash, preimage, attribution: attribution, origin: htlc.origin))
        }
        htlc.resolution = resolution.bounded
        htlc.attribution = attribution
        htlc.state = .receivedRemoveHTLC
        commitments.htlcs[key] = htlc
        return effects
    }

    mutating func receiveFee(
        _ message: UpdateFee, _ environment: ChannelEnvironment
    ) throws(ProtocolViolation) -> [ChannelEffect] {
        // "The node not responsible for paying the Bitcoin fee: MUST NOT send update_fee".
        guard !parameters.isOpener else { throw .feeFromFundee }
        // "if the update_fee is too low for timely processing, OR is unreasonably large: MUST send a warning and close the connection,
        // or send an error and fail the channel". A force close would cost more than any fee rate: a warning.
        guard ChannelLimits.feeRates.contains(message.feeRate),
            message.feeRate
                >= min(highestFeeRate, ChannelLimits.feeFloor(environment.feeRate, hasAnchors: parameters.hasAnchors)),
            message.feeRate <= ChannelLimits.feeCeiling(environment.feeRate, hasAnchors: parameters.hasAnchors)
        else { throw .feeOutOfReach(message.feeRate) }
        guard commitments.feeUpdates.count < 100 else { throw .tooManyFeeUpdates }
        commitments.feeUpdates.append(.init(feeRate: message.feeRate, state: .receivedAddHTLC))
        let next = nextLocalCommitment()
        let untrimmed = untrimmedInNext(at: message.feeRate)
        // "if the dust balance … at the updated feerate_per_kw is greater than max_dust_htlc_exposure_msat: MAY fail".
        let dust = dust(at: message.feeRate)
        guard dust <= ChannelLimits.maxDustExposure else {
            commitments.feeUpdates.removeLast()
            throw .feeMakesDust(message.feeRate, dust)
        }
        guard next.toCounterparty >= openerCost(next.feeRate, untrimmed) else {
            commitments.feeUpdates.removeLast()
            throw .feeUnaffordable(message.feeRate)
        }
        guard isTolerable(message.feeRate, load(at: message.feeRate).untrimmed, environment.feeRate) else {
            commitments.feeUpdates.removeLast()
            throw .feeExcessive(message.feeRate)
        }
        return []
    }
}
