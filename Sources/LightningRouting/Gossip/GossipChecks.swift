package import BitcoinPrimitives
import CryptoPrimitives
import LightningTransactions
package import LightningWire

/// A gossip message whose signatures are to be checked, and for a channel its funding output.
///
/// Checks are effects: a driver makes them on as many cores as it likes, off the thread of payments, and tells the verdict.
package struct GossipCheck: Sendable {
    package enum Subject: Sendable {
        case channel(ChannelAnnouncement)
        /// With the id of the node that must have signed it.
        case update(ChannelUpdate, signer: NodeKey)
        case node(NodeAnnouncement)
    }

    package let number: UInt64
    package let subject: Subject
    /// The message, with all that later versions of the protocol may have added.
    package let wire: [UInt8]
    /// Who told us.
    let peer: ConnectionID

    /// The output that must exist, for a channel.
    package var funding: (id: ShortChannelID, script: Script)? {
        guard case .channel(let announcement) = subject else { return nil }
        return (announcement.shortChannelID, .p2wsh(ChannelScripts.funding(announcement.bitcoinKey1, announcement.bitcoinKey2)))
    }

    /// Whether every signature is right. Pure, and safe to call from any thread.
    package func hasValidSignatures() -> Bool {
        switch subject {
        case .channel(let announcement): Self.isSigned(announcement, wire)
        case .update(let update, let signer):
            signer.nodeID.map { Self.isSigned(update.signature, ChannelUpdate.signatureHash(wire: wire), $0) } ?? false
        case .node(let announcement):
            Self.isSigned(announcement.signature, NodeAnnouncement.signatureHash(wire: wire), announcement.nodeID)
        }
    }

    private static func isSigned(_ announcement: ChannelAnnouncement, _ wire: [UInt8]) -> Bool {
        let hash = ChannelAnnouncement.signatureHash(wire: wire)
        return isSigned(announcement.nodeSignature1, hash, announcement.nodeID1)
            && isSigned(announcement.nodeSignature2, hash, announcement.nodeID2)
            && isSigned(announcement.bitcoinSignature1, hash, announcement.bitcoinKey1)
            && isSigned(announcement.bitcoinSignature2, hash, announcement.bitcoinKey2)
    }

    private static func isSigned(_ signature: WireSignature, _ hash: Bytes32, _ key: NodeID) -> Bool {
        // ECDSA signatures are malleable, and BOLT 7 has nothing against a high S in gossip: it is normalized.
        ECDSASignature(compact: signature.bytes)?.normalized.verify(hash, key: key) ?? false
    }
}

/// What became of a check.
package enum GossipVerdict: Hashable, Sendable {
    /// The signatures are right; nothing on chain was asked for.
    case valid
    /// The signatures are right and the funding output is there, unspent, and of the right script.
    case funded(OutPoint, Satoshi)
    case invalidSignature
    /// There is no such output, it is spent or has another script.
    case unfunded
    /// The block is not known yet, or the layer 1 could not say.
    case undecided
}

/// What a layer 1 says of the output that a short channel id names.
package enum FundingLookup: Sendable {
    case unspent(OutPoint, TransactionOutput)
    /// There is no such output, or it is spent.
    case absent
    /// The block is not known yet, or the layer 1 could not be asked.
    case unknown
}

extension GossipCheck {
    /// The verdict, given a way to look up outputs. Nothing is looked up where a signature is wrong.
    package func verdict(_ lookup: (ShortChannelID) throws -> FundingLookup) rethrows -> GossipVerdict {
        try verdict(areSignaturesValid: hasValidSignatures(), lookup)
    }

    /// The same where it is known already whether the signatures are right.
    package func verdict(
        areSignaturesValid: Bool, _ lookup: (ShortChannelID) throws -> FundingLookup
    ) rethrows -> GossipVerdict {
        guard areSignaturesValid else { return .invalidSignature }
        guard let funding else { return .valid }
        return verdict(funding.script, try lookup(funding.id))
    }

    /// The verdict on a channel whose signatures are right.
    package func verdict(_ script: Script, _ found: FundingLookup) -> GossipVerdict {
        switch found {
        case .unspent(let outPoint, let output): output.script == script ? .funded(outPoint, output.amount) : .unfunded
        case .absent: .unfunded
        case .unknown: .undecided
        }
    }
}
