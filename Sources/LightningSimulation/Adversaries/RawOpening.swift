import BitcoinLedger
package import BitcoinPrimitives
package import CryptoPrimitives
package import LightningChannel
import LightningCore
package import LightningTransactions
package import LightningWire

/// What became of a channel that a raw peer wanted to open.
package struct RawOpening {
    /// The node's last word to it: `accept_channel`, `funding_signed` or an error.
    package var answer: LightningMessage?
    /// The raw peer's half of the channel, if the node signed.
    package var channel: PaymentChannel?

    /// The text of the node's refusal, if it refused.
    package var refusal: String? {
        switch answer {
        case .error(let error)?: error.text
        case .warning(let warning)?: warning.error.text
        default: nil
        }
    }
}

extension SimulatedWorld {
    /// Opens a channel to the node at the other end, and names any output at all as its funding. It costs the raw peer nothing.
    ///
    /// - Parameters:
    ///   - keys: the raw peer's of this channel.
    ///   - temporaryID: by which the channel is called until it is funded.
    ///   - funding: what `funding_created` names; `nil` sends none.
    ///   - change: what is changed in the `open_channel` before it is sent.
    package mutating func openFalsely(
        over connection: inout RawConnection, keys: ChannelKeys, temporaryID: Bytes32, amount: Satoshi = Satoshi(1_000_000),
        push: MilliSatoshi = .zero, funding: OutPoint?, change: (inout OpenChannel) -> Void = { _ in }
    ) throws(InvariantViolation) -> RawOpening {
        let policy = ChannelPolicy()
        var result = RawOpening()
        var opening: ChannelOpening
        var open: OpenChannel
        do throws(ChannelRefusal) {
            (opening, open) = try ChannelOpening.open(
                amount: amount, push: push, feeRate: .floor, announce: false, policy: policy, keys: keys,
                keyOrigin: ChannelKeyOrigin(index: 0, salt: nil),
                remoteNodeID: nodes[connection.node].nodeID, temporaryID: temporaryID, alias: ShortChannelID(1))
        } catch { throw violation("the raw peer cannot open a channel: \(error)") }
        let original = open
        change(&open)
        let isSpoiled = open != original
        _ = connection.takeInbox()
        try say(.openChannel(open), over: &connection)
        result.answer = connection.inbox.last { $0.isAboutOpening }
        guard let funding, case .acceptChannel(let accept)? = result.answer else { return result }
        do throws(ProtocolViolation) { _ = try opening.receive(accept, policy: policy) } catch {
            // What was changed is not what the raw half believes: its own judgement says nothing of the node.
            guard isSpoiled else { throw violation("a node accepts a channel against the rules: \(error)") }
            return result
        }
        _ = connection.takeInbox()
        try say(.fundingCreated(opening.fund(funding)), over: &connection)
        result.answer = connection.inbox.last { $0.isAboutOpening }
        guard case .fundingSigned(let signed)? = result.answer else { return result }
        let height = ledger.height
        do throws(ProtocolViolation) { result.channel = try opening.receive(signed, height: height) } catch {
            guard isSpoiled else { throw violation("a node signs against the rules: \(error)") }
        }
        return result
    }
}

extension LightningMessage {
    /// Whether it can be an answer to somebody who opens a channel.
    fileprivate var isAboutOpening: Bool {
        switch self {
        case .acceptChannel, .fundingSigned, .error, .warning: true
        default: false
        }
    }
}
