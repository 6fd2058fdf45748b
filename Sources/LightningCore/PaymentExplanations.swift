import LightningChannel
import LightningPayment
import LightningRouting
import LightningWire

// Why a payment finds no way, in words that say what would help.
extension NodeCore {
    /// Our channels that payments of ours could leave by, if all were well.
    private func candidates(_ payment: OutgoingPayment) -> [PaymentChannel] {
        channels.values.filter { channel in
            channel.phase == .normal && !channel.isShuttingDown && (payment.firstChannel == nil || payment.firstChannel == channel.id)
        }
    }

    /// Whether nothing but a free HTLC slot is missing: that comes by itself.
    func waitsForSlot(_ payment: OutgoingPayment, _ refusal: RouteRefusal) -> Bool {
        guard now < payment.deadline else { return false }
        switch refusal {
        case .tooLittleSpendable, .noCapacity, .noLocalChannel: break
        default: return false
        }
        let excluded = knowledge[payment.paymentHash]?.channels ?? []
        let full = candidates(payment).filter { channel in
            let directed = DirectedChannel(channel.displayID, from: NodeKey(nodeID), to: NodeKey(channel.parameters.remoteNodeID))
            return channel.isUsable && !channel.hasFreeSlot && !excluded.contains(directed)
        }
        return full.contains { $0.spendable >= min(payment.remaining, MilliSatoshi(1000)) }
    }

    /// Why there is no way for what is left of a payment.
    mutating func explain(_ refusal: RouteRefusal, _ payment: OutgoingPayment) -> String {
        let candidates = candidates(payment)
        let usable = candidates.filter(\.isUsable)
        if usable.isEmpty, refusal != .toSelf { return whyNoChannel(candidates) }
        switch refusal {
        case .tooLittleSpendable, .noCapacity:
            if !usable.contains(where: \.hasFreeSlot) {
                return "all HTLC slots of our channels are taken: as many payments are under way as the peers accept at once"
            }
            let sum = usable.reduce(MilliSatoshi.zero) { $0 + ($1.hasFreeSlot ? $1.spendable : .zero) }
            if sum < payment.remaining {
                let away = candidates.count(where: { $0.connection != .established })
                let others = away == 0 ? "" : "; \(away == 1 ? "the peer of one more is" : "the peers of \(away) more are") away"
                return "our channels can send \(sum) now, all together and before fees\(others). Send less, or open a channel"
            }
            return largest(payment)
        default: return refusal.description
        }
    }

    /// How much would get there.
    private mutating func largest(_ payment: OutgoingPayment) -> String {
        var whole = query(payment)
        whole.maxDoubt = .max
        let parts = max(1, payment.maxParts - payment.pendingAttempts.count)
        let fee = payment.remainingFee
        let most = gossip.largestAmount(whole, maxParts: parts, maxFee: { _ in fee }, &finder, &estimates)
        if most == .zero { return "no way to the payee has room for so much, as far as we know, nor for a part of it" }
        let inOne = payment.maxParts == 1 ? ", in the one part that is possible here" : ", fees and all parts counted"
        return "at most about \(most) can get there now, as far as we know\(inOne). Send less"
    }

    private func whyNoChannel(_ candidates: [PaymentChannel]) -> String {
        if !candidates.isEmpty {
            return candidates.count == 1
                ? "the peer of our channel is away: wait for it (lnw listpeers)"
                : "the peers of our \(candidates.count) channels are away: wait for one (lnw listpeers)"
        }
        if channels.values.contains(where: { $0.phase == .funding }) {
            return "our channel is not open yet: its funding transaction needs more blocks (lnw listchannels)"
        }
        return "there is no channel to pay with: open one (lnw openchannel)"
    }
}
