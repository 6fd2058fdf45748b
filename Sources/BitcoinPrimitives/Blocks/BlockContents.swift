/// A block as whoever follows the chain is told of it: its header, and of its transactions all, or those that were asked for.
public struct BlockContents: Hashable, Sendable {
    /// What somebody wants to hear of out of blocks, for a layer 1 that shows only what it is asked for.
    public struct Interests: Hashable, Sendable {
        /// Scripts: transactions that pay to one, or spend what was paid to one.
        public var scripts: Set<Script>
        /// Outputs whose spending matters; and of what spends one, what becomes of its outputs that pay to a witness script hash.
        public var outPoints: Set<OutPoint>

        /// Nothing, unless more is said.
        public init(scripts: Set<Script> = [], outPoints: Set<OutPoint> = []) {
            self.scripts = scripts
            self.outPoints = outPoints
        }
    }

    /// A transaction, and its place in the block: 0 is the coinbase's.
    public struct Entry: Hashable, Sendable {
        /// Its place among all transactions of the block.
        public var position: Int
        /// The transaction itself.
        public var transaction: Transaction

        /// A transaction at a place.
        public init(position: Int, _ transaction: Transaction) {
            self.position = position
            self.transaction = transaction
        }
    }

    /// The block's header.
    public var header: BlockHeader
    /// In the order in which they stand in the block.
    public var entries: [Entry]

    /// A block's header with some of its transactions; nothing is checked.
    public init(header: BlockHeader, entries: [Entry]) {
        self.header = header
        self.entries = entries
    }

    /// A whole block.
    public init(_ block: Block) {
        header = block.header
        entries = block.transactions.enumerated().map { Entry(position: $0.offset, $0.element) }
    }

    /// The hash of the header.
    public var hash: BlockHash { header.hash }
    /// The transactions without their places.
    package var transactions: [Transaction] { entries.map(\.transaction) }
}
