package import BitcoinPrimitives
package import CryptoPrimitives
package import LightningWire

/// BOLT 3 "HTLC-Timeout and HTLC-Success Transactions": the second step of an HTLC in its holder's commitment.
package struct HTLCTransaction: Hashable, Sendable {
    package let htlc: CommitmentHTLC
    /// The index of the HTLC's output in the commitment transaction.
    package let outputIndex: UInt32
    package let transaction: Transaction
    /// The script of the HTLC output.
    package let witnessScript: Script
    /// The amount of the HTLC output.
    package let amount: Satoshi
    package let hasAnchors: Bool

    init(
        _ htlc: CommitmentHTLC, commitment: borrowing CommitmentTransaction, outputIndex: UInt32, witnessScript: Script,
        outputScript: Script
    ) {
        self.htlc = htlc
        self.outputIndex = outputIndex
        self.witnessScript = witnessScript
        hasAnchors = commitment.context.hasAnchors
        let feeRate = commitment.contents.feeRate
        let fee =
            htlc.isOfferedByHolder
            ? CommitmentFees.timeoutFee(feeRate, hasAnchors: hasAnchors)
            : CommitmentFees.successFee(feeRate, hasAnchors: hasAnchors)
        amount = htlc.amount.roundedDown
        transaction = Transaction(
            inputs: [
                TransactionInput(OutPoint(commitment.id, outputIndex), sequence: hasAnchors ? 1 : 0)
            ],
            // An HTLC that was not trimmed is worth more than its fee.
            outputs: [TransactionOutput(amount - fee, outputScript)],
            lockTime: htlc.isOfferedByHolder ? htlc.cltvExpiry.value : 0)
    }

    /// What the counterparty signs: SINGLE|ANYONECANPAY under `option_anchors`, so that the holder can add fees.
    package func counterpartySignatureHash() -> Bytes32 {
        signatureHash(hasAnchors ? .singleAnyoneCanPay : .all)
    }

    /// What the holder signs.
    package func holderSignatureHash() -> Bytes32 { signatureHash(.all) }

    private func signatureHash(_ type: SignatureHashType) -> Bytes32 {
        var hasher = SignatureHasher(transaction)
        return hasher.witnessV0(input: 0, scriptCode: witnessScript, amount: amount, type: type)
    }

    /// The transaction with its witness: the preimage for a received HTLC, nothing for one that timed out.
    package func signed(
        holder: ECDSASignature, counterparty: ECDSASignature, preimage: PaymentPreimage?
    ) -> Transaction {
        var result = transaction
        let type: UInt8 = hasAnchors ? 0x83 : 1
        result.inputs[0].witness = [
            [], counterparty.der + [type], holder.der + [1], preimage?.bytes.array ?? [], witnessScript.bytes,
        ]
        return result
    }
}
