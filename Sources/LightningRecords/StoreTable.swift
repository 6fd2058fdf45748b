/// The kinds of records that a node keeps; each is a table of keys and versioned records.
package enum StoreTable: String, Sendable, CaseIterable {
    case meta
    case channels
    case htlcs
    case revokedHTLCs
    case coins
    case transactions
    case invoices
    case payments
    /// Forwards, by their incoming HTLC.
    case circuits
    /// Onions that were peeled, so that none is accepted twice.
    case onions
    /// The terms on which channels are forwarded into, where they are their own.
    case policies
    /// Checked gossip messages.
    case gossip
    /// What payments taught of the liquidity of channels.
    case estimates
    /// Money of ours in closes of channels that are not known.
    case recovered
    /// What peers asked us to keep for them (BOLT 1 "Peer storage").
    case peerStorage
    /// Payments and invoices that are over, by their payment hashes; and, for lists, when they began with their hashes.
    case paymentHistory
    case paymentOrder
    case invoiceHistory
    case invoiceOrder
    /// Channels that are over for good, by their ids; and, for lists, the heights of their closes with their ids.
    case channelHistory
    case channelOrder
    /// Forwards that are over, by when they began and their incoming HTLCs.
    case forwardHistory
    /// Watchtowers that keep kits for us; and the kits that they have not confirmed yet, by tower and number.
    case towers
    case towerQueue
    /// What we keep for others as a watchtower: what each client has, and their kits by hint; the breaches that are being punished.
    case towerClients
    case towerKits
    case towerCases
    /// The hints of kits, by client and number.
    case towerOrder
    /// What transactions in blocks did to the wallet, by height and id.
    case walletHistory
    /// The last forwards that earned nothing worth a record, numbered: they cost their senders nothing, so that only so many are kept.
    case cheapForwards
    /// What forwarding into each channel came to.
    case forwardTotals
    /// The last of what happened, by number.
    case log
    /// The same for programs: payments, forwards and channels by what names them.
    case events
    /// Streams of payments that this node sends, by number; and those that are over.
    case streams
    case streamHistory
    /// Streams of payments to this node, by what all payments of one have in common.
    case incomingStreams

    /// The key of a record that there is one of, in a table whose keys are names.
    package static func key(_ name: String) -> [UInt8] { Array(name.utf8) }

    /// Whether all of it is read when a node starts: what the node needs to act. What it does not need grows for ever, and is asked for by
    /// key or read by page.
    package var isLoadedAtStart: Bool {
        switch self {
        case .revokedHTLCs, .paymentHistory, .paymentOrder, .invoiceHistory, .invoiceOrder, .forwardHistory, .walletHistory, .towerQueue,
            .towerKits, .towerOrder, .channelHistory, .channelOrder, .log, .events, .streamHistory:
            false
        case .meta, .channels, .htlcs, .coins, .transactions, .invoices, .payments, .circuits, .onions, .policies, .gossip, .estimates,
            .recovered, .cheapForwards, .forwardTotals, .peerStorage, .towers, .towerClients,
            .towerCases, .streams, .incomingStreams:
            true
        }
    }
}
