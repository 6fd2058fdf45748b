package import BitcoinPrimitives
import CryptoPrimitives
import LightningTransactions
import LightningWire

// The transactions that take our outputs of a close to the wallet.
extension ChannelClose {
    /// Whether there is an output that can be claimed at the given height.
    package func hasClaims(at height: Int) -> Bool { outputs.contains { $0.isClaimable(at: height) } }

    /// Makes the claims that can be mined now, again at every block until they are.
    ///
    /// - Parameters:
    ///   - height: of the chain's tip.
    ///   - feeRate: for transactions that should confirm soon.
    ///   - script: where the money goes.
    /// - Returns: the transactions to publish. An output whose claim would cost all of it is given up.
    package mutating func claim(at height: Int, feeRate: FeeRate, to script: Script, _ channel: ClosingChannel) -> [Transaction] {
        var claims: [Transaction] = []
        for index in outputs.indices where outputs[index].isClaimable(at: height) {
            guard let transaction = claim(outputs[index], feeRate: feeRate, to: script, channel) else {
                outputs[index].status = .abandoned
                continue
            }
            outputs[index].status = .claiming(transaction.id)
            claims.append(transaction)
        }
        return claims
    }

    /// A transaction that takes one output to our wallet; `nil` where its fee would eat it up.
    private func claim(_ output: Output, feeRate: FeeRate, to script: Script, _ channel: ClosingChannel) -> Transaction? {
        let (keys, parameters) = (channel.keys, channel.parameters)
        let sequence: UInt32
        switch output.role {
        case .delayedToLocal: sequence = UInt32(parameters.remote.toSelfDelay)
        case .toRemote: sequence = parameters.hasAnchors ? 1 : 0xffff_fffd
        case .penaltyToLocal, .penaltyHTLC, .penaltySecondLevel, .htlc: sequence = 0xffff_fffd
        }
        var transaction = Transaction(
            inputs: [TransactionInput(output.outPoint, sequence: sequence)], outputs: [TransactionOutput(.zero, script)])
        func witness(_ signature: [UInt8], _ script: Script) -> [[UInt8]] {
            switch output.role {
            case .delayedToLocal: [signature, [], script.bytes]
            case .penaltyToLocal, .penaltySecondLevel: [signature, [1], script.bytes]
            case .penaltyHTLC: [signature, revocationKey(channel), script.bytes]
            case .toRemote: parameters.hasAnchors ? [signature, script.bytes] : [signature, parameters.local.keys.payment.compressed]
            case .htlc: []
            }
        }
        let spent = output.witnessScript ?? .p2pkh(hash: Hash.hash160(parameters.local.keys.payment.compressed))
        transaction.inputs[0].witness = witness([UInt8](repeating: 0, count: 73), spent)
        // Where the usual fee would eat the output up, whatever it can pay; only less than the least is given up.
        let least = FeeRate.floor.feeRoundedUp(weight: transaction.weight)
        guard let most = output.output.amount.subtracting(script.dustLimit), most >= least else { return nil }
        let fee = min(max(feeRate, .floor).feeRoundedUp(weight: transaction.weight), most)
        transaction.outputs[0].amount = output.output.amount - fee
        var hasher = SignatureHasher(transaction)
        let hash = hasher.witnessV0(input: 0, scriptCode: spent, amount: output.output.amount)
        let signature: ECDSASignature
        switch output.role {
        case .delayedToLocal:
            guard let point else { return nil }
            signature = KeyDerivation.secretKey(basepointSecret: keys.delayedPayment, perCommitmentPoint: point).sign(hash)
        case .toRemote: signature = keys.payment.sign(hash)
        case .penaltyToLocal, .penaltyHTLC, .penaltySecondLevel:
            guard let number = commitmentNumber, let secret = channel.revokedSecret(number) else { return nil }
            signature = KeyDerivation.revocationSecretKey(basepointSecret: keys.revocation, perCommitmentSecret: secret).sign(hash)
        case .htlc: return nil
        }
        transaction.inputs[0].witness = witness(signature.der + [1], spent)
        return transaction
    }

    /// The revocation key of the remote's commitment, as witnesses of penalties hold it.
    func revocationKey(_ channel: ClosingChannel) -> [UInt8] {
        point.map { channel.parameters.keys(holderIsLocal: false, point: $0).revocation.compressed } ?? []
    }
}

extension ChannelClose.Output {
    fileprivate func isClaimable(at height: Int) -> Bool {
        switch status {
        case .waiting(let from): from <= height
        // An output that was too small for its claim may be worth it at a lower fee rate.
        case .claiming, .abandoned: true
        case .resolved, .unresolved: false
        }
    }
}
