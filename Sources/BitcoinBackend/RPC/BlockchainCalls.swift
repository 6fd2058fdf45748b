import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives

extension RPCMethod {
    static let blockchain: [RPCMethod] = [
        RPCMethod("getbestblockhash", "blockchain", "The hash of the active chain's last block.") { _, context in
            .text(await context.chain.tip().hash)
        },
        RPCMethod("getblockcount", "blockchain", "The height of the active chain's last block.") { _, context in
            .height(await context.chain.tip().height)
        },
        RPCMethod("getblockhash", ["height"], required: 1, "blockchain", "The hash of the active chain's block at a height.") {
            arguments, context in
            guard let hash = await context.chain.blockHash(height: BlockHeight(try arguments.integer(0))) else {
                throw RPCFailure.parameter("Block height out of range")
            }
            return .text(hash)
        },
        RPCMethod("getblockchaininfo", "blockchain", "The state of the chain.") { _, context in
            await context.chain.read { ledger, _ in
                let tip = ledger.header(ledger.tip)!
                return [
                    "chain": "regtest", "blocks": .height(ledger.height), "headers": .height(ledger.height),
                    "bestblockhash": .text(ledger.tip), "bits": .string(Work.bits), "target": .string(Work.target),
                    "difficulty": Work.difficulty, "time": .integer(Int64(tip.header.time)),
                    "mediantime": .integer(Int64(ledger.medianTimePast(height: ledger.height))),
                    "verificationprogress": 1, "initialblockdownload": false,
                    "chainwork": .string(Work.chain(height: ledger.height)), "size_on_disk": 0, "pruned": false,
                    "warnings": [],
                ]
            }
        },
        RPCMethod("getblockheader", ["blockhash", "verbose"], required: 1, "blockchain", "A block's header.") {
            arguments, context in
            let hash = try arguments.identifier(0, BlockHash.self)
            let isVerbose = try arguments.bool(1, default: true)
            return try await context.chain.read { ledger, _ in
                guard let value = ledger.rpcHeader(hash), let known = ledger.header(hash) else {
                    throw RPCFailure.notFound("Block not found")
                }
                guard !isVerbose else { return value }
                var writer = ByteWriter(capacity: 80)
                known.header.encode(to: &writer)
                return .string(Hex.encode(writer.bytes))
            }
        },
        RPCMethod(
            "getblock", ["blockhash", "verbosity|verbose"], required: 1, "blockchain",
            "A block: 0 as bytes, 1 with its transactions' ids, 2 with the transactions, 3 with what they spend."
        ) { arguments, context in
            let hash = try arguments.identifier(0, BlockHash.self)
            let verbosity = try arguments.verbosity(1, default: 1)
            return try await context.chain.read { ledger, _ in
                guard ledger.header(hash) != nil else { throw RPCFailure.notFound("Block not found") }
                guard let block = ledger.block(hash) else { throw RPCFailure.misc("Block not available (not fully downloaded)") }
                if verbosity <= 0 { return .string(Hex.encode(block.serialized())) }
                return ledger.rpcBlock(hash, block, verbosity: verbosity)!
            }
        },
        RPCMethod(
            "getblockstats", ["hash_or_height", "stats"], required: 1, "blockchain", "Figures about a block of the active chain."
        ) { arguments, context in
            let wanted = arguments[1] == nil ? nil : try arguments.array(1).compactMap(\.string)
            let place = arguments[0]!
            return try await context.chain.read { ledger, _ in
                let hash: BlockHash
                if let height = place.integer {
                    guard height >= 0 else { throw RPCFailure.parameter("Target block height \(height) is negative") }
                    guard let found = ledger.blockHash(height: BlockHeight(Int(height))) else {
                        throw RPCFailure.parameter("Target block height \(height) after current tip \(ledger.height)")
                    }
                    hash = found
                } else {
                    hash = try RPCArguments.identifier(place.string ?? "", named: "hash_or_height")
                }
                guard ledger.header(hash) != nil else { throw RPCFailure.notFound("Block not found") }
                guard let stats = BlockFigures(hash, in: ledger) else {
                    throw RPCFailure.parameter("Block is not in chain regtest")
                }
                guard let wanted else { return stats.value }
                return try Set(wanted).sorted().reduce(into: [:] as RPCValue) { result, name in
                    guard let value = stats.value[name] else {
                        throw RPCFailure.parameter("Invalid selected statistic '\(name)'")
                    }
                    result.append(name, value)
                }
            }
        },
        RPCMethod("getchaintips", "blockchain", "The last blocks of all branches.") { _, context in
            await context.chain.read { ledger, _ in
                .array(
                    ledger.branchTips().map { hash in
                        let known = ledger.header(hash)!
                        return [
                            "height": .height(known.height), "hash": .text(hash),
                            "branchlen": .integer(ledger.branchLength(hash)),
                            "status": known.isActive ? "active" : known.isInvalid ? "invalid" : "valid-fork",
                        ]
                    })
            }
        },
        RPCMethod(
            "getchaintxstats", ["nblocks", "blockhash"], "blockchain", "How many transactions there are, and came in a window of blocks."
        ) {
            arguments, context in
            let count = try arguments.optionalInteger(0)
            let asked = arguments[1] == nil ? nil : try arguments.identifier(1, BlockHash.self)
            return try await context.chain.read { ledger, _ in
                let hash = asked ?? ledger.tip
                guard let last = ledger.header(hash) else { throw RPCFailure.notFound("Block not found") }
                guard last.isActive else { throw RPCFailure.parameter("Block is not in main chain") }
                // A month of blocks.
                let window = count ?? max(0, min(4320, last.height.value - 1))
                guard window >= 0, window == 0 || window < last.height.value else {
                    throw RPCFailure.parameter("Invalid block count: should be between 0 and the block's height - 1")
                }
                func transactions(_ heights: ClosedRange<BlockHeight>) -> Int {
                    heights.reduce(0) { $0 + (ledger.blockHash(height: $1).flatMap { ledger.header($0) }?.transactionCount ?? 0) }
                }
                var value: RPCValue = [
                    "time": .integer(Int64(last.header.time)), "txcount": .integer(transactions(0...last.height)),
                    "window_final_block_hash": .text(hash), "window_final_block_height": .height(last.height),
                    "window_block_count": .integer(window),
                ]
                guard window > 0 else { return value }
                let first = last.height - window
                let interval = ledger.medianTimePast(height: last.height) - ledger.medianTimePast(height: first)
                let number = transactions(first + 1...last.height)
                value.append("window_interval", .integer(Int64(interval)))
                value.append("window_tx_count", .integer(number))
                if interval > 0 { value.append("txrate", .double(Double(number) / Double(interval))) }
                return value
            }
        },
        RPCMethod("getdifficulty", "blockchain", "Regtest has one difficulty.") { _, _ in Work.difficulty },
        RPCMethod("getdeploymentinfo", ["blockhash"], "blockchain", "The soft forks; all of them are active.") {
            arguments, context in
            let asked = arguments[0] == nil ? nil : try arguments.identifier(0, BlockHash.self)
            return try await context.chain.read { ledger, _ in
                let hash = asked ?? ledger.tip
                guard let known = ledger.header(hash) else { throw RPCFailure.notFound("Block not found") }
                var deployments: RPCValue = [:]
                for (name, height) in [("bip34", 1), ("bip66", 1), ("bip65", 1), ("csv", 1), ("segwit", 0), ("taproot", 0)] {
                    deployments.append(name, ["type": "buried", "active": true, "height": .integer(height)])
                }
                return ["hash": .text(hash), "height": .height(known.height), "deployments": deployments]
            }
        },
        RPCMethod("gettxout", ["txid", "n", "include_mempool"], required: 2, "blockchain", "An unspent output; null if there is none.") {
            arguments, context in
            let id = try arguments.identifier(0, TransactionID.self)
            let index = try arguments.integer(1)
            let withMempool = try arguments.bool(2, default: true)
            guard let position = UInt32(exactly: index) else { throw RPCFailure.misc("JSON integer out of range") }
            return await context.chain.read { ledger, _ in
                let outPoint = OutPoint(id, position)
                var found: (output: TransactionOutput, confirmations: Int, isCoinbase: Bool)?
                if let coin = ledger.coin(outPoint) {
                    found = (coin.output, coin.height.depth(at: ledger.height), coin.isCoinbase)
                } else if withMempool, let entry = ledger.mempool.entries[id], index < entry.transaction.outputs.count {
                    found = (entry.transaction.outputs[index], 0, false)
                }
                guard let found, !(withMempool && ledger.mempool.spender(of: outPoint) != nil) else { return .null }
                return [
                    "bestblock": .text(ledger.tip), "confirmations": .integer(found.confirmations),
                    "value": .amount(found.output.amount), "scriptPubKey": found.output.script.rpcValue,
                    "coinbase": .bool(found.isCoinbase),
                ]
            }
        },
        RPCMethod("gettxoutsetinfo", ["hash_type"], "blockchain", "The number and the sum of all unspent outputs.") {
            _, context in
            await context.chain.read { ledger, _ in
                var count = 0
                var total = Satoshi.zero
                var transactions: Set<TransactionID> = []
                ledger.forEachCoin { outPoint, coin in
                    count += 1
                    total += coin.output.amount
                    transactions.insert(outPoint.transaction)
                }
                return [
                    "height": .height(ledger.height), "bestblock": .text(ledger.tip), "txouts": .integer(count),
                    "transactions": .integer(transactions.count), "total_amount": .amount(total),
                ]
            }
        },
        RPCMethod(
            "scantxoutset", ["action", "scanobjects"], required: 1, "blockchain",
            "Looks for unspent outputs of descriptors; the action is start, status or abort."
        ) { arguments, context in
            switch try arguments.string(0) {
            case "status": return .null
            case "abort": return false
            case "start": break
            default: throw RPCFailure.parameter("Invalid action '\(try arguments.string(0))'")
            }
            guard arguments[1] != nil else { throw RPCFailure.misc("scanobjects argument is required for the start action") }
            var wanted: [Script: String] = [:]
            for object in try arguments.array(1) {
                let text = object.string ?? object["desc"]?.string
                guard let text else { throw RPCFailure.parameter("Scan object needs to be either a string or an object") }
                for script in try OutputDescriptor.parse(text) { wanted[script] = OutputDescriptor.infer(script) }
            }
            return await context.chain.read { [wanted] ledger, _ in
                var count = 0
                var total = Satoshi.zero
                var found: [(OutPoint, Coin)] = []
                ledger.forEachCoin { outPoint, coin in
                    count += 1
                    if wanted[coin.output.script] != nil {
                        found.append((outPoint, coin))
                        total += coin.output.amount
                    }
                }
                found.sort { $0.0 < $1.0 }
                let unspents = found.map { outPoint, coin -> RPCValue in
                    [
                        "txid": .text(outPoint.transaction), "vout": .integer(Int64(outPoint.index)),
                        "scriptPubKey": .text(coin.output.script), "desc": .string(wanted[coin.output.script]!),
                        "amount": .amount(coin.output.amount), "coinbase": .bool(coin.isCoinbase),
                        "height": .height(coin.height),
                        "blockhash": ledger.blockHash(height: coin.height).map { .text($0) } ?? .null,
                        "confirmations": .integer(coin.height.depth(at: ledger.height)),
                    ]
                }
                return [
                    "success": true, "txouts": .integer(count), "height": .height(ledger.height),
                    "bestblock": .text(ledger.tip), "unspents": .array(unspents), "total_amount": .amount(total),
                ]
            }
        },
        RPCMethod("invalidateblock", ["blockhash"], required: 1, "blockchain", "Declares a block invalid, with all built on it.") {
            arguments, context in
            try await judge(try arguments.identifier(0, BlockHash.self), isValid: false, context)
        },
        RPCMethod("reconsiderblock", ["blockhash"], required: 1, "blockchain", "Takes back what invalidateblock said.") {
            arguments, context in
            try await judge(try arguments.identifier(0, BlockHash.self), isValid: true, context)
        },
        RPCMethod("getblockfilter", ["blockhash", "filtertype"], required: 1, "blockchain", "BIP 158's filter of a block.") {
            arguments, context in
            let hash = try arguments.identifier(0, BlockHash.self)
            guard try arguments.optionalString(1) ?? "basic" == "basic" else { throw RPCFailure.notFound("Unknown filtertype") }
            guard await context.chain.read({ ledger, _ in ledger.header(hash) != nil }) else {
                throw RPCFailure.notFound("Block not found")
            }
            guard let (filter, header) = await context.chain.blockFilter(hash) else {
                throw RPCFailure.misc("Filter not found. Block was not connected to active chain.")
            }
            return ["filter": .string(Hex.encode(filter.bytes)), "header": .string(header.reversed.hex)]
        },
        RPCMethod("verifychain", ["checklevel", "nblocks"], "blockchain", "Whether the last blocks can be read and undone.") {
            arguments, context in
            let count = try arguments.optionalInteger(1) ?? 6
            return await context.chain.read { ledger, _ in
                let lowest = count <= 0 ? 0 : max(0, ledger.height - count)
                return .bool(
                    (lowest...ledger.height).allSatisfy { height in
                        let hash = ledger.blockHash(height: height)!
                        return ledger.block(hash)?.hash == hash && ledger.blockFees(hash) != nil
                    })
            }
        },
    ]

    private static func judge(_ hash: BlockHash, isValid: Bool, _ context: RPCContext) async throws -> RPCValue {
        guard await context.chain.read({ ledger, _ in ledger.header(hash) != nil }) else {
            throw RPCFailure.notFound("Block not found")
        }
        do throws(ChainFailure) {
            if isValid { try await context.chain.reconsider(hash) } else { try await context.chain.invalidate(hash) }
        } catch {
            throw RPCFailure.database(error.reason)
        }
        return .null
    }
}

/// The figures of getblockstats.
private struct BlockFigures {
    let value: RPCValue

    init?(_ hash: BlockHash, in ledger: Ledger) {
        guard let known = ledger.header(hash), known.isActive, let block = ledger.block(hash),
            let spent = ledger.spentCoins(hash), let fees = ledger.blockFees(hash)
        else { return nil }
        let others = block.transactions.dropFirst()
        let payments = fees.payments
        let count = UInt64(max(payments.count, 1))
        let totalFee = payments.reduce(0) { $0 + $1.fee.value }
        let totalWeight = payments.reduce(0) { $0 + $1.weight }
        let sizes = others.map(\.totalSize)
        let totalSize = sizes.reduce(0, +)
        let rates = payments.map { $0.fee.value * 4 / UInt64($0.weight) }
        let segwit = others.filter(\.hasWitness)
        let outputs = block.transactions.reduce(0) { $0 + $1.outputs.count }
        let totalOut = others.reduce(Satoshi.zero) { $0 + ($1.outputs.map(\.amount).checkedSum() ?? .zero) }
        // What an unspent output takes beside itself, as Bitcoin Core counts it: its outpoint, height and mark.
        func cost(_ output: TransactionOutput) -> Int { 8 + ByteWriter.variableLength(output.script.bytes) + 41 }
        let kept = block.transactions.flatMap(\.outputs).filter { !$0.script.isUnspendable }
        let created = block.transactions.flatMap(\.outputs).reduce(0) { $0 + cost($1) }
        let createdActual = kept.reduce(0) { $0 + cost($1) }
        let destroyed = spent.reduce(0) { $0 + cost($1.output) }
        func median(_ values: [UInt64]) -> UInt64 {
            let sorted = values.sorted()
            guard !sorted.isEmpty else { return 0 }
            let middle = sorted.count / 2
            return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
        }
        func number(_ value: UInt64) -> RPCValue { .integer(Int64(value)) }
        let isFirst = known.height == 0
        value = [
            "avgfee": number(totalFee / count), "avgfeerate": number(totalWeight > 0 ? totalFee * 4 / UInt64(totalWeight) : 0),
            "avgtxsize": number(UInt64(totalSize) / count), "blockhash": .text(hash),
            "feerate_percentiles": .array(fees.percentiles([10, 25, 50, 75, 90]).map { number($0 / 1000) }),
            "height": .height(known.height), "ins": .integer(spent.count),
            "maxfee": number(payments.map(\.fee.value).max() ?? 0), "maxfeerate": number(rates.max() ?? 0),
            "maxtxsize": .integer(sizes.max() ?? 0), "medianfee": number(median(payments.map(\.fee.value))),
            "mediantime": .integer(Int64(ledger.medianTimePast(endingAt: hash))),
            "mediantxsize": number(median(sizes.map { UInt64($0) })), "minfee": number(payments.map(\.fee.value).min() ?? 0),
            "minfeerate": number(rates.min() ?? 0), "mintxsize": .integer(sizes.min() ?? 0), "outs": .integer(outputs),
            "subsidy": number(ledger.parameters.subsidy(height: known.height).value),
            "swtotal_size": .integer(segwit.reduce(0) { $0 + $1.totalSize }),
            "swtotal_weight": .integer(segwit.reduce(0) { $0 + $1.weight }), "swtxs": .integer(segwit.count),
            "time": .integer(Int64(known.header.time)), "total_out": number(totalOut.value),
            "total_size": .integer(totalSize), "total_weight": .integer(totalWeight), "totalfee": number(totalFee),
            "txs": .integer(block.transactions.count), "utxo_increase": .integer(outputs - spent.count),
            "utxo_size_inc": .integer(created - destroyed),
            "utxo_increase_actual": .integer((isFirst ? 0 : kept.count) - spent.count),
            "utxo_size_inc_actual": .integer((isFirst ? 0 : createdActual) - destroyed),
        ]
    }
}
