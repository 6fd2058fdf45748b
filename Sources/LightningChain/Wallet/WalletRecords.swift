package import BitcoinPrimitives
import CryptoPrimitives
package import LightningRecords

// Records on disk.
extension OnChainWallet {
    static let version: UInt8 = 1
    /// Version 2 has the height of the block that confirmed it, 0 for one that is pending.
    static let transactionVersion: UInt8 = 2
    /// Version 2 knows which keys were paid to.
    static let headVersion: UInt8 = 2

    private static func key(_ outPoint: OutPoint) -> [UInt8] {
        var writer = ByteWriter()
        outPoint.encode(to: &writer)
        return writer.bytes
    }

    /// What has to be stored of the changes since the last call.
    package mutating func drainWrites() -> [StoreWrite] {
        var writes: [StoreWrite] = []
        if isHeadChanged {
            var writer = ByteWriter()
            writer.uint8(Self.headVersion)
            for index in next + used { writer.uint32(index) }
            writes.append(.put(.meta, key: StoreTable.key("wallet"), record: writer.bytes))
        }
        // What is in memory now decides.
        for outPoint in changedCoins.union(removedCoins).sorted() {
            writes.append(.change(.coins, key: Self.key(outPoint), record: coins[outPoint].map(Self.encode)))
        }
        for id in changedTransactions.sorted() {
            let entry = pending[id].map { (transaction: $0, height: 0) } ?? confirmed[id]
            let record = entry.map { entry in
                ByteWriter.bytes {
                    $0.uint8(Self.transactionVersion)
                    $0.blockHeight(entry.height)
                    $0.write(entry.transaction.serialized())
                }
            }
            writes.append(.change(.transactions, key: id.bytes.array, record: record))
        }
        isHeadChanged = false
        changedCoins = []
        removedCoins = []
        changedTransactions = []
        return writes
    }

    private static func encode(_ coin: WalletCoin) -> [UInt8] {
        var writer = ByteWriter()
        writer.uint8(version)
        coin.outPoint.encode(to: &writer)
        coin.output.encode(to: &writer)
        writer.uint32(coin.path.chain)
        writer.uint32(coin.path.index)
        writer.uint8(
            (coin.height == nil ? 0 : 1) | (coin.isCoinbase ? 2 : 0) | (coin.spentBy == nil ? 0 : 4)
                | (coin.spentHeight == nil ? 0 : 8))
        writer.blockHeight(coin.height ?? 0)
        writer.write(coin.spentBy?.bytes ?? .zero)
        writer.blockHeight(coin.spentHeight ?? 0)
        return writer.bytes
    }

    private static func decode(_ record: [UInt8]) throws(DecodingFailure) -> WalletCoin {
        var reader = ByteReader(record)
        guard try reader.uint8() == version else { throw .invalid("version of a coin's record") }
        let outPoint = try OutPoint(from: &reader)
        let output = try TransactionOutput(from: &reader)
        let path = KeyPath(chain: try reader.uint32(), index: try reader.uint32())
        guard path.chain < 2, path.index < 1 << 31 else { throw .invalid("key path") }
        let flags = try reader.uint8()
        let height = try reader.blockHeight()
        let spentBy = TransactionID(try reader.bytes32())
        let spentHeight = try reader.blockHeight()
        try reader.expectEnd()
        guard output.amount.isMoney else { throw .invalid("amount of a coin") }
        return WalletCoin(
            outPoint: outPoint, output: output, path: path, height: flags & 1 == 0 ? nil : height,
            isCoinbase: flags & 2 != 0, spentBy: flags & 4 == 0 ? nil : spentBy,
            spentHeight: flags & 8 == 0 ? nil : spentHeight)
    }

    /// Rebuilds the wallet from its records.
    package init(
        keys: WalletKeys, lookAhead count: UInt32 = gapLimit, head: [UInt8]?, coins records: [[UInt8]], transactions: [[UInt8]]
    ) throws(DecodingFailure) {
        self.keys = keys
        lookAheadCount = max(count, Self.gapLimit)
        if let head {
            var reader = ByteReader(head)
            let version = try reader.uint8()
            guard (1...Self.headVersion).contains(version) else { throw .invalid("version of the wallet's record") }
            next = [try reader.uint32(), try reader.uint32()]
            // What was given out by the first version counts as paid to: its change keys were not used in order.
            used = version == 1 ? next : [try reader.uint32(), try reader.uint32()]
            try reader.expectEnd()
            // Addresses are given out by hand and change keys by transactions: no wallet comes near to this.
            guard next[0] <= 1 << 22, (next + used).allSatisfy({ $0 < 1 << 30 }), used[0] <= next[0], used[1] <= next[1] else {
                throw .invalid("address count")
            }
            isHeadChanged = false
        }
        lookAhead()
        for record in records {
            let coin = try Self.decode(record)
            coins[coin.outPoint] = coin
        }
        for record in transactions {
            var reader = ByteReader(record)
            let version = try reader.uint8()
            guard (1...Self.transactionVersion).contains(version) else { throw .invalid("version of a transaction's record") }
            let height = version == 1 ? 0 : try reader.blockHeight()
            let transaction = try Transaction(reader.rest())
            let id = transaction.id
            if height > 0 {
                confirmed[id] = (transaction, height)
            } else {
                pending[id] = transaction
                for input in transaction.inputs { spenders[input.previousOutput] = id }
            }
        }
    }

    /// Whether two wallets hold the same.
    package func hasSameState(as other: OnChainWallet) -> Bool {
        coins == other.coins && pending == other.pending && next == other.next && used == other.used
            && confirmed.mapValues(\.height) == other.confirmed.mapValues(\.height)
    }
}
