import BitcoinPrimitives
public import CryptoPrimitives
import LightningChannel
public import LightningPayment
public import LightningWire

/// What an owner has a stream do.
public enum StreamAction: Hashable, Sendable {
    /// It waits; what is under way goes on.
    case pause
    /// It goes on.
    case resume
    /// It pays so much from now on.
    case change(StreamRate)
    /// It pays so much besides, at once: a boost, or what was delivered where that is paid for.
    case add(MilliSatoshi)
    /// It ends.
    case stop

    func event(_ id: UInt64, caller: RequestID) -> Streams.Event {
        switch self {
        case .pause: .pause(id, caller: caller)
        case .resume: .resume(id, caller: caller)
        case .change(let rate): .change(id, rate, caller: caller)
        case .add(let amount): .add(id, amount, caller: caller)
        case .stop: .stop(id, caller: caller)
        }
    }
}

/// What became of one payment of a stream.
public struct StreamReceipt: Hashable, Sendable {
    /// Which payment of which stream.
    public var part: StreamPart
    /// Whom it was for.
    public var recipient: NodeID
    /// What it got, or would have.
    public var amount: MilliSatoshi
    /// What forwarders took.
    public var fee: MilliSatoshi
    /// From its beginning until the proof came; `nil` where it failed.
    public var latency: Duration?
    /// Why it failed; `nil` where it did not.
    public var failure: String?
}

// Streams of payments: each payment is a keysend like any other, but for who waits for it.
extension NodeCore {
    /// The streams of this node that are not over.
    package var streams: [UInt64: PaymentStream] { payments.streams.all }

    /// Streams that are paid to this node.
    package var incomingStreams: [[UInt8]: IncomingStream] { payments.receiver.streams.all }

    /// What an HTLC of ours has to be to have an output in both sides' commitments, whichever channel it goes over.
    package var dustLimit: MilliSatoshi {
        var limit = MilliSatoshi(ChannelPolicy().dustLimit)
        channels.forEach { if $0.isOpen { limit = max(limit, $0.dustLimit) } }
        return limit
    }

    /// Has streams pay what is due.
    mutating func advanceStreams() {
        payments.streams.noteClock(now)
        while let next = payments.streams.nextTime, next <= now {
            batch.queue.append(.streams(.advance))
            drain()
        }
    }

    /// What a payment of a stream came to that found no way.
    mutating func outcome(of payment: OutgoingPayment, _ refusal: PaymentRefusal) -> Streams.Outcome {
        switch refusal {
        case .tooExpensive: return .tooSmall(refusal.description)
        case .noRoute:
            // Channels have a least amount as well: is there a way for more, whatever it costs? What it may cost is looked at when it is tried.
            guard payment.amount < Self.small else { return .failed(refusal.description) }
            var larger = payment
            larger.amount = Self.small
            larger.maxFee = MilliSatoshi(Satoshi(1000))
            let query = payments.sender.query(larger, senderContext)
            guard (try? payments.sender.findRoute(query, in: &network.gossip)) != nil else { return .failed(refusal.description) }
            return .tooSmall("there is a way for a larger payment, and none for \(payment.amount)")
        case .expired, .wrongNetwork, .alreadyPaid, .inProgress, .amountMissing, .wrongAmount, .ownInvoice, .tooLarge:
            return .failed(refusal.description)
        }
    }

    /// What a payment of a stream came to that came back.
    func outcome(of payment: OutgoingPayment, _ why: String) -> Streams.Outcome {
        guard case .failed(let failure)? = payment.attempts.last?.status, failure.message.count >= 2 else { return .failed(why) }
        // BOLT 4: fee_insufficient (UPDATE|12) and amount_below_minimum (UPDATE|11).
        let code = UInt16(failure.message[0]) << 8 | UInt16(failure.message[1])
        return code == 0x100c || code == 0x100b ? .tooSmall(why) : .failed(why)
    }

    /// Hardly a channel takes no such amount.
    private static let small = MilliSatoshi(Satoshi(100))

    /// Tells the streams which of their payments are under way.
    mutating func resumeStreams() {
        let parts = outgoingPayments.values.filter { $0.status == .pending }.compactMap(\.stream)
        batch.queue.append(.streams(.started(underWay: Set(parts))))
    }

    mutating func dispatch(_ effect: Streams.Effect) {
        switch effect {
        case .pay(let part, let recipient, let due, let records):
            let preimage = PaymentPreimage(entropy.bytes32())
            var payment = OutgoingPayment(
                paymentHash: preimage.paymentHash, payee: recipient.node, amount: due.amount, maxFee: due.maxFee,
                createdAt: now.wholeSecond, deadline: now + Self.streamTimeout, maxParts: 1, invoice: "",
                finalCLTVDelta: Receiver.minFinalCLTVExpiryDelta)
            payment.keysendPreimage = preimage
            payment.customRecords = records
            payment.stream = part
            begin(payment, Self.ownRequest)
        case .answered(let caller, let result):
            batch.effects.answers.append(
                (caller, result.map { .stream($0) }.mapError { .stream($0) }))
        case .paid(let stream, let payment, let outcome):
            var receipt = StreamReceipt(
                part: StreamPart(stream: stream.id, number: payment.number), recipient: stream.terms.recipients[payment.recipient].node,
                amount: payment.amount, fee: .zero)
            switch outcome {
            case .succeeded(let fee, let latency): (receipt.fee, receipt.latency) = (fee, latency)
            case .tooSmall(let why), .failed(let why): receipt.failure = why
            }
            batch.effects.events.append(.streamPaid(receipt))
        case .over(let stream): batch.effects.events.append(.streamOver(stream))
        }
    }

    /// After it a payment of a stream is not tried anew: the next one is due by then.
    package static let streamTimeout = Duration.seconds(20)
}
