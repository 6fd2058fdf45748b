package import BitcoinPrimitives
package import CryptoPrimitives
package import LightningTransactions

/// A channel as its close sees it: what was agreed on, the keys that claim, and the secrets that the remote gave up.
package struct ClosingChannel {
    package var parameters: ChannelParameters
    package var keys: ChannelKeys
    /// The per-commitment secrets of the remote's revoked commitments.
    package var remoteSecrets: PerCommitmentSecretStore
    /// The number of the remote's last commitment that is not revoked.
    package var remoteNumber: UInt64

    package init(
        parameters: ChannelParameters, keys: ChannelKeys, remoteSecrets: PerCommitmentSecretStore, remoteNumber: UInt64
    ) {
        self.parameters = parameters
        self.keys = keys
        self.remoteSecrets = remoteSecrets
        self.remoteNumber = remoteNumber
    }
}

/// The transactions that may spend the funding output, as far as this side knows them.
package struct KnownSpends {
    /// Closing transactions that both sides have signed.
    package var mutualCloses: [Transaction]
    /// The scripts of both sides' `shutdown`, where both were sent.
    package var shutdownScripts: [Script]?
    package var local: CommitmentTransaction
    /// The peer's signatures of the HTLC transactions of `local`, in their order.
    package var localSignatures: [ECDSASignature]
    /// The remote's commitments that are not revoked: one, or two while the newer one waits for the older one's revocation.
    package var remote: [CommitmentTransaction]
    /// The HTLCs of the channel, in any commitment.
    package var htlcs: [ClosingHTLC]

    package init(
        mutualCloses: [Transaction], shutdownScripts: [Script]?, local: CommitmentTransaction, localSignatures: [ECDSASignature],
        remote: [CommitmentTransaction], htlcs: [ClosingHTLC]
    ) {
        self.mutualCloses = mutualCloses
        self.shutdownScripts = shutdownScripts
        self.local = local
        self.localSignatures = localSignatures
        self.remote = remote
        self.htlcs = htlcs
    }
}
