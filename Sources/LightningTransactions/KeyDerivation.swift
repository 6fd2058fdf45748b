package import CryptoPrimitives

/// BOLT 3 "Key Derivation": how the keys of one commitment grow from basepoints and its per-commitment point.
package enum KeyDerivation {
    private static func tweak(_ first: PublicKey, _ second: PublicKey) -> Bytes32 {
        Hash.sha256(first.compressed + second.compressed)
    }

    /// `pubkey = basepoint + SHA256(per_commitment_point || basepoint) * G`
    package static func publicKey(basepoint: PublicKey, perCommitmentPoint: PublicKey) -> PublicKey {
        basepoint.adding(tweak(perCommitmentPoint, basepoint))!
    }

    /// `privkey = basepoint_secret + SHA256(per_commitment_point || basepoint)`
    ///
    /// - Parameter basepoint: the public key of the secret.
    package static func secretKey(
        basepointSecret: borrowing SecretKey, basepoint: PublicKey, perCommitmentPoint: PublicKey
    ) -> SecretKey {
        basepointSecret.adding(tweak(perCommitmentPoint, basepoint))!
    }

    /// `revocationpubkey = revocation_basepoint * SHA256(revocation_basepoint || per_commitment_point)`
    /// ` + per_commitment_point * SHA256(per_commitment_point || revocation_basepoint)`
    package static func revocationPublicKey(basepoint: PublicKey, perCommitmentPoint: PublicKey) -> PublicKey {
        basepoint.multiplied(by: tweak(basepoint, perCommitmentPoint))!
            .adding(perCommitmentPoint.multiplied(by: tweak(perCommitmentPoint, basepoint))!)!
    }

    /// The secret of the revocation key, which only exists once the per-commitment secret has been disclosed.
    package static func revocationSecretKey(
        basepointSecret: borrowing SecretKey, perCommitmentSecret: borrowing SecretKey
    ) -> SecretKey {
        let basepoint = basepointSecret.publicKey()
        let point = perCommitmentSecret.publicKey()
        let second = perCommitmentSecret.multiplied(by: tweak(point, basepoint))!
        return basepointSecret.multiplied(by: tweak(basepoint, point))!.adding(second.unsafeBytes())!
    }
}

/// The public keys of one commitment transaction. "Holder" is the side that can publish it.
package struct CommitmentKeys: Hashable, Sendable {
    package var perCommitmentPoint: PublicKey
    /// Spends the holder's own output after its delay (`local_delayedpubkey`).
    package var holderDelayed: PublicKey
    /// Spends everything of the holder's if the commitment was revoked (`revocationpubkey`).
    package var revocation: PublicKey
    /// From which `local_htlcpubkey` and `remote_htlcpubkey` grow: only a commitment with HTLC outputs needs those, see ``HTLCScripts``.
    package var holderHTLCBasepoint: PublicKey
    package var counterpartyHTLCBasepoint: PublicKey
    /// The counterparty's payment basepoint itself (`option_static_remotekey`).
    package var counterpartyPayment: PublicKey

    package init(
        perCommitmentPoint: PublicKey, holderDelayed: PublicKey, revocation: PublicKey, holderHTLCBasepoint: PublicKey,
        counterpartyHTLCBasepoint: PublicKey, counterpartyPayment: PublicKey
    ) {
        self.perCommitmentPoint = perCommitmentPoint
        self.holderDelayed = holderDelayed
        self.revocation = revocation
        self.holderHTLCBasepoint = holderHTLCBasepoint
        self.counterpartyHTLCBasepoint = counterpartyHTLCBasepoint
        self.counterpartyPayment = counterpartyPayment
    }

    /// The scripts of its HTLC outputs, with the two keys that are only derived for them.
    package func htlcScripts(hasAnchors: Bool) -> HTLCScripts { HTLCScripts(self, hasAnchors: hasAnchors) }
}
