package import BitcoinPrimitives
import CryptoPrimitives
package import LightningTransactions
package import LightningWire

extension PaymentChannel {
    /// A channel of which nothing is left but what was agreed on when it was opened: its state is lost, and the peer is asked to close.
    ///
    /// Our output of the peer's commitment is ours by `option_static_remotekey`, whatever its number. HTLCs that were under way are lost, unless
    /// the peer settles them.
    ///
    /// - Parameters:
    ///   - place: where the funding transaction is in the chain, as far as it is known.
    ///   - height: of the chain now.
    /// - Throws: where the parameters contradict each other.
    package init(
        recovering parameters: ChannelParameters, place: ShortChannelID?, _ keys: ChannelKeys, height: BlockHeight
    ) throws(DecodingFailure) {
        guard let toOpener = MilliSatoshi(parameters.fundingAmount).subtracting(parameters.push), keys.basepoints == parameters.local.keys
        else { throw .invalid("parameters of a channel in a backup") }
        let (local, remote) = parameters.isOpener ? (toOpener, parameters.push) : (parameters.push, toOpener)
        self.init(
            parameters: parameters,
            commitments: CommitmentState(
                toLocal: local, toRemote: remote, feeRate: parameters.initialFeeRate,
                // The peer's is lost as well. It is looked at nowhere: what would need it is never published.
                signature: keys.funding.sign(.zero), remotePoint: parameters.remote.firstPerCommitmentPoint),
            fundingTransaction: nil, openedHeight: place.map { min($0.block, height) } ?? height, connection: .disconnected)
        phase = .dataLost(DataLost(before: .normal))
        funding.wasConfirmed = true
        funding.height = place?.block
        funding.shortChannelID = place
        isRecovered = true
        try checkRecord()
    }
}
