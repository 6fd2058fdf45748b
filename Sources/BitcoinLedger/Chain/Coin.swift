package import BitcoinPrimitives

/// An unspent output.
package struct Coin: Hashable, Sendable {
    package var output: TransactionOutput
    /// The block that created it.
    package var height: BlockHeight
    package var isCoinbase: Bool

    package init(_ output: TransactionOutput, height: BlockHeight, isCoinbase: Bool) {
        self.output = output
        self.height = height
        self.isCoinbase = isCoinbase
    }

    /// As a storage keeps it: the height with the coinbase's mark below, and the output.
    package func encode(to writer: inout ByteWriter) {
        writer.littleEndian32(height.uint32 << 1 | (isCoinbase ? 1 : 0))
        output.encode(to: &writer)
    }

    package init(from reader: inout ByteReader) throws(DecodingFailure) {
        let mark = try reader.littleEndian32()
        output = try TransactionOutput(from: &reader)
        height = BlockHeight(mark >> 1)
        isCoinbase = mark & 1 == 1
    }
}

/// The unspent outputs: what changed since the last commit, a cache, and a storage behind them.
struct CoinView: Sendable {
    private struct Slot {
        /// `nil` for an output that is gone but may still be in the storage.
        var coin: Coin?
        var isDirty: Bool
    }

    private var slots: [OutPoint: Slot] = [:]
    /// Changed since the last commit; an outpoint may be here twice.
    private var dirty: [OutPoint] = []
    private let storage: (any LedgerStorage)?
    /// How many clean coins stay in memory.
    private static let capacity = 1_000_000

    init(storage: (any LedgerStorage)?) { self.storage = storage }

    subscript(outPoint: OutPoint) -> Coin? {
        if let slot = slots[outPoint] { return slot.coin }
        return storage?.coin(outPoint)
    }

    mutating func add(_ coin: Coin, at outPoint: OutPoint) {
        slots[outPoint] = Slot(coin: coin, isDirty: storage != nil)
        if storage != nil { dirty.append(outPoint) }
    }

    /// Takes a coin away; `nil` where there is none.
    mutating func remove(_ outPoint: OutPoint) -> Coin? {
        guard let storage else { return slots.removeValue(forKey: outPoint)?.coin }
        guard let coin = slots[outPoint].map({ $0.coin }) ?? storage.coin(outPoint) else { return nil }
        slots[outPoint] = Slot(coin: nil, isDirty: true)
        dirty.append(outPoint)
        return coin
    }

    /// What a storage has to take over; it is regarded as stored from here on.
    mutating func takeChanges() -> [(outPoint: OutPoint, coin: Coin?)] {
        guard storage != nil else { return [] }
        var changes: [(outPoint: OutPoint, coin: Coin?)] = []
        for outPoint in dirty {
            guard let slot = slots[outPoint], slot.isDirty else { continue }
            changes.append((outPoint, slot.coin))
            if slot.coin == nil { slots[outPoint] = nil } else { slots[outPoint]?.isDirty = false }
        }
        dirty = []
        if slots.count > Self.capacity { slots = [:] }
        return changes
    }

    func forEach(_ visit: (OutPoint, Coin) -> Void) {
        storage?.forEachCoin { outPoint, coin in
            if slots[outPoint] == nil { visit(outPoint, coin) }
        }
        for (outPoint, slot) in slots { if let coin = slot.coin { visit(outPoint, coin) } }
    }
}
