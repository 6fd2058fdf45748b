import BitcoinPrimitives
import LightningWire

extension PaymentChannel {
    /// The phase in which our commitment is published until something that spends the funding output is in a block.
    public struct Failed: Hashable, Sendable {
        /// Why, for people.
        public var reason: String
        /// Where the conversation was.
        var before: LivePhase
    }

    /// Publishes our commitment: the way out when there is no talking with the peer.
    ///
    /// Money at risk: our own output is locked for the peer's `to_self_delay` blocks.
    mutating func fail(
        _ reason: String, _ environment: ChannelEnvironment, sendingError: Bool = true
    ) -> [ChannelEffect] {
        guard case .live(let before) = phase else { return [] }
        let withdrawn = dropUncommitted()
        phase = .failed(Failed(reason: reason, before: before))
        isChanged = true
        var effects: [ChannelEffect] = sendingError ? [sendError(reason)] : []
        if isForgettable { return effects + [.abandoned(reason)] }
        effects.append(.givenUp)
        if let transaction = funding.transaction, funding.height == nil { effects.append(.broadcast(transaction)) }
        effects.append(.broadcast(signedLocalCommitment(environment.keys)))
        effects.append(.alert("channel \(id) is force-closed: \(reason)"))
        return effects + withdrawn
    }

    /// A block was connected, and nothing in it spends the funding output.
    mutating func failedBlock(_ failed: Failed, _ environment: ChannelEnvironment) -> [ChannelEffect] {
        if isForgettable { return [.abandoned(failed.reason)] }
        // Whichever is mined first: a mutual close is the better one for both.
        return mutualCloses.map { .broadcast($0) } + [.broadcast(signedLocalCommitment(environment.keys))]
    }
}
