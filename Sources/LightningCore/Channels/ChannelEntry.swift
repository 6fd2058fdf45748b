import BitcoinPrimitives
import LightningChannel
import LightningPayment
import LightningRouting
import LightningTransactions
import LightningWire

/// Everything that belongs to one channel, in one place: whoever forgets the channel forgets all of it.
struct ChannelEntry {
    var channel: PaymentChannel
    let keys: ChannelKeys
    /// On which terms we forward into the channel, where they are its own.
    var terms: ForwardingTerms? { didSet { areTermsChanged = true } }
    var areTermsChanged = false
    var announcement = ChannelAnnouncementState()
    /// Since when its peer owes us a `revoke_and_ack`, with the commitment that it is for.
    var owedRevocation: (since: Timestamp, commitment: UInt64)?
    /// Where its peer called from when it opened the channel, until the channel is funded.
    var origin: AddressGroup?
    /// How long a close has been negotiated, over all connections, and since when over this one.
    var closingTalk: (spent: Duration, since: Timestamp?)?

    init(_ channel: PaymentChannel, keys: ChannelKeys, terms: ForwardingTerms? = nil, origin: AddressGroup? = nil) {
        self.channel = channel
        self.keys = keys
        self.terms = terms
        self.origin = origin
    }
}

/// What a channel has told others of itself, and has heard from its peer (BOLT 7). A restart forgets it.
struct ChannelAnnouncementState {
    /// What the peer asks for when it forwards to us, for our invoices.
    var remoteUpdate: ChannelUpdate?
    /// The last `channel_update` of ours: what has not changed is not signed again.
    var lastUpdate: ChannelUpdate?
    /// How far the channel has come on its way into the public graph.
    var exchange: AnnouncementExchange?
    /// Since when a public channel cannot be used.
    var offlineSince: Timestamp?
}
