public import BitcoinPrimitives

/// Where a ledger finds what it has handed over to a disk and no longer holds.
///
/// Reading only: what is to be written comes out of the ledger as `LedgerChanges`. A storage that cannot read says
/// so to its owner, who then throws the ledger away; here a failed read looks like something that is not there.
public protocol LedgerStorage: AnyObject, Sendable {
    func body(_ hash: BlockHash) -> Block?
    /// What the block spent, as `BlockUndo` encodes it.
    func undo(_ hash: BlockHash) -> [UInt8]?
    func coin(_ outPoint: OutPoint) -> Coin?
    func location(_ id: TransactionID) -> TransactionLocation?
    /// Visits every unspent output in the order of outpoints' bytes.
    func forEachCoin(_ visit: (OutPoint, Coin) -> Void)
}

/// Where a transaction of the active chain was mined.
public struct TransactionLocation: Hashable, Sendable {
    public var block: BlockHash
    /// Its place in the block; the coinbase has 0.
    public var position: Int

    public init(block: BlockHash, position: Int) {
        self.block = block
        self.position = position
    }
}

/// A header as a storage keeps it, in the order in which the blocks came.
public struct StoredHeader: Hashable, Sendable {
    public var header: BlockHeader
    public var height: Int
    public var transactionCount: Int
    public var isInvalid: Bool

    public init(header: BlockHeader, height: Int, transactionCount: Int, isInvalid: Bool) {
        self.header = header
        self.height = height
        self.transactionCount = transactionCount
        self.isInvalid = isInvalid
    }
}

/// What a ledger wants on disk, all of it in one commit, before anyone hears of the blocks that caused it.
public struct LedgerChanges: Sendable {
    public var blocks: [(hash: BlockHash, header: StoredHeader, body: Block)] = []
    /// Blocks whose validity is now judged differently.
    public var validity: [(hash: BlockHash, isInvalid: Bool)] = []
    public var undo: [(hash: BlockHash, bytes: [UInt8])] = []
    /// New unspent outputs, and `nil` for those that are gone.
    public var coins: [(outPoint: OutPoint, coin: Coin?)] = []
    public var locations: [(id: TransactionID, location: TransactionLocation?)] = []
    public var tip: BlockHash

    public var isEmpty: Bool {
        blocks.isEmpty && validity.isEmpty && undo.isEmpty && coins.isEmpty && locations.isEmpty
    }
}

/// Why a stored chain cannot be used.
public struct LedgerDamage: Error, Hashable, Sendable, CustomStringConvertible {
    public var description: String
    init(_ description: String) { self.description = description }
}

/// The record of what a block spent, in the order of its inputs.
public enum BlockUndo {
    static let version: UInt8 = 1

    public static func encode(_ coins: [Coin]) -> [UInt8] {
        var writer = ByteWriter(capacity: 1 + coins.count * 40)
        writer.uint8(version)
        writer.compactSize(coins.count)
        for coin in coins { coin.encode(to: &writer) }
        return writer.bytes
    }

    public static func decode(_ bytes: [UInt8]) throws(DecodingFailure) -> [Coin] {
        var reader = ByteReader(bytes)
        guard try reader.uint8() == version else { throw .invalid("undo version") }
        var coins: [Coin] = []
        for _ in 0..<(try reader.count(minimum: 13)) { coins.append(try Coin(from: &reader)) }
        try reader.expectEnd()
        return coins
    }
}
