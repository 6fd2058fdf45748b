public import BitcoinPrimitives
import LightningChain
public import LightningEnforcement
import LightningInvoice
import LightningPayment
public import LightningWire

/// Something that happened to a node and is on disk, for whoever was away: committed with what it tells of, in one batch.
///
/// What a payment, an invoice or a channel is now is in its own record; an event has what names it, and the amounts of that moment.
public struct StoredEvent: Hashable, Sendable {
    /// What happened.
    public enum Kind: Hashable, Sendable {
        /// A payment is irrevocably ours: what came, in msat, and whether it came without an invoice. Not told of the payments of a stream, which
        /// its own record adds up, nor of keysends of less than 1 sat.
        ///
        /// Money at risk: whoever knows a preimage can send any amount as a keysend with the hash of an invoice that is over. What was asked for
        /// is paid where `isKeysend` is false.
        case paymentReceived(PaymentHash, MilliSatoshi, isKeysend: Bool)
        /// The payment of a hold invoice is complete, and waits: what came, in msat.
        case paymentHeld(PaymentHash, MilliSatoshi)
        /// The payee's preimage is known: what it got, and the fees, in msat.
        case paymentSucceeded(PaymentHash, MilliSatoshi, fee: MilliSatoshi)
        /// A payment ended without a preimage, and nothing of it is under way. Not told of probes.
        case paymentFailed(PaymentHash, MilliSatoshi)
        /// A payment of others went through this node and is settled: what came and what went on, in msat. Not told of those that earned less
        /// than 0.1 sat.
        case forwarded(from: ChannelID, to: ChannelID, incoming: MilliSatoshi, outgoing: MilliSatoshi)
        /// Payments can be sent over the channel.
        case channelUsable(ChannelID)
        /// The channel is in the public graph.
        case channelAnnounced(ChannelID, ShortChannelID)
        /// The channel is being closed.
        case channelClosing(ChannelID, CloseKind)
        /// All that was ours of the channel has been claimed, six blocks deep.
        case channelClosed(ChannelID)
        /// Channels that this database did not know came out of a backup.
        case channelsRestored([ChannelID])
        /// Layer 1 refuses a transaction of ours.
        case publicationRefused(TransactionID, String)
        /// Nothing more of a stream will be paid: its number, what has arrived, the fees, and in how many payments.
        case streamOver(UInt64, paid: MilliSatoshi, fees: MilliSatoshi, payments: UInt64)
        /// Money is at risk, or has been lost.
        case alert(String)
    }

    /// Counted from 1 on; no number is used twice. What `events(after:)` goes on from.
    public var number: UInt64
    /// When it happened.
    public var time: Timestamp
    /// The height of the chain then.
    public var height: BlockHeight
    /// What happened.
    public var kind: Kind
}

extension StoredEvent.Kind {
    /// Anybody can send us keysends of next to nothing: whoever fills the events with larger ones pays us 100,000 sat for it.
    private static let leastKeysend = MilliSatoshi(1000)

    /// What of an event is kept; `nil` for what matters only while it happens, for what others have in their records anyway, and for what a
    /// stranger can bring about for next to nothing: it would push out the rest.
    package init?(_ event: NodeEvent) {
        switch event {
        case .paymentReceived(let record, let amount):
            guard !record.isPartOfStream, !record.isSpontaneous || amount >= Self.leastKeysend else { return nil }
            self = .paymentReceived(record.invoice.paymentHash, amount, isKeysend: record.isSpontaneous)
        case .paymentHeld(let record, let amount): self = .paymentHeld(record.invoice.paymentHash, amount)
        case .paymentSucceeded(let payment): self = .paymentSucceeded(payment.paymentHash, payment.amount, fee: payment.fee)
        case .paymentFailed(let payment):
            // A probe pays nobody, and always fails.
            guard !payment.isProbe else { return nil }
            self = .paymentFailed(payment.paymentHash, payment.amount)
        case .forwarded(let circuit):
            guard case .settled = circuit.status, circuit.fee >= Circuits.recordFee else { return nil }
            self = .forwarded(
                from: circuit.incoming.key.channel, to: circuit.outgoing.channel, incoming: circuit.incoming.amount,
                outgoing: circuit.amount)
        case .channelUsable(let id): self = .channelUsable(id)
        case .channelAnnounced(let id, let name): self = .channelAnnounced(id, name)
        case .channelClosing(let id, let kind): self = .channelClosing(id, kind)
        case .channelClosed(let id): self = .channelClosed(id)
        case .channelsRestored(let ids): self = .channelsRestored(ids)
        case .publicationRefused(let publication, let why): self = .publicationRefused(publication.transaction.id, why)
        case .streamOver(let stream): self = .streamOver(stream.id, paid: stream.paid, fees: stream.fees, payments: stream.succeeded)
        case .alert(let text): self = .alert(text)
        case .channelOpening, .peerConnected, .peerDisconnected, .connectionReady, .connectionEnded, .connectionLost, .peerAddresses,
            .paymentUpdated, .paymentSettled, .streamPaid, .forwardRefused, .block, .note:
            return nil
        }
    }
}
