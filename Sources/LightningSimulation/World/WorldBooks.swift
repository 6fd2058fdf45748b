import BitcoinLedger
import BitcoinPrimitives
import LightningChannel
import LightningCore
import LightningEnforcement
import LightningPayment
import LightningTransactions
import LightningWire

// What nodes say of their payments, against what they have.
extension SimulatedWorld {
    /// What a node gained by payments, streams and forwards, in msat, as its books say; negative where it paid more than that.
    ///
    /// - Throws: where something is under way for ever: nothing may be, when no HTLC is.
    func earnings(of index: Int) throws(InvariantViolation) -> Int64 {
        guard let core = nodes[index].core else { return 0 }
        var sum = Int64(0)
        // What belongs to a stream is in its sums.
        for payment in nodes[index].payments.values where payment.stream == nil {
            switch payment.status {
            case .pending: throw violation("\(nodes[index].name): a payment is pending for ever")
            case .succeeded: sum -= Int64(payment.amount.value) + Int64(payment.fee.value)
            case .failed: break
            }
        }
        for stream in nodes[index].streams { sum -= Int64(stream.paid.value) + Int64(stream.fees.value) }
        for record in nodes[index].invoices.values {
            if case .paid(_, let amount) = record.status { sum += Int64(amount.value) }
            if case .settling(let amount) = record.status {
                let parts = record.htlcs.map { key in "\(key): \(Self.describe(core.channels[key.channel], key))" }
                throw violation("\(nodes[index].name): an invoice of \(amount) is settling for ever: \(parts)")
            }
        }
        for stream in core.incomingStreams.values { sum += Int64(stream.received.value) }
        guard core.circuits.pending.isEmpty else { throw violation("\(nodes[index].name): a forward is pending for ever") }
        return sum + Int64(core.circuits.totals.fees.value)
    }

    /// A node has what it had and what its books say, less what its closes cost, and what cheaters lost to it.
    ///
    /// - Parameters:
    ///   - before: what it had.
    ///   - earned: since then, in msat.
    ///   - otherCosts: in msat.
    func checkWealth(
        of index: Int, before: Satoshi, earned: Int64, otherCosts: Int64 = 0
    ) throws(InvariantViolation) {
        guard nodes[index].core != nil else { return }
        let channels = nodes[index].allChannels
        var expected = Int64(before.value) * 1000 + earned
        let got = Int64(wealth(of: index).value) * 1000
        for channel in channels { expected += Int64(Self.penalty(channel).value) }
        let costs = channels.reduce(otherCosts) { $0 + Self.cost($1) }
        guard got + costs >= expected else {
            let closes = channels.map { channel in
                "\(channel.close.map { "\($0.kind), fee \($0.fee.map(\.description) ?? "?"), claims \($0.claimFees.values.map(\.value)), \($0.outputs.map(\.status))" } ?? channel.stateName), child \(channel.commitmentBumpFee)"
            }
            throw violation(
                "\(nodes[index].name) should have \(expected) msat, less \(costs) for closes, and has \(got): \(closes)")
        }
    }

    /// What a cheater's other side has at least more than before: all that is in the channel and was neither its own nor in an HTLC to it. Without this what
    /// it gains could hide what it lost in another channel, or in this one.
    private static func penalty(_ channel: PaymentChannel) -> MilliSatoshi {
        guard let close = channel.close, close.kind == .revokedCommitment else { return .zero }
        let state = channel.commitments
        let mine = state.htlcs.values.reduce(state.toLocal) { $1.state.isOfferedByLocal ? $0 : $0 + $1.amount }
        return MilliSatoshi(channel.parameters.fundingAmount).saturatingSubtracting(mine)
    }

    /// What the end of a channel may have cost, in msat: what its close says, and a little that has no output. A lost HTLC is more than that.
    private static func cost(_ channel: PaymentChannel) -> Int64 {
        // What is less than a satoshi is nobody's on chain, and not counted in a channel.
        guard let close = channel.close else { return 1000 }
        // Anchors, a balance below the dust limit, parts of satoshi.
        var cost = Satoshi(2000) + channel.commitmentBumpFee
        if channel.parameters.isOpener || close.kind == .revokedCommitment, let fee = close.fee { cost += fee }
        for fee in close.claimFees.values { cost += fee }
        // What nobody claims is not worth its fee: at the most that is asked for in a history a claim costs less than this.
        for output in close.outputs where output.status == .abandoned { cost += min(output.output.amount, Satoshi(10_000)) }
        // Without anchors the second step of a cheater pays its fee from the HTLC: what is left of it is ours.
        for taken in close.outputs where taken.role == .penaltyHTLC {
            guard case .resolved(let step, _, false) = taken.status,
                let left = close.outputs.first(where: { $0.role == .penaltySecondLevel && $0.outPoint.transaction == step })
            else { continue }
            cost += taken.output.amount.subtracting(left.output.amount) ?? .zero
        }
        let trimmed = close.htlcs.reduce(MilliSatoshi.zero) { $1.place == .trimmed ? $0 + $1.amount : $0 }
        return Int64(cost.value) * 1000 + Int64(trimmed.value)
    }

    /// What a channel's close knows of an HTLC of its peer.
    private static func describe(_ channel: PaymentChannel?, _ id: HTLCID) -> String {
        guard let channel, let close = channel.close else { return "no close" }
        guard let htlc = close.htlcs.first(where: { $0.key.id == id.id && !$0.key.isOfferedByLocal }) else {
            return "\(close.kind), no such HTLC"
        }
        return "\(close.kind), \(htlc.place), decided \(htlc.isDecided), preimage \(htlc.preimage != nil)"
    }
}
