package import BitcoinPrimitives
package import LightningRecords

/// What is given to layer 1, and what it says to that.
///
/// It keeps nothing: whoever wants a transaction mined asks for it again at each block until it is, also after a restart.
package struct Publisher: Machine, Sendable {
    /// Publications that wait for the chain's tip to be reached: what an old block wants published may be in a later one.
    private var waiting: [Publication] = []
    /// What was published and is not confirmed.
    private var published: [TransactionID: Publication] = [:]
    /// Why layer 1 does not take transactions of ours.
    package private(set) var refusals: [TransactionID: String] = [:]

    /// What it has taken.
    private var accepted: Set<TransactionID> = []

    /// Publications that are remembered.
    private static let remembered = 1000

    package init() {}

    package enum Event: Sendable {
        /// To be mined.
        case publish(Publication)
        /// The node has followed the chain to its tip.
        case tipReached
        case answered(TransactionID, PublicationOutcome)
    }

    package enum Effect: Hashable, Sendable {
        case publish(Publication)
        /// Layer 1 refuses it for a reason that it has not given before.
        case refused(Publication, String)
        /// Layer 1 has another close of the channel in its mempool: nothing is wrong with that.
        case anotherIsThere(Publication, String)
    }

    package struct Context: Sendable {
        /// Whether the chain was at its tip a short while ago.
        package var isSynced: Bool

        package init(isSynced: Bool) { self.isSynced = isSynced }
    }

    package mutating func handle(_ event: Event, _ context: borrowing Context) -> [Effect] {
        switch event {
        case .publish(let publication):
            guard context.isSynced else {
                waiting.removeAll { $0.transaction == publication.transaction }
                waiting.append(publication)
                return []
            }
            return [publish(publication)]
        case .tipReached:
            defer { waiting = [] }
            return waiting.map { publish($0) }
        case .answered(let id, let outcome): return answered(id, outcome)
        }
    }

    /// What was published is found again when it is wanted again: nothing of it is stored.
    package mutating func drainWrites() -> [StoreWrite] { [] }

    /// What layer 1 has said to a transaction; `nil` where it has not said anything.
    package func outcome(of id: TransactionID) -> PublicationOutcome? {
        accepted.contains(id) ? .accepted : refusals[id].map { .refused($0) }
    }

    /// For what a transaction was published; `nil` where it was not, or is confirmed.
    package func purpose(of id: TransactionID) -> Publication.Purpose? { published[id]?.purpose }

    private mutating func publish(_ publication: Publication) -> Effect {
        if published.count >= Self.remembered, published[publication.transaction.id] == nil {
            published = [:]
            refusals = [:]
            accepted = []
        }
        published[publication.transaction.id] = publication
        return .publish(publication)
    }

    private mutating func answered(_ id: TransactionID, _ outcome: PublicationOutcome) -> [Effect] {
        switch outcome {
        case .accepted:
            refusals[id] = nil
            accepted.insert(id)
            return []
        case .confirmed:
            published[id] = nil
            refusals[id] = nil
            accepted.remove(id)
            waiting.removeAll { $0.transaction.id == id }
            return []
        case .refused(let reason):
            accepted.remove(id)
            // Behind a comma there are figures, which change with each block.
            guard let publication = published[id],
                refusals.updateValue(reason, forKey: id)?.prefix(while: { $0 != "," }) != reason.prefix(while: { $0 != "," })
            else { return [] }
            return [isExpected(reason, for: publication) ? .anotherIsThere(publication, reason) : .refused(publication, reason)]
        }
    }

    /// Both ends of a channel may publish a close of it, and the mempool holds one of them.
    ///
    /// The reasons are Bitcoin Core's, which both layers 1 give.
    private func isExpected(_ reason: String, for publication: Publication) -> Bool {
        switch publication.purpose {
        case .commitment, .mutualClose: break
        case .payment, .funding, .claim, .feeBump, .penalty, .recovery, .watchtower: return false
        }
        return ["txn-mempool-conflict", "bad-txns-inputs-missingorspent", "insufficient fee", "too many potential replacements"]
            .contains { reason.hasPrefix($0) }
    }
}
