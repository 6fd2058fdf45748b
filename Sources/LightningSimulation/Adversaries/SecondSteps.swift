import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives
import LightningChannel
import LightningTransactions
import LightningWire

/// What takes the HTLC outputs of a node's commitment to their second step (BOLT 3 "HTLC-Timeout and HTLC-Success Transactions"), and what
/// is the node's own after its delay, kept for the day when that commitment is revoked.
struct SecondSteps: Sendable {
    /// A step without our signature, and the peer's.
    private var steps: [(step: HTLCTransaction, peerSignature: ECDSASignature)]
    private let keys: ChannelKeys
    /// The commitment's.
    private let point: PublicKey
    /// Of `to_local`, and of each second step's output.
    private let delayedScript: Script
    private let delay: UInt16

    /// - Parameter channel: as it stands; later it has forgotten these steps.
    init(_ channel: PaymentChannel, _ keys: ChannelKeys) {
        var copy = channel
        steps = copy.localHTLCTransactions(keys)
        self.keys = keys
        point = keys.perCommitmentPoint(channel.commitments.localNumber)
        let parameters = channel.parameters
        let derived = parameters.keys(holderIsLocal: true, point: point)
        delay = parameters.remote.toSelfDelay
        delayedScript = ChannelScripts.toLocal(revocation: derived.revocation, delay: delay, delayed: derived.holderDelayed)
    }

    /// How many HTLC outputs there are.
    var count: Int { steps.count }

    /// The block from which on the first of what the node offered can be taken.
    var firstExpiry: CLTVExpiry? { steps.filter(\.step.htlc.isOfferedByHolder).map(\.step.htlc.cltvExpiry).min() }

    /// The steps that can be taken, each a transaction.
    ///
    /// - Parameters:
    ///   - preimages: those that the cheater knows: what it received it can only take with them.
    ///   - coins: transactions whose first outputs are coins of adversaries; each step of a channel with anchors takes one for its fee.
    func transactions(
        preimages: [PaymentHash: PaymentPreimage], coins: inout [Transaction]
    ) -> [Transaction] {
        let secret = KeyDerivation.secretKey(basepointSecret: keys.htlc, basepoint: keys.basepoints.htlc, perCommitmentPoint: point)
        var result: [Transaction] = []
        for (step, peerSignature) in steps {
            let preimage = step.htlc.isOfferedByHolder ? nil : preimages[step.htlc.paymentHash]
            guard step.htlc.isOfferedByHolder || preimage != nil else { continue }
            guard step.hasAnchors else {
                let signature = secret.sign(step.holderSignatureHash())
                result.append(step.signed(holder: signature, counterparty: peerSignature, preimage: preimage))
                continue
            }
            // The peer has signed for the first input and output alone: the fee comes from another coin.
            guard let coin = coins.popLast() else { break }
            let amount = coin.outputs[0].amount
            guard let change = amount.subtracting(Satoshi(20_000)) else { continue }
            var transaction = step.transaction
            transaction.inputs.append(TransactionInput(OutPoint(coin.id, 0), sequence: 0xffff_fffd))
            transaction.outputs.append(TransactionOutput(change, AdversaryCoins.script))
            var hasher = SignatureHasher(transaction)
            let hash = hasher.witnessV0(input: 0, scriptCode: step.witnessScript, amount: step.amount)
            transaction.inputs[0].witness = [
                [], peerSignature.der + [0x83], secret.sign(hash).der + [1], preimage?.bytes.array ?? [], step.witnessScript.bytes,
            ]
            AdversaryCoins.sign(&transaction, 1, amount)
            result.append(transaction)
        }
        return result
    }

    /// What takes the outputs of a transaction that are the node's own after its delay.
    func sweeps(of transaction: Transaction) -> [Transaction] {
        let secret = KeyDerivation.secretKey(
            basepointSecret: keys.delayedPayment, basepoint: keys.basepoints.delayedPayment, perCommitmentPoint: point)
        let script = Script.p2wsh(delayedScript)
        return transaction.outputs.enumerated().compactMap { index, output in
            guard output.script == script, let rest = output.amount.subtracting(Self.fee), rest > Satoshi(1000) else { return nil }
            var sweep = Transaction(
                inputs: [TransactionInput(OutPoint(transaction.id, UInt32(index)), sequence: UInt32(delay))],
                outputs: [TransactionOutput(rest, AdversaryCoins.script)])
            sweep.version = 2
            var hasher = SignatureHasher(sweep)
            let hash = hasher.witnessV0(input: 0, scriptCode: delayedScript, amount: output.amount)
            sweep.inputs[0].witness = [secret.sign(hash).der + [1], [], delayedScript.bytes]
            return sweep
        }
    }

    /// What a sweep pays.
    private static let fee = Satoshi(2000)
}
