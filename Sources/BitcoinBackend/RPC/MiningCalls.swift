import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives

extension RPCMethod {
    static let mining: [RPCMethod] = [
        RPCMethod("generatetoaddress", ["nblocks", "address", "maxtries"], required: 2, "hidden", "Mines blocks at once.") {
            arguments, context in
            let count = try arguments.integer(0)
            guard let address = Address(try arguments.string(1), network: .regtest) else {
                throw RPCFailure.notFound("Error: Invalid address")
            }
            return try await mine(count, paying: address.script, context)
        },
        RPCMethod("generatetodescriptor", ["num_blocks", "descriptor", "maxtries"], required: 2, "hidden", "Mines blocks at once.") {
            arguments, context in
            let count = try arguments.integer(0)
            return try await mine(count, paying: try OutputDescriptor.parse(try arguments.string(1))[0], context)
        },
        RPCMethod(
            "generateblock", ["output", "transactions", "submit"], required: 2, "hidden",
            "Mines a block with exactly these transactions: ids of the mempool, or raw."
        ) { arguments, context in
            let target = try arguments.string(0)
            let script: Script
            if let address = Address(target, network: .regtest) {
                script = address.script
            } else {
                do { script = try OutputDescriptor.parse(target)[0] } catch {
                    throw RPCFailure.notFound("Error: Invalid address or descriptor")
                }
            }
            let list = try arguments.array(1).map { $0.string ?? "" }
            let submits = try arguments.bool(2, default: true)
            let transactions = try await context.chain.read { ledger, _ in
                try list.map { text throws(RPCFailure) -> Transaction in
                    if text.utf8.count == 64, let id = TransactionID(display: text) {
                        guard let entry = ledger.mempool.entries[id] else {
                            throw .notFound("Transaction \(text) not in mempool.")
                        }
                        return entry.transaction
                    }
                    guard let bytes = Hex.decode(text), let transaction = try? Transaction(bytes) else {
                        throw .deserialization("Transaction decode failed for \(text). Make sure the tx has at least one input.")
                    }
                    return transaction
                }
            }
            let block: Block
            do throws(ChainFailure) {
                block =
                    submits
                    ? try await context.chain.mine(including: transactions, paying: script)
                    : try await context.chain.propose(including: transactions, paying: script)
            } catch {
                guard case .refused(let reason) = error else { throw error }
                throw RPCFailure.verify("TestBlockValidity failed: \(reason)")
            }
            if submits { return ["hash": .text(block.hash)] }
            return ["hash": .text(block.hash), "hex": .string(Hex.encode(block.serialized()))]
        },
        RPCMethod("submitblock", ["hexdata", "dummy"], required: 1, "mining", "Takes a block; null if it was good.") {
            arguments, context in
            guard let bytes = Hex.decode(try arguments.string(0)), var block = try? Block(bytes) else {
                throw RPCFailure.deserialization("Block decode failed")
            }
            // As Bitcoin Core: a miner may leave out the coinbase's witness, which can only be one.
            if block.witnessCommitment != nil, block.transactions[0].inputs.first?.witness.isEmpty == true {
                block.transactions[0].inputs[0].witness = [[UInt8](repeating: 0, count: 32)]
            }
            let former = await context.chain.tip().hash
            do throws(ChainFailure) { try await context.chain.submit(block) } catch {
                guard case .refused(let reason) = error else { throw error }
                return .string(reason)
            }
            // Stored, but on no better branch than the active one.
            let tip = await context.chain.tip().hash
            return tip == former && tip != block.hash ? "inconclusive" : .null
        },
        RPCMethod("getblocktemplate", ["template_request"], required: 1, "mining", "What a miner needs for the next block.") {
            arguments, context in
            let request = arguments[0] ?? [:]
            if let mode = request["mode"]?.string, mode != "template" { throw RPCFailure.parameter("Invalid mode") }
            guard request["rules"]?.array?.contains("segwit") == true else {
                throw RPCFailure.parameter(
                    "getblocktemplate must be called with the segwit rule set (call with {\"rules\": [\"segwit\"]})")
            }
            return await context.chain.read { ledger, now in template(ledger, now) }
        },
        RPCMethod(
            "prioritisetransaction", ["txid", "dummy", "fee_delta"], required: 1, "mining",
            "Counts a transaction as paying so many satoshi more, or less, until it is mined."
        ) { arguments, context in
            let id = try arguments.identifier(0, TransactionID.self)
            // Once a priority; what is left of it is that it must be nothing. The place of the fee may not be left out for it.
            if let dummy = arguments[1], dummy.integer != 0 {
                throw RPCFailure.parameter("Priority is no longer supported, dummy argument to prioritisetransaction must be 0.")
            }
            let delta = Int64(try arguments.integer(2))
            guard await context.chain.prioritise(id, by: delta) else { throw RPCFailure.parameter("fee_delta is out of range") }
            return true
        },
        RPCMethod("getprioritisedtransactions", "mining", "Transactions that are counted as paying more or less than they do.") {
            _, context in
            await context.chain.read { ledger, _ in
                .object(
                    ledger.mempool.feeDeltas.sorted { $0.key < $1.key }.map { id, delta in
                        let entry = ledger.mempool.entries[id]
                        var value: RPCValue = ["fee_delta": .integer(delta), "in_mempool": .bool(entry != nil)]
                        if let entry { value.append("modified_fee", .integer(Int64(entry.modifiedFee.value))) }
                        return RPCValue.Member(name: id.description, value: value)
                    })
            }
        },
        RPCMethod("getmininginfo", "mining", "What is known about mining.") { _, context in
            await context.chain.read { ledger, _ in
                [
                    "blocks": .height(ledger.height), "bits": .string(Work.bits), "difficulty": Work.difficulty,
                    "target": .string(Work.target), "networkhashps": 0, "pooledtx": .integer(ledger.mempool.entries.count),
                    "blockmintxfee": .rate(ledger.policy.minimumBlockFeeRate), "chain": "regtest",
                    "next": [
                        "height": .height(ledger.height + 1), "bits": .string(Work.bits), "difficulty": Work.difficulty,
                        "target": .string(Work.target),
                    ],
                    "warnings": [],
                ]
            }
        },
    ]

    /// Mines some blocks at a time, so that other calls have their turn in between.
    private static func mine(_ count: Int, paying script: Script, _ context: RPCContext) async throws -> RPCValue {
        guard (0...100_000).contains(count) else {
            throw RPCFailure.parameter("Too many blocks at once: 100000 at most, and not less than none")
        }
        var hashes: [RPCValue] = []
        while hashes.count < count {
            hashes += try await context.chain.mine(min(50, count - hashes.count), paying: script).map { .text($0) }
        }
        return .array(hashes)
    }

    private static func template(_ ledger: Ledger, _ now: UInt32) -> RPCValue {
        let block = ledger.template(paying: .anchor, now: now)
        let others = Array(block.transactions.dropFirst())
        let places = Dictionary(others.enumerated().map { ($1.id, $0 + 1) }, uniquingKeysWith: { first, _ in first })
        let transactions = others.map { transaction -> RPCValue in
            let entry = ledger.mempool.entries[transaction.id]!
            let depends = entry.parents.compactMap { places[$0] }.sorted()
            return [
                "data": .string(Hex.encode(transaction.serialized())), "txid": .text(entry.id),
                "hash": .string(entry.witnessID.reversed.hex), "depends": .array(depends.map { .integer($0) }),
                "fee": .integer(Int64(entry.fee.value)), "sigops": .integer(entry.signatureOperationCost),
                "weight": .integer(entry.weight),
            ]
        }
        let commitment = block.transactions[0].outputs.last!.script
        return [
            "capabilities": [], "version": .integer(Int64(block.header.version)),
            "rules": ["csv", "!segwit", "taproot"], "vbavailable": [:], "vbrequired": 0,
            "previousblockhash": .text(ledger.tip), "transactions": .array(transactions), "coinbaseaux": [:],
            "coinbasevalue": .integer(Int64(block.transactions[0].outputs[0].amount.value)),
            "longpollid": .string("\(ledger.tip)\(ledger.mempool.sequence)"), "target": .string(Work.target),
            "mintime": .integer(Int64(ledger.medianTimePast(height: ledger.height)) + 1),
            "mutable": ["time", "transactions", "prevblock"], "noncerange": "00000000ffffffff",
            "sigoplimit": .integer(Ledger.maximumSignatureOperationCost), "sizelimit": 4_000_000,
            "weightlimit": .integer(Ledger.maximumBlockWeight), "curtime": .integer(Int64(block.header.time)),
            "bits": .string(Work.bits), "height": .height(ledger.height + 1),
            "default_witness_commitment": .text(commitment),
        ]
    }
}
