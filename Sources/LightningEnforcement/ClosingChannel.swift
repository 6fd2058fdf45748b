package import BitcoinPrimitives
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
    /// The remote's commitments that are not revoked: one, or two while the newer one waits for the older one's revocation.
    package var remote: [CommitmentTransaction]
    /// The HTLCs of the channel, which a revoked commitment may hold as well.
    package var htlcs: [RevokedHTLC]

    package init(
        mutualCloses: [Transaction], shutdownScripts: [Script]?, local: CommitmentTransaction, remote: [CommitmentTransaction],
        htlcs: [RevokedHTLC]
    ) {
        self.mutualCloses = mutualCloses
        self.shutdownScripts = shutdownScripts
        self.local = local
        self.remote = remote
        self.htlcs = htlcs
    }
}
