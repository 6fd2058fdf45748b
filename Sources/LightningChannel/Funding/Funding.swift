public import BitcoinPrimitives
public import LightningWire

/// A funding transaction of a channel, and what the chain says of it.
public struct Funding: Hashable, Sendable {
    /// What spends the inputs of a funding transaction in its place.
    public struct Conflict: Hashable, Sendable {
        /// What spent the inputs.
        public var transaction: TransactionID
        /// Of the block that holds it.
        public var height: BlockHeight
    }

    /// The funding output.
    public var outPoint: OutPoint
    /// The height of the block of the active chain that holds it.
    public internal(set) var height: BlockHeight?
    /// The channel's name by its place in the chain.
    public internal(set) var shortChannelID: ShortChannelID?
    /// Whether it is as deep in the chain as the channel waits for, as of the last block or connection.
    public internal(set) var isDeep = false
    /// Whether a block has ever held it.
    public internal(set) var wasConfirmed = false
    /// What it spends, as far as it is known: whoever spends it otherwise ends the channel. Kept until it is deep in the chain.
    public internal(set) var inputs: [OutPoint] = []
    /// A transaction in a block that spends one of `inputs`: this one cannot confirm as long as it is there.
    public internal(set) var conflict: Conflict?
    /// The opener's transaction, published again until it is confirmed.
    var transaction: Transaction?

    init(outPoint: OutPoint, transaction: Transaction?) {
        self.outPoint = outPoint
        self.transaction = transaction
        inputs = transaction?.inputs.map(\.previousOutput) ?? []
    }
}

/// The funding transactions of a channel: one. A splice will add another, which counts beside it until one of them is deep in the chain.
package struct FundingSet: Hashable, Sendable {
    package internal(set) var latest: Funding

    /// The outputs whose spending ends the channel, or makes its beginning impossible.
    var watchedOutPoints: [OutPoint] { [latest.outPoint] + (latest.height == nil ? latest.inputs : []) }

    /// Whether it is the output of one of them.
    func contains(_ outPoint: OutPoint) -> Bool { latest.outPoint == outPoint }
}
