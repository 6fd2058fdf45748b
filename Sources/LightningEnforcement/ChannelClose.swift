public import BitcoinPrimitives
package import CryptoPrimitives
package import LightningTransactions

/// The funding output is spent: what is left to be claimed, and what has become of it (BOLT 5).
public struct ChannelClose: Hashable, Sendable {
    /// What an output of the closing transaction is to us.
    public enum Role: UInt8, Hashable, Sendable {
        /// Ours, after our delay.
        case delayedToLocal
        /// Ours at once, in the remote's commitment.
        case toRemote
        /// The remote's own output of a revoked commitment: ours as penalty.
        case penaltyToLocal
        /// An HTLC of a revoked commitment: ours as penalty.
        case penaltyHTLC
        /// What the remote made of such an HTLC in a second step: still ours as penalty.
        case penaltySecondLevel
        /// An output of a commitment that we do not know, which may hold an HTLC of ours: its spender may show a preimage.
        case htlc
        /// An HTLC that we offered, in a commitment that was not revoked: ours after its time, and the peer's by its preimage until then.
        case offeredHTLC
        /// An HTLC of the peer, in a commitment that was not revoked: ours by its preimage, and the peer's after its time.
        case receivedHTLC
        /// What an HTLC transaction of ours paid: ours, after our delay.
        case secondLevel

        /// BOLT 3's name for the output, for lists.
        public var name: String {
            switch self {
            case .delayedToLocal: "to_local, after its delay"
            case .toRemote: "to_remote"
            case .penaltyToLocal: "penalty on to_local"
            case .penaltyHTLC: "penalty on an HTLC"
            case .penaltySecondLevel: "penalty on an HTLC's second step"
            case .htlc: "perhaps an HTLC"
            case .offeredHTLC: "HTLC that we offered"
            case .receivedHTLC: "HTLC of the peer"
            case .secondLevel: "HTLC, after our delay"
            }
        }

        /// Whether it is an HTLC of a commitment that was not revoked.
        package var isHTLC: Bool { self == .offeredHTLC || self == .receivedHTLC }
    }

    /// What has become of an output.
    public enum Status: Hashable, Sendable {
        /// To be claimed as soon as the chain has this height.
        case waiting(height: BlockHeight)
        /// A claim is published.
        case claiming(TransactionID)
        /// Spent in a block, by us or not.
        case resolved(by: TransactionID, height: BlockHeight, isOurs: Bool)
        /// Not worth its fee.
        case abandoned
        /// Nobody has taken it, and we cannot: we lack what it takes, a preimage or the script.
        case unresolved
    }

    /// An output that is ours, may be, or decides over what is.
    public struct Output: Hashable, Sendable {
        /// Which output.
        public var outPoint: OutPoint
        /// Its amount and script.
        public var output: TransactionOutput
        /// What it is to us.
        public var role: Role
        /// What has become of it.
        public var status: Status
        /// What its claim has to show: the script behind the output. `nil` for what is paid to a key, and for what is not known yet.
        public var witnessScript: Script?
        /// The HTLC that it holds, or held.
        package var htlc: HTLCKey?
        /// In our own commitment: the HTLC transaction, without a witness, and the peer's signature of it.
        package var step: HTLCStep?
        /// How often a claim of it came to nothing: then it is claimed by itself.
        package var setbacks: UInt8 = 0
    }

    /// Which transaction it is.
    public var kind: CloseKind
    /// What spends the funding output.
    public var transaction: TransactionID
    /// Of the block that holds it.
    public var height: BlockHeight
    /// The commitment's number, for commitments.
    public var commitmentNumber: UInt64?
    /// The per-commitment point whose keys claim.
    package var point: PublicKey?
    /// What of it is ours, may be, or decides over what is.
    public var outputs: [Output]
    /// Whether our data was known to be old before: then nothing of ours may be published, not even after a reorganization.
    package var wasDataLost = false
    /// Why we had given the channel up before, if we had.
    package var failure: String?
    /// The HTLCs of the channel, as they were when the funding output was spent.
    package var htlcs: [ClosingHTLC] = []
    /// What the closing transaction itself paid; `nil` where that is not known: in records of 0.2.0, and for what has other inputs as well.
    public package(set) var fee: Satoshi?
    /// The claims that were published and are not known to have failed.
    package var attempts: [ClaimAttempt] = []

    package init(
        kind: CloseKind, transaction: TransactionID, height: BlockHeight, commitmentNumber: UInt64? = nil, point: PublicKey? = nil,
        outputs: [Output] = []
    ) {
        self.kind = kind
        self.transaction = transaction
        self.height = height
        self.commitmentNumber = commitmentNumber
        self.point = point
        self.outputs = outputs
    }

    /// Blocks after which a channel counts as closed: a longer reorganization opens it again.
    package static let finalDepth = 6
    /// Blocks after which nothing of it can change any more. BOLT 5: "100 blocks is far greater than the longest known Bitcoin fork".
    package static let irrevocableDepth = 100

    /// Whether everything that is ours has been claimed for good at the given height.
    package func isFinal(height: BlockHeight) -> Bool {
        guard self.height.depth(at: height) >= Self.finalDepth, htlcs.allSatisfy(\.isDecided) else { return false }
        return outputs.allSatisfy { output in
            switch output.status {
            case .resolved(_, let at, _): at.depth(at: height) >= Self.finalDepth
            case .abandoned: true
            // Once all HTLCs are decided nobody waits for an output that we could not take.
            case .unresolved: output.role.isHTLC || output.role == .htlc
            case .waiting, .claiming: false
            }
        }
    }

    /// Whether nothing is left to be decided but how deep it gets.
    package var isAllResolved: Bool {
        htlcs.allSatisfy(\.isDecided)
            && outputs.allSatisfy { output in
                switch output.status {
                case .resolved, .abandoned: true
                case .waiting, .claiming, .unresolved: false
                }
            }
    }

    /// The height at which nothing of it can change any more.
    package var irrevocableHeight: BlockHeight {
        let resolved = outputs.map { output in
            if case .resolved(_, let at, _) = output.status { return at }
            return 0
        }
        return resolved.reduce(height, max) + Self.irrevocableDepth - 1
    }

    /// Blocks for which a node acts for a channel that is closed. BOLT 1 has the peer's blob kept for as long: "SHOULD wait at least 2016
    /// blocks before deleting the blob." And a peer that was away for long learns what became of the channel.
    package static let closedDepth = 2016

    /// The height at which the channel is of no use but to be looked at.
    package var endHeight: BlockHeight { max(irrevocableHeight, height + Self.closedDepth + 1) }

    /// Whether HTLC transactions of ours may still need a fee from the wallet.
    package var needsWallet: Bool {
        outputs.contains { output in
            if case .resolved = output.status { return false }
            return output.step != nil
        }
    }

    /// Whether the wallet has to pay for an output's claim: its transaction was signed without a fee.
    package func isPaidByWallet(_ output: Output) -> Bool {
        guard let step = output.step else { return false }
        return step.transaction.outputs.first?.amount == output.output.amount
    }

    /// Whether a penalty cannot be made for want of what the output's script is.
    public var hasUnresolved: Bool { outputs.contains { $0.status == .unresolved } }

    /// The outputs whose spending decides something.
    package var watchedOutPoints: [OutPoint] {
        outputs.compactMap { output in
            if case .resolved = output.status { return nil }
            return output.outPoint
        }
    }
}
