package import BitcoinPrimitives
import CryptoPrimitives
import LightningEnforcement
package import LightningTransactions
package import LightningWire

/// Where the negotiation of the closing fee stands; it starts anew at each connection.
struct ClosingNegotiation: Hashable, Sendable {
    var lastSentFee: Satoshi?
    var sentRange: ClosedRange<Satoshi>?
    var lastReceivedFee: Satoshi?
    /// Both sides have signed the same transaction: nothing more is said on this connection.
    var isAgreed = false
}

// BOLT 2 "Closing Negotiation": the legacy form, with fee ranges.
extension PaymentChannel {
    private var closingWeight: Int {
        ClosingTransaction.expectedWeight(ending.local ?? Script(), ending.remote ?? Script())
    }

    private var openerBalance: Satoshi {
        (parameters.isOpener ? commitments.toLocal : commitments.toRemote).roundedDown
    }

    func preferredFee(_ environment: ChannelEnvironment) -> Satoshi {
        min(max(phase.live.ending?.feeRate ?? environment.feeRate, .floor).feeRoundedUp(weight: closingWeight), openerBalance)
    }

    /// What the closing transaction would come to; `nil` for a channel that is not open.
    package func closeQuote(feeRate: FeeRate?, _ environment: ChannelEnvironment) -> (toLocal: Satoshi, fee: Satoshi, weight: Int)? {
        guard isOpen else { return nil }
        var channel = self
        let script = sweepScript ?? environment.sweepScript
        channel.ending.local = ending.local ?? ending.wanted ?? script
        // The peer's will be one of this length.
        channel.ending.remote = ending.remote ?? script
        if let feeRate { channel.ending.feeRate = feeRate }
        let fee = channel.preferredFee(environment)
        let ours = commitments.toLocal.roundedDown
        return (parameters.isOpener ? ours.subtracting(fee) ?? .zero : ours, fee, channel.closingWeight)
    }

    /// Never too much where we pay: 20 sat for each virtual byte, not more than some thousand satoshi.
    private static let usualClosingFeeRate = FeeRate(perKiloweight: 5000)

    /// The fees we accept: from the least that is relayed to three times our estimate, or what is usual; no upper end where
    /// the peer pays.
    private func acceptableFees(_ environment: ChannelEnvironment) -> ClosedRange<Satoshi> {
        // One satoshi for each virtual byte is what is relayed: not a fraction more, or two roundings would never agree.
        let low = min(Satoshi(UInt64(closingWeight / 4)), openerBalance)
        guard parameters.isOpener else { return low...openerBalance }
        // Estimates differ, most of all where blocks are empty: a force close over some hundred satoshi would cost more than them.
        let usual = Self.usualClosingFeeRate.feeRoundedUp(weight: closingWeight)
        let high = max(Satoshi(preferredFee(environment).value * 3), usual)
        return low...max(low, min(high, openerBalance))
    }

    mutating func proposeClosing(
        fee: Satoshi, _ environment: ChannelEnvironment, variant: ClosingTransaction? = nil
    ) -> [ChannelEffect] {
        let range = acceptableFees(environment)
        ending.negotiation.lastSentFee = fee
        ending.negotiation.sentRange = range
        return [.send(.closingSigned(closingSigned(fee: fee, range: range, environment, variant: variant)))]
    }

    /// Our signature for the closing transaction at a fee.
    package func closingSigned(
        fee: Satoshi, range: ClosedRange<Satoshi>, _ environment: ChannelEnvironment, variant: ClosingTransaction? = nil
    ) -> ClosingSigned {
        let closing = variant ?? closingTransaction(fee: fee, omitLocal: false, omitRemote: false)
        return ClosingSigned(channelID: id, fee: fee, signature: environment.keys.funding.sign(closing.signatureHash()), feeRange: range)
    }

    /// The closing transaction at a fee; each side's output is left out where it is dust.
    private func closingTransaction(fee: Satoshi, omitLocal: Bool, omitRemote: Bool) -> ClosingTransaction {
        var local = commitments.toLocal.roundedDown
        var remote = commitments.toRemote.roundedDown
        if parameters.isOpener { local = local.subtracting(fee) ?? .zero } else { remote = remote.subtracting(fee) ?? .zero }
        let localScript = ending.local ?? Script()
        let remoteScript = ending.remote ?? Script()
        let hasLocal = !omitLocal && local >= max(parameters.local.dustLimit, localScript.dustLimit)
        let hasRemote = !omitRemote && remote >= max(parameters.local.dustLimit, remoteScript.dustLimit)
        return ClosingTransaction(
            funding: parameters.funding, fundingAmount: parameters.fundingAmount,
            fundingScript: parameters.fundingScript,
            outputs: [
                hasLocal ? TransactionOutput(local, localScript) : nil,
                hasRemote ? TransactionOutput(remote, remoteScript) : nil,
            ])
    }

    /// The variant of the closing transaction that the peer signed.
    ///
    /// The peer may leave out its own output at will. Ours may be missing only where it is below the larger of both
    /// dust limits: anything else would take our money.
    private func variant(fee: Satoshi, signedBy signature: ECDSASignature) -> ClosingTransaction? {
        var ours = commitments.toLocal.roundedDown
        if parameters.isOpener { ours = ours.subtracting(fee) ?? .zero }
        let limit = max(
            parameters.local.dustLimit, parameters.remote.dustLimit, (ending.local ?? Script()).dustLimit)
        let choices = [(false, false), (false, true)] + (ours < limit ? [(true, false)] : [])
        for (omitLocal, omitRemote) in choices {
            let candidate = closingTransaction(fee: fee, omitLocal: omitLocal, omitRemote: omitRemote)
            if !candidate.transaction.outputs.isEmpty,
                signature.verify(candidate.signatureHash(), key: parameters.remote.keys.funding)
            {
                return candidate
            }
        }
        return nil
    }

    mutating func receiveClosingSigned(
        _ message: ClosingSigned, _ environment: ChannelEnvironment
    ) throws(ProtocolViolation) -> [ChannelEffect] {
        // "there are no commitments for which a revocation is owed": of an update_fee under way some peers do not wait for the end.
        // Balances are all that a closing transaction is made of, and only HTLCs move them.
        guard ending.local != nil, ending.remote != nil, commitments.htlcs.isEmpty else {
            throw .closingBeforeEmpty
        }
        guard !ending.negotiation.isAgreed else { return [] }
        guard message.fee <= openerBalance else { throw .closingFeeUnaffordable }
        guard let signature = message.signature.parsed, let closing = variant(fee: message.fee, signedBy: signature)
        else { throw .invalidSignature(.closingSigned) }
        let acceptable = acceptableFees(environment)
        let previous = ending.negotiation.lastReceivedFee
        ending.negotiation.lastReceivedFee = message.fee
        if message.fee == ending.negotiation.lastSentFee || ending.negotiation.sentRange?.contains(message.fee) == true
            || acceptable.contains(message.fee)
        {
            var effects: [ChannelEffect] = []
            if message.fee != ending.negotiation.lastSentFee {
                effects += proposeClosing(fee: message.fee, environment, variant: closing)
            }
            ending.negotiation.isAgreed = true
            return effects + publish(closing, signature, environment)
        }
        if let range = message.feeRange {
            guard range.overlaps(acceptable) else {
                // "SHOULD send a warning … MUST fail the channel if it doesn't receive a satisfying fee_range after a reasonable amount
                // of time".
                throw .closingFeesOutOfReach(range)
            }
            if parameters.isOpener {
                throw .closingFeeOutsideOfRanges
            }
            let fee = max(acceptable.lowerBound, range.lowerBound)
            guard ending.negotiation.lastSentFee == nil else { throw .closingFeeChanged }
            return proposeClosing(fee: fee, environment)
        }
        // The oldest form: halve the distance, strictly between the last two proposals.
        let mine = ending.negotiation.lastSentFee ?? preferredFee(environment)
        if let previous, let sent = ending.negotiation.lastSentFee {
            let bounds = min(previous, sent)...max(previous, sent)
            guard message.fee > bounds.lowerBound, message.fee < bounds.upperBound else {
                throw .closingFeeDiverges
            }
        }
        let middle = Satoshi((mine.value + message.fee.value) / 2)
        guard acceptable.contains(middle), middle != mine else {
            throw .noClosingAgreement(message.fee)
        }
        return proposeClosing(fee: middle, environment)
    }

    private mutating func publish(
        _ closing: ClosingTransaction, _ signature: ECDSASignature, _ environment: ChannelEnvironment
    ) -> [ChannelEffect] {
        let own = environment.keys.funding.sign(closing.signatureHash())
        let transaction = closing.signed([
            (parameters.local.keys.funding, own), (parameters.remote.keys.funding, signature),
        ])
        // One for each connection at most: a handful at the worst.
        if !mutualCloses.contains(transaction), mutualCloses.count < 8 { ending.mutualCloses.append(transaction) }
        isChanged = true
        return [.broadcast(transaction), .closing(.mutual)]
    }
}
