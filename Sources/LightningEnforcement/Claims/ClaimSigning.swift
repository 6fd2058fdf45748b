import BitcoinPrimitives
import CryptoPrimitives
import LightningTransactions
import LightningWire

// What a claim is made of, and its signatures.
extension ChannelClose {
    /// A transaction that takes outputs to one script, with an amount of zero and with witnesses of the size that they will have.
    func claimTransaction(_ claimed: [Output], to script: Script, _ channel: ClosingChannel) -> Transaction {
        let hasAnchors = channel.parameters.hasAnchors
        var transaction = Transaction(
            inputs: claimed.map { output in
                let sequence: UInt32
                switch output.role {
                case .delayedToLocal, .secondLevel: sequence = UInt32(channel.parameters.remote.toSelfDelay)
                case .toRemote, .offeredHTLC, .receivedHTLC: sequence = hasAnchors ? 1 : 0xffff_fffd
                case .penaltyToLocal, .penaltyHTLC, .penaltySecondLevel, .htlc: sequence = 0xffff_fffd
                }
                return TransactionInput(output.outPoint, sequence: sequence)
            }, outputs: [TransactionOutput(.zero, script)])
        // OP_CHECKLOCKTIMEVERIFY wants a lock time that has come for every HTLC that we offered.
        for output in claimed where output.role == .offeredHTLC {
            transaction.lockTime = max(transaction.lockTime, htlcs.first { $0.key == output.htlc }?.cltvExpiry.value ?? 0)
        }
        let signature = [UInt8](repeating: 0, count: 73)
        for (index, output) in claimed.enumerated() { transaction.inputs[index].witness = witness(of: output, signature, channel) }
        return transaction
    }

    /// What the signature of a claim covers: the script behind the output, or for what is paid to a key BIP 143's `scriptCode`.
    private func spentScript(_ output: Output, _ channel: ClosingChannel) -> Script {
        output.witnessScript ?? .p2pkh(hash: Hash.hash160(channel.parameters.local.keys.payment.compressed))
    }

    private func witness(of output: Output, _ signature: [UInt8], _ channel: ClosingChannel) -> [[UInt8]] {
        let parameters = channel.parameters
        let script = spentScript(output, channel)
        return switch output.role {
        case .delayedToLocal, .secondLevel: [signature, [], script.bytes]
        case .penaltyToLocal, .penaltySecondLevel: [signature, [1], script.bytes]
        case .penaltyHTLC: [signature, revocationKey(channel), script.bytes]
        case .toRemote: parameters.hasAnchors ? [signature, script.bytes] : [signature, parameters.local.keys.payment.compressed]
        // "<remotehtlcsig> <>", and "<remotehtlcsig> <payment_preimage>": in the peer's commitment the remote is us.
        case .offeredHTLC: [signature, [], script.bytes]
        case .receivedHTLC: [signature, preimage(of: output)?.bytes.array ?? [], script.bytes]
        case .htlc: []
        }
    }

    private func preimage(of output: Output) -> PaymentPreimage? { htlcs.first { $0.key == output.htlc }?.preimage }

    /// Our signature of a claim on an output; `nil` where we have no key for it.
    private func sign(_ hash: Bytes32, for output: Output, _ channel: ClosingChannel) -> ECDSASignature? {
        let keys = channel.keys
        switch output.role {
        case .delayedToLocal, .secondLevel:
            guard let point else { return nil }
            return KeyDerivation.secretKey(
                basepointSecret: keys.delayedPayment, basepoint: keys.basepoints.delayedPayment, perCommitmentPoint: point
            ).sign(hash)
        case .toRemote: return keys.payment.sign(hash)
        case .penaltyToLocal, .penaltyHTLC, .penaltySecondLevel:
            guard let number = commitmentNumber, let secret = channel.revokedSecret(number) else { return nil }
            return KeyDerivation.revocationSecretKey(basepointSecret: keys.revocation, perCommitmentSecret: secret).sign(hash)
        case .offeredHTLC, .receivedHTLC:
            guard let point else { return nil }
            return KeyDerivation.secretKey(basepointSecret: keys.htlc, basepoint: keys.basepoints.htlc, perCommitmentPoint: point).sign(
                hash)
        case .htlc: return nil
        }
    }

    /// Signs a claim of ours, whose inputs are these outputs in their order.
    func signClaim(_ claimed: [Output], _ unsigned: Transaction, _ channel: ClosingChannel) -> Transaction? {
        var transaction = unsigned
        var hasher = SignatureHasher(transaction)
        for (index, output) in claimed.enumerated() {
            guard output.role != .receivedHTLC || preimage(of: output) != nil else { return nil }
            let hash = hasher.witnessV0(input: index, scriptCode: spentScript(output, channel), amount: output.output.amount)
            guard let signature = sign(hash, for: output, channel) else { return nil }
            transaction.inputs[index].witness = witness(of: output, signature.der + [1], channel)
        }
        return transaction
    }

    // MARK: HTLC transactions

    /// HTLC transactions of ours in one, each output at the place of its input, with witnesses of the size that they will have.
    func stepTransaction(_ claimed: [Output]) -> Transaction {
        let steps = claimed.compactMap(\.step)
        var transaction = Transaction(
            inputs: steps.flatMap(\.transaction.inputs), outputs: steps.flatMap(\.transaction.outputs),
            lockTime: steps.first?.transaction.lockTime ?? 0)
        let signature = [UInt8](repeating: 0, count: 73)
        for (index, output) in claimed.enumerated() {
            transaction.inputs[index].witness = [
                [], signature, signature, [UInt8](repeating: 0, count: output.role == .receivedHTLC ? 32 : 0),
                output.witnessScript?.bytes ?? [],
            ]
        }
        return transaction
    }

    /// Signs HTLC transactions of ours, which are the first inputs of a transaction.
    ///
    /// The peer's signature is for one input and its output; ours is for all of it, so that nobody takes the fee out again.
    func signStep(_ claimed: [Output], _ unsigned: Transaction, _ channel: ClosingChannel) -> Transaction? {
        guard unsigned.inputs.count >= claimed.count else { return nil }
        var transaction = unsigned
        var hasher = SignatureHasher(transaction)
        let type: UInt8 = channel.parameters.hasAnchors ? 0x83 : 1
        for (index, output) in claimed.enumerated() {
            guard let step = output.step, let script = output.witnessScript,
                transaction.inputs[index].previousOutput == output.outPoint
            else { return nil }
            let preimage = preimage(of: output)
            guard output.role != .receivedHTLC || preimage != nil else { return nil }
            let hash = hasher.witnessV0(input: index, scriptCode: script, amount: output.output.amount)
            guard let signature = sign(hash, for: output, channel) else { return nil }
            transaction.inputs[index].witness = [
                [], step.peerSignature.der + [type], signature.der + [1],
                output.role == .receivedHTLC ? preimage?.bytes.array ?? [] : [], script.bytes,
            ]
        }
        return transaction
    }

    /// The revocation key of the remote's commitment, as witnesses of penalties hold it.
    func revocationKey(_ channel: ClosingChannel) -> [UInt8] {
        point.map { channel.parameters.keys(holderIsLocal: false, point: $0).revocation.compressed } ?? []
    }
}
