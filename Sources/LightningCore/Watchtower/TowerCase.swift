import BitcoinPrimitives
import LightningEnforcement

/// A revoked commitment in the chain that is being punished for a client, or is looked for among the kits.
struct TowerCase: Hashable, Sendable {
    var commitment: TransactionID
    var height: BlockHeight
    /// Itself, for kits that come late; older records have it no more once kits were found.
    var transaction: Transaction?
    /// Whether the store has been asked for kits. Without any it may be anybody's honest close, or a client's whose kit is still on its way.
    var isLookedUp = false
    var kits: [PenaltyKit] = []
    /// The fee rate that was used last, of `PenaltyKit.feeRates`, and since which block.
    var level = 0
    var since: BlockHeight
    /// Outputs that were spent, by us or not, with the height.
    var spent: [UInt32: BlockHeight] = [:]
    /// Whether layer 1 has refused a claim of several HTLCs: then each goes by itself.
    var isSplit = false

    init(_ commitment: TransactionID, _ transaction: Transaction, height: BlockHeight) {
        self.commitment = commitment
        self.transaction = transaction
        self.height = height
        since = height
    }

    /// The outputs that are still to be taken.
    var open: Set<UInt32> { Set(kits.flatMap { $0.outputs.map(\.index) }).subtracting(spent.keys) }

    func encoded() -> [UInt8] {
        ByteWriter.bytes {
            $0.uint8(1)
            $0.write(commitment)
            $0.blockHeight(height)
            $0.optional(transaction) { $0.variableBytes($1.serialized()) }
            $0.compactSize(kits.count)
            for kit in kits { $0.variableBytes(kit.encoded()) }
            $0.uint8(UInt8(level))
            $0.blockHeight(since)
            $0.compactSize(spent.count)
            for (index, height) in spent.sorted(by: { $0.key < $1.key }) {
                $0.uint32(index)
                $0.blockHeight(height)
            }
            $0.uint8(isSplit ? 1 : 0)
            $0.uint8(isLookedUp ? 1 : 0)
        }
    }

    init(record: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(record)
        guard try reader.uint8() == 1 else { throw .invalid("version of a watchtower's case") }
        commitment = TransactionID(try reader.bytes32())
        height = try reader.blockHeight()
        transaction = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in try Transaction(try r.variableBytes()) }
        for _ in 0..<(try reader.count()) { kits.append(try PenaltyKit(record: try reader.variableBytes())) }
        level = Int(try reader.uint8())
        since = try reader.blockHeight()
        for _ in 0..<(try reader.count(minimum: 8)) { spent[try reader.uint32()] = try reader.blockHeight() }
        isSplit = try reader.uint8() == 1
        isLookedUp = reader.isAtEnd ? transaction == nil : try reader.uint8() == 1
        try reader.expectEnd()
        guard PenaltyKit.feeRates.indices.contains(level) else { throw .invalid("fee rate of a watchtower's case") }
    }
}
