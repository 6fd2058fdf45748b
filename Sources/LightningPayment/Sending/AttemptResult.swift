import LightningOnion
import LightningRouting

/// What an attempt that failed says of the network.
struct AttemptResult {
    /// Where the failure comes from, as far as it can be told.
    enum FailureSource {
        case nothing
        /// The channel of this hop has less than was to go through it.
        case liquidity(Int)
        /// The channel of this hop has other terms than those it was used on.
        case terms(Int)
        /// The channel of this hop is not to be used.
        case channel(Int)
        /// The node that this hop leads to is not to be used.
        case node(Int)
        /// Somebody on the way.
        case anybody
    }

    var failure: PaymentAttempt.Failure
    /// What the hops say of how long they held it.
    var reading = AttributionData.Reading()
    /// The hops whose channels are proven to have had the amount.
    var passed: Range<Int> = 0..<0
    var failureSource = FailureSource.nothing
    /// The `channel_update` that the failure brought, if any.
    var update: [UInt8] = []
    /// Whether trying again makes no sense.
    var isFatal = false

    /// - Parameter isWhole: whether the attempt brought the whole amount.
    init(_ attempt: PaymentAttempt, _ came: HTLCFailure, isWhole: Bool, _ blinded: PayableBlindedPath?) {
        // Of a blinded path, its introduction point alone speaks: for the payee only where there is nobody between them.
        let route = attempt.route
        let last = route.hops.count - (blinded?.payment.path.hops.count == 1 ? 2 : 1)
        switch came {
        case .notSent:
            failure = PaymentAttempt.Failure(hop: nil, message: [], text: "the first peer was disconnected before it was sent")
            failureSource = .channel(0)
        case .malformed(_, FailureMessage.invalidOnionBlindingCode) where blinded?.isEntered == true:
            failure = PaymentAttempt.Failure(
                hop: 0, message: [0xc0, 0x18], text: "it came back from somewhere on the payee's blinded path (invalid_onion_blinding)")
            failureSource = .liquidity(attempt.route.hops.count - 1)
        case .malformed(_, let code):
            failure = PaymentAttempt.Failure(
                hop: 0, message: withUnsafeBytes(of: code.bigEndian) { Array($0) },
                text: "the first peer could not read the onion (\(FailureMessage.unknown(code: code)))")
            failureSource = .node(0)
            isFatal = last == 0
        case .onChain:
            failure = PaymentAttempt.Failure(
                hop: nil, message: [],
                text: "our channel was closed before it was answered; what is too small for an output goes to the miner")
            failureSource = .channel(0)
        case .packet(let packet, let attribution):
            guard let (speaker, message) = FailurePacket.decrypt(packet, sharedSecrets: attempt.sharedSecrets) else {
                isFatal = last == 0
                reading = AttributionData.read(attribution, packet: packet, sharedSecrets: attempt.sharedSecrets)
                // "When the failure source cannot be identified from the return packet AND attribution_data is present: SHOULD
                // use attribution_data to identify the failure source": it is between the last hop that is proven and the next.
                if !attribution.isEmpty, let unproven = reading.firstUnproven.map({ min($0, last) }), unproven > 0 {
                    failure = PaymentAttempt.Failure(
                        hop: nil, message: [],
                        text: "a failure that cannot be read came back: hop \(unproven) or \(unproven + 1) spoiled it")
                    failureSource = .channel(unproven)
                    return
                }
                failure = PaymentAttempt.Failure(hop: nil, message: [], text: "a failure that cannot be read came back")
                failureSource = last == 0 ? .nothing : .anybody
                return
            }
            reading = AttributionData.read(attribution, packet: packet, sharedSecrets: attempt.sharedSecrets, last: speaker)
            // Whoever speaks from inside of a blinded path breaks its rules, or the introduction point does in its name.
            let hop = blinded == nil ? speaker : min(speaker, route.hops.count - 2)
            let who = hop == last ? "the payee" : "hop \(hop + 1)"
            update = message.update
            // Without the channel_update that it may bring: that is used for this payment, and not kept.
            failure = PaymentAttempt.Failure(hop: hop, message: Array(message.encoded().prefix(34)), text: "\(who) says \(message)")
            passed = 0..<hop + 1
            if hop == last {
                // "if the PERM bit is set: SHOULD fail the payment. otherwise … MAY retry".
                switch message {
                // Who has it all and waits for more will not be satisfied by more of the same.
                case .mppTimeout: isFatal = isWhole
                case .temporaryNodeFailure: break
                case .finalIncorrectCLTVExpiry, .finalIncorrectHTLCAmount: failureSource = last > 0 ? .node(last - 1) : .nothing
                default: isFatal = true
                }
                if last == 0, case .temporaryNodeFailure = message { isFatal = true }
            } else {
                failureSource = Self.failureSource(message, hop)
                // Of a path only as a whole can be said that it does not work.
                if blinded != nil, case .node(let index) = failureSource, index == last { failureSource = .channel(last) }
            }
        }
    }

    /// The source of a failure that a forwarding hop reports: its next channel, or itself.
    private static func failureSource(_ message: FailureMessage, _ hop: Int) -> FailureSource {
        switch message {
        case .temporaryChannelFailure: .liquidity(hop + 1)
        case _ where message.code & 0x2000 != 0: .node(hop)  // NODE
        case .amountBelowMinimum, .feeInsufficient, .incorrectCLTVExpiry: .terms(hop + 1)
        case .permanentChannelFailure, .requiredChannelFeatureMissing, .unknownNextPeer, .expiryTooSoon, .channelDisabled:
            .channel(hop + 1)
        // It says so for the node after it.
        case .invalidOnionVersion, .invalidOnionHMAC, .invalidOnionKey: .node(hop + 1)
        // Somewhere behind the introduction point: only that path is known to be of no use for so much.
        case .invalidOnionBlinding: .liquidity(hop + 1)
        default: .node(hop)
        }
    }
}
