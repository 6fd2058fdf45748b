public import BitcoinPrimitives
import LightningChain
import LightningChannel
import LightningWire

// What goes to layer 1, and what it says to it.
extension NodeCore {
    /// Gives a transaction to layer 1; while the chain is still being followed, once its tip is reached: what an old block wants
    /// published may be in a later one.
    mutating func publish(_ transaction: Transaction, _ purpose: Publication.Purpose) {
        let publication = Publication(transaction, purpose)
        if isSynced { return batch.effects.publications.append(publication) }
        layer1.unpublished.removeAll { $0.transaction == transaction }
        layer1.unpublished.append(publication)
    }

    /// The tip is reached: what has waited for that goes out.
    mutating func publishWaiting() {
        batch.effects.publications += layer1.unpublished
        layer1.unpublished = []
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

    /// Layer 1 took a publication, or refused it.
    mutating func published(_ id: TransactionID, _ outcome: PublicationOutcome) {
        switch outcome {
        case .accepted: layer1.refusals[id] = nil
        case .refused(let reason):
            guard layer1.refusals[id] != reason, let publication = layer1.lastPublications[id] else { return }
            layer1.refusals[id] = reason
            if isExpected(reason, for: publication) {
                batch.effects.events.append(.note("layer 1 has another transaction in place of \(publication.purpose): \(reason)"))
            } else {
                batch.effects.events.append(.publicationRefused(publication, reason))
            }
        }
    }

    /// Both ends of a channel may publish a close of it, and the mempool holds one of them: nothing is wrong with that.
    ///
    /// The reasons are Bitcoin Core's, which both layers 1 give.
    private func isExpected(_ reason: String, for publication: Publication) -> Bool {
        switch publication.purpose {
        case .commitment, .mutualClose: break
        case .payment, .funding, .claim, .penalty, .recovery: return false
        }
        return ["txn-mempool-conflict", "bad-txns-inputs-missingorspent", "insufficient fee", "too many potential replacements"]
            .contains { reason.hasPrefix($0) }
    }

    /// Remembers what this batch publishes, as long as it goes on being published.
    mutating func notePublications() {
        guard !batch.effects.publications.isEmpty else { return }
        if layer1.lastPublications.count > 1000 {
            layer1.lastPublications = [:]
            layer1.refusals = [:]
        }
        for publication in batch.effects.publications { layer1.lastPublications[publication.transaction.id] = publication }
    }

    /// Why layer 1 does not take a transaction of ours; `nil` where it has not refused it.
    public func refusal(of id: TransactionID) -> String? { layer1.refusals[id] }

    /// The transactions of ours that layer 1 does not take, and why.
    public var refusedPublications: [TransactionID: String] { layer1.refusals }
}
