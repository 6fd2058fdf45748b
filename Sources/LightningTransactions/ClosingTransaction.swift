package import BitcoinPrimitives
package import CryptoPrimitives
import LightningWire

/// BOLT 3 "Legacy Closing Transaction": both sides' last word on the channel.
package struct ClosingTransaction: Hashable, Sendable {
    package let transaction: Transaction
    private let fundingScript: Script
    private let fundingAmount: Satoshi

    /// - Parameters:
    ///   - outputs: what each side gets after the fee; a side that gets `nil` has no output.
    package init(
        funding: OutPoint, fundingAmount: Satoshi, fundingScript: Script, outputs: [TransactionOutput?]
    ) {
        self.fundingScript = fundingScript
        self.fundingAmount = fundingAmount
        let sorted = outputs.compactMap { $0 }.sorted {
            $0.amount == $1.amount
                ? $0.script.bytes.lexicographicallyPrecedes($1.script.bytes) : $0.amount < $1.amount
        }
        transaction = Transaction(inputs: [TransactionInput(funding)], outputs: sorted)
    }

    package func signatureHash() -> Bytes32 {
        var hasher = SignatureHasher(transaction)
        return hasher.witnessV0(input: 0, scriptCode: fundingScript, amount: fundingAmount)
    }

    package func signed(_ signatures: [(PublicKey, ECDSASignature)]) -> Transaction {
        var result = transaction
        result.inputs[0].witness = FundingSpend.witness(script: fundingScript, signatures)
        return result
    }

    /// The weight with two signatures of the largest size.
    package static func expectedWeight(_ first: Script, _ second: Script) -> Int {
        // version, counts, input, lock time; each output; then marker, flag, and the witness of two 73-byte signatures.
        let outputs = (8 + 1 + first.bytes.count) + (8 + 1 + second.bytes.count)
        return (4 + 1 + 41 + 1 + outputs + 4) * 4 + 2 + 1 + 1 + (1 + 73) * 2 + 1 + 71
    }
}
