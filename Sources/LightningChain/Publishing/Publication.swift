public import BitcoinPrimitives
public import LightningWire

/// A transaction for layer 1, and what it is for.
public struct Publication: Hashable, Sendable {
    /// What a transaction is for.
    public enum Purpose: Hashable, Sendable {
        /// It pays somebody, or was replaced by what does.
        case payment
        /// It funds a channel of ours.
        case funding(ChannelID)
        /// Both sides have agreed to close the channel with it.
        case mutualClose(ChannelID)
        /// Our commitment: the channel is closed without its peer.
        case commitment(ChannelID)
        /// It takes what is ours out of a close.
        case claim(ChannelID)
        /// What pays for our commitment, which pays too little by itself.
        case feeBump(ChannelID)
        /// What a cheater's revoked commitment holds.
        case penalty(ChannelID)
        /// Money found in a close of a channel that is not known.
        case recovery
        /// What a breach of a client's channel holds, for the client: we are its watchtower.
        case watchtower
    }

    /// What layer 1 is given.
    public var transaction: Transaction
    /// What it is for.
    public var purpose: Purpose

    /// Unconfirmed transactions that it pays for: layer 1 judges them together.
    public var parents: [Transaction] = []

    /// A transaction, and what it is for.
    public init(_ transaction: Transaction, _ purpose: Purpose, parents: [Transaction] = []) {
        self.transaction = transaction
        self.purpose = purpose
        self.parents = parents
    }
}

extension Publication.Purpose: CustomStringConvertible {
    public var description: String {
        switch self {
        case .payment: "a payment on chain"
        case .funding(let id): "the funding transaction of channel \(id)"
        case .mutualClose(let id): "the closing transaction of channel \(id)"
        case .commitment(let id): "our commitment of channel \(id)"
        case .claim(let id): "a claim on channel \(id)"
        case .feeBump(let id): "what pays for our commitment of channel \(id)"
        case .penalty(let id): "a penalty on channel \(id)"
        case .recovery: "a claim on a channel that is not known any more"
        case .watchtower: "a penalty for a client of our watchtower"
        }
    }
}

/// What layer 1 says to a publication.
package enum PublicationOutcome: Hashable, Sendable {
    /// It is in the mempool, or in a block already.
    case accepted
    /// For Bitcoin Core's reason.
    case refused(String)
    /// A block that the node has seen holds it.
    case confirmed
}
