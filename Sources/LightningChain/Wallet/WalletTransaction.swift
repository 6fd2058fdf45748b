public import BitcoinPrimitives
import CryptoPrimitives
package import LightningRecords
public import LightningWire

/// What a transaction did to the wallet.
public struct WalletTransaction: Hashable, Sendable {
    /// Which one.
    public var id: TransactionID
    /// The block that holds it; `nil` while none does.
    public var height: BlockHeight?
    /// When that block was made, as it says.
    public var time: Timestamp?
    /// What it pays to the wallet, change as well.
    public var received: Satoshi
    /// What it takes from the wallet's coins.
    public var spent: Satoshi
    /// What it pays to the miner; `nil` where not all that it spends is the wallet's.
    public var fee: Satoshi?
    /// What it is for; `nil` for what others sent.
    public var purpose: Publication.Purpose?

    package init(id: TransactionID, height: BlockHeight? = nil, received: Satoshi, spent: Satoshi, fee: Satoshi?) {
        self.id = id
        self.height = height
        self.received = received
        self.spent = spent
        self.fee = fee
    }
}

// Records on disk: one for each transaction in a block, by its height. Nothing of the node depends on them.
extension WalletTransaction {
    private static let version: UInt8 = 1

    /// Its place in the history: by height.
    package var position: HistoryPosition { HistoryPosition(order: UInt64((height ?? 0).uint32), id: id.bytes.array) }

    package func encoded() -> [UInt8] {
        ByteWriter.bytes {
            $0.uint8(Self.version)
            $0.write(id)
            $0.blockHeight(height ?? 0)
            $0.uint64(time?.seconds ?? 0)
            $0.satoshi(received)
            $0.satoshi(spent)
            $0.optional(fee) { $0.satoshi($1) }
            $0.optional(purpose) { writer, purpose in
                writer.uint8(purpose.number)
                writer.optional(purpose.channel) { $0.write($1) }
            }
        }
    }

    package init(record: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(record)
        guard try reader.uint8() == Self.version else { throw .invalid("version of a transaction's history") }
        id = TransactionID(try reader.bytes32())
        height = try reader.blockHeight()
        time = Timestamp(seconds: try reader.uint64())
        received = try reader.satoshi()
        spent = try reader.satoshi()
        fee = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) in try r.satoshi() }
        purpose = try reader.optional { (r: inout ByteReader) throws(DecodingFailure) -> Publication.Purpose in
            let number = try r.uint8()
            let channel = try r.optional { (r: inout ByteReader) throws(DecodingFailure) in try r.channelID() }
            guard let purpose = Publication.Purpose(number: number, channel) else { throw .invalid("purpose of a transaction") }
            return purpose
        }
        try reader.expectEnd()
    }
}

extension Publication.Purpose {
    fileprivate var number: UInt8 {
        switch self {
        case .payment: 0
        case .funding: 1
        case .mutualClose: 2
        case .commitment: 3
        case .claim: 4
        case .feeBump: 5
        case .penalty: 6
        case .recovery: 7
        case .watchtower: 8
        }
    }

    /// The channel that it is about.
    public var channel: ChannelID? {
        switch self {
        case .payment, .recovery, .watchtower: nil
        case .funding(let id), .mutualClose(let id), .commitment(let id), .claim(let id), .feeBump(let id), .penalty(let id): id
        }
    }

    fileprivate init?(number: UInt8, _ channel: ChannelID?) {
        switch (number, channel) {
        case (0, nil): self = .payment
        case (1, let id?): self = .funding(id)
        case (2, let id?): self = .mutualClose(id)
        case (3, let id?): self = .commitment(id)
        case (4, let id?): self = .claim(id)
        case (5, let id?): self = .feeBump(id)
        case (6, let id?): self = .penalty(id)
        case (7, nil): self = .recovery
        case (8, nil): self = .watchtower
        default: return nil
        }
    }
}

extension OnChainWallet {
    /// What a transaction does to the wallet, with its coins as they are; `nil` where it has nothing to do with it.
    func effect(of transaction: Transaction, _ id: TransactionID, height: BlockHeight? = nil) -> WalletTransaction? {
        var (received, spent, paid) = (Satoshi.zero, Satoshi.zero, Satoshi.zero)
        var isAllOurs = !transaction.isCoinbase
        var isOurs = false
        for input in transaction.inputs {
            // What others sent, and we have spent before a block held it, is ours as well.
            guard let output = coins[input.previousOutput]?.output ?? seen[input.previousOutput]?.output else {
                isAllOurs = false
                continue
            }
            isOurs = true
            spent = spent.saturatingAdding(output.amount)
        }
        for output in transaction.outputs where output.amount.isMoney {
            paid = paid.saturatingAdding(output.amount)
            guard owns(output.script) else { continue }
            isOurs = true
            received = received.saturatingAdding(output.amount)
        }
        guard isOurs else { return nil }
        return WalletTransaction(id: id, height: height, received: received, spent: spent, fee: isAllOurs ? spent.subtracting(paid) : nil)
    }

    /// The transactions that no block holds yet: our own, and what others have sent.
    package var unconfirmed: [WalletTransaction] {
        let own = pending.sorted { $0.key < $1.key }.compactMap { effect(of: $1, $0) }
        let others = seen.keys.map(\.transaction).filter { pending[$0] == nil }
        return own
            + Set(others).sorted().map { id in
                let amounts = seen.filter { $0.key.transaction == id && coins[$0.key] == nil }.map(\.value.output.amount)
                return WalletTransaction(id: id, received: amounts.reduce(.zero) { $0.saturatingAdding($1) }, spent: .zero, fee: nil)
            }.filter { $0.received > .zero }
    }

    /// The outputs that are the wallet's and that nothing spends: in blocks, and our own change.
    package var unspent: [WalletCoin] {
        coins.values.filter { $0.spentBy == nil }.sorted { ($0.height ?? .never, $0.outPoint) < ($1.height ?? .never, $1.outPoint) }
    }

    /// Whether a coin can be spent at this height.
    package func isSpendable(_ coin: WalletCoin, height: BlockHeight) -> Bool {
        coin.spentBy == nil && !reserved.contains(coin.outPoint) && isMature(coin, height: height)
            && (coin.height != nil || isOurs(coin.outPoint.transaction))
    }
}
