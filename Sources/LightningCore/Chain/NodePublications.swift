package import BitcoinPrimitives
package import LightningChain
package import LightningChannel
import LightningEnforcement
import LightningTransactions
package import LightningWire

// What goes to layer 1.
extension NodeCore {
    /// Gives a transaction to layer 1.
    ///
    /// - Parameter parents: the unconfirmed transactions that it pays for.
    mutating func publish(_ transaction: Transaction, _ purpose: Publication.Purpose, parents: [Transaction] = []) {
        batch.queue.append(.publisher(.publish(Publication(transaction, purpose, parents: parents))))
    }

    /// What a channel's transaction is for.
    func purpose(_ transaction: Transaction, of channel: PaymentChannel) -> Publication.Purpose {
        if transaction.id == channel.parameters.funding.transaction { return .funding(channel.id) }
        if transaction.inputs.contains(where: { $0.previousOutput == channel.parameters.funding }) {
            // BOLT 3: a commitment's lock time begins with 0x20.
            return transaction.lockTime >> 24 == 0x20 ? .commitment(channel.id) : .mutualClose(channel.id)
        }
        return channel.close?.kind == .revokedCommitment ? .penalty(channel.id) : .claim(channel.id)
    }

    /// Adds coins of the wallet to a claim that cannot pay its own fee; `nil` where there are none for it.
    mutating func fund(_ claim: ClaimFunding) -> (transaction: Transaction, fee: Satoshi)? {
        coins.wallet.fund(claim, height: height)
    }

    /// What closing a channel without its peer would come to; `nil` for one that is closing, and without a fee for one that is given up.
    package func forceCloseQuote(of id: ChannelID, _ choice: FeeChoice? = nil) throws(WalletRefusal) -> ForceCloseQuote? {
        let rate = choice == nil ? nil : try rate(choice)
        guard let channel = channels[id], let environment = environment(id) else { return nil }
        guard var quote = channel.forceCloseQuote(feeRate: rate, environment) else { return nil }
        if let child = quote.child {
            var wallet = coins.wallet
            quote.isChildCovered = wallet.fund(child, height: height) != nil
        }
        return quote
    }

    /// What layer 1 has said to a transaction of ours; `nil` where it has not answered.
    package func outcome(of id: TransactionID) -> PublicationOutcome? { layer1.publisher.outcome(of: id) }

    /// Why layer 1 does not take a transaction of ours; `nil` where it has not refused it.
    package func refusal(of id: TransactionID) -> String? { layer1.publisher.refusals[id] }

    /// The transactions of ours that layer 1 does not take, and why.
    package var refusedPublications: [TransactionID: String] { layer1.publisher.refusals }
}

extension OnChainWallet {
    /// Adds coins to a claim that cannot pay its own fee; `nil` where there are none for it.
    fileprivate mutating func fund(_ claim: ClaimFunding, height: BlockHeight) -> (transaction: Transaction, fee: Satoshi)? {
        addFee(
            to: claim.transaction, feeRate: claim.feeRate, least: claim.leastFee, coinRate: claim.coinRate, most: claim.mostFee,
            surplus: claim.surplus, height: height)
    }
}
