import BitcoinPrimitives
package import LightningChain
import LightningChannel
import LightningRecords
import LightningTransactions
import LightningWire

// The wallet's transactions: what they were for, and what is done about those that wait too long.
extension NodeCore {
    /// Keeps what a block's transactions did to the wallet. To be called before anybody hears of the block: what a channel waits for tells
    /// what it was for.
    mutating func remember(
        _ movements: [WalletTransaction], in transactions: [(transaction: Transaction, id: TransactionID)], time: Timestamp
    ) {
        guard !movements.isEmpty else { return }
        let byID = Dictionary(transactions.map { ($0.id, $0.transaction) }) { first, _ in first }
        for var movement in movements {
            guard let transaction = byID[movement.id] else { continue }
            movement.time = time
            movement.purpose = purpose(of: transaction, movement.id, isSpending: movement.spent > .zero)
            if movement.fee == nil, let channel = movement.purpose?.channel { movement.fee = channels[channel]?.closeFee(of: movement.id) }
            batch.effects.writes += StoreHistory.transactions.add(movement.encoded(), at: movement.position)
        }
    }

    /// What was in a block that left the chain is not in the history.
    mutating func forgetMovements(height: BlockHeight) {
        let prefix = HistoryPosition(order: UInt64(height.uint32), id: []).key
        batch.effects.writes.append(.deleteAll(.walletHistory, prefix: prefix))
    }

    /// What a transaction is for; `nil` for what others sent.
    func purpose(of transaction: Transaction, _ id: TransactionID, isSpending: Bool) -> Publication.Purpose? {
        // The channels first: what is published again after a restart is not known to be theirs, and a funding transaction that were replaced
        // would leave its money to two keys of which one is not ours, without a commitment.
        if let channel = channels.index.chain.owners(awaiting: id).min() ?? channels.index.channel(fundedBy: id) {
            return .funding(channel)
        }
        if let known = layer1.publisher.purpose(of: id) { return known }
        for input in transaction.inputs {
            if let owner = channels.index.chain.owners(watching: input.previousOutput).min(), let channel = channels[owner] {
                return purpose(transaction, of: channel)
            }
            if coins.recovered[input.previousOutput] != nil { return .recovery }
        }
        return isSpending ? .payment : nil
    }

    /// The wallet's transactions that no block holds yet.
    package var unconfirmedTransactions: [WalletTransaction] {
        let own = coins.wallet.unconfirmed.map { movement in
            var movement = movement
            if let transaction = coins.wallet.pending[movement.id] {
                movement.purpose = purpose(of: transaction, movement.id, isSpending: true)
            }
            if movement.fee == nil, let channel = movement.purpose?.channel { movement.fee = channels[channel]?.closeFee(of: movement.id) }
            return movement
        }
        // A close is not the wallet's before a block holds it.
        return own
            + channels.ordered.flatMap { channel in
                channel.unconfirmedCloses { coins.wallet.owns($0) } + channel.unconfirmedClaims { coins.wallet.owns($0) }
            }
    }

    /// The rate for a transaction that the owner makes.
    func rate(_ choice: FeeChoice?) throws(WalletRefusal) -> FeeRate {
        switch choice {
        case .anyRate(let rate): return max(rate, .floor)
        case .rate(let rate):
            let most = FeeRate(perKiloweight: UInt32(clamping: max(12_500, UInt64(layer1.feeRates[.urgent].perKiloweight) * 10)))
            guard rate <= most else { throw .feeRateTooHigh(rate, most: most) }
            return max(rate, .floor)
        case .within(let blocks): return layer1.feeRates[ConfirmationTarget.allCases.last { $0.blocks <= max(2, blocks) } ?? .urgent]
        case nil: return feeRate
        }
    }

    // MARK: Raising fees

    /// Raises what a transaction of the wallet pays: by another one in its place, or by one that spends what it pays to us.
    ///
    /// - Parameter wanted: `nil` takes what it needs now.
    mutating func bumpFee(_ id: TransactionID, _ wanted: FeeRate?) throws(BumpRefusal) -> Transaction {
        let rate = wanted ?? max(layer1.feeRates[.urgent], raised(coins.wallet.feeRate(of: id)))
        if let transaction = coins.wallet.pending[id] {
            switch purpose(of: transaction, id, isSpending: true) {
            case .payment, .recovery, .watchtower, nil:
                // What pays for somebody else's, or for a close, is raised with that one.
                guard coins.wallet.feeRate(of: id) != nil else {
                    guard let parent = transaction.inputs.first?.previousOutput.transaction, coins.wallet.pending[parent] == nil else {
                        throw .unknown
                    }
                    return try bumpFee(parent, rate)
                }
                let result = try coins.wallet.replace(id, rate: rate, height: height)
                publish(result, .payment)
                return result
            case .funding:
                // Another one in its place would be another channel.
                let fee = coins.wallet.unconfirmed.first { $0.id == id }?.fee
                return try pay(for: transaction, fee: fee, rate: rate)
            case .claim: throw .automatic("a claim on a channel")
            case .feeBump: throw .automatic("what pays for \(Self.lastState)")
            case .penalty: throw .automatic("a penalty")
            case .commitment: throw .automatic(Self.lastState)
            case .mutualClose: throw .unknown
            }
        }
        for channel in channels.ordered {
            guard let (transaction, fee) = channel.mutualClose(id) else { continue }
            return try pay(for: transaction, fee: fee, rate: rate)
        }
        for channel in channels.ordered {
            guard case .failed = channel.phase else { continue }
            if channel.seenCommitmentID == id || signedCommitment(of: channel.id)?.id == id {
                throw .automatic(Self.lastState)
            }
        }
        guard let incoming = coins.wallet.incomingTransaction(id) else { throw .unknown }
        return try pay(for: incoming, fee: nil, rate: rate)
    }

    private static let lastState = "the last state of a channel; closing it once more with a higher fee raises it (forceclose --fee-rate)"

    /// Enough more that layer 1 takes it in the place of the one before.
    private func raised(_ rate: FeeRate?) -> FeeRate {
        FeeRate(perKiloweight: UInt32(clamping: UInt64((rate ?? .floor).perKiloweight) * 5 / 4 + 25))
    }

    private mutating func pay(for parent: Transaction, fee: Satoshi?, rate: FeeRate) throws(BumpRefusal) -> Transaction {
        let child = try coins.wallet.payFor(parent, fee: fee, rate: rate)
        publish(child, .payment, parents: [parent])
        return child
    }

    /// Layer 1 refuses a transaction of the wallet.
    mutating func walletRefused(_ transaction: Transaction, _ reason: String) {
        // What was replaced is still there.
        if coins.wallet.putBack(transaction.id) { return }
        // What somebody else's transaction would have paid us is gone with it.
        guard reason.hasPrefix("bad-txns-inputs-missingorspent") else { return }
        coins.wallet.dropOrphan(transaction.id)
    }

    /// Takes back a channel whose funding transaction does not come into a block: its coins are spent to the wallet.
    mutating func abandonChannel(_ id: ChannelID, rate: FeeRate) throws(NodeRefusal) -> Transaction {
        guard let channel = channels[id] else { throw .unknownChannel }
        guard channel.parameters.isOpener, channel.isAlive, channel.fundingHeight == nil, !channel.funding.wasConfirmed else {
            throw .channel(
                .notUsable("\(channel.stateName): only a channel of ours whose funding transaction is in no block can be taken back"))
        }
        let result: Transaction
        do throws(BumpRefusal) {
            result = try coins.wallet.doubleSpend(channel.parameters.funding.transaction, rate: rate)
        } catch { throw .bump(error) }
        tell(id, .fundingAbandoned)
        publish(result, .payment)
        return result
    }
}
