package import BitcoinPrimitives
package import CryptoPrimitives
package import LightningTransactions
import LightningWire

/// What somebody else needs to punish one revoked commitment for us while we are away: our signatures, made in advance.
///
/// Each output that the cheater could get, its own and the HTLCs', is signed for by itself, with SIGHASH_SINGLE|ANYONECANPAY: for each of a few
/// fee rates, to our own script. Whoever has the kit can put them together as they are needed, and can choose what is paid to the miner, but
/// cannot take anything: all that is left goes to us. What the cheater has moved into a second-level transaction before has another outpoint,
/// which nobody can sign for in advance: that is left to us, who have `to_self_delay` blocks for it.
///
/// It is stored under a hint made from the commitment's txid and sealed by a key made from it: before the commitment is published nobody can
/// read it, or knows whose it is.
package struct PenaltyKit: Hashable, Sendable {
    /// An output of the revoked commitment.
    package struct Output: Hashable, Sendable {
        package var index: UInt32
        package var amount: Satoshi
        /// The script behind it.
        package var script: Script
        package var isHTLC: Bool
        /// One for each of `PenaltyKit.feeRates`.
        package var signatures: [ECDSASignature]
    }

    /// Where everything goes.
    package var sweepScript: Script
    package var revocationKey: PublicKey
    package var outputs: [Output]

    /// From what is cheap at most times to what was paid at the worst ones: 4, 16, 64 and 256 sat for each virtual byte.
    package static let feeRates = [1000, 4000, 16_000, 64_000].map { FeeRate(perKiloweight: $0) }
    /// Outputs in one kit: it fits into a message. A commitment with more has more kits.
    package static let maxOutputs = 100
    /// A sealed kit has more bytes than this.
    package static let leastLength = 200
    /// BOLT 3's longest script has 142 bytes.
    private static let maxScript = 200
    /// The longest script that layer 1 relays outputs to, of those that a wallet has.
    private static let maxSweepScript = 42
    private static let sequence: UInt32 = 0xffff_fffd
    /// Below that an output does not pay its own fee.
    private static let leastFeeRate = FeeRate(perKiloweight: 1000)
    private static let leastHTLCFeeRate = FeeRate(perKiloweight: 4000)

    /// The kits for a commitment of the peer that it has just revoked; none where nothing in it is worth a fee.
    ///
    /// - Parameters:
    ///   - secret: the per-commitment secret that the peer gave.
    ///   - revocationSecret: of our revocation basepoint.
    ///   - sweepScript: a script of our wallet.
    ///   - most: HTLC outputs that are signed for, those of the largest amounts first.
    package static func kits(
        revoking commitment: CommitmentTransaction, secret: borrowing SecretKey, revocation revocationSecret: borrowing SecretKey,
        to sweepScript: Script, htlcs most: Int = .max
    ) -> [PenaltyKit] {
        let key = KeyDerivation.revocationSecretKey(basepointSecret: revocationSecret, perCommitmentSecret: secret)
        var outputs: [Output] = []
        for (index, role) in commitment.roles.enumerated() {
            let isHTLC: Bool
            switch role {
            case .toHolder: isHTLC = false
            case .htlc: isHTLC = true
            case .toCounterparty, .holderAnchor, .counterpartyAnchor: continue
            }
            guard let script = commitment.witnessScript(at: index) else { continue }
            let amount = commitment.transaction.outputs[index].amount
            let output = Output(index: UInt32(index), amount: amount, script: script, isHTLC: isHTLC, signatures: [])
            // An HTLC that could not follow the fees of busy times is not worth a kit: each costs signatures, and room with the towers.
            let rate = isHTLC ? leastHTLCFeeRate : leastFeeRate
            guard let least = rate.feeRoundedUp(weight: output.weight(sweepScript)).adding(sweepScript.dustLimit), amount >= least
            else { continue }
            outputs.append(output)
        }
        // What is worth most first.
        outputs.sort { ($0.isHTLC ? 1 : 0, $1.amount, $0.index) < ($1.isHTLC ? 1 : 0, $0.amount, $1.index) }
        let own = outputs.count { !$0.isHTLC }
        outputs = Array(outputs.prefix(own + min(most, outputs.count - own)))
        for place in outputs.indices {
            for level in feeRates.indices {
                let hash = signatureHash(outputs[place], of: commitment.id, level: level, to: sweepScript)
                outputs[place].signatures.append(key.sign(hash))
            }
        }
        return stride(from: 0, to: outputs.count, by: maxOutputs).map { start in
            PenaltyKit(
                sweepScript: sweepScript, revocationKey: commitment.keys.revocation,
                outputs: Array(outputs[start..<min(start + maxOutputs, outputs.count)]))
        }
    }

    // MARK: Punishing

    /// The transactions that take outputs of the revoked commitment.
    ///
    /// BOLT 5, of `option_anchors`: "SHOULD *resolve* revoked outputs in their own, separate penalty transactions": so `to_local`, which is most of what there
    /// is, never waits for an HTLC that the cheater takes first, or pins; and HTLCs go in groups, or each by itself.
    ///
    /// - Parameters:
    ///   - indices: of the commitment's outputs that nobody has spent.
    ///   - level: the fee rate that is wanted, of `feeRates`: HTLCs, which the cheater may take to their second step in any block, pay the next
    ///     one from the beginning. An output that cannot pay that pays the highest one that it can.
    ///   - alone: HTLCs that go by themselves.
    ///   - group: HTLCs in one transaction at most. Which are together does not depend on which are spent.
    package static func claims(
        _ kits: [PenaltyKit], of commitment: TransactionID, outputs indices: Set<UInt32>, alone: Set<UInt32> = [], level: Int, group: Int
    ) -> [Transaction] {
        var single: [Transaction] = []
        var groups: [Int: [(PenaltyKit, Output)]] = [:]
        for kit in kits {
            for output in kit.outputs where output.signatures.count == feeRates.count {
                let highest = output.highestLevel(kit.sweepScript)
                if output.isHTLC {
                    // Those that can follow the fees equally far stay together at every level: a claim of other inputs than the one before it
                    // would have to pay for that as well.
                    groups[highest, default: []].append((kit, output))
                } else if indices.contains(output.index) {
                    single.append(claim([(kit, output)], of: commitment, level: min(level, highest)))
                }
            }
        }
        for (highest, outputs) in groups.sorted(by: { $0.key > $1.key }) {
            let level = min(level + 1, highest)
            for start in stride(from: 0, to: outputs.count, by: max(1, group)) {
                let left = outputs[start..<min(start + max(1, group), outputs.count)].filter { indices.contains($0.1.index) }
                let together = left.filter { !alone.contains($0.1.index) }
                if !together.isEmpty { single.append(claim(together, of: commitment, level: level)) }
                for one in left where alone.contains(one.1.index) { single.append(claim([one], of: commitment, level: level)) }
            }
        }
        return single
    }

    private static func claim(_ outputs: [(PenaltyKit, Output)], of commitment: TransactionID, level: Int) -> Transaction {
        var transaction = Transaction(inputs: [], outputs: [])
        transaction.version = 2
        for (kit, output) in outputs {
            var input = TransactionInput(OutPoint(commitment, output.index), sequence: sequence)
            let signature = output.signatures[level].der + [UInt8(truncatingIfNeeded: SignatureHashType.singleAnyoneCanPay.rawValue)]
            let branch: [UInt8] = output.isHTLC ? kit.revocationKey.compressed : [1]
            input.witness = [signature, branch, output.script.bytes]
            transaction.inputs.append(input)
            transaction.outputs.append(TransactionOutput(output.left(level, kit.sweepScript), kit.sweepScript))
        }
        return transaction
    }

    /// The outputs of the kit whose signatures are good for a transaction: whoever knows the transaction, the cheater first of all, can make
    /// kits for it, and one bad input would spoil the whole claim.
    ///
    /// - Returns: `nil` where there are none.
    package func verified(for commitment: Transaction, id: TransactionID) -> PenaltyKit? {
        var kit = self
        kit.outputs = outputs.filter { output in
            let index = Int(output.index)
            guard output.script.bytes.count <= Self.maxScript, commitment.outputs.indices.contains(index),
                output.signatures.count == Self.feeRates.count,
                commitment.outputs[index] == TransactionOutput(output.amount, .p2wsh(output.script)), isRevocable(output)
            else { return false }
            return output.signatures.indices.allSatisfy { level in
                output.signatures[level].verify(
                    Self.signatureHash(output, of: id, level: level, to: sweepScript), key: revocationKey)
            }
        }
        return kit.outputs.isEmpty ? nil : kit
    }

    /// The kit's outputs that others do not have, each as a kit of its own: one signature for an output is enough, and two would spoil the claim.
    package func outputs(without others: [PenaltyKit]) -> [PenaltyKit] {
        var known = Set(others.flatMap { $0.outputs.map(\.index) })
        return outputs.filter { known.insert($0.index).inserted }.map { output in
            PenaltyKit(sweepScript: sweepScript, revocationKey: revocationKey, outputs: [output])
        }
    }

    /// Whether the script lets the kit's revocation key spend it: BOLT 3's `to_local` begins with the key, an HTLC's with its hash.
    private func isRevocable(_ output: Output) -> Bool {
        let script = output.script.bytes
        return output.isHTLC
            ? script.starts(with: [0x76, 0xa9, 0x14] + Hash.hash160(revocationKey.compressed))
            : script.starts(with: [0x63, 0x21] + revocationKey.compressed)
    }

    private static func signatureHash(_ output: Output, of commitment: TransactionID, level: Int, to sweep: Script) -> Bytes32 {
        var transaction = Transaction(
            inputs: [TransactionInput(OutPoint(commitment, output.index), sequence: sequence)],
            outputs: [TransactionOutput(output.left(level, sweep), sweep)])
        transaction.version = 2
        var hasher = SignatureHasher(transaction)
        return hasher.witnessV0(input: 0, scriptCode: output.script, amount: output.amount, type: .singleAnyoneCanPay)
    }

    // MARK: Kept by others

    private static let title = Array("swift-lightning/penalty kit/1".utf8)

    /// Under which a kit is looked for when a transaction is published.
    package static func hint(_ commitment: TransactionID) -> [UInt8] {
        Array(Hash.tagged("swift-lightning/penalty kit/hint", commitment.bytes.array).array.prefix(16))
    }

    private static func key(_ commitment: TransactionID) -> Bytes32 {
        Hash.tagged("swift-lightning/penalty kit/key", commitment.bytes.array)
    }

    package func sealed(for commitment: TransactionID) -> [UInt8] { SealedBox.seal(encoded(), Self.key(commitment), title: Self.title) }

    /// - Returns: `nil` where the kit is for another transaction, or none.
    package init?(sealed box: [UInt8], for commitment: TransactionID) {
        guard let content = SealedBox.open(box, Self.key(commitment), title: Self.title), let kit = try? PenaltyKit(record: content),
            // Here and not where records are read: what a tower has stored of earlier versions is read as it is.
            kit.sweepScript.bytes.count <= Self.maxSweepScript
        else {
            return nil
        }
        self = kit
    }

    package func encoded() -> [UInt8] {
        ByteWriter.bytes {
            $0.uint8(1)
            $0.variableBytes(sweepScript.bytes)
            $0.point(revocationKey)
            $0.compactSize(outputs.count)
            for output in outputs {
                $0.uint32(output.index)
                $0.satoshi(output.amount)
                $0.variableBytes(output.script.bytes)
                $0.uint8(output.isHTLC ? 1 : 0)
                $0.compactSize(output.signatures.count)
                for signature in output.signatures { $0.write(signature.compact) }
            }
        }
    }

    package init(record: [UInt8]) throws(DecodingFailure) {
        var reader = ByteReader(record)
        guard try reader.uint8() == 1 else { throw .invalid("version of a penalty kit") }
        sweepScript = Script(try reader.variableBytes())
        revocationKey = try reader.point()
        outputs = []
        for _ in 0..<(try reader.count(minimum: 14)) {
            var output = Output(
                index: try reader.uint32(), amount: try reader.satoshi(), script: Script(try reader.variableBytes()),
                isHTLC: try reader.uint8() == 1, signatures: [])
            guard output.amount.isMoney, outputs.count < Self.maxOutputs else { throw .invalid("output of a penalty kit") }
            for _ in 0..<(try reader.count(minimum: 64)) {
                guard let signature = ECDSASignature(compact: try reader.read(64)) else { throw .invalid("signature of a penalty kit") }
                output.signatures.append(signature)
            }
            outputs.append(output)
        }
        try reader.expectEnd()
    }

    package init(sweepScript: Script, revocationKey: PublicKey, outputs: [Output]) {
        self.sweepScript = sweepScript
        self.revocationKey = revocationKey
        self.outputs = outputs
    }
}

extension PenaltyKit.Output {
    /// What it adds to a claim: its input, and the output that it pays to.
    fileprivate func weight(_ sweep: Script) -> Int {
        // The signature has 73 bytes at most; the claim's own 42 units of weight are counted for every output, which never is too little.
        42 + 41 * 4 + 1 + 74 + (isHTLC ? 34 : 2) + 3 + script.bytes.count + (9 + sweep.bytes.count) * 4
    }

    /// The highest of the fee rates that it can pay.
    fileprivate func highestLevel(_ sweep: Script) -> Int {
        PenaltyKit.feeRates.lastIndex { rate in
            amount.subtracting(rate.feeRoundedUp(weight: weight(sweep))).map { $0 >= sweep.dustLimit } ?? false
        } ?? 0
    }

    /// What is left of it for us at one of the fee rates: a level that would eat all of it up leaves what is not dust.
    fileprivate func left(_ level: Int, _ sweep: Script) -> Satoshi {
        let fee = PenaltyKit.feeRates[level].feeRoundedUp(weight: weight(sweep))
        return max(amount.subtracting(fee) ?? .zero, sweep.dustLimit)
    }
}
