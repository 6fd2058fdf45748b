import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives

// How transactions, blocks and scripts look in JSON: names, order and formats are Bitcoin Core 30's.

extension Script {
    /// The object that stands for an output's script.
    var rpcValue: RPCValue { rpcValue(descriptor: nil) }

    /// - Parameter descriptor: where more is known of it than the script itself tells.
    func rpcValue(descriptor: String?) -> RPCValue {
        let form = ScriptForm(self)
        var value: RPCValue = [
            "asm": .string(ScriptText.describe(self)), "desc": .string(descriptor ?? OutputDescriptor.infer(self)),
            "hex": .text(self),
        ]
        value.append("address", Address(script: self, network: .regtest).map { .text($0) })
        value.append("type", .string(form.rawValue))
        return value
    }
}

extension Transaction {
    /// - Parameters:
    ///   - spent: the coins its inputs spend, for the fee and the previous outputs.
    ///   - withHex: whether the serialization comes along.
    func rpcValue(spent: [Coin]? = nil, showsPrevious: Bool = false, withHex: Bool = true) -> RPCValue {
        var value: RPCValue = [
            "txid": .text(id), "hash": .string(witnessID.reversed.hex), "version": .integer(Int64(version)),
            "size": .integer(totalSize), "vsize": .integer(virtualSize), "weight": .integer(weight),
            "locktime": .integer(Int64(lockTime)),
            "vin": .array(inputs.indices.map { input($0, spent: showsPrevious ? spent?[$0] : nil) }),
            "vout": .array(
                outputs.enumerated().map { position, output in
                    ["value": .amount(output.amount), "n": .integer(position), "scriptPubKey": output.script.rpcValue]
                }),
        ]
        if let spent, !isCoinbase, let total = spent.map(\.output.amount).checkedSum(),
            let fee = outputs.map(\.amount).checkedSum().flatMap({ total.subtracting($0) })
        {
            value.append("fee", .amount(fee))
        }
        if withHex { value.append("hex", .string(Hex.encode(serialized()))) }
        return value
    }

    private func input(_ position: Int, spent: Coin?) -> RPCValue {
        let input = inputs[position]
        var value: RPCValue
        if isCoinbase {
            value = ["coinbase": .text(input.signatureScript)]
        } else {
            value = [
                "txid": .text(input.previousOutput.transaction), "vout": .integer(Int64(input.previousOutput.index)),
                "scriptSig": [
                    "asm": .string(ScriptText.describe(input.signatureScript, decodesSignatures: true)),
                    "hex": .text(input.signatureScript),
                ],
            ]
        }
        if !input.witness.isEmpty {
            value.append("txinwitness", .array(input.witness.map { .string(Hex.encode($0)) }))
        }
        if let spent {
            value.append(
                "prevout",
                [
                    "generated": .bool(spent.isCoinbase), "height": .height(spent.height),
                    "value": .amount(spent.output.amount), "scriptPubKey": spent.output.script.rpcValue,
                ])
        }
        value.append("sequence", .integer(Int64(input.sequence)))
        return value
    }
}

/// What regtest's only difficulty comes to.
enum Work {
    static let bits = "207fffff"
    static let target = "7fffff" + String(repeating: "0", count: 58)
    static let difficulty = RPCValue.number("4.656542373906925e-10")

    /// The work of a chain of this height: two for each block.
    static func chain(height: BlockHeight) -> String {
        let digits = String((height.value + 1) * 2, radix: 16)
        return String(repeating: "0", count: 64 - digits.count) + digits
    }
}

extension Ledger {
    func rpcHeader(_ hash: BlockHash) -> RPCValue? {
        guard let known = header(hash) else { return nil }
        let header = known.header
        var value: RPCValue = [
            "hash": .text(hash), "confirmations": .integer(known.isActive ? known.height.depth(at: height) : -1),
            "height": .height(known.height), "version": .integer(Int64(Int32(bitPattern: header.version))),
            "versionHex": .string(Hex.encode(withUnsafeBytes(of: header.version.bigEndian) { Array($0) })),
            "merkleroot": .string(header.merkleRoot.reversed.hex), "time": .integer(Int64(header.time)),
            "mediantime": .integer(Int64(medianTimePast(endingAt: hash))), "nonce": .integer(Int64(header.nonce)),
            "bits": .string(Work.bits), "target": .string(Work.target), "difficulty": Work.difficulty,
            "chainwork": .string(Work.chain(height: known.height)), "nTx": .integer(known.transactionCount),
        ]
        if known.height > 0 { value.append("previousblockhash", .text(header.previous)) }
        if known.isActive { value.append("nextblockhash", blockHash(height: known.height + 1).map { .text($0) }) }
        return value
    }

    /// - Parameter verbosity: 1 lists ids, 2 describes transactions with their fees, 3 also what they spend.
    func rpcBlock(_ hash: BlockHash, _ block: Block, verbosity: Int) -> RPCValue? {
        guard var value = rpcHeader(hash) else { return nil }
        let stripped = block.transactions.reduce(80 + ByteWriter.compactSizeLength(block.transactions.count)) {
            $0 + $1.strippedSize
        }
        value.append("strippedsize", .integer(stripped))
        value.append("size", .integer(block.weight - 3 * stripped))
        value.append("weight", .integer(block.weight))
        if verbosity <= 1 {
            value.append("tx", .array(block.transactions.map { .text($0.id) }))
        } else {
            var spent = spentCoins(hash)?[...]
            let list = block.transactions.map { transaction -> RPCValue in
                guard !transaction.isCoinbase, let coins = spent else { return transaction.rpcValue() }
                let own = Array(coins.prefix(transaction.inputs.count))
                spent = coins.dropFirst(transaction.inputs.count)
                return transaction.rpcValue(spent: own, showsPrevious: verbosity >= 3)
            }
            value.append("tx", .array(list))
        }
        return value
    }

    func rpcMempoolEntry(_ entry: Mempool.Entry) -> RPCValue {
        let signals = mempool.ancestors(of: [entry.id]).contains { id in
            mempool.entries[id]!.transaction.inputs.contains { $0.sequence < 0xffff_fffe }
        }
        return [
            "vsize": .integer(entry.size), "weight": .integer(entry.weight), "time": .integer(Int64(entry.time)),
            "height": .height(entry.height), "descendantcount": .integer(entry.descendants.count),
            "descendantsize": .integer(entry.descendants.size), "ancestorcount": .integer(entry.ancestors.count),
            "ancestorsize": .integer(entry.ancestors.size), "wtxid": .string(entry.witnessID.reversed.hex),
            "fees": [
                "base": .amount(entry.fee), "modified": .amount(entry.modifiedFee), "ancestor": .amount(entry.ancestors.fees),
                "descendant": .amount(entry.descendants.fees),
            ],
            "depends": .array(entry.parents.sorted().map { .text($0) }),
            "spentby": .array(entry.children.sorted().map { .text($0) }),
            "bip125-replaceable": .bool(signals), "unbroadcast": false,
        ]
    }
}

/// Rates in satoshi for each 1000 virtual bytes, as bitcoin.
extension RPCValue {
    static func rate(_ rate: UInt64) -> RPCValue { .amount(Satoshi(rate)) }
}
