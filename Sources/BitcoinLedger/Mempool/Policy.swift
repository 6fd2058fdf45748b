import BitcoinPrimitives

/// What a node relays and mines beyond what consensus demands. The defaults are Bitcoin Core 30's.
///
/// Rates are in satoshi for each 1000 virtual bytes, the unit in which these numbers are set.
package struct Policy: Sendable, Hashable {
    /// The lowest rate that enters the mempool.
    package var minimumRelayFeeRate: UInt64 = 100
    /// What a replacement pays for its own relay, and the step by which a full mempool raises its floor.
    package var incrementalRelayFeeRate: UInt64 = 100
    /// The rate at which an output's future spending decides whether it is dust.
    package var dustRelayFeeRate: UInt64 = 3000
    /// The lowest rate that is mined.
    package var minimumBlockFeeRate: UInt64 = 1
    /// The weight that a block template may fill.
    package var blockWeight = Ledger.maximumBlockWeight
    /// Bytes of memory, as `Mempool.usage` counts them.
    package var maximumMempoolUsage = 300_000_000
    /// Seconds after which a transaction leaves the mempool unmined.
    package var mempoolExpiry: UInt32 = 336 * 3600
    package var maximumAncestorCount = 25
    /// Virtual bytes of a transaction with all its unconfirmed ancestors.
    package var maximumAncestorSize = 101_000
    package var maximumDescendantCount = 25
    package var maximumDescendantSize = 101_000
    /// Bytes of OP_RETURN scripts in one transaction.
    package var maximumDataCarrierSize = 100_000

    package init() {}

    static let maximumWeight = 400_000
    static let minimumStrippedSize = 65
    static let maximumSignatureScriptSize = 1650
    static let maximumSignatureOperationCost = Ledger.maximumSignatureOperationCost / 5
    /// Signature operations in the scripts that are not segwit, after BIP 54.
    static let maximumLegacySignatureOperations = 2500
    static let maximumP2SHSignatureOperations = 15
    /// A signature operation weighs at least so many virtual bytes.
    static let bytesPerSignatureOperation = 20
    static let maximumReplacements = 100
    static let maximumPackageCount = 25
    static let maximumPackageWeight = 404_000
    /// One small child more than the limits allow, for whoever has to bump a fee (BOLT 3's anchors).
    static let carveOutSize = 10_000
    static let topologicallyRestrictedSize = 10_000
    static let topologicallyRestrictedChildSize = 1_000
    static let topologicallyRestrictedVersion: UInt32 = 3

    /// The fee for a size at a rate, as Bitcoin Core rounds it: up.
    static func fee(rate: UInt64, size: Int) -> Satoshi { Satoshi((rate * UInt64(size) + 999) / 1000) }
}
