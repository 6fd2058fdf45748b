import BitcoinLedger
import BitcoinPrimitives
import CryptoPrimitives

extension RPCMethod {
    static let mempool: [RPCMethod] = [
        RPCMethod("getmempoolinfo", "blockchain", "The state of the mempool.") { _, context in
            await context.chain.read { ledger, now in
                let pool = ledger.mempool
                return [
                    "loaded": true, "size": .integer(pool.entries.count), "bytes": .integer(pool.size),
                    "usage": .integer(pool.usage), "total_fee": .amount(pool.totalFees),
                    "maxmempool": .integer(ledger.policy.maximumMempoolUsage),
                    "mempoolminfee": .rate(ledger.minimumFeeRate(now: now)),
                    "minrelaytxfee": .rate(ledger.policy.minimumRelayFeeRate),
                    "incrementalrelayfee": .rate(ledger.policy.incrementalRelayFeeRate), "unbroadcastcount": 0,
                    "fullrbf": true, "permitbaremultisig": true,
                    "maxdatacarriersize": .integer(ledger.policy.maximumDataCarrierSize),
                ]
            }
        },
        RPCMethod("getrawmempool", ["verbose", "mempool_sequence"], "blockchain", "The transactions of the mempool.") {
            arguments, context in
            let isVerbose = try arguments.bool(0, default: false)
            let withSequence = try arguments.bool(1, default: false)
            if isVerbose && withSequence {
                throw RPCFailure.parameter("Verbose results cannot contain mempool sequence values.")
            }
            return await context.chain.read { ledger, _ in
                let entries = ledger.mempool.ordered
                if isVerbose {
                    return .object(
                        entries.map { RPCValue.Member(name: $0.id.description, value: ledger.rpcMempoolEntry($0)) })
                }
                let ids = RPCValue.array(entries.map { .text($0.id) })
                guard withSequence else { return ids }
                return ["txids": ids, "mempool_sequence": .integer(Int64(ledger.mempool.sequence))]
            }
        },
        RPCMethod("getmempoolentry", ["txid"], required: 1, "blockchain", "One transaction of the mempool.") {
            arguments, context in
            let id = try arguments.identifier(0, TransactionID.self)
            return try await context.chain.read { ledger, _ in
                ledger.rpcMempoolEntry(try entry(id, ledger))
            }
        },
        RPCMethod("getmempoolancestors", ["txid", "verbose"], required: 1, "blockchain", "What a transaction of the mempool depends on.") {
            arguments, context in
            try await family(arguments, context) { $0.ancestors(of: [$1]) }
        },
        RPCMethod("getmempooldescendants", ["txid", "verbose"], required: 1, "blockchain", "What depends on a transaction of the mempool.")
        {
            arguments, context in
            try await family(arguments, context) { $0.descendants(of: [$1]) }
        },
        RPCMethod(
            "gettxspendingprevout", ["outputs", "options"], required: 1, "blockchain",
            "Which transactions spend these outputs: of the mempool, and with {\"mempool_only\": false} of blocks too."
        ) { arguments, context in
            var outPoints: [OutPoint] = []
            for output in try arguments.array(0) {
                guard let text = output["txid"]?.string, let index = output["vout"]?.integer else {
                    throw RPCFailure.type("Missing txid or vout")
                }
                guard let position = UInt32(exactly: index) else {
                    throw RPCFailure.parameter("Invalid parameter, vout cannot be negative")
                }
                outPoints.append(OutPoint(try RPCArguments.identifier(text, named: "txid"), position))
            }
            if outPoints.isEmpty { throw RPCFailure.parameter("Invalid parameter, outputs are missing") }
            // As of Bitcoin Core 31 with its index of spenders; without the option it is 30's answer.
            let isMempoolOnly = arguments[1]?["mempool_only"]?.bool ?? true
            let showsTransaction = arguments[1]?["return_spending_tx"]?.bool ?? false
            var answers: [RPCValue] = []
            for outPoint in outPoints {
                var value: RPCValue = ["txid": .text(outPoint.transaction), "vout": .integer(Int64(outPoint.index))]
                if let spender = await context.chain.spender(of: outPoint, inBlocks: !isMempoolOnly) {
                    value.append("spendingtxid", .text(spender.transaction.id))
                    if showsTransaction { value.append("spendingtx", .string(Hex.encode(spender.transaction.serialized()))) }
                    value.append("blockhash", spender.block.map { .text($0) })
                }
                answers.append(value)
            }
            return .array(answers)
        },
        RPCMethod("savemempool", "blockchain", "The mempool is on disk all the time.") { _, _ in [:] },
        RPCMethod(
            "estimatesmartfee", ["conf_target", "estimate_mode"], required: 1, "util",
            "What to pay to be mined within a number of blocks; it always has an answer."
        ) { arguments, context in
            let target = try arguments.integer(0)
            guard (1...1008).contains(target) else {
                throw RPCFailure.parameter("Invalid conf_target, must be between 1 and 1008")
            }
            let mode = try arguments.optionalString(1)?.lowercased() ?? "economical"
            guard ["unset", "economical", "conservative"].contains(mode) else {
                throw RPCFailure.parameter("Invalid estimate_mode parameter, must be one of: \"unset\", \"economical\", \"conservative\"")
            }
            return await context.chain.read { ledger, now in
                let estimate = ledger.estimateFee(target: target, now: now)
                return ["feerate": .rate(estimate.rate), "blocks": .integer(estimate.blocks)]
            }
        },
    ]

    private static func entry(_ id: TransactionID, _ ledger: Ledger) throws(RPCFailure) -> Mempool.Entry {
        guard let entry = ledger.mempool.entries[id] else { throw .notFound("Transaction not in mempool") }
        return entry
    }

    private static func family(
        _ arguments: RPCArguments, _ context: RPCContext,
        _ find: @escaping @Sendable (Mempool, TransactionID) -> [TransactionID]
    ) async throws -> RPCValue {
        let id = try arguments.identifier(0, TransactionID.self)
        let isVerbose = try arguments.bool(1, default: false)
        return try await context.chain.read { ledger, _ in
            _ = try entry(id, ledger)
            let ids = find(ledger.mempool, id).filter { $0 != id }
            guard isVerbose else { return .array(ids.map { .text($0) }) }
            return .object(
                ids.map { id in
                    RPCValue.Member(name: id.description, value: ledger.rpcMempoolEntry(ledger.mempool.entries[id]!))
                })
        }
    }
}
