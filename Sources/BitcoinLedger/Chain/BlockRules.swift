public import BitcoinPrimitives
import CryptoPrimitives

/// A block with the hashes that every rule needs, computed once.
struct PreparedBlock {
    let block: Block
    let hash: BlockHash
    let ids: [TransactionID]
    let weights: [Int]
    /// Signature operations as they were counted before BIP 16, for each transaction.
    let legacyOperations: [Int]

    init(_ block: Block) {
        self.block = block
        hash = block.hash
        ids = block.transactions.map(\.id)
        weights = block.transactions.map(\.weight)
        legacyOperations = block.transactions.map { TransactionRules.legacySignatureOperations($0) }
    }

    var weight: Int { (80 + ByteWriter.compactSizeLength(weights.count)) * 4 + weights.reduce(0, +) }
}

/// What can be said of a block without the coins it spends; the reasons and their order are Bitcoin Core's.
enum BlockRules {
    struct Violation: Error {
        var reason: String
        /// Whether the same header may belong to an honest block, so that nothing may be remembered of it.
        var isMutation = false
    }

    /// What holds wherever the block may stand.
    static func checkContent(_ prepared: PreparedBlock) throws(Violation) {
        let block = prepared.block
        guard meetsTarget(prepared.hash) else { throw Violation(reason: "high-hash") }
        let (root, isMutated) = MerkleTree.root(prepared.ids.map(\.bytes))
        guard root == block.header.merkleRoot else { throw Violation(reason: "bad-txnmrklroot", isMutation: true) }
        // CVE-2012-2459: the same root with transactions repeated.
        if isMutated { throw Violation(reason: "bad-txns-duplicate", isMutation: true) }
        let size = block.transactions.reduce(80 + ByteWriter.compactSizeLength(block.transactions.count)) {
            $0 + $1.strippedSize
        }
        guard !block.transactions.isEmpty, block.transactions.count * 4 <= Ledger.maximumBlockWeight,
            size * 4 <= Ledger.maximumBlockWeight
        else { throw Violation(reason: "bad-blk-length") }
        guard block.transactions[0].isCoinbase else { throw Violation(reason: "bad-cb-missing") }
        if block.transactions.dropFirst().contains(where: \.isCoinbase) { throw Violation(reason: "bad-cb-multiple") }
        let operations = prepared.legacyOperations.reduce(0, +)
        for transaction in block.transactions {
            do { try TransactionRules.checkForm(transaction) } catch { throw Violation(reason: error.reason) }
        }
        if operations * 4 > Ledger.maximumSignatureOperationCost { throw Violation(reason: "bad-blk-sigops") }
    }

    /// The target of 0x207fffff is 7fffff followed by zeros: only the top three bytes decide.
    static func meetsTarget(_ hash: BlockHash) -> Bool {
        let top = UInt32(hash.bytes[31]) << 16 | UInt32(hash.bytes[30]) << 8 | UInt32(hash.bytes[29])
        if top != 0x7fffff { return top < 0x7fffff }
        return (0..<29).allSatisfy { hash.bytes[$0] == 0 }
    }

    /// What a header must be behind its parent.
    static func checkHeader(
        _ header: BlockHeader, bits: UInt32, medianTimePast: UInt32, now: UInt32
    ) throws(Violation) {
        guard header.bits == bits else { throw Violation(reason: "bad-diffbits") }
        if header.time <= medianTimePast { throw Violation(reason: "time-too-old") }
        if UInt64(header.time) > UInt64(now) + 7200 { throw Violation(reason: "time-too-new") }
        // BIP 34, 66 and 65 together leave no version below four.
        if Int32(bitPattern: header.version) < 4 {
            let text = Hex.encode(withUnsafeBytes(of: header.version.bigEndian) { Array($0) })
            throw Violation(reason: "bad-version(0x\(text))")
        }
    }

    /// What a block must hold at its height.
    static func checkContext(
        _ prepared: PreparedBlock, height: BlockHeight, medianTimePast: UInt32
    ) throws(Violation) {
        let block = prepared.block
        for transaction in block.transactions {
            guard TransactionRules.isFinal(transaction, height: height, medianTimePast: medianTimePast) else {
                throw Violation(reason: "bad-txns-nonfinal")
            }
        }
        // BIP 34: "the first item in the coinbase transaction's scriptSig" is the height.
        let prefix = Script([.number(Int64(height.value))]).bytes
        guard block.transactions[0].inputs[0].signatureScript.bytes.starts(with: prefix) else {
            throw Violation(reason: "bad-cb-height")
        }
        try checkWitnessCommitment(block)
        if prepared.weight > Ledger.maximumBlockWeight { throw Violation(reason: "bad-blk-weight") }
    }

    /// BIP 141's commitment to the witnesses in the coinbase.
    private static func checkWitnessCommitment(_ block: Block) throws(Violation) {
        let coinbase = block.transactions[0]
        guard let commitment = block.witnessCommitment else {
            if block.transactions.contains(where: \.hasWitness) {
                throw Violation(reason: "unexpected-witness", isMutation: true)
            }
            return
        }
        let witness = coinbase.inputs[0].witness
        guard witness.count == 1, witness[0].count == 32 else {
            throw Violation(reason: "bad-witness-nonce-size", isMutation: true)
        }
        let expected = BlockTemplate.witnessCommitment(block.transactions, reserved: witness[0])
        guard commitment.bytes[6..<38].elementsEqual(expected.array) else {
            throw Violation(reason: "bad-witness-merkle-match", isMutation: true)
        }
    }
}

extension Block {
    /// BIP 141: the script of the coinbase's output that commits to the witnesses, the last one of that form.
    public var witnessCommitment: Script? {
        transactions.first?.outputs.last {
            $0.script.bytes.count >= 38 && $0.script.bytes.starts(with: BlockTemplate.commitmentPrefix)
        }?.script
    }
}
