/// The kinds of records that a node keeps; each is a table of keys and versioned records.
public enum StoreTable: String, Sendable, CaseIterable {
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

    /// The key of a record that there is one of, in a table whose keys are names.
    public static func key(_ name: String) -> [UInt8] { Array(name.utf8) }

    /// Whether all of it is read when a node starts. What is not can be asked for.
    public var isLoadedAtStart: Bool { self != .revokedHTLCs }
}
