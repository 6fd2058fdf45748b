package import BitcoinPrimitives
import LightningChain
import LightningChannel
import LightningEnforcement
import LightningTransactions
import LightningWire

// What goes to layer 1.
extension NodeCore {
    /// Gives a transaction to layer 1.
    mutating func publish(_ transaction: Transaction, _ purpose: Publication.Purpose) {
        batch.queue.append(.publisher(.publish(Publication(transaction, purpose))))
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

    /// Why layer 1 does not take a transaction of ours; `nil` where it has not refused it.
    package func refusal(of id: TransactionID) -> String? { layer1.publisher.refusals[id] }

    /// The transactions of ours that layer 1 does not take, and why.
    package var refusedPublications: [TransactionID: String] { layer1.publisher.refusals }
}
