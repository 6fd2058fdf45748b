import BitcoinPrimitives
import CryptoPrimitives
import LightningTransactions
import LightningWire
import TestSupport
import Testing

@Suite("BOLT 3 vectors", .enabled(if: Vectors.exist, "\(Vectors.hint)"))
struct TransactionsVectorTests {
    struct Fixture {
        let params: JSON
        let context: CommitmentContext
        let keys: CommitmentKeys
        let localFunding: SecretKey.Box
        let remoteFunding: SecretKey.Box
        let localHTLC: SecretKey.Box
        let remoteHTLC: SecretKey.Box

        init(anchors: Bool, dustLimit: UInt64) throws {
            params = try Vectors.json("bolt3/commitment_static_remotekey.json")["params"]
            let p = params
            func key(_ name: String) -> PublicKey { PublicKey(hex: p[name].string)! }
            let factor = UInt64(p["obscuring_factor"].string, radix: 16)!
            #expect(
                CommitmentContext.obscuringFactor(
                    opener: key("local_payment_basepoint"), accepter: key("remote_payment_basepoint")) == factor)
            context = CommitmentContext(
                funding: OutPoint(TransactionID(display: params["funding_tx_id"].string)!, 0),
                fundingAmount: Satoshi(10_000_000), holderFundingKey: key("local_funding_pubkey"),
                counterpartyFundingKey: key("remote_funding_pubkey"), obscuringFactor: factor, hasAnchors: anchors,
                holderIsOpener: true, dustLimit: Satoshi(dustLimit), toSelfDelay: 144)
            let inner = params["internal"]
            let point = PublicKey(hex: inner["local_per_commitment_point"].string)!
            let revocation = KeyDerivation.revocationPublicKey(
                basepoint: PublicKey(hex: inner["remote_revocation_basepoint"].string)!, perCommitmentPoint: point)
            #expect(revocation == key("local_revocation_pubkey"))
            let delayed = KeyDerivation.publicKey(
                basepoint: PublicKey(hex: inner["local_delayed_payment_basepoint"].string)!,
                perCommitmentPoint: point)
            #expect(delayed == key("local_delayedpubkey"))
            keys = CommitmentKeys(
                perCommitmentPoint: point, holderDelayed: delayed, revocation: revocation,
                holderHTLCBasepoint: key("local_htlc_basepoint"), counterpartyHTLCBasepoint: key("remote_htlc_basepoint"),
                counterpartyPayment: key("remote_payment_basepoint"))
            let scripts = keys.htlcScripts(hasAnchors: anchors)
            #expect(scripts.holderKey == key("local_htlcpubkey"))
            #expect(scripts.counterpartyKey == key("remote_htlcpubkey"))
            localFunding = .init(String(params["local_funding_privkey"].string.prefix(64)))
            remoteFunding = .init(inner["remote_funding_privkey"].string)
            localHTLC = .init(params["local_privkey"].string)
            remoteHTLC = .init(inner["remote_privkey"].string)
        }
    }

    static func htlcs(_ list: JSON, _ indices: [Int]) -> [CommitmentHTLC] {
        indices.map { index in
            let entry = list[index]
            return CommitmentHTLC(
                isOfferedByHolder: entry["direction"].string == "local->remote", id: UInt64(index),
                amount: MilliSatoshi(entry["amount_msat"].uint64),
                paymentHash: PaymentPreimage(hex: entry["payment_preimage"].string)!.paymentHash,
                cltvExpiry: CLTVExpiry(UInt32(entry["expiry"].int)))
        }
    }

    static func preimage(_ hash: PaymentHash) -> PaymentPreimage {
        (0..<6).map { PaymentPreimage([UInt8](repeating: UInt8($0), count: 32))! }.first { $0.paymentHash == hash }!
    }

    /// Builds a commitment and its HTLC transactions and compares every byte.
    func check(
        _ fixture: Fixture, feeRate: Int, local: UInt64, remote: UInt64, htlcs: [CommitmentHTLC],
        commitment expected: String, htlcTransactions: [String], htlcSignatures: [String]
    ) {
        let commitment = CommitmentTransaction(
            fixture.context, keys: fixture.keys,
            contents: CommitmentContents(
                number: 42, feeRate: FeeRate(perKiloweight: UInt32(feeRate)), toHolder: MilliSatoshi(local),
                toCounterparty: MilliSatoshi(remote), htlcs: htlcs))
        let hash = commitment.signatureHash()
        let signed = commitment.signed(
            holder: fixture.localFunding.key.sign(hash), counterparty: fixture.remoteFunding.key.sign(hash))
        #expect(Hex.encode(signed.serialized()) == expected)
        #expect(
            CommitmentTransaction.number(of: signed, obscuringFactor: fixture.context.obscuringFactor) == 42)
        let transactions = commitment.htlcTransactions()
        #expect(transactions.count == htlcTransactions.count)
        for (index, htlc) in transactions.enumerated() {
            let remoteSignature = fixture.remoteHTLC.key.sign(htlc.counterpartySignatureHash())
            #expect(Hex.encode(remoteSignature.der) == htlcSignatures[index])
            let whole = htlc.signed(
                holder: fixture.localHTLC.key.sign(htlc.holderSignatureHash()), counterparty: remoteSignature,
                preimage: htlc.htlc.isOfferedByHolder ? nil : Self.preimage(htlc.htlc.paymentHash))
            #expect(Hex.encode(whole.serialized()) == htlcTransactions[index])
        }
    }

    @Test("commitments with static_remotekey, byte for byte")
    func staticRemoteKey() throws {
        let vectors = try Vectors.json("bolt3/commitment_static_remotekey.json")
        let fixture = try Fixture(anchors: false, dustLimit: 546)
        #expect(vectors["cases"].array.count == 16)
        for test in vectors["cases"].array {
            let name = test["name"].string
            let sameAmount = name.contains("same amount and preimage")
            let indices = sameAmount ? [1, 5, 6] : name.contains("no HTLCs") ? [] : [0, 1, 2, 3, 4]
            let list = test["htlcs"].array
            check(
                fixture, feeRate: test["local_feerate_per_kw"].int, local: test["to_local_msat"].uint64,
                remote: test["to_remote_msat"].uint64, htlcs: Self.htlcs(vectors["htlcs"], indices),
                commitment: test["commit_tx"].string, htlcTransactions: list.map { $0["tx"].string },
                htlcSignatures: list.map { $0["remote_htlc_signature"].string })
        }
    }

    @Test("commitments with anchors, byte for byte")
    func anchors() throws {
        let htlcs = try Vectors.json("bolt3/commitment_static_remotekey.json")["htlcs"]
        let vectors = try Vectors.json("bolt3/commitment_anchors.json")["cases"].array
        #expect(vectors.count == 9)
        for test in vectors {
            let fixture = try Fixture(anchors: true, dustLimit: test["DustLimitSatoshis"].uint64)
            let name = test["Name"].string
            let indices =
                !test["UseTestHtlcs"].bool ? [] : name.contains("same amount") ? [1, 5, 6] : [0, 1, 2, 3, 4]
            let list = test["HtlcDescs"].array
            check(
                fixture, feeRate: test["FeePerKw"].int, local: test["LocalBalance"].uint64,
                remote: test["RemoteBalance"].uint64, htlcs: Self.htlcs(htlcs, indices),
                commitment: test["ExpectedCommitmentTxHex"].string,
                htlcTransactions: list.map { $0["ResolutionTxHex"].string },
                htlcSignatures: list.map { $0["RemoteSigHex"].string })
        }
    }

    @Test("key derivation")
    func keyDerivation() throws {
        let v = try Vectors.json("bolt3/key_derivation.json")
        let base = SecretKey.Box(v["base_secret"].string)
        let secret = SecretKey.Box(v["per_commitment_secret"].string)
        let point = secret.key.publicKey()
        #expect(base.key.publicKey().hex == v["base_point"].string)
        #expect(point.hex == v["per_commitment_point"].string)
        #expect(
            KeyDerivation.publicKey(basepoint: base.key.publicKey(), perCommitmentPoint: point).hex
                == v["localpubkey"].string)
        #expect(
            KeyDerivation.secretKey(basepointSecret: base.key, basepoint: base.key.publicKey(), perCommitmentPoint: point).unsafeBytes().hex
                == v["localprivkey"].string)
        #expect(
            KeyDerivation.revocationPublicKey(basepoint: base.key.publicKey(), perCommitmentPoint: point).hex
                == v["revocationpubkey"].string)
        #expect(
            KeyDerivation.revocationSecretKey(basepointSecret: base.key, perCommitmentSecret: secret.key)
                .unsafeBytes().hex == v["revocationprivkey"].string)
    }

    @Test("per-commitment secrets: generation and storage")
    func secrets() throws {
        let v = try Vectors.json("bolt3/per_commitment_secrets.json")
        for test in v["generate"].array {
            let secret = PerCommitmentSecret.generate(seed: Bytes32(hex: test["seed"].string)!, index: test["I"].uint64)
            #expect(secret.hex == test["output"].string)
        }
        for test in v["storage"].array {
            var store = PerCommitmentSecretStore()
            for (position, insert) in test["inserts"].array.enumerated() {
                let secret = Bytes32(hex: insert["secret"].string)!
                let isAccepted = store.insert(secret, index: insert["I"].uint64)
                #expect(isAccepted == insert["ok"].bool, "\(test["name"].string), insert \(position)")
            }
        }
    }

    @Test("a thousand secrets are all found again, and a record of the store round-trips")
    func secretStorage() throws {
        let seed = Hash.sha256(Array("seed".utf8))
        var store = PerCommitmentSecretStore()
        for number in 0..<UInt64(1000) {
            let index = PerCommitmentSecret.index(commitment: number)
            let isDerivable = store.insert(PerCommitmentSecret.generate(seed: seed, index: index), index: index)
            #expect(isDerivable)
        }
        for number in 0..<UInt64(1000) {
            let index = PerCommitmentSecret.index(commitment: number)
            #expect(store.secret(index: index) == PerCommitmentSecret.generate(seed: seed, index: index))
        }
        #expect(store.secret(index: PerCommitmentSecret.index(commitment: 1000)) == nil)
        var writer = ByteWriter()
        store.encode(to: &writer)
        var reader = ByteReader(writer.bytes)
        #expect(try PerCommitmentSecretStore(from: &reader) == store)
    }

    @Test("funding script and weights")
    func fundingAndWeights() throws {
        let v = try Vectors.json("bolt3/funding_tx.json")
        let script = ChannelScripts.funding(
            PublicKey(hex: v["local_funding_pubkey"].string)!, PublicKey(hex: v["remote_funding_pubkey"].string)!)
        let transaction = try Transaction(Hex.decode(v["funding tx"].string)!)
        #expect(transaction.outputs[0].script == .p2wsh(script))
        #expect(transaction.outputs[0].amount.value == UInt64(v["funding satoshis"].int))
        #expect(CommitmentFees.commitmentWeight(hasAnchors: false, htlcCount: 3) == 724 + 172 * 3)
        #expect(CommitmentFees.commitmentWeight(hasAnchors: true, htlcCount: 3) == 1124 + 172 * 3)
    }
}
