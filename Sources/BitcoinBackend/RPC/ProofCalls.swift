import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives

/// Proofs that transactions are in blocks.
extension RPCMethod {
    static let proofs: [RPCMethod] = [
        RPCMethod(
            "gettxoutproof", ["txids", "blockhash"], required: 1, "blockchain",
            "A proof that transactions are in a block, as hexadecimal digits."
        ) { arguments, context in
            let ids = try arguments.array(0).map { value throws(RPCFailure) -> TransactionID in
                try RPCArguments.identifier(value.string ?? "", named: "txid")
            }
            guard !ids.isEmpty else { throw RPCFailure.parameter("Parameter 'txids' cannot be empty") }
            guard Set(ids).count == ids.count else { throw RPCFailure.parameter("Invalid parameter, duplicated txid: \(duplicate(ids))") }
            let asked = arguments[1] == nil ? nil : try arguments.identifier(1, BlockHash.self)
            return try await context.chain.read { ledger, _ in
                if let asked, ledger.header(asked) == nil { throw RPCFailure.notFound("Block not found") }
                guard let hash = asked ?? ids.lazy.compactMap({ ledger.location($0)?.block }).first else {
                    throw RPCFailure.notFound("Transaction not yet in block")
                }
                guard let block = ledger.block(hash) else { throw RPCFailure.misc("Block not available (not fully downloaded)") }
                let leaves = block.transactions.map(\.id.bytes)
                let wanted = Set(ids.map(\.bytes))
                guard wanted.isSubset(of: leaves) else {
                    throw RPCFailure.notFound("Not all transactions found in specified or retrieved block")
                }
                let bytes = ByteWriter.bytes {
                    block.header.encode(to: &$0)
                    PartialMerkleTree(leaves, matched: wanted).encode(to: &$0)
                }
                return .string(Hex.encode(bytes))
            }
        },
        RPCMethod(
            "verifytxoutproof", ["proof"], required: 1, "blockchain", "The transactions that a proof proves; none where it proves nothing."
        ) {
            arguments, context in
            guard let bytes = Hex.decode(try arguments.string(0)) else {
                throw RPCFailure.parameter("proof must be hexadecimal string (not '\(try arguments.string(0).prefix(100))')")
            }
            let (header, tree): (BlockHeader, PartialMerkleTree)
            do throws(DecodingFailure) {
                var reader = ByteReader(bytes)
                header = try BlockHeader(from: &reader)
                tree = try PartialMerkleTree(from: &reader)
            } catch { throw RPCFailure.misc("the proof cannot be read: \(error)") }
            guard let (root, matched) = tree.proof, root == header.merkleRoot else { return [] }
            return try await context.chain.read { ledger, _ in
                guard let known = ledger.header(header.hash), known.isActive else { throw RPCFailure.notFound("Block not found in chain") }
                // A proof for a tree of another size could take an inner node for a transaction.
                return known.transactionCount == tree.count ? .array(matched.map { .text(TransactionID($0)) }) : []
            }
        },
    ]

    private static func duplicate(_ ids: [TransactionID]) -> TransactionID {
        var seen: Set<TransactionID> = []
        return ids.first { !seen.insert($0).inserted }!
    }
}
