import BitcoinLedger
import BitcoinPrimitives
import LightningChannel
import LightningCore
import LightningTransactions
import LightningWire

/// A commitment of a node, and what takes its HTLC outputs further, from a time when it was not revoked.
struct KeptCommitment {
    var node: Int
    var channel: ChannelID
    var transaction: Transaction
    /// What the node had in it without HTLCs.
    var own: MilliSatoshi
    var steps: SecondSteps
}

// What a cheater keeps, and what it is worth.
extension SimulatedWorld {
    /// The commitments that a node could publish now, to be kept until they are revoked.
    mutating func commitments(of index: Int) -> [KeptCommitment] {
        (nodes[index].core?.channels.ordered ?? []).compactMap { channel in
            guard let transaction = signedCommitment(index, channel.id) else { return nil }
            let keys = Self.keys(seed, index).channel(channel.parameters.keyOrigin)
            return KeptCommitment(
                node: index, channel: channel.id, transaction: transaction, own: channel.commitments.toLocal,
                steps: SecondSteps(channel, keys))
        }
    }

    /// Whether a kept commitment is revoked, and its channel open.
    mutating func isRevoked(_ old: KeptCommitment) -> Bool {
        guard let current = signedCommitment(old.node, old.channel) else { return false }
        return current.id != old.transaction.id && nodes[old.node].core?.channels[old.channel]?.close == nil
    }

    /// What a node has more, in msat, in a commitment that it has revoked than in its channel.
    func gain(of old: KeptCommitment) -> Int64 {
        let now = nodes[old.node].core?.channels[old.channel]?.commitments.toLocal ?? .zero
        return Int64(old.own.value) - Int64(now.value)
    }
}
