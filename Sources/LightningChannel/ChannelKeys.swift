import BitcoinPrimitives
public import CryptoPrimitives
import LightningTransactions
public import LightningWire

/// The secrets of one channel, all derived from one seed; it signs, and never shows them.
public final class ChannelKeys: Sendable {
    let funding: SecretKey
    let revocation: SecretKey
    let payment: SecretKey
    let delayedPayment: SecretKey
    let htlc: SecretKey
    private let commitmentSeed: Bytes32
    public let basepoints: ChannelBasepoints

    /// - Parameter seed: 32 secret bytes for this channel alone.
    public init(seed: Bytes32) {
        func key(_ name: String) -> SecretKey {
            // The negligible case of an invalid key would hash on.
            SecretKey(Hash.tagged("swift-lightning/channel/\(name)", seed.array))!
        }
        funding = key("funding")
        revocation = key("revocation")
        payment = key("payment")
        delayedPayment = key("delayed_payment")
        htlc = key("htlc")
        commitmentSeed = Hash.tagged("swift-lightning/channel/shachain", seed.array)
        basepoints = ChannelBasepoints(
            funding: funding.publicKey(), revocation: revocation.publicKey(), payment: payment.publicKey(),
            delayedPayment: delayedPayment.publicKey(), htlc: htlc.publicKey())
    }

    /// Our `bitcoin_signature` of a `channel_announcement` (BOLT 7). It hashes the message itself: the funding key signs
    /// nothing that it is merely handed.
    public func sign(announcement wire: [UInt8]) -> ECDSASignature { funding.sign(ChannelAnnouncement.signatureHash(wire: wire)) }

    /// The secret of one of our commitments. Disclosing it revokes the commitment: whoever then publishes it loses all.
    func perCommitmentSecret(_ number: UInt64) -> Bytes32 {
        PerCommitmentSecret.generate(seed: commitmentSeed, index: PerCommitmentSecret.index(commitment: number))
    }

    public func perCommitmentPoint(_ number: UInt64) -> PublicKey {
        SecretKey(perCommitmentSecret(number))!.publicKey()
    }
}

extension CommitmentKeys {
    /// The keys of a commitment that `holder` can publish.
    static func derive(
        point: PublicKey, holder: ChannelBasepoints, counterparty: ChannelBasepoints
    ) -> CommitmentKeys {
        CommitmentKeys(
            perCommitmentPoint: point,
            holderDelayed: KeyDerivation.publicKey(basepoint: holder.delayedPayment, perCommitmentPoint: point),
            revocation: KeyDerivation.revocationPublicKey(
                basepoint: counterparty.revocation, perCommitmentPoint: point),
            holderHTLC: KeyDerivation.publicKey(basepoint: holder.htlc, perCommitmentPoint: point),
            counterpartyHTLC: KeyDerivation.publicKey(basepoint: counterparty.htlc, perCommitmentPoint: point),
            counterpartyPayment: counterparty.payment)
    }
}
