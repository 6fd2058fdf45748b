package import LightningRouting
package import LightningWire

/// Why a payment finds no way.
enum NoRouteReason {
    case text(String)
    /// So much is too much: how much would get there has to be looked for.
    case tooMuch
}

// Why a payment finds no way, in words that say what would help.
extension Sender {
    /// Our channels that payments of ours could leave by, if all were well.
    private func candidates(_ payment: OutgoingPayment, _ channels: [SendingChannel]) -> [SendingChannel] {
        channels.filter { $0.isOpen && (payment.firstChannel == nil || payment.firstChannel == $0.id) }
    }

    /// Whether nothing but a free HTLC slot is missing: that comes by itself.
    func waitsForSlot(
        _ payment: OutgoingPayment, _ refusal: RouteRefusal, _ channels: [SendingChannel], _ context: borrowing Context
    ) -> Bool {
        guard context.now < payment.deadline else { return false }
        switch refusal {
        case .tooLittleSpendable, .noCapacity, .noLocalChannel: break
        default: return false
        }
        let excluded = knowledge[payment.paymentHash]?.channels ?? []
        let nodeID = context.identity.nodeID
        let full = candidates(payment, channels).filter { channel in
            let directed = DirectedChannel(channel.shortChannelID, from: NodeKey(nodeID), to: NodeKey(channel.peer))
            return channel.isUsable && !channel.hasFreeSlot && !excluded.contains(directed)
        }
        return full.contains { $0.spendable >= min(payment.remaining, MilliSatoshi(1000)) }
    }

    /// Why there is no way for what is left of a payment.
    func explain(_ refusal: RouteRefusal, _ payment: OutgoingPayment, _ channels: [SendingChannel]) -> NoRouteReason {
        let candidates = candidates(payment, channels)
        let usable = candidates.filter(\.isUsable)
        if usable.isEmpty, refusal != .toSelf { return .text(whyNoChannel(candidates, channels)) }
        switch refusal {
        case .tooLittleSpendable, .noCapacity:
            if !usable.contains(where: \.hasFreeSlot) {
                return .text("all HTLC slots of our channels are taken: as many payments are under way as the peers accept at once")
            }
            let sum = usable.reduce(MilliSatoshi.zero) { $0 + ($1.hasFreeSlot ? $1.spendable : .zero) }
            if sum < payment.remaining {
                let away = candidates.count(where: \.isAway)
                let others = away == 0 ? "" : "; \(away == 1 ? "the peer of one more is" : "the peers of \(away) more are") away"
                return .text("our channels can send \(sum) now, all together and before fees\(others). Send less, or open a channel")
            }
            return .tooMuch
        default: return .text(refusal.description)
        }
    }

    /// What has to be looked for to explain why there is no way; `nil` where it can be told at once.
    package func largestQuery(for refusal: RouteRefusal, _ payment: OutgoingPayment, _ context: borrowing Context) -> RouteQuery? {
        guard case .tooMuch = explain(refusal, payment, context.channels()) else { return nil }
        var whole = query(payment, context)
        whole.maxUncertainty = .max
        return whole
    }

    /// Why there is no way, as far as it can be told at once.
    package func reason(for refusal: RouteRefusal, _ payment: OutgoingPayment, _ context: borrowing Context) -> String {
        if case .text(let why) = explain(refusal, payment, context.channels()) { return why }
        return refusal.description
    }

    /// How much would get there, in words.
    package func explain(largest most: MilliSatoshi, _ payment: OutgoingPayment) -> String {
        if most == .zero { return "no way to the payee has room for so much, as far as we know, nor for a part of it" }
        let inOne = payment.maxParts == 1 ? ", in the one part that is possible here" : ", fees and all parts counted"
        return "at most about \(most) can get there now, as far as we know\(inOne). Send less"
    }

    private func whyNoChannel(_ candidates: [SendingChannel], _ channels: [SendingChannel]) -> String {
        if !candidates.isEmpty {
            return candidates.count == 1
                ? "the peer of our channel is away: wait for it (lnw listpeers)"
                : "the peers of our \(candidates.count) channels are away: wait for one (lnw listpeers)"
        }
        if channels.contains(where: \.isOpening) {
            return "our channel is not open yet: its funding transaction needs more blocks (lnw listchannels)"
        }
        return "there is no channel to pay with: open one (lnw openchannel)"
    }
}
