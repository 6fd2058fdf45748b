package import BitcoinPrimitives

/// Where a ledger finds what it has handed over to a disk and no longer holds.
///
/// Reading only: what is to be written comes out of the ledger as `LedgerChanges`. A storage that cannot read says
/// so to its owner, who then throws the ledger away; here a failed read looks like something that is not there.
package protocol LedgerStorage: AnyObject, Sendable {
    func body(_ hash: BlockHash) -> Block?
    /// What the block spent, as `BlockUndo` encodes it.
    func undo(_ hash: BlockHash) -> [UInt8]?
    func coin(_ outPoint: OutPoint) -> Coin?
    func location(_ id: TransactionID) -> TransactionLocation?
    /// Visits every unspent output in the order of outpoints' bytes.
    func forEachCoin(_ visit: (OutPoint, Coin) -> Void)
}

/// Where a transaction of the active chain was mined.
package struct TransactionLocation: Hashable, Sendable {
    package var block: BlockHash
    /// Its place in the block; the coinbase has 0.
    package var position: Int

    package init(block: BlockHash, position: Int) {
        self.block = block
        self.position = position
    }
}

/// A header as a storage keeps it, in the order in which the blocks came.
package struct StoredHeader: Hashable, Sendable {
    package var header: BlockHeader
    package var height: BlockHeight
    package var transactionCount: Int
    package var isInvalid: Bool

    package init(header: BlockHeader, height: BlockHeight, transactionCount: Int, isInvalid: Bool) {
        self.header = header
        self.height = height
        self.transactionCount = transactionCount
        self.isInvalid = isInvalid
    }
}

/// What a ledger wants on disk, all of it in one commit, before anyone hears of the blocks that caused it.
package struct LedgerChanges: Sendable {
    package var blocks: [(hash: BlockHash, header: StoredHeader, body: Block)] = []
    /// Blocks whose validity is now judged differently.
    package var validity: [(hash: BlockHash, isInvalid: Bool)] = []
    package var undo: [(hash: BlockHash, bytes: [UInt8])] = []
    /// New unspent outputs, and `nil` for those that are gone.
    package var coins: [(outPoint: OutPoint, coin: Coin?)] = []
    package var locations: [(id: TransactionID, location: TransactionLocation?)] = []
    package var tip: BlockHash

    package var isEmpty: Bool {
        blocks.isEmpty && validity.isEmpty && undo.isEmpty && coins.isEmpty && locations.isEmpty
    }
}

/// Why a stored chain cannot be used.
package struct LedgerDamage: Error, Hashable, Sendable, CustomStringConvertible {
    package var description: String
    init(_ description: String) { self.description = description }
}

/// The record of what a block spent, in the order of its inputs.
package enum BlockUndo {
    static let version: UInt8 = 1

    package static func encode(_ coins: [Coin]) -> [UInt8] {
        var writer = ByteWriter(capacity: 1 + coins.count * 40)
        writer.uint8(version)
        writer.compactSize(coins.count)
        for coin in coins { coin.encode(to: &writer) }
        return writer.bytes
    }

    package static func decode(_ bytes: [UInt8]) throws(DecodingFailure) -> [Coin] {
        var reader = ByteReader(bytes)
        guard try reader.uint8() == version else { throw .invalid("undo version") }
        var coins: [Coin] = []
        for _ in 0..<(try reader.count(minimum: 13)) { coins.append(try Coin(from: &reader)) }
        try reader.expectEnd()
        return coins
    }
}
