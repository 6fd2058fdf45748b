import BitcoinPrimitives
package import CryptoPrimitives
package import LightningWire
import Synchronization

/// From what the secrets of one channel grow, besides the node's seed. It is stored with the channel.
package struct ChannelKeyOrigin: Hashable, Sendable {
    /// The number of the channel among those of its database. A restored seed, or an older copy of a database, counts anew.
    package var index: UInt64
    /// Random bytes made for this channel alone; `nil` for channels from before there were salts.
    ///
    /// Money at risk: the peer of an earlier channel knows the per-commitment secrets that it was told. Where a later channel of the
    /// same seed used them again, that peer could take everything in it. So no two channels may ever have the same salt.
    package var salt: Bytes32?

    package init(index: UInt64, salt: Bytes32?) {
        self.index = index
        self.salt = salt
    }
}

/// The secrets of one channel, for the channel and its close to sign with; they are not printed, and leave the package by no way.
package final class ChannelKeys: Sendable {
    package let funding: SecretKey
    package let revocation: SecretKey
    package let payment: SecretKey
    package let delayedPayment: SecretKey
    package let htlc: SecretKey
    private let commitmentSeed: Bytes32
    package let basepoints: ChannelBasepoints
    /// The points that were asked for last: each is told to the peer with one revocation, and needed again with the next commitment.
    private let points = Mutex<[(number: UInt64, point: PublicKey)]>([])

    /// - Parameters:
    ///   - seed: 32 secret bytes for this channel alone.
    ///   - payment: the secret of the payment basepoint, by our own funding key: what our `to_remote` output is paid to. `nil` takes
    ///     it from the seed as well.
    package init(seed: Bytes32, payment paymentSecret: ((_ fundingKey: PublicKey) -> SecretKey)? = nil) {
        func key(_ name: String) -> SecretKey { Self.secret(name, seed) }
        funding = key("funding")
        revocation = key("revocation")
        payment = paymentSecret?(funding.publicKey()) ?? key("payment")
        delayedPayment = key("delayed_payment")
        htlc = key("htlc")
        commitmentSeed = Hash.tagged("swift-lightning/channel/shachain", seed.array)
        basepoints = ChannelBasepoints(
            funding: funding.publicKey(), revocation: revocation.publicKey(), payment: payment.publicKey(),
            delayedPayment: delayedPayment.publicKey(), htlc: htlc.publicKey())
    }

    /// The payment secret of a channel without a salt, whose seed alone it depends on.
    package static func unsaltedPaymentSecret(seed: Bytes32) -> SecretKey { secret("payment", seed) }

    private static func secret(_ name: String, _ seed: Bytes32) -> SecretKey {
        // Fewer than one in 2^127 hashes are no key.
        SecretKey(Hash.tagged("swift-lightning/channel/\(name)", seed.array))!
    }

    /// Our `bitcoin_signature` of a `channel_announcement` (BOLT 7). It hashes the message itself: the funding key signs
    /// nothing that it is merely handed.
    package func sign(announcement wire: [UInt8]) -> ECDSASignature { funding.sign(ChannelAnnouncement.signatureHash(wire: wire)) }

    /// The secret of one of our commitments. Disclosing it revokes the commitment: whoever then publishes it loses all.
    package func perCommitmentSecret(_ number: UInt64) -> Bytes32 {
        PerCommitmentSecret.generate(seed: commitmentSeed, index: PerCommitmentSecret.index(commitment: number))
    }

    package func perCommitmentPoint(_ number: UInt64) -> PublicKey {
        points.withLock { known in
            if let found = known.first(where: { $0.number == number }) { return found.point }
            let point = SecretKey(perCommitmentSecret(number))!.publicKey()
            if known.count == Self.rememberedPoints { known.removeFirst() }
            known.append((number, point))
            return point
        }
    }

    /// The current commitment's, the next one's, and that of the one before.
    private static let rememberedPoints = 3
}

extension CommitmentKeys {
    /// The keys of a commitment that `holder` can publish.
    package static func derive(
        point: PublicKey, holder: ChannelBasepoints, counterparty: ChannelBasepoints
    ) -> CommitmentKeys {
        CommitmentKeys(
            perCommitmentPoint: point,
            holderDelayed: KeyDerivation.publicKey(basepoint: holder.delayedPayment, perCommitmentPoint: point),
            revocation: KeyDerivation.revocationPublicKey(
                basepoint: counterparty.revocation, perCommitmentPoint: point),
            holderHTLCBasepoint: holder.htlc, counterpartyHTLCBasepoint: counterparty.htlc, counterpartyPayment: counterparty.payment)
    }
}
